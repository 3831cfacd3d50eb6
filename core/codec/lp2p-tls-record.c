/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "codec/lp2p-tls-record-private.h"

#include <lp2p/types/lp2p-cursor.h>

#include <gnutls/crypto.h>
#include <openssl/crypto.h>
#include <string.h>

/* RFC 8446 section 5.5 allows AES-GCM 2^24.5 full records with one key. */
#define MAX_RECORDS (G_GUINT64_CONSTANT (1) << 24)

/* All records say that they are of TLS 1.2. */
#define VERSION_HIGH 3
#define VERSION_LOW  3

#define NEW_SESSION_TICKET 4
#define KEY_UPDATE         24

/* Pieces that one record is made of, beside the type of what is inside. */
#define MAX_PIECES 64

/* Keys */

static gnutls_mac_algorithm_t
get_hash (const Lp2pTlsKeys *self)
{
  return self->secret_size == LP2P_TLS_MAX_SECRET ? GNUTLS_MAC_SHA384 : GNUTLS_MAC_SHA256;
}

/* HKDF-Expand-Label of RFC 8446 section 7.1, without a context. */
static gboolean
expand (const Lp2pTlsKeys *self, const char *label, guint8 *out, gsize size)
{
  g_autofree char *name = g_strconcat ("tls13 ", label, NULL);
  g_autoptr (GByteArray) info = g_byte_array_new ();
  const guint8 length[] = { size >> 8, size & 0xff, strlen (name) };
  const guint8 no_context = 0;
  gnutls_datum_t secret = { (guint8 *) self->secret, self->secret_size };
  gnutls_datum_t datum;

  g_byte_array_append (info, length, sizeof length);
  g_byte_array_append (info, (const guint8 *) name, strlen (name));
  g_byte_array_append (info, &no_context, 1);
  datum = (gnutls_datum_t){ info->data, info->len };
  return gnutls_hkdf_expand (get_hash (self), &secret, &datum, out, size) == 0;
}

static gboolean
expand_keys (Lp2pTlsKeys *self)
{
  return expand (self, "key", self->key, lp2p_aead_get_key_size (self->aead)) &&
         expand (self, "iv", self->iv, sizeof self->iv);
}

/* Makes the keys that a handshake has agreed on.
 *
 * @secret: the traffic secret, as long as the hash of the cipher suite
 *
 * Returns: FALSE when the library has no such cipher */
gboolean
lp2p_tls_keys_init (Lp2pTlsKeys *self, Lp2pAead aead, const guint8 *secret, gsize secret_size)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (secret, secret_size);

  g_return_val_if_fail (secret_size <= LP2P_TLS_MAX_SECRET, FALSE);

  *self = (Lp2pTlsKeys){ .aead = aead, .secret_size = secret_size };
  lp2p_cursor_copy (&cursor, self->secret, secret_size);
  return lp2p_aead_is_available (aead) && expand_keys (self);
}

/* The keys that come after these, RFC 8446 section 7.2. */
gboolean
lp2p_tls_keys_update (Lp2pTlsKeys *self)
{
  guint8 secret[LP2P_TLS_MAX_SECRET];
  gboolean ok = expand (self, "traffic upd", secret, self->secret_size) &&
                lp2p_tls_keys_init (self, self->aead, secret, self->secret_size);

  OPENSSL_cleanse (secret, sizeof secret);
  return ok;
}

/* Whether other keys are due before the next record. */
gboolean
lp2p_tls_keys_are_worn (const Lp2pTlsKeys *self)
{
  return self->sequence >= MAX_RECORDS;
}

void
lp2p_tls_keys_clear (Lp2pTlsKeys *self)
{
  if (self->secret_size > 0)
    lp2p_aead_forget_key (self->aead);
  OPENSSL_cleanse (self, sizeof *self);
}

/* Records */

static void
get_nonce (const Lp2pTlsKeys *self, guint8 nonce[LP2P_AEAD_NONCE])
{
  for (guint i = 0; i < LP2P_AEAD_NONCE; i++)
    {
      guint shift = (LP2P_AEAD_NONCE - 1 - i) * 8;

      nonce[i] = self->iv[i] ^ (shift < 64 ? (self->sequence >> shift) & 0xff : 0);
    }
}

/* Makes a record.
 *
 * @in: its payload in up to %MAX_PIECES pieces, of %LP2P_TLS_MAX_PAYLOAD bytes at
 *   the most
 * @out: with room for the payload and %LP2P_TLS_OVERHEAD bytes more
 *
 * Returns: its size, 0 when libcrypto failed */
gsize
lp2p_tls_record_seal (
    Lp2pTlsKeys *keys, Lp2pTlsContent content, const GOutputVector *in, guint n_in, guint8 *out)
{
  const guint8 type = content;
  GOutputVector pieces[MAX_PIECES + 1];
  guint8 nonce[LP2P_AEAD_NONCE];
  gsize size = 1 + LP2P_AEAD_TAG;

  g_return_val_if_fail (n_in <= MAX_PIECES, 0);

  for (guint i = 0; i < n_in; i++)
    {
      pieces[i] = in[i];
      size += in[i].size;
    }
  pieces[n_in] = (GOutputVector){ &type, 1 };

  out[0] = LP2P_TLS_CONTENT_DATA;
  out[1] = VERSION_HIGH;
  out[2] = VERSION_LOW;
  out[3] = size >> 8;
  out[4] = size & 0xff;
  get_nonce (keys, nonce);
  if (!lp2p_aead_seal (keys->aead, keys->key, nonce, out, LP2P_TLS_HEAD, pieces, n_in + 1,
                       out + LP2P_TLS_HEAD))
    return 0;
  keys->sequence++;
  return LP2P_TLS_HEAD + size;
}

/* Says how long a record is, its head included. */
Lp2pTlsAlert
lp2p_tls_record_parse_head (const guint8 head[LP2P_TLS_HEAD], gsize *size)
{
  *size = LP2P_TLS_HEAD + ((gsize) head[3] << 8 | head[4]);
  if (head[0] != LP2P_TLS_CONTENT_DATA)
    return LP2P_TLS_ALERT_UNEXPECTED_MESSAGE;
  if (*size > LP2P_TLS_MAX_RECORD)
    return LP2P_TLS_ALERT_RECORD_OVERFLOW;
  if (*size < LP2P_TLS_OVERHEAD)
    return LP2P_TLS_ALERT_DECODE_ERROR;
  return 0;
}

/* Opens a record whose head was parsed.
 *
 * @out: with room for @size - %LP2P_TLS_HEAD - %LP2P_AEAD_TAG bytes: the payload
 *   and what is behind it
 * @out_size: (out): of the payload
 *
 * Returns: 0, or what to tell the peer */
Lp2pTlsAlert
lp2p_tls_record_open (Lp2pTlsKeys *keys,
                      const guint8 *record,
                      gsize size,
                      guint8 *out,
                      gsize *out_size,
                      Lp2pTlsContent *content)
{
  guint8 nonce[LP2P_AEAD_NONCE];
  gsize left = size - LP2P_TLS_HEAD - LP2P_AEAD_TAG;

  get_nonce (keys, nonce);
  if (!lp2p_aead_open (keys->aead, keys->key, nonce, record, LP2P_TLS_HEAD, record + LP2P_TLS_HEAD,
                       size - LP2P_TLS_HEAD, out))
    return LP2P_TLS_ALERT_BAD_RECORD_MAC;
  keys->sequence++;

  /* The type is the last byte that is not padding. */
  while (left > 0 && out[left - 1] == 0)
    left--;
  if (left == 0)
    return LP2P_TLS_ALERT_UNEXPECTED_MESSAGE;
  *content = out[left - 1];
  *out_size = left - 1;
  return *out_size <= LP2P_TLS_MAX_PAYLOAD ? 0 : LP2P_TLS_ALERT_RECORD_OVERFLOW;
}

/* Messages behind the handshake */

const guint8 lp2p_tls_key_update[LP2P_TLS_KEY_UPDATE_SIZE] = {
  KEY_UPDATE, 0, 0, 1, LP2P_TLS_KEY_UPDATE_NOT_REQUESTED,
};

/* Tickets are of no use here; both may send new keys. All else was to be asked for. */
static Lp2pTlsAlert
check_message (const guint8 head[4])
{
  if (head[0] == KEY_UPDATE)
    return head[1] == 0 && head[2] == 0 && head[3] == 1 ? 0 : LP2P_TLS_ALERT_DECODE_ERROR;
  return head[0] == NEW_SESSION_TICKET ? 0 : LP2P_TLS_ALERT_UNEXPECTED_MESSAGE;
}

/* Takes the payload of a record of handshake messages.
 *
 * @update: (out): whether the peer's next records have other keys, and whether it
 *   asked for other keys of ours
 *
 * Returns: 0, or what to tell the peer */
Lp2pTlsAlert
lp2p_tls_messages_take (Lp2pTlsMessages *self,
                        const guint8 *data,
                        gsize size,
                        Lp2pTlsKeyUpdate *update)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);
  Lp2pTlsAlert alert;
  guint8 byte;

  *update = LP2P_TLS_KEY_UPDATE_NONE;
  if (size == 0)
    return LP2P_TLS_ALERT_UNEXPECTED_MESSAGE;

  while (lp2p_cursor_read_u8 (&cursor, &byte))
    {
      if (self->n_head < sizeof self->head)
        {
          self->head[self->n_head++] = byte;
          if (self->n_head < sizeof self->head)
            continue;
          self->left = (guint32) self->head[1] << 16 | self->head[2] << 8 | self->head[3];
          alert = check_message (self->head);
          if (alert != 0)
            return alert;
        }
      else
        {
          gsize rest = MIN (lp2p_cursor_left (&cursor), self->left - 1);

          lp2p_cursor_skip (&cursor, rest);
          self->left -= 1 + rest;
        }
      if (self->left > 0)
        continue;

      self->n_head = 0;
      if (self->head[0] != KEY_UPDATE)
        continue;
      if (byte > LP2P_TLS_KEY_UPDATE_REQUESTED)
        return LP2P_TLS_ALERT_DECODE_ERROR;
      /* Bytes behind it would be of the old keys. */
      if (!lp2p_cursor_at_end (&cursor))
        return LP2P_TLS_ALERT_UNEXPECTED_MESSAGE;
      *update = byte;
    }
  return 0;
}
