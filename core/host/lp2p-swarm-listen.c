/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-swarm-private.h"

static void
on_addresses_changed (Lp2pSwarm *self)
{
  lp2p_job_queue (&self->addresses_job);
}

static void
on_listener_failed (Lp2pListener *listener, const GError *error, Lp2pSwarm *self)
{
  g_message ("Stopped listening: %s", error->message);
  g_ptr_array_remove (self->listeners, listener);
  lp2p_job_queue (&self->addresses_job);
  g_signal_emit_by_name (self, "listeners-changed");
}

static Lp2pTransport *
find_listening_transport (Lp2pSwarm *self, Lp2pMultiaddr *address)
{
  for (guint i = 0; i < self->transports->len; i++)
    {
      Lp2pTransport *transport = g_ptr_array_index (self->transports, i);

      if ((lp2p_transport_get_flags (transport) & LP2P_TRANSPORT_LISTENS) != 0 &&
          lp2p_transport_match (transport, address))
        return transport;
    }
  return NULL;
}

Lp2pListener *
lp2p_swarm_listen (Lp2pSwarm *self, Lp2pMultiaddr *address, GError **error)
{
  Lp2pTransport *transport = find_listening_transport (self, address);
  Lp2pListener *listener;

  if (transport == NULL)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_NO_TRANSPORT, "No enabled transport can listen on %s",
                   lp2p_multiaddr_get_string (address));
      return NULL;
    }
  listener = lp2p_transport_listen (transport, address, error);
  if (listener == NULL)
    {
      g_prefix_error (error, "Cannot listen on %s: ", lp2p_multiaddr_get_string (address));
      return NULL;
    }

  g_signal_connect_object (listener, "notify::bound-addresses", G_CALLBACK (on_addresses_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (listener, "notify::suffixes", G_CALLBACK (on_addresses_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (listener, "failed", G_CALLBACK (on_listener_failed), self, 0);
  g_ptr_array_add (self->listeners, listener);
  lp2p_job_queue (&self->addresses_job);
  g_signal_emit_by_name (self, "listeners-changed");
  return listener;
}

void
lp2p_swarm_close_listeners (Lp2pSwarm *self)
{
  g_autoptr (GPtrArray) listeners = self->listeners;

  self->listeners = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < listeners->len; i++)
    lp2p_listener_close (g_ptr_array_index (listeners, i));
}

static void
add_unique (GPtrArray *addresses, Lp2pMultiaddr *address)
{
  for (guint i = 0; i < addresses->len; i++)
    if (lp2p_multiaddr_equal (g_ptr_array_index (addresses, i), address))
      return;
  g_ptr_array_add (addresses, lp2p_multiaddr_ref (address));
}

GPtrArray *
lp2p_swarm_dup_addresses (Lp2pSwarm *self)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  for (guint i = 0; i < self->listeners->len; i++)
    {
      g_autoptr (GPtrArray) bound = lp2p_listener_dup_addresses (g_ptr_array_index (self->listeners, i));

      for (guint j = 0; j < bound->len; j++)
        add_unique (addresses, g_ptr_array_index (bound, j));
    }
  for (guint i = 0; i < self->mapped->len; i++)
    add_unique (addresses, g_ptr_array_index (self->mapped, i));
  return addresses;
}
