/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-tcp-port.h>

/**
 * Lp2pTcpPort: (skip)
 *
 * A TCP port that a transport listens on. Where nothing is derived from it, what
 * comes in is offered to the host as it is.
 */
typedef struct
{
  Lp2pContext *context;
  Lp2pTcpBinding *binding;
} Lp2pTcpPortPrivate;

G_DEFINE_TYPE_WITH_PRIVATE (Lp2pTcpPort, lp2p_tcp_port, LP2P_TYPE_LISTENER)

static void
on_accepted (Lp2pLayer *layer,
             Lp2pMultiaddr *local_address,
             Lp2pMultiaddr *remote_address,
             const char *socket_id,
             gpointer user_data)
{
  Lp2pTcpPort *self = LP2P_TCP_PORT (user_data);

  LP2P_TCP_PORT_GET_CLASS (self)->accepted (self, layer, local_address, remote_address);
}

static void
lp2p_tcp_port_accepted (Lp2pTcpPort *self, Lp2pLayer *layer, Lp2pMultiaddr *local_address, Lp2pMultiaddr *remote_address)
{
  Lp2pTcpPortPrivate *priv = lp2p_tcp_port_get_instance_private (self);
  const char *transport = lp2p_listener_get_transport (LP2P_LISTENER (self));
  g_autoptr (GError) error = NULL;

  /* TCP itself has made sure that the address is not forged. */
  if (lp2p_context_begin_inbound (priv->context, transport, remote_address, &error))
    {
      lp2p_tcp_port_offer (self, layer, local_address, remote_address);
      return;
    }
  g_debug ("Refused %s: %s", lp2p_multiaddr_get_string (remote_address), error->message);
  lp2p_layer_abort (layer, 0);
  lp2p_layer_free (layer);
}

static void
on_addresses_changed (Lp2pTcpBinding *binding, gpointer user_data)
{
  lp2p_listener_set_bound_addresses (LP2P_LISTENER (user_data), lp2p_tcp_binding_get_addresses (binding));
}

static void
on_failed (Lp2pTcpBinding *binding, const GError *error, gpointer user_data)
{
  lp2p_listener_fail (LP2P_LISTENER (user_data), error);
}

static void
lp2p_tcp_port_close (Lp2pListener *listener)
{
  Lp2pTcpPortPrivate *priv = lp2p_tcp_port_get_instance_private (LP2P_TCP_PORT (listener));

  g_clear_pointer (&priv->binding, lp2p_tcp_binding_close);
}

static void
lp2p_tcp_port_finalize (GObject *object)
{
  Lp2pTcpPortPrivate *priv = lp2p_tcp_port_get_instance_private (LP2P_TCP_PORT (object));

  g_clear_object (&priv->context);
  G_OBJECT_CLASS (lp2p_tcp_port_parent_class)->finalize (object);
}

static void
lp2p_tcp_port_class_init (Lp2pTcpPortClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lp2p_tcp_port_finalize;
  LP2P_LISTENER_CLASS (klass)->close = lp2p_tcp_port_close;
  klass->accepted = lp2p_tcp_port_accepted;
}

static void
lp2p_tcp_port_init (Lp2pTcpPort *self)
{
}

/**
 * lp2p_tcp_port_new: (skip)
 * @context: the host
 * @transport: name of the transport
 * @address: where to listen
 * @error: where to put the error
 *
 * Listens, for whatever no other transport on the port recognizes.
 *
 * Returns: (transfer full): the listener
 */
Lp2pListener *
lp2p_tcp_port_new (Lp2pContext *context, const char *transport, GSocketAddress *address, GError **error)
{
  g_autoptr (Lp2pTcpPort) self = g_object_new (LP2P_TYPE_TCP_PORT, "transport", transport, NULL);

  if (!lp2p_tcp_port_bind (self, context, address, NULL, error))
    return NULL;
  return LP2P_LISTENER (g_steal_pointer (&self));
}

/**
 * lp2p_tcp_port_bind: (skip)
 * @self: a new listener
 * @context: the host
 * @address: where to listen
 * @sniff: (nullable): recognizes the connections of this transport; %NULL for those
 *   that no other one on the port recognizes. It is given @self
 * @error: where to put the error
 *
 * Listens. The end of suffixes is up to who calls.
 *
 * Returns: whether it could
 */
gboolean
lp2p_tcp_port_bind (Lp2pTcpPort *self,
                    Lp2pContext *context,
                    GSocketAddress *address,
                    Lp2pTcpSniffFunc sniff,
                    GError **error)
{
  Lp2pTcpPortPrivate *priv = lp2p_tcp_port_get_instance_private (self);
  Lp2pTcpAcceptor acceptor = {
    .sniff = sniff,
    .accepted = on_accepted,
    .addresses_changed = on_addresses_changed,
    .failed = on_failed,
  };

  g_return_val_if_fail (LP2P_IS_TCP_PORT (self), FALSE);
  g_return_val_if_fail (priv->context == NULL, FALSE);

  priv->context = g_object_ref (context);
  priv->binding = lp2p_tcp_hub_listen (lp2p_context_get_tcp_hub (context), address, &acceptor, self, error);
  if (priv->binding == NULL)
    return FALSE;

  lp2p_listener_set_socket_id (LP2P_LISTENER (self), lp2p_tcp_binding_get_socket_id (priv->binding));
  lp2p_listener_set_bound_addresses (LP2P_LISTENER (self), lp2p_tcp_binding_get_addresses (priv->binding));
  return TRUE;
}

/**
 * lp2p_tcp_port_get_context: (skip)
 * @self: a port
 *
 * Gets the host that it was bound for.
 *
 * Returns: (transfer none): the context
 */
Lp2pContext *
lp2p_tcp_port_get_context (Lp2pTcpPort *self)
{
  Lp2pTcpPortPrivate *priv = lp2p_tcp_port_get_instance_private (self);

  return priv->context;
}

/**
 * lp2p_tcp_port_offer: (skip)
 * @self: a port
 * @layer: (transfer full): a connection that came in through it
 * @local_address: our end
 * @remote_address: the peer's end, by which the host was asked
 *
 * Hands a connection to the host.
 */
void
lp2p_tcp_port_offer (Lp2pTcpPort *self, Lp2pLayer *layer, Lp2pMultiaddr *local_address, Lp2pMultiaddr *remote_address)
{
  Lp2pTcpPortPrivate *priv = lp2p_tcp_port_get_instance_private (self);
  Lp2pListener *listener = LP2P_LISTENER (self);
  Lp2pRawConnection *raw =
      lp2p_raw_connection_new_layer (layer, lp2p_listener_get_transport (listener), LP2P_ROLE_RESPONDER);

  raw->local_address = lp2p_multiaddr_ref (local_address);
  raw->remote_address = lp2p_multiaddr_ref (remote_address);
  raw->socket_id = g_strdup (lp2p_listener_get_socket_id (listener));
  lp2p_context_offer_inbound (priv->context, raw);
}
