/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-layer.h>

G_BEGIN_DECLS

/**
 * LP2P_MUXER_QUANTUM: (skip)
 *
 * What a stream may write before it is another's turn, while several wait.
 */
#define LP2P_MUXER_QUANTUM (64 * 1024)

/**
 * Lp2pMuxerTurn: (skip)
 * @link: in the list of those that wait; its data is the stream, %NULL while it
 *   waits for nothing
 * @quantum: bytes that may be written while others wait for their turn
 *
 * The part of a stream that waits for its turn to write.
 */
typedef struct
{
  GList link;
  gsize quantum;
} Lp2pMuxerTurn;

/**
 * Lp2pMuxerOutput: (skip)
 * @layer: where it goes; owned by the session
 * @turns: streams that wait to be told that they can write, in order
 * @wanted: what is wanted of the layer
 * @blocked_at: since when the layer gets nothing rid, -1 while it does
 * @blocked_room: its room when it was last flushed
 * @dirty: something was written and not flushed
 * @flushing: the last flush did not get all rid
 *
 * How a session that works over a layer writes: many frames leave in one flush,
 * streams take turns, and a peer that takes nothing is noticed.
 */
typedef struct
{
  Lp2pLayer *layer;
  GQueue turns;
  Lp2pReady wanted;
  gint64 blocked_at;
  gsize blocked_room;
  gboolean dirty;
  gboolean flushing;
} Lp2pMuxerOutput;

/**
 * Lp2pVectorCursor: (skip)
 * @vectors: the vector that comes next
 * @n_vectors: how many are left
 * @offset: what was taken of the next one
 *
 * A place in an array of vectors, of which a session makes frames.
 */
typedef struct
{
  const GOutputVector *vectors;
  guint n_vectors;
  gsize offset;
} Lp2pVectorCursor;

LP2P_AVAILABLE_IN_1_0
void lp2p_muxer_output_init (Lp2pMuxerOutput *self, Lp2pLayer *layer);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_muxer_output_writev (Lp2pMuxerOutput *self, const GOutputVector *vectors, guint n_vectors, gsize size);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_muxer_output_flush (Lp2pMuxerOutput *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_muxer_output_want (Lp2pMuxerOutput *self, Lp2pReady wanted);
LP2P_AVAILABLE_IN_1_0
void lp2p_muxer_output_moved (Lp2pMuxerOutput *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_muxer_output_is_stuck (Lp2pMuxerOutput *self, gint64 now, gint64 timeout);

LP2P_AVAILABLE_IN_1_0
gsize lp2p_muxer_output_get_limit (Lp2pMuxerOutput *self, Lp2pMuxerTurn *turn);
LP2P_AVAILABLE_IN_1_0
void lp2p_muxer_output_queue (Lp2pMuxerOutput *self, Lp2pMuxerTurn *turn, gpointer stream);
LP2P_AVAILABLE_IN_1_0
void lp2p_muxer_output_leave (Lp2pMuxerOutput *self, Lp2pMuxerTurn *turn);
LP2P_AVAILABLE_IN_1_0
gpointer lp2p_muxer_output_pop (Lp2pMuxerOutput *self);

LP2P_AVAILABLE_IN_1_0
guint lp2p_vector_cursor_take (Lp2pVectorCursor *self, gsize max, GOutputVector *out, guint n_out, gsize *size);

G_END_DECLS
