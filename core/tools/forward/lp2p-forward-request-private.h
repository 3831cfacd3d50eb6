/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a peer asks for: the size of a name in one byte, and the name. */

#include <lp2p/lp2p-plugin.h>

#include <gio/gio.h>

G_BEGIN_DECLS

/* Of the name of a service. */
#define TOOL_FORWARD_MAX_NAME 64

gboolean tool_forward_check_name (const char *name, gsize size);
gssize
tool_forward_read_request (Lp2pCursor *cursor, const char **name, gsize *size, GError **error);

G_END_DECLS
