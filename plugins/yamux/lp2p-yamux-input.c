/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-yamux-session-private.h"

#include <glib/gi18n-lib.h>

G_GNUC_PRINTF (2, 3)
static void
violation (Lp2pYamuxSession *self, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  lp2p_yamux_session_fail_protocol (
      self, g_error_new (LP2P_ERROR, LP2P_ERROR_PROTOCOL, _("yamux: %s"), what));
}

static void
reply (Lp2pYamuxSession *self, Lp2pYamuxType type, guint16 flags, guint32 stream_id, guint32 length)
{
  Lp2pYamuxHeader header = { type, flags, stream_id, length };

  if (!lp2p_yamux_session_reply (self, &header))
    violation (self, _("the peer goes on asking but does not read the answers"));
}

static void
handle_ping (Lp2pYamuxSession *self, const Lp2pYamuxHeader *header)
{
  gint64 now = lp2p_loop_now (self->parent.loop);
  gint64 sample;

  if (header->flags & LP2P_YAMUX_SYN)
    {
      reply (self, LP2P_YAMUX_PING, LP2P_YAMUX_ACK, 0, header->length);
      return;
    }
  /* An answer that nobody waits for is no reason to part. */
  if (self->ping_sent < 0 || header->length != self->ping_id)
    return;

  sample = MAX (now - self->ping_sent, 1);
  self->rtt = self->rtt < 0 ? sample : (self->rtt + sample) / 2;
  self->ping_sent = -1;
  lp2p_yamux_session_want_pump (self);
}

/* The payload that follows belongs to nobody any more. */
static void
handle_stray_data (Lp2pYamuxSession *self, const Lp2pYamuxHeader *header)
{
  if (header->length > self->stray_credit)
    {
      violation (self, _("%u bytes came for stream %u, which is closed and whose window is used up"),
                 header->length, header->stream_id);
      return;
    }
  self->stray_credit -= header->length;
  self->body_left = header->length;
}

static gboolean
is_ours (Lp2pYamuxSession *self, guint32 id)
{
  return (id % 2 == 0) == self->responder;
}

/* A frame for a stream that is not there. Late frames of closed streams are
 * normal. rust ends and resets streams of which it never sent anything, SYN
 * included: that is no harm. */
static void
handle_stray (Lp2pYamuxSession *self, const Lp2pYamuxHeader *header)
{
  gboolean existed = is_ours (self, header->stream_id) ? header->stream_id < self->next_id
                                                       : header->stream_id <= self->highest_remote;
  gboolean ends = (header->flags & LP2P_YAMUX_RST) != 0 ||
                  ((header->flags & LP2P_YAMUX_FIN) != 0 && header->length == 0);

  if (!existed && (!ends || is_ours (self, header->stream_id)))
    {
      violation (self, _("a frame came for stream %u, which was never opened"), header->stream_id);
      return;
    }
  if (header->type == LP2P_YAMUX_DATA && header->length > 0)
    handle_stray_data (self, header);
}

/* Returns the new stream, or %NULL when there is none to go on with. */
static Lp2pYamuxStream *
handle_syn (Lp2pYamuxSession *self, const Lp2pYamuxHeader *header)
{
  const Lp2pMuxerEvents *events = self->parent.events;
  guint32 id = header->stream_id;
  Lp2pYamuxStream *stream;

  if (is_ours (self, id))
    {
      violation (self,
                 self->responder ? _("the peer opened stream %u; even ids are ours")
                                 : _("the peer opened stream %u; odd ids are ours"),
                 id);
      return NULL;
    }
  if (g_hash_table_contains (self->streams, GUINT_TO_POINTER (id)))
    {
      violation (self, _("the peer opened stream %u, which exists"), id);
      return NULL;
    }
  self->highest_remote = MAX (self->highest_remote, id);

  if ((header->flags & LP2P_YAMUX_RST) != 0 || self->n_inbound >= self->options.max_streams ||
      self->accepts.length >= self->options.ack_backlog)
    {
      if ((header->flags & LP2P_YAMUX_RST) == 0)
        reply (self, LP2P_YAMUX_WINDOW_UPDATE, LP2P_YAMUX_RST, id, LP2P_CODE_STREAM_RESOURCE_LIMIT);
      self->stray_credit += LP2P_YAMUX_INITIAL_WINDOW;
      return NULL;
    }

  stream = lp2p_yamux_stream_new (self, id, TRUE);
  stream->turn.link.data = stream;
  g_queue_push_tail_link (&self->accepts, &stream->turn.link);
  if (events != NULL && events->incoming != NULL)
    events->incoming (&self->parent, self->parent.events_data);
  return stream;
}

static void
handle_window_update (Lp2pYamuxSession *self,
                      Lp2pYamuxStream *stream,
                      const Lp2pYamuxHeader *header)
{
  if (header->flags & LP2P_YAMUX_RST)
    {
      lp2p_yamux_stream_was_reset (self, stream, header->length);
      return;
    }
  if (header->length > G_MAXUINT32 - stream->send_window)
    {
      violation (self, _("the window of stream %u grew beyond 32 bits: %u and %u bytes"), stream->id,
                 stream->send_window, header->length);
      return;
    }
  if (header->length > 0)
    {
      stream->send_window += header->length;
      lp2p_yamux_stream_allowed (self, stream);
    }
  if (header->flags & LP2P_YAMUX_FIN)
    lp2p_yamux_stream_ended (self, stream);
}

static void
handle_data (Lp2pYamuxSession *self, Lp2pYamuxStream *stream, const Lp2pYamuxHeader *header)
{
  if (!lp2p_yamux_window_take (&stream->window, header->length))
    {
      violation (self, _("%u bytes came for stream %u, whose window has %u left"), header->length,
                 stream->id, stream->window.left);
      return;
    }

  self->body_left = header->length;
  if (header->flags & LP2P_YAMUX_RST)
    lp2p_yamux_stream_was_reset (self, stream, 0);
  else if (header->length > 0 && stream->read_side == LP2P_YAMUX_SIDE_ENDED)
    lp2p_yamux_stream_violated (self, stream,
                                g_error_new (LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                                             _("yamux: %u bytes came behind the end of the stream"),
                                             header->length));
  else if (header->length > 0)
    {
      self->body_stream = stream;
      self->body_ends = (header->flags & LP2P_YAMUX_FIN) != 0;
      lp2p_yamux_session_saw_data (self);
    }
  else if (header->flags & LP2P_YAMUX_FIN)
    lp2p_yamux_stream_ended (self, stream);
}

static void
handle_stream_frame (Lp2pYamuxSession *self, const Lp2pYamuxHeader *header)
{
  Lp2pYamuxStream *stream;

  if (header->flags & LP2P_YAMUX_SYN)
    {
      stream = handle_syn (self, header);
      if (self->phase >= LP2P_YAMUX_DRAINING)
        return;
    }
  else
    stream = g_hash_table_lookup (self->streams, GUINT_TO_POINTER (header->stream_id));

  if (stream == NULL || stream->forgotten)
    {
      handle_stray (self, header);
      return;
    }
  if (header->flags & LP2P_YAMUX_ACK)
    lp2p_yamux_stream_acknowledged (self, stream);
  if (header->type == LP2P_YAMUX_DATA)
    handle_data (self, stream, header);
  else
    handle_window_update (self, stream, header);
}

static void
handle_header (Lp2pYamuxSession *self, const guint8 *bytes)
{
  Lp2pYamuxHeader header;
  GError *error = NULL;

  if (!lp2p_yamux_header_decode (bytes, &header, &error))
    {
      lp2p_yamux_session_fail_protocol (self, error);
      return;
    }
  switch (header.type)
    {
    case LP2P_YAMUX_DATA:
    case LP2P_YAMUX_WINDOW_UPDATE:
      handle_stream_frame (self, &header);
      break;
    case LP2P_YAMUX_PING:
      handle_ping (self, &header);
      break;
    case LP2P_YAMUX_GO_AWAY:
      lp2p_yamux_session_peer_goes (self, header.length);
      break;
    }
}

/* A header comes in one piece nearly always: it is read where it lies. */
static void
parse_header (Lp2pYamuxSession *self, Lp2pCursor *cursor)
{
  const guint8 *bytes = self->header;
  gsize n = MIN (lp2p_cursor_left (cursor), (gsize) LP2P_YAMUX_HEADER_SIZE - self->header_size);

  if (n == LP2P_YAMUX_HEADER_SIZE)
    lp2p_cursor_read_bytes (cursor, n, &bytes);
  else
    {
      lp2p_cursor_copy (cursor, self->header + self->header_size, n);
      self->header_size += n;
      if (self->header_size < LP2P_YAMUX_HEADER_SIZE)
        return;
      self->header_size = 0;
    }
  handle_header (self, bytes);
}

static void
parse_body (Lp2pYamuxSession *self, Lp2pCursor *cursor)
{
  gsize n = MIN (lp2p_cursor_left (cursor), self->body_left);
  const guint8 *bytes;

  if (!lp2p_cursor_read_bytes (cursor, n, &bytes))
    return;
  self->body_left -= n;
  if (self->body_stream != NULL)
    lp2p_yamux_stream_deliver (self, self->body_stream, bytes, n);
  if (self->body_left > 0)
    return;

  /* The stream may have gone meanwhile. */
  if (self->body_stream != NULL && self->body_ends)
    lp2p_yamux_stream_ended (self, self->body_stream);
  self->body_stream = NULL;
  self->body_ends = FALSE;
}

static gsize
parse (Lp2pYamuxSession *self, const guint8 *data, gsize size)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);

  /* A session that ends still reads, so that the peer reads its go-away rather
   * than a reset of the connection. */
  while (lp2p_cursor_left (&cursor) > 0 && self->phase < LP2P_YAMUX_DRAINING)
    {
      if (self->body_left > 0)
        parse_body (self, &cursor);
      else
        parse_header (self, &cursor);
    }
  return size;
}

gboolean
lp2p_yamux_session_input (Lp2pMuxerSession *session, gsize budget)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;
  gboolean peeked = FALSE;

  while (self->readable && budget > 0 && self->phase != LP2P_YAMUX_OVER)
    {
      const guint8 *data;
      gssize n = lp2p_layer_peek (self->layer, &data);

      peeked = TRUE;
      if (n <= 0)
        self->readable = FALSE;
      if (n == 0)
        lp2p_yamux_session_layer_ended (self);
      else if (n == LP2P_IO_FAILED)
        lp2p_yamux_session_layer_failed (self);
      if (n <= 0)
        break;

      /* All of it: what the layer has opened already would only be copied. */
      n = parse (self, data, n);
      lp2p_layer_consume (self->layer, n);
      budget -= MIN ((gsize) n, budget);
      self->heard_at = lp2p_loop_now (self->parent.loop);
    }

  if (peeked)
    lp2p_layer_park (self->layer);
  return self->readable && self->phase != LP2P_YAMUX_OVER;
}
