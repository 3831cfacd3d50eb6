/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

Lp2pLayer *lp2p_noise_layer_new (Lp2pLayer *lower, Lp2pNoiseCipher *send, Lp2pNoiseCipher *receive);
void lp2p_noise_layer_flush_soon (Lp2pLayer *layer);

G_END_DECLS
