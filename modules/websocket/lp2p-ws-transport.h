/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* WebSocket, and what derives from it: WebSocket Secure. They are two transports, as
 * they are two in configuration files. */
#define LP2P_TYPE_WS_TRANSPORT (lp2p_ws_transport_get_type ())
G_DECLARE_DERIVABLE_TYPE (Lp2pWsTransport, lp2p_ws_transport, LP2P, WS_TRANSPORT, Lp2pExtension)

struct _Lp2pWsTransportClass
{
  Lp2pExtensionClass parent_class;

  gboolean secure;
};

#define LP2P_TYPE_WSS_TRANSPORT (lp2p_wss_transport_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pWssTransport, lp2p_wss_transport, LP2P, WSS_TRANSPORT, Lp2pWsTransport)

G_END_DECLS
