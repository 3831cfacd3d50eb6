/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-ws-address.h"
#include "lp2p-ws-trust.h"

G_BEGIN_DECLS

/*
 * transport: its name, interned
 * address: what is dialed; it belongs to the dial from then on
 * host_name: that it was resolved from, or NULL
 * flags: how the TCP connection is made
 * trust: NULL without TLS
 */
typedef struct
{
  const char *transport;
  Lp2pWsAddress address;
  const char *host_name;
  Lp2pTcpDialFlags flags;
  Lp2pWsTrust *trust;
} Lp2pWsDialParams;

/* Connects, makes the TLS handshake where there is one, and the opening handshake. The
 * task yields the Lp2pRawConnection. */
void lp2p_ws_dial_start (Lp2pTcpHub *hub,
                         Lp2pDialings *dialings,
                         Lp2pMultiaddr *address,
                         Lp2pWsDialParams *params,
                         GTask *task);

G_END_DECLS
