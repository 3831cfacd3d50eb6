/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The path between the two sides: where packets go, whether they still arrive there,
 * and how large they may be. */

#include "lp2p-quic-private.h"

/* How long silence is believed after data, and the least of it: somebody who computes
 * an answer is not asked all the time. */
#define SILENCE_PTOS    3
#define MIN_SILENCE_US  G_USEC_PER_SEC

/* What the kernel takes at once, and a usual link. */
#define MAX_SIZE      65000
#define LARGEST_USUAL 1472

/* A peer may ask for as little as it likes, but not for signs all the time. */
#define MIN_KEEP_ALIVE_US (100 * 1000)

/* After two probes, the second at twice the time, nothing has been acknowledged. */
#define BLACK_HOLE_PTOS 3
/* Then one larger packet after the other is tried, the first soon, and after each that is
 * lost the next one in twice the time, up to that of RFC 8899 section 5.1.1. */
#define FIRST_WAIT_US   (G_USEC_PER_SEC / 4)
#define LONGEST_WAIT_US (600 * (gint64) G_USEC_PER_SEC)

static gint64
get_pto (Lp2pQuicConnection *self)
{
  return ngtcp2_conn_get_pto (self->conn) / 1000;
}

/* How large they may be
 *
 * The link that the path begins with says what it takes. Where the peer is on that link,
 * that is all there is to know: loopback takes 65 KB, which cost a third of what they
 * cost in packets of 1.5 KB, and a local network may take 9 KB. Where there are others
 * behind it, ngtcp2 finds out what passes. */

/* What a peer on another link is sent without asking. */
static gsize
find_link_size (Lp2pQuicConnection *self)
{
  const struct sockaddr *remote = self->path.path.remote.addr;
  gsize size = lp2p_udp_is_on_link (remote) ? lp2p_udp_get_link_size (remote) : 0;

  return CLAMP (size, NGTCP2_MAX_UDP_PAYLOAD_SIZE, MAX_SIZE);
}

/* Before there is a connection of ngtcp2. The peer is told what our link takes: its own
 * may take more. */
void
lp2p_quic_path_set_sizes (Lp2pQuicConnection *self,
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
    self->link_size = size;
}

static void
forget_narrow (Lp2pQuicConnection *self)
{
  self->narrow = 0;
  self->trial.in_flight = 0;
}

/* Where packets go */

static void
copy_path (ngtcp2_path_storage *dest, const ngtcp2_path *path)
{
  ngtcp2_path_storage_init (dest, path->local.addr, path->local.addrlen, path->remote.addr, path->remote.addrlen, NULL);
}

void
lp2p_quic_path_set (Lp2pQuicConnection *self, const ngtcp2_path *path)
{
  copy_path (&self->path, path);
  g_clear_pointer (&self->local_address, lp2p_multiaddr_unref);
  g_clear_pointer (&self->remote_address, lp2p_multiaddr_unref);
  self->local_address = lp2p_quic_address_to_multiaddr (path->local.addr);
  self->remote_address = lp2p_quic_address_to_multiaddr (path->remote.addr);
}

/* Of a server. */
void
lp2p_quic_path_begin (Lp2pQuicConnection *self, const ngtcp2_path *path)
{
  lp2p_quic_path_set (self, path);
  copy_path (&self->shown, path);
  copy_path (&self->shown_before, path);
}

/* Where ngtcp2 sends now. What was found out about the size was of another path. One that
 * somebody else began is counted where that was, and so keeps that address until it is
 * handed out: a client may name any other one, even one of somebody else, as soon as the
 * handshake has ended. */
void
lp2p_quic_path_follow (Lp2pQuicConnection *self)
{
  const ngtcp2_path *path = ngtcp2_conn_get_path (self->conn);

  if ((self->server && !self->handed_out) || ngtcp2_path_eq (path, &self->path.path))
    return;
  self->moved |= !lp2p_quic_address_same_host (path->remote.addr, self->path.path.remote.addr);
  lp2p_quic_path_set (self, path);
  forget_narrow (self);
  if (self->link_size > 0)
    self->link_size = find_link_size (self);
  if (self->events != NULL)
    self->events->path_changed (self->events_data);
}

/* A client that moves
 *
 * Some versions of ngtcp2 must not hear of a path that was left while they may be asking
 * once more whether the next one holds: until they cannot be, such packets are lost, as
 * any may be. */

/* It waits for one, then for two and for four, until three are over; one more for what is
 * late. And what it takes for one at the least. */
#define VALIDATION_PTOS   8
#define MIN_VALIDATION_US (3 * LP2P_QUIC_INITIAL_RTT_US)

/* Who leaves more of them is heard on no other path meanwhile. */
#define MAX_FORMERS 8

static void
ask_after (Lp2pQuicConnection *self, gint64 silence)
{
  ngtcp2_conn_set_keep_alive_timeout (self->conn, LP2P_QUIC_TIME (silence));
}

static void
end_doubt (Lp2pQuicConnection *self)
{
  if (self->doubt > 0)
    ask_after (self, self->keep_alive);
  self->doubt = self->doubt_ends = 0;
}

static void
forget_formers (Lp2pQuicConnection *self)
{
  end_doubt (self);
  self->former_pto = 0;
  g_clear_pointer (&self->formers, g_array_unref);
}

/* It asks as soon as it may send something that is to be acknowledged, and gives up some
 * time later, again when it may. */
static void
follow_doubt (Lp2pQuicConnection *self, gint64 now)
{
  if (self->doubt == 0)
    return;
  if (self->doubt_ends == 0)
    self->doubt_ends = now + self->doubt;
  else if (now > self->doubt_ends)
    forget_formers (self);
}

static gboolean
is_former (Lp2pQuicConnection *self, const struct sockaddr *remote)
{
  for (guint i = 0; i < self->formers->len; i++)
    if (lp2p_quic_address_equal ((struct sockaddr *) &g_array_index (self->formers, ngtcp2_sockaddr_union, i), remote))
      return TRUE;
  return FALSE;
}

/* Where it is now may soon be where it was. */
static void
add_former (Lp2pQuicConnection *self, const struct sockaddr *remote)
{
  if (self->formers == NULL)
    self->formers = g_array_new (FALSE, FALSE, sizeof (ngtcp2_sockaddr_union));
  if (self->formers->len == MAX_FORMERS || is_former (self, remote))
    return;
  g_array_set_size (self->formers, self->formers->len + 1);
  lp2p_quic_address_copy (&g_array_index (self->formers, ngtcp2_sockaddr_union, self->formers->len - 1), remote);
}

/* Something that comes on another path than it is on. */
gboolean
lp2p_quic_path_may_read (Lp2pQuicConnection *self, const ngtcp2_path *path)
{
  if (!LP2P_QUIC_ASKS_AGAIN)
    return TRUE;
  if (self->doubt > 0 && (self->formers->len == MAX_FORMERS || is_former (self, path->remote.addr)))
    return FALSE;
  self->former_pto = MAX (self->former_pto, get_pto (self));
  add_former (self, ngtcp2_conn_get_path (self->conn)->remote.addr);
  return TRUE;
}

/* What goes where the client has not shown to be
 *
 * ngtcp2 sends three times as many bytes there as came from there (RFC 9000 section 8.1).
 * Where it has sent just so many, it looks no more for what got lost, for as long as the
 * connection lives; and where that fills the congestion window, it never sends anything
 * again, nor asks where the client is. So it gets no room for the last of these bytes.
 *
 * Who moves on before it has answered may be back where it has shown to be. Where it was
 * asked once more, it has not shown that before it has answered again. */

#define AMPLIFICATION 3

static gboolean
is_on (Lp2pQuicConnection *self, const ngtcp2_path *path)
{
  return ngtcp2_path_eq (path, ngtcp2_conn_get_path (self->conn));
}

/* By a server. Where the client has come from elsewhere, another question begins. */
void
lp2p_quic_path_was_read (Lp2pQuicConnection *self, const ngtcp2_path *path, gsize size)
{
  if (!is_on (self, path))
    return;
  if (self->elsewhere)
    {
      end_doubt (self);
      self->allowance = ngtcp2_path_eq (path, &self->shown.path) ? 0 : AMPLIFICATION * size;
    }
  else if (self->allowance > 0)
    self->allowance += AMPLIFICATION * size;
}

void
lp2p_quic_path_was_sent (Lp2pQuicConnection *self, const ngtcp2_path *path, gsize size)
{
  if (self->allowance > size && is_on (self, path))
    self->allowance -= size;
}

gsize
lp2p_quic_path_limit_room (Lp2pQuicConnection *self, gsize room)
{
  return self->allowance > 0 ? MIN (room, MAX (self->allowance - 1, 1)) : room;
}

/* Where that was aborted is said only of a question without an answer. */
static void
follow_shown (Lp2pQuicConnection *self, const ngtcp2_path *path, ngtcp2_path_validation_result result)
{
  if (result == NGTCP2_PATH_VALIDATION_RESULT_SUCCESS)
    {
      copy_path (&self->shown_before, &self->shown.path);
      copy_path (&self->shown, path);
    }
  else if (result == NGTCP2_PATH_VALIDATION_RESULT_ABORTED && ngtcp2_path_eq (path, &self->shown.path))
    copy_path (&self->shown, &self->shown_before.path);
}

/* The client has shown that it is where it moved to, or not; its token is of where it was. */
void
lp2p_quic_path_validated (Lp2pQuicConnection *self, const ngtcp2_path *path, ngtcp2_path_validation_result result)
{
  follow_shown (self, path, result);
  if (result == NGTCP2_PATH_VALIDATION_RESULT_ABORTED)
    return;
  self->allowance = 0;
  if (result != NGTCP2_PATH_VALIDATION_RESULT_SUCCESS || self->doubt > 0)
    {
      forget_formers (self);
      return;
    }
  if (self->formers != NULL)
    {
      self->doubt = VALIDATION_PTOS * MAX (MAX (get_pto (self), self->former_pto), MIN_VALIDATION_US);
      ask_after (self, self->doubt);
    }
  if (self->moved && ngtcp2_path_eq (path, &self->path.path))
    {
      self->moved = FALSE;
      lp2p_quic_token_give (self);
    }
}

/* Whether they arrive
 *
 * Behind a NAT that has forgotten us, or at another address, we hear nothing more from a
 * peer that sends where we were, and it hears nothing from us as long as we only wait.
 * So silence in what was flowing is soon asked about, and when nothing but the answer
 * comes, after twice the time again, up to the time that a quiet connection has. */

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
  self->keep_alive = MIN (time, get_longest_silence (self));
  ask_after (self, self->keep_alive);
}

void
lp2p_quic_path_ready (Lp2pQuicConnection *self)
{
  self->in_flight_at = 0;
  forget_narrow (self);
  if (self->protocol->options.keep_alive > 0)
    set_keep_alive (self, G_MAXINT64);
}

static gint64
get_first_silence (Lp2pQuicConnection *self)
{
  return MAX (SILENCE_PTOS * get_pto (self), MIN_SILENCE_US);
}

/* Data of a stream came or went. */
void
lp2p_quic_path_used (Lp2pQuicConnection *self)
{
  if (self->keep_alive > MIN_SILENCE_US)
    set_keep_alive (self, get_first_silence (self));
}

static gsize
count_in_flight (Lp2pQuicConnection *self)
{
  ngtcp2_conn_info told;

  ngtcp2_conn_get_conn_info (self->conn, &told);
  return told.bytes_in_flight;
}

/* Returns whether something is not in flight any more. */
static gboolean
count_down (Lp2pQuicConnection *self)
{
  gsize before = self->in_flight;

  self->in_flight = count_in_flight (self);
  if (self->in_flight >= before)
    return FALSE;
  self->trial.in_flight -= MIN (self->trial.in_flight, before - self->in_flight);
  return TRUE;
}

/* A packet came. */
void
lp2p_quic_path_heard (Lp2pQuicConnection *self, gint64 now)
{
  self->heard_at = now;
  if (!count_down (self))
    return;
  self->in_flight_at = self->in_flight > 0 ? now : 0;
  if (self->widen_at == 0)
    self->widen_at = now + self->widen_wait;
}

/* What was due has been sent, and so the question, unless something is under way that
 * has to be acknowledged anyhow. */
void
lp2p_quic_path_written (Lp2pQuicConnection *self)
{
  gint64 now = lp2p_loop_now (self->loop);
  gsize in_flight;

  if (self->conn == NULL)
    return;
  in_flight = count_in_flight (self);
  if (in_flight > self->in_flight)
    follow_doubt (self, now);
  self->in_flight = in_flight;
  if (in_flight > 0 && self->in_flight_at == 0)
    self->in_flight_at = now;
  if (self->keep_alive > 0 && now - self->heard_at >= self->keep_alive)
    set_keep_alive (self, self->streams.length > 0 ? 2 * self->keep_alive : G_MAXINT64);
}

/* The network changes
 *
 * Who has dialed may move (RFC 9000 section 9), and does when its address is gone. Where
 * it stays, the way behind it may still be another one, which only asking can tell. */

/* An address that nothing is bound to is not known to be gone. */
static gboolean
has_address (Lp2pQuicConnection *self)
{
  GPtrArray *addresses = lp2p_udp_socket_get_addresses (self->endpoint->socket);

  for (guint i = 0; i < addresses->len; i++)
    if (lp2p_multiaddr_equal (g_ptr_array_index (addresses, i), self->local_address))
      return TRUE;
  return addresses->len == 0;
}

static void
move (Lp2pQuicConnection *self)
{
  struct sockaddr_storage local = { 0 };
  ngtcp2_path path = self->path.path;
  int code;

  /* Without any route, the next change may bring one. */
  if (!lp2p_udp_socket_get_local (self->endpoint->socket, path.remote.addr, &local) ||
      lp2p_quic_address_equal ((struct sockaddr *) &local, path.local.addr))
    return;
  path.local.addr = (struct sockaddr *) &local;
  code = ngtcp2_conn_initiate_immediate_migration (self->conn, &path, LP2P_QUIC_TIME (lp2p_loop_now (self->loop)));
  if (code != 0)
    {
      g_debug ("Cannot move away from %s: %s", lp2p_multiaddr_get_string (self->local_address), ngtcp2_strerror (code));
      return;
    }
  lp2p_quic_path_follow (self);
  lp2p_quic_connection_want_output (self);
}

void
lp2p_quic_path_network_changed (Lp2pQuicConnection *self)
{
  if (self->server || self->conn == NULL || self->phase == LP2P_QUIC_HANDSHAKE)
    return;
  if (!has_address (self))
    move (self);
  lp2p_quic_path_used (self);
  lp2p_quic_connection_update_timer (self);
}

/* How large they may be, where they are not found out about by asking: where nothing is
 * acknowledged any more, it may be that only small packets still pass, or that the peer had
 * other things to do. So from time to time the first packet of a batch is as large as it
 * could be.
 *
 * ngtcp2 does not tell which packets are acknowledged, but what of a stream is, and that
 * may have been sent again. It has not been as long as less has left what is in flight than
 * there was with the packet: who is taken for lost leaves it together with all before. Nor
 * before the timer says so for which nothing has to be lost. */

/* When a timer has expired. */
void
lp2p_quic_path_check_size (Lp2pQuicConnection *self)
{
  gint64 now = lp2p_loop_now (self->loop);
  gint64 pto = get_pto (self);

  count_down (self);
  if (now - self->trial.sent_at >= pto)
    self->trial.in_flight = 0;
  if (self->in_flight_at == 0 || now - self->in_flight_at < BLACK_HOLE_PTOS * pto ||
      self->narrow == NGTCP2_MAX_UDP_PAYLOAD_SIZE)
    return;
  self->narrow = NGTCP2_MAX_UDP_PAYLOAD_SIZE;
  self->widen_at = 0;
  self->widen_wait = FIRST_WAIT_US;
  if (self->link_size > 0)
    self->link_size = find_link_size (self);
}

/* A packet of @size was written, which is larger than others may be. */
void
lp2p_quic_path_tried (Lp2pQuicConnection *self, gsize size)
{
  gint64 now = lp2p_loop_now (self->loop);

  if (self->narrow == 0)
    return;
  self->trial = (Lp2pQuicTrial){
    .size = size,
    .sent_at = now,
    .stream = self->last_stream,
    .end = self->last_end,
    .in_flight = count_in_flight (self),
  };
  self->widen_at = now + self->widen_wait;
  self->widen_wait = MIN (2 * self->widen_wait, LONGEST_WAIT_US);
}

/* All of @stream before @end has arrived. */
void
lp2p_quic_path_acknowledged (Lp2pQuicConnection *self, gint64 stream, guint64 end)
{
  if (self->trial.in_flight == 0 || stream != self->trial.stream || end < self->trial.end)
    return;
  self->trial.in_flight = 0;
  self->narrow = self->trial.size;
  self->widen_at = lp2p_loop_now (self->loop);
  self->widen_wait = FIRST_WAIT_US;
}

/* Nothing of the handshake goes into a packet that may not arrive. */
static gsize
get_size (Lp2pQuicConnection *self, gsize passes, gboolean widen)
{
  const ngtcp2_transport_params *remote = ngtcp2_conn_get_remote_transport_params (self->conn);
  gsize size = self->link_size > 0 ? self->link_size : passes;

  if (!self->confirmed)
    return NGTCP2_MAX_UDP_PAYLOAD_SIZE;
  if (self->narrow > 0 && !widen)
    size = MIN (size, self->narrow);
  return MIN (size, remote->max_udp_payload_size);
}

/* What packets are filled to. */
gsize
lp2p_quic_path_get_max_size (Lp2pQuicConnection *self)
{
  return get_size (self, ngtcp2_conn_get_path_max_tx_udp_payload_size (self->conn), FALSE);
}

/* Whether the next stream has more than goes into a packet. One that only answers whether
 * we are on a path would be padded to all the room that it gets. */
static gboolean
has_more (Lp2pQuicConnection *self)
{
  Lp2pQuicStream *next = g_queue_peek_head (&self->sendable);

  return next != NULL && lp2p_quic_send_buffer_get_unsent (&next->output) > self->narrow;
}

/* Not with what is sent because nothing is acknowledged. */
static gboolean
may_widen (Lp2pQuicConnection *self)
{
  gint64 now = lp2p_loop_now (self->loop);

  return self->widen_at > 0 && now >= self->widen_at && has_more (self) &&
         (self->in_flight_at == 0 || now - self->in_flight_at < get_pto (self));
}

/* What the first packet of a batch is filled to, with which it is found out whether more
 * passes. */
gsize
lp2p_quic_path_get_probe_size (Lp2pQuicConnection *self)
{
  return get_size (self, ngtcp2_conn_get_max_tx_udp_payload_size (self->conn), may_widen (self));
}
