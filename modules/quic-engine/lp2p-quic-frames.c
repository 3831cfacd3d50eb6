/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The frames of a packet, before ngtcp2 sees them: some end the process there, though
 * anybody may send them.
 *
 * An id that comes again after it was given up is given up again, which versions before
 * 1.0 do not expect. Honest peers send it too: again because they believed the first packet
 * to be lost. It is made a frame that changes nothing, so that the packet is acknowledged all
 * the same: an answer that answers nothing, as a client that only probes a path may send it,
 * which must not look as if it had moved there. Early data has no answers, but PING.
 *
 * Where a client has moved to is also shown by an answer from elsewhere, and what comes with
 * it is then taken for a move back while the new path is asked once more, which version 0.12
 * does not expect. An answer goes where the question went (RFC 9000 section 8.2.2): one from
 * elsewhere is made one that answers nothing.
 *
 * Until a client's ngtcp2 has written something after the last message of the handshake,
 * all versions expect that the state of the handshake and the first id are still there. A
 * packet that ends one of them is as if it had been lost on the way: who is honest sends it
 * again. */

#include "lp2p-quic-frames.h"

#include <lp2p/lp2p-plugin.h>

#include <string.h>

enum
{
  PADDING = 0x00,
  PING = 0x01,
  STREAM = 0x08, /* and seven more, with these bits */
  STREAM_LENGTH = 0x02,
  STREAM_OFFSET = 0x04,
  NEW_CONNECTION_ID = 0x18,
  PATH_RESPONSE = 0x1b,
  HANDSHAKE_DONE = 0x1e,
  NO_FRAME = 0x21,
};

#define N_GIVEN    64
#define TOKEN_SIZE 16

/* What stands behind the type (RFC 9000 section 19, RFC 9221 section 4). n: a number, b: bytes
 * behind their length, r: the ranges of an ACK, 8: as many bytes, *: all the rest. */
static const char *const fields[] = {
  [PADDING] = "",
  [PING] = "",
  [0x02] = "nnr",
  [0x03] = "nnrnnn",
  [0x04] = "nnn",
  [0x05] = "nn",
  [0x06] = "nb",
  [0x07] = "b",
  [0x10] = "n",
  [0x11] = "nn",
  [0x12] = "n",
  [0x13] = "n",
  [0x14] = "n",
  [0x15] = "nn",
  [0x16] = "n",
  [0x17] = "n",
  [0x19] = "n",
  [0x1a] = "8",
  [PATH_RESPONSE] = "8",
  [0x1c] = "nnb",
  [0x1d] = "nb",
  [HANDSHAKE_DONE] = "",
  [0x30] = "*",
  [0x31] = "b",
};

/* Ids */

gboolean
lp2p_quic_peer_ids_has (const Lp2pQuicPeerIds *self, guint64 number)
{
  if (number < self->first)
    return TRUE;
  return number - self->first < N_GIVEN && (self->given >> (number - self->first) & 1) != 0;
}

/* Peers count by one: so far behind, nothing is new. */
void
lp2p_quic_peer_ids_add (Lp2pQuicPeerIds *self, guint64 number)
{
  guint64 beyond;

  if (number < self->first)
    return;
  if (number - self->first >= N_GIVEN)
    {
      beyond = number - self->first - (N_GIVEN - 1);
      self->given = beyond < N_GIVEN ? self->given >> beyond : 0;
      self->first += beyond;
    }
  self->given |= G_GUINT64_CONSTANT (1) << (number - self->first);
}

/* Frames */

/* In the first two bits stands how many bytes there are (RFC 9000 section 16). */
static inline gboolean
read_number (Lp2pCursor *cursor, guint64 *number)
{
  gsize size;

  if (cursor->left == 0)
    return FALSE;
  size = (gsize) 1 << (cursor->data[0] >> 6);
  if (cursor->left < size)
    return FALSE;
  *number = cursor->data[0] & 0x3f;
  for (gsize i = 1; i < size; i++)
    *number = *number << 8 | cursor->data[i];
  cursor->data += size;
  cursor->left -= size;
  return TRUE;
}

static inline gboolean
skip (Lp2pCursor *cursor, guint64 size)
{
  if (cursor->left < size)
    return FALSE;
  cursor->data += size;
  cursor->left -= size;
  return TRUE;
}

static inline gboolean
skip_number (Lp2pCursor *cursor)
{
  return cursor->left > 0 && skip (cursor, (gsize) 1 << (cursor->data[0] >> 6));
}

/* One, and as many pairs as are said before it. */
static gboolean
skip_ranges (Lp2pCursor *cursor)
{
  guint64 n;

  if (!read_number (cursor, &n) || n > cursor->left / 2)
    return FALSE;
  for (guint64 i = 0; i < 2 * n + 1; i++)
    if (!skip_number (cursor))
      return FALSE;
  return TRUE;
}

static gboolean
skip_field (Lp2pCursor *cursor, char field)
{
  guint64 number;

  switch (field)
    {
    case 'n':
      return skip_number (cursor);
    case 'b':
      return read_number (cursor, &number) && skip (cursor, number);
    case 'r':
      return skip_ranges (cursor);
    case '8':
      return skip (cursor, 8);
    default:
      return skip (cursor, cursor->left);
    }
}

/* Apart from the others, as most packets have nothing else. */
static inline gboolean
skip_stream (Lp2pCursor *cursor, guint8 type)
{
  guint64 size;

  if ((type & STREAM_LENGTH) == 0)
    return skip (cursor, cursor->left);
  return skip_number (cursor) && ((type & STREAM_OFFSET) == 0 || skip_number (cursor)) &&
         read_number (cursor, &size) && skip (cursor, size);
}

static gboolean
skip_frame (Lp2pCursor *cursor, guint8 type)
{
  if ((type & ~7) == STREAM)
    return skip_stream (cursor, type);
  if (type >= G_N_ELEMENTS (fields) || fields[type] == NULL)
    return FALSE;
  for (const char *field = fields[type]; *field != '\0'; field++)
    if (!skip_field (cursor, *field))
      return FALSE;
  return TRUE;
}

static gboolean
read_id (Lp2pCursor *cursor, guint64 *number, guint64 *retire_prior_to)
{
  guint8 size;

  return read_number (cursor, number) && read_number (cursor, retire_prior_to) &&
         lp2p_cursor_read_u8 (cursor, &size) && skip (cursor, (guint64) size + TOKEN_SIZE);
}

gboolean
lp2p_quic_frames_check (guint8 *frames, gsize size, Lp2pQuicPeerIds *ids, Lp2pQuicFramesFlags flags)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (frames, size);
  Lp2pQuicPeerIds now = *ids;
  gboolean settled = (flags & LP2P_QUIC_FRAMES_SETTLED) != 0;
  guint64 number, retire_prior_to;

  while (cursor.left > 0)
    {
      guint8 *frame = frames + (size - cursor.left);
      guint8 type = *frame;

      skip (&cursor, 1);
      if (type == HANDSHAKE_DONE && !settled)
        return FALSE;
      if (type != NEW_CONNECTION_ID && skip_frame (&cursor, type))
        {
          if (type == PATH_RESPONSE && (flags & LP2P_QUIC_FRAMES_ELSEWHERE) != 0)
            memset (frame + 1, 0, cursor.data - (frame + 1));
          continue;
        }
      if (type != NEW_CONNECTION_ID || !read_id (&cursor, &number, &retire_prior_to))
        {
          *frame = NO_FRAME;
          return TRUE;
        }
      if (retire_prior_to > 0 && !settled)
        return FALSE;
      /* That is an error, which ngtcp2 sees. */
      if (retire_prior_to > number)
        continue;
      now.retire_prior_to = MAX (now.retire_prior_to, retire_prior_to);
      if (lp2p_quic_peer_ids_has (&now, number) && (number < now.retire_prior_to || !settled))
        {
          memset (frame, PADDING, cursor.data - frame);
          *frame = (flags & LP2P_QUIC_FRAMES_EARLY) != 0 ? PING : PATH_RESPONSE;
        }
      else
        lp2p_quic_peer_ids_add (&now, number);
    }
  *ids = now;
  return TRUE;
}
