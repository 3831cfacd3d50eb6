/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-service.h>

/**
 * Lp2pService:
 *
 * A protocol on top of connections.
 */
G_DEFINE_INTERFACE (Lp2pService, lp2p_service, LP2P_TYPE_EXTENSION)

static void
lp2p_service_default_init (Lp2pServiceInterface *iface)
{
}
