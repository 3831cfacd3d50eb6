/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-muxer.h>
#include <lp2p/interfaces/lp2p-raw-connection.h>

static Lp2pRawConnection *
raw_connection_new (const char *transport, Lp2pRole role)
{
  Lp2pRawConnection *self = g_new0 (Lp2pRawConnection, 1);

  self->transport = g_intern_string (transport);
  self->transport_role = role;
  self->security_role = role;
  self->muxer_role = role;
  return self;
}

/**
 * lp2p_raw_connection_new_layer: (skip)
 * @layer: (transfer full): the byte stream
 * @transport: name of the transport
 * @role: our side of it; security and muxer take the same unless changed
 *
 * Describes a connection that needs security and a muxer.
 *
 * Returns: (transfer full): the connection
 */
Lp2pRawConnection *
lp2p_raw_connection_new_layer (Lp2pLayer *layer, const char *transport, Lp2pRole role)
{
  Lp2pRawConnection *self = raw_connection_new (transport, role);

  self->layer = layer;
  return self;
}

/**
 * lp2p_raw_connection_new_session: (skip)
 * @session: (transfer full): the session
 * @transport: name of the transport
 * @role: our side of it
 *
 * Describes a connection whose transport has security and streams of its own.
 *
 * Returns: (transfer full): the connection
 */
Lp2pRawConnection *
lp2p_raw_connection_new_session (Lp2pMuxerSession *session, const char *transport, Lp2pRole role)
{
  Lp2pRawConnection *self = raw_connection_new (transport, role);

  self->session = session;
  self->muxer = g_intern_static_string ("native");
  return self;
}

/**
 * lp2p_raw_connection_free: (skip)
 * @self: (transfer full): the connection
 *
 * Frees the description and, where they were not stolen, layer or session.
 */
void
lp2p_raw_connection_free (Lp2pRawConnection *self)
{
  g_clear_pointer (&self->layer, lp2p_layer_free);
  g_clear_pointer (&self->session, lp2p_muxer_session_free);
  g_clear_pointer (&self->local_address, lp2p_multiaddr_unref);
  g_clear_pointer (&self->remote_address, lp2p_multiaddr_unref);
  g_clear_pointer (&self->remote_peer, lp2p_peer_id_unref);
  g_clear_pointer (&self->remote_key, lp2p_public_key_unref);
  g_free (self->socket_id);
  g_free (self);
}

/**
 * lp2p_raw_connection_steal_layer: (skip)
 * @self: the connection
 *
 * Returns: (transfer full) (nullable): its layer
 */
Lp2pLayer *
lp2p_raw_connection_steal_layer (Lp2pRawConnection *self)
{
  return g_steal_pointer (&self->layer);
}

/**
 * lp2p_raw_connection_steal_session: (skip)
 * @self: the connection
 *
 * Returns: (transfer full) (nullable): its session
 */
Lp2pMuxerSession *
lp2p_raw_connection_steal_session (Lp2pRawConnection *self)
{
  return g_steal_pointer (&self->session);
}
