/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "types/lp2p-private-key-private.h"

#include "types/lp2p-der-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/types/lp2p-error.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>
#include <string.h>

#define ED25519_PRIVATE_SIZE        (2 * LP2P_ED25519_KEY_SIZE)
#define ED25519_LEGACY_PRIVATE_SIZE (3 * LP2P_ED25519_KEY_SIZE)

#define RSA_GENERATED_BITS 2048

EVP_PKEY *
lp2p_private_key_generate (Lp2pKeyType key_type)
{
  switch (key_type)
    {
    case LP2P_KEY_TYPE_RSA:
      return EVP_PKEY_Q_keygen (NULL, NULL, "RSA", (size_t) RSA_GENERATED_BITS);
    case LP2P_KEY_TYPE_ED25519:
      return EVP_PKEY_Q_keygen (NULL, NULL, "ED25519");
    case LP2P_KEY_TYPE_SECP256K1:
      return EVP_PKEY_Q_keygen (NULL, NULL, "EC", "secp256k1");
    case LP2P_KEY_TYPE_ECDSA:
      return EVP_PKEY_Q_keygen (NULL, NULL, "EC", "P-256");
    default:
      return NULL;
    }
}

static void
set_invalid (GError **error, const char *message)
{
  g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY, message);
}

/* The seed, then the public key once, in an older form twice. A public key that
 * does not belong to the seed would make signatures leak the private key. */
static EVP_PKEY *
read_ed25519 (const guint8 *data, gsize len, GError **error)
{
  g_autoptr (EVP_PKEY) key = NULL;
  guint8 public_key[LP2P_ED25519_KEY_SIZE];
  gsize size = sizeof public_key;

  if (len != ED25519_PRIVATE_SIZE && len != ED25519_LEGACY_PRIVATE_SIZE)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                   _("Ed25519 private key of %zu bytes, expected %d, or %d in the "
                     "older form"),
                   len, ED25519_PRIVATE_SIZE, ED25519_LEGACY_PRIVATE_SIZE);
      return NULL;
    }

  key = EVP_PKEY_new_raw_private_key (EVP_PKEY_ED25519, NULL, data, LP2P_ED25519_KEY_SIZE);
  if (key == NULL || EVP_PKEY_get_raw_public_key (key, public_key, &size) != 1)
    {
      set_invalid (error, _("The Ed25519 private key is not valid"));
      return NULL;
    }
  for (gsize at = LP2P_ED25519_KEY_SIZE; at < len; at += LP2P_ED25519_KEY_SIZE)
    if (memcmp (data + at, public_key, LP2P_ED25519_KEY_SIZE) != 0)
      {
        set_invalid (error,
                     _("The public half of the Ed25519 key does not belong to the private one"));
        return NULL;
      }
  return g_steal_pointer (&key);
}

static EVP_PKEY *
read_secp256k1 (const guint8 *data, gsize len, GError **error)
{
  const Lp2pCurve *curve = lp2p_curve_by_nid (NID_secp256k1);
  EVP_PKEY *key = NULL;

  if (len == curve->field)
    key = lp2p_crypto_ec_private (curve, data);
  if (key == NULL)
    g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                 _("The secp256k1 private key is not valid, expected %zu bytes with a number from 1 to the "
                   "order of the curve"),
                 curve->field);
  return key;
}

/* Whether the optional public key of an ECPrivateKey is that of @key. */
static gboolean
ec_public_matches (Lp2pCursor *optional, EVP_PKEY *key)
{
  guint8 point[LP2P_EC_POINT_MAX];
  gsize size;
  Lp2pCursor tagged, bits;

  if (lp2p_cursor_at_end (optional))
    return TRUE;
  return lp2p_der_read (optional, LP2P_DER_CONTEXT (1), &tagged) && lp2p_cursor_at_end (optional) &&
         lp2p_der_read_bits (&tagged, &bits) && lp2p_cursor_at_end (&tagged) &&
         EVP_PKEY_get_octet_string_param (key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point,
                                          &size) == 1 &&
         lp2p_der_equal (&bits, point, size);
}

/* ECPrivateKey (RFC 5915, section 3) with its curve named. */
static EVP_PKEY *
read_ecdsa (const guint8 *data, gsize len, GError **error)
{
  static const guint8 version[] = { 1 };
  Lp2pCursor in = LP2P_CURSOR_INIT (data, len);
  Lp2pCursor info, number, octets, parameters, oid;
  const guint8 *scalar, *oid_bytes;
  gsize scalar_len, oid_len;
  const Lp2pCurve *curve = NULL;
  g_autoptr (EVP_PKEY) key = NULL;

  if (!lp2p_der_read (&in, LP2P_DER_SEQUENCE, &info) || !lp2p_cursor_at_end (&in) ||
      !lp2p_der_read (&info, LP2P_DER_INTEGER, &number) ||
      !lp2p_der_equal (&number, version, sizeof version) ||
      !lp2p_der_read (&info, LP2P_DER_OCTET_STRING, &octets) ||
      !lp2p_der_read (&info, LP2P_DER_CONTEXT (0), &parameters) ||
      !lp2p_der_read (&parameters, LP2P_DER_OID, &oid) || !lp2p_cursor_at_end (&parameters))
    {
      set_invalid (error, _("Malformed ECDSA private key, expected a DER ECPrivateKey (RFC 5915)"));
      return NULL;
    }

  scalar_len = lp2p_cursor_left (&octets);
  oid_len = lp2p_cursor_left (&oid);
  if (lp2p_cursor_read_bytes (&oid, oid_len, &oid_bytes))
    curve = lp2p_curve_by_oid (oid_bytes, oid_len);
  if (curve == NULL || curve->nid == NID_secp256k1)
    {
      g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED,
                           _("ECDSA private key on another curve than P-256, P-384 or P-521"));
      return NULL;
    }

  if (scalar_len == curve->field && lp2p_cursor_read_bytes (&octets, scalar_len, &scalar))
    key = lp2p_crypto_ec_private (curve, scalar);
  if (key == NULL || !ec_public_matches (&info, key))
    {
      set_invalid (error, _("The ECDSA private key is not valid, or its public half does not belong "
                            "to it"));
      return NULL;
    }
  return g_steal_pointer (&key);
}

enum
{
  RSA_N,
  RSA_E,
  RSA_D,
  RSA_P,
  RSA_Q,
  RSA_DP,
  RSA_DQ,
  RSA_QINV,
  RSA_NUMBERS
};

/* Whether @product ≡ a·b modulo (@modulus - 1), or modulo @modulus itself. */
static gboolean
is_product (const BIGNUM *product,
            const BIGNUM *a,
            const BIGNUM *b,
            const BIGNUM *modulus,
            gboolean minus_one,
            BN_CTX *context)
{
  g_autoptr (BIGNUM) m = BN_dup (modulus);
  g_autoptr (BIGNUM) computed = BN_secure_new ();
  g_autoptr (BIGNUM) reduced = BN_secure_new ();

  if (m == NULL || computed == NULL || reduced == NULL || (minus_one && BN_sub_word (m, 1) != 1))
    return FALSE;
  return !BN_is_zero (m) && BN_mod_mul (computed, a, b, m, context) == 1 &&
         BN_nnmod (reduced, product, m, context) == 1 && BN_cmp (computed, reduced) == 0;
}

/* libcrypto would sign without its shortcut, slowly, if the primes were wrong,
 * and never look at the exponent as long as they are right. */
static gboolean
rsa_numbers_fit (BIGNUM *const *n)
{
  BN_CTX *context = BN_CTX_secure_new ();
  g_autoptr (BIGNUM) product = BN_secure_new ();
  const BIGNUM *one = BN_value_one ();
  gboolean fit;

  fit = context != NULL && product != NULL && BN_mul (product, n[RSA_P], n[RSA_Q], context) == 1 &&
        BN_cmp (product, n[RSA_N]) == 0 &&
        is_product (one, n[RSA_D], n[RSA_E], n[RSA_P], TRUE, context) &&
        is_product (one, n[RSA_D], n[RSA_E], n[RSA_Q], TRUE, context) &&
        is_product (n[RSA_DP], n[RSA_D], one, n[RSA_P], TRUE, context) &&
        is_product (n[RSA_DQ], n[RSA_D], one, n[RSA_Q], TRUE, context) &&
        is_product (one, n[RSA_QINV], n[RSA_Q], n[RSA_P], FALSE, context);
  BN_CTX_free (context);
  return fit;
}

static gboolean
rsa_signs (EVP_PKEY *key)
{
  static const guint8 probe[] = "probe";
  g_autoptr (GBytes) signature = lp2p_crypto_sign (key, EVP_sha256 (), probe, sizeof probe);

  return signature != NULL &&
         lp2p_crypto_verify (key, EVP_sha256 (), probe, sizeof probe,
                             g_bytes_get_data (signature, NULL), g_bytes_get_size (signature));
}

/* A test of the primes would take seconds; a signature that verifies says that
 * they are. */
static gboolean
rsa_is_consistent (EVP_PKEY *key)
{
  static const char *const names[RSA_NUMBERS] = {
    OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
    OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
    OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
    OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
  };
  BIGNUM *numbers[RSA_NUMBERS] = { NULL };
  gboolean consistent = TRUE;

  for (guint i = 0; i < RSA_NUMBERS && consistent; i++)
    consistent = EVP_PKEY_get_bn_param (key, names[i], &numbers[i]) == 1;
  consistent = consistent && rsa_numbers_fit (numbers) && rsa_signs (key);
  for (guint i = 0; i < RSA_NUMBERS; i++)
    BN_clear_free (numbers[i]);
  return consistent;
}

static GBytes *
write_der (EVP_PKEY *key, int (*encode) (const EVP_PKEY *, unsigned char **))
{
  unsigned char *der = NULL;
  int size = encode (key, &der);
  GBytes *bytes = NULL;

  if (size > 0)
    bytes = lp2p_secret_bytes_new (der, (gsize) size);
  OPENSSL_clear_free (der, size > 0 ? (gsize) size : 0);
  ERR_clear_error ();
  return bytes;
}

/* RSAPrivateKey (RFC 8017, appendix A.1.2) */
static EVP_PKEY *
read_rsa (const guint8 *data, gsize len, GError **error)
{
  const unsigned char *p = data;
  g_autoptr (EVP_PKEY) key = NULL;
  g_autoptr (GBytes) again = NULL;
  Lp2pCursor given = LP2P_CURSOR_INIT (data, len);

  key = d2i_PrivateKey (EVP_PKEY_RSA, NULL, &p, (long) len);
  if (key != NULL && EVP_PKEY_get_base_id (key) == EVP_PKEY_RSA)
    again = write_der (key, i2d_PrivateKey);
  if (again == NULL ||
      !lp2p_der_equal (&given, g_bytes_get_data (again, NULL), g_bytes_get_size (again)))
    {
      set_invalid (error, _("Malformed RSA private key, expected a DER RSAPrivateKey (PKCS #1)"));
      return NULL;
    }
  if (!lp2p_crypto_check_rsa (key, error))
    return NULL;
  if (!rsa_is_consistent (key))
    {
      set_invalid (error, _("The RSA private key is not valid: its numbers do not fit each other"));
      return NULL;
    }
  return g_steal_pointer (&key);
}

/* @data: the `Data` field of a PrivateKey message */
EVP_PKEY *
lp2p_private_key_read (Lp2pKeyType key_type, const guint8 *data, gsize len, GError **error)
{
  EVP_PKEY *key = NULL;

  switch (key_type)
    {
    case LP2P_KEY_TYPE_RSA:
      key = read_rsa (data, len, error);
      break;
    case LP2P_KEY_TYPE_ED25519:
      key = read_ed25519 (data, len, error);
      break;
    case LP2P_KEY_TYPE_SECP256K1:
      key = read_secp256k1 (data, len, error);
      break;
    case LP2P_KEY_TYPE_ECDSA:
      key = read_ecdsa (data, len, error);
      break;
    default:
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED,
                   _("Private key of the unknown kind %d, expected 0 to 3"), (int) key_type);
      break;
    }
  ERR_clear_error ();
  return key;
}

static GBytes *
write_ed25519 (EVP_PKEY *key)
{
  guint8 raw[ED25519_PRIVATE_SIZE];
  gsize private_size = LP2P_ED25519_KEY_SIZE;
  gsize public_size = LP2P_ED25519_KEY_SIZE;
  GBytes *bytes = NULL;

  if (EVP_PKEY_get_raw_private_key (key, raw, &private_size) == 1 &&
      EVP_PKEY_get_raw_public_key (key, raw + LP2P_ED25519_KEY_SIZE, &public_size) == 1)
    bytes = lp2p_secret_bytes_new (raw, sizeof raw);
  OPENSSL_cleanse (raw, sizeof raw);
  return bytes;
}

static GBytes *
write_secp256k1 (EVP_PKEY *key)
{
  g_autoptr (BIGNUM) number = NULL;
  guint8 raw[32];
  GBytes *bytes = NULL;

  if (EVP_PKEY_get_bn_param (key, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1 &&
      BN_bn2binpad (number, raw, sizeof raw) == sizeof raw)
    bytes = lp2p_secret_bytes_new (raw, sizeof raw);
  OPENSSL_cleanse (raw, sizeof raw);
  return bytes;
}

/* Returns the `Data` field of a PrivateKey message, as secret bytes, or NULL
 * when libcrypto cannot give it. */
GBytes *
lp2p_private_key_write (Lp2pKeyType key_type, EVP_PKEY *key)
{
  GBytes *bytes;

  if (key_type == LP2P_KEY_TYPE_ED25519)
    bytes = write_ed25519 (key);
  else if (key_type == LP2P_KEY_TYPE_SECP256K1)
    bytes = write_secp256k1 (key);
  else
    bytes = write_der (key, i2d_PrivateKey);
  ERR_clear_error ();
  return bytes;
}

static GBytes *
write_compressed_point (EVP_PKEY *key)
{
  guint8 point[LP2P_EC_POINT_MAX];
  gsize size;
  gsize field;

  if (EVP_PKEY_get_octet_string_param (key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &size) !=
          1 ||
      size < 3)
    return NULL;

  /* 0x04, x, y: the last bit of y goes into the first byte. */
  if (point[0] == 4)
    {
      field = (size - 1) / 2;
      point[0] = 2 | (point[size - 1] & 1);
      size = 1 + field;
    }
  return g_bytes_new (point, size);
}

/* Returns the `Data` field of a PublicKey message. */
GBytes *
lp2p_private_key_write_public (Lp2pKeyType key_type, EVP_PKEY *key)
{
  guint8 raw[LP2P_ED25519_KEY_SIZE];
  gsize size = sizeof raw;
  GBytes *bytes = NULL;

  if (key_type == LP2P_KEY_TYPE_ED25519)
    {
      if (EVP_PKEY_get_raw_public_key (key, raw, &size) == 1)
        bytes = g_bytes_new (raw, size);
    }
  else if (key_type == LP2P_KEY_TYPE_SECP256K1)
    {
      bytes = write_compressed_point (key);
    }
  else
    {
      bytes = write_der (key, i2d_PUBKEY);
    }
  ERR_clear_error ();
  return bytes;
}

/* Which of the kinds of libp2p @key is of, if any. */
gboolean
lp2p_private_key_get_kind (EVP_PKEY *key, Lp2pKeyType *key_type)
{
  const Lp2pCurve *curve;

  switch (EVP_PKEY_get_base_id (key))
    {
    case EVP_PKEY_RSA:
      *key_type = LP2P_KEY_TYPE_RSA;
      return TRUE;
    case EVP_PKEY_ED25519:
      *key_type = LP2P_KEY_TYPE_ED25519;
      return TRUE;
    case EVP_PKEY_EC:
      curve = lp2p_crypto_get_curve (key);
      if (curve == NULL)
        return FALSE;
      *key_type = curve->nid == NID_secp256k1 ? LP2P_KEY_TYPE_SECP256K1 : LP2P_KEY_TYPE_ECDSA;
      return TRUE;
    default:
      return FALSE;
    }
}
