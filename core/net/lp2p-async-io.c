/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-async-io-private.h"

#include <string.h>

#include <lp2p/net/lp2p-held.h>
#include "net/lp2p-cancel-private.h"
#include "types/lp2p-i18n-private.h"

#define BOTH_SIDES (LP2P_READY_READ | LP2P_READY_WRITE)

void
lp2p_async_io_set_closed_error (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The stream is closed"));
}

void
lp2p_async_io_set_would_block (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, _("The stream is not ready"));
}

gboolean
lp2p_async_io_check_thread (Lp2pLoop *loop, const Lp2pAsyncIoFuncs *funcs, GError **error)
{
  if (lp2p_loop_is_owner (loop))
    return TRUE;
  if (funcs->set_wrong_thread != NULL)
    funcs->set_wrong_thread (error);
  else
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                         _("A stream can only be used in the thread of its loop"));
  return FALSE;
}

/* Operations */

static void
operation_clear (Lp2pAsyncOperation *self)
{
  g_clear_pointer (&self->cancel, lp2p_cancel_drop);
  g_clear_error (&self->error);
  memset (self, 0, sizeof *self);
}

void
lp2p_async_operation_return (Lp2pAsyncOperation *self, gssize n, GError *error)
{
  g_autoptr (GTask) task = g_steal_pointer (&self->task);

  operation_clear (self);
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_int (task, n);
}

/* Only marks: it may be told while something else is under way. */
static gboolean
operation_cancelled (GCancellable *cancellable, gpointer user_data)
{
  Lp2pAsyncOperation *self = user_data;

  self->cancelled = TRUE;
  lp2p_async_io_wake (g_task_get_task_data (self->task));
  return G_SOURCE_REMOVE;
}

static void
release_stream (gpointer data)
{
  g_object_unref (((Lp2pAsyncIo *) data)->stream);
}

static void
operation_hold (Lp2pAsyncOperation *self, Lp2pAsyncIo *io, GTask *task)
{
  self->task = task;
  self->began = lp2p_loop_get_wakeups (io->loop);
  g_object_ref (io->stream);
  g_task_set_task_data (task, io, release_stream);
}

/* From here on @task waits and holds a reference to the stream. */
void
lp2p_async_operation_begin (Lp2pAsyncOperation *self, Lp2pAsyncIo *io, GTask *task)
{
  operation_hold (self, io, task);
  self->cancel = lp2p_cancel_watch (io->loop, g_task_get_cancellable (task), operation_cancelled, self);
}

/* Ends an operation that was cancelled, if nothing was moved. */
gboolean
lp2p_async_operation_check_cancelled (Lp2pAsyncOperation *self)
{
  if (!self->cancelled || self->done > 0)
    return FALSE;
  lp2p_async_operation_return (
      self, -1, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, _("Operation was cancelled")));
  return TRUE;
}

/* Whether nothing is to be tried: there is no operation, or it was over at once. */
static gboolean
operation_settled (Lp2pAsyncOperation *self, Lp2pAsyncIo *io)
{
  if (self->task == NULL || lp2p_async_operation_check_cancelled (self))
    return TRUE;
  if (self->wakeup == 0)
    return FALSE;
  if (self->wakeup <= lp2p_loop_get_wakeups (io->loop))
    lp2p_async_operation_return (self, self->done, g_steal_pointer (&self->error));
  return TRUE;
}

/* What is over in the wake-up in which it began is told in the next one, in the stream's
 * turn. GTask would have to wait for that, too: until all is done that there is to do
 * now, which may pile up what the application has not read yet, and would then go ahead
 * of whose turn it is. */
static void
operation_end (Lp2pAsyncOperation *self, Lp2pAsyncIo *io, gssize n, GError *error)
{
  if (self->began < lp2p_loop_get_wakeups (io->loop))
    {
      lp2p_async_operation_return (self, n, error);
      return;
    }
  self->done = MAX (n, 0);
  self->error = error;
  self->wakeup = self->began + 1;
  lp2p_job_queue_later (&io->job);
}

static void
try_read (Lp2pAsyncIo *self)
{
  Lp2pAsyncOperation *operation = &self->reading;
  GError *error = NULL;
  gssize n;

  if (operation_settled (operation, self))
    return;

  n = operation->done > 0 ? (gssize) operation->done
                          : lp2p_async_io_read (self, operation->buffer, operation->size, &error);
  if (n < 0 && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    g_error_free (error);
  else
    operation_end (operation, self, n, error);
}

/* Without room yet, a write that is tried whenever something can be read would
 * ask for room each time, and to some of those that are asked this is a reason
 * to announce again what can be read. */
static void
try_write (Lp2pAsyncIo *self)
{
  Lp2pAsyncOperation *operation = &self->writing;
  GError *error = NULL;
  gssize n;

  if (operation_settled (operation, self) || !lp2p_async_io_is_ready (self, LP2P_READY_WRITE))
    return;

  n = lp2p_async_io_writev (self, operation->vectors, operation->size, &error);
  if (n < 0 && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    g_error_free (error);
  else
    operation_end (operation, self, n, error);
}

static gboolean
operation_end_at_once (Lp2pAsyncOperation *self, Lp2pAsyncIo *io, GTask *task, gssize n, GError *error)
{
  if (n < 0 && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    {
      g_error_free (error);
      return FALSE;
    }
  operation_hold (self, io, task);
  operation_end (self, io, n, error);
  return TRUE;
}

void
lp2p_async_io_start_read (Lp2pAsyncIo *self, GTask *task, void *buffer, gsize size)
{
  GError *error = NULL;
  gssize n = lp2p_async_io_read (self, buffer, size, &error);

  self->reading.buffer = buffer;
  self->reading.size = size;
  if (!operation_end_at_once (&self->reading, self, task, n, error))
    lp2p_async_operation_begin (&self->reading, self, task);
}

void
lp2p_async_io_start_write (Lp2pAsyncIo *self,
                           GTask *task,
                           const GOutputVector *vectors,
                           gsize n_vectors)
{
  GError *error = NULL;
  gssize n = lp2p_async_io_writev (self, vectors, n_vectors, &error);

  if (operation_end_at_once (&self->writing, self, task, n, error))
    return;
  self->writing.vectors = vectors;
  self->writing.size = n_vectors;
  lp2p_async_operation_begin (&self->writing, self, task);
}

/* How much a read takes that waits, or that got something at once and was not told yet,
 * and where it wants it.
 *
 * @place: (out) (nullable) */
gsize
lp2p_async_io_get_place (Lp2pAsyncIo *self, guint8 **place)
{
  Lp2pAsyncOperation *operation = &self->reading;
  gboolean over = operation->wakeup != 0 && operation->done == 0;

  if (operation->task == NULL || operation->cancelled || over || (self->closed & LP2P_READY_READ) != 0)
    return 0;
  if (place != NULL)
    *place = operation->buffer + operation->done;
  return operation->size - operation->done;
}

/* Bytes for whom nothing is queued, straight into the buffer of such a read, unless they are
 * there already. Returns how many it took. */
gsize
lp2p_async_io_take_input (Lp2pAsyncIo *self, const guint8 *data, gsize size)
{
  Lp2pAsyncOperation *operation = &self->reading;
  guint8 *place;
  gsize n = lp2p_async_io_get_place (self, &place);

  n = MIN (n, size);
  if (n == 0)
    return 0;
  if (data != place)
    memcpy (place, data, n);
  operation->done += n;
  lp2p_job_queue (&self->job);
  return n;
}

gssize
lp2p_async_io_read (Lp2pAsyncIo *self, void *buffer, gsize size, GError **error)
{
  if ((self->closed & LP2P_READY_READ) == 0)
    return self->funcs->read (self->stream, buffer, size, error);
  lp2p_async_io_set_closed_error (error);
  return -1;
}

gssize
lp2p_async_io_writev (Lp2pAsyncIo *self,
                      const GOutputVector *vectors,
                      gsize n_vectors,
                      GError **error)
{
  if ((self->closed & LP2P_READY_WRITE) != 0)
    {
      lp2p_async_io_set_closed_error (error);
      return -1;
    }
  if (lp2p_output_vectors_get_size (vectors, n_vectors) == 0)
    return 0;
  return self->funcs->writev (self->stream, vectors, n_vectors, error);
}

/* Pollable sources: they exist only while an application waits. */

typedef struct
{
  GSource parent;
  Lp2pAsyncIo *io;
  GObject *pollable;
  GCancellable *cancellable;
  Lp2pReady side;
} AsyncSource;

static gboolean
async_source_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  AsyncSource *self = (AsyncSource *) source;
  GPollableSourceFunc func = (GPollableSourceFunc) (gpointer) callback;
  gboolean more = TRUE;

  if (func == NULL)
    return G_SOURCE_REMOVE;

  if (lp2p_async_io_is_ready (self->io, self->side) ||
      g_cancellable_is_cancelled (self->cancellable))
    more = func (self->pollable, user_data);
  if (more && !lp2p_async_io_is_ready (self->io, self->side))
    g_source_set_ready_time (source, -1);
  return more;
}

static void
async_source_finalize (GSource *source)
{
  AsyncSource *self = (AsyncSource *) source;

  self->io->sources = g_slist_remove (self->io->sources, source);
  g_object_unref (self->io->stream);
  g_object_unref (self->pollable);
  g_clear_object (&self->cancellable);
}

/* What runs where a closure was set instead of a function, as bindings do. */
static gboolean
async_source_closure (GObject *pollable, gpointer user_data)
{
  GValue result = G_VALUE_INIT;
  GValue parameter = G_VALUE_INIT;
  gboolean more;

  g_value_init (&result, G_TYPE_BOOLEAN);
  g_value_init (&parameter, G_TYPE_OBJECT);
  g_value_set_object (&parameter, pollable);
  g_closure_invoke (user_data, &result, 1, &parameter, NULL);
  more = g_value_get_boolean (&result);
  g_value_unset (&parameter);
  g_value_unset (&result);
  return more;
}

static GSourceFuncs async_source_funcs = {
  .dispatch = async_source_dispatch,
  .finalize = async_source_finalize,
  .closure_callback = (GSourceFunc) (gpointer) async_source_closure,
};

GSource *
lp2p_async_io_create_source (Lp2pAsyncIo *self,
                             Lp2pReady side,
                             GObject *pollable,
                             GCancellable *cancellable)
{
  GSource *source = g_source_new (&async_source_funcs, sizeof (AsyncSource));
  AsyncSource *async_source = (AsyncSource *) source;

  g_source_set_static_name (source, "lp2p stream");
  g_object_ref (self->stream);
  async_source->io = self;
  async_source->pollable = g_object_ref (pollable);
  async_source->side = side;
  self->sources = g_slist_prepend (self->sources, source);

  if (cancellable != NULL)
    {
      g_autoptr (GSource) child = g_cancellable_source_new (cancellable);

      async_source->cancellable = g_object_ref (cancellable);
      g_source_set_dummy_callback (child);
      g_source_add_child_source (source, child);
    }
  if (lp2p_async_io_is_ready (self, side))
    g_source_set_ready_time (source, 0);
  return source;
}

static void
wake_sources (Lp2pAsyncIo *self)
{
  for (GSList *l = self->sources; l != NULL; l = l->next)
    if (lp2p_async_io_is_ready (self, ((AsyncSource *) l->data)->side))
      g_source_set_ready_time (l->data, 0);
}

gboolean
lp2p_async_io_is_ready (Lp2pAsyncIo *self, Lp2pReady side)
{
  return (self->closed & side) != 0 || self->funcs->is_ready (self->stream, side);
}

/* The run queue: here, and only here, application code may be reached. */
static void
run_job (Lp2pJob *job)
{
  Lp2pAsyncIo *self = (Lp2pAsyncIo *) ((guint8 *) job - G_STRUCT_OFFSET (Lp2pAsyncIo, job));
  g_autoptr (GIOStream) stream = g_object_ref (self->stream);

  if (self->funcs->run != NULL)
    self->funcs->run (stream);
  try_write (self);
  try_read (self);
  wake_sources (self);
  if (self->closing != NULL)
    {
      g_autoptr (GTask) task = g_steal_pointer (&self->closing);

      g_task_return_boolean (task, TRUE);
    }
}

void
lp2p_async_io_wake (Lp2pAsyncIo *self)
{
  lp2p_job_queue (&self->job);
}

/* Closing */

void
lp2p_async_io_close_side (Lp2pAsyncIo *self, Lp2pReady side)
{
  side &= ~self->closed;
  if (side == LP2P_READY_NONE)
    return;
  self->closed |= side;
  self->funcs->close_side (self->stream, side);
  lp2p_job_queue (&self->job);
}

gboolean
lp2p_async_io_close (Lp2pAsyncIo *self, GError **error)
{
  if (!lp2p_async_io_check_thread (self->loop, self->funcs, error))
    return FALSE;
  lp2p_async_io_close_side (self, BOTH_SIDES);
  return TRUE;
}

/* The callback comes behind those of the operations that the closing ends. */
void
lp2p_async_io_close_async (Lp2pAsyncIo *self,
                           int priority,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer user_data)
{
  g_autoptr (GTask) task = lp2p_async_io_new_task (self->stream, lp2p_async_io_close_async,
                                                   priority, cancellable, callback, user_data);
  GError *error = NULL;

  if (!lp2p_async_io_close (self, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  self->closing = g_steal_pointer (&task);
  lp2p_job_queue (&self->job);
}

gboolean
lp2p_async_io_close_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

gboolean
lp2p_async_io_reset (GIOStream *stream, guint32 code)
{
  Lp2pAsyncIo *self = lp2p_async_input_get_io (g_io_stream_get_input_stream (stream));

  if (self == NULL || self->funcs->reset == NULL || !lp2p_loop_is_owner (self->loop))
    return FALSE;
  self->funcs->reset (stream, code);
  return TRUE;
}

/* Life */

GTask *
lp2p_async_io_new_task (gpointer source,
                        gpointer tag,
                        int priority,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
  GTask *task = g_task_new (source, cancellable, callback, user_data);

  /* Cancellation is looked after here: bytes that were moved are not lost. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_priority (task, priority);
  g_task_set_source_tag (task, tag);
  return task;
}

GInputStream *
lp2p_async_io_get_input (Lp2pAsyncIo *self)
{
  if (self->input == NULL)
    self->input = lp2p_async_input_new (self);
  return self->input;
}

GOutputStream *
lp2p_async_io_get_output (Lp2pAsyncIo *self)
{
  if (self->output == NULL)
    self->output = lp2p_async_output_new (self);
  return self->output;
}

void
lp2p_async_io_init (Lp2pAsyncIo *self,
                    GIOStream *stream,
                    const Lp2pAsyncIoFuncs *funcs,
                    Lp2pLoop *loop)
{
  memset (self, 0, sizeof *self);
  self->stream = stream;
  self->funcs = funcs;
  self->loop = lp2p_loop_ref (loop);
  lp2p_job_init (&self->job, loop, LP2P_JOB_RUN, run_job);
}

/* When the owner is finalized: operations and sources hold references to it, so
 * that none is left. */
void
lp2p_async_io_clear (Lp2pAsyncIo *self)
{
  if (self->loop == NULL)
    return;
  lp2p_job_clear (&self->job);
  g_clear_object (&self->input);
  g_clear_object (&self->output);
  g_clear_pointer (&self->loop, lp2p_loop_unref);
}
