/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/net/lp2p-tcp-hub.h>

#include "host/lp2p-observed-private.h"
#include "interfaces/lp2p-connection-parts-private.h"

static Lp2pConnection *
make_connection (const char *socket_id)
{
  Lp2pConnection *connection = g_object_new (LP2P_TYPE_CONNECTION, NULL);

  connection->socket_id = g_strdup (socket_id);
  return connection;
}

/* What the peer behind a proxy sees is the proxy, also among all addresses. */
static void
test_proxied (void)
{
  Lp2pObserved *observed = lp2p_observed_new ();
  g_autoptr (Lp2pConnection) direct = make_connection (NULL);
  g_autoptr (Lp2pConnection) proxied = make_connection (LP2P_SOCKET_ID_PROXY);
  g_autoptr (Lp2pMultiaddr) own = lp2p_multiaddr_new_from_string ("/ip4/192.0.2.1/tcp/4001", NULL);
  g_autoptr (Lp2pMultiaddr) proxy = lp2p_multiaddr_new_from_string ("/ip4/198.51.100.1/tcp/4001", NULL);
  g_autoptr (GPtrArray) all = NULL;

  g_assert_true (lp2p_observed_add (observed, direct, own));
  g_assert_false (lp2p_observed_add (observed, proxied, proxy));
  all = lp2p_observed_dup (observed, NULL);
  g_assert_cmpuint (all->len, ==, 1);
  g_assert_true (lp2p_multiaddr_equal (g_ptr_array_index (all, 0), own));
  lp2p_observed_free (observed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/observed/proxied", test_proxied);

  return g_test_run ();
}
