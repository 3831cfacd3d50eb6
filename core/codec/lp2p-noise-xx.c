/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The XX handshake pattern. */

#include "codec/lp2p-noise-xx-private.h"

#include "types/lp2p-i18n-private.h"

#include <lp2p/types/lp2p-cursor.h>

#include <openssl/crypto.h>

#define PROTOCOL_NAME "Noise_XX_25519_ChaChaPoly_SHA256"

typedef enum
{
  TOKEN_END,
  TOKEN_E,
  TOKEN_S,
  TOKEN_EE,
  TOKEN_ES,
  TOKEN_SE,
} Token;

/* The initiator writes the first and the third. */
static const Token pattern[LP2P_NOISE_XX_MESSAGES][5] = {
  { TOKEN_E },
  { TOKEN_E, TOKEN_EE, TOKEN_S, TOKEN_ES },
  { TOKEN_S, TOKEN_SE },
};

/* @static_pair: nullable; a key to use instead of a new one. */
gboolean
lp2p_noise_xx_init (Lp2pNoiseXX *self,
                    gboolean initiator,
                    const guint8 *prologue,
                    gsize prologue_len,
                    const Lp2pNoiseKeyPair *static_pair,
                    GError **error)
{
  *self = (Lp2pNoiseXX) { .initiator = initiator };
  lp2p_noise_symmetric_init (&self->symmetric, PROTOCOL_NAME);

  if (!lp2p_noise_symmetric_mix_hash (&self->symmetric, prologue, prologue_len, error))
    return FALSE;
  if (static_pair == NULL)
    return lp2p_noise_key_pair_generate (&self->static_pair, error);
  lp2p_noise_key_pair_share (&self->static_pair, static_pair);
  return TRUE;
}

void
lp2p_noise_xx_clear (Lp2pNoiseXX *self)
{
  lp2p_noise_symmetric_clear (&self->symmetric);
  lp2p_noise_key_pair_clear (&self->static_pair);
  lp2p_noise_key_pair_clear (&self->ephemeral_pair);
}

/* Whether the next message is to be written; nothing is when all were. */
gboolean
lp2p_noise_xx_is_writer (const Lp2pNoiseXX *self)
{
  return self->n_messages < LP2P_NOISE_XX_MESSAGES &&
         self->initiator == (self->n_messages % 2 == 0);
}

static gboolean
mix_agreement (Lp2pNoiseXX *self, Token token, GError **error)
{
  /* The first letter of a token is the initiator's key, the second the
   * responder's. */
  gboolean local_static = token == (self->initiator ? TOKEN_SE : TOKEN_ES);
  gboolean remote_static = token == (self->initiator ? TOKEN_ES : TOKEN_SE);
  guint8 secret[LP2P_NOISE_KEY];
  gboolean ok;

  ok = lp2p_noise_key_pair_agree (local_static ? &self->static_pair : &self->ephemeral_pair,
                                  remote_static ? self->remote_static : self->remote_ephemeral,
                                  secret, error) &&
       lp2p_noise_symmetric_mix_key (&self->symmetric, secret, sizeof secret, error);
  OPENSSL_cleanse (secret, sizeof secret);
  return ok;
}

static gboolean
write_token (Lp2pNoiseXX *self, Token token, GByteArray *out, GError **error)
{
  if (token == TOKEN_S)
    return lp2p_noise_symmetric_encrypt_and_hash (&self->symmetric, self->static_pair.public_key,
                                                  LP2P_NOISE_KEY, out, error);
  if (token != TOKEN_E)
    return mix_agreement (self, token, error);

  /* Only a test brings one. */
  if (self->ephemeral_pair.key == NULL &&
      !lp2p_noise_key_pair_generate (&self->ephemeral_pair, error))
    return FALSE;
  g_byte_array_append (out, self->ephemeral_pair.public_key, LP2P_NOISE_KEY);
  return lp2p_noise_symmetric_mix_hash (&self->symmetric, self->ephemeral_pair.public_key,
                                        LP2P_NOISE_KEY, error);
}

/* Appends the message that is next; only when lp2p_noise_xx_is_writer(). */
gboolean
lp2p_noise_xx_write (
    Lp2pNoiseXX *self, const guint8 *payload, gsize len, GByteArray *out, GError **error)
{
  guint start = out->len;

  for (const Token *token = pattern[self->n_messages]; *token != TOKEN_END; token++)
    if (!write_token (self, *token, out, error))
      return FALSE;
  if (len > LP2P_NOISE_MAX_FRAME - LP2P_NOISE_TAG - (out->len - start))
    {
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_TOO_LARGE,
                   _("Noise: a payload of %zu bytes does not fit into a handshake message"),
                   len);
      return FALSE;
    }
  if (!lp2p_noise_symmetric_encrypt_and_hash (&self->symmetric, payload, len, out, error))
    return FALSE;

  self->n_messages++;
  return TRUE;
}

static gboolean
take (Lp2pNoiseXX *self, Lp2pCursor *message, gsize n, const guint8 **out, GError **error)
{
  gsize left = lp2p_cursor_left (message);

  if (lp2p_cursor_read_bytes (message, n, out))
    return TRUE;

  g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE,
               _("Noise: handshake message %u is truncated: expected %zu bytes more, got %zu"),
               self->n_messages + 1, n, left);
  return FALSE;
}

static gboolean
read_ephemeral (Lp2pNoiseXX *self, Lp2pCursor *message, GError **error)
{
  const guint8 *key;
  Lp2pCursor copy;

  if (!take (self, message, LP2P_NOISE_KEY, &key, error))
    return FALSE;
  lp2p_cursor_init (&copy, key, LP2P_NOISE_KEY);
  lp2p_cursor_copy (&copy, self->remote_ephemeral, LP2P_NOISE_KEY);
  return lp2p_noise_symmetric_mix_hash (&self->symmetric, key, LP2P_NOISE_KEY, error);
}

static gboolean
read_static (Lp2pNoiseXX *self, Lp2pCursor *message, GError **error)
{
  g_autoptr (GByteArray) key = g_byte_array_new ();
  const guint8 *sealed;
  Lp2pCursor copy;

  if (!take (self, message, LP2P_NOISE_KEY + LP2P_NOISE_TAG, &sealed, error) ||
      !lp2p_noise_symmetric_decrypt_and_hash (&self->symmetric, sealed,
                                              LP2P_NOISE_KEY + LP2P_NOISE_TAG, key, error))
    return FALSE;
  lp2p_cursor_init (&copy, key->data, key->len);
  lp2p_cursor_copy (&copy, self->remote_static, LP2P_NOISE_KEY);
  return TRUE;
}

static gboolean
read_payload (Lp2pNoiseXX *self, Lp2pCursor *message, GByteArray *payload, GError **error)
{
  gsize len = lp2p_cursor_left (message);
  gsize least = self->symmetric.cipher != NULL ? LP2P_NOISE_TAG : 0;
  const guint8 *sealed;

  return take (self, message, MAX (len, least), &sealed, error) &&
         lp2p_noise_symmetric_decrypt_and_hash (&self->symmetric, sealed, len, payload, error);
}

/* Takes one message, only when not lp2p_noise_xx_is_writer(), and appends its
 * payload. */
gboolean
lp2p_noise_xx_read (
    Lp2pNoiseXX *self, const guint8 *message, gsize len, GByteArray *payload, GError **error)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (message, len);

  for (const Token *token = pattern[self->n_messages]; *token != TOKEN_END; token++)
    {
      gboolean ok;

      if (*token == TOKEN_E)
        ok = read_ephemeral (self, &cursor, error);
      else if (*token == TOKEN_S)
        ok = read_static (self, &cursor, error);
      else
        ok = mix_agreement (self, *token, error);
      if (!ok)
        return FALSE;
    }
  if (!read_payload (self, &cursor, payload, error))
    return FALSE;

  self->n_messages++;
  return TRUE;
}
