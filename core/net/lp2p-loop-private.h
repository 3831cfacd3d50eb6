/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by the files of the loop only: lp2p-loop.c is the source and what it
 * watches, lp2p-loop-timers.c has the timers, lp2p-loop-jobs.c the run queue. */

#include <lp2p/net/lp2p-loop.h>

G_BEGIN_DECLS

/* A stack of layers that all borrow scratch memory is at most this deep in
 * practice (WebSocket over TLS, Noise inside); what goes beyond is not kept. */
#define LP2P_LOOP_SCRATCH_KEPT 3

/* What all shares of a loop have in common.
 * @shares: those that have jobs, who has used least first
 * @later: jobs that wait for the next wake-up
 * @served: how much the share whose turn it is or was last had used before it
 * @moment: up to when the time of jobs is counted
 * @round_end: when the dispatch that is under way has used up its budget
 * @spent: of the budget, by wake-ups that left work for later */
typedef struct
{
  gatomicrefcount refs;
  GSource *source;
  GMainContext *context;
  GThread *owner;
  Lp2pClock *clock;
  int epoll_fd;

  GQueue ready;
  GQueue shares;
  GQueue later;
  GPtrArray *timers;

  gint64 now;
  gint64 served;
  gint64 moment;
  gint64 round_end;
  gint64 spent;
  gboolean dispatching;
  gboolean yielding;
  guint64 wakeups;

  guint8 *scratch[LP2P_LOOP_SCRATCH_KEPT];
  guint n_scratch;
  guint scratch_made;
} Lp2pLoopCore;

/* One share of a loop.
 * @used: how much of the time for jobs it had, on the scale of all shares
 * @link: in the queue of those that have jobs */
struct _Lp2pLoop
{
  gatomicrefcount refs;
  Lp2pLoopCore *core;
  GQueue jobs[2];
  gint64 used;
  GList link;
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

/* lp2p-loop-timers.c. Returns whether one ran; when the first is due, G_MAXINT64 for
 * none. */
gboolean lp2p_loop_core_run_timers (Lp2pLoopCore *self);
gint64 lp2p_loop_core_get_deadline (Lp2pLoopCore *self);

/* lp2p-loop-jobs.c. Returns whether one ran. */
gboolean lp2p_loop_core_run_turns (Lp2pLoopCore *self);
void lp2p_loop_core_queue_what_waited (Lp2pLoopCore *self);
/* A share has no jobs any more. */
void lp2p_loop_leave (Lp2pLoop *share);

G_END_DECLS
