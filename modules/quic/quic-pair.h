/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "quic-stranger.h"
#include "test-wire.h"

G_BEGIN_DECLS

/* Two hosts of which one has dialed the other.
 *
 * @wire: (nullable): between them
 * @raw: the two ends of the connection, that of the dialer first
 * @dialed, @accepted: their sessions */
typedef struct
{
  TestWorld *world;
  TestWire *wire;
  QuicHost listener;
  QuicHost dialer;
  Lp2pRawConnection *raw[2];
  Lp2pMuxerSession *dialed;
  Lp2pMuxerSession *accepted;
} QuicPair;

/* @config: (nullable): of the listener. @wired: whether they are some way apart, in which
 * case time goes by while a test waits. */
void quic_pair_init (QuicPair *self, const char *config, gboolean wired);
void quic_pair_connect (QuicPair *self);
void quic_pair_clear (QuicPair *self);

/* From the dialer to the listener. */
Lp2pMuxerStream *quic_pair_open (QuicPair *self);
/* One that must have come. */
Lp2pMuxerStream *quic_pair_accept (QuicPair *self);
/* Writes bytes of the pattern; returns how many were taken. */
gsize quic_pair_write (QuicPair *self, Lp2pMuxerStream *stream, gsize size, gsize offset);
/* Reads what there is and checks it; returns how much that was. */
gsize quic_pair_read (QuicPair *self, Lp2pMuxerStream *stream, gsize offset);

G_END_DECLS
