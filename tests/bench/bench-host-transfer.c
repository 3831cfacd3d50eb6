/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One stream, as many bytes as asked for, in each direction. */

#include "bench-host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static guint8 buffer[BENCH_BUFFER_SIZE];

static void
write_all (Lp2pStream *stream, gconstpointer data, gsize size)
{
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (stream));
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_output_stream_write_all_async (output, data, size, G_PRIORITY_DEFAULT, NULL, bench_on_result,
                                   &result);
  if (!g_output_stream_write_all_finish (output, bench_await (&result), NULL, &error))
    bench_fail ("cannot write", error);
}

static gsize
read_some (Lp2pStream *stream)
{
  GInputStream *input = g_io_stream_get_input_stream (G_IO_STREAM (stream));
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  gssize n;

  g_input_stream_read_async (input, buffer, sizeof buffer, G_PRIORITY_DEFAULT, NULL,
                             bench_on_result, &result);
  n = g_input_stream_read_finish (input, bench_await (&result), &error);
  if (n < 0)
    bench_fail ("cannot read", error);
  return n;
}

static Lp2pStream *
open_stream (Lp2pConnection *connection, const char *protocol)
{
  const char *const protocols[] = { protocol, NULL };
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pStream *stream;

  lp2p_connection_open_stream_async (connection, protocols, LP2P_STREAM_NONE, NULL, bench_on_result,
                                     &result);
  stream = lp2p_connection_open_stream_finish (connection, bench_await (&result), &error);
  if (stream == NULL)
    bench_fail ("cannot open a stream", error);
  return stream;
}

static Lp2pConnection *
connect_to (Lp2pHost *host, const char *text)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, &error);
  Lp2pConnection *connection;

  if (address == NULL)
    bench_fail (text, error);
  lp2p_host_connect_async (host, address, NULL, bench_on_result, &result);
  connection = lp2p_host_connect_finish (host, bench_await (&result), &error);
  if (connection == NULL)
    bench_fail ("cannot connect", error);
  return connection;
}

static void
upload (Lp2pConnection *connection, gint64 bytes)
{
  g_autoptr (Lp2pStream) stream = open_stream (connection, BENCH_PROTOCOL_SINK);
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (stream));
  g_autoptr (GAsyncResult) result = NULL;

  for (gint64 left = bytes; left > 0; left -= MIN (left, BENCH_BUFFER_SIZE))
    write_all (stream, buffer, MIN (left, BENCH_BUFFER_SIZE));
  g_output_stream_close_async (output, G_PRIORITY_DEFAULT, NULL, bench_on_result, &result);
  g_output_stream_close_finish (output, bench_await (&result), NULL);
  if (read_some (stream) != 1)
    bench_fail ("the upload was not answered", NULL);
}

/* A reader reads again in the callback, as applications do. */
typedef struct
{
  gint64 got;
  gboolean ended;
} Download;

static void
on_downloaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Download *self = user_data;
  g_autoptr (GError) error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n < 0)
    bench_fail ("cannot read", error);
  self->got += n;
  self->ended = n == 0;
  if (n > 0)
    g_input_stream_read_async (G_INPUT_STREAM (source), buffer, sizeof buffer, G_PRIORITY_DEFAULT,
                               NULL, on_downloaded, self);
}

static void
download (Lp2pConnection *connection, gint64 bytes)
{
  g_autoptr (Lp2pStream) stream = open_stream (connection, BENCH_PROTOCOL_SOURCE);
  guint64 count = bytes;
  Download self = { 0, FALSE };

  write_all (stream, &count, sizeof count);
  g_input_stream_read_async (g_io_stream_get_input_stream (G_IO_STREAM (stream)), buffer,
                             sizeof buffer, G_PRIORITY_DEFAULT, NULL, on_downloaded, &self);
  while (!self.ended)
    g_main_context_iteration (NULL, TRUE);
  if (self.got != bytes)
    bench_fail ("the download is incomplete", NULL);
}

typedef void (*Transfer) (Lp2pConnection *connection, gint64 bytes);

static void
measure (const BenchOptions *options,
         BenchChild *child,
         Lp2pConnection *connection,
         const char *name,
         Transfer transfer)
{
  BenchStat before[2], after[2];
  gint64 began, took;

  /* Windows grow with what a connection proves to need. */
  transfer (connection, MIN (options->bytes, 16 * 1024 * 1024));
  bench_stat (&before[0]);
  bench_child_stat (child, &before[1]);
  began = g_get_monotonic_time ();
  transfer (connection, options->bytes);
  took = g_get_monotonic_time () - began;
  bench_stat (&after[0]);
  bench_child_stat (child, &after[1]);
  bench_report_transfer (options, name, took, after[0].cpu_seconds - before[0].cpu_seconds,
                         after[1].cpu_seconds - before[1].cpu_seconds);
}

void
bench_transfer (const BenchOptions *options)
{
  BenchChild child;
  g_autoptr (Lp2pHost) host = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;

  bench_child_start (&child, options, "serve");
  host = bench_host_start (options, NULL);
  connection = connect_to (host, child.address);
  measure (options, &child, connection, "upload", upload);
  measure (options, &child, connection, "download", download);
  bench_child_end (&child);
}

/* The same over a plain socket */

static int
connect_tcp (const char *port)
{
  struct sockaddr_in address = {
    .sin_family = AF_INET,
    .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
    .sin_port = htons (strtoul (port, NULL, 10)),
  };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) != 0)
    bench_fail ("cannot connect a socket", NULL);
  return fd;
}

void
bench_tcp (const BenchOptions *options)
{
  BenchChild child;
  BenchStat before, after, listener;
  gint64 began, took;
  int fd;

  bench_child_start (&child, options, "serve-tcp");
  fd = connect_tcp (child.address);
  bench_stat (&before);
  began = g_get_monotonic_time ();
  for (gint64 left = options->bytes; left > 0;)
    {
      gssize n = write (fd, buffer, MIN (left, BENCH_BUFFER_SIZE));

      if (n <= 0)
        bench_fail ("cannot write to a socket", NULL);
      left -= n;
    }
  shutdown (fd, SHUT_WR);
  if (read (fd, buffer, 1) != 1)
    bench_fail ("the transfer was not answered", NULL);
  took = g_get_monotonic_time () - began;
  close (fd);
  bench_stat (&after);
  bench_child_stat (&child, &listener);
  bench_report_transfer (options, "raw-tcp", took, after.cpu_seconds - before.cpu_seconds,
                         listener.cpu_seconds);
  bench_child_end (&child);
}
