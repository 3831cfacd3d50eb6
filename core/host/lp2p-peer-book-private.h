/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-context.h>

/* What a host knows of its peers. */
typedef struct _Lp2pPeerBook Lp2pPeerBook;

Lp2pPeerBook *lp2p_peer_book_new (Lp2pLoop *loop);
void lp2p_peer_book_free (Lp2pPeerBook *self);
void lp2p_peer_book_update (Lp2pPeerBook *self, Lp2pPeerId *peer, const Lp2pPeerInfo *info);
GPtrArray *lp2p_peer_book_dup_addresses (Lp2pPeerBook *self, Lp2pPeerId *peer);
GStrv lp2p_peer_book_dup_protocols (Lp2pPeerBook *self, Lp2pPeerId *peer);
char *lp2p_peer_book_dup_agent (Lp2pPeerBook *self, Lp2pPeerId *peer);
GBytes *lp2p_peer_book_get_data (Lp2pPeerBook *self, Lp2pPeerId *peer, const char *plugin, const char *key);
void lp2p_peer_book_set_data (Lp2pPeerBook *self, Lp2pPeerId *peer, const char *plugin, const char *key, GBytes *data, gint64 lifetime, Lp2pPeerDataFlags flags);
