/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-multiaddr.h>
#include <lp2p/types/lp2p-peer-id.h>

/**
 * Lp2pDialScope:
 * @LP2P_DIAL_SCOPE_LOCAL: within this machine
 * @LP2P_DIAL_SCOPE_LAN: in a network that this machine has an interface in
 * @LP2P_DIAL_SCOPE_PRIVATE: in some other network that is not the Internet
 * @LP2P_DIAL_SCOPE_PUBLIC: anywhere else, or not an IP address
 *
 * How near an address is.
 */
typedef enum
{
  LP2P_DIAL_SCOPE_LOCAL,
  LP2P_DIAL_SCOPE_LAN,
  LP2P_DIAL_SCOPE_PRIVATE,
  LP2P_DIAL_SCOPE_PUBLIC,
} Lp2pDialScope;

/* Decides about an address before anything is sent there; %FALSE with an error
 * of its own refuses it. */
typedef gboolean (*Lp2pDialGater) (Lp2pPeerId *peer, Lp2pMultiaddr *address, gpointer user_data, GError **error);

/* The addresses of this machine's interfaces. */
typedef struct _Lp2pDialNetworks Lp2pDialNetworks;

Lp2pDialNetworks *lp2p_dial_networks_new (void);
/* What getifaddrs() tells now. */
Lp2pDialNetworks *lp2p_dial_networks_new_from_system (void);
Lp2pDialNetworks *lp2p_dial_networks_ref (Lp2pDialNetworks *self);
void lp2p_dial_networks_unref (Lp2pDialNetworks *self);
/* @bytes is an IPv4 or IPv6 address of an interface, by its @len; the first
 * @prefix bits are those of its network. */
void lp2p_dial_networks_add (Lp2pDialNetworks *self, const guint8 *bytes, gsize len, guint prefix);
/* Whether an interface has the address that @address starts with. */
gboolean lp2p_dial_networks_have (Lp2pDialNetworks *self, Lp2pMultiaddr *address);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pDialNetworks, lp2p_dial_networks_unref)

Lp2pDialScope lp2p_dial_scope (Lp2pMultiaddr *address, Lp2pDialNetworks *networks);
/* 6 and 4 for IP addresses, else 0. */
guint lp2p_dial_get_family (Lp2pMultiaddr *address);

/**
 * Lp2pDialFilter:
 * @networks: the interfaces
 * @own: (element-type Lp2pMultiaddr): what this host listens on
 * @same_machine: whether the peer is known to be on this machine
 * @same_site: whether the peer is known to be in a private network that this
 *   machine reaches
 * @gater: (nullable): has the last word
 *
 * What it takes to say whether an address is dialed.
 */
typedef struct
{
  Lp2pDialNetworks *networks;
  GPtrArray *own;
  gboolean same_machine;
  gboolean same_site;
  Lp2pDialGater gater;
  gpointer gater_data;
} Lp2pDialFilter;

/* @given: the caller named the address, so it may be private. */
gboolean lp2p_dial_filter_allows (const Lp2pDialFilter *self, Lp2pPeerId *peer, Lp2pMultiaddr *address, gboolean given, GError **error);
