/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A peer that opens streams and resets them before anything comes of them is cut off;
 * one that changes its mind now and then is not, however many streams it uses. */

#include "combination.h"

/* What data/docs/limits.md says. */
#define WASTED_MAX             1000
#define FORGIVEN_IN_ONE_SECOND 100

typedef struct
{
  Pair *pair;
  Lp2pConnection *other; /* what B knows of the connection */
  GPtrArray *opened;
  guint n_written;
} Fixture;

static void
set_up (Fixture *self, Pair *pair)
{
  *self = (Fixture){ .pair = pair };
  pair_connect (pair);
  self->other = pair_dup_other_connection (pair);
  self->opened = g_ptr_array_new_with_free_func (g_object_unref);
}

static void
tear_down (Fixture *self)
{
  g_ptr_array_unref (self->opened);
  g_object_unref (self->other);
}

static gboolean
is_open (Fixture *self)
{
  return lp2p_connection_get_state (self->other) == LP2P_CONNECTION_READY;
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Fixture *self = user_data;
  g_autoptr (GError) error = NULL;

  g_output_stream_write_finish (G_OUTPUT_STREAM (source), result, &error);
  g_assert_no_error (error);
  self->n_written++;
}

/* The first byte of the pattern goes ahead. */
static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  static const guint8 byte;
  Fixture *self = user_data;
  g_autoptr (GError) error = NULL;
  Lp2pStream *stream = lp2p_connection_open_stream_finish (LP2P_CONNECTION (source), result, &error);

  g_assert_no_error (error);
  g_output_stream_write_async (g_io_stream_get_output_stream (G_IO_STREAM (stream)), &byte, 1, G_PRIORITY_DEFAULT, NULL,
                               on_written, self);
  g_ptr_array_add (self->opened, stream);
}

/* Opens as many, and takes them on the other side. */
static void
open_batch (Fixture *self, guint n)
{
  const char *const protocols[] = { TEST_PROTOCOL, NULL };
  TestHost *b = self->pair->b;

  self->n_written = 0;
  for (guint i = 0; i < n; i++)
    lp2p_connection_open_stream_async (self->pair->connection, protocols, LP2P_STREAM_NONE, NULL, on_opened, self);
  test_until (self->pair->world, b->streams.length == n && self->n_written == n);
  for (GList *l = b->streams.head; l != NULL; l = l->next)
    test_stream_expect (self->pair->world, l->data, 1, 0);
}

static void
forget_batch (Fixture *self)
{
  g_ptr_array_set_size (self->opened, 0);
  test_host_forget_streams (self->pair->b);
}

static void
start_resets (Fixture *self)
{
  for (guint i = 0; i < self->opened->len; i++)
    lp2p_stream_reset (g_ptr_array_index (self->opened, i), LP2P_CODE_NONE);
}

static void
reset_batch (Fixture *self)
{
  start_resets (self);
  for (GList *l = self->pair->b->streams.head; l != NULL; l = l->next)
    {
      g_autoptr (GError) error = test_stream_expect_failure (self->pair->world, l->data);

      g_assert_error (error, LP2P_ERROR, LP2P_ERROR_RESET);
    }
  forget_batch (self);
}

static void
cancel_batch (Fixture *self, guint n)
{
  open_batch (self, n);
  reset_batch (self);
}

static void
answer_and_reset_batch (Fixture *self, guint n)
{
  open_batch (self, n);
  for (GList *l = self->pair->b->streams.head; l != NULL; l = l->next)
    test_stream_write (self->pair->world, l->data, 1, 0);
  for (guint i = 0; i < n; i++)
    test_stream_expect (self->pair->world, g_ptr_array_index (self->opened, i), 1, 0);
  reset_batch (self);
}

/* One way, as a notice: whoever sent it then resets the direction that nobody uses. */
static void
finish_batch (Fixture *self, guint n)
{
  open_batch (self, n);
  for (guint i = 0; i < n; i++)
    test_stream_close_output (self->pair->world, g_ptr_array_index (self->opened, i));
  for (GList *l = self->pair->b->streams.head; l != NULL; l = l->next)
    test_stream_expect_end (self->pair->world, l->data);
  start_resets (self);
  test_world_settle (self->pair->world);
  forget_batch (self);
}

static void
check_cut_off (Fixture *self)
{
  test_until (self->pair->world, self->pair->b->n_removed == 1 && self->pair->a->n_removed == 1);
  g_assert_error (lp2p_connection_get_error (self->other), LP2P_ERROR, LP2P_ERROR_LIMIT);
}

/* Each stream has come as far as the application. */
static void
test_served (Pair *pair, gconstpointer data)
{
  Fixture self;

  set_up (&self, pair);
  cancel_batch (&self, WASTED_MAX);
  test_world_settle (pair->world);
  g_assert_true (is_open (&self));
  cancel_batch (&self, WASTED_MAX);
  check_cut_off (&self);
  tear_down (&self);
}

/* Thousands of streams that are answered or read to their end, whatever comes then. */
static void
test_useful (Pair *pair, gconstpointer data)
{
  Fixture self;

  set_up (&self, pair);
  for (guint i = 0; i < 4; i++)
    answer_and_reset_batch (&self, WASTED_MAX / 2);
  for (guint i = 0; i < 4; i++)
    finish_batch (&self, WASTED_MAX / 2);
  g_assert_true (is_open (&self));
  tear_down (&self);
}

/* As many again, when others or time have made up for them. */
static void
test_forgiven (Pair *pair, gconstpointer data)
{
  Fixture self;

  set_up (&self, pair);
  cancel_batch (&self, WASTED_MAX);
  finish_batch (&self, WASTED_MAX / 2);
  cancel_batch (&self, WASTED_MAX / 2);
  test_world_jump (pair->world, WASTED_MAX / 2 * G_USEC_PER_SEC / FORGIVEN_IN_ONE_SECOND);
  cancel_batch (&self, WASTED_MAX / 2);
  test_world_settle (pair->world);
  g_assert_true (is_open (&self));
  tear_down (&self);
}

static const PairTest tests[] = {
  { "served", test_served },
  { "useful", test_useful },
  { "forgiven", test_forgiven },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  combination_add_tests ("resets", tests, G_N_ELEMENTS (tests));
  return g_test_run ();
}
