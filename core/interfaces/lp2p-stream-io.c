/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The two sides of a stream's GIOStream: thin, all state is in the stream. GIO
 * holds a stream's sides as long as the stream, so they point back weakly. */

#include "interfaces/lp2p-stream-private.h"

#define LP2P_TYPE_STREAM_INPUT (lp2p_stream_input_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pStreamInput, lp2p_stream_input, LP2P, STREAM_INPUT, GInputStream)

#define LP2P_TYPE_STREAM_OUTPUT (lp2p_stream_output_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pStreamOutput, lp2p_stream_output, LP2P, STREAM_OUTPUT, GOutputStream)

/* What a skip reads into: nobody looks at it. */
static guint8 skipped[16 * 1024];

struct _Lp2pStreamInput
{
  GInputStream parent_instance;
  GWeakRef stream;
};

struct _Lp2pStreamOutput
{
  GOutputStream parent_instance;
  GWeakRef stream;
  /* write_async() is writev_async() with this one vector. */
  GOutputVector vector;
};

static void pollable_input_init (GPollableInputStreamInterface *iface);
static void pollable_output_init (GPollableOutputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pStreamInput, lp2p_stream_input, G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM, pollable_input_init))
G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pStreamOutput, lp2p_stream_output, G_TYPE_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM, pollable_output_init))

static Lp2pStream *
dup_stream (GWeakRef *weak, GError **error)
{
  Lp2pStream *stream = g_weak_ref_get (weak);

  if (stream == NULL)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "The stream is closed");
  return stream;
}

static GTask *
new_task (gpointer source, gpointer tag, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (source, cancellable, callback, user_data);

  /* The stream looks after cancellation: bytes that were moved are not lost. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_priority (task, priority);
  g_task_set_source_tag (task, tag);
  return task;
}

/* Input */

static gssize
input_read (GInputStream *input, void *buffer, gsize size, GCancellable *cancellable, GError **error)
{
  g_autoptr (Lp2pStream) stream = dup_stream (&LP2P_STREAM_INPUT (input)->stream, error);

  return stream != NULL ? lp2p_stream_read (stream, buffer, size, error) : -1;
}

static gssize
input_skip (GInputStream *input, gsize size, GCancellable *cancellable, GError **error)
{
  return input_read (input, skipped, MIN (size, sizeof skipped), cancellable, error);
}

static void
start_read (GInputStream *input, GTask *task, void *buffer, gsize size)
{
  GError *error = NULL;
  g_autoptr (Lp2pStream) stream = dup_stream (&LP2P_STREAM_INPUT (input)->stream, &error);

  if (stream != NULL && !g_task_return_error_if_cancelled (task))
    {
      lp2p_stream_start_read (stream, task, buffer, size);
      return;
    }
  if (error != NULL)
    g_task_return_error (task, error);
  g_object_unref (task);
}

static void
input_read_async (GInputStream *input, void *buffer, gsize size, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  start_read (input, new_task (input, input_read_async, priority, cancellable, callback, user_data), buffer, size);
}

static void
input_skip_async (GInputStream *input, gsize size, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  start_read (input, new_task (input, input_skip_async, priority, cancellable, callback, user_data), skipped,
              MIN (size, sizeof skipped));
}

static gssize
input_finish (GInputStream *input, GAsyncResult *result, GError **error)
{
  return g_task_propagate_int (G_TASK (result), error);
}

static gboolean
input_close (GInputStream *input, GCancellable *cancellable, GError **error)
{
  g_autoptr (Lp2pStream) stream = g_weak_ref_get (&LP2P_STREAM_INPUT (input)->stream);

  return stream == NULL || lp2p_stream_close_side (stream, LP2P_READY_READ, error);
}

static void
input_close_async (GInputStream *input, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = new_task (input, input_close_async, priority, cancellable, callback, user_data);

  input_close (input, NULL, NULL);
  g_task_return_boolean (task, TRUE);
}

static gboolean
input_close_finish (GInputStream *input, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static gboolean
input_is_readable (GPollableInputStream *pollable)
{
  g_autoptr (Lp2pStream) stream = g_weak_ref_get (&LP2P_STREAM_INPUT (pollable)->stream);

  return stream == NULL || lp2p_stream_is_ready (stream, LP2P_READY_READ);
}

static gssize
input_read_nonblocking (GPollableInputStream *pollable, void *buffer, gsize size, GError **error)
{
  return input_read (G_INPUT_STREAM (pollable), buffer, size, NULL, error);
}

static GSource *
create_source (GWeakRef *weak, Lp2pReady side, gpointer pollable, GCancellable *cancellable)
{
  g_autoptr (Lp2pStream) stream = g_weak_ref_get (weak);
  GSource *source;

  if (stream != NULL)
    return lp2p_stream_create_source (stream, side, pollable, cancellable);

  /* The stream is gone: ready at once, to be told so. */
  source = g_pollable_source_new (pollable);
  g_source_set_ready_time (source, 0);
  return source;
}

static GSource *
input_create_source (GPollableInputStream *pollable, GCancellable *cancellable)
{
  return create_source (&LP2P_STREAM_INPUT (pollable)->stream, LP2P_READY_READ, pollable, cancellable);
}

static void
pollable_input_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = input_is_readable;
  iface->create_source = input_create_source;
  iface->read_nonblocking = input_read_nonblocking;
}

static void
lp2p_stream_input_finalize (GObject *object)
{
  g_weak_ref_clear (&LP2P_STREAM_INPUT (object)->stream);
  G_OBJECT_CLASS (lp2p_stream_input_parent_class)->finalize (object);
}

static void
lp2p_stream_input_class_init (Lp2pStreamInputClass *klass)
{
  GInputStreamClass *input_class = G_INPUT_STREAM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = lp2p_stream_input_finalize;
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
lp2p_stream_input_init (Lp2pStreamInput *self)
{
}

GInputStream *
lp2p_stream_input_new (Lp2pStream *stream)
{
  Lp2pStreamInput *self = g_object_new (LP2P_TYPE_STREAM_INPUT, NULL);

  g_weak_ref_init (&self->stream, stream);
  return G_INPUT_STREAM (self);
}

/* Output */

static gboolean
output_writev (GOutputStream *output, const GOutputVector *vectors, gsize n_vectors, gsize *written, GCancellable *cancellable, GError **error)
{
  g_autoptr (Lp2pStream) stream = dup_stream (&LP2P_STREAM_OUTPUT (output)->stream, error);
  gssize n = stream != NULL ? lp2p_stream_writev (stream, vectors, n_vectors, error) : -1;

  if (written != NULL)
    *written = MAX (n, 0);
  return n >= 0;
}

static gssize
output_write (GOutputStream *output, const void *buffer, gsize size, GCancellable *cancellable, GError **error)
{
  GOutputVector vector = { buffer, size };
  gsize written;

  return output_writev (output, &vector, 1, &written, cancellable, error) ? (gssize) written : -1;
}

static void
start_write (GOutputStream *output, GTask *task, const GOutputVector *vectors, gsize n_vectors)
{
  GError *error = NULL;
  g_autoptr (Lp2pStream) stream = dup_stream (&LP2P_STREAM_OUTPUT (output)->stream, &error);

  if (stream != NULL && !g_task_return_error_if_cancelled (task))
    {
      lp2p_stream_start_write (stream, task, vectors, n_vectors);
      return;
    }
  if (error != NULL)
    g_task_return_error (task, error);
  g_object_unref (task);
}

static void
output_write_async (GOutputStream *output, const void *buffer, gsize size, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  Lp2pStreamOutput *self = LP2P_STREAM_OUTPUT (output);

  self->vector = (GOutputVector) { buffer, size };
  start_write (output, new_task (output, output_write_async, priority, cancellable, callback, user_data),
               &self->vector, 1);
}

static gssize
output_write_finish (GOutputStream *output, GAsyncResult *result, GError **error)
{
  return g_task_propagate_int (G_TASK (result), error);
}

static void
output_writev_async (GOutputStream *output, const GOutputVector *vectors, gsize n_vectors, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  start_write (output, new_task (output, output_writev_async, priority, cancellable, callback, user_data), vectors,
               n_vectors);
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
output_flush_async (GOutputStream *output, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = new_task (output, output_flush_async, priority, cancellable, callback, user_data);

  g_task_return_boolean (task, TRUE);
}

static gboolean
output_close (GOutputStream *output, GCancellable *cancellable, GError **error)
{
  g_autoptr (Lp2pStream) stream = g_weak_ref_get (&LP2P_STREAM_OUTPUT (output)->stream);

  return stream == NULL || lp2p_stream_close_side (stream, LP2P_READY_WRITE, error);
}

static void
output_close_async (GOutputStream *output, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = new_task (output, output_close_async, priority, cancellable, callback, user_data);

  output_close (output, NULL, NULL);
  g_task_return_boolean (task, TRUE);
}

static gboolean
output_boolean_finish (GOutputStream *output, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static gboolean
output_is_writable (GPollableOutputStream *pollable)
{
  g_autoptr (Lp2pStream) stream = g_weak_ref_get (&LP2P_STREAM_OUTPUT (pollable)->stream);

  return stream == NULL || lp2p_stream_is_ready (stream, LP2P_READY_WRITE);
}

static gssize
output_write_nonblocking (GPollableOutputStream *pollable, const void *buffer, gsize size, GError **error)
{
  return output_write (G_OUTPUT_STREAM (pollable), buffer, size, NULL, error);
}

static GPollableReturn
output_writev_nonblocking (GPollableOutputStream *pollable, const GOutputVector *vectors, gsize n_vectors, gsize *written, GError **error)
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
  return create_source (&LP2P_STREAM_OUTPUT (pollable)->stream, LP2P_READY_WRITE, pollable, cancellable);
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
lp2p_stream_output_finalize (GObject *object)
{
  g_weak_ref_clear (&LP2P_STREAM_OUTPUT (object)->stream);
  G_OBJECT_CLASS (lp2p_stream_output_parent_class)->finalize (object);
}

static void
lp2p_stream_output_class_init (Lp2pStreamOutputClass *klass)
{
  GOutputStreamClass *output_class = G_OUTPUT_STREAM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = lp2p_stream_output_finalize;
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
lp2p_stream_output_init (Lp2pStreamOutput *self)
{
}

GOutputStream *
lp2p_stream_output_new (Lp2pStream *stream)
{
  Lp2pStreamOutput *self = g_object_new (LP2P_TYPE_STREAM_OUTPUT, NULL);

  g_weak_ref_init (&self->stream, stream);
  return G_OUTPUT_STREAM (self);
}
