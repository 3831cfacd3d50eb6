/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

#include "lp2p-memory-pipe.h"

G_BEGIN_DECLS

#define LP2P_TYPE_MEMORY_TRANSPORT (lp2p_memory_transport_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pMemoryTransport, lp2p_memory_transport, LP2P, MEMORY_TRANSPORT, Lp2pExtension)

#define LP2P_TYPE_MEMORY_LISTENER (lp2p_memory_listener_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pMemoryListener, lp2p_memory_listener, LP2P, MEMORY_LISTENER, Lp2pListener)

typedef struct _Lp2pMemoryDial Lp2pMemoryDial;

/* What the configuration says now about the bytes that this host sends. */
void lp2p_memory_transport_get_options (Lp2pMemoryTransport *self, Lp2pMemoryOptions *options);
void lp2p_memory_transport_add_listener (Lp2pMemoryTransport *self, Lp2pMemoryListener *listener);
void lp2p_memory_transport_remove_listener (Lp2pMemoryTransport *self, Lp2pMemoryListener *listener);
void lp2p_memory_transport_add_dial (Lp2pMemoryTransport *self, Lp2pMemoryDial *dial);
void lp2p_memory_transport_remove_dial (Lp2pMemoryTransport *self, Lp2pMemoryDial *dial);

/* The address /memory/@number. */
Lp2pMultiaddr *lp2p_memory_address_new (guint64 number);
/* Reads the number out of an address that the transport matches. */
guint64 lp2p_memory_address_get_number (Lp2pMultiaddr *address);
/* Numbers of ends that nobody listens on, unique in the process. */
guint64 lp2p_memory_pick_number (void);

/* Listens on @number, 0 for any that is free. */
Lp2pMemoryListener *lp2p_memory_listener_new (Lp2pMemoryTransport *transport, guint64 number, GError **error);
/* (transfer full): who listens on @number; fails where that is nobody, or a host
 * of another thread. */
Lp2pMemoryListener *lp2p_memory_listener_find (guint64 number, GError **error);
/* Lets @dial wait until the listener takes it. Fails when too many do. */
gboolean lp2p_memory_listener_call (Lp2pMemoryListener *self, Lp2pMemoryDial *dial, GError **error);
void lp2p_memory_listener_hang_up (Lp2pMemoryListener *self, Lp2pMemoryDial *dial);

void lp2p_memory_dial_start (Lp2pMemoryTransport *transport,
                             Lp2pMultiaddr *address,
                             GTask *task);
/* The caller's end, for the listener that makes the pipe. */
Lp2pLoop *lp2p_memory_dial_get_loop (Lp2pMemoryDial *self);
const Lp2pMemoryOptions *lp2p_memory_dial_get_options (Lp2pMemoryDial *self);
Lp2pMultiaddr *lp2p_memory_dial_get_local_address (Lp2pMemoryDial *self);
/* The listener has taken the call: @layer (transfer full) is the caller's end. */
void lp2p_memory_dial_taken (Lp2pMemoryDial *self, Lp2pLayer *layer);
/* It has not. Takes @error. */
void lp2p_memory_dial_refused (Lp2pMemoryDial *self, GError *error);
/* Ends the dial at once, with @error. */
void lp2p_memory_dial_fail (Lp2pMemoryDial *self, GError *error);

G_END_DECLS
