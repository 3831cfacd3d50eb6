/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An address that a peer or a record may tell, as text: what is dialed reads the same
 * once it is written in the form that is told to others. */

#include "lp2p-ws-address.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check_preferred (const Lp2pWsAddress *self, Lp2pMultiaddr *address)
{
  guint n = MAX (lp2p_multiaddr_count_socket (address, LP2P_PROTOCOL_TCP),
                 lp2p_multiaddr_count_named_socket (address, LP2P_PROTOCOL_TCP));
  g_autoptr (Lp2pMultiaddr) suffix = lp2p_ws_address_make_suffix (self);
  g_autoptr (Lp2pMultiaddr) socket = lp2p_multiaddr_slice (address, 0, n);
  g_autoptr (Lp2pMultiaddr) preferred = lp2p_multiaddr_concat (socket, suffix);
  g_auto (Lp2pWsAddress) again = { 0 };

  g_assert (lp2p_ws_address_parse (&again, preferred));
  g_assert (again.named == self->named && again.secure == self->secure && again.port == self->port);
  g_assert (strcmp (again.host, self->host) == 0);
  g_assert (g_strcmp0 (again.server_name, self->server_name) == 0 && g_strcmp0 (again.path, self->path) == 0);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_auto (Lp2pWsAddress) parsed = { 0 };
  g_autofree char *host = NULL;

  if (address == NULL)
    return 0;
  if (!lp2p_ws_address_parse (&parsed, address))
    {
      g_assert (parsed.host == NULL && parsed.server_name == NULL && parsed.path == NULL);
      return 0;
    }
  g_assert (parsed.end >= 3 && parsed.end <= lp2p_multiaddr_get_n_components (address));
  g_assert (parsed.host != NULL && parsed.host[0] != '\0');
  check_preferred (&parsed, address);
  host = lp2p_ws_address_make_host (&parsed, parsed.server_name != NULL ? parsed.server_name : parsed.host);
  g_assert (host[0] != '\0');
  return 0;
}
