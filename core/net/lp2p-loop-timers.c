/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-loop-private.h"

/* A binary heap of pointers, each timer knows its place. */

static gint64
timer_deadline (Lp2pLoopCore *self, guint index)
{
  return ((Lp2pTimer *) g_ptr_array_index (self->timers, index))->deadline;
}

static void
timer_place (Lp2pLoopCore *self, guint index, Lp2pTimer *timer)
{
  g_ptr_array_index (self->timers, index) = timer;
  timer->index = index;
}

static void
timer_sift_up (Lp2pLoopCore *self, Lp2pTimer *timer)
{
  guint index = timer->index;

  while (index > 0)
    {
      guint parent = (index - 1) / 2;

      if (timer_deadline (self, parent) <= timer->deadline)
        break;
      timer_place (self, index, g_ptr_array_index (self->timers, parent));
      index = parent;
    }
  timer_place (self, index, timer);
}

static void
timer_sift_down (Lp2pLoopCore *self, Lp2pTimer *timer)
{
  guint index = timer->index;

  for (;;)
    {
      guint child = 2 * index + 1;

      if (child >= self->timers->len)
        break;
      if (child + 1 < self->timers->len &&
          timer_deadline (self, child + 1) < timer_deadline (self, child))
        child++;
      if (timer->deadline <= timer_deadline (self, child))
        break;
      timer_place (self, index, g_ptr_array_index (self->timers, child));
      index = child;
    }
  timer_place (self, index, timer);
}

/**
 * lp2p_timer_init:
 * @self: the timer
 * @loop: where it runs
 * @func: what it calls
 *
 * Prepares a timer that is embedded in another struct.
 */
void
lp2p_timer_init (Lp2pTimer *self, Lp2pLoop *loop, Lp2pTimerFunc func)
{
  self->loop = loop;
  self->func = func;
  self->deadline = -1;
  self->index = G_MAXUINT;
}

/**
 * lp2p_timer_set:
 * @self: the timer
 * @deadline: loop time in microseconds
 *
 * Sets the timer, or moves it when it is set. It runs once.
 */
void
lp2p_timer_set (Lp2pTimer *self, gint64 deadline)
{
  Lp2pLoopCore *loop = self->loop->core;

  if (self->index != G_MAXUINT)
    {
      gint64 old = self->deadline;

      if (old == deadline)
        return;
      self->deadline = deadline;
      if (deadline < old)
        timer_sift_up (loop, self);
      else
        timer_sift_down (loop, self);
    }
  else
    {
      self->deadline = deadline;
      self->index = loop->timers->len;
      g_ptr_array_add (loop->timers, self);
      timer_sift_up (loop, self);
    }
}

/**
 * lp2p_timer_clear:
 * @self: the timer
 *
 * Takes the timer back. It can be set again.
 */
void
lp2p_timer_clear (Lp2pTimer *self)
{
  Lp2pLoopCore *loop;
  guint index = self->index;
  Lp2pTimer *last;

  if (!lp2p_timer_is_set (self))
    return;

  loop = self->loop->core;
  self->index = G_MAXUINT;
  last = g_ptr_array_steal_index_fast (loop->timers, loop->timers->len - 1);
  if (last != self)
    {
      timer_place (loop, index, last);
      timer_sift_up (loop, last);
      timer_sift_down (loop, last);
    }
}

/**
 * lp2p_timer_is_set:
 * @self: the timer
 *
 * Returns: whether the timer waits for its time
 */
gboolean
lp2p_timer_is_set (Lp2pTimer *self)
{
  return self->loop != NULL && self->index != G_MAXUINT;
}

/* A timer that sets itself to a time that has passed waits for the next time. */
void
lp2p_loop_core_run_timers (Lp2pLoopCore *self, gint64 now)
{
  guint n = self->timers->len;

  while (n-- > 0 && self->timers->len > 0 && timer_deadline (self, 0) <= now)
    {
      Lp2pTimer *timer = g_ptr_array_index (self->timers, 0);

      lp2p_timer_clear (timer);
      timer->func (timer);
    }
}

gint64
lp2p_loop_core_get_deadline (Lp2pLoopCore *self)
{
  return self->timers->len > 0 ? timer_deadline (self, 0) : G_MAXINT64;
}
