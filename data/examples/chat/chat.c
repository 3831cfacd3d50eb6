/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Chats with one peer: chat [ADDRESS] */

#include <gio/gunixinputstream.h>
#include <lp2p/lp2p.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const protocols[] = { "/org.example.Chat/1", NULL };

static Lp2pHost *host;
static Lp2pMultiaddr *address;
static Lp2pStream *stream;
static int ways = 2;

static void
stop_if (GError *error)
{
  if (error == NULL)
    return;
  fprintf (stderr, "%s\n", error->message);
  exit (EXIT_FAILURE);
}

static void
on_closed (GObject *source, GAsyncResult *result, gpointer loop)
{
  g_main_loop_quit (loop);
}

static void
end_one_way (GMainLoop *loop)
{
  if (--ways == 0)
    lp2p_host_close_async (host, NULL, on_closed, loop);
}

static void
on_sent (GObject *output, GAsyncResult *result, gpointer loop)
{
  GError *error = NULL;

  g_output_stream_splice_finish (G_OUTPUT_STREAM (output), result, &error);
  stop_if (error);
  end_one_way (loop);
}

static void
on_line (GObject *lines, GAsyncResult *result, gpointer loop)
{
  GError *error = NULL;
  g_autofree char *line = g_data_input_stream_read_line_finish (G_DATA_INPUT_STREAM (lines), result, NULL, &error);

  stop_if (error);
  if (line == NULL)
    {
      end_one_way (loop);
      return;
    }
  puts (line);
  g_data_input_stream_read_line_async (G_DATA_INPUT_STREAM (lines), G_PRIORITY_DEFAULT, NULL, on_line, loop);
}

static void
talk (Lp2pStream *with, gpointer loop)
{
  g_autoptr (GInputStream) input = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  g_autoptr (GDataInputStream) lines = g_data_input_stream_new (g_io_stream_get_input_stream (G_IO_STREAM (with)));

  stream = g_object_ref (with);
  lp2p_host_remove_stream_handler (host, protocols[0]); /* one peer is enough */
  g_output_stream_splice_async (g_io_stream_get_output_stream (G_IO_STREAM (stream)), input,
                                G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, G_PRIORITY_DEFAULT, NULL, on_sent, loop);
  g_data_input_stream_read_line_async (lines, G_PRIORITY_DEFAULT, NULL, on_line, loop);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer loop)
{
  GError *error = NULL;
  g_autoptr (Lp2pStream) opened = lp2p_host_open_stream_at_finish (host, result, &error);

  stop_if (error);
  talk (opened, loop);
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer loop)
{
  g_autoptr (GPtrArray) addresses = NULL;
  GError *error = NULL;

  lp2p_host_start_finish (host, result, &error);
  stop_if (error);
  addresses = lp2p_host_dup_listen_addresses (host);
  for (guint i = 0; i < addresses->len; i++)
    puts (lp2p_multiaddr_get_string (addresses->pdata[i]));
  if (address != NULL)
    lp2p_host_open_stream_at_async (host, address, protocols, LP2P_STREAM_NONE, NULL, on_opened, loop);
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  GError *error = NULL;

  setvbuf (stdout, NULL, _IOLBF, 0);
  lp2p_config_set_from_string (config, "host", "listen", "['/ip4/0.0.0.0/tcp/0']", &error);
  if (error == NULL && argc > 1)
    address = lp2p_multiaddr_new_from_string (argv[1], &error);
  stop_if (error);

  host = lp2p_host_new (config, NULL);
  lp2p_host_set_stream_handler (host, protocols[0], LP2P_HANDLER_NONE, talk, loop, NULL);
  lp2p_host_start_async (host, NULL, on_started, loop);
  g_main_loop_run (loop);
  g_clear_object (&stream);
  g_clear_object (&host);
  g_clear_pointer (&address, lp2p_multiaddr_unref);
  return EXIT_SUCCESS;
}
