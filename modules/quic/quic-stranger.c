/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "quic-stranger.h"

#include "tls-foreign-certificate.h"

#include "lp2p-quic-transport.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CHECK(call) g_assert_cmpint (call, >=, 0)

#define PARAMETERS_EXTENSION 0x39

#define PRIORITY \
  "%DISABLE_TLS13_COMPAT_MODE:NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:-GROUP-ALL:+GROUP-X25519"

#if NGTCP2_VERSION_NUM < 0x010000
#define decode_remote_params ngtcp2_conn_decode_remote_transport_params
#else
#define decode_remote_params ngtcp2_conn_decode_and_set_remote_transport_params
#endif

/* Hosts of ours */

static void
start (QuicHost *self, int port)
{
  g_autofree char *text = g_strdup_printf ("/ip4/127.0.0.1/udp/%d/quic-v1", MAX (port, 0));
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (GSocketAddress) native = NULL;
  g_autoptr (GError) error = NULL;

  self->transport = g_object_new (LP2P_TYPE_QUIC_TRANSPORT, "context", self->context, "name", "quic-v1", NULL);
  lp2p_extension_start (self->transport, &error);
  g_assert_no_error (error);
  if (port < 0)
    return;
  self->listener = lp2p_transport_listen (LP2P_TRANSPORT (self->transport), address, &error);
  g_assert_no_error (error);
  native = lp2p_multiaddr_get_socket_address (
      g_ptr_array_index (lp2p_listener_get_bound_addresses (self->listener), 0), &error);
  g_assert_no_error (error);
  g_assert_true (g_socket_address_to_native (native, &self->address, sizeof self->address, NULL));
}

void
quic_host_init (QuicHost *self, TestWorld *world, const char *config, int port)
{
  g_autoptr (GError) error = NULL;

  *self = (QuicHost){ .context = test_context_new (world) };
  if (config != NULL)
    lp2p_config_load_data (self->context->config, config, strlen (config), "test", &error);
  g_assert_no_error (error);
  start (self, port);
}

void
quic_host_init_with (QuicHost *self, TestWorld *world, Lp2pIdentity *identity, int port)
{
  *self = (QuicHost){ .context = test_context_new (world) };
  g_set_object (&self->context->identity, identity);
  start (self, port);
}

void
quic_host_clear (QuicHost *self)
{
  TestContext *context = self->context;

  test_context_drop_inbound (context);
  if (self->listener != NULL)
    lp2p_listener_close (self->listener);
  g_clear_object (&self->listener);
  lp2p_extension_stop (self->transport);
  g_clear_object (&self->transport);
  test_world_settle (context->world);
  g_assert_cmpint (context->n_half_open, ==, 0);
  g_assert_finalize_object (context);
  self->context = NULL;
}

static Lp2pQuicEngine *
get_engine (QuicHost *self)
{
  return g_object_get_data (G_OBJECT (self->context), "lp2p-quic-engine");
}

Lp2pQuicEndpoint *
quic_host_get_endpoint (QuicHost *self)
{
  return g_ptr_array_index (get_engine (self)->endpoints, 0);
}

guint
quic_host_count_connections (QuicHost *self)
{
  guint n = 0;

  for (guint i = 0; i < get_engine (self)->endpoints->len; i++)
    n += ((Lp2pQuicEndpoint *) g_ptr_array_index (get_engine (self)->endpoints, i))->connections.length;
  return n;
}

Lp2pQuicConnection *
quic_host_get_connection (QuicHost *self)
{
  g_assert_cmpuint (quic_host_count_connections (self), ==, 1);
  return quic_host_get_endpoint (self)->connections.head->data;
}

Lp2pRawConnection *
quic_host_dial (QuicHost *self, QuicHost *other, GError **error)
{
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  g_autofree char *text = g_strdup_printf ("/ip4/127.0.0.1/udp/%u/quic-v1", g_ntohs (other->address.sin_port));
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (GAsyncResult) result = NULL;

  lp2p_transport_dial_async (LP2P_TRANSPORT (self->transport), address, &options, NULL, test_take_result, &result);
  test_world_settle (self->context->world);
  for (guint i = 0; i < 30000 && result == NULL; i++)
    test_world_advance (self->context->world, G_TIME_SPAN_MILLISECOND);
  g_assert_nonnull (result);
  return lp2p_transport_dial_finish (LP2P_TRANSPORT (self->transport), result, error);
}

void
quic_host_connect (QuicHost *self, QuicHost *other, Lp2pRawConnection **dialed, Lp2pRawConnection **accepted)
{
  g_autoptr (GError) error = NULL;

  *dialed = quic_host_dial (self, other, &error);
  g_assert_no_error (error);
  test_world_settle (self->context->world);
  *accepted = test_context_take_inbound (other->context);
  g_assert_nonnull (*accepted);
}

/* The stranger's socket */

void
quic_stranger_init (QuicStranger *self, TestWorld *world, const struct sockaddr_in *remote)
{
  static const int large = 4 * 1024 * 1024;
  socklen_t size = sizeof self->own;

  *self = (QuicStranger){ .world = world, .remote = *remote };
  self->packets = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  self->fd = socket (AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  CHECK (self->fd);
  setsockopt (self->fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
  self->own = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = g_htonl (INADDR_LOOPBACK) };
  CHECK (bind (self->fd, (struct sockaddr *) &self->own, sizeof self->own));
  CHECK (getsockname (self->fd, (struct sockaddr *) &self->own, &size));
}

void
quic_stranger_end (QuicStranger *self)
{
  g_clear_pointer (&self->conn, ngtcp2_conn_del);
  g_clear_pointer (&self->tls, gnutls_deinit);
  g_clear_pointer (&self->credentials, gnutls_certificate_free_credentials);
  g_clear_object (&self->identity);
  g_clear_pointer (&self->token, g_bytes_unref);
  g_clear_pointer (&self->params, g_bytes_unref);
  g_ptr_array_set_size (self->packets, 0);
  self->change = NULL;
  self->ready = FALSE;
  self->mute = FALSE;
  self->mtu = 0;
  self->read_error = 0;
  self->secret_size = 0;
}

void
quic_stranger_clear (QuicStranger *self)
{
  quic_stranger_end (self);
  g_ptr_array_unref (self->packets);
  close (self->fd);
}

void
quic_stranger_send (QuicStranger *self, gconstpointer data, gsize size)
{
  g_assert_cmpint (sendto (self->fd, data, size, 0, (struct sockaddr *) &self->remote, sizeof self->remote), ==,
                   (gssize) size);
  self->sent += size;
}

static ngtcp2_path
get_path (QuicStranger *self)
{
  return (ngtcp2_path){
    .local = { (struct sockaddr *) &self->own, sizeof self->own },
    .remote = { (struct sockaddr *) &self->remote, sizeof self->remote },
  };
}

static void
write_packets (QuicStranger *self)
{
  guint8 packet[QUIC_PACKET_MAX];
  ngtcp2_pkt_info info;
  ngtcp2_ssize size;

  while (!self->mute && self->conn != NULL && self->read_error == 0 &&
         (size = ngtcp2_conn_write_pkt (self->conn, NULL, &info, packet, sizeof packet,
                                        LP2P_QUIC_TIME (self->world->now))) > 0)
    quic_stranger_send (self, packet, size);
}

static void
take_packet (QuicStranger *self, const guint8 *data, gsize size)
{
  ngtcp2_path path = get_path (self);
  ngtcp2_pkt_info info = { 0 };

  if (self->conn == NULL || self->mute || self->read_error != 0)
    {
      g_ptr_array_add (self->packets, g_bytes_new (data, size));
      return;
    }
  self->read_error = ngtcp2_conn_read_pkt (self->conn, &path, &info, data, size, LP2P_QUIC_TIME (self->world->now));
  if (self->read_error == NGTCP2_ERR_DRAINING)
    lp2p_quic_get_close_error (self->conn, &self->told);
}

guint
quic_stranger_pump (QuicStranger *self)
{
  guint8 data[65536];
  gssize size;
  guint n = 0;

  for (; (size = recv (self->fd, data, sizeof data, 0)) >= 0 || errno == ECONNREFUSED; n++)
    {
      self->received += MAX (size, 0);
      if (size > 0 && (self->mtu == 0 || (gsize) size <= self->mtu))
        take_packet (self, data, size);
    }
  write_packets (self);
  return n;
}

void
quic_stranger_settle (QuicStranger *self)
{
  do
    test_world_settle (self->world);
  while (quic_stranger_pump (self) > 0);
}

void
quic_stranger_advance (QuicStranger *self, gint64 us)
{
  gint64 end = self->world->now + us;

  quic_stranger_settle (self);
  while (self->world->now < end)
    {
      test_world_jump (self->world, MIN (5000, end - self->world->now));
      if (self->conn != NULL && !self->mute && self->read_error == 0)
        ngtcp2_conn_handle_expiry (self->conn, LP2P_QUIC_TIME (self->world->now));
      quic_stranger_settle (self);
    }
}

/* Time enough for each timer, twice: what it sends then may have others. */
void
quic_stranger_leave (QuicStranger *self, QuicHost *host)
{
  test_context_drop_inbound (host->context);
  quic_stranger_end (self);
  for (guint i = 0; i < 4; i++)
    {
      test_world_jump (self->world, 40 * G_USEC_PER_SEC);
      quic_stranger_settle (self);
      test_context_drop_inbound (host->context);
    }
  quic_stranger_end (self);
  g_assert_cmpuint (quic_host_count_connections (host), ==, 0);
  g_assert_cmpuint (g_hash_table_size (quic_host_get_endpoint (host)->ids), ==, 0);
  g_assert_cmpuint (g_hash_table_size (quic_host_get_endpoint (host)->reset_tokens), ==, 0);
  g_assert_cmpint (host->context->n_half_open, ==, 0);
  g_assert_cmpuint (host->context->memory, ==, 0);
}

/* Its TLS */

static QuicStranger *
get_stranger (gnutls_session_t session)
{
  return ((ngtcp2_crypto_conn_ref *) gnutls_session_get_ptr (session))->user_data;
}

static int
on_secret (gnutls_session_t session, gnutls_record_encryption_level_t level, const void *rx, const void *tx, size_t size)
{
  QuicStranger *self = get_stranger (session);

  if (rx != NULL && ngtcp2_crypto_derive_and_install_rx_key (
                        self->conn, NULL, NULL, NULL, ngtcp2_crypto_gnutls_from_gnutls_record_encryption_level (level), rx,
                        size) != 0)
    return -1;
  if (tx == NULL)
    return 0;
  if (level == GNUTLS_ENCRYPTION_LEVEL_APPLICATION)
    {
      g_assert_cmpuint (size, <=, sizeof self->secret);
      memcpy (self->secret, tx, size);
      self->secret_size = size;
    }
  return ngtcp2_crypto_derive_and_install_tx_key (self->conn, NULL, NULL, NULL,
                                                  ngtcp2_crypto_gnutls_from_gnutls_record_encryption_level (level), tx,
                                                  size) == 0
             ? 0
             : -1;
}

static int
on_message (gnutls_session_t session, gnutls_record_encryption_level_t level, gnutls_handshake_description_t type, const void *data, size_t size)
{
  QuicStranger *self = get_stranger (session);
  g_autofree guint8 *copy = g_malloc0 (2 * size);
  gsize changed = size;

  if (type == GNUTLS_HANDSHAKE_CHANGE_CIPHER_SPEC)
    return 0;
  memcpy (copy, data, size);
  if (self->change != NULL)
    self->change (self, type, copy, &changed);
  return ngtcp2_conn_submit_crypto_data (self->conn, ngtcp2_crypto_gnutls_from_gnutls_record_encryption_level (level),
                                         copy, changed) == 0
             ? 0
             : -1;
}

static int
on_alert (gnutls_session_t session, gnutls_record_encryption_level_t level, gnutls_alert_level_t severity, gnutls_alert_description_t alert)
{
  ngtcp2_conn_set_tls_alert (get_stranger (session)->conn, alert);
  return 0;
}

static int
on_params (gnutls_session_t session, const guint8 *data, size_t size)
{
  return decode_remote_params (get_stranger (session)->conn, data, size) == 0 ? 0 : -1;
}

static int
on_want_params (gnutls_session_t session, gnutls_buffer_t buffer)
{
  QuicStranger *self = get_stranger (session);
  guint8 made[256];
  ngtcp2_ssize n;

  if (self->params != NULL && g_bytes_get_size (self->params) > 0)
    return gnutls_buffer_append_data (buffer, g_bytes_get_data (self->params, NULL), g_bytes_get_size (self->params));
  /* GnuTLS leaves out an extension without content. */
  if (self->params != NULL)
    return 0;
  n = ngtcp2_conn_encode_local_transport_params (self->conn, made, sizeof made);
  CHECK (n);
  return gnutls_buffer_append_data (buffer, made, n);
}

static void
start_tls (QuicStranger *self, guint side, const char *alpn)
{
  gnutls_datum_t name = { (guint8 *) alpn, alpn != NULL ? strlen (alpn) : 0 };

  CHECK (gnutls_init (&self->tls, side | GNUTLS_NO_END_OF_EARLY_DATA | GNUTLS_NO_TICKETS | GNUTLS_KEY_SHARE_TOP));
  CHECK (gnutls_priority_set_direct (self->tls, PRIORITY, NULL));
  gnutls_session_set_ptr (self->tls, &self->conn_ref);
  gnutls_handshake_set_timeout (self->tls, 0);
  gnutls_handshake_set_secret_function (self->tls, on_secret);
  gnutls_handshake_set_read_function (self->tls, on_message);
  gnutls_alert_set_read_function (self->tls, on_alert);
  CHECK (gnutls_session_ext_register (self->tls, "parameters", PARAMETERS_EXTENSION, GNUTLS_EXT_TLS, on_params,
                                      on_want_params, NULL, NULL, NULL,
                                      GNUTLS_EXT_FLAG_TLS | GNUTLS_EXT_FLAG_CLIENT_HELLO | GNUTLS_EXT_FLAG_EE));
  CHECK (gnutls_credentials_set (self->tls, GNUTLS_CRD_CERTIFICATE, self->credentials));
  if (alpn != NULL)
    CHECK (gnutls_alpn_set_protocols (self->tls, &name, 1, 0));
  ngtcp2_conn_set_tls_native_handle (self->conn, self->tls);
}

/* Its ngtcp2 */

static int
on_ready (ngtcp2_conn *conn, void *user_data)
{
  ((QuicStranger *) user_data)->ready = TRUE;
  return 0;
}

static void
on_random (guint8 *data, size_t size, const ngtcp2_rand_ctx *context)
{
  gnutls_rnd (GNUTLS_RND_NONCE, data, size);
}

static int
on_new_id (ngtcp2_conn *conn, ngtcp2_cid *cid, guint8 *token, size_t size, void *user_data)
{
  cid->datalen = size;
  gnutls_rnd (GNUTLS_RND_NONCE, cid->data, size);
  gnutls_rnd (GNUTLS_RND_NONCE, token, NGTCP2_STATELESS_RESET_TOKENLEN);
  return 0;
}

static int
on_datagram (ngtcp2_conn *conn, uint32_t flags, const guint8 *data, size_t size, void *user_data)
{
  ((QuicStranger *) user_data)->datagrams += size;
  return 0;
}

static int
on_retry (ngtcp2_conn *conn, const ngtcp2_pkt_hd *hd, void *user_data)
{
  ((QuicStranger *) user_data)->n_retries++;
  return ngtcp2_crypto_recv_retry_cb (conn, hd, user_data);
}

static const ngtcp2_callbacks callbacks = {
  .client_initial = ngtcp2_crypto_client_initial_cb,
  .recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
  .handshake_completed = on_ready,
  .encrypt = ngtcp2_crypto_encrypt_cb,
  .decrypt = ngtcp2_crypto_decrypt_cb,
  .hp_mask = ngtcp2_crypto_hp_mask_cb,
  .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
  .recv_retry = on_retry,
  .rand = on_random,
  .get_new_connection_id = on_new_id,
  .update_key = ngtcp2_crypto_update_key_cb,
  .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
  .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
  .get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
  .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
  .recv_datagram = on_datagram,
};

static ngtcp2_conn *
get_conn (ngtcp2_crypto_conn_ref *reference)
{
  return ((QuicStranger *) reference->user_data)->conn;
}

static void
make_settings (QuicStranger *self, ngtcp2_settings *settings, ngtcp2_transport_params *params)
{
  ngtcp2_settings_default (settings);
  settings->initial_ts = LP2P_QUIC_TIME (self->world->now);
  settings->no_pmtud = 1;
  if (self->token != NULL)
    lp2p_quic_settings_set_token (settings, g_bytes_get_data (self->token, NULL), g_bytes_get_size (self->token), FALSE);
  ngtcp2_transport_params_default (params);
  params->initial_max_stream_data_bidi_local = params->initial_max_stream_data_bidi_remote = 256 * 1024;
  params->initial_max_data = 1024 * 1024;
  params->initial_max_streams_bidi = 100;
  params->active_connection_id_limit = 7;
  self->conn_ref = (ngtcp2_crypto_conn_ref){ get_conn, self };
}

static void
make_client (QuicStranger *self)
{
  ngtcp2_path path = get_path (self);
  ngtcp2_settings settings;
  ngtcp2_transport_params params;
  ngtcp2_cid dcid, scid;

  lp2p_quic_random_cid (&dcid);
  lp2p_quic_random_cid (&scid);
  make_settings (self, &settings, &params);
  g_assert_cmpint (ngtcp2_conn_client_new (&self->conn, &dcid, &scid, &path, NGTCP2_PROTO_VER_V1, &callbacks, &settings,
                                           &params, NULL, self),
                   ==, 0);
}

static void
make_server (QuicStranger *self, const ngtcp2_pkt_hd *hd)
{
  ngtcp2_path path = get_path (self);
  ngtcp2_settings settings;
  ngtcp2_transport_params params;
  ngtcp2_cid scid;

  lp2p_quic_random_cid (&scid);
  make_settings (self, &settings, &params);
  lp2p_quic_params_set_original_dcid (&params, &hd->dcid);
  params.stateless_reset_token_present = 1;
  g_assert_cmpint (ngtcp2_conn_server_new (&self->conn, &hd->scid, &scid, &path, hd->version, &callbacks, &settings,
                                           &params, NULL, self),
                   ==, 0);
}

static void
prepare_credentials (QuicStranger *self)
{
  gint64 now = lp2p_loop_real_time (self->world->loop) / G_USEC_PER_SEC;
  TlsForeignCertificate good = { 0 };

  if (self->identity == NULL)
    self->identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
  if (self->credentials == NULL)
    self->credentials = tls_foreign_credentials_new (self->identity, now, &good);
}

static void
prepare (QuicStranger *self, const char *alpn)
{
  prepare_credentials (self);
  make_client (self);
  start_tls (self, GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT, alpn);
}

void
quic_stranger_serve (QuicStranger *self)
{
  guint8 data[65536];
  socklen_t size = sizeof self->remote;
  gssize n = recvfrom (self->fd, data, sizeof data, 0, (struct sockaddr *) &self->remote, &size);
  ngtcp2_pkt_hd hd;

  CHECK (n);
  CHECK (ngtcp2_pkt_decode_hd_long (&hd, data, n));
  prepare_credentials (self);
  make_server (self, &hd);
  start_tls (self, GNUTLS_SERVER, "libp2p");
  take_packet (self, data, n);
  g_assert_cmpint (self->read_error, ==, 0);
  write_packets (self);
}

void
quic_stranger_dial (QuicStranger *self, const char *alpn)
{
  prepare (self, alpn);
  quic_stranger_settle (self);
  write_packets (self);
  quic_stranger_settle (self);
}

void
quic_stranger_connect (QuicStranger *self)
{
  quic_stranger_dial (self, "libp2p");
  quic_stranger_advance (self, 100 * G_TIME_SPAN_MILLISECOND);
  g_assert_true (self->ready);
  g_assert_cmpint (self->read_error, ==, 0);
}

GBytes *
quic_stranger_make_initial (QuicStranger *self, const char *alpn)
{
  guint8 packet[QUIC_PACKET_MAX];
  ngtcp2_pkt_info info;
  ngtcp2_ssize size;

  prepare (self, alpn);
  size = ngtcp2_conn_write_pkt (self->conn, NULL, &info, packet, sizeof packet, LP2P_QUIC_TIME (self->world->now));
  g_assert_cmpint (size, >=, 1200);
  return g_bytes_new (packet, size);
}

void
quic_stranger_append_id (QuicStranger *self, GByteArray *params)
{
  guint8 head[2] = { 0x0f };
  ngtcp2_cid scid;

  ngtcp2_conn_get_scid (self->conn, &scid);
  head[1] = scid.datalen;
  g_byte_array_append (params, head, sizeof head);
  g_byte_array_append (params, scid.data, scid.datalen);
}

void
quic_stranger_init_keys (QuicStranger *self, QuicKeys *keys, ngtcp2_cid *dcid)
{
  g_assert_cmpuint (self->secret_size, ==, 32);
  quic_keys_init (keys, self->secret, self->secret_size);
  *dcid = *ngtcp2_conn_get_dcid (self->conn);
}
