/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-loadable-types.h>
#include <lp2p/net/lp2p-layer.h>
#include <lp2p/types/lp2p-multiaddr.h>
#include <lp2p/types/lp2p-peer-id.h>
#include <lp2p/types/lp2p-public-key.h>

G_BEGIN_DECLS

/**
 * Lp2pRawConnection:
 * @layer: (nullable) (owned): the byte stream, where security and muxer are
 *   still to come
 * @session: (nullable) (owned): the session, where the transport has security
 *   and streams of its own
 * @transport: name of the transport, interned
 * @security: (nullable): name of the security protocol, interned, once known
 * @muxer: (nullable): name of the muxer, interned, once known; `native` where
 *   the transport multiplexes
 * @transport_role: who dialed on the transport
 * @security_role: who is the security initiator
 * @muxer_role: which parity of stream ids is ours
 * @local_address: (nullable) (owned): our end, without peer id
 * @remote_address: (owned): the peer's end, without peer id
 * @remote_peer: (nullable) (owned): verified peer, once known
 * @remote_key: (nullable) (owned): its public key, once known
 * @socket_id: (nullable) (owned): the local socket; connections and listeners with an
 *   equal one share a NAT mapping
 * @limited: metered by a relay: only streams that allow it are opened
 *
 * What a transport hands over, outbound and inbound. Exactly one of @layer and
 * @session is set.
 */
struct _Lp2pRawConnection
{
  Lp2pLayer *layer;
  Lp2pMuxerSession *session;
  const char *transport;
  const char *security;
  const char *muxer;
  Lp2pRole transport_role;
  Lp2pRole security_role;
  Lp2pRole muxer_role;
  Lp2pMultiaddr *local_address;
  Lp2pMultiaddr *remote_address;
  Lp2pPeerId *remote_peer;
  Lp2pPublicKey *remote_key;
  char *socket_id;
  gboolean limited;
  /*< private >*/
  gpointer padding[4];
};

LP2P_AVAILABLE_IN_1_0
Lp2pRawConnection *lp2p_raw_connection_new_layer (Lp2pLayer *layer, const char *transport, Lp2pRole role);
LP2P_AVAILABLE_IN_1_0
Lp2pRawConnection *lp2p_raw_connection_new_session (Lp2pMuxerSession *session, const char *transport, Lp2pRole role);
LP2P_AVAILABLE_IN_1_0
void lp2p_raw_connection_free (Lp2pRawConnection *self);
LP2P_AVAILABLE_IN_1_0
Lp2pLayer *lp2p_raw_connection_steal_layer (Lp2pRawConnection *self);
LP2P_AVAILABLE_IN_1_0
Lp2pMuxerSession *lp2p_raw_connection_steal_session (Lp2pRawConnection *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pRawConnection, lp2p_raw_connection_free)

G_END_DECLS
