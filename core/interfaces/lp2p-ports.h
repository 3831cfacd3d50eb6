/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-listener.h>

G_BEGIN_DECLS

/**
 * Lp2pPorts: (skip)
 *
 * The listeners of a transport, which belong to others. All zeros are none.
 */
typedef struct
{
  /*< private >*/
  GSList *listeners;
} Lp2pPorts;

LP2P_AVAILABLE_IN_1_0
void lp2p_ports_add (Lp2pPorts *self, Lp2pListener *listener);
LP2P_AVAILABLE_IN_1_0
Lp2pListener *lp2p_ports_find (Lp2pPorts *self, const char *socket_id);
LP2P_AVAILABLE_IN_1_0
void lp2p_ports_close (Lp2pPorts *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_ports_clear (Lp2pPorts *self);

G_END_DECLS
