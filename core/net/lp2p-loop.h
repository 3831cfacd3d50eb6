/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

typedef struct _Lp2pLoop Lp2pLoop;
typedef struct _Lp2pClock Lp2pClock;
typedef struct _Lp2pWatch Lp2pWatch;
typedef struct _Lp2pTimer Lp2pTimer;
typedef struct _Lp2pJob Lp2pJob;

/**
 * Lp2pReady:
 * @LP2P_READY_READ: bytes, or the end of them, can be read
 * @LP2P_READY_WRITE: bytes can be written
 * @LP2P_READY_HANGUP: the peer ended its sending direction or the descriptor
 *   failed: who reads on finds out. Only watches are told; a short read then
 *   does not mean that nothing is left
 *
 * What a descriptor, a layer or a stream is ready for.
 */
typedef enum
{
  LP2P_READY_NONE = 0,
  LP2P_READY_READ = 1 << 0,
  LP2P_READY_WRITE = 1 << 1,
  LP2P_READY_HANGUP = 1 << 2,
} Lp2pReady;

/**
 * Lp2pClock:
 * @now: monotonic time in microseconds
 * @real_time: microseconds since 1970 in UTC
 * @is_spent: (nullable): asked behind each thing that the loop does, whether the
 *   rest waits until others of its context had a turn; %NULL for when a few
 *   milliseconds have passed. So tests meet the orders of events that a busy machine
 *   brings
 *
 * A source of time that tests can replace: timers then run only inside
 * [method@Loop.advance].
 */
struct _Lp2pClock
{
  gint64 (*now) (Lp2pClock *clock);
  gint64 (*real_time) (Lp2pClock *clock);
  gboolean (*is_spent) (Lp2pClock *clock);
  gpointer padding[1];
};

/**
 * Lp2pWatchFunc:
 *
 * Called when a watched descriptor became ready. Readiness is edge-triggered:
 * the function drains until `EAGAIN`, or returns %TRUE to be called again in
 * the next round with the same readiness, which lets other descriptors go
 * first.
 */
typedef gboolean (*Lp2pWatchFunc) (Lp2pWatch *watch, Lp2pReady ready);
typedef void (*Lp2pTimerFunc) (Lp2pTimer *timer);
typedef void (*Lp2pJobFunc) (Lp2pJob *job);

/* The three structs are embedded in the object that uses them: nothing is
 * allocated when a descriptor is watched, a timer set or a job queued. */
struct _Lp2pWatch
{
  /*< private >*/
  Lp2pLoop *loop;
  Lp2pWatchFunc func;
  int fd;
  Lp2pReady ready;
  GList link;
};

struct _Lp2pTimer
{
  /*< private >*/
  Lp2pLoop *loop;
  Lp2pTimerFunc func;
  gint64 deadline;
  guint index;
};

/**
 * Lp2pJobPhase:
 * @LP2P_JOB_PUMP: protocol work: input, frames, flushes
 * @LP2P_JOB_RUN: application code: completions, callbacks, signals
 *
 * In each turn of a share its pumps run before application code does, and again
 * behind it, so that what the application wrote leaves in one batch.
 */
typedef enum
{
  LP2P_JOB_PUMP,
  LP2P_JOB_RUN,
} Lp2pJobPhase;

struct _Lp2pJob
{
  /*< private >*/
  Lp2pLoop *loop;
  Lp2pJobFunc func;
  Lp2pJobPhase phase;
  GQueue *queue;
  GList link;
};

LP2P_AVAILABLE_IN_1_0
Lp2pLoop *lp2p_loop_new (GMainContext *context, Lp2pClock *clock);
LP2P_AVAILABLE_IN_1_0
Lp2pLoop *lp2p_loop_new_share (Lp2pLoop *loop);
LP2P_AVAILABLE_IN_1_0
Lp2pLoop *lp2p_loop_ref (Lp2pLoop *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_loop_unref (Lp2pLoop *self);
LP2P_AVAILABLE_IN_1_0
GMainContext *lp2p_loop_get_context (Lp2pLoop *self);
LP2P_AVAILABLE_IN_1_0
gint64 lp2p_loop_now (Lp2pLoop *self);
LP2P_AVAILABLE_IN_1_0
gint64 lp2p_loop_real_time (Lp2pLoop *self);
LP2P_AVAILABLE_IN_1_0
gint64 lp2p_loop_refresh (Lp2pLoop *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_loop_advance (Lp2pLoop *self);
LP2P_AVAILABLE_IN_1_0
guint64 lp2p_loop_get_wakeups (Lp2pLoop *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_loop_is_owner (Lp2pLoop *self);

/**
 * LP2P_SCRATCH_SIZE:
 *
 * Size in bytes of a scratch buffer: four records of the largest size that
 * Noise and TLS have.
 */
#define LP2P_SCRATCH_SIZE (256 * 1024)

LP2P_AVAILABLE_IN_1_0
guint8 *lp2p_loop_take_scratch (Lp2pLoop *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_loop_give_scratch (Lp2pLoop *self, guint8 *scratch);

LP2P_AVAILABLE_IN_1_0
gboolean lp2p_watch_start (Lp2pWatch *self, Lp2pLoop *loop, int fd, Lp2pWatchFunc func, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_watch_set_interest (Lp2pWatch *self, Lp2pReady interest);
LP2P_AVAILABLE_IN_1_0
void lp2p_watch_stop (Lp2pWatch *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_watch_announce (Lp2pWatch *self, Lp2pReady ready);

LP2P_AVAILABLE_IN_1_0
void lp2p_timer_init (Lp2pTimer *self, Lp2pLoop *loop, Lp2pTimerFunc func);
LP2P_AVAILABLE_IN_1_0
void lp2p_timer_set (Lp2pTimer *self, gint64 deadline);
LP2P_AVAILABLE_IN_1_0
void lp2p_timer_clear (Lp2pTimer *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_timer_is_set (Lp2pTimer *self);

LP2P_AVAILABLE_IN_1_0
void lp2p_job_init (Lp2pJob *self, Lp2pLoop *loop, Lp2pJobPhase phase, Lp2pJobFunc func);
LP2P_AVAILABLE_IN_1_0
void lp2p_job_queue (Lp2pJob *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_job_queue_later (Lp2pJob *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_job_queue_last (Lp2pJob *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_job_is_queued (Lp2pJob *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_job_clear (Lp2pJob *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pLoop, lp2p_loop_unref)

G_END_DECLS
