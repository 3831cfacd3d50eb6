/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A local socket and a stream of a peer, joined: what one side sends the other
 * gets, in both directions.
 *
 * The end of a direction passes through, and the other direction goes on. A side
 * that breaks off breaks the other: a reset of the connection, of the stream. What
 * one side does not take is not read from the other, so that its sender waits; what
 * is kept meanwhile is bounded, see below. No threads. */

#include <lp2p/lp2p.h>

#include "tools/forward/lp2p-forward-poll-private.h"

G_BEGIN_DECLS


typedef struct _ToolSplice ToolSplice;

/* It is over: both directions ended, or @error tells what broke. */
typedef void (*ToolSpliceDone) (ToolSplice *splice, const GError *error, gpointer user_data);

ToolSplice *tool_splice_new (Lp2pStream *stream,
                             GSocketConnection *connection,
                             ToolPoll *poll,
                             ToolSpliceDone done,
                             gpointer user_data,
                             GError **error);
ToolSplice *tool_splice_ref (ToolSplice *self);
void tool_splice_unref (ToolSplice *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ToolSplice, tool_splice_unref)

/* From the socket to the stream, @prefix ahead of all. */
void tool_splice_start_sending (ToolSplice *self, const guint8 *prefix, gsize size);
/* From the stream to the socket. */
void tool_splice_start_receiving (ToolSplice *self);
/* Breaks off both sides. */
void tool_splice_break (ToolSplice *self, const GError *error);

/* Closes a local socket with a reset. */
void tool_splice_refuse (GSocketConnection *connection);

/* Bytes so far. */
guint64 tool_splice_get_sent (ToolSplice *self);
guint64 tool_splice_get_received (ToolSplice *self);

G_END_DECLS
