/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "host/lp2p-dial-plan-private.h"
#include "host/lp2p-swarm-private.h"
#include "types/lp2p-trace-private.h"

/* What a kind of address may expect in one dial, asked for with its first address. */
typedef struct
{
  gboolean asked;
  gboolean late;
} Lp2pDialPlace;

/* What the two halves of a dial share: lp2p-dial.c tries addresses,
 * lp2p-dial-addresses.c finds out which. */
struct _Lp2pDial
{
  int refs;
  gint64 trace; /* when it began, for Sysprof */
  Lp2pDials *dials;
  Lp2pSwarm *swarm;
  Lp2pDialOptions options;
  /* Those of the host when the dial began. */
  GPtrArray *transports;
  Lp2pDialPlan *plan;
  /* Addresses, and whether a caller named them. */
  GHashTable *seen;
  /* Names that are being resolved, those of them for which look-ups are under way, and
   * what waits for these to end; how many look-ups are left. */
  guint n_resolving;
  guint n_looking;
  GQueue lookups;
  guint lookups_left;
  /* Of GTask: those who wait for the end of it. */
  GPtrArray *waiters;
  /* Ends what was begun for this dial. */
  GCancellable *cancellable;
  gboolean over;
  /* What led to the peer; %NULL for nothing so far. */
  Lp2pDialTarget *winner;
  Lp2pTimer wake;
  Lp2pTimer deadline;
  guint timeout; /* what dial-timeout was when it began, in seconds */
  Lp2pDialNetworks *networks;
  Lp2pDialFilter filter;
  Lp2pDialHint hint;
  Lp2pDialPlace udp;
  Lp2pDialPlace ip6;
  /* Why each address came to nothing, and the last of the errors. */
  GString *reasons;
  guint n_reasons;
  GError *last;
  gboolean tried;
};

/* Remembers why @address came to nothing. Takes @error. What was tried says more
 * than what was not. */
void lp2p_dial_note (Lp2pDial *self, Lp2pMultiaddr *address, GError *error, gboolean tried);
/* Whether @address was a name that failed only because it has to be looked up here; then
 * that has begun. */
gboolean lp2p_dial_resolve_failed (Lp2pDial *self, Lp2pMultiaddr *address, const GError *error);
