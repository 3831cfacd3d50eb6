/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-dial-backoff-private.h"

#include <string.h>

/* After n failures in a row an address is left alone for 5 s + (n - 1)² s, at the
 * most for five minutes: what go-libp2p does. The first pause outlives an
 * impatient retry, a peer that restarts is found again within seconds, and one
 * that is gone costs a dial in five minutes. */
#define BASE_US (5 * G_USEC_PER_SEC)
#define STEP_US (1 * G_USEC_PER_SEC)
#define MAX_US (300 * G_USEC_PER_SEC)

/* A failure is forgotten when it lies twice the longest pause back. */
#define FORGET_US (2 * MAX_US)

/* As many addresses as a thousand peers tell; what failed longest ago goes first. */
#define MAX_ENTRIES 8192

/* What is remembered of an error's text: a reason is one among many in a message. */
#define MAX_REASON 160

struct _Lp2pDialBackoff
{
  GHashTable *entries;
  /* The one that failed last is the first. */
  GQueue recent;
};

typedef struct
{
  Lp2pPeerId *peer;
  Lp2pMultiaddr *address;
  GError *reason;
  guint n_failures;
  gint64 failed_at;
  gint64 until;
  GList link;
} Entry;

static guint
entry_hash (gconstpointer key)
{
  const Entry *entry = key;

  return lp2p_multiaddr_hash (entry->address) ^ (entry->peer != NULL ? lp2p_peer_id_hash (entry->peer) : 0);
}

static gboolean
same_peer (Lp2pPeerId *a, Lp2pPeerId *b)
{
  return a == b || (a != NULL && b != NULL && lp2p_peer_id_equal (a, b));
}

static gboolean
entry_equal (gconstpointer a, gconstpointer b)
{
  const Entry *one = a;
  const Entry *two = b;

  return same_peer (one->peer, two->peer) && lp2p_multiaddr_equal (one->address, two->address);
}

static void
entry_free (gpointer pointer)
{
  Entry *entry = pointer;

  g_clear_pointer (&entry->peer, lp2p_peer_id_unref);
  lp2p_multiaddr_unref (entry->address);
  g_clear_error (&entry->reason);
  g_free (entry);
}

Lp2pDialBackoff *
lp2p_dial_backoff_new (void)
{
  Lp2pDialBackoff *self = g_new0 (Lp2pDialBackoff, 1);

  self->entries = g_hash_table_new_full (entry_hash, entry_equal, NULL, entry_free);
  return self;
}

void
lp2p_dial_backoff_free (Lp2pDialBackoff *self)
{
  g_hash_table_unref (self->entries);
  g_free (self);
}

static Entry *
find (Lp2pDialBackoff *self, Lp2pPeerId *peer, Lp2pMultiaddr *address)
{
  Entry key = { .peer = peer, .address = address };

  return g_hash_table_lookup (self->entries, &key);
}

static void
forget (Lp2pDialBackoff *self, Entry *entry)
{
  g_queue_unlink (&self->recent, &entry->link);
  g_hash_table_remove (self->entries, entry);
}

static void
forget_old (Lp2pDialBackoff *self, gint64 now)
{
  while (self->recent.tail != NULL)
    {
      Entry *oldest = self->recent.tail->data;

      if (self->recent.length < MAX_ENTRIES && now - oldest->failed_at < FORGET_US)
        return;
      forget (self, oldest);
    }
}

gint64
lp2p_dial_backoff_get_until (Lp2pDialBackoff *self, Lp2pPeerId *peer, Lp2pMultiaddr *address, gint64 now)
{
  Entry *entry = find (self, peer, address);

  return entry != NULL && entry->until > now ? entry->until : 0;
}

const GError *
lp2p_dial_backoff_get_reason (Lp2pDialBackoff *self, Lp2pPeerId *peer, Lp2pMultiaddr *address)
{
  Entry *entry = find (self, peer, address);

  return entry != NULL ? entry->reason : NULL;
}

static GError *
shorten (const GError *error)
{
  gsize size = strlen (error->message);
  g_autofree char *text = g_utf8_make_valid (error->message, MIN (size, MAX_REASON));

  return g_error_new (error->domain, error->code, "%s%s", text, size > MAX_REASON ? "…" : "");
}

void
lp2p_dial_backoff_add_failure (Lp2pDialBackoff *self, Lp2pPeerId *peer, Lp2pMultiaddr *address, const GError *reason, gint64 now)
{
  Entry *entry;
  gint64 pause;

  forget_old (self, now);
  entry = find (self, peer, address);
  if (entry == NULL)
    {
      entry = g_new0 (Entry, 1);
      entry->peer = peer != NULL ? lp2p_peer_id_ref (peer) : NULL;
      entry->address = lp2p_multiaddr_ref (address);
      entry->link.data = entry;
      g_hash_table_add (self->entries, entry);
    }
  else
    g_queue_unlink (&self->recent, &entry->link);
  g_queue_push_head_link (&self->recent, &entry->link);

  g_clear_error (&entry->reason);
  entry->reason = shorten (reason);
  pause = BASE_US + (gint64) STEP_US * entry->n_failures * entry->n_failures;
  entry->until = now + MIN (pause, MAX_US);
  entry->failed_at = now;
  /* Beyond that the pause does not grow. */
  entry->n_failures = MIN (entry->n_failures + 1, MAX_US / STEP_US);
}

void
lp2p_dial_backoff_clear (Lp2pDialBackoff *self, Lp2pPeerId *peer, Lp2pMultiaddr *address)
{
  Entry *entry = find (self, peer, address);

  if (entry != NULL)
    forget (self, entry);
}

guint
lp2p_dial_backoff_get_size (Lp2pDialBackoff *self)
{
  return self->recent.length;
}
