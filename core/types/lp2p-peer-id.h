/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-multiaddr.h>
#include <lp2p/types/lp2p-public-key.h>

G_BEGIN_DECLS

#define LP2P_TYPE_PEER_ID (lp2p_peer_id_get_type ())

typedef struct _Lp2pPeerId Lp2pPeerId;

LP2P_AVAILABLE_IN_1_0
GType lp2p_peer_id_get_type (void) G_GNUC_CONST;

LP2P_AVAILABLE_IN_1_0
Lp2pPeerId *lp2p_peer_id_new_from_string (const char *text, GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pPeerId *lp2p_peer_id_new_from_bytes (const guint8 *data, gsize len, GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pPeerId *lp2p_peer_id_new_from_public_key (Lp2pPublicKey *key);
LP2P_AVAILABLE_IN_1_0
Lp2pPeerId *lp2p_peer_id_ref (Lp2pPeerId *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_peer_id_unref (Lp2pPeerId *self);

LP2P_AVAILABLE_IN_1_0
const char *lp2p_peer_id_get_string (Lp2pPeerId *self);
LP2P_AVAILABLE_IN_1_0
char *lp2p_peer_id_to_cid (Lp2pPeerId *self);
LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_peer_id_get_bytes (Lp2pPeerId *self);

LP2P_AVAILABLE_IN_1_0
Lp2pPublicKey *lp2p_peer_id_extract_public_key (Lp2pPeerId *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_peer_id_matches_public_key (Lp2pPeerId *self, Lp2pPublicKey *key);

LP2P_AVAILABLE_IN_1_0
gboolean lp2p_peer_id_equal (gconstpointer a, gconstpointer b);
LP2P_AVAILABLE_IN_1_0
guint lp2p_peer_id_hash (gconstpointer self);
LP2P_AVAILABLE_IN_1_0
int lp2p_peer_id_compare (gconstpointer a, gconstpointer b);

LP2P_AVAILABLE_IN_1_0
Lp2pPeerId *lp2p_peer_id_from_multiaddr (Lp2pMultiaddr *address);
LP2P_AVAILABLE_IN_1_0
Lp2pMultiaddr *lp2p_multiaddr_with_peer_id (Lp2pMultiaddr *self, Lp2pPeerId *peer_id);
LP2P_AVAILABLE_IN_1_0
Lp2pMultiaddr *lp2p_multiaddr_without_peer_id (Lp2pMultiaddr *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pPeerId, lp2p_peer_id_unref)

G_END_DECLS
