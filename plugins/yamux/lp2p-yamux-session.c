/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-yamux-session-private.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

/* How long a go-away may wait for room in the layer below, and then for the end of
 * what the peer sends. */
#define CLOSE_TIMEOUT (5 * G_USEC_PER_SEC)

/* There is output, or the next timeout changed. */
void
lp2p_yamux_session_want_pump (Lp2pYamuxSession *self)
{
  const Lp2pMuxerEvents *events = self->parent.events;

  if (self->pump_wanted || events == NULL || events->want_pump == NULL)
    return;
  self->pump_wanted = TRUE;
  events->want_pump (&self->parent, self->parent.events_data);
}

/* The round trip is measured as soon as there is something to measure it for. */
void
lp2p_yamux_session_saw_data (Lp2pYamuxSession *self)
{
  if (self->saw_data)
    return;
  self->saw_data = TRUE;
  self->ping_wanted = TRUE;
  lp2p_yamux_session_want_pump (self);
}

gboolean
lp2p_yamux_session_reserve (Lp2pYamuxSession *self, gsize size)
{
  if (size > self->options.max_memory - self->reserved)
    return FALSE;
  if (self->options.reserve != NULL && !self->options.reserve (self->reserved, size, self->options.data))
    return FALSE;
  self->reserved += size;
  return TRUE;
}

void
lp2p_yamux_session_release (Lp2pYamuxSession *self, gsize size)
{
  if (size == 0)
    return;
  self->reserved -= size;
  if (self->options.release != NULL)
    self->options.release (size, self->options.data);
}

/* The end of a session */

static void
end_streams (Lp2pYamuxSession *self, gboolean keep_pending)
{
  GHashTableIter iter;
  gpointer stream;

  g_hash_table_iter_init (&iter, self->streams);
  while (g_hash_table_iter_next (&iter, NULL, &stream))
    if (lp2p_yamux_stream_session_ends (self, stream, keep_pending))
      {
        g_hash_table_iter_remove (&iter);
        lp2p_yamux_stream_destroy (self, stream);
      }
}

static void
announce_closing (Lp2pYamuxSession *self)
{
  const Lp2pMuxerEvents *events = self->parent.events;

  if (events != NULL && events->closing != NULL)
    events->closing (&self->parent, self->parent.events_data);
}

/* Nothing is read or written any more. */
void
lp2p_yamux_session_finish (Lp2pYamuxSession *self)
{
  const Lp2pMuxerEvents *events = self->parent.events;

  if (self->phase == LP2P_YAMUX_OVER)
    return;
  self->phase = LP2P_YAMUX_OVER;
  /* The session is kept until its streams are read; the peer need not wait for
   * that. */
  lp2p_layer_shutdown_write (self->layer);
  end_streams (self, FALSE);
  g_clear_pointer (&self->replies, g_byte_array_unref);
  if (events != NULL && events->closed != NULL)
    events->closed (&self->parent, self->parent.events_data);
}

/* The session ends at once, without a word to the peer. */
void
lp2p_yamux_session_fail (Lp2pYamuxSession *self, GError *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
  lp2p_yamux_session_finish (self);
}

/* The session ends as soon as a go-away with @code has left. */
static void
drain (Lp2pYamuxSession *self, guint32 code, GError *error, gboolean keep_pending)
{
  gboolean was_open = self->phase == LP2P_YAMUX_OPEN;

  if (self->phase >= LP2P_YAMUX_DRAINING)
    {
      g_error_free (error);
      return;
    }
  self->phase = LP2P_YAMUX_DRAINING;
  self->error = error;
  self->go_away_wanted = TRUE;
  self->go_away_code = code;
  self->ping_wanted = FALSE;
  self->close_at = lp2p_loop_now (self->parent.loop) + CLOSE_TIMEOUT;
  end_streams (self, keep_pending);
  if (was_open)
    announce_closing (self);
  lp2p_yamux_session_want_pump (self);
}

/* The peer broke the protocol: it is told, and that is the end. */
void
lp2p_yamux_session_fail_protocol (Lp2pYamuxSession *self, GError *error)
{
  g_debug ("%s", error->message);
  drain (self, LP2P_YAMUX_PROTOCOL_ERROR, error, FALSE);
}

void
lp2p_yamux_session_layer_failed (Lp2pYamuxSession *self)
{
  const GError *why = lp2p_layer_get_error (self->layer);

  lp2p_yamux_session_fail (self, g_error_new (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                                              _("yamux: the connection failed: %s"),
                                              why != NULL ? why->message : _("no reason given")));
}

/* The peer sends nothing more. go ends a session so, without a go-away, when all
 * is well: that counts as orderly where nothing was under way. */
void
lp2p_yamux_session_layer_ended (Lp2pYamuxSession *self)
{
  gboolean middle = self->header_size > 0 || self->body_left > 0;

  if (self->phase != LP2P_YAMUX_DRAINING && !middle &&
      (self->phase == LP2P_YAMUX_PEER_GOING || self->n_live == self->n_zombies))
    self->orderly = TRUE;

  lp2p_yamux_session_fail (
      self, g_error_new_literal (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                                 middle ? _("yamux: the peer ended the connection in the middle of a frame")
                                        : _("yamux: the peer ended the connection")));
}

/* A go-away came. */
void
lp2p_yamux_session_peer_goes (Lp2pYamuxSession *self, guint32 code)
{
  if (code == LP2P_YAMUX_NORMAL)
    {
      if (self->phase != LP2P_YAMUX_OPEN)
        return;
      self->phase = LP2P_YAMUX_PEER_GOING;
      announce_closing (self);
      lp2p_yamux_session_want_pump (self);
      return;
    }

  self->remote_code = code;
  lp2p_yamux_session_fail (
      self, g_error_new (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                         code == LP2P_YAMUX_PROTOCOL_ERROR
                             ? _("yamux: the peer closed the session with code %u (protocol error)")
                         : code == LP2P_YAMUX_INTERNAL_ERROR
                             ? _("yamux: the peer closed the session with code %u (internal error)")
                             : _("yamux: the peer closed the session with code %u"),
                         code));
}

static void
session_close (Lp2pMuxerSession *session, guint32 code, const char *reason)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;

  gboolean has_reason = reason != NULL && reason[0] != '\0';

  if (self->phase >= LP2P_YAMUX_DRAINING)
    return;
  self->orderly = TRUE;
  drain (self, code,
         g_error_new (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The session was closed%s%s"),
                      has_reason ? ": " : "", has_reason ? reason : ""),
         TRUE);
}

static void
session_abort (Lp2pMuxerSession *session, guint32 code)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;

  if (self->phase == LP2P_YAMUX_OVER)
    return;
  lp2p_layer_abort (self->layer, code);
  lp2p_yamux_session_fail (
      self, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The session was aborted")));
}

/* Streams */

static int
session_open (Lp2pMuxerSession *session, Lp2pMuxerStream **stream)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;
  Lp2pYamuxStream *opened;

  *stream = NULL;
  if (self->phase != LP2P_YAMUX_OPEN || self->next_id > G_MAXUINT32)
    return LP2P_IO_FAILED;
  if (self->n_unacknowledged >= self->options.ack_backlog)
    {
      self->open_refused = TRUE;
      return LP2P_IO_AGAIN;
    }

  opened = lp2p_yamux_stream_new (self, self->next_id, FALSE);
  self->next_id += 2;
  self->n_unacknowledged++;
  lp2p_yamux_stream_add_pending (self, opened, LP2P_YAMUX_PENDING_SYN);
  *stream = &opened->parent;
  return 0;
}

static Lp2pMuxerStream *
session_accept (Lp2pMuxerSession *session)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;
  GList *link = g_queue_pop_head_link (&self->accepts);
  Lp2pYamuxStream *stream;

  if (link == NULL)
    return NULL;

  stream = link->data;
  link->data = NULL;
  stream->accepted = TRUE;
  if (self->phase < LP2P_YAMUX_DRAINING)
    lp2p_yamux_stream_add_pending (self, stream, LP2P_YAMUX_PENDING_ACK);
  return &stream->parent;
}

/* Time */

static gint64
earlier (gint64 a, gint64 b)
{
  if (a < 0 || b < 0)
    return MAX (a, b);
  return MIN (a, b);
}

/* A peer that sends anything is alive, though its answer to a ping may be stuck
 * behind much data. */
static gint64
get_ping_deadline (Lp2pYamuxSession *self)
{
  if (self->ping_sent < 0)
    return -1;
  return MAX (self->ping_sent, self->heard_at) + self->options.write_timeout;
}

static gint64
session_get_next_timeout (Lp2pMuxerSession *session)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;
  gint64 next = get_ping_deadline (self);

  if (self->phase == LP2P_YAMUX_OVER)
    return -1;
  if (self->phase == LP2P_YAMUX_DRAINING)
    return self->close_at;
  if (self->ping_sent < 0)
    next = self->ping_at;
  if (self->output.blocked_at >= 0)
    next = earlier (next, self->output.blocked_at + self->options.write_timeout);
  return next;
}

static void
give_up (Lp2pYamuxSession *self, const char *what)
{
  lp2p_layer_abort (self->layer, LP2P_YAMUX_INTERNAL_ERROR);
  lp2p_yamux_session_fail (self, g_error_new (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                                              _("yamux: %s for %" PRId64 " seconds"), what,
                                              self->options.write_timeout / G_USEC_PER_SEC));
}

static void
session_timeout (Lp2pMuxerSession *session, gint64 now)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;

  switch (self->phase)
    {
    case LP2P_YAMUX_OVER:
      return;
    case LP2P_YAMUX_DRAINING:
      if (now < self->close_at)
        return;
      if (!self->lingering)
        lp2p_layer_abort (self->layer, self->go_away_code);
      lp2p_yamux_session_finish (self);
      return;
    default:
      break;
    }

  if (self->ping_sent >= 0 && now >= get_ping_deadline (self))
    give_up (self, _("a ping was not answered and nothing was received"));
  else if (lp2p_muxer_output_is_stuck (&self->output, now, self->options.write_timeout))
    give_up (self, _("the peer took no bytes"));
  else if (self->ping_sent < 0 && self->ping_at >= 0 && now >= self->ping_at)
    {
      self->ping_at = now + self->options.keepalive_interval;
      self->ping_wanted = TRUE;
      lp2p_yamux_session_want_pump (self);
    }
}

/* What is known */

static gboolean
session_has_unsent (Lp2pMuxerSession *session)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;

  self->unsent_asked = lp2p_yamux_session_is_unsent (self);
  return self->unsent_asked;
}

static Lp2pSessionState
session_get_state (Lp2pMuxerSession *session)
{
  switch (((Lp2pYamuxSession *) session)->phase)
    {
    case LP2P_YAMUX_OPEN:
      return LP2P_SESSION_READY;
    case LP2P_YAMUX_PEER_GOING:
    case LP2P_YAMUX_DRAINING:
      return LP2P_SESSION_CLOSING;
    default:
      return LP2P_SESSION_CLOSED;
    }
}

static const GError *
session_get_error (Lp2pMuxerSession *session, guint32 *code)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;

  if (code != NULL)
    *code = self->remote_code;
  return self->orderly ? NULL : self->error;
}

/* The layers below know the path better, where they know it at all. */
static void
session_get_info (Lp2pMuxerSession *session, Lp2pLayerInfo *info)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;

  lp2p_layer_get_info (self->layer, info);
  if (info->rtt < 0)
    info->rtt = self->rtt;
}

/* The layer below */

static void
layer_ready (Lp2pLayer *layer, Lp2pReady ready, gpointer data)
{
  Lp2pYamuxSession *self = data;

  if (ready & LP2P_READY_READ)
    self->readable = TRUE;
  if (ready & LP2P_READY_WRITE)
    lp2p_muxer_output_moved (&self->output);
  lp2p_yamux_session_want_pump (self);
}

/* The next read finds the error. */
static void
layer_failed (Lp2pLayer *layer, const GError *error, gpointer data)
{
  layer_ready (layer, LP2P_READY_READ, data);
}

static const Lp2pLayerEvents layer_events = {
  .ready = layer_ready,
  .failed = layer_failed,
};

static void
session_free (Lp2pMuxerSession *session)
{
  Lp2pYamuxSession *self = (Lp2pYamuxSession *) session;
  GHashTableIter iter;
  gpointer stream;

  lp2p_layer_set_events (self->layer, NULL, NULL);
  g_hash_table_iter_init (&iter, self->streams);
  while (g_hash_table_iter_next (&iter, NULL, &stream))
    {
      g_hash_table_iter_remove (&iter);
      lp2p_yamux_stream_destroy (self, stream);
    }
  g_hash_table_unref (self->streams);
  g_clear_pointer (&self->replies, g_byte_array_unref);
  g_clear_error (&self->error);
  lp2p_layer_free (self->layer);
  if (self->options.destroy != NULL)
    self->options.destroy (self->options.data);
  lp2p_muxer_session_clear (session);
  g_free (self);
}

static const Lp2pMuxerSessionClass session_class = {
  .name = "yamux",
  .caps = LP2P_MUXER_BACKPRESSURE | LP2P_MUXER_HALF_CLOSE | LP2P_MUXER_CODES,
  .max_streams = 0,
  .input = lp2p_yamux_session_input,
  .pump_output = lp2p_yamux_session_pump_output,
  .get_next_timeout = session_get_next_timeout,
  .timeout = session_timeout,
  .open = session_open,
  .accept = session_accept,
  .stream_readv = lp2p_yamux_stream_readv,
  .stream_writev = lp2p_yamux_stream_writev,
  .stream_want = lp2p_yamux_stream_want,
  .stream_shutdown_write = lp2p_yamux_stream_shutdown_write,
  .stream_stop_reading = lp2p_yamux_stream_stop_reading,
  .stream_reset = lp2p_yamux_stream_reset,
  .stream_release = lp2p_yamux_stream_release,
  .stream_get_error = lp2p_yamux_stream_get_error,
  .close = session_close,
  .abort = session_abort,
  .free = session_free,
  .has_unsent = session_has_unsent,
  .get_state = session_get_state,
  .get_error = session_get_error,
  .get_info = session_get_info,
};

/* Starts a session over @layer, which it owns. */
Lp2pMuxerSession *
lp2p_yamux_session_new (Lp2pLayer *layer, Lp2pRole role, const Lp2pYamuxOptions *options)
{
  Lp2pYamuxSession *self = g_new0 (Lp2pYamuxSession, 1);
  gint64 now = lp2p_loop_now (layer->loop);

  lp2p_muxer_session_init (&self->parent, &session_class, layer->loop);
  self->layer = layer;
  self->options = *options;
  self->streams = g_hash_table_new (NULL, NULL);
  self->responder = role == LP2P_ROLE_RESPONDER;
  self->next_id = self->responder ? 2 : 1;
  self->rtt = -1;
  self->ping_at = options->keepalive_interval > 0 ? now + options->keepalive_interval : -1;
  self->ping_sent = -1;
  self->heard_at = now;
  self->readable = TRUE;

  lp2p_layer_set_events (layer, &layer_events, self);
  lp2p_muxer_output_init (&self->output, layer);
  return &self->parent;
}
