/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two sessions with each other: time, and how they end. */

#include <lp2p/interfaces/lp2p-connection.h>

#include "lp2p-yamux-session-private.h"
#include "yamux-fixture.h"

#define KIB    1024
#define MIB    (1024 * 1024)
#define MSEC   1000
#define SECOND G_USEC_PER_SEC

static void
test_round_trip (void)
{
  MemoryLayerOptions layer = { .latency = 20 * MSEC };
  Lp2pLayerInfo info;
  Fixture f;

  fixture_init (&f, &layer);
  fixture_start (&f, TRUE);
  f.pair.a->session->klass->get_info (f.pair.a->session, &info);
  g_assert_cmpint (info.rtt, ==, -1);
  driver_stream_send (session_driver_open (f.pair.a), 10, FALSE);
  session_pair_pass (&f.pair, 100 * MSEC, MSEC);
  f.pair.a->session->klass->get_info (f.pair.a->session, &info);
  g_assert_cmpint (info.rtt, ==, 40 * MSEC);
  fixture_clear (&f);
}

/* An idle pair stays up for ever; one whose peer is silent does not. */
static void
test_keepalive (void)
{
  guint64 written;
  Fixture f;

  fixture_init (&f, NULL);
  fixture_start (&f, TRUE);
  written = memory_layer_get_written (f.pair.layers[0]);
  session_pair_pass (&f.pair, 301 * SECOND, SECOND);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_READY);
  /* Ten pings and ten answers. */
  g_assert_cmpuint (memory_layer_get_written (f.pair.layers[0]) - written, ==,
                    20 * LP2P_YAMUX_HEADER_SIZE);

  g_assert_nonnull (session_driver_open (f.pair.a));
  session_pair_run (&f.pair);
  memory_layer_set_stalled (f.pair.layers[1], TRUE);
  session_pair_pass (&f.pair, 61 * SECOND, SECOND);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSED);
  g_assert_error (session_driver_get_error (f.pair.a, NULL), LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
  g_test_message ("%s", session_driver_get_error (f.pair.a, NULL)->message);
  g_assert_nonnull (strstr (session_driver_get_error (f.pair.a, NULL)->message, "ping"));
  g_assert_error (driver_stream_get_error (session_driver_get (f.pair.a, 0), LP2P_READY_READ, NULL), LP2P_ERROR,
                  LP2P_ERROR_CONNECTION_LOST);
  g_assert_cmpuint (f.pair.a->n_closed, ==, 1);
  g_assert_cmpint (f.pair.a->session->klass->get_next_timeout (f.pair.a->session), ==, -1);
  fixture_clear (&f);
}

/* A peer that takes no bytes is given up; one that takes few is not. */
static void
test_write_timeout (void)
{
  DriverStream *stream;
  Fixture f;

  fixture_init (&f, &(MemoryLayerOptions){ .capacity = 64 * KIB });
  f.options.keepalive_interval = 0;
  fixture_start (&f, TRUE);
  stream = session_driver_open (f.pair.a);
  driver_stream_send (stream, 10, FALSE);
  session_pair_run (&f.pair);
  memory_layer_set_stalled (f.pair.layers[0], TRUE);
  driver_stream_send (stream, MIB, FALSE);
  for (guint i = 0; i < 10; i++)
    {
      session_pair_pass (&f.pair, 20 * SECOND, SECOND);
      memory_layer_set_stalled (f.pair.layers[0], FALSE);
      g_main_context_iteration (f.pair.context, FALSE);
      memory_layer_set_stalled (f.pair.layers[0], TRUE);
      session_pair_run (&f.pair);
      g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_READY);
      if (stream->to_write == 0)
        driver_stream_send (stream, MIB, FALSE);
    }
  session_pair_pass (&f.pair, 31 * SECOND, SECOND);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSED);
  g_assert_nonnull (strstr (session_driver_get_error (f.pair.a, NULL)->message, "took no bytes"));
  fixture_clear (&f);
}

static void
test_close (void)
{
  DriverStream *here;
  guint32 code;
  guint8 buffer[100];
  Fixture f;

  fixture_init (&f, NULL);
  fixture_start (&f, TRUE);
  f.pair.b->auto_read = FALSE;
  here = session_driver_open (f.pair.a);
  driver_stream_send (here, 50, FALSE);
  session_pair_run (&f.pair);
  driver_stream_send (here, 50, FALSE);
  f.pair.a->session->klass->close (f.pair.a->session, 42, "enough");
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSING);
  g_assert_cmpint (driver_stream_write (here, "x", 1), ==, LP2P_IO_FAILED);
  g_assert_error (driver_stream_get_error (here, LP2P_READY_WRITE, NULL), G_IO_ERROR, G_IO_ERROR_CLOSED);
  session_pair_run (&f.pair);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSED);
  g_assert_cmpuint (f.pair.a->n_closed, ==, 1);
  g_assert_null (session_driver_get_error (f.pair.a, NULL));
  g_assert_null (session_driver_open (f.pair.a));

  g_assert_cmpint (session_driver_get_state (f.pair.b), ==, LP2P_SESSION_CLOSED);
  g_assert_error (session_driver_get_error (f.pair.b, &code), LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
  g_assert_cmpuint (code, ==, 42);
  g_assert_nonnull (strstr (session_driver_get_error (f.pair.b, NULL)->message, "code 42"));
  /* What had arrived can still be read, then comes the error. */
  g_assert_cmpint (driver_stream_read (session_driver_get (f.pair.b, 0), buffer, 100), ==, 100);
  g_assert_cmpint (driver_stream_read (session_driver_get (f.pair.b, 0), buffer, 100), ==,
                   LP2P_IO_FAILED);
  g_assert_error (driver_stream_get_error (session_driver_get (f.pair.b, 0), LP2P_READY_READ, &code), LP2P_ERROR,
                  LP2P_ERROR_CONNECTION_LOST);
  g_assert_cmpuint (code, ==, 42);
  fixture_clear (&f);
}

/* The ends of released streams leave ahead of the go-away. */
static void
test_close_after_finish (void)
{
  DriverStream *here;
  Fixture f;

  fixture_init (&f, &(MemoryLayerOptions){ .max_step = 7 });
  fixture_start (&f, TRUE);
  here = session_driver_open (f.pair.a);
  driver_stream_send (here, 1000, TRUE);
  driver_stream_release (here);
  f.pair.a->session->klass->close (f.pair.a->session, 0, NULL);
  session_pair_run (&f.pair);
  g_assert_cmpuint (session_driver_get (f.pair.b, 0)->n_received, ==, 1000);
  g_assert_true (session_driver_get (f.pair.b, 0)->ended);
  g_assert_null (driver_stream_get_error (session_driver_get (f.pair.b, 0), LP2P_READY_READ, NULL));
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSED);
  g_assert_cmpint (session_driver_get_state (f.pair.b), ==, LP2P_SESSION_CLOSED);
  g_assert_null (session_driver_get_error (f.pair.b, NULL));
  fixture_clear (&f);
}

/* A go-away that cannot leave does not keep the session for ever. */
static void
test_close_stalled (void)
{
  Fixture f;

  fixture_init (&f, NULL);
  fixture_start (&f, TRUE);
  driver_stream_send (session_driver_open (f.pair.a), 10, FALSE);
  memory_layer_set_stalled (f.pair.layers[0], TRUE);
  f.pair.a->session->klass->close (f.pair.a->session, 0, NULL);
  session_pair_pass (&f.pair, 3 * SECOND, SECOND);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSING);
  session_pair_pass (&f.pair, 3 * SECOND, SECOND);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSED);
  g_assert_cmpuint (f.pair.a->n_closed, ==, 1);
  fixture_clear (&f);
}

static void
test_abort (void)
{
  Fixture f;

  fixture_init (&f, NULL);
  fixture_start (&f, TRUE);
  g_assert_nonnull (session_driver_open (f.pair.a));
  session_pair_run (&f.pair);
  f.pair.a->session->klass->abort (f.pair.a->session, 5);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSED);
  session_pair_run (&f.pair);
  g_assert_cmpint (session_driver_get_state (f.pair.b), ==, LP2P_SESSION_CLOSED);
  g_assert_error (session_driver_get_error (f.pair.b, NULL), LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
  g_assert_true (session_driver_get (f.pair.b, 0)->failed);
  fixture_clear (&f);
}

static void
test_connection_breaks (void)
{
  DriverStream *stream;
  Fixture f;

  fixture_init (&f, NULL);
  fixture_start (&f, TRUE);
  stream = session_driver_open (f.pair.a);
  stream->read = TRUE;
  driver_stream_want (stream, LP2P_READY_READ);
  session_pair_run (&f.pair);
  memory_layer_break (f.pair.layers[0]);
  session_pair_run (&f.pair);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSED);
  g_assert_cmpuint (f.pair.a->n_closed, ==, 1);
  g_assert_nonnull (strstr (session_driver_get_error (f.pair.a, NULL)->message, "broke"));
  g_assert_true (stream->failed);

  /* While writing. */
  stream = session_driver_open (f.pair.b);
  memory_layer_break (f.pair.layers[1]);
  g_assert_cmpint (driver_stream_write (stream, "x", 1), <, 0);
  session_pair_run (&f.pair);
  g_assert_cmpint (session_driver_get_state (f.pair.b), ==, LP2P_SESSION_CLOSED);
  fixture_clear (&f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/yamux/time/round-trip", test_round_trip);
  g_test_add_func ("/yamux/time/keepalive", test_keepalive);
  g_test_add_func ("/yamux/time/write-timeout", test_write_timeout);
  g_test_add_func ("/yamux/end/close", test_close);
  g_test_add_func ("/yamux/end/close-after-finish", test_close_after_finish);
  g_test_add_func ("/yamux/end/close-stalled", test_close_stalled);
  g_test_add_func ("/yamux/end/abort", test_abort);
  g_test_add_func ("/yamux/end/breaks", test_connection_breaks);
  return g_test_run ();
}
