/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A muxer that was proposed ahead, and the session that takes the place of the one
 * that the peer refuses; or of one that is early, where another address leads to the peer
 * sooner. What streams have sent until then is kept as early data is, and sent again. */

#include "interfaces/lp2p-connection-parts-private.h"

#include "types/lp2p-i18n-private.h"

void
lp2p_connection_expect_answer (Lp2pConnection *self, const Lp2pMultistreamStatus *answer)
{
  self->answer = answer;
}

void
lp2p_connection_forget_answer (Lp2pConnection *self)
{
  if (self->answer != NULL)
    g_rc_box_release ((gpointer) self->answer);
  self->answer = NULL;
}

gboolean
lp2p_connection_was_refused (Lp2pConnection *self)
{
  return self->refused;
}

/* A session that ends before anybody was given the connection did not come as far as
 * the proposal. */
gboolean
lp2p_connection_is_refusal (Lp2pConnection *self)
{
  return self->answer != NULL && *self->answer != LP2P_MULTISTREAM_DONE && self->told_ready && !self->closed_here &&
         self->owner != NULL;
}

static void
become_agreed (Lp2pConnection *self)
{
  lp2p_connection_forget_answer (self);
  lp2p_timer_clear (&self->ready_timer);
  lp2p_connection_settle_early (self);
  lp2p_connection_notify (self, LP2P_CONNECTION_PROP_MUXER);
  if (self->owner != NULL)
    self->owner->muxer_agreed (self, self->owner_data);
}

static void
become_refused (Lp2pConnection *self)
{
  self->refused = TRUE;
  self->early_rejected = TRUE;
  lp2p_timer_clear (&self->timer);
  lp2p_timer_clear (&self->ready_timer);
  /* An answer that is no agreement says that the bytes behind the proposal were not
   * understood; an end without one says nothing. */
  if (*self->answer != LP2P_MULTISTREAM_FAILED)
    lp2p_connection_lose_unsafe (self);
  self->owner->muxer_refused (self, self->owner_data);
}

void
lp2p_connection_follow_answer (Lp2pConnection *self)
{
  if (self->session == NULL || self->answer == NULL || self->refused)
    return;
  if (*self->answer == LP2P_MULTISTREAM_DONE)
    become_agreed (self);
  else if (lp2p_connection_is_refusal (self) &&
           self->session->klass->get_state (self->session) == LP2P_SESSION_CLOSED)
    become_refused (self);
}

/* Early */

void
lp2p_connection_set_racing (Lp2pConnection *self, gboolean racing)
{
  self->racing = racing;
}

gboolean
lp2p_connection_is_lost (Lp2pConnection *self)
{
  return self->early && self->racing && !self->closed_here && self->owner != NULL;
}

void
lp2p_connection_follow_loss (Lp2pConnection *self)
{
  const GError *error;
  guint32 code;

  if (self->session == NULL || self->refused || !lp2p_connection_is_lost (self) ||
      self->session->klass->get_state (self->session) != LP2P_SESSION_CLOSED)
    return;
  self->refused = TRUE;
  self->early_rejected = TRUE;
  lp2p_timer_clear (&self->timer);
  lp2p_timer_clear (&self->ready_timer);
  error = self->session->klass->get_error (self->session, &code);
  self->owner->early_lost (self, error, self->owner_data);
}

/* Resuming */

static void
set_transport (Lp2pConnection *self, Lp2pRawConnection *raw)
{
  self->transport = raw->transport;
  g_clear_pointer (&self->local_address, lp2p_multiaddr_unref);
  g_clear_pointer (&self->remote_address, lp2p_multiaddr_unref);
  self->local_address = raw->local_address != NULL ? lp2p_multiaddr_ref (raw->local_address) : NULL;
  self->remote_address = lp2p_multiaddr_ref (raw->remote_address);
}

static void
take_session (Lp2pConnection *self, Lp2pRawConnection *raw)
{
  Lp2pLayerInfo info = { .rtt = -1 };

  self->session->klass->get_info (self->session, &info);
  self->refused_bytes_read += info.bytes_read;
  self->refused_bytes_written += info.bytes_written;
  lp2p_muxer_session_set_events (self->session, NULL, NULL);
  if (self->session->klass->get_state (self->session) != LP2P_SESSION_CLOSED)
    self->session->klass->abort (self->session, LP2P_CODE_NONE);
  /* Where streams wait still, none was opened in between. */
  if (self->refused_session == NULL)
    self->refused_session = self->session;
  else
    lp2p_muxer_session_free (self->session);
  self->session = lp2p_raw_connection_steal_session (raw);
  self->security = raw->security;
  self->muxer = raw->muxer;
  g_free (self->socket_id);
  self->socket_id = g_steal_pointer (&raw->socket_id);
  set_transport (self, raw);
  self->refused = FALSE;
  lp2p_connection_forget_answer (self);
}

gboolean
lp2p_connection_may_resume (Lp2pConnection *self)
{
  return (self->refused || (self->early && !self->session_ready)) && !self->closed_here;
}

static void
notify_session (Lp2pConnection *self)
{
  static const guint changed[] = {
    LP2P_CONNECTION_PROP_TRANSPORT, LP2P_CONNECTION_PROP_LOCAL_ADDRESS, LP2P_CONNECTION_PROP_REMOTE_ADDRESS,
    LP2P_CONNECTION_PROP_SECURITY,  LP2P_CONNECTION_PROP_MUXER,
  };

  for (guint i = 0; i < G_N_ELEMENTS (changed); i++)
    lp2p_connection_notify (self, changed[i]);
}

gboolean
lp2p_connection_resume (Lp2pConnection *self, Lp2pRawConnection *raw, const Lp2pMultistreamStatus *answer)
{
  if (!lp2p_connection_may_resume (self))
    {
      raw->session->klass->abort (raw->session, LP2P_CODE_NONE);
      if (answer != NULL)
        g_rc_box_release ((gpointer) answer);
      return FALSE;
    }
  take_session (self, raw);
  self->early_rejected = TRUE;
  lp2p_connection_expect_answer (self, answer);
  if (answer != NULL)
    lp2p_timer_set (&self->ready_timer, lp2p_loop_now (self->loop) + self->limits.negotiation_timeout);
  self->can_open = TRUE;
  lp2p_connection_drive (self);
  notify_session (self);
  return TRUE;
}

void
lp2p_connection_give_up (Lp2pConnection *self, const GError *error)
{
  const GError *first;
  guint32 code;

  if (!self->refused || self->closed_here)
    return;
  first = self->session->klass->get_error (self->session, &code);
  if (self->early)
    self->error = g_error_copy (error);
  else
    /* Translators: a muxer, why it was refused, why the new connection failed */
    self->error = g_error_new (error->domain, error->code, _("%s was proposed ahead: %s; dialing again: %s"), self->muxer,
                               first != NULL ? first->message : _("the peer closed the connection"), error->message);
  self->refused = FALSE;
  self->muxer = NULL;
  lp2p_connection_forget_answer (self);
  lp2p_job_queue (&self->job);
}

void
lp2p_connection_drop_refused (Lp2pConnection *self)
{
  if (self->refused_session != NULL && self->early_streams.length == 0)
    g_clear_pointer (&self->refused_session, lp2p_muxer_session_free);
}
