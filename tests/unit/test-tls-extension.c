/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "types/lp2p-crypto-private.h"
#include "types/lp2p-der-private.h"

#include <lp2p/codec/lp2p-codec-error.h>
#include <lp2p/codec/lp2p-tls-extension.h>
#include <lp2p/types/lp2p-error.h>

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <openssl/x509.h>
#include <string.h>

/* When the certificates in data/certificates/ were made. */
#define FOREIGN_NOW G_GINT64_CONSTANT (1795346600)

/* 2025-01-01 00:00:00 UTC */
#define NOW G_GINT64_CONSTANT (1735689600)

static GBytes *
load (const char *name)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "unit", "data", "certificates", name, NULL);
  g_autoptr (GError) error = NULL;
  char *contents;
  gsize len;

  g_file_get_contents (path, &contents, &len, &error);
  g_assert_no_error (error);
  return g_bytes_new_take (contents, len);
}

static Lp2pPublicKey *
verify (GBytes *der, gint64 now, GError **error)
{
  Lp2pPublicKey *key = NULL;
  gboolean good = lp2p_tls_verify_certificate (g_bytes_get_data (der, NULL), g_bytes_get_size (der),
                                               now, &key, error);

  g_assert_cmpint (good, ==, key != NULL);
  return key;
}

static void
assert_peer (Lp2pPublicKey *key, const char *expected)
{
  g_autoptr (Lp2pPeerId) peer_id = lp2p_peer_id_new_from_public_key (key);

  g_assert_cmpstr (lp2p_peer_id_get_string (peer_id), ==, expected);
}

/* Those of the specification, and what go-libp2p and js-libp2p send. */
static void
test_vectors (void)
{
  static const struct
  {
    const char *file;
    const char *peer_id;
  } vectors[] = {
    { "spec-1.der", "12D3KooWM6CgA9iBFZmcYAHA6A2qvbAxqfkmrYiRQuz3XEsk4Ksv" },
    { "spec-2.der", "QmfXbAwNjJLXfesgztEHe8HwgVDCMMpZ9Eax1HYq6hn9uE" },
    { "spec-3.der", "16Uiu2HAkutTMoTzDw1tCvSRtu6YoixJwS46S1ZFxW8hSx9fWHiPs" },
    { "go-ed25519.der", "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq" },
    { "go-secp256k1.der", "16Uiu2HAmLhLvBoYaoZfaMUKuibM6ac163GwKY74c5kiSLg5KvLpY" },
    { "go-ecdsa.der", "QmVMT29id3TUASyfZZ6k9hmNyc2nYabCo4uMSpDw4zrgDk" },
    { "go-rsa.der", "QmaeANgBs1DTSxWSrPPtobgQuxW8XTfsS4ydbK4rCHzqxG" },
    { "js-ed25519.der", "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq" },
    { "js-secp256k1.der", "16Uiu2HAmLhLvBoYaoZfaMUKuibM6ac163GwKY74c5kiSLg5KvLpY" },
    { "js-rsa.der", "QmaeANgBs1DTSxWSrPPtobgQuxW8XTfsS4ydbK4rCHzqxG" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) der = load (vectors[i].file);
      g_autoptr (Lp2pPublicKey) key = verify (der, FOREIGN_NOW, &error);

      g_test_message ("%s", vectors[i].file);
      g_assert_no_error (error);
      assert_peer (key, vectors[i].peer_id);
    }
}

static void
assert_refused (GBytes *der, gint64 now, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (verify (der, now, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_CERTIFICATE);
  g_test_message ("%s", error->message);
  if (part != NULL)
    g_assert_nonnull (strstr (error->message, part));
}

static void
test_invalid_vector (void)
{
  g_autoptr (GBytes) der = load ("spec-4.der");

  assert_refused (der, FOREIGN_NOW, "not vouched for");
}

/* No single bit of a certificate may change unnoticed. */
static void
test_flips (void)
{
  g_autoptr (GBytes) der = load ("spec-1.der");
  gsize len;
  const guint8 *data = g_bytes_get_data (der, &len);

  for (gsize at = 0; at < len; at++)
    {
      g_autofree guint8 *copy = g_memdup2 (data, len);
      g_autoptr (GBytes) changed = NULL;
      g_autoptr (GBytes) shorter = g_bytes_new (data, at);
      g_autoptr (GError) error = NULL;

      copy[at] ^= (guint8) (1 << (at % 8));
      changed = g_bytes_new (copy, len);
      g_assert_null (verify (changed, FOREIGN_NOW, &error));
      g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_CERTIFICATE);
      g_clear_error (&error);
      g_assert_null (verify (shorter, FOREIGN_NOW, &error));
      g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_CERTIFICATE);
    }
}

static void
test_too_large (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *data = g_malloc0 (LP2P_TLS_CERTIFICATE_MAX_SIZE + 1);

  g_assert_false (
      lp2p_tls_verify_certificate (data, LP2P_TLS_CERTIFICATE_MAX_SIZE + 1, NOW, NULL, &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_TOO_LARGE);
}

/* What it signs is good for the key in the certificate, which GnuTLS can read. */
static void
assert_signs (Lp2pTlsCertificate *certificate)
{
  gsize len;
  const guint8 *der = g_bytes_get_data (lp2p_tls_certificate_get_der (certificate), &len);
  static const guint8 hash[32] = "the hash of something is as long";
  g_autoptr (GBytes) signature = lp2p_tls_certificate_sign (certificate, hash, sizeof hash);
  gnutls_datum_t crt = { (guint8 *) der, len };
  gnutls_datum_t data = { (guint8 *) hash, sizeof hash };
  gnutls_datum_t given;
  gnutls_pcert_st pcert;

  g_assert_nonnull (signature);
  given.data = (guint8 *) g_bytes_get_data (signature, &len);
  given.size = len;
  g_assert_cmpint (gnutls_pcert_import_x509_raw (&pcert, &crt, GNUTLS_X509_FMT_DER, 0), ==, 0);
  g_assert_cmpint (
      gnutls_pubkey_verify_hash2 (pcert.pubkey, GNUTLS_SIGN_ECDSA_SHA256, 0, &data, &given), >=, 0);
  gnutls_pcert_deinit (&pcert);
}

static void
test_make (gconstpointer data)
{
  Lp2pKeyType key_type = (Lp2pKeyType) GPOINTER_TO_INT (data);
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (key_type, &error);
  g_autoptr (Lp2pTlsCertificate) certificate = NULL;
  g_autoptr (Lp2pTlsCertificate) second = NULL;
  g_autoptr (Lp2pPublicKey) key = NULL;
  GBytes *der;

  g_assert_no_error (error);
  certificate = lp2p_tls_certificate_new (identity, NOW, &error);
  g_assert_no_error (error);
  second = lp2p_tls_certificate_new (identity, NOW, &error);
  g_assert_no_error (error);
  der = lp2p_tls_certificate_get_der (certificate);
  g_assert_false (g_bytes_equal (der, lp2p_tls_certificate_get_der (second)));

  key = verify (der, NOW, &error);
  g_assert_no_error (error);
  g_assert_true (lp2p_public_key_equal (key, lp2p_identity_get_public_key (identity)));
  assert_signs (certificate);

  assert_refused (der, NOW - 3601, "not valid before");
  assert_refused (der, NOW + G_GINT64_CONSTANT (100) * 365 * 24 * 3600 + 1, "expired");
  g_clear_pointer (&key, lp2p_public_key_unref);
  key = verify (der, NOW + G_GINT64_CONSTANT (99) * 365 * 24 * 3600, &error);
  g_assert_no_error (error);
}

/* Others can read it, and would have written it with the same bytes. */
static void
assert_standard (Lp2pTlsCertificate *certificate, gint64 not_before)
{
  gsize len;
  const guint8 *der = g_bytes_get_data (lp2p_tls_certificate_get_der (certificate), &len);
  const guint8 *end = der;
  g_autofree guint8 *again = g_malloc (len);
  guint8 *out = again;
  X509 *crt = d2i_X509 (NULL, &end, (long) len);
  ASN1_TIME *time = ASN1_TIME_set (NULL, not_before);
  guint64 serial;

  g_assert_nonnull (crt);
  g_assert_true (end == der + len);
  g_assert_cmpint (X509_verify (crt, X509_get0_pubkey (crt)), ==, 1);
  g_assert_cmpint (X509_get_version (crt), ==, X509_VERSION_3);
  g_assert_cmpint (X509_get_ext_count (crt), ==, 1);
  g_assert_cmpint (X509_NAME_cmp (X509_get_subject_name (crt), X509_get_issuer_name (crt)), ==, 0);
  g_assert_cmpint (X509_NAME_entry_count (X509_get_subject_name (crt)), ==, 1);
  g_assert_cmpint (ASN1_TIME_compare (X509_get0_notBefore (crt), time), ==, 0);
  g_assert_cmpint (ASN1_INTEGER_get_uint64 (&serial, X509_get0_serialNumber (crt)), ==, 1);
  g_assert_cmpint (i2d_X509 (crt, NULL), ==, (int) len);
  i2d_X509 (crt, &out);
  g_assert_cmpmem (again, len, der, len);
  ASN1_TIME_free (time);
  X509_free (crt);
}

/* Either end of the period may need the long form of a time. */
static void
test_make_at (void)
{
  /* The last second of 2049 and the next one, an hour later. */
  const gint64 turn = G_GINT64_CONSTANT (2524607999) + 3600;
  const gint64 times[] = { 3600, NOW, turn, turn + 1, G_GINT64_CONSTANT (250000000000) };
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, &error);

  for (guint i = 0; i < G_N_ELEMENTS (times); i++)
    {
      g_autoptr (Lp2pTlsCertificate) certificate = lp2p_tls_certificate_new (identity, times[i], &error);
      g_autoptr (Lp2pPublicKey) key = NULL;

      g_assert_no_error (error);
      assert_standard (certificate, times[i] - 3600);
      key = verify (lp2p_tls_certificate_get_der (certificate), times[i], &error);
      g_assert_no_error (error);
    }
  g_assert_null (lp2p_tls_certificate_new (identity, G_GINT64_CONSTANT (253000000000), &error));
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_CERTIFICATE);
  g_assert_nonnull (strstr (error->message, "year 9999"));
}

/* It is told what libcrypto has against it. */
static void
test_make_impossible (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, &error);
  g_autofree char *known = NULL;

  g_assert_no_error (error);
  known = g_strdup_printf ("No certificate can be made for %s: ",
                           lp2p_peer_id_get_string (lp2p_identity_get_peer_id (identity)));
  /* Nobody has keys with that property. */
  g_assert_cmpint (EVP_set_default_properties (NULL, "nowhere=yes"), ==, 1);
  g_assert_null (lp2p_tls_certificate_new (identity, NOW, &error));
  g_assert_cmpint (EVP_set_default_properties (NULL, ""), ==, 1);
  g_test_message ("%s", error->message);
  g_assert_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_CERTIFICATE);
  g_assert_true (g_str_has_prefix (error->message, known));
  g_assert_null (strstr (error->message, "libcrypto failed"));
}

/* A certificate of any shape: each field is an element in DER. */
typedef struct
{
  const char *version;
  const char *algorithm;
  const char *inner_algorithm;
  const char *not_before;
  const char *not_after;
  guint8 time_tag;
  const char *unique_id;
  const char *extensions; /* before the libp2p one */
  guint n_signed_keys;
  const char *critical;
  const char *behind;
  const EVP_MD *(*digest) (void);
} Shape;

#define ECDSA_SHA256 "300a06082a8648ce3d040302"
#define ECDSA_SHA384 "300a06082a8648ce3d040303"
#define ECDSA_SHA512 "300a06082a8648ce3d040304"
#define ECDSA_SHA1   "300906072a8648ce3d0401"
#define ED25519      "300506032b6570"
#define RSA_SHA256   "300d06092a864886f70d01010b0500"
#define RSA_NO_NULL  "300b06092a864886f70d01010b"
#define RSA_SHA512   "300d06092a864886f70d01010d0500"
#define RSA_PSS      "300d06092a864886f70d01010a0500"
#define CRITICAL     "0101ff"
#define NOT_CRITICAL "010100"

static const Shape plain = {
  .version = "a003020102",
  .algorithm = ECDSA_SHA256,
  .inner_algorithm = ECDSA_SHA256,
  .not_before = "240101000000Z",
  .not_after = "260101000000Z",
  .time_tag = LP2P_DER_UTC_TIME,
  .unique_id = "",
  .extensions = "",
  .n_signed_keys = 1,
  .critical = "",
  .behind = "",
  .digest = EVP_sha256,
};

static void
append_hex (GByteArray *out, const char *hex)
{
  for (; *hex != '\0'; hex += 2)
    {
      guint8 byte = (guint8) (g_ascii_xdigit_value (hex[0]) << 4 | g_ascii_xdigit_value (hex[1]));

      g_byte_array_append (out, &byte, 1);
    }
}

/* Puts what @array holds into an element. */
static void
wrap (GByteArray *array, guint8 tag)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();

  lp2p_der_append (out, tag, array->data, array->len);
  g_byte_array_set_size (array, 0);
  g_byte_array_append (array, out->data, out->len);
}

static void
append_signed_key (GByteArray *out, const Shape *shape, GBytes *value)
{
  g_autoptr (GByteArray) extension = g_byte_array_new ();

  append_hex (extension, "060a2b0601040183a25a0101");
  append_hex (extension, shape->critical);
  lp2p_der_append (extension, LP2P_DER_OCTET_STRING, g_bytes_get_data (value, NULL),
                   g_bytes_get_size (value));
  wrap (extension, LP2P_DER_SEQUENCE);
  g_byte_array_append (out, extension->data, extension->len);
}

static GByteArray *
build_tbs (const Shape *shape, GBytes *spki, GBytes *value)
{
  GByteArray *tbs = g_byte_array_new ();
  g_autoptr (GByteArray) validity = g_byte_array_new ();
  g_autoptr (GByteArray) extensions = g_byte_array_new ();

  append_hex (tbs, shape->version);
  append_hex (tbs, "020101");
  append_hex (tbs, shape->inner_algorithm);
  append_hex (tbs, "3000");
  lp2p_der_append (validity, shape->time_tag, shape->not_before, strlen (shape->not_before));
  lp2p_der_append (validity, shape->time_tag, shape->not_after, strlen (shape->not_after));
  wrap (validity, LP2P_DER_SEQUENCE);
  g_byte_array_append (tbs, validity->data, validity->len);
  append_hex (tbs, "3000");
  g_byte_array_append (tbs, g_bytes_get_data (spki, NULL), (guint) g_bytes_get_size (spki));
  append_hex (tbs, shape->unique_id);

  append_hex (extensions, shape->extensions);
  for (guint i = 0; i < shape->n_signed_keys; i++)
    append_signed_key (extensions, shape, value);
  wrap (extensions, LP2P_DER_SEQUENCE);
  wrap (extensions, LP2P_DER_CONTEXT (3));
  g_byte_array_append (tbs, extensions->data, extensions->len);
  wrap (tbs, LP2P_DER_SEQUENCE);
  return tbs;
}

static GBytes *
build (const Shape *shape, EVP_PKEY *pair, Lp2pIdentity *identity)
{
  g_autoptr (GError) error = NULL;
  unsigned char *der = NULL;
  int size = i2d_PUBKEY (pair, &der);
  g_autoptr (GBytes) spki = g_bytes_new (der, (gsize) size);
  g_autoptr (GBytes) value = lp2p_tls_extension_encode (identity, der, (gsize) size, &error);
  g_autoptr (GByteArray) out = NULL;
  g_autoptr (GByteArray) bits = g_byte_array_new ();
  g_autoptr (GBytes) signature = NULL;

  g_assert_no_error (error);
  OPENSSL_free (der);
  out = build_tbs (shape, spki, value);
  signature =
      lp2p_crypto_sign (pair, shape->digest != NULL ? shape->digest () : NULL, out->data, out->len);
  append_hex (out, shape->algorithm);
  append_hex (bits, "00");
  g_byte_array_append (bits, g_bytes_get_data (signature, NULL),
                       (guint) g_bytes_get_size (signature));
  lp2p_der_append (out, LP2P_DER_BIT_STRING, bits->data, bits->len);
  wrap (out, LP2P_DER_SEQUENCE);
  append_hex (out, shape->behind);
  return g_byte_array_free_to_bytes (g_steal_pointer (&out));
}

typedef struct
{
  Lp2pIdentity *identity;
  EVP_PKEY *pair;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, &error);
  g_assert_no_error (error);
  fixture->pair = EVP_PKEY_Q_keygen (NULL, NULL, "EC", "P-256");
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_object_unref (fixture->identity);
  EVP_PKEY_free (fixture->pair);
}

static void
assert_good_shape (Fixture *fixture, const Shape *shape)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) der = build (shape, fixture->pair, fixture->identity);
  g_autoptr (Lp2pPublicKey) key = verify (der, NOW, &error);

  g_assert_no_error (error);
  g_assert_true (lp2p_public_key_equal (key, lp2p_identity_get_public_key (fixture->identity)));
}

static void
assert_bad_shape (Fixture *fixture, const Shape *shape, const char *part)
{
  g_autoptr (GBytes) der = build (shape, fixture->pair, fixture->identity);

  assert_refused (der, NOW, part);
}

static void
test_shapes (Fixture *fixture, gconstpointer data)
{
  Shape shape = plain;

  assert_good_shape (fixture, &shape);

  shape.behind = "00";
  assert_bad_shape (fixture, &shape, "malformed");
  shape = plain;

  /* version 1, version 2, none */
  shape.version = "a003020100";
  assert_bad_shape (fixture, &shape, "version 3");
  shape.version = "a003020101";
  assert_bad_shape (fixture, &shape, "version 3");
  shape.version = "";
  assert_bad_shape (fixture, &shape, "version 3");
  shape = plain;

  shape.unique_id = "81020000";
  assert_bad_shape (fixture, &shape, "unique ids");
  shape.unique_id = "82020000";
  assert_bad_shape (fixture, &shape, "unique ids");
}

static void
test_extensions (Fixture *fixture, gconstpointer data)
{
  Shape shape = plain;

  shape.critical = CRITICAL;
  assert_good_shape (fixture, &shape);
  shape.critical = NOT_CRITICAL;
  assert_good_shape (fixture, &shape);
  shape.critical = "010101";
  assert_bad_shape (fixture, &shape, "malformed extension");
  shape.critical = "0102ffff";
  assert_bad_shape (fixture, &shape, "malformed extension");
  shape = plain;

  shape.n_signed_keys = 0;
  assert_bad_shape (fixture, &shape, "does not have the libp2p extension");
  shape.n_signed_keys = 2;
  assert_bad_shape (fixture, &shape, "twice");
  shape = plain;

  /* 1.2.3.4, not critical, critical; nothing at all; no value */
  shape.extensions = "300706032a03040400";
  assert_good_shape (fixture, &shape);
  shape.extensions = "300a06032a0304" CRITICAL "0400";
  assert_bad_shape (fixture, &shape, "unknown critical extension 1.2.3.4");
  shape.extensions = "3000";
  assert_bad_shape (fixture, &shape, "malformed extension");
  shape.extensions = "300506032a0304";
  assert_bad_shape (fixture, &shape, "malformed extension");
  /* keyUsage, critical */
  shape.extensions = "300e0603551d0f" CRITICAL "040403020780";
  assert_good_shape (fixture, &shape);
}

static void
test_times (Fixture *fixture, gconstpointer data)
{
  static const char *const malformed[] = {
    "",
    "2401010000Z",
    "240101000000",
    "240101000000+0000",
    "241301000000Z",
    "240230000000Z",
    "240101240000Z",
    "24010100000xZ",
    "240101000000Z ",
  };
  Shape shape = plain;

  for (guint i = 0; i < G_N_ELEMENTS (malformed); i++)
    {
      shape.not_before = malformed[i];
      assert_bad_shape (fixture, &shape, "period of validity");
    }
  shape = plain;

  shape.not_before = "250101000001Z";
  assert_bad_shape (fixture, &shape, "not valid before 1 seconds from now");
  shape.not_before = "250101000000Z";
  assert_good_shape (fixture, &shape);
  shape.not_before = "500101000000Z"; /* 1950 */
  assert_good_shape (fixture, &shape);
  shape.not_after = "250101000000Z";
  assert_good_shape (fixture, &shape);
  shape.not_after = "241231235959Z";
  assert_bad_shape (fixture, &shape, "expired 1 seconds ago");

  shape = plain;
  shape.time_tag = LP2P_DER_GENERALIZED_TIME;
  assert_bad_shape (fixture, &shape, "period of validity");
  shape.not_before = "00010101000000Z";
  shape.not_after = "99991231235959Z";
  assert_good_shape (fixture, &shape);
  shape.not_before = "20240101000000.5Z";
  assert_bad_shape (fixture, &shape, "period of validity");
  shape = plain;
  shape.time_tag = LP2P_DER_OCTET_STRING;
  assert_bad_shape (fixture, &shape, "period of validity");
}

static void
use_key (Fixture *fixture, EVP_PKEY *pair)
{
  EVP_PKEY_free (fixture->pair);
  fixture->pair = pair;
}

static void
check_algorithm (Fixture *fixture,
                 const char *algorithm,
                 const EVP_MD *(*digest) (void),
                 const char *message)
{
  Shape shape = plain;

  shape.algorithm = shape.inner_algorithm = algorithm;
  shape.digest = digest;
  if (message == NULL)
    assert_good_shape (fixture, &shape);
  else
    assert_bad_shape (fixture, &shape, message);
}

static void
test_algorithms (Fixture *fixture, gconstpointer data)
{
  const char *wrong = "is signed with the algorithm";
  const char *bad = "not signed with its own key";
  Shape shape = plain;

  shape.inner_algorithm = ECDSA_SHA384;
  assert_bad_shape (fixture, &shape, "two different");
  check_algorithm (fixture, ECDSA_SHA384, EVP_sha384, NULL);
  check_algorithm (fixture, ECDSA_SHA512, EVP_sha512, NULL);
  check_algorithm (fixture, ECDSA_SHA256, EVP_sha384, bad);
  check_algorithm (fixture, ECDSA_SHA1, EVP_sha1, wrong);
  check_algorithm (fixture, RSA_SHA256, EVP_sha256, wrong);
  check_algorithm (fixture, ED25519, EVP_sha256, wrong);
  check_algorithm (fixture, "3000", EVP_sha256, "names no signature algorithm");
  check_algorithm (fixture, "300c06082a8648ce3d0403020500", EVP_sha256, wrong);

  use_key (fixture, EVP_PKEY_Q_keygen (NULL, NULL, "EC", "P-384"));
  check_algorithm (fixture, ECDSA_SHA384, EVP_sha384, NULL);
  use_key (fixture, EVP_PKEY_Q_keygen (NULL, NULL, "EC", "P-521"));
  check_algorithm (fixture, ECDSA_SHA512, EVP_sha512, NULL);
  use_key (fixture, EVP_PKEY_Q_keygen (NULL, NULL, "EC", "P-224"));
  check_algorithm (fixture, ECDSA_SHA256, EVP_sha256, "no valid public key");
  use_key (fixture, EVP_PKEY_Q_keygen (NULL, NULL, "ED25519"));
  check_algorithm (fixture, ED25519, NULL, NULL);
  check_algorithm (fixture, ECDSA_SHA256, NULL, wrong);
  use_key (fixture, EVP_PKEY_Q_keygen (NULL, NULL, "RSA", (size_t) 2048));
  check_algorithm (fixture, RSA_SHA256, EVP_sha256, NULL);
  check_algorithm (fixture, RSA_SHA512, EVP_sha512, NULL);
  check_algorithm (fixture, RSA_NO_NULL, EVP_sha256, wrong);
  check_algorithm (fixture, RSA_PSS, EVP_sha256, wrong);
  use_key (fixture, EVP_PKEY_Q_keygen (NULL, NULL, "RSA", (size_t) 1024));
  check_algorithm (fixture, RSA_SHA256, EVP_sha256, "no valid public key");
}

/* A certificate that carries the signature of another; the vector 4 of the
 * specification is one that carries the extension of another. */
static void
test_stolen (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GBytes) one = build (&plain, fixture->pair, fixture->identity);
  g_autoptr (GBytes) two = NULL;
  g_autoptr (GByteArray) mixed = g_byte_array_new ();
  g_autoptr (GBytes) der = NULL;
  gsize len;
  const guint8 *data_one = g_bytes_get_data (one, &len);
  Lp2pCursor in, outer, tbs, skipped;
  const guint8 *bytes;

  /* The signed part of one, the signature of another. */
  lp2p_cursor_init (&in, data_one, len);
  g_assert_true (lp2p_der_read (&in, LP2P_DER_SEQUENCE, &outer));
  g_assert_true (lp2p_der_read_whole (&outer, LP2P_DER_SEQUENCE, &tbs, &skipped));
  len = lp2p_cursor_left (&tbs);
  g_assert_true (lp2p_cursor_read_bytes (&tbs, len, &bytes));
  g_byte_array_append (mixed, bytes, (guint) len);

  use_key (fixture, EVP_PKEY_Q_keygen (NULL, NULL, "EC", "P-256"));
  two = build (&plain, fixture->pair, fixture->identity);
  lp2p_cursor_init (&in, g_bytes_get_data (two, NULL), g_bytes_get_size (two));
  g_assert_true (lp2p_der_read (&in, LP2P_DER_SEQUENCE, &outer));
  g_assert_true (lp2p_der_read (&outer, LP2P_DER_SEQUENCE, &skipped));
  len = lp2p_cursor_left (&outer);
  g_assert_true (lp2p_cursor_read_bytes (&outer, len, &bytes));
  g_byte_array_append (mixed, bytes, (guint) len);
  wrap (mixed, LP2P_DER_SEQUENCE);
  der = g_bytes_new (mixed->data, mixed->len);
  assert_refused (der, NOW, "not signed with its own key");
}

static void
add (const char *path, void (*func) (Fixture *, gconstpointer))
{
  g_test_add (path, Fixture, NULL, set_up, func, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/tls-extension/vectors", test_vectors);
  g_test_add_func ("/tls-extension/invalid-vector", test_invalid_vector);
  g_test_add_func ("/tls-extension/flips", test_flips);
  g_test_add_func ("/tls-extension/too-large", test_too_large);
  g_test_add_data_func ("/tls-extension/make/rsa", GINT_TO_POINTER (LP2P_KEY_TYPE_RSA), test_make);
  g_test_add_data_func ("/tls-extension/make/ed25519", GINT_TO_POINTER (LP2P_KEY_TYPE_ED25519),
                        test_make);
  g_test_add_data_func ("/tls-extension/make/secp256k1", GINT_TO_POINTER (LP2P_KEY_TYPE_SECP256K1),
                        test_make);
  g_test_add_data_func ("/tls-extension/make/ecdsa", GINT_TO_POINTER (LP2P_KEY_TYPE_ECDSA),
                        test_make);
  g_test_add_func ("/tls-extension/make/at", test_make_at);
  g_test_add_func ("/tls-extension/make/impossible", test_make_impossible);
  add ("/tls-extension/shapes", test_shapes);
  add ("/tls-extension/extensions", test_extensions);
  add ("/tls-extension/times", test_times);
  add ("/tls-extension/algorithms", test_algorithms);
  add ("/tls-extension/stolen", test_stolen);

  return g_test_run ();
}
