/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-loop.h>
#include <lp2p/types/lp2p-multiaddr.h>

G_BEGIN_DECLS

/* GIO has ten threads for all of a process, and a name server that is silent keeps
 * one for as long as the system's resolver wants to wait, whoever has given up until
 * then. That many at a time are of one host, and of one address. */
#define LP2P_RESOLVER_MAX_LOOKUPS  8
#define LP2P_RESOLVER_MAX_PARALLEL 4

/* A system asks each name server twice, for five seconds each, where nobody told it
 * otherwise: whoever is silent for longer does not answer any more. */
#define LP2P_RESOLVER_TIMEOUT_US (10 * G_USEC_PER_SEC)

/* Turns addresses with names into addresses that transports can dial. */
#define LP2P_TYPE_RESOLVER (lp2p_resolver_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pResolver, lp2p_resolver, LP2P, RESOLVER, GObject)

Lp2pResolver *lp2p_resolver_new (Lp2pLoop *loop);
void lp2p_resolver_close (Lp2pResolver *self);
void lp2p_resolver_resolve_async (Lp2pResolver *self, Lp2pMultiaddr *address, guint *budget, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
GPtrArray *lp2p_resolver_resolve_finish (Lp2pResolver *self, GAsyncResult *result, GPtrArray **host_names, GError **error);

G_END_DECLS
