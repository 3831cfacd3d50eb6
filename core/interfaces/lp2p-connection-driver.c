/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Drives a connection's session: the pump does protocol work, the run queue tells
 * the application. */

#include "interfaces/lp2p-connection-parts-private.h"

#include "net/lp2p-cancel-private.h"
#include "net/lp2p-loop-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/interfaces/lp2p-log.h>

/* Payload of a record of the largest size. A connection moves one, or a few smaller ones,
 * before others get their turn and whoever reads is told. What is more would not wait in
 * the reader's memory but in a queue, and be out of the processor's caches. */
#define RECORD_SIZE 65519

/* What it moves where the reader has place for that. */
#define PUMP_MAX (4 * RECORD_SIZE)

/* Counters change all the time; a user interface is told this often at most. */
#define NOTIFY_INTERVAL_US G_USEC_PER_SEC

/* Who waits */

void
lp2p_connection_waiting_free (Lp2pConnectionWaiting *self)
{
  g_clear_pointer (&self->cancel, lp2p_cancel_drop);
  g_object_unref (self->task);
  g_strfreev (self->protocols);
  g_free (self);
}

static gboolean
waiting_cancelled (GCancellable *cancellable, gpointer user_data)
{
  Lp2pConnectionWaiting *self = user_data;

  /* It may be served just now. */
  if (!g_queue_remove (self->queue, self))
    return G_SOURCE_REMOVE;
  g_task_return_error_if_cancelled (self->task);
  lp2p_connection_waiting_free (self);
  return G_SOURCE_REMOVE;
}

void
lp2p_connection_wait (GQueue *queue, GTask *task, const char *const *protocols, Lp2pStreamFlags flags)
{
  Lp2pConnection *connection = g_task_get_source_object (task);
  Lp2pConnectionWaiting *self = g_new0 (Lp2pConnectionWaiting, 1);

  self->task = g_object_ref (task);
  self->queue = queue;
  self->protocols = g_strdupv ((GStrv) protocols);
  self->flags = flags;
  g_queue_push_tail (queue, self);
  self->cancel = lp2p_cancel_watch (connection->loop, g_task_get_cancellable (task), waiting_cancelled, self);
}

static void
set_state (Lp2pConnection *self, Lp2pConnectionState state)
{
  if (self->state == state)
    return;
  self->state = state;
  lp2p_connection_notify (self, LP2P_CONNECTION_PROP_STATE);
}

/* Events of the session: they only mark work. */

static gsize
on_stream_input (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, const guint8 *data, gsize size, gpointer user_data)
{
  Lp2pConnection *self = user_data;
  gsize taken;

  if (stream->user_data == NULL)
    return 0;
  taken = lp2p_stream_take_input (stream->user_data, data, size);
  self->place = lp2p_stream_get_read_room (stream->user_data, NULL);
  return taken;
}

static gsize
on_stream_room (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint8 **room, gpointer user_data)
{
  return stream->user_data != NULL ? lp2p_stream_get_read_room (stream->user_data, room) : 0;
}

static void
on_stream_ready (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, Lp2pReady ready, gpointer user_data)
{
  if (stream->user_data != NULL)
    lp2p_stream_set_ready (stream->user_data, ready);
}

static void
on_incoming (Lp2pMuxerSession *session, gpointer user_data)
{
  Lp2pConnection *self = user_data;

  self->incoming = TRUE;
  lp2p_job_queue (&self->job);
}

static void
on_withdrawn (Lp2pMuxerSession *session, gpointer user_data)
{
  lp2p_connection_count_end (user_data, TRUE);
}

static void
on_can_open (Lp2pMuxerSession *session, gpointer user_data)
{
  Lp2pConnection *self = user_data;

  self->can_open = TRUE;
  lp2p_job_queue (&self->job);
}

static void
on_want_pump (Lp2pMuxerSession *session, gpointer user_data)
{
  Lp2pConnection *self = user_data;

  lp2p_job_queue (&self->pump);
}

static void
on_early_rejected (Lp2pMuxerSession *session, gpointer user_data)
{
  Lp2pConnection *self = user_data;

  self->early_rejected = TRUE;
  lp2p_job_queue (&self->job);
}

static void
on_ready (Lp2pMuxerSession *session, gpointer user_data)
{
  Lp2pConnection *self = user_data;

  self->session_ready = TRUE;
  lp2p_job_queue (&self->job);
}

static void
on_closed (Lp2pMuxerSession *session, gpointer user_data)
{
  Lp2pConnection *self = user_data;

  if (lp2p_connection_is_refusal (self) || lp2p_connection_is_lost (self))
    self->early_rejected = TRUE;
  lp2p_job_queue (&self->job);
}

static void
on_state_changed (Lp2pMuxerSession *session, gpointer user_data)
{
  Lp2pConnection *self = user_data;

  lp2p_job_queue (&self->job);
}

static const Lp2pMuxerEvents session_events = {
  .stream_input = on_stream_input,
  .stream_room = on_stream_room,
  .stream_ready = on_stream_ready,
  .incoming = on_incoming,
  .withdrawn = on_withdrawn,
  .can_open = on_can_open,
  .want_pump = on_want_pump,
  .early_rejected = on_early_rejected,
  .ready = on_ready,
  .closing = on_state_changed,
  .path_changed = on_state_changed,
  .closed = on_closed,
};

/* Protocol work */

static void
update_timer (Lp2pConnection *self)
{
  const Lp2pMuxerSessionClass *klass = self->session->klass;
  gint64 timeout = klass->get_next_timeout != NULL ? klass->get_next_timeout (self->session) : -1;

  if (timeout >= 0)
    lp2p_timer_set (&self->timer, timeout);
  else
    lp2p_timer_clear (&self->timer);
}

/* Streams that are not accepted yet wait in the session. Nothing more is read before
 * they are: so no more of them wait than one look at the layer yields, and a peer that
 * opens them faster has to wait as well. */
static gboolean
is_behind (Lp2pConnection *self)
{
  return self->incoming && lp2p_job_is_queued (&self->job);
}

/* Returns whether there may be more. */
static gboolean
pump_input (Lp2pConnection *self)
{
  const Lp2pMuxerSessionClass *klass = self->session->klass;
  gboolean more;

  if (is_behind (self))
    return TRUE;
  self->place = 0;
  more = klass->input (self->session, RECORD_SIZE);
  /* The last record may begin where a single byte is still wanted. */
  if (more && self->place > RECORD_SIZE && !is_behind (self))
    more = klass->input (self->session, MIN (self->place, PUMP_MAX) - RECORD_SIZE);
  return more;
}

/* What the application answers to what was read leaves in one write with the session's
 * own words. It is waited for once: what the application does takes its time. */
static void
pump_output (Lp2pConnection *self, gboolean more)
{
  self->output_waits = !more && !self->output_waits && lp2p_job_queue_behind_runs (&self->pump);
  if (!self->output_waits)
    self->session->klass->pump_output (self->session);
}

static void
run_pump (Lp2pJob *job)
{
  Lp2pConnection *self = (Lp2pConnection *) ((guint8 *) job - G_STRUCT_OFFSET (Lp2pConnection, pump));
  const Lp2pMuxerSessionClass *klass;
  gboolean more = FALSE;

  if (self->session == NULL)
    return;

  klass = self->session->klass;
  if (klass->input != NULL)
    more = pump_input (self);
  if (klass->pump_output != NULL)
    pump_output (self, more);
  if (self->answer != NULL)
    lp2p_job_queue (&self->job);
  update_timer (self);
  if (more)
    lp2p_job_queue_later (&self->pump);
}

static void
run_timeout (Lp2pTimer *timer)
{
  Lp2pConnection *self = (Lp2pConnection *) ((guint8 *) timer - G_STRUCT_OFFSET (Lp2pConnection, timer));

  if (self->session == NULL)
    return;
  self->session->klass->timeout (self->session, lp2p_loop_now (self->loop));
  lp2p_job_queue (&self->pump);
}

/* The run queue */

static void
follow_address (Lp2pConnection *self, Lp2pMultiaddr **address, Lp2pMultiaddr *present, guint property)
{
  if (present == NULL || (*address != NULL && lp2p_multiaddr_equal (present, *address)))
    return;
  g_clear_pointer (address, lp2p_multiaddr_unref);
  *address = lp2p_multiaddr_ref (present);
  lp2p_connection_notify (self, property);
}

static void
refresh_path (Lp2pConnection *self)
{
  Lp2pLayerInfo info = { .rtt = -1 };
  g_autoptr (Lp2pMultiaddr) remote = NULL;
  g_autoptr (Lp2pMultiaddr) local = NULL;

  self->session->klass->get_info (self->session, &info);
  /* Whoever is told may end the session, and with it what it lent. */
  remote = info.remote_address != NULL ? lp2p_multiaddr_ref (info.remote_address) : NULL;
  local = info.local_address != NULL ? lp2p_multiaddr_ref (info.local_address) : NULL;
  follow_address (self, &self->remote_address, remote, LP2P_CONNECTION_PROP_REMOTE_ADDRESS);
  follow_address (self, &self->local_address, local, LP2P_CONNECTION_PROP_LOCAL_ADDRESS);
}

void
lp2p_connection_refresh_counters (Lp2pConnection *self)
{
  gint64 now = lp2p_loop_now (self->loop);
  Lp2pLayerInfo info = { .rtt = -1 };

  if (self->session == NULL)
    return;
  self->session->klass->get_info (self->session, &info);
  if (info.rtt >= 0)
    self->rtt = info.rtt;
  self->bytes_read = self->refused_bytes_read + info.bytes_read;
  self->bytes_written = self->refused_bytes_written + info.bytes_written;
  if (now - self->notified < NOTIFY_INTERVAL_US)
    return;
  self->notified = now;
  lp2p_connection_notify (self, LP2P_CONNECTION_PROP_RTT);
  lp2p_connection_notify (self, LP2P_CONNECTION_PROP_BYTES_READ);
  lp2p_connection_notify (self, LP2P_CONNECTION_PROP_BYTES_WRITTEN);
}

static void
tell_closed (Lp2pConnection *self)
{
  Lp2pConnectionWaiting *closing;

  if (self->told_closed)
    return;
  self->told_closed = TRUE;
  lp2p_log_connection (G_LOG_LEVEL_DEBUG, self, "Connection to %s closed: %s",
                       lp2p_peer_id_get_string (self->remote_peer), self->error != NULL ? self->error->message : "in order");
  lp2p_timer_clear (&self->timer);
  lp2p_timer_clear (&self->ready_timer);

  lp2p_connection_fail_streams (self);
  while ((closing = g_queue_pop_head (&self->closing)) != NULL)
    {
      g_task_return_boolean (closing->task, TRUE);
      lp2p_connection_waiting_free (closing);
    }
  if (self->owner != NULL)
    self->owner->closed (self, self->owner_data);
}

/* Being early, and ready */

static void
give_up (Lp2pConnection *self, GError *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
  lp2p_connection_close_here (self);
  self->session->klass->abort (self->session, 0);
  lp2p_job_queue (&self->job);
}

static void
run_ready_timeout (Lp2pTimer *timer)
{
  Lp2pConnection *self = (Lp2pConnection *) ((guint8 *) timer - G_STRUCT_OFFSET (Lp2pConnection, ready_timer));

  if (self->session != NULL && self->early)
    give_up (self, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                        _("The peer of an early connection was not verified in time")));
  else if (self->session != NULL)
    give_up (self, g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, _("The peer did not agree to %s in time"),
                                self->muxer));
}

static void
become_early (Lp2pConnection *self)
{
  if (self->told_early)
    return;
  self->told_early = TRUE;
  set_state (self, LP2P_CONNECTION_EARLY);
  if (self->owner != NULL)
    self->owner->early (self, self->owner_data);
}

/* An early session goes by what it remembers of the peer; the handshake decides
 * who it is. */
static gboolean
check_peer (Lp2pConnection *self)
{
  const Lp2pMuxerSessionClass *klass = self->session->klass;
  Lp2pPeerId *peer = klass->get_remote_peer != NULL ? klass->get_remote_peer (self->session) : NULL;

  if (!self->early || peer == NULL || lp2p_peer_id_equal (peer, self->remote_peer))
    return TRUE;
  give_up (self, g_error_new (LP2P_ERROR, LP2P_ERROR_WRONG_PEER, _("Expected peer %s, got %s"),
                              lp2p_peer_id_get_string (self->remote_peer), lp2p_peer_id_get_string (peer)));
  return FALSE;
}

void
lp2p_connection_become_ready (Lp2pConnection *self)
{
  if (self->told_ready || !check_peer (self))
    return;

  self->told_ready = TRUE;
  self->early = FALSE;
  if (self->answer == NULL)
    {
      lp2p_timer_clear (&self->ready_timer);
      lp2p_connection_settle_early (self);
    }
  if (self->state < LP2P_CONNECTION_READY)
    set_state (self, LP2P_CONNECTION_READY);
  if (self->owner != NULL)
    self->owner->ready (self, self->owner_data);
  lp2p_connection_hand_out_held (self);
}

static void
follow_beginning (Lp2pConnection *self)
{
  Lp2pSessionState state = self->session->klass->get_state (self->session);

  if (state == LP2P_SESSION_EARLY)
    become_early (self);
  else if (state == LP2P_SESSION_READY || (self->session_ready && self->held.length > 0))
    lp2p_connection_become_ready (self);

  /* What came before the end counts. Application code may have ended it, too. */
  if (self->session != NULL && self->incoming && !self->closed_here)
    lp2p_connection_accept_streams (self);
}

static void
follow_end (Lp2pConnection *self)
{
  Lp2pSessionState state = self->session->klass->get_state (self->session);
  const GError *error;
  guint32 code;

  if (state == LP2P_SESSION_CLOSING && self->state < LP2P_CONNECTION_CLOSING)
    set_state (self, LP2P_CONNECTION_CLOSING);
  if (state != LP2P_SESSION_CLOSED)
    return;
  error = self->session->klass->get_error (self->session, &code);
  if (error != NULL && self->error == NULL)
    self->error = g_error_copy (error);
  set_state (self, LP2P_CONNECTION_CLOSED);
}

static void
run_job (Lp2pJob *job)
{
  g_autoptr (Lp2pConnection) self = g_object_ref (
      (Lp2pConnection *) ((guint8 *) job - G_STRUCT_OFFSET (Lp2pConnection, job)));

  if (self->state_untold)
    {
      self->state_untold = FALSE;
      lp2p_connection_notify (self, LP2P_CONNECTION_PROP_STATE);
    }
  if (self->session == NULL)
    return;

  lp2p_connection_follow_resets (self);
  follow_beginning (self);
  lp2p_connection_follow_answer (self);
  lp2p_connection_follow_loss (self);
  if (self->session != NULL && (!self->refused || self->closed_here))
    follow_end (self);
  if (self->state < LP2P_CONNECTION_CLOSING)
    {
      refresh_path (self);
      if (self->can_open)
        lp2p_connection_open_queued (self);
    }
  else
    lp2p_connection_fail_opening (self);
  lp2p_connection_drop_refused (self);
  /* Who was accepted last agrees on a protocol in a turn of its own. */
  if (self->state != LP2P_CONNECTION_CLOSED ||
      ((self->incoming || self->negotiating.length > 0) && !self->closed_here))
    return;

  tell_closed (self);
  /* Streams may still hold bytes that came before the end. */
  if (self->n_streams == 0)
    {
      lp2p_connection_refresh_counters (self);
      g_clear_pointer (&self->session, lp2p_muxer_session_free);
    }
}

/* Making and closing */

/* Hosts of several threads may make connections at once. */
static guint64
next_id (void)
{
  static guint64 last;

  return __atomic_add_fetch (&last, 1, __ATOMIC_RELAXED);
}

Lp2pConnection *
lp2p_connection_new (Lp2pRawConnection *raw, const Lp2pConnectionLimits *limits, const Lp2pConnectionOwner *owner, gpointer user_data)
{
  Lp2pConnection *self = g_object_new (LP2P_TYPE_CONNECTION, NULL);

  self->id = next_id ();
  self->session = lp2p_raw_connection_steal_session (raw);
  self->loop = lp2p_loop_ref (self->session->loop);
  self->direction = raw->transport_role;
  self->transport = raw->transport;
  self->security = raw->security;
  self->muxer = raw->muxer;
  self->socket_id = g_steal_pointer (&raw->socket_id);
  self->limited = raw->limited;
  if (raw->local_address != NULL)
    self->local_address = lp2p_multiaddr_ref (raw->local_address);
  self->remote_address = lp2p_multiaddr_ref (raw->remote_address);
  self->remote_peer = lp2p_peer_id_ref (raw->remote_peer);
  if (raw->remote_key != NULL)
    self->remote_key = lp2p_public_key_ref (raw->remote_key);
  self->limits = *limits;
  self->owner = owner;
  self->owner_data = user_data;
  self->state = LP2P_CONNECTION_CONNECTING;

  lp2p_job_init (&self->pump, self->loop, LP2P_JOB_PUMP, run_pump);
  lp2p_job_init (&self->job, self->loop, LP2P_JOB_RUN, run_job);
  lp2p_timer_init (&self->timer, self->loop, run_timeout);
  lp2p_timer_init (&self->ready_timer, self->loop, run_ready_timeout);
  lp2p_connection_init_streams (self);
  return self;
}

void
lp2p_connection_drive (Lp2pConnection *self)
{
  self->incoming = TRUE;
  lp2p_muxer_session_set_events (self->session, &session_events, self);
  lp2p_job_queue (&self->pump);
  lp2p_job_queue (&self->job);
}

void
lp2p_connection_begin (Lp2pConnection *self)
{
  self->early = self->session->klass->get_state (self->session) == LP2P_SESSION_EARLY;
  if (self->early || self->answer != NULL)
    lp2p_timer_set (&self->ready_timer, lp2p_loop_now (self->loop) + self->limits.negotiation_timeout);
  lp2p_connection_drive (self);
}

void
lp2p_connection_disown (Lp2pConnection *self)
{
  self->owner = NULL;
  self->owner_data = NULL;
}

void
lp2p_connection_set_rtt (Lp2pConnection *self, gint64 rtt)
{
  self->rtt = rtt;
}

/* Nobody is to begin anything on it from now on; the run queue tells. */
void
lp2p_connection_close_here (Lp2pConnection *self)
{
  self->closed_here = TRUE;
  if (self->state >= LP2P_CONNECTION_CLOSING)
    return;
  self->state = LP2P_CONNECTION_CLOSING;
  self->state_untold = TRUE;
}

void
lp2p_connection_start_closing (Lp2pConnection *self, GTask *task)
{
  if (self->told_closed || self->session == NULL)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }

  lp2p_connection_wait (&self->closing, task, NULL, LP2P_STREAM_NONE);
  if (self->closed_here)
    return;
  /* Also where the peer began to close: its streams may take their time. */
  lp2p_connection_close_here (self);
  self->session->klass->close (self->session, LP2P_CODE_NONE, "");
  lp2p_job_queue (&self->pump);
  lp2p_job_queue (&self->job);
}
