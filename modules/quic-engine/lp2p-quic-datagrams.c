/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Unreliable datagrams of a connection (RFC 9221). */

#include "lp2p-quic-private.h"

#include <glib/gi18n-lib.h>

/* What waits to be sent, and what nobody has taken: more is refused, or lost. */
#define MAX_QUEUE   (256 * 1024)
#define MAX_QUEUED  4096
#define MAX_INBOX   (1024 * 1024)
#define MAX_INBOXED 256

/* What a packet has besides: first byte, connection id, packet number, tag. */
#define OVERHEAD (1 + NGTCP2_MAX_CIDLEN + 4 + 16)

/* And the frame: type and length, which has 4 bytes instead of 2 from there on. */
#define FRAME_OVERHEAD       3
#define LARGE_FRAME_OVERHEAD 5
#define LARGE                16384

struct _Lp2pQuicDatagrams
{
  GObject parent_instance;

  Lp2pQuicConnection *connection; /* NULL when it is over */
  Lp2pLoop *loop;
  Lp2pJob job;
  GQueue inbox;
  gsize inbox_size;
  gboolean writable;
};

static void datagrams_iface_init (Lp2pDatagramsInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pQuicDatagrams, lp2p_quic_datagrams, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_DATAGRAMS, datagrams_iface_init))

/* The largest that the path and the peer take now; 0 for none. */
gsize
lp2p_quic_connection_get_datagram_room (Lp2pQuicConnection *connection)
{
  const ngtcp2_transport_params *remote;
  gsize frame;

  if (connection->phase != LP2P_QUIC_READY)
    return 0;
  remote = ngtcp2_conn_get_remote_transport_params (connection->conn);
  if (remote == NULL || remote->max_datagram_frame_size <= FRAME_OVERHEAD)
    return 0;
  frame = MIN (lp2p_quic_size_get_max (connection) - OVERHEAD, remote->max_datagram_frame_size);
  if (frame - FRAME_OVERHEAD < LARGE)
    return frame - FRAME_OVERHEAD;
  return MAX (frame - LARGE_FRAME_OVERHEAD, LARGE - 1);
}

static gboolean
fail_closed (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The connection is closed"));
  return FALSE;
}

gboolean
lp2p_quic_connection_send_datagram (Lp2pQuicConnection *connection, GBytes *datagram, GError **error)
{
  gsize size = g_bytes_get_size (datagram);
  gsize max = lp2p_quic_connection_get_datagram_room (connection);

  if (connection->phase != LP2P_QUIC_READY)
    return fail_closed (error);
  if (size > max || max == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                   _("A datagram has at most %zu bytes here, this one %zu"), max, size);
      return FALSE;
    }
  if (connection->datagrams_size + size > MAX_QUEUE || connection->datagrams.length >= MAX_QUEUED)
    {
      connection->datagrams_refused = TRUE;
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, _("The queue for datagrams is full"));
      return FALSE;
    }
  connection->datagrams_size += size;
  g_queue_push_tail (&connection->datagrams, g_bytes_ref (datagram));
  lp2p_quic_connection_want_output (connection);
  return TRUE;
}

/* The capability */

static gsize
get_max_size (Lp2pDatagrams *datagrams)
{
  Lp2pQuicConnection *connection = LP2P_QUIC_DATAGRAMS (datagrams)->connection;

  return connection != NULL ? lp2p_quic_connection_get_datagram_room (connection) : 0;
}

static gboolean
send_datagram (Lp2pDatagrams *datagrams, GBytes *datagram, GError **error)
{
  Lp2pQuicConnection *connection = LP2P_QUIC_DATAGRAMS (datagrams)->connection;

  return connection != NULL ? lp2p_quic_connection_send_datagram (connection, datagram, error) : fail_closed (error);
}

static void
datagrams_iface_init (Lp2pDatagramsInterface *iface)
{
  iface->get_max_size = get_max_size;
  iface->send = send_datagram;
}

static void
run_job (Lp2pJob *job)
{
  g_autoptr (Lp2pQuicDatagrams) self =
      g_object_ref ((Lp2pQuicDatagrams *) ((char *) job - G_STRUCT_OFFSET (Lp2pQuicDatagrams, job)));
  guint n = self->inbox.length;

  while (n-- > 0 && self->inbox.length > 0)
    {
      g_autoptr (GBytes) datagram = g_queue_pop_head (&self->inbox);

      self->inbox_size -= g_bytes_get_size (datagram);
      lp2p_datagrams_received (LP2P_DATAGRAMS (self), datagram);
    }
  if (self->inbox.length > 0)
    lp2p_job_queue (&self->job);
  if (!self->writable)
    return;
  self->writable = FALSE;
  lp2p_datagrams_writable (LP2P_DATAGRAMS (self));
}

void
lp2p_quic_datagrams_take (Lp2pQuicDatagrams *self, const guint8 *data, gsize size)
{
  if (self->inbox.length >= MAX_INBOXED || self->inbox_size + size > MAX_INBOX)
    return;
  self->inbox_size += size;
  g_queue_push_tail (&self->inbox, g_bytes_new (data, size));
  lp2p_job_queue (&self->job);
}

void
lp2p_quic_datagrams_set_writable (Lp2pQuicDatagrams *self)
{
  self->writable = TRUE;
  lp2p_job_queue (&self->job);
}

void
lp2p_quic_datagrams_detach (Lp2pQuicDatagrams *self)
{
  self->connection = NULL;
}

static void
lp2p_quic_datagrams_finalize (GObject *object)
{
  Lp2pQuicDatagrams *self = LP2P_QUIC_DATAGRAMS (object);

  lp2p_job_clear (&self->job);
  g_queue_clear_full (&self->inbox, (GDestroyNotify) g_bytes_unref);
  lp2p_loop_unref (self->loop);
  G_OBJECT_CLASS (lp2p_quic_datagrams_parent_class)->finalize (object);
}

static void
lp2p_quic_datagrams_class_init (Lp2pQuicDatagramsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lp2p_quic_datagrams_finalize;
}

static void
lp2p_quic_datagrams_init (Lp2pQuicDatagrams *self)
{
}

Lp2pQuicDatagrams *
lp2p_quic_datagrams_new (Lp2pQuicConnection *connection)
{
  Lp2pQuicDatagrams *self = g_object_new (LP2P_QUIC_TYPE_DATAGRAMS, NULL);

  self->connection = connection;
  self->loop = lp2p_loop_ref (connection->loop);
  lp2p_job_init (&self->job, self->loop, LP2P_JOB_RUN, run_job);
  return self;
}
