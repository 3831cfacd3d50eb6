/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-connection.h>
#include <lp2p/net/lp2p-loop.h>
#include <lp2p/types/lp2p-config.h>

/* Closes connections that nobody needs once there are more than `connections-high`,
 * until `connections-low` are left. Never one that is younger than
 * `connection-grace`, that is held, or whose peer is protected. */
typedef struct _Lp2pConnectionManager Lp2pConnectionManager;

Lp2pConnectionManager *lp2p_connection_manager_new (Lp2pLoop *loop, Lp2pConfig *config);
void lp2p_connection_manager_free (Lp2pConnectionManager *self);

void lp2p_connection_manager_add (Lp2pConnectionManager *self, Lp2pConnection *connection);
void lp2p_connection_manager_remove (Lp2pConnectionManager *self, Lp2pConnection *connection);

/* Of the connections that peers made, the one that is needed least goes, also a young one.
 * (transfer none) (nullable): the one to close; %NULL where all are held or protected. */
Lp2pConnection *lp2p_connection_manager_take_inbound (Lp2pConnectionManager *self);

/* Tags are told apart, so that one holder does not end what another began. */
void lp2p_connection_manager_hold (Lp2pConnectionManager *self, Lp2pConnection *connection, const char *tag, gboolean hold);
void lp2p_connection_manager_protect (Lp2pConnectionManager *self, Lp2pPeerId *peer, const char *tag, gboolean protect);
gboolean lp2p_connection_manager_is_protected (Lp2pConnectionManager *self, Lp2pPeerId *peer);
