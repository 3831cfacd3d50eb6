/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/plugin/lp2p-descriptor.h>

G_BEGIN_DECLS

LP2P_AVAILABLE_IN_1_0
GType lp2p_loader_load (Lp2pDescriptor *descriptor, GError **error);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_loader_check_file (const char *file, gboolean privileged, GError **error);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_loader_is_privileged (void);

G_END_DECLS
