/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The run queue. Its time is divided among shares, one of which belongs to each
 * connection: whoever has used least comes first, and after a turn others do. So
 * it does not matter how many streams a connection has, or how long its queue is. */

#include "net/lp2p-loop-private.h"

#include <string.h>
#include <time.h>

/* How long the kernel is not asked for news: it costs one part in a hundred. */
#define TURNS_US 100

/* How long each phase of a turn takes, unless a single job takes longer. Whoever comes
 * with little to do waits no longer than a turn. Application code has as much as the
 * protocol work before it: the two must keep up with each other, as what protocol work
 * completed waits until somebody is told of it. */
#define PHASE_US 50

/* How old a measurement of the thread's absence may be: asking the system for it takes as
 * long as a small job. What the loop slept meanwhile is forgiven, too; then there was time
 * for all. */
#define ABSENCE_AGE_US 1000

/* A clock that a test controls stands still. Each job then counts as much, and a
 * turn has the same jobs each time. */
#define TEST_JOB_US 10

/* Shares */

static gboolean
has_jobs (Lp2pLoop *share)
{
  return share->jobs[LP2P_JOB_PUMP].length > 0 || share->jobs[LP2P_JOB_RUN].length > 0;
}

/* Behind all who have used as much. */
static void
enter (Lp2pLoop *share)
{
  GQueue *shares = &share->core->shares;
  GList *before = shares->tail;

  while (before != NULL && ((Lp2pLoop *) before->data)->used > share->used)
    before = before->prev;
  share->link.data = share;
  g_queue_insert_after_link (shares, before, &share->link);
}

void
lp2p_loop_leave (Lp2pLoop *share)
{
  if (share->link.data == NULL)
    return;
  g_queue_unlink (&share->core->shares, &share->link);
  share->link.data = NULL;
}

/* Whoever had nothing to do does not save up for it. */
static void
enter_anew (Lp2pLoop *share)
{
  if (share->link.data != NULL)
    return;
  share->used = MAX (share->used, share->core->served);
  enter (share);
}

static Lp2pLoop *
get_taken (Lp2pLoop *share)
{
  return share->joined != NULL ? share->joined : share;
}

/* Jobs */

void
lp2p_job_move (Lp2pJob *self, GQueue *queue)
{
  lp2p_job_clear (self);
  self->queue = queue;
  self->link.data = self;
  g_queue_push_tail_link (queue, &self->link);
}

/**
 * lp2p_job_init:
 * @self: the job
 * @loop: where it runs, and whose share of the time it takes
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
  Lp2pLoop *share = get_taken (self->loop);

  if (self->queue != NULL)
    return;

  lp2p_job_move (self, &share->jobs[self->phase]);
  enter_anew (share);
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
  lp2p_job_move (self, &self->loop->core->later);
}

/**
 * lp2p_job_queue_last:
 * @self: the job
 *
 * Lets the job run once, when all that is ready by now has been read, worked on and
 * told, of all connections; does nothing when it is queued already.
 */
void
lp2p_job_queue_last (Lp2pJob *self)
{
  if (self->queue == NULL)
    lp2p_job_move (self, &self->loop->core->last);
}

/**
 * lp2p_job_is_queued:
 * @self: the job
 *
 * Returns: whether the job waits to run
 */
gboolean
lp2p_job_is_queued (Lp2pJob *self)
{
  return self->queue != NULL;
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
  if (self->queue == NULL)
    return;

  g_queue_unlink (self->queue, &self->link);
  self->queue = NULL;
}

gboolean
lp2p_job_queue_behind_runs (Lp2pJob *self)
{
  Lp2pLoop *share = get_taken (self->loop);

  if (!share->before_runs || share->jobs[LP2P_JOB_RUN].length == 0)
    return FALSE;
  lp2p_job_queue (self);
  return TRUE;
}

void
lp2p_loop_queue_all (GQueue *waiting)
{
  while (waiting->length > 0)
    {
      Lp2pJob *job = g_queue_peek_head (waiting);

      lp2p_job_clear (job);
      lp2p_job_queue (job);
    }
}

/* Turns */

/* Counts what was done since it was last counted; nested main loops count their own. */
static void
count_time (Lp2pLoopCore *self, Lp2pLoop *share)
{
  gint64 now = lp2p_loop_core_has_virtual_time (self) ? self->moment + TEST_JOB_US : g_get_monotonic_time ();

  if (share != NULL)
    share->used += now - self->moment;
  self->moment = now;
}

/* How long the thread has not run, from some time on. */
static void
measure_absence (Lp2pLoopCore *self)
{
  struct timespec ran = { 0 };

  if (lp2p_loop_core_has_virtual_time (self))
    return;
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &ran);
  self->absence = self->moment - (ran.tv_sec * G_USEC_PER_SEC + ran.tv_nsec / 1000);
  self->absence_at = self->moment;
}

/* The system may have given the processor to others in the midst of a turn that took so
 * long. It often does when a share writes to another process of this machine, which is
 * woken by that: the share would have to wait for as long as that process ran. Code that
 * waits for something inside a job, such as a disk, is forgiven that, too, as the thread
 * did not run, although everybody else waited meanwhile. */
static void
forgive_absence (Lp2pLoop *share, gint64 took)
{
  gint64 before = share->core->absence;

  measure_absence (share->core);
  share->used -= CLAMP (share->core->absence - before, 0, took);
}

/* Jobs queued meanwhile wait for the next turn, so that a job which queues itself
 * again does not keep the others from running. Also when all time is spent each phase
 * gets one job, so that none of them starves the next. */
static void
run_phase (Lp2pLoop *share, Lp2pJobPhase phase)
{
  GQueue *queue = &share->jobs[phase];
  guint n = queue->length;
  gint64 end = share->used + PHASE_US;

  while (n-- > 0 && queue->length > 0)
    {
      Lp2pJob *job = g_queue_pop_head_link (queue)->data;

      job->queue = NULL;
      job->func (job);
      count_time (share->core, share);
      if (share->used >= end || lp2p_loop_core_is_spent (share->core))
        break;
    }
}

/* Protocol work, then application code, then the protocol work that it caused. */
static void
run_turn (Lp2pLoopCore *self)
{
  g_autoptr (Lp2pLoop) share = lp2p_loop_ref (g_queue_peek_head (&self->shares));
  gint64 before = share->used;

  self->served = MAX (self->served, share->used);
  share->before_runs = TRUE;
  run_phase (share, LP2P_JOB_PUMP);
  share->before_runs = FALSE;
  if (share->jobs[LP2P_JOB_RUN].length > 0)
    {
      run_phase (share, LP2P_JOB_RUN);
      run_phase (share, LP2P_JOB_PUMP);
    }
  lp2p_loop_leave (share);
  if (share->used - before > TURNS_US)
    forgive_absence (share, share->used - before);
  if (has_jobs (share))
    enter (share);
}

gboolean
lp2p_loop_core_run_turns (Lp2pLoopCore *self)
{
  gboolean ran = self->shares.length > 0;
  gint64 end;

  count_time (self, NULL);
  if (self->moment - self->absence_at > ABSENCE_AGE_US)
    measure_absence (self);
  end = self->moment + TURNS_US;
  while (self->shares.length > 0 && self->moment < end)
    {
      run_turn (self);
      if (lp2p_loop_core_is_spent (self))
        break;
    }
  return ran;
}

/* The life of a share */

void
lp2p_loop_init_share (Lp2pLoop *share, Lp2pLoopCore *core)
{
  g_atomic_ref_count_init (&share->refs);
  share->core = core;
}

void
lp2p_loop_join (Lp2pLoop *self, Lp2pLoop *other)
{
  other = get_taken (other);
  if (self == other || self->joined == other)
    return;

  for (guint phase = 0; phase < G_N_ELEMENTS (self->jobs); phase++)
    while (self->jobs[phase].length > 0)
      lp2p_job_move (g_queue_peek_head (&self->jobs[phase]), &other->jobs[phase]);
  lp2p_loop_leave (self);
  if (has_jobs (other))
    enter_anew (other);
  g_clear_pointer (&self->joined, lp2p_loop_unref);
  self->joined = lp2p_loop_ref (other);
}

/**
 * lp2p_loop_new_share:
 * @loop: a loop
 *
 * Makes a share of the time that @loop has for jobs. It is used as a loop, and all
 * else of it is that of @loop. The jobs of one share together get no more time than
 * those of another one, as long as both have any, and who has little to do need not
 * wait behind who has much. A transport makes one for each connection, for its lowest
 * layer or its session; what is built on that takes it from there.
 *
 * Returns: (transfer full): the loop, as a share
 */
Lp2pLoop *
lp2p_loop_new_share (Lp2pLoop *loop)
{
  Lp2pLoop *self = g_new0 (Lp2pLoop, 1);

  lp2p_loop_init_share (self, loop->core);
  g_atomic_ref_count_inc (&self->core->refs);
  return self;
}
