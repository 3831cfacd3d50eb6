/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/codec/lp2p-multistream.h>
#include <lp2p/interfaces/lp2p-muxer.h>
#include <lp2p/interfaces/lp2p-raw-connection.h>
#include <lp2p/interfaces/lp2p-security.h>

/**
 * Lp2pUpgradeParams:
 * @securities: (element-type Lp2pSecurity): the preferred one first
 * @muxers: (element-type Lp2pMuxer): the preferred one first
 * @security: (nullable): name of the one that the peer took last time
 * @muxer: (nullable): likewise of the muxer
 * @expected_peer: (nullable): who must answer
 * @max_streams: of the session
 * @timeout: in microseconds, for the whole of it
 * @pipelined: the initiator does not wait for answers
 * @asks_muxer: but for that about the muxer, as it did not like what was proposed
 * @security_agreed: (nullable): told, with the user data of the callback, when a
 *   security protocol is agreed on and its handshake begins
 *
 * What an upgrade may choose from, and how it goes about it.
 */
typedef struct
{
  GPtrArray *securities;
  GPtrArray *muxers;
  const char *security;
  const char *muxer;
  Lp2pPeerId *expected_peer;
  guint max_streams;
  gint64 timeout;
  gboolean pipelined;
  gboolean asks_muxer;
  void (*security_agreed) (gpointer user_data);
} Lp2pUpgradeParams;

/* Secures and multiplexes @raw (transfer full): yields it with a session, a
 * remote peer, and the names of what was agreed on. */
void lp2p_upgrade_async (Lp2pRawConnection *raw,
                         const Lp2pUpgradeParams *params,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data);
/* @answer (out) (optional) (transfer full): where a muxer was proposed ahead, what the peer has
 * answered by now; see lp2p_multistream_layer_ref_status(). Else %NULL. */
Lp2pRawConnection *lp2p_upgrade_finish (GAsyncResult *result, const Lp2pMultistreamStatus **answer, GError **error);
/* Whether @error, of a pipelined upgrade, says that the peer does not take what was
 * proposed. */
gboolean lp2p_upgrade_was_refused (const GError *error);
