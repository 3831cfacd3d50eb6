/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "modules/quic-engine/lp2p-quic-engine.h"

G_BEGIN_DECLS

/* A UDP port on which connections are accepted. */
#define LP2P_TYPE_QUIC_PORT (lp2p_quic_port_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pQuicPort, lp2p_quic_port, LP2P, QUIC_PORT, Lp2pListener)

Lp2pQuicPort *lp2p_quic_port_new (Lp2pContext *context,
                                  Lp2pQuicEngine *engine,
                                  const Lp2pQuicProtocol *protocol,
                                  GSocketAddress *address,
                                  GError **error);

G_END_DECLS
