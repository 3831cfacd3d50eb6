/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Staying connected. */

#include "test-host.h"

#include <lp2p/host/lp2p-kept-peer.h>

#define PEER_CONFIG(more) "[host]\ntransports=['memory']\nsecurity=['noise']\nmuxers=['yamux']\nservices=[]\n" more

typedef struct
{
  TestWorld *world;
  TestHost *keeper;
  TestHost *other;
  Lp2pPeerId *peer;
  GPtrArray *addresses;
  Lp2pKeptPeer *kept;
  GArray *states;
} Fixture;

static void
on_state (Lp2pKeptPeer *kept, GParamSpec *pspec, gpointer user_data)
{
  Lp2pKeptPeerState state = lp2p_kept_peer_get_state (kept);

  g_array_append_val ((GArray *) user_data, state);
}

static void
setup (Fixture *self, gconstpointer data)
{
  self->world = test_world_new (FALSE);
  self->keeper = test_host_new (self->world, PEER_CONFIG (""));
  self->other = test_host_new (self->world, PEER_CONFIG ("listen=['/memory/4100']\n"));
  self->peer = lp2p_peer_id_ref (lp2p_host_get_peer_id (self->other->host));
  self->addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  g_ptr_array_add (self->addresses, test_host_dup_address (self->other));
  self->states = g_array_new (FALSE, FALSE, sizeof (Lp2pKeptPeerState));
}

static void
keep (Fixture *self)
{
  self->kept = lp2p_host_keep_connected (self->keeper->host, self->peer, self->addresses);
  g_signal_connect (self->kept, "notify::state", G_CALLBACK (on_state), self->states);
}

static Lp2pKeptPeerState
get_state (Fixture *self)
{
  return lp2p_kept_peer_get_state (self->kept);
}

static void
teardown (Fixture *self, gconstpointer data)
{
  g_clear_object (&self->kept);
  if (self->other != NULL)
    {
      test_host_close (self->other);
      test_host_free (self->other);
    }
  if (self->keeper != NULL)
    {
      test_host_close (self->keeper);
      test_host_free (self->keeper);
    }
  lp2p_peer_id_unref (self->peer);
  g_ptr_array_unref (self->addresses);
  g_array_unref (self->states);
  test_world_free (self->world);
}

static Lp2pConnection *
dup_connection (TestHost *host)
{
  return g_list_model_get_item (lp2p_host_get_connections (host->host), 0);
}

static void
test_again (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pConnection) first = NULL;
  g_autoptr (Lp2pConnection) second = NULL;

  keep (self);
  g_assert_cmpint (get_state (self), ==, LP2P_KEPT_PEER_CONNECTING);
  test_until (self->world, get_state (self) == LP2P_KEPT_PEER_CONNECTED);
  first = dup_connection (self->keeper);

  test_world_advance (self->world, 31 * G_USEC_PER_SEC);
  lp2p_connection_abort (first, LP2P_CODE_NONE);
  test_until (self->world, get_state (self) == LP2P_KEPT_PEER_CONNECTING);
  test_until (self->world, get_state (self) == LP2P_KEPT_PEER_CONNECTED);
  second = dup_connection (self->keeper);
  g_assert_true (first != second);
  g_assert_null (lp2p_kept_peer_get_error (self->kept));
}

static void
test_existing (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pConnection) connection = test_host_connect (self->keeper, self->other);

  keep (self);
  g_assert_cmpint (get_state (self), ==, LP2P_KEPT_PEER_CONNECTED);
  test_world_settle (self->world);
  g_assert_cmpuint (self->keeper->n_added, ==, 1);
}

static void
stop_listening (Fixture *self, gboolean stop)
{
  lp2p_config_set_from_string (lp2p_host_get_config (self->other->host), "host", "listen",
                               stop ? "[]" : "['/memory/4100']", NULL);
  test_world_settle (self->world);
}

/* The pauses double, give or take a quarter, up to five minutes. */
static void
test_back_off (Fixture *self, gconstpointer data)
{
  gint64 expected = G_USEC_PER_SEC;

  stop_listening (self, TRUE);
  keep (self);
  for (guint i = 0; i < 12; i++)
    {
      gint64 delay;

      test_until (self->world, get_state (self) == LP2P_KEPT_PEER_WAITING);
      g_assert_nonnull (lp2p_kept_peer_get_error (self->kept));
      delay = lp2p_kept_peer_get_retry_delay (self->kept);
      g_assert_cmpint (delay, >=, expected / 2);
      g_assert_cmpint (delay, <=, expected * 5 / 4);
      expected = MIN (expected * 2, 300 * G_USEC_PER_SEC);
      g_array_set_size (self->states, 0);
      test_world_jump (self->world, delay + 1);
      test_until (self->world, self->states->len > 0);
      g_assert_cmpint (g_array_index (self->states, Lp2pKeptPeerState, 0), ==, LP2P_KEPT_PEER_CONNECTING);
    }

  /* Somebody knows that it is worth a try; and after a success all begins anew. */
  test_until (self->world, get_state (self) == LP2P_KEPT_PEER_WAITING);
  stop_listening (self, FALSE);
  lp2p_kept_peer_retry (self->kept);
  test_until (self->world, get_state (self) == LP2P_KEPT_PEER_CONNECTED);
  g_assert_cmpint (lp2p_kept_peer_get_retry_delay (self->kept), ==, 0);
}

/* A peer that lets everybody in and then closes is not dialed without pause: the pauses
 * double as if it did not answer. */
static void
test_short_lived (Fixture *self, gconstpointer data)
{
  gint64 expected = G_USEC_PER_SEC;

  keep (self);
  for (guint i = 0; i < 10; i++)
    {
      g_autoptr (Lp2pConnection) connection = NULL;
      gint64 delay;

      test_until (self->world, get_state (self) == LP2P_KEPT_PEER_CONNECTED);
      g_assert_null (lp2p_kept_peer_get_error (self->kept));
      test_until (self->world, (connection = dup_connection (self->other)) != NULL);
      lp2p_connection_abort (connection, LP2P_CODE_CONNECTION_GATED);
      test_until (self->world, get_state (self) != LP2P_KEPT_PEER_CONNECTED);
      g_assert_cmpint (get_state (self), ==, LP2P_KEPT_PEER_WAITING);
      g_assert_nonnull (lp2p_kept_peer_get_error (self->kept));
      delay = lp2p_kept_peer_get_retry_delay (self->kept);
      g_assert_cmpint (delay, >=, expected / 2);
      g_assert_cmpint (delay, <=, expected * 5 / 4);
      expected = MIN (expected * 2, 300 * G_USEC_PER_SEC);
      test_world_jump (self->world, delay + 1);
    }
  g_assert_cmpuint (self->keeper->n_added, ==, 10);
}

/* It does not matter who made the connection. */
static void
test_inbound (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) back = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  g_autoptr (Lp2pConnection) connection = NULL;

  stop_listening (self, TRUE);
  keep (self);
  test_until (self->world, get_state (self) == LP2P_KEPT_PEER_WAITING);
  lp2p_config_set_from_string (lp2p_host_get_config (self->keeper->host), "host", "listen", "['/memory/0']", NULL);
  test_world_settle (self->world);
  connection = test_host_connect (self->other, self->keeper);
  test_until (self->world, get_state (self) == LP2P_KEPT_PEER_CONNECTED);
}

static void
test_release (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pConnection) connection = NULL;

  keep (self);
  test_until (self->world, get_state (self) == LP2P_KEPT_PEER_CONNECTED);
  lp2p_kept_peer_release (self->kept);
  lp2p_kept_peer_release (self->kept);
  g_assert_cmpint (get_state (self), ==, LP2P_KEPT_PEER_RELEASED);
  connection = dup_connection (self->keeper);
  g_assert_cmpint (lp2p_connection_get_state (connection), ==, LP2P_CONNECTION_READY);
  lp2p_connection_abort (connection, LP2P_CODE_NONE);
  test_world_advance (self->world, G_USEC_PER_SEC * 10);
  g_assert_cmpuint (self->keeper->n_added, ==, 1);
}

static void
test_release_connecting (Fixture *self, gconstpointer data)
{
  keep (self);
  lp2p_kept_peer_release (self->kept);
  g_clear_object (&self->kept);
  test_world_advance (self->world, G_USEC_PER_SEC);
}

static void
release (Lp2pKeptPeer *kept, GParamSpec *pspec, gpointer user_data)
{
  lp2p_kept_peer_release (kept);
}

/* Whoever is told that it connects again may have enough of it. */
static void
test_release_when_told (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pConnection) connection = NULL;

  keep (self);
  test_until (self->world, get_state (self) == LP2P_KEPT_PEER_CONNECTED);
  g_signal_connect (self->kept, "notify::state", G_CALLBACK (release), NULL);
  connection = dup_connection (self->keeper);
  lp2p_connection_abort (connection, LP2P_CODE_NONE);
  test_until (self->world, get_state (self) == LP2P_KEPT_PEER_RELEASED);
  test_world_advance (self->world, G_USEC_PER_SEC * 10);
  g_assert_cmpuint (self->keeper->n_added, ==, 1);
}

static gpointer
change_network (gpointer data)
{
  g_signal_emit_by_name (g_network_monitor_get_default (), "network-changed", TRUE);
  return NULL;
}

/* The monitor may belong to another thread than the host. */
static void
test_network_changed (Fixture *self, gconstpointer data)
{
  stop_listening (self, TRUE);
  keep (self);
  test_until (self->world, get_state (self) == LP2P_KEPT_PEER_WAITING);
  stop_listening (self, FALSE);
  g_assert_cmpint (get_state (self), ==, LP2P_KEPT_PEER_WAITING);
  g_thread_join (g_thread_new ("monitor", change_network, NULL));
  g_assert_cmpint (get_state (self), ==, LP2P_KEPT_PEER_WAITING);
  g_array_set_size (self->states, 0);
  while (self->states->len == 0)
    g_main_context_iteration (self->world->context, TRUE);
  test_until (self->world, get_state (self) == LP2P_KEPT_PEER_CONNECTED);
}

static void
test_host_closes (Fixture *self, gconstpointer data)
{
  keep (self);
  test_until (self->world, get_state (self) == LP2P_KEPT_PEER_CONNECTED);
  test_host_close (self->keeper);
  g_assert_cmpint (get_state (self), ==, LP2P_KEPT_PEER_RELEASED);
  test_host_free (self->keeper);
  self->keeper = NULL;
}

static void
keep_again (Lp2pKeptPeer *kept, GParamSpec *pspec, gpointer user_data)
{
  Fixture *self = user_data;
  g_autoptr (Lp2pKeptPeer) again = NULL;

  if (lp2p_kept_peer_get_state (kept) != LP2P_KEPT_PEER_RELEASED)
    return;
  again = lp2p_host_keep_connected (self->keeper->host, self->peer, self->addresses);
  g_signal_connect (again, "notify::state", G_CALLBACK (keep_again), self);
  g_assert_cmpint (lp2p_kept_peer_get_state (again), ==, LP2P_KEPT_PEER_RELEASED);
  g_array_set_size (self->states, 0);
}

/* A host that closes keeps nobody any more, whoever asks for it. */
static void
test_keep_closed (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pKeptPeer) late = NULL;

  keep (self);
  test_until (self->world, get_state (self) == LP2P_KEPT_PEER_CONNECTED);
  g_signal_connect (self->kept, "notify::state", G_CALLBACK (keep_again), self);
  test_host_close (self->keeper);
  g_assert_cmpuint (self->states->len, ==, 0);
  late = lp2p_host_keep_connected (self->keeper->host, self->peer, self->addresses);
  g_assert_cmpint (lp2p_kept_peer_get_state (late), ==, LP2P_KEPT_PEER_RELEASED);
  g_assert_error (lp2p_kept_peer_get_error (late), G_IO_ERROR, G_IO_ERROR_CLOSED);
  lp2p_kept_peer_retry (late);
  lp2p_kept_peer_release (late);
}

static void
test_dropped (Fixture *self, gconstpointer data)
{
  keep (self);
  test_host_free (self->keeper);
  self->keeper = NULL;
  g_assert_cmpint (get_state (self), ==, LP2P_KEPT_PEER_RELEASED);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/kept-peer/again", test_again },
    { "/kept-peer/existing", test_existing },
    { "/kept-peer/back-off", test_back_off },
    { "/kept-peer/short-lived", test_short_lived },
    { "/kept-peer/inbound", test_inbound },
    { "/kept-peer/release", test_release },
    { "/kept-peer/release-connecting", test_release_connecting },
    { "/kept-peer/release-when-told", test_release_when_told },
    { "/kept-peer/network-changed", test_network_changed },
    { "/kept-peer/host-closes", test_host_closes },
    { "/kept-peer/keep-closed", test_keep_closed },
    { "/kept-peer/dropped", test_dropped },
  };

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, Fixture, NULL, setup, tests[i].test, teardown);
  return g_test_run ();
}
