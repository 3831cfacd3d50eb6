/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-loadable-types.h>
#include <lp2p/types/lp2p-multiaddr.h>
#include <lp2p/types/lp2p-peer-id.h>

G_BEGIN_DECLS

#define LP2P_DISCOVERY_EXTENSION_POINT "lp2p-discovery"

#define LP2P_TYPE_DISCOVERY (lp2p_discovery_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE (Lp2pDiscovery, lp2p_discovery, LP2P, DISCOVERY, Lp2pExtension)

/**
 * Lp2pDiscoveryInterface:
 *
 * A way to learn of peers. What is found is told through
 * [method@Discovery.found].
 */
struct _Lp2pDiscoveryInterface
{
  GTypeInterface parent_iface;

  /*< private >*/
  gpointer padding[8];
};

LP2P_AVAILABLE_IN_1_0
void lp2p_discovery_found (Lp2pDiscovery *self, Lp2pPeerId *peer, GPtrArray *addresses, gint64 lifetime);

G_END_DECLS
