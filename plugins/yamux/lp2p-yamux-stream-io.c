/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-yamux-session-private.h"

#include <glib/gi18n-lib.h>

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

gssize
lp2p_yamux_stream_readv (Lp2pMuxerSession *session,
                         Lp2pMuxerStream *stream,
                         const GInputVector *vectors,
                         guint n_vectors)
{
  Lp2pYamuxStream *self = (Lp2pYamuxStream *) stream;
  gsize n;

  if (self->queue.size > 0)
    {
      n = lp2p_byte_queue_read (&self->queue, vectors, n_vectors);
      lp2p_yamux_stream_credit ((Lp2pYamuxSession *) session, self);
      return n;
    }

  switch ((Lp2pYamuxSide) self->read_side)
    {
    case LP2P_YAMUX_SIDE_OPEN:
      return self->discard ? 0 : LP2P_IO_AGAIN;
    case LP2P_YAMUX_SIDE_ENDED:
      return 0;
    default:
      return LP2P_IO_FAILED;
    }
}

/* SYN and ACK ride on the data. */
static guint16
take_flags (Lp2pYamuxSession *session, Lp2pYamuxStream *self)
{
  guint16 flags = 0;

  if (self->pending & LP2P_YAMUX_PENDING_SYN)
    {
      /* Streams are opened in the order of their ids. */
      lp2p_yamux_session_write_control_before (session, self);
      flags |= LP2P_YAMUX_SYN;
    }
  if (self->pending & LP2P_YAMUX_PENDING_ACK)
    flags |= LP2P_YAMUX_ACK;
  return flags;
}

/* Adds a frame of at most @max bytes of payload. Returns how many it has, 0 when
 * there is no room for one. */
static gsize
frames_add (Frames *self, Lp2pYamuxStream *stream, guint16 flags, Lp2pVectorCursor *place, gsize max)
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
static gssize
write_frames (Lp2pYamuxSession *session, Lp2pYamuxStream *self, Lp2pVectorCursor *place, gsize max)
{
  guint16 flags = take_flags (session, self);
  Frames frames = { .room = lp2p_layer_write_room (session->layer) };
  gsize payload = 0, size;

  if (session->phase >= LP2P_YAMUX_DRAINING)
    return LP2P_IO_FAILED;
  while (payload < max &&
         (size = frames_add (&frames, self, payload == 0 ? flags : 0, place, max - payload)) > 0)
    payload += size;
  if (payload == 0)
    return 0;

  if (!lp2p_muxer_output_writev (&session->output, frames.vectors, frames.n_vectors, frames.size))
    {
      lp2p_yamux_session_layer_failed (session);
      return LP2P_IO_FAILED;
    }
  if (flags != 0)
    {
      self->pending &= ~(LP2P_YAMUX_PENDING_SYN | LP2P_YAMUX_PENDING_ACK);
      if (self->pending == 0)
        lp2p_yamux_stream_sent (session, self);
    }
  return payload;
}

gssize
lp2p_yamux_stream_writev (Lp2pMuxerSession *session,
                          Lp2pMuxerStream *stream,
                          const GOutputVector *vectors,
                          guint n_vectors)
{
  Lp2pYamuxSession *owner = (Lp2pYamuxSession *) session;
  Lp2pYamuxStream *self = (Lp2pYamuxStream *) stream;
  Lp2pVectorCursor place = { vectors, n_vectors, 0 };
  gsize total = lp2p_output_vectors_get_size (vectors, n_vectors);
  gsize limit = MIN (total, lp2p_muxer_output_get_limit (&owner->output, &self->turn));
  gsize written = 0;

  if (self->write_side != LP2P_YAMUX_SIDE_OPEN || owner->phase >= LP2P_YAMUX_DRAINING)
    return LP2P_IO_FAILED;
  if (total == 0)
    return 0;

  while (written < limit && self->send_window > 0)
    {
      gssize n = write_frames (owner, self, &place, limit - written);

      if (n < 0)
        return n;
      if (n == 0)
        break;
      written += n;
    }

  self->turn.quantum -= MIN (self->turn.quantum, written);
  self->blocked = written < total;
  if (self->blocked && self->send_window > 0 && (self->want & LP2P_READY_WRITE) != 0)
    lp2p_yamux_session_queue_turn (owner, self);
  if (written == 0)
    return LP2P_IO_AGAIN;
  lp2p_yamux_session_saw_data (owner);
  lp2p_yamux_session_want_pump (owner);
  return written;
}

/* What can be done already is announced at once for reading; for writing in the
 * stream's turn. */
void
lp2p_yamux_stream_want (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, Lp2pReady ready)
{
  Lp2pYamuxSession *owner = (Lp2pYamuxSession *) session;
  Lp2pYamuxStream *self = (Lp2pYamuxStream *) stream;
  Lp2pReady now = LP2P_READY_NONE;

  self->want = ready;
  if (self->queue.size > 0 || self->read_side != LP2P_YAMUX_SIDE_OPEN || self->discard)
    now |= LP2P_READY_READ;
  if (self->write_side != LP2P_YAMUX_SIDE_OPEN)
    now |= LP2P_READY_WRITE;
  now &= ready;
  if (now != LP2P_READY_NONE && session->events != NULL && session->events->stream_ready != NULL)
    session->events->stream_ready (session, stream, now, session->events_data);
  if ((ready & LP2P_READY_WRITE) == 0 || (now & LP2P_READY_WRITE) != 0)
    return;
  self->blocked = TRUE;
  if (self->send_window > 0)
    lp2p_yamux_session_queue_turn (owner, self);
}

int
lp2p_yamux_stream_shutdown_write (Lp2pMuxerSession *session, Lp2pMuxerStream *stream)
{
  Lp2pYamuxSession *owner = (Lp2pYamuxSession *) session;
  Lp2pYamuxStream *self = (Lp2pYamuxStream *) stream;

  if (self->write_side == LP2P_YAMUX_SIDE_ENDED)
    return 0;
  if (self->write_side != LP2P_YAMUX_SIDE_OPEN || owner->phase >= LP2P_YAMUX_DRAINING)
    return LP2P_IO_FAILED;
  self->write_side = LP2P_YAMUX_SIDE_ENDED;
  lp2p_yamux_stream_add_pending (owner, self, LP2P_YAMUX_PENDING_FIN);
  return 0;
}

void
lp2p_yamux_stream_stop_reading (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint32 code)
{
  Lp2pYamuxSession *owner = (Lp2pYamuxSession *) session;
  Lp2pYamuxStream *self = (Lp2pYamuxStream *) stream;

  if (self->discard)
    return;
  self->discard = TRUE;
  self->code = code;
  lp2p_byte_queue_clear (&self->queue);
  lp2p_yamux_stream_credit (owner, self);
}

void
lp2p_yamux_stream_reset (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint32 code)
{
  Lp2pYamuxSession *owner = (Lp2pYamuxSession *) session;
  Lp2pYamuxStream *self = (Lp2pYamuxStream *) stream;

  lp2p_byte_queue_clear (&self->queue);
  lp2p_yamux_stream_credit (owner, self);
  lp2p_yamux_stream_reset_with (
      owner, self, code,
      g_error_new (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The stream was reset with code %u"), code));
}

void
lp2p_yamux_stream_release (Lp2pMuxerSession *session, Lp2pMuxerStream *stream)
{
  lp2p_yamux_stream_let_go ((Lp2pYamuxSession *) session, (Lp2pYamuxStream *) stream);
}

static const GError *
get_ended_error (void)
{
  static GError *error;

  if (g_once_init_enter (&error))
    g_once_init_leave (&error, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED,
                                                    _("The stream's writing side is closed")));
  return error;
}

const GError *
lp2p_yamux_stream_get_error (Lp2pMuxerSession *session,
                             Lp2pMuxerStream *stream,
                             Lp2pReady side,
                             guint32 *code)
{
  Lp2pYamuxSession *owner = (Lp2pYamuxSession *) session;
  Lp2pYamuxStream *self = (Lp2pYamuxStream *) stream;
  Lp2pYamuxSide state = side & LP2P_READY_READ ? self->read_side : self->write_side;

  if (code != NULL)
    *code = 0;
  if (state == LP2P_YAMUX_SIDE_ENDED && (side & LP2P_READY_READ) == 0)
    return get_ended_error ();
  if (state != LP2P_YAMUX_SIDE_RESET)
    return NULL;
  if (code != NULL)
    *code = self->error != NULL ? self->remote_code : owner->remote_code;
  return self->error != NULL ? self->error : owner->error;
}
