/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-log.h>

#include "host/lp2p-peer-sqlite-private.h"
#include "host/lp2p-peer-storage-private.h"
#include "types/lp2p-i18n-private.h"

/* The peer store on disk. */

/* For how long a peer is remembered that nothing holds of any more. */
#define RETENTION_US (30 * G_TIME_SPAN_DAY)
/* Hundred megabytes at the usual size; those go first of which nothing holds soonest. */
#define MAX_STORED_PEERS 200000
/* How many outdated rows one write removes beside what it has to do. */
#define PURGE_BATCH 64

typedef enum
{
  LOAD_PEER,
  LOAD_ADDRESSES,
  LOAD_DATA,
  FORGET_PEER,
  SAVE_PEER,
  CLEAR_ADDRESSES,
  SAVE_ADDRESS,
  CLEAR_DATA,
  SAVE_DATA,
  PURGE_DATA,
  PURGE_PEERS,
  COUNT_PEERS,
  N_QUERIES,
} Query;

static const char *const queries[N_QUERIES] = {
  [LOAD_PEER] = "SELECT id, public_key, protocols, agent_version, protocol_version, record FROM peers WHERE peer = ?",
  [LOAD_ADDRESSES] = "SELECT address, source, network, expires, last_success, last_failure FROM addresses"
                     " WHERE peer = ? AND expires > ? LIMIT ?",
  [LOAD_DATA] = "SELECT plugin, key, value, expires, flags FROM data"
                " WHERE peer = ? AND own = ? AND expires > ? LIMIT ?",
  [FORGET_PEER] = "DELETE FROM peers WHERE peer = ?",
  [SAVE_PEER] = "INSERT INTO peers (peer, public_key, protocols, agent_version, protocol_version, record, expires)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (peer) DO UPDATE SET public_key = ?2,"
                " protocols = ?3, agent_version = ?4, protocol_version = ?5, record = ?6, expires = ?7"
                " RETURNING id",
  [CLEAR_ADDRESSES] = "DELETE FROM addresses WHERE peer = ?",
  [SAVE_ADDRESS] = "INSERT INTO addresses (peer, address, source, network, expires, last_success, last_failure)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?)",
  [CLEAR_DATA] = "DELETE FROM data WHERE peer = ? AND own = ?",
  [SAVE_DATA] = "INSERT INTO data (peer, own, plugin, key, value, expires, flags) VALUES (?, ?, ?, ?, ?, ?, ?)",
  [PURGE_DATA] = "DELETE FROM data WHERE (peer, own, plugin, key) IN"
                 " (SELECT peer, own, plugin, key FROM data WHERE expires <= ? LIMIT ?)",
  [PURGE_PEERS] = "DELETE FROM peers WHERE id IN"
                  " (SELECT id FROM peers WHERE expires <= ? ORDER BY expires LIMIT ?)",
  [COUNT_PEERS] = "SELECT count(*) FROM peers",
};

typedef struct
{
  Lp2pPeerStorage parent;

  char *path;
  GBytes *own_id;
  sqlite3 *database;
  sqlite3_stmt *statements[N_QUERIES];
  /* -1 while nobody has counted. */
  gint64 n_peers;
} Storage;

/* Statements */

typedef struct
{
  sqlite3_stmt *statement;
  int next;
} Bind;

static Bind
begin_query (Storage *self, Query query)
{
  sqlite3_reset (self->statements[query]);
  return (Bind){ self->statements[query], 1 };
}

static void
bind_number (Bind *bind, gint64 number)
{
  sqlite3_bind_int64 (bind->statement, bind->next++, number);
}

static void
bind_text (Bind *bind, const char *text)
{
  sqlite3_bind_text (bind->statement, bind->next++, text, -1, SQLITE_STATIC);
}

static void
bind_bytes (Bind *bind, GBytes *bytes)
{
  gsize size = 0;
  gconstpointer data = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;

  if (bytes != NULL && size == 0)
    sqlite3_bind_zeroblob (bind->statement, bind->next++, 0);
  else
    sqlite3_bind_blob (bind->statement, bind->next++, data, (int) size, SQLITE_STATIC);
}

/* Runs what yields no rows that matter; nothing stays bound. */
static int
finish_query (Bind *bind)
{
  int status = sqlite3_step (bind->statement);

  sqlite3_reset (bind->statement);
  sqlite3_clear_bindings (bind->statement);
  return status == SQLITE_DONE || status == SQLITE_ROW ? SQLITE_OK : status;
}

static int
finish_number (Bind *bind, gint64 *number)
{
  int status = sqlite3_step (bind->statement);

  if (status == SQLITE_ROW)
    {
      *number = sqlite3_column_int64 (bind->statement, 0);
      status = sqlite3_step (bind->statement);
    }
  sqlite3_reset (bind->statement);
  sqlite3_clear_bindings (bind->statement);
  return status == SQLITE_DONE ? SQLITE_OK : status;
}

/* Opening */

static void
close_database (Storage *self)
{
  for (guint i = 0; i < N_QUERIES; i++)
    g_clear_pointer (&self->statements[i], sqlite3_finalize);
  g_clear_pointer (&self->database, sqlite3_close);
}

/* Tables that are not as the version says were changed by somebody else. */
static int
prepare (Storage *self, const char **problem)
{
  for (guint i = 0; i < N_QUERIES; i++)
    {
      int status = sqlite3_prepare_v3 (self->database, queries[i], -1, SQLITE_PREPARE_PERSISTENT,
                                       &self->statements[i], NULL);

      if (status != SQLITE_OK)
        {
          *problem = sqlite3_errmsg (self->database);
          return status == SQLITE_ERROR ? SQLITE_CORRUPT : status;
        }
    }
  return SQLITE_OK;
}

static gboolean
replace_database (Storage *self, const char *problem, GError **error)
{
  g_autofree char *reason = g_strdup (problem);
  const char *again = NULL;

  close_database (self);
  self->n_peers = -1;
  self->database = lp2p_peer_sqlite_replace (self->path, reason, error);
  if (self->database == NULL)
    return FALSE;
  if (prepare (self, &again) == SQLITE_OK)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", self->path, again);
  close_database (self);
  return FALSE;
}

static gboolean
open_database (Storage *self, GError **error)
{
  const char *problem = NULL;
  int status;

  self->database = lp2p_peer_sqlite_open (self->path, error);
  if (self->database == NULL)
    return FALSE;
  status = prepare (self, &problem);
  if (status == SQLITE_OK)
    return TRUE;
  if (lp2p_peer_sqlite_is_corrupt (status))
    return replace_database (self, problem, error);
  lp2p_peer_sqlite_set_error (self->database, status, self->path, error);
  return FALSE;
}

/* Whether to try again: a file that turned out to be damaged is replaced. */
static gboolean
recover (Storage *self, int status, GError **error)
{
  if (!sqlite3_get_autocommit (self->database))
    sqlite3_exec (self->database, "ROLLBACK", NULL, NULL, NULL);
  self->n_peers = -1;
  if (lp2p_peer_sqlite_is_corrupt (status))
    return replace_database (self, sqlite3_errstr (status), error);
  lp2p_peer_sqlite_set_error (NULL, status, self->path, error);
  return FALSE;
}

static gboolean
check_open (Storage *self, GError **error)
{
  if (self->database != NULL)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("%s is not open"), self->path);
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
  Bind bind = begin_query (self, LOAD_PEER);
  int status;

  bind_bytes (&bind, lp2p_peer_id_get_bytes (entry->id));
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
  Bind bind = begin_query (self, LOAD_ADDRESSES);
  int status;

  bind_number (&bind, id);
  bind_number (&bind, now);
  bind_number (&bind, LP2P_PEER_MAX_ADDRESSES);
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
  Bind bind = begin_query (self, LOAD_DATA);
  int status;

  bind_number (&bind, id);
  bind_bytes (&bind, self->own_id);
  bind_number (&bind, now);
  bind_number (&bind, LP2P_PEER_MAX_DATA);
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
  gint64 id = 0;
  int status;

  *found = FALSE;
  if (!check_open (self, error))
    return FALSE;
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
  return recover (self, status, error);
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
write_facts (Storage *self, Lp2pPeerEntry *entry, gint64 now, gint64 *id)
{
  Bind bind = begin_query (self, SAVE_PEER);
  g_autofree char *protocols = lp2p_peer_entry_join_protocols (entry);

  bind_bytes (&bind, lp2p_peer_id_get_bytes (entry->id));
  bind_bytes (&bind, entry->public_key != NULL ? lp2p_public_key_get_bytes (entry->public_key) : NULL);
  bind_text (&bind, protocols);
  bind_text (&bind, entry->agent_version);
  bind_text (&bind, entry->protocol_version);
  bind_bytes (&bind, entry->record);
  bind_number (&bind, get_expiry (entry, now));
  return finish_number (&bind, id);
}

static int
write_address (Storage *self, gint64 id, const Lp2pPeerAddress *address)
{
  Bind bind = begin_query (self, SAVE_ADDRESS);

  bind_number (&bind, id);
  bind_bytes (&bind, lp2p_multiaddr_get_bytes (address->address));
  bind_number (&bind, address->source);
  bind_text (&bind, address->network);
  bind_number (&bind, address->expires);
  bind_number (&bind, address->last_success);
  bind_number (&bind, address->last_failure);
  return finish_query (&bind);
}

static int
write_addresses (Storage *self, Lp2pPeerEntry *entry, gint64 id)
{
  Bind bind = begin_query (self, CLEAR_ADDRESSES);
  int status;

  bind_number (&bind, id);
  status = finish_query (&bind);
  for (guint i = 0; status == SQLITE_OK && entry->addresses != NULL && i < entry->addresses->len; i++)
    status = write_address (self, id, &g_array_index (entry->addresses, Lp2pPeerAddress, i));
  return status;
}

static int
write_datum (Storage *self, gint64 id, const Lp2pPeerData *data)
{
  Bind bind = begin_query (self, SAVE_DATA);

  bind_number (&bind, id);
  bind_bytes (&bind, self->own_id);
  bind_text (&bind, data->plugin);
  bind_text (&bind, data->key);
  bind_bytes (&bind, data->value);
  bind_number (&bind, data->expires);
  bind_number (&bind, data->flags);
  return finish_query (&bind);
}

static int
write_data (Storage *self, Lp2pPeerEntry *entry, gint64 id)
{
  Bind bind = begin_query (self, CLEAR_DATA);
  int status;

  bind_number (&bind, id);
  bind_bytes (&bind, self->own_id);
  status = finish_query (&bind);
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
  int status = write_facts (self, entry, now, &id);

  if (status == SQLITE_OK && (entry->dirty & LP2P_PEER_DIRTY_ADDRESSES) != 0)
    status = write_addresses (self, entry, id);
  if (status == SQLITE_OK && (entry->dirty & LP2P_PEER_DIRTY_DATA) != 0)
    status = write_data (self, entry, id);
  return status;
}

static int
forget (Storage *self, Lp2pPeerId *peer)
{
  Bind bind = begin_query (self, FORGET_PEER);

  bind_bytes (&bind, lp2p_peer_id_get_bytes (peer));
  return finish_query (&bind);
}

static int
purge (Storage *self, Query query, gint64 expires, gint64 limit)
{
  Bind bind = begin_query (self, query);

  bind_number (&bind, expires);
  bind_number (&bind, limit);
  return finish_query (&bind);
}

/* Keeps the file from growing for ever. */
static int
purge_outdated (Storage *self, gint64 now)
{
  int status = purge (self, PURGE_DATA, now, PURGE_BATCH);

  if (status == SQLITE_OK)
    status = purge (self, PURGE_PEERS, now, PURGE_BATCH);
  if (status == SQLITE_OK)
    self->n_peers -= sqlite3_changes (self->database);
  if (status == SQLITE_OK && self->n_peers > MAX_STORED_PEERS)
    {
      status = purge (self, PURGE_PEERS, G_MAXINT64, self->n_peers - MAX_STORED_PEERS);
      self->n_peers -= sqlite3_changes (self->database);
    }
  return status;
}

static int
count_peers (Storage *self)
{
  Bind bind;

  if (self->n_peers >= 0)
    return SQLITE_OK;
  bind = begin_query (self, COUNT_PEERS);
  return finish_number (&bind, &self->n_peers);
}

static int
write_all (Storage *self, GPtrArray *forgotten, GPtrArray *entries, gint64 now)
{
  int status = count_peers (self);

  for (guint i = 0; status == SQLITE_OK && i < forgotten->len; i++)
    {
      status = forget (self, g_ptr_array_index (forgotten, i));
      self->n_peers -= sqlite3_changes (self->database);
    }
  for (guint i = 0; status == SQLITE_OK && i < entries->len; i++)
    {
      Lp2pPeerEntry *entry = g_ptr_array_index (entries, i);

      status = write_entry (self, entry, now);
      self->n_peers += !entry->stored;
    }
  return status == SQLITE_OK ? purge_outdated (self, now) : status;
}

static int
commit (Storage *self, GPtrArray *forgotten, GPtrArray *entries, gint64 now)
{
  int status = sqlite3_exec (self->database, "BEGIN", NULL, NULL, NULL);

  if (status == SQLITE_OK)
    status = write_all (self, forgotten, entries, now);
  return status == SQLITE_OK ? sqlite3_exec (self->database, "COMMIT", NULL, NULL, NULL) : status;
}

static gboolean
storage_write (Lp2pPeerStorage *storage, GPtrArray *forgotten, GPtrArray *entries, gint64 now, GError **error)
{
  Storage *self = (Storage *) storage;
  int status;

  if (!check_open (self, error))
    return FALSE;
  status = commit (self, forgotten, entries, now);
  if (status != SQLITE_OK)
    {
      if (!recover (self, status, error))
        return FALSE;
      /* A new file has nothing of them yet. */
      for (guint i = 0; i < entries->len; i++)
        ((Lp2pPeerEntry *) g_ptr_array_index (entries, i))->dirty = LP2P_PEER_DIRTY_ALL;
      status = commit (self, forgotten, entries, now);
    }
  if (status != SQLITE_OK)
    {
      lp2p_peer_sqlite_set_error (self->database, status, self->path, error);
      if (!sqlite3_get_autocommit (self->database))
        sqlite3_exec (self->database, "ROLLBACK", NULL, NULL, NULL);
      return FALSE;
    }
  for (guint i = 0; i < entries->len; i++)
    ((Lp2pPeerEntry *) g_ptr_array_index (entries, i))->stored = TRUE;
  /* What somebody wants forgotten shall not be found in the log either. */
  if (forgotten->len > 0)
    sqlite3_wal_checkpoint_v2 (self->database, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
  return TRUE;
}

static void
storage_free (Lp2pPeerStorage *storage)
{
  Storage *self = (Storage *) storage;

  close_database (self);
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
  if (open_database (self, error))
    return &self->parent;
  storage_free (&self->parent);
  return NULL;
}
