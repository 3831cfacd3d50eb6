/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a stream was given, until it is acknowledged. */

#include "modules/quic-engine/lp2p-quic-send-buffer.h"

#include "test-world.h"

#include <string.h>

static gsize
append (Lp2pQuicSendBuffer *buffer, gsize size, gsize max)
{
  g_autofree guint8 *data = g_malloc (size);
  GOutputVector vectors[2] = { { data, size / 3 }, { data + size / 3, size - size / 3 } };

  test_fill_pattern (data, size, buffer->end);
  return lp2p_quic_send_buffer_append (buffer, vectors, 2, max);
}

/* Looks at the next bytes, and takes at most @max. */
static gsize
take (Lp2pQuicSendBuffer *buffer, gsize max)
{
  ngtcp2_vec vectors[4];
  guint n = lp2p_quic_send_buffer_peek (buffer, vectors, G_N_ELEMENTS (vectors));
  gsize seen = 0;

  for (guint i = 0; i < n; i++)
    {
      g_assert_cmpuint (vectors[i].len, >, 0);
      test_assert_pattern (vectors[i].base, vectors[i].len, buffer->sent + seen);
      seen += vectors[i].len;
    }
  g_assert_cmpuint (seen, <=, lp2p_quic_send_buffer_get_unsent (buffer));
  seen = MIN (seen, max);
  lp2p_quic_send_buffer_sent (buffer, seen);
  return seen;
}

static void
test_empty (void)
{
  Lp2pQuicSendBuffer buffer = { 0 };
  ngtcp2_vec vector;

  g_assert_cmpuint (lp2p_quic_send_buffer_peek (&buffer, &vector, 1), ==, 0);
  lp2p_quic_send_buffer_acknowledge (&buffer, 100);
  g_assert_cmpuint (buffer.acknowledged, ==, 0);
  g_assert_cmpuint (append (&buffer, 10, 0), ==, 0);
  g_assert_null (buffer.head);
  lp2p_quic_send_buffer_clear (&buffer);
}

/* All orders of writing, sending and acknowledging. */
static void
test_orders (void)
{
  for (guint round = 0; round < 50; round++)
    {
      Lp2pQuicSendBuffer buffer = { 0 };

      for (guint step = 0; step < 300; step++)
        switch (g_test_rand_int_range (0, 3))
          {
          case 0:
            append (&buffer, g_test_rand_int_range (1, 5000), g_test_rand_int_range (1, 5000));
            break;
          case 1:
            take (&buffer, g_test_rand_int_range (1, 3000));
            break;
          default:
            lp2p_quic_send_buffer_acknowledge (
                &buffer, buffer.acknowledged + g_test_rand_int_range (0, 1 + buffer.sent - buffer.acknowledged));
            break;
          }
      while (lp2p_quic_send_buffer_get_unsent (&buffer) > 0)
        g_assert_cmpuint (take (&buffer, 2000), >, 0);
      lp2p_quic_send_buffer_acknowledge (&buffer, buffer.sent);
      g_assert_cmpuint (lp2p_quic_send_buffer_get_size (&buffer), ==, 0);
      g_assert_null (buffer.head);
    }
}

/* ngtcp2 points to what was sent: it must not move when more is written. */
static void
test_stays (void)
{
  Lp2pQuicSendBuffer buffer = { 0 };
  ngtcp2_vec first;

  append (&buffer, 100, 100);
  g_assert_cmpuint (lp2p_quic_send_buffer_peek (&buffer, &first, 1), ==, 1);
  lp2p_quic_send_buffer_sent (&buffer, 100);
  for (guint i = 0; i < 200; i++)
    append (&buffer, 5000, 5000);
  test_assert_pattern (first.base, 100, 0);
  lp2p_quic_send_buffer_acknowledge (&buffer, 99);
  test_assert_pattern (first.base, 100, 0);
  lp2p_quic_send_buffer_clear (&buffer);
  g_assert_cmpuint (lp2p_quic_send_buffer_get_size (&buffer), ==, 0);
}

/* What was sent stays, and what is appended then comes behind it. */
static void
test_truncate (void)
{
  for (guint sent = 0; sent <= 12000; sent += 500)
    {
      Lp2pQuicSendBuffer buffer = { 0 };

      for (guint i = 0; i < 6; i++)
        append (&buffer, 2000, 2000);
      while (buffer.sent < sent)
        take (&buffer, sent - buffer.sent);
      lp2p_quic_send_buffer_truncate (&buffer);
      g_assert_cmpuint (lp2p_quic_send_buffer_get_size (&buffer), ==, sent);
      g_assert_cmpuint (lp2p_quic_send_buffer_get_unsent (&buffer), ==, 0);
      append (&buffer, 3000, 3000);
      while (lp2p_quic_send_buffer_get_unsent (&buffer) > 0)
        g_assert_cmpuint (take (&buffer, 2000), >, 0);
      lp2p_quic_send_buffer_acknowledge (&buffer, buffer.sent);
      g_assert_null (buffer.head);
    }
}

/* More cannot be acknowledged than was sent. */
static void
test_too_much (void)
{
  Lp2pQuicSendBuffer buffer = { 0 };

  append (&buffer, 1000, 1000);
  take (&buffer, 400);
  lp2p_quic_send_buffer_acknowledge (&buffer, 1000);
  g_assert_cmpuint (buffer.acknowledged, ==, 400);
  lp2p_quic_send_buffer_acknowledge (&buffer, 10);
  g_assert_cmpuint (buffer.acknowledged, ==, 400);
  g_assert_cmpuint (take (&buffer, 1000), ==, 600);
  lp2p_quic_send_buffer_clear (&buffer);
}

/* Loans */

static void
count_free (gpointer data)
{
  ++*(guint *) data;
}

/* The pattern up to @size, and a count of those that are gone. */
static GBytes *
new_loan (const guint8 *data, gsize size, guint *n_gone)
{
  return g_bytes_new_with_free_func (data, size, count_free, n_gone);
}

/* Appends a part of it, as it is in the pattern. */
static void
append_part (Lp2pQuicSendBuffer *buffer, const guint8 *data, gsize size)
{
  GOutputVector vector = { data + buffer->end, size };

  g_assert_cmpuint (lp2p_quic_send_buffer_append (buffer, &vector, 1, size), ==, size);
}

/* It is not copied, however it is cut, and held until all of it has arrived. */
static void
test_lent (void)
{
  Lp2pQuicSendBuffer buffer = { 0 };
  static guint8 data[9000];
  guint n_gone = 0;
  GBytes *loan = new_loan (data, sizeof data, &n_gone);
  ngtcp2_vec vectors[2];

  test_fill_pattern (data, sizeof data, 0);
  lp2p_quic_send_buffer_lend (&buffer, loan);
  g_bytes_unref (loan);
  append_part (&buffer, data, 1);
  append_part (&buffer, data, 4999);
  append_part (&buffer, data, 4000);
  g_assert_cmpuint (lp2p_quic_send_buffer_peek (&buffer, vectors, 2), ==, 1);
  g_assert_true (vectors[0].base == data);
  g_assert_cmpuint (vectors[0].len, ==, 9000);

  lp2p_quic_send_buffer_sent (&buffer, 5000);
  g_assert_cmpuint (lp2p_quic_send_buffer_peek (&buffer, vectors, 2), ==, 1);
  g_assert_true (vectors[0].base == data + 5000);
  lp2p_quic_send_buffer_sent (&buffer, 4000);
  lp2p_quic_send_buffer_lend (&buffer, NULL);
  lp2p_quic_send_buffer_acknowledge (&buffer, 8999);
  g_assert_cmpuint (n_gone, ==, 0);
  lp2p_quic_send_buffer_acknowledge (&buffer, 9000);
  g_assert_cmpuint (n_gone, ==, 1);
  g_assert_null (buffer.head);
}

/* What only touches it is copied, and may change then. */
static void
test_not_lent (void)
{
  Lp2pQuicSendBuffer buffer = { 0 };
  static guint8 data[300];
  guint n_gone = 0;
  g_autoptr (GBytes) loan = new_loan (data + 100, 100, &n_gone);
  GOutputVector around[] = { { data, 100 }, { data + 100, 101 }, { data + 201, 99 }, { NULL, 0 } };
  ngtcp2_vec vector;

  test_fill_pattern (data, sizeof data, 0);
  lp2p_quic_send_buffer_lend (&buffer, loan);
  g_assert_cmpuint (lp2p_quic_send_buffer_append (&buffer, around, G_N_ELEMENTS (around), 1000), ==, 300);
  memset (data, 0, sizeof data);
  g_assert_cmpuint (lp2p_quic_send_buffer_peek (&buffer, &vector, 1), ==, 1);
  g_assert_cmpuint (vector.len, ==, 300);
  test_assert_pattern (vector.base, 300, 0);
  lp2p_quic_send_buffer_clear (&buffer);
}

/* Loans, one after the other, of which parts are copied, some not taken at once, and all
 * sent and acknowledged in any order. */
static void
test_loans (void)
{
  static guint8 data[20000];
  guint n_lent = 0, n_gone = 0;

  test_fill_pattern (data, sizeof data, 0);
  for (guint round = 0; round < 100; round++)
    {
      Lp2pQuicSendBuffer buffer = { 0 };

      while (buffer.end < sizeof data)
        {
          gsize size = g_test_rand_int_range (1, 1 + MIN (3000, sizeof data - buffer.end));
          GBytes *loan = new_loan (data + buffer.end, size, &n_gone);
          GOutputVector part = { data + buffer.end, g_test_rand_int_range (0, size + 1) };

          n_lent++;
          if (g_test_rand_bit ())
            lp2p_quic_send_buffer_lend (&buffer, loan);
          lp2p_quic_send_buffer_append (&buffer, &part, 1, g_test_rand_int_range (0, 3000));
          g_bytes_unref (loan);
          take (&buffer, g_test_rand_int_range (0, 3000));
          lp2p_quic_send_buffer_acknowledge (
              &buffer, buffer.acknowledged + g_test_rand_int_range (0, 1 + buffer.sent - buffer.acknowledged));
        }
      while (lp2p_quic_send_buffer_get_unsent (&buffer) > 0)
        take (&buffer, 2000);
      if (g_test_rand_bit ())
        lp2p_quic_send_buffer_acknowledge (&buffer, buffer.sent);
      lp2p_quic_send_buffer_clear (&buffer);
      g_assert_cmpuint (n_gone, ==, n_lent);
    }
}

/* Of two loans, the one that was not sent goes; what was sent of the other stays. */
static void
test_lent_truncate (void)
{
  Lp2pQuicSendBuffer buffer = { 0 };
  static guint8 data[2000];
  guint n_first = 0, n_second = 0;
  GBytes *first = new_loan (data, 1000, &n_first);
  GBytes *second = new_loan (data + 1000, 1000, &n_second);

  test_fill_pattern (data, sizeof data, 0);
  lp2p_quic_send_buffer_lend (&buffer, first);
  append_part (&buffer, data, 1000);
  lp2p_quic_send_buffer_lend (&buffer, second);
  append_part (&buffer, data, 1000);
  g_bytes_unref (first);
  g_bytes_unref (second);
  g_assert_cmpuint (take (&buffer, 500), ==, 500);
  lp2p_quic_send_buffer_truncate (&buffer);
  g_assert_cmpuint (n_first, ==, 0);
  g_assert_cmpuint (n_second, ==, 1);
  g_assert_cmpuint (lp2p_quic_send_buffer_get_size (&buffer), ==, 500);
  lp2p_quic_send_buffer_acknowledge (&buffer, 500);
  g_assert_cmpuint (n_first, ==, 1);
  g_assert_null (buffer.head);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/quic-send-buffer/empty", test_empty);
  g_test_add_func ("/quic-send-buffer/orders", test_orders);
  g_test_add_func ("/quic-send-buffer/stays", test_stays);
  g_test_add_func ("/quic-send-buffer/truncate", test_truncate);
  g_test_add_func ("/quic-send-buffer/too-much", test_too_much);
  g_test_add_func ("/quic-send-buffer/lent", test_lent);
  g_test_add_func ("/quic-send-buffer/not-lent", test_not_lent);
  g_test_add_func ("/quic-send-buffer/loans", test_loans);
  g_test_add_func ("/quic-send-buffer/lent-truncate", test_lent_truncate);

  return g_test_run ();
}
