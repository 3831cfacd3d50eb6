/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Speaks the protocol of lp2p forward by hand, right or wrong: stranger ADDRESS KEY HEX
 * sends the bytes, ends its direction and prints what came back: bytes as HEX, then
 * "end" or "reset". With HEX- the direction stays open. */

#include <lp2p/lp2p.h>

#include <stdlib.h>
#include <string.h>

#define PROTOCOL "/lp2p/forward/1.0.0"

static void
on_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static GAsyncResult *
wait_for (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

static void
fail_on (GError *error)
{
  if (error == NULL)
    return;
  g_printerr ("%s\n", error->message);
  exit (1);
}

static Lp2pConnection *
connect_to (Lp2pHost *host, const char *text)
{
  g_autoptr (GAsyncResult) started = NULL;
  g_autoptr (GAsyncResult) connected = NULL;
  g_autoptr (Lp2pMultiaddr) address = NULL;
  Lp2pConnection *connection;
  GError *error = NULL;

  address = lp2p_multiaddr_new_from_string (text, &error);
  fail_on (error);
  lp2p_host_start_async (host, NULL, on_ready, &started);
  lp2p_host_start_finish (host, wait_for (&started), &error);
  fail_on (error);
  lp2p_host_connect_async (host, address, NULL, on_ready, &connected);
  connection = lp2p_host_connect_finish (host, wait_for (&connected), &error);
  fail_on (error);
  return connection;
}

static void
send_hex (GOutputStream *output, const char *hex)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GAsyncResult) written = NULL;
  gsize i;

  for (i = 0; g_ascii_isxdigit (hex[i]) && g_ascii_isxdigit (hex[i + 1]); i += 2)
    {
      guint8 byte = (guint8) (g_ascii_xdigit_value (hex[i]) * 16 + g_ascii_xdigit_value (hex[i + 1]));

      g_byte_array_append (bytes, &byte, 1);
    }
  if (bytes->len > 0)
    {
      g_output_stream_write_all_async (output, bytes->data, bytes->len, G_PRIORITY_DEFAULT, NULL, on_ready, &written);
      g_output_stream_write_all_finish (output, wait_for (&written), NULL, NULL);
    }
  if (hex[i] != '-')
    g_output_stream_close_async (output, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
}

static void
print_answer (GInputStream *input)
{
  guint8 buffer[256];
  gssize n;

  do
    {
      g_autoptr (GAsyncResult) result = NULL;

      g_input_stream_read_async (input, buffer, sizeof buffer, G_PRIORITY_DEFAULT, NULL, on_ready, &result);
      n = g_input_stream_read_finish (input, wait_for (&result), NULL);
      for (gssize i = 0; i < n; i++)
        g_print ("%02x", buffer[i]);
    }
  while (n > 0);
  g_print (" %s\n", n == 0 ? "end" : "reset");
}

int
main (int argc, char **argv)
{
  const char *const protocols[] = { PROTOCOL, NULL };
  g_autoptr (Lp2pIdentity) identity = NULL;
  g_autoptr (Lp2pHost) host = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (GAsyncResult) opened = NULL;
  g_autoptr (GAsyncResult) closed = NULL;
  GError *error = NULL;

  if (argc != 4)
    return 2;
  identity = lp2p_identity_load_file (argv[2], LP2P_IDENTITY_FILE_NONE, &error);
  fail_on (error);
  host = lp2p_host_new (NULL, identity);
  connection = connect_to (host, argv[1]);
  lp2p_connection_open_stream_async (connection, protocols, LP2P_STREAM_NONE, NULL, on_ready, &opened);
  stream = lp2p_connection_open_stream_finish (connection, wait_for (&opened), &error);
  fail_on (error);
  send_hex (g_io_stream_get_output_stream (G_IO_STREAM (stream)), argv[3]);
  print_answer (g_io_stream_get_input_stream (G_IO_STREAM (stream)));
  lp2p_host_close_async (host, NULL, on_ready, &closed);
  lp2p_host_close_finish (host, wait_for (&closed), NULL);
  return 0;
}
