/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#define LP2P_INSIDE
#include <lp2p/lp2p-macros.h>
#include <lp2p/lp2p-version.h>
#include <lp2p/types/lp2p-config.h>
#include <lp2p/types/lp2p-cursor.h>
#include <lp2p/types/lp2p-error.h>
#include <lp2p/types/lp2p-multiaddr.h>
#include <lp2p/types/lp2p-multibase.h>
#include <lp2p/types/lp2p-multihash.h>
#include <lp2p/types/lp2p-varint.h>
#undef LP2P_INSIDE
