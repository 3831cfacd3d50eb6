/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the layer does with frames that it does not send itself. What it does with its
 * own is asked of every layer, in tests/contract. */

#include <string.h>

#include "lp2p-ws-frame.h"
#include "lp2p-ws-layer.h"
#include "memory-layer.h"
#include "test-world.h"

typedef struct
{
  TestWorld *world;
  Lp2pLayer *layer; /* a server's */
  Lp2pLayer *lower; /* what it is on */
  Lp2pLayer *peer;  /* bytes of a client */
  guint n_failed;
} Fixture;

static const guint8 mask[] = { 1, 2, 3, 4 };

static void
on_failed (Lp2pLayer *layer, const GError *error, gpointer data)
{
  ((Fixture *) data)->n_failed++;
}

static const Lp2pLayerEvents events = { .failed = on_failed };

static void
set_up (Fixture *f, gconstpointer data)
{
  f->world = test_world_new (FALSE);
  memory_layer_new_pair (f->world->loop, &(MemoryLayerOptions){ 0 }, &f->lower, &f->peer);
  f->layer = lp2p_ws_layer_new (f->lower, LP2P_ROLE_RESPONDER, NULL, 0);
  lp2p_layer_set_events (f->layer, &events, f);
  lp2p_layer_want (f->layer, LP2P_READY_READ);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  lp2p_layer_set_events (f->layer, NULL, NULL);
  lp2p_layer_free (f->layer);
  lp2p_layer_free (f->peer);
  test_world_free (f->world);
}

/* A frame of the client, @final or not. */
static void
send_frame (Fixture *f, Lp2pWsOpcode opcode, gboolean final, gconstpointer payload, gsize size)
{
  guint8 frame[LP2P_WS_MAX_HEADER + 1000];
  gsize head = lp2p_ws_write_header (frame, opcode, size, mask);

  g_assert_cmpuint (size, <=, 1000);
  if (!final)
    frame[0] &= 0x7f;
  lp2p_ws_mask (frame + head, payload, size, mask, 0);
  g_assert_cmpint (lp2p_layer_write (f->peer, frame, head + size, LP2P_WRITE_NONE), ==, head + size);
  lp2p_layer_flush (f->peer);
  test_world_settle (f->world);
}

static void
send_text (Fixture *f, Lp2pWsOpcode opcode, gboolean final, const char *text)
{
  send_frame (f, opcode, final, text, strlen (text));
}

static void
assert_read (Fixture *f, const char *expected)
{
  char buffer[1000];
  gssize n = lp2p_layer_read (f->layer, buffer, sizeof buffer);

  g_assert_cmpmem (buffer, MAX (n, 0), expected, strlen (expected));
}

/* What the server sent. */
static gsize
take_sent (Fixture *f, guint8 *buffer, gsize size)
{
  gssize n;

  test_world_settle (f->world);
  n = lp2p_layer_read (f->peer, buffer, size);
  return MAX (n, 0);
}

static void
assert_closed (Fixture *f, guint16 code)
{
  guint8 sent[1000];
  gsize n = take_sent (f, sent, sizeof sent);

  g_assert_cmpuint (n, >=, 4);
  g_assert_cmpuint (sent[0], ==, 0x80 | LP2P_WS_CLOSE);
  g_assert_cmpuint (sent[2] << 8 | sent[3], ==, code);
}

static void
test_fragments (Fixture *f, gconstpointer data)
{
  guint8 sent[1000];

  send_text (f, LP2P_WS_BINARY, FALSE, "one");
  send_text (f, LP2P_WS_PING, TRUE, "p");
  send_text (f, LP2P_WS_CONTINUATION, FALSE, "");
  send_text (f, LP2P_WS_CONTINUATION, FALSE, "two");
  send_text (f, LP2P_WS_PONG, TRUE, "unasked");
  send_text (f, LP2P_WS_CONTINUATION, TRUE, "three");
  assert_read (f, "onetwothree");
  g_assert_cmpmem (sent, take_sent (f, sent, sizeof sent), "\x8a\x01p", 3);
}

/* Half of a header and half of a payload. */
static void
test_pieces (Fixture *f, gconstpointer data)
{
  guint8 frame[20];
  gsize size = lp2p_ws_write_header (frame, LP2P_WS_BINARY, 5, mask);
  const guint8 *peeked;
  GString *got = g_string_new (NULL);

  lp2p_ws_mask (frame + size, (const guint8 *) "hello", 5, mask, 0);
  for (gsize i = 0; i < size + 5; i++)
    {
      gssize n;

      g_assert_cmpint (lp2p_layer_write (f->peer, frame + i, 1, LP2P_WRITE_NONE), ==, 1);
      test_world_settle (f->world);
      n = lp2p_layer_peek (f->layer, &peeked);
      g_assert_cmpint (n, ==, i < size ? LP2P_IO_AGAIN : 1);
      if (n > 0)
        {
          g_string_append_len (got, (const char *) peeked, n);
          lp2p_layer_consume (f->layer, n);
        }
      lp2p_layer_park (f->layer);
    }
  g_assert_cmpstr (got->str, ==, "hello");
  g_string_free (got, TRUE);
}

/* While nothing can leave, the last ping is what counts. */
static void
test_pings_under_pressure (Fixture *f, gconstpointer data)
{
  g_autofree guint8 *bytes = g_malloc0 (LP2P_SCRATCH_SIZE);
  guint8 sent[1000];
  gsize n, last = 0;

  while (lp2p_layer_write (f->layer, bytes, LP2P_SCRATCH_SIZE, LP2P_WRITE_NONE) > 0)
    ;
  for (char c = 'a'; c <= 'z'; c++)
    {
      send_frame (f, LP2P_WS_PING, TRUE, &c, 1);
      g_assert_cmpint (lp2p_layer_read (f->layer, bytes, 1), ==, LP2P_IO_AGAIN);
    }
  while ((n = take_sent (f, sent, sizeof sent)) > 0)
    last = n;
  g_assert_cmpmem (sent + last - 3, 3, "\x8a\x01z", 3);
}

static const struct
{
  const char *name;
  guint8 bytes[16];
  gsize size;
  guint16 code;
} wrong[] = {
  { "text", { 0x81, 0x80, 1, 2, 3, 4 }, 6, LP2P_WS_UNSUPPORTED },
  { "unmasked", { 0x82, 0x01, 'a' }, 3, LP2P_WS_PROTOCOL_ERROR },
  { "reserved-bits", { 0xc2, 0x80, 1, 2, 3, 4 }, 6, LP2P_WS_PROTOCOL_ERROR },
  { "reserved-opcode", { 0x83, 0x80, 1, 2, 3, 4 }, 6, LP2P_WS_PROTOCOL_ERROR },
  { "long-ping", { 0x89, 0xfe, 0, 126 }, 4, LP2P_WS_PROTOCOL_ERROR },
  { "fragmented-ping", { 0x09, 0x80, 1, 2, 3, 4 }, 6, LP2P_WS_PROTOCOL_ERROR },
  { "negative-length", { 0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4 }, 14, LP2P_WS_PROTOCOL_ERROR },
  { "continuation-of-nothing", { 0x80, 0x80, 1, 2, 3, 4 }, 6, LP2P_WS_PROTOCOL_ERROR },
};

static void
test_wrong (Fixture *f, gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  guint8 byte;

  send_text (f, LP2P_WS_BINARY, TRUE, "before");
  g_assert_cmpint (lp2p_layer_write (f->peer, wrong[i].bytes, wrong[i].size, LP2P_WRITE_NONE), ==, wrong[i].size);
  test_world_settle (f->world);
  assert_read (f, "before");
  g_assert_cmpint (lp2p_layer_read (f->layer, &byte, 1), ==, LP2P_IO_FAILED);
  g_assert_error (lp2p_layer_get_error (f->layer), LP2P_ERROR, LP2P_ERROR_PROTOCOL);
  assert_closed (f, wrong[i].code);
}

/* A giant frame is no reason to hold anything. */
static void
test_giant (Fixture *f, gconstpointer data)
{
  guint8 header[] = { 0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0 };
  guint8 bytes[1000] = { 0 };

  g_assert_cmpint (lp2p_layer_write (f->peer, header, sizeof header, LP2P_WRITE_NONE), ==, sizeof header);
  for (guint i = 0; i < 100; i++)
    {
      guint8 got[1000];

      g_assert_cmpint (lp2p_layer_write (f->peer, bytes, sizeof bytes, LP2P_WRITE_NONE), ==, sizeof bytes);
      test_world_settle (f->world);
      g_assert_cmpint (lp2p_layer_read (f->layer, got, sizeof got), ==, sizeof got);
    }
  g_assert_null (lp2p_layer_get_error (f->layer));
}

static void
test_close (Fixture *f, gconstpointer data)
{
  guint8 byte;
  guint8 sent[10];

  /* 1001, going away. */
  send_frame (f, LP2P_WS_CLOSE, TRUE, "\x03\xe9", 2);
  g_assert_cmpint (lp2p_layer_read (f->layer, &byte, 1), ==, 0);
  g_assert_cmpuint (take_sent (f, sent, sizeof sent), ==, 0);

  /* Ours ends the connection. */
  g_assert_cmpint (lp2p_layer_shutdown_write (f->layer), !=, LP2P_IO_FAILED);
  assert_closed (f, LP2P_WS_NORMAL);
  g_assert_cmpint (lp2p_layer_read (f->peer, sent, sizeof sent), ==, 0);
  g_assert_null (lp2p_layer_get_error (f->layer));
}

static void
test_close_with_error (Fixture *f, gconstpointer data)
{
  guint8 byte;

  send_frame (f, LP2P_WS_CLOSE, TRUE, "\x03\xf3 of no use", 12);
  g_assert_cmpint (lp2p_layer_read (f->layer, &byte, 1), ==, LP2P_IO_FAILED);
  g_assert_error (lp2p_layer_get_error (f->layer), G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
  g_assert_nonnull (strstr (lp2p_layer_get_error (f->layer)->message, "1011"));
  g_assert_nonnull (strstr (lp2p_layer_get_error (f->layer)->message, "of no use"));
}

/* Without a close the end proves nothing. */
static void
test_cut (Fixture *f, gconstpointer data)
{
  guint8 byte;

  send_text (f, LP2P_WS_BINARY, TRUE, "a");
  g_assert_cmpint (lp2p_layer_shutdown_write (f->peer), ==, 0);
  test_world_settle (f->world);
  assert_read (f, "a");
  g_assert_cmpint (lp2p_layer_read (f->layer, &byte, 1), ==, LP2P_IO_FAILED);
  g_assert_error (lp2p_layer_get_error (f->layer), G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
}

/* Whoever only writes learns that there will be no room. */
static void
test_broken (Fixture *f, gconstpointer data)
{
  memory_layer_break (f->lower);
  test_world_settle (f->world);
  lp2p_layer_flush (f->lower);
  g_assert_cmpint (lp2p_layer_write (f->layer, "a", 1, LP2P_WRITE_NONE), ==, LP2P_IO_FAILED);
  g_assert_nonnull (lp2p_layer_get_error (f->layer));
  g_assert_cmpuint (lp2p_layer_write_room (f->layer), ==, 0);
}

/* What came with the opening handshake is read first. */
static void
test_early (void)
{
  g_autoptr (TestWorld) world = test_world_new (FALSE);
  static const guint8 early[] = { 0x82, 0x03, 'a', 'b', 'c', 0x82, 0x03, 'd' };
  Lp2pLayer *lower, *peer, *layer;
  char buffer[10];

  memory_layer_new_pair (world->loop, &(MemoryLayerOptions){ 0 }, &lower, &peer);
  layer = lp2p_ws_layer_new (lower, LP2P_ROLE_INITIATOR, early, sizeof early);
  lp2p_layer_want (layer, LP2P_READY_READ);
  g_assert_cmpint (lp2p_layer_write (peer, "ef", 2, LP2P_WRITE_NONE), ==, 2);
  test_world_settle (world);
  g_assert_cmpint (lp2p_layer_read (layer, buffer, sizeof buffer), ==, 4);
  g_assert_cmpint (lp2p_layer_read (layer, buffer + 4, sizeof buffer - 4), ==, 2);
  g_assert_cmpmem (buffer, 6, "abcdef", 6);
  lp2p_layer_free (layer);
  lp2p_layer_free (peer);
}

/* Each frame of a client has a mask of its own. */
static void
test_masks (void)
{
  g_autoptr (TestWorld) world = test_world_new (FALSE);
  Lp2pLayer *lower, *peer, *layer;
  guint8 first[7], second[7];

  memory_layer_new_pair (world->loop, &(MemoryLayerOptions){ 0 }, &lower, &peer);
  layer = lp2p_ws_layer_new (lower, LP2P_ROLE_INITIATOR, NULL, 0);
  g_assert_cmpint (lp2p_layer_write (layer, "x", 1, LP2P_WRITE_NONE), ==, 1);
  g_assert_cmpint (lp2p_layer_write (layer, "x", 1, LP2P_WRITE_NONE), ==, 1);
  lp2p_layer_flush (layer);
  test_world_settle (world);
  g_assert_cmpint (lp2p_layer_read (peer, first, sizeof first), ==, sizeof first);
  g_assert_cmpint (lp2p_layer_read (peer, second, sizeof second), ==, sizeof second);
  g_assert_cmpint (memcmp (first, second, sizeof first), !=, 0);
  g_assert_cmpuint (first[6] ^ first[2], ==, 'x');
  g_assert_cmpuint (second[6] ^ second[2], ==, 'x');
  lp2p_layer_free (layer);
  lp2p_layer_free (peer);
}

#define ADD(name, func) g_test_add ("/ws-layer/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  ADD ("fragments", test_fragments);
  ADD ("pieces", test_pieces);
  ADD ("pings-under-pressure", test_pings_under_pressure);
  ADD ("giant", test_giant);
  ADD ("close", test_close);
  ADD ("close-with-error", test_close_with_error);
  ADD ("cut", test_cut);
  ADD ("broken", test_broken);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autofree char *path = g_strconcat ("/ws-layer/wrong/", wrong[i].name, NULL);

      g_test_add (path, Fixture, GUINT_TO_POINTER (i), set_up, test_wrong, tear_down);
    }
  g_test_add_func ("/ws-layer/early", test_early);
  g_test_add_func ("/ws-layer/masks", test_masks);
  return g_test_run ();
}
