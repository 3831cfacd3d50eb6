/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

typedef struct _Lp2pConnection Lp2pConnection;
typedef struct _Lp2pStream Lp2pStream;

/**
 * Lp2pRole:
 * @LP2P_ROLE_UNSET: in options: whatever the connection's own role is
 * @LP2P_ROLE_INITIATOR: speaks first: TCP or QUIC client, TLS client, Noise
 *   initiator, odd yamux stream ids
 * @LP2P_ROLE_RESPONDER: the other side
 *
 * A side of a protocol. Transport, security, DTLS and muxer each have a role of
 * their own on one connection: a hole punch can make the dialer of the
 * transport the responder of the security protocol.
 */
typedef enum
{
  LP2P_ROLE_UNSET,
  LP2P_ROLE_INITIATOR,
  LP2P_ROLE_RESPONDER,
} Lp2pRole;

/**
 * Lp2pReachability:
 * @LP2P_REACHABILITY_UNKNOWN: not tested yet
 * @LP2P_REACHABILITY_PUBLIC: others can dial in
 * @LP2P_REACHABILITY_PRIVATE: they cannot
 *
 * Whether an address, or the host, can be dialed by strangers.
 */
typedef enum
{
  LP2P_REACHABILITY_UNKNOWN,
  LP2P_REACHABILITY_PUBLIC,
  LP2P_REACHABILITY_PRIVATE,
} Lp2pReachability;

/**
 * Lp2pError:
 * @LP2P_ERROR_FAILED: a failure that no other code names
 * @LP2P_ERROR_PROTOCOL: the peer broke a protocol
 * @LP2P_ERROR_NOT_SUPPORTED: the peer or this host does not speak the protocol
 * @LP2P_ERROR_WRONG_PEER: another peer answered than the one expected
 * @LP2P_ERROR_HANDSHAKE: a handshake failed
 * @LP2P_ERROR_NO_TRANSPORT: no enabled transport can use the address
 * @LP2P_ERROR_NO_ADDRESS: no address of the peer is known
 * @LP2P_ERROR_LIMIT: a limit of this host was reached
 * @LP2P_ERROR_REFUSED_BY_GATER: the application's gater refused
 * @LP2P_ERROR_RESET: the stream was reset by the peer
 * @LP2P_ERROR_CONNECTION_LOST: the connection below ended
 * @LP2P_ERROR_PLUGIN: a loadable object cannot be used
 * @LP2P_ERROR_WRONG_THREAD: called outside the host's main context
 * @LP2P_ERROR_SAME_ROLE: both sides began a handshake, as when each has dialed the
 *   other and TCP made one connection of the two
 *
 * Errors of connections, streams and plugins. Plain I/O conditions stay
 * `G_IO_ERROR`.
 */
typedef enum
{
  LP2P_ERROR_FAILED,
  LP2P_ERROR_PROTOCOL,
  LP2P_ERROR_NOT_SUPPORTED,
  LP2P_ERROR_WRONG_PEER,
  LP2P_ERROR_HANDSHAKE,
  LP2P_ERROR_NO_TRANSPORT,
  LP2P_ERROR_NO_ADDRESS,
  LP2P_ERROR_LIMIT,
  LP2P_ERROR_REFUSED_BY_GATER,
  LP2P_ERROR_RESET,
  LP2P_ERROR_CONNECTION_LOST,
  LP2P_ERROR_PLUGIN,
  LP2P_ERROR_WRONG_THREAD,
  LP2P_ERROR_SAME_ROLE,
} Lp2pError;

#define LP2P_ERROR (lp2p_error_quark ())
LP2P_AVAILABLE_IN_1_0
GQuark lp2p_error_quark (void);

G_END_DECLS
