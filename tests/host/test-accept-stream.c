/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A stream of a peer in one call, and one that is connected with an input and an output. */

#include "memory-pair.h"

#define PROTOCOL "/lp2p/test-accept/1.0.0"
#define SIZE     300000

static void
start_accepting (MemoryPair *f, GCancellable *cancellable, GAsyncResult **result)
{
  lp2p_host_accept_stream_async (f->b->host, PROTOCOL, LP2P_HANDLER_NONE, cancellable, test_take_result, result);
  g_assert_null (*result);
}

/* Opens a stream and waits until the peer has agreed, or not. */
static Lp2pStream *
open_stream (MemoryPair *f, GError **error)
{
  static const char *const protocols[] = { PROTOCOL, NULL };
  g_autoptr (Lp2pMultiaddr) address = test_host_dup_address (f->b);
  g_autoptr (GAsyncResult) opened = NULL;
  g_autoptr (GAsyncResult) agreed = NULL;
  g_autoptr (Lp2pStream) stream = NULL;

  lp2p_host_open_stream_at_async (f->a->host, address, protocols, LP2P_STREAM_NONE, NULL, test_take_result, &opened);
  test_wait (f->world, opened);
  stream = lp2p_host_open_stream_at_finish (f->a->host, opened, error);
  g_assert_nonnull (stream);
  lp2p_stream_negotiate_async (stream, G_PRIORITY_DEFAULT, NULL, test_take_result, &agreed);
  test_wait (f->world, agreed);
  return lp2p_stream_negotiate_finish (stream, agreed, error) ? g_steal_pointer (&stream) : NULL;
}

static Lp2pStream *
finish_accepting (MemoryPair *f, GAsyncResult **result)
{
  g_autoptr (GError) error = NULL;
  Lp2pStream *stream;

  test_wait (f->world, *result);
  stream = lp2p_host_accept_stream_finish (f->b->host, *result, &error);
  g_assert_no_error (error);
  g_clear_object (result);
  return stream;
}

static void
expect_failure (MemoryPair *f, GAsyncResult **result, int code)
{
  g_autoptr (GError) error = NULL;

  test_wait (f->world, *result);
  g_assert_null (lp2p_host_accept_stream_finish (f->b->host, *result, &error));
  g_assert_error (error, G_IO_ERROR, code);
}

/* One stream for one call; nobody is served in between. */
static void
test_accept (MemoryPair *f, gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  for (int i = 0; i < 2; i++)
    {
      g_autoptr (Lp2pStream) ours = NULL;
      g_autoptr (Lp2pStream) theirs = NULL;

      start_accepting (f, NULL, &result);
      ours = open_stream (f, &error);
      g_assert_no_error (error);
      theirs = finish_accepting (f, &result);
      test_stream_write (f->world, ours, 1000, 0);
      test_stream_expect (f->world, theirs, 1000, 0);

      g_assert_null (open_stream (f, &error));
      g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NOT_SUPPORTED);
      g_clear_error (&error);
    }
}

static void
on_handler (Lp2pStream *stream, gpointer user_data)
{
  g_assert_not_reached ();
}

/* What ends the waiting. */
static void
test_ends (MemoryPair *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) cancelled = NULL;
  g_autoptr (GAsyncResult) early = NULL;
  g_autoptr (GAsyncResult) replaced = NULL;
  g_autoptr (GAsyncResult) handled = NULL;
  g_autoptr (GAsyncResult) closed = NULL;
  g_autoptr (GAsyncResult) late = NULL;
  g_autoptr (GError) error = NULL;

  start_accepting (f, cancellable, &cancelled);
  g_cancellable_cancel (cancellable);
  expect_failure (f, &cancelled, G_IO_ERROR_CANCELLED);
  g_assert_null (open_stream (f, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NOT_SUPPORTED);
  start_accepting (f, cancellable, &early);
  expect_failure (f, &early, G_IO_ERROR_CANCELLED);

  start_accepting (f, NULL, &replaced);
  start_accepting (f, NULL, &handled);
  expect_failure (f, &replaced, G_IO_ERROR_CLOSED);
  lp2p_host_set_stream_handler (f->b->host, PROTOCOL, LP2P_HANDLER_NONE, on_handler, NULL, NULL);
  expect_failure (f, &handled, G_IO_ERROR_CLOSED);

  start_accepting (f, NULL, &closed);
  test_host_close (f->b);
  expect_failure (f, &closed, G_IO_ERROR_CLOSED);
  start_accepting (f, NULL, &late);
  expect_failure (f, &late, G_IO_ERROR_CLOSED);
}

/* Both ends of a stream */
typedef struct
{
  Lp2pStream *ours;
  Lp2pStream *theirs;
  GInputStream *input;
  GOutputStream *output;
  GAsyncResult *result;
} Ends;

static void
ends_open (Ends *ends, MemoryPair *f)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  guint8 *data = g_malloc (SIZE);

  start_accepting (f, NULL, &result);
  ends->ours = open_stream (f, &error);
  g_assert_no_error (error);
  ends->theirs = finish_accepting (f, &result);
  test_fill_pattern (data, SIZE, 0);
  ends->input = g_memory_input_stream_new_from_data (data, SIZE, g_free);
  ends->output = g_memory_output_stream_new_resizable ();
}

static void
ends_pipe (Ends *ends, GCancellable *cancellable)
{
  lp2p_stream_pipe_async (ends->theirs, ends->input, ends->output, G_PRIORITY_DEFAULT, cancellable,
                            test_take_result, &ends->result);
  g_assert_null (ends->result);
}

static void
ends_expect_failure (Ends *ends, MemoryPair *f, GQuark domain, int code)
{
  g_autoptr (GError) error = NULL;

  test_wait (f->world, ends->result);
  g_assert_false (lp2p_stream_pipe_finish (ends->theirs, ends->result, &error));
  g_assert_error (error, domain, code);
}

static void
ends_clear (Ends *ends)
{
  g_clear_object (&ends->ours);
  g_clear_object (&ends->theirs);
  g_clear_object (&ends->input);
  g_clear_object (&ends->output);
  g_clear_object (&ends->result);
}

/* The end of one direction leaves the other one open. */
static void
test_pipe (MemoryPair *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  Ends ends = { NULL };

  ends_open (&ends, f);
  ends_pipe (&ends, NULL);
  test_stream_expect (f->world, ends.ours, SIZE, 0);
  test_stream_expect_end (f->world, ends.ours);
  g_assert_null (ends.result);

  test_stream_write (f->world, ends.ours, SIZE, 7);
  g_assert_null (ends.result);
  test_stream_close_output (f->world, ends.ours);
  test_wait (f->world, ends.result);
  g_assert_true (lp2p_stream_pipe_finish (ends.theirs, ends.result, &error));
  g_assert_no_error (error);
  g_assert_true (g_output_stream_is_closed (ends.output));
  g_assert_cmpuint (g_memory_output_stream_get_data_size (G_MEMORY_OUTPUT_STREAM (ends.output)), ==, SIZE);
  test_assert_pattern (g_memory_output_stream_get_data (G_MEMORY_OUTPUT_STREAM (ends.output)), SIZE, 7);
  ends_clear (&ends);
}

/* A failure is one on both sides. */
static void
test_pipe_fails (MemoryPair *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Ends ends = { NULL };

  ends_open (&ends, f);
  ends_pipe (&ends, NULL);
  lp2p_stream_reset (ends.ours, LP2P_CODE_NONE);
  ends_expect_failure (&ends, f, LP2P_ERROR, LP2P_ERROR_RESET);
  ends_clear (&ends);

  ends_open (&ends, f);
  ends_pipe (&ends, cancellable);
  g_cancellable_cancel (cancellable);
  ends_expect_failure (&ends, f, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&(GError *) { test_stream_expect_failure (f->world, ends.ours) });
  ends_clear (&ends);

  /* An output that takes less than comes. */
  ends_open (&ends, f);
  g_object_unref (ends.output);
  ends.output = g_memory_output_stream_new (g_malloc (10), 10, NULL, g_free);
  ends_pipe (&ends, NULL);
  test_stream_write (f->world, ends.ours, 100, 0);
  ends_expect_failure (&ends, f, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_clear_error (&(GError *) { test_stream_expect_failure (f->world, ends.ours) });
  ends_clear (&ends);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add ("/host/accept-stream/one", MemoryPair, NULL, memory_pair_set_up, test_accept, memory_pair_tear_down);
  g_test_add ("/host/accept-stream/ends", MemoryPair, NULL, memory_pair_set_up, test_ends, memory_pair_tear_down);
  g_test_add ("/stream/pipe/both", MemoryPair, NULL, memory_pair_set_up, test_pipe, memory_pair_tear_down);
  g_test_add ("/stream/pipe/fails", MemoryPair, NULL, memory_pair_set_up, test_pipe_fails, memory_pair_tear_down);
  return g_test_run ();
}
