/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-mplex-session-private.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

/* What a message costs beside its payload, so that empty ones count too. */
#define STRAY_MESSAGE_COST 16

/* The message that follows belongs to nobody, and is dropped. That is normal while
 * the peer has not heard of a stream's end, and it costs no memory; but one that
 * sends nothing else is of no use. */
static void
handle_stray (Lp2pMplexSession *self, const Lp2pMplexHeader *header)
{
  guint64 cost = (guint64) header->length + STRAY_MESSAGE_COST;

  self->body_left = header->length;
  if (cost <= self->stray_credit)
    {
      self->stray_credit -= cost;
      return;
    }
  lp2p_mplex_session_fail (
      self, g_error_new (LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                         _("mplex: the peer goes on sending on streams that are not open, such as %"
                         PRIu64),
                         header->stream_id));
}

/* What follows is the stream's name, which has no meaning. */
static void
handle_new_stream (Lp2pMplexSession *self, const Lp2pMplexHeader *header)
{
  const Lp2pMuxerEvents *events = self->parent.events;
  gint64 key = lp2p_mplex_key (header->stream_id, FALSE);
  Lp2pMplexStream *stream;

  if (g_hash_table_contains (self->streams, &key))
    {
      lp2p_mplex_session_fail (self, g_error_new (LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                                                  _("mplex: the peer opened stream %" PRIu64
                                                    ", which exists"),
                                                  header->stream_id));
      return;
    }
  self->body_left = header->length;
  if (self->n_inbound >= self->options.max_streams)
    {
      self->stray_credit += LP2P_MPLEX_STRAY_CREDIT;
      if (!lp2p_mplex_session_refuse (self, header->stream_id))
        lp2p_mplex_session_fail (
            self, g_error_new_literal (LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                                       _("mplex: the peer goes on opening streams but does not read "
                                         "that they are refused")));
      return;
    }

  stream = lp2p_mplex_stream_new (self, header->stream_id, FALSE);
  stream->turn.link.data = stream;
  g_queue_push_tail_link (&self->accepts, &stream->turn.link);
  if (events != NULL && events->incoming != NULL)
    events->incoming (&self->parent, self->parent.events_data);
}

static void
handle_message (Lp2pMplexSession *self, Lp2pMplexStream *stream, const Lp2pMplexHeader *header)
{
  self->body_left = header->length;
  if (header->length == 0)
    return;
  if (stream->read_side == LP2P_MPLEX_SIDE_ENDED)
    lp2p_mplex_stream_fail (self, stream,
                            g_error_new (LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                                         _("mplex: %u bytes came behind the end of the stream"),
                                         header->length));
  else
    self->body_stream = stream;
}

static void
handle_header (Lp2pMplexSession *self, const Lp2pMplexHeader *header)
{
  gint64 key = lp2p_mplex_key (header->stream_id, !header->from_opener);
  Lp2pMplexStream *stream;

  if (header->type == LP2P_MPLEX_NEW_STREAM)
    {
      handle_new_stream (self, header);
      return;
    }
  stream = g_hash_table_lookup (self->streams, &key);
  if (stream == NULL || stream->forgotten)
    {
      handle_stray (self, header);
      return;
    }
  if (header->type == LP2P_MPLEX_MESSAGE)
    {
      handle_message (self, stream, header);
      return;
    }
  /* Ends and resets have no payload; one that has is dropped, as rust does. */
  self->body_left = header->length;
  if (header->type == LP2P_MPLEX_CLOSE)
    lp2p_mplex_stream_ended (self, stream);
  else
    lp2p_mplex_stream_was_reset (self, stream);
}

/* The head may come in pieces. */
static void
parse_header (Lp2pMplexSession *self, Lp2pCursor *cursor)
{
  gsize kept = self->header_size;
  gsize n = MIN (lp2p_cursor_left (cursor), sizeof self->header - kept);
  Lp2pCursor ahead = *cursor;
  Lp2pMplexHeader header;
  GError *error = NULL;
  gssize used;

  lp2p_cursor_copy (&ahead, self->header + kept, n);
  used = lp2p_mplex_header_decode (self->header, kept + n, &header, &error);
  if (used < 0)
    {
      lp2p_mplex_session_fail (self, error);
      return;
    }
  if (used == 0)
    {
      lp2p_cursor_skip (cursor, n);
      self->header_size += n;
      return;
    }
  lp2p_cursor_skip (cursor, used - kept);
  self->header_size = 0;
  handle_header (self, &header);
}

static void
parse_body (Lp2pMplexSession *self, Lp2pCursor *cursor)
{
  gsize n = MIN (lp2p_cursor_left (cursor), self->body_left);
  Lp2pCursor ahead = *cursor;
  const guint8 *bytes;

  if (!lp2p_cursor_read_bytes (&ahead, n, &bytes))
    return;
  if (self->body_stream != NULL)
    n = lp2p_mplex_stream_deliver (self, self->body_stream, bytes, n);
  if (n == 0)
    {
      lp2p_mplex_session_stall (self);
      return;
    }
  lp2p_cursor_skip (cursor, n);
  self->body_left -= n;
  if (self->body_left == 0)
    self->body_stream = NULL;
}

/* Returns how many bytes were handled. */
static gsize
parse (Lp2pMplexSession *self, const guint8 *data, gsize size)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);

  while (lp2p_cursor_left (&cursor) > 0 && self->phase == LP2P_MPLEX_OPEN && self->stalled_at < 0)
    {
      if (self->body_left > 0)
        parse_body (self, &cursor);
      else
        parse_header (self, &cursor);
    }
  /* A session that ends still reads, so that the peer reads what was said last
   * rather than a reset of the connection. */
  return self->phase == LP2P_MPLEX_OPEN ? size - lp2p_cursor_left (&cursor) : size;
}

gboolean
lp2p_mplex_session_input (Lp2pMuxerSession *session, gsize budget)
{
  Lp2pMplexSession *self = (Lp2pMplexSession *) session;
  gboolean peeked = FALSE;

  while (self->readable && budget > 0 && self->phase != LP2P_MPLEX_OVER && self->stalled_at < 0)
    {
      const guint8 *data;
      gssize n = lp2p_layer_peek (self->layer, &data);

      peeked = TRUE;
      if (n <= 0)
        self->readable = FALSE;
      if (n == 0)
        lp2p_mplex_session_layer_ended (self);
      else if (n == LP2P_IO_FAILED)
        lp2p_mplex_session_layer_failed (self);
      if (n <= 0)
        break;

      /* All of it: what the layer has opened already would only be copied. */
      n = parse (self, data, n);
      lp2p_layer_consume (self->layer, n);
      budget -= MIN ((gsize) n, budget);
    }

  if (peeked)
    lp2p_layer_park (self->layer);
  return self->readable && self->phase != LP2P_MPLEX_OVER && self->stalled_at < 0;
}
