/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

typedef struct _Lp2pByteChunk Lp2pByteChunk;

/**
 * Lp2pByteQueue: (skip)
 * @size: bytes in it
 * @memory: bytes of memory held for them
 *
 * Bytes that wait for a reader. It holds no memory while it is empty, and never
 * more than about twice what is in it. All zeros are an empty queue.
 */
typedef struct
{
  /*< private >*/
  Lp2pByteChunk *head;
  Lp2pByteChunk *tail;
  /*< public >*/
  gsize size;
  gsize memory;
} Lp2pByteQueue;

LP2P_AVAILABLE_IN_1_0
void lp2p_byte_queue_push (Lp2pByteQueue *self, const guint8 *data, gsize size);
LP2P_AVAILABLE_IN_1_0
gsize lp2p_byte_queue_read (Lp2pByteQueue *self, const GInputVector *vectors, guint n_vectors);
LP2P_AVAILABLE_IN_1_0
void lp2p_byte_queue_clear (Lp2pByteQueue *self);

G_END_DECLS
