/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Making certificates; lp2p-tls-verify.c is the other direction. */

#include "codec/lp2p-tls-extension-private.h"

#include "types/lp2p-crypto-private.h"
#include "types/lp2p-der-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/codec/lp2p-codec-error.h>

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <openssl/err.h>
#include <string.h>

/* So that peers whose clocks are a little slow accept a new certificate. */
#define BACKDATED_SECONDS 3600

/* As go-libp2p does. The certificate is not what is trusted, and a process must
 * not lose its peers because it has run for long. */
#define VALID_SECONDS (G_GINT64_CONSTANT (100) * 365 * 24 * 3600)

/* X.520 serialNumber: any name will do, this one says least. */
#define NAME_OID "2.5.4.5"

#define SERIAL_SIZE 8

/* Two numbers of 32 bytes, in DER. */
#define SIGNATURE_MAX 72

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

/* Everything of GnuTLS that one certificate takes. */
typedef struct
{
  gnutls_x509_privkey_t key;
  gnutls_x509_crt_t crt;
  gnutls_pubkey_t pubkey;
} Maker;

static void
maker_clear (Maker *maker)
{
  if (maker->pubkey != NULL)
    gnutls_pubkey_deinit (maker->pubkey);
  if (maker->crt != NULL)
    gnutls_x509_crt_deinit (maker->crt);
  if (maker->key != NULL)
    gnutls_x509_privkey_deinit (maker->key);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Maker, maker_clear)

/* Keeps the first failure; the calls after it are not made. */
#define TRY(code, call)                                                                            \
  G_STMT_START                                                                                     \
  {                                                                                                \
    if ((code) >= 0)                                                                               \
      (code) = (call);                                                                             \
  }                                                                                                \
  G_STMT_END

/* A key pair, and a certificate of it without the extension. */
static int
make_unsigned (Maker *maker, gint64 now_unix)
{
  guint8 serial[SERIAL_SIZE];
  char name[2 * SERIAL_SIZE + 1];
  int code = 0;

  TRY (code, gnutls_rnd (GNUTLS_RND_NONCE, serial, sizeof serial));
  /* Positive, and without a leading zero byte. */
  serial[0] = (serial[0] & 0x7f) | 0x40;
  for (guint i = 0; i < sizeof serial; i++)
    g_snprintf (name + 2 * i, 3, "%02x", serial[i]);

  TRY (code, gnutls_x509_privkey_init (&maker->key));
  TRY (code, gnutls_x509_privkey_generate (maker->key, GNUTLS_PK_ECDSA,
                                           GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1), 0));
  TRY (code, gnutls_x509_crt_init (&maker->crt));
  TRY (code, gnutls_x509_crt_set_version (maker->crt, 3));
  TRY (code, gnutls_x509_crt_set_serial (maker->crt, serial, sizeof serial));
  TRY (code,
       gnutls_x509_crt_set_dn_by_oid (maker->crt, NAME_OID, 0, name, (unsigned) strlen (name)));
  TRY (code,
       gnutls_x509_crt_set_activation_time (maker->crt, MAX (0, now_unix - BACKDATED_SECONDS)));
  TRY (code, gnutls_x509_crt_set_expiration_time (maker->crt, now_unix + VALID_SECONDS));
  TRY (code, gnutls_x509_crt_set_key (maker->crt, maker->key));
  TRY (code, gnutls_pubkey_init (&maker->pubkey));
  TRY (code, gnutls_pubkey_import_x509 (maker->pubkey, maker->crt, 0));
  return code;
}

static GBytes *
take_datum (gnutls_datum_t *datum, gboolean secret)
{
  GBytes *bytes = secret ? lp2p_secret_bytes_new (datum->data, datum->size)
                         : g_bytes_new (datum->data, datum->size);

  gnutls_memset (datum->data, 0, datum->size);
  gnutls_free (datum->data);
  datum->data = NULL;
  return bytes;
}

static int
add_extension (Maker *maker, Lp2pIdentity *identity, GError **error)
{
  gnutls_datum_t datum = { NULL, 0 };
  g_autoptr (GBytes) spki = NULL;
  g_autoptr (GBytes) extension = NULL;
  int code = gnutls_pubkey_export2 (maker->pubkey, GNUTLS_X509_FMT_DER, &datum);

  if (code < 0)
    return code;
  spki = take_datum (&datum, FALSE);
  extension = lp2p_tls_extension_encode (identity, g_bytes_get_data (spki, NULL),
                                         g_bytes_get_size (spki), error);
  if (extension == NULL)
    return GNUTLS_E_PK_SIGN_FAILED;
  return gnutls_x509_crt_set_extension_by_oid (maker->crt, LP2P_TLS_EXTENSION_OID,
                                               g_bytes_get_data (extension, NULL),
                                               g_bytes_get_size (extension), 0);
}

static int
finish (Maker *maker, Lp2pTlsCertificate *self)
{
  gnutls_datum_t datum = { NULL, 0 };
  g_autoptr (GBytes) secret = NULL;
  const guint8 *bytes;
  gsize size;
  int code = 0;

  TRY (code, gnutls_x509_crt_sign2 (maker->crt, maker->crt, maker->key, GNUTLS_DIG_SHA256, 0));
  TRY (code, gnutls_x509_crt_export2 (maker->crt, GNUTLS_X509_FMT_DER, &datum));
  if (code < 0)
    return code;
  self->der = take_datum (&datum, FALSE);

  TRY (code, gnutls_x509_privkey_export2 (maker->key, GNUTLS_X509_FMT_DER, &datum));
  if (code < 0)
    return code;
  secret = take_datum (&datum, TRUE);
  bytes = g_bytes_get_data (secret, &size);
  self->key = d2i_PrivateKey (EVP_PKEY_EC, NULL, &bytes, size);
  return self->key != NULL ? code : GNUTLS_E_PK_SIGN_FAILED;
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
 *   %LP2P_CODEC_ERROR_CERTIFICATE when the TLS library refuses, or an error of
 *   [method@Lp2p.Identity.sign]
 *
 * Since: 1.0
 */
Lp2pTlsCertificate *
lp2p_tls_certificate_new (Lp2pIdentity *identity, gint64 now_unix, GError **error)
{
  g_auto (Maker) maker = { NULL, NULL, NULL };
  g_autoptr (Lp2pTlsCertificate) self = NULL;
  g_autoptr (GError) reason = NULL;
  int code;

  g_return_val_if_fail (LP2P_IS_IDENTITY (identity), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  self = g_new0 (Lp2pTlsCertificate, 1);
  g_atomic_ref_count_init (&self->ref_count);
  code = make_unsigned (&maker, now_unix);
  TRY (code, add_extension (&maker, identity, &reason));
  TRY (code, finish (&maker, self));
  if (reason != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&reason));
      return NULL;
    }
  if (code < 0)
    {
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_CERTIFICATE,
                   _("No certificate can be made for %s: %s"),
                   lp2p_peer_id_get_string (lp2p_identity_get_peer_id (identity)),
                   gnutls_strerror (code));
      return NULL;
    }
  return g_steal_pointer (&self);
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
