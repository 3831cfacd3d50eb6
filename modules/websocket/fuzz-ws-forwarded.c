/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a proxy says of its clients: each line is a header. */

#include "lp2p-ws-forwarded.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static const char *const proxies[] = { "127.0.0.0/8", "10.1.2.3", "fd00::/8", NULL };

static Lp2pMultiaddr *
find_client (const char *remote, SoupMessageHeaders *request, GPtrArray *trusted)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (remote, NULL);

  return lp2p_ws_forwarded_client (address, request, trusted);
}

static gboolean
is_trusted (Lp2pMultiaddr *address, GPtrArray *trusted)
{
  g_autoptr (GSocketAddress) native = lp2p_multiaddr_get_socket_address (address, NULL);
  GInetAddress *ip = g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (native));

  for (guint i = 0; i < trusted->len; i++)
    if (g_inet_address_mask_matches (g_ptr_array_index (trusted, i), ip))
      return TRUE;
  return FALSE;
}

static SoupMessageHeaders *
make_request (const char *first, const guint8 *data, gsize size)
{
  SoupMessageHeaders *request = soup_message_headers_new (SOUP_MESSAGE_HEADERS_REQUEST);
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_auto (GStrv) lines = g_strsplit_set (text, "\r\n", -1);

  if (first != NULL)
    soup_message_headers_append (request, "X-Forwarded-For", first);
  for (guint i = 0; lines[i] != NULL; i++)
    soup_message_headers_append (request, "X-Forwarded-For", lines[i]);
  return request;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GPtrArray) trusted = lp2p_ws_forwarded_parse_proxies (proxies, NULL);
  SoupMessageHeaders *request = make_request (NULL, data, size);
  SoupMessageHeaders *claim = make_request ("203.0.113.7", data, size);
  g_autoptr (Lp2pMultiaddr) client = find_client ("/ip4/127.0.0.1/tcp/4001", request, trusted);
  g_autoptr (Lp2pMultiaddr) claimed = find_client ("/ip4/127.0.0.1/tcp/4001", claim, trusted);

  g_assert (find_client ("/ip4/198.51.100.1/tcp/4001", request, trusted) == NULL);
  if (client != NULL)
    g_assert (g_str_has_suffix (lp2p_multiaddr_get_string (client), "/tcp/0"));
  /* What a stranger says of others changes nothing. */
  if (client != NULL && !is_trusted (client, trusted))
    g_assert (claimed != NULL && lp2p_multiaddr_equal (client, claimed));
  soup_message_headers_unref (request);
  soup_message_headers_unref (claim);
  return 0;
}
