/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-noise-frames.h"

/* What is allocated at first for a frame that comes in pieces. */
#define BODY_MIN_SIZE 512

static gsize
get_length (const guint8 header[LP2P_NOISE_LENGTH])
{
  return (gsize) header[0] << 8 | header[1];
}

static gboolean
is_inside (Lp2pNoiseFrames *self)
{
  return self->n_header > 0;
}

/* The memory grows with what has come: two bytes that announce a long frame
 * cost nothing. */
static void
reserve (Lp2pNoiseFrames *self, gsize more)
{
  gsize size = MAX (self->size, BODY_MIN_SIZE);

  if (self->body != NULL && self->have + more <= self->size)
    return;
  while (size < self->have + more)
    size *= 2;
  self->size = MIN (size, get_length (self->header));
  self->body = g_realloc (self->body, MAX (self->size, 1));
}

/* Takes what belongs to the frame that has begun.
 *
 * Returns: how much that was */
static gsize
collect (Lp2pNoiseFrames *self, const guint8 *data, gsize size)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);
  gsize n;

  while (self->n_header < LP2P_NOISE_LENGTH)
    if (!lp2p_cursor_read_u8 (&cursor, &self->header[self->n_header]))
      return size;
    else
      self->n_header++;

  n = MIN (lp2p_cursor_left (&cursor), get_length (self->header) - self->have);
  reserve (self, n);
  lp2p_cursor_copy (&cursor, self->body + self->have, n);
  self->have += n;
  return size - lp2p_cursor_left (&cursor);
}

static gboolean
is_complete (Lp2pNoiseFrames *self)
{
  return self->n_header == LP2P_NOISE_LENGTH && self->have == get_length (self->header);
}

/* Gets the next frame without its length, the same one until lp2p_noise_frames_done().
 *
 * @frame: (out): borrowed until then, or until the next call
 *
 * Returns: 1, 0 at the end, %LP2P_NOISE_TRUNCATED, %LP2P_IO_AGAIN or
 *   %LP2P_IO_FAILED */
int
lp2p_noise_frames_next (Lp2pNoiseFrames *self, Lp2pLayer *lower, const guint8 **frame, gsize *len)
{
  while (!is_complete (self))
    {
      const guint8 *data = NULL;
      gssize n = lp2p_layer_peek (lower, &data);

      if (n <= 0)
        return n == 0 && is_inside (self) ? LP2P_NOISE_TRUNCATED : n;

      if (!is_inside (self) && n >= LP2P_NOISE_LENGTH &&
          (gsize) n - LP2P_NOISE_LENGTH >= get_length (data))
        {
          *frame = data + LP2P_NOISE_LENGTH;
          *len = get_length (data);
          self->lent = LP2P_NOISE_LENGTH + *len;
          return 1;
        }
      lp2p_layer_consume (lower, collect (self, data, n));
    }

  *frame = self->body;
  *len = self->have;
  return 1;
}

/* Drops the frame that was got. */
void
lp2p_noise_frames_done (Lp2pNoiseFrames *self, Lp2pLayer *lower)
{
  gsize lent = self->lent;

  if (lent > 0)
    {
      self->lent = 0;
      lp2p_layer_consume (lower, lent);
    }
  else
    lp2p_noise_frames_clear (self);
}

void
lp2p_noise_frames_clear (Lp2pNoiseFrames *self)
{
  g_clear_pointer (&self->body, g_free);
  *self = (Lp2pNoiseFrames){ { 0 } };
}
