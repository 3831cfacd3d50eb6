/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* When a turn of the loop ends, so that others of its context have theirs. */

#include <string.h>

#include "loop-fixture.h"

static gboolean
log_idle (gpointer data)
{
  LoopFixture *f = data;

  g_string_append_c (f->log, 'I');
  return G_SOURCE_REMOVE;
}

static void
add_idle (LoopFixture *f, int priority)
{
  GSource *idle = g_idle_source_new ();

  g_source_set_priority (idle, priority);
  g_source_set_callback (idle, log_idle, f, NULL);
  g_source_attach (idle, f->context);
  g_source_unref (idle);
}

/* A redraw has a lower priority than the loop, and yet its turn comes. */
static void
test_budget (LoopFixture *f, gconstpointer data)
{
  TestJob busy, other;

  test_job_init (&busy, f, 'b', LP2P_JOB_RUN);
  test_job_init (&other, f, 'p', LP2P_JOB_PUMP);
  busy.again = 40;
  busy.sleep = 1000;
  busy.queues = &other;
  lp2p_job_queue (&busy.job);
  add_idle (f, G_PRIORITY_HIGH_IDLE + 20);
  loop_settle (f);
  g_assert_cmpuint (f->log->len, ==, 41 + 41 + 1);
  g_assert_nonnull (strchr (f->log->str, 'I'));
  g_assert_cmpint (strchr (f->log->str, 'I') - f->log->str, <, 30);
}

typedef struct
{
  LoopFixture *f;
  Lp2pJob job;
  guint again;
} LaterJob;

static void
later_job_ran (Lp2pJob *job)
{
  LaterJob *self = (LaterJob *) ((char *) job - G_STRUCT_OFFSET (LaterJob, job));

  g_string_append_c (self->f->log, 'l');
  g_usleep (1000);
  if (self->again-- > 0)
    {
      lp2p_job_queue (job);
      lp2p_job_queue_later (job);
      lp2p_job_queue (job);
    }
}

/* What waits for the next wake-up lets others of the context come first, those
 * of a lower priority when the budget is used up. */
static void
test_later (LoopFixture *f, gconstpointer data)
{
  LaterJob later = { .f = f, .again = 40 };

  lp2p_job_init (&later.job, f->loop, LP2P_JOB_PUMP, later_job_ran);
  lp2p_job_queue_later (&later.job);
  add_idle (f, G_PRIORITY_DEFAULT);
  g_main_context_iteration (f->context, FALSE);
  g_assert_cmpstr (f->log->str, ==, "lI");
  add_idle (f, G_PRIORITY_HIGH_IDLE + 20);
  loop_settle (f);
  g_assert_cmpuint (f->log->len, ==, 41 + 2);
  g_assert_cmpint (strchr (f->log->str + 2, 'I') - f->log->str, <, 15);

  lp2p_job_queue_later (&later.job);
  lp2p_job_clear (&later.job);
  loop_settle (f);
  g_assert_cmpuint (f->log->len, ==, 41 + 2);
}

/* One round with many slow jobs ends in between. */
static void
test_budget_within_round (LoopFixture *f, gconstpointer data)
{
  TestJob slow[40];

  for (guint i = 0; i < G_N_ELEMENTS (slow); i++)
    {
      test_job_init (&slow[i], f, 's', LP2P_JOB_PUMP);
      slow[i].sleep = 1000;
      lp2p_job_queue (&slow[i].job);
    }
  add_idle (f, G_PRIORITY_HIGH_IDLE + 20);
  loop_settle (f);
  g_assert_cmpuint (f->log->len, ==, 41);
  g_assert_cmpint (strchr (f->log->str, 'I') - f->log->str, <, 20);
}

/* However much protocol work there is, application code keeps up with it. */
static void
test_budget_of_application (LoopFixture *f, gconstpointer data)
{
  TestJob slow[40];
  TestJob quick[200];
  const char *last;

  for (guint i = 0; i < G_N_ELEMENTS (slow); i++)
    {
      test_job_init (&slow[i], f, 's', LP2P_JOB_PUMP);
      slow[i].sleep = 1000;
      lp2p_job_queue (&slow[i].job);
    }
  for (guint i = 0; i < G_N_ELEMENTS (quick); i++)
    {
      test_job_init (&quick[i], f, 'q', LP2P_JOB_RUN);
      lp2p_job_queue (&quick[i].job);
    }
  loop_settle (f);
  g_assert_cmpuint (f->log->len, ==, G_N_ELEMENTS (slow) + G_N_ELEMENTS (quick));
  last = strrchr (f->log->str, 'q');
  g_assert_nonnull (strchr (last, 's'));
}

static gint64
stand_still (Lp2pClock *clock)
{
  return 1000;
}

static gboolean
always_spent (Lp2pClock *clock)
{
  return TRUE;
}

/* A clock may end the turn behind each thing. */
static void
test_short_turns (LoopFixture *f, gconstpointer data)
{
  Lp2pClock clock = { .now = stand_still, .is_spent = always_spent };
  TestJob jobs[3];

  lp2p_loop_unref (f->loop);
  f->loop = lp2p_loop_new (f->context, &clock);
  for (guint i = 0; i < G_N_ELEMENTS (jobs); i++)
    {
      test_job_init (&jobs[i], f, 'a' + i, LP2P_JOB_PUMP);
      lp2p_job_queue (&jobs[i].job);
    }
  for (guint i = 1; i <= G_N_ELEMENTS (jobs); i++)
    {
      g_main_context_iteration (f->context, FALSE);
      g_assert_cmpuint (f->log->len, ==, i);
    }
  g_assert_cmpstr (f->log->str, ==, "abc");

  /* Before the clock goes. */
  g_clear_pointer (&f->loop, lp2p_loop_unref);
  f->loop = lp2p_loop_new (f->context, NULL);
}

#define ADD(path, func) g_test_add ("/loop/" path, LoopFixture, NULL, loop_set_up, func, loop_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("budget", test_budget);
  ADD ("budget-within-round", test_budget_within_round);
  ADD ("budget-of-application", test_budget_of_application);
  ADD ("short-turns", test_short_turns);
  ADD ("later", test_later);

  return g_test_run ();
}
