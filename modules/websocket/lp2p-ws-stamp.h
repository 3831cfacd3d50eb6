/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* By what a file is told from what it was; the time is that of the last change, of its
 * permissions too. All 0 for one that is not there. */
typedef struct
{
  gint64 time;
  gint64 nanoseconds;
  guint64 inode;
  gint64 size;
} Lp2pWsStamp;

Lp2pWsStamp lp2p_ws_stamp_get (const char *file);
gboolean lp2p_ws_stamp_equal (const Lp2pWsStamp *a, const Lp2pWsStamp *b);

G_END_DECLS
