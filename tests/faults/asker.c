/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * asker ADDRESS SECURITY MUXER PID: an honest peer, with one connection. For each
 * number on stdin it asks as often at once: it opens so many streams, sends a byte on
 * each, prints "asked", and waits for all of them to come back. It then prints how many
 * microseconds of the processor the listener PID has used meanwhile. What else the machine
 * does changes the time that the answers take, and hardly this: it is what the listener
 * did for the asker, and for others before the asker. Behind that it prints which one of
 * all answers the last one was that it got, and how many microseconds of the processor it
 * has used itself.
 *
 * It prints "ready" when it is connected. Whatever fails ends it, with a message.
 */

#include "lp2p-peer.h"

#include <gio/gunixinputstream.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

typedef struct
{
  PeerOptions options;
  GMainLoop *loop;
  Lp2pHost *host;
  Lp2pMultiaddr *address;
  GDataInputStream *input;
  clockid_t clock; /* of the listener */

  Lp2pConnection *connection;
  guint n_open;
  guint n_unsent;
  guint32 last; /* of the answers, as the listener counts them */
  gint64 began;     /* on that clock */
  gint64 own_began; /* on that of this process */
} Asker;

typedef struct
{
  Asker *asker;
  Lp2pStream *stream;
  guint32 number;
} Question;

static void read_number (Asker *self);

static void
check (const GError *error, const char *what)
{
  if (error != NULL)
    g_error ("%s: %s", what, error->message);
}

static gint64
get_used (clockid_t clock)
{
  struct timespec time;

  if (clock_gettime (clock, &time) < 0)
    g_error ("The listener is gone");
  return time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
}

static void
on_answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Question *self = user_data;
  Asker *asker = self->asker;
  g_autoptr (GError) error = NULL;

  gsize n;

  g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &n, &error);
  check (error, "An answer");
  if (n != PEER_ORDER_SIZE)
    g_error ("The listener ended a stream without an answer");
  asker->last = MAX (asker->last, GUINT32_FROM_BE (self->number));
  g_io_stream_close_async (G_IO_STREAM (self->stream), G_PRIORITY_DEFAULT, NULL, NULL, NULL);
  g_object_unref (self->stream);
  g_free (self);
  if (--asker->n_open > 0)
    return;
  printf ("%" G_GINT64_FORMAT " %u %" G_GINT64_FORMAT "\n", get_used (asker->clock) - asker->began, asker->last,
          get_used (CLOCK_PROCESS_CPUTIME_ID) - asker->own_began);
  fflush (stdout);
  read_number (asker);
}

/* Behind the loop of the host: what was written is on its way. */
static gboolean
tell_asked (gpointer user_data)
{
  puts ("asked");
  fflush (stdout);
  return G_SOURCE_REMOVE;
}

static void
on_sent (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Question *self = user_data;
  g_autoptr (GError) error = NULL;

  g_output_stream_write_finish (G_OUTPUT_STREAM (source), result, &error);
  check (error, "A question");
  if (--self->asker->n_unsent == 0)
    g_idle_add_full (G_PRIORITY_LOW, tell_asked, NULL, NULL);
  g_input_stream_read_all_async (g_io_stream_get_input_stream (G_IO_STREAM (self->stream)), &self->number,
                                 PEER_ORDER_SIZE, G_PRIORITY_DEFAULT, NULL, on_answered, self);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Question *self = user_data;
  g_autoptr (GError) error = NULL;

  self->stream = lp2p_connection_open_stream_finish (LP2P_CONNECTION (source), result, &error);
  check (error, "A stream");
  g_output_stream_write_async (g_io_stream_get_output_stream (G_IO_STREAM (self->stream)), &self->number, 1,
                               G_PRIORITY_DEFAULT, NULL, on_sent, self);
}

static void
ask (Asker *self, guint n)
{
  static const char *const protocols[] = { PEER_PROTOCOL_ORDER, NULL };

  self->n_open = n;
  self->n_unsent = n;
  self->began = get_used (self->clock);
  self->own_began = get_used (CLOCK_PROCESS_CPUTIME_ID);
  while (n-- > 0)
    {
      Question *question = g_new0 (Question, 1);

      question->asker = self;
      lp2p_connection_open_stream_async (self->connection, protocols, LP2P_STREAM_NONE, NULL, on_opened, question);
    }
}

static void
on_number (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Asker *self = user_data;
  g_autofree char *line = g_data_input_stream_read_line_finish (self->input, result, NULL, NULL);

  if (line == NULL)
    g_main_loop_quit (self->loop);
  else
    ask (self, (guint) g_ascii_strtoull (line, NULL, 10));
}

static void
read_number (Asker *self)
{
  g_data_input_stream_read_line_async (self->input, G_PRIORITY_DEFAULT, NULL, on_number, self);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Asker *self = user_data;
  g_autoptr (GError) error = NULL;

  self->connection = lp2p_host_connect_finish (self->host, result, &error);
  check (error, "The connection");
  puts ("ready");
  fflush (stdout);
  read_number (self);
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Asker *self = user_data;
  g_autoptr (GError) error = NULL;

  lp2p_host_start_finish (self->host, result, &error);
  check (error, "The host");
  lp2p_host_connect_async (self->host, self->address, NULL, on_connected, self);
}

int
main (int argc, char **argv)
{
  Asker self = { .options = { .transport = "tcp", .key_seed = "5" } };
  g_autoptr (GInputStream) input = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  g_autoptr (GError) error = NULL;

  if (argc != 5 || clock_getcpuclockid ((pid_t) g_ascii_strtoll (argv[4], NULL, 10), &self.clock) != 0)
    {
      g_printerr ("usage: asker ADDRESS SECURITY MUXER PID\n");
      return PEER_EXIT_USAGE;
    }
  self.address = lp2p_multiaddr_new_from_string (argv[1], NULL);
  self.options.security = argv[2];
  self.options.muxer = argv[3];
  self.input = g_data_input_stream_new (input);
  self.loop = g_main_loop_new (NULL, FALSE);
  self.host = peer_host_new (&self.options, &error);
  check (error, "The host");
  lp2p_host_start_async (self.host, NULL, on_started, &self);
  g_main_loop_run (self.loop);
  return 0;
}
