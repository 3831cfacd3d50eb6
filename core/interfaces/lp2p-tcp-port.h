/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-context.h>
#include <lp2p/interfaces/lp2p-listener.h>

G_BEGIN_DECLS

#define LP2P_TYPE_TCP_PORT (lp2p_tcp_port_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (Lp2pTcpPort, lp2p_tcp_port, LP2P, TCP_PORT, Lp2pListener)

/**
 * Lp2pTcpPortClass: (skip)
 * @accepted: takes a connection. The one of this class asks the host for it, and offers
 *   it; who has to make something of it before that has lp2p_context_begin_handshake()
 *   for the time until it chains up
 *
 * A TCP port of a transport, which may share it with others.
 */
struct _Lp2pTcpPortClass
{
  Lp2pListenerClass parent_class;

  void (*accepted) (Lp2pTcpPort *self, Lp2pLayer *layer, Lp2pMultiaddr *local_address, Lp2pMultiaddr *remote_address);

  /*< private >*/
  gpointer padding[4];
};

LP2P_AVAILABLE_IN_1_0
Lp2pListener *lp2p_tcp_port_new (Lp2pContext *context, const char *transport, GSocketAddress *address, GError **error);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_tcp_port_bind (Lp2pTcpPort *self, Lp2pContext *context, GSocketAddress *address, Lp2pTcpSniffFunc sniff, GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pContext *lp2p_tcp_port_get_context (Lp2pTcpPort *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_tcp_port_offer (Lp2pTcpPort *self, Lp2pLayer *layer, Lp2pMultiaddr *local_address, Lp2pMultiaddr *remote_address);

G_END_DECLS
