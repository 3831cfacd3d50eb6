/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* A yamux session over a layer. It knows nothing of GObject: tests and the fuzz
 * target drive it directly. */

/**
 * Lp2pYamuxOptions:
 * @max_window: the most bytes that a peer may have under way on one stream
 * @max_memory: the most bytes that windows beyond the initial one and unread
 *   bytes may take together in one session
 * @max_streams: how many streams the peer may have open at once
 * @ack_backlog: how many streams may wait for the peer's acknowledgement, and
 *   how many of the peer's may wait to be accepted
 * @keepalive_interval: microseconds between two pings, 0 for none
 * @write_timeout: microseconds after which a peer that neither answers a ping
 *   nor takes bytes is given up
 * @reserve: (nullable): asks for memory beyond what the session holds; may refuse
 * @release: (nullable): gives it back
 * @data: passed on
 * @destroy: (nullable): called with @data when the session is freed
 */
typedef struct
{
  guint32 max_window;
  guint32 max_streams;
  guint32 ack_backlog;
  gsize max_memory;
  gint64 keepalive_interval;
  gint64 write_timeout;
  gboolean (*reserve) (gsize held, gsize size, gpointer data);
  void (*release) (gsize size, gpointer data);
  gpointer data;
  GDestroyNotify destroy;
} Lp2pYamuxOptions;

#define LP2P_YAMUX_OPTIONS_INIT                                                                    \
  {                                                                                                \
    .max_window = 16 * 1024 * 1024, .max_streams = 1024, .ack_backlog = 256,                       \
    .max_memory = 64 * 1024 * 1024, .keepalive_interval = 30 * G_USEC_PER_SEC,                     \
    .write_timeout = 30 * G_USEC_PER_SEC,                                                          \
  }

Lp2pMuxerSession *
lp2p_yamux_session_new (Lp2pLayer *layer, Lp2pRole role, const Lp2pYamuxOptions *options);

G_END_DECLS
