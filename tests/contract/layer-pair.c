/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "layer-pair.h"

#include "lp2p-memory-pipe.h"

static void
make_memory (TestWorld *world, gconstpointer data, Lp2pLayer **a, Lp2pLayer **b)
{
  Lp2pMemoryEnd one = { world->loop, data, NULL };
  Lp2pMemoryEnd two = { test_world_add_loop (world), data, NULL };

  g_assert_true (lp2p_memory_pipe_new (&one, &two, a, b, NULL));
}

static const Lp2pMemoryOptions plain = { 0 };
static const Lp2pMemoryOptions narrow = { .buffer_size = 100, .max_step = 7 };
static const Lp2pMemoryOptions bytes = { .buffer_size = 50, .short_reads = 1, .short_writes = 1 };
static const Lp2pMemoryOptions bad_line = { .buffer_size = 5000, .delay = 20000, .loss = 100, .seed = 3 };

const LayerPair layer_pairs[] = {
  { "memory", FALSE, 3000000, FALSE, make_memory, &plain },
  { "memory-narrow", FALSE, 20000, FALSE, make_memory, &narrow },
  { "memory-bytes", FALSE, 5000, FALSE, make_memory, &bytes },
  { "memory-bad-line", FALSE, 200000, FALSE, make_memory, &bad_line },
};

const guint n_layer_pairs = G_N_ELEMENTS (layer_pairs);
