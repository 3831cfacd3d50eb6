/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A stream that breaks off is told of also where nobody reads or writes. */

#include "combination.h"

/* Fits into any window. */
#define VOLUME 20000

static void
count (Lp2pStream *stream, gpointer user_data)
{
  (*(guint *) user_data)++;
}

/* Both ends, each with how often it was told. */
typedef struct
{
  Lp2pStream *stream;
  Lp2pStream *accepted;
  guint n_stream;
  guint n_accepted;
} Ends;

static void
ends_init (Ends *self, Pair *pair)
{
  *self = (Ends){ NULL };
  self->stream = pair_open (pair, &self->accepted);
  g_signal_connect (self->stream, "broken", G_CALLBACK (count), &self->n_stream);
  g_signal_connect (self->accepted, "broken", G_CALLBACK (count), &self->n_accepted);
}

static void
ends_clear (Ends *self)
{
  g_signal_handlers_disconnect_by_func (self->stream, count, &self->n_stream);
  g_signal_handlers_disconnect_by_func (self->accepted, count, &self->n_accepted);
  g_object_unref (self->stream);
  g_object_unref (self->accepted);
}

static void
test_idle (Pair *self, gconstpointer data)
{
  Ends ends;

  ends_init (&ends, self);
  lp2p_stream_reset (ends.stream, 0);
  test_until (self->world, ends.n_accepted == 1);
  pair_settle (self);
  g_assert_cmpuint (ends.n_accepted, ==, 1);
  /* Who did it knows. */
  g_assert_cmpuint (ends.n_stream, ==, 0);
  ends_clear (&ends);
}

/* Nobody reads what came. */
static void
test_unread (Pair *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  Ends ends;

  ends_init (&ends, self);
  test_stream_write (self->world, ends.stream, VOLUME, 1);
  pair_settle (self);
  lp2p_stream_reset (ends.stream, 0);
  test_until (self->world, ends.n_accepted == 1);
  error = test_stream_expect_failure (self->world, ends.accepted);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_RESET);
  ends_clear (&ends);
}

/* Our direction has ended; the peer's then breaks off. */
static void
test_half_closed (Pair *self, gconstpointer data)
{
  Ends ends;

  ends_init (&ends, self);
  test_stream_close_output (self->world, ends.accepted);
  pair_settle (self);
  g_assert_cmpuint (ends.n_stream + ends.n_accepted, ==, 0);
  lp2p_stream_reset (ends.stream, 0);
  test_until (self->world, ends.n_accepted == 1);
  ends_clear (&ends);
}

static void
test_lost (Pair *self, gconstpointer data)
{
  Ends ends;

  ends_init (&ends, self);
  lp2p_connection_abort (self->connection, 0);
  test_until (self->world, ends.n_accepted == 1 && ends.n_stream == 1);
  ends_clear (&ends);
}

static void
test_orderly (Pair *self, gconstpointer data)
{
  Ends ends;

  ends_init (&ends, self);
  test_stream_close_output (self->world, ends.stream);
  test_stream_close_output (self->world, ends.accepted);
  test_stream_expect_end (self->world, ends.accepted);
  test_stream_expect_end (self->world, ends.stream);
  test_stream_close (self->world, ends.stream);
  test_stream_close (self->world, ends.accepted);
  pair_settle (self);
  g_assert_cmpuint (ends.n_stream + ends.n_accepted, ==, 0);
  ends_clear (&ends);
}

static void
drop (Lp2pStream *stream, gpointer user_data)
{
  Lp2pStream **kept = user_data;

  lp2p_stream_reset (stream, 0);
  g_clear_object (kept);
}

/* Whoever is told may drop it. */
static void
test_dropped (Pair *self, gconstpointer data)
{
  Lp2pStream *accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);

  g_signal_connect (accepted, "broken", G_CALLBACK (drop), &accepted);
  lp2p_stream_reset (stream, 0);
  test_until (self->world, accepted == NULL);
}

static const PairTest tests[] = {
  { "idle", test_idle },
  { "unread", test_unread },
  { "half-closed", test_half_closed },
  { "lost", test_lost },
  { "orderly", test_orderly },
  { "dropped", test_dropped },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  combination_add_tests ("stream-broken", tests, G_N_ELEMENTS (tests));
  return g_test_run ();
}
