/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/lp2p-noise-cipher-private.h"

#include <openssl/evp.h>

G_BEGIN_DECLS

typedef struct
{
  EVP_PKEY *key;
  guint8 public_key[LP2P_NOISE_KEY];
} Lp2pNoiseKeyPair;

gboolean lp2p_noise_key_pair_generate (Lp2pNoiseKeyPair *self, GError **error);
gboolean lp2p_noise_key_pair_load (Lp2pNoiseKeyPair *self,
                                   const guint8 private_key[LP2P_NOISE_KEY],
                                   GError **error);
void lp2p_noise_key_pair_share (Lp2pNoiseKeyPair *self, const Lp2pNoiseKeyPair *other);
void lp2p_noise_key_pair_clear (Lp2pNoiseKeyPair *self);

gboolean lp2p_noise_key_pair_agree (const Lp2pNoiseKeyPair *self,
                                    const guint8 remote_public[LP2P_NOISE_KEY],
                                    guint8 secret[LP2P_NOISE_KEY],
                                    GError **error);

G_END_DECLS
