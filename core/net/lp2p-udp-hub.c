/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-udp-hub-private.h"

#include "types/lp2p-i18n-private.h"

/**
 * Lp2pUdpHub:
 *
 * The UDP sockets of a host, which QUIC, WebTransport and WebRTC share, so that
 * one port and one NAT mapping serve them all, for listening and dialing.
 */
G_DEFINE_FINAL_TYPE (Lp2pUdpHub, lp2p_udp_hub, G_TYPE_OBJECT)

#define HUB_OF_MONITOR(pointer) \
  ((Lp2pUdpHub *) ((char *) (pointer) - G_STRUCT_OFFSET (Lp2pUdpHub, monitor)))

static void
lp2p_udp_hub_dispose (GObject *object)
{
  lp2p_udp_hub_close (LP2P_UDP_HUB (object));
  G_OBJECT_CLASS (lp2p_udp_hub_parent_class)->dispose (object);
}

static void
lp2p_udp_hub_finalize (GObject *object)
{
  Lp2pUdpHub *self = LP2P_UDP_HUB (object);

  g_clear_pointer (&self->sockets, g_ptr_array_unref);
  g_clear_pointer (&self->loop, lp2p_loop_unref);
  G_OBJECT_CLASS (lp2p_udp_hub_parent_class)->finalize (object);
}

static void
lp2p_udp_hub_class_init (Lp2pUdpHubClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lp2p_udp_hub_dispose;
  object_class->finalize = lp2p_udp_hub_finalize;
}

static void
lp2p_udp_hub_init (Lp2pUdpHub *self)
{
  self->sockets = g_ptr_array_new ();
}

/**
 * lp2p_udp_hub_new:
 * @loop: the loop of the host
 *
 * Returns: (transfer full): a hub without sockets
 */
Lp2pUdpHub *
lp2p_udp_hub_new (Lp2pLoop *loop)
{
  Lp2pUdpHub *self = g_object_new (LP2P_TYPE_UDP_HUB, NULL);

  self->loop = lp2p_loop_ref (loop);
  return self;
}

/**
 * lp2p_udp_hub_close:
 * @self: a hub
 *
 * Closes all sockets; their users are told. References stay valid.
 */
void
lp2p_udp_hub_close (Lp2pUdpHub *self)
{
  g_autoptr (GError) error = NULL;

  g_return_if_fail (LP2P_IS_UDP_HUB (self));

  self->closed = TRUE;
  error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The host is closed"));
  while (self->sockets->len > 0)
    {
      g_autoptr (Lp2pUdpSocket) socket = lp2p_udp_socket_ref (g_ptr_array_index (self->sockets, 0));

      lp2p_udp_socket_close (socket, error);
    }
  lp2p_address_monitor_stop (&self->monitor);
}

static void
addresses_changed (Lp2pAddressMonitor *monitor)
{
  g_autoptr (Lp2pUdpHub) self = g_object_ref (HUB_OF_MONITOR (monitor));
  g_autoptr (GPtrArray) sockets =
      g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_udp_socket_unref);

  for (guint i = 0; i < self->sockets->len; i++)
    g_ptr_array_add (sockets, lp2p_udp_socket_ref (g_ptr_array_index (self->sockets, i)));
  for (guint i = 0; i < sockets->len; i++)
    lp2p_udp_socket_update_addresses (g_ptr_array_index (sockets, i));
}

/* Only a wildcard has addresses that change. */
static void
watch_addresses (Lp2pUdpHub *self, Lp2pUdpSocket *socket)
{
  g_autoptr (GError) error = NULL;

  if (!socket->wildcard || lp2p_address_monitor_is_started (&self->monitor))
    return;
  if (!lp2p_address_monitor_start (&self->monitor, self->loop, addresses_changed, &error))
    g_debug ("%s", error->message);
}

/* To be called when a socket is off the list. */
void
lp2p_udp_hub_socket_gone (Lp2pUdpHub *self)
{
  for (guint i = 0; i < self->sockets->len; i++)
    {
      if (((Lp2pUdpSocket *) g_ptr_array_index (self->sockets, i))->wildcard)
        return;
    }
  lp2p_address_monitor_stop (&self->monitor);
}

/* Returns: (transfer full) (nullable) */
static Lp2pUdpSocket *
find_shared (Lp2pUdpHub *self, const struct sockaddr *address)
{
  gboolean any_port = lp2p_sockaddr_get_port (address) == 0;

  for (guint i = 0; i < self->sockets->len; i++)
    {
      Lp2pUdpSocket *socket = g_ptr_array_index (self->sockets, i);
      const struct sockaddr *bound = (struct sockaddr *) &socket->address;

      if (socket->flags & LP2P_UDP_BIND_EXCLUSIVE)
        continue;
      if (any_port ? lp2p_sockaddr_same_host (bound, address)
                   : lp2p_sockaddr_equal (bound, address))
        return lp2p_udp_socket_ref (socket);
    }
  return NULL;
}

/**
 * lp2p_udp_hub_bind: (skip)
 * @self: a hub
 * @address: an IP address, which may be a wildcard, and a port, 0 for any
 * @flags: whether to share
 * @error: where to put the error
 *
 * Binds a socket, or takes the one that is bound to the address already.
 *
 * Returns: (transfer full): the socket
 */
Lp2pUdpSocket *
lp2p_udp_hub_bind (Lp2pUdpHub *self,
                   GSocketAddress *address,
                   Lp2pUdpBindFlags flags,
                   GError **error)
{
  struct sockaddr_storage native;
  Lp2pUdpSocket *socket = NULL;

  g_return_val_if_fail (LP2P_IS_UDP_HUB (self), NULL);

  if (self->closed)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The host is closed"));
      return NULL;
    }
  if (!lp2p_sockaddr_init (&native, address, error))
    return NULL;

  if (!(flags & LP2P_UDP_BIND_EXCLUSIVE))
    socket = find_shared (self, (struct sockaddr *) &native);
  if (socket == NULL)
    socket = lp2p_udp_socket_new (self, &native, flags, error);
  if (socket != NULL)
    watch_addresses (self, socket);
  return socket;
}

/**
 * lp2p_udp_hub_find: (skip)
 * @self: a hub
 * @remote: where to send
 *
 * Finds the shared socket to dial from: the one that is bound to the address
 * that the route to @remote begins with, else one that is bound to a wildcard.
 *
 * Returns: (transfer full) (nullable): the socket, or %NULL if none fits
 */
Lp2pUdpSocket *
lp2p_udp_hub_find (Lp2pUdpHub *self, const struct sockaddr *remote)
{
  Lp2pUdpSocket *wildcard = NULL;
  struct sockaddr_storage route = { 0 };
  gboolean routed = FALSE;

  g_return_val_if_fail (LP2P_IS_UDP_HUB (self), NULL);

  for (guint i = 0; i < self->sockets->len; i++)
    {
      Lp2pUdpSocket *socket = g_ptr_array_index (self->sockets, i);
      const struct sockaddr *bound = (struct sockaddr *) &socket->address;

      if ((socket->flags & LP2P_UDP_BIND_EXCLUSIVE) || bound->sa_family != remote->sa_family)
        continue;
      if (socket->wildcard)
        {
          wildcard = wildcard != NULL ? wildcard : socket;
          continue;
        }
      if (!routed && !lp2p_sockaddr_route (remote, &route))
        return NULL;
      routed = TRUE;
      if (lp2p_sockaddr_same_host (bound, (struct sockaddr *) &route))
        return lp2p_udp_socket_ref (socket);
    }
  return wildcard != NULL ? lp2p_udp_socket_ref (wildcard) : NULL;
}
