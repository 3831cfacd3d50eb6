/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "modules/quic-engine/lp2p-quic-engine.h"

#include "lp2p-quic-credentials.h"

G_BEGIN_DECLS

/* What follows `/udp/N` in an address. */
#define LP2P_QUIC_SUFFIX "/quic-v1"

#define LP2P_TYPE_QUIC_TRANSPORT (lp2p_quic_transport_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pQuicTransport, lp2p_quic_transport, LP2P, QUIC_TRANSPORT, Lp2pExtension)

/* A connection as the host gets it. Takes the connection. */
Lp2pRawConnection *lp2p_quic_make_raw (Lp2pQuicConnection *connection, const char *transport, Lp2pRole role);

G_END_DECLS
