/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A reader that is faster than who writes would sleep after each piece and be woken for
 * the next, which costs both sides more than all they do with the piece. So where bytes
 * come fast, as many are waited for as come in a moment. A writer has the same of the
 * kernel, which wakes it when a third of its buffer is free. */

#include "net/lp2p-read-pace-private.h"

/* Over how long speed is measured, at least. */
#define SPAN_US 2000

/* Bytes of this long are waited for: a reader is woken 2,500 times in a second. */
#define BATCH_US 400

/* Below this, 80 MB/s, nothing is waited for. Above, a batch should be no more than half
 * of what a peer may have under way. */
#define WORTH_MIN (32 * 1024)
#define WORTH_MAX (512 * 1024)

/* How long nothing is waited for after bytes waited for others that did not come: so that
 * takes no more than a hundredth of the time. */
#define REST_US (100 * LP2P_READ_PACE_WAIT_US)

static void
measure_from (Lp2pReadPace *self, gint64 when, guint64 read)
{
  self->since = when;
  self->before = read;
}

void
lp2p_read_pace_init (Lp2pReadPace *self, gint64 now)
{
  measure_from (self, now, 0);
  self->worth = 1;
}

/* All that came was read, @read bytes since the beginning. Returns how many are worth
 * waking the reader for. */
gsize
lp2p_read_pace_drained (Lp2pReadPace *self, gint64 now, guint64 read)
{
  gint64 elapsed = now - self->since;
  guint64 batch;

  if (elapsed < 0)
    self->before = read;
  if (elapsed < SPAN_US)
    return self->worth;

  batch = (read - self->before) * BATCH_US / elapsed;
  self->worth = batch < WORTH_MIN ? 1 : MIN (batch, WORTH_MAX);
  measure_from (self, now, read);
  return self->worth;
}

/* Not enough came in time; @in_vain when something did, which so was read late. */
gsize
lp2p_read_pace_waited (Lp2pReadPace *self, gint64 now, guint64 read, gboolean in_vain)
{
  measure_from (self, in_vain ? now + REST_US : now, read);
  self->worth = 1;
  return self->worth;
}
