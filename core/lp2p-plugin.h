/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All that a loadable object may use. */

#include <lp2p/lp2p.h>

#include <lp2p/types/lp2p-cursor.h>
#include <lp2p/types/lp2p-envelope.h>
#include <lp2p/types/lp2p-multibase.h>
#include <lp2p/types/lp2p-multihash.h>
#include <lp2p/types/lp2p-peer-record.h>
#include <lp2p/types/lp2p-quote.h>
#include <lp2p/types/lp2p-varint.h>

#include <lp2p/codec/lp2p-codec-error.h>
#include <lp2p/codec/lp2p-multistream.h>
#include <lp2p/codec/lp2p-noise-cipher.h>
#include <lp2p/codec/lp2p-noise.h>
#include <lp2p/codec/lp2p-tls-extension.h>

#include <lp2p/net/lp2p-byte-queue.h>
#include <lp2p/net/lp2p-flush-hold.h>
#include <lp2p/net/lp2p-held.h>
#include <lp2p/net/lp2p-io-stream-layer.h>
#include <lp2p/net/lp2p-layer-io-stream.h>
#include <lp2p/net/lp2p-layer.h>
#include <lp2p/net/lp2p-loop.h>
#include <lp2p/net/lp2p-multistream-layer.h>
#include <lp2p/net/lp2p-socket-layer.h>
#include <lp2p/net/lp2p-tcp-hub.h>
#include <lp2p/net/lp2p-udp-hub.h>
#include <lp2p/net/lp2p-vector-cursor.h>

#include <lp2p/interfaces/lp2p-context.h>
#include <lp2p/interfaces/lp2p-datagrams.h>
#include <lp2p/interfaces/lp2p-dialing.h>
#include <lp2p/interfaces/lp2p-discovery.h>
#include <lp2p/interfaces/lp2p-framed-session.h>
#include <lp2p/interfaces/lp2p-listener.h>
#include <lp2p/interfaces/lp2p-loadable-types.h>
#include <lp2p/interfaces/lp2p-muxer.h>
#include <lp2p/interfaces/lp2p-ports.h>
#include <lp2p/interfaces/lp2p-queued-session.h>
#include <lp2p/interfaces/lp2p-raw-connection.h>
#include <lp2p/interfaces/lp2p-security-handshake.h>
#include <lp2p/interfaces/lp2p-security.h>
#include <lp2p/interfaces/lp2p-service.h>
#include <lp2p/interfaces/lp2p-tcp-port.h>
#include <lp2p/interfaces/lp2p-transport.h>

#include <lp2p/plugin/lp2p-loader.h>
#include <lp2p/plugin/lp2p-plugin-info.h>
