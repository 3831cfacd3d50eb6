/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The longest that bytes wait for others before the reader is woken. */
#define LP2P_READ_PACE_WAIT_US 1000

/* How many bytes are worth waking a reader for.
 * @since: when the measuring of its speed began
 * @before: what had been read until then */
typedef struct
{
  gint64 since;
  guint64 before;
  gsize worth;
} Lp2pReadPace;

void lp2p_read_pace_init (Lp2pReadPace *self, gint64 now);
gsize lp2p_read_pace_drained (Lp2pReadPace *self, gint64 now, guint64 read);
gsize lp2p_read_pace_waited (Lp2pReadPace *self, gint64 now, guint64 read, gboolean in_vain);

G_END_DECLS
