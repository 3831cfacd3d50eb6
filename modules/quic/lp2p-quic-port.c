/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-quic-port.h"

#include "lp2p-quic-transport.h"

struct _Lp2pQuicPort
{
  Lp2pListener parent_instance;

  Lp2pContext *context;
  Lp2pQuicListener *listener;
};

G_DEFINE_FINAL_TYPE (Lp2pQuicPort, lp2p_quic_port, LP2P_TYPE_LISTENER)

static void
on_accepted (Lp2pQuicConnection *connection, gpointer user_data)
{
  Lp2pQuicPort *self = user_data;
  const char *transport = lp2p_listener_get_transport (LP2P_LISTENER (self));

  lp2p_context_offer_inbound (self->context, lp2p_quic_make_raw (connection, transport, LP2P_ROLE_RESPONDER));
}

static void
on_addresses_changed (gpointer user_data)
{
  Lp2pQuicPort *self = user_data;

  lp2p_listener_set_bound_addresses (LP2P_LISTENER (self), lp2p_quic_listener_get_addresses (self->listener));
}

static void
on_failed (const GError *error, gpointer user_data)
{
  lp2p_listener_fail (LP2P_LISTENER (user_data), error);
}

static const Lp2pQuicListenerEvents listener_events = {
  .accepted = on_accepted,
  .addresses_changed = on_addresses_changed,
  .failed = on_failed,
};

static void
lp2p_quic_port_close (Lp2pListener *listener)
{
  g_clear_pointer (&LP2P_QUIC_PORT (listener)->listener, lp2p_quic_listener_close);
}

static void
lp2p_quic_port_finalize (GObject *object)
{
  g_clear_object (&LP2P_QUIC_PORT (object)->context);
  G_OBJECT_CLASS (lp2p_quic_port_parent_class)->finalize (object);
}

static void
lp2p_quic_port_class_init (Lp2pQuicPortClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lp2p_quic_port_finalize;
  LP2P_LISTENER_CLASS (klass)->close = lp2p_quic_port_close;
}

static void
lp2p_quic_port_init (Lp2pQuicPort *self)
{
}

/* Returns: (transfer full) (nullable) */
Lp2pQuicPort *
lp2p_quic_port_new (Lp2pContext *context,
                    Lp2pQuicEngine *engine,
                    const Lp2pQuicProtocol *protocol,
                    GSocketAddress *address,
                    GError **error)
{
  g_autoptr (Lp2pQuicPort) self = g_object_new (LP2P_TYPE_QUIC_PORT, "transport", protocol->transport, NULL);
  g_autoptr (GPtrArray) suffixes = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  self->context = g_object_ref (context);
  self->listener = lp2p_quic_engine_listen (engine, protocol, address, &listener_events, self, error);
  if (self->listener == NULL)
    return NULL;

  g_ptr_array_add (suffixes, lp2p_multiaddr_new_from_string (LP2P_QUIC_SUFFIX, NULL));
  lp2p_listener_set_socket_id (LP2P_LISTENER (self), lp2p_quic_listener_get_socket_id (self->listener));
  lp2p_listener_set_suffixes (LP2P_LISTENER (self), suffixes);
  lp2p_listener_set_bound_addresses (LP2P_LISTENER (self), lp2p_quic_listener_get_addresses (self->listener));
  return g_steal_pointer (&self);
}
