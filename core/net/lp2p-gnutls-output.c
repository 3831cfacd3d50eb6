/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-gnutls-private.h"

#include "types/lp2p-i18n-private.h"

#include <string.h>

/* One scratch buffer: plaintext of the record that is being filled, and behind
 * it records that leave in one write. */
#define BATCH_SIZE (LP2P_SCRATCH_SIZE - LP2P_TLS_MAX_PAYLOAD)

/* What the layer below refuses is kept, at the most a batch and a few records; the
 * rest of this is for what GnuTLS says in a handshake, which it limits. */
#define KEPT_LIMIT (2 * LP2P_SCRATCH_SIZE)

#define ALERT_WARNING 1
#define ALERT_FATAL   2

/* Pieces that one record is made of. A muxer gives two for each frame. */
#define MAX_PIECES 64

/* A muxer counts on place for the head of a frame where there is any. */
#define MIN_ROOM 64

void
lp2p_gnutls_release_batch (Lp2pGnutlsLayer *self)
{
  if (self->batch == NULL)
    return;
  lp2p_loop_give_scratch (self->parent.loop, self->batch);
  self->batch = NULL;
  self->n_plain = self->n_cipher = 0;
}

static guint8 *
get_batch (Lp2pGnutlsLayer *self)
{
  if (self->batch == NULL)
    self->batch = lp2p_loop_take_scratch (self->parent.loop);
  return self->batch;
}

gboolean
lp2p_gnutls_is_blocked (Lp2pGnutlsLayer *self)
{
  return lp2p_held_get_size (&self->out) > 0;
}

/* Hands down what was collected. What the layer below refuses of it is kept.
 * Returns: 0 when nothing is kept, %LP2P_IO_AGAIN or %LP2P_IO_FAILED */
int
lp2p_gnutls_send_out (Lp2pGnutlsLayer *self, Lp2pWriteFlags flags)
{
  gssize n = 0;

  if (lp2p_gnutls_is_blocked (self))
    {
      n = lp2p_layer_write (self->lower, lp2p_held_get_data (&self->out),
                            lp2p_held_get_size (&self->out), flags);
      if (n > 0)
        lp2p_held_drop (&self->out, n);
    }
  else if (self->n_cipher > 0)
    {
      GOutputVector vector = { self->batch + LP2P_TLS_MAX_PAYLOAD, self->n_cipher };

      n = lp2p_layer_writev (self->lower, &vector, 1, flags);
      if (n != LP2P_IO_FAILED)
        lp2p_held_append (&self->out, &vector, 1, MAX (n, 0), self->n_cipher - MAX (n, 0));
      self->n_cipher = 0;
    }
  if (self->n_plain == 0)
    lp2p_gnutls_release_batch (self);
  if (n == LP2P_IO_FAILED)
    return lp2p_gnutls_fail_lower (self);
  lp2p_gnutls_update_lower_wanted (self);
  return lp2p_gnutls_is_blocked (self) ? LP2P_IO_AGAIN : 0;
}

/* Place for so much ciphertext, which add_cipher() then counts. */
static guint8 *
reserve (Lp2pGnutlsLayer *self, gsize size)
{
  if (self->n_cipher + size > BATCH_SIZE)
    lp2p_gnutls_send_out (self, LP2P_WRITE_MORE);
  return get_batch (self) + LP2P_TLS_MAX_PAYLOAD + self->n_cipher;
}

static void
add_cipher (Lp2pGnutlsLayer *self, gsize size)
{
  GOutputVector vector = { self->batch + LP2P_TLS_MAX_PAYLOAD, size };

  if (lp2p_gnutls_is_blocked (self))
    lp2p_held_append (&self->out, &vector, 1, 0, size);
  else
    self->n_cipher += size;
}

/* Takes what GnuTLS made, whatever the layer below does. Returns FALSE when that
 * is too much. */
gboolean
lp2p_gnutls_take_cipher (Lp2pGnutlsLayer *self, const GOutputVector *vectors, guint n_vectors)
{
  gsize size = lp2p_output_vectors_get_size (vectors, n_vectors);
  guint8 *out;

  if (size > BATCH_SIZE || lp2p_held_get_size (&self->out) + size > KEPT_LIMIT)
    return FALSE;
  out = reserve (self, size);
  for (guint i = 0; i < n_vectors; i++)
    if (vectors[i].size > 0)
      {
        memcpy (out, vectors[i].buffer, vectors[i].size);
        out += vectors[i].size;
      }
  add_cipher (self, size);
  return TRUE;
}

/* Makes a record. It is never refused; what blocks is kept. */
static int
seal (Lp2pGnutlsLayer *self, Lp2pTlsContent content, const GOutputVector *pieces, guint n_pieces)
{
  gsize size = lp2p_output_vectors_get_size (pieces, n_pieces) + LP2P_TLS_OVERHEAD;

  size = lp2p_tls_record_seal (&self->send, content, pieces, n_pieces, reserve (self, size));
  if (size == 0)
    return lp2p_gnutls_fail (self, g_error_new_literal (G_TLS_ERROR, G_TLS_ERROR_MISC,
                                                        _("TLS connection failed: cannot encrypt")));
  add_cipher (self, size);
  return 0;
}

/* Other keys of ours, told with those before. */
static int
update_keys (Lp2pGnutlsLayer *self)
{
  GOutputVector message = { lp2p_tls_key_update, sizeof lp2p_tls_key_update };

  self->update_due = FALSE;
  if (seal (self, LP2P_TLS_CONTENT_HANDSHAKE, &message, 1) == 0 &&
      lp2p_tls_keys_update (&self->send))
    return 0;
  return lp2p_gnutls_fail (self, g_error_new_literal (G_TLS_ERROR, G_TLS_ERROR_MISC,
                                                      _("TLS connection failed: cannot make keys")));
}

static int
seal_data (Lp2pGnutlsLayer *self, const GOutputVector *pieces, guint n_pieces)
{
  if ((self->update_due || lp2p_tls_keys_are_worn (&self->send)) &&
      update_keys (self) == LP2P_IO_FAILED)
    return LP2P_IO_FAILED;
  if (seal (self, LP2P_TLS_CONTENT_DATA, pieces, n_pieces) == LP2P_IO_FAILED)
    return LP2P_IO_FAILED;
  return self->error != NULL ? LP2P_IO_FAILED : 0;
}

static int
seal_plain (Lp2pGnutlsLayer *self)
{
  GOutputVector plain = { self->batch, self->n_plain };
  int result = self->n_plain > 0 ? seal_data (self, &plain, 1) : 0;

  self->n_plain = 0;
  return result;
}

/* Collects an alert: our direction ends with it. */
void
lp2p_gnutls_add_alert (Lp2pGnutlsLayer *self, Lp2pTlsAlert alert)
{
  const guint8 bytes[] = { alert == LP2P_TLS_ALERT_CLOSE_NOTIFY ? ALERT_WARNING : ALERT_FATAL, alert };
  GOutputVector message = { bytes, sizeof bytes };

  if (!self->ended && !self->handshake)
    seal (self, LP2P_TLS_CONTENT_ALERT, &message, 1);
}

/* The most plaintext whose records need @room bytes at the most. */
static gsize
get_capacity (Lp2pGnutlsLayer *self, gsize room)
{
  gsize record = self->max_payload + LP2P_TLS_OVERHEAD;
  gsize last = room % record;

  return room / record * self->max_payload +
         (last > LP2P_TLS_OVERHEAD ? last - LP2P_TLS_OVERHEAD : 0);
}

/* A record is taken in any case as long as the layer below has room for a part
 * of it, so that little room cannot be mistaken for none. */
gsize
lp2p_gnutls_get_room (Lp2pGnutlsLayer *self)
{
  gsize room;

  if (self->error != NULL || self->ending || self->handshake || lp2p_gnutls_is_blocked (self))
    return 0;
  room = lp2p_layer_write_room (self->lower);
  if (room <= self->n_cipher)
    return 0;

  room = get_capacity (self, MIN (room, BATCH_SIZE) - self->n_cipher);
  room = room > self->n_plain ? room - self->n_plain : 0;
  room = MAX (room, self->max_payload - self->n_plain);
  return room >= MIN_ROOM ? room : 0;
}

static void
set_starved (Lp2pGnutlsLayer *self)
{
  self->starved = TRUE;
  lp2p_gnutls_update_lower_wanted (self);
}

/* A place in the caller's vectors. */
typedef struct
{
  const GOutputVector *vectors;
  gsize offset;
  gsize left;
} Source;

/* What is next, without copying, behind what was collected before.
 * Returns how many pieces that are. */
static guint
cut_record (Lp2pGnutlsLayer *self, Source *source, GOutputVector pieces[MAX_PIECES], gsize *size)
{
  guint n = 0;

  *size = self->n_plain;
  if (self->n_plain > 0)
    pieces[n++] = (GOutputVector){ self->batch, self->n_plain };
  while (n < MAX_PIECES && *size < self->max_payload && source->left > 0)
    {
      gsize rest = source->vectors->size - source->offset;
      gsize piece = MIN (rest, self->max_payload - *size);

      if (piece > 0)
        pieces[n++] =
            (GOutputVector){ (const guint8 *) source->vectors->buffer + source->offset, piece };
      *size += piece;
      source->left -= piece;
      source->offset += piece;
      if (piece == rest)
        {
          source->vectors++;
          source->offset = 0;
        }
    }
  return n;
}

/* Makes one record of what is next, or collects it where more follows that fits.
 * Returns how many bytes of the caller's it took, or %LP2P_IO_FAILED. */
static gssize
take_plain (Lp2pGnutlsLayer *self, Source *source, Lp2pWriteFlags flags)
{
  GOutputVector pieces[MAX_PIECES];
  gsize collected = self->n_plain;
  gsize size;
  guint n = cut_record (self, source, pieces, &size);

  if ((flags & LP2P_WRITE_MORE) == 0 || size == self->max_payload || source->left > 0)
    {
      int result = seal_data (self, pieces, n);

      /* Until that is done, the memory is not given back. */
      self->n_plain = 0;
      return result == 0 ? (gssize) (size - collected) : LP2P_IO_FAILED;
    }
  get_batch (self);
  for (guint i = collected > 0 ? 1 : 0; i < n; i++)
    {
      memcpy (self->batch + self->n_plain, pieces[i].buffer, pieces[i].size);
      self->n_plain += pieces[i].size;
    }
  return size - collected;
}

gssize
lp2p_gnutls_writev (Lp2pLayer *layer,
                    const GOutputVector *vectors,
                    guint n_vectors,
                    Lp2pWriteFlags flags)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;
  gsize total = lp2p_output_vectors_get_size (vectors, n_vectors);
  Source source = { vectors, 0, total };
  gsize taken = 0;

  if (self->error != NULL)
    return LP2P_IO_FAILED;
  g_return_val_if_fail (!self->ending, LP2P_IO_FAILED);
  if (total == 0)
    return 0;
  if (self->handshake || (lp2p_gnutls_is_blocked (self) && lp2p_gnutls_send_out (self, flags) != 0))
    {
      set_starved (self);
      return self->error != NULL ? LP2P_IO_FAILED : LP2P_IO_AGAIN;
    }

  while (source.left > 0 && !lp2p_gnutls_is_blocked (self))
    {
      gssize n = take_plain (self, &source, flags);

      if (n < 0)
        return LP2P_IO_FAILED;
      taken += n;
    }
  if ((flags & LP2P_WRITE_MORE) == 0 &&
      lp2p_gnutls_send_out (self, LP2P_WRITE_NONE) == LP2P_IO_FAILED)
    return LP2P_IO_FAILED;
  if (taken < total)
    set_starved (self);
  return taken;
}

/* Returns: as `flush` */
int
lp2p_gnutls_finish_output (Lp2pGnutlsLayer *self)
{
  int result = lp2p_gnutls_send_out (self, LP2P_WRITE_NONE);

  if (result == 0)
    {
      self->ended = self->ending;
      result =
          self->ending ? lp2p_layer_shutdown_write (self->lower) : lp2p_layer_flush (self->lower);
      if (result == LP2P_IO_FAILED)
        lp2p_gnutls_fail_lower (self);
    }
  self->flushing = result == LP2P_IO_AGAIN;
  lp2p_gnutls_update_lower_wanted (self);
  return result;
}

int
lp2p_gnutls_flush (Lp2pLayer *layer)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;

  if (self->error != NULL || seal_plain (self) == LP2P_IO_FAILED)
    return LP2P_IO_FAILED;
  return lp2p_gnutls_finish_output (self);
}

gsize
lp2p_gnutls_write_room (Lp2pLayer *layer)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;
  gsize room = lp2p_gnutls_get_room (self);

  if (room == 0)
    set_starved (self);
  return room;
}

int
lp2p_gnutls_shutdown_write (Lp2pLayer *layer)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;

  if (self->error != NULL || seal_plain (self) == LP2P_IO_FAILED)
    return LP2P_IO_FAILED;
  if (!self->ending)
    lp2p_gnutls_add_alert (self, LP2P_TLS_ALERT_CLOSE_NOTIFY);
  self->ending = TRUE;
  return lp2p_gnutls_finish_output (self);
}
