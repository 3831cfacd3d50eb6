/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How lp2p speaks TLS, what it shows and what it looks at: for all that configure
 * sessions. */

#include <lp2p/net/lp2p-gnutls-credentials.h>

#include "codec/lp2p-tls-extension-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/codec/lp2p-codec-error.h>
#include <lp2p/types/lp2p-cursor.h>

#include <gnutls/abstract.h>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

/* RFC 8879, section 4; GnuTLS has a name for it since 3.7.4. */
#define COMPRESSED_CERTIFICATE 25

/* Without help of the processor AES is the slower one, and leaks through the
 * cache what it does. */
static gboolean
has_fast_aes (void)
{
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_cpu_supports ("aes") && __builtin_cpu_supports ("pclmul");
#elif defined(__aarch64__) && defined(__linux__)
  return (getauxval (AT_HWCAP) & (1 << 3)) != 0; /* HWCAP_AES */
#else
  return FALSE;
#endif
}

/**
 * lp2p_gnutls_get_priorities: (skip)
 * @flags: how sessions are to be
 *
 * Tells which versions, ciphers and groups a session uses, as GnuTLS wants it: TLS
 * 1.3, and first the cipher that this processor is fast at.
 *
 * Returns: (transfer full): a priority string
 */
char *
lp2p_gnutls_get_priorities (Lp2pGnutlsFlags flags)
{
  const char *aes = "+AES-128-GCM:+AES-256-GCM";
  const char *chacha = "+CHACHA20-POLY1305";
  gboolean aes_first = has_fast_aes ();

  /* Clients without our taste in ciphers must not decide. No middlebox takes for TLS
   * what begins with multistream-select, or is inside QUIC: there none needs to be
   * fooled. */
  return g_strdup_printf ("NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:%s:%s:-GROUP-ALL:+GROUP-X25519:"
                          "+GROUP-SECP256R1:+GROUP-SECP384R1:%%SERVER_PRECEDENCE%s",
                          aes_first ? aes : chacha, aes_first ? chacha : aes,
                          flags & LP2P_GNUTLS_MIDDLEBOXES ? "" : ":%DISABLE_TLS13_COMPAT_MODE");
}

/* The key, for GnuTLS, whose own ECDSA takes three times as long. */

static int
sign (gnutls_privkey_t key,
      gnutls_sign_algorithm_t algorithm,
      void *certificate,
      unsigned flags,
      const gnutls_datum_t *hash,
      gnutls_datum_t *signature)
{
  g_autoptr (GBytes) bytes = lp2p_tls_certificate_sign (certificate, hash->data, hash->size);
  Lp2pCursor cursor = { NULL };

  if (bytes == NULL)
    return GNUTLS_E_PK_SIGN_FAILED;
  lp2p_cursor_init (&cursor, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  signature->size = (unsigned) lp2p_cursor_left (&cursor);
  signature->data = gnutls_malloc (signature->size);
  if (signature->data == NULL)
    return GNUTLS_E_MEMORY_ERROR;
  lp2p_cursor_copy (&cursor, signature->data, signature->size);
  return 0;
}

static int
tell (gnutls_privkey_t key, unsigned flags, void *certificate)
{
  gnutls_sign_algorithm_t asked = GNUTLS_FLAGS_TO_SIGN_ALGO (flags);

  if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO)
    return GNUTLS_PK_ECDSA;
  if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS)
    return 256;
  if (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO)
    return asked == GNUTLS_SIGN_ECDSA_SHA256 || asked == GNUTLS_SIGN_ECDSA_SECP256R1_SHA256;
  return flags & GNUTLS_PRIVKEY_INFO_SIGN_ALGO ? GNUTLS_SIGN_ECDSA_SECP256R1_SHA256 : -1;
}

static int
set_key (gnutls_certificate_credentials_t credentials, Lp2pTlsCertificate *shown, gnutls_pcert_st *certificate)
{
  gnutls_privkey_t key;
  int code = gnutls_privkey_init (&key);

  if (code < 0)
    return code;
  /* A mismatch, which cannot be, would leave unclear who owns them. */
  gnutls_certificate_set_flags (credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
  code = gnutls_privkey_import_ext4 (key, shown, NULL, sign, NULL, NULL, tell, 0);
  if (code >= 0)
    code = gnutls_certificate_set_key (credentials, NULL, 0, certificate, 1, key);
  if (code < 0)
    gnutls_privkey_deinit (key);
  return code;
}

static int
set_certificate (gnutls_certificate_credentials_t credentials, Lp2pTlsCertificate *shown)
{
  gsize size;
  const void *data = g_bytes_get_data (lp2p_tls_certificate_get_der (shown), &size);
  gnutls_datum_t der = { (void *) data, (unsigned) size };
  gnutls_pcert_st certificate;
  int code = gnutls_pcert_import_x509_raw (&certificate, &der, GNUTLS_X509_FMT_DER, 0);

  if (code < 0)
    return code;
  code = set_key (credentials, shown, &certificate);
  if (code < 0)
    gnutls_pcert_deinit (&certificate);
  return code;
}

/**
 * lp2p_gnutls_credentials_new: (skip)
 * @certificate: what to show; has to stay as long as the credentials
 * @credentials: (out): where to put them
 *
 * Makes credentials that show a certificate and prove with its key.
 *
 * Returns: a code of GnuTLS
 */
int
lp2p_gnutls_credentials_new (Lp2pTlsCertificate *certificate, gnutls_certificate_credentials_t *credentials)
{
  int code = gnutls_certificate_allocate_credentials (credentials);

  if (code < 0)
    return code;
  code = set_certificate (*credentials, certificate);
  if (code < 0)
    {
      gnutls_certificate_free_credentials (*credentials);
      *credentials = NULL;
    }
  return code;
}

/**
 * lp2p_gnutls_check_message: (skip)
 * @type: what GnuTLS told its hook
 * @incoming: whether the peer sent it
 * @message: its content
 * @chain: whether the certificates of the peer may be several, and of other shapes than
 *   those of libp2p
 * @error: return location for an error
 *
 * Refuses certificates with keys that it would take long to compute with. For the hook of
 * every session that is shown some, with `GNUTLS_HANDSHAKE_ANY` and `GNUTLS_HOOK_PRE`: the
 * function that verifies certificates is called when GnuTLS has computed with them already.
 *
 * Returns: 0, or the code of GnuTLS for the hook to return
 */
int
lp2p_gnutls_check_message (unsigned type,
                           unsigned incoming,
                           const gnutls_datum_t *message,
                           gboolean chain,
                           GError **error)
{
  if (!incoming)
    return 0;
  switch (type)
    {
    case GNUTLS_HANDSHAKE_CERTIFICATE_PKT:
      return lp2p_tls_check_list (message->data, message->size, chain, error) ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
    case COMPRESSED_CERTIFICATE:
      g_set_error_literal (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_CERTIFICATE,
                           _("the peer sent compressed certificates, which nobody asked for"));
      return GNUTLS_E_UNEXPECTED_HANDSHAKE_PACKET;
    default:
      return 0;
    }
}
