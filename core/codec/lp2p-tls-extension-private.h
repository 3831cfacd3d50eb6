/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/codec/lp2p-tls-extension.h>

G_BEGIN_DECLS

/* What the host key signs: the prefix, then the SubjectPublicKeyInfo of the
 * certificate in DER. */
#define LP2P_TLS_SIGNATURE_PREFIX "libp2p-tls-handshake:"

GByteArray *lp2p_tls_extension_signed_data (const guint8 *spki, gsize len);
gboolean lp2p_tls_check_list (const guint8 *message, gsize len, gboolean chain, GError **error);

G_END_DECLS
