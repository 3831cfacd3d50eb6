/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-peer-idle-private.h"

void
lp2p_peer_idle_add (Lp2pPeerIdle *self, Lp2pPeerEntry *entry, gboolean own)
{
  entry->queue = own || lp2p_peer_entry_is_known (entry) ? &self->known : &self->strangers;
  entry->size = lp2p_peer_entry_get_size (entry);
  self->bytes += entry->size;
  g_queue_push_head_link (entry->queue, &entry->recent_link);
}

gboolean
lp2p_peer_idle_remove (Lp2pPeerIdle *self, Lp2pPeerEntry *entry)
{
  if (entry->queue == NULL)
    return FALSE;
  g_queue_unlink (entry->queue, &entry->recent_link);
  self->bytes -= entry->size;
  entry->queue = NULL;
  return TRUE;
}

void
lp2p_peer_idle_touch (Lp2pPeerIdle *self, Lp2pPeerEntry *entry)
{
  if (entry->queue == NULL)
    return;
  g_queue_unlink (entry->queue, &entry->recent_link);
  g_queue_push_head_link (entry->queue, &entry->recent_link);
}

Lp2pPeerEntry *
lp2p_peer_idle_choose (Lp2pPeerIdle *self, const Lp2pPeerEntry *kept)
{
  GList *stranger = self->strangers.tail;
  GList *known = self->known.tail;

  if (stranger != NULL && stranger->data != kept)
    return stranger->data;
  return known != NULL && known->data != kept ? known->data : NULL;
}
