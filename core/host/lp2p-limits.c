/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-limits-private.h"

#include "types/lp2p-i18n-private.h"
#include "types/lp2p-multiaddr-private.h"

#include <string.h>

#include <lp2p/interfaces/lp2p-interfaces-types.h>

#include "net/lp2p-loop-private.h"

typedef enum
{
  SCOPE_HANDSHAKE,
  SCOPE_ADDRESS,
  SCOPE_SUBNET,
} Scope;

/* Whom connections are counted for: the beginning of an IP address. What nobody
 * has more of than one, an IPv4 address or the /64 of a household, is an address;
 * what an organisation has, a /24 or a /48, is a subnet. */
typedef struct
{
  guint8 scope;
  guint8 size;
  guint8 prefix[8];
} Key;

static const struct
{
  guint8 ip4;
  guint8 ip6;
} prefix_sizes[] = {
  [SCOPE_HANDSHAKE] = { 4, 8 },
  [SCOPE_ADDRESS] = { 4, 8 },
  [SCOPE_SUBNET] = { 3, 6 },
};

typedef struct
{
  Lp2pPeerId *id;
  guint n_connections;
  guint n_streams;
  Lp2pLoop *share;
} Peer;

/* A connection, and for whom it is counted. */
typedef struct
{
  Lp2pPeerId *peer;
  Lp2pMultiaddr *address;
  guint n_streams;
  gboolean leaving;
} Counted;

static void
counted_free (gpointer pointer)
{
  Counted *counted = pointer;

  lp2p_peer_id_unref (counted->peer);
  lp2p_multiaddr_unref (counted->address);
  g_free (counted);
}

static guint
key_hash (gconstpointer pointer)
{
  const Key *key = pointer;
  guint hash = key->scope * 31 + key->size;

  for (guint i = 0; i < sizeof (key->prefix); i++)
    hash = hash * 33 + key->prefix[i];
  return hash;
}

static gboolean
key_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, sizeof (Key)) == 0;
}

static void
peer_free (gpointer pointer)
{
  Peer *peer = pointer;

  lp2p_peer_id_unref (peer->id);
  g_clear_pointer (&peer->share, lp2p_loop_unref);
  g_free (peer);
}

Lp2pLimits *
lp2p_limits_new (Lp2pConfig *config)
{
  Lp2pLimits *self = g_new0 (Lp2pLimits, 1);

  self->config = g_object_ref (config);
  self->prefixes = g_hash_table_new_full (key_hash, key_equal, g_free, NULL);
  self->peers = g_hash_table_new_full (lp2p_peer_id_hash, lp2p_peer_id_equal, NULL, peer_free);
  self->connections = g_hash_table_new_full (NULL, NULL, NULL, counted_free);
  return self;
}

void
lp2p_limits_free (Lp2pLimits *self)
{
  g_object_unref (self->config);
  g_hash_table_unref (self->prefixes);
  g_hash_table_unref (self->peers);
  g_hash_table_unref (self->connections);
  g_free (self);
}

static guint
get_limit (Lp2pLimits *self, const char *option)
{
  return lp2p_config_get_uint (self->config, LP2P_CONFIG_GROUP_HOST, option);
}

static gboolean
fail (Lp2pLimits *self, const char *option, const char *whose, GError **error)
{
  /* Translators: a limit, the option that has it, and a peer */
  if (whose != NULL)
    g_set_error (error, LP2P_ERROR, LP2P_ERROR_LIMIT, _("All %u of %s are in use by %s"), get_limit (self, option),
                 option, whose);
  else
    g_set_error (error, LP2P_ERROR, LP2P_ERROR_LIMIT, _("All %u of %s are in use"), get_limit (self, option), option);
  return FALSE;
}

/* One more of something than @n? */
static gboolean
check (Lp2pLimits *self, guint n, const char *option, GError **error)
{
  return n < get_limit (self, option) || fail (self, option, NULL, error);
}

/* The text of a peer is made for the message only: it takes longer than all checks. */
static gboolean
check_peer (Lp2pLimits *self, guint n, const char *option, Lp2pPeerId *peer, GError **error)
{
  return n < get_limit (self, option) || fail (self, option, lp2p_peer_id_get_string (peer), error);
}

/* Prefixes */

/* That of a relay says nothing of who is behind it. */
static const guint8 *
get_ip (Lp2pMultiaddr *address, gsize *size)
{
  return lp2p_multiaddr_find (address, LP2P_PROTOCOL_P2P_CIRCUIT, 0) < 0 ? lp2p_multiaddr_get_ip (address, size) : NULL;
}

static gboolean
is_loopback (const guint8 *ip, gsize size)
{
  static const guint8 ip6_loopback[16] = { [15] = 1 };

  return size == 4 ? ip[0] == 127 : memcmp (ip, ip6_loopback, sizeof ip6_loopback) == 0;
}

/* Whether there is one: connections of this machine to itself are counted only
 * while they are handshakes, since a reverse proxy makes all of them so. */
static gboolean
key_init (Key *self, Scope scope, Lp2pMultiaddr *address)
{
  gsize size;
  const guint8 *ip = get_ip (address, &size);

  if (ip == NULL || (scope != SCOPE_HANDSHAKE && is_loopback (ip, size)))
    return FALSE;
  memset (self, 0, sizeof *self);
  self->scope = scope;
  self->size = size == 4 ? prefix_sizes[scope].ip4 : prefix_sizes[scope].ip6;
  memcpy (self->prefix, ip, self->size);
  return TRUE;
}

static guint
count_prefix (Lp2pLimits *self, const Key *key)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (self->prefixes, key));
}

static gboolean
check_prefix (Lp2pLimits *self, Scope scope, Lp2pMultiaddr *address, const char *option, GError **error)
{
  Key key;

  return !key_init (&key, scope, address) || count_prefix (self, &key) < get_limit (self, option) ||
         fail (self, option, lp2p_multiaddr_get_string (address), error);
}

static void
change_prefix (Lp2pLimits *self, Scope scope, Lp2pMultiaddr *address, int change)
{
  Key key;
  guint n;

  if (!key_init (&key, scope, address))
    return;
  n = count_prefix (self, &key);
  g_return_if_fail (n > 0 || change > 0);
  n += change;
  if (n == 0)
    g_hash_table_remove (self->prefixes, &key);
  else
    g_hash_table_insert (self->prefixes, g_memdup2 (&key, sizeof key), GUINT_TO_POINTER (n));
}

/* Peers */

static const Peer *
find_peer (Lp2pLimits *self, Lp2pPeerId *id)
{
  static const Peer nobody;
  const Peer *peer = g_hash_table_lookup (self->peers, id);

  return peer != NULL ? peer : &nobody;
}

static Peer *
ensure_peer (Lp2pLimits *self, Lp2pPeerId *id)
{
  Peer *peer = g_hash_table_lookup (self->peers, id);

  if (peer != NULL)
    return peer;
  peer = g_new0 (Peer, 1);
  peer->id = lp2p_peer_id_ref (id);
  g_hash_table_insert (self->peers, peer->id, peer);
  return peer;
}

static void
change_streams (Lp2pLimits *self, Peer *peer, int change)
{
  self->n_streams += change;
  peer->n_streams += change;
}

/* Handshakes */

static gboolean
is_half_full (Lp2pLimits *self, guint n, const char *option)
{
  return n >= get_limit (self, option) / 2;
}

gboolean
lp2p_limits_is_crowded (Lp2pLimits *self, Lp2pMultiaddr *address)
{
  Key key;

  return is_half_full (self, self->n_handshakes, "max-half-open") ||
         (key_init (&key, SCOPE_HANDSHAKE, address) &&
          is_half_full (self, count_prefix (self, &key), "max-half-open-per-ip"));
}

gboolean
lp2p_limits_begin_handshake (Lp2pLimits *self, Lp2pMultiaddr *address, GError **error)
{
  if (!lp2p_limits_check_address (self, address, error) ||
      !check (self, self->n_handshakes, "max-half-open", error) ||
      !check_prefix (self, SCOPE_HANDSHAKE, address, "max-half-open-per-ip", error))
    return FALSE;
  self->n_handshakes++;
  change_prefix (self, SCOPE_HANDSHAKE, address, 1);
  return TRUE;
}

void
lp2p_limits_end_handshake (Lp2pLimits *self, Lp2pMultiaddr *address)
{
  g_return_if_fail (self->n_handshakes > 0);
  self->n_handshakes--;
  change_prefix (self, SCOPE_HANDSHAKE, address, -1);
}

gboolean
lp2p_limits_has_place (Lp2pLimits *self, Lp2pMultiaddr *address)
{
  return check_prefix (self, SCOPE_HANDSHAKE, address, "max-half-open-per-ip", NULL);
}

gboolean
lp2p_limits_same_ip (Lp2pMultiaddr *address, Lp2pMultiaddr *other)
{
  Key key;
  Key other_key;

  return key_init (&key, SCOPE_HANDSHAKE, address) && key_init (&other_key, SCOPE_HANDSHAKE, other) &&
         key_equal (&key, &other_key);
}

guint64
lp2p_limits_get_subnet (Lp2pMultiaddr *address)
{
  gsize size;
  const guint8 *ip = get_ip (address, &size);
  guint64 subnet = 0;

  if (ip == NULL)
    return 0;
  size = size == 4 ? prefix_sizes[SCOPE_SUBNET].ip4 : prefix_sizes[SCOPE_SUBNET].ip6;
  for (gsize i = 0; i < size; i++)
    subnet = subnet << 8 | ip[i];
  return subnet | (guint64) size << 56;
}

/* Connections */

static guint
count_connections (Lp2pLimits *self)
{
  return g_hash_table_size (self->connections) - self->n_leaving;
}

gboolean
lp2p_limits_is_full (Lp2pLimits *self)
{
  return count_connections (self) >= get_limit (self, "max-connections");
}

gboolean
lp2p_limits_check_address (Lp2pLimits *self, Lp2pMultiaddr *address, GError **error)
{
  return check (self, count_connections (self), "max-connections", error) &&
         check_prefix (self, SCOPE_ADDRESS, address, "max-connections-per-ip", error) &&
         check_prefix (self, SCOPE_SUBNET, address, "max-connections-per-subnet", error);
}

gboolean
lp2p_limits_check_connection (Lp2pLimits *self, Lp2pPeerId *peer, Lp2pMultiaddr *address, GError **error)
{
  return lp2p_limits_check_address (self, address, error) &&
         check_peer (self, find_peer (self, peer)->n_connections, "max-connections-per-peer", peer, error);
}

void
lp2p_limits_add_connection (Lp2pLimits *self, gpointer connection, Lp2pPeerId *peer, Lp2pMultiaddr *address)
{
  Counted *counted = g_new0 (Counted, 1);

  counted->peer = lp2p_peer_id_ref (peer);
  counted->address = lp2p_multiaddr_ref (address);
  g_hash_table_insert (self->connections, connection, counted);
  ensure_peer (self, peer)->n_connections++;
  change_prefix (self, SCOPE_ADDRESS, address, 1);
  change_prefix (self, SCOPE_SUBNET, address, 1);
}

void
lp2p_limits_share_time (Lp2pLimits *self, gpointer connection, Lp2pLoop *share)
{
  const Counted *counted = g_hash_table_lookup (self->connections, connection);
  Peer *peer = ensure_peer (self, counted->peer);

  if (peer->share == NULL)
    peer->share = lp2p_loop_ref (share);
  else
    lp2p_loop_join (share, peer->share);
}

void
lp2p_limits_let_go (Lp2pLimits *self, gpointer connection)
{
  Counted *counted = g_hash_table_lookup (self->connections, connection);

  self->n_leaving += !counted->leaving;
  counted->leaving = TRUE;
}

void
lp2p_limits_remove_connection (Lp2pLimits *self, gpointer connection)
{
  const Counted *counted = g_hash_table_lookup (self->connections, connection);
  Peer *peer = ensure_peer (self, counted->peer);

  self->n_leaving -= counted->leaving;
  peer->n_connections--;
  change_streams (self, peer, -(int) counted->n_streams);
  if (peer->n_connections == 0)
    g_hash_table_remove (self->peers, peer->id);
  change_prefix (self, SCOPE_ADDRESS, counted->address, -1);
  change_prefix (self, SCOPE_SUBNET, counted->address, -1);
  g_hash_table_remove (self->connections, connection);
}

/* Streams */

gboolean
lp2p_limits_add_stream (Lp2pLimits *self, gpointer connection, GError **error)
{
  Counted *counted = g_hash_table_lookup (self->connections, connection);
  Peer *peer = ensure_peer (self, counted->peer);

  if (!check (self, self->n_streams, "max-streams", error) ||
      !check_peer (self, peer->n_streams, "max-streams-per-peer", peer->id, error))
    return FALSE;
  counted->n_streams++;
  change_streams (self, peer, 1);
  return TRUE;
}

void
lp2p_limits_remove_stream (Lp2pLimits *self, gpointer connection)
{
  Counted *counted = g_hash_table_lookup (self->connections, connection);

  counted->n_streams--;
  change_streams (self, ensure_peer (self, counted->peer), -1);
}
