/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sqlite3.h>

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

/* Which failures the file itself is to blame for. */
gboolean lp2p_peer_sqlite_is_corrupt (int status);
void lp2p_peer_sqlite_set_error (sqlite3 *database, int status, const char *what, GError **error);

/* A connection to the file, for one thread at a time. */
typedef enum
{
  LP2P_PEER_QUERY_LOAD_PEER,
  LP2P_PEER_QUERY_LOAD_ADDRESSES,
  LP2P_PEER_QUERY_LOAD_DATA,
  LP2P_PEER_QUERY_FORGET_PEER,
  LP2P_PEER_QUERY_FIND_PEER,
  LP2P_PEER_QUERY_SAVE_PEER,
  LP2P_PEER_QUERY_MERGE_PEER,
  LP2P_PEER_QUERY_CLEAR_ADDRESSES,
  LP2P_PEER_QUERY_SAVE_ADDRESS,
  LP2P_PEER_QUERY_CLEAR_DATA,
  LP2P_PEER_QUERY_SAVE_DATA,
  LP2P_PEER_QUERY_PURGE_DATA,
  LP2P_PEER_QUERY_PURGE_PEERS,
  LP2P_PEER_QUERY_PURGE_ROOM,
  LP2P_PEER_QUERY_COUNT_PEERS,
  LP2P_PEER_QUERY_COUNT_BYTES,
  LP2P_PEER_N_QUERIES,
} Lp2pPeerQuery;

typedef struct
{
  sqlite3 *database;
  sqlite3_stmt *statements[LP2P_PEER_N_QUERIES];
} Lp2pPeerSession;

/* A statement, and which parameter comes next. */
typedef struct
{
  sqlite3_stmt *statement;
  int next;
} Lp2pPeerBind;

/* Tables that are not as the version says were changed by somebody else. */
int lp2p_peer_session_prepare (Lp2pPeerSession *self, const char **problem);
void lp2p_peer_session_close (Lp2pPeerSession *self);
Lp2pPeerBind lp2p_peer_session_begin (Lp2pPeerSession *self, Lp2pPeerQuery query);
void lp2p_peer_bind_number (Lp2pPeerBind *bind, gint64 number);
void lp2p_peer_bind_text (Lp2pPeerBind *bind, const char *text);
/* @bytes may be NULL. */
void lp2p_peer_bind_bytes (Lp2pPeerBind *bind, GBytes *bytes);
/* Runs what yields no rows that matter; nothing stays bound. */
int lp2p_peer_bind_finish (Lp2pPeerBind *bind);
int lp2p_peer_bind_finish_number (Lp2pPeerBind *bind, gint64 *number);

/* Keeps other processes, and other stores of this one, from the file; it is given up by
 * closing the descriptor, or with the process. Negative when somebody else has it. */
int lp2p_peer_sqlite_lock (const char *path, GError **error);
/* Opens the file and brings it to the version of today; one that is damaged is
 * renamed, with a warning, and a new one made. Fails when the file is in use, another
 * program's, a newer version's, or cannot be written. */
sqlite3 *lp2p_peer_sqlite_open (const char *path, GError **error);
/* Opens the file once more, only to read it. */
sqlite3 *lp2p_peer_sqlite_open_reader (const char *path, GError **error);
/* Sets a damaged file aside, which must be closed, and makes a new one. @warning tells of
 * that, also when only the second fails; else it is NULL. */
sqlite3 *lp2p_peer_sqlite_replace (const char *path, const char *reason, char **warning, GError **error);

G_END_DECLS
