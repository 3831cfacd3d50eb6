/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-stream.h>
#include <lp2p/types/lp2p-multiaddr.h>
#include <lp2p/types/lp2p-peer-id.h>
#include <lp2p/types/lp2p-public-key.h>

G_BEGIN_DECLS

#define LP2P_TYPE_CONNECTION (lp2p_connection_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (Lp2pConnection, lp2p_connection, LP2P, CONNECTION, GObject)

/**
 * Lp2pConnectionState:
 * @LP2P_CONNECTION_CONNECTING: being made
 * @LP2P_CONNECTION_EARLY: streams can be opened, their bytes may be replayed
 * @LP2P_CONNECTION_READY: the peer is verified
 * @LP2P_CONNECTION_CLOSING: no new streams, open ones may finish
 * @LP2P_CONNECTION_CLOSED: over
 *
 * How far a connection has come. It only goes forward.
 */
typedef enum
{
  LP2P_CONNECTION_CONNECTING,
  LP2P_CONNECTION_EARLY,
  LP2P_CONNECTION_READY,
  LP2P_CONNECTION_CLOSING,
  LP2P_CONNECTION_CLOSED,
} Lp2pConnectionState;

/**
 * Lp2pCode:
 * @LP2P_CODE_NONE: no reason
 * @LP2P_CODE_CONNECTION_PROTOCOL_NEGOTIATION_FAILED: no common protocol
 * @LP2P_CODE_CONNECTION_RESOURCE_LIMIT: a limit was reached
 * @LP2P_CODE_CONNECTION_RATE_LIMITED: too much at once
 * @LP2P_CODE_CONNECTION_PROTOCOL_VIOLATION: the peer broke a protocol
 * @LP2P_CODE_CONNECTION_SUPPLANTED: another connection took its place
 * @LP2P_CODE_CONNECTION_GARBAGE_COLLECTED: nobody needed it
 * @LP2P_CODE_CONNECTION_SHUTDOWN: the host closes
 * @LP2P_CODE_CONNECTION_GATED: the gater refused the peer
 * @LP2P_CODE_CONNECTION_CODE_OUT_OF_RANGE: the reason has no code of its own
 * @LP2P_CODE_STREAM_PROTOCOL_NEGOTIATION_FAILED: no common protocol
 * @LP2P_CODE_STREAM_RESOURCE_LIMIT: a limit was reached
 * @LP2P_CODE_STREAM_RATE_LIMITED: too much at once
 * @LP2P_CODE_STREAM_PROTOCOL_VIOLATION: the peer broke a protocol
 * @LP2P_CODE_STREAM_SUPPLANTED: another stream took its place
 * @LP2P_CODE_STREAM_GARBAGE_COLLECTED: nobody needed it
 * @LP2P_CODE_STREAM_SHUTDOWN: the host closes
 * @LP2P_CODE_STREAM_GATED: the gater refused the peer
 * @LP2P_CODE_STREAM_CODE_OUT_OF_RANGE: the reason has no code of its own
 *
 * Codes that tell a peer why a connection or a stream ended. They are what
 * go-libp2p sends; no specification has them yet. Those of connections and those
 * of streams overlap: which is meant depends on what ended.
 */
typedef enum
{
  LP2P_CODE_NONE = 0,
  LP2P_CODE_CONNECTION_PROTOCOL_NEGOTIATION_FAILED = 0x1000,
  LP2P_CODE_CONNECTION_RESOURCE_LIMIT = 0x1001,
  LP2P_CODE_CONNECTION_RATE_LIMITED = 0x1002,
  LP2P_CODE_CONNECTION_PROTOCOL_VIOLATION = 0x1003,
  LP2P_CODE_CONNECTION_SUPPLANTED = 0x1004,
  LP2P_CODE_CONNECTION_GARBAGE_COLLECTED = 0x1005,
  LP2P_CODE_CONNECTION_SHUTDOWN = 0x1006,
  LP2P_CODE_CONNECTION_GATED = 0x1007,
  LP2P_CODE_CONNECTION_CODE_OUT_OF_RANGE = 0x1008,
  LP2P_CODE_STREAM_PROTOCOL_NEGOTIATION_FAILED = 0x1001,
  LP2P_CODE_STREAM_RESOURCE_LIMIT = 0x1002,
  LP2P_CODE_STREAM_RATE_LIMITED = 0x1003,
  LP2P_CODE_STREAM_PROTOCOL_VIOLATION = 0x1004,
  LP2P_CODE_STREAM_SUPPLANTED = 0x1005,
  LP2P_CODE_STREAM_GARBAGE_COLLECTED = 0x1006,
  LP2P_CODE_STREAM_SHUTDOWN = 0x1007,
  LP2P_CODE_STREAM_GATED = 0x1008,
  LP2P_CODE_STREAM_CODE_OUT_OF_RANGE = 0x1009,
} Lp2pCode;

LP2P_AVAILABLE_IN_1_0
char *lp2p_connection_code_to_string (guint32 code);
LP2P_AVAILABLE_IN_1_0
guint64 lp2p_connection_get_id (Lp2pConnection *self);
LP2P_AVAILABLE_IN_1_0
Lp2pConnectionState lp2p_connection_get_state (Lp2pConnection *self);
LP2P_AVAILABLE_IN_1_0
Lp2pPeerId *lp2p_connection_get_remote_peer (Lp2pConnection *self);
LP2P_AVAILABLE_IN_1_0
Lp2pPublicKey *lp2p_connection_get_remote_key (Lp2pConnection *self);
LP2P_AVAILABLE_IN_1_0
Lp2pMultiaddr *lp2p_connection_get_local_address (Lp2pConnection *self);
LP2P_AVAILABLE_IN_1_0
Lp2pMultiaddr *lp2p_connection_get_remote_address (Lp2pConnection *self);
LP2P_AVAILABLE_IN_1_0
Lp2pRole lp2p_connection_get_direction (Lp2pConnection *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_connection_get_transport (Lp2pConnection *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_connection_get_security (Lp2pConnection *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_connection_get_muxer (Lp2pConnection *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_connection_get_socket_id (Lp2pConnection *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_connection_get_limited (Lp2pConnection *self);
LP2P_AVAILABLE_IN_1_0
gint64 lp2p_connection_get_rtt (Lp2pConnection *self);
LP2P_AVAILABLE_IN_1_0
guint64 lp2p_connection_get_bytes_read (Lp2pConnection *self);
LP2P_AVAILABLE_IN_1_0
guint64 lp2p_connection_get_bytes_written (Lp2pConnection *self);
LP2P_AVAILABLE_IN_1_0
guint lp2p_connection_get_n_streams (Lp2pConnection *self);
LP2P_AVAILABLE_IN_1_0
const GError *lp2p_connection_get_error (Lp2pConnection *self);
LP2P_AVAILABLE_IN_1_0
GObject *lp2p_connection_get_capability (Lp2pConnection *self, GType interface_type);

LP2P_AVAILABLE_IN_1_0
void lp2p_connection_open_stream_async (Lp2pConnection *self,
                                        const char *const *protocols,
                                        Lp2pStreamFlags flags,
                                        GCancellable *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer user_data);
LP2P_AVAILABLE_IN_1_0
Lp2pStream *lp2p_connection_open_stream_finish (Lp2pConnection *self, GAsyncResult *result, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_connection_close_async (Lp2pConnection *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_connection_close_finish (Lp2pConnection *self, GAsyncResult *result, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_connection_abort (Lp2pConnection *self, guint32 code);

G_END_DECLS
