/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-mplex-session-private.h"

/* The most that one stream says beside its payload: that it is new, and that it
 * ends or is reset; each has a length of one byte. */
#define STREAM_FRAMES_MAX (2 * (LP2P_VARINT_MAX + 1))

/* Of which so many go down in one call. */
#define BATCH_STREAMS 64

/* Refusals that may wait for room. A peer that goes on opening streams without
 * reading that they are refused is cut off. */
#define REFUSED_MAX 256

static gsize
put_frame (guint64 id, Lp2pMplexType type, gboolean from_opener, guint8 *out)
{
  Lp2pMplexHeader header = { type, from_opener, id, 0 };

  return lp2p_mplex_header_encode (&header, out);
}

/* Writes what @pending says to @out. Returns how many bytes. */
gsize
lp2p_mplex_stream_put_frames (Lp2pMplexStream *stream, guint8 pending, guint8 *out)
{
  guint64 id = (guint64) stream->key >> 1;
  gboolean ours = lp2p_mplex_stream_is_ours (stream);
  gsize n = 0;

  if (pending & LP2P_MPLEX_PENDING_NEW)
    n += put_frame (id, LP2P_MPLEX_NEW_STREAM, TRUE, out + n);
  if (pending & LP2P_MPLEX_PENDING_CLOSE)
    n += put_frame (id, LP2P_MPLEX_CLOSE, ours, out + n);
  if (pending & LP2P_MPLEX_PENDING_RESET)
    n += put_frame (id, LP2P_MPLEX_RESET, ours, out + n);
  return n;
}

/* Queues a refusal. Returns whether there was place for it. */
gboolean
lp2p_mplex_session_refuse (Lp2pMplexSession *self, guint64 id)
{
  if (self->refused == NULL)
    self->refused = g_array_new (FALSE, FALSE, sizeof id);
  if (self->refused->len >= REFUSED_MAX)
    return FALSE;
  g_array_append_val (self->refused, id);
  lp2p_mplex_session_want_pump (self);
  return TRUE;
}

static gboolean
write_batch (Lp2pMplexSession *self, const guint8 *bytes, gsize size)
{
  if (size == 0 ||
      lp2p_muxer_output_writev (&self->output, &(GOutputVector){ bytes, size }, 1, size))
    return TRUE;
  lp2p_mplex_session_layer_failed (self);
  return FALSE;
}

static void
write_refusals (Lp2pMplexSession *self)
{
  gsize room = lp2p_layer_write_room (self->layer);
  guint8 bytes[REFUSED_MAX * STREAM_FRAMES_MAX / 2];
  gsize size = 0;
  guint n = 0;

  if (self->refused == NULL)
    return;
  while (n < self->refused->len && room - size >= STREAM_FRAMES_MAX)
    size += put_frame (g_array_index (self->refused, guint64, n++), LP2P_MPLEX_RESET, FALSE,
                       bytes + size);
  if (n == self->refused->len)
    g_clear_pointer (&self->refused, g_array_unref);
  else
    g_array_remove_range (self->refused, 0, n);
  write_batch (self, bytes, size);
}

/* Writes one call's worth. Returns whether there may be more. */
static gboolean
write_streams (Lp2pMplexSession *self)
{
  gsize room = lp2p_layer_write_room (self->layer);
  guint8 bytes[BATCH_STREAMS * STREAM_FRAMES_MAX];
  Lp2pMplexStream *stream;
  gsize size = 0;

  while ((stream = g_queue_peek_head (&self->control)) != NULL &&
         MIN (room, sizeof bytes) - size >= STREAM_FRAMES_MAX)
    {
      size += lp2p_mplex_stream_put_frames (stream, stream->pending, bytes + size);
      lp2p_mplex_stream_sent (self, stream);
    }
  return write_batch (self, bytes, size) && size > 0 && self->control.length > 0;
}

/* Writes what is not payload, as far as the layer has room. */
static void
write_control (Lp2pMplexSession *self)
{
  write_refusals (self);
  while (self->phase != LP2P_MPLEX_OVER && write_streams (self))
    continue;
}

/* Tells as many streams as there is room for that they can write. */
static void
give_turns (Lp2pMplexSession *self)
{
  const Lp2pMuxerEvents *events = self->parent.events;
  gsize room = lp2p_layer_write_room (self->layer);

  while (self->output.turns.length > 0 && room > 2 * LP2P_MPLEX_HEADER_MAX)
    {
      Lp2pMplexStream *stream = lp2p_muxer_output_pop (&self->output);

      if ((stream->want & LP2P_READY_WRITE) == 0 || stream->write_side != LP2P_MPLEX_SIDE_OPEN)
        continue;
      stream->turn.quantum = LP2P_MUXER_QUANTUM;
      stream->blocked = FALSE;
      room -= MIN (room, LP2P_MUXER_QUANTUM + LP2P_MPLEX_HEADER_MAX);
      if (events != NULL && events->stream_ready != NULL)
        events->stream_ready (&self->parent, &stream->parent, LP2P_READY_WRITE,
                              self->parent.events_data);
    }
}

/* The pump */

gboolean
lp2p_mplex_session_is_unsent (Lp2pMplexSession *self)
{
  return self->phase != LP2P_MPLEX_OVER && (self->output.dirty || self->output.flushing ||
                                            self->control.length > 0 || self->refused != NULL);
}

/* Returns whether the session goes on. */
static gboolean
flush (Lp2pMplexSession *self)
{
  if (lp2p_muxer_output_flush (&self->output))
    return TRUE;
  lp2p_mplex_session_layer_failed (self);
  return FALSE;
}

/* What found no room, and streams that got no turn, come again: when the layer
 * announces room, or else behind those whose turn it is. */
static void
come_again (Lp2pMplexSession *self)
{
  Lp2pReady reading = self->stalled_at < 0 ? LP2P_READY_READ : LP2P_READY_NONE;
  gboolean waiting =
      self->output.turns.length > 0 || self->control.length > 0 || self->refused != NULL;

  if (self->output.flushing || (waiting && self->output.blocked_room <= 2 * LP2P_MPLEX_HEADER_MAX))
    reading |= LP2P_READY_WRITE;
  else if (waiting)
    lp2p_mplex_session_want_pump (self);
  lp2p_muxer_output_want (&self->output, reading);
}

/* The sending direction ends. Whoever closes a socket whose peer still sends resets
 * it, and the peer may lose what it has not read: so an orderly end waits for that
 * of the peer. */
static void
pump_last (Lp2pMplexSession *self)
{
  int result;

  if (self->control.length > 0 || self->refused != NULL)
    {
      if (flush (self))
        come_again (self);
      return;
    }
  result = lp2p_layer_shutdown_write (self->layer);
  if (result == LP2P_IO_AGAIN)
    {
      lp2p_muxer_output_want (&self->output, LP2P_READY_READ | LP2P_READY_WRITE);
      return;
    }
  self->lingering = result == 0;
  if (self->lingering)
    lp2p_muxer_output_want (&self->output, LP2P_READY_READ);
  else
    lp2p_mplex_session_finish (self);
}

static void
tell_sent (Lp2pMplexSession *self)
{
  if (!self->unsent_asked || lp2p_mplex_session_is_unsent (self))
    return;
  self->unsent_asked = FALSE;
  lp2p_mplex_session_want_pump (self);
}

void
lp2p_mplex_session_pump_output (Lp2pMuxerSession *session)
{
  Lp2pMplexSession *self = (Lp2pMplexSession *) session;

  self->pump_wanted = FALSE;
  if (self->phase == LP2P_MPLEX_OVER)
    return;
  write_control (self);
  if (self->phase == LP2P_MPLEX_DRAINING)
    {
      pump_last (self);
      return;
    }
  if (self->phase == LP2P_MPLEX_OVER || !flush (self))
    return;

  give_turns (self);
  come_again (self);
  tell_sent (self);
}
