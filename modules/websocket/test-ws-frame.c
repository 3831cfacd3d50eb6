/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What frames.table cannot say: when something is noticed, and what is written. */

#include "ws-transcript.h"

#include <string.h>

static const guint8 mask[LP2P_WS_MASK_SIZE] = { 0x37, 0xfa, 0x21, 0x3d };

/* The examples of RFC 6455, 5.7, as far as libp2p has such frames. */
static void
test_examples (void)
{
  static const guint8 ping[] = { 0x89, 0x05, 'H', 'e', 'l', 'l', 'o' };
  static const guint8 pong[] = { 0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58 };
  static const guint8 medium[] = { 0x82, 0x7e, 0x01, 0x00 };
  static const guint8 large[] = { 0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0 };
  guint8 frame[LP2P_WS_MAX_CONTROL_FRAME];
  guint8 header[LP2P_WS_MAX_HEADER];

  g_assert_cmpmem (frame, lp2p_ws_write_control (frame, LP2P_WS_PING, (const guint8 *) "Hello", 5, NULL), ping,
                   sizeof ping);
  g_assert_cmpmem (frame, lp2p_ws_write_control (frame, LP2P_WS_PONG, (const guint8 *) "Hello", 5, mask), pong,
                   sizeof pong);
  g_assert_cmpmem (header, lp2p_ws_write_header (header, LP2P_WS_BINARY, 256, NULL), medium, sizeof medium);
  g_assert_cmpmem (header, lp2p_ws_write_header (header, LP2P_WS_BINARY, 65536, NULL), large, sizeof large);
}

/* Every offset, alignment and length at which another part of the loop is used. */
static void
test_mask (void)
{
  guint8 src[300];
  guint8 dest[320];

  for (guint i = 0; i < sizeof src; i++)
    src[i] = i * 7 + (i >> 8);
  for (gsize align = 0; align < 17; align++)
    for (gsize offset = 0; offset < 5; offset++)
      for (gsize size = 0; size + align <= 160; size++)
        {
          memset (dest, 0xaa, sizeof dest);
          lp2p_ws_mask (dest + align, src + offset, size, mask, offset);
          for (gsize i = 0; i < size; i++)
            g_assert_cmphex (dest[align + i], ==, src[offset + i] ^ mask[(offset + i) % 4]);
          g_assert_cmphex (dest[align + size], ==, 0xaa);
          if (align > 0)
            g_assert_cmphex (dest[align - 1], ==, 0xaa);
          lp2p_ws_mask (dest + align, dest + align, size, mask, offset);
          g_assert_cmpmem (dest + align, size, src + offset, size);
        }
}

/* Whatever size it has, a frame is read as it was written, and its header is short. */
static void
test_round_trip (void)
{
  static const struct
  {
    gsize size;
    gsize header_size;
  } sizes[] = { { 1, 2 }, { 125, 2 }, { 126, 4 }, { 65535, 4 }, { 65536, 10 }, { 200000, 10 } };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (Lp2pWsSender sender = LP2P_WS_FROM_CLIENT; sender <= LP2P_WS_FROM_SERVER; sender++)
      {
        const guint8 *key = sender == LP2P_WS_FROM_CLIENT ? mask : NULL;
        g_autofree guint8 *payload = g_malloc (sizes[i].size);
        g_autoptr (GByteArray) frame = g_byte_array_new ();
        g_autoptr (GPtrArray) is = ws_transcript_new ();
        g_autoptr (GPtrArray) should = ws_transcript_new ();
        guint8 header[LP2P_WS_MAX_HEADER];
        gsize header_size = lp2p_ws_write_header (header, LP2P_WS_BINARY, sizes[i].size, key);
        Lp2pWsParser parser;

        g_assert_cmpuint (header_size, ==, sizes[i].header_size + (key != NULL ? LP2P_WS_MASK_SIZE : 0));
        for (gsize k = 0; k < sizes[i].size; k++)
          payload[k] = k % 251;
        ws_transcript_add (should, LP2P_WS_EVENT_DATA, 0, payload, sizes[i].size);
        if (key != NULL)
          lp2p_ws_mask (payload, payload, sizes[i].size, key, 0);
        g_byte_array_append (frame, header, header_size);
        g_byte_array_append (frame, payload, sizes[i].size);

        lp2p_ws_parser_init (&parser, sender);
        ws_transcript_read (is, &parser, frame->data, frame->len, &(WsPace){ 997, 13 });
        ws_transcript_assert_equal (is, should);
      }
}

/* Nothing that is wrong waits for more: these are all the bytes that it takes. */
static void
test_at_once (void)
{
  static const struct
  {
    const char *bytes;
    gsize size;
    guint16 code;
  } wrong[] = {
    { "\xc2\x85", 2, LP2P_WS_PROTOCOL_ERROR },
    { "\x83\x85", 2, LP2P_WS_PROTOCOL_ERROR },
    { "\x81\xff", 2, LP2P_WS_UNSUPPORTED },
    { "\x80\xff", 2, LP2P_WS_PROTOCOL_ERROR },
    { "\x82\x7f", 2, LP2P_WS_PROTOCOL_ERROR },
    { "\x89\xfe", 2, LP2P_WS_PROTOCOL_ERROR },
    { "\x08\x80", 2, LP2P_WS_PROTOCOL_ERROR },
    { "\x82\xfe\x00\x05....", 8, LP2P_WS_PROTOCOL_ERROR },
    { "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00....", 14, LP2P_WS_PROTOCOL_ERROR },
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      Lp2pWsParser parser;
      gsize used;

      lp2p_ws_parser_init (&parser, LP2P_WS_FROM_CLIENT);
      for (gsize at = 0; at < wrong[i].size; at++)
        {
          g_autoptr (GError) error = NULL;
          gboolean last = at + 1 == wrong[i].size;
          Lp2pWsEvent event = lp2p_ws_parser_input (&parser, (const guint8 *) wrong[i].bytes + at, 1, &used, &error);

          g_assert_cmpint (event, ==, last ? LP2P_WS_EVENT_ERROR : LP2P_WS_EVENT_NONE);
          if (last)
            g_assert_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL);
          else
            g_assert_no_error (error);
        }
      g_assert_cmpuint (parser.close_code, ==, wrong[i].code);
      /* It stays so, and nothing is read any more. */
      g_assert_cmpint (lp2p_ws_parser_input (&parser, (const guint8 *) "\x82\x80....", 6, &used, NULL), ==,
                       LP2P_WS_EVENT_ERROR);
      g_assert_cmpuint (used, ==, 0);
    }
}

static void
test_messages (void)
{
  static const struct
  {
    const char *bytes;
    gsize size;
    const char *message;
  } wrong[] = {
    { "\xc2\x00", 2,
      "WebSocket: a frame begins with 0xc2, which sets reserved bits; no extension was agreed on" },
    { "\x83\x00", 2, "WebSocket: a frame has the unknown opcode 0x3" },
    { "\x81\x00", 2, "WebSocket: a text message came; libp2p has binary ones only" },
    { "\x80\x00", 2, "WebSocket: a frame continues a message, but none has begun" },
    { "\x82\x80", 2, "WebSocket: the server sent a masked frame" },
    { "\x09\x00", 2, "WebSocket: a control frame with opcode 0x9 is fragmented" },
    { "\x89\x7e", 2, "WebSocket: a control frame with opcode 0x9 has more than 125 bytes" },
    { "\x82\x7e\x00\x07", 4, "WebSocket: a frame tells its length of 7 in 2 bytes; fewer were expected" },
    { "\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", 10,
      "WebSocket: a frame has 9223372036854775808 bytes; lengths have 63 bits" },
    { "\x88\x01\x03", 3, "WebSocket: a close has one byte; none, or the two of a code were expected" },
    { "\x88\x02\x03\xed", 4, "WebSocket: a close has the code 1005, which is never sent" },
    { "\x88\x03\x03\xe8\xff", 5, "WebSocket: the reason of a close with code 1000 is not UTF-8" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;
      Lp2pWsParser parser;
      gsize used;

      lp2p_ws_parser_init (&parser, LP2P_WS_FROM_SERVER);
      g_assert_cmpint (lp2p_ws_parser_input (&parser, (const guint8 *) wrong[i].bytes, wrong[i].size, &used, &error),
                       ==, LP2P_WS_EVENT_ERROR);
      g_assert_cmpstr (error->message, ==, wrong[i].message);
    }
}

/* Payload is where the caller wants it, or is dropped. */
static void
test_take (void)
{
  static const guint8 frames[] = { 0x82, 4, 'a', 'b', 'c', 'd', 0x82, 2, 'e', 'f' };
  Lp2pWsParser parser;
  guint8 out[2];
  gsize used;

  lp2p_ws_parser_init (&parser, LP2P_WS_FROM_SERVER);
  g_assert_cmpint (lp2p_ws_parser_input (&parser, frames, sizeof frames, &used, NULL), ==, LP2P_WS_EVENT_DATA);
  g_assert_cmpuint (used, ==, 2);
  g_assert_cmpuint (parser.payload_left, ==, 4);

  lp2p_ws_parser_take (&parser, NULL, frames + 2, 1);
  lp2p_ws_parser_take (&parser, out, frames + 3, 2);
  g_assert_cmpmem (out, 2, "bc", 2);
  /* Until all is taken, nothing else is read. */
  g_assert_cmpint (lp2p_ws_parser_input (&parser, frames + 5, 5, &used, NULL), ==, LP2P_WS_EVENT_DATA);
  g_assert_cmpuint (used, ==, 0);
  lp2p_ws_parser_take (&parser, NULL, frames + 5, 1);
  g_assert_cmpuint (parser.payload_left, ==, 0);

  g_assert_cmpint (lp2p_ws_parser_input (&parser, frames + 6, 4, &used, NULL), ==, LP2P_WS_EVENT_DATA);
  g_assert_cmpuint (used, ==, 2);
}

/* A close that we write is one that we read. */
static void
check_close (guint16 code, const char *reason, const char *expected, const guint8 *key)
{
  guint8 frame[LP2P_WS_MAX_CONTROL_FRAME];
  gsize size = lp2p_ws_write_close (frame, code, reason, key);
  Lp2pWsParser parser;
  gsize used;

  lp2p_ws_parser_init (&parser, key != NULL ? LP2P_WS_FROM_CLIENT : LP2P_WS_FROM_SERVER);
  g_assert_cmpint (lp2p_ws_parser_input (&parser, frame, size, &used, NULL), ==, LP2P_WS_EVENT_CLOSE);
  g_assert_cmpuint (used, ==, size);
  g_assert_cmpuint (parser.close_code, ==, code);
  g_assert_cmpstr (lp2p_ws_parser_get_reason (&parser), ==, expected);
}

static void
test_close (void)
{
  g_autofree char *longest = g_strnfill (LP2P_WS_MAX_REASON, 'x');
  g_autofree char *longer = g_strconcat (longest, "y", NULL);
  g_autofree char *cut = g_strnfill (LP2P_WS_MAX_REASON - 1, 'x');
  g_autofree char *between = g_strconcat (cut, "\xc3\xa4", NULL);

  check_close (LP2P_WS_NORMAL, NULL, "", NULL);
  check_close (LP2P_WS_NORMAL, "", "", mask);
  check_close (LP2P_WS_GOING_AWAY, "good bye", "good bye", NULL);
  check_close (LP2P_WS_GOING_AWAY, "good bye", "good bye", mask);
  check_close (LP2P_WS_NO_CODE, NULL, "", NULL);
  check_close (LP2P_WS_NO_CODE, "a reason has a code", "", mask);
  check_close (LP2P_WS_TOO_BIG, longest, longest, mask);
  check_close (LP2P_WS_TOO_BIG, longer, longest, mask);
  /* No half of a character. */
  check_close (LP2P_WS_TOO_BIG, between, cut, NULL);
}

/* There is one for each connection. */
static void
test_size (void)
{
  g_assert_cmpuint (sizeof (Lp2pWsParser), <=, 192);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ws-frame/examples", test_examples);
  g_test_add_func ("/ws-frame/mask", test_mask);
  g_test_add_func ("/ws-frame/round-trip", test_round_trip);
  g_test_add_func ("/ws-frame/at-once", test_at_once);
  g_test_add_func ("/ws-frame/messages", test_messages);
  g_test_add_func ("/ws-frame/take", test_take);
  g_test_add_func ("/ws-frame/close", test_close);
  g_test_add_func ("/ws-frame/size", test_size);
  return g_test_run ();
}
