/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Between multiaddrs and the socket addresses of GIO, and what kind of IP
 * address a multiaddr starts with. */

#include "types/lp2p-multiaddr-private.h"

#include "types/lp2p-i18n-private.h"

#include <lp2p/types/lp2p-cursor.h>
#include <lp2p/types/lp2p-error.h>

#include <net/if.h>
#include <string.h>

/* The IP address at the start of a multiaddr, as it is on the wire. An IPv4
 * address that is written as an IPv6 one counts as what it is. */
typedef struct
{
  const guint8 *bytes;
  gsize len;      /* 4 or 16 */
  guint next;     /* the component that follows */
  guint32 zone;   /* the interface's index, 0 if none is given */
  gboolean found; /* the zone is known on this machine */
} StartAddress;

static const guint8 mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static gboolean
resolve_zone (const guint8 *value, gsize len, guint32 *zone)
{
  g_autofree char *name = g_strndup ((const char *) value, len);
  guint64 number;

  *zone = if_nametoindex (name);
  if (*zone != 0)
    return TRUE;
  if (!g_ascii_string_to_unsigned (name, 10, 1, G_MAXUINT32, &number, NULL))
    return FALSE;
  *zone = (guint32) number;
  return TRUE;
}

static gboolean
get_start (Lp2pMultiaddr *self, StartAddress *start, gboolean with_zone)
{
  Lp2pProtocol protocol;
  guint i = 0;

  *start = (StartAddress) { .found = TRUE };
  if (!lp2p_multiaddr_get_component (self, i++, &protocol, &start->bytes, &start->len))
    return FALSE;
  if (protocol == LP2P_PROTOCOL_IP6ZONE)
    {
      if (with_zone)
        start->found = resolve_zone (start->bytes, start->len, &start->zone);
      if (!lp2p_multiaddr_get_component (self, i++, &protocol, &start->bytes, &start->len) ||
          protocol != LP2P_PROTOCOL_IP6)
        return FALSE;
    }
  if (protocol != LP2P_PROTOCOL_IP4 && protocol != LP2P_PROTOCOL_IP6)
    return FALSE;

  start->next = i;
  if (start->len == 16 && memcmp (start->bytes, mapped_prefix, sizeof mapped_prefix) == 0)
    {
      start->bytes += sizeof mapped_prefix;
      start->len = 4;
    }
  return TRUE;
}

/* The IP address that @self starts with, behind its zone; NULL where there is none. An IPv4
 * address that is written as an IPv6 one counts as what it is. */
const guint8 *
lp2p_multiaddr_get_ip (Lp2pMultiaddr *self, gsize *len)
{
  StartAddress start;

  if (!get_start (self, &start, FALSE))
    return NULL;
  *len = start.len;
  return start.bytes;
}

static Lp2pMultiaddr *
append_zone (guint32 zone)
{
  char name[IF_NAMESIZE] = "";
  g_autofree char *number = g_strdup_printf ("%u", zone);
  const char *text = if_indextoname (zone, name) != NULL ? name : number;

  return lp2p_multiaddr_append (NULL, LP2P_PROTOCOL_IP6ZONE, (const guint8 *) text, strlen (text),
                                NULL);
}

/**
 * lp2p_multiaddr_new_from_socket_address:
 * @address: a socket address
 * @transport: %LP2P_PROTOCOL_TCP or %LP2P_PROTOCOL_UDP
 *
 * Makes `/ip4/.../tcp/...` and the like of a socket address. An IPv4 address
 * that a dual-stack socket reports as an IPv6 one becomes an IPv4 one again; a
 * scope id becomes an `ip6zone` with the name of the interface.
 *
 * Returns: (transfer full) (nullable): the multiaddr, or %NULL if @address is
 *   not a #GInetSocketAddress
 */
Lp2pMultiaddr *
lp2p_multiaddr_new_from_socket_address (GSocketAddress *address, Lp2pProtocol transport)
{
  GInetSocketAddress *inet;
  GInetAddress *ip;
  g_autoptr (Lp2pMultiaddr) zone = NULL;
  g_autoptr (Lp2pMultiaddr) host = NULL;
  const guint8 *bytes;
  gsize len;
  guint16 port;
  guint8 port_bytes[2];

  g_return_val_if_fail (G_IS_SOCKET_ADDRESS (address), NULL);
  g_return_val_if_fail (transport == LP2P_PROTOCOL_TCP || transport == LP2P_PROTOCOL_UDP, NULL);

  if (!G_IS_INET_SOCKET_ADDRESS (address))
    return NULL;
  inet = G_INET_SOCKET_ADDRESS (address);
  ip = g_inet_socket_address_get_address (inet);
  port = g_inet_socket_address_get_port (inet);
  port_bytes[0] = (guint8) (port >> 8);
  port_bytes[1] = (guint8) port;

  bytes = g_inet_address_to_bytes (ip);
  len = g_inet_address_get_native_size (ip);
  if (len == 16 && memcmp (bytes, mapped_prefix, sizeof mapped_prefix) == 0)
    {
      bytes += sizeof mapped_prefix;
      len = 4;
    }
  else if (len == 16 && g_inet_socket_address_get_scope_id (inet) != 0)
    zone = append_zone (g_inet_socket_address_get_scope_id (inet));

  host = lp2p_multiaddr_append (zone, len == 4 ? LP2P_PROTOCOL_IP4 : LP2P_PROTOCOL_IP6, bytes, len,
                                NULL);
  return lp2p_multiaddr_append (host, transport, port_bytes, sizeof port_bytes, NULL);
}

/**
 * lp2p_multiaddr_get_socket_address:
 * @self: a multiaddr
 * @error: return location for a [error@Lp2p.TypesError]
 *
 * Gets the socket address that a multiaddr starts with: an IP address, with or
 * without a zone, and a TCP or UDP port. What follows them is ignored.
 *
 * Returns: (transfer full): the socket address, or %NULL with
 *   %LP2P_TYPES_ERROR_UNSUPPORTED if the multiaddr starts otherwise or its zone
 *   does not exist on this machine
 */
GSocketAddress *
lp2p_multiaddr_get_socket_address (Lp2pMultiaddr *self, GError **error)
{
  StartAddress start;
  Lp2pProtocol protocol;
  const guint8 *value;
  gsize len;
  guint16 port;
  Lp2pCursor cursor;
  g_autoptr (GInetAddress) ip = NULL;

  g_return_val_if_fail (self != NULL, NULL);

  if (!get_start (self, &start, TRUE) ||
      !lp2p_multiaddr_get_component (self, start.next, &protocol, &value, &len) ||
      (protocol != LP2P_PROTOCOL_TCP && protocol != LP2P_PROTOCOL_UDP))
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED,
                   _("Multiaddr %s does not start with an IP address and a TCP or UDP port"),
                   lp2p_multiaddr_get_string (self));
      return NULL;
    }
  if (!start.found)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED,
                   _("Multiaddr %s names a network interface that does not exist here"),
                   lp2p_multiaddr_get_string (self));
      return NULL;
    }

  lp2p_cursor_init (&cursor, value, len);
  lp2p_cursor_read_u16be (&cursor, &port);
  ip = g_inet_address_new_from_bytes (start.bytes, start.len == 4 ? G_SOCKET_FAMILY_IPV4
                                                                  : G_SOCKET_FAMILY_IPV6);
  return g_object_new (G_TYPE_INET_SOCKET_ADDRESS, "address", ip, "port", (guint) port, "scope-id",
                       (guint) start.zone, NULL);
}

/**
 * lp2p_multiaddr_count_socket:
 * @self: a multiaddr
 * @transport: %LP2P_PROTOCOL_TCP or %LP2P_PROTOCOL_UDP
 *
 * Counts the components that make a socket address of a multiaddr: an IP address,
 * with or without a zone, and a port of @transport. What a transport adds to it
 * comes behind them.
 *
 * Returns: how many there are, 0 if the multiaddr starts otherwise
 */
guint
lp2p_multiaddr_count_socket (Lp2pMultiaddr *self, Lp2pProtocol transport)
{
  StartAddress start;
  Lp2pProtocol protocol;

  g_return_val_if_fail (self != NULL, 0);

  if (!get_start (self, &start, FALSE) ||
      !lp2p_multiaddr_get_component (self, start.next, &protocol, NULL, NULL) || protocol != transport)
    return 0;
  return start.next + 1;
}

/**
 * lp2p_multiaddr_count_named_socket:
 * @self: a multiaddr
 * @transport: %LP2P_PROTOCOL_TCP or %LP2P_PROTOCOL_UDP
 *
 * Likewise where a multiaddr starts with a host name, which somebody has to look
 * up, and a port of @transport.
 *
 * Returns: how many components there are, 0 if the multiaddr starts otherwise
 */
guint
lp2p_multiaddr_count_named_socket (Lp2pMultiaddr *self, Lp2pProtocol transport)
{
  Lp2pProtocol name;
  Lp2pProtocol port;

  g_return_val_if_fail (self != NULL, 0);

  if (!lp2p_multiaddr_get_component (self, 0, &name, NULL, NULL) ||
      !lp2p_multiaddr_get_component (self, 1, &port, NULL, NULL) || port != transport)
    return 0;
  return name == LP2P_PROTOCOL_DNS || name == LP2P_PROTOCOL_DNS4 || name == LP2P_PROTOCOL_DNS6 ? 2 : 0;
}

/**
 * lp2p_multiaddr_is_ip:
 * @self: a multiaddr
 *
 * Tells whether a multiaddr starts with an IP address, with or without a zone.
 *
 * Returns: whether it does
 */
gboolean
lp2p_multiaddr_is_ip (Lp2pMultiaddr *self)
{
  StartAddress start;

  g_return_val_if_fail (self != NULL, FALSE);

  return get_start (self, &start, FALSE);
}

/**
 * lp2p_multiaddr_is_loopback:
 * @self: a multiaddr
 *
 * Tells whether a multiaddr starts with an IP address of this machine itself:
 * 127.0.0.0/8 or ::1.
 *
 * Returns: whether it does
 */
gboolean
lp2p_multiaddr_is_loopback (Lp2pMultiaddr *self)
{
  static const guint8 loopback[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 };
  StartAddress start;

  g_return_val_if_fail (self != NULL, FALSE);

  if (!get_start (self, &start, FALSE))
    return FALSE;
  if (start.len == 4)
    return start.bytes[0] == 127;
  return memcmp (start.bytes, loopback, sizeof loopback) == 0;
}

/**
 * lp2p_multiaddr_is_private:
 * @self: a multiaddr
 *
 * Tells whether a multiaddr starts with an IP address that only means something
 * in a network that is not the Internet: private (10.0.0.0/8, 172.16.0.0/12,
 * 192.168.0.0/16), carrier-grade NAT (100.64.0.0/10), link-local
 * (169.254.0.0/16, fe80::/10) or unique local (fc00::/7). Loopback addresses are
 * not among them.
 *
 * Returns: whether it does
 */
gboolean
lp2p_multiaddr_is_private (Lp2pMultiaddr *self)
{
  StartAddress start;
  const guint8 *b;

  g_return_val_if_fail (self != NULL, FALSE);

  if (!get_start (self, &start, FALSE))
    return FALSE;
  b = start.bytes;
  if (start.len == 16)
    return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
  return b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168) ||
         (b[0] == 100 && (b[1] & 0xc0) == 64) || (b[0] == 169 && b[1] == 254);
}

/**
 * lp2p_multiaddr_is_unspecified:
 * @self: a multiaddr
 *
 * Tells whether a multiaddr starts with 0.0.0.0 or ::, which stand for all
 * addresses of a machine when listening and for none when dialing.
 *
 * Returns: whether it does
 */
gboolean
lp2p_multiaddr_is_unspecified (Lp2pMultiaddr *self)
{
  static const guint8 zero[16] = { 0 };
  StartAddress start;

  g_return_val_if_fail (self != NULL, FALSE);

  return get_start (self, &start, FALSE) && memcmp (start.bytes, zero, start.len) == 0;
}
