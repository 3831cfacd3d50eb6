/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Not part of <lp2p/lp2p-plugin.h>: only those that configure TLS sessions need
 * GnuTLS. */

#include <gnutls/gnutls.h>

#include <lp2p/codec/lp2p-tls-extension.h>

G_BEGIN_DECLS

LP2P_AVAILABLE_IN_1_0
char *lp2p_gnutls_get_priorities (void);
LP2P_AVAILABLE_IN_1_0
int lp2p_gnutls_credentials_new (Lp2pTlsCertificate *certificate, gnutls_certificate_credentials_t *credentials);

G_END_DECLS
