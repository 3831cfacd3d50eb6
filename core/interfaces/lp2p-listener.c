/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-listener.h>

/**
 * Lp2pListener:
 *
 * A place where a transport takes connections.
 */
typedef struct
{
  const char *transport;
  char *socket_id;
  GPtrArray *bound;
  GPtrArray *suffixes;
  gboolean closed;
} Lp2pListenerPrivate;

G_DEFINE_TYPE_WITH_PRIVATE (Lp2pListener, lp2p_listener, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_TRANSPORT,
  PROP_SOCKET_ID,
  PROP_BOUND_ADDRESSES,
  PROP_SUFFIXES,
  N_PROPS,
};

enum
{
  SIGNAL_FAILED,
  N_SIGNALS,
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

static void
lp2p_listener_dispose (GObject *object)
{
  lp2p_listener_close (LP2P_LISTENER (object));
  G_OBJECT_CLASS (lp2p_listener_parent_class)->dispose (object);
}

static void
lp2p_listener_finalize (GObject *object)
{
  Lp2pListenerPrivate *priv = lp2p_listener_get_instance_private (LP2P_LISTENER (object));

  g_clear_pointer (&priv->bound, g_ptr_array_unref);
  g_clear_pointer (&priv->suffixes, g_ptr_array_unref);
  g_free (priv->socket_id);
  G_OBJECT_CLASS (lp2p_listener_parent_class)->finalize (object);
}

static void
lp2p_listener_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  Lp2pListener *self = LP2P_LISTENER (object);

  switch (id)
    {
    case PROP_TRANSPORT:
      g_value_set_string (value, lp2p_listener_get_transport (self));
      break;
    case PROP_SOCKET_ID:
      g_value_set_string (value, lp2p_listener_get_socket_id (self));
      break;
    case PROP_BOUND_ADDRESSES:
      g_value_set_boxed (value, lp2p_listener_get_bound_addresses (self));
      break;
    case PROP_SUFFIXES:
      g_value_set_boxed (value, lp2p_listener_get_suffixes (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
lp2p_listener_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  Lp2pListenerPrivate *priv = lp2p_listener_get_instance_private (LP2P_LISTENER (object));

  switch (id)
    {
    case PROP_TRANSPORT:
      priv->transport = g_intern_string (g_value_get_string (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
lp2p_listener_class_init (Lp2pListenerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lp2p_listener_dispose;
  object_class->finalize = lp2p_listener_finalize;
  object_class->get_property = lp2p_listener_get_property;
  object_class->set_property = lp2p_listener_set_property;

  /**
   * Lp2pListener:transport:
   *
   * The name of the transport that listens.
   */
  properties[PROP_TRANSPORT] = g_param_spec_string (
      "transport", NULL, NULL, NULL,
      G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * Lp2pListener:socket-id:
   *
   * Names the local socket; observed and mapped addresses are kept per socket.
   */
  properties[PROP_SOCKET_ID] = g_param_spec_string (
      "socket-id", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  /**
   * Lp2pListener:bound-addresses:
   *
   * Where the socket is bound.
   */
  properties[PROP_BOUND_ADDRESSES] = g_param_spec_boxed (
      "bound-addresses", NULL, NULL, G_TYPE_PTR_ARRAY, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  /**
   * Lp2pListener:suffixes:
   *
   * What stands behind each bound address.
   */
  properties[PROP_SUFFIXES] = g_param_spec_boxed (
      "suffixes", NULL, NULL, G_TYPE_PTR_ARRAY, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  /**
   * Lp2pListener::failed:
   * @self: the listener
   * @error: why
   *
   * It stopped taking connections by itself.
   */
  signals[SIGNAL_FAILED] = g_signal_new ("failed", LP2P_TYPE_LISTENER, G_SIGNAL_RUN_LAST, 0, NULL,
                                         NULL, NULL, G_TYPE_NONE, 1, G_TYPE_ERROR);
}

static void
lp2p_listener_init (Lp2pListener *self)
{
  Lp2pListenerPrivate *priv = lp2p_listener_get_instance_private (self);

  priv->bound = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  priv->suffixes = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
}

/**
 * lp2p_listener_get_transport:
 * @self: a listener
 *
 * Returns: (transfer none) (nullable): the name of the transport
 */
const char *
lp2p_listener_get_transport (Lp2pListener *self)
{
  Lp2pListenerPrivate *priv = lp2p_listener_get_instance_private (self);

  g_return_val_if_fail (LP2P_IS_LISTENER (self), NULL);
  return priv->transport;
}

/**
 * lp2p_listener_get_socket_id:
 * @self: a listener
 *
 * Returns: (transfer none) (nullable): the name of its socket, which lives as long as the
 *   listener, or until [method@Lp2p.Listener.set_socket_id] gives it another
 */
const char *
lp2p_listener_get_socket_id (Lp2pListener *self)
{
  Lp2pListenerPrivate *priv = lp2p_listener_get_instance_private (self);

  g_return_val_if_fail (LP2P_IS_LISTENER (self), NULL);
  return priv->socket_id;
}

/**
 * lp2p_listener_set_socket_id:
 * @self: a listener
 * @socket_id: (nullable): the name of its socket
 *
 * For transports.
 */
void
lp2p_listener_set_socket_id (Lp2pListener *self, const char *socket_id)
{
  Lp2pListenerPrivate *priv = lp2p_listener_get_instance_private (self);

  g_return_if_fail (LP2P_IS_LISTENER (self));
  g_free (priv->socket_id);
  priv->socket_id = g_strdup (socket_id);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SOCKET_ID]);
}

/**
 * lp2p_listener_get_bound_addresses:
 * @self: a listener
 *
 * Returns: (transfer none) (element-type Lp2pMultiaddr): where it is bound
 */
GPtrArray *
lp2p_listener_get_bound_addresses (Lp2pListener *self)
{
  Lp2pListenerPrivate *priv = lp2p_listener_get_instance_private (self);

  g_return_val_if_fail (LP2P_IS_LISTENER (self), NULL);
  return priv->bound;
}

static void
replace_addresses (GPtrArray **where, GPtrArray *addresses)
{
  GPtrArray *copy = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  for (guint i = 0; i < addresses->len; i++)
    g_ptr_array_add (copy, lp2p_multiaddr_ref (g_ptr_array_index (addresses, i)));
  g_ptr_array_unref (*where);
  *where = copy;
}

/**
 * lp2p_listener_set_bound_addresses:
 * @self: a listener
 * @addresses: (element-type Lp2pMultiaddr): where it is bound
 *
 * For transports, when addresses become known or change.
 */
void
lp2p_listener_set_bound_addresses (Lp2pListener *self, GPtrArray *addresses)
{
  Lp2pListenerPrivate *priv = lp2p_listener_get_instance_private (self);

  g_return_if_fail (LP2P_IS_LISTENER (self));
  replace_addresses (&priv->bound, addresses);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_BOUND_ADDRESSES]);
}

/**
 * lp2p_listener_get_suffixes:
 * @self: a listener
 *
 * Returns: (transfer none) (element-type Lp2pMultiaddr): what stands behind each
 *   bound address; empty where nothing does
 */
GPtrArray *
lp2p_listener_get_suffixes (Lp2pListener *self)
{
  Lp2pListenerPrivate *priv = lp2p_listener_get_instance_private (self);

  g_return_val_if_fail (LP2P_IS_LISTENER (self), NULL);
  return priv->suffixes;
}

/**
 * lp2p_listener_set_suffixes:
 * @self: a listener
 * @suffixes: (element-type Lp2pMultiaddr): what stands behind each bound address
 *
 * For transports, when suffixes become known or rotate.
 */
void
lp2p_listener_set_suffixes (Lp2pListener *self, GPtrArray *suffixes)
{
  Lp2pListenerPrivate *priv = lp2p_listener_get_instance_private (self);

  g_return_if_fail (LP2P_IS_LISTENER (self));
  replace_addresses (&priv->suffixes, suffixes);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SUFFIXES]);
}

/**
 * lp2p_listener_dup_addresses:
 * @self: a listener
 *
 * Returns: (transfer container) (element-type Lp2pMultiaddr): each bound address with
 *   each suffix
 */
GPtrArray *
lp2p_listener_dup_addresses (Lp2pListener *self)
{
  Lp2pListenerPrivate *priv = lp2p_listener_get_instance_private (self);
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  for (guint i = 0; i < priv->bound->len; i++)
    {
      Lp2pMultiaddr *bound = g_ptr_array_index (priv->bound, i);

      if (priv->suffixes->len == 0)
        g_ptr_array_add (addresses, lp2p_multiaddr_ref (bound));
      for (guint j = 0; j < priv->suffixes->len; j++)
        g_ptr_array_add (addresses, lp2p_multiaddr_concat (bound, g_ptr_array_index (priv->suffixes, j)));
    }
  return addresses;
}

/**
 * lp2p_listener_close:
 * @self: a listener
 *
 * Stops listening. Connections that were made stay.
 */
void
lp2p_listener_close (Lp2pListener *self)
{
  Lp2pListenerPrivate *priv = lp2p_listener_get_instance_private (self);

  g_return_if_fail (LP2P_IS_LISTENER (self));
  if (priv->closed)
    return;
  priv->closed = TRUE;
  if (LP2P_LISTENER_GET_CLASS (self)->close != NULL)
    LP2P_LISTENER_GET_CLASS (self)->close (self);
}

/**
 * lp2p_listener_is_closed:
 * @self: a listener
 *
 * Returns: whether it was closed or has failed
 */
gboolean
lp2p_listener_is_closed (Lp2pListener *self)
{
  Lp2pListenerPrivate *priv = lp2p_listener_get_instance_private (self);

  g_return_val_if_fail (LP2P_IS_LISTENER (self), TRUE);
  return priv->closed;
}

/**
 * lp2p_listener_fail:
 * @self: a listener
 * @error: why
 *
 * Closes the listener and tells why. For transports.
 */
void
lp2p_listener_fail (Lp2pListener *self, const GError *error)
{
  g_autoptr (Lp2pListener) keep = g_object_ref (self);

  if (lp2p_listener_is_closed (self))
    return;
  lp2p_listener_close (self);
  g_signal_emit (self, signals[SIGNAL_FAILED], 0, error);
}
