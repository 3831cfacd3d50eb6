/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-loop.h>

G_BEGIN_DECLS

/**
 * Lp2pFlushHold: (skip)
 *
 * Holds back the flushes of a layer whose handshake has just ended: the last message of
 * it, written with %LP2P_WRITE_MORE, leaves together with what others write first.
 */
typedef struct
{
  /*< private >*/
  Lp2pJob turn;
  Lp2pJob *work;
  guint8 turns;
  gboolean over;
  gboolean asked;
} Lp2pFlushHold;

LP2P_AVAILABLE_IN_1_0
void lp2p_flush_hold_init (Lp2pFlushHold *self, Lp2pJob *work);
LP2P_AVAILABLE_IN_1_0
void lp2p_flush_hold_begin (Lp2pFlushHold *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_flush_hold_defers (Lp2pFlushHold *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_flush_hold_take (Lp2pFlushHold *self, gboolean *asked);
LP2P_AVAILABLE_IN_1_0
void lp2p_flush_hold_end (Lp2pFlushHold *self);

G_END_DECLS
