/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-tcp-transport.h"

#include <glib/gi18n-lib.h>

/* The first of the plain streams. */
#define DIAL_RANK 100

struct _Lp2pTcpTransport
{
  Lp2pExtension parent_instance;

  char *group; /* of the configuration */
  Lp2pPorts ports;
  Lp2pDialings dialings;
};

static void lp2p_tcp_transport_iface_init (Lp2pTransportInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pTcpTransport,
                               lp2p_tcp_transport,
                               LP2P_TYPE_EXTENSION,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_TRANSPORT,
                                                      lp2p_tcp_transport_iface_init))

static const Lp2pOption options[] = {
  { "keepalive", "u", "60", 0, 32767,
    N_("Seconds without a sign of the peer after which it is probed, 0 for never") },
  { "user-timeout", "u", "60", 0, 86400,
    N_("Seconds for which sent bytes may stay unacknowledged, 0 for the system's default") },
  { "fast-open", "b", "true", 0, 0, N_("Whether the first bytes may ride on the SYN") },
  { "reuse-port", "b", "true", 0, 0, N_("Whether to dial from a port that is listened on") },
};

/* A dial under way. */
typedef struct
{
  Lp2pDialing parent;
  Lp2pTcpTransport *transport;
  char *host_name; /* or NULL */
  Lp2pTcpDialFlags flags;
  Lp2pTimer timer;      /* until a hole punch begins */
  GSource *wait_source; /* that may end it before */
} Dial;

static Lp2pContext *
get_context (Lp2pTcpTransport *self)
{
  return lp2p_extension_get_context (LP2P_EXTENSION (self));
}

static gboolean
get_boolean (Lp2pTcpTransport *self, const char *key)
{
  return lp2p_config_get_boolean (lp2p_context_get_config (get_context (self)), self->group, key);
}

static guint
get_uint (Lp2pTcpTransport *self, const char *key)
{
  return lp2p_config_get_uint (lp2p_context_get_config (get_context (self)), self->group, key);
}

/* Addresses */

/* Whether there is a socket, and nothing but a peer id behind it. */
static gboolean
ends_with_socket (Lp2pMultiaddr *address, guint socket_end)
{
  guint n = lp2p_multiaddr_get_n_components (address);

  return socket_end > 0 &&
         (n == socket_end ||
          (n == socket_end + 1 && lp2p_multiaddr_find (address, LP2P_PROTOCOL_P2P, 0) == (int) socket_end));
}

static gboolean
lp2p_tcp_transport_match (Lp2pTransport *transport, Lp2pMultiaddr *address)
{
  return ends_with_socket (address, lp2p_multiaddr_count_socket (address, LP2P_PROTOCOL_TCP));
}

static gboolean
lp2p_tcp_transport_match_name (Lp2pTransport *transport, Lp2pMultiaddr *address)
{
  return ends_with_socket (address, lp2p_multiaddr_count_named_socket (address, LP2P_PROTOCOL_TCP));
}

static gboolean
check_match (gboolean matches, Lp2pMultiaddr *address, GError **error)
{
  if (!matches)
    g_set_error (error, LP2P_ERROR, LP2P_ERROR_NO_TRANSPORT, _("%s is not an IP address with a TCP port alone"),
                 lp2p_multiaddr_get_string (address));
  return matches;
}

/* Dialing */

static void
end_wait (Dial *dial)
{
  lp2p_timer_clear (&dial->timer);
  if (dial->wait_source != NULL)
    g_source_destroy (dial->wait_source);
  g_clear_pointer (&dial->wait_source, g_source_unref);
}

static void
on_dialed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree Dial *dial = user_data;
  g_autofree char *host_name = dial->host_name;
  Lp2pRawConnection *raw = NULL;
  Lp2pLayer *layer;
  Lp2pMultiaddr *local_address = NULL;
  char *socket_id = NULL;
  GError *error = NULL;

  layer =
      lp2p_tcp_hub_dial_finish (LP2P_TCP_HUB (source), result, &local_address, &socket_id, &error);
  if (layer != NULL)
    {
      raw = lp2p_raw_connection_new_layer (
          layer, lp2p_extension_get_name (LP2P_EXTENSION (dial->transport)), LP2P_ROLE_INITIATOR);
      raw->local_address = local_address;
      raw->remote_address = lp2p_multiaddr_ref (dial->parent.address);
      raw->socket_id = socket_id;
    }
  lp2p_dialing_end (&dial->parent, raw, error);
}

/* Also when it was cancelled: the hub then ends it as it ends all others. */
static void
dial_now (Dial *dial)
{
  Lp2pTcpHub *hub = lp2p_context_get_tcp_hub (get_context (dial->transport));

  end_wait (dial);
  lp2p_tcp_hub_dial_async (hub, dial->parent.address, dial->host_name, dial->flags, dial->parent.cancellable, on_dialed,
                           dial);
}

static void
on_punch_time (Lp2pTimer *timer)
{
  dial_now ((Dial *) ((char *) timer - G_STRUCT_OFFSET (Dial, timer)));
}

static gboolean
on_wait_cancelled (GCancellable *cancellable, gpointer user_data)
{
  dial_now (user_data);
  return G_SOURCE_REMOVE;
}

static void
dial_at (Dial *dial, gint64 time)
{
  Lp2pLoop *loop = lp2p_context_get_loop (get_context (dial->transport));

  lp2p_timer_set (&dial->timer, time);
  dial->wait_source = g_cancellable_source_new (dial->parent.cancellable);
  g_source_set_callback (dial->wait_source, G_SOURCE_FUNC (on_wait_cancelled), dial, NULL);
  g_source_attach (dial->wait_source, lp2p_loop_get_context (loop));
}

/* Who answers in the security handshake waits for the first bytes, and so must
 * not wait for its own to begin the connection. Nor does a hole get punched by a
 * SYN that is not sent.
 *
 * The kernel puts bytes on a SYN only towards a listener that gave it a cookie
 * before, and otherwise connects as usual: there is nothing to remember here
 * about peers. */
static Lp2pTcpDialFlags
get_dial_flags (Lp2pTcpTransport *self, const Lp2pDialOptions *dial_options)
{
  Lp2pTcpDialFlags flags = LP2P_TCP_DIAL_NONE;

  if (dial_options->reuse_local_port && get_boolean (self, "reuse-port"))
    flags |= LP2P_TCP_REUSE_PORT;
  if (!dial_options->no_fast_open && dial_options->punch_at == 0 &&
      dial_options->security_role != LP2P_ROLE_RESPONDER && get_boolean (self, "fast-open"))
    flags |= LP2P_TCP_FAST_OPEN;
  return flags;
}

static Dial *
dial_new (Lp2pTcpTransport *self, GTask *task, Lp2pMultiaddr *address)
{
  Dial *dial = g_new0 (Dial, 1);
  guint socket_end = MAX (lp2p_multiaddr_count_socket (address, LP2P_PROTOCOL_TCP),
                          lp2p_multiaddr_count_named_socket (address, LP2P_PROTOCOL_TCP));
  g_autoptr (Lp2pMultiaddr) plain = lp2p_multiaddr_slice (address, 0, socket_end);

  lp2p_dialing_begin (&dial->parent, &self->dialings, task, plain);
  dial->transport = self;
  lp2p_timer_init (&dial->timer, lp2p_context_get_loop (get_context (self)), on_punch_time);
  return dial;
}

static void
lp2p_tcp_transport_dial_async (Lp2pTransport *transport,
                               Lp2pMultiaddr *address,
                               const Lp2pDialOptions *dial_options,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  Lp2pTcpTransport *self = LP2P_TCP_TRANSPORT (transport);
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  gboolean matches = lp2p_tcp_transport_match (transport, address) || lp2p_tcp_transport_match_name (transport, address);
  GError *error = NULL;
  Dial *dial;

  g_task_set_source_tag (task, lp2p_tcp_transport_dial_async);
  if (!check_match (matches, address, &error) || !lp2p_dialings_check (&self->dialings, address, &error))
    {
      g_task_return_error (task, error);
      return;
    }

  dial = dial_new (self, task, address);
  dial->host_name = g_strdup (dial_options->host_name);
  dial->flags = get_dial_flags (self, dial_options);
  if (dial_options->punch_at > lp2p_loop_now (lp2p_context_get_loop (get_context (self))))
    dial_at (dial, dial_options->punch_at);
  else
    dial_now (dial);
}

static Lp2pRawConnection *
lp2p_tcp_transport_dial_finish (Lp2pTransport *transport, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, transport), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* Listening */

static Lp2pListener *
lp2p_tcp_transport_listen (Lp2pTransport *transport, Lp2pMultiaddr *address, GError **error)
{
  Lp2pTcpTransport *self = LP2P_TCP_TRANSPORT (transport);
  g_autoptr (GSocketAddress) native = NULL;
  Lp2pListener *port;

  if (!check_match (lp2p_tcp_transport_match (transport, address), address, error) ||
      (native = lp2p_multiaddr_get_socket_address (address, error)) == NULL)
    return NULL;
  port = lp2p_tcp_port_new (get_context (self), lp2p_extension_get_name (LP2P_EXTENSION (self)),
                            native, error);
  if (port != NULL)
    lp2p_ports_add (&self->ports, port);
  return port;
}

static Lp2pTransportFlags
lp2p_tcp_transport_get_flags (Lp2pTransport *transport)
{
  return LP2P_TRANSPORT_DIALS | LP2P_TRANSPORT_LISTENS | LP2P_TRANSPORT_NEEDS_UPGRADE;
}

static guint
lp2p_tcp_transport_get_dial_rank (Lp2pTransport *transport, Lp2pMultiaddr *address)
{
  return DIAL_RANK;
}

static void
lp2p_tcp_transport_iface_init (Lp2pTransportInterface *iface)
{
  iface->get_flags = lp2p_tcp_transport_get_flags;
  iface->get_dial_rank = lp2p_tcp_transport_get_dial_rank;
  iface->match = lp2p_tcp_transport_match;
  iface->match_name = lp2p_tcp_transport_match_name;
  iface->dial_async = lp2p_tcp_transport_dial_async;
  iface->dial_finish = lp2p_tcp_transport_dial_finish;
  iface->listen = lp2p_tcp_transport_listen;
}

/* The object */

/* Sockets that are made from now on have them. */
static void
set_hub_options (Lp2pTcpTransport *self)
{
  Lp2pTcpOptions tcp_options = LP2P_TCP_OPTIONS_INIT;

  tcp_options.keepalive = get_uint (self, "keepalive");
  tcp_options.user_timeout = get_uint (self, "user-timeout");
  tcp_options.accept_fast_open = get_boolean (self, "fast-open");
  lp2p_tcp_hub_set_options (lp2p_context_get_tcp_hub (get_context (self)), &tcp_options);
}

static void
on_config_changed (Lp2pTcpTransport *self, const char *group, const char *key)
{
  if (g_str_equal (group, self->group))
    set_hub_options (self);
}

static gboolean
lp2p_tcp_transport_start (Lp2pExtension *extension, GError **error)
{
  Lp2pTcpTransport *self = LP2P_TCP_TRANSPORT (extension);
  Lp2pConfig *config = lp2p_context_get_config (get_context (self));

  self->group = g_strdup_printf ("plugin %s", lp2p_extension_get_name (extension));
  if (!lp2p_config_register_group (config, self->group, options, G_N_ELEMENTS (options), error))
    return FALSE;
  set_hub_options (self);
  g_signal_connect_object (config, "changed", G_CALLBACK (on_config_changed), self, G_CONNECT_SWAPPED);
  return TRUE;
}

static void
lp2p_tcp_transport_stop (Lp2pExtension *extension)
{
  Lp2pTcpTransport *self = LP2P_TCP_TRANSPORT (extension);

  lp2p_dialings_stop (&self->dialings);
  lp2p_ports_close (&self->ports);
}

static void
lp2p_tcp_transport_finalize (GObject *object)
{
  Lp2pTcpTransport *self = LP2P_TCP_TRANSPORT (object);

  lp2p_ports_clear (&self->ports);
  g_free (self->group);
  G_OBJECT_CLASS (lp2p_tcp_transport_parent_class)->finalize (object);
}

static void
lp2p_tcp_transport_class_init (Lp2pTcpTransportClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lp2p_tcp_transport_finalize;
  LP2P_EXTENSION_CLASS (klass)->start = lp2p_tcp_transport_start;
  LP2P_EXTENSION_CLASS (klass)->stop = lp2p_tcp_transport_stop;
}

static void
lp2p_tcp_transport_init (Lp2pTcpTransport *self)
{
}

LP2P_PLUGIN_DEFINE ({ "tcp", lp2p_tcp_transport_get_type })
