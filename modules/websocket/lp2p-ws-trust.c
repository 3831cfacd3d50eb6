/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-trust.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include <lp2p/net/lp2p-gnutls-credentials.h>

/* The one protocol of HTTP that begins a WebSocket here. */
#define ALPN "http/1.1"

struct _Lp2pWsTrust
{
  grefcount ref_count;
  gnutls_certificate_credentials_t credentials;
};

gnutls_session_t
lp2p_ws_session_new (guint flags, gnutls_certificate_credentials_t credentials, GError **error)
{
  g_autofree char *priorities = lp2p_gnutls_get_priorities (LP2P_GNUTLS_MIDDLEBOXES);
  gnutls_datum_t alpn = { (unsigned char *) ALPN, strlen (ALPN) };
  gnutls_session_t session = NULL;
  int code = gnutls_init (&session, flags | GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS);

  if (code >= 0)
    code = gnutls_priority_set_direct (session, priorities, NULL);
  if (code >= 0)
    code = gnutls_credentials_set (session, GNUTLS_CRD_CERTIFICATE, credentials);
  if (code >= 0)
    code = gnutls_alpn_set_protocols (session, &alpn, 1, 0);
  if (code >= 0)
    {
      gnutls_handshake_set_timeout (session, 0);
      return session;
    }
  g_clear_pointer (&session, gnutls_deinit);
  g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED, _("TLS cannot be used: %s"), gnutls_strerror (code));
  return NULL;
}

static gboolean
load (Lp2pWsTrust *self, const char *ca_file, GError **error)
{
  int n = *ca_file != '\0' ? gnutls_certificate_set_x509_trust_file (self->credentials, ca_file, GNUTLS_X509_FMT_PEM)
                           : gnutls_certificate_set_x509_system_trust (self->credentials);

  if (n > 0)
    return TRUE;
  if (*ca_file != '\0')
    g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED, _("Cannot read certificates of authorities from %s: %s"),
                 ca_file, n < 0 ? gnutls_strerror (n) : _("there are none in it"));
  else
    g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED,
                 _("This system trusts no certificate authorities that a server could be checked with: %s"),
                 n < 0 ? gnutls_strerror (n) : _("there are none"));
  return FALSE;
}

/* @ca_file: certificates in PEM, or "" for those that the system trusts */
Lp2pWsTrust *
lp2p_ws_trust_new (const char *ca_file, GError **error)
{
  g_autoptr (Lp2pWsTrust) self = g_new0 (Lp2pWsTrust, 1);

  g_ref_count_init (&self->ref_count);
  if (gnutls_certificate_allocate_credentials (&self->credentials) < 0)
    {
      g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_FAILED, _("TLS cannot be used: no memory"));
      return NULL;
    }
  return load (self, ca_file, error) ? g_steal_pointer (&self) : NULL;
}

Lp2pWsTrust *
lp2p_ws_trust_ref (Lp2pWsTrust *self)
{
  g_ref_count_inc (&self->ref_count);
  return self;
}

void
lp2p_ws_trust_unref (Lp2pWsTrust *self)
{
  if (!g_ref_count_dec (&self->ref_count))
    return;
  if (self->credentials != NULL)
    gnutls_certificate_free_credentials (self->credentials);
  g_free (self);
}

static int
on_message (gnutls_session_t session, unsigned type, unsigned when, unsigned incoming, const gnutls_datum_t *message)
{
  GError **refusal = gnutls_session_get_ptr (session);

  g_clear_error (refusal);
  return lp2p_gnutls_check_message (type, incoming, message, TRUE, refusal);
}

/* A session that only a server with a certificate for @name completes, which is a host
 * name or an IP address. @self, @name and @refusal have to stay until it has: there it
 * says why certificates were refused before anything was computed with them. */
gnutls_session_t
lp2p_ws_trust_new_session (Lp2pWsTrust *self, const char *name, GError **refusal, GError **error)
{
  gnutls_session_t session = lp2p_ws_session_new (GNUTLS_CLIENT, self->credentials, error);

  int code = 0;

  if (session == NULL)
    return NULL;
  gnutls_session_set_verify_cert (session, name, 0);
  gnutls_session_set_ptr (session, refusal);
  gnutls_handshake_set_hook_function (session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_PRE, on_message);
  if (!g_hostname_is_ip_address (name))
    code = gnutls_server_name_set (session, GNUTLS_NAME_DNS, name, strlen (name));
  if (code >= 0)
    return session;
  gnutls_deinit (session);
  g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED, _("TLS cannot ask for the server %s: %s"), name,
               gnutls_strerror (code));
  return NULL;
}

/* Returns: (transfer full) (nullable): what was wrong with the certificate of the
 * server, if that was it */
char *
lp2p_ws_trust_explain (gnutls_session_t session)
{
  unsigned status = gnutls_session_get_verify_cert_status (session);
  gnutls_datum_t text = { NULL, 0 };
  char *explained;

  if (status == 0 || status == (unsigned) -1 ||
      gnutls_certificate_verification_status_print (status, GNUTLS_CRT_X509, &text, 0) < 0)
    return NULL;
  explained = g_strstrip (g_strndup ((const char *) text.data, text.size));
  gnutls_free (text.data);
  return explained;
}
