/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-send-folder-private.h"

#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define OPEN_FOLDER (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* @device, @inode: of the folder that nothing leads into; 0 for none
 * @last, @last_fd: the folder that was reached last: most files have the one of the
 * file before. */
struct _SendFolder
{
  int fd;
  gboolean follow;
  dev_t device;
  ino_t inode;
  char *last;
  int last_fd;
};

gboolean
send_set_errno (GError **error, const char *what, int code)
{
  const char *why = code == ELOOP ? N_("a symbolic link is in the way") : strerrordesc_np (code);

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s%s%s", what != NULL ? what : "",
               what != NULL ? ": " : "", why != NULL ? why : "?");
  return FALSE;
}

gint64
send_stat_get_mtime (const struct stat *status)
{
  return status->st_mtim.tv_sec * G_GINT64_CONSTANT (1000000000) + status->st_mtim.tv_nsec;
}

void
send_close (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

/* @follow tells whether symbolic links below it are followed. */
SendFolder *
send_folder_new (const char *path, gboolean follow, GError **error)
{
  int fd = open (path, OPEN_FOLDER);
  SendFolder *self;

  if (fd < 0)
    {
      send_set_errno (error, path, errno);
      return NULL;
    }
  self = g_new0 (SendFolder, 1);
  self->fd = fd;
  self->follow = follow;
  self->last_fd = -1;
  return self;
}

void
send_folder_free (SendFolder *self)
{
  send_close (&self->last_fd);
  send_close (&self->fd);
  g_free (self->last);
  g_free (self);
}

int
send_folder_get_fd (SendFolder *self)
{
  return self->fd;
}

/* Has no path lead into a folder, by whatever other name the file system knows it. */
void
send_folder_close_off (SendFolder *self, int fd)
{
  struct stat status;

  if (fstat (fd, &status) != 0)
    return;
  self->device = status.st_dev;
  self->inode = status.st_ino;
}

static gboolean
is_closed_off (SendFolder *self, int fd)
{
  struct stat status;

  return self->inode != 0 && fstat (fd, &status) == 0 && status.st_dev == self->device &&
         status.st_ino == self->inode;
}

/* To open(), a symbolic link that is not followed is ENOTDIR, as a file is; here it is
 * ELOOP. */
int
send_open_folder_at (int parent, const char *name, gboolean follow, gboolean make)
{
  int flags = OPEN_FOLDER | (follow ? 0 : O_NOFOLLOW);
  int fd = openat (parent, name, flags);
  struct stat status;

  if (fd < 0 && errno == ENOENT && make && (mkdirat (parent, name, 0777) == 0 || errno == EEXIST))
    fd = openat (parent, name, flags);
  if (fd < 0 && errno == ENOTDIR && fstatat (parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
    errno = S_ISLNK (status.st_mode) ? ELOOP : ENOTDIR;
  return fd;
}

/* Opens the folder with the first @size bytes of a path; the caller closes it. */
static int
walk (SendFolder *self, const char *path, gsize size, gboolean make, GError **error)
{
  g_autofree char *whole = g_strndup (path, size);
  g_auto (GStrv) names = g_strsplit (whole, "/", -1);
  int fd = fcntl (self->fd, F_DUPFD_CLOEXEC, 0);

  for (gsize i = 0; names[i] != NULL && fd >= 0; i++)
    {
      int next = send_open_folder_at (fd, names[i], self->follow, make);
      int code = errno;

      close (fd);
      fd = next;
      errno = code;
      if (fd >= 0 && is_closed_off (self, fd))
        {
          close (fd);
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                               N_("the path leads into the folder where the receiver keeps its state"));
          return -1;
        }
    }
  if (fd < 0)
    send_set_errno (error, NULL, errno);
  return fd;
}

/**
 * send_folder_reach:
 * @self: a folder
 * @path: a path below it
 * @make: whether to make folders that are missing
 * @name: (out): the last name of the path
 * @error: return location for an error
 *
 * Opens the folder that a path is in.
 *
 * Returns: its descriptor, which stays the folder's and is valid until the next
 *   call; or -1
 */
int
send_folder_reach (
    SendFolder *self, const char *path, gboolean make, const char **name, GError **error)
{
  const char *slash = strrchr (path, '/');
  gsize size = slash != NULL ? (gsize) (slash - path) : 0;

  *name = slash != NULL ? slash + 1 : path;
  if (slash == NULL)
    return self->fd;
  if (self->last_fd >= 0 && strlen (self->last) == size && memcmp (self->last, path, size) == 0)
    return self->last_fd;
  send_close (&self->last_fd);
  self->last_fd = walk (self, path, size, make, error);
  g_free (self->last);
  self->last = g_strndup (path, size);
  return self->last_fd;
}

/* Opens a file to read it; what is none is an error. The caller closes it. */
int
send_folder_open_file (SendFolder *self, const char *path, GError **error)
{
  const char *name;
  int parent = send_folder_reach (self, path, FALSE, &name, error);
  int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (self->follow ? 0 : O_NOFOLLOW);
  struct stat status;
  int fd;

  if (parent < 0)
    return -1;
  fd = openat (parent, name, flags);
  if (fd < 0)
    {
      send_set_errno (error, NULL, errno);
      return -1;
    }
  if (fstat (fd, &status) == 0 && S_ISREG (status.st_mode))
    return fd;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE, N_("it is no file any more"));
  close (fd);
  return -1;
}

/* Opens a folder; the caller closes it. */
int
send_folder_open_folder (SendFolder *self, const char *path, gboolean make, GError **error)
{
  return walk (self, path, strlen (path), make, error);
}
