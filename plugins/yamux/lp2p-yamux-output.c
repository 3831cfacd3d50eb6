/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-yamux-session-private.h"

/* What all peers take where the window allows it: rust closes the session above 1 MiB. No
 * layer has room for much more. */
#define FRAME_PAYLOAD_MAX (256 * 1024)

/* Vectors handed down in one call; fits the stack. */
#define WRITE_VECTORS 64

/* What is used of the window, and nobody has read: the head of a frame uses up all that
 * is still to come of it. */
static gsize
get_unread (Lp2pQueuedSession *session, Lp2pQueuedStream *stream)
{
  return stream->queue.size + (session->receiving == stream ? ((Lp2pFramedSession *) session)->body_left : 0);
}

/* Reserves memory for a window of @size, or for the present one where it gave that back.
 * Where there is none for that either, the window shrinks while the peer uses it up. */
static void
size_window (Lp2pQueuedSession *session, Lp2pYamuxStream *self, guint32 size)
{
  guint32 present = self->window.size - LP2P_YAMUX_INITIAL_WINDOW;

  if (size > self->window.size && lp2p_queued_stream_promise (&self->parent, session, size - LP2P_YAMUX_INITIAL_WINDOW))
    self->window.size = size;
  else if (self->parent.promised < present && !lp2p_queued_stream_promise (&self->parent, session, present))
    self->window.size = LP2P_YAMUX_INITIAL_WINDOW;
  if (self->parent.promised > 0)
    lp2p_yamux_session_watch_idle ((Lp2pYamuxSession *) session);
}

/* Gives credit back when enough was read, and lets the window grow. */
void
lp2p_yamux_stream_credit (Lp2pQueuedSession *session, Lp2pQueuedStream *stream)
{
  Lp2pYamuxSession *owner = (Lp2pYamuxSession *) session;
  Lp2pYamuxStream *self = (Lp2pYamuxStream *) stream;
  guint32 size;

  if ((stream->pending & LP2P_PENDING_CREDIT) != 0 ||
      !lp2p_yamux_window_is_due (&self->window, get_unread (session, stream)))
    return;

  size = lp2p_yamux_window_propose (&self->window, lp2p_loop_now (session->parent.loop),
                                    owner->parent.rtt, owner->max_window);
  if (!stream->discard)
    size_window (session, self, size);
  lp2p_queued_stream_add_pending (stream, session, LP2P_PENDING_CREDIT);
}

/* SYN and ACK ride on the data. */
static guint16
take_flags (Lp2pFramedSession *session, Lp2pQueuedStream *stream)
{
  guint16 flags = 0;

  if (stream->pending & LP2P_PENDING_OPEN)
    {
      /* Streams are opened in the order of their ids. */
      lp2p_framed_session_write_pending_before (session, stream);
      flags |= LP2P_YAMUX_SYN;
    }
  if (stream->pending & LP2P_PENDING_ACCEPT)
    flags |= LP2P_YAMUX_ACK;
  return flags;
}

/* Writes a frame, as large as window and room allow: a peer can have all of it opened where
 * a reader wants it, but for what comes in the record of its head. Others who want to write
 * have @max cut to a quantum. Returns the bytes of its payload, 0 when there is no room, or
 * %LP2P_IO_FAILED. */
gssize
lp2p_yamux_stream_write (Lp2pFramedSession *session, Lp2pQueuedStream *stream, Lp2pVectorCursor *place, gsize max)
{
  guint16 flags = take_flags (session, stream);
  gsize room = lp2p_layer_write_room (session->layer);
  GOutputVector vectors[WRITE_VECTORS];
  guint8 head[LP2P_YAMUX_HEADER_SIZE];
  Lp2pYamuxHeader header;
  gsize size;
  guint n;

  if (session->parent.phase >= LP2P_PHASE_DRAINING)
    return LP2P_IO_FAILED;
  if (room <= LP2P_YAMUX_HEADER_SIZE)
    return 0;
  max = MIN (MIN (max, room - LP2P_YAMUX_HEADER_SIZE), MIN (stream->send_window, FRAME_PAYLOAD_MAX));
  n = lp2p_vector_cursor_take (place, max, vectors + 1, WRITE_VECTORS - 1, &size);
  if (size == 0)
    return 0;

  header = (Lp2pYamuxHeader){ LP2P_YAMUX_DATA, flags, stream->id, (guint32) size };
  lp2p_yamux_header_encode (&header, head);
  vectors[0] = (GOutputVector){ head, sizeof head };
  if (!lp2p_framed_session_writev (session, vectors, 1 + n, sizeof head + size))
    return LP2P_IO_FAILED;
  stream->send_window -= size;
  if (flags != 0)
    {
      stream->pending &= ~(LP2P_PENDING_OPEN | LP2P_PENDING_ACCEPT);
      if (stream->pending == 0)
        lp2p_queued_stream_sent (stream, &session->parent);
    }
  lp2p_yamux_session_saw_data ((Lp2pYamuxSession *) session);
  return size;
}

static gsize
put_window_update (guint16 flags, guint32 id, guint32 length, guint8 *out)
{
  Lp2pYamuxHeader header = { LP2P_YAMUX_WINDOW_UPDATE, flags, id, length };

  lp2p_yamux_header_encode (&header, out);
  return LP2P_YAMUX_HEADER_SIZE;
}

/* All that waits for one stream goes into one frame; a reset behind an end that
 * did not leave yet makes two. */
gsize
lp2p_yamux_stream_put_pending (Lp2pFramedSession *session, Lp2pQueuedStream *stream, guint8 *out)
{
  Lp2pYamuxStream *self = (Lp2pYamuxStream *) stream;
  guint16 flags = 0;
  guint32 delta = 0;
  gsize size = 0;

  if (stream->pending & LP2P_PENDING_OPEN)
    flags |= LP2P_YAMUX_SYN;
  if (stream->pending & LP2P_PENDING_ACCEPT)
    flags |= LP2P_YAMUX_ACK;
  if (stream->pending & LP2P_PENDING_END)
    flags |= LP2P_YAMUX_FIN;
  if (stream->pending & LP2P_PENDING_CREDIT)
    delta = lp2p_yamux_window_grant (&self->window, get_unread (&session->parent, stream),
                                     lp2p_loop_now (session->layer->loop));

  if (flags != 0 || delta != 0)
    size += put_window_update (flags, stream->id, delta, out);
  if (stream->pending & LP2P_PENDING_RESET)
    size += put_window_update (LP2P_YAMUX_RST, stream->id, stream->code, out + size);
  return size;
}
