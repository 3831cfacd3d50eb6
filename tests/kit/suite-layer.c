/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What every layer must do, whatever it is made of. */

#include <string.h>

#include "layer-pair.h"
#include "test-end.h"

/* More than any stack of layers may hold back. */
#define TOO_MUCH (64 * 1024 * 1024)

/* More than a record of a few bytes takes, with what protects them. */
#define MAX_RECORD 64

typedef struct
{
  TestWorld *world;
  const LayerPair *pair;
  TestEnd a;
  TestEnd b;
  guint n_in_vain;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  Lp2pLayer *a;
  Lp2pLayer *b;

  self->pair = data;
  self->world = test_world_new (self->pair->real);
  self->pair->make (self->world, self->pair, &a, &b);
  test_end_init (&self->a, self->world, a);
  test_end_init (&self->b, self->world, b);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  test_end_clear (&self->a);
  test_end_clear (&self->b);
  test_world_free (self->world);
}

/* Both ends do what they are told to, until there is nothing to do. */
static void
settle (Fixture *self)
{
  for (int i = 0; i < 10; i++)
    {
      test_end_run (&self->a);
      test_end_run (&self->b);
      if (self->world->real)
        test_world_settle (self->world);
      else
        test_world_advance (self->world, 100 * 1000);
    }
}

#define until(self, condition) \
  test_until ((self)->world, test_end_run (&(self)->a) && test_end_run (&(self)->b) && (condition))

/* So many bytes that they are worth a test and one byte at a time does not take
 * for ever. */
static gsize
get_few (Fixture *self)
{
  return MIN (self->pair->volume / 10, 3000);
}

/* Moving bytes */

static void
test_both_ways (Fixture *self, gconstpointer data)
{
  gsize volume = self->pair->volume;

  test_end_send (&self->a, volume, 7777);
  test_end_send (&self->b, volume / 2, 100000);
  until (self, self->b.received == volume && self->a.received == volume / 2);
  g_assert_false (self->a.eof);
  g_assert_false (self->b.eof);
}

static void
test_read_modes (Fixture *self, gconstpointer data)
{
  for (TestReadMode mode = 0; mode < TEST_READ_N_MODES; mode++)
    {
      gsize size = mode == TEST_READ_ONE ? get_few (self) : self->pair->volume / 5;

      self->b.mode = mode;
      test_end_send (&self->a, size, 3000);
      until (self, self->b.received == self->a.to_send);
    }
}

static void
test_small_writes (Fixture *self, gconstpointer data)
{
  test_end_send (&self->a, get_few (self), 1);
  until (self, self->b.received == self->a.to_send);

  self->a.more = TRUE;
  test_end_send (&self->a, get_few (self), 1);
  until (self, self->b.received == self->a.to_send);
}

static gssize
write_vectors (Lp2pLayer *layer, gsize from, gsize size, guint step)
{
  g_autofree guint8 *bytes = g_malloc (size);
  g_autoptr (GArray) vectors = g_array_new (FALSE, FALSE, sizeof (GOutputVector));

  test_fill_pattern (bytes, size, from);
  for (gsize i = 0; i < size; i += step)
    {
      GOutputVector empty = { NULL, 0 };
      GOutputVector vector = { bytes + i, MIN (step, size - i) };

      g_array_append_val (vectors, empty);
      g_array_append_val (vectors, vector);
    }
  return lp2p_layer_writev (layer, (GOutputVector *) vectors->data, vectors->len, LP2P_WRITE_NONE);
}

/* Whether b was told to read since this was asked last. */
static gboolean
was_told (Fixture *self)
{
  gboolean told = (self->b.ready & LP2P_READY_READ) != 0;

  self->b.ready &= ~LP2P_READY_READ;
  return told;
}

/* Whether a read to which b was told yielded something. Only the next announcement
 * is a reason for another; where there may be several, each came with a piece of the
 * record, the head of which is the first. */
static gboolean
was_worth_it (Fixture *self, gssize n)
{
  if (!self->pair->pieces)
    g_assert_cmpint (n, >, 0);
  g_assert_cmpint (n, !=, LP2P_IO_FAILED);
  if (n == LP2P_IO_AGAIN)
    g_assert_cmpuint (++self->n_in_vain, <, MAX_RECORD);
  return n > 0;
}

static void
test_vectors (Fixture *self, gconstpointer data)
{
  gsize size = MIN (get_few (self), 600);
  GOutputVector nothing = { NULL, 0 };
  guint8 parts[3][7];
  GInputVector vectors[] = { { parts[0], 3 }, { NULL, 0 }, { parts[1], 7 }, { parts[2], 1 } };
  gssize read;

  g_assert_cmpint (lp2p_layer_writev (self->a.layer, &nothing, 1, LP2P_WRITE_NONE), ==, 0);
  g_assert_cmpint (lp2p_layer_writev (self->a.layer, NULL, 0, LP2P_WRITE_NONE), ==, 0);

  self->a.to_send = self->a.sent = 0;
  while (self->a.sent < size)
    {
      gssize n = write_vectors (self->a.layer, self->a.sent, size - self->a.sent, 5);

      if (n > 0)
        self->a.sent += n;
      self->a.to_send = self->a.sent;
      settle (self);
      g_assert_cmpint (n, !=, LP2P_IO_FAILED);
    }
  until (self, self->b.received == size);

  /* Into several buffers at once. */
  self->b.ready = LP2P_READY_NONE;
  g_assert_cmpint (write_vectors (self->a.layer, size, 1, 1), ==, 1);
  test_until (self->world,
              was_told (self) &&
                  was_worth_it (self, read = lp2p_layer_readv (self->b.layer, vectors, G_N_ELEMENTS (vectors))));
  g_assert_cmpint (read, ==, 1);
  test_assert_pattern (parts[0], 1, size);
}

static void
test_peek (Fixture *self, gconstpointer data)
{
  const guint8 *first;
  const guint8 *again;
  gssize n;

  g_assert_cmpint (lp2p_layer_peek (self->b.layer, &first), ==, LP2P_IO_AGAIN);
  self->b.ready = LP2P_READY_NONE;
  self->a.to_send = 10;
  self->a.chunk = 10;
  test_until (self->world, test_end_run (&self->a) && was_told (self) &&
                               was_worth_it (self, n = lp2p_layer_peek (self->b.layer, &first)));
  test_assert_pattern (first, n, 0);
  g_assert_cmpint (lp2p_layer_peek (self->b.layer, &again), ==, n);
  test_assert_pattern (again, n, 0);

  /* What was not consumed survives the end of the reading. */
  lp2p_layer_park (self->b.layer);
  lp2p_layer_park (self->b.layer);
  g_assert_cmpint (lp2p_layer_peek (self->b.layer, &again), ==, n);
  test_assert_pattern (again, n, 0);

  lp2p_layer_consume (self->b.layer, 0);
  lp2p_layer_consume (self->b.layer, 1);
  self->b.received = 1;
  lp2p_layer_park (self->b.layer);
  self->b.ready |= LP2P_READY_READ;
  until (self, self->b.received == 10);
  settle (self);
  g_assert_cmpint (lp2p_layer_peek (self->b.layer, &again), ==, LP2P_IO_AGAIN);
  lp2p_layer_park (self->b.layer);
}

/* Whoever peeks may leave the rest to whoever reads. */
static void
test_peek_then_read (Fixture *self, gconstpointer data)
{
  self->b.mode = TEST_READ_PEEK_PART;
  test_end_send (&self->a, get_few (self), 100);
  until (self, self->b.received > 0);
  self->b.mode = TEST_READ_ONE;
  until (self, self->b.received >= self->a.to_send / 2);
  self->b.mode = TEST_READ_DRAIN;
  self->b.ready |= LP2P_READY_READ;
  until (self, self->b.received == self->a.to_send);
}

/* Ends */

static void
test_half_close (Fixture *self, gconstpointer data)
{
  guint8 byte;

  self->a.end_after = TRUE;
  test_end_send (&self->a, get_few (self), 500);
  until (self, self->b.eof && self->a.ended);
  g_assert_cmpuint (self->b.received, ==, self->a.to_send);
  g_assert_cmpint (lp2p_layer_read (self->b.layer, &byte, 1), ==, 0);
  g_assert_cmpint (lp2p_layer_read (self->b.layer, &byte, 1), ==, 0);

  /* The other direction goes on. */
  self->b.end_after = TRUE;
  test_end_send (&self->b, get_few (self), 500);
  until (self, self->a.eof);
  g_assert_cmpuint (self->a.received, ==, self->b.to_send);
  g_assert_false (self->a.failed);
  g_assert_false (self->b.failed);
  g_assert_null (lp2p_layer_get_error (self->a.layer));
  g_assert_null (lp2p_layer_get_error (self->b.layer));
}

/* What was held back leaves before the end does. */
static void
test_end_flushes (Fixture *self, gconstpointer data)
{
  int result;

  g_assert_cmpint (lp2p_layer_write (self->a.layer, "", 1, LP2P_WRITE_MORE), ==, 1);
  result = lp2p_layer_shutdown_write (self->a.layer);
  g_assert_cmpint (result, !=, LP2P_IO_FAILED);
  self->a.blocked = result == LP2P_IO_AGAIN;
  until (self, self->b.eof);
  g_assert_cmpuint (self->b.received, ==, 1);
  /* Whoever was told to wait is told when it is done. */
  if (result == LP2P_IO_AGAIN)
    test_until (self->world, self->a.n_write > 0);
  g_assert_cmpint (lp2p_layer_shutdown_write (self->a.layer), ==, 0);
}

static void
test_end_under_pressure (Fixture *self, gconstpointer data)
{
  self->a.end_after = TRUE;
  test_end_send (&self->a, self->pair->volume, 20000);
  for (int i = 0; i < 3; i++)
    {
      test_end_run (&self->a);
      test_world_settle (self->world);
    }
  until (self, self->b.eof && self->a.ended);
  g_assert_cmpuint (self->b.received, ==, self->a.to_send);
}

/* Back-pressure */

/* Writes until the layer refuses. */
static void
fill (Fixture *self)
{
  self->a.chunk = 5000;
  do
    {
      g_assert_cmpuint (self->a.sent, <, TOO_MUCH);
      self->a.to_send = self->a.sent + self->a.chunk;
      test_end_run (&self->a);
    }
  while (!self->a.blocked);
}

/* Writes until the layer refuses though time goes by and nothing moves. */
static void
fill_all (Fixture *self)
{
  gsize before;

  do
    {
      before = self->a.sent;
      fill (self);
      if (self->world->real)
        test_world_settle (self->world);
      else
        test_world_advance (self->world, 500 * 1000);
    }
  while (self->a.sent > before || (self->a.ready & LP2P_READY_WRITE) != 0);
}

static void
test_back_pressure (Fixture *self, gconstpointer data)
{
  fill_all (self);

  /* As long as the peer does not read, nothing is announced. */
  test_end_forget (&self->a);
  if (self->world->real)
    test_world_settle (self->world);
  else
    test_world_advance (self->world, 2 * G_USEC_PER_SEC);
  g_assert_cmpuint (self->a.n_write, ==, 0);
  g_assert_cmpuint (self->a.n_failed, ==, 0);

  /* When it reads, all goes on. */
  self->b.ready |= LP2P_READY_READ;
  until (self, self->b.received == self->a.to_send);
  g_assert_cmpuint (self->a.n_write, >=, 1);
}

/* WRITE is told to nobody who was not refused. */
static void
test_no_idle_write (Fixture *self, gconstpointer data)
{
  settle (self);
  test_end_forget (&self->a);
  lp2p_layer_want (self->a.layer, LP2P_READY_READ | LP2P_READY_WRITE);
  settle (self);
  g_assert_cmpuint (self->a.n_write, ==, 0);

  g_assert_cmpint (lp2p_layer_write (self->a.layer, "", 1, LP2P_WRITE_NONE), ==, 1);
  settle (self);
  g_assert_cmpuint (self->a.n_write, ==, 0);
  g_assert_cmpuint (self->b.received, ==, 1);
}

/* Each refusal is answered once. */
static void
test_write_once (Fixture *self, gconstpointer data)
{
  fill_all (self);
  test_end_forget (&self->a);
  self->b.ready |= LP2P_READY_READ;
  test_until (self->world, test_end_run (&self->b) && self->b.received == self->a.sent);
  test_world_settle (self->world);
  /* One, and one more where a flush came to its end. */
  g_assert_cmpuint (self->a.n_write, >=, 1);
  g_assert_cmpuint (self->a.n_write, <=, 2);
}

static void
write_room_exactly (Fixture *self, Lp2pWriteFlags flags)
{
  g_autofree guint8 *bytes = NULL;
  gsize room = lp2p_layer_write_room (self->a.layer);

  g_assert_cmpuint (room, <, TOO_MUCH);
  if (room == 0)
    return;
  bytes = g_malloc (room);
  test_fill_pattern (bytes, room, self->a.sent);
  g_assert_cmpint (lp2p_layer_write (self->a.layer, bytes, room, flags), ==, room);
  self->a.sent += room;
  self->a.to_send = self->a.sent;
}

static void
test_write_room (Fixture *self, gconstpointer data)
{
  g_assert_cmpuint (lp2p_layer_write_room (self->a.layer), >, 0);
  for (int i = 0; i < 40; i++)
    {
      write_room_exactly (self, i % 3 == 0 ? LP2P_WRITE_MORE : LP2P_WRITE_NONE);
      test_world_settle (self->world);
      if (i % 4 == 3)
        test_end_run (&self->b);
      if (i % 8 == 7)
        settle (self);
    }
  g_assert_cmpint (lp2p_layer_flush (self->a.layer), !=, LP2P_IO_FAILED);
  until (self, self->b.received == self->a.sent);
}

/* Whoever finds no room and waits for it is told when there is some. */
static void
test_room_returns (Fixture *self, gconstpointer data)
{
  do
    {
      write_room_exactly (self, LP2P_WRITE_NONE);
      if (self->world->real)
        test_world_settle (self->world);
      else
        test_world_advance (self->world, 500 * 1000);
    }
  while (lp2p_layer_write_room (self->a.layer) > 0);

  self->a.ready &= ~LP2P_READY_WRITE;
  self->a.n_write = 0;
  lp2p_layer_want (self->a.layer, LP2P_READY_READ | LP2P_READY_WRITE);
  self->b.ready |= LP2P_READY_READ;
  test_until (self->world, test_end_run (&self->b) && self->a.n_write > 0);
  g_assert_cmpuint (lp2p_layer_write_room (self->a.layer), >, 0);
}

static void
test_flush_tells (Fixture *self, gconstpointer data)
{
  g_autofree guint8 *bytes = g_malloc (100);
  int result;

  for (gsize i = 0; i < 50; i++)
    {
      gsize n = MIN (100, lp2p_layer_write_room (self->a.layer));

      if (n == 0)
        break;
      test_fill_pattern (bytes, n, self->a.sent);
      g_assert_cmpint (lp2p_layer_write (self->a.layer, bytes, n, LP2P_WRITE_MORE), ==, n);
      self->a.sent += n;
    }
  self->a.to_send = self->a.sent;
  lp2p_layer_want (self->a.layer, LP2P_READY_READ | LP2P_READY_WRITE);
  test_end_forget (&self->a);
  result = lp2p_layer_flush (self->a.layer);
  g_assert_cmpint (result, !=, LP2P_IO_FAILED);
  self->b.ready |= LP2P_READY_READ;
  test_until (self->world, test_end_run (&self->b) && self->b.received == self->a.sent);
  if (result == LP2P_IO_AGAIN)
    test_until (self->world, self->a.n_write > 0);
  g_assert_cmpint (lp2p_layer_flush (self->a.layer), ==, 0);
}

/* Announcements */

static void
test_want_nothing (Fixture *self, gconstpointer data)
{
  settle (self);
  lp2p_layer_want (self->b.layer, LP2P_READY_NONE);
  test_end_forget (&self->b);
  g_assert_cmpint (lp2p_layer_write (self->a.layer, "", 1, LP2P_WRITE_NONE), ==, 1);
  self->a.sent = self->a.to_send = 1;
  settle (self);
  g_assert_cmpuint (self->b.n_read, ==, 0);

  /* What came meanwhile is told when it is wanted. */
  lp2p_layer_want (self->b.layer, LP2P_READY_READ);
  test_until (self->world, self->b.n_read > 0);
  until (self, self->b.received == 1);
}

static void
count (Lp2pLayer *layer, Lp2pReady ready, gpointer data)
{
  (*(guint *) data)++;
}

/* Who takes a layer over tries it first; who left is not told anything. */
static void
test_take_over (Fixture *self, gconstpointer data)
{
  static const Lp2pLayerEvents counting = { .ready = count };
  guint n = 0;

  settle (self);
  test_end_forget (&self->b);
  g_assert_cmpint (lp2p_layer_write (self->a.layer, "", 1, LP2P_WRITE_NONE), ==, 1);
  self->a.sent = self->a.to_send = 1;
  lp2p_layer_set_events (self->b.layer, &counting, &n);
  if (self->world->real)
    test_until (self->world, n > 0);
  else
    test_world_advance (self->world, G_USEC_PER_SEC);
  g_assert_cmpuint (self->b.n_read, ==, 0);
  g_assert_cmpuint (n, >, 0);

  lp2p_layer_set_events (self->b.layer, NULL, NULL);
  g_assert_cmpint (lp2p_layer_write (self->a.layer, "\1", 1, LP2P_WRITE_NONE), ==, 1);
  self->a.sent = self->a.to_send = 2;
  settle (self);

  test_end_init (&self->b, self->world, self->b.layer);
  until (self, self->b.received == 2);
}

/* An idle layer is silent. */
static void
test_idle (Fixture *self, gconstpointer data)
{
  guint64 wakeups;

  test_end_send (&self->a, get_few (self), 100);
  until (self, self->b.received == self->a.to_send);
  settle (self);
  test_end_forget (&self->a);
  test_end_forget (&self->b);
  wakeups = lp2p_loop_get_wakeups (self->a.layer->loop) + lp2p_loop_get_wakeups (self->b.layer->loop);
  if (self->world->real)
    test_world_settle (self->world);
  else
    test_world_advance (self->world, 2 * G_USEC_PER_SEC);
  g_assert_cmpuint (
      lp2p_loop_get_wakeups (self->a.layer->loop) + lp2p_loop_get_wakeups (self->b.layer->loop), ==, wakeups);
  g_assert_cmpuint (self->a.n_read + self->a.n_write + self->b.n_read + self->b.n_write, ==, 0);
}

/* Failures */

static void
check_failed (Lp2pLayer *layer)
{
  const guint8 *peeked;
  guint8 byte;
  const GError *error;

  g_assert_cmpint (lp2p_layer_read (layer, &byte, 1), ==, LP2P_IO_FAILED);
  g_assert_cmpint (lp2p_layer_peek (layer, &peeked), ==, LP2P_IO_FAILED);
  g_assert_cmpint (lp2p_layer_write (layer, "", 1, LP2P_WRITE_NONE), ==, LP2P_IO_FAILED);
  g_assert_cmpint (lp2p_layer_flush (layer), ==, LP2P_IO_FAILED);
  g_assert_cmpuint (lp2p_layer_write_room (layer), ==, 0);
  error = lp2p_layer_get_error (layer);
  g_assert_nonnull (error);
  g_assert_cmpstr (error->message, !=, "");
  lp2p_layer_park (layer);
  lp2p_layer_want (layer, LP2P_READY_READ | LP2P_READY_WRITE);
}

static void
test_abort (Fixture *self, gconstpointer data)
{
  g_assert_null (lp2p_layer_get_error (self->a.layer));
  lp2p_layer_abort (self->a.layer, 5);
  check_failed (self->a.layer);
  lp2p_layer_abort (self->a.layer, 6);
  check_failed (self->a.layer);

  test_until (self->world, test_end_run (&self->b) && (self->b.failed || self->b.eof));
  if (!self->pair->no_reset)
    {
      g_assert_true (self->b.failed);
      check_failed (self->b.layer);
    }
}

/* Who waits for room learns that there will be none. */
static void
test_abort_while_blocked (Fixture *self, gconstpointer data)
{
  fill_all (self);
  test_end_forget (&self->a);
  lp2p_layer_abort (self->b.layer, 0);
  test_until (self->world, test_end_run (&self->a) && self->a.failed);
}

/* What came before an abort can be read where the layer keeps it; the end of it
 * must not look orderly. */
static void
test_abort_behind_data (Fixture *self, gconstpointer data)
{
  test_end_send (&self->a, get_few (self), 100);
  until (self, self->a.sent == self->a.to_send);
  lp2p_layer_abort (self->a.layer, 0);
  test_end_clear (&self->a);
  test_until (self->world, test_end_run (&self->b) && (self->b.failed || self->b.eof));
  if (!self->pair->no_reset)
    g_assert_true (self->b.failed);
}

/* The other end goes away in the middle: this one finds out, whatever it does. */
static void
test_free_other (Fixture *self, gconstpointer data)
{
  test_end_send (&self->a, self->pair->volume, 5000);
  test_end_send (&self->b, self->pair->volume, 5000);
  until (self, self->b.received > 0 && self->a.received > 0);
  test_end_clear (&self->b);
  self->a.to_send = TOO_MUCH;
  test_until (self->world, test_end_run (&self->a) && self->a.failed);
}

static void
test_free_while_blocked (Fixture *self, gconstpointer data)
{
  fill_all (self);
  test_end_forget (&self->a);
  test_end_clear (&self->b);
  test_until (self->world, test_end_run (&self->a) && self->a.failed);
}

/* Freeing both, one after the other, at every step of an exchange. */
static void
test_free_any_time (Fixture *self, gconstpointer data)
{
  for (guint stop = 0; stop < 40; stop++)
    {
      TestEnd a;
      TestEnd b;
      Lp2pLayer *layers[2];

      self->pair->make (self->world, self->pair, &layers[0], &layers[1]);
      test_end_init (&a, self->world, layers[0]);
      test_end_init (&b, self->world, layers[1]);
      b.mode = stop % TEST_READ_N_MODES;
      test_end_send (&a, self->pair->volume, 999);
      test_end_send (&b, self->pair->volume, 10000);
      for (guint i = 0; i < stop / 2; i++)
        {
          test_end_run (&a);
          if (!g_main_context_iteration (self->world->context, FALSE))
            test_world_jump (self->world, 1000);
          test_end_run (&b);
        }
      test_end_clear (stop % 2 == 0 ? &a : &b);
      if (stop % 3 == 0)
        test_world_settle (self->world);
      test_end_run (stop % 2 == 0 ? &b : &a);
      test_end_clear (stop % 2 == 0 ? &b : &a);
    }
}

static void
test_info (Fixture *self, gconstpointer data)
{
  Lp2pLayerInfo before;
  Lp2pLayerInfo info;

  lp2p_layer_get_info (self->a.layer, &before);
  g_assert_cmpint (before.rtt, >=, -1);
  g_assert_false (before.limited);

  test_end_send (&self->a, get_few (self), 100);
  until (self, self->b.received == self->a.to_send);
  lp2p_layer_get_info (self->a.layer, &info);
  g_assert_cmpuint (info.bytes_written, >=, before.bytes_written + get_few (self));
  lp2p_layer_get_info (self->b.layer, &info);
  g_assert_cmpuint (info.bytes_read, >=, get_few (self));
  g_assert_cmpuint (info.overhead, <, 1000);
}

static const struct
{
  const char *name;
  void (*test) (Fixture *self, gconstpointer data);
} tests[] = {
  { "both-ways", test_both_ways },
  { "read-modes", test_read_modes },
  { "small-writes", test_small_writes },
  { "vectors", test_vectors },
  { "peek", test_peek },
  { "peek-then-read", test_peek_then_read },
  { "half-close", test_half_close },
  { "end-flushes", test_end_flushes },
  { "end-under-pressure", test_end_under_pressure },
  { "back-pressure", test_back_pressure },
  { "no-idle-write", test_no_idle_write },
  { "write-once", test_write_once },
  { "write-room", test_write_room },
  { "room-returns", test_room_returns },
  { "flush-tells", test_flush_tells },
  { "want-nothing", test_want_nothing },
  { "take-over", test_take_over },
  { "idle", test_idle },
  { "abort", test_abort },
  { "abort-while-blocked", test_abort_while_blocked },
  { "abort-behind-data", test_abort_behind_data },
  { "free-other", test_free_other },
  { "free-while-blocked", test_free_while_blocked },
  { "free-any-time", test_free_any_time },
  { "info", test_info },
};

const LayerPair *
layer_pair_keep (const LayerPair *pair)
{
  static GPtrArray *kept;

  if (kept == NULL)
    kept = g_ptr_array_new ();
  g_ptr_array_add (kept, g_memdup2 (pair, sizeof *pair));
  return kept->pdata[kept->len - 1];
}

void
layer_pair_add_tests (const LayerPair *pair)
{
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strdup_printf ("/layer/%s/%s", pair->name, tests[i].name);

      g_test_add (path, Fixture, pair, set_up, tests[i].test, tear_down);
    }
}
