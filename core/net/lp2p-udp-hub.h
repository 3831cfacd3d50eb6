/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-loop.h>
#include <lp2p/types/lp2p-multiaddr.h>

#include <sys/socket.h>
#include <netinet/in.h>

G_BEGIN_DECLS

#define LP2P_TYPE_UDP_HUB (lp2p_udp_hub_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (Lp2pUdpHub, lp2p_udp_hub, LP2P, UDP_HUB, GObject)

/**
 * Lp2pUdpClass:
 * @LP2P_UDP_STUN: first byte 0-3
 * @LP2P_UDP_DTLS: first byte 20-63
 * @LP2P_UDP_TURN: first byte 64-79
 * @LP2P_UDP_RTP: first byte 128-191
 * @LP2P_UDP_QUIC: 64-127 and 192-255; with the fixed bit greased, any
 *
 * What the first byte of a datagram says it is (RFC 9443).
 */
typedef enum
{
  LP2P_UDP_STUN = 1 << 0,
  LP2P_UDP_DTLS = 1 << 1,
  LP2P_UDP_TURN = 1 << 2,
  LP2P_UDP_RTP = 1 << 3,
  LP2P_UDP_QUIC = 1 << 4,
} Lp2pUdpClass;

/**
 * Lp2pUdpDatagram:
 * @data: borrowed until the receive function returns
 * @size: bytes
 * @segment_size: where the kernel joined several datagrams, the size of each
 *   but the last; otherwise @size
 * @remote: who sent it
 * @local: to whom it was sent, with the port of the socket
 * @ecn: the two ECN bits
 *
 * A datagram, or a train of them from one sender, that was received.
 */
typedef struct
{
  const guint8 *data;
  gsize size;
  gsize segment_size;
  const struct sockaddr_storage *remote;
  const struct sockaddr_storage *local;
  guint8 ecn;
  gpointer padding[2];
} Lp2pUdpDatagram;

typedef struct _Lp2pUdpSocket Lp2pUdpSocket;

/**
 * Lp2pUdpBindFlags:
 * @LP2P_UDP_BIND_SHARED: one socket for all that bind the address; with port 0
 *   the one that is bound to that address already, whatever its port
 * @LP2P_UDP_BIND_EXCLUSIVE: a socket of its own
 */
typedef enum
{
  LP2P_UDP_BIND_SHARED = 0,
  LP2P_UDP_BIND_EXCLUSIVE = 1 << 0,
} Lp2pUdpBindFlags;

typedef struct _Lp2pUdpUser Lp2pUdpUser;

/**
 * Lp2pUdpReceiver:
 * @receive: a batch, all read at @now; the order within a sender is kept
 * @owns_cid: (nullable): whether the bytes begin a QUIC packet for one of its
 *   connection ids, whatever their first byte says
 * @writable: (nullable): the socket can send again after a short send
 * @unreachable: (nullable): the network said that a remote address cannot be
 *   reached; @error is an errno
 * @addresses_changed: (nullable): an interface came or went under a wildcard
 * @closed: (nullable): the socket is lost
 *
 * A user of a shared UDP socket.
 */
typedef struct
{
  void (*receive) (Lp2pUdpSocket *socket, const Lp2pUdpDatagram *datagrams, guint n_datagrams, gint64 now, gpointer user_data);
  gboolean (*owns_cid) (Lp2pUdpSocket *socket, const guint8 *data, gsize size, gpointer user_data);
  void (*writable) (Lp2pUdpSocket *socket, gpointer user_data);
  void (*unreachable) (Lp2pUdpSocket *socket, const struct sockaddr *remote, int error, gpointer user_data);
  void (*addresses_changed) (Lp2pUdpSocket *socket, gpointer user_data);
  void (*closed) (Lp2pUdpSocket *socket, const GError *error, gpointer user_data);
  gpointer padding[4];
} Lp2pUdpReceiver;

/**
 * Lp2pUdpSend:
 * @data: the bytes of one or more datagrams
 * @size: their number
 * @segment_size: the size of each but the last
 * @remote: to whom
 * @local: (nullable): from which local address
 * @ecn: the two ECN bits
 *
 * Datagrams to one peer that leave together.
 */
typedef struct
{
  const guint8 *data;
  gsize size;
  gsize segment_size;
  const struct sockaddr *remote;
  const struct sockaddr *local;
  guint8 ecn;
  gpointer padding[2];
} Lp2pUdpSend;

LP2P_AVAILABLE_IN_1_0
Lp2pUdpHub *lp2p_udp_hub_new (Lp2pLoop *loop);
LP2P_AVAILABLE_IN_1_0
void lp2p_udp_hub_close (Lp2pUdpHub *self);
LP2P_AVAILABLE_IN_1_0
Lp2pUdpSocket *lp2p_udp_hub_bind (Lp2pUdpHub *self, GSocketAddress *address, Lp2pUdpBindFlags flags, GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pUdpSocket *lp2p_udp_hub_find (Lp2pUdpHub *self, const struct sockaddr *remote);
LP2P_AVAILABLE_IN_1_0
Lp2pUdpSocket *lp2p_udp_socket_ref (Lp2pUdpSocket *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_udp_socket_unref (Lp2pUdpSocket *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_udp_socket_get_id (Lp2pUdpSocket *self);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_udp_socket_get_addresses (Lp2pUdpSocket *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_udp_socket_get_local (Lp2pUdpSocket *self, const struct sockaddr *remote, struct sockaddr_storage *local);
LP2P_AVAILABLE_IN_1_0
Lp2pUdpUser *lp2p_udp_socket_add_user (Lp2pUdpSocket *self, Lp2pUdpClass classes, int priority, const Lp2pUdpReceiver *receiver, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
void lp2p_udp_socket_remove_user (Lp2pUdpSocket *self, Lp2pUdpUser *user);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_udp_socket_claim (Lp2pUdpSocket *self, Lp2pUdpUser *user, const struct sockaddr *remote, Lp2pUdpClass classes);
LP2P_AVAILABLE_IN_1_0
void lp2p_udp_socket_release (Lp2pUdpSocket *self, Lp2pUdpUser *user, const struct sockaddr *remote, Lp2pUdpClass classes);
LP2P_AVAILABLE_IN_1_0
guint lp2p_udp_socket_send (Lp2pUdpSocket *self, const Lp2pUdpSend *sends, guint n_sends, GError **error);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_udp_socket_has_gso (Lp2pUdpSocket *self);
LP2P_AVAILABLE_IN_1_0
gsize lp2p_udp_get_link_size (const struct sockaddr *remote);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_udp_is_on_link (const struct sockaddr *remote);
LP2P_AVAILABLE_IN_1_0
Lp2pUdpClass lp2p_udp_classify (guint8 first_byte);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pUdpSocket, lp2p_udp_socket_unref)

G_END_DECLS
