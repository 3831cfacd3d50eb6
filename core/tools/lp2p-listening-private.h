/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where a command listens: where it was told to, else where the configuration says,
 * else on a free port of each transport. */

#include "tools/lp2p-session-private.h"

G_BEGIN_DECLS

GPtrArray *tool_parse_addresses (char **texts, GError **error);
GStrv tool_list_addresses (GPtrArray *addresses);
gboolean tool_forget_listen (Lp2pConfig *config, GError **error);
gboolean
tool_listen (Lp2pHost *host, ToolOptions *options, GPtrArray *addresses, GError **error);

G_END_DECLS
