/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Peers tell all addresses that they have, also those that mean something else
 * here: the 192.168.1.2 of somebody far away is a printer next door. Dialing
 * them disturbs strangers and gets people reported for scanning networks. */

#include "host/lp2p-dial-filter-private.h"

#include "types/lp2p-i18n-private.h"
#include "types/lp2p-multiaddr-private.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include <lp2p/interfaces/lp2p-interfaces-types.h>

typedef struct
{
  guint8 bytes[16];
  gsize len;
  guint prefix;
} Network;

struct _Lp2pDialNetworks
{
  grefcount ref_count;
  GArray *networks;
};

/* Networks */

Lp2pDialNetworks *
lp2p_dial_networks_new (void)
{
  Lp2pDialNetworks *self = g_new0 (Lp2pDialNetworks, 1);

  g_ref_count_init (&self->ref_count);
  self->networks = g_array_new (FALSE, TRUE, sizeof (Network));
  return self;
}

Lp2pDialNetworks *
lp2p_dial_networks_ref (Lp2pDialNetworks *self)
{
  g_ref_count_inc (&self->ref_count);
  return self;
}

void
lp2p_dial_networks_unref (Lp2pDialNetworks *self)
{
  if (!g_ref_count_dec (&self->ref_count))
    return;
  g_array_unref (self->networks);
  g_free (self);
}

void
lp2p_dial_networks_add (Lp2pDialNetworks *self, const guint8 *bytes, gsize len, guint prefix)
{
  Network network = { .len = len, .prefix = prefix };

  g_return_if_fail (len == 4 || len == 16);

  for (gsize i = 0; i < len; i++)
    network.bytes[i] = bytes[i];
  g_array_append_val (self->networks, network);
}

static guint
count_bits (const guint8 *mask, gsize len)
{
  guint bits = 0;

  while (bits < len * 8 && (mask[bits / 8] & (0x80 >> (bits % 8))) != 0)
    bits++;
  return bits;
}

static const guint8 *
get_ip (const struct sockaddr *address, gsize *len)
{
  *len = 0;
  if (address == NULL)
    return NULL;
  *len = address->sa_family == AF_INET ? 4 : 16;
  if (address->sa_family == AF_INET)
    return (const guint8 *) &((const struct sockaddr_in *) address)->sin_addr;
  if (address->sa_family == AF_INET6)
    return (const guint8 *) &((const struct sockaddr_in6 *) address)->sin6_addr;
  return NULL;
}

Lp2pDialNetworks *
lp2p_dial_networks_new_from_system (void)
{
  Lp2pDialNetworks *self = lp2p_dial_networks_new ();
  struct ifaddrs *first = NULL;

  /* Without a list nothing is near. */
  if (getifaddrs (&first) < 0)
    return self;
  for (struct ifaddrs *item = first; item != NULL; item = item->ifa_next)
    {
      gsize len, mask_len;
      const guint8 *bytes = get_ip (item->ifa_addr, &len);
      const guint8 *mask = get_ip (item->ifa_netmask, &mask_len);

      if (bytes != NULL && mask != NULL && len == mask_len && (item->ifa_flags & IFF_LOOPBACK) == 0)
        lp2p_dial_networks_add (self, bytes, len, count_bits (mask, len));
    }
  freeifaddrs (first);
  return self;
}

/* Addresses */

static gboolean
share_bits (const guint8 *a, const guint8 *b, guint bits)
{
  guint rest = bits % 8;

  return memcmp (a, b, bits / 8) == 0 &&
         (rest == 0 || ((a[bits / 8] ^ b[bits / 8]) & (0xff << (8 - rest)) & 0xff) == 0);
}

static gboolean
is_in_networks (Lp2pDialNetworks *self, Lp2pMultiaddr *address, gboolean whole)
{
  gsize len = 0;
  const guint8 *bytes = lp2p_multiaddr_get_ip (address, &len);

  for (guint i = 0; bytes != NULL && i < self->networks->len; i++)
    {
      const Network *network = &g_array_index (self->networks, Network, i);

      if (network->len == len && share_bits (network->bytes, bytes, whole ? len * 8 : network->prefix))
        return TRUE;
    }
  return FALSE;
}

gboolean
lp2p_dial_networks_have (Lp2pDialNetworks *self, Lp2pMultiaddr *address)
{
  return is_in_networks (self, address, TRUE);
}

guint
lp2p_dial_get_family (Lp2pMultiaddr *address)
{
  gsize len = 0;

  if (lp2p_multiaddr_get_ip (address, &len) == NULL)
    return 0;
  return len == 4 ? 4 : 6;
}

Lp2pDialScope
lp2p_dial_scope (Lp2pMultiaddr *address, Lp2pDialNetworks *networks)
{
  if (lp2p_multiaddr_is_loopback (address) || lp2p_multiaddr_find (address, LP2P_PROTOCOL_MEMORY, 0) == 0 ||
      lp2p_multiaddr_find (address, LP2P_PROTOCOL_UNIX, 0) == 0)
    return LP2P_DIAL_SCOPE_LOCAL;
  if (is_in_networks (networks, address, FALSE))
    return LP2P_DIAL_SCOPE_LAN;
  return lp2p_multiaddr_is_private (address) ? LP2P_DIAL_SCOPE_PRIVATE : LP2P_DIAL_SCOPE_PUBLIC;
}

/* The filter */

/* Multicast and reserved addresses: nobody in particular is there. */
static gboolean
is_nobodys (Lp2pMultiaddr *address)
{
  gsize len = 0;
  const guint8 *bytes = lp2p_multiaddr_get_ip (address, &len);

  if (bytes == NULL)
    return FALSE;
  return len == 4 ? bytes[0] >= 224 : bytes[0] == 0xff;
}

static gboolean
refuse (GError **error, const char *reason)
{
  g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_NO_ADDRESS, reason);
  return FALSE;
}

gboolean
lp2p_dial_filter_allows (const Lp2pDialFilter *self, Lp2pPeerId *peer, Lp2pMultiaddr *address, gboolean given, GError **error)
{
  if (lp2p_multiaddr_is_unspecified (address) || is_nobodys (address))
    return refuse (error, _("not dialed: it is not the address of one machine"));
  if (g_ptr_array_find_with_equal_func (self->own, address, lp2p_multiaddr_equal, NULL))
    return refuse (error, _("not dialed: this host listens there itself"));
  if (!given && lp2p_multiaddr_is_loopback (address) && !self->same_machine)
    return refuse (error, _("not dialed: the peer means its own machine"));
  if (!given && !self->same_site && lp2p_dial_scope (address, self->networks) == LP2P_DIAL_SCOPE_PRIVATE)
    return refuse (error, _("not dialed: it is in a private network that this machine is not in"));
  return self->gater == NULL || self->gater (peer, address, self->gater_data, error);
}
