/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-yamux-frame.h"

#include <glib/gi18n-lib.h>

#define VERSION 0

static gboolean
check_session_frame (const Lp2pYamuxHeader *header, GError **error)
{
  const char *name = header->type == LP2P_YAMUX_PING ? "ping" : "go-away";
  guint16 direction = header->flags & (LP2P_YAMUX_SYN | LP2P_YAMUX_ACK);

  if (header->stream_id != 0)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                   _("yamux: a %s frame names stream %u; it belongs to the session, id 0"), name,
                   header->stream_id);
      return FALSE;
    }
  if (header->type == LP2P_YAMUX_PING && direction != LP2P_YAMUX_SYN && direction != LP2P_YAMUX_ACK)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                   _("yamux: a ping has flags 0x%x; either SYN or ACK was expected"), header->flags);
      return FALSE;
    }
  return TRUE;
}

/* Reads a header and checks what can be told without knowing the session.
 * Unknown flags are ignored, as go and rust do. */
gboolean
lp2p_yamux_header_decode (const guint8 data[LP2P_YAMUX_HEADER_SIZE],
                          Lp2pYamuxHeader *header,
                          GError **error)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, LP2P_YAMUX_HEADER_SIZE);
  guint8 version = 0;
  guint8 type = 0;

  lp2p_cursor_read_u8 (&cursor, &version);
  lp2p_cursor_read_u8 (&cursor, &type);
  lp2p_cursor_read_u16be (&cursor, &header->flags);
  lp2p_cursor_read_u32be (&cursor, &header->stream_id);
  lp2p_cursor_read_u32be (&cursor, &header->length);
  header->type = type;

  if (version != VERSION)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                   _("yamux: a frame has version %u; %u was expected"), version, VERSION);
      return FALSE;
    }
  if (type > LP2P_YAMUX_GO_AWAY)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                   _("yamux: a frame has type %u; 0 to %u were expected"), type, LP2P_YAMUX_GO_AWAY);
      return FALSE;
    }
  if (type == LP2P_YAMUX_PING || type == LP2P_YAMUX_GO_AWAY)
    return check_session_frame (header, error);
  if (header->stream_id == 0)
    {
      g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                           type == LP2P_YAMUX_DATA
                               ? _("yamux: a data frame names stream 0, which is the session")
                               : _("yamux: a window update frame names stream 0, which is the session"));
      return FALSE;
    }
  return TRUE;
}

static void
put_u32 (guint8 *out, guint32 value)
{
  out[0] = value >> 24;
  out[1] = (value >> 16) & 0xff;
  out[2] = (value >> 8) & 0xff;
  out[3] = value & 0xff;
}

void
lp2p_yamux_header_encode (const Lp2pYamuxHeader *header, guint8 out[LP2P_YAMUX_HEADER_SIZE])
{
  out[0] = VERSION;
  out[1] = header->type;
  out[2] = header->flags >> 8;
  out[3] = header->flags & 0xff;
  put_u32 (out + 4, header->stream_id);
  put_u32 (out + 8, header->length);
}
