/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * abuser MODE ADDRESS SECURITY MUXER CONNECTIONS STREAMS: one peer that opens so many
 * connections with a listener, and on each of them
 *
 *   fill   so many streams, into which it writes for ever without reading
 *   reset  streams that it resets behind their first byte, so many at a time
 *
 * It prints "ready" when it is known which connections the listener takes, and when
 * stdin ends how many of them there were, how many streams it opened, and of how many
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
  guint n_streams; /* of each connection */

  GPtrArray *hosts;
  guint connecting;
  guint connected;
  guint64 opened;
  guint64 refused;
} Abuser;

/* One after the other. */
typedef struct
{
  Abuser *abuser;
  Lp2pConnection *connection;
  Lp2pStream *stream;
} Slot;

static const guint8 data[WRITE_SIZE];

static void slot_open (Slot *self);
static void slot_write (Slot *self);

static void
slot_free (Slot *self)
{
  g_clear_object (&self->stream);
  g_object_unref (self->connection);
  g_free (self);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Slot *self = user_data;

  if (g_output_stream_write_finish (G_OUTPUT_STREAM (source), result, NULL) < 0)
    self->abuser->refused++;
  else if (!self->abuser->resets)
    {
      slot_write (self);
      return;
    }
  if (!self->abuser->resets)
    {
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
                               self->abuser->resets ? 1 : sizeof data, G_PRIORITY_DEFAULT, NULL, on_written, self);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Slot *self = user_data;

  self->stream = lp2p_connection_open_stream_finish (self->connection, result, NULL);
  if (self->stream == NULL)
    {
      slot_free (self);
      return;
    }
  self->abuser->opened++;
  slot_write (self);
}

static void
slot_open (Slot *self)
{
  static const char *const protocols[] = { PEER_PROTOCOL_ECHO, NULL };

  lp2p_connection_open_stream_async (self->connection, protocols, LP2P_STREAM_NONE, NULL, on_opened, self);
}

static void
tell_ready (Abuser *self)
{
  if (--self->connecting > 0)
    return;
  puts ("ready");
  fflush (stdout);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Abuser *self = user_data;
  g_autoptr (Lp2pConnection) connection = lp2p_host_connect_finish (LP2P_HOST (source), result, NULL);

  if (connection != NULL)
    {
      self->connected++;
      for (guint i = 0; i < self->n_streams; i++)
        {
          Slot *slot = g_new0 (Slot, 1);

          slot->abuser = self;
          slot->connection = g_object_ref (connection);
          slot_open (slot);
        }
    }
  tell_ready (self);
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Abuser *self = user_data;
  g_autoptr (GError) error = NULL;

  if (!lp2p_host_start_finish (LP2P_HOST (source), result, &error))
    g_error ("%s", error->message);
  lp2p_host_connect_async (LP2P_HOST (source), self->address, NULL, on_connected, self);
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
      Lp2pHost *host = peer_host_new (&self->options, &error);

      if (host == NULL)
        g_error ("%s", error->message);
      g_ptr_array_add (self->hosts, host);
      lp2p_host_start_async (host, NULL, on_started, self);
    }
}

int
main (int argc, char **argv)
{
  Abuser self = { .options = { .transport = "tcp", .key_seed = "4" } };

  if (argc != 7)
    {
      g_printerr ("usage: abuser fill|reset ADDRESS SECURITY MUXER CONNECTIONS STREAMS\n");
      return 2;
    }
  self.resets = g_str_equal (argv[1], "reset");
  self.address = lp2p_multiaddr_new_from_string (argv[2], NULL);
  self.options.security = argv[3];
  self.options.muxer = argv[4];
  self.n_streams = (guint) g_ascii_strtoull (argv[6], NULL, 10);
  self.hosts = g_ptr_array_new ();
  self.loop = g_main_loop_new (NULL, FALSE);
  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, on_stdin, &self);
  start (&self, (guint) g_ascii_strtoull (argv[5], NULL, 10));
  g_main_loop_run (self.loop);
  return 0;
}
