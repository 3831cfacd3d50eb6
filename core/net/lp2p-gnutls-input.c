/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-gnutls-private.h"

#include <errno.h>
#include <string.h>

/* GnuTLS does not tell whether it has a part of a record. */
static void
count_records (Lp2pGnutlsLayer *self, const guint8 *data, gsize size)
{
  while (size > 0)
    {
      gsize n = MIN (size, self->n_body);

      if (n > 0)
        self->n_body -= (guint16) n;
      else
        {
          n = 1;
          self->n_head++;
          /* The two last bytes of it are the length of what follows. */
          if (self->n_head == LP2P_GNUTLS_HEAD - 1)
            self->n_body_high = *data;
          else if (self->n_head == LP2P_GNUTLS_HEAD)
            {
              self->n_body = (guint16) (self->n_body_high << 8 | *data);
              self->n_head = 0;
            }
        }
      data += n;
      size -= n;
    }
}

static gboolean
is_inside_record (Lp2pGnutlsLayer *self)
{
  return self->n_head > 0 || self->n_body > 0;
}

/* For GnuTLS. The end of the layer below and its errors are kept from it: it
 * would take the session for broken, and our direction may well go on. */
ssize_t
lp2p_gnutls_pull (gnutls_transport_ptr_t transport, void *buffer, size_t size)
{
  Lp2pGnutlsLayer *self = transport;
  const guint8 *data;
  gssize n = lp2p_layer_peek (self->lower, &data);

  self->more = n > 0;
  if (n > 0)
    {
      n = MIN ((gsize) n, size);
      memcpy (buffer, data, n);
      count_records (self, data, n);
      lp2p_layer_consume (self->lower, n);
      return n;
    }

  self->pulled = n;
  gnutls_transport_set_errno (self->session, EAGAIN);
  return -1;
}

int
lp2p_gnutls_pull_timeout (gnutls_transport_ptr_t transport, unsigned int milliseconds)
{
  const guint8 *data;

  return lp2p_layer_peek (((Lp2pGnutlsLayer *) transport)->lower, &data) != LP2P_IO_AGAIN;
}

static int
fail_truncated (Lp2pGnutlsLayer *self)
{
  const char *what = "TLS connection failed: the peer closed it without a close_notify alert";

  if (self->handshake)
    what = "TLS handshake failed: the peer closed the connection";
  else if (is_inside_record (self))
    what = "TLS connection failed: it ended inside a record";
  return lp2p_gnutls_fail (self, g_error_new_literal (G_TLS_ERROR, G_TLS_ERROR_EOF, what));
}

/* Why there are no bytes: returns as `readv`. */
gssize
lp2p_gnutls_explain_pull (Lp2pGnutlsLayer *self)
{
  if (self->pulled == LP2P_IO_FAILED)
    return lp2p_gnutls_fail_lower (self);
  if (self->pulled < 0)
    return LP2P_IO_AGAIN;
  if (self->require_close_notify || self->handshake || is_inside_record (self))
    return fail_truncated (self);
  self->eof = TRUE;
  return 0;
}

gboolean
lp2p_gnutls_is_readable (Lp2pGnutlsLayer *self)
{
  return self->packet != NULL || lp2p_held_get_size (&self->in) > 0 || self->untold ||
         self->interrupted ||
         (self->error == NULL && !self->eof &&
          (self->more || gnutls_record_check_pending (self->session) > 0));
}

void
lp2p_gnutls_drop_packet (Lp2pGnutlsLayer *self)
{
  if (self->packet != NULL)
    gnutls_packet_deinit (self->packet);
  self->packet = NULL;
  self->lent = (gnutls_datum_t){ NULL, 0 };
}

/* One record, or what is left of it, to @buffer or to @packet. GnuTLS decrypts in
 * memory of its own: a packet is without another copy, and so is a buffer but
 * for that one. */
static gssize
receive (Lp2pGnutlsLayer *self, void *buffer, gsize size, gnutls_packet_t *packet)
{
  self->interrupted = FALSE;
  self->untold = FALSE;
  if (self->error != NULL)
    return LP2P_IO_FAILED;
  if (self->eof)
    return 0;
  if (self->handshake)
    return LP2P_IO_AGAIN;

  for (guint i = 0; i < LP2P_GNUTLS_MAX_CONTROL; i++)
    {
      gssize n;

      self->pulled = 1;
      n = packet != NULL ? gnutls_record_recv_packet (self->session, packet)
                         : gnutls_record_recv (self->session, buffer, size);
      /* An answer to what was received. */
      if (self->n_cipher > 0 && self->n_plain == 0 &&
          lp2p_gnutls_send_out (self, LP2P_WRITE_NONE) == LP2P_IO_FAILED)
        return LP2P_IO_FAILED;
      self->heard |= n >= 0;
      if (n > 0)
        return n;
      if (n == 0)
        {
          self->eof = TRUE;
          return 0;
        }
      if (lp2p_gnutls_is_transient (n) && self->pulled <= 0)
        return lp2p_gnutls_explain_pull (self);
      if (n == GNUTLS_E_REHANDSHAKE)
        gnutls_alert_send (self->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
      else if (!lp2p_gnutls_is_transient (n) && n != GNUTLS_E_WARNING_ALERT_RECEIVED)
        return lp2p_gnutls_fail_with_alert (self, n);
    }
  self->interrupted = TRUE;
  lp2p_gnutls_queue_announcement (self);
  return LP2P_IO_AGAIN;
}

gssize
lp2p_gnutls_peek (Lp2pLayer *layer, const guint8 **data)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;

  if (lp2p_held_get_size (&self->in) > 0)
    {
      *data = lp2p_held_get_data (&self->in);
      return lp2p_held_get_size (&self->in);
    }
  if (self->packet == NULL)
    {
      gssize n = receive (self, NULL, 0, &self->packet);

      if (n <= 0)
        {
          lp2p_gnutls_drop_packet (self);
          return n;
        }
      gnutls_packet_get (self->packet, &self->lent, NULL);
    }
  *data = self->lent.data;
  return self->lent.size;
}

void
lp2p_gnutls_consume (Lp2pLayer *layer, gsize size)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;

  if (lp2p_held_get_size (&self->in) > 0)
    lp2p_held_drop (&self->in, size);
  else
    {
      g_return_if_fail (size <= self->lent.size);
      self->lent.data += size;
      self->lent.size -= size;
      if (self->lent.size == 0)
        lp2p_gnutls_drop_packet (self);
    }
  if (size > 0)
    lp2p_gnutls_queue_announcement (self);
}

void
lp2p_gnutls_park (Lp2pLayer *layer)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;

  if (self->packet != NULL)
    {
      GOutputVector rest = { self->lent.data, self->lent.size };

      lp2p_held_append (&self->in, &rest, 1, 0, rest.size);
      lp2p_gnutls_drop_packet (self);
    }
  lp2p_layer_park (self->lower);
}

/* Takes what was lent, or receives. */
static gssize
read_some (Lp2pGnutlsLayer *self, guint8 *buffer, gsize size)
{
  GInputVector vector = { buffer, size };

  if (lp2p_held_get_size (&self->in) > 0)
    return lp2p_held_take (&self->in, &vector, 1);
  if (self->packet == NULL)
    return receive (self, buffer, size, NULL);

  size = MIN (size, self->lent.size);
  memcpy (buffer, self->lent.data, size);
  lp2p_gnutls_consume (&self->parent, size);
  return size;
}

gssize
lp2p_gnutls_readv (Lp2pLayer *layer, const GInputVector *vectors, guint n_vectors)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;
  gsize total = 0;

  g_return_val_if_fail (lp2p_input_vectors_get_size (vectors, n_vectors) > 0, LP2P_IO_AGAIN);

  for (guint i = 0; i < n_vectors; i++)
    for (gsize done = 0; done < vectors[i].size;)
      {
        gssize n = read_some (self, (guint8 *) vectors[i].buffer + done, vectors[i].size - done);

        if (n <= 0 && total == 0)
          return n;
        if (n <= 0)
          {
            self->untold = n != LP2P_IO_AGAIN;
            lp2p_gnutls_queue_announcement (self);
            return total;
          }
        done += n;
        total += n;
      }
  lp2p_gnutls_queue_announcement (self);
  return total;
}
