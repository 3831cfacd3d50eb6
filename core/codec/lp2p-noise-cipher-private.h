/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/codec/lp2p-noise-cipher.h>

G_BEGIN_DECLS

#define LP2P_NOISE_KEY 32

Lp2pNoiseCipher *lp2p_noise_cipher_new (const guint8 key[LP2P_NOISE_KEY], GError **error);
void lp2p_noise_cipher_set_key (Lp2pNoiseCipher *self, const guint8 key[LP2P_NOISE_KEY]);
void lp2p_noise_cipher_set_nonce (Lp2pNoiseCipher *self, guint64 nonce);

gboolean lp2p_noise_cipher_seal_with_ad (Lp2pNoiseCipher *self,
                                         const guint8 *ad,
                                         gsize ad_len,
                                         const GOutputVector *in,
                                         guint n_in,
                                         guint8 *out,
                                         GError **error);
gboolean lp2p_noise_cipher_open_with_ad (Lp2pNoiseCipher *self,
                                         const guint8 *ad,
                                         gsize ad_len,
                                         const guint8 *in,
                                         gsize len,
                                         guint8 *out,
                                         GError **error);

gboolean lp2p_noise_set_crypto_error (GError **error, const char *what);

G_END_DECLS
