/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the resolver lists is tried in its order, until one leads to the peer. A
 * direct connection is one of the ways only where it is listed: who configured a
 * proxy may have done so in order not to be seen. For the same reason a name is looked
 * up here only when the peer is dialed directly.
 *
 * GIO's own functions do the work. Each holds a reference; the one who asked is
 * called no more once it has stopped the search.
 */

#include "net/lp2p-proxy-dial-private.h"
#include "net/lp2p-proxy-input-private.h"
#include "net/lp2p-tcp-socket-private.h"
#include "types/lp2p-i18n-private.h"

#include <arpa/inet.h>
#include <string.h>

#define DIRECT "direct"

struct _Lp2pProxyDial
{
  guint refs;
  GMainContext *context;
  GProxyResolver *resolver;
  Lp2pTcpOptions options;
  GCancellable *cancellable;
  Lp2pProxyDialFunc func; /* NULL once it was stopped */
  gpointer user_data;

  char *ip;        /* NULL: only the name is known */
  char *host_name; /* NULL: only the address is */
  guint16 port;
  Lp2pMultiaddr *address;

  char **proxies;
  guint next;
  GUri *uri; /* of the proxy that is tried */
  GSocketConnection *connection;
  /* The first one: what comes behind it is second best. */
  GError *error;
};

static void try_next (Lp2pProxyDial *self);

static Lp2pProxyDial *
proxy_dial_ref (Lp2pProxyDial *self)
{
  self->refs++;
  return self;
}

static void
proxy_dial_unref (Lp2pProxyDial *self)
{
  if (--self->refs > 0)
    return;
  g_main_context_unref (self->context);
  g_object_unref (self->resolver);
  g_object_unref (self->cancellable);
  g_free (self->ip);
  g_free (self->host_name);
  lp2p_multiaddr_unref (self->address);
  g_strfreev (self->proxies);
  g_clear_pointer (&self->uri, g_uri_unref);
  g_clear_object (&self->connection);
  g_clear_error (&self->error);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pProxyDial, proxy_dial_unref)

static gboolean
is_stopped (Lp2pProxyDial *self)
{
  return self->func == NULL;
}

static gboolean
is_scheme (Lp2pProxyDial *self, const char *scheme)
{
  return g_str_equal (g_uri_get_scheme (self->uri), scheme);
}

/* One proxy */

/* Which one it is, and nothing that may be a user or a password. */
static char *
dup_proxy (Lp2pProxyDial *self)
{
  return g_uri_join (G_URI_FLAGS_NONE, g_uri_get_scheme (self->uri), NULL, g_uri_get_host (self->uri),
                     g_uri_get_port (self->uri), "", NULL, NULL);
}

static void
proxy_failed (Lp2pProxyDial *self, GError *error)
{
  g_autofree char *proxy = dup_proxy (self);

  g_prefix_error (&error, _("Cannot connect to %s through the proxy %s: "), lp2p_multiaddr_get_string (self->address),
                  proxy);
  g_clear_object (&self->connection);
  lp2p_proxy_dial_failed (self, error);
}

/* That the proxy refuses connections says nothing about the peer. */
static void
proxy_unreachable (Lp2pProxyDial *self, GError *error)
{
  error->domain = G_IO_ERROR;
  error->code = G_IO_ERROR_PROXY_FAILED;
  proxy_failed (self, error);
}

static void
on_agreed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Lp2pProxyDial) self = user_data;
  GError *error = NULL;
  g_autoptr (GIOStream) stream = g_proxy_connect_finish (G_PROXY (source), result, &error);

  if (is_stopped (self))
    g_clear_error (&error);
  else if (stream == NULL)
    proxy_failed (self, error);
  else
    self->func (G_IS_TLS_CONNECTION (stream) ? stream : G_IO_STREAM (self->connection), NULL, self->user_data);
}

/* Returns: (transfer full): what GIO's proxy talks to. TLS has an end of its own. */
static GIOStream *
make_talk (Lp2pProxyDial *self)
{
  GIOStream *connection = G_IO_STREAM (self->connection);
  g_autoptr (GInputStream) input = NULL;

  if (is_scheme (self, "https"))
    return g_object_ref (connection);
  input = lp2p_proxy_input_new (g_io_stream_get_input_stream (connection));
  return g_simple_io_stream_new (input, g_io_stream_get_output_stream (connection));
}

/* The name, where the proxy is able to look it up itself. In an HTTP request an IPv6
 * address is in brackets, which GIO leaves to its caller. */
static char *
dup_destination (Lp2pProxyDial *self, GProxy *proxy)
{
  if (self->ip == NULL || (self->host_name != NULL && g_proxy_supports_hostname (proxy)))
    return g_strdup (self->host_name);
  if (strchr (self->ip, ':') != NULL && (is_scheme (self, "http") || is_scheme (self, "https")))
    return g_strdup_printf ("[%s]", self->ip);
  return g_strdup (self->ip);
}

static GProxyAddress *
make_proxy_address (Lp2pProxyDial *self, GProxy *proxy, GInetSocketAddress *address)
{
  g_autofree char *destination = dup_destination (self, proxy);
  g_autofree char *text = g_uri_to_string (self->uri);

  return g_object_new (G_TYPE_PROXY_ADDRESS,
                       "address", g_inet_socket_address_get_address (address),
                       "port", (guint) g_inet_socket_address_get_port (address),
                       "protocol", g_uri_get_scheme (self->uri),
                       "destination-hostname", destination,
                       "destination-port", (guint) self->port,
                       "username", g_uri_get_user (self->uri),
                       "password", g_uri_get_password (self->uri),
                       "uri", text,
                       NULL);
}

/* @address: where the proxy is */
static void
negotiate (Lp2pProxyDial *self, GSocketAddress *address)
{
  g_autoptr (GProxy) proxy = g_proxy_get_default_for_protocol (g_uri_get_scheme (self->uri));
  g_autoptr (GIOStream) talk = make_talk (self);
  g_autoptr (GProxyAddress) destination = make_proxy_address (self, proxy, G_INET_SOCKET_ADDRESS (address));

  lp2p_tcp_socket_configure (g_socket_get_fd (g_socket_connection_get_socket (self->connection)), &self->options);
  g_main_context_push_thread_default (self->context);
  g_proxy_connect_async (proxy, talk, destination, self->cancellable, on_agreed,
                         proxy_dial_ref (self));
  g_main_context_pop_thread_default (self->context);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Lp2pProxyDial) self = user_data;
  g_autoptr (GSocketAddress) address = NULL;
  GError *error = NULL;

  self->connection = g_socket_client_connect_finish (G_SOCKET_CLIENT (source), result, &error);
  if (is_stopped (self))
    {
      g_clear_error (&error);
      return;
    }
  if (self->connection != NULL)
    address = g_socket_connection_get_remote_address (self->connection, &error);
  if (address == NULL)
    proxy_unreachable (self, error);
  else
    negotiate (self, address);
}

static guint16
get_port (Lp2pProxyDial *self)
{
  if (g_uri_get_port (self->uri) > 0)
    return (guint16) g_uri_get_port (self->uri);
  if (g_str_has_prefix (g_uri_get_scheme (self->uri), "socks"))
    return 1080;
  return is_scheme (self, "https") ? 443 : 80;
}

static void
connect_to_proxy (Lp2pProxyDial *self)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnectable) address = g_network_address_new (g_uri_get_host (self->uri), get_port (self));

  g_socket_client_set_enable_proxy (client, FALSE);
  g_main_context_push_thread_default (self->context);
  g_socket_client_connect_async (client, address, self->cancellable, on_connected, proxy_dial_ref (self));
  g_main_context_pop_thread_default (self->context);
}

/* All of them, in turn */

/* Returns: (nullable): why the entry of the resolver is of no use */
static GError *
check_proxy (Lp2pProxyDial *self)
{
  g_autoptr (GProxy) proxy = NULL;

  if (is_scheme (self, DIRECT))
    return NULL;
  if (g_uri_get_host (self->uri) == NULL || g_uri_get_host (self->uri)[0] == '\0')
    return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, _("it has no host name"));
  proxy = g_proxy_get_default_for_protocol (g_uri_get_scheme (self->uri));
  if (proxy == NULL)
    return g_error_new (G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, _("GIO knows no proxies of the kind %s"),
                        g_uri_get_scheme (self->uri));
  if (self->ip == NULL && !g_proxy_supports_hostname (proxy))
    return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, _("it takes no names"));
  return NULL;
}

static void
try_proxy (Lp2pProxyDial *self)
{
  GError *error = check_proxy (self);

  if (error != NULL)
    proxy_failed (self, error);
  else if (is_scheme (self, DIRECT))
    self->func (NULL, NULL, self->user_data);
  else
    connect_to_proxy (self);
}

static void
try_next (Lp2pProxyDial *self)
{
  const char *text = self->proxies[self->next];
  GError *error = NULL;

  if (text == NULL)
    {
      self->func (NULL, g_steal_pointer (&self->error), self->user_data);
      return;
    }
  self->next++;
  g_clear_pointer (&self->uri, g_uri_unref);
  self->uri = g_uri_parse (text, G_URI_FLAGS_PARSE_RELAXED | G_URI_FLAGS_HAS_PASSWORD, &error);
  if (self->uri != NULL)
    {
      try_proxy (self);
      return;
    }
  /* The text is not shown: it may have a password. */
  g_clear_error (&error);
  lp2p_proxy_dial_failed (self, g_error_new (G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                                             _("Cannot connect to %s: the configuration names a proxy that is no URI"),
                                             lp2p_multiaddr_get_string (self->address)));
}

static void
on_resolved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Lp2pProxyDial) self = user_data;
  GError *error = NULL;

  self->proxies = g_proxy_resolver_lookup_finish (G_PROXY_RESOLVER (source), result, &error);
  if (is_stopped (self))
    {
      g_clear_error (&error);
      return;
    }
  if (self->proxies == NULL || self->proxies[0] == NULL)
    {
      if (error == NULL)
        error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_PROXY_FAILED, _("the answer is empty"));
      g_prefix_error (&error, _("Cannot connect to %s: looking for a proxy: "),
                      lp2p_multiaddr_get_string (self->address));
      self->func (NULL, error, self->user_data);
      return;
    }
  try_next (self);
}

/* Starting */

static char *
dup_ip (const struct sockaddr *address)
{
  char text[INET6_ADDRSTRLEN];
  const void *ip = address->sa_family == AF_INET6 ? (const void *) &((const struct sockaddr_in6 *) address)->sin6_addr
                                                  : (const void *) &((const struct sockaddr_in *) address)->sin_addr;

  inet_ntop (address->sa_family, ip, text, sizeof text);
  return g_strdup (text);
}

static Lp2pProxyDial *
proxy_dial_new (Lp2pTcpHub *hub, const char *host_name, guint16 port, Lp2pProxyDialFunc func, gpointer user_data)
{
  Lp2pProxyDial *self = g_new0 (Lp2pProxyDial, 1);

  self->refs = 1;
  self->context = g_main_context_ref (lp2p_loop_get_context (hub->loop));
  self->resolver = g_object_ref (hub->proxy_resolver);
  self->options = hub->options;
  self->cancellable = g_cancellable_new ();
  self->func = func;
  self->user_data = user_data;
  self->host_name = g_strdup (host_name);
  self->port = port;
  return self;
}

static char *
dup_name (Lp2pMultiaddr *address)
{
  const guint8 *value;
  gsize size;

  lp2p_multiaddr_get_component (address, 0, NULL, &value, &size);
  return g_strndup ((const char *) value, size);
}

static guint16
get_name_port (Lp2pMultiaddr *address)
{
  const guint8 *value;
  gsize size;

  lp2p_multiaddr_get_component (address, 1, NULL, &value, &size);
  return (guint16) (value[0] << 8 | value[1]);
}

static char *
make_uri (const char *host, guint16 port)
{
  return g_strdup_printf (strchr (host, ':') != NULL ? "tcp://[%s]:%u" : "tcp://%s:%u", host, port);
}

static void
look_up (Lp2pProxyDial *self)
{
  g_autofree char *uri = make_uri (self->host_name != NULL ? self->host_name : self->ip, self->port);

  g_main_context_push_thread_default (self->context);
  g_proxy_resolver_lookup_async (self->resolver, uri, self->cancellable, on_resolved, proxy_dial_ref (self));
  g_main_context_pop_thread_default (self->context);
}

/*
 * lp2p_proxy_dial_start:
 * @hub: a hub with a proxy resolver
 * @host_name: (nullable): the name that @address was resolved from
 * @address: whom to connect to
 * @func: called once, and once more for each lp2p_proxy_dial_failed(); never from
 *   within this function
 * @user_data: for @func
 *
 * Asks the resolver and connects through the first proxy that leads there.
 *
 * Returns: the search, to be ended with lp2p_proxy_dial_stop()
 */
Lp2pProxyDial *
lp2p_proxy_dial_start (Lp2pTcpHub *hub,
                       const char *host_name,
                       const struct sockaddr *address,
                       Lp2pProxyDialFunc func,
                       gpointer user_data)
{
  Lp2pProxyDial *self = proxy_dial_new (hub, host_name, lp2p_sockaddr_get_port (address), func, user_data);

  self->ip = dup_ip (address);
  self->address = lp2p_sockaddr_to_multiaddr (address, LP2P_PROTOCOL_TCP);
  look_up (self);
  return self;
}

/*
 * lp2p_proxy_dial_start_name:
 * @hub: a hub with a proxy resolver
 * @address: a name and a port alone
 * @func: called once; never from within this function. With neither a stream nor an
 *   error, the name is to be looked up, for only a direct connection is left.
 * @user_data: for @func
 *
 * Does the same for a name, which the proxy looks up.
 *
 * Returns: the search, to be ended with lp2p_proxy_dial_stop()
 */
Lp2pProxyDial *
lp2p_proxy_dial_start_name (Lp2pTcpHub *hub, Lp2pMultiaddr *address, Lp2pProxyDialFunc func, gpointer user_data)
{
  g_autofree char *host_name = dup_name (address);
  Lp2pProxyDial *self = proxy_dial_new (hub, host_name, get_name_port (address), func, user_data);

  self->address = lp2p_multiaddr_ref (address);
  look_up (self);
  return self;
}

/* Whether to look names up */

/* Whether the first of @proxies is one that looks names up. What is wrong with it, the
 * dial that follows will tell. */
static gboolean
takes_names (char **proxies)
{
  g_autofree char *scheme = proxies[0] != NULL ? g_uri_parse_scheme (proxies[0]) : NULL;
  g_autoptr (GProxy) proxy = NULL;

  if (scheme == NULL)
    return TRUE;
  if (g_str_equal (scheme, DIRECT))
    return FALSE;
  proxy = g_proxy_get_default_for_protocol (scheme);
  return proxy == NULL || g_proxy_supports_hostname (proxy);
}

static void
on_proxies (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_auto (GStrv) proxies = g_proxy_resolver_lookup_finish (G_PROXY_RESOLVER (source), result, NULL);

  g_task_return_boolean (task, proxies == NULL || takes_names (proxies));
}

/*
 * lp2p_tcp_hub_takes_name_async:
 * @hub: a hub with a proxy resolver
 * @address: begins with a name and a TCP port
 * @cancellable: (nullable): stops it
 * @callback: called with the answer
 * @user_data: for @callback
 *
 * Finds out whether a name is to be dialed as it is, because a proxy looks it up.
 */
void
lp2p_tcp_hub_takes_name_async (Lp2pTcpHub *hub,
                               Lp2pMultiaddr *address,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  g_autofree char *host_name = dup_name (address);
  g_autofree char *uri = make_uri (host_name, get_name_port (address));
  GTask *task;

  g_main_context_push_thread_default (lp2p_loop_get_context (hub->loop));
  task = g_task_new (hub, cancellable, callback, user_data);
  g_task_set_source_tag (task, lp2p_tcp_hub_takes_name_async);
  g_proxy_resolver_lookup_async (hub->proxy_resolver, uri, cancellable, on_proxies, task);
  g_main_context_pop_thread_default (lp2p_loop_get_context (hub->loop));
}

/* Returns: the answer; %FALSE also when it was cancelled */
gboolean
lp2p_tcp_hub_takes_name_finish (Lp2pTcpHub *hub, GAsyncResult *result)
{
  return g_task_propagate_boolean (G_TASK (result), NULL);
}

/* Going on and stopping */

/*
 * lp2p_proxy_dial_failed:
 * @self: a search
 * @error: (transfer full): why
 *
 * Goes on with what the resolver listed next, because the way that the function was
 * called with led nowhere. May call it at once.
 */
void
lp2p_proxy_dial_failed (Lp2pProxyDial *self, GError *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
  try_next (self);
}

/*
 * lp2p_proxy_dial_dup_current:
 * @self: a search
 *
 * Returns: (transfer full) (nullable): the proxy that is tried
 */
char *
lp2p_proxy_dial_dup_current (Lp2pProxyDial *self)
{
  return self->uri != NULL && !is_scheme (self, DIRECT) ? dup_proxy (self) : NULL;
}

/*
 * lp2p_proxy_dial_stop:
 * @self: (transfer full): a search
 *
 * Ends it: the function is not called any more.
 */
void
lp2p_proxy_dial_stop (Lp2pProxyDial *self)
{
  self->func = NULL;
  g_cancellable_cancel (self->cancellable);
  proxy_dial_unref (self);
}
