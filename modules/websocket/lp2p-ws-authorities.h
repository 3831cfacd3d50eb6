/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-ws-trust.h"

G_BEGIN_DECLS

/* The authorities that dialers trust, as they are by now. */
typedef struct _Lp2pWsAuthorities Lp2pWsAuthorities;

/* @ca_file: certificates in PEM, or "" for those that the system trusts. Nothing is read
 * before somebody dials. */
Lp2pWsAuthorities *lp2p_ws_authorities_new (Lp2pLoop *loop, const char *ca_file);
void lp2p_ws_authorities_free (Lp2pWsAuthorities *self);
/* Returns: (transfer none) (nullable) */
Lp2pWsTrust *lp2p_ws_authorities_get (Lp2pWsAuthorities *self, GError **error);

G_END_DECLS
