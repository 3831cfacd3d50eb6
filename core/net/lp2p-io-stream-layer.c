/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/net/lp2p-io-stream-layer.h>

#include <sys/socket.h>

#include "net/lp2p-async-io-private.h"
#include <lp2p/net/lp2p-held.h>
#include "types/lp2p-i18n-private.h"

/* What a write is promised while the stream takes bytes, and the most that is
 * ever kept: as much as a socket layer keeps. */
#define OUT_LIMIT (256 * 1024)

/* Up to this size, writes that are followed by others are copied together; what
 * is larger goes to the stream at once. */
#define COALESCE_SIZE (16 * 1024)

/* Vectors that one write passes on. A muxer gives two for each frame. */
#define MAX_VECTORS 64

/*
 * `ready` is what the stream is believed to do without WOULD_BLOCK. A source
 * raises it, a call that would block lowers it. A source stays as long as it is
 * waited for, because a new one for each wake-up costs more than the read; when
 * it fires although readiness is known, nobody waits, and it is removed.
 *
 * A stream is only ever offered bytes that are kept if it refuses them: TLS
 * streams insist that a write which would have blocked is repeated.
 */
typedef struct
{
  GSource *source;
  GPollableSourceFunc func;
} Waiter;

/* An asynchronous close of the output, which may outlive the layer. */
typedef struct
{
  struct _IOStreamLayer *layer;
} Closing;

typedef struct _IOStreamLayer
{
  Lp2pLayer parent;
  GIOStream *stream;
  GPollableInputStream *input;
  GPollableOutputStream *output;
  Lp2pMultiaddr *local_address;
  Lp2pMultiaddr *remote_address;
  GError *error;
  Lp2pJob job;
  Waiter reading;
  Waiter writing;
  Closing *closing;

  Lp2pReady ready;
  Lp2pReady wanted;
  gboolean eof;
  gboolean untold;   /* the end or an error was found behind bytes */
  gboolean starved;  /* the layer above was refused room and waits for it */
  gboolean flushing; /* it waits until all has left */
  gboolean ending;   /* the sending direction ends behind what is in `out` */
  gboolean ended;

  Lp2pHeld in;
  Lp2pHeld out;
  guint64 bytes_read;
  guint64 bytes_written;
} IOStreamLayer;

static int
fail (IOStreamLayer *self, GError *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
  lp2p_held_clear (&self->out);
  return LP2P_IO_FAILED;
}

/* What the layer above is told */

static gboolean
is_readable (IOStreamLayer *self)
{
  return lp2p_held_get_size (&self->in) > 0 || self->untold ||
         ((self->ready & LP2P_READY_READ) && !self->eof && self->error == NULL);
}

static gsize
get_room (IOStreamLayer *self)
{
  return self->ready & LP2P_READY_WRITE ? OUT_LIMIT - lp2p_held_get_size (&self->out) : 0;
}

static Lp2pReady
get_due (IOStreamLayer *self)
{
  Lp2pReady due = LP2P_READY_NONE;

  if ((self->wanted & LP2P_READY_READ) && is_readable (self))
    due |= LP2P_READY_READ;
  if ((self->wanted & LP2P_READY_WRITE) && self->starved && get_room (self) > 0)
    due |= LP2P_READY_WRITE;
  return due;
}

static void
announce (IOStreamLayer *self, Lp2pReady due)
{
  if (due & LP2P_READY_WRITE)
    self->starved = FALSE;
  if (due != LP2P_READY_NONE)
    lp2p_layer_announce (&self->parent, due);
}

static void
announce_again (Lp2pJob *job)
{
  IOStreamLayer *self = (IOStreamLayer *) ((guint8 *) job - G_STRUCT_OFFSET (IOStreamLayer, job));

  announce (self, get_due (self));
}

/* To be called when something was moved: as long as the layer above makes
 * progress and wants more, it is told of what is left. */
static void
queue_announcement (IOStreamLayer *self)
{
  if (get_due (self) != LP2P_READY_NONE)
    lp2p_job_queue (&self->job);
}

/* Sources */

static int drain_output (IOStreamLayer *self);

static void
stop_waiting (Waiter *waiter)
{
  if (waiter->source == NULL)
    return;
  g_source_destroy (waiter->source);
  g_clear_pointer (&waiter->source, g_source_unref);
}

static gboolean
input_ready (GObject *pollable, gpointer data)
{
  IOStreamLayer *self = data;

  if (self->ready & LP2P_READY_READ)
    {
      g_clear_pointer (&self->reading.source, g_source_unref);
      return G_SOURCE_REMOVE;
    }
  /* The source was found ready before the reads of this round. */
  if (g_pollable_input_stream_is_readable (self->input))
    {
      self->ready |= LP2P_READY_READ;
      announce (self, get_due (self));
    }
  return G_SOURCE_CONTINUE;
}

static gboolean
output_ready (GObject *pollable, gpointer data)
{
  IOStreamLayer *self = data;
  Lp2pReady due;
  int result;

  if (self->ready & LP2P_READY_WRITE)
    {
      g_clear_pointer (&self->writing.source, g_source_unref);
      return G_SOURCE_REMOVE;
    }

  self->ready |= LP2P_READY_WRITE;
  result = drain_output (self);
  if (result == LP2P_IO_FAILED)
    {
      lp2p_layer_announce_failed (&self->parent, self->error);
      return G_SOURCE_CONTINUE;
    }
  due = get_due (self);
  if (self->flushing && result == 0)
    {
      self->flushing = FALSE;
      due |= LP2P_READY_WRITE;
    }
  announce (self, due);
  return G_SOURCE_CONTINUE;
}

static void
start_waiting (IOStreamLayer *self, Waiter *waiter)
{
  if (waiter->source != NULL)
    return;
  waiter->source = waiter == &self->reading
                       ? g_pollable_input_stream_create_source (self->input, NULL)
                       : g_pollable_output_stream_create_source (self->output, NULL);
  g_source_set_static_name (waiter->source, "lp2p GIOStream");
  g_source_set_callback (waiter->source, G_SOURCE_FUNC (waiter->func), self, NULL);
  g_source_attach (waiter->source, lp2p_loop_get_context (self->parent.loop));
}

/* Waits for what is wanted and not ready. What was refused leaves without
 * anybody wanting it. */
static void
update_waiting (IOStreamLayer *self)
{
  gboolean output = (self->wanted & LP2P_READY_WRITE) != 0 || self->flushing ||
                    lp2p_held_get_size (&self->out) > 0;

  if (self->error != NULL || self->eof || (self->wanted & LP2P_READY_READ) == 0)
    stop_waiting (&self->reading);
  else if ((self->ready & LP2P_READY_READ) == 0)
    start_waiting (self, &self->reading);

  if (self->error != NULL || self->ended || !output)
    stop_waiting (&self->writing);
  else if ((self->ready & LP2P_READY_WRITE) == 0)
    start_waiting (self, &self->writing);
}

/* Reading */

static gssize
receive (IOStreamLayer *self, void *buffer, gsize size)
{
  GError *error = NULL;
  gssize n;

  self->untold = FALSE;
  if (self->error != NULL)
    return LP2P_IO_FAILED;
  if (self->eof)
    return 0;
  if ((self->ready & LP2P_READY_READ) == 0)
    return LP2P_IO_AGAIN;

  n = g_pollable_input_stream_read_nonblocking (self->input, buffer, size, NULL, &error);
  if (n > 0)
    self->bytes_read += n;
  else if (n == 0)
    self->eof = TRUE;
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    {
      g_error_free (error);
      self->ready &= ~LP2P_READY_READ;
      n = LP2P_IO_AGAIN;
    }
  else
    n = fail (self, error);
  if (n <= 0)
    update_waiting (self);
  return n;
}

static gssize
io_stream_layer_readv (Lp2pLayer *layer, const GInputVector *vectors, guint n_vectors)
{
  IOStreamLayer *self = (IOStreamLayer *) layer;
  gssize total = 0;

  g_return_val_if_fail (lp2p_input_vectors_get_size (vectors, n_vectors) > 0, LP2P_IO_AGAIN);

  if (lp2p_held_get_size (&self->in) > 0)
    total = lp2p_held_take (&self->in, vectors, n_vectors);
  else
    for (guint i = 0; i < n_vectors; i++)
      {
        gssize n;

        if (vectors[i].size == 0)
          continue;
        n = receive (self, vectors[i].buffer, vectors[i].size);
        if (n <= 0 && total == 0)
          return n;
        self->untold = n == 0 || n == LP2P_IO_FAILED;
        if (n > 0)
          total += n;
        if (n < (gssize) vectors[i].size)
          break;
      }
  queue_announcement (self);
  return total;
}

static gssize
io_stream_layer_peek (Lp2pLayer *layer, const guint8 **data)
{
  IOStreamLayer *self = (IOStreamLayer *) layer;

  if (lp2p_held_get_size (&self->in) == 0)
    {
      gssize n = LP2P_IO_AGAIN;

      if (is_readable (self))
        n = receive (self, lp2p_held_borrow (&self->in, layer->loop), LP2P_SCRATCH_SIZE);
      else if (self->error != NULL)
        n = LP2P_IO_FAILED;
      else if (self->eof)
        n = 0;
      if (n <= 0)
        {
          lp2p_held_clear (&self->in);
          return n;
        }
      lp2p_held_set_size (&self->in, n);
    }
  *data = lp2p_held_get_data (&self->in);
  return lp2p_held_get_size (&self->in);
}

static void
io_stream_layer_consume (Lp2pLayer *layer, gsize size)
{
  IOStreamLayer *self = (IOStreamLayer *) layer;

  lp2p_held_drop (&self->in, size);
  if (size > 0)
    queue_announcement (self);
}

static void
io_stream_layer_park (Lp2pLayer *layer)
{
  lp2p_held_park (&((IOStreamLayer *) layer)->in);
}

/* Writing */

/* Returns: bytes that the stream took, which may be none, or %LP2P_IO_FAILED */
static gssize
transmit (IOStreamLayer *self, const GOutputVector *vectors, guint n_vectors)
{
  gsize size = lp2p_output_vectors_get_size (vectors, n_vectors);
  gsize total = 0;

  /* Some streams take one vector after the other. */
  while (total < size)
    {
      GOutputVector rest[MAX_VECTORS];
      gsize skip = total;
      gsize written = 0;
      GError *error = NULL;
      GPollableReturn result;
      guint n = 0;

      for (guint i = 0; i < n_vectors; i++)
        {
          gsize offset = MIN (skip, vectors[i].size);

          skip -= offset;
          if (offset < vectors[i].size)
            rest[n++] = (GOutputVector){ (const guint8 *) vectors[i].buffer + offset,
                                         vectors[i].size - offset };
        }
      result = g_pollable_output_stream_writev_nonblocking (self->output, rest, n, &written, NULL,
                                                            &error);
      if (result == G_POLLABLE_RETURN_FAILED)
        return fail (self, error);
      total += written;
      self->bytes_written += written;
      if (result == G_POLLABLE_RETURN_WOULD_BLOCK || written == 0)
        {
          self->ready &= ~LP2P_READY_WRITE;
          break;
        }
    }
  return total;
}

/* The socket of a stream that is nothing more than that. */
static GSocket *
get_socket (IOStreamLayer *self)
{
  if (!G_IS_SOCKET_CONNECTION (self->stream) || G_IS_TCP_WRAPPER_CONNECTION (self->stream))
    return NULL;
  return g_socket_connection_get_socket (G_SOCKET_CONNECTION (self->stream));
}

static void
output_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Closing *closing = user_data;
  IOStreamLayer *self = closing->layer;
  GError *error = NULL;
  gboolean closed = g_output_stream_close_finish (G_OUTPUT_STREAM (source), result, &error);

  g_free (closing);
  if (self == NULL)
    {
      g_clear_error (&error);
      return;
    }

  self->closing = NULL;
  if (!closed)
    {
      fail (self, error);
      update_waiting (self);
      lp2p_layer_announce_failed (&self->parent, self->error);
    }
  else if (self->flushing)
    {
      self->flushing = FALSE;
      announce (self, get_due (self) | LP2P_READY_WRITE);
    }
}

/* GIO's own asynchronous close of a side is the synchronous one in a thread,
 * also where that does not block. */
static gboolean
has_async_close (GOutputStream *output)
{
  GOutputStreamClass *base = g_type_class_peek (G_TYPE_OUTPUT_STREAM);

  return G_OUTPUT_STREAM_GET_CLASS (output)->close_async != base->close_async;
}

/* Returns: 0 when the direction has ended, %LP2P_IO_AGAIN or %LP2P_IO_FAILED */
static int
end_output (IOStreamLayer *self)
{
  GOutputStream *output = G_OUTPUT_STREAM (self->output);
  GSocket *socket = get_socket (self);
  GError *error = NULL;
  gboolean ended;

  if (!self->ending)
    return 0;
  if (self->ended)
    return self->closing != NULL ? LP2P_IO_AGAIN : 0;

  self->ended = TRUE;
  /* GIO ends the directions of a socket only together. */
  if (socket != NULL)
    ended = g_socket_shutdown (socket, FALSE, TRUE, &error);
  else if (!has_async_close (output))
    ended = g_output_stream_close (output, NULL, &error);
  else
    {
      self->closing = g_new0 (Closing, 1);
      self->closing->layer = self;
      g_output_stream_close_async (output, G_PRIORITY_DEFAULT, NULL, output_closed, self->closing);
      return LP2P_IO_AGAIN;
    }
  return ended ? 0 : fail (self, error);
}

/* Returns: 0 when nothing is left, %LP2P_IO_AGAIN or %LP2P_IO_FAILED */
static int
drain_output (IOStreamLayer *self)
{
  int result = LP2P_IO_AGAIN;

  if (self->error != NULL)
    return LP2P_IO_FAILED;

  if (lp2p_held_get_size (&self->out) > 0 && (self->ready & LP2P_READY_WRITE))
    {
      GOutputVector vector = { lp2p_held_get_data (&self->out), lp2p_held_get_size (&self->out) };
      gssize size = transmit (self, &vector, 1);

      if (size > 0)
        lp2p_held_drop (&self->out, size);
    }
  if (self->error != NULL)
    result = LP2P_IO_FAILED;
  else if (lp2p_held_get_size (&self->out) == 0)
    result = end_output (self);
  update_waiting (self);
  return result;
}

/* What was held back goes first, in the same call. */
static gssize
write_through (IOStreamLayer *self, const GOutputVector *vectors, guint n_vectors, gsize size)
{
  GOutputVector all[MAX_VECTORS];
  gsize held = lp2p_held_get_size (&self->out);
  gsize offered = 0;
  gsize taken;
  guint n = 0;
  gssize sent;

  if (held > 0)
    all[n++] = (GOutputVector){ lp2p_held_get_data (&self->out), held };
  for (guint i = 0; i < n_vectors && n < MAX_VECTORS && offered < size; i++)
    {
      all[n] = vectors[i];
      all[n].size = MIN (vectors[i].size, size - offered);
      offered += all[n++].size;
    }

  sent = transmit (self, all, n);
  if (sent < 0)
    return LP2P_IO_FAILED;
  taken = (gsize) sent > held ? sent - held : 0;
  lp2p_held_drop (&self->out, MIN ((gsize) sent, held));

  /* The promise is kept, whatever the stream took. */
  lp2p_held_append (&self->out, vectors, n_vectors, taken, size - taken);
  if (drain_output (self) == LP2P_IO_FAILED)
    return LP2P_IO_FAILED;
  return size;
}

static gssize
io_stream_layer_writev (Lp2pLayer *layer,
                        const GOutputVector *vectors,
                        guint n_vectors,
                        Lp2pWriteFlags flags)
{
  IOStreamLayer *self = (IOStreamLayer *) layer;
  gsize total = lp2p_output_vectors_get_size (vectors, n_vectors);
  gsize held = lp2p_held_get_size (&self->out);
  gssize taken;

  if (self->error != NULL)
    return LP2P_IO_FAILED;
  g_return_val_if_fail (!self->ending, LP2P_IO_FAILED);

  if (total == 0)
    return 0;
  if ((self->ready & LP2P_READY_WRITE) == 0)
    {
      self->starved = TRUE;
      update_waiting (self);
      return LP2P_IO_AGAIN;
    }
  if ((flags & LP2P_WRITE_MORE) && held + total <= COALESCE_SIZE)
    return lp2p_held_append (&self->out, vectors, n_vectors, 0, total);

  taken = write_through (self, vectors, n_vectors, MIN (total, get_room (self)));
  if (taken >= 0 && (gsize) taken < total)
    {
      self->starved = TRUE;
      queue_announcement (self);
      update_waiting (self);
    }
  return taken;
}

static int
io_stream_layer_flush (Lp2pLayer *layer)
{
  IOStreamLayer *self = (IOStreamLayer *) layer;
  int result = drain_output (self);

  self->flushing = result == LP2P_IO_AGAIN;
  return result;
}

static gsize
io_stream_layer_write_room (Lp2pLayer *layer)
{
  IOStreamLayer *self = (IOStreamLayer *) layer;
  gsize room;

  if (self->error != NULL || self->ending)
    return 0;
  room = get_room (self);
  if (room == 0)
    self->starved = TRUE;
  return room;
}

static int
io_stream_layer_shutdown_write (Lp2pLayer *layer)
{
  IOStreamLayer *self = (IOStreamLayer *) layer;

  self->ending = TRUE;
  return io_stream_layer_flush (layer);
}

/* Both */

static void
io_stream_layer_want (Lp2pLayer *layer, Lp2pReady ready)
{
  IOStreamLayer *self = (IOStreamLayer *) layer;

  self->wanted = ready & (LP2P_READY_READ | LP2P_READY_WRITE);
  update_waiting (self);
  queue_announcement (self);
}

static void
close_stream (IOStreamLayer *self)
{
  GIOStreamClass *base = g_type_class_peek (G_TYPE_IO_STREAM);

  stop_waiting (&self->reading);
  stop_waiting (&self->writing);
  lp2p_job_clear (&self->job);
  lp2p_held_clear (&self->in);
  lp2p_held_clear (&self->out);
  if (self->closing != NULL)
    self->closing->layer = NULL;
  self->closing = NULL;
  if (self->stream == NULL)
    return;

  if (G_IO_STREAM_GET_CLASS (self->stream)->close_async != base->close_async ||
      has_async_close (G_OUTPUT_STREAM (self->output)))
    g_io_stream_close_async (self->stream, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
  else
    g_io_stream_close (self->stream, NULL, NULL);
  self->input = NULL;
  self->output = NULL;
  g_clear_object (&self->stream);
}

/* A socket that lingers for no time sends a reset when it is closed. */
static void
io_stream_layer_abort (Lp2pLayer *layer, guint32 code)
{
  IOStreamLayer *self = (IOStreamLayer *) layer;
  struct linger linger = { .l_onoff = 1, .l_linger = 0 };

  if (self->stream == NULL)
    return;

  if (G_IS_SOCKET_CONNECTION (self->stream))
    setsockopt (
        g_socket_get_fd (g_socket_connection_get_socket (G_SOCKET_CONNECTION (self->stream))),
        SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  else
    lp2p_async_io_reset (self->stream, code);
  close_stream (self);
  if (self->error == NULL)
    self->error =
        g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The connection was given up here"));
}

static void
io_stream_layer_free (Lp2pLayer *layer)
{
  IOStreamLayer *self = (IOStreamLayer *) layer;

  close_stream (self);
  g_clear_pointer (&self->local_address, lp2p_multiaddr_unref);
  g_clear_pointer (&self->remote_address, lp2p_multiaddr_unref);
  g_clear_error (&self->error);
  lp2p_layer_clear (layer);
  g_free (self);
}

static const GError *
io_stream_layer_get_error (Lp2pLayer *layer)
{
  return ((IOStreamLayer *) layer)->error;
}

static void
io_stream_layer_get_info (Lp2pLayer *layer, Lp2pLayerInfo *info)
{
  IOStreamLayer *self = (IOStreamLayer *) layer;

  info->bytes_read = self->bytes_read;
  info->bytes_written = self->bytes_written;
  info->local_address = self->local_address;
  info->remote_address = self->remote_address;
}

static const Lp2pLayerClass io_stream_layer_class = {
  .name = "GIOStream",
  .readv = io_stream_layer_readv,
  .peek = io_stream_layer_peek,
  .consume = io_stream_layer_consume,
  .park = io_stream_layer_park,
  .writev = io_stream_layer_writev,
  .flush = io_stream_layer_flush,
  .write_room = io_stream_layer_write_room,
  .want = io_stream_layer_want,
  .shutdown_write = io_stream_layer_shutdown_write,
  .abort = io_stream_layer_abort,
  .free = io_stream_layer_free,
  .get_error = io_stream_layer_get_error,
  .get_info = io_stream_layer_get_info,
};

/* Returns: %NULL where it has none that a multiaddr can say */
static Lp2pMultiaddr *
get_address (GIOStream *stream, gboolean remote)
{
  g_autoptr (GSocketAddress) address = NULL;

  if (!G_IS_TCP_CONNECTION (stream))
    return NULL;
  address = remote ? g_socket_connection_get_remote_address (G_SOCKET_CONNECTION (stream), NULL)
                   : g_socket_connection_get_local_address (G_SOCKET_CONNECTION (stream), NULL);
  if (address == NULL || !G_IS_INET_SOCKET_ADDRESS (address))
    return NULL;
  return lp2p_multiaddr_new_from_socket_address (address, LP2P_PROTOCOL_TCP);
}

/**
 * lp2p_io_stream_layer_new: (skip)
 * @loop: where it works, with a share of its own
 * @stream: a stream whose sides are both pollable; nobody else may use it
 * @error: where to put the error
 *
 * Makes a layer of a [class@Gio.IOStream]. It is read and written without
 * blocking, and polled only while readiness is wanted and not known.
 *
 * While the stream takes bytes, [func@layer_write_room] promises up to 256 KiB;
 * what the stream refuses of them is kept until it can leave, and nothing more
 * is promised meanwhile. The layer closes the stream when it is freed.
 *
 * Returns: (transfer full): the layer, or %NULL with `G_IO_ERROR_NOT_SUPPORTED`
 *   if the stream cannot be polled
 */
Lp2pLayer *
lp2p_io_stream_layer_new (Lp2pLoop *loop, GIOStream *stream, GError **error)
{
  g_autoptr (Lp2pLoop) share = NULL;
  IOStreamLayer *self;
  GInputStream *input;
  GOutputStream *output;

  g_return_val_if_fail (loop != NULL, NULL);
  g_return_val_if_fail (G_IS_IO_STREAM (stream), NULL);

  input = g_io_stream_get_input_stream (stream);
  output = g_io_stream_get_output_stream (stream);
  if (!G_IS_POLLABLE_INPUT_STREAM (input) || !G_IS_POLLABLE_OUTPUT_STREAM (output) ||
      !g_pollable_input_stream_can_poll (G_POLLABLE_INPUT_STREAM (input)) ||
      !g_pollable_output_stream_can_poll (G_POLLABLE_OUTPUT_STREAM (output)))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   _("Cannot use a %s without blocking: its sides %s and %s are not both pollable"),
                   G_OBJECT_TYPE_NAME (stream),
                   input != NULL ? G_OBJECT_TYPE_NAME (input) : _("(none)"),
                   output != NULL ? G_OBJECT_TYPE_NAME (output) : _("(none)"));
      return NULL;
    }

  self = g_new0 (IOStreamLayer, 1);
  share = lp2p_loop_new_share (loop);
  lp2p_layer_init (&self->parent, &io_stream_layer_class, share);
  lp2p_job_init (&self->job, share, LP2P_JOB_PUMP, announce_again);
  self->stream = g_object_ref (stream);
  self->input = G_POLLABLE_INPUT_STREAM (input);
  self->output = G_POLLABLE_OUTPUT_STREAM (output);
  self->local_address = get_address (stream, FALSE);
  self->remote_address = get_address (stream, TRUE);
  self->reading.func = input_ready;
  self->writing.func = output_ready;
  self->ready = LP2P_READY_READ | LP2P_READY_WRITE;
  return &self->parent;
}
