/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whether packets arrive
 *
 * Behind a NAT that has forgotten us, or at another address, we hear nothing more from a
 * peer that sends where we were, and it hears nothing from us as long as we only wait.
 * So silence in what was flowing is soon asked about, and when nothing but the answer
 * comes, after twice the time again, up to the time that a quiet connection has. */

#include "lp2p-quic-private.h"

/* How long silence is believed after data, and the least of it: somebody who computes
 * an answer is not asked all the time. */
#define SILENCE_PTOS   3
#define MIN_SILENCE_US G_USEC_PER_SEC

/* A peer may ask for as little as it likes, but not for signs all the time. */
#define MIN_KEEP_ALIVE_US (100 * 1000)

/* Silence */

void
lp2p_quic_arrival_ask_after (Lp2pQuicConnection *self, gint64 silence)
{
  ngtcp2_conn_set_keep_alive_timeout (self->conn, LP2P_QUIC_TIME (silence));
}

/* The peer ends a connection that is quiet for longer than it likes, whatever we
 * would like. */
static gint64
get_longest_silence (Lp2pQuicConnection *self)
{
  const Lp2pQuicOptions *options = &self->protocol->options;
  const ngtcp2_transport_params *remote = ngtcp2_conn_get_remote_transport_params (self->conn);
  gint64 longest = MIN (options->keep_alive, options->idle_timeout / 2);

  if (remote != NULL && remote->max_idle_timeout > 0)
    longest = MIN (longest, MAX ((gint64) (remote->max_idle_timeout / 2000), MIN_KEEP_ALIVE_US));
  return longest;
}

static void
set_keep_alive (Lp2pQuicConnection *self, gint64 time)
{
  self->arrival.keep_alive = MIN (time, get_longest_silence (self));
  lp2p_quic_arrival_ask_after (self, self->arrival.keep_alive);
}

void
lp2p_quic_arrival_ready (Lp2pQuicConnection *self)
{
  self->arrival.in_flight_at = 0;
  if (self->protocol->options.keep_alive > 0)
    set_keep_alive (self, G_MAXINT64);
}

static gint64
get_first_silence (Lp2pQuicConnection *self)
{
  return MAX (SILENCE_PTOS * lp2p_quic_get_pto (self->conn), MIN_SILENCE_US);
}

void
lp2p_quic_arrival_used (Lp2pQuicConnection *self)
{
  if (self->arrival.keep_alive > MIN_SILENCE_US)
    set_keep_alive (self, get_first_silence (self));
}

/* What is in flight */

gsize
lp2p_quic_arrival_count_in_flight (Lp2pQuicConnection *self)
{
  ngtcp2_conn_info told;

  ngtcp2_conn_get_conn_info (self->conn, &told);
  return told.bytes_in_flight;
}

gint64
lp2p_quic_arrival_get_stall (Lp2pQuicConnection *self, gint64 now)
{
  return self->arrival.in_flight_at > 0 ? now - self->arrival.in_flight_at : 0;
}

/* Returns whether something is not in flight any more. */
static gboolean
count_down (Lp2pQuicConnection *self)
{
  gsize before = self->arrival.in_flight;

  self->arrival.in_flight = lp2p_quic_arrival_count_in_flight (self);
  if (self->arrival.in_flight >= before)
    return FALSE;
  lp2p_quic_size_left_flight (self, before - self->arrival.in_flight);
  return TRUE;
}

/* What it took for lost is not in flight any more, but has not arrived. */
void
lp2p_quic_arrival_expired (Lp2pQuicConnection *self)
{
  count_down (self);
}

void
lp2p_quic_arrival_heard (Lp2pQuicConnection *self, gint64 now)
{
  self->arrival.heard_at = now;
  if (!count_down (self))
    return;
  self->arrival.in_flight_at = self->arrival.in_flight > 0 ? now : 0;
  lp2p_quic_size_arrived (self, now);
}

/* With what was due, the question has been sent, unless something is under way that has to
 * be acknowledged anyhow. */
void
lp2p_quic_arrival_written (Lp2pQuicConnection *self)
{
  Lp2pQuicArrival *arrival = &self->arrival;
  gint64 now = lp2p_loop_now (self->loop);
  gsize in_flight;

  if (self->conn == NULL)
    return;
  in_flight = lp2p_quic_arrival_count_in_flight (self);
  if (in_flight > arrival->in_flight)
    lp2p_quic_moved_was_asked (self, now);
  arrival->in_flight = in_flight;
  if (in_flight > 0 && arrival->in_flight_at == 0)
    arrival->in_flight_at = now;
  if (arrival->keep_alive > 0 && now - arrival->heard_at >= arrival->keep_alive)
    set_keep_alive (self, self->streams.length > 0 ? 2 * arrival->keep_alive : G_MAXINT64);
}
