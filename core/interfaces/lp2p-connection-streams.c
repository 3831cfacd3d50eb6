/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The streams of a connection that are being accepted and opened. */

#include "interfaces/lp2p-connection-parts-private.h"

#include "types/lp2p-i18n-private.h"

#include <lp2p/interfaces/lp2p-log.h>

/* What is sent early fits the first flight, which an initial congestion window
 * bounds: more would wait for the peer's first answer anyway. */
#define EARLY_MAX (16 * 1024)

/* Streams that are accepted at a time. As much is done for each as takes a few
 * microseconds, so that it makes half a turn. */
#define ACCEPT_MAX 16

/* Queues of streams: each is in one of them at most, which holds a reference. Whoever
 * drops a stream of ours ends it, so that those that propose are not held. */

/* All get the same time, so that the first of a queue has the least left. */
static gint64
get_deadline (GQueue *queue)
{
  return queue->length > 0 ? lp2p_stream_get_place (g_queue_peek_head (queue))->deadline : G_MAXINT64;
}

static void
set_negotiation_timer (Lp2pConnection *self)
{
  gint64 deadline = MIN (get_deadline (&self->negotiating), get_deadline (&self->proposing));

  if (deadline < G_MAXINT64)
    lp2p_timer_set (&self->negotiation_timer, deadline);
  else
    lp2p_timer_clear (&self->negotiation_timer);
}

/* @stream: (transfer full), unless it proposes */
static void
put (GQueue *queue, Lp2pStream *stream)
{
  Lp2pStreamPlace *place = lp2p_stream_get_place (stream);

  place->queue = queue;
  place->link.data = stream;
  g_queue_push_tail_link (queue, &place->link);
}

/* @stream: as for put() */
static void
put_timed (Lp2pConnection *self, GQueue *queue, Lp2pStream *stream)
{
  lp2p_stream_get_place (stream)->deadline = lp2p_loop_now (self->loop) + self->limits.negotiation_timeout;
  put (queue, stream);
  set_negotiation_timer (self);
}

/* Returns: (transfer full) (nullable): the stream, if it was in @queue, with the reference
 * that this had */
static Lp2pStream *
take (Lp2pConnection *self, GQueue *queue, Lp2pStream *stream)
{
  Lp2pStreamPlace *place = lp2p_stream_get_place (stream);

  if (queue == NULL || place->queue != queue)
    return NULL;
  place->queue = NULL;
  g_queue_unlink (queue, &place->link);
  if (queue == &self->negotiating || queue == &self->proposing)
    set_negotiation_timer (self);
  return queue != &self->proposing ? stream : NULL;
}

/* Returns: (transfer full) (nullable) */
static Lp2pStream *
take_first (Lp2pConnection *self, GQueue *queue)
{
  return queue->length > 0 ? take (self, queue, g_queue_peek_head (queue)) : NULL;
}

static void
run_negotiation_timeout (Lp2pTimer *timer)
{
  Lp2pConnection *self = (Lp2pConnection *) ((guint8 *) timer - G_STRUCT_OFFSET (Lp2pConnection, negotiation_timer));
  gint64 now = lp2p_loop_now (self->loop);

  while (get_deadline (&self->negotiating) <= now)
    {
      g_autoptr (Lp2pStream) stream = take_first (self, &self->negotiating);

      lp2p_log_connection (G_LOG_LEVEL_DEBUG, self, "A stream of the peer did not agree on a protocol in time");
      lp2p_stream_reset (stream, LP2P_CODE_STREAM_PROTOCOL_NEGOTIATION_FAILED);
    }
  while (get_deadline (&self->proposing) <= now)
    lp2p_stream_give_up_proposal (g_queue_peek_head (&self->proposing));
  set_negotiation_timer (self);
}

/* Incoming streams */

static gboolean
match_protocol (const char *protocol, gpointer user_data)
{
  Lp2pConnection *self = user_data;

  return self->owner != NULL && self->owner->match_protocol (self, protocol, self->owner_data);
}

static gboolean
may_accept (Lp2pConnection *self)
{
  return self->owner != NULL && self->n_inbound < self->limits.max_streams &&
         self->owner->begin_stream (self, self->owner_data);
}

static void
accept_stream (Lp2pConnection *self, Lp2pMuxerStream *handle)
{
  Lp2pStream *stream;

  if (!may_accept (self))
    {
      self->session->klass->stream_reset (self->session, handle, LP2P_CODE_STREAM_RESOURCE_LIMIT);
      self->session->klass->stream_release (self->session, handle);
      return;
    }

  self->n_streams++;
  self->n_inbound++;
  stream = lp2p_stream_new (self, self->session, handle, lp2p_multistream_new_listener (match_protocol, self), FALSE);
  put_timed (self, &self->negotiating, stream);
}

void
lp2p_connection_accept_streams (Lp2pConnection *self)
{
  const Lp2pMuxerSessionClass *klass = self->session->klass;
  Lp2pMuxerStream *handle;
  guint n = 0;

  while (klass->accept != NULL && n < ACCEPT_MAX && (handle = klass->accept (self->session)) != NULL)
    {
      accept_stream (self, handle);
      n++;
    }
  self->incoming = n == ACCEPT_MAX;
  if (self->incoming)
    lp2p_job_queue (&self->job);

  /* The session may be over already: whoever serves its streams is to know of the
   * connection first. */
  if (self->negotiating.length > 0 && (!self->early || self->session_ready))
    lp2p_connection_become_ready (self);
}

void
lp2p_connection_stream_agreed (Lp2pConnection *self, Lp2pStream *stream)
{
  g_autoptr (Lp2pStream) held = take (self, &self->negotiating, stream);

  /* The end of the session waits for the last of them. */
  lp2p_job_queue (&self->job);
  if (held == NULL || self->owner == NULL)
    return;
  if (self->early && !self->owner->allows_early (self, lp2p_stream_get_protocol (held), self->owner_data))
    put (&self->held, g_steal_pointer (&held));
  else
    self->owner->incoming_stream (self, held, self->owner_data);
}

void
lp2p_connection_hand_out_held (Lp2pConnection *self)
{
  Lp2pStream *held;

  while ((held = take_first (self, &self->held)) != NULL)
    {
      if (self->owner != NULL)
        self->owner->incoming_stream (self, held, self->owner_data);
      g_object_unref (held);
    }
}

static const char *
get_protocol_name (Lp2pStream *stream)
{
  const char *protocol = lp2p_stream_get_protocol (stream);

  return protocol != NULL ? protocol : "not agreed on";
}

void
lp2p_connection_stream_gone (Lp2pConnection *self, Lp2pStream *stream, gboolean wasted)
{
  g_autoptr (Lp2pStream) kept = take (self, lp2p_stream_get_place (stream)->queue, stream);

  lp2p_log_connection (G_LOG_LEVEL_DEBUG, self, "A stream of %s is over, protocol %s",
                       lp2p_stream_get_outbound (stream) ? "ours" : "the peer", get_protocol_name (stream));
  self->n_streams--;
  if (!lp2p_stream_get_outbound (stream))
    {
      self->n_inbound--;
      lp2p_connection_count_end (self, wasted);
      if (self->owner != NULL)
        self->owner->end_stream (self, self->owner_data);
    }
  lp2p_job_queue (&self->job);
}

/* Outgoing streams */

void
lp2p_connection_stream_answered (Lp2pConnection *self, Lp2pStream *stream)
{
  take (self, &self->proposing, stream);
}

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

/* Whether what is sent may come to nothing. */
static gboolean
is_provisional (Lp2pConnection *self)
{
  return self->early || self->answer != NULL;
}

/* With one protocol the stream can be used at once: its first bytes ride behind
 * the proposal. With several, which one it is must be known first. */
static void
stream_opened (Lp2pConnection *self, GTask *task, const char *const *protocols, Lp2pStreamFlags flags, Lp2pMuxerStream *handle)
{
  g_autoptr (Lp2pStream) stream = NULL;

  self->n_streams++;
  stream = lp2p_stream_new (self, self->session, handle, lp2p_multistream_new_dialer (protocols), TRUE);
  if (is_provisional (self))
    {
      lp2p_stream_keep_early (stream, flags);
      put (&self->early_streams, g_object_ref (stream));
    }
  else
    put_timed (self, &self->proposing, stream);
  if (protocols[1] == NULL)
    g_task_return_pointer (task, g_steal_pointer (&stream), g_object_unref);
  else
    lp2p_stream_negotiate_async (stream, g_task_get_priority (task), g_task_get_cancellable (task),
                                 on_negotiated, g_object_ref (task));
}

static void
set_lost_error (Lp2pConnection *self, GError **error)
{
  g_set_error (error, LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST, _("The connection to %s is closed%s%s"),
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
try_open (Lp2pConnection *self, GTask *task, const char *const *protocols, Lp2pStreamFlags flags)
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
    stream_opened (self, task, protocols, flags, handle);
  return TRUE;
}

static gboolean
may_open (Lp2pConnection *self, Lp2pStreamFlags flags)
{
  if (is_provisional (self))
    return !self->early_rejected && (!self->early || (flags & LP2P_STREAM_REPLAY_SAFE) != 0);
  /* Those that are opened again come first. */
  return self->early_streams.length == 0;
}

void
lp2p_connection_start_opening (Lp2pConnection *self, GTask *task, const char *const *protocols, Lp2pStreamFlags flags)
{
  gboolean waits = !may_open (self, flags) || (!self->early && self->opening.length > 0);

  if ((waits && self->state < LP2P_CONNECTION_CLOSING) || !try_open (self, task, protocols, flags))
    lp2p_connection_wait (&self->opening, task, protocols, flags);
}

/* As long as it was early, the connection's time counted. */
static void
propose_again (Lp2pConnection *self, Lp2pStream *stream)
{
  if (lp2p_stream_is_proposing (stream))
    put_timed (self, &self->proposing, stream);
}

/* Opens again what the peer got nothing of. */
static void
reopen_early (Lp2pConnection *self)
{
  Lp2pStream *stream;

  while (self->session != NULL && (stream = g_queue_peek_head (&self->early_streams)) != NULL)
    {
      g_autoptr (Lp2pStream) keep = g_object_ref (stream);
      Lp2pMuxerStream *handle = NULL;
      int opened = self->session->klass->open (self->session, &handle);

      if (opened == LP2P_IO_AGAIN)
        return;
      if (opened == LP2P_IO_FAILED)
        {
          lp2p_stream_lose_early (stream, new_lost_error (self));
          continue;
        }
      lp2p_stream_reopen_early (stream, self->session, handle);
      g_object_unref (take_first (self, &self->early_streams));
      propose_again (self, stream);
    }
}

void
lp2p_connection_settle_early (Lp2pConnection *self)
{
  Lp2pStream *stream;

  self->can_open = TRUE;
  if (self->early_rejected)
    return;
  while ((stream = take_first (self, &self->early_streams)) != NULL)
    {
      lp2p_stream_confirm_early (stream);
      propose_again (self, stream);
      g_object_unref (stream);
    }
}

/* The peer may have got what was sent early, or not. */
void
lp2p_connection_lose_unsafe (Lp2pConnection *self)
{
  GList *next;

  for (GList *l = self->early_streams.head; l != NULL; l = next)
    {
      g_autoptr (Lp2pStream) stream = g_object_ref (l->data);

      next = l->next;
      if (!lp2p_stream_may_repeat (stream))
        lp2p_stream_lose_early (stream, g_error_new (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                                                     _("The connection to %s ended before it was clear whether the "
                                                       "peer got what the stream sent, which is not safe to repeat"),
                                                     lp2p_peer_id_get_string (self->remote_peer)));
    }
}

static Lp2pConnectionWaiting *
take_openable (Lp2pConnection *self)
{
  for (GList *l = self->opening.head; l != NULL; l = l->next)
    {
      Lp2pConnectionWaiting *opening = l->data;

      if (!may_open (self, opening->flags))
        continue;
      g_queue_delete_link (&self->opening, l);
      return opening;
    }
  return NULL;
}

void
lp2p_connection_open_queued (Lp2pConnection *self)
{
  Lp2pConnectionWaiting *opening;

  self->can_open = FALSE;
  if (!is_provisional (self))
    reopen_early (self);
  while ((opening = take_openable (self)) != NULL)
    {
      if (!try_open (self, opening->task, (const char *const *) opening->protocols, opening->flags))
        {
          g_queue_push_head (&self->opening, opening);
          return;
        }
      lp2p_connection_waiting_free (opening);
    }
}

gboolean
lp2p_connection_get_early (Lp2pConnection *self)
{
  return self->early;
}

gsize
lp2p_connection_get_early_room (Lp2pConnection *self)
{
  return self->early_rejected ? 0 : EARLY_MAX - self->early_kept;
}

void
lp2p_connection_count_early (Lp2pConnection *self, gsize size)
{
  self->early_kept += size;
}

void
lp2p_connection_fail_opening (Lp2pConnection *self)
{
  Lp2pConnectionWaiting *opening;

  while ((opening = g_queue_pop_head (&self->opening)) != NULL)
    {
      g_task_return_error (opening->task, new_lost_error (self));
      lp2p_connection_waiting_free (opening);
    }
}

/* The connection is over: nobody can be served, and nobody opens anything. */
void
lp2p_connection_fail_streams (Lp2pConnection *self)
{
  Lp2pStream *stream;

  lp2p_connection_fail_opening (self);
  while ((stream = g_queue_peek_head (&self->early_streams)) != NULL)
    {
      g_autoptr (Lp2pStream) keep = g_object_ref (stream);

      lp2p_stream_lose_early (stream, new_lost_error (self));
    }
  while ((stream = take_first (self, &self->held)) != NULL)
    {
      lp2p_stream_reset (stream, LP2P_CODE_STREAM_GATED);
      g_object_unref (stream);
    }
}

void
lp2p_connection_init_streams (Lp2pConnection *self)
{
  lp2p_timer_init (&self->negotiation_timer, self->loop, run_negotiation_timeout);
}
