/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

/**
 * Lp2pVectorCursor: (skip)
 * @vectors: the vector that comes next
 * @n_vectors: how many are left
 * @offset: what was taken of the next one
 *
 * A place in an array of vectors, of which frames are made.
 */
typedef struct
{
  const GOutputVector *vectors;
  guint n_vectors;
  gsize offset;
} Lp2pVectorCursor;

LP2P_AVAILABLE_IN_1_0
guint lp2p_vector_cursor_take (Lp2pVectorCursor *self, gsize max, GOutputVector *out, guint n_out, gsize *size);

G_END_DECLS
