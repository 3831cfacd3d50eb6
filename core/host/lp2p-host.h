/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/host/lp2p-kept-peer.h>
#include <lp2p/interfaces/lp2p-connection.h>
#include <lp2p/interfaces/lp2p-gater.h>
#include <lp2p/types/lp2p-config.h>
#include <lp2p/types/lp2p-identity.h>

G_BEGIN_DECLS

#define LP2P_TYPE_HOST (lp2p_host_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (Lp2pHost, lp2p_host, LP2P, HOST, GObject)

LP2P_AVAILABLE_IN_1_0
Lp2pHost *lp2p_host_new (Lp2pConfig *config, Lp2pIdentity *identity);

LP2P_AVAILABLE_IN_1_0
void lp2p_host_start_async (Lp2pHost *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_host_start_finish (Lp2pHost *self, GAsyncResult *result, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_host_close_async (Lp2pHost *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_host_close_finish (Lp2pHost *self, GAsyncResult *result, GError **error);

LP2P_AVAILABLE_IN_1_0
Lp2pConfig *lp2p_host_get_config (Lp2pHost *self);
LP2P_AVAILABLE_IN_1_0
Lp2pIdentity *lp2p_host_get_identity (Lp2pHost *self);
LP2P_AVAILABLE_IN_1_0
Lp2pPeerId *lp2p_host_get_peer_id (Lp2pHost *self);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_host_dup_listen_addresses (Lp2pHost *self);
LP2P_AVAILABLE_IN_1_0
GListModel *lp2p_host_get_connections (Lp2pHost *self);
LP2P_AVAILABLE_IN_1_0
GListModel *lp2p_host_get_peers (Lp2pHost *self);
LP2P_AVAILABLE_IN_1_0
GListModel *lp2p_host_get_plugins (Lp2pHost *self);

LP2P_AVAILABLE_IN_1_0
void lp2p_host_listen_async (Lp2pHost *self, Lp2pMultiaddr *address, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_host_listen_finish (Lp2pHost *self, GAsyncResult *result, GError **error);

LP2P_AVAILABLE_IN_1_0
void lp2p_host_connect_async (Lp2pHost *self, Lp2pMultiaddr *address, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
Lp2pConnection *lp2p_host_connect_finish (Lp2pHost *self, GAsyncResult *result, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_host_connect_peer_async (Lp2pHost *self, Lp2pPeerId *peer, GPtrArray *addresses, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
Lp2pConnection *lp2p_host_connect_peer_finish (Lp2pHost *self, GAsyncResult *result, GError **error);

LP2P_AVAILABLE_IN_1_0
Lp2pKeptPeer *lp2p_host_keep_connected (Lp2pHost *self, Lp2pPeerId *peer, GPtrArray *addresses);

LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_host_dup_kept_peers (Lp2pHost *self);

LP2P_AVAILABLE_IN_1_0
void lp2p_host_open_stream_async (Lp2pHost *self,
                                  Lp2pPeerId *peer,
                                  const char *const *protocols,
                                  Lp2pStreamFlags flags,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);
LP2P_AVAILABLE_IN_1_0
Lp2pStream *lp2p_host_open_stream_finish (Lp2pHost *self, GAsyncResult *result, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_host_open_stream_at_async (Lp2pHost *self,
                                     Lp2pMultiaddr *address,
                                     const char *const *protocols,
                                     Lp2pStreamFlags flags,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer user_data);
LP2P_AVAILABLE_IN_1_0
Lp2pStream *lp2p_host_open_stream_at_finish (Lp2pHost *self, GAsyncResult *result, GError **error);

LP2P_AVAILABLE_IN_1_0
void lp2p_host_set_stream_handler (Lp2pHost *self,
                                   const char *protocol,
                                   Lp2pHandlerFlags flags,
                                   Lp2pStreamHandler handler,
                                   gpointer user_data,
                                   GDestroyNotify destroy);
LP2P_AVAILABLE_IN_1_0
void lp2p_host_remove_stream_handler (Lp2pHost *self, const char *protocol);
LP2P_AVAILABLE_IN_1_0
void lp2p_host_accept_stream_async (Lp2pHost *self,
                                    const char *protocol,
                                    Lp2pHandlerFlags flags,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);
LP2P_AVAILABLE_IN_1_0
Lp2pStream *lp2p_host_accept_stream_finish (Lp2pHost *self, GAsyncResult *result, GError **error);

LP2P_AVAILABLE_IN_1_0
Lp2pGater *lp2p_host_get_gater (Lp2pHost *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_host_set_gater (Lp2pHost *self, Lp2pGater *gater);
LP2P_AVAILABLE_IN_1_0
void lp2p_host_protect_peer (Lp2pHost *self, Lp2pPeerId *peer, const char *tag);
LP2P_AVAILABLE_IN_1_0
void lp2p_host_unprotect_peer (Lp2pHost *self, Lp2pPeerId *peer, const char *tag);

LP2P_AVAILABLE_IN_1_0
GStrv lp2p_host_dup_peer_protocols (Lp2pHost *self, Lp2pPeerId *peer);
LP2P_AVAILABLE_IN_1_0
char *lp2p_host_dup_peer_agent (Lp2pHost *self, Lp2pPeerId *peer);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_host_dup_peer_addresses (Lp2pHost *self, Lp2pPeerId *peer);
LP2P_AVAILABLE_IN_1_0
void lp2p_host_add_peer_addresses (Lp2pHost *self, Lp2pPeerId *peer, GPtrArray *addresses, gint64 lifetime);
LP2P_AVAILABLE_IN_1_0
void lp2p_host_forget_peer (Lp2pHost *self, Lp2pPeerId *peer);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_host_dup_observed_addresses (Lp2pHost *self);

LP2P_AVAILABLE_IN_1_0
guint64 lp2p_host_get_usage (Lp2pHost *self, const char *option);

LP2P_AVAILABLE_IN_1_0
void lp2p_host_resolve_async (Lp2pHost *self, Lp2pMultiaddr *address, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
GPtrArray *lp2p_host_resolve_finish (Lp2pHost *self, GAsyncResult *result, GError **error);

G_END_DECLS
