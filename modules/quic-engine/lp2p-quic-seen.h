/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a server has seen and does not take again: first messages with early data, or
 * tokens. */
typedef struct _Lp2pQuicSeen Lp2pQuicSeen;

/* The most that are remembered. Whoever uses it makes a full one anew, and what was seen
 * void in another way. */
#define LP2P_QUIC_SEEN_MAX 8192

Lp2pQuicSeen *lp2p_quic_seen_new (void);
void lp2p_quic_seen_free (Lp2pQuicSeen *self);
gboolean lp2p_quic_seen_is_full (Lp2pQuicSeen *self);
/* Returns: whether that is new, and remembered until @expires, by the clock of @now */
gboolean lp2p_quic_seen_add (Lp2pQuicSeen *self, gconstpointer data, gsize size, gint64 now, gint64 expires);

G_END_DECLS
