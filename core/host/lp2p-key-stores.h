/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-key-store.h>
#include <lp2p/types/lp2p-config.h>

G_BEGIN_DECLS

LP2P_AVAILABLE_IN_1_0
char **lp2p_key_stores_dup_names (Lp2pConfig *config);
LP2P_AVAILABLE_IN_1_0
Lp2pKeyStore *lp2p_key_stores_open (Lp2pConfig *config, const char *name, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_key_stores_load_async (Lp2pConfig *config,
                                 const char *name,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data);
LP2P_AVAILABLE_IN_1_0
Lp2pIdentity *lp2p_key_stores_load_finish (GAsyncResult *result, GError **error);

G_END_DECLS
