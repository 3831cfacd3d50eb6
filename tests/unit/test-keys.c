/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "key-vectors.h"

#include "types/lp2p-der-private.h"

#include <lp2p/types/lp2p-error.h>
#include <lp2p/types/lp2p-identity.h>
#include <lp2p/types/lp2p-multibase.h>
#include <lp2p/types/lp2p-multihash.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <string.h>

#define MESSAGE     ((const guint8 *) "a message")
#define MESSAGE_LEN 9

static GBytes *
from_hex (const char *text)
{
  g_autoptr (GError) error = NULL;
  GBytes *bytes = lp2p_multibase_decode (text, &error);

  g_assert_no_error (error);
  return bytes;
}

static Lp2pIdentity *
identity_from (GBytes *bytes, GError **error)
{
  return lp2p_identity_new_from_bytes (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                                       error);
}

static Lp2pPublicKey *
public_from (GBytes *bytes, GError **error)
{
  return lp2p_public_key_new_from_bytes (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                                         error);
}

static void
assert_bytes (GBytes *a, GBytes *b)
{
  g_assert_cmpmem (g_bytes_get_data (a, NULL), g_bytes_get_size (a), g_bytes_get_data (b, NULL),
                   g_bytes_get_size (b));
}

static gboolean
verifies (Lp2pPublicKey *key, GBytes *signature)
{
  return lp2p_public_key_verify (key, MESSAGE, MESSAGE_LEN, g_bytes_get_data (signature, NULL),
                                 g_bytes_get_size (signature));
}

static void
assert_signs (Lp2pIdentity *identity, Lp2pPublicKey *key)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) signature = lp2p_identity_sign (identity, MESSAGE, MESSAGE_LEN, &error);
  g_autofree guint8 *copy = NULL;
  gsize len;

  g_assert_no_error (error);
  g_assert_true (verifies (key, signature));

  len = g_bytes_get_size (signature);
  copy = g_memdup2 (g_bytes_get_data (signature, NULL), len);
  g_assert_false (lp2p_public_key_verify (key, MESSAGE, MESSAGE_LEN - 1, copy, len));
  g_assert_false (lp2p_public_key_verify (key, MESSAGE, MESSAGE_LEN, copy, len - 1));
  g_assert_false (lp2p_public_key_verify (key, MESSAGE, MESSAGE_LEN, copy, 0));
  copy[len / 2] ^= 1;
  g_assert_false (lp2p_public_key_verify (key, MESSAGE, MESSAGE_LEN, copy, len));
}

static void
test_vectors (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (key_vectors); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) private_bytes = from_hex (key_vectors[i].private_key);
      g_autoptr (GBytes) public_bytes = from_hex (key_vectors[i].public_key);
      g_autoptr (Lp2pIdentity) identity = identity_from (private_bytes, &error);
      g_autoptr (Lp2pPublicKey) key = NULL;
      g_autoptr (GBytes) again = NULL;

      g_assert_no_error (error);
      key = public_from (public_bytes, &error);
      g_assert_no_error (error);
      g_assert_cmpint (lp2p_identity_get_key_type (identity), ==, key_vectors[i].key_type);
      g_assert_cmpint (lp2p_public_key_get_key_type (key), ==, key_vectors[i].key_type);
      g_assert_true (lp2p_public_key_equal (key, lp2p_identity_get_public_key (identity)));
      assert_bytes (lp2p_public_key_get_bytes (lp2p_identity_get_public_key (identity)),
                    public_bytes);

      again = lp2p_identity_to_bytes (identity, &error);
      g_assert_no_error (error);
      assert_bytes (again, private_bytes);
      assert_signs (identity, key);
    }
}

/* RFC 8032, section 7.1, test 2 */
static void
test_ed25519_known_answer (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) private_bytes =
      from_hex ("f08011240"
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  g_autoptr (GBytes) expected =
      from_hex ("f92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  g_autoptr (Lp2pIdentity) identity = identity_from (private_bytes, &error);
  g_autoptr (GBytes) signature = NULL;

  g_assert_no_error (error);
  signature = lp2p_identity_sign (identity, (const guint8 *) "\x72", 1, &error);
  g_assert_no_error (error);
  assert_bytes (signature, expected);
}

static void
test_generate (gconstpointer data)
{
  Lp2pKeyType key_type = (Lp2pKeyType) GPOINTER_TO_INT (data);
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (key_type, &error);
  g_autoptr (Lp2pIdentity) other = NULL;
  g_autoptr (Lp2pIdentity) again = NULL;
  g_autoptr (Lp2pPublicKey) key = NULL;
  g_autoptr (GBytes) bytes = NULL;

  g_assert_no_error (error);
  bytes = lp2p_identity_to_bytes (identity, &error);
  g_assert_no_error (error);
  again = identity_from (bytes, &error);
  g_assert_no_error (error);
  g_assert_true (lp2p_public_key_equal (lp2p_identity_get_public_key (identity),
                                        lp2p_identity_get_public_key (again)));
  g_assert_true (
      lp2p_peer_id_equal (lp2p_identity_get_peer_id (identity), lp2p_identity_get_peer_id (again)));
  g_assert_true (lp2p_peer_id_matches_public_key (lp2p_identity_get_peer_id (identity),
                                                  lp2p_identity_get_public_key (again)));

  key = public_from (lp2p_public_key_get_bytes (lp2p_identity_get_public_key (identity)), &error);
  g_assert_no_error (error);
  assert_signs (again, key);

  other = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, &error);
  g_assert_no_error (error);
  g_assert_false (lp2p_public_key_equal (lp2p_identity_get_public_key (other), key));
  {
    g_autoptr (GBytes) signature = lp2p_identity_sign (other, MESSAGE, MESSAGE_LEN, &error);

    g_assert_no_error (error);
    g_assert_false (verifies (key, signature));
  }
}

static void
test_generate_unknown (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (lp2p_identity_generate ((Lp2pKeyType) 4, &error));
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED);
}

/* The form of 96 bytes, and halves that do not belong together. */
static void
test_ed25519_legacy (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = from_hex (key_vectors[LP2P_KEY_TYPE_ED25519].private_key);
  g_autoptr (GByteArray) legacy = g_byte_array_new ();
  g_autoptr (Lp2pIdentity) identity = NULL;
  g_autoptr (GBytes) again = NULL;
  const guint8 *data = g_bytes_get_data (bytes, NULL);

  g_byte_array_append (legacy, (const guint8 *) "\x08\x01\x12\x60", 4);
  g_byte_array_append (legacy, data + 4, 64);
  g_byte_array_append (legacy, data + 36, 32);
  identity = lp2p_identity_new_from_bytes (legacy->data, legacy->len, &error);
  g_assert_no_error (error);
  again = lp2p_identity_to_bytes (identity, &error);
  g_assert_no_error (error);
  assert_bytes (again, bytes);

  for (gsize at = 36; at < legacy->len; at += 32)
    {
      legacy->data[at] ^= 1;
      g_assert_null (lp2p_identity_new_from_bytes (legacy->data, legacy->len, &error));
      g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY);
      g_clear_error (&error);
      legacy->data[at] ^= 1;
    }
}

static const char *const bad_public_keys[] = {
  /* empty, type only, data only, cut off */
  "f",
  "f0801",
  "f12201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e",
  "f080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce2",
  /* the fields in the other order, a number too long, the type twice, one field more */
  "f12201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e0801",
  "f08810012201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e",
  "f080112a0001ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e",
  "f0801080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e",
  "f080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e1801",
  /* one byte more or less */
  "f080112211ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e00",
  "f0801121f1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce2",
  /* secp256k1: uncompressed, of another form, not on the curve */
  "f08021241047777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99"
  "0000000000000000000000000000000000000000000000000000000000000000",
  "f08021221047777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99",
  "f0802122102000000000000000000000000000000000000000000000000000000000000000000",
  "f08021221020000000000000000000000000000000000000000000000000000000000000005",
  /* P-256: not on the curve, compressed, a byte after the end, a long length */
  "f0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004de3d300fa36ae0e8f5d530899d83ab"
  "ab44abf3161f162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9f77c40"
  "9e63",
  "f0803123b3039301306072a8648ce3d020106082a8648ce3d03010703220002de3d300fa36ae0e8f5d530899d83ab"
  "ab44abf3161f162a4bc901d8e6ecda020e",
  "f0803125c3059301306072a8648ce3d020106082a8648ce3d03010703420004de3d300fa36ae0e8f5d530899d83ab"
  "ab44abf3161f162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9f77c40"
  "9e6200",
  "f0803125c308159301306072a8648ce3d020106082a8648ce3d03010703420004de3d300fa36ae0e8f5d530899d83"
  "abab44abf3161f162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9f77c"
  "409e62",
  /* a secp256k1 key under the name ECDSA, the P-256 key under the name RSA */
  "f080312583056301006072a8648ce3d020106052b8104000a03420004d3d9233eb8683bd6a6cd17df17d083492c5a4"
  "13ef7b38310b32534a4de858a6d7f19b9d0d60dd6b02c6389f09493ba4265914cc022c29417ecfe0a0c3b4dcd1b",
  "f0800125b3059301306072a8648ce3d020106082a8648ce3d03010703420004de3d300fa36ae0e8f5d530899d83ab"
  "ab44abf3161f162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9f77c40"
  "9e62",
};

static void
test_bad_public (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (bad_public_keys); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = from_hex (bad_public_keys[i]);

      g_test_message ("%s", bad_public_keys[i]);
      g_assert_null (public_from (bytes, &error));
      g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY);
    }
}

static void
test_unsupported_public (void)
{
  static const char *const keys[] = {
    /* type 4; an X25519 key, and one on P-224, as ECDSA */
    "f0804120100",
    "f0803122c302a300506032b656e0321001ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474"
    "fce27e",
    "f080312183016301006072a8648ce3d020106052b8104002103020004",
  };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = from_hex (keys[i]);

      g_assert_null (public_from (bytes, &error));
      g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED);
    }
}

static const char *const bad_private_keys[] = {
  "f",
  "f0801",
  "f080112207e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d",
  /* secp256k1: zero, the order of the curve, a byte less */
  "f080212200000000000000000000000000000000000000000000000000000000000000000",
  "f08021220fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
  "f0802121f53dadf1d5a164d6b4acdb15e24aa4c5b1d3461bdbd42abedb0a4404d56ced8",
  /* P-256: the public half of another key, a byte after the end, nothing */
  "f08031279307702010104203e5b1fe9712e6c314942a750bd67485de3c1efe85b1bfb520ae8f9ae3dfa4a4ca00a06"
  "082a8648ce3d030107a14403420004de3d300fa36ae0e8f5d530899d83abab44abf3161f162a4bc901d8e6ecda020e"
  "8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9f77c409e63",
  "f0803127a307702010104203e5b1fe9712e6c314942a750bd67485de3c1efe85b1bfb520ae8f9ae3dfa4a4ca00a06"
  "082a8648ce3d030107a14403420004de3d300fa36ae0e8f5d530899d83abab44abf3161f162a4bc901d8e6ecda020e"
  "8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9f77c409e6200",
  "f08031200",
  /* RSA: nothing, an Ed25519 key in PKCS #8 */
  "f08001200",
  "f08001230302e020100300506032b657004220420"
  "7e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d",
};

static void
test_bad_private (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (bad_private_keys); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = from_hex (bad_private_keys[i]);

      g_test_message ("%s", bad_private_keys[i]);
      g_assert_null (identity_from (bytes, &error));
      g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY);
    }
}

/* No byte of a private key may be changed, added or missing without an error:
 * each is either checked against another or a part of the encoding. */
static void
test_private_flips (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (key_vectors); i++)
    {
      g_autoptr (GBytes) bytes = from_hex (key_vectors[i].private_key);
      gsize len;
      const guint8 *data = g_bytes_get_data (bytes, &len);

      /* Any 32 bytes are a secp256k1 key, and RSA is slow. */
      if (key_vectors[i].key_type == LP2P_KEY_TYPE_SECP256K1 ||
          key_vectors[i].key_type == LP2P_KEY_TYPE_RSA)
        continue;
      for (gsize at = 0; at < len; at++)
        {
          g_autofree guint8 *copy = g_memdup2 (data, len);
          g_autoptr (GError) error = NULL;

          copy[at] ^= 1;
          g_assert_null (lp2p_identity_new_from_bytes (copy, len, &error));
          g_assert_cmpuint (error->domain, ==, LP2P_TYPES_ERROR);
          g_clear_error (&error);
          g_assert_null (lp2p_identity_new_from_bytes (data, at, &error));
          g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY);
        }
    }
}

/* A change of any of the numbers must show: n, e, d, p, q, the exponents and
 * the coefficient of the Chinese remainder theorem. */
static void
test_rsa_numbers (void)
{
  g_autoptr (GBytes) bytes = from_hex (key_vectors[LP2P_KEY_TYPE_RSA].private_key);
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len);
  static const gsize places[] = { 100, 534, 700, 1200, 1400, 1700, 1900, 2200, 2354 };

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autofree guint8 *copy = g_memdup2 (data, len);
      g_autoptr (GError) error = NULL;

      copy[places[i]] ^= 2;
      g_assert_null (lp2p_identity_new_from_bytes (copy, len, &error));
      g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY);
    }
}

static void
append_number (GByteArray *out, guint bits, guint8 last)
{
  g_autofree guint8 *number = g_malloc0 (bits / 8 + 1);

  number[1] = 0x80;
  number[bits / 8] |= last;
  lp2p_der_append (out, LP2P_DER_INTEGER, number, bits / 8 + 1);
}

static GBytes *
make_rsa (guint bits, guint8 last, GBytes *exponent)
{
  g_autoptr (GByteArray) numbers = g_byte_array_new ();
  g_autoptr (GByteArray) key = g_byte_array_new ();
  g_autoptr (GByteArray) info = g_byte_array_new ();
  g_autoptr (GByteArray) whole = g_byte_array_new ();
  static const guint8 algorithm[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                      0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
  static const guint8 no_unused_bits = 0;

  append_number (numbers, bits, last);
  lp2p_der_append (numbers, LP2P_DER_INTEGER, g_bytes_get_data (exponent, NULL),
                   g_bytes_get_size (exponent));
  g_byte_array_append (key, &no_unused_bits, 1);
  lp2p_der_append (key, LP2P_DER_SEQUENCE, numbers->data, numbers->len);
  g_byte_array_append (info, algorithm, sizeof algorithm);
  lp2p_der_append (info, LP2P_DER_BIT_STRING, key->data, key->len);
  lp2p_der_append (whole, LP2P_DER_SEQUENCE, info->data, info->len);
  return g_byte_array_free_to_bytes (g_steal_pointer (&whole));
}

static void
check_rsa (guint bits, guint8 last, const char *exponent_hex, gboolean good)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) exponent = from_hex (exponent_hex);
  g_autoptr (GBytes) der = make_rsa (bits, last, exponent);
  g_autoptr (Lp2pPublicKey) key = lp2p_public_key_new_raw (
      LP2P_KEY_TYPE_RSA, g_bytes_get_data (der, NULL), g_bytes_get_size (der), &error);

  if (good)
    {
      g_assert_no_error (error);
      g_assert_nonnull (key);
    }
  else
    {
      g_assert_null (key);
      g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY);
    }
}

static void
test_rsa_bounds (void)
{
  check_rsa (2048, 1, "f010001", TRUE);
  check_rsa (8192, 1, "f010001", TRUE);
  check_rsa (2048, 1, "f03", TRUE);
  check_rsa (2040, 1, "f010001", FALSE);
  check_rsa (8200, 1, "f010001", FALSE);
  check_rsa (65536, 1, "f010001", FALSE);
  check_rsa (2048, 2, "f010001", FALSE);
  check_rsa (2048, 1, "f01", FALSE);
  check_rsa (2048, 1, "f010000", FALSE);
  check_rsa (2048, 1, "f0100000001", FALSE);
  /* negative, not minimal, empty */
  check_rsa (2048, 1, "f80", FALSE);
  check_rsa (2048, 1, "f0003", FALSE);
  check_rsa (2048, 1, "f", FALSE);
}

/* BIP 62: the smaller of the two possible values of s */
static void
test_secp256k1_low_s (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (LP2P_KEY_TYPE_SECP256K1, &error);
  EC_GROUP *group = EC_GROUP_new_by_curve_name (NID_secp256k1);
  BIGNUM *half = BN_new ();

  g_assert_no_error (error);
  BN_rshift1 (half, EC_GROUP_get0_order (group));
  for (guint i = 0; i < 64; i++)
    {
      g_autoptr (GBytes) bytes = lp2p_identity_sign (identity, MESSAGE, MESSAGE_LEN, &error);
      const unsigned char *p = g_bytes_get_data (bytes, NULL);
      ECDSA_SIG *signature;

      g_assert_no_error (error);
      g_assert_true (verifies (lp2p_identity_get_public_key (identity), bytes));
      signature = d2i_ECDSA_SIG (NULL, &p, (long) g_bytes_get_size (bytes));
      g_assert_nonnull (signature);
      g_assert_cmpint (BN_cmp (ECDSA_SIG_get0_s (signature), half), <=, 0);
      ECDSA_SIG_free (signature);
    }
  BN_free (half);
  EC_GROUP_free (group);
}

/* The specification leaves the curve open, and go and js know more than P-256. */
static void
test_ecdsa_curves (void)
{
  static const struct
  {
    const char *name;
    guint private_size;
  } curves[] = { { "P-384", 167 }, { "P-521", 223 } };

  for (guint i = 0; i < G_N_ELEMENTS (curves); i++)
    {
      g_autoptr (GError) error = NULL;
      EVP_PKEY *pair = EVP_PKEY_Q_keygen (NULL, NULL, "EC", curves[i].name);
      unsigned char *der = NULL;
      int size = i2d_PrivateKey (pair, &der);
      g_autoptr (GByteArray) message = g_byte_array_new ();
      g_autoptr (Lp2pIdentity) identity = NULL;
      g_autoptr (GBytes) again = NULL;

      g_assert_cmpint (size, ==, curves[i].private_size);
      g_byte_array_append (message, (const guint8 *) "\x08\x03\x12", 3);
      lp2p_append_varint (message, (guint64) size);
      g_byte_array_append (message, der, (guint) size);
      identity = lp2p_identity_new_from_bytes (message->data, message->len, &error);
      g_assert_no_error (error);
      assert_signs (identity, lp2p_identity_get_public_key (identity));
      again = lp2p_identity_to_bytes (identity, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (g_bytes_get_data (again, NULL), g_bytes_get_size (again), message->data,
                       message->len);
      OPENSSL_free (der);
      EVP_PKEY_free (pair);
    }
}

static void
test_names (void)
{
  Lp2pKeyType key_type;

  for (guint i = 0; i < 4; i++)
    {
      g_assert_true (
          lp2p_key_type_from_string (lp2p_key_type_to_string ((Lp2pKeyType) i), &key_type));
      g_assert_cmpint (key_type, ==, (int) i);
    }
  g_assert_false (lp2p_key_type_from_string ("dsa", &key_type));
  g_assert_false (lp2p_key_type_from_string ("", &key_type));
}

static void
test_der (void)
{
  static const struct
  {
    const char *hex;
    gboolean good;
  } cases[] = {
    { "f0400", TRUE },      { "f040100", TRUE },    { "f04", FALSE },
    { "f", FALSE },         { "f0401", FALSE },     { "f048000", FALSE },
    { "f04810100", FALSE }, { "f04820080", FALSE }, { "f04840000000100", FALSE },
    { "f1f810100", FALSE }, { "f04ff", FALSE },     { "f048180", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GBytes) bytes = from_hex (cases[i].hex);
      Lp2pCursor in = LP2P_CURSOR_INIT (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
      Lp2pCursor value;
      guint8 tag;

      g_test_message ("%s", cases[i].hex);
      g_assert_cmpint (lp2p_der_read_any (&in, &tag, &value), ==, cases[i].good);
    }

  for (gsize len = 0; len < 70000; len = len * 3 + 1)
    {
      g_autofree guint8 *content = g_malloc0 (len + 1);
      g_autoptr (GByteArray) out = g_byte_array_new ();
      Lp2pCursor in, value, whole;

      lp2p_der_append (out, LP2P_DER_OCTET_STRING, content, len);
      lp2p_cursor_init (&in, out->data, out->len);
      g_assert_true (lp2p_der_read_whole (&in, LP2P_DER_OCTET_STRING, &whole, &value));
      g_assert_true (lp2p_der_equal (&value, content, len));
      g_assert_true (lp2p_der_equal (&whole, out->data, out->len));
      g_assert_true (lp2p_cursor_at_end (&in));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/keys/vectors", test_vectors);
  g_test_add_func ("/keys/ed25519-known-answer", test_ed25519_known_answer);
  g_test_add_data_func ("/keys/generate/rsa", GINT_TO_POINTER (LP2P_KEY_TYPE_RSA), test_generate);
  g_test_add_data_func ("/keys/generate/ed25519", GINT_TO_POINTER (LP2P_KEY_TYPE_ED25519),
                        test_generate);
  g_test_add_data_func ("/keys/generate/secp256k1", GINT_TO_POINTER (LP2P_KEY_TYPE_SECP256K1),
                        test_generate);
  g_test_add_data_func ("/keys/generate/ecdsa", GINT_TO_POINTER (LP2P_KEY_TYPE_ECDSA),
                        test_generate);
  g_test_add_func ("/keys/generate/unknown", test_generate_unknown);
  g_test_add_func ("/keys/ed25519-legacy", test_ed25519_legacy);
  g_test_add_func ("/keys/bad-public", test_bad_public);
  g_test_add_func ("/keys/unsupported-public", test_unsupported_public);
  g_test_add_func ("/keys/bad-private", test_bad_private);
  g_test_add_func ("/keys/private-flips", test_private_flips);
  g_test_add_func ("/keys/rsa-numbers", test_rsa_numbers);
  g_test_add_func ("/keys/rsa-bounds", test_rsa_bounds);
  g_test_add_func ("/keys/secp256k1-low-s", test_secp256k1_low_s);
  g_test_add_func ("/keys/ecdsa-curves", test_ecdsa_curves);
  g_test_add_func ("/keys/names", test_names);
  g_test_add_func ("/keys/der", test_der);

  return g_test_run ();
}
