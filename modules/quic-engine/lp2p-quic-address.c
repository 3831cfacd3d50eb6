/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-quic-private.h"

socklen_t
lp2p_quic_address_get_size (const struct sockaddr *address)
{
  return address->sa_family == AF_INET6 ? sizeof (struct sockaddr_in6) : sizeof (struct sockaddr_in);
}

/* Returns: (transfer full): `/ip4/.../udp/N` */
Lp2pMultiaddr *
lp2p_quic_address_to_multiaddr (const struct sockaddr *address)
{
  g_autoptr (GSocketAddress) native =
      g_socket_address_new_from_native ((gpointer) address, lp2p_quic_address_get_size (address));

  return lp2p_multiaddr_new_from_socket_address (native, LP2P_PROTOCOL_UDP);
}
