/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <unistd.h>

#include <lp2p/interfaces/lp2p-log.h>

#include "host/lp2p-peer-batch-private.h"
#include "host/lp2p-peer-sqlite-private.h"
#include "types/lp2p-i18n-private.h"

/* The peer store on disk. */

/* For how long a peer is remembered that nothing holds of any more. */
#define RETENTION_US (30 * G_TIME_SPAN_DAY)
/* Hundred megabytes at the usual size. Strangers go first, for whoever comes with a new
 * name each time makes as many of them as he likes; then those of which nothing holds
 * soonest. */
#define MAX_STORED_PEERS 200000
#define MAX_STORED_BYTES (256 * 1024 * 1024)
/* How many outdated rows one write removes beside what it has to do. */
#define PURGE_BATCH 64
/* How long a write waits for a tool that looks into the file, and how long while somebody
 * waits for the write. */
#define WRITE_TIMEOUT_MS 10000
#define HURRIED_TIMEOUT_MS 1000
#define WAIT_STEP_MS 10

/* Two connections to one file: whoever reads does not wait for what is written. */
typedef struct
{
  Lp2pPeerStorage parent;

  char *path;
  int lock;
  GBytes *own_id;
  /* Of the thread that writes; whoever finds damage while reading may use it, too. */
  GMutex mutex;
  Lp2pPeerSession writer;
  /* What it writes now. */
  Lp2pPeerBatch *batch;
  /* How many files there were before this one that turned out to be damaged. */
  guint generation;
  /* -1 while nobody has counted. */
  gint64 n_peers;
  gint64 max_peers;
  gint64 max_bytes;

  /* Of the thread that the store belongs to. */
  Lp2pPeerSession reader;
  guint read_generation;
} Storage;

/* Opening */

/* Who writes in a thread leaves it to the batch. Takes @warning, which may be NULL. */
static void
warn (Storage *self, char *warning)
{
  if (self->batch != NULL)
    {
      g_free (self->batch->warning);
      self->batch->warning = warning;
      return;
    }
  if (warning != NULL)
    g_warning ("%s", warning);
  g_free (warning);
}

static gboolean
replace_database (Storage *self, const char *problem, GError **error)
{
  g_autofree char *reason = g_strdup (problem);
  const char *again = NULL;
  char *warning = NULL;

  lp2p_peer_session_close (&self->writer);
  self->n_peers = -1;
  g_atomic_int_inc (&self->generation);
  self->writer.database = lp2p_peer_sqlite_replace (self->path, reason, &warning, error);
  warn (self, warning);
  if (self->writer.database == NULL)
    return FALSE;
  if (lp2p_peer_session_prepare (&self->writer, &again) == SQLITE_OK)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", self->path, again);
  lp2p_peer_session_close (&self->writer);
  return FALSE;
}

static gboolean
open_writer (Storage *self, GError **error)
{
  const char *problem = NULL;
  int status;

  self->writer.database = lp2p_peer_sqlite_open (self->path, error);
  if (self->writer.database == NULL)
    return FALSE;
  status = lp2p_peer_session_prepare (&self->writer, &problem);
  if (status == SQLITE_OK)
    return TRUE;
  if (lp2p_peer_sqlite_is_corrupt (status))
    return replace_database (self, problem, error);
  lp2p_peer_sqlite_set_error (self->writer.database, status, self->path, error);
  return FALSE;
}

/* Reads from the file that there is now. */
static gboolean
open_reader (Storage *self, GError **error)
{
  const char *problem = NULL;
  int status;

  lp2p_peer_session_close (&self->reader);
  self->read_generation = g_atomic_int_get (&self->generation);
  self->reader.database = lp2p_peer_sqlite_open_reader (self->path, error);
  if (self->reader.database == NULL)
    return FALSE;
  status = lp2p_peer_session_prepare (&self->reader, &problem);
  if (status == SQLITE_OK)
    return TRUE;
  lp2p_peer_sqlite_set_error (self->reader.database, status, self->path, error);
  lp2p_peer_session_close (&self->reader);
  return FALSE;
}

static gboolean
is_reader_current (Storage *self)
{
  return self->reader.database != NULL && self->read_generation == (guint) g_atomic_int_get (&self->generation);
}

/* With neither a reader nor an error, somebody is writing, and perhaps replaces the file:
 * the loop does not wait for that. */
static gboolean
check_reader (Storage *self, GError **error)
{
  gboolean ok;

  if (is_reader_current (self))
    return TRUE;
  if (!g_mutex_trylock (&self->mutex))
    return FALSE;
  ok = open_reader (self, error);
  g_mutex_unlock (&self->mutex);
  return ok;
}

/* A file that turned out to be damaged is replaced, unless the other side did so; where
 * that is writing, it will find the damage, or the next who reads does. */
static gboolean
replace_read (Storage *self, int status, GError **error)
{
  gboolean ok = TRUE;

  if (!g_mutex_trylock (&self->mutex))
    return TRUE;
  if (is_reader_current (self))
    {
      lp2p_peer_session_close (&self->reader);
      ok = replace_database (self, sqlite3_errstr (status), error);
    }
  g_mutex_unlock (&self->mutex);
  return ok;
}

/* Whether to try again. */
static gboolean
recover (Storage *self, int status, GError **error)
{
  if (!sqlite3_get_autocommit (self->writer.database))
    sqlite3_exec (self->writer.database, "ROLLBACK", NULL, NULL, NULL);
  self->n_peers = -1;
  if (lp2p_peer_sqlite_is_corrupt (status))
    return replace_database (self, sqlite3_errstr (status), error);
  lp2p_peer_sqlite_set_error (NULL, status, self->path, error);
  return FALSE;
}

/* Loading */

static GBytes *
column_bytes (sqlite3_stmt *statement, int column)
{
  gconstpointer data = sqlite3_column_blob (statement, column);

  return data != NULL ? g_bytes_new (data, sqlite3_column_bytes (statement, column)) : NULL;
}

static const char *
column_text (sqlite3_stmt *statement, int column)
{
  return (const char *) sqlite3_column_text (statement, column);
}

static int
load_facts (Storage *self, Lp2pPeerEntry *entry, gint64 *id)
{
  Lp2pPeerBind bind = lp2p_peer_session_begin (&self->reader, LP2P_PEER_QUERY_LOAD_PEER);
  int status;

  lp2p_peer_bind_bytes (&bind, lp2p_peer_id_get_bytes (entry->id));
  status = sqlite3_step (bind.statement);
  if (status == SQLITE_ROW)
    {
      g_autoptr (GBytes) key = column_bytes (bind.statement, 1);
      g_autoptr (GBytes) record = column_bytes (bind.statement, 5);

      *id = sqlite3_column_int64 (bind.statement, 0);
      if (!lp2p_peer_entry_restore_facts (entry, key, column_text (bind.statement, 2), column_text (bind.statement, 3),
                                          column_text (bind.statement, 4), record))
        lp2p_log_peer (G_LOG_LEVEL_DEBUG, entry->id, "Some of what is stored of %s is not valid",
                       lp2p_peer_id_get_string (entry->id));
    }
  sqlite3_reset (bind.statement);
  sqlite3_clear_bindings (bind.statement);
  return status == SQLITE_ROW || status == SQLITE_DONE ? SQLITE_OK : status;
}

static int
load_addresses (Storage *self, Lp2pPeerEntry *entry, gint64 id, gint64 now)
{
  Lp2pPeerBind bind = lp2p_peer_session_begin (&self->reader, LP2P_PEER_QUERY_LOAD_ADDRESSES);
  int status;

  lp2p_peer_bind_number (&bind, id);
  lp2p_peer_bind_number (&bind, now);
  lp2p_peer_bind_number (&bind, LP2P_PEER_MAX_ADDRESSES);
  while ((status = sqlite3_step (bind.statement)) == SQLITE_ROW)
    lp2p_peer_entry_restore_address (
        entry, sqlite3_column_blob (bind.statement, 0), sqlite3_column_bytes (bind.statement, 0),
        sqlite3_column_int64 (bind.statement, 1), column_text (bind.statement, 2),
        sqlite3_column_int64 (bind.statement, 3), sqlite3_column_int64 (bind.statement, 4),
        sqlite3_column_int64 (bind.statement, 5), now);
  sqlite3_reset (bind.statement);
  return status == SQLITE_DONE ? SQLITE_OK : status;
}

static int
load_data (Storage *self, Lp2pPeerEntry *entry, gint64 id, gint64 now)
{
  Lp2pPeerBind bind = lp2p_peer_session_begin (&self->reader, LP2P_PEER_QUERY_LOAD_DATA);
  int status;

  lp2p_peer_bind_number (&bind, id);
  lp2p_peer_bind_bytes (&bind, self->own_id);
  lp2p_peer_bind_number (&bind, now);
  lp2p_peer_bind_number (&bind, LP2P_PEER_MAX_DATA);
  while ((status = sqlite3_step (bind.statement)) == SQLITE_ROW)
    lp2p_peer_entry_restore_data (entry, column_text (bind.statement, 0), column_text (bind.statement, 1),
                                  sqlite3_column_blob (bind.statement, 2), sqlite3_column_bytes (bind.statement, 2),
                                  sqlite3_column_int64 (bind.statement, 3), sqlite3_column_int64 (bind.statement, 4),
                                  now);
  sqlite3_reset (bind.statement);
  return status == SQLITE_DONE ? SQLITE_OK : status;
}

static gboolean
storage_load (Lp2pPeerStorage *storage, Lp2pPeerEntry *entry, gint64 now, gboolean *found, GError **error)
{
  Storage *self = (Storage *) storage;
  g_autoptr (GError) problem = NULL;
  gint64 id = 0;
  int status;

  *found = FALSE;
  if (!check_reader (self, &problem))
    {
      gboolean ok = problem == NULL;

      if (!ok)
        g_propagate_error (error, g_steal_pointer (&problem));
      return ok;
    }
  status = load_facts (self, entry, &id);
  if (status == SQLITE_OK && id != 0)
    status = load_addresses (self, entry, id, now);
  if (status == SQLITE_OK && id != 0)
    status = load_data (self, entry, id, now);
  if (status == SQLITE_OK)
    {
      *found = id != 0;
      return TRUE;
    }
  lp2p_peer_entry_clear (entry);
  if (lp2p_peer_sqlite_is_corrupt (status))
    return replace_read (self, status, error);
  lp2p_peer_sqlite_set_error (NULL, status, self->path, error);
  return FALSE;
}

/* Writing */

static gint64
get_expiry (Lp2pPeerEntry *entry, gint64 now)
{
  gint64 expires = now + RETENTION_US;

  for (guint i = 0; entry->addresses != NULL && i < entry->addresses->len; i++)
    expires = MAX (expires, g_array_index (entry->addresses, Lp2pPeerAddress, i).expires);
  for (guint i = 0; entry->data != NULL && i < entry->data->len; i++)
    if ((g_array_index (entry->data, Lp2pPeerData, i).flags & LP2P_PEER_DATA_PERSISTENT) != 0)
      expires = MAX (expires, g_array_index (entry->data, Lp2pPeerData, i).expires);
  return expires;
}

static int
find_peer (Storage *self, Lp2pPeerEntry *entry, gint64 *id)
{
  Lp2pPeerBind bind = lp2p_peer_session_begin (&self->writer, LP2P_PEER_QUERY_FIND_PEER);

  lp2p_peer_bind_bytes (&bind, lp2p_peer_id_get_bytes (entry->id));
  return lp2p_peer_bind_finish_number (&bind, id);
}

static int
write_facts (Storage *self, Lp2pPeerEntry *entry, gint64 now, gint64 *id)
{
  Lp2pPeerQuery query = entry->unread ? LP2P_PEER_QUERY_MERGE_PEER : LP2P_PEER_QUERY_SAVE_PEER;
  Lp2pPeerBind bind = lp2p_peer_session_begin (&self->writer, query);
  g_autofree char *protocols = lp2p_peer_entry_join_protocols (entry);

  lp2p_peer_bind_bytes (&bind, lp2p_peer_id_get_bytes (entry->id));
  lp2p_peer_bind_bytes (&bind, entry->public_key != NULL ? lp2p_public_key_get_bytes (entry->public_key) : NULL);
  lp2p_peer_bind_text (&bind, protocols);
  lp2p_peer_bind_text (&bind, entry->agent_version);
  lp2p_peer_bind_text (&bind, entry->protocol_version);
  lp2p_peer_bind_bytes (&bind, entry->record);
  lp2p_peer_bind_number (&bind, get_expiry (entry, now));
  lp2p_peer_bind_number (&bind, lp2p_peer_entry_is_known (entry) ||
                                    g_bytes_equal (lp2p_peer_id_get_bytes (entry->id), self->own_id));
  return lp2p_peer_bind_finish_number (&bind, id);
}

static int
write_address (Storage *self, gint64 id, const Lp2pPeerAddress *address)
{
  Lp2pPeerBind bind = lp2p_peer_session_begin (&self->writer, LP2P_PEER_QUERY_SAVE_ADDRESS);

  lp2p_peer_bind_number (&bind, id);
  lp2p_peer_bind_bytes (&bind, lp2p_multiaddr_get_bytes (address->address));
  lp2p_peer_bind_number (&bind, address->source);
  lp2p_peer_bind_text (&bind, address->network);
  lp2p_peer_bind_number (&bind, address->expires);
  lp2p_peer_bind_number (&bind, address->last_success);
  lp2p_peer_bind_number (&bind, address->last_failure);
  return lp2p_peer_bind_finish (&bind);
}

static int
clear_addresses (Storage *self, gint64 id)
{
  Lp2pPeerBind bind = lp2p_peer_session_begin (&self->writer, LP2P_PEER_QUERY_CLEAR_ADDRESSES);

  lp2p_peer_bind_number (&bind, id);
  return lp2p_peer_bind_finish (&bind);
}

static int
write_addresses (Storage *self, Lp2pPeerEntry *entry, gint64 id, gboolean replace)
{
  int status = replace ? clear_addresses (self, id) : SQLITE_OK;

  for (guint i = 0; status == SQLITE_OK && entry->addresses != NULL && i < entry->addresses->len; i++)
    status = write_address (self, id, &g_array_index (entry->addresses, Lp2pPeerAddress, i));
  return status;
}

static int
write_datum (Storage *self, gint64 id, const Lp2pPeerData *data)
{
  Lp2pPeerBind bind = lp2p_peer_session_begin (&self->writer, LP2P_PEER_QUERY_SAVE_DATA);

  lp2p_peer_bind_number (&bind, id);
  lp2p_peer_bind_bytes (&bind, self->own_id);
  lp2p_peer_bind_text (&bind, data->plugin);
  lp2p_peer_bind_text (&bind, data->key);
  lp2p_peer_bind_bytes (&bind, data->value);
  lp2p_peer_bind_number (&bind, data->expires);
  lp2p_peer_bind_number (&bind, data->flags);
  return lp2p_peer_bind_finish (&bind);
}

static int
clear_data (Storage *self, gint64 id)
{
  Lp2pPeerBind bind = lp2p_peer_session_begin (&self->writer, LP2P_PEER_QUERY_CLEAR_DATA);

  lp2p_peer_bind_number (&bind, id);
  lp2p_peer_bind_bytes (&bind, self->own_id);
  return lp2p_peer_bind_finish (&bind);
}

static int
write_data (Storage *self, Lp2pPeerEntry *entry, gint64 id, gboolean replace)
{
  int status = replace ? clear_data (self, id) : SQLITE_OK;

  for (guint i = 0; status == SQLITE_OK && entry->data != NULL && i < entry->data->len; i++)
    {
      const Lp2pPeerData *data = &g_array_index (entry->data, Lp2pPeerData, i);

      if ((data->flags & LP2P_PEER_DATA_PERSISTENT) != 0)
        status = write_datum (self, id, data);
    }
  return status;
}

static int
write_entry (Storage *self, Lp2pPeerEntry *entry, gint64 now)
{
  gint64 id = 0;
  int status = find_peer (self, entry, &id);
  gboolean replace = id != 0 && !entry->unread;

  /* One that is new, or was removed while it was in memory. */
  if (status == SQLITE_OK && id == 0)
    {
      entry->dirty = LP2P_PEER_DIRTY_ALL;
      entry->unread = FALSE;
      self->n_peers++;
    }
  if (status == SQLITE_OK)
    status = write_facts (self, entry, now, &id);
  if (status == SQLITE_OK && (entry->dirty & LP2P_PEER_DIRTY_ADDRESSES) != 0)
    status = write_addresses (self, entry, id, replace);
  if (status == SQLITE_OK && (entry->dirty & LP2P_PEER_DIRTY_DATA) != 0)
    status = write_data (self, entry, id, replace);
  return status;
}

static int
forget (Storage *self, Lp2pPeerId *peer)
{
  Lp2pPeerBind bind = lp2p_peer_session_begin (&self->writer, LP2P_PEER_QUERY_FORGET_PEER);

  lp2p_peer_bind_bytes (&bind, lp2p_peer_id_get_bytes (peer));
  return lp2p_peer_bind_finish (&bind);
}

static int
purge (Storage *self, Lp2pPeerQuery query, gint64 expires, gint64 limit)
{
  Lp2pPeerBind bind = lp2p_peer_session_begin (&self->writer, query);

  lp2p_peer_bind_number (&bind, expires);
  lp2p_peer_bind_number (&bind, limit);
  return lp2p_peer_bind_finish (&bind);
}

static int
purge_some (Storage *self, gint64 n)
{
  Lp2pPeerBind bind = lp2p_peer_session_begin (&self->writer, LP2P_PEER_QUERY_PURGE_ROOM);
  int status;

  lp2p_peer_bind_number (&bind, n);
  status = lp2p_peer_bind_finish (&bind);
  self->n_peers -= sqlite3_changes (self->writer.database);
  return status;
}

static int
count_bytes (Storage *self, gint64 *bytes)
{
  Lp2pPeerBind bind = lp2p_peer_session_begin (&self->writer, LP2P_PEER_QUERY_COUNT_BYTES);

  return lp2p_peer_bind_finish_number (&bind, bytes);
}

/* What was just written may be large, and what makes room for it small. */
static int
make_room (Storage *self)
{
  gint64 bytes = 0;
  int status = self->n_peers > self->max_peers ? purge_some (self, self->n_peers - self->max_peers) : SQLITE_OK;

  if (status == SQLITE_OK)
    status = count_bytes (self, &bytes);
  while (status == SQLITE_OK && bytes > self->max_bytes && self->n_peers > 0)
    {
      status = purge_some (self, PURGE_BATCH);
      if (status == SQLITE_OK)
        status = count_bytes (self, &bytes);
    }
  return status;
}

/* Keeps the file from growing for ever. */
static int
purge_outdated (Storage *self, gint64 now)
{
  int status = purge (self, LP2P_PEER_QUERY_PURGE_DATA, now, PURGE_BATCH);

  if (status == SQLITE_OK)
    status = purge (self, LP2P_PEER_QUERY_PURGE_PEERS, now, PURGE_BATCH);
  if (status == SQLITE_OK)
    self->n_peers -= sqlite3_changes (self->writer.database);
  return status == SQLITE_OK ? make_room (self) : status;
}

static int
count_peers (Storage *self)
{
  Lp2pPeerBind bind;

  if (self->n_peers >= 0)
    return SQLITE_OK;
  bind = lp2p_peer_session_begin (&self->writer, LP2P_PEER_QUERY_COUNT_PEERS);
  return lp2p_peer_bind_finish_number (&bind, &self->n_peers);
}

static int
write_all (Storage *self, Lp2pPeerBatch *batch)
{
  int status = count_peers (self);

  for (guint i = 0; status == SQLITE_OK && i < batch->forgotten->len; i++)
    {
      status = forget (self, g_ptr_array_index (batch->forgotten, i));
      self->n_peers -= sqlite3_changes (self->writer.database);
    }
  for (guint i = 0; status == SQLITE_OK && i < batch->entries->len; i++)
    status = write_entry (self, g_ptr_array_index (batch->entries, i), batch->now);
  return status == SQLITE_OK ? purge_outdated (self, batch->now) : status;
}

/* SQLite's own patience knows nothing of who waits. */
static int
wait_for_tool (void *data, int n_waits)
{
  Storage *self = data;
  gboolean hurried = self->batch == NULL || lp2p_peer_batch_is_hurried (self->batch);
  int timeout = hurried ? HURRIED_TIMEOUT_MS : WRITE_TIMEOUT_MS;

  if (n_waits >= timeout / WAIT_STEP_MS)
    return FALSE;
  sqlite3_sleep (WAIT_STEP_MS);
  return TRUE;
}

static int
commit (Storage *self, Lp2pPeerBatch *batch)
{
  int status;

  sqlite3_busy_handler (self->writer.database, wait_for_tool, self);
  status = sqlite3_exec (self->writer.database, "BEGIN IMMEDIATE", NULL, NULL, NULL);
  if (status == SQLITE_OK)
    status = write_all (self, batch);
  return status == SQLITE_OK ? sqlite3_exec (self->writer.database, "COMMIT", NULL, NULL, NULL) : status;
}

static gboolean
write_or_replace (Storage *self, Lp2pPeerBatch *batch, GError **error)
{
  int status;

  if (self->writer.database == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("%s is not open"), self->path);
      return FALSE;
    }
  status = commit (self, batch);
  if (status != SQLITE_OK)
    {
      if (!recover (self, status, error))
        return FALSE;
      status = commit (self, batch);
    }
  if (status != SQLITE_OK)
    {
      lp2p_peer_sqlite_set_error (self->writer.database, status, self->path, error);
      if (!sqlite3_get_autocommit (self->writer.database))
        sqlite3_exec (self->writer.database, "ROLLBACK", NULL, NULL, NULL);
      return FALSE;
    }
  /* What somebody wants forgotten shall not be found in the log either. */
  if (batch->forgotten->len > 0)
    sqlite3_wal_checkpoint_v2 (self->writer.database, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
  return TRUE;
}

static gboolean
storage_write (Lp2pPeerStorage *storage, Lp2pPeerBatch *batch, GError **error)
{
  Storage *self = (Storage *) storage;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  gboolean ok;

  self->batch = batch;
  ok = write_or_replace (self, batch, error);
  self->batch = NULL;
  return ok;
}

static void
storage_free (Lp2pPeerStorage *storage)
{
  Storage *self = (Storage *) storage;

  lp2p_peer_session_close (&self->reader);
  lp2p_peer_session_close (&self->writer);
  if (self->lock >= 0)
    close (self->lock);
  g_mutex_clear (&self->mutex);
  g_bytes_unref (self->own_id);
  g_free (self->path);
  g_free (self);
}

static const Lp2pPeerStorageClass storage_class = {
  .load = storage_load,
  .write = storage_write,
  .free = storage_free,
};

Lp2pPeerStorage *
lp2p_peer_storage_sqlite_new (const char *path, Lp2pPeerId *own_id, GError **error)
{
  Storage *self = g_new0 (Storage, 1);

  self->parent.klass = &storage_class;
  self->path = g_strdup (path);
  self->own_id = g_bytes_ref (lp2p_peer_id_get_bytes (own_id));
  self->n_peers = -1;
  self->max_peers = MAX_STORED_PEERS;
  self->max_bytes = MAX_STORED_BYTES;
  g_mutex_init (&self->mutex);
  self->lock = lp2p_peer_sqlite_lock (path, error);
  if (self->lock >= 0 && open_writer (self, error) && open_reader (self, error))
    return &self->parent;
  storage_free (&self->parent);
  return NULL;
}

void
lp2p_peer_storage_sqlite_set_bounds (Lp2pPeerStorage *storage, gint64 max_peers, gint64 max_bytes)
{
  ((Storage *) storage)->max_peers = max_peers;
  ((Storage *) storage)->max_bytes = max_bytes;
}
