/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the test kit asks of every layer, of the stream of bytes in a WebSocket. */

#include "layer-pair.h"

#include <lp2p/net/lp2p-gnutls-layer.h>

#include "lp2p-memory-pipe.h"
#include "lp2p-test.h"
#include "lp2p-ws-layer.h"
#include "tls-session.h"

static void
make_lines (TestWorld *world, const LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b)
{
  Lp2pMemoryEnd one = { world->loop, pair->data, NULL };
  Lp2pMemoryEnd two = { test_world_add_loop (world), pair->data, NULL };

  g_assert_true (lp2p_memory_pipe_new (&one, &two, a, b, NULL));
}

static void
make_from_client (TestWorld *world, const LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b)
{
  make_lines (world, pair, a, b);
  *a = lp2p_ws_layer_new (*a, LP2P_ROLE_INITIATOR, NULL, 0);
  *b = lp2p_ws_layer_new (*b, LP2P_ROLE_RESPONDER, NULL, 0);
}

static void
make_from_server (TestWorld *world, const LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b)
{
  make_from_client (world, pair, b, a);
}

static gboolean
is_done (Lp2pLayer *layer, int *result)
{
  if (*result == LP2P_IO_AGAIN)
    *result = lp2p_gnutls_layer_handshake (layer);
  g_assert_cmpint (*result, !=, LP2P_IO_FAILED);
  return *result == 0;
}

static void
make_secure (TestWorld *world, const LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b)
{
  int near = LP2P_IO_AGAIN;
  int far = LP2P_IO_AGAIN;

  make_lines (world, pair, a, b);
  *a = lp2p_gnutls_layer_new (*a, tls_session_new (GNUTLS_CLIENT));
  *b = lp2p_gnutls_layer_new (*b, tls_session_new (GNUTLS_SERVER));
  test_until (world, is_done (*a, &near) + is_done (*b, &far) == 2);
  *a = lp2p_ws_layer_new (*a, LP2P_ROLE_INITIATOR, NULL, 0);
  *b = lp2p_ws_layer_new (*b, LP2P_ROLE_RESPONDER, NULL, 0);
}

static const Lp2pMemoryOptions plain = { 0 };
static const Lp2pMemoryOptions narrow = { .buffer_size = 100, .max_step = 7 };
static const Lp2pMemoryOptions bytes = { .buffer_size = 50, .short_reads = 1, .short_writes = 1 };
static const Lp2pMemoryOptions bad_line = { .buffer_size = 5000, .delay = 20000, .loss = 100, .seed = 3 };

static const LayerPair layer_pairs[] = {
  { "ws-client", FALSE, 3000000, FALSE, FALSE, make_from_client, &plain },
  { "ws-client-narrow", FALSE, 20000, TRUE, FALSE, make_from_client, &narrow },
  { "ws-client-bytes", FALSE, 5000, TRUE, FALSE, make_from_client, &bytes },
  { "ws-client-bad-line", FALSE, 200000, FALSE, FALSE, make_from_client, &bad_line },
  { "ws-server", FALSE, 3000000, FALSE, FALSE, make_from_server, &plain },
  { "ws-server-narrow", FALSE, 20000, TRUE, FALSE, make_from_server, &narrow },
  { "ws-server-bytes", FALSE, 5000, TRUE, FALSE, make_from_server, &bytes },
  { "ws-server-bad-line", FALSE, 200000, FALSE, FALSE, make_from_server, &bad_line },
  { "wss", FALSE, 3000000, FALSE, FALSE, make_secure, &plain },
  { "wss-narrow", FALSE, 20000, TRUE, FALSE, make_secure, &narrow },
  { "wss-bytes", FALSE, 5000, TRUE, FALSE, make_secure, &bytes },
  { "wss-bad-line", FALSE, 200000, FALSE, FALSE, make_secure, &bad_line },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (layer_pairs); i++)
    layer_pair_add_tests (&layer_pairs[i]);
  return g_test_run ();
}
