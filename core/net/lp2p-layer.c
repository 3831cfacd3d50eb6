/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include <lp2p/net/lp2p-layer.h>

/**
 * lp2p_layer_init:
 * @self: the head of a new layer
 * @klass: its functions
 * @loop: where it works
 *
 * Prepares the head of a layer.
 */
void
lp2p_layer_init (Lp2pLayer *self, const Lp2pLayerClass *klass, Lp2pLoop *loop)
{
  self->klass = klass;
  self->loop = lp2p_loop_ref (loop);
  self->events = NULL;
  self->events_data = NULL;
}

/**
 * lp2p_layer_clear:
 * @self: the head of a layer that is being freed
 *
 * Gives back what [func@layer_init] took.
 */
void
lp2p_layer_clear (Lp2pLayer *self)
{
  g_clear_pointer (&self->loop, lp2p_loop_unref);
}

/**
 * lp2p_layer_set_events:
 * @self: a layer
 * @events: (nullable): whom to tell
 * @data: passed on
 *
 * Says who is told of what happens. What was announced before is not told
 * again: who takes a layer over tries it first.
 */
void
lp2p_layer_set_events (Lp2pLayer *self, const Lp2pLayerEvents *events, gpointer data)
{
  self->events = events;
  self->events_data = data;
}

/**
 * lp2p_layer_announce:
 * @self: a layer
 * @ready: what it became ready for
 *
 * Tells the layer above. For implementations.
 */
void
lp2p_layer_announce (Lp2pLayer *self, Lp2pReady ready)
{
  if (self->events != NULL && self->events->ready != NULL)
    self->events->ready (self, ready, self->events_data);
}

/**
 * lp2p_layer_announce_failed:
 * @self: a layer
 * @error: why
 *
 * Tells the layer above. For implementations.
 */
void
lp2p_layer_announce_failed (Lp2pLayer *self, const GError *error)
{
  if (self->events != NULL && self->events->failed != NULL)
    self->events->failed (self, error, self->events_data);
}

/**
 * lp2p_layer_readv:
 * @self: a layer
 * @vectors: where the bytes go
 * @n_vectors: their number
 *
 * Returns: bytes moved, 0 at the end of the stream, %LP2P_IO_AGAIN or
 *   %LP2P_IO_FAILED
 */
gssize
lp2p_layer_readv (Lp2pLayer *self, const GInputVector *vectors, guint n_vectors)
{
  return self->klass->readv (self, vectors, n_vectors);
}

/**
 * lp2p_layer_read:
 * @self: a layer
 * @buffer: where the bytes go
 * @size: how many at the most
 *
 * Returns: as [func@layer_readv]
 */
gssize
lp2p_layer_read (Lp2pLayer *self, gpointer buffer, gsize size)
{
  GInputVector vector = { buffer, size };

  return self->klass->readv (self, &vector, 1);
}

/**
 * lp2p_layer_peek:
 * @self: a layer
 * @data: (out): the bytes that come next, borrowed
 *
 * Returns: how many, 0 at the end of the stream, %LP2P_IO_AGAIN or
 *   %LP2P_IO_FAILED
 */
gssize
lp2p_layer_peek (Lp2pLayer *self, const guint8 **data)
{
  return self->klass->peek (self, data);
}

/**
 * lp2p_layer_consume:
 * @self: a layer
 * @size: how many of the peeked bytes are done with
 *
 * Drops bytes that lp2p_layer_peek() lent.
 */
void
lp2p_layer_consume (Lp2pLayer *self, gsize size)
{
  self->klass->consume (self, size);
}

/**
 * lp2p_layer_park:
 * @self: a layer
 *
 * Ends a series of reads: shared scratch memory is given back.
 */
void
lp2p_layer_park (Lp2pLayer *self)
{
  if (self->klass->park != NULL)
    self->klass->park (self);
}

/**
 * lp2p_layer_writev:
 * @self: a layer
 * @vectors: the bytes
 * @n_vectors: their number
 * @flags: whether more follows at once
 *
 * Returns: bytes taken, %LP2P_IO_AGAIN or %LP2P_IO_FAILED
 */
gssize
lp2p_layer_writev (Lp2pLayer *self, const GOutputVector *vectors, guint n_vectors, Lp2pWriteFlags flags)
{
  return self->klass->writev (self, vectors, n_vectors, flags);
}

/**
 * lp2p_layer_write:
 * @self: a layer
 * @data: the bytes
 * @size: their number
 * @flags: whether more follows at once
 *
 * Returns: as [func@layer_writev]
 */
gssize
lp2p_layer_write (Lp2pLayer *self, gconstpointer data, gsize size, Lp2pWriteFlags flags)
{
  GOutputVector vector = { data, size };

  return self->klass->writev (self, &vector, 1, flags);
}

/**
 * lp2p_layer_flush:
 * @self: a layer
 *
 * Returns: 0 when everything has left, %LP2P_IO_AGAIN or %LP2P_IO_FAILED
 */
int
lp2p_layer_flush (Lp2pLayer *self)
{
  return self->klass->flush != NULL ? self->klass->flush (self) : 0;
}

/**
 * lp2p_layer_write_room:
 * @self: a layer
 *
 * Returns: how many bytes a write would take for certain
 */
gsize
lp2p_layer_write_room (Lp2pLayer *self)
{
  return self->klass->write_room (self);
}

/**
 * lp2p_layer_want:
 * @self: a layer
 * @ready: which readiness is waited for
 *
 * Says what whoever is above waits for; `Lp2pLayerEvents` tells when it is there.
 */
void
lp2p_layer_want (Lp2pLayer *self, Lp2pReady ready)
{
  self->klass->want (self, ready);
}

/**
 * lp2p_layer_shutdown_write:
 * @self: a layer
 *
 * Ends the sending direction behind what was written.
 *
 * Returns: 0 when done, %LP2P_IO_AGAIN or %LP2P_IO_FAILED
 */
int
lp2p_layer_shutdown_write (Lp2pLayer *self)
{
  return self->klass->shutdown_write (self);
}

/**
 * lp2p_layer_abort:
 * @self: a layer
 * @code: why, where the protocol can say it
 *
 * Gives the connection up. Reads and writes fail from then on.
 */
void
lp2p_layer_abort (Lp2pLayer *self, guint32 code)
{
  self->klass->abort (self, code);
}

/**
 * lp2p_layer_free:
 * @self: (transfer full): a layer
 *
 * Frees the layer and those below it; what has not left is lost.
 */
void
lp2p_layer_free (Lp2pLayer *self)
{
  self->klass->free (self);
}

/**
 * lp2p_layer_get_error:
 * @self: a layer
 *
 * Returns: (transfer none) (nullable): why the layer failed
 */
const GError *
lp2p_layer_get_error (Lp2pLayer *self)
{
  return self->klass->get_error (self);
}

/**
 * lp2p_layer_get_info:
 * @self: a layer
 * @info: (out caller-allocates): what is known
 *
 * Tells what a layer knows of itself and of what is below it.
 */
void
lp2p_layer_get_info (Lp2pLayer *self, Lp2pLayerInfo *info)
{
  memset (info, 0, sizeof *info);
  info->rtt = -1;
  self->klass->get_info (self, info);
}
