/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-forwarded.h"

#include <string.h>

/* @proxies: addresses such as 127.0.0.1 and networks such as fd00::/8
 *
 * Returns: (transfer full) (element-type GInetAddressMask) */
GPtrArray *
lp2p_ws_forwarded_parse_proxies (const char *const *proxies, GError **error)
{
  g_autoptr (GPtrArray) masks = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; proxies[i] != NULL; i++)
    {
      GInetAddressMask *mask = g_inet_address_mask_new_from_string (proxies[i], error);

      if (mask == NULL)
        return NULL;
      g_ptr_array_add (masks, mask);
    }
  return g_steal_pointer (&masks);
}

static gboolean
is_trusted (GPtrArray *trusted_proxies, GInetAddress *address)
{
  for (guint i = 0; i < trusted_proxies->len; i++)
    if (g_inet_address_mask_matches (g_ptr_array_index (trusted_proxies, i), address))
      return TRUE;
  return FALSE;
}

/* An address, as proxies write it: with a port or without.
 *
 * Returns: (transfer full) (nullable) */
static GInetAddress *
parse_client (char *text)
{
  char *colon = strchr (g_strstrip (text), ':');

  if (text[0] == '[')
    {
      text++;
      text[strcspn (text, "]")] = '\0';
    }
  else if (colon != NULL && strchr (colon + 1, ':') == NULL)
    *colon = '\0';
  return g_inet_address_new_from_string (text);
}

/* Each proxy adds whom it sees at the end of the list: the last one that is none of
 * ours is the client. What it says itself of those before it is worth nothing.
 *
 * Returns: (transfer full) (nullable): the client, whose port is not known; %NULL
 *   where @remote_address is the client */
Lp2pMultiaddr *
lp2p_ws_forwarded_client (Lp2pMultiaddr *remote_address, SoupMessageHeaders *request, GPtrArray *trusted_proxies)
{
  g_autoptr (GSocketAddress) native = lp2p_multiaddr_get_socket_address (remote_address, NULL);
  g_autoptr (GInetAddress) client = NULL;
  const char *forwarded_for;
  g_auto (GStrv) list = NULL;
  g_autoptr (GSocketAddress) found = NULL;

  if (native == NULL)
    return NULL;
  client = g_object_ref (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (native)));
  /* Only then: of strangers who repeat it, libsoup makes a list with much effort. */
  if (!is_trusted (trusted_proxies, client))
    return NULL;
  forwarded_for = soup_message_headers_get_list (request, "X-Forwarded-For");
  if (forwarded_for == NULL)
    return NULL;
  list = g_strsplit (forwarded_for, ",", -1);
  for (guint i = g_strv_length (list); i > 0 && is_trusted (trusted_proxies, client); i--)
    {
      GInetAddress *before = parse_client (list[i - 1]);

      if (before == NULL)
        break;
      g_object_unref (client);
      client = before;
    }
  if (g_inet_address_equal (client, g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (native))))
    return NULL;
  found = g_inet_socket_address_new (client, 0);
  return lp2p_multiaddr_new_from_socket_address (found, LP2P_PROTOCOL_TCP);
}
