/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-peer.h"
#include "lp2p-peer-stream.h"

#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define ECHO_SIZE (64 * 1024)
#define READ_SIZE (128 * 1024)

/* Serving */

/* What a handler keeps while it works on a stream. */
typedef struct
{
  Lp2pStream *stream;
  GInputStream *input;
  GOutputStream *output;
  PeerHash *hash;
  guint64 count;
  guint8 *buffer;
  const PeerOptions *options; /* of an upload */
} Service;

static Service *
service_new (Lp2pStream *stream)
{
  Service *self = g_new0 (Service, 1);

  self->stream = g_object_ref (stream);
  self->input = g_io_stream_get_input_stream (G_IO_STREAM (stream));
  self->output = g_io_stream_get_output_stream (G_IO_STREAM (stream));
  return self;
}

static void
service_free (Service *self)
{
  g_object_unref (self->stream);
  g_clear_pointer (&self->hash, EVP_MD_CTX_free);
  g_free (self->buffer);
  g_free (self);
}

static void
on_service_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_io_stream_close_finish (G_IO_STREAM (source), result, NULL);
  service_free (user_data);
}

/* A handler that fails resets its stream, one that succeeds closes it. */
static void
service_end (Service *self, GError *error)
{
  if (error == NULL)
    {
      g_io_stream_close_async (G_IO_STREAM (self->stream), G_PRIORITY_DEFAULT, NULL,
                               on_service_closed, self);
      return;
    }
  g_printerr ("%s: %s\n", lp2p_stream_get_protocol (self->stream), error->message);
  g_error_free (error);
  lp2p_stream_reset (self->stream, LP2P_CODE_NONE);
  service_free (self);
}

/* Writes and then closes. */
static void
on_answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;

  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);
  service_end (user_data, error);
}

static void
service_answer (Service *self, const guint8 *data, gsize size)
{
  self->buffer = g_memdup2 (data, size);
  g_output_stream_write_all_async (self->output, self->buffer, size, G_PRIORITY_DEFAULT, NULL,
                                   on_answered, self);
}

/* echo */

static void echo_read (Service *self);

static void
on_echo_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;

  if (g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error))
    echo_read (user_data);
  else
    service_end (user_data, error);
}

static void
on_echo_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Service *self = user_data;
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n > 0)
    g_output_stream_write_all_async (self->output, self->buffer, n, G_PRIORITY_DEFAULT, NULL,
                                     on_echo_written, self);
  else
    service_end (self, error);
}

static void
echo_read (Service *self)
{
  g_input_stream_read_async (self->input, self->buffer, ECHO_SIZE, G_PRIORITY_DEFAULT, NULL,
                             on_echo_read, self);
}

static void
serve_echo (Lp2pStream *stream, gpointer user_data)
{
  Service *self = service_new (stream);

  self->buffer = g_malloc (ECHO_SIZE);
  echo_read (self);
}

/* order */

static void order_read (Service *self);

static void
on_order_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;

  if (g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error))
    order_read (user_data);
  else
    service_end (user_data, error);
}

static void
on_order_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  static guint32 answered = 0;
  Service *self = user_data;
  GError *error = NULL;

  if (g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error) <= 0)
    {
      service_end (self, error);
      return;
    }
  *(guint32 *) self->buffer = GUINT32_TO_BE (answered++);
  g_output_stream_write_all_async (self->output, self->buffer, PEER_ORDER_SIZE, G_PRIORITY_DEFAULT, NULL,
                                   on_order_written, self);
}

static void
order_read (Service *self)
{
  g_input_stream_read_async (self->input, self->buffer, 1, G_PRIORITY_DEFAULT, NULL, on_order_read, self);
}

static void
serve_order (Lp2pStream *stream, gpointer user_data)
{
  Service *self = service_new (stream);

  self->buffer = g_malloc (PEER_ORDER_SIZE);
  order_read (self);
}

/* upload */

static gboolean
hash_piece (const guint8 *data, gsize size, gpointer user_data, GError **error)
{
  peer_hash_update (user_data, data, size);
  return TRUE;
}

static gboolean
answer_upload (gpointer user_data)
{
  Service *self = user_data;
  guint8 digest[PEER_HASH_SIZE];

  peer_hash_finish (self->hash, digest);
  service_answer (self, digest, sizeof digest);
  return G_SOURCE_REMOVE;
}

static void
on_uploaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Service *self = user_data;
  GError *error = NULL;

  if (!peer_read_pieces_finish (G_INPUT_STREAM (source), result, &error))
    service_end (self, error);
  else if (self->options->quiet > 0)
    g_timeout_add_seconds ((guint) self->options->quiet, answer_upload, self);
  else
    answer_upload (self);
}

static void
serve_upload (Lp2pStream *stream, gpointer user_data)
{
  Service *self = service_new (stream);

  self->options = user_data;
  self->hash = peer_hash_new ();
  peer_read_pieces_async (self->input, READ_SIZE, hash_piece, self->hash, NULL, on_uploaded, self);
}

/* download */

static void
on_downloaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  guint8 digest[PEER_HASH_SIZE];
  GError *error = NULL;

  if (peer_send_pattern_finish (G_OUTPUT_STREAM (source), result, digest, &error))
    service_answer (user_data, digest, sizeof digest);
  else
    service_end (user_data, error);
}

static void
on_count_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Service *self = user_data;
  GError *error = NULL;
  gsize n;

  if (g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &n, &error) &&
      n == sizeof self->count)
    {
      peer_send_pattern_async (self->output, GUINT64_FROM_BE (self->count), NULL, on_downloaded,
                               self);
      return;
    }
  if (error == NULL)
    error = g_error_new (G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT, "expected 8 bytes, got %zu", n);
  service_end (self, error);
}

static void
serve_download (Lp2pStream *stream, gpointer user_data)
{
  Service *self = service_new (stream);

  g_input_stream_read_all_async (self->input, &self->count, sizeof self->count, G_PRIORITY_DEFAULT,
                                 NULL, on_count_read, self);
}

/* reset */

static void
on_reset_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Service *self = user_data;
  GError *error = NULL;

  if (g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error) < 0)
    {
      service_end (self, error);
      return;
    }
  lp2p_stream_reset (self->stream, LP2P_CODE_NONE);
  service_free (self);
}

static void
serve_reset (Lp2pStream *stream, gpointer user_data)
{
  Service *self = service_new (stream);

  self->buffer = g_malloc (1);
  g_input_stream_read_async (self->input, self->buffer, 1, G_PRIORITY_DEFAULT, NULL, on_reset_read,
                             self);
}

/* half-close */

static gboolean
count_piece (const guint8 *data, gsize size, gpointer user_data, GError **error)
{
  *(guint64 *) user_data += size;
  return TRUE;
}

static void
on_half_close_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Service *self = user_data;
  GError *error = NULL;

  if (peer_read_pieces_finish (G_INPUT_STREAM (source), result, &error))
    g_printerr ("half-close %" G_GUINT64_FORMAT "\n", self->count);
  service_end (self, error);
}

static void
on_half_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Service *self = user_data;
  GError *error = NULL;

  if (g_output_stream_close_finish (G_OUTPUT_STREAM (source), result, &error))
    peer_read_pieces_async (self->input, READ_SIZE, count_piece, &self->count, NULL,
                            on_half_close_read, self);
  else
    service_end (self, error);
}

static void
serve_half_close (Lp2pStream *stream, gpointer user_data)
{
  Service *self = service_new (stream);

  g_output_stream_close_async (self->output, G_PRIORITY_DEFAULT, NULL, on_half_closed, self);
}

static void
serve (Lp2pHost *host, const PeerOptions *options)
{
  static const struct
  {
    const char *protocol;
    Lp2pStreamHandler handler;
  } services[] = {
    { PEER_PROTOCOL_ECHO, serve_echo },
    { PEER_PROTOCOL_ORDER, serve_order },
    { PEER_PROTOCOL_UPLOAD, serve_upload },
    { PEER_PROTOCOL_DOWNLOAD, serve_download },
    { PEER_PROTOCOL_RESET, serve_reset },
    { PEER_PROTOCOL_HALF_CLOSE, serve_half_close },
  };

  for (guint i = 0; i < G_N_ELEMENTS (services); i++)
    lp2p_host_set_stream_handler (host, services[i].protocol, LP2P_HANDLER_ALLOW_EARLY,
                                  services[i].handler, (gpointer) options, NULL);
}

/* The program */

typedef struct
{
  const PeerOptions *options;
  Lp2pHost *host;
  GMainLoop *loop;
  int status;
  gboolean ending;
} Listener;

static void
on_host_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Listener *self = user_data;

  lp2p_host_close_finish (self->host, result, NULL);
  g_main_loop_quit (self->loop);
}

static void
listener_end (Listener *self, int status)
{
  if (self->ending)
    return;
  self->ending = TRUE;
  self->status = status;
  lp2p_host_close_async (self->host, NULL, on_host_closed, self);
}

static void
listener_fail (Listener *self, GError *error, int status)
{
  g_printerr ("lp2p-peer: %s\n", error->message);
  g_error_free (error);
  listener_end (self, status);
}

static gboolean
on_signal (gpointer user_data)
{
  listener_end (user_data, 0);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_ask_usage (gpointer user_data)
{
  gint64 heap = peer_heap_bytes ();
  char cpu[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (cpu, sizeof cpu, "%.6f", peer_cpu_seconds ());
  g_printerr ("cpu %s\nrss %" G_GINT64_FORMAT "\nheap %" G_GINT64_FORMAT "\n", cpu,
              peer_resident_bytes (), heap);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_stdin (int fd, GIOCondition condition, gpointer user_data)
{
  char buffer[256];

  if (read (fd, buffer, sizeof buffer) > 0)
    return G_SOURCE_CONTINUE;
  listener_end (user_data, 0);
  return G_SOURCE_REMOVE;
}

static void
on_listening (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Listener *self = user_data;
  g_autoptr (GPtrArray) addresses = NULL;
  GError *error = NULL;

  if (!lp2p_host_listen_finish (self->host, result, &error))
    {
      listener_fail (self, error, 1);
      return;
    }
  addresses = lp2p_host_dup_listen_addresses (self->host);
  if (addresses->len == 0)
    {
      listener_fail (self, g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED, "no address to listen on"),
                     1);
      return;
    }
  printf ("%s\n", lp2p_multiaddr_get_string (g_ptr_array_index (addresses, 0)));
  fflush (stdout);
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Listener *self = user_data;
  g_autoptr (Lp2pMultiaddr) address = NULL;
  GError *error = NULL;

  if (!lp2p_host_start_finish (self->host, result, &error))
    {
      listener_fail (self, error, 1);
      return;
    }
  address = lp2p_multiaddr_new_from_string (self->options->address, &error);
  if (address == NULL || !peer_host_check_stack (self->host, self->options, &error))
    {
      listener_fail (self, error, PEER_EXIT_USAGE);
      return;
    }
  serve (self->host, self->options);
  lp2p_host_listen_async (self->host, address, NULL, on_listening, self);
}

int
peer_listen (const PeerOptions *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (Lp2pHost) host = peer_host_new (options, &error);
  Listener self = { .options = options, .host = host, .loop = loop };

  if (host == NULL)
    return peer_fail_usage ("%s", error->message);

  g_unix_signal_add (SIGTERM, on_signal, &self);
  g_unix_signal_add (SIGINT, on_signal, &self);
  g_unix_signal_add (SIGUSR1, on_ask_usage, NULL);
  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_stdin, &self);
  lp2p_host_start_async (host, NULL, on_started, &self);
  g_main_loop_run (loop);
  return self.status;
}
