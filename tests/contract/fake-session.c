/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A pair of sessions of which each puts its bytes into the other's queues, as if
 * a datagram had brought them. Neither needs a pump. */

#include "fake-private.h"

typedef struct _FakeStream FakeStream;

struct _FakeSession
{
  Lp2pMuxerSession parent;

  FakeSession *peer;
  FakeSession **watched;
  GQueue streams;
  GQueue accepts;
  Lp2pSessionState state;
  Lp2pPeerId *remote_peer;
  Lp2pMultiaddr *local_address;
  Lp2pMultiaddr *remote_address;
  FakeDatagrams *datagrams;
  GError *error;
  guint32 remote_code;
  guint64 bytes_read;
  guint64 bytes_written;
};

struct _FakeStream
{
  Lp2pMuxerStream parent;

  FakeSession *session;
  FakeStream *peer;
  GByteArray *queue;
  GError *error;
  guint32 remote_code;
  gboolean attached; /* the other side was told of it */
  gboolean accepted;
  gboolean ended; /* nothing more comes */
  gboolean shut;  /* nothing more goes */
  gboolean dead;  /* the peer refused it */
  gboolean blocked;
  gboolean discard;
};

/* Streams */

static FakeStream *
stream_new (FakeSession *session)
{
  FakeStream *self = g_new0 (FakeStream, 1);

  self->session = session;
  self->queue = g_byte_array_new ();
  g_queue_push_tail (&session->streams, self);
  return self;
}

static void
stream_free (FakeStream *self)
{
  g_queue_remove (&self->session->streams, self);
  g_queue_remove (&self->session->accepts, self);
  if (self->peer != NULL)
    self->peer->peer = NULL;
  g_byte_array_unref (self->queue);
  g_clear_error (&self->error);
  g_free (self);
}

static void
announce (FakeStream *self, Lp2pReady ready)
{
  Lp2pMuxerSession *session = &self->session->parent;

  if (self->accepted && session->events != NULL && session->events->stream_ready != NULL)
    session->events->stream_ready (session, &self->parent, ready, session->events_data);
}

/* As the first frame does: the peer learns of the stream. Where early data is
 * refused there is nobody yet. */
static void
attach (FakeStream *self)
{
  FakeSession *other = self->session->peer;

  if (self->attached)
    return;
  self->attached = TRUE;
  if (other == NULL)
    return;
  self->peer = stream_new (other);
  self->peer->peer = self;
  self->peer->attached = TRUE;
  g_queue_push_tail (&other->accepts, self->peer);
  if (other->parent.events != NULL && other->parent.events->incoming != NULL)
    other->parent.events->incoming (&other->parent, other->parent.events_data);
}

static void
break_stream (FakeStream *self, GError *error, guint32 remote_code)
{
  if (self->error == NULL)
    {
      self->error = error;
      self->remote_code = remote_code;
    }
  else
    g_error_free (error);
  self->shut = TRUE;
  announce (self, LP2P_READY_READ | LP2P_READY_WRITE);
}

static gboolean
is_over (FakeStream *self)
{
  return self->dead || self->error != NULL || self->session->state == LP2P_SESSION_CLOSED;
}

static gssize
stream_readv (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, const GInputVector *vectors, guint n_vectors)
{
  FakeStream *self = (FakeStream *) stream;
  Lp2pCursor cursor = LP2P_CURSOR_INIT (self->queue->data, self->queue->len);
  gsize total = self->queue->len;

  if (self->dead)
    return LP2P_IO_FAILED;
  if (total == 0 && self->ended)
    return 0;
  if (total == 0)
    return is_over (self) ? LP2P_IO_FAILED : LP2P_IO_AGAIN;

  for (guint i = 0; i < n_vectors; i++)
    lp2p_cursor_copy (&cursor, vectors[i].buffer, MIN (vectors[i].size, lp2p_cursor_left (&cursor)));
  total -= lp2p_cursor_left (&cursor);
  g_byte_array_remove_range (self->queue, 0, total);
  if (self->peer != NULL && self->peer->blocked)
    {
      self->peer->blocked = FALSE;
      announce (self->peer, LP2P_READY_WRITE);
    }
  return total;
}

static gsize
get_room (FakeStream *self)
{
  if (self->peer == NULL)
    return FAKE_WINDOW;
  return self->peer->discard ? FAKE_WINDOW : FAKE_WINDOW - self->peer->queue->len;
}

static gssize
stream_writev (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, const GOutputVector *vectors, guint n_vectors)
{
  FakeStream *self = (FakeStream *) stream;
  gsize written = 0;

  if (is_over (self) || self->shut)
    return LP2P_IO_FAILED;
  attach (self);
  for (guint i = 0; i < n_vectors; i++)
    {
      gsize n = MIN (vectors[i].size, get_room (self));

      if (self->peer != NULL && !self->peer->discard)
        g_byte_array_append (self->peer->queue, vectors[i].buffer, n);
      written += n;
      if (n < vectors[i].size)
        {
          self->blocked = TRUE;
          break;
        }
    }
  self->session->bytes_written += written;
  if (self->peer != NULL && written > 0)
    {
      self->peer->session->bytes_read += written;
      announce (self->peer, LP2P_READY_READ);
    }
  return written > 0 || !self->blocked ? (gssize) written : LP2P_IO_AGAIN;
}

static void
stream_want (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, Lp2pReady ready)
{
  FakeStream *self = (FakeStream *) stream;
  Lp2pReady now = LP2P_READY_NONE;

  if (self->queue->len > 0 || self->ended || is_over (self))
    now |= LP2P_READY_READ;
  if (get_room (self) > 0 || is_over (self))
    now |= LP2P_READY_WRITE;
  else if (ready & LP2P_READY_WRITE)
    self->blocked = TRUE;
  now &= ready;
  if (now != LP2P_READY_NONE)
    announce (self, now);
}

static int
stream_shutdown_write (Lp2pMuxerSession *session, Lp2pMuxerStream *stream)
{
  FakeStream *self = (FakeStream *) stream;

  if (is_over (self))
    return LP2P_IO_FAILED;
  attach (self);
  self->shut = TRUE;
  if (self->peer != NULL)
    {
      self->peer->ended = TRUE;
      announce (self->peer, LP2P_READY_READ);
    }
  return 0;
}

static void
stream_stop_reading (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint32 code)
{
  FakeStream *self = (FakeStream *) stream;

  self->discard = TRUE;
  g_byte_array_set_size (self->queue, 0);
}

static void
stream_reset (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint32 code)
{
  FakeStream *self = (FakeStream *) stream;

  if (self->peer != NULL)
    break_stream (self->peer, g_error_new (LP2P_ERROR, LP2P_ERROR_RESET, "The peer reset the stream with code %u", code),
                  code);
  break_stream (self, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, "The stream was reset"), 0);
}

static void
stream_release (Lp2pMuxerSession *session, Lp2pMuxerStream *stream)
{
  FakeStream *self = (FakeStream *) stream;

  self->accepted = FALSE;
  if (!self->shut && !is_over (self))
    stream_reset (session, stream, 0);
  stream_free (self);
}

static const GError *
stream_get_error (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, Lp2pReady side, guint32 *code)
{
  FakeStream *self = (FakeStream *) stream;

  if (code != NULL)
    *code = self->remote_code;
  return self->error;
}

/* The session */

static int
session_open (Lp2pMuxerSession *session, Lp2pMuxerStream **stream)
{
  FakeSession *self = (FakeSession *) session;
  FakeStream *opened;

  if (self->state == LP2P_SESSION_CLOSED)
    return LP2P_IO_FAILED;
  opened = stream_new (self);
  opened->accepted = TRUE;
  *stream = &opened->parent;
  return 0;
}

static Lp2pMuxerStream *
session_accept (Lp2pMuxerSession *session)
{
  FakeStream *stream = g_queue_pop_head (&((FakeSession *) session)->accepts);

  if (stream == NULL)
    return NULL;
  stream->accepted = TRUE;
  return &stream->parent;
}

static void
end (FakeSession *self, GError *error, guint32 remote_code)
{
  const Lp2pMuxerEvents *events = self->parent.events;

  if (self->state == LP2P_SESSION_CLOSED)
    {
      g_clear_error (&error);
      return;
    }
  if (self->state == LP2P_SESSION_EARLY)
    g_queue_clear (&self->accepts);
  self->state = LP2P_SESSION_CLOSED;
  self->error = error;
  self->remote_code = remote_code;
  fake_datagrams_end (self->datagrams);
  if (self->watched != NULL)
    *self->watched = NULL;
  self->watched = NULL;
  for (GList *l = self->streams.head; l != NULL; l = l->next)
    break_stream (l->data, g_error_new_literal (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST, "The session is over"), 0);
  if (events != NULL && events->closed != NULL)
    events->closed (&self->parent, self->parent.events_data);
}

static void
session_close (Lp2pMuxerSession *session, guint32 code, const char *reason)
{
  FakeSession *self = (FakeSession *) session;

  if (self->peer != NULL)
    end (self->peer, NULL, code);
  end (self, NULL, 0);
}

void
fake_session_fail (FakeSession *self, GError *error)
{
  end (self, error, 0);
}

static void
session_abort (Lp2pMuxerSession *session, guint32 code)
{
  FakeSession *self = (FakeSession *) session;

  if (self->peer != NULL)
    end (self->peer, g_error_new_literal (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST, "The peer gave the connection up"),
         code);
  end (self, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, "The session was aborted"), 0);
}

static void
session_free (Lp2pMuxerSession *session)
{
  FakeSession *self = (FakeSession *) session;

  session->events = NULL;
  session_abort (session, 0);
  while (self->streams.length > 0)
    stream_free (g_queue_peek_head (&self->streams));
  if (self->peer != NULL)
    self->peer->peer = NULL;
  g_clear_error (&self->error);
  g_clear_object (&self->datagrams);
  g_clear_pointer (&self->remote_peer, lp2p_peer_id_unref);
  g_clear_pointer (&self->local_address, lp2p_multiaddr_unref);
  g_clear_pointer (&self->remote_address, lp2p_multiaddr_unref);
  lp2p_muxer_session_clear (session);
  g_free (self);
}

static Lp2pSessionState
session_get_state (Lp2pMuxerSession *session)
{
  return ((FakeSession *) session)->state;
}

static const GError *
session_get_error (Lp2pMuxerSession *session, guint32 *code)
{
  FakeSession *self = (FakeSession *) session;

  if (code != NULL)
    *code = self->remote_code;
  return self->error;
}

static void
session_get_info (Lp2pMuxerSession *session, Lp2pLayerInfo *info)
{
  FakeSession *self = (FakeSession *) session;

  info->rtt = -1;
  info->local_address = self->local_address;
  info->remote_address = self->remote_address;
  info->bytes_read = self->bytes_read;
  info->bytes_written = self->bytes_written;
}

static GObject *
session_get_capability (Lp2pMuxerSession *session, GType interface_type)
{
  return interface_type == LP2P_TYPE_DATAGRAMS ? G_OBJECT (((FakeSession *) session)->datagrams) : NULL;
}

static Lp2pPeerId *
session_get_remote_peer (Lp2pMuxerSession *session)
{
  return ((FakeSession *) session)->remote_peer;
}

static const Lp2pMuxerSessionClass session_class = {
  .name = "native",
  .caps = LP2P_MUXER_BACKPRESSURE | LP2P_MUXER_HALF_CLOSE | LP2P_MUXER_CODES | LP2P_MUXER_DATAGRAMS,
  .open = session_open,
  .accept = session_accept,
  .stream_readv = stream_readv,
  .stream_writev = stream_writev,
  .stream_want = stream_want,
  .stream_shutdown_write = stream_shutdown_write,
  .stream_stop_reading = stream_stop_reading,
  .stream_reset = stream_reset,
  .stream_release = stream_release,
  .stream_get_error = stream_get_error,
  .close = session_close,
  .abort = session_abort,
  .free = session_free,
  .get_state = session_get_state,
  .get_error = session_get_error,
  .get_info = session_get_info,
  .get_capability = session_get_capability,
  .get_remote_peer = session_get_remote_peer,
};

FakeSession *
fake_session_new (Lp2pLoop *loop, Lp2pMultiaddr *local_address, Lp2pMultiaddr *remote_address)
{
  FakeSession *self = g_new0 (FakeSession, 1);

  lp2p_muxer_session_init (&self->parent, &session_class, loop);
  self->state = LP2P_SESSION_EARLY;
  self->local_address = lp2p_multiaddr_ref (local_address);
  self->remote_address = lp2p_multiaddr_ref (remote_address);
  self->datagrams = fake_datagrams_new (loop);
  return self;
}

void
fake_session_pair (FakeSession *self, FakeSession *peer)
{
  self->peer = peer;
  peer->peer = self;
  fake_datagrams_pair (self->datagrams, peer->datagrams);
}

void
fake_session_watch (FakeSession *self, FakeSession **where)
{
  self->watched = where;
  if (where != NULL)
    *where = self;
}

void
fake_session_set_remote_peer (FakeSession *self, Lp2pPeerId *remote_peer)
{
  lp2p_peer_id_ref (remote_peer);
  g_clear_pointer (&self->remote_peer, lp2p_peer_id_unref);
  self->remote_peer = remote_peer;
}

void
fake_session_become_ready (FakeSession *self, Lp2pPeerId *remote_peer, gboolean rejected)
{
  Lp2pMuxerSession *session = &self->parent;

  fake_session_set_remote_peer (self, remote_peer);
  if (rejected)
    {
      for (GList *l = self->streams.head; l != NULL; l = l->next)
        ((FakeStream *) l->data)->dead = TRUE;
      if (session->events != NULL && session->events->early_rejected != NULL)
        session->events->early_rejected (session, session->events_data);
    }
  self->state = LP2P_SESSION_READY;
  if (session->events != NULL && session->events->ready != NULL)
    session->events->ready (session, session->events_data);
}
