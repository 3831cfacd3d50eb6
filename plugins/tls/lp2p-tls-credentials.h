/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gnutls/gnutls.h>

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* What all connections of a host share: its certificate with the key, and what
 * it is willing to speak. */
typedef struct _Lp2pTlsCredentials Lp2pTlsCredentials;

Lp2pTlsCredentials *
lp2p_tls_credentials_new (Lp2pIdentity *identity, gint64 now_unix, GError **error);
Lp2pTlsCredentials *lp2p_tls_credentials_ref (Lp2pTlsCredentials *self);
void lp2p_tls_credentials_unref (Lp2pTlsCredentials *self);

/* Whether they are of @identity and can still be shown. */
gboolean
lp2p_tls_credentials_hold (Lp2pTlsCredentials *self, Lp2pIdentity *identity, gint64 now_unix);

/* A session in which @verify is given the peer's certificates. It borrows the
 * credentials until gnutls_credentials_clear(). Returns a code of GnuTLS. */
int lp2p_tls_credentials_new_session (Lp2pTlsCredentials *self,
                                      Lp2pRole role,
                                      const char *const *muxers,
                                      gnutls_certificate_verify_function *verify,
                                      gnutls_session_t *session);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pTlsCredentials, lp2p_tls_credentials_unref)

G_END_DECLS
