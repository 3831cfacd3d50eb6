/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Addresses are tried in lanes: first those of the same network, then public
 * ones, in each QUIC before TCP before what runs over HTTP, and relays last; what
 * seems to lead nowhere comes last among what is as near. In a lane IPv6 and IPv4
 * take turns as in RFC 8305, and one starts after the other, when that has had the time
 * that connections take here. A lane starts behind the first two of the lane before,
 * one of each family: a network that drops UDP so costs twice that time, however many
 * QUIC addresses there are. An attempt that fails lets the next one start at once.
 */

#include "host/lp2p-dial-plan-private.h"

/* A relay's connection is worth less than a direct one that takes a little
 * longer: two round trips of half the earth's circumference. */
#define RELAY_DELAY_US (500 * 1000)

/* Ranks are grouped by the hundred; ten of them. */
#define LANES_PER_SCOPE 10
#define LANE_RELAY (2 * LANES_PER_SCOPE)
#define N_LANES (LANE_RELAY + 1)

struct _Lp2pDialPlan
{
  /* Of Lp2pDialTarget, in the order of their starts. */
  GPtrArray *targets;
  gint64 start;
  /* How much earlier than planned everything happens, because attempts failed. */
  gint64 ahead;
  /* For each lane: names that were resolved late do not all start at once. */
  gint64 not_before[N_LANES];
  guint n_running;
  gboolean at_once;
  gboolean stale;
};

static void
target_free (gpointer pointer)
{
  Lp2pDialTarget *target = pointer;

  lp2p_multiaddr_unref (target->address);
  g_free ((char *) target->host_name);
  g_free (target);
}

Lp2pDialPlan *
lp2p_dial_plan_new (gint64 now)
{
  Lp2pDialPlan *self = g_new0 (Lp2pDialPlan, 1);

  self->targets = g_ptr_array_new_with_free_func (target_free);
  self->start = now;
  return self;
}

void
lp2p_dial_plan_free (Lp2pDialPlan *self)
{
  g_ptr_array_unref (self->targets);
  g_free (self);
}

void
lp2p_dial_plan_start_at_once (Lp2pDialPlan *self)
{
  self->at_once = TRUE;
}

static Lp2pDialTarget *
get_target (Lp2pDialPlan *self, guint index)
{
  return g_ptr_array_index (self->targets, index);
}

gboolean
lp2p_dial_plan_contains (Lp2pDialPlan *self, Lp2pMultiaddr *address)
{
  for (guint i = 0; i < self->targets->len; i++)
    if (lp2p_multiaddr_equal (get_target (self, i)->address, address))
      return TRUE;
  return FALSE;
}

static guint
get_lane (const Lp2pDialTarget *target)
{
  guint lane = MIN (target->rank / 100, LANES_PER_SCOPE - 1);

  if (target->limited)
    return LANE_RELAY;
  if (target->late)
    lane = LANES_PER_SCOPE - 1;
  return target->scope <= LP2P_DIAL_SCOPE_LAN ? lane : LANES_PER_SCOPE + lane;
}

gboolean
lp2p_dial_plan_add (Lp2pDialPlan *self, const Lp2pDialTarget *target)
{
  Lp2pDialTarget *added;

  if (self->targets->len >= LP2P_DIAL_MAX_TARGETS)
    return FALSE;
  added = g_memdup2 (target, sizeof *target);
  lp2p_multiaddr_ref (added->address);
  added->host_name = g_strdup (target->host_name);
  added->state = LP2P_DIAL_WAITS;
  added->lane = get_lane (added);
  added->place = self->targets->len;
  g_ptr_array_add (self->targets, added);
  self->stale = TRUE;
  return TRUE;
}

/* Order */

static gboolean
are_alike (const Lp2pDialTarget *a, const Lp2pDialTarget *b)
{
  return a->lane == b->lane && a->worked == b->worked &&
         lp2p_dial_get_family (a->address) == lp2p_dial_get_family (b->address) &&
         (a->state == LP2P_DIAL_WAITS) == (b->state == LP2P_DIAL_WAITS);
}

/* Numbers the targets of each family, so that families can take turns. */
static void
number_targets (Lp2pDialPlan *self)
{
  for (guint i = 0; i < self->targets->len; i++)
    {
      Lp2pDialTarget *target = get_target (self, i);

      target->nth = 0;
      for (guint j = 0; j < self->targets->len; j++)
        {
          Lp2pDialTarget *other = get_target (self, j);

          target->nth += are_alike (target, other) &&
                         (other->rank < target->rank || (other->rank == target->rank && other->place < target->place));
        }
    }
}

#define COMPARE(a, b) \
  if ((a) != (b))     \
  return (a) < (b) ? -1 : 1

static int
compare_targets (gconstpointer a, gconstpointer b)
{
  const Lp2pDialTarget *one = *(Lp2pDialTarget *const *) a;
  const Lp2pDialTarget *two = *(Lp2pDialTarget *const *) b;

  COMPARE (one->lane, two->lane);
  /* What has started keeps its turn. */
  COMPARE (one->state == LP2P_DIAL_WAITS, two->state == LP2P_DIAL_WAITS);
  COMPARE (two->worked, one->worked);
  COMPARE (one->nth, two->nth);
  COMPARE (lp2p_dial_get_family (two->address), lp2p_dial_get_family (one->address));
  COMPARE (one->place, two->place);
  return 0;
}

static void
schedule (Lp2pDialPlan *self)
{
  gint64 due = self->start;
  gint64 next_lane = self->start;
  guint n_in_lane = 0;
  guint lane = 0;

  number_targets (self);
  g_ptr_array_sort (self->targets, compare_targets);
  for (guint i = 0; i < self->targets->len; i++)
    {
      Lp2pDialTarget *target = get_target (self, i);

      if (i > 0 && target->lane != lane)
        {
          due = target->lane == LANE_RELAY ? MAX (next_lane, self->start + RELAY_DELAY_US) : next_lane;
          n_in_lane = 0;
        }
      lane = target->lane;
      target->due = due;
      due += target->delay;
      if (n_in_lane++ < 2)
        next_lane = due;
    }
  self->stale = FALSE;
}

/* Time */

static gint64
get_due (Lp2pDialPlan *self, const Lp2pDialTarget *target)
{
  return MAX (target->due - self->ahead, self->not_before[target->lane]);
}

/* The one that starts next. */
static Lp2pDialTarget *
find_next (Lp2pDialPlan *self)
{
  Lp2pDialTarget *next = NULL;

  for (guint i = 0; i < self->targets->len; i++)
    {
      Lp2pDialTarget *target = get_target (self, i);

      if (target->state == LP2P_DIAL_WAITS && (next == NULL || get_due (self, target) < get_due (self, next)))
        next = target;
    }
  return next;
}

static gboolean
tries_directly (Lp2pDialPlan *self)
{
  for (guint i = 0; i < self->targets->len; i++)
    if (get_target (self, i)->state == LP2P_DIAL_RUNS && !get_target (self, i)->limited)
      return TRUE;
  return FALSE;
}

/* Lets @target start now and what is behind it move up. */
static void
advance_to (Lp2pDialPlan *self, Lp2pDialTarget *target, gint64 now)
{
  self->ahead = MAX (self->ahead, target->due - now);
  self->not_before[target->lane] = now;
}

/* The next one takes the place of one that failed. A relay is not hurried as long as
 * there is hope for better. */
static void
hurry (Lp2pDialPlan *self, gint64 now)
{
  Lp2pDialTarget *next = find_next (self);

  if (next != NULL && !(next->limited && tries_directly (self)))
    advance_to (self, next, now);
}

Lp2pDialTarget *
lp2p_dial_plan_next (Lp2pDialPlan *self, gint64 now, gint64 *wake)
{
  Lp2pDialTarget *next;

  if (self->stale)
    schedule (self);
  next = find_next (self);
  *wake = -1;
  if (next == NULL || self->n_running >= LP2P_DIAL_MAX_PARALLEL)
    return NULL;
  if (self->n_running == 0 || self->at_once)
    advance_to (self, next, now);
  if (get_due (self, next) > now)
    {
      *wake = get_due (self, next);
      return NULL;
    }
  next->state = LP2P_DIAL_RUNS;
  next->started = now;
  self->not_before[next->lane] = now + next->delay;
  self->n_running++;
  return next;
}

void
lp2p_dial_plan_failed (Lp2pDialPlan *self, Lp2pDialTarget *target, gint64 now)
{
  target->state = LP2P_DIAL_OVER;
  self->n_running--;
  if (self->stale)
    schedule (self);
  hurry (self, now);
}

gboolean
lp2p_dial_plan_is_over (Lp2pDialPlan *self)
{
  return self->n_running == 0 && find_next (self) == NULL;
}
