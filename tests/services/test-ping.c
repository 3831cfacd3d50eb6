/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test-host.h"

#define PING "/ipfs/ping/1.0.0"
#define SIZE 32

static const char config[] = "[host]\n"
                             "transports=['memory']\n"
                             "security=['noise']\n"
                             "muxers=['yamux']\n"
                             "services=['ping']\n"
                             "listen=['/memory/0']\n";

/* A host that pings another one. */
typedef struct
{
  TestWorld *world;
  TestHost *asks;
  TestHost *answers;
  Lp2pConnection *connection;
} Fixture;

static void
setup (Fixture *self)
{
  self->world = test_world_new (FALSE);
  self->asks = test_host_new (self->world, config);
  self->answers = test_host_new (self->world, config);
  self->connection = test_host_connect (self->asks, self->answers);
}

static void
teardown (Fixture *self)
{
  test_host_close (self->asks);
  test_host_close (self->answers);
  g_clear_object (&self->connection);
  test_host_free (self->asks);
  test_host_free (self->answers);
  test_world_free (self->world);
}

static Lp2pStream *
open_ping (Fixture *self)
{
  const char *const protocols[] = { PING, NULL };
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pStream *stream;

  lp2p_connection_open_stream_async (self->connection, protocols, LP2P_STREAM_NONE, NULL,
                                     test_take_result, &result);
  test_wait (self->world, result);
  stream = lp2p_connection_open_stream_finish (self->connection, result, &error);
  g_assert_no_error (error);
  return stream;
}

static void
ping (Fixture *self, Lp2pStream *stream, gsize offset)
{
  test_stream_write (self->world, stream, SIZE, offset);
  test_stream_expect (self->world, stream, SIZE, offset);
}

static void
assert_reset (Fixture *self, Lp2pStream *stream)
{
  g_autoptr (GError) error = test_stream_expect_failure (self->world, stream);

  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_RESET);
}

static void
test_echo (void)
{
  Fixture fixture;
  g_autoptr (Lp2pStream) stream = NULL;

  setup (&fixture);
  stream = open_ping (&fixture);
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
  teardown (&fixture);
}

/* Half a block, and then the end of the stream, or nothing. */
static void
test_half_block (void)
{
  for (guint i = 0; i < 2; i++)
    {
      Fixture fixture;
      g_autoptr (Lp2pStream) stream = NULL;

      setup (&fixture);
      stream = open_ping (&fixture);
      ping (&fixture, stream, 0);
      test_stream_write (fixture.world, stream, SIZE / 2, 0);
      if (i == 0)
        test_stream_close_output (fixture.world, stream);
      else
        test_world_advance (fixture.world, 20 * G_USEC_PER_SEC);
      assert_reset (&fixture, stream);
      g_clear_object (&stream);
      stream = open_ping (&fixture);
      ping (&fixture, stream, 0);
      g_clear_object (&stream);
      teardown (&fixture);
    }
}

/* A third stream takes the place of the first. */
static void
test_three_streams (void)
{
  Fixture fixture;
  Lp2pStream *streams[3];

  setup (&fixture);
  for (guint i = 0; i < 3; i++)
    {
      streams[i] = open_ping (&fixture);
      ping (&fixture, streams[i], i);
    }
  assert_reset (&fixture, streams[0]);
  for (guint i = 1; i < 3; i++)
    ping (&fixture, streams[i], i);
  for (guint i = 0; i < 3; i++)
    g_object_unref (streams[i]);
  teardown (&fixture);
}

/* One who does not read what it asked for is not answered without end. */
static void
test_no_reader (void)
{
  Fixture fixture;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pStream) other = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autofree guint8 *bytes = g_malloc0 (8 * 1024 * 1024);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  gsize written;

  setup (&fixture);
  stream = open_ping (&fixture);
  g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (stream)), bytes,
                                   8 * 1024 * 1024, G_PRIORITY_DEFAULT, cancellable,
                                   test_take_result, &result);
  test_world_advance (fixture.world, G_USEC_PER_SEC);
  g_assert_null (result);

  other = open_ping (&fixture);
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
  teardown (&fixture);
}

/* The host closes, or the connection goes, while pings are under way. */
static void
test_end (void)
{
  for (guint i = 0; i < 2; i++)
    {
      Fixture fixture;
      g_autoptr (Lp2pStream) stream = NULL;
      g_autoptr (GError) error = NULL;

      setup (&fixture);
      stream = open_ping (&fixture);
      ping (&fixture, stream, 0);
      test_stream_write (fixture.world, stream, SIZE / 2, 0);
      if (i == 0)
        test_host_close (fixture.answers);
      else
        lp2p_connection_abort (fixture.connection, 0);
      error = test_stream_expect_failure (fixture.world, stream);
      g_assert_nonnull (error);
      g_clear_object (&stream);
      teardown (&fixture);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/ping/echo", test_echo);
  g_test_add_func ("/ping/half-block", test_half_block);
  g_test_add_func ("/ping/three-streams", test_three_streams);
  g_test_add_func ("/ping/no-reader", test_no_reader);
  g_test_add_func ("/ping/end", test_end);
  return g_test_run ();
}
