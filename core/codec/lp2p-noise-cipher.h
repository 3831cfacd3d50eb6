/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/codec/lp2p-codec-error.h>

G_BEGIN_DECLS

/**
 * LP2P_NOISE_MAX_FRAME:
 *
 * The most bytes a Noise message may have, authentication tag included; the
 * two bytes of its length prefix do not count.
 *
 * Since: 1.0
 */
#define LP2P_NOISE_MAX_FRAME 65535

/**
 * LP2P_NOISE_TAG:
 *
 * How many bytes longer a sealed message is than its plaintext.
 *
 * Since: 1.0
 */
#define LP2P_NOISE_TAG 16

typedef struct _Lp2pNoiseCipher Lp2pNoiseCipher;

LP2P_AVAILABLE_IN_1_0
gboolean lp2p_noise_cipher_seal (Lp2pNoiseCipher *self,
                                 const GOutputVector *in,
                                 guint n_in,
                                 guint8 *out,
                                 GError **error);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_noise_cipher_open (
    Lp2pNoiseCipher *self, const guint8 *in, gsize len, guint8 *out, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_noise_cipher_free (Lp2pNoiseCipher *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pNoiseCipher, lp2p_noise_cipher_free)

G_END_DECLS
