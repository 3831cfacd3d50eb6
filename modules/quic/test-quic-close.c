/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How connections end: what was written before that arrives, or there is an error. */

#include "quic-pair.h"

/* Longer than a close waits for the peer, or for what it was not told. */
#define PATIENCE_US (6 * G_USEC_PER_SEC)

typedef QuicPair Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  quic_pair_init (f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  quic_pair_clear (f);
}

static Lp2pSessionState
get_state (Lp2pMuxerSession *session)
{
  return session->klass->get_state (session);
}

/* A stream of the dialer that says hello, and what the listener has of it. */
static Lp2pMuxerStream *
open_pair (Fixture *f, Lp2pMuxerStream **other)
{
  GOutputVector hello = { "hello", 5 };
  guint8 buffer[5];
  GInputVector room = { buffer, sizeof buffer };
  Lp2pMuxerStream *stream = NULL;

  g_assert_cmpint (f->dialed->klass->open (f->dialed, &stream), ==, 0);
  g_assert_cmpint (f->dialed->klass->stream_writev (f->dialed, stream, &hello, 1), ==, 5);
  test_until (f->world, (*other = f->accepted->klass->accept (f->accepted)) != NULL);
  g_assert_cmpint (f->accepted->klass->stream_readv (f->accepted, *other, &room, 1), ==, 5);
  test_world_advance (f->world, G_USEC_PER_SEC);
  return stream;
}

/* Reads @size bytes and the end. */
static void
expect_rest (Fixture *f, Lp2pMuxerStream *other, gsize size)
{
  guint8 buffer[1024];
  GInputVector room = { buffer, sizeof buffer };
  gsize seen = 0;
  gssize n;

  while ((n = f->accepted->klass->stream_readv (f->accepted, other, &room, 1)) > 0)
    seen += n;
  g_assert_cmpint (n, ==, 0);
  g_assert_cmpuint (seen, ==, size);
}

/* Closes, with the line as it is, and tells how long that took. */
static gint64
close_dialed (Fixture *f)
{
  gint64 start = f->world->now;

  f->dialed->klass->close (f->dialed, 0, "");
  while (get_state (f->dialed) != LP2P_SESSION_CLOSED)
    {
      g_assert_cmpint (f->world->now - start, <, 2 * PATIENCE_US);
      test_world_advance (f->world, 50 * G_TIME_SPAN_MILLISECOND);
    }
  return f->world->now - start;
}

static void
write_rest (Fixture *f, Lp2pMuxerStream *stream, gsize size)
{
  g_autofree guint8 *zero = g_malloc0 (size);
  GOutputVector vector = { zero, size };

  if (size > 0)
    {
      g_assert_cmpint (f->dialed->klass->stream_writev (f->dialed, stream, &vector, 1), ==, (gssize) size);
      test_world_settle (f->world);
    }
  g_assert_cmpint (f->dialed->klass->stream_shutdown_write (f->dialed, stream), ==, 0);
  test_world_settle (f->world);
}

/* The end of a stream is lost just before the connection closes: alone, and behind bytes
 * that are lost as well, so that both are sent again in one frame. */
static void
test_lost_end (Fixture *f, gconstpointer data)
{
  gsize size = GPOINTER_TO_UINT (data);
  Lp2pMuxerStream *other, *stream = open_pair (f, &other);

  test_wire_set_deaf (f->wire, TRUE);
  write_rest (f, stream, size);
  test_wire_set_deaf (f->wire, FALSE);
  g_assert_cmpint (close_dialed (f), <, 2 * G_USEC_PER_SEC);
  g_assert_null (f->dialed->klass->get_error (f->dialed, NULL));
  test_until (f->world, get_state (f->accepted) == LP2P_SESSION_CLOSED);
  g_assert_null (f->accepted->klass->get_error (f->accepted, NULL));
  expect_rest (f, other, size);
}

/* Nobody is there any more: whoever closed is told, and so is whoever reads. */
static void
test_undelivered (Fixture *f, gconstpointer data)
{
  gsize size = GPOINTER_TO_UINT (data);
  Lp2pMuxerStream *other, *stream = open_pair (f, &other);
  guint8 byte;
  GInputVector room = { &byte, 1 };

  test_wire_set_deaf (f->wire, TRUE);
  write_rest (f, stream, size);
  g_assert_cmpint (close_dialed (f), <, PATIENCE_US);
  g_assert_error (f->dialed->klass->get_error (f->dialed, NULL), LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
  test_world_advance (f->world, 40 * G_USEC_PER_SEC);
  g_assert_cmpint (get_state (f->accepted), ==, LP2P_SESSION_CLOSED);
  g_assert_cmpint (f->accepted->klass->stream_readv (f->accepted, other, &room, 1), ==, LP2P_IO_FAILED);
}

/* What the peer does not want any more is not waited for. */
static void
test_stopped (Fixture *f, gconstpointer data)
{
  Lp2pMuxerStream *other, *stream = open_pair (f, &other);
  Lp2pMuxerStream *wanted_other, *wanted = open_pair (f, &wanted_other);
  static const guint8 large[1024 * 1024];
  GOutputVector vector = { large, sizeof large };

  /* More than the peer gives credit for. */
  while (f->dialed->klass->stream_writev (f->dialed, stream, &vector, 1) > 0)
    test_world_advance (f->world, 100 * G_TIME_SPAN_MILLISECOND);
  write_rest (f, wanted, 100);
  f->dialed->klass->close (f->dialed, 0, "");
  test_world_advance (f->world, 500 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (get_state (f->dialed), ==, LP2P_SESSION_CLOSING);
  f->accepted->klass->stream_stop_reading (f->accepted, other, 7);
  test_world_advance (f->world, G_USEC_PER_SEC);
  g_assert_cmpint (get_state (f->dialed), ==, LP2P_SESSION_CLOSED);
  g_assert_null (f->dialed->klass->get_error (f->dialed, NULL));
  expect_rest (f, wanted_other, 100);
}

/* A peer that reads all and goes is not one that lost it. */
static void
test_both (Fixture *f, gconstpointer data)
{
  Lp2pMuxerStream *other, *stream = open_pair (f, &other);

  write_rest (f, stream, 100);
  f->dialed->klass->close (f->dialed, 0, "");
  f->accepted->klass->close (f->accepted, 0, "");
  test_until (f->world, get_state (f->dialed) == LP2P_SESSION_CLOSED && get_state (f->accepted) == LP2P_SESSION_CLOSED);
  g_assert_null (f->dialed->klass->get_error (f->dialed, NULL));
  g_assert_null (f->accepted->klass->get_error (f->accepted, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

#define ADD(name, data, function) g_test_add ("/quic-close/" name, Fixture, data, set_up, function, tear_down)
  ADD ("lost-end", NULL, test_lost_end);
  ADD ("lost-end-with-bytes", GUINT_TO_POINTER (100), test_lost_end);
  ADD ("undelivered", GUINT_TO_POINTER (100), test_undelivered);
  ADD ("undelivered-end", NULL, test_undelivered);
  ADD ("stopped", NULL, test_stopped);
  ADD ("both", NULL, test_both);
#undef ADD

  return g_test_run ();
}
