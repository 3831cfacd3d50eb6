/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/lp2p-loopback-private.h"

#include <string.h>

/* In the order in which their markers decide: what is behind a relay is for it, however
 * the relay is reached. */
static const ToolTransport transports[] = {
  { "webrtc", TOOL_TRANSPORT_NATIVE | TOOL_TRANSPORT_NEEDS_RELAY, NULL, { LP2P_PROTOCOL_WEBRTC } },
  { "circuit", TOOL_TRANSPORT_NEEDS_RELAY, NULL, { LP2P_PROTOCOL_P2P_CIRCUIT } },
  { "webrtc-direct", TOOL_TRANSPORT_NATIVE, "%s/udp/0/webrtc-direct", { LP2P_PROTOCOL_WEBRTC_DIRECT } },
  { "webtransport", TOOL_TRANSPORT_NATIVE, "%s/udp/0/quic-v1/webtransport", { LP2P_PROTOCOL_WEBTRANSPORT } },
  { "quic-v1", TOOL_TRANSPORT_NATIVE, "%s/udp/0/quic-v1", { LP2P_PROTOCOL_QUIC_V1 } },
  { "wss", 0, "%s/tcp/0/tls/ws", { LP2P_PROTOCOL_TLS, LP2P_PROTOCOL_WS } },
  /* As it was written once. */
  { "wss", 0, NULL, { LP2P_PROTOCOL_WSS } },
  { "ws", 0, "%s/tcp/0/ws", { LP2P_PROTOCOL_WS } },
  { "memory", TOOL_TRANSPORT_SAME_PROCESS, "/memory/1", { LP2P_PROTOCOL_MEMORY } },
  { "tcp", 0, "%s/tcp/0", { LP2P_PROTOCOL_TCP } },
};

const ToolTransport *
tool_find_transport (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (transports); i++)
    if (g_str_equal (transports[i].name, name))
      return &transports[i];
  return NULL;
}

static gboolean
is_marked (const ToolTransport *self, Lp2pMultiaddr *address)
{
  for (gsize i = 0; i < G_N_ELEMENTS (self->markers) && self->markers[i] != 0; i++)
    if (lp2p_multiaddr_find (address, self->markers[i], 0) < 0)
      return FALSE;
  return TRUE;
}

/**
 * tool_find_transport_for:
 * @address: an address
 *
 * Returns: (nullable): the transport that it is of
 */
const ToolTransport *
tool_find_transport_for (Lp2pMultiaddr *address)
{
  for (gsize i = 0; i < G_N_ELEMENTS (transports); i++)
    if (is_marked (&transports[i], address))
      return &transports[i];
  return NULL;
}

/**
 * tool_transport_dup_address:
 * @self: a transport
 * @ip: the start of the address, such as `/ip4/127.0.0.1`
 *
 * Returns: (transfer full) (nullable): an address on a free port
 */
char *
tool_transport_dup_address (const ToolTransport *self, const char *ip)
{
  if (self->format == NULL)
    return NULL;
  if (g_str_has_prefix (self->format, "%s"))
    return g_strconcat (ip, self->format + strlen ("%s"), NULL);
  return g_strdup (self->format);
}
