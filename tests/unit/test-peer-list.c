/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The list of peers: what a list view is told, and when. */

#include "peer-store-fixture.h"

#include <lp2p/host/lp2p-peer.h>

#define A "/ip4/192.0.2.1/tcp/1"
#define B "/ip4/192.0.2.2/tcp/2"

static Lp2pPeer *
get_peer (Fixture *f, guint position)
{
  g_autoptr (Lp2pPeer) peer = g_list_model_get_item (lp2p_peer_store_get_list (f->store), position);

  g_assert_true (LP2P_IS_PEER (peer));
  return peer;
}

static guint
get_n_peers (Fixture *f)
{
  return g_list_model_get_n_items (lp2p_peer_store_get_list (f->store));
}

static void
count (gpointer object, gpointer detail, guint *n)
{
  (*n)++;
}

static void
count_items (GListModel *model, guint position, guint removed, guint added, guint *n)
{
  (*n)++;
}

static void
test_changes (Fixture *f, gconstpointer on_disk)
{
  guint n_items = 0, n_addresses = 0, n_agent = 0, n_connected = 0;
  static const char *const protocols[] = { "/test/1", NULL };
  Lp2pPeerInfo info = { .agent_version = "one", .protocol_version = "test/1", .protocols = protocols };
  Lp2pPeer *peer;

  g_signal_connect (lp2p_peer_store_get_list (f->store), "items-changed", G_CALLBACK (count_items), &n_items);
  fixture_tell (f, 0, A);
  /* Not before the run queue has its turn. */
  g_assert_cmpuint (n_items, ==, 0);
  g_assert_cmpuint (get_n_peers (f), ==, 0);
  test_world_settle (f->world);
  g_assert_cmpuint (n_items, ==, 1);
  g_assert_cmpuint (get_n_peers (f), ==, 1);

  peer = get_peer (f, 0);
  g_assert_true (lp2p_peer_id_equal (lp2p_peer_get_peer_id (peer), fixture_id (f, 0)));
  g_assert_cmpuint (lp2p_peer_get_addresses (peer)->len, ==, 1);
  g_assert_null (lp2p_peer_get_agent_version (peer));
  g_assert_null (lp2p_peer_get_protocols (peer));
  g_assert_false (lp2p_peer_get_connected (peer));
  g_signal_connect (peer, "notify::addresses", G_CALLBACK (count), &n_addresses);
  g_signal_connect (peer, "notify::agent-version", G_CALLBACK (count), &n_agent);
  g_signal_connect (peer, "notify::connected", G_CALLBACK (count), &n_connected);

  fixture_tell (f, 0, A);
  lp2p_peer_store_update (f->store, fixture_id (f, 0), &info);
  lp2p_peer_store_note_connected (f->store, fixture_id (f, 0), NULL, TRUE);
  lp2p_peer_store_note_connected (f->store, fixture_id (f, 0), NULL, TRUE);
  test_world_settle (f->world);
  lp2p_peer_store_note_connected (f->store, fixture_id (f, 0), NULL, FALSE);
  test_world_settle (f->world);
  g_assert_true (lp2p_peer_get_connected (peer));
  lp2p_peer_store_note_connected (f->store, fixture_id (f, 0), NULL, FALSE);
  fixture_tell (f, 0, A " " B);
  test_world_settle (f->world);
  g_assert_cmpuint (n_items, ==, 1);
  g_assert_cmpuint (n_agent, ==, 1);
  g_assert_cmpuint (n_connected, ==, 2);
  g_assert_cmpuint (n_addresses, ==, 1);
  g_assert_cmpstr (lp2p_peer_get_agent_version (peer), ==, "one");
  g_assert_cmpstr (lp2p_peer_get_protocol_version (peer), ==, "test/1");
  g_assert_cmpstr (lp2p_peer_get_protocols (peer)[0], ==, "/test/1");
  g_assert_false (lp2p_peer_get_connected (peer));
}

static void
test_removal (Fixture *f, gconstpointer on_disk)
{
  g_autoptr (Lp2pPeer) kept = NULL;

  lp2p_peer_store_set_max_peers (f->store, 2);
  fixture_tell (f, 0, A);
  fixture_tell (f, 1, A);
  /* Those that are known before somebody asks are there at once. */
  g_assert_cmpuint (get_n_peers (f), ==, 2);
  fixture_tell (f, 2, A);
  test_world_settle (f->world);
  g_assert_cmpuint (get_n_peers (f), ==, 2);
  lp2p_peer_store_forget (f->store, fixture_id (f, 1));
  test_world_settle (f->world);
  g_assert_cmpuint (get_n_peers (f), ==, 1);
  kept = g_object_ref (get_peer (f, 0));
  g_assert_true (lp2p_peer_id_equal (lp2p_peer_get_peer_id (kept), fixture_id (f, 2)));
  lp2p_peer_store_forget (f->store, fixture_id (f, 2));
  lp2p_peer_store_forget (f->store, fixture_id (f, 2));
  test_world_settle (f->world);
  g_assert_cmpuint (get_n_peers (f), ==, 0);
  g_assert_cmpuint (lp2p_peer_get_addresses (kept)->len, ==, 1);
  /* Come and gone in between: nobody is told. */
  fixture_tell (f, 0, A);
  lp2p_peer_store_forget (f->store, fixture_id (f, 0));
  test_world_settle (f->world);
  g_assert_cmpuint (get_n_peers (f), ==, 0);
}

static void
forget_all (GListModel *model, guint position, guint removed, guint added, Fixture *f)
{
  for (guint i = 0; i < G_N_ELEMENTS (f->peers); i++)
    lp2p_peer_store_forget (f->store, fixture_id (f, i));
}

static void
test_change_in_handler (Fixture *f, gconstpointer on_disk)
{
  g_signal_connect (lp2p_peer_store_get_list (f->store), "items-changed", G_CALLBACK (forget_all), f);
  for (guint i = 0; i < G_N_ELEMENTS (f->peers); i++)
    fixture_tell (f, i, A);
  test_world_settle (f->world);
  g_assert_cmpuint (get_n_peers (f), ==, 0);
  g_assert_cmpuint (lp2p_peer_store_get_n_peers (f->store), ==, 0);
}

static void
free_store (GListModel *model, guint position, guint removed, guint added, Fixture *f)
{
  g_clear_pointer (&f->store, lp2p_peer_store_free);
}

static void
test_free_in_handler (Fixture *f, gconstpointer on_disk)
{
  g_autoptr (GListModel) model = g_object_ref (lp2p_peer_store_get_list (f->store));

  g_signal_connect (model, "items-changed", G_CALLBACK (free_store), f);
  for (guint i = 0; i < G_N_ELEMENTS (f->peers); i++)
    fixture_tell (f, i, A);
  test_world_settle (f->world);
  g_assert_null (f->store);
  g_assert_cmpuint (g_list_model_get_n_items (model), ==, 1);
}

static void
test_close (Fixture *f, gconstpointer on_disk)
{
  lp2p_peer_store_note_connected (f->store, fixture_id (f, 0), NULL, TRUE);
  g_assert_true (lp2p_peer_get_connected (get_peer (f, 0)));
  lp2p_peer_store_close (f->store);
  test_world_settle (f->world);
  g_assert_cmpuint (get_n_peers (f), ==, 1);
  g_assert_false (lp2p_peer_get_connected (get_peer (f, 0)));
}

static void
add (const char *name, void (*func) (Fixture *, gconstpointer))
{
  g_autofree char *path = g_strdup_printf ("/peer-list/%s", name);

  g_test_add (path, Fixture, GINT_TO_POINTER (FALSE), fixture_set_up, func, fixture_tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  add ("changes", test_changes);
  add ("removal", test_removal);
  add ("change-in-handler", test_change_in_handler);
  add ("free-in-handler", test_free_in_handler);
  add ("close", test_close);
  return g_test_run ();
}
