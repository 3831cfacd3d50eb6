/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files below a folder, reached from it name by name, so that no symbolic link on
 * the way leads elsewhere. GLib knows only whole paths; the calls of POSIX that take
 * a folder stay in here and in the files that build on it. */

#include <gio/gio.h>

#include <sys/stat.h>

G_BEGIN_DECLS

typedef struct _SendFolder SendFolder;

SendFolder *send_folder_new (const char *path, gboolean follow, GError **error);
void send_folder_free (SendFolder *self);
int send_folder_get_fd (SendFolder *self);
void send_folder_close_off (SendFolder *self, int fd);

int send_folder_reach (
    SendFolder *self, const char *path, gboolean make, const char **name, GError **error);
int send_folder_open_file (SendFolder *self, const char *path, GError **error);
int send_folder_open_folder (SendFolder *self, const char *path, gboolean make, GError **error);

int send_open_folder_at (int parent, const char *name, gboolean follow, gboolean make);
gboolean send_set_errno (GError **error, const char *what, int code);
gint64 send_stat_get_mtime (const struct stat *status);
void send_close (int *fd);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SendFolder, send_folder_free)

G_END_DECLS
