/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-connection.h>
#include <lp2p/interfaces/lp2p-transport.h>

#include "host/lp2p-black-hole-private.h"
#include "host/lp2p-dial-backoff-private.h"
#include "host/lp2p-dial-filter-private.h"
#include "host/lp2p-dial-hint-private.h"
#include "host/lp2p-dial-pace-private.h"
#include "host/lp2p-dial-plan-private.h"

typedef struct _Lp2pSwarm Lp2pSwarm;
typedef struct _Lp2pDial Lp2pDial;

/**
 * Lp2pDials:
 * @swarm: whose dials these are
 * @running: (element-type Lp2pDial): all of them
 * @starved: (element-type Lp2pDial): those that wait because the host makes as
 *   many attempts as it may
 * @n_attempts: how many it makes; those over relays count where they dial these
 * @backoff: what failed of late
 * @guesses: connections to how they were made, as long as their peers have not
 *   agreed to the muxer that was proposed ahead
 * @racing: early connections to the cancellable of their dials, as long as these go on
 * @udp: whether UDP leads anywhere
 * @ip6: whether IPv6 does
 * @paces: how long connections take: for what is near, else for the rest; over UDP, or
 *   not
 * @network: (nullable): what the network is called of which all this was learned
 * @networks: (nullable): where this machine is, as it was at @networks_at
 * @networks_at: the loop's time
 * @gater: (nullable): the application's say about each address
 *
 * What all dials of a host share.
 */
typedef struct
{
  Lp2pSwarm *swarm;
  GPtrArray *running;
  GQueue starved;
  guint n_attempts;
  Lp2pDialBackoff *backoff;
  GHashTable *guesses;
  GHashTable *racing;
  Lp2pBlackHole udp;
  Lp2pBlackHole ip6;
  Lp2pDialPace paces[2][2];
  char *network;
  Lp2pDialNetworks *networks;
  gint64 networks_at;
  Lp2pDialGater gater;
  gpointer gater_data;
} Lp2pDials;

Lp2pDials *lp2p_dials_new (Lp2pSwarm *swarm);
void lp2p_dials_free (Lp2pDials *self);
/* Fails whatever runs. */
void lp2p_dials_close (Lp2pDials *self);
/* What connections teach. */
void lp2p_dials_connected (Lp2pDials *self, Lp2pConnection *connection);
/* (transfer full): where this machine is. */
Lp2pDialNetworks *lp2p_dials_get_networks (Lp2pDials *self);
/* How near @peer was seen. */
void lp2p_dials_get_nearness (Lp2pDials *self, Lp2pPeerId *peer, Lp2pDialFilter *filter);

/* What was learned of another network does not hold in this one. */
void lp2p_dials_check_network (Lp2pDials *self);
/* Whether @peer did not answer over UDP of late, where it did otherwise. */
gboolean lp2p_dials_get_silent (Lp2pDials *self, Lp2pPeerId *peer);
void lp2p_dials_set_silent (Lp2pDials *self, Lp2pPeerId *peer, gboolean silent);
/* How long an address of @scope has before the next one is tried. */
gint64 lp2p_dials_get_delay (Lp2pDials *self, Lp2pDialScope scope, gboolean udp);
void lp2p_dials_note_time (Lp2pDials *self, Lp2pDialScope scope, gboolean udp, gint64 took);

/* lp2p-dial.c: one dial, for all who want it. */

/* @options says for whom; addresses are added before it starts and while it runs. */
Lp2pDial *lp2p_dial_new (Lp2pDials *dials, const Lp2pDialOptions *options);
Lp2pDial *lp2p_dial_ref (Lp2pDial *self);
void lp2p_dial_unref (Lp2pDial *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pDial, lp2p_dial_unref)
/* Whether who wants @options is served by this dial too. */
gboolean lp2p_dial_serves (Lp2pDial *self, const Lp2pDialOptions *options);
/* @given: the caller named the addresses; else the peer, or somebody else, did. */
void lp2p_dial_add_addresses (Lp2pDial *self, GPtrArray *addresses, gboolean given);
/* @task (transfer full) is returned a connection or the reasons. When the last one
 * is cancelled so is the dial. */
void lp2p_dial_add_waiter (Lp2pDial *self, GTask *task);
/* Goes on as far as is possible now. */
void lp2p_dial_kick (Lp2pDial *self);
/* Ends it. Takes @error. */
void lp2p_dial_fail (Lp2pDial *self, GError *error);

/* lp2p-dial-attempt.c: one address. */

/* Connects and upgrades, where needed a second time without guesses. Ends in the
 * connection, or in an error; a connection that is too late for @cancellable is
 * closed. */
void lp2p_dial_attempt_async (Lp2pDials *dials, Lp2pTransport *transport, Lp2pMultiaddr *address, const Lp2pDialOptions *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/* @answered: whether something came back from the address at all */
Lp2pConnection *lp2p_dial_attempt_finish (GAsyncResult *result, gboolean *answered, GError **error);
GHashTable *lp2p_dial_guesses_new (void);
/* What became of a muxer that was proposed ahead. A refused one has the address dialed
 * once more, for the same connection. */
void lp2p_dials_muxer_agreed (Lp2pDials *self, Lp2pConnection *connection);
void lp2p_dials_muxer_refused (Lp2pDials *self, Lp2pConnection *connection);
/* Ends what is under way for the connection. */
void lp2p_dials_disconnected (Lp2pDials *self, Lp2pConnection *connection);

/* lp2p-dial-early.c: those of connections that are early. */

/* @dial: ends with it */
void lp2p_dials_add_early (Lp2pDials *self, Lp2pConnection *connection, GCancellable *dial);
/* It is verified, or over. */
void lp2p_dials_remove_early (Lp2pDials *self, Lp2pConnection *connection);
/* (transfer full) (nullable): the one of @dial that goes on with another session. */
Lp2pConnection *lp2p_dials_find_early (Lp2pDials *self, GCancellable *dial);
/* No other address will do. @error (nullable): why none did */
void lp2p_dials_end_race (Lp2pDials *self, GCancellable *dial, const GError *error);
