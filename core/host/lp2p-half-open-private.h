/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-multiaddr.h>

/*
 * Which inbound handshake is given up for one that begins. Strangers may begin as
 * many as they like, so whoever is meant to stay must differ from them in what costs
 * something: in how far it has come, and in where it comes from.
 *
 * Handshakes are in one of two stages, and the one to go is of the stage with more of
 * them. Those who say nothing so never push out one that has come further, and those
 * who stop further on leave half of the places to newcomers. In that stage it is of
 * the subnet with the most of them, and of these the one that has been there longest.
 */

typedef enum
{
  LP2P_HALF_OPEN_AGREEING, /* no security protocol is agreed on */
  LP2P_HALF_OPEN_SECURING,
  LP2P_HALF_OPEN_N_STAGES,
} Lp2pHalfOpenStage;

typedef struct _Lp2pHalfOpenGroup Lp2pHalfOpenGroup;

/* One handshake, embedded in what it is about. */
typedef struct
{
  Lp2pMultiaddr *address;
  Lp2pHalfOpenGroup *group; /* NULL when it is not counted */
  guint64 since;
  GList link;
} Lp2pHalfOpenEntry;

typedef struct
{
  guint n_entries[LP2P_HALF_OPEN_N_STAGES];
  GHashTable *groups[LP2P_HALF_OPEN_N_STAGES];  /* subnet to group */
  GSequence *ordered[LP2P_HALF_OPEN_N_STAGES]; /* of groups, that of the next one to go first */
  guint64 next;
} Lp2pHalfOpen;

void lp2p_half_open_init (Lp2pHalfOpen *self);
/* There are no entries by then. */
void lp2p_half_open_clear (Lp2pHalfOpen *self);

/* Costs of all of them grow with the logarithm of the number of subnets. */
void lp2p_half_open_add (Lp2pHalfOpen *self, Lp2pHalfOpenEntry *entry, Lp2pMultiaddr *address);
/* A security protocol is agreed on. */
void lp2p_half_open_advance (Lp2pHalfOpen *self, Lp2pHalfOpenEntry *entry);
/* Does nothing when it is not counted any more. */
void lp2p_half_open_remove (Lp2pHalfOpen *self, Lp2pHalfOpenEntry *entry);

/* Returns: (nullable): the one to give up, if there are any */
Lp2pHalfOpenEntry *lp2p_half_open_choose (Lp2pHalfOpen *self);
/* The same among those of the IP of @address; takes time with those of its subnet. */
Lp2pHalfOpenEntry *lp2p_half_open_choose_of_ip (Lp2pHalfOpen *self, Lp2pMultiaddr *address);
