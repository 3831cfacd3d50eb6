/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Agreeing on the protocol of a stream: a codec that rides on the stream's first bytes.
 * `head` is what it still has to send, `early` what came behind its end. */

#include <lp2p/interfaces/lp2p-log.h>

#include "interfaces/lp2p-connection-private.h"
#include "interfaces/lp2p-stream-parts-private.h"
#include "types/lp2p-i18n-private.h"
#include "types/lp2p-trace-private.h"

/* What a negotiation needs at once fits; more than that is never sent before
 * the other side has answered. */
#define NEGOTIATION_READ_SIZE 256

void
lp2p_stream_collect_head (Lp2pStream *self)
{
  if (self->negotiation == NULL)
    return;
  if (self->head == NULL)
    self->head = g_byte_array_new ();
  lp2p_multistream_take_output (self->negotiation, self->head);
  if (self->head->len == 0)
    g_clear_pointer (&self->head, g_byte_array_unref);
}

void
lp2p_stream_send_head (Lp2pStream *self)
{
  GOutputVector vector;
  gssize n;

  lp2p_stream_collect_head (self);
  if (self->head == NULL || self->handle == NULL)
    return;

  vector = (GOutputVector) { self->head->data, self->head->len };
  n = lp2p_stream_write_out (self, &vector, 1);
  if (n > 0)
    g_byte_array_remove_range (self->head, 0, n);
  if (self->head->len == 0 || n == LP2P_IO_FAILED)
    g_clear_pointer (&self->head, g_byte_array_unref);
  else
    lp2p_stream_wait_for_room (self);
}

/* Mostly what was proposed, of which others may still have the text. */
static void
take_protocol (Lp2pStream *self, const char *protocol)
{
  if (g_strcmp0 (self->protocol, protocol) == 0)
    return;
  g_free (self->protocol);
  self->protocol = g_strdup (protocol);
}

static void
finish_negotiation (Lp2pStream *self)
{
  take_protocol (self, lp2p_multistream_get_protocol (self->negotiation));
  g_clear_pointer (&self->negotiation, lp2p_multistream_free);
  self->agreed = TRUE;
  lp2p_trace_end (self->trace, "stream", self->protocol);
  lp2p_log_connection (G_LOG_LEVEL_DEBUG, self->connection, "A stream of %s is open, protocol %s",
                       self->outbound ? "ours" : "the peer", self->protocol);
  if (self->input_closed && self->handle != NULL)
    self->session->klass->stream_stop_reading (self->session, self->handle, self->stop_code);
  if (self->outbound)
    lp2p_connection_stream_answered (self->connection, self);
  lp2p_async_io_wake (&self->io);
}

static void
negotiation_failed (Lp2pStream *self, GError *error)
{
  GError *reason;

  if (g_error_matches (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_REFUSED))
    reason = g_error_new_literal (LP2P_ERROR, LP2P_ERROR_NOT_SUPPORTED, error->message);
  else
    reason = g_error_new_literal (LP2P_ERROR, LP2P_ERROR_PROTOCOL, error->message);
  g_error_free (error);
  /* A refusal that was not sent yet tells the peer more than the reset. */
  lp2p_stream_send_head (self);
  g_clear_pointer (&self->negotiation, lp2p_multistream_free);
  lp2p_stream_break (self, reason, LP2P_CODE_STREAM_PROTOCOL_NEGOTIATION_FAILED);
}

gboolean
lp2p_stream_is_proposing (Lp2pStream *self)
{
  return self->negotiation != NULL && self->handle != NULL;
}

void
lp2p_stream_give_up_proposal (Lp2pStream *self)
{
  g_autoptr (Lp2pStream) keep = g_object_ref (self);

  lp2p_stream_break (self,
                     g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, _("The peer did not agree to %s in time"),
                                  self->protocol),
                     LP2P_CODE_STREAM_PROTOCOL_NEGOTIATION_FAILED);
}

static void
settle_negotiation (Lp2pStream *self, GError *error)
{
  if (error != NULL)
    negotiation_failed (self, error);
  else
    lp2p_stream_send_head (self);
  if (self->negotiation != NULL && lp2p_multistream_get_status (self->negotiation) == LP2P_MULTISTREAM_DONE)
    finish_negotiation (self);
}

/* Feeds the codec one piece; what lies behind its end is kept for the reader. */
static void
feed_negotiation (Lp2pStream *self, const guint8 *data, gsize size)
{
  GError *error = NULL;
  gsize consumed = 0;

  if (lp2p_multistream_input (self->negotiation, data, size, &consumed, &error) == LP2P_MULTISTREAM_DONE &&
      consumed < size)
    {
      self->early = g_byte_array_new ();
      g_byte_array_append (self->early, data + consumed, size - consumed);
    }
  settle_negotiation (self, error);
}

/* The peer's answer as it comes in: a reset right behind it, with which many answer
 * what was sent ahead, would take it away. All else waits for the stream's turn. */
gsize
lp2p_stream_take_answer (Lp2pStream *self, const guint8 *data, gsize size)
{
  gsize consumed = 0;

  if (!self->outbound || lp2p_connection_get_early (self->connection) ||
      lp2p_multistream_get_status (self->negotiation) != LP2P_MULTISTREAM_MORE)
    return 0;
  lp2p_multistream_input (self->negotiation, data, size, &consumed, &self->refusal);
  lp2p_async_io_wake (&self->io);
  return consumed;
}

void
lp2p_stream_settle_answer (Lp2pStream *self)
{
  if (self->negotiation != NULL && lp2p_multistream_get_status (self->negotiation) != LP2P_MULTISTREAM_MORE)
    settle_negotiation (self, g_steal_pointer (&self->refusal));
}

void
lp2p_stream_drive_negotiation (Lp2pStream *self)
{
  guint8 buffer[NEGOTIATION_READ_SIZE];
  GInputVector vector = { buffer, sizeof buffer };

  lp2p_stream_send_head (self);
  lp2p_stream_settle_answer (self);
  /* Nothing is read as long as bytes are kept: it could not be taken back. */
  while (self->negotiation != NULL && self->handle != NULL && self->kept == NULL)
    {
      gssize n = self->session->klass->stream_readv (self->session, self->handle, &vector, 1);

      if (n > 0)
        {
          feed_negotiation (self, buffer, n);
          continue;
        }
      if (n == LP2P_IO_AGAIN)
        {
          self->ready &= ~LP2P_READY_READ;
          return;
        }
      if (n == 0)
        negotiation_failed (self, g_error_new (LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_MULTISTREAM,
                                               _("The stream ended before its protocol was agreed on")));
      else
        {
          GError *error = NULL;

          lp2p_stream_fail_io (self, LP2P_READY_READ, &error);
          g_clear_pointer (&self->negotiation, lp2p_multistream_free);
          lp2p_stream_break (self, error, 0);
        }
    }
}
