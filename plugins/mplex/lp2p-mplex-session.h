/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* An mplex session over a layer. It knows nothing of GObject: tests and the fuzz
 * target drive it directly. */

/**
 * Lp2pMplexOptions:
 * @budget: for unread bytes
 * @max_buffer: the most bytes that wait to be read on one stream
 * @max_streams: how many streams the peer may have open at once
 * @read_timeout: microseconds for which a reader who does not read may hold up
 *   the whole session; then its stream is reset
 * @write_timeout: microseconds after which a peer that takes no bytes is given up
 */
typedef struct
{
  Lp2pMuxerBudget budget;
  guint32 max_buffer;
  guint32 max_streams;
  gint64 read_timeout;
  gint64 write_timeout;
} Lp2pMplexOptions;

#define LP2P_MPLEX_OPTIONS_INIT                                                                    \
  {                                                                                                \
    .max_buffer = 4 * 1024 * 1024, .max_streams = 1024, .budget = { .max = 16 * 1024 * 1024 },     \
    .read_timeout = 5 * G_USEC_PER_SEC, .write_timeout = 30 * G_USEC_PER_SEC,                      \
  }

Lp2pMuxerSession *
lp2p_mplex_session_new (Lp2pLayer *layer, Lp2pRole role, const Lp2pMplexOptions *options);

G_END_DECLS
