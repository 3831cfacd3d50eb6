/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A muxer that was proposed ahead, and the session that takes the place of the one
 * that the peer refuses. What streams have sent until then is kept as early data is,
 * and sent again. */

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

static void
take_session (Lp2pConnection *self, Lp2pRawConnection *raw)
{
  Lp2pLayerInfo info = { .rtt = -1 };

  self->session->klass->get_info (self->session, &info);
  self->refused_bytes_read = info.bytes_read;
  self->refused_bytes_written = info.bytes_written;
  lp2p_muxer_session_set_events (self->session, NULL, NULL);
  self->refused_session = self->session;
  self->session = lp2p_raw_connection_steal_session (raw);
  self->security = raw->security;
  self->muxer = raw->muxer;
  self->socket_id = raw->socket_id;
  self->refused = FALSE;
  lp2p_connection_forget_answer (self);
}

gboolean
lp2p_connection_resume (Lp2pConnection *self, Lp2pRawConnection *raw)
{
  const char *security = self->security;

  if (!self->refused || self->closed_here)
    {
      raw->session->klass->abort (raw->session, LP2P_CODE_NONE);
      return FALSE;
    }
  take_session (self, raw);
  self->can_open = TRUE;
  lp2p_connection_drive (self);
  if (security != self->security)
    lp2p_connection_notify (self, LP2P_CONNECTION_PROP_SECURITY);
  lp2p_connection_notify (self, LP2P_CONNECTION_PROP_MUXER);
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
