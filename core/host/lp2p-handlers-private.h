/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-connection.h>

/* The protocols that a host serves, and by whom. */
typedef struct _Lp2pHandlers Lp2pHandlers;

Lp2pHandlers *lp2p_handlers_new (void);
void lp2p_handlers_free (Lp2pHandlers *self);
void lp2p_handlers_set (Lp2pHandlers *self, const char *protocol, Lp2pHandlerFlags flags, Lp2pStreamHandler func, gpointer user_data, GDestroyNotify destroy);
gboolean lp2p_handlers_remove (Lp2pHandlers *self, const char *protocol);
void lp2p_handlers_clear (Lp2pHandlers *self);
GStrv lp2p_handlers_dup_protocols (Lp2pHandlers *self);
/* Whether @protocol is served on a connection like this one. */
gboolean lp2p_handlers_match (Lp2pHandlers *self, Lp2pConnection *connection, const char *protocol);
/* Whether its handler takes bytes that may have been replayed. */
gboolean lp2p_handlers_allows_early (Lp2pHandlers *self, const char *protocol);
void lp2p_handlers_serve (Lp2pHandlers *self, Lp2pStream *stream);
