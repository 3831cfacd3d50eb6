/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The other end of `lp2p listen --echo`: sends more than a window holds, reads it
 * back meanwhile, and compares. */

#include <lp2p/lp2p.h>

#include <stdlib.h>
#include <string.h>

#define SIZE (3 * 1000 * 1000)

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

static gsize
read_to_end (GInputStream *input, guint8 *buffer, gsize size)
{
  gsize done = 0;
  gssize n;

  do
    {
      g_autoptr (GAsyncResult) result = NULL;
      GError *error = NULL;

      g_input_stream_read_async (input, buffer + done, size - done, G_PRIORITY_DEFAULT, NULL,
                                 on_ready, &result);
      n = g_input_stream_read_finish (input, wait_for (&result), &error);
      fail_on (error);
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
  fail_on (error);
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
  n = read_to_end (g_io_stream_get_input_stream (G_IO_STREAM (stream)), received, SIZE + 1);
  if (n == SIZE && memcmp (sent, received, SIZE) == 0)
    return TRUE;
  g_printerr ("%" G_GSIZE_FORMAT " bytes came back, or others than the %d sent\n", n, SIZE);
  return FALSE;
}

int
main (int argc, char **argv)
{
  const char *const protocols[] = { "/lp2p/echo/1.0.0", NULL };
  g_autoptr (Lp2pHost) host = lp2p_host_new (NULL, NULL);
  g_autoptr (Lp2pMultiaddr) address = NULL;
  g_autoptr (GAsyncResult) started = NULL;
  g_autoptr (GAsyncResult) connected = NULL;
  g_autoptr (GAsyncResult) opened = NULL;
  g_autoptr (GAsyncResult) closed = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  GError *error = NULL;
  gboolean same;

  address = lp2p_multiaddr_new_from_string (argc > 1 ? argv[1] : "", &error);
  fail_on (error);
  lp2p_host_start_async (host, NULL, on_ready, &started);
  lp2p_host_start_finish (host, wait_for (&started), &error);
  fail_on (error);
  lp2p_host_connect_async (host, address, NULL, on_ready, &connected);
  connection = lp2p_host_connect_finish (host, wait_for (&connected), &error);
  fail_on (error);
  lp2p_connection_open_stream_async (connection, protocols, LP2P_STREAM_NONE, NULL, on_ready,
                                     &opened);
  stream = lp2p_connection_open_stream_finish (connection, wait_for (&opened), &error);
  fail_on (error);

  same = echo (stream);
  lp2p_host_close_async (host, NULL, on_ready, &closed);
  lp2p_host_close_finish (host, wait_for (&closed), &error);
  fail_on (error);
  return same ? 0 : 1;
}
