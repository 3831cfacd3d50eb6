/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "host/lp2p-peer-entry-private.h"

G_BEGIN_DECLS

/* The peers of a store that may be dropped, as they are not connected: the freshest first,
 * and how many bytes they take. */
typedef struct
{
  GQueue strangers;
  GQueue known;
  gsize bytes;
} Lp2pPeerIdle;

/* As what it is now. @own: whether it is about the host itself */
void lp2p_peer_idle_add (Lp2pPeerIdle *self, Lp2pPeerEntry *entry, gboolean own);
/* Whether it was there. */
gboolean lp2p_peer_idle_remove (Lp2pPeerIdle *self, Lp2pPeerEntry *entry);
/* Somebody asked for it. */
void lp2p_peer_idle_touch (Lp2pPeerIdle *self, Lp2pPeerEntry *entry);
/* Who is to go first, never @kept (nullable); NULL when there is nobody. */
Lp2pPeerEntry *lp2p_peer_idle_choose (Lp2pPeerIdle *self, const Lp2pPeerEntry *kept);

G_END_DECLS
