/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A session against a peer that sends messages by hand, and two sessions with each
 * other. The session under test is the initiator: its ids are odd. */

#include <lp2p/interfaces/lp2p-connection.h>

#include "lp2p-mplex-session-private.h"
#include "mplex-fixture.h"

#define KIB     1024
#define MIB     (1024 * 1024)
#define SECOND  G_USEC_PER_SEC
#define NEW     LP2P_MPLEX_NEW_STREAM
#define MESSAGE LP2P_MPLEX_MESSAGE
#define CLOSE   LP2P_MPLEX_CLOSE
#define RESET   LP2P_MPLEX_RESET

static void
start (Fixture *f)
{
  fixture_init (f, NULL);
  fixture_start (f, FALSE);
}

static DriverStream *
open_one (Fixture *f, guint64 id)
{
  DriverStream *stream = session_driver_open (f->pair.a);

  session_pair_run (&f->pair);
  raw_expect (f, NEW, TRUE, id, 0);
  return stream;
}

static DriverStream *
accept_one (Fixture *f)
{
  DriverStream *stream = session_driver_accept (f->pair.a);

  g_assert_nonnull (stream);
  return stream;
}

static void
read_all (DriverStream *stream)
{
  stream->read = TRUE;
  stream->ready = LP2P_READY_READ;
  driver_stream_want (stream, LP2P_READY_READ);
}

/* What is on the wire */

/* A whole exchange, byte by byte, as the specification has it. */
static void
test_bytes (void)
{
  static const guint8 theirs[] = { 0x0a - 0x02, 0x01, '1', 0x0a, 0x03, 0, 1, 2, 0x0c, 0x00 };
  static const guint8 ours[] = { 0x08, 0x00, 0x0a, 0x02, 'h', 'i', 0x0c, 0x00, 0x09, 0x02, 'y', 'o',
                                 0x0b, 0x00 };
  guint8 bytes[sizeof ours];
  DriverStream *stream;
  Fixture f;

  start (&f);
  stream = session_driver_open (f.pair.a);
  g_assert_cmpint (driver_stream_write (stream, "hi", 2), ==, 2);
  driver_stream_finish (stream);
  session_pair_run (&f.pair);

  /* Their stream has the same id: only the flags tell them apart. */
  for (guint i = 0; i < sizeof theirs; i++)
    session_pair_send (&f.pair, theirs + i, 1);
  stream = accept_one (&f);
  read_all (stream);
  session_pair_run (&f.pair);
  g_assert_cmpuint (stream->n_received, ==, 3);
  g_assert_true (stream->ended);
  g_assert_cmpint (driver_stream_write (stream, "yo", 2), ==, 2);
  driver_stream_finish (stream);
  session_pair_run (&f.pair);

  g_assert_cmpint (session_pair_receive (&f.pair, bytes, sizeof bytes), ==, sizeof bytes);
  g_assert_cmpmem (bytes, sizeof bytes, ours, sizeof ours);
  g_assert_cmpuint (session_pair_count_streams (f.pair.a), ==, 2);
  driver_stream_release (stream);
  g_assert_cmpuint (session_pair_count_streams (f.pair.a), ==, 1);
  fixture_clear (&f);
}

static void
test_message_size (void)
{
  DriverStream *stream;
  Fixture f;

  fixture_init (&f, &(MemoryLayerOptions){ .capacity = MIB });
  fixture_start (&f, FALSE);
  stream = open_one (&f, 1);
  driver_stream_send (stream, 200 * KIB, TRUE);
  session_pair_run (&f.pair);
  for (guint i = 0; i < 3; i++)
    raw_expect (&f, MESSAGE, TRUE, 1, 64 * KIB);
  raw_expect (&f, MESSAGE, TRUE, 1, 8 * KIB);
  raw_expect (&f, CLOSE, TRUE, 1, 0);
  fixture_clear (&f);
}

/* Names may be long, and are nothing. */
static void
test_names (void)
{
  DriverStream *stream;
  Fixture f;

  start (&f);
  raw_send (&f, NEW, TRUE, 0, MIB);
  raw_send (&f, MESSAGE, TRUE, 0, 10);
  raw_send (&f, CLOSE, TRUE, 0, 100);
  stream = accept_one (&f);
  read_all (stream);
  session_pair_run (&f.pair);
  g_assert_cmpuint (stream->n_received, ==, 10);
  g_assert_true (stream->ended);
  raw_expect_silence (&f);
  fixture_clear (&f);
}

static void
test_largest_message (void)
{
  DriverStream *stream;
  Fixture f;

  start (&f);
  raw_send (&f, NEW, TRUE, 4, 0);
  raw_send (&f, MESSAGE, TRUE, 4, 0);
  raw_send (&f, MESSAGE, TRUE, 4, MIB);
  stream = accept_one (&f);
  read_all (stream);
  session_pair_run (&f.pair);
  g_assert_cmpuint (stream->n_received, ==, MIB);
  fixture_clear (&f);
}

/* What a peer must not do: the session ends. Stream 1 of ours is open. */
static const struct
{
  const char *message;
  guint8 bytes[24];
  gsize size;
} violations[] = {
  { "*flag 7*", { 0x0f }, 1 },
  { "*stream id*varint*", { 0x80, 0x00 }, 2 },
  { "*length*varint*", { 0x09, 0x80, 0x00 }, 3 },
  { "*1048577 bytes*", { 0x09, 0x81, 0x80, 0x40 }, 4 },
  { "*1048577 bytes*", { 0x00, 0x81, 0x80, 0x40 }, 4 },
  { "*opened stream 2, which exists*", { 0x10, 0x00, 0x10, 0x00 }, 4 },
  { "*opened stream 2, which exists*",
    { 0x10, 0x00, 0x12, 0x01, 'x', 0x14, 0x00, 0x10, 0x01, '2' },
    9 },
};

static void
test_violations (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (violations); i++)
    {
      DriverStream *stream;
      Fixture f;

      start (&f);
      stream = open_one (&f, 1);
      for (gsize at = 0; at < violations[i].size; at++)
        {
          g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_READY);
          session_pair_send (&f.pair, violations[i].bytes + at, 1);
        }
      g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSED);
      g_assert_error (session_driver_get_error (f.pair.a, NULL), LP2P_ERROR, LP2P_ERROR_PROTOCOL);
      g_test_message ("%s", session_driver_get_error (f.pair.a, NULL)->message);
      g_assert_true (
          g_pattern_match_simple (violations[i].message, session_driver_get_error (f.pair.a, NULL)->message));
      g_assert_error (driver_stream_get_error (stream, LP2P_READY_READ, NULL), LP2P_ERROR, LP2P_ERROR_PROTOCOL);
      g_assert_cmpuint (f.pair.a->n_closed, ==, 1);
      raw_expect_silence (&f);
      fixture_clear (&f);
    }
}

/* One stream is reset, the session goes on. */
static void
test_data_after_close (void)
{
  DriverStream *stream;
  Fixture f;

  start (&f);
  stream = open_one (&f, 1);
  raw_send (&f, CLOSE, FALSE, 1, 0);
  raw_send (&f, CLOSE, FALSE, 1, 0);
  g_assert_null (driver_stream_get_error (stream, LP2P_READY_WRITE, NULL));
  raw_send (&f, MESSAGE, FALSE, 1, 10);
  g_assert_error (driver_stream_get_error (stream, LP2P_READY_WRITE, NULL), LP2P_ERROR, LP2P_ERROR_PROTOCOL);
  raw_expect (&f, RESET, TRUE, 1, 0);
  open_one (&f, 3);
  fixture_clear (&f);
}

static void
test_resets (void)
{
  DriverStream *stream;
  guint8 byte;
  Fixture f;

  start (&f);
  stream = open_one (&f, 1);
  raw_send (&f, MESSAGE, FALSE, 1, 10);
  raw_send (&f, RESET, FALSE, 1, 5);
  g_assert_cmpint (driver_stream_read (stream, &byte, 1), ==, LP2P_IO_FAILED);
  g_assert_cmpint (driver_stream_write (stream, &byte, 1), ==, LP2P_IO_FAILED);
  g_assert_error (driver_stream_get_error (stream, LP2P_READY_READ, NULL), LP2P_ERROR, LP2P_ERROR_RESET);
  g_assert_error (driver_stream_get_error (stream, LP2P_READY_WRITE, NULL), LP2P_ERROR, LP2P_ERROR_RESET);

  /* What was complete before the reset can be read. */
  raw_send (&f, NEW, TRUE, 1, 0);
  raw_send (&f, MESSAGE, TRUE, 1, 1);
  raw_send (&f, CLOSE, TRUE, 1, 0);
  raw_send (&f, RESET, TRUE, 1, 0);
  stream = session_driver_accept (f.pair.a);
  g_assert_null (stream);
  g_assert_cmpuint (f.pair.a->n_withdrawn, ==, 1);

  /* Ours reaches the peer with the right flag. */
  raw_send (&f, NEW, TRUE, 2, 0);
  stream = accept_one (&f);
  f.pair.a->session->klass->stream_reset (f.pair.a->session, stream->stream, 7);
  session_pair_run (&f.pair);
  raw_expect (&f, RESET, FALSE, 2, 0);
  driver_stream_release (stream);

  /* One that the peer never heard of is not talked about. */
  driver_stream_release (session_driver_open (f.pair.a));
  session_pair_run (&f.pair);
  raw_expect_silence (&f);
  fixture_clear (&f);
}

/* Streams that are not there */

static void
test_strays (void)
{
  DriverStream *stream;
  Fixture f;

  start (&f);
  stream = open_one (&f, 1);
  driver_stream_release (stream);
  session_pair_run (&f.pair);
  raw_expect (&f, RESET, TRUE, 1, 0);
  for (guint i = 0; i < 3; i++)
    raw_send (&f, MESSAGE, FALSE, 1, MIB);
  raw_send (&f, CLOSE, FALSE, 1, 0);
  raw_send (&f, RESET, FALSE, 1, 0);
  raw_send (&f, CLOSE, TRUE, 1000, 0);
  raw_send (&f, MESSAGE, FALSE, 1001, 50);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_READY);
  g_assert_cmpuint (session_pair_count_streams (f.pair.a), ==, 0);
  raw_expect_silence (&f);
  fixture_clear (&f);
}

/* But not without end. */
static void
test_stray_flood (void)
{
  static const guint8 one_more[] = { 0x4a, 0x01 };
  Fixture f;

  start (&f);
  for (guint i = 0; i < LP2P_MPLEX_STRAY_CREDIT / MIB; i++)
    raw_send (&f, MESSAGE, TRUE, 9, MIB - 16);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_READY);
  session_pair_send (&f.pair, one_more, sizeof one_more);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSED);
  g_assert_nonnull (strstr (session_driver_get_error (f.pair.a, NULL)->message, "not open"));
  fixture_clear (&f);
}

static void
test_too_many_streams (void)
{
  Fixture f;

  fixture_init (&f, NULL);
  f.options.max_streams = 2;
  fixture_start (&f, FALSE);
  raw_send (&f, NEW, TRUE, 2, 0);
  raw_send (&f, NEW, TRUE, 4, 0);
  raw_send (&f, NEW, TRUE, 6, 3);
  raw_expect (&f, RESET, FALSE, 6, 0);
  raw_send (&f, MESSAGE, TRUE, 6, 1000);
  accept_one (&f);
  accept_one (&f);
  /* Our own are not counted. */
  open_one (&f, 1);
  driver_stream_release (session_driver_get (f.pair.a, 0));
  session_pair_run (&f.pair);
  raw_expect (&f, RESET, FALSE, 2, 0);
  raw_send (&f, NEW, TRUE, 6, 0);
  accept_one (&f);
  raw_expect_silence (&f);
  fixture_clear (&f);
}

/* Nobody makes us keep refusals that they do not read. */
static void
test_refusal_flood (void)
{
  Fixture f;

  fixture_init (&f, &(MemoryLayerOptions){ .capacity = 4 * KIB });
  f.options.max_streams = 1;
  fixture_start (&f, FALSE);
  for (guint i = 0; i < 5000 && session_driver_get_state (f.pair.a) == LP2P_SESSION_READY; i++)
    raw_send (&f, NEW, TRUE, i, 0);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSED);
  g_assert_nonnull (strstr (session_driver_get_error (f.pair.a, NULL)->message, "does not read"));
  fixture_clear (&f);
}

static void
test_churn (void)
{
  Fixture f;

  start (&f);
  for (guint i = 1; i <= 2000; i++)
    {
      DriverStream *stream;

      raw_send (&f, NEW, TRUE, i, 0);
      raw_send (&f, MESSAGE, TRUE, i, 3);
      raw_send (&f, CLOSE, TRUE, i, 0);
      stream = accept_one (&f);
      driver_stream_finish (stream);
      driver_stream_release (stream);
      session_pair_run (&f.pair);
      raw_expect (&f, CLOSE, FALSE, i, 0);
    }
  g_assert_cmpuint (session_pair_count_streams (f.pair.a), ==, 0);
  fixture_clear (&f);
}

/* A peer that never ends its side of streams that we have finished holds only so
 * many of them. */
static void
test_zombies (void)
{
  Fixture f;

  start (&f);
  for (guint i = 0; i < 300; i++)
    {
      DriverStream *stream = open_one (&f, 2 * i + 1);

      driver_stream_finish (stream);
      session_pair_run (&f.pair);
      raw_expect (&f, CLOSE, TRUE, 2 * i + 1, 0);
      driver_stream_release (stream);
      session_pair_run (&f.pair);
      if (i >= 256)
        raw_expect (&f, RESET, TRUE, 2 * i + 1, 0);
    }
  g_assert_cmpuint (session_pair_count_streams (f.pair.a), ==, 256);
  raw_send (&f, CLOSE, FALSE, 1, 0);
  g_assert_cmpuint (session_pair_count_streams (f.pair.a), ==, 255);
  fixture_clear (&f);
}

static void
test_ids_run_out (void)
{
  DriverStream *last;
  Fixture f;

  start (&f);
  ((Lp2pMplexSession *) f.pair.a->session)->next_id = (1 << 28) - 1;
  last = open_one (&f, (1 << 28) - 1);
  g_assert_null (session_driver_open (f.pair.a));
  session_pair_run (&f.pair);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSING);
  driver_stream_release (last);
  session_pair_run (&f.pair);
  g_assert_true (((Lp2pQueuedSession *) f.pair.a->session)->orderly);
  g_assert_cmpint (((Lp2pQueuedSession *) f.pair.a->session)->phase, ==, LP2P_PHASE_DRAINING);
  fixture_clear (&f);
}

/* Readers who do not read */

typedef struct
{
  Fixture f;
  DriverStream *slow;
  DriverStream *other;
  DriverStream *unread;
} Stalled;

/* A sends more than B's buffer holds; B's reader does not read. */
static void
stall_over (Stalled *self, const MemoryLayerOptions *layer)
{
  fixture_init (&self->f, layer);
  self->f.options.max_buffer = 100 * KIB;
  fixture_start (&self->f, TRUE);
  self->other = session_driver_open (self->f.pair.a);
  driver_stream_send (self->other, 1, FALSE);
  session_pair_run (&self->f.pair);
  self->f.pair.b->auto_read = FALSE;
  self->slow = session_driver_open (self->f.pair.a);
  driver_stream_send (self->slow, MIB, TRUE);
  session_pair_run (&self->f.pair);
  self->unread = session_driver_get (self->f.pair.b, 1);
  g_assert_cmpuint (self->slow->to_write, >, 0);
  g_assert_cmpuint (((Lp2pQueuedStream *) self->unread->stream)->queue.size, ==, 100 * KIB);

  /* All streams wait, as there is one line only. */
  driver_stream_send (self->other, 1000, FALSE);
  session_pair_run (&self->f.pair);
  g_assert_cmpuint (session_driver_get (self->f.pair.b, 0)->n_received, ==, 1);
}

static void
stall (Stalled *self)
{
  stall_over (self, NULL);
}

static void
check_other (Stalled *self)
{
  session_pair_run (&self->f.pair);
  g_assert_cmpuint (session_driver_get (self->f.pair.b, 0)->n_received, ==, 1001);
  g_assert_cmpint (session_driver_get_state (self->f.pair.a), ==, LP2P_SESSION_READY);
  g_assert_cmpint (session_driver_get_state (self->f.pair.b), ==, LP2P_SESSION_READY);
  g_assert_null (driver_stream_get_error (self->other, LP2P_READY_READ, NULL));
}

static void
check_read (Stalled *self)
{
  session_pair_pass (&self->f.pair, 4 * SECOND, SECOND);
  read_all (self->unread);
  lp2p_job_queue (&self->f.pair.b->run);
  check_other (self);
  g_assert_cmpuint (self->unread->n_received, ==, MIB);
  g_assert_true (self->unread->ended);
  fixture_clear (&self->f);
}

static void
test_stall_is_read (void)
{
  Stalled s;

  stall (&s);
  check_read (&s);
}

/* Of what a look at the layer yields, a session that stalls may take nothing: that is not
 * its end. */
static void
test_stall_takes_nothing (void)
{
  Stalled s;

  stall_over (&s, &(MemoryLayerOptions){ .max_peek = 1 });
  check_read (&s);
}

/* A slow reader is one that reads. */
static void
test_stall_is_read_slowly (void)
{
  g_autofree guint8 *buffer = g_malloc (50 * KIB);
  Stalled s;

  stall (&s);
  for (guint i = 0; i < 10; i++)
    {
      session_pair_pass (&s.f.pair, 4 * SECOND, SECOND);
      g_assert_cmpint (driver_stream_read (s.unread, buffer, 50 * KIB), ==, 50 * KIB);
      s.unread->n_received += 50 * KIB;
      session_pair_run (&s.f.pair);
    }
  read_all (s.unread);
  lp2p_job_queue (&s.f.pair.b->run);
  session_pair_run (&s.f.pair);
  g_assert_null (driver_stream_get_error (s.unread, LP2P_READY_READ, NULL));
  g_assert_cmpuint (s.slow->to_write, ==, 0);
  fixture_clear (&s.f);
}

/* The stream that nobody reads is reset, and no other. */
static void
test_stall_times_out (void)
{
  Stalled s;

  stall (&s);
  session_pair_pass (&s.f.pair, 6 * SECOND, SECOND);
  check_other (&s);
  g_assert_error (driver_stream_get_error (s.unread, LP2P_READY_READ, NULL), LP2P_ERROR, LP2P_ERROR_LIMIT);
  g_test_message ("%s", driver_stream_get_error (s.unread, LP2P_READY_READ, NULL)->message);
  g_assert_error (driver_stream_get_error (s.slow, LP2P_READY_WRITE, NULL), LP2P_ERROR, LP2P_ERROR_RESET);
  g_assert_cmpint (s.f.pair.b->session->klass->get_next_timeout (s.f.pair.b->session), ==, -1);
  fixture_clear (&s.f);
}

/* A connection that breaks meanwhile is over at once, also for who waits to write; what
 * came is still read. */
static void
test_stall_breaks (void)
{
  Stalled s;

  stall (&s);
  driver_stream_send (session_driver_get (s.f.pair.b, 0), 10, FALSE);
  session_pair_run (&s.f.pair);
  memory_layer_break (s.f.pair.layers[1]);
  driver_stream_want (session_driver_get (s.f.pair.b, 0), LP2P_READY_WRITE);
  session_pair_run (&s.f.pair);
  g_assert_cmpint (session_driver_get_state (s.f.pair.b), ==, LP2P_SESSION_CLOSED);
  g_assert_error (session_driver_get_error (s.f.pair.b, NULL), LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
  read_all (s.unread);
  lp2p_job_queue (&s.f.pair.b->run);
  session_pair_run (&s.f.pair);
  g_assert_cmpuint (s.unread->n_received, ==, 100 * KIB);
  fixture_clear (&s.f);
}

/* Whatever ends the stream ends the waiting. */
static void
test_stall_ends (void)
{
  for (guint way = 0; way < 4; way++)
    {
      Lp2pMuxerSession *session;
      Stalled s;

      stall (&s);
      session = s.f.pair.b->session;
      if (way == 0)
        driver_stream_release (s.unread);
      else if (way == 1)
        session->klass->stream_reset (session, s.unread->stream, 0);
      else if (way == 2)
        session->klass->stream_stop_reading (session, s.unread->stream, 0);
      else
        session->klass->close (session, 0, NULL);
      if (way < 3)
        check_other (&s);
      /* And one is freed as it is. */
      fixture_clear (&s.f);
    }
}

/* The memory of one session, and that of the host. */
static void
test_memory_limit (void)
{
  for (guint i = 0; i < 2; i++)
    {
      DriverStream *victim;
      gsize kept = 0;
      Fixture f;

      fixture_init (&f, NULL);
      if (i == 0)
        f.options.budget.max = 100 * KIB;
      fixture_start (&f, TRUE);
      f.pair.b->auto_read = FALSE;
      if (i == 1)
        {
          kept = f.pair.budget - 100 * KIB;
          f.pair.budget = 100 * KIB;
        }
      driver_stream_send (session_driver_open (f.pair.a), 60 * KIB, FALSE);
      victim = session_driver_open (f.pair.a);
      driver_stream_send (victim, 60 * KIB, FALSE);
      session_pair_run (&f.pair);
      g_assert_error (driver_stream_get_error (victim, LP2P_READY_WRITE, NULL), LP2P_ERROR, LP2P_ERROR_RESET);
      g_assert_error (driver_stream_get_error (session_driver_get (f.pair.b, 1), LP2P_READY_READ, NULL), LP2P_ERROR,
                      LP2P_ERROR_LIMIT);

      read_all (session_driver_get (f.pair.b, 0));
      session_pair_run (&f.pair);
      g_assert_cmpuint (session_driver_get (f.pair.b, 0)->n_received, ==, 60 * KIB);
      g_assert_cmpuint (((Lp2pQueuedSession *) f.pair.b->session)->reserved, ==, 0);
      f.pair.budget += kept;
      fixture_clear (&f);
    }
}

static void
test_stop_reading (void)
{
  DriverStream *stream;
  Fixture f;

  start (&f);
  stream = open_one (&f, 1);
  f.pair.a->session->klass->stream_stop_reading (f.pair.a->session, stream->stream, 5);
  raw_send (&f, MESSAGE, FALSE, 1, MIB);
  g_assert_null (driver_stream_get_error (stream, LP2P_READY_WRITE, NULL));
  raw_send (&f, MESSAGE, FALSE, 1, 1);
  g_assert_error (driver_stream_get_error (stream, LP2P_READY_WRITE, NULL), LP2P_ERROR, LP2P_ERROR_RESET);
  raw_expect (&f, RESET, TRUE, 1, 0);
  fixture_clear (&f);
}

/* A peer that takes no bytes is given up. */
static void
test_write_timeout (void)
{
  DriverStream *stream;
  Fixture f;

  fixture_init (&f, &(MemoryLayerOptions){ .capacity = 64 * KIB });
  fixture_start (&f, FALSE);
  stream = open_one (&f, 1);
  driver_stream_send (stream, MIB, FALSE);
  session_pair_pass (&f.pair, 29 * SECOND, SECOND);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_READY);
  session_pair_pass (&f.pair, 2 * SECOND, SECOND);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSED);
  g_assert_nonnull (strstr (session_driver_get_error (f.pair.a, NULL)->message, "took no bytes"));
  fixture_clear (&f);
}

/* The end */

static void
test_end (void)
{
  static const guint8 bytes[] = { 0x10, 0x01, '2', 0x92, 0x01, 0x03, 'a', 'b' };
  Fixture f;

  start (&f);
  g_assert_cmpint (lp2p_layer_shutdown_write (f.pair.layers[1]), ==, 0);
  session_pair_run (&f.pair);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSED);
  g_assert_null (session_driver_get_error (f.pair.a, NULL));
  fixture_clear (&f);

  for (gsize size = 1; size <= sizeof bytes; size++)
    {
      gboolean whole = size == 3;

      start (&f);
      session_pair_send (&f.pair, bytes, size);
      g_assert_cmpint (lp2p_layer_shutdown_write (f.pair.layers[1]), ==, 0);
      session_pair_run (&f.pair);
      g_assert_error (session_driver_get_error (f.pair.a, NULL), LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
      g_assert_cmpint (strstr (session_driver_get_error (f.pair.a, NULL)->message, "middle of a frame") == NULL, ==,
                       whole);
      fixture_clear (&f);
    }
}

/* Ends and resets leave before the connection ends. */
static void
test_close (void)
{
  DriverStream *stream;
  Fixture f;

  start (&f);
  stream = open_one (&f, 1);
  driver_stream_finish (stream);
  f.pair.a->session->klass->close (f.pair.a->session, 5, "enough");
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSING);
  g_assert_null (session_driver_open (f.pair.a));
  session_pair_run (&f.pair);
  raw_expect (&f, CLOSE, TRUE, 1, 0);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSING);
  g_assert_cmpint (lp2p_layer_shutdown_write (f.pair.layers[1]), ==, 0);
  session_pair_run (&f.pair);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSED);
  g_assert_null (session_driver_get_error (f.pair.a, NULL));
  fixture_clear (&f);

  /* A peer that does not end is not waited for without end. */
  start (&f);
  f.pair.a->session->klass->close (f.pair.a->session, 0, NULL);
  session_pair_pass (&f.pair, 6 * SECOND, SECOND);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSED);
  fixture_clear (&f);
}

/* Both directions of one stream, over each kind of layer. */
static const MemoryLayerOptions layers[] = {
  { 0 },
  { .max_peek = 1 },
  { .max_step = 1 },
  { .max_step = 1009, .max_peek = 11 },
  { .capacity = 100, .max_step = 13, .max_peek = 5 },
};

static void
test_transfer (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (layers); i++)
    for (gsize take = 0; take < 20; take += 9)
      {
        DriverStream *here;
        DriverStream *there;
        Fixture f;

        fixture_init (&f, &layers[i]);
        fixture_start (&f, TRUE);
        f.pair.b->auto_take = take;
        here = session_driver_open (f.pair.a);
        here->take = take;
        read_all (here);
        driver_stream_send (here, 20 * KIB, TRUE);
        session_pair_run (&f.pair);
        there = session_driver_get (f.pair.b, 0);
        g_assert_cmpuint (there->n_received, ==, 20 * KIB);
        g_assert_true (there->ended);
        driver_stream_send (there, 20 * KIB, TRUE);
        session_pair_run (&f.pair);
        g_assert_cmpuint (here->n_received, ==, 20 * KIB);
        g_assert_true (here->ended);
        fixture_clear (&f);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/mplex/wire/bytes", test_bytes);
  g_test_add_func ("/mplex/wire/message-size", test_message_size);
  g_test_add_func ("/mplex/wire/names", test_names);
  g_test_add_func ("/mplex/wire/largest-message", test_largest_message);
  g_test_add_func ("/mplex/wire/violations", test_violations);
  g_test_add_func ("/mplex/wire/data-after-close", test_data_after_close);
  g_test_add_func ("/mplex/wire/resets", test_resets);
  g_test_add_func ("/mplex/wire/transfer", test_transfer);
  g_test_add_func ("/mplex/limits/strays", test_strays);
  g_test_add_func ("/mplex/limits/stray-flood", test_stray_flood);
  g_test_add_func ("/mplex/limits/streams", test_too_many_streams);
  g_test_add_func ("/mplex/limits/refusal-flood", test_refusal_flood);
  g_test_add_func ("/mplex/limits/churn", test_churn);
  g_test_add_func ("/mplex/limits/zombies", test_zombies);
  g_test_add_func ("/mplex/limits/ids-run-out", test_ids_run_out);
  g_test_add_func ("/mplex/limits/memory", test_memory_limit);
  g_test_add_func ("/mplex/limits/write-timeout", test_write_timeout);
  g_test_add_func ("/mplex/stall/read", test_stall_is_read);
  g_test_add_func ("/mplex/stall/takes-nothing", test_stall_takes_nothing);
  g_test_add_func ("/mplex/stall/read-slowly", test_stall_is_read_slowly);
  g_test_add_func ("/mplex/stall/times-out", test_stall_times_out);
  g_test_add_func ("/mplex/stall/breaks", test_stall_breaks);
  g_test_add_func ("/mplex/stall/ends", test_stall_ends);
  g_test_add_func ("/mplex/stall/stop-reading", test_stop_reading);
  g_test_add_func ("/mplex/end/peer", test_end);
  g_test_add_func ("/mplex/end/close", test_close);
  return g_test_run ();
}
