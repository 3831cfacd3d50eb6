/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/net/lp2p-byte-queue.h>

#define MANY (256 * 1024)

static void
test_queue (void)
{
  Lp2pByteQueue queue = { NULL };
  guint8 data[1000];
  guint8 out[3][400];
  GInputVector vectors[] = { { out[0], 400 }, { out[1], 0 }, { out[1], 400 }, { out[2], 400 } };

  for (guint i = 0; i < sizeof data; i++)
    data[i] = i * 7;
  lp2p_byte_queue_push (&queue, data, 0);
  g_assert_null (queue.head);
  lp2p_byte_queue_push (&queue, data, 300);
  lp2p_byte_queue_push (&queue, data + 300, 700);
  g_assert_cmpuint (queue.size, ==, 1000);
  g_assert_cmpuint (lp2p_byte_queue_read (&queue, vectors, 1), ==, 400);
  g_assert_cmpuint (lp2p_byte_queue_read (&queue, vectors + 1, 3), ==, 600);
  g_assert_cmpmem (out[0], 400, data, 400);
  g_assert_cmpmem (out[1], 400, data + 400, 400);
  g_assert_cmpmem (out[2], 200, data + 800, 200);
  g_assert_null (queue.head);
  g_assert_cmpuint (queue.memory, ==, 0);
  g_assert_cmpuint (lp2p_byte_queue_read (&queue, vectors, 1), ==, 0);
}

/* Single bytes must not cost a chunk each. */
static void
test_queue_small_pieces (void)
{
  Lp2pByteQueue queue = { NULL };
  guint8 byte = 1;

  for (guint i = 0; i < MANY; i++)
    lp2p_byte_queue_push (&queue, &byte, 1);
  g_assert_cmpuint (queue.size, ==, MANY);
  g_assert_cmpuint (queue.memory, <, 2 * MANY);
  lp2p_byte_queue_clear (&queue);
  g_assert_cmpuint (queue.memory, ==, 0);
  g_assert_cmpuint (queue.size, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/byte-queue/order", test_queue);
  g_test_add_func ("/byte-queue/small-pieces", test_queue_small_pieces);
  return g_test_run ();
}
