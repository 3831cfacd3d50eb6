/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

typedef struct _Lp2pYamuxChunk Lp2pYamuxChunk;

/* Bytes that wait for a reader. Holds no memory while empty, and never more than
 * about twice what is in it.
 * @size: bytes in it
 * @memory: bytes of memory held for them */
typedef struct
{
  Lp2pYamuxChunk *head;
  Lp2pYamuxChunk *tail;
  gsize size;
  gsize memory;
} Lp2pYamuxQueue;

void lp2p_yamux_queue_push (Lp2pYamuxQueue *self, const guint8 *data, gsize size);
gsize lp2p_yamux_queue_read (Lp2pYamuxQueue *self, const GInputVector *vectors, guint n_vectors);
void lp2p_yamux_queue_clear (Lp2pYamuxQueue *self);

G_END_DECLS
