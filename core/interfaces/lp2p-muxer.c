/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-muxer.h>

/**
 * Lp2pMuxer:
 *
 * A protocol that carries many streams over one byte stream.
 */
G_DEFINE_INTERFACE (Lp2pMuxer, lp2p_muxer, LP2P_TYPE_EXTENSION)

static void
lp2p_muxer_default_init (Lp2pMuxerInterface *iface)
{
}

/**
 * lp2p_muxer_session_init: (skip)
 * @self: the head of a new session
 * @klass: its functions
 * @loop: where it works
 */
void
lp2p_muxer_session_init (Lp2pMuxerSession *self, const Lp2pMuxerSessionClass *klass, Lp2pLoop *loop)
{
  self->klass = klass;
  self->loop = lp2p_loop_ref (loop);
  self->events = NULL;
  self->events_data = NULL;
}

/**
 * lp2p_muxer_session_clear: (skip)
 * @self: the head of a session that is being freed
 */
void
lp2p_muxer_session_clear (Lp2pMuxerSession *self)
{
  g_clear_pointer (&self->loop, lp2p_loop_unref);
}

/**
 * lp2p_muxer_session_set_events: (skip)
 * @self: a session
 * @events: (nullable): whom to tell
 * @user_data: passed on
 *
 * Says who drives the session. What was announced before is not told again: who
 * takes a session over accepts and pumps once.
 */
void
lp2p_muxer_session_set_events (Lp2pMuxerSession *self, const Lp2pMuxerEvents *events, gpointer user_data)
{
  self->events = events;
  self->events_data = user_data;
}

/**
 * lp2p_muxer_session_free: (skip)
 * @self: (transfer full): a session
 */
void
lp2p_muxer_session_free (Lp2pMuxerSession *self)
{
  self->klass->free (self);
}

/**
 * lp2p_muxer_get_protocol:
 * @self: a muxer
 *
 * Returns: (transfer none): its protocol id
 */
const char *
lp2p_muxer_get_protocol (Lp2pMuxer *self)
{
  return LP2P_MUXER_GET_IFACE (self)->get_protocol (self);
}

/**
 * lp2p_muxer_create_session: (skip)
 * @self: a muxer
 * @layer: (transfer full): the byte stream
 * @params: role, peer, limits
 *
 * Returns: (transfer full): the session
 */
Lp2pMuxerSession *
lp2p_muxer_create_session (Lp2pMuxer *self, Lp2pLayer *layer, const Lp2pMuxerParams *params)
{
  return LP2P_MUXER_GET_IFACE (self)->create_session (self, layer, params);
}
