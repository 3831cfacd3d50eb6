/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* The frame header of yamux: sans-IO, no state. */

#define LP2P_YAMUX_HEADER_SIZE 12

typedef enum
{
  LP2P_YAMUX_DATA = 0,
  LP2P_YAMUX_WINDOW_UPDATE = 1,
  LP2P_YAMUX_PING = 2,
  LP2P_YAMUX_GO_AWAY = 3,
} Lp2pYamuxType;

typedef enum
{
  LP2P_YAMUX_SYN = 1 << 0,
  LP2P_YAMUX_ACK = 1 << 1,
  LP2P_YAMUX_FIN = 1 << 2,
  LP2P_YAMUX_RST = 1 << 3,
} Lp2pYamuxFlags;

/* What a session that ends says; go sends other codes too. */
typedef enum
{
  LP2P_YAMUX_NORMAL = 0,
  LP2P_YAMUX_PROTOCOL_ERROR = 1,
  LP2P_YAMUX_INTERNAL_ERROR = 2,
} Lp2pYamuxGoAway;

/* @length is, by type: bytes that follow; growth of the window, or with RST the
 * code; an opaque value that the answer repeats; the code. */
typedef struct
{
  Lp2pYamuxType type;
  guint16 flags;
  guint32 stream_id;
  guint32 length;
} Lp2pYamuxHeader;

gboolean lp2p_yamux_header_decode (const guint8 data[LP2P_YAMUX_HEADER_SIZE],
                                   Lp2pYamuxHeader *header,
                                   GError **error);
void lp2p_yamux_header_encode (const Lp2pYamuxHeader *header, guint8 out[LP2P_YAMUX_HEADER_SIZE]);

G_END_DECLS
