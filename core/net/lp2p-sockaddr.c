/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-sockaddr-private.h"

#include "types/lp2p-i18n-private.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

static const struct sockaddr_in *
as_in (const struct sockaddr *self)
{
  return (const struct sockaddr_in *) self;
}

static const struct sockaddr_in6 *
as_in6 (const struct sockaddr *self)
{
  return (const struct sockaddr_in6 *) self;
}

/* Our IPv6 sockets take IPv6 only: a mapped IPv4 address is used as what it is. */
static void
unmap (struct sockaddr_storage *self)
{
  struct sockaddr_in6 six = *(struct sockaddr_in6 *) self;
  struct sockaddr_in *four = (struct sockaddr_in *) self;

  if (!IN6_IS_ADDR_V4MAPPED (&six.sin6_addr))
    return;
  memset (self, 0, sizeof *self);
  four->sin_family = AF_INET;
  four->sin_port = six.sin6_port;
  four->sin_addr.s_addr = six.sin6_addr.s6_addr32[3];
}

/* Fails unless the address is an IP address with a port. */
gboolean
lp2p_sockaddr_init (struct sockaddr_storage *self, GSocketAddress *address, GError **error)
{
  memset (self, 0, sizeof *self);
  if (!G_IS_INET_SOCKET_ADDRESS (address))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, _("Not an IP address with a port: %s"),
                   G_OBJECT_TYPE_NAME (address));
      return FALSE;
    }
  if (!g_socket_address_to_native (address, self, sizeof *self, error))
    return FALSE;
  if (self->ss_family == AF_INET6)
    {
      ((struct sockaddr_in6 *) self)->sin6_flowinfo = 0;
      unmap (self);
    }
  return TRUE;
}

socklen_t
lp2p_sockaddr_get_size (const struct sockaddr *self)
{
  return self->sa_family == AF_INET6 ? sizeof (struct sockaddr_in6) : sizeof (struct sockaddr_in);
}

guint16
lp2p_sockaddr_get_port (const struct sockaddr *self)
{
  return ntohs (self->sa_family == AF_INET6 ? as_in6 (self)->sin6_port : as_in (self)->sin_port);
}

void
lp2p_sockaddr_set_port (struct sockaddr_storage *self, guint16 port)
{
  if (self->ss_family == AF_INET6)
    ((struct sockaddr_in6 *) self)->sin6_port = htons (port);
  else
    ((struct sockaddr_in *) self)->sin_port = htons (port);
}

/* The scope id tells link-local addresses apart; elsewhere the kernel may or may
 * not fill it in. */
static guint32
get_scope (const struct sockaddr *self)
{
  return IN6_IS_ADDR_LINKLOCAL (&as_in6 (self)->sin6_addr) ? as_in6 (self)->sin6_scope_id : 0;
}

gboolean
lp2p_sockaddr_same_host (const struct sockaddr *a, const struct sockaddr *b)
{
  if (a->sa_family != b->sa_family)
    return FALSE;
  if (a->sa_family == AF_INET)
    return as_in (a)->sin_addr.s_addr == as_in (b)->sin_addr.s_addr;
  return IN6_ARE_ADDR_EQUAL (&as_in6 (a)->sin6_addr, &as_in6 (b)->sin6_addr) &&
         get_scope (a) == get_scope (b);
}

gboolean
lp2p_sockaddr_equal (const struct sockaddr *a, const struct sockaddr *b)
{
  return lp2p_sockaddr_same_host (a, b) && lp2p_sockaddr_get_port (a) == lp2p_sockaddr_get_port (b);
}

guint
lp2p_sockaddr_hash (const struct sockaddr *self)
{
  guint hash = lp2p_sockaddr_get_port (self);

  if (self->sa_family == AF_INET)
    return hash * 31 + as_in (self)->sin_addr.s_addr;
  for (guint i = 0; i < 4; i++)
    hash = hash * 31 + as_in6 (self)->sin6_addr.s6_addr32[i];
  return hash;
}

gboolean
lp2p_sockaddr_is_wildcard (const struct sockaddr *self)
{
  if (self->sa_family == AF_INET)
    return as_in (self)->sin_addr.s_addr == htonl (INADDR_ANY);
  return IN6_IS_ADDR_UNSPECIFIED (&as_in6 (self)->sin6_addr);
}

gboolean
lp2p_sockaddr_is_loopback (const struct sockaddr *self)
{
  if (self->sa_family == AF_INET)
    return (ntohl (as_in (self)->sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
  return IN6_IS_ADDR_LOOPBACK (&as_in6 (self)->sin6_addr);
}

/* Connecting a UDP socket sends nothing.
 *
 * Returns: one with which to ask about the route, or -1 where there is none */
static int
open_route (const struct sockaddr *remote, struct sockaddr_storage *local)
{
  int fd = socket (remote->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  socklen_t size = sizeof *local;

  if (fd < 0 || (connect (fd, remote, lp2p_sockaddr_get_size (remote)) == 0 &&
                 getsockname (fd, (struct sockaddr *) local, &size) == 0))
    return fd;
  close (fd);
  return -1;
}

/* Which address of this machine the kernel would send from. */
gboolean
lp2p_sockaddr_route (const struct sockaddr *remote, struct sockaddr_storage *local)
{
  int fd = open_route (remote, local);

  if (fd >= 0)
    close (fd);
  return fd >= 0;
}

/* What the first link of the route takes, or less where the kernel has been told that
 * it is less on the way.
 *
 * Returns: bytes of an IP packet, 0 if nobody knows */
guint
lp2p_sockaddr_get_mtu (const struct sockaddr *remote)
{
  struct sockaddr_storage local = { 0 };
  int fd = open_route (remote, &local);
  gboolean six = remote->sa_family == AF_INET6;
  int mtu = 0;
  socklen_t size = sizeof mtu;

  if (fd < 0)
    return 0;
  if (getsockopt (fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MTU : IP_MTU, &mtu, &size) < 0)
    mtu = 0;
  close (fd);
  return MAX (mtu, 0);
}

static gboolean
has_prefix (const struct sockaddr *self, const struct sockaddr *network, const struct sockaddr *mask)
{
  const guint8 *a, *b, *m;
  gsize size;

  if (self->sa_family == AF_INET)
    {
      a = (const guint8 *) &as_in (self)->sin_addr;
      b = (const guint8 *) &as_in (network)->sin_addr;
      m = (const guint8 *) &as_in (mask)->sin_addr;
      size = sizeof (struct in_addr);
    }
  else
    {
      a = as_in6 (self)->sin6_addr.s6_addr;
      b = as_in6 (network)->sin6_addr.s6_addr;
      m = as_in6 (mask)->sin6_addr.s6_addr;
      size = sizeof (struct in6_addr);
    }
  for (gsize i = 0; i < size; i++)
    if ((a[i] ^ b[i]) & m[i])
      return FALSE;
  return TRUE;
}

static gboolean
is_network_of (const struct ifaddrs *entry, const struct sockaddr *local, const struct sockaddr *remote)
{
  return entry->ifa_addr != NULL && entry->ifa_netmask != NULL && !(entry->ifa_flags & IFF_POINTOPOINT) &&
         lp2p_sockaddr_same_host (entry->ifa_addr, local) && has_prefix (remote, local, entry->ifa_netmask);
}

/* Whether no router is between: @remote is this machine, or in the network of the address
 * with which the route begins. */
gboolean
lp2p_sockaddr_is_on_link (const struct sockaddr *remote)
{
  struct sockaddr_storage local = { 0 };
  struct ifaddrs *interfaces = NULL;
  gboolean found = FALSE;

  if (!lp2p_sockaddr_route (remote, &local))
    return FALSE;
  if (lp2p_sockaddr_is_loopback (remote) || lp2p_sockaddr_same_host (remote, (struct sockaddr *) &local))
    return TRUE;
  if (getifaddrs (&interfaces) < 0)
    return FALSE;
  for (struct ifaddrs *entry = interfaces; entry != NULL && !found; entry = entry->ifa_next)
    found = is_network_of (entry, (struct sockaddr *) &local, remote);
  freeifaddrs (interfaces);
  return found;
}

/* Returns: (transfer full) */
Lp2pMultiaddr *
lp2p_sockaddr_to_multiaddr (const struct sockaddr *self, Lp2pProtocol transport)
{
  struct sockaddr_in6 six;
  g_autoptr (GSocketAddress) address = NULL;

  if (self->sa_family == AF_INET6)
    {
      six = *as_in6 (self);
      six.sin6_flowinfo = 0;
      six.sin6_scope_id = get_scope (self);
      address = g_socket_address_new_from_native (&six, sizeof six);
    }
  else
    address = g_socket_address_new_from_native ((gpointer) self, sizeof (struct sockaddr_in));
  return lp2p_multiaddr_new_from_socket_address (address, transport);
}

static gboolean
is_usable (const struct ifaddrs *entry, sa_family_t family)
{
  if (entry->ifa_addr == NULL || entry->ifa_addr->sa_family != family ||
      !(entry->ifa_flags & IFF_UP))
    return FALSE;
  /* The zone that they need means nothing to anybody else. */
  return family == AF_INET || !IN6_IS_ADDR_LINKLOCAL (&as_in6 (entry->ifa_addr)->sin6_addr);
}

static int
compare_addresses (gconstpointer a, gconstpointer b)
{
  return lp2p_multiaddr_compare (*(Lp2pMultiaddr *const *) a, *(Lp2pMultiaddr *const *) b);
}

/* What a socket bound to an address can be reached at: for a wildcard, each
 * address of each interface, in a fixed order.
 *
 * Returns: (transfer container) (element-type Lp2pMultiaddr) */
GPtrArray *
lp2p_sockaddr_list_bound (const struct sockaddr *self, Lp2pProtocol transport)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  struct ifaddrs *interfaces = NULL;

  if (!lp2p_sockaddr_is_wildcard (self))
    {
      g_ptr_array_add (list, lp2p_sockaddr_to_multiaddr (self, transport));
      return list;
    }

  if (getifaddrs (&interfaces) < 0)
    return list;
  for (struct ifaddrs *entry = interfaces; entry != NULL; entry = entry->ifa_next)
    {
      struct sockaddr_storage address = { 0 };

      if (!is_usable (entry, self->sa_family))
        continue;
      if (self->sa_family == AF_INET)
        *(struct sockaddr_in *) &address = *as_in (entry->ifa_addr);
      else
        *(struct sockaddr_in6 *) &address = *as_in6 (entry->ifa_addr);
      lp2p_sockaddr_set_port (&address, lp2p_sockaddr_get_port (self));
      g_ptr_array_add (list, lp2p_sockaddr_to_multiaddr ((struct sockaddr *) &address, transport));
    }
  freeifaddrs (interfaces);
  g_ptr_array_sort (list, compare_addresses);
  return list;
}

gboolean
lp2p_multiaddr_arrays_equal (GPtrArray *a, GPtrArray *b)
{
  if (a->len != b->len)
    return FALSE;
  for (guint i = 0; i < a->len; i++)
    {
      if (!lp2p_multiaddr_equal (g_ptr_array_index (a, i), g_ptr_array_index (b, i)))
        return FALSE;
    }
  return TRUE;
}
