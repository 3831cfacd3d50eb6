/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The ciphers that Noise and TLS make messages with, by libcrypto. */

#define LP2P_AEAD_KEY   32 /* the longest */
#define LP2P_AEAD_NONCE 12
#define LP2P_AEAD_TAG   16

typedef enum
{
  LP2P_AEAD_AES_128_GCM,
  LP2P_AEAD_AES_256_GCM,
  LP2P_AEAD_CHACHA20_POLY1305,
} Lp2pAead;
#define LP2P_AEAD_N 3

gboolean lp2p_aead_is_available (Lp2pAead aead);
gsize lp2p_aead_get_key_size (Lp2pAead aead);
void lp2p_aead_forget_key (Lp2pAead aead);

gboolean lp2p_aead_seal (Lp2pAead aead,
                         const guint8 *key,
                         const guint8 nonce[LP2P_AEAD_NONCE],
                         const guint8 *ad,
                         gsize ad_len,
                         const GOutputVector *in,
                         guint n_in,
                         guint8 *out);
gboolean lp2p_aead_open (Lp2pAead aead,
                         const guint8 *key,
                         const guint8 nonce[LP2P_AEAD_NONCE],
                         const guint8 *ad,
                         gsize ad_len,
                         const guint8 *in,
                         gsize len,
                         guint8 *out);

G_END_DECLS
