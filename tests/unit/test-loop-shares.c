/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How the time of a loop is divided, on a clock that gives each job as much of it. */

#include <string.h>

#include "loop-fixture.h"
#include "net/lp2p-loop-private.h"

static gint64
stand_still (Lp2pClock *clock)
{
  return 1000;
}

static Lp2pClock standing_clock = { .now = stand_still, .real_time = stand_still };

static void
set_up (LoopFixture *f, gconstpointer data)
{
  loop_set_up (f, &standing_clock);
}

static TestJob *
queue_jobs (LoopFixture *f, Lp2pLoop *share, char name, guint n)
{
  TestJob *jobs = g_new0 (TestJob, n);

  for (guint i = 0; i < n; i++)
    {
      test_job_init (&jobs[i], f, name, i % 3 == 0 ? LP2P_JOB_PUMP : LP2P_JOB_RUN);
      jobs[i].job.loop = share;
      lp2p_job_queue (&jobs[i].job);
    }
  return jobs;
}

static void
check_halves (LoopFixture *f, guint n)
{
  int ahead = 0;

  for (guint i = 0; i < n; i++)
    {
      ahead += f->log->str[i] == 'a' ? 1 : f->log->str[i] == 'b' ? -1 : 0;
      g_assert_cmpint (ABS (ahead), <=, 15);
    }
}

/* A share with a thousand jobs keeps one that has little to do waiting for a turn at
 * most, and none that has as much from half of the time. */
static void
test_shares (LoopFixture *f, gconstpointer data)
{
  const guint n = 1000;
  g_autoptr (Lp2pLoop) a = lp2p_loop_new_share (f->loop);
  g_autoptr (Lp2pLoop) b = lp2p_loop_new_share (f->loop);
  g_autoptr (Lp2pLoop) c = lp2p_loop_new_share (f->loop);
  g_autofree TestJob *jobs_a = queue_jobs (f, a, 'a', n);
  g_autofree TestJob *jobs_b = queue_jobs (f, b, 'b', n);
  g_autofree TestJob *jobs_c = queue_jobs (f, c, 'c', 1);

  loop_settle (f);
  g_assert_cmpuint (f->log->len, ==, 2 * n + 1);
  g_assert_nonnull (strchr (f->log->str, 'c'));
  g_assert_cmpint (strchr (f->log->str, 'c') - f->log->str, <=, 30);
  check_halves (f, n);
}

/* Eight shares that have joined have no more time than one other, also those of their
 * jobs that were queued before. */
static void
test_joined (LoopFixture *f, gconstpointer before)
{
  const guint n = 100;
  Lp2pLoop *shares[8];
  TestJob *jobs[G_N_ELEMENTS (shares)];
  g_autoptr (Lp2pLoop) b = lp2p_loop_new_share (f->loop);
  g_autofree TestJob *jobs_b = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (shares); i++)
    {
      shares[i] = lp2p_loop_new_share (f->loop);
      if (before != NULL)
        jobs[i] = queue_jobs (f, shares[i], 'a', n);
      lp2p_loop_join (shares[i], shares[0]);
      if (before == NULL)
        jobs[i] = queue_jobs (f, shares[i], 'a', n);
    }
  jobs_b = queue_jobs (f, b, 'b', G_N_ELEMENTS (shares) * n);
  loop_settle (f);
  g_assert_cmpuint (f->log->len, ==, 2 * G_N_ELEMENTS (shares) * n);
  check_halves (f, G_N_ELEMENTS (shares) * n);
  for (guint i = 0; i < G_N_ELEMENTS (shares); i++)
    {
      lp2p_loop_unref (shares[i]);
      g_free (jobs[i]);
    }
}

/* Whoever joins one that has joined takes the same time, and may stay longer than whom
 * it joined; jobs that waited for all others still come last. */
static void
test_join_order (LoopFixture *f, gconstpointer data)
{
  Lp2pLoop *a = lp2p_loop_new_share (f->loop);
  Lp2pLoop *b = lp2p_loop_new_share (f->loop);
  Lp2pLoop *c = lp2p_loop_new_share (f->loop);
  g_autofree TestJob *jobs_c = NULL;
  TestJob last = { .f = f, .name = 'L' };

  lp2p_loop_join (a, a);
  lp2p_loop_join (b, a);
  lp2p_loop_join (b, a);
  lp2p_loop_join (c, b);
  lp2p_loop_unref (a);
  lp2p_loop_unref (b);
  lp2p_job_init (&last.job, f->loop, LP2P_JOB_RUN, test_job_ran);
  lp2p_job_queue_last (&last.job);
  jobs_c = queue_jobs (f, c, 'c', 50);
  loop_settle (f);
  g_assert_cmpuint (f->log->len, ==, 51);
  g_assert_cmpint (f->log->str[50], ==, 'L');
  lp2p_loop_unref (c);
}

/* A sweep that waits for a share goes on when it joins another one. */
static void
join (Lp2pJob *job)
{
  TestJob *self = (TestJob *) job;

  test_job_ran (job);
  lp2p_loop_join (self[1].job.loop, self->job.loop);
}

static void
test_join_in_sweep (LoopFixture *f, gconstpointer phase)
{
  TestJob jobs[3] = { { .f = f, .name = '1' }, { .f = f, .name = '2' }, { .f = f, .name = 'L' } };
  g_autoptr (Lp2pLoop) a = lp2p_loop_new_share (f->loop);
  g_autoptr (Lp2pLoop) b = lp2p_loop_new_share (f->loop);

  lp2p_job_init (&jobs[0].job, a, GPOINTER_TO_UINT (phase), join);
  lp2p_job_init (&jobs[1].job, b, GPOINTER_TO_UINT (phase), test_job_ran);
  lp2p_job_init (&jobs[2].job, f->loop, LP2P_JOB_RUN, test_job_ran);
  lp2p_job_queue_last (&jobs[2].job);
  lp2p_job_queue (&jobs[0].job);
  lp2p_job_queue (&jobs[1].job);
  loop_settle (f);
  g_assert_cmpstr (f->log->str, ==, "12L");
}

/* By the machine's clock: while the thread of the loop does not run, as when the system
 * gives the processor to others, nobody uses anything. The rest of who was interrupted
 * does not wait until others had as much; they would all be done by then. */
static void
test_absence (LoopFixture *f, gconstpointer data)
{
  const guint n = 10000;
  TestJob jobs[3];
  g_autoptr (Lp2pLoop) a = lp2p_loop_new_share (f->loop);
  g_autoptr (Lp2pLoop) b = lp2p_loop_new_share (f->loop);

  for (guint i = 0; i < G_N_ELEMENTS (jobs); i++)
    test_job_init (&jobs[i], f, "abA"[i], LP2P_JOB_PUMP);
  jobs[0].job.loop = jobs[2].job.loop = a;
  jobs[0].sleep = 50000;
  jobs[0].queues = &jobs[2];
  jobs[1].job.loop = b;
  jobs[1].again = n;
  lp2p_job_queue (&jobs[0].job);
  lp2p_job_queue (&jobs[1].job);
  loop_settle (f);
  g_assert_cmpuint (f->log->len, ==, n + 3);
  g_assert_cmpint (strchr (f->log->str, 'A') - f->log->str, <, n / 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add ("/loop/shares/halves", LoopFixture, NULL, set_up, test_shares, loop_tear_down);
  g_test_add ("/loop/shares/joined-before", LoopFixture, NULL, set_up, test_joined, loop_tear_down);
  g_test_add ("/loop/shares/joined-since", LoopFixture, "", set_up, test_joined, loop_tear_down);
  g_test_add ("/loop/shares/join-order", LoopFixture, NULL, set_up, test_join_order, loop_tear_down);
  g_test_add ("/loop/shares/join-in-sweep/pumps", LoopFixture, GUINT_TO_POINTER (LP2P_JOB_PUMP), set_up,
              test_join_in_sweep, loop_tear_down);
  g_test_add ("/loop/shares/join-in-sweep/runs", LoopFixture, GUINT_TO_POINTER (LP2P_JOB_RUN), set_up,
              test_join_in_sweep, loop_tear_down);
  g_test_add ("/loop/shares/absence", LoopFixture, NULL, loop_set_up, test_absence, loop_tear_down);
  return g_test_run ();
}
