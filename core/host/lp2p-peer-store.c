/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-log.h>

#include "host/lp2p-network-id-private.h"
#include "host/lp2p-peer-disk-private.h"
#include "host/lp2p-peer-idle-private.h"
#include "host/lp2p-peer-list-private.h"
#include "host/lp2p-peer-store-private.h"

/* What is remembered of peers that are not connected is bounded: the one not heard of for
 * longest goes first, from memory only, and strangers before those that were dialed. With
 * 2 KB each this is 8 MB; a bad crowd of 100 KB each is one of fewer. */
#define MAX_PEERS 4096
#define MAX_BYTES (16 * 1024 * 1024)

/* The disk counts from the last write for how long a peer is remembered: whoever was
 * connected for so long is written once more. */
#define REFRESH_US G_TIME_SPAN_DAY
/* How often the routing table is looked at, at the most. */
#define NETWORK_MAX_AGE_US (10 * G_USEC_PER_SEC)

struct _Lp2pPeerStore
{
  Lp2pLoop *loop;
  Lp2pPeerId *own_id;

  /* Lp2pPeerId to Lp2pPeerEntry. */
  GHashTable *peers;
  guint max_peers;
  gsize max_bytes;
  Lp2pPeerIdle idle;
  Lp2pPeerDisk *disk;

  Lp2pNetworkFunc network_func;
  gpointer network_data;
  char *network;
  gint64 network_read;

  Lp2pPeerList *list;
};

static char *
default_network (gpointer user_data)
{
  return lp2p_network_id_dup ();
}

static gint64
get_now (Lp2pPeerStore *self)
{
  return lp2p_loop_real_time (self->loop);
}

static gint64
get_expiry (Lp2pPeerStore *self, gint64 lifetime)
{
  gint64 now = get_now (self);

  if (lifetime <= 0)
    return now;
  return lifetime > (G_MAXINT64 - now) / G_USEC_PER_SEC ? G_MAXINT64 : now + lifetime * G_USEC_PER_SEC;
}

const char *
lp2p_peer_store_get_network (Lp2pPeerStore *self)
{
  gint64 now = lp2p_loop_now (self->loop);

  if (self->network != NULL && now - self->network_read < NETWORK_MAX_AGE_US)
    return self->network;
  g_free (self->network);
  self->network = self->network_func (self->network_data);
  self->network_read = now;
  return self->network;
}

/* Dropping */

static gboolean
is_own (Lp2pPeerStore *self, const Lp2pPeerEntry *entry)
{
  return lp2p_peer_id_equal (entry->id, self->own_id);
}

static void
drop (Lp2pPeerStore *self, Lp2pPeerEntry *entry)
{
  lp2p_peer_disk_unmark (self->disk, entry);
  lp2p_peer_idle_remove (&self->idle, entry);
  lp2p_peer_list_note (self->list, entry->id);
  g_hash_table_remove (self->peers, entry->id);
}

static gboolean
exceeds (Lp2pPeerStore *self, guint n_more, guint times)
{
  return g_hash_table_size (self->peers) + n_more > times * self->max_peers || self->idle.bytes > times * self->max_bytes;
}

/* For so many more, or for what @kept (nullable) has become. The disk may be slow: as many
 * more are kept until it has what they are known by. */
static void
make_room (Lp2pPeerStore *self, guint n_more, Lp2pPeerEntry *kept)
{
  Lp2pPeerEntry *oldest;

  while (exceeds (self, n_more, 1) && (oldest = lp2p_peer_idle_choose (&self->idle, kept)) != NULL)
    {
      if (lp2p_peer_disk_is_behind (self->disk, oldest) && !exceeds (self, n_more, 2))
        return;
      drop (self, oldest);
    }
}

/* It has grown, or is no stranger any more. */
static void
weigh (Lp2pPeerStore *self, Lp2pPeerEntry *entry)
{
  if (!lp2p_peer_idle_remove (&self->idle, entry))
    return;
  lp2p_peer_idle_add (&self->idle, entry, is_own (self, entry));
  make_room (self, 0, entry);
}

static void
mark (Lp2pPeerStore *self, Lp2pPeerEntry *entry, Lp2pPeerDirty what)
{
  if (!is_own (self, entry))
    lp2p_peer_list_note (self->list, entry->id);
  lp2p_peer_disk_mark (self->disk, entry, what);
  weigh (self, entry);
}

/* Finding */

static void
insert (Lp2pPeerStore *self, Lp2pPeerEntry *entry)
{
  make_room (self, 1, NULL);
  lp2p_peer_idle_add (&self->idle, entry, is_own (self, entry));
  g_hash_table_insert (self->peers, entry->id, entry);
  if (!is_own (self, entry))
    lp2p_peer_list_note (self->list, entry->id);
}

/* NULL when nothing is known, unless it is @ensured. */
static Lp2pPeerEntry *
get_peer (Lp2pPeerStore *self, Lp2pPeerId *peer, gboolean ensured)
{
  Lp2pPeerEntry *entry = g_hash_table_lookup (self->peers, peer);
  gboolean found;

  if (entry != NULL)
    {
      lp2p_peer_idle_touch (&self->idle, entry);
      return entry;
    }
  lp2p_peer_disk_open (self->disk);
  if (!ensured && !lp2p_peer_disk_is_open (self->disk))
    return NULL;
  entry = lp2p_peer_entry_new (peer);
  found = lp2p_peer_disk_load (self->disk, entry);
  if (found || ensured)
    {
      insert (self, entry);
      return entry;
    }
  lp2p_peer_entry_free (entry);
  return NULL;
}

static Lp2pPeerEntry *
find_peer (Lp2pPeerStore *self, Lp2pPeerId *peer)
{
  return get_peer (self, peer, FALSE);
}

static Lp2pPeerEntry *
ensure_peer (Lp2pPeerStore *self, Lp2pPeerId *peer)
{
  return get_peer (self, peer, TRUE);
}

/* Making and closing */

static Lp2pPeerEntry *
peek (gpointer self, Lp2pPeerId *peer)
{
  return g_hash_table_lookup (((Lp2pPeerStore *) self)->peers, peer);
}

static void
list_known (gpointer user_data)
{
  Lp2pPeerStore *self = user_data;
  GHashTableIter iter;
  gpointer peer;

  g_hash_table_iter_init (&iter, self->peers);
  while (g_hash_table_iter_next (&iter, &peer, NULL))
    if (!lp2p_peer_id_equal (peer, self->own_id))
      lp2p_peer_list_note (self->list, peer);
}

Lp2pPeerStore *
lp2p_peer_store_new (Lp2pLoop *loop, Lp2pPeerId *own_id, const char *path)
{
  Lp2pPeerStore *self = g_new0 (Lp2pPeerStore, 1);

  self->loop = lp2p_loop_ref (loop);
  self->own_id = lp2p_peer_id_ref (own_id);
  self->peers = g_hash_table_new_full (lp2p_peer_id_hash, lp2p_peer_id_equal, NULL,
                                       (GDestroyNotify) lp2p_peer_entry_free);
  self->max_peers = MAX_PEERS;
  self->max_bytes = MAX_BYTES;
  self->disk = lp2p_peer_disk_new (loop, own_id, path, self->peers);
  self->network_func = default_network;
  self->list = lp2p_peer_list_new (loop, peek, list_known, self);
  return self;
}

/* The last connection of it is gone. */
static void
note_left (Lp2pPeerStore *self, Lp2pPeerEntry *entry)
{
  lp2p_peer_idle_add (&self->idle, entry, is_own (self, entry));
  if (get_now (self) - entry->connected_at >= REFRESH_US)
    lp2p_peer_disk_mark (self->disk, entry, LP2P_PEER_DIRTY_FACTS);
}

static void
disconnect_all (Lp2pPeerStore *self)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->peers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Lp2pPeerEntry *entry = value;

      if (entry->n_connections == 0)
        continue;
      entry->n_connections = 0;
      note_left (self, entry);
      lp2p_peer_list_note (self->list, entry->id);
    }
}

void
lp2p_peer_store_close_async (Lp2pPeerStore *self, GAsyncReadyCallback callback, gpointer user_data)
{
  disconnect_all (self);
  lp2p_peer_disk_close_async (self->disk, callback, user_data);
}

void
lp2p_peer_store_close (Lp2pPeerStore *self)
{
  disconnect_all (self);
  lp2p_peer_disk_close (self->disk);
}

void
lp2p_peer_store_free (Lp2pPeerStore *self)
{
  lp2p_peer_store_close (self);
  lp2p_peer_list_close (self->list);
  lp2p_peer_disk_free (self->disk);
  g_hash_table_unref (self->peers);
  lp2p_peer_id_unref (self->own_id);
  lp2p_loop_unref (self->loop);
  g_free (self->network);
  g_free (self);
}

void
lp2p_peer_store_set_max_peers (Lp2pPeerStore *self, guint max_peers)
{
  self->max_peers = max_peers;
}

void
lp2p_peer_store_set_max_bytes (Lp2pPeerStore *self, gsize max_bytes)
{
  self->max_bytes = max_bytes;
}

void
lp2p_peer_store_set_network_func (Lp2pPeerStore *self, Lp2pNetworkFunc func, gpointer user_data)
{
  self->network_func = func;
  self->network_data = user_data;
  g_clear_pointer (&self->network, g_free);
}

guint
lp2p_peer_store_get_n_peers (Lp2pPeerStore *self)
{
  return g_hash_table_size (self->peers);
}

GListModel *
lp2p_peer_store_get_list (Lp2pPeerStore *self)
{
  return lp2p_peer_list_get_model (self->list);
}

/* The disk */

void
lp2p_peer_store_open (Lp2pPeerStore *self)
{
  lp2p_peer_disk_open (self->disk);
}

gboolean
lp2p_peer_store_flush (Lp2pPeerStore *self, GError **error)
{
  return lp2p_peer_disk_flush (self->disk, error);
}

gboolean
lp2p_peer_store_is_writing (Lp2pPeerStore *self)
{
  return lp2p_peer_disk_is_writing (self->disk);
}

gboolean
lp2p_peer_store_is_on_disk (Lp2pPeerStore *self)
{
  return lp2p_peer_disk_is_open (self->disk);
}

void
lp2p_peer_store_set_storage (Lp2pPeerStore *self, Lp2pPeerStorage *storage)
{
  lp2p_peer_disk_set_storage (self->disk, storage);
}

/* Learning */

static Lp2pPeerAddress
describe (Lp2pPeerStore *self, Lp2pPeerAddressSource source, gint64 lifetime)
{
  Lp2pPeerAddress how = {
    .source = source,
    .network = (char *) lp2p_peer_store_get_network (self),
    .expires = get_expiry (self, lifetime),
  };

  return how;
}

static Lp2pPeerRecord *
take_record (Lp2pPeerStore *self, Lp2pPeerEntry *entry, const Lp2pPeerInfo *info)
{
  gint64 lifetime = info->lifetime > 0 ? info->lifetime : LP2P_PEER_LIFETIME_CERTIFIED_S;
  Lp2pPeerAddress how = describe (self, LP2P_PEER_ADDRESS_CERTIFIED, lifetime);
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pPeerRecord) record = lp2p_peer_entry_take_record (entry, info->signed_record, &error);

  if (record == NULL)
    {
      lp2p_log_peer (G_LOG_LEVEL_DEBUG, entry->id, "Ignoring a signed record of %s: %s",
                     lp2p_peer_id_get_string (entry->id), error->message);
      return NULL;
    }
  lp2p_peer_entry_replace_addresses (entry, lp2p_peer_record_get_addresses (record), &how, get_now (self));
  return g_steal_pointer (&record);
}

void
lp2p_peer_store_update (Lp2pPeerStore *self, Lp2pPeerId *peer, const Lp2pPeerInfo *info)
{
  Lp2pPeerEntry *entry = ensure_peer (self, peer);
  Lp2pPeerDirty dirty = LP2P_PEER_DIRTY_NONE;
  g_autoptr (Lp2pPeerRecord) record = info->signed_record != NULL ? take_record (self, entry, info) : NULL;
  gboolean facts = FALSE;

  if (record != NULL)
    dirty |= LP2P_PEER_DIRTY_FACTS | LP2P_PEER_DIRTY_ADDRESSES;
  /* What is certified counts for more, but nobody certifies nothing. */
  if (info->addresses != NULL && (record == NULL || lp2p_peer_record_get_addresses (record)->len == 0))
    {
      gint64 lifetime = info->lifetime > 0 ? info->lifetime : LP2P_PEER_LIFETIME_TOLD_S;
      Lp2pPeerAddress how = describe (self, LP2P_PEER_ADDRESS_TOLD, lifetime);

      lp2p_peer_entry_replace_addresses (entry, info->addresses, &how, get_now (self));
      dirty |= LP2P_PEER_DIRTY_ADDRESSES;
    }
  if (info->protocols != NULL)
    facts |= lp2p_peer_entry_set_protocols (entry, info->protocols);
  facts |= lp2p_peer_entry_set_text (&entry->agent_version, info->agent_version);
  facts |= lp2p_peer_entry_set_text (&entry->protocol_version, info->protocol_version);
  if (facts)
    dirty |= LP2P_PEER_DIRTY_FACTS;
  if (dirty != LP2P_PEER_DIRTY_NONE)
    mark (self, entry, dirty);
}

void
lp2p_peer_store_add_addresses (Lp2pPeerStore *self, Lp2pPeerId *peer, GPtrArray *addresses, gint64 lifetime)
{
  Lp2pPeerEntry *entry = ensure_peer (self, peer);
  Lp2pPeerAddress how = describe (self, LP2P_PEER_ADDRESS_CONFIGURED, lifetime);
  gboolean changed = FALSE;

  for (guint i = 0; i < addresses->len; i++)
    changed |= lp2p_peer_entry_add_address (entry, g_ptr_array_index (addresses, i), &how, get_now (self));
  if (changed)
    mark (self, entry, LP2P_PEER_DIRTY_ADDRESSES);
}

void
lp2p_peer_store_note_dial (Lp2pPeerStore *self, Lp2pPeerId *peer, Lp2pMultiaddr *address, gboolean ok)
{
  Lp2pPeerEntry *entry = ok ? ensure_peer (self, peer) : find_peer (self, peer);
  gint64 now = get_now (self);
  gboolean changed = FALSE;

  if (ok)
    {
      Lp2pPeerAddress how = describe (self, LP2P_PEER_ADDRESS_CONNECTED, LP2P_PEER_LIFETIME_CONNECTED_S);

      how.last_success = now;
      changed = lp2p_peer_entry_add_address (entry, address, &how, now);
    }
  else if (entry != NULL)
    {
      g_autoptr (Lp2pMultiaddr) plain = lp2p_multiaddr_without_peer_id (address);
      Lp2pPeerAddress *known = plain != NULL ? lp2p_peer_entry_find_address (entry, plain) : NULL;

      changed = known != NULL;
      if (known != NULL)
        known->last_failure = now;
    }
  if (changed)
    mark (self, entry, LP2P_PEER_DIRTY_ADDRESSES);
}

void
lp2p_peer_store_note_connected (Lp2pPeerStore *self, Lp2pPeerId *peer, Lp2pPublicKey *key, gboolean connected)
{
  Lp2pPeerEntry *entry = ensure_peer (self, peer);
  Lp2pPeerDirty dirty = LP2P_PEER_DIRTY_NONE;

  if (connected)
    {
      if (entry->n_connections++ == 0)
        {
          lp2p_peer_idle_remove (&self->idle, entry);
          entry->connected_at = get_now (self);
        }
      if (key != NULL && lp2p_peer_entry_set_public_key (entry, key))
        dirty = LP2P_PEER_DIRTY_FACTS;
    }
  else if (entry->n_connections > 0 && --entry->n_connections == 0)
    {
      note_left (self, entry);
      make_room (self, 0, entry);
    }

  if (dirty != LP2P_PEER_DIRTY_NONE)
    mark (self, entry, dirty);
  else
    lp2p_peer_list_note (self->list, peer);
}

void
lp2p_peer_store_forget (Lp2pPeerStore *self, Lp2pPeerId *peer)
{
  Lp2pPeerEntry *entry = g_hash_table_lookup (self->peers, peer);

  lp2p_peer_disk_open (self->disk);
  lp2p_peer_disk_forget (self->disk, peer);
  if (entry == NULL)
    return;
  if (entry->n_connections == 0)
    {
      drop (self, entry);
      return;
    }
  lp2p_peer_disk_unmark (self->disk, entry);
  lp2p_peer_entry_clear (entry);
  entry->unread = FALSE;
  lp2p_peer_list_note (self->list, peer);
}

/* Telling */

GPtrArray *
lp2p_peer_store_dup_addresses (Lp2pPeerStore *self, Lp2pPeerId *peer)
{
  Lp2pPeerEntry *entry = find_peer (self, peer);

  if (entry == NULL)
    return g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  return lp2p_peer_entry_dup_addresses (entry, lp2p_peer_store_get_network (self), get_now (self));
}

const Lp2pPeerAddress *
lp2p_peer_store_find_address (Lp2pPeerStore *self, Lp2pPeerId *peer, Lp2pMultiaddr *address)
{
  Lp2pPeerEntry *entry = find_peer (self, peer);
  g_autoptr (Lp2pMultiaddr) plain = lp2p_multiaddr_without_peer_id (address);
  Lp2pPeerAddress *known = entry != NULL && plain != NULL ? lp2p_peer_entry_find_address (entry, plain) : NULL;

  return known != NULL && known->expires > get_now (self) ? known : NULL;
}

GStrv
lp2p_peer_store_dup_protocols (Lp2pPeerStore *self, Lp2pPeerId *peer)
{
  Lp2pPeerEntry *entry = find_peer (self, peer);

  return entry != NULL ? g_strdupv (entry->protocols) : NULL;
}

char *
lp2p_peer_store_dup_agent (Lp2pPeerStore *self, Lp2pPeerId *peer)
{
  Lp2pPeerEntry *entry = find_peer (self, peer);

  return entry != NULL ? g_strdup (entry->agent_version) : NULL;
}

Lp2pPublicKey *
lp2p_peer_store_dup_public_key (Lp2pPeerStore *self, Lp2pPeerId *peer)
{
  Lp2pPeerEntry *entry = find_peer (self, peer);

  if (entry != NULL && entry->public_key != NULL)
    return lp2p_public_key_ref (entry->public_key);
  return lp2p_peer_id_extract_public_key (peer);
}

GBytes *
lp2p_peer_store_dup_record (Lp2pPeerStore *self, Lp2pPeerId *peer)
{
  Lp2pPeerEntry *entry = find_peer (self, peer);

  return entry != NULL && entry->record != NULL ? g_bytes_ref (entry->record) : NULL;
}

GBytes *
lp2p_peer_store_get_data (Lp2pPeerStore *self, Lp2pPeerId *peer, const char *plugin, const char *key)
{
  Lp2pPeerEntry *entry = find_peer (self, peer);

  return entry != NULL ? lp2p_peer_entry_get_data (entry, plugin, key, get_now (self)) : NULL;
}

void
lp2p_peer_store_set_data (Lp2pPeerStore *self, Lp2pPeerId *peer, const char *plugin, const char *key, GBytes *data, gint64 lifetime, Lp2pPeerDataFlags flags)
{
  Lp2pPeerEntry *entry = data != NULL ? ensure_peer (self, peer) : find_peer (self, peer);

  if (entry != NULL &&
      lp2p_peer_entry_set_data (entry, plugin, key, data, get_expiry (self, lifetime), flags, get_now (self)))
    mark (self, entry, LP2P_PEER_DIRTY_DATA);
  else if (entry != NULL)
    weigh (self, entry);
}
