/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-gnutls-private.h"

#include <errno.h>
#include <string.h>

/* One scratch buffer: plaintext of the record that is being filled, and behind
 * it records that leave in one write. */
#define BATCH_SIZE (LP2P_SCRATCH_SIZE - LP2P_GNUTLS_MAX_PAYLOAD)

/* What the layer below refuses is kept, at the most a batch and a record; the
 * rest of this is for answers to the peer, which GnuTLS limits. */
#define KEPT_LIMIT (2 * LP2P_SCRATCH_SIZE)

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
      GOutputVector vector = { self->batch + LP2P_GNUTLS_MAX_PAYLOAD, self->n_cipher };

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

/* For GnuTLS: takes a record whatever the layer below does. */
ssize_t
lp2p_gnutls_push (gnutls_transport_ptr_t transport, const giovec_t *vectors, int n_vectors)
{
  Lp2pGnutlsLayer *self = transport;
  const GOutputVector *out = (const GOutputVector *) vectors;
  gsize size = lp2p_output_vectors_get_size (out, n_vectors);

  /* An alert behind the end of our direction. */
  if (self->ended)
    return size;
  if (size > BATCH_SIZE || lp2p_held_get_size (&self->out) + size > KEPT_LIMIT)
    {
      gnutls_transport_set_errno (self->session, ENOBUFS);
      return -1;
    }

  if (self->n_cipher + size > BATCH_SIZE)
    lp2p_gnutls_send_out (self, LP2P_WRITE_MORE);
  if (lp2p_gnutls_is_blocked (self))
    return lp2p_held_append (&self->out, out, n_vectors, 0, size);
  get_batch (self);
  for (int i = 0; i < n_vectors; i++)
    if (out[i].size > 0)
      {
        memcpy (self->batch + LP2P_GNUTLS_MAX_PAYLOAD + self->n_cipher, out[i].buffer, out[i].size);
        self->n_cipher += out[i].size;
      }
  return size;
}

G_STATIC_ASSERT (sizeof (giovec_t) == sizeof (GOutputVector));
G_STATIC_ASSERT (G_STRUCT_OFFSET (giovec_t, iov_base) == G_STRUCT_OFFSET (GOutputVector, buffer));
G_STATIC_ASSERT (G_STRUCT_OFFSET (giovec_t, iov_len) == G_STRUCT_OFFSET (GOutputVector, size));

/* Makes records. One is never refused; see push(). */
static int
encrypt (Lp2pGnutlsLayer *self, const guint8 *data, gsize size)
{
  while (size > 0)
    {
      gssize n = gnutls_record_send (self->session, data, size);

      if (n < 0 && n != GNUTLS_E_INTERRUPTED)
        return lp2p_gnutls_fail_tls (self, n);
      if (self->error != NULL)
        return LP2P_IO_FAILED;
      if (n > 0)
        {
          data += n;
          size -= n;
        }
    }
  return 0;
}

static int
encrypt_plain (Lp2pGnutlsLayer *self)
{
  /* Until that is done, the memory is not given back. */
  int result = self->n_plain > 0 ? encrypt (self, self->batch, self->n_plain) : 0;

  self->n_plain = 0;
  return result;
}

gsize
lp2p_gnutls_get_overhead (Lp2pGnutlsLayer *self)
{
  return gnutls_record_overhead_size (self->session);
}

gsize
lp2p_gnutls_get_payload (Lp2pGnutlsLayer *self)
{
  return MIN (gnutls_record_get_max_size (self->session), LP2P_GNUTLS_MAX_PAYLOAD);
}

/* The most plaintext whose records need @room bytes at the most. */
static gsize
get_capacity (Lp2pGnutlsLayer *self, gsize room)
{
  gsize payload = lp2p_gnutls_get_payload (self);
  gsize overhead = lp2p_gnutls_get_overhead (self);
  gsize last = room % (payload + overhead);

  return room / (payload + overhead) * payload + (last > overhead ? last - overhead : 0);
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
  room = MAX (room, LP2P_GNUTLS_MAX_PAYLOAD - self->n_plain);
  return room >= MIN_ROOM ? room : 0;
}

static void
set_starved (Lp2pGnutlsLayer *self)
{
  self->starved = TRUE;
  lp2p_gnutls_update_lower_wanted (self);
}

/* Collects a record, or makes one straight from the caller's memory if that
 * fills it. Returns how many bytes it took, or %LP2P_IO_FAILED. */
static gssize
take_plain (Lp2pGnutlsLayer *self, const guint8 *data, gsize size)
{
  gsize payload = lp2p_gnutls_get_payload (self);

  if (self->n_plain == 0 && size >= payload)
    return encrypt (self, data, payload) == 0 ? (gssize) payload : LP2P_IO_FAILED;

  size = MIN (size, payload - self->n_plain);
  memcpy (get_batch (self) + self->n_plain, data, size);
  self->n_plain += size;
  if (self->n_plain == payload && encrypt_plain (self) == LP2P_IO_FAILED)
    return LP2P_IO_FAILED;
  return size;
}

gssize
lp2p_gnutls_writev (Lp2pLayer *layer,
                    const GOutputVector *vectors,
                    guint n_vectors,
                    Lp2pWriteFlags flags)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;
  gsize total = lp2p_output_vectors_get_size (vectors, n_vectors);
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

  for (guint i = 0; i < n_vectors && !lp2p_gnutls_is_blocked (self); i++)
    for (gsize done = 0; done < vectors[i].size && !lp2p_gnutls_is_blocked (self);)
      {
        gssize n =
            take_plain (self, (const guint8 *) vectors[i].buffer + done, vectors[i].size - done);

        if (n < 0)
          return LP2P_IO_FAILED;
        done += n;
        taken += n;
      }

  if ((flags & LP2P_WRITE_MORE) == 0 &&
      (encrypt_plain (self) == LP2P_IO_FAILED ||
       lp2p_gnutls_send_out (self, LP2P_WRITE_NONE) == LP2P_IO_FAILED))
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

  if (self->error != NULL || encrypt_plain (self) == LP2P_IO_FAILED)
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
  int code = 0;

  if (self->error != NULL || encrypt_plain (self) == LP2P_IO_FAILED)
    return LP2P_IO_FAILED;
  if (!self->ending)
    {
      self->ending = TRUE;
      code = gnutls_bye (self->session, GNUTLS_SHUT_WR);
    }
  if (code < 0)
    return lp2p_gnutls_fail_tls (self, code);
  return lp2p_gnutls_finish_output (self);
}
