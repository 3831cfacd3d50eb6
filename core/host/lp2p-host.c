/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-host-private.h"

#include "types/lp2p-i18n-private.h"

/**
 * Lp2pHost:
 *
 * A program's place in the network: its identity, what it listens on, its
 * connections and the protocols it serves.
 *
 * A host belongs to the main context that was thread-default when it was made:
 * it is used from that thread, and calls back there.
 */
struct _Lp2pHost
{
  GObject parent_instance;

  Lp2pSwarm *swarm;
  Lp2pConfig *config;
  Lp2pIdentity *identity;
  gboolean started;
};

G_DEFINE_FINAL_TYPE (Lp2pHost, lp2p_host, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_CONFIG,
  PROP_IDENTITY,
  PROP_PEER_ID,
  PROP_CONNECTIONS,
  PROP_PEERS,
  PROP_LISTEN_ADDRESSES,
  PROP_GATER,
  N_PROPS,
};

enum
{
  CONNECTION_ADDED,
  CONNECTION_REMOVED,
  PEER_UPDATED,
  N_SIGNALS,
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

static void
on_connection_added (Lp2pHost *self, Lp2pConnection *connection)
{
  g_signal_emit (self, signals[CONNECTION_ADDED], 0, connection);
}

static void
on_connection_removed (Lp2pHost *self, Lp2pConnection *connection)
{
  g_signal_emit (self, signals[CONNECTION_REMOVED], 0, connection);
}

static void
on_peer_updated (Lp2pHost *self, Lp2pPeerId *peer)
{
  g_signal_emit (self, signals[PEER_UPDATED], 0, peer);
}

static void
on_addresses_changed (Lp2pHost *self)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_LISTEN_ADDRESSES]);
}

static void
attach_swarm (Lp2pHost *self, Lp2pSwarm *swarm)
{
  self->swarm = swarm;
  g_signal_connect_object (swarm, "connection-added", G_CALLBACK (on_connection_added), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (swarm, "connection-removed", G_CALLBACK (on_connection_removed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (swarm, "peer-updated", G_CALLBACK (on_peer_updated), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (swarm, "addresses-changed", G_CALLBACK (on_addresses_changed), self, G_CONNECT_SWAPPED);
}

static void
lp2p_host_dispose (GObject *object)
{
  Lp2pHost *self = LP2P_HOST (object);

  if (self->swarm != NULL)
    lp2p_swarm_abandon (self->swarm);
  g_clear_object (&self->swarm);
  G_OBJECT_CLASS (lp2p_host_parent_class)->dispose (object);
}

static void
lp2p_host_finalize (GObject *object)
{
  Lp2pHost *self = LP2P_HOST (object);

  g_clear_object (&self->config);
  g_clear_object (&self->identity);
  G_OBJECT_CLASS (lp2p_host_parent_class)->finalize (object);
}

static void
lp2p_host_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  Lp2pHost *self = LP2P_HOST (object);

  switch (id)
    {
    case PROP_CONFIG:
      g_value_set_object (value, self->config);
      break;
    case PROP_IDENTITY:
      g_value_set_object (value, self->identity);
      break;
    case PROP_PEER_ID:
      g_value_set_boxed (value, lp2p_host_get_peer_id (self));
      break;
    case PROP_CONNECTIONS:
      g_value_set_object (value, lp2p_host_get_connections (self));
      break;
    case PROP_PEERS:
      g_value_set_object (value, lp2p_host_get_peers (self));
      break;
    case PROP_LISTEN_ADDRESSES:
      g_value_take_boxed (value, lp2p_host_dup_listen_addresses (self));
      break;
    case PROP_GATER:
      g_value_set_object (value, lp2p_host_get_gater (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
lp2p_host_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_GATER:
      lp2p_host_set_gater (LP2P_HOST (object), g_value_get_object (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
lp2p_host_class_init (Lp2pHostClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->dispose = lp2p_host_dispose;
  object_class->finalize = lp2p_host_finalize;
  object_class->get_property = lp2p_host_get_property;
  object_class->set_property = lp2p_host_set_property;

  /**
   * Lp2pHost:config:
   *
   * The configuration.
   */
  properties[PROP_CONFIG] = g_param_spec_object ("config", NULL, NULL, LP2P_TYPE_CONFIG, flags);
  /**
   * Lp2pHost:identity:
   *
   * The private key.
   */
  properties[PROP_IDENTITY] = g_param_spec_object ("identity", NULL, NULL, LP2P_TYPE_IDENTITY, flags);
  /**
   * Lp2pHost:peer-id:
   *
   * Who this host is to others.
   */
  properties[PROP_PEER_ID] = g_param_spec_boxed ("peer-id", NULL, NULL, LP2P_TYPE_PEER_ID, flags);
  /**
   * Lp2pHost:connections:
   *
   * A list of [class@Connection] that a list view can show.
   */
  properties[PROP_CONNECTIONS] = g_param_spec_object ("connections", NULL, NULL, G_TYPE_LIST_MODEL, flags);
  /**
   * Lp2pHost:peers:
   *
   * A list of [class@Peer] that a list view can show.
   */
  properties[PROP_PEERS] = g_param_spec_object ("peers", NULL, NULL, G_TYPE_LIST_MODEL, flags);
  /**
   * Lp2pHost:listen-addresses: (type GPtrArray(Lp2pMultiaddr)) (getter dup_listen_addresses)
   *
   * Where the host can be dialed, each with its peer id.
   */
  properties[PROP_LISTEN_ADDRESSES] = g_param_spec_boxed ("listen-addresses", NULL, NULL, G_TYPE_PTR_ARRAY, flags);
  /**
   * Lp2pHost:gater: (getter get_gater) (setter set_gater)
   *
   * Who decides with whom to connect.
   */
  properties[PROP_GATER] = g_param_spec_object ("gater", NULL, NULL, LP2P_TYPE_GATER,
                                                G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  /**
   * Lp2pHost::connection-added:
   * @self: the host
   * @connection: a connection whose peer is verified
   *
   * Emitted when a connection can be used, whoever dialed.
   */
  signals[CONNECTION_ADDED] = g_signal_new ("connection-added", LP2P_TYPE_HOST, G_SIGNAL_RUN_LAST, 0, NULL,
                                            NULL, NULL, G_TYPE_NONE, 1, LP2P_TYPE_CONNECTION);
  /**
   * Lp2pHost::connection-removed:
   * @self: the host
   * @connection: a connection that is over
   *
   * Emitted when a connection has ended; [method@Connection.get_error] tells why.
   */
  signals[CONNECTION_REMOVED] = g_signal_new ("connection-removed", LP2P_TYPE_HOST, G_SIGNAL_RUN_LAST, 0, NULL,
                                              NULL, NULL, G_TYPE_NONE, 1, LP2P_TYPE_CONNECTION);
  /**
   * Lp2pHost::peer-updated:
   * @self: the host
   * @peer: a peer of which more is known now
   *
   * Emitted when a peer told something of itself, or was forgotten.
   */
  signals[PEER_UPDATED] = g_signal_new ("peer-updated", LP2P_TYPE_HOST, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                        G_TYPE_NONE, 1, LP2P_TYPE_PEER_ID);
}

static void
lp2p_host_init (Lp2pHost *self)
{
}

Lp2pHost *
lp2p_host_new_with_clock (Lp2pConfig *config, Lp2pIdentity *identity, Lp2pClock *clock)
{
  Lp2pHost *self = g_object_new (LP2P_TYPE_HOST, NULL);

  self->config = config != NULL ? g_object_ref (config) : lp2p_config_new ();
  /* An Ed25519 key fails to be made only where there is no memory. */
  self->identity = identity != NULL ? g_object_ref (identity) : lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
  attach_swarm (self, lp2p_swarm_new (self->config, self->identity, clock));
  return self;
}

Lp2pSwarm *
lp2p_host_get_swarm (Lp2pHost *self)
{
  return self->swarm;
}

/**
 * lp2p_host_new:
 * @config: (nullable): the configuration, %NULL for the defaults
 * @identity: (nullable): the private key, %NULL for one that is not kept
 *
 * Makes a host. It does nothing before it is started.
 *
 * Returns: (transfer full): the host
 */
Lp2pHost *
lp2p_host_new (Lp2pConfig *config, Lp2pIdentity *identity)
{
  g_return_val_if_fail (config == NULL || LP2P_IS_CONFIG (config), NULL);
  g_return_val_if_fail (identity == NULL || LP2P_IS_IDENTITY (identity), NULL);

  return lp2p_host_new_with_clock (config, identity, NULL);
}

gboolean
lp2p_host_check_thread (Lp2pHost *self, GTask *task)
{
  if (lp2p_loop_is_owner (self->swarm->loop))
    return TRUE;
  g_task_return_new_error (task, LP2P_ERROR, LP2P_ERROR_WRONG_THREAD,
                           _("A host can only be used in the thread that made it"));
  return FALSE;
}

/**
 * lp2p_host_start_async:
 * @self: a host
 * @cancellable: (nullable): to give up
 * @callback: called when it runs
 * @user_data: passed on
 *
 * Loads what the configuration enables and listens where it says. A loadable
 * object that is broken does not stop the host, see [method@Host.get_plugins]; an
 * address that cannot be listened on does.
 */
void
lp2p_host_start_async (Lp2pHost *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  GError *error = NULL;

  g_return_if_fail (LP2P_IS_HOST (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lp2p_host_start_async);
  if (!lp2p_host_check_thread (self, task))
    return;
  if (self->started)
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_FAILED, _("The host was started before"));
      return;
    }
  self->started = TRUE;
  if (lp2p_swarm_start (self->swarm, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/**
 * lp2p_host_start_finish:
 * @self: a host
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes [method@Host.start_async].
 *
 * Returns: whether the host runs
 */
gboolean
lp2p_host_start_finish (Lp2pHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
on_swarm_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;

  g_task_return_boolean (task, TRUE);
}

/**
 * lp2p_host_close_async:
 * @self: a host
 * @cancellable: (nullable): to give up waiting; the host closes all the same
 * @callback: called when it is closed
 * @user_data: passed on
 *
 * Closes everything in order: what was written is delivered, as far as the peers
 * take it within a few seconds.
 */
void
lp2p_host_close_async (Lp2pHost *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (LP2P_IS_HOST (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lp2p_host_close_async);
  if (lp2p_host_check_thread (self, task))
    lp2p_swarm_close_async (self->swarm, cancellable, on_swarm_closed, g_steal_pointer (&task));
}

/**
 * lp2p_host_close_finish:
 * @self: a host
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes [method@Host.close_async].
 *
 * Returns: whether the host is closed
 */
gboolean
lp2p_host_close_finish (Lp2pHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * lp2p_host_get_config:
 * @self: a host
 *
 * Gets the configuration that the host was made with.
 *
 * Returns: (transfer none): the configuration
 */
Lp2pConfig *
lp2p_host_get_config (Lp2pHost *self)
{
  g_return_val_if_fail (LP2P_IS_HOST (self), NULL);
  return self->config;
}

/**
 * lp2p_host_get_identity:
 * @self: a host
 *
 * Gets the private key that proves who the host is.
 *
 * Returns: (transfer none): the private key
 */
Lp2pIdentity *
lp2p_host_get_identity (Lp2pHost *self)
{
  g_return_val_if_fail (LP2P_IS_HOST (self), NULL);
  return self->identity;
}

/**
 * lp2p_host_get_peer_id:
 * @self: a host
 *
 * Gets who this host is to others. Peers that know it and an address can connect.
 *
 * Returns: (transfer none): who this host is to others
 */
Lp2pPeerId *
lp2p_host_get_peer_id (Lp2pHost *self)
{
  g_return_val_if_fail (LP2P_IS_HOST (self), NULL);
  return lp2p_identity_get_peer_id (self->identity);
}

/**
 * lp2p_host_dup_listen_addresses:
 * @self: a host
 *
 * Gets the addresses to give to others. They change while the host runs, which
 * [property@Host:listen-addresses] notifies.
 *
 * Returns: (transfer container) (element-type Lp2pMultiaddr): where the host can be
 *   dialed, each with its peer id
 */
GPtrArray *
lp2p_host_dup_listen_addresses (Lp2pHost *self)
{
  g_autoptr (GPtrArray) plain = NULL;
  GPtrArray *addresses;

  g_return_val_if_fail (LP2P_IS_HOST (self), NULL);

  plain = lp2p_swarm_dup_addresses (self->swarm);
  addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  for (guint i = 0; i < plain->len; i++)
    g_ptr_array_add (addresses,
                     lp2p_multiaddr_with_peer_id (g_ptr_array_index (plain, i), lp2p_host_get_peer_id (self)));
  return addresses;
}

/**
 * lp2p_host_get_connections:
 * @self: a host
 *
 * Gets the connections whose peers are verified, as a list that tells of changes.
 *
 * Returns: (transfer none): a list of [class@Connection]
 */
GListModel *
lp2p_host_get_connections (Lp2pHost *self)
{
  g_return_val_if_fail (LP2P_IS_HOST (self), NULL);
  return G_LIST_MODEL (self->swarm->connections);
}

/**
 * lp2p_host_get_peers:
 * @self: a host
 *
 * Lists the peers that the host has to do with: those it is connected to and those it
 * heard of last. Of what is in the peer store on disk, only the peers that somebody
 * asked about are among them.
 *
 * Returns: (transfer none): a list of [class@Peer]
 */
GListModel *
lp2p_host_get_peers (Lp2pHost *self)
{
  g_return_val_if_fail (LP2P_IS_HOST (self), NULL);
  return lp2p_peer_store_get_list (self->swarm->peers);
}

/**
 * lp2p_host_get_plugins:
 * @self: a host
 *
 * Gets what loadable objects there are, as a list that tells of changes.
 *
 * Returns: (transfer none): a list of [class@Descriptor], with the errors of
 *   those that cannot be used
 */
GListModel *
lp2p_host_get_plugins (Lp2pHost *self)
{
  g_return_val_if_fail (LP2P_IS_HOST (self), NULL);
  return lp2p_registry_get_descriptors (self->swarm->registry);
}

/**
 * lp2p_host_listen_async:
 * @self: a host that runs
 * @address: where to listen
 * @cancellable: (nullable): to give up
 * @callback: called when it listens
 * @user_data: passed on
 *
 * Listens on one more address. Some transports learn what to advertise later:
 * watch [property@Host:listen-addresses].
 */
void
lp2p_host_listen_async (Lp2pHost *self, Lp2pMultiaddr *address, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  GError *error = NULL;

  g_return_if_fail (LP2P_IS_HOST (self));
  g_return_if_fail (address != NULL);

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lp2p_host_listen_async);
  if (!lp2p_host_check_thread (self, task) || g_task_return_error_if_cancelled (task))
    return;
  if (lp2p_swarm_listen (self->swarm, address, &error) != NULL)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/**
 * lp2p_host_listen_finish:
 * @self: a host
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes [method@Host.listen_async].
 *
 * Returns: whether it listens
 */
gboolean
lp2p_host_listen_finish (Lp2pHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  Lp2pConnection *connection = lp2p_swarm_connect_finish (result, &error);

  if (connection != NULL)
    g_task_return_pointer (task, connection, g_object_unref);
  else
    g_task_return_error (task, error);
}

/**
 * lp2p_host_connect_async:
 * @self: a host that runs
 * @address: where to; with a peer id at its end only that peer is accepted
 * @cancellable: (nullable): to give up
 * @callback: called when connected
 * @user_data: passed on
 *
 * Connects to an address. Where there is a connection to the peer already, that
 * one is the result.
 */
void
lp2p_host_connect_async (Lp2pHost *self, Lp2pMultiaddr *address, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (Lp2pPeerId) peer = NULL;
  g_autoptr (GPtrArray) addresses = NULL;

  g_return_if_fail (LP2P_IS_HOST (self));
  g_return_if_fail (address != NULL);

  peer = lp2p_peer_id_from_multiaddr (address);
  addresses = g_ptr_array_new ();
  g_ptr_array_add (addresses, address);
  lp2p_host_connect_peer_async (self, peer, addresses, cancellable, callback, user_data);
}

/**
 * lp2p_host_connect_peer_async:
 * @self: a host that runs
 * @peer: (nullable): to whom, %NULL for whoever answers
 * @addresses: (nullable) (element-type Lp2pMultiaddr): where, beside what is known
 * @cancellable: (nullable): to give up
 * @callback: called when connected
 * @user_data: passed on
 *
 * Connects to a peer, or yields the connection that there is.
 */
void
lp2p_host_connect_peer_async (Lp2pHost *self, Lp2pPeerId *peer, GPtrArray *addresses, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (LP2P_IS_HOST (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lp2p_host_connect_peer_async);
  if (lp2p_host_check_thread (self, task))
    lp2p_swarm_connect_async (self->swarm, peer, addresses, NULL, cancellable, on_connected, g_steal_pointer (&task));
}

/**
 * lp2p_host_connect_finish:
 * @self: a host
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes [method@Host.connect_async]. The error tells each address with its own
 * reason.
 *
 * Returns: (transfer full): the connection
 */
Lp2pConnection *
lp2p_host_connect_finish (Lp2pHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * lp2p_host_connect_peer_finish:
 * @self: a host
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes [method@Host.connect_peer_async]. The error tells each address with its
 * own reason.
 *
 * Returns: (transfer full): the connection
 */
Lp2pConnection *
lp2p_host_connect_peer_finish (Lp2pHost *self, GAsyncResult *result, GError **error)
{
  return lp2p_host_connect_finish (self, result, error);
}

/**
 * lp2p_host_get_gater:
 * @self: a host
 *
 * Gets what [method@Host.set_gater] set.
 *
 * Returns: (transfer none) (nullable): who decides with whom to connect
 */
Lp2pGater *
lp2p_host_get_gater (Lp2pHost *self)
{
  g_return_val_if_fail (LP2P_IS_HOST (self), NULL);
  return self->swarm->gater;
}

/**
 * lp2p_host_set_gater:
 * @self: a host
 * @gater: (nullable): who decides with whom to connect
 *
 * Lets the application refuse addresses and peers. Connections that there are
 * already stay.
 */
void
lp2p_host_set_gater (Lp2pHost *self, Lp2pGater *gater)
{
  g_return_if_fail (LP2P_IS_HOST (self));
  g_return_if_fail (gater == NULL || LP2P_IS_GATER (gater));

  if (g_set_object (&self->swarm->gater, gater))
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_GATER]);
}

/**
 * lp2p_host_dup_observed_addresses:
 * @self: a host
 *
 * Gets what peers see this host as. Behind a NAT these are the addresses outside.
 *
 * Returns: (transfer container) (element-type Lp2pMultiaddr): what peers see this host
 *   as, most seen first
 */
GPtrArray *
lp2p_host_dup_observed_addresses (Lp2pHost *self)
{
  g_return_val_if_fail (LP2P_IS_HOST (self), NULL);
  return lp2p_observed_dup (self->swarm->observed, NULL);
}

/**
 * lp2p_host_get_usage:
 * @self: a host
 * @option: one of the options `max-connections`, `max-half-open`, `max-streams` and
 *   `memory-budget`
 *
 * Tells how much of a limit is in use. Streams are those that peers opened, half-open
 * connections those that peers began.
 *
 * Returns: how many, or for the memory how many bytes; 0 for any other option
 */
guint64
lp2p_host_get_usage (Lp2pHost *self, const char *option)
{
  Lp2pLimits *limits;

  g_return_val_if_fail (LP2P_IS_HOST (self), 0);
  g_return_val_if_fail (option != NULL, 0);

  limits = self->swarm->limits;
  if (g_str_equal (option, "max-connections"))
    return g_hash_table_size (limits->connections);
  if (g_str_equal (option, "max-half-open"))
    return limits->n_handshakes;
  if (g_str_equal (option, "max-streams"))
    return limits->n_streams;
  return g_str_equal (option, "memory-budget") ? self->swarm->memory : 0;
}

static void
on_resolved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  GPtrArray *addresses = lp2p_context_resolve_finish (LP2P_CONTEXT (source), result, &error);

  if (addresses != NULL)
    g_task_return_pointer (task, addresses, (GDestroyNotify) g_ptr_array_unref);
  else
    g_task_return_error (task, error);
}

/**
 * lp2p_host_resolve_async:
 * @self: a host that runs
 * @address: an address
 * @cancellable: (nullable): to give up
 * @callback: called when it is done
 * @user_data: passed on
 *
 * Finds out what the names in an address stand for, as connecting to it does by
 * itself: for programs that show it.
 */
void
lp2p_host_resolve_async (Lp2pHost *self, Lp2pMultiaddr *address, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (LP2P_IS_HOST (self));
  g_return_if_fail (address != NULL);

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lp2p_host_resolve_async);
  if (lp2p_host_check_thread (self, task))
    lp2p_context_resolve_async (LP2P_CONTEXT (self->swarm), address, cancellable, on_resolved, g_steal_pointer (&task));
}

/**
 * lp2p_host_resolve_finish:
 * @self: a host
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes [method@Host.resolve_async].
 *
 * Returns: (transfer container) (element-type Lp2pMultiaddr): addresses without names that
 *   need looking up; of an address without names, that one
 */
GPtrArray *
lp2p_host_resolve_finish (Lp2pHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}
