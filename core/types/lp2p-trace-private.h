/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Marks for Sysprof: how long a dial, a handshake, the opening of a stream took. Where
 * its library was absent when this was built they are nothing, and where nobody records
 * they are two looks at the clock. */

#include <glib.h>

#ifdef LP2P_HAVE_SYSPROF

#include <sysprof-capture.h>

static inline gint64
lp2p_trace_begin (void)
{
  return SYSPROF_CAPTURE_CURRENT_TIME;
}

/* @message: (nullable): what it led to */
static inline void
lp2p_trace_end (gint64 begin, const char *name, const char *message)
{
  if (sysprof_collector_is_active ())
    sysprof_collector_mark (begin, SYSPROF_CAPTURE_CURRENT_TIME - begin, "lp2p", name, message);
}

#else

static inline gint64
lp2p_trace_begin (void)
{
  return 0;
}

static inline void
lp2p_trace_end (gint64 begin, const char *name, const char *message)
{
}

#endif
