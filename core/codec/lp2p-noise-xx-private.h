/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/lp2p-noise-symmetric-private.h"
#include "codec/lp2p-noise-x25519-private.h"

G_BEGIN_DECLS

#define LP2P_NOISE_XX_MESSAGES 3

/* Noise_XX_25519_ChaChaPoly_SHA256 as the Noise Protocol Framework defines it,
 * with payloads that mean nothing here. */
typedef struct
{
  gboolean initiator;
  guint n_messages; /* written and read so far */
  Lp2pNoiseSymmetric symmetric;
  Lp2pNoiseKeyPair static_pair;
  Lp2pNoiseKeyPair ephemeral_pair;
  guint8 remote_static[LP2P_NOISE_KEY];
  guint8 remote_ephemeral[LP2P_NOISE_KEY];
} Lp2pNoiseXX;

gboolean lp2p_noise_xx_init (Lp2pNoiseXX *self,
                             gboolean initiator,
                             const guint8 *prologue,
                             gsize prologue_len,
                             const Lp2pNoiseKeyPair *static_pair,
                             GError **error);
void lp2p_noise_xx_clear (Lp2pNoiseXX *self);

gboolean lp2p_noise_xx_is_writer (const Lp2pNoiseXX *self);
gboolean lp2p_noise_xx_write (
    Lp2pNoiseXX *self, const guint8 *payload, gsize len, GByteArray *out, GError **error);
gboolean lp2p_noise_xx_read (
    Lp2pNoiseXX *self, const guint8 *message, gsize len, GByteArray *payload, GError **error);

G_END_DECLS
