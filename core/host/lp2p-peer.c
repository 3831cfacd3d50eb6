/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-peer-list-private.h"

/**
 * Lp2pPeer:
 *
 * What a host knows of a peer, for a user interface to show: an item of
 * [property@Host:peers]. It changes with what becomes known, and keeps the latest
 * when the host has forgotten the peer.
 */
struct _Lp2pPeer
{
  GObject parent_instance;

  Lp2pPeerId *peer_id;
  char *agent_version;
  char *protocol_version;
  GStrv protocols;
  GPtrArray *addresses;
  gboolean connected;
};

G_DEFINE_FINAL_TYPE (Lp2pPeer, lp2p_peer, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_PEER_ID,
  PROP_AGENT_VERSION,
  PROP_PROTOCOL_VERSION,
  PROP_PROTOCOLS,
  PROP_ADDRESSES,
  PROP_CONNECTED,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

static void
lp2p_peer_finalize (GObject *object)
{
  Lp2pPeer *self = LP2P_PEER (object);

  g_clear_pointer (&self->peer_id, lp2p_peer_id_unref);
  g_free (self->agent_version);
  g_free (self->protocol_version);
  g_strfreev (self->protocols);
  g_ptr_array_unref (self->addresses);
  G_OBJECT_CLASS (lp2p_peer_parent_class)->finalize (object);
}

static void
lp2p_peer_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  Lp2pPeer *self = LP2P_PEER (object);

  switch (id)
    {
    case PROP_PEER_ID:
      g_value_set_boxed (value, self->peer_id);
      break;
    case PROP_AGENT_VERSION:
      g_value_set_string (value, self->agent_version);
      break;
    case PROP_PROTOCOL_VERSION:
      g_value_set_string (value, self->protocol_version);
      break;
    case PROP_PROTOCOLS:
      g_value_set_boxed (value, self->protocols);
      break;
    case PROP_ADDRESSES:
      g_value_set_boxed (value, self->addresses);
      break;
    case PROP_CONNECTED:
      g_value_set_boolean (value, self->connected);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
lp2p_peer_class_init (Lp2pPeerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->finalize = lp2p_peer_finalize;
  object_class->get_property = lp2p_peer_get_property;

  /**
   * Lp2pPeer:peer-id:
   *
   * Who it is.
   */
  properties[PROP_PEER_ID] = g_param_spec_boxed ("peer-id", NULL, NULL, LP2P_TYPE_PEER_ID, flags);
  /**
   * Lp2pPeer:agent-version:
   *
   * What it says it runs, %NULL while unknown.
   */
  properties[PROP_AGENT_VERSION] = g_param_spec_string ("agent-version", NULL, NULL, NULL, flags);
  /**
   * Lp2pPeer:protocol-version:
   *
   * Which family of protocols it says it belongs to, %NULL while unknown.
   */
  properties[PROP_PROTOCOL_VERSION] = g_param_spec_string ("protocol-version", NULL, NULL, NULL, flags);
  /**
   * Lp2pPeer:protocols:
   *
   * What it serves, %NULL while unknown.
   */
  properties[PROP_PROTOCOLS] = g_param_spec_boxed ("protocols", NULL, NULL, G_TYPE_STRV, flags);
  /**
   * Lp2pPeer:addresses: (type GPtrArray(Lp2pMultiaddr))
   *
   * Where it may be dialed.
   */
  properties[PROP_ADDRESSES] = g_param_spec_boxed ("addresses", NULL, NULL, G_TYPE_PTR_ARRAY, flags);
  /**
   * Lp2pPeer:connected:
   *
   * Whether there is a connection to it.
   */
  properties[PROP_CONNECTED] = g_param_spec_boolean ("connected", NULL, NULL, FALSE, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
lp2p_peer_init (Lp2pPeer *self)
{
  self->addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
}

Lp2pPeer *
lp2p_peer_new (Lp2pPeerId *peer)
{
  Lp2pPeer *self = g_object_new (LP2P_TYPE_PEER, NULL);

  self->peer_id = lp2p_peer_id_ref (peer);
  return self;
}

/* Refreshing */

static void
refresh_text (Lp2pPeer *self, char **where, const char *text, guint property)
{
  if (g_strcmp0 (*where, text) == 0)
    return;
  g_free (*where);
  *where = g_strdup (text);
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
}

static gboolean
equal_protocols (GStrv a, GStrv b)
{
  if (a == NULL || b == NULL)
    return a == b;
  return g_strv_equal ((const char *const *) a, (const char *const *) b);
}

static void
refresh_protocols (Lp2pPeer *self, GStrv protocols)
{
  if (equal_protocols (self->protocols, protocols))
    return;
  g_strfreev (self->protocols);
  self->protocols = g_strdupv (protocols);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_PROTOCOLS]);
}

static gboolean
equal_addresses (GPtrArray *shown, GArray *known)
{
  if (shown->len != (known != NULL ? known->len : 0))
    return FALSE;
  for (guint i = 0; i < shown->len; i++)
    if (!lp2p_multiaddr_equal (g_ptr_array_index (shown, i), g_array_index (known, Lp2pPeerAddress, i).address))
      return FALSE;
  return TRUE;
}

/* A new array: the old one may be with whoever asked for the property. */
static void
refresh_addresses (Lp2pPeer *self, GArray *known)
{
  if (equal_addresses (self->addresses, known))
    return;
  g_ptr_array_unref (self->addresses);
  self->addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  for (guint i = 0; known != NULL && i < known->len; i++)
    g_ptr_array_add (self->addresses, lp2p_multiaddr_ref (g_array_index (known, Lp2pPeerAddress, i).address));
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ADDRESSES]);
}

void
lp2p_peer_refresh (Lp2pPeer *self, Lp2pPeerEntry *entry)
{
  gboolean connected = entry->n_connections > 0;

  g_object_freeze_notify (G_OBJECT (self));
  refresh_text (self, &self->agent_version, entry->agent_version, PROP_AGENT_VERSION);
  refresh_text (self, &self->protocol_version, entry->protocol_version, PROP_PROTOCOL_VERSION);
  refresh_protocols (self, entry->protocols);
  refresh_addresses (self, entry->addresses);
  if (self->connected != connected)
    {
      self->connected = connected;
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CONNECTED]);
    }
  g_object_thaw_notify (G_OBJECT (self));
}

/* What applications ask. */

/**
 * lp2p_peer_get_peer_id:
 * @self: a peer
 *
 * Gets who it is.
 *
 * Returns: (transfer none): who it is
 */
Lp2pPeerId *
lp2p_peer_get_peer_id (Lp2pPeer *self)
{
  g_return_val_if_fail (LP2P_IS_PEER (self), NULL);
  return self->peer_id;
}

/**
 * lp2p_peer_get_agent_version:
 * @self: a peer
 *
 * Gets what the peer calls its program.
 *
 * Returns: (nullable): what it says it runs, %NULL while unknown
 */
const char *
lp2p_peer_get_agent_version (Lp2pPeer *self)
{
  g_return_val_if_fail (LP2P_IS_PEER (self), NULL);
  return self->agent_version;
}

/**
 * lp2p_peer_get_protocol_version:
 * @self: a peer
 *
 * Gets which network the peer says that it belongs to.
 *
 * Returns: (nullable): which family of protocols it says it belongs to, %NULL while
 *   unknown
 */
const char *
lp2p_peer_get_protocol_version (Lp2pPeer *self)
{
  g_return_val_if_fail (LP2P_IS_PEER (self), NULL);
  return self->protocol_version;
}

/**
 * lp2p_peer_get_protocols:
 * @self: a peer
 *
 * Gets what the peer serves, as it said last.
 *
 * Returns: (nullable) (transfer none) (array zero-terminated=1): what it serves,
 *   %NULL while unknown
 */
const char *const *
lp2p_peer_get_protocols (Lp2pPeer *self)
{
  g_return_val_if_fail (LP2P_IS_PEER (self), NULL);
  return (const char *const *) self->protocols;
}

/**
 * lp2p_peer_get_addresses:
 * @self: a peer
 *
 * Gets where the peer can be dialed, as far as known.
 *
 * Returns: (transfer none) (element-type Lp2pMultiaddr): where it may be dialed, as
 *   far as known, in no particular order
 */
GPtrArray *
lp2p_peer_get_addresses (Lp2pPeer *self)
{
  g_return_val_if_fail (LP2P_IS_PEER (self), NULL);
  return self->addresses;
}

/**
 * lp2p_peer_get_connected:
 * @self: a peer
 *
 * Tells whether there is a connection to the peer.
 *
 * Returns: whether there is a connection to it
 */
gboolean
lp2p_peer_get_connected (Lp2pPeer *self)
{
  g_return_val_if_fail (LP2P_IS_PEER (self), FALSE);
  return self->connected;
}
