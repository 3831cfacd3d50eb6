/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The listening process. It prints where it listens; each byte on stdin asks
 * for a line with its figures; the end of stdin ends it. */

#include "bench-host.h"

#include <arpa/inet.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static guint8 zeros[BENCH_BUFFER_SIZE];

/* Streams */

typedef struct
{
  Lp2pStream *stream;
  guint64 left;
  guint8 *buffer;
} Service;

static Service *
service_new (Lp2pStream *stream)
{
  Service *self = g_new0 (Service, 1);

  self->stream = g_object_ref (stream);
  self->buffer = g_malloc (BENCH_BUFFER_SIZE);
  return self;
}

static void
service_end (Service *self, GError *error)
{
  if (error != NULL)
    {
      g_printerr ("bench-host: a stream: %s\n", error->message);
      g_error_free (error);
      lp2p_stream_reset (self->stream, LP2P_CODE_NONE);
    }
  else
    {
      g_io_stream_close_async (G_IO_STREAM (self->stream), G_PRIORITY_DEFAULT, NULL, NULL, NULL);
    }
  g_object_unref (self->stream);
  g_free (self->buffer);
  g_free (self);
}

static GInputStream *
service_input (Service *self)
{
  return g_io_stream_get_input_stream (G_IO_STREAM (self->stream));
}

static GOutputStream *
service_output (Service *self)
{
  return g_io_stream_get_output_stream (G_IO_STREAM (self->stream));
}

static void
on_answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;

  g_output_stream_write_finish (G_OUTPUT_STREAM (source), result, &error);
  service_end (user_data, error);
}

static void
on_sunk (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Service *self = user_data;
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n > 0)
    g_input_stream_read_async (G_INPUT_STREAM (source), self->buffer, BENCH_BUFFER_SIZE,
                               G_PRIORITY_DEFAULT, NULL, on_sunk, self);
  else if (n == 0)
    g_output_stream_write_async (service_output (self), zeros, 1, G_PRIORITY_DEFAULT, NULL,
                                 on_answered, self);
  else
    service_end (self, error);
}

static void
serve_sink (Lp2pStream *stream, gpointer user_data)
{
  Service *self = service_new (stream);

  g_input_stream_read_async (service_input (self), self->buffer, BENCH_BUFFER_SIZE,
                             G_PRIORITY_DEFAULT, NULL, on_sunk, self);
}

static void
on_source_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Service *self = user_data;
  GError *error = NULL;
  gssize n = g_output_stream_write_finish (G_OUTPUT_STREAM (source), result, &error);

  self->left -= MAX (n, 0);
  if (n < 0 || self->left == 0)
    service_end (self, error);
  else
    g_output_stream_write_async (G_OUTPUT_STREAM (source), zeros,
                                 MIN (self->left, BENCH_BUFFER_SIZE), G_PRIORITY_DEFAULT, NULL,
                                 on_source_written, self);
}

static void
on_count_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Service *self = user_data;
  GError *error = NULL;

  if (!g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, NULL, &error) ||
      self->left == 0)
    service_end (self, error);
  else
    g_output_stream_write_async (service_output (self), zeros, MIN (self->left, BENCH_BUFFER_SIZE),
                                 G_PRIORITY_DEFAULT, NULL, on_source_written, self);
}

static void
serve_source (Lp2pStream *stream, gpointer user_data)
{
  Service *self = service_new (stream);

  g_input_stream_read_all_async (service_input (self), &self->left, sizeof self->left,
                                 G_PRIORITY_DEFAULT, NULL, on_count_read, self);
}

/* Control */

static void
print_stat (Lp2pHost *host)
{
  BenchStat stat;

  bench_stat (&stat);
  printf ("%.6f %.0f %.0f %u\n", stat.cpu_seconds, stat.heap_bytes, stat.private_bytes,
          host != NULL ? g_list_model_get_n_items (lp2p_host_get_connections (host)) : 0);
  fflush (stdout);
}

static gboolean
on_stdin (int fd, GIOCondition condition, gpointer user_data)
{
  Lp2pHost *host = user_data;
  char byte;

  if (read (fd, &byte, 1) != 1)
    {
      g_object_set_data (G_OBJECT (host), "bench-ended", host);
      g_main_context_wakeup (NULL);
      return G_SOURCE_REMOVE;
    }
  print_stat (host);
  return G_SOURCE_CONTINUE;
}

void
bench_serve (const BenchOptions *options)
{
  g_autoptr (Lp2pHost) host = bench_host_start (options, "/ip4/127.0.0.1/tcp/0");
  g_autoptr (GPtrArray) addresses = lp2p_host_dup_listen_addresses (host);

  lp2p_host_set_stream_handler (host, BENCH_PROTOCOL_SINK, LP2P_HANDLER_NONE, serve_sink, NULL,
                                NULL);
  lp2p_host_set_stream_handler (host, BENCH_PROTOCOL_SOURCE, LP2P_HANDLER_NONE, serve_source, NULL,
                                NULL);
  if (addresses->len == 0)
    bench_fail ("the host listens nowhere", NULL);
  printf ("%s\n", lp2p_multiaddr_get_string (g_ptr_array_index (addresses, 0)));
  fflush (stdout);

  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, on_stdin, host);
  while (g_object_get_data (G_OBJECT (host), "bench-ended") == NULL)
    g_main_context_iteration (NULL, TRUE);
}

/* The same over a plain socket, as the fastest that the machine can do */

static int
listen_tcp (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (fd < 0 || bind (fd, (struct sockaddr *) &address, size) != 0 || listen (fd, 1) != 0 ||
      getsockname (fd, (struct sockaddr *) &address, &size) != 0)
    bench_fail ("cannot listen on a socket", NULL);
  printf ("%u\n", ntohs (address.sin_port));
  fflush (stdout);
  return fd;
}

void
bench_serve_tcp (void)
{
  static guint8 buffer[BENCH_BUFFER_SIZE];
  int listener = listen_tcp ();
  int fd = accept (listener, NULL, NULL);
  char byte;

  while (read (fd, buffer, sizeof buffer) > 0)
    ;
  if (write (fd, buffer, 1) != 1)
    bench_fail ("cannot answer", NULL);
  close (fd);
  close (listener);
  while (read (STDIN_FILENO, &byte, 1) == 1)
    print_stat (NULL);
}
