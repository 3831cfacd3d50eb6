/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

LP2P_AVAILABLE_IN_1_0
char *lp2p_quote (const char *text, gsize len);

G_END_DECLS
