/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a stream was given, until it is acknowledged. */

#include "modules/quic-engine/lp2p-quic-send-buffer.h"

#include "test-world.h"

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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/quic-send-buffer/empty", test_empty);
  g_test_add_func ("/quic-send-buffer/orders", test_orders);
  g_test_add_func ("/quic-send-buffer/stays", test_stays);
  g_test_add_func ("/quic-send-buffer/truncate", test_truncate);
  g_test_add_func ("/quic-send-buffer/too-much", test_too_much);

  return g_test_run ();
}
