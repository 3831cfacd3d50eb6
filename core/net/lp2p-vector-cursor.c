/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/net/lp2p-vector-cursor.h>

/**
 * lp2p_vector_cursor_take: (skip)
 * @self: a place in an array
 * @max: the most bytes to take
 * @out: (out caller-allocates) (array length=n_out): what was taken
 * @n_out: the most vectors to fill
 * @size: (out): the bytes that were taken
 *
 * Takes the bytes of the next frame, without copying them.
 *
 * Returns: how many vectors were filled
 */
guint
lp2p_vector_cursor_take (Lp2pVectorCursor *self, gsize max, GOutputVector *out, guint n_out, gsize *size)
{
  guint n = 0;

  *size = 0;
  while (n < n_out && self->n_vectors > 0 && *size < max)
    {
      gsize left = self->vectors->size - self->offset;
      gsize take = MIN (left, max - *size);

      if (take > 0)
        {
          out[n].buffer = (const guint8 *) self->vectors->buffer + self->offset;
          out[n++].size = take;
        }
      *size += take;
      self->offset += take;
      if (take == left)
        {
          self->vectors++;
          self->n_vectors--;
          self->offset = 0;
        }
    }
  return n;
}
