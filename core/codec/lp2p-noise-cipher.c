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

#include "codec/lp2p-noise-cipher-private.h"

#include <lp2p/types/lp2p-cursor.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#define DECRYPT 0
#define ENCRYPT 1

/* Up to here, copying the pieces together and encrypting them in place is
 * cheaper than one call of libcrypto for each: a piece that ends inside a block
 * makes it go on byte by byte. Measured with tests/bench/bench-codec. */
#define GATHER_MAX 4096

/* A context of libcrypto takes about a kilobyte and is set up for each message
 * anyway; so a cipher keeps its key only, and every thread has one context. */
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
  unsigned long code = ERR_peek_error ();
  const char *reason = code != 0 ? ERR_reason_error_string (code) : NULL;

  g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE, "Noise: %s: %s", what,
               reason != NULL ? reason : "libcrypto failed");
  ERR_clear_error ();
  return FALSE;
}

/* Fetched once per process: a fetch takes a lock and a search. */
static const EVP_CIPHER *
get_algorithm (void)
{
  static gsize fetched = 0;

  if (g_once_init_enter (&fetched))
    g_once_init_leave (&fetched, (gsize) EVP_CIPHER_fetch (NULL, "ChaCha20-Poly1305", NULL));
  return (const EVP_CIPHER *) fetched;
}

static void
context_free (gpointer context)
{
  /* libcrypto cleanses the key that was used last. */
  EVP_CIPHER_CTX_free (context);
}

static GPrivate thread_context = G_PRIVATE_INIT (context_free);

static EVP_CIPHER_CTX *
get_context (void)
{
  EVP_CIPHER_CTX *context = g_private_get (&thread_context);

  if (context != NULL)
    return context;

  context = EVP_CIPHER_CTX_new ();
  if (context != NULL && EVP_CipherInit_ex (context, get_algorithm (), NULL, NULL, NULL, ENCRYPT))
    {
      g_private_set (&thread_context, context);
      return context;
    }
  EVP_CIPHER_CTX_free (context);
  return NULL;
}

/* The context still has the key of the last message. */
static void
forget_key (void)
{
  static const guint8 zeros[LP2P_NOISE_KEY];
  EVP_CIPHER_CTX *context = g_private_get (&thread_context);

  if (context != NULL)
    EVP_CipherInit_ex (context, NULL, NULL, zeros, NULL, ENCRYPT);
}

Lp2pNoiseCipher *
lp2p_noise_cipher_new (const guint8 key[LP2P_NOISE_KEY], GError **error)
{
  Lp2pNoiseCipher *self;

  if (get_context () == NULL)
    {
      lp2p_noise_set_crypto_error (error, "cannot set up ChaCha20-Poly1305");
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
  forget_key ();
  g_free (self);
}

/* Returns: the context, ready for the next message, or %NULL */
static EVP_CIPHER_CTX *
begin (Lp2pNoiseCipher *self, int direction, GError **error)
{
  EVP_CIPHER_CTX *context = get_context ();
  /* Four zero bytes, then the counter. */
  const guint32 nonce[] = {
    0,
    GUINT32_TO_LE ((guint32) self->nonce),
    GUINT32_TO_LE ((guint32) (self->nonce >> 32)),
  };

  /* The last value is reserved, and one more would use a nonce again. */
  if (self->nonce == G_MAXUINT64)
    {
      g_set_error_literal (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE,
                           "Noise: the message counter is exhausted");
      return NULL;
    }

  if (context == NULL ||
      !EVP_CipherInit_ex (context, NULL, NULL, self->key, (const guint8 *) nonce, direction))
    {
      lp2p_noise_set_crypto_error (error, "cannot set key and nonce");
      return NULL;
    }
  return context;
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
               "Noise: too many bytes for one message, the limit is %u",
               LP2P_NOISE_MAX_FRAME - LP2P_NOISE_TAG);
  return FALSE;
}

static void
gather (const GOutputVector *in, guint n_in, guint8 *out)
{
  for (guint i = 0; i < n_in; i++)
    {
      Lp2pCursor piece = LP2P_CURSOR_INIT (in[i].buffer, in[i].size);

      lp2p_cursor_copy (&piece, out, in[i].size);
      out += in[i].size;
    }
}

static gboolean
encrypt (EVP_CIPHER_CTX *ctx, const GOutputVector *in, guint n_in, guint8 *out)
{
  int n;

  for (guint i = 0; i < n_in; i++)
    {
      /* libcrypto takes an empty update for the end. */
      if (in[i].size == 0)
        continue;
      if (!EVP_EncryptUpdate (ctx, out, &n, in[i].buffer, in[i].size))
        return FALSE;
      out += n;
    }
  return EVP_EncryptFinal_ex (ctx, out, &n) &&
         EVP_CIPHER_CTX_ctrl (ctx, EVP_CTRL_AEAD_GET_TAG, LP2P_NOISE_TAG, out + n);
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
  EVP_CIPHER_CTX *context;
  GOutputVector gathered;
  gsize total;
  int n;

  if (!get_total (in, n_in, &total, error))
    return FALSE;
  context = begin (self, ENCRYPT, error);
  if (context == NULL)
    return FALSE;

  if (n_in > 1 && total <= GATHER_MAX)
    {
      gather (in, n_in, out);
      gathered = (GOutputVector){ out, total };
      in = &gathered;
      n_in = 1;
    }
  if ((ad_len > 0 && !EVP_EncryptUpdate (context, NULL, &n, ad, ad_len)) ||
      !encrypt (context, in, n_in, out))
    return lp2p_noise_set_crypto_error (error, "cannot encrypt");

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
  EVP_CIPHER_CTX *context;
  gsize plain_len;
  int n;

  if (len < LP2P_NOISE_TAG || len > LP2P_NOISE_MAX_FRAME)
    {
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE,
                   "Noise: a message of %" G_GSIZE_FORMAT " bytes, expected %u to %u", len,
                   LP2P_NOISE_TAG, LP2P_NOISE_MAX_FRAME);
      return FALSE;
    }
  plain_len = len - LP2P_NOISE_TAG;

  context = begin (self, DECRYPT, error);
  if (context == NULL)
    return FALSE;
  if (!EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_SET_TAG, LP2P_NOISE_TAG,
                            (void *) (in + plain_len)) ||
      (ad_len > 0 && !EVP_DecryptUpdate (context, NULL, &n, ad, ad_len)) ||
      (plain_len > 0 && !EVP_DecryptUpdate (context, out, &n, in, plain_len)))
    return lp2p_noise_set_crypto_error (error, "cannot decrypt");

  if (!EVP_DecryptFinal_ex (context, out + plain_len, &n))
    {
      /* Nobody may look at bytes that the remote did not send. */
      OPENSSL_cleanse (out, plain_len);
      ERR_clear_error ();
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE,
                   "Noise: message %" G_GUINT64_FORMAT " of %" G_GSIZE_FORMAT
                   " bytes fails authentication",
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
