/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-address.h"

#include <string.h>

#define PORT_WS 80
#define PORT_WSS 443

/* Takes the next component if it is of @protocol. */
static gboolean
take (Lp2pMultiaddr *address, guint *index, Lp2pProtocol protocol)
{
  Lp2pProtocol found;

  if (!lp2p_multiaddr_get_component (address, *index, &found, NULL, NULL) || found != protocol)
    return FALSE;
  (*index)++;
  return TRUE;
}

/* Likewise, with its value, which has to be one without NULs. */
static gboolean
take_value (Lp2pMultiaddr *address, guint *index, Lp2pProtocol protocol, char **out)
{
  const guint8 *value;
  gsize size;

  if (!take (address, index, protocol))
    return TRUE;
  lp2p_multiaddr_get_component (address, *index - 1, NULL, &value, &size);
  *out = g_strndup ((const char *) value, size);
  return strlen (*out) == size;
}

/* /ws, /tls/ws, /tls/sni/HOST/ws and /wss */
static gboolean
take_protocol (Lp2pWsAddress *self, Lp2pMultiaddr *address, guint *index)
{
  self->secure = TRUE;
  if (take (address, index, LP2P_PROTOCOL_WSS))
    return TRUE;
  self->secure = take (address, index, LP2P_PROTOCOL_TLS);
  if (self->secure && !take_value (address, index, LP2P_PROTOCOL_SNI, &self->server_name))
    return FALSE;
  return take (address, index, LP2P_PROTOCOL_WS);
}

/* Returns: whether that is all of the address, but for a peer id */
gboolean
lp2p_ws_address_parse (Lp2pWsAddress *self, Lp2pMultiaddr *address)
{
  guint index = lp2p_multiaddr_count_socket (address, LP2P_PROTOCOL_TCP);

  *self = (Lp2pWsAddress){ .socket_end = index };
  if (index > 0 && take_protocol (self, address, &index) &&
      take_value (address, &index, LP2P_PROTOCOL_HTTP_PATH, &self->path))
    {
      self->end = index;
      take (address, &index, LP2P_PROTOCOL_P2P);
      if (index == lp2p_multiaddr_get_n_components (address))
        return TRUE;
    }
  lp2p_ws_address_clear (self);
  return FALSE;
}

void
lp2p_ws_address_clear (Lp2pWsAddress *self)
{
  g_clear_pointer (&self->server_name, g_free);
  g_clear_pointer (&self->path, g_free);
}

static void
append (Lp2pMultiaddr **address, Lp2pProtocol protocol, const char *value)
{
  g_autoptr (Lp2pMultiaddr) before = *address;

  *address = lp2p_multiaddr_append (before, protocol, (const guint8 *) value, value != NULL ? strlen (value) : 0, NULL);
}

/* What is told to others behind the socket: the preferred form.
 *
 * Returns: (transfer full) */
Lp2pMultiaddr *
lp2p_ws_address_make_suffix (const Lp2pWsAddress *self)
{
  Lp2pMultiaddr *suffix = NULL;

  if (self->secure)
    append (&suffix, LP2P_PROTOCOL_TLS, NULL);
  if (self->server_name != NULL)
    append (&suffix, LP2P_PROTOCOL_SNI, self->server_name);
  append (&suffix, LP2P_PROTOCOL_WS, NULL);
  if (self->path != NULL)
    append (&suffix, LP2P_PROTOCOL_HTTP_PATH, self->path);
  return suffix;
}

/* What a request has as its host; @name may be NULL.
 *
 * Returns: (transfer full) */
char *
lp2p_ws_address_make_host (const Lp2pWsAddress *self, GInetSocketAddress *address, const char *name)
{
  g_autofree char *ip = g_inet_address_to_string (g_inet_socket_address_get_address (address));
  guint port = g_inet_socket_address_get_port (address);
  GString *host = g_string_new (name);

  if (name == NULL)
    g_string_append_printf (host, strchr (ip, ':') != NULL ? "[%s]" : "%s", ip);
  if (port != (self->secure ? PORT_WSS : PORT_WS))
    g_string_append_printf (host, ":%u", port);
  return g_string_free (host, FALSE);
}
