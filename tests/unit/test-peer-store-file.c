/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The file of a peer store: what is in it, who may use it, and what a file is worth
 * that is damaged, locked, or not ours. */

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/lp2p-peer-sqlite-private.h"
#include "peer-store-fixture.h"

#define A "/ip4/192.0.2.1/tcp/1"
#define B "/ip4/192.0.2.2/tcp/2"
#define C "/ip4/192.0.2.3/tcp/3"

/* A user who owns nothing. */
#define NOBODY 65534

/* Whatever is being written, is. */
static void
settle (Fixture *f)
{
  test_until (f->world, !lp2p_peer_store_is_writing (f->store));
}

static void
close_store (Fixture *f)
{
  g_clear_pointer (&f->store, lp2p_peer_store_free);
}

/* Whether any file of the store holds @text. */
static gboolean
is_on_disk (Fixture *f, const char *text)
{
  g_autoptr (GDir) dir = g_dir_open (f->folder, 0, NULL);
  const char *name;
  gboolean found = FALSE;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (f->folder, name, NULL);
      g_autofree char *contents = NULL;
      gsize size = 0;

      g_assert_true (g_file_get_contents (path, &contents, &size, NULL));
      found |= memmem (contents, size, text, strlen (text)) != NULL;
    }
  return found;
}

/* Which of the files in the folder is one that was set aside; NULL if there is none. */
static char *
find_aside (Fixture *f)
{
  g_autoptr (GDir) dir = g_dir_open (f->folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_prefix (name, "peers.corrupt-") && !g_str_has_suffix (name, "-wal"))
      return g_build_filename (f->folder, name, NULL);
  return NULL;
}

static void
run_sql (const char *path, const char *sql)
{
  sqlite3 *database = NULL;

  g_assert_cmpint (sqlite3_open (path, &database), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (database, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (database);
}

static char *
query_text (const char *path, const char *sql)
{
  sqlite3 *database = NULL;
  sqlite3_stmt *statement = NULL;
  char *text;

  g_assert_cmpint (sqlite3_open (path, &database), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_prepare_v2 (database, sql, -1, &statement, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_step (statement), ==, SQLITE_ROW);
  text = g_strdup ((const char *) sqlite3_column_text (statement, 0));
  sqlite3_finalize (statement);
  sqlite3_close (database);
  return text;
}

static void
assert_query (const char *path, const char *sql, const char *expected)
{
  g_autofree char *got = query_text (path, sql);

  g_assert_cmpstr (got, ==, expected);
}

/* Secrets and rights */

static void
test_secrets (Fixture *f, gconstpointer on_disk)
{
  fixture_set_data (f, 0, "key", "plain-in-memory", 100, LP2P_PEER_DATA_NONE);
  fixture_set_data (f, 0, "secret", "secret-in-memory", 100, LP2P_PEER_DATA_SECRET);
  fixture_set_data (f, 0, "kept", "secret-kept-1", 100, LP2P_PEER_DATA_SECRET | LP2P_PEER_DATA_PERSISTENT);
  fixture_flush (f);
  g_assert_false (is_on_disk (f, "in-memory"));
  g_assert_true (is_on_disk (f, "secret-kept-1"));
  close_store (f);
  g_assert_false (is_on_disk (f, "in-memory"));
  g_assert_true (is_on_disk (f, "secret-kept-1"));

  /* What was replaced is overwritten. */
  fixture_open (f);
  fixture_set_data (f, 0, "kept", "secret-kept-2", 100, LP2P_PEER_DATA_SECRET | LP2P_PEER_DATA_PERSISTENT);
  close_store (f);
  g_assert_false (is_on_disk (f, "secret-kept-1"));
  g_assert_true (is_on_disk (f, "secret-kept-2"));

  /* What is forgotten is gone as soon as that is written. */
  fixture_open (f);
  fixture_set_data (f, 0, "kept", "secret-kept-3", 100, LP2P_PEER_DATA_SECRET | LP2P_PEER_DATA_PERSISTENT);
  fixture_flush (f);
  lp2p_peer_store_forget (f->store, fixture_id (f, 0));
  fixture_flush (f);
  g_assert_false (is_on_disk (f, "secret-kept"));
}

static guint
get_mode (const char *path)
{
  struct stat info;

  g_assert_cmpint (stat (path, &info), ==, 0);
  return info.st_mode & 07777;
}

static void
test_mode (Fixture *f, gconstpointer on_disk)
{
  g_autofree char *log = g_strconcat (f->path, "-wal", NULL);

  fixture_tell (f, 0, A);
  fixture_flush (f);
  g_assert_cmpuint (get_mode (f->path), ==, 0600);
  g_assert_cmpuint (get_mode (log), ==, 0600);
  close_store (f);
  g_assert_cmpint (g_chmod (f->path, 0644), ==, 0);
  fixture_open (f);
  fixture_assert_addresses (f, 0, A);
  g_assert_cmpuint (get_mode (f->path), ==, 0600);
}

static void
test_identity_change (Fixture *f, gconstpointer on_disk)
{
  Lp2pIdentity *first = f->own;

  fixture_set_data (f, 0, "ticket", "first", 1000, LP2P_PEER_DATA_PERSISTENT | LP2P_PEER_DATA_SECRET);
  fixture_tell (f, 0, A);
  close_store (f);
  f->own = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
  fixture_open (f);
  fixture_assert_addresses (f, 0, A);
  fixture_assert_data (f, 0, "ticket", NULL);
  fixture_set_data (f, 0, "ticket", "second", 1000, LP2P_PEER_DATA_PERSISTENT);
  fixture_reopen (f);
  fixture_assert_data (f, 0, "ticket", "second");
  close_store (f);
  g_object_unref (f->own);
  f->own = first;
  fixture_open (f);
  fixture_assert_data (f, 0, "ticket", "first");
}

/* Writing */

static void
test_flush_timer (Fixture *f, gconstpointer on_disk)
{
  fixture_tell (f, 0, A);
  test_world_settle (f->world);
  g_assert_false (is_on_disk (f, "home"));
  test_world_advance (f->world, 2 * G_USEC_PER_SEC);
  settle (f);
  g_assert_true (is_on_disk (f, "home"));
}

/* A storage that counts, and fails when it is told to. */
typedef struct
{
  Lp2pPeerStorage parent;
  guint n_writes;
  guint n_entries;
  guint largest;
  /* Who was first of those written together with forgetting somebody. */
  Lp2pPeerId *first;
  gboolean fails;
  gboolean fails_to_read;
} Counter;

static gboolean
counter_load (Lp2pPeerStorage *self, Lp2pPeerEntry *entry, gint64 now, gboolean *found, GError **error)
{
  *found = FALSE;
  if (!((Counter *) self)->fails_to_read)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "It is scratched");
  return FALSE;
}

static gboolean
counter_write (Lp2pPeerStorage *self, Lp2pPeerBatch *batch, GError **error)
{
  Counter *counter = (Counter *) self;

  counter->n_writes++;
  if (counter->fails)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "It is full");
      return FALSE;
    }
  counter->n_entries += batch->entries->len;
  counter->largest = MAX (counter->largest, batch->entries->len);
  if (batch->forgotten->len > 0)
    counter->first = ((Lp2pPeerEntry *) g_ptr_array_index (batch->entries, 0))->id;
  return TRUE;
}

static void
counter_free (Lp2pPeerStorage *self)
{
}

static const Lp2pPeerStorageClass counter_class = { counter_load, counter_write, counter_free };

static void
tell_numbered (Fixture *f, guint from, guint to)
{
  g_autoptr (GPtrArray) addresses = fixture_addresses (A);
  Lp2pPeerInfo info = { .addresses = addresses };

  for (guint i = from; i < to; i++)
    {
      guint8 bytes[34] = { 0x12, 0x20, [32] = i >> 8, [33] = i };
      g_autoptr (Lp2pPeerId) peer = lp2p_peer_id_new_from_bytes (bytes, sizeof bytes, NULL);

      g_assert_nonnull (peer);
      lp2p_peer_store_update (f->store, peer, &info);
    }
}

static void
test_batches (Fixture *f, gconstpointer on_disk)
{
  Counter counter = { { &counter_class } };

  lp2p_peer_store_set_storage (f->store, &counter.parent);
  tell_numbered (f, 0, 10);
  tell_numbered (f, 0, 10);
  test_world_advance (f->world, 10 * G_USEC_PER_SEC);
  settle (f);
  g_assert_cmpuint (counter.n_writes, ==, 1);
  g_assert_cmpuint (counter.n_entries, ==, 10);
  /* A crowd is written in pieces, without waiting, but for the last few of it. */
  tell_numbered (f, 0, 1000);
  g_assert_cmpuint (counter.n_writes, ==, 1);
  test_world_advance (f->world, 1000);
  settle (f);
  g_assert_cmpuint (counter.n_entries, ==, 1002);
  g_assert_cmpuint (counter.n_writes, ==, 63);
  g_assert_cmpuint (counter.largest, ==, 16);
  test_world_advance (f->world, 2 * G_USEC_PER_SEC);
  settle (f);
  g_assert_cmpuint (counter.n_entries, ==, 1010);
  g_assert_cmpuint (counter.n_writes, ==, 64);
  test_world_advance (f->world, 10 * G_USEC_PER_SEC);
  g_assert_cmpuint (counter.n_writes, ==, 64);
  close_store (f);
}

/* Who is forgotten and met again is forgotten and written at once, whoever waits. */
static void
test_forget_batch (Fixture *f, gconstpointer on_disk)
{
  Counter counter = { { &counter_class } };

  lp2p_peer_store_set_storage (f->store, &counter.parent);
  tell_numbered (f, 0, 100);
  lp2p_peer_store_forget (f->store, fixture_id (f, 0));
  fixture_tell (f, 0, A);
  fixture_flush (f);
  g_assert_cmpuint (counter.n_writes, ==, 7);
  g_assert_cmpuint (counter.n_entries, ==, 101);
  g_assert_true (lp2p_peer_id_equal (counter.first, fixture_id (f, 0)));
  close_store (f);
}

static void
test_write_fails (Fixture *f, gconstpointer on_disk)
{
  Counter counter = { { &counter_class }, .fails = TRUE };

  lp2p_peer_store_set_storage (f->store, &counter.parent);
  tell_numbered (f, 0, 200);
  test_world_advance (f->world, 1000);
  settle (f);
  test_world_advance (f->world, 50 * G_USEC_PER_SEC);
  g_assert_cmpuint (counter.n_writes, ==, 1);
  tell_numbered (f, 200, 300);
  test_world_advance (f->world, 20 * G_USEC_PER_SEC);
  settle (f);
  g_assert_cmpuint (counter.n_writes, ==, 2);
  fixture_assert_warned ("Cannot write the peer store, will try again: It is full", NULL);
  counter.fails = FALSE;
  test_world_advance (f->world, 60 * G_USEC_PER_SEC);
  settle (f);
  test_world_advance (f->world, 2 * G_USEC_PER_SEC);
  settle (f);
  g_assert_cmpuint (counter.n_entries, ==, 300);
  /* The memory stays bounded all the same. */
  counter.fails = TRUE;
  lp2p_peer_store_set_max_peers (f->store, 300);
  tell_numbered (f, 300, 1700);
  g_assert_cmpuint (lp2p_peer_store_get_n_peers (f->store), ==, 600);
  test_world_advance (f->world, 1000);
  settle (f);
  fixture_assert_warned ("Cannot write the peer store, will try again: It is full", NULL);
  tell_numbered (f, 1700, 1701);
  g_assert_cmpuint (lp2p_peer_store_get_n_peers (f->store), ==, 300);
  counter.fails = FALSE;
  close_store (f);
}

/* A disk that cannot be read may well be written to: nothing waits, nothing is dropped. */
static void
test_read_fails (Fixture *f, gconstpointer on_disk)
{
  Counter counter = { { &counter_class }, .fails_to_read = TRUE };

  lp2p_peer_store_set_storage (f->store, &counter.parent);
  lp2p_peer_store_set_max_peers (f->store, 20);
  tell_numbered (f, 0, 32);
  fixture_assert_warned ("Cannot read the peer store: It is scratched", NULL);
  g_assert_cmpuint (lp2p_peer_store_get_n_peers (f->store), ==, 32);
  test_world_advance (f->world, 1000);
  settle (f);
  g_assert_cmpuint (counter.n_entries, ==, 32);

  /* It is told again when it was better meanwhile. */
  counter.fails_to_read = FALSE;
  tell_numbered (f, 32, 33);
  counter.fails_to_read = TRUE;
  tell_numbered (f, 33, 35);
  fixture_assert_warned ("Cannot read the peer store: It is scratched", NULL);
  close_store (f);
}

/* A file that can be written to, but not read. */
typedef struct
{
  Lp2pPeerStorage parent;
  Lp2pPeerStorage *file;
} Unreadable;

static gboolean
unreadable_load (Lp2pPeerStorage *self, Lp2pPeerEntry *entry, gint64 now, gboolean *found, GError **error)
{
  *found = FALSE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "It is scratched");
  return FALSE;
}

static gboolean
unreadable_write (Lp2pPeerStorage *self, Lp2pPeerBatch *batch, GError **error)
{
  Lp2pPeerStorage *file = ((Unreadable *) self)->file;

  return file->klass->write (file, batch, error);
}

static void
unreadable_free (Lp2pPeerStorage *self)
{
  Lp2pPeerStorage *file = ((Unreadable *) self)->file;

  file->klass->free (file);
}

/* What the file has of somebody outlives that it could not be read when he was met: what
 * is learned then is added. */
static void
test_unread (Fixture *f, gconstpointer on_disk)
{
  static const Lp2pPeerStorageClass klass = { unreadable_load, unreadable_write, unreadable_free };
  Unreadable unreadable = { { &klass } };
  Lp2pPeerInfo info = { .agent_version = "second" };
  g_autoptr (GBytes) record = NULL;
  g_autofree char *agent = NULL;

  fixture_configure (f, 0, B, G_MAXINT64);
  fixture_certify (f, 0, 1, A);
  fixture_set_data (f, 0, "key", "value", 1000, LP2P_PEER_DATA_PERSISTENT);
  close_store (f);
  f->on_disk = FALSE;
  fixture_open (f);
  unreadable.file = lp2p_peer_storage_sqlite_new (f->path, lp2p_identity_get_peer_id (f->own), NULL);
  lp2p_peer_store_set_storage (f->store, &unreadable.parent);

  lp2p_peer_store_update (f->store, fixture_id (f, 0), &info);
  fixture_tell (f, 0, B " " C);
  fixture_set_data (f, 0, "other", "more", 1000, LP2P_PEER_DATA_PERSISTENT);
  fixture_tell (f, 1, C);
  fixture_assert_warned ("Cannot read the peer store: It is scratched", NULL);
  close_store (f);

  f->on_disk = TRUE;
  fixture_open (f);
  fixture_assert_addresses (f, 0, B " " A " " C);
  fixture_assert_addresses (f, 1, C);
  fixture_assert_data (f, 0, "key", "value");
  fixture_assert_data (f, 0, "other", "more");
  record = lp2p_peer_store_dup_record (f->store, fixture_id (f, 0));
  g_assert_nonnull (record);
  agent = lp2p_peer_store_dup_agent (f->store, fixture_id (f, 0));
  g_assert_cmpstr (agent, ==, "second");
}

static void
test_disk_full (Fixture *f, gconstpointer on_disk)
{
  struct rlimit before, limit;
  g_autoptr (GError) error = NULL;
  struct stat info;

  tell_numbered (f, 0, 100);
  fixture_tell (f, 0, A);
  fixture_flush (f);
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  g_assert_cmpint (stat (f->path, &info), ==, 0);
  limit = before;
  limit.rlim_cur = 128 * 1024;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  tell_numbered (f, 100, 2000);
  fixture_tell (f, 1, B);
  g_assert_false (lp2p_peer_store_flush (f->store, &error));
  g_assert_nonnull (error);
  /* What was known stays known. */
  fixture_assert_addresses (f, 0, A);
  fixture_assert_addresses (f, 1, B);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, A);
  fixture_assert_addresses (f, 1, B);
  close_store (f);
  assert_query (f->path, "PRAGMA integrity_check", "ok");
  assert_query (f->path, "SELECT count(*) FROM peers", "2002");
}

/* Peers of whom nothing holds go in the end, those that somebody configured stay. */
static void
test_retention (Fixture *f, gconstpointer on_disk)
{
  tell_numbered (f, 0, 100);
  fixture_configure (f, 1, B, G_MAXINT64);
  close_store (f);
  assert_query (f->path, "SELECT count(*) FROM peers", "101");
  test_world_jump (f->world, 31 * 24 * G_TIME_SPAN_HOUR);
  fixture_open (f);
  for (guint i = 0; i < 3; i++)
    {
      fixture_tell (f, 0, A);
      fixture_flush (f);
    }
  fixture_assert_addresses (f, 1, B);
  close_store (f);
  assert_query (f->path, "SELECT count(*) FROM peers", "2");
  assert_query (f->path, "SELECT count(*) FROM addresses", "2");
}

/* Who was connected all the time is remembered as long as who has just been met. */
static void
test_long_connected (Fixture *f, gconstpointer on_disk)
{
  Lp2pPeerInfo info = { .agent_version = "old friend" };
  g_autofree char *agent = NULL;

  lp2p_peer_store_update (f->store, fixture_id (f, 0), &info);
  lp2p_peer_store_note_connected (f->store, fixture_id (f, 0), NULL, TRUE);
  fixture_flush (f);
  test_world_jump (f->world, 31 * 24 * G_TIME_SPAN_HOUR);
  fixture_tell (f, 1, A);
  fixture_reopen (f);
  agent = lp2p_peer_store_dup_agent (f->store, fixture_id (f, 0));
  g_assert_cmpstr (agent, ==, "old friend");
}

/* Whoever has to be written anew is written as a whole. */
static void
test_removed (Fixture *f, gconstpointer on_disk)
{
  fixture_tell (f, 0, A);
  fixture_set_data (f, 0, "key", "value", 1000, LP2P_PEER_DATA_PERSISTENT);
  fixture_flush (f);
  run_sql (f->path, "DELETE FROM addresses; DELETE FROM data; DELETE FROM peers;");
  fixture_set_data (f, 0, "other", "more", 1000, LP2P_PEER_DATA_PERSISTENT);
  fixture_reopen (f);
  fixture_assert_addresses (f, 0, A);
  fixture_assert_data (f, 0, "key", "value");
  fixture_assert_data (f, 0, "other", "more");
}

/* A store whose file has bounds that are reached soon. */
static void
open_bounded (Fixture *f, gint64 max_peers, gint64 max_bytes)
{
  Lp2pPeerStorage *storage;

  close_store (f);
  f->on_disk = FALSE;
  fixture_open (f);
  f->on_disk = TRUE;
  storage = lp2p_peer_storage_sqlite_new (f->path, lp2p_identity_get_peer_id (f->own), NULL);
  lp2p_peer_storage_sqlite_set_bounds (storage, max_peers, max_bytes);
  lp2p_peer_store_set_storage (f->store, storage);
}

/* Whoever comes with a new name each time pushes out his like, not those that were
 * dialed. */
static void
test_strangers_go_first (Fixture *f, gconstpointer on_disk)
{
  open_bounded (f, 50, G_MAXINT64);
  fixture_dial (f, 0, A, TRUE);
  fixture_configure (f, 1, B, 60);
  fixture_flush (f);
  test_world_jump (f->world, 8 * 24 * G_TIME_SPAN_HOUR);
  for (guint i = 0; i < 20; i++)
    {
      tell_numbered (f, 10 * i, 10 * i + 10);
      fixture_flush (f);
    }
  close_store (f);
  assert_query (f->path, "SELECT count(*) FROM peers", "50");
  assert_query (f->path, "SELECT count(*) FROM peers WHERE known", "2");
}

/* A record that large fills the file sooner than their number does. */
static void
tell_large (Fixture *f, guint from, guint to)
{
  g_auto (GStrv) protocols = g_new0 (char *, 101);
  Lp2pPeerInfo info = { .protocols = (const char *const *) protocols };

  for (guint i = 0; i < 100; i++)
    protocols[i] = g_strdup_printf ("/%0100u", i);
  for (guint i = from; i < to; i++)
    {
      guint8 bytes[34] = { 0x12, 0x20, [32] = i >> 8, [33] = i };
      g_autoptr (Lp2pPeerId) peer = lp2p_peer_id_new_from_bytes (bytes, sizeof bytes, NULL);

      lp2p_peer_store_update (f->store, peer, &info);
    }
}

static void
test_bytes (Fixture *f, gconstpointer on_disk)
{
  struct stat info;
  gint64 max = 1024 * 1024;

  open_bounded (f, G_MAXINT64, max);
  fixture_dial (f, 0, A, TRUE);
  tell_numbered (f, 0, 500);
  fixture_flush (f);
  for (guint i = 500; i < 1000; i += 10)
    {
      tell_large (f, i, i + 10);
      fixture_flush (f);
    }
  close_store (f);
  g_assert_cmpint (stat (f->path, &info), ==, 0);
  /* One batch is written before room is made for it. */
  g_assert_cmpint (info.st_size, <, max + 16 * 16 * 1024);
  assert_query (f->path, "SELECT count(*) > 20 FROM peers", "1");
  fixture_open (f);
  fixture_assert_addresses (f, 0, A);
}

/* Versions and owners */

static void
test_migration (Fixture *f, gconstpointer on_disk)
{
  g_autofree char *sql_path = g_test_build_filename (G_TEST_DIST, "unit", "data", "peer-store", "version-1.sql", NULL);
  g_autoptr (Lp2pPeerId) peer =
      lp2p_peer_id_new_from_string ("12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq", NULL);
  g_autofree char *sql = NULL;
  g_autofree char *agent = NULL;
  g_autoptr (GPtrArray) addresses = NULL;
  g_auto (GStrv) protocols = NULL;

  close_store (f);
  g_remove (f->path);
  g_assert_true (g_file_get_contents (sql_path, &sql, NULL, NULL));
  run_sql (f->path, sql);
  fixture_open (f);
  addresses = lp2p_peer_store_dup_addresses (f->store, peer);
  g_assert_cmpuint (addresses->len, ==, 1);
  g_assert_cmpstr (lp2p_multiaddr_get_string (g_ptr_array_index (addresses, 0)), ==, "/ip4/192.0.2.1/tcp/4001");
  agent = lp2p_peer_store_dup_agent (f->store, peer);
  g_assert_cmpstr (agent, ==, "old/1");
  protocols = lp2p_peer_store_dup_protocols (f->store, peer);
  g_assert_cmpuint (g_strv_length (protocols), ==, 2);
  lp2p_peer_store_note_dial (f->store, peer, g_ptr_array_index (addresses, 0), TRUE);
  fixture_reopen (f);
  g_assert_cmpint (lp2p_peer_store_find_address (f->store, peer, g_ptr_array_index (addresses, 0))->last_success, >, 0);
  close_store (f);
  assert_query (f->path, "PRAGMA user_version", "3");
}

/* A file that is not ours to use: memory only, and the file as it was. */
static void
check_refused (Fixture *f, const char *warning)
{
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autofree char *aside = NULL;
  gsize before_size, after_size;

  g_assert_true (g_file_get_contents (f->path, &before, &before_size, NULL));
  fixture_open (f);
  fixture_assert_warned (warning, NULL);
  g_assert_false (lp2p_peer_store_is_on_disk (f->store));
  fixture_tell (f, 0, A);
  fixture_assert_addresses (f, 0, A);
  close_store (f);
  g_assert_true (g_file_get_contents (f->path, &after, &after_size, NULL));
  g_assert_cmpmem (before, before_size, after, after_size);
  aside = find_aside (f);
  g_assert_null (aside);
}

static void
test_newer_version (Fixture *f, gconstpointer on_disk)
{
  close_store (f);
  run_sql (f->path, "PRAGMA user_version = 4; PRAGMA journal_mode = DELETE;");
  check_refused (f, "is of version 4, which a newer lp2p made; this one knows up to 3");
}

static void
test_foreign_database (Fixture *f, gconstpointer on_disk)
{
  close_store (f);
  g_remove (f->path);
  run_sql (f->path, "CREATE TABLE peers (id INTEGER);");
  check_refused (f, "is a database of another program");
  run_sql (f->path, "PRAGMA user_version = 2;");
  check_refused (f, "is a database of another program");
  run_sql (f->path, "PRAGMA application_id = 1819292272; PRAGMA user_version = -1;");
  check_refused (f, "is a database of another program");
}

/* Damage */

static void
assert_works (Fixture *f)
{
  fixture_tell (f, 2, B);
  fixture_reopen (f);
  fixture_assert_addresses (f, 2, B);
}

static void
check_damaged (Fixture *f, const char *contents, gsize size)
{
  g_autofree char *aside = NULL;
  g_autofree char *kept = NULL;
  gsize kept_size;

  close_store (f);
  g_assert_true (g_file_set_contents (f->path, contents, size, NULL));
  fixture_open (f);
  fixture_assert_warned ("The peer store is damaged", NULL);
  assert_works (f);
  aside = find_aside (f);
  g_assert_nonnull (aside);
  g_assert_true (g_file_get_contents (aside, &kept, &kept_size, NULL));
  g_assert_cmpmem (kept, kept_size, contents, size);
  g_remove (aside);
}

static char *
make_contents (Fixture *f, gsize *size)
{
  char *contents;

  tell_numbered (f, 0, 500);
  close_store (f);
  g_assert_true (g_file_get_contents (f->path, &contents, size, NULL));
  g_assert_cmpuint (*size, >, 40000);
  fixture_open (f);
  return contents;
}

static void
test_damaged (Fixture *f, gconstpointer on_disk)
{
  gsize size;
  g_autofree char *good = make_contents (f, &size);
  g_autofree char *noise = g_malloc (size);
  g_autofree char *header = g_memdup2 (good, size);

  for (gsize i = 0; i < size; i++)
    noise[i] = g_random_int ();
  noise[0] = 'x';
  check_damaged (f, noise, size);
  check_damaged (f, noise, 100);
  check_damaged (f, noise, 1);
  check_damaged (f, good, size / 2);
  check_damaged (f, good, 4096);
  check_damaged (f, good, 50);
  memset (header, 'x', 16);
  check_damaged (f, header, size);
  memset (header, 0, 4096);
  check_damaged (f, header, size);
}

/* An empty file is a new one. */
static void
test_empty (Fixture *f, gconstpointer on_disk)
{
  close_store (f);
  g_assert_true (g_file_set_contents (f->path, "", 0, NULL));
  fixture_open (f);
  g_assert_true (lp2p_peer_store_is_on_disk (f->store));
  assert_works (f);
}

static void
test_missing_tables (Fixture *f, gconstpointer on_disk)
{
  g_autofree char *aside = NULL;

  close_store (f);
  run_sql (f->path, "DROP TABLE data;");
  fixture_open (f);
  fixture_assert_warned ("The peer store is damaged (no such table: data)", NULL);
  assert_works (f);
  aside = find_aside (f);
  g_assert_nonnull (aside);
}

/* The beginning is sound: damage shows only when the rest is read, or written. */
static void
damage_inside (Fixture *f)
{
  gsize size;
  g_autofree char *contents = make_contents (f, &size);

  close_store (f);
  memset (contents + 4096, 0x5a, size - 4096);
  g_assert_true (g_file_set_contents (f->path, contents, size, NULL));
  fixture_open (f);
  fixture_assert_warned (NULL, NULL);
}

static void
check_replaced (Fixture *f)
{
  g_autofree char *aside = find_aside (f);

  fixture_assert_warned ("The peer store is damaged", NULL);
  g_assert_nonnull (aside);
  assert_works (f);
}

static void
test_damage_read (Fixture *f, gconstpointer on_disk)
{
  damage_inside (f);
  fixture_assert_addresses (f, 0, "");
  check_replaced (f);
}

/* What a peer is known by before the damage shows is written to the new file as a whole. */
static void
test_damage_written (Fixture *f, gconstpointer on_disk)
{
  fixture_tell (f, 0, A);
  fixture_flush (f);
  fixture_damage (f);
  fixture_set_data (f, 0, "key", "value", 100, LP2P_PEER_DATA_PERSISTENT);
  fixture_flush (f);
  check_replaced (f);
  fixture_assert_addresses (f, 0, A);
  fixture_assert_data (f, 0, "key", "value");
}

/* Rows that somebody edited: what is not valid is left out, the rest is used. */
static void
test_damaged_rows (Fixture *f, gconstpointer on_disk)
{
  fixture_tell (f, 0, A " " B);
  fixture_set_data (f, 0, "key", "value", 1000, LP2P_PEER_DATA_PERSISTENT);
  fixture_certify (f, 1, 1, A);
  close_store (f);
  run_sql (f->path, "UPDATE addresses SET address = X'0405' WHERE address = X'04C0000201060001';"
                    "UPDATE data SET flags = 77;"
                    "UPDATE peers SET public_key = X'00', protocols = 'ls' || char (10) || '/a', agent_version = X'ff00ff',"
                    " record = X'0102' || record;");
  fixture_open (f);
  fixture_assert_addresses (f, 0, B);
  fixture_assert_data (f, 0, "key", NULL);
  g_assert_null (lp2p_peer_store_dup_record (f->store, fixture_id (f, 1)));
  run_sql (":memory:", "SELECT 1;");
  close_store (f);
  run_sql (f->path, "UPDATE addresses SET source = 99;");
  fixture_open (f);
  fixture_assert_addresses (f, 0, "");
}

/* Other obstacles */

static void
check_memory_only (Fixture *f, const char *path, const char *warning)
{
  g_autoptr (Lp2pPeerStore) store = lp2p_peer_store_new (f->world->loop, lp2p_identity_get_peer_id (f->own), path);

  lp2p_peer_store_open (store);
  fixture_assert_warned (warning, NULL);
  g_assert_false (lp2p_peer_store_is_on_disk (store));
}

static void
test_not_a_file (Fixture *f, gconstpointer on_disk)
{
  g_autofree char *missing = g_build_filename (f->folder, "missing", "peers", NULL);
  g_autofree char *fifo = g_build_filename (f->folder, "fifo", NULL);
  g_autofree char *below = g_build_filename (f->path, "peers", NULL);

  check_memory_only (f, f->folder, "is not a file");
  check_memory_only (f, missing, "No such file or directory");
  check_memory_only (f, below, "Not a directory");
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  check_memory_only (f, fifo, "is not a file");
}

static void
test_no_rights (Fixture *f, gconstpointer on_disk)
{
  g_autofree char *fresh = g_build_filename (f->folder, "fresh", NULL);
  gboolean privileged = geteuid () == 0;

  close_store (f);
  g_assert_cmpint (g_chmod (f->folder, 0555), ==, 0);
  if (privileged)
    g_assert_cmpint (seteuid (NOBODY), ==, 0);
  check_memory_only (f, fresh, "Permission denied");
  check_memory_only (f, f->path, "Permission denied");
  if (privileged)
    g_assert_cmpint (seteuid (0), ==, 0);
  g_assert_cmpint (g_chmod (f->folder, 0700), ==, 0);
  g_assert_false (g_file_test (fresh, G_FILE_TEST_EXISTS));
}

/* Another process holds the file until it is told to go. */
static pid_t
hold_elsewhere (Fixture *f, int *go)
{
  int ready[2], end[2];
  pid_t child;
  char byte;

  g_assert_cmpint (pipe (ready), ==, 0);
  g_assert_cmpint (pipe (end), ==, 0);
  child = fork ();
  if (child == 0)
    {
      close (end[1]);
      fixture_open (f);
      fixture_tell (f, 1, B);
      lp2p_peer_store_flush (f->store, NULL);
      _exit (write (ready[1], "x", 1) != 1 || read (end[0], &byte, 1) != 0);
    }
  close (ready[1]);
  close (end[0]);
  g_assert_cmpint (read (ready[0], &byte, 1), ==, 1);
  close (ready[0]);
  *go = end[1];
  return child;
}

static void
test_locked (Fixture *f, gconstpointer on_disk)
{
  int go, status;
  pid_t child;

  fixture_tell (f, 0, A);
  /* The second store of one process is no better than another process. */
  check_memory_only (f, f->path, "another process uses it");
  close_store (f);
  child = hold_elsewhere (f, &go);
  fixture_open (f);
  fixture_assert_warned ("another process uses it", NULL);
  g_assert_false (lp2p_peer_store_is_on_disk (f->store));
  fixture_assert_addresses (f, 0, "");
  fixture_tell (f, 2, B);
  close_store (f);

  close (go);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  fixture_open (f);
  fixture_assert_addresses (f, 0, A);
  fixture_assert_addresses (f, 1, B);
  fixture_assert_addresses (f, 2, "");
}

static void
add (const char *name, void (*func) (Fixture *, gconstpointer))
{
  g_autofree char *path = g_strdup_printf ("/peer-store-file/%s", name);

  g_test_add (path, Fixture, GINT_TO_POINTER (TRUE), fixture_set_up, func, fixture_tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_log_set_writer_func (fixture_write_log, NULL, NULL);
  add ("secrets", test_secrets);
  add ("mode", test_mode);
  add ("identity-change", test_identity_change);
  add ("flush-timer", test_flush_timer);
  add ("batches", test_batches);
  add ("forget-batch", test_forget_batch);
  add ("write-fails", test_write_fails);
  add ("read-fails", test_read_fails);
  add ("unread", test_unread);
  add ("disk-full", test_disk_full);
  add ("retention", test_retention);
  add ("long-connected", test_long_connected);
  add ("removed", test_removed);
  add ("strangers-go-first", test_strangers_go_first);
  add ("bytes", test_bytes);
  add ("migration", test_migration);
  add ("newer-version", test_newer_version);
  add ("foreign-database", test_foreign_database);
  add ("damaged", test_damaged);
  add ("empty", test_empty);
  add ("missing-tables", test_missing_tables);
  add ("damaged-rows", test_damaged_rows);
  add ("damage-read", test_damage_read);
  add ("damage-written", test_damage_written);
  add ("not-a-file", test_not_a_file);
  add ("no-rights", test_no_rights);
  add ("locked", test_locked);
  return g_test_run ();
}
