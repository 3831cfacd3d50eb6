/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

/**
 * Lp2pKeyType:
 * @LP2P_KEY_TYPE_RSA: RSA of 2048 to 8192 bits
 * @LP2P_KEY_TYPE_ED25519: Ed25519, which every implementation knows
 * @LP2P_KEY_TYPE_SECP256K1: ECDSA on the curve secp256k1
 * @LP2P_KEY_TYPE_ECDSA: ECDSA on a NIST curve, usually P-256
 *
 * The kinds of keys that a peer may have. The values are those of the wire.
 *
 * Since: 1.0
 */
typedef enum
{
  LP2P_KEY_TYPE_RSA = 0,
  LP2P_KEY_TYPE_ED25519 = 1,
  LP2P_KEY_TYPE_SECP256K1 = 2,
  LP2P_KEY_TYPE_ECDSA = 3,
} Lp2pKeyType;

#define LP2P_TYPE_PUBLIC_KEY (lp2p_public_key_get_type ())

typedef struct _Lp2pPublicKey Lp2pPublicKey;

LP2P_AVAILABLE_IN_1_0
GType lp2p_public_key_get_type (void) G_GNUC_CONST;

LP2P_AVAILABLE_IN_1_0
Lp2pPublicKey *lp2p_public_key_new_from_bytes (const guint8 *data, gsize len, GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pPublicKey *lp2p_public_key_new_raw (Lp2pKeyType key_type,
                                        const guint8 *data,
                                        gsize len,
                                        GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pPublicKey *lp2p_public_key_ref (Lp2pPublicKey *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_public_key_unref (Lp2pPublicKey *self);

LP2P_AVAILABLE_IN_1_0
Lp2pKeyType lp2p_public_key_get_key_type (Lp2pPublicKey *self);
LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_public_key_get_bytes (Lp2pPublicKey *self);
LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_public_key_get_raw (Lp2pPublicKey *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_public_key_equal (gconstpointer a, gconstpointer b);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_public_key_verify (Lp2pPublicKey *self,
                                 const guint8 *data,
                                 gsize len,
                                 const guint8 *signature,
                                 gsize signature_len);

LP2P_AVAILABLE_IN_1_0
const char *lp2p_key_type_to_string (Lp2pKeyType key_type);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_key_type_from_string (const char *name, Lp2pKeyType *key_type);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pPublicKey, lp2p_public_key_unref)

G_END_DECLS
