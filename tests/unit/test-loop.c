/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop-fixture.h"
#include "net/lp2p-loop-private.h"

static void
test_timer_order (LoopFixture *f, gconstpointer data)
{
  TestTimer timers[26];
  gint64 now = lp2p_loop_now (f->loop);

  for (int i = 0; i < 26; i++)
    {
      timers[i] = (TestTimer) { .f = f, .name = 'a' + i };
      lp2p_timer_init (&timers[i].timer, f->loop, test_timer_fired);
    }
  /* 7 is prime to 26: each place is taken once, in no order. */
  for (int i = 0; i < 26; i++)
    lp2p_timer_set (&timers[i * 7 % 26].timer, now + 1000 + i * 7 % 26);
  lp2p_timer_clear (&timers[3].timer);
  lp2p_timer_clear (&timers[3].timer);
  lp2p_timer_set (&timers[25].timer, now + 500);
  lp2p_timer_set (&timers[0].timer, now + 2000);
  timers[6].to_clear = &timers[7].timer;

  while (f->log->len < 24)
    g_main_context_iteration (f->context, TRUE);
  g_assert_cmpstr (f->log->str, ==, "zbcefgijklmnopqrstuvwxya");
  g_assert_cmpint (g_get_monotonic_time (), >=, now + 2000);
}

/* The heap against a plain search, with timers that move and go. */
static void
test_timer_heap (LoopFixture *f, gconstpointer data)
{
  TestTimer timers[50];

  for (guint i = 0; i < 50; i++)
    {
      timers[i] = (TestTimer) { .f = f, .name = 'x' };
      lp2p_timer_init (&timers[i].timer, f->loop, test_timer_fired);
    }
  for (guint i = 0; i < 2000; i++)
    {
      TestTimer *timer = &timers[g_test_rand_int_range (0, 50)];

      if (g_test_rand_bit ())
        lp2p_timer_set (&timer->timer, g_test_rand_int_range (1, 1000));
      else
        lp2p_timer_clear (&timer->timer);
    }
  for (guint i = 0; i < 50; i++)
    {
      gboolean was_set = lp2p_timer_is_set (&timers[i].timer);
      gsize before = f->log->len;

      lp2p_timer_clear (&timers[i].timer);
      lp2p_timer_set (&timers[i].timer, G_MAXINT64 - i);
      g_assert_true (lp2p_timer_is_set (&timers[i].timer));
      g_assert_cmpuint (f->log->len, ==, before);
      if (!was_set)
        lp2p_timer_clear (&timers[i].timer);
    }
  loop_settle (f);
  g_assert_cmpuint (f->log->len, ==, 0);
  for (guint i = 0; i < 50; i++)
    lp2p_timer_clear (&timers[i].timer);
}

/* A timer that sets itself to the past runs again, but does not hold the loop. */
static void
test_timer_past (LoopFixture *f, gconstpointer data)
{
  TestTimer timer = { .f = f, .name = 'p', .again = 5 };

  lp2p_timer_init (&timer.timer, f->loop, test_timer_fired);
  lp2p_timer_set (&timer.timer, 0);
  loop_settle (f);
  g_assert_cmpstr (f->log->str, ==, "pppppp");
}

typedef struct
{
  Lp2pClock clock;
  gint64 now;
} TestClock;

static gint64
test_clock_now (Lp2pClock *clock)
{
  return ((TestClock *) clock)->now;
}

static void
test_virtual_clock (LoopFixture *f, gconstpointer data)
{
  TestClock clock = { { test_clock_now, test_clock_now }, 1000 };
  g_autoptr (Lp2pLoop) loop = lp2p_loop_new (f->context, &clock.clock);
  TestTimer a = { .f = f, .name = 'a' };
  TestTimer b = { .f = f, .name = 'b' };

  lp2p_timer_init (&a.timer, loop, test_timer_fired);
  lp2p_timer_init (&b.timer, loop, test_timer_fired);
  lp2p_timer_set (&a.timer, 1500);
  lp2p_timer_set (&b.timer, 1200);
  g_assert_cmpint (lp2p_loop_now (loop), ==, 1000);
  g_assert_cmpint (lp2p_loop_real_time (loop), ==, 1000);

  clock.now = 1300;
  loop_settle (f);
  g_assert_cmpstr (f->log->str, ==, "");
  lp2p_loop_advance (loop);
  g_assert_cmpstr (f->log->str, ==, "b");
  clock.now = 5000;
  lp2p_loop_advance (loop);
  g_assert_cmpstr (f->log->str, ==, "ba");
  g_assert_cmpint (lp2p_loop_now (loop), ==, 5000);
}

static void
test_job_order (LoopFixture *f, gconstpointer data)
{
  TestJob pump, app, answer;

  test_job_init (&app, f, 'a', LP2P_JOB_RUN);
  test_job_init (&pump, f, 'p', LP2P_JOB_PUMP);
  test_job_init (&answer, f, 'w', LP2P_JOB_PUMP);
  app.queues = &answer;
  lp2p_job_queue (&app.job);
  lp2p_job_queue (&pump.job);
  lp2p_job_queue (&pump.job);
  g_assert_cmpstr (f->log->str, ==, "");
  loop_settle (f);
  g_assert_cmpstr (f->log->str, ==, "paw");

  lp2p_job_queue (&pump.job);
  lp2p_job_clear (&pump.job);
  lp2p_job_clear (&pump.job);
  loop_settle (f);
  g_assert_cmpstr (f->log->str, ==, "paw");
}

/* A job that queues itself again does not keep the others from running. */
static void
test_job_fairness (LoopFixture *f, gconstpointer data)
{
  TestJob busy, other, app;

  test_job_init (&busy, f, 'b', LP2P_JOB_RUN);
  test_job_init (&other, f, 'o', LP2P_JOB_RUN);
  test_job_init (&app, f, 'a', LP2P_JOB_RUN);
  busy.again = 3;
  lp2p_job_queue (&busy.job);
  lp2p_job_queue (&other.job);
  lp2p_job_queue (&app.job);
  loop_settle (f);
  g_assert_cmpstr (f->log->str, ==, "boabbb");
}

static void
put_behind (TestJob *self)
{
  if (!lp2p_job_queue_behind_runs (&self->job))
    g_string_append_c (self->f->log, '!');
}

/* Protocol work comes again behind the application code of its turn, if any is due, also
 * where that was queued by protocol work; a turn has no more than one such behind. */
static void
test_behind_runs (LoopFixture *f, gconstpointer data)
{
  g_autoptr (Lp2pLoop) share = lp2p_loop_new_share (f->loop);
  TestJob output, input, app, other;

  test_job_init (&output, f, 'o', LP2P_JOB_PUMP);
  test_job_init (&input, f, 'i', LP2P_JOB_PUMP);
  test_job_init (&app, f, 'a', LP2P_JOB_RUN);
  test_job_init (&other, f, 'x', LP2P_JOB_RUN);
  output.extra = put_behind;
  lp2p_job_queue (&output.job);
  loop_settle (f);
  g_assert_cmpstr (f->log->str, ==, "o!");

  /* Application code of another share does not count. */
  g_string_truncate (f->log, 0);
  other.job.loop = share;
  lp2p_job_queue (&output.job);
  lp2p_job_queue (&other.job);
  loop_settle (f);
  g_assert_nonnull (strstr (f->log->str, "o!"));
  g_assert_nonnull (strchr (f->log->str, 'x'));
  g_assert_cmpuint (f->log->len, ==, 3);

  /* That which application code queues has to wait for the next turn. */
  g_string_truncate (f->log, 0);
  input.queues = &app;
  app.again = 1;
  lp2p_job_queue (&input.job);
  lp2p_job_queue (&output.job);
  loop_settle (f);
  g_assert_cmpstr (f->log->str, ==, "ioao!a");
}

static void
go_on_until_last (TestJob *self)
{
  if (strchr (self->f->log->str, 'L') == NULL)
    lp2p_job_queue (&self->job);
}

/* What is queued last comes behind all that is ready and what comes of it, of all
 * shares, but does not wait for those who always have something to do. */
static void
test_last (LoopFixture *f, gconstpointer data)
{
  g_autoptr (Lp2pLoop) share = lp2p_loop_new_share (f->loop);
  TestJob last, cleared, busy;
  TestJob pumps[50], runs[50];
  const char *at;

  test_job_init (&last, f, 'L', LP2P_JOB_RUN);
  test_job_init (&cleared, f, 'C', LP2P_JOB_RUN);
  lp2p_job_queue_last (&last.job);
  lp2p_job_queue_last (&last.job);
  lp2p_job_queue_last (&cleared.job);
  lp2p_job_clear (&cleared.job);
  g_assert_true (lp2p_job_is_queued (&last.job));
  g_assert_false (lp2p_job_is_queued (&cleared.job));
  for (guint i = 0; i < G_N_ELEMENTS (pumps); i++)
    {
      test_job_init (&pumps[i], f, 'p', LP2P_JOB_PUMP);
      pumps[i].job.loop = share;
      pumps[i].sleep = 100;
      test_job_init (&runs[i], f, 'r', LP2P_JOB_RUN);
      pumps[i].queues = &runs[i];
      lp2p_job_queue (&pumps[i].job);
    }
  test_job_init (&busy, f, 'b', LP2P_JOB_RUN);
  busy.extra = go_on_until_last;
  lp2p_job_queue (&busy.job);
  loop_settle (f);

  at = strchr (f->log->str, 'L');
  g_assert_nonnull (at);
  g_assert_null (strchr (at, 'p'));
  g_assert_null (strchr (at, 'r'));
  g_assert_null (strchr (at + 1, 'L'));
  g_assert_nonnull (strchr (at, 'b'));
  g_assert_null (strchr (f->log->str, 'C'));
}

static void
drop_share (TestJob *self)
{
  lp2p_job_clear (&self->queues->job);
  lp2p_loop_unref (self->queues->job.loop);
}

/* A share may go while a sweep waits for it. */
static void
test_last_without_share (LoopFixture *f, gconstpointer data)
{
  TestJob last, first, gone;

  test_job_init (&first, f, '1', LP2P_JOB_PUMP);
  test_job_init (&gone, f, 'g', LP2P_JOB_PUMP);
  test_job_init (&last, f, 'L', LP2P_JOB_RUN);
  gone.job.loop = lp2p_loop_new_share (f->loop);
  first.queues = &gone;
  first.extra = drop_share;
  lp2p_job_queue (&first.job);
  lp2p_job_queue (&gone.job);
  lp2p_job_queue_last (&last.job);
  loop_settle (f);
  g_assert_cmpstr (f->log->str, ==, "1L");
}

static void
clear_queues (TestJob *self)
{
  lp2p_job_clear (&self->queues->job);
}

static void
test_job_clear_inside (LoopFixture *f, gconstpointer data)
{
  TestJob first, second;

  test_job_init (&first, f, '1', LP2P_JOB_PUMP);
  test_job_init (&second, f, '2', LP2P_JOB_PUMP);
  first.queues = &second;
  first.extra = clear_queues;
  lp2p_job_queue (&first.job);
  lp2p_job_queue (&second.job);
  loop_settle (f);
  g_assert_cmpstr (f->log->str, ==, "1");
}

typedef struct
{
  Lp2pWatch watch;
  LoopFixture *f;
  int fds[2];
  char name;
  guint again;
  gboolean stop;
  Lp2pReady seen;
} TestWatch;

static gboolean
watch_ready (Lp2pWatch *watch, Lp2pReady ready)
{
  TestWatch *self = (TestWatch *) watch;

  self->seen |= ready;
  if (ready & LP2P_READY_READ)
    g_string_append_c (self->f->log, self->name);
  if (self->stop)
    {
      lp2p_watch_stop (watch);
      return FALSE;
    }
  if (self->again > 0)
    {
      self->again--;
      return TRUE;
    }
  return FALSE;
}

static void
test_watch_open (TestWatch *self, LoopFixture *f, char name)
{
  g_autoptr (GError) error = NULL;

  *self = (TestWatch) { .f = f, .name = name };
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, self->fds),
                   ==, 0);
  g_assert_true (lp2p_watch_start (&self->watch, f->loop, self->fds[0], watch_ready, &error));
  g_assert_no_error (error);
}

static void
test_watch_close (TestWatch *self)
{
  lp2p_watch_stop (&self->watch);
  lp2p_watch_stop (&self->watch);
  close (self->fds[0]);
  if (self->fds[1] >= 0)
    close (self->fds[1]);
}

static void
poke (TestWatch *self)
{
  g_assert_cmpint (write (self->fds[1], "x", 1), ==, 1);
}

static void
test_watch (LoopFixture *f, gconstpointer data)
{
  TestWatch a, b;

  test_watch_open (&a, f, 'a');
  test_watch_open (&b, f, 'b');
  loop_settle (f);
  g_assert_cmpint (a.seen, ==, LP2P_READY_WRITE);

  /* Edge-triggered: what is not drained is told once. */
  poke (&a);
  loop_settle (f);
  g_assert_cmpstr (f->log->str, ==, "a");
  loop_settle (f);
  g_assert_cmpstr (f->log->str, ==, "a");

  /* Asked for again, it takes turns with the others. */
  a.again = 2;
  poke (&a);
  poke (&b);
  loop_settle (f);
  g_assert_cmpuint (f->log->len, ==, 5);
  g_assert_cmpstr (f->log->str + 3, ==, "aa");

  lp2p_watch_announce (&b.watch, LP2P_READY_READ);
  loop_settle (f);
  g_assert_cmpstr (f->log->str + 5, ==, "b");

  /* The end is told apart from bytes. */
  g_assert_cmpint (b.seen & LP2P_READY_HANGUP, ==, 0);
  close (b.fds[1]);
  b.fds[1] = -1;
  loop_settle (f);
  g_assert_cmpint (b.seen & LP2P_READY_HANGUP, ==, LP2P_READY_HANGUP);

  test_watch_close (&a);
  test_watch_close (&b);
}

static void
test_watch_stop_inside (LoopFixture *f, gconstpointer data)
{
  TestWatch a, b;

  test_watch_open (&a, f, 'a');
  test_watch_open (&b, f, 'b');
  loop_settle (f);
  a.stop = TRUE;
  poke (&a);
  poke (&b);
  loop_settle (f);
  poke (&a);
  loop_settle (f);
  g_assert_cmpuint (f->log->len, ==, 2);

  /* Stopped while its event waits. */
  lp2p_watch_announce (&b.watch, LP2P_READY_READ);
  lp2p_watch_stop (&b.watch);
  loop_settle (f);
  g_assert_cmpuint (f->log->len, ==, 2);
  test_watch_close (&a);
  test_watch_close (&b);
}

static void
test_watch_bad (LoopFixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  Lp2pWatch watch;

  g_assert_false (lp2p_watch_start (&watch, f->loop, -1, watch_ready, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, "-1"));
  lp2p_watch_stop (&watch);
}

/* Many sockets: each is served, whatever fits into one system call. */
static void
test_watch_many (LoopFixture *f, gconstpointer data)
{
  enum
  {
    N = 300
  };
  g_autofree TestWatch *watches = g_new0 (TestWatch, N);

  for (guint i = 0; i < N; i++)
    test_watch_open (&watches[i], f, 'm');
  loop_settle (f);
  for (guint i = 0; i < N; i++)
    poke (&watches[i]);
  loop_settle (f);
  g_assert_cmpuint (f->log->len, ==, N);
  for (guint i = 0; i < N; i++)
    test_watch_close (&watches[i]);
}

static gboolean
quit (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

/* Idle, with a timer and sockets that are watched, nothing is woken. */
static void
test_idle (LoopFixture *f, gconstpointer data)
{
  TestWatch a;
  TestTimer timer = { .f = f, .name = 't' };
  g_autoptr (GSource) source = g_timeout_source_new (50);
  gboolean done = FALSE;
  guint64 before;

  test_watch_open (&a, f, 'a');
  lp2p_timer_init (&timer.timer, f->loop, test_timer_fired);
  lp2p_timer_set (&timer.timer, lp2p_loop_now (f->loop) + G_TIME_SPAN_HOUR);
  loop_settle (f);

  g_source_set_callback (source, quit, &done, NULL);
  g_source_attach (source, f->context);
  before = lp2p_loop_get_wakeups (f->loop);
  while (!done)
    g_main_context_iteration (f->context, TRUE);
  g_assert_cmpuint (lp2p_loop_get_wakeups (f->loop), ==, before);

  lp2p_timer_clear (&timer.timer);
  test_watch_close (&a);
}

/* Reads, works on what it read in a pump, and tells of it; the answer takes the timer
 * back. */
typedef struct
{
  TestWatch watch;
  TestJob pump;
  TestJob run;
  TestTimer timeout;
} Waiter;

static gboolean
waiter_ready (Lp2pWatch *watch, Lp2pReady ready)
{
  Waiter *self = (Waiter *) watch;

  if (ready & LP2P_READY_READ)
    lp2p_job_queue (&self->pump.job);
  return FALSE;
}

static void
waiter_told (TestJob *run)
{
  Waiter *self = (Waiter *) ((char *) run - G_STRUCT_OFFSET (Waiter, run));

  lp2p_timer_clear (&self->timeout.timer);
}

/* Who was kept from running until time was up, and finds that the answer has come
 * meanwhile, has an answer; though it takes more polls and turns than one, and others
 * than those who read it are told. */
static void
test_answers_before_timeouts (LoopFixture *f, gconstpointer data)
{
  static Waiter waiters[200];
  guint n = G_N_ELEMENTS (waiters);
  Lp2pLoop *shares[7];

  for (guint i = 0; i < G_N_ELEMENTS (shares); i++)
    shares[i] = lp2p_loop_new_share (f->loop);
  for (guint i = 0; i < n; i++)
    {
      Waiter *waiter = &waiters[i];

      test_watch_open (&waiter->watch, f, 'w');
      waiter->watch.watch.func = waiter_ready;
      test_job_init (&waiter->pump, f, 'p', LP2P_JOB_PUMP);
      waiter->pump.job.loop = shares[i % G_N_ELEMENTS (shares)];
      test_job_init (&waiter->run, f, 'r', LP2P_JOB_RUN);
      waiter->pump.queues = &waiter->run;
      waiter->pump.sleep = 100;
      waiter->run.extra = waiter_told;
      waiter->timeout = (TestTimer){ .f = f, .name = 't' };
      lp2p_timer_init (&waiter->timeout.timer, f->loop, test_timer_fired);
    }
  loop_settle (f);
  for (guint i = 0; i < n; i++)
    {
      lp2p_timer_set (&waiters[i].timeout.timer, lp2p_loop_now (f->loop));
      /* One of them gets no answer. */
      if (i != n / 2)
        poke (&waiters[i].watch);
    }
  loop_settle (f);
  g_assert_cmpuint (f->log->len, ==, 2 * (n - 1) + 1);
  g_assert_cmpint (f->log->str[f->log->len - 1], ==, 't');

  for (guint i = 0; i < n; i++)
    test_watch_close (&waiters[i].watch);
  for (guint i = 0; i < G_N_ELEMENTS (shares); i++)
    lp2p_loop_unref (shares[i]);
}

static TestTimer nested_timer;
static TestWatch nested_watch;

/* Application code waits inside a callback for a timer and a socket. */
static void
run_nested (TestJob *self)
{
  LoopFixture *f = self->f;
  g_autoptr (GSource) source = g_timeout_source_new (15);
  gboolean done = FALSE;
  gint64 start = lp2p_loop_now (f->loop);

  g_string_append_c (f->log, '(');
  poke (&nested_watch);
  lp2p_timer_set (&nested_timer.timer, start + 5000);
  while (strchr (f->log->str, 't') == NULL || strchr (f->log->str, 'n') == NULL)
    g_main_context_iteration (f->context, TRUE);

  /* The time goes on, also when nothing of the loop happens. */
  g_source_set_callback (source, quit, &done, NULL);
  g_source_attach (source, f->context);
  while (!done)
    g_main_context_iteration (f->context, TRUE);
  g_assert_cmpint (lp2p_loop_now (f->loop), >=, start + 15000);
  g_string_append_c (f->log, ')');
}

static void
test_nested (LoopFixture *f, gconstpointer data)
{
  TestJob outer, sibling;
  guint64 before;

  nested_timer = (TestTimer) { .f = f, .name = 't' };
  lp2p_timer_init (&nested_timer.timer, f->loop, test_timer_fired);
  test_watch_open (&nested_watch, f, 'n');
  loop_settle (f);

  test_job_init (&outer, f, 'o', LP2P_JOB_RUN);
  test_job_init (&sibling, f, 's', LP2P_JOB_RUN);
  outer.extra = run_nested;
  lp2p_job_queue (&outer.job);
  lp2p_job_queue (&sibling.job);
  before = lp2p_loop_get_wakeups (f->loop);
  loop_settle (f);
  g_assert_cmpstr (f->log->str, ==, "o(nst)");
  /* The timer has gone off: nothing of it may keep the context busy. */
  g_assert_cmpuint (lp2p_loop_get_wakeups (f->loop), <, before + 8);

  test_watch_close (&nested_watch);
}

static void
drop_loop (TestJob *self)
{
  lp2p_loop_unref (self->f->loop);
}

/* The last reference may go in a callback. */
static void
test_unref_inside (LoopFixture *f, gconstpointer data)
{
  TestJob job;

  test_job_init (&job, f, 'j', LP2P_JOB_RUN);
  job.extra = drop_loop;
  lp2p_job_queue (&job.job);
  loop_settle (f);
  g_assert_cmpstr (f->log->str, ==, "j");
  f->loop = lp2p_loop_new (f->context, NULL);
}

static void
test_scratch (LoopFixture *f, gconstpointer data)
{
  guint8 *buffers[5];
  guint8 *again;

  for (guint i = 0; i < G_N_ELEMENTS (buffers); i++)
    {
      buffers[i] = lp2p_loop_take_scratch (f->loop);
      memset (buffers[i], (int) i, LP2P_SCRATCH_SIZE);
    }
  for (guint i = 0; i < G_N_ELEMENTS (buffers); i++)
    g_assert_cmpuint (buffers[i][LP2P_SCRATCH_SIZE - 1], ==, i);
  lp2p_loop_give_scratch (f->loop, buffers[0]);
  again = lp2p_loop_take_scratch (f->loop);
  g_assert_true (again == buffers[0]);
  for (guint i = 0; i < G_N_ELEMENTS (buffers); i++)
    lp2p_loop_give_scratch (f->loop, buffers[i]);
}

static gpointer
ask_owner (gpointer data)
{
  return GINT_TO_POINTER (lp2p_loop_is_owner (data));
}

static void
test_owner (LoopFixture *f, gconstpointer data)
{
  g_assert_true (lp2p_loop_is_owner (f->loop));
  g_assert_null (g_thread_join (g_thread_new ("other", ask_owner, f->loop)));
  g_assert_true (lp2p_loop_get_context (f->loop) == f->context);
}

/* A process without descriptors is not ended for it, and told when it wants to watch. */
static void
test_no_descriptor (LoopFixture *f, gconstpointer data)
{
  struct rlimit old, none;
  g_autoptr (GError) error = NULL;
  Lp2pLoop *loop;
  Lp2pWatch watch;
  TestTimer timer = { .f = f, .name = 't' };
  int probe = dup (0);

  close (probe);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &old), ==, 0);
  none = old;
  none.rlim_cur = probe;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &none), ==, 0);
  loop = lp2p_loop_new (f->context, NULL);
  g_assert_false (lp2p_loop_open (loop, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES);
  g_clear_error (&error);
  g_assert_false (lp2p_watch_start (&watch, loop, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES);
  lp2p_timer_init (&timer.timer, loop, test_timer_fired);
  lp2p_timer_set (&timer.timer, 0);
  while (f->log->len == 0)
    g_main_context_iteration (f->context, TRUE);
  lp2p_timer_clear (&timer.timer);

  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &old), ==, 0);
  g_assert_true (lp2p_loop_open (loop, NULL));
  lp2p_loop_unref (loop);
}

#define ADD(path, func) g_test_add ("/loop/" path, LoopFixture, NULL, loop_set_up, func, loop_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("timer/order", test_timer_order);
  ADD ("timer/heap", test_timer_heap);
  ADD ("timer/past", test_timer_past);
  ADD ("timer/virtual-clock", test_virtual_clock);
  ADD ("job/order", test_job_order);
  ADD ("job/fairness", test_job_fairness);
  ADD ("job/clear-inside", test_job_clear_inside);
  ADD ("job/behind-runs", test_behind_runs);
  ADD ("last", test_last);
  ADD ("last/without-share", test_last_without_share);
  ADD ("watch", test_watch);
  ADD ("watch/stop-inside", test_watch_stop_inside);
  ADD ("watch/bad", test_watch_bad);
  ADD ("watch/many", test_watch_many);
  ADD ("answers-before-timeouts", test_answers_before_timeouts);
  ADD ("idle", test_idle);
  ADD ("nested", test_nested);
  ADD ("unref-inside", test_unref_inside);
  ADD ("scratch", test_scratch);
  ADD ("owner", test_owner);
  ADD ("no-descriptor", test_no_descriptor);

  return g_test_run ();
}
