/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Layers that the author of one makes. */

#include "layer-pair.h"
#include "lp2p-test.h"

static void
make (TestWorld *world, const LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b)
{
  const Lp2pTestLayers *layers = pair->data;

  layers->make (world->loop, test_world_add_loop (world), a, b);
  g_assert_nonnull (*a);
  g_assert_nonnull (*b);
}

void
lp2p_test_add_layer (const Lp2pTestLayers *layers)
{
  layer_pair_add_tests (layer_pair_keep (&(LayerPair){
      .name = layers->name,
      .real = layers->real,
      .volume = layers->volume,
      .pieces = layers->pieces,
      .no_reset = layers->no_reset,
      .make = make,
      .data = layers,
  }));
}
