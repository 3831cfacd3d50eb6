/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/lp2p-loopback-private.h"

#include <string.h>

static const ToolTransport transports[] = {
  { "tcp", 0, "%s/tcp/0" },
  { "ws", 0, "%s/tcp/0/ws" },
  { "wss", 0, "%s/tcp/0/tls/ws" },
  { "quic-v1", TOOL_TRANSPORT_NATIVE, "%s/udp/0/quic-v1" },
  { "webtransport", TOOL_TRANSPORT_NATIVE, "%s/udp/0/quic-v1/webtransport" },
  { "webrtc-direct", TOOL_TRANSPORT_NATIVE, "%s/udp/0/webrtc-direct" },
  { "memory", TOOL_TRANSPORT_SAME_PROCESS, "/memory/1" },
  { "circuit", TOOL_TRANSPORT_NEEDS_RELAY, NULL },
  { "webrtc", TOOL_TRANSPORT_NATIVE | TOOL_TRANSPORT_NEEDS_RELAY, NULL },
};

const ToolTransport *
tool_find_transport (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (transports); i++)
    if (g_str_equal (transports[i].name, name))
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
