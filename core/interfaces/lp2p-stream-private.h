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

/* Where its connection keeps a stream, with a reference: in one queue at most. It is
 * the connection's to use. */
typedef struct
{
  GQueue *queue; /* or NULL */
  GList link;
  gint64 deadline; /* while it agrees on a protocol */
} Lp2pStreamPlace;

Lp2pStreamPlace *lp2p_stream_get_place (Lp2pStream *self);

/* From the session by way of the connection; these only mark work. */
gsize lp2p_stream_take_input (Lp2pStream *self, const guint8 *data, gsize size);
/* How much its reader waits for. */
gsize lp2p_stream_get_read_room (Lp2pStream *self, guint8 **room);
void lp2p_stream_set_ready (Lp2pStream *self, Lp2pReady ready);

/* Whether it is open, and the peer has not agreed to its protocol. */
gboolean lp2p_stream_is_proposing (Lp2pStream *self);
/* The peer takes too long for that. */
void lp2p_stream_give_up_proposal (Lp2pStream *self);

/* A stream whose first bytes go out before it is known whether the peer takes them.
 * They are kept; then either the peer has them, or the stream is opened again, on
 * @session, and sends them once more, or the connection is over. */
void lp2p_stream_keep_early (Lp2pStream *self, Lp2pStreamFlags flags);
void lp2p_stream_confirm_early (Lp2pStream *self);
void lp2p_stream_reopen_early (Lp2pStream *self, Lp2pMuxerSession *session, Lp2pMuxerStream *handle);
/* Whether nothing is lost or done twice where the peer may have got what was sent. */
gboolean lp2p_stream_may_repeat (Lp2pStream *self);
/* @error: (transfer full) */
void lp2p_stream_lose_early (Lp2pStream *self, GError *error);
