/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-ws-address.h"
#include "lp2p-ws-certificate.h"
#include "lp2p-ws-server.h"

G_BEGIN_DECLS

/* A port that is listened on, for WebSocket or for WebSocket Secure. */
#define LP2P_TYPE_WS_PORT (lp2p_ws_port_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pWsPort, lp2p_ws_port, LP2P, WS_PORT, Lp2pTcpPort)

/*
 * timeout: microseconds until a connection has to be a WebSocket
 * trusted_proxies: (element-type GInetAddressMask): whose word is taken for who the
 *   client is
 */
typedef struct
{
  gint64 timeout;
  GPtrArray *trusted_proxies;
} Lp2pWsPortOptions;

/* @options and @server have to stay as long as the port is open. Takes
 * @certificate, which is NULL where @address is not secure. */
Lp2pWsPort *lp2p_ws_port_new (Lp2pContext *context,
                              const char *transport,
                              Lp2pMultiaddr *address,
                              Lp2pWsServer *server,
                              Lp2pWsCertificate *certificate,
                              const Lp2pWsPortOptions *options,
                              GError **error);

G_END_DECLS
