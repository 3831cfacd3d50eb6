/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-quic-private.h"
#include "test-context.h"

#include "quic-keys.h"

#include <netinet/in.h>

G_BEGIN_DECLS

/* A host that speaks QUIC, as little of it as there can be. */
typedef struct
{
  TestContext *context;
  Lp2pExtension *transport;
  Lp2pListener *listener; /* or NULL */
  struct sockaddr_in address;
} QuicHost;

/* @config: a key file, or NULL. @port: to listen on, 0 for any, -1 for none. */
void quic_host_init (QuicHost *self, TestWorld *world, const char *config, int port);
/* One with the identity and the context of @former. */
void quic_host_init_with (QuicHost *self, TestWorld *world, Lp2pIdentity *identity, int port);
void quic_host_clear (QuicHost *self);
Lp2pQuicEndpoint *quic_host_get_endpoint (QuicHost *self);
guint quic_host_count_connections (QuicHost *self);
/* The one connection that there is. */
Lp2pQuicConnection *quic_host_get_connection (QuicHost *self);
/* The result is NULL with an error. */
Lp2pRawConnection *quic_host_dial (QuicHost *self, QuicHost *other, GError **error);
/* Both sides of a connection. */
void quic_host_connect (QuicHost *self, QuicHost *other, Lp2pRawConnection **dialed, Lp2pRawConnection **accepted);

/* Somebody else with a UDP socket, who may speak QUIC.
 *
 * @sent, @received: bytes
 * @packets: (element-type GBytes): what came and was not read by ngtcp2
 * @mtu: larger packets that come are lost, 0 for none
 * @mute: what comes is kept, and nothing is sent but by the test
 * @token: (nullable): that its first packet has
 * @params: (nullable): transport parameters instead of those of ngtcp2
 * @change: (nullable): may change a message of TLS before it is sent, which has room
 *   for as many bytes more */
typedef struct _QuicStranger QuicStranger;

struct _QuicStranger
{
  TestWorld *world;
  int fd;
  struct sockaddr_in own;
  struct sockaddr_in remote;
  guint64 sent;
  guint64 received;
  GPtrArray *packets;
  gsize mtu;
  gboolean mute;

  ngtcp2_conn *conn;
  ngtcp2_crypto_conn_ref conn_ref;
  gnutls_session_t tls;
  gnutls_certificate_credentials_t credentials;
  Lp2pIdentity *identity;
  GBytes *token;
  GBytes *params;
  void (*change) (QuicStranger *self, gnutls_handshake_description_t type, guint8 *data, gsize *size);
  gboolean ready;
  guint n_retries; /* that it was asked for */
  int read_error; /* of ngtcp2, the last one */
  ngtcp2_ccerr told; /* how the other side ended it */
  guint8 secret[64];
  gsize secret_size;
  guint64 datagrams;
};

void quic_stranger_init (QuicStranger *self, TestWorld *world, const struct sockaddr_in *remote);
void quic_stranger_clear (QuicStranger *self);
/* Takes what it had apart, keeps the socket. */
void quic_stranger_end (QuicStranger *self);
void quic_stranger_send (QuicStranger *self, gconstpointer data, gsize size);
/* Goes away: a while later nothing must be left of it at @host, which is given nothing. */
void quic_stranger_leave (QuicStranger *self, QuicHost *host);
/* Takes what has come; returns how much that was. */
guint quic_stranger_pump (QuicStranger *self);
/* Until nothing more happens. */
void quic_stranger_settle (QuicStranger *self);
/* With time going by. */
void quic_stranger_advance (QuicStranger *self, gint64 us);
/* Begins a handshake. @alpn: (nullable) */
void quic_stranger_dial (QuicStranger *self, const char *alpn);
/* It is the server for a client whose first packet has come, and answers: the host has not
 * read that yet. */
void quic_stranger_serve (QuicStranger *self);
/* A good one, up to its end. */
void quic_stranger_connect (QuicStranger *self);
/* The first packet of a good one, not sent. */
GBytes *quic_stranger_make_initial (QuicStranger *self, const char *alpn);
/* Appends the one transport parameter that every client has to send. */
void quic_stranger_append_id (QuicStranger *self, GByteArray *params);
/* Keys for packets of its own, and to where they go. */
void quic_stranger_init_keys (QuicStranger *self, QuicKeys *keys, ngtcp2_cid *dcid);

G_END_DECLS
