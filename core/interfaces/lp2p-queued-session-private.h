/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the session and its streams know of each other. */

#include <lp2p/interfaces/lp2p-queued-session.h>

G_BEGIN_DECLS

/* Frees a stream that is not in the table any more. */
void lp2p_queued_stream_destroy (Lp2pQueuedStream *self, Lp2pQueuedSession *session);
/* Returns whether the stream can be destroyed. */
gboolean lp2p_queued_stream_session_ends (Lp2pQueuedStream *self, Lp2pQueuedSession *session, gboolean keep_pending);
/* Returns how much of what comes next a waiting reader takes, and where it wants it. */
gsize lp2p_queued_stream_get_room (Lp2pQueuedStream *self, Lp2pQueuedSession *session, guint8 **room);
void lp2p_queued_stream_class_init (Lp2pMuxerSessionClass *klass);

/* The table is a set of ids, where they are in their streams: it so has half of the
 * memory. */
static inline Lp2pQueuedStream *
lp2p_queued_stream_of_id (gint64 *id)
{
  return (Lp2pQueuedStream *) ((char *) id - G_STRUCT_OFFSET (Lp2pQueuedStream, id));
}

static inline void
lp2p_queued_session_unlink (GQueue *queue, GList *link)
{
  if (link->data == NULL)
    return;
  g_queue_unlink (queue, link);
  link->data = NULL;
}

static inline const Lp2pQueuedSessionClass *
lp2p_queued_session_get_class (Lp2pQueuedSession *self)
{
  return (const Lp2pQueuedSessionClass *) self->parent.klass;
}

G_END_DECLS
