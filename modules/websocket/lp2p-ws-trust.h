/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gnutls/gnutls.h>

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* The TLS of a dialer: whom it trusts, and the sessions that it makes. */
typedef struct _Lp2pWsTrust Lp2pWsTrust;

Lp2pWsTrust *lp2p_ws_trust_new (const char *ca_file, GError **error);
Lp2pWsTrust *lp2p_ws_trust_ref (Lp2pWsTrust *self);
void lp2p_ws_trust_unref (Lp2pWsTrust *self);
gnutls_session_t lp2p_ws_trust_new_session (Lp2pWsTrust *self, const char *name, GError **refusal, GError **error);
char *lp2p_ws_trust_explain (gnutls_session_t session);

/* What both sides configure alike. */
gnutls_session_t lp2p_ws_session_new (guint flags, gnutls_certificate_credentials_t credentials, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pWsTrust, lp2p_ws_trust_unref)

G_END_DECLS
