/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-mplex-session-private.h"

#include <glib/gi18n-lib.h>

/* Mplex has no way to ask a peer to stop. What it sends to a stream that nobody
 * reads is thrown away, so that a peer which first writes all of its answer gets
 * on; beyond this the stream is reset. */
#define DISCARD_MAX (1024 * 1024)

/* Streams that are closed here while the peer still sends. Beyond that they are
 * reset when they are closed. */
#define ZOMBIES_MAX 256

Lp2pMplexStream *
lp2p_mplex_stream_new (Lp2pMplexSession *session, guint64 id, gboolean ours)
{
  Lp2pMplexStream *self = g_new0 (Lp2pMplexStream, 1);

  self->key = lp2p_mplex_key (id, ours);
  self->accepted = ours;
  session->n_live++;
  if (!ours)
    session->n_inbound++;
  g_hash_table_insert (session->streams, &self->key, self);
  return self;
}

static void
unlink_from (GQueue *queue, GList *link)
{
  if (link->data == NULL)
    return;
  g_queue_unlink (queue, link);
  link->data = NULL;
}

static void
leave_turns (Lp2pMplexSession *session, Lp2pMplexStream *self)
{
  if (self->accepted)
    lp2p_muxer_output_leave (&session->output, &self->turn);
  else
    unlink_from (&session->accepts, &self->turn.link);
}

/* Bytes were taken out of the queue: their memory is free, and a session that
 * waited for place goes on. */
void
lp2p_mplex_stream_taken (Lp2pMplexSession *session, Lp2pMplexStream *self)
{
  if (self->reserved > self->queue.memory)
    {
      lp2p_mplex_session_release (session, self->reserved - self->queue.memory);
      self->reserved = self->queue.memory;
    }
  lp2p_mplex_session_go_on (session, self);
}

static void
drop_queue (Lp2pMplexSession *session, Lp2pMplexStream *self)
{
  lp2p_byte_queue_clear (&self->queue);
  lp2p_mplex_stream_taken (session, self);
}

/* Frees a stream that is not in the table any more. */
void
lp2p_mplex_stream_destroy (Lp2pMplexSession *session, Lp2pMplexStream *self)
{
  leave_turns (session, self);
  unlink_from (&session->control, &self->control_link);
  drop_queue (session, self);
  if (session->body_stream == self)
    session->body_stream = NULL;
  if (!lp2p_mplex_stream_is_ours (self))
    session->n_inbound--;
  if (!self->forgotten)
    session->n_live--;
  if (self->released && !self->forgotten)
    session->n_zombies--;
  g_clear_error (&self->error);
  g_free (self);
}

static void
remove_and_destroy (Lp2pMplexSession *session, Lp2pMplexStream *self)
{
  g_hash_table_remove (session->streams, &self->key);
  lp2p_mplex_stream_destroy (session, self);
}

static void
announce (Lp2pMplexSession *session, Lp2pMplexStream *self, Lp2pReady ready)
{
  const Lp2pMuxerEvents *events = session->parent.events;

  if (self->accepted && !self->released && events != NULL && events->stream_ready != NULL)
    events->stream_ready (&session->parent, &self->parent, ready, session->parent.events_data);
}

/* Nothing is left to be said on this id. What the peer has under way still
 * arrives. */
static void
forget (Lp2pMplexSession *session, Lp2pMplexStream *self)
{
  if (self->forgotten)
    return;
  session->stray_credit += LP2P_MPLEX_STRAY_CREDIT;
  if (self->released)
    session->n_zombies--;
  self->forgotten = TRUE;
  session->n_live--;
  if (session->body_stream == self)
    session->body_stream = NULL;
  leave_turns (session, self);
  if (self->released || !self->accepted)
    remove_and_destroy (session, self);
}

static void
settle (Lp2pMplexSession *session, Lp2pMplexStream *self)
{
  if (self->read_side != LP2P_MPLEX_SIDE_OPEN && self->write_side != LP2P_MPLEX_SIDE_OPEN &&
      self->pending == 0)
    forget (session, self);
}

void
lp2p_mplex_stream_add_pending (Lp2pMplexSession *session,
                               Lp2pMplexStream *self,
                               Lp2pMplexPending pending)
{
  self->pending |= pending;
  if (self->control_link.data == NULL)
    {
      self->control_link.data = self;
      g_queue_push_tail_link (&session->control, &self->control_link);
    }
  lp2p_mplex_session_want_pump (session);
}

/* What was pending has been written. */
void
lp2p_mplex_stream_sent (Lp2pMplexSession *session, Lp2pMplexStream *self)
{
  self->pending = 0;
  unlink_from (&session->control, &self->control_link);
  settle (session, self);
}

/* Ends both directions at our will. */
void
lp2p_mplex_stream_reset_with (Lp2pMplexSession *session, Lp2pMplexStream *self, GError *error)
{
  if (self->read_side != LP2P_MPLEX_SIDE_OPEN && self->write_side != LP2P_MPLEX_SIDE_OPEN)
    {
      g_error_free (error);
      return;
    }

  g_clear_error (&self->error);
  self->error = error;
  if (self->read_side == LP2P_MPLEX_SIDE_OPEN)
    {
      self->read_side = LP2P_MPLEX_SIDE_RESET;
      drop_queue (session, self);
    }
  if (self->write_side == LP2P_MPLEX_SIDE_OPEN)
    self->write_side = LP2P_MPLEX_SIDE_RESET;
  leave_turns (session, self);

  /* A peer that was never told of the stream need not be told of its end. */
  if ((self->pending & LP2P_MPLEX_PENDING_NEW) != 0 || session->phase != LP2P_MPLEX_OPEN)
    lp2p_mplex_stream_sent (session, self);
  else
    lp2p_mplex_stream_add_pending (session, self, LP2P_MPLEX_PENDING_RESET);
}

/* The stream cannot go on. */
void
lp2p_mplex_stream_fail (Lp2pMplexSession *session, Lp2pMplexStream *self, GError *error)
{
  announce (session, self, LP2P_READY_READ | LP2P_READY_WRITE);
  lp2p_mplex_stream_reset_with (session, self, error);
}

static void
discard (Lp2pMplexSession *session, Lp2pMplexStream *self, gsize size)
{
  if (self->read_side != LP2P_MPLEX_SIDE_OPEN)
    return;
  self->discarded += size;
  if (self->discarded > DISCARD_MAX)
    lp2p_mplex_stream_fail (
        session, self,
        g_error_new_literal (LP2P_ERROR, LP2P_ERROR_RESET,
                             _("The peer went on sending to a stream that is not read")));
}

static void
keep (Lp2pMplexSession *session, Lp2pMplexStream *self, const guint8 *data, gsize size)
{
  lp2p_byte_queue_push (&self->queue, data, size);
  if (self->queue.memory > self->reserved)
    {
      if (!lp2p_mplex_session_reserve (session, self->queue.memory - self->reserved))
        {
          lp2p_mplex_stream_fail (
              session, self,
              g_error_new_literal (LP2P_ERROR, LP2P_ERROR_LIMIT,
                                   _("No memory is left for bytes that wait to be read")));
          return;
        }
      self->reserved = self->queue.memory;
    }
  if (self->want & LP2P_READY_READ)
    announce (session, self, LP2P_READY_READ);
}

/* A piece of a message came: a reader who waits takes it from where it is, the
 * rest is kept as far as there is place. Returns how many bytes were taken. */
gsize
lp2p_mplex_stream_deliver (Lp2pMplexSession *session,
                           Lp2pMplexStream *self,
                           const guint8 *data,
                           gsize size)
{
  const Lp2pMuxerEvents *events = session->parent.events;
  gsize taken = 0;
  gsize kept;

  if (self->discard || self->read_side != LP2P_MPLEX_SIDE_OPEN)
    {
      discard (session, self, size);
      return size;
    }

  if (self->queue.size == 0 && self->accepted && events != NULL && events->stream_input != NULL)
    taken = events->stream_input (&session->parent, &self->parent, data, size,
                                  session->parent.events_data);
  taken = MIN (taken, size);
  kept = MIN (size - taken, session->options.max_buffer - self->queue.size);
  if (kept > 0)
    keep (session, self, data + taken, kept);
  return taken + kept;
}

/* The peer ended its direction. */
void
lp2p_mplex_stream_ended (Lp2pMplexSession *session, Lp2pMplexStream *self)
{
  if (self->read_side != LP2P_MPLEX_SIDE_OPEN)
    return;
  self->read_side = LP2P_MPLEX_SIDE_ENDED;
  if (self->want & LP2P_READY_READ)
    announce (session, self, LP2P_READY_READ);
  settle (session, self);
}

/* The peer reset the stream. */
void
lp2p_mplex_stream_was_reset (Lp2pMplexSession *session, Lp2pMplexStream *self)
{
  if (self->read_side == LP2P_MPLEX_SIDE_OPEN)
    {
      self->read_side = LP2P_MPLEX_SIDE_RESET;
      drop_queue (session, self);
    }
  if (self->write_side == LP2P_MPLEX_SIDE_OPEN)
    self->write_side = LP2P_MPLEX_SIDE_RESET;
  if (self->error == NULL)
    self->error = g_error_new_literal (LP2P_ERROR, LP2P_ERROR_RESET, _("The peer reset the stream"));
  announce (session, self, LP2P_READY_READ | LP2P_READY_WRITE);
  lp2p_mplex_stream_sent (session, self);
}

/* The driver is done with the stream. */
void
lp2p_mplex_stream_let_go (Lp2pMplexSession *session, Lp2pMplexStream *self)
{
  self->parent.user_data = NULL;
  self->want = LP2P_READY_NONE;
  self->discard = TRUE;
  self->released = TRUE;
  drop_queue (session, self);

  if (!self->forgotten)
    session->n_zombies++;
  if (self->forgotten || (session->phase != LP2P_MPLEX_OPEN && self->pending == 0))
    remove_and_destroy (session, self);
  else if (self->write_side == LP2P_MPLEX_SIDE_OPEN || session->n_zombies > ZOMBIES_MAX)
    lp2p_mplex_stream_reset_with (
        session, self,
        g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The stream was closed")));
}

/* The session is over, or only what is pending still goes out, if @keep_pending.
 * Returns whether the stream can be destroyed. */
gboolean
lp2p_mplex_stream_session_ends (Lp2pMplexSession *session,
                                Lp2pMplexStream *self,
                                gboolean keep_pending)
{
  gboolean told =
      self->read_side != LP2P_MPLEX_SIDE_OPEN && self->write_side != LP2P_MPLEX_SIDE_OPEN;

  if (!keep_pending)
    self->pending = 0;
  if (self->pending == 0)
    unlink_from (&session->control, &self->control_link);
  if (self->read_side == LP2P_MPLEX_SIDE_OPEN)
    self->read_side = LP2P_MPLEX_SIDE_RESET;
  if (self->write_side == LP2P_MPLEX_SIDE_OPEN)
    self->write_side = LP2P_MPLEX_SIDE_RESET;
  if (!told)
    announce (session, self, LP2P_READY_READ | LP2P_READY_WRITE);
  return (self->released || !self->accepted) && self->pending == 0;
}
