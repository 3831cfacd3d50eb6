/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the descriptors of transports say of them: which addresses they have, and so
 * where one listens when nobody has named an address. No transport is known by name. */

#include "tools/lp2p-tool-private.h"

G_BEGIN_DECLS

Lp2pDescriptor *tool_find_transport (GListModel *descriptors, const char *name);
Lp2pDescriptor *tool_find_transport_for (GListModel *descriptors, Lp2pMultiaddr *address);
gboolean tool_transport_has (Lp2pDescriptor *transport, const char *trait);
gboolean tool_transport_needs_relay (Lp2pDescriptor *transport);
gboolean tool_transport_has_ip (Lp2pDescriptor *transport);
char *tool_transport_dup_address (Lp2pDescriptor *transport, const char *ip);

G_END_DECLS
