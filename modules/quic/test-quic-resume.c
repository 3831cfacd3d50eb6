/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sessions that are resumed, and what must not come of it. */

#include <dlfcn.h>

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

/* A client that does not know what QUIC does to TLS, and what servers know of it. */
static unsigned hidden_flags;
static unsigned server_flags;

int
gnutls_init (gnutls_session_t *session, unsigned flags)
{
  static int (*original) (gnutls_session_t *session, unsigned flags);

  if (original == NULL)
    original = (int (*) (gnutls_session_t *, unsigned)) dlsym (RTLD_NEXT, "gnutls_init");
  if ((flags & GNUTLS_SERVER) != 0)
    server_flags = flags;
  return original (session, (flags & GNUTLS_CLIENT) != 0 ? flags & ~hidden_flags : flags);
}

/* Sides */

static void
on_rejected (Lp2pMuxerSession *session, gpointer user_data)
{
  ((Side *) user_data)->n_rejected++;
}

static void
on_ready (Lp2pMuxerSession *session, gpointer user_data)
{
  ((Side *) user_data)->n_ready++;
}

static void
on_closed (Lp2pMuxerSession *session, gpointer user_data)
{
  ((Side *) user_data)->n_closed++;
}

static const Lp2pMuxerEvents session_events = {
  .early_rejected = on_rejected,
  .ready = on_ready,
  .closed = on_closed,
};

static void
take_connection (Side *self, Lp2pQuicConnection *connection)
{
  g_assert_null (self->session);
  self->n_sessions++;
  self->connection = connection;
  self->session = lp2p_quic_session_new (connection);
  lp2p_muxer_session_set_events (self->session, &session_events, self);
}

static void
on_accepted (Lp2pQuicConnection *connection, gpointer user_data)
{
  Side *self = user_data;

  take_connection (self, connection);
}

static void
on_dialed (Lp2pQuicConnection *connection, const GError *error, gpointer user_data)
{
  Side *self = user_data;

  if (connection != NULL)
    take_connection (self, connection);
  else
    self->error = g_error_copy (error);
}

static void
ignore_addresses (gpointer user_data)
{
}

static void
ignore_failure (const GError *error, gpointer user_data)
{
}

static const Lp2pQuicListenerEvents listener_events = { on_accepted, ignore_addresses, ignore_failure };

static void
make_credentials (Side *self)
{
  g_clear_pointer (&self->credentials, lp2p_quic_credentials_free);
  self->credentials = lp2p_quic_credentials_new (LP2P_CONTEXT (self->context));
  self->libp2p.data = self->h3.data = self->credentials;
}

static void
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

static void
side_hang_up (Side *self)
{
  g_clear_pointer (&self->session, lp2p_muxer_session_free);
  g_clear_error (&self->error);
  self->n_sessions = self->n_ready = self->n_rejected = self->n_closed = 0;
}

static void
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

static Lp2pPeerId *
get_peer (Side *self)
{
  return lp2p_identity_get_peer_id (self->context->identity);
}

static GSocketAddress *
loopback (guint16 port)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);

  return g_inet_socket_address_new (address, port);
}

static guint16
get_port (Side *self)
{
  GPtrArray *addresses = lp2p_quic_listener_get_addresses (self->listeners[0]);
  g_autofree char *port = lp2p_multiaddr_get_component_string (g_ptr_array_index (addresses, 0), 1);

  return g_ascii_strtoull (port, NULL, 10);
}

static void
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

static void
set_up (Fixture *self, gconstpointer data)
{
  self->world = test_world_new (TRUE);
  self->world->ticking = TRUE;
  self->wire = test_wire_new (self->world);
  side_start (&self->client, self->world, NULL);
  side_start (&self->server, self->world, NULL);
  side_listen (self, &self->server);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  side_stop (&self->client);
  side_stop (&self->server);
  test_wire_free (self->wire);
  test_world_free (self->world);
  hidden_flags = 0;
}

/* Connecting */

static void
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

static void
dial (Fixture *self, const Lp2pQuicProtocol *protocol, gboolean early)
{
  dial_port (self, protocol, early, test_wire_get_port (self->wire));
}

static Lp2pSessionState
get_state (Side *self)
{
  return self->session->klass->get_state (self->session);
}

static gboolean
is_ready (Side *self)
{
  return self->session != NULL && get_state (self) == LP2P_SESSION_READY;
}

static GBytes *
get_entry (Fixture *self, const char *key)
{
  return lp2p_context_get_peer_data (LP2P_CONTEXT (self->client.context), get_peer (&self->server), "quic-engine", key);
}

static void
set_entry (Fixture *self, const char *key, GBytes *entry)
{
  lp2p_context_set_peer_data (LP2P_CONTEXT (self->client.context), get_peer (&self->server), "quic-engine", key, entry,
                              1000, LP2P_PEER_DATA_SECRET);
}

static gboolean
has_entry (Fixture *self, const char *key)
{
  g_autoptr (GBytes) entry = get_entry (self, key);

  return entry != NULL;
}

/* Both forget the connection, but not the ticket. The last packet stays for a while. */
static void
hang_up (Fixture *self)
{
  side_hang_up (&self->client);
  side_hang_up (&self->server);
  test_world_advance (self->world, 5 * G_USEC_PER_SEC);
  g_assert_cmpuint (self->server.n_sessions, ==, 0);
}

static void
become_acquainted_by (Fixture *self, const Lp2pQuicProtocol *protocol)
{
  g_autofree char *key = g_strconcat ("ticket ", protocol->alpn, NULL);

  dial (self, protocol, FALSE);
  test_until (self->world, is_ready (&self->server) && has_entry (self, key));
  hang_up (self);
}

static void
become_acquainted (Fixture *self)
{
  become_acquainted_by (self, &self->client.libp2p);
}

static void
check_peers (Fixture *self)
{
  g_assert_true (lp2p_peer_id_matches_public_key (get_peer (&self->client), self->server.connection->remote_key));
  g_assert_true (lp2p_peer_id_matches_public_key (get_peer (&self->server), self->client.connection->remote_key));
}

static gboolean
is_resumed (Side *self)
{
  return gnutls_session_is_resumed (self->connection->tls) != 0;
}

/* Streams */

static Lp2pMuxerStream *
send_message (Side *self)
{
  GOutputVector vector = { MESSAGE, sizeof MESSAGE - 1 };
  Lp2pMuxerStream *stream = NULL;

  g_assert_cmpint (self->session->klass->open (self->session, &stream), ==, 0);
  g_assert_cmpint (self->session->klass->stream_writev (self->session, stream, &vector, 1), ==, vector.size);
  return stream;
}

static Lp2pMuxerStream *
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
static Lp2pMuxerStream *
start_early (Fixture *self)
{
  dial (self, &self->client.libp2p, TRUE);
  g_assert_cmpint (get_state (&self->client), ==, LP2P_SESSION_EARLY);
  return send_message (&self->client);
}

/* It was refused, and another does what it should have done. */
static void
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

/* Tests */

static void
test_accepted (Fixture *self, gconstpointer data)
{
  become_acquainted (self);
  start_early (self);
  g_assert_false (has_entry (self, "ticket libp2p"));
  receive_message (self, &self->server);
  g_assert_cmpint (get_state (&self->server), ==, LP2P_SESSION_EARLY);
  check_peers (self);
  g_assert_cmpint (self->server.context->n_half_open, ==, 1);

  test_until (self->world, is_ready (&self->server));
  g_assert_cmpint (self->server.context->n_half_open, ==, 0);
  g_assert_true (is_ready (&self->client));
  g_assert_true (is_resumed (&self->client));
  g_assert_cmpuint (self->client.n_rejected, ==, 0);
  check_peers (self);
  /* The next time again, though no certificate was shown this time. */
  test_until (self->world, has_entry (self, "ticket libp2p"));
  hang_up (self);
  start_early (self);
  receive_message (self, &self->server);
  g_assert_cmpint (get_state (&self->server), ==, LP2P_SESSION_EARLY);
  check_peers (self);
}

/* All that leaves first is lost. */
static void
test_lost (Fixture *self, gconstpointer data)
{
  become_acquainted (self);
  test_wire_set_deaf (self->wire, TRUE);
  start_early (self);
  test_world_settle (self->world);
  test_wire_set_deaf (self->wire, FALSE);
  receive_message (self, &self->server);
  check_peers (self);
  test_until (self->world, is_ready (&self->client) && is_ready (&self->server));
  g_assert_cmpuint (self->client.n_rejected, ==, 0);
}

/* Whoever has to prove its address first sends the same once more. */
static void
test_retried (Fixture *self, gconstpointer data)
{
  become_acquainted (self);
  self->server.context->validate_from = 0;
  start_early (self);
  receive_message (self, &self->server);
  check_peers (self);
  test_until (self->world, is_ready (&self->client) && is_ready (&self->server));
  g_assert_cmpuint (self->client.n_rejected, ==, 0);
  g_assert_true (is_resumed (&self->client));
}

/* Sent and closed before anything was answered. */
static void
test_closed (Fixture *self, gconstpointer data)
{
  Lp2pMuxerSession *session;
  Lp2pMuxerStream *stream;

  become_acquainted (self);
  stream = start_early (self);
  session = self->client.session;
  session->klass->stream_shutdown_write (session, stream);
  session->klass->close (session, 0, "");
  g_assert_cmpint (get_state (&self->client), ==, LP2P_SESSION_CLOSING);
  receive_message (self, &self->server);
  test_until (self->world, self->client.n_closed == 1 && self->server.n_closed == 1);
  g_assert_cmpuint (self->client.n_ready, ==, 0);
  g_assert_null (session->klass->get_error (session, NULL));
}

/* What is sent early by somebody who closes at once is not lost without a word. */

static void
restart_server (Fixture *self, Lp2pIdentity *identity)
{
  side_stop (&self->server);
  side_start (&self->server, self->world, identity);
  side_listen (self, &self->server);
}

static void
take_no_early_data (Fixture *self)
{
  g_autoptr (Lp2pIdentity) identity = g_object_ref (self->server.context->identity);

  restart_server (self, identity);
}

static void
be_another_peer (Fixture *self)
{
  restart_server (self, NULL);
}

static void
refuse_all (Fixture *self)
{
  self->server.context->refuse = TRUE;
}

static void
fall_silent (Fixture *self)
{
  test_wire_set_deaf (self->wire, TRUE);
}

/* As soon as it has somebody, who is not verified yet. */
static void
hang_up_at_once (Fixture *self)
{
  test_until (self->world, self->server.session != NULL);
  side_hang_up (&self->server);
}

/* How the server treats it, and the error that this is. */
typedef struct
{
  void (*treat) (Fixture *self);
  int code; /* of Lp2pError, or -1 for one of GIO */
} Refusal;

static const Refusal no_early_data = { take_no_early_data, LP2P_ERROR_CONNECTION_LOST };
static const Refusal another_peer = { be_another_peer, LP2P_ERROR_WRONG_PEER };
static const Refusal refused = { refuse_all, -1 };
static const Refusal silent = { fall_silent, LP2P_ERROR_CONNECTION_LOST };
static const Refusal hung_up = { hang_up_at_once, LP2P_ERROR_CONNECTION_LOST };

static void
test_closed_lost (Fixture *self, gconstpointer data)
{
  const Refusal *refusal = data;
  Lp2pMuxerSession *session;
  Lp2pMuxerStream *stream;

  become_acquainted (self);
  stream = start_early (self);
  session = self->client.session;
  session->klass->stream_shutdown_write (session, stream);
  session->klass->close (session, 0, "");
  refusal->treat (self);
  for (guint i = 0; i < 100 && self->client.n_closed == 0; i++)
    test_world_advance (self->world, 100 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpuint (self->client.n_closed, ==, 1);
  if (refusal->code >= 0)
    g_assert_error (session->klass->get_error (session, NULL), LP2P_ERROR, refusal->code);
  else
    g_assert_error (session->klass->get_error (session, NULL), G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  test_world_advance (self->world, G_USEC_PER_SEC);
  if (self->server.session != NULL)
    g_assert_null (self->server.session->klass->accept (self->server.session));
}

/* A server that has sent all that it may to an address which nobody has shown to be theirs. */
static void
test_closed_unanswered (Fixture *self, gconstpointer data)
{
  static const guint8 answer[20000];
  GOutputVector vector = { answer, sizeof answer };
  Lp2pMuxerSession *session;
  Lp2pMuxerStream *stream;

  become_acquainted (self);
  start_early (self);
  stream = receive_message (self, &self->server);
  test_wire_set_deaf (self->wire, TRUE);
  session = self->server.session;
  g_assert_cmpint (get_state (&self->server), ==, LP2P_SESSION_EARLY);
  g_assert_cmpint (session->klass->stream_writev (session, stream, &vector, 1), ==, sizeof answer);
  session->klass->close (session, 0, "");
  test_world_advance (self->world, 8 * G_USEC_PER_SEC);
  g_assert_cmpuint (self->server.n_closed, ==, 1);
}

/* Somebody who resumes, but remembers too much already to take early data. */
static void
test_resumed_refused (Fixture *self, gconstpointer data)
{
  Lp2pMuxerStream *stream;

  become_acquainted (self);
  for (guint i = 0; i < LP2P_QUIC_REPLAY_MAX; i++)
    {
      gnutls_datum_t key = { (guint8 *) &i, sizeof i };

      lp2p_quic_replay_add (self->server.engine->replay, G_MAXINT32, &key, NULL);
    }
  stream = start_early (self);
  check_refused (self, stream);
  g_assert_true (is_resumed (&self->client));
}

/* The same peer, with other keys for its tickets. */
static void
test_restarted (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pIdentity) identity = g_object_ref (self->server.context->identity);
  Lp2pMuxerStream *stream;

  become_acquainted (self);
  restart_server (self, identity);
  stream = start_early (self);
  check_refused (self, stream);
  g_assert_false (is_resumed (&self->client));
}

/* Less than before is allowed. */
static void
test_shrunk (Fixture *self, gconstpointer data)
{
  Lp2pMuxerStream *stream;

  become_acquainted (self);
  self->server.libp2p.options.max_streams--;
  stream = start_early (self);
  check_refused (self, stream);
  g_assert_false (is_resumed (&self->client));
}

/* Somebody else is there. */
static void
test_other_peer (Fixture *self, gconstpointer data)
{
  const GError *error;

  become_acquainted (self);
  start_early (self);
  restart_server (self, NULL);
  test_until (self->world, self->client.n_closed == 1);
  error = self->client.session->klass->get_error (self->client.session, NULL);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_WRONG_PEER);
  g_assert_cmpuint (self->client.n_ready, ==, 0);
  test_world_advance (self->world, G_USEC_PER_SEC);
  /* It may have taken us for ready, but nothing was sent to it. */
  if (self->server.session != NULL)
    g_assert_null (self->server.session->klass->accept (self->server.session));
}

/* A session would go on under the identity that it began with. */
static void
test_changed_identity (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pIdentity) other = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);

  become_acquainted (self);
  g_set_object (&self->client.context->identity, other);
  make_credentials (&self->client);
  dial (self, &self->client.libp2p, TRUE);
  g_assert_true (is_ready (&self->client));
  g_assert_false (is_resumed (&self->client));
  g_assert_cmpuint (self->client.n_rejected, ==, 0);
  test_until (self->world, is_ready (&self->server));
  check_peers (self);
}

/* Who starts again knows what it has kept: here, in somebody else's memory. */
static void
test_started_again (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pIdentity) identity = g_object_ref (self->client.context->identity);
  g_autoptr (GBytes) entry = NULL;

  become_acquainted (self);
  entry = get_entry (self, "ticket libp2p");
  side_stop (&self->client);
  side_start (&self->client, self->world, identity);
  set_entry (self, "ticket libp2p", entry);
  start_early (self);
  receive_message (self, &self->server);
  g_assert_cmpint (get_state (&self->server), ==, LP2P_SESSION_EARLY);
  check_peers (self);
}

/* What is sent early goes only where the peer was last. */
static void
test_other_address (Fixture *self, gconstpointer data)
{
  become_acquainted (self);
  dial_port (self, &self->client.libp2p, TRUE, get_port (&self->server));
  g_assert_true (is_ready (&self->client));
  g_assert_false (is_resumed (&self->client));
  test_until (self->world, is_ready (&self->server));
}

static void
test_broken_entry (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) good = NULL;
  gsize size;
  const guint8 *bytes;

  become_acquainted (self);
  good = get_entry (self, "ticket libp2p");
  bytes = g_bytes_get_data (good, &size);
  for (guint i = 0; i < 4; i++)
    {
      g_autofree guint8 *copy = g_memdup2 (bytes, size);
      gsize cut = i == 0 ? 0 : i == 1 ? size / 2 : size;
      g_autoptr (GBytes) broken = NULL;

      if (i >= 2)
        copy[i == 2 ? size - 1 : size / 2] ^= 1;
      broken = g_bytes_new (copy, cut);
      set_entry (self, "ticket libp2p", broken);
      dial (self, &self->client.libp2p, TRUE);
      g_assert_true (is_ready (&self->client));
      g_assert_false (is_resumed (&self->client));
      test_until (self->world, is_ready (&self->server) && has_entry (self, "ticket libp2p"));
      hang_up (self);
    }
}

/* Recorded packets */

static int
take_all (void *data, time_t expires, const gnutls_datum_t *key, const gnutls_datum_t *value)
{
  return 0;
}

static void
test_replayed (Fixture *self, gconstpointer control)
{
  guint n_begun;

  become_acquainted (self);
  test_wire_record (self->wire);
  start_early (self);
  receive_message (self, &self->server);
  test_wire_set_deaf (self->wire, TRUE);
  hang_up (self);
  n_begun = self->server.context->n_begun;
  if (control != NULL)
    gnutls_anti_replay_set_add_function (lp2p_quic_replay_get (self->server.engine->replay), take_all);

  test_wire_replay (self->wire);
  test_until (self->world, test_wire_get_n_replayed_answers (self->wire) > 0);
  test_world_settle (self->world);
  g_assert_cmpuint (self->server.context->n_begun, ==, n_begun + 1);
  /* Without it, the message would be there twice. */
  if (control != NULL)
    receive_message (self, &self->server);
  else
    g_assert_cmpuint (self->server.n_sessions, ==, 0);
  /* The handshake never ends. */
  test_world_advance (self->world, 15 * G_USEC_PER_SEC);
  g_assert_cmpuint (self->server.n_ready, ==, 0);
  g_assert_cmpuint (self->server.n_closed, ==, control != NULL ? 1 : 0);
  if (self->server.session != NULL)
    g_assert_null (self->server.session->klass->accept (self->server.session));
}

/* Tickets of a protocol in which clients have no certificate */

/* What was kept of one protocol becomes an entry of another. */
static void
pass_off (Fixture *self, const char *from, const char *to)
{
  g_autofree char *key = g_strconcat ("ticket ", from, NULL);
  g_autofree char *forged_key = g_strconcat ("ticket ", to, NULL);
  g_autoptr (GBytes) entry = get_entry (self, key);
  g_autoptr (GBytes) forged = NULL;
  Lp2pQuicTicketOwner owner = {
    .own_peer = lp2p_peer_id_get_string (get_peer (&self->client)),
    .remote_peer = lp2p_peer_id_get_string (get_peer (&self->server)),
    .alpn = to,
    .secret = self->client.engine->kept_secret,
    .secret_size = sizeof self->client.engine->kept_secret,
  };
  Lp2pQuicTicket ticket;

  g_assert_true (lp2p_quic_ticket_decode (g_bytes_get_data (entry, NULL), g_bytes_get_size (entry), &ticket));
  forged = lp2p_quic_ticket_encode (&owner, ticket.parts);
  set_entry (self, forged_key, forged);
}

static void
test_confused (Fixture *self, gconstpointer data)
{
  Lp2pMuxerStream *stream;

  become_acquainted_by (self, &self->client.h3);
  pass_off (self, "h3", "libp2p");
  stream = start_early (self);
  check_refused (self, stream);
  g_assert_false (is_resumed (&self->client));
}

/* Who is known as libp2p knows him is nobody to a protocol that asks no one. */
static void
test_confused_other_way (Fixture *self, gconstpointer data)
{
  become_acquainted (self);
  pass_off (self, "libp2p", "h3");
  dial (self, &self->client.h3, TRUE);
  g_assert_cmpint (get_state (&self->client), ==, LP2P_SESSION_EARLY);
  send_message (&self->client);
  test_until (self->world, is_ready (&self->client) && is_ready (&self->server));
  g_assert_cmpuint (self->client.n_rejected, ==, 1);
  g_assert_false (is_resumed (&self->client));
  g_assert_null (self->server.connection->remote_key);
  g_assert_null (self->server.session->klass->accept (self->server.session));
}

/* Were the keys the same, the certificate would still be missed. */
static void
test_no_certificate (Fixture *self, gconstpointer data)
{
  ngtcp2_transport_params params;
  const gnutls_datum_t *h3;
  const gnutls_datum_t *libp2p;

  lp2p_quic_make_params (&self->server.h3.options, &params);
  become_acquainted_by (self, &self->client.h3);
  h3 = lp2p_quic_ticket_keys_get (self->server.engine->ticket_keys, "h3", &params);
  libp2p = lp2p_quic_ticket_keys_get (self->server.engine->ticket_keys, "libp2p", &params);
  g_assert_cmpuint (h3->size, ==, libp2p->size);
  for (guint i = 0; i < h3->size; i++)
    libp2p->data[i] = h3->data[i];
  pass_off (self, "h3", "libp2p");
  start_early (self);
  test_until (self->world, self->client.n_closed == 1);
  g_assert_cmpuint (self->server.n_sessions, ==, 0);
  test_world_advance (self->world, G_USEC_PER_SEC);
  g_assert_cmpuint (self->server.n_sessions, ==, 0);
}

/* A message of TLS that QUIC has not, after which a server that expects it waits. */
static void
test_end_of_early_data (Fixture *self, gconstpointer data)
{
  become_acquainted (self);
  /* A server without this ends its process with the first early bytes. */
  g_assert_true (server_flags & GNUTLS_NO_END_OF_EARLY_DATA);
  hidden_flags = GNUTLS_NO_END_OF_EARLY_DATA;
  start_early (self);
  test_until (self->world, self->client.n_closed == 1);
  hidden_flags = 0;
  hang_up (self);
  dial (self, &self->client.libp2p, TRUE);
  g_assert_true (is_ready (&self->client));
  test_until (self->world, is_ready (&self->server));
  check_peers (self);
}

/* With a protocol that does not resume there are no tickets. */
static void
test_off (Fixture *self, gconstpointer data)
{
  self->server.libp2p.resumes = FALSE;
  dial (self, &self->client.libp2p, TRUE);
  test_until (self->world, is_ready (&self->server));
  test_world_advance (self->world, G_USEC_PER_SEC);
  g_assert_false (has_entry (self, "ticket libp2p"));
}

/* A server that gives tickets without end: some are kept. */
static void
test_many_tickets (Fixture *self, gconstpointer data)
{
  guint n_kept = 0;

  dial (self, &self->client.libp2p, FALSE);
  test_until (self->world, is_ready (&self->server) && has_entry (self, "ticket libp2p"));
  for (guint i = 0; i < 50; i++)
    {
      set_entry (self, "ticket libp2p", NULL);
      g_assert_cmpint (gnutls_session_ticket_send (self->server.connection->tls, 1, 0), ==, 0);
      lp2p_quic_connection_want_output (self->server.connection);
      test_world_advance (self->world, 100 * G_TIME_SPAN_MILLISECOND);
      n_kept += has_entry (self, "ticket libp2p");
    }
  g_assert_cmpuint (n_kept, >, 0);
  g_assert_cmpuint (n_kept, <, 16);
  g_assert_true (is_ready (&self->client));
}

#define ADD(name, data, function) g_test_add ("/quic-resume/" name, Fixture, data, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("accepted", NULL, test_accepted);
  ADD ("lost", NULL, test_lost);
  ADD ("retried", NULL, test_retried);
  ADD ("closed", NULL, test_closed);
  ADD ("closed-without-early-data", &no_early_data, test_closed_lost);
  ADD ("closed-other-peer", &another_peer, test_closed_lost);
  ADD ("closed-refused", &refused, test_closed_lost);
  ADD ("closed-silent", &silent, test_closed_lost);
  ADD ("closed-at-once", &hung_up, test_closed_lost);
  ADD ("closed-unanswered", NULL, test_closed_unanswered);
  ADD ("resumed-refused", NULL, test_resumed_refused);
  ADD ("restarted", NULL, test_restarted);
  ADD ("shrunk", NULL, test_shrunk);
  ADD ("other-peer", NULL, test_other_peer);
  ADD ("changed-identity", NULL, test_changed_identity);
  ADD ("started-again", NULL, test_started_again);
  ADD ("other-address", NULL, test_other_address);
  ADD ("broken-entry", NULL, test_broken_entry);
  ADD ("replayed", NULL, test_replayed);
  ADD ("replayed-control", "control", test_replayed);
  ADD ("confused-protocols", NULL, test_confused);
  ADD ("confused-protocols-other-way", NULL, test_confused_other_way);
  ADD ("no-certificate", NULL, test_no_certificate);
  ADD ("end-of-early-data", NULL, test_end_of_early_data);
  ADD ("off", NULL, test_off);
  ADD ("many-tickets", NULL, test_many_tickets);

  return g_test_run ();
}
