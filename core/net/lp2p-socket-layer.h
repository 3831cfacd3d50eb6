/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-layer.h>

G_BEGIN_DECLS

/* A connected stream socket as a layer. The descriptor is owned. */
LP2P_AVAILABLE_IN_1_0
Lp2pLayer *lp2p_socket_layer_new (Lp2pLoop *loop, int fd, Lp2pMultiaddr *local_address, Lp2pMultiaddr *remote_address, GError **error);

G_END_DECLS
