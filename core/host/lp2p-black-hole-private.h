/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Whether a kind of address leads nowhere from here: networks that drop all of
 * UDP, or machines whose IPv6 has no way out. It counts outcomes, nothing else. Dials
 * that another kind won are a hint early on, which puts the kind last; a long row of
 * failures is certain enough to leave it out. */
typedef struct
{
  /*< private >*/
  /* One bit for each of the last outcomes. */
  guint64 outcomes[2];
  guint n_outcomes;
  guint position;
  guint n_successes;
  guint n_asked;
  guint n_lost;
  guint n_late;
} Lp2pBlackHole;

#define LP2P_BLACK_HOLE_INIT { { 0 }, 0, 0, 0, 0, 0, 0 }

/* Asked before each dial: whether it may go out. While the kind leads nowhere
 * one in so many may, to find out whether that has changed. */
gboolean lp2p_black_hole_allows (Lp2pBlackHole *self);
void lp2p_black_hole_record (Lp2pBlackHole *self, gboolean success);
/* It was silent where an address of the same peer, but of another kind, was not. */
void lp2p_black_hole_lose (Lp2pBlackHole *self);
/* Asked once for each dial: whether the kind is tried after the others. Where it is, one
 * dial in so many tries it at its place, to find out whether that has changed. */
gboolean lp2p_black_hole_comes_late (Lp2pBlackHole *self);
gboolean lp2p_black_hole_is_blocked (const Lp2pBlackHole *self);
