/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * Lp2pNoiseStatic: (skip)
 *
 * A static Noise key and the signature with which an identity vouches for it. Many
 * handshakes may share one, so that none of them has to make a key and to sign it.
 * Sessions stay as secret as with keys of their own: what they encrypt with comes
 * from ephemeral keys too, and only the peer sees the static one.
 */

#include "codec/lp2p-noise-payload-private.h"
#include "codec/lp2p-noise-static-private.h"

/* Takes the key; one that could not be made has said so already. */
static Lp2pNoiseStatic *
take_pair (Lp2pIdentity *identity, const Lp2pNoiseKeyPair *pair, GError **error)
{
  g_autoptr (Lp2pNoiseStatic) self = g_new0 (Lp2pNoiseStatic, 1);

  g_atomic_ref_count_init (&self->refs);
  self->identity = g_object_ref (identity);
  self->pair = *pair;
  if (pair->key != NULL)
    self->signature = lp2p_noise_payload_sign (identity, pair->public_key, error);
  return self->signature != NULL ? g_steal_pointer (&self) : NULL;
}

Lp2pNoiseStatic *
lp2p_noise_static_load (Lp2pIdentity *identity,
                        const guint8 private_key[LP2P_NOISE_KEY],
                        GError **error)
{
  Lp2pNoiseKeyPair pair = { NULL };

  lp2p_noise_key_pair_load (&pair, private_key, error);
  return take_pair (identity, &pair, error);
}

/**
 * lp2p_noise_static_new: (skip)
 * @identity: who vouches for the key
 * @error: return location for an error
 *
 * Makes a key and signs it.
 *
 * Fails with %LP2P_CODEC_ERROR_NOISE if no key can be made, and with the errors of
 * [method@Lp2p.Identity.sign].
 *
 * Returns: (transfer full): a key, to be released with
 *   [func@Lp2p.noise_static_unref], or %NULL
 *
 * Since: 1.0
 */
Lp2pNoiseStatic *
lp2p_noise_static_new (Lp2pIdentity *identity, GError **error)
{
  Lp2pNoiseKeyPair pair = { NULL };

  g_return_val_if_fail (LP2P_IS_IDENTITY (identity), NULL);

  lp2p_noise_key_pair_generate (&pair, error);
  return take_pair (identity, &pair, error);
}

/**
 * lp2p_noise_static_ref: (skip)
 * @self: a key
 *
 * Returns: (transfer full): the key
 *
 * Since: 1.0
 */
Lp2pNoiseStatic *
lp2p_noise_static_ref (Lp2pNoiseStatic *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

/**
 * lp2p_noise_static_unref: (skip)
 * @self: (transfer full): a key
 *
 * Drops a reference. With the last one, and that of the last handshake, the key is
 * wiped.
 *
 * Since: 1.0
 */
void
lp2p_noise_static_unref (Lp2pNoiseStatic *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;

  lp2p_noise_key_pair_clear (&self->pair);
  g_clear_pointer (&self->signature, g_bytes_unref);
  g_object_unref (self->identity);
  g_free (self);
}

/**
 * lp2p_noise_static_get_identity: (skip)
 * @self: a key
 *
 * Returns: (transfer none): who vouches for it
 *
 * Since: 1.0
 */
Lp2pIdentity *
lp2p_noise_static_get_identity (Lp2pNoiseStatic *self)
{
  return self->identity;
}
