/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-tls-credentials.h"

#include <glib/gi18n-lib.h>
#include <gnutls/abstract.h>
#include <string.h>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

/* A certificate holds for 100 years. That of a process that runs for years is
 * made anew all the same, in case its key leaked. */
#define RENEW_SECONDS (365 * 24 * 3600)

/* What the ALPN list ends with: the muxer is negotiated after the handshake. */
#define NO_MUXER "libp2p"

/* What GnuTLS can put into an ALPN list. */
#define MAX_PROTOCOLS       8
#define MAX_PROTOCOL_LENGTH 31

struct _Lp2pTlsCredentials
{
  grefcount ref_count;
  Lp2pIdentity *identity;
  gint64 made;
  Lp2pTlsCertificate *shown;
  gnutls_certificate_credentials_t certificate;
  gnutls_priority_t priority;
};

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

static char *
make_priority_string (void)
{
  const char *aes = "+AES-128-GCM:+AES-256-GCM";
  const char *chacha = "+CHACHA20-POLY1305";
  gboolean aes_first = has_fast_aes ();

  /* Clients without our taste in ciphers must not decide. No middlebox takes
   * for TLS what begins with multistream-select, so none needs to be fooled. */
  return g_strdup_printf ("NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:%s:%s:-GROUP-ALL:+GROUP-X25519:"
                          "+GROUP-SECP256R1:+GROUP-SECP384R1:%%SERVER_PRECEDENCE:"
                          "%%DISABLE_TLS13_COMPAT_MODE",
                          aes_first ? aes : chacha, aes_first ? chacha : aes);
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
set_key (Lp2pTlsCredentials *self, gnutls_pcert_st *certificate)
{
  gnutls_privkey_t key;
  int code = gnutls_privkey_init (&key);

  if (code < 0)
    return code;
  /* A mismatch, which cannot be, would leave unclear who owns them. */
  gnutls_certificate_set_flags (self->certificate, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
  code = gnutls_privkey_import_ext4 (key, self->shown, NULL, sign, NULL, NULL, tell, 0);
  if (code >= 0)
    code = gnutls_certificate_set_key (self->certificate, NULL, 0, certificate, 1, key);
  if (code < 0)
    gnutls_privkey_deinit (key);
  return code;
}

static int
set_certificate (Lp2pTlsCredentials *self)
{
  gsize size;
  const void *data = g_bytes_get_data (lp2p_tls_certificate_get_der (self->shown), &size);
  gnutls_datum_t der = { (void *) data, (unsigned) size };
  gnutls_pcert_st certificate;
  int code = gnutls_pcert_import_x509_raw (&certificate, &der, GNUTLS_X509_FMT_DER, 0);

  if (code < 0)
    return code;
  code = set_key (self, &certificate);
  if (code < 0)
    gnutls_pcert_deinit (&certificate);
  return code;
}

static int
load (Lp2pTlsCredentials *self)
{
  g_autofree char *priority = make_priority_string ();
  int code = gnutls_priority_init (&self->priority, priority, NULL);

  if (code == GNUTLS_E_SUCCESS)
    code = gnutls_certificate_allocate_credentials (&self->certificate);
  return code == GNUTLS_E_SUCCESS ? set_certificate (self) : code;
}

Lp2pTlsCredentials *
lp2p_tls_credentials_new (Lp2pIdentity *identity, gint64 now_unix, GError **error)
{
  Lp2pTlsCertificate *certificate = lp2p_tls_certificate_new (identity, now_unix, error);
  g_autoptr (Lp2pTlsCredentials) self = NULL;
  int code;

  if (certificate == NULL)
    return NULL;
  self = g_new0 (Lp2pTlsCredentials, 1);
  g_ref_count_init (&self->ref_count);
  self->identity = g_object_ref (identity);
  self->made = now_unix;
  self->shown = certificate;
  code = load (self);
  if (code >= 0)
    return g_steal_pointer (&self);
  g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED, _("TLS cannot be used: %s"),
               gnutls_strerror (code));
  return NULL;
}

Lp2pTlsCredentials *
lp2p_tls_credentials_ref (Lp2pTlsCredentials *self)
{
  g_ref_count_inc (&self->ref_count);
  return self;
}

void
lp2p_tls_credentials_unref (Lp2pTlsCredentials *self)
{
  if (!g_ref_count_dec (&self->ref_count))
    return;
  if (self->certificate != NULL)
    gnutls_certificate_free_credentials (self->certificate);
  if (self->priority != NULL)
    gnutls_priority_deinit (self->priority);
  lp2p_tls_certificate_unref (self->shown);
  g_object_unref (self->identity);
  g_free (self);
}

/* A clock that was set back would leave us with a certificate of the future. */
gboolean
lp2p_tls_credentials_hold (Lp2pTlsCredentials *self, Lp2pIdentity *identity, gint64 now_unix)
{
  return self->identity == identity && now_unix >= self->made &&
         now_unix - self->made < RENEW_SECONDS;
}

/* Muxers in the order of preference; what does not fit is not offered here and
 * can still be negotiated afterwards. */
static int
set_protocols (gnutls_session_t session, const char *const *muxers)
{
  gnutls_datum_t protocols[MAX_PROTOCOLS];
  unsigned n = 0;

  for (guint i = 0; muxers != NULL && muxers[i] != NULL && n < MAX_PROTOCOLS - 1; i++)
    {
      gsize length = strlen (muxers[i]);

      if (length > 0 && length <= MAX_PROTOCOL_LENGTH)
        protocols[n++] = (gnutls_datum_t){ (void *) muxers[i], (unsigned) length };
    }
  protocols[n++] = (gnutls_datum_t){ (void *) NO_MUXER, strlen (NO_MUXER) };
  /* A client that lists others only is refused; one without a list is not. */
  return gnutls_alpn_set_protocols (session, protocols, n, GNUTLS_ALPN_MANDATORY);
}

int
lp2p_tls_credentials_new_session (Lp2pTlsCredentials *self,
                                  Lp2pRole role,
                                  const char *const *muxers,
                                  gnutls_certificate_verify_function *verify,
                                  gnutls_session_t *session)
{
  /* Tickets would let a peer in without its certificate. One key share: all
   * that speak this have the first group. */
  unsigned flags = GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS | GNUTLS_NO_EXTENSIONS;
  int code;

  if (role == LP2P_ROLE_INITIATOR)
    flags |= GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT | GNUTLS_KEY_SHARE_TOP;
  else
    flags |= GNUTLS_SERVER;
  code = gnutls_init (session, flags);
  if (code < 0)
    return code;

  gnutls_session_set_verify_function (*session, verify);
  gnutls_certificate_server_set_request (*session, GNUTLS_CERT_REQUIRE);
  gnutls_handshake_set_timeout (*session, 0);
  code = gnutls_priority_set (*session, self->priority);
  if (code >= 0)
    code = gnutls_credentials_set (*session, GNUTLS_CRD_CERTIFICATE, self->certificate);
  if (code >= 0)
    code = set_protocols (*session, muxers);
  if (code < 0)
    g_clear_pointer (session, gnutls_deinit);
  return code;
}
