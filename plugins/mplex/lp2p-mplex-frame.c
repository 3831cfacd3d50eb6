/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-mplex-frame.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

/* The flag stands in the lower three bits of the first varint. Behind
 * NewStream come three pairs: one for each type and direction. */
#define FLAG_BITS 3
#define FLAG_MASK 7
#define FLAG_MAX  6

static gssize
read_varint (const guint8 *data, gsize size, const char *what, guint64 *value, GError **error)
{
  gssize n = lp2p_varint_decode (data, size, value);

  if (n < 0)
    g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                 /* Translators: "stream id" or "length" */
                 _("mplex: the %s of a message is no varint: at most %d bytes and no zeros at the "
                   "end were expected"),
                 what, LP2P_VARINT_MAX);
  return n;
}

static gboolean
take_flag (guint64 value, Lp2pMplexHeader *header, GError **error)
{
  guint flag = value & FLAG_MASK;

  if (flag > FLAG_MAX)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                   _("mplex: a message has flag %u; 0 to %u were expected"), flag, FLAG_MAX);
      return FALSE;
    }
  header->type = (flag + 1) / 2;
  header->from_opener = flag % 2 == 0;
  header->stream_id = value >> FLAG_BITS;
  return TRUE;
}

/* Reads the head of a message. Returns how many bytes it has, 0 if more are
 * needed, -1 if it is wrong. */
gssize
lp2p_mplex_header_decode (const guint8 *data, gsize size, Lp2pMplexHeader *header, GError **error)
{
  guint64 first = 0;
  guint64 length = 0;
  gssize n = read_varint (data, size, _("stream id"), &first, error);
  gssize more;

  if (n <= 0)
    return n;
  if (!take_flag (first, header, error))
    return -1;
  more = read_varint (data + n, size - n, _("length"), &length, error);
  if (more <= 0)
    return more;
  if (length > LP2P_MPLEX_MESSAGE_MAX)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                   _("mplex: a message of %" PRIu64 " bytes for stream %" PRIu64
                     "; at most %u were expected"),
                   length, header->stream_id, LP2P_MPLEX_MESSAGE_MAX);
      return -1;
    }
  header->length = length;
  return n + more;
}

/* Returns how many bytes the head has. */
gsize
lp2p_mplex_header_encode (const Lp2pMplexHeader *header, guint8 out[LP2P_MPLEX_HEADER_MAX])
{
  guint flag = header->type * 2 - (header->type != LP2P_MPLEX_NEW_STREAM && !header->from_opener);
  gsize n = lp2p_varint_encode (header->stream_id << FLAG_BITS | flag, out);

  return n + lp2p_varint_encode (header->length, out + n);
}
