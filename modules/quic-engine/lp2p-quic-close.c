/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a connection ends. Nothing here runs inside a callback of ngtcp2, so that its
 * memory can be given back at once; what stays for a while is the last packet, for a
 * peer that did not get it. */

#include "lp2p-quic-private.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#define FLUSH_TIMEOUT_US (5 * G_USEC_PER_SEC)

/* The peer says how late it acknowledges, and with that how long it should be: but what is
 * left of a connection counts nowhere. */
#define MAX_LINGER_US (10 * (gint64) G_USEC_PER_SEC)

/* What is left of connections takes some 2 KiB each. Somebody who only begins, and is let
 * down each time, must not make it many. */
#define MAX_LINGERING 1024

static void
forget_handshake (Lp2pQuicConnection *self)
{
  lp2p_quic_connection_end_handshake (self);
  if (!self->handed_out)
    lp2p_quic_connection_queue_job (self);
}

/* Takes it off the endpoint, which may be the end of both. */
void
lp2p_quic_connection_leave (Lp2pQuicConnection *self)
{
  if (self->phase == LP2P_QUIC_GONE)
    return;
  if (self->conn != NULL)
    lp2p_quic_connection_fail_silently (self, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The host is closed")));
  if (self->phase == LP2P_QUIC_GONE)
    return;
  self->phase = LP2P_QUIC_GONE;
  self->endpoint->n_lingering -= self->lingers;
  forget_handshake (self);
  for (guint i = 0; i < self->ids->len; i++)
    lp2p_quic_endpoint_remove_id (self->endpoint, &g_array_index (self->ids, ngtcp2_cid, i));
  lp2p_job_clear (&self->output);
  lp2p_timer_clear (&self->timer);
  lp2p_quic_output_clear (self);
  g_queue_unlink (&self->endpoint->connections, &self->link);
  lp2p_quic_connection_unref (self);
}

/* Gives back what the protocol needed. */
static void
drop_protocol (Lp2pQuicConnection *self)
{
  lp2p_quic_endpoint_remove_reset_tokens (self->endpoint, self);
  g_clear_pointer (&self->conn, ngtcp2_conn_del);
  g_clear_pointer (&self->tls, gnutls_deinit);
  lp2p_quic_streams_drop_output (self);
  lp2p_quic_memory_end (self);
  g_queue_clear_full (&self->datagrams, (GDestroyNotify) g_bytes_unref);
  self->datagrams_size = 0;
  lp2p_job_clear (&self->output);
}

static gboolean
has_unsent (Lp2pQuicConnection *self)
{
  if (self->undelivered)
    return TRUE;
  for (GList *l = self->streams.head; l != NULL && self->conn != NULL; l = l->next)
    if (lp2p_quic_stream_has_unsent (l->data))
      return TRUE;
  return FALSE;
}

/* @linger: the last packet may have to be repeated */
static void
end (Lp2pQuicConnection *self, gboolean linger)
{
  gint64 pto = self->conn != NULL ? lp2p_quic_get_pto (self->conn) : 0;

  /* How it ends matters no more when all is delivered. */
  if (self->phase == LP2P_QUIC_FLUSHING && !has_unsent (self))
    self->orderly = TRUE;
  lp2p_quic_streams_fail (self, self->error, FALSE);
  drop_protocol (self);
  self->phase = LP2P_QUIC_CLOSED;
  self->close_at = 0;
  forget_handshake (self);
  if (self->events != NULL)
    self->events->closed (self->events_data);
  self->lingers = linger && self->endpoint->n_lingering < MAX_LINGERING;
  self->endpoint->n_lingering += self->lingers;
  if (self->lingers)
    lp2p_timer_set (&self->timer, lp2p_loop_now (self->loop) + MIN (3 * pto, MAX_LINGER_US));
  else
    lp2p_quic_connection_leave (self);
}

/* Takes @error, unless there is a better one. */
static void
take_error (Lp2pQuicConnection *self, GError *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_clear_error (&error);
}

/* Without telling the peer, which is not there. */
void
lp2p_quic_connection_fail_silently (Lp2pQuicConnection *self, GError *error)
{
  g_autoptr (Lp2pQuicConnection) keep = lp2p_quic_connection_ref (self);

  take_error (self, error);
  if (self->phase < LP2P_QUIC_CLOSED)
    end (self, FALSE);
}

/* Also where it was closed while it was early. */
static gboolean
is_in_handshake (Lp2pQuicConnection *self)
{
  return self->phase == LP2P_QUIC_HANDSHAKE || (self->closed_early && !self->verified);
}

static GError *
new_error (Lp2pQuicConnection *self, int liberr)
{
  if (liberr == NGTCP2_ERR_RECV_VERSION_NEGOTIATION)
    return g_error_new_literal (LP2P_ERROR, LP2P_ERROR_HANDSHAKE,
                                _("QUIC handshake failed: the peer does not speak version 1"));
  if (liberr == NGTCP2_ERR_NO_VIABLE_PATH)
    return g_error_new_literal (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                                _("QUIC: the peer does not answer where it has moved to"));
  if (liberr == NGTCP2_ERR_CRYPTO && is_in_handshake (self))
    return g_error_new (LP2P_ERROR, LP2P_ERROR_HANDSHAKE, _("QUIC handshake failed: %s"),
                        gnutls_alert_get_strname (ngtcp2_conn_get_tls_alert (self->conn)) != NULL
                            ? gnutls_alert_get_name (ngtcp2_conn_get_tls_alert (self->conn))
                            : _("TLS found something wrong"));
  return g_error_new (LP2P_ERROR, is_in_handshake (self) ? LP2P_ERROR_HANDSHAKE : LP2P_ERROR_PROTOCOL,
                      _("QUIC: the peer broke the protocol: %s"), ngtcp2_strerror (liberr));
}

/* Something that ngtcp2 found. */
void
lp2p_quic_connection_fail (Lp2pQuicConnection *self, int liberr)
{
  g_autoptr (Lp2pQuicConnection) keep = lp2p_quic_connection_ref (self);
  ngtcp2_ccerr error = { 0 };

  if (self->conn == NULL)
    return;
  take_error (self, new_error (self, liberr));
  if (liberr == NGTCP2_ERR_CRYPTO)
    ngtcp2_ccerr_set_tls_alert (&error, ngtcp2_conn_get_tls_alert (self->conn), NULL, 0);
  else
    ngtcp2_ccerr_set_liberr (&error, liberr, NULL, 0);
  lp2p_quic_output_send_close (self, &error);
  end (self, TRUE);
}

/* An application's code means nothing before there is one (RFC 9000 section 10.2.3):
 * ngtcp2 does that. */
static void
send_application_close (Lp2pQuicConnection *self, guint64 code, const char *reason)
{
  ngtcp2_ccerr error = { 0 };

  ngtcp2_ccerr_set_application_error (&error, code, (const guint8 *) reason, reason != NULL ? strlen (reason) : 0);
  lp2p_quic_output_send_close (self, &error);
}

static void
send_refusal (Lp2pQuicConnection *self)
{
  ngtcp2_ccerr refused = { 0 };

  ngtcp2_ccerr_set_transport_error (&refused, NGTCP2_CONNECTION_REFUSED, NULL, 0);
  lp2p_quic_output_send_close (self, &refused);
}

/* A handshake makes room: nothing is left of it. */
void
lp2p_quic_connection_give_up (Lp2pQuicConnection *self)
{
  g_autoptr (Lp2pQuicConnection) keep = lp2p_quic_connection_ref (self);

  take_error (self, g_error_new_literal (LP2P_ERROR, LP2P_ERROR_LIMIT, _("The handshake was given up to make room")));
  if (self->conn == NULL)
    return;
  send_refusal (self);
  end (self, FALSE);
}

/* Takes @error. */
void
lp2p_quic_connection_abort (Lp2pQuicConnection *self, guint64 code, GError *error)
{
  g_autoptr (Lp2pQuicConnection) keep = lp2p_quic_connection_ref (self);

  take_error (self, error);
  if (self->conn == NULL)
    return;
  if (self->phase == LP2P_QUIC_HANDSHAKE)
    send_refusal (self);
  else
    send_application_close (self, code, NULL);
  end (self, TRUE);
}

void
lp2p_quic_connection_cancel (Lp2pQuicConnection *self)
{
  self->dialed = NULL;
  lp2p_quic_connection_abort (self, 0, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, _("The dial was cancelled")));
}

/* In order: what streams have got is delivered first. */

static GError *
new_closed_error (Lp2pQuicConnection *self)
{
  if (self->undelivered)
    return g_error_new_literal (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                                _("QUIC: the peer did not take what was sent early, before the connection was closed"));
  if (has_unsent (self))
    return g_error_new_literal (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                                _("QUIC: the peer did not acknowledge in time what was sent before the connection was closed"));
  return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The connection was closed"));
}

static void
finish_flushing (Lp2pQuicConnection *self)
{
  take_error (self, new_closed_error (self));
  send_application_close (self, self->close_code, self->close_reason);
  end (self, TRUE);
}

void
lp2p_quic_connection_follow_flushing (Lp2pQuicConnection *self)
{
  if (self->phase != LP2P_QUIC_FLUSHING)
    return;
  if (self->undelivered || !has_unsent (self) || lp2p_loop_now (self->loop) >= self->close_at)
    finish_flushing (self);
}

void
lp2p_quic_connection_close (Lp2pQuicConnection *self, guint64 code, const char *reason)
{
  g_autoptr (Lp2pQuicConnection) keep = lp2p_quic_connection_ref (self);
  g_autoptr (GError) closed = NULL;

  if (self->phase >= LP2P_QUIC_FLUSHING)
    return;
  closed = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The connection was closed"));
  self->closed_early = self->phase == LP2P_QUIC_HANDSHAKE;
  self->close_code = code;
  self->close_reason = reason != NULL && *reason != '\0' ? g_strdup (reason) : NULL;
  self->close_at = lp2p_loop_now (self->loop) + FLUSH_TIMEOUT_US;
  self->phase = LP2P_QUIC_FLUSHING;
  lp2p_quic_streams_fail (self, closed, TRUE);
  if (self->events != NULL)
    self->events->closing (self->events_data);
  lp2p_quic_connection_want_output (self);
}

/* The peer's end */

static GError *
new_peer_error (Lp2pQuicConnection *self, const ngtcp2_ccerr *told)
{
  g_autofree char *valid =
      told->reasonlen > 0 ? g_utf8_make_valid ((const char *) told->reason, told->reasonlen) : g_strdup ("");
  g_autofree char *text = *valid != '\0' ? g_strdup_printf (": %s", valid) : g_strdup ("");
  gboolean handshake = is_in_handshake (self);

  if (self->forgotten)
    return g_error_new_literal (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST, _("QUIC: the peer has forgotten the connection"));
  if (told->type == NGTCP2_CCERR_TYPE_TRANSPORT && told->error_code == NGTCP2_CONNECTION_REFUSED && handshake)
    return g_error_new (G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED, _("The peer refuses the connection%s"), text);
  if (told->type == NGTCP2_CCERR_TYPE_TRANSPORT && told->error_code >> 8 == NGTCP2_CRYPTO_ERROR >> 8)
    {
      const char *name = gnutls_alert_get_name (told->error_code & 0xff);

      return g_error_new (LP2P_ERROR, handshake ? LP2P_ERROR_HANDSHAKE : LP2P_ERROR_CONNECTION_LOST,
                          _("QUIC handshake failed: the peer refused it: %s"), name != NULL ? name : _("unknown alert"));
    }
  if (told->type == NGTCP2_CCERR_TYPE_APPLICATION)
    {
      g_autofree char *code = lp2p_connection_code_to_string (MIN (told->error_code, G_MAXUINT32));

      return g_error_new (LP2P_ERROR, handshake ? LP2P_ERROR_HANDSHAKE : LP2P_ERROR_CONNECTION_LOST,
                          _("QUIC: the peer closed the connection with code %s%s"), code, text);
    }
  return g_error_new (LP2P_ERROR, handshake ? LP2P_ERROR_HANDSHAKE : LP2P_ERROR_CONNECTION_LOST,
                      _("QUIC: the peer closed the connection with transport code 0x%" PRIx64 "%s"),
                      (guint64) told->error_code, text);
}

void
lp2p_quic_connection_peer_closed (Lp2pQuicConnection *self)
{
  ngtcp2_ccerr told = { 0 };

  lp2p_quic_get_close_error (self->conn, &told);
  if (told.type == NGTCP2_CCERR_TYPE_APPLICATION)
    self->remote_code = MIN (told.error_code, G_MAXUINT32);
  /* A peer that has read all may go before it has acknowledged all; one that has never
   * been verified is not known to have read anything. */
  if (told.error_code == 0 && !self->forgotten && self->phase != LP2P_QUIC_HANDSHAKE &&
      !(self->closed_early && has_unsent (self)))
    self->orderly = TRUE;
  take_error (self, new_peer_error (self, &told));
  end (self, TRUE);
}

/* It did not get our last packet. The first of those that it goes on sending are
 * answered, then fewer and fewer (RFC 9000 section 10.2.1). */
void
lp2p_quic_connection_was_read_closed (Lp2pQuicConnection *self)
{
  if (self->phase != LP2P_QUIC_CLOSED || self->close_packet == NULL)
    return;
  self->n_after_close++;
  if ((self->n_after_close & (self->n_after_close - 1)) == 0)
    lp2p_quic_output_send_packet (self, self->close_packet);
}
