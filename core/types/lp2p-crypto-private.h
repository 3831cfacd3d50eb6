/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-macros.h>

#include <openssl/evp.h>

G_BEGIN_DECLS

/* libcrypto keys from their parts. What came from elsewhere is taken apart
 * with our own strict reader first, so that libcrypto's lenient decoders (BER,
 * explicit curve parameters, compressed points) never see it. */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY_CTX, EVP_PKEY_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_MD_CTX, EVP_MD_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BIGNUM, BN_clear_free)

#define LP2P_ED25519_KEY_SIZE      32
#define LP2P_EC_FIELD_MAX          66 /* P-521 */
#define LP2P_EC_POINT_MAX          (1 + 2 * LP2P_EC_FIELD_MAX)
#define LP2P_RSA_MIN_BITS          2048
#define LP2P_RSA_MAX_BITS          8192

typedef struct
{
  int nid;
  gsize field; /* bytes of a coordinate and of a private number */
  guint8 oid[8];
  guint8 oid_len;
} Lp2pCurve;

const Lp2pCurve *lp2p_curve_by_nid (int nid);
const Lp2pCurve *lp2p_curve_by_oid (const guint8 *oid, gsize len);

EVP_PKEY *lp2p_crypto_read_spki (const guint8 *der, gsize len, GError **error);
EVP_PKEY *lp2p_crypto_ec_public (const Lp2pCurve *curve, const guint8 *point, gsize len);
EVP_PKEY *lp2p_crypto_ec_private (const Lp2pCurve *curve, const guint8 *scalar);
const Lp2pCurve *lp2p_crypto_get_curve (EVP_PKEY *key);
gboolean lp2p_crypto_check_rsa (EVP_PKEY *key, GError **error);

gboolean lp2p_crypto_verify (EVP_PKEY *key,
                             const EVP_MD *digest,
                             const guint8 *data,
                             gsize len,
                             const guint8 *signature,
                             gsize signature_len);
GBytes *lp2p_crypto_sign (EVP_PKEY *key, const EVP_MD *digest, const guint8 *data, gsize len);

const char *lp2p_crypto_take_error (void);

/* A copy that is overwritten when the last reference goes. */
GBytes *lp2p_secret_bytes_new (const guint8 *data, gsize len);

G_END_DECLS
