/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-loop.h>

#include "host/lp2p-peer-storage-private.h"

G_BEGIN_DECLS

/* The disk beneath a store: what it has of a peer is read when somebody asks, what changes
 * is gathered and written in batches. Where nothing is open, all of it does nothing. */
typedef struct _Lp2pPeerDisk Lp2pPeerDisk;

/* @path is NULL or empty for none. @peers are those in memory, Lp2pPeerId to
 * Lp2pPeerEntry; they are borrowed, and stay until it is freed. */
Lp2pPeerDisk *lp2p_peer_disk_new (Lp2pLoop *loop, Lp2pPeerId *own_id, const char *path, GHashTable *peers);
/* One that is closed. */
void lp2p_peer_disk_free (Lp2pPeerDisk *self);
/* Once; behind that it is open if there is a file that can be used. */
void lp2p_peer_disk_open (Lp2pPeerDisk *self);
gboolean lp2p_peer_disk_is_open (Lp2pPeerDisk *self);
/* For tests: another one (transfer full). */
void lp2p_peer_disk_set_storage (Lp2pPeerDisk *self, Lp2pPeerStorage *storage);

/* Fills an entry that is new. Returns whether there was anything. */
gboolean lp2p_peer_disk_load (Lp2pPeerDisk *self, Lp2pPeerEntry *entry);
/* It has to have @what of a peer in memory; or nothing of what it does not have yet. */
void lp2p_peer_disk_mark (Lp2pPeerDisk *self, Lp2pPeerEntry *entry, Lp2pPeerDirty what);
void lp2p_peer_disk_unmark (Lp2pPeerDisk *self, Lp2pPeerEntry *entry);
/* What it has is to go at once. */
void lp2p_peer_disk_forget (Lp2pPeerDisk *self, Lp2pPeerId *peer);
/* Whether it does not have all of a peer yet, but soon will. */
gboolean lp2p_peer_disk_is_behind (Lp2pPeerDisk *self, const Lp2pPeerEntry *entry);

/* Waits until all is written. */
gboolean lp2p_peer_disk_flush (Lp2pPeerDisk *self, GError **error);
gboolean lp2p_peer_disk_is_writing (Lp2pPeerDisk *self);
/* Writes what is not written yet, and lets go of the file. The second waits for that, the
 * first calls back when it is done, with nothing to finish. */
void lp2p_peer_disk_close_async (Lp2pPeerDisk *self, GAsyncReadyCallback callback, gpointer user_data);
void lp2p_peer_disk_close (Lp2pPeerDisk *self);

G_END_DECLS
