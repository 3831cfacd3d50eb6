/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* Runs a handshake on @layer, which it takes, and ends @task, which it takes
 * too, with a Lp2pSecurityResult. Without a @static_key it makes one. @closing is triggered when the host closes. */
void lp2p_noise_handshake_start (Lp2pLayer *layer,
                                 Lp2pIdentity *identity,
                                 Lp2pNoiseStatic *static_key,
                                 const Lp2pSecurityParams *params,
                                 GCancellable *closing,
                                 GTask *task);

G_END_DECLS
