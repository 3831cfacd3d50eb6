/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "interfaces/lp2p-queued-session-private.h"

#define MAX_ZOMBIES 256

static gboolean
reserve_of_context (gsize held, gsize size, gpointer data)
{
  return lp2p_context_reserve_memory (data, held, size);
}

static void
release_to_context (gsize size, gpointer data)
{
  lp2p_context_release_memory (data, size);
}

/**
 * lp2p_muxer_budget_use_context: (skip)
 * @self: a budget, whose `max` stays
 * @context: where the memory comes from
 *
 * Makes the budget a part of the host's. It holds a reference on @context, as a
 * session may outlive the host while somebody holds a stream of it.
 */
void
lp2p_muxer_budget_use_context (Lp2pMuxerBudget *self, Lp2pContext *context)
{
  self->reserve = reserve_of_context;
  self->release = release_to_context;
  self->data = g_object_ref (context);
  self->destroy = g_object_unref;
}

/**
 * lp2p_queued_session_init: (skip)
 * @self: the beginning of a new session, all zeros
 * @klass: its functions
 * @loop: where it works
 * @budget: for memory; `destroy` is the session's to call
 */
void
lp2p_queued_session_init (Lp2pQueuedSession *self,
                          const Lp2pQueuedSessionClass *klass,
                          Lp2pLoop *loop,
                          const Lp2pMuxerBudget *budget)
{
  lp2p_muxer_session_init (&self->parent, &klass->parent, loop);
  self->budget = *budget;
  self->max_queue = G_MAXSIZE;
  self->max_zombies = MAX_ZOMBIES;
  self->streams = g_hash_table_new (g_int64_hash, g_int64_equal);
  self->stalled_at = -1;
}

/**
 * lp2p_queued_session_clear: (skip)
 * @self: the beginning of a session that is being freed
 *
 * Frees all streams.
 */
void
lp2p_queued_session_clear (Lp2pQueuedSession *self)
{
  GHashTableIter iter;
  gpointer id;

  g_hash_table_iter_init (&iter, self->streams);
  while (g_hash_table_iter_next (&iter, &id, NULL))
    {
      g_hash_table_iter_remove (&iter);
      lp2p_queued_stream_destroy (lp2p_queued_stream_of_id (id), self);
    }
  g_hash_table_unref (self->streams);
  g_clear_error (&self->error);
  if (self->budget.destroy != NULL)
    self->budget.destroy (self->budget.data);
  lp2p_muxer_session_clear (&self->parent);
}

/**
 * lp2p_queued_session_want_pump: (skip)
 * @self: a session
 *
 * There is output, or the next timeout changed.
 */
void
lp2p_queued_session_want_pump (Lp2pQueuedSession *self)
{
  const Lp2pMuxerEvents *events = self->parent.events;

  if (self->pump_wanted || events == NULL || events->want_pump == NULL)
    return;
  self->pump_wanted = TRUE;
  events->want_pump (&self->parent, self->parent.events_data);
}

/**
 * lp2p_queued_session_lookup: (skip)
 * @self: a session
 * @id: of a stream
 *
 * Returns: (nullable) (transfer none): the stream, which may be forgotten
 */
Lp2pQueuedStream *
lp2p_queued_session_lookup (Lp2pQueuedSession *self, gint64 id)
{
  gint64 *found;

  if (self->recent != NULL && self->recent->id == id)
    return self->recent;
  found = g_hash_table_lookup (self->streams, &id);
  self->recent = found != NULL ? lp2p_queued_stream_of_id (found) : NULL;
  return self->recent;
}

static Lp2pQueuedStream *
pop (GQueue *queue)
{
  GList *link = g_queue_pop_head_link (queue);

  return link != NULL ? g_steal_pointer (&link->data) : NULL;
}

/**
 * lp2p_queued_session_give_turn: (skip)
 * @self: a session that can take a quantum
 *
 * Tells the next stream of those that wait that it can write.
 *
 * Returns: %FALSE when none waits
 */
gboolean
lp2p_queued_session_give_turn (Lp2pQueuedSession *self)
{
  const Lp2pMuxerEvents *events = self->parent.events;
  Lp2pQueuedStream *stream;

  while ((stream = pop (&self->turns)) != NULL)
    {
      if ((stream->want & LP2P_READY_WRITE) == 0 || stream->send_window == 0 ||
          stream->write_side != LP2P_SIDE_OPEN)
        continue;
      stream->quantum = LP2P_MUXER_QUANTUM;
      stream->blocked = FALSE;
      if (events != NULL && events->stream_ready != NULL)
        events->stream_ready (&self->parent, &stream->parent, LP2P_READY_WRITE, self->parent.events_data);
      return TRUE;
    }
  return FALSE;
}

static Lp2pMuxerStream *
session_accept (Lp2pMuxerSession *session)
{
  Lp2pQueuedSession *self = (Lp2pQueuedSession *) session;
  const Lp2pQueuedSessionClass *klass = lp2p_queued_session_get_class (self);
  Lp2pQueuedStream *stream = pop (&self->accepts);

  if (stream == NULL)
    return NULL;
  stream->accepted = TRUE;
  if (klass->stream_accepted != NULL && self->phase < LP2P_PHASE_DRAINING)
    klass->stream_accepted (self, stream);
  return &stream->parent;
}

/* The end */

static void
end_streams (Lp2pQueuedSession *self, gboolean keep_pending)
{
  GHashTableIter iter;
  gpointer id;

  self->receiving = NULL;
  self->stalled_at = -1;
  g_hash_table_iter_init (&iter, self->streams);
  while (g_hash_table_iter_next (&iter, &id, NULL))
    if (lp2p_queued_stream_session_ends (lp2p_queued_stream_of_id (id), self, keep_pending))
      {
        g_hash_table_iter_remove (&iter);
        lp2p_queued_stream_destroy (lp2p_queued_stream_of_id (id), self);
      }
}

static void
announce_closing (Lp2pQueuedSession *self)
{
  const Lp2pMuxerEvents *events = self->parent.events;

  if (events != NULL && events->closing != NULL)
    events->closing (&self->parent, self->parent.events_data);
}

/**
 * lp2p_queued_session_peer_goes: (skip)
 * @self: a session
 *
 * The peer takes no new streams, or there are no ids left for them. The session ends
 * with the last of those that exist.
 */
void
lp2p_queued_session_peer_goes (Lp2pQueuedSession *self)
{
  if (self->phase != LP2P_PHASE_OPEN)
    return;
  self->phase = LP2P_PHASE_PEER_GOING;
  announce_closing (self);
  lp2p_queued_session_want_pump (self);
}

/**
 * lp2p_queued_session_drain: (skip)
 * @self: a session
 * @error: (transfer full): what its streams say from now on
 * @keep_pending: the peer is still told of ends and resets
 *
 * Ends all streams at our will; the session ends when what is to be said last has
 * left.
 *
 * Returns: %FALSE when that was done before
 */
gboolean
lp2p_queued_session_drain (Lp2pQueuedSession *self, GError *error, gboolean keep_pending)
{
  gboolean was_open = self->phase == LP2P_PHASE_OPEN;

  if (self->phase >= LP2P_PHASE_DRAINING)
    {
      g_error_free (error);
      return FALSE;
    }
  self->phase = LP2P_PHASE_DRAINING;
  self->error = error;
  end_streams (self, keep_pending);
  if (was_open)
    announce_closing (self);
  return TRUE;
}

/**
 * lp2p_queued_session_finish: (skip)
 * @self: a session
 *
 * Nothing is read or written any more.
 */
void
lp2p_queued_session_finish (Lp2pQueuedSession *self)
{
  const Lp2pQueuedSessionClass *klass = lp2p_queued_session_get_class (self);
  const Lp2pMuxerEvents *events = self->parent.events;

  if (self->phase == LP2P_PHASE_OVER)
    return;
  self->phase = LP2P_PHASE_OVER;
  if (klass->finished != NULL)
    klass->finished (self);
  end_streams (self, FALSE);
  if (events != NULL && events->closed != NULL)
    events->closed (&self->parent, self->parent.events_data);
}

/**
 * lp2p_queued_session_fail: (skip)
 * @self: a session
 * @error: (transfer full): why, unless that is known
 *
 * Ends the session at once, without a word to the peer.
 */
void
lp2p_queued_session_fail (Lp2pQueuedSession *self, GError *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
  lp2p_queued_session_finish (self);
}

static Lp2pSessionState
session_get_state (Lp2pMuxerSession *session)
{
  switch (((Lp2pQueuedSession *) session)->phase)
    {
    case LP2P_PHASE_OPEN:
      return LP2P_SESSION_READY;
    case LP2P_PHASE_PEER_GOING:
    case LP2P_PHASE_DRAINING:
      return LP2P_SESSION_CLOSING;
    default:
      return LP2P_SESSION_CLOSED;
    }
}

static const GError *
session_get_error (Lp2pMuxerSession *session, guint32 *code)
{
  Lp2pQueuedSession *self = (Lp2pQueuedSession *) session;

  if (code != NULL)
    *code = self->remote_code;
  return self->orderly ? NULL : self->error;
}

/**
 * lp2p_queued_session_class_init: (skip)
 * @klass: functions of a session
 *
 * Fills in what the class leaves out, once before its first session is made.
 */
void
lp2p_queued_session_class_init (Lp2pQueuedSessionClass *klass)
{
  lp2p_queued_stream_class_init (&klass->parent);
  if (klass->parent.accept == NULL)
    klass->parent.accept = session_accept;
  if (klass->parent.get_state == NULL)
    klass->parent.get_state = session_get_state;
  if (klass->parent.get_error == NULL)
    klass->parent.get_error = session_get_error;
}
