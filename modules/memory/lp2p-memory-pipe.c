/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <glib/gi18n-lib.h>
#include <string.h>

#include "lp2p-memory-pipe.h"

/* Small writes share a piece of this size. */
#define PIECE_SIZE 4096

/* How late a lost piece arrives: the smallest retransmission timeout of Linux, or
 * as much as TCP would wait on a longer line. */
#define MIN_RETRANSMISSION_US (200 * 1000)

/* Bytes under way. They are allocated in one piece with their head. */
typedef struct
{
  GList link;
  gint64 due; /* when they arrive, on the reader's loop */
  gsize start;
  gsize end;
  gsize size;
  guint8 data[];
} Piece;

typedef struct
{
  GQueue pieces;
  gsize size;
} Buffer;

#define NEVER G_MAXINT64

/*
 * What is written lies in `out` until it is flushed and the line has room, then
 * in the peer's `in` until it is read. Both are bounded, as the two buffers of a
 * socket pair are.
 *
 * Readiness is announced from the job only, so never from inside a call of the
 * layer above.
 */
typedef struct _MemoryLayer MemoryLayer;
struct _MemoryLayer
{
  Lp2pLayer parent;
  MemoryLayer *peer;
  Lp2pMemoryOptions options;
  Lp2pMultiaddr *local_address;
  Lp2pMultiaddr *remote_address;
  GError *error;
  guint32 random;

  Buffer out;
  Buffer in;
  gint64 last_due;  /* of what came last into `in` */
  gint64 end_due;   /* when the end of the peer's direction arrives */
  gint64 reset_due; /* when its reset arrives */
  guint64 bytes_read;
  guint64 bytes_written;

  Lp2pJob job;
  Lp2pTimer timer;
  Lp2pReady wanted;
  guint broken : 1;   /* fails without letting what arrived be read */
  guint aborted : 1;
  guint stalled : 1;
  guint pushing : 1;  /* what is in `out` leaves as soon as the line has room */
  guint flushing : 1; /* the layer above waits until all has left */
  guint starved : 1;  /* it was refused room and waits for that */
  guint ending : 1;
  guint ended : 1;
  guint told_failed : 1;
  guint told_end : 1; /* a read returned the end or the failure */
};

#define LAYER_OF(member, pointer) \
  ((MemoryLayer *) ((char *) (pointer) - G_STRUCT_OFFSET (MemoryLayer, member)))

/* Buffers */

static Piece *
piece_new (gsize size)
{
  Piece *piece = g_malloc (sizeof *piece + size);

  *piece = (Piece){ .link.data = piece, .size = size };
  return piece;
}

static Piece *
buffer_peek_head (const Buffer *self)
{
  return self->pieces.head != NULL ? self->pieces.head->data : NULL;
}

static void
buffer_push (Buffer *self, Piece *piece)
{
  self->size += piece->end - piece->start;
  g_queue_push_tail_link (&self->pieces, &piece->link);
}

static Piece *
buffer_pop (Buffer *self)
{
  GList *link = g_queue_pop_head_link (&self->pieces);
  Piece *piece = link->data;

  self->size -= piece->end - piece->start;
  return piece;
}

static void
buffer_clear (Buffer *self)
{
  while (self->pieces.length > 0)
    g_free (buffer_pop (self));
}

/* Memory follows what is under way: a few bytes do not travel in a large piece. */
static Piece *
piece_shrink (Piece *piece)
{
  if (piece->end > piece->size / 2)
    return piece;
  piece = g_realloc (piece, sizeof *piece + piece->end);
  piece->link = (GList){ .data = piece };
  piece->size = piece->end;
  return piece;
}

static void
buffer_append (Buffer *self, const guint8 *data, gsize size)
{
  Piece *last = self->pieces.tail != NULL ? self->pieces.tail->data : NULL;
  gsize fits = last != NULL ? MIN (size, last->size - last->end) : 0;

  if (fits > 0)
    {
      memcpy (last->data + last->end, data, fits);
      last->end += fits;
      self->size += fits;
    }
  if (size > fits)
    {
      Piece *piece = piece_new (MAX (size - fits, PIECE_SIZE));

      memcpy (piece->data, data + fits, size - fits);
      piece->end = size - fits;
      buffer_push (self, piece);
    }
}

/* Takes the first piece, or as much of it as @limit allows. */
static Piece *
buffer_take (Buffer *self, gsize limit)
{
  Piece *head = buffer_peek_head (self);
  Piece *part;

  if (head->end - head->start <= limit)
    return buffer_pop (self);

  part = piece_new (limit);
  memcpy (part->data, head->data + head->start, limit);
  part->end = limit;
  head->start += limit;
  self->size -= limit;
  return part;
}

/* What has arrived */

static gint64
get_now (MemoryLayer *self)
{
  return lp2p_loop_now (self->parent.loop);
}

static gboolean
has_arrived (MemoryLayer *self, gint64 due)
{
  return due != NEVER && (due == 0 || due <= get_now (self));
}

static gboolean
is_reset (MemoryLayer *self)
{
  return has_arrived (self, self->reset_due);
}

static Piece *
get_readable (MemoryLayer *self)
{
  Piece *head = buffer_peek_head (&self->in);

  return head != NULL && !self->broken && has_arrived (self, head->due) ? head : NULL;
}

static gboolean
is_readable (MemoryLayer *self)
{
  return get_readable (self) != NULL ||
         (!self->told_end && (self->error != NULL || is_reset (self) ||
                              (self->in.size == 0 && has_arrived (self, self->end_due))));
}

static gsize
get_capacity (MemoryLayer *self)
{
  return self->options.buffer_size > 0 ? self->options.buffer_size : LP2P_MEMORY_BUFFER_SIZE;
}

static gsize
get_room (MemoryLayer *self)
{
  gsize capacity = get_capacity (self);

  return self->out.size < capacity ? capacity - self->out.size : 0;
}

/* The timer waits for what arrives next. */
static void
set_timer (MemoryLayer *self)
{
  Piece *head = buffer_peek_head (&self->in);
  gint64 next = NEVER;

  if (head != NULL && !has_arrived (self, head->due))
    next = head->due;
  if (!has_arrived (self, self->end_due))
    next = MIN (next, self->end_due);
  if (!has_arrived (self, self->reset_due))
    next = MIN (next, self->reset_due);
  if (next != NEVER)
    lp2p_timer_set (&self->timer, next);
  else
    lp2p_timer_clear (&self->timer);
}

static void
something_came (MemoryLayer *self)
{
  set_timer (self);
  lp2p_job_queue (&self->job);
}

static void
run_timer (Lp2pTimer *timer)
{
  something_came (LAYER_OF (timer, timer));
}

/* Errors */

static int
fail (MemoryLayer *self, GIOErrorEnum code, const char *what)
{
  if (self->error == NULL)
    self->error = self->remote_address != NULL
                      ? g_error_new (G_IO_ERROR, code, "%s: %s", lp2p_multiaddr_get_string (self->remote_address), what)
                      : g_error_new_literal (G_IO_ERROR, code, what);
  buffer_clear (&self->out);
  return LP2P_IO_FAILED;
}

/* A reset stops writing at once; what came before it can still be read. */
static gboolean
check_writable (MemoryLayer *self)
{
  if (self->error != NULL)
    return FALSE;
  if (!is_reset (self) && self->peer != NULL)
    return TRUE;

  self->told_failed = TRUE;
  fail (self, G_IO_ERROR_CONNECTION_CLOSED,
        is_reset (self) ? _("The peer aborted the connection") : _("The peer is gone"));
  return FALSE;
}

/* The line */

/* Whether a piece is lost: xorshift, because a run must be repeatable. */
static gboolean
roll_loss (MemoryLayer *self)
{
  if (self->options.loss == 0)
    return FALSE;
  self->random ^= self->random << 13;
  self->random ^= self->random >> 17;
  self->random ^= self->random << 5;
  return self->random % 1000 < self->options.loss;
}

/* When a piece that leaves now arrives. */
static gint64
get_arrival (MemoryLayer *self, MemoryLayer *peer, gboolean may_be_lost)
{
  gint64 late = 0;

  if (may_be_lost && roll_loss (self))
    late = MAX (MIN_RETRANSMISSION_US, 2 * self->options.delay);
  if (self->options.delay > 0 || late > 0)
    peer->last_due = MAX (peer->last_due, get_now (peer) + self->options.delay + late);
  return peer->last_due;
}

/* Small pieces that arrive together share memory. */
static void
send_piece (MemoryLayer *self, MemoryLayer *peer, Piece *piece)
{
  Piece *last = peer->in.pieces.tail != NULL ? peer->in.pieces.tail->data : NULL;
  gsize size = piece->end - piece->start;

  piece->due = get_arrival (self, peer, TRUE);
  if (last == NULL || last->due != piece->due || last->size - last->end < size)
    {
      buffer_push (&peer->in, piece_shrink (piece));
      return;
    }
  memcpy (last->data + last->end, piece->data + piece->start, size);
  last->end += size;
  peer->in.size += size;
  g_free (piece);
}

static gboolean
is_line_open (MemoryLayer *self)
{
  return self->peer != NULL && !self->stalled && self->error == NULL;
}

/* Moves bytes on their way. Returns whether all has left. */
static gboolean
send_some (MemoryLayer *self)
{
  MemoryLayer *peer = self->peer;
  gsize step = self->options.max_step > 0 ? self->options.max_step : G_MAXSIZE;
  gboolean sent = FALSE;

  while (is_line_open (self) && self->out.size > 0 && step > 0)
    {
      gsize capacity = get_capacity (self);
      gsize limit = MIN (peer->in.size < capacity ? capacity - peer->in.size : 0, step);
      gsize before = self->out.size;

      if (limit == 0)
        break;
      send_piece (self, peer, buffer_take (&self->out, limit));
      step -= before - self->out.size;
      sent = TRUE;
    }
  if (is_line_open (self) && self->out.size == 0 && self->ending && !self->ended)
    {
      self->ended = TRUE;
      peer->end_due = get_arrival (self, peer, FALSE);
      sent = TRUE;
    }

  if (sent)
    something_came (peer);
  return self->out.size == 0 && self->ended == self->ending;
}

/* Sends what has been flushed, now and, as the line has room again, by itself.
 * Returns whether all has left. */
static gboolean
push (MemoryLayer *self)
{
  self->pushing = !send_some (self);
  if (self->pushing && self->options.max_step > 0 && is_line_open (self) &&
      self->peer->in.size < get_capacity (self))
    lp2p_job_queue (&self->job);
  return !self->pushing;
}

/* The only place where the layer above is told of something. */
static void
run_job (Lp2pJob *job)
{
  MemoryLayer *self = LAYER_OF (job, job);
  gboolean told_failed = self->told_failed;
  Lp2pReady due = LP2P_READY_NONE;

  if (self->pushing && push (self) && self->flushing)
    {
      self->flushing = FALSE;
      due |= LP2P_READY_WRITE;
    }
  /* A peer that is gone takes nothing more, though its end may be orderly. */
  if (self->error != NULL || is_reset (self) || (self->peer == NULL && (self->pushing || self->starved)))
    {
      check_writable (self);
      self->told_failed = TRUE;
      if (!told_failed)
        lp2p_layer_announce_failed (&self->parent, self->error);
    }
  else if (self->starved && (self->wanted & LP2P_READY_WRITE) != 0 && get_room (self) > 0)
    {
      self->starved = FALSE;
      due |= LP2P_READY_WRITE;
    }
  if ((self->wanted & LP2P_READY_READ) != 0 && is_readable (self))
    due |= LP2P_READY_READ;
  if (due != LP2P_READY_NONE)
    lp2p_layer_announce (&self->parent, due);
}

/* Reading */

static gssize
memory_peek (Lp2pLayer *layer, const guint8 **data)
{
  MemoryLayer *self = (MemoryLayer *) layer;
  Piece *piece = get_readable (self);
  gsize size;

  if (piece != NULL)
    {
      size = piece->end - piece->start;
      *data = piece->data + piece->start;
      return self->options.short_reads > 0 ? MIN (size, self->options.short_reads) : size;
    }
  if (!self->broken && !self->aborted && self->in.size == 0 && has_arrived (self, self->end_due))
    {
      self->told_end = TRUE;
      return 0;
    }
  if (self->error != NULL || is_reset (self))
    {
      check_writable (self);
      self->told_end = TRUE;
      return LP2P_IO_FAILED;
    }
  return LP2P_IO_AGAIN;
}

static void
memory_consume (Lp2pLayer *layer, gsize size)
{
  MemoryLayer *self = (MemoryLayer *) layer;
  Piece *piece = get_readable (self);
  MemoryLayer *peer = self->peer;

  if (size == 0)
    return;
  g_return_if_fail (piece != NULL && size <= piece->end - piece->start);

  piece->start += size;
  self->in.size -= size;
  self->bytes_read += size;
  if (piece->start == piece->end)
    {
      g_free (buffer_pop (&self->in));
      set_timer (self);
    }
  if (is_readable (self) && (self->wanted & LP2P_READY_READ) != 0)
    lp2p_job_queue (&self->job);
  if (peer != NULL && peer->pushing)
    lp2p_job_queue (&peer->job);
}

static gssize
memory_readv (Lp2pLayer *layer, const GInputVector *vectors, guint n_vectors)
{
  MemoryLayer *self = (MemoryLayer *) layer;
  gsize limit = self->options.short_reads > 0 ? self->options.short_reads : G_MAXSIZE;
  gsize done = 0;

  for (guint i = 0; i < n_vectors; i++)
    {
      gsize filled = 0;

      while (filled < vectors[i].size && done < limit)
        {
          const guint8 *data;
          gssize n = memory_peek (layer, &data);

          if (n <= 0)
            return done > 0 ? (gssize) done : n;
          n = MIN ((gsize) n, MIN (vectors[i].size - filled, limit - done));
          memcpy ((guint8 *) vectors[i].buffer + filled, data, n);
          memory_consume (layer, n);
          filled += n;
          done += n;
        }
    }
  return done;
}

/* Writing */

static int
memory_flush (Lp2pLayer *layer)
{
  MemoryLayer *self = (MemoryLayer *) layer;

  if (!check_writable (self))
    return LP2P_IO_FAILED;
  /* With a step, the rest waits for the next round. */
  self->flushing = (self->pushing && self->options.max_step > 0) || !push (self);
  return self->flushing ? LP2P_IO_AGAIN : 0;
}

static gssize
memory_writev (Lp2pLayer *layer, const GOutputVector *vectors, guint n_vectors, Lp2pWriteFlags flags)
{
  MemoryLayer *self = (MemoryLayer *) layer;
  gsize limit = self->options.short_writes > 0 ? self->options.short_writes : G_MAXSIZE;
  gsize total = 0;
  gsize done = 0;

  if (!check_writable (self))
    return LP2P_IO_FAILED;
  g_return_val_if_fail (!self->ending, LP2P_IO_FAILED);

  for (guint i = 0; i < n_vectors; i++)
    {
      gsize n = MIN (vectors[i].size, MIN (get_room (self), limit - done));

      total += vectors[i].size;
      if (n == 0)
        continue;
      buffer_append (&self->out, vectors[i].buffer, n);
      done += n;
    }
  self->bytes_written += done;
  if (done < total)
    {
      self->starved = TRUE;
      lp2p_job_queue (&self->job);
    }
  if (((flags & LP2P_WRITE_MORE) == 0 || self->starved) && !(self->pushing && self->options.max_step > 0))
    push (self);
  return done > 0 || total == 0 ? (gssize) done : LP2P_IO_AGAIN;
}

static gsize
memory_write_room (Lp2pLayer *layer)
{
  MemoryLayer *self = (MemoryLayer *) layer;
  gsize room = get_room (self);

  if (self->error != NULL || self->ending)
    return 0;
  if (self->peer == NULL || is_reset (self))
    {
      self->starved = TRUE;
      lp2p_job_queue (&self->job);
      return 0;
    }
  if (room == 0)
    {
      push (self);
      room = get_room (self);
      self->starved |= room == 0;
    }
  return self->options.short_writes > 0 ? MIN (room, self->options.short_writes) : room;
}

static int
memory_shutdown_write (Lp2pLayer *layer)
{
  ((MemoryLayer *) layer)->ending = TRUE;
  return memory_flush (layer);
}

/* Both */

static void
memory_want (Lp2pLayer *layer, Lp2pReady ready)
{
  MemoryLayer *self = (MemoryLayer *) layer;

  self->wanted = ready & (LP2P_READY_READ | LP2P_READY_WRITE);
  if (self->aborted)
    return;
  if (((ready & LP2P_READY_READ) != 0 && is_readable (self)) ||
      ((ready & LP2P_READY_WRITE) != 0 && self->starved && get_room (self) > 0))
    lp2p_job_queue (&self->job);
}

/* The peer reads what has left, then finds out. */
static void
send_reset (MemoryLayer *self)
{
  MemoryLayer *peer = g_steal_pointer (&self->peer);

  if (peer == NULL)
    return;
  peer->peer = NULL;
  peer->reset_due = get_arrival (self, peer, FALSE);
  something_came (peer);
}

static void
memory_abort (Lp2pLayer *layer, guint32 code)
{
  MemoryLayer *self = (MemoryLayer *) layer;

  send_reset (self);
  fail (self, G_IO_ERROR_CLOSED, _("The connection was given up here"));
  self->aborted = TRUE;
  self->told_failed = TRUE;
  buffer_clear (&self->in);
  lp2p_job_clear (&self->job);
  lp2p_timer_clear (&self->timer);
}

static const GError *
memory_get_error (Lp2pLayer *layer)
{
  return ((MemoryLayer *) layer)->error;
}

static void
memory_get_info (Lp2pLayer *layer, Lp2pLayerInfo *info)
{
  MemoryLayer *self = (MemoryLayer *) layer;

  info->bytes_read = self->bytes_read;
  info->bytes_written = self->bytes_written;
  info->local_address = self->local_address;
  info->remote_address = self->remote_address;
}

/* As a socket that is closed: what has left arrives, and where that was not all,
 * the peer sees a reset instead of the end. */
static void
memory_free (Lp2pLayer *layer)
{
  MemoryLayer *self = (MemoryLayer *) layer;

  if (self->peer != NULL && self->out.size == 0 && !self->stalled && self->error == NULL)
    {
      self->ending = TRUE;
      send_some (self);
      self->peer->peer = NULL;
      something_came (self->peer);
    }
  else
    send_reset (self);

  lp2p_job_clear (&self->job);
  lp2p_timer_clear (&self->timer);
  buffer_clear (&self->in);
  buffer_clear (&self->out);
  g_clear_pointer (&self->local_address, lp2p_multiaddr_unref);
  g_clear_pointer (&self->remote_address, lp2p_multiaddr_unref);
  g_clear_error (&self->error);
  lp2p_layer_clear (layer);
  g_free (self);
}

static const Lp2pLayerClass memory_class = {
  .name = "memory",
  .readv = memory_readv,
  .peek = memory_peek,
  .consume = memory_consume,
  .writev = memory_writev,
  .flush = memory_flush,
  .write_room = memory_write_room,
  .want = memory_want,
  .shutdown_write = memory_shutdown_write,
  .abort = memory_abort,
  .free = memory_free,
  .get_error = memory_get_error,
  .get_info = memory_get_info,
};

static MemoryLayer *
memory_layer_new (const Lp2pMemoryEnd *end, Lp2pMultiaddr *remote_address)
{
  g_autoptr (Lp2pLoop) share = lp2p_loop_new_share (end->loop);
  MemoryLayer *self = g_new0 (MemoryLayer, 1);

  lp2p_layer_init (&self->parent, &memory_class, share);
  if (end->options != NULL)
    self->options = *end->options;
  if (end->address != NULL)
    self->local_address = lp2p_multiaddr_ref (end->address);
  if (remote_address != NULL)
    self->remote_address = lp2p_multiaddr_ref (remote_address);
  self->random = self->options.seed | 1;
  self->end_due = self->reset_due = NEVER;
  lp2p_job_init (&self->job, share, LP2P_JOB_PUMP, run_job);
  lp2p_timer_init (&self->timer, share, run_timer);
  return self;
}

/* Makes a pair of connected layers. Both ends touch each other without locks, so
 * that both loops must belong to the calling thread; otherwise this fails. */
gboolean
lp2p_memory_pipe_new (const Lp2pMemoryEnd *end_a,
                      const Lp2pMemoryEnd *end_b,
                      Lp2pLayer **a,
                      Lp2pLayer **b,
                      GError **error)
{
  MemoryLayer *one;
  MemoryLayer *two;

  if (!lp2p_loop_is_owner (end_a->loop) || !lp2p_loop_is_owner (end_b->loop))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   _("%s belongs to a host of another thread: memory connections are made within one "
                     "thread only"),
                   end_b->address != NULL ? lp2p_multiaddr_get_string (end_b->address) : _("The other end"));
      return FALSE;
    }

  one = memory_layer_new (end_a, end_b->address);
  two = memory_layer_new (end_b, end_a->address);
  one->peer = two;
  two->peer = one;
  *a = &one->parent;
  *b = &two->parent;
  return TRUE;
}

void
lp2p_memory_pipe_set_stalled (Lp2pLayer *layer, gboolean stalled)
{
  MemoryLayer *self = (MemoryLayer *) layer;

  self->stalled = stalled;
  if (!stalled && self->pushing)
    lp2p_job_queue (&self->job);
}

void
lp2p_memory_pipe_break (Lp2pLayer *layer)
{
  MemoryLayer *self = (MemoryLayer *) layer;

  fail (self, G_IO_ERROR_CONNECTION_CLOSED, _("The connection broke"));
  self->broken = TRUE;
  lp2p_job_queue (&self->job);
}

void
lp2p_memory_pipe_set_options (Lp2pLayer *layer, const Lp2pMemoryOptions *options)
{
  ((MemoryLayer *) layer)->options = *options;
}

gsize
lp2p_memory_pipe_get_held (Lp2pLayer *layer)
{
  MemoryLayer *self = (MemoryLayer *) layer;
  gsize held = 0;

  for (GList *l = self->in.pieces.head; l != NULL; l = l->next)
    held += ((Piece *) l->data)->size;
  for (GList *l = self->out.pieces.head; l != NULL; l = l->next)
    held += ((Piece *) l->data)->size;
  return held;
}
