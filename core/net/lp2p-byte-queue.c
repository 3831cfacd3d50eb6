/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/net/lp2p-byte-queue.h>

#include <lp2p/types/lp2p-cursor.h>

/* Small frames are gathered up to this size, larger ones get a chunk of their
 * own, so that nothing is copied twice. */
#define GATHER_MAX (16 * 1024)

struct _Lp2pByteChunk
{
  Lp2pByteChunk *next;
  gsize start;
  gsize end;
  gsize capacity;
  guint8 data[];
};

static gsize
tail_room (const Lp2pByteQueue *self)
{
  return self->tail != NULL ? self->tail->capacity - self->tail->end : 0;
}

/* A first chunk has exactly the size of what comes. Those behind it are as large
 * as what waits already: a peer that sends single bytes to a reader who is busy
 * costs few allocations and at most twice the memory. */
static gsize
chunk_capacity (const Lp2pByteQueue *self, gsize size)
{
  return MAX (size, MIN (self->size, GATHER_MAX));
}

static void
add_chunk (Lp2pByteQueue *self, gsize capacity)
{
  Lp2pByteChunk *chunk = g_malloc (sizeof *chunk + capacity);

  chunk->next = NULL;
  chunk->start = 0;
  chunk->end = 0;
  chunk->capacity = capacity;
  if (self->tail != NULL)
    self->tail->next = chunk;
  else
    self->head = chunk;
  self->tail = chunk;
  self->memory += sizeof *chunk + capacity;
}

static void
drop_head (Lp2pByteQueue *self)
{
  Lp2pByteChunk *chunk = self->head;

  self->head = chunk->next;
  if (self->head == NULL)
    self->tail = NULL;
  self->memory -= sizeof *chunk + chunk->capacity;
  g_free (chunk);
}

/**
 * lp2p_byte_queue_push: (skip)
 * @self: a queue
 * @data: (array length=size): bytes
 * @size: how many
 *
 * Copies bytes to the end. Who lets a peer fill a queue checks first that it may.
 */
void
lp2p_byte_queue_push (Lp2pByteQueue *self, const guint8 *data, gsize size)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);

  while (lp2p_cursor_left (&cursor) > 0)
    {
      gsize left = lp2p_cursor_left (&cursor);
      gsize n;

      if (tail_room (self) == 0)
        add_chunk (self, chunk_capacity (self, left));
      n = MIN (left, tail_room (self));
      lp2p_cursor_copy (&cursor, self->tail->data + self->tail->end, n);
      self->tail->end += n;
      self->size += n;
    }
}

static gsize
read_into (Lp2pByteQueue *self, guint8 *buffer, gsize size)
{
  gsize done = 0;

  while (done < size && self->head != NULL)
    {
      Lp2pByteChunk *chunk = self->head;
      Lp2pCursor cursor = LP2P_CURSOR_INIT (chunk->data + chunk->start, chunk->end - chunk->start);
      gsize n = MIN (size - done, lp2p_cursor_left (&cursor));

      lp2p_cursor_copy (&cursor, buffer + done, n);
      chunk->start += n;
      done += n;
      if (chunk->start == chunk->end)
        drop_head (self);
    }
  self->size -= done;
  return done;
}

/**
 * lp2p_byte_queue_read: (skip)
 * @self: a queue
 * @vectors: (array length=n_vectors): where to move bytes
 * @n_vectors: how many vectors
 *
 * Moves the first bytes out.
 *
 * Returns: how many
 */
gsize
lp2p_byte_queue_read (Lp2pByteQueue *self, const GInputVector *vectors, guint n_vectors)
{
  gsize done = 0;

  for (guint i = 0; i < n_vectors && self->size > 0; i++)
    done += read_into (self, vectors[i].buffer, vectors[i].size);
  return done;
}

/**
 * lp2p_byte_queue_clear: (skip)
 * @self: a queue
 *
 * Drops all that is in it.
 */
void
lp2p_byte_queue_clear (Lp2pByteQueue *self)
{
  while (self->head != NULL)
    drop_head (self);
  self->size = 0;
}
