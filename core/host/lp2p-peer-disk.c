/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-peer-disk-private.h"

#include "host/lp2p-peer-batch-private.h"

/* Changes are gathered for so long before they are written together, which is what
 * a crash of the machine can lose. */
#define FLUSH_DELAY_US (2 * G_USEC_PER_SEC)
/* When so many peers changed, they are written without waiting. One batch is so
 * large: whoever asks for a flush waits no longer for those before it. */
#define BATCH 16
/* A full disk does not get emptier within moments. */
#define RETRY_DELAY_US (60 * G_USEC_PER_SEC)

struct _Lp2pPeerDisk
{
  Lp2pLoop *loop;
  Lp2pPeerId *own_id;
  char *path;
  GHashTable *peers;
  Lp2pPeerStorage *storage;
  gboolean opened;
  /* Whether it was told that reading or writing fails. */
  gboolean told_of_reading;
  gboolean told_of_writing;

  GQueue dirty;
  /* Of Lp2pPeerId: what the disk has to forget. */
  GHashTable *forgotten;
  Lp2pTimer flush_timer;
  /* What is being written. */
  Lp2pPeerBatch *batch;
  gboolean closing;
  GTask *closed;
};

static gint64
get_now (Lp2pPeerDisk *self)
{
  return lp2p_loop_real_time (self->loop);
}

/* The first time it is told; a disk that stays full need not be told of again. */
static void
complain (gboolean *told, const char *what, const GError *error)
{
  if (!*told)
    g_warning ("%s: %s", what, error->message);
  *told = TRUE;
}

/* What is to be written */

static void
schedule_flush (Lp2pPeerDisk *self)
{
  gint64 now = lp2p_loop_now (self->loop);

  /* Whoever is told that a batch is written goes on with the next. */
  if (self->storage == NULL || self->batch != NULL)
    return;
  if (self->dirty.length >= BATCH && !self->told_of_writing)
    lp2p_timer_set (&self->flush_timer, now);
  else if (!lp2p_timer_is_set (&self->flush_timer))
    lp2p_timer_set (&self->flush_timer, now + FLUSH_DELAY_US);
}

static gboolean
has_changes (Lp2pPeerDisk *self)
{
  return self->storage != NULL && (self->dirty.length > 0 || g_hash_table_size (self->forgotten) > 0);
}

static void
make_dirty (Lp2pPeerDisk *self, Lp2pPeerEntry *entry, Lp2pPeerDirty what)
{
  if (entry->dirty == LP2P_PEER_DIRTY_NONE)
    g_queue_push_tail_link (&self->dirty, &entry->dirty_link);
  entry->dirty |= what;
}

void
lp2p_peer_disk_mark (Lp2pPeerDisk *self, Lp2pPeerEntry *entry, Lp2pPeerDirty what)
{
  if (self->storage == NULL)
    return;
  make_dirty (self, entry, what);
  schedule_flush (self);
}

void
lp2p_peer_disk_unmark (Lp2pPeerDisk *self, Lp2pPeerEntry *entry)
{
  if (entry->dirty == LP2P_PEER_DIRTY_NONE)
    return;
  entry->dirty = LP2P_PEER_DIRTY_NONE;
  g_queue_unlink (&self->dirty, &entry->dirty_link);
}

void
lp2p_peer_disk_forget (Lp2pPeerDisk *self, Lp2pPeerId *peer)
{
  if (self->storage == NULL)
    return;
  g_hash_table_add (self->forgotten, lp2p_peer_id_ref (peer));
  lp2p_timer_set (&self->flush_timer, lp2p_loop_now (self->loop));
}

gboolean
lp2p_peer_disk_is_behind (Lp2pPeerDisk *self, const Lp2pPeerEntry *entry)
{
  return (entry->writing || entry->dirty != LP2P_PEER_DIRTY_NONE) && !self->told_of_writing;
}

/* Reading */

/* Whoever is forgotten while the disk has not heard of that is not looked for there. */
static gboolean
is_forgotten (Lp2pPeerDisk *self, Lp2pPeerId *peer)
{
  return g_hash_table_contains (self->forgotten, peer) ||
         (self->batch != NULL &&
          g_ptr_array_find_with_equal_func (self->batch->forgotten, peer, lp2p_peer_id_equal, NULL));
}

gboolean
lp2p_peer_disk_load (Lp2pPeerDisk *self, Lp2pPeerEntry *entry)
{
  g_autoptr (GError) error = NULL;
  gboolean found = FALSE;

  if (self->storage == NULL || is_forgotten (self, entry->id))
    return FALSE;
  if (!self->storage->klass->load (self->storage, entry, get_now (self), &found, &error))
    {
      complain (&self->told_of_reading, "Cannot read the peer store", error);
      lp2p_peer_entry_clear (entry);
      entry->unread = TRUE;
    }
  else
    self->told_of_reading = FALSE;
  return found;
}

/* Writing */

static void
move_to_batch (Lp2pPeerDisk *self, Lp2pPeerEntry *entry)
{
  lp2p_peer_batch_add (self->batch, entry);
  lp2p_peer_disk_unmark (self, entry);
  entry->writing = TRUE;
}

/* What is told of a peer after it was forgotten is written together with that: a
 * crash in between must not leave less than there was before. */
static void
take_batch (Lp2pPeerDisk *self, guint size)
{
  GHashTableIter iter;
  gpointer peer;

  self->batch = lp2p_peer_batch_new (self->storage, get_now (self));
  g_hash_table_iter_init (&iter, self->forgotten);
  while (g_hash_table_iter_next (&iter, &peer, NULL))
    {
      Lp2pPeerEntry *entry = g_hash_table_lookup (self->peers, peer);

      lp2p_peer_batch_forget (self->batch, peer);
      if (entry != NULL && entry->dirty != LP2P_PEER_DIRTY_NONE)
        move_to_batch (self, entry);
    }
  g_hash_table_remove_all (self->forgotten);
  while (self->dirty.length > 0 && self->batch->entries->len < size)
    move_to_batch (self, self->dirty.head->data);
}

/* What was not written has changed still, unless it was forgotten since. */
static void
note_written (Lp2pPeerDisk *self, const Lp2pPeerEntry *copy, gboolean ok)
{
  Lp2pPeerEntry *entry = g_hash_table_lookup (self->peers, copy->id);

  if (entry == NULL)
    return;
  entry->writing = FALSE;
  if (g_hash_table_contains (self->forgotten, copy->id))
    return;
  if (!ok && self->storage != NULL)
    make_dirty (self, entry, copy->dirty);
}

/* The batch is done. */
static gboolean
finish_batch (Lp2pPeerDisk *self, GError **error)
{
  g_autoptr (Lp2pPeerBatch) batch = g_steal_pointer (&self->batch);
  gboolean ok = batch->error == NULL;

  if (batch->warning != NULL)
    g_warning ("%s", batch->warning);
  for (guint i = 0; i < batch->entries->len; i++)
    note_written (self, g_ptr_array_index (batch->entries, i), ok);
  for (guint i = 0; !ok && self->storage != NULL && i < batch->forgotten->len; i++)
    g_hash_table_add (self->forgotten, lp2p_peer_id_ref (g_ptr_array_index (batch->forgotten, i)));
  if (ok)
    self->told_of_writing = FALSE;
  else
    g_propagate_error (error, g_steal_pointer (&batch->error));
  return ok;
}

static gboolean
wait_for_batch (Lp2pPeerDisk *self, GError **error)
{
  if (self->batch == NULL)
    return TRUE;
  lp2p_peer_batch_wait (self->batch);
  return finish_batch (self, error);
}

static void on_written (Lp2pPeerBatch *batch, gpointer user_data);

static void
start_batch (Lp2pPeerDisk *self)
{
  if (self->batch != NULL || !has_changes (self))
    return;
  lp2p_timer_clear (&self->flush_timer);
  take_batch (self, BATCH);
  lp2p_peer_batch_start (self->batch, lp2p_loop_get_context (self->loop), on_written, self);
}

/* All that is left, behind which the file is closed. */
static void
take_last_batch (Lp2pPeerDisk *self)
{
  take_batch (self, G_MAXUINT);
  lp2p_peer_batch_set_last (self->batch);
  self->storage = NULL;
}

static void
finish_closing (Lp2pPeerDisk *self, const GError *error)
{
  g_autoptr (GTask) task = g_steal_pointer (&self->closed);

  if (error != NULL)
    g_warning ("The latest changes to the peer store are lost: %s", error->message);
  if (task != NULL)
    g_task_return_boolean (task, TRUE);
}

static void
start_last_batch (Lp2pPeerDisk *self)
{
  take_last_batch (self);
  lp2p_peer_batch_start (self->batch, lp2p_loop_get_context (self->loop), on_written, self);
}

/* Who changes without pause is not written without pause. What is to be forgotten is
 * not kept any longer. */
static void
go_on (Lp2pPeerDisk *self)
{
  if (g_hash_table_size (self->forgotten) > 0 || self->dirty.length >= BATCH)
    start_batch (self);
  else if (has_changes (self))
    schedule_flush (self);
}

static void
on_written (Lp2pPeerBatch *batch, gpointer user_data)
{
  Lp2pPeerDisk *self = user_data;
  g_autoptr (GError) error = NULL;
  gboolean ok = finish_batch (self, &error);

  if (self->closing && self->storage != NULL)
    start_last_batch (self);
  else if (self->closing)
    finish_closing (self, error);
  else if (ok)
    go_on (self);
  else
    {
      complain (&self->told_of_writing, "Cannot write the peer store, will try again", error);
      lp2p_timer_set (&self->flush_timer, lp2p_loop_now (self->loop) + RETRY_DELAY_US);
    }
}

static void
on_flush (Lp2pTimer *timer)
{
  start_batch ((Lp2pPeerDisk *) ((guint8 *) timer - G_STRUCT_OFFSET (Lp2pPeerDisk, flush_timer)));
}

/* What closing is done with later otherwise. */
static gboolean
close_now (Lp2pPeerDisk *self, GError **error)
{
  g_autoptr (GError) problem = NULL;

  wait_for_batch (self, self->storage == NULL ? &problem : NULL);
  if (self->storage != NULL)
    {
      take_last_batch (self);
      lp2p_peer_batch_run (self->batch);
      finish_batch (self, &problem);
    }
  finish_closing (self, problem);
  if (problem == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

gboolean
lp2p_peer_disk_flush (Lp2pPeerDisk *self, GError **error)
{
  gboolean ok;

  /* Nobody is left to be told of the batch that closing waits for. */
  if (self->closing)
    return close_now (self, error);
  ok = wait_for_batch (self, error);
  while (ok && has_changes (self))
    {
      take_batch (self, BATCH);
      lp2p_peer_batch_run (self->batch);
      ok = finish_batch (self, error);
    }
  lp2p_timer_clear (&self->flush_timer);
  if (!ok)
    schedule_flush (self);
  return ok;
}

gboolean
lp2p_peer_disk_is_writing (Lp2pPeerDisk *self)
{
  return self->batch != NULL;
}

/* Making and closing */

Lp2pPeerDisk *
lp2p_peer_disk_new (Lp2pLoop *loop, Lp2pPeerId *own_id, const char *path, GHashTable *peers)
{
  Lp2pPeerDisk *self = g_new0 (Lp2pPeerDisk, 1);

  self->loop = lp2p_loop_ref (loop);
  self->own_id = lp2p_peer_id_ref (own_id);
  self->path = g_strdup (path);
  self->peers = peers;
  self->forgotten = g_hash_table_new_full (lp2p_peer_id_hash, lp2p_peer_id_equal,
                                           (GDestroyNotify) lp2p_peer_id_unref, NULL);
  lp2p_timer_init (&self->flush_timer, loop, on_flush);
  return self;
}

void
lp2p_peer_disk_free (Lp2pPeerDisk *self)
{
  g_hash_table_unref (self->forgotten);
  lp2p_peer_id_unref (self->own_id);
  lp2p_loop_unref (self->loop);
  g_free (self->path);
  g_free (self);
}

void
lp2p_peer_disk_open (Lp2pPeerDisk *self)
{
  g_autoptr (GError) error = NULL;

  if (self->opened)
    return;
  self->opened = TRUE;
  if (self->path == NULL || self->path[0] == '\0')
    return;
  self->storage = lp2p_peer_storage_sqlite_new (self->path, self->own_id, &error);
  if (self->storage == NULL)
    g_warning ("Peers are remembered in memory only: %s", error->message);
}

gboolean
lp2p_peer_disk_is_open (Lp2pPeerDisk *self)
{
  return self->storage != NULL;
}

void
lp2p_peer_disk_set_storage (Lp2pPeerDisk *self, Lp2pPeerStorage *storage)
{
  wait_for_batch (self, NULL);
  while (self->dirty.length > 0)
    lp2p_peer_disk_unmark (self, self->dirty.head->data);
  g_hash_table_remove_all (self->forgotten);
  if (self->storage != NULL)
    self->storage->klass->free (self->storage);
  self->storage = storage;
  self->opened = TRUE;
}

static void
begin_closing (Lp2pPeerDisk *self)
{
  self->opened = TRUE;
  self->closing = TRUE;
  lp2p_timer_clear (&self->flush_timer);
}

void
lp2p_peer_disk_close_async (Lp2pPeerDisk *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (self->closed == NULL);

  begin_closing (self);
  self->closed = g_task_new (NULL, NULL, callback, user_data);
  g_task_set_source_tag (self->closed, lp2p_peer_disk_close_async);
  if (self->batch != NULL)
    return;
  if (self->storage != NULL)
    start_last_batch (self);
  else
    finish_closing (self, NULL);
}

void
lp2p_peer_disk_close (Lp2pPeerDisk *self)
{
  begin_closing (self);
  close_now (self, NULL);
}
