/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-transport.h>

/**
 * Lp2pTransport:
 *
 * A way to reach other programs.
 */
G_DEFINE_INTERFACE (Lp2pTransport, lp2p_transport, LP2P_TYPE_EXTENSION)

static void
lp2p_transport_default_init (Lp2pTransportInterface *iface)
{
}

/**
 * lp2p_dial_options_copy: (skip)
 * @self: options
 * @dest: (out caller-allocates): their copy
 *
 * Copies options, to be cleared with [func@dial_options_clear].
 */
void
lp2p_dial_options_copy (const Lp2pDialOptions *self, Lp2pDialOptions *dest)
{
  *dest = *self;
  if (self->expected_peer != NULL)
    dest->expected_peer = lp2p_peer_id_ref (self->expected_peer);
  dest->host_name = g_strdup (self->host_name);
}

/**
 * lp2p_dial_options_clear: (skip)
 * @self: options that were copied
 */
void
lp2p_dial_options_clear (Lp2pDialOptions *self)
{
  g_clear_pointer (&self->expected_peer, lp2p_peer_id_unref);
  g_free ((char *) self->host_name);
  self->host_name = NULL;
}

/**
 * lp2p_transport_get_flags:
 * @self: a transport
 *
 * Returns: what it is and can do
 */
Lp2pTransportFlags
lp2p_transport_get_flags (Lp2pTransport *self)
{
  return LP2P_TRANSPORT_GET_IFACE (self)->get_flags (self);
}

/**
 * lp2p_transport_get_dial_rank:
 * @self: a transport
 * @address: an address that it matches
 *
 * Returns: where it stands in the order of dialing, lower first
 */
guint
lp2p_transport_get_dial_rank (Lp2pTransport *self, Lp2pMultiaddr *address)
{
  return LP2P_TRANSPORT_GET_IFACE (self)->get_dial_rank (self, address);
}

/**
 * lp2p_transport_match:
 * @self: a transport
 * @address: an address
 *
 * Returns: whether the transport uses the whole of this address
 */
gboolean
lp2p_transport_match (Lp2pTransport *self, Lp2pMultiaddr *address)
{
  return LP2P_TRANSPORT_GET_IFACE (self)->match (self, address);
}

/**
 * lp2p_transport_match_name:
 * @self: a transport
 * @address: an address that begins with a name
 *
 * Returns: whether the transport can dial the address as it is, through a proxy that
 *   looks the name up
 */
gboolean
lp2p_transport_match_name (Lp2pTransport *self, Lp2pMultiaddr *address)
{
  Lp2pTransportInterface *iface = LP2P_TRANSPORT_GET_IFACE (self);

  return iface->match_name != NULL && iface->match_name (self, address);
}

/**
 * lp2p_transport_dial_async: (skip)
 * @self: a transport
 * @address: an address that it matches, without names to resolve unless a proxy does
 * @options: how to dial
 * @cancellable: (nullable): to give up
 * @callback: called when done
 * @user_data: passed on
 *
 * Connects.
 */
void
lp2p_transport_dial_async (Lp2pTransport *self,
                           Lp2pMultiaddr *address,
                           const Lp2pDialOptions *options,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer user_data)
{
  LP2P_TRANSPORT_GET_IFACE (self)->dial_async (self, address, options, cancellable, callback, user_data);
}

/**
 * lp2p_transport_dial_finish: (skip)
 * @self: a transport
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Returns: (transfer full): the connection
 */
Lp2pRawConnection *
lp2p_transport_dial_finish (Lp2pTransport *self, GAsyncResult *result, GError **error)
{
  return LP2P_TRANSPORT_GET_IFACE (self)->dial_finish (self, result, error);
}

/**
 * lp2p_transport_listen:
 * @self: a transport
 * @address: an address that it matches
 * @error: where to put the error
 *
 * Starts to take connections, which are offered to the context.
 *
 * Returns: (transfer full): the listener; its addresses may come later
 */
Lp2pListener *
lp2p_transport_listen (Lp2pTransport *self, Lp2pMultiaddr *address, GError **error)
{
  return LP2P_TRANSPORT_GET_IFACE (self)->listen (self, address, error);
}

/**
 * lp2p_transport_punch_async: (skip)
 * @self: a transport with %LP2P_TRANSPORT_PUNCHES
 * @address: where the peer will dial from
 * @options: who is expected, and when
 * @cancellable: (nullable): to give up
 * @callback: called when done
 * @user_data: passed on
 *
 * Opens this side's NAT towards an address while the peer dials.
 */
void
lp2p_transport_punch_async (Lp2pTransport *self,
                            Lp2pMultiaddr *address,
                            const Lp2pDialOptions *options,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data)
{
  LP2P_TRANSPORT_GET_IFACE (self)->punch_async (self, address, options, cancellable, callback, user_data);
}

/**
 * lp2p_transport_punch_finish: (skip)
 * @self: a transport
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Returns: (transfer full): the connection that came in
 */
Lp2pRawConnection *
lp2p_transport_punch_finish (Lp2pTransport *self, GAsyncResult *result, GError **error)
{
  return LP2P_TRANSPORT_GET_IFACE (self)->punch_finish (self, result, error);
}
