/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/host/lp2p-kept-peer.h>

#include "host/lp2p-swarm-private.h"

/* Begins at once. @addresses: (nullable): besides those that are known of it */
Lp2pKeptPeer *lp2p_kept_peer_new (Lp2pSwarm *swarm, Lp2pPeerId *peer, GPtrArray *addresses);
