/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-layer-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Reads of the layer below that may bring nothing but pings and pieces of headers,
 * before it is another connection's turn. */
#define READS_PER_PEEK 4

/* Whether the layer above is still to be told of something that the layer below
 * will not announce again. */
gboolean
lp2p_ws_layer_is_readable (Lp2pWsLayer *self)
{
  return lp2p_held_get_size (&self->in) > 0 || self->more || ((self->eof || self->error != NULL) && !self->told_end);
}

/* Ends of the peer's direction */

static gssize
tell_end (Lp2pWsLayer *self)
{
  self->told_end = TRUE;
  return self->error != NULL ? LP2P_IO_FAILED : 0;
}

static void
end_input (Lp2pWsLayer *self)
{
  lp2p_held_clear (&self->in);
  self->n_plain = 0;
  self->more = FALSE;
  self->eof = TRUE;
  /* With both directions ended, so does the connection below. */
  self->can_write = TRUE;
  lp2p_job_queue (&self->job);
}

static void
take_close (Lp2pWsLayer *self)
{
  guint16 code = self->parser.close_code;
  const char *reason = lp2p_ws_parser_get_reason (&self->parser);
  g_autofree char *quoted = lp2p_quote (reason, strlen (reason));

  if (code == LP2P_WS_NORMAL || code == LP2P_WS_GOING_AWAY || code == LP2P_WS_NO_CODE)
    end_input (self);
  else
    lp2p_ws_layer_fail (self, g_error_new (G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                                           _("The peer closed the WebSocket with code %u: %s"), code, quoted));
}

/* The peer is told what is wrong, as far as it still listens. That leaves at once: the
 * layer above is about to give the connection up. */
static void
fail_protocol (Lp2pWsLayer *self, GError *error)
{
  lp2p_ws_layer_send_close (self, self->parser.close_code, error->message);
  lp2p_ws_layer_finish (self);
  lp2p_ws_layer_fail (self, error);
}

/* Reading */

/* Payload that has come is made plain where it is. */
static void
open_payload (Lp2pWsLayer *self)
{
  guint8 *payload = self->in.data + self->in.start;

  self->n_plain = MIN (self->parser.payload_left, lp2p_held_get_size (&self->in));
  if (self->n_plain > 0)
    lp2p_ws_parser_take (&self->parser, payload, payload, self->n_plain);
}

/* Parses up to the next payload, or to the end of what has come. */
static void
parse (Lp2pWsLayer *self)
{
  while (self->n_plain == 0 && lp2p_held_get_size (&self->in) > 0)
    {
      GError *error = NULL;
      gsize used = 0;
      Lp2pWsEvent event = lp2p_ws_parser_input (&self->parser, lp2p_held_get_data (&self->in),
                                                lp2p_held_get_size (&self->in), &used, &error);

      lp2p_held_drop (&self->in, used);
      switch (event)
        {
        case LP2P_WS_EVENT_DATA:
          open_payload (self);
          break;
        case LP2P_WS_EVENT_PING:
          lp2p_ws_layer_answer_ping (self);
          break;
        case LP2P_WS_EVENT_CLOSE:
          take_close (self);
          return;
        case LP2P_WS_EVENT_ERROR:
          fail_protocol (self, error);
          return;
        case LP2P_WS_EVENT_NONE:
        case LP2P_WS_EVENT_PONG:
          break;
        }
    }
}

/* RFC 6455 section 7.1.5: an abnormal closure. Where our own close has left, the peer
 * may have had nothing to add. */
static gssize
end_of_lower (Lp2pWsLayer *self)
{
  if (self->ending)
    end_input (self);
  else
    lp2p_ws_layer_fail (self, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                                                   _("The connection ended without a close of the WebSocket")));
  return tell_end (self);
}

/* Returns: 1, or as `readv` */
static gssize
receive (Lp2pWsLayer *self)
{
  guint8 *buffer = lp2p_held_borrow (&self->in, self->parent.loop);
  gssize n;

  self->more = FALSE;
  n = lp2p_layer_read (self->lower, buffer, LP2P_SCRATCH_SIZE);
  if (n > 0)
    {
      lp2p_held_set_size (&self->in, n);
      return 1;
    }
  lp2p_held_clear (&self->in);
  if (n == 0)
    return end_of_lower (self);
  return n == LP2P_IO_FAILED ? lp2p_ws_layer_fail_lower (self) : n;
}

/* Makes sure that there is plain payload. Returns: 1, or as `readv` */
static gssize
fill (Lp2pWsLayer *self)
{
  for (guint i = 0; i < READS_PER_PEEK; i++)
    {
      gssize n;

      if (self->n_plain > 0)
        return 1;
      if (self->error != NULL || self->eof)
        return tell_end (self);
      if (lp2p_held_get_size (&self->in) == 0 && (n = receive (self)) <= 0)
        return n;
      parse (self);
    }
  if (self->n_plain > 0)
    return 1;
  self->more = !self->eof && self->error == NULL;
  lp2p_ws_layer_queue (self);
  return LP2P_IO_AGAIN;
}

gssize
lp2p_ws_layer_peek (Lp2pLayer *layer, const guint8 **data)
{
  Lp2pWsLayer *self = (Lp2pWsLayer *) layer;
  gssize result = fill (self);

  if (result <= 0)
    return result;
  *data = lp2p_held_get_data (&self->in);
  return self->n_plain;
}

void
lp2p_ws_layer_consume (Lp2pLayer *layer, gsize size)
{
  Lp2pWsLayer *self = (Lp2pWsLayer *) layer;

  g_return_if_fail (size <= self->n_plain);

  lp2p_held_drop (&self->in, size);
  self->n_plain -= size;
  if (size > 0)
    lp2p_ws_layer_queue (self);
}

void
lp2p_ws_layer_park (Lp2pLayer *layer)
{
  Lp2pWsLayer *self = (Lp2pWsLayer *) layer;

  lp2p_held_park (&self->in);
  lp2p_layer_park (self->lower);
}

/* Copies payload out of what has come, up to @size bytes.
 * Returns: how many, 0 where nothing is left */
static gsize
copy_out (Lp2pWsLayer *self, guint8 *buffer, gsize size)
{
  gsize copied = 0;

  while (copied < size && (self->n_plain > 0 || lp2p_held_get_size (&self->in) > 0))
    {
      GInputVector vector = { buffer + copied, MIN (size - copied, self->n_plain) };

      parse (self);
      if (self->n_plain == 0)
        break;
      vector.size = MIN (size - copied, self->n_plain);
      lp2p_held_take (&self->in, &vector, 1);
      self->n_plain -= vector.size;
      copied += vector.size;
    }
  return copied;
}

gssize
lp2p_ws_layer_readv (Lp2pLayer *layer, const GInputVector *vectors, guint n_vectors)
{
  Lp2pWsLayer *self = (Lp2pWsLayer *) layer;
  gssize result = fill (self);
  gsize total = 0;

  if (result <= 0)
    return result;
  for (guint i = 0; i < n_vectors; i++)
    total += copy_out (self, vectors[i].buffer, vectors[i].size);
  lp2p_ws_layer_queue (self);
  return total;
}
