/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "quic-stranger.h"
#include "test-wire.h"

G_BEGIN_DECLS

/* Two hosts that are connected over a line on which datagrams take their time. */
typedef struct
{
  TestWorld *world;
  TestWire *wire;
  QuicHost listener;
  QuicHost dialer;
  Lp2pRawConnection *raw[2]; /* dialed, accepted */
  Lp2pMuxerSession *dialed;
  Lp2pMuxerSession *accepted;
} QuicPair;

void quic_pair_init (QuicPair *self);
/* A connection that a test has freed already is NULL. */
void quic_pair_clear (QuicPair *self);

G_END_DECLS
