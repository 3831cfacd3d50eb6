/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the test kit asks of every layer, of the stream of bytes in a WebSocket. */

#include "layer-memory.h"
#include "lp2p-test.h"
#include "lp2p-ws-layer.h"

static void
make_from_client (TestWorld *world, const LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b)
{
  layer_memory_make (world, pair, a, b);
  *a = lp2p_ws_layer_new (*a, LP2P_ROLE_INITIATOR, NULL, 0);
  *b = lp2p_ws_layer_new (*b, LP2P_ROLE_RESPONDER, NULL, 0);
}

static void
make_from_server (TestWorld *world, const LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b)
{
  make_from_client (world, pair, b, a);
}

static void
make_secure (TestWorld *world, const LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b)
{
  layer_memory_make_gnutls (world, pair, a, b);
  *a = lp2p_ws_layer_new (*a, LP2P_ROLE_INITIATOR, NULL, 0);
  *b = lp2p_ws_layer_new (*b, LP2P_ROLE_RESPONDER, NULL, 0);
}

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
