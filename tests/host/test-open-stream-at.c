/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A stream to an address, in one call. */

#include "memory-pair.h"

static const char *const protocols[] = { TEST_PROTOCOL, NULL };

static Lp2pStream *
open_at (MemoryPair *f, Lp2pMultiaddr *address, GCancellable *cancellable, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  lp2p_host_open_stream_at_async (f->a->host, address, protocols, LP2P_STREAM_NONE, cancellable,
                                  test_take_result, &result);
  g_assert_null (result);
  test_wait (f->world, result);
  return lp2p_host_open_stream_at_finish (f->a->host, result, error);
}

/* It connects, and the next time uses the connection that there is. */
static void
test_open (MemoryPair *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pMultiaddr) address = test_host_dup_address (f->b);
  g_autoptr (Lp2pStream) first = open_at (f, address, NULL, &error);
  g_autoptr (Lp2pStream) second = open_at (f, address, NULL, &error);
  g_autoptr (Lp2pStream) accepted = NULL;

  g_assert_no_error (error);
  test_stream_write (f->world, first, 1000, 0);
  accepted = test_host_accept (f->b);
  test_stream_expect (f->world, accepted, 1000, 0);
  g_assert_true (lp2p_stream_get_connection (first) == lp2p_stream_get_connection (second));
  g_assert_cmpuint (f->a->n_added, ==, 1);
}

/* Whoever answers at an address without a peer id will do. */
static void
test_open_without_peer (MemoryPair *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pMultiaddr) address = test_host_dup_address (f->b);
  g_autoptr (Lp2pMultiaddr) plain = lp2p_multiaddr_without_peer_id (address);
  g_autoptr (Lp2pStream) stream = open_at (f, plain, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (lp2p_peer_id_equal (lp2p_connection_get_remote_peer (lp2p_stream_get_connection (stream)),
                                     lp2p_host_get_peer_id (f->b->host)));
}

static void
test_failures (MemoryPair *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (Lp2pMultiaddr) address = test_host_dup_address (f->b);
  g_autoptr (Lp2pMultiaddr) plain = lp2p_multiaddr_without_peer_id (address);
  g_autoptr (Lp2pIdentity) stranger = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
  g_autoptr (Lp2pMultiaddr) wrong = lp2p_multiaddr_with_peer_id (plain, lp2p_identity_get_peer_id (stranger));
  g_autoptr (Lp2pMultiaddr) strange = lp2p_multiaddr_new_from_string ("/ip4/127.0.0.1/udp/1/quic-v1", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (open_at (f, wrong, NULL, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_WRONG_PEER);
  g_clear_error (&error);

  g_assert_null (open_at (f, strange, NULL, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NO_TRANSPORT);
  g_clear_error (&error);

  g_cancellable_cancel (cancellable);
  g_assert_null (open_at (f, address, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);

  test_host_close (f->a);
  g_assert_null (open_at (f, address, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add ("/host/open-stream-at/open", MemoryPair, NULL, memory_pair_set_up, test_open, memory_pair_tear_down);
  g_test_add ("/host/open-stream-at/without-peer", MemoryPair, NULL, memory_pair_set_up, test_open_without_peer, memory_pair_tear_down);
  g_test_add ("/host/open-stream-at/failures", MemoryPair, NULL, memory_pair_set_up, test_failures, memory_pair_tear_down);
  return g_test_run ();
}
