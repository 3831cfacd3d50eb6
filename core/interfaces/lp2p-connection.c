/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/lp2p-enum-types.h>

#include "interfaces/lp2p-connection-parts-private.h"
#include "types/lp2p-i18n-private.h"

/**
 * Lp2pConnection:
 *
 * An authenticated, encrypted connection to a peer that carries streams.
 *
 * A connection belongs to the thread of its host. It lives as long as the host
 * knows it or a stream of it is in use.
 */
G_DEFINE_FINAL_TYPE (Lp2pConnection, lp2p_connection, G_TYPE_OBJECT)

static GParamSpec *properties[LP2P_CONNECTION_N_PROPS];

void
lp2p_connection_notify (Lp2pConnection *self, guint property)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
}

static gboolean
check_thread (Lp2pConnection *self, GTask *task)
{
  if (lp2p_loop_is_owner (self->loop))
    return TRUE;
  g_task_return_new_error (task, LP2P_ERROR, LP2P_ERROR_WRONG_THREAD,
                           _("A connection can only be used in the thread of its host"));
  return FALSE;
}

/**
 * lp2p_connection_close_async:
 * @self: a connection
 * @cancellable: (nullable): to give up waiting; the connection closes all the
 *   same
 * @callback: called when it is closed
 * @user_data: passed on
 *
 * Closes the connection: what was written is delivered, for as long as the transport
 * waits for a peer that does not take it, then the peer is told. Where that is not how it
 * ended, and some of it may be lost, [method@Connection.get_error] says so.
 */
void
lp2p_connection_close_async (Lp2pConnection *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (LP2P_IS_CONNECTION (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lp2p_connection_close_async);
  if (check_thread (self, task))
    lp2p_connection_start_closing (self, task);
}

/**
 * lp2p_connection_close_finish:
 * @self: a connection
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes [method@Connection.close_async].
 *
 * Returns: whether the connection is closed, be it in order or not, which
 *   [method@Connection.get_error] tells
 */
gboolean
lp2p_connection_close_finish (Lp2pConnection *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * lp2p_connection_code_to_string:
 * @code: why a connection ended, as a peer tells it
 *
 * Puts a code into words, as far as it is one of [enum@Code], for messages.
 *
 * Returns: (transfer full): the code, such as `4103 (connection-gated)`
 */
char *
lp2p_connection_code_to_string (guint32 code)
{
  g_autoptr (GEnumClass) codes = g_type_class_ref (LP2P_TYPE_CODE);
  const GEnumValue *value = code != LP2P_CODE_NONE ? g_enum_get_value (codes, (gint) code) : NULL;

  return value != NULL ? g_strdup_printf ("%u (%s)", code, value->value_nick) : g_strdup_printf ("%u", code);
}

/**
 * lp2p_connection_abort:
 * @self: a connection
 * @code: why, where the muxer can say it; 0 for no reason
 *
 * Gives the connection up at once. What was not delivered is lost.
 */
void
lp2p_connection_abort (Lp2pConnection *self, guint32 code)
{
  g_return_if_fail (LP2P_IS_CONNECTION (self));

  if (self->session == NULL || self->state == LP2P_CONNECTION_CLOSED)
    return;
  lp2p_connection_close_here (self);
  self->session->klass->abort (self->session, code);
  lp2p_job_queue (&self->job);
}

/**
 * lp2p_connection_open_stream_async:
 * @self: a connection
 * @protocols: (array zero-terminated=1): what to speak, preferred first
 * @flags: on which kind of connection it may be
 * @cancellable: (nullable): to give up
 * @callback: called when done
 * @user_data: passed on
 *
 * Opens a stream. With one protocol it can be used before the peer has answered;
 * a refusal then shows as `LP2P_ERROR_NOT_SUPPORTED` at the first read. With
 * several, the callback comes when the peer has chosen.
 *
 * While the connection is only %LP2P_CONNECTION_EARLY, streams with
 * %LP2P_STREAM_REPLAY_SAFE are opened at once; what is written to them, at most
 * 16 KiB, is kept and sent again where the peer refuses early data. All others
 * wait until it is ready.
 *
 * While the peer has not agreed to a muxer, all are opened at once; what is written to
 * them, at most 16 KiB, is kept and sent again where the peer refuses the muxer. Where
 * its end of the connection goes away without an answer, it may have got these bytes:
 * then only streams with %LP2P_STREAM_REPLAY_SAFE go on.
 */
void
lp2p_connection_open_stream_async (Lp2pConnection *self,
                                   const char *const *protocols,
                                   Lp2pStreamFlags flags,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (LP2P_IS_CONNECTION (self));
  g_return_if_fail (protocols != NULL && protocols[0] != NULL);

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lp2p_connection_open_stream_async);
  if (!check_thread (self, task) || g_task_return_error_if_cancelled (task))
    return;
  if (self->limited && (flags & LP2P_STREAM_ALLOW_LIMITED) == 0)
    g_task_return_new_error (task, LP2P_ERROR, LP2P_ERROR_LIMIT,
                             _("The connection to %s is metered by a relay and %s does not allow that"),
                             lp2p_peer_id_get_string (self->remote_peer), protocols[0]);
  else
    lp2p_connection_start_opening (self, task, protocols, flags);
}

/**
 * lp2p_connection_open_stream_finish:
 * @self: a connection
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes [method@Connection.open_stream_async].
 *
 * Returns: (transfer full): the stream
 */
Lp2pStream *
lp2p_connection_open_stream_finish (Lp2pConnection *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* GObject */

static void
lp2p_connection_finalize (GObject *object)
{
  Lp2pConnection *self = LP2P_CONNECTION (object);

  lp2p_job_clear (&self->pump);
  lp2p_job_clear (&self->job);
  lp2p_timer_clear (&self->timer);
  lp2p_timer_clear (&self->negotiation_timer);
  lp2p_timer_clear (&self->ready_timer);
  g_clear_pointer (&self->session, lp2p_muxer_session_free);
  g_clear_pointer (&self->refused_session, lp2p_muxer_session_free);
  lp2p_connection_forget_answer (self);
  g_clear_pointer (&self->local_address, lp2p_multiaddr_unref);
  g_clear_pointer (&self->remote_address, lp2p_multiaddr_unref);
  g_clear_pointer (&self->remote_peer, lp2p_peer_id_unref);
  g_clear_pointer (&self->remote_key, lp2p_public_key_unref);
  g_free (self->socket_id);
  g_clear_error (&self->error);
  g_clear_pointer (&self->loop, lp2p_loop_unref);
  G_OBJECT_CLASS (lp2p_connection_parent_class)->finalize (object);
}

static void
lp2p_connection_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  Lp2pConnection *self = LP2P_CONNECTION (object);

  switch (id)
    {
    case LP2P_CONNECTION_PROP_STATE:
      g_value_set_enum (value, self->state);
      break;
    case LP2P_CONNECTION_PROP_REMOTE_PEER:
      g_value_set_boxed (value, self->remote_peer);
      break;
    case LP2P_CONNECTION_PROP_LOCAL_ADDRESS:
      g_value_set_boxed (value, self->local_address);
      break;
    case LP2P_CONNECTION_PROP_REMOTE_ADDRESS:
      g_value_set_boxed (value, self->remote_address);
      break;
    case LP2P_CONNECTION_PROP_DIRECTION:
      g_value_set_enum (value, self->direction);
      break;
    case LP2P_CONNECTION_PROP_TRANSPORT:
      g_value_set_string (value, self->transport);
      break;
    case LP2P_CONNECTION_PROP_SECURITY:
      g_value_set_string (value, self->security);
      break;
    case LP2P_CONNECTION_PROP_MUXER:
      g_value_set_string (value, lp2p_connection_get_muxer (self));
      break;
    case LP2P_CONNECTION_PROP_LIMITED:
      g_value_set_boolean (value, self->limited);
      break;
    case LP2P_CONNECTION_PROP_RTT:
      g_value_set_int64 (value, lp2p_connection_get_rtt (self));
      break;
    case LP2P_CONNECTION_PROP_BYTES_READ:
      g_value_set_uint64 (value, lp2p_connection_get_bytes_read (self));
      break;
    case LP2P_CONNECTION_PROP_BYTES_WRITTEN:
      g_value_set_uint64 (value, lp2p_connection_get_bytes_written (self));
      break;
    case LP2P_CONNECTION_PROP_N_STREAMS:
      g_value_set_uint (value, self->n_streams);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
lp2p_connection_class_init (Lp2pConnectionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->finalize = lp2p_connection_finalize;
  object_class->get_property = lp2p_connection_get_property;

  /**
   * Lp2pConnection:state:
   *
   * How far it has come.
   */
  properties[LP2P_CONNECTION_PROP_STATE] = g_param_spec_enum ("state", NULL, NULL, LP2P_TYPE_CONNECTION_STATE,
                                              LP2P_CONNECTION_CONNECTING, flags);
  /**
   * Lp2pConnection:remote-peer:
   *
   * Who is on the other side.
   */
  properties[LP2P_CONNECTION_PROP_REMOTE_PEER] =
      g_param_spec_boxed ("remote-peer", NULL, NULL, LP2P_TYPE_PEER_ID, flags);
  /**
   * Lp2pConnection:local-address:
   *
   * Our end, without peer id.
   */
  properties[LP2P_CONNECTION_PROP_LOCAL_ADDRESS] =
      g_param_spec_boxed ("local-address", NULL, NULL, LP2P_TYPE_MULTIADDR, flags);
  /**
   * Lp2pConnection:remote-address:
   *
   * The peer's end, without peer id. It may change while the connection lives.
   */
  properties[LP2P_CONNECTION_PROP_REMOTE_ADDRESS] =
      g_param_spec_boxed ("remote-address", NULL, NULL, LP2P_TYPE_MULTIADDR, flags);
  /**
   * Lp2pConnection:direction:
   *
   * Whether this host dialed: it is the initiator then.
   */
  properties[LP2P_CONNECTION_PROP_DIRECTION] =
      g_param_spec_enum ("direction", NULL, NULL, LP2P_TYPE_ROLE, LP2P_ROLE_UNSET, flags);
  /**
   * Lp2pConnection:transport:
   *
   * The name of the transport.
   */
  properties[LP2P_CONNECTION_PROP_TRANSPORT] = g_param_spec_string ("transport", NULL, NULL, NULL, flags);
  /**
   * Lp2pConnection:security:
   *
   * The name of the security protocol.
   */
  properties[LP2P_CONNECTION_PROP_SECURITY] = g_param_spec_string ("security", NULL, NULL, NULL, flags);
  /**
   * Lp2pConnection:muxer:
   *
   * The name of the muxer, %NULL as long as the peer has not agreed to one; see
   * [method@Connection.get_muxer].
   */
  properties[LP2P_CONNECTION_PROP_MUXER] = g_param_spec_string ("muxer", NULL, NULL, NULL, flags);
  /**
   * Lp2pConnection:limited:
   *
   * Whether a relay meters it.
   */
  properties[LP2P_CONNECTION_PROP_LIMITED] = g_param_spec_boolean ("limited", NULL, NULL, FALSE, flags);
  /**
   * Lp2pConnection:rtt:
   *
   * Smoothed round-trip time in microseconds, -1 while unknown.
   */
  properties[LP2P_CONNECTION_PROP_RTT] = g_param_spec_int64 ("rtt", NULL, NULL, -1, G_MAXINT64, -1, flags);
  /**
   * Lp2pConnection:bytes-read:
   *
   * Bytes that came in, with all overhead above the transport. Notified at most
   * once a second.
   */
  properties[LP2P_CONNECTION_PROP_BYTES_READ] =
      g_param_spec_uint64 ("bytes-read", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  /**
   * Lp2pConnection:bytes-written:
   *
   * Bytes that went out, with all overhead above the transport. Notified at most
   * once a second.
   */
  properties[LP2P_CONNECTION_PROP_BYTES_WRITTEN] =
      g_param_spec_uint64 ("bytes-written", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  /**
   * Lp2pConnection:n-streams:
   *
   * How many streams are open.
   */
  properties[LP2P_CONNECTION_PROP_N_STREAMS] = g_param_spec_uint ("n-streams", NULL, NULL, 0, G_MAXUINT, 0, flags);
  g_object_class_install_properties (object_class, LP2P_CONNECTION_N_PROPS, properties);
}

static void
lp2p_connection_init (Lp2pConnection *self)
{
  g_queue_init (&self->opening);
  g_queue_init (&self->closing);
  g_queue_init (&self->proposing);
  g_queue_init (&self->negotiating);
  g_queue_init (&self->held);
  g_queue_init (&self->early_streams);
  self->rtt = -1;
}

/**
 * lp2p_connection_get_id:
 * @self: a connection
 *
 * Tells the number of a connection, which no other one of the process has or will
 * have. Log messages have it in the field `LP2P_CONNECTION`.
 *
 * Returns: the number, from 1 on
 */
guint64
lp2p_connection_get_id (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), 0);
  return self->id;
}

/**
 * lp2p_connection_get_state:
 * @self: a connection
 *
 * Gets how far the connection has come.
 *
 * Returns: how far it has come
 */
Lp2pConnectionState
lp2p_connection_get_state (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), LP2P_CONNECTION_CLOSED);
  return self->state;
}

/**
 * lp2p_connection_get_remote_peer:
 * @self: a connection
 *
 * Gets who is on the other side.
 *
 * Returns: (transfer none): who is on the other side
 */
Lp2pPeerId *
lp2p_connection_get_remote_peer (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->remote_peer;
}

/**
 * lp2p_connection_get_remote_key:
 * @self: a connection
 *
 * Gets the public key that the peer proved to have.
 *
 * Returns: (transfer none) (nullable): the public key of the other side
 */
Lp2pPublicKey *
lp2p_connection_get_remote_key (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->remote_key;
}

/**
 * lp2p_connection_get_local_address:
 * @self: a connection
 *
 * Gets the address of this end, without peer id.
 *
 * Returns: (transfer none) (nullable): our end, without peer id
 */
Lp2pMultiaddr *
lp2p_connection_get_local_address (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->local_address;
}

/**
 * lp2p_connection_get_remote_address:
 * @self: a connection
 *
 * Gets the address of the other end, without peer id. It may change while the
 * connection lives.
 *
 * Returns: (transfer none): the peer's end, without peer id
 */
Lp2pMultiaddr *
lp2p_connection_get_remote_address (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->remote_address;
}

/**
 * lp2p_connection_get_direction:
 * @self: a connection
 *
 * Gets who began: the initiator is the side that dialed.
 *
 * Returns: %LP2P_ROLE_INITIATOR when this host dialed
 */
Lp2pRole
lp2p_connection_get_direction (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), LP2P_ROLE_UNSET);
  return self->direction;
}

/**
 * lp2p_connection_get_transport:
 * @self: a connection
 *
 * Gets the name of the transport, such as `tcp`.
 *
 * Returns: (transfer none): the name of the transport
 */
const char *
lp2p_connection_get_transport (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->transport;
}

/**
 * lp2p_connection_get_security:
 * @self: a connection
 *
 * Gets the name of the security protocol, such as `noise`.
 *
 * Returns: (transfer none): the name of the security protocol
 */
const char *
lp2p_connection_get_security (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->security;
}

/**
 * lp2p_connection_get_muxer:
 * @self: a connection
 *
 * Gets the name of the stream muxer, such as `yamux`. Where the handshake does not settle that, a muxer is
 * proposed together with the first bytes of streams, which saves a round trip: a
 * connection is ready then before the peer has agreed. Where it refuses, it is dialed
 * once more, and this connection and its streams go on over the muxer that it does take.
 *
 * Returns: (transfer none) (nullable): the name of the muxer, %NULL as long as the peer
 *   has not agreed to one
 */
const char *
lp2p_connection_get_muxer (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->answer == NULL ? self->muxer : NULL;
}

/**
 * lp2p_connection_get_socket_id:
 * @self: a connection
 *
 * Gets which of the sockets of this host the connection uses, to tell those of one
 * socket from others.
 *
 * Returns: (transfer none) (nullable): the local socket, as a listener names it. It lives
 *   as long as the connection, but where that is dialed again and goes on, as behind a
 *   muxer that was refused, another one takes its place: who needs it beyond this turn of
 *   the main loop copies it
 */
const char *
lp2p_connection_get_socket_id (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->socket_id;
}

/**
 * lp2p_connection_get_limited:
 * @self: a connection
 *
 * Tells whether a relay meters the connection. Only streams that allow it use such
 * a one.
 *
 * Returns: whether a relay meters it
 */
gboolean
lp2p_connection_get_limited (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), FALSE);
  return self->limited;
}

/**
 * lp2p_connection_get_rtt:
 * @self: a connection
 *
 * Gets the smoothed round-trip time.
 *
 * Returns: smoothed round-trip time in microseconds, -1 while unknown
 */
gint64
lp2p_connection_get_rtt (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), -1);
  lp2p_connection_refresh_counters (self);
  return self->rtt;
}

/**
 * lp2p_connection_get_bytes_read:
 * @self: a connection
 *
 * Gets how many bytes came in, with all overhead above the transport.
 *
 * Returns: bytes that came in
 */
guint64
lp2p_connection_get_bytes_read (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), 0);
  lp2p_connection_refresh_counters (self);
  return self->bytes_read;
}

/**
 * lp2p_connection_get_bytes_written:
 * @self: a connection
 *
 * Gets how many bytes went out, with all overhead above the transport.
 *
 * Returns: bytes that went out
 */
guint64
lp2p_connection_get_bytes_written (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), 0);
  lp2p_connection_refresh_counters (self);
  return self->bytes_written;
}

/**
 * lp2p_connection_get_n_streams:
 * @self: a connection
 *
 * Gets how many streams are open.
 *
 * Returns: how many streams are open
 */
guint
lp2p_connection_get_n_streams (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), 0);
  return self->n_streams;
}

/**
 * lp2p_connection_get_error:
 * @self: a connection
 *
 * Gets why the connection ended.
 *
 * Returns: (transfer none) (nullable): why it is closed; %NULL after an orderly
 *   end
 */
const GError *
lp2p_connection_get_error (Lp2pConnection *self)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);
  return self->error;
}

/**
 * lp2p_connection_get_capability:
 * @self: a connection
 * @interface_type: an interface of this library, such as [iface@Datagrams]
 *
 * Gets what a connection can do beside carrying streams, such as
 * [iface@Datagrams].
 *
 * Returns: (transfer none) (nullable): an object that implements it, where the
 *   connection is ready and can do that
 */
GObject *
lp2p_connection_get_capability (Lp2pConnection *self, GType interface_type)
{
  g_return_val_if_fail (LP2P_IS_CONNECTION (self), NULL);

  /* What it does while the peer is not verified could be replayed. */
  if (self->session == NULL || self->early || self->session->klass->get_capability == NULL)
    return NULL;
  return self->session->klass->get_capability (self->session, interface_type);
}
