/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <gnutls/crypto.h>

#include <lp2p/interfaces/lp2p-log.h>

#include "host/lp2p-kept-peer-private.h"
#include "interfaces/lp2p-connection-private.h"
#include "net/lp2p-loop-private.h"
#include "types/lp2p-i18n-private.h"

/* How long peers may take to acknowledge what was written before the host is
 * closed regardless. */
#define CLOSE_TIMEOUT_US (5 * G_USEC_PER_SEC)

static void context_init (Lp2pContextInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pSwarm, lp2p_swarm, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_CONTEXT, context_init))

gboolean
lp2p_swarm_start (Lp2pSwarm *self, GError **error)
{
  if (!lp2p_loop_open (self->loop, error))
    return FALSE;
  lp2p_peer_store_open (self->peers);
  lp2p_swarm_set_proxy (self);
  lp2p_registry_scan (self->registry);
  if (!lp2p_swarm_sync_extensions (self, error) || !lp2p_swarm_listen_configured (self, error))
    return FALSE;
  lp2p_swarm_follow_config (self);
  return TRUE;
}

/* Closing */

static void
fail_waiting (Lp2pSwarm *self)
{
  GHashTableIter iter;
  gpointer task;

  g_hash_table_iter_init (&iter, self->waiting);
  while (g_hash_table_iter_next (&iter, NULL, &task))
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The host is closed"));
  g_hash_table_remove_all (self->waiting);
}

static void
release_kept_peers (Lp2pSwarm *self)
{
  while (self->kept_peers->len > 0)
    lp2p_kept_peer_release (g_ptr_array_index (self->kept_peers, 0));
}

/* All but the peer store. */
static void
leave_network (Lp2pSwarm *self)
{
  g_autoptr (GPtrArray) connections = NULL;

  self->closed = TRUE;
  release_kept_peers (self);
  lp2p_swarm_drop_inbounds (self);
  lp2p_dials_close (self->dials);
  lp2p_resolver_close (self->resolver);
  lp2p_swarm_close_listeners (self);
  connections = g_steal_pointer (&self->all_connections);
  self->all_connections = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < connections->len; i++)
    {
      lp2p_swarm_forget_connection (self, g_ptr_array_index (connections, i));
      lp2p_connection_abort (g_ptr_array_index (connections, i), LP2P_CODE_NONE);
    }
  fail_waiting (self);
  lp2p_swarm_fail_opens (self);
  g_list_store_remove_all (self->connections);
  lp2p_swarm_stop_extensions (self);
  lp2p_handlers_clear (self->handlers);
  lp2p_tcp_hub_close (self->tcp_hub);
  lp2p_udp_hub_close (self->udp_hub);
  lp2p_job_clear (&self->protocols_job);
  lp2p_job_clear (&self->addresses_job);
  lp2p_job_clear (&self->config_job);
}

void
lp2p_swarm_abandon (Lp2pSwarm *self)
{
  leave_network (self);
  lp2p_peer_store_close (self->peers);
}

typedef struct
{
  Lp2pTimer timer;
  GTask *task;
  guint pending;
} Closing;

static void
on_peers_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;

  g_task_return_boolean (task, TRUE);
}

static void
closing_done (Closing *closing)
{
  GTask *task = g_steal_pointer (&closing->task);
  Lp2pSwarm *self = g_task_get_source_object (task);

  lp2p_timer_clear (&closing->timer);
  leave_network (self);
  lp2p_peer_store_close_async (self->peers, on_peers_closed, task);
}

static void
closing_timeout (Lp2pTimer *timer)
{
  closing_done ((Closing *) ((guint8 *) timer - G_STRUCT_OFFSET (Closing, timer)));
}

static void
on_connection_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Closing *closing = user_data;

  if (--closing->pending > 0)
    return;
  if (closing->task != NULL)
    closing_done (closing);
  g_free (closing);
}

void
lp2p_swarm_close_async (Lp2pSwarm *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  Closing *closing;

  g_task_set_source_tag (task, lp2p_swarm_close_async);
  if (self->closed)
    {
      g_task_return_boolean (task, TRUE);
      g_object_unref (task);
      return;
    }

  self->closed = TRUE;
  release_kept_peers (self);
  lp2p_swarm_drop_inbounds (self);
  lp2p_dials_close (self->dials);
  lp2p_resolver_close (self->resolver);
  lp2p_swarm_close_listeners (self);

  closing = g_new0 (Closing, 1);
  closing->task = task;
  /* One more than there are connections: it stands for this function. */
  closing->pending = 1;
  lp2p_timer_init (&closing->timer, self->loop, closing_timeout);
  lp2p_timer_set (&closing->timer, lp2p_loop_now (self->loop) + CLOSE_TIMEOUT_US);
  for (guint i = 0; i < self->all_connections->len; i++)
    {
      closing->pending++;
      lp2p_connection_close_async (g_ptr_array_index (self->all_connections, i), NULL, on_connection_closed, closing);
    }
  on_connection_closed (NULL, NULL, closing);
}

gboolean
lp2p_swarm_close_finish (Lp2pSwarm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* What extensions are given. */

static Lp2pLoop *
context_get_loop (Lp2pContext *context)
{
  return LP2P_SWARM (context)->loop;
}

static Lp2pIdentity *
context_get_identity (Lp2pContext *context)
{
  return LP2P_SWARM (context)->identity;
}

static Lp2pConfig *
context_get_config (Lp2pContext *context)
{
  return LP2P_SWARM (context)->config;
}

static void
context_get_random (Lp2pContext *context, gpointer buffer, gsize size)
{
  if (gnutls_rnd (GNUTLS_RND_KEY, buffer, size) < 0)
    g_error ("The system's random source failed");
}

static Lp2pTcpHub *
context_get_tcp_hub (Lp2pContext *context)
{
  return LP2P_SWARM (context)->tcp_hub;
}

static Lp2pUdpHub *
context_get_udp_hub (Lp2pContext *context)
{
  return LP2P_SWARM (context)->udp_hub;
}

static gboolean
context_reserve_memory (Lp2pContext *context, gsize held, gsize size)
{
  Lp2pSwarm *self = LP2P_SWARM (context);
  guint64 budget = lp2p_config_get_uint64 (self->config, LP2P_CONFIG_GROUP_HOST, "memory-budget");
  guint64 left = budget - MIN (budget, self->memory);

  /* What it would hold then is at most what is left then. */
  if (size > left || held > left - size || size > left - size - held)
    return FALSE;
  self->memory += size;
  return TRUE;
}

static void
context_release_memory (Lp2pContext *context, gsize size)
{
  LP2P_SWARM (context)->memory -= size;
}

static gboolean
context_begin_inbound (Lp2pContext *context, const char *transport, Lp2pMultiaddr *remote_address, GError **error)
{
  return lp2p_swarm_begin_inbound (LP2P_SWARM (context), remote_address, error);
}

static void
context_end_inbound (Lp2pContext *context, const char *transport, Lp2pMultiaddr *remote_address)
{
  lp2p_limits_end_handshake (LP2P_SWARM (context)->limits, remote_address);
}

static void
context_offer_inbound (Lp2pContext *context, Lp2pRawConnection *raw)
{
  lp2p_swarm_offer_inbound (LP2P_SWARM (context), raw);
}

static gboolean
context_is_crowded (Lp2pContext *context, Lp2pMultiaddr *remote_address)
{
  return lp2p_limits_is_crowded (LP2P_SWARM (context)->limits, remote_address);
}

static Lp2pHandshake *
context_begin_handshake (Lp2pContext *context, const char *transport, Lp2pMultiaddr *remote_address, Lp2pHandshakeGiveUp give_up, gpointer user_data, GError **error)
{
  return lp2p_swarm_begin_handshake (LP2P_SWARM (context), remote_address, give_up, user_data, error);
}

static void
context_advance_handshake (Lp2pContext *context, Lp2pHandshake *handshake)
{
  lp2p_swarm_advance_handshake (LP2P_SWARM (context), handshake);
}

static void
context_end_handshake (Lp2pContext *context, Lp2pHandshake *handshake)
{
  lp2p_swarm_end_handshake (LP2P_SWARM (context), handshake);
}

static gboolean
context_pass_on_handshake (Lp2pContext *context, Lp2pHandshake *handshake)
{
  return lp2p_swarm_pass_on_handshake (LP2P_SWARM (context), handshake);
}

static void
context_upgrade_async (Lp2pContext *context, Lp2pRawConnection *raw, const Lp2pDialOptions *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  lp2p_swarm_upgrade_async (LP2P_SWARM (context), raw, options, NULL, NULL, cancellable, callback, user_data);
}

static Lp2pConnection *
context_upgrade_finish (Lp2pContext *context, GAsyncResult *result, GError **error)
{
  return lp2p_swarm_upgrade_finish (result, error);
}

static void
context_connect_async (Lp2pContext *context, Lp2pPeerId *peer, GPtrArray *addresses, const Lp2pDialOptions *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  lp2p_swarm_connect_async (LP2P_SWARM (context), peer, addresses, options, cancellable, callback, user_data);
}

static Lp2pConnection *
context_connect_finish (Lp2pContext *context, GAsyncResult *result, GError **error)
{
  return lp2p_swarm_connect_finish (result, error);
}

static void
context_open_stream_async (Lp2pContext *context, Lp2pPeerId *peer, const char *const *protocols, Lp2pStreamFlags flags, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  lp2p_swarm_open_stream_async (LP2P_SWARM (context), peer, protocols, flags, cancellable, callback, user_data);
}

static Lp2pStream *
context_open_stream_finish (Lp2pContext *context, GAsyncResult *result, GError **error)
{
  return lp2p_swarm_open_stream_finish (result, error);
}

static void
context_set_stream_handler (Lp2pContext *context, const char *protocol, Lp2pHandlerFlags flags, Lp2pStreamHandler handler, gpointer user_data, GDestroyNotify destroy)
{
  Lp2pSwarm *self = LP2P_SWARM (context);

  /* Nobody will come any more. */
  if (self->closed)
    {
      if (destroy != NULL)
        destroy (user_data);
      return;
    }
  lp2p_handlers_set (self->handlers, protocol, flags, handler, user_data, destroy);
  lp2p_job_queue (&self->protocols_job);
}

static void
context_remove_stream_handler (Lp2pContext *context, const char *protocol)
{
  Lp2pSwarm *self = LP2P_SWARM (context);

  if (lp2p_handlers_remove (self->handlers, protocol) && !self->closed)
    lp2p_job_queue (&self->protocols_job);
}

static GStrv
context_dup_protocols (Lp2pContext *context)
{
  return lp2p_handlers_dup_protocols (LP2P_SWARM (context)->handlers);
}

static GPtrArray *
context_dup_addresses (Lp2pContext *context)
{
  return lp2p_swarm_dup_addresses (LP2P_SWARM (context));
}

static GPtrArray *
context_dup_connections (Lp2pContext *context, Lp2pPeerId *peer)
{
  return lp2p_swarm_dup_connections (LP2P_SWARM (context), peer);
}

static void
context_add_observed_address (Lp2pContext *context, Lp2pConnection *connection, Lp2pMultiaddr *address)
{
  lp2p_observed_add (LP2P_SWARM (context)->observed, connection, address);
}

static void
context_add_mapped_address (Lp2pContext *context, const char *socket_id, Lp2pMultiaddr *address, gboolean present)
{
  lp2p_swarm_set_mapped (LP2P_SWARM (context), socket_id, address, present);
}

static GPtrArray *
context_dup_listeners (Lp2pContext *context)
{
  Lp2pSwarm *self = LP2P_SWARM (context);

  return g_ptr_array_copy (self->listeners, (GCopyFunc) (gpointer) g_object_ref, NULL);
}

static GPtrArray *
context_dup_observed_addresses (Lp2pContext *context, const char *socket_id)
{
  return lp2p_observed_dup (LP2P_SWARM (context)->observed, socket_id);
}

static void
context_set_reachability (Lp2pContext *context, Lp2pMultiaddr *address, Lp2pReachability reachability)
{
  Lp2pSwarm *self = LP2P_SWARM (context);

  if (address != NULL || self->reachability == reachability)
    return;
  self->reachability = reachability;
  g_signal_emit_by_name (self, "reachability-changed");
}

static Lp2pReachability
context_get_reachability (Lp2pContext *context, Lp2pMultiaddr *address)
{
  return address == NULL ? LP2P_SWARM (context)->reachability : LP2P_REACHABILITY_UNKNOWN;
}

static void
context_hold_connection (Lp2pContext *context, Lp2pConnection *connection, const char *tag, gboolean hold)
{
  lp2p_connection_manager_hold (LP2P_SWARM (context)->manager, connection, tag, hold);
}

static void
context_report_rtt (Lp2pContext *context, Lp2pConnection *connection, gint64 rtt)
{
  lp2p_connection_set_rtt (connection, rtt);
}

static void
on_resolved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  GPtrArray *addresses = lp2p_resolver_resolve_finish (LP2P_RESOLVER (source), result, NULL, &error);

  if (addresses != NULL)
    g_task_return_pointer (task, addresses, (GDestroyNotify) g_ptr_array_unref);
  else
    g_task_return_error (task, error);
}

static void
context_resolve_async (Lp2pContext *context, Lp2pMultiaddr *address, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (context, cancellable, callback, user_data);

  g_task_set_source_tag (task, context_resolve_async);
  lp2p_resolver_resolve_async (LP2P_SWARM (context)->resolver, address, NULL, cancellable, on_resolved, task);
}

static GPtrArray *
context_resolve_finish (Lp2pContext *context, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
context_update_peer (Lp2pContext *context, Lp2pPeerId *peer, const Lp2pPeerInfo *info)
{
  lp2p_peer_store_update (LP2P_SWARM (context)->peers, peer, info);
  g_signal_emit_by_name (context, "peer-updated", peer);
}

static GPtrArray *
context_dup_peer_addresses (Lp2pContext *context, Lp2pPeerId *peer)
{
  return lp2p_peer_store_dup_addresses (LP2P_SWARM (context)->peers, peer);
}

static GStrv
context_dup_peer_protocols (Lp2pContext *context, Lp2pPeerId *peer)
{
  return lp2p_peer_store_dup_protocols (LP2P_SWARM (context)->peers, peer);
}

static GBytes *
context_get_peer_data (Lp2pContext *context, Lp2pPeerId *peer, const char *plugin, const char *key)
{
  return lp2p_peer_store_get_data (LP2P_SWARM (context)->peers, peer, plugin, key);
}

static void
context_set_peer_data (Lp2pContext *context, Lp2pPeerId *peer, const char *plugin, const char *key, GBytes *data, gint64 lifetime, Lp2pPeerDataFlags flags)
{
  lp2p_peer_store_set_data (LP2P_SWARM (context)->peers, peer, plugin, key, data, lifetime, flags);
}

static void
context_init (Lp2pContextInterface *iface)
{
  iface->get_loop = context_get_loop;
  iface->get_identity = context_get_identity;
  iface->get_config = context_get_config;
  iface->get_random = context_get_random;
  iface->get_tcp_hub = context_get_tcp_hub;
  iface->get_udp_hub = context_get_udp_hub;
  iface->reserve_memory = context_reserve_memory;
  iface->release_memory = context_release_memory;
  iface->begin_inbound = context_begin_inbound;
  iface->end_inbound = context_end_inbound;
  iface->offer_inbound = context_offer_inbound;
  iface->is_crowded = context_is_crowded;
  iface->begin_handshake = context_begin_handshake;
  iface->advance_handshake = context_advance_handshake;
  iface->end_handshake = context_end_handshake;
  iface->pass_on_handshake = context_pass_on_handshake;
  iface->upgrade_async = context_upgrade_async;
  iface->upgrade_finish = context_upgrade_finish;
  iface->connect_async = context_connect_async;
  iface->connect_finish = context_connect_finish;
  iface->open_stream_async = context_open_stream_async;
  iface->open_stream_finish = context_open_stream_finish;
  iface->set_stream_handler = context_set_stream_handler;
  iface->remove_stream_handler = context_remove_stream_handler;
  iface->dup_protocols = context_dup_protocols;
  iface->dup_addresses = context_dup_addresses;
  iface->dup_connections = context_dup_connections;
  iface->add_observed_address = context_add_observed_address;
  iface->add_mapped_address = context_add_mapped_address;
  iface->dup_listeners = context_dup_listeners;
  iface->dup_observed_addresses = context_dup_observed_addresses;
  iface->set_reachability = context_set_reachability;
  iface->get_reachability = context_get_reachability;
  iface->hold_connection = context_hold_connection;
  iface->report_rtt = context_report_rtt;
  iface->resolve_async = context_resolve_async;
  iface->resolve_finish = context_resolve_finish;
  iface->update_peer = context_update_peer;
  iface->dup_peer_addresses = context_dup_peer_addresses;
  iface->dup_peer_protocols = context_dup_peer_protocols;
  iface->get_peer_data = context_get_peer_data;
  iface->set_peer_data = context_set_peer_data;
}

/* GObject */

static void
run_protocols_job (Lp2pJob *job)
{
  Lp2pSwarm *self = (Lp2pSwarm *) ((guint8 *) job - G_STRUCT_OFFSET (Lp2pSwarm, protocols_job));

  g_signal_emit_by_name (self, "protocols-changed");
}

static void
log_addresses (Lp2pSwarm *self)
{
  g_autoptr (GPtrArray) addresses = lp2p_swarm_dup_addresses (self);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < addresses->len; i++)
    g_string_append_printf (text, " %s", lp2p_multiaddr_get_string (g_ptr_array_index (addresses, i)));
  g_debug ("Addresses:%s", text->len > 0 ? text->str : " none");
}

static void
run_addresses_job (Lp2pJob *job)
{
  Lp2pSwarm *self = (Lp2pSwarm *) ((guint8 *) job - G_STRUCT_OFFSET (Lp2pSwarm, addresses_job));

  if (lp2p_log_is_wanted (G_LOG_DOMAIN, G_LOG_LEVEL_DEBUG))
    log_addresses (self);
  g_signal_emit_by_name (self, "addresses-changed");
}

static void
lp2p_swarm_finalize (GObject *object)
{
  Lp2pSwarm *self = LP2P_SWARM (object);

  g_clear_object (&self->registry);
  g_clear_object (&self->config);
  g_clear_object (&self->identity);
  g_clear_object (&self->connections);
  g_clear_object (&self->tcp_hub);
  g_clear_object (&self->udp_hub);
  g_clear_object (&self->resolver);
  g_ptr_array_unref (self->transports);
  g_ptr_array_unref (self->securities);
  g_ptr_array_unref (self->muxers);
  g_ptr_array_unref (self->services);
  g_ptr_array_unref (self->discovery);
  g_ptr_array_unref (self->retired);
  g_ptr_array_unref (self->listeners);
  g_hash_table_unref (self->configured);
  g_ptr_array_unref (self->mapped);
  g_ptr_array_unref (self->all_connections);
  g_hash_table_unref (self->waiting);
  lp2p_half_open_clear (&self->half_open);
  lp2p_handlers_free (self->handlers);
  lp2p_peer_store_free (self->peers);
  lp2p_dials_free (self->dials);
  lp2p_observed_free (self->observed);
  lp2p_limits_free (self->limits);
  lp2p_connection_manager_free (self->manager);
  g_clear_object (&self->gater);
  g_ptr_array_unref (self->kept_peers);
  lp2p_loop_unref (self->loop);
  G_OBJECT_CLASS (lp2p_swarm_parent_class)->finalize (object);
}

static void
lp2p_swarm_class_init (Lp2pSwarmClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lp2p_swarm_finalize;
}

static void
lp2p_swarm_init (Lp2pSwarm *self)
{
  self->transports = g_ptr_array_new_with_free_func (g_object_unref);
  self->securities = g_ptr_array_new_with_free_func (g_object_unref);
  self->muxers = g_ptr_array_new_with_free_func (g_object_unref);
  self->services = g_ptr_array_new_with_free_func (g_object_unref);
  self->discovery = g_ptr_array_new_with_free_func (g_object_unref);
  self->retired = g_ptr_array_new_with_free_func (g_object_unref);
  self->listeners = g_ptr_array_new_with_free_func (g_object_unref);
  self->configured = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  self->mapped = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_mapped_free);
  self->all_connections = g_ptr_array_new_with_free_func (g_object_unref);
  self->connections = g_list_store_new (LP2P_TYPE_CONNECTION);
  self->waiting = g_hash_table_new_full (NULL, NULL, NULL, g_object_unref);
  lp2p_half_open_init (&self->half_open);
  self->handlers = lp2p_handlers_new ();
  self->observed = lp2p_observed_new ();
  self->kept_peers = g_ptr_array_new ();
}

Lp2pSwarm *
lp2p_swarm_new (Lp2pConfig *config, Lp2pIdentity *identity, Lp2pClock *clock)
{
  Lp2pSwarm *self = g_object_new (LP2P_TYPE_SWARM, NULL);
  g_autofree char *peer_store = lp2p_config_get_string (config, LP2P_CONFIG_GROUP_HOST, "peer-store");

  self->loop = lp2p_loop_new (NULL, clock);
  self->config = g_object_ref (config);
  self->identity = g_object_ref (identity);
  self->registry = lp2p_registry_new (config);
  self->tcp_hub = lp2p_tcp_hub_new (self->loop);
  lp2p_swarm_count_shared_ports (self);
  self->udp_hub = lp2p_udp_hub_new (self->loop);
  self->resolver = lp2p_resolver_new (self->loop);
  self->peers = lp2p_peer_store_new (self->loop, lp2p_identity_get_peer_id (identity), peer_store);
  self->dials = lp2p_dials_new (self);
  self->dials->gater = lp2p_swarm_gate_dial;
  self->dials->gater_data = self;
  self->limits = lp2p_limits_new (config);
  self->manager = lp2p_connection_manager_new (self->loop, config);
  lp2p_job_init (&self->protocols_job, self->loop, LP2P_JOB_RUN, run_protocols_job);
  lp2p_job_init (&self->addresses_job, self->loop, LP2P_JOB_RUN, run_addresses_job);
  lp2p_job_init (&self->config_job, self->loop, LP2P_JOB_RUN, lp2p_swarm_run_config_job);
  return self;
}
