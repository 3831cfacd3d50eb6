/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-layer.h>

G_BEGIN_DECLS

#define LP2P_TYPE_TCP_HUB (lp2p_tcp_hub_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (Lp2pTcpHub, lp2p_tcp_hub, LP2P, TCP_HUB, GObject)

/**
 * LP2P_SNIFF_SIZE:
 *
 * How many first bytes of an accepted connection a sniffer is shown at most.
 */
#define LP2P_SNIFF_SIZE 8

/**
 * Lp2pSniffResult:
 * @LP2P_SNIFF_NO: not mine
 * @LP2P_SNIFF_YES: mine
 * @LP2P_SNIFF_MORE: cannot tell yet: show me more bytes
 */
typedef enum
{
  LP2P_SNIFF_NO,
  LP2P_SNIFF_YES,
  LP2P_SNIFF_MORE,
} Lp2pSniffResult;

typedef struct _Lp2pTcpBinding Lp2pTcpBinding;

/**
 * Lp2pTcpSniffFunc:
 * @data: the first bytes of a connection, up to %LP2P_SNIFF_SIZE, which stay in it
 * @size: how many
 * @user_data: that of the acceptor
 *
 * Tells whose a connection is.
 *
 * Returns: what is known by now
 */
typedef Lp2pSniffResult (*Lp2pTcpSniffFunc) (const guint8 *data, gsize size, gpointer user_data);

/**
 * Lp2pTcpAcceptor:
 * @sniff: (nullable): looks at the first bytes; %NULL takes what nobody else wants
 * @accepted: (transfer full for @layer): a connection
 * @addresses_changed: (nullable): an interface came or went under a wildcard
 * @failed: (nullable): the socket is lost
 *
 * Who takes connections on a shared TCP port.
 */
typedef struct
{
  Lp2pTcpSniffFunc sniff;
  void (*accepted) (Lp2pLayer *layer, Lp2pMultiaddr *local_address, Lp2pMultiaddr *remote_address, const char *socket_id, gpointer user_data);
  void (*addresses_changed) (Lp2pTcpBinding *binding, gpointer user_data);
  void (*failed) (Lp2pTcpBinding *binding, const GError *error, gpointer user_data);
  gpointer padding[4];
} Lp2pTcpAcceptor;

/**
 * Lp2pTcpOptions:
 * @keepalive: seconds without a sign of the peer after which it is probed, 0
 *   for never
 * @user_timeout: seconds for which sent bytes may stay unacknowledged before
 *   the connection counts as lost, 0 for the default of the system
 * @accept_fast_open: whether listeners take bytes that ride on a SYN
 *
 * Options of TCP sockets.
 */
typedef struct
{
  guint keepalive;
  guint user_timeout;
  gboolean accept_fast_open;
  /*< private >*/
  gpointer padding[4];
} Lp2pTcpOptions;

#define LP2P_TCP_OPTIONS_INIT { .keepalive = 60, .user_timeout = 60, .accept_fast_open = TRUE }

LP2P_AVAILABLE_IN_1_0
Lp2pTcpHub *lp2p_tcp_hub_new (Lp2pLoop *loop);
LP2P_AVAILABLE_IN_1_0
void lp2p_tcp_hub_set_options (Lp2pTcpHub *self, const Lp2pTcpOptions *options);
LP2P_AVAILABLE_IN_1_0
void lp2p_tcp_hub_set_proxy_resolver (Lp2pTcpHub *self, GProxyResolver *resolver);
LP2P_AVAILABLE_IN_1_0
void lp2p_tcp_hub_close (Lp2pTcpHub *self);
LP2P_AVAILABLE_IN_1_0
Lp2pTcpBinding *lp2p_tcp_hub_listen (Lp2pTcpHub *self, GSocketAddress *address, const Lp2pTcpAcceptor *acceptor, gpointer user_data, GError **error);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_tcp_binding_get_addresses (Lp2pTcpBinding *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_tcp_binding_get_socket_id (Lp2pTcpBinding *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_tcp_binding_close (Lp2pTcpBinding *self);

/**
 * Lp2pTcpDialFlags:
 * @LP2P_TCP_REUSE_PORT: dial from a port that is listened on, if there is one of
 *   that family
 * @LP2P_TCP_FAST_OPEN: the first bytes may ride on the SYN
 */
typedef enum
{
  LP2P_TCP_DIAL_NONE = 0,
  LP2P_TCP_REUSE_PORT = 1 << 0,
  LP2P_TCP_FAST_OPEN = 1 << 1,
} Lp2pTcpDialFlags;

/**
 * LP2P_SOCKET_ID_PROXY:
 *
 * The socket id of connections that a proxy made: what their peers see is not an
 * address of this machine.
 */
#define LP2P_SOCKET_ID_PROXY "proxy"

LP2P_AVAILABLE_IN_1_0
void lp2p_tcp_hub_dial_async (Lp2pTcpHub *self, Lp2pMultiaddr *address, const char *host_name, Lp2pTcpDialFlags flags, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
Lp2pLayer *lp2p_tcp_hub_dial_finish (Lp2pTcpHub *self, GAsyncResult *result, Lp2pMultiaddr **local_address, char **socket_id, GError **error);

G_END_DECLS
