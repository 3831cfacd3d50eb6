/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The target folder of a receiver. What is not complete is in a folder of its own in
 * there, .lp2p-receive: for each file its bytes, and for one of several chunks its
 * journal. What is complete is synced to the disk and then moved to its place. */

#include "tools/send/lp2p-send-folder-private.h"
#include "tools/send/lp2p-send-report-private.h"
#include "tools/send/lp2p-send-wire-private.h"

G_BEGIN_DECLS

/* An entry that was taken.
 * @offset: from where on it was asked for
 * @key: its name in the state folder */
typedef struct
{
  guint64 number;
  Lp2p__Send__Kind kind;
  char *path;
  guint64 size;
  guint32 mode;
  gint64 mtime;
  char *target;
  guint64 offset;
  gboolean comparing;
  char *key;
} ReceiveItem;

void receive_item_free (ReceiveItem *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ReceiveItem, receive_item_free)

typedef struct _ReceiveStore ReceiveStore;

ReceiveStore *
receive_store_new (const char *path, gboolean overwrite, SendReport *report, GError **error);
void receive_store_free (ReceiveStore *self);
SendFolder *receive_store_get_folder (ReceiveStore *self);
const char *receive_store_get_path (ReceiveStore *self);
int receive_store_get_state_fd (ReceiveStore *self);
gboolean receive_store_get_overwrite (ReceiveStore *self);
Lp2pIdentity *receive_store_load_identity (ReceiveStore *self, GError **error);
void receive_store_clean (ReceiveStore *self);

/* Completion, in the order in which it was asked for. */
#define RECEIVE_MAX_PENDING 64

void receive_store_complete_file (ReceiveStore *self, ReceiveItem *item, int fd);
void receive_store_complete_rest (ReceiveStore *self, ReceiveItem *item);
guint receive_store_get_pending (ReceiveStore *self);
gboolean receive_store_sync (ReceiveStore *self, GError **error);
gboolean receive_store_is_pending (ReceiveStore *self, const ReceiveItem *item);

/* Only for the file that completes. */
typedef struct _ReceiveQueue ReceiveQueue;
ReceiveQueue *receive_queue_new (ReceiveStore *store, SendReport *report);
void receive_queue_free (ReceiveQueue *self);
ReceiveQueue *receive_store_get_queue (ReceiveStore *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ReceiveStore, receive_store_free)

G_END_DECLS
