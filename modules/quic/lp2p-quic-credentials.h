/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gnutls/gnutls.h>

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* The certificate of a host, made when it is first shown. */
typedef struct _Lp2pQuicCredentials Lp2pQuicCredentials;

Lp2pQuicCredentials *lp2p_quic_credentials_new (Lp2pContext *context);
void lp2p_quic_credentials_free (Lp2pQuicCredentials *self);
/* Borrowed; stays until @self is freed. */
gnutls_certificate_credentials_t lp2p_quic_credentials_get (gpointer self, GError **error);

/* Whose certificate that is. @expected may be NULL. Returns the peer's key, or NULL
 * with LP2P_ERROR_HANDSHAKE or LP2P_ERROR_WRONG_PEER. */
Lp2pPublicKey *lp2p_quic_verify (const gnutls_datum_t *certificates,
                                 guint n_certificates,
                                 gint64 now_unix,
                                 Lp2pPeerId *expected,
                                 GError **error);

G_END_DECLS
