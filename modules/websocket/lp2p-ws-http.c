/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-http.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <string.h>

/* What RFC 6455 has a server append to the key that it hashes. */
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

/* Returns: (transfer full): the key of a request, made of random bytes */
char *
lp2p_ws_key_new (const guint8 nonce[LP2P_WS_NONCE_SIZE])
{
  return g_base64_encode (nonce, LP2P_WS_NONCE_SIZE);
}

/* Returns: (transfer full): what a server says that has understood the key */
char *
lp2p_ws_key_answer (const char *key)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA1);
  guint8 digest[20];
  gsize size = sizeof digest;

  g_checksum_update (checksum, (const guint8 *) key, strlen (key));
  g_checksum_update (checksum, (const guint8 *) GUID, strlen (GUID));
  g_checksum_get_digest (checksum, digest, &size);
  return g_base64_encode (digest, size);
}

gboolean
lp2p_ws_is_header_name (const char *name, gsize size)
{
  for (gsize i = 0; i < size; i++)
    if (name[i] == '\0' || (!g_ascii_isalnum (name[i]) && strchr ("!#$%&'*+-.^_`|~", name[i]) == NULL))
      return FALSE;
  return size > 0;
}

/* Other than a line's end and the rest of the control characters, anything may be there. */
gboolean
lp2p_ws_is_header_value (const char *value, gsize size)
{
  for (gsize i = 0; i < size; i++)
    if (g_ascii_iscntrl (value[i]) && value[i] != '\t')
      return FALSE;
  return TRUE;
}

static gboolean
check_host (const char *host, GError **error)
{
  g_autofree char *quoted = NULL;
  const char *at = host;

  while (g_ascii_isgraph (*at) && *at != '/')
    at++;
  if (*at == '\0' && at > host)
    return TRUE;

  quoted = lp2p_quote (host, strlen (host));
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, _("WebSocket: %s is not the name of a host"), quoted);
  return FALSE;
}

/* Escapes what may not be in a request. Escapes that are there already stay. */
static void
append_path (GString *out, const char *path)
{
  if (*path != '/')
    g_string_append_c (out, '/');
  for (const char *at = path; *at != '\0'; at++)
    {
      gboolean is_escape = *at == '%' && g_ascii_isxdigit (at[1]) && g_ascii_isxdigit (at[2]);

      if (g_ascii_isalnum (*at) || strchr ("-._~!$&'()*+,;=:@/?", *at) != NULL || is_escape)
        g_string_append_c (out, *at);
      else
        g_string_append_printf (out, "%%%02X", (guint8) *at);
    }
}

/* Appends a request to @out, which on failure is as before. Only a host with characters
 * that HTTP does not allow can make it fail. */
gboolean
lp2p_ws_request_write (const Lp2pWsRequest *request, const char *key, GString *out, GError **error)
{
  if (!check_host (request->host, error))
    return FALSE;

  g_string_append (out, "GET ");
  append_path (out, request->path != NULL ? request->path : "");
  g_string_append_printf (out,
                          " HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n",
                          request->host, key);
  return TRUE;
}
