/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sessions that are resumed: with which keys a server seals its tickets, and what a
 * client keeps of the tickets that it is given. */

#include "lp2p-quic-private.h"

#include <gnutls/crypto.h>
#include <string.h>

/* Whose the entries about peers are. */
#define PLUGIN "quic-engine"

#define LABEL "lp2p-quic tickets"

/* The parameters of a peer take about a hundred bytes. */
#define MAX_PARAMS 512

/* Server */

struct _Lp2pQuicTicketKey
{
  gnutls_datum_t key;
  guint64 streams; /* what clients with tickets of this key count on at least */
  guint64 uni_streams;
  guint64 stream_window;
  guint64 window;
};

static void
ticket_key_free (gpointer data)
{
  Lp2pQuicTicketKey *self = data;

  gnutls_memset (self->key.data, 0, self->key.size);
  gnutls_free (self->key.data);
  g_free (self);
}

GHashTable *
lp2p_quic_ticket_keys_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, ticket_key_free);
}

/* A client that resumes goes by what it was allowed before: to allow less is an error
 * that ends the connection (RFC 9000 section 7.4.1). Tickets of another key are none. */
static gboolean
holds (const Lp2pQuicTicketKey *self, const ngtcp2_transport_params *params)
{
  return self->streams <= params->initial_max_streams_bidi && self->uni_streams <= params->initial_max_streams_uni &&
         self->stream_window <= params->initial_max_stream_data_bidi_remote && self->window <= params->initial_max_data;
}

/* Each protocol has a key of its own: else a ticket of one that asks clients for no
 * certificate would do for one that does. NULL if there can be none. */
const gnutls_datum_t *
lp2p_quic_ticket_keys_get (GHashTable *keys, const char *alpn, const ngtcp2_transport_params *params)
{
  Lp2pQuicTicketKey *key = g_hash_table_lookup (keys, alpn);

  if (key == NULL || !holds (key, params))
    {
      gnutls_datum_t made = { NULL, 0 };

      if (gnutls_session_ticket_key_generate (&made) < 0)
        return NULL;
      key = g_new0 (Lp2pQuicTicketKey, 1);
      key->key = made;
      g_hash_table_replace (keys, g_strdup (alpn), key);
    }
  key->streams = params->initial_max_streams_bidi;
  key->uni_streams = params->initial_max_streams_uni;
  key->stream_window = params->initial_max_stream_data_bidi_remote;
  key->window = params->initial_max_data;
  return &key->key;
}

/* Client */

/* Of the host's key, so that who starts again knows what it has kept, and nobody else
 * can make it read what they like. */
void
lp2p_quic_resumption_make_secret (Lp2pIdentity *identity, guint8 *secret)
{
  g_autoptr (GBytes) key = lp2p_identity_to_bytes (identity, NULL);
  gsize size = 0;
  gconstpointer data = key != NULL ? g_bytes_get_data (key, &size) : NULL;

  if (data == NULL || gnutls_hmac_fast (GNUTLS_MAC_SHA256, data, size, LABEL, strlen (LABEL), secret) < 0)
    lp2p_quic_random (secret, LP2P_QUIC_SECRET_SIZE);
}

Lp2pQuicTicketOwner
lp2p_quic_resumption_get_owner (Lp2pQuicConnection *self, Lp2pPeerId *peer)
{
  Lp2pQuicEngine *engine = self->endpoint->engine;
  Lp2pIdentity *identity = lp2p_context_get_identity (engine->context);

  return (Lp2pQuicTicketOwner){
    .own_peer = lp2p_peer_id_get_string (lp2p_identity_get_peer_id (identity)),
    .remote_peer = lp2p_peer_id_get_string (peer),
    .alpn = self->protocol->alpn,
    .secret = engine->kept_secret,
    .secret_size = sizeof engine->kept_secret,
  };
}

static char *
get_key (Lp2pQuicConnection *self)
{
  return g_strconcat ("ticket ", self->protocol->alpn, NULL);
}

/* It belongs to the file that the host's key may be in as well: whoever has it is us,
 * for the peer that gave it, as long as it holds. */
static void
keep (Lp2pQuicConnection *self, Lp2pPeerId *peer, const gnutls_datum_t *session, guint32 lifetime)
{
  Lp2pQuicTicketOwner owner = lp2p_quic_resumption_get_owner (self, peer);
  g_autofree char *key = get_key (self);
  const char *address = lp2p_multiaddr_get_string (self->remote_address);
  GBytes *public_key = lp2p_public_key_get_bytes (self->remote_key);
  g_autoptr (GBytes) entry = NULL;
  guint8 params[MAX_PARAMS];
  gnutls_datum_t parts[LP2P_QUIC_TICKET_N_PARTS];
  ngtcp2_ssize size = lp2p_quic_encode_early_params (self->conn, params, sizeof params);

  if (size <= 0)
    return;
  parts[LP2P_QUIC_TICKET_ADDRESS] = (gnutls_datum_t){ (guint8 *) address, strlen (address) };
  parts[LP2P_QUIC_TICKET_KEY] =
      (gnutls_datum_t){ (guint8 *) g_bytes_get_data (public_key, NULL), g_bytes_get_size (public_key) };
  parts[LP2P_QUIC_TICKET_PARAMS] = (gnutls_datum_t){ params, size };
  parts[LP2P_QUIC_TICKET_SESSION] = *session;
  entry = lp2p_quic_ticket_encode (&owner, parts);
  if (entry != NULL)
    lp2p_context_set_peer_data (self->endpoint->engine->context, peer, PLUGIN, key, entry, lifetime,
                                LP2P_PEER_DATA_SECRET | LP2P_PEER_DATA_PERSISTENT);
}

/* The peer gave us a ticket. The last one counts. */
void
lp2p_quic_resumption_keep (Lp2pQuicConnection *self)
{
  guint32 lifetime = self->ticket_lifetime;
  g_autoptr (Lp2pPeerId) peer = NULL;
  gnutls_datum_t session = { NULL, 0 };

  self->ticket_lifetime = 0;
  if (self->endpoint->engine == NULL || self->remote_key == NULL || self->phase != LP2P_QUIC_READY ||
      gnutls_session_get_data2 (self->tls, &session) < 0)
    return;
  peer = lp2p_peer_id_new_from_public_key (self->remote_key);
  keep (self, peer, &session, lifetime);
  gnutls_memset (session.data, 0, session.size);
  gnutls_free (session.data);
}

/* A ticket is used once, so that nobody who watches can tell that it is the same client
 * again (RFC 8446 appendix C.4), and one that does not work is not tried again. One that
 * is for another address stays: what is sent early should go where the peer was last. */
GBytes *
lp2p_quic_resumption_take_entry (Lp2pQuicConnection *self,
                                 const char *key,
                                 const Lp2pQuicTicketOwner *owner,
                                 Lp2pQuicTicket *ticket)
{
  Lp2pContext *context = self->endpoint->engine->context;
  g_autoptr (GBytes) entry = lp2p_context_get_peer_data (context, self->expected_peer, PLUGIN, key);
  gboolean good;
  gsize size;
  const guint8 *data;

  if (entry == NULL)
    return NULL;
  data = g_bytes_get_data (entry, &size);
  good = lp2p_quic_ticket_decode (data, size, ticket);
  if (good && !lp2p_quic_ticket_is_at (ticket, lp2p_multiaddr_get_string (self->remote_address)))
    return NULL;
  good = good && lp2p_quic_ticket_belongs_to (ticket, owner);
  lp2p_context_set_peer_data (context, self->expected_peer, PLUGIN, key, NULL, 0, LP2P_PEER_DATA_NONE);
  return good ? g_steal_pointer (&entry) : NULL;
}

GBytes *
lp2p_quic_resumption_take (Lp2pQuicConnection *self, Lp2pQuicTicket *ticket)
{
  Lp2pQuicTicketOwner owner = lp2p_quic_resumption_get_owner (self, self->expected_peer);
  g_autofree char *key = get_key (self);

  return lp2p_quic_resumption_take_entry (self, key, &owner, ticket);
}
