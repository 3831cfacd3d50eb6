/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-quic-private.h"

#include <string.h>

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

gboolean
lp2p_quic_address_same_host (const struct sockaddr *a, const struct sockaddr *b)
{
  if (a->sa_family != b->sa_family)
    return FALSE;
  if (a->sa_family == AF_INET)
    return ((const struct sockaddr_in *) a)->sin_addr.s_addr == ((const struct sockaddr_in *) b)->sin_addr.s_addr;
  return memcmp (&((const struct sockaddr_in6 *) a)->sin6_addr, &((const struct sockaddr_in6 *) b)->sin6_addr,
                 sizeof (struct in6_addr)) == 0;
}

static in_port_t
get_port (const struct sockaddr *address)
{
  return address->sa_family == AF_INET6 ? ((const struct sockaddr_in6 *) address)->sin6_port
                                        : ((const struct sockaddr_in *) address)->sin_port;
}

void
lp2p_quic_address_copy (ngtcp2_sockaddr_union *dest, const struct sockaddr *address)
{
  if (address->sa_family == AF_INET6)
    dest->in6 = *(const struct sockaddr_in6 *) address;
  else
    dest->in = *(const struct sockaddr_in *) address;
}

gboolean
lp2p_quic_address_equal (const struct sockaddr *a, const struct sockaddr *b)
{
  return lp2p_quic_address_same_host (a, b) && get_port (a) == get_port (b);
}
