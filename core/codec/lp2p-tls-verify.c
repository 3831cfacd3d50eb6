/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Certificates of other peers. They are taken apart here and not by the TLS
 * library, which neither checks the signature of a self-signed certificate nor
 * minds unknown critical extensions. */

#include "codec/lp2p-tls-extension-private.h"

#include "types/lp2p-crypto-private.h"
#include "types/lp2p-der-private.h"
#include "types/lp2p-i18n-private.h"
#include "types/lp2p-verified-private.h"

#include <lp2p/codec/lp2p-codec-error.h>

#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

#define OID_MAX_TEXT 64

/* The parts of a certificate (RFC 5280, section 4.1) that matter here. */
typedef struct
{
  Lp2pCursor tbs;       /* what is signed, with its tag and length */
  Lp2pCursor algorithm; /* the content of the outer AlgorithmIdentifier */
  Lp2pCursor signature;
  Lp2pCursor validity;
  Lp2pCursor spki; /* with its tag and length */
  Lp2pCursor extensions;
} Certificate;

/* Extensions that may be critical: libp2p has no use for the names, chains and
 * purposes that they speak of, and the TLS library itself refuses a key whose
 * usage forbids signatures. */
static const guint8 known_extensions[][3] = {
  { 0x55, 0x1d, 0x0f }, /* keyUsage */
  { 0x55, 0x1d, 0x11 }, /* subjectAltName */
  { 0x55, 0x1d, 0x13 }, /* basicConstraints */
  { 0x55, 0x1d, 0x25 }, /* extKeyUsage */
};

static const struct
{
  guint8 oid[9];
  guint8 oid_len;
  int key_id;
  const EVP_MD *(*digest) (void);
} algorithms[] = {
  { { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 }, 8, EVP_PKEY_EC, EVP_sha256 },
  { { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03 }, 8, EVP_PKEY_EC, EVP_sha384 },
  { { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04 }, 8, EVP_PKEY_EC, EVP_sha512 },
  { { 0x2b, 0x65, 0x70 }, 3, EVP_PKEY_ED25519, NULL },
  { { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b }, 9, EVP_PKEY_RSA, EVP_sha256 },
  { { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c }, 9, EVP_PKEY_RSA, EVP_sha384 },
  { { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d }, 9, EVP_PKEY_RSA, EVP_sha512 },
};

static gboolean fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
fail (GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_CERTIFICATE,
               /* Translators: what is wrong with it, as "has a malformed extension" */
               _("The certificate %s"), text);
  return FALSE;
}

/* All that is left, without reading it. */
static const guint8 *
rest (const Lp2pCursor *cursor, gsize *len)
{
  Lp2pCursor copy = *cursor;
  const guint8 *data = NULL;

  *len = lp2p_cursor_left (&copy);
  lp2p_cursor_read_bytes (&copy, *len, &data);
  return data;
}

static gboolean
same (const Lp2pCursor *a, const Lp2pCursor *b)
{
  gsize len;
  const guint8 *data = rest (a, &len);

  return lp2p_der_equal (b, data, len);
}

static gboolean
read_version_and_serial (Lp2pCursor *in)
{
  static const guint8 version_3[] = { 2 };
  Lp2pCursor tagged, number;

  return lp2p_der_read (in, LP2P_DER_CONTEXT (0), &tagged) &&
         lp2p_der_read (&tagged, LP2P_DER_INTEGER, &number) && lp2p_cursor_at_end (&tagged) &&
         lp2p_der_equal (&number, version_3, sizeof version_3) &&
         lp2p_der_read (in, LP2P_DER_INTEGER, &number) && lp2p_cursor_left (&number) > 0;
}

/* The unique ids [1] and [2], which could stand before the extensions [3], are
 * forbidden. */
static gboolean
read_tbs (Lp2pCursor *in, Certificate *certificate, Lp2pCursor *algorithm)
{
  Lp2pCursor issuer, subject, spki, tagged;

  return read_version_and_serial (in) && lp2p_der_read (in, LP2P_DER_SEQUENCE, algorithm) &&
         lp2p_der_read (in, LP2P_DER_SEQUENCE, &issuer) &&
         lp2p_der_read (in, LP2P_DER_SEQUENCE, &certificate->validity) &&
         lp2p_der_read (in, LP2P_DER_SEQUENCE, &subject) &&
         lp2p_der_read_whole (in, LP2P_DER_SEQUENCE, &certificate->spki, &spki) &&
         lp2p_der_read (in, LP2P_DER_CONTEXT (3), &tagged) && lp2p_cursor_at_end (in) &&
         lp2p_der_read (&tagged, LP2P_DER_SEQUENCE, &certificate->extensions) &&
         lp2p_cursor_at_end (&tagged);
}

static gboolean
read_certificate (const guint8 *der, gsize len, Certificate *certificate, GError **error)
{
  Lp2pCursor in = LP2P_CURSOR_INIT (der, len);
  Lp2pCursor outer, tbs, inner_algorithm;

  if (!lp2p_der_read (&in, LP2P_DER_SEQUENCE, &outer) || !lp2p_cursor_at_end (&in) ||
      !lp2p_der_read_whole (&outer, LP2P_DER_SEQUENCE, &certificate->tbs, &tbs) ||
      !lp2p_der_read (&outer, LP2P_DER_SEQUENCE, &certificate->algorithm) ||
      !lp2p_der_read_bits (&outer, &certificate->signature) || !lp2p_cursor_at_end (&outer))
    return fail (error, _("is malformed, expected X.509 in DER"));
  if (!read_tbs (&tbs, certificate, &inner_algorithm))
    return fail (error, _("is malformed, expected X.509 version 3 in DER with extensions and without "
                          "unique ids"));
  if (!same (&inner_algorithm, &certificate->algorithm))
    return fail (error, _("names two different signature algorithms"));
  return TRUE;
}

static gboolean
read_digits (Lp2pCursor *in, guint count, int *number)
{
  int value = 0;

  for (guint i = 0; i < count; i++)
    {
      guint8 digit;

      if (!lp2p_cursor_read_u8 (in, &digit) || !g_ascii_isdigit (digit))
        return FALSE;
      value = value * 10 + (digit - '0');
    }
  *number = value;
  return TRUE;
}

/* RFC 5280, section 4.1.2.5: always UTC, always with seconds. */
static gboolean
read_time (Lp2pCursor *in, gint64 *seconds)
{
  gboolean is_short = lp2p_der_next_is (in, LP2P_DER_UTC_TIME);
  Lp2pCursor text;
  int year, month, day, hour, minute, second;
  g_autoptr (GDateTime) time = NULL;

  if (!lp2p_der_read (in, is_short ? LP2P_DER_UTC_TIME : LP2P_DER_GENERALIZED_TIME, &text) ||
      !read_digits (&text, is_short ? 2 : 4, &year) || !read_digits (&text, 2, &month) ||
      !read_digits (&text, 2, &day) || !read_digits (&text, 2, &hour) ||
      !read_digits (&text, 2, &minute) || !read_digits (&text, 2, &second) ||
      !lp2p_der_equal (&text, "Z", 1))
    return FALSE;

  if (is_short)
    year += year < 50 ? 2000 : 1900;
  time = g_date_time_new_utc (year, month, day, hour, minute, second);
  if (time == NULL)
    return FALSE;
  *seconds = g_date_time_to_unix (time);
  return TRUE;
}

static gboolean
check_validity (Certificate *certificate, gint64 now_unix, GError **error)
{
  gint64 from, until;

  if (!read_time (&certificate->validity, &from) || !read_time (&certificate->validity, &until) ||
      !lp2p_cursor_at_end (&certificate->validity))
    return fail (error, _("has a malformed period of validity"));
  if (now_unix < from)
    return fail (error,
                 _("is not valid before %" PRId64 " seconds from now; is the clock right?"),
                 from - now_unix);
  if (now_unix > until)
    return fail (error, _("expired %" PRId64 " seconds ago; is the clock right?"),
                 now_unix - until);
  return TRUE;
}

/* The dotted form, for messages only. */
static char *
format_oid (const Lp2pCursor *oid)
{
  GString *text = g_string_new (NULL);
  Lp2pCursor in = *oid;
  guint64 number = 0;
  guint8 byte;

  while (lp2p_cursor_left (&in) > 0 && text->len < OID_MAX_TEXT && lp2p_cursor_read_u8 (&in, &byte))
    {
      number = number << 7 | (byte & 0x7f);
      if ((byte & 0x80) != 0)
        continue;
      if (text->len == 0)
        {
          guint first = (guint) MIN (number / 40, 2);

          g_string_append_printf (text, "%u", first);
          number -= 40 * first;
        }
      g_string_append_printf (text, ".%" G_GUINT64_FORMAT, number);
      number = 0;
    }
  return g_string_free (text, FALSE);
}

static gboolean
is_known_extension (const Lp2pCursor *oid)
{
  for (guint i = 0; i < G_N_ELEMENTS (known_extensions); i++)
    if (lp2p_der_equal (oid, known_extensions[i], sizeof known_extensions[i]))
      return TRUE;
  return FALSE;
}

/* Extension ::= SEQUENCE { id, critical DEFAULT FALSE, value } */
static gboolean
read_extension (Lp2pCursor *in, Lp2pCursor *oid, gboolean *critical, Lp2pCursor *value)
{
  static const guint8 yes = 0xff, no = 0;
  Lp2pCursor extension, boolean;

  *critical = FALSE;
  if (!lp2p_der_read (in, LP2P_DER_SEQUENCE, &extension) ||
      !lp2p_der_read (&extension, LP2P_DER_OID, oid))
    return FALSE;
  if (lp2p_der_next_is (&extension, LP2P_DER_BOOLEAN))
    {
      if (!lp2p_der_read (&extension, LP2P_DER_BOOLEAN, &boolean))
        return FALSE;
      *critical = lp2p_der_equal (&boolean, &yes, 1);
      if (!*critical && !lp2p_der_equal (&boolean, &no, 1))
        return FALSE;
    }
  return lp2p_der_read (&extension, LP2P_DER_OCTET_STRING, value) &&
         lp2p_cursor_at_end (&extension);
}

static gboolean
find_signed_key (Certificate *certificate, Lp2pCursor *signed_key, GError **error)
{
  Lp2pCursor in = certificate->extensions;
  gboolean found = FALSE;

  while (!lp2p_cursor_at_end (&in))
    {
      Lp2pCursor oid, value;
      gboolean critical;

      if (!read_extension (&in, &oid, &critical, &value))
        return fail (error, _("has a malformed extension"));
      if (lp2p_der_equal (&oid, lp2p_tls_extension_oid, sizeof lp2p_tls_extension_oid))
        {
          if (found)
            return fail (error, _("has the libp2p extension twice"));
          found = TRUE;
          *signed_key = value;
        }
      else if (critical && !is_known_extension (&oid))
        {
          g_autofree char *name = format_oid (&oid);

          return fail (error, _("has the unknown critical extension %s"), name);
        }
    }
  if (!found)
    return fail (error, _("does not have the libp2p extension %s"), LP2P_TLS_EXTENSION_OID);
  return TRUE;
}

static gboolean
check_self_signature (Certificate *certificate, GError **error)
{
  gsize spki_len, tbs_len, signature_len;
  const guint8 *spki = rest (&certificate->spki, &spki_len);
  const guint8 *tbs = rest (&certificate->tbs, &tbs_len);
  const guint8 *signature = rest (&certificate->signature, &signature_len);
  g_autoptr (GError) reason = NULL;
  g_autoptr (EVP_PKEY) key = lp2p_crypto_read_spki (spki, spki_len, &reason);
  Lp2pCursor algorithm = certificate->algorithm;
  Lp2pCursor oid, null;
  const EVP_MD *digest = NULL;
  guint i;

  if (key == NULL)
    return fail (error, _("has no valid public key: %s"), reason->message);
  if (!lp2p_der_read (&algorithm, LP2P_DER_OID, &oid))
    return fail (error, _("names no signature algorithm"));

  for (i = 0; i < G_N_ELEMENTS (algorithms); i++)
    if (lp2p_der_equal (&oid, algorithms[i].oid, algorithms[i].oid_len))
      break;
  /* Only RSA has parameters, and they are always NULL (RFC 4055, section 5). */
  if (i == G_N_ELEMENTS (algorithms) || algorithms[i].key_id != EVP_PKEY_get_base_id (key) ||
      (algorithms[i].key_id == EVP_PKEY_RSA &&
       (!lp2p_der_read (&algorithm, LP2P_DER_NULL, &null) || !lp2p_cursor_at_end (&null))) ||
      !lp2p_cursor_at_end (&algorithm))
    {
      g_autofree char *name = format_oid (&oid);

      return fail (error,
                   _("is signed with the algorithm %s, expected ECDSA, RSA (PKCS #1) or Ed25519, as "
                     "its key is, with SHA-256, SHA-384 or SHA-512"),
                   name);
    }

  if (algorithms[i].digest != NULL)
    digest = algorithms[i].digest ();
  if (!lp2p_crypto_verify (key, digest, tbs, tbs_len, signature, signature_len))
    return fail (error, _("is not signed with its own key"));
  return TRUE;
}

/* The verdict does not change with time, the rest of what is checked may. */
static gboolean
check_self_signature_once (Certificate *certificate, const guint8 *der, gsize len, GError **error)
{
  const Lp2pVerifiedPart part = { der, len };
  guint8 hash[LP2P_VERIFIED_HASH];

  lp2p_verified_hash ("certificate", &part, 1, hash);
  if (lp2p_verified_has (hash))
    return TRUE;
  if (!check_self_signature (certificate, error))
    return FALSE;
  lp2p_verified_add (hash);
  return TRUE;
}

/* SignedKey ::= SEQUENCE { publicKey OCTET STRING, signature OCTET STRING } */
static Lp2pPublicKey *
check_signed_key (Certificate *certificate, Lp2pCursor *signed_key, GError **error)
{
  Lp2pCursor content, key_cursor, signature_cursor;
  gsize spki_len, key_len, signature_len;
  const guint8 *spki = rest (&certificate->spki, &spki_len);
  const guint8 *key_bytes, *signature;
  g_autoptr (GByteArray) data = NULL;
  g_autoptr (GError) reason = NULL;
  g_autoptr (Lp2pPublicKey) key = NULL;

  if (!lp2p_der_read (signed_key, LP2P_DER_SEQUENCE, &content) ||
      !lp2p_cursor_at_end (signed_key) ||
      !lp2p_der_read (&content, LP2P_DER_OCTET_STRING, &key_cursor) ||
      !lp2p_der_read (&content, LP2P_DER_OCTET_STRING, &signature_cursor) ||
      !lp2p_cursor_at_end (&content))
    {
      fail (error, _("has a malformed libp2p extension, expected a DER SignedKey"));
      return NULL;
    }

  key_bytes = rest (&key_cursor, &key_len);
  signature = rest (&signature_cursor, &signature_len);
  key = lp2p_public_key_new_from_bytes (key_bytes, key_len, &reason);
  if (key == NULL)
    {
      fail (error, _("has no valid host key in the libp2p extension: %s"), reason->message);
      return NULL;
    }
  data = lp2p_tls_extension_signed_data (spki, spki_len);
  if (!lp2p_public_key_verify (key, data->data, data->len, signature, signature_len))
    {
      fail (error, _("is not vouched for by the host key in its libp2p extension"));
      return NULL;
    }
  return g_steal_pointer (&key);
}

/**
 * lp2p_tls_verify_certificate:
 * @der: (array length=len): the certificate that the peer has sent, in DER
 * @len: how many bytes it has
 * @now_unix: the time, in seconds since 1970
 * @key: (out) (optional) (transfer full): return location for the public key of
 *   the peer; set only on success
 * @error: return location for an error
 *
 * Checks all that the specification
 * [libp2p TLS Handshake](https://github.com/libp2p/specs/blob/master/tls/tls.md)
 * lays down for one certificate: that it is valid at the time, signed with its
 * own key, without critical extensions that are not understood, and that the
 * libp2p Public Key Extension is there and signed by the host key in it.
 *
 * Left to the caller is to see that the peer has sent no second certificate,
 * that the TLS library has verified the handshake signature with the key of this
 * one, and that @key is that of the expected peer
 * ([method@Lp2p.PeerId.matches_public_key]).
 *
 * Returns: whether the certificate is good; else @error is
 *   %LP2P_CODEC_ERROR_CERTIFICATE, or %LP2P_CODEC_ERROR_TOO_LARGE
 *
 * Since: 1.0
 */
gboolean
lp2p_tls_verify_certificate (const guint8 *der,
                             gsize len,
                             gint64 now_unix,
                             Lp2pPublicKey **key,
                             GError **error)
{
  Certificate certificate;
  Lp2pCursor signed_key;
  g_autoptr (Lp2pPublicKey) host_key = NULL;

  g_return_val_if_fail (der != NULL || len == 0, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (len > LP2P_TLS_CERTIFICATE_MAX_SIZE)
    {
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_TOO_LARGE,
                   _("The certificate has %zu bytes, expected at most %d"), len,
                   LP2P_TLS_CERTIFICATE_MAX_SIZE);
      return FALSE;
    }

  if (!read_certificate (der, len, &certificate, error) ||
      !check_validity (&certificate, now_unix, error) ||
      !find_signed_key (&certificate, &signed_key, error) ||
      !check_self_signature_once (&certificate, der, len, error))
    return FALSE;
  host_key = check_signed_key (&certificate, &signed_key, error);
  if (host_key == NULL)
    return FALSE;

  if (key != NULL)
    *key = g_steal_pointer (&host_key);
  return TRUE;
}
