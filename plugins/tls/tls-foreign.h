/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gnutls/gnutls.h>

#include "tls-fixture.h"

G_BEGIN_DECLS

/* A peer that is not ours: GnuTLS with a certificate of any shape. */

typedef enum
{
  TLS_FOREIGN_GOOD,
  TLS_FOREIGN_MISSING,
  TLS_FOREIGN_GARBAGE,
  TLS_FOREIGN_STOLEN, /* its signature is for another certificate's key */
} TlsForeignExtension;

/**
 * TlsForeignOptions:
 * @from, @until: when the certificate is valid, in seconds from now; both 0 for
 *   an hour before and after
 * @algorithm, @bits: of its key; 0 for P-256
 * @n_more_certificates: beyond the one
 * @no_certificate: shows none
 * @no_request: does not ask for ours
 * @priority: of GnuTLS, %NULL for TLS 1.3
 * @protocols: its ALPN list, %NULL for none
 */
typedef struct
{
  gint64 from;
  gint64 until;
  gnutls_pk_algorithm_t algorithm;
  guint bits;
  TlsForeignExtension extension;
  gboolean unknown_critical;
  gboolean bad_signature;
  guint n_more_certificates;
  gboolean no_certificate;
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
                        TlsFixture *fixture,
                        guint ours,
                        const TlsForeignOptions *options);
void tls_foreign_clear (TlsForeign *self);

G_END_DECLS
