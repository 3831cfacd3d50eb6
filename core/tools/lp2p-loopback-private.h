/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which address a transport listens on when nobody has named one. The transports
 * of lp2p itself are known here; one that somebody else wrote has to be told. */

#include "tools/lp2p-tool-private.h"

G_BEGIN_DECLS

typedef enum
{
  /* Security and muxing are its own: it takes no others. */
  TOOL_TRANSPORT_NATIVE = 1 << 0,
  /* Does not leave the process. */
  TOOL_TRANSPORT_SAME_PROCESS = 1 << 1,
  /* Needs a third peer, so two alone cannot show it. */
  TOOL_TRANSPORT_NEEDS_RELAY = 1 << 2,
} ToolTransportFlags;

typedef struct
{
  const char *name;
  ToolTransportFlags flags;
  const char *format; /* with a %s for the address of the interface */
  Lp2pProtocol markers[2]; /* of its addresses, the second one may be 0 */
} ToolTransport;

const ToolTransport *tool_find_transport (const char *name);
const ToolTransport *tool_find_transport_for (Lp2pMultiaddr *address);
char *tool_transport_dup_address (const ToolTransport *self, const char *ip);

G_END_DECLS
