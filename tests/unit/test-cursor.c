/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-cursor.h>
#include <lp2p/types/lp2p-varint.h>

/* The examples of the multiformats unsigned-varint specification, then the
 * edges of each length. */
static const struct
{
  guint64 value;
  const char *bytes;
  gsize size;
} varints[] = {
  { 1, "\x01", 1 },
  { 127, "\x7f", 1 },
  { 128, "\x80\x01", 2 },
  { 255, "\xff\x01", 2 },
  { 300, "\xac\x02", 2 },
  { 16384, "\x80\x80\x01", 3 },
  { 0, "\x00", 1 },
  { 16383, "\xff\x7f", 2 },
  { G_GUINT64_CONSTANT (0x7fffffffffffffff), "\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 9 },
};

static void
test_varint_vectors (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (varints); i++)
    {
      guint8 out[LP2P_VARINT_MAX];
      guint64 value = 42;
      gsize n = lp2p_varint_encode (varints[i].value, out);

      g_assert_cmpmem (out, n, varints[i].bytes, varints[i].size);
      g_assert_cmpuint (lp2p_varint_size (varints[i].value), ==, n);
      g_assert_cmpint (lp2p_varint_decode (out, n, &value), ==, (gssize) n);
      g_assert_cmpuint (value, ==, varints[i].value);

      /* Every prefix needs more, and what follows is not read. */
      for (gsize k = 0; k < n; k++)
        g_assert_cmpint (lp2p_varint_decode (out, k, &value), ==, 0);
    }
}

static void
test_varint_every_length (void)
{
  for (guint bits = 0; bits < 63; bits++)
    for (int delta = -1; delta <= 1; delta++)
      {
        guint64 in = (G_GUINT64_CONSTANT (1) << bits) + (guint64) (gint64) delta;
        guint64 value;
        guint8 out[LP2P_VARINT_MAX + 1];
        gsize n = lp2p_varint_encode (in, out);

        out[n] = 0xff;
        g_assert_cmpint (lp2p_varint_decode (out, n + 1, &value), ==, (gssize) n);
        g_assert_cmpuint (value, ==, in);
      }
}

static void
test_varint_malformed (void)
{
  static const struct
  {
    const char *bytes;
    gsize size;
  } bad[] = {
    { "\x81\x00", 2 },
    { "\x80\x00", 2 },
    { "\xff\x80\x00", 3 },
    { "\x80\x80\x80\x80\x80\x80\x80\x80\x00", 9 },
    { "\x80\x80\x80\x80\x80\x80\x80\x80\x80", 9 },
    { "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 10 },
    { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      const guint8 *bytes = (const guint8 *) bad[i].bytes;
      guint64 value = 42;

      g_assert_cmpint (lp2p_varint_decode (bytes, bad[i].size, &value), ==, -1);
      g_assert_cmpuint (value, ==, 42);
    }
}

static void
test_append (void)
{
  static const guint8 expected[] = { 0xac, 0x02, 0x01, 0x02, 0x01, 0x02, 0x03, 0x04,
                                     1,    2,    3,    4,    5,    6,    7,    8 };
  g_autoptr (GByteArray) array = g_byte_array_new ();

  lp2p_append_varint (array, 300);
  lp2p_append_u16be (array, 0x0102);
  lp2p_append_u32be (array, 0x01020304);
  lp2p_append_u64be (array, G_GUINT64_CONSTANT (0x0102030405060708));
  g_assert_cmpmem (array->data, array->len, expected, sizeof expected);
}

static void
test_read (void)
{
  static const guint8 input[] = { 0x07, 0x01, 0x02, 0x01, 0x02, 0x03, 0x04, 1,    2,    3,    4,
                                  5,    6,    7,    8,    0xac, 0x02, 'a',  'b',  'c',  'd',  2,
                                  'x',  'y',  0xff, 0xfe };
  Lp2pCursor cursor = LP2P_CURSOR_INIT (input, sizeof input);
  Lp2pCursor inner;
  guint8 u8, copy[2];
  guint16 u16;
  guint32 u32;
  guint64 u64;
  const guint8 *bytes;

  g_assert_true (lp2p_cursor_read_u8 (&cursor, &u8));
  g_assert_cmpuint (u8, ==, 7);
  g_assert_true (lp2p_cursor_read_u16be (&cursor, &u16));
  g_assert_cmphex (u16, ==, 0x0102);
  g_assert_true (lp2p_cursor_read_u32be (&cursor, &u32));
  g_assert_cmphex (u32, ==, 0x01020304);
  g_assert_true (lp2p_cursor_read_u64be (&cursor, &u64));
  g_assert_cmphex (u64, ==, G_GUINT64_CONSTANT (0x0102030405060708));
  g_assert_true (lp2p_cursor_read_varint (&cursor, &u64));
  g_assert_cmpuint (u64, ==, 300);
  g_assert_true (lp2p_cursor_read_bytes (&cursor, 2, &bytes));
  g_assert_cmpmem (bytes, 2, "ab", 2);
  g_assert_true (lp2p_cursor_copy (&cursor, copy, 2));
  g_assert_cmpmem (copy, 2, "cd", 2);
  g_assert_true (lp2p_cursor_read_prefixed (&cursor, 2, &inner));
  g_assert_cmpuint (lp2p_cursor_left (&inner), ==, 2);
  g_assert_true (lp2p_cursor_copy (&inner, copy, 2));
  g_assert_cmpmem (copy, 2, "xy", 2);
  g_assert_true (lp2p_cursor_at_end (&inner));
  g_assert_cmpuint (lp2p_cursor_left (&cursor), ==, 2);
  g_assert_false (lp2p_cursor_at_end (&cursor));
  g_assert_true (lp2p_cursor_skip (&cursor, 2));
  g_assert_true (lp2p_cursor_at_end (&cursor));
}

static void
test_failure_stays (void)
{
  static const guint8 input[] = { 1, 2, 3 };
  Lp2pCursor cursor = LP2P_CURSOR_INIT (input, sizeof input);
  guint32 u32 = 42;
  guint8 u8 = 42;
  const guint8 *bytes = NULL;

  g_assert_false (lp2p_cursor_read_u32be (&cursor, &u32));
  g_assert_cmpuint (u32, ==, 42);
  g_assert_true (cursor.failed);
  g_assert_false (lp2p_cursor_read_u8 (&cursor, &u8));
  g_assert_cmpuint (u8, ==, 42);
  g_assert_false (lp2p_cursor_skip (&cursor, 0));
  g_assert_false (lp2p_cursor_read_bytes (&cursor, 0, &bytes));
  g_assert_null (bytes);
  g_assert_cmpuint (lp2p_cursor_left (&cursor), ==, 0);
  g_assert_false (lp2p_cursor_at_end (&cursor));
}

static void
test_prefixed_limits (void)
{
  static const guint8 longer[] = { 4, 1, 2, 3 };
  static const guint8 huge[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1 };
  static const guint8 three[] = { 3, 1, 2, 3 };
  static const guint8 none[] = { 0 };
  Lp2pCursor cursor, inner;

  lp2p_cursor_init (&cursor, longer, sizeof longer);
  g_assert_false (lp2p_cursor_read_prefixed (&cursor, G_MAXSIZE, &inner));
  lp2p_cursor_init (&cursor, huge, sizeof huge);
  g_assert_false (lp2p_cursor_read_prefixed (&cursor, G_MAXSIZE, &inner));
  lp2p_cursor_init (&cursor, three, sizeof three);
  g_assert_false (lp2p_cursor_read_prefixed (&cursor, 2, &inner));
  g_assert_true (cursor.failed);
  lp2p_cursor_init (&cursor, three, sizeof three);
  g_assert_true (lp2p_cursor_read_prefixed (&cursor, 3, &inner));
  lp2p_cursor_init (&cursor, none, sizeof none);
  g_assert_true (lp2p_cursor_read_prefixed (&cursor, 0, &inner));
  g_assert_true (lp2p_cursor_at_end (&inner));
  g_assert_true (lp2p_cursor_at_end (&cursor));
}

static void
test_empty (void)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (NULL, 0);
  const guint8 *bytes = NULL;
  guint64 value;

  g_assert_true (lp2p_cursor_at_end (&cursor));
  g_assert_true (lp2p_cursor_read_bytes (&cursor, 0, &bytes));
  g_assert_nonnull (bytes);
  g_assert_true (lp2p_cursor_copy (&cursor, NULL, 0));
  g_assert_true (lp2p_cursor_skip (&cursor, 0));
  g_assert_false (lp2p_cursor_read_varint (&cursor, &value));
  g_assert_true (cursor.failed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/cursor/varint/vectors", test_varint_vectors);
  g_test_add_func ("/cursor/varint/every-length", test_varint_every_length);
  g_test_add_func ("/cursor/varint/malformed", test_varint_malformed);
  g_test_add_func ("/cursor/append", test_append);
  g_test_add_func ("/cursor/read", test_read);
  g_test_add_func ("/cursor/failure-stays", test_failure_stays);
  g_test_add_func ("/cursor/prefixed-limits", test_prefixed_limits);
  g_test_add_func ("/cursor/empty", test_empty);

  return g_test_run ();
}
