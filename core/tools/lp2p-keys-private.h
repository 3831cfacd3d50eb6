/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Keys in key stores, as `lp2p id` shows, moves and removes them. */

#include "tools/lp2p-tool-private.h"

G_BEGIN_DECLS

/* What the key of `lp2p id` and `lp2p listen` is called unless something else is said. */
#define TOOL_KEY_NAME "identity"

/* Each waits for a call of the store, for as long as the user takes to unlock it. */
Lp2pIdentity *tool_key_load (Lp2pKeyStore *store, const char *name, GError **error);
gboolean tool_key_save (Lp2pKeyStore *store, const char *name, Lp2pIdentity *identity, GError **error);

/* What `lp2p id` does besides; each reports its failures and returns what the process is
 * to end with. @json: whether to print objects. */
int tool_keys_list (Lp2pConfig *config, gboolean json);
int tool_keys_copy (Lp2pConfig *config, const char *from, const char *name, const char *to, gboolean move);
int tool_keys_remove (Lp2pConfig *config, const char *from, const char *name, gboolean force);

G_END_DECLS
