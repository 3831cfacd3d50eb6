/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <glib/gi18n-lib.h>
#include <string.h>

#include "lp2p-noise-layer-private.h"

/* A write of less than this that is followed by others is gathered with them:
 * sealing it alone costs more than copying it. */
#define SMALL 4096

/* Pieces that one record is made of. A muxer gives two for each frame. */
#define MAX_PIECES 64

/* What write_room() promises at the most: sealed, with the head of a frame in a record of
 * its own, it fills a scratch buffer. */
#define ROOM_MAX (4 * LP2P_NOISE_PLAIN_MAX - LP2P_NOISE_OVERHEAD)

/* Plaintext on its way into records: what was gathered, then the caller's. */
typedef struct
{
  GOutputVector gathered;
  const GOutputVector *vectors;
  gsize offset;
  gsize left;
} Source;

static void
drop_gathered (Lp2pNoiseLayer *self)
{
  g_clear_pointer (&self->gathered, g_free);
  self->n_gathered = self->gathered_size = 0;
}

static void
drop_sealed (Lp2pNoiseLayer *self)
{
  g_clear_pointer (&self->sealed, g_free);
  self->sealed_start = self->sealed_end = 0;
}

void
lp2p_noise_layer_drop_output (Lp2pNoiseLayer *self)
{
  drop_gathered (self);
  drop_sealed (self);
}

/* Room */

static gsize
get_plain_size (gsize wire)
{
  const gsize record = LP2P_NOISE_PLAIN_MAX + LP2P_NOISE_OVERHEAD;
  gsize rest = wire % record;

  return wire / record * LP2P_NOISE_PLAIN_MAX +
         (rest > LP2P_NOISE_OVERHEAD ? rest - LP2P_NOISE_OVERHEAD : 0);
}

/* The room is that of the layer below, so that nothing piles up here; but a
 * whole record at least, or a layer with little room would never get one. The head of a
 * frame may make a record more. What many small records are longer than a few large ones
 * is kept here if need be. */
gsize
lp2p_noise_layer_get_room (Lp2pNoiseLayer *self)
{
  gsize below;

  if (self->error != NULL || self->ending || self->sealed != NULL)
    return 0;
  below = lp2p_layer_write_room (self->lower);
  if (below == 0)
    return 0;
  below -= MIN (below, LP2P_NOISE_OVERHEAD);
  return CLAMP (get_plain_size (below), LP2P_NOISE_PLAIN_MAX, ROOM_MAX) - self->n_gathered;
}

/* The layer below announces room only where it had none when it was asked. Who was
 * refused for another reason, or found room gone that came back at once, is told
 * from here. */
void
lp2p_noise_layer_check_room (Lp2pNoiseLayer *self)
{
  if (!self->starved || (self->wanted & LP2P_READY_WRITE) == 0 || lp2p_noise_layer_get_room (self) == 0)
    return;
  self->can_write = TRUE;
  lp2p_job_queue (&self->job);
}

gsize
lp2p_noise_layer_write_room (Lp2pLayer *layer)
{
  Lp2pNoiseLayer *self = (Lp2pNoiseLayer *) layer;

  self->promised = lp2p_noise_layer_get_room (self);
  if (self->promised == 0)
    self->starved = TRUE;
  return self->promised;
}

/* Ciphertext */

static void
keep_sealed (Lp2pNoiseLayer *self, const guint8 *data, gsize size)
{
  gsize held = self->sealed_end - self->sealed_start;
  guint8 *all = g_malloc (held + size);

  if (held > 0)
    memcpy (all, self->sealed + self->sealed_start, held);
  memcpy (all + held, data, size);
  g_free (self->sealed);
  self->sealed = all;
  self->sealed_start = 0;
  self->sealed_end = held + size;
  lp2p_noise_layer_update_want (self);
}

static gboolean
pass_down (Lp2pNoiseLayer *self, const guint8 *data, gsize size, Lp2pWriteFlags flags)
{
  gssize n = LP2P_IO_AGAIN;

  if (self->sealed == NULL)
    n = lp2p_layer_write (self->lower, data, size, flags);
  if (n == LP2P_IO_FAILED)
    {
      lp2p_noise_layer_fail_below (self, _("write"));
      return FALSE;
    }
  n = MAX (n, 0);
  if ((gsize) n < size)
    keep_sealed (self, data + n, size - n);
  return TRUE;
}

/* A piece that fills a record begins one: behind the head of a frame, all of its payload so
 * is in records that can be opened where a reader wants it. */
static gboolean
begins_record (const Source *source, gsize before)
{
  return before > 0 && before < SMALL && source->vectors->size - source->offset >= LP2P_NOISE_PLAIN_MAX;
}

/* Cuts off what makes one record. */
static guint
cut_record (Source *source, GOutputVector pieces[MAX_PIECES], gsize *size)
{
  guint n = 0;

  *size = 0;
  if (source->gathered.size > 0)
    {
      pieces[n++] = source->gathered;
      *size = source->gathered.size;
      source->gathered.size = 0;
    }
  while (n < MAX_PIECES && *size < LP2P_NOISE_PLAIN_MAX && source->left > *size && !begins_record (source, *size))
    {
      gsize rest = source->vectors->size - source->offset;
      gsize piece = MIN (MIN (rest, LP2P_NOISE_PLAIN_MAX - *size), source->left - *size);

      if (piece > 0)
        pieces[n++] =
            (GOutputVector){ (const guint8 *) source->vectors->buffer + source->offset, piece };
      *size += piece;
      source->offset += piece;
      if (source->offset == source->vectors->size)
        {
          source->vectors++;
          source->offset = 0;
        }
    }
  source->left -= *size;
  return n;
}

static gboolean
seal_record (Lp2pNoiseLayer *self, const GOutputVector *pieces, guint n, gsize size, guint8 *out)
{
  GError *error = NULL;
  gsize len = size + LP2P_NOISE_TAG;

  out[0] = len >> 8;
  out[1] = len & 0xff;
  if (lp2p_noise_cipher_seal (self->send, pieces, n, out + LP2P_NOISE_LENGTH, &error))
    return TRUE;
  lp2p_noise_layer_fail (self, _("Cannot seal a Noise record: %s"), error->message);
  g_error_free (error);
  return FALSE;
}

/* Seals what @source has, down to @keep bytes or less, and passes it on. */
static gboolean
seal_source (
    Lp2pNoiseLayer *self, Source *source, gsize keep, Lp2pWriteFlags flags, guint8 *scratch)
{
  GOutputVector pieces[MAX_PIECES];
  gsize used = 0;

  while (source->left > keep)
    {
      gsize size;
      guint n = cut_record (source, pieces, &size);

      if (LP2P_SCRATCH_SIZE - used < size + LP2P_NOISE_OVERHEAD)
        {
          if (!pass_down (self, scratch, used, LP2P_WRITE_MORE))
            return FALSE;
          used = 0;
        }
      if (!seal_record (self, pieces, n, size, scratch + used))
        return FALSE;
      used += size + LP2P_NOISE_OVERHEAD;
    }
  return used == 0 || pass_down (self, scratch, used, flags);
}

/* Plaintext */

static void
gather (Lp2pNoiseLayer *self, Source *source)
{
  gsize need = self->n_gathered + source->left;

  if (need > self->gathered_size)
    {
      gsize size = MAX (self->gathered_size, 256);

      while (size < need)
        size *= 2;
      self->gathered_size = MIN (size, LP2P_NOISE_PLAIN_MAX);
      self->gathered = g_realloc (self->gathered, self->gathered_size);
    }
  while (source->left > 0)
    {
      gsize size = MIN (source->vectors->size - source->offset, source->left);

      if (size > 0)
        memcpy (self->gathered + self->n_gathered,
                (const guint8 *) source->vectors->buffer + source->offset, size);
      self->n_gathered += size;
      source->left -= size;
      source->vectors++;
      source->offset = 0;
    }
}

/* Seals what was gathered and the source behind it; of that, a small rest may
 * wait for more. */
static gboolean
write_records (Lp2pNoiseLayer *self, Source *source, Lp2pWriteFlags flags)
{
  guint8 *scratch = lp2p_loop_take_scratch (self->parent.loop);
  gboolean ok;

  source->gathered = (GOutputVector){ self->gathered, self->n_gathered };
  source->left += self->n_gathered;
  ok = seal_source (self, source, (flags & LP2P_WRITE_MORE) ? SMALL - 1 : 0, flags, scratch);
  lp2p_loop_give_scratch (self->parent.loop, scratch);
  drop_gathered (self);
  if (ok && source->left > 0)
    gather (self, source);
  return ok;
}

static gboolean
write_gathered (Lp2pNoiseLayer *self)
{
  /* Else it waits for a flush. */
  gboolean due = self->owed || self->flushing || self->ending;
  Source source = { { NULL, 0 }, NULL, 0, 0 };

  self->owed = FALSE;
  return !due || self->n_gathered == 0 || write_records (self, &source, LP2P_WRITE_NONE);
}

gssize
lp2p_noise_layer_writev (Lp2pLayer *layer,
                         const GOutputVector *vectors,
                         guint n_vectors,
                         Lp2pWriteFlags flags)
{
  Lp2pNoiseLayer *self = (Lp2pNoiseLayer *) layer;
  gsize total = lp2p_output_vectors_get_size (vectors, n_vectors);
  gsize room = MAX (self->promised, lp2p_noise_layer_get_room (self));
  Source source = { { NULL, 0 }, vectors, 0, MIN (total, room) };
  gsize taken = source.left;

  if (self->error != NULL)
    return LP2P_IO_FAILED;
  g_return_val_if_fail (!self->ending, LP2P_IO_FAILED);

  if (taken < total)
    self->starved = TRUE;
  if (taken == 0)
    return total > 0 ? LP2P_IO_AGAIN : 0;

  self->promised -= MIN (self->promised, taken);
  if (self->sealed != NULL)
    {
      /* Nothing can leave now: small writes may as well share a record. */
      flags |= LP2P_WRITE_MORE;
      self->owed = TRUE;
    }
  if ((flags & LP2P_WRITE_MORE) && taken < SMALL && self->n_gathered + taken < LP2P_NOISE_PLAIN_MAX)
    gather (self, &source);
  else if (!write_records (self, &source, flags))
    return LP2P_IO_FAILED;
  lp2p_noise_layer_check_room (self);
  return taken;
}

/* Sending what is held back */

static gboolean
send_sealed (Lp2pNoiseLayer *self)
{
  gssize n;

  if (self->sealed == NULL)
    return TRUE;
  n = lp2p_layer_write (self->lower, self->sealed + self->sealed_start,
                        self->sealed_end - self->sealed_start, LP2P_WRITE_NONE);
  if (n == LP2P_IO_FAILED)
    {
      lp2p_noise_layer_fail_below (self, _("write"));
      return FALSE;
    }
  self->sealed_start += MAX (n, 0);
  if (self->sealed_start == self->sealed_end)
    drop_sealed (self);
  return TRUE;
}

static int
end_below (Lp2pNoiseLayer *self)
{
  int result;

  if (self->ended)
    return 0;
  result = lp2p_layer_shutdown_write (self->lower);
  self->ended = result == 0;
  return result;
}

/* Sends what was kept and, where it is due, what was gathered.
 *
 * Returns: 0 when all that was to leave has left, %LP2P_IO_AGAIN or
 *   %LP2P_IO_FAILED */
int
lp2p_noise_layer_drain (Lp2pNoiseLayer *self)
{
  int result = 0;

  if (self->error != NULL || !send_sealed (self))
    return LP2P_IO_FAILED;
  if (self->sealed == NULL && !write_gathered (self))
    return LP2P_IO_FAILED;

  if (self->sealed != NULL)
    result = LP2P_IO_AGAIN;
  else if (self->ending)
    result = end_below (self);
  else if (self->flushing)
    result = lp2p_layer_flush (self->lower);
  if (result == LP2P_IO_FAILED)
    lp2p_noise_layer_fail_below (self, _("write"));
  return result;
}

int
lp2p_noise_layer_flush (Lp2pLayer *layer)
{
  Lp2pNoiseLayer *self = (Lp2pNoiseLayer *) layer;
  int result;

  /* The end of the handshake is held back, to take along what others write. */
  if (!self->ending && self->error == NULL && lp2p_flush_hold_defers (&self->hold))
    return LP2P_IO_AGAIN;
  lp2p_flush_hold_end (&self->hold);
  self->flushing = TRUE;
  result = lp2p_noise_layer_drain (self);
  self->flushing = result == LP2P_IO_AGAIN;
  lp2p_noise_layer_update_want (self);
  /* Room that a flush makes at once is announced as any other. */
  if (self->starved && result == 0)
    {
      self->can_write = TRUE;
      lp2p_job_queue (&self->job);
    }
  return result;
}

int
lp2p_noise_layer_shutdown_write (Lp2pLayer *layer)
{
  ((Lp2pNoiseLayer *) layer)->ending = TRUE;
  return lp2p_noise_layer_flush (layer);
}
