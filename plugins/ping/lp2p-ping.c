/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Answers pings: libp2p/specs ping/ping.md. */

#include <lp2p/lp2p-plugin.h>

#define PROTOCOL "/ipfs/ping/1.0.0"
#define PING_SIZE 32

/* The specification lets a peer have two streams at a time, so that one it has
 * just given up does not keep it from opening the next. */
#define MAX_STREAMS_PER_CONNECTION 2

/* A peer that pings now and then keeps its stream; one that went silent in the
 * middle of a block loses it, and one that does not ping any more in the end. */
#define BLOCK_TIMEOUT_US (15 * G_USEC_PER_SEC)
#define IDLE_TIMEOUT_US  (10 * 60 * G_USEC_PER_SEC)

#define LP2P_TYPE_PING (lp2p_ping_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pPing, lp2p_ping, LP2P, PING, Lp2pExtension)

struct _Lp2pPing
{
  Lp2pExtension parent_instance;

  GCancellable *cancellable;
};

G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pPing,
                               lp2p_ping,
                               LP2P_TYPE_EXTENSION,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_SERVICE, NULL))

/* One stream that is echoed. It always has one operation under way, whose end
 * frees it when the stream has come to its own. */
typedef struct
{
  Lp2pPing *service;
  Lp2pStream *stream;
  Lp2pTimer timer;
  GQueue *echoes; /* of the connection, until it is reset */
  GList link;
  gsize filled;
  guint8 block[PING_SIZE];
} Echo;

static void read_more (Echo *echo);

/* Those of a connection, oldest first. */
static GQueue *
get_echoes (Lp2pConnection *connection)
{
  static const char key[] = "lp2p-ping-echoes";
  GQueue *echoes = g_object_get_data (G_OBJECT (connection), key);

  if (echoes == NULL)
    {
      echoes = g_queue_new ();
      g_object_set_data_full (G_OBJECT (connection), key, echoes, (GDestroyNotify) g_queue_free);
    }
  return echoes;
}

static void
leave (Echo *echo)
{
  if (echo->echoes != NULL)
    g_queue_unlink (echo->echoes, &echo->link);
  echo->echoes = NULL;
}

/* The operation under way ends with an error, and that ends the echo. */
static void
reset (Echo *echo, guint32 code)
{
  leave (echo);
  lp2p_stream_reset (echo->stream, code);
}

static void
echo_end (Echo *echo)
{
  lp2p_timer_clear (&echo->timer);
  leave (echo);
  g_object_unref (echo->stream);
  g_object_unref (echo->service);
  g_free (echo);
}

static void
on_timeout (Lp2pTimer *timer)
{
  reset ((Echo *) ((guint8 *) timer - G_STRUCT_OFFSET (Echo, timer)), LP2P_CODE_STREAM_GARBAGE_COLLECTED);
}

static void
set_timer (Echo *echo, gint64 timeout)
{
  Lp2pContext *context = lp2p_extension_get_context (LP2P_EXTENSION (echo->service));

  lp2p_timer_set (&echo->timer, lp2p_loop_now (lp2p_context_get_loop (context)) + timeout);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Echo *echo = user_data;
  g_autoptr (GError) error = NULL;

  if (g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error))
    {
      echo->filled = 0;
      set_timer (echo, IDLE_TIMEOUT_US);
      read_more (echo);
      return;
    }
  lp2p_stream_reset (echo->stream, LP2P_CODE_NONE);
  echo_end (echo);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Echo *echo = user_data;
  g_autoptr (GError) error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n <= 0)
    {
      if (n == 0 && echo->filled == 0)
        g_io_stream_close (G_IO_STREAM (echo->stream), NULL, NULL);
      else
        lp2p_stream_reset (echo->stream, LP2P_CODE_STREAM_PROTOCOL_VIOLATION);
      echo_end (echo);
      return;
    }
  if (echo->filled == 0)
    set_timer (echo, BLOCK_TIMEOUT_US);
  echo->filled += n;
  if (echo->filled < PING_SIZE)
    {
      read_more (echo);
      return;
    }
  g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (echo->stream)), echo->block,
                                   PING_SIZE, G_PRIORITY_DEFAULT, echo->service->cancellable, on_written, echo);
}

static void
read_more (Echo *echo)
{
  g_input_stream_read_async (g_io_stream_get_input_stream (G_IO_STREAM (echo->stream)),
                             echo->block + echo->filled, PING_SIZE - echo->filled, G_PRIORITY_DEFAULT,
                             echo->service->cancellable, on_read, echo);
}


static void
on_stream (Lp2pStream *stream, gpointer user_data)
{
  Lp2pPing *self = LP2P_PING (user_data);
  Lp2pContext *context = lp2p_extension_get_context (LP2P_EXTENSION (self));
  GQueue *echoes = get_echoes (lp2p_stream_get_connection (stream));
  Echo *echo;

  /* A connection that has all its streams loses the oldest. */
  if (echoes->length >= MAX_STREAMS_PER_CONNECTION)
    reset (g_queue_peek_head (echoes), LP2P_CODE_STREAM_SUPPLANTED);
  echo = g_new0 (Echo, 1);
  echo->service = g_object_ref (self);
  echo->stream = g_object_ref (stream);
  echo->link.data = echo;
  lp2p_timer_init (&echo->timer, lp2p_context_get_loop (context), on_timeout);
  echo->echoes = echoes;
  g_queue_push_tail_link (echoes, &echo->link);
  set_timer (echo, IDLE_TIMEOUT_US);
  read_more (echo);
}

static gboolean
lp2p_ping_start (Lp2pExtension *extension, GError **error)
{
  lp2p_context_set_stream_handler (lp2p_extension_get_context (extension), PROTOCOL, LP2P_HANDLER_ALLOW_LIMITED,
                                   on_stream, extension, NULL);
  return TRUE;
}

static void
lp2p_ping_stop (Lp2pExtension *extension)
{
  lp2p_context_remove_stream_handler (lp2p_extension_get_context (extension), PROTOCOL);
  g_cancellable_cancel (LP2P_PING (extension)->cancellable);
}

static void
lp2p_ping_finalize (GObject *object)
{
  g_clear_object (&LP2P_PING (object)->cancellable);
  G_OBJECT_CLASS (lp2p_ping_parent_class)->finalize (object);
}

static void
lp2p_ping_class_init (Lp2pPingClass *klass)
{
  Lp2pExtensionClass *extension_class = LP2P_EXTENSION_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = lp2p_ping_finalize;
  extension_class->start = lp2p_ping_start;
  extension_class->stop = lp2p_ping_stop;
}

static void
lp2p_ping_init (Lp2pPing *self)
{
  self->cancellable = g_cancellable_new ();
}

LP2P_PLUGIN_DEFINE ({ "ping", lp2p_ping_get_type })
