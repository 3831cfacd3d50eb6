/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* TLS in the handshake of a connection. The ALPN of a client says whose the
 * connection is, and with that which certificate is shown and whether one is asked
 * for. */

#include "lp2p-quic-private.h"

#include <string.h>

#include <lp2p/net/lp2p-gnutls-credentials.h>

#define MAX_PROTOCOLS 8

static Lp2pQuicConnection *
get_connection (gnutls_session_t session)
{
  return ((ngtcp2_crypto_conn_ref *) gnutls_session_get_ptr (session))->user_data;
}

/* It is not called when a session is resumed. */
static int
on_verify (gnutls_session_t session)
{
  Lp2pQuicConnection *self = get_connection (session);
  unsigned n = 0;
  const gnutls_datum_t *certificates = gnutls_certificate_get_peers (session, &n);
  GError *error = NULL;

  if (self->protocol == NULL || self->protocol->verify == NULL)
    return self->protocol != NULL ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
  g_clear_pointer (&self->remote_key, lp2p_public_key_unref);
  self->remote_key = self->protocol->verify (certificates, n, lp2p_loop_real_time (self->loop) / G_USEC_PER_SEC,
                                             self->expected_peer, &error);
  if (self->remote_key != NULL)
    return 0;
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
  return GNUTLS_E_CERTIFICATE_ERROR;
}

static int
set_credentials (Lp2pQuicConnection *self)
{
  g_autoptr (GError) error = NULL;
  gnutls_certificate_credentials_t credentials = self->protocol->get_credentials (self->protocol->data, &error);

  if (credentials != NULL)
    return gnutls_credentials_set (self->tls, GNUTLS_CRD_CERTIFICATE, credentials);
  if (self->error == NULL)
    self->error = g_steal_pointer (&error);
  return GNUTLS_E_INSUFFICIENT_CREDENTIALS;
}

/* Here, as GnuTLS lets a client without ALPN pass, whatever is mandatory. */
static int
on_client_hello (gnutls_session_t session)
{
  Lp2pQuicConnection *self = get_connection (session);
  gnutls_datum_t alpn = { NULL, 0 };
  Lp2pQuicListener *listener = NULL;

  if (gnutls_alpn_get_selected_protocol (session, &alpn) == 0)
    listener = lp2p_quic_endpoint_find_listener (self->endpoint, (const char *) alpn.data, alpn.size);
  if (listener == NULL)
    return GNUTLS_E_NO_APPLICATION_PROTOCOL;
  self->protocol = listener->protocol;
  gnutls_certificate_server_set_request (session, self->protocol->mutual ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_IGNORE);
  return set_credentials (self);
}

static int
set_alpn (gnutls_session_t session, const char *const *names, guint n_names)
{
  gnutls_datum_t protocols[MAX_PROTOCOLS];
  guint n = MIN (n_names, MAX_PROTOCOLS);

  for (guint i = 0; i < n; i++)
    protocols[i] = (gnutls_datum_t){ (void *) names[i], strlen (names[i]) };
  return gnutls_alpn_set_protocols (session, protocols, n, GNUTLS_ALPN_MANDATORY | GNUTLS_ALPN_SERVER_PRECEDENCE);
}

/* One for all sessions of the process: each would take 8 KiB for its own. */
static gpointer
make_priorities (gpointer data)
{
  g_autofree char *text = lp2p_gnutls_get_priorities ();
  gnutls_priority_t priorities = NULL;

  gnutls_priority_init (&priorities, text, NULL);
  return priorities;
}

/* Returns NULL, which no session accepts, when GnuTLS does not have what we need. */
static gnutls_priority_t
get_priorities (void)
{
  static GOnce once = G_ONCE_INIT;

  return g_once (&once, make_priorities, NULL);
}

/* QUIC has no messages of TLS that end early data. Without that flag a client which
 * sends some would end the process. */
static int
new_session (Lp2pQuicConnection *self, unsigned flags)
{
  int code = gnutls_init (&self->tls, flags | GNUTLS_NO_END_OF_EARLY_DATA | GNUTLS_NO_TICKETS);

  if (code < 0)
    return code;
  gnutls_session_set_ptr (self->tls, &self->conn_ref);
  gnutls_session_set_verify_function (self->tls, on_verify);
  gnutls_handshake_set_timeout (self->tls, 0);
  return gnutls_priority_set (self->tls, get_priorities ());
}

static gboolean
finish (Lp2pQuicConnection *self, int code, GError **error)
{
  if (code >= 0)
    {
      ngtcp2_conn_set_tls_native_handle (self->conn, self->tls);
      return TRUE;
    }
  if (self->error != NULL)
    g_propagate_error (error, g_steal_pointer (&self->error));
  else
    g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED, "TLS cannot be used: %s", gnutls_strerror (code));
  return FALSE;
}

/* One key share: all that speak this have the first group. */
gboolean
lp2p_quic_tls_start_client (Lp2pQuicConnection *self, GError **error)
{
  int code = new_session (self, GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT | GNUTLS_KEY_SHARE_TOP);

  if (code >= 0)
    code = ngtcp2_crypto_gnutls_configure_client_session (self->tls) == 0 ? 0 : GNUTLS_E_INTERNAL_ERROR;
  if (code >= 0)
    code = set_credentials (self);
  if (code >= 0)
    code = set_alpn (self->tls, &self->protocol->alpn, 1);
  return finish (self, code, error);
}

gboolean
lp2p_quic_tls_start_server (Lp2pQuicConnection *self, GError **error)
{
  GPtrArray *listeners = self->endpoint->listeners;
  const char *names[MAX_PROTOCOLS];
  guint n = MIN (listeners->len, MAX_PROTOCOLS);
  int code = new_session (self, GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET);

  for (guint i = 0; i < n; i++)
    names[i] = ((Lp2pQuicListener *) g_ptr_array_index (listeners, i))->protocol->alpn;
  if (code >= 0)
    code = ngtcp2_crypto_gnutls_configure_server_session (self->tls) == 0 ? 0 : GNUTLS_E_INTERNAL_ERROR;
  if (code >= 0)
    code = set_alpn (self->tls, names, n);
  if (code >= 0)
    gnutls_handshake_set_post_client_hello_function (self->tls, on_client_hello);
  return finish (self, code, error);
}
