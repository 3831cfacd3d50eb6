/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-context.h>
#include <lp2p/interfaces/lp2p-gater.h>
#include <lp2p/plugin/lp2p-loader.h>

#include "host/lp2p-connection-manager-private.h"
#include "host/lp2p-dials-private.h"
#include "host/lp2p-half-open-private.h"
#include "host/lp2p-handlers-private.h"
#include "host/lp2p-limits-private.h"
#include "host/lp2p-observed-private.h"
#include "host/lp2p-peer-store-private.h"
#include "host/lp2p-upgrade-private.h"
#include "net/lp2p-resolver-private.h"

/* What is behind a host: its extensions, listeners and connections. It is the
 * context that extensions are given; they hold references to it, so it is closed
 * before the last one goes. */
#define LP2P_TYPE_SWARM (lp2p_swarm_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pSwarm, lp2p_swarm, LP2P, SWARM, GObject)

/* An address of a NAT that leads to a socket of ours. */
typedef struct
{
  char *socket_id;
  Lp2pMultiaddr *address;
} Lp2pMapped;

struct _Lp2pSwarm
{
  GObject parent_instance;

  Lp2pLoop *loop;
  Lp2pConfig *config;
  Lp2pIdentity *identity;
  Lp2pRegistry *registry;
  Lp2pTcpHub *tcp_hub;
  Lp2pUdpHub *udp_hub;
  Lp2pResolver *resolver;
  GPtrArray *transports;
  GPtrArray *securities;
  GPtrArray *muxers;
  GPtrArray *services;
  GPtrArray *discovery;
  /* Disabled while the host runs: what they made lives on. */
  GPtrArray *retired;
  GPtrArray *listeners;
  /* Addresses of the option `listen` to their listeners. */
  GHashTable *configured;
  GListStore *connections;
  /* Every connection, also those that are not ready yet. */
  GPtrArray *all_connections;
  /* Lp2pConnection to the GTask that waits for it to be ready. */
  GHashTable *waiting;
  /* Inbound connections in their handshake. */
  Lp2pHalfOpen half_open;
  /* GTasks of streams that wait for a connection. */
  GQueue opens;
  Lp2pHandlers *handlers;
  Lp2pPeerStore *peers;
  Lp2pDials *dials;
  Lp2pObserved *observed;
  GPtrArray *mapped; /* of Lp2pMapped */
  Lp2pReachability reachability;
  Lp2pJob protocols_job;
  Lp2pJob addresses_job;
  Lp2pJob config_job;
  Lp2pLimits *limits;
  Lp2pConnectionManager *manager;
  Lp2pGater *gater;
  /* Lp2pKeptPeer, not owned: released when the host closes. */
  GPtrArray *kept_peers;
  guint64 memory;
  gboolean closed;
};

Lp2pSwarm *lp2p_swarm_new (Lp2pConfig *config, Lp2pIdentity *identity, Lp2pClock *clock);
gboolean lp2p_swarm_start (Lp2pSwarm *self, GError **error);
void lp2p_swarm_close_async (Lp2pSwarm *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
gboolean lp2p_swarm_close_finish (Lp2pSwarm *self, GAsyncResult *result, GError **error);
/* Drops everything at once. */
void lp2p_swarm_abandon (Lp2pSwarm *self);

/* lp2p-swarm-extensions.c */
/* Brings what runs in line with what the configuration enables. Fails where a
 * value in it is wrong, after it has done all the rest. */
gboolean lp2p_swarm_sync_extensions (Lp2pSwarm *self, GError **error);
void lp2p_swarm_stop_extensions (Lp2pSwarm *self);
/* Does so from now on whenever the configuration changes, listeners included. */
void lp2p_swarm_follow_config (Lp2pSwarm *self);
void lp2p_swarm_run_config_job (Lp2pJob *job);

/* lp2p-swarm-listen.c */
/* Listens on what the option `listen` has, and no longer on what it had. Goes on
 * after a failure, of which @error tells the first. */
gboolean lp2p_swarm_listen_configured (Lp2pSwarm *self, GError **error);
/* Closes the listeners of a transport. */
void lp2p_swarm_close_transport (Lp2pSwarm *self, const char *transport);
Lp2pListener *lp2p_swarm_listen (Lp2pSwarm *self, Lp2pMultiaddr *address, GError **error);
void lp2p_swarm_close_listeners (Lp2pSwarm *self);
GPtrArray *lp2p_swarm_dup_addresses (Lp2pSwarm *self);
void lp2p_swarm_set_mapped (Lp2pSwarm *self, const char *socket_id, Lp2pMultiaddr *address, gboolean present);
void lp2p_mapped_free (Lp2pMapped *self);

/* lp2p-swarm-inbound.c */
gboolean lp2p_swarm_begin_inbound (Lp2pSwarm *self, Lp2pMultiaddr *remote_address, GError **error);
void lp2p_swarm_offer_inbound (Lp2pSwarm *self, Lp2pRawConnection *raw);
void lp2p_swarm_count_shared_ports (Lp2pSwarm *self);
Lp2pHandshake *lp2p_swarm_begin_handshake (Lp2pSwarm *self, Lp2pMultiaddr *remote_address, Lp2pHandshakeGiveUp give_up, gpointer user_data, GError **error);
void lp2p_swarm_advance_handshake (Lp2pSwarm *self, Lp2pHandshake *handshake);
void lp2p_swarm_end_handshake (Lp2pSwarm *self, Lp2pHandshake *handshake);
gboolean lp2p_swarm_pass_on_handshake (Lp2pSwarm *self, Lp2pHandshake *handshake);
/* Gives up all of them. */
void lp2p_swarm_drop_inbounds (Lp2pSwarm *self);

/* lp2p-swarm-connections.c */
gboolean lp2p_swarm_check_open (Lp2pSwarm *self, GError **error);
/* @raw (transfer full) with a session; @task is returned when it is ready. @answer
 * (transfer full) (nullable): to its muxer; see lp2p_upgrade_finish(). */
void lp2p_swarm_add_connection (Lp2pSwarm *self, Lp2pRawConnection *raw, const Lp2pMultistreamStatus *answer, GTask *task);
/* Nothing of the host points to it any more, but who keeps it. */
void lp2p_swarm_forget_connection (Lp2pSwarm *self, Lp2pConnection *connection);
/* @hint: what is known of the peer; %NULL to wait for each answer. @resumed
 * (nullable): the connection that it is for; %NULL for a new one. Once cancelled
 * there is no connection that nobody was told of. */
void lp2p_swarm_upgrade_async (Lp2pSwarm *self, Lp2pRawConnection *raw, const Lp2pDialOptions *options, const Lp2pDialHint *hint, Lp2pConnection *resumed, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
Lp2pConnection *lp2p_swarm_upgrade_finish (GAsyncResult *result, GError **error);
/* The same for a layer, without what follows; for lp2p_upgrade_finish(). @agreed
 * (nullable): told of the security protocol, with @user_data */
void lp2p_swarm_upgrade_raw (Lp2pSwarm *self, Lp2pRawConnection *raw, Lp2pPeerId *expected_peer, const Lp2pDialHint *hint, void (*agreed) (gpointer), GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/* Closes a connection that came too late, unless streams are on it by now. */
gboolean lp2p_swarm_drop_unwanted (Lp2pConnection *connection);
GPtrArray *lp2p_swarm_dup_connections (Lp2pSwarm *self, Lp2pPeerId *peer);
Lp2pConnection *lp2p_swarm_find_connection (Lp2pSwarm *self, Lp2pPeerId *peer, gboolean allow_limited);
/* One whose peer is not verified yet, for streams that are safe to replay. */
Lp2pConnection *lp2p_swarm_find_early (Lp2pSwarm *self, Lp2pPeerId *peer, gboolean allow_limited);

/* lp2p-swarm-dial.c */
/* The application's say about an address, for the dials. */
gboolean lp2p_swarm_gate_dial (Lp2pPeerId *peer, Lp2pMultiaddr *address, gpointer swarm, GError **error);
/* Has TCP connections dialed as the configuration says. */
void lp2p_swarm_set_proxy (Lp2pSwarm *self);
void lp2p_swarm_connect_async (Lp2pSwarm *self, Lp2pPeerId *peer, GPtrArray *addresses, const Lp2pDialOptions *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
Lp2pConnection *lp2p_swarm_connect_finish (GAsyncResult *result, GError **error);

/* lp2p-swarm-streams.c */
void lp2p_swarm_open_stream_async (Lp2pSwarm *self, Lp2pPeerId *peer, const char *const *protocols, Lp2pStreamFlags flags, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/* Something changed about the connections to @peer: whoever waits for one tries
 * again. */
void lp2p_swarm_serve_opens (Lp2pSwarm *self, Lp2pPeerId *peer);
void lp2p_swarm_fail_opens (Lp2pSwarm *self);
Lp2pStream *lp2p_swarm_open_stream_finish (GAsyncResult *result, GError **error);
/* The callback of a connection that opens a stream for a task, @user_data. */
void lp2p_swarm_return_stream (GObject *source, GAsyncResult *result, gpointer user_data);
