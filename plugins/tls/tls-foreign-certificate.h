/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gnutls/gnutls.h>

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* Certificates of any shape, good ones and bad ones. */

typedef enum
{
  TLS_FOREIGN_GOOD,
  TLS_FOREIGN_MISSING,
  TLS_FOREIGN_GARBAGE,
  TLS_FOREIGN_STOLEN, /* its signature is for another certificate's key */
} TlsForeignExtension;

/**
 * TlsForeignCertificate:
 * @from, @until: when the certificate is valid, in seconds from now; both 0 for
 *   an hour before and after
 * @algorithm, @bits: of its key; 0 for P-256
 * @n_more_certificates: beyond the one
 * @no_certificate: shows none
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
} TlsForeignCertificate;

/* @now: in seconds of Unix time */
gnutls_certificate_credentials_t tls_foreign_credentials_new (Lp2pIdentity *identity,
                                                              gint64 now,
                                                              const TlsForeignCertificate *options);

G_END_DECLS
