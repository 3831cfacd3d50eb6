/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* A port that is listened on. */
#define LP2P_TYPE_TCP_PORT (lp2p_tcp_port_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pTcpPort, lp2p_tcp_port, LP2P, TCP_PORT, Lp2pListener)

Lp2pTcpPort *lp2p_tcp_port_new (Lp2pContext *context, const char *transport, GSocketAddress *address, GError **error);

G_END_DECLS
