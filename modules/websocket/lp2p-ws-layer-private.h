/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-ws-frame.h"
#include "lp2p-ws-layer.h"

G_BEGIN_DECLS

/*
 * Input: frames are read into `in`, unmasked there and lent from there: of its
 * bytes the first `n_plain` are payload.
 *
 * Output: a frame is made of what is written at once, as far as the layer below has
 * room. What it does not take all the same stays in `out`.
 *
 * No memory is held when there is nothing to do.
 */
typedef struct
{
  Lp2pLayer parent;
  Lp2pLayer *lower;
  Lp2pJob job;
  GError *error;

  Lp2pWsParser parser;
  Lp2pHeld in;
  gsize n_plain;
  Lp2pHeld out;
  GBytes *pong; /* for the last ping that could not be answered at once */

  Lp2pReady wanted;
  Lp2pReady lower_wanted;
  guint is_client : 1;
  guint more : 1;      /* the layer below has said that it has more */
  guint eof : 1;       /* the peer's direction has ended */
  guint told_end : 1;  /* the layer above knows of that, or of the error */
  guint can_write : 1; /* the layer below can be written to again */
  guint starved : 1;   /* the layer above was refused room and waits for it */
  guint held_back : 1; /* the layer below may keep what was written for company */
  guint flush_due : 1; /* something of our own was written with others in mind */
  guint flushing : 1;  /* the layer above waits until all has left */
  guint ending : 1;    /* our close is on its way: nothing may follow it */
} Lp2pWsLayer;

int lp2p_ws_layer_fail (Lp2pWsLayer *self, GError *error);
int lp2p_ws_layer_fail_lower (Lp2pWsLayer *self);
void lp2p_ws_layer_update_want (Lp2pWsLayer *self);
void lp2p_ws_layer_queue (Lp2pWsLayer *self);

/* Input */

gssize lp2p_ws_layer_readv (Lp2pLayer *layer, const GInputVector *vectors, guint n_vectors);
gssize lp2p_ws_layer_peek (Lp2pLayer *layer, const guint8 **data);
void lp2p_ws_layer_consume (Lp2pLayer *layer, gsize size);
void lp2p_ws_layer_park (Lp2pLayer *layer);
gboolean lp2p_ws_layer_is_readable (Lp2pWsLayer *self);

/* Output */

gssize lp2p_ws_layer_writev (Lp2pLayer *layer, const GOutputVector *vectors, guint n_vectors, Lp2pWriteFlags flags);
gsize lp2p_ws_layer_write_room (Lp2pLayer *layer);
int lp2p_ws_layer_flush (Lp2pLayer *layer);
int lp2p_ws_layer_shutdown_write (Lp2pLayer *layer);
gsize lp2p_ws_layer_get_room (Lp2pWsLayer *self);
gboolean lp2p_ws_layer_is_blocked (Lp2pWsLayer *self);
int lp2p_ws_layer_drain (Lp2pWsLayer *self);
int lp2p_ws_layer_finish (Lp2pWsLayer *self);
void lp2p_ws_layer_answer_ping (Lp2pWsLayer *self);
void lp2p_ws_layer_send_close (Lp2pWsLayer *self, guint16 code, const char *reason);

G_END_DECLS
