/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A peer that opens streams and resets them at once, or sends what makes this side end
 * them, costs work here and next to nothing there, and never has more of them open than it
 * may. Such streams are counted; those of which something came, and time, make up for
 * them. */

#include "interfaces/lp2p-connection-parts-private.h"

#include "types/lp2p-i18n-private.h"

#include <lp2p/interfaces/lp2p-log.h>

/* Somebody who changes his mind resets what he asked for, a crowd of requests at once
 * at the most, and a program that asks many peers and takes the first answer does so a
 * few times in a second. At full speed it takes tens of milliseconds to get here. */
#define WASTED_MAX             1000
#define FORGIVEN_IN_ONE_SECOND 100

/* What is forgiven by time passing. */
static void
forgive (Lp2pConnection *self)
{
  const gint64 each = G_USEC_PER_SEC / FORGIVEN_IN_ONE_SECOND;
  gint64 now = lp2p_loop_now (self->loop);
  gint64 n = (now - self->forgiven) / each;

  self->n_wasted -= MIN (n, (gint64) self->n_wasted);
  self->forgiven = self->n_wasted > 0 ? self->forgiven + n * each : now;
}

void
lp2p_connection_count_end (Lp2pConnection *self, gboolean wasted)
{
  if (wasted)
    {
      forgive (self);
      self->n_wasted++;
      if (self->n_wasted > WASTED_MAX)
        lp2p_job_queue (&self->job);
    }
  else if (self->n_wasted > 0)
    self->n_wasted--;
}

void
lp2p_connection_follow_resets (Lp2pConnection *self)
{
  if (self->n_wasted <= WASTED_MAX || self->state >= LP2P_CONNECTION_CLOSING || self->error != NULL)
    return;
  self->error = g_error_new (LP2P_ERROR, LP2P_ERROR_LIMIT,
                             _("The peer opened %u streams of which nothing came"), self->n_wasted);
  lp2p_log_connection (G_LOG_LEVEL_DEBUG, self, "%s", self->error->message);
  lp2p_connection_close_here (self);
  self->session->klass->close (self->session, LP2P_CODE_CONNECTION_RATE_LIMITED, self->error->message);
  lp2p_job_queue (&self->pump);
  lp2p_job_queue (&self->job);
}
