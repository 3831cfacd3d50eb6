/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A connection: how it begins, and what drives it. */

#include "lp2p-quic-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* A client's first choice for the server's id (RFC 9000 section 7.2). */
#define FIRST_DCID_SIZE 18

#define CONNECTION_OF(pointer, member) \
  ((Lp2pQuicConnection *) ((char *) (pointer) - G_STRUCT_OFFSET (Lp2pQuicConnection, member)))

static void
set_failed (GError **error, int code)
{
  g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED, _("QUIC cannot be used: %s"), ngtcp2_strerror (code));
}

/* Handing out */

static void
on_give_up (gpointer user_data)
{
  lp2p_quic_connection_give_up (user_data);
}

/* Whose the connection will be is known only later: the listeners of a socket share what
 * the host says. */
gboolean
lp2p_quic_connection_begin_handshake (Lp2pQuicConnection *self, GError **error)
{
  Lp2pQuicListener *first = g_ptr_array_index (self->endpoint->listeners, 0);

  self->handshake = lp2p_context_begin_handshake (self->endpoint->engine->context, first->protocol->transport,
                                                  self->remote_address, on_give_up, self, error);
  return self->handshake != NULL;
}

void
lp2p_quic_connection_end_handshake (Lp2pQuicConnection *self)
{
  Lp2pHandshake *handshake = g_steal_pointer (&self->handshake);

  if (handshake != NULL && self->endpoint->engine != NULL)
    lp2p_context_end_handshake (self->endpoint->engine->context, handshake);
}

/* Who only begins may be nowhere, or say nothing of sense. */
static void
follow_handshake (Lp2pQuicConnection *self)
{
  if (self->handshake != NULL && self->proved && self->protocol != NULL)
    lp2p_context_advance_handshake (self->endpoint->engine->context, self->handshake);
}

/* One that is early counts as half open until it is ready: its client may be nowhere. */
static void
hand_to_listener (Lp2pQuicConnection *self)
{
  const char *alpn = self->protocol->alpn;
  Lp2pQuicListener *listener = lp2p_quic_endpoint_find_listener (self->endpoint, alpn, strlen (alpn));

  if (lp2p_quic_punch_take (self))
    return;
  if (listener == NULL)
    {
      lp2p_quic_connection_abort (self, 0, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The listener is closed")));
      return;
    }
  self->handed_out = TRUE;
  listener->events->accepted (lp2p_quic_connection_ref (self), listener->user_data);
}

static void
run_job (Lp2pJob *job)
{
  g_autoptr (Lp2pQuicConnection) self = CONNECTION_OF (job, job);
  Lp2pQuicDialed dialed = g_steal_pointer (&self->dialed);

  if (self->handed_out)
    return;
  if (lp2p_quic_connection_is_usable (self) && self->server)
    {
      hand_to_listener (self);
      if (self->conn != NULL)
        lp2p_quic_path_follow (self);
    }
  else if (lp2p_quic_connection_is_usable (self) && dialed != NULL)
    {
      self->handed_out = TRUE;
      dialed (lp2p_quic_connection_ref (self), NULL, self->dialed_data);
    }
  else if (self->phase >= LP2P_QUIC_CLOSED && dialed != NULL)
    dialed (NULL, self->error, self->dialed_data);
  else
    self->dialed = dialed;
}

/* It holds a reference while it waits. */
void
lp2p_quic_connection_queue_job (Lp2pQuicConnection *self)
{
  if (lp2p_job_is_queued (&self->job))
    return;
  lp2p_quic_connection_ref (self);
  lp2p_job_queue (&self->job);
}

gboolean
lp2p_quic_connection_is_usable (Lp2pQuicConnection *self)
{
  return self->phase == LP2P_QUIC_READY || (self->phase == LP2P_QUIC_HANDSHAKE && self->early);
}

/* It may have been closed while it was early. */
void
lp2p_quic_connection_become_ready (Lp2pQuicConnection *self)
{
  self->early = FALSE;
  self->verified = TRUE;
  lp2p_quic_connection_end_handshake (self);
  lp2p_quic_arrival_ready (self);
  lp2p_quic_size_reset (self);
  if (self->phase != LP2P_QUIC_HANDSHAKE)
    return;
  self->phase = LP2P_QUIC_READY;
  if (self->events != NULL)
    self->events->ready (self->events_data);
  lp2p_quic_connection_queue_job (self);
}

/* What a client sends early is handed out when it is known whose it is; and a server that
 * has something to say says it as soon as it has the keys. */
static void
follow_early (Lp2pQuicConnection *self)
{
  gboolean speaks = self->has_keys && self->protocol->answers_early && !self->protocol->mutual;

  if (!self->server || self->phase != LP2P_QUIC_HANDSHAKE || self->early || (self->incoming.length == 0 && !speaks))
    return;
  if (lp2p_quic_tls_check_peer (self))
    {
      self->early = TRUE;
      lp2p_quic_connection_queue_job (self);
    }
  else
    lp2p_quic_connection_fail (self, NGTCP2_ERR_CALLBACK_FAILURE);
}

/* What drives it */

void
lp2p_quic_connection_want_output (Lp2pQuicConnection *self)
{
  lp2p_job_queue (&self->output);
}

void
lp2p_quic_connection_update_timer (Lp2pQuicConnection *self)
{
  ngtcp2_tstamp expiry;
  gint64 deadline;

  if (self->conn == NULL)
    return;
  expiry = ngtcp2_conn_get_expiry (self->conn);
  deadline = expiry == UINT64_MAX ? G_MAXINT64 : (gint64) ((expiry + 999) / 1000);
  if (self->close_at > 0)
    deadline = MIN (deadline, self->close_at);
  if (deadline == G_MAXINT64)
    lp2p_timer_clear (&self->timer);
  else
    lp2p_timer_set (&self->timer, deadline);
}

static void
run_output (Lp2pJob *job)
{
  g_autoptr (Lp2pQuicConnection) self = lp2p_quic_connection_ref (CONNECTION_OF (job, output));

  if (self->conn == NULL)
    return;
  lp2p_quic_output_run (self);
  lp2p_quic_arrival_written (self);
  lp2p_quic_connection_follow_flushing (self);
  lp2p_quic_connection_update_timer (self);
}

static void
expire (Lp2pQuicConnection *self, gint64 now)
{
  int code = ngtcp2_conn_handle_expiry (self->conn, LP2P_QUIC_TIME (now));

  if (code == NGTCP2_ERR_IDLE_CLOSE || code == NGTCP2_ERR_HANDSHAKE_TIMEOUT)
    lp2p_quic_connection_fail_silently (
        self, self->phase == LP2P_QUIC_HANDSHAKE
                  ? g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, _("QUIC handshake failed: no answer in time"))
                  : g_error_new_literal (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                                         _("QUIC: the peer has not been heard of for too long")));
  else if (code != 0)
    lp2p_quic_connection_fail (self, code);
}

static void
run_timer (Lp2pTimer *timer)
{
  g_autoptr (Lp2pQuicConnection) self = lp2p_quic_connection_ref (CONNECTION_OF (timer, timer));
  gint64 now = lp2p_loop_now (self->loop);

  if (self->phase >= LP2P_QUIC_CLOSED)
    {
      lp2p_quic_connection_leave (self);
      return;
    }
  if (ngtcp2_conn_get_expiry (self->conn) <= LP2P_QUIC_TIME (now))
    expire (self, now);
  if (self->conn == NULL)
    return;
  lp2p_quic_arrival_expired (self);
  lp2p_quic_size_expired (self);
  lp2p_quic_connection_want_output (self);
}

/* Packets */

/* Returns: NGTCP2_ERR_RETRY where a first packet that is left cannot begin a connection, but
 * where the client would begin once more */
int
lp2p_quic_connection_read (Lp2pQuicConnection *self,
                           const ngtcp2_path *path,
                           guint8 ecn,
                           const guint8 *data,
                           gsize size,
                           gint64 now)
{
  g_autoptr (Lp2pQuicConnection) keep = lp2p_quic_connection_ref (self);
  ngtcp2_pkt_info info = { .ecn = ecn };
  int code;

  if (self->conn == NULL)
    {
      lp2p_quic_connection_was_read_closed (self);
      return 0;
    }
  if (!lp2p_quic_moved_may_read (self, path))
    return 0;

  self->bytes_read += size;
  code = lp2p_quic_callbacks_read (self, path, &info, data, size, now);
  switch (code)
    {
    case 0:
      if (self->server)
        lp2p_quic_moved_was_read (self, path, size);
      self->heard = TRUE;
      lp2p_quic_arrival_heard (self, now);
      lp2p_quic_path_follow (self);
      lp2p_quic_connection_want_output (self);
      if (self->ticket_lifetime > 0)
        lp2p_quic_resumption_keep (self);
      if (self->token != NULL)
        lp2p_quic_token_keep (self);
      follow_handshake (self);
      follow_early (self);
      break;
    case NGTCP2_ERR_DRAINING:
      lp2p_quic_connection_peer_closed (self);
      break;
    case NGTCP2_ERR_DROP_CONN:
    case NGTCP2_ERR_RETRY:
      lp2p_quic_connection_fail_silently (
          self, g_error_new_literal (LP2P_ERROR, LP2P_ERROR_HANDSHAKE, _("QUIC handshake failed: the first packet was broken")));
      break;
    default:
      lp2p_quic_connection_fail (self, code);
      break;
    }
  return code;
}

/* Beginning */

static ngtcp2_conn *
get_conn (ngtcp2_crypto_conn_ref *reference)
{
  return ((Lp2pQuicConnection *) reference->user_data)->conn;
}

/* The caller and the endpoint have a reference each. */
Lp2pQuicConnection *
lp2p_quic_connection_new (Lp2pQuicEndpoint *endpoint, gboolean server)
{
  Lp2pQuicConnection *self = g_new0 (Lp2pQuicConnection, 1);

  self->refs = 2;
  self->endpoint = lp2p_quic_endpoint_ref (endpoint);
  self->server = server;
  self->link.data = self;
  g_queue_push_tail_link (&endpoint->connections, &self->link);
  self->loop = lp2p_loop_new_share (endpoint->engine->loop);
  self->ids = g_array_new (FALSE, FALSE, sizeof (ngtcp2_cid));
  self->peer_ids = (Lp2pQuicPeerIds) LP2P_QUIC_PEER_IDS_INIT;
  self->settled = server;
  self->rtt = -1;
  self->memory.window = LP2P_QUIC_INITIAL_WINDOW;
  self->conn_ref.get_conn = get_conn;
  self->conn_ref.user_data = self;
  lp2p_job_init (&self->output, self->loop, LP2P_JOB_PUMP, run_output);
  lp2p_job_init (&self->job, self->loop, LP2P_JOB_RUN, run_job);
  lp2p_timer_init (&self->timer, self->loop, run_timer);
  return self;
}

static void
add_id (Lp2pQuicConnection *self, const ngtcp2_cid *cid)
{
  g_array_append_val (self->ids, *cid);
  lp2p_quic_endpoint_add_id (self->endpoint, cid, self);
}

gboolean
lp2p_quic_connection_start_client (Lp2pQuicConnection *self,
                                   const Lp2pQuicProtocol *protocol,
                                   const struct sockaddr *local,
                                   const struct sockaddr *remote,
                                   gboolean early_data,
                                   GError **error)
{
  ngtcp2_path path = {
    .local = { (struct sockaddr *) local, lp2p_quic_address_get_size (local) },
    .remote = { (struct sockaddr *) remote, lp2p_quic_address_get_size (remote) },
  };
  ngtcp2_settings settings;
  ngtcp2_transport_params params;
  Lp2pQuicProbes probes;
  ngtcp2_cid dcid = { .datalen = FIRST_DCID_SIZE };
  ngtcp2_cid scid;
  g_autoptr (GBytes) kept = NULL;
  gnutls_datum_t token;
  int code;

  self->protocol = protocol;
  lp2p_quic_path_set (self, &path);
  lp2p_quic_random (dcid.data, dcid.datalen);
  lp2p_quic_random_cid (&scid);
  lp2p_quic_make_settings (&protocol->options, lp2p_loop_now (self->loop), &settings);
  lp2p_quic_make_params (&protocol->options, &params);
  lp2p_quic_size_begin (self, &probes, &settings, &params);
  kept = lp2p_quic_token_take (self, &token);
  if (kept != NULL)
    lp2p_quic_settings_set_token (&settings, token.data, token.size, FALSE);
  code = ngtcp2_conn_client_new (&self->conn, &dcid, &scid, &self->path.path, NGTCP2_PROTO_VER_V1,
                                 &lp2p_quic_client_callbacks, &settings, &params, NULL, self);
  if (code != 0)
    {
      set_failed (error, code);
      return FALSE;
    }
  add_id (self, &scid);
  if (!lp2p_quic_tls_start_client (self, early_data, error))
    return FALSE;
  lp2p_quic_connection_want_output (self);
  if (self->early)
    lp2p_quic_connection_queue_job (self);
  return TRUE;
}

/* What holds until it is known which protocol the client speaks, and what cannot be changed
 * then. */
static void
get_first_options (Lp2pQuicEndpoint *endpoint, Lp2pQuicOptions *options)
{
  *options = ((Lp2pQuicListener *) g_ptr_array_index (endpoint->listeners, 0))->protocol->options;
  for (guint i = 1; i < endpoint->listeners->len; i++)
    {
      const Lp2pQuicListener *listener = g_ptr_array_index (endpoint->listeners, i);
      const Lp2pQuicOptions *other = &listener->protocol->options;

      options->handshake_timeout = MAX (options->handshake_timeout, other->handshake_timeout);
      options->stream_window = MAX (options->stream_window, other->stream_window);
    }
}

gboolean
lp2p_quic_connection_start_server (Lp2pQuicConnection *self,
                                   const ngtcp2_path *path,
                                   const ngtcp2_pkt_hd *hd,
                                   const ngtcp2_cid *retried,
                                   gboolean validated,
                                   gint64 now,
                                   GError **error)
{
  Lp2pQuicOptions options;
  Lp2pQuicEndpoint *endpoint = self->endpoint;
  ngtcp2_settings settings;
  ngtcp2_transport_params params;
  Lp2pQuicProbes probes;
  ngtcp2_cid scid;
  int code;

  get_first_options (endpoint, &options);
  lp2p_quic_random_cid (&scid);
  lp2p_quic_make_settings (&options, now, &settings);
  lp2p_quic_make_params (&options, &params);
  lp2p_quic_size_begin (self, &probes, &settings, &params);
  lp2p_quic_params_set_original_dcid (&params, retried != NULL ? retried : &hd->dcid);
  if (validated)
    {
      self->proved = TRUE;
      lp2p_quic_settings_set_token (&settings, LP2P_QUIC_TOKEN (hd), LP2P_QUIC_TOKEN_SIZE (hd), retried != NULL);
    }
  if (retried != NULL)
    {
      params.retry_scid = hd->dcid;
      params.retry_scid_present = 1;
    }
  params.stateless_reset_token_present = 1;
  ngtcp2_crypto_generate_stateless_reset_token (params.stateless_reset_token, endpoint->reset_secret,
                                                sizeof endpoint->reset_secret, &scid);
  code = ngtcp2_conn_server_new (&self->conn, &hd->scid, &scid, path, hd->version, &lp2p_quic_server_callbacks,
                                 &settings, &params, NULL, self);
  if (code != 0)
    {
      set_failed (error, code);
      return FALSE;
    }
  add_id (self, &scid);
  add_id (self, &hd->dcid);
  return lp2p_quic_tls_start_server (self, error);
}

/* Its life */

Lp2pQuicConnection *
lp2p_quic_connection_ref (Lp2pQuicConnection *self)
{
  self->refs++;
  return self;
}

void
lp2p_quic_connection_unref (Lp2pQuicConnection *self)
{
  if (--self->refs > 0)
    return;
  /* Of one that nobody was given. */
  while (self->streams.length > 0)
    lp2p_quic_stream_release (g_queue_peek_head (&self->streams));
  g_clear_pointer (&self->remote_key, lp2p_public_key_unref);
  g_clear_pointer (&self->expected_peer, lp2p_peer_id_unref);
  g_clear_pointer (&self->local_address, lp2p_multiaddr_unref);
  g_clear_pointer (&self->remote_address, lp2p_multiaddr_unref);
  g_clear_pointer (&self->close_packet, g_bytes_unref);
  g_clear_pointer (&self->token, g_bytes_unref);
  lp2p_quic_moved_clear (self);
  g_clear_error (&self->error);
  g_free (self->close_reason);
  g_array_unref (self->ids);
  lp2p_quic_endpoint_unref (self->endpoint);
  lp2p_loop_unref (self->loop);
  g_free (self);
}

/* Without whoever was told of it. */
void
lp2p_quic_connection_release (Lp2pQuicConnection *self)
{
  self->events = NULL;
  lp2p_quic_connection_abort (self, 0, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The session was aborted")));
  while (self->streams.length > 0)
    lp2p_quic_stream_release (g_queue_peek_head (&self->streams));
  lp2p_quic_connection_unref (self);
}

/* What is known of it */

void
lp2p_quic_connection_set_events (Lp2pQuicConnection *self, const Lp2pQuicEvents *events, gpointer user_data)
{
  self->events = events;
  self->events_data = user_data;
}

Lp2pSessionState
lp2p_quic_connection_get_state (Lp2pQuicConnection *self)
{
  switch (self->phase)
    {
    case LP2P_QUIC_HANDSHAKE:
      return LP2P_SESSION_EARLY;
    case LP2P_QUIC_READY:
      return LP2P_SESSION_READY;
    case LP2P_QUIC_FLUSHING:
      return LP2P_SESSION_CLOSING;
    default:
      return LP2P_SESSION_CLOSED;
    }
}

const GError *
lp2p_quic_connection_get_error (Lp2pQuicConnection *self, guint64 *code)
{
  if (code != NULL)
    *code = self->remote_code;
  return self->orderly ? NULL : self->error;
}

Lp2pMultiaddr *
lp2p_quic_connection_get_local_address (Lp2pQuicConnection *self)
{
  return self->local_address;
}

Lp2pMultiaddr *
lp2p_quic_connection_get_remote_address (Lp2pQuicConnection *self)
{
  return self->remote_address;
}

const char *
lp2p_quic_connection_get_socket_id (Lp2pQuicConnection *self)
{
  return lp2p_udp_socket_get_id (self->endpoint->socket);
}

Lp2pPublicKey *
lp2p_quic_connection_get_remote_key (Lp2pQuicConnection *self)
{
  return self->remote_key;
}
