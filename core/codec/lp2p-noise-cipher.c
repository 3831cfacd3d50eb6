/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * Lp2pNoiseCipher: (skip)
 *
 * One direction of an established Noise session: ChaCha20-Poly1305 with a
 * counter. Messages must be opened in the order in which they were sealed.
 *
 * The two-byte length prefix of a frame is the caller's.
 *
 * See "The CipherState object" of the Noise Protocol Framework.
 */

#include "codec/lp2p-aead-private.h"
#include "codec/lp2p-noise-cipher-private.h"
#include "types/lp2p-crypto-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/types/lp2p-cursor.h>

#include <inttypes.h>
#include <openssl/crypto.h>

struct _Lp2pNoiseCipher
{
  guint8 key[LP2P_NOISE_KEY];
  guint64 nonce;
};

/* Reports what libcrypto has in its error queue, and empties it.
 *
 * Returns: FALSE, so that a caller may return it */
gboolean
lp2p_noise_set_crypto_error (GError **error, const char *what)
{
  /* Translators: what cannot be done, and why */
  g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE, _("Noise: %s: %s"), what, lp2p_crypto_take_error ());
  return FALSE;
}

Lp2pNoiseCipher *
lp2p_noise_cipher_new (const guint8 key[LP2P_NOISE_KEY], GError **error)
{
  Lp2pNoiseCipher *self;

  if (!lp2p_aead_is_available (LP2P_AEAD_CHACHA20_POLY1305))
    {
      lp2p_noise_set_crypto_error (error, _("cannot set up ChaCha20-Poly1305"));
      return NULL;
    }
  self = g_new0 (Lp2pNoiseCipher, 1);
  lp2p_noise_cipher_set_key (self, key);
  return self;
}

/* Also starts the counter again. */
void
lp2p_noise_cipher_set_key (Lp2pNoiseCipher *self, const guint8 key[LP2P_NOISE_KEY])
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (key, LP2P_NOISE_KEY);

  self->nonce = 0;
  lp2p_cursor_copy (&cursor, self->key, LP2P_NOISE_KEY);
}

void
lp2p_noise_cipher_set_nonce (Lp2pNoiseCipher *self, guint64 nonce)
{
  self->nonce = nonce;
}

/**
 * lp2p_noise_cipher_free: (skip)
 * @self: (transfer full) (nullable): a cipher
 *
 * Wipes the key and frees the cipher.
 *
 * Since: 1.0
 */
void
lp2p_noise_cipher_free (Lp2pNoiseCipher *self)
{
  if (self == NULL)
    return;

  OPENSSL_cleanse (self, sizeof *self);
  lp2p_aead_forget_key (LP2P_AEAD_CHACHA20_POLY1305);
  g_free (self);
}

/* Four zero bytes, then the counter. */
static gboolean
get_nonce (Lp2pNoiseCipher *self, guint32 nonce[LP2P_AEAD_NONCE / 4], GError **error)
{
  nonce[0] = 0;
  nonce[1] = GUINT32_TO_LE ((guint32) self->nonce);
  nonce[2] = GUINT32_TO_LE ((guint32) (self->nonce >> 32));

  /* The last value is reserved, and one more would use a nonce again. */
  if (self->nonce < G_MAXUINT64)
    return TRUE;
  g_set_error_literal (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE,
                       _("Noise: the message counter is exhausted"));
  return FALSE;
}

static gboolean
get_total (const GOutputVector *in, guint n_in, gsize *total, GError **error)
{
  *total = 0;
  for (guint i = 0; i < n_in; i++)
    if (!g_size_checked_add (total, *total, in[i].size))
      *total = G_MAXSIZE / 2;

  if (*total <= LP2P_NOISE_MAX_FRAME - LP2P_NOISE_TAG)
    return TRUE;
  g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_TOO_LARGE,
               _("Noise: too many bytes for one message, the limit is %u"),
               LP2P_NOISE_MAX_FRAME - LP2P_NOISE_TAG);
  return FALSE;
}

gboolean
lp2p_noise_cipher_seal_with_ad (Lp2pNoiseCipher *self,
                                const guint8 *ad,
                                gsize ad_len,
                                const GOutputVector *in,
                                guint n_in,
                                guint8 *out,
                                GError **error)
{
  guint32 nonce[LP2P_AEAD_NONCE / 4];
  gsize total;

  if (!get_total (in, n_in, &total, error) || !get_nonce (self, nonce, error))
    return FALSE;
  if (!lp2p_aead_seal (LP2P_AEAD_CHACHA20_POLY1305, self->key, (const guint8 *) nonce, ad, ad_len,
                       in, n_in, out))
    return lp2p_noise_set_crypto_error (error, _("cannot encrypt"));

  self->nonce++;
  return TRUE;
}

gboolean
lp2p_noise_cipher_open_with_ad (Lp2pNoiseCipher *self,
                                const guint8 *ad,
                                gsize ad_len,
                                const guint8 *in,
                                gsize len,
                                guint8 *out,
                                GError **error)
{
  guint32 nonce[LP2P_AEAD_NONCE / 4];

  if (len < LP2P_NOISE_TAG || len > LP2P_NOISE_MAX_FRAME)
    {
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE,
                   _("Noise: a message of %zu bytes, expected %u to %u"), len,
                   LP2P_NOISE_TAG, LP2P_NOISE_MAX_FRAME);
      return FALSE;
    }
  if (!get_nonce (self, nonce, error))
    return FALSE;
  if (!lp2p_aead_open (LP2P_AEAD_CHACHA20_POLY1305, self->key, (const guint8 *) nonce, ad, ad_len,
                       in, len, out))
    {
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE,
                   _("Noise: message %" PRIu64 " of %zu bytes fails authentication"),
                   self->nonce, len);
      return FALSE;
    }

  self->nonce++;
  return TRUE;
}

/**
 * lp2p_noise_cipher_seal: (skip)
 * @self: the cipher that [func@Lp2p.noise_split] gave for sending
 * @in: (array length=n_in): the plaintext in pieces, together at most
 *   %LP2P_NOISE_MAX_FRAME - %LP2P_NOISE_TAG bytes
 * @n_in: how many pieces
 * @out: where the message goes, with room for the length of the plaintext and
 *   %LP2P_NOISE_TAG bytes more; may be the buffer of a single piece, else must
 *   not overlap
 * @error: return location for an error
 *
 * Encrypts and authenticates one message. A plaintext of no bytes is allowed.
 *
 * Fails with %LP2P_CODEC_ERROR_TOO_LARGE, or with %LP2P_CODEC_ERROR_NOISE when
 * 2⁶⁴ - 1 messages were sealed; then the session must end.
 *
 * Returns: %TRUE on success
 *
 * Since: 1.0
 */
gboolean
lp2p_noise_cipher_seal (
    Lp2pNoiseCipher *self, const GOutputVector *in, guint n_in, guint8 *out, GError **error)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (in != NULL || n_in == 0, FALSE);
  g_return_val_if_fail (out != NULL, FALSE);

  return lp2p_noise_cipher_seal_with_ad (self, NULL, 0, in, n_in, out, error);
}

/**
 * lp2p_noise_cipher_open: (skip)
 * @self: the cipher that [func@Lp2p.noise_split] gave for receiving
 * @in: (array length=len): one message, without its length prefix
 * @len: its length
 * @out: where the plaintext goes, with room for @len - %LP2P_NOISE_TAG bytes;
 *   may be @in, else must not overlap
 * @error: return location for an error
 *
 * Verifies and decrypts one message. After a failure @out holds nothing of use
 * and the session must end: what follows cannot be trusted.
 *
 * Fails with %LP2P_CODEC_ERROR_NOISE.
 *
 * Returns: %TRUE on success
 *
 * Since: 1.0
 */
gboolean
lp2p_noise_cipher_open (
    Lp2pNoiseCipher *self, const guint8 *in, gsize len, guint8 *out, GError **error)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (in != NULL || len == 0, FALSE);
  g_return_val_if_fail (out != NULL, FALSE);

  return lp2p_noise_cipher_open_with_ad (self, NULL, 0, in, len, out, error);
}
