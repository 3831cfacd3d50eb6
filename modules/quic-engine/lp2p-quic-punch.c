/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Hole punching: datagrams without meaning, from the port that is listened on, open our
 * NAT for a peer who dials us at the same time (libp2p's DCUtR). */

#include "lp2p-quic-private.h"

#include <glib/gi18n-lib.h>

#define DATAGRAM_SIZE 64

/* Between two of them: at random, so that two peers behind one NAT do not fall into step. */
#define MIN_PAUSE_US (10 * 1000)
#define MAX_PAUSE_US (200 * 1000)

/* When nobody has said for how long. */
#define PATIENCE_US (10 * (gint64) G_USEC_PER_SEC)

/* First bytes that no protocol has, and so nobody answers (RFC 9443 section 3). */
#define FIRST_BYTE   4
#define N_FIRST_BYTES 12

struct _Lp2pQuicPunch
{
  Lp2pQuicEndpoint *endpoint;
  Lp2pLoop *loop;
  GList link;
  const Lp2pQuicProtocol *protocol;
  struct sockaddr_storage remote;
  struct sockaddr_storage local;
  Lp2pPeerId *expected_peer;
  gint64 deadline;
  Lp2pTimer timer;
  Lp2pJob job;
  GError *error;
  Lp2pQuicDialed done;
  gpointer user_data;
};

void
lp2p_quic_punch_cancel (Lp2pQuicPunch *self)
{
  g_queue_unlink (&self->endpoint->punches, &self->link);
  lp2p_timer_clear (&self->timer);
  lp2p_job_clear (&self->job);
  g_clear_pointer (&self->expected_peer, lp2p_peer_id_unref);
  g_clear_error (&self->error);
  lp2p_quic_endpoint_unref (self->endpoint);
  lp2p_loop_unref (self->loop);
  g_free (self);
}

/* It is over before its owner hears of it, who may do anything. */
static void
finish (Lp2pQuicPunch *self, Lp2pQuicConnection *connection, const GError *error)
{
  Lp2pQuicDialed done = self->done;
  gpointer user_data = self->user_data;

  lp2p_quic_punch_cancel (self);
  done (connection, error, user_data);
}

static void
run_job (Lp2pJob *job)
{
  Lp2pQuicPunch *self = (Lp2pQuicPunch *) ((char *) job - G_STRUCT_OFFSET (Lp2pQuicPunch, job));
  g_autoptr (GError) error = g_steal_pointer (&self->error);

  finish (self, NULL, error);
}

/* Takes @error. */
void
lp2p_quic_punch_fail (Lp2pQuicPunch *self, GError *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
  lp2p_timer_clear (&self->timer);
  lp2p_job_queue (&self->job);
}

static void
send_datagram (Lp2pQuicPunch *self)
{
  guint8 data[DATAGRAM_SIZE];
  Lp2pUdpSend send = {
    .data = data,
    .size = sizeof data,
    .segment_size = sizeof data,
    .remote = (struct sockaddr *) &self->remote,
    .local = (struct sockaddr *) &self->local,
  };

  lp2p_quic_random (data, sizeof data);
  data[0] = FIRST_BYTE + data[0] % N_FIRST_BYTES;
  lp2p_udp_socket_send (self->endpoint->socket, &send, 1, NULL);
}

static void
run_timer (Lp2pTimer *timer)
{
  Lp2pQuicPunch *self = (Lp2pQuicPunch *) ((char *) timer - G_STRUCT_OFFSET (Lp2pQuicPunch, timer));
  gint64 now = lp2p_loop_now (self->loop);
  guint8 random;

  if (now >= self->deadline)
    {
      g_autoptr (Lp2pMultiaddr) text = lp2p_quic_address_to_multiaddr ((struct sockaddr *) &self->remote);

      lp2p_quic_punch_fail (self, g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                               _("No connection came through the hole that was punched towards %s"),
                                               lp2p_multiaddr_get_string (text)));
      return;
    }
  send_datagram (self);
  lp2p_quic_random (&random, 1);
  lp2p_timer_set (timer, MIN (now + MIN_PAUSE_US + (MAX_PAUSE_US - MIN_PAUSE_US) * random / G_MAXUINT8, self->deadline));
}

/* Where only the port is another one, the NAT of the peer has chosen it: then it must be
 * the peer. */
static gboolean
is_awaited (Lp2pQuicPunch *self, Lp2pQuicConnection *connection)
{
  const struct sockaddr *remote = connection->path.path.remote.addr;

  if (self->error != NULL || self->protocol != connection->protocol)
    return FALSE;
  if (self->expected_peer == NULL)
    return lp2p_quic_address_equal ((struct sockaddr *) &self->remote, remote);
  return connection->remote_key != NULL &&
         lp2p_peer_id_matches_public_key (self->expected_peer, connection->remote_key) &&
         lp2p_quic_address_same_host ((struct sockaddr *) &self->remote, remote);
}

/* Returns: whether somebody waited for the connection, who has it now */
gboolean
lp2p_quic_punch_take (Lp2pQuicConnection *connection)
{
  for (GList *l = connection->endpoint->punches.head; l != NULL; l = l->next)
    {
      Lp2pQuicPunch *self = l->data;

      if (!is_awaited (self, connection))
        continue;
      connection->handed_out = TRUE;
      finish (self, lp2p_quic_connection_ref (connection), NULL);
      return TRUE;
    }
  return FALSE;
}

Lp2pQuicPunch *
lp2p_quic_engine_punch (Lp2pQuicEngine *engine,
                        const Lp2pQuicProtocol *protocol,
                        GSocketAddress *address,
                        const Lp2pQuicPunchOptions *options,
                        Lp2pQuicDialed done,
                        gpointer user_data,
                        GError **error)
{
  struct sockaddr_storage remote = { 0 };
  struct sockaddr_storage local = { 0 };
  g_autoptr (Lp2pQuicEndpoint) endpoint = NULL;
  Lp2pQuicPunch *self;

  if (!g_socket_address_to_native (address, &remote, sizeof remote, error))
    return NULL;
  endpoint = lp2p_quic_engine_pick_endpoint (engine, (struct sockaddr *) &remote, TRUE, &local, error);
  if (endpoint == NULL)
    return NULL;
  if (!lp2p_quic_endpoint_has_listener (endpoint, protocol))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   _("Nobody can come in through a hole: %s does not listen where it would"), protocol->transport);
      return NULL;
    }

  self = g_new0 (Lp2pQuicPunch, 1);
  self->endpoint = g_steal_pointer (&endpoint);
  self->protocol = protocol;
  self->remote = remote;
  self->local = local;
  self->expected_peer = options->expected_peer != NULL ? lp2p_peer_id_ref (options->expected_peer) : NULL;
  self->deadline = options->deadline > 0 ? options->deadline : options->start + PATIENCE_US;
  self->done = done;
  self->user_data = user_data;
  self->link.data = self;
  g_queue_push_tail_link (&self->endpoint->punches, &self->link);
  self->loop = lp2p_loop_ref (engine->loop);
  lp2p_timer_init (&self->timer, self->loop, run_timer);
  lp2p_job_init (&self->job, self->loop, LP2P_JOB_RUN, run_job);
  lp2p_timer_set (&self->timer, options->start);
  return self;
}
