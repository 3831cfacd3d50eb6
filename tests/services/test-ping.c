/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service-pair.h"

#define PING "/ipfs/ping/1.0.0"
#define SIZE 32

static void
ping (ServicePair *self, Lp2pStream *stream, gsize offset)
{
  test_stream_write (self->world, stream, SIZE, offset);
  test_stream_expect (self->world, stream, SIZE, offset);
}

static void
assert_reset (ServicePair *self, Lp2pStream *stream)
{
  g_autoptr (GError) error = test_stream_expect_failure (self->world, stream);

  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_RESET);
}

static void
test_echo (void)
{
  ServicePair fixture;
  g_autoptr (Lp2pStream) stream = NULL;

  service_pair_init (&fixture, "ping", "yamux");
  stream = service_pair_open (&fixture, PING);
  for (guint i = 0; i < 5; i++)
    ping (&fixture, stream, i * SIZE);

  /* In pieces, and several at a time. */
  for (guint i = 0; i < SIZE; i++)
    test_stream_write (fixture.world, stream, 1, i);
  test_stream_expect (fixture.world, stream, SIZE, 0);
  test_stream_write (fixture.world, stream, 10 * SIZE, 0);
  test_stream_expect (fixture.world, stream, 10 * SIZE, 0);

  /* Who pings seldom keeps the stream. */
  test_world_advance (fixture.world, 60 * G_USEC_PER_SEC);
  ping (&fixture, stream, 7);

  test_stream_close_output (fixture.world, stream);
  test_stream_expect_end (fixture.world, stream);
  g_clear_object (&stream);
  service_pair_clear (&fixture);
}

/* Half a block, and then the end of the stream, or nothing. */
static void
test_half_block (void)
{
  for (guint i = 0; i < 2; i++)
    {
      ServicePair fixture;
      g_autoptr (Lp2pStream) stream = NULL;

      service_pair_init (&fixture, "ping", "yamux");
      stream = service_pair_open (&fixture, PING);
      ping (&fixture, stream, 0);
      test_stream_write (fixture.world, stream, SIZE / 2, 0);
      if (i == 0)
        test_stream_close_output (fixture.world, stream);
      else
        test_world_advance (fixture.world, 20 * G_USEC_PER_SEC);
      assert_reset (&fixture, stream);
      g_clear_object (&stream);
      stream = service_pair_open (&fixture, PING);
      ping (&fixture, stream, 0);
      g_clear_object (&stream);
      service_pair_clear (&fixture);
    }
}

static void
count (guint *n)
{
  (*n)++;
}

/* A third stream takes the place of the first. */
static void
test_three_streams (void)
{
  ServicePair fixture;
  Lp2pStream *streams[3];

  service_pair_init (&fixture, "ping", "yamux");
  for (guint i = 0; i < 3; i++)
    {
      streams[i] = service_pair_open (&fixture, PING);
      ping (&fixture, streams[i], i);
    }
  assert_reset (&fixture, streams[0]);
  for (guint i = 1; i < 3; i++)
    ping (&fixture, streams[i], i);
  for (guint i = 0; i < 3; i++)
    g_object_unref (streams[i]);
  service_pair_clear (&fixture);
}

/* However many are opened at once, two are left. */
static void
test_many_streams (void)
{
  const char *const protocols[] = { PING, NULL };
  GAsyncResult *results[20] = { NULL };
  Lp2pStream *streams[20];
  ServicePair fixture;
  guint n = 0;

  service_pair_init (&fixture, "ping", "yamux");
  for (guint i = 0; i < 20; i++)
    lp2p_connection_open_stream_async (fixture.connection, protocols, LP2P_STREAM_NONE, NULL, test_take_result,
                                       &results[i]);
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GError) error = NULL;

      test_wait (fixture.world, results[i]);
      streams[i] = lp2p_connection_open_stream_finish (fixture.connection, results[i], &error);
      g_assert_no_error (error);
      g_object_unref (results[i]);
      g_signal_connect_swapped (streams[i], "broken", G_CALLBACK (count), &n);
    }
  test_until (fixture.world, n == 18);
  for (guint i = 18; i < 20; i++)
    ping (&fixture, streams[i], i);
  for (guint i = 0; i < 20; i++)
    g_object_unref (streams[i]);
  service_pair_clear (&fixture);
}

/* A stream that nobody uses does not stay for ever. */
static void
test_idle (void)
{
  ServicePair fixture;
  g_autoptr (Lp2pStream) stream = NULL;

  service_pair_init (&fixture, "ping", "yamux");
  stream = service_pair_open (&fixture, PING);
  ping (&fixture, stream, 0);
  test_world_jump (fixture.world, 11 * 60 * G_USEC_PER_SEC);
  assert_reset (&fixture, stream);
  g_clear_object (&stream);
  service_pair_clear (&fixture);
}

/* One who does not read what it asked for is not answered without end. */
static void
test_no_reader (void)
{
  ServicePair fixture;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pStream) other = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autofree guint8 *bytes = g_malloc0 (8 * 1024 * 1024);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  gsize written;

  service_pair_init (&fixture, "ping", "yamux");
  stream = service_pair_open (&fixture, PING);
  g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (stream)), bytes,
                                   8 * 1024 * 1024, G_PRIORITY_DEFAULT, cancellable,
                                   test_take_result, &result);
  test_world_advance (fixture.world, G_USEC_PER_SEC);
  g_assert_null (result);

  other = service_pair_open (&fixture, PING);
  ping (&fixture, other, 0);

  g_cancellable_cancel (cancellable);
  test_wait (fixture.world, result);
  g_assert_false (g_output_stream_write_all_finish (
      g_io_stream_get_output_stream (G_IO_STREAM (stream)), result, &written, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (written, <, 4 * 1024 * 1024);
  lp2p_stream_reset (stream, 0);
  g_clear_object (&stream);
  g_clear_object (&other);
  service_pair_clear (&fixture);
}

/* The host closes, or the connection goes, while pings are under way. */
static void
test_end (void)
{
  for (guint i = 0; i < 2; i++)
    {
      ServicePair fixture;
      g_autoptr (Lp2pStream) stream = NULL;
      g_autoptr (GError) error = NULL;

      service_pair_init (&fixture, "ping", "yamux");
      stream = service_pair_open (&fixture, PING);
      ping (&fixture, stream, 0);
      test_stream_write (fixture.world, stream, SIZE / 2, 0);
      if (i == 0)
        test_host_close (fixture.answers);
      else
        lp2p_connection_abort (fixture.connection, 0);
      error = test_stream_expect_failure (fixture.world, stream);
      g_assert_nonnull (error);
      g_clear_object (&stream);
      service_pair_clear (&fixture);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/ping/echo", test_echo);
  g_test_add_func ("/ping/half-block", test_half_block);
  g_test_add_func ("/ping/three-streams", test_three_streams);
  g_test_add_func ("/ping/many-streams", test_many_streams);
  g_test_add_func ("/ping/idle", test_idle);
  g_test_add_func ("/ping/no-reader", test_no_reader);
  g_test_add_func ("/ping/end", test_end);
  return g_test_run ();
}
