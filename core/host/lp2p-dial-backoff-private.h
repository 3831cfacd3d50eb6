/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-multiaddr.h>
#include <lp2p/types/lp2p-peer-id.h>

/* Which addresses of which peers failed of late, and until when they are left
 * alone. Time is handed in, in microseconds of the loop. */
typedef struct _Lp2pDialBackoff Lp2pDialBackoff;

Lp2pDialBackoff *lp2p_dial_backoff_new (void);
void lp2p_dial_backoff_free (Lp2pDialBackoff *self);
/* When @address may be dialed again; 0 when it may be now. @peer may be %NULL,
 * where nobody in particular is expected. */
gint64 lp2p_dial_backoff_get_until (Lp2pDialBackoff *self, Lp2pPeerId *peer, Lp2pMultiaddr *address, gint64 now);
/* Why it failed last, shortened where that is long; %NULL when it did not. */
const GError *lp2p_dial_backoff_get_reason (Lp2pDialBackoff *self, Lp2pPeerId *peer, Lp2pMultiaddr *address);
void lp2p_dial_backoff_add_failure (Lp2pDialBackoff *self, Lp2pPeerId *peer, Lp2pMultiaddr *address, const GError *reason, gint64 now);
void lp2p_dial_backoff_clear (Lp2pDialBackoff *self, Lp2pPeerId *peer, Lp2pMultiaddr *address);
guint lp2p_dial_backoff_get_size (Lp2pDialBackoff *self);
