/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include <lp2p/types/lp2p-config.h>

G_BEGIN_DECLS

LP2P_AVAILABLE_IN_1_0
void lp2p_settings_bind (Lp2pConfig *config, const char *group, GSettings *settings);
LP2P_AVAILABLE_IN_1_0
guint lp2p_settings_bind_all (Lp2pConfig *config, const char *path);

G_END_DECLS
