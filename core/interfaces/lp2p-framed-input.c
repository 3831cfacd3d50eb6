/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a session reads from its layer. */

#include <lp2p/types/lp2p-cursor.h>

#include "interfaces/lp2p-framed-session-private.h"

/* A head comes in one piece nearly always: it is read where it lies. */
static void
parse_header (Lp2pFramedSession *self, Lp2pCursor *cursor)
{
  const Lp2pFramedSessionClass *klass = lp2p_framed_session_get_class (self);
  gsize kept = self->header_size;
  gsize n = MIN (lp2p_cursor_left (cursor), klass->header_max - kept);
  Lp2pCursor ahead = *cursor;
  const guint8 *bytes = self->header;
  gsize used;

  if (kept == 0)
    lp2p_cursor_read_bytes (&ahead, n, &bytes);
  else
    lp2p_cursor_copy (&ahead, self->header + kept, n);
  used = klass->parse (self, bytes, kept + n);
  if (used > 0)
    {
      lp2p_cursor_skip (cursor, used - kept);
      self->header_size = 0;
      return;
    }
  if (kept == 0)
    lp2p_cursor_copy (cursor, self->header, n);
  else
    lp2p_cursor_skip (cursor, n);
  self->header_size += n;
}

static void
parse_body (Lp2pFramedSession *self, Lp2pCursor *cursor)
{
  Lp2pQueuedSession *session = &self->parent;
  gsize size = MIN (lp2p_cursor_left (cursor), self->body_left);
  gsize n = size;
  Lp2pCursor ahead = *cursor;
  const guint8 *bytes;

  if (!lp2p_cursor_read_bytes (&ahead, size, &bytes))
    return;
  /* Whoever gets them may ask what is still to come. */
  self->body_left -= size;
  if (session->receiving != NULL)
    n = lp2p_queued_stream_deliver (session->receiving, session, bytes, size);
  lp2p_cursor_skip (cursor, n);
  self->body_left += size - n;
  if (self->body_left > 0)
    return;

  /* The stream may have gone meanwhile. */
  if (session->receiving != NULL && self->body_ends)
    lp2p_queued_stream_ended (session->receiving, session);
  session->receiving = NULL;
  self->body_ends = FALSE;
}

/* Returns how many bytes were handled. */
static gsize
parse (Lp2pFramedSession *self, const guint8 *data, gsize size)
{
  Lp2pQueuedSession *session = &self->parent;
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);

  while (lp2p_cursor_left (&cursor) > 0 && session->phase < LP2P_PHASE_DRAINING && session->stalled_at < 0)
    {
      if (self->body_left > 0)
        parse_body (self, &cursor);
      else
        parse_header (self, &cursor);
    }
  /* A session that ends still reads, so that the peer reads what was said last
   * rather than a reset of the connection. */
  return session->phase < LP2P_PHASE_DRAINING ? size - lp2p_cursor_left (&cursor) : size;
}

static gboolean
can_read (Lp2pFramedSession *self)
{
  return self->readable && self->parent.phase != LP2P_PHASE_OVER && self->parent.stalled_at < 0;
}

gboolean
lp2p_framed_session_input (Lp2pMuxerSession *session, gsize budget)
{
  Lp2pFramedSession *self = (Lp2pFramedSession *) session;
  gboolean peeked = FALSE;

  /* A session that is stalled does not read, and so would not learn of it. */
  if (self->parent.stalled_at >= 0 && lp2p_layer_get_error (self->layer) != NULL)
    lp2p_framed_session_layer_failed (self);
  while (can_read (self) && budget > 0)
    {
      const guint8 *data;
      gssize n = lp2p_layer_peek (self->layer, &data);

      peeked = TRUE;
      if (n <= 0)
        self->readable = FALSE;
      if (n == 0)
        lp2p_framed_session_layer_ended (self);
      else if (n == LP2P_IO_FAILED)
        lp2p_framed_session_layer_failed (self);
      if (n <= 0)
        break;

      /* All of it: what the layer has opened already would only be copied. */
      n = parse (self, data, n);
      lp2p_layer_consume (self->layer, n);
      budget -= MIN ((gsize) n, budget);
      self->heard_at = lp2p_loop_now (session->loop);
    }

  if (peeked)
    lp2p_layer_park (self->layer);
  return can_read (self);
}
