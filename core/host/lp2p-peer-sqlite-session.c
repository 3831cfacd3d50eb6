/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-peer-sqlite-private.h"

static const char *const queries[LP2P_PEER_N_QUERIES] = {
  [LP2P_PEER_QUERY_LOAD_PEER] = "SELECT id, public_key, protocols, agent_version, protocol_version, record FROM peers WHERE peer = ?",
  [LP2P_PEER_QUERY_LOAD_ADDRESSES] = "SELECT address, source, network, expires, last_success, last_failure FROM addresses"
                     " WHERE peer = ? AND expires > ? LIMIT ?",
  [LP2P_PEER_QUERY_LOAD_DATA] = "SELECT plugin, key, value, expires, flags FROM data"
                " WHERE peer = ? AND own = ? AND expires > ? LIMIT ?",
  [LP2P_PEER_QUERY_FORGET_PEER] = "DELETE FROM peers WHERE peer = ?",
  [LP2P_PEER_QUERY_FIND_PEER] = "SELECT id FROM peers WHERE peer = ?",
  [LP2P_PEER_QUERY_SAVE_PEER] = "INSERT INTO peers (peer, public_key, protocols, agent_version, protocol_version, record, expires,"
                " known)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (peer) DO UPDATE SET public_key = ?2,"
                " protocols = ?3, agent_version = ?4, protocol_version = ?5, record = ?6, expires = ?7, known = ?8"
                " RETURNING id",
  [LP2P_PEER_QUERY_MERGE_PEER] = "UPDATE peers SET public_key = coalesce (?2, public_key), protocols = coalesce (?3, protocols),"
                " agent_version = coalesce (?4, agent_version), protocol_version = coalesce (?5, protocol_version),"
                " record = coalesce (?6, record), expires = max (?7, expires),"
                " known = max (?8, known) WHERE peer = ?1 RETURNING id",
  [LP2P_PEER_QUERY_CLEAR_ADDRESSES] = "DELETE FROM addresses WHERE peer = ?",
  [LP2P_PEER_QUERY_SAVE_ADDRESS] = "INSERT INTO addresses (peer, address, source, network, expires, last_success, last_failure)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (peer, address) DO UPDATE SET source = excluded.source,"
                   " network = excluded.network, expires = excluded.expires, last_success = excluded.last_success,"
                   " last_failure = excluded.last_failure WHERE excluded.source >= source",
  [LP2P_PEER_QUERY_CLEAR_DATA] = "DELETE FROM data WHERE peer = ? AND own = ?",
  [LP2P_PEER_QUERY_SAVE_DATA] = "INSERT OR REPLACE INTO data (peer, own, plugin, key, value, expires, flags) VALUES (?, ?, ?, ?, ?, ?, ?)",
  [LP2P_PEER_QUERY_PURGE_DATA] = "DELETE FROM data WHERE (peer, own, plugin, key) IN"
                 " (SELECT peer, own, plugin, key FROM data WHERE expires <= ? LIMIT ?)",
  [LP2P_PEER_QUERY_PURGE_PEERS] = "DELETE FROM peers WHERE id IN"
                  " (SELECT id FROM peers WHERE expires <= ? ORDER BY expires LIMIT ?)",
  [LP2P_PEER_QUERY_PURGE_ROOM] = "DELETE FROM peers WHERE id IN"
                  " (SELECT id FROM peers ORDER BY known, expires LIMIT ?)",
  [LP2P_PEER_QUERY_COUNT_PEERS] = "SELECT count(*) FROM peers",
  [LP2P_PEER_QUERY_COUNT_BYTES] = "SELECT (page_count - freelist_count) * page_size"
                  " FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
};

void
lp2p_peer_session_close (Lp2pPeerSession *self)
{
  for (guint i = 0; i < LP2P_PEER_N_QUERIES; i++)
    g_clear_pointer (&self->statements[i], sqlite3_finalize);
  g_clear_pointer (&self->database, sqlite3_close);
}

int
lp2p_peer_session_prepare (Lp2pPeerSession *self, const char **problem)
{
  for (guint i = 0; i < LP2P_PEER_N_QUERIES; i++)
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

Lp2pPeerBind
lp2p_peer_session_begin (Lp2pPeerSession *self, Lp2pPeerQuery query)
{
  sqlite3_reset (self->statements[query]);
  return (Lp2pPeerBind){ self->statements[query], 1 };
}

void
lp2p_peer_bind_number (Lp2pPeerBind *bind, gint64 number)
{
  sqlite3_bind_int64 (bind->statement, bind->next++, number);
}

void
lp2p_peer_bind_text (Lp2pPeerBind *bind, const char *text)
{
  sqlite3_bind_text (bind->statement, bind->next++, text, -1, SQLITE_STATIC);
}

void
lp2p_peer_bind_bytes (Lp2pPeerBind *bind, GBytes *bytes)
{
  gsize size = 0;
  gconstpointer data = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;

  if (bytes != NULL && size == 0)
    sqlite3_bind_zeroblob (bind->statement, bind->next++, 0);
  else
    sqlite3_bind_blob (bind->statement, bind->next++, data, (int) size, SQLITE_STATIC);
}

int
lp2p_peer_bind_finish (Lp2pPeerBind *bind)
{
  int status = sqlite3_step (bind->statement);

  sqlite3_reset (bind->statement);
  sqlite3_clear_bindings (bind->statement);
  return status == SQLITE_DONE || status == SQLITE_ROW ? SQLITE_OK : status;
}

int
lp2p_peer_bind_finish_number (Lp2pPeerBind *bind, gint64 *number)
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
