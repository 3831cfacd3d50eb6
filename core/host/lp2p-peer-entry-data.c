/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include <gnutls/gnutls.h>

#include "host/lp2p-peer-entry-private.h"

/* What plugins, and the host itself, keep with a peer. */

typedef struct
{
  gsize size;
  guint8 bytes[];
} Secret;

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

void
lp2p_peer_data_clear (gpointer pointer)
{
  Lp2pPeerData *data = pointer;

  g_free (data->plugin);
  g_free (data->key);
  g_bytes_unref (data->value);
}

static GArray *
new_data (void)
{
  GArray *data = g_array_new (FALSE, FALSE, sizeof (Lp2pPeerData));

  g_array_set_clear_func (data, lp2p_peer_data_clear);
  return data;
}

void
lp2p_peer_entry_copy_data (Lp2pPeerEntry *self, const Lp2pPeerEntry *from)
{
  if (from->data == NULL)
    return;
  self->data = new_data ();
  for (guint i = 0; i < from->data->len; i++)
    {
      Lp2pPeerData copy = g_array_index (from->data, Lp2pPeerData, i);

      if ((copy.flags & LP2P_PEER_DATA_PERSISTENT) == 0)
        continue;
      copy.plugin = g_strdup (copy.plugin);
      copy.key = g_strdup (copy.key);
      g_bytes_ref (copy.value);
      g_array_append_val (self->data, copy);
    }
}

static Lp2pPeerData *
nth (Lp2pPeerEntry *self, guint i)
{
  return &g_array_index (self->data, Lp2pPeerData, i);
}

static gboolean
find (Lp2pPeerEntry *self, const char *plugin, const char *key, guint *index)
{
  for (guint i = 0; self->data != NULL && i < self->data->len; i++)
    if (g_str_equal (nth (self, i)->key, key) && g_str_equal (nth (self, i)->plugin, plugin))
      {
        *index = i;
        return TRUE;
      }
  return FALSE;
}

GBytes *
lp2p_peer_entry_get_data (Lp2pPeerEntry *self, const char *plugin, const char *key, gint64 now)
{
  guint index;

  if (!find (self, plugin, key, &index))
    return NULL;
  if (nth (self, index)->expires > now)
    return g_bytes_ref (nth (self, index)->value);
  g_array_remove_index_fast (self->data, index);
  return NULL;
}

static gboolean
remove_nth (Lp2pPeerEntry *self, guint index)
{
  gboolean persistent = (nth (self, index)->flags & LP2P_PEER_DATA_PERSISTENT) != 0;

  g_array_remove_index_fast (self->data, index);
  return persistent;
}

/* The one that would go soonest by itself makes room. */
static gboolean
remove_soonest (Lp2pPeerEntry *self)
{
  guint soonest = 0;

  for (guint i = 1; i < self->data->len; i++)
    if (nth (self, i)->expires < nth (self, soonest)->expires)
      soonest = i;
  return remove_nth (self, soonest);
}

gboolean
lp2p_peer_entry_set_data (Lp2pPeerEntry *self, const char *plugin, const char *key, GBytes *value, gint64 expires, Lp2pPeerDataFlags flags, gint64 now)
{
  Lp2pPeerData added = { .expires = expires, .flags = flags };
  gboolean changed = FALSE;
  guint index;

  if (find (self, plugin, key, &index))
    changed = remove_nth (self, index);
  if (value == NULL || expires <= now || g_bytes_get_size (value) > LP2P_PEER_MAX_DATA_SIZE)
    return changed;

  if (self->data == NULL)
    self->data = new_data ();
  if (self->data->len >= LP2P_PEER_MAX_DATA)
    changed |= remove_soonest (self);
  added.plugin = g_strdup (plugin);
  added.key = g_strdup (key);
  added.value = (flags & LP2P_PEER_DATA_SECRET) != 0 ? new_secret (value) : g_bytes_ref (value);
  g_array_append_val (self->data, added);
  return changed || (flags & LP2P_PEER_DATA_PERSISTENT) != 0;
}
