/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sqlite3.h>

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

/* Which failures the file itself is to blame for. */
gboolean lp2p_peer_sqlite_is_corrupt (int status);
void lp2p_peer_sqlite_set_error (sqlite3 *database, int status, const char *what, GError **error);

/* Opens the file and brings it to the version of today; one that is damaged is
 * renamed, with a warning, and a new one made. Fails when the file is in use, another
 * program's, a newer version's, or cannot be written. */
sqlite3 *lp2p_peer_sqlite_open (const char *path, GError **error);
/* Sets a damaged file aside, which must be closed, and makes a new one. */
sqlite3 *lp2p_peer_sqlite_replace (const char *path, const char *reason, GError **error);

G_END_DECLS
