/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-quic-compat.h"
#include "lp2p-quic-engine.h"

G_BEGIN_DECLS

/* A packet that is larger than those which are known to arrive. */
typedef struct
{
  gsize size;
  gint64 sent_at;
  gint64 stream; /* has bytes in it, the last of them before @end */
  guint64 end;
  gsize in_flight; /* of what was in flight with it, as far as it is; 0 when it does not count any more */
} Lp2pQuicTrial;

/* How large the packets of a connection may be. */
typedef struct
{
  gsize link;          /* that we keep to; 0 where ngtcp2 finds out what passes */
  gsize narrow;        /* larger packets did not arrive, 0 where nothing is known of such */
  gint64 widen_at;     /* when one is tried, 0 before anything has arrived since */
  gint64 widen_wait;   /* and how long after that another one */
  Lp2pQuicTrial trial; /* the last one */
  gint64 last_stream;  /* with bytes in the packet that was written last, -1 for none */
  guint64 last_end;    /* where they end */
} Lp2pQuicSize;

/* Before there is a connection of ngtcp2. */
void lp2p_quic_size_begin (Lp2pQuicConnection *self, Lp2pQuicProbes *probes, ngtcp2_settings *settings, ngtcp2_transport_params *params);
/* What did not arrive says nothing any more. */
void lp2p_quic_size_reset (Lp2pQuicConnection *self);
/* The path is another one. */
void lp2p_quic_size_follow (Lp2pQuicConnection *self);

/* So many bytes are not in flight any more, whether they arrived or not. */
void lp2p_quic_size_left_flight (Lp2pQuicConnection *self, gsize size);
/* Some of them did. */
void lp2p_quic_size_arrived (Lp2pQuicConnection *self, gint64 now);
/* All of @stream before @end has arrived. */
void lp2p_quic_size_acknowledged (Lp2pQuicConnection *self, gint64 stream, guint64 end);
/* A timer has expired. */
void lp2p_quic_size_expired (Lp2pQuicConnection *self);
/* A packet of @size was written, which is larger than others may be. */
void lp2p_quic_size_tried (Lp2pQuicConnection *self, gsize size);

/* What packets are filled to; and the first one of a batch, with which it is found out
 * whether more passes. */
gsize lp2p_quic_size_get_max (Lp2pQuicConnection *self);
gsize lp2p_quic_size_get_probe (Lp2pQuicConnection *self);

G_END_DECLS
