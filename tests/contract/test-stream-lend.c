/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is lent to a stream arrives as what is not, and is given back whatever becomes of
 * the stream, whether or not it is one that keeps loans. */

#include "combination.h"

/* Fits into any window. */
#define VOLUME 20000

/* @lent: only the stream may still hold it */
typedef struct
{
  Lp2pStream *stream;
  Lp2pStream *accepted;
  guint8 *lent;
  GAsyncResult *written;
  gboolean gone;
} Loan;

static void
free_lent (gpointer pointer)
{
  Loan *self = pointer;

  g_free (self->lent);
  g_assert_false (self->gone);
  self->gone = TRUE;
}

/* Everything is written at once, a part of it from what is lent. */
static void
loan_init (Loan *self, Pair *pair)
{
  GOutputVector vectors[3];
  g_autoptr (GBytes) bytes = NULL;

  *self = (Loan){ .stream = pair_open (pair, &self->accepted), .accepted = self->accepted };
  self->lent = g_malloc (VOLUME);
  test_fill_pattern (self->lent, VOLUME, 1);
  bytes = g_bytes_new_with_free_func (self->lent, VOLUME, free_lent, self);
  lp2p_stream_lend (self->stream, bytes);
  vectors[0] = (GOutputVector){ self->lent, VOLUME / 2 };
  vectors[1] = (GOutputVector){ g_memdup2 (self->lent + VOLUME / 2, 100), 100 };
  vectors[2] = (GOutputVector){ self->lent + VOLUME / 2 + 100, VOLUME / 2 - 100 };
  g_object_set_data_full (G_OBJECT (self->stream), "test-sent", (gpointer) vectors[1].buffer, g_free);
  g_output_stream_writev_all_async (g_io_stream_get_output_stream (G_IO_STREAM (self->stream)), vectors, 3,
                                    G_PRIORITY_DEFAULT, NULL, test_take_result, &self->written);
  test_wait (pair->world, self->written);
}

/* To be called with the streams. */
static void
loan_clear (Loan *self, Pair *pair)
{
  g_clear_object (&self->stream);
  g_clear_object (&self->accepted);
  g_object_unref (self->written);
  pair_settle (pair);
  g_assert_true (self->gone);
}

static void
test_arrives (Pair *self, gconstpointer data)
{
  Loan loan;

  loan_init (&loan, self);
  test_stream_expect (self->world, loan.accepted, VOLUME, 1);
  lp2p_stream_lend (loan.stream, NULL);
  pair_settle (self);
  g_assert_true (loan.gone);
  test_stream_write (self->world, loan.stream, 100, 0);
  test_stream_expect (self->world, loan.accepted, 100, 0);
  loan_clear (&loan, self);
}

static void
test_reset (Pair *self, gconstpointer data)
{
  Loan loan;

  loan_init (&loan, self);
  lp2p_stream_reset (loan.stream, 0);
  loan_clear (&loan, self);
}

static void
test_stopped (Pair *self, gconstpointer data)
{
  Loan loan;

  loan_init (&loan, self);
  lp2p_stream_reset (loan.accepted, 0);
  pair_settle (self);
  loan_clear (&loan, self);
}

/* Closed and dropped at once: all of it arrives. */
static void
test_dropped (Pair *self, gconstpointer data)
{
  Loan loan;

  loan_init (&loan, self);
  g_clear_object (&loan.stream);
  test_stream_expect (self->world, loan.accepted, VOLUME, 1);
  test_stream_expect_end (self->world, loan.accepted);
  loan_clear (&loan, self);
}

static void
test_lost (Pair *self, gconstpointer data)
{
  Loan loan;

  loan_init (&loan, self);
  lp2p_connection_abort (self->connection, 0);
  loan_clear (&loan, self);
}

static const PairTest tests[] = {
  { "arrives", test_arrives },
  { "reset", test_reset },
  { "stopped", test_stopped },
  { "dropped", test_dropped },
  { "lost", test_lost },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  combination_add_tests ("stream-lend", tests, G_N_ELEMENTS (tests));
  return g_test_run ();
}
