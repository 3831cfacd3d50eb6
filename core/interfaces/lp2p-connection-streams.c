/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The streams of a connection that are being accepted and opened. */

#include "interfaces/lp2p-connection-parts-private.h"

typedef struct
{
  Lp2pStream *stream;
  gint64 deadline;
} Negotiating;

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

void
lp2p_connection_accept_streams (Lp2pConnection *self)
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

void
lp2p_connection_start_opening (Lp2pConnection *self, GTask *task, const char *const *protocols)
{
  if (self->opening.length > 0 || !try_open (self, task, protocols))
    lp2p_connection_wait (&self->opening, task, protocols);
}

void
lp2p_connection_open_queued (Lp2pConnection *self)
{
  Lp2pConnectionWaiting *opening;

  self->can_open = FALSE;
  while ((opening = g_queue_peek_head (&self->opening)) != NULL)
    {
      if (!try_open (self, opening->task, (const char *const *) opening->protocols))
        return;
      g_queue_pop_head (&self->opening);
      lp2p_connection_waiting_free (opening);
    }
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

void
lp2p_connection_init_streams (Lp2pConnection *self)
{
  lp2p_timer_init (&self->negotiation_timer, self->loop, run_negotiation_timeout);
}
