/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An answer to the key of RFC 6455, 1.3. The first byte says in how large pieces it comes;
 * what is read must not depend on that. With its highest bit, what follows is a request's
 * host and path instead, with two newlines between them. */

#include "lp2p-ws-http.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

static Lp2pWsReplyStatus
read_reply (const guint8 *data, gsize size, gsize chunk, gsize *total, char **message)
{
  g_autoptr (Lp2pWsReply) reply = lp2p_ws_reply_new (KEY);
  g_autoptr (GError) error = NULL;
  Lp2pWsReplyStatus status = LP2P_WS_REPLY_MORE;
  gsize used;

  *total = 0;
  while (*total < size && status == LP2P_WS_REPLY_MORE)
    {
      gsize n = MIN (chunk, size - *total);
      g_autofree guint8 *bytes = g_memdup2 (data + *total, n);

      status = lp2p_ws_reply_input (reply, bytes, n, &used, &error);
      g_assert (used <= n && (status != LP2P_WS_REPLY_MORE || used == n));
      *total += used;
    }
  g_assert ((status == LP2P_WS_REPLY_FAILED) == (error != NULL));
  *message = error != NULL ? g_strdup (error->message) : NULL;
  g_assert (*message == NULL || g_utf8_validate (*message, -1, NULL));
  return status;
}

static void
fuzz_reply (const guint8 *data, gsize size, gsize chunk)
{
  g_autofree char *whole_message = NULL;
  g_autofree char *message = NULL;
  gsize whole_used;
  gsize used;
  Lp2pWsReplyStatus status = read_reply (data, size, MAX (size, 1), &whole_used, &whole_message);

  g_assert (read_reply (data, size, chunk, &used, &message) == status);
  if (status == LP2P_WS_REPLY_DONE)
    g_assert (used == whole_used);
  g_assert (whole_used <= LP2P_WS_MAX_HEAD || status == LP2P_WS_REPLY_FAILED);
}

static void
fuzz_request (const guint8 *data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_auto (GStrv) parts = g_strsplit (text, "\n\n", 2);
  guint n = g_strv_length (parts);
  const Lp2pWsRequest request = {
    .host = n > 0 ? parts[0] : "",
    .path = n > 1 ? parts[1] : NULL,
  };
  g_autoptr (GString) out = g_string_new (NULL);
  guint lines = 0;

  if (!lp2p_ws_request_write (&request, KEY, out, NULL))
    {
      g_assert (out->len == 0);
      return;
    }
  for (const char *at = out->str; *at != '\0'; at++)
    {
      g_assert (*at != '\r' || at[1] == '\n');
      lines += *at == '\n';
    }
  g_assert (lines == 7);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  if (size < 1)
    return 0;
  if (data[0] & 0x80)
    fuzz_request (data + 1, size - 1);
  else
    fuzz_reply (data + 1, size - 1, 1 + data[0] % 64);
  return 0;
}
