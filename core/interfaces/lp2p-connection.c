/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/lp2p-enum-types.h>

#include "interfaces/lp2p-connection-private.h"
#include "interfaces/lp2p-stream-private.h"

/* What one connection may move before others get their turn, and before who
 * reads from it does: a record of the largest size. More would not wait in the
 * reader's memory but in a queue, and be out of the processor's caches. */
#define PUMP_BUDGET (64 * 1024)

/* Counters change all the time; a user interface is told this often at most. */
#define NOTIFY_INTERVAL_US G_USEC_PER_SEC

/**
 * Lp2pConnection:
 *
 * An authenticated, encrypted connection to a peer that carries streams.
 *
 * A connection belongs to the thread of its host. It lives as long as the host
 * knows it or a stream of it is in use.
 */
struct _Lp2pConnection
{
  GObject parent_instance;

  Lp2pMuxerSession *session;
  Lp2pLoop *loop;
  Lp2pConnectionState state;
  Lp2pRole direction;
  const char *transport;
  const char *security;
  const char *muxer;
  const char *socket_id;
  Lp2pMultiaddr *local_address;
  Lp2pMultiaddr *remote_address;
  Lp2pPeerId *remote_peer;
  Lp2pPublicKey *remote_key;
  GError *error;
  gint64 rtt;
  gint64 notified;
  guint64 bytes_read;
  guint64 bytes_written;

  const Lp2pConnectionOwner *owner;
  gpointer owner_data;
  Lp2pConnectionLimits limits;

  Lp2pJob pump;
  Lp2pJob job;
  Lp2pTimer timer;
  Lp2pTimer negotiation_timer;
  GQueue opening;
  GQueue negotiating;
  GSList *closing;
  guint n_streams;
  guint n_inbound;
  guint limited : 1;
  guint closed_here : 1;
  guint state_untold : 1; /* it changed outside the run queue */
  guint begun : 1;
  guint incoming : 1;
  guint can_open : 1;
  guint told_ready : 1;
  guint told_closed : 1;
};

G_DEFINE_FINAL_TYPE (Lp2pConnection, lp2p_connection, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_STATE,
  PROP_REMOTE_PEER,
  PROP_LOCAL_ADDRESS,
  PROP_REMOTE_ADDRESS,
  PROP_DIRECTION,
  PROP_TRANSPORT,
  PROP_SECURITY,
  PROP_MUXER,
  PROP_LIMITED,
  PROP_RTT,
  PROP_BYTES_READ,
  PROP_BYTES_WRITTEN,
  PROP_N_STREAMS,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

typedef struct
{
  GTask *task;
  GStrv protocols;
  GSource *cancel;
} Opening;

typedef struct
{
  Lp2pStream *stream;
  gint64 deadline;
} Negotiating;

/* Somebody who waits until the connection is closed. */
typedef struct
{
  GTask *task;
  GSource *cancel;
} Closing;

static void
drop_source (GSource *source)
{
  if (source == NULL)
    return;
  g_source_destroy (source);
  g_source_unref (source);
}

static void
opening_free (Opening *opening)
{
  drop_source (opening->cancel);
  g_clear_object (&opening->task);
  g_strfreev (opening->protocols);
  g_free (opening);
}

static void
closing_free (Closing *closing)
{
  drop_source (closing->cancel);
  g_clear_object (&closing->task);
  g_free (closing);
}

static void
set_state (Lp2pConnection *self, Lp2pConnectionState state)
{
  if (self->state == state)
    return;
  self->state = state;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STATE]);
}

/* Events of the session: they only mark work. */

static gsize
on_stream_input (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, const guint8 *data, gsize size, gpointer user_data)
{
  return stream->user_data != NULL ? lp2p_stream_take_input (stream->user_data, data, size) : 0;
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
on_state_changed (Lp2pMuxerSession *session, gpointer user_data)
{
  Lp2pConnection *self = user_data;

  lp2p_job_queue (&self->job);
}

static const Lp2pMuxerEvents session_events = {
  .stream_input = on_stream_input,
  .stream_ready = on_stream_ready,
  .incoming = on_incoming,
  .can_open = on_can_open,
  .want_pump = on_want_pump,
  .early_rejected = on_state_changed,
  .ready = on_state_changed,
  .closing = on_state_changed,
  .path_changed = on_state_changed,
  .closed = on_state_changed,
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
    more = klass->input (self->session, PUMP_BUDGET);
  if (klass->pump_output != NULL)
    klass->pump_output (self->session);
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

/* Incoming streams */

static void
set_negotiation_timer (Lp2pConnection *self)
{
  Negotiating *first = g_queue_peek_head (&self->negotiating);

  if (first != NULL)
    lp2p_timer_set (&self->negotiation_timer, first->deadline);
  else
    lp2p_timer_clear (&self->negotiation_timer);
}

/* Returns the reference that was held while the stream negotiated. */
static Lp2pStream *
take_negotiating (Lp2pConnection *self, Lp2pStream *stream)
{
  for (GList *l = self->negotiating.head; l != NULL; l = l->next)
    {
      Negotiating *negotiating = l->data;

      if (negotiating->stream != stream)
        continue;
      g_queue_delete_link (&self->negotiating, l);
      g_free (negotiating);
      set_negotiation_timer (self);
      return stream;
    }
  return NULL;
}

static void
run_negotiation_timeout (Lp2pTimer *timer)
{
  Lp2pConnection *self = (Lp2pConnection *) ((guint8 *) timer - G_STRUCT_OFFSET (Lp2pConnection, negotiation_timer));
  gint64 now = lp2p_loop_now (self->loop);
  Negotiating *first;

  while ((first = g_queue_peek_head (&self->negotiating)) != NULL && first->deadline <= now)
    {
      g_autoptr (Lp2pStream) stream = take_negotiating (self, first->stream);

      g_debug ("A stream of a peer did not agree on a protocol in time");
      lp2p_stream_reset (stream, LP2P_CODE_STREAM_PROTOCOL_NEGOTIATION_FAILED);
    }
  set_negotiation_timer (self);
}

static gboolean
match_protocol (const char *protocol, gpointer user_data)
{
  Lp2pConnection *self = user_data;

  return self->owner != NULL && self->owner->match_protocol (self, protocol, self->owner_data);
}

static void
accept_stream (Lp2pConnection *self, Lp2pMuxerStream *handle)
{
  Negotiating *negotiating;

  if (self->n_inbound >= self->limits.max_streams || self->owner == NULL)
    {
      self->session->klass->stream_reset (self->session, handle, LP2P_CODE_STREAM_RESOURCE_LIMIT);
      self->session->klass->stream_release (self->session, handle);
      return;
    }

  self->n_streams++;
  self->n_inbound++;
  negotiating = g_new0 (Negotiating, 1);
  negotiating->stream = lp2p_stream_new (self, self->session, handle,
                                         lp2p_multistream_new_listener (match_protocol, self), FALSE);
  negotiating->deadline = lp2p_loop_now (self->loop) + self->limits.negotiation_timeout;
  g_queue_push_tail (&self->negotiating, negotiating);
  set_negotiation_timer (self);
}

static void
accept_streams (Lp2pConnection *self)
{
  Lp2pMuxerStream *handle;

  self->incoming = FALSE;
  while (self->session->klass->accept != NULL && (handle = self->session->klass->accept (self->session)) != NULL)
    accept_stream (self, handle);
}

void
lp2p_connection_stream_agreed (Lp2pConnection *self, Lp2pStream *stream)
{
  g_autoptr (Lp2pStream) held = take_negotiating (self, stream);

  if (held != NULL && self->owner != NULL)
    self->owner->incoming_stream (self, held, self->owner_data);
}

void
lp2p_connection_stream_gone (Lp2pConnection *self, Lp2pStream *stream)
{
  g_autoptr (Lp2pStream) held = take_negotiating (self, stream);

  self->n_streams--;
  if (!lp2p_stream_get_outbound (stream))
    self->n_inbound--;
  lp2p_job_queue (&self->job);
}

/* Outgoing streams */

static void
on_negotiated (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Lp2pStream *stream = LP2P_STREAM (source);
  GError *error = NULL;

  if (lp2p_stream_negotiate_finish (stream, result, &error))
    {
      g_task_return_pointer (task, g_object_ref (stream), g_object_unref);
      return;
    }
  lp2p_stream_reset (stream, LP2P_CODE_STREAM_SHUTDOWN);
  g_task_return_error (task, error);
}

/* With one protocol the stream can be used at once: its first bytes ride behind
 * the proposal. With several, which one it is must be known first. */
static void
stream_opened (Lp2pConnection *self, GTask *task, const char *const *protocols, Lp2pMuxerStream *handle)
{
  g_autoptr (Lp2pStream) stream = NULL;

  self->n_streams++;
  stream = lp2p_stream_new (self, self->session, handle, lp2p_multistream_new_dialer (protocols), TRUE);
  if (protocols[1] == NULL)
    g_task_return_pointer (task, g_steal_pointer (&stream), g_object_unref);
  else
    lp2p_stream_negotiate_async (stream, g_task_get_priority (task), g_task_get_cancellable (task),
                                 on_negotiated, g_object_ref (task));
}

static void
set_lost_error (Lp2pConnection *self, GError **error)
{
  g_set_error (error, LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST, "The connection to %s is closed%s%s",
               lp2p_peer_id_get_string (self->remote_peer), self->error != NULL ? ": " : "",
               self->error != NULL ? self->error->message : "");
}

static GError *
new_lost_error (Lp2pConnection *self)
{
  GError *error = NULL;

  set_lost_error (self, &error);
  return error;
}

/* Returns FALSE when the peer allows no more streams now. */
static gboolean
try_open (Lp2pConnection *self, GTask *task, const char *const *protocols)
{
  Lp2pMuxerStream *handle = NULL;
  int opened;

  if (self->session == NULL || self->state >= LP2P_CONNECTION_CLOSING)
    {
      g_task_return_error (task, new_lost_error (self));
      return TRUE;
    }

  opened = self->session->klass->open (self->session, &handle);
  if (opened == LP2P_IO_AGAIN)
    return FALSE;
  if (opened == LP2P_IO_FAILED)
    g_task_return_error (task, new_lost_error (self));
  else
    stream_opened (self, task, protocols, handle);
  return TRUE;
}

static gboolean
opening_cancelled (GCancellable *cancellable, gpointer user_data)
{
  Opening *opening = user_data;
  Lp2pConnection *self = g_task_get_source_object (opening->task);

  g_queue_remove (&self->opening, opening);
  g_task_return_error_if_cancelled (opening->task);
  opening_free (opening);
  return G_SOURCE_REMOVE;
}

static GSource *
watch_cancellable (Lp2pConnection *self, GTask *task, GCancellableSourceFunc func, gpointer user_data)
{
  GCancellable *cancellable = g_task_get_cancellable (task);
  GSource *source;

  if (cancellable == NULL)
    return NULL;
  source = g_cancellable_source_new (cancellable);
  g_source_set_callback (source, G_SOURCE_FUNC (func), user_data, NULL);
  g_source_attach (source, lp2p_loop_get_context (self->loop));
  return source;
}

static void
queue_opening (Lp2pConnection *self, GTask *task, const char *const *protocols)
{
  Opening *opening = g_new0 (Opening, 1);

  opening->task = g_object_ref (task);
  opening->protocols = g_strdupv ((GStrv) protocols);
  opening->cancel = watch_cancellable (self, task, opening_cancelled, opening);
  g_queue_push_tail (&self->opening, opening);
}

static void
open_queued (Lp2pConnection *self)
{
  Opening *opening;

  self->can_open = FALSE;
  while ((opening = g_queue_peek_head (&self->opening)) != NULL)
    {
      if (!try_open (self, opening->task, (const char *const *) opening->protocols))
        return;
      g_queue_pop_head (&self->opening);
      opening_free (opening);
    }
}

/* The run queue */

static void
follow_address (Lp2pConnection *self, Lp2pMultiaddr **address, Lp2pMultiaddr *present, guint property)
{
  if (present == NULL || (*address != NULL && lp2p_multiaddr_equal (present, *address)))
    return;
  /* Whoever is told may end the session, and with it what it lent. */
  lp2p_multiaddr_ref (present);
  g_clear_pointer (address, lp2p_multiaddr_unref);
  *address = present;
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
}

static void
refresh_path (Lp2pConnection *self)
{
  Lp2pLayerInfo info = { .rtt = -1 };

  self->session->klass->get_info (self->session, &info);
  follow_address (self, &self->remote_address, info.remote_address, PROP_REMOTE_ADDRESS);
  follow_address (self, &self->local_address, info.local_address, PROP_LOCAL_ADDRESS);
}

static void
refresh_counters (Lp2pConnection *self)
{
  gint64 now = lp2p_loop_now (self->loop);
  Lp2pLayerInfo info = { .rtt = -1 };

  if (self->session == NULL)
    return;
  self->session->klass->get_info (self->session, &info);
  if (info.rtt >= 0)
    self->rtt = info.rtt;
  self->bytes_read = info.bytes_read;
  self->bytes_written = info.bytes_written;
  if (now - self->notified < NOTIFY_INTERVAL_US)
    return;
  self->notified = now;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_RTT]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_BYTES_READ]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_BYTES_WRITTEN]);
}

static void
tell_closed (Lp2pConnection *self)
{
  Opening *opening;

  if (self->told_closed)
    return;
  self->told_closed = TRUE;
  lp2p_timer_clear (&self->timer);

  while ((opening = g_queue_pop_head (&self->opening)) != NULL)
    {
      g_task_return_error (opening->task, new_lost_error (self));
      opening_free (opening);
    }
  while (self->closing != NULL)
    {
      Closing *closing = self->closing->data;

      self->closing = g_slist_delete_link (self->closing, self->closing);
      g_task_return_boolean (closing->task, TRUE);
      closing_free (closing);
    }
  if (self->owner != NULL)
    self->owner->closed (self, self->owner_data);
}

static void
follow_session (Lp2pConnection *self)
{
  const GError *error;
  guint32 code;

  switch (self->session->klass->get_state (self->session))
    {
    case LP2P_SESSION_EARLY:
      break;
    case LP2P_SESSION_READY:
      if (self->state < LP2P_CONNECTION_READY)
        set_state (self, LP2P_CONNECTION_READY);
      if (!self->told_ready)
        {
          self->told_ready = TRUE;
          if (self->owner != NULL)
            self->owner->ready (self, self->owner_data);
        }
      break;
    case LP2P_SESSION_CLOSING:
      if (self->state < LP2P_CONNECTION_CLOSING)
        set_state (self, LP2P_CONNECTION_CLOSING);
      break;
    case LP2P_SESSION_CLOSED:
      error = self->session->klass->get_error (self->session, &code);
      if (error != NULL && self->error == NULL)
        self->error = g_error_copy (error);
      set_state (self, LP2P_CONNECTION_CLOSED);
      break;
    default:
      break;
    }
}

static void
run_job (Lp2pJob *job)
{
  g_autoptr (Lp2pConnection) self = g_object_ref (
      (Lp2pConnection *) ((guint8 *) job - G_STRUCT_OFFSET (Lp2pConnection, job)));

  if (self->state_untold)
    {
      self->state_untold = FALSE;
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STATE]);
    }
  if (self->session == NULL)
    return;

  follow_session (self);
  if (self->state < LP2P_CONNECTION_CLOSING)
    {
      refresh_path (self);
      if (self->incoming)
        accept_streams (self);
      if (self->can_open)
        open_queued (self);
    }
  if (self->state != LP2P_CONNECTION_CLOSED)
    return;

  tell_closed (self);
  /* Streams may still hold bytes that came before the end. */
  if (self->n_streams == 0)
    {
      refresh_counters (self);
      g_clear_pointer (&self->session, lp2p_muxer_session_free);
    }
}

/* Making and closing */

Lp2pConnection *
lp2p_connection_new (Lp2pRawConnection *raw, const Lp2pConnectionLimits *limits, const Lp2pConnectionOwner *owner, gpointer user_data)
{
  Lp2pConnection *self = g_object_new (LP2P_TYPE_CONNECTION, NULL);

  self->session = lp2p_raw_connection_steal_session (raw);
  self->loop = lp2p_loop_ref (self->session->loop);
  self->direction = raw->transport_role;
  self->transport = raw->transport;
  self->security = raw->security;
  self->muxer = raw->muxer;
  self->socket_id = raw->socket_id;
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
  self->state = LP2P_CONNECTION_EARLY;

  lp2p_job_init (&self->pump, self->loop, LP2P_JOB_PUMP, run_pump);
  lp2p_job_init (&self->job, self->loop, LP2P_JOB_RUN, run_job);
  lp2p_timer_init (&self->timer, self->loop, run_timeout);
  lp2p_timer_init (&self->negotiation_timer, self->loop, run_negotiation_timeout);
  return self;
}

void
lp2p_connection_begin (Lp2pConnection *self)
{
  self->incoming = TRUE;
  lp2p_muxer_session_set_events (self->session, &session_events, self);
  lp2p_job_queue (&self->pump);
  lp2p_job_queue (&self->job);
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

static gboolean
check_thread (Lp2pConnection *self, GTask *task)
{
  if (lp2p_loop_is_owner (self->loop))
    return TRUE;
  g_task_return_new_error (task, LP2P_ERROR, LP2P_ERROR_WRONG_THREAD,
                           "A connection can only be used in the thread of its host");
  return FALSE;
}

static gboolean
closing_cancelled (GCancellable *cancellable, gpointer user_data)
{
  Closing *closing = user_data;
  Lp2pConnection *self = g_task_get_source_object (closing->task);

  self->closing = g_slist_remove (self->closing, closing);
  g_task_return_error_if_cancelled (closing->task);
  closing_free (closing);
  return G_SOURCE_REMOVE;
}

static void
wait_for_close (Lp2pConnection *self, GTask *task)
{
  Closing *closing = g_new0 (Closing, 1);

  closing->task = g_object_ref (task);
  closing->cancel = watch_cancellable (self, task, closing_cancelled, closing);
  self->closing = g_slist_prepend (self->closing, closing);
}

/**
 * lp2p_connection_close_async:
 * @self: a connection
 * @cancellable: (nullable): to give up waiting; the connection closes all the
 *   same
 * @callback: called when it is closed
 * @user_data: passed on
 *
 * Closes the connection: what was written is delivered, then the peer is told.
 */
void
lp2p_connection_close_async (Lp2pConnection *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (LP2P_IS_CONNECTION (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lp2p_connection_close_async);
  if (!check_thread (self, task))
    return;
  if (self->told_closed || self->session == NULL)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }

  wait_for_close (self, task);
  if (self->closed_here)
    return;
  /* Also where the peer began to close: its streams may take their time. */
  self->closed_here = TRUE;
  if (self->state < LP2P_CONNECTION_CLOSING)
    {
      self->state = LP2P_CONNECTION_CLOSING;
      self->state_untold = TRUE;
    }
  self->session->klass->close (self->session, LP2P_CODE_NONE, "");
  lp2p_job_queue (&self->pump);
  lp2p_job_queue (&self->job);
}

/**
 * lp2p_connection_close_finish:
 * @self: a connection
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Returns: whether the connection is closed
 */
gboolean
lp2p_connection_close_finish (Lp2pConnection *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * lp2p_connection_abort:
 * @self: a connection
 * @code: why, where the muxer can say it; 0 for no reason
 *
 * Gives the connection up at once. What was not delivered is lost.
 */
void
lp2p_connection_abort (Lp2pConnection *self, guint32 code)
{
  g_return_if_fail (LP2P_IS_CONNECTION (self));

  if (self->session == NULL || self->state == LP2P_CONNECTION_CLOSED)
    return;
  self->session->klass->abort (self->session, code);
  lp2p_job_queue (&self->job);
}

/**
 * lp2p_connection_open_stream_async:
 * @self: a connection
 * @protocols: (array zero-terminated=1): what to speak, preferred first
 * @flags: on which kind of connection it may be
 * @cancellable: (nullable): to give up
 * @callback: called when done
 * @user_data: passed on
 *
 * Opens a stream. With one protocol it can be used before the peer has answered;
 * a refusal then shows as `LP2P_ERROR_NOT_SUPPORTED` at the first read. With
 * several, the callback comes when the peer has chosen.
 */
void
lp2p_connection_open_stream_async (Lp2pConnection *self,
                                   const char *const *protocols,
                                   Lp2pStreamFlags flags,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (LP2P_IS_CONNECTION (self));
  g_return_if_fail (protocols != NULL && protocols[0] != NULL);

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lp2p_connection_open_stream_async);
  if (!check_thread (self, task) || g_task_return_error_if_cancelled (task))
    return;
  if (self->limited && (flags & LP2P_STREAM_ALLOW_LIMITED) == 0)
    g_task_return_new_error (task, LP2P_ERROR, LP2P_ERROR_LIMIT,
                             "The connection to %s is metered by a relay and %s does not allow that",
                             lp2p_peer_id_get_string (self->remote_peer), protocols[0]);
  else if (self->opening.length > 0 || !try_open (self, task, protocols))
    queue_opening (self, task, protocols);
}

/**
 * lp2p_connection_open_stream_finish:
 * @self: a connection
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Returns: (transfer full): the stream
 */
Lp2pStream *
lp2p_connection_open_stream_finish (Lp2pConnection *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* GObject */

static void
lp2p_connection_finalize (GObject *object)
{
  Lp2pConnection *self = LP2P_CONNECTION (object);

  lp2p_job_clear (&self->pump);
  lp2p_job_clear (&self->job);
  lp2p_timer_clear (&self->timer);
  lp2p_timer_clear (&self->negotiation_timer);
  g_clear_pointer (&self->session, lp2p_muxer_session_free);
  g_clear_pointer (&self->local_address, lp2p_multiaddr_unref);
  g_clear_pointer (&self->remote_address, lp2p_multiaddr_unref);
  g_clear_pointer (&self->remote_peer, lp2p_peer_id_unref);
  g_clear_pointer (&self->remote_key, lp2p_public_key_unref);
  g_clear_error (&self->error);
  g_clear_pointer (&self->loop, lp2p_loop_unref);
  G_OBJECT_CLASS (lp2p_connection_parent_class)->finalize (object);
}

static void
lp2p_connection_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  Lp2pConnection *self = LP2P_CONNECTION (object);

  switch (id)
    {
    case PROP_STATE:
      g_value_set_enum (value, self->state);
      break;
    case PROP_REMOTE_PEER:
      g_value_set_boxed (value, self->remote_peer);
      break;
    case PROP_LOCAL_ADDRESS:
      g_value_set_boxed (value, self->local_address);
      break;
    case PROP_REMOTE_ADDRESS:
      g_value_set_boxed (value, self->remote_address);
      break;
    case PROP_DIRECTION:
      g_value_set_enum (value, self->direction);
      break;
    case PROP_TRANSPORT:
      g_value_set_string (value, self->transport);
      break;
    case PROP_SECURITY:
      g_value_set_string (value, self->security);
      break;
    case PROP_MUXER:
      g_value_set_string (value, self->muxer);
      break;
    case PROP_LIMITED:
      g_value_set_boolean (value, self->limited);
      break;
    case PROP_RTT:
      g_value_set_int64 (value, lp2p_connection_get_rtt (self));
      break;
    case PROP_BYTES_READ:
      g_value_set_uint64 (value, lp2p_connection_get_bytes_read (self));
      break;
    case PROP_BYTES_WRITTEN:
      g_value_set_uint64 (value, lp2p_connection_get_bytes_written (self));
      break;
    case PROP_N_STREAMS:
      g_value_set_uint (value, self->n_streams);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
lp2p_connection_class_init (Lp2pConnectionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->finalize = lp2p_connection_finalize;
  object_class->get_property = lp2p_connection_get_property;

  /**
   * Lp2pConnection:state:
   *
   * How far it has come.
   */
  properties[PROP_STATE] = g_param_spec_enum ("state", NULL, NULL, LP2P_TYPE_CONNECTION_STATE,
                                              LP2P_CONNECTION_CONNECTING, flags);
  /**
   * Lp2pConnection:remote-peer:
   *
   * Who is on the other side.
   */
  properties[PROP_REMOTE_PEER] = g_param_spec_boxed ("remote-peer", NULL, NULL, LP2P_TYPE_PEER_ID, flags);
  /**
   * Lp2pConnection:local-address:
   *
   * Our end, without peer id.
   */
  properties[PROP_LOCAL_ADDRESS] = g_param_spec_boxed ("local-address", NULL, NULL, LP2P_TYPE_MULTIADDR, flags);
  /**
   * Lp2pConnection:remote-address:
   *
   * The peer's end, without peer id. It may change while the connection lives.
   */
  properties[PROP_REMOTE_ADDRESS] = g_param_spec_boxed ("remote-address", NULL, NULL, LP2P_TYPE_MULTIADDR, flags);
  /**
   * Lp2pConnection:direction:
   *
   * Whether this host dialed: it is the initiator then.
   */
  properties[PROP_DIRECTION] = g_param_spec_enum ("direction", NULL, NULL, LP2P_TYPE_ROLE, LP2P_ROLE_UNSET, flags);
  /**
   * Lp2pConnection:transport:
   *
   * The name of the transport.
   */
  properties[PROP_TRANSPORT] = g_param_spec_string ("transport", NULL, NULL, NULL, flags);
  /**
   * Lp2pConnection:security:
   *
   * The name of the security protocol.
   */
  properties[PROP_SECURITY] = g_param_spec_string ("security", NULL, NULL, NULL, flags);
  /**
   * Lp2pConnection:muxer:
   *
   * The name of the muxer.
   */
  properties[PROP_MUXER] = g_param_spec_string ("muxer", NULL, NULL, NULL, flags);
  /**
   * Lp2pConnection:limited:
   *
   * Whether a relay meters it.
   */
  properties[PROP_LIMITED] = g_param_spec_boolean ("limited", NULL, NULL, FALSE, flags);
  /**
   * Lp2pConnection:rtt:
   *
   * Smoothed round-trip time in microseconds, -1 while unknown.
   */
  properties[PROP_RTT] = g_param_spec_int64 ("rtt", NULL, NULL, -1, G_MAXINT64, -1, flags);
  /**
   * Lp2pConnection:bytes-read:
   *
   * Bytes that came in, with all overhead above the transport. Notified at most
   * once a second.
   */
  properties[PROP_BYTES_READ] = g_param_spec_uint64 ("bytes-read", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  /**
   * Lp2pConnection:bytes-written:
   *
   * Bytes that went out, with all overhead above the transport. Notified at most
   * once a second.
   */
  properties[PROP_BYTES_WRITTEN] = g_param_spec_uint64 ("bytes-written", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  /**
   * Lp2pConnection:n-streams:
   *
   * How many streams are open.
   */
  properties[PROP_N_STREAMS] = g_param_spec_uint ("n-streams", NULL, NULL, 0, G_MAXUINT, 0, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
lp2p_connection_init (Lp2pConnection *self)
{
  g_queue_init (&self->opening);
  g_queue_init (&self->negotiating);
  self->rtt = -1;
}

/**
 * lp2p_connection_get_state:
 * @self: a connection
 *
 * Returns: how far it has come
 */
Lp2pConnectionState
lp2p_connection_get_state (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), LP2P_CONNECTION_CLOSED);
  return self->state;
}

/**
 * lp2p_connection_get_remote_peer:
 * @self: a connection
 *
 * Returns: (transfer none): who is on the other side
 */
Lp2pPeerId *
lp2p_connection_get_remote_peer (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->remote_peer;
}

/**
 * lp2p_connection_get_remote_key:
 * @self: a connection
 *
 * Returns: (transfer none) (nullable): the public key of the other side
 */
Lp2pPublicKey *
lp2p_connection_get_remote_key (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->remote_key;
}

/**
 * lp2p_connection_get_local_address:
 * @self: a connection
 *
 * Returns: (transfer none) (nullable): our end, without peer id
 */
Lp2pMultiaddr *
lp2p_connection_get_local_address (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->local_address;
}

/**
 * lp2p_connection_get_remote_address:
 * @self: a connection
 *
 * Returns: (transfer none): the peer's end, without peer id
 */
Lp2pMultiaddr *
lp2p_connection_get_remote_address (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->remote_address;
}

/**
 * lp2p_connection_get_direction:
 * @self: a connection
 *
 * Returns: %LP2P_ROLE_INITIATOR when this host dialed
 */
Lp2pRole
lp2p_connection_get_direction (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), LP2P_ROLE_UNSET);
  return self->direction;
}

/**
 * lp2p_connection_get_transport:
 * @self: a connection
 *
 * Returns: (transfer none): the name of the transport
 */
const char *
lp2p_connection_get_transport (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->transport;
}

/**
 * lp2p_connection_get_security:
 * @self: a connection
 *
 * Returns: (transfer none): the name of the security protocol
 */
const char *
lp2p_connection_get_security (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->security;
}

/**
 * lp2p_connection_get_muxer:
 * @self: a connection
 *
 * Returns: (transfer none): the name of the muxer
 */
const char *
lp2p_connection_get_muxer (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->muxer;
}

/**
 * lp2p_connection_get_socket_id:
 * @self: a connection
 *
 * Returns: (transfer none) (nullable): the local socket, as a listener names it
 */
const char *
lp2p_connection_get_socket_id (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->socket_id;
}

/**
 * lp2p_connection_get_limited:
 * @self: a connection
 *
 * Returns: whether a relay meters it
 */
gboolean
lp2p_connection_get_limited (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), FALSE);
  return self->limited;
}

/**
 * lp2p_connection_get_rtt:
 * @self: a connection
 *
 * Returns: smoothed round-trip time in microseconds, -1 while unknown
 */
gint64
lp2p_connection_get_rtt (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), -1);
  refresh_counters (self);
  return self->rtt;
}

/**
 * lp2p_connection_get_bytes_read:
 * @self: a connection
 *
 * Returns: bytes that came in
 */
guint64
lp2p_connection_get_bytes_read (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), 0);
  refresh_counters (self);
  return self->bytes_read;
}

/**
 * lp2p_connection_get_bytes_written:
 * @self: a connection
 *
 * Returns: bytes that went out
 */
guint64
lp2p_connection_get_bytes_written (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), 0);
  refresh_counters (self);
  return self->bytes_written;
}

/**
 * lp2p_connection_get_n_streams:
 * @self: a connection
 *
 * Returns: how many streams are open
 */
guint
lp2p_connection_get_n_streams (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), 0);
  return self->n_streams;
}

/**
 * lp2p_connection_get_error:
 * @self: a connection
 *
 * Returns: (transfer none) (nullable): why it is closed; %NULL after an orderly
 *   end
 */
const GError *
lp2p_connection_get_error (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->error;
}

/**
 * lp2p_connection_get_capability:
 * @self: a connection
 * @interface_type: an interface of this library, such as [iface@Datagrams]
 *
 * Returns: (transfer none) (nullable): an object that implements it, where the
 *   connection can do that
 */
GObject *
lp2p_connection_get_capability (Lp2pConnection *self, GType interface_type)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);

  if (self->session == NULL || self->session->klass->get_capability == NULL)
    return NULL;
  return self->session->klass->get_capability (self->session, interface_type);
}
