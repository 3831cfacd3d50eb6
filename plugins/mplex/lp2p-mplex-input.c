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

  if (cost > self->stray_credit)
    lp2p_framed_session_violation (
        &self->parent,
        _("the peer goes on sending on streams that are not open, such as %" PRIu64),
        header->stream_id);
  else
    self->stray_credit -= cost;
}

/* What follows is the stream's name, which has no meaning. */
static void
handle_new_stream (Lp2pMplexSession *self, const Lp2pMplexHeader *header)
{
  Lp2pQueuedSession *session = &self->parent.parent;

  if (lp2p_queued_session_lookup (session, lp2p_mplex_key (header->stream_id, FALSE)) != NULL)
    lp2p_framed_session_violation (&self->parent,
                                   _("the peer opened stream %" PRIu64 ", which exists"),
                                   header->stream_id);
  else if (session->n_inbound >= self->max_streams)
    {
      self->stray_credit += LP2P_MPLEX_STRAY_CREDIT;
      lp2p_framed_session_reply (&self->parent, &header->stream_id);
    }
  else
    lp2p_mplex_session_add_stream (self, header->stream_id);
}

static void
handle_message (Lp2pQueuedSession *session, Lp2pQueuedStream *stream, const Lp2pMplexHeader *header)
{
  if (header->length == 0)
    return;
  if (stream->read_side == LP2P_SIDE_ENDED)
    lp2p_queued_stream_fail (stream, session, LP2P_CODE_STREAM_PROTOCOL_VIOLATION,
                             g_error_new (LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                                          _("mplex: %u bytes came behind the end of the stream"),
                                          header->length));
  else
    session->receiving = stream;
}

static void
handle_header (Lp2pMplexSession *self, const Lp2pMplexHeader *header)
{
  Lp2pQueuedSession *session = &self->parent.parent;
  Lp2pQueuedStream *stream =
      lp2p_queued_session_lookup (session, lp2p_mplex_key (header->stream_id, !header->from_opener));

  /* Ends and resets have no payload; one that has is dropped, as rust does. */
  self->parent.body_left = header->length;
  if (header->type == LP2P_MPLEX_NEW_STREAM)
    handle_new_stream (self, header);
  else if (stream == NULL || stream->forgotten)
    handle_stray (self, header);
  else if (header->type == LP2P_MPLEX_MESSAGE)
    handle_message (session, stream, header);
  else if (header->type == LP2P_MPLEX_CLOSE)
    lp2p_queued_stream_ended (stream, session);
  else
    lp2p_queued_stream_was_reset (stream, session, 0);
}

gsize
lp2p_mplex_session_parse (Lp2pFramedSession *session, const guint8 *bytes, gsize size)
{
  Lp2pMplexHeader header;
  GError *error = NULL;
  gssize used = lp2p_mplex_header_decode (bytes, size, &header, &error);

  if (used > 0)
    handle_header ((Lp2pMplexSession *) session, &header);
  else if (used < 0)
    lp2p_framed_session_fail_protocol (session, error);
  return MAX (used, 0);
}
