/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* QUIC for the transports that are built on it. An engine has one endpoint for each
 * UDP socket of the host; the ALPN of a handshake says whose a connection is. */

#include <lp2p/lp2p-plugin.h>

#include <gnutls/gnutls.h>

#ifdef LP2P_QUIC_COMPILATION
#define LP2P_QUIC_API __attribute__ ((visibility ("default"))) extern
#else
#define LP2P_QUIC_API extern
#endif

G_BEGIN_DECLS

typedef struct _Lp2pQuicEngine Lp2pQuicEngine;
typedef struct _Lp2pQuicEndpoint Lp2pQuicEndpoint;
typedef struct _Lp2pQuicConnection Lp2pQuicConnection;
typedef struct _Lp2pQuicListener Lp2pQuicListener;
typedef struct _Lp2pQuicProtocol Lp2pQuicProtocol;
typedef struct _Lp2pQuicPunch Lp2pQuicPunch;
typedef struct _Lp2pQuicStream Lp2pQuicStream;

/* How connections behave; times in microseconds. */
typedef struct
{
  gint64 idle_timeout;
  gint64 keep_alive;        /* 0 for none */
  gint64 handshake_timeout;
  guint64 stream_window;    /* the most that one stream has, in bytes */
  guint64 window;           /* and all of a connection */
  guint max_streams;        /* that the peer may have open */
  guint max_uni_streams;    /* and of those in one direction */
} Lp2pQuicOptions;

/* An entry of the ALPN table: what a module speaks. It stays as long as the module
 * has listeners or connections. Each entry on a socket has its own options; but for the
 * longest handshake and the largest window of a stream, which are to be said before the
 * ALPN is known: those are the most that any entry there has.
 *
 * `verify` is given what the other side showed, inside the handshake, and returns its
 * key; NULL with an error ends the handshake. It is NULL where the client has no
 * certificate and the server's is checked in another way. It is asked again about what
 * the peer of a resumed session had shown. */
struct _Lp2pQuicProtocol
{
  const char *alpn;
  const char *transport;   /* interned */
  const char *suffix;      /* what follows `/udp/N` in its addresses */
  gboolean mutual;         /* whether a client has to show a certificate */
  gboolean resumes;        /* whether sessions are resumed, with early data; needs `verify` */
  gboolean answers_early;  /* whether a server may send before the handshake ends (0.5-RTT): it
                            * gets such connections early; never with `mutual` */
  Lp2pQuicOptions options;
  gnutls_certificate_credentials_t (*get_credentials) (gpointer data, GError **error);
  Lp2pPublicKey *(*verify) (const gnutls_datum_t *certificates, guint n, gint64 now_unix, Lp2pPeerId *expected, GError **error);
  gpointer data;
};

/* Of the context, made when it is asked for first. */
LP2P_QUIC_API Lp2pQuicEngine *lp2p_quic_engine_get (Lp2pContext *context, GError **error);
LP2P_QUIC_API void lp2p_quic_engine_unref (Lp2pQuicEngine *self);
/* Ends all that @protocol has, at once. */
LP2P_QUIC_API void lp2p_quic_engine_stop (Lp2pQuicEngine *self, const Lp2pQuicProtocol *protocol);

/* All of these run from the run queue.
 *
 * `accepted` owns the connection that it is given, which may be early. What the host was
 * told of it when it began is the engine's, which says that it is over when the handshake
 * is. */
typedef struct
{
  void (*accepted) (Lp2pQuicConnection *connection, gpointer user_data);
  void (*addresses_changed) (gpointer user_data);
  void (*failed) (const GError *error, gpointer user_data);
} Lp2pQuicListenerEvents;

LP2P_QUIC_API Lp2pQuicListener *lp2p_quic_engine_listen (Lp2pQuicEngine *self,
                                                         const Lp2pQuicProtocol *protocol,
                                                         GSocketAddress *address,
                                                         const Lp2pQuicListenerEvents *events,
                                                         gpointer user_data,
                                                         GError **error);
LP2P_QUIC_API void lp2p_quic_listener_close (Lp2pQuicListener *self);
LP2P_QUIC_API const char *lp2p_quic_listener_get_socket_id (Lp2pQuicListener *self);
LP2P_QUIC_API GPtrArray *lp2p_quic_listener_get_addresses (Lp2pQuicListener *self);

/* Called once, from the run queue: @connection is owned by the callee, and NULL with
 * an error. */
typedef void (*Lp2pQuicDialed) (Lp2pQuicConnection *connection, const GError *error, gpointer user_data);

typedef struct
{
  Lp2pPeerId *expected_peer; /* or NULL */
  gboolean reuse_port;
  gboolean early_data; /* hand it out at once if a session with that peer can be resumed */
} Lp2pQuicDialOptions;

/* The connection is lent, for lp2p_quic_connection_cancel(). */
LP2P_QUIC_API Lp2pQuicConnection *lp2p_quic_engine_dial (Lp2pQuicEngine *self,
                                                         const Lp2pQuicProtocol *protocol,
                                                         GSocketAddress *address,
                                                         const Lp2pQuicDialOptions *options,
                                                         Lp2pQuicDialed dialed,
                                                         gpointer user_data,
                                                         GError **error);
/* Nobody is told of its end. */
LP2P_QUIC_API void lp2p_quic_connection_cancel (Lp2pQuicConnection *self);

/* A hole for a peer who dials us, through our NAT; times are those of the loop. */
typedef struct
{
  Lp2pPeerId *expected_peer; /* or NULL */
  gint64 start;
  gint64 deadline; /* 0 for some seconds */
} Lp2pQuicPunchOptions;

/* What comes in is not given to the listener, which there must be, but to @done.
 *
 * The punch is lent, for lp2p_quic_punch_cancel(). */
LP2P_QUIC_API Lp2pQuicPunch *lp2p_quic_engine_punch (Lp2pQuicEngine *self,
                                                     const Lp2pQuicProtocol *protocol,
                                                     GSocketAddress *address,
                                                     const Lp2pQuicPunchOptions *options,
                                                     Lp2pQuicDialed done,
                                                     gpointer user_data,
                                                     GError **error);
LP2P_QUIC_API void lp2p_quic_punch_cancel (Lp2pQuicPunch *self);

/* What is known of one that has been handed out. */
LP2P_QUIC_API const char *lp2p_quic_connection_get_socket_id (Lp2pQuicConnection *self);
LP2P_QUIC_API Lp2pPublicKey *lp2p_quic_connection_get_remote_key (Lp2pQuicConnection *self);
/* (transfer full) (nullable): what the peer showed, the first where there are several */
LP2P_QUIC_API GBytes *lp2p_quic_connection_dup_certificate (Lp2pQuicConnection *self);
LP2P_QUIC_API Lp2pMultiaddr *lp2p_quic_connection_get_local_address (Lp2pQuicConnection *self);
LP2P_QUIC_API Lp2pMultiaddr *lp2p_quic_connection_get_remote_address (Lp2pQuicConnection *self);
LP2P_QUIC_API Lp2pSessionState lp2p_quic_connection_get_state (Lp2pQuicConnection *self);
/* (nullable): why it is closed, and the code that the peer gave for that, or 0 */
LP2P_QUIC_API const GError *lp2p_quic_connection_get_error (Lp2pQuicConnection *self, guint64 *code);

/* Its bidirectional streams as a session, which owns the connection from then on. Of a
 * protocol without streams in one direction. */
LP2P_QUIC_API Lp2pMuxerSession *lp2p_quic_session_new (Lp2pQuicConnection *connection);

/* Or the connection as it is. */

/* What it tells. All are there, and only mark work.
 *
 * `stream_input` takes what it likes of what has just come for a stream, the rest waits to
 * be read. `stream_ready` comes only to streams that were taken or opened. */
typedef struct
{
  gsize (*stream_input) (Lp2pQuicStream *stream, const guint8 *data, gsize size, gpointer user_data);
  void (*stream_ready) (Lp2pQuicStream *stream, Lp2pReady ready, gpointer user_data);
  void (*incoming) (gpointer user_data);
  void (*withdrawn) (gpointer user_data);
  void (*can_open) (gpointer user_data);
  void (*early_rejected) (gpointer user_data);
  void (*ready) (gpointer user_data);
  void (*closing) (gpointer user_data);
  void (*path_changed) (gpointer user_data);
  void (*closed) (gpointer user_data);
  void (*datagram) (const guint8 *data, gsize size, gpointer user_data);
  void (*datagrams_writable) (gpointer user_data);
} Lp2pQuicEvents;

/* Streams may have come before. @events: (nullable) */
LP2P_QUIC_API void lp2p_quic_connection_set_events (Lp2pQuicConnection *self, const Lp2pQuicEvents *events, gpointer user_data);
/* As a session does; see Lp2pMuxerSessionClass. Takes @error. */
LP2P_QUIC_API void lp2p_quic_connection_close (Lp2pQuicConnection *self, guint64 code, const char *reason);
LP2P_QUIC_API void lp2p_quic_connection_abort (Lp2pQuicConnection *self, guint64 code, GError *error);
/* Its owner is done with it, and with all its streams. */
LP2P_QUIC_API void lp2p_quic_connection_release (Lp2pQuicConnection *self);

/* The largest datagram that can be sent now, 0 for none. */
LP2P_QUIC_API gsize lp2p_quic_connection_get_datagram_room (Lp2pQuicConnection *self);
LP2P_QUIC_API gboolean lp2p_quic_connection_send_datagram (Lp2pQuicConnection *self, GBytes *datagram, GError **error);

/* As those of a session; see Lp2pMuxerSessionClass. Codes have 62 bits here. Who opens a
 * stream in one direction only writes it, the other side only reads; what makes no sense
 * fails. */
LP2P_QUIC_API int lp2p_quic_stream_open (Lp2pQuicConnection *connection, gboolean one_way, Lp2pQuicStream **stream);
LP2P_QUIC_API Lp2pQuicStream *lp2p_quic_stream_accept (Lp2pQuicConnection *connection);
LP2P_QUIC_API gint64 lp2p_quic_stream_get_id (Lp2pQuicStream *self);
LP2P_QUIC_API gboolean lp2p_quic_stream_is_one_way (Lp2pQuicStream *self);
LP2P_QUIC_API void lp2p_quic_stream_set_user_data (Lp2pQuicStream *self, gpointer user_data);
LP2P_QUIC_API gpointer lp2p_quic_stream_get_user_data (Lp2pQuicStream *self);
LP2P_QUIC_API gssize lp2p_quic_stream_readv (Lp2pQuicStream *self, const GInputVector *vectors, guint n_vectors);
/* @bytes: (nullable) */
LP2P_QUIC_API void lp2p_quic_stream_lend (Lp2pQuicStream *self, GBytes *bytes);
LP2P_QUIC_API gssize lp2p_quic_stream_writev (Lp2pQuicStream *self, const GOutputVector *vectors, guint n_vectors);
LP2P_QUIC_API void lp2p_quic_stream_want (Lp2pQuicStream *self, Lp2pReady ready);
LP2P_QUIC_API int lp2p_quic_stream_shutdown_write (Lp2pQuicStream *self);
LP2P_QUIC_API void lp2p_quic_stream_stop_reading (Lp2pQuicStream *self, guint64 code);
LP2P_QUIC_API void lp2p_quic_stream_reset (Lp2pQuicStream *self, guint64 code);
LP2P_QUIC_API void lp2p_quic_stream_release (Lp2pQuicStream *self);
LP2P_QUIC_API const GError *lp2p_quic_stream_get_error (Lp2pQuicStream *self, Lp2pReady side, guint64 *code);

G_END_DECLS
