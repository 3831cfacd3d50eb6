/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-interfaces-types.h>
#include <lp2p/types/lp2p-multiaddr.h>
#include <lp2p/types/lp2p-peer-id.h>

G_BEGIN_DECLS

#define LP2P_TYPE_GATER (lp2p_gater_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE (Lp2pGater, lp2p_gater, LP2P, GATER, GObject)

/**
 * Lp2pGaterInterface:
 * @allow_dial: (nullable): whether an address may be dialed
 * @allow_accept: (nullable): whether an inbound connection may begin its handshake
 * @allow_peer: (nullable): whether a connection may be used, now that the peer
 *   proved who it is
 *
 * Decides with whom a host has to do. What is absent allows everything. It must
 * decide at once, and may not call the host.
 */
struct _Lp2pGaterInterface
{
  GTypeInterface parent_iface;

  gboolean (*allow_dial) (Lp2pGater *self, Lp2pPeerId *peer, Lp2pMultiaddr *address);
  gboolean (*allow_accept) (Lp2pGater *self, Lp2pMultiaddr *remote_address);
  gboolean (*allow_peer) (Lp2pGater *self, Lp2pPeerId *peer, Lp2pMultiaddr *remote_address, Lp2pRole direction);

  /*< private >*/
  gpointer padding[8];
};

LP2P_AVAILABLE_IN_1_0
gboolean lp2p_gater_allow_dial (Lp2pGater *self, Lp2pPeerId *peer, Lp2pMultiaddr *address);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_gater_allow_accept (Lp2pGater *self, Lp2pMultiaddr *remote_address);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_gater_allow_peer (Lp2pGater *self, Lp2pPeerId *peer, Lp2pMultiaddr *remote_address, Lp2pRole direction);

G_END_DECLS
