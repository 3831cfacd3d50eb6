/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <gnutls/gnutls.h>

G_BEGIN_DECLS

/* Which first messages with early data a server has seen. */
typedef struct _Lp2pQuicReplay Lp2pQuicReplay;

/* Of early data, how late it may be and how long it is remembered, in seconds: as long as
 * GnuTLS lets a ticket hold. With the first early data behind it, GnuTLS begins anew, and
 * takes none with the tickets that it gave before. */
#define LP2P_QUIC_REPLAY_WINDOW (6 * 3600)

/* @ticket_keys: of the tickets with which early data comes, which are made anew where so
 *   much came that no more can be remembered */
Lp2pQuicReplay *lp2p_quic_replay_new (GHashTable *ticket_keys);
void lp2p_quic_replay_free (Lp2pQuicReplay *self);
/* For gnutls_anti_replay_enable(), as long as @self is there; NULL if GnuTLS has none. */
gnutls_anti_replay_t lp2p_quic_replay_get (Lp2pQuicReplay *self);
/* As GnuTLS calls it, with what it takes for the end in real time; returns 0 when @key is
 * new, else an error. */
int lp2p_quic_replay_add (gpointer self, time_t expires, const gnutls_datum_t *key, const gnutls_datum_t *value);

G_END_DECLS
