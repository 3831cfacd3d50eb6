/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "transport-table.h"

#define PEER "12D3KooWGQ4ncdUVMSaVrWrCU1fyM8ZdcVvuWa7MdwqkUu4SSDo4"

#define MEMORY_ADDRESSES                                                                        \
  .plugin = "memory", .listen = "/memory/0", .refused = "/memory/77777",                        \
  .matches = { "/memory/1", "/memory/0", "/memory/18446744073709551615", "/memory/5/p2p/" PEER }, \
  .strange = { "/memory/1/tcp/2",                                                               \
               "/memory/1/p2p/" PEER "/p2p-circuit",                                            \
               "/memory/1/p2p-circuit",                                                         \
               "/memory/1/memory/2",                                                            \
               "/ip4/1.2.3.4/tcp/1",                                                            \
               "/p2p/" PEER,                                                                    \
               "/memory/1/p2p/" PEER "/p2p-circuit/p2p/" PEER }

#define QUIC_ADDRESSES                                                                                                \
  .plugin = "quic-v1", .real = TRUE, .timers = TRUE, .security = "tls", .muxer = "native",                            \
  .matches = { "/ip4/1.2.3.4/udp/5/quic-v1", "/ip6/::1/udp/0/quic-v1", "/ip4/1.2.3.4/udp/5/quic-v1/p2p/" PEER },      \
  .strange = { "/ip4/1.2.3.4/udp/5", "/ip4/1.2.3.4", "/ip4/1.2.3.4/udp/5/quic", "/ip4/1.2.3.4/tcp/5/quic-v1",         \
               "/ip4/1.2.3.4/udp/5/quic-v1/webtransport", "/ip4/1.2.3.4/udp/5/quic-v1/p2p/" PEER "/p2p-circuit",      \
               "/ip4/1.2.3.4/udp/5/quic-v1/p2p-circuit",                                                              \
               "/ip4/1.2.3.4/udp/5/quic-v1/p2p/" PEER "/p2p-circuit/p2p/" PEER, "/ip4/1.2.3.4/udp/5/webrtc-direct",   \
               "/dns4/example.org/udp/5/quic-v1", "/memory/5" }

const Lp2pTestTransport transport_cases[] = {
  { .name = "memory", MEMORY_ADDRESSES },
  { .name = "memory-slow",
    MEMORY_ADDRESSES,
    .config = "[plugin memory]\ndelay-ms=40\nshort-reads=3\nshort-writes=5\nloss=5\n" },
  { .name = "tcp",
    .plugin = "tcp",
    .real = TRUE,
    .listen = "/ip4/127.0.0.1/tcp/0",
    .refused = "/ip4/127.0.0.1/tcp/1",
    .matches = { "/ip4/1.2.3.4/tcp/5", "/ip6/::1/tcp/0", "/ip4/1.2.3.4/tcp/5/p2p/" PEER },
    .strange = { "/ip4/1.2.3.4/udp/5", "/ip4/1.2.3.4", "/ip4/1.2.3.4/tcp/5/ws", "/ip4/1.2.3.4/tcp/5/tls/ws",
                 "/ip4/1.2.3.4/udp/5/quic-v1", "/ip4/1.2.3.4/tcp/5/p2p/" PEER "/p2p-circuit",
                 "/ip4/1.2.3.4/tcp/5/p2p-circuit", "/ip4/1.2.3.4/tcp/5/p2p/" PEER "/p2p-circuit/p2p/" PEER,
                 "/memory/5", "/ip4/1.2.3.4/tcp/5/http" } },
  { .name = "quic", QUIC_ADDRESSES, .listen = "/ip4/127.0.0.1/udp/0/quic-v1", .refused = "/ip4/127.0.0.1/udp/1/quic-v1" },
  { .name = "quic-ip6", QUIC_ADDRESSES, .alike = TRUE, .listen = "/ip6/::1/udp/0/quic-v1",
    .refused = "/ip6/::1/udp/1/quic-v1" },
  { .name = "ws",
    .plugin = "ws",
    .real = TRUE,
    .alike = TRUE,
    .listen = "/ip4/127.0.0.1/tcp/0/ws",
    .refused = "/ip4/127.0.0.1/tcp/1/ws",
    .matches = { "/ip4/1.2.3.4/tcp/5/ws", "/ip6/::1/tcp/0/ws", "/ip4/1.2.3.4/tcp/5/ws/p2p/" PEER,
                 "/ip4/1.2.3.4/tcp/5/ws/http-path/a%2Fb", "/ip4/1.2.3.4/tcp/5/ws/http-path/a/p2p/" PEER },
    .strange = { "/ip4/1.2.3.4/tcp/5", "/ip4/1.2.3.4/udp/5/ws", "/ip4/1.2.3.4/tcp/5/tls/ws", "/ip4/1.2.3.4/tcp/5/wss",
                 "/ip4/1.2.3.4/tcp/5/ws/p2p/" PEER "/p2p-circuit", "/ip4/1.2.3.4/tcp/5/ws/p2p-circuit",
                 "/ip4/1.2.3.4/tcp/5/ws/ws", "/ip4/1.2.3.4/tcp/5/http/ws", "/dns4/example.org/tcp/5/ws",
                 "/ip4/1.2.3.4/tcp/5/http-path/a/ws", "/ip4/1.2.3.4/tcp/5/ws/http-path/a%00b", "/memory/5" } },
  { .name = "wss",
    .plugin = "wss",
    .real = TRUE,
    .alike = TRUE,
    .config = "[plugin wss]\ncertificate='" TLS_FIXTURES "/localhost.pem'\nprivate-key='" TLS_FIXTURES
              "/localhost-key.pem'\nca-file='" TLS_FIXTURES "/localhost.pem'\n",
    .listen = "/ip4/127.0.0.1/tcp/0/tls/ws",
    .refused = "/ip4/127.0.0.1/tcp/1/tls/ws",
    .matches = { "/ip4/1.2.3.4/tcp/5/tls/ws", "/ip6/::1/tcp/0/wss", "/ip4/1.2.3.4/tcp/5/wss/p2p/" PEER,
                 "/ip4/1.2.3.4/tcp/5/tls/sni/example.org/ws", "/ip4/1.2.3.4/tcp/5/tls/sni/example.org/ws/http-path/a" },
    .strange = { "/ip4/1.2.3.4/tcp/5", "/ip4/1.2.3.4/udp/5/wss", "/ip4/1.2.3.4/tcp/5/ws", "/ip4/1.2.3.4/tcp/5/tls",
                 "/ip4/1.2.3.4/tcp/5/tls/ws/p2p/" PEER "/p2p-circuit", "/ip4/1.2.3.4/tcp/5/tls/ws/p2p-circuit",
                 "/ip4/1.2.3.4/tcp/5/tls/wss", "/ip4/1.2.3.4/tcp/5/sni/example.org/ws", "/ip4/1.2.3.4/tcp/5/wss/ws",
                 "/dns4/example.org/tcp/5/wss", "/memory/5" } },
};

const guint n_transport_cases = G_N_ELEMENTS (transport_cases);
