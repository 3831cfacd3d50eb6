/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-yamux-window.h"

/* A grant goes out when half of the window was used, and reaches the peer half a
 * round trip later. A sender that is limited by the path and not by the window
 * so needs a window of two times bandwidth × RTT: it would use half of it in one
 * round trip. Growth stops at two, which leaves room for jitter; go takes four
 * and rust two. */
#define GROWTH_ROUND_TRIPS 2

/* The longest round trip for which a window grows. A peer answers pings when it likes:
 * without a bound, one that takes its time would get large windows and send little. With
 * this, it has to send as fast as a path to a satellite can carry. */
#define GROWTH_RTT_MAX G_USEC_PER_SEC

void
lp2p_yamux_window_init (Lp2pYamuxWindow *self, gint64 now)
{
  self->size = LP2P_YAMUX_INITIAL_WINDOW;
  self->left = LP2P_YAMUX_INITIAL_WINDOW;
  self->since = now;
}

/* The peer sent @size bytes. Returns whether it was allowed to. */
gboolean
lp2p_yamux_window_take (Lp2pYamuxWindow *self, guint32 size)
{
  if (size > self->left)
    return FALSE;
  self->left -= size;
  return TRUE;
}

static guint32
used (const Lp2pYamuxWindow *self, gsize unread)
{
  gsize held = (gsize) self->left + unread;

  return held < self->size ? self->size - held : 0;
}

/* Whether the application has read so much that the peer should be told.
 * @unread is what it has not read of what the peer sent, or announced. */
gboolean
lp2p_yamux_window_is_due (const Lp2pYamuxWindow *self, gsize unread)
{
  return used (self, unread) >= self->size / 2;
}

/* The size that a window which is due should have: twice the size when it was
 * used up so fast that it holds the sender back. @rtt is not above 0 while it is
 * unknown. */
guint32
lp2p_yamux_window_propose (const Lp2pYamuxWindow *self, gint64 now, gint64 rtt, guint32 max)
{
  if (rtt <= 0 || self->size >= max || now - self->since >= MIN (rtt, GROWTH_RTT_MAX) * GROWTH_ROUND_TRIPS)
    return self->size;
  return self->size > max / 2 ? max : self->size * 2;
}

/* Fills the window up again. Returns by how much. */
guint32
lp2p_yamux_window_grant (Lp2pYamuxWindow *self, gsize unread, gint64 now)
{
  guint32 delta = used (self, unread);

  self->left += delta;
  self->since = now;
  return delta;
}
