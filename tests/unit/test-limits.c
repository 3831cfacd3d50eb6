/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "host/lp2p-limits-private.h"

#include <lp2p/interfaces/lp2p-interfaces-types.h>
#include <lp2p/types/lp2p-identity.h>

#define N_PEERS 4

typedef struct
{
  Lp2pConfig *config;
  Lp2pLimits *limits;
  Lp2pPeerId *peers[N_PEERS];
  /* "peer ip" of each connection; its name is its address in memory. */
  GPtrArray *connections;
} Fixture;

static void
setup (Fixture *self, gconstpointer config)
{
  g_autoptr (GError) error = NULL;

  self->config = lp2p_config_new ();
  lp2p_config_load_data (self->config, config, strlen (config), "test", &error);
  g_assert_no_error (error);
  self->limits = lp2p_limits_new (self->config);
  self->connections = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < N_PEERS; i++)
    {
      g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);

      self->peers[i] = lp2p_peer_id_ref (lp2p_identity_get_peer_id (identity));
    }
}

static void
teardown (Fixture *self, gconstpointer config)
{
  for (guint i = 0; i < N_PEERS; i++)
    lp2p_peer_id_unref (self->peers[i]);
  lp2p_limits_free (self->limits);
  g_ptr_array_unref (self->connections);
  g_object_unref (self->config);
}

static Lp2pMultiaddr *
parse (const char *ip)
{
  g_autofree char *text = g_strconcat (ip, "/tcp/1", NULL);
  Lp2pMultiaddr *address = lp2p_multiaddr_new_from_string (text, NULL);

  g_assert_nonnull (address);
  return address;
}

static gboolean
add_address (Fixture *self, guint peer, Lp2pMultiaddr *address)
{
  g_autoptr (GError) error = NULL;
  char *name;

  if (!lp2p_limits_check_connection (self->limits, self->peers[peer], address, &error))
    {
      g_assert_error (error, LP2P_ERROR, LP2P_ERROR_LIMIT);
      return FALSE;
    }
  name = g_strdup_printf ("%u %s", peer, lp2p_multiaddr_get_string (address));
  g_ptr_array_add (self->connections, name);
  lp2p_limits_add_connection (self->limits, name, self->peers[peer], address);
  return TRUE;
}

static gboolean
add (Fixture *self, guint peer, const char *ip)
{
  g_autoptr (Lp2pMultiaddr) address = parse (ip);

  return add_address (self, peer, address);
}

static void
drop (Fixture *self, guint peer, const char *ip)
{
  g_autoptr (Lp2pMultiaddr) address = parse (ip);
  g_autofree char *name = g_strdup_printf ("%u %s", peer, lp2p_multiaddr_get_string (address));
  guint i;

  g_assert_true (g_ptr_array_find_with_equal_func (self->connections, name, g_str_equal, &i));
  lp2p_limits_remove_connection (self->limits, self->connections->pdata[i]);
  g_ptr_array_remove_index (self->connections, i);
}

static gboolean
begin (Fixture *self, const char *ip)
{
  g_autoptr (Lp2pMultiaddr) address = parse (ip);

  return lp2p_limits_begin_handshake (self->limits, address, NULL);
}

static gboolean
is_crowded (Fixture *self, const char *ip)
{
  g_autoptr (Lp2pMultiaddr) address = parse (ip);

  return lp2p_limits_is_crowded (self->limits, address);
}

static gboolean
has_place (Fixture *self, const char *ip)
{
  g_autoptr (Lp2pMultiaddr) address = parse (ip);

  return lp2p_limits_has_place (self->limits, address);
}

static gboolean
same_ip (const char *ip, const char *other)
{
  g_autoptr (Lp2pMultiaddr) address = parse (ip);
  g_autoptr (Lp2pMultiaddr) other_address = parse (other);

  return lp2p_limits_same_ip (address, other_address);
}

static void
end (Fixture *self, const char *ip)
{
  g_autoptr (Lp2pMultiaddr) address = parse (ip);

  lp2p_limits_end_handshake (self->limits, address);
}

static void
test_total (Fixture *self, gconstpointer config)
{
  g_assert_true (add (self, 0, "/ip4/192.0.2.1"));
  g_assert_true (add (self, 1, "/ip4/198.51.100.1"));
  g_assert_false (add (self, 2, "/ip4/203.0.113.1"));
  /* An outbound handshake would come to nothing either. */
  g_assert_false (begin (self, "/ip4/203.0.113.1"));
  drop (self, 0, "/ip4/192.0.2.1");
  g_assert_true (add (self, 2, "/ip4/203.0.113.1"));

  /* It holds as soon as it is set. */
  lp2p_config_set_from_string (self->config, "host", "max-connections", "3", NULL);
  g_assert_true (add (self, 3, "/ip4/192.0.2.1"));
}

static void
test_peer (Fixture *self, gconstpointer config)
{
  g_assert_true (add (self, 0, "/ip4/192.0.2.1"));
  g_assert_true (add (self, 0, "/ip4/198.51.100.1"));
  g_assert_false (add (self, 0, "/ip4/203.0.113.1"));
  g_assert_true (add (self, 1, "/ip4/203.0.113.1"));
  drop (self, 0, "/ip4/192.0.2.1");
  g_assert_true (add (self, 0, "/ip4/203.0.113.1"));
}

static void
test_address (Fixture *self, gconstpointer config)
{
  g_assert_true (add (self, 0, "/ip4/192.0.2.1"));
  g_assert_true (add (self, 1, "/ip6/::ffff:192.0.2.1"));
  g_assert_false (add (self, 2, "/ip4/192.0.2.1"));
  g_assert_true (add (self, 2, "/ip4/192.0.2.2"));
  /* The subnet has three now. */
  g_assert_false (add (self, 3, "/ip4/192.0.2.3"));
  g_assert_true (add (self, 3, "/ip4/192.0.3.3"));
  drop (self, 1, "/ip6/::ffff:192.0.2.1");
  g_assert_true (add (self, 3, "/ip4/192.0.2.1"));
}

static void
test_address6 (Fixture *self, gconstpointer config)
{
  g_assert_true (add (self, 0, "/ip6/2001:db8:1:2::1"));
  g_assert_true (add (self, 0, "/ip6/2001:db8:1:2:ffff::2"));
  g_assert_false (add (self, 0, "/ip6/2001:db8:1:2::3"));
  g_assert_true (add (self, 0, "/ip6/2001:db8:1:3::1"));
  g_assert_false (add (self, 0, "/ip6/2001:db8:1:4::1"));
  g_assert_true (add (self, 0, "/ip6/2001:db8:2:4::1"));
}

/* The interface stands before the address of a neighbour. */
static void
test_link_local (Fixture *self, gconstpointer config)
{
  g_assert_true (add (self, 0, "/ip6zone/eth0/ip6/fe80::1"));
  g_assert_true (add (self, 1, "/ip6zone/eth0/ip6/fe80::1"));
  g_assert_false (add (self, 2, "/ip6zone/eth0/ip6/fe80::1"));
  g_assert_true (same_ip ("/ip6zone/eth0/ip6/fe80::1", "/ip6zone/eth0/ip6/fe80::2"));
  g_assert_true (add (self, 2, "/ip4/192.0.2.1"));
}

static void
test_no_address (Fixture *self, gconstpointer config)
{
  g_autoptr (Lp2pMultiaddr) memory = lp2p_multiaddr_new_from_string ("/memory/1", NULL);
  g_autofree char *text = g_strdup_printf ("/ip4/192.0.2.1/tcp/1/p2p/%s/p2p-circuit", lp2p_peer_id_get_string (self->peers[3]));
  g_autoptr (Lp2pMultiaddr) relayed = lp2p_multiaddr_new_from_string (text, NULL);

  for (guint i = 0; i < 5; i++)
    {
      g_assert_true (add_address (self, 0, memory));
      g_assert_true (add_address (self, 0, relayed));
      g_assert_true (add (self, 0, "/ip4/127.0.0.1"));
      g_assert_true (add (self, 0, "/ip6/::1"));
    }
}

static void
test_handshakes (Fixture *self, gconstpointer config)
{
  g_assert_false (is_crowded (self, "/ip4/127.0.0.1"));
  g_assert_true (begin (self, "/ip4/127.0.0.1"));
  g_assert_true (is_crowded (self, "/ip4/127.0.0.1"));
  g_assert_false (is_crowded (self, "/ip4/192.0.2.1"));
  g_assert_true (begin (self, "/ip4/127.0.0.1"));
  g_assert_false (begin (self, "/ip4/127.0.0.1"));
  g_assert_false (has_place (self, "/ip4/127.0.0.1"));
  g_assert_true (has_place (self, "/ip4/192.0.2.1"));
  g_assert_true (is_crowded (self, "/ip4/192.0.2.1"));
  g_assert_true (begin (self, "/ip4/192.0.2.1"));
  g_assert_true (begin (self, "/ip4/192.0.2.2"));
  g_assert_false (begin (self, "/ip4/192.0.2.3"));
  end (self, "/ip4/127.0.0.1");
  g_assert_true (begin (self, "/ip4/127.0.0.1"));
  g_assert_false (begin (self, "/ip4/127.0.0.1"));

  g_assert_true (same_ip ("/ip4/192.0.2.1", "/ip6/::ffff:192.0.2.1"));
  g_assert_false (same_ip ("/ip4/192.0.2.1", "/ip4/192.0.2.2"));
  g_assert_true (same_ip ("/ip6/2001:db8::1", "/ip6/2001:db8::2"));
  g_assert_false (same_ip ("/ip6/2001:db8::1", "/ip4/192.0.2.1"));
  g_assert_false (same_ip ("/memory/1", "/memory/1"));
}

static void
test_streams (Fixture *self, gconstpointer config)
{
  g_autoptr (GError) error = NULL;
  gpointer *connections;

  /* Two of one peer, one of each other. */
  g_assert_true (add (self, 0, "/ip4/192.0.2.1"));
  g_assert_true (add (self, 0, "/ip4/192.0.2.2"));
  g_assert_true (add (self, 1, "/ip4/192.0.2.3"));
  g_assert_true (add (self, 2, "/ip4/192.0.2.4"));
  connections = self->connections->pdata;

  g_assert_true (lp2p_limits_add_stream (self->limits, connections[0], NULL));
  g_assert_true (lp2p_limits_add_stream (self->limits, connections[1], NULL));
  g_assert_false (lp2p_limits_add_stream (self->limits, connections[0], &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "max-streams-per-peer"));
  g_assert_nonnull (strstr (error->message, lp2p_peer_id_get_string (self->peers[0])));
  g_assert_true (lp2p_limits_add_stream (self->limits, connections[2], NULL));
  g_assert_false (lp2p_limits_add_stream (self->limits, connections[3], NULL));
  lp2p_limits_remove_stream (self->limits, connections[0]);
  g_assert_true (lp2p_limits_add_stream (self->limits, connections[3], NULL));

  /* A connection takes its streams along. */
  g_assert_false (lp2p_limits_add_stream (self->limits, connections[0], NULL));
  drop (self, 1, "/ip4/192.0.2.3");
  g_assert_true (lp2p_limits_add_stream (self->limits, connections[0], NULL));
  drop (self, 0, "/ip4/192.0.2.1");
  drop (self, 0, "/ip4/192.0.2.2");
  g_assert_true (add (self, 0, "/ip4/192.0.2.1"));
  connections = self->connections->pdata;
  g_assert_true (lp2p_limits_add_stream (self->limits, connections[1], NULL));
  g_assert_true (lp2p_limits_add_stream (self->limits, connections[1], NULL));
  g_assert_false (lp2p_limits_add_stream (self->limits, connections[0], NULL));
}

static void
end_wrongly (Fixture *self, const char *ip)
{
  g_test_expect_message ("lp2p", G_LOG_LEVEL_CRITICAL, "*assertion*failed*");
  end (self, ip);
  g_test_assert_expected_messages ();
}

/* Whoever ends one that is none must not shut everybody out. */
static void
test_ended_twice (Fixture *self, gconstpointer config)
{
  g_assert_true (begin (self, "/ip4/192.0.2.1"));
  end (self, "/ip4/192.0.2.1");
  end_wrongly (self, "/ip4/192.0.2.1");
  g_assert_true (begin (self, "/ip4/192.0.2.1"));
  end_wrongly (self, "/ip4/192.0.2.2");
  g_assert_false (is_crowded (self, "/ip4/192.0.2.2"));
  g_assert_true (begin (self, "/ip4/192.0.2.2"));
  g_assert_true (begin (self, "/ip4/192.0.2.2"));
  g_assert_false (begin (self, "/ip4/192.0.2.2"));
}

static void
assert_refused (Fixture *self, guint peer, const char *ip, const char *message)
{
  g_autoptr (Lp2pMultiaddr) address = parse (ip);
  g_autoptr (GError) error = NULL;

  g_assert_false (lp2p_limits_check_connection (self->limits, self->peers[peer], address, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_LIMIT);
  g_assert_cmpstr (error->message, ==, message);
}

/* An error says which limit was met, and by whom. */
static void
test_messages (Fixture *self, gconstpointer config)
{
  g_autofree char *of_peer = g_strdup_printf ("All 1 of max-connections-per-peer are in use by %s",
                                              lp2p_peer_id_get_string (self->peers[0]));

  g_assert_true (add (self, 0, "/ip4/192.0.2.1"));
  assert_refused (self, 0, "/ip4/198.51.100.1", of_peer);
  assert_refused (self, 1, "/ip4/192.0.2.1", "All 1 of max-connections-per-ip are in use by /ip4/192.0.2.1/tcp/1");
  g_assert_true (add (self, 1, "/ip4/198.51.100.1"));
  assert_refused (self, 2, "/ip4/203.0.113.1", "All 2 of max-connections are in use");
}

#define HOST "[host]\n"

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    const char *config;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/limits/total", HOST "max-connections=2\n", test_total },
    { "/limits/peer", HOST "max-connections-per-peer=2\n", test_peer },
    { "/limits/address", HOST "max-connections-per-ip=2\nmax-connections-per-subnet=3\n", test_address },
    { "/limits/address6", HOST "max-connections-per-ip=2\nmax-connections-per-subnet=3\n", test_address6 },
    { "/limits/link-local", HOST "max-connections-per-ip=2\n", test_link_local },
    { "/limits/no-address", HOST "max-connections-per-ip=1\nmax-connections-per-peer=100\n", test_no_address },
    { "/limits/handshakes", HOST "max-half-open=4\nmax-half-open-per-ip=2\n", test_handshakes },
    { "/limits/ended-twice", HOST "max-half-open=4\nmax-half-open-per-ip=2\n", test_ended_twice },
    { "/limits/messages", HOST "max-connections=2\nmax-connections-per-ip=1\nmax-connections-per-peer=1\n",
      test_messages },
    { "/limits/streams", HOST "max-streams=3\nmax-streams-per-peer=2\n", test_streams },
  };

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, Fixture, tests[i].config, setup, tests[i].test, teardown);
  return g_test_run ();
}
