/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by the files of the session only. */

#include "lp2p-yamux-frame.h"
#include "lp2p-yamux-session.h"
#include "lp2p-yamux-window.h"

G_BEGIN_DECLS

/* @window: what the peer may send
 * @unacknowledged: ours, and the peer has not accepted it */
typedef struct
{
  Lp2pQueuedStream parent;
  Lp2pYamuxWindow window;
  gboolean unacknowledged;
} Lp2pYamuxStream;

/* @max_window, @max_streams, @ack_backlog, @keepalive_interval: see the options
 * @highest_remote: the highest id of a stream that the peer opened
 * @stray_credit: what the peer may still send on streams that are forgotten
 * @idle_at: when it is looked for windows that are not used, -1 while none has grown
 * @ping_at: when the next ping is due
 * @ping_sent: when the ping that is not answered was sent, -1 for none
 * @open_refused: no stream was opened, as too many are unacknowledged */
typedef struct
{
  Lp2pFramedSession parent;
  guint32 max_window;
  guint32 max_streams;
  guint32 ack_backlog;
  guint32 highest_remote;
  guint64 next_id;
  guint64 stray_credit;
  gint64 keepalive_interval;
  gint64 idle_at;
  gint64 ping_at;
  gint64 ping_sent;
  guint32 ping_id;
  guint n_unacknowledged;

  guint responder : 1;
  guint ping_wanted : 1;
  guint saw_data : 1;
  guint open_refused : 1;
} Lp2pYamuxSession;

/* lp2p-yamux-session.c */
void lp2p_yamux_session_watch_idle (Lp2pYamuxSession *self);
void lp2p_yamux_session_saw_data (Lp2pYamuxSession *self);
void lp2p_yamux_session_pong (Lp2pYamuxSession *self, guint32 id);
void lp2p_yamux_session_acknowledged (Lp2pYamuxSession *self, Lp2pYamuxStream *stream);
Lp2pYamuxStream *lp2p_yamux_stream_new (Lp2pYamuxSession *session, guint32 id, gboolean inbound);

/* lp2p-yamux-input.c */
gsize lp2p_yamux_session_parse (Lp2pFramedSession *session, const guint8 *bytes, gsize size);

/* lp2p-yamux-output.c */
void lp2p_yamux_stream_credit (Lp2pQueuedSession *session, Lp2pQueuedStream *stream);
gssize lp2p_yamux_stream_write (Lp2pFramedSession *session,
                                Lp2pQueuedStream *stream,
                                Lp2pVectorCursor *place,
                                gsize max);
gsize lp2p_yamux_stream_put_pending (Lp2pFramedSession *session, Lp2pQueuedStream *stream, guint8 *out);

G_END_DECLS
