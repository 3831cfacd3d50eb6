/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "layer-memory.h"

#include <lp2p/net/lp2p-gnutls-layer.h>

#include "tls-session.h"

void
layer_memory_make (TestWorld *world, const LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b)
{
  Lp2pMemoryEnd one = { world->loop, pair->data, NULL };
  Lp2pMemoryEnd two = { test_world_add_loop (world), pair->data, NULL };

  g_assert_true (lp2p_memory_pipe_new (&one, &two, a, b, NULL));
}

static gboolean
is_done (Lp2pLayer *layer, int *result)
{
  if (*result == LP2P_IO_AGAIN)
    *result = lp2p_gnutls_layer_handshake (layer);
  g_assert_cmpint (*result, !=, LP2P_IO_FAILED);
  return *result == 0;
}

void
layer_memory_make_gnutls (TestWorld *world, const LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b)
{
  int near = LP2P_IO_AGAIN;
  int far = LP2P_IO_AGAIN;

  layer_memory_make (world, pair, a, b);
  *a = lp2p_gnutls_layer_new (*a, tls_session_new (GNUTLS_CLIENT));
  *b = lp2p_gnutls_layer_new (*b, tls_session_new (GNUTLS_SERVER));
  test_until (world, is_done (*a, &near) + is_done (*b, &far) == 2);
}
