/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by the files of the session only. */

#include "lp2p-mplex-frame.h"
#include "lp2p-mplex-session.h"

G_BEGIN_DECLS

/* What a peer may send on streams that are not there: from the start, and again for
 * each stream that ends. More than a path holds that is one second long and carries
 * 500 Mbit/s. */
#define LP2P_MPLEX_STRAY_CREDIT (64 * 1024 * 1024)

typedef enum
{
  LP2P_MPLEX_SIDE_OPEN,
  LP2P_MPLEX_SIDE_ENDED,
  LP2P_MPLEX_SIDE_RESET,
} Lp2pMplexSide;

/* What is still to be said on a stream, in this order. */
typedef enum
{
  LP2P_MPLEX_PENDING_NEW = 1 << 0,
  LP2P_MPLEX_PENDING_CLOSE = 1 << 1,
  LP2P_MPLEX_PENDING_RESET = 1 << 2,
} Lp2pMplexPending;

/* @key: its id, and in the lowest bit whether we opened it
 * @queue: what the peer sent and nobody read yet
 * @reserved: memory that was reserved for it
 * @error: (nullable): why a side is reset, %NULL if because of the session
 * @control_link: in the session's list of streams that have something to say
 * @turn: in the line of those that wait to write; its link is first in the list
 *   of those that wait to be accepted
 * @discarded: bytes that were dropped since nobody reads
 * @pending: what is to be said
 * @blocked: a write was cut short since it was last announced that it can write
 * @discard: what comes is dropped
 * @released: the driver is done with it
 * @forgotten: nothing more is said or expected on this id */
typedef struct
{
  Lp2pMuxerStream parent;
  gint64 key;
  Lp2pByteQueue queue;
  gsize reserved;
  GError *error;
  GList control_link;
  Lp2pMuxerTurn turn;
  guint32 discarded;

  guint8 pending;
  guint8 want;
  guint read_side : 2;
  guint write_side : 2;
  guint accepted : 1;
  guint blocked : 1;
  guint discard : 1;
  guint released : 1;
  guint forgotten : 1;
} Lp2pMplexStream;

/* OPEN: all works. DRAINING: streams are over, what was to be said of them is on
 * its way out. OVER: nothing is read or written any more. */
typedef enum
{
  LP2P_MPLEX_OPEN,
  LP2P_MPLEX_DRAINING,
  LP2P_MPLEX_OVER,
} Lp2pMplexPhase;

/* @output: how frames leave, and whose turn it is
 * @streams: all streams that exist, by key, those that the peer has forgotten too
 * @accepts: streams of the peer, before they are accepted
 * @control: streams that have something to say
 * @refused: (nullable): ids of the peer's streams that are to be reset
 * @header: the beginning of a head that did not come in one piece
 * @body_left: bytes of the message under way that are still to come
 * @body_stream: (nullable): whose they are, unless they are dropped
 * @n_live: streams that are not forgotten
 * @n_zombies: those of them that the driver has released
 * @stray_credit: what the peer may still send on streams that are not there
 * @reserved: memory that was reserved by all streams
 * @stalled_at: since when nothing is read, as @body_stream has no place; or -1
 * @close_at: when an end that cannot leave, or a peer that does not end the
 *   connection, is given up
 * @lingering: all has left; the end of what the peer sends is waited for
 * @error: (nullable): why the session ended; kept for streams even when the end
 *   was an orderly one */
typedef struct
{
  Lp2pMuxerSession parent;
  Lp2pLayer *layer;
  Lp2pMuxerOutput output;
  Lp2pMplexOptions options;

  GHashTable *streams;
  GQueue accepts;
  GQueue control;
  GArray *refused;

  guint8 header[LP2P_MPLEX_HEADER_MAX];
  guint8 header_size;
  guint32 body_left;
  Lp2pMplexStream *body_stream;

  guint64 next_id;
  guint n_inbound;
  guint n_live;
  guint n_zombies;
  guint64 stray_credit;
  gsize reserved;
  gint64 stalled_at;
  gint64 close_at;

  Lp2pMplexPhase phase;
  GError *error;

  guint readable : 1;
  guint pump_wanted : 1;
  guint unsent_asked : 1;
  guint orderly : 1;
  guint lingering : 1;
} Lp2pMplexSession;

static inline gint64
lp2p_mplex_key (guint64 id, gboolean ours)
{
  return (gint64) (id << 1 | (ours ? 1 : 0));
}

static inline gboolean
lp2p_mplex_stream_is_ours (const Lp2pMplexStream *self)
{
  return (self->key & 1) != 0;
}

/* lp2p-mplex-session.c; those that take an error own it. */
void lp2p_mplex_session_want_pump (Lp2pMplexSession *self);
gboolean lp2p_mplex_session_reserve (Lp2pMplexSession *self, gsize size);
void lp2p_mplex_session_release (Lp2pMplexSession *self, gsize size);
void lp2p_mplex_session_stall (Lp2pMplexSession *self);
void lp2p_mplex_session_go_on (Lp2pMplexSession *self, Lp2pMplexStream *stream);
void lp2p_mplex_session_fail (Lp2pMplexSession *self, GError *error);
void lp2p_mplex_session_layer_failed (Lp2pMplexSession *self);
void lp2p_mplex_session_layer_ended (Lp2pMplexSession *self);
void lp2p_mplex_session_finish (Lp2pMplexSession *self);

/* lp2p-mplex-stream.c: what the session does with a stream. All but the first may
 * free it. */
Lp2pMplexStream *lp2p_mplex_stream_new (Lp2pMplexSession *session, guint64 id, gboolean ours);
void lp2p_mplex_stream_destroy (Lp2pMplexSession *session, Lp2pMplexStream *self);
void lp2p_mplex_stream_add_pending (Lp2pMplexSession *session,
                                    Lp2pMplexStream *self,
                                    Lp2pMplexPending pending);
void lp2p_mplex_stream_sent (Lp2pMplexSession *session, Lp2pMplexStream *self);
gsize lp2p_mplex_stream_deliver (Lp2pMplexSession *session,
                                 Lp2pMplexStream *self,
                                 const guint8 *data,
                                 gsize size);
void lp2p_mplex_stream_taken (Lp2pMplexSession *session, Lp2pMplexStream *self);
void lp2p_mplex_stream_ended (Lp2pMplexSession *session, Lp2pMplexStream *self);
void lp2p_mplex_stream_was_reset (Lp2pMplexSession *session, Lp2pMplexStream *self);
void lp2p_mplex_stream_fail (Lp2pMplexSession *session, Lp2pMplexStream *self, GError *error);
void lp2p_mplex_stream_reset_with (Lp2pMplexSession *session,
                                   Lp2pMplexStream *self,
                                   GError *error);
void lp2p_mplex_stream_let_go (Lp2pMplexSession *session, Lp2pMplexStream *self);
gboolean lp2p_mplex_stream_session_ends (Lp2pMplexSession *session,
                                         Lp2pMplexStream *self,
                                         gboolean keep_pending);

/* lp2p-mplex-stream-io.c: what the driver does with one. */
gssize lp2p_mplex_stream_readv (Lp2pMuxerSession *session,
                                Lp2pMuxerStream *stream,
                                const GInputVector *vectors,
                                guint n_vectors);
gssize lp2p_mplex_stream_writev (Lp2pMuxerSession *session,
                                 Lp2pMuxerStream *stream,
                                 const GOutputVector *vectors,
                                 guint n_vectors);
void lp2p_mplex_stream_want (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, Lp2pReady ready);
int lp2p_mplex_stream_shutdown_write (Lp2pMuxerSession *session, Lp2pMuxerStream *stream);
void
lp2p_mplex_stream_stop_reading (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint32 code);
void lp2p_mplex_stream_reset (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint32 code);
void lp2p_mplex_stream_release (Lp2pMuxerSession *session, Lp2pMuxerStream *stream);
const GError *lp2p_mplex_stream_get_error (Lp2pMuxerSession *session,
                                           Lp2pMuxerStream *stream,
                                           Lp2pReady side,
                                           guint32 *code);

/* lp2p-mplex-input.c */
gboolean lp2p_mplex_session_input (Lp2pMuxerSession *session, gsize budget);

/* lp2p-mplex-output.c */
void lp2p_mplex_session_pump_output (Lp2pMuxerSession *session);
gboolean lp2p_mplex_session_refuse (Lp2pMplexSession *self, guint64 id);
gboolean lp2p_mplex_session_is_unsent (Lp2pMplexSession *self);
gsize lp2p_mplex_stream_put_frames (Lp2pMplexStream *stream, guint8 pending, guint8 *out);

G_END_DECLS
