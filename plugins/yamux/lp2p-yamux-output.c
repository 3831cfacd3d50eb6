/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-yamux-session-private.h"

/* Control frames that go down in one call. */
#define BATCH_FRAMES 64

/* Answers that may wait for room. A peer that goes on asking without reading the
 * answers is cut off. */
#define REPLIES_MAX 256

/* Frames on their way into the layer.
 * @room: what the layer takes beyond them */
typedef struct
{
  guint8 bytes[BATCH_FRAMES * LP2P_YAMUX_HEADER_SIZE];
  gsize size;
  gsize room;
} Batch;

static void
batch_begin (Batch *self, Lp2pYamuxSession *session)
{
  self->size = 0;
  self->room = lp2p_layer_write_room (session->layer);
}

static gboolean
batch_end (Batch *self, Lp2pYamuxSession *session)
{
  if (self->size == 0)
    return TRUE;
  if (!lp2p_muxer_output_writev (&session->output, &(GOutputVector){ self->bytes, self->size }, 1,
                                 self->size))
    {
      lp2p_yamux_session_layer_failed (session);
      return FALSE;
    }
  self->size = 0;
  return TRUE;
}

/* Makes sure that @n frames fit. */
static gboolean
batch_fits (Batch *self, Lp2pYamuxSession *session, guint n)
{
  if (self->room < n * LP2P_YAMUX_HEADER_SIZE)
    return FALSE;
  if (self->size + n * LP2P_YAMUX_HEADER_SIZE > sizeof self->bytes)
    return batch_end (self, session);
  return TRUE;
}

static void
batch_add (Batch *self, Lp2pYamuxType type, guint16 flags, guint32 stream_id, guint32 length)
{
  Lp2pYamuxHeader header = { type, flags, stream_id, length };

  lp2p_yamux_header_encode (&header, self->bytes + self->size);
  self->size += LP2P_YAMUX_HEADER_SIZE;
  self->room -= LP2P_YAMUX_HEADER_SIZE;
}

/* Queues an answer. Returns whether there was place for it. */
gboolean
lp2p_yamux_session_reply (Lp2pYamuxSession *self, const Lp2pYamuxHeader *header)
{
  guint8 bytes[LP2P_YAMUX_HEADER_SIZE];

  if (self->replies != NULL && self->replies->len >= REPLIES_MAX * sizeof bytes)
    lp2p_yamux_session_write_control (self);
  if (self->phase >= LP2P_YAMUX_DRAINING)
    return TRUE;
  if (self->replies == NULL)
    self->replies = g_byte_array_new ();
  if (self->replies->len >= REPLIES_MAX * sizeof bytes)
    return FALSE;

  lp2p_yamux_header_encode (header, bytes);
  g_byte_array_append (self->replies, bytes, sizeof bytes);
  lp2p_yamux_session_want_pump (self);
  return TRUE;
}

static void
write_replies (Lp2pYamuxSession *self)
{
  gsize room = lp2p_layer_write_room (self->layer);
  gsize size;

  if (self->replies == NULL)
    return;
  size = MIN (self->replies->len, room - room % LP2P_YAMUX_HEADER_SIZE);
  if (size == 0)
    return;
  if (!lp2p_muxer_output_writev (&self->output, &(GOutputVector){ self->replies->data, size }, 1, size))
    {
      lp2p_yamux_session_layer_failed (self);
      return;
    }
  if (size == self->replies->len)
    g_clear_pointer (&self->replies, g_byte_array_unref);
  else
    g_byte_array_remove_range (self->replies, 0, size);
}

static void
add_ping (Lp2pYamuxSession *self, Batch *batch)
{
  gint64 now = lp2p_loop_now (self->parent.loop);

  if (!self->ping_wanted || self->ping_sent >= 0 || !batch_fits (batch, self, 1))
    return;
  batch_add (batch, LP2P_YAMUX_PING, LP2P_YAMUX_SYN, 0, ++self->ping_id);
  self->ping_wanted = FALSE;
  self->ping_sent = now;
  if (self->options.keepalive_interval > 0)
    self->ping_at = now + self->options.keepalive_interval;
}

/* All that waits for one stream goes into one frame; a reset behind an end that
 * did not leave yet makes two. */
static gboolean
add_stream_frames (Lp2pYamuxSession *self, Batch *batch, Lp2pYamuxStream *stream)
{
  guint16 flags = 0;
  guint32 delta = 0;

  if (!batch_fits (batch, self, 2))
    return FALSE;

  if (stream->pending & LP2P_YAMUX_PENDING_SYN)
    flags |= LP2P_YAMUX_SYN;
  if (stream->pending & LP2P_YAMUX_PENDING_ACK)
    flags |= LP2P_YAMUX_ACK;
  if (stream->pending & LP2P_YAMUX_PENDING_FIN)
    flags |= LP2P_YAMUX_FIN;
  if (stream->pending & LP2P_YAMUX_PENDING_WINDOW)
    delta = lp2p_yamux_window_grant (&stream->window, stream->queue.size,
                                     lp2p_loop_now (self->parent.loop));

  if (flags != 0 || delta != 0)
    batch_add (batch, LP2P_YAMUX_WINDOW_UPDATE, flags, stream->id, delta);
  if (stream->pending & LP2P_YAMUX_PENDING_RST)
    batch_add (batch, LP2P_YAMUX_WINDOW_UPDATE, LP2P_YAMUX_RST, stream->id, stream->code);
  lp2p_yamux_stream_sent (self, stream);
  return TRUE;
}

/* Writes the control frames of streams up to @before, or all. */
static void
write_streams (Lp2pYamuxSession *self, Batch *batch, Lp2pYamuxStream *before)
{
  Lp2pYamuxStream *stream;

  while ((stream = g_queue_peek_head (&self->control)) != NULL && stream != before)
    if (!add_stream_frames (self, batch, stream))
      break;
}

void
lp2p_yamux_session_write_control_before (Lp2pYamuxSession *self, Lp2pYamuxStream *stream)
{
  Batch batch;

  if (g_queue_peek_head (&self->control) == stream)
    return;
  batch_begin (&batch, self);
  write_streams (self, &batch, stream);
  batch_end (&batch, self);
}

static void
add_go_away (Lp2pYamuxSession *self, Batch *batch)
{
  if (!self->go_away_wanted || self->control.length > 0 || !batch_fits (batch, self, 1))
    return;
  batch_add (batch, LP2P_YAMUX_GO_AWAY, 0, 0, self->go_away_code);
  self->go_away_wanted = FALSE;
}

/* Writes what is not payload, as far as the layer has room. */
void
lp2p_yamux_session_write_control (Lp2pYamuxSession *self)
{
  Batch batch;

  write_replies (self);
  if (self->phase == LP2P_YAMUX_OVER)
    return;
  batch_begin (&batch, self);
  add_ping (self, &batch);
  write_streams (self, &batch, NULL);
  add_go_away (self, &batch);
  batch_end (&batch, self);
}

/* Turns */

void
lp2p_yamux_session_queue_turn (Lp2pYamuxSession *self, Lp2pYamuxStream *stream)
{
  lp2p_muxer_output_queue (&self->output, &stream->turn, stream);
  lp2p_yamux_session_want_pump (self);
}

/* Tells as many streams as there is room for that they can write. */
static void
give_turns (Lp2pYamuxSession *self)
{
  const Lp2pMuxerEvents *events = self->parent.events;
  gsize room = lp2p_layer_write_room (self->layer);

  while (self->output.turns.length > 0 && room > LP2P_YAMUX_HEADER_SIZE)
    {
      Lp2pYamuxStream *stream = lp2p_muxer_output_pop (&self->output);

      if ((stream->want & LP2P_READY_WRITE) == 0 || stream->send_window == 0 ||
          stream->write_side != LP2P_YAMUX_SIDE_OPEN)
        continue;
      stream->turn.quantum = LP2P_MUXER_QUANTUM;
      stream->blocked = FALSE;
      room -= MIN (room, LP2P_MUXER_QUANTUM + (gsize) LP2P_YAMUX_HEADER_SIZE);
      if (events != NULL && events->stream_ready != NULL)
        events->stream_ready (&self->parent, &stream->parent, LP2P_READY_WRITE,
                              self->parent.events_data);
    }
}

/* The pump */

gboolean
lp2p_yamux_session_is_unsent (Lp2pYamuxSession *self)
{
  return self->phase != LP2P_YAMUX_OVER &&
         (self->output.dirty || self->output.flushing || self->control.length > 0 || self->replies != NULL);
}

/* Returns whether the session goes on. */
static gboolean
flush (Lp2pYamuxSession *self)
{
  if (lp2p_muxer_output_flush (&self->output))
    return TRUE;
  lp2p_yamux_session_layer_failed (self);
  return FALSE;
}

/* What found no room, and streams that got no turn, come again: when the layer
 * announces room, or else behind those whose turn it is. */
static void
come_again (Lp2pYamuxSession *self)
{
  gboolean waiting = self->output.turns.length > 0 || self->control.length > 0 || self->replies != NULL ||
                     self->go_away_wanted;

  if (!self->output.flushing && !waiting)
    lp2p_muxer_output_want (&self->output, LP2P_READY_READ);
  else if (self->output.flushing || self->output.blocked_room < 2 * LP2P_YAMUX_HEADER_SIZE)
    lp2p_muxer_output_want (&self->output, LP2P_READY_READ | LP2P_READY_WRITE);
  else
    lp2p_yamux_session_want_pump (self);
}

/* The go-away leaves, then the sending direction ends. Whoever closes a socket
 * whose peer still sends resets it, and the peer may lose what it has not read: so
 * an orderly end waits for that of the peer. */
static void
pump_last (Lp2pYamuxSession *self)
{
  int result;

  if (self->go_away_wanted)
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
  self->lingering = result == 0 && self->orderly;
  if (self->lingering)
    lp2p_muxer_output_want (&self->output, LP2P_READY_READ);
  else
    lp2p_yamux_session_finish (self);
}

static void
tell_sent (Lp2pYamuxSession *self)
{
  if (!self->unsent_asked || lp2p_yamux_session_is_unsent (self))
    return;
  self->unsent_asked = FALSE;
  lp2p_yamux_session_want_pump (self);
}

void
lp2p_yamux_session_pump_output (Lp2pMuxerSession *session)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;

  self->pump_wanted = FALSE;
  if (self->phase == LP2P_YAMUX_OVER)
    return;
  if (self->phase == LP2P_YAMUX_PEER_GOING && self->n_live == self->n_zombies)
    session->klass->close (session, LP2P_YAMUX_NORMAL, "the peer went away");

  lp2p_yamux_session_write_control (self);
  if (self->phase == LP2P_YAMUX_DRAINING)
    {
      pump_last (self);
      return;
    }
  if (self->phase == LP2P_YAMUX_OVER || !flush (self))
    return;

  give_turns (self);
  come_again (self);
  tell_sent (self);
}
