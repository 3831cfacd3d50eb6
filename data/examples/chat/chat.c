/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Chats with one peer: chat [ADDRESS] */

#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <lp2p/lp2p.h>
#include <stdlib.h>

static const char *const protocols[] = { "/org.example.Chat/1", NULL };
static GMainLoop *loop;

static void
stop_if (GError *error)
{
  if (error == NULL)
    return;
  g_printerr ("%s\n", error->message);
  exit (EXIT_FAILURE);
}

static void
on_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_main_loop_quit (loop);
}

static void
on_ended (GObject *stream, GAsyncResult *result, gpointer host)
{
  GError *error = NULL;

  lp2p_stream_pipe_finish (LP2P_STREAM (stream), result, &error);
  stop_if (error);
  lp2p_host_close_async (host, NULL, on_closed, NULL);
}

static void
on_stream (GObject *host, GAsyncResult *result, gpointer address)
{
  GError *error = NULL;
  g_autoptr (GInputStream) input = g_unix_input_stream_new (0, FALSE);
  g_autoptr (GOutputStream) output = g_unix_output_stream_new (1, FALSE);
  g_autoptr (Lp2pStream) stream = address != NULL ? lp2p_host_open_stream_at_finish (LP2P_HOST (host), result, &error)
                                                  : lp2p_host_accept_stream_finish (LP2P_HOST (host), result, &error);

  stop_if (error);
  lp2p_stream_pipe_async (stream, input, output, G_PRIORITY_DEFAULT, NULL, on_ended, host);
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer address)
{
  Lp2pHost *host = LP2P_HOST (source);
  g_autoptr (GPtrArray) addresses = lp2p_host_dup_listen_addresses (host);
  GError *error = NULL;

  lp2p_host_start_finish (host, result, &error);
  stop_if (error);
  for (guint i = 0; i < addresses->len; i++)
    g_print ("%s\n", lp2p_multiaddr_get_string (addresses->pdata[i]));
  if (address != NULL)
    lp2p_host_open_stream_at_async (host, address, protocols, LP2P_STREAM_NONE, NULL, on_stream, address);
  else
    lp2p_host_accept_stream_async (host, protocols[0], LP2P_HANDLER_NONE, NULL, on_stream, NULL);
}

int
main (int argc, char **argv)
{
  GError *error = NULL;
  g_autoptr (Lp2pMultiaddr) address = argc > 1 ? lp2p_multiaddr_new_from_string (argv[1], &error) : NULL;
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (Lp2pHost) host = lp2p_host_new (config, NULL);

  stop_if (error);
  lp2p_config_set_from_string (config, "host", "listen", "['/ip4/0.0.0.0/tcp/0']", &error);
  stop_if (error);
  lp2p_host_start_async (host, NULL, on_started, address);
  loop = g_main_loop_new (NULL, FALSE);
  g_main_loop_run (loop);
  g_main_loop_unref (loop);
  return EXIT_SUCCESS;
}
