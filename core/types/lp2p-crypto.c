/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "types/lp2p-crypto-private.h"

#include "types/lp2p-der-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/types/lp2p-error.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>

static const guint8 oid_rsa[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 };
static const guint8 oid_ec[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };
static const guint8 oid_ed25519[] = { 0x2b, 0x65, 0x70 };

static const Lp2pCurve curves[] = {
  { NID_X9_62_prime256v1, 32, { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 }, 8 },
  { NID_secp384r1, 48, { 0x2b, 0x81, 0x04, 0x00, 0x22 }, 5 },
  { NID_secp521r1, 66, { 0x2b, 0x81, 0x04, 0x00, 0x23 }, 5 },
  { NID_secp256k1, 32, { 0x2b, 0x81, 0x04, 0x00, 0x0a }, 5 },
};

const Lp2pCurve *
lp2p_curve_by_nid (int nid)
{
  for (guint i = 0; i < G_N_ELEMENTS (curves); i++)
    if (curves[i].nid == nid)
      return &curves[i];
  return NULL;
}

const Lp2pCurve *
lp2p_curve_by_oid (const guint8 *oid, gsize len)
{
  Lp2pCursor given = LP2P_CURSOR_INIT (oid, len);

  for (guint i = 0; i < G_N_ELEMENTS (curves); i++)
    if (lp2p_der_equal (&given, curves[i].oid, curves[i].oid_len))
      return &curves[i];
  return NULL;
}

static EVP_PKEY *
key_from_params (const char *type, int selection, OSSL_PARAM *params)
{
  g_autoptr (EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_name (NULL, type, NULL);
  EVP_PKEY *key = NULL;

  if (context == NULL || EVP_PKEY_fromdata_init (context) != 1 ||
      EVP_PKEY_fromdata (context, &key, selection, params) != 1)
    {
      ERR_clear_error ();
      return NULL;
    }
  return key;
}

/* @point: compressed or not; NULL is returned when it is not on the curve. */
EVP_PKEY *
lp2p_crypto_ec_public (const Lp2pCurve *curve, const guint8 *point, gsize len)
{
  OSSL_PARAM params[] = {
    OSSL_PARAM_construct_utf8_string (OSSL_PKEY_PARAM_GROUP_NAME, (char *) OBJ_nid2sn (curve->nid),
                                      0),
    OSSL_PARAM_construct_octet_string (OSSL_PKEY_PARAM_PUB_KEY, (void *) point, len),
    OSSL_PARAM_construct_end (),
  };

  return key_from_params ("EC", EVP_PKEY_PUBLIC_KEY, params);
}

/* Writes the public point of @scalar, uncompressed; 0 when it is not between
 * 1 and the order of the curve. */
static gsize
compute_point (const Lp2pCurve *curve, const BIGNUM *scalar, guint8 point[LP2P_EC_POINT_MAX])
{
  EC_GROUP *group = EC_GROUP_new_by_curve_name (curve->nid);
  EC_POINT *product = group != NULL ? EC_POINT_new (group) : NULL;
  gsize size = 0;

  if (product != NULL && !BN_is_zero (scalar) && BN_cmp (scalar, EC_GROUP_get0_order (group)) < 0 &&
      EC_POINT_mul (group, product, scalar, NULL, NULL, NULL) == 1)
    size = EC_POINT_point2oct (group, product, POINT_CONVERSION_UNCOMPRESSED, point,
                               LP2P_EC_POINT_MAX, NULL);

  EC_POINT_free (product);
  EC_GROUP_free (group);
  ERR_clear_error ();
  return size;
}

/* @scalar: as many bytes as the field has. */
EVP_PKEY *
lp2p_crypto_ec_private (const Lp2pCurve *curve, const guint8 *scalar)
{
  g_autoptr (BIGNUM) number = BN_secure_new ();
  guint8 native[LP2P_EC_FIELD_MAX];
  guint8 point[LP2P_EC_POINT_MAX];
  gsize point_size;
  EVP_PKEY *key = NULL;

  if (number == NULL || BN_bin2bn (scalar, (int) curve->field, number) == NULL)
    return NULL;
  BN_set_flags (number, BN_FLG_CONSTTIME);

  point_size = compute_point (curve, number, point);
  if (point_size > 0 && BN_bn2nativepad (number, native, (int) curve->field) > 0)
    {
      OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string (OSSL_PKEY_PARAM_GROUP_NAME,
                                          (char *) OBJ_nid2sn (curve->nid), 0),
        OSSL_PARAM_construct_octet_string (OSSL_PKEY_PARAM_PUB_KEY, point, point_size),
        OSSL_PARAM_construct_BN (OSSL_PKEY_PARAM_PRIV_KEY, native, curve->field),
        OSSL_PARAM_construct_end (),
      };

      key = key_from_params ("EC", EVP_PKEY_KEYPAIR, params);
    }
  OPENSSL_cleanse (native, sizeof native);
  return key;
}

/* The named curve of an EC key, NULL if it is none that we know. */
const Lp2pCurve *
lp2p_crypto_get_curve (EVP_PKEY *key)
{
  char name[64];

  if (EVP_PKEY_get_base_id (key) != EVP_PKEY_EC ||
      EVP_PKEY_get_group_name (key, name, sizeof name, NULL) != 1)
    {
      ERR_clear_error ();
      return NULL;
    }
  return lp2p_curve_by_nid (OBJ_sn2nid (name));
}

/* Bounds the work that a key of somebody else can cause, and the weakness that
 * it can have. */
gboolean
lp2p_crypto_check_rsa (EVP_PKEY *key, GError **error)
{
  BIGNUM *n = NULL;
  BIGNUM *e = NULL;
  int bits = 0;
  gboolean odd = FALSE;
  gboolean good_exponent = FALSE;

  if (EVP_PKEY_get_bn_param (key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
      EVP_PKEY_get_bn_param (key, OSSL_PKEY_PARAM_RSA_E, &e) == 1)
    {
      bits = BN_num_bits (n);
      odd = BN_is_odd (n);
      good_exponent = BN_is_odd (e) && !BN_is_one (e) && BN_num_bits (e) <= 31;
    }
  BN_free (n);
  BN_free (e);
  ERR_clear_error ();

  if (bits < LP2P_RSA_MIN_BITS || bits > LP2P_RSA_MAX_BITS)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                   _("The RSA key has %d bits, expected %d to %d"), bits, LP2P_RSA_MIN_BITS,
                   LP2P_RSA_MAX_BITS);
      return FALSE;
    }
  if (!odd || !good_exponent)
    {
      g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                           _("The RSA key is not valid, expected an odd modulus and an odd "
                             "exponent of 2 to 31 bits"));
      return FALSE;
    }
  return TRUE;
}

static EVP_PKEY *
rsa_public (const guint8 *modulus, gsize modulus_len, const guint8 *exponent, gsize exponent_len)
{
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new ();
  BIGNUM *n = BN_bin2bn (modulus, (int) modulus_len, NULL);
  BIGNUM *e = BN_bin2bn (exponent, (int) exponent_len, NULL);
  OSSL_PARAM *params = NULL;
  EVP_PKEY *key = NULL;

  if (builder != NULL && n != NULL && e != NULL &&
      OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
      OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
    params = OSSL_PARAM_BLD_to_param (builder);
  if (params != NULL)
    key = key_from_params ("RSA", EVP_PKEY_PUBLIC_KEY, params);

  OSSL_PARAM_free (params);
  OSSL_PARAM_BLD_free (builder);
  BN_free (n);
  BN_free (e);
  ERR_clear_error ();
  return key;
}

/* @bits: SEQUENCE { modulus, exponent } */
static EVP_PKEY *
read_rsa (Lp2pCursor *parameters, Lp2pCursor *bits, GError **error)
{
  Lp2pCursor null, key_cursor;
  const guint8 *n, *e;
  gsize n_len, e_len;
  g_autoptr (EVP_PKEY) key = NULL;

  if (lp2p_der_read (parameters, LP2P_DER_NULL, &null) && lp2p_cursor_at_end (&null) &&
      lp2p_cursor_at_end (parameters) && lp2p_der_read (bits, LP2P_DER_SEQUENCE, &key_cursor) &&
      lp2p_cursor_at_end (bits) && lp2p_der_read_unsigned (&key_cursor, &n, &n_len) &&
      lp2p_der_read_unsigned (&key_cursor, &e, &e_len) && lp2p_cursor_at_end (&key_cursor) &&
      n_len <= LP2P_RSA_MAX_BITS / 8 && e_len <= LP2P_RSA_MAX_BITS / 8)
    key = rsa_public (n, n_len, e, e_len);

  if (key == NULL)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                   _("Malformed RSA public key, expected a DER modulus of at most %d bits and an "
                     "exponent"),
                   LP2P_RSA_MAX_BITS);
      return NULL;
    }
  if (!lp2p_crypto_check_rsa (key, error))
    return NULL;
  return g_steal_pointer (&key);
}

static EVP_PKEY *
read_ec (Lp2pCursor *parameters, Lp2pCursor *bits, GError **error)
{
  Lp2pCursor oid;
  const guint8 *bytes;
  gsize len;
  const Lp2pCurve *curve = NULL;
  EVP_PKEY *key = NULL;

  if (lp2p_der_read (parameters, LP2P_DER_OID, &oid) && lp2p_cursor_at_end (parameters))
    {
      len = lp2p_cursor_left (&oid);
      if (lp2p_cursor_read_bytes (&oid, len, &bytes))
        curve = lp2p_curve_by_oid (bytes, len);
    }
  if (curve == NULL)
    {
      g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED,
                           _("Elliptic curve key on an unknown curve, expected one of the named "
                             "curves P-256, P-384, P-521, secp256k1"));
      return NULL;
    }

  len = lp2p_cursor_left (bits);
  if (len == 1 + 2 * curve->field && lp2p_cursor_read_bytes (bits, len, &bytes) && bytes[0] == 4)
    key = lp2p_crypto_ec_public (curve, bytes, len);
  if (key == NULL)
    g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                 _("Elliptic curve key is not valid, expected an uncompressed point on %s"),
                 OBJ_nid2sn (curve->nid));
  return key;
}

static EVP_PKEY *
read_ed25519 (Lp2pCursor *parameters, Lp2pCursor *bits, GError **error)
{
  const guint8 *bytes;
  EVP_PKEY *key = NULL;

  if (lp2p_cursor_at_end (parameters) && lp2p_cursor_left (bits) == LP2P_ED25519_KEY_SIZE &&
      lp2p_cursor_read_bytes (bits, LP2P_ED25519_KEY_SIZE, &bytes))
    key = EVP_PKEY_new_raw_public_key (EVP_PKEY_ED25519, NULL, bytes, LP2P_ED25519_KEY_SIZE);
  if (key == NULL)
    g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                 _("Malformed Ed25519 public key, expected %d bytes"), LP2P_ED25519_KEY_SIZE);
  return key;
}

/* Reads a SubjectPublicKeyInfo (RFC 5280, section 4.1) with an RSA key, a point
 * on a named curve, or an Ed25519 key. */
EVP_PKEY *
lp2p_crypto_read_spki (const guint8 *der, gsize len, GError **error)
{
  Lp2pCursor in = LP2P_CURSOR_INIT (der, len);
  Lp2pCursor info, algorithm, oid, bits;

  if (!lp2p_der_read (&in, LP2P_DER_SEQUENCE, &info) || !lp2p_cursor_at_end (&in) ||
      !lp2p_der_read (&info, LP2P_DER_SEQUENCE, &algorithm) || !lp2p_der_read_bits (&info, &bits) ||
      !lp2p_cursor_at_end (&info) || !lp2p_der_read (&algorithm, LP2P_DER_OID, &oid))
    {
      g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                           _("Malformed public key, expected a DER SubjectPublicKeyInfo"));
      return NULL;
    }

  if (lp2p_der_equal (&oid, oid_rsa, sizeof oid_rsa))
    return read_rsa (&algorithm, &bits, error);
  if (lp2p_der_equal (&oid, oid_ec, sizeof oid_ec))
    return read_ec (&algorithm, &bits, error);
  if (lp2p_der_equal (&oid, oid_ed25519, sizeof oid_ed25519))
    return read_ed25519 (&algorithm, &bits, error);

  g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED,
                       _("Public key of an unknown algorithm, expected RSA, an elliptic curve or "
                         "Ed25519"));
  return NULL;
}

/* @digest: NULL for Ed25519, which hashes by itself. */
gboolean
lp2p_crypto_verify (EVP_PKEY *key,
                    const EVP_MD *digest,
                    const guint8 *data,
                    gsize len,
                    const guint8 *signature,
                    gsize signature_len)
{
  g_autoptr (EVP_MD_CTX) context = EVP_MD_CTX_new ();
  gboolean good;

  good = context != NULL && EVP_DigestVerifyInit (context, NULL, digest, NULL, key) == 1 &&
         EVP_DigestVerify (context, signature, signature_len, data, len) == 1;
  ERR_clear_error ();
  return good;
}

/* Returns NULL when the key cannot sign. */
GBytes *
lp2p_crypto_sign (EVP_PKEY *key, const EVP_MD *digest, const guint8 *data, gsize len)
{
  g_autoptr (EVP_MD_CTX) context = EVP_MD_CTX_new ();
  g_autofree guint8 *signature = NULL;
  gsize size = 0;

  if (context == NULL || EVP_DigestSignInit (context, NULL, digest, NULL, key) != 1 ||
      EVP_DigestSign (context, NULL, &size, data, len) != 1)
    {
      ERR_clear_error ();
      return NULL;
    }

  signature = g_malloc (size);
  if (EVP_DigestSign (context, signature, &size, data, len) != 1)
    {
      ERR_clear_error ();
      return NULL;
    }
  return g_bytes_new_take (g_steal_pointer (&signature), size);
}

/* What libcrypto has in its error queue, which this empties: the first one, of which the
 * others came. */
const char *
lp2p_crypto_take_error (void)
{
  unsigned long code = ERR_peek_error ();
  const char *reason = code != 0 ? ERR_reason_error_string (code) : NULL;

  ERR_clear_error ();
  return reason != NULL ? reason : _("libcrypto failed");
}

typedef struct
{
  gsize len;
  guint8 data[];
} Secret;

static void
secret_free (gpointer data)
{
  Secret *secret = data;

  OPENSSL_clear_free (secret, sizeof *secret + secret->len);
}

GBytes *
lp2p_secret_bytes_new (const guint8 *data, gsize len)
{
  Secret *secret = OPENSSL_malloc (sizeof *secret + len);

  if (secret == NULL)
    g_error ("Out of memory for a key of %" G_GSIZE_FORMAT " bytes", len);
  secret->len = len;
  for (gsize i = 0; i < len; i++)
    secret->data[i] = data[i];
  return g_bytes_new_with_free_func (secret->data, len, secret_free, secret);
}
