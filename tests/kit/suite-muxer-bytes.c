/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How bytes move through a muxer, and how they wait. */

#include "suite-muxer-private.h"

static void
test_open (MuxerTest *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;

  muxer_test_connect (self);
  g_assert_cmpstr (lp2p_muxer_get_protocol (self->muxers[0]), !=, "");
  g_assert_cmpint (session_driver_get_state (self->a), ==, LP2P_SESSION_READY);
  g_assert_null (self->a->session->klass->accept (self->a->session));
  stream = muxer_test_open_pair (self, &accepted);
  driver_stream_send (accepted, 5, FALSE);
  until (self, stream->n_received == 5);
  g_assert_cmpuint (self->b->n_incoming, >=, 1);
  g_assert_cmpuint (self->a->n_closed + self->b->n_closed, ==, 0);
}

static void
test_both_ways (MuxerTest *self, gconstpointer data)
{
  muxer_test_connect (self);
  muxer_test_move_bytes (self, 3000000);
}

static void
test_lines (MuxerTest *self, gconstpointer data)
{
  static const Lp2pMemoryOptions lines[] = {
    { .buffer_size = 100, .max_step = 7 },
    { .short_reads = 1, .short_writes = 64 },
    { .delay = 40000, .loss = 100, .seed = 5 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      muxer_test_connect_with (self, &lines[i], 1000);
      muxer_test_move_bytes (self, 20000);
      muxer_test_move_bytes (self, 10);
    }
}

/* Bytes may go straight to who waits for them, in part or wholly, and be put there by the
 * session or by who waits. */
static void
test_direct_input (MuxerTest *self, gconstpointer data)
{
  static const gsize takes[] = { 1, 100, 5000, G_MAXSIZE };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (takes); i++)
    {
      muxer_test_connect (self);
      self->b->auto_take = takes[i / 2];
      self->b->places = i % 2 == 1;
      muxer_test_move_bytes (self, 300000);
    }
}

static void
test_one_byte (MuxerTest *self, gconstpointer data)
{
  DriverStream *accepted;
  DriverStream *stream = muxer_test_connect_pair (self, &accepted);
  guint n = 0;
  guint8 byte;

  accepted->read = FALSE;
  driver_stream_want (accepted, LP2P_READY_READ);
  for (guint i = 0; i < 3000; i++)
    driver_stream_send (stream, 1, FALSE);
  driver_stream_finish (stream);

  /* One byte for each time that the stream says that there is one. */
  accepted->ready = LP2P_READY_READ;
  while (!accepted->ended)
    {
      gssize got = driver_stream_read (accepted, &byte, 1);

      if (got == 1)
        {
          g_assert_true (driver_pattern_matches (&byte, 1, 1 + n));
          n++;
        }
      else if (got == LP2P_IO_AGAIN)
        {
          guint before = accepted->n_ready;

          driver_stream_want (accepted, LP2P_READY_READ);
          until (self, accepted->n_ready > before);
        }
      g_assert_cmpint (got, !=, LP2P_IO_FAILED);
    }
  g_assert_cmpuint (n, ==, 3000);
  g_assert_cmpint (driver_stream_read (accepted, &byte, 1), ==, 0);
}

static void
test_vectors (MuxerTest *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;
  GOutputVector out[] = { { "ab", 2 }, { NULL, 0 }, { "c", 1 }, { "defg", 4 } };
  char one[3], two[10];
  GInputVector in[] = { { one, 3 }, { NULL, 0 }, { two, 10 } };
  Lp2pMuxerSession *session;

  muxer_test_connect (self);
  self->b->auto_read = FALSE;
  stream = muxer_test_open_pair (self, &accepted);
  session = self->b->session;
  g_assert_cmpint (driver_stream_read (accepted, one, 1), ==, 1);

  driver_stream_want (accepted, LP2P_READY_READ);
  accepted->n_ready = 0;
  g_assert_cmpint (self->a->session->klass->stream_writev (self->a->session, stream->stream, out, 4), ==, 7);
  until (self, accepted->n_ready > 0);
  g_assert_cmpint (session->klass->stream_readv (session, accepted->stream, in, 3), ==, 7);
  g_assert_cmpmem (one, 3, "abc", 3);
  g_assert_cmpmem (two, 4, "defg", 4);
  g_assert_cmpint (session->klass->stream_readv (session, accepted->stream, in, 3), ==, LP2P_IO_AGAIN);
  g_assert_cmpint (self->a->session->klass->stream_writev (self->a->session, stream->stream, NULL, 0), ==, 0);
}

static void
test_both_open (MuxerTest *self, gconstpointer data)
{
  muxer_test_connect (self);
  self->a->auto_accept = TRUE;
  self->a->auto_read = TRUE;
  for (guint i = 0; i < 100; i++)
    {
      driver_stream_send (session_driver_open (self->a), 10 + i, TRUE);
      driver_stream_send (session_driver_open (self->b), 1000 + i, TRUE);
    }
  until (self, self->a->streams->len == 200 && self->b->streams->len == 200);
  for (guint i = 0; i < 100; i++)
    {
      DriverStream *at_a = session_driver_get (self->a, 100 + i);
      DriverStream *at_b = session_driver_get (self->b, 100 + i);

      until (self, at_a->ended && at_b->ended);
      g_assert_cmpuint (at_b->n_received, ==, 10 + i);
      g_assert_cmpuint (at_a->n_received, ==, 1000 + i);
    }
}

static void
test_back_pressure (MuxerTest *self, gconstpointer data)
{
  DriverStream *accepted;
  DriverStream *stream = muxer_test_connect_pair (self, &accepted);
  guint64 sent;

  accepted->read = FALSE;
  driver_stream_send (stream, TOO_MUCH, FALSE);
  test_world_advance (self->world, 200000);
  sent = stream->n_written;
  g_assert_cmpuint (sent, <, TOO_MUCH);
  g_assert_cmpuint (self->contexts[1]->memory, <, TOO_MUCH);

  /* Nothing moves, and nobody is told that it could. */
  stream->n_ready = 0;
  test_world_advance (self->world, 200000);
  g_assert_cmpuint (stream->n_ready, ==, 0);
  g_assert_cmpuint (stream->n_written, ==, sent);

  if (muxer_test_has (self, LP2P_MUXER_BACKPRESSURE))
    muxer_test_move_bytes (self, 1000000);

  stream->to_write = 1000000;
  muxer_test_read_on (accepted);
  until (self, stream->to_write == 0 && accepted->n_received == stream->n_written);
  muxer_test_move_bytes (self, 10000);
}

/* A peer that opens a stream and is never accepted or read cannot fill memory
 * either. */
static void
test_not_accepted (MuxerTest *self, gconstpointer data)
{
  DriverStream *stream;

  muxer_test_connect (self);
  self->b->auto_accept = FALSE;
  stream = session_driver_open (self->a);
  driver_stream_send (stream, TOO_MUCH, FALSE);
  test_world_advance (self->world, 200000);
  g_assert_cmpuint (stream->n_written, <, TOO_MUCH);
  stream->to_write = 0;
  self->b->auto_accept = TRUE;
  lp2p_job_queue (&self->b->run);
  until (self, self->b->streams->len == 1);
  session_driver_get (self->b, 0)->ready = LP2P_READY_READ;
  lp2p_job_queue (&self->b->run);
  until (self, session_driver_get (self->b, 0)->n_received == stream->n_written);
}

static void
test_budget (MuxerTest *self, gconstpointer data)
{
  /* What one peek yields is handled as a whole, also the one that exhausts the budget:
   * the largest sum is that of a peek more than there was budget for but one byte. */
  enum { BUDGET = 1000, PEEK = 100 };
  static const Lp2pMemoryOptions line = { .short_reads = PEEK };
  DriverStream *stream;
  DriverStream *accepted;
  Lp2pMuxerSession *session;
  gboolean more = TRUE;

  muxer_test_connect_with (self, &line, 1000);
  stream = muxer_test_open_pair (self, &accepted);
  self->b->budget = BUDGET;
  accepted->take = G_MAXSIZE;
  driver_stream_send (stream, 50000, FALSE);
  /* The writer's side only. */
  session_driver_pump (self->a);
  g_main_context_iteration (self->world->context, FALSE);

  session = self->b->session;
  for (guint i = 0; more && i < 1000; i++)
    {
      guint64 before = accepted->n_received;

      more = session->klass->input (session, BUDGET);
      g_assert_cmpuint (accepted->n_received - before, <, BUDGET + PEEK);
      if (more)
        g_assert_cmpuint (accepted->n_received, <=, 50001);
    }
  g_assert_false (more);
  lp2p_job_queue (&self->b->pump);
  until (self, accepted->n_received == 50001);
}

static const MuxerTestCase cases[] = {
  { "open", test_open },
  { "both-ways", test_both_ways },
  { "lines", test_lines },
  { "direct-input", test_direct_input },
  { "one-byte", test_one_byte },
  { "vectors", test_vectors },
  { "both-open", test_both_open },
  { "back-pressure", test_back_pressure },
  { "not-accepted", test_not_accepted },
  { "budget", test_budget },
};

void
muxer_test_add_bytes (const char *name)
{
  muxer_test_add (name, cases, G_N_ELEMENTS (cases));
}
