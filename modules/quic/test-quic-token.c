/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tokens that save a retry: which a server takes, and what a client does with one. */

#include "quic-stranger.h"
#include "test-nat.h"

#include <arpa/inet.h>

#define HOUR  (3600 * (gint64) G_USEC_PER_SEC)
#define DELAY (10 * 1000)

typedef struct
{
  TestWorld *world;
  QuicHost host;
  QuicStranger stranger;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->world = test_world_new (TRUE);
  quic_host_init (&f->host, f->world, NULL, 0);
  quic_stranger_init (&f->stranger, f->world, &f->host.address);
  /* It is under load. */
  f->host.context->validate_from = 0;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  quic_stranger_clear (&f->stranger);
  quic_host_clear (&f->host);
  test_world_free (f->world);
}

/* Server */

static struct sockaddr_in
parse (const char *address)
{
  struct sockaddr_in client = { .sin_family = AF_INET };

  g_assert_cmpint (inet_pton (AF_INET, address, &client.sin_addr), ==, 1);
  return client;
}

static Lp2pQuicTokens *
get_tokens (Fixture *f)
{
  return quic_host_get_endpoint (&f->host)->engine->tokens;
}

/* What it gives to a client at that address. */
static GBytes *
make_token (Fixture *f, const char *address)
{
  struct sockaddr_in client = parse (address);
  guint8 token[NGTCP2_CRYPTO_MAX_REGULAR_TOKENLEN];
  ngtcp2_ssize size;

  size = lp2p_quic_tokens_make (get_tokens (f), (struct sockaddr *) &client, f->world->now, token);
  g_assert_cmpint (size, ==, sizeof token);
  return g_bytes_new (token, size);
}

/* How often a client that shows it had to begin: twice where it was sent a retry. */
static guint
count_beginnings (Fixture *f, GBytes *token)
{
  guint before = f->stranger.n_retries;

  f->stranger.token = g_bytes_ref (token);
  quic_stranger_connect (&f->stranger);
  quic_stranger_end (&f->stranger);
  test_context_drop_inbound (f->host.context);
  return 1 + f->stranger.n_retries - before;
}

static void
test_good (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) token = make_token (f, "127.0.0.1");

  g_assert_cmpuint (count_beginnings (f, token), ==, 1);
}

static void
test_replayed (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) token = make_token (f, "127.0.0.1");

  g_assert_cmpuint (count_beginnings (f, token), ==, 1);
  g_assert_cmpuint (count_beginnings (f, token), ==, 2);
}

static void
test_stolen (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) token = make_token (f, "127.0.0.2");

  g_assert_cmpuint (count_beginnings (f, token), ==, 2);
}

static void
test_tampered (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) token = make_token (f, "127.0.0.1");
  gsize size = g_bytes_get_size (token);

  for (gsize i = 0; i < size; i += 7)
    {
      g_autofree guint8 *copy = g_memdup2 (g_bytes_get_data (token, NULL), size);
      g_autoptr (GBytes) tampered = NULL;

      copy[i] ^= 1;
      tampered = g_bytes_new (copy, size);
      g_assert_cmpuint (count_beginnings (f, tampered), ==, 2);
    }
  g_assert_cmpuint (count_beginnings (f, token), ==, 1);
}

static void
test_cut (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) token = make_token (f, "127.0.0.1");

  for (gsize size = 1; size < g_bytes_get_size (token); size += 9)
    {
      g_autoptr (GBytes) cut = g_bytes_new_from_bytes (token, 0, size);

      g_assert_cmpuint (count_beginnings (f, cut), ==, 2);
    }
}

static void
test_expired (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) token = make_token (f, "127.0.0.1");

  test_world_jump (f->world, 24 * HOUR);
  g_assert_cmpuint (count_beginnings (f, token), ==, 2);
}

/* The secret is another one by then, which does not matter as long as the token holds. */
static void
test_renewed (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) first = make_token (f, "127.0.0.1");
  g_autoptr (GBytes) second = NULL;

  test_world_jump (f->world, 23 * HOUR);
  second = make_token (f, "127.0.0.1");
  g_assert_cmpuint (count_beginnings (f, first), ==, 1);
  test_world_jump (f->world, 20 * HOUR);
  g_assert_cmpuint (count_beginnings (f, second), ==, 1);
}

/* Nothing is used up where nobody asks for it. */
static void
test_without_load (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) token = make_token (f, "127.0.0.1");

  f->host.context->validate_from = G_MAXINT;
  g_assert_cmpuint (count_beginnings (f, token), ==, 1);
  f->host.context->validate_from = 0;
  g_assert_cmpuint (count_beginnings (f, token), ==, 1);
  g_assert_cmpuint (count_beginnings (f, token), ==, 2);
}

static gboolean
take (Fixture *f, const char *address, GBytes *token)
{
  struct sockaddr_in client = parse (address);

  return lp2p_quic_tokens_take (get_tokens (f), g_bytes_get_data (token, NULL), g_bytes_get_size (token),
                                (struct sockaddr *) &client, f->world->now);
}

/* Somebody uses so many that they cannot all be remembered: none of them is good once more,
 * and whoever comes later has one that is. */
static void
test_used_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) first = make_token (f, "127.0.0.2");
  g_autoptr (GBytes) unused = make_token (f, "127.0.0.1");
  g_autoptr (GBytes) last = NULL;
  g_autoptr (GBytes) later = NULL;

  g_assert_true (take (f, "127.0.0.2", first));
  for (guint i = 1; i < LP2P_QUIC_SEEN_MAX; i++)
    {
      g_clear_pointer (&last, g_bytes_unref);
      last = make_token (f, "127.0.0.2");
      g_assert_true (take (f, "127.0.0.2", last));
    }
  g_assert_false (take (f, "127.0.0.2", first));
  g_assert_false (take (f, "127.0.0.2", last));
  g_assert_cmpuint (count_beginnings (f, unused), ==, 2);
  later = make_token (f, "127.0.0.1");
  g_assert_cmpuint (count_beginnings (f, later), ==, 1);
  g_assert_cmpuint (count_beginnings (f, later), ==, 2);
}

/* Client */

typedef struct
{
  QuicHost dialer;
  TestNat *nat; /* which makes round trips long */
} Client;

static void
client_init (Client *self, Fixture *f)
{
  quic_host_init (&self->dialer, f->world, NULL, -1);
  self->nat = test_nat_new (f->world, g_ntohs (f->host.address.sin_port));
  self->nat->delay = DELAY;
}

static void
client_clear (Client *self, Fixture *f)
{
  quic_host_clear (&self->dialer);
  test_world_settle (f->world);
  test_nat_free (self->nat);
}

static Lp2pRawConnection *
connect_through (Client *self, Fixture *f, guint16 port)
{
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  Lp2pTransport *transport = LP2P_TRANSPORT (self->dialer.transport);
  g_autofree char *text = g_strdup_printf ("/ip4/127.0.0.1/udp/%u/quic-v1", port);
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pRawConnection *raw;

  options.expected_peer = lp2p_identity_get_peer_id (f->host.context->identity);
  lp2p_transport_dial_async (transport, address, &options, NULL, test_take_result, &result);
  test_world_settle (f->world);
  for (guint i = 0; i < 1000 && result == NULL; i++)
    test_world_advance (f->world, G_TIME_SPAN_MILLISECOND);
  g_assert_nonnull (result);
  raw = lp2p_transport_dial_finish (transport, result, &error);
  g_assert_no_error (error);
  return raw;
}

/* Returns: the round trips that it takes */
static gint64
dial (Client *self, Fixture *f, guint16 port)
{
  gint64 begin = f->world->now;
  Lp2pRawConnection *raw = connect_through (self, f, port);
  gint64 end = f->world->now;

  /* What the server gives comes behind the handshake. */
  test_world_advance (f->world, 10 * DELAY);
  lp2p_raw_connection_free (raw);
  test_context_drop_inbound (f->host.context);
  test_world_advance (f->world, 10 * DELAY);
  return (end - begin + DELAY) / (2 * DELAY);
}

static void
test_saved_round_trip (Fixture *f, gconstpointer data)
{
  Client client;

  client_init (&client, f);
  g_assert_cmpint (dial (&client, f, test_nat_get_port (client.nat)), ==, 2);
  /* Each brings the token of the next. */
  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (dial (&client, f, test_nat_get_port (client.nat)), ==, 1);
  client_clear (&client, f);
}

/* It is for where it was given; the next one is for there. */
static void
test_other_address (Fixture *f, gconstpointer data)
{
  Client client;
  g_autoptr (TestNat) other = test_nat_new (f->world, g_ntohs (f->host.address.sin_port));

  client_init (&client, f);
  other->delay = DELAY;
  g_assert_cmpint (dial (&client, f, test_nat_get_port (client.nat)), ==, 2);
  g_assert_cmpint (dial (&client, f, test_nat_get_port (other)), ==, 2);
  g_assert_cmpint (dial (&client, f, test_nat_get_port (other)), ==, 1);
  client_clear (&client, f);
}

/* A client that is given another address while it is connected has a token for there. */
static void
test_moved (Fixture *f, gconstpointer data)
{
  Lp2pRawConnection *dialed;
  const char *seen;
  Client client;

  client_init (&client, f);
  dialed = connect_through (&client, f, test_nat_get_port (client.nat));
  test_world_advance (f->world, 10 * DELAY);
  test_nat_move (client.nat, "127.0.0.2");
  /* It asks, and the server asks whether it is there. */
  lp2p_quic_path_network_changed (quic_host_get_connection (&client.dialer));
  test_world_advance (f->world, 3 * G_USEC_PER_SEC);
  seen = lp2p_multiaddr_get_string (quic_host_get_connection (&f->host)->remote_address);
  g_assert_true (g_str_has_prefix (seen, "/ip4/127.0.0.2/"));
  lp2p_raw_connection_free (dialed);
  test_context_drop_inbound (f->host.context);
  test_world_advance (f->world, 10 * DELAY);
  g_assert_cmpint (dial (&client, f, test_nat_get_port (client.nat)), ==, 1);
  client_clear (&client, f);
}

/* One that does not hold costs what none does. */
static void
test_server_anew (Fixture *f, gconstpointer data)
{
  Lp2pQuicEngine *engine = quic_host_get_endpoint (&f->host)->engine;
  Client client;

  client_init (&client, f);
  g_assert_cmpint (dial (&client, f, test_nat_get_port (client.nat)), ==, 2);
  lp2p_quic_tokens_free (engine->tokens);
  engine->tokens = lp2p_quic_tokens_new ();
  g_assert_cmpint (dial (&client, f, test_nat_get_port (client.nat)), ==, 2);
  g_assert_cmpint (dial (&client, f, test_nat_get_port (client.nat)), ==, 1);
  client_clear (&client, f);
}

static GBytes *
get_kept (QuicHost *self, Fixture *f)
{
  return lp2p_context_get_peer_data (LP2P_CONTEXT (self->context), lp2p_identity_get_peer_id (f->host.context->identity),
                                     "quic-engine", "token libp2p");
}

/* A client that moves on and on gets eight, however many it would take. */
static void
test_moves (Fixture *f, gconstpointer data)
{
  Client client;
  Lp2pRawConnection *dialed;

  client_init (&client, f);
  dialed = connect_through (&client, f, test_nat_get_port (client.nat));
  test_world_advance (f->world, 10 * DELAY);
  for (guint i = 1; i < 12; i++)
    {
      Lp2pQuicConnection *connection = quic_host_get_connection (&client.dialer);
      g_autofree char *address = g_strdup_printf ("127.0.0.%u", 1 + i);
      g_autofree char *prefix = g_strdup_printf ("/ip4/%s/", address);
      g_autoptr (GBytes) before = get_kept (&client.dialer, f);
      g_autoptr (GBytes) after = NULL;
      const char *seen;

      connection->n_tokens = 0;
      test_nat_move (client.nat, address);
      lp2p_quic_path_network_changed (connection);
      test_world_advance (f->world, 3 * G_USEC_PER_SEC);
      seen = lp2p_multiaddr_get_string (quic_host_get_connection (&f->host)->remote_address);
      g_assert_true (g_str_has_prefix (seen, prefix));
      after = get_kept (&client.dialer, f);
      /* The first came with the handshake. */
      g_assert_cmpint (g_bytes_equal (before, after), ==, i >= 8);
    }
  lp2p_raw_connection_free (dialed);
  test_context_drop_inbound (f->host.context);
  client_clear (&client, f);
}

/* A server that gives one after the other: it cannot make the client write for ever. */
static void
test_many (Fixture *f, gconstpointer data)
{
  Lp2pRawConnection *dialed, *accepted;
  Lp2pQuicConnection *connection;
  QuicHost dialer;

  quic_host_init (&dialer, f->world, NULL, -1);
  quic_host_connect (&dialer, &f->host, &dialed, &accepted);
  test_world_advance (f->world, DELAY);
  connection = quic_host_get_connection (&f->host);
  for (guint i = 1; i < 20; i++)
    {
      g_autoptr (GBytes) before = get_kept (&dialer, f);
      g_autoptr (GBytes) after = NULL;
      guint8 token[50] = { i };

      g_assert_cmpint (ngtcp2_conn_submit_new_token (connection->conn, token, sizeof token), ==, 0);
      lp2p_quic_connection_want_output (connection);
      test_world_advance (f->world, DELAY);
      after = get_kept (&dialer, f);
      /* The first came with the handshake. */
      g_assert_cmpint (g_bytes_equal (before, after), ==, i >= 8);
    }
  lp2p_raw_connection_free (dialed);
  lp2p_raw_connection_free (accepted);
  quic_host_clear (&dialer);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

#define ADD(name, function) g_test_add ("/quic-token/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("good", test_good);
  ADD ("replayed", test_replayed);
  ADD ("stolen", test_stolen);
  ADD ("tampered", test_tampered);
  ADD ("cut", test_cut);
  ADD ("expired", test_expired);
  ADD ("renewed", test_renewed);
  ADD ("without-load", test_without_load);
  ADD ("used-up", test_used_up);
  ADD ("saved-round-trip", test_saved_round_trip);
  ADD ("other-address", test_other_address);
  ADD ("moved", test_moved);
  ADD ("server-anew", test_server_anew);
  ADD ("moves", test_moves);
  ADD ("many", test_many);
  return g_test_run ();
}
