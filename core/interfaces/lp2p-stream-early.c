/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a stream sends before it is known whether the peer takes it: kept until then,
 * and sent once more where it is refused. */

#include <lp2p/net/lp2p-vector-cursor.h>

#include "interfaces/lp2p-connection-private.h"
#include "interfaces/lp2p-stream-parts-private.h"

/* More than a proposal and what is usually written with it. */
#define MAX_EARLY_VECTORS 17

void
lp2p_stream_forget_kept (Lp2pStream *self)
{
  g_clear_pointer (&self->kept, g_byte_array_unref);
}

/* Hands bytes down; those that the peer may refuse are kept. */
gssize
lp2p_stream_write_out (Lp2pStream *self, const GOutputVector *vectors, guint n_vectors)
{
  const Lp2pMuxerSessionClass *klass = self->session->klass;
  Lp2pVectorCursor place = { vectors, n_vectors, 0 };
  GOutputVector first[MAX_EARLY_VECTORS];
  guint kept;
  gsize size;
  gssize n;

  if (self->kept == NULL)
    return klass->stream_writev (self->session, self->handle, vectors, n_vectors);

  n_vectors = lp2p_vector_cursor_take (&place, lp2p_connection_get_early_room (self->connection), first,
                                       G_N_ELEMENTS (first), &size);
  if (size == 0)
    return LP2P_IO_AGAIN;
  kept = self->kept->len;
  for (guint i = 0; i < n_vectors; i++)
    g_byte_array_append (self->kept, first[i].buffer, first[i].size);
  n = klass->stream_writev (self->session, self->handle, first, n_vectors);
  g_byte_array_set_size (self->kept, kept + MAX (n, 0));
  lp2p_connection_count_early (self->connection, MAX (n, 0));
  /* The write may be what finds out that the peer takes nothing. */
  return n == LP2P_IO_FAILED && lp2p_connection_get_early_room (self->connection) == 0 ? LP2P_IO_AGAIN : n;
}

/* Where no more may be sent early, it is waited for that the peer takes it. */
void
lp2p_stream_wait_for_room (Lp2pStream *self)
{
  self->ready &= ~LP2P_READY_WRITE;
  if (self->kept == NULL || lp2p_connection_get_early_room (self->connection) > 0)
    self->session->klass->stream_want (self->session, self->handle, LP2P_READY_READ | LP2P_READY_WRITE);
}

void
lp2p_stream_keep_early (Lp2pStream *self, Lp2pStreamFlags flags)
{
  self->kept = g_byte_array_new ();
  self->replay_safe = (flags & LP2P_STREAM_REPLAY_SAFE) != 0;
}

gboolean
lp2p_stream_may_repeat (Lp2pStream *self)
{
  return self->replay_safe || self->kept->len == 0;
}

void
lp2p_stream_confirm_early (Lp2pStream *self)
{
  lp2p_stream_forget_kept (self);
  lp2p_stream_set_ready (self, LP2P_READY_READ | LP2P_READY_WRITE);
}

/* What was kept goes ahead of all else once more; the end of our direction, where it
 * was sent already, follows again. */
void
lp2p_stream_reopen_early (Lp2pStream *self, Lp2pMuxerSession *session, Lp2pMuxerStream *handle)
{
  Lp2pMuxerStream *refused = self->handle;

  refused->user_data = NULL;
  self->session->klass->stream_release (self->session, refused);
  self->session = session;
  self->handle = handle;
  handle->user_data = self;
  self->output_ended = FALSE;
  if (self->head != NULL)
    g_byte_array_append (self->kept, self->head->data, self->head->len);
  g_clear_pointer (&self->head, g_byte_array_unref);
  self->head = g_steal_pointer (&self->kept);
  self->resending = TRUE;
  g_object_ref (self);
  self->session->klass->stream_want (self->session, handle, LP2P_READY_READ);
  lp2p_stream_set_ready (self, LP2P_READY_WRITE);
}

void
lp2p_stream_lose_early (Lp2pStream *self, GError *error)
{
  lp2p_stream_break (self, error, 0);
}
