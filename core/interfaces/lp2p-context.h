/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-connection.h>
#include <lp2p/interfaces/lp2p-extension.h>
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
 * @signed_record: (nullable): the envelope that certifies @addresses
 * @agent_version: (nullable): what it runs
 * @protocol_version: (nullable): which family of protocols
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
  /*< private >*/
  gpointer padding[4];
} Lp2pPeerInfo;

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

  gboolean (*reserve_memory) (Lp2pContext *self, gsize size);
  void (*release_memory) (Lp2pContext *self, gsize size);

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

  void (*update_peer) (Lp2pContext *self, Lp2pPeerId *peer, const Lp2pPeerInfo *info);
  GPtrArray *(*dup_peer_addresses) (Lp2pContext *self, Lp2pPeerId *peer);
  GStrv (*dup_peer_protocols) (Lp2pContext *self, Lp2pPeerId *peer);
  GBytes *(*get_peer_data) (Lp2pContext *self, Lp2pPeerId *peer, const char *plugin, const char *key);
  void (*set_peer_data) (Lp2pContext *self, Lp2pPeerId *peer, const char *plugin, const char *key, GBytes *data, gint64 lifetime);

  /*< private >*/
  gpointer padding[16];
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
gboolean lp2p_context_reserve_memory (Lp2pContext *self, gsize size);
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
void lp2p_context_set_peer_data (Lp2pContext *self, Lp2pPeerId *peer, const char *plugin, const char *key, GBytes *data, gint64 lifetime);

G_END_DECLS
