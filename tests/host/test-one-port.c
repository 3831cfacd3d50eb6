/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A host that listens on one port in several ways, as its configuration says. */

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test-host.h"

#define TCP_CONFIG \
  "[plugin wss]\n" \
  "certificate='" TLS_FIXTURES "/localhost.pem'\n" \
  "private-key='" TLS_FIXTURES "/localhost-key.pem'\n" \
  "ca-file='" TLS_FIXTURES "/localhost.pem'\n" \
  "[host]\n" \
  "transports=['tcp', 'ws', 'wss']\n" \
  "services=[]\n"
#define UDP_CONFIG "[host]\ntransports=['quic-v1']\nservices=[]\n"

typedef struct
{
  TestWorld *world;
  TestHost *dialer;
  TestHost *host;
} Fixture;

/* One that was free a moment ago, in IPv4 and in IPv6. */
static guint16
find_port (int type)
{
  struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = in6addr_any };
  socklen_t size = sizeof address;
  int fd = socket (AF_INET6, type | SOCK_CLOEXEC, 0);

  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, size), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *) &address, &size), ==, 0);
  g_assert_no_errno (close (fd));
  return ntohs (address.sin6_port);
}

static void
start (Fixture *self, const char *config, const char *listen)
{
  g_autofree char *text = g_strconcat (config, "listen=", listen, "\n", NULL);

  *self = (Fixture){ .world = test_world_new (TRUE) };
  self->world->ticking = TRUE;
  self->dialer = test_host_new (self->world, config);
  self->host = test_host_new (self->world, text);
  test_world_settle (self->world);
}

static void
stop (Fixture *self)
{
  test_host_close (self->dialer);
  test_host_free (self->dialer);
  test_host_close (self->host);
  test_host_free (self->host);
  test_world_free (self->world);
}

/* Bytes go there and come back, over the transport and between the addresses that were meant. */
static void
expect_dial (Fixture *self, const char *text, const char *transport)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pConnection) other = NULL;
  g_autoptr (Lp2pStream) out = NULL;
  g_autoptr (Lp2pStream) in = NULL;
  g_autoptr (GError) error = NULL;
  guint n_added = self->host->n_added;

  lp2p_host_connect_async (self->dialer->host, address, NULL, test_take_result, &result);
  test_wait (self->world, result);
  connection = lp2p_host_connect_finish (self->dialer->host, result, &error);
  g_assert_no_error (error);
  test_until (self->world, self->host->n_added == n_added + 1);
  other = g_list_model_get_item (lp2p_host_get_connections (self->host->host), 0);
  g_assert_cmpstr (lp2p_connection_get_transport (connection), ==, transport);
  g_assert_cmpstr (lp2p_connection_get_transport (other), ==, transport);
  g_assert_true (g_str_has_prefix (lp2p_multiaddr_get_string (lp2p_connection_get_local_address (other)), text));

  out = test_host_open (self->dialer, connection);
  test_stream_write (self->world, out, 1000, 0);
  in = test_host_accept (self->host);
  test_stream_expect (self->world, in, 1000, 0);
  test_stream_write (self->world, in, 1000, 0);
  test_stream_expect (self->world, out, 1000, 0);
  lp2p_connection_abort (connection, LP2P_CODE_NONE);
  test_until (self->world, self->host->n_removed == self->host->n_added &&
                               self->dialer->n_removed == self->dialer->n_added);
}

static void
test_tcp (void)
{
  static const char *const suffixes[] = { "", "/ws", "/tls/ws" };
  static const char *const transports[] = { "tcp", "ws", "wss" };
  guint16 port = find_port (SOCK_STREAM);
  g_autofree char *plain = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u", port);
  g_autofree char *listen = g_strdup_printf ("['%s', '%s/ws', '%s/tls/ws']", plain, plain, plain);
  Fixture self;

  start (&self, TCP_CONFIG, listen);
  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *address = g_strconcat (plain, suffixes[i], NULL);

      expect_dial (&self, address, transports[i]);
    }
  stop (&self);
}

/* Where no port is said, each has one of its own. */
static void
test_any_port (void)
{
  g_autoptr (GPtrArray) addresses = NULL;
  g_autoptr (GHashTable) ports = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  Fixture self;

  start (&self, TCP_CONFIG, "['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws', '/ip4/127.0.0.1/tcp/0/tls/ws']");
  addresses = lp2p_host_dup_listen_addresses (self.host->host);
  g_assert_cmpuint (addresses->len, ==, 3);
  for (guint i = 0; i < addresses->len; i++)
    {
      Lp2pMultiaddr *address = g_ptr_array_index (addresses, i);
      gboolean ws = lp2p_multiaddr_find (address, LP2P_PROTOCOL_WS, 0) >= 0;
      gboolean tls = lp2p_multiaddr_find (address, LP2P_PROTOCOL_TLS, 0) >= 0;
      int end = lp2p_multiaddr_find (address, LP2P_PROTOCOL_P2P, 0);
      g_autoptr (Lp2pMultiaddr) bare = lp2p_multiaddr_slice (address, 0, end);

      g_hash_table_add (ports, lp2p_multiaddr_get_component_string (address, 1));
      expect_dial (&self, lp2p_multiaddr_get_string (bare), tls ? "wss" : ws ? "ws" : "tcp");
    }
  g_assert_cmpuint (g_hash_table_size (ports), ==, 3);
  stop (&self);
}

/* Every address of this machine, in both families. The answers come from the address that was
 * asked, or the dialer would not take them. */
static void
test_udp (void)
{
  static const char *const addresses[] = { "/ip4/127.0.0.1", "/ip4/127.0.0.2", "/ip6/::1" };
  guint16 port = find_port (SOCK_DGRAM);
  g_autofree char *listen = g_strdup_printf ("['/ip4/0.0.0.0/udp/%u/quic-v1', '/ip6/::/udp/%u/quic-v1']", port, port);
  Fixture self;

  start (&self, UDP_CONFIG, listen);
  for (guint i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      g_autofree char *text = g_strdup_printf ("%s/udp/%u/quic-v1", addresses[i], port);

      expect_dial (&self, text, "quic-v1");
    }
  stop (&self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  /* A build that lacks one of them leaves its tests out. */
  g_test_add_func ("/one-port/tcp/given", test_tcp);
  g_test_add_func ("/one-port/tcp/any", test_any_port);
  g_test_add_func ("/one-port/udp/wildcards", test_udp);
  return g_test_run ();
}
