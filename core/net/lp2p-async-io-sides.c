/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The two sides of a GIOStream: thin, all state is in Lp2pAsyncIo. GIO holds a
 * stream's sides as long as the stream, so they point back weakly. */

#include "net/lp2p-async-io-private.h"

#define LP2P_TYPE_ASYNC_INPUT (lp2p_async_input_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pAsyncInput, lp2p_async_input, LP2P, ASYNC_INPUT, GInputStream)

#define LP2P_TYPE_ASYNC_OUTPUT (lp2p_async_output_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pAsyncOutput, lp2p_async_output, LP2P, ASYNC_OUTPUT, GOutputStream)

/* What a skip reads into: nobody looks at it. */
static guint8 skipped[16 * 1024];

/* @io lives as long as @stream; the rest may be looked at in any thread. */
typedef struct
{
  GWeakRef stream;
  Lp2pAsyncIo *io;
  const Lp2pAsyncIoFuncs *funcs;
  Lp2pLoop *loop;
} Side;

struct _Lp2pAsyncInput
{
  GInputStream parent_instance;
  Side side;
};

struct _Lp2pAsyncOutput
{
  GOutputStream parent_instance;
  Side side;
  /* write_async() is writev_async() with this one vector. */
  GOutputVector vector;
};

static void pollable_input_init (GPollableInputStreamInterface *iface);
static void pollable_output_init (GPollableOutputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pAsyncInput,
                               lp2p_async_input,
                               G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                                                      pollable_input_init))
G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pAsyncOutput,
                               lp2p_async_output,
                               G_TYPE_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM,
                                                      pollable_output_init))

static void
side_init (Side *self, Lp2pAsyncIo *io)
{
  g_weak_ref_init (&self->stream, io->stream);
  self->io = io;
  self->funcs = io->funcs;
  self->loop = lp2p_loop_ref (io->loop);
}

static void
side_clear (Side *self)
{
  g_weak_ref_clear (&self->stream);
  g_clear_pointer (&self->loop, lp2p_loop_unref);
}

/* A reference to the stream, %NULL when it is gone or the thread is not its. */
static GIOStream *
side_enter (Side *self, GError **error)
{
  GIOStream *stream;

  if (!lp2p_async_io_check_thread (self->loop, self->funcs, error))
    return NULL;
  stream = g_weak_ref_get (&self->stream);
  if (stream == NULL)
    lp2p_async_io_set_closed_error (error);
  return stream;
}

/* As side_enter() for a task, which it ends and drops where there is no stream or
 * the task was cancelled. */
static GIOStream *
side_enter_for (Side *self, GTask *task)
{
  GError *error = NULL;
  g_autoptr (GIOStream) stream = side_enter (self, &error);

  if (stream != NULL && !g_task_return_error_if_cancelled (task))
    return g_steal_pointer (&stream);
  if (error != NULL)
    g_task_return_error (task, error);
  g_object_unref (task);
  return NULL;
}

static gboolean
side_close (Side *self, Lp2pReady which, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GIOStream) stream = side_enter (self, &local);

  if (stream != NULL)
    lp2p_async_io_close_side (self->io, which);
  else if (!g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CLOSED))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  return TRUE;
}

static void
side_close_async (Side *self, Lp2pReady which, GTask *task)
{
  GError *error = NULL;

  if (side_close (self, which, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static gboolean
side_is_ready (Side *self, Lp2pReady which)
{
  g_autoptr (GIOStream) stream = side_enter (self, NULL);

  return stream == NULL || lp2p_async_io_is_ready (self->io, which);
}

static GSource *
side_create_source (Side *self, Lp2pReady which, gpointer pollable, GCancellable *cancellable)
{
  g_autoptr (GIOStream) stream = side_enter (self, NULL);
  GSource *source;

  if (stream != NULL)
    return lp2p_async_io_create_source (self->io, which, pollable, cancellable);

  /* Ready at once, to be told why it cannot be used. */
  source = g_pollable_source_new (pollable);
  g_source_set_ready_time (source, 0);
  return source;
}

/* Input */

static gssize
input_read (
    GInputStream *input, void *buffer, gsize size, GCancellable *cancellable, GError **error)
{
  Side *side = &LP2P_ASYNC_INPUT (input)->side;
  g_autoptr (GIOStream) stream = NULL;

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return -1;
  stream = side_enter (side, error);
  return stream != NULL ? lp2p_async_io_read (side->io, buffer, size, error) : -1;
}

static gssize
input_skip (GInputStream *input, gsize size, GCancellable *cancellable, GError **error)
{
  return input_read (input, skipped, MIN (size, sizeof skipped), cancellable, error);
}

static void
start_read (GInputStream *input, GTask *task, void *buffer, gsize size)
{
  Side *side = &LP2P_ASYNC_INPUT (input)->side;
  g_autoptr (GIOStream) stream = side_enter_for (side, task);

  if (stream != NULL)
    lp2p_async_io_start_read (side->io, task, buffer, size);
}

static void
input_read_async (GInputStream *input,
                  void *buffer,
                  gsize size,
                  int priority,
                  GCancellable *cancellable,
                  GAsyncReadyCallback callback,
                  gpointer user_data)
{
  start_read (
      input,
      lp2p_async_io_new_task (input, input_read_async, priority, cancellable, callback, user_data),
      buffer, size);
}

static void
input_skip_async (GInputStream *input,
                  gsize size,
                  int priority,
                  GCancellable *cancellable,
                  GAsyncReadyCallback callback,
                  gpointer user_data)
{
  start_read (
      input,
      lp2p_async_io_new_task (input, input_skip_async, priority, cancellable, callback, user_data),
      skipped, MIN (size, sizeof skipped));
}

static gssize
input_finish (GInputStream *input, GAsyncResult *result, GError **error)
{
  return g_task_propagate_int (G_TASK (result), error);
}

static gboolean
input_close (GInputStream *input, GCancellable *cancellable, GError **error)
{
  return side_close (&LP2P_ASYNC_INPUT (input)->side, LP2P_READY_READ, error);
}

static void
input_close_async (GInputStream *input,
                   int priority,
                   GCancellable *cancellable,
                   GAsyncReadyCallback callback,
                   gpointer user_data)
{
  g_autoptr (GTask) task =
      lp2p_async_io_new_task (input, input_close_async, priority, cancellable, callback, user_data);

  side_close_async (&LP2P_ASYNC_INPUT (input)->side, LP2P_READY_READ, task);
}

static gboolean
input_close_finish (GInputStream *input, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static gboolean
input_is_readable (GPollableInputStream *pollable)
{
  return side_is_ready (&LP2P_ASYNC_INPUT (pollable)->side, LP2P_READY_READ);
}

static gssize
input_read_nonblocking (GPollableInputStream *pollable, void *buffer, gsize size, GError **error)
{
  return input_read (G_INPUT_STREAM (pollable), buffer, size, NULL, error);
}

static GSource *
input_create_source (GPollableInputStream *pollable, GCancellable *cancellable)
{
  return side_create_source (&LP2P_ASYNC_INPUT (pollable)->side, LP2P_READY_READ, pollable,
                             cancellable);
}

static void
pollable_input_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = input_is_readable;
  iface->create_source = input_create_source;
  iface->read_nonblocking = input_read_nonblocking;
}

static void
lp2p_async_input_finalize (GObject *object)
{
  side_clear (&LP2P_ASYNC_INPUT (object)->side);
  G_OBJECT_CLASS (lp2p_async_input_parent_class)->finalize (object);
}

static void
lp2p_async_input_class_init (Lp2pAsyncInputClass *klass)
{
  GInputStreamClass *input_class = G_INPUT_STREAM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = lp2p_async_input_finalize;
  input_class->read_fn = input_read;
  input_class->skip = input_skip;
  input_class->close_fn = input_close;
  input_class->read_async = input_read_async;
  input_class->read_finish = input_finish;
  input_class->skip_async = input_skip_async;
  input_class->skip_finish = input_finish;
  input_class->close_async = input_close_async;
  input_class->close_finish = input_close_finish;
}

static void
lp2p_async_input_init (Lp2pAsyncInput *self)
{
}

GInputStream *
lp2p_async_input_new (Lp2pAsyncIo *io)
{
  Lp2pAsyncInput *self = g_object_new (LP2P_TYPE_ASYNC_INPUT, NULL);

  side_init (&self->side, io);
  return G_INPUT_STREAM (self);
}

/* What @input is a side of; %NULL if it is none of these. It must be in use. */
Lp2pAsyncIo *
lp2p_async_input_get_io (GInputStream *input)
{
  return LP2P_IS_ASYNC_INPUT (input) ? LP2P_ASYNC_INPUT (input)->side.io : NULL;
}

/* Output */

static gboolean
output_writev (GOutputStream *output,
               const GOutputVector *vectors,
               gsize n_vectors,
               gsize *written,
               GCancellable *cancellable,
               GError **error)
{
  Side *side = &LP2P_ASYNC_OUTPUT (output)->side;
  g_autoptr (GIOStream) stream = NULL;
  gssize n = -1;

  if (!g_cancellable_set_error_if_cancelled (cancellable, error))
    stream = side_enter (side, error);
  if (stream != NULL)
    n = lp2p_async_io_writev (side->io, vectors, n_vectors, error);
  if (written != NULL)
    *written = MAX (n, 0);
  return n >= 0;
}

static gssize
output_write (GOutputStream *output,
              const void *buffer,
              gsize size,
              GCancellable *cancellable,
              GError **error)
{
  GOutputVector vector = { buffer, size };
  gsize written;

  return output_writev (output, &vector, 1, &written, cancellable, error) ? (gssize) written : -1;
}

static void
start_write (GOutputStream *output, GTask *task, const GOutputVector *vectors, gsize n_vectors)
{
  Side *side = &LP2P_ASYNC_OUTPUT (output)->side;
  g_autoptr (GIOStream) stream = side_enter_for (side, task);

  if (stream != NULL)
    lp2p_async_io_start_write (side->io, task, vectors, n_vectors);
}

static void
output_write_async (GOutputStream *output,
                    const void *buffer,
                    gsize size,
                    int priority,
                    GCancellable *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer user_data)
{
  Lp2pAsyncOutput *self = LP2P_ASYNC_OUTPUT (output);

  self->vector = (GOutputVector){ buffer, size };
  start_write (output,
               lp2p_async_io_new_task (output, output_write_async, priority, cancellable, callback,
                                       user_data),
               &self->vector, 1);
}

static gssize
output_write_finish (GOutputStream *output, GAsyncResult *result, GError **error)
{
  return g_task_propagate_int (G_TASK (result), error);
}

static void
output_writev_async (GOutputStream *output,
                     const GOutputVector *vectors,
                     gsize n_vectors,
                     int priority,
                     GCancellable *cancellable,
                     GAsyncReadyCallback callback,
                     gpointer user_data)
{
  start_write (output,
               lp2p_async_io_new_task (output, output_writev_async, priority, cancellable, callback,
                                       user_data),
               vectors, n_vectors);
}

static gboolean
output_writev_finish (GOutputStream *output, GAsyncResult *result, gsize *written, GError **error)
{
  gssize n = g_task_propagate_int (G_TASK (result), error);

  if (written != NULL)
    *written = MAX (n, 0);
  return n >= 0;
}

/* What a write took is on its way already: there is nothing to flush. */
static gboolean
output_flush (GOutputStream *output, GCancellable *cancellable, GError **error)
{
  return TRUE;
}

static void
output_flush_async (GOutputStream *output,
                    int priority,
                    GCancellable *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer user_data)
{
  g_autoptr (GTask) task = lp2p_async_io_new_task (output, output_flush_async, priority,
                                                   cancellable, callback, user_data);

  g_task_return_boolean (task, TRUE);
}

static gboolean
output_close (GOutputStream *output, GCancellable *cancellable, GError **error)
{
  return side_close (&LP2P_ASYNC_OUTPUT (output)->side, LP2P_READY_WRITE, error);
}

static void
output_close_async (GOutputStream *output,
                    int priority,
                    GCancellable *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer user_data)
{
  g_autoptr (GTask) task = lp2p_async_io_new_task (output, output_close_async, priority,
                                                   cancellable, callback, user_data);

  side_close_async (&LP2P_ASYNC_OUTPUT (output)->side, LP2P_READY_WRITE, task);
}

static gboolean
output_boolean_finish (GOutputStream *output, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static gboolean
output_is_writable (GPollableOutputStream *pollable)
{
  return side_is_ready (&LP2P_ASYNC_OUTPUT (pollable)->side, LP2P_READY_WRITE);
}

static gssize
output_write_nonblocking (GPollableOutputStream *pollable,
                          const void *buffer,
                          gsize size,
                          GError **error)
{
  return output_write (G_OUTPUT_STREAM (pollable), buffer, size, NULL, error);
}

static GPollableReturn
output_writev_nonblocking (GPollableOutputStream *pollable,
                           const GOutputVector *vectors,
                           gsize n_vectors,
                           gsize *written,
                           GError **error)
{
  g_autoptr (GError) local = NULL;

  if (output_writev (G_OUTPUT_STREAM (pollable), vectors, n_vectors, written, NULL, &local))
    return G_POLLABLE_RETURN_OK;
  if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return G_POLLABLE_RETURN_WOULD_BLOCK;
  g_propagate_error (error, g_steal_pointer (&local));
  return G_POLLABLE_RETURN_FAILED;
}

static GSource *
output_create_source (GPollableOutputStream *pollable, GCancellable *cancellable)
{
  return side_create_source (&LP2P_ASYNC_OUTPUT (pollable)->side, LP2P_READY_WRITE, pollable,
                             cancellable);
}

static void
pollable_output_init (GPollableOutputStreamInterface *iface)
{
  iface->is_writable = output_is_writable;
  iface->create_source = output_create_source;
  iface->write_nonblocking = output_write_nonblocking;
  iface->writev_nonblocking = output_writev_nonblocking;
}

static void
lp2p_async_output_finalize (GObject *object)
{
  side_clear (&LP2P_ASYNC_OUTPUT (object)->side);
  G_OBJECT_CLASS (lp2p_async_output_parent_class)->finalize (object);
}

static void
lp2p_async_output_class_init (Lp2pAsyncOutputClass *klass)
{
  GOutputStreamClass *output_class = G_OUTPUT_STREAM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = lp2p_async_output_finalize;
  output_class->write_fn = output_write;
  output_class->writev_fn = output_writev;
  output_class->flush = output_flush;
  output_class->close_fn = output_close;
  output_class->write_async = output_write_async;
  output_class->write_finish = output_write_finish;
  output_class->writev_async = output_writev_async;
  output_class->writev_finish = output_writev_finish;
  output_class->flush_async = output_flush_async;
  output_class->flush_finish = output_boolean_finish;
  output_class->close_async = output_close_async;
  output_class->close_finish = output_boolean_finish;
}

static void
lp2p_async_output_init (Lp2pAsyncOutput *self)
{
}

GOutputStream *
lp2p_async_output_new (Lp2pAsyncIo *io)
{
  Lp2pAsyncOutput *self = g_object_new (LP2P_TYPE_ASYNC_OUTPUT, NULL);

  side_init (&self->side, io);
  return G_OUTPUT_STREAM (self);
}
