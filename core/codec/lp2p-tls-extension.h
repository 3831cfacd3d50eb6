/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-identity.h>
#include <lp2p/types/lp2p-public-key.h>

G_BEGIN_DECLS

/**
 * LP2P_TLS_EXTENSION_OID:
 *
 * The object identifier of the libp2p Public Key Extension.
 *
 * Since: 1.0
 */
#define LP2P_TLS_EXTENSION_OID "1.3.6.1.4.1.53594.1.1"

/**
 * LP2P_TLS_CERTIFICATE_MAX_SIZE:
 *
 * The largest certificate that is accepted, in bytes of DER. The largest that
 * makes sense, with two RSA keys of 8192 bits, has half of that.
 *
 * Since: 1.0
 */
#define LP2P_TLS_CERTIFICATE_MAX_SIZE 16384

#define LP2P_TYPE_TLS_CERTIFICATE (lp2p_tls_certificate_get_type ())

typedef struct _Lp2pTlsCertificate Lp2pTlsCertificate;

LP2P_AVAILABLE_IN_1_0
GType lp2p_tls_certificate_get_type (void) G_GNUC_CONST;

LP2P_AVAILABLE_IN_1_0
Lp2pTlsCertificate *lp2p_tls_certificate_new (Lp2pIdentity *identity,
                                              gint64 now_unix,
                                              GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pTlsCertificate *lp2p_tls_certificate_ref (Lp2pTlsCertificate *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_tls_certificate_unref (Lp2pTlsCertificate *self);
LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_tls_certificate_get_der (Lp2pTlsCertificate *self);
LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_tls_certificate_sign (Lp2pTlsCertificate *self, const guint8 *hash, gsize len);

LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_tls_extension_encode (Lp2pIdentity *identity,
                                   const guint8 *spki,
                                   gsize len,
                                   GError **error);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_tls_verify_certificate (const guint8 *der,
                                      gsize len,
                                      gint64 now_unix,
                                      Lp2pPublicKey **key,
                                      GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pTlsCertificate, lp2p_tls_certificate_unref)

G_END_DECLS
