/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/codec/lp2p-noise.h>

G_BEGIN_DECLS

/* Tests make a handshake repeatable with this; nothing else may call it. */
gboolean lp2p_noise_set_ephemeral_key (Lp2pNoise *self,
                                       const guint8 private_key[32],
                                       GError **error);

G_END_DECLS
