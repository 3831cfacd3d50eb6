/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/codec/lp2p-tls-extension.h>

G_BEGIN_DECLS

/* What the host key signs: the prefix, then the SubjectPublicKeyInfo of the
 * certificate in DER. */
#define LP2P_TLS_SIGNATURE_PREFIX "libp2p-tls-handshake:"

/* LP2P_TLS_EXTENSION_OID in DER. */
static const guint8 lp2p_tls_extension_oid[] = { 0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xa2, 0x5a, 0x01, 0x01 };

GByteArray *lp2p_tls_extension_signed_data (const guint8 *spki, gsize len);

G_END_DECLS
