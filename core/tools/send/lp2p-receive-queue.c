/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is complete: synced to the disk in a thread, several at once, and then put in
 * its place, in the order in which it came. So a folder gets its time and its mode
 * behind all that is in it. */

#include "tools/send/lp2p-receive-partial-private.h"
#include "tools/send/lp2p-receive-store-private.h"
#include "tools/send/lp2p-send-thread-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NANO G_GINT64_CONSTANT (1000000000)

/* @code: what fsync() failed with */
typedef struct
{
  ReceiveQueue *queue;
  ReceiveItem *item;
  int fd;
  gboolean ready;
  int code;
} Pending;

struct _ReceiveQueue
{
  ReceiveStore *store;
  SendReport *report;
  GQueue pending;
  GHashTable *keys; /* of the files in it */
  mode_t mask;
  gboolean syncing; /* all */
  int code;
};

static void
pending_free (Pending *self)
{
  send_close (&self->fd);
  receive_item_free (self->item);
  g_free (self);
}

ReceiveQueue *
receive_queue_new (ReceiveStore *store, SendReport *report)
{
  ReceiveQueue *self = g_new0 (ReceiveQueue, 1);

  self->store = store;
  self->report = report;
  self->keys = g_hash_table_new (g_str_hash, g_str_equal);
  self->mask = umask (0);
  umask (self->mask);
  g_queue_init (&self->pending);
  return self;
}

/* Threads may still be at work on what is in it: it is waited for, and what was
 * complete is complete. */
void
receive_queue_free (ReceiveQueue *self)
{
  while (self->pending.length > 0)
    g_main_context_iteration (NULL, TRUE);
  g_hash_table_unref (self->keys);
  g_free (self);
}

static void
set_times (gint64 mtime, struct timespec times[2])
{
  times[0] = (struct timespec) { 0, UTIME_OMIT };
  times[1].tv_sec = (time_t) (mtime / NANO);
  times[1].tv_nsec = (long) (mtime % NANO);
  if (times[1].tv_nsec < 0)
    {
      times[1].tv_nsec += NANO;
      times[1].tv_sec--;
    }
}

/* A file system that has no modes or such times is no reason to fail. */
static void
apply_metadata (ReceiveQueue *self, const ReceiveItem *item, int fd)
{
  struct timespec times[2];

  set_times (item->mtime, times);
  if (fchmod (fd, item->mode & 0777 & ~self->mask) != 0 || futimens (fd, times) != 0)
    g_debug ("%s: %s", item->path, g_strerror (errno));
}

/* Where the file system cannot move without replacing. */
static int
move_carefully (int from, const char *key, int to, const char *name)
{
  struct stat status;

  if (linkat (from, key, to, name, 0) == 0)
    return unlinkat (from, key, 0);
  if (errno == EEXIST)
    return -1;
  if (fstatat (to, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
    {
      errno = EEXIST;
      return -1;
    }
  return renameat (from, key, to, name);
}

static int
move (int from, const char *key, int to, const char *name, gboolean overwrite)
{
  if (overwrite)
    return renameat (from, key, to, name);
  if (renameat2 (from, key, to, name, RENAME_NOREPLACE) == 0)
    return 0;
  return errno == EINVAL || errno == ENOSYS ? move_carefully (from, key, to, name) : -1;
}

static gboolean
place_file (ReceiveQueue *self, const ReceiveItem *item, GError **error)
{
  const char *name;
  int state = receive_store_get_state_fd (self->store);
  int parent = send_folder_reach (receive_store_get_folder (self->store), item->path, TRUE, &name,
                                  error);

  if (parent < 0)
    return FALSE;
  if (move (state, item->key, parent, name, receive_store_get_overwrite (self->store)) != 0)
    return send_set_errno (error, NULL, errno);
  /* Its journal. */
  receive_partial_remove (self->store, item);
  return TRUE;
}

static gboolean
place_folder (ReceiveQueue *self, const ReceiveItem *item, GError **error)
{
  int fd = send_folder_open_folder (receive_store_get_folder (self->store), item->path, TRUE, error);

  if (fd < 0)
    return FALSE;
  apply_metadata (self, item, fd);
  close (fd);
  return TRUE;
}

static gboolean
is_link_to (int parent, const char *name, const char *target)
{
  g_autofree char *found = g_malloc (strlen (target) + 1);
  gssize n = readlinkat (parent, name, found, strlen (target) + 1);

  return n == (gssize) strlen (target) && memcmp (found, target, (gsize) n) == 0;
}

static gboolean
place_link (ReceiveQueue *self, const ReceiveItem *item, GError **error)
{
  int state = receive_store_get_state_fd (self->store);
  struct timespec times[2];
  const char *name;
  int parent = send_folder_reach (receive_store_get_folder (self->store), item->path, TRUE, &name,
                                  error);

  if (parent < 0)
    return FALSE;
  if (is_link_to (parent, name, item->target))
    return TRUE;
  set_times (item->mtime, times);
  if ((unlinkat (state, item->key, 0) != 0 && errno != ENOENT) ||
      symlinkat (item->target, state, item->key) != 0 ||
      move (state, item->key, parent, name, receive_store_get_overwrite (self->store)) != 0)
    {
      send_set_errno (error, NULL, errno);
      unlinkat (state, item->key, 0);
      return FALSE;
    }
  utimensat (parent, name, times, AT_SYMLINK_NOFOLLOW);
  return TRUE;
}

static gboolean
place (ReceiveQueue *self, const Pending *pending, GError **error)
{
  if (pending->code != 0)
    return send_set_errno (error, NULL, pending->code);
  switch (pending->item->kind)
    {
    case LP2P__SEND__KIND__FOLDER:
      return place_folder (self, pending->item, error);
    case LP2P__SEND__KIND__LINK:
      return place_link (self, pending->item, error);
    default:
      return place_file (self, pending->item, error);
    }
}

static void
place_ready (ReceiveQueue *self)
{
  for (;;)
    {
      Pending *pending = g_queue_peek_head (&self->pending);
      g_autoptr (GError) error = NULL;
      gboolean placed;

      if (pending == NULL || !pending->ready)
        return;
      placed = place (self, pending, &error);
      g_queue_pop_head (&self->pending);
      g_hash_table_remove (self->keys, pending->item->key);
      send_report_entry (self->report, pending->item->path,
                         pending->item->kind == LP2P__SEND__KIND__FILE, pending->item->size,
                         placed ? SEND_OUTCOME_DONE : SEND_OUTCOME_FAILED,
                         placed ? NULL : error->message);
      pending_free (pending);
    }
}

static void
sync_file (gpointer pointer)
{
  Pending *pending = pointer;

  pending->code = fsync (pending->fd) == 0 ? 0 : errno;
}

static void
on_synced (gpointer pointer)
{
  Pending *pending = pointer;

  pending->ready = TRUE;
  place_ready (pending->queue);
}

static Pending *
push (ReceiveQueue *self, ReceiveItem *item, int fd)
{
  Pending *pending = g_new0 (Pending, 1);

  pending->queue = self;
  pending->item = item;
  pending->fd = fd;
  pending->ready = fd < 0;
  g_queue_push_tail (&self->pending, pending);
  g_hash_table_add (self->keys, item->key);
  return pending;
}

/* Takes @item and @fd. */
void
receive_store_complete_file (ReceiveStore *store, ReceiveItem *item, int fd)
{
  ReceiveQueue *self = receive_store_get_queue (store);
  Pending *pending = push (self, item, fd);

  apply_metadata (self, item, fd);
  send_run_in_thread (sync_file, on_synced, pending);
}

/* For a folder or a symbolic link. Takes @item. */
void
receive_store_complete_rest (ReceiveStore *store, ReceiveItem *item)
{
  ReceiveQueue *self = receive_store_get_queue (store);

  push (self, item, -1);
  place_ready (self);
}

guint
receive_store_get_pending (ReceiveStore *store)
{
  return receive_store_get_queue (store)->pending.length;
}

/* Whether a file of that path waits for its place. */
gboolean
receive_store_is_pending (ReceiveStore *store, const ReceiveItem *item)
{
  return g_hash_table_contains (receive_store_get_queue (store)->keys, item->key);
}

/* The names, too */

static void
sync_all (gpointer pointer)
{
  ReceiveQueue *self = pointer;

  self->code = syncfs (send_folder_get_fd (receive_store_get_folder (self->store))) == 0 ? 0 : errno;
}

static void
on_all_synced (gpointer pointer)
{
  ReceiveQueue *self = pointer;

  self->syncing = FALSE;
}

/* Has all names outlive a loss of power, and waits for that. */
gboolean
receive_store_sync (ReceiveStore *store, GError **error)
{
  ReceiveQueue *self = receive_store_get_queue (store);

  self->syncing = TRUE;
  send_run_in_thread (sync_all, on_all_synced, self);
  while (self->syncing)
    g_main_context_iteration (NULL, TRUE);
  return self->code == 0 || send_set_errno (error, receive_store_get_path (store), self->code);
}
