/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/host/lp2p-peer.h>
#include <lp2p/net/lp2p-loop.h>

#include "host/lp2p-peer-entry-private.h"

G_BEGIN_DECLS

/* The peers of a store as a list model. It changes only in the run phase of the
 * loop, one peer after another, when the store is done with what it does; nothing is
 * kept for it before somebody asks for the model. */
typedef struct _Lp2pPeerList Lp2pPeerList;
/* What the store has in memory of a peer, NULL when nothing. */
typedef Lp2pPeerEntry *(*Lp2pPeerListPeek) (gpointer user_data, Lp2pPeerId *peer);

/* @list_known calls lp2p_peer_list_note() for each peer there is. */
Lp2pPeerList *lp2p_peer_list_new (Lp2pLoop *loop, Lp2pPeerListPeek peek, void (*list_known) (gpointer), gpointer user_data);
/* The store goes; the model may stay with whoever has it. */
void lp2p_peer_list_close (Lp2pPeerList *self);
/* Something about a peer changed. */
void lp2p_peer_list_note (Lp2pPeerList *self, Lp2pPeerId *peer);
GListModel *lp2p_peer_list_get_model (Lp2pPeerList *self);

/* lp2p-peer.c */
Lp2pPeer *lp2p_peer_new (Lp2pPeerId *peer);
/* Copies what is known, then notifies of what is new. */
void lp2p_peer_refresh (Lp2pPeer *self, Lp2pPeerEntry *entry);

G_END_DECLS
