/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The chunks of a file on their way to the disk, as lp2p receive writes them: in a thread
 * where there is a processor for it, and in turns with all else where there is none. */

#include "tools/send/lp2p-receive-writer-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NO_CHUNK G_MAXUINT

/* @codes: what became of the chunks, in the order in which it was told
 * @data: what the file should hold */
typedef struct
{
  char *path;
  int fd;
  gsize size;
  guint8 *data;
  GArray *codes;
  ReceiveWriter *writer;
} Fixture;

static void
on_written (const ReceiveChunk *chunk, int code, gpointer user_data)
{
  Fixture *self = user_data;

  g_assert_cmpuint (chunk->offset, ==, self->codes->len * (guint64) SEND_CHUNK_SIZE);
  g_array_append_val (self->codes, code);
}

/* A writer that has to do with one processor, or not. */
static ReceiveWriter *
new_writer (Fixture *self, gboolean alone)
{
  ReceiveWriter *writer;
  cpu_set_t all;
  cpu_set_t one;

  g_assert_cmpint (sched_getaffinity (0, sizeof all, &all), ==, 0);
  CPU_ZERO (&one);
  CPU_SET (sched_getcpu (), &one);
  if (alone)
    g_assert_cmpint (sched_setaffinity (0, sizeof one, &one), ==, 0);
  writer = receive_writer_new (self->fd, self->size, on_written, self);
  g_assert_cmpint (sched_setaffinity (0, sizeof all, &all), ==, 0);
  return writer;
}

static void
begin (Fixture *self, gsize size, gconstpointer alone)
{
  guint64 *words;

  self->size = size;
  self->data = g_malloc (size + sizeof *words);
  words = (guint64 *) self->data;
  for (gsize i = 0; i <= size / sizeof *words; i++)
    words[i] = i * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  self->fd = g_file_open_tmp ("lp2p-writer-XXXXXX", &self->path, NULL);
  g_assert_cmpint (self->fd, >=, 0);
  self->codes = g_array_new (FALSE, FALSE, sizeof (int));
  self->writer = new_writer (self, GPOINTER_TO_INT (alone));
}

/* A chunk comes in pieces, one of which is in its place already. */
static void
push (Fixture *self, gsize offset, gboolean good)
{
  const guint8 *data = self->data + offset;
  gsize size = MIN (self->size - offset, SEND_CHUNK_SIZE);
  gsize half = size / 2;
  ReceiveChunk *chunk;
  guint8 *place;

  while (!receive_writer_has_room (self->writer))
    g_main_context_iteration (NULL, TRUE);
  chunk = receive_writer_begin (self->writer, offset, size);
  chunk->expected = send_hash (data, size);
  chunk->expected.bytes[0] ^= !good;
  g_assert_false (receive_writer_fill (self->writer, data, half));
  place = (guint8 *) g_bytes_get_data (chunk->place, NULL) + half;
  memcpy (place, data + half, size - half);
  g_assert_true (receive_writer_fill (self->writer, place, size - half));
}

/* Pushes all chunks, of which @bad has another hash. */
static void
push_all (Fixture *self, guint bad)
{
  for (guint i = 0; (gsize) i * SEND_CHUNK_SIZE < self->size; i++)
    push (self, (gsize) i * SEND_CHUNK_SIZE, i != bad);
}

static void
wait_idle (Fixture *self)
{
  while (!receive_writer_is_idle (self->writer))
    g_main_context_iteration (NULL, TRUE);
}

static int
get_code (Fixture *self, guint number)
{
  return g_array_index (self->codes, int, number);
}

static void
check_data (Fixture *self, gsize size)
{
  g_autofree char *found = NULL;
  gsize found_size;

  g_assert_true (g_file_get_contents (self->path, &found, &found_size, NULL));
  g_assert_cmpuint (found_size, >=, size);
  g_assert_true (memcmp (found, self->data, size) == 0);
}

static void
end (Fixture *self)
{
  g_clear_pointer (&self->writer, receive_writer_free);
  g_remove (self->path);
  g_free (self->path);
  g_free (self->data);
  g_array_unref (self->codes);
}

/* Sizes around those of a chunk, of what is written at once, and of all the room. */
static void
test_sizes (gconstpointer alone)
{
  const gsize sizes[] = { 1, SEND_CHUNK_SIZE, SEND_CHUNK_SIZE + 1, 4 * SEND_CHUNK_SIZE,
                          5 * SEND_CHUNK_SIZE - 4095, 8 * SEND_CHUNK_SIZE + 1, 19 * SEND_CHUNK_SIZE + 77 };

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      Fixture self = { NULL };
      int fd;

      begin (&self, sizes[i], alone);
      push_all (&self, NO_CHUNK);
      wait_idle (&self);
      fd = receive_writer_steal_fd (self.writer);
      g_assert_cmpint (fd, ==, self.fd);
      close (fd);
      g_assert_cmpuint (self.codes->len, ==, (sizes[i] + SEND_CHUNK_SIZE - 1) / SEND_CHUNK_SIZE);
      for (guint k = 0; k < self.codes->len; k++)
        g_assert_cmpint (get_code (&self, k), ==, 0);
      check_data (&self, sizes[i]);
      end (&self);
    }
}

/* What is before a chunk with another hash is written, whatever came with it. */
static void
test_wrong_hash (gconstpointer alone)
{
  for (guint bad = 0; bad < 6; bad++)
    {
      Fixture self = { NULL };

      begin (&self, 6 * SEND_CHUNK_SIZE, alone);
      push_all (&self, bad);
      wait_idle (&self);
      for (guint i = 0; i < bad; i++)
        g_assert_cmpint (get_code (&self, i), ==, 0);
      g_assert_cmpint (get_code (&self, bad), ==, -1);
      check_data (&self, (gsize) bad * SEND_CHUNK_SIZE);
      end (&self);
    }
}

/* Whoever gives up keeps what has come. */
static void
test_given_up (gconstpointer alone)
{
  Fixture self = { NULL };

  begin (&self, 16 * SEND_CHUNK_SIZE, alone);
  for (gsize i = 0; i < 3; i++)
    push (&self, i * SEND_CHUNK_SIZE, TRUE);
  g_clear_pointer (&self.writer, receive_writer_free);
  g_assert_cmpuint (self.codes->len, ==, 3);
  check_data (&self, 3 * SEND_CHUNK_SIZE);
  end (&self);
}

/* Fewer chunks than are written at once, which no other follows. */
static void
test_flushed (gconstpointer alone)
{
  for (guint n = 0; n < 8; n++)
    {
      Fixture self = { NULL };

      begin (&self, 16 * SEND_CHUNK_SIZE, alone);
      for (gsize i = 0; i < n; i++)
        push (&self, i * SEND_CHUNK_SIZE, TRUE);
      receive_writer_flush (self.writer);
      wait_idle (&self);
      g_assert_cmpuint (self.codes->len, ==, n);
      check_data (&self, n * SEND_CHUNK_SIZE);
      end (&self);
    }
}

/* A disk that is full in the middle of what is written at once. */
static void
test_full_disk (gconstpointer alone)
{
  const struct rlimit small = { 2 * SEND_CHUNK_SIZE, RLIM_INFINITY };
  struct rlimit before;
  Fixture self = { NULL };

  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  begin (&self, 4 * SEND_CHUNK_SIZE, alone);
  push_all (&self, NO_CHUNK);
  wait_idle (&self);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
  g_assert_cmpint (get_code (&self, 0), ==, 0);
  g_assert_cmpint (get_code (&self, 1), ==, 0);
  g_assert_cmpint (get_code (&self, 2), ==, EFBIG);
  check_data (&self, 2 * SEND_CHUNK_SIZE);
  end (&self);
}

static void
add_test (const char *name, GTestDataFunc test)
{
  g_autofree char *alone = g_strdup_printf ("/receive-writer/one-processor/%s", name);
  g_autofree char *path = g_strdup_printf ("/receive-writer/%s", name);

  g_test_add_data_func (path, GINT_TO_POINTER (FALSE), test);
  g_test_add_data_func (alone, GINT_TO_POINTER (TRUE), test);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_test ("sizes", test_sizes);
  add_test ("wrong-hash", test_wrong_hash);
  add_test ("given-up", test_given_up);
  add_test ("flushed", test_flushed);
  add_test ("full-disk", test_full_disk);
  return g_test_run ();
}
