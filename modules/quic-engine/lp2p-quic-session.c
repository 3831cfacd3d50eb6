/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bidirectional streams of a connection as a session of a host. */

#include "lp2p-quic-private.h"

#include <glib/gi18n-lib.h>

typedef struct
{
  Lp2pMuxerSession parent;
  Lp2pQuicConnection *connection;
  Lp2pQuicDatagrams *datagrams;
  Lp2pPeerId *remote_peer;
  Lp2pMultiaddr *local_address; /* with the suffix of the protocol */
  Lp2pMultiaddr *remote_address;
} Session;

#define SESSION(session) ((Session *) (session))
#define CONNECTION(session) (SESSION (session)->connection)
#define STREAM(stream) ((Lp2pQuicStream *) (stream))

/* What the connection tells */

#define TELL(self, event)                                                             \
  G_STMT_START                                                                        \
  {                                                                                   \
    Lp2pMuxerSession *session_ = &((Session *) (self))->parent;                       \
    if (session_->events != NULL && session_->events->event != NULL)                  \
      session_->events->event (session_, session_->events_data);                      \
  }                                                                                   \
  G_STMT_END

static gsize
on_stream_input (Lp2pQuicStream *stream, const guint8 *data, gsize size, gpointer user_data)
{
  Lp2pMuxerSession *session = user_data;

  if (session->events == NULL || session->events->stream_input == NULL)
    return 0;
  return session->events->stream_input (session, &stream->parent, data, size, session->events_data);
}

static void
on_stream_ready (Lp2pQuicStream *stream, Lp2pReady ready, gpointer user_data)
{
  Lp2pMuxerSession *session = user_data;

  if (session->events != NULL && session->events->stream_ready != NULL)
    session->events->stream_ready (session, &stream->parent, ready, session->events_data);
}

static void
on_incoming (gpointer user_data)
{
  TELL (user_data, incoming);
}

static void
on_withdrawn (gpointer user_data)
{
  TELL (user_data, withdrawn);
}

static void
on_can_open (gpointer user_data)
{
  TELL (user_data, can_open);
}

static void
on_early_rejected (gpointer user_data)
{
  TELL (user_data, early_rejected);
}

/* What was remembered of the peer gives way to what it proved. */
static void
take_remote_peer (Session *self)
{
  g_clear_pointer (&self->remote_peer, lp2p_peer_id_unref);
  if (self->connection->remote_key != NULL)
    self->remote_peer = lp2p_peer_id_new_from_public_key (self->connection->remote_key);
}

static void
on_ready (gpointer user_data)
{
  take_remote_peer (user_data);
  TELL (user_data, ready);
}

static void
on_closing (gpointer user_data)
{
  TELL (user_data, closing);
}

static void
set_address (Lp2pMultiaddr **address, Lp2pMultiaddr *socket_address, const char *suffix)
{
  g_autoptr (Lp2pMultiaddr) rest = lp2p_multiaddr_new_from_string (suffix, NULL);

  g_clear_pointer (address, lp2p_multiaddr_unref);
  *address = lp2p_multiaddr_concat (socket_address, rest);
}

static void
update_addresses (Session *self)
{
  const char *suffix = self->connection->protocol->suffix;

  set_address (&self->local_address, self->connection->local_address, suffix);
  set_address (&self->remote_address, self->connection->remote_address, suffix);
}

static void
on_path_changed (gpointer user_data)
{
  update_addresses (user_data);
  TELL (user_data, path_changed);
}

static void
on_closed (gpointer user_data)
{
  lp2p_quic_datagrams_detach (SESSION (user_data)->datagrams);
  TELL (user_data, closed);
}

static void
on_datagram (const guint8 *data, gsize size, gpointer user_data)
{
  lp2p_quic_datagrams_take (SESSION (user_data)->datagrams, data, size);
}

static void
on_datagrams_writable (gpointer user_data)
{
  lp2p_quic_datagrams_set_writable (SESSION (user_data)->datagrams);
}

static const Lp2pQuicEvents connection_events = {
  .stream_input = on_stream_input,
  .stream_ready = on_stream_ready,
  .incoming = on_incoming,
  .withdrawn = on_withdrawn,
  .can_open = on_can_open,
  .early_rejected = on_early_rejected,
  .ready = on_ready,
  .closing = on_closing,
  .path_changed = on_path_changed,
  .closed = on_closed,
  .datagram = on_datagram,
  .datagrams_writable = on_datagrams_writable,
};

/* What the host asks */

static int
session_open (Lp2pMuxerSession *session, Lp2pMuxerStream **stream)
{
  Lp2pQuicStream *opened = NULL;
  int code = lp2p_quic_stream_open (CONNECTION (session), FALSE, &opened);

  *stream = opened != NULL ? &opened->parent : NULL;
  return code;
}

static Lp2pMuxerStream *
session_accept (Lp2pMuxerSession *session)
{
  Lp2pQuicStream *stream = lp2p_quic_stream_accept (CONNECTION (session));

  return stream != NULL ? &stream->parent : NULL;
}

static gssize
stream_readv (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, const GInputVector *vectors, guint n_vectors)
{
  return lp2p_quic_stream_readv (STREAM (stream), vectors, n_vectors);
}

static gssize
stream_writev (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, const GOutputVector *vectors, guint n_vectors)
{
  return lp2p_quic_stream_writev (STREAM (stream), vectors, n_vectors);
}

static void
stream_lend (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, GBytes *bytes)
{
  lp2p_quic_stream_lend (STREAM (stream), bytes);
}

static void
stream_want (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, Lp2pReady ready)
{
  lp2p_quic_stream_want (STREAM (stream), ready);
}

static int
stream_shutdown_write (Lp2pMuxerSession *session, Lp2pMuxerStream *stream)
{
  return lp2p_quic_stream_shutdown_write (STREAM (stream));
}

static void
stream_stop_reading (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint32 code)
{
  lp2p_quic_stream_stop_reading (STREAM (stream), code);
}

static void
stream_reset (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint32 code)
{
  lp2p_quic_stream_reset (STREAM (stream), code);
}

static void
stream_release (Lp2pMuxerSession *session, Lp2pMuxerStream *stream)
{
  lp2p_quic_stream_release (STREAM (stream));
}

static const GError *
stream_get_error (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, Lp2pReady side, guint32 *code)
{
  guint64 code64;
  const GError *error = lp2p_quic_stream_get_error (STREAM (stream), side, &code64);

  if (code != NULL)
    *code = MIN (code64, G_MAXUINT32);
  return error;
}

static void
session_close (Lp2pMuxerSession *session, guint32 code, const char *reason)
{
  lp2p_quic_connection_close (CONNECTION (session), code, reason);
}

static void
session_abort (Lp2pMuxerSession *session, guint32 code)
{
  lp2p_quic_connection_abort (CONNECTION (session), code,
                              g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The session was aborted")));
}

static void
session_free (Lp2pMuxerSession *session)
{
  Session *self = SESSION (session);

  lp2p_quic_datagrams_detach (self->datagrams);
  lp2p_quic_connection_release (self->connection);
  g_object_unref (self->datagrams);
  g_clear_pointer (&self->remote_peer, lp2p_peer_id_unref);
  lp2p_multiaddr_unref (self->local_address);
  lp2p_multiaddr_unref (self->remote_address);
  lp2p_muxer_session_clear (session);
  g_free (self);
}

static Lp2pSessionState
session_get_state (Lp2pMuxerSession *session)
{
  return lp2p_quic_connection_get_state (CONNECTION (session));
}

static const GError *
session_get_error (Lp2pMuxerSession *session, guint32 *code)
{
  guint64 code64;
  const GError *error = lp2p_quic_connection_get_error (CONNECTION (session), &code64);

  if (code != NULL)
    *code = MIN (code64, G_MAXUINT32);
  return error;
}

static void
session_get_info (Lp2pMuxerSession *session, Lp2pLayerInfo *info)
{
  Lp2pQuicConnection *connection = CONNECTION (session);
  ngtcp2_conn_info told;

  if (connection->conn != NULL)
    {
      ngtcp2_conn_get_conn_info (connection->conn, &told);
      if (told.latest_rtt > 0)
        connection->rtt = told.smoothed_rtt / 1000;
    }
  info->rtt = connection->rtt;
  info->bytes_read = connection->bytes_read;
  info->bytes_written = connection->bytes_written;
  info->local_address = SESSION (session)->local_address;
  info->remote_address = SESSION (session)->remote_address;
}

static GObject *
session_get_capability (Lp2pMuxerSession *session, GType interface_type)
{
  return interface_type == LP2P_TYPE_DATAGRAMS ? G_OBJECT (SESSION (session)->datagrams) : NULL;
}

static Lp2pPeerId *
session_get_remote_peer (Lp2pMuxerSession *session)
{
  return SESSION (session)->remote_peer;
}

static const Lp2pMuxerSessionClass session_class = {
  .name = "native",
  .caps = LP2P_MUXER_BACKPRESSURE | LP2P_MUXER_HALF_CLOSE | LP2P_MUXER_STOP_READING | LP2P_MUXER_CODES |
          LP2P_MUXER_DATAGRAMS | LP2P_MUXER_MIGRATES,
  .open = session_open,
  .accept = session_accept,
  .stream_readv = stream_readv,
  .stream_writev = stream_writev,
  .stream_lend = stream_lend,
  .stream_want = stream_want,
  .stream_shutdown_write = stream_shutdown_write,
  .stream_stop_reading = stream_stop_reading,
  .stream_reset = stream_reset,
  .stream_release = stream_release,
  .stream_get_error = stream_get_error,
  .close = session_close,
  .abort = session_abort,
  .free = session_free,
  .get_state = session_get_state,
  .get_error = session_get_error,
  .get_info = session_get_info,
  .get_capability = session_get_capability,
  .get_remote_peer = session_get_remote_peer,
};

Lp2pMuxerSession *
lp2p_quic_session_new (Lp2pQuicConnection *connection)
{
  Session *self = g_new0 (Session, 1);

  lp2p_muxer_session_init (&self->parent, &session_class, connection->loop);
  self->connection = connection;
  self->datagrams = lp2p_quic_datagrams_new (connection);
  take_remote_peer (self);
  update_addresses (self);
  lp2p_quic_connection_set_events (connection, &connection_events, self);
  return &self->parent;
}
