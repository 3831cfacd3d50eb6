/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service-pair.h"

#define PERF "/perf/1.0.0"
#define MIB  (1024 * 1024)

static void
set_up (ServicePair *self, gconstpointer muxer)
{
  service_pair_init (self, "perf", muxer);
}

static void
tear_down (ServicePair *self, gconstpointer muxer)
{
  service_pair_clear (self);
}

static void
write_count (ServicePair *self, Lp2pStream *stream, guint64 count, gsize size)
{
  guint64 bytes = GUINT64_TO_BE (count);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (stream));

  g_output_stream_write_all_async (output, &bytes, size, G_PRIORITY_DEFAULT, NULL, test_take_result,
                                   &result);
  test_wait (self->world, result);
  g_output_stream_write_all_finish (output, result, NULL, &error);
  g_assert_no_error (error);
}

static Lp2pStream *
ask (ServicePair *self, guint64 count)
{
  Lp2pStream *stream = service_pair_open (self, PERF);

  write_count (self, stream, count, sizeof count);
  return stream;
}

/* Reads zeros, and then the end. */
static void
expect_zeros (ServicePair *self, Lp2pStream *stream, guint64 size)
{
  g_autofree guint8 *buffer = g_malloc (MIB);
  g_autoptr (GError) error = NULL;
  guint64 total = 0;
  gssize n;

  while ((n = test_stream_read (self->world, stream, buffer, MIB, &error)) > 0)
    {
      for (gssize i = 0; i < n; i++)
        g_assert_cmpuint (buffer[i], ==, 0);
      total += n;
    }
  g_assert_no_error (error);
  g_assert_cmpuint (total, ==, size);
}

static void
assert_reset (ServicePair *self, Lp2pStream *stream)
{
  g_autoptr (GError) error = test_stream_expect_failure (self->world, stream);

  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_RESET);
}

/* One after the other: as soon as one is answered, the next may ask. */
static void
test_sizes (ServicePair *self, gconstpointer muxer)
{
  static const struct
  {
    gsize up;
    guint64 down;
  } sizes[] = { { 0, 0 }, { 1, 0 }, { 0, 1 }, { 3 * MIB + 1, 0 }, { 0, 3 * MIB + 1 }, { MIB, MIB } };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (Lp2pStream) stream = ask (self, sizes[i].down);

      if (sizes[i].up > 0)
        test_stream_write (self->world, stream, sizes[i].up, 0);
      test_stream_close_output (self->world, stream);
      expect_zeros (self, stream, sizes[i].down);
    }
}

/* The count may come in pieces, and nothing comes back before the upload's end. */
static void
test_order (ServicePair *self, gconstpointer muxer)
{
  g_autoptr (Lp2pStream) stream = service_pair_open (self, PERF);
  g_autoptr (GAsyncResult) result = NULL;
  GInputStream *input = g_io_stream_get_input_stream (G_IO_STREAM (stream));
  guint8 buffer[10];

  for (guint i = 0; i < 7; i++)
    write_count (self, stream, 0, 1);
  write_count (self, stream, G_GUINT64_CONSTANT (5) << 56, 1);
  test_stream_write (self->world, stream, 1000, 0);
  g_input_stream_read_async (input, buffer, sizeof buffer, G_PRIORITY_DEFAULT, NULL,
                             test_take_result, &result);
  test_world_advance (self->world, G_USEC_PER_SEC);
  g_assert_null (result);
  test_stream_close_output (self->world, stream);
  test_wait (self->world, result);
  g_assert_cmpint (g_input_stream_read_finish (input, result, NULL), ==, 5);
  test_stream_expect_end (self->world, stream);
}

static void
test_cut (ServicePair *self, gconstpointer muxer)
{
  for (gsize size = 0; size < 8; size++)
    {
      g_autoptr (Lp2pStream) stream = service_pair_open (self, PERF);

      if (size > 0)
        write_count (self, stream, 1, size);
      test_stream_close_output (self->world, stream);
      assert_reset (self, stream);
    }
  {
    g_autoptr (Lp2pStream) stream = ask (self, 10);

    test_stream_close_output (self->world, stream);
    expect_zeros (self, stream, 10);
  }
}

/* All that there is, for a reader who takes some of it and goes. */
static void
test_reader_gone (ServicePair *self, gconstpointer muxer)
{
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (Lp2pStream) stream = ask (self, G_MAXUINT64);
      g_autofree guint8 *buffer = g_malloc (MIB);

      test_stream_close_output (self->world, stream);
      for (guint j = 0; j < 10; j++)
        g_assert_cmpint (test_stream_read (self->world, stream, buffer, MIB, NULL), >, 0);
      if (i == 0)
        lp2p_stream_reset (stream, 0);
      g_clear_object (&stream);
      test_world_advance (self->world, 100 * 1000);
    }
}

/* An upload goes on for as long as the peer likes, and costs nothing. */
static void
test_upload_without_end (ServicePair *self, gconstpointer muxer)
{
  g_autoptr (Lp2pStream) stream = ask (self, 3);

  for (guint i = 0; i < 30; i++)
    {
      test_stream_write (self->world, stream, MIB, 0);
      test_world_settle (self->world);
    }
  test_world_advance (self->world, 60 * G_USEC_PER_SEC);
  test_stream_write (self->world, stream, 1, 0);
  test_stream_close_output (self->world, stream);
  expect_zeros (self, stream, 3);
}

/* A second request beside the first is refused, on this connection. */
static void
test_two (ServicePair *self, gconstpointer muxer)
{
  g_autoptr (Lp2pStream) stream = ask (self, 10);
  g_autoptr (Lp2pStream) other = NULL;

  test_world_settle (self->world);
  other = service_pair_open (self, PERF);
  test_stream_close_output (self->world, other);
  assert_reset (self, other);

  test_stream_close_output (self->world, stream);
  expect_zeros (self, stream, 10);
}

/* The host closes, or the connection goes, while a request is under way. */
static void
test_end (ServicePair *self, gconstpointer muxer)
{
  g_autoptr (Lp2pStream) stream = ask (self, G_MAXUINT64);
  g_autoptr (GError) error = NULL;

  test_stream_close_output (self->world, stream);
  test_world_settle (self->world);
  test_host_close (self->answers);
  error = test_stream_expect_failure (self->world, stream);
  g_assert_nonnull (error);
}

static const struct
{
  const char *name;
  void (*test) (ServicePair *self, gconstpointer muxer);
} tests[] = {
  { "sizes", test_sizes },
  { "order", test_order },
  { "cut", test_cut },
  { "reader-gone", test_reader_gone },
  { "upload-without-end", test_upload_without_end },
  { "two", test_two },
  { "end", test_end },
};

int
main (int argc, char **argv)
{
  g_auto (GStrv) muxers = NULL;

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  muxers = test_list_plugins ("muxer");
  for (guint i = 0; muxers[i] != NULL; i++)
    for (guint j = 0; j < G_N_ELEMENTS (tests); j++)
      {
        g_autofree char *path = g_strdup_printf ("/perf/%s/%s", muxers[i], tests[j].name);

        g_test_add (path, ServicePair, muxers[i], set_up, tests[j].test, tear_down);
      }
  return g_test_run ();
}
