/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An application: asks the host at an address, or one of its own that does what the
 * user's configuration file enables, for its greeting, and prints it. */

#include <lp2p/lp2p.h>

#include <stdlib.h>
#include <string.h>

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

static Lp2pConnection *
connect_to (Lp2pHost *host, const char *address_text)
{
  GError *error = NULL;
  GAsyncResult *result = NULL;
  g_autoptr (GAsyncResult) done = NULL;
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (address_text, &error);
  Lp2pConnection *connection;

  stop_if (error);
  lp2p_host_connect_async (host, address, NULL, keep_result, &result);
  done = wait_for (&result);
  connection = lp2p_host_connect_finish (host, done, &error);
  stop_if (error);
  return connection;
}

static Lp2pStream *
open_stream (Lp2pHost *host, Lp2pPeerId *peer)
{
  static const char *const protocols[] = { PROTOCOL, NULL };
  GAsyncResult *result = NULL;
  g_autoptr (GAsyncResult) done = NULL;
  GError *error = NULL;
  Lp2pStream *stream;

  lp2p_host_open_stream_async (host, peer, protocols, LP2P_STREAM_NONE, NULL, keep_result, &result);
  done = wait_for (&result);
  stream = lp2p_host_open_stream_finish (host, done, &error);
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

static Lp2pHost *
start_server (void)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autofree char *file = lp2p_config_find_default_file ();
  GError *error = NULL;

  if (file == NULL)
    g_set_error_literal (&error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "No configuration file");
  else
    lp2p_config_load_file (config, file, &error);
  stop_if (error);
  return start_host (config);
}

static char *
dup_first_address (Lp2pHost *host)
{
  g_autoptr (GPtrArray) addresses = lp2p_host_dup_listen_addresses (host);
  const char *address;

  if (addresses->len == 0)
    stop_if (g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "The server does not listen"));
  address = lp2p_multiaddr_get_string (addresses->pdata[0]);
  if (strstr (address, "/p2p/") != NULL)
    return g_strdup (address);
  return g_strdup_printf ("%s/p2p/%s", address,
                          lp2p_peer_id_get_string (lp2p_host_get_peer_id (host)));
}

int
main (int argc, char **argv)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autofree char *address = NULL;
  g_autoptr (Lp2pHost) client = NULL;
  g_autoptr (Lp2pHost) server = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pStream) stream = NULL;

  if (argc > 1)
    {
      address = g_strdup (argv[1]);
    }
  else
    {
      server = start_server ();
      address = dup_first_address (server);
    }

  client = start_host (config);
  connection = connect_to (client, address);
  stream = open_stream (client, lp2p_connection_get_remote_peer (connection));
  print_all (g_io_stream_get_input_stream (G_IO_STREAM (stream)));
  g_clear_object (&stream);
  g_clear_object (&connection);
  close_host (client);
  if (server != NULL)
    close_host (server);
  return EXIT_SUCCESS;
}
