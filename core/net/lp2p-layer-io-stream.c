/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/net/lp2p-layer-io-stream.h>

#include "net/lp2p-async-io-private.h"
#include "types/lp2p-i18n-private.h"

/* How long a closed stream goes on sending what was written to it. A peer that
 * takes nothing for so long is not going to. */
#define LINGER_US (10 * G_USEC_PER_SEC)

/* More vectors than a layer passes on in one call. */
#define MAX_VECTORS 64

#define LP2P_TYPE_LAYER_IO_STREAM (lp2p_layer_io_stream_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pLayerIoStream, lp2p_layer_io_stream, LP2P, LAYER_IO_STREAM, GIOStream)

/* @flush: what the application wrote in this wake-up leaves together
 * @ready: what the layer is believed to do without AGAIN
 * @read_limit: how many bytes may still be read */
struct _Lp2pLayerIoStream
{
  GIOStream parent_instance;
  Lp2pAsyncIo io;
  Lp2pLayer *layer;
  Lp2pJob flush;
  Lp2pReady ready;
  Lp2pReady wanted;
  gboolean ending;
  gsize read_limit;
};

G_DEFINE_FINAL_TYPE (Lp2pLayerIoStream, lp2p_layer_io_stream, G_TYPE_IO_STREAM)

/* Behind the end of the stream its layer stays until all has left. */

typedef struct
{
  Lp2pLayer *layer;
  Lp2pJob job;
  Lp2pTimer timer;
} Linger;

static void
linger_free (Linger *self)
{
  lp2p_job_clear (&self->job);
  lp2p_timer_clear (&self->timer);
  lp2p_layer_free (self->layer);
  g_free (self);
}

static void
linger_run (Lp2pJob *job)
{
  Linger *self = (Linger *) ((guint8 *) job - G_STRUCT_OFFSET (Linger, job));

  if (lp2p_layer_shutdown_write (self->layer) != LP2P_IO_AGAIN)
    linger_free (self);
}

static void
linger_over (Lp2pTimer *timer)
{
  Linger *self = (Linger *) ((guint8 *) timer - G_STRUCT_OFFSET (Linger, timer));

  lp2p_layer_abort (self->layer, 0);
  linger_free (self);
}

static void
linger_ready (Lp2pLayer *layer, Lp2pReady ready, gpointer data)
{
  lp2p_job_queue (&((Linger *) data)->job);
}

static void
linger_failed (Lp2pLayer *layer, const GError *error, gpointer data)
{
  lp2p_job_queue (&((Linger *) data)->job);
}

static const Lp2pLayerEvents linger_events = {
  .ready = linger_ready,
  .failed = linger_failed,
};

static void
linger_begin (Lp2pLayer *layer)
{
  Linger *self;

  if (lp2p_layer_shutdown_write (layer) != LP2P_IO_AGAIN)
    {
      lp2p_layer_free (layer);
      return;
    }

  lp2p_layer_park (layer);
  self = g_new0 (Linger, 1);
  self->layer = layer;
  lp2p_job_init (&self->job, layer->loop, LP2P_JOB_PUMP, linger_run);
  lp2p_timer_init (&self->timer, layer->loop, linger_over);
  lp2p_timer_set (&self->timer, lp2p_loop_now (layer->loop) + LINGER_US);
  lp2p_layer_set_events (layer, &linger_events, self);
  lp2p_layer_want (layer, LP2P_READY_WRITE);
}

/* From the layer: both only mark work. */

static void
layer_ready (Lp2pLayer *layer, Lp2pReady ready, gpointer data)
{
  Lp2pLayerIoStream *self = data;

  self->ready |= ready;
  if (self->ending)
    lp2p_job_queue (&self->flush);
  lp2p_async_io_wake (&self->io);
}

static void
layer_failed (Lp2pLayer *layer, const GError *error, gpointer data)
{
  layer_ready (layer, LP2P_READY_READ | LP2P_READY_WRITE, data);
}

static const Lp2pLayerEvents layer_events = {
  .ready = layer_ready,
  .failed = layer_failed,
};

static void
set_wanted (Lp2pLayerIoStream *self, Lp2pReady wanted)
{
  if (wanted == self->wanted)
    return;
  self->wanted = wanted;
  lp2p_layer_want (self->layer, wanted);
}

static void
run_flush (Lp2pJob *job)
{
  Lp2pLayerIoStream *self =
      (Lp2pLayerIoStream *) ((guint8 *) job - G_STRUCT_OFFSET (Lp2pLayerIoStream, flush));
  int result;

  if (self->layer == NULL)
    return;
  if (self->ending)
    {
      result = lp2p_layer_shutdown_write (self->layer);
      self->ending = result == LP2P_IO_AGAIN;
    }
  else
    result = lp2p_layer_flush (self->layer);
  /* Whoever waits finds out. */
  if (result == LP2P_IO_FAILED)
    layer_failed (self->layer, NULL, self);
}

/* For Lp2pAsyncIo */

static gssize
fail_io (Lp2pLayerIoStream *self, GError **error)
{
  const GError *reason = self->layer != NULL ? lp2p_layer_get_error (self->layer) : NULL;

  if (reason != NULL)
    g_propagate_error (error, g_error_copy (reason));
  else
    lp2p_async_io_set_closed_error (error);
  return -1;
}

/* Behind the limit may still come the end of the stream, which is not too much: what comes
 * is looked at, and nothing of it read. */
static gssize
read_within_limit (Lp2pLayerIoStream *self, void *buffer, gsize size)
{
  const guint8 *beyond;

  if (self->read_limit == 0)
    return lp2p_layer_peek (self->layer, &beyond);
  return lp2p_layer_read (self->layer, buffer, MIN (size, self->read_limit));
}

static gssize
layer_io_stream_read (GIOStream *stream, void *buffer, gsize size, GError **error)
{
  Lp2pLayerIoStream *self = LP2P_LAYER_IO_STREAM (stream);
  gssize n;

  if (size == 0)
    return 0;
  n = read_within_limit (self, buffer, size);
  if (n == LP2P_IO_FAILED)
    return fail_io (self, error);
  if (n == LP2P_IO_AGAIN)
    {
      self->ready &= ~LP2P_READY_READ;
      set_wanted (self, self->wanted | LP2P_READY_READ);
      lp2p_async_io_set_would_block (error);
      return -1;
    }

  /* Nobody knows when the application reads on. */
  lp2p_layer_park (self->layer);
  if ((gsize) n > self->read_limit)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, _("More came than may be read"));
      return -1;
    }
  self->read_limit -= n;
  return n;
}

static gssize
layer_io_stream_writev (GIOStream *stream,
                        const GOutputVector *vectors,
                        gsize n_vectors,
                        GError **error)
{
  Lp2pLayerIoStream *self = LP2P_LAYER_IO_STREAM (stream);
  gssize n =
      lp2p_layer_writev (self->layer, vectors, MIN (n_vectors, MAX_VECTORS), LP2P_WRITE_MORE);

  if (n == LP2P_IO_FAILED)
    return fail_io (self, error);
  lp2p_job_queue (&self->flush);
  if (n >= 0)
    {
      set_wanted (self, self->wanted & ~LP2P_READY_WRITE);
      return n;
    }

  self->ready &= ~LP2P_READY_WRITE;
  set_wanted (self, self->wanted | LP2P_READY_WRITE);
  lp2p_async_io_set_would_block (error);
  return -1;
}

static void
layer_io_stream_close_side (GIOStream *stream, Lp2pReady side)
{
  Lp2pLayerIoStream *self = LP2P_LAYER_IO_STREAM (stream);

  if (self->layer == NULL)
    return;
  if (self->io.closed == (LP2P_READY_READ | LP2P_READY_WRITE))
    {
      lp2p_job_clear (&self->flush);
      linger_begin (g_steal_pointer (&self->layer));
    }
  else if ((side & LP2P_READY_WRITE) != 0)
    {
      self->ending = TRUE;
      lp2p_job_queue (&self->flush);
    }
  else
    {
      set_wanted (self, self->wanted & ~LP2P_READY_READ);
      lp2p_layer_park (self->layer);
    }
}

static gboolean
layer_io_stream_is_ready (GIOStream *stream, Lp2pReady side)
{
  return (LP2P_LAYER_IO_STREAM (stream)->ready & side) != 0;
}

static void
layer_io_stream_reset (GIOStream *stream, guint32 code)
{
  Lp2pLayerIoStream *self = LP2P_LAYER_IO_STREAM (stream);

  if (self->layer == NULL)
    return;
  lp2p_layer_abort (self->layer, code);
  layer_failed (self->layer, NULL, self);
}

static const Lp2pAsyncIoFuncs layer_io_stream_funcs = {
  .read = layer_io_stream_read,
  .writev = layer_io_stream_writev,
  .close_side = layer_io_stream_close_side,
  .is_ready = layer_io_stream_is_ready,
  .reset = layer_io_stream_reset,
};

/* For GIOStream */

static GInputStream *
lp2p_layer_io_stream_get_input_stream (GIOStream *stream)
{
  return lp2p_async_io_get_input (&LP2P_LAYER_IO_STREAM (stream)->io);
}

static GOutputStream *
lp2p_layer_io_stream_get_output_stream (GIOStream *stream)
{
  return lp2p_async_io_get_output (&LP2P_LAYER_IO_STREAM (stream)->io);
}

static gboolean
lp2p_layer_io_stream_close_fn (GIOStream *stream, GCancellable *cancellable, GError **error)
{
  return lp2p_async_io_close (&LP2P_LAYER_IO_STREAM (stream)->io, error);
}

static void
lp2p_layer_io_stream_close_async (GIOStream *stream,
                                  int priority,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
  lp2p_async_io_close_async (&LP2P_LAYER_IO_STREAM (stream)->io, priority, cancellable, callback,
                             user_data);
}

static gboolean
lp2p_layer_io_stream_close_finish (GIOStream *stream, GAsyncResult *result, GError **error)
{
  return lp2p_async_io_close_finish (result, error);
}

/* GIO takes a stream for closed also where that failed, in another thread. */
static void
lp2p_layer_io_stream_dispose (GObject *object)
{
  G_OBJECT_CLASS (lp2p_layer_io_stream_parent_class)->dispose (object);
  lp2p_async_io_close (&LP2P_LAYER_IO_STREAM (object)->io, NULL);
}

static void
lp2p_layer_io_stream_finalize (GObject *object)
{
  Lp2pLayerIoStream *self = LP2P_LAYER_IO_STREAM (object);

  lp2p_async_io_clear (&self->io);
  G_OBJECT_CLASS (lp2p_layer_io_stream_parent_class)->finalize (object);
}

static void
lp2p_layer_io_stream_class_init (Lp2pLayerIoStreamClass *klass)
{
  GIOStreamClass *io_class = G_IO_STREAM_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = lp2p_layer_io_stream_dispose;
  G_OBJECT_CLASS (klass)->finalize = lp2p_layer_io_stream_finalize;
  io_class->get_input_stream = lp2p_layer_io_stream_get_input_stream;
  io_class->get_output_stream = lp2p_layer_io_stream_get_output_stream;
  io_class->close_fn = lp2p_layer_io_stream_close_fn;
  io_class->close_async = lp2p_layer_io_stream_close_async;
  io_class->close_finish = lp2p_layer_io_stream_close_finish;
}

static void
lp2p_layer_io_stream_init (Lp2pLayerIoStream *self)
{
}

/**
 * lp2p_layer_to_io_stream: (skip)
 * @layer: (transfer full): a layer
 *
 * Makes a [class@Gio.IOStream] of a layer. Both its sides are pollable and
 * asynchronous without threads; a synchronous call moves what it can at once, or
 * fails with `G_IO_ERROR_WOULD_BLOCK`. It belongs to the thread of the layer's
 * loop.
 *
 * Closing the output stream ends the sending direction. Closing the stream, or
 * dropping it, completes at once; what was written goes on leaving for up to ten
 * seconds, then the layer is freed.
 *
 * Returns: (transfer full): the stream
 */
GIOStream *
lp2p_layer_to_io_stream (Lp2pLayer *layer)
{
  Lp2pLayerIoStream *self;

  g_return_val_if_fail (layer != NULL, NULL);

  self = g_object_new (LP2P_TYPE_LAYER_IO_STREAM, NULL);
  lp2p_async_io_init (&self->io, G_IO_STREAM (self), &layer_io_stream_funcs, layer->loop);
  lp2p_job_init (&self->flush, layer->loop, LP2P_JOB_PUMP, run_flush);
  self->layer = layer;
  self->ready = LP2P_READY_READ | LP2P_READY_WRITE;
  self->read_limit = G_MAXSIZE;
  lp2p_layer_set_events (layer, &layer_events, self);
  return G_IO_STREAM (self);
}

/**
 * lp2p_layer_io_stream_limit_input: (skip)
 * @stream: what [func@layer_to_io_stream] made
 * @size: how many bytes may be read from now on
 *
 * Keeps whoever reads the stream, and has no bound of its own or a larger one, from
 * collecting more: where more comes, reading fails with %G_IO_ERROR_MESSAGE_TOO_LARGE.
 */
void
lp2p_layer_io_stream_limit_input (GIOStream *stream, gsize size)
{
  g_return_if_fail (LP2P_IS_LAYER_IO_STREAM (stream));
  LP2P_LAYER_IO_STREAM (stream)->read_limit = size;
}

/**
 * lp2p_layer_steal_from_io_stream: (skip)
 * @stream: what [func@layer_to_io_stream] made
 *
 * Takes the layer back, for what comes behind that for which a stream was needed. All
 * that was written has been handed to the layer, which may be holding it back until it
 * is flushed. The stream is closed: what is pending on it ends with `G_IO_ERROR_CLOSED`.
 *
 * Returns: (transfer full) (nullable): the layer; %NULL if the stream was closed
 */
Lp2pLayer *
lp2p_layer_steal_from_io_stream (GIOStream *stream)
{
  Lp2pLayerIoStream *self;
  Lp2pLayer *layer;

  g_return_val_if_fail (LP2P_IS_LAYER_IO_STREAM (stream), NULL);

  self = LP2P_LAYER_IO_STREAM (stream);
  layer = g_steal_pointer (&self->layer);
  lp2p_job_clear (&self->flush);
  if (layer != NULL)
    {
      lp2p_layer_set_events (layer, NULL, NULL);
      lp2p_layer_want (layer, LP2P_READY_NONE);
    }
  lp2p_async_io_close (&self->io, NULL);
  return layer;
}
