/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-loadable-types.h>
#include <lp2p/plugin/lp2p-registry.h>

/* For those that make loadable objects work: the host, and whoever tests an object.
 * Applications and bindings do not see this. */

G_BEGIN_DECLS

LP2P_AVAILABLE_IN_1_0
GType lp2p_loader_load (Lp2pDescriptor *descriptor, GError **error);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_loader_check_file (const char *file, gboolean privileged, GError **error);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_loader_is_privileged (void);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_registry_create (Lp2pRegistry *self,
                                 const char *kind,
                                 GPtrArray *existing,
                                 Lp2pContext *context);
LP2P_AVAILABLE_IN_1_0
Lp2pExtension *lp2p_registry_create_one (Lp2pRegistry *self,
                                         const char *kind,
                                         const char *name,
                                         Lp2pContext *context,
                                         GError **error);

G_END_DECLS
