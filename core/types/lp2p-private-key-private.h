/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "types/lp2p-crypto-private.h"

#include <lp2p/types/lp2p-identity.h>

G_BEGIN_DECLS

/* Between a libcrypto key pair and what the `Data` fields of the libp2p key
 * messages hold. */

EVP_PKEY *lp2p_private_key_generate (Lp2pKeyType key_type);
EVP_PKEY *lp2p_private_key_read (Lp2pKeyType key_type,
                                 const guint8 *data,
                                 gsize len,
                                 GError **error);
GBytes *lp2p_private_key_write (Lp2pKeyType key_type, EVP_PKEY *key);
GBytes *lp2p_private_key_write_public (Lp2pKeyType key_type, EVP_PKEY *key);
gboolean lp2p_private_key_get_kind (EVP_PKEY *key, Lp2pKeyType *key_type);

/* Takes a key pair of any origin; the identity has a checked copy of it. */
Lp2pIdentity *lp2p_identity_new_from_key (EVP_PKEY *key, GError **error);

G_END_DECLS
