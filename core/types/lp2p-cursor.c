/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-cursor.h>

#include <string.h>

/**
 * lp2p_cursor_init: (skip)
 * @cursor: a cursor
 * @data: (nullable): the first byte; may be %NULL when @len is 0
 * @len: the number of bytes
 *
 * Starts reading at @data, which must stay unchanged while the cursor is used.
 */
void
lp2p_cursor_init (Lp2pCursor *cursor, gconstpointer data, gsize len)
{
  cursor->data = data;
  cursor->left = len;
  cursor->failed = FALSE;
}

/* Returns the next @n bytes and steps over them; on failure NULL. A cursor
 * over no bytes may have no data pointer, hence the static byte. */
static const guint8 *
take (Lp2pCursor *cursor, gsize n)
{
  static const guint8 nothing = 0;
  const guint8 *start = cursor->data;

  if (cursor->failed || n > cursor->left)
    {
      cursor->failed = TRUE;
      return NULL;
    }
  if (n == 0)
    return start != NULL ? start : &nothing;

  cursor->data += n;
  cursor->left -= n;
  return start;
}

static gboolean
read_big_endian (Lp2pCursor *cursor, guint size, guint64 *out)
{
  const guint8 *p = take (cursor, size);
  guint64 value = 0;

  if (p == NULL)
    return FALSE;

  for (guint i = 0; i < size; i++)
    value = value << 8 | p[i];
  *out = value;
  return TRUE;
}

/**
 * lp2p_cursor_read_u8: (skip)
 * @cursor: a cursor
 * @out: (out): return location for the byte; untouched on failure
 *
 * Reads one byte.
 *
 * Returns: whether there was one
 */
gboolean
lp2p_cursor_read_u8 (Lp2pCursor *cursor, guint8 *out)
{
  guint64 value;

  if (!read_big_endian (cursor, 1, &value))
    return FALSE;
  *out = (guint8) value;
  return TRUE;
}

/**
 * lp2p_cursor_read_u16be: (skip)
 * @cursor: a cursor
 * @out: (out): return location for the number; untouched on failure
 *
 * Reads two bytes, the most significant first.
 *
 * Returns: whether there were enough
 */
gboolean
lp2p_cursor_read_u16be (Lp2pCursor *cursor, guint16 *out)
{
  guint64 value;

  if (!read_big_endian (cursor, 2, &value))
    return FALSE;
  *out = (guint16) value;
  return TRUE;
}

/**
 * lp2p_cursor_read_u32be: (skip)
 * @cursor: a cursor
 * @out: (out): return location for the number; untouched on failure
 *
 * Reads four bytes, the most significant first.
 *
 * Returns: whether there were enough
 */
gboolean
lp2p_cursor_read_u32be (Lp2pCursor *cursor, guint32 *out)
{
  guint64 value;

  if (!read_big_endian (cursor, 4, &value))
    return FALSE;
  *out = (guint32) value;
  return TRUE;
}

/**
 * lp2p_cursor_read_u64be: (skip)
 * @cursor: a cursor
 * @out: (out): return location for the number; untouched on failure
 *
 * Reads eight bytes, the most significant first.
 *
 * Returns: whether there were enough
 */
gboolean
lp2p_cursor_read_u64be (Lp2pCursor *cursor, guint64 *out)
{
  return read_big_endian (cursor, 8, out);
}

/**
 * lp2p_cursor_read_varint: (skip)
 * @cursor: a cursor
 * @out: (out): return location for the number; untouched on failure
 *
 * Reads an unsigned varint, see [func@Lp2p.varint_decode]. Incomplete and
 * malformed numbers both fail.
 *
 * Returns: whether there was one
 */
gboolean
lp2p_cursor_read_varint (Lp2pCursor *cursor, guint64 *out)
{
  gssize used;

  if (cursor->failed)
    return FALSE;

  used = lp2p_varint_decode (cursor->data, cursor->left, out);
  if (used <= 0)
    {
      cursor->failed = TRUE;
      return FALSE;
    }
  return take (cursor, (gsize) used) != NULL;
}

/**
 * lp2p_cursor_read_bytes: (skip)
 * @cursor: a cursor
 * @n: how many bytes
 * @out: (out) (transfer none): return location for the bytes, which lie in the
 *   cursor's own input; never %NULL on success, even if @n is 0
 *
 * Reads @n bytes without copying them.
 *
 * Returns: whether there were enough
 */
gboolean
lp2p_cursor_read_bytes (Lp2pCursor *cursor, gsize n, const guint8 **out)
{
  const guint8 *p = take (cursor, n);

  if (p == NULL)
    return FALSE;
  *out = p;
  return TRUE;
}

/**
 * lp2p_cursor_copy: (skip)
 * @cursor: a cursor
 * @dest: where to copy to, of at least @n bytes; untouched on failure
 * @n: how many bytes
 *
 * Reads @n bytes into @dest.
 *
 * Returns: whether there were enough
 */
gboolean
lp2p_cursor_copy (Lp2pCursor *cursor, gpointer dest, gsize n)
{
  const guint8 *p = take (cursor, n);

  if (p == NULL)
    return FALSE;
  if (n > 0)
    memcpy (dest, p, n);
  return TRUE;
}

/**
 * lp2p_cursor_read_prefixed: (skip)
 * @cursor: a cursor
 * @max: the largest length to accept
 * @inner: (out caller-allocates): set to read exactly the bytes that follow
 *   the length; untouched on failure
 *
 * Reads an unsigned varint length and that many bytes.
 *
 * Returns: whether the length was well-formed, at most @max, and followed by
 *   enough bytes
 */
gboolean
lp2p_cursor_read_prefixed (Lp2pCursor *cursor, gsize max, Lp2pCursor *inner)
{
  guint64 length;
  const guint8 *p;

  if (!lp2p_cursor_read_varint (cursor, &length))
    return FALSE;
  /* Compared before the cast, which could otherwise shorten the length. */
  if (length > max)
    {
      cursor->failed = TRUE;
      return FALSE;
    }
  p = take (cursor, (gsize) length);
  if (p == NULL)
    return FALSE;
  lp2p_cursor_init (inner, p, (gsize) length);
  return TRUE;
}

/**
 * lp2p_cursor_skip: (skip)
 * @cursor: a cursor
 * @n: how many bytes
 *
 * Steps over @n bytes.
 *
 * Returns: whether there were enough
 */
gboolean
lp2p_cursor_skip (Lp2pCursor *cursor, gsize n)
{
  return take (cursor, n) != NULL;
}

/**
 * lp2p_cursor_left: (skip)
 * @cursor: a cursor
 *
 * Tells how many bytes are left; none after a failure.
 *
 * Returns: the number of bytes
 */
gsize
lp2p_cursor_left (const Lp2pCursor *cursor)
{
  return cursor->failed ? 0 : cursor->left;
}

/**
 * lp2p_cursor_at_end: (skip)
 * @cursor: a cursor
 *
 * Tells whether everything was read and no read failed.
 *
 * Returns: whether the input is used up
 */
gboolean
lp2p_cursor_at_end (const Lp2pCursor *cursor)
{
  return !cursor->failed && cursor->left == 0;
}
