/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-loop.h>

G_BEGIN_DECLS

/* Calls @func with @data where @loop runs when @cancellable is cancelled.
 *
 * Returns: (nullable): what to drop when that is not wanted any longer, %NULL without a
 *   @cancellable */
GSource *lp2p_cancel_watch (Lp2pLoop *loop, GCancellable *cancellable, GCancellableSourceFunc func, gpointer data);
void lp2p_cancel_drop (gpointer source);

G_END_DECLS
