/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-tls-credentials.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include <lp2p/net/lp2p-gnutls-credentials.h>

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

static int
load (Lp2pTlsCredentials *self)
{
  g_autofree char *priority = lp2p_gnutls_get_priorities (LP2P_GNUTLS_NONE);
  int code = gnutls_priority_init (&self->priority, priority, NULL);

  return code == GNUTLS_E_SUCCESS ? lp2p_gnutls_credentials_new (self->shown, &self->certificate) : code;
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
