/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The other end of `lp2p listen --echo`: sends more than a window holds, reads it
 * back meanwhile, and compares. */

#include <string.h>

#include "client.h"

#define SIZE (3 * 1000 * 1000)

static gsize
read_to_end (Lp2pStream *stream, guint8 *buffer, gsize size)
{
  gsize done = 0;
  gssize n;

  do
    {
      GError *error = NULL;

      n = client_read (stream, buffer + done, size - done, &error);
      client_fail_on (error);
      done += (gsize) n;
    }
  while (n > 0 && done < size);
  return done;
}

static void
on_sent (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;

  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);
  client_fail_on (error);
  g_output_stream_close_async (G_OUTPUT_STREAM (source), G_PRIORITY_DEFAULT, NULL, NULL, NULL);
}

static gboolean
echo (Lp2pStream *stream)
{
  g_autofree guint8 *sent = g_malloc (SIZE);
  g_autofree guint8 *received = g_malloc (SIZE + 1);
  gsize n;

  for (gsize i = 0; i < SIZE; i++)
    sent[i] = (guint8) g_random_int ();
  g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (stream)), sent,
                                   SIZE, G_PRIORITY_DEFAULT, NULL, on_sent, NULL);
  /* One byte more than was sent, so that the end is seen. */
  n = read_to_end (stream, received, SIZE + 1);
  if (n == SIZE && memcmp (sent, received, SIZE) == 0)
    return TRUE;
  g_printerr ("%" G_GSIZE_FORMAT " bytes came back, or others than the %d sent\n", n, SIZE);
  return FALSE;
}

int
main (int argc, char **argv)
{
  g_autoptr (Lp2pHost) host = lp2p_host_new (NULL, NULL);
  g_autoptr (Lp2pConnection) connection = client_connect (host, argc > 1 ? argv[1] : "");
  g_autoptr (Lp2pStream) stream = client_open (connection, "/lp2p/echo/1.0.0");
  gboolean same = echo (stream);

  client_close (host);
  return same ? 0 : 1;
}
