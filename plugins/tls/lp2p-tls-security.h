/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

#define LP2P_TYPE_TLS_SECURITY (lp2p_tls_security_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pTlsSecurity, lp2p_tls_security, LP2P, TLS_SECURITY, Lp2pExtension)

G_END_DECLS
