/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-mplex-session-private.h"

/* js shifts ids as numbers of 32 bits with a sign, flag included. */
#define OWN_ID_MAX ((1 << 28) - 1)

static Lp2pQueuedStream *
add_stream (Lp2pMplexSession *self, guint64 id, gboolean ours)
{
  Lp2pQueuedStream *stream = g_new0 (Lp2pQueuedStream, 1);

  lp2p_queued_stream_init (stream, &self->parent.parent, lp2p_mplex_key (id, ours), !ours);
  return stream;
}

/* The peer opened a stream. */
void
lp2p_mplex_session_add_stream (Lp2pMplexSession *self, guint64 id)
{
  add_stream (self, id, FALSE);
}

/* The specification gives the initiator the odd ids. No peer minds others, as the
 * flags tell whose a stream is. */
static int
session_open (Lp2pMuxerSession *session, Lp2pMuxerStream **stream)
{
  Lp2pMplexSession *self = (Lp2pMplexSession *) session;
  Lp2pQueuedStream *opened;

  *stream = NULL;
  if (self->parent.parent.phase != LP2P_PHASE_OPEN)
    return LP2P_IO_FAILED;

  opened = add_stream (self, self->next_id, TRUE);
  self->next_id += 2;
  lp2p_queued_stream_add_pending (opened, &self->parent.parent, LP2P_PENDING_OPEN);
  if (self->next_id > OWN_ID_MAX)
    lp2p_queued_session_peer_goes (&self->parent.parent);
  *stream = &opened->parent;
  return 0;
}

static void
stream_forgotten (Lp2pQueuedSession *session, Lp2pQueuedStream *stream)
{
  ((Lp2pMplexSession *) session)->stray_credit += LP2P_MPLEX_STRAY_CREDIT;
}

/* Mplex has no word for the end of a session. */
static Lp2pFramedSessionClass session_class = {
  .parent.parent.name = "mplex",
  .parent.parent.caps = LP2P_MUXER_HALF_CLOSE,
  .parent.parent.open = session_open,
  .parent.stream_forgotten = stream_forgotten,
  .header_max = LP2P_MPLEX_HEADER_MAX,
  .reply_size = sizeof (guint64),
  .parse = lp2p_mplex_session_parse,
  .write = lp2p_mplex_stream_write,
  .put_pending = lp2p_mplex_stream_put_pending,
  .put_reply = lp2p_mplex_session_put_refusal,
};

/* Starts a session over @layer, which it owns. */
Lp2pMuxerSession *
lp2p_mplex_session_new (Lp2pLayer *layer, Lp2pRole role, const Lp2pMplexOptions *options)
{
  Lp2pMplexSession *self = g_new0 (Lp2pMplexSession, 1);

  lp2p_framed_session_init (&self->parent, &session_class, layer, &options->budget);
  self->parent.parent.max_queue = options->max_buffer;
  self->parent.read_timeout = options->read_timeout;
  self->parent.write_timeout = options->write_timeout;
  self->max_streams = options->max_streams;
  self->next_id = role == LP2P_ROLE_RESPONDER ? 2 : 1;
  self->stray_credit = LP2P_MPLEX_STRAY_CREDIT;
  return &self->parent.parent.parent;
}
