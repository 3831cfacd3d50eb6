/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-macros.h>
#include <lp2p/types/lp2p-peer-id.h>

G_BEGIN_DECLS

/**
 * Lp2pKeptPeerState:
 * @LP2P_KEPT_PEER_CONNECTING: an attempt to connect is under way
 * @LP2P_KEPT_PEER_CONNECTED: there is a connection
 * @LP2P_KEPT_PEER_WAITING: the last attempt failed, or its connection was lost at once;
 *   the next one will come
 * @LP2P_KEPT_PEER_RELEASED: nothing is done any more
 *
 * How it goes to stay connected to a peer.
 */
typedef enum
{
  LP2P_KEPT_PEER_CONNECTING,
  LP2P_KEPT_PEER_CONNECTED,
  LP2P_KEPT_PEER_WAITING,
  LP2P_KEPT_PEER_RELEASED,
} Lp2pKeptPeerState;

#define LP2P_TYPE_KEPT_PEER (lp2p_kept_peer_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (Lp2pKeptPeer, lp2p_kept_peer, LP2P, KEPT_PEER, GObject)

LP2P_AVAILABLE_IN_1_0
Lp2pPeerId *lp2p_kept_peer_get_peer_id (Lp2pKeptPeer *self);
LP2P_AVAILABLE_IN_1_0
Lp2pKeptPeerState lp2p_kept_peer_get_state (Lp2pKeptPeer *self);
LP2P_AVAILABLE_IN_1_0
gint64 lp2p_kept_peer_get_retry_delay (Lp2pKeptPeer *self);
LP2P_AVAILABLE_IN_1_0
const GError *lp2p_kept_peer_get_error (Lp2pKeptPeer *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_kept_peer_retry (Lp2pKeptPeer *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_kept_peer_release (Lp2pKeptPeer *self);

G_END_DECLS
