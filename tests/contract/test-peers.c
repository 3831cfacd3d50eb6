/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an application has of the peers that its host knows: telling and forgetting
 * addresses, the list, and a file that outlives the host. */

#include <glib/gstdio.h>
#include <string.h>

#include "test-host.h"

#include <lp2p/host/lp2p-peer.h>

typedef struct
{
  TestWorld *world;
  char *folder;
  char *path;
  TestHost *a;
  TestHost *b;
} Fixture;

static TestHost *
new_host (Fixture *f, const char *peer_store)
{
  g_autofree char *config = g_strdup_printf ("[host]\ntransports=['memory']\nlisten=['/memory/0']\n"
                                             "services=['identify']\npeer-store='%s'\n",
                                             peer_store);

  return test_host_new (f->world, config);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->world = test_world_new (FALSE);
  f->folder = g_dir_make_tmp ("lp2p-peers-XXXXXX", NULL);
  g_assert_nonnull (f->folder);
  f->path = g_build_filename (f->folder, "peers", NULL);
  f->a = new_host (f, f->path);
  f->b = new_host (f, "");
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_autofree char *lock = g_strconcat (f->path, "-lock", NULL);

  test_host_free (f->a);
  test_host_free (f->b);
  test_world_free (f->world);
  g_remove (f->path);
  g_remove (lock);
  /* Only the file and its lock were left. */
  g_assert_cmpint (g_rmdir (f->folder), ==, 0);
  g_free (f->folder);
  g_free (f->path);
}

static Lp2pPeerId *
peer_of (TestHost *host)
{
  return lp2p_host_get_peer_id (host->host);
}

static Lp2pConnection *
connect_by_id (Fixture *f, TestHost *host, Lp2pPeerId *peer, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  lp2p_host_connect_peer_async (host->host, peer, NULL, NULL, test_take_result, &result);
  test_wait (f->world, result);
  return lp2p_host_connect_peer_finish (host->host, result, error);
}

static void
assert_unknown (Fixture *f, TestHost *host, Lp2pPeerId *peer)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (connect_by_id (f, host, peer, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NO_ADDRESS);
}

static gboolean
has_agent (TestHost *host, TestHost *other)
{
  g_autofree char *agent = lp2p_host_dup_peer_agent (host->host, peer_of (other));

  return agent != NULL;
}

/* An application says where a peer is, and takes it back. */
static void
test_add_and_forget (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GPtrArray) addresses = lp2p_host_dup_listen_addresses (f->b->host);
  g_autoptr (GPtrArray) known = NULL;
  g_autoptr (GError) error = NULL;

  assert_unknown (f, f->a, peer_of (f->b));
  lp2p_host_add_peer_addresses (f->a->host, peer_of (f->b), addresses, 60);
  known = lp2p_host_dup_peer_addresses (f->a->host, peer_of (f->b));
  g_assert_cmpuint (known->len, ==, 1);
  lp2p_host_forget_peer (f->a->host, peer_of (f->b));
  assert_unknown (f, f->a, peer_of (f->b));
  lp2p_host_add_peer_addresses (f->a->host, peer_of (f->b), addresses, 60);
  test_world_jump (f->world, 60 * G_USEC_PER_SEC);
  assert_unknown (f, f->a, peer_of (f->b));
  lp2p_host_add_peer_addresses (f->a->host, peer_of (f->b), addresses, 60);
  connection = connect_by_id (f, f->a, peer_of (f->b), &error);
  g_assert_no_error (error);
}

/* The address that was dialed is remembered, by the next host as well. */
static void
test_survives (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pConnection) connection = test_host_connect (f->a, f->b);
  g_autoptr (GError) error = NULL;

  test_until (f->world, has_agent (f->a, f->b));
  g_clear_object (&connection);
  test_host_close (f->a);
  test_host_free (f->a);
  f->a = new_host (f, f->path);
  g_assert_true (has_agent (f->a, f->b));
  connection = connect_by_id (f, f->a, peer_of (f->b), &error);
  g_assert_no_error (error);
}

/* A host that is dropped without being closed writes all the same. */
static void
test_dropped (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pConnection) connection = test_host_connect (f->a, f->b);

  test_until (f->world, has_agent (f->a, f->b));
  g_clear_object (&connection);
  test_host_free (f->a);
  f->a = new_host (f, f->path);
  g_assert_true (has_agent (f->a, f->b));
}

static void
test_list (Fixture *f, gconstpointer data)
{
  GListModel *peers = lp2p_host_get_peers (f->a->host);
  g_autoptr (GListModel) property = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pPeer) peer = NULL;

  g_object_get (f->a->host, "peers", &property, NULL);
  g_assert_true (property == peers);
  g_assert_true (g_type_is_a (g_list_model_get_item_type (peers), LP2P_TYPE_PEER));
  g_assert_cmpuint (g_list_model_get_n_items (peers), ==, 0);
  connection = test_host_connect (f->a, f->b);
  test_until (f->world, g_list_model_get_n_items (peers) == 1);
  peer = g_list_model_get_item (peers, 0);
  g_assert_true (lp2p_peer_id_equal (lp2p_peer_get_peer_id (peer), peer_of (f->b)));
  test_until (f->world, lp2p_peer_get_connected (peer) && lp2p_peer_get_agent_version (peer) != NULL);
  g_assert_cmpuint (lp2p_peer_get_addresses (peer)->len, ==, 1);

  test_host_close (f->b);
  test_until (f->world, !lp2p_peer_get_connected (peer));
  g_assert_cmpuint (g_list_model_get_n_items (peers), ==, 1);
  lp2p_host_forget_peer (f->a->host, peer_of (f->b));
  test_until (f->world, g_list_model_get_n_items (peers) == 0);
}

/* A peer may be forgotten, and the host dropped, while a list view is told. */
static void
drop_host (GListModel *model, guint position, guint removed, guint added, Fixture *f)
{
  lp2p_host_forget_peer (f->a->host, peer_of (f->b));
  g_signal_handlers_disconnect_by_data (f->a->host, f->a);
  g_clear_object (&f->a->host);
}

static void
test_drop_in_handler (Fixture *f, gconstpointer data)
{
  g_autoptr (GListModel) peers = g_object_ref (lp2p_host_get_peers (f->a->host));
  g_autoptr (GPtrArray) addresses = lp2p_host_dup_listen_addresses (f->b->host);

  g_signal_connect (peers, "items-changed", G_CALLBACK (drop_host), f);
  lp2p_host_add_peer_addresses (f->a->host, peer_of (f->b), addresses, G_MAXINT64);
  test_until (f->world, f->a->host == NULL);
  test_world_settle (f->world);
}

static void
add (const char *name, void (*func) (Fixture *, gconstpointer))
{
  g_autofree char *path = g_strdup_printf ("/peers/%s", name);

  g_test_add (path, Fixture, NULL, set_up, func, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  add ("add-and-forget", test_add_and_forget);
  add ("survives", test_survives);
  add ("dropped", test_dropped);
  add ("list", test_list);
  add ("drop-in-handler", test_drop_in_handler);
  return g_test_run ();
}
