/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/codec/lp2p-multistream.h>
#include <lp2p/net/lp2p-layer.h>

G_BEGIN_DECLS

/* Negotiates a protocol on a layer. */
LP2P_AVAILABLE_IN_1_0
Lp2pLayer *lp2p_multistream_layer_new (Lp2pLayer *lower, const char *protocol);
LP2P_AVAILABLE_IN_1_0
const Lp2pMultistreamStatus *lp2p_multistream_layer_ref_status (Lp2pLayer *layer);
LP2P_AVAILABLE_IN_1_0
void lp2p_layer_negotiate_async (Lp2pLayer *layer, Lp2pMultistream *negotiation, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
char *lp2p_layer_negotiate_finish (GAsyncResult *result, GError **error);

G_END_DECLS
