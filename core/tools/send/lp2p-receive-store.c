/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-receive-store-private.h"

#include "tools/send/lp2p-send-path-private.h"
#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define IDENTITY "identity"

/* So often the state folder may vanish between its opening and its lock. */
#define MAX_TRIES 10

struct _ReceiveStore
{
  char *path;
  SendFolder *folder;
  int state_fd;
  gboolean overwrite;
  ReceiveQueue *queue;
};

void
receive_item_free (ReceiveItem *self)
{
  g_free (self->path);
  g_free (self->target);
  g_free (self->key);
  g_free (self);
}

static void
set_busy (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                       N_("another lp2p receive works in the target folder"));
}

/* What is in it is believed, so it has to be ours; two receivers at once would
 * destroy each other's work. */
static gboolean
check_state (int fd, GError **error)
{
  struct stat status;

  if (fstat (fd, &status) != 0)
    return send_set_errno (error, SEND_STATE_FOLDER, errno);
  if (status.st_uid != geteuid () || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                           N_(".lp2p-receive in the target folder is another user's, or others may write to it"));
      return FALSE;
    }
  if (flock (fd, LOCK_EX | LOCK_NB) == 0)
    return TRUE;
  if (errno != EWOULDBLOCK)
    return send_set_errno (error, SEND_STATE_FOLDER, errno);
  set_busy (error);
  return FALSE;
}

static int
open_state_once (int folder, const char *path, GError **error)
{
  g_autofree char *state = g_build_filename (path, SEND_STATE_FOLDER, NULL);
  int fd;

  if (mkdirat (folder, SEND_STATE_FOLDER, 0700) != 0 && errno != EEXIST)
    {
      send_set_errno (error, path, errno);
      return -1;
    }
  fd = send_open_folder_at (folder, SEND_STATE_FOLDER, FALSE, FALSE);
  if (fd < 0)
    send_set_errno (error, state, errno);
  else if (!check_state (fd, error))
    send_close (&fd);
  return fd;
}

/* Whether the folder still has its name: whoever had it locked before may have removed it. */
static gboolean
is_in_place (int folder, int fd)
{
  struct stat opened, named;

  return fstat (fd, &opened) == 0 && fstatat (folder, SEND_STATE_FOLDER, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

static int
open_state (int folder, const char *path, GError **error)
{
  for (guint i = 0; i < MAX_TRIES; i++)
    {
      int fd = open_state_once (folder, path, error);

      if (fd < 0 || is_in_place (folder, fd))
        return fd;
      send_close (&fd);
    }
  set_busy (error);
  return -1;
}

/**
 * receive_store_new:
 * @path: the target folder, which is made if it is missing
 * @overwrite: whether files that are there may be replaced
 * @report: who tells the user what was stored
 * @error: return location for an error
 *
 * Prepares a folder for files to come.
 *
 * Returns: (transfer full): the store
 */
ReceiveStore *
receive_store_new (const char *path, gboolean overwrite, SendReport *report, GError **error)
{
  g_autoptr (ReceiveStore) self = g_new0 (ReceiveStore, 1);

  self->path = g_strdup (path);
  self->state_fd = -1;
  self->overwrite = overwrite;
  self->queue = receive_queue_new (self, report);
  if (g_mkdir_with_parents (path, 0777) != 0)
    {
      send_set_errno (error, path, errno);
      return NULL;
    }
  self->folder = send_folder_new (path, FALSE, error);
  if (self->folder == NULL)
    return NULL;
  self->state_fd = open_state (send_folder_get_fd (self->folder), path, error);
  if (self->state_fd < 0)
    return NULL;
  send_folder_close_off (self->folder, self->state_fd);
  return g_steal_pointer (&self);
}

/* An empty state folder goes, too, while it is still locked; never that of another receiver,
 * which is empty as long as that one waits. */
void
receive_store_free (ReceiveStore *self)
{
  receive_queue_free (self->queue);
  if (self->state_fd >= 0)
    unlinkat (send_folder_get_fd (self->folder), SEND_STATE_FOLDER, AT_REMOVEDIR);
  send_close (&self->state_fd);
  g_clear_pointer (&self->folder, send_folder_free);
  g_free (self->path);
  g_free (self);
}

SendFolder *
receive_store_get_folder (ReceiveStore *self)
{
  return self->folder;
}

const char *
receive_store_get_path (ReceiveStore *self)
{
  return self->path;
}

int
receive_store_get_state_fd (ReceiveStore *self)
{
  return self->state_fd;
}

gboolean
receive_store_get_overwrite (ReceiveStore *self)
{
  return self->overwrite;
}

ReceiveQueue *
receive_store_get_queue (ReceiveStore *self)
{
  return self->queue;
}

/* The folder was made for its owner alone. Where it has another mode, the file system knows
 * none, or somebody wants it so: then others may read the identity as they may read what
 * comes. */
static Lp2pIdentityFileFlags
get_identity_flags (int state_fd)
{
  struct stat status;

  return fstat (state_fd, &status) == 0 && (status.st_mode & 077) != 0 ? LP2P_IDENTITY_FILE_ALLOW_SHARED
                                                                      : LP2P_IDENTITY_FILE_NONE;
}

/**
 * receive_store_load_identity:
 * @self: a store
 * @error: return location for an error
 *
 * Loads the identity of the transfer, or makes it: the code of a ticket belongs to
 * the first peer that shows it, and who takes up the transfer has to be that peer.
 *
 * Returns: (transfer full): the identity
 */
Lp2pIdentity *
receive_store_load_identity (ReceiveStore *self, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d/" IDENTITY, self->state_fd);
  g_autoptr (GError) missing = NULL;
  g_autoptr (Lp2pIdentity) identity =
      lp2p_identity_load_file (path, get_identity_flags (self->state_fd), &missing);

  if (identity != NULL)
    return g_steal_pointer (&identity);
  /* One that cannot be read is not replaced: the sender would take us for somebody else. */
  if (!g_error_matches (missing, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    {
      g_propagate_error (error, g_steal_pointer (&missing));
      return NULL;
    }
  identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, error);
  if (identity == NULL ||
      !lp2p_identity_save_file (identity, path, LP2P_IDENTITY_FILE_REPLACE, error))
    return NULL;
  return g_steal_pointer (&identity);
}

/* What nothing can go on from: bytes without a journal, and the identity, as nobody has
 * to come back as the same peer. */
static gboolean
is_useless (ReceiveStore *self, const char *name)
{
  g_autofree char *journal = g_strconcat (name, ".journal", NULL);

  return !g_str_has_suffix (name, ".journal") && faccessat (self->state_fd, journal, F_OK, 0) != 0;
}

/* The transfer is over. */
void
receive_store_clean (ReceiveStore *self)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", self->state_fd);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (is_useless (self, name))
      unlinkat (self->state_fd, name, 0);
}
