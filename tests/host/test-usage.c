/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a host tells of itself: how much of its limits is in use, whom it keeps, and
 * what names stand for. */

#include "test-host.h"

#define HOST_CONFIG(more) "[host]\ntransports=['memory']\nsecurity=['noise']\nmuxers=['yamux']\nservices=[]\n" more

typedef struct
{
  TestWorld *world;
  TestHost *host;
  TestHost *other;
} Fixture;

static void
setup (Fixture *self, gconstpointer data)
{
  self->world = test_world_new (FALSE);
  self->host = test_host_new (self->world, HOST_CONFIG ("listen=['/memory/4200']\n"));
  self->other = test_host_new (self->world, HOST_CONFIG (""));
}

static void
teardown (Fixture *self, gconstpointer data)
{
  test_host_close (self->other);
  test_host_free (self->other);
  test_host_close (self->host);
  test_host_free (self->host);
  test_world_free (self->world);
}

static void
test_usage (Fixture *self, gconstpointer data)
{
  Lp2pHost *host = self->host->host;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pStream) accepted = NULL;

  g_assert_cmpuint (lp2p_host_get_usage (host, "max-connections"), ==, 0);
  g_assert_cmpuint (lp2p_host_get_usage (host, "max-streams"), ==, 0);
  g_assert_cmpuint (lp2p_host_get_usage (host, "memory-budget"), ==, 0);

  connection = test_host_connect (self->other, self->host);
  stream = test_host_open (self->other, connection);
  test_stream_write (self->world, stream, 1000, 0);
  accepted = test_host_accept (self->host);
  test_world_settle (self->world);
  g_assert_cmpuint (lp2p_host_get_usage (host, "max-connections"), ==, 1);
  g_assert_cmpuint (lp2p_host_get_usage (host, "max-half-open"), ==, 0);
  g_assert_cmpuint (lp2p_host_get_usage (host, "max-streams"), ==, 1);
  g_assert_cmpuint (lp2p_host_get_usage (host, "memory-budget"), >=, 1000);
  /* Streams are those of others. */
  g_assert_cmpuint (lp2p_host_get_usage (self->other->host, "max-streams"), ==, 0);
  g_assert_cmpuint (lp2p_host_get_usage (self->other->host, "max-connections"), ==, 1);
  g_assert_cmpuint (lp2p_host_get_usage (host, "listen"), ==, 0);
  g_assert_cmpuint (lp2p_host_get_usage (host, "no-such-option"), ==, 0);

  lp2p_connection_abort (connection, 0);
  test_until (self->world, lp2p_host_get_usage (host, "max-connections") == 0);
  g_assert_cmpuint (lp2p_host_get_usage (host, "max-streams"), ==, 0);
}

static void
test_kept_peers (Fixture *self, gconstpointer data)
{
  Lp2pHost *host = self->host->host;
  Lp2pPeerId *peer = lp2p_host_get_peer_id (self->other->host);
  g_autoptr (GPtrArray) none = lp2p_host_dup_kept_peers (host);
  g_autoptr (Lp2pKeptPeer) kept = lp2p_host_keep_connected (host, peer, NULL);
  g_autoptr (GPtrArray) one = lp2p_host_dup_kept_peers (host);
  g_autoptr (GPtrArray) again = NULL;

  g_assert_cmpuint (none->len, ==, 0);
  g_assert_cmpuint (one->len, ==, 1);
  g_assert_true (g_ptr_array_index (one, 0) == kept);
  lp2p_kept_peer_release (kept);
  again = lp2p_host_dup_kept_peers (host);
  g_assert_cmpuint (again->len, ==, 0);
}

static GPtrArray *
resolve (Fixture *self, const char *text, GCancellable *cancellable, GError **error)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (GAsyncResult) result = NULL;

  lp2p_host_resolve_async (self->host->host, address, cancellable, test_take_result, &result);
  g_assert_null (result);
  test_wait (self->world, result);
  return lp2p_host_resolve_finish (self->host->host, result, error);
}

static void
test_resolve (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) same = resolve (self, "/ip4/192.0.2.1/tcp/1", NULL, &error);
  g_autoptr (GPtrArray) local = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  g_assert_no_error (error);
  g_assert_cmpuint (same->len, ==, 1);
  g_assert_cmpstr (lp2p_multiaddr_get_string (g_ptr_array_index (same, 0)), ==, "/ip4/192.0.2.1/tcp/1");

  local = resolve (self, "/dns4/localhost/tcp/1", NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (local->len, ==, 1);
  g_assert_cmpstr (lp2p_multiaddr_get_string (g_ptr_array_index (local, 0)), ==, "/ip4/127.0.0.1/tcp/1");

  g_cancellable_cancel (cancellable);
  g_assert_null (resolve (self, "/dns4/localhost/tcp/1", cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add ("/usage/limits", Fixture, NULL, setup, test_usage, teardown);
  g_test_add ("/usage/kept-peers", Fixture, NULL, setup, test_kept_peers, teardown);
  g_test_add ("/usage/resolve", Fixture, NULL, setup, test_resolve, teardown);
  return g_test_run ();
}
