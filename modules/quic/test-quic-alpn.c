/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two protocols on one port: libp2p, and one that is as HTTP/3 is. It has a certificate of
 * its own and asks for none, limits of its own, streams in one direction, and a server
 * that speaks first. */

#include "lp2p-quic-credentials.h"
#include "lp2p-quic-private.h"
#include "quic-stranger.h"
#include "test-context.h"
#include "test-wire.h"
#include "tls-foreign-certificate.h"

typedef struct
{
  TestContext *context;
  Lp2pQuicEngine *engine;
  Lp2pQuicCredentials *credentials;
  gnutls_certificate_credentials_t other_credentials;
  Lp2pQuicProtocol protocols[2];
  Lp2pQuicListener *listeners[2];
  Lp2pQuicConnection *dialed;     /* lent, until that is over */
  Lp2pQuicConnection *connection; /* the last */
  int accepted_by;                /* the index of its protocol */
  gint64 handed_out_at;
  GError *error;
  guint n_can_open;
  guint n_rejected;
  guint n_ready;
  guint n_closed;
  GPtrArray *datagrams;
} Side;

typedef struct
{
  TestWorld *world;
  TestWire *wire;
  Side client;
  Side server;
} Fixture;

enum
{
  LIBP2P,
  OTHER,
};

/* What a connection tells */

static gsize
take_nothing (Lp2pQuicStream *stream, const guint8 *data, gsize size, gpointer user_data)
{
  return 0;
}

static void
ignore_stream (Lp2pQuicStream *stream, Lp2pReady ready, gpointer user_data)
{
}

static void
ignore (gpointer user_data)
{
}

static void
on_can_open (gpointer user_data)
{
  ((Side *) user_data)->n_can_open++;
}

static void
on_rejected (gpointer user_data)
{
  ((Side *) user_data)->n_rejected++;
}

static void
on_ready (gpointer user_data)
{
  ((Side *) user_data)->n_ready++;
}

static void
on_closed (gpointer user_data)
{
  ((Side *) user_data)->n_closed++;
}

static void
on_datagram (const guint8 *data, gsize size, gpointer user_data)
{
  g_ptr_array_add (((Side *) user_data)->datagrams, g_bytes_new (data, size));
}

static const Lp2pQuicEvents events = {
  .stream_input = take_nothing,
  .stream_ready = ignore_stream,
  .incoming = ignore,
  .withdrawn = ignore,
  .can_open = on_can_open,
  .early_rejected = on_rejected,
  .ready = on_ready,
  .closing = ignore,
  .path_changed = ignore,
  .closed = on_closed,
  .datagram = on_datagram,
  .datagrams_writable = ignore,
};

static void
take_connection (Side *self, Lp2pQuicConnection *connection)
{
  g_assert_null (self->connection);
  self->connection = connection;
  self->handed_out_at = self->context->world->now;
  lp2p_quic_connection_set_events (connection, &events, self);
}

static void
on_dialed (Lp2pQuicConnection *connection, const GError *error, gpointer user_data)
{
  Side *self = user_data;

  self->dialed = NULL;
  if (connection != NULL)
    take_connection (self, connection);
  else
    self->error = g_error_copy (error);
}

static void
on_accepted (Side *self, Lp2pQuicConnection *connection, int protocol)
{
  self->accepted_by = protocol;
  take_connection (self, connection);
}

static void
on_accepted_libp2p (Lp2pQuicConnection *connection, gpointer user_data)
{
  on_accepted (user_data, connection, LIBP2P);
}

static void
on_accepted_other (Lp2pQuicConnection *connection, gpointer user_data)
{
  on_accepted (user_data, connection, OTHER);
}

static void
ignore_failure (const GError *error, gpointer user_data)
{
}

static const Lp2pQuicListenerEvents listener_events[] = {
  { on_accepted_libp2p, ignore, ignore_failure },
  { on_accepted_other, ignore, ignore_failure },
};

/* Sides */

static gnutls_certificate_credentials_t
get_other_credentials (gpointer data, GError **error)
{
  return ((Side *) data)->other_credentials;
}

static void
side_start (Side *self, TestWorld *world, gboolean server)
{
  const TlsForeignCertificate shown = { .extension = TLS_FOREIGN_MISSING, .no_certificate = !server };
  Lp2pQuicProtocol *other = &self->protocols[OTHER];

  self->context = test_context_new (world);
  self->engine = lp2p_quic_engine_get (LP2P_CONTEXT (self->context), NULL);
  self->credentials = lp2p_quic_credentials_new (LP2P_CONTEXT (self->context));
  self->other_credentials =
      tls_foreign_credentials_new (self->context->identity, lp2p_loop_real_time (world->loop) / G_USEC_PER_SEC, &shown);
  self->datagrams = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  self->protocols[LIBP2P] = (Lp2pQuicProtocol){
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
    .data = self->credentials,
  };
  *other = (Lp2pQuicProtocol){
    .alpn = "other",
    .suffix = "/quic-v1",
    .transport = "other",
    .answers_early = TRUE,
    .options = { .idle_timeout = 20 * G_USEC_PER_SEC,
                 .handshake_timeout = 5 * G_USEC_PER_SEC,
                 .stream_window = 64 * 1024,
                 .window = 512 * 1024,
                 .max_streams = 7,
                 .max_uni_streams = 3 },
    .get_credentials = get_other_credentials,
    .data = self,
  };
}

static void
side_hang_up (Side *self)
{
  g_clear_pointer (&self->dialed, lp2p_quic_connection_cancel);
  g_clear_pointer (&self->connection, lp2p_quic_connection_release);
  g_clear_error (&self->error);
  g_ptr_array_set_size (self->datagrams, 0);
  self->n_can_open = self->n_rejected = self->n_ready = self->n_closed = 0;
}

static void
side_stop (Side *self)
{
  side_hang_up (self);
  for (guint i = 0; i < G_N_ELEMENTS (self->listeners); i++)
    g_clear_pointer (&self->listeners[i], lp2p_quic_listener_close);
  for (guint i = 0; i < G_N_ELEMENTS (self->protocols); i++)
    lp2p_quic_engine_stop (self->engine, &self->protocols[i]);
  lp2p_quic_engine_unref (self->engine);
  lp2p_quic_credentials_free (self->credentials);
  gnutls_certificate_free_credentials (self->other_credentials);
  g_ptr_array_unref (self->datagrams);
  g_assert_cmpint (self->context->n_half_open, ==, 0);
  g_clear_object (&self->context);
}

static GSocketAddress *
loopback (guint16 port)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);

  return g_inet_socket_address_new (address, port);
}

static guint16
get_port (Lp2pQuicListener *listener)
{
  GPtrArray *addresses = lp2p_quic_listener_get_addresses (listener);
  g_autofree char *port = lp2p_multiaddr_get_component_string (g_ptr_array_index (addresses, 0), 1);

  return g_ascii_strtoull (port, NULL, 10);
}

/* @first: the protocol that listens first, whose options are those of nobody else */
static void
side_listen (Side *self, int first)
{
  for (guint i = 0; i < 2; i++)
    {
      int protocol = (first + i) % 2;
      g_autoptr (GSocketAddress) address = loopback (i == 0 ? 0 : get_port (self->listeners[first]));
      g_autoptr (GError) error = NULL;

      self->listeners[protocol] = lp2p_quic_engine_listen (self->engine, &self->protocols[protocol], address,
                                                           &listener_events[protocol], self, &error);
      g_assert_no_error (error);
    }
}

static void
set_up (Fixture *self, gconstpointer first)
{
  self->world = test_world_new (TRUE);
  self->world->ticking = TRUE;
  self->wire = test_wire_new (self->world);
  side_start (&self->client, self->world, FALSE);
  side_start (&self->server, self->world, TRUE);
  side_listen (&self->server, GPOINTER_TO_INT (first));
  test_wire_set_server (self->wire, get_port (self->server.listeners[LIBP2P]));
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  side_stop (&self->client);
  side_stop (&self->server);
  test_wire_free (self->wire);
  test_world_free (self->world);
}

/* Connecting */

static void
start_dial (Fixture *self, const Lp2pQuicProtocol *protocol, gboolean early)
{
  g_autoptr (GSocketAddress) address = loopback (test_wire_get_port (self->wire));
  Lp2pQuicDialOptions options = {
    .expected_peer = lp2p_identity_get_peer_id (self->server.context->identity), .early_data = early
  };
  g_autoptr (GError) error = NULL;

  self->client.dialed =
      lp2p_quic_engine_dial (self->client.engine, protocol, address, &options, on_dialed, &self->client, &error);
  g_assert_no_error (error);
}

static gboolean
is_ready (Side *self)
{
  return self->connection != NULL && lp2p_quic_connection_get_state (self->connection) == LP2P_SESSION_READY;
}

static void
establish (Fixture *self, int protocol)
{
  start_dial (self, &self->client.protocols[protocol], FALSE);
  test_until (self->world, is_ready (&self->client) && is_ready (&self->server));
  g_assert_cmpint (self->server.accepted_by, ==, protocol);
}

static void
hang_up (Fixture *self)
{
  side_hang_up (&self->client);
  side_hang_up (&self->server);
  test_world_advance (self->world, 5 * G_USEC_PER_SEC);
}

/* Streams */

static Lp2pQuicStream *
open_stream (Side *self, gboolean one_way)
{
  Lp2pQuicStream *stream = NULL;

  g_assert_cmpint (lp2p_quic_stream_open (self->connection, one_way, &stream), ==, 0);
  g_assert_cmpint (lp2p_quic_stream_is_one_way (stream), ==, one_way);
  return stream;
}

static void
write_bytes (Lp2pQuicStream *stream, gsize size)
{
  g_autofree guint8 *data = g_malloc (size);
  GOutputVector vector = { data, size };

  test_fill_pattern (data, size, 0);
  g_assert_cmpint (lp2p_quic_stream_writev (stream, &vector, 1), ==, size);
}

static Lp2pQuicStream *
accept_stream (Fixture *self, Side *side)
{
  Lp2pQuicStream *stream = NULL;

  test_until (self->world, (stream = lp2p_quic_stream_accept (side->connection)) != NULL);
  return stream;
}

static void
expect_bytes (Fixture *self, Lp2pQuicStream *stream, gsize size)
{
  g_autofree guint8 *data = g_malloc (size + 1);
  gsize seen = 0;

  while (seen < size)
    {
      GInputVector vector = { data + seen, size + 1 - seen };
      gssize n = LP2P_IO_AGAIN;

      test_until (self->world, (n = lp2p_quic_stream_readv (stream, &vector, 1)) != LP2P_IO_AGAIN);
      g_assert_cmpint (n, >, 0);
      seen += n;
    }
  g_assert_cmpuint (seen, ==, size);
  test_assert_pattern (data, size, 0);
}

static void
expect_end (Fixture *self, Lp2pQuicStream *stream)
{
  guint8 byte;
  GInputVector vector = { &byte, 1 };
  gssize n = LP2P_IO_AGAIN;

  test_until (self->world, (n = lp2p_quic_stream_readv (stream, &vector, 1)) != LP2P_IO_AGAIN);
  g_assert_cmpint (n, ==, 0);
}

/* Tests */

static const ngtcp2_transport_params *
get_remote_params (Side *self)
{
  return ngtcp2_conn_get_remote_transport_params (self->connection->conn);
}

static void
check_params (Side *self, const Lp2pQuicOptions *options)
{
  const ngtcp2_transport_params *params = get_remote_params (self);

  g_assert_cmpuint (params->initial_max_streams_bidi, ==, options->max_streams);
  g_assert_cmpuint (params->initial_max_streams_uni, ==, options->max_uni_streams);
  g_assert_cmpuint (params->initial_max_data, ==, MIN (options->window, LP2P_QUIC_INITIAL_WINDOW));
  g_assert_cmpuint (params->initial_max_stream_data_bidi_remote, ==, MIN (options->stream_window, 256 * 1024));
  g_assert_cmpuint (params->max_idle_timeout, ==, LP2P_QUIC_TIME (options->idle_timeout));
}

/* What each shows and asks for is its own, whoever listened first. */
static void
test_side_by_side (Fixture *self, gconstpointer data)
{
  for (int i = 0; i < 4; i++)
    {
      int protocol = i % 2;
      g_autoptr (GBytes) of_server = NULL;
      g_autoptr (GBytes) of_client = NULL;

      establish (self, protocol);
      check_params (&self->client, &self->server.protocols[protocol].options);
      check_params (&self->server, &self->client.protocols[protocol].options);
      of_server = lp2p_quic_connection_dup_certificate (self->client.connection);
      of_client = lp2p_quic_connection_dup_certificate (self->server.connection);
      g_assert_nonnull (of_server);
      g_assert_cmpint (of_client != NULL, ==, protocol == LIBP2P);
      g_assert_cmpint (lp2p_quic_connection_get_remote_key (self->client.connection) != NULL, ==, protocol == LIBP2P);
      g_assert_cmpint (lp2p_quic_connection_get_remote_key (self->server.connection) != NULL, ==, protocol == LIBP2P);
      hang_up (self);
    }
}

static void
test_unknown (Fixture *self, gconstpointer data)
{
  Lp2pQuicProtocol third = self->client.protocols[OTHER];

  third.alpn = "third";
  start_dial (self, &third, FALSE);
  test_until (self->world, self->client.error != NULL);
  g_assert_error (self->client.error, LP2P_ERROR, LP2P_ERROR_HANDSHAKE);
  test_world_advance (self->world, G_USEC_PER_SEC);
  g_assert_null (self->server.connection);
  lp2p_quic_engine_stop (self->client.engine, &third);
}

/* Both ways, a short one and one that is larger than its window. */
static void
test_one_way (Fixture *self, gconstpointer data)
{
  Side *sides[] = { &self->client, &self->server };

  establish (self, OTHER);
  for (guint i = 0; i < 2; i++)
    {
      gsize size = i == 0 ? 10 : 128 * 1024;
      Lp2pQuicStream *stream = open_stream (sides[i], TRUE);
      Lp2pQuicStream *other;

      write_bytes (stream, size);
      g_assert_cmpint (lp2p_quic_stream_shutdown_write (stream), ==, 0);
      other = accept_stream (self, sides[1 - i]);
      g_assert_true (lp2p_quic_stream_is_one_way (other));
      g_assert_cmpint (lp2p_quic_stream_get_id (other), ==, lp2p_quic_stream_get_id (stream));
      expect_bytes (self, other, size);
      expect_end (self, other);
      lp2p_quic_stream_release (stream);
      lp2p_quic_stream_release (other);
    }
  test_until (self->world, self->client.connection->streams.length + self->server.connection->streams.length == 0);
}

/* The other direction is not there: asking for it fails, and tells the peer nothing. */
static void
test_no_other_way (Fixture *self, gconstpointer data)
{
  guint8 byte = 0;
  GInputVector input = { &byte, 1 };
  GOutputVector output = { &byte, 1 };
  Lp2pQuicStream *stream;
  Lp2pQuicStream *other;
  const GError *error;

  establish (self, OTHER);
  stream = open_stream (&self->client, TRUE);
  write_bytes (stream, 10);
  other = accept_stream (self, &self->server);
  g_assert_cmpint (lp2p_quic_stream_readv (stream, &input, 1), ==, LP2P_IO_FAILED);
  error = lp2p_quic_stream_get_error (stream, LP2P_READY_READ, NULL);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  lp2p_quic_stream_stop_reading (stream, 1);
  g_assert_cmpint (lp2p_quic_stream_writev (other, &output, 1), ==, LP2P_IO_FAILED);
  error = lp2p_quic_stream_get_error (other, LP2P_READY_WRITE, NULL);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_assert_cmpint (lp2p_quic_stream_shutdown_write (other), ==, LP2P_IO_FAILED);
  lp2p_quic_stream_want (stream, LP2P_READY_READ | LP2P_READY_WRITE);
  lp2p_quic_stream_want (other, LP2P_READY_READ | LP2P_READY_WRITE);
  expect_bytes (self, other, 10);
  test_world_advance (self->world, G_USEC_PER_SEC);
  g_assert_true (is_ready (&self->client) && is_ready (&self->server));
  lp2p_quic_stream_release (stream);
  lp2p_quic_stream_release (other);
  test_until (self->world, self->client.connection->streams.length + self->server.connection->streams.length == 0);
  g_assert_true (is_ready (&self->client) && is_ready (&self->server));
}

/* Codes of HTTP/3 do not fit into 32 bits. */
#define LARGE_CODE G_GUINT64_CONSTANT (0x52e4a40fa8db)

static gboolean
has_failed (Lp2pQuicStream *stream, Lp2pReady side, guint64 *code)
{
  return lp2p_quic_stream_get_error (stream, side, code) != NULL;
}

static void
test_reset (Fixture *self, gconstpointer data)
{
  Lp2pQuicStream *stream;
  Lp2pQuicStream *other;
  guint64 code = 0;

  establish (self, OTHER);
  for (guint i = 0; i < 10; i++)
    {
      Lp2pQuicStream *empty = NULL;

      /* Nobody ever hears of it, but one may be opened in its place. */
      test_until (self->world, lp2p_quic_stream_open (self->client.connection, TRUE, &empty) == 0);
      lp2p_quic_stream_reset (empty, LARGE_CODE);
      lp2p_quic_stream_release (empty);
      test_world_advance (self->world, 3 * TEST_WIRE_DELAY_US);
      g_assert_null (lp2p_quic_stream_accept (self->server.connection));
    }

  stream = open_stream (&self->client, TRUE);
  write_bytes (stream, 10);
  other = accept_stream (self, &self->server);
  lp2p_quic_stream_reset (stream, LARGE_CODE);
  test_until (self->world, has_failed (other, LP2P_READY_READ, &code));
  g_assert_cmphex (code, ==, LARGE_CODE);
  lp2p_quic_stream_release (stream);
  lp2p_quic_stream_release (other);

  stream = open_stream (&self->client, TRUE);
  write_bytes (stream, 10);
  other = accept_stream (self, &self->server);
  lp2p_quic_stream_stop_reading (other, LARGE_CODE);
  /* Which shows with what is written next. */
  test_world_advance (self->world, 3 * TEST_WIRE_DELAY_US);
  write_bytes (stream, 10);
  test_until (self->world, has_failed (stream, LP2P_READY_WRITE, NULL));
  lp2p_quic_stream_release (stream);
  lp2p_quic_stream_release (other);
  test_world_advance (self->world, G_USEC_PER_SEC);
  g_assert_true (is_ready (&self->client) && is_ready (&self->server));
}

/* As many as that protocol says; libp2p has none. */
static void
test_limit (Fixture *self, gconstpointer data)
{
  Lp2pQuicStream *streams[3];
  Lp2pQuicStream *more = NULL;

  establish (self, OTHER);
  for (guint i = 0; i < G_N_ELEMENTS (streams); i++)
    {
      streams[i] = open_stream (&self->client, TRUE);
      write_bytes (streams[i], 1);
      g_assert_cmpint (lp2p_quic_stream_shutdown_write (streams[i]), ==, 0);
    }
  g_assert_cmpint (lp2p_quic_stream_open (self->client.connection, TRUE, &more), ==, LP2P_IO_AGAIN);
  open_stream (&self->client, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (streams); i++)
    {
      Lp2pQuicStream *other = accept_stream (self, &self->server);

      g_assert_cmpuint (self->client.n_can_open, ==, 0);
      expect_bytes (self, other, 1);
      expect_end (self, other);
      if (i == 2)
        lp2p_quic_stream_release (other);
    }
  test_until (self->world, self->client.n_can_open == 1);
  open_stream (&self->client, TRUE);
  g_assert_cmpint (lp2p_quic_stream_open (self->client.connection, TRUE, &more), ==, LP2P_IO_AGAIN);
  hang_up (self);

  establish (self, LIBP2P);
  g_assert_cmpint (lp2p_quic_stream_open (self->client.connection, TRUE, &more), ==, LP2P_IO_AGAIN);
  g_assert_cmpint (lp2p_quic_stream_open (self->server.connection, TRUE, &more), ==, LP2P_IO_AGAIN);
}

static void
test_datagrams (Fixture *self, gconstpointer data)
{
  Side *sides[] = { &self->client, &self->server };

  establish (self, OTHER);
  for (guint i = 0; i < 2; i++)
    {
      gsize room = lp2p_quic_connection_get_datagram_room (sides[i]->connection);
      g_autofree guint8 *bytes = g_malloc0 (room + 1);
      g_autoptr (GBytes) largest = g_bytes_new (bytes, room);
      g_autoptr (GBytes) larger = g_bytes_new (bytes, room + 1);
      g_autoptr (GError) error = NULL;

      g_assert_cmpuint (room, >=, 1100);
      g_assert_false (lp2p_quic_connection_send_datagram (sides[i]->connection, larger, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
      g_clear_error (&error);
      g_assert_true (lp2p_quic_connection_send_datagram (sides[i]->connection, largest, &error));
      g_assert_no_error (error);
      test_until (self->world, sides[1 - i]->datagrams->len == 1);
      g_assert_cmpuint (g_bytes_get_size (g_ptr_array_index (sides[1 - i]->datagrams, 0)), ==, room);
    }
}

/* The server says something with its first packets, half a round trip before it hears
 * that the handshake has ended; the client has it together with that end. */
static void
test_answers_early (Fixture *self, gconstpointer data)
{
  Lp2pQuicStream *control;
  Lp2pQuicStream *other;
  gint64 start = self->world->now;

  start_dial (self, &self->client.protocols[OTHER], FALSE);
  test_until (self->world, self->server.connection != NULL);
  g_assert_cmpint (self->server.handed_out_at - start, <, 2 * TEST_WIRE_DELAY_US);
  g_assert_cmpint (lp2p_quic_connection_get_state (self->server.connection), ==, LP2P_SESSION_EARLY);
  control = open_stream (&self->server, TRUE);
  write_bytes (control, 100);
  test_until (self->world, self->client.connection != NULL);
  g_assert_cmpint (lp2p_quic_connection_get_state (self->server.connection), ==, LP2P_SESSION_EARLY);
  other = accept_stream (self, &self->client);
  expect_bytes (self, other, 100);
  g_assert_cmpint (self->world->now - start, <, 3 * TEST_WIRE_DELAY_US);
  test_until (self->world, self->server.n_ready == 1);
  g_assert_cmpint (self->world->now - start, >=, 3 * TEST_WIRE_DELAY_US);
}

/* Whoever has to show a certificate is told nothing before that. */
static void
test_mutual_waits (Fixture *self, gconstpointer data)
{
  gint64 start = self->world->now;

  self->server.protocols[LIBP2P].answers_early = TRUE;
  start_dial (self, &self->client.protocols[LIBP2P], FALSE);
  test_until (self->world, self->server.connection != NULL);
  g_assert_true (is_ready (&self->server));
  g_assert_cmpint (self->server.handed_out_at - start, >=, 3 * TEST_WIRE_DELAY_US);
}

/* A client that never ends its handshake leaves no more than one that says nothing. */
static void
test_answers_nobody (Fixture *self, gconstpointer data)
{
  start_dial (self, &self->client.protocols[OTHER], FALSE);
  test_until (self->world, self->server.connection != NULL);
  write_bytes (open_stream (&self->server, TRUE), 100);
  test_wire_set_silent (self->wire, TRUE);
  test_world_jump (self->world, self->server.protocols[LIBP2P].options.handshake_timeout);
  test_until (self->world, self->server.n_closed == 1);
  g_assert_cmpuint (self->server.n_ready, ==, 0);
  g_assert_cmpint (lp2p_quic_connection_get_state (self->server.connection), ==, LP2P_SESSION_CLOSED);
}

/* One packet makes the server hand the connection out, and whoever sent it may be nowhere:
 * so it counts as half open until the client has ended its handshake. */
static void
test_early_is_half_open (Fixture *self, gconstpointer data)
{
  const guint n = 3;
  g_autoptr (GPtrArray) unfinished = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_quic_connection_release);
  struct sockaddr_in address = {
    .sin_family = AF_INET,
    .sin_addr.s_addr = g_htonl (INADDR_LOOPBACK),
    .sin_port = g_htons (get_port (self->server.listeners[OTHER])),
  };
  QuicStranger stranger;

  self->server.context->validate_from = n;
  quic_stranger_init (&stranger, self->world, &address);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GBytes) initial = quic_stranger_make_initial (&stranger, "other");

      quic_stranger_send (&stranger, g_bytes_get_data (initial, NULL), g_bytes_get_size (initial));
      quic_stranger_end (&stranger);
      test_until (self->world, self->server.connection != NULL);
      g_assert_cmpint (lp2p_quic_connection_get_state (self->server.connection), ==, LP2P_SESSION_EARLY);
      g_assert_cmpint (self->server.context->n_half_open, ==, i + 1);
      g_ptr_array_add (unfinished, g_steal_pointer (&self->server.connection));
    }

  quic_stranger_dial (&stranger, "other");
  test_until (self->world, is_ready (&self->server));
  g_assert_cmpuint (stranger.n_retries, ==, 1);
  g_assert_cmpint (self->server.context->n_half_open, ==, n);

  /* Where room is made, it is as good as any. */
  test_context_give_up_handshake (self->server.context);
  g_assert_cmpint (self->server.context->n_half_open, ==, n - 1);
  g_assert_cmpint (lp2p_quic_connection_get_state (g_ptr_array_index (unfinished, 0)), ==, LP2P_SESSION_CLOSED);
  g_assert_cmpuint (self->server.n_closed, ==, 1);
  quic_stranger_clear (&stranger);
}

/* Tickets */

static gboolean
has_ticket (Fixture *self, const char *key)
{
  g_autoptr (GBytes) ticket =
      lp2p_context_get_peer_data (LP2P_CONTEXT (self->client.context),
                                  lp2p_identity_get_peer_id (self->server.context->identity), "quic-engine", key);

  return ticket != NULL;
}

/* A session of the protocol without certificates of clients is resumed, and early. */
static void
test_resumed (Fixture *self, gconstpointer data)
{
  Lp2pQuicProtocol *client = &self->client.protocols[OTHER];
  Lp2pQuicProtocol *server = &self->server.protocols[OTHER];
  Lp2pQuicStream *stream;

  /* Its server shows a certificate of libp2p, so that there is a key. */
  client->resumes = server->resumes = TRUE;
  client->verify = server->verify = lp2p_quic_verify;
  server->get_credentials = lp2p_quic_credentials_get;
  server->data = self->server.credentials;
  establish (self, OTHER);
  test_until (self->world, has_ticket (self, "ticket other"));
  hang_up (self);
  start_dial (self, client, TRUE);
  test_until (self->world, self->client.connection != NULL);
  g_assert_cmpint (lp2p_quic_connection_get_state (self->client.connection), ==, LP2P_SESSION_EARLY);
  stream = open_stream (&self->client, TRUE);
  write_bytes (stream, 10);
  test_until (self->world, self->server.connection != NULL);
  expect_bytes (self, accept_stream (self, &self->server), 10);
  test_until (self->world, is_ready (&self->client) && is_ready (&self->server));
  g_assert_cmpuint (self->client.n_rejected, ==, 0);
  g_assert_cmpint (gnutls_session_is_resumed (self->server.connection->tls), !=, 0);
  g_assert_null (lp2p_quic_connection_get_remote_key (self->server.connection));
}

/* A server that allows fewer streams in one direction than before takes nothing early. */
static void
test_shrunk (Fixture *self, gconstpointer data)
{
  Lp2pQuicProtocol *client = &self->client.protocols[OTHER];
  Lp2pQuicProtocol *server = &self->server.protocols[OTHER];

  client->resumes = server->resumes = TRUE;
  client->verify = server->verify = lp2p_quic_verify;
  server->get_credentials = lp2p_quic_credentials_get;
  server->data = self->server.credentials;
  establish (self, OTHER);
  test_until (self->world, has_ticket (self, "ticket other"));
  hang_up (self);
  server->options.max_uni_streams--;
  start_dial (self, client, TRUE);
  test_until (self->world, self->client.connection != NULL);
  write_bytes (open_stream (&self->client, TRUE), 10);
  test_until (self->world, is_ready (&self->client) && is_ready (&self->server));
  g_assert_cmpuint (self->client.n_rejected, ==, 1);
  check_params (&self->client, &server->options);
}

#define ADD(name, first, function) \
  g_test_add ("/quic-alpn/" name, Fixture, GINT_TO_POINTER (first), set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  ADD ("side-by-side", LIBP2P, test_side_by_side);
  ADD ("side-by-side-other-order", OTHER, test_side_by_side);
  ADD ("unknown", LIBP2P, test_unknown);
  ADD ("one-way", LIBP2P, test_one_way);
  ADD ("no-other-way", LIBP2P, test_no_other_way);
  ADD ("reset", LIBP2P, test_reset);
  ADD ("limit", LIBP2P, test_limit);
  ADD ("datagrams", LIBP2P, test_datagrams);
  ADD ("answers-early", LIBP2P, test_answers_early);
  ADD ("mutual-waits", LIBP2P, test_mutual_waits);
  ADD ("answers-nobody", LIBP2P, test_answers_nobody);
  ADD ("early-is-half-open", LIBP2P, test_early_is_half_open);
  ADD ("resumed", LIBP2P, test_resumed);
  ADD ("shrunk", LIBP2P, test_shrunk);
  return g_test_run ();
}
