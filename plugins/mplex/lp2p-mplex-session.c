/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-mplex-session-private.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

/* How long an end may wait for room in the layer below, and then for the end of
 * what the peer sends. */
#define CLOSE_TIMEOUT (5 * G_USEC_PER_SEC)

/* js shifts ids as numbers of 32 bits with a sign, flag included. */
#define OWN_ID_MAX ((1 << 28) - 1)

/* There is output, or the next timeout changed. */
void
lp2p_mplex_session_want_pump (Lp2pMplexSession *self)
{
  const Lp2pMuxerEvents *events = self->parent.events;

  if (self->pump_wanted || events == NULL || events->want_pump == NULL)
    return;
  self->pump_wanted = TRUE;
  events->want_pump (&self->parent, self->parent.events_data);
}

gboolean
lp2p_mplex_session_reserve (Lp2pMplexSession *self, gsize size)
{
  if (size > self->options.max_memory - self->reserved)
    return FALSE;
  if (self->options.reserve != NULL && !self->options.reserve (self->reserved, size, self->options.data))
    return FALSE;
  self->reserved += size;
  return TRUE;
}

void
lp2p_mplex_session_release (Lp2pMplexSession *self, gsize size)
{
  if (size == 0)
    return;
  self->reserved -= size;
  if (self->options.release != NULL)
    self->options.release (size, self->options.data);
}

/* The stream whose message comes has no place. Nobody can tell its sender alone to
 * wait: the session reads nothing, so that all wait. */
void
lp2p_mplex_session_stall (Lp2pMplexSession *self)
{
  self->stalled_at = lp2p_loop_now (self->parent.loop);
}

/* @stream has place again. */
void
lp2p_mplex_session_go_on (Lp2pMplexSession *self, Lp2pMplexStream *stream)
{
  if (self->stalled_at < 0 || self->body_stream != stream)
    return;
  self->stalled_at = -1;
  lp2p_mplex_session_want_pump (self);
}

/* The end of a session */

static void
end_streams (Lp2pMplexSession *self, gboolean keep_pending)
{
  GHashTableIter iter;
  gpointer stream;

  self->body_stream = NULL;
  self->stalled_at = -1;
  g_hash_table_iter_init (&iter, self->streams);
  while (g_hash_table_iter_next (&iter, NULL, &stream))
    if (lp2p_mplex_stream_session_ends (self, stream, keep_pending))
      {
        g_hash_table_iter_remove (&iter);
        lp2p_mplex_stream_destroy (self, stream);
      }
}

/* Nothing is read or written any more. */
void
lp2p_mplex_session_finish (Lp2pMplexSession *self)
{
  const Lp2pMuxerEvents *events = self->parent.events;

  if (self->phase == LP2P_MPLEX_OVER)
    return;
  self->phase = LP2P_MPLEX_OVER;
  /* The session is kept until its streams are read; the peer need not wait for
   * that. */
  lp2p_layer_shutdown_write (self->layer);
  end_streams (self, FALSE);
  g_clear_pointer (&self->refused, g_array_unref);
  if (events != NULL && events->closed != NULL)
    events->closed (&self->parent, self->parent.events_data);
}

/* The session ends at once: mplex has no word for it. */
void
lp2p_mplex_session_fail (Lp2pMplexSession *self, GError *error)
{
  g_debug ("%s", error->message);
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
  lp2p_mplex_session_finish (self);
}

void
lp2p_mplex_session_layer_failed (Lp2pMplexSession *self)
{
  const GError *why = lp2p_layer_get_error (self->layer);

  lp2p_mplex_session_fail (self, g_error_new (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                                              _("mplex: the connection failed: %s"),
                                              why != NULL ? why->message : _("no reason given")));
}

/* The peer sends nothing more, which is how a session ends: in order, where
 * nothing was under way. */
void
lp2p_mplex_session_layer_ended (Lp2pMplexSession *self)
{
  gboolean middle = self->header_size > 0 || self->body_left > 0;

  if (self->phase == LP2P_MPLEX_OPEN && !middle && self->n_live == self->n_zombies)
    self->orderly = TRUE;
  lp2p_mplex_session_fail (
      self, g_error_new_literal (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                                 middle ? _("mplex: the peer ended the connection in the middle of a message")
                                        : _("mplex: the peer ended the connection")));
}

static void
session_close (Lp2pMuxerSession *session, guint32 code, const char *reason)
{
  Lp2pMplexSession *self = (Lp2pMplexSession *) session;
  const Lp2pMuxerEvents *events = session->events;
  gboolean has_reason = reason != NULL && reason[0] != '\0';

  if (self->phase != LP2P_MPLEX_OPEN)
    return;
  self->phase = LP2P_MPLEX_DRAINING;
  self->orderly = TRUE;
  self->error = g_error_new (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The session was closed%s%s"),
                             has_reason ? ": " : "", has_reason ? reason : "");
  self->close_at = lp2p_loop_now (session->loop) + CLOSE_TIMEOUT;
  end_streams (self, TRUE);
  if (events != NULL && events->closing != NULL)
    events->closing (session, session->events_data);
  lp2p_mplex_session_want_pump (self);
}

static void
session_abort (Lp2pMuxerSession *session, guint32 code)
{
  Lp2pMplexSession *self = (Lp2pMplexSession *) session;

  if (self->phase == LP2P_MPLEX_OVER)
    return;
  lp2p_layer_abort (self->layer, code);
  lp2p_mplex_session_fail (
      self, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The session was aborted")));
}

/* Streams */

/* The specification gives the initiator the odd ids. No peer minds others, as the
 * flags tell whose a stream is. */
static int
session_open (Lp2pMuxerSession *session, Lp2pMuxerStream **stream)
{
  Lp2pMplexSession *self = (Lp2pMplexSession *) session;
  Lp2pMplexStream *opened;

  *stream = NULL;
  if (self->phase != LP2P_MPLEX_OPEN || self->next_id > OWN_ID_MAX)
    return LP2P_IO_FAILED;

  opened = lp2p_mplex_stream_new (self, self->next_id, TRUE);
  self->next_id += 2;
  lp2p_mplex_stream_add_pending (self, opened, LP2P_MPLEX_PENDING_NEW);
  *stream = &opened->parent;
  return 0;
}

static Lp2pMuxerStream *
session_accept (Lp2pMuxerSession *session)
{
  Lp2pMplexSession *self = (Lp2pMplexSession *) session;
  GList *link = g_queue_pop_head_link (&self->accepts);
  Lp2pMplexStream *stream;

  if (link == NULL)
    return NULL;
  stream = g_steal_pointer (&link->data);
  stream->accepted = TRUE;
  return &stream->parent;
}

/* Time */

static gint64
session_get_next_timeout (Lp2pMuxerSession *session)
{
  Lp2pMplexSession *self = (Lp2pMplexSession *) session;
  gint64 stalled = self->stalled_at >= 0 ? self->stalled_at + self->options.read_timeout : -1;
  gint64 blocked =
      self->output.blocked_at >= 0 ? self->output.blocked_at + self->options.write_timeout : -1;

  if (self->phase == LP2P_MPLEX_OVER)
    return -1;
  if (self->phase == LP2P_MPLEX_DRAINING)
    return self->close_at;
  return stalled < 0 || blocked < 0 ? MAX (stalled, blocked) : MIN (stalled, blocked);
}

static void
give_up_closing (Lp2pMplexSession *self)
{
  if (!self->lingering)
    lp2p_layer_abort (self->layer, 0);
  lp2p_mplex_session_finish (self);
}

static void
give_up_peer (Lp2pMplexSession *self)
{
  lp2p_layer_abort (self->layer, 0);
  lp2p_mplex_session_fail (self, g_error_new (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                                              _("mplex: the peer took no bytes for %" PRId64
                                                " seconds"),
                                              self->options.write_timeout / G_USEC_PER_SEC));
}

static void
give_up_reader (Lp2pMplexSession *self)
{
  lp2p_mplex_stream_fail (
      self, self->body_stream,
      g_error_new (LP2P_ERROR, LP2P_ERROR_LIMIT,
                   _("Nobody read for %" PRId64 " seconds while the buffer of %u bytes was "
                     "full, which held up the whole connection"),
                   self->options.read_timeout / G_USEC_PER_SEC, self->options.max_buffer));
}

static void
session_timeout (Lp2pMuxerSession *session, gint64 now)
{
  Lp2pMplexSession *self = (Lp2pMplexSession *) session;

  if (self->phase == LP2P_MPLEX_OVER)
    return;
  if (self->phase == LP2P_MPLEX_DRAINING)
    {
      if (now >= self->close_at)
        give_up_closing (self);
      return;
    }
  if (self->stalled_at >= 0 && now >= self->stalled_at + self->options.read_timeout)
    give_up_reader (self);
  if (lp2p_muxer_output_is_stuck (&self->output, now, self->options.write_timeout))
    give_up_peer (self);
}

/* What is known */

static gboolean
session_has_unsent (Lp2pMuxerSession *session)
{
  Lp2pMplexSession *self = (Lp2pMplexSession *) session;

  self->unsent_asked = lp2p_mplex_session_is_unsent (self);
  return self->unsent_asked;
}

static Lp2pSessionState
session_get_state (Lp2pMuxerSession *session)
{
  switch (((Lp2pMplexSession *) session)->phase)
    {
    case LP2P_MPLEX_OPEN:
      return LP2P_SESSION_READY;
    case LP2P_MPLEX_DRAINING:
      return LP2P_SESSION_CLOSING;
    default:
      return LP2P_SESSION_CLOSED;
    }
}

static const GError *
session_get_error (Lp2pMuxerSession *session, guint32 *code)
{
  Lp2pMplexSession *self = (Lp2pMplexSession *) session;

  if (code != NULL)
    *code = 0;
  return self->orderly ? NULL : self->error;
}

static void
session_get_info (Lp2pMuxerSession *session, Lp2pLayerInfo *info)
{
  lp2p_layer_get_info (((Lp2pMplexSession *) session)->layer, info);
}

/* The layer below */

static void
layer_ready (Lp2pLayer *layer, Lp2pReady ready, gpointer data)
{
  Lp2pMplexSession *self = data;

  if (ready & LP2P_READY_READ)
    self->readable = TRUE;
  if (ready & LP2P_READY_WRITE)
    lp2p_muxer_output_moved (&self->output);
  lp2p_mplex_session_want_pump (self);
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
  Lp2pMplexSession *self = (Lp2pMplexSession *) session;
  GHashTableIter iter;
  gpointer stream;

  lp2p_layer_set_events (self->layer, NULL, NULL);
  /* The driver is not there any more to hear that the session could go on. */
  self->body_stream = NULL;
  g_hash_table_iter_init (&iter, self->streams);
  while (g_hash_table_iter_next (&iter, NULL, &stream))
    {
      g_hash_table_iter_remove (&iter);
      lp2p_mplex_stream_destroy (self, stream);
    }
  g_hash_table_unref (self->streams);
  g_clear_pointer (&self->refused, g_array_unref);
  g_clear_error (&self->error);
  lp2p_layer_free (self->layer);
  if (self->options.destroy != NULL)
    self->options.destroy (self->options.data);
  lp2p_muxer_session_clear (session);
  g_free (self);
}

static const Lp2pMuxerSessionClass session_class = {
  .name = "mplex",
  .caps = LP2P_MUXER_HALF_CLOSE,
  .max_streams = 0,
  .input = lp2p_mplex_session_input,
  .pump_output = lp2p_mplex_session_pump_output,
  .get_next_timeout = session_get_next_timeout,
  .timeout = session_timeout,
  .open = session_open,
  .accept = session_accept,
  .stream_readv = lp2p_mplex_stream_readv,
  .stream_writev = lp2p_mplex_stream_writev,
  .stream_want = lp2p_mplex_stream_want,
  .stream_shutdown_write = lp2p_mplex_stream_shutdown_write,
  .stream_stop_reading = lp2p_mplex_stream_stop_reading,
  .stream_reset = lp2p_mplex_stream_reset,
  .stream_release = lp2p_mplex_stream_release,
  .stream_get_error = lp2p_mplex_stream_get_error,
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
lp2p_mplex_session_new (Lp2pLayer *layer, Lp2pRole role, const Lp2pMplexOptions *options)
{
  Lp2pMplexSession *self = g_new0 (Lp2pMplexSession, 1);

  lp2p_muxer_session_init (&self->parent, &session_class, layer->loop);
  self->layer = layer;
  self->options = *options;
  self->streams = g_hash_table_new (g_int64_hash, g_int64_equal);
  self->next_id = role == LP2P_ROLE_RESPONDER ? 2 : 1;
  self->stray_credit = LP2P_MPLEX_STRAY_CREDIT;
  self->stalled_at = -1;
  self->readable = TRUE;

  lp2p_layer_set_events (layer, &layer_events, self);
  lp2p_muxer_output_init (&self->output, layer);
  return &self->parent;
}
