/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "interfaces/lp2p-queued-session-private.h"

#include "types/lp2p-i18n-private.h"

/* Where a protocol has no way to ask a peer to stop, what it sends to a stream that
 * nobody reads is thrown away, so that a peer which first writes all of its answer
 * gets on; beyond this the stream is reset. */
#define DISCARD_MAX (1024 * 1024)

/**
 * lp2p_queued_stream_init: (skip)
 * @self: the beginning of a new stream, all zeros
 * @session: the session, which owns it from then on
 * @id: which no other stream of the session has
 * @inbound: whether the peer opened it; then it waits to be accepted
 *
 * Adds a stream to those of a session. It may write without limit where the protocol
 * has no windows, and does not change `send_window`.
 */
void
lp2p_queued_stream_init (Lp2pQueuedStream *self, Lp2pQueuedSession *session, gint64 id, gboolean inbound)
{
  const Lp2pMuxerEvents *events = session->parent.events;

  self->id = id;
  self->send_window = G_MAXUINT64;
  self->inbound = inbound;
  self->accepted = !inbound;
  session->n_live++;
  g_hash_table_add (session->streams, &self->id);
  if (!inbound)
    return;
  session->n_inbound++;
  self->turn_link.data = self;
  g_queue_push_tail_link (&session->accepts, &self->turn_link);
  if (events != NULL && events->incoming != NULL)
    events->incoming (&session->parent, session->parent.events_data);
}

static gboolean
has_codes (Lp2pQueuedSession *session)
{
  return (session->parent.klass->caps & LP2P_MUXER_CODES) != 0;
}

static gboolean
is_over (Lp2pQueuedStream *self)
{
  return self->read_side != LP2P_SIDE_OPEN && self->write_side != LP2P_SIDE_OPEN;
}

static void
reset_sides (Lp2pQueuedStream *self)
{
  if (self->read_side == LP2P_SIDE_OPEN)
    self->read_side = LP2P_SIDE_RESET;
  if (self->write_side == LP2P_SIDE_OPEN)
    self->write_side = LP2P_SIDE_RESET;
}

static void
leave_turns (Lp2pQueuedStream *self, Lp2pQueuedSession *session)
{
  lp2p_queued_session_unlink (self->accepted ? &session->turns : &session->accepts, &self->turn_link);
}

/* Memory */

/* Memory that is accounted for: what the peer may send at any time, as long as that is
 * kept, or what it did send. */
static gsize
needed_memory (Lp2pQueuedStream *self)
{
  gboolean keeps = self->read_side == LP2P_SIDE_OPEN && !self->discard;

  return MAX (keeps ? self->promised : 0, self->queue.memory);
}

static gboolean
reserve (Lp2pQueuedStream *self, Lp2pQueuedSession *session, gsize needed)
{
  const Lp2pMuxerBudget *budget = &session->budget;
  gsize size;

  if (needed <= self->reserved)
    return TRUE;
  size = needed - self->reserved;
  if (size > budget->max - session->reserved ||
      (budget->reserve != NULL && !budget->reserve (session->reserved, size, budget->data)))
    return FALSE;
  session->reserved += size;
  self->reserved = needed;
  return TRUE;
}

static void
release_unneeded (Lp2pQueuedStream *self, Lp2pQueuedSession *session)
{
  gsize needed = needed_memory (self);
  gsize size;

  if (self->reserved <= needed)
    return;
  size = self->reserved - needed;
  session->reserved -= size;
  self->reserved = needed;
  if (session->budget.release != NULL)
    session->budget.release (size, session->budget.data);
}

/**
 * lp2p_queued_stream_promise: (skip)
 * @self: a stream
 * @session: its session
 * @size: bytes that the peer may be allowed to send
 *
 * Reserves memory before the peer is allowed to fill it, in place of what was reserved
 * for that before. It is given back as soon as the stream keeps nothing more.
 *
 * Returns: whether there is so much
 */
gboolean
lp2p_queued_stream_promise (Lp2pQueuedStream *self, Lp2pQueuedSession *session, guint32 size)
{
  if (!reserve (self, session, size))
    return FALSE;
  self->promised = size;
  release_unneeded (self, session);
  return TRUE;
}

/* Bytes left the queue, or passed it by: their memory is free, a session that waited
 * for place goes on, and the peer may be allowed more. */
static void
taken (Lp2pQueuedStream *self, Lp2pQueuedSession *session)
{
  const Lp2pQueuedSessionClass *klass = lp2p_queued_session_get_class (session);

  release_unneeded (self, session);
  if (session->stalled_at >= 0 && session->receiving == self)
    {
      session->stalled_at = -1;
      lp2p_queued_session_want_pump (session);
    }
  if (klass->stream_taken != NULL && self->read_side == LP2P_SIDE_OPEN && session->phase < LP2P_PHASE_DRAINING)
    klass->stream_taken (session, self);
}

static void
drop_queue (Lp2pQueuedStream *self, Lp2pQueuedSession *session)
{
  lp2p_byte_queue_clear (&self->queue);
  taken (self, session);
}

/* The end of a stream */

void
lp2p_queued_stream_destroy (Lp2pQueuedStream *self, Lp2pQueuedSession *session)
{
  leave_turns (self, session);
  lp2p_queued_session_unlink (&session->control, &self->control_link);
  if (session->recent == self)
    session->recent = NULL;
  if (session->receiving == self)
    session->receiving = NULL;
  if (self->inbound)
    session->n_inbound--;
  if (!self->forgotten)
    session->n_live--;
  if (self->released && !self->forgotten)
    session->n_zombies--;
  lp2p_byte_queue_clear (&self->queue);
  self->promised = 0;
  release_unneeded (self, session);
  g_clear_error (&self->error);
  g_free (self);
}

static void
remove_and_destroy (Lp2pQueuedStream *self, Lp2pQueuedSession *session)
{
  g_hash_table_remove (session->streams, &self->id);
  lp2p_queued_stream_destroy (self, session);
}

static void
announce (Lp2pQueuedStream *self, Lp2pQueuedSession *session, Lp2pReady ready)
{
  const Lp2pMuxerEvents *events = session->parent.events;

  if (self->accepted && !self->released && events != NULL && events->stream_ready != NULL)
    events->stream_ready (&session->parent, &self->parent, ready, session->parent.events_data);
}

/* Nothing is left to be said of it. What the peer has under way, and what a peer
 * whose threads race sends behind its own end, still arrives. */
static void
forget (Lp2pQueuedStream *self, Lp2pQueuedSession *session)
{
  const Lp2pQueuedSessionClass *klass = lp2p_queued_session_get_class (session);

  if (self->forgotten)
    return;
  if (self->released)
    session->n_zombies--;
  self->forgotten = TRUE;
  session->n_live--;
  if (session->receiving == self)
    session->receiving = NULL;
  leave_turns (self, session);
  self->promised = 0;
  if (klass->stream_forgotten != NULL)
    klass->stream_forgotten (session, self);
  if (session->phase == LP2P_PHASE_PEER_GOING)
    lp2p_queued_session_want_pump (session);
  if (self->released || !self->accepted)
    remove_and_destroy (self, session);
}

static void
settle (Lp2pQueuedStream *self, Lp2pQueuedSession *session)
{
  if (is_over (self) && self->pending == 0)
    forget (self, session);
}

/**
 * lp2p_queued_stream_add_pending: (skip)
 * @self: a stream
 * @session: its session
 * @pending: what the peer is to be told of it
 *
 * The next pump says it.
 */
void
lp2p_queued_stream_add_pending (Lp2pQueuedStream *self, Lp2pQueuedSession *session, Lp2pStreamPending pending)
{
  self->pending |= pending;
  if (self->control_link.data == NULL)
    {
      self->control_link.data = self;
      g_queue_push_tail_link (&session->control, &self->control_link);
    }
  lp2p_queued_session_want_pump (session);
}

/**
 * lp2p_queued_stream_sent: (skip)
 * @self: a stream, which may be freed
 * @session: its session
 *
 * All that the peer was to be told of the stream has been written.
 */
void
lp2p_queued_stream_sent (Lp2pQueuedStream *self, Lp2pQueuedSession *session)
{
  self->pending = 0;
  lp2p_queued_session_unlink (&session->control, &self->control_link);
  settle (self, session);
}

/* Ends both directions at our will. */
static void
reset_with (Lp2pQueuedStream *self, Lp2pQueuedSession *session, guint32 code, GError *error)
{
  gboolean was_read = self->read_side == LP2P_SIDE_OPEN;

  if (is_over (self))
    {
      g_error_free (error);
      return;
    }

  g_clear_error (&self->error);
  self->error = error;
  reset_sides (self);
  if (was_read)
    drop_queue (self, session);
  leave_turns (self, session);

  /* A peer that was never told of the stream need not be told of its end. */
  if ((self->pending & LP2P_PENDING_OPEN) != 0 || session->phase >= LP2P_PHASE_DRAINING)
    {
      lp2p_queued_stream_sent (self, session);
      return;
    }
  self->code = code;
  self->pending &= LP2P_PENDING_END;
  lp2p_queued_stream_add_pending (self, session, LP2P_PENDING_RESET);
}

/**
 * lp2p_queued_stream_fail: (skip)
 * @self: a stream, which may be freed
 * @session: its session
 * @code: what the peer is told
 * @error: (transfer full): what the reader and writer are told
 *
 * Resets the stream, since it cannot go on.
 */
void
lp2p_queued_stream_fail (Lp2pQueuedStream *self, Lp2pQueuedSession *session, guint32 code, GError *error)
{
  announce (self, session, LP2P_READY_READ | LP2P_READY_WRITE);
  reset_with (self, session, code, error);
}

/**
 * lp2p_queued_stream_ended: (skip)
 * @self: a stream, which may be freed
 * @session: its session
 *
 * The peer ended its direction.
 */
void
lp2p_queued_stream_ended (Lp2pQueuedStream *self, Lp2pQueuedSession *session)
{
  if (self->read_side != LP2P_SIDE_OPEN)
    return;
  self->read_side = LP2P_SIDE_ENDED;
  self->pending &= ~LP2P_PENDING_CREDIT;
  release_unneeded (self, session);
  if (self->want & LP2P_READY_READ)
    announce (self, session, LP2P_READY_READ);
  settle (self, session);
}

/**
 * lp2p_queued_stream_was_reset: (skip)
 * @self: a stream, which may be freed
 * @session: its session
 * @code: the reason that the peer gave, if its protocol has any
 *
 * The peer reset the stream.
 */
void
lp2p_queued_stream_was_reset (Lp2pQueuedStream *self, Lp2pQueuedSession *session, guint32 code)
{
  const Lp2pMuxerEvents *events = session->parent.events;
  gboolean was_read = self->read_side == LP2P_SIDE_OPEN;

  if (!self->accepted && events != NULL && events->withdrawn != NULL)
    events->withdrawn (&session->parent, session->parent.events_data);
  reset_sides (self);
  if (was_read)
    drop_queue (self, session);
  if (self->error == NULL)
    {
      self->error = has_codes (session)
                        ? g_error_new (LP2P_ERROR, LP2P_ERROR_RESET, _("The peer reset the stream with code %u"), code)
                        : g_error_new_literal (LP2P_ERROR, LP2P_ERROR_RESET, _("The peer reset the stream"));
      self->remote_code = code;
    }
  announce (self, session, LP2P_READY_READ | LP2P_READY_WRITE);
  lp2p_queued_stream_sent (self, session);
}

/* One that nobody has accepted yet may hold all that the peer had to say, unless it is
 * us who end the session. */
gboolean
lp2p_queued_stream_session_ends (Lp2pQueuedStream *self, Lp2pQueuedSession *session, gboolean keep_pending)
{
  gboolean told = is_over (self);

  self->pending &= keep_pending ? ~LP2P_PENDING_CREDIT : 0;
  if (self->pending == 0)
    lp2p_queued_session_unlink (&session->control, &self->control_link);
  reset_sides (self);
  release_unneeded (self, session);
  if (!told)
    announce (self, session, LP2P_READY_READ | LP2P_READY_WRITE);
  return (self->released || (!self->accepted && session->phase == LP2P_PHASE_DRAINING)) && self->pending == 0;
}

/* What comes */

static void
discard (Lp2pQueuedStream *self, Lp2pQueuedSession *session, gsize size)
{
  if (self->read_side != LP2P_SIDE_OPEN)
    return;
  self->discarded += size;
  if (self->discarded <= DISCARD_MAX)
    taken (self, session);
  else
    lp2p_queued_stream_fail (self, session, self->code,
                             g_error_new_literal (LP2P_ERROR, LP2P_ERROR_RESET,
                                                  _("The peer went on sending to a stream that is not read")));
}

static void
keep (Lp2pQueuedStream *self, Lp2pQueuedSession *session, const guint8 *data, gsize size)
{
  lp2p_byte_queue_push (&self->queue, data, size);
  if (!reserve (self, session, needed_memory (self)))
    lp2p_queued_stream_fail (self, session, LP2P_CODE_STREAM_RESOURCE_LIMIT,
                             g_error_new_literal (LP2P_ERROR, LP2P_ERROR_LIMIT,
                                                  _("No memory is left for bytes that wait to be read")));
  else if (self->want & LP2P_READY_READ)
    announce (self, session, LP2P_READY_READ);
}

gsize
lp2p_queued_stream_get_room (Lp2pQueuedStream *self, Lp2pQueuedSession *session, guint8 **room)
{
  const Lp2pMuxerEvents *events = session->parent.events;

  if (self->queue.size > 0 || !self->accepted || self->discard || self->read_side != LP2P_SIDE_OPEN ||
      events == NULL || events->stream_room == NULL)
    return 0;
  return events->stream_room (&session->parent, &self->parent, room, session->parent.events_data);
}

/**
 * lp2p_queued_stream_deliver: (skip)
 * @self: a stream, which may be freed
 * @session: its session
 * @data: (array length=size): payload
 * @size: how many bytes, as many as the peer may send
 *
 * Payload came: a reader who waits takes it from where it is, the rest is kept.
 *
 * Returns: how many bytes were taken or dropped: all, but for a session that has a
 * `max_queue`. None means that the session is stalled until place is made
 */
gsize
lp2p_queued_stream_deliver (Lp2pQueuedStream *self, Lp2pQueuedSession *session, const guint8 *data, gsize size)
{
  const Lp2pMuxerEvents *events = session->parent.events;
  gsize passed = 0;
  gsize kept;

  if (self->discard || self->read_side != LP2P_SIDE_OPEN)
    {
      discard (self, session, size);
      return size;
    }

  if (self->queue.size == 0 && self->accepted && events != NULL && events->stream_input != NULL)
    passed = events->stream_input (&session->parent, &self->parent, data, size, session->parent.events_data);
  passed = MIN (passed, size);
  if (passed > 0)
    taken (self, session);
  kept = MIN (size - passed, session->max_queue - self->queue.size);
  if (passed + kept == 0)
    session->stalled_at = lp2p_loop_now (session->parent.loop);
  else if (kept > 0)
    keep (self, session, data + passed, kept);
  return passed + kept;
}

/* Turns to write */

static void
queue_turn (Lp2pQueuedStream *self, Lp2pQueuedSession *session)
{
  if (self->send_window == 0)
    return;
  if (self->turn_link.data == NULL)
    {
      self->turn_link.data = self;
      g_queue_push_tail_link (&session->turns, &self->turn_link);
    }
  lp2p_queued_session_want_pump (session);
}

/**
 * lp2p_queued_stream_allowed: (skip)
 * @self: a stream
 * @session: its session
 *
 * The peer allows more bytes: `send_window` grew.
 */
void
lp2p_queued_stream_allowed (Lp2pQueuedStream *self, Lp2pQueuedSession *session)
{
  if (self->blocked && self->write_side == LP2P_SIDE_OPEN && (self->want & LP2P_READY_WRITE) != 0)
    queue_turn (self, session);
}

/**
 * lp2p_queued_stream_get_limit: (skip)
 * @self: a stream
 * @session: its session
 *
 * Returns: how much the stream may write while others wait for their turn
 */
gsize
lp2p_queued_stream_get_limit (Lp2pQueuedStream *self, Lp2pQueuedSession *session)
{
  guint mine = self->turn_link.data != NULL ? 1 : 0;

  return session->turns.length > mine ? self->quantum : G_MAXSIZE;
}

/**
 * lp2p_queued_stream_wrote: (skip)
 * @self: a stream
 * @session: its session
 * @written: bytes that were taken of it
 * @all: whether there were no more
 *
 * Counts what a stream wrote; one that has more waits for its turn.
 */
void
lp2p_queued_stream_wrote (Lp2pQueuedStream *self, Lp2pQueuedSession *session, gsize written, gboolean all)
{
  self->quantum -= MIN (self->quantum, written);
  self->blocked = !all;
  if (self->blocked && (self->want & LP2P_READY_WRITE) != 0)
    queue_turn (self, session);
}

/* What the driver does */

static gssize
stream_readv (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, const GInputVector *vectors, guint n_vectors)
{
  Lp2pQueuedStream *self = (Lp2pQueuedStream *) stream;
  gsize n;

  if (self->queue.size > 0)
    {
      n = lp2p_byte_queue_read (&self->queue, vectors, n_vectors);
      taken (self, (Lp2pQueuedSession *) session);
      return n;
    }

  switch ((Lp2pStreamSide) self->read_side)
    {
    case LP2P_SIDE_OPEN:
      return self->discard ? 0 : LP2P_IO_AGAIN;
    case LP2P_SIDE_ENDED:
      return 0;
    default:
      return LP2P_IO_FAILED;
    }
}

/* What can be done already is announced at once for reading; for writing in the
 * stream's turn. */
static void
stream_want (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, Lp2pReady ready)
{
  Lp2pQueuedStream *self = (Lp2pQueuedStream *) stream;
  Lp2pReady now = LP2P_READY_NONE;

  self->want = ready;
  if (self->queue.size > 0 || self->read_side != LP2P_SIDE_OPEN || self->discard)
    now |= LP2P_READY_READ;
  if (self->write_side != LP2P_SIDE_OPEN)
    now |= LP2P_READY_WRITE;
  now &= ready;
  if (now != LP2P_READY_NONE)
    announce (self, (Lp2pQueuedSession *) session, now);
  if ((ready & LP2P_READY_WRITE) == 0 || (now & LP2P_READY_WRITE) != 0)
    return;
  self->blocked = TRUE;
  queue_turn (self, (Lp2pQueuedSession *) session);
}

static int
stream_shutdown_write (Lp2pMuxerSession *session, Lp2pMuxerStream *stream)
{
  Lp2pQueuedSession *owner = (Lp2pQueuedSession *) session;
  Lp2pQueuedStream *self = (Lp2pQueuedStream *) stream;

  if (self->write_side == LP2P_SIDE_ENDED)
    return 0;
  if (self->write_side != LP2P_SIDE_OPEN || owner->phase >= LP2P_PHASE_DRAINING)
    return LP2P_IO_FAILED;
  self->write_side = LP2P_SIDE_ENDED;
  lp2p_queued_stream_add_pending (self, owner, LP2P_PENDING_END);
  return 0;
}

static void
stream_stop_reading (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint32 code)
{
  Lp2pQueuedStream *self = (Lp2pQueuedStream *) stream;

  if (self->discard)
    return;
  self->discard = TRUE;
  self->code = code;
  drop_queue (self, (Lp2pQueuedSession *) session);
}

static void
stream_reset (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint32 code)
{
  Lp2pQueuedSession *owner = (Lp2pQueuedSession *) session;
  Lp2pQueuedStream *self = (Lp2pQueuedStream *) stream;

  drop_queue (self, owner);
  reset_with (self, owner, code,
              has_codes (owner)
                  ? g_error_new (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The stream was reset with code %u"), code)
                  : g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The stream was reset")));
}

static void
stream_release (Lp2pMuxerSession *session, Lp2pMuxerStream *stream)
{
  Lp2pQueuedSession *owner = (Lp2pQueuedSession *) session;
  Lp2pQueuedStream *self = (Lp2pQueuedStream *) stream;

  self->parent.user_data = NULL;
  self->want = LP2P_READY_NONE;
  self->discard = TRUE;
  self->released = TRUE;
  drop_queue (self, owner);

  if (!self->forgotten)
    owner->n_zombies++;
  if (self->forgotten || (owner->phase >= LP2P_PHASE_DRAINING && self->pending == 0))
    remove_and_destroy (self, owner);
  else if (self->write_side == LP2P_SIDE_OPEN || owner->n_zombies > owner->max_zombies)
    reset_with (self, owner, self->code,
                g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The stream was closed")));
}

static const GError *
get_ended_error (void)
{
  static GError *error;

  if (g_once_init_enter (&error))
    g_once_init_leave (&error, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED,
                                                    _("The stream's writing side is closed")));
  return error;
}

static const GError *
stream_get_error (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, Lp2pReady side, guint32 *code)
{
  Lp2pQueuedSession *owner = (Lp2pQueuedSession *) session;
  Lp2pQueuedStream *self = (Lp2pQueuedStream *) stream;
  Lp2pStreamSide state = side & LP2P_READY_READ ? self->read_side : self->write_side;

  if (code != NULL)
    *code = 0;
  if (state == LP2P_SIDE_ENDED && (side & LP2P_READY_READ) == 0)
    return get_ended_error ();
  if (state != LP2P_SIDE_RESET)
    return NULL;
  if (code != NULL)
    *code = self->error != NULL ? self->remote_code : owner->remote_code;
  return self->error != NULL ? self->error : owner->error;
}

void
lp2p_queued_stream_class_init (Lp2pMuxerSessionClass *klass)
{
  if (klass->stream_readv == NULL)
    klass->stream_readv = stream_readv;
  if (klass->stream_want == NULL)
    klass->stream_want = stream_want;
  if (klass->stream_shutdown_write == NULL)
    klass->stream_shutdown_write = stream_shutdown_write;
  if (klass->stream_stop_reading == NULL)
    klass->stream_stop_reading = stream_stop_reading;
  if (klass->stream_reset == NULL)
    klass->stream_reset = stream_reset;
  if (klass->stream_release == NULL)
    klass->stream_release = stream_release;
  if (klass->stream_get_error == NULL)
    klass->stream_get_error = stream_get_error;
}
