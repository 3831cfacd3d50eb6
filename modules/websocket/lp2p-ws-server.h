/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup-message-headers.h>

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* The listener's half of the opening handshake, by libsoup: it reads the request and
 * answers; what comes behind the answer is ours again. */
typedef struct _Lp2pWsServer Lp2pWsServer;

/* One connection, as long as it speaks HTTP. */
typedef struct _Lp2pWsVisit Lp2pWsVisit;

/*
 * admit: whether the request may begin a WebSocket, 0 or the status of HTTP to refuse
 *   it with
 * ended: the visit is over, with the WebSocket that it led to, which is the callee's,
 *   or NULL
 */
typedef struct
{
  guint (*admit) (const char *path, SoupMessageHeaders *request, gpointer user_data);
  void (*ended) (Lp2pLayer *layer, gpointer user_data);
} Lp2pWsVisitFuncs;

Lp2pWsServer *lp2p_ws_server_new (void);
void lp2p_ws_server_free (Lp2pWsServer *self);

void lp2p_ws_server_receive (Lp2pWsServer *self,
                             Lp2pLayer *layer,
                             GSocketAddress *local_address,
                             GSocketAddress *remote_address,
                             const Lp2pWsVisitFuncs *funcs,
                             gpointer user_data,
                             Lp2pWsVisit **visit);
void lp2p_ws_visit_drop (Lp2pWsVisit *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pWsServer, lp2p_ws_server_free)

G_END_DECLS
