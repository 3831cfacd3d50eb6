/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "interfaces/lp2p-framed-session-private.h"

#include "types/lp2p-i18n-private.h"

#include <inttypes.h>

/* How long a goodbye may wait for room in the layer below, and then for the end of
 * what the peer sends. */
#define CLOSE_TIMEOUT (5 * G_USEC_PER_SEC)

static void session_class_init (Lp2pFramedSessionClass *klass);

/* The layer below */

static void
layer_ready (Lp2pLayer *layer, Lp2pReady ready, gpointer data)
{
  Lp2pFramedSession *self = data;

  if (ready & LP2P_READY_READ)
    self->readable = TRUE;
  if (ready & LP2P_READY_WRITE)
    lp2p_framed_session_moved (self);
  lp2p_queued_session_want_pump (&self->parent);
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

/**
 * lp2p_framed_session_init: (skip)
 * @self: the beginning of a new session, all zeros
 * @klass: its functions
 * @layer: (transfer full): what it works over
 * @budget: for memory; `destroy` is the session's to call
 *
 * Starts a session, which reads from the first pump on. Whoever calls this sets the
 * time-outs, and `max_queue` for a protocol that has no windows.
 */
void
lp2p_framed_session_init (Lp2pFramedSession *self,
                          Lp2pFramedSessionClass *klass,
                          Lp2pLayer *layer,
                          const Lp2pMuxerBudget *budget)
{
  if (g_once_init_enter (&klass->ready))
    {
      session_class_init (klass);
      g_once_init_leave (&klass->ready, 1);
    }
  lp2p_queued_session_init (&self->parent, &klass->parent, layer->loop, budget);
  self->layer = layer;
  self->rtt = -1;
  self->heard_at = lp2p_loop_now (layer->loop);
  self->readable = TRUE;
  lp2p_layer_set_events (layer, &layer_events, self);
  lp2p_framed_session_start_output (self);
}

/**
 * lp2p_framed_session_clear: (skip)
 * @self: the beginning of a session that is being freed
 *
 * For a session that has more to free, and so a `free` of its own.
 */
void
lp2p_framed_session_clear (Lp2pFramedSession *self)
{
  lp2p_layer_set_events (self->layer, NULL, NULL);
  g_clear_pointer (&self->replies, g_array_unref);
  lp2p_layer_free (self->layer);
  lp2p_queued_session_clear (&self->parent);
}

static void
session_free (Lp2pMuxerSession *session)
{
  lp2p_framed_session_clear ((Lp2pFramedSession *) session);
  g_free (session);
}

/* The end */

/* The session is kept until its streams are read; the peer need not wait for that. */
static void
session_finished (Lp2pQueuedSession *session)
{
  Lp2pFramedSession *self = (Lp2pFramedSession *) session;

  lp2p_layer_shutdown_write (self->layer);
  g_clear_pointer (&self->replies, g_array_unref);
}

void
lp2p_framed_session_layer_failed (Lp2pFramedSession *self)
{
  const GError *why = lp2p_layer_get_error (self->layer);

  lp2p_queued_session_fail (&self->parent, g_error_new (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                                                        _("%s: the connection failed: %s"),
                                                        self->parent.parent.klass->name,
                                                        why != NULL ? why->message : _("no reason given")));
}

/* The peer sends nothing more. Some peers, and some protocols, end a session so when
 * all is well: that counts as orderly where nothing was under way. */
void
lp2p_framed_session_layer_ended (Lp2pFramedSession *self)
{
  Lp2pQueuedSession *session = &self->parent;
  gboolean middle = self->header_size > 0 || self->body_left > 0;

  if (session->phase < LP2P_PHASE_DRAINING && !middle &&
      (session->phase == LP2P_PHASE_PEER_GOING || session->n_live == session->n_zombies))
    session->orderly = TRUE;
  lp2p_queued_session_fail (session, g_error_new (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                                                  middle ? _("%s: the peer ended the connection in the middle of a frame")
                                                         : _("%s: the peer ended the connection"),
                                                  session->parent.klass->name));
}

/* The session ends as soon as what is to be said last has left. */
static void
drain (Lp2pFramedSession *self, guint32 code, GError *error, gboolean keep_pending)
{
  if (!lp2p_queued_session_drain (&self->parent, error, keep_pending))
    return;
  self->goodbye_wanted = lp2p_framed_session_get_class (self)->put_goodbye != NULL;
  self->goodbye_code = code;
  self->close_at = lp2p_loop_now (self->layer->loop) + CLOSE_TIMEOUT;
  lp2p_queued_session_want_pump (&self->parent);
}

/**
 * lp2p_framed_session_fail_protocol: (skip)
 * @self: a session
 * @error: (transfer full): how
 *
 * The peer broke the protocol: it is told, where the protocol can, and that is the
 * end.
 */
void
lp2p_framed_session_fail_protocol (Lp2pFramedSession *self, GError *error)
{
  const Lp2pFramedSessionClass *klass = lp2p_framed_session_get_class (self);

  g_debug ("%s", error->message);
  if (klass->put_goodbye != NULL)
    drain (self, klass->protocol_error, error, FALSE);
  else
    lp2p_queued_session_fail (&self->parent, error);
}

/**
 * lp2p_framed_session_violation: (skip)
 * @self: a session
 * @format: how the peer broke the protocol, as for printf()
 * @...: what to insert
 *
 * Like [func@Lp2p.framed_session_fail_protocol], with an error that says so.
 */
void
lp2p_framed_session_violation (Lp2pFramedSession *self, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  lp2p_framed_session_fail_protocol (
      self, g_error_new (LP2P_ERROR, LP2P_ERROR_PROTOCOL, "%s: %s", self->parent.parent.klass->name, what));
}

/**
 * lp2p_framed_session_give_up: (skip)
 * @self: a session
 * @what: what the peer did not do for the write time-out
 *
 * Aborts the connection.
 */
void
lp2p_framed_session_give_up (Lp2pFramedSession *self, const char *what)
{
  lp2p_layer_abort (self->layer, lp2p_framed_session_get_class (self)->internal_error);
  lp2p_queued_session_fail (&self->parent, g_error_new (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                                                        /* Translators: a muxer, what the peer did not do */
                                                        _("%s: %s for %" PRId64 " seconds"),
                                                        self->parent.parent.klass->name, what,
                                                        self->write_timeout / G_USEC_PER_SEC));
}

static void
session_close (Lp2pMuxerSession *session, guint32 code, const char *reason)
{
  Lp2pFramedSession *self = (Lp2pFramedSession *) session;
  gboolean has_reason = reason != NULL && reason[0] != '\0';

  if (self->parent.phase >= LP2P_PHASE_DRAINING)
    return;
  self->parent.orderly = TRUE;
  drain (self, code,
         g_error_new (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The session was closed%s%s"), has_reason ? ": " : "",
                      has_reason ? reason : ""),
         TRUE);
}

static void
session_abort (Lp2pMuxerSession *session, guint32 code)
{
  Lp2pFramedSession *self = (Lp2pFramedSession *) session;

  if (self->parent.phase == LP2P_PHASE_OVER)
    return;
  if (code != LP2P_CODE_NONE)
    lp2p_framed_session_say_why (self, code);
  lp2p_layer_abort (self->layer, code);
  lp2p_queued_session_fail (&self->parent,
                            g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The session was aborted")));
}

/* Time */

static gint64
earlier (gint64 a, gint64 b)
{
  if (a < 0 || b < 0)
    return MAX (a, b);
  return MIN (a, b);
}

static gint64
session_get_next_timeout (Lp2pMuxerSession *session)
{
  Lp2pFramedSession *self = (Lp2pFramedSession *) session;
  const Lp2pFramedSessionClass *klass = lp2p_framed_session_get_class (self);
  gint64 next;

  if (self->parent.phase == LP2P_PHASE_OVER)
    return -1;
  if (self->parent.phase == LP2P_PHASE_DRAINING)
    return self->close_at;
  next = klass->get_next_timeout != NULL ? klass->get_next_timeout (self) : -1;
  if (self->blocked_at >= 0)
    next = earlier (next, self->blocked_at + self->write_timeout);
  if (self->parent.stalled_at >= 0)
    next = earlier (next, self->parent.stalled_at + self->read_timeout);
  return next;
}

static void
give_up_closing (Lp2pFramedSession *self)
{
  if (!self->lingering)
    lp2p_layer_abort (self->layer, self->goodbye_code);
  lp2p_queued_session_finish (&self->parent);
}

static void
give_up_reader (Lp2pFramedSession *self)
{
  lp2p_queued_stream_fail (
      self->parent.receiving, &self->parent, LP2P_CODE_STREAM_RESOURCE_LIMIT,
      g_error_new (LP2P_ERROR, LP2P_ERROR_LIMIT,
                   _("Nobody read for %" PRId64 " seconds while the buffer of %zu bytes was full, which held up the whole connection"),
                   self->read_timeout / G_USEC_PER_SEC, self->parent.max_queue));
}

static void
session_timeout (Lp2pMuxerSession *session, gint64 now)
{
  Lp2pFramedSession *self = (Lp2pFramedSession *) session;
  const Lp2pFramedSessionClass *klass = lp2p_framed_session_get_class (self);

  if (self->parent.phase == LP2P_PHASE_DRAINING)
    {
      if (now >= self->close_at)
        give_up_closing (self);
      return;
    }
  if (self->parent.stalled_at >= 0 && now >= self->parent.stalled_at + self->read_timeout)
    give_up_reader (self);
  if (klass->timeout != NULL && self->parent.phase != LP2P_PHASE_OVER)
    klass->timeout (self, now);
  if (self->parent.phase != LP2P_PHASE_OVER && lp2p_framed_session_is_stuck (self, now))
    lp2p_framed_session_give_up (self, _("the peer took no bytes"));
}

/* What is known */

/* The layers below know the path better, where they know it at all. */
static void
session_get_info (Lp2pMuxerSession *session, Lp2pLayerInfo *info)
{
  Lp2pFramedSession *self = (Lp2pFramedSession *) session;

  lp2p_layer_get_info (self->layer, info);
  if (info->rtt < 0)
    info->rtt = self->rtt;
}

static void
session_class_init (Lp2pFramedSessionClass *klass)
{
  Lp2pMuxerSessionClass *parent = &klass->parent.parent;

  parent->input = lp2p_framed_session_input;
  parent->pump_output = lp2p_framed_session_pump_output;
  parent->get_next_timeout = session_get_next_timeout;
  parent->timeout = session_timeout;
  parent->stream_writev = lp2p_framed_session_stream_writev;
  parent->close = session_close;
  parent->abort = session_abort;
  parent->get_info = session_get_info;
  if (parent->free == NULL)
    parent->free = session_free;
  klass->parent.finished = session_finished;
  lp2p_queued_session_class_init (&klass->parent);
}
