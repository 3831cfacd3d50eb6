/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-identify-message.h"

G_BEGIN_DECLS

#define LP2P_IDENTIFY_PROTOCOL      "/ipfs/id/1.0.0"
#define LP2P_IDENTIFY_PUSH_PROTOCOL "/ipfs/id/push/1.0.0"

/* The four things that happen on a stream. */
typedef enum
{
  /* We opened it, the peer says who it is. */
  LP2P_IDENTIFY_FETCH,
  /* The peer opened it, we say who we are. */
  LP2P_IDENTIFY_SERVE,
  /* We opened it to say what is new. */
  LP2P_IDENTIFY_PUSH,
  /* The peer opened it to say what is new. */
  LP2P_IDENTIFY_ACCEPT,
} Lp2pIdentifyKind;

/* One message over one stream, within a time limit. */
typedef struct _Lp2pIdentifyExchange Lp2pIdentifyExchange;

/* Called once, unless it was cancelled. @message is what the peer said, if it
 * was to say something; @error is why it failed. */
typedef void (*Lp2pIdentifyDone) (Lp2pIdentifyExchange *exchange,
                                  Lp2pIdentifyMessage *message,
                                  const GError *error,
                                  gpointer user_data);

Lp2pIdentifyExchange *lp2p_identify_exchange_new (Lp2pIdentifyKind kind,
                                                  Lp2pConnection *connection,
                                                  Lp2pLoop *loop,
                                                  Lp2pIdentifyDone done,
                                                  gpointer user_data);
Lp2pIdentifyExchange *lp2p_identify_exchange_ref (Lp2pIdentifyExchange *self);
void lp2p_identify_exchange_unref (Lp2pIdentifyExchange *self);

/* Begins; where the peer opened the stream, @stream is that, else %NULL. Where
 * we speak, @message is what. */
void lp2p_identify_exchange_start (Lp2pIdentifyExchange *self, Lp2pStream *stream, GBytes *message);
void lp2p_identify_exchange_cancel (Lp2pIdentifyExchange *self);

Lp2pIdentifyKind lp2p_identify_exchange_get_kind (Lp2pIdentifyExchange *self);
Lp2pConnection *lp2p_identify_exchange_get_connection (Lp2pIdentifyExchange *self);

G_END_DECLS
