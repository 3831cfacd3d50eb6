/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-tls-security.h"

LP2P_PLUGIN_DEFINE ({ "tls", lp2p_tls_security_get_type })
