/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bytes that were lent to a stream, on a line on which they take their time: they stay as
 * long as they may have to be sent again, and go however the stream ends. */

#include "quic-pair.h"

#define SIZE (1024 * 1024)

/* Longer than a close waits for the peer. */
#define PATIENCE_US (6 * G_USEC_PER_SEC)

/* @stream: of the dialer, or NULL
 * @other: the same of the listener, or NULL
 * @lent: what the stream holds, and nobody else
 * @written: how much of it was taken
 * @n_gone: how often it was freed */
typedef struct
{
  QuicPair pair;
  Lp2pMuxerStream *stream;
  Lp2pMuxerStream *other;
  guint8 *lent;
  gsize written;
  guint n_gone;
} Fixture;

static void
free_lent (gpointer pointer)
{
  Fixture *f = pointer;

  g_free (f->lent);
  f->n_gone++;
}

static void
lend (Fixture *f)
{
  g_autoptr (GBytes) bytes = NULL;

  f->lent = g_malloc (SIZE);
  test_fill_pattern (f->lent, SIZE, 0);
  bytes = g_bytes_new_with_free_func (f->lent, SIZE, free_lent, f);
  f->pair.dialed->klass->stream_lend (f->pair.dialed, f->stream, bytes);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  quic_pair_init (&f->pair);
  g_assert_cmpint (f->pair.dialed->klass->open (f->pair.dialed, &f->stream), ==, 0);
  lend (f);
}

/* Nothing of a test is left, and the loan went once. */
static void
tear_down (Fixture *f, gconstpointer data)
{
  quic_pair_clear (&f->pair);
  g_assert_cmpuint (f->n_gone, ==, 1);
}

/* As much as there is room for. */
static void
write_on (Fixture *f)
{
  GOutputVector vector = { f->lent + f->written, SIZE - f->written };
  gssize n = f->written < SIZE ? f->pair.dialed->klass->stream_writev (f->pair.dialed, f->stream, &vector, 1) : 0;

  g_assert_cmpint (n, !=, LP2P_IO_FAILED);
  f->written += MAX (n, 0);
}

/* Some of it is on its way, and some waits. */
static void
begin (Fixture *f)
{
  write_on (f);
  test_until (f->pair.world, (f->other = f->pair.accepted->klass->accept (f->pair.accepted)) != NULL);
  write_on (f);
  test_world_settle (f->pair.world);
  g_assert_cmpuint (f->n_gone, ==, 0);
}

static gsize
read_on (Fixture *f, gsize offset)
{
  static guint8 data[64 * 1024];
  GInputVector vector = { data, sizeof data };
  gssize n = f->pair.accepted->klass->stream_readv (f->pair.accepted, f->other, &vector, 1);

  g_assert_cmpint (n, !=, LP2P_IO_FAILED);
  if (n > 0)
    test_assert_pattern (data, n, offset);
  return MAX (n, 0);
}

/* With nothing lent any more. */
static void
end_loan (Fixture *f)
{
  f->pair.dialed->klass->stream_lend (f->pair.dialed, f->stream, NULL);
}

static void
release (Fixture *f)
{
  f->pair.dialed->klass->stream_release (f->pair.dialed, f->stream);
  f->pair.accepted->klass->stream_release (f->pair.accepted, f->other);
}

/* Packets are lost again and again, and sent again from where the bytes still are. */
static void
test_loss (Fixture *f, gconstpointer data)
{
  gsize seen = 0;

  begin (f);
  for (guint i = 0; seen < SIZE; i++)
    {
      g_assert_cmpuint (i, <, 10000);
      test_wire_set_deaf (f->pair.wire, i % 10 == 0);
      write_on (f);
      test_world_advance (f->pair.world, 10 * G_TIME_SPAN_MILLISECOND);
      seen += read_on (f, seen);
      g_assert_cmpuint (f->n_gone, ==, 0);
    }
  end_loan (f);
  test_wire_set_deaf (f->pair.wire, FALSE);
  test_world_advance (f->pair.world, G_USEC_PER_SEC);
  g_assert_cmpuint (f->n_gone, ==, 1);
  release (f);
}

static gboolean
is_sent (Fixture *f)
{
  return f->written == SIZE && lp2p_quic_send_buffer_get_unsent (&((Lp2pQuicStream *) f->stream)->output) == 0;
}

/* All has arrived, but that is not known yet. */
static void
test_not_acknowledged (Fixture *f, gconstpointer data)
{
  gsize seen = 0;

  begin (f);
  for (guint i = 0; !is_sent (f); i++, test_world_advance (f->pair.world, G_TIME_SPAN_MILLISECOND))
    {
      g_assert_cmpuint (i, <, 10000);
      write_on (f);
      seen += read_on (f, seen);
    }
  end_loan (f);
  test_wire_set_silent (f->pair.wire, TRUE);
  for (guint i = 0; seen < SIZE; i++, test_world_advance (f->pair.world, G_TIME_SPAN_MILLISECOND))
    {
      g_assert_cmpuint (i, <, 1000);
      seen += read_on (f, seen);
    }
  test_world_advance (f->pair.world, G_USEC_PER_SEC);
  g_assert_cmpuint (f->n_gone, ==, 0);
  test_wire_set_silent (f->pair.wire, FALSE);
  test_world_advance (f->pair.world, 5 * G_USEC_PER_SEC);
  g_assert_cmpuint (f->n_gone, ==, 1);
  release (f);
}

static void
test_reset (Fixture *f, gconstpointer data)
{
  begin (f);
  f->pair.dialed->klass->stream_reset (f->pair.dialed, f->stream, 7);
  test_world_advance (f->pair.world, G_USEC_PER_SEC);
  g_assert_cmpuint (f->n_gone, ==, 1);
  release (f);
}

/* What was on its way is lost, and the reset with it. */
static void
test_reset_lost (Fixture *f, gconstpointer data)
{
  begin (f);
  test_wire_set_deaf (f->pair.wire, TRUE);
  test_world_advance (f->pair.world, 4 * TEST_WIRE_DELAY_US);
  f->pair.dialed->klass->stream_reset (f->pair.dialed, f->stream, 7);
  test_world_advance (f->pair.world, G_USEC_PER_SEC);
  g_assert_cmpuint (f->n_gone, ==, 0);
  test_wire_set_deaf (f->pair.wire, FALSE);
  test_world_advance (f->pair.world, 5 * G_USEC_PER_SEC);
  g_assert_cmpuint (f->n_gone, ==, 1);
  release (f);
}

/* The peer does not want it. */
static void
test_stopped (Fixture *f, gconstpointer data)
{
  begin (f);
  f->pair.accepted->klass->stream_stop_reading (f->pair.accepted, f->other, 7);
  release (f);
  test_world_advance (f->pair.world, G_USEC_PER_SEC);
  g_assert_cmpuint (f->n_gone, ==, 1);
}

/* Who has given up a stream can lend it nothing. */
static void
test_late (Fixture *f, gconstpointer data)
{
  begin (f);
  f->pair.dialed->klass->stream_reset (f->pair.dialed, f->stream, 7);
  test_world_advance (f->pair.world, G_USEC_PER_SEC);
  g_assert_cmpuint (f->n_gone, ==, 1);
  lend (f);
  g_assert_cmpuint (f->n_gone, ==, 2);
  f->n_gone = 1;
  release (f);
}

/* The stream is given back before all that was written has arrived, which goes on. */
static void
test_released (Fixture *f, gconstpointer data)
{
  gsize seen = 0;

  begin (f);
  g_assert_cmpint (f->pair.dialed->klass->stream_shutdown_write (f->pair.dialed, f->stream), ==, 0);
  f->pair.dialed->klass->stream_release (f->pair.dialed, f->stream);
  for (guint i = 0; seen < f->written; i++, test_world_advance (f->pair.world, 10 * G_TIME_SPAN_MILLISECOND))
    {
      g_assert_cmpuint (i, <, 1000);
      seen += read_on (f, seen);
    }
  f->pair.accepted->klass->stream_release (f->pair.accepted, f->other);
  test_world_advance (f->pair.world, G_USEC_PER_SEC);
  g_assert_cmpuint (f->n_gone, ==, 1);
}

static void
test_abort (Fixture *f, gconstpointer data)
{
  begin (f);
  f->pair.dialed->klass->abort (f->pair.dialed, 0);
  test_world_settle (f->pair.world);
  g_assert_cmpuint (f->n_gone, ==, 1);
  release (f);
}

/* Nobody is there any more who could acknowledge it. */
static void
test_close (Fixture *f, gconstpointer data)
{
  begin (f);
  test_wire_set_deaf (f->pair.wire, TRUE);
  f->pair.dialed->klass->close (f->pair.dialed, 0, "");
  test_world_advance (f->pair.world, 500 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpuint (f->n_gone, ==, 0);
  test_world_advance (f->pair.world, PATIENCE_US);
  g_assert_cmpuint (f->n_gone, ==, 1);
  release (f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

#define ADD(name, data, function) g_test_add ("/quic-lend/" name, Fixture, data, set_up, function, tear_down)
  ADD ("loss", NULL, test_loss);
  ADD ("not-acknowledged", NULL, test_not_acknowledged);
  ADD ("reset", NULL, test_reset);
  ADD ("reset-lost", NULL, test_reset_lost);
  ADD ("stopped", NULL, test_stopped);
  ADD ("late", NULL, test_late);
  ADD ("released", NULL, test_released);
  ADD ("abort", NULL, test_abort);
  ADD ("close", NULL, test_close);
#undef ADD

  return g_test_run ();
}
