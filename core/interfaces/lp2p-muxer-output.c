/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What muxers over a layer have in common when they write. */

#include <lp2p/interfaces/lp2p-muxer-output.h>

/**
 * lp2p_muxer_output_init: (skip)
 * @self: memory for it
 * @layer: (transfer none): where it goes, which outlives it
 *
 * Prepares the output of a session, which reads from the start on.
 */
void
lp2p_muxer_output_init (Lp2pMuxerOutput *self, Lp2pLayer *layer)
{
  *self = (Lp2pMuxerOutput){ .layer = layer, .wanted = LP2P_READY_READ, .blocked_at = -1 };
  lp2p_layer_want (layer, self->wanted);
}

/**
 * lp2p_muxer_output_writev: (skip)
 * @self: an output
 * @vectors: (array length=n_vectors): whole frames
 * @n_vectors: how many vectors
 * @size: their bytes, no more than the layer has room for
 *
 * Writes frames, which leave with the next flush.
 *
 * Returns: whether they were taken; else the layer has failed
 */
gboolean
lp2p_muxer_output_writev (Lp2pMuxerOutput *self, const GOutputVector *vectors, guint n_vectors, gsize size)
{
  if (lp2p_layer_writev (self->layer, vectors, n_vectors, LP2P_WRITE_MORE) != (gssize) size)
    return FALSE;
  self->dirty = TRUE;
  return TRUE;
}

/**
 * lp2p_muxer_output_flush: (skip)
 * @self: an output
 *
 * Sends what was written, as far as it goes. What did not leave is still
 * `flushing` then.
 *
 * Returns: %FALSE when the layer has failed
 */
gboolean
lp2p_muxer_output_flush (Lp2pMuxerOutput *self)
{
  gsize before;
  int result;

  if (!self->dirty && !self->flushing)
    return TRUE;
  before = lp2p_layer_write_room (self->layer);
  result = lp2p_layer_flush (self->layer);
  if (result == LP2P_IO_FAILED)
    return FALSE;

  self->dirty = FALSE;
  self->flushing = result == LP2P_IO_AGAIN;
  self->blocked_room = lp2p_layer_write_room (self->layer);
  if (!self->flushing)
    self->blocked_at = -1;
  else if (self->blocked_at < 0 || self->blocked_room > before)
    self->blocked_at = lp2p_loop_now (self->layer->loop);
  return TRUE;
}

/**
 * lp2p_muxer_output_want: (skip)
 * @self: an output
 * @wanted: what the session waits for, reading included
 *
 * Tells the layer, where it is news.
 */
void
lp2p_muxer_output_want (Lp2pMuxerOutput *self, Lp2pReady wanted)
{
  if (wanted == self->wanted)
    return;
  self->wanted = wanted;
  lp2p_layer_want (self->layer, wanted);
}

/**
 * lp2p_muxer_output_moved: (skip)
 * @self: an output
 *
 * The layer announced that it has room: the peer takes bytes.
 */
void
lp2p_muxer_output_moved (Lp2pMuxerOutput *self)
{
  if (self->blocked_at >= 0)
    self->blocked_at = lp2p_loop_now (self->layer->loop);
}

/**
 * lp2p_muxer_output_is_stuck: (skip)
 * @self: an output
 * @now: the time
 * @timeout: how long the peer may take nothing, in microseconds
 *
 * Returns: whether the layer below got nothing rid for too long
 */
gboolean
lp2p_muxer_output_is_stuck (Lp2pMuxerOutput *self, gint64 now, gint64 timeout)
{
  gsize room;

  if (self->blocked_at < 0 || now < self->blocked_at + timeout)
    return FALSE;
  /* It may have without saying so. */
  room = lp2p_layer_write_room (self->layer);
  if (room <= self->blocked_room)
    return TRUE;
  self->blocked_at = now;
  self->blocked_room = room;
  return FALSE;
}

/**
 * lp2p_muxer_output_get_limit: (skip)
 * @self: an output
 * @turn: of a stream
 *
 * Returns: how much the stream may write now
 */
gsize
lp2p_muxer_output_get_limit (Lp2pMuxerOutput *self, Lp2pMuxerTurn *turn)
{
  guint mine = turn->link.data != NULL ? 1 : 0;

  return self->turns.length > mine ? turn->quantum : G_MAXSIZE;
}

/**
 * lp2p_muxer_output_queue: (skip)
 * @self: an output
 * @turn: of a stream
 * @stream: the stream
 *
 * Puts a stream behind those that wait for their turn, unless it is among them.
 */
void
lp2p_muxer_output_queue (Lp2pMuxerOutput *self, Lp2pMuxerTurn *turn, gpointer stream)
{
  if (turn->link.data != NULL)
    return;
  turn->link.data = stream;
  g_queue_push_tail_link (&self->turns, &turn->link);
}

/**
 * lp2p_muxer_output_leave: (skip)
 * @self: an output
 * @turn: of a stream
 *
 * The stream waits no longer, if it did.
 */
void
lp2p_muxer_output_leave (Lp2pMuxerOutput *self, Lp2pMuxerTurn *turn)
{
  if (turn->link.data == NULL)
    return;
  g_queue_unlink (&self->turns, &turn->link);
  turn->link.data = NULL;
}

/**
 * lp2p_muxer_output_pop: (skip)
 * @self: an output
 *
 * Takes the stream whose turn it is out of the line. The session gives it its
 * quantum where it can still write.
 *
 * Returns: (nullable) (transfer none): the stream
 */
gpointer
lp2p_muxer_output_pop (Lp2pMuxerOutput *self)
{
  GList *link = g_queue_pop_head_link (&self->turns);

  return link != NULL ? g_steal_pointer (&link->data) : NULL;
}

/**
 * lp2p_vector_cursor_take: (skip)
 * @self: a place in an array
 * @max: the most bytes to take
 * @out: (out caller-allocates) (array length=n_out): what was taken
 * @n_out: the most vectors to fill
 * @size: (out): the bytes that were taken
 *
 * Takes the bytes of the next frame, without copying them.
 *
 * Returns: how many vectors were filled
 */
guint
lp2p_vector_cursor_take (Lp2pVectorCursor *self, gsize max, GOutputVector *out, guint n_out, gsize *size)
{
  guint n = 0;

  *size = 0;
  while (n < n_out && self->n_vectors > 0 && *size < max)
    {
      gsize left = self->vectors->size - self->offset;
      gsize take = MIN (left, max - *size);

      if (take > 0)
        {
          out[n].buffer = (const guint8 *) self->vectors->buffer + self->offset;
          out[n++].size = take;
        }
      *size += take;
      self->offset += take;
      if (take == left)
        {
          self->vectors++;
          self->n_vectors--;
          self->offset = 0;
        }
    }
  return n;
}
