/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The ids that a peer has given, by their sequence numbers. The id of the handshake has 0.
 *
 * @retire_prior_to: those before it are given up
 * @first: those before it are taken for given
 * @given: one bit for each from there on */
typedef struct
{
  guint64 retire_prior_to;
  guint64 first;
  guint64 given;
} Lp2pQuicPeerIds;

#define LP2P_QUIC_PEER_IDS_INIT { 0, 0, 1 }

void lp2p_quic_peer_ids_add (Lp2pQuicPeerIds *self, guint64 number);
gboolean lp2p_quic_peer_ids_has (const Lp2pQuicPeerIds *self, guint64 number);

/* What is known of a packet.
 *
 * @LP2P_QUIC_FRAMES_SETTLED: the handshake is over for ngtcp2
 * @LP2P_QUIC_FRAMES_ELSEWHERE: it shows nothing of where the peer is
 * @LP2P_QUIC_FRAMES_EARLY: it is of early data, in which nothing may be answered */
typedef enum
{
  LP2P_QUIC_FRAMES_SETTLED = 1 << 0,
  LP2P_QUIC_FRAMES_ELSEWHERE = 1 << 1,
  LP2P_QUIC_FRAMES_EARLY = 1 << 2,
} Lp2pQuicFramesFlags;

/* @frames: what a packet contains. Overwritten is an id that was given before and that is
 *   given up, or any that comes again before the handshake is over; an answer from
 *   elsewhere; and what is no frame, with something that surely is none.
 *
 * Returns: FALSE if the packet came too early */
gboolean lp2p_quic_frames_check (guint8 *frames, gsize size, Lp2pQuicPeerIds *ids, Lp2pQuicFramesFlags flags);

G_END_DECLS
