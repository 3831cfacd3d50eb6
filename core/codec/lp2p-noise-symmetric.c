/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The running hash and keys of a Noise handshake. */

#include "codec/lp2p-noise-symmetric-private.h"

#include "types/lp2p-i18n-private.h"

#include <lp2p/types/lp2p-cursor.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <string.h>

static const EVP_MD *
get_digest (void)
{
  static gsize fetched = 0;

  if (g_once_init_enter (&fetched))
    g_once_init_leave (&fetched, (gsize) EVP_MD_fetch (NULL, "SHA256", NULL));
  return (const EVP_MD *) fetched;
}

static EVP_KDF *
get_hkdf (void)
{
  static gsize fetched = 0;

  if (g_once_init_enter (&fetched))
    g_once_init_leave (&fetched, (gsize) EVP_KDF_fetch (NULL, "HKDF", NULL));
  return (EVP_KDF *) fetched;
}

static void
copy_key (guint8 dest[LP2P_NOISE_HASH], const guint8 *src)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (src, LP2P_NOISE_HASH);

  lp2p_cursor_copy (&cursor, dest, LP2P_NOISE_HASH);
}

/* @protocol_name: at most 32 bytes; such a name is not hashed, but padded. */
void
lp2p_noise_symmetric_init (Lp2pNoiseSymmetric *self, const char *protocol_name)
{
  Lp2pCursor name = LP2P_CURSOR_INIT (protocol_name, strlen (protocol_name));

  *self = (Lp2pNoiseSymmetric) { 0 };
  lp2p_cursor_copy (&name, self->hash, name.left);
  copy_key (self->chaining_key, self->hash);
}

void
lp2p_noise_symmetric_clear (Lp2pNoiseSymmetric *self)
{
  g_clear_pointer (&self->cipher, lp2p_noise_cipher_free);
  OPENSSL_cleanse (self, sizeof *self);
}

gboolean
lp2p_noise_symmetric_mix_hash (Lp2pNoiseSymmetric *self,
                               const guint8 *data,
                               gsize len,
                               GError **error)
{
  EVP_MD_CTX *ctx = EVP_MD_CTX_new ();
  gboolean ok;

  ok = ctx != NULL && EVP_DigestInit_ex (ctx, get_digest (), NULL) &&
       EVP_DigestUpdate (ctx, self->hash, sizeof self->hash) &&
       EVP_DigestUpdate (ctx, data, len) && EVP_DigestFinal_ex (ctx, self->hash, NULL);
  EVP_MD_CTX_free (ctx);

  return ok || lp2p_noise_set_crypto_error (error, _("cannot hash"));
}

/* Noise's HKDF with two outputs is RFC 5869's with the chaining key as salt,
 * no info and 64 bytes of output. */
static gboolean
derive (Lp2pNoiseSymmetric *self,
        const guint8 *input,
        gsize len,
        guint8 out[2 * LP2P_NOISE_HASH],
        GError **error)
{
  EVP_KDF_CTX *ctx = EVP_KDF_CTX_new (get_hkdf ());
  OSSL_PARAM params[] = {
    OSSL_PARAM_construct_utf8_string (OSSL_KDF_PARAM_DIGEST, (char *) "SHA256", 0),
    OSSL_PARAM_construct_octet_string (OSSL_KDF_PARAM_SALT, self->chaining_key,
                                       sizeof self->chaining_key),
    OSSL_PARAM_construct_octet_string (OSSL_KDF_PARAM_KEY, (guint8 *) input, len),
    OSSL_PARAM_construct_end (),
  };
  gboolean ok;

  ok = ctx != NULL && EVP_KDF_derive (ctx, out, 2 * LP2P_NOISE_HASH, params) > 0;
  EVP_KDF_CTX_free (ctx);

  return ok || lp2p_noise_set_crypto_error (error, _("cannot derive keys"));
}

gboolean
lp2p_noise_symmetric_mix_key (Lp2pNoiseSymmetric *self,
                              const guint8 *input,
                              gsize len,
                              GError **error)
{
  guint8 keys[2 * LP2P_NOISE_HASH];
  gboolean ok = TRUE;

  if (!derive (self, input, len, keys, error))
    return FALSE;

  copy_key (self->chaining_key, keys);
  if (self->cipher == NULL)
    ok = (self->cipher = lp2p_noise_cipher_new (keys + LP2P_NOISE_HASH, error)) != NULL;
  else
    lp2p_noise_cipher_set_key (self->cipher, keys + LP2P_NOISE_HASH);
  OPENSSL_cleanse (keys, sizeof keys);
  return ok;
}

/* Appends the ciphertext, or the plaintext while there is no key. */
gboolean
lp2p_noise_symmetric_encrypt_and_hash (
    Lp2pNoiseSymmetric *self, const guint8 *plain, gsize len, GByteArray *out, GError **error)
{
  GOutputVector vector = { plain, len };
  guint start = out->len;

  if (self->cipher == NULL)
    {
      g_byte_array_append (out, plain, len);
      return lp2p_noise_symmetric_mix_hash (self, plain, len, error);
    }

  g_byte_array_set_size (out, start + len + LP2P_NOISE_TAG);
  return lp2p_noise_cipher_seal_with_ad (self->cipher, self->hash, sizeof self->hash, &vector, 1,
                                         out->data + start, error) &&
         lp2p_noise_symmetric_mix_hash (self, out->data + start, len + LP2P_NOISE_TAG, error);
}

/* Appends the plaintext. */
gboolean
lp2p_noise_symmetric_decrypt_and_hash (
    Lp2pNoiseSymmetric *self, const guint8 *in, gsize len, GByteArray *out, GError **error)
{
  guint start = out->len;

  if (self->cipher == NULL)
    {
      g_byte_array_append (out, in, len);
      return lp2p_noise_symmetric_mix_hash (self, in, len, error);
    }

  g_byte_array_set_size (out, start + len);
  if (!lp2p_noise_cipher_open_with_ad (self->cipher, self->hash, sizeof self->hash, in, len,
                                       out->data + start, error))
    return FALSE;
  g_byte_array_set_size (out, start + len - LP2P_NOISE_TAG);
  return lp2p_noise_symmetric_mix_hash (self, in, len, error);
}

/* @first: for what the initiator sends; @second: for what the responder sends. */
gboolean
lp2p_noise_symmetric_split (Lp2pNoiseSymmetric *self,
                            Lp2pNoiseCipher **first,
                            Lp2pNoiseCipher **second,
                            GError **error)
{
  guint8 keys[2 * LP2P_NOISE_HASH];
  g_autoptr (Lp2pNoiseCipher) a = NULL;
  g_autoptr (Lp2pNoiseCipher) b = NULL;

  if (!derive (self, (const guint8 *) "", 0, keys, error))
    return FALSE;

  a = lp2p_noise_cipher_new (keys, error);
  if (a != NULL)
    b = lp2p_noise_cipher_new (keys + LP2P_NOISE_HASH, error);
  OPENSSL_cleanse (keys, sizeof keys);
  if (b == NULL)
    return FALSE;

  *first = g_steal_pointer (&a);
  *second = g_steal_pointer (&b);
  return TRUE;
}
