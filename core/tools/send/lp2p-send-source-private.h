/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A file that is read chunk by chunk, one ahead: one that is sent, or one that is there
 * already. */

#include "tools/send/lp2p-send-hash-private.h"

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _SendSource SendSource;

SendSource *send_source_new (int fd, guint64 size);
void send_source_free (SendSource *self);
guint64 send_source_get_offset (SendSource *self);
gssize send_source_read (SendSource *self, GBytes **chunk, SendHash *hash, GError **error);
void send_source_rewind (SendSource *self);
SendHash send_source_get_hash (SendSource *self);
gboolean send_source_check (SendSource *self, gint64 mtime, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SendSource, send_source_free)

G_END_DECLS
