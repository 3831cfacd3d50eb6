/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include <lp2p/interfaces/lp2p-connection.h>

#include "interfaces/lp2p-connection-private.h"
#include "interfaces/lp2p-stream-private.h"

/* What a negotiation needs at once fits; more than that is never sent before
 * the other side has answered. */
#define NEGOTIATION_READ_SIZE 256

typedef struct
{
  GTask *task;
  GSource *cancel;
  union
  {
    guint8 *buffer;
    const GOutputVector *vectors;
  };
  /* Of the buffer, or of the vectors' number. */
  gsize size;
  gsize done;
} Operation;

/**
 * Lp2pStream:
 *
 * One stream of a connection.
 *
 * Its two sides are pollable and asynchronous without threads; a synchronous
 * call moves what it can at once, or fails with `G_IO_ERROR_WOULD_BLOCK`.
 * Closing the output stream ends our direction and lets the peer go on
 * sending; closing the stream ends both.
 *
 * A stream belongs to the thread of its host.
 */
struct _Lp2pStream
{
  GIOStream parent_instance;

  Lp2pConnection *connection;
  Lp2pMuxerSession *session;
  Lp2pMuxerStream *handle;
  Lp2pLoop *loop;
  GInputStream *input;
  GOutputStream *output;

  Lp2pMultistream *negotiation;
  GByteArray *head;
  GByteArray *early;
  const char *protocol;

  Operation reading;
  Operation writing;
  Operation agreeing;
  GSList *sources;
  Lp2pJob job;
  GError *error;
  guint32 remote_code;
  guint32 stop_code;
  Lp2pReady ready;
  guint outbound : 1;
  guint input_closed : 1;
  guint output_closed : 1;
  guint output_ended : 1;
  guint told_agreed : 1;
};

G_DEFINE_FINAL_TYPE (Lp2pStream, lp2p_stream, G_TYPE_IO_STREAM)

enum
{
  PROP_0,
  PROP_PROTOCOL,
  PROP_CONNECTION,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];


/* Errors */

static void
set_closed_error (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "The stream is closed");
}

static void
set_would_block (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "The stream is not ready");
}

static gssize
fail_io (Lp2pStream *self, Lp2pReady side, GError **error)
{
  const GError *reason = NULL;
  guint32 code = 0;

  if (self->error != NULL)
    reason = self->error;
  else if (self->handle != NULL)
    reason = self->session->klass->stream_get_error (self->session, self->handle, side, &code);

  if (code != 0)
    self->remote_code = code;
  if (reason != NULL)
    g_propagate_error (error, g_error_copy (reason));
  else
    set_closed_error (error);
  return -1;
}

static gboolean
check_thread (Lp2pStream *self, GError **error)
{
  if (lp2p_loop_is_owner (self->loop))
    return TRUE;
  g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_WRONG_THREAD,
                       "A stream can only be used in the thread of its host");
  return FALSE;
}

static gboolean
check_usable (Lp2pStream *self, GError **error)
{
  if (self->handle == NULL)
    {
      fail_io (self, LP2P_READY_READ, error);
      return FALSE;
    }
  return TRUE;
}

/* Gives the session's stream back; what comes for it is no longer told. */
static void
release_handle (Lp2pStream *self)
{
  Lp2pMuxerStream *handle = g_steal_pointer (&self->handle);

  if (handle == NULL)
    return;
  handle->user_data = NULL;
  self->session->klass->stream_release (self->session, handle);
  self->session = NULL;
  lp2p_connection_stream_gone (self->connection, self);
}

static void
break_stream (Lp2pStream *self, GError *error, guint32 code)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);

  if (self->handle != NULL)
    {
      self->session->klass->stream_reset (self->session, self->handle, code);
      release_handle (self);
    }
  lp2p_job_queue (&self->job);
}

/* Negotiation: a codec that rides on the stream's first bytes. `head` is what it
 * still has to send, `early` what came behind its end. */

static void
finish_negotiation (Lp2pStream *self)
{
  self->protocol = g_intern_string (lp2p_multistream_get_protocol (self->negotiation));
  g_clear_pointer (&self->negotiation, lp2p_multistream_free);
  if (self->input_closed && self->handle != NULL)
    self->session->klass->stream_stop_reading (self->session, self->handle, self->stop_code);
  lp2p_job_queue (&self->job);
}

static void
negotiation_failed (Lp2pStream *self, GError *error)
{
  GError *reason;

  if (g_error_matches (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_REFUSED))
    reason = g_error_new_literal (LP2P_ERROR, LP2P_ERROR_NOT_SUPPORTED, error->message);
  else
    reason = g_error_new_literal (LP2P_ERROR, LP2P_ERROR_PROTOCOL, error->message);
  g_error_free (error);
  g_clear_pointer (&self->negotiation, lp2p_multistream_free);
  break_stream (self, reason, LP2P_CODE_STREAM_PROTOCOL_NEGOTIATION_FAILED);
}

static void
collect_head (Lp2pStream *self)
{
  if (self->negotiation == NULL)
    return;
  if (self->head == NULL)
    self->head = g_byte_array_new ();
  lp2p_multistream_take_output (self->negotiation, self->head);
  if (self->head->len == 0)
    g_clear_pointer (&self->head, g_byte_array_unref);
}

static void
send_head (Lp2pStream *self)
{
  GOutputVector vector;
  gssize n;

  collect_head (self);
  if (self->head == NULL || self->handle == NULL)
    return;

  vector = (GOutputVector) { self->head->data, self->head->len };
  n = self->session->klass->stream_writev (self->session, self->handle, &vector, 1);
  if (n > 0)
    g_byte_array_remove_range (self->head, 0, n);
  if (self->head->len == 0 || n == LP2P_IO_FAILED)
    g_clear_pointer (&self->head, g_byte_array_unref);
  else
    {
      self->ready &= ~LP2P_READY_WRITE;
      self->session->klass->stream_want (self->session, self->handle, LP2P_READY_READ | LP2P_READY_WRITE);
    }
}

/* Feeds the codec one piece; what lies behind its end is kept for the reader. */
static void
feed_negotiation (Lp2pStream *self, const guint8 *data, gsize size)
{
  GError *error = NULL;
  gsize consumed = 0;

  switch (lp2p_multistream_input (self->negotiation, data, size, &consumed, &error))
    {
    case LP2P_MULTISTREAM_FAILED:
      negotiation_failed (self, error);
      return;
    case LP2P_MULTISTREAM_DONE:
      send_head (self);
      if (consumed < size)
        {
          self->early = g_byte_array_new ();
          g_byte_array_append (self->early, data + consumed, size - consumed);
        }
      if (self->negotiation != NULL)
        finish_negotiation (self);
      return;
    case LP2P_MULTISTREAM_MORE:
    default:
      send_head (self);
    }
}

static void
drive_negotiation (Lp2pStream *self)
{
  guint8 buffer[NEGOTIATION_READ_SIZE];
  GInputVector vector = { buffer, sizeof buffer };

  send_head (self);
  while (self->negotiation != NULL && self->handle != NULL)
    {
      gssize n = self->session->klass->stream_readv (self->session, self->handle, &vector, 1);

      if (n > 0)
        {
          feed_negotiation (self, buffer, n);
          continue;
        }
      if (n == LP2P_IO_AGAIN)
        {
          self->ready &= ~LP2P_READY_READ;
          return;
        }
      if (n == 0)
        negotiation_failed (self, g_error_new (LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_MULTISTREAM,
                                               "The stream ended before its protocol was agreed on"));
      else
        {
          GError *error = NULL;

          fail_io (self, LP2P_READY_READ, &error);
          g_clear_pointer (&self->negotiation, lp2p_multistream_free);
          break_stream (self, error, 0);
        }
    }
}

/* Reading and writing */

static gssize
take_early (Lp2pStream *self, void *buffer, gsize size)
{
  gsize n = MIN (size, self->early->len);

  memcpy (buffer, self->early->data, n);
  if (n == self->early->len)
    g_clear_pointer (&self->early, g_byte_array_unref);
  else
    g_byte_array_remove_range (self->early, 0, n);
  return n;
}

gssize
lp2p_stream_read (Lp2pStream *self, void *buffer, gsize size, GError **error)
{
  GInputVector vector = { buffer, size };
  gssize n;

  if (!check_thread (self, error))
    return -1;
  if (self->input_closed)
    {
      set_closed_error (error);
      return -1;
    }
  if (self->early != NULL)
    return take_early (self, buffer, size);
  if (!check_usable (self, error))
    return -1;
  if (self->negotiation != NULL)
    {
      drive_negotiation (self);
      if (self->early != NULL)
        return take_early (self, buffer, size);
      if (self->handle == NULL)
        return fail_io (self, LP2P_READY_READ, error);
      if (self->negotiation != NULL)
        {
          set_would_block (error);
          return -1;
        }
    }

  n = self->session->klass->stream_readv (self->session, self->handle, &vector, 1);
  if (n >= 0)
    return n;
  if (n == LP2P_IO_FAILED)
    return fail_io (self, LP2P_READY_READ, error);

  self->ready &= ~LP2P_READY_READ;
  set_would_block (error);
  return -1;
}

static gsize
get_size (const GOutputVector *vectors, gsize n_vectors)
{
  gsize size = 0;

  for (gsize i = 0; i < n_vectors; i++)
    size += vectors[i].size;
  return size;
}

gssize
lp2p_stream_writev (Lp2pStream *self, const GOutputVector *vectors, gsize n_vectors, GError **error)
{
  gssize n = LP2P_IO_AGAIN;

  if (!check_thread (self, error) || !check_usable (self, error))
    return -1;
  if (self->output_closed)
    {
      set_closed_error (error);
      return -1;
    }
  if (get_size (vectors, n_vectors) == 0)
    return 0;

  collect_head (self);
  if (self->head != NULL && n_vectors < 16)
    {
      /* The proposal and the first bytes leave in one frame. */
      GOutputVector with_head[17] = { { self->head->data, self->head->len } };
      gsize head = self->head->len;

      memcpy (with_head + 1, vectors, n_vectors * sizeof *vectors);
      n = self->session->klass->stream_writev (self->session, self->handle, with_head, n_vectors + 1);
      if (n >= (gssize) head)
        {
          g_clear_pointer (&self->head, g_byte_array_unref);
          n = n > (gssize) head ? n - (gssize) head : LP2P_IO_AGAIN;
        }
      else if (n > 0)
        {
          g_byte_array_remove_range (self->head, 0, n);
          n = LP2P_IO_AGAIN;
        }
    }
  else
    {
      send_head (self);
      if (self->head == NULL && self->handle != NULL)
        n = self->session->klass->stream_writev (self->session, self->handle, vectors, n_vectors);
    }

  if (n >= 0)
    return n;
  if (n == LP2P_IO_FAILED)
    return fail_io (self, LP2P_READY_WRITE, error);

  self->ready &= ~LP2P_READY_WRITE;
  self->session->klass->stream_want (self->session, self->handle, LP2P_READY_READ | LP2P_READY_WRITE);
  set_would_block (error);
  return -1;
}

/* Operations */

static void
operation_clear (Operation *operation)
{
  if (operation->cancel != NULL)
    {
      g_source_destroy (operation->cancel);
      g_clear_pointer (&operation->cancel, g_source_unref);
    }
  operation->buffer = NULL;
  operation->size = 0;
  operation->done = 0;
}

static void
operation_return (Operation *operation, gssize n, GError *error)
{
  g_autoptr (GTask) task = g_steal_pointer (&operation->task);

  operation_clear (operation);
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_int (task, n);
}

static gboolean
operation_cancelled (GCancellable *cancellable, gpointer user_data)
{
  GTask *task = user_data;
  Lp2pStream *self = g_task_get_task_data (task);
  Operation *operation = &self->agreeing;

  if (self->reading.task == task)
    operation = &self->reading;
  else if (self->writing.task == task)
    operation = &self->writing;

  /* Bytes that were taken are never lost to a cancellation. */
  if (operation->done > 0)
    lp2p_job_queue (&self->job);
  else
    operation_return (operation, -1, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "Operation was cancelled"));
  return G_SOURCE_REMOVE;
}

static void
operation_begin (Lp2pStream *self, Operation *operation, GTask *task)
{
  GCancellable *cancellable = g_task_get_cancellable (task);

  operation->task = task;
  g_task_set_task_data (task, g_object_ref (self), g_object_unref);
  if (cancellable == NULL)
    return;

  operation->cancel = g_cancellable_source_new (cancellable);
  g_source_set_callback (operation->cancel, G_SOURCE_FUNC (operation_cancelled), task, NULL);
  g_source_attach (operation->cancel, lp2p_loop_get_context (self->loop));
}

static void
try_read (Lp2pStream *self)
{
  Operation *operation = &self->reading;
  GError *error = NULL;
  gssize n;

  if (operation->task == NULL)
    return;
  if (operation->done > 0)
    {
      operation_return (operation, operation->done, NULL);
      return;
    }

  n = lp2p_stream_read (self, operation->buffer, operation->size, &error);
  if (n < 0 && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    g_error_free (error);
  else
    operation_return (operation, n, error);
}

/* Asking for room again announces at once what can be read; without room yet, a
 * write that is tried at each announcement would ask for ever. */
static gboolean
may_write (Lp2pStream *self)
{
  return self->handle == NULL || self->error != NULL || (self->ready & LP2P_READY_WRITE) != 0;
}

static void
try_write (Lp2pStream *self)
{
  Operation *operation = &self->writing;
  GError *error = NULL;
  gssize n;

  if (operation->task == NULL || (!may_write (self) && !self->output_closed))
    return;

  n = lp2p_stream_writev (self, operation->vectors, operation->size, &error);
  if (n < 0 && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    g_error_free (error);
  else
    operation_return (operation, n, error);
}

/* Ends and drops a task of another thread. */
static gboolean
check_task (Lp2pStream *self, GTask *task)
{
  GError *error = NULL;

  if (check_thread (self, &error))
    return TRUE;
  g_task_return_error (task, error);
  g_object_unref (task);
  return FALSE;
}

void
lp2p_stream_start_read (Lp2pStream *self, GTask *task, void *buffer, gsize size)
{
  if (!check_task (self, task))
    return;
  operation_begin (self, &self->reading, task);
  self->reading.buffer = buffer;
  self->reading.size = size;
  try_read (self);
}

void
lp2p_stream_start_write (Lp2pStream *self, GTask *task, const GOutputVector *vectors, gsize n_vectors)
{
  if (!check_task (self, task))
    return;
  operation_begin (self, &self->writing, task);
  self->writing.vectors = vectors;
  self->writing.size = n_vectors;
  try_write (self);
}

/* From the session */

gsize
lp2p_stream_take_input (Lp2pStream *self, const guint8 *data, gsize size)
{
  Operation *operation = &self->reading;
  gsize n;

  if (operation->task == NULL || self->negotiation != NULL || self->early != NULL)
    return 0;

  n = MIN (size, operation->size - operation->done);
  memcpy (operation->buffer + operation->done, data, n);
  operation->done += n;
  lp2p_job_queue (&self->job);
  return n;
}

void
lp2p_stream_set_ready (Lp2pStream *self, Lp2pReady ready)
{
  self->ready |= ready;
  lp2p_job_queue (&self->job);
}

/* Pollable sources: they exist only while an application waits. */

typedef struct
{
  GSource parent;
  Lp2pStream *stream;
  GObject *pollable;
  Lp2pReady side;
} StreamSource;

static gboolean
stream_source_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  StreamSource *self = (StreamSource *) source;
  GPollableSourceFunc func = (GPollableSourceFunc) (gpointer) callback;
  gboolean more;

  if (func == NULL)
    return G_SOURCE_REMOVE;

  more = func (self->pollable, user_data);
  if (more && !lp2p_stream_is_ready (self->stream, self->side))
    g_source_set_ready_time (source, -1);
  return more;
}

static void
stream_source_finalize (GSource *source)
{
  StreamSource *self = (StreamSource *) source;

  self->stream->sources = g_slist_remove (self->stream->sources, source);
  g_object_unref (self->stream);
  g_object_unref (self->pollable);
}

static GSourceFuncs stream_source_funcs = {
  .dispatch = stream_source_dispatch,
  .finalize = stream_source_finalize,
};

static gboolean
stream_source_cancelled (GCancellable *cancellable, gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

GSource *
lp2p_stream_create_source (Lp2pStream *self, Lp2pReady side, GObject *pollable, GCancellable *cancellable)
{
  GSource *source = g_source_new (&stream_source_funcs, sizeof (StreamSource));
  StreamSource *stream_source = (StreamSource *) source;

  g_source_set_static_name (source, "lp2p stream");
  stream_source->stream = g_object_ref (self);
  stream_source->pollable = g_object_ref (pollable);
  stream_source->side = side;
  self->sources = g_slist_prepend (self->sources, source);

  if (cancellable != NULL)
    {
      g_autoptr (GSource) child = g_cancellable_source_new (cancellable);

      g_source_set_callback (child, G_SOURCE_FUNC (stream_source_cancelled), NULL, NULL);
      g_source_add_child_source (source, child);
    }
  if (lp2p_stream_is_ready (self, side))
    g_source_set_ready_time (source, 0);
  return source;
}

static void
wake_sources (Lp2pStream *self)
{
  for (GSList *l = self->sources; l != NULL; l = l->next)
    if (lp2p_stream_is_ready (self, ((StreamSource *) l->data)->side))
      g_source_set_ready_time (l->data, 0);
}

gboolean
lp2p_stream_is_ready (Lp2pStream *self, Lp2pReady side)
{
  if (self->handle == NULL || self->error != NULL ||
      (side == LP2P_READY_READ ? self->input_closed : self->output_closed))
    return TRUE;
  if (side == LP2P_READY_READ)
    return self->early != NULL || (self->negotiation == NULL && (self->ready & LP2P_READY_READ) != 0);
  return (self->ready & LP2P_READY_WRITE) != 0;
}

/* A direction ends behind the proposal, which may still wait for room. */
static void
finish_closing (Lp2pStream *self)
{
  if (self->handle == NULL || !self->output_closed || self->head != NULL)
    return;

  if (!self->output_ended)
    {
      self->output_ended = TRUE;
      self->session->klass->stream_shutdown_write (self->session, self->handle);
    }
  if (self->input_closed)
    release_handle (self);
}

/* The run queue: here, and only here, application code may be reached. */

static void
try_agree (Lp2pStream *self)
{
  gboolean closed = self->input_closed && self->output_closed;
  GError *error = NULL;

  if (self->agreeing.task == NULL || (self->negotiation != NULL && self->error == NULL && !closed))
    return;

  if (self->negotiation != NULL && self->error == NULL)
    set_closed_error (&error);
  else if (self->error != NULL)
    error = g_error_copy (self->error);
  if (error != NULL)
    operation_return (&self->agreeing, -1, error);
  else
    operation_return (&self->agreeing, TRUE, NULL);
}

static void
run_job (Lp2pJob *job)
{
  g_autoptr (Lp2pStream) self = g_object_ref (
      (Lp2pStream *) ((guint8 *) job - G_STRUCT_OFFSET (Lp2pStream, job)));

  if (self->negotiation != NULL && self->handle != NULL)
    drive_negotiation (self);
  else if (self->head != NULL && may_write (self))
    send_head (self);
  finish_closing (self);

  if (!self->outbound && !self->told_agreed && self->negotiation == NULL && self->handle != NULL)
    {
      self->told_agreed = TRUE;
      lp2p_connection_stream_agreed (self->connection, self);
    }
  try_agree (self);
  try_write (self);
  try_read (self);
  wake_sources (self);
}

/* Closing */

gboolean
lp2p_stream_close_side (Lp2pStream *self, Lp2pReady side, GError **error)
{
  if (!check_thread (self, error))
    return FALSE;
  if ((side & LP2P_READY_WRITE) != 0)
    self->output_closed = TRUE;
  if ((side & LP2P_READY_READ) != 0)
    lp2p_stream_stop_reading (self, LP2P_CODE_NONE);

  send_head (self);
  finish_closing (self);
  /* Who waits is told from the run queue. */
  if (self->reading.task != NULL || self->writing.task != NULL || self->agreeing.task != NULL || self->sources != NULL)
    lp2p_job_queue (&self->job);
  return TRUE;
}

static gboolean
lp2p_stream_close_fn (GIOStream *stream, GCancellable *cancellable, GError **error)
{
  Lp2pStream *self = LP2P_STREAM (stream);

  return lp2p_stream_close_side (self, LP2P_READY_READ | LP2P_READY_WRITE, error);
}

static void
lp2p_stream_close_async (GIOStream *stream, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (stream, cancellable, callback, user_data);
  GError *error = NULL;

  g_task_set_source_tag (task, lp2p_stream_close_async);
  g_task_set_priority (task, priority);
  if (lp2p_stream_close_fn (stream, cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static gboolean
lp2p_stream_close_finish (GIOStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static GInputStream *
lp2p_stream_get_input_stream (GIOStream *stream)
{
  Lp2pStream *self = LP2P_STREAM (stream);

  if (self->input == NULL)
    self->input = lp2p_stream_input_new (self);
  return self->input;
}

static GOutputStream *
lp2p_stream_get_output_stream (GIOStream *stream)
{
  Lp2pStream *self = LP2P_STREAM (stream);

  if (self->output == NULL)
    self->output = lp2p_stream_output_new (self);
  return self->output;
}

static void
lp2p_stream_dispose (GObject *object)
{
  Lp2pStream *self = LP2P_STREAM (object);

  G_OBJECT_CLASS (lp2p_stream_parent_class)->dispose (object);
  release_handle (self);
  lp2p_job_clear (&self->job);
}

static void
lp2p_stream_finalize (GObject *object)
{
  Lp2pStream *self = LP2P_STREAM (object);

  lp2p_job_clear (&self->job);
  g_clear_object (&self->input);
  g_clear_object (&self->output);
  g_clear_pointer (&self->negotiation, lp2p_multistream_free);
  g_clear_pointer (&self->head, g_byte_array_unref);
  g_clear_pointer (&self->early, g_byte_array_unref);
  g_clear_error (&self->error);
  g_clear_object (&self->connection);
  g_clear_pointer (&self->loop, lp2p_loop_unref);
  G_OBJECT_CLASS (lp2p_stream_parent_class)->finalize (object);
}

static void
lp2p_stream_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  Lp2pStream *self = LP2P_STREAM (object);

  switch (id)
    {
    case PROP_PROTOCOL:
      g_value_set_string (value, self->protocol);
      break;
    case PROP_CONNECTION:
      g_value_set_object (value, self->connection);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
lp2p_stream_class_init (Lp2pStreamClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GIOStreamClass *io_class = G_IO_STREAM_CLASS (klass);

  object_class->dispose = lp2p_stream_dispose;
  object_class->finalize = lp2p_stream_finalize;
  object_class->get_property = lp2p_stream_get_property;
  io_class->get_input_stream = lp2p_stream_get_input_stream;
  io_class->get_output_stream = lp2p_stream_get_output_stream;
  io_class->close_fn = lp2p_stream_close_fn;
  io_class->close_async = lp2p_stream_close_async;
  io_class->close_finish = lp2p_stream_close_finish;

  /**
   * Lp2pStream:protocol:
   *
   * The protocol that is spoken.
   */
  properties[PROP_PROTOCOL] = g_param_spec_string (
      "protocol", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  /**
   * Lp2pStream:connection:
   *
   * The connection that carries it.
   */
  properties[PROP_CONNECTION] = g_param_spec_object (
      "connection", NULL, NULL, LP2P_TYPE_CONNECTION, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
lp2p_stream_init (Lp2pStream *self)
{
}

Lp2pStream *
lp2p_stream_new (Lp2pConnection *connection,
                 Lp2pMuxerSession *session,
                 Lp2pMuxerStream *handle,
                 Lp2pMultistream *negotiation,
                 gboolean outbound)
{
  Lp2pStream *self = g_object_new (LP2P_TYPE_STREAM, NULL);

  self->connection = g_object_ref (connection);
  self->session = session;
  self->handle = handle;
  self->loop = lp2p_loop_ref (session->loop);
  self->negotiation = negotiation;
  self->outbound = outbound;
  self->protocol = g_intern_string (lp2p_multistream_get_proposed (negotiation));
  self->ready = LP2P_READY_WRITE | (outbound ? LP2P_READY_NONE : LP2P_READY_READ);
  lp2p_job_init (&self->job, self->loop, LP2P_JOB_RUN, run_job);
  handle->user_data = self;
  session->klass->stream_want (session, handle, LP2P_READY_READ);
  /* Behind what the application writes at once, the proposal leaves by itself. */
  lp2p_job_queue (&self->job);
  return self;
}

/**
 * lp2p_stream_get_protocol:
 * @self: a stream
 *
 * Returns: (transfer none) (nullable): the protocol id; as long as the peer has
 *   not answered, the one that was proposed
 */
const char *
lp2p_stream_get_protocol (Lp2pStream *self)
{
  g_return_val_if_fail (LP2P_IS_STREAM (self), NULL);
  return self->protocol;
}

/**
 * lp2p_stream_get_connection:
 * @self: a stream
 *
 * Returns: (transfer none): the connection that carries it
 */
Lp2pConnection *
lp2p_stream_get_connection (Lp2pStream *self)
{
  g_return_val_if_fail (LP2P_IS_STREAM (self), NULL);
  return self->connection;
}

/**
 * lp2p_stream_get_outbound:
 * @self: a stream
 *
 * Returns: whether this host opened it
 */
gboolean
lp2p_stream_get_outbound (Lp2pStream *self)
{
  g_return_val_if_fail (LP2P_IS_STREAM (self), FALSE);
  return self->outbound;
}

/**
 * lp2p_stream_get_remote_code:
 * @self: a stream
 *
 * Returns: the code with which the peer reset the stream, 0 for none
 */
guint32
lp2p_stream_get_remote_code (Lp2pStream *self)
{
  g_return_val_if_fail (LP2P_IS_STREAM (self), 0);
  return self->remote_code;
}

/**
 * lp2p_stream_stop_reading:
 * @self: a stream
 * @code: why, where the muxer can say it; 0 for no reason
 *
 * Tells the peer that nothing more is wanted of it. Reads fail from then on.
 */
void
lp2p_stream_stop_reading (Lp2pStream *self, guint32 code)
{
  g_return_if_fail (LP2P_IS_STREAM (self));

  if (self->input_closed)
    return;
  self->input_closed = TRUE;
  self->stop_code = code;
  /* As long as the peer's answer is to come, it must be read. */
  if (self->handle != NULL && self->negotiation == NULL)
    self->session->klass->stream_stop_reading (self->session, self->handle, code);
  if (self->reading.task != NULL || self->sources != NULL)
    lp2p_job_queue (&self->job);
}

/**
 * lp2p_stream_reset:
 * @self: a stream
 * @code: why, where the muxer can say it; 0 for no reason
 *
 * Ends both directions at once: what was not delivered is lost, and the peer
 * sees an error instead of the end of the stream.
 */
void
lp2p_stream_reset (Lp2pStream *self, guint32 code)
{
  GError *error = NULL;

  g_return_if_fail (LP2P_IS_STREAM (self));

  if (self->handle == NULL)
    return;
  set_closed_error (&error);
  break_stream (self, error, code);
}

/**
 * lp2p_stream_negotiate_async:
 * @self: a stream
 * @io_priority: the priority of the callback
 * @cancellable: (nullable): to give up waiting
 * @callback: called when done
 * @user_data: passed on
 *
 * Waits until the peer has agreed to the protocol. Streams with one proposed
 * protocol can be used before that; this is for applications that want to know.
 */
void
lp2p_stream_negotiate_async (Lp2pStream *self, int io_priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);

  g_return_if_fail (LP2P_IS_STREAM (self));
  g_task_set_source_tag (task, lp2p_stream_negotiate_async);
  g_task_set_priority (task, io_priority);

  if (self->agreeing.task != NULL)
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_PENDING, "The stream is being waited for already");
      return;
    }
  operation_begin (self, &self->agreeing, g_steal_pointer (&task));
  lp2p_job_queue (&self->job);
}

/**
 * lp2p_stream_negotiate_finish:
 * @self: a stream
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Returns: whether the peer speaks the protocol; `LP2P_ERROR_NOT_SUPPORTED` when
 *   it does not
 */
gboolean
lp2p_stream_negotiate_finish (Lp2pStream *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  return g_task_propagate_int (G_TASK (result), error) > 0;
}
