/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What names the types of GnuTLS builds with what the plugin's pkg-config file names,
 * and nothing else. It is not run. */

#include <lp2p/lp2p-plugin.h>
#include <lp2p/net/lp2p-gnutls-layer.h>

int
main (void)
{
  Lp2pLayer *lower = NULL;
  gnutls_session_t session;

  gnutls_init (&session, GNUTLS_CLIENT);
  return lp2p_gnutls_layer_new (lower, session) == NULL;
}
