/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a host dials a peer that has several addresses. */

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "dial-fixture.h"
#include "mock-proxy.h"
#include "mock-resolver.h"
#include "net/lp2p-tcp-hub-private.h"

/* Racing */

static void
test_stagger (DialFixture *self, gconstpointer data)
{
  g_autoptr (Lp2pConnection) connection = NULL;

  scripted_transport_route (self->network, "one", ONE, -1, NULL);
  scripted_transport_route (self->network, "two", TWO, 20, self->to_b);
  scripted_transport_route (self->network, "fast", FAST, -1, NULL);
  connection = dial (self, LIST (ONE, TWO, FAST), NULL, NULL);
  g_assert_nonnull (connection);
  dial_assert_log (self, "fast@0 one@250 two@500");
  dial_assert_clean (self, 1);
}

static void
test_failure_hurries (DialFixture *self, gconstpointer data)
{
  g_autoptr (Lp2pConnection) connection = NULL;

  scripted_transport_route (self->network, "one", ONE, 10, NULL);
  scripted_transport_route (self->network, "two", TWO, 10, NULL);
  scripted_transport_route (self->network, "three", THREE, 10, self->to_b);
  connection = dial (self, LIST (ONE, TWO, THREE), NULL, NULL);
  g_assert_nonnull (connection);
  dial_assert_log (self, "one@0 two@10 three@20");
  dial_assert_clean (self, 1);
}

/* However close the race, one is left. */
static void
test_photo_finish (DialFixture *self, gconstpointer data)
{
  for (int lead = -3; lead <= 3; lead++)
    {
      Lp2pConnection *connection;

      scripted_transport_route (self->network, "one", ONE, 250 + 10 + lead, self->to_b);
      scripted_transport_route (self->network, "two", TWO, 10, self->to_b);
      connection = dial (self, LIST (ONE, TWO), NULL, NULL);
      g_assert_nonnull (connection);
      dial_assert_clean (self, 1);
      dial_drop (self, connection);
    }
}

static void
test_wrong_peer (DialFixture *self, gconstpointer data)
{
  TestHost *c = dial_new_host (self, "");
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
  g_assert_true (lp2p_peer_id_equal (lp2p_connection_get_remote_peer (connection), dial_peer (self->b)));
  dial_assert_clean (self, 1);
  g_assert_cmpuint (dial_count (c), ==, 0);
  test_host_free (c);
}

/* Cancelling and sharing */

static void
test_cancel (DialFixture *self, gconstpointer data)
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

      dial_start (self, LIST (ONE, TWO, THREE), NULL, cancellable, &result);
      for (guint i = 0; i < steps && result == NULL; i++)
        if (!g_main_context_iteration (self->world->context, FALSE))
          test_world_jump (self->world, 5000);
      over = result != NULL;
      g_cancellable_cancel (cancellable);
      g_main_context_iteration (self->world->context, FALSE);
      connection = dial_finish (self, &result, &error);
      g_assert_true (connection != NULL || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
      test_world_advance (self->world, G_USEC_PER_SEC);
      /* It stays with the host when it was made before. */
      g_assert_cmpuint (dial_count (self->a), <=, 1);
      if (connection == NULL && dial_count (self->a) == 1)
        connection = g_object_ref (g_ptr_array_index (dial_swarm (self->a)->all_connections, 0));
      if (connection != NULL)
        dial_drop (self, connection);
      dial_assert_clean (self, 0);
    }
}

static void
test_share (DialFixture *self, gconstpointer data)
{
  GCancellable *cancellables[3] = { g_cancellable_new (), g_cancellable_new (), g_cancellable_new () };
  GAsyncResult *results[3] = { NULL };
  g_autoptr (Lp2pConnection) second = NULL;
  g_autoptr (Lp2pConnection) third = NULL;
  g_autoptr (GError) error = NULL;

  scripted_transport_route (self->network, "one", ONE, -1, NULL);
  scripted_transport_route (self->network, "two", TWO, 100, self->to_b);
  dial_start (self, LIST (ONE), NULL, cancellables[0], &results[0]);
  dial_start (self, LIST (ONE), NULL, cancellables[1], &results[1]);
  test_world_advance (self->world, 10000);
  /* Who comes later may know more. */
  dial_start (self, LIST (TWO), NULL, cancellables[2], &results[2]);
  g_cancellable_cancel (cancellables[0]);
  g_assert_null (dial_finish (self, &results[0], &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_null (results[1]);
  second = dial_finish (self, &results[1], NULL);
  third = dial_finish (self, &results[2], NULL);
  g_assert_nonnull (second);
  g_assert_true (second == third);
  dial_assert_log (self, "one@0 two@250");
  dial_assert_clean (self, 1);
  for (guint i = 0; i < 3; i++)
    g_object_unref (cancellables[i]);
}

static void
test_last_cancels (DialFixture *self, gconstpointer data)
{
  GCancellable *cancellables[2] = { g_cancellable_new (), g_cancellable_new () };
  GAsyncResult *results[2] = { NULL };

  scripted_transport_route (self->network, "one", ONE, -1, NULL);
  for (guint i = 0; i < 2; i++)
    dial_start (self, LIST (ONE), NULL, cancellables[i], &results[i]);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_cmpuint (self->network->n_pending, ==, 1);
      g_cancellable_cancel (cancellables[i]);
      g_assert_null (dial_finish (self, &results[i], &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_object_unref (cancellables[i]);
    }
  dial_assert_clean (self, 0);
  dial_assert_log (self, "one@0");

  /* That was not the address's fault. */
  dial_learn (self, LIST (ONE));
  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  {
    g_autoptr (Lp2pConnection) connection = dial (self, NULL, NULL, NULL);

    g_assert_nonnull (connection);
  }
}

static void
test_private_dials (DialFixture *self, gconstpointer data)
{
  Lp2pDialOptions options[] = {
    { .separate = TRUE },
    { .force_direct = TRUE },
    { .security_role = LP2P_ROLE_INITIATOR },
  };
  GAsyncResult *results[4] = { NULL };

  scripted_transport_route (self->network, "one", ONE, 10, self->to_b);
  dial_start (self, LIST (ONE), NULL, NULL, &results[3]);
  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    dial_start (self, LIST (ONE), &options[i], NULL, &results[i]);
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (Lp2pConnection) connection = dial_finish (self, &results[i], NULL);

      g_assert_nonnull (connection);
    }
  dial_assert_log (self, "one@0 one@0 one@0 one@0");
  dial_assert_clean (self, 4);
}

static void
test_close_host (DialFixture *self, gconstpointer data)
{
  GAsyncResult *result = NULL;
  g_autoptr (GError) error = NULL;

  scripted_transport_route (self->network, "one", ONE, -1, NULL);
  dial_start (self, LIST (ONE), NULL, NULL, &result);
  test_world_settle (self->world);
  test_host_close (self->a);
  g_assert_null (dial_finish (self, &result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

/* Relays */

static void
test_force_direct (DialFixture *self, gconstpointer data)
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
  dial_learn (self, LIST (RELAYED, ONE));
  over_relay = dial (self, NULL, &limited, NULL);
  g_assert_true (lp2p_connection_get_limited (over_relay));
  dial_assert_log (self, "one@0");
  again = dial (self, NULL, &limited, NULL);
  g_assert_true (again == over_relay);

  /* Neither the connection nor the address over the relay counts, and the failure
   * of before does not either. */
  g_assert_null (dial (self, NULL, &options, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_assert_nonnull (strstr (error->message, "a direct connection is wanted"));
  dial_assert_log (self, "one@0");
  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  direct = dial (self, NULL, &options, NULL);
  g_assert_false (lp2p_connection_get_limited (direct));
  dial_assert_clean (self, 2);
}

/* Back-off */

static void
test_backoff (DialFixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  Lp2pConnection *connection;

  scripted_transport_route (self->network, "one", ONE, 0, NULL);
  dial_learn (self, LIST (ONE));
  g_assert_null (dial (self, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_clear_error (&error);
  dial_assert_log (self, "one@0");

  /* As far as anybody can tell that is why it fails again. */
  g_assert_null (dial (self, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_assert_nonnull (strstr (error->message, "it failed a short time ago ("));
  g_assert_nonnull (strstr (error->message, "), the next attempt is due in 5.0 s"));
  g_clear_error (&error);
  dial_assert_log (self, "");

  /* Who names it gets it dialed. */
  g_assert_null (dial (self, LIST (ONE), NULL, NULL));
  dial_assert_log (self, "one@0");

  /* A success makes up for all failures. */
  test_world_advance (self->world, 7 * G_USEC_PER_SEC);
  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  connection = dial (self, NULL, NULL, NULL);
  g_assert_nonnull (connection);
  dial_drop (self, connection);
  scripted_transport_route (self->network, "one", ONE, 0, NULL);
  g_assert_null (dial (self, NULL, NULL, NULL));
  g_assert_null (dial (self, NULL, NULL, &error));
  g_assert_nonnull (strstr (error->message, "is due in 5.0 s"));
  dial_assert_clean (self, 0);
}

/* UDP that always comes too late is not tried any more, except where it is named. */
static void
test_black_hole (DialFixture *self, gconstpointer data)
{
  ScriptedTransport *udp = scripted_transport_new (self->a, FALSE);
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  udp->datagram = TRUE;
  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  scripted_transport_route (udp, "fast", FAST, -1, NULL);
  for (guint i = 0; i < 100; i++)
    {
      /* It would be tried last, knowing the peer and the dials before. */
      lp2p_host_forget_peer (self->a->host, dial_peer (self->b));
      dial_swarm (self->a)->dials->udp.n_lost = 0;
      connection = dial (self, LIST (FAST, ONE), NULL, &error);
      g_assert_no_error (error);
      dial_drop (self, g_steal_pointer (&connection));
    }
  dial_assert_clean (self, 0);
  /* Where it was found so far is out of the question. */
  lp2p_host_forget_peer (self->a->host, lp2p_host_get_peer_id (self->b->host));
  dial_learn (self, LIST (FAST));
  g_string_truncate (udp->log, 0);
  g_assert_null (dial (self, NULL, NULL, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NO_ADDRESS);
  g_assert_nonnull (strstr (error->message, "UDP leads nowhere from this network"));
  g_assert_cmpstr (udp->log->str, ==, "");
  scripted_transport_route (udp, "fast", FAST, 0, self->to_b);
  connection = dial (self, LIST (FAST), NULL, NULL);
  g_assert_nonnull (connection);
  dial_drop (self, g_steal_pointer (&connection));
  /* That it led there shows that something has changed. */
  connection = dial (self, NULL, NULL, NULL);
  g_assert_nonnull (connection);
}

/* Names */

/* Nothing waits for a name but the addresses behind it; what a peer names may not
 * lead into a private network. */
static void
test_names (DialFixture *self, gconstpointer data)
{
  MockResolver *resolver = mock_resolver_install ();
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;

  mock_resolver_add_address (resolver, "b.example", "203.0.113.2");
  mock_resolver_add_address (resolver, "b.example", "203.0.113.3");
  mock_resolver_add_address (resolver, "trap.example", "10.99.98.97");
  scripted_transport_route (self->network, "one", ONE, 10, NULL);
  scripted_transport_route (self->network, "two", TWO, 10, NULL);
  scripted_transport_route (self->network, "three", THREE, 10, self->to_b);
  dial_learn (self, LIST ("/dns4/trap.example/tcp/1"));
  g_assert_null (dial (self, NULL, NULL, &error));
  g_assert_nonnull (strstr (error->message, "/ip4/10.99.98.97/tcp/1: not dialed: it is in a private network"));
  g_clear_error (&error);

  resolver->hold = TRUE;
  self->network->epoch = self->world->now;
  dial_start (self, LIST ("/dns4/b.example/tcp/1", ONE), NULL, NULL, &result);
  test_world_advance (self->world, 100 * 1000);
  g_assert_null (result);
  mock_resolver_release (resolver);
  connection = dial_finish (self, &result, &error);
  g_assert_no_error (error);
  dial_assert_log (self, "one@0 two=b.example@100 three=b.example@110");
  dial_assert_clean (self, 1);
  mock_resolver_remove (resolver);
}

/* Errors */

static void
test_reasons (DialFixture *self, gconstpointer data)
{
  static const char *const expected[] = {
    ONE ": refused",
    TWO ": no answer within 10 seconds",
    "/ip4/127.0.0.1/tcp/5: not dialed: the peer means its own machine",
    "/ip4/10.99.98.97/tcp/5: not dialed: it is in a private network",
    "/ip4/0.0.0.0/tcp/5: not dialed: it is not the address of one machine",
    "/unix/socket: no enabled transport can dial it",
    "/dns4/nowhere.example/tcp/1: ",
    "not dialed: it is the address of another peer",
  };
  g_autoptr (Lp2pMultiaddr) other = lp2p_multiaddr_new_from_string (THREE "/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN", NULL);
  MockResolver *resolver = mock_resolver_install ();
  g_autoptr (GError) error = NULL;

  scripted_transport_route (self->network, "one", ONE, 5, NULL);
  scripted_transport_route (self->network, "two", TWO, -1, NULL);
  dial_learn (self, LIST (TWO, ONE, "/ip4/127.0.0.1/tcp/5", "/ip4/10.99.98.97/tcp/5", "/ip4/0.0.0.0/tcp/5", "/unix/socket",
                     "/dns4/nowhere.example/tcp/1"));
  g_assert_null (dial (self, LIST (lp2p_multiaddr_get_string (other)), NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_test_message ("%s in %s", expected[i], error->message);
      if (strstr (error->message, expected[i]) == NULL)
        g_error ("no \"%s\" in %s", expected[i], error->message);
    }
  dial_assert_clean (self, 0);
  mock_resolver_remove (resolver);
}

/* An address of this machine that others see; NULL where there is none. */
static char *
find_own_address (void)
{
  struct ifaddrs *first = NULL;
  char *found = NULL;

  g_assert_no_errno (getifaddrs (&first));
  for (struct ifaddrs *item = first; item != NULL && found == NULL; item = item->ifa_next)
    if (item->ifa_addr != NULL && item->ifa_addr->sa_family == AF_INET && (item->ifa_flags & IFF_LOOPBACK) == 0)
      {
        const struct sockaddr_in *in = (const struct sockaddr_in *) item->ifa_addr;
        g_autoptr (GInetAddress) address =
            g_inet_address_new_from_bytes ((const guint8 *) &in->sin_addr, G_SOCKET_FAMILY_IPV4);
        g_autofree char *text = g_inet_address_to_string (address);

        found = g_strdup_printf ("/ip4/%s/tcp/1", text);
      }
  freeifaddrs (first);
  return found;
}

/* A peer that lists an address of this machine is here only where it answered, or where
 * somebody says so who knows: else it would have us knock at the ports of others. */
static void
test_claims_to_be_here (DialFixture *self, gconstpointer data)
{
  g_autofree char *here = find_own_address ();
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  if (here == NULL)
    {
      g_test_skip ("missing: an interface with an IPv4 address");
      return;
    }
  scripted_transport_route (self->network, "here", here, 5, NULL);
  scripted_transport_route (self->network, "port", "/ip4/127.0.0.1/tcp/5", 5, NULL);
  dial_learn (self, LIST (here, "/ip4/127.0.0.1/tcp/5"));
  g_assert_null (dial (self, NULL, NULL, &error));
  g_assert_nonnull (strstr (error->message, "/ip4/127.0.0.1/tcp/5: not dialed: the peer means its own machine"));
  g_clear_error (&error);

  test_world_jump (self->world, 1000 * G_USEC_PER_SEC);
  scripted_transport_route (self->network, "here", here, 5, self->to_b);
  connection = dial (self, NULL, NULL, &error);
  g_assert_no_error (error);
  dial_drop (self, g_steal_pointer (&connection));
  scripted_transport_route (self->network, "here", here, 5, NULL);
  g_assert_null (dial (self, NULL, NULL, &error));
  g_assert_nonnull (strstr (error->message, "/ip4/127.0.0.1/tcp/5: refused"));
  dial_assert_clean (self, 0);
}

/* A peer that lists many names, which stand for many others, has few of them looked up. */
static void
test_many_names (DialFixture *self, gconstpointer data)
{
  MockResolver *resolver = mock_resolver_install ();
  g_auto (GStrv) names = g_new0 (char *, 31);
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;

  for (guint i = 0; i < 30; i++)
    {
      g_autofree char *domain = g_strdup_printf ("_dnsaddr.%u.example", i);

      names[i] = g_strdup_printf ("/dnsaddr/%u.example", i);
      for (guint j = 0; j < 20; j++)
        {
          g_autofree char *record = g_strdup_printf ("dnsaddr=/dns4/%u.%u.example/tcp/1", j, i);

          mock_resolver_add_txt (resolver, domain, record, NULL);
        }
    }
  dial_learn (self, (const char *const *) names);
  resolver->hold = TRUE;
  dial_start (self, NULL, NULL, NULL, &result);
  while (result == NULL)
    {
      mock_resolver_release (resolver);
      test_world_settle (self->world);
    }
  g_assert_null (dial_finish (self, &result, &error));
  g_assert_cmpuint (resolver->asked->len, ==, 64);
  g_assert_cmpuint (resolver->most_held, >, 4);
  g_assert_cmpuint (resolver->most_held, <=, 16);
  g_assert_nonnull (strstr (error->message, "all look-ups are used up by other addresses of the peer"));
  dial_assert_clean (self, 0);
  mock_resolver_remove (resolver);
}

/* A transport that waited for nothing in particular adds nothing to that. */
static void
test_silence (DialFixture *self, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_without_peer_id (self->to_b);
  const char *text = lp2p_multiaddr_get_string (address);
  g_autofree char *expected = g_strdup_printf ("Cannot connect: %s: no answer within 10 seconds", text);
  g_autoptr (GError) error = NULL;

  g_assert_null (dial (self, LIST (text), NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpstr (error->message, ==, expected);
  dial_assert_clean (self, 0);
}

static void
test_deadline (DialFixture *self, gconstpointer data)
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
  dial_assert_clean (self, 0);
}

/* Bounds */

static void
test_host_limit (DialFixture *self, gconstpointer data)
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
  dial_assert_clean (self, 0);
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
test_gater (DialFixture *self, gconstpointer data)
{
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  dial_swarm (self->a)->dials->gater = refuse_one;
  scripted_transport_route (self->network, "two", TWO, 0, self->to_b);
  g_assert_null (dial (self, LIST (ONE), NULL, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_REFUSED_BY_GATER);
  connection = dial (self, LIST (ONE, TWO), NULL, NULL);
  g_assert_nonnull (connection);
}

/* Both at once */

static void
test_both (DialFixture *self, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) to_a = test_host_dup_address (self->a);
  g_autoptr (Lp2pConnection) from_a = NULL;
  g_autoptr (Lp2pConnection) from_b = NULL;
  GAsyncResult *results[2] = { NULL };

  scripted_transport_route (self->network, "one", ONE, 0, self->to_b);
  dial_start (self, LIST (ONE), NULL, NULL, &results[0]);
  lp2p_host_connect_async (self->b->host, to_a, NULL, test_take_result, &results[1]);
  from_a = dial_finish (self, &results[0], NULL);
  test_wait (self->world, results[1]);
  from_b = lp2p_host_connect_finish (self->b->host, results[1], NULL);
  g_clear_object (&results[1]);
  g_assert_cmpint (lp2p_connection_get_direction (from_a), ==, LP2P_ROLE_INITIATOR);
  g_assert_cmpint (lp2p_connection_get_direction (from_b), ==, LP2P_ROLE_INITIATOR);
  dial_assert_clean (self, 2);

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (Lp2pStream) stream = test_host_open (i == 0 ? self->a : self->b, i == 0 ? from_a : from_b);
      g_autoptr (Lp2pStream) accepted = NULL;

      test_stream_write (self->world, stream, 100, 0);
      accepted = test_host_accept (i == 0 ? self->b : self->a);
      test_stream_expect (self->world, accepted, 100, 0);
    }
}

/* Real sockets */

static void
test_loopback (void)
{
  static const char config[] = "[host]\ntransports=['tcp']\nservices=[]\nlisten=['/ip4/127.0.0.1/tcp/0']\n";
  DialFixture self = { .world = test_world_new (TRUE) };
  Lp2pConnection *connection;
  g_autoptr (GPtrArray) addresses = NULL;
  g_autoptr (GError) error = NULL;
  const char *text;

  self.a = test_host_new (self.world, config);
  self.b = test_host_new (self.world, config);
  self.to_b = test_host_dup_address (self.b);
  text = lp2p_multiaddr_get_string (self.to_b);

  /* What the peer says of its own machine means ours only once it was seen there. */
  dial_learn (&self, LIST (text));
  g_assert_null (dial (&self, NULL, NULL, &error));
  g_assert_nonnull (strstr (error->message, "the peer means its own machine"));
  g_clear_error (&error);
  connection = dial (&self, LIST ("/ip4/127.0.0.1/tcp/1", text), NULL, &error);
  g_assert_no_error (error);
  test_until (self.world, dial_count (self.b) == 1);
  dial_drop (&self, connection);
  connection = dial (&self, NULL, NULL, &error);
  g_assert_no_error (error);
  test_until (self.world, dial_count (self.b) == 1);
  dial_drop (&self, connection);

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

/* A proxy on this machine is not led to this machine either. */
static void
assert_refuses_told (DialFixture *self, const char *name)
{
  const char *port = strstr (lp2p_multiaddr_get_string (self->to_b), "/tcp/");
  g_autofree char *address = g_strconcat ("/dns4/", name, port, NULL);
  g_autoptr (GError) error = NULL;

  dial_learn (self, LIST (address));
  g_assert_null (dial (self, NULL, &(Lp2pDialOptions){ .force_direct = TRUE }, &error));
  g_assert_nonnull (strstr (error->message, "not dialed: the peer means its own machine"));
}

static void
use_proxies (TestHost *host, const char *first, const char *second)
{
  g_autoptr (MockProxies) proxies = mock_proxies_new (first, second, NULL);

  lp2p_tcp_hub_set_proxy_resolver (dial_swarm (host)->tcp_hub, G_PROXY_RESOLVER (proxies));
}

/* A name that stays one for a proxy leads a peer's victim nowhere that its address would
 * not, and is looked up only where a direct connection is one of the ways. */
static void
test_proxies (void)
{
  static const char config[] = "[host]\ntransports=['tcp']\nservices=[]\nlisten=['/ip4/127.0.0.1/tcp/0']\n";
  DialFixture self = { .world = test_world_new (TRUE) };
  MockResolver *resolver = mock_resolver_install ();
  Lp2pConnection *connection;
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;

  self.a = test_host_new (self.world, config);
  self.b = test_host_new (self.world, config);
  self.to_b = test_host_dup_address (self.b);
  name = g_strconcat ("/dns4/trap.example", strstr (lp2p_multiaddr_get_string (self.to_b), "/tcp/"), NULL);
  mock_resolver_add_address (resolver, "trap.example", "127.0.0.1");

  use_proxies (self.a, "socks5://127.0.0.1:1", NULL);
  g_assert_null (dial (&self, LIST (name), NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PROXY_FAILED);
  g_clear_error (&error);
  assert_refuses_told (&self, "127.0.0.1");
  assert_refuses_told (&self, "LocalHost");
  assert_refuses_told (&self, "trap.localhost");
  g_assert_cmpuint (resolver->asked->len, ==, 0);

  use_proxies (self.a, "socks5://127.0.0.1:1", "direct://");
  assert_refuses_told (&self, "trap.example");
  g_assert_cmpuint (resolver->asked->len, >, 0);
  g_assert_cmpuint (dial_count (self.b), ==, 0);

  connection = dial (&self, LIST (name), NULL, &error);
  g_assert_no_error (error);
  test_until (self.world, dial_count (self.b) == 1);
  dial_drop (&self, connection);
  mock_resolver_remove (resolver);
  lp2p_multiaddr_unref (self.to_b);
  test_host_free (self.a);
  test_host_free (self.b);
  test_world_free (self.world);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  dial_add_test ("/dial/stagger", NULL, test_stagger);
  dial_add_test ("/dial/failure-hurries", NULL, test_failure_hurries);
  dial_add_test ("/dial/photo-finish", NULL, test_photo_finish);
  dial_add_test ("/dial/wrong-peer", NULL, test_wrong_peer);
  dial_add_test ("/dial/cancel", NULL, test_cancel);
  dial_add_test ("/dial/share", NULL, test_share);
  dial_add_test ("/dial/last-cancels", NULL, test_last_cancels);
  dial_add_test ("/dial/private-dials", NULL, test_private_dials);
  dial_add_test ("/dial/close-host", NULL, test_close_host);
  dial_add_test ("/dial/force-direct", NULL, test_force_direct);
  dial_add_test ("/dial/back-off", NULL, test_backoff);
  dial_add_test ("/dial/black-hole", NULL, test_black_hole);
  dial_add_test ("/dial/names", NULL, test_names);
  dial_add_test ("/dial/reasons", NULL, test_reasons);
  dial_add_test ("/dial/silence", "[plugin memory]\ndelay-ms=60000", test_silence);
  dial_add_test ("/dial/deadline", "dial-timeout=3", test_deadline);
  dial_add_test ("/dial/host-limit", NULL, test_host_limit);
  dial_add_test ("/dial/gater", NULL, test_gater);
  dial_add_test ("/dial/both", NULL, test_both);
  dial_add_test ("/dial/claims-to-be-here", NULL, test_claims_to_be_here);
  dial_add_test ("/dial/many-names", NULL, test_many_names);
  g_test_add_func ("/dial/loopback", test_loopback);
  g_test_add_func ("/dial/proxies", test_proxies);
  return g_test_run ();
}
