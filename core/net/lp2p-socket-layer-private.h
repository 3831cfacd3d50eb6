/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-socket-layer.h>

G_BEGIN_DECLS

void lp2p_socket_layer_set_connecting (Lp2pLayer *layer);

G_END_DECLS
