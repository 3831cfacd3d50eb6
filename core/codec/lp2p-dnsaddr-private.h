/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-multiaddr.h>

G_BEGIN_DECLS

GPtrArray *lp2p_dns_read_txt (const guint8 *data, gsize len, GError **error);
Lp2pMultiaddr *lp2p_dnsaddr_parse (const char *record, GError **error);
gboolean lp2p_dnsaddr_matches (Lp2pMultiaddr *address, Lp2pMultiaddr *suffix);

G_END_DECLS
