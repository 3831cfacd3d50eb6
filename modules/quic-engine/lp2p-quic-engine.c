/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a host has of QUIC: endpoints by socket, dials and listeners on them. */

#include "lp2p-quic-private.h"

#include <glib/gi18n-lib.h>

#define KEY "lp2p-quic-engine"

Lp2pQuicEngine *
lp2p_quic_engine_get (Lp2pContext *context, GError **error)
{
  Lp2pQuicEngine *self = g_object_get_data (G_OBJECT (context), KEY);

  if (self != NULL)
    {
      self->refs++;
      return self;
    }

  self = g_new0 (Lp2pQuicEngine, 1);
  self->refs = 1;
  self->context = context;
  self->loop = lp2p_loop_ref (lp2p_context_get_loop (context));
  self->endpoints = g_ptr_array_new ();
  lp2p_quic_random (self->secret, sizeof self->secret);
  lp2p_quic_resumption_make_secret (lp2p_context_get_identity (context), self->kept_secret);
  self->ticket_keys = lp2p_quic_ticket_keys_new ();
  self->replay = lp2p_quic_replay_new (self->ticket_keys);
  self->tokens = lp2p_quic_tokens_new ();
  g_object_set_data (G_OBJECT (context), KEY, self);
  return self;
}

/* Whoever used it has stopped all that it had. What is left are packets that say
 * so, and connections that were refused. */
static void
drop_connections (Lp2pQuicEngine *self, const Lp2pQuicProtocol *protocol)
{
  g_autoptr (GPtrArray) endpoints = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_quic_endpoint_unref);

  for (guint i = 0; i < self->endpoints->len; i++)
    g_ptr_array_add (endpoints, lp2p_quic_endpoint_ref (g_ptr_array_index (self->endpoints, i)));
  for (guint i = 0; i < endpoints->len; i++)
    {
      Lp2pQuicEndpoint *endpoint = g_ptr_array_index (endpoints, i);
      GList *next;

      for (GList *l = endpoint->connections.head; l != NULL; l = next)
        {
          g_autoptr (Lp2pQuicConnection) connection = lp2p_quic_connection_ref (l->data);

          next = l->next;
          if (protocol != NULL && connection->protocol != protocol)
            continue;
          lp2p_quic_connection_abort (connection, 0,
                                      g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The host is closed")));
          lp2p_quic_connection_leave (connection);
        }
    }
}

void
lp2p_quic_engine_stop (Lp2pQuicEngine *self, const Lp2pQuicProtocol *protocol)
{
  drop_connections (self, protocol);
}

void
lp2p_quic_engine_unref (Lp2pQuicEngine *self)
{
  if (--self->refs > 0)
    return;
  drop_connections (self, NULL);
  for (guint i = 0; i < self->endpoints->len; i++)
    ((Lp2pQuicEndpoint *) g_ptr_array_index (self->endpoints, i))->engine = NULL;
  g_object_set_data (G_OBJECT (self->context), KEY, NULL);
  g_ptr_array_unref (self->endpoints);
  g_hash_table_unref (self->ticket_keys);
  lp2p_quic_replay_free (self->replay);
  lp2p_quic_tokens_free (self->tokens);
  lp2p_loop_unref (self->loop);
  gnutls_memset (self->secret, 0, sizeof self->secret);
  gnutls_memset (self->kept_secret, 0, sizeof self->kept_secret);
  g_free (self);
}

void
lp2p_quic_engine_forget (Lp2pQuicEngine *self, Lp2pQuicEndpoint *endpoint)
{
  g_ptr_array_remove_fast (self->endpoints, endpoint);
}

/* Takes the socket. */
static Lp2pQuicEndpoint *
take_endpoint (Lp2pQuicEngine *self, Lp2pUdpSocket *socket)
{
  Lp2pQuicEndpoint *endpoint;

  for (guint i = 0; i < self->endpoints->len; i++)
    {
      endpoint = g_ptr_array_index (self->endpoints, i);
      if (endpoint->socket != socket)
        continue;
      lp2p_udp_socket_unref (socket);
      return lp2p_quic_endpoint_ref (endpoint);
    }
  endpoint = lp2p_quic_endpoint_new (self, socket);
  g_ptr_array_add (self->endpoints, endpoint);
  return endpoint;
}

/* Listening */

static void
run_listener (Lp2pJob *job)
{
  Lp2pQuicListener *self = (Lp2pQuicListener *) ((char *) job - G_STRUCT_OFFSET (Lp2pQuicListener, job));

  if (self->error != NULL)
    {
      g_autoptr (GError) error = g_steal_pointer (&self->error);

      self->events->failed (error, self->user_data);
    }
  else if (self->addresses_changed)
    {
      self->addresses_changed = FALSE;
      self->events->addresses_changed (self->user_data);
    }
}

/* With port 0 another socket than that of a listener of the same protocol. */
static Lp2pQuicEndpoint *
bind_endpoint (Lp2pQuicEngine *self, const Lp2pQuicProtocol *protocol, GSocketAddress *address, GError **error)
{
  Lp2pUdpHub *hub = lp2p_context_get_udp_hub (self->context);
  gboolean any_port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)) == 0;
  Lp2pUdpSocket *socket = lp2p_udp_hub_bind (hub, address, LP2P_UDP_BIND_SHARED, error);
  g_autoptr (Lp2pQuicEndpoint) endpoint = NULL;

  if (socket == NULL)
    return NULL;
  endpoint = take_endpoint (self, socket);
  if (!lp2p_quic_endpoint_has_listener (endpoint, protocol))
    return g_steal_pointer (&endpoint);
  if (!any_port)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE, _("There is a listener for %s on %s already"),
                   protocol->transport, lp2p_udp_socket_get_id (socket));
      return NULL;
    }
  socket = lp2p_udp_hub_bind (hub, address, LP2P_UDP_BIND_EXCLUSIVE, error);
  return socket != NULL ? take_endpoint (self, socket) : NULL;
}

Lp2pQuicListener *
lp2p_quic_engine_listen (Lp2pQuicEngine *self,
                         const Lp2pQuicProtocol *protocol,
                         GSocketAddress *address,
                         const Lp2pQuicListenerEvents *events,
                         gpointer user_data,
                         GError **error)
{
  Lp2pQuicEndpoint *endpoint = bind_endpoint (self, protocol, address, error);
  Lp2pQuicListener *listener;

  if (endpoint == NULL)
    return NULL;
  listener = g_new0 (Lp2pQuicListener, 1);
  listener->endpoint = endpoint;
  listener->protocol = protocol;
  listener->events = events;
  listener->user_data = user_data;
  lp2p_job_init (&listener->job, self->loop, LP2P_JOB_RUN, run_listener);
  g_ptr_array_add (endpoint->listeners, listener);
  return listener;
}

/* Whose it will be is not known before the client has said it. */
static gboolean
is_handshake_of (Lp2pQuicConnection *connection, Lp2pQuicListener *listener)
{
  if (!connection->server || connection->handed_out)
    return FALSE;
  return connection->protocol != NULL ? connection->protocol == listener->protocol
                                      : listener->endpoint->listeners->len == 0;
}

/* Handshakes that have not come to an end are given up; connections stay. The listener
 * is off the endpoint by then. */
static void
drop_handshakes (Lp2pQuicListener *self)
{
  GList *next;

  for (GList *l = self->endpoint->connections.head; l != NULL; l = next)
    {
      Lp2pQuicConnection *connection = l->data;

      next = l->next;
      if (is_handshake_of (connection, self))
        lp2p_quic_connection_abort (connection, 0,
                                    g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The listener is closed")));
    }
}

void
lp2p_quic_listener_close (Lp2pQuicListener *self)
{
  g_ptr_array_remove_fast (self->endpoint->listeners, self);
  drop_handshakes (self);
  lp2p_job_clear (&self->job);
  lp2p_quic_endpoint_unref (self->endpoint);
  g_clear_error (&self->error);
  g_free (self);
}

const char *
lp2p_quic_listener_get_socket_id (Lp2pQuicListener *self)
{
  return lp2p_udp_socket_get_id (self->endpoint->socket);
}

GPtrArray *
lp2p_quic_listener_get_addresses (Lp2pQuicListener *self)
{
  return lp2p_udp_socket_get_addresses (self->endpoint->socket);
}

/* Dialing */

static Lp2pUdpSocket *
bind_any (Lp2pUdpHub *hub, const struct sockaddr *remote, Lp2pUdpBindFlags flags, GError **error)
{
  g_autoptr (GInetAddress) any =
      g_inet_address_new_any (remote->sa_family == AF_INET6 ? G_SOCKET_FAMILY_IPV6 : G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new (any, 0);

  return lp2p_udp_hub_bind (hub, address, flags, error);
}

/* From the port that is listened on where one fits, so that a NAT has one mapping
 * for both. */
Lp2pQuicEndpoint *
lp2p_quic_engine_pick_endpoint (Lp2pQuicEngine *self,
                                const struct sockaddr *remote,
                                gboolean reuse_port,
                                struct sockaddr_storage *local,
                                GError **error)
{
  Lp2pUdpHub *hub = lp2p_context_get_udp_hub (self->context);
  Lp2pUdpSocket *socket = reuse_port ? lp2p_udp_hub_find (hub, remote) : NULL;
  g_autoptr (Lp2pQuicEndpoint) endpoint = NULL;

  if (socket == NULL)
    socket = bind_any (hub, remote, reuse_port ? LP2P_UDP_BIND_SHARED : LP2P_UDP_BIND_EXCLUSIVE, error);
  if (socket == NULL)
    return NULL;
  endpoint = take_endpoint (self, socket);
  if (!lp2p_udp_socket_get_local (socket, remote, local))
    {
      g_autoptr (Lp2pMultiaddr) text = lp2p_quic_address_to_multiaddr (remote);

      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NETWORK_UNREACHABLE, _("There is no route to %s"),
                   lp2p_multiaddr_get_string (text));
      return NULL;
    }
  return g_steal_pointer (&endpoint);
}

Lp2pQuicConnection *
lp2p_quic_engine_dial (Lp2pQuicEngine *self,
                       const Lp2pQuicProtocol *protocol,
                       GSocketAddress *address,
                       const Lp2pQuicDialOptions *options,
                       Lp2pQuicDialed dialed,
                       gpointer user_data,
                       GError **error)
{
  struct sockaddr_storage remote = { 0 };
  struct sockaddr_storage local = { 0 };
  g_autoptr (Lp2pQuicEndpoint) endpoint = NULL;
  g_autoptr (Lp2pQuicConnection) connection = NULL;

  if (!g_socket_address_to_native (address, &remote, sizeof remote, error))
    return NULL;
  endpoint = lp2p_quic_engine_pick_endpoint (self, (struct sockaddr *) &remote, options->reuse_port, &local, error);
  if (endpoint == NULL)
    return NULL;

  connection = lp2p_quic_connection_new (endpoint, FALSE);
  connection->expected_peer = options->expected_peer != NULL ? lp2p_peer_id_ref (options->expected_peer) : NULL;
  if (!lp2p_quic_connection_start_client (connection, protocol, (struct sockaddr *) &local,
                                          (struct sockaddr *) &remote, options->early_data, error))
    {
      lp2p_quic_connection_leave (connection);
      return NULL;
    }
  connection->dialed = dialed;
  connection->dialed_data = user_data;
  return connection;
}
