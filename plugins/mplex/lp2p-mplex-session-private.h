/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by the files of the session only. */

#include "lp2p-mplex-frame.h"
#include "lp2p-mplex-session.h"

G_BEGIN_DECLS

/* What a peer may send on streams that are not there: from the start, and again for
 * each stream that ends. More than a path holds that is one second long and carries
 * 500 Mbit/s. */
#define LP2P_MPLEX_STRAY_CREDIT (64 * 1024 * 1024)

/* @stray_credit: what the peer may still send on streams that are not there */
typedef struct
{
  Lp2pFramedSession parent;
  guint max_streams;
  guint64 next_id;
  guint64 stray_credit;
} Lp2pMplexSession;

/* Both sides count for themselves: the key of a stream has in its lowest bit whether
 * we opened it. */
static inline gint64
lp2p_mplex_key (guint64 id, gboolean ours)
{
  return (gint64) (id << 1 | (ours ? 1 : 0));
}

/* lp2p-mplex-session.c */
void lp2p_mplex_session_add_stream (Lp2pMplexSession *self, guint64 id);

/* lp2p-mplex-input.c */
gsize lp2p_mplex_session_parse (Lp2pFramedSession *session, const guint8 *bytes, gsize size);

/* lp2p-mplex-output.c */
gssize lp2p_mplex_stream_write (Lp2pFramedSession *session,
                                Lp2pQueuedStream *stream,
                                Lp2pVectorCursor *place,
                                gsize max);
gsize lp2p_mplex_stream_put_pending (Lp2pFramedSession *session, Lp2pQueuedStream *stream, guint8 *out);
gsize lp2p_mplex_session_put_refusal (Lp2pFramedSession *session, gconstpointer id, guint8 *out);

G_END_DECLS
