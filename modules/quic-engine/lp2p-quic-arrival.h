/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-quic-engine.h"

G_BEGIN_DECLS

/* Whether the packets of a connection arrive, and those of the peer. */
typedef struct
{
  gint64 heard_at;
  gint64 keep_alive;   /* how long silence is believed now, 0 for ever */
  gsize in_flight;     /* bytes that are not acknowledged */
  gint64 in_flight_at; /* since when none of them was; 0 where there are none */
} Lp2pQuicArrival;

/* The handshake has ended. */
void lp2p_quic_arrival_ready (Lp2pQuicConnection *self);
/* Data of a stream came or went. */
void lp2p_quic_arrival_used (Lp2pQuicConnection *self);
/* A packet came. */
void lp2p_quic_arrival_heard (Lp2pQuicConnection *self, gint64 now);
/* What was due has been sent. */
void lp2p_quic_arrival_written (Lp2pQuicConnection *self);
/* A timer has expired. */
void lp2p_quic_arrival_expired (Lp2pQuicConnection *self);

/* Has ngtcp2 ask after so much silence. */
void lp2p_quic_arrival_ask_after (Lp2pQuicConnection *self, gint64 silence);
/* For how long nothing has been acknowledged of what is in flight. */
gint64 lp2p_quic_arrival_get_stall (Lp2pQuicConnection *self, gint64 now);
/* Also of what is just being written. */
gsize lp2p_quic_arrival_count_in_flight (Lp2pQuicConnection *self);

G_END_DECLS
