/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/codec/lp2p-multistream.h>
#include <lp2p/interfaces/lp2p-muxer.h>
#include <lp2p/interfaces/lp2p-stream.h>

/* Made by its connection over a session's stream. @negotiation (transfer full)
 * is a dialer's or a listener's codec. */
Lp2pStream *lp2p_stream_new (Lp2pConnection *connection,
                             Lp2pMuxerSession *session,
                             Lp2pMuxerStream *handle,
                             Lp2pMultistream *negotiation,
                             gboolean outbound);

/* From the session by way of the connection; these only mark work. */
gsize lp2p_stream_take_input (Lp2pStream *self, const guint8 *data, gsize size);
void lp2p_stream_set_ready (Lp2pStream *self, Lp2pReady ready);

/* For the two sides of the GIOStream. All return as GIO's functions do: bytes,
 * or -1 with an error, G_IO_ERROR_WOULD_BLOCK where nothing can be moved now. */
gssize lp2p_stream_read (Lp2pStream *self, void *buffer, gsize size, GError **error);
gssize lp2p_stream_writev (Lp2pStream *self, const GOutputVector *vectors, gsize n_vectors, GError **error);
void lp2p_stream_start_read (Lp2pStream *self, GTask *task, void *buffer, gsize size);
void lp2p_stream_start_write (Lp2pStream *self, GTask *task, const GOutputVector *vectors, gsize n_vectors);
gboolean lp2p_stream_close_side (Lp2pStream *self, Lp2pReady side, GError **error);
gboolean lp2p_stream_is_ready (Lp2pStream *self, Lp2pReady side);
GSource *lp2p_stream_create_source (Lp2pStream *self, Lp2pReady side, GObject *pollable, GCancellable *cancellable);

GInputStream *lp2p_stream_input_new (Lp2pStream *stream);
GOutputStream *lp2p_stream_output_new (Lp2pStream *stream);
