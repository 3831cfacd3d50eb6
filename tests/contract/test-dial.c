/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a host dials a peer that has several addresses. */

#include <string.h>

#include "host/lp2p-host-private.h"
#include "scripted-transport.h"
#include "test-end.h"

#define ONE "/ip4/203.0.113.1/tcp/1"
#define TWO "/ip4/203.0.113.2/tcp/1"
#define THREE "/ip4/203.0.113.3/tcp/1"
#define FAST "/ip4/203.0.113.4/udp/1/quic-v1"
#define RELAYED "/ip4/203.0.113.9/tcp/1/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN/p2p-circuit"

#define HEADER "\x13/multistream/1.0.0\n"

typedef struct
{
  TestWorld *world;
  TestHost *a;
  TestHost *b;
  Lp2pMultiaddr *to_b;
  ScriptedTransport *network;
} Fixture;

static TestHost *
new_host (Fixture *self, const char *more)
{
  g_autofree char *config = g_strdup_printf ("[host]\ntransports=['memory']\nservices=[]\nlisten=['/memory/0']\n%s\n", more);

  return test_host_new (self->world, config);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  self->world = test_world_new (FALSE);
  self->a = new_host (self, data != NULL ? data : "");
  self->b = new_host (self, "");
  self->to_b = test_host_dup_address (self->b);
  self->network = scripted_transport_new (self->a, FALSE);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  lp2p_multiaddr_unref (self->to_b);
  if (self->a->host != NULL)
    test_host_free (self->a);
  test_host_free (self->b);
  test_world_free (self->world);
}

static Lp2pSwarm *
swarm_of (TestHost *host)
{
  return lp2p_host_get_swarm (host->host);
}

static Lp2pPeerId *
id_of (TestHost *host)
{
  return lp2p_host_get_peer_id (host->host);
}

static GPtrArray *
parse_all (const char *const *texts)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  for (guint i = 0; texts != NULL && texts[i] != NULL; i++)
    {
      Lp2pMultiaddr *address = lp2p_multiaddr_new_from_string (texts[i], NULL);

      g_assert_nonnull (address);
      g_ptr_array_add (addresses, address);
    }
  return addresses;
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* What B has told of itself. */
static void
learn (Fixture *self, const char *const *texts)
{
  g_autoptr (GPtrArray) addresses = parse_all (texts);
  Lp2pPeerInfo info = { .addresses = addresses, .lifetime = 100000 };

  lp2p_context_update_peer (self->a->context, id_of (self->b), &info);
}

static void
start (Fixture *self, const char *const *given, const Lp2pDialOptions *options, GCancellable *cancellable, GAsyncResult **result)
{
  g_autoptr (GPtrArray) addresses = parse_all (given);

  lp2p_context_connect_async (self->a->context, id_of (self->b), addresses, options, cancellable, test_take_result,
                              result);
  g_assert_null (*result);
}

static Lp2pConnection *
finish (Fixture *self, GAsyncResult **result, GError **error)
{
  Lp2pConnection *connection;

  test_wait (self->world, *result);
  connection = lp2p_context_connect_finish (self->a->context, *result, error);
  g_clear_object (result);
  return connection;
}

static Lp2pConnection *
dial (Fixture *self, const char *const *given, const Lp2pDialOptions *options, GError **error)
{
  GAsyncResult *result = NULL;

  start (self, given, options, NULL, &result);
  return finish (self, &result, error);
}

static guint
count (TestHost *host)
{
  return swarm_of (host)->all_connections->len;
}

static void
assert_log (Fixture *self, const char *expected)
{
  g_assert_cmpstr (self->network->log->str, ==, expected);
  g_string_truncate (self->network->log, 0);
  self->network->epoch = self->world->now;
}

/* Nothing is left of what was tried. */
static void
assert_clean (Fixture *self, guint n_connections)
{
  test_world_advance (self->world, G_USEC_PER_SEC);
  g_assert_cmpuint (self->network->n_pending, ==, 0);
  g_assert_cmpuint (swarm_of (self->a)->dials->n_attempts, ==, 0);
  g_assert_cmpuint (swarm_of (self->a)->dials->running->len, ==, 0);
  g_assert_cmpuint (swarm_of (self->b)->half_open, ==, 0);
  g_assert_cmpuint (count (self->a), ==, n_connections);
  g_assert_cmpuint (count (self->b), ==, n_connections);
}

static void
drop (Fixture *self, Lp2pConnection *connection)
{
  lp2p_connection_abort (connection, LP2P_CODE_NONE);
  g_object_unref (connection);
  test_until (self->world, count (self->a) == 0 && count (self->b) == 0);
}

/* Racing */

static void
test_stagger (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pConnection) connection = NULL;

  scripted_transport_route (self->network, "one", ONE, -1, NULL);
  scripted_transport_route (self->network, "two", TWO, 20, self->to_b);
  scripted_transport_route (self->network, "fast", FAST, -1, NULL);
  connection = dial (self, LIST (ONE, TWO, FAST), NULL, NULL);
  g_assert_nonnull (connection);
  assert_log (self, "fast@0 one@250 two@500");
  assert_clean (self, 1);
}

static void
test_failure_hurries (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pConnection) connection = NULL;

  scripted_transport_route (self->network, "one", ONE, 10, NULL);
  scripted_transport_route (self->network, "two", TWO, 10, NULL);
  scripted_transport_route (self->network, "three", THREE, 10, self->to_b);
  connection = dial (self, LIST (ONE, TWO, THREE), NULL, NULL);
  g_assert_nonnull (connection);
  assert_log (self, "one@0 two@10 three@20");
  assert_clean (self, 1);
}

/* However close the race, one is left. */
static void
test_photo_finish (Fixture *self, gconstpointer data)
{
  for (int lead = -3; lead <= 3; lead++)
    {
      Lp2pConnection *connection;

      scripted_transport_route (self->network, "one", ONE, 250 + 10 + lead, self->to_b);
      scripted_transport_route (self->network, "two", TWO, 10, self->to_b);
      connection = dial (self, LIST (ONE, TWO), NULL, NULL);
      g_assert_nonnull (connection);
      assert_clean (self, 1);
      drop (self, connection);
    }
}

static void
test_wrong_peer (Fixture *self, gconstpointer data)
{
  TestHost *c = new_host (self, "");
  g_autoptr (Lp2pMultiaddr) to_c = test_host_dup_address (c);
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  scripted_transport_route (self->network, "one", ONE, 0, to_c);
  scripted_transport_route (self->network, "two", TWO, 0, self->to_b);
  g_assert_null (dial (self, LIST (ONE), NULL, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_WRONG_PEER);
  g_assert_nonnull (strstr (error->message, ONE));
  connection = dial (self, LIST (ONE, TWO), NULL, NULL);
  g_assert_nonnull (connection);
  g_assert_true (lp2p_peer_id_equal (lp2p_connection_get_remote_peer (connection), id_of (self->b)));
  assert_clean (self, 1);
  g_assert_cmpuint (count (c), ==, 0);
  test_host_free (c);
}

/* Cancelling and sharing */

static void
test_cancel (Fixture *self, gconstpointer data)
{
  gboolean over = FALSE;

  scripted_transport_route (self->network, "one", ONE, 3, NULL);
  scripted_transport_route (self->network, "two", TWO, 300, self->to_b);
  scripted_transport_route (self->network, "three", THREE, 50, self->to_b);
  for (guint steps = 0; !over; steps++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      GAsyncResult *result = NULL;
      Lp2pConnection *connection;

      start (self, LIST (ONE, TWO, THREE), NULL, cancellable, &result);
      for (guint i = 0; i < steps && result == NULL; i++)
        if (!g_main_context_iteration (self->world->context, FALSE))
          test_world_jump (self->world, 5000);
      over = result != NULL;
      g_cancellable_cancel (cancellable);
      g_main_context_iteration (self->world->context, FALSE);
      connection = finish (self, &result, &error);
      g_assert_true (connection != NULL || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
      test_world_advance (self->world, G_USEC_PER_SEC);
      /* It stays with the host when it was made before. */
      g_assert_cmpuint (count (self->a), <=, 1);
      if (connection == NULL && count (self->a) == 1)
        connection = g_object_ref (g_ptr_array_index (swarm_of (self->a)->all_connections, 0));
      if (connection != NULL)
        drop (self, connection);
      assert_clean (self, 0);
    }
}

static void
test_share (Fixture *self, gconstpointer data)
{
  GCancellable *cancellables[3] = { g_cancellable_new (), g_cancellable_new (), g_cancellable_new () };
  GAsyncResult *results[3] = { NULL };
  g_autoptr (Lp2pConnection) second = NULL;
  g_autoptr (Lp2pConnection) third = NULL;
  g_autoptr (GError) error = NULL;

  scripted_transport_route (self->network, "one", ONE, -1, NULL);
  scripted_transport_route (self->network, "two", TWO, 100, self->to_b);
  start (self, LIST (ONE), NULL, cancellables[0], &results[0]);
  start (self, LIST (ONE), NULL, cancellables[1], &results[1]);
  test_world_advance (self->world, 10000);
  /* Who comes later may know more. */
  start (self, LIST (TWO), NULL, cancellables[2], &results[2]);
  g_cancellable_cancel (cancellables[0]);
  g_assert_null (finish (self, &results[0], &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_null (results[1]);
  second = finish (self, &results[1], NULL);
  third = finish (self, &results[2], NULL);
  g_assert_nonnull (second);
  g_assert_true (second == third);
  assert_log (self, "one@0 two@250");
  assert_clean (self, 1);
  for (guint i = 0; i < 3; i++)
    g_object_unref (cancellables[i]);
}

static void
test_last_cancels (Fixture *self, gconstpointer data)
{
  GCancellable *cancellables[2] = { g_cancellable_new (), g_cancellable_new () };
  GAsyncResult *results[2] = { NULL };

  scripted_transport_route (self->network, "one", ONE, -1, NULL);
  for (guint i = 0; i < 2; i++)
    start (self, LIST (ONE), NULL, cancellables[i], &results[i]);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_cmpuint (self->network->n_pending, ==, 1);
      g_cancellable_cancel (cancellables[i]);
      g_assert_null (finish (self, &results[i], &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_object_unref (cancellables[i]);
    }
  assert_clean (self, 0);
  assert_log (self, "one@0");

  /* That was not the address's fault. */
  learn (self, LIST (ONE));
  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  {
    g_autoptr (Lp2pConnection) connection = dial (self, NULL, NULL, NULL);

    g_assert_nonnull (connection);
  }
}

static void
test_private_dials (Fixture *self, gconstpointer data)
{
  Lp2pDialOptions options[] = {
    { .separate = TRUE },
    { .force_direct = TRUE },
    { .security_role = LP2P_ROLE_INITIATOR },
  };
  GAsyncResult *results[4] = { NULL };

  scripted_transport_route (self->network, "one", ONE, 10, self->to_b);
  start (self, LIST (ONE), NULL, NULL, &results[3]);
  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    start (self, LIST (ONE), &options[i], NULL, &results[i]);
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (Lp2pConnection) connection = finish (self, &results[i], NULL);

      g_assert_nonnull (connection);
    }
  assert_log (self, "one@0 one@0 one@0 one@0");
  assert_clean (self, 4);
}

static void
test_close_host (Fixture *self, gconstpointer data)
{
  GAsyncResult *result = NULL;
  g_autoptr (GError) error = NULL;

  scripted_transport_route (self->network, "one", ONE, -1, NULL);
  start (self, LIST (ONE), NULL, NULL, &result);
  test_world_settle (self->world);
  test_host_close (self->a);
  g_assert_null (finish (self, &result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

/* Relays */

static void
test_force_direct (Fixture *self, gconstpointer data)
{
  ScriptedTransport *relay = scripted_transport_new (self->a, TRUE);
  Lp2pDialOptions options = { .force_direct = TRUE };
  Lp2pDialOptions limited = { .allow_limited = TRUE };
  g_autoptr (Lp2pConnection) over_relay = NULL;
  g_autoptr (Lp2pConnection) again = NULL;
  g_autoptr (Lp2pConnection) direct = NULL;
  g_autoptr (GError) error = NULL;

  scripted_transport_route (relay, "relay", RELAYED, 0, self->to_b);
  scripted_transport_route (self->network, "one", ONE, 0, NULL);
  learn (self, LIST (RELAYED, ONE));
  over_relay = dial (self, NULL, &limited, NULL);
  g_assert_true (lp2p_connection_get_limited (over_relay));
  assert_log (self, "one@0");
  again = dial (self, NULL, &limited, NULL);
  g_assert_true (again == over_relay);

  /* Neither the connection nor the address over the relay counts, and the failure
   * of before does not either. */
  g_assert_null (dial (self, NULL, &options, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_assert_nonnull (strstr (error->message, "a direct connection is wanted"));
  assert_log (self, "one@0");
  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  direct = dial (self, NULL, &options, NULL);
  g_assert_false (lp2p_connection_get_limited (direct));
  assert_clean (self, 2);
}

/* Back-off */

static void
test_backoff (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  Lp2pConnection *connection;

  scripted_transport_route (self->network, "one", ONE, 0, NULL);
  learn (self, LIST (ONE));
  g_assert_null (dial (self, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_clear_error (&error);
  assert_log (self, "one@0");

  g_assert_null (dial (self, NULL, NULL, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NO_ADDRESS);
  g_assert_nonnull (strstr (error->message, "the next attempt is due in 5.0 s"));
  g_clear_error (&error);
  assert_log (self, "");

  /* Who names it gets it dialed. */
  g_assert_null (dial (self, LIST (ONE), NULL, NULL));
  assert_log (self, "one@0");

  /* A success makes up for all failures. */
  test_world_advance (self->world, 7 * G_USEC_PER_SEC);
  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  connection = dial (self, NULL, NULL, NULL);
  g_assert_nonnull (connection);
  drop (self, connection);
  scripted_transport_route (self->network, "one", ONE, 0, NULL);
  g_assert_null (dial (self, NULL, NULL, NULL));
  g_assert_null (dial (self, NULL, NULL, &error));
  g_assert_nonnull (strstr (error->message, "is due in 5.0 s"));
  assert_clean (self, 0);
}

/* Errors */

static void
test_reasons (Fixture *self, gconstpointer data)
{
  static const char *const expected[] = {
    ONE ": refused",
    TWO ": no answer within 10 seconds",
    "/ip4/127.0.0.1/tcp/5: not dialed: the peer means its own machine",
    "/ip4/10.99.98.97/tcp/5: not dialed: it is in a private network",
    "/ip4/0.0.0.0/tcp/5: not dialed: it is not the address of one machine",
    "/unix/socket: no enabled transport can dial it",
    "/dns4/example.org/tcp/1: Names cannot be resolved",
    "not dialed: it is the address of another peer",
  };
  g_autoptr (Lp2pMultiaddr) other = lp2p_multiaddr_new_from_string (THREE "/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN", NULL);
  g_autoptr (GError) error = NULL;

  scripted_transport_route (self->network, "one", ONE, 5, NULL);
  scripted_transport_route (self->network, "two", TWO, -1, NULL);
  learn (self, LIST (TWO, ONE, "/ip4/127.0.0.1/tcp/5", "/ip4/10.99.98.97/tcp/5", "/ip4/0.0.0.0/tcp/5", "/unix/socket",
                     "/dns4/example.org/tcp/1", lp2p_multiaddr_get_string (other)));
  g_assert_null (dial (self, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_test_message ("%s in %s", expected[i], error->message);
      g_assert_nonnull (strstr (error->message, expected[i]));
    }
  assert_clean (self, 0);
}

static void
test_deadline (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  gint64 before = self->world->now;

  scripted_transport_route (self->network, "one", ONE, -1, NULL);
  scripted_transport_route (self->network, "two", TWO, 100, NULL);
  g_assert_null (dial (self, LIST (ONE, TWO), NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_nonnull (strstr (error->message, "3 seconds of dial-timeout: " TWO ": refused"));
  g_assert_cmpint (self->world->now - before, >=, 3 * G_USEC_PER_SEC);
  g_assert_cmpint (self->world->now - before, <, 3 * G_USEC_PER_SEC + 10000);
  assert_clean (self, 0);
}

/* Bounds */

static void
test_host_limit (Fixture *self, gconstpointer data)
{
  enum { N = 21 };
  GCancellable *cancellables[N] = { NULL };
  GAsyncResult *results[N] = { NULL };

  for (guint i = 0; i < N; i++)
    {
      g_autoptr (Lp2pIdentity) somebody = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
      g_autoptr (GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

      for (guint j = 0; j < 10; j++)
        {
          g_autofree char *text = g_strdup_printf ("/ip4/203.0.%u.%u/tcp/1", i, j);

          scripted_transport_route (self->network, "x", text, -1, NULL);
          g_ptr_array_add (addresses, lp2p_multiaddr_new_from_string (text, NULL));
        }
      cancellables[i] = g_cancellable_new ();
      lp2p_context_connect_async (self->a->context, lp2p_identity_get_peer_id (somebody), addresses, NULL,
                                  cancellables[i], test_take_result, &results[i]);
    }
  test_world_advance (self->world, 4 * G_USEC_PER_SEC);
  g_assert_cmpuint (self->network->n_pending, ==, 160);

  /* Whoever goes makes room for another one. */
  g_cancellable_cancel (cancellables[0]);
  test_world_advance (self->world, 3 * G_USEC_PER_SEC);
  g_assert_cmpuint (self->network->n_pending, ==, 160);
  for (guint i = 0; i < N; i++)
    {
      g_cancellable_cancel (cancellables[i]);
      test_wait (self->world, results[i]);
      g_clear_object (&results[i]);
      g_object_unref (cancellables[i]);
    }
  assert_clean (self, 0);
}

static gboolean
refuse_one (Lp2pPeerId *peer, Lp2pMultiaddr *address, gpointer user_data, GError **error)
{
  if (strcmp (lp2p_multiaddr_get_string (address), ONE) != 0)
    return TRUE;
  g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_REFUSED_BY_GATER, "the application refused");
  return FALSE;
}

static void
test_gater (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  swarm_of (self->a)->dials->gater = refuse_one;
  scripted_transport_route (self->network, "two", TWO, 0, self->to_b);
  g_assert_null (dial (self, LIST (ONE), NULL, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_REFUSED_BY_GATER);
  connection = dial (self, LIST (ONE, TWO), NULL, NULL);
  g_assert_nonnull (connection);
}

/* Both at once */

static void
test_both (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) to_a = test_host_dup_address (self->a);
  g_autoptr (Lp2pConnection) from_a = NULL;
  g_autoptr (Lp2pConnection) from_b = NULL;
  GAsyncResult *results[2] = { NULL };

  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  start (self, LIST (ONE), NULL, NULL, &results[0]);
  lp2p_host_connect_async (self->b->host, to_a, NULL, test_take_result, &results[1]);
  from_a = finish (self, &results[0], NULL);
  test_wait (self->world, results[1]);
  from_b = lp2p_host_connect_finish (self->b->host, results[1], NULL);
  g_clear_object (&results[1]);
  g_assert_cmpint (lp2p_connection_get_direction (from_a), ==, LP2P_ROLE_INITIATOR);
  g_assert_cmpint (lp2p_connection_get_direction (from_b), ==, LP2P_ROLE_INITIATOR);
  assert_clean (self, 2);

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (Lp2pStream) stream = test_host_open (i == 0 ? self->a : self->b, i == 0 ? from_a : from_b);
      g_autoptr (Lp2pStream) accepted = NULL;

      test_stream_write (self->world, stream, 100, 0);
      accepted = test_host_accept (i == 0 ? self->b : self->a);
      test_stream_expect (self->world, accepted, 100, 0);
    }
}

/* Saved round trips */

/* Somebody who listens, but has only the transport. */
typedef struct
{
  TestContext *context;
  Lp2pTransport *transport;
  Lp2pListener *listener;
  Lp2pMultiaddr *address;
} Stranger;

static void
stranger_init (Fixture *self, Stranger *stranger)
{
  g_autoptr (Lp2pMultiaddr) any = lp2p_multiaddr_new_from_string ("/memory/0", NULL);
  g_autoptr (GPtrArray) bound = NULL;

  stranger->context = test_context_new (self->world);
  stranger->transport = test_plugin_new (stranger->context, "memory");
  stranger->listener = lp2p_transport_listen (stranger->transport, any, NULL);
  bound = lp2p_listener_dup_addresses (stranger->listener);
  stranger->address = lp2p_multiaddr_ref (g_ptr_array_index (bound, 0));
}

static void
stranger_clear (Stranger *stranger)
{
  lp2p_multiaddr_unref (stranger->address);
  lp2p_listener_close (stranger->listener);
  g_object_unref (stranger->listener);
  test_context_drop_inbound (stranger->context);
  test_plugin_free (stranger->transport);
  g_object_unref (stranger->context);
}

/* Waits for a connection, and tells what came on it before any answer. */
static Lp2pLayer *
stranger_accept (Fixture *self, Stranger *stranger, GByteArray *bytes)
{
  guint8 buffer[1000];
  Lp2pRawConnection *raw;
  Lp2pLayer *layer;
  gssize n;

  test_until (self->world, stranger->context->inbound.length > 0);
  raw = test_context_take_inbound (stranger->context);
  layer = lp2p_raw_connection_steal_layer (raw);
  lp2p_raw_connection_free (raw);
  test_world_advance (self->world, 100000);
  while ((n = lp2p_layer_read (layer, buffer, sizeof buffer)) > 0)
    g_byte_array_append (bytes, buffer, n);
  return layer;
}

#define PROPOSAL HEADER "\x07/noise\n"

/* How go, rust and js take what is proposed ahead, if they do not like it: a
 * refusal, then the end; or the end alone. */
static const char *const refusals[] = { HEADER "\x03na\n", HEADER "\x03na\n\x03na\n", HEADER, "" };

static void
test_redial (Fixture *self, gconstpointer data)
{
  Stranger stranger;

  stranger_init (self, &stranger);
  for (guint i = 0; i < 2 * G_N_ELEMENTS (refusals); i++)
    {
      g_autoptr (GByteArray) first = g_byte_array_new ();
      g_autoptr (GByteArray) later = g_byte_array_new ();
      const char *refusal = refusals[i / 2];
      Lp2pConnection *connection;
      GAsyncResult *result = NULL;
      Lp2pLayer *layer;

      scripted_transport_route (self->network, "one", ONE, 0, stranger.address);
      start (self, LIST (ONE), NULL, NULL, &result);
      layer = stranger_accept (self, &stranger, first);
      g_assert_cmpuint (first->len, >, strlen (PROPOSAL));
      g_assert_cmpmem (first->data, strlen (PROPOSAL), PROPOSAL, strlen (PROPOSAL));

      /* The next one is the real host; nothing is due by then. */
      scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
      if (refusal[0] != '\0')
        {
          lp2p_layer_write (layer, refusal, strlen (refusal), LP2P_WRITE_NONE);
          lp2p_layer_flush (layer);
        }
      if (i % 2 == 0)
        lp2p_layer_shutdown_write (layer);
      else
        lp2p_layer_abort (layer, 0);
      connection = finish (self, &result, NULL);
      g_assert_nonnull (connection);
      lp2p_layer_free (layer);
      drop (self, connection);
      assert_clean (self, 0);

      /* It did agree in the end, to the same: it wants to be asked. */
      scripted_transport_route (self->network, "one", ONE, 0, stranger.address);
      start (self, LIST (ONE), NULL, NULL, &result);
      layer = stranger_accept (self, &stranger, later);
      g_assert_cmpmem (later->data, later->len, PROPOSAL, strlen (PROPOSAL));
      lp2p_layer_abort (layer, 0);
      g_assert_null (finish (self, &result, NULL));
      lp2p_layer_free (layer);
      lp2p_context_set_peer_data (self->a->context, id_of (self->b), "host", "dial", NULL, 0, 0);
    }
  stranger_clear (&stranger);
}

/* A peer that took it ahead is asked so again, first where it answered. */
static void
test_remembered (Fixture *self, gconstpointer data)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  Stranger stranger;
  Lp2pConnection *connection;
  GAsyncResult *result = NULL;
  Lp2pLayer *layer;

  stranger_init (self, &stranger);
  scripted_transport_route (self->network, "one", ONE, 0, NULL);
  scripted_transport_route (self->network, "two", TWO, 0, self->to_b);
  connection = dial (self, LIST (ONE, TWO), NULL, NULL);
  g_assert_nonnull (connection);
  drop (self, connection);
  assert_log (self, "one@0 two@1");

  scripted_transport_route (self->network, "two", TWO, 0, stranger.address);
  start (self, LIST (ONE, TWO), NULL, NULL, &result);
  layer = stranger_accept (self, &stranger, bytes);
  g_assert_cmpuint (bytes->len, >, strlen (PROPOSAL));
  assert_log (self, "two@0");
  lp2p_layer_free (layer);
  connection = finish (self, &result, NULL);
  g_assert_null (connection);
  stranger_clear (&stranger);
}

/* What is remembered may be anything. */
static void
test_bad_hint (Fixture *self, gconstpointer data)
{
  static const char *const texts[] = { "", "x", "\xff\xff\xff\xff\xff\xff", "noise" };

  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GBytes) bytes = g_bytes_new_static (texts[i], strlen (texts[i]));
      Lp2pConnection *connection;

      lp2p_context_set_peer_data (self->a->context, id_of (self->b), "host", "dial", bytes, 1000, 0);
      lp2p_context_set_peer_data (self->a->context, id_of (self->b), "host", "near", bytes, 1000, 0);
      connection = dial (self, LIST (ONE), NULL, NULL);
      g_assert_nonnull (connection);
      drop (self, connection);
    }
}

/* From the dial to the first byte that the other application answers. */
static void
test_round_trips (Fixture *self, gconstpointer data)
{
  enum { ONE_WAY_US = 100 * 1000 };
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pStream) accepted = NULL;
  GAsyncResult *result = NULL;
  gint64 before, taken;

  test_host_free (self->b);
  g_clear_pointer (&self->to_b, lp2p_multiaddr_unref);
  self->b = new_host (self, "[plugin memory]\ndelay-ms=100");
  self->to_b = test_host_dup_address (self->b);
  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);

  before = self->world->now;
  start (self, LIST (ONE), NULL, NULL, &result);
  connection = finish (self, &result, NULL);
  stream = test_host_open (self->a, connection);
  test_stream_write (self->world, stream, 10, 0);
  accepted = test_host_accept (self->b);
  test_stream_expect (self->world, accepted, 10, 0);
  test_stream_write (self->world, accepted, 10, 0);
  test_stream_expect (self->world, stream, 10, 0);
  taken = self->world->now - before;
  g_assert_cmpint (taken, >=, 6 * ONE_WAY_US);
  g_assert_cmpint (taken, <, 7 * ONE_WAY_US);
}

/* Dialers that prefer something else, or propose what nobody does any more, come
 * to what both have. */
static void
test_other_preferences (Fixture *self, gconstpointer data)
{
  static const char proposals[] = HEADER "\x1d/libp2p/simultaneous-connect\n\x0b/tls/1.0.0\n\x11/plaintext/2.0.0\n\x07/noise\n";
  static const char answers[] = HEADER "\x03na\n\x03na\n\x03na\n\x07/noise\n";
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  g_autoptr (Lp2pMultiaddr) plain = lp2p_multiaddr_without_peer_id (self->to_b);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  GAsyncResult *result = NULL;
  Stranger stranger;
  Lp2pRawConnection *raw;
  Lp2pLayer *layer;
  guint8 buffer[200];
  gssize n;

  stranger_init (self, &stranger);
  lp2p_transport_dial_async (stranger.transport, plain, &options, NULL, test_take_result, &result);
  test_wait (self->world, result);
  raw = lp2p_transport_dial_finish (stranger.transport, result, NULL);
  g_clear_object (&result);
  layer = lp2p_raw_connection_steal_layer (raw);
  lp2p_raw_connection_free (raw);
  lp2p_layer_write (layer, proposals, strlen (proposals), LP2P_WRITE_NONE);
  lp2p_layer_flush (layer);
  test_world_advance (self->world, 100000);
  while ((n = lp2p_layer_read (layer, buffer, sizeof buffer)) > 0)
    g_byte_array_append (bytes, buffer, n);
  g_assert_cmpmem (bytes->data, bytes->len, answers, strlen (answers));
  lp2p_layer_free (layer);
  stranger_clear (&stranger);
}

/* Real sockets */

static void
test_loopback (void)
{
  static const char config[] = "[host]\ntransports=['tcp']\nservices=[]\nlisten=['/ip4/127.0.0.1/tcp/0']\n";
  Fixture self = { .world = test_world_new (TRUE) };
  Lp2pConnection *connection;
  g_autoptr (GPtrArray) addresses = NULL;
  g_autoptr (GError) error = NULL;
  const char *text;

  self.a = test_host_new (self.world, config);
  self.b = test_host_new (self.world, config);
  self.to_b = test_host_dup_address (self.b);
  text = lp2p_multiaddr_get_string (self.to_b);

  /* What the peer says of its own machine means ours only once it was seen there. */
  learn (&self, LIST (text));
  g_assert_null (dial (&self, NULL, NULL, &error));
  g_assert_nonnull (strstr (error->message, "the peer means its own machine"));
  g_clear_error (&error);
  connection = dial (&self, LIST ("/ip4/127.0.0.1/tcp/1", text), NULL, &error);
  g_assert_no_error (error);
  test_until (self.world, count (self.b) == 1);
  drop (&self, connection);
  connection = dial (&self, NULL, NULL, &error);
  g_assert_no_error (error);
  test_until (self.world, count (self.b) == 1);
  drop (&self, connection);

  /* Its own addresses are not dialed, whoever names them. */
  addresses = lp2p_host_dup_listen_addresses (self.a->host);
  {
    g_autoptr (Lp2pMultiaddr) own = lp2p_multiaddr_without_peer_id (g_ptr_array_index (addresses, 0));

    g_assert_null (dial (&self, LIST (lp2p_multiaddr_get_string (own)), &(Lp2pDialOptions){ .separate = TRUE }, &error));
    g_assert_nonnull (strstr (error->message, "this host listens there itself"));
  }
  lp2p_multiaddr_unref (self.to_b);
  test_host_free (self.a);
  test_host_free (self.b);
  test_world_free (self.world);
}

#define ADD(name, config, func) g_test_add ("/dial/" name, Fixture, config, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  ADD ("stagger", NULL, test_stagger);
  ADD ("failure-hurries", NULL, test_failure_hurries);
  ADD ("photo-finish", NULL, test_photo_finish);
  ADD ("wrong-peer", NULL, test_wrong_peer);
  ADD ("cancel", NULL, test_cancel);
  ADD ("share", NULL, test_share);
  ADD ("last-cancels", NULL, test_last_cancels);
  ADD ("private-dials", NULL, test_private_dials);
  ADD ("close-host", NULL, test_close_host);
  ADD ("force-direct", NULL, test_force_direct);
  ADD ("back-off", NULL, test_backoff);
  ADD ("reasons", NULL, test_reasons);
  ADD ("deadline", "dial-timeout=3", test_deadline);
  ADD ("host-limit", NULL, test_host_limit);
  ADD ("gater", NULL, test_gater);
  ADD ("both", NULL, test_both);
  ADD ("redial", NULL, test_redial);
  ADD ("remembered", NULL, test_remembered);
  ADD ("bad-hint", NULL, test_bad_hint);
  ADD ("round-trips", "[plugin memory]\ndelay-ms=100", test_round_trips);
  ADD ("other-preferences", NULL, test_other_preferences);
  g_test_add_func ("/dial/loopback", test_loopback);
  return g_test_run ();
}
