/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A layer as GIOStream, and with it the machinery behind every GIOStream of
 * this library. */

#include <string.h>

#include "net/lp2p-async-io-private.h"

#include <lp2p/net/lp2p-layer-io-stream.h>

#include "memory-layer.h"

#define BOTH (LP2P_READY_READ | LP2P_READY_WRITE)

typedef struct
{
  GMainContext *context;
  Lp2pLoop *loop;
  Lp2pLayer *layer_a;
  GIOStream *a;
  GIOStream *b;
  GInputStream *in;
  GOutputStream *out;
  GCancellable *cancellable;
  guint8 buffer[64];
  /* What the last callback said. */
  guint n_calls;
  gssize n;
  GError *error;
  gboolean in_call;
} Fixture;

static gint64 test_time;

static gint64
test_now (Lp2pClock *clock)
{
  return test_time;
}

static Lp2pClock test_clock = { test_now, test_now };

static void
make_streams (Fixture *f, const MemoryLayerOptions *options, Lp2pClock *clock)
{
  Lp2pLayer *layer_b;

  f->context = g_main_context_new ();
  g_main_context_push_thread_default (f->context);
  f->loop = lp2p_loop_new (f->context, clock);
  memory_layer_new_pair (f->loop, options, &f->layer_a, &layer_b);
  f->a = lp2p_layer_to_io_stream (f->layer_a);
  f->b = lp2p_layer_to_io_stream (layer_b);
  f->in = g_io_stream_get_input_stream (f->b);
  f->out = g_io_stream_get_output_stream (f->a);
  f->cancellable = g_cancellable_new ();
}

static void
settle (Fixture *f)
{
  while (g_main_context_iteration (f->context, FALSE))
    ;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  make_streams (f, data, NULL);
}

static void
set_up_clock (Fixture *f, gconstpointer data)
{
  make_streams (f, data, &test_clock);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_object (&f->a);
  g_clear_object (&f->b);
  settle (f);
  g_clear_object (&f->cancellable);
  g_clear_error (&f->error);
  lp2p_loop_unref (f->loop);
  g_main_context_pop_thread_default (f->context);
  g_main_context_unref (f->context);
}

static guint
count_threads (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  guint n = 0;

  while (dir != NULL && g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static void
note (Fixture *f, gssize n, GError *error)
{
  g_assert_false (f->in_call);
  f->n_calls++;
  f->n = n;
  g_clear_error (&f->error);
  f->error = error;
}

static void
read_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  note (data, n, error);
}

static void
write_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gssize n = g_output_stream_write_finish (G_OUTPUT_STREAM (source), result, &error);

  note (data, n, error);
}

static void
close_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean closed = g_io_stream_close_finish (G_IO_STREAM (source), result, &error);

  note (data, closed, error);
}

static void
read_async (Fixture *f, gsize size)
{
  f->in_call = TRUE;
  g_input_stream_read_async (f->in, f->buffer, size, G_PRIORITY_DEFAULT, f->cancellable, read_done,
                             f);
  f->in_call = FALSE;
}

static void
write_async (Fixture *f, const void *data, gsize size)
{
  f->in_call = TRUE;
  g_output_stream_write_async (f->out, data, size, G_PRIORITY_DEFAULT, f->cancellable, write_done,
                               f);
  f->in_call = FALSE;
}

static void
wait_for (Fixture *f, guint n_calls)
{
  while (f->n_calls < n_calls)
    g_main_context_iteration (f->context, TRUE);
  settle (f);
  g_assert_cmpuint (f->n_calls, ==, n_calls);
}

static void
write_text (Fixture *f, const char *text)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_output_stream_write (f->out, text, strlen (text), NULL, &error), ==,
                   strlen (text));
  g_assert_no_error (error);
}

/* Lets a write wait. */
static void
fill (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  guint8 data[4096] = { 0 };

  memory_layer_set_stalled (f->layer_a, TRUE);
  while (g_output_stream_write (f->out, data, sizeof data, NULL, &error) > 0)
    ;
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_assert_false (g_pollable_output_stream_is_writable (G_POLLABLE_OUTPUT_STREAM (f->out)));
}

static void
test_async (Fixture *f, gconstpointer data)
{
  /* A read that waits. */
  read_async (f, sizeof f->buffer);
  settle (f);
  g_assert_cmpuint (f->n_calls, ==, 0);
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, 1, NULL, &f->error), ==, -1);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_clear_error (&f->error);
  write_text (f, "hello");
  wait_for (f, 1);
  g_assert_no_error (f->error);
  g_assert_cmpmem (f->buffer, f->n, "hello", 5);

  /* A write, and a read of what is there. */
  write_async (f, "there", 5);
  wait_for (f, 2);
  g_assert_cmpint (f->n, ==, 5);
  read_async (f, 2);
  wait_for (f, 3);
  g_assert_cmpmem (f->buffer, f->n, "th", 2);
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, sizeof f->buffer, NULL, NULL), ==, 3);
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, sizeof f->buffer, NULL, &f->error), ==,
                   -1);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
}

static void
one_byte_read (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *f = data;

  g_assert_cmpint (g_input_stream_read_finish (f->in, result, NULL), ==, 1);
  g_assert_cmpuint (f->buffer[0], ==, f->n_calls & 0xff);
  if (++f->n_calls < 2000)
    g_input_stream_read_async (f->in, f->buffer, 1, G_PRIORITY_DEFAULT, NULL, one_byte_read, f);
}

static void
one_byte_written (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *f = data;
  guint8 *byte = f->buffer + 1;

  g_assert_cmpint (g_output_stream_write_finish (f->out, result, NULL), ==, 1);
  ++*byte;
  if (++f->n < 2000)
    g_output_stream_write_async (f->out, byte, 1, G_PRIORITY_DEFAULT, NULL, one_byte_written, f);
}

static const MemoryLayerOptions tiny = { .capacity = 16, .max_peek = 1, .max_step = 3 };

static void
test_one_byte (Fixture *f, gconstpointer data)
{
  g_input_stream_read_async (f->in, f->buffer, 1, G_PRIORITY_DEFAULT, NULL, one_byte_read, f);
  g_output_stream_write_async (f->out, f->buffer + 1, 1, G_PRIORITY_DEFAULT, NULL, one_byte_written,
                               f);
  wait_for (f, 2000);
  g_assert_cmpint (f->n, ==, 2000);
}

static void
test_back_pressure (Fixture *f, gconstpointer data)
{
  fill (f);
  write_async (f, "last", 4);
  settle (f);
  g_assert_cmpuint (f->n_calls, ==, 0);

  /* Nothing is lost, the waiting write comes last. */
  memory_layer_set_stalled (f->layer_a, FALSE);
  while (f->n_calls == 0)
    {
      g_main_context_iteration (f->context, FALSE);
      g_input_stream_skip (f->in, 1000, NULL, NULL);
    }
  g_assert_no_error (f->error);
  g_assert_cmpint (f->n, ==, 4);
  settle (f);
  for (gssize n = 1; n > 0; settle (f))
    {
      n = g_input_stream_read (f->in, f->buffer, sizeof f->buffer, NULL, NULL);
      if (n > 0)
        f->n = n;
    }
  g_assert_cmpmem (f->buffer + f->n - 4, 4, "last", 4);
}

static void
test_half_close (Fixture *f, gconstpointer data)
{
  write_text (f, "end");
  g_assert_true (g_output_stream_close (f->out, NULL, NULL));
  g_assert_cmpint (g_output_stream_write (f->out, "x", 1, NULL, &f->error), ==, -1);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  settle (f);
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, sizeof f->buffer, NULL, NULL), ==, 3);
  read_async (f, sizeof f->buffer);
  wait_for (f, 1);
  g_assert_no_error (f->error);
  g_assert_cmpint (f->n, ==, 0);

  /* The other direction goes on. */
  f->out = g_io_stream_get_output_stream (f->b);
  f->in = g_io_stream_get_input_stream (f->a);
  read_async (f, sizeof f->buffer);
  settle (f);
  write_text (f, "more");
  wait_for (f, 2);
  g_assert_cmpint (f->n, ==, 4);

  /* Nothing is read any more. */
  g_assert_true (g_input_stream_close (f->in, NULL, NULL));
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, 1, NULL, NULL), ==, -1);
}

/* A stream of which both sides were closed one by one sends what it has. */
static void
test_close_sides (Fixture *f, gconstpointer data)
{
  memory_layer_set_stalled (f->layer_a, TRUE);
  write_text (f, "last words");
  g_assert_true (g_input_stream_close (g_io_stream_get_input_stream (f->a), NULL, NULL));
  g_assert_true (g_output_stream_close (f->out, NULL, NULL));
  settle (f);
  memory_layer_set_stalled (f->layer_a, FALSE);
  settle (f);
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, sizeof f->buffer, NULL, NULL), ==, 10);
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, sizeof f->buffer, NULL, NULL), ==, 0);
}

static void
test_cancel (Fixture *f, gconstpointer data)
{
  /* While a read waits. What comes then is for the next one. */
  read_async (f, sizeof f->buffer);
  f->in_call = TRUE;
  g_cancellable_cancel (f->cancellable);
  f->in_call = FALSE;
  wait_for (f, 1);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  write_text (f, "kept");
  settle (f);

  /* Before it begins. */
  read_async (f, sizeof f->buffer);
  wait_for (f, 2);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  write_async (f, "no", 2);
  wait_for (f, 3);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, 1, f->cancellable, NULL), ==, -1);

  g_cancellable_reset (f->cancellable);
  read_async (f, sizeof f->buffer);
  wait_for (f, 4);
  g_assert_cmpmem (f->buffer, f->n, "kept", 4);

  /* While a write waits. */
  fill (f);
  write_async (f, "no", 2);
  settle (f);
  g_cancellable_cancel (f->cancellable);
  wait_for (f, 5);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  /* Closing closes all the same. */
  g_io_stream_close_async (f->a, G_PRIORITY_DEFAULT, f->cancellable, close_done, f);
  wait_for (f, 6);
  g_assert_true (g_io_stream_is_closed (f->a));
  memory_layer_set_stalled (f->layer_a, FALSE);
}

/* Errors that are counted. */

static int n_counted;

static void
count_init (GError *error)
{
  n_counted++;
}

static void
count_copy (const GError *from, GError *to)
{
  n_counted++;
}

static void
count_clear (GError *error)
{
  n_counted--;
}

static GQuark
counted_quark (void)
{
  static GQuark quark;

  if (quark == 0)
    quark = g_error_domain_register_static ("counted", sizeof (gpointer), count_init, count_copy, count_clear);
  return quark;
}

static gssize
fail_counted (GIOStream *stream, void *buffer, gsize size, GError **error)
{
  static gboolean asked;

  if (asked)
    g_set_error_literal (error, counted_quark (), 0, "it failed");
  else
    lp2p_async_io_set_would_block (error);
  asked = TRUE;
  return -1;
}

static gboolean
always_ready (GIOStream *stream, Lp2pReady side)
{
  return TRUE;
}

static const Lp2pAsyncIoFuncs counted_funcs = { .read = fail_counted, .is_ready = always_ready };

typedef struct
{
  Lp2pJob job;
  Lp2pAsyncIo io;
  Fixture *f;
} CountedRead;

/* It waits, fails in the wake-up in which it began, which is told in the next one, and is
 * cancelled in between. */
static void
read_and_cancel (Lp2pJob *job)
{
  CountedRead *self = (CountedRead *) job;
  GTask *task = lp2p_async_io_new_task (self->f->in, read_and_cancel, G_PRIORITY_DEFAULT, self->f->cancellable,
                                        read_done, self->f);

  lp2p_async_io_start_read (&self->io, task, self->f->buffer, sizeof self->f->buffer);
  g_source_set_priority (self->io.reading.cancel, G_PRIORITY_HIGH);
  g_cancellable_cancel (self->f->cancellable);
}

static void
test_cancel_failed (Fixture *f, gconstpointer data)
{
  CountedRead read = { .f = f };

  lp2p_job_init (&read.job, f->loop, LP2P_JOB_RUN, read_and_cancel);
  lp2p_async_io_init (&read.io, f->b, &counted_funcs, f->loop);
  lp2p_job_queue (&read.job);
  lp2p_async_io_wake (&read.io);
  while (f->n_calls == 0)
    g_main_context_iteration (f->context, TRUE);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (n_counted, ==, 0);
  lp2p_async_io_clear (&read.io);
  lp2p_job_clear (&read.job);
}

/* Bytes that went straight into the buffer of a read are its result. */
static void
test_take_input (Fixture *f, gconstpointer data)
{
  Lp2pAsyncIo *io = lp2p_async_input_get_io (f->in);

  g_assert_cmpuint (lp2p_async_io_take_input (io, (const guint8 *) "abc", 3), ==, 0);
  read_async (f, 2);
  g_assert_cmpuint (lp2p_async_io_take_input (io, (const guint8 *) "abc", 3), ==, 2);
  g_assert_cmpuint (lp2p_async_io_take_input (io, (const guint8 *) "c", 1), ==, 0);
  g_cancellable_cancel (f->cancellable);
  wait_for (f, 1);
  g_assert_no_error (f->error);
  g_assert_cmpmem (f->buffer, f->n, "ab", 2);

  g_cancellable_reset (f->cancellable);
  read_async (f, 4);
  g_cancellable_cancel (f->cancellable);
  g_io_stream_close (f->b, NULL, NULL);
  g_assert_cmpuint (lp2p_async_io_take_input (io, (const guint8 *) "abc", 3), ==, 0);
  wait_for (f, 2);
  g_assert_cmpint (f->n, ==, -1);
}

static void
test_close_pending (Fixture *f, gconstpointer data)
{
  f->in = g_io_stream_get_input_stream (f->a);
  fill (f);
  read_async (f, sizeof f->buffer);
  write_async (f, "no", 2);
  f->in_call = TRUE;
  g_io_stream_close (f->a, NULL, NULL);
  f->in_call = FALSE;
  g_assert_cmpuint (f->n_calls, ==, 0);
  wait_for (f, 2);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_assert_cmpint (f->n, ==, -1);
  memory_layer_set_stalled (f->layer_a, FALSE);
}

/* The callback of the closing comes behind what it ended. */
static void
test_close_async (Fixture *f, gconstpointer data)
{
  read_async (f, sizeof f->buffer);
  f->in_call = TRUE;
  g_io_stream_close_async (f->b, G_PRIORITY_DEFAULT, NULL, close_done, f);
  f->in_call = FALSE;
  wait_for (f, 2);
  g_assert_no_error (f->error);
  g_assert_cmpint (f->n, ==, TRUE);
}

static void
drop_in_callback (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *f = data;
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (f->in, result, &error);

  note (f, n, error);
  g_io_stream_close (f->a, NULL, NULL);
  g_clear_object (&f->a);
}

/* In the callback of one operation the stream goes, with another one waiting. */
static void
test_close_in_callback (Fixture *f, gconstpointer data)
{
  f->in = g_io_stream_get_input_stream (f->a);
  fill (f);
  write_async (f, "no", 2);
  g_input_stream_read_async (f->in, f->buffer, 1, G_PRIORITY_DEFAULT, NULL, drop_in_callback, f);
  g_output_stream_write_all (g_io_stream_get_output_stream (f->b), "x", 1, NULL, NULL, NULL);
  wait_for (f, 2);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  memory_layer_set_stalled (f->layer_a, FALSE);
}

static gboolean
source_ready (GObject *pollable, gpointer data)
{
  Fixture *f = data;

  f->n_calls++;
  if (G_IS_POLLABLE_INPUT_STREAM (pollable))
    while (g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (pollable), f->buffer,
                                                     1, NULL, NULL) > 0)
      ;
  return G_SOURCE_CONTINUE;
}

static GSource *
attach (Fixture *f, GSource *source)
{
  g_source_set_callback (source, G_SOURCE_FUNC (source_ready), f, NULL);
  g_source_attach (source, f->context);
  return source;
}

static void
drop_source (GSource *source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

static void
test_sources (Fixture *f, gconstpointer data)
{
  Lp2pAsyncIo *io = lp2p_async_input_get_io (f->in);
  GSource *source;

  /* One that was never tried may be ready; then it waits. */
  source = attach (
      f, g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (f->in), f->cancellable));
  settle (f);
  f->n_calls = 0;
  g_assert_false (g_pollable_input_stream_is_readable (G_POLLABLE_INPUT_STREAM (f->in)));
  write_text (f, "abc");
  settle (f);
  g_assert_cmpuint (f->n_calls, ==, 1);
  write_text (f, "abc");
  settle (f);
  g_assert_cmpuint (f->n_calls, ==, 2);
  g_cancellable_cancel (f->cancellable);
  g_main_context_iteration (f->context, FALSE);
  g_assert_cmpuint (f->n_calls, ==, 3);
  drop_source (source);
  g_assert_null (io->sources);

  fill (f);
  f->n_calls = 0;
  source =
      attach (f, g_pollable_output_stream_create_source (G_POLLABLE_OUTPUT_STREAM (f->out), NULL));
  settle (f);
  g_assert_cmpuint (f->n_calls, ==, 0);
  memory_layer_set_stalled (f->layer_a, FALSE);
  while (f->n_calls == 0)
    {
      g_main_context_iteration (f->context, FALSE);
      g_input_stream_skip (f->in, 1000, NULL, NULL);
    }
  drop_source (source);

  /* The end of the stream is something to be told, and so is a stream that is
   * gone. */
  settle (f);
  g_io_stream_close (f->b, NULL, NULL);
  f->n_calls = 0;
  source =
      attach (f, g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (f->in), NULL));
  g_main_context_iteration (f->context, FALSE);
  g_assert_cmpuint (f->n_calls, >=, 1);
  drop_source (source);
  g_object_ref (f->in);
  g_clear_object (&f->b);
  f->n_calls = 0;
  source =
      attach (f, g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (f->in), NULL));
  g_main_context_iteration (f->context, FALSE);
  g_assert_cmpuint (f->n_calls, >=, 1);
  drop_source (source);
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, 1, NULL, &f->error), ==, -1);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_object_unref (f->in);
}

static gboolean
count_closure (GObject *pollable, Fixture *f)
{
  g_assert_true (pollable == G_OBJECT (f->in));
  f->n_calls++;
  return f->n_calls < 2;
}

/* Bindings set closures. */
static void
test_closures (Fixture *f, gconstpointer data)
{
  g_autoptr (GSource) source =
      g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (f->in), NULL);
  GClosure *closure = g_cclosure_new (G_CALLBACK (count_closure), f, NULL);

  g_closure_set_marshal (closure, g_cclosure_marshal_generic);
  g_source_set_closure (source, closure);
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, 1, NULL, NULL), ==, -1);
  settle (f);
  f->n_calls = 0;
  g_source_attach (source, f->context);
  write_text (f, "abc");
  settle (f);
  g_assert_cmpuint (f->n_calls, ==, 2);
  g_assert_true (g_source_is_destroyed (source));
}

/* Up to a bound, and no further. */
static void
test_limit (Fixture *f, gconstpointer data)
{
  lp2p_layer_io_stream_limit_input (f->b, 6);
  write_text (f, "ten bytes.");
  settle (f);
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, 4, NULL, NULL), ==, 4);
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, 10, NULL, NULL), ==, 2);
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, 1, NULL, &f->error), ==, -1);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_clear_error (&f->error);
  lp2p_layer_io_stream_limit_input (f->b, 1);
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, 10, NULL, NULL), ==, 1);
}

/* As much as may come, and no more: that is no error, whenever the end comes. */
static void
test_limit_reached (Fixture *f, gconstpointer data)
{
  lp2p_layer_io_stream_limit_input (f->b, 10);
  write_text (f, "ten bytes.");
  settle (f);
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, sizeof f->buffer, NULL, NULL), ==, 10);
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, 1, NULL, &f->error), ==, -1);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_clear_error (&f->error);
  read_async (f, sizeof f->buffer);
  settle (f);
  g_assert_cmpuint (f->n_calls, ==, 0);

  g_assert_true (g_output_stream_close (f->out, NULL, NULL));
  wait_for (f, 1);
  g_assert_no_error (f->error);
  g_assert_cmpint (f->n, ==, 0);
}

/* A read that waits behind the limit is told what comes. */
static void
test_limit_passed (Fixture *f, gconstpointer data)
{
  lp2p_layer_io_stream_limit_input (f->b, 0);
  read_async (f, sizeof f->buffer);
  settle (f);
  g_assert_cmpuint (f->n_calls, ==, 0);
  write_text (f, "x");
  wait_for (f, 1);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
}

/* What was written goes on, what was not read is still there. */
static void
test_steal (Fixture *f, gconstpointer data)
{
  Lp2pLayer *layer;
  Lp2pLayer *other;
  char buffer[10];

  write_text (f, "abc");
  settle (f);
  g_input_stream_read_async (f->in, f->buffer, 1, G_PRIORITY_DEFAULT, NULL, read_done, f);
  settle (f);
  g_assert_cmpint (f->n, ==, 1);
  layer = lp2p_layer_steal_from_io_stream (f->b);
  other = lp2p_layer_steal_from_io_stream (f->a);
  g_assert_true (other == f->layer_a);
  g_assert_true (g_io_stream_is_closed (f->b) || g_input_stream_read (f->in, f->buffer, 1, NULL, NULL) < 0);
  g_assert_cmpint (lp2p_layer_read (layer, buffer, sizeof buffer), ==, 2);
  g_assert_cmpmem (buffer, 2, "bc", 2);
  g_assert_null (lp2p_layer_steal_from_io_stream (f->b));
  lp2p_layer_free (layer);
  lp2p_layer_free (other);
}

/* A source alone keeps nothing from being dropped. */
static void
test_source_without_stream (Fixture *f, gconstpointer data)
{
  GSource *source;

  while (g_input_stream_read (f->in, f->buffer, 1, NULL, NULL) > 0)
    ;
  source =
      attach (f, g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (f->in), NULL));
  g_clear_object (&f->b);
  settle (f);
  g_assert_cmpuint (f->n_calls, ==, 0);
  drop_source (source);
}

static void
test_broken (Fixture *f, gconstpointer data)
{
  f->in = g_io_stream_get_input_stream (f->a);
  read_async (f, sizeof f->buffer);
  settle (f);
  memory_layer_break (f->layer_a);
  wait_for (f, 1);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
  g_assert_cmpstr (f->error->message, ==, "The connection broke");
  write_async (f, "no", 2);
  wait_for (f, 2);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
}

static void
test_reset (Fixture *f, gconstpointer data)
{
  read_async (f, sizeof f->buffer);
  settle (f);
  g_assert_true (lp2p_async_io_reset (f->a, 7));
  wait_for (f, 1);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
  g_assert_cmpint (g_output_stream_write (f->out, "x", 1, NULL, NULL), ==, -1);
  g_io_stream_close (f->a, NULL, NULL);
  g_assert_true (lp2p_async_io_reset (f->a, 7));
}

/* What was written leaves although nobody knows the stream any more. */
static void
test_linger (Fixture *f, gconstpointer data)
{
  g_autofree guint8 *bytes = g_malloc0 (30000);
  gsize size;

  memory_layer_set_stalled (f->layer_a, TRUE);
  g_output_stream_write_all (f->out, bytes, 30000, &size, NULL, NULL);
  g_assert_cmpuint (size, ==, 30000);
  g_clear_object (&f->a);
  settle (f);
  memory_layer_set_stalled (f->layer_a, FALSE);
  settle (f);
  g_assert_true (g_input_stream_read_all (f->in, bytes, 30000, &size, NULL, NULL));
  g_assert_cmpuint (size, ==, 30000);
  g_assert_cmpint (g_input_stream_read (f->in, bytes, 1, NULL, NULL), ==, 0);
}

/* But not for ever. */
static void
test_linger_deadline (Fixture *f, gconstpointer data)
{
  memory_layer_set_stalled (f->layer_a, TRUE);
  write_text (f, "nobody reads this");
  g_clear_object (&f->a);
  settle (f);
  test_time += 9 * G_USEC_PER_SEC;
  lp2p_loop_advance (f->loop);
  settle (f);
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, 1, NULL, &f->error), ==, -1);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_clear_error (&f->error);
  test_time += 2 * G_USEC_PER_SEC;
  lp2p_loop_advance (f->loop);
  settle (f);
  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, 1, NULL, &f->error), ==, -1);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
}

static gpointer
use_elsewhere (gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_input_stream_read (f->in, f->buffer, 1, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);
  g_assert_cmpint (g_output_stream_write (f->out, "x", 1, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);
  g_assert_true (g_pollable_input_stream_is_readable (G_POLLABLE_INPUT_STREAM (f->in)));
  g_assert_false (g_io_stream_close (f->a, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  return NULL;
}

static void
test_wrong_thread (Fixture *f, gconstpointer data)
{
  g_thread_join (g_thread_new ("elsewhere", use_elsewhere, f));
}

static void
ok_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *f = data;

  f->n_calls++;
}

/* Each asynchronous function of GIO's streams once, and the synchronous ones. */
static void
test_threads (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("0123456789", 10);
  GOutputVector vectors[2] = { { "01", 2 }, { "234", 3 } };
  g_autoptr (GIOStream) pipe = NULL;
  g_autoptr (GIOStream) sink = NULL;
  guint n_threads;
  MemoryLayerOptions options = { 0 };
  Lp2pLayer *c, *d;
  guint8 out[64];
  gsize size;

  /* GLib starts a thread when this type is first used. */
  g_type_ensure (G_TYPE_TASK);
  n_threads = count_threads ();

  g_output_stream_write_all_async (f->out, "0123456789", 10, 0, NULL, ok_done, f);
  wait_for (f, 1);
  g_output_stream_write_bytes_async (f->out, bytes, 0, NULL, ok_done, f);
  wait_for (f, 2);
  g_output_stream_writev_async (f->out, vectors, 2, 0, NULL, ok_done, f);
  wait_for (f, 3);
  g_output_stream_writev_all_async (f->out, vectors, 2, 0, NULL, ok_done, f);
  wait_for (f, 4);
  g_output_stream_flush_async (f->out, 0, NULL, ok_done, f);
  wait_for (f, 5);
  g_assert_true (g_output_stream_flush (f->out, NULL, NULL));
  g_assert_cmpint (g_output_stream_write_bytes (f->out, bytes, NULL, NULL), ==, 10);
  g_assert_true (g_output_stream_writev (f->out, vectors, 2, &size, NULL, NULL));
  g_assert_cmpuint (size, ==, 5);
  settle (f);

  g_input_stream_read_all_async (f->in, f->buffer, 5, 0, NULL, ok_done, f);
  wait_for (f, 6);
  g_input_stream_read_bytes_async (f->in, 5, 0, NULL, ok_done, f);
  wait_for (f, 7);
  g_input_stream_skip_async (f->in, 5, 0, NULL, ok_done, f);
  wait_for (f, 8);
  g_assert_cmpint (g_input_stream_skip (f->in, 5, NULL, NULL), ==, 5);
  g_assert_cmpint (g_input_stream_read (f->in, out, sizeof out, NULL, NULL), ==, 25);

  /* From one stream into another, and both ways. */
  memory_layer_new_pair (f->loop, &options, &c, &d);
  pipe = lp2p_layer_to_io_stream (c);
  sink = lp2p_layer_to_io_stream (d);
  g_io_stream_splice_async (f->b, pipe,
                            G_IO_STREAM_SPLICE_CLOSE_STREAM1 | G_IO_STREAM_SPLICE_CLOSE_STREAM2 |
                                G_IO_STREAM_SPLICE_WAIT_FOR_BOTH,
                            0, NULL, ok_done, f);
  write_text (f, "through");
  settle (f);
  g_assert_cmpint (
      g_input_stream_read (g_io_stream_get_input_stream (sink), out, sizeof out, NULL, NULL), ==,
      7);
  g_assert_cmpmem (out, 7, "through", 7);
  g_output_stream_close_async (f->out, 0, NULL, ok_done, f);
  g_output_stream_close_async (g_io_stream_get_output_stream (sink), 0, NULL, ok_done, f);
  wait_for (f, 11);
  g_input_stream_close_async (g_io_stream_get_input_stream (f->a), 0, NULL, ok_done, f);
  wait_for (f, 12);
  g_io_stream_close_async (f->a, 0, NULL, ok_done, f);
  wait_for (f, 13);
  g_output_stream_splice_async (
      g_io_stream_get_output_stream (sink), g_io_stream_get_input_stream (pipe),
      G_OUTPUT_STREAM_SPLICE_CLOSE_SOURCE | G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, 0, NULL, ok_done,
      f);
  wait_for (f, 14);
  g_assert_cmpuint (count_threads (), ==, n_threads);
}

#define ADD(name, options)                                                                         \
  g_test_add ("/layer-io-stream/" #name, Fixture, options, set_up, test_##name, tear_down)

int
main (int argc, char **argv)
{
  static const MemoryLayerOptions small = { .capacity = 10000 };

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  ADD (async, NULL);
  ADD (one_byte, &tiny);
  ADD (back_pressure, &small);
  ADD (half_close, NULL);
  ADD (close_sides, NULL);
  ADD (cancel, &small);
  ADD (cancel_failed, NULL);
  ADD (take_input, NULL);
  ADD (close_pending, &small);
  ADD (close_async, NULL);
  ADD (close_in_callback, &small);
  ADD (sources, &small);
  ADD (closures, NULL);
  ADD (limit, NULL);
  ADD (limit_reached, NULL);
  ADD (limit_passed, NULL);
  ADD (steal, NULL);
  ADD (source_without_stream, NULL);
  ADD (broken, NULL);
  ADD (reset, NULL);
  ADD (linger, NULL);
  g_test_add ("/layer-io-stream/linger-deadline", Fixture, NULL, set_up_clock, test_linger_deadline,
              tear_down);
  ADD (wrong_thread, NULL);
  ADD (threads, NULL);
  return g_test_run ();
}
