/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/net/lp2p-io-stream-layer.h>

#include "net/lp2p-cancel-private.h"
#include "net/lp2p-proxy-dial-private.h"
#include "net/lp2p-socket-layer-private.h"
#include "net/lp2p-tcp-hub-private.h"
#include "net/lp2p-tcp-socket-private.h"
#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

/* What a dial yields. */
typedef struct
{
  Lp2pLayer *layer;
  Lp2pMultiaddr *local_address;
  char *socket_id;
} DialResult;

typedef struct
{
  GTask *task;
  Lp2pTcpHub *hub;
  GList link;
  Lp2pWatch watch;
  Lp2pJob job;
  GSource *cancel_source;
  int fd;
  struct sockaddr_storage address;
  Lp2pMultiaddr *remote_address;
  Lp2pTcpDialFlags flags;
  char *socket_id;      /* of the listener whose port is used */
  Lp2pProxyDial *proxy; /* or NULL */
  gboolean done;
  DialResult *result;
  GError *error;
} Dial;

#define DIAL_OF(member, pointer) ((Dial *) ((char *) (pointer) - G_STRUCT_OFFSET (Dial, member)))

static void
dial_result_free (DialResult *self)
{
  g_clear_pointer (&self->layer, lp2p_layer_free);
  g_clear_pointer (&self->local_address, lp2p_multiaddr_unref);
  g_free (self->socket_id);
  g_free (self);
}

static void
close_socket (Dial *self)
{
  lp2p_watch_stop (&self->watch);
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
}

/* Runs as application code does: a result never comes before the call returned,
 * nor from within the work on a socket. */
static void
dial_complete (Lp2pJob *job)
{
  Dial *self = DIAL_OF (job, job);
  g_autoptr (GTask) task = g_steal_pointer (&self->task);
  DialResult *result = g_steal_pointer (&self->result);
  GError *error = g_steal_pointer (&self->error);

  g_queue_unlink (&self->hub->dials, &self->link);
  lp2p_multiaddr_unref (self->remote_address);
  g_free (self->socket_id);
  g_free (self);

  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, result, (GDestroyNotify) dial_result_free);
}

/* @error: (transfer full) (nullable) */
static void
dial_done (Dial *self, GError *error)
{
  if (self->done)
    {
      g_clear_error (&error);
      return;
    }

  self->done = TRUE;
  self->error = error;
  close_socket (self);
  g_clear_pointer (&self->proxy, lp2p_proxy_dial_stop);
  g_clear_pointer (&self->cancel_source, lp2p_cancel_drop);
  lp2p_job_queue (&self->job);
}

static void
dial_failed (Dial *self, int code)
{
  GError *error = g_error_new (G_IO_ERROR, g_io_error_from_errno (code), _("Cannot connect to %s: %s"),
                               lp2p_multiaddr_get_string (self->remote_address), g_strerror (code));

  if (self->proxy == NULL)
    {
      dial_done (self, error);
      return;
    }
  close_socket (self);
  lp2p_proxy_dial_failed (self->proxy, error);
}

/* What it was waiting for is of interest where there was no time left. */
static gboolean
dial_cancelled (GCancellable *cancellable, gpointer data)
{
  Dial *self = data;
  const char *address = lp2p_multiaddr_get_string (self->remote_address);
  g_autofree char *proxy = self->proxy != NULL ? lp2p_proxy_dial_dup_current (self->proxy) : NULL;

  /* The task would have a text of its own. */
  g_task_set_check_cancellable (self->task, FALSE);
  dial_done (self, proxy != NULL ? g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                                _("the proxy %s did not connect to %s"), proxy, address)
                                 : g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                                _("TCP did not connect to %s"), address));
  return G_SOURCE_REMOVE;
}

/* An address of this machine that is not listened on, dialed from the very same
 * port, answers itself. Connections of a host with itself that come in through
 * its listener are told apart by the peer id. */
static gboolean
is_self (Dial *self, const struct sockaddr_storage *local)
{
  return lp2p_sockaddr_equal ((struct sockaddr *) local, (struct sockaddr *) &self->address);
}

/* @deferred: the connection begins with the first bytes that are written */
static void
dial_connected (Dial *self, gboolean deferred)
{
  struct sockaddr_storage local = { 0 };
  socklen_t size = sizeof local;
  DialResult *result;
  GError *error = NULL;

  if (getsockname (self->fd, (struct sockaddr *) &local, &size) < 0)
    {
      dial_failed (self, errno);
      return;
    }
  if (is_self (self, &local))
    {
      dial_done (self, g_error_new (G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED,
                                    _("Cannot connect to %s: it leads back to this very socket"),
                                    lp2p_multiaddr_get_string (self->remote_address)));
      return;
    }

  result = g_new0 (DialResult, 1);
  result->local_address =
      lp2p_sockaddr_to_multiaddr ((struct sockaddr *) &local, LP2P_PROTOCOL_TCP);
  result->socket_id = g_steal_pointer (&self->socket_id);
  lp2p_watch_stop (&self->watch);
  result->layer = lp2p_socket_layer_new (self->hub->loop, self->fd, result->local_address,
                                         self->remote_address, &error);
  self->fd = -1;
  if (result->layer == NULL)
    g_clear_pointer (&result, dial_result_free);
  else if (deferred)
    lp2p_socket_layer_set_connecting (result->layer);
  self->result = result;
  dial_done (self, error);
}

static gboolean
dial_ready (Lp2pWatch *watch, Lp2pReady ready)
{
  Dial *self = DIAL_OF (watch, watch);
  int code = 0;
  socklen_t size = sizeof code;

  if (!(ready & LP2P_READY_WRITE))
    return FALSE;
  if (getsockopt (self->fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0)
    code = errno;
  if (code != 0)
    dial_failed (self, code);
  else
    dial_connected (self, FALSE);
  return FALSE;
}

/* A listener that is bound to the address from which the kernel would dial is
 * best: its port is the one that a NAT mapping or a peer knows. With a wildcard
 * the kernel chooses the address. Any other bound address would be the wrong
 * source, above all a loopback one for another machine. */
static Lp2pTcpListener *
find_source (Dial *self)
{
  const struct sockaddr *remote = (struct sockaddr *) &self->address;
  Lp2pTcpListener *wildcard = NULL;
  struct sockaddr_storage route = { 0 };
  gboolean routed = FALSE;

  for (guint i = 0; i < self->hub->listeners->len; i++)
    {
      Lp2pTcpListener *listener = g_ptr_array_index (self->hub->listeners, i);
      const struct sockaddr *bound = (struct sockaddr *) &listener->address;

      if (bound->sa_family != remote->sa_family)
        continue;
      if (lp2p_sockaddr_is_wildcard (bound))
        {
          wildcard = wildcard != NULL ? wildcard : listener;
          continue;
        }
      if (!routed && !lp2p_sockaddr_route (remote, &route))
        return NULL;
      routed = TRUE;
      if (lp2p_sockaddr_same_host (bound, (struct sockaddr *) &route))
        return listener;
    }
  return wildcard;
}

static gboolean
bind_source (Dial *self, Lp2pTcpListener *source)
{
  const struct sockaddr *address = (struct sockaddr *) &source->address;

  if (!lp2p_tcp_socket_share_port (self->fd) ||
      bind (self->fd, address, lp2p_sockaddr_get_size (address)) < 0)
    return FALSE;
  self->socket_id = g_strdup (source->socket_id);
  return TRUE;
}

/* Whether the port that is listened on is at fault: the same pair of addresses
 * is in use, or was a moment ago (TIME_WAIT). */
static gboolean
is_port_taken (int code)
{
  return code == EADDRNOTAVAIL || code == EADDRINUSE;
}

static gboolean
open_socket (Dial *self, Lp2pTcpListener *source, GError **error)
{
  close_socket (self);
  g_clear_pointer (&self->socket_id, g_free);
  self->fd = lp2p_tcp_socket_new ((struct sockaddr *) &self->address, &self->hub->options, error);
  if (self->fd < 0)
    return FALSE;
  if (self->flags & LP2P_TCP_FAST_OPEN)
    lp2p_tcp_socket_fast_open (self->fd);
  if (source != NULL && !bind_source (self, source))
    return open_socket (self, NULL, error);
  return TRUE;
}

static void
dial_start (Dial *self, Lp2pTcpListener *source)
{
  const struct sockaddr *remote = (struct sockaddr *) &self->address;
  GError *error = NULL;

  if (!open_socket (self, source, &error))
    {
      dial_done (self, error);
      return;
    }
  if (connect (self->fd, remote, lp2p_sockaddr_get_size (remote)) == 0)
    {
      dial_connected (self, (self->flags & LP2P_TCP_FAST_OPEN) != 0);
      return;
    }
  if (errno == EINPROGRESS)
    {
      if (!lp2p_watch_start (&self->watch, self->hub->loop, self->fd, dial_ready, &error))
        dial_done (self, error);
      return;
    }
  if (self->socket_id != NULL && is_port_taken (errno))
    dial_start (self, NULL);
  else
    dial_failed (self, errno);
}

/* Proxies */

static void
dial_directly (Dial *self)
{
  dial_start (self, self->flags & LP2P_TCP_REUSE_PORT ? find_source (self) : NULL);
}

/* Where a name leads, who asked has to see before anybody connects to it. */
static void
dial_needs_address (Dial *self)
{
  dial_done (self, g_error_new (G_IO_ERROR, G_IO_ERROR_HOST_NOT_FOUND,
                                _("Cannot connect to %s: no proxy looks the name up"),
                                lp2p_multiaddr_get_string (self->remote_address)));
}

static gboolean
is_name (Dial *self)
{
  return self->address.ss_family == AF_UNSPEC;
}

static void
proxy_connected (Dial *self, GIOStream *stream)
{
  Lp2pLayer *layer;
  Lp2pLayerInfo info = { 0 };
  GError *error = NULL;

  layer = lp2p_io_stream_layer_new (self->hub->loop, stream, &error);
  if (layer != NULL)
    {
      lp2p_layer_get_info (layer, &info);
      self->result = g_new0 (DialResult, 1);
      self->result->layer = layer;
      self->result->socket_id = g_strdup (LP2P_SOCKET_ID_PROXY);
      if (info.local_address != NULL)
        self->result->local_address = lp2p_multiaddr_ref (info.local_address);
    }
  dial_done (self, error);
}

static void
proxy_found (GIOStream *stream, GError *error, gpointer user_data)
{
  Dial *self = user_data;

  if (stream != NULL)
    proxy_connected (self, stream);
  else if (error != NULL)
    dial_done (self, error);
  else if (is_name (self))
    dial_needs_address (self);
  else
    dial_directly (self);
}

/* Returns: (nullable): why the address cannot be dialed at all */
static const char *
check_address (Dial *self)
{
  const struct sockaddr *remote = (struct sockaddr *) &self->address;

  if (self->hub->closed)
    return _("the host is closed");
  if (is_name (self))
    return self->hub->proxy_resolver == NULL ? _("there is no proxy that looks names up") : NULL;
  if (lp2p_sockaddr_is_wildcard (remote))
    return _("this address means all addresses of a machine");
  if (lp2p_sockaddr_get_port (remote) == 0)
    return _("a port is missing");
  return NULL;
}

static gboolean
init_native (struct sockaddr_storage *native, Lp2pMultiaddr *address, GError **error)
{
  g_autoptr (GSocketAddress) socket_address = lp2p_multiaddr_get_socket_address (address, error);

  return socket_address != NULL && lp2p_sockaddr_init (native, socket_address, error);
}

/* @native: of no family where @address begins with a name */
static Dial *
dial_new (Lp2pTcpHub *hub, GTask *task, Lp2pMultiaddr *address, const struct sockaddr_storage *native)
{
  Dial *dial = g_new0 (Dial, 1);

  dial->hub = hub;
  dial->task = g_object_ref (task);
  dial->fd = -1;
  dial->address = *native;
  dial->remote_address = is_name (dial) ? lp2p_multiaddr_slice (address, 0, 2)
                                        : lp2p_sockaddr_to_multiaddr ((struct sockaddr *) native, LP2P_PROTOCOL_TCP);
  dial->link.data = dial;
  lp2p_job_init (&dial->job, hub->loop, LP2P_JOB_RUN, dial_complete);
  g_queue_push_tail_link (&hub->dials, &dial->link);
  return dial;
}

/* Whether it may go on. */
static gboolean
dial_check (Dial *self)
{
  GCancellable *cancellable = g_task_get_cancellable (self->task);
  const char *refused = check_address (self);
  GError *error = NULL;

  if (!g_cancellable_set_error_if_cancelled (cancellable, &error) && refused != NULL)
    error = g_error_new (G_IO_ERROR, self->hub->closed ? G_IO_ERROR_CLOSED : G_IO_ERROR_INVALID_ARGUMENT,
                         _("Cannot connect to %s: %s"), lp2p_multiaddr_get_string (self->remote_address), refused);
  if (error != NULL)
    {
      dial_done (self, error);
      return FALSE;
    }
  self->cancel_source = lp2p_cancel_watch (self->hub->loop, cancellable, dial_cancelled, self);
  return TRUE;
}

/**
 * lp2p_tcp_hub_dial_async:
 * @self: a hub
 * @address: begins with an IP address and a TCP port or, for a hub with a proxy
 *   resolver, a name and a TCP port; what follows is for others
 * @host_name: (nullable): the name that an IP address was resolved from, for a proxy
 * @flags: how
 * @cancellable: (nullable): stops it
 * @callback: called when connected or failed
 * @user_data: for @callback
 *
 * Connects. With %LP2P_TCP_REUSE_PORT the connection leaves from a port that is
 * listened on, which a NAT then maps as it maps that of the listener: from the
 * listener on the address that the route to @address begins with, else from one
 * on a wildcard, else, and where that very connection exists already, from a
 * port of the kernel's choice.
 *
 * With %LP2P_TCP_FAST_OPEN, and if the peer gave this machine a cookie before, it
 * counts as connected at once, and the connection begins with the first bytes
 * that are written: a failure then comes from the layer. Only for those who
 * speak first.
 *
 * With a proxy resolver the connection may lead through a proxy, for which @flags do
 * not count, and which looks @host_name up again by itself if it can; see
 * [method@TcpHub.set_proxy_resolver].
 *
 * A name in @address is looked up by a proxy. Where the resolver lists a direct
 * connection, and no proxy before it led there, it fails with
 * %G_IO_ERROR_HOST_NOT_FOUND: then the caller looks the name up and dials what it stands
 * for, if that may be dialed.
 */
void
lp2p_tcp_hub_dial_async (Lp2pTcpHub *self,
                         Lp2pMultiaddr *address,
                         const char *host_name,
                         Lp2pTcpDialFlags flags,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  gboolean named = lp2p_multiaddr_count_named_socket (address, LP2P_PROTOCOL_TCP) > 0;
  struct sockaddr_storage native = { 0 };
  GError *error = NULL;
  Dial *dial;

  g_return_if_fail (LP2P_IS_TCP_HUB (self));
  g_return_if_fail (named || lp2p_multiaddr_count_socket (address, LP2P_PROTOCOL_TCP) > 0);

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lp2p_tcp_hub_dial_async);
  if (!named && !init_native (&native, address, &error))
    {
      g_task_return_error (task, error);
      return;
    }

  dial = dial_new (self, task, address, &native);
  dial->flags = flags;
  if (!dial_check (dial))
    return;
  if (named)
    dial->proxy = lp2p_proxy_dial_start_name (self, dial->remote_address, proxy_found, dial);
  else if (self->proxy_resolver != NULL)
    dial->proxy = lp2p_proxy_dial_start (self, host_name, (struct sockaddr *) &native, proxy_found, dial);
  else
    dial_directly (dial);
}

/**
 * lp2p_tcp_hub_dial_finish: (skip)
 * @self: a hub
 * @result: what the callback was given
 * @local_address: (out) (optional) (nullable) (transfer full): our end
 * @socket_id: (out) (optional) (nullable) (transfer full): the socket that listens on
 *   the same port; %NULL for a port of its own; %LP2P_SOCKET_ID_PROXY for a connection
 *   through a proxy
 * @error: where to put the error
 *
 * Returns: (transfer full): the connection
 */
Lp2pLayer *
lp2p_tcp_hub_dial_finish (Lp2pTcpHub *self,
                          GAsyncResult *result,
                          Lp2pMultiaddr **local_address,
                          char **socket_id,
                          GError **error)
{
  DialResult *dial;
  Lp2pLayer *layer;

  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  dial = g_task_propagate_pointer (G_TASK (result), error);
  if (dial == NULL)
    return NULL;

  layer = g_steal_pointer (&dial->layer);
  if (local_address != NULL)
    *local_address = g_steal_pointer (&dial->local_address);
  if (socket_id != NULL)
    *socket_id = g_steal_pointer (&dial->socket_id);
  dial_result_free (dial);
  return layer;
}

void
lp2p_tcp_dial_cancel_all (Lp2pTcpHub *hub)
{
  for (GList *link = hub->dials.head; link != NULL; link = link->next)
    {
      Dial *self = link->data;

      dial_done (self, g_error_new (G_IO_ERROR, G_IO_ERROR_CLOSED,
                                    _("Cannot connect to %s: the host is closed"),
                                    lp2p_multiaddr_get_string (self->remote_address)));
    }
}
