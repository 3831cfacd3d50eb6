/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-frame.h"

#include <string.h>

#define FIN 0x80
#define MASKED 0x80
#define LENGTH_16 126
#define LENGTH_64 127

/* A mask, and as many of it as any machine's registers hold, or what the compiler
 * makes of them. Both may lie at any address and hold bytes of any type. Wider ones
 * are no faster: this is as fast as the caches are. */
typedef guint32 Word __attribute__ ((aligned (1), may_alias));
typedef guint32 Lane __attribute__ ((vector_size (16), aligned (1), may_alias));

static void
mask_bytes (guint8 *dest, const guint8 *src, gsize size, const guint8 mask[LP2P_WS_MASK_SIZE], gsize offset)
{
  for (gsize i = 0; i < size; i++)
    dest[i] = src[i] ^ mask[(offset + i) % LP2P_WS_MASK_SIZE];
}

/* Masks or unmasks @size bytes, which is the same. @offset is how much of the
 * frame's payload came before them. @dest and @src are the same or do not overlap. */
void
lp2p_ws_mask (guint8 *dest, const guint8 *src, gsize size, const guint8 mask[LP2P_WS_MASK_SIZE], gsize offset)
{
  /* Behind a header, lanes would lie across lines of the cache, which costs a third more. */
  gsize i = MIN (-(guintptr) dest % sizeof (Lane), size);
  guint8 turned[LP2P_WS_MASK_SIZE];
  guint32 word;
  Lane lane;

  /* Who has no bytes may have no address either, from which to count. */
  if (size == 0)
    return;
  mask_bytes (dest, src, i, mask, offset);
  for (gsize k = 0; k < LP2P_WS_MASK_SIZE; k++)
    turned[k] = mask[(offset + i + k) % LP2P_WS_MASK_SIZE];
  word = *(const Word *) turned;
  lane = (Lane){ word, word, word, word };

  for (; size - i >= sizeof lane; i += sizeof lane)
    *(Lane *) (dest + i) = *(const Lane *) (src + i) ^ lane;
  mask_bytes (dest + i, src + i, size - i, mask, offset + i);
}

static gsize
put_length (guint8 *out, guint64 length, gsize size)
{
  for (gsize i = 0; i < size; i++)
    out[i] = (length >> (8 * (size - 1 - i))) & 0xff;
  return size;
}

/* Writes the header of a frame that is a message of its own, with @size bytes of
 * payload, at most 2^63-1. @mask is with what a client will mask them, %NULL for a
 * server.
 *
 * Returns: the size of the header, 2 to 14 */
gsize
lp2p_ws_write_header (guint8 out[LP2P_WS_MAX_HEADER], Lp2pWsOpcode opcode, guint64 size, const guint8 *mask)
{
  guint8 masked = mask != NULL ? MASKED : 0;
  gsize n = 2;

  out[0] = FIN | opcode;
  if (size < LENGTH_16)
    out[1] = masked | size;
  else if (size <= G_MAXUINT16)
    {
      out[1] = masked | LENGTH_16;
      n += put_length (out + n, size, 2);
    }
  else
    {
      out[1] = masked | LENGTH_64;
      n += put_length (out + n, size, 8);
    }
  for (gsize i = 0; mask != NULL && i < LP2P_WS_MASK_SIZE; i++)
    out[n++] = mask[i];
  return n;
}

/* Writes a ping or pong, with at most 125 bytes of payload.
 *
 * Returns: the size of the frame */
gsize
lp2p_ws_write_control (guint8 out[LP2P_WS_MAX_CONTROL_FRAME],
                       Lp2pWsOpcode opcode,
                       const guint8 *payload,
                       gsize size,
                       const guint8 *mask)
{
  static const guint8 no_mask[LP2P_WS_MASK_SIZE];
  gsize n;

  g_return_val_if_fail (size <= LP2P_WS_MAX_CONTROL, 0);

  n = lp2p_ws_write_header (out, opcode, size, mask);
  lp2p_ws_mask (out + n, payload, size, mask != NULL ? mask : no_mask, 0);
  return n + size;
}

/* As much of @text as fits, without half a character. */
static gsize
shorten (const char *text, gsize max)
{
  gsize size = strlen (text);

  if (size <= max)
    return size;
  return g_utf8_find_prev_char (text, text + max + 1) - text;
}

/* Writes a close. @code is one that may be sent, or LP2P_WS_NO_CODE for none;
 * @reason, which may be %NULL, is shortened where it is too long.
 *
 * Returns: the size of the frame */
gsize
lp2p_ws_write_close (guint8 out[LP2P_WS_MAX_CONTROL_FRAME], guint16 code, const char *reason, const guint8 *mask)
{
  guint8 payload[LP2P_WS_MAX_CONTROL] = { code >> 8, code & 0xff };
  Lp2pCursor text;
  gsize size;

  if (code == LP2P_WS_NO_CODE)
    return lp2p_ws_write_control (out, LP2P_WS_CLOSE, payload, 0, mask);

  g_return_val_if_fail (lp2p_ws_code_is_valid (code), 0);

  size = reason != NULL ? shorten (reason, LP2P_WS_MAX_REASON) : 0;
  lp2p_cursor_init (&text, reason, size);
  lp2p_cursor_copy (&text, payload + 2, size);
  return lp2p_ws_write_control (out, LP2P_WS_CLOSE, payload, 2 + size, mask);
}
