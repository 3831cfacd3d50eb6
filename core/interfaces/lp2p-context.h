/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-connection.h>
#include <lp2p/interfaces/lp2p-loadable-types.h>
#include <lp2p/interfaces/lp2p-raw-connection.h>
#include <lp2p/interfaces/lp2p-transport.h>
#include <lp2p/net/lp2p-loop.h>
#include <lp2p/net/lp2p-tcp-hub.h>
#include <lp2p/net/lp2p-udp-hub.h>
#include <lp2p/types/lp2p-config.h>
#include <lp2p/types/lp2p-identity.h>

G_BEGIN_DECLS

/**
 * Lp2pPeerInfo:
 * @protocols: (nullable): what the peer serves
 * @addresses: (nullable) (element-type Lp2pMultiaddr): where it listens
 * @signed_record: (nullable): the envelope with which the peer certifies addresses;
 *   where it is valid, not older than the last and has any, @addresses are not
 *   looked at
 * @agent_version: (nullable): what it runs
 * @protocol_version: (nullable): which family of protocols
 * @lifetime: for how many seconds @addresses hold, 0 for the default
 *
 * What a peer said of itself; a %NULL member leaves what is known as it is.
 */
typedef struct
{
  const char *const *protocols;
  GPtrArray *addresses;
  GBytes *signed_record;
  const char *agent_version;
  const char *protocol_version;
  gint64 lifetime;
  /*< private >*/
  gpointer padding[4];
} Lp2pPeerInfo;

/**
 * Lp2pPeerDataFlags:
 * @LP2P_PEER_DATA_PERSISTENT: keep it on disk where the host has a peer store
 *   there
 * @LP2P_PEER_DATA_SECRET: wipe it from memory when it goes
 */
typedef enum
{
  LP2P_PEER_DATA_NONE = 0,
  LP2P_PEER_DATA_PERSISTENT = 1 << 0,
  LP2P_PEER_DATA_SECRET = 1 << 1,
} Lp2pPeerDataFlags;

/**
 * Lp2pHandshake: (skip)
 *
 * An inbound handshake that a transport makes by itself, as the host counts it.
 */
typedef struct _Lp2pHandshake Lp2pHandshake;

/**
 * Lp2pHandshakeGiveUp: (skip)
 * @user_data: as given
 *
 * Another one takes the place of a handshake, which is to end.
 */
typedef void (*Lp2pHandshakeGiveUp) (gpointer user_data);

#define LP2P_TYPE_CONTEXT (lp2p_context_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE (Lp2pContext, lp2p_context, LP2P, CONTEXT, GObject)

/**
 * Lp2pContextInterface:
 *
 * All that a loadable object is given of the host. Each member is described at
 * the function of the same name.
 */
struct _Lp2pContextInterface
{
  GTypeInterface parent_iface;

  Lp2pLoop *(*get_loop) (Lp2pContext *self);
  Lp2pIdentity *(*get_identity) (Lp2pContext *self);
  Lp2pConfig *(*get_config) (Lp2pContext *self);
  void (*get_random) (Lp2pContext *self, gpointer buffer, gsize size);
  Lp2pTcpHub *(*get_tcp_hub) (Lp2pContext *self);
  Lp2pUdpHub *(*get_udp_hub) (Lp2pContext *self);

  gboolean (*reserve_memory) (Lp2pContext *self, gsize held, gsize size);
  void (*release_memory) (Lp2pContext *self, gsize size);

  gboolean (*begin_inbound) (Lp2pContext *self, const char *transport, Lp2pMultiaddr *remote_address, GError **error);
  void (*end_inbound) (Lp2pContext *self, const char *transport, Lp2pMultiaddr *remote_address);
  void (*offer_inbound) (Lp2pContext *self, Lp2pRawConnection *raw);
  void (*upgrade_async) (Lp2pContext *self, Lp2pRawConnection *raw, const Lp2pDialOptions *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  Lp2pConnection *(*upgrade_finish) (Lp2pContext *self, GAsyncResult *result, GError **error);
  void (*connect_async) (Lp2pContext *self, Lp2pPeerId *peer, GPtrArray *addresses, const Lp2pDialOptions *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  Lp2pConnection *(*connect_finish) (Lp2pContext *self, GAsyncResult *result, GError **error);
  void (*open_stream_async) (Lp2pContext *self, Lp2pPeerId *peer, const char *const *protocols, Lp2pStreamFlags flags, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  Lp2pStream *(*open_stream_finish) (Lp2pContext *self, GAsyncResult *result, GError **error);
  void (*set_stream_handler) (Lp2pContext *self, const char *protocol, Lp2pHandlerFlags flags, Lp2pStreamHandler handler, gpointer user_data, GDestroyNotify destroy);
  void (*remove_stream_handler) (Lp2pContext *self, const char *protocol);

  GStrv (*dup_protocols) (Lp2pContext *self);
  GPtrArray *(*dup_addresses) (Lp2pContext *self);
  GPtrArray *(*dup_connections) (Lp2pContext *self, Lp2pPeerId *peer);
  void (*add_observed_address) (Lp2pContext *self, Lp2pConnection *connection, Lp2pMultiaddr *address);
  void (*add_mapped_address) (Lp2pContext *self, const char *socket_id, Lp2pMultiaddr *address, gboolean present);

  GPtrArray *(*dup_listeners) (Lp2pContext *self);
  GPtrArray *(*dup_observed_addresses) (Lp2pContext *self, const char *socket_id);
  void (*set_reachability) (Lp2pContext *self, Lp2pMultiaddr *address, Lp2pReachability reachability);
  Lp2pReachability (*get_reachability) (Lp2pContext *self, Lp2pMultiaddr *address);
  void (*hold_connection) (Lp2pContext *self, Lp2pConnection *connection, const char *tag, gboolean hold);
  void (*report_rtt) (Lp2pContext *self, Lp2pConnection *connection, gint64 rtt);

  void (*resolve_async) (Lp2pContext *self, Lp2pMultiaddr *address, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  GPtrArray *(*resolve_finish) (Lp2pContext *self, GAsyncResult *result, GError **error);

  void (*update_peer) (Lp2pContext *self, Lp2pPeerId *peer, const Lp2pPeerInfo *info);
  GPtrArray *(*dup_peer_addresses) (Lp2pContext *self, Lp2pPeerId *peer);
  GStrv (*dup_peer_protocols) (Lp2pContext *self, Lp2pPeerId *peer);
  GBytes *(*get_peer_data) (Lp2pContext *self, Lp2pPeerId *peer, const char *plugin, const char *key);
  void (*set_peer_data) (Lp2pContext *self, Lp2pPeerId *peer, const char *plugin, const char *key, GBytes *data, gint64 lifetime, Lp2pPeerDataFlags flags);

  gboolean (*is_crowded) (Lp2pContext *self, Lp2pMultiaddr *remote_address);
  Lp2pHandshake *(*begin_handshake) (Lp2pContext *self, const char *transport, Lp2pMultiaddr *remote_address, Lp2pHandshakeGiveUp give_up, gpointer user_data, GError **error);
  void (*advance_handshake) (Lp2pContext *self, Lp2pHandshake *handshake);
  void (*end_handshake) (Lp2pContext *self, Lp2pHandshake *handshake);
  gboolean (*pass_on_handshake) (Lp2pContext *self, Lp2pHandshake *handshake);

  /*< private >*/
  gpointer padding[11];
};

LP2P_AVAILABLE_IN_1_0
Lp2pLoop *lp2p_context_get_loop (Lp2pContext *self);
LP2P_AVAILABLE_IN_1_0
Lp2pIdentity *lp2p_context_get_identity (Lp2pContext *self);
LP2P_AVAILABLE_IN_1_0
Lp2pConfig *lp2p_context_get_config (Lp2pContext *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_get_random (Lp2pContext *self, gpointer buffer, gsize size);
LP2P_AVAILABLE_IN_1_0
Lp2pTcpHub *lp2p_context_get_tcp_hub (Lp2pContext *self);
LP2P_AVAILABLE_IN_1_0
Lp2pUdpHub *lp2p_context_get_udp_hub (Lp2pContext *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_context_reserve_memory (Lp2pContext *self, gsize held, gsize size);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_release_memory (Lp2pContext *self, gsize size);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_offer_inbound (Lp2pContext *self, Lp2pRawConnection *raw);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_upgrade_async (Lp2pContext *self, Lp2pRawConnection *raw, const Lp2pDialOptions *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
Lp2pConnection *lp2p_context_upgrade_finish (Lp2pContext *self, GAsyncResult *result, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_connect_async (Lp2pContext *self, Lp2pPeerId *peer, GPtrArray *addresses, const Lp2pDialOptions *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
Lp2pConnection *lp2p_context_connect_finish (Lp2pContext *self, GAsyncResult *result, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_open_stream_async (Lp2pContext *self, Lp2pPeerId *peer, const char *const *protocols, Lp2pStreamFlags flags, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
Lp2pStream *lp2p_context_open_stream_finish (Lp2pContext *self, GAsyncResult *result, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_set_stream_handler (Lp2pContext *self, const char *protocol, Lp2pHandlerFlags flags, Lp2pStreamHandler handler, gpointer user_data, GDestroyNotify destroy);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_remove_stream_handler (Lp2pContext *self, const char *protocol);
LP2P_AVAILABLE_IN_1_0
GStrv lp2p_context_dup_protocols (Lp2pContext *self);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_context_dup_addresses (Lp2pContext *self);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_context_dup_connections (Lp2pContext *self, Lp2pPeerId *peer);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_add_observed_address (Lp2pContext *self, Lp2pConnection *connection, Lp2pMultiaddr *address);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_add_mapped_address (Lp2pContext *self, const char *socket_id, Lp2pMultiaddr *address, gboolean present);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_update_peer (Lp2pContext *self, Lp2pPeerId *peer, const Lp2pPeerInfo *info);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_context_dup_peer_addresses (Lp2pContext *self, Lp2pPeerId *peer);
LP2P_AVAILABLE_IN_1_0
GStrv lp2p_context_dup_peer_protocols (Lp2pContext *self, Lp2pPeerId *peer);
LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_context_get_peer_data (Lp2pContext *self, Lp2pPeerId *peer, const char *plugin, const char *key);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_set_peer_data (Lp2pContext *self, Lp2pPeerId *peer, const char *plugin, const char *key, GBytes *data, gint64 lifetime, Lp2pPeerDataFlags flags);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_context_begin_inbound (Lp2pContext *self, const char *transport, Lp2pMultiaddr *remote_address, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_end_inbound (Lp2pContext *self, const char *transport, Lp2pMultiaddr *remote_address);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_context_is_crowded (Lp2pContext *self, Lp2pMultiaddr *remote_address);
LP2P_AVAILABLE_IN_1_0
Lp2pHandshake *lp2p_context_begin_handshake (Lp2pContext *self, const char *transport, Lp2pMultiaddr *remote_address, Lp2pHandshakeGiveUp give_up, gpointer user_data, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_advance_handshake (Lp2pContext *self, Lp2pHandshake *handshake);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_end_handshake (Lp2pContext *self, Lp2pHandshake *handshake);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_context_pass_on_handshake (Lp2pContext *self, Lp2pHandshake *handshake);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_context_dup_listeners (Lp2pContext *self);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_context_dup_observed_addresses (Lp2pContext *self, const char *socket_id);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_set_reachability (Lp2pContext *self, Lp2pMultiaddr *address, Lp2pReachability reachability);
LP2P_AVAILABLE_IN_1_0
Lp2pReachability lp2p_context_get_reachability (Lp2pContext *self, Lp2pMultiaddr *address);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_hold_connection (Lp2pContext *self, Lp2pConnection *connection, const char *tag, gboolean hold);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_report_rtt (Lp2pContext *self, Lp2pConnection *connection, gint64 rtt);
LP2P_AVAILABLE_IN_1_0
void lp2p_context_resolve_async (Lp2pContext *self, Lp2pMultiaddr *address, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_context_resolve_finish (Lp2pContext *self, GAsyncResult *result, GError **error);

/* Of an extension, what is between it and the host. */
LP2P_AVAILABLE_IN_1_0
Lp2pContext *lp2p_extension_get_context (Lp2pExtension *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_extension_start (Lp2pExtension *self, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_extension_stop (Lp2pExtension *self);

G_END_DECLS
