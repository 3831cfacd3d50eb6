/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gnutls/gnutls.h>

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* Who the certificates of a peer prove. @expected may be NULL. Returns its key,
 * or NULL with LP2P_ERROR_HANDSHAKE or LP2P_ERROR_WRONG_PEER. */
Lp2pPublicKey *lp2p_tls_peer_verify (const gnutls_datum_t *certificates,
                                     guint n_certificates,
                                     gint64 now_unix,
                                     Lp2pPeerId *expected,
                                     GError **error);
/* Says what the codec says of certificates in the words of lp2p_tls_peer_verify().
 * @reason: (transfer full) */
void lp2p_tls_peer_refuse (GError **error, GError *reason);

G_END_DECLS
