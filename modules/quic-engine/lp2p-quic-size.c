/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How large packets may be.
 *
 * The link that the path begins with says what it takes. Where the peer is on that link,
 * that is all there is to know: loopback takes 65 KB, which cost a third of what they
 * cost in packets of 1.5 KB, and a local network may take 9 KB. Where there are others
 * behind it, ngtcp2 finds out what passes. */

#include "lp2p-quic-private.h"

/* What the kernel takes at once, and a usual link. */
#define MAX_SIZE      65000
#define LARGEST_USUAL 1472

/* After two probes, the second at twice the time, nothing has been acknowledged. */
#define BLACK_HOLE_PTOS 3
/* Then one larger packet after the other is tried, the first soon, and after each that is
 * lost the next one in twice the time, up to that of RFC 8899 section 5.1.1. */
#define FIRST_WAIT_US   (G_USEC_PER_SEC / 4)
#define LONGEST_WAIT_US (600 * (gint64) G_USEC_PER_SEC)

/* What the link takes */

/* What a peer on another link is sent without asking. */
static gsize
find_link (Lp2pQuicConnection *self)
{
  const struct sockaddr *remote = self->path.path.remote.addr;
  gsize size = lp2p_udp_is_on_link (remote) ? lp2p_udp_get_link_size (remote) : 0;

  return CLAMP (size, NGTCP2_MAX_UDP_PAYLOAD_SIZE, MAX_SIZE);
}

/* Of a connection that keeps to one. */
static void
renew_link (Lp2pQuicConnection *self)
{
  if (self->size.link > 0)
    self->size.link = find_link (self);
}

/* The peer is told what our link takes: its own may take more. */
void
lp2p_quic_size_begin (Lp2pQuicConnection *self,
                      Lp2pQuicProbes *probes,
                      ngtcp2_settings *settings,
                      ngtcp2_transport_params *params)
{
  const struct sockaddr *remote = self->path.path.remote.addr;
  gsize size = MIN (lp2p_udp_get_link_size (remote), MAX_SIZE);

  if (size >= NGTCP2_MAX_UDP_PAYLOAD_SIZE)
    params->max_udp_payload_size = size;
  if (size > LARGEST_USUAL &&
      lp2p_quic_settings_set_size (settings, probes, size, lp2p_udp_is_on_link (remote)))
    self->size.link = size;
}

void
lp2p_quic_size_reset (Lp2pQuicConnection *self)
{
  self->size.narrow = 0;
  self->size.trial.in_flight = 0;
}

/* What was found out was of the path before. */
void
lp2p_quic_size_follow (Lp2pQuicConnection *self)
{
  lp2p_quic_size_reset (self);
  renew_link (self);
}

/* What arrives
 *
 * Where it is not found out about by asking, and nothing is acknowledged any more, it may be
 * that only small packets still pass, or that the peer had other things to do. So from time
 * to time the first packet of a batch is as large as it could be.
 *
 * ngtcp2 does not tell which packets are acknowledged, but what of a stream is, and that
 * may have been sent again. It has not been as long as less has left what is in flight than
 * there was with the packet: who is taken for lost leaves it together with all before. Nor
 * before the timer says so for which nothing has to be lost. */

void
lp2p_quic_size_left_flight (Lp2pQuicConnection *self, gsize size)
{
  Lp2pQuicTrial *trial = &self->size.trial;

  trial->in_flight -= MIN (trial->in_flight, size);
}

void
lp2p_quic_size_arrived (Lp2pQuicConnection *self, gint64 now)
{
  if (self->size.widen_at == 0)
    self->size.widen_at = now + self->size.widen_wait;
}

void
lp2p_quic_size_acknowledged (Lp2pQuicConnection *self, gint64 stream, guint64 end)
{
  Lp2pQuicSize *size = &self->size;

  if (size->trial.in_flight == 0 || stream != size->trial.stream || end < size->trial.end)
    return;
  size->trial.in_flight = 0;
  size->narrow = size->trial.size;
  size->widen_at = lp2p_loop_now (self->loop);
  size->widen_wait = FIRST_WAIT_US;
}

void
lp2p_quic_size_expired (Lp2pQuicConnection *self)
{
  Lp2pQuicSize *size = &self->size;
  gint64 now = lp2p_loop_now (self->loop);
  gint64 pto = lp2p_quic_get_pto (self->conn);

  if (now - size->trial.sent_at >= pto)
    size->trial.in_flight = 0;
  if (lp2p_quic_arrival_get_stall (self, now) < BLACK_HOLE_PTOS * pto || size->narrow == NGTCP2_MAX_UDP_PAYLOAD_SIZE)
    return;
  size->narrow = NGTCP2_MAX_UDP_PAYLOAD_SIZE;
  size->widen_at = 0;
  size->widen_wait = FIRST_WAIT_US;
  renew_link (self);
}

void
lp2p_quic_size_tried (Lp2pQuicConnection *self, gsize size)
{
  gint64 now = lp2p_loop_now (self->loop);

  if (self->size.narrow == 0)
    return;
  self->size.trial = (Lp2pQuicTrial){
    .size = size,
    .sent_at = now,
    .stream = self->size.last_stream,
    .end = self->size.last_end,
    .in_flight = lp2p_quic_arrival_count_in_flight (self),
  };
  self->size.widen_at = now + self->size.widen_wait;
  self->size.widen_wait = MIN (2 * self->size.widen_wait, LONGEST_WAIT_US);
}

/* What packets are filled to */

/* Nothing of the handshake goes into a packet that may not arrive. */
static gsize
get_size (Lp2pQuicConnection *self, gsize passes, gboolean widen)
{
  const ngtcp2_transport_params *remote = ngtcp2_conn_get_remote_transport_params (self->conn);
  gsize size = self->size.link > 0 ? self->size.link : passes;

  if (!self->confirmed)
    return NGTCP2_MAX_UDP_PAYLOAD_SIZE;
  if (self->size.narrow > 0 && !widen)
    size = MIN (size, self->size.narrow);
  return MIN (size, remote->max_udp_payload_size);
}

gsize
lp2p_quic_size_get_max (Lp2pQuicConnection *self)
{
  return get_size (self, ngtcp2_conn_get_path_max_tx_udp_payload_size (self->conn), FALSE);
}

/* Whether the next stream has more than goes into a packet. One that only answers whether
 * we are on a path would be padded to all the room that it gets. */
static gboolean
has_more (Lp2pQuicConnection *self)
{
  Lp2pQuicStream *next = g_queue_peek_head (&self->sendable);

  return next != NULL && lp2p_quic_send_buffer_get_unsent (&next->output) > self->size.narrow;
}

/* Not with what is sent because nothing is acknowledged. */
static gboolean
may_widen (Lp2pQuicConnection *self)
{
  gint64 now = lp2p_loop_now (self->loop);

  return self->size.widen_at > 0 && now >= self->size.widen_at && has_more (self) &&
         lp2p_quic_arrival_get_stall (self, now) < lp2p_quic_get_pto (self->conn);
}

gsize
lp2p_quic_size_get_probe (Lp2pQuicConnection *self)
{
  return get_size (self, ngtcp2_conn_get_max_tx_udp_payload_size (self->conn), may_widen (self));
}
