/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include <lp2p/net/lp2p-layer.h>

G_BEGIN_DECLS

/* A GIOStream, as GLib's networking and other libraries have them, as a layer. */
LP2P_AVAILABLE_IN_1_0
Lp2pLayer *lp2p_io_stream_layer_new (Lp2pLoop *loop, GIOStream *stream, GError **error);

G_END_DECLS
