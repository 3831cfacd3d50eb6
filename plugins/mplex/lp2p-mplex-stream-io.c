/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-mplex-session-private.h"

#include <glib/gi18n-lib.h>

/* rust, js, nim and py take messages of 1 MiB, but each of them only as a whole:
 * it waits in memory until its last byte is there, py gives the connection up if
 * that takes five seconds, and nothing of other streams comes in between. With
 * this size the head still costs nothing, and slow paths stay usable. */
#define MESSAGE_PAYLOAD_MAX (64 * 1024)

/* Vectors handed down in one call; fits the stack. */
#define MESSAGE_VECTORS 64

gssize
lp2p_mplex_stream_readv (Lp2pMuxerSession *session,
                         Lp2pMuxerStream *stream,
                         const GInputVector *vectors,
                         guint n_vectors)
{
  Lp2pMplexStream *self = (Lp2pMplexStream *) stream;
  gsize n;

  if (self->queue.size > 0)
    {
      n = lp2p_byte_queue_read (&self->queue, vectors, n_vectors);
      lp2p_mplex_stream_taken ((Lp2pMplexSession *) session, self);
      return n;
    }

  switch ((Lp2pMplexSide) self->read_side)
    {
    case LP2P_MPLEX_SIDE_OPEN:
      return self->discard ? 0 : LP2P_IO_AGAIN;
    case LP2P_MPLEX_SIDE_ENDED:
      return 0;
    default:
      return LP2P_IO_FAILED;
    }
}

/* Writes one message, behind the one that opens the stream where that has not
 * left yet. Returns the bytes of its payload, 0 when there is no room, or
 * %LP2P_IO_FAILED. */
static gssize
write_message (Lp2pMplexSession *session, Lp2pMplexStream *self, Lp2pVectorCursor *place, gsize max)
{
  guint8 opening = self->pending & LP2P_MPLEX_PENDING_NEW;
  gsize room = lp2p_layer_write_room (session->layer);
  guint8 bytes[2 * LP2P_MPLEX_HEADER_MAX];
  GOutputVector out[1 + MESSAGE_VECTORS] = { { bytes, 0 } };
  Lp2pMplexHeader header;
  gsize size;
  guint n;

  if (room <= sizeof bytes)
    return 0;

  max = MIN (max, room - sizeof bytes);
  n = lp2p_vector_cursor_take (place, MIN (max, MESSAGE_PAYLOAD_MAX), out + 1, MESSAGE_VECTORS,
                               &size);
  header = (Lp2pMplexHeader){ LP2P_MPLEX_MESSAGE, lp2p_mplex_stream_is_ours (self),
                              (guint64) self->key >> 1, size };
  out[0].size = lp2p_mplex_stream_put_frames (self, opening, bytes);
  out[0].size += lp2p_mplex_header_encode (&header, bytes + out[0].size);

  if (!lp2p_muxer_output_writev (&session->output, out, 1 + n, out[0].size + size))
    {
      lp2p_mplex_session_layer_failed (session);
      return LP2P_IO_FAILED;
    }
  self->pending &= ~opening;
  if (opening != 0 && self->pending == 0)
    lp2p_mplex_stream_sent (session, self);
  return size;
}

gssize
lp2p_mplex_stream_writev (Lp2pMuxerSession *session,
                          Lp2pMuxerStream *stream,
                          const GOutputVector *vectors,
                          guint n_vectors)
{
  Lp2pMplexSession *owner = (Lp2pMplexSession *) session;
  Lp2pMplexStream *self = (Lp2pMplexStream *) stream;
  Lp2pVectorCursor place = { vectors, n_vectors, 0 };
  gsize total = lp2p_output_vectors_get_size (vectors, n_vectors);
  gsize limit = MIN (total, lp2p_muxer_output_get_limit (&owner->output, &self->turn));
  gsize written = 0;

  if (self->write_side != LP2P_MPLEX_SIDE_OPEN || owner->phase != LP2P_MPLEX_OPEN)
    return LP2P_IO_FAILED;

  while (written < limit)
    {
      gssize n = write_message (owner, self, &place, limit - written);

      if (n < 0)
        return n;
      if (n == 0)
        break;
      written += n;
    }

  self->turn.quantum -= MIN (self->turn.quantum, written);
  self->blocked = written < total;
  if (self->blocked && (self->want & LP2P_READY_WRITE) != 0)
    lp2p_muxer_output_queue (&owner->output, &self->turn, self);
  lp2p_mplex_session_want_pump (owner);
  return written == 0 && total > 0 ? LP2P_IO_AGAIN : (gssize) written;
}

/* What can be done already is announced at once for reading; for writing in the
 * stream's turn. */
void
lp2p_mplex_stream_want (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, Lp2pReady ready)
{
  Lp2pMplexSession *owner = (Lp2pMplexSession *) session;
  Lp2pMplexStream *self = (Lp2pMplexStream *) stream;
  Lp2pReady now = LP2P_READY_NONE;

  self->want = ready;
  if (self->queue.size > 0 || self->read_side != LP2P_MPLEX_SIDE_OPEN || self->discard)
    now |= LP2P_READY_READ;
  if (self->write_side != LP2P_MPLEX_SIDE_OPEN)
    now |= LP2P_READY_WRITE;
  now &= ready;
  if (now != LP2P_READY_NONE && session->events != NULL && session->events->stream_ready != NULL)
    session->events->stream_ready (session, stream, now, session->events_data);
  if ((ready & LP2P_READY_WRITE) == 0 || (now & LP2P_READY_WRITE) != 0)
    return;
  self->blocked = TRUE;
  lp2p_muxer_output_queue (&owner->output, &self->turn, self);
  lp2p_mplex_session_want_pump (owner);
}

int
lp2p_mplex_stream_shutdown_write (Lp2pMuxerSession *session, Lp2pMuxerStream *stream)
{
  Lp2pMplexSession *owner = (Lp2pMplexSession *) session;
  Lp2pMplexStream *self = (Lp2pMplexStream *) stream;

  if (self->write_side == LP2P_MPLEX_SIDE_ENDED)
    return 0;
  if (self->write_side != LP2P_MPLEX_SIDE_OPEN || owner->phase != LP2P_MPLEX_OPEN)
    return LP2P_IO_FAILED;
  self->write_side = LP2P_MPLEX_SIDE_ENDED;
  lp2p_mplex_stream_add_pending (owner, self, LP2P_MPLEX_PENDING_CLOSE);
  return 0;
}

void
lp2p_mplex_stream_stop_reading (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint32 code)
{
  Lp2pMplexStream *self = (Lp2pMplexStream *) stream;

  self->discard = TRUE;
  lp2p_byte_queue_clear (&self->queue);
  lp2p_mplex_stream_taken ((Lp2pMplexSession *) session, self);
}

void
lp2p_mplex_stream_reset (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint32 code)
{
  Lp2pMplexSession *owner = (Lp2pMplexSession *) session;
  Lp2pMplexStream *self = (Lp2pMplexStream *) stream;

  lp2p_byte_queue_clear (&self->queue);
  lp2p_mplex_stream_taken (owner, self);
  lp2p_mplex_stream_reset_with (
      owner, self, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The stream was reset")));
}

void
lp2p_mplex_stream_release (Lp2pMuxerSession *session, Lp2pMuxerStream *stream)
{
  lp2p_mplex_stream_let_go ((Lp2pMplexSession *) session, (Lp2pMplexStream *) stream);
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
lp2p_mplex_stream_get_error (Lp2pMuxerSession *session,
                             Lp2pMuxerStream *stream,
                             Lp2pReady side,
                             guint32 *code)
{
  Lp2pMplexStream *self = (Lp2pMplexStream *) stream;
  Lp2pMplexSide state = side & LP2P_READY_READ ? self->read_side : self->write_side;

  if (code != NULL)
    *code = 0;
  if (state == LP2P_MPLEX_SIDE_ENDED && (side & LP2P_READY_READ) == 0)
    return get_ended_error ();
  if (state != LP2P_MPLEX_SIDE_RESET)
    return NULL;
  return self->error != NULL ? self->error : ((Lp2pMplexSession *) session)->error;
}
