/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-gnutls-private.h"

#include "types/lp2p-i18n-private.h"

#include <inttypes.h>

static int
fail_truncated (Lp2pGnutlsLayer *self)
{
  const char *what = _("TLS connection failed: the peer closed it without a close_notify alert");

  if (self->handshake)
    what = _("TLS handshake failed: the peer closed the connection");
  else if (lp2p_held_get_size (&self->record) > 0)
    what = _("TLS connection failed: it ended inside a record");
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
  if (self->require_close_notify || self->handshake || lp2p_held_get_size (&self->record) > 0)
    return fail_truncated (self);
  self->eof = TRUE;
  return 0;
}

gboolean
lp2p_gnutls_is_readable (Lp2pGnutlsLayer *self)
{
  return lp2p_held_get_size (&self->in) > 0 || self->untold || self->interrupted ||
         (self->error == NULL && !self->eof && self->more);
}

/* Records */

static const char *
explain_alert (Lp2pTlsAlert alert)
{
  switch (alert)
    {
    case LP2P_TLS_ALERT_BAD_RECORD_MAC:
      return _("does not authenticate");
    case LP2P_TLS_ALERT_RECORD_OVERFLOW:
      return _("is longer than TLS allows");
    case LP2P_TLS_ALERT_UNEXPECTED_MESSAGE:
      return _("is of a kind that is not expected here");
    default:
      return _("is malformed");
    }
}

/* The peer is told why, as far as it still listens. */
static gssize
fail_record (Lp2pGnutlsLayer *self, Lp2pTlsAlert alert)
{
  lp2p_gnutls_fail (self, g_error_new (G_TLS_ERROR, G_TLS_ERROR_MISC,
                                       /* Translators: a number, and what is wrong, as "is malformed" */
                                       _("TLS connection failed: record %" PRIu64
                                         " of the peer's keys %s"),
                                       self->receive.sequence + 1, explain_alert (alert)));
  lp2p_gnutls_add_alert (self, alert);
  lp2p_gnutls_send_out (self, LP2P_WRITE_NONE);
  return LP2P_IO_FAILED;
}

/* Keeps what belongs to a record of which only a part has come, in no more memory
 * than twice that. */
static void
collect (Lp2pGnutlsLayer *self, const guint8 *data, gsize size, gsize wanted)
{
  GOutputVector vector = { data, MIN (size, wanted - lp2p_held_get_size (&self->record)) };

  lp2p_held_append (&self->record, &vector, 1, 0, vector.size);
  lp2p_layer_consume (self->lower, vector.size);
}

/* Gets the next record: from the memory of the layer below if it is there as a
 * whole, else from ours.
 * Returns: 1, 0 at the end, %LP2P_IO_AGAIN or %LP2P_IO_FAILED */
static gssize
next_record (Lp2pGnutlsLayer *self, const guint8 **record, gsize *size)
{
  Lp2pTlsAlert alert;

  for (;;)
    {
      gsize held = lp2p_held_get_size (&self->record);
      gsize wanted = LP2P_TLS_HEAD;
      const guint8 *data;

      if (held >= LP2P_TLS_HEAD)
        {
          alert = lp2p_tls_record_parse_head (lp2p_held_get_data (&self->record), &wanted);
          if (alert != 0)
            return fail_record (self, alert);
        }
      *record = lp2p_held_get_data (&self->record);
      *size = wanted;
      if (held > LP2P_TLS_HEAD && held == wanted)
        return 1;

      self->pulled = lp2p_layer_peek (self->lower, &data);
      self->more = self->pulled > 0;
      if (self->pulled <= 0)
        return lp2p_gnutls_explain_pull (self);
      if (held == 0 && self->pulled >= LP2P_TLS_HEAD)
        {
          alert = lp2p_tls_record_parse_head (data, &wanted);
          if (alert != 0)
            return fail_record (self, alert);
          *record = data;
          *size = wanted;
          if ((gsize) self->pulled >= wanted)
            {
              self->lent = wanted;
              return 1;
            }
        }
      collect (self, data, self->pulled, wanted);
    }
}

static void
drop_record (Lp2pGnutlsLayer *self)
{
  if (self->lent > 0)
    lp2p_layer_consume (self->lower, self->lent);
  else
    lp2p_held_clear (&self->record);
  self->lent = 0;
}

/* What is not payload. Returns 1 when there may be more, else as `readv`. */

static gssize
take_alert (Lp2pGnutlsLayer *self, const guint8 *data, gsize size)
{
  if (size != 2)
    return fail_record (self, LP2P_TLS_ALERT_DECODE_ERROR);
  if (data[1] == LP2P_TLS_ALERT_USER_CANCELED)
    return 1;
  if (data[1] != LP2P_TLS_ALERT_CLOSE_NOTIFY)
    return lp2p_gnutls_fail_refused (self, data[1]);
  self->eof = TRUE;
  return 0;
}

static gssize
take_messages (Lp2pGnutlsLayer *self, const guint8 *data, gsize size)
{
  Lp2pTlsKeyUpdate update;
  Lp2pTlsAlert alert = lp2p_tls_messages_take (&self->messages, data, size, &update);

  if (alert != 0)
    return fail_record (self, alert);
  /* RFC 8446 section 4.6.3: one answer is enough, before our next payload. */
  if (update == LP2P_TLS_KEY_UPDATE_REQUESTED)
    self->update_due = TRUE;
  if (update != LP2P_TLS_KEY_UPDATE_NONE && !lp2p_tls_keys_update (&self->receive))
    return lp2p_gnutls_fail (self, g_error_new_literal (G_TLS_ERROR, G_TLS_ERROR_MISC,
                                                        _("TLS connection failed: cannot make keys")));
  return 1;
}

/* Messages may not be cut by anything else. */
static gssize
take_control (Lp2pGnutlsLayer *self, Lp2pTlsContent content, const guint8 *data, gsize size)
{
  if (content == LP2P_TLS_CONTENT_HANDSHAKE)
    return take_messages (self, data, size);
  if (self->messages.n_head > 0)
    return fail_record (self, LP2P_TLS_ALERT_UNEXPECTED_MESSAGE);
  if (content == LP2P_TLS_CONTENT_ALERT)
    return take_alert (self, data, size);
  return content == LP2P_TLS_CONTENT_DATA ? 1 : fail_record (self, LP2P_TLS_ALERT_UNEXPECTED_MESSAGE);
}

/* Opens one record with payload: into @buffer if it fits there, else into `in`,
 * which is empty.
 * @into: (out): where it went
 * Returns: the size of the payload, 0 at the end, %LP2P_IO_AGAIN or
 *   %LP2P_IO_FAILED */
static gssize
receive (Lp2pGnutlsLayer *self, guint8 *buffer, gsize size, const guint8 **into)
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
      const guint8 *record = NULL;
      gsize record_size = 0, n = 0;
      Lp2pTlsContent content;
      Lp2pTlsAlert alert;
      guint8 *out;
      gssize result = next_record (self, &record, &record_size);

      if (result <= 0)
        return result;
      /* The type of what is inside comes along. */
      out = record_size - LP2P_TLS_HEAD - LP2P_AEAD_TAG <= size
                ? buffer
                : lp2p_held_borrow (&self->in, self->parent.loop);
      alert = lp2p_tls_record_open (&self->receive, record, record_size, out, &n, &content);
      drop_record (self);
      if (alert != 0)
        return fail_record (self, alert);
      if (content != LP2P_TLS_CONTENT_DATA || self->messages.n_head > 0 || n == 0)
        result = take_control (self, content, out, n);
      if (result <= 0)
        return result;
      self->heard = TRUE;
      *into = out;
      if (content == LP2P_TLS_CONTENT_DATA && n > 0)
        return n;
    }
  self->interrupted = TRUE;
  lp2p_gnutls_queue_announcement (self);
  return LP2P_IO_AGAIN;
}

static gssize
fill (Lp2pGnutlsLayer *self, guint8 *buffer, gsize size, const guint8 **into)
{
  gssize n = receive (self, buffer, size, into);

  if (n > 0 && *into != buffer)
    lp2p_held_set_size (&self->in, n);
  else
    lp2p_held_clear (&self->in);
  return n;
}

gssize
lp2p_gnutls_peek (Lp2pLayer *layer, const guint8 **data)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;

  if (lp2p_held_get_size (&self->in) == 0)
    {
      gssize n = fill (self, NULL, 0, data);

      if (n <= 0)
        return n;
    }
  *data = lp2p_held_get_data (&self->in);
  return lp2p_held_get_size (&self->in);
}

void
lp2p_gnutls_consume (Lp2pLayer *layer, gsize size)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;

  lp2p_held_drop (&self->in, size);
  if (size > 0)
    lp2p_gnutls_queue_announcement (self);
}

void
lp2p_gnutls_park (Lp2pLayer *layer)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;

  lp2p_held_park (&self->in);
  lp2p_layer_park (self->lower);
}

/* Takes what was opened before, or receives. */
static gssize
read_some (Lp2pGnutlsLayer *self, guint8 *buffer, gsize size)
{
  GInputVector vector = { buffer, size };
  const guint8 *into;

  if (lp2p_held_get_size (&self->in) == 0)
    {
      gssize n = fill (self, buffer, size, &into);

      if (n <= 0 || into == buffer)
        return n;
    }
  return lp2p_held_take (&self->in, &vector, 1);
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
