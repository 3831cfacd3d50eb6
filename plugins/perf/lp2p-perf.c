/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Takes and sends as much as a peer asks for: libp2p/specs perf/perf.md. */

#include <lp2p/lp2p-plugin.h>

#define PROTOCOL   "/perf/1.0.0"
#define COUNT_SIZE 8

/* A peer of eight bytes makes us send without end, so it gets that once at a time.
 * Who measures several streams at once uses several connections. */
#define MAX_REQUESTS_PER_CONNECTION 1

/* Large enough that what a call costs does not show. */
#define BLOCK_SIZE (256 * 1024)

/* What is sent, and where what comes is put. Nobody looks at either, so one of each
 * does for all requests; they are no memory before they are used. */
static guint8 zeros[BLOCK_SIZE];
static guint8 dropped[BLOCK_SIZE];

#define LP2P_TYPE_PERF (lp2p_perf_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pPerf, lp2p_perf, LP2P, PERF, Lp2pExtension)

struct _Lp2pPerf
{
  Lp2pExtension parent_instance;

  GCancellable *cancellable;
  /* Of Request. */
  GQueue requests;
};

G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pPerf,
                               lp2p_perf,
                               LP2P_TYPE_EXTENSION,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_SERVICE, NULL))

/* One stream that is served. It always has one operation under way, whose end
 * frees it when the stream has come to its own. */
typedef struct
{
  Lp2pPerf *service;
  Lp2pStream *stream;
  GList link;
  guint8 count[COUNT_SIZE];
  gsize filled;
  guint64 to_send;
} Request;

static void send_more (Request *request);

static void
request_free (Request *request)
{
  if (request->link.data != NULL)
    g_queue_unlink (&request->service->requests, &request->link);
  g_object_unref (request->stream);
  g_object_unref (request->service);
  g_free (request);
}

static void
request_fail (Request *request, guint32 code)
{
  lp2p_stream_reset (request->stream, code);
  request_free (request);
}

/* Sending */

static void
on_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_io_stream_close_finish (G_IO_STREAM (source), result, NULL);
  request_free (user_data);
}

/* The peer may ask again as soon as it reads the end. */
static void
finish (Request *request)
{
  g_queue_unlink (&request->service->requests, &request->link);
  request->link.data = NULL;
  g_io_stream_close_async (G_IO_STREAM (request->stream), G_PRIORITY_DEFAULT,
                           request->service->cancellable, on_closed, request);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Request *request = user_data;
  gssize n = g_output_stream_write_finish (G_OUTPUT_STREAM (source), result, NULL);

  if (n < 0)
    {
      request_fail (request, LP2P_CODE_NONE);
      return;
    }
  request->to_send -= n;
  send_more (request);
}

static void
send_more (Request *request)
{
  if (request->to_send == 0)
    finish (request);
  else
    g_output_stream_write_async (g_io_stream_get_output_stream (G_IO_STREAM (request->stream)), zeros,
                                 MIN (request->to_send, BLOCK_SIZE), G_PRIORITY_DEFAULT,
                                 request->service->cancellable, on_written, request);
}

/* Receiving */

static void
receive (Request *request, gpointer buffer, gsize size, GAsyncReadyCallback callback)
{
  g_input_stream_read_async (g_io_stream_get_input_stream (G_IO_STREAM (request->stream)), buffer,
                             size, G_PRIORITY_DEFAULT, request->service->cancellable, callback,
                             request);
}

/* The answer must not begin before the upload has ended. */
static void
on_upload (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Request *request = user_data;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, NULL);

  if (n < 0)
    request_fail (request, LP2P_CODE_NONE);
  else if (n == 0)
    send_more (request);
  else
    receive (request, dropped, sizeof dropped, on_upload);
}

static void
on_count (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Request *request = user_data;
  Lp2pCursor cursor = LP2P_CURSOR_INIT (request->count, COUNT_SIZE);
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, NULL);

  if (n <= 0)
    {
      request_fail (request, n == 0 ? LP2P_CODE_STREAM_PROTOCOL_VIOLATION : LP2P_CODE_NONE);
      return;
    }
  request->filled += n;
  if (request->filled < COUNT_SIZE)
    {
      receive (request, request->count + request->filled, COUNT_SIZE - request->filled, on_count);
      return;
    }
  lp2p_cursor_read_u64be (&cursor, &request->to_send);
  receive (request, dropped, sizeof dropped, on_upload);
}

/* Streams */

static guint
count_requests (Lp2pPerf *self, Lp2pConnection *connection)
{
  guint n = 0;

  for (GList *l = self->requests.head; l != NULL; l = l->next)
    if (lp2p_stream_get_connection (((Request *) l->data)->stream) == connection)
      n++;
  return n;
}

static void
on_stream (Lp2pStream *stream, gpointer user_data)
{
  Lp2pPerf *self = LP2P_PERF (user_data);
  Request *request;

  if (count_requests (self, lp2p_stream_get_connection (stream)) >= MAX_REQUESTS_PER_CONNECTION)
    {
      lp2p_stream_reset (stream, LP2P_CODE_STREAM_RESOURCE_LIMIT);
      return;
    }
  request = g_new0 (Request, 1);
  request->service = g_object_ref (self);
  request->stream = g_object_ref (stream);
  request->link.data = request;
  g_queue_push_tail_link (&self->requests, &request->link);
  receive (request, request->count, COUNT_SIZE, on_count);
}

static gboolean
lp2p_perf_start (Lp2pExtension *extension, GError **error)
{
  lp2p_context_set_stream_handler (lp2p_extension_get_context (extension), PROTOCOL,
                                   LP2P_HANDLER_NONE, on_stream, extension, NULL);
  return TRUE;
}

static void
lp2p_perf_stop (Lp2pExtension *extension)
{
  lp2p_context_remove_stream_handler (lp2p_extension_get_context (extension), PROTOCOL);
  g_cancellable_cancel (LP2P_PERF (extension)->cancellable);
}

static void
lp2p_perf_finalize (GObject *object)
{
  g_clear_object (&LP2P_PERF (object)->cancellable);
  G_OBJECT_CLASS (lp2p_perf_parent_class)->finalize (object);
}

static void
lp2p_perf_class_init (Lp2pPerfClass *klass)
{
  Lp2pExtensionClass *extension_class = LP2P_EXTENSION_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = lp2p_perf_finalize;
  extension_class->start = lp2p_perf_start;
  extension_class->stop = lp2p_perf_stop;
}

static void
lp2p_perf_init (Lp2pPerf *self)
{
  self->cancellable = g_cancellable_new ();
  g_queue_init (&self->requests);
}

LP2P_PLUGIN_DEFINE ({ "perf", lp2p_perf_get_type })
