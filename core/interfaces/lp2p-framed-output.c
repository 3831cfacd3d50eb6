/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a session writes to its layer: many frames leave in one flush, streams take
 * turns, and a peer that takes nothing is noticed. */

#include "interfaces/lp2p-framed-session-private.h"

#include "types/lp2p-i18n-private.h"

/* What is not payload and goes down in one call. */
#define BATCH_SIZE 1024

/* Replies that may wait for room. A peer that goes on asking without reading the
 * answers is cut off. */
#define REPLIES_MAX 256

/* Frames on their way into the layer.
 * @room: what the layer takes beyond them */
typedef struct
{
  guint8 bytes[BATCH_SIZE];
  gsize size;
  gsize room;
} Batch;

/**
 * lp2p_framed_session_writev: (skip)
 * @self: a session
 * @vectors: (array length=n_vectors): whole frames
 * @n_vectors: how many vectors
 * @size: their bytes, no more than the layer has room for
 *
 * Writes frames, which leave with the next pump.
 *
 * Returns: whether they were taken; else the layer has failed, and the session is over
 */
gboolean
lp2p_framed_session_writev (Lp2pFramedSession *self, const GOutputVector *vectors, guint n_vectors, gsize size)
{
  if (lp2p_layer_writev (self->layer, vectors, n_vectors, LP2P_WRITE_MORE) != (gssize) size)
    {
      lp2p_framed_session_layer_failed (self);
      return FALSE;
    }
  self->dirty = TRUE;
  return TRUE;
}

/* What is not payload */

static void
batch_begin (Batch *self, Lp2pFramedSession *session)
{
  self->size = 0;
  self->room = lp2p_layer_write_room (session->layer);
}

static void
batch_end (Batch *self, Lp2pFramedSession *session)
{
  if (self->size > 0 &&
      !lp2p_framed_session_writev (session, &(GOutputVector){ self->bytes, self->size }, 1, self->size))
    self->room = 0;
  self->size = 0;
}

/* Returns where @size bytes can be put, %NULL when there is no room for them. */
static guint8 *
batch_reserve (Batch *self, Lp2pFramedSession *session, gsize size)
{
  if (self->size + size > sizeof self->bytes)
    batch_end (self, session);
  return self->room >= size ? self->bytes + self->size : NULL;
}

static void
batch_add (Batch *self, gsize size)
{
  self->size += size;
  self->room -= size;
}

static void
put_replies (Lp2pFramedSession *self, Batch *batch)
{
  const Lp2pFramedSessionClass *klass = lp2p_framed_session_get_class (self);
  guint8 *out;
  guint n = 0;

  if (self->replies == NULL)
    return;
  while (n < self->replies->len && (out = batch_reserve (batch, self, klass->header_max)) != NULL)
    batch_add (batch, klass->put_reply (self, self->replies->data + klass->reply_size * n++, out));
  if (self->replies == NULL)
    return;
  if (n == self->replies->len)
    g_clear_pointer (&self->replies, g_array_unref);
  else if (n > 0)
    g_array_remove_range (self->replies, 0, n);
}

static void
put_session (Lp2pFramedSession *self, Batch *batch)
{
  const Lp2pFramedSessionClass *klass = lp2p_framed_session_get_class (self);
  guint8 *out;

  if (klass->put_session != NULL && self->parent.phase < LP2P_PHASE_DRAINING &&
      (out = batch_reserve (batch, self, klass->header_max)) != NULL)
    batch_add (batch, klass->put_session (self, out));
}

/* What is pending of streams, up to @before or of all. */
static void
put_streams (Lp2pFramedSession *self, Batch *batch, Lp2pQueuedStream *before)
{
  const Lp2pFramedSessionClass *klass = lp2p_framed_session_get_class (self);
  Lp2pQueuedStream *stream;
  guint8 *out;

  while ((stream = g_queue_peek_head (&self->parent.control)) != NULL && stream != before &&
         (out = batch_reserve (batch, self, 2 * klass->header_max)) != NULL)
    {
      batch_add (batch, klass->put_pending (self, stream, out));
      lp2p_queued_stream_sent (stream, &self->parent);
    }
}

static void
put_goodbye (Lp2pFramedSession *self, Batch *batch)
{
  const Lp2pFramedSessionClass *klass = lp2p_framed_session_get_class (self);
  guint8 *out;

  if (!self->goodbye_wanted || self->parent.control.length > 0 ||
      (out = batch_reserve (batch, self, klass->header_max)) == NULL)
    return;
  batch_add (batch, klass->put_goodbye (self, self->goodbye_code, out));
  self->goodbye_wanted = FALSE;
}

/* Writes it as far as the layer has room. */
static void
write_control (Lp2pFramedSession *self)
{
  Batch batch;

  batch_begin (&batch, self);
  put_replies (self, &batch);
  put_session (self, &batch);
  put_streams (self, &batch, NULL);
  put_goodbye (self, &batch);
  batch_end (&batch, self);
}

/**
 * lp2p_framed_session_write_pending_before: (skip)
 * @self: a session
 * @stream: a stream of which something is pending
 *
 * Writes what is pending of streams since longer, for a protocol in which streams are
 * opened in the order of their ids.
 */
void
lp2p_framed_session_write_pending_before (Lp2pFramedSession *self, Lp2pQueuedStream *stream)
{
  Batch batch;

  if (g_queue_peek_head (&self->parent.control) == stream)
    return;
  batch_begin (&batch, self);
  put_streams (self, &batch, stream);
  batch_end (&batch, self);
}

/**
 * lp2p_framed_session_reply: (skip)
 * @self: a session
 * @reply: `reply_size` bytes, of which `put_reply` makes a frame
 *
 * Answers the peer. The session ends if the peer does not read its answers.
 */
void
lp2p_framed_session_reply (Lp2pFramedSession *self, gconstpointer reply)
{
  const Lp2pFramedSessionClass *klass = lp2p_framed_session_get_class (self);

  if (self->replies != NULL && self->replies->len >= REPLIES_MAX)
    write_control (self);
  if (self->parent.phase >= LP2P_PHASE_DRAINING)
    return;
  if (self->replies != NULL && self->replies->len >= REPLIES_MAX)
    {
      lp2p_framed_session_violation (self, _("the peer goes on asking but does not read the answers"));
      return;
    }
  if (self->replies == NULL)
    self->replies = g_array_new (FALSE, FALSE, klass->reply_size);
  g_array_append_vals (self->replies, reply, 1);
  lp2p_queued_session_want_pump (&self->parent);
}

/* Payload */

gssize
lp2p_framed_session_stream_writev (Lp2pMuxerSession *session,
                                   Lp2pMuxerStream *stream,
                                   const GOutputVector *vectors,
                                   guint n_vectors)
{
  Lp2pFramedSession *self = (Lp2pFramedSession *) session;
  Lp2pQueuedStream *from = (Lp2pQueuedStream *) stream;
  const Lp2pFramedSessionClass *klass = lp2p_framed_session_get_class (self);
  Lp2pVectorCursor place = { vectors, n_vectors, 0 };
  gsize total = lp2p_output_vectors_get_size (vectors, n_vectors);
  gsize limit = MIN (total, lp2p_queued_stream_get_limit (from, &self->parent));
  gsize written = 0;

  if (from->write_side != LP2P_SIDE_OPEN || self->parent.phase >= LP2P_PHASE_DRAINING)
    return LP2P_IO_FAILED;
  if (total == 0)
    return 0;

  while (written < limit && from->send_window > 0)
    {
      gssize n = klass->write (self, from, &place, limit - written);

      if (n < 0)
        return n;
      if (n == 0)
        break;
      written += n;
    }

  lp2p_queued_stream_wrote (from, &self->parent, written, written == total);
  if (written == 0)
    return LP2P_IO_AGAIN;
  lp2p_queued_session_want_pump (&self->parent);
  return written;
}

/* The layer below */

static void
want (Lp2pFramedSession *self, Lp2pReady wanted)
{
  if (wanted == self->wanted)
    return;
  self->wanted = wanted;
  lp2p_layer_want (self->layer, wanted);
}

void
lp2p_framed_session_start_output (Lp2pFramedSession *self)
{
  self->blocked_at = -1;
  want (self, LP2P_READY_READ);
}

/* The layer announced that it has room: the peer takes bytes. */
void
lp2p_framed_session_moved (Lp2pFramedSession *self)
{
  if (self->blocked_at >= 0)
    self->blocked_at = lp2p_loop_now (self->layer->loop);
}

/* Whether the layer got nothing rid for too long. */
gboolean
lp2p_framed_session_is_stuck (Lp2pFramedSession *self, gint64 now)
{
  gsize room;

  if (self->blocked_at < 0 || now < self->blocked_at + self->write_timeout)
    return FALSE;
  /* It may have without saying so. */
  room = lp2p_layer_write_room (self->layer);
  if (room <= self->blocked_room)
    return TRUE;
  self->blocked_at = now;
  self->blocked_room = room;
  return FALSE;
}

/* Sends what was written, as far as it goes. Returns whether the session goes on. */
static gboolean
flush (Lp2pFramedSession *self)
{
  gsize before;
  int result;

  if (!self->dirty && !self->flushing)
    return TRUE;
  before = lp2p_layer_write_room (self->layer);
  result = lp2p_layer_flush (self->layer);
  if (result == LP2P_IO_FAILED)
    {
      lp2p_framed_session_layer_failed (self);
      return FALSE;
    }

  self->dirty = FALSE;
  self->flushing = result == LP2P_IO_AGAIN;
  self->blocked_room = lp2p_layer_write_room (self->layer);
  if (!self->flushing)
    self->blocked_at = -1;
  else if (self->blocked_at < 0 || self->blocked_room > before)
    self->blocked_at = lp2p_loop_now (self->layer->loop);
  return TRUE;
}

/* The pump */

/* What writing needs at the least: what is pending of a stream. */
static gsize
get_least_room (Lp2pFramedSession *self)
{
  return 2 * lp2p_framed_session_get_class (self)->header_max;
}

static gboolean
has_control (Lp2pFramedSession *self)
{
  return self->parent.control.length > 0 || self->replies != NULL;
}

/* Tells as many streams as there is room for that they can write. */
static void
give_turns (Lp2pFramedSession *self)
{
  gsize room;

  if (self->parent.turns.length == 0)
    return;
  room = lp2p_layer_write_room (self->layer);
  while (room > get_least_room (self) && lp2p_queued_session_give_turn (&self->parent))
    room -= MIN (room, LP2P_MUXER_QUANTUM + LP2P_FRAME_HEADER_MAX);
}

/* What found no room, and streams that got no turn, come again: when the layer
 * announces room, or else behind those whose turn it is. */
static void
come_again (Lp2pFramedSession *self)
{
  Lp2pReady wanted = self->parent.stalled_at < 0 ? LP2P_READY_READ : LP2P_READY_NONE;
  gboolean waiting = self->parent.turns.length > 0 || has_control (self) || self->goodbye_wanted;

  if (self->flushing || (waiting && lp2p_layer_write_room (self->layer) <= get_least_room (self)))
    wanted |= LP2P_READY_WRITE;
  else if (waiting)
    lp2p_queued_session_want_pump (&self->parent);
  want (self, wanted);
}

/* The goodbye leaves, then the sending direction ends. Whoever closes a socket whose
 * peer still sends resets it, and the peer may lose what it has not read: so an
 * orderly end waits for that of the peer. */
static void
pump_last (Lp2pFramedSession *self)
{
  int result;

  if (has_control (self) || self->goodbye_wanted)
    {
      if (flush (self))
        come_again (self);
      return;
    }
  result = lp2p_layer_shutdown_write (self->layer);
  if (result == LP2P_IO_AGAIN)
    {
      want (self, LP2P_READY_READ | LP2P_READY_WRITE);
      return;
    }
  self->lingering = result == 0 && self->parent.orderly;
  if (self->lingering)
    want (self, LP2P_READY_READ);
  else
    lp2p_queued_session_finish (&self->parent);
}

void
lp2p_framed_session_pump_output (Lp2pMuxerSession *session)
{
  Lp2pFramedSession *self = (Lp2pFramedSession *) session;

  self->parent.pump_wanted = FALSE;
  if (self->parent.phase == LP2P_PHASE_OVER)
    return;
  if (self->parent.phase == LP2P_PHASE_PEER_GOING && self->parent.n_live == self->parent.n_zombies)
    session->klass->close (session, 0, "there are no new streams");

  write_control (self);
  if (self->parent.phase == LP2P_PHASE_DRAINING)
    {
      pump_last (self);
      return;
    }
  if (self->parent.phase == LP2P_PHASE_OVER || !flush (self))
    return;

  give_turns (self);
  come_again (self);
}

/* Of a session that is given up at once: where the layer has room, the peer still learns
 * the reason. */
void
lp2p_framed_session_say_why (Lp2pFramedSession *self, guint32 code)
{
  const Lp2pFramedSessionClass *klass = lp2p_framed_session_get_class (self);
  guint8 bytes[LP2P_FRAME_HEADER_MAX];

  if (klass->put_goodbye == NULL || self->parent.phase >= LP2P_PHASE_DRAINING ||
      lp2p_layer_write_room (self->layer) < klass->header_max)
    return;
  lp2p_layer_write (self->layer, bytes, klass->put_goodbye (self, code, bytes), LP2P_WRITE_NONE);
  lp2p_layer_shutdown_write (self->layer);
}
