/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-loop.h>

#include "host/lp2p-peer-storage-private.h"

G_BEGIN_DECLS

/* What is known of peers: in memory, bounded, and where a file is configured also on
 * disk, from where it is read peer by peer when it is asked for. */
typedef struct _Lp2pPeerStore Lp2pPeerStore;
typedef char *(*Lp2pNetworkFunc) (gpointer user_data);

/* For how long addresses hold unless somebody says otherwise. */
#define LP2P_PEER_LIFETIME_TOLD_S (60 * 60)
#define LP2P_PEER_LIFETIME_CERTIFIED_S (24 * 60 * 60)
#define LP2P_PEER_LIFETIME_CONNECTED_S (7 * 24 * 60 * 60)

/* @path is NULL or empty for a store in memory only. */
Lp2pPeerStore *lp2p_peer_store_new (Lp2pLoop *loop, Lp2pPeerId *own_id, const char *path);
void lp2p_peer_store_free (Lp2pPeerStore *self);
/* Opens the file; so does the first look at a peer. */
void lp2p_peer_store_open (Lp2pPeerStore *self);
/* The host closes: writes what is not written yet and lets go of the file. From then on
 * the store is in memory only, and nobody is connected. The second waits for the disk;
 * the first calls back when it is done, with nothing to finish. */
void lp2p_peer_store_close_async (Lp2pPeerStore *self, GAsyncReadyCallback callback, gpointer user_data);
void lp2p_peer_store_close (Lp2pPeerStore *self);
/* Waits until all is written. */
gboolean lp2p_peer_store_flush (Lp2pPeerStore *self, GError **error);
gboolean lp2p_peer_store_is_writing (Lp2pPeerStore *self);
gboolean lp2p_peer_store_is_on_disk (Lp2pPeerStore *self);

/* What the network is called that this machine is in. */
const char *lp2p_peer_store_get_network (Lp2pPeerStore *self);
/* For tests: another storage (transfer full), other bounds, another network. */
void lp2p_peer_store_set_storage (Lp2pPeerStore *self, Lp2pPeerStorage *storage);
void lp2p_peer_store_set_max_peers (Lp2pPeerStore *self, guint max_peers);
void lp2p_peer_store_set_max_bytes (Lp2pPeerStore *self, gsize max_bytes);
void lp2p_peer_store_set_network_func (Lp2pPeerStore *self, Lp2pNetworkFunc func, gpointer user_data);
guint lp2p_peer_store_get_n_peers (Lp2pPeerStore *self);

void lp2p_peer_store_update (Lp2pPeerStore *self, Lp2pPeerId *peer, const Lp2pPeerInfo *info);
/* @lifetime in seconds. */
void lp2p_peer_store_add_addresses (Lp2pPeerStore *self, Lp2pPeerId *peer, GPtrArray *addresses, gint64 lifetime);
void lp2p_peer_store_forget (Lp2pPeerStore *self, Lp2pPeerId *peer);
/* A connection came or went; a peer that is connected is not dropped. @key may be
 * NULL. */
void lp2p_peer_store_note_connected (Lp2pPeerStore *self, Lp2pPeerId *peer, Lp2pPublicKey *key, gboolean connected);
/* What came of dialing an address that verified as @peer, or did not. */
void lp2p_peer_store_note_dial (Lp2pPeerStore *self, Lp2pPeerId *peer, Lp2pMultiaddr *address, gboolean ok);

/* Best first: those that can be reached from this network, those that worked when
 * tried last, those that did most recently, the most trusted. */
GPtrArray *lp2p_peer_store_dup_addresses (Lp2pPeerStore *self, Lp2pPeerId *peer);
/* All that is known of one address; NULL if nothing is. Borrowed until the store is
 * used again. */
const Lp2pPeerAddress *lp2p_peer_store_find_address (Lp2pPeerStore *self, Lp2pPeerId *peer, Lp2pMultiaddr *address);
GStrv lp2p_peer_store_dup_protocols (Lp2pPeerStore *self, Lp2pPeerId *peer);
char *lp2p_peer_store_dup_agent (Lp2pPeerStore *self, Lp2pPeerId *peer);
Lp2pPublicKey *lp2p_peer_store_dup_public_key (Lp2pPeerStore *self, Lp2pPeerId *peer);
GBytes *lp2p_peer_store_dup_record (Lp2pPeerStore *self, Lp2pPeerId *peer);

GBytes *lp2p_peer_store_get_data (Lp2pPeerStore *self, Lp2pPeerId *peer, const char *plugin, const char *key);
void lp2p_peer_store_set_data (Lp2pPeerStore *self, Lp2pPeerId *peer, const char *plugin, const char *key, GBytes *data, gint64 lifetime, Lp2pPeerDataFlags flags);

/* Of Lp2pPeer: those in memory, without the host itself. */
GListModel *lp2p_peer_store_get_list (Lp2pPeerStore *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pPeerStore, lp2p_peer_store_free)

G_END_DECLS
