/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A file that is being received. */

#include "tools/send/lp2p-receive-store-private.h"

G_BEGIN_DECLS

typedef struct _ReceivePartial ReceivePartial;

/* Asked between two chunks; FALSE ends it. */
typedef gboolean (*ReceiveTurn) (gpointer user_data, GError **error);

char *receive_partial_make_key (const char *path);
gboolean receive_partial_verify (ReceiveStore *store,
                                 const ReceiveItem *item,
                                 ReceiveTurn turn,
                                 gpointer user_data,
                                 guint64 *offset,
                                 SendHash *hash,
                                 GError **error);
void receive_partial_remove (ReceiveStore *store, const ReceiveItem *item);

ReceivePartial *
receive_partial_new (ReceiveStore *store, const ReceiveItem *item, guint64 offset, GError **error);
void receive_partial_free (ReceivePartial *self);
gboolean receive_partial_has_room (ReceivePartial *self);
gboolean receive_partial_is_idle (ReceivePartial *self);
void receive_partial_flush (ReceivePartial *self);
gboolean receive_partial_begin_chunk (ReceivePartial *self,
                                      const Lp2p__Send__Chunk *chunk,
                                      GError **error);
GBytes *receive_partial_get_place (ReceivePartial *self);
gboolean
receive_partial_write (ReceivePartial *self, const guint8 *data, gsize size, GError **error);
gboolean receive_partial_is_good (const ReceivePartial *self, GError **error);
gboolean receive_partial_check (ReceivePartial *self, const Lp2p__Send__End *end, GError **error);
int receive_partial_steal_fd (ReceivePartial *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ReceivePartial, receive_partial_free)

G_END_DECLS
