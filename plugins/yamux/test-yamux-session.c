/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two sessions with each other. */

#include <malloc.h>

#include <lp2p/interfaces/lp2p-connection.h>

#include "lp2p-yamux-session-private.h"
#include "yamux-fixture.h"

#define KIB    1024
#define MIB    (1024 * 1024)
#define MSEC   1000
#define SECOND G_USEC_PER_SEC

/* Both directions of one stream, over each kind of layer. */

typedef struct
{
  const char *name;
  MemoryLayerOptions layer;
  guint64 size;
  gsize take;
} Transfer;

static const Transfer transfers[] = {
  { "/yamux/transfer/plain", { 0 }, 3 * MIB, 0 },
  { "/yamux/transfer/direct", { 0 }, 3 * MIB, G_MAXSIZE },
  { "/yamux/transfer/partly-direct", { 0 }, 3 * MIB, 1000 },
  { "/yamux/transfer/empty", { 0 }, 0, 0 },
  { "/yamux/transfer/byte", { 0 }, 1, 0 },
  { "/yamux/transfer/single-byte-reads", { .max_peek = 1 }, 300 * KIB, 0 },
  { "/yamux/transfer/eleven-byte-reads", { .max_peek = 11 }, 300 * KIB, 7 },
  { "/yamux/transfer/single-byte-writes", { .max_step = 1 }, 20 * KIB, 0 },
  { "/yamux/transfer/odd-writes", { .max_step = 1009 }, 300 * KIB, 0 },
  { "/yamux/transfer/tiny-room", { .capacity = 40 }, 100 * KIB, 0 },
  { "/yamux/transfer/all-small", { .capacity = 100, .max_step = 13, .max_peek = 5 }, 20 * KIB, 3 },
};

static void
test_transfer (gconstpointer data)
{
  const Transfer *transfer = data;
  DriverStream *there;
  DriverStream *here;
  Fixture f;

  fixture_init (&f, &transfer->layer);
  fixture_start (&f, TRUE);
  f.pair.b->auto_take = transfer->take;

  here = session_driver_open (f.pair.a);
  here->read = TRUE;
  here->take = transfer->take;
  driver_stream_want (here, LP2P_READY_READ);
  driver_stream_send (here, transfer->size, TRUE);
  session_pair_run (&f.pair);

  there = session_driver_get (f.pair.b, 0);
  g_assert_nonnull (there);
  g_assert_cmpuint (there->n_received, ==, transfer->size);
  g_assert_true (there->ended);
  g_assert_false (here->ended);

  driver_stream_send (there, transfer->size, TRUE);
  session_pair_run (&f.pair);
  g_assert_cmpuint (here->n_received, ==, transfer->size);
  g_assert_true (here->ended);
  g_assert_false (here->failed || there->failed);
  g_assert_null (driver_stream_get_error (here, LP2P_READY_READ, NULL));

  driver_stream_release (here);
  driver_stream_release (there);
  session_pair_run (&f.pair);
  g_assert_cmpuint (session_pair_count_streams (f.pair.a), ==, 0);
  g_assert_cmpuint (session_pair_count_streams (f.pair.b), ==, 0);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_READY);
  fixture_clear (&f);
}

/* What comes behind the record of a frame's head is put where it is to be. */
static void
test_placed (void)
{
  DriverStream *there;
  DriverStream *here;
  Fixture f;

  fixture_init (&f, &(MemoryLayerOptions){ .max_peek = 4000 });
  fixture_start (&f, TRUE);
  f.pair.b->auto_take = G_MAXSIZE;
  f.pair.b->places = TRUE;
  here = session_driver_open (f.pair.a);
  driver_stream_send (here, MIB, TRUE);
  session_pair_run (&f.pair);

  there = session_driver_get (f.pair.b, 0);
  g_assert_cmpuint (there->n_received, ==, MIB);
  g_assert_true (there->ended);
  g_assert_cmpuint (f.pair.b->n_placed, >, MIB / 2);
  fixture_clear (&f);
}

/* A reader who does not read stops one stream at its window, and no other. */
static void
test_back_pressure (void)
{
  DriverStream *slow;
  DriverStream *other;
  DriverStream *there;
  Fixture f;

  fixture_init (&f, NULL);
  fixture_start (&f, TRUE);
  f.pair.b->auto_read = FALSE;

  slow = session_driver_open (f.pair.a);
  driver_stream_send (slow, MIB, FALSE);
  session_pair_run (&f.pair);
  g_assert_cmpuint (slow->n_written, ==, LP2P_YAMUX_INITIAL_WINDOW);
  g_assert_cmpint (driver_stream_write (slow, "x", 1), ==, LP2P_IO_AGAIN);

  f.pair.b->auto_read = TRUE;
  other = session_driver_open (f.pair.a);
  driver_stream_send (other, MIB, TRUE);
  session_pair_run (&f.pair);
  g_assert_cmpuint (other->n_written, ==, MIB);
  g_assert_cmpuint (session_driver_get (f.pair.b, 1)->n_received, ==, MIB);
  g_assert_cmpuint (slow->n_written, ==, LP2P_YAMUX_INITIAL_WINDOW);

  there = session_driver_get (f.pair.b, 0);
  there->read = TRUE;
  driver_stream_want (there, LP2P_READY_READ);
  session_pair_run (&f.pair);
  g_assert_cmpuint (slow->n_written, ==, MIB);
  g_assert_cmpuint (there->n_received, ==, MIB);
  fixture_clear (&f);
}

/* Less than half a window is not told to the peer, half of it is. */
static void
test_credit_is_coalesced (void)
{
  g_autofree guint8 *buffer = g_malloc (LP2P_YAMUX_INITIAL_WINDOW);
  DriverStream *here;
  DriverStream *there;
  guint64 written;
  Fixture f;

  fixture_init (&f, NULL);
  f.options.max_window = LP2P_YAMUX_INITIAL_WINDOW;
  fixture_start (&f, TRUE);
  f.pair.b->auto_read = FALSE;
  here = session_driver_open (f.pair.a);
  driver_stream_send (here, MIB, FALSE);
  session_pair_run (&f.pair);

  there = session_driver_get (f.pair.b, 0);
  written = memory_layer_get_written (f.pair.layers[1]);
  for (guint i = 0; i < 8; i++)
    g_assert_cmpint (driver_stream_read (there, buffer, 16 * KIB - 1), ==, 16 * KIB - 1);
  session_pair_run (&f.pair);
  g_assert_cmpuint (memory_layer_get_written (f.pair.layers[1]), ==, written);
  g_assert_cmpint (driver_stream_read (there, buffer, 8), ==, 8);
  session_pair_run (&f.pair);
  g_assert_cmpuint (memory_layer_get_written (f.pair.layers[1]), ==, written + LP2P_YAMUX_HEADER_SIZE);
  g_assert_cmpuint (here->n_written, ==, LP2P_YAMUX_INITIAL_WINDOW + LP2P_YAMUX_INITIAL_WINDOW / 2);
  fixture_clear (&f);
}

/* Returns the virtual time that a transfer over a long path takes. */
static gint64
time_transfer (guint64 size, guint32 max_window, gsize budget, guint32 *window)
{
  MemoryLayerOptions layer = { .capacity = 64 * MIB, .latency = 30 * MSEC };
  DriverStream *here;
  DriverStream *there;
  gint64 start;
  gsize kept;
  Fixture f;

  fixture_init (&f, &layer);
  f.options.max_window = max_window;
  fixture_start (&f, TRUE);
  kept = f.pair.budget - budget;
  f.pair.budget = budget;
  here = session_driver_open (f.pair.a);
  driver_stream_send (here, size, TRUE);
  start = f.pair.now;
  do
    {
      session_pair_pass (&f.pair, MSEC, MSEC);
      there = session_driver_get (f.pair.b, 0);
      g_assert_cmpint (f.pair.now - start, <, 600 * SECOND);
    }
  while (there == NULL || !there->ended);
  g_assert_cmpuint (there->n_received, ==, size);
  *window = ((Lp2pYamuxStream *) there->stream)->window.size;

  f.pair.budget += kept;
  start = f.pair.now - start;
  fixture_clear (&f);
  return start;
}

static void
test_window_growth (void)
{
  guint32 window;
  gint64 fixed = time_transfer (16 * MIB, LP2P_YAMUX_INITIAL_WINDOW, 100 * MIB, &window);
  gint64 grown;

  /* One window in a round trip of 60 ms. */
  g_assert_cmpuint (window, ==, LP2P_YAMUX_INITIAL_WINDOW);
  g_assert_cmpint (fixed, >, 60 * 60 * MSEC);

  grown = time_transfer (16 * MIB, 16 * MIB, 100 * MIB, &window);
  g_assert_cmpuint (window, >=, 4 * MIB);
  g_assert_cmpuint (window, <=, 16 * MIB);
  g_assert_cmpint (grown, <, fixed / 4);

  /* Memory that is not there ends the growth, not the stream. */
  grown = time_transfer (16 * MIB, 16 * MIB, MIB, &window);
  g_assert_cmpuint (window, ==, MIB);
  g_assert_cmpint (grown, >, fixed / 8);
}

/* A reader who takes as much as comes leaves the window as it is. */
static void
test_window_stays (void)
{
  MemoryLayerOptions layer = { .capacity = MIB, .latency = 10 * MSEC };
  DriverStream *here;
  Fixture f;

  fixture_init (&f, &layer);
  fixture_start (&f, TRUE);
  here = session_driver_open (f.pair.a);
  for (guint i = 0; i < 200; i++)
    {
      driver_stream_send (here, 16 * KIB, FALSE);
      session_pair_pass (&f.pair, 10 * MSEC, 5 * MSEC);
    }
  g_assert_cmpuint (session_driver_get (f.pair.b, 0)->n_received, ==, 199 * 16 * KIB);
  g_assert_cmpuint (((Lp2pYamuxStream *) session_driver_get (f.pair.b, 0)->stream)->window.size, ==,
                    LP2P_YAMUX_INITIAL_WINDOW);
  fixture_clear (&f);
}

static void
test_ack_backlog (void)
{
  Lp2pMuxerStream *handle;
  Fixture f;

  fixture_init (&f, NULL);
  fixture_start (&f, TRUE);
  f.pair.b->auto_accept = FALSE;
  for (guint i = 0; i < 256; i++)
    g_assert_nonnull (session_driver_open (f.pair.a));
  session_pair_run (&f.pair);
  g_assert_cmpint (f.pair.a->session->klass->open (f.pair.a->session, &handle), ==, LP2P_IO_AGAIN);
  g_assert_null (handle);
  g_assert_cmpuint (f.pair.b->n_incoming, ==, 256);
  g_assert_cmpuint (f.pair.a->n_can_open, ==, 0);

  g_assert_nonnull (session_driver_accept (f.pair.b));
  session_pair_run (&f.pair);
  g_assert_cmpuint (f.pair.a->n_can_open, ==, 1);
  g_assert_nonnull (session_driver_open (f.pair.a));
  g_assert_null (session_driver_open (f.pair.a));

  /* A stream that is gone waits for no answer. */
  driver_stream_release (session_driver_get (f.pair.a, 255));
  session_pair_run (&f.pair);
  g_assert_cmpuint (f.pair.a->n_can_open, ==, 2);
  g_assert_nonnull (session_driver_open (f.pair.a));
  fixture_clear (&f);
}

static gsize
get_allocated (void)
{
#if defined(__SANITIZE_ADDRESS__)
  return 0;
#else
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
#endif
}

static void
test_many_streams (void)
{
  const guint n = 10000;
  Fixture f;

  g_assert_cmpuint (sizeof (Lp2pYamuxStream), <=, 208);
  g_assert_cmpuint (sizeof (Lp2pYamuxSession), <=, 640);

  fixture_init (&f, NULL);
  f.options.max_streams = n;
  fixture_start (&f, TRUE);
  f.pair.b->auto_echo_end = TRUE;
  for (guint i = 0; i < n; i++)
    {
      DriverStream *stream = session_driver_open (f.pair.a);

      g_assert_nonnull (stream);
      stream->read = TRUE;
      driver_stream_send (stream, 100, FALSE);
      if (i % 200 == 199)
        session_pair_run (&f.pair);
    }
  session_pair_run (&f.pair);
  g_assert_cmpuint (f.pair.b->streams->len, ==, n);
  for (guint i = 0; i < n; i++)
    {
      g_assert_cmpuint (session_driver_get (f.pair.b, i)->n_received, ==, 100);
      driver_stream_finish (session_driver_get (f.pair.a, i));
    }
  session_pair_run (&f.pair);
  for (guint i = 0; i < n; i++)
    {
      driver_stream_want (session_driver_get (f.pair.a, i), LP2P_READY_READ);
      g_assert_true (session_driver_get (f.pair.b, i)->ended);
    }
  session_pair_run (&f.pair);
  g_assert_true (session_driver_get (f.pair.a, n - 1)->ended);

  while (f.pair.b->streams->len > 0)
    driver_stream_release (session_driver_get (f.pair.b, f.pair.b->streams->len - 1));
  g_assert_cmpuint (session_pair_count_streams (f.pair.b), ==, 0);
  fixture_clear (&f);
}

/* What an open stream and an open session cost while nothing happens. */
static void
test_idle_memory (void)
{
  const guint n = 5000;
  gsize start;
  gsize end;
  gsize wrappers;
  Fixture f;

  fixture_init (&f, NULL);
  f.options.max_streams = n;
  f.options.ack_backlog = n;
  start = get_allocated ();
  {
    Lp2pLayer *a;
    Lp2pLayer *b;
    gsize base;
    Lp2pMuxerSession *session;

    memory_layer_new_pair (f.pair.loop, NULL, &a, &b);
    base = get_allocated ();
    session = lp2p_yamux_session_new (a, LP2P_ROLE_INITIATOR, &f.options);
    end = get_allocated ();
    g_test_message ("session: %" G_GSIZE_FORMAT " bytes", end - base);
    g_assert_cmpuint (end - base, <, 1024);
    lp2p_muxer_session_free (session);
    lp2p_layer_free (b);
  }

  fixture_start (&f, TRUE);
  f.pair.b->auto_accept = FALSE;
  start = get_allocated ();
  for (guint i = 0; i < n; i++)
    g_assert_nonnull (session_driver_open (f.pair.a));
  end = get_allocated ();
  wrappers = n * (sizeof (DriverStream) + 8 + 48 + 16);
  g_test_message ("stream: about %" G_GSIZE_FORMAT " bytes", (end - start - wrappers) / n);

  session_pair_run (&f.pair);
  start = get_allocated ();
  session_pair_run (&f.pair);
  end = get_allocated ();
  g_assert_cmpuint (f.pair.b->n_incoming, ==, n);
  g_assert_cmpuint (end, <=, start);
  fixture_clear (&f);
}

/* Streams that write without end get equal shares. */
static void
test_fairness (void)
{
  const guint n = 8;
  guint64 least = G_MAXUINT64;
  guint64 most = 0;
  DriverStream *late;
  Fixture f;

  fixture_init (&f, &(MemoryLayerOptions){ .capacity = 256 * KIB, .max_step = 32 * KIB });
  fixture_start (&f, TRUE);
  for (guint i = 0; i < n; i++)
    driver_stream_send (session_driver_open (f.pair.a), 256 * MIB, FALSE);
  while (most < 4 * MIB)
    {
      g_main_context_iteration (f.pair.context, FALSE);
      least = G_MAXUINT64;
      for (guint i = 0; i < n; i++)
        {
          DriverStream *stream = session_driver_get (f.pair.a, i);

          least = MIN (least, stream->n_written);
          most = MAX (most, stream->n_written);
        }
    }
  g_test_message ("least %" G_GUINT64_FORMAT ", most %" G_GUINT64_FORMAT, least, most);
  g_assert_cmpuint (least, >, MIB);
  g_assert_cmpuint (most - least, <=, 512 * KIB);

  /* One that has little to say is not kept waiting for them. */
  late = session_driver_open (f.pair.a);
  driver_stream_send (late, 1000, TRUE);
  for (guint i = 0; i < 200 && late->to_write > 0; i++)
    g_main_context_iteration (f.pair.context, FALSE);
  g_assert_cmpuint (late->to_write, ==, 0);
  fixture_clear (&f);
}

static void
test_half_close (void)
{
  DriverStream *here;
  DriverStream *there;
  guint8 byte;
  Fixture f;

  fixture_init (&f, NULL);
  fixture_start (&f, TRUE);
  here = session_driver_open (f.pair.a);
  driver_stream_finish (here);
  g_assert_cmpint (driver_stream_write (here, "x", 1), ==, LP2P_IO_FAILED);
  g_assert_error (driver_stream_get_error (here, LP2P_READY_WRITE, NULL), G_IO_ERROR, G_IO_ERROR_CLOSED);
  session_pair_run (&f.pair);
  there = session_driver_get (f.pair.b, 0);
  g_assert_true (there->ended);
  g_assert_cmpint (driver_stream_read (here, &byte, 1), ==, LP2P_IO_AGAIN);
  driver_stream_send (there, 400 * KIB, TRUE);
  here->read = TRUE;
  driver_stream_want (here, LP2P_READY_READ);
  session_pair_run (&f.pair);
  g_assert_true (here->ended);
  g_assert_cmpuint (here->n_received, ==, 400 * KIB);
  fixture_clear (&f);
}

static void
test_reset (void)
{
  DriverStream *here;
  DriverStream *there;
  guint32 code;
  guint8 byte;
  Fixture f;

  fixture_init (&f, NULL);
  fixture_start (&f, TRUE);
  f.pair.b->auto_read = FALSE;
  here = session_driver_open (f.pair.a);
  driver_stream_send (here, 1000, FALSE);
  session_pair_run (&f.pair);
  there = session_driver_get (f.pair.b, 0);

  f.pair.a->session->klass->stream_reset (f.pair.a->session, here->stream, 0xdeadbeef);
  g_assert_cmpint (driver_stream_read (here, &byte, 1), ==, LP2P_IO_FAILED);
  g_assert_cmpint (driver_stream_write (here, &byte, 1), ==, LP2P_IO_FAILED);
  g_assert_error (driver_stream_get_error (here, LP2P_READY_READ, &code), G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_assert_cmpuint (code, ==, 0);
  session_pair_run (&f.pair);

  /* What was received and not read is lost, as with TCP. */
  g_assert_cmpint (driver_stream_read (there, &byte, 1), ==, LP2P_IO_FAILED);
  g_assert_cmpint (driver_stream_write (there, &byte, 1), ==, LP2P_IO_FAILED);
  g_assert_error (driver_stream_get_error (there, LP2P_READY_READ, &code), LP2P_ERROR, LP2P_ERROR_RESET);
  g_assert_cmpuint (code, ==, 0xdeadbeef);
  g_assert_error (driver_stream_get_error (there, LP2P_READY_WRITE, &code), LP2P_ERROR, LP2P_ERROR_RESET);
  g_assert_cmpuint (code, ==, 0xdeadbeef);
  g_assert_nonnull (strstr (driver_stream_get_error (there, LP2P_READY_READ, NULL)->message, "3735928559"));

  driver_stream_release (there);
  driver_stream_release (here);
  g_assert_cmpuint (session_pair_count_streams (f.pair.a), ==, 0);
  g_assert_cmpuint (session_pair_count_streams (f.pair.b), ==, 0);
  fixture_clear (&f);
}

/* A stream that is dropped without being finished is reset; bytes written to it
 * before still arrive ahead of the reset. */
static void
test_release_unfinished (void)
{
  DriverStream *here;
  DriverStream *there;
  Fixture f;

  fixture_init (&f, NULL);
  fixture_start (&f, TRUE);
  here = session_driver_open (f.pair.a);
  driver_stream_send (here, 1000, FALSE);
  driver_stream_release (here);
  session_pair_run (&f.pair);
  there = session_driver_get (f.pair.b, 0);
  g_assert_null (there);

  /* Never written to, never seen by the peer: not a frame is sent. */
  g_assert_nonnull (session_driver_open (f.pair.a));
  driver_stream_release (session_driver_get (f.pair.a, 0));
  session_pair_run (&f.pair);
  g_assert_cmpuint (f.pair.b->n_incoming, ==, 1);
  g_assert_cmpuint (session_pair_count_streams (f.pair.a), ==, 0);
  g_assert_cmpuint (session_pair_count_streams (f.pair.b), ==, 0);
  fixture_clear (&f);
}

/* A finished stream that is dropped lets the peer end in peace, up to a bound. */
static void
test_release_finished (void)
{
  DriverStream *here;
  DriverStream *there;
  Fixture f;

  fixture_init (&f, NULL);
  fixture_start (&f, TRUE);
  here = session_driver_open (f.pair.a);
  driver_stream_send (here, 1000, TRUE);
  driver_stream_release (here);
  session_pair_run (&f.pair);
  there = session_driver_get (f.pair.b, 0);
  g_assert_cmpuint (there->n_received, ==, 1000);
  g_assert_true (there->ended);
  driver_stream_send (there, 500 * KIB, TRUE);
  session_pair_run (&f.pair);
  g_assert_cmpuint (there->n_written, ==, 500 * KIB);
  g_assert_null (driver_stream_get_error (there, LP2P_READY_READ, NULL));
  g_assert_cmpuint (session_pair_count_streams (f.pair.a), ==, 0);
  driver_stream_release (there);

  here = session_driver_open (f.pair.a);
  driver_stream_send (here, 1000, TRUE);
  driver_stream_release (here);
  session_pair_run (&f.pair);
  there = session_driver_get (f.pair.b, 0);
  driver_stream_send (there, 10 * MIB, TRUE);
  session_pair_run (&f.pair);
  g_assert_true (there->write_failed);
  g_assert_cmpuint (there->n_written, <, 2 * MIB);
  g_assert_cmpuint (session_pair_count_streams (f.pair.a), ==, 0);
  fixture_clear (&f);
}

static void
test_stop_reading (void)
{
  DriverStream *here;
  DriverStream *there;
  guint32 code;
  guint8 byte;
  Fixture f;

  fixture_init (&f, NULL);
  fixture_start (&f, TRUE);
  here = session_driver_open (f.pair.a);
  driver_stream_send (here, 10, FALSE);
  session_pair_run (&f.pair);
  there = session_driver_get (f.pair.b, 0);
  driver_stream_send (there, 100 * KIB, FALSE);
  session_pair_run (&f.pair);
  f.pair.a->session->klass->stream_stop_reading (f.pair.a->session, here->stream, 77);
  g_assert_cmpint (driver_stream_read (here, &byte, 1), ==, 0);

  /* Our direction goes on. */
  driver_stream_send (here, 400 * KIB, FALSE);
  driver_stream_send (there, 800 * KIB, FALSE);
  session_pair_run (&f.pair);
  g_assert_cmpuint (there->n_written, ==, 900 * KIB);
  g_assert_cmpuint (there->n_received, ==, 400 * KIB + 10);

  driver_stream_send (there, 4 * MIB, FALSE);
  session_pair_run (&f.pair);
  g_assert_true (there->write_failed);
  g_assert_error (driver_stream_get_error (there, LP2P_READY_WRITE, &code), LP2P_ERROR, LP2P_ERROR_RESET);
  g_assert_cmpuint (code, ==, 77);
  g_assert_error (driver_stream_get_error (here, LP2P_READY_WRITE, &code), LP2P_ERROR, LP2P_ERROR_RESET);
  fixture_clear (&f);
}

/* Unread bytes count against the memory of the host. */
static void
test_memory_limit (void)
{
  DriverStream *victim;
  gsize kept;
  guint32 code;
  Fixture f;

  fixture_init (&f, NULL);
  fixture_start (&f, TRUE);
  f.pair.b->auto_read = FALSE;
  kept = f.pair.budget - 100 * KIB;
  f.pair.budget = 100 * KIB;
  driver_stream_send (session_driver_open (f.pair.a), 60 * KIB, FALSE);
  session_pair_run (&f.pair);
  victim = session_driver_open (f.pair.a);
  driver_stream_send (victim, 1, FALSE);
  session_pair_run (&f.pair);
  driver_stream_send (victim, 60 * KIB, FALSE);
  session_pair_run (&f.pair);
  g_assert_error (driver_stream_get_error (victim, LP2P_READY_WRITE, &code), LP2P_ERROR, LP2P_ERROR_RESET);
  g_assert_cmpuint (code, ==, LP2P_CODE_STREAM_RESOURCE_LIMIT);
  g_assert_error (driver_stream_get_error (session_driver_get (f.pair.b, 1), LP2P_READY_READ, NULL), LP2P_ERROR,
                  LP2P_ERROR_LIMIT);
  g_assert_null (driver_stream_get_error (session_driver_get (f.pair.b, 0), LP2P_READY_READ, NULL));

  session_driver_get (f.pair.b, 0)->read = TRUE;
  driver_stream_want (session_driver_get (f.pair.b, 0), LP2P_READY_READ);
  session_pair_run (&f.pair);
  g_assert_cmpuint (session_driver_get (f.pair.b, 0)->n_received, ==, 60 * KIB);
  g_assert_cmpuint (f.pair.budget, ==, 100 * KIB);
  f.pair.budget += kept;
  fixture_clear (&f);
}

/* Memory that is reserved for a grown window is free as soon as nothing more is kept of
 * what comes, and where the peer leaves the window unused. */
static void
test_window_is_given_back (void)
{
  MemoryLayerOptions layer = { .capacity = 64 * MIB, .latency = 30 * MSEC };

  for (guint way = 0; way < 5; way++)
    {
      Lp2pMuxerSession *session;
      DriverStream *here;
      DriverStream *there;
      gsize budget;
      Fixture f;

      fixture_init (&f, &layer);
      budget = f.pair.budget;
      fixture_start (&f, TRUE);
      session = f.pair.b->session;
      here = session_driver_open (f.pair.a);
      driver_stream_send (here, 16 * MIB, FALSE);
      session_pair_pass (&f.pair, 20 * SECOND, MSEC);
      there = session_driver_get (f.pair.b, 0);
      g_assert_cmpuint (there->n_received, ==, 16 * MIB);
      g_assert_cmpuint (f.pair.budget, <, budget - 2 * MIB);

      if (way == 0)
        driver_stream_finish (here);
      else if (way == 1)
        session->klass->stream_stop_reading (session, there->stream, 0);
      else if (way == 2)
        session->klass->close (session, 0, NULL);
      else if (way == 3)
        memory_layer_break (f.pair.layers[1]);
      session_pair_pass (&f.pair, way == 4 ? 60 * SECOND : SECOND, SECOND / 2);
      g_assert_cmpuint (f.pair.budget, ==, budget);
      fixture_clear (&f);
    }
}

/* A window that was left unused is reserved again when it is used again; where there is
 * no memory, it is as small as in the beginning as soon as the peer has used it up. */
static void
test_idle_window_comes_back (void)
{
  MemoryLayerOptions layer = { .capacity = 64 * MIB, .latency = 30 * MSEC };
  Lp2pYamuxStream *there;
  DriverStream *here;
  guint32 window;
  gsize budget;
  Fixture f;

  fixture_init (&f, &layer);
  budget = f.pair.budget;
  fixture_start (&f, TRUE);
  here = session_driver_open (f.pair.a);
  driver_stream_send (here, 16 * MIB, FALSE);
  session_pair_pass (&f.pair, 70 * SECOND, 10 * MSEC);
  there = (Lp2pYamuxStream *) session_driver_get (f.pair.b, 0)->stream;
  window = there->window.size;
  g_assert_cmpuint (f.pair.budget, ==, budget);

  driver_stream_send (here, window, FALSE);
  session_pair_pass (&f.pair, SECOND, 10 * MSEC);
  g_assert_cmpuint (there->window.size, >=, window);
  g_assert_cmpuint (f.pair.budget, ==, budget - there->window.size + LP2P_YAMUX_INITIAL_WINDOW);

  session_pair_pass (&f.pair, 60 * SECOND, SECOND);
  g_assert_cmpuint (f.pair.budget, ==, budget);
  f.pair.budget = MIB;
  for (guint64 sent = 0; sent < 2 * (guint64) window; sent += 128 * KIB)
    {
      driver_stream_send (here, 128 * KIB, FALSE);
      session_pair_pass (&f.pair, 10 * MSEC, 10 * MSEC);
    }
  session_pair_pass (&f.pair, SECOND, 10 * MSEC);
  g_assert_cmpuint (there->window.size, <=, MIB);
  g_assert_cmpuint (here->to_write, ==, 0);
  g_assert_null (driver_stream_get_error (here, LP2P_READY_WRITE, NULL));
  f.pair.budget += budget - MIB;
  fixture_clear (&f);
}

/* Odd and even ids never meet. */
static void
test_both_open (void)
{
  Fixture f;

  fixture_init (&f, NULL);
  fixture_start (&f, TRUE);
  f.pair.a->auto_accept = TRUE;
  f.pair.a->auto_read = TRUE;
  for (guint i = 0; i < 50; i++)
    {
      driver_stream_send (session_driver_open (f.pair.a), 1000 + i, TRUE);
      driver_stream_send (session_driver_open (f.pair.b), 2000 + i, TRUE);
    }
  session_pair_run (&f.pair);
  g_assert_cmpuint (f.pair.a->streams->len, ==, 100);
  g_assert_cmpuint (f.pair.b->streams->len, ==, 100);
  for (guint i = 50; i < 100; i++)
    {
      g_assert_true (session_driver_get (f.pair.a, i)->ended);
      g_assert_true (session_driver_get (f.pair.b, i)->ended);
    }
  fixture_clear (&f);
}

/* No id is used twice: when there are none left, the session ends with its streams. */
static void
test_ids_run_out (void)
{
  DriverStream *last;
  Fixture f;

  fixture_init (&f, NULL);
  fixture_start (&f, TRUE);
  ((Lp2pYamuxSession *) f.pair.a->session)->next_id = G_MAXUINT32;
  last = session_driver_open (f.pair.a);
  driver_stream_send (last, 10, FALSE);
  session_pair_run (&f.pair);
  g_assert_cmpuint (session_driver_get (f.pair.b, 0)->n_received, ==, 10);
  g_assert_null (session_driver_open (f.pair.a));
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSING);
  driver_stream_send (last, 10, TRUE);
  driver_stream_send (session_driver_get (f.pair.b, 0), 20, TRUE);
  last->read = TRUE;
  driver_stream_want (last, LP2P_READY_READ);
  session_pair_run (&f.pair);
  g_assert_cmpuint (last->n_received, ==, 20);
  g_assert_cmpuint (session_driver_get (f.pair.b, 0)->n_received, ==, 20);
  g_assert_cmpint (session_driver_get_state (f.pair.a), ==, LP2P_SESSION_CLOSED);
  g_assert_null (session_driver_get_error (f.pair.a, NULL));
  g_assert_null (session_driver_get_error (f.pair.b, NULL));
  fixture_clear (&f);
}

static void
test_many_vectors (void)
{
  GOutputVector vectors[300];
  guint8 bytes[300];
  DriverStream *here;
  Fixture f;

  fixture_init (&f, NULL);
  fixture_start (&f, TRUE);
  here = session_driver_open (f.pair.a);
  for (guint i = 0; i < 300; i++)
    {
      bytes[i] = i % 251;
      vectors[i] = (GOutputVector){ bytes + i, 1 };
    }
  g_assert_cmpint (f.pair.a->session->klass->stream_writev (f.pair.a->session, here->stream, vectors, 300),
                   ==, 300);
  vectors[0].size = 0;
  g_assert_cmpint (f.pair.a->session->klass->stream_writev (f.pair.a->session, here->stream, vectors, 1), ==,
                   0);
  session_pair_run (&f.pair);
  g_assert_cmpuint (session_driver_get (f.pair.b, 0)->n_received, ==, 300);
  fixture_clear (&f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (transfers); i++)
    g_test_add_data_func (transfers[i].name, &transfers[i], test_transfer);
  g_test_add_func ("/yamux/transfer/placed", test_placed);
  g_test_add_func ("/yamux/flow/back-pressure", test_back_pressure);
  g_test_add_func ("/yamux/flow/coalesced", test_credit_is_coalesced);
  g_test_add_func ("/yamux/flow/growth", test_window_growth);
  g_test_add_func ("/yamux/flow/no-growth", test_window_stays);
  g_test_add_func ("/yamux/flow/fairness", test_fairness);
  g_test_add_func ("/yamux/flow/memory-limit", test_memory_limit);
  g_test_add_func ("/yamux/flow/given-back", test_window_is_given_back);
  g_test_add_func ("/yamux/flow/comes-back", test_idle_window_comes_back);
  g_test_add_func ("/yamux/streams/ack-backlog", test_ack_backlog);
  g_test_add_func ("/yamux/streams/many", test_many_streams);
  g_test_add_func ("/yamux/streams/idle-memory", test_idle_memory);
  g_test_add_func ("/yamux/streams/both-open", test_both_open);
  g_test_add_func ("/yamux/streams/ids-run-out", test_ids_run_out);
  g_test_add_func ("/yamux/streams/many-vectors", test_many_vectors);
  g_test_add_func ("/yamux/streams/half-close", test_half_close);
  g_test_add_func ("/yamux/streams/reset", test_reset);
  g_test_add_func ("/yamux/streams/release-unfinished", test_release_unfinished);
  g_test_add_func ("/yamux/streams/release-finished", test_release_finished);
  g_test_add_func ("/yamux/streams/stop-reading", test_stop_reading);
  return g_test_run ();
}
