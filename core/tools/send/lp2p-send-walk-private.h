/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is to be sent: the named files and folders, and all that is in them, one after
 * the other, so that there may be any number. */

#include "tools/send/lp2p-send-folder-private.h"
#include "tools/send/lp2p-send-wire-private.h"

G_BEGIN_DECLS

typedef enum
{
  SEND_LINKS_SKIP,
  SEND_LINKS_FOLLOW,
  SEND_LINKS_KEEP,
} SendLinks;

/* One named file or folder.
 * @folder: the one that it is in
 * @path: its name there
 * @name: what it is sent as */
typedef struct
{
  SendFolder *folder;
  char *path;
  char *name;
} SendRoot;

/* One thing to send.
 * @path: how it is sent, which differs from where it is in the first name */
typedef struct
{
  const SendRoot *root;
  char *path;
  Lp2p__Send__Kind kind;
  guint64 size;
  guint32 mode;
  gint64 mtime;
  char *target;
} SendItem;

void send_item_free (SendItem *self);
char *send_item_dup_local_path (const SendItem *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SendItem, send_item_free)

/* What is left out, and why; @error is NULL for what is left out on purpose. */
typedef void (*SendSkipped) (const char *path,
                             const char *why,
                             gboolean failed,
                             gpointer user_data);

GPtrArray *send_roots_new (char **paths, SendLinks links, GError **error);

typedef struct _SendWalk SendWalk;

SendWalk *send_walk_new (GPtrArray *roots, SendLinks links, SendSkipped skipped, gpointer user_data);
void send_walk_free (SendWalk *self);
SendItem *send_walk_next (SendWalk *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SendWalk, send_walk_free)

G_END_DECLS
