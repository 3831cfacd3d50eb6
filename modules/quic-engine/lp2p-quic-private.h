/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-quic-arrival.h"
#include "lp2p-quic-compat.h"
#include "lp2p-quic-engine.h"
#include "lp2p-quic-frames.h"
#include "lp2p-quic-hash.h"
#include "lp2p-quic-moved.h"
#include "lp2p-quic-replay.h"
#include "lp2p-quic-seen.h"
#include "lp2p-quic-send-buffer.h"
#include "lp2p-quic-size.h"
#include "lp2p-quic-ticket.h"

G_BEGIN_DECLS

/* Length of the connection ids that we give out. */
#define LP2P_QUIC_CID_SIZE 8

#define LP2P_QUIC_SECRET_SIZE 32

/* What a new connection may be sent before it has shown how fast it is read. */
#define LP2P_QUIC_INITIAL_WINDOW (1024 * 1024)

/* What is assumed of a path of which nothing is known yet, and with it how soon a first
 * packet is repeated. */
#define LP2P_QUIC_INITIAL_RTT_US (100 * 1000)

/* ngtcp2 counts nanoseconds. */
#define LP2P_QUIC_TIME(us) ((ngtcp2_tstamp) (us) * 1000)

/* In microseconds: when a probe is sent. */
static inline gint64
lp2p_quic_get_pto (ngtcp2_conn *conn)
{
  return ngtcp2_conn_get_pto (conn) / 1000;
}

typedef struct _Lp2pQuicTicketKey Lp2pQuicTicketKey;
typedef struct _Lp2pQuicResetToken Lp2pQuicResetToken;
typedef struct _Lp2pQuicTokens Lp2pQuicTokens;

struct _Lp2pQuicEngine
{
  guint refs; /* of modules */
  Lp2pContext *context; /* which has it */
  Lp2pLoop *loop;
  GPtrArray *endpoints;
  guint8 secret[LP2P_QUIC_SECRET_SIZE]; /* of tokens for retries */
  guint8 kept_secret[LP2P_QUIC_SECRET_SIZE]; /* marks what is kept of tickets */
  GHashTable *ticket_keys; /* Lp2pQuicTicketKey by ALPN */
  Lp2pQuicReplay *replay;
  Lp2pQuicTokens *tokens;
};

/* One UDP socket: whose is a packet? */
struct _Lp2pQuicEndpoint
{
  guint refs;
  Lp2pQuicEngine *engine; /* NULL when that is gone */
  Lp2pUdpSocket *socket;
  Lp2pUdpUser *user;
  Lp2pUdpUser *stray_user;
  GPtrArray *listeners;
  GQueue connections;
  GQueue punches;
  GQueue blocked;           /* connections that wait until the socket takes more */
  guint n_lingering;        /* that are over, but for their last packet */
  guint8 hash_key[LP2P_QUIC_HASH_KEY_SIZE]; /* of both tables */
  GHashTable *ids;          /* of connections */
  GHashTable *reset_tokens; /* with which peers would say that they forgot them */
  guint8 reset_secret[LP2P_QUIC_SECRET_SIZE]; /* of the tokens with which we would */
  gint64 bucket_time;       /* of answers that belong to no connection */
  guint bucket;
};

struct _Lp2pQuicListener
{
  Lp2pQuicEndpoint *endpoint;
  const Lp2pQuicProtocol *protocol;
  const Lp2pQuicListenerEvents *events;
  gpointer user_data;
  Lp2pJob job;
  gboolean addresses_changed;
  GError *error;
};

typedef enum
{
  LP2P_QUIC_HANDSHAKE,
  LP2P_QUIC_READY,
  LP2P_QUIC_FLUSHING, /* closed by us, when all has been acknowledged */
  LP2P_QUIC_CLOSED,   /* its last packet is kept for a while */
  LP2P_QUIC_GONE,     /* off the endpoint */
} Lp2pQuicPhase;

/* What a connection holds of the host's memory. */
typedef struct
{
  gsize reserved;
  gsize window;       /* how far the peer may be ahead of what was taken */
  gsize consumed;     /* since that was last looked at */
  gint64 window_time; /* when that was */
  gsize input;        /* that waits to be read */
  gsize output;       /* of streams, beyond what each has without asking */
} Lp2pQuicMemory;

struct _Lp2pQuicConnection
{
  guint refs;
  Lp2pQuicEndpoint *endpoint;
  GList link;
  GList blocked_link;
  Lp2pLoop *loop; /* its share */
  const Lp2pQuicProtocol *protocol; /* NULL until the client has said it */
  Lp2pQuicPhase phase;
  gboolean server;
  gboolean proved; /* the client is where its packets come from */
  Lp2pHandshake *handshake; /* as the host counts it, or NULL */
  gboolean lingers;

  /* The dial or listener that waits for the handshake. */
  Lp2pQuicDialed dialed;
  gpointer dialed_data;
  Lp2pPeerId *expected_peer;
  gboolean handed_out;
  gboolean early;    /* streams are used ahead of the end of the handshake */
  gboolean has_keys; /* a server could send ahead of it */
  gboolean certified; /* the certificate of the session is good: whose it is that is resumed */
  gboolean verified; /* the peer has proved who it is */
  gboolean confirmed; /* the peer has all of the handshake */
  gboolean settled;  /* a client's ngtcp2 is done with the handshake */

  ngtcp2_conn *conn;
  ngtcp2_crypto_conn_ref conn_ref;
  gnutls_session_t tls;
  Lp2pPublicKey *remote_key;
  guint32 ticket_lifetime; /* of one that has just come, in seconds */
  guint n_tickets;
  GBytes *token;           /* that has just come */
  guint n_tokens;          /* given to a client, or taken from a server */
  GArray *ids; /* ngtcp2_cid */
  Lp2pQuicPeerIds peer_ids;
  GQueue reset_tokens; /* Lp2pQuicResetToken, those of the endpoint that are the peer's */
  Lp2pQuicMemory memory;
  ngtcp2_path_storage path;
  Lp2pMultiaddr *local_address;
  Lp2pMultiaddr *remote_address;
  Lp2pQuicMoved moved;
  Lp2pQuicArrival arrival;
  Lp2pQuicSize size;

  const Lp2pQuicEvents *events;
  gpointer events_data;
  GQueue streams;
  GQueue incoming; /* streams that nobody has taken */
  GQueue sendable; /* streams with something to send */
  guint n_one_way; /* streams of the peer in one direction that are over */
  guint n_resets;  /* streams that are reset when their last words have left */
  GQueue stalled;  /* and those for which the peer gives no credit */
  gboolean heard;  /* since that was last tried */
  gboolean open_refused;
  GQueue datagrams; /* GBytes to be sent */
  gsize datagrams_size;
  gboolean datagrams_refused;

  Lp2pJob output;
  Lp2pJob job;
  Lp2pTimer timer;
  GQueue held; /* what the socket did not take */
  gint64 close_at;
  guint64 close_code;
  char *close_reason;
  GBytes *close_packet;
  guint n_after_close;

  GError *error;
  gboolean orderly;
  gboolean closed_early; /* by us, before the handshake had ended */
  gboolean undelivered;  /* what streams were given before they were closed */
  gboolean forgotten; /* by the peer, which was started anew */
  guint32 remote_code;
  gint64 rtt;
  guint64 bytes_read;
  guint64 bytes_written;
  ngtcp2_tstamp paced;     /* when what was sent should have left */
  gboolean paces;          /* something waits, and for its time alone */
};

struct _Lp2pQuicStream
{
  Lp2pMuxerStream parent;

  Lp2pQuicConnection *connection;
  GList link;
  GList incoming_link;
  GList send_link;
  gint64 id;
  Lp2pByteQueue input;
  Lp2pQuicSendBuffer output;
  gsize counted; /* of that, in the memory of the connection */
  GError *read_error;
  GError *write_error;
  guint64 read_code;
  guint64 reset_code;
  guint remote : 1;       /* the peer opened it */
  guint one_way : 1;      /* who opened it writes, the other side reads */
  guint taken : 1;        /* whoever has the streams knows it */
  guint withdrawn : 1;    /* the peer reset it before that */
  guint released : 1;     /* and is done with it */
  guint closed : 1;       /* ngtcp2 is done with it */
  guint fin_received : 1;
  guint fin_wanted : 1;
  guint fin_sent : 1;
  guint fin_bare : 1;         /* behind all bytes, in a frame without any */
  guint fin_acknowledged : 1; /* for sure */
  guint discard : 1;      /* nobody reads what comes */
  guint blocked : 1;      /* a writer waits for room */
  guint stalled : 1;      /* among those that are */
  guint probing : 1;      /* does the peer still read it? */
  guint reset_wanted : 1; /* when what was written has left */
  guint flushing : 1;     /* what it wrote is sent, though it has failed */
  guint refused : 1;      /* the peer did not take it early */
};

/* Engine */

void lp2p_quic_engine_forget (Lp2pQuicEngine *self, Lp2pQuicEndpoint *endpoint);
Lp2pQuicEndpoint *lp2p_quic_engine_pick_endpoint (Lp2pQuicEngine *self,
                                                  const struct sockaddr *remote,
                                                  gboolean reuse_port,
                                                  struct sockaddr_storage *local,
                                                  GError **error);

/* Endpoint */

Lp2pQuicEndpoint *lp2p_quic_endpoint_new (Lp2pQuicEngine *engine, Lp2pUdpSocket *socket);
Lp2pQuicEndpoint *lp2p_quic_endpoint_ref (Lp2pQuicEndpoint *self);
void lp2p_quic_endpoint_unref (Lp2pQuicEndpoint *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pQuicEndpoint, lp2p_quic_endpoint_unref)
void lp2p_quic_endpoint_add_id (Lp2pQuicEndpoint *self, const ngtcp2_cid *cid, Lp2pQuicConnection *connection);
void lp2p_quic_endpoint_remove_id (Lp2pQuicEndpoint *self, const ngtcp2_cid *cid);
void lp2p_quic_endpoint_add_reset_token (Lp2pQuicEndpoint *self, const guint8 *token, Lp2pQuicConnection *connection);
/* Only one of @connection. */
void lp2p_quic_endpoint_remove_reset_token (Lp2pQuicEndpoint *self, const guint8 *token, Lp2pQuicConnection *connection);
void lp2p_quic_endpoint_remove_reset_tokens (Lp2pQuicEndpoint *self, Lp2pQuicConnection *connection);
Lp2pQuicListener *lp2p_quic_endpoint_find_listener (Lp2pQuicEndpoint *self, const char *alpn, gsize size);
gboolean lp2p_quic_endpoint_has_listener (Lp2pQuicEndpoint *self, const Lp2pQuicProtocol *protocol);

/* Packets that belong to no connection */

gboolean lp2p_quic_stateless_read (Lp2pQuicEndpoint *self, const Lp2pUdpDatagram *datagram, const guint8 *data, gsize size, gint64 now);

/* Connection */

Lp2pQuicConnection *lp2p_quic_connection_new (Lp2pQuicEndpoint *endpoint, gboolean server);
Lp2pQuicConnection *lp2p_quic_connection_ref (Lp2pQuicConnection *self);
void lp2p_quic_connection_unref (Lp2pQuicConnection *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pQuicConnection, lp2p_quic_connection_unref)
gboolean lp2p_quic_connection_start_client (Lp2pQuicConnection *self,
                                            const Lp2pQuicProtocol *protocol,
                                            const struct sockaddr *local,
                                            const struct sockaddr *remote,
                                            gboolean early_data,
                                            GError **error);
gboolean lp2p_quic_connection_start_server (Lp2pQuicConnection *self,
                                            const ngtcp2_path *path,
                                            const ngtcp2_pkt_hd *hd,
                                            const ngtcp2_cid *retried, /* NULL for none */
                                            gboolean validated, /* whether the token holds */
                                            gint64 now,
                                            GError **error);
int lp2p_quic_connection_read (Lp2pQuicConnection *self, const ngtcp2_path *path, guint8 ecn, const guint8 *data, gsize size, gint64 now);
void lp2p_quic_connection_want_output (Lp2pQuicConnection *self);
void lp2p_quic_connection_update_timer (Lp2pQuicConnection *self);
gboolean lp2p_quic_connection_begin_handshake (Lp2pQuicConnection *self, GError **error);
void lp2p_quic_connection_end_handshake (Lp2pQuicConnection *self);
void lp2p_quic_connection_become_ready (Lp2pQuicConnection *self);
gboolean lp2p_quic_connection_is_usable (Lp2pQuicConnection *self);
void lp2p_quic_connection_queue_job (Lp2pQuicConnection *self);

/* Its end. What fails takes @error. */
void lp2p_quic_connection_fail (Lp2pQuicConnection *self, int liberr);
void lp2p_quic_connection_fail_silently (Lp2pQuicConnection *self, GError *error);
void lp2p_quic_connection_give_up (Lp2pQuicConnection *self);
void lp2p_quic_connection_peer_closed (Lp2pQuicConnection *self);
void lp2p_quic_connection_follow_flushing (Lp2pQuicConnection *self);
void lp2p_quic_connection_was_read_closed (Lp2pQuicConnection *self);
void lp2p_quic_connection_leave (Lp2pQuicConnection *self);

/* The path between the two */

void lp2p_quic_path_copy (ngtcp2_path_storage *dest, const ngtcp2_path *path);
void lp2p_quic_path_set (Lp2pQuicConnection *self, const ngtcp2_path *path);
void lp2p_quic_path_follow (Lp2pQuicConnection *self);
void lp2p_quic_path_network_changed (Lp2pQuicConnection *self);

/* Hole punching */

gboolean lp2p_quic_punch_take (Lp2pQuicConnection *connection);
void lp2p_quic_punch_fail (Lp2pQuicPunch *self, GError *error);

/* Callbacks and parameters for ngtcp2 */

extern const ngtcp2_callbacks lp2p_quic_client_callbacks;
extern const ngtcp2_callbacks lp2p_quic_server_callbacks;
int lp2p_quic_callbacks_read (Lp2pQuicConnection *self, const ngtcp2_path *path, const ngtcp2_pkt_info *info, const guint8 *data, gsize size, gint64 now);
void lp2p_quic_random (guint8 *data, gsize size);
void lp2p_quic_random_cid (ngtcp2_cid *cid);
void lp2p_quic_make_settings (const Lp2pQuicOptions *options, gint64 now, ngtcp2_settings *settings);
void lp2p_quic_make_params (const Lp2pQuicOptions *options, ngtcp2_transport_params *params);
void lp2p_quic_set_limits (const Lp2pQuicOptions *options, ngtcp2_transport_params *params);

/* Output */

void lp2p_quic_output_run (Lp2pQuicConnection *self);
void lp2p_quic_output_send_close (Lp2pQuicConnection *self, const ngtcp2_ccerr *error);
void lp2p_quic_output_send_packet (Lp2pQuicConnection *self, GBytes *packet);
void lp2p_quic_output_unblocked (Lp2pQuicConnection *self);
void lp2p_quic_output_clear (Lp2pQuicConnection *self);

/* Streams */

Lp2pQuicStream *lp2p_quic_stream_new (Lp2pQuicConnection *connection, gint64 id, gboolean remote);
gboolean lp2p_quic_stream_has_unsent (Lp2pQuicStream *self);
/* From the connection. */
void lp2p_quic_stream_received (Lp2pQuicStream *self, const guint8 *data, gsize size, gboolean fin);
void lp2p_quic_stream_acknowledged (Lp2pQuicStream *self, guint64 offset, gsize size);
void lp2p_quic_stream_was_reset (Lp2pQuicStream *self, guint64 code);
void lp2p_quic_stream_was_stopped (Lp2pQuicStream *self);
void lp2p_quic_stream_was_closed (Lp2pQuicStream *self);
void lp2p_quic_stream_queue_output (Lp2pQuicStream *self);
void lp2p_quic_stream_unqueue_output (Lp2pQuicStream *self);
gboolean lp2p_quic_stream_is_sendable (Lp2pQuicStream *self);
void lp2p_quic_stream_stall (Lp2pQuicStream *self);
void lp2p_quic_streams_finish_resets (Lp2pQuicConnection *connection);
void lp2p_quic_streams_retry_stalled (Lp2pQuicConnection *connection);
void lp2p_quic_streams_fail (Lp2pQuicConnection *connection, const GError *reason, gboolean keep_output);
void lp2p_quic_streams_refuse (Lp2pQuicConnection *connection);
void lp2p_quic_streams_drop_output (Lp2pQuicConnection *connection);

/* Memory */

void lp2p_quic_memory_give_credit (Lp2pQuicConnection *self, gsize size);
gboolean lp2p_quic_memory_add_input (Lp2pQuicConnection *self, gsize size);
void lp2p_quic_memory_remove_input (Lp2pQuicConnection *self, gsize size);
gboolean lp2p_quic_memory_has_output (Lp2pQuicConnection *self, gsize size);
void lp2p_quic_memory_update_output (Lp2pQuicConnection *self, gsize before, gsize now);
void lp2p_quic_memory_end (Lp2pQuicConnection *self);

/* TLS */

gboolean lp2p_quic_tls_start_client (Lp2pQuicConnection *self, gboolean early_data, GError **error);
gboolean lp2p_quic_tls_start_server (Lp2pQuicConnection *self, GError **error);
gboolean lp2p_quic_tls_check_peer (Lp2pQuicConnection *self);
gboolean lp2p_quic_tls_is_early_refused (Lp2pQuicConnection *self);
void lp2p_quic_tls_send_ticket (Lp2pQuicConnection *self);

/* Resumption */

void lp2p_quic_resumption_make_secret (Lp2pIdentity *identity, guint8 *secret);
GHashTable *lp2p_quic_ticket_keys_new (void);
const gnutls_datum_t *lp2p_quic_ticket_keys_get (GHashTable *keys,
                                                 const char *alpn,
                                                 const ngtcp2_transport_params *params);
void lp2p_quic_resumption_keep (Lp2pQuicConnection *self);
GBytes *lp2p_quic_resumption_take (Lp2pQuicConnection *self, Lp2pQuicTicket *ticket);
Lp2pQuicTicketOwner lp2p_quic_resumption_get_owner (Lp2pQuicConnection *self, Lp2pPeerId *peer);
GBytes *lp2p_quic_resumption_take_entry (Lp2pQuicConnection *self,
                                         const char *key,
                                         const Lp2pQuicTicketOwner *owner,
                                         Lp2pQuicTicket *ticket);

/* Tokens */

Lp2pQuicTokens *lp2p_quic_tokens_new (void);
void lp2p_quic_tokens_free (Lp2pQuicTokens *self);
ngtcp2_ssize lp2p_quic_tokens_make (Lp2pQuicTokens *self, const struct sockaddr *remote, gint64 now, guint8 *token);
gboolean lp2p_quic_tokens_take (Lp2pQuicTokens *self, const guint8 *token, gsize size, const struct sockaddr *remote, gint64 now);
void lp2p_quic_token_give (Lp2pQuicConnection *self);
void lp2p_quic_token_received (Lp2pQuicConnection *self, const guint8 *token, gsize size);
void lp2p_quic_token_keep (Lp2pQuicConnection *self);
GBytes *lp2p_quic_token_take (Lp2pQuicConnection *self, gnutls_datum_t *token);

/* Addresses */

Lp2pMultiaddr *lp2p_quic_address_to_multiaddr (const struct sockaddr *address);
socklen_t lp2p_quic_address_get_size (const struct sockaddr *address);
void lp2p_quic_address_copy (ngtcp2_sockaddr_union *dest, const struct sockaddr *address);
gboolean lp2p_quic_address_equal (const struct sockaddr *a, const struct sockaddr *b);
gboolean lp2p_quic_address_same_host (const struct sockaddr *a, const struct sockaddr *b);

/* Datagrams */

#define LP2P_QUIC_TYPE_DATAGRAMS (lp2p_quic_datagrams_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pQuicDatagrams, lp2p_quic_datagrams, LP2P_QUIC, DATAGRAMS, GObject)
Lp2pQuicDatagrams *lp2p_quic_datagrams_new (Lp2pQuicConnection *connection);
void lp2p_quic_datagrams_take (Lp2pQuicDatagrams *self, const guint8 *data, gsize size);
void lp2p_quic_datagrams_set_writable (Lp2pQuicDatagrams *self);
void lp2p_quic_datagrams_detach (Lp2pQuicDatagrams *self);

G_END_DECLS
