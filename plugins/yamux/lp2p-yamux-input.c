/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-yamux-session-private.h"

#include <glib/gi18n-lib.h>

static void
reply (Lp2pYamuxSession *self, Lp2pYamuxType type, guint16 flags, guint32 stream_id, guint32 length)
{
  Lp2pYamuxHeader header = { type, flags, stream_id, length };

  lp2p_framed_session_reply (&self->parent, &header);
}

/* The payload that follows belongs to nobody any more. */
static void
handle_stray_data (Lp2pYamuxSession *self, const Lp2pYamuxHeader *header)
{
  if (header->length > self->stray_credit)
    {
      lp2p_framed_session_violation (
          &self->parent, _("%u bytes came for stream %u, which is closed and whose window is used up"),
          header->length, header->stream_id);
      return;
    }
  self->stray_credit -= header->length;
  self->parent.body_left = header->length;
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
      lp2p_framed_session_violation (&self->parent,
                                     _("a frame came for stream %u, which was never opened"),
                                     header->stream_id);
      return;
    }
  if (header->type == LP2P_YAMUX_DATA && header->length > 0)
    handle_stray_data (self, header);
}

/* Returns the new stream, or %NULL when there is none to go on with. */
static Lp2pYamuxStream *
handle_syn (Lp2pYamuxSession *self, const Lp2pYamuxHeader *header)
{
  Lp2pQueuedSession *session = &self->parent.parent;
  guint32 id = header->stream_id;

  if (is_ours (self, id))
    {
      lp2p_framed_session_violation (&self->parent,
                                     self->responder ? _("the peer opened stream %u; even ids are ours")
                                                     : _("the peer opened stream %u; odd ids are ours"),
                                     id);
      return NULL;
    }
  if (lp2p_queued_session_lookup (session, id) != NULL)
    {
      lp2p_framed_session_violation (&self->parent, _("the peer opened stream %u, which exists"), id);
      return NULL;
    }
  self->highest_remote = MAX (self->highest_remote, id);

  if ((header->flags & LP2P_YAMUX_RST) != 0 || session->n_inbound >= self->max_streams)
    {
      if ((header->flags & LP2P_YAMUX_RST) == 0)
        reply (self, LP2P_YAMUX_WINDOW_UPDATE, LP2P_YAMUX_RST, id, LP2P_CODE_STREAM_RESOURCE_LIMIT);
      self->stray_credit += LP2P_YAMUX_INITIAL_WINDOW;
      return NULL;
    }
  return lp2p_yamux_stream_new (self, id, TRUE);
}

static void
handle_window_update (Lp2pYamuxSession *self,
                      Lp2pQueuedStream *stream,
                      const Lp2pYamuxHeader *header)
{
  Lp2pQueuedSession *session = &self->parent.parent;

  if (header->flags & LP2P_YAMUX_RST)
    {
      lp2p_queued_stream_was_reset (stream, session, header->length);
      return;
    }
  if (header->length > G_MAXUINT32 - stream->send_window)
    {
      lp2p_framed_session_violation (
          &self->parent, _("the window of stream %u grew beyond 32 bits: %u and %u bytes"),
          header->stream_id, (guint32) stream->send_window, header->length);
      return;
    }
  if (header->length > 0)
    {
      stream->send_window += header->length;
      lp2p_queued_stream_allowed (stream, session);
    }
  if (header->flags & LP2P_YAMUX_FIN)
    lp2p_queued_stream_ended (stream, session);
}

static void
handle_data (Lp2pYamuxSession *self, Lp2pYamuxStream *stream, const Lp2pYamuxHeader *header)
{
  Lp2pQueuedSession *session = &self->parent.parent;

  if (!lp2p_yamux_window_take (&stream->window, header->length))
    {
      lp2p_framed_session_violation (
          &self->parent, _("%u bytes came for stream %u, whose window has %u left"), header->length,
          header->stream_id, stream->window.left);
      return;
    }

  self->parent.body_left = header->length;
  if (header->flags & LP2P_YAMUX_RST)
    lp2p_queued_stream_was_reset (&stream->parent, session, 0);
  else if (header->length > 0 && stream->parent.read_side == LP2P_SIDE_ENDED)
    lp2p_queued_stream_fail (&stream->parent, session, LP2P_CODE_STREAM_PROTOCOL_VIOLATION,
                             g_error_new (LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                                          _("yamux: %u bytes came behind the end of the stream"),
                                          header->length));
  else if (header->length > 0)
    {
      session->receiving = &stream->parent;
      self->parent.body_ends = (header->flags & LP2P_YAMUX_FIN) != 0;
      lp2p_yamux_session_saw_data (self);
    }
  else if (header->flags & LP2P_YAMUX_FIN)
    lp2p_queued_stream_ended (&stream->parent, session);
}

static void
handle_stream_frame (Lp2pYamuxSession *self, const Lp2pYamuxHeader *header)
{
  Lp2pQueuedSession *session = &self->parent.parent;
  Lp2pYamuxStream *stream;

  if (header->flags & LP2P_YAMUX_SYN)
    {
      stream = handle_syn (self, header);
      if (session->phase >= LP2P_PHASE_DRAINING)
        return;
    }
  else
    stream = (Lp2pYamuxStream *) lp2p_queued_session_lookup (session, header->stream_id);

  if (stream == NULL || stream->parent.forgotten)
    {
      handle_stray (self, header);
      return;
    }
  if (header->flags & LP2P_YAMUX_ACK)
    lp2p_yamux_session_acknowledged (self, stream);
  if (header->type == LP2P_YAMUX_DATA)
    handle_data (self, stream, header);
  else
    handle_window_update (self, &stream->parent, header);
}

static void
handle_ping (Lp2pYamuxSession *self, const Lp2pYamuxHeader *header)
{
  if (header->flags & LP2P_YAMUX_SYN)
    reply (self, LP2P_YAMUX_PING, LP2P_YAMUX_ACK, 0, header->length);
  else
    lp2p_yamux_session_pong (self, header->length);
}

static void
handle_go_away (Lp2pYamuxSession *self, guint32 code)
{
  Lp2pQueuedSession *session = &self->parent.parent;
  g_autofree char *text = lp2p_connection_code_to_string (code);

  if (code == LP2P_YAMUX_NORMAL)
    {
      lp2p_queued_session_peer_goes (session);
      return;
    }
  session->remote_code = code;
  lp2p_queued_session_fail (session,
                            g_error_new (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                                         code == LP2P_YAMUX_PROTOCOL_ERROR
                                             ? _("yamux: the peer closed the session with code %s (protocol error)")
                                         : code == LP2P_YAMUX_INTERNAL_ERROR
                                             ? _("yamux: the peer closed the session with code %s (internal error)")
                                             : _("yamux: the peer closed the session with code %s"),
                                         text));
}

gsize
lp2p_yamux_session_parse (Lp2pFramedSession *session, const guint8 *bytes, gsize size)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;
  Lp2pYamuxHeader header;
  GError *error = NULL;

  if (size < LP2P_YAMUX_HEADER_SIZE)
    return 0;
  if (!lp2p_yamux_header_decode (bytes, &header, &error))
    {
      lp2p_framed_session_fail_protocol (session, error);
      return 0;
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
      handle_go_away (self, header.length);
      break;
    }
  return LP2P_YAMUX_HEADER_SIZE;
}
