/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <glib-unix.h>

#include "net/lp2p-loop-private.h"
#include "types/lp2p-i18n-private.h"

/* A frame at 60 Hz is 16 ms. A user interface on the same context keeps more
 * than two thirds of it when the network is busy all the time. */
#define ROUND_BUDGET_US 5000

/* Enough to serve a busy host in one system call, small enough for the stack. */
#define EVENTS_PER_POLL 128

/* Large buffers all begin at the same place of a page. While a record is opened
 * from one into the other, the processor then takes each byte that is written
 * for the one that is read next, which costs a quarter of all time. So they begin
 * at different places, also different from those of an application's buffers. */
#define SCRATCH_SKEW    1024
#define SCRATCH_SKEWS   3
#define SCRATCH_PADDING (SCRATCH_SKEW * SCRATCH_SKEWS)

typedef struct
{
  GSource parent;
  Lp2pLoopCore *loop;
} LoopSource;

/* What shares have in common */

/* How far it is into its memory stands in front of it. */
static guint8 *
scratch_new (guint number)
{
  guint skew = SCRATCH_SKEW * (1 + number % SCRATCH_SKEWS);
  guint8 *memory = g_malloc (SCRATCH_PADDING + LP2P_SCRATCH_SIZE);
  guint8 *scratch = memory + skew;

  ((guint *) scratch)[-1] = skew;
  return scratch;
}

static void
scratch_free (guint8 *scratch)
{
  g_free (scratch - ((guint *) scratch)[-1]);
}

static Lp2pLoopCore *
core_ref (Lp2pLoopCore *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

static void
core_unref (Lp2pLoopCore *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;

  g_source_destroy (self->source);
  g_source_unref (self->source);
  if (self->epoll_fd >= 0)
    close (self->epoll_fd);
  for (guint i = 0; i < self->n_scratch; i++)
    scratch_free (self->scratch[i]);
  g_ptr_array_unref (self->timers);
  g_main_context_unref (self->context);
  g_free (self);
}

/* Watches */

/*
 * lp2p_loop_open:
 * @self: a loop
 * @error: where to put the error
 *
 * Makes sure that the loop can watch descriptors. A process that had none left when the
 * loop was made may have some now.
 *
 * Returns: whether it can
 */
gboolean
lp2p_loop_open (Lp2pLoop *self, GError **error)
{
  Lp2pLoopCore *core = self->core;
  int saved;

  if (core->epoll_fd >= 0)
    return TRUE;
  core->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (core->epoll_fd >= 0)
    {
      g_source_add_unix_fd (core->source, core->epoll_fd, G_IO_IN);
      return TRUE;
    }
  saved = errno;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved), _("Cannot watch sockets: %s"), g_strerror (saved));
  return FALSE;
}

/**
 * lp2p_watch_start:
 * @self: the watch
 * @loop: the loop
 * @fd: a non-blocking descriptor, not owned
 * @func: called when the descriptor became ready
 * @error: where to put the error
 *
 * Watches a descriptor for both directions, edge-triggered.
 *
 * Returns: whether the kernel accepted it
 */
gboolean
lp2p_watch_start (Lp2pWatch *self, Lp2pLoop *loop, int fd, Lp2pWatchFunc func, GError **error)
{
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = self };

  memset (self, 0, sizeof *self);
  if (!lp2p_loop_open (loop, error))
    return FALSE;
  if (epoll_ctl (loop->core->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
    {
      int saved = errno;

      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved),
                   _("Cannot watch descriptor %d: %s"), fd, g_strerror (saved));
      return FALSE;
    }

  self->loop = loop;
  self->func = func;
  self->fd = fd;
  return TRUE;
}

/**
 * lp2p_watch_set_interest:
 * @self: a watch that was started
 * @interest: what to be told of: reading, writing or both; at first both
 *
 * Changes what is watched for, and tells again what the descriptor is ready for.
 *
 * A stream socket says that it can be written to only after it could not, so
 * both may stay. A datagram socket says so whenever a datagram has left: it is
 * watched for writing only while it is waited for.
 */
void
lp2p_watch_set_interest (Lp2pWatch *self, Lp2pReady interest)
{
  struct epoll_event event = { .events = EPOLLRDHUP | EPOLLET, .data.ptr = self };

  if (self->loop == NULL)
    return;
  if (interest & LP2P_READY_READ)
    event.events |= EPOLLIN;
  if (interest & LP2P_READY_WRITE)
    event.events |= EPOLLOUT;
  epoll_ctl (self->loop->core->epoll_fd, EPOLL_CTL_MOD, self->fd, &event);
}

/**
 * lp2p_watch_stop:
 * @self: the watch
 *
 * Stops watching; to be called before the descriptor is closed. Harmless when
 * the watch was never started.
 */
void
lp2p_watch_stop (Lp2pWatch *self)
{
  Lp2pLoop *loop = self->loop;

  if (loop == NULL)
    return;

  epoll_ctl (loop->core->epoll_fd, EPOLL_CTL_DEL, self->fd, NULL);
  if (self->link.data != NULL)
    g_queue_unlink (&loop->core->ready, &self->link);
  memset (self, 0, sizeof *self);
}

/**
 * lp2p_watch_announce:
 * @self: the watch
 * @ready: for what
 *
 * Makes the watch's function run in the next round as if the descriptor had
 * become ready.
 */
void
lp2p_watch_announce (Lp2pWatch *self, Lp2pReady ready)
{
  if (self->loop == NULL)
    return;

  self->ready |= ready;
  if (self->link.data == NULL)
    {
      self->link.data = self;
      g_queue_push_tail_link (&self->loop->core->ready, &self->link);
    }
}

static gboolean
run_watches (Lp2pLoopCore *self)
{
  guint n = self->ready.length;
  gboolean ran = n > 0;

  while (n-- > 0 && self->ready.length > 0)
    {
      GList *link = g_queue_pop_head_link (&self->ready);
      Lp2pWatch *watch = link->data;
      Lp2pReady ready = watch->ready;

      link->data = NULL;
      watch->ready = LP2P_READY_NONE;
      if (watch->func (watch, ready))
        lp2p_watch_announce (watch, ready);
      if (lp2p_loop_core_is_spent (self))
        break;
    }
  return ran;
}

/* Returns: whether there may be more */
static gboolean
poll_watches (Lp2pLoopCore *self)
{
  struct epoll_event events[EVENTS_PER_POLL];
  int n = epoll_wait (self->epoll_fd, events, G_N_ELEMENTS (events), 0);

  for (int i = 0; i < n; i++)
    {
      guint32 mask = events[i].events;
      Lp2pReady ready = LP2P_READY_NONE;

      /* An error is found by whoever reads or writes next: both are told. */
      if (mask & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        ready |= LP2P_READY_READ;
      if (mask & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        ready |= LP2P_READY_WRITE;
      if (mask & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        ready |= LP2P_READY_HANGUP;
      lp2p_watch_announce (events[i].data.ptr, ready);
    }
  return n == EVENTS_PER_POLL;
}

/* The source */

static gboolean
has_work (Lp2pLoopCore *self)
{
  return self->ready.length > 0 || self->shares.length > 0 || self->later.length > 0 ||
         self->last.length > 0 || self->stage != LP2P_SWEEP_NONE;
}

/* One round: what the kernel has, then those whose turn it is. */
static gboolean
run_round (Lp2pLoopCore *self)
{
  gboolean more, worked;

  self->now = lp2p_loop_core_read_clock (self);
  more = poll_watches (self);
  if (lp2p_loop_core_wants_sweep (self))
    {
      while (more)
        more = poll_watches (self);
      lp2p_loop_core_begin_sweep (self);
    }
  worked = run_watches (self);
  lp2p_loop_core_follow_sweep (self);
  worked |= lp2p_loop_core_run_turns (self);
  return worked;
}

/* After a full budget the loop steps behind everything else of the context
 * once; otherwise a busy network would starve a redraw, whose priority in GTK
 * is lower than the default. */
static void
set_yielding (Lp2pLoopCore *self, gboolean yielding)
{
  if (self->yielding == yielding)
    return;
  self->yielding = yielding;
  g_source_set_priority (self->source, yielding ? G_PRIORITY_DEFAULT_IDLE : G_PRIORITY_DEFAULT);
}

/* Application code may run a nested main loop for as long as it likes: the time
 * of the round that called it is then no longer the present. */
static void
refresh_nested (Lp2pLoopCore *self)
{
  if (self->dispatching)
    self->now = lp2p_loop_core_read_clock (self);
}

/* The time until the first timer is given to the poll as its timeout. A ready
 * time of the source would do the same, but each change of one wakes the poll
 * up once more. */
static gboolean
loop_prepare (GSource *source, int *timeout)
{
  Lp2pLoopCore *self = ((LoopSource *) source)->loop;
  gint64 deadline = lp2p_loop_core_get_deadline (self);
  gint64 wait;

  *timeout = -1;
  refresh_nested (self);
  if (has_work (self))
    return TRUE;
  if (deadline == G_MAXINT64 || lp2p_loop_core_has_virtual_time (self))
    return FALSE;

  wait = deadline - lp2p_loop_core_read_clock (self);
  if (wait <= 0)
    return TRUE;
  *timeout = (int) MIN (wait / 1000 + (wait % 1000 != 0), G_MAXINT);
  return FALSE;
}

/* Events of the descriptor are found by GLib itself. */
static gboolean
loop_check (GSource *source)
{
  Lp2pLoopCore *self = ((LoopSource *) source)->loop;

  refresh_nested (self);
  if (has_work (self))
    return TRUE;
  return !lp2p_loop_core_has_virtual_time (self) &&
         lp2p_loop_core_get_deadline (self) <= lp2p_loop_core_read_clock (self);
}

static gboolean
loop_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  Lp2pLoopCore *self = core_ref (((LoopSource *) source)->loop);
  gboolean spent = FALSE;

  /* Application code that runs a nested main loop reaches this point again. It
   * is served, and the outer round ends behind it, its time being over. */
  gboolean outer = self->dispatching;
  gint64 began = g_get_monotonic_time ();

  self->dispatching = TRUE;
  self->wakeups++;
  self->round_end = began + ROUND_BUDGET_US - self->spent;
  lp2p_loop_queue_all (&self->later);
  /* What waits for the next wake-up does not wait longer than for a round. */
  while (!spent && run_round (self))
    {
      spent = lp2p_loop_core_is_spent (self);
      if (self->later.length > 0)
        break;
    }
  self->dispatching = outer;
  if (spent || self->later.length == 0)
    self->spent = 0;
  else
    self->spent += g_get_monotonic_time () - began;

  if (!g_source_is_destroyed (source))
    set_yielding (self, spent);
  core_unref (self);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs loop_funcs = {
  .prepare = loop_prepare,
  .check = loop_check,
  .dispatch = loop_dispatch,
};

/**
 * lp2p_loop_new:
 * @context: (nullable): where it runs; %NULL for the thread-default context
 * @clock: (nullable): the time, which must outlive the loop; %NULL for the
 *   monotonic clock
 *
 * Makes the event loop of a host: one epoll instance behind one [struct@GLib.Source],
 * with timers and queues of its own, so that the cost of a wake-up does not grow
 * with the number of sockets.
 *
 * Where no descriptor is left for that instance the loop has timers and jobs all the
 * same, and what is to be watched fails with an error.
 *
 * Returns: (transfer full): the loop
 */
Lp2pLoop *
lp2p_loop_new (GMainContext *context, Lp2pClock *clock)
{
  Lp2pLoopCore *core = g_new0 (Lp2pLoopCore, 1);
  Lp2pLoop *self;

  g_atomic_ref_count_init (&core->refs);
  core->context = context != NULL ? g_main_context_ref (context) : g_main_context_ref_thread_default ();
  core->owner = g_thread_self ();
  core->clock = clock;
  core->timers = g_ptr_array_new ();
  lp2p_loop_init_share (&core->own, core);
  lp2p_loop_core_init_sweeps (core);
  core->epoll_fd = -1;
  core->source = g_source_new (&loop_funcs, sizeof (LoopSource));
  ((LoopSource *) core->source)->loop = core;
  g_source_set_static_name (core->source, "lp2p loop");
  g_source_set_can_recurse (core->source, TRUE);
  g_source_attach (core->source, core->context);

  self = lp2p_loop_new_share (&core->own);
  lp2p_loop_open (self, NULL);
  core_unref (core);
  return self;
}

/**
 * lp2p_loop_ref:
 * @self: the loop
 *
 * Returns: (transfer full): the loop
 */
Lp2pLoop *
lp2p_loop_ref (Lp2pLoop *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

/**
 * lp2p_loop_unref:
 * @self: (transfer full): the loop
 *
 * Drops a reference; with the last one of its last share the loop stops.
 */
void
lp2p_loop_unref (Lp2pLoop *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;

  lp2p_loop_core_drop_mark (self->core, self);
  lp2p_loop_leave (self);
  g_clear_pointer (&self->joined, lp2p_loop_unref);
  core_unref (self->core);
  g_free (self);
}

/**
 * lp2p_loop_get_context:
 * @self: the loop
 *
 * Returns: (transfer none): the context that it runs in
 */
GMainContext *
lp2p_loop_get_context (Lp2pLoop *self)
{
  return self->core->context;
}

/**
 * lp2p_loop_now:
 * @self: the loop
 *
 * Returns: monotonic time in microseconds; within a round, that of its start
 */
gint64
lp2p_loop_now (Lp2pLoop *self)
{
  return self->core->dispatching ? self->core->now : lp2p_loop_core_read_clock (self->core);
}

/**
 * lp2p_loop_real_time:
 * @self: the loop
 *
 * Returns: microseconds since 1970 in UTC
 */
gint64
lp2p_loop_real_time (Lp2pLoop *self)
{
  Lp2pClock *clock = self->core->clock;

  return clock != NULL ? clock->real_time (clock) : g_get_real_time ();
}

/**
 * lp2p_loop_refresh:
 * @self: the loop
 *
 * Reads the clock again within a round, for what needs the very moment, such as
 * the time at which datagrams arrived.
 *
 * Returns: monotonic time in microseconds, which [method@Loop.now] tells too
 *   until the round ends
 */
gint64
lp2p_loop_refresh (Lp2pLoop *self)
{
  self->core->now = lp2p_loop_core_read_clock (self->core);
  return self->core->now;
}

/**
 * lp2p_loop_advance:
 * @self: a loop with a clock of its own
 *
 * Runs the timers whose time has come on a clock that a test controls.
 */
void
lp2p_loop_advance (Lp2pLoop *self)
{
  self->core->now = lp2p_loop_core_read_clock (self->core);
  lp2p_loop_core_run_timers (self->core, self->core->now);
}

/**
 * lp2p_loop_get_wakeups:
 * @self: the loop
 *
 * Returns: how often the loop was woken since it was made
 */
guint64
lp2p_loop_get_wakeups (Lp2pLoop *self)
{
  return self->core->wakeups;
}

/**
 * lp2p_loop_is_owner:
 * @self: the loop
 *
 * Returns: whether the calling thread is the one that the loop belongs to
 */
gboolean
lp2p_loop_is_owner (Lp2pLoop *self)
{
  return self->core->owner == g_thread_self ();
}

/**
 * lp2p_loop_take_scratch:
 * @self: the loop
 *
 * Borrows a buffer of %LP2P_SCRATCH_SIZE bytes for the work of one wake-up.
 *
 * Returns: (transfer full): the buffer, to be given back with
 *   [method@Loop.give_scratch]
 */
guint8 *
lp2p_loop_take_scratch (Lp2pLoop *self)
{
  Lp2pLoopCore *core = self->core;

  if (core->n_scratch > 0)
    return core->scratch[--core->n_scratch];
  return scratch_new (core->scratch_made++);
}

/**
 * lp2p_loop_give_scratch:
 * @self: the loop
 * @scratch: (transfer full): a buffer that was taken
 *
 * Gives a buffer back, for the next one to take.
 */
void
lp2p_loop_give_scratch (Lp2pLoop *self, guint8 *scratch)
{
  Lp2pLoopCore *core = self->core;

  if (core->n_scratch < LP2P_LOOP_SCRATCH_KEPT)
    core->scratch[core->n_scratch++] = scratch;
  else
    scratch_free (scratch);
}
