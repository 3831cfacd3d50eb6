/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What every stream must do, whatever carries it: all of the GIOStream's
 * functions, and lp2p's own. */

#include <string.h>

#include "combination.h"

/* More than any window. */
#define TOO_MUCH (64 * 1024 * 1024)

static GInputStream *
in (Lp2pStream *stream)
{
  return g_io_stream_get_input_stream (G_IO_STREAM (stream));
}

static GOutputStream *
out (Lp2pStream *stream)
{
  return g_io_stream_get_output_stream (G_IO_STREAM (stream));
}

/* As many bytes as this line moves in reasonable time. */
static gsize
get_volume (Pair *self)
{
  return self->combination->transport->config != NULL ? 20000 : 2000000;
}

/* Moving bytes */

static void
test_both_ways (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  gsize size = get_volume (self);
  GAsyncResult *there = NULL;
  GAsyncResult *back = NULL;

  g_assert_cmpstr (lp2p_stream_get_protocol (stream), ==, TEST_PROTOCOL);
  g_assert_cmpstr (lp2p_stream_get_protocol (accepted), ==, TEST_PROTOCOL);
  g_assert_true (lp2p_stream_get_outbound (stream));
  g_assert_false (lp2p_stream_get_outbound (accepted));
  g_assert_true (lp2p_stream_get_connection (stream) == self->connection);

  test_stream_send (stream, size, 1, &there);
  test_stream_send (accepted, size / 2, 0, &back);
  test_stream_expect (self->world, accepted, size, 1);
  test_stream_expect (self->world, stream, size / 2, 0);
  test_stream_sent (self->world, stream, &there);
  test_stream_sent (self->world, accepted, &back);
}

static void
test_one_byte (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);

  for (gsize i = 1; i < 500; i++)
    test_stream_write (self->world, stream, 1, i);
  for (gsize i = 1; i < 500; i++)
    test_stream_expect (self->world, accepted, 1, i);
}

/* The listener speaks first; the dialer has not written anything. */
static void
test_silent_dialer (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = NULL;

  pair_connect (self);
  stream = test_host_open (self->a, self->connection);
  accepted = test_host_accept (self->b);
  test_stream_write (self->world, accepted, 100, 0);
  test_stream_expect (self->world, stream, 100, 0);
}

static void
test_half_close (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  g_autoptr (GError) error = NULL;

  test_stream_write (self->world, stream, 5000, 1);
  test_stream_close_output (self->world, stream);
  test_stream_expect (self->world, accepted, 5000, 1);
  test_stream_expect_end (self->world, accepted);
  test_stream_expect_end (self->world, accepted);
  g_assert_cmpint (g_output_stream_write (out (stream), "x", 1, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);

  test_stream_write (self->world, accepted, 5000, 0);
  test_stream_close_output (self->world, accepted);
  test_stream_expect (self->world, stream, 5000, 0);
  test_stream_expect_end (self->world, stream);
}

/* Writes as much of the pattern as there is room for. Returns whether that was all. */
static gboolean
write_on (Lp2pStream *stream, gsize size, gsize *written)
{
  g_autofree guint8 *bytes = g_malloc (size);
  g_autoptr (GError) error = NULL;
  gssize n;

  test_fill_pattern (bytes, size, 0);
  n = g_pollable_output_stream_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (out (stream)), bytes + *written,
                                                  size - *written, NULL, &error);
  if (n < 0)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  *written += MAX (n, 0);
  return *written == size;
}

/* Written, closed and dropped at once: all of it arrives. */
static void
test_fire_and_forget (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  Lp2pStream *stream;
  gsize written = 0;

  pair_connect (self);
  stream = test_host_open (self->a, self->connection);
  test_until (self->world, write_on (stream, 3000, &written));
  g_object_unref (stream);
  accepted = test_host_accept (self->b);
  test_stream_expect (self->world, accepted, 3000, 0);
  test_stream_expect_end (self->world, accepted);
  pair_settle (self);
  g_assert_cmpuint (lp2p_connection_get_n_streams (self->connection), ==, 0);
}

/* Nothing is wanted of the peer, before it could even agree to the protocol. */
static void
test_write_only (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = NULL;

  pair_connect (self);
  stream = test_host_open (self->a, self->connection);
  g_assert_true (g_input_stream_close (in (stream), NULL, NULL));
  test_stream_write (self->world, stream, 5000, 0);
  test_stream_close_output (self->world, stream);
  accepted = test_host_accept (self->b);
  test_stream_expect (self->world, accepted, 5000, 0);
  test_stream_expect_end (self->world, accepted);
}

/* Ends that are no ends */

/* Of the muxers, one is too old for codes. */
static gboolean
has_codes (Pair *self)
{
  return g_strcmp0 (self->combination->muxer, "mplex") != 0;
}

static void
check_reset (Pair *self, Lp2pStream *by, Lp2pStream *other)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) ours = NULL;

  lp2p_stream_reset (by, 0x1234);
  error = test_stream_expect_failure (self->world, other);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_RESET);
  g_assert_cmphex (lp2p_stream_get_remote_code (other), ==, has_codes (self) ? 0x1234 : 0);
  g_clear_error (&error);
  g_assert_cmpint (g_output_stream_write (out (other), "x", 1, NULL, &error), ==, -1);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_RESET);

  ours = test_stream_expect_failure (self->world, by);
  g_assert_error (ours, G_IO_ERROR, G_IO_ERROR_CLOSED);
  lp2p_stream_reset (by, 1);
  lp2p_stream_reset (other, 1);
}

static void
test_reset (Pair *self, gconstpointer data)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (Lp2pStream) accepted = NULL;
      g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);

      check_reset (self, i == 0 ? stream : accepted, i == 0 ? accepted : stream);
    }
  g_assert_cmpint (lp2p_connection_get_state (self->connection), ==, LP2P_CONNECTION_READY);
}

static void
test_stop_reading (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  g_autoptr (GError) error = NULL;
  guint8 byte;

  lp2p_stream_stop_reading (accepted, 0x77);
  g_assert_cmpint (test_stream_read (self->world, accepted, &byte, 1, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);

  /* The other direction is not concerned, and neither is anybody else. */
  test_stream_write (self->world, accepted, 1000, 0);
  test_stream_expect (self->world, stream, 1000, 0);
  {
    g_autoptr (Lp2pStream) other_accepted = NULL;
    g_autoptr (Lp2pStream) other = pair_open (self, &other_accepted);

    test_stream_write (self->world, other, 1000, 1);
    test_stream_expect (self->world, other_accepted, 1000, 1);
  }
}

static void
test_unknown_protocol (Pair *self, gconstpointer data)
{
  static const char *const one[] = { "/nobody/serves/this", NULL };
  static const char *const many[] = { "/nobody/1", "/nobody/2", NULL };
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (GError) error = NULL;

  pair_connect (self);
  lp2p_connection_open_stream_async (self->connection, one, LP2P_STREAM_NONE, NULL, test_take_result, &result);
  test_wait (self->world, result);
  stream = lp2p_connection_open_stream_finish (self->connection, result, &error);
  g_assert_no_error (error);
  g_clear_object (&result);

  /* It was not waited for: the refusal shows when something is read. */
  error = test_stream_expect_failure (self->world, stream);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);

  lp2p_connection_open_stream_async (self->connection, many, LP2P_STREAM_NONE, NULL, test_take_result, &result);
  test_wait (self->world, result);
  g_assert_null (lp2p_connection_open_stream_finish (self->connection, result, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NOT_SUPPORTED);
  g_clear_object (&stream);
  pair_settle (self);
  g_assert_cmpuint (lp2p_connection_get_n_streams (self->connection), ==, 0);
}

/* What was sent ahead is nothing that the peer understands: it refuses the protocol,
 * then resets the stream. That the protocol is not served is what counts. */
static void
test_refused_and_reset (Pair *self, gconstpointer data)
{
  static const char *const one[] = { "/nobody/serves/this", NULL };
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (GError) error = NULL;

  if (self->combination->transport->config != NULL)
    {
      g_test_skip ("On a slow line there is no room for the refusal ahead of the reset");
      return;
    }
  pair_connect (self);
  lp2p_connection_open_stream_async (self->connection, one, LP2P_STREAM_NONE, NULL, test_take_result, &result);
  test_wait (self->world, result);
  stream = lp2p_connection_open_stream_finish (self->connection, result, &error);
  g_assert_no_error (error);
  test_stream_write (self->world, stream, 1000, 0);
  pair_settle (self);
  error = test_stream_expect_failure (self->world, stream);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NOT_SUPPORTED);
}

static void
test_negotiate (Pair *self, gconstpointer data)
{
  static const char *const protocols[] = { "/nobody/1", TEST_PROTOCOL, NULL };
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) single = NULL;
  g_autoptr (GError) error = NULL;

  pair_connect (self);
  lp2p_connection_open_stream_async (self->connection, protocols, LP2P_STREAM_NONE, NULL, test_take_result, &result);
  test_wait (self->world, result);
  stream = lp2p_connection_open_stream_finish (self->connection, result, &error);
  g_assert_no_error (error);
  g_clear_object (&result);
  g_assert_cmpstr (lp2p_stream_get_protocol (stream), ==, TEST_PROTOCOL);
  accepted = test_host_accept (self->b);
  test_stream_write (self->world, stream, 1000, 0);
  test_stream_expect (self->world, accepted, 1000, 0);

  single = test_host_open (self->a, self->connection);
  lp2p_stream_negotiate_async (single, G_PRIORITY_DEFAULT, NULL, test_take_result, &result);
  g_assert_null (result);
  test_wait (self->world, result);
  g_assert_true (lp2p_stream_negotiate_finish (single, result, &error));
  g_assert_no_error (error);
}

/* Back-pressure */

static void
test_back_pressure (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  GPollableOutputStream *pollable = G_POLLABLE_OUTPUT_STREAM (out (stream));
  g_autofree guint8 *bytes = g_malloc (100000);
  gsize sent = 1;
  guint refusals = 0;

  while (refusals < 3)
    {
      g_autoptr (GError) error = NULL;
      gssize n;

      g_assert_cmpuint (sent, <, TOO_MUCH);
      test_fill_pattern (bytes, 100000, sent);
      n = g_pollable_output_stream_write_nonblocking (pollable, bytes, 100000, NULL, &error);
      if (n > 0)
        {
          sent += n;
          continue;
        }
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
      g_assert_false (g_pollable_output_stream_is_writable (pollable));
      refusals++;
      pair_settle (self);
    }

  test_stream_expect (self->world, accepted, sent - 1, 1);
  test_until (self->world, g_pollable_output_stream_is_writable (pollable));
  test_stream_write (self->world, stream, 1000, sent);
  test_stream_expect (self->world, accepted, 1000, sent);
}

/* The functions of GIO */

static void
test_synchronous (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  g_autoptr (GError) error = NULL;
  guint8 bytes[10];

  /* It never waits. */
  g_assert_cmpint (g_input_stream_read (in (accepted), bytes, 10, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_clear_error (&error);
  g_assert_cmpint (g_input_stream_skip (in (accepted), 10, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_clear_error (&error);

  test_fill_pattern (bytes, 10, 1);
  g_assert_cmpint (g_output_stream_write (out (stream), bytes, 10, NULL, &error), ==, 10);
  g_assert_true (g_output_stream_flush (out (stream), NULL, &error));
  test_until (self->world, g_pollable_input_stream_is_readable (G_POLLABLE_INPUT_STREAM (in (accepted))));
  g_assert_cmpint (g_input_stream_skip (in (accepted), 3, NULL, &error), >=, 1);
  g_assert_true (g_io_stream_close (G_IO_STREAM (stream), NULL, &error));
  g_assert_no_error (error);
  g_assert_true (g_io_stream_is_closed (G_IO_STREAM (stream)));
  g_assert_cmpint (g_input_stream_read (in (stream), bytes, 10, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  g_assert_cmpint (g_output_stream_write (out (stream), bytes, 10, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

static void
test_zero_sizes (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  g_autoptr (GError) error = NULL;
  GOutputVector empty[2] = { { NULL, 0 }, { "", 0 } };
  gsize written = 9;

  g_assert_cmpint (g_output_stream_write (out (stream), "", 0, NULL, &error), ==, 0);
  g_assert_true (g_output_stream_writev (out (stream), empty, 2, &written, NULL, &error));
  g_assert_cmpuint (written, ==, 0);
  g_assert_cmpint (g_input_stream_read (in (stream), &written, 0, NULL, &error), ==, 0);
  g_assert_no_error (error);

  /* Also where the proposal has not left yet. */
  {
    g_autoptr (Lp2pStream) fresh = test_host_open (self->a, self->connection);

    g_assert_true (g_output_stream_writev (out (fresh), empty, 2, &written, NULL, &error));
    g_assert_no_error (error);
  }
}

static void
test_writev (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  enum { N = 100 };
  guint8 bytes[N][3];
  GOutputVector vectors[N];
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  gsize written;

  for (guint i = 0; i < N; i++)
    {
      test_fill_pattern (bytes[i], 3, 1 + 3 * i);
      vectors[i] = (GOutputVector){ bytes[i], 3 };
    }
  g_output_stream_writev_all_async (out (stream), vectors, N, G_PRIORITY_DEFAULT, NULL, test_take_result, &result);
  test_wait (self->world, result);
  g_assert_true (g_output_stream_writev_all_finish (out (stream), result, &written, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (written, ==, 3 * N);
  test_stream_expect (self->world, accepted, 3 * N, 1);
}

static void
test_skip_and_flush (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  gsize skipped = 0;

  test_stream_write (self->world, stream, 3000, 1);
  {
    g_autoptr (GAsyncResult) result = NULL;

    g_output_stream_flush_async (out (stream), G_PRIORITY_DEFAULT, NULL, test_take_result, &result);
    g_assert_null (result);
    test_wait (self->world, result);
    g_assert_true (g_output_stream_flush_finish (out (stream), result, NULL));
  }
  while (skipped < 1000)
    {
      g_autoptr (GAsyncResult) result = NULL;
      gssize n;

      g_input_stream_skip_async (in (accepted), 1000 - skipped, G_PRIORITY_DEFAULT, NULL, test_take_result, &result);
      g_assert_null (result);
      test_wait (self->world, result);
      n = g_input_stream_skip_finish (in (accepted), result, NULL);
      g_assert_cmpint (n, >, 0);
      skipped += n;
    }
  test_stream_expect (self->world, accepted, 2000, 1001);
}

static void
test_splice (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  g_autoptr (GOutputStream) sink = g_memory_output_stream_new_resizable ();
  gsize size = get_volume (self) / 4;
  g_autofree guint8 *bytes = g_malloc (size);
  g_autoptr (GInputStream) source = NULL;
  g_autoptr (GAsyncResult) there = NULL;
  g_autoptr (GAsyncResult) back = NULL;
  g_autoptr (GError) error = NULL;

  test_fill_pattern (bytes, size, 1);
  source = g_memory_input_stream_new_from_data (bytes, size, NULL);
  g_output_stream_splice_async (out (stream), source, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, G_PRIORITY_DEFAULT, NULL,
                                test_take_result, &there);
  g_output_stream_splice_async (sink, in (accepted), G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, G_PRIORITY_DEFAULT, NULL,
                                test_take_result, &back);
  test_wait (self->world, there);
  g_assert_cmpint (g_output_stream_splice_finish (out (stream), there, &error), ==, size);
  g_assert_no_error (error);
  test_wait (self->world, back);
  g_assert_cmpint (g_output_stream_splice_finish (sink, back, &error), ==, size);
  test_assert_pattern (g_memory_output_stream_get_data (G_MEMORY_OUTPUT_STREAM (sink)), size, 1);
}

static void
test_pending (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  g_autoptr (GAsyncResult) first = NULL;
  g_autoptr (GAsyncResult) second = NULL;
  g_autoptr (GError) error = NULL;
  guint8 bytes[2];

  g_input_stream_read_async (in (accepted), bytes, 1, 0, NULL, test_take_result, &first);
  g_input_stream_read_async (in (accepted), bytes, 1, 0, NULL, test_take_result, &second);
  test_wait (self->world, second);
  g_assert_cmpint (g_input_stream_read_finish (in (accepted), second, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  test_stream_write (self->world, stream, 1, 1);
  test_wait (self->world, first);
  g_assert_cmpint (g_input_stream_read_finish (in (accepted), first, NULL), ==, 1);
}

/* Pollable sources */

typedef struct
{
  guint n;
  guint left;
} Polled;

static gboolean
on_polled (GObject *pollable, gpointer user_data)
{
  Polled *polled = user_data;

  polled->n++;
  return --polled->left > 0;
}

static GSource *
watch (GObject *side, GCancellable *cancellable, TestWorld *world, Polled *polled)
{
  GSource *source = G_IS_POLLABLE_INPUT_STREAM (side)
                        ? g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (side), cancellable)
                        : g_pollable_output_stream_create_source (G_POLLABLE_OUTPUT_STREAM (side), cancellable);

  g_source_set_callback (source, G_SOURCE_FUNC (on_polled), polled, NULL);
  g_source_attach (source, world->context);
  return source;
}

/* Whether something can be read is known for certain when nothing could. */
static void
read_nothing (Pair *self, Lp2pStream *stream)
{
  g_autoptr (GError) error = NULL;
  guint8 byte;

  pair_settle (self);
  g_assert_cmpint (g_input_stream_read (in (stream), &byte, 1, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
}

static void
stop_watching (GSource *source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

static void
test_pollable (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  GPollableInputStream *pollable = G_POLLABLE_INPUT_STREAM (in (accepted));
  Polled readable = { 0, 1 };
  Polled writable = { 0, 3 };
  GSource *source;
  GSource *write_source;
  guint8 bytes[10];

  read_nothing (self, accepted);
  source = watch (G_OBJECT (pollable), NULL, self->world, &readable);
  write_source = watch (G_OBJECT (out (stream)), NULL, self->world, &writable);
  g_assert_true (g_pollable_input_stream_can_poll (pollable));
  g_assert_true (g_pollable_output_stream_can_poll (G_POLLABLE_OUTPUT_STREAM (out (stream))));
  pair_settle (self);
  g_assert_cmpuint (readable.n, ==, 0);
  g_assert_false (g_pollable_input_stream_is_readable (pollable));
  /* It can be written to all the time. */
  g_assert_cmpuint (writable.n, ==, 3);
  stop_watching (write_source);

  test_stream_write (self->world, stream, 10, 1);
  test_until (self->world, readable.n == 1);
  stop_watching (source);
  g_assert_true (g_pollable_input_stream_is_readable (pollable));
  g_assert_cmpint (g_pollable_input_stream_read_nonblocking (pollable, bytes, 10, NULL, NULL), >, 0);

  /* The end can be read, too. */
  readable.left = 1;
  source = watch (G_OBJECT (pollable), NULL, self->world, &readable);
  test_stream_close_output (self->world, stream);
  test_until (self->world, readable.n == 2);
  stop_watching (source);
}

static void
test_pollable_cancel (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Polled polled = { 0, 1 };
  GSource *source;

  read_nothing (self, accepted);
  source = watch (G_OBJECT (in (accepted)), cancellable, self->world, &polled);
  pair_settle (self);
  g_assert_cmpuint (polled.n, ==, 0);
  g_cancellable_cancel (cancellable);
  test_until (self->world, polled.n == 1);
  stop_watching (source);
}

/* Who waits is woken when the stream, its connection or its host goes. */
static void
test_pollable_closed (Pair *self, gconstpointer data)
{
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (Lp2pStream) accepted = NULL;
      g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
      Polled polled = { 0, 1 };
      GSource *source;

      read_nothing (self, stream);
      source = watch (G_OBJECT (in (stream)), NULL, self->world, &polled);
      pair_settle (self);
      g_assert_cmpuint (polled.n, ==, 0);
      if (i == 0)
        g_io_stream_close (G_IO_STREAM (stream), NULL, NULL);
      else if (i == 1)
        lp2p_stream_reset (accepted, 0);
      else
        lp2p_connection_abort (self->connection, 0);
      test_until (self->world, polled.n == 1);
      stop_watching (source);
    }
}

/* Cancellation */

static void
cancel_read (Pair *self, gboolean with_data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  gsize taken = 0;
  guint8 bytes[10];
  gssize n;

  g_input_stream_read_async (in (accepted), bytes, 10, 0, cancellable, test_take_result, &result);
  pair_settle (self);
  g_assert_null (result);
  if (with_data)
    test_stream_write (self->world, stream, 10, 1);
  g_cancellable_cancel (cancellable);
  test_wait (self->world, result);
  n = g_input_stream_read_finish (in (accepted), result, &error);
  if (n < 0)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  else
    taken = n;

  /* Nothing is lost to it. */
  if (!with_data)
    test_stream_write (self->world, stream, 10, 1);
  if (taken < 10)
    test_stream_expect (self->world, accepted, 10 - taken, 1 + taken);
}

static void
test_cancel_read (Pair *self, gconstpointer data)
{
  cancel_read (self, FALSE);
  cancel_read (self, TRUE);
}

static void
test_cancel_write (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree guint8 *bytes = g_malloc (TOO_MUCH);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  gsize written = 0;

  test_fill_pattern (bytes, TOO_MUCH, 1);
  g_output_stream_write_all_async (out (stream), bytes, TOO_MUCH, 0, cancellable, test_take_result, &result);
  pair_settle (self);
  g_assert_null (result);
  g_cancellable_cancel (cancellable);
  test_wait (self->world, result);
  g_assert_false (g_output_stream_write_all_finish (out (stream), result, &written, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_stream_expect (self->world, accepted, written, 1);
  test_stream_write (self->world, stream, 100, 1 + written);
  test_stream_expect (self->world, accepted, 100, 1 + written);
}

static void
test_cancelled_before (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GAsyncResult *results[4] = { NULL };
  guint8 byte;

  g_cancellable_cancel (cancellable);
  g_input_stream_read_async (in (stream), &byte, 1, 0, cancellable, test_take_result, &results[0]);
  g_output_stream_write_async (out (stream), "x", 1, 0, cancellable, test_take_result, &results[1]);
  g_input_stream_skip_async (in (accepted), 1, 0, cancellable, test_take_result, &results[2]);
  lp2p_stream_negotiate_async (stream, 0, cancellable, test_take_result, &results[3]);
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (GError) error = NULL;

      test_wait (self->world, results[i]);
      switch (i)
        {
        case 0:
          g_assert_cmpint (g_input_stream_read_finish (in (stream), results[i], &error), ==, -1);
          break;
        case 1:
          g_assert_cmpint (g_output_stream_write_finish (out (stream), results[i], &error), ==, -1);
          break;
        case 2:
          g_assert_cmpint (g_input_stream_skip_finish (in (accepted), results[i], &error), ==, -1);
          break;
        default:
          g_assert_false (lp2p_stream_negotiate_finish (stream, results[i], &error));
        }
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_object_unref (results[i]);
    }
}

/* Threads */

/* Not one of GIO's functions starts a thread. GIO keeps a thread that it has
 * started for a while, so that counting behind it is enough. */
static void
test_no_threads (Pair *self, gconstpointer data)
{
  guint before;

  pair_connect (self);
  before = test_count_threads ();
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (Lp2pStream) accepted = NULL;
      g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
      g_autoptr (GAsyncResult) bytes_result = NULL;
      g_autoptr (GAsyncResult) close_result = NULL;
      g_autoptr (GBytes) bytes = NULL;

      test_stream_write (self->world, stream, 100, 1);
      g_input_stream_read_bytes_async (in (accepted), 10, 0, NULL, test_take_result, &bytes_result);
      test_wait (self->world, bytes_result);
      bytes = g_input_stream_read_bytes_finish (in (accepted), bytes_result, NULL);
      g_assert_cmpuint (g_bytes_get_size (bytes), >, 0);
      if (i == 0)
        test_stream_close_output (self->world, stream);
      if (i == 1)
        g_input_stream_close_async (in (accepted), 0, NULL, test_take_result, &close_result);
      if (i == 1)
        test_wait (self->world, close_result);
      test_stream_close (self->world, stream);
      g_assert_cmpuint (test_count_threads (), ==, before);
    }
  test_world_settle (self->world);
  test_skip_and_flush (self, data);
  test_splice (self, data);
  test_writev (self, data);
  g_assert_cmpuint (test_count_threads (), ==, before);
}

static gpointer
use_elsewhere (gpointer user_data)
{
  Lp2pStream *stream = user_data;
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GError) error = NULL;
  guint8 byte;

  g_main_context_push_thread_default (context);
  g_assert_cmpint (g_input_stream_read (in (stream), &byte, 1, NULL, &error), ==, -1);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_WRONG_THREAD);
  g_clear_error (&error);
  g_assert_cmpint (g_output_stream_write (out (stream), "x", 1, NULL, &error), ==, -1);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_WRONG_THREAD);
  {
    GAsyncResult *result = NULL;

    g_clear_error (&error);
    g_input_stream_read_async (in (stream), &byte, 1, 0, NULL, test_take_result, &result);
    while (result == NULL)
      g_main_context_iteration (context, TRUE);
    g_assert_cmpint (g_input_stream_read_finish (in (stream), result, &error), ==, -1);
    g_assert_error (error, LP2P_ERROR, LP2P_ERROR_WRONG_THREAD);
    g_object_unref (result);
  }
  g_main_context_pop_thread_default (context);
  return NULL;
}

static void
test_wrong_thread (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);

  g_thread_join (g_thread_new ("elsewhere", use_elsewhere, stream));
  test_stream_write (self->world, stream, 100, 1);
  test_stream_expect (self->world, accepted, 100, 1);
}

/* Many */

static void
test_many_streams (Pair *self, gconstpointer data)
{
  guint n = self->combination->transport->config != NULL ? 100 : 10000;
  g_autoptr (GPtrArray) streams = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GPtrArray) accepted = g_ptr_array_new_with_free_func (g_object_unref);

  pair_connect (self);
  for (guint i = 0; i < n; i++)
    {
      Lp2pStream *stream = test_host_open (self->a, self->connection);

      g_ptr_array_add (streams, stream);
      test_stream_write (self->world, stream, 10, 0);
    }
  test_until (self->world, self->b->streams.length == n);
  g_assert_cmpuint (lp2p_connection_get_n_streams (self->connection), ==, n);
  for (guint i = 0; i < n; i++)
    {
      Lp2pStream *stream = test_host_accept (self->b);

      g_ptr_array_add (accepted, stream);
      test_stream_expect (self->world, stream, 10, 0);
      test_stream_write (self->world, stream, 10, 0);
    }
  for (guint i = 0; i < n; i++)
    test_stream_expect (self->world, g_ptr_array_index (streams, i), 10, 0);
  g_ptr_array_set_size (streams, 0);
  g_ptr_array_set_size (accepted, 0);
  pair_settle (self);
  g_assert_cmpuint (lp2p_connection_get_n_streams (self->connection), ==, 0);
}

static const PairTest tests[] = {
  { "both-ways", test_both_ways },
  { "one-byte", test_one_byte },
  { "silent-dialer", test_silent_dialer },
  { "half-close", test_half_close },
  { "fire-and-forget", test_fire_and_forget },
  { "write-only", test_write_only },
  { "reset", test_reset },
  { "stop-reading", test_stop_reading },
  { "unknown-protocol", test_unknown_protocol },
  { "refused-and-reset", test_refused_and_reset },
  { "negotiate", test_negotiate },
  { "back-pressure", test_back_pressure },
  { "synchronous", test_synchronous },
  { "zero-sizes", test_zero_sizes },
  { "writev", test_writev },
  { "skip-and-flush", test_skip_and_flush },
  { "splice", test_splice },
  { "pending", test_pending },
  { "pollable", test_pollable },
  { "pollable-cancel", test_pollable_cancel },
  { "pollable-closed", test_pollable_closed },
  { "cancel-read", test_cancel_read },
  { "cancel-write", test_cancel_write },
  { "cancelled-before", test_cancelled_before },
  { "no-threads", test_no_threads },
  { "wrong-thread", test_wrong_thread },
  { "many-streams", test_many_streams },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  combination_add_tests ("stream", tests, G_N_ELEMENTS (tests));
  return g_test_run ();
}
