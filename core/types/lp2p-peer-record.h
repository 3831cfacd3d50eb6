/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-identity.h>
#include <lp2p/types/lp2p-multiaddr.h>
#include <lp2p/types/lp2p-peer-id.h>

G_BEGIN_DECLS

/**
 * LP2P_PEER_RECORD_MAX_ADDRESSES:
 *
 * The most addresses a peer record may have.
 *
 * Since: 1.0
 */
#define LP2P_PEER_RECORD_MAX_ADDRESSES 1024

#define LP2P_TYPE_PEER_RECORD (lp2p_peer_record_get_type ())

typedef struct _Lp2pPeerRecord Lp2pPeerRecord;

LP2P_AVAILABLE_IN_1_0
GType lp2p_peer_record_get_type (void) G_GNUC_CONST;

LP2P_AVAILABLE_IN_1_0
Lp2pPeerRecord *lp2p_peer_record_new (Lp2pPeerId *peer_id, guint64 seq, GPtrArray *addresses);
LP2P_AVAILABLE_IN_1_0
Lp2pPeerRecord *lp2p_peer_record_open (const guint8 *data, gsize len, GError **error);
LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_peer_record_seal (Lp2pPeerRecord *self, Lp2pIdentity *identity, GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pPeerRecord *lp2p_peer_record_ref (Lp2pPeerRecord *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_peer_record_unref (Lp2pPeerRecord *self);

LP2P_AVAILABLE_IN_1_0
Lp2pPeerId *lp2p_peer_record_get_peer_id (Lp2pPeerRecord *self);
LP2P_AVAILABLE_IN_1_0
guint64 lp2p_peer_record_get_seq (Lp2pPeerRecord *self);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_peer_record_get_addresses (Lp2pPeerRecord *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pPeerRecord, lp2p_peer_record_unref)

G_END_DECLS
