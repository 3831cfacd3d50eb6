/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-peer-id.h>
#include <lp2p/types/lp2p-public-key.h>

G_BEGIN_DECLS

/**
 * Lp2pIdentityFileFlags:
 * @LP2P_IDENTITY_FILE_NONE: the careful way
 * @LP2P_IDENTITY_FILE_REPLACE: when saving, replace a file that exists
 * @LP2P_IDENTITY_FILE_ALLOW_SHARED: when loading, accept a file that users
 *   other than its owner may read or write
 *
 * How a key file is treated.
 *
 * Since: 1.0
 */
typedef enum /*< flags >*/
{
  LP2P_IDENTITY_FILE_NONE = 0,
  LP2P_IDENTITY_FILE_REPLACE = 1 << 0,
  LP2P_IDENTITY_FILE_ALLOW_SHARED = 1 << 1,
} Lp2pIdentityFileFlags;

#define LP2P_TYPE_IDENTITY (lp2p_identity_get_type ())

LP2P_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (Lp2pIdentity, lp2p_identity, LP2P, IDENTITY, GObject)

LP2P_AVAILABLE_IN_1_0
Lp2pIdentity *lp2p_identity_generate (Lp2pKeyType key_type, GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pIdentity *lp2p_identity_new_from_bytes (const guint8 *data, gsize len, GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pIdentity *lp2p_identity_new_from_text (const char *text, gsize len, GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pIdentity *lp2p_identity_load_file (const char *path,
                                       Lp2pIdentityFileFlags flags,
                                       GError **error);

LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_identity_to_bytes (Lp2pIdentity *self, GError **error);
LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_identity_to_text (Lp2pIdentity *self, GError **error);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_identity_save_file (Lp2pIdentity *self,
                                  const char *path,
                                  Lp2pIdentityFileFlags flags,
                                  GError **error);

LP2P_AVAILABLE_IN_1_0
Lp2pKeyType lp2p_identity_get_key_type (Lp2pIdentity *self);
LP2P_AVAILABLE_IN_1_0
Lp2pPublicKey *lp2p_identity_get_public_key (Lp2pIdentity *self);
LP2P_AVAILABLE_IN_1_0
Lp2pPeerId *lp2p_identity_get_peer_id (Lp2pIdentity *self);
LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_identity_sign (Lp2pIdentity *self, const guint8 *data, gsize len, GError **error);

G_END_DECLS
