/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-multiaddr.h>

#include <netinet/in.h>
#include <sys/socket.h>

G_BEGIN_DECLS

/* Socket addresses of both IP versions, as the kernel has them. */

gboolean lp2p_sockaddr_init (struct sockaddr_storage *self, GSocketAddress *address, GError **error);
socklen_t lp2p_sockaddr_get_size (const struct sockaddr *self);
guint16 lp2p_sockaddr_get_port (const struct sockaddr *self);
void lp2p_sockaddr_set_port (struct sockaddr_storage *self, guint16 port);

gboolean lp2p_sockaddr_equal (const struct sockaddr *a, const struct sockaddr *b);
gboolean lp2p_sockaddr_same_host (const struct sockaddr *a, const struct sockaddr *b);
guint lp2p_sockaddr_hash (const struct sockaddr *self);

gboolean lp2p_sockaddr_is_wildcard (const struct sockaddr *self);
gboolean lp2p_sockaddr_is_loopback (const struct sockaddr *self);

gboolean lp2p_sockaddr_route (const struct sockaddr *remote, struct sockaddr_storage *local);
guint lp2p_sockaddr_get_mtu (const struct sockaddr *remote);
gboolean lp2p_sockaddr_is_on_link (const struct sockaddr *remote);

Lp2pMultiaddr *lp2p_sockaddr_to_multiaddr (const struct sockaddr *self, Lp2pProtocol transport);
GPtrArray *lp2p_sockaddr_list_bound (const struct sockaddr *self, Lp2pProtocol transport);
gboolean lp2p_multiaddr_arrays_equal (GPtrArray *a, GPtrArray *b);

G_END_DECLS
