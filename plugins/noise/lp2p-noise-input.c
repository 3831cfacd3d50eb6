/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-noise-layer-private.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

/* Records that one read opens. Who sends nothing but empty ones so takes less
 * than a millisecond before it is another connection's turn. */
#define RECORDS_PER_READ 1024

/* Plaintext that is opened before the reader gets it, at least one record of the
 * largest size: more would be out of the processor's caches when it is read.
 * Another record must fit behind it. */
#define OPEN_AHEAD LP2P_NOISE_PLAIN_MAX
G_STATIC_ASSERT (OPEN_AHEAD + LP2P_NOISE_MAX_FRAME <= LP2P_SCRATCH_SIZE);

/* A record that is larger is not opened along with others: who has read those may want it
 * elsewhere. */
#define LARGE (LP2P_NOISE_PLAIN_MAX / 2)

/* Where a caller's vectors are being filled. */
typedef struct
{
  const GInputVector *vectors;
  guint n;
  gsize offset;
} Target;

static void
release_plain (Lp2pNoiseLayer *self)
{
  if (self->plain != NULL && self->plain_owned)
    g_free (self->plain);
  else if (self->plain != NULL)
    lp2p_loop_give_scratch (self->parent.loop, self->plain);
  self->plain = NULL;
  self->plain_owned = FALSE;
  self->plain_start = self->plain_end = 0;
}

void
lp2p_noise_layer_drop_input (Lp2pNoiseLayer *self)
{
  release_plain (self);
  lp2p_noise_frames_clear (&self->frames);
}

static gsize
get_undelivered (Lp2pNoiseLayer *self)
{
  return self->plain_end - self->plain_start;
}

/* Whether the layer above is still to be told of something that the layer below
 * will not announce again. */
gboolean
lp2p_noise_layer_is_readable (Lp2pNoiseLayer *self)
{
  return get_undelivered (self) > 0 || self->more_input ||
         ((self->eof || self->error != NULL) && !self->told_end);
}

static void
queue_announcement (Lp2pNoiseLayer *self)
{
  if ((self->wanted & LP2P_READY_READ) && lp2p_noise_layer_is_readable (self))
    lp2p_job_queue (&self->job);
}

static gssize
tell_end (Lp2pNoiseLayer *self)
{
  if (self->error == NULL && !self->eof)
    return LP2P_IO_AGAIN;
  self->told_end = TRUE;
  return self->error != NULL ? LP2P_IO_FAILED : 0;
}

static void
truncated (Lp2pNoiseLayer *self)
{
  if (self->frames.n_header < LP2P_NOISE_LENGTH)
    lp2p_noise_layer_fail (self,
                           _("Connection ended inside the length of Noise record %" PRIu64),
                           self->n_records + 1);
  else
    lp2p_noise_layer_fail (self,
                           _("Connection ended inside Noise record %" PRIu64
                             ": %u bytes of it are there"),
                           self->n_records + 1, self->frames.have);
}

/* Returns: whether there is a frame; otherwise end and errors are noted */
static gboolean
next_frame (Lp2pNoiseLayer *self, const guint8 **frame, gsize *len)
{
  int result = lp2p_noise_frames_next (&self->frames, self->lower, frame, len);

  /* Only the layer below itself tells that it is empty; a read that ends for
   * want of space does not. */
  self->more_input = result == 1;
  switch (result)
    {
    case 1:
      if (*len >= LP2P_NOISE_TAG)
        return TRUE;
      lp2p_noise_layer_fail (
          self, _("Noise record %" PRIu64 " has %u bytes, expected at least %u"),
          self->n_records + 1, (guint) *len, LP2P_NOISE_TAG);
      return FALSE;
    case 0:
      self->eof = TRUE;
      return FALSE;
    case LP2P_NOISE_TRUNCATED:
      truncated (self);
      return FALSE;
    case LP2P_IO_FAILED:
      lp2p_noise_layer_fail_below (self, _("read"));
      return FALSE;
    default:
      return FALSE;
    }
}

static gboolean
open_frame (Lp2pNoiseLayer *self, const guint8 *frame, gsize len, guint8 *out)
{
  self->n_records++;
  if (!lp2p_noise_cipher_open (self->receive, frame, len, out, NULL))
    {
      lp2p_noise_layer_fail (self, _("Noise record %" PRIu64 " does not authenticate"),
                             self->n_records);
      return FALSE;
    }
  lp2p_noise_frames_done (&self->frames, self->lower);
  return TRUE;
}

/* Opens as many records as are there and fit.
 *
 * Returns: 1 when there is plaintext, 0, %LP2P_IO_AGAIN or %LP2P_IO_FAILED */
static gssize
fill (Lp2pNoiseLayer *self)
{
  const guint8 *frame;
  gsize len;
  guint n = 0;

  while (self->plain_end < OPEN_AHEAD && n < RECORDS_PER_READ && next_frame (self, &frame, &len))
    {
      if (self->plain_end > 0 && len > LARGE)
        break;
      if (self->plain == NULL)
        self->plain = lp2p_loop_take_scratch (self->parent.loop);
      if (!open_frame (self, frame, len, self->plain + self->plain_end))
        break;
      self->plain_end += len - LP2P_NOISE_TAG;
      n++;
    }
  if (get_undelivered (self) > 0)
    return 1;
  release_plain (self);
  queue_announcement (self);
  return tell_end (self);
}

gssize
lp2p_noise_layer_peek (Lp2pLayer *layer, const guint8 **data)
{
  Lp2pNoiseLayer *self = (Lp2pNoiseLayer *) layer;

  if (get_undelivered (self) == 0)
    {
      gssize result = self->error != NULL || self->eof ? tell_end (self) : fill (self);

      if (result <= 0)
        return result;
    }
  *data = self->plain + self->plain_start;
  return get_undelivered (self);
}

static void
drop_plain (Lp2pNoiseLayer *self, gsize size)
{
  self->plain_start += size;
  if (self->plain_start == self->plain_end)
    release_plain (self);
}

void
lp2p_noise_layer_consume (Lp2pLayer *layer, gsize size)
{
  Lp2pNoiseLayer *self = (Lp2pNoiseLayer *) layer;

  g_return_if_fail (size <= get_undelivered (self));

  drop_plain (self, size);
  if (size > 0)
    queue_announcement (self);
}

/* A frame that came in part is in memory of its own already. */
void
lp2p_noise_layer_park (Lp2pLayer *layer)
{
  Lp2pNoiseLayer *self = (Lp2pNoiseLayer *) layer;
  gsize size = get_undelivered (self);

  if (size > 0 && !self->plain_owned)
    {
      guint8 *rest = g_memdup2 (self->plain + self->plain_start, size);

      release_plain (self);
      self->plain = rest;
      self->plain_end = size;
      self->plain_owned = TRUE;
    }
  lp2p_layer_park (self->lower);
}

/* Reading into the caller's memory */

static gsize
get_space (Target *target, guint8 **space)
{
  while (target->n > 0 && target->offset == target->vectors->size)
    {
      target->vectors++;
      target->n--;
      target->offset = 0;
    }
  if (target->n == 0)
    return 0;
  *space = (guint8 *) target->vectors->buffer + target->offset;
  return target->vectors->size - target->offset;
}

static gsize
copy_out (Lp2pNoiseLayer *self, Target *target)
{
  guint8 *space;
  gsize size, copied = 0;

  while (get_undelivered (self) > 0 && (size = get_space (target, &space)) > 0)
    {
      Lp2pCursor cursor =
          LP2P_CURSOR_INIT (self->plain + self->plain_start, get_undelivered (self));

      size = MIN (size, get_undelivered (self));
      lp2p_cursor_copy (&cursor, space, size);
      target->offset += size;
      copied += size;
      drop_plain (self, size);
    }
  return copied;
}

/* Opens records straight into the caller's memory as long as they fit there.
 *
 * Returns: how many bytes of plaintext that made */
static gsize
open_into (Lp2pNoiseLayer *self, Target *target)
{
  const guint8 *frame;
  guint8 *space;
  gsize size, len, opened = 0;

  for (guint n = 0; n < RECORDS_PER_READ && (size = get_space (target, &space)) > 0; n++)
    {
      if (!next_frame (self, &frame, &len) || len - LP2P_NOISE_TAG > size)
        break;
      if (!open_frame (self, frame, len, space))
        break;
      target->offset += len - LP2P_NOISE_TAG;
      opened += len - LP2P_NOISE_TAG;
    }
  return opened;
}

gssize
lp2p_noise_layer_readv (Lp2pLayer *layer, const GInputVector *vectors, guint n_vectors)
{
  Lp2pNoiseLayer *self = (Lp2pNoiseLayer *) layer;
  Target target = { vectors, n_vectors, 0 };
  gsize size = copy_out (self, &target);
  gssize result;

  if (size == 0 && (self->error != NULL || self->eof))
    return tell_end (self);
  if (self->error == NULL && !self->eof)
    size += open_into (self, &target);
  if (size == 0 && self->error == NULL && !self->eof)
    {
      /* The next record is larger than what it is to be read into. */
      result = fill (self);
      if (result <= 0)
        return result;
      size = copy_out (self, &target);
    }
  if (size == 0)
    return tell_end (self);
  queue_announcement (self);
  return size;
}
