/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-tls-credentials.h"

G_BEGIN_DECLS

/* Runs a handshake on @layer, which it takes, and ends @task, which it takes
 * too, with a Lp2pSecurityResult. @closing is triggered when the host closes. */
void lp2p_tls_handshake_start (Lp2pLayer *layer,
                               Lp2pTlsCredentials *credentials,
                               const Lp2pSecurityParams *params,
                               GCancellable *closing,
                               GTask *task);

G_END_DECLS
