/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A UDP socket on which QUIC is spoken: whose is a packet? */

#include "lp2p-quic-private.h"

#include <glib/gi18n-lib.h>
#include <gnutls/crypto.h>
#include <string.h>

#define RESET_TOKEN_SIZE NGTCP2_STATELESS_RESET_TOKENLEN

/* A key of the tables, an id or a token. Peers choose what is in it, and must not be able
 * to make many fall together: it carries its hash, which only this endpoint can tell. */
typedef struct
{
  guint hash;
  ngtcp2_cid bytes;
} Key;

G_STATIC_ASSERT (RESET_TOKEN_SIZE <= NGTCP2_MAX_CIDLEN);

struct _Lp2pQuicResetToken
{
  Key key;
  Lp2pQuicConnection *connection;
  GList link; /* among those of the connection */
};

static Key
make_key (Lp2pQuicEndpoint *self, const guint8 *data, gsize size)
{
  Key key = { .hash = lp2p_quic_hash (self->hash_key, data, size) };

  ngtcp2_cid_init (&key.bytes, data, size);
  return key;
}

static guint
hash_key (gconstpointer key)
{
  return ((const Key *) key)->hash;
}

/* In a time that tells nothing of the bytes: some are secrets. */
static gboolean
equal_keys (gconstpointer a, gconstpointer b)
{
  const ngtcp2_cid *first = &((const Key *) a)->bytes;
  const ngtcp2_cid *second = &((const Key *) b)->bytes;

  return first->datalen == second->datalen && gnutls_memcmp (first->data, second->data, first->datalen) == 0;
}

void
lp2p_quic_endpoint_add_id (Lp2pQuicEndpoint *self, const ngtcp2_cid *cid, Lp2pQuicConnection *connection)
{
  Key key = make_key (self, cid->data, cid->datalen);

  g_hash_table_replace (self->ids, g_memdup2 (&key, sizeof key), connection);
}

void
lp2p_quic_endpoint_remove_id (Lp2pQuicEndpoint *self, const ngtcp2_cid *cid)
{
  Key key = make_key (self, cid->data, cid->datalen);

  g_hash_table_remove (self->ids, &key);
}

static void
reset_token_free (gpointer data)
{
  Lp2pQuicResetToken *self = data;

  g_queue_unlink (&self->connection->reset_tokens, &self->link);
  g_free (self);
}

void
lp2p_quic_endpoint_add_reset_token (Lp2pQuicEndpoint *self, const guint8 *token, Lp2pQuicConnection *connection)
{
  Lp2pQuicResetToken *added = g_new0 (Lp2pQuicResetToken, 1);

  added->key = make_key (self, token, RESET_TOKEN_SIZE);
  added->connection = connection;
  added->link.data = added;
  g_queue_push_tail_link (&connection->reset_tokens, &added->link);
  g_hash_table_replace (self->reset_tokens, &added->key, added);
}

void
lp2p_quic_endpoint_remove_reset_token (Lp2pQuicEndpoint *self, const guint8 *token, Lp2pQuicConnection *connection)
{
  Key key = make_key (self, token, RESET_TOKEN_SIZE);
  Lp2pQuicResetToken *found = g_hash_table_lookup (self->reset_tokens, &key);

  if (found != NULL && found->connection == connection)
    g_hash_table_remove (self->reset_tokens, &key);
}

void
lp2p_quic_endpoint_remove_reset_tokens (Lp2pQuicEndpoint *self, Lp2pQuicConnection *connection)
{
  Lp2pQuicResetToken *token;

  while ((token = g_queue_peek_head (&connection->reset_tokens)) != NULL)
    g_hash_table_remove (self->reset_tokens, &token->key);
}

Lp2pQuicListener *
lp2p_quic_endpoint_find_listener (Lp2pQuicEndpoint *self, const char *alpn, gsize size)
{
  for (guint i = 0; i < self->listeners->len; i++)
    {
      Lp2pQuicListener *listener = g_ptr_array_index (self->listeners, i);

      if (strlen (listener->protocol->alpn) == size && memcmp (listener->protocol->alpn, alpn, size) == 0)
        return listener;
    }
  return NULL;
}

gboolean
lp2p_quic_endpoint_has_listener (Lp2pQuicEndpoint *self, const Lp2pQuicProtocol *protocol)
{
  return lp2p_quic_endpoint_find_listener (self, protocol->alpn, strlen (protocol->alpn)) != NULL;
}

/* Receiving */

static Lp2pQuicConnection *
find_connection (Lp2pQuicEndpoint *self, const guint8 *data, gsize size)
{
  ngtcp2_version_cid part;
  int code = ngtcp2_pkt_decode_version_cid (&part, data, size, LP2P_QUIC_CID_SIZE);
  Key key;

  if ((code != 0 && code != NGTCP2_ERR_VERSION_NEGOTIATION) || part.dcidlen > NGTCP2_MAX_CIDLEN)
    return NULL;
  key = make_key (self, part.dcid, part.dcidlen);
  return g_hash_table_lookup (self->ids, &key);
}

/* A peer that has forgotten a connection answers with a packet that ends with the
 * token which it gave out before. */
static Lp2pQuicConnection *
find_by_reset_token (Lp2pQuicEndpoint *self, const guint8 *data, gsize size)
{
  Lp2pQuicResetToken *found;
  Key key;

  if ((data[0] & 0x80) != 0 || size < NGTCP2_MIN_STATELESS_RESET_RANDLEN + RESET_TOKEN_SIZE)
    return NULL;
  key = make_key (self, data + size - RESET_TOKEN_SIZE, RESET_TOKEN_SIZE);
  found = g_hash_table_lookup (self->reset_tokens, &key);
  return found != NULL ? found->connection : NULL;
}

static void
receive_packet (Lp2pQuicEndpoint *self, const Lp2pUdpDatagram *datagram, const guint8 *data, gsize size, gint64 now)
{
  const struct sockaddr *local = (const struct sockaddr *) datagram->local;
  const struct sockaddr *remote = (const struct sockaddr *) datagram->remote;
  Lp2pQuicConnection *connection = find_connection (self, data, size);
  ngtcp2_path path = {
    .local = { (struct sockaddr *) local, lp2p_quic_address_get_size (local) },
    .remote = { (struct sockaddr *) remote, lp2p_quic_address_get_size (remote) },
  };

  if (connection == NULL)
    connection = find_by_reset_token (self, data, size);
  if (connection != NULL)
    lp2p_quic_connection_read (connection, &path, datagram->ecn, data, size, now);
  else
    lp2p_quic_stateless_read (self, datagram, data, size, now);
}

static void
on_receive (Lp2pUdpSocket *socket, const Lp2pUdpDatagram *datagrams, guint n_datagrams, gint64 now, gpointer user_data)
{
  g_autoptr (Lp2pQuicEndpoint) self = lp2p_quic_endpoint_ref (user_data);

  for (guint i = 0; i < n_datagrams; i++)
    for (gsize start = 0; start < datagrams[i].size; start += datagrams[i].segment_size)
      receive_packet (self, &datagrams[i], datagrams[i].data + start,
                      MIN (datagrams[i].segment_size, datagrams[i].size - start), now);
}

static gboolean
on_owns_cid (Lp2pUdpSocket *socket, const guint8 *data, gsize size, gpointer user_data)
{
  return find_connection (user_data, data, size) != NULL;
}

static void
on_writable (Lp2pUdpSocket *socket, gpointer user_data)
{
  g_autoptr (Lp2pQuicEndpoint) self = lp2p_quic_endpoint_ref (user_data);
  guint n = self->blocked.length;

  while (n-- > 0 && self->blocked.length > 0)
    {
      Lp2pQuicConnection *connection = g_queue_pop_head_link (&self->blocked)->data;

      connection->blocked_link.data = NULL;
      lp2p_quic_output_unblocked (connection);
    }
}

/* Who has answered is believed more than the network, which anybody could be: only a
 * dial ends with it. */
static void
on_unreachable (Lp2pUdpSocket *socket, const struct sockaddr *remote, int code, gpointer user_data)
{
  g_autoptr (Lp2pQuicEndpoint) self = lp2p_quic_endpoint_ref (user_data);
  GList *next;

  for (GList *l = self->connections.head; l != NULL; l = next)
    {
      Lp2pQuicConnection *connection = l->data;

      next = l->next;
      if (!connection->server && connection->phase == LP2P_QUIC_HANDSHAKE && connection->bytes_read == 0 &&
          lp2p_quic_address_equal (connection->path.path.remote.addr, remote))
        lp2p_quic_connection_fail_silently (
            connection, g_error_new (G_IO_ERROR, g_io_error_from_errno (code), _("Cannot connect to %s: %s"),
                                     lp2p_multiaddr_get_string (connection->remote_address), g_strerror (code)));
    }
}

static void
on_addresses_changed (Lp2pUdpSocket *socket, gpointer user_data)
{
  Lp2pQuicEndpoint *self = user_data;

  for (guint i = 0; i < self->listeners->len; i++)
    {
      Lp2pQuicListener *listener = g_ptr_array_index (self->listeners, i);

      listener->addresses_changed = TRUE;
      lp2p_job_queue (&listener->job);
    }
  for (GList *l = self->connections.head; l != NULL; l = l->next)
    lp2p_quic_path_network_changed (l->data);
}

static void
on_closed (Lp2pUdpSocket *socket, const GError *error, gpointer user_data)
{
  g_autoptr (Lp2pQuicEndpoint) self = lp2p_quic_endpoint_ref (user_data);

  for (guint i = 0; i < self->listeners->len; i++)
    {
      Lp2pQuicListener *listener = g_ptr_array_index (self->listeners, i);

      if (listener->error == NULL)
        listener->error = g_error_copy (error);
      lp2p_job_queue (&listener->job);
    }
  for (GList *l = self->punches.head; l != NULL; l = l->next)
    lp2p_quic_punch_fail (l->data, g_error_copy (error));
  while (self->connections.length > 0)
    {
      g_autoptr (Lp2pQuicConnection) connection = lp2p_quic_connection_ref (g_queue_peek_head (&self->connections));

      lp2p_quic_connection_fail_silently (connection, g_error_copy (error));
      lp2p_quic_connection_leave (connection);
    }
}

static const Lp2pUdpReceiver receiver = {
  .receive = on_receive,
  .owns_cid = on_owns_cid,
  .writable = on_writable,
  .unreachable = on_unreachable,
  .addresses_changed = on_addresses_changed,
  .closed = on_closed,
};

/* A peer whose connection we forgot may be one that clears the fixed bit of all its
 * packets, half of which then look like STUN or DTLS: it is told of it where nobody
 * else wants them. */
static const Lp2pUdpReceiver stray_receiver = {
  .receive = on_receive,
};

/* From the private key, so that a host that was started anew can tell the peers of its
 * former life that their connections are gone. Each socket has one of its own: two
 * processes with one identity must not end each other's connections (RFC 9000 section
 * 21.11). */
static void
make_reset_secret (Lp2pQuicEndpoint *self)
{
  const char *id = lp2p_udp_socket_get_id (self->socket);
  g_autofree char *info = g_strconcat ("lp2p quic stateless reset ", id, NULL);
  g_autoptr (GBytes) key = lp2p_identity_to_bytes (lp2p_context_get_identity (self->engine->context), NULL);
  guint8 extracted[LP2P_QUIC_SECRET_SIZE];
  gnutls_datum_t salt = { (guint8 *) "lp2p", 4 };
  gnutls_datum_t secret = { extracted, sizeof extracted };
  gnutls_datum_t label = { (guint8 *) info, strlen (info) };
  gsize size = 0;
  gnutls_datum_t material = { key != NULL ? (guint8 *) g_bytes_get_data (key, &size) : NULL, 0 };

  material.size = size;
  if (key == NULL || gnutls_hkdf_extract (GNUTLS_MAC_SHA256, &material, &salt, extracted) < 0 ||
      gnutls_hkdf_expand (GNUTLS_MAC_SHA256, &secret, &label, self->reset_secret, sizeof self->reset_secret) < 0)
    lp2p_quic_random (self->reset_secret, sizeof self->reset_secret);
  gnutls_memset (extracted, 0, sizeof extracted);
}

/* Takes the socket. */
Lp2pQuicEndpoint *
lp2p_quic_endpoint_new (Lp2pQuicEngine *engine, Lp2pUdpSocket *socket)
{
  Lp2pQuicEndpoint *self = g_new0 (Lp2pQuicEndpoint, 1);

  self->refs = 1;
  self->engine = engine;
  self->socket = socket;
  make_reset_secret (self);
  self->listeners = g_ptr_array_new ();
  lp2p_quic_random (self->hash_key, sizeof self->hash_key);
  self->ids = g_hash_table_new_full (hash_key, equal_keys, g_free, NULL);
  self->reset_tokens = g_hash_table_new_full (hash_key, equal_keys, NULL, reset_token_free);
  self->user = lp2p_udp_socket_add_user (socket, LP2P_UDP_QUIC, 0, &receiver, self);
  self->stray_user = lp2p_udp_socket_add_user (socket, LP2P_UDP_STUN | LP2P_UDP_DTLS, G_MININT, &stray_receiver, self);
  return self;
}

Lp2pQuicEndpoint *
lp2p_quic_endpoint_ref (Lp2pQuicEndpoint *self)
{
  self->refs++;
  return self;
}

/* It stays while there are listeners or connections. */
void
lp2p_quic_endpoint_unref (Lp2pQuicEndpoint *self)
{
  if (--self->refs > 0)
    return;
  if (self->engine != NULL)
    lp2p_quic_engine_forget (self->engine, self);
  lp2p_udp_socket_remove_user (self->socket, self->user);
  lp2p_udp_socket_remove_user (self->socket, self->stray_user);
  lp2p_udp_socket_unref (self->socket);
  g_ptr_array_unref (self->listeners);
  g_hash_table_unref (self->ids);
  g_hash_table_unref (self->reset_tokens);
  gnutls_memset (self->reset_secret, 0, sizeof self->reset_secret);
  g_free (self);
}
