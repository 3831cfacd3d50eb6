/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-tcp-port.h"

struct _Lp2pTcpPort
{
  Lp2pListener parent_instance;

  Lp2pContext *context;
  Lp2pTcpBinding *binding;
};

G_DEFINE_FINAL_TYPE (Lp2pTcpPort, lp2p_tcp_port, LP2P_TYPE_LISTENER)

static void
on_accepted (Lp2pLayer *layer,
             Lp2pMultiaddr *local_address,
             Lp2pMultiaddr *remote_address,
             const char *socket_id,
             gpointer user_data)
{
  Lp2pTcpPort *self = LP2P_TCP_PORT (user_data);
  const char *transport = lp2p_listener_get_transport (LP2P_LISTENER (self));
  g_autoptr (GError) error = NULL;
  Lp2pRawConnection *raw;

  /* TCP itself has made sure that the address is not forged. */
  if (!lp2p_context_begin_inbound (self->context, transport, remote_address, NULL, &error))
    {
      g_debug ("Refused %s: %s", lp2p_multiaddr_get_string (remote_address), error->message);
      lp2p_layer_abort (layer, 0);
      lp2p_layer_free (layer);
      return;
    }

  raw = lp2p_raw_connection_new_layer (layer, transport, LP2P_ROLE_RESPONDER);
  raw->local_address = lp2p_multiaddr_ref (local_address);
  raw->remote_address = lp2p_multiaddr_ref (remote_address);
  raw->socket_id = socket_id;
  lp2p_context_offer_inbound (self->context, raw);
}

static void
on_addresses_changed (Lp2pTcpBinding *binding, gpointer user_data)
{
  lp2p_listener_set_bound_addresses (LP2P_LISTENER (user_data),
                                     lp2p_tcp_binding_get_addresses (binding));
}

static void
on_failed (Lp2pTcpBinding *binding, const GError *error, gpointer user_data)
{
  lp2p_listener_fail (LP2P_LISTENER (user_data), error);
}

/* Takes what no other transport on the port recognizes. */
static const Lp2pTcpAcceptor acceptor = {
  .accepted = on_accepted,
  .addresses_changed = on_addresses_changed,
  .failed = on_failed,
};

static void
lp2p_tcp_port_close (Lp2pListener *listener)
{
  g_clear_pointer (&LP2P_TCP_PORT (listener)->binding, lp2p_tcp_binding_close);
}

static void
lp2p_tcp_port_finalize (GObject *object)
{
  g_clear_object (&LP2P_TCP_PORT (object)->context);
  G_OBJECT_CLASS (lp2p_tcp_port_parent_class)->finalize (object);
}

static void
lp2p_tcp_port_class_init (Lp2pTcpPortClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lp2p_tcp_port_finalize;
  LP2P_LISTENER_CLASS (klass)->close = lp2p_tcp_port_close;
}

static void
lp2p_tcp_port_init (Lp2pTcpPort *self)
{
}

/* Returns: (transfer full) (nullable) */
Lp2pTcpPort *
lp2p_tcp_port_new (Lp2pContext *context,
                   const char *transport,
                   GSocketAddress *address,
                   GError **error)
{
  g_autoptr (Lp2pTcpPort) self = g_object_new (LP2P_TYPE_TCP_PORT, "transport", transport, NULL);

  self->context = g_object_ref (context);
  self->binding =
      lp2p_tcp_hub_listen (lp2p_context_get_tcp_hub (context), address, &acceptor, self, error);
  if (self->binding == NULL)
    return NULL;

  lp2p_listener_set_socket_id (LP2P_LISTENER (self),
                               lp2p_tcp_binding_get_socket_id (self->binding));
  lp2p_listener_set_bound_addresses (LP2P_LISTENER (self),
                                     lp2p_tcp_binding_get_addresses (self->binding));
  return g_steal_pointer (&self);
}
