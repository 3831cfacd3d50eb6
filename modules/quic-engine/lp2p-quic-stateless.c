/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Packets that belong to no connection: the first of a new one, and all that is
 * answered without remembering anything. Whatever is answered is shorter than what it
 * answers, and there are so many answers in a second at the most: else two hosts, or
 * a stranger with a forged address, could make us send for ever. But a retry is always
 * sent: nobody answers it with less than a first packet, and without it a flood would
 * keep all others out. */

#include "lp2p-quic-private.h"

#define ANSWERS_PER_SECOND 500
#define ANSWERS_AT_ONCE    100

/* How long a token of a retry holds. */
#define RETRY_LIFETIME_US (10 * G_USEC_PER_SEC)

/* A reset has to look like any other packet (RFC 9000 section 10.3). */
#define RESET_MAX 42

#define TOKEN_SIZE NGTCP2_STATELESS_RESET_TOKENLEN

/* The address that packets come from, and the first of them. */
typedef struct
{
  Lp2pQuicEndpoint *endpoint;
  const Lp2pUdpDatagram *datagram;
  gsize size;
  gint64 now;
} Request;

static gboolean
may_answer (Lp2pQuicEndpoint *self, gint64 now)
{
  gint64 elapsed = now - self->bucket_time;
  guint filled = MIN (elapsed, G_USEC_PER_SEC) * ANSWERS_PER_SECOND / G_USEC_PER_SEC;

  if (self->bucket_time == 0 || filled > 0)
    {
      self->bucket = self->bucket_time == 0 ? ANSWERS_AT_ONCE : MIN (self->bucket + filled, ANSWERS_AT_ONCE);
      self->bucket_time = now;
    }
  if (self->bucket == 0)
    return FALSE;
  self->bucket--;
  return TRUE;
}

static void
answer (const Request *request, const guint8 *data, ngtcp2_ssize size)
{
  Lp2pUdpSend send = {
    .data = data,
    .size = size,
    .segment_size = size,
    .remote = (const struct sockaddr *) request->datagram->remote,
    .local = (const struct sockaddr *) request->datagram->local,
  };

  if (size > 0 && (gsize) size <= request->size)
    lp2p_udp_socket_send (request->endpoint->socket, &send, 1, NULL);
}

/* ngtcp2 knows more versions than we speak. Packets with a short header name none, and
 * those of a version negotiation name zero. */
static gboolean
is_spoken (const ngtcp2_version_cid *part)
{
  return part->version == 0 || part->version == NGTCP2_PROTO_VER_V1;
}

static void
answer_version (const Request *request, const ngtcp2_version_cid *part)
{
  static const uint32_t versions[] = { NGTCP2_PROTO_VER_V1 };
  guint8 packet[NGTCP2_MAX_UDP_PAYLOAD_SIZE];
  guint8 unused;

  if (request->size < NGTCP2_MAX_UDP_PAYLOAD_SIZE)
    return;
  lp2p_quic_random (&unused, 1);
  answer (request, packet,
          ngtcp2_pkt_write_version_negotiation (packet, sizeof packet, unused, part->scid, part->scidlen, part->dcid,
                                                part->dcidlen, versions, G_N_ELEMENTS (versions)));
}

static void
answer_close (const Request *request, const ngtcp2_pkt_hd *hd, guint64 code)
{
  guint8 packet[NGTCP2_MAX_UDP_PAYLOAD_SIZE];

  answer (request, packet,
          ngtcp2_crypto_write_connection_close (packet, sizeof packet, hd->version, &hd->scid, &hd->dcid, code, NULL, 0));
}

static void
answer_retry (const Request *request, const ngtcp2_pkt_hd *hd)
{
  Lp2pQuicEngine *engine = request->endpoint->engine;
  const struct sockaddr *remote = (const struct sockaddr *) request->datagram->remote;
  guint8 token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN];
  guint8 packet[NGTCP2_MAX_UDP_PAYLOAD_SIZE];
  ngtcp2_cid scid;
  ngtcp2_ssize size;

  lp2p_quic_random_cid (&scid);
  size = ngtcp2_crypto_generate_retry_token (token, engine->secret, sizeof engine->secret, hd->version, remote,
                                             lp2p_quic_address_get_size (remote), &scid, &hd->dcid,
                                             LP2P_QUIC_TIME (request->now));
  if (size < 0)
    return;
  answer (request, packet,
          ngtcp2_crypto_write_retry (packet, sizeof packet, hd->version, &hd->scid, &scid, &hd->dcid, token, size));
}

/* Tells a peer whose connection we forgot. */
static void
answer_reset (const Request *request, const guint8 *data)
{
  Lp2pQuicEndpoint *endpoint = request->endpoint;
  guint8 packet[RESET_MAX];
  guint8 random[RESET_MAX - TOKEN_SIZE];
  guint8 token[TOKEN_SIZE];
  gsize size = MIN (request->size - 1, RESET_MAX);
  ngtcp2_cid cid;

  if ((data[0] & 0x80) != 0 || request->size < 1 + LP2P_QUIC_CID_SIZE ||
      size < TOKEN_SIZE + NGTCP2_MIN_STATELESS_RESET_RANDLEN)
    return;
  ngtcp2_cid_init (&cid, data + 1, LP2P_QUIC_CID_SIZE);
  if (ngtcp2_crypto_generate_stateless_reset_token (token, endpoint->reset_secret, sizeof endpoint->reset_secret,
                                                    &cid) != 0)
    return;
  lp2p_quic_random (random, sizeof random);
  answer (request, packet, ngtcp2_pkt_write_stateless_reset (packet, size, token, random, size - TOKEN_SIZE));
}

/* Whether the client has proved with the token of a retry that it is where it says. */
static gboolean
check_retry_token (const Request *request, const ngtcp2_pkt_hd *hd, ngtcp2_cid *original)
{
  Lp2pQuicEngine *engine = request->endpoint->engine;
  const struct sockaddr *remote = (const struct sockaddr *) request->datagram->remote;

  return ngtcp2_crypto_verify_retry_token (original, LP2P_QUIC_TOKEN (hd), LP2P_QUIC_TOKEN_SIZE (hd), engine->secret,
                                           sizeof engine->secret, hd->version, remote,
                                           lp2p_quic_address_get_size (remote), &hd->dcid,
                                           LP2P_QUIC_TIME (RETRY_LIFETIME_US), LP2P_QUIC_TIME (request->now)) == 0;
}

static gboolean
is_retry_token (const ngtcp2_pkt_hd *hd)
{
  return LP2P_QUIC_TOKEN_SIZE (hd) > 0 && LP2P_QUIC_TOKEN (hd)[0] == NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY;
}

/* Whether it has proved that before, in another connection. */
static gboolean
take_token (const Request *request, const ngtcp2_pkt_hd *hd)
{
  return lp2p_quic_tokens_take (request->endpoint->engine->tokens, LP2P_QUIC_TOKEN (hd), LP2P_QUIC_TOKEN_SIZE (hd),
                                (const struct sockaddr *) request->datagram->remote, request->now);
}

/* Accepting */

/* Asks the host whether one more is wanted. */
static void
start_connection (const Request *request,
                  const guint8 *data,
                  const ngtcp2_pkt_hd *hd,
                  const ngtcp2_cid *original,
                  gboolean validated)
{
  const struct sockaddr *local = (const struct sockaddr *) request->datagram->local;
  const struct sockaddr *remote = (const struct sockaddr *) request->datagram->remote;
  g_autoptr (Lp2pQuicConnection) connection = lp2p_quic_connection_new (request->endpoint, TRUE);
  g_autoptr (GError) error = NULL;
  ngtcp2_path path = {
    .local = { (struct sockaddr *) local, lp2p_quic_address_get_size (local) },
    .remote = { (struct sockaddr *) remote, lp2p_quic_address_get_size (remote) },
  };

  lp2p_quic_path_set (connection, &path);
  lp2p_quic_moved_begin (connection, &path);
  if (lp2p_quic_connection_begin_handshake (connection, &error) &&
      lp2p_quic_connection_start_server (connection, &path, hd, original, validated, request->now, &error))
    {
      if (lp2p_quic_connection_read (connection, &path, request->datagram->ecn, data, request->size, request->now) ==
              NGTCP2_ERR_RETRY &&
          original == NULL)
        answer_retry (request, hd);
      return;
    }
  g_debug ("Refused %s: %s", lp2p_multiaddr_get_string (connection->remote_address), error->message);
  lp2p_quic_connection_leave (connection);
  if (may_answer (request->endpoint, request->now))
    answer_close (request, hd, NGTCP2_CONNECTION_REFUSED);
}

/* Where a crowd comes, whoever has not proved its address is asked to, before anybody has
 * to make room for it. */
static void
accept_connection (const Request *request, const guint8 *data, const ngtcp2_pkt_hd *hd)
{
  Lp2pQuicEndpoint *self = request->endpoint;
  g_autoptr (Lp2pMultiaddr) remote = lp2p_quic_address_to_multiaddr ((const struct sockaddr *) request->datagram->remote);
  gboolean retried = is_retry_token (hd);
  gboolean validated = retried;
  ngtcp2_cid original = { 0 };

  if (retried && !check_retry_token (request, hd, &original))
    {
      if (may_answer (self, request->now))
        answer_close (request, hd, NGTCP2_INVALID_TOKEN);
      return;
    }
  if (!validated && lp2p_context_is_crowded (self->engine->context, remote))
    {
      validated = take_token (request, hd);
      if (!validated)
        {
          answer_retry (request, hd);
          return;
        }
    }
  start_connection (request, data, hd, retried ? &original : NULL, validated);
}

/* Returns: whether the packet began a connection or was answered */
gboolean
lp2p_quic_stateless_read (Lp2pQuicEndpoint *self, const Lp2pUdpDatagram *datagram, const guint8 *data, gsize size, gint64 now)
{
  Request request = { self, datagram, size, now };
  ngtcp2_version_cid part;
  ngtcp2_pkt_hd hd;
  int code;

  if (self->engine == NULL)
    return FALSE;
  code = ngtcp2_pkt_decode_version_cid (&part, data, size, LP2P_QUIC_CID_SIZE);
  if (code == NGTCP2_ERR_VERSION_NEGOTIATION || (code == 0 && !is_spoken (&part)))
    {
      if (may_answer (self, now))
        answer_version (&request, &part);
      return TRUE;
    }
  if (code != 0)
    return FALSE;
  if (ngtcp2_accept (&hd, data, size) == 0)
    {
      if (self->listeners->len > 0)
        accept_connection (&request, data, &hd);
      else if (may_answer (self, now))
        answer_close (&request, &hd, NGTCP2_CONNECTION_REFUSED);
      return TRUE;
    }
  if (may_answer (self, now))
    answer_reset (&request, data);
  return TRUE;
}
