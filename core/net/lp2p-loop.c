/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <glib-unix.h>

#include <lp2p/net/lp2p-loop.h>

/* A frame at 60 Hz is 16 ms. A user interface on the same context keeps more
 * than two thirds of it when the network is busy all the time. */
#define ROUND_BUDGET_US 5000

/* What application code may take in each round, however long protocol work took. The
 * two must keep up with each other: handshakes, for one, that protocol work completed
 * wait until somebody is told of them. */
#define RUN_BUDGET_US 2000

/* Enough to serve a busy host in one system call, small enough for the stack. */
#define EVENTS_PER_POLL 128

/* A stack of layers that all borrow scratch memory is at most this deep in
 * practice (WebSocket over TLS, Noise inside); what goes beyond is not kept. */
#define SCRATCH_KEPT 3

/* Large buffers all begin at the same place of a page. While a record is opened
 * from one into the other, the processor then takes each byte that is written
 * for the one that is read next, which costs a quarter of all time. So they begin
 * at different places, also different from those of an application's buffers. */
#define SCRATCH_SKEW    1024
#define SCRATCH_SKEWS   3
#define SCRATCH_PADDING (SCRATCH_SKEW * SCRATCH_SKEWS)

struct _Lp2pLoop
{
  GSource *source;
  GMainContext *context;
  GThread *owner;
  Lp2pClock *clock;
  int epoll_fd;
  gatomicrefcount refs;

  GQueue ready;
  GQueue jobs[2];
  GQueue later;
  GPtrArray *timers;

  /* Passes behind all that was ready when a timer was found to be due. */
  gint64 due; /* up to when timers may run then, -1 while none is due */
  Lp2pWatch due_watch;
  Lp2pJob due_jobs[2];

  gint64 now;
  gint64 round_end;
  gint64 turn_end; /* of the phase that runs now */
  gint64 used; /* of the budget, by wake-ups that left work for later */
  gboolean dispatching;
  gboolean yielding;
  guint64 wakeups;

  guint8 *scratch[SCRATCH_KEPT];
  guint n_scratch;
  guint scratch_made;
};

typedef struct
{
  GSource parent;
  Lp2pLoop *loop;
} LoopSource;

/* Timers: a binary heap of pointers, each timer knows its place. */

static gint64
timer_deadline (Lp2pLoop *self, guint index)
{
  return ((Lp2pTimer *) g_ptr_array_index (self->timers, index))->deadline;
}

static void
timer_place (Lp2pLoop *self, guint index, Lp2pTimer *timer)
{
  g_ptr_array_index (self->timers, index) = timer;
  timer->index = index;
}

static void
timer_sift_up (Lp2pLoop *self, Lp2pTimer *timer)
{
  guint index = timer->index;

  while (index > 0)
    {
      guint parent = (index - 1) / 2;

      if (timer_deadline (self, parent) <= timer->deadline)
        break;
      timer_place (self, index, g_ptr_array_index (self->timers, parent));
      index = parent;
    }
  timer_place (self, index, timer);
}

static void
timer_sift_down (Lp2pLoop *self, Lp2pTimer *timer)
{
  guint index = timer->index;

  for (;;)
    {
      guint child = 2 * index + 1;

      if (child >= self->timers->len)
        break;
      if (child + 1 < self->timers->len &&
          timer_deadline (self, child + 1) < timer_deadline (self, child))
        child++;
      if (timer->deadline <= timer_deadline (self, child))
        break;
      timer_place (self, index, g_ptr_array_index (self->timers, child));
      index = child;
    }
  timer_place (self, index, timer);
}

/**
 * lp2p_timer_init:
 * @self: the timer
 * @loop: where it runs
 * @func: what it calls
 *
 * Prepares a timer that is embedded in another struct.
 */
void
lp2p_timer_init (Lp2pTimer *self, Lp2pLoop *loop, Lp2pTimerFunc func)
{
  self->loop = loop;
  self->func = func;
  self->deadline = -1;
  self->index = G_MAXUINT;
}

/**
 * lp2p_timer_set:
 * @self: the timer
 * @deadline: loop time in microseconds
 *
 * Sets the timer, or moves it when it is set. It runs once.
 */
void
lp2p_timer_set (Lp2pTimer *self, gint64 deadline)
{
  Lp2pLoop *loop = self->loop;

  if (self->index != G_MAXUINT)
    {
      gint64 old = self->deadline;

      if (old == deadline)
        return;
      self->deadline = deadline;
      if (deadline < old)
        timer_sift_up (loop, self);
      else
        timer_sift_down (loop, self);
    }
  else
    {
      self->deadline = deadline;
      self->index = loop->timers->len;
      g_ptr_array_add (loop->timers, self);
      timer_sift_up (loop, self);
    }
}

/**
 * lp2p_timer_clear:
 * @self: the timer
 *
 * Takes the timer back. It can be set again.
 */
void
lp2p_timer_clear (Lp2pTimer *self)
{
  Lp2pLoop *loop = self->loop;
  guint index = self->index;
  Lp2pTimer *last;

  if (loop == NULL || index == G_MAXUINT)
    return;

  self->index = G_MAXUINT;
  last = g_ptr_array_steal_index_fast (loop->timers, loop->timers->len - 1);
  if (last != self)
    {
      timer_place (loop, index, last);
      timer_sift_up (loop, last);
      timer_sift_down (loop, last);
    }
}

/**
 * lp2p_timer_is_set:
 * @self: the timer
 *
 * Returns: whether the timer waits for its time
 */
gboolean
lp2p_timer_is_set (Lp2pTimer *self)
{
  return self->loop != NULL && self->index != G_MAXUINT;
}

/* A timer that sets itself to a time that has passed waits for the next turn. */
static void
run_timers (Lp2pLoop *self, gint64 due)
{
  guint n = self->timers->len;

  while (n-- > 0 && self->timers->len > 0 && timer_deadline (self, 0) <= due)
    {
      Lp2pTimer *timer = g_ptr_array_index (self->timers, 0);

      lp2p_timer_clear (timer);
      timer->func (timer);
    }
}

/* A clock that a test controls stands still while the loop waits. */
static gboolean
has_virtual_time (Lp2pLoop *self)
{
  return self->clock != NULL;
}

static gint64
read_clock (Lp2pLoop *self)
{
  return self->clock != NULL ? self->clock->now (self->clock) : g_get_monotonic_time ();
}

/* Whether the dispatch that is under way has used up its time. What is left
 * stays queued. */
static gboolean
is_spent (Lp2pLoop *self)
{
  if (self->clock != NULL && self->clock->is_spent != NULL)
    return self->clock->is_spent (self->clock);
  return g_get_monotonic_time () >= self->turn_end;
}

/* Watches */

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
  if (epoll_ctl (loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
    {
      int saved = errno;

      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved),
                   "Cannot watch descriptor %d: %s", fd, g_strerror (saved));
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
  epoll_ctl (self->loop->epoll_fd, EPOLL_CTL_MOD, self->fd, &event);
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

  epoll_ctl (loop->epoll_fd, EPOLL_CTL_DEL, self->fd, NULL);
  if (self->link.data != NULL)
    g_queue_unlink (&loop->ready, &self->link);
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
      g_queue_push_tail_link (&self->loop->ready, &self->link);
    }
}

static gboolean
run_watches (Lp2pLoop *self)
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
      if (is_spent (self))
        break;
    }
  return ran;
}

/* Returns: whether there may be more */
static gboolean
poll_watches (Lp2pLoop *self)
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

/* Jobs */

/**
 * lp2p_job_init:
 * @self: the job
 * @loop: where it runs
 * @phase: protocol work or application code
 * @func: what it calls
 *
 * Prepares a job that is embedded in another struct.
 */
void
lp2p_job_init (Lp2pJob *self, Lp2pLoop *loop, Lp2pJobPhase phase, Lp2pJobFunc func)
{
  memset (self, 0, sizeof *self);
  self->loop = loop;
  self->phase = phase;
  self->func = func;
}

/**
 * lp2p_job_queue:
 * @self: the job
 *
 * Lets the job run once, soon; does nothing when it is queued already.
 */
void
lp2p_job_queue (Lp2pJob *self)
{
  Lp2pLoop *loop = self->loop;

  if (self->queued)
    return;

  self->queued = TRUE;
  self->link.data = self;
  g_queue_push_tail_link (&loop->jobs[self->phase], &self->link);
}

/**
 * lp2p_job_queue_later:
 * @self: the job
 *
 * Lets the job run once, in the next wake-up of the loop; when it is queued
 * already it waits until then. An application that began an operation in this
 * wake-up is told of its end only behind it, so work that would pile up what the
 * application has not read yet comes after it.
 */
void
lp2p_job_queue_later (Lp2pJob *self)
{
  lp2p_job_clear (self);
  self->queued = TRUE;
  self->later = TRUE;
  self->link.data = self;
  g_queue_push_tail_link (&self->loop->later, &self->link);
}

/**
 * lp2p_job_clear:
 * @self: the job
 *
 * Takes the job off the queue. It can be queued again.
 */
void
lp2p_job_clear (Lp2pJob *self)
{
  if (!self->queued)
    return;

  g_queue_unlink (self->later ? &self->loop->later : &self->loop->jobs[self->phase], &self->link);
  self->queued = FALSE;
  self->later = FALSE;
}

static void
queue_what_waited (Lp2pLoop *self)
{
  while (self->later.length > 0)
    {
      Lp2pJob *job = g_queue_peek_head (&self->later);

      lp2p_job_clear (job);
      lp2p_job_queue (job);
    }
}

/* Jobs queued meanwhile wait for the next round, so that a job which queues
 * itself again does not keep the others from running. */
static gboolean
run_jobs (Lp2pLoop *self, Lp2pJobPhase phase)
{
  GQueue *queue = &self->jobs[phase];
  guint n = queue->length;
  gboolean ran = n > 0;

  while (n-- > 0 && queue->length > 0)
    {
      Lp2pJob *job = g_queue_pop_head_link (queue)->data;

      job->queued = FALSE;
      job->func (job);
      if (is_spent (self))
        break;
    }
  return ran;
}

/* Timers that are due
 *
 * A process that did not run for a while, because the machine is busy or it was
 * stopped, finds that its time is over and that what it waited for has come. What
 * counts is that it came: so a timer waits until all that was ready when it was found
 * to be due has been read, worked on and told. */

static void
find_due_timers (Lp2pLoop *self)
{
  if (self->due >= 0 || self->timers->len == 0 || timer_deadline (self, 0) > self->now)
    return;
  self->due = self->now;
  while (poll_watches (self))
    ;
  lp2p_watch_announce (&self->due_watch, LP2P_READY_READ);
}

static gboolean
due_watch_passed (Lp2pWatch *watch, Lp2pReady ready)
{
  lp2p_job_queue (&watch->loop->due_jobs[LP2P_JOB_PUMP]);
  return FALSE;
}

static void
due_pump_passed (Lp2pJob *job)
{
  lp2p_job_queue (&job->loop->due_jobs[LP2P_JOB_RUN]);
}

static void
due_run_passed (Lp2pJob *job)
{
  Lp2pLoop *self = job->loop;
  gint64 due = self->due;

  self->due = -1;
  run_timers (self, due);
}

static gboolean
has_work (Lp2pLoop *self)
{
  return self->ready.length > 0 || self->jobs[LP2P_JOB_PUMP].length > 0 ||
         self->jobs[LP2P_JOB_RUN].length > 0 || self->later.length > 0;
}

/* One round: what the kernel has, then protocol work, then application code and
 * timers, then the protocol work that they caused. When time runs out each phase
 * still gets one turn, so that none of them starves the next. */
static gboolean
run_round (Lp2pLoop *self)
{
  gboolean worked;

  self->now = read_clock (self);
  self->turn_end = self->round_end - RUN_BUDGET_US;
  poll_watches (self);
  if (!has_virtual_time (self))
    find_due_timers (self);
  worked = run_watches (self);
  worked |= run_jobs (self, LP2P_JOB_PUMP);
  self->turn_end = MAX (self->round_end, g_get_monotonic_time () + RUN_BUDGET_US);
  if (run_jobs (self, LP2P_JOB_RUN))
    {
      worked = TRUE;
      self->turn_end = self->round_end;
      run_jobs (self, LP2P_JOB_PUMP);
    }
  self->turn_end = self->round_end;
  return worked;
}

/* After a full budget the loop steps behind everything else of the context
 * once; otherwise a busy network would starve a redraw, whose priority in GTK
 * is lower than the default. */
static void
set_yielding (Lp2pLoop *self, gboolean yielding)
{
  if (self->yielding == yielding)
    return;
  self->yielding = yielding;
  g_source_set_priority (self->source, yielding ? G_PRIORITY_DEFAULT_IDLE : G_PRIORITY_DEFAULT);
}

/* Application code may run a nested main loop for as long as it likes: the time
 * of the round that called it is then no longer the present. */
static void
refresh_nested (Lp2pLoop *self)
{
  if (self->dispatching)
    self->now = read_clock (self);
}

/* The time until the first timer is given to the poll as its timeout. A ready
 * time of the source would do the same, but each change of one wakes the poll
 * up once more. */
static gboolean
loop_prepare (GSource *source, int *timeout)
{
  Lp2pLoop *self = ((LoopSource *) source)->loop;
  gint64 wait;

  *timeout = -1;
  refresh_nested (self);
  if (has_work (self))
    return TRUE;
  if (self->timers->len == 0 || has_virtual_time (self))
    return FALSE;

  wait = timer_deadline (self, 0) - read_clock (self);
  if (wait <= 0)
    return TRUE;
  *timeout = (int) MIN (wait / 1000 + (wait % 1000 != 0), G_MAXINT);
  return FALSE;
}

/* Events of the descriptor are found by GLib itself. */
static gboolean
loop_check (GSource *source)
{
  Lp2pLoop *self = ((LoopSource *) source)->loop;

  refresh_nested (self);
  if (has_work (self))
    return TRUE;
  return self->timers->len > 0 && !has_virtual_time (self) &&
         timer_deadline (self, 0) <= read_clock (self);
}

static gboolean
loop_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  g_autoptr (Lp2pLoop) self = lp2p_loop_ref (((LoopSource *) source)->loop);
  gboolean spent = FALSE;

  /* Application code that runs a nested main loop reaches this point again. It
   * is served, and the outer round ends behind it, its time being over. */
  gboolean outer = self->dispatching;
  gint64 began = g_get_monotonic_time ();

  self->dispatching = TRUE;
  self->wakeups++;
  self->round_end = self->turn_end = began + ROUND_BUDGET_US - self->used;
  queue_what_waited (self);
  while (!spent && run_round (self))
    spent = is_spent (self);
  self->dispatching = outer;
  if (spent || self->later.length == 0)
    self->used = 0;
  else
    self->used += g_get_monotonic_time () - began;

  if (!g_source_is_destroyed (source))
    set_yielding (self, spent);
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
 * Returns: (transfer full): the loop
 */
Lp2pLoop *
lp2p_loop_new (GMainContext *context, Lp2pClock *clock)
{
  Lp2pLoop *self = g_new0 (Lp2pLoop, 1);

  g_atomic_ref_count_init (&self->refs);
  self->context = context != NULL ? g_main_context_ref (context) : g_main_context_ref_thread_default ();
  self->owner = g_thread_self ();
  self->clock = clock;
  self->timers = g_ptr_array_new ();
  self->due = -1;
  self->due_watch = (Lp2pWatch){ .loop = self, .func = due_watch_passed, .fd = -1 };
  lp2p_job_init (&self->due_jobs[LP2P_JOB_PUMP], self, LP2P_JOB_PUMP, due_pump_passed);
  lp2p_job_init (&self->due_jobs[LP2P_JOB_RUN], self, LP2P_JOB_RUN, due_run_passed);
  self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (self->epoll_fd < 0)
    g_error ("Cannot create an epoll instance: %s", g_strerror (errno));

  self->source = g_source_new (&loop_funcs, sizeof (LoopSource));
  ((LoopSource *) self->source)->loop = self;
  g_source_set_static_name (self->source, "lp2p loop");
  g_source_add_unix_fd (self->source, self->epoll_fd, G_IO_IN);
  g_source_set_can_recurse (self->source, TRUE);
  g_source_attach (self->source, self->context);
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

/**
 * lp2p_loop_unref:
 * @self: (transfer full): the loop
 *
 * Drops a reference; with the last one the loop stops.
 */
void
lp2p_loop_unref (Lp2pLoop *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;

  g_source_destroy (self->source);
  g_source_unref (self->source);
  close (self->epoll_fd);
  for (guint i = 0; i < self->n_scratch; i++)
    scratch_free (self->scratch[i]);
  g_ptr_array_unref (self->timers);
  g_main_context_unref (self->context);
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
  return self->context;
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
  return self->dispatching ? self->now : read_clock (self);
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
  return self->clock != NULL ? self->clock->real_time (self->clock) : g_get_real_time ();
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
  self->now = read_clock (self);
  return self->now;
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
  self->now = read_clock (self);
  run_timers (self, self->now);
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
  return self->wakeups;
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
  return self->owner == g_thread_self ();
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
  if (self->n_scratch > 0)
    return self->scratch[--self->n_scratch];
  return scratch_new (self->scratch_made++);
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
  if (self->n_scratch < SCRATCH_KEPT)
    self->scratch[self->n_scratch++] = scratch;
  else
    scratch_free (scratch);
}
