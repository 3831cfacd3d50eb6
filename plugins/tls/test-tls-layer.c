/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The layer that a handshake yields. What holds for every layer is in the contract
 * of layers, which runs over this one too. */

#include <malloc.h>
#include <string.h>

#include "lp2p-tls-security.h"
#include "security-pair.h"

#define N_IDLE    500
#define MAX_IDLE  (4 * 1024)
#define HEAD_SIZE 5

/* The record of "first": its head, the type of what is in it, and the tag. */
#define FIRST_SIZE (HEAD_SIZE + 5 + 1 + 16)

static void
connect_over_wires (SecurityPair *fixture)
{
  security_pair_init (fixture, LP2P_TYPE_TLS_SECURITY, "tls");
  security_pair_connect_wires (fixture, NULL);
  security_pair_start_both (fixture);
  security_pair_forward_all (fixture);
  for (guint i = 0; i < 2; i++)
    g_assert_no_error (fixture->sides[i].error);
}

static void
assert_read (Lp2pLayer *layer, const char *expected)
{
  const guint8 *data;
  gssize n = lp2p_layer_peek (layer, &data);

  g_assert_cmpint (n, ==, strlen (expected));
  g_assert_cmpmem (data, n, expected, strlen (expected));
  lp2p_layer_consume (layer, n);
}

static void
write_text (Lp2pLayer *layer, const char *text)
{
  g_assert_cmpint (lp2p_layer_write (layer, text, strlen (text), LP2P_WRITE_NONE), ==,
                   strlen (text));
}

/* Behind the handshake */

/* The last message is on its way when the client hears that it is connected. */
static void
write_at_once (GObject *source, GAsyncResult *result, gpointer data)
{
  SecurityPair *fixture = data;
  SecuritySide *side = &fixture->sides[PAIR_INITIATOR];
  guint64 written = memory_layer_get_written (fixture->lower[PAIR_INITIATOR]);
  const guint8 *left;

  side->result = lp2p_security_secure_finish (LP2P_SECURITY (source), result, &side->error);
  g_assert_no_error (side->error);
  side->done = TRUE;
  g_assert_cmpint (lp2p_layer_peek (fixture->wire[PAIR_INITIATOR], &left), >, HEAD_SIZE);
  g_assert_cmpint (lp2p_layer_write (side->result->layer, "first", 5, LP2P_WRITE_MORE), ==, 5);
  g_assert_cmpuint (memory_layer_get_written (fixture->lower[PAIR_INITIATOR]), ==, written);
  g_assert_cmpint (lp2p_layer_flush (side->result->layer), ==, 0);
  g_assert_cmpuint (memory_layer_get_written (fixture->lower[PAIR_INITIATOR]), ==, written + FIRST_SIZE);
}

/* What the client writes first follows the last message of its handshake, and is read
 * where both arrive together, whole or in pieces. */
static void
test_first_bytes (void)
{
  for (guint step = 0; step < 2; step++)
    {
      SecurityPair fixture;
      SecuritySide *client = &fixture.sides[PAIR_INITIATOR];
      Lp2pLayer *layer;

      security_pair_init (&fixture, LP2P_TYPE_TLS_SECURITY, "tls");
      security_pair_connect_wires (&fixture, NULL);
      security_pair_start (&fixture, PAIR_RESPONDER);
      lp2p_security_secure_async (client->security, fixture.lower[PAIR_INITIATOR], &client->params, NULL,
                                  write_at_once, &fixture);
      security_pair_settle ();
      security_pair_forward (&fixture, PAIR_INITIATOR, G_MAXSIZE, G_MAXSIZE, 0);
      security_pair_settle ();
      security_pair_forward (&fixture, PAIR_RESPONDER, G_MAXSIZE, G_MAXSIZE, 0);
      security_pair_settle ();
      g_assert_true (client->done);

      while (security_pair_forward (&fixture, PAIR_INITIATOR, step == 0 ? G_MAXSIZE : 1, G_MAXSIZE, 0) > 0)
        security_pair_settle ();
      g_assert_no_error (fixture.sides[PAIR_RESPONDER].error);
      layer = security_pair_get_layer (&fixture, PAIR_RESPONDER);
      assert_read (layer, "first");
      write_text (layer, "second");
      security_pair_forward_all (&fixture);
      assert_read (security_pair_get_layer (&fixture, PAIR_INITIATOR), "second");
      security_pair_clear (&fixture);
    }
}

/* The last message leaves by itself where nobody writes. */
static void
test_silent_client (void)
{
  SecurityPair fixture;

  connect_over_wires (&fixture);
  g_assert_true (fixture.sides[PAIR_RESPONDER].done);
  security_pair_clear (&fixture);
}

/* The end */

static void
test_close_notify (void)
{
  SecurityPair fixture;
  const guint8 *data;

  connect_over_wires (&fixture);
  write_text (security_pair_get_layer (&fixture, 0), "last");
  g_assert_cmpint (lp2p_layer_shutdown_write (security_pair_get_layer (&fixture, 0)), ==, 0);
  security_pair_forward_all (&fixture);
  assert_read (security_pair_get_layer (&fixture, 1), "last");
  g_assert_cmpint (lp2p_layer_peek (security_pair_get_layer (&fixture, 1), &data), ==, 0);
  security_pair_clear (&fixture);
}

/* The byte stream ends behind each byte of a record: what came before is read,
 * and inside the record that is an error. Between records it is the end, which
 * the muxer knows how to take. */
static void
test_cut (void)
{
  const gsize record = HEAD_SIZE + 4 + 1 + 16;

  for (gsize n = 0; n <= record; n++)
    {
      SecurityPair fixture;
      Lp2pLayer *reader;
      const guint8 *data;

      connect_over_wires (&fixture);
      reader = security_pair_get_layer (&fixture, 1);
      write_text (security_pair_get_layer (&fixture, 0), "good");
      write_text (security_pair_get_layer (&fixture, 0), "half");
      security_pair_settle ();
      g_assert_cmpuint (security_pair_forward (&fixture, 0, record + n, G_MAXSIZE, 0), ==, record + n);
      lp2p_layer_shutdown_write (fixture.wire[1]);
      security_pair_settle ();
      assert_read (reader, "good");
      if (n == record)
        assert_read (reader, "half");
      if (n == 0 || n == record)
        g_assert_cmpint (lp2p_layer_peek (reader, &data), ==, 0);
      else
        {
          g_assert_cmpint (lp2p_layer_peek (reader, &data), ==, LP2P_IO_FAILED);
          g_assert_error (lp2p_layer_get_error (reader), G_TLS_ERROR, G_TLS_ERROR_EOF);
          g_assert_nonnull (strstr (lp2p_layer_get_error (reader)->message, "inside a record"));
        }
      security_pair_clear (&fixture);
    }
}

/* Records that come in another order, or twice. */
static void
test_order (void)
{
  for (guint twice = 0; twice < 2; twice++)
    {
      SecurityPair fixture;
      Lp2pLayer *reader;
      const guint8 *data;
      const gsize record = HEAD_SIZE + 3 + 1 + 16;
      guint8 bytes[2 * (HEAD_SIZE + 3 + 1 + 16)];

      connect_over_wires (&fixture);
      reader = security_pair_get_layer (&fixture, 1);
      write_text (security_pair_get_layer (&fixture, 0), "one");
      write_text (security_pair_get_layer (&fixture, 0), "two");
      security_pair_settle ();
      g_assert_cmpint (lp2p_layer_read (fixture.wire[0], bytes, sizeof bytes), ==, sizeof bytes);
      lp2p_layer_write (fixture.wire[1], bytes + (twice ? 0 : record), record, LP2P_WRITE_NONE);
      lp2p_layer_write (fixture.wire[1], bytes, record, LP2P_WRITE_NONE);
      security_pair_settle ();
      if (twice)
        assert_read (reader, "one");
      g_assert_cmpint (lp2p_layer_peek (reader, &data), ==, LP2P_IO_FAILED);
      g_assert_error (lp2p_layer_get_error (reader), G_TLS_ERROR, G_TLS_ERROR_MISC);
      security_pair_clear (&fixture);
    }
}

/* Costs */

static void
test_full_records (void)
{
  SecurityPair fixture;
  g_autofree guint8 *bytes = g_malloc0 (40000);
  g_autofree guint8 *wire = g_malloc0 (65536);
  gssize size;
  guint n = 0;

  connect_over_wires (&fixture);
  g_assert_cmpint (lp2p_layer_write (security_pair_get_layer (&fixture, 0), bytes, 40000,
                                     LP2P_WRITE_NONE),
                   ==, 40000);
  security_pair_settle ();
  size = lp2p_layer_read (fixture.wire[0], wire, 65536);
  for (gssize at = 0; at < size; at += HEAD_SIZE + (wire[at + 3] << 8 | wire[at + 4]))
    n++;
  g_assert_cmpuint (n, ==, 3);
  security_pair_clear (&fixture);
}

/* Puts something through and takes it away, so that what it needed could go. */
static void
use (Lp2pLayer *from, Lp2pLayer *to)
{
  g_autofree guint8 *bytes = g_malloc0 (40000);
  gsize got = 0;

  g_assert_cmpint (lp2p_layer_write (from, bytes, 40000, LP2P_WRITE_NONE), ==, 40000);
  while (got < 40000)
    {
      gssize n = lp2p_layer_read (to, bytes, 40000);

      g_assert_cmpint (n, !=, LP2P_IO_FAILED);
      got += MAX (n, 0);
      security_pair_settle ();
    }
  lp2p_layer_park (to);
}

/* Both sides of all connections are in this process. */
static void
test_idle_memory (void)
{
  SecurityPair fixture;
  g_autoptr (GPtrArray) results =
      g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_security_result_free);
  gsize before = 0;
  gsize used;

  if (mallinfo2 ().uordblks == 0)
    {
      g_test_skip ("the allocator does not count");
      return;
    }
  security_pair_init (&fixture, LP2P_TYPE_TLS_SECURITY, "tls");
  for (guint i = 0; i < N_IDLE + 1; i++)
    {
      security_pair_connect (&fixture, NULL);
      security_pair_handshake (&fixture);
      use (security_pair_get_layer (&fixture, 0), security_pair_get_layer (&fixture, 1));
      use (security_pair_get_layer (&fixture, 1), security_pair_get_layer (&fixture, 0));
      for (guint side = 0; side < 2; side++)
        {
          g_ptr_array_add (results, g_steal_pointer (&fixture.sides[side].result));
          fixture.sides[side].done = FALSE;
        }
      if (i == 0)
        before = mallinfo2 ().uordblks;
    }
  used = (mallinfo2 ().uordblks - before) / (2 * N_IDLE);
  g_test_message ("%d bytes for each side of an idle connection", (int) used);
  g_assert_cmpuint (used, <, MAX_IDLE);
  g_ptr_array_set_size (results, 0);
  security_pair_clear (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/tls/layer/first-bytes", test_first_bytes);
  g_test_add_func ("/tls/layer/silent-client", test_silent_client);
  g_test_add_func ("/tls/layer/close-notify", test_close_notify);
  g_test_add_func ("/tls/layer/cut", test_cut);
  g_test_add_func ("/tls/layer/order", test_order);
  g_test_add_func ("/tls/layer/full-records", test_full_records);
  g_test_add_func ("/tls/layer/idle-memory", test_idle_memory);
  return g_test_run ();
}
