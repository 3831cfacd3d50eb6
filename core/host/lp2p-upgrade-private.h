/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-muxer.h>
#include <lp2p/interfaces/lp2p-raw-connection.h>
#include <lp2p/interfaces/lp2p-security.h>

/* What an upgrade may choose from, and how it goes about it. */
typedef struct
{
  GPtrArray *securities;
  GPtrArray *muxers;
  Lp2pPeerId *expected_peer;
  guint max_streams;
  /* In microseconds, for the whole of it. */
  gint64 timeout;
  /* The initiator does not wait for answers to its proposals. */
  gboolean pipelined;
} Lp2pUpgradeParams;

/* Secures and multiplexes @raw (transfer full): yields it with a session, a
 * remote peer, and the names of what was agreed on. */
void lp2p_upgrade_async (Lp2pRawConnection *raw,
                         const Lp2pUpgradeParams *params,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data);
Lp2pRawConnection *lp2p_upgrade_finish (GAsyncResult *result, GError **error);
/* Whether @error says that the peer does not take a pipelined proposal. */
gboolean lp2p_upgrade_was_refused (const GError *error);
