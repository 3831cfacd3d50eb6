/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-layer.h>

#include "test-world.h"

G_BEGIN_DECLS

/**
 * LayerPair:
 * @name: in the names of the tests
 * @real: the kernel is at work: the test waits in real time
 * @volume: how many bytes a test moves that moves many
 * @pieces: bytes come in records, and these in pieces: that some came does not mean
 *   that a record did
 * @no_reset: an abort looks like the end of the stream from the other side
 * @make: makes two ends that are connected
 * @data: for @make
 * @security: (nullable): the security protocol on it
 *
 * One implementation of a layer, or a stack of them.
 */
typedef struct _LayerPair
{
  const char *name;
  gboolean real;
  gsize volume;
  gboolean pieces;
  gboolean no_reset;
  void (*make) (TestWorld *world, const struct _LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b);
  gconstpointer data;
  const char *security;
} LayerPair;

/* A copy that stays until the process ends, as tests look at it. */
const LayerPair *layer_pair_keep (const LayerPair *pair);
/* Adds what the kit asks of every layer; @pair has to stay. */
void layer_pair_add_tests (const LayerPair *pair);

G_END_DECLS
