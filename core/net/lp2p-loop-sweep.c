/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A sweep lets all that is ready when it begins go first, of all shares: each watch,
 * then each job of protocol work, then each one of application code. Marks stand behind
 * them, and when those of the last stage have been passed the jobs that waited for the
 * sweep are queued. There are two kinds of them.
 *
 * Timers that are due: a process that did not run for a while, because the machine is
 * busy or it was stopped, finds that its time is over and that what it waited for has
 * come. What counts is that it came.
 *
 * Jobs that begin something new, which has to wait while a busy host cannot keep up with
 * what it began before. */

#include "net/lp2p-loop-private.h"

static gboolean
pass_watch_mark (Lp2pWatch *watch, Lp2pReady ready)
{
  watch->loop->core->marks--;
  return FALSE;
}

static void
pass_mark (Lp2pJob *job)
{
  job->loop->core->marks--;
}

void
lp2p_loop_core_drop_mark (Lp2pLoopCore *self, Lp2pLoop *share)
{
  if (!lp2p_job_is_queued (&share->mark))
    return;
  lp2p_job_clear (&share->mark);
  self->marks--;
}

static void
place_marks (Lp2pLoopCore *self, Lp2pJobPhase phase)
{
  for (GList *l = self->shares.head; l != NULL; l = l->next)
    {
      Lp2pLoop *share = l->data;

      lp2p_job_init (&share->mark, share, phase, pass_mark);
      lp2p_job_queue (&share->mark);
      self->marks++;
    }
}

static void
run_timers_job (Lp2pJob *job)
{
  Lp2pLoopCore *self = job->loop->core;

  lp2p_loop_core_run_timers (self, self->swept_at);
}

void
lp2p_loop_core_init_sweeps (Lp2pLoopCore *self)
{
  self->watch_mark = (Lp2pWatch){ .loop = &self->own, .func = pass_watch_mark, .fd = -1 };
  lp2p_job_init (&self->timers_job, &self->own, LP2P_JOB_RUN, run_timers_job);
}

gboolean
lp2p_loop_core_wants_sweep (Lp2pLoopCore *self)
{
  if (!lp2p_loop_core_has_virtual_time (self) && lp2p_loop_core_get_deadline (self) <= self->now)
    lp2p_job_queue_last (&self->timers_job);
  return self->stage == LP2P_SWEEP_NONE && self->last.length > 0;
}

void
lp2p_loop_core_begin_sweep (Lp2pLoopCore *self)
{
  while (self->last.length > 0)
    lp2p_job_move (g_queue_peek_head (&self->last), &self->swept);
  self->swept_at = self->now;
  self->stage = LP2P_SWEEP_WATCHES;
  self->marks = 1;
  lp2p_watch_announce (&self->watch_mark, LP2P_READY_READ);
}

void
lp2p_loop_core_follow_sweep (Lp2pLoopCore *self)
{
  while (self->stage != LP2P_SWEEP_NONE && self->marks == 0)
    switch (self->stage++)
      {
      case LP2P_SWEEP_WATCHES:
        place_marks (self, LP2P_JOB_PUMP);
        break;
      case LP2P_SWEEP_PUMPS:
        place_marks (self, LP2P_JOB_RUN);
        break;
      default:
        self->stage = LP2P_SWEEP_NONE;
        lp2p_loop_queue_all (&self->swept);
      }
}
