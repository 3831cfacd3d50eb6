/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <lp2p/net/lp2p-loop.h>

typedef struct
{
  Lp2pLoop *loop;
  GMainContext *context;
  GString *log;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->context = g_main_context_new ();
  f->loop = lp2p_loop_new (f->context, NULL);
  f->log = g_string_new (NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  lp2p_loop_unref (f->loop);
  g_main_context_unref (f->context);
  g_string_free (f->log, TRUE);
}

/* What happens when nobody waits. */
static void
settle (Fixture *f)
{
  while (g_main_context_iteration (f->context, FALSE))
    ;
}

typedef struct
{
  Fixture *f;
  Lp2pTimer timer;
  char name;
  guint again;
  Lp2pTimer *to_clear;
} TestTimer;

static void
timer_fired (Lp2pTimer *timer)
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

static void
test_timer_order (Fixture *f, gconstpointer data)
{
  TestTimer timers[26];
  gint64 now = lp2p_loop_now (f->loop);

  for (int i = 0; i < 26; i++)
    {
      timers[i] = (TestTimer) { .f = f, .name = 'a' + i };
      lp2p_timer_init (&timers[i].timer, f->loop, timer_fired);
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
test_timer_heap (Fixture *f, gconstpointer data)
{
  TestTimer timers[50];

  for (guint i = 0; i < 50; i++)
    {
      timers[i] = (TestTimer) { .f = f, .name = 'x' };
      lp2p_timer_init (&timers[i].timer, f->loop, timer_fired);
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
  settle (f);
  g_assert_cmpuint (f->log->len, ==, 0);
  for (guint i = 0; i < 50; i++)
    lp2p_timer_clear (&timers[i].timer);
}

/* A timer that sets itself to the past runs again, but does not hold the loop. */
static void
test_timer_past (Fixture *f, gconstpointer data)
{
  TestTimer timer = { .f = f, .name = 'p', .again = 5 };

  lp2p_timer_init (&timer.timer, f->loop, timer_fired);
  lp2p_timer_set (&timer.timer, 0);
  settle (f);
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
test_virtual_clock (Fixture *f, gconstpointer data)
{
  TestClock clock = { { test_clock_now, test_clock_now }, 1000 };
  g_autoptr (Lp2pLoop) loop = lp2p_loop_new (f->context, &clock.clock);
  TestTimer a = { .f = f, .name = 'a' };
  TestTimer b = { .f = f, .name = 'b' };

  lp2p_timer_init (&a.timer, loop, timer_fired);
  lp2p_timer_init (&b.timer, loop, timer_fired);
  lp2p_timer_set (&a.timer, 1500);
  lp2p_timer_set (&b.timer, 1200);
  g_assert_cmpint (lp2p_loop_now (loop), ==, 1000);
  g_assert_cmpint (lp2p_loop_real_time (loop), ==, 1000);

  clock.now = 1300;
  settle (f);
  g_assert_cmpstr (f->log->str, ==, "");
  lp2p_loop_advance (loop);
  g_assert_cmpstr (f->log->str, ==, "b");
  clock.now = 5000;
  lp2p_loop_advance (loop);
  g_assert_cmpstr (f->log->str, ==, "ba");
  g_assert_cmpint (lp2p_loop_now (loop), ==, 5000);
}

typedef struct _TestJob TestJob;
struct _TestJob
{
  Lp2pJob job;
  Fixture *f;
  char name;
  guint again;
  TestJob *queues;
  void (*extra) (TestJob *self);
  gint64 sleep;
};

static void
job_ran (Lp2pJob *job)
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

static void
test_job_init (TestJob *self, Fixture *f, char name, Lp2pJobPhase phase)
{
  *self = (TestJob) { .f = f, .name = name };
  lp2p_job_init (&self->job, f->loop, phase, job_ran);
}

static void
test_job_order (Fixture *f, gconstpointer data)
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
  settle (f);
  g_assert_cmpstr (f->log->str, ==, "paw");

  lp2p_job_queue (&pump.job);
  lp2p_job_clear (&pump.job);
  lp2p_job_clear (&pump.job);
  settle (f);
  g_assert_cmpstr (f->log->str, ==, "paw");
}

/* A job that queues itself again does not keep the others from running. */
static void
test_job_fairness (Fixture *f, gconstpointer data)
{
  TestJob busy, other, app;

  test_job_init (&busy, f, 'b', LP2P_JOB_RUN);
  test_job_init (&other, f, 'o', LP2P_JOB_RUN);
  test_job_init (&app, f, 'a', LP2P_JOB_RUN);
  busy.again = 3;
  lp2p_job_queue (&busy.job);
  lp2p_job_queue (&other.job);
  lp2p_job_queue (&app.job);
  settle (f);
  g_assert_cmpstr (f->log->str, ==, "boabbb");
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
test_last (Fixture *f, gconstpointer data)
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
  settle (f);

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
test_last_without_share (Fixture *f, gconstpointer data)
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
  settle (f);
  g_assert_cmpstr (f->log->str, ==, "1L");
}

static void
clear_queues (TestJob *self)
{
  lp2p_job_clear (&self->queues->job);
}

static void
test_job_clear_inside (Fixture *f, gconstpointer data)
{
  TestJob first, second;

  test_job_init (&first, f, '1', LP2P_JOB_PUMP);
  test_job_init (&second, f, '2', LP2P_JOB_PUMP);
  first.queues = &second;
  first.extra = clear_queues;
  lp2p_job_queue (&first.job);
  lp2p_job_queue (&second.job);
  settle (f);
  g_assert_cmpstr (f->log->str, ==, "1");
}

static gboolean
log_idle (gpointer data)
{
  Fixture *f = data;

  g_string_append_c (f->log, 'I');
  return G_SOURCE_REMOVE;
}

static void
add_idle (Fixture *f, int priority)
{
  GSource *idle = g_idle_source_new ();

  g_source_set_priority (idle, priority);
  g_source_set_callback (idle, log_idle, f, NULL);
  g_source_attach (idle, f->context);
  g_source_unref (idle);
}

/* A redraw has a lower priority than the loop, and yet its turn comes. */
static void
test_budget (Fixture *f, gconstpointer data)
{
  TestJob busy, other;

  test_job_init (&busy, f, 'b', LP2P_JOB_RUN);
  test_job_init (&other, f, 'p', LP2P_JOB_PUMP);
  busy.again = 40;
  busy.sleep = 1000;
  busy.queues = &other;
  lp2p_job_queue (&busy.job);
  add_idle (f, G_PRIORITY_HIGH_IDLE + 20);
  settle (f);
  g_assert_cmpuint (f->log->len, ==, 41 + 41 + 1);
  g_assert_nonnull (strchr (f->log->str, 'I'));
  g_assert_cmpint (strchr (f->log->str, 'I') - f->log->str, <, 30);
}

typedef struct
{
  Fixture *f;
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
test_later (Fixture *f, gconstpointer data)
{
  LaterJob later = { .f = f, .again = 40 };

  lp2p_job_init (&later.job, f->loop, LP2P_JOB_PUMP, later_job_ran);
  lp2p_job_queue_later (&later.job);
  add_idle (f, G_PRIORITY_DEFAULT);
  g_main_context_iteration (f->context, FALSE);
  g_assert_cmpstr (f->log->str, ==, "lI");
  add_idle (f, G_PRIORITY_HIGH_IDLE + 20);
  settle (f);
  g_assert_cmpuint (f->log->len, ==, 41 + 2);
  g_assert_cmpint (strchr (f->log->str + 2, 'I') - f->log->str, <, 15);

  lp2p_job_queue_later (&later.job);
  lp2p_job_clear (&later.job);
  settle (f);
  g_assert_cmpuint (f->log->len, ==, 41 + 2);
}

/* One round with many slow jobs ends in between. */
static void
test_budget_within_round (Fixture *f, gconstpointer data)
{
  TestJob slow[40];

  for (guint i = 0; i < G_N_ELEMENTS (slow); i++)
    {
      test_job_init (&slow[i], f, 's', LP2P_JOB_PUMP);
      slow[i].sleep = 1000;
      lp2p_job_queue (&slow[i].job);
    }
  add_idle (f, G_PRIORITY_HIGH_IDLE + 20);
  settle (f);
  g_assert_cmpuint (f->log->len, ==, 41);
  g_assert_cmpint (strchr (f->log->str, 'I') - f->log->str, <, 20);
}

/* However much protocol work there is, application code keeps up with it. */
static void
test_budget_of_application (Fixture *f, gconstpointer data)
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
  settle (f);
  g_assert_cmpuint (f->log->len, ==, G_N_ELEMENTS (slow) + G_N_ELEMENTS (quick));
  last = strrchr (f->log->str, 'q');
  g_assert_nonnull (strchr (last, 's'));
}

static gboolean
always_spent (Lp2pClock *clock)
{
  return TRUE;
}

/* A clock may end the turn behind each thing. */
static void
test_short_turns (Fixture *f, gconstpointer data)
{
  TestClock clock = { { .now = test_clock_now, .is_spent = always_spent } };
  TestJob jobs[3];

  lp2p_loop_unref (f->loop);
  f->loop = lp2p_loop_new (f->context, &clock.clock);
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

typedef struct
{
  Lp2pWatch watch;
  Fixture *f;
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
test_watch_open (TestWatch *self, Fixture *f, char name)
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
test_watch (Fixture *f, gconstpointer data)
{
  TestWatch a, b;

  test_watch_open (&a, f, 'a');
  test_watch_open (&b, f, 'b');
  settle (f);
  g_assert_cmpint (a.seen, ==, LP2P_READY_WRITE);

  /* Edge-triggered: what is not drained is told once. */
  poke (&a);
  settle (f);
  g_assert_cmpstr (f->log->str, ==, "a");
  settle (f);
  g_assert_cmpstr (f->log->str, ==, "a");

  /* Asked for again, it takes turns with the others. */
  a.again = 2;
  poke (&a);
  poke (&b);
  settle (f);
  g_assert_cmpuint (f->log->len, ==, 5);
  g_assert_cmpstr (f->log->str + 3, ==, "aa");

  lp2p_watch_announce (&b.watch, LP2P_READY_READ);
  settle (f);
  g_assert_cmpstr (f->log->str + 5, ==, "b");

  /* The end is told apart from bytes. */
  g_assert_cmpint (b.seen & LP2P_READY_HANGUP, ==, 0);
  close (b.fds[1]);
  b.fds[1] = -1;
  settle (f);
  g_assert_cmpint (b.seen & LP2P_READY_HANGUP, ==, LP2P_READY_HANGUP);

  test_watch_close (&a);
  test_watch_close (&b);
}

static void
test_watch_stop_inside (Fixture *f, gconstpointer data)
{
  TestWatch a, b;

  test_watch_open (&a, f, 'a');
  test_watch_open (&b, f, 'b');
  settle (f);
  a.stop = TRUE;
  poke (&a);
  poke (&b);
  settle (f);
  poke (&a);
  settle (f);
  g_assert_cmpuint (f->log->len, ==, 2);

  /* Stopped while its event waits. */
  lp2p_watch_announce (&b.watch, LP2P_READY_READ);
  lp2p_watch_stop (&b.watch);
  settle (f);
  g_assert_cmpuint (f->log->len, ==, 2);
  test_watch_close (&a);
  test_watch_close (&b);
}

static void
test_watch_bad (Fixture *f, gconstpointer data)
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
test_watch_many (Fixture *f, gconstpointer data)
{
  enum
  {
    N = 300
  };
  g_autofree TestWatch *watches = g_new0 (TestWatch, N);

  for (guint i = 0; i < N; i++)
    test_watch_open (&watches[i], f, 'm');
  settle (f);
  for (guint i = 0; i < N; i++)
    poke (&watches[i]);
  settle (f);
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
test_idle (Fixture *f, gconstpointer data)
{
  TestWatch a;
  TestTimer timer = { .f = f, .name = 't' };
  g_autoptr (GSource) source = g_timeout_source_new (50);
  gboolean done = FALSE;
  guint64 before;

  test_watch_open (&a, f, 'a');
  lp2p_timer_init (&timer.timer, f->loop, timer_fired);
  lp2p_timer_set (&timer.timer, lp2p_loop_now (f->loop) + G_TIME_SPAN_HOUR);
  settle (f);

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
test_answers_before_timeouts (Fixture *f, gconstpointer data)
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
      lp2p_timer_init (&waiter->timeout.timer, f->loop, timer_fired);
    }
  settle (f);
  for (guint i = 0; i < n; i++)
    {
      lp2p_timer_set (&waiters[i].timeout.timer, lp2p_loop_now (f->loop));
      /* One of them gets no answer. */
      if (i != n / 2)
        poke (&waiters[i].watch);
    }
  settle (f);
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
  Fixture *f = self->f;
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
test_nested (Fixture *f, gconstpointer data)
{
  TestJob outer, sibling;
  guint64 before;

  nested_timer = (TestTimer) { .f = f, .name = 't' };
  lp2p_timer_init (&nested_timer.timer, f->loop, timer_fired);
  test_watch_open (&nested_watch, f, 'n');
  settle (f);

  test_job_init (&outer, f, 'o', LP2P_JOB_RUN);
  test_job_init (&sibling, f, 's', LP2P_JOB_RUN);
  outer.extra = run_nested;
  lp2p_job_queue (&outer.job);
  lp2p_job_queue (&sibling.job);
  before = lp2p_loop_get_wakeups (f->loop);
  settle (f);
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
test_unref_inside (Fixture *f, gconstpointer data)
{
  TestJob job;

  test_job_init (&job, f, 'j', LP2P_JOB_RUN);
  job.extra = drop_loop;
  lp2p_job_queue (&job.job);
  settle (f);
  g_assert_cmpstr (f->log->str, ==, "j");
  f->loop = lp2p_loop_new (f->context, NULL);
}

static void
test_scratch (Fixture *f, gconstpointer data)
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
test_owner (Fixture *f, gconstpointer data)
{
  g_assert_true (lp2p_loop_is_owner (f->loop));
  g_assert_null (g_thread_join (g_thread_new ("other", ask_owner, f->loop)));
  g_assert_true (lp2p_loop_get_context (f->loop) == f->context);
}

#define ADD(path, func) g_test_add ("/loop/" path, Fixture, NULL, set_up, func, tear_down)

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
  ADD ("budget", test_budget);
  ADD ("budget-within-round", test_budget_within_round);
  ADD ("budget-of-application", test_budget_of_application);
  ADD ("short-turns", test_short_turns);
  ADD ("later", test_later);
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

  return g_test_run ();
}
