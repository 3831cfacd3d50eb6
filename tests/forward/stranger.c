/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Speaks the protocol of lp2p forward by hand, right or wrong: stranger ADDRESS KEY HEX
 * sends the bytes, ends its direction and prints what came back: bytes as HEX, then
 * "end" or "reset". With HEX- the direction stays open. */

#include "client.h"

#define PROTOCOL "/lp2p/forward/1.0.0"

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
      g_output_stream_write_all_async (output, bytes->data, bytes->len, G_PRIORITY_DEFAULT, NULL,
                                       client_take_result, &written);
      g_output_stream_write_all_finish (output, client_wait (&written), NULL, NULL);
    }
  if (hex[i] != '-')
    g_output_stream_close_async (output, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
}

static void
print_answer (Lp2pStream *stream)
{
  guint8 buffer[256];
  gssize n;

  do
    {
      n = client_read (stream, buffer, sizeof buffer, NULL);
      for (gssize i = 0; i < n; i++)
        g_print ("%02x", buffer[i]);
    }
  while (n > 0);
  g_print (" %s\n", n == 0 ? "end" : "reset");
}

int
main (int argc, char **argv)
{
  g_autoptr (Lp2pIdentity) identity = NULL;
  g_autoptr (Lp2pHost) host = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  GError *error = NULL;

  if (argc != 4)
    return 2;
  identity = lp2p_identity_load_file (argv[2], LP2P_IDENTITY_FILE_NONE, &error);
  client_fail_on (error);
  host = lp2p_host_new (NULL, identity);
  connection = client_connect (host, argv[1]);
  stream = client_open (connection, PROTOCOL);
  send_hex (g_io_stream_get_output_stream (G_IO_STREAM (stream)), argv[3]);
  print_answer (stream);
  client_close (host);
  return 0;
}
