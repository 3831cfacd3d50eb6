/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-tcp-hub-private.h"

#include "types/lp2p-i18n-private.h"

/**
 * Lp2pTcpHub:
 *
 * The TCP sockets of a host: listeners that several transports share, and dials
 * that leave from the ports that are listened on.
 */
G_DEFINE_FINAL_TYPE (Lp2pTcpHub, lp2p_tcp_hub, G_TYPE_OBJECT)

#define HUB_OF_MONITOR(pointer) \
  ((Lp2pTcpHub *) ((char *) (pointer) - G_STRUCT_OFFSET (Lp2pTcpHub, monitor)))

static void
lp2p_tcp_hub_dispose (GObject *object)
{
  lp2p_tcp_hub_close (LP2P_TCP_HUB (object));
  G_OBJECT_CLASS (lp2p_tcp_hub_parent_class)->dispose (object);
}

static void
lp2p_tcp_hub_finalize (GObject *object)
{
  Lp2pTcpHub *self = LP2P_TCP_HUB (object);

  g_clear_pointer (&self->listeners, g_ptr_array_unref);
  g_clear_object (&self->proxy_resolver);
  g_clear_pointer (&self->loop, lp2p_loop_unref);
  G_OBJECT_CLASS (lp2p_tcp_hub_parent_class)->finalize (object);
}

static void
lp2p_tcp_hub_class_init (Lp2pTcpHubClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lp2p_tcp_hub_dispose;
  object_class->finalize = lp2p_tcp_hub_finalize;
}

static void
lp2p_tcp_hub_init (Lp2pTcpHub *self)
{
  self->options = (Lp2pTcpOptions) LP2P_TCP_OPTIONS_INIT;
  self->listeners = g_ptr_array_new ();
  g_queue_init (&self->dials);
}

/**
 * lp2p_tcp_hub_new:
 * @loop: the loop of the host
 *
 * Returns: (transfer full): a hub without sockets
 */
Lp2pTcpHub *
lp2p_tcp_hub_new (Lp2pLoop *loop)
{
  Lp2pTcpHub *self = g_object_new (LP2P_TYPE_TCP_HUB, NULL);

  self->loop = lp2p_loop_ref (loop);
  return self;
}

/**
 * lp2p_tcp_hub_set_options:
 * @self: a hub
 * @options: what sockets are to be like
 *
 * Sets the options of sockets that are made from now on.
 */
void
lp2p_tcp_hub_set_options (Lp2pTcpHub *self, const Lp2pTcpOptions *options)
{
  g_return_if_fail (LP2P_IS_TCP_HUB (self));

  self->options = *options;
}

/**
 * lp2p_tcp_hub_set_proxy_resolver:
 * @self: a hub
 * @resolver: (nullable): what knows the proxies; %NULL for direct connections only
 *
 * Lets dials that begin from now on ask @resolver for the way. There is none but those
 * that it names: without `direct://` among them, nothing is sent to the peer itself.
 */
void
lp2p_tcp_hub_set_proxy_resolver (Lp2pTcpHub *self, GProxyResolver *resolver)
{
  g_return_if_fail (LP2P_IS_TCP_HUB (self));
  g_return_if_fail (resolver == NULL || G_IS_PROXY_RESOLVER (resolver));

  g_set_object (&self->proxy_resolver, resolver);
}

/**
 * lp2p_tcp_hub_close:
 * @self: a hub
 *
 * Stops listening and ends dials with %G_IO_ERROR_CLOSED. Bindings remain valid
 * until they are closed; connections live on.
 */
void
lp2p_tcp_hub_close (Lp2pTcpHub *self)
{
  g_return_if_fail (LP2P_IS_TCP_HUB (self));

  self->closed = TRUE;
  lp2p_address_monitor_stop (&self->monitor);
  while (self->listeners->len > 0)
    lp2p_tcp_listener_close (g_ptr_array_index (self->listeners, 0));
  lp2p_tcp_dial_cancel_all (self);
}

static void
addresses_changed (Lp2pAddressMonitor *monitor)
{
  g_autoptr (Lp2pTcpHub) self = g_object_ref (HUB_OF_MONITOR (monitor));
  g_autoptr (GPtrArray) listeners =
      g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_tcp_listener_unref);

  for (guint i = 0; i < self->listeners->len; i++)
    g_ptr_array_add (listeners, lp2p_tcp_listener_ref (g_ptr_array_index (self->listeners, i)));
  for (guint i = 0; i < listeners->len; i++)
    lp2p_tcp_listener_update_addresses (g_ptr_array_index (listeners, i));
}

/* Only a wildcard has addresses that change. */
static void
watch_addresses (Lp2pTcpHub *self, Lp2pTcpListener *listener)
{
  g_autoptr (GError) error = NULL;

  if (!lp2p_sockaddr_is_wildcard ((struct sockaddr *) &listener->address) ||
      lp2p_address_monitor_is_started (&self->monitor))
    return;
  if (!lp2p_address_monitor_start (&self->monitor, self->loop, addresses_changed, &error))
    g_debug ("%s", error->message);
}

static void
unwatch_addresses (Lp2pTcpHub *self)
{
  for (guint i = 0; i < self->listeners->len; i++)
    {
      Lp2pTcpListener *listener = g_ptr_array_index (self->listeners, i);

      if (lp2p_sockaddr_is_wildcard ((struct sockaddr *) &listener->address))
        return;
    }
  lp2p_address_monitor_stop (&self->monitor);
}

static Lp2pTcpListener *
find_listener (Lp2pTcpHub *self, const struct sockaddr *address)
{
  for (guint i = 0; i < self->listeners->len; i++)
    {
      Lp2pTcpListener *listener = g_ptr_array_index (self->listeners, i);

      if (lp2p_sockaddr_equal ((struct sockaddr *) &listener->address, address))
        return lp2p_tcp_listener_ref (listener);
    }
  return NULL;
}

static gboolean
has_fallback (Lp2pTcpListener *listener)
{
  for (guint i = 0; i < listener->bindings->len; i++)
    {
      Lp2pTcpBinding *binding = g_ptr_array_index (listener->bindings, i);

      if (binding->acceptor.sniff == NULL)
        return TRUE;
    }
  return FALSE;
}

/* Returns: (transfer full) (nullable) */
static Lp2pTcpListener *
get_listener (Lp2pTcpHub *self,
              const struct sockaddr_storage *address,
              const Lp2pTcpAcceptor *acceptor,
              GError **error)
{
  Lp2pTcpListener *listener = find_listener (self, (struct sockaddr *) address);

  if (listener == NULL)
    return lp2p_tcp_listener_new (self, address, error);
  if (acceptor->sniff == NULL && has_fallback (listener))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE,
                   _("Cannot listen on %s: this host listens on it already"), listener->socket_id);
      lp2p_tcp_listener_unref (listener);
      return NULL;
    }
  return listener;
}

/**
 * lp2p_tcp_hub_listen: (skip)
 * @self: a hub
 * @address: an IP address, which may be a wildcard, and a port, 0 for any
 * @acceptor: what takes connections; copied
 * @user_data: passed on
 * @error: where to put the error
 *
 * Listens on an address, or takes part where the hub listens on it already: then
 * the first bytes of each connection decide who takes it, and one that sends
 * none for ten seconds is dropped. One acceptor of a port may have no sniffer: it
 * takes what nobody else wants. An acceptor that is alone takes everything
 * unseen.
 *
 * A port that another process uses is an error, %G_IO_ERROR_ADDRESS_IN_USE.
 *
 * Returns: (transfer full): the binding, to be ended with
 *   [func@tcp_binding_close]
 */
Lp2pTcpBinding *
lp2p_tcp_hub_listen (Lp2pTcpHub *self,
                     GSocketAddress *address,
                     const Lp2pTcpAcceptor *acceptor,
                     gpointer user_data,
                     GError **error)
{
  struct sockaddr_storage native;
  Lp2pTcpListener *listener;
  Lp2pTcpBinding *binding;

  g_return_val_if_fail (LP2P_IS_TCP_HUB (self), NULL);
  g_return_val_if_fail (acceptor->accepted != NULL, NULL);

  if (self->closed)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The host is closed"));
      return NULL;
    }
  if (!lp2p_sockaddr_init (&native, address, error))
    return NULL;
  listener = get_listener (self, &native, acceptor, error);
  if (listener == NULL)
    return NULL;

  binding = g_new0 (Lp2pTcpBinding, 1);
  binding->listener = listener;
  binding->acceptor = *acceptor;
  binding->user_data = user_data;
  g_ptr_array_add (listener->bindings, binding);
  watch_addresses (self, listener);
  return binding;
}

/**
 * lp2p_tcp_binding_get_addresses: (skip)
 * @self: a binding
 *
 * Gets where the port can be reached, one address for each of the machine's
 * where it is bound to a wildcard. Link-local IPv6 addresses are not listed,
 * because the zone that they need means nothing to other machines.
 *
 * Returns: (transfer none) (element-type Lp2pMultiaddr): `/ip4/.../tcp/...` and
 *   the like; a new array after `addresses_changed`
 */
GPtrArray *
lp2p_tcp_binding_get_addresses (Lp2pTcpBinding *self)
{
  return self->listener->addresses;
}

/**
 * lp2p_tcp_binding_get_socket_id: (skip)
 * @self: a binding
 *
 * Returns: (transfer none): the name of the socket, which lives as long as the binding
 */
const char *
lp2p_tcp_binding_get_socket_id (Lp2pTcpBinding *self)
{
  return self->listener->socket_id;
}

/**
 * lp2p_tcp_binding_close: (skip)
 * @self: (transfer full): a binding
 *
 * Takes no more connections; the socket closes with the last binding. May be
 * called from the acceptor's own functions.
 */
void
lp2p_tcp_binding_close (Lp2pTcpBinding *self)
{
  Lp2pTcpListener *listener = self->listener;
  Lp2pTcpHub *hub = listener->hub;

  g_ptr_array_remove (listener->bindings, self);
  g_free (self);
  if (listener->bindings->len == 0)
    {
      lp2p_tcp_listener_close (listener);
      if (hub != NULL)
        unwatch_addresses (hub);
    }
  lp2p_tcp_listener_unref (listener);
}
