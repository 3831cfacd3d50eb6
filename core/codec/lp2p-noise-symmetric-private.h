/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/lp2p-noise-cipher-private.h"

G_BEGIN_DECLS

#define LP2P_NOISE_HASH 32

/* The SymmetricState object of the Noise Protocol Framework, for SHA-256 and
 * ChaCha20-Poly1305. Lives inside the handshake that owns it. */
typedef struct
{
  guint8 chaining_key[LP2P_NOISE_HASH];
  guint8 hash[LP2P_NOISE_HASH];
  Lp2pNoiseCipher *cipher; /* NULL until the first mix_key */
} Lp2pNoiseSymmetric;

void lp2p_noise_symmetric_init (Lp2pNoiseSymmetric *self, const char *protocol_name);
void lp2p_noise_symmetric_clear (Lp2pNoiseSymmetric *self);

gboolean lp2p_noise_symmetric_mix_hash (Lp2pNoiseSymmetric *self,
                                        const guint8 *data,
                                        gsize len,
                                        GError **error);
gboolean lp2p_noise_symmetric_mix_key (Lp2pNoiseSymmetric *self,
                                       const guint8 *input,
                                       gsize len,
                                       GError **error);
gboolean lp2p_noise_symmetric_encrypt_and_hash (
    Lp2pNoiseSymmetric *self, const guint8 *plain, gsize len, GByteArray *out, GError **error);
gboolean lp2p_noise_symmetric_decrypt_and_hash (
    Lp2pNoiseSymmetric *self, const guint8 *in, gsize len, GByteArray *out, GError **error);
gboolean lp2p_noise_symmetric_split (Lp2pNoiseSymmetric *self,
                                     Lp2pNoiseCipher **first,
                                     Lp2pNoiseCipher **second,
                                     GError **error);

G_END_DECLS
