/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* What this host says of itself. */
typedef struct _Lp2pIdentifyLocal Lp2pIdentifyLocal;

Lp2pIdentifyLocal *lp2p_identify_local_new (Lp2pContext *context, const char *group);
void lp2p_identify_local_free (Lp2pIdentifyLocal *self);

/* Something of it is different now. */
void lp2p_identify_local_invalidate (Lp2pIdentifyLocal *self);
/* Rises each time that happens, never 0. */
guint lp2p_identify_local_get_generation (Lp2pIdentifyLocal *self);
/* The message for a peer whose end of the connection is at @observed, framed. */
GBytes *lp2p_identify_local_encode (Lp2pIdentifyLocal *self, Lp2pMultiaddr *observed);

G_END_DECLS
