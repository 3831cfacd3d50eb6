/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-key-store.h>

G_BEGIN_DECLS

#define LP2P_TYPE_FILE_KEY_STORE (lp2p_file_key_store_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (Lp2pFileKeyStore, lp2p_file_key_store, LP2P, FILE_KEY_STORE, Lp2pExtension)

LP2P_AVAILABLE_IN_1_0
Lp2pFileKeyStore *lp2p_file_key_store_new (const char *folder);
LP2P_AVAILABLE_IN_1_0
char *lp2p_file_key_store_dup_path (Lp2pFileKeyStore *self, const char *name);

G_END_DECLS
