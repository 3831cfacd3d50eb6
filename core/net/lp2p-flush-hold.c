/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/net/lp2p-flush-hold.h>

/* How often the last message of a handshake lets the run queue go first, to wait for
 * company: the session is told of in the first turn, the application at the latest in
 * the third, and what it writes is flushed by the muxer's pump behind that. No flush
 * sends it sooner: what a service of the host writes first is not to part it from what
 * the application does. Turns are counted where these run, since of a busy loop a round
 * is only a part of one. */
#define TURNS 4

static void
wait_for_company (Lp2pJob *job)
{
  Lp2pFlushHold *self = (Lp2pFlushHold *) ((char *) job - G_STRUCT_OFFSET (Lp2pFlushHold, turn));

  if (--self->turns > 0)
    {
      lp2p_job_queue (&self->turn);
      return;
    }
  self->over = TRUE;
  lp2p_job_queue (self->work);
}

/**
 * lp2p_flush_hold_init: (skip)
 * @self: a part of a layer
 * @work: the layer's job, queued when the flush is due
 *
 * Prepares it; flushes are not held back yet.
 */
void
lp2p_flush_hold_init (Lp2pFlushHold *self, Lp2pJob *work)
{
  *self = (Lp2pFlushHold){ .work = work };
  lp2p_job_init (&self->turn, work->loop, LP2P_JOB_RUN, wait_for_company);
}

/**
 * lp2p_flush_hold_begin: (skip)
 * @self: the hold
 *
 * Begins to hold flushes back, for a few turns: the last message was written.
 */
void
lp2p_flush_hold_begin (Lp2pFlushHold *self)
{
  self->turns = TURNS;
  lp2p_job_queue (&self->turn);
}

/**
 * lp2p_flush_hold_defers: (skip)
 * @self: the hold
 *
 * To be asked for each flush of the layer. That somebody asked is kept, for who does the
 * flush later.
 *
 * Returns: whether it is put off: then it ends with %LP2P_IO_AGAIN, and all leaves later
 */
gboolean
lp2p_flush_hold_defers (Lp2pFlushHold *self)
{
  self->asked |= self->turns > 0;
  return self->turns > 0;
}

/**
 * lp2p_flush_hold_take: (skip)
 * @self: the hold
 * @asked: (out): whether somebody waits for the flush
 *
 * To be asked by the layer's job.
 *
 * Returns: whether the layer is to flush now, which is said once
 */
gboolean
lp2p_flush_hold_take (Lp2pFlushHold *self, gboolean *asked)
{
  *asked = self->asked;
  if (!self->over)
    return FALSE;
  lp2p_flush_hold_end (self);
  return TRUE;
}

/**
 * lp2p_flush_hold_end: (skip)
 * @self: the hold
 *
 * Holds nothing back any more.
 */
void
lp2p_flush_hold_end (Lp2pFlushHold *self)
{
  lp2p_job_clear (&self->turn);
  self->turns = 0;
  self->over = FALSE;
  self->asked = FALSE;
}
