/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

/* What the network is called that nothing is known of. */
#define LP2P_NETWORK_UNKNOWN "unknown"

/* A text that tells the network this machine is in from others: the same in the
 * same network, and silent about it. It is made of the interface and gateway of the
 * IPv4 default route: where private addresses repeat, there is one. */
char *lp2p_network_id_dup (void);
/* The same from what /proc/net/route holds. */
char *lp2p_network_id_from_routes (const char *routes);

G_END_DECLS
