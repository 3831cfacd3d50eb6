/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "loop-fixture.h"

void
loop_set_up (LoopFixture *f, gconstpointer clock)
{
  f->context = g_main_context_new ();
  f->loop = lp2p_loop_new (f->context, (Lp2pClock *) clock);
  f->log = g_string_new (NULL);
}

void
loop_tear_down (LoopFixture *f, gconstpointer clock)
{
  lp2p_loop_unref (f->loop);
  g_main_context_unref (f->context);
  g_string_free (f->log, TRUE);
}

void
loop_settle (LoopFixture *f)
{
  while (g_main_context_iteration (f->context, FALSE))
    ;
}

void
test_timer_fired (Lp2pTimer *timer)
{
  TestTimer *self = (TestTimer *) ((char *) timer - G_STRUCT_OFFSET (TestTimer, timer));

  g_assert_false (lp2p_timer_is_set (timer));
  g_string_append_c (self->f->log, self->name);
  if (self->again > 0)
    {
      self->again--;
      lp2p_timer_set (timer, 0);
    }
  if (self->to_clear != NULL)
    lp2p_timer_clear (self->to_clear);
}

void
test_job_ran (Lp2pJob *job)
{
  TestJob *self = (TestJob *) job;

  g_string_append_c (self->f->log, self->name);
  if (self->sleep > 0)
    g_usleep (self->sleep);
  if (self->again > 0)
    {
      self->again--;
      lp2p_job_queue (job);
    }
  if (self->queues != NULL)
    lp2p_job_queue (&self->queues->job);
  if (self->extra != NULL)
    self->extra (self);
}

void
test_job_init (TestJob *self, LoopFixture *f, char name, Lp2pJobPhase phase)
{
  *self = (TestJob){ .f = f, .name = name };
  lp2p_job_init (&self->job, f->loop, phase, test_job_ran);
}
