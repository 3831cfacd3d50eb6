/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-loop.h>
#include <lp2p/types/lp2p-config.h>
#include <lp2p/types/lp2p-multiaddr.h>
#include <lp2p/types/lp2p-peer-id.h>

/* How much of the host others may use: the options `max-...` of the group host.
 * Handshakes, connections and streams are counted in all, and by whom they are:
 * peer, IP address, subnet. Each function that fails has counted nothing. */
typedef struct
{
  Lp2pConfig *config;
  guint n_handshakes;
  guint n_streams;
  guint n_leaving;
  GHashTable *prefixes; /* the beginning of an IP address to a count */
  GHashTable *peers;
  GHashTable *connections; /* each to whom it is counted for */
} Lp2pLimits;

Lp2pLimits *lp2p_limits_new (Lp2pConfig *config);
void lp2p_limits_free (Lp2pLimits *self);

/* An inbound handshake. */
gboolean lp2p_limits_begin_handshake (Lp2pLimits *self, Lp2pMultiaddr *address, GError **error);
void lp2p_limits_end_handshake (Lp2pLimits *self, Lp2pMultiaddr *address);
/* Whether half of the places are taken, in all or for the IP of @address: then it is
 * worth finding out whether that is forged. */
gboolean lp2p_limits_is_crowded (Lp2pLimits *self, Lp2pMultiaddr *address);
/* Whether the IP of @address may have one handshake more, whatever others have; and
 * whether two addresses count for the same one. */
gboolean lp2p_limits_has_place (Lp2pLimits *self, Lp2pMultiaddr *address);
gboolean lp2p_limits_same_ip (Lp2pMultiaddr *address, Lp2pMultiaddr *other);
/* A number that stands for the subnet of @address; 0 for all that have none. */
guint64 lp2p_limits_get_subnet (Lp2pMultiaddr *address);

/* Whether all connections are in use that there may be. */
gboolean lp2p_limits_is_full (Lp2pLimits *self);
/* Whether one connection more would do: from there, before anybody knows who it
 * is, and with that peer. */
gboolean lp2p_limits_check_address (Lp2pLimits *self, Lp2pMultiaddr *address, GError **error);
gboolean lp2p_limits_check_connection (Lp2pLimits *self, Lp2pPeerId *peer, Lp2pMultiaddr *address, GError **error);
/* @connection counts as one with @peer at @address, wherever it moves, until it is
 * removed. */
void lp2p_limits_add_connection (Lp2pLimits *self, gpointer connection, Lp2pPeerId *peer, Lp2pMultiaddr *address);
/* All connections with a peer have one share of the time for jobs together: that of the
 * first of them, which the @share of another one joins. */
void lp2p_limits_share_time (Lp2pLimits *self, gpointer connection, Lp2pLoop *share);
/* It is being closed, to make room for another one: its place is free from now on. */
void lp2p_limits_let_go (Lp2pLimits *self, gpointer connection);
void lp2p_limits_remove_connection (Lp2pLimits *self, gpointer connection);

/* A stream that the peer of a connection opened; it is removed with the connection
 * at the latest. */
gboolean lp2p_limits_add_stream (Lp2pLimits *self, gpointer connection, GError **error);
void lp2p_limits_remove_stream (Lp2pLimits *self, gpointer connection);
