/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What every muxer must do, as far as it says that it can. */

#include <string.h>

#include <lp2p/interfaces/lp2p-muxer.h>

#include "lp2p-memory-pipe.h"
#include "lp2p-test.h"
#include "session-driver.h"
#include "test-context.h"

#define MANY_STREAMS 10000

/* More than any session may hold for a stream that nobody reads, with the
 * largest window. */
#define TOO_MUCH (64 * 1024 * 1024)

typedef struct
{
  const char *name;
  TestWorld *world;
  TestContext *contexts[2];
  Lp2pMuxer *muxers[2];
  Lp2pLayer *layers[2];
  SessionDriver *a;
  SessionDriver *b;
  Lp2pMuxerCaps caps;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->name = data;
  self->world = test_world_new (FALSE);
  for (guint i = 0; i < 2; i++)
    {
      self->contexts[i] = test_context_new (self->world);
      self->muxers[i] = test_plugin_new (self->contexts[i], self->name);
    }
}

static void
disconnect (Fixture *self)
{
  g_clear_pointer (&self->a, session_driver_free);
  g_clear_pointer (&self->b, session_driver_free);
  test_world_settle (self->world);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  disconnect (self);
  for (guint i = 0; i < 2; i++)
    {
      test_plugin_free (self->muxers[i]);
      g_assert_finalize_object (self->contexts[i]);
    }
  test_world_free (self->world);
}

static SessionDriver *
start_session (Fixture *self, guint i, guint max_streams)
{
  Lp2pMuxerParams params = {
    .role = i == 0 ? LP2P_ROLE_INITIATOR : LP2P_ROLE_RESPONDER,
    .remote_peer = lp2p_identity_get_peer_id (self->contexts[1 - i]->identity),
    .max_streams = max_streams,
  };
  Lp2pMuxerSession *session = lp2p_muxer_create_session (self->muxers[i], self->layers[i], &params);

  g_assert_nonnull (session);
  return session_driver_new (session, session->loop);
}

static void
connect_with (Fixture *self, const Lp2pMemoryOptions *options, guint max_streams)
{
  Lp2pMemoryEnd one = { self->contexts[0]->loop, options, NULL };
  Lp2pMemoryEnd two = { self->contexts[1]->loop, options, NULL };

  disconnect (self);
  g_assert_true (lp2p_memory_pipe_new (&one, &two, &self->layers[0], &self->layers[1], NULL));
  self->a = start_session (self, 0, max_streams);
  self->b = start_session (self, 1, max_streams);
  self->b->auto_accept = TRUE;
  self->b->auto_read = TRUE;
  self->caps = self->a->session->klass->caps;
}

static void
connect_sessions (Fixture *self)
{
  connect_with (self, NULL, 1000);
}

/* Waiting for no longer than it takes. */
#define until(self, condition) test_until ((self)->world, condition)

/* A stream, and the other end of it. */
static DriverStream *
open_pair (Fixture *self, DriverStream **accepted)
{
  guint before = self->b->streams->len;
  DriverStream *stream = session_driver_open (self->a);

  g_assert_nonnull (stream);
  stream->read = TRUE;
  driver_stream_want (stream, LP2P_READY_READ);
  driver_stream_send (stream, 1, FALSE);
  until (self, self->b->streams->len > before);
  *accepted = session_driver_get (self->b, before);
  if ((*accepted)->read)
    until (self, (*accepted)->n_received == 1);
  return stream;
}

static gboolean
has (Fixture *self, Lp2pMuxerCaps cap)
{
  return (self->caps & cap) != 0;
}

static Lp2pSessionState
get_state (SessionDriver *driver)
{
  return driver->session->klass->get_state (driver->session);
}

static const GError *
get_error (SessionDriver *driver)
{
  guint32 code;

  return driver->session->klass->get_error (driver->session, &code);
}

/* Moving bytes */

static void
test_open (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;

  connect_sessions (self);
  g_assert_cmpstr (lp2p_muxer_get_protocol (self->muxers[0]), !=, "");
  g_assert_cmpint (get_state (self->a), ==, LP2P_SESSION_READY);
  g_assert_null (self->a->session->klass->accept (self->a->session));
  stream = open_pair (self, &accepted);
  driver_stream_send (accepted, 5, FALSE);
  until (self, stream->n_received == 5);
  g_assert_cmpuint (self->b->n_incoming, >=, 1);
  g_assert_cmpuint (self->a->n_closed + self->b->n_closed, ==, 0);
}

static void
move_bytes (Fixture *self, gsize size)
{
  DriverStream *accepted;
  DriverStream *stream = open_pair (self, &accepted);

  driver_stream_send (stream, size - 1, TRUE);
  driver_stream_send (accepted, size / 2, TRUE);
  until (self, stream->ended && accepted->ended);
  g_assert_cmpuint (accepted->n_received, ==, size);
  g_assert_cmpuint (stream->n_received, ==, size / 2);
}

static void
test_both_ways (Fixture *self, gconstpointer data)
{
  connect_sessions (self);
  move_bytes (self, 3000000);
}

static void
test_lines (Fixture *self, gconstpointer data)
{
  static const Lp2pMemoryOptions lines[] = {
    { .buffer_size = 100, .max_step = 7 },
    { .short_reads = 1, .short_writes = 64 },
    { .delay = 40000, .loss = 100, .seed = 5 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      connect_with (self, &lines[i], 1000);
      move_bytes (self, 20000);
      move_bytes (self, 10);
    }
}

/* Bytes may go straight to who waits for them, in part or wholly. */
static void
test_direct_input (Fixture *self, gconstpointer data)
{
  static const gsize takes[] = { 1, 100, 5000, G_MAXSIZE };

  for (guint i = 0; i < G_N_ELEMENTS (takes); i++)
    {
      connect_sessions (self);
      self->b->auto_take = takes[i];
      move_bytes (self, 300000);
    }
}

static void
test_one_byte (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;
  guint n = 0;
  guint8 byte;

  connect_sessions (self);
  stream = open_pair (self, &accepted);
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
test_vectors (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;
  GOutputVector out[] = { { "ab", 2 }, { NULL, 0 }, { "c", 1 }, { "defg", 4 } };
  char one[3], two[10];
  GInputVector in[] = { { one, 3 }, { NULL, 0 }, { two, 10 } };
  Lp2pMuxerSession *session;

  connect_sessions (self);
  self->b->auto_read = FALSE;
  stream = open_pair (self, &accepted);
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
test_both_open (Fixture *self, gconstpointer data)
{
  connect_sessions (self);
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

/* Ends */

static void
test_half_close (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;

  connect_sessions (self);
  if (!has (self, LP2P_MUXER_HALF_CLOSE))
    {
      g_test_skip ("has no half-close");
      return;
    }
  stream = open_pair (self, &accepted);
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
test_end_under_pressure (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;

  connect_sessions (self);
  stream = open_pair (self, &accepted);
  accepted->read = FALSE;
  driver_stream_send (stream, 10000000, TRUE);
  test_world_advance (self->world, 50000);
  g_assert_false (accepted->ended);
  accepted->read = TRUE;
  accepted->ready = LP2P_READY_READ;
  driver_stream_want (accepted, LP2P_READY_READ);
  lp2p_job_queue (&self->b->run);
  until (self, accepted->ended);
  g_assert_cmpuint (accepted->n_received, ==, 10000001);
}

static void
check_reset (Fixture *self, SessionDriver *driver, DriverStream *stream, guint32 expected)
{
  Lp2pMuxerSession *session = driver->session;
  const GError *error;
  guint32 code = 99;
  char byte;

  g_assert_cmpint (driver_stream_read (stream, &byte, 1), ==, LP2P_IO_FAILED);
  g_assert_cmpint (driver_stream_write (stream, "x", 1), ==, LP2P_IO_FAILED);
  error = session->klass->stream_get_error (session, stream->stream, LP2P_READY_READ, &code);
  g_assert_nonnull (error);
  g_assert_cmpstr (error->message, !=, "");
  g_assert_cmpuint (code, ==, expected);
  g_assert_nonnull (session->klass->stream_get_error (session, stream->stream, LP2P_READY_WRITE, &code));
}

static void
test_reset (Fixture *self, gconstpointer data)
{
  connect_sessions (self);
  for (guint i = 0; i < 2; i++)
    {
      DriverStream *accepted;
      DriverStream *stream = open_pair (self, &accepted);
      DriverStream *by = i == 0 ? stream : accepted;
      DriverStream *other = i == 0 ? accepted : stream;
      Lp2pMuxerSession *session = by->driver->session;

      session->klass->stream_reset (session, by->stream, 0x1234);
      session->klass->stream_reset (session, by->stream, 0x1235);
      until (self, other->failed);
      check_reset (self, other->driver, other, has (self, LP2P_MUXER_CODES) ? 0x1234 : 0);
      g_assert_cmpint (session->klass->stream_get_error (session, by->stream, LP2P_READY_READ, NULL) != NULL, ==, TRUE);
      check_reset (self, by->driver, by, 0);
      g_assert_cmpint (get_state (self->a), ==, LP2P_SESSION_READY);
    }
  move_bytes (self, 1000);
}

/* Who waits for room finds out. */
static void
test_reset_while_blocked (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;
  Lp2pMuxerSession *session;

  connect_sessions (self);
  stream = open_pair (self, &accepted);
  accepted->read = FALSE;
  driver_stream_send (stream, TOO_MUCH, FALSE);
  test_world_advance (self->world, 50000);
  g_assert_cmpuint (stream->to_write, >, 0);

  session = self->b->session;
  session->klass->stream_reset (session, accepted->stream, 5);
  driver_stream_release (accepted);
  until (self, stream->failed && stream->write_failed);
  move_bytes (self, 1000);
}

static void
test_stop_reading (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;
  Lp2pMuxerSession *session;
  guint32 code = 99;
  char byte;

  connect_sessions (self);
  stream = open_pair (self, &accepted);
  session = self->b->session;
  session->klass->stream_stop_reading (session, accepted->stream, 0x77);
  g_assert_cmpint (driver_stream_read (accepted, &byte, 1), <=, 0);

  /* What comes is dropped: it is in nobody's way. */
  driver_stream_send (stream, 5000000, FALSE);
  if (has (self, LP2P_MUXER_STOP_READING))
    {
      until (self, stream->write_failed);
      g_assert_nonnull (self->a->session->klass->stream_get_error (self->a->session, stream->stream,
                                                                   LP2P_READY_WRITE, &code));
      g_assert_cmpuint (code, ==, has (self, LP2P_MUXER_CODES) ? 0x77 : 0);
    }
  else
    until (self, stream->write_failed || stream->to_write == 0);
  g_assert_cmpuint (accepted->n_received, ==, 1);

  /* Our direction goes on where the peer's end lets it. */
  if (has (self, LP2P_MUXER_STOP_READING))
    {
      driver_stream_send (accepted, 1000, TRUE);
      until (self, stream->ended);
      g_assert_cmpuint (stream->n_received, ==, 1000);
    }
  move_bytes (self, 10000);
}

/* Back-pressure */

static void
test_back_pressure (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;
  guint64 sent;

  connect_sessions (self);
  stream = open_pair (self, &accepted);
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

  if (has (self, LP2P_MUXER_BACKPRESSURE))
    move_bytes (self, 1000000);

  stream->to_write = 1000000;
  accepted->read = TRUE;
  accepted->ready = LP2P_READY_READ;
  driver_stream_want (accepted, LP2P_READY_READ);
  lp2p_job_queue (&self->b->run);
  until (self, stream->to_write == 0 && accepted->n_received == stream->n_written);
  move_bytes (self, 10000);
}

/* A peer that opens a stream and is never accepted or read cannot fill memory
 * either. */
static void
test_not_accepted (Fixture *self, gconstpointer data)
{
  DriverStream *stream;

  connect_sessions (self);
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
test_budget (Fixture *self, gconstpointer data)
{
  /* What one peek yields is handled as a whole, also the one that exhausts the budget:
   * the largest sum is that of a peek more than there was budget for but one byte. */
  enum { BUDGET = 1000, PEEK = 100 };
  static const Lp2pMemoryOptions line = { .short_reads = PEEK };
  DriverStream *stream;
  DriverStream *accepted;
  Lp2pMuxerSession *session;
  gboolean more = TRUE;

  connect_with (self, &line, 1000);
  stream = open_pair (self, &accepted);
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

/* Many */

static void
open_more (Fixture *self, guint *opened, guint until_n)
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
test_many_streams (Fixture *self, gconstpointer data)
{
  guint n = MANY_STREAMS;
  guint opened = 0;

  connect_with (self, NULL, MANY_STREAMS + 10);
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
  while (self->a->streams->len > 0)
    driver_stream_release (session_driver_get (self->a, self->a->streams->len - 1));
  test_world_advance (self->world, 10000);
  while (self->b->streams->len > 0)
    driver_stream_release (session_driver_get (self->b, self->b->streams->len - 1));
  move_bytes (self, 1000);
}

/* One stream more than the other side allows: that one is refused. */
static void
test_too_many (Fixture *self, gconstpointer data)
{
  guint opened = 0;

  connect_with (self, NULL, 5);
  for (guint i = 0; i < 20; i++)
    {
      open_more (self, &opened, opened + 1);
      test_world_advance (self->world, 2000);
    }
  test_world_advance (self->world, 100000);
  g_assert_cmpuint (self->b->streams->len, ==, 5);
  for (guint i = 5; i < self->a->streams->len; i++)
    g_assert_true (session_driver_get (self->a, i)->failed);
  g_assert_cmpint (get_state (self->a), ==, LP2P_SESSION_READY);

  /* Those that went make room. */
  while (self->a->streams->len > 0)
    driver_stream_release (session_driver_get (self->a, 0));
  until (self, session_driver_get (self->b, 4)->failed);
  while (self->b->streams->len > 0)
    driver_stream_release (session_driver_get (self->b, 0));
  test_world_advance (self->world, 10000);
  move_bytes (self, 1000);
}

/* Release */

/* What was written and ended arrives, whoever still holds the stream. */
static void
test_release_delivers (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;
  guint64 sent;

  connect_sessions (self);
  stream = open_pair (self, &accepted);
  accepted->read = FALSE;
  driver_stream_send (stream, 150000, TRUE);
  sent = stream->n_written;
  g_assert_cmpuint (stream->to_write, ==, 0);
  driver_stream_release (stream);
  test_world_advance (self->world, 10000);
  accepted->read = TRUE;
  accepted->ready = LP2P_READY_READ;
  driver_stream_want (accepted, LP2P_READY_READ);
  lp2p_job_queue (&self->b->run);
  until (self, accepted->ended);
  g_assert_cmpuint (accepted->n_received, ==, sent);
}

/* An unfinished direction must not look finished. */
static void
test_release_unfinished (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;

  connect_sessions (self);
  stream = open_pair (self, &accepted);
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
bring_into_state (Fixture *self, DriverStream *stream, DriverStream *accepted, StreamState state)
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
test_release_any_state (Fixture *self, gconstpointer data)
{
  connect_sessions (self);
  for (StreamState state = 0; state < N_STATES; state++)
    for (guint first = 0; first < 2; first++)
      {
        DriverStream *accepted;
        DriverStream *stream = open_pair (self, &accepted);

        bring_into_state (self, stream, accepted, state);
        driver_stream_release (first == 0 ? stream : accepted);
        if (state % 2 == 0)
          test_world_advance (self->world, 10000);
        driver_stream_release (first == 0 ? accepted : stream);
        test_world_advance (self->world, 10000);
        g_assert_cmpint (get_state (self->a), ==, LP2P_SESSION_READY);
        g_assert_cmpint (get_state (self->b), ==, LP2P_SESSION_READY);
        g_assert_cmpuint (self->a->streams->len + self->b->streams->len, ==, 0);
      }
  move_bytes (self, 10000);
}

/* Release without a word on the line: before anything was pumped. */
static void
test_release_at_once (Fixture *self, gconstpointer data)
{
  connect_sessions (self);
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
  while (self->b->streams->len > 0)
    driver_stream_release (session_driver_get (self->b, 0));
  move_bytes (self, 1000);
}

/* The end of the session */

static void
check_closed (SessionDriver *driver)
{
  Lp2pMuxerStream *stream;

  g_assert_cmpuint (driver->n_closed, ==, 1);
  g_assert_cmpint (get_state (driver), ==, LP2P_SESSION_CLOSED);
  g_assert_cmpint (driver->session->klass->open (driver->session, &stream), ==, LP2P_IO_FAILED);
  if (driver->session->klass->get_next_timeout != NULL)
    g_assert_cmpint (driver->session->klass->get_next_timeout (driver->session), ==, -1);
}

static void
test_close (Fixture *self, gconstpointer data)
{
  connect_sessions (self);
  move_bytes (self, 1000);
  while (self->a->streams->len > 0)
    driver_stream_release (session_driver_get (self->a, 0));
  while (self->b->streams->len > 0)
    driver_stream_release (session_driver_get (self->b, 0));
  test_world_advance (self->world, 10000);

  self->a->session->klass->close (self->a->session, 0, "enough");
  lp2p_job_queue (&self->a->pump);
  until (self, self->a->n_closed > 0);
  check_closed (self->a);
  g_assert_null (get_error (self->a));

  /* Its owner frees it now. */
  session_driver_free (g_steal_pointer (&self->a));
  until (self, self->b->n_closed > 0);
  check_closed (self->b);
  g_assert_null (get_error (self->b));
}

/* What was delivered before can be read after the session's end. */
static void
check_queued (Fixture *self, DriverStream *accepted)
{
  until (self, self->b->n_closed > 0);
  accepted->read = TRUE;
  accepted->ready = LP2P_READY_READ;
  lp2p_job_queue (&self->b->run);
  until (self, accepted->failed || accepted->ended);
  g_assert_cmpuint (accepted->n_received, ==, 20001);
  g_assert_true (accepted->failed);
  g_assert_nonnull (self->b->session->klass->stream_get_error (self->b->session, accepted->stream,
                                                               LP2P_READY_READ, NULL));
  g_assert_cmpint (driver_stream_write (accepted, "x", 1), ==, LP2P_IO_FAILED);
}

static void
test_close_with_data (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;

  connect_sessions (self);
  stream = open_pair (self, &accepted);
  accepted->read = FALSE;
  driver_stream_send (stream, 20000, FALSE);
  self->a->session->klass->close (self->a->session, 0, "enough");
  lp2p_job_queue (&self->a->pump);
  until (self, self->a->n_closed > 0);
  session_driver_free (g_steal_pointer (&self->a));
  check_queued (self, accepted);
  check_closed (self->b);
}

static void
test_abort_with_data (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;

  connect_sessions (self);
  stream = open_pair (self, &accepted);
  accepted->read = FALSE;
  driver_stream_send (stream, 20000, FALSE);
  test_world_advance (self->world, 10000);
  self->a->session->klass->abort (self->a->session, 3);
  test_world_settle (self->world);
  check_closed (self->a);
  g_assert_nonnull (get_error (self->a));
  check_queued (self, accepted);
  check_closed (self->b);
  g_assert_nonnull (get_error (self->b));
}

/* So it is with a stream that was not accepted before. */
static void
test_accept_after_end (Fixture *self, gconstpointer data)
{
  connect_sessions (self);
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
test_peer_vanishes (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;

  connect_sessions (self);
  stream = open_pair (self, &accepted);
  driver_stream_send (stream, 100, FALSE);
  session_driver_free (g_steal_pointer (&self->a));
  until (self, self->b->n_closed > 0);
  check_closed (self->b);
  until (self, accepted->failed);
  g_assert_nonnull (get_error (self->b));
}

static void
test_line_breaks (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;

  connect_sessions (self);
  stream = open_pair (self, &accepted);
  accepted->read = FALSE;
  driver_stream_send (stream, TOO_MUCH, FALSE);
  test_world_advance (self->world, 10000);
  lp2p_memory_pipe_break (self->layers[0]);
  until (self, self->a->n_closed > 0 && stream->failed && stream->write_failed);
  check_closed (self->a);
  g_assert_nonnull (get_error (self->a));
}

static void
test_close_twice (Fixture *self, gconstpointer data)
{
  connect_sessions (self);
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
test_close_stuck (Fixture *self, gconstpointer data)
{
  DriverStream *stream;

  connect_sessions (self);
  stream = session_driver_open (self->a);
  lp2p_memory_pipe_set_stalled (self->layers[0], TRUE);
  driver_stream_send (stream, TOO_MUCH, FALSE);
  test_world_advance (self->world, 10000);
  self->a->session->klass->close (self->a->session, 0, "enough");
  lp2p_job_queue (&self->a->pump);
  until (self, self->a->n_closed > 0);
  check_closed (self->a);
}

/* Freed at every step of an exchange. */
static void
test_free_any_time (Fixture *self, gconstpointer data)
{
  for (guint stop = 0; stop < 40; stop++)
    {
      connect_sessions (self);
      for (guint i = 0; i < 5; i++)
        {
          DriverStream *stream = session_driver_open (self->a);

          stream->read = TRUE;
          driver_stream_send (stream, 100000, i % 2 == 0);
        }
      for (guint i = 0; i < stop; i++)
        g_main_context_iteration (self->world->context, FALSE);
      disconnect (self);
    }
}

static void
test_has_unsent (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;
  Lp2pMuxerSession *session;

  connect_sessions (self);
  session = self->a->session;
  if (session->klass->has_unsent == NULL)
    {
      g_test_skip ("does not tell what has not left");
      return;
    }
  stream = open_pair (self, &accepted);
  test_world_advance (self->world, 10000);
  g_assert_false (session->klass->has_unsent (session));
  lp2p_memory_pipe_set_stalled (self->layers[0], TRUE);
  driver_stream_send (stream, 5000, TRUE);
  driver_stream_release (stream);
  g_assert_true (session->klass->has_unsent (session));
  test_world_advance (self->world, 10000);
  g_assert_true (session->klass->has_unsent (session));
  lp2p_memory_pipe_set_stalled (self->layers[0], FALSE);
  until (self, accepted->ended);
  test_world_advance (self->world, 10000);
  g_assert_false (session->klass->has_unsent (session));
}

/* An hour of silence changes nothing. */
static void
test_idle (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  DriverStream *accepted;

  connect_sessions (self);
  stream = open_pair (self, &accepted);
  for (guint i = 0; i < 360; i++)
    {
      test_world_jump (self->world, 10 * G_USEC_PER_SEC);
      test_world_settle (self->world);
    }
  g_assert_cmpint (get_state (self->a), ==, LP2P_SESSION_READY);
  driver_stream_send (stream, 1000, TRUE);
  until (self, accepted->ended);
}

/* What it says to a stream is no pattern, so that nobody reads it. */
static void
test_garbage (Fixture *self, gconstpointer data)
{
  for (guint32 seed = 0; seed < 200; seed++)
    {
      GRand *random = g_rand_new_with_seed (seed);
      guint8 bytes[5000];
      gsize size = g_rand_int_range (random, 1, sizeof bytes);
      Lp2pMemoryEnd one = { self->contexts[0]->loop, NULL, NULL };
      Lp2pMemoryEnd two = { self->contexts[1]->loop, NULL, NULL };

      disconnect (self);
      g_assert_true (lp2p_memory_pipe_new (&one, &two, &self->layers[0], &self->layers[1], NULL));
      self->b = start_session (self, 1, 100);
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

static const struct
{
  const char *name;
  void (*test) (Fixture *self, gconstpointer data);
} tests[] = {
  { "open", test_open },
  { "both-ways", test_both_ways },
  { "lines", test_lines },
  { "direct-input", test_direct_input },
  { "one-byte", test_one_byte },
  { "vectors", test_vectors },
  { "both-open", test_both_open },
  { "half-close", test_half_close },
  { "end-under-pressure", test_end_under_pressure },
  { "reset", test_reset },
  { "reset-while-blocked", test_reset_while_blocked },
  { "stop-reading", test_stop_reading },
  { "back-pressure", test_back_pressure },
  { "not-accepted", test_not_accepted },
  { "budget", test_budget },
  { "many-streams", test_many_streams },
  { "too-many", test_too_many },
  { "release-delivers", test_release_delivers },
  { "release-unfinished", test_release_unfinished },
  { "release-any-state", test_release_any_state },
  { "release-at-once", test_release_at_once },
  { "close", test_close },
  { "close-with-data", test_close_with_data },
  { "abort-with-data", test_abort_with_data },
  { "accept-after-end", test_accept_after_end },
  { "peer-vanishes", test_peer_vanishes },
  { "line-breaks", test_line_breaks },
  { "close-twice", test_close_twice },
  { "close-stuck", test_close_stuck },
  { "free-any-time", test_free_any_time },
  { "has-unsent", test_has_unsent },
  { "idle", test_idle },
  { "garbage", test_garbage },
};

void
lp2p_test_add_muxer (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strdup_printf ("/muxer/%s/%s", name, tests[i].name);

      g_test_add (path, Fixture, g_intern_string (name), set_up, tests[i].test, tear_down);
    }
}
