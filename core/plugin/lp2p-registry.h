/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/plugin/lp2p-descriptor.h>
#include <lp2p/types/lp2p-config.h>

G_BEGIN_DECLS

#define LP2P_TYPE_REGISTRY (lp2p_registry_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (Lp2pRegistry, lp2p_registry, LP2P, REGISTRY, GObject)

LP2P_AVAILABLE_IN_1_0
Lp2pRegistry *lp2p_registry_new (Lp2pConfig *config);
LP2P_AVAILABLE_IN_1_0
char **lp2p_registry_dup_search_path (Lp2pRegistry *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_registry_scan (Lp2pRegistry *self);
LP2P_AVAILABLE_IN_1_0
GListModel *lp2p_registry_get_descriptors (Lp2pRegistry *self);
LP2P_AVAILABLE_IN_1_0
Lp2pDescriptor *lp2p_registry_find (Lp2pRegistry *self, const char *name);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_registry_is_enabled (Lp2pRegistry *self, Lp2pDescriptor *descriptor);
LP2P_AVAILABLE_IN_1_0
char **lp2p_registry_dup_enabled (Lp2pRegistry *self, const char *kind);
LP2P_AVAILABLE_IN_1_0
char **lp2p_registry_get_missing (Lp2pRegistry *self);

G_END_DECLS
