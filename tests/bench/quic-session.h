/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A connection of ngtcp2 and GnuTLS with one stream, and nothing around it: packets in,
 * packets out. The dialer sends a count of 8 bytes and then its upload; the listener
 * reads to the end and sends as many bytes as the count says. */

#include <glib.h>
#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

#define QUIC_CID_LEN 8

/* How both sides are set up. */
typedef struct
{
  ngtcp2_cc_algo congestion;
  /* Datagrams of this size without looking for what the path takes; 0: ngtcp2 looks. */
  guint payload;
  gboolean hash;
  gnutls_certificate_credentials_t credentials;
} QuicOptions;

typedef struct
{
  const QuicOptions *options;
  ngtcp2_conn *conn;
  ngtcp2_crypto_conn_ref ref;
  gnutls_session_t tls;
  gboolean listener;
  gboolean ready;

  gint64 stream;
  guint8 head[8];
  /* What is to be sent and has been, the head of the dialer included. */
  guint64 to_send;
  guint64 sent;
  gboolean may_end;
  gboolean ended;
  guint64 received;
  gboolean all_received;
  GChecksum *sent_hash;
  GChecksum *received_hash;
} QuicSession;

void quic_options_init (QuicOptions *options);

QuicSession *quic_session_dial (const QuicOptions *options,
                                const ngtcp2_path *path,
                                guint64 upload,
                                guint64 download,
                                ngtcp2_tstamp now);
QuicSession *quic_session_accept (const QuicOptions *options,
                                  const ngtcp2_path *path,
                                  const guint8 *packet,
                                  gsize len,
                                  ngtcp2_tstamp now);
void quic_session_free (QuicSession *self);
void quic_session_touch_stream (QuicSession *self);

int quic_session_read (QuicSession *self,
                       const ngtcp2_path *path,
                       const guint8 *packet,
                       gsize len,
                       ngtcp2_tstamp now);
gssize quic_session_write (
    QuicSession *self, ngtcp2_path *path, guint8 *packet, gsize len, ngtcp2_tstamp now);
gssize
quic_session_close (QuicSession *self, ngtcp2_path *path, guint8 *packet, gsize len, ngtcp2_tstamp now);
