/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A client and a server of which one resumes its sessions with the other. */

#include "lp2p-quic-credentials.h"
#include "lp2p-quic-private.h"
#include "test-context.h"
#include "test-wire.h"

#define MESSAGE "0123456789"

typedef struct
{
  TestContext *context;
  Lp2pQuicEngine *engine;
  Lp2pQuicCredentials *credentials;
  Lp2pQuicProtocol libp2p;
  Lp2pQuicProtocol h3; /* asks a client for no certificate */
  Lp2pQuicListener *listeners[2];
  Lp2pMuxerSession *session;      /* the last */
  Lp2pQuicConnection *connection; /* and what is behind it */
  GError *error;
  guint n_sessions;
  guint n_ready;
  guint n_rejected;
  guint n_closed;
} Side;

typedef struct
{
  TestWorld *world;
  TestWire *wire;
  Side client;
  Side server;
} Fixture;

/* Sides */

G_GNUC_UNUSED static void
on_rejected (Lp2pMuxerSession *session, gpointer user_data)
{
  ((Side *) user_data)->n_rejected++;
}

G_GNUC_UNUSED static void
on_ready (Lp2pMuxerSession *session, gpointer user_data)
{
  ((Side *) user_data)->n_ready++;
}

G_GNUC_UNUSED static void
on_closed (Lp2pMuxerSession *session, gpointer user_data)
{
  ((Side *) user_data)->n_closed++;
}

static const Lp2pMuxerEvents session_events = {
  .early_rejected = on_rejected,
  .ready = on_ready,
  .closed = on_closed,
};

G_GNUC_UNUSED static void
take_connection (Side *self, Lp2pQuicConnection *connection)
{
  g_assert_null (self->session);
  self->n_sessions++;
  self->connection = connection;
  self->session = lp2p_quic_session_new (connection);
  lp2p_muxer_session_set_events (self->session, &session_events, self);
}

G_GNUC_UNUSED static void
on_accepted (Lp2pQuicConnection *connection, gpointer user_data)
{
  Side *self = user_data;

  take_connection (self, connection);
}

G_GNUC_UNUSED static void
on_dialed (Lp2pQuicConnection *connection, const GError *error, gpointer user_data)
{
  Side *self = user_data;

  if (connection != NULL)
    take_connection (self, connection);
  else
    self->error = g_error_copy (error);
}

G_GNUC_UNUSED static void
ignore_addresses (gpointer user_data)
{
}

G_GNUC_UNUSED static void
ignore_failure (const GError *error, gpointer user_data)
{
}

static const Lp2pQuicListenerEvents listener_events = { on_accepted, ignore_addresses, ignore_failure };

G_GNUC_UNUSED static void
make_credentials (Side *self)
{
  g_clear_pointer (&self->credentials, lp2p_quic_credentials_free);
  self->credentials = lp2p_quic_credentials_new (LP2P_CONTEXT (self->context));
  self->libp2p.data = self->h3.data = self->credentials;
}

G_GNUC_UNUSED static void
side_start (Side *self, TestWorld *world, Lp2pIdentity *identity)
{
  self->context = test_context_new (world);
  if (identity != NULL)
    g_set_object (&self->context->identity, identity);
  self->engine = lp2p_quic_engine_get (LP2P_CONTEXT (self->context), NULL);
  self->libp2p = (Lp2pQuicProtocol){
    .alpn = "libp2p",
    .suffix = "/quic-v1",
    .transport = "quic-v1",
    .mutual = TRUE,
    .resumes = TRUE,
    .options = { .idle_timeout = 30 * G_USEC_PER_SEC,
                 .handshake_timeout = 10 * G_USEC_PER_SEC,
                 .stream_window = 1024 * 1024,
                 .window = 4 * 1024 * 1024,
                 .max_streams = 100 },
    .get_credentials = lp2p_quic_credentials_get,
    .verify = lp2p_quic_verify,
  };
  self->h3 = self->libp2p;
  self->h3.alpn = "h3";
  self->h3.mutual = FALSE;
  make_credentials (self);
}

G_GNUC_UNUSED static void
side_hang_up (Side *self)
{
  g_clear_pointer (&self->session, lp2p_muxer_session_free);
  g_clear_error (&self->error);
  self->n_sessions = self->n_ready = self->n_rejected = self->n_closed = 0;
}

G_GNUC_UNUSED static void
side_stop (Side *self)
{
  side_hang_up (self);
  for (guint i = 0; i < G_N_ELEMENTS (self->listeners); i++)
    g_clear_pointer (&self->listeners[i], lp2p_quic_listener_close);
  lp2p_quic_engine_stop (self->engine, &self->libp2p);
  lp2p_quic_engine_unref (self->engine);
  g_clear_pointer (&self->credentials, lp2p_quic_credentials_free);
  g_assert_cmpint (self->context->n_half_open, ==, 0);
  g_clear_object (&self->context);
}

G_GNUC_UNUSED static Lp2pPeerId *
get_peer (Side *self)
{
  return lp2p_identity_get_peer_id (self->context->identity);
}

G_GNUC_UNUSED static GSocketAddress *
loopback (guint16 port)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);

  return g_inet_socket_address_new (address, port);
}

G_GNUC_UNUSED static guint16
get_port (Side *self)
{
  GPtrArray *addresses = lp2p_quic_listener_get_addresses (self->listeners[0]);
  g_autofree char *port = lp2p_multiaddr_get_component_string (g_ptr_array_index (addresses, 0), 1);

  return g_ascii_strtoull (port, NULL, 10);
}

G_GNUC_UNUSED static void
side_listen (Fixture *self, Side *side)
{
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 2; i++)
    {
      const Lp2pQuicProtocol *protocol = i == 0 ? &side->libp2p : &side->h3;
      g_autoptr (GSocketAddress) address = loopback (i == 0 ? 0 : get_port (side));

      side->listeners[i] = lp2p_quic_engine_listen (side->engine, protocol, address, &listener_events, side, &error);
      g_assert_no_error (error);
    }
  test_wire_set_server (self->wire, get_port (side));
}

G_GNUC_UNUSED static void
set_up (Fixture *self, gconstpointer data)
{
  self->world = test_world_new (TRUE);
  self->world->ticking = TRUE;
  self->wire = test_wire_new (self->world);
  side_start (&self->client, self->world, NULL);
  side_start (&self->server, self->world, NULL);
  side_listen (self, &self->server);
}

G_GNUC_UNUSED static void
tear_down (Fixture *self, gconstpointer data)
{
  side_stop (&self->client);
  side_stop (&self->server);
  test_wire_free (self->wire);
  test_world_free (self->world);
}

/* Connecting */

G_GNUC_UNUSED static void
dial_port (Fixture *self, const Lp2pQuicProtocol *protocol, gboolean early, guint16 port)
{
  g_autoptr (GSocketAddress) address = loopback (port);
  Lp2pQuicDialOptions options = { .expected_peer = get_peer (&self->server), .early_data = early };
  g_autoptr (GError) error = NULL;

  lp2p_quic_engine_dial (self->client.engine, protocol, address, &options, on_dialed, &self->client, &error);
  g_assert_no_error (error);
  test_until (self->world, self->client.session != NULL || self->client.error != NULL);
  g_assert_no_error (self->client.error);
}

G_GNUC_UNUSED static void
dial (Fixture *self, const Lp2pQuicProtocol *protocol, gboolean early)
{
  dial_port (self, protocol, early, test_wire_get_port (self->wire));
}

G_GNUC_UNUSED static Lp2pSessionState
get_state (Side *self)
{
  return self->session->klass->get_state (self->session);
}

G_GNUC_UNUSED static gboolean
is_ready (Side *self)
{
  return self->session != NULL && get_state (self) == LP2P_SESSION_READY;
}

G_GNUC_UNUSED static GBytes *
get_entry (Fixture *self, const char *key)
{
  return lp2p_context_get_peer_data (LP2P_CONTEXT (self->client.context), get_peer (&self->server), "quic-engine", key);
}

G_GNUC_UNUSED static void
set_entry (Fixture *self, const char *key, GBytes *entry)
{
  lp2p_context_set_peer_data (LP2P_CONTEXT (self->client.context), get_peer (&self->server), "quic-engine", key, entry,
                              1000, LP2P_PEER_DATA_SECRET);
}

G_GNUC_UNUSED static gboolean
has_entry (Fixture *self, const char *key)
{
  g_autoptr (GBytes) entry = get_entry (self, key);

  return entry != NULL;
}

/* Both forget the connection, but not the ticket. The last packet stays for a while. */
G_GNUC_UNUSED static void
hang_up (Fixture *self)
{
  side_hang_up (&self->client);
  side_hang_up (&self->server);
  test_world_advance (self->world, 5 * G_USEC_PER_SEC);
  g_assert_cmpuint (self->server.n_sessions, ==, 0);
}

G_GNUC_UNUSED static void
become_acquainted_by (Fixture *self, const Lp2pQuicProtocol *protocol)
{
  g_autofree char *key = g_strconcat ("ticket ", protocol->alpn, NULL);

  dial (self, protocol, FALSE);
  test_until (self->world, is_ready (&self->server) && has_entry (self, key));
  hang_up (self);
}

G_GNUC_UNUSED static void
become_acquainted (Fixture *self)
{
  become_acquainted_by (self, &self->client.libp2p);
}

G_GNUC_UNUSED static void
check_peers (Fixture *self)
{
  g_assert_true (lp2p_peer_id_matches_public_key (get_peer (&self->client), self->server.connection->remote_key));
  g_assert_true (lp2p_peer_id_matches_public_key (get_peer (&self->server), self->client.connection->remote_key));
}

G_GNUC_UNUSED static gboolean
is_resumed (Side *self)
{
  return gnutls_session_is_resumed (self->connection->tls) != 0;
}

/* Streams */

G_GNUC_UNUSED static Lp2pMuxerStream *
send_message (Side *self)
{
  GOutputVector vector = { MESSAGE, sizeof MESSAGE - 1 };
  Lp2pMuxerStream *stream = NULL;

  g_assert_cmpint (self->session->klass->open (self->session, &stream), ==, 0);
  g_assert_cmpint (self->session->klass->stream_writev (self->session, stream, &vector, 1), ==, vector.size);
  return stream;
}

G_GNUC_UNUSED static Lp2pMuxerStream *
receive_message (Fixture *self, Side *side)
{
  Lp2pMuxerStream *stream = NULL;
  char bytes[20];
  GInputVector vector = { bytes, sizeof bytes };

  test_until (self->world,
              side->session != NULL && (stream = side->session->klass->accept (side->session)) != NULL);
  g_assert_cmpint (side->session->klass->stream_readv (side->session, stream, &vector, 1), ==, sizeof MESSAGE - 1);
  g_assert_cmpmem (bytes, sizeof MESSAGE - 1, MESSAGE, sizeof MESSAGE - 1);
  return stream;
}

/* A stream of a session that begins early. */
G_GNUC_UNUSED static Lp2pMuxerStream *
start_early (Fixture *self)
{
  dial (self, &self->client.libp2p, TRUE);
  g_assert_cmpint (get_state (&self->client), ==, LP2P_SESSION_EARLY);
  return send_message (&self->client);
}

/* The server takes what such a session sends. */
G_GNUC_UNUSED static void
check_taken_early (Fixture *self)
{
  start_early (self);
  receive_message (self, &self->server);
  g_assert_cmpint (get_state (&self->server), ==, LP2P_SESSION_EARLY);
}

/* It was refused, and another does what it should have done. */
G_GNUC_UNUSED static void
check_refused (Fixture *self, Lp2pMuxerStream *stream)
{
  Lp2pMuxerSession *session;
  char byte;
  GInputVector input = { &byte, 1 };
  GOutputVector output = { &byte, 1 };

  test_until (self->world, is_ready (&self->client) && is_ready (&self->server));
  session = self->client.session;
  g_assert_cmpuint (self->client.n_rejected, ==, 1);
  g_assert_cmpuint (self->client.n_ready, ==, 1);
  g_assert_null (self->server.session->klass->accept (self->server.session));
  g_assert_cmpint (session->klass->stream_readv (session, stream, &input, 1), ==, LP2P_IO_FAILED);
  g_assert_cmpint (session->klass->stream_writev (session, stream, &output, 1), ==, LP2P_IO_FAILED);
  session->klass->stream_release (session, stream);
  check_peers (self);

  send_message (&self->client);
  receive_message (self, &self->server);
}

G_GNUC_UNUSED static void
restart_server (Fixture *self, Lp2pIdentity *identity)
{
  side_stop (&self->server);
  side_start (&self->server, self->world, identity);
  side_listen (self, &self->server);
}
