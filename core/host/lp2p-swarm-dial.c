/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-swarm-private.h"

#include "types/lp2p-i18n-private.h"

/*
 * Connecting to a peer: over the connection that there is, with the dial that runs,
 * or with a new one.
 *
 * When two hosts dial each other at once, both connections stay, as with
 * go-libp2p, rust-libp2p and js-libp2p: neither side can know which one the other
 * has begun to use. Each caller gets the one that its own dial made.
 */

gboolean
lp2p_swarm_gate_dial (Lp2pPeerId *peer, Lp2pMultiaddr *address, gpointer swarm, GError **error)
{
  Lp2pGater *gater = ((Lp2pSwarm *) swarm)->gater;

  if (gater == NULL || lp2p_gater_allow_dial (gater, peer, address))
    return TRUE;
  g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_REFUSED_BY_GATER, _("the application refuses to dial it"));
  return FALSE;
}

/* GIO has a resolver that knows no proxies, for where no module brings a better one. */
static gboolean
knows_proxies (GProxyResolver *resolver)
{
  GIOExtensionPoint *point = g_io_extension_point_lookup (G_PROXY_RESOLVER_EXTENSION_POINT_NAME);
  GIOExtension *dummy = point != NULL ? g_io_extension_point_get_extension_by_name (point, "dummy") : NULL;

  return dummy == NULL || g_io_extension_get_type (dummy) != G_OBJECT_TYPE (resolver);
}

void
lp2p_swarm_set_proxy (Lp2pSwarm *self)
{
  g_autofree char *proxy = lp2p_config_get_string (self->config, LP2P_CONFIG_GROUP_HOST, "proxy");
  GProxyResolver *resolver = g_str_equal (proxy, "system") ? g_proxy_resolver_get_default () : NULL;

  if (resolver != NULL && !knows_proxies (resolver))
    g_warning ("[host] proxy: GIO has no module that knows the system's proxies, so all connections are direct");
  lp2p_tcp_hub_set_proxy_resolver (self->tcp_hub, resolver);
}

static gboolean
check_open (Lp2pSwarm *self, const Lp2pDialOptions *options, GTask *task)
{
  Lp2pPeerId *own = lp2p_identity_get_peer_id (self->identity);

  if (self->closed)
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The host is closed"));
  else if (options->expected_peer != NULL && lp2p_peer_id_equal (options->expected_peer, own))
    g_task_return_new_error (task, LP2P_ERROR, LP2P_ERROR_WRONG_PEER,
                             _("Cannot connect: the peer is this host itself"));
  else
    return !g_task_return_error_if_cancelled (task);
  return FALSE;
}

static Lp2pConnection *
find_connection (Lp2pSwarm *self, const Lp2pDialOptions *options)
{
  if (options->expected_peer == NULL || options->separate)
    return NULL;
  return lp2p_swarm_find_connection (self, options->expected_peer, options->allow_limited && !options->force_direct);
}

static Lp2pDial *
find_dial (Lp2pSwarm *self, const Lp2pDialOptions *options)
{
  for (guint i = 0; i < self->dials->running->len; i++)
    {
      Lp2pDial *dial = g_ptr_array_index (self->dials->running, i);

      if (lp2p_dial_serves (dial, options))
        return lp2p_dial_ref (dial);
    }
  return NULL;
}

static Lp2pDial *
new_dial (Lp2pSwarm *self, const Lp2pDialOptions *options, GPtrArray *given)
{
  Lp2pDial *dial = lp2p_dial_new (self->dials, options);

  lp2p_dial_add_addresses (dial, given, TRUE);
  if (options->expected_peer != NULL && !options->separate)
    {
      g_autoptr (GPtrArray) known = lp2p_context_dup_peer_addresses (LP2P_CONTEXT (self), options->expected_peer);

      lp2p_dial_add_addresses (dial, known, FALSE);
    }
  return dial;
}

void
lp2p_swarm_connect_async (Lp2pSwarm *self, Lp2pPeerId *peer, GPtrArray *addresses, const Lp2pDialOptions *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  static const Lp2pDialOptions defaults = LP2P_DIAL_OPTIONS_INIT;
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  Lp2pDialOptions all = options != NULL ? *options : defaults;
  g_autoptr (Lp2pDial) dial = NULL;
  Lp2pConnection *connection;

  g_task_set_source_tag (task, lp2p_swarm_connect_async);
  if (all.expected_peer == NULL)
    all.expected_peer = peer;
  if (!check_open (self, &all, task))
    return;
  connection = find_connection (self, &all);
  if (connection != NULL)
    {
      g_task_return_pointer (task, connection, g_object_unref);
      return;
    }

  dial = find_dial (self, &all);
  if (dial != NULL)
    lp2p_dial_add_addresses (dial, addresses, TRUE);
  else
    dial = new_dial (self, &all, addresses);
  lp2p_dial_add_waiter (dial, g_steal_pointer (&task));
  lp2p_dial_kick (dial);
}

Lp2pConnection *
lp2p_swarm_connect_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
