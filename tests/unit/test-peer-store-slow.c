/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A peer store whose disk takes its time: the loop goes on, and nothing that is being
 * written is lost, told twice or told wrongly. */

#include <sqlite3.h>

#include "peer-store-fixture.h"

#define A "/ip4/192.0.2.1/tcp/1"
#define B "/ip4/192.0.2.2/tcp/2"

/* A disk that stands still until it is told to go on. What it does is what the storage
 * behind it does. */
typedef struct
{
  Lp2pPeerStorage parent;
  Lp2pPeerStorage *real;
  GMutex mutex;
  GCond cond;
  gboolean stands;
  gboolean fails;
  gboolean freed;
  /* Writes that have begun. */
  guint n_begun;
  GThread *reader;
  GThread *writer;
  gboolean hurried;
} Disk;

static gboolean
disk_load (Lp2pPeerStorage *storage, Lp2pPeerEntry *entry, gint64 now, gboolean *found, GError **error)
{
  Disk *self = (Disk *) storage;

  self->reader = g_thread_self ();
  return self->real->klass->load (self->real, entry, now, found, error);
}

static gboolean
disk_write (Lp2pPeerStorage *storage, Lp2pPeerBatch *batch, GError **error)
{
  Disk *self = (Disk *) storage;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  self->writer = g_thread_self ();
  self->n_begun++;
  g_cond_broadcast (&self->cond);
  while (self->stands)
    g_cond_wait (&self->cond, &self->mutex);
  self->hurried = lp2p_peer_batch_is_hurried (batch);
  if (!self->fails)
    return self->real->klass->write (self->real, batch, error);
  self->fails = FALSE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "It is full");
  return FALSE;
}

static void
disk_free (Lp2pPeerStorage *storage)
{
  Disk *self = (Disk *) storage;

  self->real->klass->free (self->real);
  self->freed = TRUE;
}

static const Lp2pPeerStorageClass disk_class = { disk_load, disk_write, disk_free };

/* Puts the disk under the store. */
static void
disk_init (Disk *self, Fixture *f)
{
  g_autoptr (GError) error = NULL;

  *self = (Disk){ .parent = { &disk_class } };
  g_mutex_init (&self->mutex);
  g_cond_init (&self->cond);
  lp2p_peer_store_set_storage (f->store, NULL);
  self->real = lp2p_peer_storage_sqlite_new (f->path, lp2p_identity_get_peer_id (f->own), &error);
  g_assert_no_error (error);
  lp2p_peer_store_set_storage (f->store, &self->parent);
}

static void
disk_clear (Disk *self)
{
  g_assert_true (self->freed);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->cond);
}

static void
disk_stop (Disk *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  self->stands = TRUE;
}

static void
disk_go_on (Disk *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  self->stands = FALSE;
  g_cond_broadcast (&self->cond);
}

/* Time goes by, and then the disk has begun to write and stands. */
static void
begin_write (Fixture *f, Disk *disk)
{
  g_autoptr (GMutexLocker) locker = NULL;
  guint before = disk->n_begun;

  disk_stop (disk);
  test_world_advance (f->world, 3 * G_USEC_PER_SEC);
  g_assert_true (lp2p_peer_store_is_writing (f->store));
  locker = g_mutex_locker_new (&disk->mutex);
  while (disk->n_begun == before)
    g_cond_wait (&disk->cond, &disk->mutex);
}

static void
end_write (Fixture *f, Disk *disk)
{
  disk_go_on (disk);
  test_until (f->world, !lp2p_peer_store_is_writing (f->store));
}

/* The loop goes on: timers, what is known, what is read, what is learnt. */
static void
test_loop_goes_on (Fixture *f, gconstpointer on_disk)
{
  Disk disk;

  fixture_tell (f, 2, A);
  fixture_reopen (f);
  disk_init (&disk, f);
  fixture_tell (f, 0, A);
  begin_write (f, &disk);
  fixture_assert_addresses (f, 0, A);
  /* This one is on disk only. */
  fixture_assert_addresses (f, 2, A);
  fixture_tell (f, 1, B);
  fixture_tell (f, 0, A " " B);
  test_world_advance (f->world, 60 * G_USEC_PER_SEC);
  g_assert_cmpuint (disk.n_begun, ==, 1);
  g_assert_true (disk.reader == g_thread_self ());
  g_assert_true (disk.writer != g_thread_self ());
  end_write (f, &disk);
  g_assert_false (disk.hurried);

  fixture_reopen (f);
  g_assert_true (disk.freed);
  fixture_assert_addresses (f, 0, A " " B);
  fixture_assert_addresses (f, 1, B);
  disk_clear (&disk);
}

/* However often one peer changes meanwhile, the next transaction has its two seconds; a
 * crowd is written at once. */
static void
test_pause (Fixture *f, gconstpointer on_disk)
{
  g_autoptr (GPtrArray) addresses = fixture_addresses (A);
  Lp2pPeerInfo info = { .addresses = addresses };
  Disk disk;

  disk_init (&disk, f);
  fixture_tell (f, 0, A);
  begin_write (f, &disk);
  fixture_tell (f, 0, B);
  end_write (f, &disk);
  g_assert_cmpuint (disk.n_begun, ==, 1);
  for (guint i = 0; i < 19; i++)
    {
      test_world_advance (f->world, G_USEC_PER_SEC / 10);
      fixture_tell (f, 0, i % 2 == 0 ? A : B);
      g_assert_false (lp2p_peer_store_is_writing (f->store));
    }
  begin_write (f, &disk);
  for (guint i = 0; i < 16; i++)
    {
      g_autoptr (Lp2pIdentity) stranger = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);

      lp2p_peer_store_update (f->store, lp2p_identity_get_peer_id (stranger), &info);
    }
  end_write (f, &disk);
  g_assert_cmpuint (disk.n_begun, ==, 3);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, A);
  disk_clear (&disk);
}

/* Who is forgotten while it is being written is gone at once, and stays so. */
static void
test_forget (Fixture *f, gconstpointer on_disk)
{
  Disk disk;

  disk_init (&disk, f);
  fixture_tell (f, 0, A);
  fixture_tell (f, 1, A);
  begin_write (f, &disk);
  lp2p_peer_store_forget (f->store, fixture_id (f, 0));
  lp2p_peer_store_forget (f->store, fixture_id (f, 1));
  fixture_assert_addresses (f, 0, "");
  fixture_tell (f, 1, B);
  end_write (f, &disk);

  /* While the disk forgets, nobody finds there who is forgotten. */
  fixture_tell (f, 0, A);
  fixture_flush (f);
  lp2p_peer_store_forget (f->store, fixture_id (f, 0));
  begin_write (f, &disk);
  fixture_assert_addresses (f, 0, "");
  end_write (f, &disk);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, "");
  fixture_assert_addresses (f, 1, B);
  disk_clear (&disk);
}

/* What could not be written is written later, with what came since. */
static void
test_fails (Fixture *f, gconstpointer on_disk)
{
  Disk disk;

  disk_init (&disk, f);
  fixture_tell (f, 1, A);
  fixture_flush (f);
  fixture_tell (f, 0, A);
  lp2p_peer_store_forget (f->store, fixture_id (f, 1));
  disk.fails = TRUE;
  begin_write (f, &disk);
  fixture_set_data (f, 0, "key", "value", 1000, LP2P_PEER_DATA_PERSISTENT);
  end_write (f, &disk);
  fixture_assert_warned ("will try again: It is full", NULL);
  fixture_assert_addresses (f, 1, "");
  test_world_advance (f->world, 58 * G_USEC_PER_SEC);
  g_assert_cmpuint (disk.n_begun, ==, 2);
  begin_write (f, &disk);
  end_write (f, &disk);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, A);
  fixture_assert_addresses (f, 1, "");
  fixture_assert_data (f, 0, "key", "value");
  disk_clear (&disk);
}

/* Those who wait for the disk are kept, but not without end. */
static void
test_memory_bound (Fixture *f, gconstpointer on_disk)
{
  g_autoptr (GPtrArray) addresses = fixture_addresses (A);
  Lp2pPeerInfo info = { .addresses = addresses };
  Disk disk;

  disk_init (&disk, f);
  lp2p_peer_store_set_max_peers (f->store, 20);
  fixture_tell (f, 0, A);
  begin_write (f, &disk);
  for (guint i = 0; i < 1000; i++)
    {
      g_autoptr (Lp2pIdentity) stranger = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);

      lp2p_peer_store_update (f->store, lp2p_identity_get_peer_id (stranger), &info);
      g_assert_cmpuint (lp2p_peer_store_get_n_peers (f->store), <=, 40);
    }
  g_assert_cmpuint (lp2p_peer_store_get_n_peers (f->store), ==, 40);
  end_write (f, &disk);
  fixture_flush (f);
  fixture_tell (f, 1, A);
  g_assert_cmpuint (lp2p_peer_store_get_n_peers (f->store), ==, 20);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, A);
  disk_clear (&disk);
}

static void
note_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
}

/* Closing waits for the disk without keeping the loop, and writes what is left. */
static void
test_close (Fixture *f, gconstpointer writing)
{
  gboolean closed = FALSE;
  Disk disk;

  disk_init (&disk, f);
  fixture_tell (f, 0, A);
  if (writing != NULL)
    begin_write (f, &disk);
  disk_stop (&disk);
  fixture_tell (f, 1, B);
  lp2p_peer_store_close_async (f->store, note_closed, &closed);
  test_world_advance (f->world, 3 * G_USEC_PER_SEC);
  g_assert_false (closed);
  fixture_assert_addresses (f, 0, A);
  disk_go_on (&disk);
  test_until (f->world, closed);
  g_assert_true (disk.freed);
  g_assert_false (lp2p_peer_store_is_on_disk (f->store));
  lp2p_peer_store_free (f->store);
  fixture_open (f);
  fixture_assert_addresses (f, 0, A);
  fixture_assert_addresses (f, 1, B);
  disk_clear (&disk);
}

/* Whoever asks for a flush while it closes has it closed. */
static void
test_flush_closing (Fixture *f, gconstpointer writing)
{
  gboolean closed = FALSE;
  Disk disk;

  disk_init (&disk, f);
  fixture_tell (f, 0, A);
  if (writing != NULL)
    begin_write (f, &disk);
  fixture_tell (f, 1, B);
  lp2p_peer_store_close_async (f->store, note_closed, &closed);
  disk_go_on (&disk);
  fixture_flush (f);
  g_assert_true (disk.freed);
  test_until (f->world, closed);
  fixture_flush (f);
  lp2p_peer_store_free (f->store);
  fixture_open (f);
  fixture_assert_addresses (f, 0, A);
  fixture_assert_addresses (f, 1, B);
  disk_clear (&disk);
}

/* Whoever drops the store instead waits for the disk, but not for long for a tool. */
static void
test_drop (Fixture *f, gconstpointer on_disk)
{
  gboolean closed = FALSE;
  Disk disk;

  disk_init (&disk, f);
  fixture_tell (f, 0, A);
  begin_write (f, &disk);
  fixture_tell (f, 1, B);
  lp2p_peer_store_close_async (f->store, note_closed, &closed);
  disk_go_on (&disk);
  g_clear_pointer (&f->store, lp2p_peer_store_free);
  g_assert_true (disk.freed);
  g_assert_true (disk.hurried);
  test_until (f->world, closed);
  fixture_open (f);
  fixture_assert_addresses (f, 0, A);
  fixture_assert_addresses (f, 1, B);
  disk_clear (&disk);
}

static void
stand (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_mutex_lock (data);
  g_mutex_unlock (data);
}

/* GIO's threads may all be held up by something else. */
static void
test_no_thread (Fixture *f, gconstpointer on_disk)
{
  static GMutex mutex;
  Disk disk;

  g_mutex_lock (&mutex);
  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (GTask) task = g_task_new (NULL, NULL, NULL, NULL);

      g_task_set_task_data (task, &mutex, NULL);
      g_task_run_in_thread (task, stand);
    }
  disk_init (&disk, f);
  fixture_tell (f, 0, A);
  test_world_advance (f->world, 3 * G_USEC_PER_SEC);
  g_assert_true (lp2p_peer_store_is_writing (f->store));
  fixture_tell (f, 1, B);
  fixture_reopen (f);
  g_assert_true (disk.writer == g_thread_self ());
  g_assert_cmpuint (disk.n_begun, ==, 2);
  g_mutex_unlock (&mutex);
  fixture_assert_addresses (f, 0, A);
  fixture_assert_addresses (f, 1, B);
  disk_clear (&disk);
}

/* How often SQLite has slept: who writes does so while a tool has the file. */
static gint n_sleeps;

static int
count_sleep (sqlite3_vfs *self, int us)
{
  g_atomic_int_inc (&n_sleeps);
  g_usleep (us);
  return us;
}

static void
watch_sleeps (void)
{
  static sqlite3_vfs watched;

  watched = *sqlite3_vfs_find (NULL);
  watched.zName = "watched";
  watched.xSleep = count_sleep;
  g_assert_cmpint (sqlite3_vfs_register (&watched, TRUE), ==, SQLITE_OK);
}

/* The thread that writes waits for a tool. */
static void
begin_waiting (Fixture *f)
{
  gint before = g_atomic_int_get (&n_sleeps);

  test_world_advance (f->world, 3 * G_USEC_PER_SEC);
  g_assert_true (lp2p_peer_store_is_writing (f->store));
  while (g_atomic_int_get (&n_sleeps) == before)
    g_thread_yield ();
}

static sqlite3 *
lock_with_tool (Fixture *f)
{
  sqlite3 *tool = NULL;

  g_assert_cmpint (sqlite3_open (f->path, &tool), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (tool, "BEGIN IMMEDIATE", NULL, NULL, NULL), ==, SQLITE_OK);
  return tool;
}

static void
unlock_with_tool (sqlite3 *tool)
{
  g_assert_cmpint (sqlite3_exec (tool, "ROLLBACK", NULL, NULL, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_close (tool), ==, SQLITE_OK);
}

/* A tool that holds SQLite's lock on the file delays what is written, not what is
 * read or learnt. */
static void
test_locked (Fixture *f, gconstpointer on_disk)
{
  sqlite3 *tool;

  fixture_tell (f, 0, A);
  fixture_reopen (f);
  tool = lock_with_tool (f);
  fixture_tell (f, 1, B);
  begin_waiting (f);
  fixture_assert_addresses (f, 0, A);
  fixture_assert_addresses (f, 2, "");
  g_assert_true (lp2p_peer_store_is_writing (f->store));
  unlock_with_tool (tool);
  test_until (f->world, !lp2p_peer_store_is_writing (f->store));
  fixture_reopen (f);
  fixture_assert_addresses (f, 1, B);
}

/* Whoever drops the store while a tool has the file loses what is not written. */
static void
test_drop_locked (Fixture *f, gconstpointer on_disk)
{
  sqlite3 *tool;

  fixture_tell (f, 0, A);
  fixture_reopen (f);
  tool = lock_with_tool (f);
  fixture_tell (f, 1, B);
  begin_waiting (f);
  g_clear_pointer (&f->store, lp2p_peer_store_free);
  fixture_assert_warned ("The latest changes to the peer store are lost", NULL);
  unlock_with_tool (tool);
  fixture_open (f);
  fixture_assert_addresses (f, 0, A);
  fixture_assert_addresses (f, 1, "");
}

/* Whoever finds the file damaged does not wait for who writes to it. */
static void
test_damage_while_writing (Fixture *f, gconstpointer on_disk)
{
  sqlite3 *tool;

  fixture_tell (f, 0, A);
  fixture_reopen (f);
  tool = lock_with_tool (f);
  fixture_tell (f, 1, B);
  begin_waiting (f);
  fixture_damage (f);
  fixture_assert_addresses (f, 0, "");
  fixture_assert_warned (NULL, NULL);
  unlock_with_tool (tool);
  test_until (f->world, !lp2p_peer_store_is_writing (f->store));
  fixture_assert_warned ("The peer store is damaged", NULL);
  fixture_reopen (f);
  fixture_assert_addresses (f, 1, B);
}

#define ADD(path, data, func)                                                                                       \
  g_test_add ("/peer-store-slow/" path, Fixture, data, set_up, func, fixture_tear_down)

static void
set_up (Fixture *f, gconstpointer data)
{
  fixture_set_up (f, GINT_TO_POINTER (TRUE));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  watch_sleeps ();
  g_log_set_writer_func (fixture_write_log, NULL, NULL);
  ADD ("loop-goes-on", NULL, test_loop_goes_on);
  ADD ("pause", NULL, test_pause);
  ADD ("forget", NULL, test_forget);
  ADD ("fails", NULL, test_fails);
  ADD ("memory-bound", NULL, test_memory_bound);
  ADD ("close", NULL, test_close);
  ADD ("close-while-writing", "", test_close);
  ADD ("flush-closing", NULL, test_flush_closing);
  ADD ("flush-closing-while-writing", "", test_flush_closing);
  ADD ("drop", NULL, test_drop);
  ADD ("no-thread", NULL, test_no_thread);
  ADD ("locked", NULL, test_locked);
  ADD ("drop-locked", NULL, test_drop_locked);
  ADD ("damage-while-writing", NULL, test_damage_while_writing);
  return g_test_run ();
}
