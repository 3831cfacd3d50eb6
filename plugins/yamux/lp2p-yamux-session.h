/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* A yamux session over a layer. It knows nothing of GObject: tests and the fuzz
 * target drive it directly. */

/**
 * Lp2pYamuxOptions:
 * @budget: for windows beyond the initial one and unread bytes
 * @max_window: the most bytes that a peer may have under way on one stream
 * @max_streams: how many streams the peer may have open at once, also before
 *   they are accepted
 * @ack_backlog: how many streams of ours may wait for the peer's acknowledgement,
 *   and how many that we closed may wait for its end
 * @keepalive_interval: microseconds between two pings, 0 for none
 * @write_timeout: microseconds after which a peer that neither answers a ping
 *   nor takes bytes is given up
 */
typedef struct
{
  Lp2pMuxerBudget budget;
  guint32 max_window;
  guint32 max_streams;
  guint32 ack_backlog;
  gint64 keepalive_interval;
  gint64 write_timeout;
} Lp2pYamuxOptions;

#define LP2P_YAMUX_OPTIONS_INIT                                                                    \
  {                                                                                                \
    .max_window = 16 * 1024 * 1024, .max_streams = 1024, .ack_backlog = 256,                       \
    .budget = { .max = 64 * 1024 * 1024 }, .keepalive_interval = 30 * G_USEC_PER_SEC,              \
    .write_timeout = 30 * G_USEC_PER_SEC,                                                          \
  }

Lp2pMuxerSession *
lp2p_yamux_session_new (Lp2pLayer *layer, Lp2pRole role, const Lp2pYamuxOptions *options);

G_END_DECLS
