/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The certificates that a peer shows, before anything is computed with their keys. A TLS
 * library takes keys of any size, and what a signature costs to verify grows with the
 * cube of that: one message could keep a host busy for minutes. */

#include "codec/lp2p-tls-extension-private.h"

#include "types/lp2p-crypto-private.h"
#include "types/lp2p-der-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/codec/lp2p-codec-error.h>

/* What GnuTLS verifies with: an exponent of RSA has 17 bits, others stay below 32. */
#define MAX_MODULUS  (LP2P_RSA_MAX_BITS / 8)
#define MAX_EXPONENT 4

/* Any other key, with its parameters: DSA of 3072 bits has the largest. */
#define MAX_OTHER_KEY 1300

static gboolean
fail (GError **error, const char *what)
{
  g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_CERTIFICATE,
               /* Translators: what is wrong with it, as "has a malformed extension" */
               _("The certificate %s"), what);
  return FALSE;
}

/* Of version 1 and 3, with or without what may follow the key.
 *
 * @spki: (out): with its tag and length */
static gboolean
find_key (Lp2pCursor *in, Lp2pCursor *spki)
{
  Lp2pCursor certificate, tbs, skipped;

  return lp2p_der_read (in, LP2P_DER_SEQUENCE, &certificate) && lp2p_cursor_at_end (in) &&
         lp2p_der_read (&certificate, LP2P_DER_SEQUENCE, &tbs) &&
         (!lp2p_der_next_is (&tbs, LP2P_DER_CONTEXT (0)) || lp2p_der_read (&tbs, LP2P_DER_CONTEXT (0), &skipped)) &&
         lp2p_der_read (&tbs, LP2P_DER_INTEGER, &skipped) &&
         /* Algorithm, issuer, validity, subject. */
         lp2p_der_read (&tbs, LP2P_DER_SEQUENCE, &skipped) && lp2p_der_read (&tbs, LP2P_DER_SEQUENCE, &skipped) &&
         lp2p_der_read (&tbs, LP2P_DER_SEQUENCE, &skipped) && lp2p_der_read (&tbs, LP2P_DER_SEQUENCE, &skipped) &&
         lp2p_der_read_whole (&tbs, LP2P_DER_SEQUENCE, spki, &skipped);
}

/* Goes by the shape and not by the name of the algorithm, of which RSA has several.
 *
 * Returns: whether it is one of RSA */
static gboolean
read_rsa (Lp2pCursor spki, gsize *modulus, gsize *exponent)
{
  Lp2pCursor info, algorithm, bits, key;
  const guint8 *number;

  return lp2p_der_read (&spki, LP2P_DER_SEQUENCE, &info) && lp2p_der_read (&info, LP2P_DER_SEQUENCE, &algorithm) &&
         lp2p_der_read_bits (&info, &bits) && lp2p_der_read (&bits, LP2P_DER_SEQUENCE, &key) &&
         lp2p_der_read_unsigned (&key, &number, modulus) && lp2p_der_read_unsigned (&key, &number, exponent);
}

/* Any key that those of web servers and their authorities may be. */
static gboolean
check_cheap (const Lp2pCursor *spki, GError **error)
{
  gsize modulus, exponent;
  g_autofree char *what = NULL;

  if (read_rsa (*spki, &modulus, &exponent) ? modulus <= MAX_MODULUS && exponent <= MAX_EXPONENT
                                            : lp2p_cursor_left (spki) <= MAX_OTHER_KEY)
    return TRUE;
  what = g_strdup_printf (_("has a key that is too large, expected RSA of at most %d bits with a small exponent, "
                            "or an elliptic curve"),
                          LP2P_RSA_MAX_BITS);
  return fail (error, what);
}

/* One that a certificate of a libp2p peer may have. */
static gboolean
check_known (const Lp2pCursor *spki, GError **error)
{
  Lp2pCursor in = *spki;
  gsize len = lp2p_cursor_left (&in);
  const guint8 *der = NULL;
  g_autoptr (GError) reason = NULL;
  g_autoptr (EVP_PKEY) key = NULL;
  g_autofree char *what = NULL;

  lp2p_cursor_read_bytes (&in, len, &der);
  key = lp2p_crypto_read_spki (der, len, &reason);
  if (key != NULL)
    return TRUE;
  what = g_strdup_printf (_("has no valid public key: %s"), reason->message);
  return fail (error, what);
}

static gboolean
check_one (Lp2pCursor certificate, gboolean chain, GError **error)
{
  gsize len = lp2p_cursor_left (&certificate);
  Lp2pCursor spki;

  if (!chain && len > LP2P_TLS_CERTIFICATE_MAX_SIZE)
    {
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_TOO_LARGE,
                   _("The certificate has %zu bytes, expected at most %d"), len, LP2P_TLS_CERTIFICATE_MAX_SIZE);
      return FALSE;
    }
  if (!find_key (&certificate, &spki))
    return fail (error, _("is malformed, expected X.509 in DER"));
  return chain ? check_cheap (&spki, error) : check_known (&spki, error);
}

static gboolean
read_prefixed (Lp2pCursor *in, guint prefix, Lp2pCursor *value)
{
  gsize len = 0;
  guint8 byte;
  const guint8 *bytes;

  for (guint i = 0; i < prefix; i++)
    {
      if (!lp2p_cursor_read_u8 (in, &byte))
        return FALSE;
      len = len << 8 | byte;
    }
  if (!lp2p_cursor_read_bytes (in, len, &bytes))
    return FALSE;
  lp2p_cursor_init (value, bytes, len);
  return TRUE;
}

static gboolean
check_number (Lp2pCursor list, GError **error)
{
  guint n = 0;

  for (Lp2pCursor skipped; lp2p_cursor_left (&list) > 0 && read_prefixed (&list, 3, &skipped) &&
                           read_prefixed (&list, 2, &skipped);)
    n++;
  if (n <= 1)
    return TRUE;
  g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_CERTIFICATE,
               _("the peer sent %u certificates, expected one"), n);
  return FALSE;
}

/*
 * lp2p_tls_check_list:
 * @message: (array length=len): the content of a Certificate message of TLS 1.3 (RFC 8446,
 *   section 4.4.2)
 * @len: how many bytes it has
 * @chain: whether the certificates may be several, as web servers show them, and are not
 *   those of libp2p
 * @error: return location for an error
 *
 * Checks that nothing which is to be done with these certificates takes long. Whether they
 * are good is seen later, also that there is one at all.
 *
 * Returns: whether the TLS library may have the message; else @error is
 *   %LP2P_CODEC_ERROR_CERTIFICATE, or %LP2P_CODEC_ERROR_TOO_LARGE
 */
gboolean
lp2p_tls_check_list (const guint8 *message, gsize len, gboolean chain, GError **error)
{
  Lp2pCursor in = LP2P_CURSOR_INIT (message, len);
  Lp2pCursor context, list, certificate, extensions;

  if (!read_prefixed (&in, 1, &context) || !read_prefixed (&in, 3, &list) || !lp2p_cursor_at_end (&in))
    in.failed = TRUE;
  else if (!chain && !check_number (list, error))
    return FALSE;
  while (!in.failed && lp2p_cursor_left (&list) > 0)
    {
      if (!read_prefixed (&list, 3, &certificate) || !read_prefixed (&list, 2, &extensions))
        in.failed = TRUE;
      else if (!check_one (certificate, chain, error))
        return FALSE;
    }
  if (!in.failed)
    return TRUE;
  g_set_error_literal (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_CERTIFICATE,
                       _("the peer sent a malformed list of certificates"));
  return FALSE;
}
