/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* TLS in the handshake of a connection. The ALPN of a client says whose the
 * connection is, and with that which certificate is shown and whether one is asked
 * for. */

#include "lp2p-quic-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include <lp2p/net/lp2p-gnutls-credentials.h>

#define MAX_PROTOCOLS 8

/* Of one connection: servers give some at the end of the handshake, and another one from
 * time to time. Each is worth a write to the peer store. */
#define MAX_TICKETS 8

static Lp2pQuicConnection *
get_connection (gnutls_session_t session)
{
  return ((ngtcp2_crypto_conn_ref *) gnutls_session_get_ptr (session))->user_data;
}

/* GnuTLS does not call it when a session is resumed: then it is asked about what the
 * peer showed in the first one. */
static int
on_verify (gnutls_session_t session)
{
  Lp2pQuicConnection *self = get_connection (session);
  unsigned n = 0;
  const gnutls_datum_t *certificates = gnutls_certificate_get_peers (session, &n);
  GError *error = NULL;

  if (self->protocol == NULL || self->protocol->verify == NULL)
    return self->protocol != NULL ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
  self->certified = FALSE;
  g_clear_pointer (&self->remote_key, lp2p_public_key_unref);
  self->remote_key = self->protocol->verify (certificates, n, lp2p_loop_real_time (self->loop) / G_USEC_PER_SEC,
                                             self->expected_peer, &error);
  self->certified = self->remote_key != NULL;
  if (self->certified)
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

/* Where the protocol of the client is known, so that its tickets are of no other one. */
static int
enable_tickets (Lp2pQuicConnection *self)
{
  Lp2pQuicEngine *engine = self->endpoint->engine;
  const gnutls_datum_t *key;

  if (!self->protocol->resumes || engine == NULL)
    return 0;
  key = lp2p_quic_ticket_keys_get (engine->ticket_keys, self->protocol->alpn,
                                   ngtcp2_conn_get_local_transport_params (self->conn));
  return key != NULL ? gnutls_session_ticket_enable_server (self->tls, key) : 0;
}

/* Before the parameters are sent. What is of the connection stays. */
static gboolean
set_limits (Lp2pQuicConnection *self)
{
  ngtcp2_transport_params params = *ngtcp2_conn_get_local_transport_params (self->conn);

  lp2p_quic_set_limits (&self->protocol->options, &params);
  return ngtcp2_conn_set_local_transport_params (self->conn, &params) == 0;
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
  return set_limits (self) && enable_tickets (self) >= 0 ? set_credentials (self) : GNUTLS_E_INTERNAL_ERROR;
}

/* A client without transport parameters does not speak QUIC (RFC 9001 section 8.2).
 * ngtcp2 finds that only when the handshake is over, and ends the process when it is
 * to send something before. */
static int
check_client_hello (Lp2pQuicConnection *self)
{
  return ngtcp2_conn_get_remote_transport_params (self->conn) != NULL ? 0 : GNUTLS_E_MISSING_EXTENSION;
}

/* Before GnuTLS reads it, which leaves only the end. The session is asked for when it has. */
static void
note_ticket (Lp2pQuicConnection *self, const gnutls_datum_t *message)
{
  if (self->n_tickets >= MAX_TICKETS ||
      !lp2p_quic_ticket_parse_message (message->data, message->size, &self->ticket_lifetime))
    self->ticket_lifetime = 0;
  self->n_tickets++;
}

/* What a protocol does not look at is bounded all the same. */
static int
check_message (Lp2pQuicConnection *self, unsigned type, unsigned incoming, const gnutls_datum_t *message)
{
  gboolean chain = self->protocol == NULL || self->protocol->verify == NULL;
  g_autoptr (GError) reason = NULL;
  int code = lp2p_gnutls_check_message (type, incoming, message, chain, &reason);

  if (code < 0 && self->error == NULL)
    self->error = g_error_new (LP2P_ERROR, LP2P_ERROR_HANDSHAKE, _("QUIC handshake failed: %s"), reason->message);
  return code;
}

/* A session has one place for such a function. */
static int
on_message (gnutls_session_t session, unsigned type, unsigned when, unsigned incoming, const gnutls_datum_t *message)
{
  Lp2pQuicConnection *self = get_connection (session);

  if (when == GNUTLS_HOOK_POST)
    return self->server && type == GNUTLS_HANDSHAKE_CLIENT_HELLO ? check_client_hello (self) : 0;
  if (incoming && type == GNUTLS_HANDSHAKE_NEW_SESSION_TICKET && self->protocol->resumes)
    note_ticket (self, message);
  return check_message (self, type, incoming, message);
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
  g_autofree char *text = lp2p_gnutls_get_priorities (LP2P_GNUTLS_NONE);
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
  int code = gnutls_init (&self->tls, flags | GNUTLS_NO_END_OF_EARLY_DATA);

  if (code < 0)
    return code;
  gnutls_session_set_ptr (self->tls, &self->conn_ref);
  gnutls_session_set_verify_function (self->tls, on_verify);
  gnutls_handshake_set_hook_function (self->tls, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_BOTH, on_message);
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
    g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED, _("TLS cannot be used: %s"), gnutls_strerror (code));
  return FALSE;
}

/* One key share: all that speak this have the first group. */
static int
start_client (Lp2pQuicConnection *self, unsigned flags)
{
  int code = new_session (self, flags | GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT | GNUTLS_KEY_SHARE_TOP |
                                    (self->protocol->resumes ? 0 : GNUTLS_NO_TICKETS));

  if (code >= 0)
    code = ngtcp2_crypto_gnutls_configure_client_session (self->tls) == 0 ? 0 : GNUTLS_E_INTERNAL_ERROR;
  if (code >= 0)
    code = set_credentials (self);
  if (code >= 0)
    code = set_alpn (self->tls, &self->protocol->alpn, 1);
  return code;
}

/* Who is early goes by what the peer proved when it gave the ticket. GnuTLS shows the
 * certificate only when the peer has agreed to resume. */
static gboolean
resume (Lp2pQuicConnection *self)
{
  Lp2pQuicTicket ticket;
  g_autoptr (GBytes) entry = lp2p_quic_resumption_take (self, &ticket);
  const gnutls_datum_t *key = &ticket.parts[LP2P_QUIC_TICKET_KEY];
  const gnutls_datum_t *session = &ticket.parts[LP2P_QUIC_TICKET_SESSION];
  const gnutls_datum_t *params = &ticket.parts[LP2P_QUIC_TICKET_PARAMS];

  if (entry == NULL)
    return FALSE;
  self->remote_key = lp2p_public_key_new_from_bytes (key->data, key->size, NULL);
  return self->remote_key != NULL && start_client (self, GNUTLS_ENABLE_EARLY_DATA) >= 0 &&
         gnutls_session_set_data (self->tls, session->data, session->size) >= 0 &&
         lp2p_quic_set_early_params (self->conn, params->data, params->size) == 0;
}

gboolean
lp2p_quic_tls_start_client (Lp2pQuicConnection *self, gboolean early_data, GError **error)
{
  if (early_data && self->expected_peer != NULL && self->protocol->resumes && resume (self))
    {
      self->early = TRUE;
      return finish (self, 0, error);
    }
  /* All that is left of a ticket of no use. */
  g_clear_pointer (&self->tls, gnutls_deinit);
  g_clear_pointer (&self->remote_key, lp2p_public_key_unref);
  g_clear_error (&self->error);
  return finish (self, start_client (self, 0), error);
}

/* GnuTLS takes none without something that tells what was seen before. */
static void
enable_early_data (Lp2pQuicConnection *self)
{
  gnutls_anti_replay_t anti_replay = lp2p_quic_replay_get (self->endpoint->engine->replay);

  if (anti_replay == NULL)
    return;
  gnutls_anti_replay_enable (self->tls, anti_replay);
  gnutls_record_set_max_early_data_size (self->tls, LP2P_QUIC_MAX_EARLY_DATA);
}

gboolean
lp2p_quic_tls_start_server (Lp2pQuicConnection *self, GError **error)
{
  GPtrArray *listeners = self->endpoint->listeners;
  const char *names[MAX_PROTOCOLS];
  guint n = MIN (listeners->len, MAX_PROTOCOLS);
  int code = new_session (self, GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET | GNUTLS_ENABLE_EARLY_DATA);

  for (guint i = 0; i < n; i++)
    names[i] = ((Lp2pQuicListener *) g_ptr_array_index (listeners, i))->protocol->alpn;
  if (code >= 0)
    code = ngtcp2_crypto_gnutls_configure_server_session (self->tls) == 0 ? 0 : GNUTLS_E_INTERNAL_ERROR;
  if (code >= 0)
    code = set_alpn (self->tls, names, n);
  if (code >= 0)
    {
      gnutls_handshake_set_post_client_hello_function (self->tls, on_client_hello);
      enable_early_data (self);
    }
  return finish (self, code, error);
}

/* Who the peer is, as the handshake or the session that it resumed has shown. GnuTLS
 * asks for a certificate, but only here is it for sure that there was one. */
gboolean
lp2p_quic_tls_check_peer (Lp2pQuicConnection *self)
{
  if (self->protocol == NULL)
    return FALSE;
  if (self->server && !self->protocol->mutual)
    return TRUE;
  if (gnutls_session_is_resumed (self->tls))
    return on_verify (self->tls) == 0;
  return self->certified || self->protocol->verify == NULL;
}

GBytes *
lp2p_quic_connection_dup_certificate (Lp2pQuicConnection *self)
{
  unsigned n = 0;
  const gnutls_datum_t *shown = self->tls != NULL ? gnutls_certificate_get_peers (self->tls, &n) : NULL;

  return n > 0 ? g_bytes_new (shown->data, shown->size) : NULL;
}

gboolean
lp2p_quic_tls_is_early_refused (Lp2pQuicConnection *self)
{
  return !self->server && (gnutls_session_get_flags (self->tls) & GNUTLS_SFLAGS_EARLY_DATA) == 0;
}

/* Not by itself, which would be before the client has shown its certificate. */
void
lp2p_quic_tls_send_ticket (Lp2pQuicConnection *self)
{
  if (self->server && self->protocol->resumes)
    gnutls_session_ticket_send (self->tls, 1, 0);
}
