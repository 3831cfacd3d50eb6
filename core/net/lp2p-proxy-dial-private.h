/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "net/lp2p-tcp-hub-private.h"

G_BEGIN_DECLS

/* The search of one dial for a way through a proxy. */
typedef struct _Lp2pProxyDial Lp2pProxyDial;

/*
 * Lp2pProxyDialFunc:
 * @stream: (nullable): the connection with the peer, through a proxy
 * @error: (nullable) (transfer full): why there is no way at all
 * @user_data: as given
 *
 * With neither, the address is to be dialed directly.
 */
typedef void (*Lp2pProxyDialFunc) (GIOStream *stream, GError *error, gpointer user_data);

Lp2pProxyDial *lp2p_proxy_dial_start (Lp2pTcpHub *hub, const char *host_name, const struct sockaddr *address, Lp2pProxyDialFunc func, gpointer user_data);
Lp2pProxyDial *lp2p_proxy_dial_start_name (Lp2pTcpHub *hub, Lp2pMultiaddr *address, Lp2pProxyDialFunc func, gpointer user_data);
char *lp2p_proxy_dial_dup_current (Lp2pProxyDial *self);
void lp2p_proxy_dial_failed (Lp2pProxyDial *self, GError *error);
void lp2p_proxy_dial_stop (Lp2pProxyDial *self);

/* Of an address that begins with a name and a TCP port. */
void lp2p_tcp_hub_takes_name_async (Lp2pTcpHub *hub, Lp2pMultiaddr *address, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
gboolean lp2p_tcp_hub_takes_name_finish (Lp2pTcpHub *hub, GAsyncResult *result);

G_END_DECLS
