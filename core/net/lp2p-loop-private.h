/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by the files of the loop; lp2p_loop_join() and
 * lp2p_loop_open() with the host too, and
 * lp2p_job_queue_behind_runs() with connections. lp2p-loop.c is the source and what it
 * watches, lp2p-loop-timers.c has the timers, lp2p-loop-jobs.c the run queue,
 * lp2p-loop-sweep.c what comes behind all that is ready. */

#include <lp2p/net/lp2p-loop.h>

G_BEGIN_DECLS

/* A stack of layers that all borrow scratch memory is at most this deep in
 * practice (WebSocket over TLS, Noise inside); what goes beyond is not kept. */
#define LP2P_LOOP_SCRATCH_KEPT 3

typedef struct _Lp2pLoopCore Lp2pLoopCore;

/* How far a sweep has got: what is ready and was there when it began is being read,
 * worked on, told. */
typedef enum
{
  LP2P_SWEEP_NONE,
  LP2P_SWEEP_WATCHES,
  LP2P_SWEEP_PUMPS,
  LP2P_SWEEP_RUNS,
} Lp2pSweepStage;

/* One share of a loop.
 * @joined: the share whose time it takes instead of time of its own, if any
 * @used: how much of the time for jobs it had, on the scale of all shares
 * @link: in the queue of those that have jobs
 * @mark: stands behind the jobs that a sweep waits for
 * @before_runs: whether protocol work is under way that comes again in the same turn if
 *   application code is due between */
struct _Lp2pLoop
{
  gatomicrefcount refs;
  Lp2pLoopCore *core;
  Lp2pLoop *joined;
  GQueue jobs[2];
  gint64 used;
  GList link;
  Lp2pJob mark;
  gboolean before_runs;
};

/* What all shares of a loop have in common.
 * @own: the share of the loop itself
 * @shares: those that have jobs, who has used least first
 * @later: jobs that wait for the next wake-up
 * @last: jobs that wait for the next sweep to begin
 * @swept: jobs that wait for the end of the one that is under way
 * @timers_job: runs timers that are due
 * @stage: of the sweep that is under way
 * @swept_at: when the last sweep began
 * @marks: how many have still to be passed before its next stage
 * @watch_mark: stands behind the watches that it waits for
 * @served: how much the share whose turn it is or was last had used before it
 * @moment: up to when the time of jobs is counted
 * @absence: how long the thread had not run, from some time on
 * @absence_at: when that was measured
 * @round_end: when the dispatch that is under way has used up its budget
 * @spent: of the budget, by wake-ups that left work for later */
struct _Lp2pLoopCore
{
  gatomicrefcount refs;
  Lp2pLoop own;
  GSource *source;
  GMainContext *context;
  GThread *owner;
  Lp2pClock *clock;
  int epoll_fd;

  GQueue ready;
  GQueue shares;
  GQueue later;
  GQueue last;
  GQueue swept;
  GPtrArray *timers;
  Lp2pJob timers_job;

  Lp2pSweepStage stage;
  gint64 swept_at;
  guint marks;
  Lp2pWatch watch_mark;

  gint64 now;
  gint64 served;
  gint64 moment;
  gint64 absence;
  gint64 absence_at;
  gint64 round_end;
  gint64 spent;
  gboolean dispatching;
  gboolean yielding;
  guint64 wakeups;

  guint8 *scratch[LP2P_LOOP_SCRATCH_KEPT];
  guint n_scratch;
  guint scratch_made;
};

/* A clock that a test controls stands still while the loop waits. */
static inline gboolean
lp2p_loop_core_has_virtual_time (Lp2pLoopCore *self)
{
  return self->clock != NULL;
}

static inline gint64
lp2p_loop_core_read_clock (Lp2pLoopCore *self)
{
  return self->clock != NULL ? self->clock->now (self->clock) : g_get_monotonic_time ();
}

/* Whether the dispatch that is under way has used up its time. What is left
 * stays queued. */
static inline gboolean
lp2p_loop_core_is_spent (Lp2pLoopCore *self)
{
  if (self->clock != NULL && self->clock->is_spent != NULL)
    return self->clock->is_spent (self->clock);
  return g_get_monotonic_time () >= self->round_end;
}

/* lp2p-loop-timers.c. Runs those that are due at a time; tells when the first is due,
 * G_MAXINT64 for none. */
void lp2p_loop_core_run_timers (Lp2pLoopCore *self, gint64 now);
gint64 lp2p_loop_core_get_deadline (Lp2pLoopCore *self);

/* lp2p-loop-jobs.c. Runs those whose turn it is, and returns whether there are any;
 * queues all jobs that wait in another queue. */
gboolean lp2p_loop_core_run_turns (Lp2pLoopCore *self);
void lp2p_loop_queue_all (GQueue *waiting);
void lp2p_job_move (Lp2pJob *job, GQueue *queue);
/* Lets protocol work that is under way run once more behind the application code of the
 * same turn: what that writes leaves together with what is there already. Returns FALSE
 * when none is due. */
gboolean lp2p_job_queue_behind_runs (Lp2pJob *job);
gboolean lp2p_loop_open (Lp2pLoop *self, GError **error);
void lp2p_loop_init_share (Lp2pLoop *share, Lp2pLoopCore *core);
/* A share has no jobs any more. */
void lp2p_loop_leave (Lp2pLoop *share);
/* From now on the jobs of @self take the time of @other, whose jobs they have to share
 * it with. */
void lp2p_loop_join (Lp2pLoop *self, Lp2pLoop *other);

/* lp2p-loop-sweep.c. Whoever begins a sweep has asked the kernel for all that is ready. */
void lp2p_loop_core_init_sweeps (Lp2pLoopCore *self);
gboolean lp2p_loop_core_wants_sweep (Lp2pLoopCore *self);
void lp2p_loop_core_begin_sweep (Lp2pLoopCore *self);
void lp2p_loop_core_follow_sweep (Lp2pLoopCore *self);
/* A share goes. */
void lp2p_loop_core_drop_mark (Lp2pLoopCore *self, Lp2pLoop *share);

G_END_DECLS
