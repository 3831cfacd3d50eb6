/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-quic-transport.h"

#include "lp2p-quic-port.h"

#include <glib/gi18n-lib.h>

/* The first of the transports over UDP. */
#define DIAL_RANK 10

#define ALPN "libp2p"

struct _Lp2pQuicTransport
{
  Lp2pExtension parent_instance;

  char *group; /* of the configuration */
  Lp2pQuicEngine *engine; /* NULL when it is stopped */
  Lp2pQuicCredentials *credentials;
  Lp2pQuicProtocol protocol;
  Lp2pPorts ports;
  GQueue dials;
};

static void lp2p_quic_transport_iface_init (Lp2pTransportInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pQuicTransport,
                               lp2p_quic_transport,
                               LP2P_TYPE_EXTENSION,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_TRANSPORT, lp2p_quic_transport_iface_init))

static const Lp2pOption options[] = {
  { "idle-timeout", "u", "30", 5, 600, N_("Seconds without a sign of the peer after which a connection is lost") },
  { "keep-alive", "u", "15", 0, 300,
    N_("Seconds of quiet after which the peer is given a sign, 0 for never; sooner where it would not wait so long") },
  { "max-stream-window", "u", "16777216", 65536, 1073741824,
    N_("The most bytes of one stream that a peer may send before they are read") },
  { "max-window", "u", "25165824", 65536, 1073741824,
    N_("The most bytes of all streams of a connection that a peer may send before they are read") },
  { "reuse-port", "b", "true", 0, 0, N_("Whether to dial from a port that is listened on") },
};

/* More than anybody needs on a good line, and no more than a bad one takes. */
#define HANDSHAKE_TIMEOUT_US (10 * G_USEC_PER_SEC)

/* Streams that a peer may open whatever the host allows, which tells it sooner that
 * they are too many than a peer that waits would find out. As many as go has. */
#define MIN_STREAMS 256

/* A dial under way. */
typedef struct
{
  Lp2pQuicTransport *transport;
  GTask *task;
  Lp2pQuicConnection *connection; /* lent, as is the other */
  Lp2pQuicPunch *punch;           /* for a peer who dials */
  GSource *cancel;
  Lp2pMultiaddr *address;
  GList link;
} Dial;

static Lp2pContext *
get_context (Lp2pQuicTransport *self)
{
  return lp2p_extension_get_context (LP2P_EXTENSION (self));
}

static gint64
get_seconds (Lp2pQuicTransport *self, const char *key)
{
  return lp2p_config_get_uint (lp2p_context_get_config (get_context (self)), self->group, key) *
         (gint64) G_USEC_PER_SEC;
}

/* Addresses */

static Lp2pProtocol
get_protocol (Lp2pMultiaddr *address, guint index)
{
  Lp2pProtocol protocol;

  return lp2p_multiaddr_get_component (address, index, &protocol, NULL, NULL) ? protocol : 0;
}

static gboolean
lp2p_quic_transport_match (Lp2pTransport *transport, Lp2pMultiaddr *address)
{
  guint socket_end = lp2p_multiaddr_count_socket (address, LP2P_PROTOCOL_UDP);
  guint n = lp2p_multiaddr_get_n_components (address);

  if (socket_end == 0 || get_protocol (address, socket_end) != LP2P_PROTOCOL_QUIC_V1)
    return FALSE;
  return n == socket_end + 1 || (n == socket_end + 2 && get_protocol (address, socket_end + 1) == LP2P_PROTOCOL_P2P);
}

static GSocketAddress *
get_socket_address (Lp2pTransport *transport, Lp2pMultiaddr *address, GError **error)
{
  Lp2pQuicTransport *self = LP2P_QUIC_TRANSPORT (transport);

  if (!lp2p_quic_transport_match (transport, address))
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_NO_TRANSPORT, _("%s is not an IP address with a UDP port and /quic-v1 alone"),
                   lp2p_multiaddr_get_string (address));
      return NULL;
    }
  if (self->engine == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("Cannot use %s: the host is closed"),
                   lp2p_multiaddr_get_string (address));
      return NULL;
    }
  return lp2p_multiaddr_get_socket_address (address, error);
}

Lp2pRawConnection *
lp2p_quic_make_raw (Lp2pQuicConnection *connection, const char *transport, Lp2pRole role)
{
  Lp2pPublicKey *key = lp2p_quic_connection_get_remote_key (connection);
  Lp2pRawConnection *raw = lp2p_raw_connection_new_session (lp2p_quic_session_new (connection), transport, role);
  Lp2pLayerInfo info = { 0 };

  raw->security = g_intern_static_string ("tls");
  raw->session->klass->get_info (raw->session, &info);
  raw->local_address = lp2p_multiaddr_ref (info.local_address);
  raw->remote_address = lp2p_multiaddr_ref (info.remote_address);
  raw->remote_key = lp2p_public_key_ref (key);
  raw->remote_peer = lp2p_peer_id_new_from_public_key (key);
  raw->socket_id = g_strdup (lp2p_quic_connection_get_socket_id (connection));
  return raw;
}

/* Dialing */

static void
dial_free (Dial *dial)
{
  g_queue_unlink (&dial->transport->dials, &dial->link);
  if (dial->cancel != NULL)
    {
      g_source_destroy (dial->cancel);
      g_source_unref (dial->cancel);
    }
  g_object_unref (dial->task);
  lp2p_multiaddr_unref (dial->address);
  g_free (dial);
}

static void
on_dialed (Lp2pQuicConnection *connection, const GError *error, gpointer user_data)
{
  Dial *dial = user_data;
  g_autoptr (GTask) task = g_object_ref (dial->task);
  const char *transport = dial->transport->protocol.transport;
  Lp2pRole role = dial->punch != NULL ? LP2P_ROLE_RESPONDER : LP2P_ROLE_INITIATOR;

  dial_free (dial);
  if (connection == NULL)
    g_task_return_error (task, g_error_copy (error));
  else
    g_task_return_pointer (task, lp2p_quic_make_raw (connection, transport, role),
                           (GDestroyNotify) lp2p_raw_connection_free);
}

static void
cancel_dial (Dial *dial)
{
  if (dial->punch != NULL)
    lp2p_quic_punch_cancel (dial->punch);
  else
    lp2p_quic_connection_cancel (dial->connection);
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  Dial *dial = user_data;
  g_autoptr (GTask) task = g_object_ref (dial->task);

  cancel_dial (dial);
  dial_free (dial);
  g_task_return_error_if_cancelled (task);
  return G_SOURCE_REMOVE;
}

static void
watch_cancellable (Dial *dial)
{
  GCancellable *cancellable = g_task_get_cancellable (dial->task);

  if (cancellable == NULL)
    return;
  dial->cancel = g_cancellable_source_new (cancellable);
  g_source_set_callback (dial->cancel, G_SOURCE_FUNC (on_cancelled), dial, NULL);
  g_source_attach (dial->cancel, lp2p_loop_get_context (lp2p_context_get_loop (get_context (dial->transport))));
}

static gboolean
start_dial (Dial *dial, GSocketAddress *native, const Lp2pDialOptions *dial_options, GError **error)
{
  Lp2pQuicTransport *self = dial->transport;
  gboolean reuse_port = lp2p_config_get_boolean (lp2p_context_get_config (get_context (self)), self->group, "reuse-port");
  Lp2pQuicDialOptions quic_options = {
    .expected_peer = dial_options->expected_peer,
    .reuse_port = dial_options->reuse_local_port && reuse_port,
    .early_data = dial_options->early_data,
  };

  dial->connection = lp2p_quic_engine_dial (self->engine, &self->protocol, native, &quic_options, on_dialed, dial, error);
  return dial->connection != NULL;
}

static gboolean
start_punch (Dial *dial, GSocketAddress *native, const Lp2pDialOptions *dial_options, GError **error)
{
  Lp2pQuicTransport *self = dial->transport;
  Lp2pQuicPunchOptions quic_options = {
    .expected_peer = dial_options->expected_peer,
    .start = dial_options->punch_at,
    .deadline = dial_options->punch_deadline,
  };

  dial->punch = lp2p_quic_engine_punch (self->engine, &self->protocol, native, &quic_options, on_dialed, dial, error);
  return dial->punch != NULL;
}

/* Takes @task. */
static void
run_dial (GTask *task,
          Lp2pMultiaddr *address,
          const Lp2pDialOptions *dial_options,
          gboolean (*start) (Dial *dial, GSocketAddress *native, const Lp2pDialOptions *dial_options, GError **error))
{
  g_autoptr (GTask) own = task;
  Lp2pQuicTransport *self = g_task_get_source_object (task);
  g_autoptr (GSocketAddress) native = NULL;
  GError *error = NULL;
  Dial *dial;

  if (g_task_return_error_if_cancelled (task))
    return;
  native = get_socket_address (LP2P_TRANSPORT (self), address, &error);
  if (native == NULL)
    {
      g_task_return_error (task, error);
      return;
    }

  dial = g_new0 (Dial, 1);
  dial->transport = self;
  dial->task = g_object_ref (task);
  dial->address = lp2p_multiaddr_ref (address);
  dial->link.data = dial;
  g_queue_push_tail_link (&self->dials, &dial->link);
  if (start (dial, native, dial_options, &error))
    {
      watch_cancellable (dial);
      return;
    }
  dial_free (dial);
  g_task_return_error (task, error);
}

static void
lp2p_quic_transport_dial_async (Lp2pTransport *transport,
                                Lp2pMultiaddr *address,
                                const Lp2pDialOptions *dial_options,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data)
{
  GTask *task = g_task_new (transport, cancellable, callback, user_data);

  g_task_set_source_tag (task, lp2p_quic_transport_dial_async);
  run_dial (task, address, dial_options, start_dial);
}

static void
lp2p_quic_transport_punch_async (Lp2pTransport *transport,
                                 Lp2pMultiaddr *address,
                                 const Lp2pDialOptions *dial_options,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  GTask *task = g_task_new (transport, cancellable, callback, user_data);

  g_task_set_source_tag (task, lp2p_quic_transport_punch_async);
  run_dial (task, address, dial_options, start_punch);
}

static Lp2pRawConnection *
lp2p_quic_transport_dial_finish (Lp2pTransport *transport, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, transport), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* Listening */

static Lp2pListener *
lp2p_quic_transport_listen (Lp2pTransport *transport, Lp2pMultiaddr *address, GError **error)
{
  Lp2pQuicTransport *self = LP2P_QUIC_TRANSPORT (transport);
  g_autoptr (GSocketAddress) native = get_socket_address (transport, address, error);
  Lp2pQuicPort *port;

  if (native == NULL)
    return NULL;
  port = lp2p_quic_port_new (get_context (self), self->engine, &self->protocol, native, error);
  if (port == NULL)
    return NULL;
  lp2p_ports_add (&self->ports, LP2P_LISTENER (port));
  return LP2P_LISTENER (port);
}

static Lp2pTransportFlags
lp2p_quic_transport_get_flags (Lp2pTransport *transport)
{
  return LP2P_TRANSPORT_DIALS | LP2P_TRANSPORT_LISTENS | LP2P_TRANSPORT_DATAGRAM | LP2P_TRANSPORT_PUNCHES |
         LP2P_TRANSPORT_EARLY_DATA;
}

static guint
lp2p_quic_transport_get_dial_rank (Lp2pTransport *transport, Lp2pMultiaddr *address)
{
  return DIAL_RANK;
}

static void
lp2p_quic_transport_iface_init (Lp2pTransportInterface *iface)
{
  iface->get_flags = lp2p_quic_transport_get_flags;
  iface->get_dial_rank = lp2p_quic_transport_get_dial_rank;
  iface->match = lp2p_quic_transport_match;
  iface->dial_async = lp2p_quic_transport_dial_async;
  iface->dial_finish = lp2p_quic_transport_dial_finish;
  iface->listen = lp2p_quic_transport_listen;
  iface->punch_async = lp2p_quic_transport_punch_async;
  iface->punch_finish = lp2p_quic_transport_dial_finish;
}

/* The object */

/* Connections that are made from now on have them. In those that are there, keep-alive and
 * max-window count as soon as it is next asked how long or how far; what the other side was
 * told stays. */
static void
set_options (Lp2pQuicTransport *self)
{
  Lp2pConfig *config = lp2p_context_get_config (get_context (self));
  Lp2pQuicOptions *quic_options = &self->protocol.options;

  quic_options->idle_timeout = get_seconds (self, "idle-timeout");
  quic_options->keep_alive = get_seconds (self, "keep-alive");
  quic_options->handshake_timeout = HANDSHAKE_TIMEOUT_US;
  quic_options->stream_window = lp2p_config_get_uint (config, self->group, "max-stream-window");
  quic_options->window = lp2p_config_get_uint (config, self->group, "max-window");
  quic_options->max_streams = MAX (lp2p_config_get_uint (config, "host", "max-streams-per-connection"), MIN_STREAMS);
}

static void
on_config_changed (Lp2pQuicTransport *self, const char *group, const char *key)
{
  if (g_str_equal (group, self->group) || g_str_equal (group, "host"))
    set_options (self);
}

static gboolean
lp2p_quic_transport_start (Lp2pExtension *extension, GError **error)
{
  Lp2pQuicTransport *self = LP2P_QUIC_TRANSPORT (extension);
  Lp2pConfig *config = lp2p_context_get_config (get_context (self));

  self->group = g_strdup_printf ("plugin %s", lp2p_extension_get_name (extension));
  if (!lp2p_config_register_group (config, self->group, options, G_N_ELEMENTS (options), error))
    return FALSE;
  self->engine = lp2p_quic_engine_get (get_context (self), error);
  if (self->engine == NULL)
    return FALSE;
  self->credentials = lp2p_quic_credentials_new (get_context (self));
  self->protocol = (Lp2pQuicProtocol){
    .alpn = ALPN,
    .suffix = LP2P_QUIC_SUFFIX,
    .transport = g_intern_string (lp2p_extension_get_name (extension)),
    .mutual = TRUE,
    .resumes = TRUE,
    .get_credentials = lp2p_quic_credentials_get,
    .verify = lp2p_quic_verify,
    .data = self->credentials,
  };
  set_options (self);
  g_signal_connect_object (config, "changed", G_CALLBACK (on_config_changed), self, G_CONNECT_SWAPPED);
  return TRUE;
}

static void
stop_dials (Lp2pQuicTransport *self)
{
  Dial *dial;

  while ((dial = g_queue_peek_head (&self->dials)) != NULL)
    {
      g_autoptr (GTask) task = g_object_ref (dial->task);

      cancel_dial (dial);
      if (!g_task_return_error_if_cancelled (task))
        g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CLOSED, _("Cannot connect to %s: the host is closed"),
                                 lp2p_multiaddr_get_string (dial->address));
      dial_free (dial);
    }
}

static void
lp2p_quic_transport_stop (Lp2pExtension *extension)
{
  Lp2pQuicTransport *self = LP2P_QUIC_TRANSPORT (extension);
  Lp2pQuicEngine *engine = g_steal_pointer (&self->engine);

  if (engine == NULL)
    return;
  stop_dials (self);
  lp2p_ports_close (&self->ports);
  lp2p_quic_engine_stop (engine, &self->protocol);
  lp2p_quic_engine_unref (engine);
}

static void
lp2p_quic_transport_finalize (GObject *object)
{
  Lp2pQuicTransport *self = LP2P_QUIC_TRANSPORT (object);

  lp2p_quic_transport_stop (LP2P_EXTENSION (self));
  lp2p_ports_clear (&self->ports);
  g_clear_pointer (&self->credentials, lp2p_quic_credentials_free);
  g_free (self->group);
  G_OBJECT_CLASS (lp2p_quic_transport_parent_class)->finalize (object);
}

static void
lp2p_quic_transport_class_init (Lp2pQuicTransportClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lp2p_quic_transport_finalize;
  LP2P_EXTENSION_CLASS (klass)->start = lp2p_quic_transport_start;
  LP2P_EXTENSION_CLASS (klass)->stop = lp2p_quic_transport_stop;
}

static void
lp2p_quic_transport_init (Lp2pQuicTransport *self)
{
}

LP2P_PLUGIN_DEFINE ({ "quic-v1", lp2p_quic_transport_get_type })
