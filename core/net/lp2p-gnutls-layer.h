/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Not part of <lp2p/lp2p-plugin.h>: only those that configure TLS sessions need
 * GnuTLS. */

#include <gnutls/gnutls.h>

#include <lp2p/net/lp2p-layer.h>

G_BEGIN_DECLS

LP2P_AVAILABLE_IN_1_0
Lp2pLayer *lp2p_gnutls_layer_new (Lp2pLayer *lower, gnutls_session_t session);
LP2P_AVAILABLE_IN_1_0
void lp2p_gnutls_layer_set_require_close_notify (Lp2pLayer *layer, gboolean require);
LP2P_AVAILABLE_IN_1_0
int lp2p_gnutls_layer_handshake (Lp2pLayer *layer);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_gnutls_layer_get_same_role (Lp2pLayer *layer);
LP2P_AVAILABLE_IN_1_0
gnutls_session_t lp2p_gnutls_layer_steal_session (Lp2pLayer *layer);

G_END_DECLS
