/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-transport.h>

#include "host/lp2p-dial-filter-private.h"

/* Most addresses of one dial: what four interfaces with both families and four
 * transports have. More than that is somebody who wants others dialed. */
#define LP2P_DIAL_MAX_TARGETS 32
/* What all the names of a peer are worth, whatever it wants looked up; a public node has
 * one or two. Of so many names at a time, of which the resolver looks up four each. */
#define LP2P_DIAL_MAX_LOOKUPS 64
#define LP2P_DIAL_MAX_LOOKING 4
/* Most attempts of one dial at once, and of a host: go-libp2p's numbers. The
 * second leaves descriptors for connections under the usual limit of 1024. */
#define LP2P_DIAL_MAX_PARALLEL 8
#define LP2P_DIAL_MAX_PARALLEL_HOST 160

/* How long one address has before the next one is tried as well, while nothing is known
 * of how long connections take: the connection attempt delay that RFC 8305 recommends,
 * and what is near answers within a few milliseconds or not at all; go-libp2p waits as
 * long. */
#define LP2P_DIAL_PUBLIC_DELAY_US (250 * 1000)
#define LP2P_DIAL_NEAR_DELAY_US (30 * 1000)

typedef enum
{
  LP2P_DIAL_WAITS,
  LP2P_DIAL_RUNS,
  LP2P_DIAL_OVER,
} Lp2pDialState;

/**
 * Lp2pDialTarget:
 * @address: the address, without names to resolve or the peer's id
 * @transport: which dials it
 * @host_name: (nullable): the name it was resolved from
 * @rank: what the transport says of it
 * @scope: how near it is
 * @udp: over UDP
 * @limited: over a relay
 * @worked: it led to this peer before
 * @late: it is of a kind that seems to lead nowhere: tried behind all others that are as
 *   near, whatever its rank
 * @delay: how long the next one waits for it, in microseconds
 * @started: when it was, once it is
 *
 * One address of a dial. What is not described belongs to the plan.
 */
typedef struct
{
  Lp2pMultiaddr *address;
  Lp2pTransport *transport;
  const char *host_name;
  guint rank;
  Lp2pDialScope scope;
  gboolean udp;
  gboolean limited;
  gboolean worked;
  gboolean late;
  gint64 delay;
  gint64 started;
  /*< private >*/
  Lp2pDialState state;
  guint lane;
  guint nth;
  guint place;
  gint64 due;
} Lp2pDialTarget;

/* Which address to try when: addresses and the time in, decisions out. */
typedef struct _Lp2pDialPlan Lp2pDialPlan;

Lp2pDialPlan *lp2p_dial_plan_new (gint64 now);
void lp2p_dial_plan_free (Lp2pDialPlan *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pDialPlan, lp2p_dial_plan_free)

/* Nothing waits for its turn: a hole is punched at one moment. */
void lp2p_dial_plan_start_at_once (Lp2pDialPlan *self);
gboolean lp2p_dial_plan_contains (Lp2pDialPlan *self, Lp2pMultiaddr *address);
/* %FALSE when there are enough. */
gboolean lp2p_dial_plan_add (Lp2pDialPlan *self, const Lp2pDialTarget *target);
/* The next one to start now, which then runs; %NULL for none yet. @wake is when
 * to ask again, -1 when only the end of an attempt can change anything. The
 * target stays valid as long as the plan. */
Lp2pDialTarget *lp2p_dial_plan_next (Lp2pDialPlan *self, gint64 now, gint64 *wake);
/* An attempt came to nothing. */
void lp2p_dial_plan_failed (Lp2pDialPlan *self, Lp2pDialTarget *target, gint64 now);
/* Whether there is nothing left to try or to wait for. */
gboolean lp2p_dial_plan_is_over (Lp2pDialPlan *self);
