/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-address.h"

/* What a server is told that it is called: the port only where the scheme does not imply
 * it (RFC 6455, section 4.1). */
static void
test_host (void)
{
  static const struct
  {
    const char *address;
    const char *host;
    const char *expected;
  } cases[] = {
    { "/ip4/192.0.2.1/tcp/80/ws", "example.org", "example.org" },
    { "/ip4/192.0.2.1/tcp/443/ws", "example.org", "example.org:443" },
    { "/ip4/192.0.2.1/tcp/8080/ws", "192.0.2.1", "192.0.2.1:8080" },
    { "/ip6/2001:db8::1/tcp/80/ws", "2001:db8::1", "[2001:db8::1]" },
    { "/ip6/2001:db8::1/tcp/81/ws", "2001:db8::1", "[2001:db8::1]:81" },
    { "/ip4/192.0.2.1/tcp/443/tls/ws", "example.org", "example.org" },
    { "/ip4/192.0.2.1/tcp/443/wss", "example.org", "example.org" },
    { "/ip4/192.0.2.1/tcp/443/tls/sni/example.org/ws", "example.org", "example.org" },
    { "/ip4/192.0.2.1/tcp/80/tls/ws", "example.org", "example.org:80" },
    { "/ip4/192.0.2.1/tcp/65535/wss", "example.org", "example.org:65535" },
    { "/ip6/2001:db8::1/tcp/443/tls/ws", "2001:db8::1", "[2001:db8::1]" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (cases[i].address, &error);
      g_auto (Lp2pWsAddress) parsed = { 0 };
      g_autofree char *host = NULL;

      g_assert_no_error (error);
      g_assert_true (lp2p_ws_address_parse (&parsed, address));
      host = lp2p_ws_address_make_host (&parsed, cases[i].host);
      g_assert_cmpstr (host, ==, cases[i].expected);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ws-address/host", test_host);
  return g_test_run ();
}
