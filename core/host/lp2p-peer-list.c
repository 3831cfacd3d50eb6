/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-peer-list-private.h"

struct _Lp2pPeerList
{
  grefcount ref_count;
  /* NULL once the store is gone. */
  Lp2pPeerListPeek peek;
  void (*list_known) (gpointer);
  gpointer user_data;
  /* NULL until somebody asks. */
  GListStore *model;
  /* Lp2pPeerId to the Lp2pPeer in the model. */
  GHashTable *shown;
  /* Of Lp2pPeerId: those that changed. */
  GHashTable *pending;
  Lp2pJob job;
};

static void
unref (Lp2pPeerList *self)
{
  if (!g_ref_count_dec (&self->ref_count))
    return;
  g_hash_table_unref (self->shown);
  g_hash_table_unref (self->pending);
  g_clear_object (&self->model);
  g_free (self);
}

static GHashTable *
new_set (void)
{
  return g_hash_table_new_full (lp2p_peer_id_hash, lp2p_peer_id_equal, (GDestroyNotify) lp2p_peer_id_unref, NULL);
}

static void
remove_peer (Lp2pPeerList *self, Lp2pPeerId *peer)
{
  g_autoptr (Lp2pPeer) shown = g_hash_table_lookup (self->shown, peer);
  guint position;

  if (shown == NULL)
    return;
  g_object_ref (shown);
  g_hash_table_remove (self->shown, peer);
  if (g_list_store_find (self->model, shown, &position))
    g_list_store_remove (self->model, position);
}

/* The entry may be gone as soon as somebody is told. */
static void
show_peer (Lp2pPeerList *self, Lp2pPeerEntry *entry)
{
  g_autoptr (Lp2pPeer) shown = g_hash_table_lookup (self->shown, entry->id);

  if (shown != NULL)
    {
      g_object_ref (shown);
      lp2p_peer_refresh (shown, entry);
      return;
    }
  shown = lp2p_peer_new (entry->id);
  lp2p_peer_refresh (shown, entry);
  g_hash_table_insert (self->shown, lp2p_peer_get_peer_id (shown), shown);
  g_list_store_append (self->model, shown);
}

/* Those who are told may change anything, close the host and drop it as well. */
static void
show_pending (Lp2pPeerList *self)
{
  g_autoptr (GHashTable) pending = g_steal_pointer (&self->pending);
  GHashTableIter iter;
  gpointer peer;

  self->pending = new_set ();
  g_hash_table_iter_init (&iter, pending);
  while (self->peek != NULL && g_hash_table_iter_next (&iter, &peer, NULL))
    {
      Lp2pPeerEntry *entry = self->peek (self->user_data, peer);

      if (entry != NULL)
        show_peer (self, entry);
      else
        remove_peer (self, peer);
    }
}

static void
run_job (Lp2pJob *job)
{
  Lp2pPeerList *self = (Lp2pPeerList *) ((guint8 *) job - G_STRUCT_OFFSET (Lp2pPeerList, job));

  g_ref_count_inc (&self->ref_count);
  show_pending (self);
  unref (self);
}

Lp2pPeerList *
lp2p_peer_list_new (Lp2pLoop *loop, Lp2pPeerListPeek peek, void (*list_known) (gpointer), gpointer user_data)
{
  Lp2pPeerList *self = g_new0 (Lp2pPeerList, 1);

  g_ref_count_init (&self->ref_count);
  self->peek = peek;
  self->list_known = list_known;
  self->user_data = user_data;
  self->shown = g_hash_table_new (lp2p_peer_id_hash, lp2p_peer_id_equal);
  self->pending = new_set ();
  lp2p_job_init (&self->job, loop, LP2P_JOB_RUN, run_job);
  return self;
}

void
lp2p_peer_list_close (Lp2pPeerList *self)
{
  self->peek = NULL;
  lp2p_job_clear (&self->job);
  unref (self);
}

void
lp2p_peer_list_note (Lp2pPeerList *self, Lp2pPeerId *peer)
{
  if (self->model == NULL)
    return;
  g_hash_table_add (self->pending, lp2p_peer_id_ref (peer));
  lp2p_job_queue (&self->job);
}

GListModel *
lp2p_peer_list_get_model (Lp2pPeerList *self)
{
  if (self->model == NULL)
    {
      self->model = g_list_store_new (LP2P_TYPE_PEER);
      /* Nobody watches yet: those that are known are there at once. */
      self->list_known (self->user_data);
      lp2p_job_clear (&self->job);
      show_pending (self);
    }
  return G_LIST_MODEL (self->model);
}
