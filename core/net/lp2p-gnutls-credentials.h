/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Not part of <lp2p/lp2p-plugin.h>: only those that configure TLS sessions need
 * GnuTLS. */

#include <gnutls/gnutls.h>

#include <lp2p/codec/lp2p-tls-extension.h>

G_BEGIN_DECLS

/**
 * Lp2pGnutlsFlags: (skip)
 * @LP2P_GNUTLS_NONE: nothing special
 * @LP2P_GNUTLS_MIDDLEBOXES: look like TLS 1.2 to who is in between, as RFC 8446 appendix
 *   D.4 has it
 *
 * How sessions are to be.
 */
typedef enum
{
  LP2P_GNUTLS_NONE = 0,
  LP2P_GNUTLS_MIDDLEBOXES = 1 << 0,
} Lp2pGnutlsFlags;

/**
 * LP2P_GNUTLS_MAX_HANDSHAKE: (skip)
 *
 * How many bytes of a handshake a peer may send. GnuTLS has the same limit for its
 * messages, but looks at it only when one is complete, which may be 16 MiB.
 */
#define LP2P_GNUTLS_MAX_HANDSHAKE (128 * 1024)

LP2P_AVAILABLE_IN_1_0
char *lp2p_gnutls_get_priorities (Lp2pGnutlsFlags flags);
LP2P_AVAILABLE_IN_1_0
int lp2p_gnutls_credentials_new (Lp2pTlsCertificate *certificate, gnutls_certificate_credentials_t *credentials);
LP2P_AVAILABLE_IN_1_0
int lp2p_gnutls_check_message (unsigned type, unsigned incoming, const gnutls_datum_t *message, gboolean chain, GError **error);

G_END_DECLS
