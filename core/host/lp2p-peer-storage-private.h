/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "host/lp2p-peer-entry-private.h"

G_BEGIN_DECLS

/* Where a peer store keeps what outlives it. A store without one is in memory
 * only. */
typedef struct _Lp2pPeerStorage Lp2pPeerStorage;
typedef struct _Lp2pPeerBatch Lp2pPeerBatch;

typedef struct
{
  /* Fills an entry that is new; @found tells whether there was anything. Does not wait
   * for who writes: nothing is found instead. */
  gboolean (*load) (Lp2pPeerStorage *self, Lp2pPeerEntry *entry, gint64 now, gboolean *found, GError **error);
  /* Forgets peers, then writes what is dirty of the entries: all of it or nothing. Of one
   * that is unread what the storage has stays, but for what replaces it. */
  gboolean (*write) (Lp2pPeerStorage *self, Lp2pPeerBatch *batch, GError **error);
  void (*free) (Lp2pPeerStorage *self);
} Lp2pPeerStorageClass;

struct _Lp2pPeerStorage
{
  const Lp2pPeerStorageClass *klass;
};

/* A file of one process; entries of plugins are those about @own_id only. A file that
 * is damaged is set aside. Fails when the file is not ours to use. */
Lp2pPeerStorage *lp2p_peer_storage_sqlite_new (const char *path, Lp2pPeerId *own_id, GError **error);
/* For tests: how many peers, and bytes of them, are too many. */
void lp2p_peer_storage_sqlite_set_bounds (Lp2pPeerStorage *storage, gint64 max_peers, gint64 max_bytes);

G_END_DECLS
