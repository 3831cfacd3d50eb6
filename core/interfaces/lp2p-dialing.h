/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include <lp2p/interfaces/lp2p-raw-connection.h>

G_BEGIN_DECLS

/**
 * Lp2pDialings: (skip)
 *
 * The dials of a transport that are under way. All zeros are none.
 */
typedef struct
{
  /*< private >*/
  GQueue running;
  gboolean stopped;
} Lp2pDialings;

/**
 * Lp2pDialing: (skip)
 * @task: what yields the `Lp2pRawConnection`
 * @cancellable: triggered with that of the task, and when the transport stops
 * @address: what is dialed
 *
 * What every dial has that is made of steps with a cancellable: transports put it
 * first into a structure of their own.
 */
typedef struct
{
  GTask *task;
  GCancellable *cancellable;
  Lp2pMultiaddr *address;

  /*< private >*/
  Lp2pDialings *dialings;
  gulong cancelled;
  GList link;
} Lp2pDialing;

LP2P_AVAILABLE_IN_1_0
gboolean lp2p_dialings_check (Lp2pDialings *self, Lp2pMultiaddr *address, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_dialings_stop (Lp2pDialings *self);

LP2P_AVAILABLE_IN_1_0
void lp2p_dialing_begin (Lp2pDialing *self, Lp2pDialings *dialings, GTask *task, Lp2pMultiaddr *address);
LP2P_AVAILABLE_IN_1_0
void lp2p_dialing_end (Lp2pDialing *self, Lp2pRawConnection *raw, GError *error);

G_END_DECLS
