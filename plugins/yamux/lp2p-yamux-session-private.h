/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by the files of the session only. */

#include "lp2p-yamux-frame.h"
#include "lp2p-yamux-session.h"
#include "lp2p-yamux-stream-private.h"

G_BEGIN_DECLS

/* OPEN: all works. PEER_GOING: the peer takes no new streams, those that exist go
 * on. DRAINING: streams are over, a go-away is on its way out. OVER: nothing is
 * read or written any more. */
typedef enum
{
  LP2P_YAMUX_OPEN,
  LP2P_YAMUX_PEER_GOING,
  LP2P_YAMUX_DRAINING,
  LP2P_YAMUX_OVER,
} Lp2pYamuxPhase;

/* @output: how frames leave, and whose turn it is
 * @streams: all streams that exist, by id, those that the peer has forgotten too
 * @accepts: streams of the peer, before they are accepted
 * @control: streams that have frames other than data to send
 * @replies: (nullable): encoded frames that answer the peer and belong to no
 *   stream: pongs and refusals
 * @n_live: streams that are not forgotten
 * @n_zombies: those of them that the driver has released
 * @stray_credit: what the peer may still send on streams that are forgotten
 * @reserved: memory that was reserved by all streams
 * @ping_at: when the next ping is due
 * @ping_sent: when the ping that is not answered was sent, -1 for none
 * @heard_at: when the peer last sent anything
 * @close_at: when a go-away that cannot leave, or a peer that does not end the
 *   connection, is given up
 * @lingering: all has left; the end of what the peer sends is waited for
 * @error: (nullable): why the session ended; kept for streams even when the end
 *   was an orderly one */
typedef struct
{
  Lp2pMuxerSession parent;
  Lp2pLayer *layer;
  Lp2pMuxerOutput output;
  Lp2pYamuxOptions options;

  GHashTable *streams;
  GQueue accepts;
  GQueue control;
  GByteArray *replies;

  guint8 header[LP2P_YAMUX_HEADER_SIZE];
  guint8 header_size;
  gboolean body_ends;
  guint32 body_left;
  Lp2pYamuxStream *body_stream;

  guint64 next_id;
  guint32 highest_remote;
  guint n_unacknowledged;
  guint n_inbound;
  guint n_live;
  guint n_zombies;
  guint64 stray_credit;
  gsize reserved;

  gint64 rtt;
  gint64 ping_at;
  gint64 ping_sent;
  gint64 heard_at;
  gint64 close_at;
  guint32 ping_id;

  Lp2pYamuxPhase phase;
  guint32 remote_code;
  guint32 go_away_code;
  GError *error;

  guint responder : 1;
  guint readable : 1;
  guint pump_wanted : 1;
  guint ping_wanted : 1;
  guint saw_data : 1;
  guint go_away_wanted : 1;
  guint unsent_asked : 1;
  guint open_refused : 1;
  guint orderly : 1;
  guint lingering : 1;
} Lp2pYamuxSession;

/* lp2p-yamux-session.c; those that take an error own it. */
void lp2p_yamux_session_want_pump (Lp2pYamuxSession *self);
void lp2p_yamux_session_saw_data (Lp2pYamuxSession *self);
gboolean lp2p_yamux_session_reserve (Lp2pYamuxSession *self, gsize size);
void lp2p_yamux_session_release (Lp2pYamuxSession *self, gsize size);
void lp2p_yamux_session_fail (Lp2pYamuxSession *self, GError *error);
void lp2p_yamux_session_fail_protocol (Lp2pYamuxSession *self, GError *error);
void lp2p_yamux_session_layer_failed (Lp2pYamuxSession *self);
void lp2p_yamux_session_layer_ended (Lp2pYamuxSession *self);
void lp2p_yamux_session_peer_goes (Lp2pYamuxSession *self, guint32 code);
void lp2p_yamux_session_finish (Lp2pYamuxSession *self);

/* lp2p-yamux-stream.c: what the session does with a stream. All but the first may
 * free it. */
Lp2pYamuxStream *lp2p_yamux_stream_new (Lp2pYamuxSession *session, guint32 id, gboolean inbound);
void lp2p_yamux_stream_destroy (Lp2pYamuxSession *session, Lp2pYamuxStream *self);
void lp2p_yamux_stream_free (Lp2pYamuxSession *session, Lp2pYamuxStream *self);
void lp2p_yamux_stream_add_pending (Lp2pYamuxSession *session,
                                    Lp2pYamuxStream *self,
                                    Lp2pYamuxPending pending);
void lp2p_yamux_stream_sent (Lp2pYamuxSession *session, Lp2pYamuxStream *self);
void lp2p_yamux_stream_acknowledged (Lp2pYamuxSession *session, Lp2pYamuxStream *self);
void lp2p_yamux_stream_deliver (Lp2pYamuxSession *session,
                                Lp2pYamuxStream *self,
                                const guint8 *data,
                                gsize size);
void lp2p_yamux_stream_ended (Lp2pYamuxSession *session, Lp2pYamuxStream *self);
void lp2p_yamux_stream_was_reset (Lp2pYamuxSession *session, Lp2pYamuxStream *self, guint32 code);
void lp2p_yamux_stream_allowed (Lp2pYamuxSession *session, Lp2pYamuxStream *self);
void lp2p_yamux_stream_violated (Lp2pYamuxSession *session, Lp2pYamuxStream *self, GError *error);
void lp2p_yamux_stream_credit (Lp2pYamuxSession *session, Lp2pYamuxStream *self);
void lp2p_yamux_stream_reset_with (Lp2pYamuxSession *session,
                                   Lp2pYamuxStream *self,
                                   guint32 code,
                                   GError *error);
void lp2p_yamux_stream_let_go (Lp2pYamuxSession *session, Lp2pYamuxStream *self);
gboolean lp2p_yamux_stream_session_ends (Lp2pYamuxSession *session,
                                         Lp2pYamuxStream *self,
                                         gboolean keep_pending);

/* lp2p-yamux-stream-io.c: what the driver does with one. */
gssize lp2p_yamux_stream_readv (Lp2pMuxerSession *session,
                                Lp2pMuxerStream *stream,
                                const GInputVector *vectors,
                                guint n_vectors);
gssize lp2p_yamux_stream_writev (Lp2pMuxerSession *session,
                                 Lp2pMuxerStream *stream,
                                 const GOutputVector *vectors,
                                 guint n_vectors);
void lp2p_yamux_stream_want (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, Lp2pReady ready);
int lp2p_yamux_stream_shutdown_write (Lp2pMuxerSession *session, Lp2pMuxerStream *stream);
void
lp2p_yamux_stream_stop_reading (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint32 code);
void lp2p_yamux_stream_reset (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint32 code);
void lp2p_yamux_stream_release (Lp2pMuxerSession *session, Lp2pMuxerStream *stream);
const GError *lp2p_yamux_stream_get_error (Lp2pMuxerSession *session,
                                           Lp2pMuxerStream *stream,
                                           Lp2pReady side,
                                           guint32 *code);

/* lp2p-yamux-input.c */
gboolean lp2p_yamux_session_input (Lp2pMuxerSession *session, gsize budget);

/* lp2p-yamux-output.c */
void lp2p_yamux_session_pump_output (Lp2pMuxerSession *session);
void lp2p_yamux_session_write_control (Lp2pYamuxSession *self);
void lp2p_yamux_session_write_control_before (Lp2pYamuxSession *self, Lp2pYamuxStream *stream);
gboolean lp2p_yamux_session_reply (Lp2pYamuxSession *self, const Lp2pYamuxHeader *header);
gboolean lp2p_yamux_session_is_unsent (Lp2pYamuxSession *self);
void lp2p_yamux_session_queue_turn (Lp2pYamuxSession *self, Lp2pYamuxStream *stream);

G_END_DECLS
