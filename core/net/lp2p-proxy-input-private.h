/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What a proxy says until it has consented: bytes, or an error. GIO's proxies are not
 * prepared for an end: for SOCKS 4a they read on without pause, and half an HTTP
 * answer is as good to them as a whole one. */
#define LP2P_TYPE_PROXY_INPUT (lp2p_proxy_input_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pProxyInput, lp2p_proxy_input, LP2P, PROXY_INPUT, GFilterInputStream)

/* @base stays open when it is freed. */
GInputStream *lp2p_proxy_input_new (GInputStream *base);

G_END_DECLS
