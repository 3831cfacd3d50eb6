/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* perf, connect-loop and idle: each prints one object of JSON. A failure ends the
 * program, so that nothing here is ever given up halfway. */

#include "lp2p-peer.h"

#include <glib-unix.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROTOCOL_PERF "/perf/1.0.0"

/* What an application would choose for a bulk transfer. */
#define BLOCK_SIZE (256 * 1024)
#define ECHO_SIZE  32
/* Connections of `idle` that are made at once. */
#define IDLE_PARALLEL 32
/* Services greet new connections, and buffers are freed when they are done. */
#define SETTLE_SECONDS 2

static void G_GNUC_NORETURN
fail (const char *what, const GError *error)
{
  g_printerr ("lp2p-peer: %s: %s\n", what, error != NULL ? error->message : "failed");
  exit (1);
}

static void
print_number (const char *name, double value, const char *behind)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  printf ("\"%s\":%s%s", name, g_ascii_formatd (number, sizeof number, "%.6f", value), behind);
}

static void
on_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

/* Runs the main context until an asynchronous call has its result. */
static GAsyncResult *
await (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

static Lp2pHost *
start_host (const PeerOptions *options)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pHost *host = peer_host_new (options, &error);

  if (host == NULL)
    fail ("cannot make a host", error);
  lp2p_host_start_async (host, NULL, on_result, &result);
  if (!lp2p_host_start_finish (host, await (&result), &error) ||
      !peer_host_check_stack (host, options, &error))
    fail ("cannot start a host", error);
  return host;
}

/* perf */

typedef struct
{
  guint64 got;
  gboolean ended;
  guint8 buffer[BLOCK_SIZE];
} Answer;

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Answer *self = user_data;
  g_autoptr (GError) error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n < 0)
    fail ("cannot read", error);
  self->got += n;
  self->ended = n == 0;
  if (n > 0)
    g_input_stream_read_async (G_INPUT_STREAM (source), self->buffer, sizeof self->buffer,
                               G_PRIORITY_DEFAULT, NULL, on_answer, self);
}

static void
write_all (GOutputStream *output, gconstpointer data, gsize size)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_output_stream_write_all_async (output, data, size, G_PRIORITY_DEFAULT, NULL, on_result,
                                   &result);
  if (!g_output_stream_write_all_finish (output, await (&result), NULL, &error))
    fail ("cannot write", error);
}

static void
request (Lp2pStream *stream, guint64 sent, guint64 asked)
{
  static const guint8 zeros[BLOCK_SIZE];
  static Answer answer;
  GInputStream *input = g_io_stream_get_input_stream (G_IO_STREAM (stream));
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (stream));
  guint64 count = GUINT64_TO_BE (asked);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  write_all (output, &count, sizeof count);
  for (guint64 left = sent; left > 0; left -= MIN (left, BLOCK_SIZE))
    write_all (output, zeros, MIN (left, BLOCK_SIZE));
  g_output_stream_close_async (output, G_PRIORITY_DEFAULT, NULL, on_result, &result);
  if (!g_output_stream_close_finish (output, await (&result), &error))
    fail ("cannot end the stream", error);

  answer.got = 0;
  answer.ended = FALSE;
  g_input_stream_read_async (input, answer.buffer, sizeof answer.buffer, G_PRIORITY_DEFAULT, NULL,
                             on_answer, &answer);
  while (!answer.ended)
    g_main_context_iteration (NULL, TRUE);
  if (answer.got != asked)
    fail ("the answer is not as long as asked for", NULL);
}

static void
transfer (Lp2pConnection *connection, const char *name, guint64 sent, guint64 asked)
{
  const char *const protocols[] = { PROTOCOL_PERF, NULL };
  gint64 began = g_get_monotonic_time ();
  double cpu = peer_cpu_seconds ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pStream) stream = NULL;

  lp2p_connection_open_stream_async (connection, protocols, LP2P_STREAM_NONE, NULL, on_result,
                                     &result);
  stream = lp2p_connection_open_stream_finish (connection, await (&result), &error);
  if (stream == NULL)
    fail ("cannot open a stream", error);
  request (stream, sent, asked);

  printf ("\"%s\":{\"bytes\":%" G_GUINT64_FORMAT ",", name, sent + asked);
  print_number ("seconds", (g_get_monotonic_time () - began) / 1e6, ",");
  print_number ("cpuSeconds", peer_cpu_seconds () - cpu, "},");
}

static void
run_perf (const PeerOptions *options, Lp2pMultiaddr *address)
{
  g_autoptr (Lp2pHost) host = start_host (options);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;

  lp2p_host_connect_async (host, address, NULL, on_result, &result);
  connection = lp2p_host_connect_finish (host, await (&result), &error);
  if (connection == NULL)
    fail ("cannot connect", error);
  printf ("{");
  transfer (connection, "upload", options->upload, 0);
  transfer (connection, "download", 0, options->download);
  printf ("\"rss\":%" G_GINT64_FORMAT "}\n", peer_resident_bytes ());
}

/* connect-loop */

/* One identity that connects again and again. */
typedef struct
{
  Lp2pHost *host;
  Lp2pMultiaddr *address;
  Lp2pConnection *connection;
  Lp2pStream *stream;
  guint8 sent[ECHO_SIZE];
  guint8 got[ECHO_SIZE + 1];
  int left;
  guint *running;
} Dialer;

static void dialer_next (Dialer *self);

static void
on_dialer_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Dialer *self = user_data;

  lp2p_connection_close_finish (self->connection, result, NULL);
  g_clear_object (&self->connection);
  self->left--;
  dialer_next (self);
}

static void
on_dialer_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Dialer *self = user_data;
  g_autoptr (GError) error = NULL;
  gsize n;

  if (!g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &n, &error) ||
      n != ECHO_SIZE || memcmp (self->sent, self->got, ECHO_SIZE) != 0)
    fail ("the echo", error);
  g_clear_object (&self->stream);
  lp2p_connection_close_async (self->connection, NULL, on_dialer_closed, self);
}

/* One byte more than is expected: the end is to be read, too. */
static void
on_dialer_ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Dialer *self = user_data;
  g_autoptr (GError) error = NULL;

  if (!g_output_stream_close_finish (G_OUTPUT_STREAM (source), result, &error))
    fail ("cannot end a stream", error);
  g_input_stream_read_all_async (g_io_stream_get_input_stream (G_IO_STREAM (self->stream)),
                                 self->got, sizeof self->got, G_PRIORITY_DEFAULT, NULL,
                                 on_dialer_read, self);
}

static void
on_dialer_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  if (!g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error))
    fail ("cannot write", error);
  g_output_stream_close_async (G_OUTPUT_STREAM (source), G_PRIORITY_DEFAULT, NULL, on_dialer_ended,
                               user_data);
}

static void
on_dialer_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Dialer *self = user_data;
  g_autoptr (GError) error = NULL;

  self->stream = lp2p_connection_open_stream_finish (self->connection, result, &error);
  if (self->stream == NULL)
    fail ("cannot open a stream", error);
  RAND_bytes (self->sent, ECHO_SIZE);
  g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (self->stream)),
                                   self->sent, ECHO_SIZE, G_PRIORITY_DEFAULT, NULL,
                                   on_dialer_written, self);
}

static void
on_dialer_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  const char *const protocols[] = { PEER_PROTOCOL_ECHO, NULL };
  Dialer *self = user_data;
  g_autoptr (GError) error = NULL;

  self->connection = lp2p_host_connect_finish (self->host, result, &error);
  if (self->connection == NULL)
    fail ("cannot connect", error);
  lp2p_connection_open_stream_async (self->connection, protocols, LP2P_STREAM_NONE, NULL,
                                     on_dialer_opened, self);
}

static void
dialer_next (Dialer *self)
{
  if (self->left > 0)
    lp2p_host_connect_async (self->host, self->address, NULL, on_dialer_connected, self);
  else
    (*self->running)--;
}

static void
run_connect_loop (const PeerOptions *options, Lp2pMultiaddr *address)
{
  guint running = options->parallel;
  g_autofree Dialer *dialers = g_new0 (Dialer, running);
  gint64 began;
  double cpu, seconds;

  for (int i = 0; i < options->parallel; i++)
    {
      dialers[i] = (Dialer){ .host = start_host (options), .address = address, .running = &running };
      dialers[i].left = options->count / options->parallel;
      dialers[i].left += i < options->count % options->parallel;
    }
  began = g_get_monotonic_time ();
  cpu = peer_cpu_seconds ();
  for (int i = 0; i < options->parallel; i++)
    dialer_next (&dialers[i]);
  while (running > 0)
    g_main_context_iteration (NULL, TRUE);

  seconds = (g_get_monotonic_time () - began) / 1e6;
  printf ("{\"connections\":%d,", options->count);
  print_number ("seconds", seconds, ",");
  print_number ("perSecond", options->count / seconds, ",");
  print_number ("cpuSeconds", peer_cpu_seconds () - cpu, "}\n");
  for (int i = 0; i < options->parallel; i++)
    g_object_unref (dialers[i].host);
}

/* idle */

typedef struct
{
  Lp2pHost *host;
  Lp2pMultiaddr *address;
  int to_start;
  int running;
} Dials;

static void dials_next (Dials *self);

static void
on_idle_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Dials *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConnection) connection = lp2p_host_connect_finish (self->host, result, &error);

  if (connection == NULL)
    fail ("cannot connect", error);
  self->running--;
  dials_next (self);
}

static void
dials_next (Dials *self)
{
  while (self->running < IDLE_PARALLEL && self->to_start > 0)
    {
      self->to_start--;
      self->running++;
      lp2p_host_connect_async (self->host, self->address, NULL, on_idle_connected, self);
    }
}

static gboolean
on_settled (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

static void
connect_many (Lp2pHost *host, Lp2pMultiaddr *address, int count)
{
  Dials dials = { .host = host, .address = address, .to_start = count };
  gboolean settled = FALSE;

  dials_next (&dials);
  while (dials.running > 0)
    g_main_context_iteration (NULL, TRUE);
  g_timeout_add_seconds (SETTLE_SECONDS, on_settled, &settled);
  while (!settled)
    g_main_context_iteration (NULL, TRUE);
}

static gboolean
on_stdin (int fd, GIOCondition condition, gpointer user_data)
{
  char buffer[256];

  *(gboolean *) user_data = read (fd, buffer, sizeof buffer) <= 0;
  return G_SOURCE_CONTINUE;
}

static void
on_idle_removed (Lp2pHost *host, Lp2pConnection *connection, gpointer user_data)
{
  g_autofree char *what =
      g_strdup_printf ("the connection to %s from %s did not stay",
                       lp2p_multiaddr_get_string (lp2p_connection_get_remote_address (connection)),
                       lp2p_multiaddr_get_string (lp2p_connection_get_local_address (connection)));

  fail (what, lp2p_connection_get_error (connection));
}

/* One identity makes them all: an address without a peer id is dialed again and
 * again, and only the connections grow. */
static void
run_idle (const PeerOptions *options, Lp2pMultiaddr *full)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_without_peer_id (full);
  g_autoptr (Lp2pHost) host = start_host (options);
  gboolean ended = FALSE;
  gint64 rss, heap;

  /* What only the first connection needs does not count. */
  g_signal_connect (host, "connection-removed", G_CALLBACK (on_idle_removed), NULL);
  connect_many (host, address, 2);
  rss = peer_resident_bytes ();
  heap = peer_heap_bytes ();
  connect_many (host, address, options->count);
  printf ("{\"connections\":%d,\"rssGrowth\":%" G_GINT64_FORMAT ",\"heapGrowth\":%" G_GINT64_FORMAT
          "}\n",
          options->count, peer_resident_bytes () - rss, peer_heap_bytes () - heap);
  fflush (stdout);

  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_stdin, &ended);
  while (!ended)
    g_main_context_iteration (NULL, TRUE);
}

/* The commands */

int
peer_bench (const char *command, const PeerOptions *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (options->address, &error);

  if (address == NULL)
    return peer_fail_usage ("%s", error->message);
  if (options->upload < 0 || options->download < 0 || options->count < 1 || options->parallel < 1)
    return peer_fail_usage ("--upload, --download, --count and --parallel must be positive");

  if (g_str_equal (command, "perf"))
    run_perf (options, address);
  else if (g_str_equal (command, "connect-loop"))
    run_connect_loop (options, address);
  else
    run_idle (options, address);
  return 0;
}
