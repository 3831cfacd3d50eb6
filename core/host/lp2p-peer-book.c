/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include <gnutls/gnutls.h>

#include "host/lp2p-peer-book-private.h"

/* What is remembered of strangers is bounded: the one not heard of for longest
 * is forgotten first. */
#define MAX_PEERS 4096
#define MAX_DATA_PER_PEER 64
#define MAX_ADDRESSES 64
#define DEFAULT_LIFETIME_S (60 * 60)

struct _Lp2pPeerBook
{
  Lp2pLoop *loop;
  GHashTable *peers;
  GQueue recent;
};

typedef struct
{
  GBytes *data;
  gint64 expires;
} Data;

typedef struct
{
  Lp2pPeerId *id;
  GPtrArray *addresses;
  gint64 addresses_expire;
  GBytes *signed_record;
  GStrv protocols;
  char *agent_version;
  char *protocol_version;
  GHashTable *data;
  GList link;
} Peer;

typedef struct
{
  gsize size;
  guint8 bytes[];
} Secret;

static void
data_free (gpointer pointer)
{
  Data *data = pointer;

  g_bytes_unref (data->data);
  g_free (data);
}

static void
secret_free (gpointer pointer)
{
  Secret *secret = pointer;

  gnutls_memset (secret->bytes, 0, secret->size);
  g_free (secret);
}

/* A copy that is wiped with its last reference, whoever holds the original. */
static GBytes *
new_secret (GBytes *bytes)
{
  gsize size;
  gconstpointer data = g_bytes_get_data (bytes, &size);
  Secret *secret = g_malloc (sizeof (Secret) + size);

  secret->size = size;
  if (size > 0)
    memcpy (secret->bytes, data, size);
  return g_bytes_new_with_free_func (secret->bytes, size, secret_free, secret);
}

static void
peer_free (gpointer pointer)
{
  Peer *peer = pointer;

  g_clear_pointer (&peer->addresses, g_ptr_array_unref);
  g_clear_pointer (&peer->signed_record, g_bytes_unref);
  g_clear_pointer (&peer->protocols, g_strfreev);
  g_clear_pointer (&peer->data, g_hash_table_unref);
  g_free (peer->agent_version);
  g_free (peer->protocol_version);
  lp2p_peer_id_unref (peer->id);
  g_free (peer);
}

Lp2pPeerBook *
lp2p_peer_book_new (Lp2pLoop *loop)
{
  Lp2pPeerBook *self = g_new0 (Lp2pPeerBook, 1);

  self->loop = lp2p_loop_ref (loop);
  self->peers = g_hash_table_new_full (lp2p_peer_id_hash, lp2p_peer_id_equal, NULL, peer_free);
  g_queue_init (&self->recent);
  return self;
}

void
lp2p_peer_book_free (Lp2pPeerBook *self)
{
  g_hash_table_unref (self->peers);
  lp2p_loop_unref (self->loop);
  g_free (self);
}

static Peer *
ensure_peer (Lp2pPeerBook *self, Lp2pPeerId *id)
{
  Peer *peer = g_hash_table_lookup (self->peers, id);

  if (peer != NULL)
    {
      g_queue_unlink (&self->recent, &peer->link);
      g_queue_push_head_link (&self->recent, &peer->link);
      return peer;
    }

  if (self->recent.length >= MAX_PEERS)
    {
      Peer *oldest = g_queue_pop_tail_link (&self->recent)->data;

      g_hash_table_remove (self->peers, oldest->id);
    }
  peer = g_new0 (Peer, 1);
  peer->id = lp2p_peer_id_ref (id);
  peer->link.data = peer;
  g_queue_push_head_link (&self->recent, &peer->link);
  g_hash_table_insert (self->peers, peer->id, peer);
  return peer;
}

static void
set_addresses (Lp2pPeerBook *self, Peer *peer, const Lp2pPeerInfo *info)
{
  gint64 lifetime = info->lifetime > 0 ? info->lifetime : DEFAULT_LIFETIME_S;

  g_clear_pointer (&peer->addresses, g_ptr_array_unref);
  peer->addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  for (guint i = 0; i < info->addresses->len && i < MAX_ADDRESSES; i++)
    g_ptr_array_add (peer->addresses, lp2p_multiaddr_ref (g_ptr_array_index (info->addresses, i)));
  peer->addresses_expire = lp2p_loop_now (self->loop) + lifetime * G_USEC_PER_SEC;
}

static void
set_string (char **where, const char *value)
{
  if (value == NULL)
    return;
  g_free (*where);
  *where = g_strdup (value);
}

void
lp2p_peer_book_update (Lp2pPeerBook *self, Lp2pPeerId *id, const Lp2pPeerInfo *info)
{
  Peer *peer = ensure_peer (self, id);

  if (info->addresses != NULL)
    set_addresses (self, peer, info);
  if (info->protocols != NULL)
    {
      g_strfreev (peer->protocols);
      peer->protocols = g_strdupv ((GStrv) info->protocols);
    }
  if (info->signed_record != NULL)
    {
      g_clear_pointer (&peer->signed_record, g_bytes_unref);
      peer->signed_record = g_bytes_ref (info->signed_record);
    }
  set_string (&peer->agent_version, info->agent_version);
  set_string (&peer->protocol_version, info->protocol_version);
}

GPtrArray *
lp2p_peer_book_dup_addresses (Lp2pPeerBook *self, Lp2pPeerId *id)
{
  Peer *peer = g_hash_table_lookup (self->peers, id);
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  if (peer == NULL || peer->addresses == NULL || peer->addresses_expire <= lp2p_loop_now (self->loop))
    return addresses;
  for (guint i = 0; i < peer->addresses->len; i++)
    g_ptr_array_add (addresses, lp2p_multiaddr_ref (g_ptr_array_index (peer->addresses, i)));
  return addresses;
}

GStrv
lp2p_peer_book_dup_protocols (Lp2pPeerBook *self, Lp2pPeerId *id)
{
  Peer *peer = g_hash_table_lookup (self->peers, id);

  return peer != NULL ? g_strdupv (peer->protocols) : NULL;
}

char *
lp2p_peer_book_dup_agent (Lp2pPeerBook *self, Lp2pPeerId *id)
{
  Peer *peer = g_hash_table_lookup (self->peers, id);

  return peer != NULL ? g_strdup (peer->agent_version) : NULL;
}

GBytes *
lp2p_peer_book_get_data (Lp2pPeerBook *self, Lp2pPeerId *id, const char *plugin, const char *key)
{
  Peer *peer = g_hash_table_lookup (self->peers, id);
  g_autofree char *name = g_strconcat (plugin, "/", key, NULL);
  Data *data = peer != NULL && peer->data != NULL ? g_hash_table_lookup (peer->data, name) : NULL;

  if (data == NULL)
    return NULL;
  if (data->expires <= lp2p_loop_now (self->loop))
    {
      g_hash_table_remove (peer->data, name);
      return NULL;
    }
  return g_bytes_ref (data->data);
}

void
lp2p_peer_book_set_data (Lp2pPeerBook *self, Lp2pPeerId *id, const char *plugin, const char *key, GBytes *bytes, gint64 lifetime, Lp2pPeerDataFlags flags)
{
  Peer *peer = ensure_peer (self, id);
  char *name = g_strconcat (plugin, "/", key, NULL);
  Data *data;

  if (peer->data == NULL)
    peer->data = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, data_free);
  if (bytes == NULL ||
      (g_hash_table_size (peer->data) >= MAX_DATA_PER_PEER && !g_hash_table_contains (peer->data, name)))
    {
      g_hash_table_remove (peer->data, name);
      g_free (name);
      return;
    }

  data = g_new0 (Data, 1);
  data->data = (flags & LP2P_PEER_DATA_SECRET) != 0 ? new_secret (bytes) : g_bytes_ref (bytes);
  data->expires = lp2p_loop_now (self->loop) + lifetime * G_USEC_PER_SEC;
  g_hash_table_replace (peer->data, name, data);
}
