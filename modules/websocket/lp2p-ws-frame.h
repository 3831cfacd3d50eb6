/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* Frames of WebSocket as libp2p uses them: a stream of bytes in binary frames,
 * whose borders mean nothing. Sans-IO, without allocations; see RFC 6455. */

/* Header of a frame at its longest: with a 64-bit length and a mask. */
#define LP2P_WS_MAX_HEADER 14
/* Payload of a ping, pong or close. */
#define LP2P_WS_MAX_CONTROL 125
#define LP2P_WS_MASK_SIZE 4
/* A whole one, as it is sent. */
#define LP2P_WS_MAX_CONTROL_FRAME (2 + LP2P_WS_MASK_SIZE + LP2P_WS_MAX_CONTROL)
/* What a reason of a close may have beside the code. */
#define LP2P_WS_MAX_REASON (LP2P_WS_MAX_CONTROL - 2)

typedef enum
{
  LP2P_WS_CONTINUATION = 0x0,
  LP2P_WS_TEXT = 0x1,
  LP2P_WS_BINARY = 0x2,
  LP2P_WS_CLOSE = 0x8,
  LP2P_WS_PING = 0x9,
  LP2P_WS_PONG = 0xa,
} Lp2pWsOpcode;

typedef enum
{
  LP2P_WS_NORMAL = 1000,
  LP2P_WS_GOING_AWAY = 1001,
  LP2P_WS_PROTOCOL_ERROR = 1002,
  LP2P_WS_UNSUPPORTED = 1003,
  LP2P_WS_NO_CODE = 1005, /* never sent: a close without a code */
  LP2P_WS_INVALID_DATA = 1007,
  LP2P_WS_POLICY = 1008,
  LP2P_WS_TOO_BIG = 1009,
  LP2P_WS_INTERNAL_ERROR = 1011,
} Lp2pWsCode;

/* Whose frames a parser reads: those of a client are masked, others never. */
typedef enum
{
  LP2P_WS_FROM_CLIENT,
  LP2P_WS_FROM_SERVER,
} Lp2pWsSender;

typedef enum
{
  LP2P_WS_EVENT_NONE,  /* all of the input is used up */
  LP2P_WS_EVENT_DATA,  /* payload of a data frame comes next: payload_left bytes */
  LP2P_WS_EVENT_PING,  /* control and control_size are what the pong repeats */
  LP2P_WS_EVENT_PONG,  /* control and control_size are what it repeats */
  LP2P_WS_EVENT_CLOSE, /* close_code and reason; whatever follows is dropped */
  LP2P_WS_EVENT_ERROR, /* close_code is what to tell the peer, the error what to tell people */
} Lp2pWsEvent;

/* All fields may be read, none written. */
typedef struct
{
  /* Of the data frame whose payload comes next, 0 between frames. */
  guint64 payload_left;

  /* Of the last close, or for the peer after an error; 0 before. */
  guint16 close_code;

  /* Payload of the last control frame, unmasked and with a NUL behind it. */
  guint8 control[LP2P_WS_MAX_CONTROL + 1];
  guint8 control_size;

  /*< private >*/
  guint8 state;
  guint8 header[LP2P_WS_MAX_HEADER];
  guint8 header_size;
  guint8 control_left;
  guint8 mask[LP2P_WS_MASK_SIZE];
  guint8 mask_offset;
  guint16 n_empty;
  guint from_client : 1;
  guint in_message : 1;
} Lp2pWsParser;

void lp2p_ws_parser_init (Lp2pWsParser *self, Lp2pWsSender sender);
Lp2pWsEvent lp2p_ws_parser_input (Lp2pWsParser *self, const guint8 *bytes, gsize size, gsize *used, GError **error);
void lp2p_ws_parser_take (Lp2pWsParser *self, guint8 *dest, const guint8 *payload, gsize size);
const char *lp2p_ws_parser_get_reason (const Lp2pWsParser *self);

gboolean lp2p_ws_code_is_valid (guint code);

void lp2p_ws_mask (guint8 *dest,
                   const guint8 *src,
                   gsize size,
                   const guint8 mask[LP2P_WS_MASK_SIZE],
                   gsize offset);
gsize lp2p_ws_write_header (guint8 out[LP2P_WS_MAX_HEADER],
                            Lp2pWsOpcode opcode,
                            guint64 size,
                            const guint8 *mask);
gsize lp2p_ws_write_control (guint8 out[LP2P_WS_MAX_CONTROL_FRAME],
                             Lp2pWsOpcode opcode,
                             const guint8 *payload,
                             gsize size,
                             const guint8 *mask);
gsize lp2p_ws_write_close (guint8 out[LP2P_WS_MAX_CONTROL_FRAME],
                           guint16 code,
                           const char *reason,
                           const guint8 *mask);

G_END_DECLS
