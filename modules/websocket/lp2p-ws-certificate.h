/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gnutls/gnutls.h>

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* The TLS of a listener: the certificate that it shows, as it is in its files. */
typedef struct _Lp2pWsCertificate Lp2pWsCertificate;

/* What a session needs as long as its handshake lasts. */
typedef struct _Lp2pWsShown Lp2pWsShown;

Lp2pWsCertificate *lp2p_ws_certificate_new (Lp2pLoop *loop,
                                            const char *certificate_file,
                                            const char *key_file,
                                            const char *server_name,
                                            GError **error);
void lp2p_ws_certificate_free (Lp2pWsCertificate *self);
gnutls_session_t lp2p_ws_certificate_new_session (Lp2pWsCertificate *self, Lp2pWsShown **shown, GError **error);
void lp2p_ws_shown_unref (Lp2pWsShown *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pWsCertificate, lp2p_ws_certificate_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pWsShown, lp2p_ws_shown_unref)

G_END_DECLS
