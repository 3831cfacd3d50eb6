/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-yamux-session-private.h"

/* So that one stream does not keep the others from writing for long, and that a
 * write of the usual size makes one frame. go, rust and js send up to 64, 16 and
 * 64 KiB and take what fits the window. */
#define FRAME_PAYLOAD_MAX (64 * 1024)

/* Frames handed down in one call, as many as the largest records of Noise fill a
 * scratch buffer: these so leave in one system call, and the peer is woken once. */
#define WRITE_FRAMES 4

/* Vectors handed down in one call; fits the stack. */
#define WRITE_VECTORS 64

/* Frames on their way into the layer.
 * @room: what the layer takes beyond them */
typedef struct
{
  guint8 headers[WRITE_FRAMES][LP2P_YAMUX_HEADER_SIZE];
  GOutputVector vectors[WRITE_VECTORS];
  guint n;
  guint n_vectors;
  gsize size;
  gsize room;
} Frames;

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

static void
frames_begin (Frames *self, gsize room)
{
  self->n = 0;
  self->n_vectors = 0;
  self->size = 0;
  self->room = room;
}

/* Adds a frame of at most @max bytes of payload. Returns how many it has, 0 when
 * there is no room for one. */
static gsize
frames_add (Frames *self, Lp2pQueuedStream *stream, guint16 flags, Lp2pVectorCursor *place, gsize max)
{
  GOutputVector *out = self->vectors + self->n_vectors;
  guint left = WRITE_VECTORS - self->n_vectors;
  Lp2pYamuxHeader header;
  gsize size;
  guint n;

  if (self->room <= LP2P_YAMUX_HEADER_SIZE || self->n == WRITE_FRAMES || left < 2)
    return 0;
  max = MIN (max, self->room - LP2P_YAMUX_HEADER_SIZE);
  max = MIN (max, stream->send_window);
  n = lp2p_vector_cursor_take (place, MIN (max, FRAME_PAYLOAD_MAX), out + 1, left - 1, &size);
  if (size == 0)
    return 0;

  header = (Lp2pYamuxHeader){ LP2P_YAMUX_DATA, flags, stream->id, size };
  out[0] = (GOutputVector){ self->headers[self->n], LP2P_YAMUX_HEADER_SIZE };
  lp2p_yamux_header_encode (&header, self->headers[self->n]);
  stream->send_window -= size;
  self->n++;
  self->n_vectors += 1 + n;
  self->size += LP2P_YAMUX_HEADER_SIZE + size;
  self->room -= LP2P_YAMUX_HEADER_SIZE + size;
  return size;
}

/* Writes frames, in one call. Returns the bytes of their payload, 0 when there is
 * no room, or %LP2P_IO_FAILED. */
gssize
lp2p_yamux_stream_write (Lp2pFramedSession *session, Lp2pQueuedStream *stream, Lp2pVectorCursor *place, gsize max)
{
  guint16 flags = take_flags (session, stream);
  gsize payload = 0, size;
  Frames frames;

  if (session->parent.phase >= LP2P_PHASE_DRAINING)
    return LP2P_IO_FAILED;
  frames_begin (&frames, lp2p_layer_write_room (session->layer));
  while (payload < max &&
         (size = frames_add (&frames, stream, payload == 0 ? flags : 0, place, max - payload)) > 0)
    payload += size;
  if (payload == 0)
    return 0;

  if (!lp2p_framed_session_writev (session, frames.vectors, frames.n_vectors, frames.size))
    return LP2P_IO_FAILED;
  if (flags != 0)
    {
      stream->pending &= ~(LP2P_PENDING_OPEN | LP2P_PENDING_ACCEPT);
      if (stream->pending == 0)
        lp2p_queued_stream_sent (stream, &session->parent);
    }
  lp2p_yamux_session_saw_data ((Lp2pYamuxSession *) session);
  return payload;
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
