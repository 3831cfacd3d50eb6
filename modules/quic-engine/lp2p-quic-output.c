/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a connection sends: packets in trains, those of a turn in one system call. */

#include "lp2p-quic-private.h"

/* What leaves before other connections, and the application, get their turn. It is
 * also what the kernel takes at once. */
#define MAX_TRAIN   65000
#define MAX_PACKETS 64

/* How much later than pacing says packets are as if they had been in time: where they were
 * waiting, and where nobody had any. */
#define MAX_LATE (20 * NGTCP2_MILLISECONDS)
#define MAX_IDLE NGTCP2_MILLISECONDS

/* A train ends where a packet has another size, path or mark than those before. */
#define MAX_TRAINS 8

#define MAX_VECTORS 16

typedef struct
{
  ngtcp2_path_storage path;
  Lp2pUdpSend send;
} Train;

typedef struct
{
  guint8 *scratch;
  gsize size;
  guint n_packets;
  Train trains[MAX_TRAINS];
  guint n_trains;
  gboolean ended; /* the last train takes no more packets */
} Batch;

/* Trains that the socket did not take. */

typedef struct
{
  ngtcp2_path_storage path;
  Lp2pUdpSend send;
  guint8 *bytes;
} Held;

static void
held_free (Held *self)
{
  g_free (self->bytes);
  g_free (self);
}

static void
point_to_path (Lp2pUdpSend *send, ngtcp2_path_storage *path)
{
  send->remote = path->path.remote.addr;
  send->local = path->path.local.addr;
}

static void
hold (Lp2pQuicConnection *self, const Train *train)
{
  Held *held = g_new0 (Held, 1);

  held->send = train->send;
  held->bytes = g_memdup2 (train->send.data, train->send.size);
  held->send.data = held->bytes;
  ngtcp2_path_storage_init (&held->path, train->path.path.local.addr, train->path.path.local.addrlen,
                            train->path.path.remote.addr, train->path.path.remote.addrlen, NULL);
  point_to_path (&held->send, &held->path);
  g_queue_push_tail (&self->held, held);
}

static void
wait_for_socket (Lp2pQuicConnection *self)
{
  if (self->blocked_link.data != NULL)
    return;
  self->blocked_link.data = self;
  g_queue_push_tail_link (&self->endpoint->blocked, &self->blocked_link);
}

void
lp2p_quic_output_clear (Lp2pQuicConnection *self)
{
  g_queue_clear_full (&self->held, (GDestroyNotify) held_free);
  if (self->blocked_link.data != NULL)
    g_queue_unlink (&self->endpoint->blocked, &self->blocked_link);
  self->blocked_link.data = NULL;
}

/* Returns FALSE when the socket takes no more. What it refuses is lost, as it could
 * have been on any hop: ngtcp2 sends it again. */
static gboolean
send_held (Lp2pQuicConnection *self)
{
  Held *held;

  while ((held = g_queue_peek_head (&self->held)) != NULL)
    {
      g_autoptr (GError) error = NULL;

      if (lp2p_udp_socket_send (self->endpoint->socket, &held->send, 1, &error) == 0 && error == NULL)
        return FALSE;
      held_free (g_queue_pop_head (&self->held));
    }
  return TRUE;
}

static void
send_trains (Lp2pQuicConnection *self, Batch *batch)
{
  Lp2pUdpSend sends[MAX_TRAINS];
  guint done = 0;

  for (guint i = 0; i < batch->n_trains; i++)
    {
      sends[i] = batch->trains[i].send;
      point_to_path (&sends[i], &batch->trains[i].path);
    }
  while (done < batch->n_trains)
    {
      g_autoptr (GError) error = NULL;

      done += lp2p_udp_socket_send (self->endpoint->socket, sends + done, batch->n_trains - done, &error);
      if (error == NULL)
        break;
      g_debug ("%s", error->message);
      done++;
    }
  for (guint i = done; i < batch->n_trains; i++)
    hold (self, &batch->trains[i]);
  if (done < batch->n_trains)
    wait_for_socket (self);
}

/* Making packets */

static gboolean
fits_train (const Batch *batch, const Train *train, const ngtcp2_path *path, const ngtcp2_pkt_info *info, gsize size)
{
  return !batch->ended && size <= train->send.segment_size && info->ecn == train->send.ecn &&
         train->send.size + size <= MAX_TRAIN && ngtcp2_path_eq (path, &train->path.path);
}

/* Returns FALSE when there is no room for another train, which the next packet may need. */
static gboolean
add_packet (Batch *batch, const ngtcp2_path_storage *path, const ngtcp2_pkt_info *info, gsize size)
{
  Train *train = batch->n_trains > 0 ? &batch->trains[batch->n_trains - 1] : NULL;

  if (train == NULL || !fits_train (batch, train, &path->path, info, size))
    {
      train = &batch->trains[batch->n_trains++];
      ngtcp2_path_storage_init (&train->path, path->path.local.addr, path->path.local.addrlen, path->path.remote.addr,
                                path->path.remote.addrlen, NULL);
      train->send = (Lp2pUdpSend){ .data = batch->scratch + batch->size, .segment_size = size, .ecn = info->ecn };
    }
  batch->ended = size < train->send.segment_size;
  train->send.size += size;
  batch->size += size;
  batch->n_packets++;
  return batch->n_trains < MAX_TRAINS;
}

static void
drop_datagram (Lp2pQuicConnection *self)
{
  g_autoptr (GBytes) datagram = g_queue_pop_head (&self->datagrams);

  self->datagrams_size -= g_bytes_get_size (datagram);
}

/* They fitted when they were given. */
static void
drop_large_datagrams (Lp2pQuicConnection *self)
{
  GBytes *datagram;

  while ((datagram = g_queue_peek_head (&self->datagrams)) != NULL &&
         g_bytes_get_size (datagram) > lp2p_quic_connection_get_datagram_room (self))
    drop_datagram (self);
}

/* Datagrams come first: who sends them cares about time. Returns the size of a packet
 * that is complete, 0 when nothing can be sent now, NGTCP2_ERR_WRITE_MORE when the
 * packet has room for more. */
static ngtcp2_ssize
write_datagrams (Lp2pQuicConnection *self, ngtcp2_path *path, ngtcp2_pkt_info *info, guint8 *dest, gsize room, ngtcp2_tstamp now)
{
  GBytes *datagram;
  ngtcp2_ssize written = NGTCP2_ERR_WRITE_MORE;

  drop_large_datagrams (self);
  while (written == NGTCP2_ERR_WRITE_MORE && (datagram = g_queue_peek_head (&self->datagrams)) != NULL)
    {
      gsize size;
      ngtcp2_vec vector = { (guint8 *) g_bytes_get_data (datagram, &size), 0 };
      int accepted = 0;

      vector.len = size;
      written = ngtcp2_conn_writev_datagram (self->conn, path, info, dest, room, &accepted,
                                             NGTCP2_WRITE_DATAGRAM_FLAG_MORE, 0, &vector, size > 0 ? 1 : 0, now);
      if (accepted == 0 && written >= 0)
        return written;
      /* Sent, or too big for what the path has become. */
      drop_datagram (self);
      drop_large_datagrams (self);
      if (written == NGTCP2_ERR_INVALID_ARGUMENT || written == NGTCP2_ERR_INVALID_STATE)
        written = NGTCP2_ERR_WRITE_MORE;
    }
  return written;
}

static void
stream_wrote (Lp2pQuicStream *stream, ngtcp2_ssize size, gboolean fin)
{
  if (size < 0)
    return;
  lp2p_quic_send_buffer_sent (&stream->output, size);
  lp2p_quic_arrival_used (stream->connection);
  if (size > 0)
    {
      stream->connection->size.last_stream = stream->id;
      stream->connection->size.last_end = stream->output.sent;
    }
  if (fin && lp2p_quic_send_buffer_get_unsent (&stream->output) == 0)
    {
      stream->fin_sent = TRUE;
      stream->fin_bare = size == 0;
    }
  stream->probing = FALSE;
  if (!lp2p_quic_stream_is_sendable (stream))
    lp2p_quic_stream_unqueue_output (stream);
}

/* Whoever had a packet waits until the others had one. */
static void
rotate (Lp2pQuicConnection *self, Lp2pQuicStream *stream)
{
  if (stream->send_link.data == NULL || self->sendable.length < 2)
    return;
  g_queue_unlink (&self->sendable, &stream->send_link);
  g_queue_push_tail_link (&self->sendable, &stream->send_link);
}

static ngtcp2_ssize
write_stream (Lp2pQuicConnection *self, Lp2pQuicStream *stream, ngtcp2_path *path, ngtcp2_pkt_info *info, guint8 *dest, gsize room, ngtcp2_tstamp now)
{
  ngtcp2_vec vectors[MAX_VECTORS];
  guint n = lp2p_quic_send_buffer_peek (&stream->output, vectors, MAX_VECTORS);
  gsize offered = 0;
  gboolean fin;
  ngtcp2_ssize size = -1;
  ngtcp2_ssize written;

  for (guint i = 0; i < n; i++)
    offered += vectors[i].len;
  fin = stream->fin_wanted && offered == lp2p_quic_send_buffer_get_unsent (&stream->output);
  written = ngtcp2_conn_writev_stream (self->conn, path, info, dest, room, &size,
                                       NGTCP2_WRITE_STREAM_FLAG_MORE | (fin ? NGTCP2_WRITE_STREAM_FLAG_FIN : 0),
                                       stream->id, vectors, n, now);
  switch (written)
    {
    case NGTCP2_ERR_STREAM_DATA_BLOCKED:
      lp2p_quic_stream_stall (stream);
      return NGTCP2_ERR_WRITE_MORE;
    case NGTCP2_ERR_STREAM_SHUT_WR:
    case NGTCP2_ERR_STREAM_NOT_FOUND:
      lp2p_quic_stream_was_stopped (stream);
      return NGTCP2_ERR_WRITE_MORE;
    default:
      stream_wrote (stream, size, fin);
      if (written > 0)
        rotate (self, stream);
      return written;
    }
}

/* A bare end needs no credit, and does not wait behind those that do. */
static Lp2pQuicStream *
get_next_stream (Lp2pQuicConnection *self)
{
  gboolean has_credit = ngtcp2_conn_get_max_data_left (self->conn) > 0;

  if (self->phase == LP2P_QUIC_HANDSHAKE && !self->early)
    return NULL;
  for (GList *l = self->sendable.head; l != NULL; l = l->next)
    if (has_credit || lp2p_quic_send_buffer_get_unsent (&((Lp2pQuicStream *) l->data)->output) == 0)
      return l->data;
  return NULL;
}

static ngtcp2_ssize
write_packet (Lp2pQuicConnection *self, ngtcp2_path *path, ngtcp2_pkt_info *info, guint8 *dest, gsize room, ngtcp2_tstamp now)
{
  ngtcp2_ssize written = NGTCP2_ERR_WRITE_MORE;
  Lp2pQuicStream *stream;

  self->size.last_stream = -1;
  if (self->phase != LP2P_QUIC_HANDSHAKE)
    written = write_datagrams (self, path, info, dest, room, now);
  while (written == NGTCP2_ERR_WRITE_MORE && (stream = get_next_stream (self)) != NULL)
    written = write_stream (self, stream, path, info, dest, room, now);
  if (written == NGTCP2_ERR_WRITE_MORE)
    written = ngtcp2_conn_writev_stream (self->conn, path, info, dest, room, NULL, NGTCP2_WRITE_STREAM_FLAG_NONE, -1,
                                         NULL, 0, now);
  return written;
}

/* What comes first may answer whether we are on a path, of which nobody knows what passes.
 * Where neither anything new nor what is under way would fill it, all that would make it
 * larger is padding. */
static gsize
get_first_room (Lp2pQuicConnection *self)
{
  gsize room = lp2p_quic_size_get_probe (self);

  if (self->size.link > 0 && self->arrival.in_flight < room && self->datagrams.length == 0 &&
      get_next_stream (self) == NULL)
    return MIN (room, NGTCP2_MAX_UDP_PAYLOAD_SIZE);
  return room;
}

/* Returns a code of ngtcp2; @more: whether the batch ended before the packets did. */
static int
fill (Lp2pQuicConnection *self, Batch *batch, ngtcp2_tstamp now, gboolean *more)
{
  gsize room = lp2p_quic_size_get_max (self);
  gsize first_room = get_first_room (self);
  gsize quantum = self->phase == LP2P_QUIC_HANDSHAKE ? MAX_TRAIN : lp2p_quic_get_quantum (self->conn, room);
  gsize max = MIN (quantum, MAX_TRAIN);

  *more = TRUE;
  while (batch->n_packets < MAX_PACKETS && (batch->size == 0 || batch->size + room <= max))
    {
      ngtcp2_path_storage path;
      ngtcp2_pkt_info info = { 0 };
      ngtcp2_ssize written;

      ngtcp2_path_storage_zero (&path);
      written = write_packet (self, &path.path, &info, batch->scratch + batch->size,
                              lp2p_quic_moved_limit_room (self, batch->size == 0 ? first_room : room), now);
      if (written <= 0)
        {
          *more = FALSE;
          return written;
        }
      if ((gsize) written > room)
        lp2p_quic_size_tried (self, written);
      lp2p_quic_moved_was_sent (self, &path.path, written);
      if (!add_packet (batch, &path, &info, written))
        break;
    }
  return 0;
}

static void
tell_datagrams_writable (Lp2pQuicConnection *self)
{
  if (!self->datagrams_refused || self->datagrams.length > 0 || self->events == NULL)
    return;
  self->datagrams_refused = FALSE;
  self->events->datagrams_writable (self->events_data);
}

/* One batch. */
void
lp2p_quic_output_run (Lp2pQuicConnection *self)
{
  ngtcp2_tstamp now = LP2P_QUIC_TIME (lp2p_loop_now (self->loop));
  Batch batch = { 0 };
  gboolean more;
  int code;

  if (!send_held (self))
    {
      wait_for_socket (self);
      return;
    }
  lp2p_quic_streams_retry_stalled (self);
  batch.scratch = lp2p_loop_take_scratch (self->loop);
  code = fill (self, &batch, now, &more);
  self->bytes_written += batch.size;
  if (batch.n_trains > 0)
    send_trains (self, &batch);
  lp2p_loop_give_scratch (self->loop, batch.scratch);
  if (code < 0)
    {
      lp2p_quic_connection_fail (self, code);
      return;
    }
  lp2p_quic_streams_finish_resets (self);
  /* Pacing begins behind the handshake, whose second flight it would delay. */
  if (batch.n_packets > 0 && self->phase != LP2P_QUIC_HANDSHAKE)
    lp2p_quic_pace (self->conn, now, self->paces ? MAX_LATE : MAX_IDLE, batch.size, &self->paced);
  self->paces = get_next_stream (self) != NULL && ngtcp2_conn_get_cwnd_left (self->conn) > 0;
  tell_datagrams_writable (self);
  if (more && self->held.length == 0)
    lp2p_quic_connection_want_output (self);
}

void
lp2p_quic_output_unblocked (Lp2pQuicConnection *self)
{
  if (self->conn != NULL)
    lp2p_quic_connection_want_output (self);
}

/* The last packet */

void
lp2p_quic_output_send_packet (Lp2pQuicConnection *self, GBytes *packet)
{
  gsize size;
  Lp2pUdpSend send = { .data = g_bytes_get_data (packet, &size) };

  send.size = send.segment_size = size;
  point_to_path (&send, &self->path);
  lp2p_udp_socket_send (self->endpoint->socket, &send, 1, NULL);
}

void
lp2p_quic_output_send_close (Lp2pQuicConnection *self, const ngtcp2_ccerr *error)
{
  guint8 packet[NGTCP2_MAX_UDP_PAYLOAD_SIZE];
  ngtcp2_pkt_info info = { 0 };
  ngtcp2_ssize size;

  if (ngtcp2_conn_in_closing_period (self->conn) || ngtcp2_conn_in_draining_period (self->conn))
    return;
  size = ngtcp2_conn_write_connection_close (self->conn, NULL, &info, packet, sizeof packet, error,
                                             LP2P_QUIC_TIME (lp2p_loop_now (self->loop)));
  if (size <= 0)
    return;
  self->close_packet = g_bytes_new (packet, size);
  self->bytes_written += size;
  lp2p_quic_output_send_packet (self, self->close_packet);
}
