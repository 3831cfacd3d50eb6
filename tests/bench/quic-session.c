/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "quic-session.h"

#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if NGTCP2_VERSION_NUM < 0x010000
typedef ngtcp2_connection_close_error ngtcp2_ccerr;
#define ngtcp2_ccerr_default ngtcp2_connection_close_error_default
#define shutdown_stream(conn, stream) ngtcp2_conn_shutdown_stream (conn, stream, 0)
#else
#define shutdown_stream(conn, stream) ngtcp2_conn_shutdown_stream (conn, 0, stream, 0)
#endif

/* What is sent, again and again: ngtcp2 reads from it until it is acknowledged. */
#define BLOCK_SIZE (256 * 1024)
/* Windows that a line of 20 ms and 1 Gbit/s needs, from what loopback needs. */
#define FIRST_WINDOW (2 * 1024 * 1024)
#define MOST_WINDOW  (16 * 1024 * 1024)
/* With the default of 333 ms, pacing delays the second flight. */
#define INITIAL_RTT (25 * NGTCP2_MILLISECONDS)
#define SECONDS_OF_QUIET 10
/* A dialer that only receives has to say something when nothing comes: after a rebinding
 * its listener may know the wrong port. */
#define KEEP_ALIVE NGTCP2_SECONDS
#define PRIORITY                                                                               \
  "%DISABLE_TLS13_COMPAT_MODE:NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:"          \
  "-GROUP-ALL:+GROUP-X25519"

static guint8 block[BLOCK_SIZE];

static void
check (int result, const char *what)
{
  if (result < 0)
    {
      fprintf (stderr, "bench-quic: %s: %s\n", what, gnutls_strerror (result));
      exit (1);
    }
}

static int
accept_anybody (gnutls_session_t session)
{
  return 0;
}

/* A certificate for both sides, as libp2p has one on each. */
void
quic_options_init (QuicOptions *options)
{
  static const char serial[] = "\x01";
  gnutls_x509_privkey_t key;
  gnutls_x509_crt_t certificate;
  time_t now = time (NULL);

  for (gsize i = 0; i < sizeof block; i++)
    block[i] = (i * 167 + (i >> 8) * 13 + (i >> 16)) & 0xff;

  *options = (QuicOptions){ .congestion = NGTCP2_CC_ALGO_CUBIC };
  gnutls_x509_privkey_init (&key);
  check (gnutls_x509_privkey_generate (key, GNUTLS_PK_ECDSA,
                                       GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1), 0),
         "no key");
  gnutls_x509_crt_init (&certificate);
  gnutls_x509_crt_set_version (certificate, 3);
  gnutls_x509_crt_set_serial (certificate, serial, 1);
  gnutls_x509_crt_set_activation_time (certificate, now - 3600);
  gnutls_x509_crt_set_expiration_time (certificate, now + 24 * 3600);
  gnutls_x509_crt_set_key (certificate, key);
  check (gnutls_x509_crt_sign2 (certificate, certificate, key, GNUTLS_DIG_SHA256, 0),
         "no certificate");
  gnutls_certificate_allocate_credentials (&options->credentials);
  check (gnutls_certificate_set_x509_key (options->credentials, &certificate, 1, key),
         "the certificate is not taken");
  gnutls_certificate_set_verify_function (options->credentials, accept_anybody);
  gnutls_x509_crt_deinit (certificate);
  gnutls_x509_privkey_deinit (key);
}

/* What ngtcp2 asks */

static void
give_random (uint8_t *data, size_t len, const ngtcp2_rand_ctx *context)
{
  gnutls_rnd (GNUTLS_RND_NONCE, data, len);
}

static int
give_cid (ngtcp2_conn *conn, ngtcp2_cid *cid, uint8_t *token, size_t len, void *data)
{
  cid->datalen = len;
  gnutls_rnd (GNUTLS_RND_NONCE, cid->data, len);
  gnutls_rnd (GNUTLS_RND_NONCE, token, NGTCP2_STATELESS_RESET_TOKENLEN);
  return 0;
}

static int
on_ready (ngtcp2_conn *conn, void *data)
{
  QuicSession *self = data;

  self->ready = TRUE;
  return 0;
}

/* The first bytes at the listener are the count. */
static void
take_head (QuicSession *self, const uint8_t **data, size_t *len)
{
  while (self->listener && self->received < sizeof self->head && *len > 0)
    {
      self->head[self->received++] = *(*data)++;
      --*len;
    }
}

static int
on_data (ngtcp2_conn *conn,
         uint32_t flags,
         int64_t stream,
         uint64_t offset,
         const uint8_t *data,
         size_t len,
         void *user_data,
         void *stream_data)
{
  QuicSession *self = user_data;
  guint64 count;

  ngtcp2_conn_extend_max_stream_offset (conn, stream, len);
  ngtcp2_conn_extend_max_offset (conn, len);
  self->stream = stream;
  take_head (self, &data, &len);
  self->received += len;
  if (self->options->hash)
    g_checksum_update (self->received_hash, data, len);
  if (flags & NGTCP2_STREAM_DATA_FLAG_FIN)
    {
      self->all_received = TRUE;
      if (self->listener)
        {
          memcpy (&count, self->head, sizeof count);
          self->to_send = GUINT64_FROM_BE (count);
          self->may_end = TRUE;
        }
    }
  return 0;
}

static ngtcp2_conn *
get_conn (ngtcp2_crypto_conn_ref *ref)
{
  QuicSession *self = ref->user_data;

  return self->conn;
}

/* Both sides */

static const ngtcp2_callbacks callbacks = {
  .client_initial = ngtcp2_crypto_client_initial_cb,
  .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
  .recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
  .handshake_completed = on_ready,
  .encrypt = ngtcp2_crypto_encrypt_cb,
  .decrypt = ngtcp2_crypto_decrypt_cb,
  .hp_mask = ngtcp2_crypto_hp_mask_cb,
  .recv_stream_data = on_data,
  .recv_retry = ngtcp2_crypto_recv_retry_cb,
  .rand = give_random,
  .get_new_connection_id = give_cid,
  .update_key = ngtcp2_crypto_update_key_cb,
  .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
  .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
  .get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
  .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
};

/* One for all sessions: each would take 8 KiB for its own, which are not counted to what
 * is compared with this. */
static gnutls_priority_t
get_priorities (void)
{
  static gnutls_priority_t priorities;

  if (priorities == NULL)
    check (gnutls_priority_init (&priorities, PRIORITY, NULL), "the priorities of TLS");
  return priorities;
}

static QuicSession *
session_new (const QuicOptions *options, gboolean listener)
{
  static const gnutls_datum_t alpn = { (guint8 *) "bench", 5 };
  QuicSession *self = g_new0 (QuicSession, 1);

  self->options = options;
  self->listener = listener;
  self->stream = -1;
  if (options->hash)
    {
      self->sent_hash = g_checksum_new (G_CHECKSUM_SHA256);
      self->received_hash = g_checksum_new (G_CHECKSUM_SHA256);
    }

  check (gnutls_init (&self->tls, (listener ? GNUTLS_SERVER : GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT) |
                                      GNUTLS_NO_AUTO_SEND_TICKET | GNUTLS_NO_TICKETS |
                                      GNUTLS_NO_END_OF_EARLY_DATA),
         "no session of TLS");
  check (gnutls_priority_set (self->tls, get_priorities ()), "the priorities of TLS");
  check (gnutls_credentials_set (self->tls, GNUTLS_CRD_CERTIFICATE, options->credentials),
         "the credentials");
  check (gnutls_alpn_set_protocols (self->tls, &alpn, 1, GNUTLS_ALPN_MANDATORY), "the ALPN");
  if (listener)
    {
      gnutls_certificate_server_set_request (self->tls, GNUTLS_CERT_REQUIRE);
      check (ngtcp2_crypto_gnutls_configure_server_session (self->tls), "no QUIC for TLS");
    }
  else
    {
      check (ngtcp2_crypto_gnutls_configure_client_session (self->tls), "no QUIC for TLS");
    }
  self->ref.get_conn = get_conn;
  self->ref.user_data = self;
  gnutls_session_set_ptr (self->tls, &self->ref);
  return self;
}

static void
set_up (const QuicOptions *options,
        ngtcp2_settings *settings,
        ngtcp2_transport_params *params,
        ngtcp2_tstamp now)
{
  ngtcp2_settings_default (settings);
  settings->initial_ts = now;
  settings->initial_rtt = INITIAL_RTT;
  settings->cc_algo = options->congestion;
  settings->max_window = MOST_WINDOW;
  settings->max_stream_window = MOST_WINDOW;
  settings->handshake_timeout = 10 * NGTCP2_SECONDS;
  if (options->payload > 0)
    {
      settings->max_tx_udp_payload_size = options->payload;
      settings->no_tx_udp_payload_size_shaping = 1;
    }

  ngtcp2_transport_params_default (params);
  params->initial_max_data = FIRST_WINDOW;
  params->initial_max_stream_data_bidi_local = FIRST_WINDOW;
  params->initial_max_stream_data_bidi_remote = FIRST_WINDOW;
  params->initial_max_streams_bidi = 256;
  params->max_idle_timeout = SECONDS_OF_QUIET * NGTCP2_SECONDS;
}

static void
random_cid (ngtcp2_cid *cid, gsize len)
{
  guint8 data[NGTCP2_MAX_CIDLEN];

  gnutls_rnd (GNUTLS_RND_NONCE, data, len);
  ngtcp2_cid_init (cid, data, len);
}

QuicSession *
quic_session_dial (const QuicOptions *options,
                   const ngtcp2_path *path,
                   guint64 upload,
                   guint64 download,
                   ngtcp2_tstamp now)
{
  QuicSession *self = session_new (options, FALSE);
  guint64 count = GUINT64_TO_BE (download);
  ngtcp2_settings settings;
  ngtcp2_transport_params params;
  ngtcp2_cid theirs, ours;

  set_up (options, &settings, &params, now);
  random_cid (&theirs, 16);
  random_cid (&ours, QUIC_CID_LEN);
  check (ngtcp2_conn_client_new (&self->conn, &theirs, &ours, path, NGTCP2_PROTO_VER_V1, &callbacks,
                                 &settings, &params, NULL, self),
         "no connection");
  ngtcp2_conn_set_tls_native_handle (self->conn, self->tls);
  ngtcp2_conn_set_keep_alive_timeout (self->conn, KEEP_ALIVE);
  memcpy (self->head, &count, sizeof count);
  self->to_send = sizeof count + upload;
  self->may_end = TRUE;
  return self;
}

/* Returns: (nullable): a connection for a first packet, NULL where it is none */
QuicSession *
quic_session_accept (const QuicOptions *options,
                     const ngtcp2_path *path,
                     const guint8 *packet,
                     gsize len,
                     ngtcp2_tstamp now)
{
  QuicSession *self;
  ngtcp2_settings settings;
  ngtcp2_transport_params params;
  ngtcp2_pkt_hd head;
  ngtcp2_cid ours;

  if (ngtcp2_accept (&head, packet, len) != 0)
    return NULL;
  self = session_new (options, TRUE);
  set_up (options, &settings, &params, now);
  params.original_dcid = head.dcid;
#if NGTCP2_VERSION_NUM >= 0x010000
  params.original_dcid_present = 1;
#endif
  random_cid (&ours, QUIC_CID_LEN);
  check (ngtcp2_conn_server_new (&self->conn, &head.scid, &ours, path, head.version, &callbacks,
                                 &settings, &params, NULL, self),
         "no connection");
  ngtcp2_conn_set_tls_native_handle (self->conn, self->tls);
  return self;
}

void
quic_session_free (QuicSession *self)
{
  ngtcp2_conn_del (self->conn);
  gnutls_deinit (self->tls);
  g_clear_pointer (&self->sent_hash, g_checksum_free);
  g_clear_pointer (&self->received_hash, g_checksum_free);
  g_free (self);
}

int
quic_session_read (QuicSession *self,
                   const ngtcp2_path *path,
                   const guint8 *packet,
                   gsize len,
                   ngtcp2_tstamp now)
{
  return ngtcp2_conn_read_pkt (self->conn, path, NULL, packet, len, now);
}

/* Points at what follows in the stream; returns into how many pieces it falls. */
static gsize
next_data (QuicSession *self, ngtcp2_vec pieces[2])
{
  guint64 head = self->listener ? 0 : sizeof self->head;
  guint64 left = self->to_send - self->sent;
  gsize start;

  if (self->sent < head)
    {
      pieces[0] = (ngtcp2_vec){ self->head + self->sent, head - self->sent };
      pieces[1] = (ngtcp2_vec){ block, MIN (self->to_send - head, BLOCK_SIZE) };
      return 2;
    }
  start = (self->sent - head) % BLOCK_SIZE;
  pieces[0] = (ngtcp2_vec){ block + start, MIN (left, BLOCK_SIZE - start) };
  pieces[1] = (ngtcp2_vec){ block, MIN (left - pieces[0].len, BLOCK_SIZE) };
  return 2;
}

static void
note_sent (QuicSession *self, const ngtcp2_vec pieces[2], gsize len)
{
  gboolean head = !self->listener && self->sent < sizeof self->head;

  self->sent += len;
  for (int i = 0; self->options->hash && i < 2; i++)
    {
      gsize part = MIN (len, pieces[i].len);

      if (i > 0 || !head)
        g_checksum_update (self->sent_hash, pieces[i].base, part);
      len -= part;
    }
}

/* Writes a packet: its length, 0 where there is none now, or an error of ngtcp2. */
gssize
quic_session_write (QuicSession *self, ngtcp2_path *path, guint8 *packet, gsize len, ngtcp2_tstamp now)
{
  gboolean blocked = FALSE;

  if (self->ready && !self->listener && self->stream < 0 &&
      ngtcp2_conn_open_bidi_stream (self->conn, &self->stream, NULL) != 0)
    self->stream = -1;
  for (;;)
    {
      gboolean send = self->stream >= 0 && self->may_end && !self->ended && !blocked;
      ngtcp2_vec pieces[2];
      gsize n = send ? next_data (self, pieces) : 0;
      /* The end goes with the last byte; all is in the two pieces then. */
      gboolean end = send && self->sent + pieces[0].len + pieces[1].len == self->to_send;
      ngtcp2_ssize taken = -1;
      ngtcp2_ssize written = ngtcp2_conn_writev_stream (
          self->conn, path, NULL, packet, len, &taken,
          NGTCP2_WRITE_STREAM_FLAG_MORE | (end ? NGTCP2_WRITE_STREAM_FLAG_FIN : 0),
          send ? self->stream : -1, pieces, n, now);

      if (taken >= 0 && send)
        {
          note_sent (self, pieces, taken);
          self->ended = end && self->sent == self->to_send;
        }
      if (written == NGTCP2_ERR_STREAM_DATA_BLOCKED || written == NGTCP2_ERR_STREAM_SHUT_WR)
        blocked = TRUE;
      else if (written != NGTCP2_ERR_WRITE_MORE)
        return written;
    }
}

/* Writes the packet that says goodbye. */
gssize
quic_session_close (QuicSession *self, ngtcp2_path *path, guint8 *packet, gsize len, ngtcp2_tstamp now)
{
  ngtcp2_ccerr reason;

  ngtcp2_ccerr_default (&reason);
  return ngtcp2_conn_write_connection_close (self->conn, path, NULL, packet, len, &reason, now);
}

/* Opens a stream and gives it up at once. */
void
quic_session_touch_stream (QuicSession *self)
{
  int64_t stream;

  if (ngtcp2_conn_open_bidi_stream (self->conn, &stream, NULL) == 0)
    shutdown_stream (self->conn, stream);
}
