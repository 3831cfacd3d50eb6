/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-black-hole-private.h"

/* go-libp2p's numbers. Addresses of strangers are stale more often than not, so
 * only less than one success in twenty says something of this network; a hundred
 * outcomes make sure that this is not chance (with as much as one success in ten,
 * fewer than five of a hundred come in 2 % of all cases). */
#define WINDOW 100
#define MIN_SUCCESSES 5
/* One dial in so many is a probe. */
#define PROBE_EVERY 100

/* Dials in a row: one or two are peers whose own network is the reason. To be wrong costs
 * a round trip or two for a while. */
#define LATE_AFTER 3
#define TRY_EVERY 10

G_STATIC_ASSERT (WINDOW <= 2 * 64);

gboolean
lp2p_black_hole_is_blocked (const Lp2pBlackHole *self)
{
  return self->n_outcomes == WINDOW && self->n_successes < MIN_SUCCESSES;
}

gboolean
lp2p_black_hole_allows (Lp2pBlackHole *self)
{
  if (!lp2p_black_hole_is_blocked (self))
    {
      self->n_asked = 0;
      return TRUE;
    }
  self->n_asked = (self->n_asked + 1) % PROBE_EVERY;
  return self->n_asked == 0;
}

void
lp2p_black_hole_lose (Lp2pBlackHole *self)
{
  self->n_lost = MIN (self->n_lost + 1, LATE_AFTER);
}

gboolean
lp2p_black_hole_comes_late (Lp2pBlackHole *self)
{
  if (self->n_lost < LATE_AFTER)
    return FALSE;
  self->n_late = (self->n_late + 1) % TRY_EVERY;
  return self->n_late != 0;
}

static gboolean
exchange_outcome (Lp2pBlackHole *self, gboolean success)
{
  guint64 bit = G_GUINT64_CONSTANT (1) << (self->position % 64);
  guint64 *word = &self->outcomes[self->position / 64];
  gboolean before = (*word & bit) != 0;

  if (success)
    *word |= bit;
  else
    *word &= ~bit;
  self->position = (self->position + 1) % WINDOW;
  return before;
}

void
lp2p_black_hole_record (Lp2pBlackHole *self, gboolean success)
{
  /* The network is another one now: what was before says nothing. */
  if (success && lp2p_black_hole_is_blocked (self))
    *self = (Lp2pBlackHole) LP2P_BLACK_HOLE_INIT;

  if (success)
    self->n_lost = self->n_late = 0;
  self->n_successes -= exchange_outcome (self, success);
  self->n_successes += success;
  self->n_outcomes = MIN (self->n_outcomes + 1, WINDOW);
}
