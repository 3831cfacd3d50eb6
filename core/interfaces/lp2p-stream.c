/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include <lp2p/interfaces/lp2p-connection.h>

#include "interfaces/lp2p-connection-private.h"
#include "interfaces/lp2p-stream-parts-private.h"
#include "types/lp2p-i18n-private.h"
#include "types/lp2p-trace-private.h"

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
G_DEFINE_FINAL_TYPE (Lp2pStream, lp2p_stream, G_TYPE_IO_STREAM)

enum
{
  PROP_0,
  PROP_PROTOCOL,
  PROP_CONNECTION,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];
static guint broken_signal;

/* Errors */

gssize
lp2p_stream_fail_io (Lp2pStream *self, Lp2pReady side, GError **error)
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
    lp2p_async_io_set_closed_error (error);
  return -1;
}

static gboolean
is_reset (Lp2pStream *self, Lp2pReady side)
{
  const GError *error = self->session->klass->stream_get_error (self->session, self->handle, side, NULL);

  return g_error_matches (error, LP2P_ERROR, LP2P_ERROR_RESET);
}

/* Whether the peer opened the stream, and it ended before its protocol was agreed on, or
 * by a reset of the peer before anything came of it. */
static gboolean
is_wasted (Lp2pStream *self)
{
  return !self->outbound && !self->useful &&
         (!self->agreed || is_reset (self, LP2P_READY_READ) || is_reset (self, LP2P_READY_WRITE));
}

/* Gives the session's stream back; what comes for it is no longer told. */
static void
release_handle (Lp2pStream *self)
{
  Lp2pMuxerStream *handle = self->handle;
  gboolean wasted;

  if (handle == NULL)
    return;
  wasted = is_wasted (self);
  self->handle = NULL;
  handle->user_data = NULL;
  self->session->klass->stream_release (self->session, handle);
  self->session = NULL;
  lp2p_stream_forget_kept (self);
  lp2p_connection_stream_gone (self->connection, self, wasted);
}

void
lp2p_stream_break (Lp2pStream *self, GError *error, guint32 code)
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
  lp2p_async_io_wake (&self->io);
}

static gboolean
check_usable (Lp2pStream *self, GError **error)
{
  lp2p_stream_settle_answer (self);
  if (self->handle != NULL)
    return TRUE;
  lp2p_stream_fail_io (self, LP2P_READY_READ, error);
  return FALSE;
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

static gssize
stream_read (GIOStream *stream, void *buffer, gsize size, GError **error)
{
  Lp2pStream *self = LP2P_STREAM (stream);
  GInputVector vector = { buffer, size };
  gssize n;

  if (self->input_closed)
    {
      lp2p_async_io_set_closed_error (error);
      return -1;
    }
  if (self->early != NULL)
    return take_early (self, buffer, size);
  if (!check_usable (self, error))
    return -1;
  if (self->negotiation != NULL)
    {
      lp2p_stream_drive_negotiation (self);
      if (self->early != NULL)
        return take_early (self, buffer, size);
      if (self->handle == NULL)
        return lp2p_stream_fail_io (self, LP2P_READY_READ, error);
      if (self->negotiation != NULL)
        {
          lp2p_async_io_set_would_block (error);
          return -1;
        }
    }

  n = self->session->klass->stream_readv (self->session, self->handle, &vector, 1);
  if (n == 0)
    self->useful = TRUE;
  if (n >= 0)
    return n;
  if (n == LP2P_IO_FAILED)
    return lp2p_stream_fail_io (self, LP2P_READY_READ, error);
  self->ready &= ~LP2P_READY_READ;
  lp2p_async_io_set_would_block (error);
  return -1;
}

static gssize
stream_writev (GIOStream *stream, const GOutputVector *vectors, gsize n_vectors, GError **error)
{
  Lp2pStream *self = LP2P_STREAM (stream);
  gssize n = LP2P_IO_AGAIN;

  if (!check_usable (self, error))
    return -1;

  lp2p_stream_collect_head (self);
  if (self->head != NULL && n_vectors < 16)
    {
      /* The proposal and the first bytes leave in one frame. */
      GOutputVector with_head[17] = { { self->head->data, self->head->len } };
      gsize head = self->head->len;

      memcpy (with_head + 1, vectors, n_vectors * sizeof *vectors);
      n = lp2p_stream_write_out (self, with_head, n_vectors + 1);
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
      lp2p_stream_send_head (self);
      if (self->head == NULL && self->handle != NULL)
        n = lp2p_stream_write_out (self, vectors, n_vectors);
    }

  if (n > 0)
    self->useful = TRUE;
  if (n >= 0)
    return n;
  if (n == LP2P_IO_FAILED)
    return lp2p_stream_fail_io (self, LP2P_READY_WRITE, error);
  lp2p_stream_wait_for_room (self);
  lp2p_async_io_set_would_block (error);
  return -1;
}

/* From the session */

gsize
lp2p_stream_take_input (Lp2pStream *self, const guint8 *data, gsize size)
{
  if (self->negotiation != NULL)
    return lp2p_stream_take_answer (self, data, size);
  if (self->early != NULL)
    return 0;
  return lp2p_async_io_take_input (&self->io, data, size);
}

/* How much lp2p_stream_take_input() takes, and where that goes.
 *
 * @room: (out) (nullable) */
gsize
lp2p_stream_get_read_room (Lp2pStream *self, guint8 **room)
{
  if (self->negotiation != NULL || self->early != NULL)
    return 0;
  return lp2p_async_io_get_place (&self->io, room);
}

void
lp2p_stream_set_ready (Lp2pStream *self, Lp2pReady ready)
{
  self->ready |= ready;
  lp2p_async_io_wake (&self->io);
}

static gboolean
stream_is_ready (GIOStream *stream, Lp2pReady side)
{
  Lp2pStream *self = LP2P_STREAM (stream);

  if (self->handle == NULL || self->error != NULL)
    return TRUE;
  if (side == LP2P_READY_READ)
    return self->input_closed || self->early != NULL || (self->negotiation == NULL && (self->ready & LP2P_READY_READ) != 0);
  return (self->ready & LP2P_READY_WRITE) != 0;
}

/* A direction ends behind the proposal, which may still wait for room. */
static void
finish_closing (Lp2pStream *self)
{
  if (self->handle == NULL || (self->io.closed & LP2P_READY_WRITE) == 0 || self->head != NULL)
    return;
  if (!self->output_ended)
    {
      self->output_ended = TRUE;
      self->session->klass->stream_shutdown_write (self->session, self->handle);
    }
  if (self->input_closed && self->kept == NULL)
    release_handle (self);
}

/* Who dropped the stream while it was early must not take away what was written. The
 * run queue holds a reference of its own. */
static void
finish_resending (Lp2pStream *self)
{
  if (!self->resending || (self->head != NULL && self->handle != NULL))
    return;
  self->resending = FALSE;
  g_object_unref (self);
}

/* Asking for room again announces at once what can be read; without room yet, a
 * head that is sent at each announcement would ask for ever. */
static gboolean
may_write (Lp2pStream *self)
{
  return stream_is_ready (G_IO_STREAM (self), LP2P_READY_WRITE);
}

static void
try_agree (Lp2pStream *self)
{
  gboolean closed = self->handle == NULL || self->io.closed == (LP2P_READY_READ | LP2P_READY_WRITE);
  GError *error = NULL;

  if (self->agreeing.task == NULL || lp2p_async_operation_check_cancelled (&self->agreeing))
    return;
  if (self->negotiation != NULL && self->error == NULL && !closed)
    return;
  if (self->error != NULL)
    error = g_error_copy (self->error);
  else if (self->negotiation != NULL)
    lp2p_async_io_set_closed_error (&error);
  lp2p_async_operation_return (&self->agreeing, TRUE, error);
}

/* For who neither reads nor writes at the time. */
static void
tell_broken (Lp2pStream *self)
{
  Lp2pReady side = self->output_ended ? LP2P_READY_READ : LP2P_READY_WRITE;
  const GError *error = self->error;

  if (self->handle != NULL)
    error = self->session->klass->stream_get_error (self->session, self->handle, side, NULL);
  if (error == NULL || self->told_broken)
    return;
  self->told_broken = TRUE;
  g_signal_emit (self, broken_signal, 0);
}

/* From the run queue, before reads and writes are tried. */
static void
stream_run (GIOStream *stream)
{
  Lp2pStream *self = LP2P_STREAM (stream);

  if (self->negotiation != NULL && self->handle != NULL)
    lp2p_stream_drive_negotiation (self);
  else if (self->head != NULL && may_write (self))
    lp2p_stream_send_head (self);
  finish_closing (self);
  finish_resending (self);

  if (!self->outbound && !self->told_agreed && self->negotiation == NULL && self->handle != NULL)
    {
      self->told_agreed = TRUE;
      lp2p_connection_stream_agreed (self->connection, self);
    }
  try_agree (self);
  tell_broken (self);
}

static void
stream_close_side (GIOStream *stream, Lp2pReady side)
{
  Lp2pStream *self = LP2P_STREAM (stream);

  if ((side & LP2P_READY_READ) != 0)
    lp2p_stream_stop_reading (self, LP2P_CODE_NONE);
  lp2p_stream_send_head (self);
  finish_closing (self);
}

static void
stream_reset (GIOStream *stream, guint32 code)
{
  lp2p_stream_reset (LP2P_STREAM (stream), code);
}

static void
stream_set_wrong_thread (GError **error)
{
  g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_WRONG_THREAD,
                       _("A stream can only be used in the thread of its host"));
}

static const Lp2pAsyncIoFuncs stream_funcs = {
  .read = stream_read,
  .writev = stream_writev,
  .close_side = stream_close_side,
  .is_ready = stream_is_ready,
  .run = stream_run,
  .reset = stream_reset,
  .set_wrong_thread = stream_set_wrong_thread,
};

/* For GIOStream */

static GInputStream *
lp2p_stream_get_input_stream (GIOStream *stream)
{
  return lp2p_async_io_get_input (&LP2P_STREAM (stream)->io);
}

static GOutputStream *
lp2p_stream_get_output_stream (GIOStream *stream)
{
  return lp2p_async_io_get_output (&LP2P_STREAM (stream)->io);
}

static gboolean
lp2p_stream_close_fn (GIOStream *stream, GCancellable *cancellable, GError **error)
{
  return lp2p_async_io_close (&LP2P_STREAM (stream)->io, error);
}

static void
lp2p_stream_close_async (GIOStream *stream, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  lp2p_async_io_close_async (&LP2P_STREAM (stream)->io, priority, cancellable, callback, user_data);
}

static gboolean
lp2p_stream_close_finish (GIOStream *stream, GAsyncResult *result, GError **error)
{
  return lp2p_async_io_close_finish (result, error);
}

static void
lp2p_stream_dispose (GObject *object)
{
  Lp2pStream *self = LP2P_STREAM (object);

  G_OBJECT_CLASS (lp2p_stream_parent_class)->dispose (object);
  release_handle (self);
}

static void
lp2p_stream_finalize (GObject *object)
{
  Lp2pStream *self = LP2P_STREAM (object);

  lp2p_async_io_clear (&self->io);
  g_clear_pointer (&self->negotiation, lp2p_multistream_free);
  g_clear_pointer (&self->head, g_byte_array_unref);
  g_clear_pointer (&self->early, g_byte_array_unref);
  lp2p_stream_forget_kept (self);
  g_clear_error (&self->error);
  g_clear_error (&self->refusal);
  g_clear_object (&self->connection);
  g_free (self->protocol);
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
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

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
  properties[PROP_PROTOCOL] = g_param_spec_string ("protocol", NULL, NULL, NULL, flags);
  /**
   * Lp2pStream:connection:
   *
   * The connection that carries it.
   */
  properties[PROP_CONNECTION] = g_param_spec_object ("connection", NULL, NULL, LP2P_TYPE_CONNECTION, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  /**
   * Lp2pStream::broken:
   * @self: the stream
   *
   * Emitted when the stream broke off, by the peer or with the connection: also for
   * who neither reads nor writes then. Not emitted after [method@Stream.reset].
   */
  broken_signal = g_signal_new ("broken", LP2P_TYPE_STREAM, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
lp2p_stream_init (Lp2pStream *self)
{
}

Lp2pStream *
lp2p_stream_new (Lp2pConnection *connection, Lp2pMuxerSession *session, Lp2pMuxerStream *handle,
                 Lp2pMultistream *negotiation, gboolean outbound)
{
  Lp2pStream *self = g_object_new (LP2P_TYPE_STREAM, NULL);

  self->connection = g_object_ref (connection);
  self->session = session;
  self->handle = handle;
  self->negotiation = negotiation;
  self->outbound = outbound;
  self->trace = lp2p_trace_begin ();
  self->protocol = g_strdup (lp2p_multistream_get_proposed (negotiation));
  self->ready = LP2P_READY_WRITE | (outbound ? LP2P_READY_NONE : LP2P_READY_READ);
  lp2p_async_io_init (&self->io, G_IO_STREAM (self), &stream_funcs, session->loop);
  handle->user_data = self;
  session->klass->stream_want (session, handle, LP2P_READY_READ);
  /* Behind what the application writes at once, the proposal leaves by itself. */
  lp2p_async_io_wake (&self->io);
  return self;
}

Lp2pStreamPlace *
lp2p_stream_get_place (Lp2pStream *self)
{
  return &self->place;
}

/**
 * lp2p_stream_get_protocol:
 * @self: a stream
 *
 * Gets what both sides agreed to speak.
 *
 * Returns: (transfer none) (nullable): the protocol id; as long as the peer has
 *   not answered, the one that was proposed, whose text is gone where another one
 *   is agreed on
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
 * Gets the connection that carries the stream.
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
 * Tells whether this side opened the stream.
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
 * Gets the code with which the peer reset the stream, or stopped reading it.
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
  lp2p_async_io_wake (&self->io);
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
  self->told_broken = TRUE;
  lp2p_async_io_set_closed_error (&error);
  lp2p_stream_break (self, error, code);
}

/**
 * lp2p_stream_lend:
 * @self: a stream
 * @bytes: (nullable): bytes of which some are going to be written
 *
 * Lends bytes to a stream, in place of those that were lent before. What is written from
 * where @bytes are may be kept as a reference to them until the peer has it, instead of
 * as a copy. QUIC does that, which has to keep all that it sends; others copy as ever.
 * It is of use for blocks of many kilobytes.
 *
 * Writing does not change, and may end before @bytes are given back. They are freed where
 * the stream does its work: what frees them must not use the stream.
 */
void
lp2p_stream_lend (Lp2pStream *self, GBytes *bytes)
{
  g_return_if_fail (LP2P_IS_STREAM (self));

  if (self->handle != NULL && self->session->klass->stream_lend != NULL)
    self->session->klass->stream_lend (self->session, self->handle, bytes);
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
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_PENDING, _("The stream is being waited for already"));
      return;
    }
  lp2p_async_operation_begin (&self->agreeing, &self->io, g_steal_pointer (&task));
  lp2p_async_io_wake (&self->io);
}

/**
 * lp2p_stream_negotiate_finish:
 * @self: a stream
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes [method@Stream.negotiate_async].
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
