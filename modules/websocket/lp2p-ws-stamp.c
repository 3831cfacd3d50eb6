/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-stamp.h"

#include <glib/gstdio.h>

Lp2pWsStamp
lp2p_ws_stamp_get (const char *file)
{
  GStatBuf info = { 0 };

  if (g_stat (file, &info) < 0)
    return (Lp2pWsStamp){ 0 };
  return (Lp2pWsStamp){ info.st_ctim.tv_sec, info.st_ctim.tv_nsec, info.st_ino, info.st_size };
}

gboolean
lp2p_ws_stamp_equal (const Lp2pWsStamp *a, const Lp2pWsStamp *b)
{
  return a->time == b->time && a->nanoseconds == b->nanoseconds && a->inode == b->inode && a->size == b->size;
}
