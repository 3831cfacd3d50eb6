/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup-message-headers.h>

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* Who the client of a reverse proxy is. */

GPtrArray *lp2p_ws_forwarded_parse_proxies (const char *const *proxies, GError **error);
Lp2pMultiaddr *lp2p_ws_forwarded_client (Lp2pMultiaddr *remote_address,
                                         SoupMessageHeaders *request,
                                         GPtrArray *trusted_proxies);

G_END_DECLS
