/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tokens with which a client proves next time that it is where its packets come from
 * (RFC 9000 section 8.1.3): a server under load so saves it the round trip of a retry. */

#include "lp2p-quic-private.h"

#include <gnutls/crypto.h>
#include <string.h>

/* How long one holds, and a secret is the one for new ones. */
#define LIFETIME_US (24 * 3600 * (gint64) G_USEC_PER_SEC)

/* What peers give us. Longer ones would not leave much of a first packet. */
#define MAX_TOKEN 512

/* Of a connection: each is kept on disk. */
#define MAX_TOKENS 8

#define PLUGIN "quic-engine"

/* Server */

typedef struct
{
  guint8 bytes[LP2P_QUIC_SECRET_SIZE];
} Secret;

struct _Lp2pQuicTokens
{
  Secret secret;
  Secret former_secret;
  gint64 renew_at;
  Lp2pQuicSeen *used;
};

static void
begin (Lp2pQuicTokens *self)
{
  self->used = lp2p_quic_seen_new ();
  lp2p_quic_random (self->secret.bytes, sizeof self->secret.bytes);
  lp2p_quic_random (self->former_secret.bytes, sizeof self->former_secret.bytes);
}

/* None that was given holds any more, so that those that were used may be forgotten. */
static void
begin_anew (Lp2pQuicTokens *self)
{
  lp2p_quic_seen_free (self->used);
  begin (self);
}

Lp2pQuicTokens *
lp2p_quic_tokens_new (void)
{
  Lp2pQuicTokens *self = g_new0 (Lp2pQuicTokens, 1);

  begin (self);
  return self;
}

void
lp2p_quic_tokens_free (Lp2pQuicTokens *self)
{
  lp2p_quic_seen_free (self->used);
  gnutls_memset (&self->secret, 0, sizeof self->secret);
  gnutls_memset (&self->former_secret, 0, sizeof self->former_secret);
  g_free (self);
}

/* What the former secret sealed has expired when the next one comes. */
static void
renew (Lp2pQuicTokens *self, gint64 now)
{
  if (self->renew_at > 0 && now >= self->renew_at)
    {
      self->former_secret = self->secret;
      lp2p_quic_random (self->secret.bytes, sizeof self->secret.bytes);
    }
  if (now >= self->renew_at)
    self->renew_at = now + LIFETIME_US;
}

/* @token: room for NGTCP2_CRYPTO_MAX_REGULAR_TOKENLEN bytes
 *
 * Returns: how many it has, or less than 0 */
ngtcp2_ssize
lp2p_quic_tokens_make (Lp2pQuicTokens *self, const struct sockaddr *remote, gint64 now, guint8 *token)
{
  renew (self, now);
  return ngtcp2_crypto_generate_regular_token (token, self->secret.bytes, sizeof self->secret.bytes, remote,
                                               lp2p_quic_address_get_size (remote), LP2P_QUIC_TIME (now));
}

/* To a client that has just shown that it is where packets go: at the end of the handshake,
 * and where it has moved to another host. What it does not acknowledge is kept for it: one
 * that moves for ever gets no more. */
void
lp2p_quic_token_give (Lp2pQuicConnection *self)
{
  Lp2pQuicEngine *engine = self->endpoint->engine;
  guint8 token[NGTCP2_CRYPTO_MAX_REGULAR_TOKENLEN];
  ngtcp2_ssize size;

  if (engine == NULL || self->n_tokens >= MAX_TOKENS)
    return;
  self->n_tokens++;
  size = lp2p_quic_tokens_make (engine->tokens, ngtcp2_conn_get_path (self->conn)->remote.addr,
                                lp2p_loop_now (self->loop), token);
  if (size > 0)
    ngtcp2_conn_submit_new_token (self->conn, token, size);
}

static gboolean
is_sealed_with (const Secret *secret, const guint8 *token, gsize size, const struct sockaddr *remote, gint64 now)
{
  return ngtcp2_crypto_verify_regular_token (token, size, secret->bytes, sizeof secret->bytes, remote,
                                             lp2p_quic_address_get_size (remote), LP2P_QUIC_TIME (LIFETIME_US),
                                             LP2P_QUIC_TIME (now)) == 0;
}

/* Whether it is one of ours for that address. Each is good once, so that somebody who has
 * seen it gains nothing by showing it again. Somebody who uses up many must not keep those
 * of others from being good for as long as his are remembered. */
gboolean
lp2p_quic_tokens_take (Lp2pQuicTokens *self, const guint8 *token, gsize size, const struct sockaddr *remote, gint64 now)
{
  renew (self, now);
  if (!is_sealed_with (&self->secret, token, size, remote, now) &&
      !is_sealed_with (&self->former_secret, token, size, remote, now))
    return FALSE;
  if (!lp2p_quic_seen_add (self->used, token, size, now, now + LIFETIME_US))
    return FALSE;
  if (lp2p_quic_seen_is_full (self->used))
    begin_anew (self);
  return TRUE;
}

/* Client
 *
 * It is kept as a ticket is: marked, for us and for the peer, where that was. */

static Lp2pQuicTicketOwner
get_owner (Lp2pQuicConnection *self, Lp2pPeerId *peer)
{
  Lp2pQuicTicketOwner owner = lp2p_quic_resumption_get_owner (self, peer);

  owner.kind = "token";
  return owner;
}

static char *
get_key (Lp2pQuicConnection *self)
{
  return g_strconcat ("token ", self->protocol->alpn, NULL);
}

/* From the callback of ngtcp2: the last one counts, of those that are looked at. */
void
lp2p_quic_token_received (Lp2pQuicConnection *self, const guint8 *token, gsize size)
{
  if (self->n_tokens >= MAX_TOKENS)
    return;
  self->n_tokens++;
  g_clear_pointer (&self->token, g_bytes_unref);
  if (size <= MAX_TOKEN)
    self->token = g_bytes_new (token, size);
}

void
lp2p_quic_token_keep (Lp2pQuicConnection *self)
{
  g_autoptr (GBytes) token = g_steal_pointer (&self->token);
  const char *address = lp2p_multiaddr_get_string (self->remote_address);
  gnutls_datum_t parts[LP2P_QUIC_TICKET_N_PARTS] = { 0 };
  g_autoptr (Lp2pPeerId) peer = NULL;
  g_autofree char *key = get_key (self);
  Lp2pQuicTicketOwner owner;
  g_autoptr (GBytes) entry = NULL;

  if (self->endpoint->engine == NULL || self->remote_key == NULL || self->phase != LP2P_QUIC_READY)
    return;
  peer = lp2p_peer_id_new_from_public_key (self->remote_key);
  owner = get_owner (self, peer);
  parts[LP2P_QUIC_TICKET_ADDRESS] = (gnutls_datum_t){ (guint8 *) address, strlen (address) };
  parts[LP2P_QUIC_TICKET_SESSION] =
      (gnutls_datum_t){ (guint8 *) g_bytes_get_data (token, NULL), g_bytes_get_size (token) };
  entry = lp2p_quic_ticket_encode (&owner, parts);
  if (entry != NULL)
    lp2p_context_set_peer_data (self->endpoint->engine->context, peer, PLUGIN, key, entry, LIFETIME_US / G_USEC_PER_SEC,
                                LP2P_PEER_DATA_SECRET | LP2P_PEER_DATA_PERSISTENT);
}

/* @token: where to put it, within what is returned, which may be NULL */
GBytes *
lp2p_quic_token_take (Lp2pQuicConnection *self, gnutls_datum_t *token)
{
  g_autofree char *key = get_key (self);
  Lp2pQuicTicketOwner owner;
  Lp2pQuicTicket ticket;
  g_autoptr (GBytes) entry = NULL;

  if (self->expected_peer == NULL)
    return NULL;
  owner = get_owner (self, self->expected_peer);
  entry = lp2p_quic_resumption_take_entry (self, key, &owner, &ticket);
  if (entry != NULL)
    *token = ticket.parts[LP2P_QUIC_TICKET_SESSION];
  return g_steal_pointer (&entry);
}
