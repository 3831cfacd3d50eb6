/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-noise-security.h"

LP2P_PLUGIN_DEFINE ({ "noise", lp2p_noise_security_get_type })
