/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "host/lp2p-peer-entry-private.h"

/* The addresses of a peer: which are kept, and in which order they are tried. */

static void
address_clear (gpointer pointer)
{
  Lp2pPeerAddress *address = pointer;

  lp2p_multiaddr_unref (address->address);
  g_ref_string_release (address->network);
}

static GArray *
new_addresses (void)
{
  GArray *addresses = g_array_new (FALSE, FALSE, sizeof (Lp2pPeerAddress));

  g_array_set_clear_func (addresses, address_clear);
  return addresses;
}

void
lp2p_peer_entry_copy_addresses (Lp2pPeerEntry *self, const Lp2pPeerEntry *from)
{
  if (from->addresses == NULL)
    return;
  self->addresses = new_addresses ();
  for (guint i = 0; i < from->addresses->len; i++)
    {
      Lp2pPeerAddress copy = g_array_index (from->addresses, Lp2pPeerAddress, i);

      lp2p_multiaddr_ref (copy.address);
      g_ref_string_acquire (copy.network);
      g_array_append_val (self->addresses, copy);
    }
}

static Lp2pPeerAddress *
nth (Lp2pPeerEntry *self, guint i)
{
  return &g_array_index (self->addresses, Lp2pPeerAddress, i);
}

static void
drop_expired (Lp2pPeerEntry *self, gint64 now)
{
  for (guint i = self->addresses->len; i > 0; i--)
    if (nth (self, i - 1)->expires <= now)
      g_array_remove_index (self->addresses, i - 1);
}

Lp2pPeerAddress *
lp2p_peer_entry_find_address (Lp2pPeerEntry *self, Lp2pMultiaddr *address)
{
  if (self->addresses == NULL)
    return NULL;
  for (guint i = 0; i < self->addresses->len; i++)
    if (lp2p_multiaddr_equal (nth (self, i)->address, address))
      return nth (self, i);
  return NULL;
}

gboolean
lp2p_peer_entry_is_known (const Lp2pPeerEntry *self)
{
  for (guint i = 0; self->addresses != NULL && i < self->addresses->len; i++)
    if (g_array_index (self->addresses, Lp2pPeerAddress, i).source >= LP2P_PEER_ADDRESS_CONNECTED)
      return TRUE;
  return FALSE;
}

/* Who goes first when there are too many: what is about to be replaced, the least
 * trusted, what expires soonest. */
static int
compare_worth (const Lp2pPeerAddress *a, const Lp2pPeerAddress *b)
{
  if (a->stale != b->stale)
    return b->stale - a->stale;
  if (a->source != b->source)
    return a->source < b->source ? -1 : 1;
  return a->expires < b->expires ? -1 : a->expires > b->expires;
}

static gboolean
make_room (Lp2pPeerEntry *self, const Lp2pPeerAddress *how)
{
  guint worst = 0;

  if (self->addresses->len < LP2P_PEER_MAX_ADDRESSES)
    return TRUE;
  for (guint i = 1; i < self->addresses->len; i++)
    if (compare_worth (nth (self, i), nth (self, worst)) < 0)
      worst = i;
  if (!nth (self, worst)->stale && nth (self, worst)->source > how->source)
    return FALSE;
  g_array_remove_index (self->addresses, worst);
  return TRUE;
}

/* Without the peer id at its end; NULL when that is another's. */
static Lp2pMultiaddr *
strip (Lp2pPeerEntry *self, Lp2pMultiaddr *address)
{
  g_autoptr (Lp2pPeerId) end = lp2p_peer_id_from_multiaddr (address);
  gsize size;

  lp2p_multiaddr_get_data (address, &size);
  if (size > LP2P_PEER_MAX_ADDRESS_SIZE || (end != NULL && !lp2p_peer_id_equal (end, self->id)))
    return NULL;
  return lp2p_multiaddr_without_peer_id (address);
}

static void
set_network (Lp2pPeerAddress *address, const char *network)
{
  char *old = address->network;

  address->network = g_ref_string_new_intern (network);
  g_clear_pointer (&old, g_ref_string_release);
}

/* A weaker source adds nothing to what is known; a stronger one never makes it
 * shorter. */
static void
merge (Lp2pPeerAddress *known, const Lp2pPeerAddress *how)
{
  known->stale = FALSE;
  known->last_success = MAX (known->last_success, how->last_success);
  known->last_failure = MAX (known->last_failure, how->last_failure);
  if (how->source < known->source)
    return;
  known->expires = how->source > known->source ? MAX (known->expires, how->expires) : how->expires;
  known->source = how->source;
  set_network (known, how->network);
}

gboolean
lp2p_peer_entry_add_address (Lp2pPeerEntry *self, Lp2pMultiaddr *address, const Lp2pPeerAddress *how, gint64 now)
{
  g_autoptr (Lp2pMultiaddr) plain = strip (self, address);
  Lp2pPeerAddress added = *how;
  Lp2pPeerAddress *known;

  if (plain == NULL || how->expires <= now)
    return FALSE;
  if (self->addresses == NULL)
    self->addresses = new_addresses ();
  drop_expired (self, now);
  known = lp2p_peer_entry_find_address (self, plain);
  if (known != NULL)
    {
      merge (known, how);
      return TRUE;
    }
  if (!make_room (self, how))
    return FALSE;
  added.address = g_steal_pointer (&plain);
  added.network = NULL;
  added.stale = FALSE;
  set_network (&added, how->network);
  g_array_append_val (self->addresses, added);
  return TRUE;
}

void
lp2p_peer_entry_replace_addresses (Lp2pPeerEntry *self, GPtrArray *addresses, const Lp2pPeerAddress *how, gint64 now)
{
  for (guint i = 0; self->addresses != NULL && i < self->addresses->len; i++)
    nth (self, i)->stale = nth (self, i)->source <= MIN (how->source, LP2P_PEER_ADDRESS_CERTIFIED);
  /* A peer lists what it thinks best first; what exceeds the bound is not looked at. */
  for (guint i = 0; i < addresses->len && i < LP2P_PEER_MAX_ADDRESSES; i++)
    lp2p_peer_entry_add_address (self, g_ptr_array_index (addresses, i), how, now);
  for (guint i = self->addresses != NULL ? self->addresses->len : 0; i > 0; i--)
    if (nth (self, i - 1)->stale)
      g_array_remove_index (self->addresses, i - 1);
}

/* An address of a private network means another machine in another such network. */
gboolean
lp2p_peer_address_is_elsewhere (const Lp2pPeerAddress *address, const char *network)
{
  return lp2p_multiaddr_is_private (address->address) && !g_str_equal (address->network, network);
}

/* 0 worked when tried last, 1 was not tried, 2 failed. */
static int
get_outcome (const Lp2pPeerAddress *address)
{
  if (address->last_failure > address->last_success)
    return 2;
  return address->last_success > 0 ? 0 : 1;
}

static int
compare_rank (gconstpointer first, gconstpointer second, gpointer network)
{
  const Lp2pPeerAddress *a = *(Lp2pPeerAddress *const *) first;
  const Lp2pPeerAddress *b = *(Lp2pPeerAddress *const *) second;
  int elsewhere = lp2p_peer_address_is_elsewhere (a, network) - lp2p_peer_address_is_elsewhere (b, network);
  int outcome = get_outcome (a) - get_outcome (b);

  if (elsewhere != 0)
    return elsewhere;
  if (outcome != 0)
    return outcome;
  if (a->last_success != b->last_success)
    return a->last_success > b->last_success ? -1 : 1;
  if (a->source != b->source)
    return (int) b->source - (int) a->source;
  /* The same each time, whatever the disk made of their order. */
  return lp2p_multiaddr_compare (a->address, b->address);
}

GPtrArray *
lp2p_peer_entry_dup_addresses (Lp2pPeerEntry *self, const char *network, gint64 now)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  g_autoptr (GPtrArray) ranked = g_ptr_array_new ();

  if (self->addresses == NULL)
    return addresses;
  drop_expired (self, now);
  for (guint i = 0; i < self->addresses->len; i++)
    g_ptr_array_add (ranked, nth (self, i));
  g_ptr_array_sort_with_data (ranked, compare_rank, (gpointer) network);
  for (guint i = 0; i < ranked->len; i++)
    g_ptr_array_add (addresses, lp2p_multiaddr_ref (((Lp2pPeerAddress *) g_ptr_array_index (ranked, i))->address));
  return addresses;
}
