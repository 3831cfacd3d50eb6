/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An application: two hosts, of which one serves what the user's configuration
 * file enables and the other asks it for its greeting, which is printed. */

#include <lp2p/lp2p.h>

#include <stdlib.h>

#define PROTOCOL "/lp2p/example/1.0.0"

static void
stop_if (GError *error)
{
  if (error == NULL)
    return;
  g_printerr ("greet: %s\n", error->message);
  exit (EXIT_FAILURE);
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

/* Waits for a call that was given keep_result(). */
static GAsyncResult *
wait_for (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return g_steal_pointer (result);
}

static Lp2pHost *
start_host (Lp2pConfig *config)
{
  GError *error = NULL;
  GAsyncResult *result = NULL;
  g_autoptr (GAsyncResult) done = NULL;
  g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, &error);
  Lp2pHost *host;

  stop_if (error);
  host = lp2p_host_new (config, identity);
  lp2p_host_start_async (host, NULL, keep_result, &result);
  done = wait_for (&result);
  lp2p_host_start_finish (host, done, &error);
  stop_if (error);
  return host;
}

static Lp2pStream *
open_stream (Lp2pHost *from, Lp2pHost *to)
{
  static const char *const protocols[] = { PROTOCOL, NULL };
  g_autoptr (GPtrArray) addresses = lp2p_host_dup_listen_addresses (to);
  g_autoptr (GAsyncResult) connected = NULL;
  g_autoptr (GAsyncResult) opened = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  GAsyncResult *result = NULL;
  GError *error = NULL;
  Lp2pStream *stream;

  lp2p_host_connect_peer_async (from, lp2p_host_get_peer_id (to), addresses, NULL, keep_result,
                                &result);
  connected = wait_for (&result);
  connection = lp2p_host_connect_finish (from, connected, &error);
  stop_if (error);

  lp2p_host_open_stream_async (from, lp2p_host_get_peer_id (to), protocols, LP2P_STREAM_NONE, NULL,
                               keep_result, &result);
  opened = wait_for (&result);
  stream = lp2p_host_open_stream_finish (from, opened, &error);
  stop_if (error);
  return stream;
}

static void
print_all (GInputStream *input)
{
  for (;;)
    {
      g_autoptr (GAsyncResult) done = NULL;
      g_autoptr (GBytes) bytes = NULL;
      GAsyncResult *result = NULL;
      GError *error = NULL;

      g_input_stream_read_bytes_async (input, 4096, G_PRIORITY_DEFAULT, NULL, keep_result, &result);
      done = wait_for (&result);
      bytes = g_input_stream_read_bytes_finish (input, done, &error);
      stop_if (error);
      if (g_bytes_get_size (bytes) == 0)
        return;
      g_print ("%.*s", (int) g_bytes_get_size (bytes),
               (const char *) g_bytes_get_data (bytes, NULL));
    }
}

static void
close_host (Lp2pHost *host)
{
  g_autoptr (GAsyncResult) done = NULL;
  GAsyncResult *result = NULL;
  GError *error = NULL;

  lp2p_host_close_async (host, NULL, keep_result, &result);
  done = wait_for (&result);
  lp2p_host_close_finish (host, done, &error);
  stop_if (error);
}

int
main (void)
{
  g_autoptr (Lp2pConfig) client_config = lp2p_config_new ();
  g_autoptr (Lp2pConfig) server_config = lp2p_config_new ();
  g_autofree char *file = lp2p_config_find_default_file ();
  g_autoptr (Lp2pHost) client = NULL;
  g_autoptr (Lp2pHost) server = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  GError *error = NULL;

  if (file == NULL)
    g_set_error_literal (&error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "No configuration file");
  else
    lp2p_config_load_file (server_config, file, &error);
  stop_if (error);
  lp2p_config_set_from_string (server_config, LP2P_CONFIG_GROUP_HOST, "listen",
                               "['/ip4/127.0.0.1/tcp/0']", &error);
  stop_if (error);

  server = start_host (server_config);
  client = start_host (client_config);
  stream = open_stream (client, server);
  print_all (g_io_stream_get_input_stream (G_IO_STREAM (stream)));
  g_clear_object (&stream);
  close_host (client);
  close_host (server);
  return EXIT_SUCCESS;
}
