/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* What an address says: a socket, which may have a name for a proxy to look up, whether
 * TLS comes first, for which server name, and which path is asked for. */
typedef struct
{
  guint end; /* how many components there are before the peer id */
  guint16 port;
  gboolean named;
  gboolean secure;
  char *host;        /* a name where it is named, else an IP address */
  char *server_name; /* or NULL */
  char *path;        /* unescaped, or NULL for the root */
} Lp2pWsAddress;

gboolean lp2p_ws_address_parse (Lp2pWsAddress *self, Lp2pMultiaddr *address);
void lp2p_ws_address_clear (Lp2pWsAddress *self);
Lp2pMultiaddr *lp2p_ws_address_make_suffix (const Lp2pWsAddress *self);
char *lp2p_ws_address_make_host (const Lp2pWsAddress *self, const char *host);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Lp2pWsAddress, lp2p_ws_address_clear)

G_END_DECLS
