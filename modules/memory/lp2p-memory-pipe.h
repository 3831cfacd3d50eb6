/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* Two layers that are connected with each other in memory. They may work in two
 * loops of one thread. It knows nothing of GObject: tests of whatever stacks on
 * a layer use it directly. */

/**
 * Lp2pMemoryOptions:
 * @buffer_size: bytes that this end holds until the line takes them, and bytes
 *   that the line holds until the peer reads them; 0 for
 *   %LP2P_MEMORY_BUFFER_SIZE
 * @delay: microseconds from this end to the other
 * @loss: of a thousand pieces that this end sends, how many arrive late by a
 *   retransmission; what is behind them waits, as on TCP
 * @short_reads: the most bytes that one read yields, 0 for all there are
 * @short_writes: the most bytes that one write takes, 0 for no limit
 * @max_step: the most bytes that leave in one round of the loop, 0 for all; a
 *   flush of more is completed by later rounds
 * @seed: of the losses, so that a run can be repeated
 *
 * What one end of a pipe does to the bytes that pass it.
 */
typedef struct
{
  gsize buffer_size;
  gint64 delay;
  guint loss;
  gsize short_reads;
  gsize short_writes;
  gsize max_step;
  guint32 seed;
} Lp2pMemoryOptions;

/**
 * LP2P_MEMORY_BUFFER_SIZE:
 *
 * As much as a socket promises to hold.
 */
#define LP2P_MEMORY_BUFFER_SIZE (256 * 1024)

/**
 * Lp2pMemoryEnd:
 * @loop: where it works
 * @options: (nullable): what it does to the bytes
 * @address: (nullable): its address
 *
 * One end of a pipe that is to be made.
 */
typedef struct
{
  Lp2pLoop *loop;
  const Lp2pMemoryOptions *options;
  Lp2pMultiaddr *address;
} Lp2pMemoryEnd;

gboolean lp2p_memory_pipe_new (const Lp2pMemoryEnd *end_a,
                               const Lp2pMemoryEnd *end_b,
                               Lp2pLayer **a,
                               Lp2pLayer **b,
                               GError **error);

/* For tests. While @stalled, nothing that this end wrote leaves. */
void lp2p_memory_pipe_set_stalled (Lp2pLayer *layer, gboolean stalled);
/* This end fails as if its connection had broken; the peer is not told. */
void lp2p_memory_pipe_break (Lp2pLayer *layer);
/* The options hold from now on. */
void lp2p_memory_pipe_set_options (Lp2pLayer *layer, const Lp2pMemoryOptions *options);
/* How many bytes of memory this end keeps for bytes under way. */
gsize lp2p_memory_pipe_get_held (Lp2pLayer *layer);

G_END_DECLS
