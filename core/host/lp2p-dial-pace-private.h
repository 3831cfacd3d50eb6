/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* How long connections of one kind take to be made from here: a smoothed time and its
 * mean deviation, in microseconds. */
typedef struct
{
  /*< private >*/
  gint64 smoothed;
  gint64 deviation;
} Lp2pDialPace;

#define LP2P_DIAL_PACE_INIT { 0, 0 }

/* One was made within @took. */
void lp2p_dial_pace_record (Lp2pDialPace *self, gint64 took);
/* How long to wait for one before another is tried beside it: @usual while nothing was
 * measured, and always from @least to @most. */
gint64 lp2p_dial_pace_get_delay (const Lp2pDialPace *self, gint64 usual, gint64 least, gint64 most);
