/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-identify-exchange.h"

#include <glib/gi18n-lib.h>

#define TIMEOUT_US (15 * G_USEC_PER_SEC)
/* Most messages are smaller. */
#define READ_SIZE 2048

struct _Lp2pIdentifyExchange
{
  grefcount ref_count;
  Lp2pIdentifyKind kind;
  Lp2pConnection *connection;
  Lp2pStream *stream;
  GBytes *message;
  Lp2pIdentifyReader *reader;
  GCancellable *cancellable;
  Lp2pTimer timer;
  Lp2pIdentifyDone done;
  gpointer user_data;
  guint8 buffer[READ_SIZE];
};

static void on_timeout (Lp2pTimer *timer);
static void read_more (Lp2pIdentifyExchange *self);

Lp2pIdentifyExchange *
lp2p_identify_exchange_new (Lp2pIdentifyKind kind,
                            Lp2pConnection *connection,
                            Lp2pLoop *loop,
                            Lp2pIdentifyDone done,
                            gpointer user_data)
{
  Lp2pIdentifyExchange *self = g_new0 (Lp2pIdentifyExchange, 1);

  g_ref_count_init (&self->ref_count);
  self->kind = kind;
  self->connection = g_object_ref (connection);
  self->cancellable = g_cancellable_new ();
  self->done = done;
  self->user_data = user_data;
  lp2p_timer_init (&self->timer, loop, on_timeout);
  lp2p_timer_set (&self->timer, lp2p_loop_now (loop) + TIMEOUT_US);
  return self;
}

Lp2pIdentifyExchange *
lp2p_identify_exchange_ref (Lp2pIdentifyExchange *self)
{
  g_ref_count_inc (&self->ref_count);
  return self;
}

void
lp2p_identify_exchange_unref (Lp2pIdentifyExchange *self)
{
  if (!g_ref_count_dec (&self->ref_count))
    return;
  lp2p_timer_clear (&self->timer);
  g_clear_object (&self->connection);
  g_clear_object (&self->stream);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->message, g_bytes_unref);
  g_clear_pointer (&self->reader, lp2p_identify_reader_free);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pIdentifyExchange, lp2p_identify_exchange_unref)

Lp2pIdentifyKind
lp2p_identify_exchange_get_kind (Lp2pIdentifyExchange *self)
{
  return self->kind;
}

Lp2pConnection *
lp2p_identify_exchange_get_connection (Lp2pIdentifyExchange *self)
{
  return self->connection;
}

/* Ending. What is still under way is cancelled and comes to nothing. */

static void
stop (Lp2pIdentifyExchange *self)
{
  self->done = NULL;
  lp2p_timer_clear (&self->timer);
  g_cancellable_cancel (self->cancellable);
}

void
lp2p_identify_exchange_cancel (Lp2pIdentifyExchange *self)
{
  if (self->done == NULL)
    return;
  stop (self);
  if (self->stream != NULL)
    lp2p_stream_reset (self->stream, LP2P_CODE_STREAM_SHUTDOWN);
}

static void
succeed (Lp2pIdentifyExchange *self, Lp2pIdentifyMessage *message)
{
  Lp2pIdentifyDone done = self->done;

  stop (self);
  g_io_stream_close_async (G_IO_STREAM (self->stream), G_PRIORITY_DEFAULT, NULL, NULL, NULL);
  done (self, message, NULL, self->user_data);
}

static void
fail (Lp2pIdentifyExchange *self, const GError *error)
{
  Lp2pIdentifyDone done = self->done;
  gboolean violation = g_error_matches (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL);

  stop (self);
  if (self->stream != NULL)
    lp2p_stream_reset (self->stream,
                       violation ? LP2P_CODE_STREAM_PROTOCOL_VIOLATION : LP2P_CODE_NONE);
  done (self, NULL, error, self->user_data);
}

/* The peer has said all. A push has nothing to say: that it ended its side shows
 * that it has read ours. */
static void
finish_reading (Lp2pIdentifyExchange *self)
{
  g_autoptr (Lp2pIdentifyMessage) message = NULL;
  g_autoptr (GError) error = NULL;

  if (self->reader == NULL)
    {
      succeed (self, NULL);
      return;
    }
  message = lp2p_identify_reader_end (self->reader, &error);
  if (message != NULL)
    succeed (self, message);
  else
    fail (self, error);
}

/* Some peers forget to end their side; what they said by then counts. */
static void
on_timeout (Lp2pTimer *timer)
{
  g_autoptr (Lp2pIdentifyExchange) self = lp2p_identify_exchange_ref (
      (Lp2pIdentifyExchange *) ((guint8 *) timer - G_STRUCT_OFFSET (Lp2pIdentifyExchange, timer)));
  g_autoptr (Lp2pIdentifyMessage) message = NULL;
  g_autoptr (GError) error = NULL;

  if (self->done == NULL)
    return;
  message = self->reader != NULL ? lp2p_identify_reader_end (self->reader, NULL) : NULL;
  if (message != NULL)
    {
      succeed (self, message);
      return;
    }
  error = g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, _("identify: not done within %d seconds"),
                       (int) (TIMEOUT_US / G_USEC_PER_SEC));
  fail (self, error);
}

/* Each operation under way holds a reference. */

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Lp2pIdentifyExchange) self = user_data;
  g_autoptr (GError) error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (self->done == NULL)
    return;
  if (n == 0)
    finish_reading (self);
  else if (n < 0)
    fail (self, error);
  else if (self->reader != NULL &&
           !lp2p_identify_reader_input (self->reader, self->buffer, n, &error))
    fail (self, error);
  else
    read_more (self);
}

static void
read_more (Lp2pIdentifyExchange *self)
{
  g_input_stream_read_async (g_io_stream_get_input_stream (G_IO_STREAM (self->stream)),
                             self->buffer, sizeof self->buffer, G_PRIORITY_DEFAULT,
                             self->cancellable, on_read, lp2p_identify_exchange_ref (self));
}

static void
on_output_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Lp2pIdentifyExchange) self = user_data;
  g_autoptr (GError) error = NULL;
  gboolean closed = g_output_stream_close_finish (G_OUTPUT_STREAM (source), result, &error);

  if (self->done == NULL)
    return;
  if (closed)
    read_more (self);
  else
    fail (self, error);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Lp2pIdentifyExchange) self = user_data;
  g_autoptr (GError) error = NULL;
  gboolean written =
      g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);

  if (self->done == NULL)
    return;
  if (!written)
    fail (self, error);
  else if (self->kind == LP2P_IDENTIFY_SERVE)
    succeed (self, NULL);
  else
    g_output_stream_close_async (G_OUTPUT_STREAM (source), G_PRIORITY_DEFAULT, self->cancellable,
                                 on_output_closed, lp2p_identify_exchange_ref (self));
}

static void
go_on (Lp2pIdentifyExchange *self)
{
  gsize size;
  gconstpointer data;

  if (self->message == NULL)
    {
      self->reader = lp2p_identify_reader_new ();
      read_more (self);
      return;
    }
  data = g_bytes_get_data (self->message, &size);
  g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (self->stream)), data,
                                   size, G_PRIORITY_DEFAULT, self->cancellable, on_written,
                                   lp2p_identify_exchange_ref (self));
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Lp2pIdentifyExchange) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pStream) stream =
      lp2p_connection_open_stream_finish (LP2P_CONNECTION (source), result, &error);

  if (self->done == NULL)
    {
      if (stream != NULL)
        lp2p_stream_reset (stream, LP2P_CODE_STREAM_SHUTDOWN);
      return;
    }
  if (stream == NULL)
    {
      fail (self, error);
      return;
    }
  self->stream = g_steal_pointer (&stream);
  go_on (self);
}

void
lp2p_identify_exchange_start (Lp2pIdentifyExchange *self, Lp2pStream *stream, GBytes *message)
{
  const char *protocols[] = { LP2P_IDENTIFY_PROTOCOL, NULL };

  self->message = message != NULL ? g_bytes_ref (message) : NULL;
  if (stream != NULL)
    {
      self->stream = g_object_ref (stream);
      go_on (self);
      return;
    }
  if (self->kind == LP2P_IDENTIFY_PUSH)
    protocols[0] = LP2P_IDENTIFY_PUSH_PROTOCOL;
  lp2p_connection_open_stream_async (self->connection, protocols, LP2P_STREAM_ALLOW_LIMITED,
                                     self->cancellable, on_opened,
                                     lp2p_identify_exchange_ref (self));
}
