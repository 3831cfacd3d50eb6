/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include <lp2p/net/lp2p-layer.h>

G_BEGIN_DECLS

/* A layer for code that wants a GIOStream. */
LP2P_AVAILABLE_IN_1_0
GIOStream *lp2p_layer_to_io_stream (Lp2pLayer *layer);
LP2P_AVAILABLE_IN_1_0
void lp2p_layer_io_stream_limit_input (GIOStream *stream, gsize size);
LP2P_AVAILABLE_IN_1_0
Lp2pLayer *lp2p_layer_steal_from_io_stream (GIOStream *stream);

G_END_DECLS
