/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-yamux-session-private.h"

#include <glib/gi18n-lib.h>

/* Yamux has no way to ask a peer to stop. What it sends to a stream that nobody
 * reads is thrown away, so that a peer which first writes all of its answer gets
 * on; beyond this the stream is reset. */
#define DISCARD_MAX (1024 * 1024)

Lp2pYamuxStream *
lp2p_yamux_stream_new (Lp2pYamuxSession *session, guint32 id, gboolean inbound)
{
  Lp2pYamuxStream *self = g_new0 (Lp2pYamuxStream, 1);

  self->id = id;
  self->send_window = LP2P_YAMUX_INITIAL_WINDOW;
  lp2p_yamux_window_init (&self->window, lp2p_loop_now (session->parent.loop));
  self->inbound = inbound;
  self->accepted = !inbound;
  self->unacknowledged = !inbound;
  session->n_live++;
  if (inbound)
    session->n_inbound++;
  g_hash_table_insert (session->streams, GUINT_TO_POINTER (id), self);
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
leave_turns (Lp2pYamuxSession *session, Lp2pYamuxStream *self)
{
  if (self->accepted)
    lp2p_muxer_output_leave (&session->output, &self->turn);
  else
    unlink_from (&session->accepts, &self->turn.link);
}

static void
release_down_to (Lp2pYamuxSession *session, Lp2pYamuxStream *self, gsize needed)
{
  if (self->reserved <= needed)
    return;
  lp2p_yamux_session_release (session, self->reserved - needed);
  self->reserved = needed;
}

static gboolean
reserve_up_to (Lp2pYamuxSession *session, Lp2pYamuxStream *self, gsize needed)
{
  if (needed <= self->reserved)
    return TRUE;
  if (!lp2p_yamux_session_reserve (session, needed - self->reserved))
    return FALSE;
  self->reserved = needed;
  return TRUE;
}

/* Memory that is accounted for: the window beyond the initial one, which the
 * peer may fill at any time, or what it did fill. */
static gsize
needed_memory (Lp2pYamuxStream *self)
{
  gsize growth = self->forgotten ? 0 : self->window.size - LP2P_YAMUX_INITIAL_WINDOW;

  return MAX (growth, self->queue.memory);
}

/* Frees a stream that is not in the table any more. */
void
lp2p_yamux_stream_destroy (Lp2pYamuxSession *session, Lp2pYamuxStream *self)
{
  leave_turns (session, self);
  unlink_from (&session->control, &self->control_link);
  if (session->body_stream == self)
    session->body_stream = NULL;
  if (self->inbound)
    session->n_inbound--;
  if (!self->forgotten)
    session->n_live--;
  if (self->released && !self->forgotten)
    session->n_zombies--;
  lp2p_byte_queue_clear (&self->queue);
  release_down_to (session, self, 0);
  g_clear_error (&self->error);
  g_free (self);
}

void
lp2p_yamux_stream_free (Lp2pYamuxSession *session, Lp2pYamuxStream *self)
{
  g_hash_table_remove (session->streams, GUINT_TO_POINTER (self->id));
  lp2p_yamux_stream_destroy (session, self);
}

static void
announce (Lp2pYamuxSession *session, Lp2pYamuxStream *self, Lp2pReady ready)
{
  const Lp2pMuxerEvents *events = session->parent.events;

  if (self->accepted && !self->released && events != NULL && events->stream_ready != NULL)
    events->stream_ready (&session->parent, &self->parent, ready, session->parent.events_data);
}

/* Ours: the peer has accepted it, or it is gone. */
void
lp2p_yamux_stream_acknowledged (Lp2pYamuxSession *session, Lp2pYamuxStream *self)
{
  const Lp2pMuxerEvents *events = session->parent.events;

  if (!self->unacknowledged)
    return;
  self->unacknowledged = FALSE;
  session->n_unacknowledged--;
  if (!session->open_refused)
    return;
  session->open_refused = FALSE;
  if (events != NULL && events->can_open != NULL)
    events->can_open (&session->parent, session->parent.events_data);
}

/* Nothing is left to be said on this id. What the peer has under way, and what
 * a peer whose threads race sends behind its own end, still arrives. */
static void
forget (Lp2pYamuxSession *session, Lp2pYamuxStream *self)
{
  if (self->forgotten)
    return;
  session->stray_credit += self->window.left;
  if (self->released)
    session->n_zombies--;
  self->forgotten = TRUE;
  session->n_live--;
  leave_turns (session, self);
  release_down_to (session, self, needed_memory (self));
  lp2p_yamux_stream_acknowledged (session, self);
  if (session->phase == LP2P_YAMUX_PEER_GOING)
    lp2p_yamux_session_want_pump (session);
  if (self->released || !self->accepted)
    lp2p_yamux_stream_free (session, self);
}

static void
settle (Lp2pYamuxSession *session, Lp2pYamuxStream *self)
{
  if (self->read_side != LP2P_YAMUX_SIDE_OPEN && self->write_side != LP2P_YAMUX_SIDE_OPEN &&
      self->pending == 0)
    forget (session, self);
}

void
lp2p_yamux_stream_add_pending (Lp2pYamuxSession *session,
                               Lp2pYamuxStream *self,
                               Lp2pYamuxPending pending)
{
  self->pending |= pending;
  if (self->control_link.data == NULL)
    {
      self->control_link.data = self;
      g_queue_push_tail_link (&session->control, &self->control_link);
    }
  lp2p_yamux_session_want_pump (session);
}

/* The control frames that were pending have been written. */
void
lp2p_yamux_stream_sent (Lp2pYamuxSession *session, Lp2pYamuxStream *self)
{
  self->pending = 0;
  unlink_from (&session->control, &self->control_link);
  settle (session, self);
}

static void
drop_queue (Lp2pYamuxSession *session, Lp2pYamuxStream *self)
{
  lp2p_byte_queue_clear (&self->queue);
  release_down_to (session, self, needed_memory (self));
}

/* Gives credit back when enough was read, and lets the window grow. */
void
lp2p_yamux_stream_credit (Lp2pYamuxSession *session, Lp2pYamuxStream *self)
{
  guint32 size;

  release_down_to (session, self, needed_memory (self));
  if (self->read_side != LP2P_YAMUX_SIDE_OPEN || session->phase >= LP2P_YAMUX_DRAINING ||
      (self->pending & LP2P_YAMUX_PENDING_WINDOW) != 0 ||
      !lp2p_yamux_window_is_due (&self->window, self->queue.size))
    return;

  size = lp2p_yamux_window_propose (&self->window, lp2p_loop_now (session->parent.loop),
                                    session->rtt, session->options.max_window);
  if (size > self->window.size && !self->discard &&
      reserve_up_to (session, self, size - LP2P_YAMUX_INITIAL_WINDOW))
    self->window.size = size;
  lp2p_yamux_stream_add_pending (session, self, LP2P_YAMUX_PENDING_WINDOW);
}

/* Ends both directions at our will. */
void
lp2p_yamux_stream_reset_with (Lp2pYamuxSession *session,
                              Lp2pYamuxStream *self,
                              guint32 code,
                              GError *error)
{
  if (self->read_side != LP2P_YAMUX_SIDE_OPEN && self->write_side != LP2P_YAMUX_SIDE_OPEN)
    {
      g_error_free (error);
      return;
    }

  g_clear_error (&self->error);
  self->error = error;
  if (self->read_side == LP2P_YAMUX_SIDE_OPEN)
    {
      self->read_side = LP2P_YAMUX_SIDE_RESET;
      drop_queue (session, self);
    }
  if (self->write_side == LP2P_YAMUX_SIDE_OPEN)
    self->write_side = LP2P_YAMUX_SIDE_RESET;
  leave_turns (session, self);

  /* A peer that was never told of the stream need not be told of its end. */
  if ((self->pending & LP2P_YAMUX_PENDING_SYN) != 0 || session->phase >= LP2P_YAMUX_DRAINING)
    {
      lp2p_yamux_stream_sent (session, self);
      return;
    }
  self->code = code;
  self->pending &= LP2P_YAMUX_PENDING_FIN;
  lp2p_yamux_stream_add_pending (session, self, LP2P_YAMUX_PENDING_RST);
}

/* The peer did on one stream what it must not. */
void
lp2p_yamux_stream_violated (Lp2pYamuxSession *session, Lp2pYamuxStream *self, GError *error)
{
  announce (session, self, LP2P_READY_READ | LP2P_READY_WRITE);
  lp2p_yamux_stream_reset_with (session, self, LP2P_CODE_STREAM_PROTOCOL_VIOLATION, error);
}

static void
discard (Lp2pYamuxSession *session, Lp2pYamuxStream *self, gsize size)
{
  if (self->read_side != LP2P_YAMUX_SIDE_OPEN)
    return;
  self->discarded += size;
  if (self->discarded <= DISCARD_MAX)
    {
      lp2p_yamux_stream_credit (session, self);
      return;
    }
  announce (session, self, LP2P_READY_WRITE);
  lp2p_yamux_stream_reset_with (
      session, self, self->code,
      g_error_new_literal (LP2P_ERROR, LP2P_ERROR_RESET,
                           _("The peer went on sending to a stream that is not read")));
}

static void
keep (Lp2pYamuxSession *session, Lp2pYamuxStream *self, const guint8 *data, gsize size)
{
  lp2p_byte_queue_push (&self->queue, data, size);
  if (reserve_up_to (session, self, needed_memory (self)))
    {
      if (self->want & LP2P_READY_READ)
        announce (session, self, LP2P_READY_READ);
      return;
    }
  announce (session, self, LP2P_READY_READ | LP2P_READY_WRITE);
  lp2p_yamux_stream_reset_with (
      session, self, LP2P_CODE_STREAM_RESOURCE_LIMIT,
      g_error_new_literal (LP2P_ERROR, LP2P_ERROR_LIMIT,
                           _("No memory is left for bytes that wait to be read")));
}

/* Payload came, within the window: a reader who waits takes it from where it
 * is, the rest is kept. */
void
lp2p_yamux_stream_deliver (Lp2pYamuxSession *session,
                           Lp2pYamuxStream *self,
                           const guint8 *data,
                           gsize size)
{
  const Lp2pMuxerEvents *events = session->parent.events;
  gsize taken = 0;

  if (self->discard || self->read_side != LP2P_YAMUX_SIDE_OPEN)
    {
      discard (session, self, size);
      return;
    }

  if (self->queue.size == 0 && self->accepted && events != NULL && events->stream_input != NULL)
    taken = events->stream_input (&session->parent, &self->parent, data, size,
                                  session->parent.events_data);
  taken = MIN (taken, size);
  if (taken > 0)
    lp2p_yamux_stream_credit (session, self);
  if (taken < size)
    keep (session, self, data + taken, size - taken);
}

/* The peer ended its direction. */
void
lp2p_yamux_stream_ended (Lp2pYamuxSession *session, Lp2pYamuxStream *self)
{
  if (self->read_side != LP2P_YAMUX_SIDE_OPEN)
    return;
  self->read_side = LP2P_YAMUX_SIDE_ENDED;
  self->pending &= ~LP2P_YAMUX_PENDING_WINDOW;
  if (self->want & LP2P_READY_READ)
    announce (session, self, LP2P_READY_READ);
  settle (session, self);
}

/* The peer reset the stream. */
void
lp2p_yamux_stream_was_reset (Lp2pYamuxSession *session, Lp2pYamuxStream *self, guint32 code)
{
  if (self->read_side == LP2P_YAMUX_SIDE_OPEN)
    {
      self->read_side = LP2P_YAMUX_SIDE_RESET;
      drop_queue (session, self);
    }
  if (self->write_side == LP2P_YAMUX_SIDE_OPEN)
    self->write_side = LP2P_YAMUX_SIDE_RESET;
  if (self->error == NULL)
    {
      self->error = g_error_new (LP2P_ERROR, LP2P_ERROR_RESET,
                                 _("The peer reset the stream with code %u"), code);
      self->remote_code = code;
    }
  announce (session, self, LP2P_READY_READ | LP2P_READY_WRITE);
  lp2p_yamux_stream_sent (session, self);
}

/* The peer allows more bytes. */
void
lp2p_yamux_stream_allowed (Lp2pYamuxSession *session, Lp2pYamuxStream *self)
{
  if (self->blocked && self->write_side == LP2P_YAMUX_SIDE_OPEN &&
      (self->want & LP2P_READY_WRITE) != 0)
    lp2p_yamux_session_queue_turn (session, self);
}

/* The driver is done with the stream. */
void
lp2p_yamux_stream_let_go (Lp2pYamuxSession *session, Lp2pYamuxStream *self)
{
  self->parent.user_data = NULL;
  self->want = LP2P_READY_NONE;
  self->discard = TRUE;
  self->released = TRUE;
  drop_queue (session, self);

  if (!self->forgotten)
    session->n_zombies++;
  if (self->forgotten || (session->phase >= LP2P_YAMUX_DRAINING && self->pending == 0))
    {
      lp2p_yamux_stream_free (session, self);
      return;
    }

  if (self->write_side == LP2P_YAMUX_SIDE_OPEN || session->n_zombies > session->options.ack_backlog)
    lp2p_yamux_stream_reset_with (
        session, self, self->code,
        g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The stream was closed")));
  else
    lp2p_yamux_stream_credit (session, self);
}

/* The session is over, or only @keep_pending control frames still go out.
 * Returns whether the stream can be destroyed: one that nobody has accepted yet may
 * hold all that the peer had to say, unless it is us who end the session. */
gboolean
lp2p_yamux_stream_session_ends (Lp2pYamuxSession *session,
                                Lp2pYamuxStream *self,
                                gboolean keep_pending)
{
  gboolean told =
      self->read_side != LP2P_YAMUX_SIDE_OPEN && self->write_side != LP2P_YAMUX_SIDE_OPEN;

  self->pending &= keep_pending ? LP2P_YAMUX_PENDING_SYN | LP2P_YAMUX_PENDING_ACK |
                                      LP2P_YAMUX_PENDING_FIN | LP2P_YAMUX_PENDING_RST
                                : 0;
  if (self->pending == 0)
    unlink_from (&session->control, &self->control_link);
  if (self->read_side == LP2P_YAMUX_SIDE_OPEN)
    self->read_side = LP2P_YAMUX_SIDE_RESET;
  if (self->write_side == LP2P_YAMUX_SIDE_OPEN)
    self->write_side = LP2P_YAMUX_SIDE_RESET;
  if (!told)
    announce (session, self, LP2P_READY_READ | LP2P_READY_WRITE);
  return (self->released || (!self->accepted && session->phase == LP2P_YAMUX_DRAINING)) &&
         self->pending == 0;
}
