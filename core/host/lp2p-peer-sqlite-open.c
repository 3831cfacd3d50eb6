/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "host/lp2p-peer-sqlite-private.h"
#include "types/lp2p-i18n-private.h"

/* "lp2p", which tells our files from those of other programs. */
#define APPLICATION_ID 0x6c703270
/* No row of ours is larger than this by far; a damaged one shall not ask for more. */
#define MAX_ROW_SIZE (1024 * 1024)
/* SQLite takes a single byte for an empty database. */
#define HEADER_SIZE 100
/* Bytes that the log is cut to when it was larger, after a checkpoint. */
#define MAX_LOG_SIZE "1048576"

/* How the file came to be what it is: step N brings version N - 1 to N. What is
 * published never changes; a change of the tables is one more step. Times are
 * wall-clock microseconds. */
static const char *const steps[] = {
  "CREATE TABLE peers ("
  "  id INTEGER PRIMARY KEY, peer BLOB NOT NULL UNIQUE, public_key BLOB, protocols TEXT,"
  "  agent_version TEXT, protocol_version TEXT, record BLOB, expires INTEGER NOT NULL);"
  "CREATE INDEX peers_expires ON peers (expires);"
  "CREATE TABLE addresses ("
  "  peer INTEGER NOT NULL REFERENCES peers ON DELETE CASCADE, address BLOB NOT NULL,"
  "  source INTEGER NOT NULL, network TEXT NOT NULL, expires INTEGER NOT NULL,"
  "  PRIMARY KEY (peer, address)) WITHOUT ROWID;"
  "CREATE TABLE data ("
  "  peer INTEGER NOT NULL REFERENCES peers ON DELETE CASCADE, own BLOB NOT NULL,"
  "  plugin TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, expires INTEGER NOT NULL,"
  "  flags INTEGER NOT NULL, PRIMARY KEY (peer, own, plugin, key)) WITHOUT ROWID;"
  "CREATE INDEX data_expires ON data (expires);",
  "ALTER TABLE addresses ADD COLUMN last_success INTEGER NOT NULL DEFAULT 0;"
  "ALTER TABLE addresses ADD COLUMN last_failure INTEGER NOT NULL DEFAULT 0;",
  /* Whether it is more than a stranger: see lp2p_peer_entry_is_known(), with the numbers
   * of that time. */
  "ALTER TABLE peers ADD COLUMN known INTEGER NOT NULL DEFAULT 0;"
  "UPDATE peers SET known = 1 WHERE id IN (SELECT peer FROM addresses WHERE source >= 2);"
  "CREATE INDEX peers_known ON peers (known, expires);",
};

#define VERSION ((int) G_N_ELEMENTS (steps))

gboolean
lp2p_peer_sqlite_is_corrupt (int status)
{
  return (status & 0xff) == SQLITE_CORRUPT || (status & 0xff) == SQLITE_NOTADB;
}

static GIOErrorEnum
get_code (int status)
{
  switch (status & 0xff)
    {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return G_IO_ERROR_INVALID_DATA;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return G_IO_ERROR_BUSY;
    case SQLITE_FULL:
      return G_IO_ERROR_NO_SPACE;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return G_IO_ERROR_PERMISSION_DENIED;
    default:
      return G_IO_ERROR_FAILED;
    }
}

void
lp2p_peer_sqlite_set_error (sqlite3 *database, int status, const char *what, GError **error)
{
  if ((status & 0xff) == SQLITE_BUSY)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY, _("%s: another process uses it"), what);
  else
    g_set_error (error, G_IO_ERROR, get_code (status), "%s: %s", what,
                 database != NULL ? sqlite3_errmsg (database) : sqlite3_errstr (status));
}

static gboolean
run (sqlite3 *database, const char *sql, GError **error)
{
  int status = sqlite3_exec (database, sql, NULL, NULL, NULL);

  if (status == SQLITE_OK)
    return TRUE;
  lp2p_peer_sqlite_set_error (database, status, sqlite3_db_filename (database, "main"), error);
  return FALSE;
}

static gboolean
get_number (sqlite3 *database, const char *sql, int *number, GError **error)
{
  sqlite3_stmt *statement = NULL;
  int status = sqlite3_prepare_v2 (database, sql, -1, &statement, NULL);

  if (status == SQLITE_OK)
    status = sqlite3_step (statement);
  if (status == SQLITE_ROW)
    *number = sqlite3_column_int (statement, 0);
  else
    lp2p_peer_sqlite_set_error (database, status, sqlite3_db_filename (database, "main"), error);
  sqlite3_finalize (statement);
  return status == SQLITE_ROW;
}

/* Whether the file may be used, and which version it has; 0 when it is new. */
static gboolean
check_owner (sqlite3 *database, const char *path, int *version, GError **error)
{
  int application, n_objects;

  if (!get_number (database, "PRAGMA application_id", &application, error) ||
      !get_number (database, "PRAGMA user_version", version, error) ||
      !get_number (database, "SELECT count(*) FROM sqlite_schema", &n_objects, error))
    return FALSE;
  if (application == 0 && *version == 0 && n_objects == 0)
    return TRUE;
  if (application != APPLICATION_ID || *version < 1)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, _("%s is a database of another program"), path);
      return FALSE;
    }
  if (*version > VERSION)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   _("%s is of version %d, which a newer lp2p made; this one knows up to %d"), path, *version, VERSION);
      return FALSE;
    }
  return TRUE;
}

static gboolean
migrate (sqlite3 *database, int version, GError **error)
{
  for (int i = version; i < VERSION; i++)
    {
      g_autofree char *sql =
          g_strdup_printf ("%s PRAGMA application_id = %d; PRAGMA user_version = %d;", steps[i], APPLICATION_ID, i + 1);

      if (!run (database, sql, error))
        return FALSE;
    }
  return TRUE;
}

/* Nobody else has the file, see lp2p_peer_sqlite_lock(), but somebody may look into it
 * with a tool of SQLite. */
static const char setup[] =
    "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON;"
    "PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; BEGIN EXCLUSIVE;";
static const char reader_setup[] = "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA query_only = ON;";

/* A write-ahead log: a commit appends to it, and a process that is killed leaves
 * either all or nothing of a transaction. With synchronous = NORMAL a commit does not
 * wait for the disk, only the checkpoint does that follows a thousand pages, some forty
 * full batches; a crash of the whole machine may cost the last seconds, never the file. */
static const char finish[] =
    "COMMIT; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = " MAX_LOG_SIZE ";";

static gboolean
prepare_file (sqlite3 *database, const char *path, GError **error)
{
  int version;

  return run (database, setup, error) && check_owner (database, path, &version, error) &&
         migrate (database, version, error) && run (database, finish, error);
}

static gboolean
check_kind (const struct stat *info, const char *path, GError **error)
{
  if (S_ISREG (info->st_mode))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE, _("%s is not a file"), path);
  return FALSE;
}

/* SQLite would make it readable for others. An existing file is only looked at, for
 * closing a descriptor of it would release locks that this process has on it. */
static gboolean
make_private (const char *path, GError **error)
{
  struct stat info;
  int saved;
  int fd = g_open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

  if (fd >= 0)
    {
      close (fd);
      return TRUE;
    }
  saved = errno;
  if (saved != EEXIST || stat (path, &info) < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved), _("Cannot make %s: %s"), path, g_strerror (saved));
      return FALSE;
    }
  if (!check_kind (&info, path, error))
    return FALSE;
  if (info.st_size > 0 && info.st_size < HEADER_SIZE)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, _("%s ends within its header"), path);
      return FALSE;
    }
  if ((info.st_mode & 077) != 0 && chmod (path, 0600) < 0)
    {
      saved = errno;
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved), _("Cannot keep others from reading %s: %s"), path,
                   g_strerror (saved));
      return FALSE;
    }
  return TRUE;
}

static sqlite3 *
open_connection (const char *path, GError **error)
{
  sqlite3 *database = NULL;
  int status = sqlite3_open_v2 (path, &database,
                                SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);

  if (status == SQLITE_OK)
    {
      sqlite3_limit (database, SQLITE_LIMIT_LENGTH, MAX_ROW_SIZE);
      return database;
    }
  lp2p_peer_sqlite_set_error (database, status, path, error);
  sqlite3_close (database);
  return NULL;
}

static sqlite3 *
open_once (const char *path, GError **error)
{
  sqlite3 *database = make_private (path, error) ? open_connection (path, error) : NULL;

  if (database != NULL && !prepare_file (database, path, error))
    g_clear_pointer (&database, sqlite3_close);
  return database;
}

sqlite3 *
lp2p_peer_sqlite_open_reader (const char *path, GError **error)
{
  sqlite3 *database = open_connection (path, error);

  if (database != NULL && !run (database, reader_setup, error))
    g_clear_pointer (&database, sqlite3_close);
  return database;
}

/* The file itself cannot be locked: SQLite has locks of its own on it, which end when
 * any descriptor of it is closed. */
int
lp2p_peer_sqlite_lock (const char *path, GError **error)
{
  g_autofree char *name = g_strconcat (path, "-lock", NULL);
  struct stat info;
  int fd, saved;

  if (stat (path, &info) == 0 && !check_kind (&info, path, error))
    return -1;
  fd = g_open (name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0 && flock (fd, LOCK_EX | LOCK_NB) == 0)
    return fd;
  saved = errno;
  if (fd >= 0)
    close (fd);
  if (saved == EWOULDBLOCK)
    lp2p_peer_sqlite_set_error (NULL, SQLITE_BUSY, path, error);
  else
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved), _("Cannot lock %s: %s"), name, g_strerror (saved));
  return -1;
}

/* The name tells when; a number follows where that happened before. */
static char *
find_aside_name (const char *path)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *date = g_date_time_format (now, "%Y%m%d-%H%M%S");
  char *name = g_strdup_printf ("%s.corrupt-%s", path, date);

  for (guint i = 2; g_file_test (name, G_FILE_TEST_EXISTS); i++)
    {
      g_free (name);
      name = g_strdup_printf ("%s.corrupt-%s-%u", path, date, i);
    }
  return name;
}

/* Returns what to warn of; NULL when it fails. */
static char *
set_aside (const char *path, const char *reason, GError **error)
{
  static const char *const companions[] = { "-wal", "-shm", "-journal" };
  g_autofree char *aside = find_aside_name (path);
  int saved;

  if (g_rename (path, aside) < 0)
    {
      saved = errno;
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved),
                   _("%s is damaged (%s) and cannot be renamed: %s"), path, reason, g_strerror (saved));
      return NULL;
    }
  /* A log that stayed would be taken for that of the new file. */
  for (guint i = 0; i < G_N_ELEMENTS (companions); i++)
    {
      g_autofree char *from = g_strconcat (path, companions[i], NULL);
      g_autofree char *to = g_strconcat (aside, companions[i], NULL);

      if (g_rename (from, to) < 0 && errno != ENOENT)
        g_unlink (from);
    }
  return g_strdup_printf ("The peer store is damaged (%s); it is kept as %s, and a new one begun", reason, aside);
}

sqlite3 *
lp2p_peer_sqlite_replace (const char *path, const char *reason, char **warning, GError **error)
{
  *warning = set_aside (path, reason, error);
  return *warning != NULL ? open_once (path, error) : NULL;
}

sqlite3 *
lp2p_peer_sqlite_open (const char *path, GError **error)
{
  GError *reason = NULL;
  g_autofree char *warning = NULL;
  sqlite3 *database = open_once (path, &reason);

  if (database != NULL)
    return database;
  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_INVALID_DATA))
    database = lp2p_peer_sqlite_replace (path, reason->message, &warning, error);
  else
    g_propagate_error (error, g_steal_pointer (&reason));
  if (warning != NULL)
    g_warning ("%s", warning);
  g_clear_error (&reason);
  return database;
}
