/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whoever records a client's first packets and sends them again must not have their
 * early data taken twice (RFC 8446 section 8), nor their token. */

#include "lp2p-quic-replay.h"

/* Of what GnuTLS puts before the hash of a first message. */
#define START_SIZE 12

typedef struct
{
  GBytes *key;
  gint64 expires;
} Seen;

struct _Lp2pQuicReplay
{
  gnutls_anti_replay_t anti_replay;
  GHashTable *keys; /* borrowed from the queue */
  GQueue seen;      /* oldest first: all are remembered equally long */
};

static void
seen_free (Seen *self)
{
  g_bytes_unref (self->key);
  g_free (self);
}

static void
forget_expired (Lp2pQuicReplay *self, gint64 now)
{
  Seen *seen;

  while ((seen = g_queue_peek_head (&self->seen)) != NULL && seen->expires < now)
    {
      g_hash_table_remove (self->keys, seen->key);
      seen_free (g_queue_pop_head (&self->seen));
    }
}

gboolean
lp2p_quic_replay_is_full (Lp2pQuicReplay *self)
{
  return self->seen.length >= LP2P_QUIC_REPLAY_MAX;
}

int
lp2p_quic_replay_add (Lp2pQuicReplay *self, const gnutls_datum_t *key, gint64 now, gint64 expires)
{
  g_autoptr (GBytes) bytes = g_bytes_new (key->data, key->size);
  Seen *seen;

  forget_expired (self, now);
  if (g_hash_table_contains (self->keys, bytes) || lp2p_quic_replay_is_full (self))
    return GNUTLS_E_DB_ENTRY_EXISTS;
  seen = g_new0 (Seen, 1);
  seen->key = g_steal_pointer (&bytes);
  seen->expires = expires;
  g_hash_table_add (self->keys, seen->key);
  g_queue_push_tail (&self->seen, seen);
  return 0;
}

/* Behind the time at which GnuTLS began to record: it begins anew now and then, and would
 * take once more what came shortly before. */
static int
add_hello (gpointer data, time_t expires, const gnutls_datum_t *key, const gnutls_datum_t *value)
{
  gnutls_datum_t hello = { key->data + START_SIZE, key->size - START_SIZE };

  if (key->size <= START_SIZE)
    return GNUTLS_E_DB_ENTRY_EXISTS;
  return lp2p_quic_replay_add (data, &hello, g_get_real_time () / G_USEC_PER_SEC, expires);
}

gnutls_anti_replay_t
lp2p_quic_replay_get (Lp2pQuicReplay *self)
{
  return self->anti_replay;
}

Lp2pQuicReplay *
lp2p_quic_replay_new (void)
{
  Lp2pQuicReplay *self = g_new0 (Lp2pQuicReplay, 1);

  self->keys = g_hash_table_new (g_bytes_hash, g_bytes_equal);
  if (gnutls_anti_replay_init (&self->anti_replay) < 0)
    {
      self->anti_replay = NULL;
      return self;
    }
  gnutls_anti_replay_set_window (self->anti_replay, LP2P_QUIC_REPLAY_WINDOW * 1000);
  gnutls_anti_replay_set_add_function (self->anti_replay, add_hello);
  gnutls_anti_replay_set_ptr (self->anti_replay, self);
  return self;
}

void
lp2p_quic_replay_free (Lp2pQuicReplay *self)
{
  if (self->anti_replay != NULL)
    gnutls_anti_replay_deinit (self->anti_replay);
  g_hash_table_unref (self->keys);
  g_queue_clear_full (&self->seen, (GDestroyNotify) seen_free);
  g_free (self);
}
