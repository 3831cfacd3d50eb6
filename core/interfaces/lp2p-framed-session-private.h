/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by the files of the session only. */

#include <lp2p/interfaces/lp2p-framed-session.h>

G_BEGIN_DECLS

static inline const Lp2pFramedSessionClass *
lp2p_framed_session_get_class (Lp2pFramedSession *self)
{
  return (const Lp2pFramedSessionClass *) self->parent.parent.klass;
}

/* lp2p-framed-session.c */
void lp2p_framed_session_layer_failed (Lp2pFramedSession *self);
void lp2p_framed_session_layer_ended (Lp2pFramedSession *self);

/* lp2p-framed-input.c */
gboolean lp2p_framed_session_input (Lp2pMuxerSession *session, gsize budget);

/* lp2p-framed-output.c */
void lp2p_framed_session_start_output (Lp2pFramedSession *self);
void lp2p_framed_session_moved (Lp2pFramedSession *self);
gboolean lp2p_framed_session_is_stuck (Lp2pFramedSession *self, gint64 now);
void lp2p_framed_session_pump_output (Lp2pMuxerSession *session);
void lp2p_framed_session_say_why (Lp2pFramedSession *self, guint32 code);
gssize lp2p_framed_session_stream_writev (Lp2pMuxerSession *session,
                                          Lp2pMuxerStream *stream,
                                          const GOutputVector *vectors,
                                          guint n_vectors);

G_END_DECLS
