/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-discovery.h>

/**
 * Lp2pDiscovery:
 *
 * A way to learn of peers.
 */
G_DEFINE_INTERFACE (Lp2pDiscovery, lp2p_discovery, LP2P_TYPE_EXTENSION)

static guint found_signal;

static void
lp2p_discovery_default_init (Lp2pDiscoveryInterface *iface)
{
  /**
   * Lp2pDiscovery::found:
   * @self: the discovery
   * @peer: who was found
   * @addresses: (element-type Lp2pMultiaddr): where
   * @lifetime: for how many seconds, 0 when it has gone
   */
  found_signal = g_signal_new ("found", LP2P_TYPE_DISCOVERY, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                               G_TYPE_NONE, 3, LP2P_TYPE_PEER_ID, G_TYPE_PTR_ARRAY, G_TYPE_INT64);
}

/**
 * lp2p_discovery_found:
 * @self: a discovery
 * @peer: who was found
 * @addresses: (element-type Lp2pMultiaddr): where
 * @lifetime: for how many seconds, 0 when it has gone
 *
 * Tells the host. For implementations.
 */
void
lp2p_discovery_found (Lp2pDiscovery *self, Lp2pPeerId *peer, GPtrArray *addresses, gint64 lifetime)
{
  g_return_if_fail (LP2P_IS_DISCOVERY (self));
  g_signal_emit (self, found_signal, 0, peer, addresses, lifetime);
}
