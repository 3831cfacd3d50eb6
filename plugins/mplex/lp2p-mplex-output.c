/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-mplex-session-private.h"

/* rust, js, nim and py take messages of 1 MiB, but each of them only as a whole:
 * it waits in memory until its last byte is there, py gives the connection up if
 * that takes five seconds, and nothing of other streams comes in between. With
 * this size the head still costs nothing, and slow paths stay usable. */
#define MESSAGE_PAYLOAD_MAX (64 * 1024)

/* Vectors handed down in one call; fits the stack. */
#define MESSAGE_VECTORS 64

static gsize
put_frame (gint64 key, Lp2pMplexType type, gsize length, guint8 *out)
{
  Lp2pMplexHeader header = { type, (key & 1) != 0, (guint64) key >> 1, length };

  return lp2p_mplex_header_encode (&header, out);
}

/* Writes one message, behind the one that opens the stream where that has not
 * left yet. Returns the bytes of its payload, 0 when there is no room, or
 * %LP2P_IO_FAILED. */
gssize
lp2p_mplex_stream_write (Lp2pFramedSession *session, Lp2pQueuedStream *stream, Lp2pVectorCursor *place, gsize max)
{
  guint8 opening = stream->pending & LP2P_PENDING_OPEN;
  gsize room = lp2p_layer_write_room (session->layer);
  guint8 bytes[2 * LP2P_MPLEX_HEADER_MAX];
  GOutputVector out[1 + MESSAGE_VECTORS] = { { bytes, 0 } };
  gsize size;
  guint n;

  if (room <= sizeof bytes)
    return 0;

  max = MIN (max, room - sizeof bytes);
  n = lp2p_vector_cursor_take (place, MIN (max, MESSAGE_PAYLOAD_MAX), out + 1, MESSAGE_VECTORS,
                               &size);
  if (opening != 0)
    out[0].size += put_frame (stream->id, LP2P_MPLEX_NEW_STREAM, 0, bytes);
  out[0].size += put_frame (stream->id, LP2P_MPLEX_MESSAGE, size, bytes + out[0].size);

  if (!lp2p_framed_session_writev (session, out, 1 + n, out[0].size + size))
    return LP2P_IO_FAILED;
  stream->pending &= ~opening;
  if (opening != 0 && stream->pending == 0)
    lp2p_queued_stream_sent (stream, &session->parent);
  return size;
}

gsize
lp2p_mplex_stream_put_pending (Lp2pFramedSession *session, Lp2pQueuedStream *stream, guint8 *out)
{
  gsize n = 0;

  if (stream->pending & LP2P_PENDING_OPEN)
    n += put_frame (stream->id, LP2P_MPLEX_NEW_STREAM, 0, out + n);
  if (stream->pending & LP2P_PENDING_END)
    n += put_frame (stream->id, LP2P_MPLEX_CLOSE, 0, out + n);
  if (stream->pending & LP2P_PENDING_RESET)
    n += put_frame (stream->id, LP2P_MPLEX_RESET, 0, out + n);
  return n;
}

gsize
lp2p_mplex_session_put_refusal (Lp2pFramedSession *session, gconstpointer id, guint8 *out)
{
  return put_frame (lp2p_mplex_key (*(const guint64 *) id, FALSE), LP2P_MPLEX_RESET, 0, out);
}
