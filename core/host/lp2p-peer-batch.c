/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-peer-batch-private.h"

Lp2pPeerBatch *
lp2p_peer_batch_new (Lp2pPeerStorage *storage, gint64 now)
{
  Lp2pPeerBatch *self = g_new0 (Lp2pPeerBatch, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->storage = storage;
  self->now = now;
  self->forgotten = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_peer_id_unref);
  self->entries = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_peer_entry_free);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->cond);
  return self;
}

void
lp2p_peer_batch_unref (Lp2pPeerBatch *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_ptr_array_unref (self->forgotten);
  g_ptr_array_unref (self->entries);
  g_clear_error (&self->error);
  g_free (self->warning);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->cond);
  g_free (self);
}

void
lp2p_peer_batch_set_last (Lp2pPeerBatch *self)
{
  self->last = TRUE;
}

void
lp2p_peer_batch_forget (Lp2pPeerBatch *self, Lp2pPeerId *peer)
{
  g_ptr_array_add (self->forgotten, lp2p_peer_id_ref (peer));
}

void
lp2p_peer_batch_add (Lp2pPeerBatch *self, const Lp2pPeerEntry *entry)
{
  g_ptr_array_add (self->entries, lp2p_peer_entry_copy (entry));
}

gboolean
lp2p_peer_batch_is_hurried (Lp2pPeerBatch *self)
{
  return g_atomic_int_get (&self->hurried);
}

static void
write_now (Lp2pPeerBatch *self)
{
  if (self->forgotten->len > 0 || self->entries->len > 0)
    self->storage->klass->write (self->storage, self, &self->error);
  if (self->last)
    self->storage->klass->free (self->storage);
}

void
lp2p_peer_batch_run (Lp2pPeerBatch *self)
{
  g_atomic_int_set (&self->hurried, TRUE);
  write_now (self);
}

/* Whether it is up to the caller to write it. */
static gboolean
begin (Lp2pPeerBatch *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  if (self->state != LP2P_PEER_BATCH_WAITS)
    return FALSE;
  self->state = LP2P_PEER_BATCH_RUNS;
  return TRUE;
}

/* Unless somebody else does. */
static void
write_once (Lp2pPeerBatch *self)
{
  g_autoptr (GMutexLocker) locker = NULL;

  if (!begin (self))
    return;
  write_now (self);
  locker = g_mutex_locker_new (&self->mutex);
  self->state = LP2P_PEER_BATCH_DONE;
  g_cond_signal (&self->cond);
}

static void
write_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Lp2pPeerBatch *self = data;

  write_once (self);
  g_task_return_boolean (task, TRUE);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Lp2pPeerBatch *self = g_task_get_task_data (G_TASK (result));

  if (self->func != NULL)
    self->func (self, self->user_data);
}

void
lp2p_peer_batch_start (Lp2pPeerBatch *self, GMainContext *context, Lp2pPeerBatchFunc func, gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  self->func = func;
  self->user_data = user_data;
  g_main_context_push_thread_default (context);
  task = g_task_new (NULL, NULL, on_written, NULL);
  g_main_context_pop_thread_default (context);
  g_task_set_source_tag (task, lp2p_peer_batch_start);
  g_atomic_ref_count_inc (&self->ref_count);
  g_task_set_task_data (task, self, (GDestroyNotify) lp2p_peer_batch_unref);
  g_task_run_in_thread (task, write_in_thread);
}

void
lp2p_peer_batch_wait (Lp2pPeerBatch *self)
{
  g_autoptr (GMutexLocker) locker = NULL;

  self->func = NULL;
  g_atomic_int_set (&self->hurried, TRUE);
  write_once (self);
  locker = g_mutex_locker_new (&self->mutex);
  while (self->state != LP2P_PEER_BATCH_DONE)
    g_cond_wait (&self->cond, &self->mutex);
}
