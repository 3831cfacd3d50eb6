/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-interfaces-types.h>

G_BEGIN_DECLS

#define LP2P_TYPE_STREAM (lp2p_stream_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (Lp2pStream, lp2p_stream, LP2P, STREAM, GIOStream)

/**
 * Lp2pStreamFlags:
 * @LP2P_STREAM_NONE: on any connection that is not limited, dialed where needed
 * @LP2P_STREAM_ALLOW_LIMITED: a metered connection through a relay will do
 * @LP2P_STREAM_REPLAY_SAFE: the first bytes may arrive twice: they may ride in
 *   0-RTT data
 * @LP2P_STREAM_NO_DIAL: only use a connection that exists
 *
 * On what kind of connection a stream may be opened.
 */
typedef enum
{
  LP2P_STREAM_NONE = 0,
  LP2P_STREAM_ALLOW_LIMITED = 1 << 0,
  LP2P_STREAM_REPLAY_SAFE = 1 << 1,
  LP2P_STREAM_NO_DIAL = 1 << 2,
} Lp2pStreamFlags;

/**
 * Lp2pHandlerFlags:
 * @LP2P_HANDLER_NONE: only serve verified peers on connections that are not limited
 * @LP2P_HANDLER_ALLOW_LIMITED: also serve metered connections through a relay
 * @LP2P_HANDLER_ALLOW_EARLY: also serve bytes that may have been replayed
 *
 * On what kind of connection a handler serves streams.
 */
typedef enum
{
  LP2P_HANDLER_NONE = 0,
  LP2P_HANDLER_ALLOW_LIMITED = 1 << 0,
  LP2P_HANDLER_ALLOW_EARLY = 1 << 1,
} Lp2pHandlerFlags;

/**
 * Lp2pStreamHandler:
 * @stream: a stream that a peer opened, its protocol agreed on
 * @user_data: what was passed with the handler
 *
 * Serves an incoming stream. The stream is closed when the last reference to it
 * is dropped: a handler that goes on working keeps one.
 */
typedef void (*Lp2pStreamHandler) (Lp2pStream *stream, gpointer user_data);

LP2P_AVAILABLE_IN_1_0
const char *lp2p_stream_get_protocol (Lp2pStream *self);
LP2P_AVAILABLE_IN_1_0
Lp2pConnection *lp2p_stream_get_connection (Lp2pStream *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_stream_get_outbound (Lp2pStream *self);
LP2P_AVAILABLE_IN_1_0
guint32 lp2p_stream_get_remote_code (Lp2pStream *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_stream_stop_reading (Lp2pStream *self, guint32 code);
LP2P_AVAILABLE_IN_1_0
void lp2p_stream_reset (Lp2pStream *self, guint32 code);
LP2P_AVAILABLE_IN_1_0
void lp2p_stream_lend (Lp2pStream *self, GBytes *bytes);
LP2P_AVAILABLE_IN_1_0
void lp2p_stream_negotiate_async (Lp2pStream *self, int io_priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_stream_negotiate_finish (Lp2pStream *self, GAsyncResult *result, GError **error);
LP2P_AVAILABLE_IN_1_0
void lp2p_stream_pipe_async (Lp2pStream *self,
                               GInputStream *input,
                               GOutputStream *output,
                               int io_priority,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_stream_pipe_finish (Lp2pStream *self, GAsyncResult *result, GError **error);

G_END_DECLS
