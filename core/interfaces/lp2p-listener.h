/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-loadable-types.h>
#include <lp2p/types/lp2p-multiaddr.h>

G_BEGIN_DECLS

#define LP2P_TYPE_LISTENER (lp2p_listener_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (Lp2pListener, lp2p_listener, LP2P, LISTENER, GObject)

/**
 * Lp2pListenerClass:
 * @close: stops listening; called once at most
 *
 * A place where a transport takes connections. What is advertised is each bound
 * address with each suffix behind it: the bound address ends where a NAT
 * mapping can replace it (`/ip4/.../udp/4001`), the suffix is the rest
 * (`/quic-v1/webtransport/certhash/...`). Both may come late and change.
 */
struct _Lp2pListenerClass
{
  GObjectClass parent_class;

  void (*close) (Lp2pListener *self);

  /*< private >*/
  gpointer padding[8];
};

LP2P_AVAILABLE_IN_1_0
const char *lp2p_listener_get_transport (Lp2pListener *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_listener_get_socket_id (Lp2pListener *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_listener_set_socket_id (Lp2pListener *self, const char *socket_id);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_listener_get_bound_addresses (Lp2pListener *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_listener_set_bound_addresses (Lp2pListener *self, GPtrArray *addresses);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_listener_get_suffixes (Lp2pListener *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_listener_set_suffixes (Lp2pListener *self, GPtrArray *suffixes);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_listener_dup_addresses (Lp2pListener *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_listener_close (Lp2pListener *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_listener_is_closed (Lp2pListener *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_listener_fail (Lp2pListener *self, const GError *error);

G_END_DECLS
