/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

#define LP2P_TYPE_NOISE_SECURITY (lp2p_noise_security_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pNoiseSecurity, lp2p_noise_security, LP2P, NOISE_SECURITY, Lp2pExtension)

G_END_DECLS
