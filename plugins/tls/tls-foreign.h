/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "security-pair.h"
#include "tls-foreign-certificate.h"

G_BEGIN_DECLS

/* A peer that is not ours: GnuTLS with a certificate of any shape. */

/**
 * TlsForeignOptions:
 * @certificate: what it shows
 * @no_request: does not ask for ours
 * @priority: of GnuTLS, %NULL for TLS 1.3
 * @protocols: its ALPN list, %NULL for none
 */
typedef struct
{
  TlsForeignCertificate certificate;
  gboolean no_request;
  const char *priority;
  const char *const *protocols;
} TlsForeignOptions;

typedef struct
{
  Lp2pIdentity *identity;
  gnutls_certificate_credentials_t credentials;
  gnutls_session_t session;
  Lp2pLayer *layer;
  Lp2pJob job;
  int result; /* of the handshake */
} TlsForeign;

/* Takes the other end of side @ours and starts a handshake there. */
void tls_foreign_start (TlsForeign *self,
                        SecurityPair *fixture,
                        guint ours,
                        const TlsForeignOptions *options);
void tls_foreign_clear (TlsForeign *self);

G_END_DECLS
