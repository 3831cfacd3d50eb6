/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-yamux-session-private.h"

#include <glib/gi18n-lib.h>

/* Streams */

Lp2pYamuxStream *
lp2p_yamux_stream_new (Lp2pYamuxSession *session, guint32 id, gboolean inbound)
{
  Lp2pYamuxStream *self = g_new0 (Lp2pYamuxStream, 1);

  lp2p_yamux_window_init (&self->window, lp2p_loop_now (session->parent.layer->loop));
  lp2p_queued_stream_init (&self->parent, &session->parent.parent, id, inbound);
  self->parent.send_window = LP2P_YAMUX_INITIAL_WINDOW;
  return self;
}

static int
session_open (Lp2pMuxerSession *session, Lp2pMuxerStream **stream)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;
  Lp2pYamuxStream *opened;

  *stream = NULL;
  if (self->parent.parent.phase != LP2P_PHASE_OPEN)
    return LP2P_IO_FAILED;
  if (self->n_unacknowledged >= self->ack_backlog)
    {
      self->open_refused = TRUE;
      return LP2P_IO_AGAIN;
    }

  opened = lp2p_yamux_stream_new (self, self->next_id, FALSE);
  self->next_id += 2;
  opened->unacknowledged = TRUE;
  self->n_unacknowledged++;
  lp2p_queued_stream_add_pending (&opened->parent, &self->parent.parent, LP2P_PENDING_OPEN);
  if (self->next_id > G_MAXUINT32)
    lp2p_queued_session_peer_goes (&self->parent.parent);
  *stream = &opened->parent.parent;
  return 0;
}

static void
stream_accepted (Lp2pQueuedSession *session, Lp2pQueuedStream *stream)
{
  lp2p_queued_stream_add_pending (stream, session, LP2P_PENDING_ACCEPT);
}

/* Ours: the peer has accepted it, or it is gone. */
void
lp2p_yamux_session_acknowledged (Lp2pYamuxSession *self, Lp2pYamuxStream *stream)
{
  Lp2pMuxerSession *session = &self->parent.parent.parent;

  if (!stream->unacknowledged)
    return;
  stream->unacknowledged = FALSE;
  self->n_unacknowledged--;
  if (!self->open_refused)
    return;
  self->open_refused = FALSE;
  if (session->events != NULL && session->events->can_open != NULL)
    session->events->can_open (session, session->events_data);
}

static void
stream_forgotten (Lp2pQueuedSession *session, Lp2pQueuedStream *stream)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;

  self->stray_credit += ((Lp2pYamuxStream *) stream)->window.left;
  lp2p_yamux_session_acknowledged (self, (Lp2pYamuxStream *) stream);
}

/* Windows that are not used */

/* Credit cannot be taken back, the memory for it can: a window of which the peer did not
 * use half for this long is reserved no more. Should it come and not be read, it needs
 * memory like all else. */
#define IDLE_US (30 * G_USEC_PER_SEC)

void
lp2p_yamux_session_watch_idle (Lp2pYamuxSession *self)
{
  if (self->idle_at < 0)
    self->idle_at = lp2p_loop_now (self->parent.layer->loop) + IDLE_US;
}

static void
give_back_idle (Lp2pYamuxSession *self, gint64 now)
{
  Lp2pQueuedSession *session = &self->parent.parent;
  GHashTableIter iter;
  gpointer id;

  if (self->idle_at < 0 || now < self->idle_at)
    return;
  self->idle_at = -1;
  g_hash_table_iter_init (&iter, session->streams);
  while (g_hash_table_iter_next (&iter, &id, NULL))
    {
      Lp2pQueuedStream *stream = lp2p_queued_session_lookup (session, *(gint64 *) id);

      if (now - ((Lp2pYamuxStream *) stream)->window.since >= IDLE_US)
        lp2p_queued_stream_promise (stream, session, 0);
      else if (stream->promised > 0)
        lp2p_yamux_session_watch_idle (self);
    }
}

/* Pings */

/* The round trip is measured as soon as there is something to measure it for. */
void
lp2p_yamux_session_saw_data (Lp2pYamuxSession *self)
{
  if (self->saw_data)
    return;
  self->saw_data = TRUE;
  self->ping_wanted = TRUE;
  lp2p_queued_session_want_pump (&self->parent.parent);
}

/* An answer that nobody waits for is no reason to part. */
void
lp2p_yamux_session_pong (Lp2pYamuxSession *self, guint32 id)
{
  gint64 sample;

  if (self->ping_sent < 0 || id != self->ping_id)
    return;
  sample = MAX (lp2p_loop_now (self->parent.layer->loop) - self->ping_sent, 1);
  self->parent.rtt = self->parent.rtt < 0 ? sample : (self->parent.rtt + sample) / 2;
  self->ping_sent = -1;
  lp2p_queued_session_want_pump (&self->parent.parent);
}

static gsize
put_ping (Lp2pFramedSession *session, guint8 *out)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;
  Lp2pYamuxHeader header = { LP2P_YAMUX_PING, LP2P_YAMUX_SYN, 0, self->ping_id + 1 };
  gint64 now = lp2p_loop_now (session->layer->loop);

  if (!self->ping_wanted || self->ping_sent >= 0)
    return 0;
  self->ping_id++;
  self->ping_wanted = FALSE;
  self->ping_sent = now;
  if (self->keepalive_interval > 0)
    self->ping_at = now + self->keepalive_interval;
  lp2p_yamux_header_encode (&header, out);
  return LP2P_YAMUX_HEADER_SIZE;
}

/* A peer that sends anything is alive, though its answer to a ping may be stuck
 * behind much data. */
static gint64
get_ping_deadline (Lp2pYamuxSession *self)
{
  return MAX (self->ping_sent, self->parent.heard_at) + self->parent.write_timeout;
}

static gint64
session_get_next_timeout (Lp2pFramedSession *session)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;
  gint64 ping = self->ping_sent >= 0 ? get_ping_deadline (self) : self->ping_at;

  if (ping < 0 || self->idle_at < 0)
    return MAX (ping, self->idle_at);
  return MIN (ping, self->idle_at);
}

static void
session_timeout (Lp2pFramedSession *session, gint64 now)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;

  give_back_idle (self, now);
  if (self->ping_sent >= 0 && now >= get_ping_deadline (self))
    lp2p_framed_session_give_up (session, _("a ping was not answered and nothing was received"));
  else if (self->ping_sent < 0 && self->ping_at >= 0 && now >= self->ping_at)
    {
      self->ping_at = now + self->keepalive_interval;
      self->ping_wanted = TRUE;
      lp2p_queued_session_want_pump (&session->parent);
    }
}

/* Frames of the session */

static gsize
put_go_away (Lp2pFramedSession *session, guint32 code, guint8 *out)
{
  Lp2pYamuxHeader header = { LP2P_YAMUX_GO_AWAY, 0, 0, code };

  lp2p_yamux_header_encode (&header, out);
  return LP2P_YAMUX_HEADER_SIZE;
}

static gsize
put_reply (Lp2pFramedSession *session, gconstpointer reply, guint8 *out)
{
  lp2p_yamux_header_encode (reply, out);
  return LP2P_YAMUX_HEADER_SIZE;
}

static Lp2pFramedSessionClass session_class = {
  .parent.parent.name = "yamux",
  .parent.parent.caps = LP2P_MUXER_BACKPRESSURE | LP2P_MUXER_HALF_CLOSE | LP2P_MUXER_CODES,
  .parent.parent.open = session_open,
  .parent.stream_taken = lp2p_yamux_stream_credit,
  .parent.stream_accepted = stream_accepted,
  .parent.stream_forgotten = stream_forgotten,
  .header_max = LP2P_YAMUX_HEADER_SIZE,
  .reply_size = sizeof (Lp2pYamuxHeader),
  .protocol_error = LP2P_YAMUX_PROTOCOL_ERROR,
  .internal_error = LP2P_YAMUX_INTERNAL_ERROR,
  .parse = lp2p_yamux_session_parse,
  .write = lp2p_yamux_stream_write,
  .put_pending = lp2p_yamux_stream_put_pending,
  .put_reply = put_reply,
  .put_session = put_ping,
  .put_goodbye = put_go_away,
  .get_next_timeout = session_get_next_timeout,
  .timeout = session_timeout,
};

/* Starts a session over @layer, which it owns. */
Lp2pMuxerSession *
lp2p_yamux_session_new (Lp2pLayer *layer, Lp2pRole role, const Lp2pYamuxOptions *options)
{
  Lp2pYamuxSession *self = g_new0 (Lp2pYamuxSession, 1);

  lp2p_framed_session_init (&self->parent, &session_class, layer, &options->budget);
  self->parent.parent.max_zombies = options->ack_backlog;
  self->parent.write_timeout = options->write_timeout;
  self->max_window = options->max_window;
  self->max_streams = options->max_streams;
  self->ack_backlog = options->ack_backlog;
  self->keepalive_interval = options->keepalive_interval;
  self->responder = role == LP2P_ROLE_RESPONDER;
  self->next_id = self->responder ? 2 : 1;
  self->idle_at = -1;
  self->ping_at =
      options->keepalive_interval > 0 ? self->parent.heard_at + options->keepalive_interval : -1;
  self->ping_sent = -1;
  return &self->parent.parent.parent;
}
