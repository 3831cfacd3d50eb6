/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-connection.h>

/* What peers see this host's sockets as. */
typedef struct _Lp2pObserved Lp2pObserved;

Lp2pObserved *lp2p_observed_new (void);
void lp2p_observed_free (Lp2pObserved *self);
/* Returns whether the address is a new one. */
gboolean lp2p_observed_add (Lp2pObserved *self, Lp2pConnection *connection, Lp2pMultiaddr *address);
void lp2p_observed_remove_connection (Lp2pObserved *self, Lp2pConnection *connection);
/* Of one socket, or of all where @socket_id is NULL; most seen first. */
GPtrArray *lp2p_observed_dup (Lp2pObserved *self, const char *socket_id);
