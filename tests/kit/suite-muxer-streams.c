/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How the streams of a muxer end, and how many there may be. */

#include "suite-muxer-private.h"

#define MANY_STREAMS 10000

static void
test_half_close (MuxerTest *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;

  muxer_test_connect (self);
  if (!muxer_test_has (self, LP2P_MUXER_HALF_CLOSE))
    {
      g_test_skip ("has no half-close");
      return;
    }
  stream = muxer_test_open_pair (self, &accepted);
  driver_stream_finish (stream);
  until (self, accepted->ended);
  g_assert_cmpint (driver_stream_write (stream, "x", 1), ==, LP2P_IO_FAILED);

  /* The other direction goes on, and ends by itself. */
  driver_stream_send (accepted, 100000, FALSE);
  until (self, stream->n_received == 100000);
  g_assert_false (stream->ended);
  driver_stream_finish (accepted);
  until (self, stream->ended);
  g_assert_false (stream->failed);
  g_assert_false (accepted->failed);
}

/* The end waits for what stands before it. */
static void
test_end_under_pressure (MuxerTest *self, gconstpointer data)
{
  DriverStream *accepted;
  DriverStream *stream = muxer_test_connect_pair (self, &accepted);

  accepted->read = FALSE;
  driver_stream_send (stream, 10000000, TRUE);
  test_world_advance (self->world, 50000);
  g_assert_false (accepted->ended);
  muxer_test_read_on (accepted);
  until (self, accepted->ended);
  g_assert_cmpuint (accepted->n_received, ==, 10000001);
}

static void
check_reset (DriverStream *stream, guint32 expected)
{
  const GError *error;
  guint32 code = 99;
  char byte;

  g_assert_cmpint (driver_stream_read (stream, &byte, 1), ==, LP2P_IO_FAILED);
  g_assert_cmpint (driver_stream_write (stream, "x", 1), ==, LP2P_IO_FAILED);
  error = driver_stream_get_error (stream, LP2P_READY_READ, &code);
  g_assert_nonnull (error);
  g_assert_cmpstr (error->message, !=, "");
  g_assert_cmpuint (code, ==, expected);
  g_assert_nonnull (driver_stream_get_error (stream, LP2P_READY_WRITE, &code));
}

static void
test_reset (MuxerTest *self, gconstpointer data)
{
  muxer_test_connect (self);
  for (guint i = 0; i < 2; i++)
    {
      DriverStream *accepted;
      DriverStream *stream = muxer_test_open_pair (self, &accepted);
      DriverStream *by = i == 0 ? stream : accepted;
      DriverStream *other = i == 0 ? accepted : stream;
      Lp2pMuxerSession *session = by->driver->session;

      session->klass->stream_reset (session, by->stream, 0x1234);
      session->klass->stream_reset (session, by->stream, 0x1235);
      until (self, other->failed);
      check_reset (other, muxer_test_has (self, LP2P_MUXER_CODES) ? 0x1234 : 0);
      check_reset (by, 0);
      g_assert_cmpint (session_driver_get_state (self->a), ==, LP2P_SESSION_READY);
    }
  muxer_test_move_bytes (self, 1000);
}

/* Who waits for room finds out. */
static void
test_reset_while_blocked (MuxerTest *self, gconstpointer data)
{
  DriverStream *accepted;
  DriverStream *stream = muxer_test_connect_pair (self, &accepted);
  Lp2pMuxerSession *session;

  accepted->read = FALSE;
  driver_stream_send (stream, TOO_MUCH, FALSE);
  test_world_advance (self->world, 50000);
  g_assert_cmpuint (stream->to_write, >, 0);

  session = self->b->session;
  session->klass->stream_reset (session, accepted->stream, 5);
  driver_stream_release (accepted);
  until (self, stream->failed && stream->write_failed);
  muxer_test_move_bytes (self, 1000);
}

static void
test_stop_reading (MuxerTest *self, gconstpointer data)
{
  DriverStream *accepted;
  DriverStream *stream = muxer_test_connect_pair (self, &accepted);
  Lp2pMuxerSession *session;
  guint32 code = 99;
  char byte;

  session = self->b->session;
  session->klass->stream_stop_reading (session, accepted->stream, 0x77);
  g_assert_cmpint (driver_stream_read (accepted, &byte, 1), <=, 0);

  /* What comes is dropped: it is in nobody's way. */
  driver_stream_send (stream, 5000000, FALSE);
  if (muxer_test_has (self, LP2P_MUXER_STOP_READING))
    {
      until (self, stream->write_failed);
      g_assert_nonnull (driver_stream_get_error (stream, LP2P_READY_WRITE, &code));
      g_assert_cmpuint (code, ==, muxer_test_has (self, LP2P_MUXER_CODES) ? 0x77 : 0);
    }
  else
    until (self, stream->write_failed || stream->to_write == 0);
  g_assert_cmpuint (accepted->n_received, ==, 1);

  /* Our direction goes on where the peer's end lets it. */
  if (muxer_test_has (self, LP2P_MUXER_STOP_READING))
    {
      driver_stream_send (accepted, 1000, TRUE);
      until (self, stream->ended);
      g_assert_cmpuint (stream->n_received, ==, 1000);
    }
  muxer_test_move_bytes (self, 10000);
}

static void
open_more (MuxerTest *self, guint *opened, guint until_n)
{
  while (*opened < until_n)
    {
      DriverStream *stream = session_driver_open (self->a);

      if (stream == NULL)
        return;
      stream->read = TRUE;
      driver_stream_want (stream, LP2P_READY_READ);
      driver_stream_send (stream, 20, FALSE);
      (*opened)++;
    }
}

static gboolean
all_received (SessionDriver *driver, guint64 size)
{
  for (guint i = 0; i < driver->streams->len; i++)
    if (((DriverStream *) g_ptr_array_index (driver->streams, i))->n_received < size)
      return FALSE;
  return TRUE;
}

static void
test_many_streams (MuxerTest *self, gconstpointer data)
{
  guint n = MANY_STREAMS;
  guint opened = 0;

  muxer_test_connect_with (self, NULL, MANY_STREAMS + 10);
  if (self->a->session->klass->max_streams > 0)
    n = MIN (n, self->a->session->klass->max_streams);
  open_more (self, &opened, n);
  while (opened < n)
    {
      guint before = self->a->n_can_open;

      until (self, self->a->n_can_open > before);
      open_more (self, &opened, n);
    }
  until (self, self->b->streams->len == n && all_received (self->b, 20));
  for (guint i = 0; i < n; i++)
    driver_stream_send (session_driver_get (self->b, i), 30, TRUE);
  until (self, all_received (self->a, 30));

  for (guint i = 0; i < n; i++)
    driver_stream_finish (session_driver_get (self->a, i));
  muxer_test_release_all (self->a);
  test_world_advance (self->world, 10000);
  muxer_test_release_all (self->b);
  muxer_test_move_bytes (self, 1000);
}

/* One stream more than the other side allows: that one is refused. */
static void
test_too_many (MuxerTest *self, gconstpointer data)
{
  guint opened = 0;

  muxer_test_connect_with (self, NULL, 5);
  for (guint i = 0; i < 20; i++)
    {
      open_more (self, &opened, opened + 1);
      test_world_advance (self->world, 2000);
    }
  test_world_advance (self->world, 100000);
  g_assert_cmpuint (self->b->streams->len, ==, 5);
  for (guint i = 5; i < self->a->streams->len; i++)
    g_assert_true (session_driver_get (self->a, i)->failed);
  g_assert_cmpint (session_driver_get_state (self->a), ==, LP2P_SESSION_READY);

  /* Those that went make room. */
  muxer_test_release_all (self->a);
  until (self, session_driver_get (self->b, 4)->failed);
  muxer_test_release_all (self->b);
  test_world_advance (self->world, 10000);
  muxer_test_move_bytes (self, 1000);
}

/* What was written and ended arrives, whoever still holds the stream. */
static void
test_release_delivers (MuxerTest *self, gconstpointer data)
{
  DriverStream *accepted;
  DriverStream *stream = muxer_test_connect_pair (self, &accepted);
  guint64 sent;

  accepted->read = FALSE;
  driver_stream_send (stream, 150000, TRUE);
  sent = stream->n_written;
  g_assert_cmpuint (stream->to_write, ==, 0);
  driver_stream_release (stream);
  test_world_advance (self->world, 10000);
  muxer_test_read_on (accepted);
  until (self, accepted->ended);
  g_assert_cmpuint (accepted->n_received, ==, sent);
}

/* An unfinished direction must not look finished. */
static void
test_release_unfinished (MuxerTest *self, gconstpointer data)
{
  DriverStream *accepted;
  DriverStream *stream = muxer_test_connect_pair (self, &accepted);

  driver_stream_send (stream, 1000, FALSE);
  driver_stream_release (stream);
  until (self, accepted->failed || accepted->ended);
  g_assert_true (accepted->failed);
  g_assert_false (accepted->ended);
}

typedef enum
{
  STATE_OPENED,
  STATE_UNREAD,
  STATE_UNSENT,
  STATE_BLOCKED,
  STATE_ENDED,
  STATE_PEER_ENDED,
  STATE_BOTH_ENDED,
  STATE_RESET,
  STATE_PEER_RESET,
  STATE_STOPPED,
  N_STATES,
} StreamState;

static void
bring_into_state (MuxerTest *self, DriverStream *stream, DriverStream *accepted, StreamState state)
{
  Lp2pMuxerSession *session = self->a->session;

  switch (state)
    {
    case STATE_UNREAD:
      stream->read = FALSE;
      driver_stream_send (accepted, 5000, FALSE);
      break;
    case STATE_UNSENT:
      driver_stream_send (stream, 5000, FALSE);
      return;
    case STATE_BLOCKED:
      accepted->read = FALSE;
      driver_stream_send (stream, TOO_MUCH, FALSE);
      break;
    case STATE_ENDED:
      driver_stream_finish (stream);
      break;
    case STATE_PEER_ENDED:
      driver_stream_finish (accepted);
      break;
    case STATE_BOTH_ENDED:
      driver_stream_finish (stream);
      driver_stream_finish (accepted);
      break;
    case STATE_RESET:
      session->klass->stream_reset (session, stream->stream, 1);
      break;
    case STATE_PEER_RESET:
      self->b->session->klass->stream_reset (self->b->session, accepted->stream, 1);
      break;
    case STATE_STOPPED:
      session->klass->stream_stop_reading (session, stream->stream, 1);
      break;
    case STATE_OPENED:
    default:
      break;
    }
  test_world_advance (self->world, 10000);
}

static void
test_release_any_state (MuxerTest *self, gconstpointer data)
{
  muxer_test_connect (self);
  for (StreamState state = 0; state < N_STATES; state++)
    for (guint first = 0; first < 2; first++)
      {
        DriverStream *accepted;
        DriverStream *stream = muxer_test_open_pair (self, &accepted);

        bring_into_state (self, stream, accepted, state);
        driver_stream_release (first == 0 ? stream : accepted);
        if (state % 2 == 0)
          test_world_advance (self->world, 10000);
        driver_stream_release (first == 0 ? accepted : stream);
        test_world_advance (self->world, 10000);
        g_assert_cmpint (session_driver_get_state (self->a), ==, LP2P_SESSION_READY);
        g_assert_cmpint (session_driver_get_state (self->b), ==, LP2P_SESSION_READY);
        g_assert_cmpuint (self->a->streams->len + self->b->streams->len, ==, 0);
      }
  muxer_test_move_bytes (self, 10000);
}

/* Release without a word on the line: before anything was pumped. */
static void
test_release_at_once (MuxerTest *self, gconstpointer data)
{
  muxer_test_connect (self);
  for (guint i = 0; i < 20; i++)
    {
      DriverStream *stream = session_driver_open (self->a);

      if (i % 3 == 0)
        driver_stream_send (stream, 1, FALSE);
      if (i % 4 == 0)
        driver_stream_finish (stream);
      driver_stream_release (stream);
    }
  test_world_advance (self->world, 10000);
  for (guint i = 0; i < self->b->streams->len; i++)
    {
      DriverStream *stream = session_driver_get (self->b, i);

      until (self, stream->ended || stream->failed);
    }
  muxer_test_release_all (self->b);
  muxer_test_move_bytes (self, 1000);
}

static const MuxerTestCase cases[] = {
  { "half-close", test_half_close },
  { "end-under-pressure", test_end_under_pressure },
  { "reset", test_reset },
  { "reset-while-blocked", test_reset_while_blocked },
  { "stop-reading", test_stop_reading },
  { "many-streams", test_many_streams },
  { "too-many", test_too_many },
  { "release-delivers", test_release_delivers },
  { "release-unfinished", test_release_unfinished },
  { "release-any-state", test_release_any_state },
  { "release-at-once", test_release_at_once },
};

void
muxer_test_add_streams (const char *name)
{
  muxer_test_add (name, cases, G_N_ELEMENTS (cases));
}
