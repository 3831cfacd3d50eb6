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

static gboolean
take_socket (Lp2pWsAddress *self, Lp2pMultiaddr *address, guint *index)
{
  g_autofree char *port = NULL;
  guint named = lp2p_multiaddr_count_named_socket (address, LP2P_PROTOCOL_TCP);

  *index = MAX (named, lp2p_multiaddr_count_socket (address, LP2P_PROTOCOL_TCP));
  if (*index == 0)
    return FALSE;
  self->named = named > 0;
  self->host = lp2p_multiaddr_get_component_string (address, *index - 2);
  port = lp2p_multiaddr_get_component_string (address, *index - 1);
  self->port = (guint16) g_ascii_strtoull (port, NULL, 10);
  return TRUE;
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
  guint index = 0;

  *self = (Lp2pWsAddress){ 0 };
  if (take_socket (self, address, &index) && take_protocol (self, address, &index) &&
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
  g_clear_pointer (&self->host, g_free);
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

/* What a request has as its host, of a name or an IP address.
 *
 * Returns: (transfer full) */
char *
lp2p_ws_address_make_host (const Lp2pWsAddress *self, const char *host)
{
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, strchr (host, ':') != NULL ? "[%s]" : "%s", host);
  if (self->port != (self->secure ? PORT_WSS : PORT_WS))
    g_string_append_printf (text, ":%u", self->port);
  return g_string_free (text, FALSE);
}
