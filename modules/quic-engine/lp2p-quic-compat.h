/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* ngtcp2 0.12 under the names of 1.x: the one place that knows the difference. */

#include <glib.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#if NGTCP2_VERSION_NUM < 0x010000

#define ngtcp2_ccerr                       ngtcp2_connection_close_error
#define ngtcp2_ccerr_set_transport_error   ngtcp2_connection_close_error_set_transport_error
#define ngtcp2_ccerr_set_liberr            ngtcp2_connection_close_error_set_transport_error_liberr
#define ngtcp2_ccerr_set_tls_alert         ngtcp2_connection_close_error_set_transport_error_tls_alert
#define ngtcp2_ccerr_set_application_error ngtcp2_connection_close_error_set_application_error
#define NGTCP2_CCERR_TYPE_TRANSPORT        NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_TRANSPORT
#define NGTCP2_CCERR_TYPE_APPLICATION      NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_APPLICATION

#define ngtcp2_conn_in_closing_period    ngtcp2_conn_is_in_closing_period
#define ngtcp2_conn_in_draining_period   ngtcp2_conn_is_in_draining_period
#define ngtcp2_conn_info                 ngtcp2_conn_stat
#define ngtcp2_conn_get_conn_info        ngtcp2_conn_get_conn_stat
#define ngtcp2_encryption_level          ngtcp2_crypto_level
#define NGTCP2_ENCRYPTION_LEVEL_1RTT     NGTCP2_CRYPTO_LEVEL_APPLICATION
#define NGTCP2_ENCRYPTION_LEVEL_INITIAL  NGTCP2_CRYPTO_LEVEL_INITIAL
#define NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE NGTCP2_CRYPTO_LEVEL_HANDSHAKE
#define NGTCP2_STREAM_DATA_FLAG_0RTT     NGTCP2_STREAM_DATA_FLAG_EARLY
#define NGTCP2_DATAGRAM_FLAG_0RTT        NGTCP2_DATAGRAM_FLAG_EARLY
#define ngtcp2_conn_tls_early_data_rejected ngtcp2_conn_early_data_rejected
#define preferred_addr_present           preferred_address_present

/* How the callback gets a token, and a packet has one. */
#define LP2P_QUIC_NEW_TOKEN      const ngtcp2_vec *token
#define LP2P_QUIC_NEW_TOKEN_DATA token->base, token->len
#define LP2P_QUIC_TOKEN(hd)      ((hd)->token.base)
#define LP2P_QUIC_TOKEN_SIZE(hd) ((hd)->token.len)
#define LP2P_QUIC_CONGESTION_CONTROL NGTCP2_CC_ALGO_BBR2

/* A new path is asked once more, without a word, where the first question was small; what
 * comes from the path before it meanwhile ends the process. */
#define LP2P_QUIC_ASKS_AGAIN 1

/* An id of the peer that comes again after it was given up ends the process. */
#define LP2P_QUIC_GIVES_UP_TWICE 1

/* Of a peer's stream in one direction the state is kept as long as the connection: there
 * are so many in all. */
#define LP2P_QUIC_MAX_ONE_WAY 4096

/* Microseconds before the time that pacing gives them in which packets may leave: then
 * nobody is woken for that time. */
#define LP2P_QUIC_PACED_AHEAD_US 1000

typedef int Lp2pQuicDcidStatus;

/* How the callback gets the path that was asked. */
#define LP2P_QUIC_VALIDATED const ngtcp2_path *path
typedef int Lp2pQuicProbes;

/* @retry: whether it is of a retry */
static inline void
lp2p_quic_settings_set_token (ngtcp2_settings *settings, const uint8_t *token, size_t size, int retry)
{
  settings->token = (ngtcp2_vec){ (uint8_t *) token, size };
}

/* Packets may have up to @size bytes. This version does not look for more than 1444: on
 * one link alone, whose size is known, whoever fills packets has to keep to it, and what
 * is returned is not 0. Elsewhere nothing changes. It looks all the same, though nobody is
 * told what it finds: without that it ends the process where a client that has moved is
 * back at once. Congestion control counts with packets of @size for as long as the connection
 * lives, also where less turns out to pass: the least that BBR keeps under way is four of
 * them, and nothing tells it otherwise. */
static inline int
lp2p_quic_settings_set_size (ngtcp2_settings *settings, Lp2pQuicProbes *probes, size_t size, int on_link)
{
  if (!on_link)
    return 0;
  settings->max_tx_udp_payload_size = size;
  settings->no_tx_udp_payload_size_shaping = 1;
  return 1;
}

static inline int
lp2p_quic_shutdown_read (ngtcp2_conn *conn, int64_t id, uint64_t code)
{
  return ngtcp2_conn_shutdown_stream_read (conn, id, code);
}

static inline int
lp2p_quic_shutdown_write (ngtcp2_conn *conn, int64_t id, uint64_t code)
{
  return ngtcp2_conn_shutdown_stream_write (conn, id, code);
}

static inline void
lp2p_quic_get_close_error (ngtcp2_conn *conn, ngtcp2_ccerr *error)
{
  ngtcp2_conn_get_connection_close_error (conn, error);
}

static inline double
lp2p_quic_get_pacing_rate (const ngtcp2_conn_stat *stat)
{
  return stat->pacing_rate > 0 ? stat->pacing_rate : 1.25 * (double) stat->cwnd / (double) stat->smoothed_rtt;
}

/* What may leave at once. BBR of this version says what a round trip takes, which is more
 * than a queue on the way may hold: what takes a millisecond saves as many calls of the
 * kernel as there are to save. */
static inline size_t
lp2p_quic_get_quantum (ngtcp2_conn *conn, size_t packet)
{
  ngtcp2_conn_stat stat;

  ngtcp2_conn_get_conn_stat (conn, &stat);
  return MIN (stat.send_quantum, MAX ((size_t) (lp2p_quic_get_pacing_rate (&stat) * NGTCP2_MILLISECONDS), 2 * packet));
}

/* Packets may leave up to a millisecond before the time that pacing gives them. This version
 * counts from when the last ones left, so that as many again could follow at once: @paced is
 * when they were to have left. Where they would have left, had the loop not come late, by no
 * more than @late, that is made up for: else congestion control would take it for the rate
 * of the line, and go below that in the same way again and again. A time that is nearer than
 * a millisecond holds nothing back, but would wake the loop: it counts as reached. */
static inline void
lp2p_quic_pace (ngtcp2_conn *conn, ngtcp2_tstamp now, ngtcp2_duration late, size_t size, ngtcp2_tstamp *paced)
{
  ngtcp2_conn_stat stat;
  ngtcp2_tstamp begin = MAX (*paced, now - late);
  ngtcp2_tstamp expiry = ngtcp2_conn_get_expiry (conn);

  ngtcp2_conn_get_conn_stat (conn, &stat);
  *paced = begin + (ngtcp2_tstamp) ((double) size / lp2p_quic_get_pacing_rate (&stat));
  ngtcp2_conn_update_pkt_tx_time (conn, begin);
  if (expiry > now && ngtcp2_conn_get_expiry (conn) <= now + LP2P_QUIC_PACED_AHEAD_US * NGTCP2_MICROSECONDS)
    ngtcp2_conn_handle_expiry (conn, now);
}

static inline void
lp2p_quic_params_set_original_dcid (ngtcp2_transport_params *params, const ngtcp2_cid *cid)
{
  params->original_dcid = *cid;
}

/* What a client remembers of a server's parameters for early data. */
static inline ngtcp2_ssize
lp2p_quic_encode_early_params (ngtcp2_conn *conn, uint8_t *dest, size_t size)
{
  return ngtcp2_encode_transport_params (dest, size, NGTCP2_TRANSPORT_PARAMS_TYPE_ENCRYPTED_EXTENSIONS,
                                         ngtcp2_conn_get_remote_transport_params (conn));
}

static inline int
lp2p_quic_set_early_params (ngtcp2_conn *conn, const uint8_t *data, size_t size)
{
  ngtcp2_transport_params params;
  int code = ngtcp2_decode_transport_params (&params, NGTCP2_TRANSPORT_PARAMS_TYPE_ENCRYPTED_EXTENSIONS, data, size);

  if (code == 0)
    ngtcp2_conn_set_early_remote_transport_params (conn, &params);
  return code;
}

#else

#define LP2P_QUIC_NEW_TOKEN      const uint8_t *token, size_t size
#define LP2P_QUIC_NEW_TOKEN_DATA token, size
#define LP2P_QUIC_TOKEN(hd)      ((hd)->token)
#define LP2P_QUIC_TOKEN_SIZE(hd) ((hd)->tokenlen)
#define LP2P_QUIC_CONGESTION_CONTROL NGTCP2_CC_ALGO_BBR

#define LP2P_QUIC_ASKS_AGAIN 0

#define LP2P_QUIC_GIVES_UP_TWICE 0

#define LP2P_QUIC_MAX_ONE_WAY G_MAXUINT

#define LP2P_QUIC_PACED_AHEAD_US 0

typedef ngtcp2_connection_id_status_type Lp2pQuicDcidStatus;

#define LP2P_QUIC_VALIDATED const ngtcp2_path *path, const ngtcp2_path *former

/* Which sizes of packets are tried, one after the other: those that ngtcp2 tries by
 * itself, and that of the link. They have to stay until the connection is made. */
typedef uint16_t Lp2pQuicProbes[5];

static inline void
lp2p_quic_settings_set_token (ngtcp2_settings *settings, const uint8_t *token, size_t size, int retry)
{
  settings->token = token;
  settings->tokenlen = size;
  settings->token_type = retry ? NGTCP2_TOKEN_TYPE_RETRY : NGTCP2_TOKEN_TYPE_NEW_TOKEN;
}

/* The room that a packet needs is kept for as long as the connection: where 65 KB pass,
 * each one that is asked would hold as much, though nobody may ever send so large ones.
 * There the size is known, and nobody asks. */
#define LP2P_QUIC_MAX_PROBE (16 * 1024)

static inline int
lp2p_quic_settings_set_size (ngtcp2_settings *settings, Lp2pQuicProbes *probes, size_t size, int on_link)
{
  uint16_t sizes[] = { 1406, 1342, 1232, 1444, (uint16_t) size };

  settings->max_tx_udp_payload_size = size;
  if (on_link && size > LP2P_QUIC_MAX_PROBE)
    {
      settings->no_tx_udp_payload_size_shaping = 1;
      return 1;
    }
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    (*probes)[i] = sizes[i];
  settings->pmtud_probes = *probes;
  settings->pmtud_probeslen = sizeof sizes / sizeof sizes[0];
  return 0;
}

static inline int
lp2p_quic_shutdown_read (ngtcp2_conn *conn, int64_t id, uint64_t code)
{
  return ngtcp2_conn_shutdown_stream_read (conn, 0, id, code);
}

static inline int
lp2p_quic_shutdown_write (ngtcp2_conn *conn, int64_t id, uint64_t code)
{
  return ngtcp2_conn_shutdown_stream_write (conn, 0, id, code);
}

static inline void
lp2p_quic_get_close_error (ngtcp2_conn *conn, ngtcp2_ccerr *error)
{
  *error = *ngtcp2_conn_get_ccerr (conn);
}

static inline size_t
lp2p_quic_get_quantum (ngtcp2_conn *conn, size_t packet)
{
  return ngtcp2_conn_get_send_quantum (conn);
}

/* Neither @late nor @paced counts: where this version makes up for what was late, it does so
 * by itself. A time that pacing gives and that is reached holds nothing back, but would wake
 * the loop. */
static inline void
lp2p_quic_pace (ngtcp2_conn *conn, ngtcp2_tstamp now, ngtcp2_duration late, size_t size, ngtcp2_tstamp *paced)
{
  ngtcp2_tstamp expiry = ngtcp2_conn_get_expiry (conn);

  ngtcp2_conn_update_pkt_tx_time (conn, now);
  if (expiry > now && ngtcp2_conn_get_expiry (conn) <= now)
    ngtcp2_conn_handle_expiry (conn, now);
}

static inline void
lp2p_quic_params_set_original_dcid (ngtcp2_transport_params *params, const ngtcp2_cid *cid)
{
  params->original_dcid = *cid;
  params->original_dcid_present = 1;
}

static inline ngtcp2_ssize
lp2p_quic_encode_early_params (ngtcp2_conn *conn, uint8_t *dest, size_t size)
{
  return ngtcp2_conn_encode_0rtt_transport_params (conn, dest, size);
}

static inline int
lp2p_quic_set_early_params (ngtcp2_conn *conn, const uint8_t *data, size_t size)
{
  return ngtcp2_conn_decode_and_set_0rtt_transport_params (conn, data, size);
}

#endif
