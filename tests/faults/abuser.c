/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * abuser MODE ADDRESS SECURITY MUXER CONNECTIONS STREAMS: one peer that opens so many
 * connections with a listener, and on each of them
 *
 *   fill   so many streams, into which it writes for ever without reading
 *   busy   so many streams, into which it writes for ever and reads what comes back
 *   reset  streams that it resets behind their first byte, so many at a time; where the
 *          listener ends such a connection, it makes another one
 *
 * It prints "ready" when it is known which connections the listener takes, and when
 * stdin ends how many there were in all, how many streams it opened, and of how many
 * it was told that they are reset.
 */

#include "lp2p-peer.h"

#include <glib-unix.h>
#include <stdio.h>
#include <unistd.h>

#define WRITE_SIZE (64 * 1024)

typedef struct
{
  PeerOptions options;
  GMainLoop *loop;
  Lp2pMultiaddr *address;
  gboolean resets;
  gboolean reads;
  guint n_streams; /* of each connection */

  guint connecting;
  guint connected;
  guint64 opened;
  guint64 refused;
} Abuser;

/* One connection, made again each time. */
typedef struct
{
  Abuser *abuser;
  Lp2pHost *host;
  Lp2pConnection *connection;
  guint n_slots;
} Line;

/* One stream after the other. */
typedef struct
{
  Line *line;
  Lp2pStream *stream;
} Slot;

static const guint8 data[WRITE_SIZE];
static guint8 echoed[WRITE_SIZE];

static void line_connect (Line *self);
static void slot_open (Slot *self);
static void slot_write (Slot *self);

static void
slot_free (Slot *self)
{
  Line *line = self->line;

  g_clear_object (&self->stream);
  g_free (self);
  if (--line->n_slots > 0)
    return;
  g_clear_object (&line->connection);
  if (line->abuser->resets)
    line_connect (line);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Slot *self = user_data;
  Abuser *abuser = self->line->abuser;

  if (g_output_stream_write_finish (G_OUTPUT_STREAM (source), result, NULL) < 0)
    abuser->refused++;
  else if (!abuser->resets)
    {
      slot_write (self);
      return;
    }
  if (!abuser->resets)
    {
      /* It may still be reading. */
      if (!abuser->reads)
        slot_free (self);
      return;
    }
  lp2p_stream_reset (self->stream, LP2P_CODE_NONE);
  g_clear_object (&self->stream);
  slot_open (self);
}

static void
slot_write (Slot *self)
{
  g_output_stream_write_async (g_io_stream_get_output_stream (G_IO_STREAM (self->stream)), data,
                               self->line->abuser->resets ? 1 : sizeof data, G_PRIORITY_DEFAULT, NULL, on_written, self);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  if (result == NULL || g_input_stream_read_finish (G_INPUT_STREAM (source), result, NULL) > 0)
    g_input_stream_read_async (G_INPUT_STREAM (source), echoed, sizeof echoed, G_PRIORITY_DEFAULT, NULL, on_read, NULL);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Slot *self = user_data;

  self->stream = lp2p_connection_open_stream_finish (LP2P_CONNECTION (source), result, NULL);
  if (self->stream == NULL)
    {
      slot_free (self);
      return;
    }
  self->line->abuser->opened++;
  if (self->line->abuser->reads)
    on_read (G_OBJECT (g_io_stream_get_input_stream (G_IO_STREAM (self->stream))), NULL, NULL);
  slot_write (self);
}

static void
slot_open (Slot *self)
{
  static const char *const protocols[] = { PEER_PROTOCOL_ECHO, NULL };

  lp2p_connection_open_stream_async (self->line->connection, protocols, LP2P_STREAM_NONE, NULL, on_opened, self);
}

static void
tell_ready (Abuser *self)
{
  if (self->connecting == 0 || --self->connecting > 0)
    return;
  puts ("ready");
  fflush (stdout);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Line *self = user_data;
  Abuser *abuser = self->abuser;

  self->connection = lp2p_host_connect_finish (self->host, result, NULL);
  if (self->connection != NULL)
    {
      abuser->connected++;
      self->n_slots = abuser->n_streams;
      for (guint i = 0; i < abuser->n_streams; i++)
        {
          Slot *slot = g_new0 (Slot, 1);

          slot->line = self;
          slot_open (slot);
        }
    }
  tell_ready (abuser);
}

static void
line_connect (Line *self)
{
  lp2p_host_connect_async (self->host, self->abuser->address, NULL, on_connected, self);
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  if (!lp2p_host_start_finish (LP2P_HOST (source), result, &error))
    g_error ("%s", error->message);
  line_connect (user_data);
}

static gboolean
on_stdin (int fd, GIOCondition condition, gpointer user_data)
{
  Abuser *self = user_data;

  printf ("%u %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", self->connected, self->opened, self->refused);
  fflush (stdout);
  /* Not in order: the system tells the listener. */
  _exit (0);
}

/* Hosts of one identity: each has one connection. */
static void
start (Abuser *self, guint n_connections)
{
  self->connecting = n_connections;
  for (guint i = 0; i < n_connections; i++)
    {
      g_autoptr (GError) error = NULL;
      Line *line = g_new0 (Line, 1);

      line->abuser = self;
      line->host = peer_host_new (&self->options, &error);
      if (line->host == NULL)
        g_error ("%s", error->message);
      lp2p_host_start_async (line->host, NULL, on_started, line);
    }
}

int
main (int argc, char **argv)
{
  Abuser self = { .options = { .transport = "tcp", .key_seed = "4" } };

  if (argc != 7)
    {
      g_printerr ("usage: abuser fill|busy|reset ADDRESS SECURITY MUXER CONNECTIONS STREAMS\n");
      return 2;
    }
  self.resets = g_str_equal (argv[1], "reset");
  self.reads = g_str_equal (argv[1], "busy");
  self.address = lp2p_multiaddr_new_from_string (argv[2], NULL);
  self.options.security = argv[3];
  self.options.muxer = argv[4];
  self.n_streams = (guint) g_ascii_strtoull (argv[6], NULL, 10);
  self.loop = g_main_loop_new (NULL, FALSE);
  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, on_stdin, &self);
  start (&self, (guint) g_ascii_strtoull (argv[5], NULL, 10));
  g_main_loop_run (self.loop);
  return 0;
}
