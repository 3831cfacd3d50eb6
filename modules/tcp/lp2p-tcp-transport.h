/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

#define LP2P_TYPE_TCP_TRANSPORT (lp2p_tcp_transport_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pTcpTransport, lp2p_tcp_transport, LP2P, TCP_TRANSPORT, Lp2pExtension)

G_END_DECLS
