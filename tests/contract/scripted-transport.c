/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "scripted-transport.h"

#include "host/lp2p-host-private.h"

typedef struct
{
  char *name;
  Lp2pMultiaddr *address;
  int delay_ms;
  Lp2pMultiaddr *target;
} Route;

typedef struct
{
  ScriptedTransport *transport;
  GTask *task;
  Lp2pTimer timer;
  GSource *cancel;
  int delay_ms;
  Lp2pMultiaddr *address;
  Lp2pMultiaddr *target;
} Dial;

static void transport_init (Lp2pTransportInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (ScriptedTransport, scripted_transport, LP2P_TYPE_EXTENSION,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_TRANSPORT, transport_init))

static void
route_free (gpointer pointer)
{
  Route *route = pointer;

  g_free (route->name);
  lp2p_multiaddr_unref (route->address);
  g_clear_pointer (&route->target, lp2p_multiaddr_unref);
  g_free (route);
}

static Route *
find_route (ScriptedTransport *self, Lp2pMultiaddr *address)
{
  for (guint i = 0; i < self->routes->len; i++)
    if (lp2p_multiaddr_equal (((Route *) g_ptr_array_index (self->routes, i))->address, address))
      return g_ptr_array_index (self->routes, i);
  return NULL;
}

static Lp2pTransportFlags
get_flags (Lp2pTransport *transport)
{
  ScriptedTransport *self = SCRIPTED_TRANSPORT (transport);

  return LP2P_TRANSPORT_DIALS | LP2P_TRANSPORT_NEEDS_UPGRADE | (self->relay ? LP2P_TRANSPORT_LIMITED : 0) |
         (self->datagram ? LP2P_TRANSPORT_DATAGRAM : 0);
}

static guint
get_dial_rank (Lp2pTransport *transport, Lp2pMultiaddr *address)
{
  if (lp2p_multiaddr_find (address, LP2P_PROTOCOL_P2P_CIRCUIT, 0) >= 0)
    return 900;
  if (lp2p_multiaddr_find (address, LP2P_PROTOCOL_WS, 0) >= 0)
    return 200;
  return lp2p_multiaddr_find (address, LP2P_PROTOCOL_UDP, 0) >= 0 ? 0 : 100;
}

static gboolean
match (Lp2pTransport *transport, Lp2pMultiaddr *address)
{
  ScriptedTransport *self = SCRIPTED_TRANSPORT (transport);
  gboolean relayed = lp2p_multiaddr_find (address, LP2P_PROTOCOL_P2P_CIRCUIT, 0) >= 0;

  return lp2p_multiaddr_is_ip (address) && relayed == self->relay &&
         (!self->datagram || lp2p_multiaddr_find (address, LP2P_PROTOCOL_UDP, 0) >= 0);
}

/* A dial */

static void
dial_free (Dial *self)
{
  lp2p_timer_clear (&self->timer);
  if (self->cancel != NULL)
    {
      g_source_destroy (self->cancel);
      g_source_unref (self->cancel);
    }
  self->transport->n_pending--;
  g_object_unref (self->transport);
  g_object_unref (self->task);
  lp2p_multiaddr_unref (self->address);
  g_clear_pointer (&self->target, lp2p_multiaddr_unref);
  g_free (self);
}

static void
on_dialed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Dial *self = user_data;
  GError *error = NULL;
  Lp2pRawConnection *raw = lp2p_transport_dial_finish (LP2P_TRANSPORT (source), result, &error);

  if (raw != NULL)
    {
      lp2p_multiaddr_unref (raw->remote_address);
      raw->remote_address = lp2p_multiaddr_ref (self->address);
      raw->limited = self->transport->relay;
      g_task_return_pointer (self->task, raw, (GDestroyNotify) lp2p_raw_connection_free);
    }
  else
    g_task_return_error (self->task, error);
  dial_free (self);
}

static void
run_timer (Lp2pTimer *timer)
{
  static const Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  Dial *self = (Dial *) ((guint8 *) timer - G_STRUCT_OFFSET (Dial, timer));
  GPtrArray *transports = lp2p_host_get_swarm (self->transport->host->host)->transports;

  if (self->target == NULL)
    {
      g_task_return_new_error (self->task, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED, "refused");
      dial_free (self);
      return;
    }
  /* The memory transport looks after cancellation from here on. */
  if (self->cancel != NULL)
    g_source_destroy (self->cancel);
  lp2p_transport_dial_async (g_ptr_array_index (transports, transports->len - 1), self->target, &options,
                             g_task_get_cancellable (self->task), on_dialed, self);
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  Dial *self = user_data;

  g_task_return_error_if_cancelled (self->task);
  dial_free (self);
  return G_SOURCE_REMOVE;
}

static void
dial_async (Lp2pTransport *transport, Lp2pMultiaddr *address, const Lp2pDialOptions *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  ScriptedTransport *self = SCRIPTED_TRANSPORT (transport);
  Route *route = find_route (self, address);
  Dial *dial = g_new0 (Dial, 1);

  g_assert_nonnull (route);
  g_string_append_printf (self->log, "%s%s%s%s@%d", self->log->len > 0 ? " " : "", route->name,
                          options->host_name != NULL ? "=" : "", options->host_name != NULL ? options->host_name : "",
                          (int) (self->host->world->now - self->epoch) / 1000);
  self->n_pending++;
  dial->transport = g_object_ref (self);
  dial->task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_check_cancellable (dial->task, FALSE);
  dial->delay_ms = route->delay_ms;
  dial->address = lp2p_multiaddr_ref (address);
  dial->target = route->target != NULL ? lp2p_multiaddr_ref (route->target) : NULL;
  lp2p_timer_init (&dial->timer, self->host->loop, run_timer);
  if (route->delay_ms >= 0)
    lp2p_timer_set (&dial->timer, lp2p_loop_now (self->host->loop) + route->delay_ms * 1000);
  dial->cancel = g_cancellable_source_new (cancellable);
  g_source_set_callback (dial->cancel, G_SOURCE_FUNC (on_cancelled), dial, NULL);
  g_source_attach (dial->cancel, lp2p_loop_get_context (self->host->loop));
}

static Lp2pRawConnection *
dial_finish (Lp2pTransport *transport, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
transport_init (Lp2pTransportInterface *iface)
{
  iface->get_flags = get_flags;
  iface->get_dial_rank = get_dial_rank;
  iface->match = match;
  iface->dial_async = dial_async;
  iface->dial_finish = dial_finish;
}

static void
scripted_transport_finalize (GObject *object)
{
  ScriptedTransport *self = SCRIPTED_TRANSPORT (object);

  g_ptr_array_unref (self->routes);
  g_string_free (self->log, TRUE);
  G_OBJECT_CLASS (scripted_transport_parent_class)->finalize (object);
}

static void
scripted_transport_class_init (ScriptedTransportClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = scripted_transport_finalize;
}

static void
scripted_transport_init (ScriptedTransport *self)
{
  self->routes = g_ptr_array_new_with_free_func (route_free);
  self->log = g_string_new (NULL);
}

ScriptedTransport *
scripted_transport_new (TestHost *host, gboolean relay)
{
  ScriptedTransport *self = g_object_new (SCRIPTED_TYPE_TRANSPORT, "name", "scripted", NULL);

  self->host = host;
  self->relay = relay;
  self->epoch = host->world->now;
  g_ptr_array_insert (lp2p_host_get_swarm (host->host)->transports, 0, self);
  return self;
}

void
scripted_transport_route (ScriptedTransport *self, const char *name, const char *address, int delay_ms, Lp2pMultiaddr *target)
{
  g_autoptr (Lp2pMultiaddr) from = lp2p_multiaddr_new_from_string (address, NULL);
  Route *route;

  g_assert_nonnull (from);
  route = find_route (self, from);
  if (route != NULL)
    g_ptr_array_remove (self->routes, route);
  route = g_new0 (Route, 1);
  route->name = g_strdup (name);
  route->address = g_steal_pointer (&from);
  route->delay_ms = delay_ms;
  route->target = target != NULL ? lp2p_multiaddr_without_peer_id (target) : NULL;
  g_ptr_array_add (self->routes, route);
}
