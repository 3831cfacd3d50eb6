/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The Diffie-Hellman function of the Noise handshake. */

#include "codec/lp2p-noise-x25519-private.h"

#include "types/lp2p-i18n-private.h"

static gboolean
get_public (Lp2pNoiseKeyPair *self, GError **error)
{
  size_t len = sizeof self->public_key;

  if (self->key == NULL || !EVP_PKEY_get_raw_public_key (self->key, self->public_key, &len) ||
      len != sizeof self->public_key)
    {
      lp2p_noise_key_pair_clear (self);
      return lp2p_noise_set_crypto_error (error, _("cannot make an X25519 key"));
    }
  return TRUE;
}

gboolean
lp2p_noise_key_pair_generate (Lp2pNoiseKeyPair *self, GError **error)
{
  lp2p_noise_key_pair_clear (self);
  self->key = EVP_PKEY_Q_keygen (NULL, NULL, "X25519");
  return get_public (self, error);
}

gboolean
lp2p_noise_key_pair_load (Lp2pNoiseKeyPair *self,
                          const guint8 private_key[LP2P_NOISE_KEY],
                          GError **error)
{
  lp2p_noise_key_pair_clear (self);
  self->key = EVP_PKEY_new_raw_private_key (EVP_PKEY_X25519, NULL, private_key, LP2P_NOISE_KEY);
  return get_public (self, error);
}

/* The private half is in memory once, until the last of those that share it goes. */
void
lp2p_noise_key_pair_share (Lp2pNoiseKeyPair *self, const Lp2pNoiseKeyPair *other)
{
  lp2p_noise_key_pair_clear (self);
  EVP_PKEY_up_ref (other->key);
  *self = *other;
}

void
lp2p_noise_key_pair_clear (Lp2pNoiseKeyPair *self)
{
  /* libcrypto cleanses the private half. */
  g_clear_pointer (&self->key, EVP_PKEY_free);
}

/* Fails when the secret would be zero: the remote sent a point of small order. */
gboolean
lp2p_noise_key_pair_agree (const Lp2pNoiseKeyPair *self,
                           const guint8 remote_public[LP2P_NOISE_KEY],
                           guint8 secret[LP2P_NOISE_KEY],
                           GError **error)
{
  EVP_PKEY *remote;
  EVP_PKEY_CTX *ctx;
  size_t len = LP2P_NOISE_KEY;
  gboolean ok;

  remote = EVP_PKEY_new_raw_public_key (EVP_PKEY_X25519, NULL, remote_public, LP2P_NOISE_KEY);
  ctx = EVP_PKEY_CTX_new (self->key, NULL);
  ok = remote != NULL && ctx != NULL && EVP_PKEY_derive_init (ctx) > 0 &&
       EVP_PKEY_derive_set_peer_ex (ctx, remote, FALSE) > 0 &&
       EVP_PKEY_derive (ctx, secret, &len) > 0 && len == LP2P_NOISE_KEY;
  EVP_PKEY_CTX_free (ctx);
  EVP_PKEY_free (remote);

  return ok || lp2p_noise_set_crypto_error (error, _("no X25519 agreement with the remote key"));
}
