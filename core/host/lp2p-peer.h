/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-peer-id.h>

G_BEGIN_DECLS

#define LP2P_TYPE_PEER (lp2p_peer_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (Lp2pPeer, lp2p_peer, LP2P, PEER, GObject)

LP2P_AVAILABLE_IN_1_0
Lp2pPeerId *lp2p_peer_get_peer_id (Lp2pPeer *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_peer_get_agent_version (Lp2pPeer *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_peer_get_protocol_version (Lp2pPeer *self);
LP2P_AVAILABLE_IN_1_0
const char *const *lp2p_peer_get_protocols (Lp2pPeer *self);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_peer_get_addresses (Lp2pPeer *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_peer_get_connected (Lp2pPeer *self);

G_END_DECLS
