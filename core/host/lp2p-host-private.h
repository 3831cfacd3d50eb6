/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/host/lp2p-host.h>

#include "host/lp2p-swarm-private.h"

/* For tests, which is why these two are exported: a host whose time is @clock's,
 * which must outlive it, and what is behind a host. */
LP2P_AVAILABLE_IN_1_0
Lp2pHost *lp2p_host_new_with_clock (Lp2pConfig *config, Lp2pIdentity *identity, Lp2pClock *clock);
LP2P_AVAILABLE_IN_1_0
Lp2pSwarm *lp2p_host_get_swarm (Lp2pHost *self);

/* Ends the task with an error where the caller is not in the thread of the host. */
gboolean lp2p_host_check_thread (Lp2pHost *self, GTask *task);
