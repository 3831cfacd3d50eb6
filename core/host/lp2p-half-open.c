/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-half-open-private.h"

#include "host/lp2p-limits-private.h"

/* The handshakes of one subnet in one stage, never none. */
struct _Lp2pHalfOpenGroup
{
  guint64 subnet;
  Lp2pHalfOpenStage stage;
  GQueue entries; /* the oldest one first */
  GSequenceIter *iter;
};

/* The one with the most entries first, then the one with the oldest. */
static int
compare_groups (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const Lp2pHalfOpenGroup *first = a;
  const Lp2pHalfOpenGroup *second = b;
  const Lp2pHalfOpenEntry *oldest = first->entries.head->data;
  const Lp2pHalfOpenEntry *other = second->entries.head->data;

  if (first->entries.length != second->entries.length)
    return first->entries.length > second->entries.length ? -1 : 1;
  return oldest->since < other->since ? -1 : oldest->since > other->since;
}

void
lp2p_half_open_init (Lp2pHalfOpen *self)
{
  for (guint i = 0; i < LP2P_HALF_OPEN_N_STAGES; i++)
    {
      self->n_entries[i] = 0;
      self->groups[i] = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, g_free);
      self->ordered[i] = g_sequence_new (NULL);
    }
  self->next = 0;
}

void
lp2p_half_open_clear (Lp2pHalfOpen *self)
{
  for (guint i = 0; i < LP2P_HALF_OPEN_N_STAGES; i++)
    {
      g_sequence_free (self->ordered[i]);
      g_hash_table_unref (self->groups[i]);
    }
}

/* Counting */

static void
put (Lp2pHalfOpen *self, Lp2pHalfOpenEntry *entry, Lp2pHalfOpenStage stage)
{
  guint64 subnet = lp2p_limits_get_subnet (entry->address);
  Lp2pHalfOpenGroup *group = g_hash_table_lookup (self->groups[stage], &subnet);

  if (group == NULL)
    {
      group = g_new0 (Lp2pHalfOpenGroup, 1);
      group->subnet = subnet;
      group->stage = stage;
      g_hash_table_insert (self->groups[stage], &group->subnet, group);
    }
  entry->group = group;
  entry->since = self->next++;
  g_queue_push_tail_link (&group->entries, &entry->link);
  self->n_entries[stage]++;
  if (group->iter == NULL)
    group->iter = g_sequence_insert_sorted (self->ordered[stage], group, compare_groups, NULL);
  else
    g_sequence_sort_changed (group->iter, compare_groups, NULL);
}

void
lp2p_half_open_add (Lp2pHalfOpen *self, Lp2pHalfOpenEntry *entry, Lp2pMultiaddr *address)
{
  entry->address = lp2p_multiaddr_ref (address);
  entry->link.data = entry;
  put (self, entry, LP2P_HALF_OPEN_AGREEING);
}

static void
take (Lp2pHalfOpen *self, Lp2pHalfOpenEntry *entry)
{
  Lp2pHalfOpenGroup *group = g_steal_pointer (&entry->group);

  self->n_entries[group->stage]--;
  g_queue_unlink (&group->entries, &entry->link);
  if (group->entries.length > 0)
    {
      g_sequence_sort_changed (group->iter, compare_groups, NULL);
      return;
    }
  g_sequence_remove (group->iter);
  g_hash_table_remove (self->groups[group->stage], &group->subnet);
}

void
lp2p_half_open_advance (Lp2pHalfOpen *self, Lp2pHalfOpenEntry *entry)
{
  if (entry->group == NULL || entry->group->stage == LP2P_HALF_OPEN_SECURING)
    return;
  take (self, entry);
  put (self, entry, LP2P_HALF_OPEN_SECURING);
}

void
lp2p_half_open_remove (Lp2pHalfOpen *self, Lp2pHalfOpenEntry *entry)
{
  if (entry->group == NULL)
    return;
  take (self, entry);
  g_clear_pointer (&entry->address, lp2p_multiaddr_unref);
}

/* Choosing */

static Lp2pHalfOpenStage
get_fuller (const guint *n_entries)
{
  return n_entries[LP2P_HALF_OPEN_AGREEING] >= n_entries[LP2P_HALF_OPEN_SECURING] ? LP2P_HALF_OPEN_AGREEING
                                                                                  : LP2P_HALF_OPEN_SECURING;
}

Lp2pHalfOpenEntry *
lp2p_half_open_choose (Lp2pHalfOpen *self)
{
  Lp2pHalfOpenStage stage = get_fuller (self->n_entries);
  Lp2pHalfOpenGroup *group;

  if (self->n_entries[stage] == 0)
    return NULL;
  group = g_sequence_get (g_sequence_get_begin_iter (self->ordered[stage]));
  return group->entries.head->data;
}

Lp2pHalfOpenEntry *
lp2p_half_open_choose_of_ip (Lp2pHalfOpen *self, Lp2pMultiaddr *address)
{
  guint64 subnet = lp2p_limits_get_subnet (address);
  Lp2pHalfOpenEntry *oldest[LP2P_HALF_OPEN_N_STAGES] = { NULL };
  guint n_entries[LP2P_HALF_OPEN_N_STAGES] = { 0 };

  for (guint i = 0; i < LP2P_HALF_OPEN_N_STAGES; i++)
    {
      Lp2pHalfOpenGroup *group = g_hash_table_lookup (self->groups[i], &subnet);

      for (GList *l = group != NULL ? group->entries.tail : NULL; l != NULL; l = l->prev)
        {
          Lp2pHalfOpenEntry *entry = l->data;

          if (!lp2p_limits_same_ip (entry->address, address))
            continue;
          oldest[i] = entry;
          n_entries[i]++;
        }
    }
  return oldest[get_fuller (n_entries)];
}
