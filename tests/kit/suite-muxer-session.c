/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a session ends, what it withstands, and what it tells. */

#include "suite-muxer-private.h"

/* In order, as soon as its owner pumps. */
static void
close_session (SessionDriver *driver)
{
  driver->session->klass->close (driver->session, 0, "enough");
  lp2p_job_queue (&driver->pump);
}

static void
check_closed (SessionDriver *driver)
{
  Lp2pMuxerStream *stream;

  g_assert_cmpuint (driver->n_closed, ==, 1);
  g_assert_cmpint (session_driver_get_state (driver), ==, LP2P_SESSION_CLOSED);
  g_assert_cmpint (driver->session->klass->open (driver->session, &stream), ==, LP2P_IO_FAILED);
  if (driver->session->klass->get_next_timeout != NULL)
    g_assert_cmpint (driver->session->klass->get_next_timeout (driver->session), ==, -1);
}

static void
test_close (MuxerTest *self, gconstpointer data)
{
  muxer_test_connect (self);
  muxer_test_move_bytes (self, 1000);
  muxer_test_release_all (self->a);
  muxer_test_release_all (self->b);
  test_world_advance (self->world, 10000);

  close_session (self->a);
  until (self, self->a->n_closed > 0);
  check_closed (self->a);
  g_assert_null (session_driver_get_error (self->a, NULL));

  /* Its owner frees it now. */
  session_driver_free (g_steal_pointer (&self->a));
  until (self, self->b->n_closed > 0);
  check_closed (self->b);
  g_assert_null (session_driver_get_error (self->b, NULL));
}

/* What was delivered before can be read after the session's end. */
static void
check_queued (MuxerTest *self, DriverStream *accepted)
{
  until (self, self->b->n_closed > 0);
  muxer_test_read_on (accepted);
  until (self, accepted->failed || accepted->ended);
  g_assert_cmpuint (accepted->n_received, ==, 20001);
  g_assert_true (accepted->failed);
  g_assert_nonnull (driver_stream_get_error (accepted, LP2P_READY_READ, NULL));
  g_assert_cmpint (driver_stream_write (accepted, "x", 1), ==, LP2P_IO_FAILED);
}

static void
test_close_with_data (MuxerTest *self, gconstpointer data)
{
  DriverStream *accepted;
  DriverStream *stream = muxer_test_connect_pair (self, &accepted);

  accepted->read = FALSE;
  driver_stream_send (stream, 20000, FALSE);
  close_session (self->a);
  until (self, self->a->n_closed > 0);
  session_driver_free (g_steal_pointer (&self->a));
  check_queued (self, accepted);
  check_closed (self->b);
}

static void
test_abort_with_data (MuxerTest *self, gconstpointer data)
{
  DriverStream *accepted;
  DriverStream *stream = muxer_test_connect_pair (self, &accepted);

  accepted->read = FALSE;
  driver_stream_send (stream, 20000, FALSE);
  test_world_advance (self->world, 10000);
  self->a->session->klass->abort (self->a->session, 3);
  test_world_settle (self->world);
  check_closed (self->a);
  g_assert_nonnull (session_driver_get_error (self->a, NULL));
  check_queued (self, accepted);
  check_closed (self->b);
  g_assert_nonnull (session_driver_get_error (self->b, NULL));
}

/* So it is with a stream that was not accepted before. */
static void
test_accept_after_end (MuxerTest *self, gconstpointer data)
{
  muxer_test_connect (self);
  self->b->auto_accept = FALSE;
  driver_stream_send (session_driver_open (self->a), 1000, TRUE);
  test_world_advance (self->world, 10000);
  session_driver_free (g_steal_pointer (&self->a));
  until (self, self->b->n_closed > 0);
  self->b->auto_accept = TRUE;
  lp2p_job_queue (&self->b->run);
  until (self, self->b->streams->len == 1 && session_driver_get (self->b, 0)->ended);
  g_assert_cmpuint (session_driver_get (self->b, 0)->n_received, ==, 1000);
}

/* The owner of one end is gone without a word. */
static void
test_peer_vanishes (MuxerTest *self, gconstpointer data)
{
  DriverStream *accepted;
  DriverStream *stream = muxer_test_connect_pair (self, &accepted);

  driver_stream_send (stream, 100, FALSE);
  session_driver_free (g_steal_pointer (&self->a));
  until (self, self->b->n_closed > 0);
  check_closed (self->b);
  until (self, accepted->failed);
  g_assert_nonnull (session_driver_get_error (self->b, NULL));
}

static void
test_line_breaks (MuxerTest *self, gconstpointer data)
{
  DriverStream *accepted;
  DriverStream *stream = muxer_test_connect_pair (self, &accepted);

  accepted->read = FALSE;
  driver_stream_send (stream, TOO_MUCH, FALSE);
  test_world_advance (self->world, 10000);
  lp2p_memory_pipe_break (self->layers[0]);
  until (self, self->a->n_closed > 0 && stream->failed && stream->write_failed);
  check_closed (self->a);
  g_assert_nonnull (session_driver_get_error (self->a, NULL));
}

static void
test_close_twice (MuxerTest *self, gconstpointer data)
{
  muxer_test_connect (self);
  self->a->session->klass->close (self->a->session, 0, "enough");
  self->b->session->klass->close (self->b->session, 0, "enough");
  self->a->session->klass->close (self->a->session, 1, "enough");
  lp2p_job_queue (&self->a->pump);
  lp2p_job_queue (&self->b->pump);
  until (self, self->a->n_closed > 0 && self->b->n_closed > 0);
  self->a->session->klass->close (self->a->session, 1, "enough");
  self->a->session->klass->abort (self->a->session, 1);
  self->b->session->klass->abort (self->b->session, 1);
  test_world_settle (self->world);
  check_closed (self->a);
  check_closed (self->b);
}

/* Closing does not wait for ever for a peer that takes nothing. */
static void
test_close_stuck (MuxerTest *self, gconstpointer data)
{
  DriverStream *stream;

  muxer_test_connect (self);
  stream = session_driver_open (self->a);
  lp2p_memory_pipe_set_stalled (self->layers[0], TRUE);
  driver_stream_send (stream, TOO_MUCH, FALSE);
  test_world_advance (self->world, 10000);
  close_session (self->a);
  until (self, self->a->n_closed > 0);
  check_closed (self->a);
}

/* Freed at every step of an exchange. */
static void
test_free_any_time (MuxerTest *self, gconstpointer data)
{
  for (guint stop = 0; stop < 40; stop++)
    {
      muxer_test_connect (self);
      for (guint i = 0; i < 5; i++)
        {
          DriverStream *stream = session_driver_open (self->a);

          stream->read = TRUE;
          driver_stream_send (stream, 100000, i % 2 == 0);
        }
      for (guint i = 0; i < stop; i++)
        g_main_context_iteration (self->world->context, FALSE);
      muxer_test_disconnect (self);
    }
}

/* An hour of silence changes nothing. */
static void
test_idle (MuxerTest *self, gconstpointer data)
{
  DriverStream *accepted;
  DriverStream *stream = muxer_test_connect_pair (self, &accepted);

  for (guint i = 0; i < 360; i++)
    {
      test_world_jump (self->world, 10 * G_USEC_PER_SEC);
      test_world_settle (self->world);
    }
  g_assert_cmpint (session_driver_get_state (self->a), ==, LP2P_SESSION_READY);
  driver_stream_send (stream, 1000, TRUE);
  until (self, accepted->ended);
}

/* What it says to a stream is no pattern, so that nobody reads it. */
static void
test_garbage (MuxerTest *self, gconstpointer data)
{
  for (guint32 seed = 0; seed < 200; seed++)
    {
      GRand *random = g_rand_new_with_seed (seed);
      guint8 bytes[5000];
      gsize size = g_rand_int_range (random, 1, sizeof bytes);
      Lp2pMemoryEnd one = { self->contexts[0]->loop, NULL, NULL };
      Lp2pMemoryEnd two = { self->contexts[1]->loop, NULL, NULL };

      muxer_test_disconnect (self);
      g_assert_true (lp2p_memory_pipe_new (&one, &two, &self->layers[0], &self->layers[1], NULL));
      self->b = muxer_test_start_session (self, 1, 100);
      self->b->auto_accept = TRUE;
      for (gsize i = 0; i < size; i++)
        bytes[i] = g_rand_int_range (random, 0, seed % 2 == 0 ? 256 : 4);
      g_rand_free (random);
      lp2p_layer_write (self->layers[0], bytes, size, LP2P_WRITE_NONE);
      lp2p_layer_shutdown_write (self->layers[0]);
      until (self, self->b->n_closed > 0);
      check_closed (self->b);
      lp2p_layer_free (self->layers[0]);
    }
}

static const MuxerTestCase cases[] = {
  { "close", test_close },
  { "close-with-data", test_close_with_data },
  { "abort-with-data", test_abort_with_data },
  { "accept-after-end", test_accept_after_end },
  { "peer-vanishes", test_peer_vanishes },
  { "line-breaks", test_line_breaks },
  { "close-twice", test_close_twice },
  { "close-stuck", test_close_stuck },
  { "free-any-time", test_free_any_time },
  { "idle", test_idle },
  { "garbage", test_garbage },
};

void
muxer_test_add_session (const char *name)
{
  muxer_test_add (name, cases, G_N_ELEMENTS (cases));
}
