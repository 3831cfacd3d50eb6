/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-quic-send-buffer.h"

/* A chunk is as large as what it is made for, within these: a small message takes
 * little, and a large one few. */
#define MIN_CHUNK 1024
#define MAX_CHUNK (64 * 1024)

/* @offset: of its first byte in the stream
 * @capacity: no more than @size where the bytes are not its own
 * @loan: (nullable): what the bytes are part of, if they are not its own */
struct _Lp2pQuicChunk
{
  Lp2pQuicChunk *next;
  guint64 offset;
  gsize size;
  gsize capacity;
  GBytes *loan;
  const guint8 *data;
  guint8 own[];
};

static void
chunk_free (Lp2pQuicChunk *self)
{
  g_clear_pointer (&self->loan, g_bytes_unref);
  g_free (self);
}

static Lp2pQuicChunk *
add_chunk (Lp2pQuicSendBuffer *self, gsize capacity)
{
  Lp2pQuicChunk *chunk = g_malloc (sizeof *chunk + capacity);

  *chunk = (Lp2pQuicChunk){ .offset = self->end, .capacity = capacity, .data = chunk->own };
  if (self->tail != NULL)
    self->tail->next = chunk;
  else
    self->head = chunk;
  self->tail = chunk;
  if (self->next == NULL)
    self->next = chunk;
  return chunk;
}

void
lp2p_quic_send_buffer_lend (Lp2pQuicSendBuffer *self, GBytes *bytes)
{
  g_autoptr (GBytes) before = self->loan;

  self->loan = bytes != NULL ? g_bytes_ref (bytes) : NULL;
}

static gboolean
is_lent (const Lp2pQuicSendBuffer *self, const guint8 *data, gsize size)
{
  gsize lent;
  const guint8 *begin;

  if (self->loan == NULL)
    return FALSE;
  begin = g_bytes_get_data (self->loan, &lent);
  return size > 0 && data >= begin && data < begin + lent && size <= (gsize) (begin + lent - data);
}

/* Behind the last ones, where they are the next ones of the same loan. */
static void
append_lent (Lp2pQuicSendBuffer *self, const guint8 *data, gsize size)
{
  Lp2pQuicChunk *chunk = self->tail;

  if (chunk == NULL || chunk->loan != self->loan || data != chunk->data + chunk->size)
    {
      chunk = add_chunk (self, 0);
      chunk->loan = g_bytes_ref (self->loan);
      chunk->data = data;
    }
  chunk->size += size;
  chunk->capacity = chunk->size;
  self->end += size;
}

static void
append_copy (Lp2pQuicSendBuffer *self, const guint8 *data, gsize size, gsize left)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);

  while (lp2p_cursor_left (&cursor) > 0)
    {
      Lp2pQuicChunk *chunk = self->tail;
      gsize n;

      if (chunk == NULL || chunk->size == chunk->capacity)
        chunk = add_chunk (self, CLAMP (left, MIN_CHUNK, MAX_CHUNK));
      n = MIN (chunk->capacity - chunk->size, lp2p_cursor_left (&cursor));
      lp2p_cursor_copy (&cursor, chunk->own + chunk->size, n);
      chunk->size += n;
      self->end += n;
      left -= n;
    }
}

gsize
lp2p_quic_send_buffer_append (Lp2pQuicSendBuffer *self, const GOutputVector *vectors, guint n_vectors, gsize max)
{
  gsize left = MIN (lp2p_output_vectors_get_size (vectors, n_vectors), max);
  gsize total = left;

  for (guint i = 0; i < n_vectors && left > 0; i++)
    {
      gsize n = MIN (vectors[i].size, left);

      /* Room for what comes behind it is of use only where that is copied as well. */
      if (is_lent (self, vectors[i].buffer, n))
        append_lent (self, vectors[i].buffer, n);
      else
        append_copy (self, vectors[i].buffer, n, self->loan != NULL ? n : left);
      left -= n;
    }
  return total;
}

guint
lp2p_quic_send_buffer_peek (Lp2pQuicSendBuffer *self, ngtcp2_vec *vectors, guint n_vectors)
{
  guint64 from = self->sent;
  guint n = 0;

  for (Lp2pQuicChunk *chunk = self->next; chunk != NULL && n < n_vectors; chunk = chunk->next)
    {
      gsize skip = from - chunk->offset;

      if (skip == chunk->size)
        continue;
      vectors[n].base = (guint8 *) chunk->data + skip;
      vectors[n++].len = chunk->size - skip;
      from = chunk->offset + chunk->size;
    }
  return n;
}

void
lp2p_quic_send_buffer_sent (Lp2pQuicSendBuffer *self, gsize size)
{
  self->sent += size;
  while (self->next != NULL && self->next->next != NULL && self->sent >= self->next->next->offset)
    self->next = self->next->next;
}

static void
drop_head (Lp2pQuicSendBuffer *self)
{
  Lp2pQuicChunk *chunk = self->head;

  self->head = chunk->next;
  if (self->tail == chunk)
    self->tail = NULL;
  if (self->next == chunk)
    self->next = chunk->next;
  chunk_free (chunk);
}

/* All up to @offset has arrived. */
void
lp2p_quic_send_buffer_acknowledge (Lp2pQuicSendBuffer *self, guint64 offset)
{
  self->acknowledged = CLAMP (offset, self->acknowledged, self->sent);
  while (self->head != NULL && self->head->offset + self->head->size <= self->acknowledged)
    drop_head (self);
}

void
lp2p_quic_send_buffer_truncate (Lp2pQuicSendBuffer *self)
{
  Lp2pQuicChunk *last = NULL;
  Lp2pQuicChunk *rest = self->head;

  lp2p_quic_send_buffer_lend (self, NULL);
  for (; rest != NULL && rest->offset < self->sent; rest = rest->next)
    last = rest;
  if (last != NULL)
    {
      last->next = NULL;
      last->size = last->capacity = self->sent - last->offset;
    }
  else
    self->head = NULL;
  self->tail = self->next = last;
  self->end = self->sent;
  while (rest != NULL)
    {
      Lp2pQuicChunk *chunk = rest;

      rest = chunk->next;
      chunk_free (chunk);
    }
}

void
lp2p_quic_send_buffer_clear (Lp2pQuicSendBuffer *self)
{
  while (self->head != NULL)
    drop_head (self);
  lp2p_quic_send_buffer_lend (self, NULL);
  self->sent = self->acknowledged = self->end;
}
