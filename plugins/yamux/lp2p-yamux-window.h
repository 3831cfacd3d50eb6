/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* What a peer may send on one stream, and how that grows: sans-IO. */

/* Fixed by the specification: both sides assume it without a word. */
#define LP2P_YAMUX_INITIAL_WINDOW (256 * 1024)

/* @size: what the peer may have under way or unread
 * @left: what it may still send
 * @since: when it was last granted more, in microseconds */
typedef struct
{
  guint32 size;
  guint32 left;
  gint64 since;
} Lp2pYamuxWindow;

void lp2p_yamux_window_init (Lp2pYamuxWindow *self, gint64 now);
gboolean lp2p_yamux_window_take (Lp2pYamuxWindow *self, guint32 size);
gboolean lp2p_yamux_window_is_due (const Lp2pYamuxWindow *self, gsize unread);
guint32
lp2p_yamux_window_propose (const Lp2pYamuxWindow *self, gint64 now, gint64 rtt, guint32 max);
guint32 lp2p_yamux_window_grant (Lp2pYamuxWindow *self, gsize unread, gint64 now);

G_END_DECLS
