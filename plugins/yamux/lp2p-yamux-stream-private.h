/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

#include "lp2p-yamux-window.h"

G_BEGIN_DECLS

typedef enum
{
  LP2P_YAMUX_SIDE_OPEN,
  LP2P_YAMUX_SIDE_ENDED,
  LP2P_YAMUX_SIDE_RESET,
} Lp2pYamuxSide;

/* What the next control frame of a stream says. */
typedef enum
{
  LP2P_YAMUX_PENDING_SYN = 1 << 0,
  LP2P_YAMUX_PENDING_ACK = 1 << 1,
  LP2P_YAMUX_PENDING_WINDOW = 1 << 2,
  LP2P_YAMUX_PENDING_FIN = 1 << 3,
  LP2P_YAMUX_PENDING_RST = 1 << 4,
} Lp2pYamuxPending;

/* @queue: what the peer sent and nobody read yet
 * @send_window: how many bytes the peer still allows
 * @remote_code: what the peer gave as the reason of its reset
 * @code: the reason that we give
 * @discarded: bytes that were dropped since nobody reads
 * @reserved: memory that was reserved for it
 * @error: (nullable): why a side is reset, %NULL if because of the session
 * @control_link: in the session's list of streams with control frames
 * @turn: in the line of those that wait to write; its link is first in the list
 *   of those that wait to be accepted
 * @unacknowledged: ours, and the peer has not accepted it
 * @blocked: a write was cut short since it was last announced that it can write
 * @discard: what comes is dropped
 * @released: the driver is done with it
 * @forgotten: nothing more is said or expected on this id */
typedef struct
{
  Lp2pMuxerStream parent;
  guint32 id;
  guint32 send_window;
  Lp2pYamuxWindow window;
  Lp2pByteQueue queue;
  guint32 remote_code;
  guint32 code;
  guint32 discarded;
  gsize reserved;
  GError *error;
  GList control_link;
  Lp2pMuxerTurn turn;

  guint8 pending;
  guint8 want;
  guint read_side : 2;
  guint write_side : 2;
  guint inbound : 1;
  guint accepted : 1;
  guint unacknowledged : 1;
  guint blocked : 1;
  guint discard : 1;
  guint released : 1;
  guint forgotten : 1;
} Lp2pYamuxStream;

G_END_DECLS
