/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-send-walk-private.h"

#include "tools/send/lp2p-send-path-private.h"
#include "types/lp2p-i18n-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A folder that is being read. Its entry comes behind all that is in it, so that its
 * time and mode can be set for good when it is received. */
typedef struct
{
  DIR *dir;
  gsize path_size; /* of the path of the walk */
  dev_t device;
  ino_t inode;
  SendItem *item;
} Level;

struct _SendWalk
{
  GPtrArray *roots;
  guint next_root;
  const SendRoot *root;
  SendLinks links;
  SendSkipped skipped;
  gpointer user_data;
  GString *path; /* as it is sent */
  GPtrArray *levels;
};

/* Roots */

static void
root_free (SendRoot *self)
{
  g_clear_pointer (&self->folder, send_folder_free);
  g_free (self->path);
  g_free (self->name);
  g_free (self);
}

/* A symbolic link that is named is followed: it is what the user asked for. */
static SendRoot *
root_new (const char *argument, SendLinks links, GError **error)
{
  g_autofree char *plain = g_canonicalize_filename (argument, NULL);
  g_autofree char *real = realpath (argument, NULL);
  g_autofree char *parent = NULL;
  SendRoot *self;

  if (real == NULL)
    {
      send_set_errno (error, argument, errno);
      return NULL;
    }
  if (g_str_equal (real, "/") || g_str_equal (plain, "/"))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_FILENAME,
                   _("%s: it has no name under which it could be sent"), argument);
      return NULL;
    }
  parent = g_path_get_dirname (real);
  self = g_new0 (SendRoot, 1);
  self->folder = send_folder_new (parent, links == SEND_LINKS_FOLLOW, error);
  self->path = g_path_get_basename (real);
  self->name = g_path_get_basename (plain);
  if (self->folder == NULL)
    g_clear_pointer (&self, root_free);
  return self;
}

/**
 * send_roots_new:
 * @paths: what the user named
 * @links: what is done with symbolic links
 * @error: return location for an error
 *
 * Returns: (element-type SendRoot): the things to send; no two with the same name
 */
GPtrArray *
send_roots_new (char **paths, SendLinks links, GError **error)
{
  g_autoptr (GPtrArray) roots = g_ptr_array_new_with_free_func ((GDestroyNotify) root_free);
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);

  if (g_strv_length (paths) > SEND_MAX_NAMES)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _("more than %d files and folders are named: name the folder that they are in"), SEND_MAX_NAMES);
      return NULL;
    }
  for (gsize i = 0; paths[i] != NULL; i++)
    {
      SendRoot *root = root_new (paths[i], links, error);

      if (root == NULL)
        return NULL;
      g_ptr_array_add (roots, root);
      if (g_hash_table_add (names, root->name))
        continue;
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                   _("two of the files and folders are called %s: they would be one at the receiver"),
                   root->name);
      return NULL;
    }
  return g_steal_pointer (&roots);
}

/* Items */

void
send_item_free (SendItem *self)
{
  g_free (self->path);
  g_free (self->target);
  g_free (self);
}

/* The path in the folder of the root. */
char *
send_item_dup_local_path (const SendItem *self)
{
  return g_strconcat (self->root->path, self->path + strlen (self->root->name), NULL);
}

/* Walking */

static void
level_free (Level *self)
{
  g_clear_pointer (&self->dir, closedir);
  g_clear_pointer (&self->item, send_item_free);
  g_free (self);
}

/**
 * send_walk_new:
 * @roots: the things to send
 * @links: what to do with symbolic links
 * @skipped: (nullable): told of what is left out
 * @user_data: passed on
 *
 * Starts a walk over all that is to be sent.
 *
 * Returns: (transfer full): the walk
 */
SendWalk *
send_walk_new (GPtrArray *roots, SendLinks links, SendSkipped skipped, gpointer user_data)
{
  SendWalk *self = g_new0 (SendWalk, 1);

  self->roots = g_ptr_array_ref (roots);
  self->links = links;
  self->skipped = skipped;
  self->user_data = user_data;
  self->path = g_string_new (NULL);
  self->levels = g_ptr_array_new_with_free_func ((GDestroyNotify) level_free);
  return self;
}

void
send_walk_free (SendWalk *self)
{
  g_ptr_array_unref (self->levels);
  g_ptr_array_unref (self->roots);
  g_string_free (self->path, TRUE);
  g_free (self);
}

static void
skip (SendWalk *self, gboolean failed, const char *why)
{
  if (self->skipped != NULL)
    self->skipped (self->path->str, why, failed, self->user_data);
}

static SendItem *
make_item (SendWalk *self, Lp2p__Send__Kind kind, const struct stat *status)
{
  SendItem *item = g_new0 (SendItem, 1);

  item->root = self->root;
  item->path = g_strdup (self->path->str);
  item->kind = kind;
  item->size = kind == LP2P__SEND__KIND__FILE ? (guint64) status->st_size : 0;
  item->mode = status->st_mode & 0777;
  item->mtime = send_stat_get_mtime (status);
  return item;
}

/* With links that are followed a folder may be in itself. */
static gboolean
is_inside_itself (SendWalk *self, const struct stat *status)
{
  for (guint i = 0; i < self->levels->len; i++)
    {
      const Level *level = g_ptr_array_index (self->levels, i);

      if (level->device == status->st_dev && level->inode == status->st_ino)
        return TRUE;
    }
  return FALSE;
}

static void
enter_folder (SendWalk *self, int parent, const char *name, const struct stat *status)
{
  int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC |
              (self->links == SEND_LINKS_FOLLOW ? 0 : O_NOFOLLOW);
  Level *level;
  DIR *dir;
  int fd;

  if (self->levels->len >= SEND_MAX_DEPTH - 1)
    {
      skip (self, TRUE, _("it is more than 255 folders deep"));
      return;
    }
  if (is_inside_itself (self, status))
    {
      skip (self, TRUE, _("a symbolic link leads back to a folder that it is in"));
      return;
    }
  fd = openat (parent, name, flags);
  dir = fd >= 0 ? fdopendir (fd) : NULL;
  if (dir == NULL)
    {
      skip (self, TRUE, g_strerror (errno));
      send_close (&fd);
      return;
    }
  level = g_new0 (Level, 1);
  level->dir = dir;
  level->path_size = self->path->len;
  level->device = status->st_dev;
  level->inode = status->st_ino;
  level->item = make_item (self, LP2P__SEND__KIND__FOLDER, status);
  g_ptr_array_add (self->levels, level);
}

static SendItem *
make_link (SendWalk *self, int parent, const char *name, const struct stat *status)
{
  char target[SEND_MAX_TARGET + 1];
  gssize n = readlinkat (parent, name, target, sizeof target);
  SendItem *item;

  if (n < 0 || (gsize) n == sizeof target)
    {
      skip (self, TRUE, n < 0 ? g_strerror (errno) : _("its target is longer than 4095 bytes"));
      return NULL;
    }
  item = make_item (self, LP2P__SEND__KIND__LINK, status);
  item->target = g_strndup (target, (gsize) n);
  return item;
}

/* The path of the walk is that of the entry. A folder is entered, what is left out is
 * told of; else it is an item. */
static SendItem *
visit (SendWalk *self, int parent, const char *name)
{
  int flags = self->links == SEND_LINKS_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW;
  struct stat status;

  if (fstatat (parent, name, &status, flags) != 0)
    {
      skip (self, TRUE, g_strerror (errno));
      return NULL;
    }
  if (self->path->len > SEND_MAX_PATH)
    {
      skip (self, TRUE, _("its path is longer than 4095 bytes"));
      return NULL;
    }
  if (S_ISREG (status.st_mode))
    return make_item (self, LP2P__SEND__KIND__FILE, &status);
  if (S_ISDIR (status.st_mode))
    enter_folder (self, parent, name, &status);
  else if (S_ISLNK (status.st_mode) && self->links == SEND_LINKS_KEEP)
    return make_link (self, parent, name, &status);
  else if (S_ISLNK (status.st_mode))
    skip (self, FALSE, _("a symbolic link; --follow sends what it leads to, --links the link"));
  else
    skip (self, FALSE, _("neither a file nor a folder"));
  return NULL;
}

/* Reads on in the innermost folder. At its end, the folder itself is the item. */
static SendItem *
read_folder (SendWalk *self)
{
  Level *level = g_ptr_array_index (self->levels, self->levels->len - 1);
  struct dirent *entry;
  SendItem *item;

  g_string_truncate (self->path, level->path_size);
  errno = 0;
  entry = readdir (level->dir);
  if (entry == NULL)
    {
      if (errno != 0)
        skip (self, TRUE, g_strerror (errno));
      item = g_steal_pointer (&level->item);
      g_ptr_array_set_size (self->levels, (int) self->levels->len - 1);
      return item;
    }
  if (g_str_equal (entry->d_name, ".") || g_str_equal (entry->d_name, ".."))
    return NULL;
  g_string_append_printf (self->path, "/%s", entry->d_name);
  /* What another transfer into this folder has not completed is nobody else's. */
  if (g_str_equal (entry->d_name, SEND_STATE_FOLDER))
    return NULL;
  return visit (self, dirfd (level->dir), entry->d_name);
}

static SendItem *
start_root (SendWalk *self)
{
  self->root = g_ptr_array_index (self->roots, self->next_root++);
  g_string_assign (self->path, self->root->name);
  return visit (self, send_folder_get_fd (self->root->folder), self->root->path);
}

/**
 * send_walk_next:
 * @self: a walk
 *
 * Returns: (transfer full) (nullable): the next thing to send, %NULL at the end
 */
SendItem *
send_walk_next (SendWalk *self)
{
  SendItem *item = NULL;

  while (item == NULL && (self->levels->len > 0 || self->next_root < self->roots->len))
    item = self->levels->len > 0 ? read_folder (self) : start_root (self);
  return item;
}
