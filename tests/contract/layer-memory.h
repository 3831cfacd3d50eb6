/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "layer-pair.h"
#include "lp2p-memory-pipe.h"

G_BEGIN_DECLS

/* Ends in memory, and TLS over them without the security protocol that is named after it. */

static const Lp2pMemoryOptions plain = { 0 };
static const Lp2pMemoryOptions narrow = { .buffer_size = 100, .max_step = 7 };
static const Lp2pMemoryOptions bytes = { .buffer_size = 50, .short_reads = 1, .short_writes = 1 };
static const Lp2pMemoryOptions bad_line = { .buffer_size = 5000, .delay = 20000, .loss = 100, .seed = 3 };

/* For a pair that has such options as its data. */
void layer_memory_make (TestWorld *world, const LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b);
void layer_memory_make_gnutls (TestWorld *world, const LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b);

G_END_DECLS
