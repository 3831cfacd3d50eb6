/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

LP2P_AVAILABLE_IN_1_0
char *lp2p_base58btc_encode (const guint8 *data, gsize len);
LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_base58btc_decode (const char *text, GError **error);

LP2P_AVAILABLE_IN_1_0
char *lp2p_multibase_encode (char base, const guint8 *data, gsize len);
LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_multibase_decode (const char *text, GError **error);

G_END_DECLS
