/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

char *lp2p_quote (const char *text, gsize len);

G_END_DECLS
