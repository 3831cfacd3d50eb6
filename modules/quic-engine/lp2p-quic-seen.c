/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A set of what is remembered for a while. */

#include "lp2p-quic-seen.h"

typedef struct
{
  GBytes *key;
  gint64 expires;
} Seen;

struct _Lp2pQuicSeen
{
  GHashTable *keys; /* borrowed from the queue */
  GQueue queue;     /* oldest first: all are remembered equally long */
};

static void
seen_free (Seen *self)
{
  g_bytes_unref (self->key);
  g_free (self);
}

static void
forget_expired (Lp2pQuicSeen *self, gint64 now)
{
  Seen *seen;

  while ((seen = g_queue_peek_head (&self->queue)) != NULL && seen->expires < now)
    {
      g_hash_table_remove (self->keys, seen->key);
      seen_free (g_queue_pop_head (&self->queue));
    }
}

gboolean
lp2p_quic_seen_is_full (Lp2pQuicSeen *self)
{
  return self->queue.length >= LP2P_QUIC_SEEN_MAX;
}

gboolean
lp2p_quic_seen_add (Lp2pQuicSeen *self, gconstpointer data, gsize size, gint64 now, gint64 expires)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  Seen *seen;

  forget_expired (self, now);
  if (g_hash_table_contains (self->keys, bytes) || lp2p_quic_seen_is_full (self))
    return FALSE;
  seen = g_new0 (Seen, 1);
  seen->key = g_steal_pointer (&bytes);
  seen->expires = expires;
  g_hash_table_add (self->keys, seen->key);
  g_queue_push_tail (&self->queue, seen);
  return TRUE;
}

Lp2pQuicSeen *
lp2p_quic_seen_new (void)
{
  Lp2pQuicSeen *self = g_new0 (Lp2pQuicSeen, 1);

  self->keys = g_hash_table_new (g_bytes_hash, g_bytes_equal);
  return self;
}

void
lp2p_quic_seen_free (Lp2pQuicSeen *self)
{
  g_hash_table_unref (self->keys);
  g_queue_clear_full (&self->queue, (GDestroyNotify) seen_free);
  g_free (self);
}
