/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "codec/lp2p-aead-private.h"

#include <lp2p/types/lp2p-cursor.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#define DECRYPT 0
#define ENCRYPT 1

/* Up to here, copying the pieces together and encrypting them in place is
 * cheaper than one call of libcrypto for each: a piece that ends inside a block
 * makes it go on byte by byte. Measured with tests/bench/bench-codec. */
#define GATHER_MAX 4096

static const struct
{
  const char *name;
  gsize key_size;
} ciphers[LP2P_AEAD_N] = {
  [LP2P_AEAD_AES_128_GCM] = { "AES-128-GCM", 16 },
  [LP2P_AEAD_AES_256_GCM] = { "AES-256-GCM", 32 },
  [LP2P_AEAD_CHACHA20_POLY1305] = { "ChaCha20-Poly1305", 32 },
};

/* A context of libcrypto takes about a kilobyte; so a connection keeps its keys
 * only, and every thread has a context for each cipher, with the key that was used
 * last. */
typedef struct
{
  EVP_CIPHER_CTX *context;
  guint8 key[LP2P_AEAD_KEY];
  gboolean keyed;
} Slot;

static void
slots_free (gpointer data)
{
  Slot *slots = data;

  /* libcrypto cleanses its keys. */
  for (guint i = 0; i < LP2P_AEAD_N; i++)
    EVP_CIPHER_CTX_free (slots[i].context);
  OPENSSL_cleanse (slots, LP2P_AEAD_N * sizeof *slots);
  g_free (slots);
}

static GPrivate thread_slots = G_PRIVATE_INIT (slots_free);

static EVP_CIPHER_CTX *
context_new (Lp2pAead aead)
{
  EVP_CIPHER *cipher = EVP_CIPHER_fetch (NULL, ciphers[aead].name, NULL);
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();

  if (cipher == NULL || context == NULL ||
      !EVP_CipherInit_ex (context, cipher, NULL, NULL, NULL, ENCRYPT))
    g_clear_pointer (&context, EVP_CIPHER_CTX_free);
  EVP_CIPHER_free (cipher);
  return context;
}

/* Made once per thread: a fetch takes a lock and a search. */
static Slot *
get_slot (Lp2pAead aead)
{
  Slot *slots = g_private_get (&thread_slots);

  if (slots == NULL)
    {
      slots = g_new0 (Slot, LP2P_AEAD_N);
      g_private_set (&thread_slots, slots);
    }
  if (slots[aead].context == NULL)
    slots[aead].context = context_new (aead);
  return &slots[aead];
}

/* Makes the context ready for a message. Setting a key that it has already would
 * cost a twentieth of the time that a record of 16 KiB takes. */
static EVP_CIPHER_CTX *
begin (Lp2pAead aead, const guint8 *key, const guint8 *nonce, int direction)
{
  Slot *slot = get_slot (aead);
  gboolean same = slot->keyed && CRYPTO_memcmp (slot->key, key, ciphers[aead].key_size) == 0;
  Lp2pCursor cursor = LP2P_CURSOR_INIT (key, ciphers[aead].key_size);

  if (slot->context == NULL ||
      !EVP_CipherInit_ex (slot->context, NULL, NULL, same ? NULL : key, nonce, direction))
    return NULL;
  if (!same)
    lp2p_cursor_copy (&cursor, slot->key, ciphers[aead].key_size);
  slot->keyed = TRUE;
  return slot->context;
}

gboolean
lp2p_aead_is_available (Lp2pAead aead)
{
  return get_slot (aead)->context != NULL;
}

gsize
lp2p_aead_get_key_size (Lp2pAead aead)
{
  return ciphers[aead].key_size;
}

/* A context may still have the key of the last message. */
void
lp2p_aead_forget_key (Lp2pAead aead)
{
  static const guint8 zeros[LP2P_AEAD_KEY];
  static const guint8 nonce[LP2P_AEAD_NONCE];

  begin (aead, zeros, nonce, ENCRYPT);
}

static gsize
get_total (const GOutputVector *in, guint n_in)
{
  gsize total = 0;

  for (guint i = 0; i < n_in; i++)
    total += in[i].size;
  return total;
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
encrypt (EVP_CIPHER_CTX *context, const GOutputVector *in, guint n_in, guint8 *out)
{
  int n;

  for (guint i = 0; i < n_in; i++)
    {
      /* libcrypto takes an empty update for the end. */
      if (in[i].size == 0)
        continue;
      if (!EVP_EncryptUpdate (context, out, &n, in[i].buffer, in[i].size))
        return FALSE;
      out += n;
    }
  return EVP_EncryptFinal_ex (context, out, &n) &&
         EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_GET_TAG, LP2P_AEAD_TAG, out + n);
}

/* Encrypts and authenticates the pieces of one message.
 *
 * @out: with room for their bytes and %LP2P_AEAD_TAG more; may be the buffer of a
 *   single piece, else must not overlap
 *
 * Returns: FALSE when libcrypto failed, which then has the reason in its queue */
gboolean
lp2p_aead_seal (Lp2pAead aead,
                const guint8 *key,
                const guint8 nonce[LP2P_AEAD_NONCE],
                const guint8 *ad,
                gsize ad_len,
                const GOutputVector *in,
                guint n_in,
                guint8 *out)
{
  EVP_CIPHER_CTX *context = begin (aead, key, nonce, ENCRYPT);
  GOutputVector gathered = { out, get_total (in, n_in) };
  int n;

  if (n_in > 1 && gathered.size <= GATHER_MAX)
    {
      gather (in, n_in, out);
      in = &gathered;
      n_in = 1;
    }
  return context != NULL &&
         (ad_len == 0 || EVP_EncryptUpdate (context, NULL, &n, ad, ad_len)) &&
         encrypt (context, in, n_in, out);
}

/* Verifies and decrypts one message of at least %LP2P_AEAD_TAG bytes.
 *
 * @out: with room for @len - %LP2P_AEAD_TAG bytes; may be @in, else must not
 *   overlap
 *
 * Returns: FALSE when it is not authentic; then @out holds nothing of use */
gboolean
lp2p_aead_open (Lp2pAead aead,
                const guint8 *key,
                const guint8 nonce[LP2P_AEAD_NONCE],
                const guint8 *ad,
                gsize ad_len,
                const guint8 *in,
                gsize len,
                guint8 *out)
{
  EVP_CIPHER_CTX *context;
  gsize size = len - LP2P_AEAD_TAG;
  int n;

  g_return_val_if_fail (len >= LP2P_AEAD_TAG, FALSE);

  context = begin (aead, key, nonce, DECRYPT);
  if (context != NULL &&
      EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_SET_TAG, LP2P_AEAD_TAG, (void *) (in + size)) &&
      (ad_len == 0 || EVP_DecryptUpdate (context, NULL, &n, ad, ad_len)) &&
      (size == 0 || EVP_DecryptUpdate (context, out, &n, in, size)) &&
      EVP_DecryptFinal_ex (context, out + size, &n))
    return TRUE;

  /* Nobody may look at bytes that the remote did not send. */
  OPENSSL_cleanse (out, size);
  ERR_clear_error ();
  return FALSE;
}
