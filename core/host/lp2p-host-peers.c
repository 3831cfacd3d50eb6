/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a host knows of peers, and which of them it stays with. */

#include "host/lp2p-host-private.h"
#include "host/lp2p-kept-peer-private.h"

/**
 * lp2p_host_keep_connected:
 * @self: a host that runs
 * @peer: to whom
 * @addresses: (nullable) (element-type Lp2pMultiaddr): where it may be, besides
 *   what is known of it
 *
 * Connects to a peer, and again whenever the connection is lost, until
 * [method@KeptPeer.release] or the last reference goes. Of a host that is closed it
 * is released from the beginning.
 *
 * Returns: (transfer full): tells how it goes
 */
Lp2pKeptPeer *
lp2p_host_keep_connected (Lp2pHost *self, Lp2pPeerId *peer, GPtrArray *addresses)
{
  g_return_val_if_fail (LP2P_IS_HOST (self), NULL);
  g_return_val_if_fail (peer != NULL, NULL);
  return lp2p_kept_peer_new (lp2p_host_get_swarm (self), peer, addresses);
}

/**
 * lp2p_host_dup_kept_peers:
 * @self: a host
 *
 * Lists the peers that the host keeps itself connected to.
 *
 * Returns: (transfer container) (element-type Lp2pKeptPeer): what
 *   [method@Host.keep_connected] began and nobody has ended
 */
GPtrArray *
lp2p_host_dup_kept_peers (Lp2pHost *self)
{
  GPtrArray *kept;

  g_return_val_if_fail (LP2P_IS_HOST (self), NULL);

  kept = g_ptr_array_copy (lp2p_host_get_swarm (self)->kept_peers, (GCopyFunc) (gpointer) g_object_ref, NULL);
  g_ptr_array_set_free_func (kept, g_object_unref);
  return kept;
}

/**
 * lp2p_host_protect_peer:
 * @self: a host
 * @peer: whom
 * @tag: what for, to tell it from other reasons
 *
 * Keeps the connections to a peer from being closed when there are too many of
 * them, see the option `connections-high`.
 */
void
lp2p_host_protect_peer (Lp2pHost *self, Lp2pPeerId *peer, const char *tag)
{
  g_return_if_fail (LP2P_IS_HOST (self));
  g_return_if_fail (peer != NULL);
  g_return_if_fail (tag != NULL);

  lp2p_connection_manager_protect (lp2p_host_get_swarm (self)->manager, peer, tag, TRUE);
}

/**
 * lp2p_host_unprotect_peer:
 * @self: a host
 * @peer: whom
 * @tag: the reason that is gone
 *
 * Ends what [method@Host.protect_peer] began.
 */
void
lp2p_host_unprotect_peer (Lp2pHost *self, Lp2pPeerId *peer, const char *tag)
{
  g_return_if_fail (LP2P_IS_HOST (self));
  g_return_if_fail (peer != NULL);
  g_return_if_fail (tag != NULL);

  lp2p_connection_manager_protect (lp2p_host_get_swarm (self)->manager, peer, tag, FALSE);
}

/**
 * lp2p_host_dup_peer_protocols:
 * @self: a host
 * @peer: who
 *
 * Gets what a peer serves, as it said last.
 *
 * Returns: (transfer full) (nullable): what the peer serves, %NULL while unknown
 */
GStrv
lp2p_host_dup_peer_protocols (Lp2pHost *self, Lp2pPeerId *peer)
{
  g_return_val_if_fail (LP2P_IS_HOST (self), NULL);
  return lp2p_peer_store_dup_protocols (lp2p_host_get_swarm (self)->peers, peer);
}

/**
 * lp2p_host_dup_peer_agent:
 * @self: a host
 * @peer: who
 *
 * Gets what a peer calls its program.
 *
 * Returns: (transfer full) (nullable): what the peer runs, %NULL while unknown
 */
char *
lp2p_host_dup_peer_agent (Lp2pHost *self, Lp2pPeerId *peer)
{
  g_return_val_if_fail (LP2P_IS_HOST (self), NULL);
  return lp2p_peer_store_dup_agent (lp2p_host_get_swarm (self)->peers, peer);
}

/**
 * lp2p_host_dup_peer_addresses:
 * @self: a host
 * @peer: who
 *
 * Gets where a peer can be dialed, from the application and from the peer itself.
 *
 * Returns: (transfer container) (element-type Lp2pMultiaddr): where the peer can be
 *   dialed, as far as known, best first
 */
GPtrArray *
lp2p_host_dup_peer_addresses (Lp2pHost *self, Lp2pPeerId *peer)
{
  g_return_val_if_fail (LP2P_IS_HOST (self), NULL);
  return lp2p_peer_store_dup_addresses (lp2p_host_get_swarm (self)->peers, peer);
}

/**
 * lp2p_host_add_peer_addresses:
 * @self: a host
 * @peer: who
 * @addresses: (element-type Lp2pMultiaddr): where it can be dialed; those that end in
 *   the id of another peer are left out
 * @lifetime: for how many seconds they hold, %G_MAXINT64 for good
 *
 * Tells the host where a peer can be dialed, such as what a user typed. Whoever
 * connects to the peer later need not give an address. What the application says
 * counts for more than what others say of the peer; at most 64 addresses of a peer are
 * remembered.
 */
void
lp2p_host_add_peer_addresses (Lp2pHost *self, Lp2pPeerId *peer, GPtrArray *addresses, gint64 lifetime)
{
  g_return_if_fail (LP2P_IS_HOST (self));
  g_return_if_fail (peer != NULL);
  g_return_if_fail (addresses != NULL);
  g_return_if_fail (lifetime > 0);

  lp2p_peer_store_add_addresses (lp2p_host_get_swarm (self)->peers, peer, addresses, lifetime);
}

/**
 * lp2p_host_forget_peer:
 * @self: a host
 * @peer: who
 *
 * Forgets all that is known of a peer, on disk as well, with what plugins keep about
 * it. Connections to it stay.
 */
void
lp2p_host_forget_peer (Lp2pHost *self, Lp2pPeerId *peer)
{
  g_return_if_fail (LP2P_IS_HOST (self));
  g_return_if_fail (peer != NULL);

  lp2p_peer_store_forget (lp2p_host_get_swarm (self)->peers, peer);
}
