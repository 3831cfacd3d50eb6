/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-gater.h>

/**
 * Lp2pGater:
 *
 * An application's say in whom its host connects to. See [method@Host.set_gater].
 */
G_DEFINE_INTERFACE (Lp2pGater, lp2p_gater, G_TYPE_OBJECT)

static void
lp2p_gater_default_init (Lp2pGaterInterface *iface)
{
}

/**
 * lp2p_gater_allow_dial:
 * @self: a gater
 * @peer: (nullable): who is expected there
 * @address: what would be dialed
 *
 * Asks whether an address may be dialed.
 *
 * Returns: whether it may be
 */
gboolean
lp2p_gater_allow_dial (Lp2pGater *self, Lp2pPeerId *peer, Lp2pMultiaddr *address)
{
  Lp2pGaterInterface *iface = LP2P_GATER_GET_IFACE (self);

  return iface->allow_dial == NULL || iface->allow_dial (self, peer, address);
}

/**
 * lp2p_gater_allow_accept:
 * @self: a gater
 * @remote_address: where the connection comes from
 *
 * Asks whether an inbound connection may begin its handshake.
 *
 * Returns: whether its handshake may begin
 */
gboolean
lp2p_gater_allow_accept (Lp2pGater *self, Lp2pMultiaddr *remote_address)
{
  Lp2pGaterInterface *iface = LP2P_GATER_GET_IFACE (self);

  return iface->allow_accept == NULL || iface->allow_accept (self, remote_address);
}

/**
 * lp2p_gater_allow_peer:
 * @self: a gater
 * @peer: who it turned out to be
 * @remote_address: where
 * @direction: %LP2P_ROLE_INITIATOR where this host dialed
 *
 * Asks whether a connection may be used, now that the peer proved who it is.
 *
 * Returns: whether the connection may be used
 */
gboolean
lp2p_gater_allow_peer (Lp2pGater *self, Lp2pPeerId *peer, Lp2pMultiaddr *remote_address, Lp2pRole direction)
{
  Lp2pGaterInterface *iface = LP2P_GATER_GET_IFACE (self);

  return iface->allow_peer == NULL || iface->allow_peer (self, peer, remote_address, direction);
}
