/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <malloc.h>
#include <string.h>

#include "lp2p-noise-layer-private.h"
#include "lp2p-noise-security.h"
#include "security-pair.h"

#define A PAIR_INITIATOR
#define B PAIR_RESPONDER

/* What is sent is told by its place in the stream. */
static guint8
get_byte (guint64 offset)
{
  return (guint8) (offset * 167 + (offset >> 8) * 13 + (offset >> 16));
}

static guint8 *
make_bytes (guint64 offset, gsize size)
{
  guint8 *bytes = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    bytes[i] = get_byte (offset + i);
  return bytes;
}

static void
assert_bytes (const guint8 *bytes, guint64 offset, gsize size)
{
  for (gsize i = 0; i < size; i++)
    if (bytes[i] != get_byte (offset + i))
      g_error ("byte %" G_GUINT64_FORMAT " is wrong", offset + i);
}

static void
setup (SecurityPair *fixture, const MemoryLayerOptions *options)
{
  security_pair_init (fixture, LP2P_TYPE_NOISE_SECURITY, "noise");
  security_pair_connect (fixture, options);
  security_pair_handshake (fixture);
  security_pair_settle ();
}

/* With the test between the sides. */
static void
setup_wires (SecurityPair *fixture)
{
  static const MemoryLayerOptions options = { .capacity = 1024 * 1024 };

  security_pair_init (fixture, LP2P_TYPE_NOISE_SECURITY, "noise");
  security_pair_connect_wires (fixture, &options);
  security_pair_start_both (fixture);
  security_pair_forward_all (fixture);
}

static Lp2pNoiseLayer *
get_layer (SecurityPair *fixture, guint side)
{
  return (Lp2pNoiseLayer *) security_pair_get_layer (fixture, side);
}

static void
assert_idle (SecurityPair *fixture)
{
  for (guint i = 0; i < 2; i++)
    {
      Lp2pNoiseLayer *layer = get_layer (fixture, i);

      g_assert_null (layer->plain);
      g_assert_null (layer->frames.body);
      g_assert_null (layer->gathered);
      g_assert_null (layer->sealed);
    }
}

/* Reads what is there, in one of several ways. Returns how much that was. */
static gsize
read_some (Lp2pLayer *layer, guint64 offset, guint way)
{
  g_autofree guint8 *buffer = g_malloc (200000);
  GInputVector vectors[] = {
    { buffer, 1 }, { buffer + 1, 0 }, { buffer + 1, 1000 }, { buffer + 1001, 190000 }
  };
  const guint8 *data;
  gssize n;

  switch (way % 5)
    {
    case 0:
      n = lp2p_layer_peek (layer, &data);
      if (n <= 0)
        break;
      assert_bytes (data, offset, n);
      lp2p_layer_consume (layer, n);
      return n;
    case 1:
      n = lp2p_layer_peek (layer, &data);
      if (n <= 0)
        break;
      n = MAX (n / 3, 1);
      assert_bytes (data, offset, n);
      lp2p_layer_consume (layer, n);
      lp2p_layer_park (layer);
      return n;
    case 2:
      n = lp2p_layer_readv (layer, vectors, G_N_ELEMENTS (vectors));
      if (n > 0)
        assert_bytes (buffer, offset, n);
      break;
    case 3:
      n = lp2p_layer_read (layer, buffer, 100000);
      if (n > 0)
        assert_bytes (buffer, offset, n);
      break;
    default:
      n = lp2p_layer_read (layer, buffer, 1);
      if (n > 0)
        assert_bytes (buffer, offset, n);
      break;
    }
  g_assert_cmpint (n, !=, LP2P_IO_FAILED);
  g_assert_cmpint (n, !=, 0);
  return MAX (n, 0);
}

/* As much as was promised is taken, in pieces of random sizes. */
static gsize
write_some (Lp2pLayer *layer, guint64 offset, gsize most)
{
  gsize room = lp2p_layer_write_room (layer);
  gsize limit = MIN (room, most);
  gsize done = 0;

  while (done < limit)
    {
      gsize wish = g_test_rand_int_range (1, g_test_rand_bit () ? 200 : 100000);
      gsize size = MIN (limit - done, wish);
      g_autofree guint8 *bytes = make_bytes (offset + done, size);
      gsize cut = g_test_rand_int_range (0, (int) size + 1);
      GOutputVector vectors[] = { { bytes, cut }, { NULL, 0 }, { bytes + cut, size - cut } };

      g_assert_cmpint (lp2p_layer_writev (layer, vectors, 3,
                                          g_test_rand_bit () ? LP2P_WRITE_MORE : LP2P_WRITE_NONE),
                       ==, size);
      done += size;
    }
  return done;
}

static void
transfer (const MemoryLayerOptions *options, gsize total)
{
  SecurityPair fixture;
  guint64 sent[2] = { 0 }, received[2] = { 0 };

  setup (&fixture, options);
  while (received[A] < total || received[B] < total)
    {
      for (guint i = 0; i < 2; i++)
        {
          Lp2pLayer *layer = security_pair_get_layer (&fixture, i);

          sent[i] += write_some (layer, sent[i], total - sent[i]);
          if (g_test_rand_int_range (0, 3) == 0 || sent[i] == total)
            lp2p_layer_flush (layer);
        }
      security_pair_iterate ();
      for (guint i = 0; i < 2; i++)
        received[1 - i] +=
            read_some (security_pair_get_layer (&fixture, i), received[1 - i], g_test_rand_int ());
    }
  g_assert_cmpuint (sent[A], ==, total);
  security_pair_settle ();
  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpint (lp2p_layer_flush (security_pair_get_layer (&fixture, i)), ==, 0);
      lp2p_layer_park (security_pair_get_layer (&fixture, i));
    }
  assert_idle (&fixture);
  security_pair_clear (&fixture);
}

static void
test_transfer (void)
{
  static const struct
  {
    MemoryLayerOptions options;
    gsize total;
  } cases[] = {
    { { 0 }, 3000000 },
    { { .capacity = 1024 * 1024 }, 5000000 },
    { { .max_peek = 1 }, 3000 },
    { { .capacity = 1, .max_peek = 1 }, 1500 },
    { { .max_step = 1 }, 1500 },
    { { .capacity = 100, .max_step = 30, .max_peek = 7 }, 20000 },
    { { .capacity = 300000, .max_step = 70000, .max_peek = 66000 }, 3000000 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    transfer (&cases[i].options, cases[i].total);
}

/* Readiness alone moves everything: nobody tries without being told to. */
typedef struct
{
  Lp2pReady ready;
} Listener;

static void
note_ready (Lp2pLayer *layer, Lp2pReady ready, gpointer data)
{
  ((Listener *) data)->ready |= ready;
}

static void
note_failed (Lp2pLayer *layer, const GError *error, gpointer data)
{
  ((Listener *) data)->ready |= LP2P_READY_HANGUP;
}

static const Lp2pLayerEvents listener_events = { note_ready, note_failed };

static void
test_readiness (void)
{
  static const MemoryLayerOptions options[] = { { 0 }, { .max_step = 999, .max_peek = 777 } };
  const gsize total = 1000000;

  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    {
      SecurityPair fixture;
      Listener writer = { LP2P_READY_WRITE }, reader = { LP2P_READY_READ };
      guint64 sent = 0, received = 0;
      Lp2pLayer *from, *to;

      setup (&fixture, &options[i]);
      from = security_pair_get_layer (&fixture, A);
      to = security_pair_get_layer (&fixture, B);
      lp2p_layer_set_events (from, &listener_events, &writer);
      lp2p_layer_set_events (to, &listener_events, &reader);
      lp2p_layer_want (from, LP2P_READY_WRITE);
      lp2p_layer_want (to, LP2P_READY_READ);

      while (received < total)
        {
          gsize n;

          if (writer.ready & LP2P_READY_WRITE)
            {
              writer.ready = LP2P_READY_NONE;
              while (sent < total && (n = write_some (from, sent, total - sent)) > 0)
                sent += n;
              lp2p_layer_flush (from);
            }
          else if (reader.ready & LP2P_READY_READ)
            {
              /* Once only: what is left is announced again. */
              reader.ready = LP2P_READY_NONE;
              received += read_some (to, received, received);
              lp2p_layer_park (to);
            }
          else
            security_pair_iterate ();
        }
      security_pair_clear (&fixture);
    }
}

/* Small writes that belong together become one record. */
static void
test_coalescing (void)
{
  SecurityPair fixture;
  Lp2pLayer *layer;
  const guint8 *data;
  guint64 before;

  setup (&fixture, NULL);
  layer = security_pair_get_layer (&fixture, A);
  before = memory_layer_get_written (fixture.lower[A]);
  for (guint i = 0; i < 100; i++)
    {
      g_autofree guint8 *bytes = make_bytes (12 * i, 12);

      g_assert_cmpint (lp2p_layer_write (layer, bytes, 12, LP2P_WRITE_MORE), ==, 12);
    }
  g_assert_cmpuint (memory_layer_get_written (fixture.lower[A]), ==, before);
  g_assert_cmpint (lp2p_layer_flush (layer), ==, 0);
  g_assert_cmpuint (memory_layer_get_written (fixture.lower[A]), ==, before + 1200 + 18);
  security_pair_settle ();
  g_assert_cmpint (lp2p_layer_peek (security_pair_get_layer (&fixture, B), &data), ==, 1200);
  assert_bytes (data, 0, 1200);
  security_pair_clear (&fixture);
}

/* Whole records of the largest size, sealed from the caller's memory; a peek
 * lends one of them. */
static void
test_large_records (void)
{
  static const MemoryLayerOptions options = { .capacity = 1024 * 1024 };
  const gsize total = 4 * LP2P_NOISE_PLAIN_MAX - LP2P_NOISE_OVERHEAD;
  g_autofree guint8 *bytes = make_bytes (0, total);
  SecurityPair fixture;
  const guint8 *data;
  Lp2pLayerInfo info;
  guint64 before;
  Lp2pLayer *layer;

  setup (&fixture, &options);
  layer = security_pair_get_layer (&fixture, A);
  lp2p_layer_get_info (layer, &info);
  g_assert_cmpuint (info.record_size, ==, LP2P_NOISE_PLAIN_MAX);
  g_assert_cmpuint (info.overhead, ==, 18);
  g_assert_cmpuint (lp2p_layer_write_room (layer), ==, total);
  before = memory_layer_get_written (fixture.lower[A]);
  g_assert_cmpint (lp2p_layer_write (layer, bytes, total, LP2P_WRITE_NONE), ==, total);
  g_assert_cmpuint (memory_layer_get_written (fixture.lower[A]), ==, before + total + 4 * 18);
  security_pair_settle ();
  layer = security_pair_get_layer (&fixture, B);
  for (gsize done = 0; done < total; done += LP2P_NOISE_PLAIN_MAX)
    {
      gsize size = MIN (total - done, LP2P_NOISE_PLAIN_MAX);

      g_assert_cmpint (lp2p_layer_peek (layer, &data), ==, size);
      assert_bytes (data, done, size);
      lp2p_layer_consume (layer, size);
    }
  g_assert_cmpint (lp2p_layer_peek (layer, &data), ==, LP2P_IO_AGAIN);
  assert_idle (&fixture);
  security_pair_clear (&fixture);
}

/* The head of a frame is in a record of its own, with a payload that fills records behind
 * it: who peeks gets the head alone, and then has all else where it is wanted. All fits a
 * scratch buffer on its way. */
static void
test_head_alone (void)
{
  static const MemoryLayerOptions options = { .capacity = 1024 * 1024 };
  const gsize total = 4 * LP2P_NOISE_PLAIN_MAX - LP2P_NOISE_OVERHEAD;
  g_autofree guint8 *bytes = make_bytes (0, total);
  g_autofree guint8 *place = g_malloc (total);
  const GOutputVector vectors[] = { { bytes, 12 }, { bytes + 12, total - 12 } };
  SecurityPair fixture;
  const guint8 *data;
  guint64 before;
  Lp2pLayer *layer;

  setup (&fixture, &options);
  before = memory_layer_get_written (fixture.lower[A]);
  layer = security_pair_get_layer (&fixture, A);
  g_assert_cmpint (lp2p_layer_writev (layer, vectors, 2, LP2P_WRITE_MORE), ==, total);
  g_assert_cmpint (lp2p_layer_flush (layer), ==, 0);
  g_assert_cmpuint (memory_layer_get_written (fixture.lower[A]), ==, before + LP2P_SCRATCH_SIZE);
  security_pair_settle ();
  layer = security_pair_get_layer (&fixture, B);
  g_assert_cmpint (lp2p_layer_peek (layer, &data), ==, 12);
  assert_bytes (data, 0, 12);
  lp2p_layer_consume (layer, 12);
  g_assert_cmpint (lp2p_layer_read (layer, place, total - 12), ==, total - 12);
  assert_bytes (place, 12, total - 12);
  assert_idle (&fixture);
  security_pair_clear (&fixture);
}

/* A record as another implementation may make it. */
static void
send_record (SecurityPair *fixture, gsize size)
{
  Lp2pNoiseLayer *layer = get_layer (fixture, A);
  g_autofree guint8 *plain = make_bytes (0, size);
  g_autofree guint8 *record = g_malloc (2 + size + 16);
  GOutputVector vector = { plain, size };

  record[0] = (size + 16) >> 8;
  record[1] = (size + 16) & 0xff;
  g_assert_true (lp2p_noise_cipher_seal (layer->send, &vector, 1, record + 2, NULL));
  g_assert_cmpint (lp2p_layer_write (layer->lower, record, 2 + size + 16, LP2P_WRITE_NONE), ==,
                   2 + size + 16);
}

static void
test_foreign_records (void)
{
  static const MemoryLayerOptions options = { .capacity = 1024 * 1024 };
  SecurityPair fixture;
  const guint8 *data;
  Lp2pLayer *layer;
  Listener listener = { 0 };

  setup (&fixture, &options);
  layer = security_pair_get_layer (&fixture, B);
  lp2p_layer_set_events (layer, &listener_events, &listener);

  /* The largest that Noise allows. */
  send_record (&fixture, 65519);
  security_pair_settle ();
  g_assert_cmpint (lp2p_layer_peek (layer, &data), ==, 65519);
  assert_bytes (data, 0, 65519);
  lp2p_layer_consume (layer, 65519);

  /* Empty ones mean nothing, however many they are. */
  lp2p_layer_want (layer, LP2P_READY_READ);
  for (guint i = 0; i < 3000; i++)
    send_record (&fixture, 0);
  send_record (&fixture, 3);
  security_pair_settle ();
  g_assert_cmpint (lp2p_layer_peek (layer, &data), ==, LP2P_IO_AGAIN);
  listener.ready = LP2P_READY_NONE;
  security_pair_settle ();
  g_assert_cmpint (listener.ready, ==, LP2P_READY_READ);
  while (lp2p_layer_peek (layer, &data) == LP2P_IO_AGAIN)
    security_pair_settle ();
  g_assert_cmpint (lp2p_layer_peek (layer, &data), ==, 3);
  security_pair_clear (&fixture);
}

/* What came while older plaintext was being read is announced again behind it. */
static void
test_announced_again (void)
{
  SecurityPair fixture;
  Listener listener = { 0 };
  guint8 buffer[10];
  Lp2pLayer *layer;

  setup (&fixture, NULL);
  layer = security_pair_get_layer (&fixture, B);
  lp2p_layer_set_events (layer, &listener_events, &listener);
  lp2p_layer_want (layer, LP2P_READY_READ);
  send_record (&fixture, 20);
  security_pair_settle ();
  g_assert_cmpint (lp2p_layer_read (layer, buffer, 10), ==, 10);
  send_record (&fixture, 10);
  security_pair_settle ();

  listener.ready = LP2P_READY_NONE;
  g_assert_cmpint (lp2p_layer_read (layer, buffer, 10), ==, 10);
  security_pair_settle ();
  g_assert_cmpint (listener.ready, ==, LP2P_READY_READ);
  g_assert_cmpint (lp2p_layer_read (layer, buffer, 10), ==, 10);
  security_pair_clear (&fixture);
}

/* A read with room for a record gets it without a detour. */
static void
test_direct_read (void)
{
  SecurityPair fixture;
  guint8 buffer[2000];
  GInputVector vectors[] = { { buffer, 1000 }, { buffer + 1000, 1000 } };
  Lp2pLayer *layer;

  setup (&fixture, NULL);
  layer = security_pair_get_layer (&fixture, B);
  for (guint i = 0; i < 4; i++)
    send_record (&fixture, 500);
  security_pair_settle ();
  g_assert_cmpint (lp2p_layer_readv (layer, vectors, 2), ==, 2000);
  g_assert_null (get_layer (&fixture, B)->plain);
  for (guint i = 0; i < 4; i++)
    assert_bytes (buffer + i * 500, 0, 500);

  /* The second does not fit behind the first. */
  send_record (&fixture, 700);
  send_record (&fixture, 700);
  security_pair_settle ();
  g_assert_cmpint (lp2p_layer_readv (layer, vectors, 1), ==, 700);
  g_assert_cmpint (lp2p_layer_readv (layer, vectors, 1), ==, 700);
  assert_bytes (buffer, 0, 700);
  g_assert_cmpint (lp2p_layer_readv (layer, vectors, 1), ==, LP2P_IO_AGAIN);
  security_pair_clear (&fixture);
}

/* Errors */

static void
test_tampering (void)
{
  const guint n_records = 20;

  for (guint victim = 1; victim <= n_records; victim++)
    {
      SecurityPair fixture;
      g_autofree char *expected = g_strdup_printf ("Noise record %u does not authenticate", victim);
      const guint8 *data;
      Lp2pLayer *layer;
      gssize n;

      setup_wires (&fixture);
      for (guint i = 0; i < n_records; i++)
        send_record (&fixture, 10);
      security_pair_settle ();
      security_pair_forward (&fixture, A, G_MAXSIZE, (victim - 1) * 28 + 2 + victim, 1);
      security_pair_settle ();

      /* Whole records before it are delivered. */
      layer = security_pair_get_layer (&fixture, B);
      n = lp2p_layer_peek (layer, &data);
      if (victim > 1)
        {
          g_assert_cmpint (n, ==, 10 * (victim - 1));
          lp2p_layer_consume (layer, n);
          n = lp2p_layer_peek (layer, &data);
        }
      g_assert_cmpint (n, ==, LP2P_IO_FAILED);
      g_assert_error (lp2p_layer_get_error (layer), LP2P_ERROR, LP2P_ERROR_PROTOCOL);
      g_assert_cmpstr (lp2p_layer_get_error (layer)->message, ==, expected);
      g_assert_cmpint (lp2p_layer_write (layer, "x", 1, LP2P_WRITE_NONE), ==, LP2P_IO_FAILED);
      g_assert_cmpint (lp2p_layer_flush (layer), ==, LP2P_IO_FAILED);
      g_assert_cmpuint (lp2p_layer_write_room (layer), ==, 0);
      security_pair_clear (&fixture);
    }
}

static void
test_short_record (void)
{
  for (guint size = 0; size < 16; size++)
    {
      guint8 record[18] = { 0, (guint8) size };
      SecurityPair fixture;
      const guint8 *data;
      Lp2pLayer *layer;

      setup_wires (&fixture);
      layer = security_pair_get_layer (&fixture, B);
      lp2p_layer_write (fixture.wire[B], record, 2 + size, LP2P_WRITE_NONE);
      security_pair_settle ();
      g_assert_cmpint (lp2p_layer_peek (layer, &data), ==, LP2P_IO_FAILED);
      g_assert_nonnull (strstr (lp2p_layer_get_error (layer)->message, "expected at least 16"));
      security_pair_clear (&fixture);
    }
}

/* The stream ends at any place of a record. */
static void
test_end (void)
{
  for (gsize n = 0; n <= 28; n++)
    {
      SecurityPair fixture;
      Listener listener = { 0 };
      const guint8 *data;
      Lp2pLayer *layer;
      gssize size;

      setup_wires (&fixture);
      layer = security_pair_get_layer (&fixture, B);
      lp2p_layer_set_events (layer, &listener_events, &listener);
      lp2p_layer_want (layer, LP2P_READY_READ);
      send_record (&fixture, 10);
      send_record (&fixture, 10);
      security_pair_settle ();
      security_pair_forward (&fixture, A, 28 + n, G_MAXSIZE, 0);
      lp2p_layer_shutdown_write (fixture.wire[B]);
      security_pair_settle ();
      g_assert_cmpint (listener.ready, ==, LP2P_READY_READ);

      size = lp2p_layer_peek (layer, &data);
      g_assert_cmpint (size, ==, n == 28 ? 20 : 10);
      listener.ready = LP2P_READY_NONE;
      lp2p_layer_consume (layer, size);
      lp2p_layer_park (layer);
      security_pair_settle ();
      /* The end is announced by itself. */
      g_assert_cmpint (listener.ready, ==, LP2P_READY_READ);

      size = lp2p_layer_peek (layer, &data);
      g_assert_cmpint (size, ==, n == 0 || n == 28 ? 0 : LP2P_IO_FAILED);
      if (size != 0)
        g_assert_nonnull (strstr (lp2p_layer_get_error (layer)->message, "Noise record 2"));
      else
        {
          g_assert_null (lp2p_layer_get_error (layer));
          g_assert_cmpint (lp2p_layer_write (layer, "still", 5, LP2P_WRITE_NONE), ==, 5);
        }
      security_pair_clear (&fixture);
    }
}

static void
test_broken (void)
{
  SecurityPair fixture;
  Listener listener = { 0 };
  const guint8 *data;
  Lp2pLayer *layer;

  setup (&fixture, NULL);
  layer = security_pair_get_layer (&fixture, B);
  lp2p_layer_set_events (layer, &listener_events, &listener);
  lp2p_layer_want (layer, LP2P_READY_READ);
  send_record (&fixture, 10);
  security_pair_settle ();
  g_assert_cmpint (lp2p_layer_peek (layer, &data), ==, 10);
  memory_layer_break (fixture.lower[B]);
  security_pair_settle ();
  /* What had come before can be read to the end. */
  lp2p_layer_consume (layer, 10);
  g_assert_cmpint (lp2p_layer_peek (layer, &data), ==, LP2P_IO_FAILED);
  g_assert_error (lp2p_layer_get_error (layer), G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);

  layer = security_pair_get_layer (&fixture, A);
  lp2p_layer_abort (layer, 0);
  g_assert_cmpint (lp2p_layer_peek (layer, &data), ==, LP2P_IO_FAILED);
  g_assert_cmpint (lp2p_layer_write (layer, "x", 1, LP2P_WRITE_NONE), ==, LP2P_IO_FAILED);
  g_assert_error (lp2p_layer_get_error (layer), G_IO_ERROR, G_IO_ERROR_CLOSED);
  security_pair_clear (&fixture);
}

/* Writing */

static void
test_back_pressure (void)
{
  SecurityPair fixture;
  Listener listener = { 0 };
  guint64 sent = 0, received = 0;
  Lp2pLayer *from, *to;
  gsize n;

  setup (&fixture, NULL);
  from = security_pair_get_layer (&fixture, A);
  to = security_pair_get_layer (&fixture, B);
  lp2p_layer_set_events (from, &listener_events, &listener);
  memory_layer_set_stalled (fixture.lower[A], TRUE);

  while ((n = write_some (from, sent, G_MAXSIZE)) > 0)
    sent += n;
  g_assert_cmpint (lp2p_layer_flush (from), ==, LP2P_IO_AGAIN);
  /* No more is held than what the layer below holds, and one promise. */
  g_assert_cmpuint (sent, <, 64 * 1024 + 4 * LP2P_NOISE_PLAIN_MAX);
  g_assert_cmpint (lp2p_layer_write (from, "x", 1, LP2P_WRITE_NONE), ==, LP2P_IO_AGAIN);
  g_assert_cmpint (lp2p_layer_write (from, "x", 1, LP2P_WRITE_MORE), ==, LP2P_IO_AGAIN);
  lp2p_layer_want (from, LP2P_READY_WRITE);
  security_pair_settle ();
  g_assert_cmpint (listener.ready, ==, LP2P_READY_NONE);

  memory_layer_set_stalled (fixture.lower[A], FALSE);
  while (received < sent)
    {
      security_pair_iterate ();
      received += read_some (to, received, 0);
    }
  security_pair_settle ();
  g_assert_cmpint (listener.ready, ==, LP2P_READY_WRITE);
  g_assert_cmpint (lp2p_layer_flush (from), ==, 0);
  g_assert_cmpuint (lp2p_layer_write_room (from), >, 0);
  assert_idle (&fixture);
  security_pair_clear (&fixture);
}

static void
test_shutdown (void)
{
  static const MemoryLayerOptions slow = { .max_step = 5 };

  for (guint i = 0; i < 2; i++)
    {
      SecurityPair fixture;
      guint64 received = 0;
      const guint8 *data;
      Lp2pLayer *from, *to;
      g_autofree guint8 *bytes = make_bytes (0, 100);

      setup (&fixture, i == 0 ? NULL : &slow);
      from = security_pair_get_layer (&fixture, A);
      to = security_pair_get_layer (&fixture, B);
      g_assert_cmpint (lp2p_layer_write (from, bytes, 100, LP2P_WRITE_MORE), ==, 100);
      g_assert_cmpint (lp2p_layer_shutdown_write (from), ==, i == 0 ? 0 : LP2P_IO_AGAIN);
      g_assert_cmpuint (lp2p_layer_write_room (from), ==, 0);
      security_pair_settle ();
      while (received < 100)
        received += read_some (to, received, 0);
      g_assert_cmpint (lp2p_layer_peek (to, &data), ==, 0);
      g_assert_cmpint (lp2p_layer_shutdown_write (from), ==, 0);

      /* The other direction lives on. */
      g_assert_cmpint (lp2p_layer_write (to, bytes, 100, LP2P_WRITE_NONE), ==, 100);
      security_pair_settle ();
      g_assert_cmpint (lp2p_layer_peek (from, &data), ==, 100);
      security_pair_clear (&fixture);
    }
}

/* Memory */

static void
test_park (void)
{
  SecurityPair fixture;
  Lp2pNoiseLayer *layer;
  const guint8 *data;
  const guint8 *before;

  setup_wires (&fixture);
  layer = get_layer (&fixture, B);
  send_record (&fixture, 100);
  send_record (&fixture, 5000);
  security_pair_settle ();
  security_pair_forward (&fixture, A, 118 + 700, G_MAXSIZE, 0);
  security_pair_settle ();

  g_assert_cmpint (lp2p_layer_peek (&layer->parent, &data), ==, 100);
  before = data;
  lp2p_layer_consume (&layer->parent, 30);
  lp2p_layer_park (&layer->parent);
  g_assert_cmpint (lp2p_layer_peek (&layer->parent, &data), ==, 70);
  g_assert_true (data < before || data >= before + LP2P_SCRATCH_SIZE);
  assert_bytes (data, 30, 70);
  g_assert_cmpuint (layer->frames.have, ==, 698);
  g_assert_cmpuint (layer->frames.size, <, 2 * 698);
  lp2p_layer_consume (&layer->parent, 70);

  security_pair_forward (&fixture, A, G_MAXSIZE, G_MAXSIZE, 0);
  security_pair_settle ();
  g_assert_cmpint (lp2p_layer_peek (&layer->parent, &data), ==, 5000);
  assert_bytes (data, 0, 5000);
  lp2p_layer_consume (&layer->parent, 5000);
  assert_idle (&fixture);
  security_pair_clear (&fixture);
}

/* A long record that is only announced costs nothing. */
static void
test_announced_record (void)
{
  SecurityPair fixture;
  const guint8 *data;

  setup_wires (&fixture);
  lp2p_layer_write (fixture.wire[B],
                    "\xff\xff"
                    "abc",
                    5, LP2P_WRITE_NONE);
  security_pair_settle ();
  g_assert_cmpint (lp2p_layer_peek (security_pair_get_layer (&fixture, B), &data), ==,
                   LP2P_IO_AGAIN);
  g_assert_cmpuint (get_layer (&fixture, B)->frames.size, <=, 512);
  security_pair_clear (&fixture);
}

static void
test_idle_size (void)
{
#ifdef __SANITIZE_ADDRESS__
  g_test_skip ("the sanitizer's allocator is another");
#elif defined(__GLIBC__)
  enum
  {
    N = 50
  };
  SecurityPair fixtures[N];
  struct mallinfo2 before, after;

  /* Warm: what is allocated once is not counted. */
  setup (&fixtures[0], NULL);
  security_pair_clear (&fixtures[0]);
  for (guint i = 0; i < N; i++)
    setup (&fixtures[i], NULL);
  before = mallinfo2 ();
  for (guint i = 0; i < N; i++)
    for (guint side = 0; side < 2; side++)
      {
        Lp2pNoiseLayer *layer = get_layer (&fixtures[i], side);

        /* All but the layer below. */
        fixtures[i].wire[side] = layer->lower;
        lp2p_layer_set_events (layer->lower, NULL, NULL);
        lp2p_job_clear (&layer->job);
        lp2p_noise_cipher_free (layer->send);
        lp2p_noise_cipher_free (layer->receive);
        lp2p_layer_clear (&layer->parent);
        g_free (layer);
        fixtures[i].sides[side].result->layer = NULL;
      }
  after = mallinfo2 ();
  g_test_message ("%zu bytes for each layer", (before.uordblks - after.uordblks) / (2 * N));
  g_assert_cmpuint ((before.uordblks - after.uordblks) / (2 * N), <, 2048);
  for (guint i = N; i > 0; i--)
    security_pair_clear (&fixtures[i - 1]);
#else
  g_test_skip ("there is no mallinfo2()");
#endif
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/noise/layer/transfer", test_transfer);
  g_test_add_func ("/noise/layer/readiness", test_readiness);
  g_test_add_func ("/noise/layer/coalescing", test_coalescing);
  g_test_add_func ("/noise/layer/large-records", test_large_records);
  g_test_add_func ("/noise/layer/head-alone", test_head_alone);
  g_test_add_func ("/noise/layer/foreign-records", test_foreign_records);
  g_test_add_func ("/noise/layer/announced-again", test_announced_again);
  g_test_add_func ("/noise/layer/direct-read", test_direct_read);
  g_test_add_func ("/noise/layer/tampering", test_tampering);
  g_test_add_func ("/noise/layer/short-record", test_short_record);
  g_test_add_func ("/noise/layer/end", test_end);
  g_test_add_func ("/noise/layer/broken", test_broken);
  g_test_add_func ("/noise/layer/back-pressure", test_back_pressure);
  g_test_add_func ("/noise/layer/shutdown", test_shutdown);
  g_test_add_func ("/noise/layer/park", test_park);
  g_test_add_func ("/noise/layer/announced-record", test_announced_record);
  g_test_add_func ("/noise/layer/idle-size", test_idle_size);
  return g_test_run ();
}
