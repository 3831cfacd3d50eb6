/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/net/lp2p-held.h>

#include <string.h>

/* The smallest memory that grows; most of what is held back are a few frames. */
#define MIN_SIZE 1024

/* Memory of more than this the allocator would return to the kernel and take
 * again each time, which costs more than all else on the way of the bytes. */
#define KEEP_SCRATCH (LP2P_SCRATCH_SIZE / 8)

/**
 * lp2p_held_clear: (skip)
 * @self: what is held
 *
 * Drops the bytes, and the memory.
 */
void
lp2p_held_clear (Lp2pHeld *self)
{
  if (self->lender != NULL)
    lp2p_loop_give_scratch (self->lender, self->data);
  else
    g_free (self->data);
  memset (self, 0, sizeof *self);
}

/**
 * lp2p_held_borrow: (skip)
 * @self: nothing that is held
 * @loop: whose scratch memory
 *
 * Takes scratch memory to be filled; lp2p_held_set_size() then says how much came.
 *
 * Returns: (transfer none): memory of %LP2P_SCRATCH_SIZE bytes
 */
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

/**
 * lp2p_held_set_size: (skip)
 * @self: memory that was borrowed
 * @size: how many bytes were put into it
 *
 * Says how much is held.
 */
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

/**
 * lp2p_held_append: (skip)
 * @self: what is held, not in scratch memory
 * @vectors: (array length=n_vectors): bytes
 * @n_vectors: the number of vectors
 * @skip: how many of the bytes to pass over
 * @limit: how many to take at the most
 *
 * Copies bytes behind those that are held.
 *
 * Returns: how many
 */
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

/**
 * lp2p_held_take: (skip)
 * @self: what is held
 * @vectors: (array length=n_vectors): where the bytes go
 * @n_vectors: the number of vectors
 *
 * Moves what is held to the vectors.
 *
 * Returns: how many bytes that were
 */
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

/**
 * lp2p_held_drop: (skip)
 * @self: what is held
 * @size: how many bytes to drop, of the first
 *
 * Drops bytes. Scratch memory stays, for what follows in this wake-up.
 */
void
lp2p_held_drop (Lp2pHeld *self, gsize size)
{
  g_return_if_fail (size <= lp2p_held_get_size (self));

  self->start += size;
  if (self->start == self->end && self->lender == NULL)
    lp2p_held_clear (self);
}

/**
 * lp2p_held_park: (skip)
 * @self: what is held
 *
 * Ends a wake-up: scratch memory is given back, its bytes move; but for many
 * bytes, whose reader goes on in a moment.
 */
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

/**
 * lp2p_input_vectors_get_size: (skip)
 * @vectors: (array length=n_vectors): vectors
 * @n_vectors: how many
 *
 * Returns: for how many bytes they have place together
 */
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
