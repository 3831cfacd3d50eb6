/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The estimator that TCP has for its retransmissions (RFC 6298, section 2): what takes
 * longer than the smoothed time and four deviations is late. */

#include "host/lp2p-dial-pace-private.h"

void
lp2p_dial_pace_record (Lp2pDialPace *self, gint64 took)
{
  took = MAX (took, 1);
  if (self->smoothed == 0)
    {
      self->smoothed = took;
      self->deviation = took / 2;
      return;
    }
  self->deviation += (ABS (took - self->smoothed) - self->deviation) / 4;
  self->smoothed += (took - self->smoothed) / 8;
}

gint64
lp2p_dial_pace_get_delay (const Lp2pDialPace *self, gint64 usual, gint64 least, gint64 most)
{
  if (self->smoothed == 0)
    return usual;
  return CLAMP (self->smoothed + 4 * self->deviation, least, most);
}
