/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-peer-id.h>

G_BEGIN_DECLS

#define LP2P_TYPE_KEY_INFO (lp2p_key_info_get_type ())

/**
 * Lp2pKeyInfo:
 *
 * What a key store tells of a key without giving it away. It is immutable and
 * reference-counted.
 *
 * Since: 1.0
 */
typedef struct _Lp2pKeyInfo Lp2pKeyInfo;

LP2P_AVAILABLE_IN_1_0
GType lp2p_key_info_get_type (void);
LP2P_AVAILABLE_IN_1_0
Lp2pKeyInfo *lp2p_key_info_new (const char *name, Lp2pPeerId *peer_id);
LP2P_AVAILABLE_IN_1_0
Lp2pKeyInfo *lp2p_key_info_ref (Lp2pKeyInfo *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_key_info_unref (Lp2pKeyInfo *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_key_info_get_name (Lp2pKeyInfo *self);
LP2P_AVAILABLE_IN_1_0
Lp2pPeerId *lp2p_key_info_get_peer_id (Lp2pKeyInfo *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pKeyInfo, lp2p_key_info_unref)

G_END_DECLS
