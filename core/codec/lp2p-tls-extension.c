/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Making certificates; lp2p-tls-verify.c is the other direction. */

#include "codec/lp2p-tls-extension-private.h"

#include "types/lp2p-crypto-private.h"
#include "types/lp2p-der-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/codec/lp2p-codec-error.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>
#include <string.h>

/* So that peers whose clocks are a little slow accept a new certificate. */
#define BACKDATED_SECONDS 3600

/* As go-libp2p does. The certificate is not what is trusted, and a process must
 * not lose its peers because it has run for long. */
#define VALID_SECONDS (G_GINT64_CONSTANT (100) * 365 * 24 * 3600)

#define SERIAL_SIZE 8

/* Two numbers of 32 bytes, in DER. */
#define SIGNATURE_MAX 72

static const guint8 oid_ec_key[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };
static const guint8 oid_ecdsa_sha256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };

/* X.520 serialNumber: any name will do, this one says least. */
static const guint8 oid_serial_number[] = { 0x55, 0x04, 0x05 };

/**
 * Lp2pTlsCertificate:
 *
 * A self-signed certificate that proves an identity, and its private key, for
 * the TLS handshake of libp2p (specification
 * [libp2p TLS Handshake](https://github.com/libp2p/specs/blob/master/tls/tls.md)).
 *
 * It is immutable and may be used from several threads and for any number of
 * connections at once.
 *
 * Since: 1.0
 */
struct _Lp2pTlsCertificate
{
  gatomicrefcount ref_count;
  GBytes *der;
  EVP_PKEY *key;
};

G_DEFINE_BOXED_TYPE (Lp2pTlsCertificate,
                     lp2p_tls_certificate,
                     lp2p_tls_certificate_ref,
                     lp2p_tls_certificate_unref)

GByteArray *
lp2p_tls_extension_signed_data (const guint8 *spki, gsize len)
{
  gsize prefix_len = strlen (LP2P_TLS_SIGNATURE_PREFIX);
  GByteArray *data = g_byte_array_sized_new ((guint) (prefix_len + len));

  g_byte_array_append (data, (const guint8 *) LP2P_TLS_SIGNATURE_PREFIX, (guint) prefix_len);
  g_byte_array_append (data, spki, (guint) len);
  return data;
}

/**
 * lp2p_tls_extension_encode:
 * @identity: who vouches for the certificate
 * @spki: (array length=len): the SubjectPublicKeyInfo of the certificate's key,
 *   in DER
 * @len: how many bytes it has
 * @error: return location for an error
 *
 * Makes the value of the libp2p Public Key Extension: the public key of
 * @identity and its signature over @spki, as a DER `SignedKey`. It belongs under
 * %LP2P_TLS_EXTENSION_OID into the certificate.
 *
 * Returns: (transfer full): the value of the extension, or %NULL with an error
 *   of [method@Lp2p.Identity.sign]
 *
 * Since: 1.0
 */
GBytes *
lp2p_tls_extension_encode (Lp2pIdentity *identity, const guint8 *spki, gsize len, GError **error)
{
  g_autoptr (GByteArray) data = NULL;
  g_autoptr (GBytes) signature = NULL;
  g_autoptr (GByteArray) content = NULL;
  GByteArray *signed_key;
  GBytes *key;

  g_return_val_if_fail (LP2P_IS_IDENTITY (identity), NULL);
  g_return_val_if_fail (spki != NULL && len > 0 && len <= LP2P_TLS_CERTIFICATE_MAX_SIZE, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  data = lp2p_tls_extension_signed_data (spki, len);
  signature = lp2p_identity_sign (identity, data->data, data->len, error);
  if (signature == NULL)
    return NULL;

  key = lp2p_public_key_get_bytes (lp2p_identity_get_public_key (identity));
  content = g_byte_array_new ();
  lp2p_der_append (content, LP2P_DER_OCTET_STRING, g_bytes_get_data (key, NULL),
                   g_bytes_get_size (key));
  lp2p_der_append (content, LP2P_DER_OCTET_STRING, g_bytes_get_data (signature, NULL),
                   g_bytes_get_size (signature));
  signed_key = g_byte_array_new ();
  lp2p_der_append (signed_key, LP2P_DER_SEQUENCE, content->data, content->len);
  return g_byte_array_free_to_bytes (signed_key);
}

/* Appends an element with what was put into @content, which it frees. */
static void
wrap (GByteArray *out, guint8 tag, GByteArray *content)
{
  lp2p_der_append (out, tag, content->data, content->len);
  g_byte_array_unref (content);
}

static void
append_algorithm (GByteArray *out, const guint8 *oid, gsize oid_len, const guint8 *parameter, gsize parameter_len)
{
  GByteArray *content = g_byte_array_new ();

  lp2p_der_append (content, LP2P_DER_OID, oid, oid_len);
  if (parameter_len > 0)
    lp2p_der_append (content, LP2P_DER_OID, parameter, parameter_len);
  wrap (out, LP2P_DER_SEQUENCE, content);
}

/* No bits of the last byte are unused. */
static void
append_bits (GByteArray *out, const guint8 *data, gsize len)
{
  static const guint8 unused = 0;
  GByteArray *content = g_byte_array_sized_new ((guint) len + 1);

  g_byte_array_append (content, &unused, 1);
  g_byte_array_append (content, data, (guint) len);
  wrap (out, LP2P_DER_BIT_STRING, content);
}

/* The name is the serial number in hexadecimal digits. */
static void
append_name (GByteArray *out, const guint8 serial[SERIAL_SIZE])
{
  GByteArray *part = g_byte_array_new ();
  GByteArray *set = g_byte_array_new ();
  GByteArray *name = g_byte_array_new ();
  char text[2 * SERIAL_SIZE + 1];

  for (guint i = 0; i < SERIAL_SIZE; i++)
    g_snprintf (text + 2 * i, 3, "%02x", serial[i]);
  lp2p_der_append (part, LP2P_DER_OID, oid_serial_number, sizeof oid_serial_number);
  lp2p_der_append (part, LP2P_DER_PRINTABLE_STRING, text, strlen (text));
  wrap (set, LP2P_DER_SEQUENCE, part);
  wrap (name, LP2P_DER_SET, set);
  wrap (out, LP2P_DER_SEQUENCE, name);
}

/* RFC 5280, section 4.1.2.5: the short form up to 2049. Returns FALSE for a time that
 * has no form. */
static gboolean
append_time (GByteArray *out, gint64 unix_time)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (unix_time);
  g_autofree char *text = NULL;
  int year;
  gboolean is_short;

  if (time == NULL)
    return FALSE;
  year = g_date_time_get_year (time);
  is_short = year >= 1950 && year < 2050;
  text = g_strdup_printf ("%0*d%02d%02d%02d%02d%02dZ", is_short ? 2 : 4, is_short ? year % 100 : year,
                          g_date_time_get_month (time), g_date_time_get_day_of_month (time),
                          g_date_time_get_hour (time), g_date_time_get_minute (time),
                          g_date_time_get_second (time));
  lp2p_der_append (out, is_short ? LP2P_DER_UTC_TIME : LP2P_DER_GENERALIZED_TIME, text, strlen (text));
  return TRUE;
}

static gboolean
append_validity (GByteArray *out, gint64 now_unix)
{
  GByteArray *content = g_byte_array_new ();
  gboolean good = append_time (content, MAX (0, now_unix - BACKDATED_SECONDS)) &&
                  append_time (content, now_unix + VALID_SECONDS);

  wrap (out, LP2P_DER_SEQUENCE, content);
  return good;
}

/* SubjectPublicKeyInfo, with the curve named. Returns NULL when libcrypto fails. */
static GByteArray *
make_spki (EVP_PKEY *key)
{
  const Lp2pCurve *curve = lp2p_curve_by_nid (NID_X9_62_prime256v1);
  guint8 point[LP2P_EC_POINT_MAX];
  gsize size;
  GByteArray *content;
  GByteArray *spki;

  if (EVP_PKEY_get_octet_string_param (key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &size) != 1)
    return NULL;
  content = g_byte_array_new ();
  append_algorithm (content, oid_ec_key, sizeof oid_ec_key, curve->oid, curve->oid_len);
  append_bits (content, point, size);
  spki = g_byte_array_new ();
  wrap (spki, LP2P_DER_SEQUENCE, content);
  return spki;
}

static void
append_extensions (GByteArray *out, GBytes *signed_key)
{
  GByteArray *extension = g_byte_array_new ();
  GByteArray *extensions = g_byte_array_new ();
  GByteArray *tagged = g_byte_array_new ();

  lp2p_der_append (extension, LP2P_DER_OID, lp2p_tls_extension_oid, sizeof lp2p_tls_extension_oid);
  lp2p_der_append (extension, LP2P_DER_OCTET_STRING, g_bytes_get_data (signed_key, NULL),
                   g_bytes_get_size (signed_key));
  wrap (extensions, LP2P_DER_SEQUENCE, extension);
  wrap (tagged, LP2P_DER_SEQUENCE, extensions);
  wrap (out, LP2P_DER_CONTEXT (3), tagged);
}

/* TBSCertificate (RFC 5280, section 4.1), which is what is signed. Returns NULL for a
 * time that has no form. */
static GByteArray *
make_tbs (const guint8 serial[SERIAL_SIZE], gint64 now_unix, GByteArray *spki, GBytes *signed_key)
{
  static const guint8 version_3 = 2;
  GByteArray *version = g_byte_array_new ();
  GByteArray *content = g_byte_array_new ();
  GByteArray *tbs = g_byte_array_new ();
  gboolean good;

  lp2p_der_append (version, LP2P_DER_INTEGER, &version_3, 1);
  wrap (content, LP2P_DER_CONTEXT (0), version);
  lp2p_der_append (content, LP2P_DER_INTEGER, serial, SERIAL_SIZE);
  append_algorithm (content, oid_ecdsa_sha256, sizeof oid_ecdsa_sha256, NULL, 0);
  append_name (content, serial);
  good = append_validity (content, now_unix);
  append_name (content, serial);
  g_byte_array_append (content, spki->data, spki->len);
  append_extensions (content, signed_key);
  wrap (tbs, LP2P_DER_SEQUENCE, content);
  if (!good)
    g_clear_pointer (&tbs, g_byte_array_unref);
  return tbs;
}

/* Returns NULL when libcrypto fails. */
static GBytes *
sign_tbs (EVP_PKEY *key, GByteArray *tbs)
{
  g_autoptr (GBytes) signature = lp2p_crypto_sign (key, EVP_sha256 (), tbs->data, tbs->len);
  GByteArray *content;
  GByteArray *certificate;

  if (signature == NULL)
    return NULL;
  content = g_byte_array_sized_new (tbs->len);
  g_byte_array_append (content, tbs->data, tbs->len);
  append_algorithm (content, oid_ecdsa_sha256, sizeof oid_ecdsa_sha256, NULL, 0);
  append_bits (content, g_bytes_get_data (signature, NULL), g_bytes_get_size (signature));
  certificate = g_byte_array_new ();
  wrap (certificate, LP2P_DER_SEQUENCE, content);
  return g_byte_array_free_to_bytes (certificate);
}

/* Returns FALSE without an error when libcrypto failed. */
static gboolean
make (Lp2pTlsCertificate *self, Lp2pIdentity *identity, gint64 now_unix, GError **error)
{
  guint8 serial[SERIAL_SIZE];
  g_autoptr (GByteArray) spki = NULL;
  g_autoptr (GByteArray) tbs = NULL;
  g_autoptr (GBytes) signed_key = NULL;

  self->key = EVP_PKEY_Q_keygen (NULL, NULL, "EC", "P-256");
  if (self->key == NULL || RAND_bytes (serial, sizeof serial) != 1)
    return FALSE;
  /* Positive, and without a leading zero byte. */
  serial[0] = (serial[0] & 0x7f) | 0x40;

  spki = make_spki (self->key);
  if (spki == NULL)
    return FALSE;
  signed_key = lp2p_tls_extension_encode (identity, spki->data, spki->len, error);
  if (signed_key == NULL)
    return FALSE;
  tbs = make_tbs (serial, now_unix, spki, signed_key);
  self->der = tbs != NULL ? sign_tbs (self->key, tbs) : NULL;
  return self->der != NULL;
}

/**
 * lp2p_tls_certificate_new:
 * @identity: whom the certificate is to prove
 * @now_unix: the time, in seconds since 1970
 * @error: return location for an error
 *
 * Makes a new P-256 key and a self-signed certificate of it with the libp2p
 * Public Key Extension, valid from an hour before @now_unix for 100 years.
 *
 * Returns: (transfer full): the certificate, or %NULL with
 *   %LP2P_CODEC_ERROR_CERTIFICATE when libcrypto fails, or when it would hold beyond
 *   the year 9999, or an error of [method@Lp2p.Identity.sign]
 *
 * Since: 1.0
 */
Lp2pTlsCertificate *
lp2p_tls_certificate_new (Lp2pIdentity *identity, gint64 now_unix, GError **error)
{
  g_autoptr (Lp2pTlsCertificate) self = NULL;
  GError *reason = NULL;

  g_return_val_if_fail (LP2P_IS_IDENTITY (identity), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  self = g_new0 (Lp2pTlsCertificate, 1);
  g_atomic_ref_count_init (&self->ref_count);
  if (make (self, identity, now_unix, &reason))
    return g_steal_pointer (&self);

  ERR_clear_error ();
  if (reason != NULL)
    g_propagate_error (error, reason);
  else
    g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_CERTIFICATE, _("No certificate can be made for %s"),
                 lp2p_peer_id_get_string (lp2p_identity_get_peer_id (identity)));
  return NULL;
}

/**
 * lp2p_tls_certificate_ref:
 * @self: a certificate
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self
 *
 * Since: 1.0
 */
Lp2pTlsCertificate *
lp2p_tls_certificate_ref (Lp2pTlsCertificate *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * lp2p_tls_certificate_unref:
 * @self: (transfer full): a certificate
 *
 * Gives a reference back. With the last one, the private key is overwritten.
 *
 * Since: 1.0
 */
void
lp2p_tls_certificate_unref (Lp2pTlsCertificate *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_clear_pointer (&self->der, g_bytes_unref);
  g_clear_pointer (&self->key, EVP_PKEY_free);
  g_free (self);
}

/**
 * lp2p_tls_certificate_get_der:
 * @self: a certificate
 *
 * Returns the certificate as it is sent to the peer.
 *
 * Returns: (transfer none): the certificate in DER
 *
 * Since: 1.0
 */
GBytes *
lp2p_tls_certificate_get_der (Lp2pTlsCertificate *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->der;
}

/**
 * lp2p_tls_certificate_sign:
 * @self: a certificate
 * @hash: (array length=len): the SHA-256 of what is to be signed
 * @len: how many bytes it has
 *
 * Signs with the private key of the certificate, with ECDSA, as the TLS handshake
 * wants it. The key has nothing to do with that of the identity, and is not handed
 * out: GnuTLS takes three times as long to sign with one.
 *
 * Returns: (transfer full) (nullable): the signature in DER, or %NULL when
 *   libcrypto failed
 *
 * Since: 1.0
 */
GBytes *
lp2p_tls_certificate_sign (Lp2pTlsCertificate *self, const guint8 *hash, gsize len)
{
  g_autoptr (EVP_PKEY_CTX) context = NULL;
  guint8 signature[SIGNATURE_MAX];
  gsize size = sizeof signature;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (hash != NULL || len == 0, NULL);

  context = EVP_PKEY_CTX_new (self->key, NULL);
  if (context != NULL && EVP_PKEY_sign_init (context) == 1 &&
      EVP_PKEY_sign (context, signature, &size, hash, len) == 1)
    return g_bytes_new (signature, size);
  ERR_clear_error ();
  return NULL;
}
