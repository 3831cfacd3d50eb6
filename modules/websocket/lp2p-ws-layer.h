/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* The stream of bytes inside a WebSocket: a layer on a layer, behind the opening
 * handshake. It takes @lower. */
Lp2pLayer *lp2p_ws_layer_new (Lp2pLayer *lower, Lp2pRole role, const guint8 *early, gsize n_early);

G_END_DECLS
