/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-held-private.h"

#include <string.h>

/* The smallest memory that grows; most of what is held back are a few frames. */
#define MIN_SIZE 1024

/* Memory of more than this the allocator would return to the kernel and take
 * again each time, which costs more than all else on the way of the bytes. */
#define KEEP_SCRATCH (LP2P_SCRATCH_SIZE / 8)

void
lp2p_held_clear (Lp2pHeld *self)
{
  if (self->lender != NULL)
    lp2p_loop_give_scratch (self->lender, self->data);
  else
    g_free (self->data);
  memset (self, 0, sizeof *self);
}

/* Scratch memory to be filled, of LP2P_SCRATCH_SIZE bytes, when nothing is
 * held; lp2p_held_set_size() then says how much came. */
guint8 *
lp2p_held_borrow (Lp2pHeld *self, Lp2pLoop *loop)
{
  g_return_val_if_fail (lp2p_held_get_size (self) == 0, NULL);

  if (self->lender == NULL)
    {
      lp2p_held_clear (self);
      self->data = lp2p_loop_take_scratch (loop);
      self->size = LP2P_SCRATCH_SIZE;
      self->lender = loop;
    }
  self->start = self->end = 0;
  return self->data;
}

void
lp2p_held_set_size (Lp2pHeld *self, gsize size)
{
  g_return_if_fail (size <= self->size);
  self->start = 0;
  self->end = size;
}

/* Makes place for @more bytes behind those that are held. */
static void
reserve (Lp2pHeld *self, gsize more)
{
  gsize held = lp2p_held_get_size (self);
  gsize size = MAX (self->size, MIN_SIZE);

  if (self->data != NULL && self->end + more <= self->size)
    return;
  if (self->start > 0)
    {
      memmove (self->data, self->data + self->start, held);
      self->start = 0;
      self->end = held;
    }
  while (size < held + more)
    size *= 2;
  if (size != self->size)
    {
      self->data = g_realloc (self->data, size);
      self->size = size;
    }
}

/* Copies up to @limit bytes, beginning at @skip, into memory of our own. */
gsize
lp2p_held_append (
    Lp2pHeld *self, const GOutputVector *vectors, guint n_vectors, gsize skip, gsize limit)
{
  gsize appended = 0;

  g_return_val_if_fail (self->lender == NULL, 0);

  if (limit == 0)
    return 0;
  reserve (self, limit);
  for (guint i = 0; i < n_vectors && appended < limit; i++)
    {
      gsize offset = MIN (skip, vectors[i].size);
      gsize size = MIN (vectors[i].size - offset, limit - appended);

      skip -= offset;
      if (size == 0)
        continue;
      memcpy (self->data + self->end, (const guint8 *) vectors[i].buffer + offset, size);
      self->end += size;
      appended += size;
    }
  return appended;
}

/* Moves what is held to the vectors. Returns how many bytes that were. */
gsize
lp2p_held_take (Lp2pHeld *self, const GInputVector *vectors, guint n_vectors)
{
  gsize taken = 0;

  for (guint i = 0; i < n_vectors && self->start < self->end; i++)
    {
      gsize size = MIN (vectors[i].size, self->end - self->start);

      if (size > 0)
        memcpy (vectors[i].buffer, self->data + self->start, size);
      self->start += size;
      taken += size;
    }
  if (self->start == self->end)
    lp2p_held_clear (self);
  return taken;
}

/* Scratch memory stays, for what follows in this wake-up. */
void
lp2p_held_drop (Lp2pHeld *self, gsize size)
{
  g_return_if_fail (size <= lp2p_held_get_size (self));

  self->start += size;
  if (self->start == self->end && self->lender == NULL)
    lp2p_held_clear (self);
}

/* Ends a wake-up: scratch memory is given back, its bytes move; but for many
 * bytes, whose reader goes on in a moment. */
void
lp2p_held_park (Lp2pHeld *self)
{
  gsize size = lp2p_held_get_size (self);
  guint8 *rest;

  if (self->lender == NULL || size > KEEP_SCRATCH)
    return;
  rest = size > 0 ? g_memdup2 (self->data + self->start, size) : NULL;
  lp2p_held_clear (self);
  self->data = rest;
  self->end = self->size = size;
}

gsize
lp2p_input_vectors_get_size (const GInputVector *vectors, guint n_vectors)
{
  gsize size = 0;

  for (guint i = 0; i < n_vectors; i++)
    size += vectors[i].size;
  return size;
}

/**
 * lp2p_output_vectors_get_size: (skip)
 * @vectors: (array length=n_vectors): vectors
 * @n_vectors: how many
 *
 * Returns: how many bytes they have together
 */
gsize
lp2p_output_vectors_get_size (const GOutputVector *vectors, guint n_vectors)
{
  gsize size = 0;

  for (guint i = 0; i < n_vectors; i++)
    size += vectors[i].size;
  return size;
}
