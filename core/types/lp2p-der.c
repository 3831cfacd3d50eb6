/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "types/lp2p-der-private.h"

#include <string.h>

static gboolean
fail (Lp2pCursor *in)
{
  in->failed = TRUE;
  return FALSE;
}

static gboolean
read_length (Lp2pCursor *in, gsize *length)
{
  guint8 first;
  gsize value = 0;

  if (!lp2p_cursor_read_u8 (in, &first))
    return FALSE;
  if (first < 0x80)
    {
      *length = first;
      return TRUE;
    }

  /* 0x80 would be the indefinite form, which DER forbids. */
  if (first == 0x80 || first > 0x83)
    return fail (in);
  for (guint i = 0; i < (first & 0x7fu); i++)
    {
      guint8 byte;

      if (!lp2p_cursor_read_u8 (in, &byte))
        return FALSE;
      if (i == 0 && byte == 0)
        return fail (in);
      value = value << 8 | byte;
    }
  if (value < 0x80)
    return fail (in);

  *length = value;
  return TRUE;
}

/* Reads one element, whatever its tag is. */
gboolean
lp2p_der_read_any (Lp2pCursor *in, guint8 *tag, Lp2pCursor *value)
{
  guint8 found;
  gsize length;
  const guint8 *start;

  if (!lp2p_cursor_read_u8 (in, &found))
    return FALSE;
  if ((found & 0x1f) == 0x1f)
    return fail (in);
  if (!read_length (in, &length) || !lp2p_cursor_read_bytes (in, length, &start))
    return FALSE;

  *tag = found;
  lp2p_cursor_init (value, start, length);
  return TRUE;
}

/* Reads one element, which must have the tag @tag. */
gboolean
lp2p_der_read (Lp2pCursor *in, guint8 tag, Lp2pCursor *value)
{
  guint8 found;

  if (!lp2p_der_next_is (in, tag))
    return fail (in);
  return lp2p_der_read_any (in, &found, value);
}

/* Like lp2p_der_read(); @whole is the element with its tag and length. */
gboolean
lp2p_der_read_whole (Lp2pCursor *in, guint8 tag, Lp2pCursor *whole, Lp2pCursor *value)
{
  Lp2pCursor before = *in;
  gsize size;
  const guint8 *start;

  if (!lp2p_der_read (in, tag, value))
    return FALSE;

  size = lp2p_cursor_left (&before) - lp2p_cursor_left (in);
  if (!lp2p_cursor_read_bytes (&before, size, &start))
    return fail (in);
  lp2p_cursor_init (whole, start, size);
  return TRUE;
}

/* Reads an INTEGER that is not negative; @number has no leading zero, so that
 * the number zero has no bytes at all. */
gboolean
lp2p_der_read_unsigned (Lp2pCursor *in, const guint8 **number, gsize *len)
{
  Lp2pCursor value;
  gsize size;
  const guint8 *bytes;

  if (!lp2p_der_read (in, LP2P_DER_INTEGER, &value))
    return FALSE;
  size = lp2p_cursor_left (&value);
  if (size == 0 || !lp2p_cursor_read_bytes (&value, size, &bytes) || (bytes[0] & 0x80) != 0)
    return fail (in);
  if (bytes[0] == 0)
    {
      /* A leading zero is there for the sake of a set top bit only. */
      if (size > 1 && (bytes[1] & 0x80) == 0)
        return fail (in);
      bytes++;
      size--;
    }

  *number = bytes;
  *len = size;
  return TRUE;
}

/* Reads a BIT STRING of whole bytes. */
gboolean
lp2p_der_read_bits (Lp2pCursor *in, Lp2pCursor *value)
{
  Lp2pCursor bits;
  guint8 unused;

  if (!lp2p_der_read (in, LP2P_DER_BIT_STRING, &bits))
    return FALSE;
  if (!lp2p_cursor_read_u8 (&bits, &unused) || unused != 0)
    return fail (in);

  *value = bits;
  return TRUE;
}

/* Whether an element with the tag @tag comes next. */
gboolean
lp2p_der_next_is (const Lp2pCursor *in, guint8 tag)
{
  Lp2pCursor ahead = *in;
  guint8 found;

  return lp2p_cursor_read_u8 (&ahead, &found) && found == tag;
}

/* Whether exactly @data is left to read. */
gboolean
lp2p_der_equal (const Lp2pCursor *value, gconstpointer data, gsize len)
{
  Lp2pCursor copy = *value;
  const guint8 *bytes;

  return lp2p_cursor_left (&copy) == len && lp2p_cursor_read_bytes (&copy, len, &bytes) &&
         (len == 0 || memcmp (bytes, data, len) == 0);
}

/* Appends one element. */
void
lp2p_der_append (GByteArray *out, guint8 tag, gconstpointer value, gsize len)
{
  guint8 header[5];
  guint n = 0;
  guint size = 0;

  g_return_if_fail (len < 1 << 24);

  header[n++] = tag;
  if (len < 0x80)
    {
      header[n++] = (guint8) len;
    }
  else
    {
      size = len < 0x100 ? 1 : len < 0x10000 ? 2 : 3;
      header[n++] = (guint8) (0x80 | size);
      for (guint i = size; i > 0; i--)
        header[n++] = (guint8) (len >> (8 * (i - 1)));
    }
  g_byte_array_append (out, header, n);
  if (len > 0)
    g_byte_array_append (out, value, (guint) len);
}
