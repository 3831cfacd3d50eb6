/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Chunks with a kind and a length of two bytes in front: what comes as a record
 * under fixed keys, what is inside one that we seal, or handshake messages.
 * Whatever opens must be what was sealed, and messages must mean the same however
 * they are cut. */

#include "codec/lp2p-tls-record-private.h"

#include <lp2p/types/lp2p-cursor.h>

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static const guint8 secret[32] = "a secret of thirty-two bytes, 33";

static void
open_record (Lp2pTlsKeys *keys, const guint8 *data, gsize size)
{
  g_autofree guint8 *record = g_memdup2 (data, size);
  g_autofree guint8 *out = NULL;
  gsize length, out_size;
  Lp2pTlsContent content;

  if (size < LP2P_TLS_HEAD || lp2p_tls_record_parse_head (record, &length) != 0 || length > size)
    return;
  out = g_malloc (length - LP2P_TLS_HEAD - LP2P_AEAD_TAG);
  if (lp2p_tls_record_open (keys, record, length, out, &out_size, &content) == 0)
    g_assert (out_size <= LP2P_TLS_MAX_PAYLOAD);
}

static void
seal_and_open (Lp2pTlsKeys *send, Lp2pTlsKeys *receive, const guint8 *data, gsize size)
{
  g_autofree guint8 *record = g_malloc (size + LP2P_TLS_OVERHEAD);
  g_autofree guint8 *out = g_malloc (size + 1);
  GOutputVector payload = { data, MIN (size, LP2P_TLS_MAX_PAYLOAD) };
  gsize length, parsed, out_size;
  /* The type of what is inside may be anything but padding. */
  Lp2pTlsContent inside = size > 0 && data[0] != 0 ? data[0] : LP2P_TLS_CONTENT_DATA;
  Lp2pTlsContent content;

  length = lp2p_tls_record_seal (send, inside, &payload, 1, record);
  g_assert (lp2p_tls_record_parse_head (record, &parsed) == 0 && parsed == length);
  g_assert (lp2p_tls_record_open (receive, record, length, out, &out_size, &content) == 0);
  g_assert (content == inside && out_size == payload.size);
  g_assert (out_size == 0 || memcmp (out, data, out_size) == 0);
}

static Lp2pTlsAlert
take_bytes (Lp2pTlsMessages *self, const guint8 *data, gsize size, Lp2pTlsKeyUpdate *update)
{
  Lp2pTlsAlert alert = size > 0 ? 0 : LP2P_TLS_ALERT_UNEXPECTED_MESSAGE;

  for (gsize i = 0; i < size && alert == 0; i++)
    {
      alert = lp2p_tls_messages_take (self, data + i, 1, update);
      /* As a whole it would be an error. */
      if (*update != LP2P_TLS_KEY_UPDATE_NONE && i + 1 < size)
        alert = LP2P_TLS_ALERT_UNEXPECTED_MESSAGE;
    }
  return alert;
}

static void
take_messages (const guint8 *data, gsize size)
{
  Lp2pTlsMessages whole = { { 0 } }, cut = { { 0 } };
  Lp2pTlsKeyUpdate update, cut_update = LP2P_TLS_KEY_UPDATE_NONE;
  Lp2pTlsAlert alert = lp2p_tls_messages_take (&whole, data, size, &update);

  g_assert (take_bytes (&cut, data, size, &cut_update) == alert);
  if (alert == 0)
    g_assert (update == cut_update && whole.n_head == cut.n_head);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);
  Lp2pTlsKeys send, receive;
  const guint8 *chunk;
  guint16 len;
  guint8 kind;

  g_assert (lp2p_tls_keys_init (&send, LP2P_AEAD_AES_128_GCM, secret, sizeof secret));
  receive = send;
  while (lp2p_cursor_read_u8 (&cursor, &kind) && lp2p_cursor_read_u16be (&cursor, &len) &&
         lp2p_cursor_read_bytes (&cursor, len, &chunk))
    switch (kind % 3)
      {
      case 0:
        open_record (&receive, chunk, len);
        break;
      case 1:
        seal_and_open (&send, &receive, chunk, len);
        break;
      default:
        take_messages (chunk, len);
      }
  lp2p_tls_keys_clear (&send);
  lp2p_tls_keys_clear (&receive);
  return 0;
}
