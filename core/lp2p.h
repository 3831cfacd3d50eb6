/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#define LP2P_INSIDE
#include <lp2p/lp2p-macros.h>
#include <lp2p/lp2p-version.h>
#undef LP2P_INSIDE
