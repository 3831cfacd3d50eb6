/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What ngtcp2 asks and tells. Nothing here calls an application or ends a connection:
 * an error is returned, and whoever called ngtcp2 ends it. */

#include "lp2p-quic-private.h"

#include <glib/gi18n-lib.h>
#include <gnutls/crypto.h>

#include <lp2p/net/lp2p-gnutls-credentials.h>

/* The same for a stream: ngtcp2 raises it as it needs to. That of the connection is
 * raised where the host has memory for it. */
#define INITIAL_STREAM_WINDOW (256 * 1024)

/* Of the peer, which rotates them. */
#define ACTIVE_IDS 7

/* What fits into the largest UDP datagram. */
#define MAX_DATAGRAM 65535

/* What is read. Whatever the process does, each of its threads reads one packet at a time. */
static _Thread_local Lp2pQuicConnection *reading; /* for which ngtcp2 decrypts, which does not say so */

#define IS_SHORT(first) (((first) & 0x80) == 0)
#define IS_EARLY(first) (((first) & 0xb0) == 0x90)

int
lp2p_quic_callbacks_read (Lp2pQuicConnection *self,
                          const ngtcp2_path *path,
                          const ngtcp2_pkt_info *info,
                          const guint8 *data,
                          gsize size,
                          gint64 now)
{
  reading = self;
  return ngtcp2_conn_read_pkt (self->conn, path, info, data, size, LP2P_QUIC_TIME (now));
}

static Lp2pQuicFramesFlags
get_flags (Lp2pQuicConnection *self, guint8 first)
{
  return (self->settled ? LP2P_QUIC_FRAMES_SETTLED : 0) | (IS_EARLY (first) ? LP2P_QUIC_FRAMES_EARLY : 0) |
         (LP2P_QUIC_ASKS_AGAIN && self->moved.elsewhere ? LP2P_QUIC_FRAMES_ELSEWHERE : 0);
}

/* @header: decrypted already */
static int
on_decrypt (guint8 *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *context, const guint8 *sealed, size_t size, const guint8 *nonce, size_t nonce_size, const guint8 *header, size_t header_size)
{
  int code = ngtcp2_crypto_decrypt_cb (dest, aead, context, sealed, size, nonce, nonce_size, header, header_size);
  Lp2pQuicConnection *self = reading;

  if (code != 0 || (self->settled && !LP2P_QUIC_GIVES_UP_TWICE) || !(IS_SHORT (header[0]) || IS_EARLY (header[0])))
    return code;
  return lp2p_quic_frames_check (dest, size - aead->max_overhead, &self->peer_ids, get_flags (self, header[0])) ? 0 : NGTCP2_ERR_DECRYPT;
}

void
lp2p_quic_random (guint8 *data, gsize size)
{
  gnutls_rnd (GNUTLS_RND_RANDOM, data, size);
}

void
lp2p_quic_random_cid (ngtcp2_cid *cid)
{
  cid->datalen = LP2P_QUIC_CID_SIZE;
  lp2p_quic_random (cid->data, cid->datalen);
}

void
lp2p_quic_make_settings (const Lp2pQuicOptions *options, gint64 now, ngtcp2_settings *settings)
{
  ngtcp2_settings_default (settings);
  settings->initial_ts = LP2P_QUIC_TIME (now);
  settings->cc_algo = LP2P_QUIC_CONGESTION_CONTROL;
  settings->initial_rtt = LP2P_QUIC_TIME (LP2P_QUIC_INITIAL_RTT_US);
  settings->handshake_timeout = LP2P_QUIC_TIME (options->handshake_timeout);
  settings->max_stream_window = options->stream_window;
}

/* What a protocol decides. */
void
lp2p_quic_set_limits (const Lp2pQuicOptions *options, ngtcp2_transport_params *params)
{
  guint64 stream_window = MIN (options->stream_window, INITIAL_STREAM_WINDOW);

  params->initial_max_stream_data_bidi_local = stream_window;
  params->initial_max_stream_data_bidi_remote = stream_window;
  params->initial_max_data = MIN (options->window, LP2P_QUIC_INITIAL_WINDOW);
  params->initial_max_streams_bidi = options->max_streams;
  params->initial_max_stream_data_uni = options->max_uni_streams > 0 ? stream_window : 0;
  params->initial_max_streams_uni = options->max_uni_streams;
  params->max_idle_timeout = LP2P_QUIC_TIME (options->idle_timeout);
}

void
lp2p_quic_make_params (const Lp2pQuicOptions *options, ngtcp2_transport_params *params)
{
  ngtcp2_transport_params_default (params);
  lp2p_quic_set_limits (options, params);
  params->active_connection_id_limit = ACTIVE_IDS;
  params->max_datagram_frame_size = MAX_DATAGRAM;
}

/* Connection ids */

static int
on_get_new_id (ngtcp2_conn *conn, ngtcp2_cid *cid, guint8 *token, size_t size, void *user_data)
{
  Lp2pQuicConnection *self = user_data;
  Lp2pQuicEndpoint *endpoint = self->endpoint;

  cid->datalen = size;
  lp2p_quic_random (cid->data, size);
  if (ngtcp2_crypto_generate_stateless_reset_token (token, endpoint->reset_secret, sizeof endpoint->reset_secret,
                                                    cid) != 0)
    return NGTCP2_ERR_CALLBACK_FAILURE;
  g_array_append_val (self->ids, *cid);
  lp2p_quic_endpoint_add_id (endpoint, cid, self);
  return 0;
}

static int
on_remove_id (ngtcp2_conn *conn, const ngtcp2_cid *cid, void *user_data)
{
  Lp2pQuicConnection *self = user_data;

  lp2p_quic_endpoint_remove_id (self->endpoint, cid);
  for (guint i = 0; i < self->ids->len; i++)
    if (ngtcp2_cid_eq (&g_array_index (self->ids, ngtcp2_cid, i), cid))
      {
        g_array_remove_index_fast (self->ids, i);
        break;
      }
  return 0;
}

static int
on_dcid_status (ngtcp2_conn *conn, Lp2pQuicDcidStatus status, uint64_t seq, const ngtcp2_cid *cid, const guint8 *token, void *user_data)
{
  Lp2pQuicConnection *self = user_data;

  /* A client uses even the first one only then. */
  self->settled = TRUE;
  if (token != NULL && status == NGTCP2_CONNECTION_ID_STATUS_TYPE_ACTIVATE)
    lp2p_quic_endpoint_add_reset_token (self->endpoint, token, self);
  else if (token != NULL)
    lp2p_quic_endpoint_remove_reset_token (self->endpoint, token, self);
  return 0;
}

static int
on_reset (ngtcp2_conn *conn, const ngtcp2_pkt_stateless_reset *reset, void *user_data)
{
  ((Lp2pQuicConnection *) user_data)->forgotten = TRUE;
  return 0;
}

/* Handshake */

/* What is in order is handed to GnuTLS, which collects a message as long as it goes on. Of
 * what is wrong in an Initial, ngtcp2 ends a connection only for errors of TLS. */
static int
on_message (ngtcp2_conn *conn, ngtcp2_encryption_level level, uint64_t offset, const guint8 *data, size_t size, void *user_data)
{
  Lp2pQuicConnection *self = user_data;

  if (offset + size <= LP2P_GNUTLS_MAX_HANDSHAKE)
    return ngtcp2_crypto_recv_crypto_data_cb (conn, level, offset, data, size, user_data);
  if (self->error == NULL)
    self->error = g_error_new (LP2P_ERROR, self->phase == LP2P_QUIC_HANDSHAKE ? LP2P_ERROR_HANDSHAKE : LP2P_ERROR_PROTOCOL,
                               _("QUIC: the peer sent more than %u KiB of the handshake"), LP2P_GNUTLS_MAX_HANDSHAKE / 1024);
  ngtcp2_conn_set_tls_alert (conn, GNUTLS_A_DECODE_ERROR);
  return NGTCP2_ERR_CRYPTO;
}

/* Whoever sends a message of TLS that is encrypted has our answer, and so is where that
 * went (RFC 9000 section 8.1). */
static int
on_client_message (ngtcp2_conn *conn, ngtcp2_encryption_level level, uint64_t offset, const guint8 *data, size_t size, void *user_data)
{
  ((Lp2pQuicConnection *) user_data)->proved |= level == NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE;
  return on_message (conn, level, offset, data, size, user_data);
}

static int
on_handshake_completed (ngtcp2_conn *conn, void *user_data)
{
  Lp2pQuicConnection *self = user_data;

  /* A server may have left them out (RFC 9001 section 8.2); ngtcp2 looks only later. */
  if (ngtcp2_conn_get_remote_transport_params (conn) == NULL)
    {
      if (self->error == NULL)
        self->error = g_error_new_literal (LP2P_ERROR, LP2P_ERROR_HANDSHAKE,
                                           _("QUIC handshake failed: the peer sent no transport parameters"));
      return NGTCP2_ERR_CALLBACK_FAILURE;
    }
  if (!lp2p_quic_tls_check_peer (self))
    return NGTCP2_ERR_CALLBACK_FAILURE;
  if (self->early && lp2p_quic_tls_is_early_refused (self))
    {
      ngtcp2_conn_tls_early_data_rejected (conn);
      lp2p_quic_streams_refuse (self);
    }
  /* That has an id which no frame gives (RFC 9000 section 9.6). */
  if (ngtcp2_conn_get_remote_transport_params (conn)->preferred_addr_present)
    lp2p_quic_peer_ids_add (&self->peer_ids, 1);
  self->confirmed = self->server;
  lp2p_quic_tls_send_ticket (self);
  if (self->server)
    lp2p_quic_token_give (self);
  lp2p_quic_connection_become_ready (self);
  return 0;
}

/* For a server it is the same as its end. */
static int
on_handshake_confirmed (ngtcp2_conn *conn, void *user_data)
{
  ((Lp2pQuicConnection *) user_data)->confirmed = TRUE;
  return 0;
}

static int
on_send_key (ngtcp2_conn *conn, ngtcp2_encryption_level level, void *user_data)
{
  ((Lp2pQuicConnection *) user_data)->has_keys |= level == NGTCP2_ENCRYPTION_LEVEL_1RTT;
  return 0;
}

static int
on_new_token (ngtcp2_conn *conn, LP2P_QUIC_NEW_TOKEN, void *user_data)
{
  lp2p_quic_token_received (user_data, LP2P_QUIC_NEW_TOKEN_DATA);
  return 0;
}

static int
on_path_validated (ngtcp2_conn *conn, uint32_t flags, LP2P_QUIC_VALIDATED, ngtcp2_path_validation_result result, void *user_data)
{
  lp2p_quic_moved_validated (user_data, path, result);
  return 0;
}

static void
on_random (guint8 *data, size_t size, const ngtcp2_rand_ctx *context)
{
  gnutls_rnd (GNUTLS_RND_NONCE, data, size);
}

/* Streams */

static int
on_stream_open (ngtcp2_conn *conn, gint64 id, void *user_data)
{
  Lp2pQuicConnection *self = user_data;
  Lp2pQuicStream *stream = lp2p_quic_stream_new (self, id, TRUE);

  ngtcp2_conn_set_stream_user_data (conn, id, stream);
  stream->incoming_link.data = stream;
  g_queue_push_tail_link (&self->incoming, &stream->incoming_link);
  if (self->events != NULL)
    self->events->incoming (self->events_data);
  return 0;
}

static int
on_stream_data (ngtcp2_conn *conn, uint32_t flags, gint64 id, uint64_t offset, const guint8 *data, size_t size, void *user_data, void *stream)
{
  lp2p_quic_arrival_used (user_data);
  if (stream != NULL)
    lp2p_quic_stream_received (stream, data, size, (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0);
  return 0;
}

static int
on_acknowledged (ngtcp2_conn *conn, gint64 id, uint64_t offset, uint64_t size, void *user_data, void *stream)
{
  lp2p_quic_size_acknowledged (user_data, id, offset + size);
  if (stream != NULL)
    lp2p_quic_stream_acknowledged (stream, offset, size);
  return 0;
}

/* One that was reset before anything came of it has no stream. */
static int
on_stream_reset (ngtcp2_conn *conn, gint64 id, uint64_t final_size, uint64_t code, void *user_data, void *stream)
{
  if (stream != NULL)
    lp2p_quic_stream_was_reset (stream, code);
  return 0;
}

static int
on_stream_close (ngtcp2_conn *conn, uint32_t flags, gint64 id, uint64_t code, void *user_data, void *stream)
{
  if (stream != NULL)
    lp2p_quic_stream_was_closed (stream);
  return 0;
}

static int
on_more_stream_data (ngtcp2_conn *conn, gint64 id, uint64_t max, void *user_data, void *stream)
{
  if (stream != NULL)
    lp2p_quic_stream_queue_output (stream);
  return 0;
}

static int
on_more_streams (ngtcp2_conn *conn, uint64_t max, void *user_data)
{
  Lp2pQuicConnection *self = user_data;

  if (!self->open_refused)
    return 0;
  self->open_refused = FALSE;
  if (self->events != NULL)
    self->events->can_open (self->events_data);
  return 0;
}

static int
on_datagram (ngtcp2_conn *conn, uint32_t flags, const guint8 *data, size_t size, void *user_data)
{
  Lp2pQuicConnection *self = user_data;

  if (self->events != NULL && (flags & NGTCP2_DATAGRAM_FLAG_0RTT) == 0)
    self->events->datagram (data, size, self->events_data);
  return 0;
}

#define COMMON_CALLBACKS                                                        \
  .handshake_completed = on_handshake_completed,                                \
  .handshake_confirmed = on_handshake_confirmed, .encrypt = ngtcp2_crypto_encrypt_cb, \
  .decrypt = on_decrypt, .hp_mask = ngtcp2_crypto_hp_mask_cb,                   \
  .recv_stream_data = on_stream_data, .acked_stream_data_offset = on_acknowledged, \
  .stream_open = on_stream_open, .stream_close = on_stream_close,               \
  .extend_max_local_streams_bidi = on_more_streams,                             \
  .extend_max_local_streams_uni = on_more_streams, .rand = on_random,           \
  .get_new_connection_id = on_get_new_id, .remove_connection_id = on_remove_id, \
  .update_key = ngtcp2_crypto_update_key_cb, .stream_reset = on_stream_reset,   \
  .extend_max_stream_data = on_more_stream_data, .dcid_status = on_dcid_status, \
  .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,            \
  .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,        \
  .recv_stateless_reset = on_reset, .recv_datagram = on_datagram,               \
  .get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,          \
  .version_negotiation = ngtcp2_crypto_version_negotiation_cb

const ngtcp2_callbacks lp2p_quic_client_callbacks = {
  COMMON_CALLBACKS,
  .client_initial = ngtcp2_crypto_client_initial_cb,
  .recv_crypto_data = on_message,
  .recv_new_token = on_new_token,
  .recv_retry = ngtcp2_crypto_recv_retry_cb,
};

const ngtcp2_callbacks lp2p_quic_server_callbacks = {
  COMMON_CALLBACKS,
  .recv_tx_key = on_send_key,
  .path_validation = on_path_validated,
  .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
  .recv_crypto_data = on_client_message,
};
