/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a session reads from its layer. */

#include <lp2p/types/lp2p-cursor.h>

#include "interfaces/lp2p-framed-session-private.h"
#include "interfaces/lp2p-queued-session-private.h"

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

/* Returns how much of it was taken. */
static gsize
deliver_body (Lp2pFramedSession *self, const guint8 *bytes, gsize size)
{
  Lp2pQueuedSession *session = &self->parent;
  gsize n = size;

  /* Whoever gets them may ask what is still to come. */
  self->body_left -= size;
  if (session->receiving != NULL)
    n = lp2p_queued_stream_deliver (session->receiving, session, bytes, size);
  self->body_left += size - n;
  if (self->body_left > 0)
    return n;

  /* The stream may have gone meanwhile. */
  if (session->receiving != NULL && self->body_ends)
    lp2p_queued_stream_ended (session->receiving, session);
  session->receiving = NULL;
  self->body_ends = FALSE;
  return n;
}

static void
parse_body (Lp2pFramedSession *self, Lp2pCursor *cursor)
{
  gsize size = MIN (lp2p_cursor_left (cursor), self->body_left);
  Lp2pCursor ahead = *cursor;
  const guint8 *bytes;

  if (lp2p_cursor_read_bytes (&ahead, size, &bytes))
    lp2p_cursor_skip (cursor, deliver_body (self, bytes, size));
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

/* Reads what is there, all of it: what the layer has opened already would only be copied.
 * Returns as the layer does, also where a stall leaves some or all of it there. */
static gssize
read_frames (Lp2pFramedSession *self)
{
  const guint8 *data;
  gssize n = lp2p_layer_peek (self->layer, &data);

  if (n > 0)
    lp2p_layer_consume (self->layer, parse (self, data, (gsize) n));
  return n;
}

/* What comes of the body of a frame, a layer can open where a reader wants it. */
static gssize
read_body (Lp2pFramedSession *self, guint8 *room, gsize size)
{
  gssize n = lp2p_layer_read (self->layer, room, size);

  if (n > 0)
    deliver_body (self, room, (gsize) n);
  return n;
}

static gsize
get_room (Lp2pFramedSession *self, guint8 **room)
{
  Lp2pQueuedSession *session = &self->parent;
  gsize size;

  if (self->body_left == 0 || session->receiving == NULL || session->phase >= LP2P_PHASE_DRAINING)
    return 0;
  size = lp2p_queued_stream_get_room (session->receiving, session, room);
  return MIN (size, self->body_left);
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
  gboolean has_read = FALSE;

  /* A session that is stalled does not read, and so would not learn of it. */
  if (self->parent.stalled_at >= 0 && lp2p_layer_get_error (self->layer) != NULL)
    lp2p_framed_session_layer_failed (self);
  while (can_read (self) && budget > 0)
    {
      guint8 *room;
      gsize size = get_room (self, &room);
      gssize n = size > 0 ? read_body (self, room, size) : read_frames (self);

      has_read = TRUE;
      if (n <= 0)
        self->readable = FALSE;
      if (n == 0)
        lp2p_framed_session_layer_ended (self);
      else if (n == LP2P_IO_FAILED)
        lp2p_framed_session_layer_failed (self);
      if (n <= 0)
        break;
      budget -= MIN ((gsize) n, budget);
      self->heard_at = lp2p_loop_now (session->loop);
    }

  if (has_read)
    lp2p_layer_park (self->layer);
  return can_read (self);
}
