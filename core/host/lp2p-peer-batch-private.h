/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "host/lp2p-peer-storage-private.h"

G_BEGIN_DECLS

/* Changes that are written together, in a thread of their own: the disk may take its
 * time, the loop goes on meanwhile. One batch of a storage is written at a time. */
typedef void (*Lp2pPeerBatchFunc) (Lp2pPeerBatch *self, gpointer user_data);

typedef enum
{
  LP2P_PEER_BATCH_WAITS,
  LP2P_PEER_BATCH_RUNS,
  LP2P_PEER_BATCH_DONE,
} Lp2pPeerBatchState;

struct _Lp2pPeerBatch
{
  /* Whom to forget first, Lp2pPeerId. */
  GPtrArray *forgotten;
  /* Copies, Lp2pPeerEntry, of which what is dirty is to be written. */
  GPtrArray *entries;
  gint64 now;
  /* NULL when all was written. */
  GError *error;
  /* What the storage has to tell, or NULL: threads do not log. */
  char *warning;

  /* Private: */
  gatomicrefcount ref_count;
  Lp2pPeerStorage *storage;
  gboolean last;
  gint hurried;
  Lp2pPeerBatchFunc func;
  gpointer user_data;
  GMutex mutex;
  GCond cond;
  Lp2pPeerBatchState state;
};

Lp2pPeerBatch *lp2p_peer_batch_new (Lp2pPeerStorage *storage, gint64 now);
void lp2p_peer_batch_unref (Lp2pPeerBatch *self);
/* The storage (transfer full) is freed behind it, by whoever writes. */
void lp2p_peer_batch_set_last (Lp2pPeerBatch *self);
void lp2p_peer_batch_forget (Lp2pPeerBatch *self, Lp2pPeerId *peer);
void lp2p_peer_batch_add (Lp2pPeerBatch *self, const Lp2pPeerEntry *entry);

/* @func is called from @context when it is written, or could not be. */
void lp2p_peer_batch_start (Lp2pPeerBatch *self, GMainContext *context, Lp2pPeerBatchFunc func, gpointer user_data);
/* Here and now. */
void lp2p_peer_batch_run (Lp2pPeerBatch *self);
/* Waits for the thread, or does its work if no thread was free for it; @func is not
 * called any more. */
void lp2p_peer_batch_wait (Lp2pPeerBatch *self);
/* For storages: whether somebody waits, so that it is better to fail than to wait long. */
gboolean lp2p_peer_batch_is_hurried (Lp2pPeerBatch *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pPeerBatch, lp2p_peer_batch_unref)

G_END_DECLS
