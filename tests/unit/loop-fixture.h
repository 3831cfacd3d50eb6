/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-loop.h>

G_BEGIN_DECLS

/* A loop in a context of its own, and timers and jobs that write a letter to a log when
 * their turn comes. */
typedef struct
{
  Lp2pLoop *loop;
  GMainContext *context;
  GString *log;
} LoopFixture;

typedef struct
{
  LoopFixture *f;
  Lp2pTimer timer;
  char name;
  guint again;
  Lp2pTimer *to_clear;
} TestTimer;

typedef struct _TestJob TestJob;
struct _TestJob
{
  Lp2pJob job;
  LoopFixture *f;
  char name;
  guint again;
  TestJob *queues;
  void (*extra) (TestJob *self);
  gint64 sleep;
};

/* @clock is an Lp2pClock, %NULL for that of the machine. */
void loop_set_up (LoopFixture *f, gconstpointer clock);
void loop_tear_down (LoopFixture *f, gconstpointer clock);
/* What happens when nobody waits. */
void loop_settle (LoopFixture *f);

void test_timer_fired (Lp2pTimer *timer);

void test_job_ran (Lp2pJob *job);
void test_job_init (TestJob *self, LoopFixture *f, char name, Lp2pJobPhase phase);

G_END_DECLS
