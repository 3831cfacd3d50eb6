/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-enum-types.h>
#include <lp2p/lp2p-macros.h>
#include <lp2p/lp2p-version.h>

#include <lp2p/types/lp2p-config.h>
#include <lp2p/types/lp2p-error.h>
#include <lp2p/types/lp2p-identity.h>
#include <lp2p/types/lp2p-multiaddr.h>
#include <lp2p/types/lp2p-peer-id.h>
#include <lp2p/types/lp2p-public-key.h>
#include <lp2p/types/lp2p-ticket.h>

#include <lp2p/host/lp2p-file-key-store.h>
#include <lp2p/host/lp2p-host.h>
#include <lp2p/host/lp2p-kept-peer.h>
#include <lp2p/host/lp2p-key-stores.h>
#include <lp2p/host/lp2p-peer.h>
#include <lp2p/host/lp2p-settings.h>

#include <lp2p/interfaces/lp2p-connection.h>
#include <lp2p/interfaces/lp2p-datagrams.h>
#include <lp2p/interfaces/lp2p-extension.h>
#include <lp2p/interfaces/lp2p-gater.h>
#include <lp2p/interfaces/lp2p-interfaces-types.h>
#include <lp2p/interfaces/lp2p-key-info.h>
#include <lp2p/interfaces/lp2p-key-store.h>
#include <lp2p/interfaces/lp2p-log.h>
#include <lp2p/interfaces/lp2p-stream.h>

#include <lp2p/plugin/lp2p-descriptor.h>
#include <lp2p/plugin/lp2p-registry.h>
