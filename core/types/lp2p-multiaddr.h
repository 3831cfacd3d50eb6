/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

/**
 * Lp2pProtocol:
 * @LP2P_PROTOCOL_IP4: an IPv4 address
 * @LP2P_PROTOCOL_TCP: a TCP port
 * @LP2P_PROTOCOL_IP6: an IPv6 address
 * @LP2P_PROTOCOL_IP6ZONE: the zone of the IPv6 address that follows
 * @LP2P_PROTOCOL_IPCIDR: the prefix length of the address before it
 * @LP2P_PROTOCOL_DNS: a host name with addresses of either family
 * @LP2P_PROTOCOL_DNS4: a host name of which IPv4 addresses are meant
 * @LP2P_PROTOCOL_DNS6: a host name of which IPv6 addresses are meant
 * @LP2P_PROTOCOL_DNSADDR: a domain whose TXT records are multiaddrs
 * @LP2P_PROTOCOL_UDP: a UDP port
 * @LP2P_PROTOCOL_WEBRTC_DIRECT: WebRTC without signalling
 * @LP2P_PROTOCOL_WEBRTC: WebRTC signalled over a relayed connection
 * @LP2P_PROTOCOL_P2P_CIRCUIT: a hop over the relay before it
 * @LP2P_PROTOCOL_UNIX: the path of a Unix socket
 * @LP2P_PROTOCOL_P2P: a peer id; also read as `ipfs`
 * @LP2P_PROTOCOL_TLS: TLS
 * @LP2P_PROTOCOL_SNI: the server name for the TLS before it
 * @LP2P_PROTOCOL_NOISE: Noise
 * @LP2P_PROTOCOL_QUIC: QUIC, draft 29
 * @LP2P_PROTOCOL_QUIC_V1: QUIC, RFC 9000
 * @LP2P_PROTOCOL_WEBTRANSPORT: WebTransport
 * @LP2P_PROTOCOL_CERTHASH: the multihash of a certificate
 * @LP2P_PROTOCOL_WS: WebSocket
 * @LP2P_PROTOCOL_WSS: WebSocket over TLS; `/tls/ws` is preferred
 * @LP2P_PROTOCOL_HTTP: HTTP
 * @LP2P_PROTOCOL_HTTP_PATH: the path of an HTTP resource
 * @LP2P_PROTOCOL_MEMORY: a port within this process
 *
 * The protocols a multiaddr is made of. The numbers are those of the multicodec
 * table.
 */
typedef enum
{
  LP2P_PROTOCOL_IP4 = 0x04,
  LP2P_PROTOCOL_TCP = 0x06,
  LP2P_PROTOCOL_IP6 = 0x29,
  LP2P_PROTOCOL_IP6ZONE = 0x2a,
  LP2P_PROTOCOL_IPCIDR = 0x2b,
  LP2P_PROTOCOL_DNS = 0x35,
  LP2P_PROTOCOL_DNS4 = 0x36,
  LP2P_PROTOCOL_DNS6 = 0x37,
  LP2P_PROTOCOL_DNSADDR = 0x38,
  LP2P_PROTOCOL_UDP = 0x0111,
  LP2P_PROTOCOL_WEBRTC_DIRECT = 0x0118,
  LP2P_PROTOCOL_WEBRTC = 0x0119,
  LP2P_PROTOCOL_P2P_CIRCUIT = 0x0122,
  LP2P_PROTOCOL_UNIX = 0x0190,
  LP2P_PROTOCOL_P2P = 0x01a5,
  LP2P_PROTOCOL_TLS = 0x01c0,
  LP2P_PROTOCOL_SNI = 0x01c1,
  LP2P_PROTOCOL_NOISE = 0x01c6,
  LP2P_PROTOCOL_QUIC = 0x01cc,
  LP2P_PROTOCOL_QUIC_V1 = 0x01cd,
  LP2P_PROTOCOL_WEBTRANSPORT = 0x01d1,
  LP2P_PROTOCOL_CERTHASH = 0x01d2,
  LP2P_PROTOCOL_WS = 0x01dd,
  LP2P_PROTOCOL_WSS = 0x01de,
  LP2P_PROTOCOL_HTTP = 0x01e0,
  LP2P_PROTOCOL_HTTP_PATH = 0x01e1,
  LP2P_PROTOCOL_MEMORY = 0x0309,
} Lp2pProtocol;

/**
 * LP2P_MULTIADDR_MAX_SIZE:
 *
 * The largest multiaddr that is accepted, in bytes of its binary form.
 */
#define LP2P_MULTIADDR_MAX_SIZE 2048

/**
 * LP2P_MULTIADDR_MAX_COMPONENTS:
 *
 * The most components a multiaddr may have.
 */
#define LP2P_MULTIADDR_MAX_COMPONENTS 64

LP2P_AVAILABLE_IN_1_0
const char *lp2p_protocol_get_name (Lp2pProtocol protocol);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_protocol_has_value (Lp2pProtocol protocol);

typedef struct _Lp2pMultiaddr Lp2pMultiaddr;

#define LP2P_TYPE_MULTIADDR (lp2p_multiaddr_get_type ())

LP2P_AVAILABLE_IN_1_0
GType lp2p_multiaddr_get_type (void) G_GNUC_CONST;

LP2P_AVAILABLE_IN_1_0
Lp2pMultiaddr *lp2p_multiaddr_new_from_string (const char *text, GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pMultiaddr *lp2p_multiaddr_new_from_bytes (const guint8 *data, gsize len, GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pMultiaddr *lp2p_multiaddr_new_from_socket_address (GSocketAddress *address,
                                                       Lp2pProtocol transport);

LP2P_AVAILABLE_IN_1_0
Lp2pMultiaddr *lp2p_multiaddr_ref (Lp2pMultiaddr *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_multiaddr_unref (Lp2pMultiaddr *self);

LP2P_AVAILABLE_IN_1_0
const char *lp2p_multiaddr_get_string (Lp2pMultiaddr *self);
LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_multiaddr_get_bytes (Lp2pMultiaddr *self);
LP2P_AVAILABLE_IN_1_0
const guint8 *lp2p_multiaddr_get_data (Lp2pMultiaddr *self, gsize *len);

LP2P_AVAILABLE_IN_1_0
gboolean lp2p_multiaddr_equal (gconstpointer a, gconstpointer b);
LP2P_AVAILABLE_IN_1_0
guint lp2p_multiaddr_hash (gconstpointer self);
LP2P_AVAILABLE_IN_1_0
int lp2p_multiaddr_compare (gconstpointer a, gconstpointer b);

LP2P_AVAILABLE_IN_1_0
guint lp2p_multiaddr_get_n_components (Lp2pMultiaddr *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_multiaddr_get_component (Lp2pMultiaddr *self,
                                       guint index,
                                       Lp2pProtocol *protocol,
                                       const guint8 **value,
                                       gsize *len);
LP2P_AVAILABLE_IN_1_0
char *lp2p_multiaddr_get_component_string (Lp2pMultiaddr *self, guint index);
LP2P_AVAILABLE_IN_1_0
int lp2p_multiaddr_find (Lp2pMultiaddr *self, Lp2pProtocol protocol, guint from);
LP2P_AVAILABLE_IN_1_0
int lp2p_multiaddr_find_last (Lp2pMultiaddr *self, Lp2pProtocol protocol);

LP2P_AVAILABLE_IN_1_0
Lp2pMultiaddr *lp2p_multiaddr_slice (Lp2pMultiaddr *self, guint from, guint to);
LP2P_AVAILABLE_IN_1_0
Lp2pMultiaddr *lp2p_multiaddr_concat (Lp2pMultiaddr *self, Lp2pMultiaddr *other);
LP2P_AVAILABLE_IN_1_0
Lp2pMultiaddr *lp2p_multiaddr_append (Lp2pMultiaddr *self,
                                      Lp2pProtocol protocol,
                                      const guint8 *value,
                                      gsize len,
                                      GError **error);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_multiaddr_has_prefix (Lp2pMultiaddr *self, Lp2pMultiaddr *prefix);

LP2P_AVAILABLE_IN_1_0
GSocketAddress *lp2p_multiaddr_get_socket_address (Lp2pMultiaddr *self, GError **error);
LP2P_AVAILABLE_IN_1_0
guint lp2p_multiaddr_count_socket (Lp2pMultiaddr *self, Lp2pProtocol transport);
LP2P_AVAILABLE_IN_1_0
guint lp2p_multiaddr_count_named_socket (Lp2pMultiaddr *self, Lp2pProtocol transport);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_multiaddr_is_ip (Lp2pMultiaddr *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_multiaddr_is_loopback (Lp2pMultiaddr *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_multiaddr_is_private (Lp2pMultiaddr *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_multiaddr_is_unspecified (Lp2pMultiaddr *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pMultiaddr, lp2p_multiaddr_unref)

G_END_DECLS
