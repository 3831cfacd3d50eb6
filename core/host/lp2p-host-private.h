/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/host/lp2p-host.h>

#include "host/lp2p-swarm-private.h"

/* For tests: a host whose time is @clock's, which must outlive it. */
Lp2pHost *lp2p_host_new_with_clock (Lp2pConfig *config, Lp2pIdentity *identity, Lp2pClock *clock);
Lp2pSwarm *lp2p_host_get_swarm (Lp2pHost *self);
