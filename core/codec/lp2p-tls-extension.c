/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Making certificates; lp2p-tls-verify.c is the other direction. */

#include "codec/lp2p-tls-extension-private.h"

#include "types/lp2p-crypto-private.h"
#include "types/lp2p-der-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/codec/lp2p-codec-error.h>

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <string.h>

/* So that peers whose clocks are a little slow accept a new certificate. */
#define BACKDATED_SECONDS 3600

/* As go-libp2p does. The certificate is not what is trusted, and a process must
 * not lose its peers because it has run for long. */
#define VALID_SECONDS (G_GINT64_CONSTANT (100) * 365 * 24 * 3600)

#define YEAR_9999_END G_GINT64_CONSTANT (253402300799)

#define DAY_SECONDS (24 * 3600)

/* Two numbers of 32 bytes, in DER. */
#define SIGNATURE_MAX 72

G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509_EXTENSION, X509_EXTENSION_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ASN1_OBJECT, ASN1_OBJECT_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ASN1_OCTET_STRING, ASN1_OCTET_STRING_free)

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

/* The name is the serial number: any name will do, this one says least. */
static gboolean
name_certificate (X509 *certificate)
{
  X509_NAME *name = X509_get_subject_name (certificate);
  guint64 serial;
  char text[2 * sizeof serial + 1];

  if (RAND_bytes ((guint8 *) &serial, sizeof serial) != 1)
    return FALSE;
  /* Positive, and without a leading zero byte. */
  serial = (serial & G_MAXINT64) | G_GUINT64_CONSTANT (1) << 62;
  g_snprintf (text, sizeof text, "%016" G_GINT64_MODIFIER "x", serial);
  return ASN1_INTEGER_set_uint64 (X509_get_serialNumber (certificate), serial) == 1 &&
         X509_NAME_add_entry_by_NID (name, NID_serialNumber, MBSTRING_ASC, (const guint8 *) text, -1, -1, 0) == 1 &&
         X509_set_issuer_name (certificate, name) == 1;
}

/* Counted from 1970 on, as a time_t of 32 bits ends before most certificates do. */
static gboolean
set_time (ASN1_TIME *when, gint64 unix_time)
{
  return ASN1_TIME_adj (when, 0, (int) (unix_time / DAY_SECONDS), (long) (unix_time % DAY_SECONDS)) != NULL;
}

static gboolean
set_validity (X509 *certificate, gint64 now_unix)
{
  return set_time (X509_getm_notBefore (certificate), MAX (0, now_unix - BACKDATED_SECONDS)) &&
         set_time (X509_getm_notAfter (certificate), now_unix + VALID_SECONDS);
}

/* Put together of its parts, as X509_set_pubkey() encodes and decodes the key, which takes
 * longer than all the rest of a certificate. */
static gboolean
set_key (X509 *certificate, EVP_PKEY *key)
{
  guint8 *point = NULL;
  gsize size = EVP_PKEY_get1_encoded_public_key (key, &point);

  if (size > 0 &&
      X509_PUBKEY_set0_param (X509_get_X509_PUBKEY (certificate), OBJ_nid2obj (NID_X9_62_id_ecPublicKey),
                              V_ASN1_OBJECT, OBJ_nid2obj (NID_X9_62_prime256v1), point, (int) size) == 1)
    return TRUE;
  OPENSSL_free (point);
  return FALSE;
}

/* Vouches for the key that @certificate has. Returns FALSE without an error when libcrypto
 * failed. */
static gboolean
add_extension (X509 *certificate, Lp2pIdentity *identity, GError **error)
{
  g_autoptr (ASN1_OBJECT) oid = OBJ_txt2obj (LP2P_TLS_EXTENSION_OID, TRUE);
  g_autoptr (ASN1_OCTET_STRING) value = ASN1_OCTET_STRING_new ();
  g_autoptr (X509_EXTENSION) extension = NULL;
  g_autoptr (GBytes) signed_key = NULL;
  guint8 *spki = NULL;
  int len = i2d_X509_PUBKEY (X509_get_X509_PUBKEY (certificate), &spki);

  if (len <= 0)
    return FALSE;
  signed_key = lp2p_tls_extension_encode (identity, spki, (gsize) len, error);
  OPENSSL_free (spki);
  if (signed_key == NULL || value == NULL ||
      ASN1_OCTET_STRING_set (value, g_bytes_get_data (signed_key, NULL), (int) g_bytes_get_size (signed_key)) != 1)
    return FALSE;
  extension = X509_EXTENSION_create_by_OBJ (NULL, oid, FALSE, value);
  return extension != NULL && X509_add_ext (certificate, extension, -1) == 1;
}

/* Returns FALSE without an error when libcrypto failed. */
static gboolean
make (Lp2pTlsCertificate *self, Lp2pIdentity *identity, gint64 now_unix, GError **error)
{
  g_autoptr (X509) certificate = X509_new ();
  guint8 *der = NULL;
  int len;

  self->key = EVP_PKEY_Q_keygen (NULL, NULL, "EC", "P-256");
  if (certificate == NULL || self->key == NULL || X509_set_version (certificate, X509_VERSION_3) != 1 ||
      !name_certificate (certificate) || !set_validity (certificate, now_unix) ||
      !set_key (certificate, self->key) || !add_extension (certificate, identity, error) ||
      X509_sign (certificate, self->key, EVP_sha256 ()) == 0)
    return FALSE;
  len = i2d_X509 (certificate, &der);
  if (len <= 0)
    return FALSE;
  self->der = g_bytes_new (der, (gsize) len);
  OPENSSL_free (der);
  return TRUE;
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

  /* RFC 5280, section 4.1.2.5, has no form for later ones. */
  if (now_unix > YEAR_9999_END - VALID_SECONDS)
    {
      g_set_error_literal (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_CERTIFICATE,
                           _("The clock is wrong: a certificate that is made now would hold beyond the year 9999"));
      return NULL;
    }
  self = g_new0 (Lp2pTlsCertificate, 1);
  g_atomic_ref_count_init (&self->ref_count);
  if (make (self, identity, now_unix, &reason))
    return g_steal_pointer (&self);

  if (reason != NULL)
    g_propagate_error (error, reason);
  else
    /* Translators: a peer, and why */
    g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_CERTIFICATE, _("No certificate can be made for %s: %s"),
                 lp2p_peer_id_get_string (lp2p_identity_get_peer_id (identity)), lp2p_crypto_take_error ());
  ERR_clear_error ();
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
