/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <gnutls/gnutls.h>

G_BEGIN_DECLS

/* What a server has seen and does not take again: first messages with early data, or
 * tokens. Each kind has a store of its own. */
typedef struct _Lp2pQuicReplay Lp2pQuicReplay;

/* The most that are remembered. Where more come, the rest is not taken early. Tokens are
 * remembered for as long as they hold. */
#define LP2P_QUIC_REPLAY_MAX 8192

/* Of early data, how late it may be and how long it is remembered, in seconds: as long as
 * GnuTLS lets a ticket hold. With the first early data behind it, GnuTLS begins anew, and
 * takes none with the tickets that it gave before. */
#define LP2P_QUIC_REPLAY_WINDOW (6 * 3600)

Lp2pQuicReplay *lp2p_quic_replay_new (void);
void lp2p_quic_replay_free (Lp2pQuicReplay *self);
gboolean lp2p_quic_replay_is_full (Lp2pQuicReplay *self);
/* For gnutls_anti_replay_enable(); NULL if GnuTLS has none. */
gnutls_anti_replay_t lp2p_quic_replay_get (Lp2pQuicReplay *self);
/* Returns: 0 when @key is new and remembered until @expires, by the clock of @now, else an
 * error */
int lp2p_quic_replay_add (Lp2pQuicReplay *self, const gnutls_datum_t *key, gint64 now, gint64 expires);

G_END_DECLS
