/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-layer.h>

G_BEGIN_DECLS

/**
 * Lp2pHeld: (skip)
 * @data: memory, whose bytes from @start to @end are held
 * @start: the first of them
 * @end: behind the last
 * @size: of the memory
 * @lender: (nullable): whose scratch memory @data is; %NULL if it is its own
 *
 * Bytes that a layer holds between two calls: in scratch memory of the loop within a
 * wake-up, in memory of their own beyond it. All zeros hold nothing.
 */
typedef struct
{
  guint8 *data;
  gsize start;
  gsize end;
  gsize size;
  Lp2pLoop *lender;
} Lp2pHeld;

static inline gsize
lp2p_held_get_size (const Lp2pHeld *self)
{
  return self->end - self->start;
}

/* Returns: (nullable): where they are, NULL where there are none */
static inline const guint8 *
lp2p_held_get_data (const Lp2pHeld *self)
{
  return self->data != NULL ? self->data + self->start : NULL;
}

LP2P_AVAILABLE_IN_1_0
guint8 *lp2p_held_borrow (Lp2pHeld *self, Lp2pLoop *loop);
LP2P_AVAILABLE_IN_1_0
void lp2p_held_set_size (Lp2pHeld *self, gsize size);
LP2P_AVAILABLE_IN_1_0
gsize lp2p_held_append (
    Lp2pHeld *self, const GOutputVector *vectors, guint n_vectors, gsize skip, gsize limit);
LP2P_AVAILABLE_IN_1_0
gsize lp2p_held_take (Lp2pHeld *self, const GInputVector *vectors, guint n_vectors);
LP2P_AVAILABLE_IN_1_0
void lp2p_held_drop (Lp2pHeld *self, gsize size);
LP2P_AVAILABLE_IN_1_0
void lp2p_held_park (Lp2pHeld *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_held_clear (Lp2pHeld *self);

LP2P_AVAILABLE_IN_1_0
gsize lp2p_input_vectors_get_size (const GInputVector *vectors, guint n_vectors);

G_END_DECLS
