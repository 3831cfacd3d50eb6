/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * nat-puncher SEED ADDRESS SECONDS: a host that listens on ADDRESS and does what the
 * lines on its stdin say, one at a time. It answers each with one line; the first one,
 * which nobody asked for, is where it listens.
 *
 *   punch ADDRESS   answers "punching"; a second answer follows when a connection came in,
 *                   or none did within SECONDS
 *   dial ADDRESS    the same without "punching", for one that is made, within one more
 *   echo BYTES      sends so many to the other side, and reads them again
 *   connections     how many there are
 *
 * What is said of a connection is where it goes from and to, and its transport; of a
 * failure why, behind "failed".
 */

#include "lp2p-peer-stream.h"
#include "lp2p-peer.h"

#include <lp2p/lp2p-plugin.h>

#include <gio/gunixinputstream.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host/lp2p-host-private.h"

#define BUFFER_SIZE (64 * 1024)

typedef struct
{
  PeerOptions options;
  GMainLoop *loop;
  Lp2pHost *host;
  Lp2pContext *context;
  GDataInputStream *input;
  guint seconds;

  Lp2pConnection *connection;
  Lp2pStream *stream;
  guint64 to_echo;
  guint64 echoed;
} Puncher;

static void read_command (Puncher *self);

static void G_GNUC_PRINTF (1, 2) answer (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  vprintf (format, args);
  va_end (args);
  putchar ('\n');
  fflush (stdout);
}

static void
finish (Puncher *self, const GError *error)
{
  if (error != NULL)
    answer ("failed %s", error->message);
  read_command (self);
}

/* Connecting */

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Puncher *self = user_data;
  g_autoptr (GError) error = NULL;
  Lp2pConnection *connection = lp2p_context_connect_finish (self->context, result, &error);

  if (connection != NULL)
    {
      g_set_object (&self->connection, connection);
      answer ("connected %s %s %s %s", lp2p_multiaddr_get_string (lp2p_connection_get_local_address (connection)),
              lp2p_multiaddr_get_string (lp2p_connection_get_remote_address (connection)),
              lp2p_connection_get_transport (connection),
              lp2p_connection_get_direction (connection) == LP2P_ROLE_INITIATOR ? "dialed" : "accepted");
      g_object_unref (connection);
    }
  finish (self, error);
}

static void
connect_to (Puncher *self, const char *text, gboolean punch)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, &error);
  g_autoptr (Lp2pPeerId) peer = address != NULL ? lp2p_peer_id_from_multiaddr (address) : NULL;
  g_autoptr (GPtrArray) addresses = g_ptr_array_new ();
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  gint64 now = lp2p_loop_now (lp2p_context_get_loop (self->context));

  if (peer == NULL)
    g_error ("%s: expected the address of a peer", text);
  g_ptr_array_add (addresses, address);
  options.force_direct = TRUE;
  if (punch)
    {
      options.punch_at = now;
      options.punch_deadline = now + self->seconds * G_USEC_PER_SEC;
    }
  lp2p_context_connect_async (self->context, peer, addresses, &options, NULL, on_connected, self);
  if (punch)
    answer ("punching");
}

/* Echo */

static gboolean
check_piece (const guint8 *data, gsize size, gpointer user_data, GError **error)
{
  Puncher *self = user_data;
  g_autofree guint8 *expected = g_malloc (size);

  peer_pattern_fill (self->echoed, expected, size);
  if (memcmp (expected, data, size) != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the bytes behind %" G_GUINT64_FORMAT " are others",
                   self->echoed);
      return FALSE;
    }
  self->echoed += size;
  return TRUE;
}

static void
on_echoed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Puncher *self = user_data;
  g_autoptr (GError) error = NULL;

  if (peer_read_pieces_finish (G_INPUT_STREAM (source), result, &error))
    answer ("echoed %" G_GUINT64_FORMAT, self->echoed);
  g_clear_object (&self->stream);
  finish (self, error);
}

static void
on_sent (GObject *source, GAsyncResult *result, gpointer user_data)
{
  guint8 digest[PEER_HASH_SIZE];
  g_autoptr (GError) error = NULL;

  if (!peer_send_pattern_finish (G_OUTPUT_STREAM (source), result, digest, &error))
    g_error ("Sending: %s", error->message);
  g_output_stream_close_async (G_OUTPUT_STREAM (source), G_PRIORITY_DEFAULT, NULL, NULL, NULL);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Puncher *self = user_data;
  g_autoptr (GError) error = NULL;

  self->stream = lp2p_connection_open_stream_finish (LP2P_CONNECTION (source), result, &error);
  if (self->stream == NULL)
    {
      finish (self, error);
      return;
    }
  self->echoed = 0;
  peer_send_pattern_async (g_io_stream_get_output_stream (G_IO_STREAM (self->stream)), self->to_echo, NULL, on_sent,
                           self);
  peer_read_pieces_async (g_io_stream_get_input_stream (G_IO_STREAM (self->stream)), BUFFER_SIZE, check_piece, self,
                          NULL, on_echoed, self);
}

static void
echo (Puncher *self, guint64 size)
{
  static const char *const protocols[] = { PEER_PROTOCOL_ECHO, NULL };

  if (self->connection == NULL)
    g_error ("There is nobody to echo");
  self->to_echo = size;
  lp2p_connection_open_stream_async (self->connection, protocols, LP2P_STREAM_NONE, NULL, on_opened, self);
}

static void
on_spliced (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Lp2pStream) stream = user_data;
  g_autoptr (GError) error = NULL;

  if (g_output_stream_splice_finish (G_OUTPUT_STREAM (source), result, &error) < 0)
    g_printerr ("Echo: %s\n", error->message);
}

static void
on_stream (Lp2pStream *stream, gpointer user_data)
{
  g_output_stream_splice_async (g_io_stream_get_output_stream (G_IO_STREAM (stream)),
                                g_io_stream_get_input_stream (G_IO_STREAM (stream)),
                                G_OUTPUT_STREAM_SPLICE_CLOSE_SOURCE | G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET,
                                G_PRIORITY_DEFAULT, NULL, on_spliced, g_object_ref (stream));
}

/* Commands */

static void
run_command (Puncher *self, char **words)
{
  guint n = g_strv_length (words);

  if (n == 2 && g_str_equal (words[0], "punch"))
    connect_to (self, words[1], TRUE);
  else if (n == 2 && g_str_equal (words[0], "dial"))
    connect_to (self, words[1], FALSE);
  else if (n == 2 && g_str_equal (words[0], "echo"))
    echo (self, g_ascii_strtoull (words[1], NULL, 10));
  else if (n == 1 && g_str_equal (words[0], "connections"))
    {
      answer ("connections %u", g_list_model_get_n_items (lp2p_host_get_connections (self->host)));
      read_command (self);
    }
  else
    g_error ("Unknown command: %s", words[0]);
}

static void
on_line (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Puncher *self = user_data;
  g_autofree char *line = g_data_input_stream_read_line_finish (G_DATA_INPUT_STREAM (source), result, NULL, NULL);
  g_auto (GStrv) words = line != NULL ? g_strsplit (line, " ", -1) : NULL;

  if (words == NULL)
    g_main_loop_quit (self->loop);
  else
    run_command (self, words);
}

static void
read_command (Puncher *self)
{
  g_data_input_stream_read_line_async (self->input, G_PRIORITY_DEFAULT, NULL, on_line, self);
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Puncher *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) addresses = NULL;

  if (!lp2p_host_start_finish (self->host, result, &error))
    g_error ("Starting: %s", error->message);
  addresses = lp2p_host_dup_listen_addresses (self->host);
  if (addresses->len == 0)
    g_error ("It does not listen");
  answer ("%s/p2p/%s", lp2p_multiaddr_get_string (g_ptr_array_index (addresses, 0)),
          lp2p_peer_id_get_string (lp2p_host_get_peer_id (self->host)));
  read_command (self);
}

int
main (int argc, char **argv)
{
  Puncher self = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GInputStream) input = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  g_autofree char *listen = NULL;
  g_autofree char *timeout = NULL;
  char *settings[] = { NULL, NULL, "services=[]", NULL };

  if (argc != 4)
    {
      g_printerr ("usage: %s SEED ADDRESS SECONDS\n", argv[0]);
      return PEER_EXIT_USAGE;
    }
  listen = g_strdup_printf ("listen=['%s']", argv[2]);
  self.seconds = g_ascii_strtoull (argv[3], NULL, 10);
  timeout = g_strdup_printf ("dial-timeout=%u", self.seconds + 1);
  settings[0] = listen;
  settings[1] = timeout;
  self.options = (PeerOptions){
    .transport = "quic-v1", .security = "noise", .muxer = "yamux", .key_seed = argv[1], .settings = settings
  };
  self.loop = g_main_loop_new (NULL, FALSE);
  self.input = g_data_input_stream_new (input);
  self.host = peer_host_new (&self.options, &error);
  if (self.host == NULL)
    g_error ("%s", error->message);
  self.context = LP2P_CONTEXT (lp2p_host_get_swarm (self.host));
  lp2p_host_set_stream_handler (self.host, PEER_PROTOCOL_ECHO, LP2P_HANDLER_NONE, on_stream, NULL, NULL);
  lp2p_host_start_async (self.host, NULL, on_started, &self);
  g_main_loop_run (self.loop);

  g_clear_object (&self.connection);
  g_clear_object (&self.host);
  g_object_unref (self.input);
  g_main_loop_unref (self.loop);
  return 0;
}
