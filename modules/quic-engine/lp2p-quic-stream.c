/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A stream between ngtcp2 and whoever reads and writes it. ngtcp2 may be done with it
 * first, or they: it is freed when both are. */

#include "lp2p-quic-private.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

/* What waits to be acknowledged: twice what the path takes at once, so that the next
 * bytes are there when the first are acknowledged. */
#define MIN_OUTPUT (128 * 1024)
#define MAX_OUTPUT (8 * 1024 * 1024)

/* What a stream may be given without asking the host for memory, so that each goes on
 * as long as the peer acknowledges. */
#define FREE_OUTPUT (16 * 1024)

/* The bit of an id that says so. */
#define ONE_WAY 2

/* What is still sent of a stream that is reset: it may say why, as a refused protocol
 * does. */
#define MAX_LAST_WORDS 1024

static void
announce (Lp2pQuicStream *self, Lp2pReady ready)
{
  Lp2pQuicConnection *connection = self->connection;

  if (self->taken && !self->released && connection->events != NULL)
    connection->events->stream_ready (self, ready, connection->events_data);
}

/* The direction that is not there has ended before it began. */
static void
take_direction (Lp2pQuicStream *self)
{
  GError **error = self->remote ? &self->write_error : &self->read_error;

  self->one_way = (self->id & ONE_WAY) != 0;
  if (self->one_way)
    *error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, _("The stream has one direction"));
}

Lp2pQuicStream *
lp2p_quic_stream_new (Lp2pQuicConnection *connection, gint64 id, gboolean remote)
{
  Lp2pQuicStream *self = g_new0 (Lp2pQuicStream, 1);

  self->connection = connection;
  self->id = id;
  self->remote = remote;
  take_direction (self);
  self->link.data = self;
  g_queue_push_tail_link (&connection->streams, &self->link);
  return self;
}

/* Nothing comes any more. Some versions of ngtcp2 never say so of a stream that the peer
 * has to itself: nobody waits for that. */
static void
end_one_way (Lp2pQuicStream *self)
{
  if (!self->one_way || !self->remote || self->closed || self->connection->conn == NULL)
    return;
  ngtcp2_conn_set_stream_user_data (self->connection->conn, self->id, NULL);
  self->closed = TRUE;
}

/* To be called when the output has changed. */
static void
count_output (Lp2pQuicStream *self)
{
  gsize size = lp2p_quic_send_buffer_get_size (&self->output);
  gsize counted = size > FREE_OUTPUT ? size - FREE_OUTPUT : 0;

  lp2p_quic_memory_update_output (self->connection, self->counted, counted);
  self->counted = counted;
}

static void
clear_input (Lp2pQuicStream *self)
{
  gsize size = self->input.size;

  lp2p_byte_queue_clear (&self->input);
  lp2p_quic_memory_remove_input (self->connection, size);
}

static void
stream_free (Lp2pQuicStream *self)
{
  Lp2pQuicConnection *connection = self->connection;

  g_queue_unlink (&connection->streams, &self->link);
  if (self->incoming_link.data != NULL)
    g_queue_unlink (&connection->incoming, &self->incoming_link);
  lp2p_quic_stream_unqueue_output (self);
  clear_input (self);
  lp2p_quic_send_buffer_clear (&self->output);
  count_output (self);
  g_clear_error (&self->read_error);
  g_clear_error (&self->write_error);
  /* Only now may the peer open another one. */
  if (self->remote && connection->conn != NULL)
    {
      if (!self->one_way)
        ngtcp2_conn_extend_max_streams_bidi (connection->conn, 1);
      else if (connection->n_one_way++ < LP2P_QUIC_MAX_ONE_WAY)
        ngtcp2_conn_extend_max_streams_uni (connection->conn, 1);
      lp2p_quic_connection_want_output (connection);
    }
  g_free (self);
}

int
lp2p_quic_stream_open (Lp2pQuicConnection *connection, gboolean one_way, Lp2pQuicStream **stream)
{
  int64_t id;
  int code;

  *stream = NULL;
  if (!lp2p_quic_connection_is_usable (connection))
    return LP2P_IO_FAILED;
  code = one_way ? ngtcp2_conn_open_uni_stream (connection->conn, &id, NULL)
                 : ngtcp2_conn_open_bidi_stream (connection->conn, &id, NULL);
  if (code == NGTCP2_ERR_STREAM_ID_BLOCKED)
    {
      connection->open_refused = TRUE;
      return LP2P_IO_AGAIN;
    }
  if (code != 0)
    return LP2P_IO_FAILED;
  *stream = lp2p_quic_stream_new (connection, id, FALSE);
  (*stream)->taken = TRUE;
  ngtcp2_conn_set_stream_user_data (connection->conn, id, *stream);
  return 0;
}

static Lp2pQuicStream *
pop_incoming (Lp2pQuicConnection *connection)
{
  GList *link = g_queue_pop_head_link (&connection->incoming);
  Lp2pQuicStream *stream;

  if (link == NULL)
    return NULL;
  stream = link->data;
  stream->incoming_link.data = NULL;
  return stream;
}

/* What came early of somebody who was never verified is nobody's. */
Lp2pQuicStream *
lp2p_quic_stream_accept (Lp2pQuicConnection *connection)
{
  gboolean lost = !connection->verified && connection->phase >= LP2P_QUIC_CLOSED;
  Lp2pQuicStream *stream = lost ? NULL : pop_incoming (connection);

  while (stream != NULL && stream->withdrawn)
    {
      lp2p_quic_stream_release (stream);
      stream = pop_incoming (connection);
    }
  if (stream != NULL)
    stream->taken = TRUE;
  return stream;
}

gint64
lp2p_quic_stream_get_id (Lp2pQuicStream *self)
{
  return self->id;
}

gboolean
lp2p_quic_stream_is_one_way (Lp2pQuicStream *self)
{
  return self->one_way;
}

void
lp2p_quic_stream_set_user_data (Lp2pQuicStream *self, gpointer user_data)
{
  self->parent.user_data = user_data;
}

gpointer
lp2p_quic_stream_get_user_data (Lp2pQuicStream *self)
{
  return self->parent.user_data;
}

/* Reading */

/* The peer may send as much more. */
static void
give_credit (Lp2pQuicStream *self, gsize size)
{
  ngtcp2_conn *conn = self->connection->conn;

  if (conn == NULL || size == 0)
    return;
  if (!self->closed)
    ngtcp2_conn_extend_max_stream_offset (conn, self->id, size);
  lp2p_quic_memory_give_credit (self->connection, size);
}

static void
drop_input (Lp2pQuicStream *self)
{
  gsize size = self->input.size;

  self->discard = TRUE;
  clear_input (self);
  give_credit (self, size);
}

static void
keep (Lp2pQuicStream *self, const guint8 *data, gsize size)
{
  lp2p_byte_queue_push (&self->input, data, size);
  if (lp2p_quic_memory_add_input (self->connection, size))
    return;
  lp2p_quic_stream_reset (self, LP2P_CODE_STREAM_RESOURCE_LIMIT);
  g_clear_error (&self->read_error);
  self->read_error = g_error_new_literal (LP2P_ERROR, LP2P_ERROR_LIMIT,
                                          _("No memory is left for bytes that wait to be read"));
}

void
lp2p_quic_stream_received (Lp2pQuicStream *self, const guint8 *data, gsize size, gboolean fin)
{
  Lp2pQuicConnection *connection = self->connection;
  gsize taken = self->discard || self->read_error != NULL ? size : 0;

  if (taken == 0 && size > 0 && self->taken && self->input.size == 0 && connection->events != NULL)
    taken = connection->events->stream_input (self, data, size, connection->events_data);
  give_credit (self, taken);
  if (taken < size)
    keep (self, data + taken, size - taken);
  self->fin_received |= fin && self->read_error == NULL;
  if (fin)
    end_one_way (self);
  if (taken < size || fin)
    announce (self, LP2P_READY_READ);
}

gssize
lp2p_quic_stream_readv (Lp2pQuicStream *self, const GInputVector *vectors, guint n_vectors)
{
  gsize n;

  if (self->input.size > 0)
    {
      n = lp2p_byte_queue_read (&self->input, vectors, n_vectors);
      lp2p_quic_memory_remove_input (self->connection, n);
      give_credit (self, n);
      if (self->connection->conn != NULL)
        lp2p_quic_connection_want_output (self->connection);
      return n;
    }
  if (self->fin_received)
    return 0;
  return self->read_error != NULL || self->refused ? LP2P_IO_FAILED : LP2P_IO_AGAIN;
}

/* What ends one direction here. */
static void
set_error (GError **error, const char *message)
{
  if (*error == NULL)
    *error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, message);
}

void
lp2p_quic_stream_stop_reading (Lp2pQuicStream *self, guint64 code)
{
  if (self->connection->conn != NULL && !self->closed && !self->fin_received && self->read_error == NULL)
    {
      lp2p_quic_shutdown_read (self->connection->conn, self->id, code);
      lp2p_quic_connection_want_output (self->connection);
    }
  drop_input (self);
  end_one_way (self);
  if (!self->fin_received)
    set_error (&self->read_error, _("Reading from the stream was stopped"));
}

void
lp2p_quic_stream_was_reset (Lp2pQuicStream *self, guint64 code)
{
  Lp2pQuicConnection *connection = self->connection;

  /* Where we have failed it, the peer only answers. */
  if (!self->taken && self->read_error == NULL)
    {
      self->withdrawn = TRUE;
      if (connection->events != NULL)
        connection->events->withdrawn (connection->events_data);
    }
  if (self->read_error == NULL && !self->fin_received)
    {
      self->read_code = code;
      self->read_error =
          g_error_new (LP2P_ERROR, LP2P_ERROR_RESET, _("The peer reset the stream with code %" PRIu64), code);
    }
  end_one_way (self);
  announce (self, LP2P_READY_READ);

  /* Whoever resets a stream reads no more, but that is not for sure. */
  self->probing = self->write_error == NULL && !self->fin_wanted;
  lp2p_quic_stream_queue_output (self);
}

/* Writing */

gboolean
lp2p_quic_stream_is_sendable (Lp2pQuicStream *self)
{
  return lp2p_quic_send_buffer_get_unsent (&self->output) > 0 || (self->fin_wanted && !self->fin_sent) || self->probing;
}

void
lp2p_quic_stream_queue_output (Lp2pQuicStream *self)
{
  if (!lp2p_quic_stream_is_sendable (self))
    return;
  if (self->stalled)
    lp2p_quic_stream_unqueue_output (self);
  if (self->send_link.data == NULL)
    {
      self->send_link.data = self;
      g_queue_push_tail_link (&self->connection->sendable, &self->send_link);
    }
  lp2p_quic_connection_want_output (self->connection);
}

void
lp2p_quic_stream_unqueue_output (Lp2pQuicStream *self)
{
  if (self->send_link.data == NULL)
    return;
  g_queue_unlink (self->stalled ? &self->connection->stalled : &self->connection->sendable, &self->send_link);
  self->send_link.data = NULL;
  self->stalled = FALSE;
}

/* The peer gives no credit now. ngtcp2 tells when it does; that it wants no more at
 * all shows only when that is tried again. */
void
lp2p_quic_stream_stall (Lp2pQuicStream *self)
{
  lp2p_quic_stream_unqueue_output (self);
  self->stalled = TRUE;
  self->send_link.data = self;
  g_queue_push_tail_link (&self->connection->stalled, &self->send_link);
}

/* Each once: one that has nothing to send any more does not wait either. */
void
lp2p_quic_streams_retry_stalled (Lp2pQuicConnection *connection)
{
  guint n = connection->heard ? connection->stalled.length : 0;

  connection->heard = FALSE;
  while (n-- > 0)
    {
      Lp2pQuicStream *stream = g_queue_peek_head (&connection->stalled);

      lp2p_quic_stream_unqueue_output (stream);
      lp2p_quic_stream_queue_output (stream);
    }
}

static gsize
get_room_of_path (Lp2pQuicStream *self)
{
  gsize used = lp2p_quic_send_buffer_get_size (&self->output);
  ngtcp2_conn_info info;
  gsize max;

  if (used < MIN_OUTPUT)
    return MIN_OUTPUT - used;
  ngtcp2_conn_get_conn_info (self->connection->conn, &info);
  max = CLAMP (2 * info.cwnd, MIN_OUTPUT, MAX_OUTPUT);
  return used < max ? max - used : 0;
}

/* Returns: how many of @wanted bytes may be written now */
static gsize
get_room (Lp2pQuicStream *self, gsize wanted)
{
  gsize used = lp2p_quic_send_buffer_get_size (&self->output);
  gsize room = MIN (get_room_of_path (self), wanted);
  gsize unasked = used < FREE_OUTPUT ? FREE_OUTPUT - used : 0;

  if (room <= unasked || lp2p_quic_memory_has_output (self->connection, room - unasked))
    return room;
  return unasked;
}

static gboolean
can_write (Lp2pQuicStream *self)
{
  return self->write_error == NULL && !self->fin_wanted && !self->refused &&
         lp2p_quic_connection_is_usable (self->connection);
}

/* Who may not write gets nothing kept. */
void
lp2p_quic_stream_lend (Lp2pQuicStream *self, GBytes *bytes)
{
  lp2p_quic_send_buffer_lend (&self->output, can_write (self) ? bytes : NULL);
}

gssize
lp2p_quic_stream_writev (Lp2pQuicStream *self, const GOutputVector *vectors, guint n_vectors)
{
  gsize size = lp2p_output_vectors_get_size (vectors, n_vectors);
  gsize taken;

  if (!can_write (self))
    {
      set_error (&self->write_error, _("The stream is closed"));
      return LP2P_IO_FAILED;
    }
  taken = lp2p_quic_send_buffer_append (&self->output, vectors, n_vectors, get_room (self, size));
  count_output (self);
  self->blocked = taken < size;
  lp2p_quic_stream_queue_output (self);
  return taken > 0 || size == 0 ? (gssize) taken : LP2P_IO_AGAIN;
}

int
lp2p_quic_stream_shutdown_write (Lp2pQuicStream *self)
{
  if (self->fin_wanted)
    return 0;
  if (!can_write (self))
    {
      set_error (&self->write_error, _("The stream is closed"));
      return LP2P_IO_FAILED;
    }
  self->fin_wanted = TRUE;
  lp2p_quic_stream_queue_output (self);
  return 0;
}

/* Not where the peer gives no credit. */
static gboolean
may_send_rest (Lp2pQuicStream *self)
{
  if (self->stalled)
    return FALSE;
  return lp2p_quic_send_buffer_get_unsent (&self->output) > 0
             ? ngtcp2_conn_get_max_data_left (self->connection->conn) > 0
             : self->probing;
}

static void
want_reset (Lp2pQuicStream *self, guint64 code)
{
  self->reset_wanted = TRUE;
  self->reset_code = code;
  self->connection->n_resets++;
}

/* Some peers, ngtcp2 among them, do not answer the reset of a stream of which they have
 * never heard, and it would stay here for ever: an empty frame goes ahead. */
static void
announce_reset (Lp2pQuicStream *self, guint64 code)
{
  want_reset (self, code);
  self->fin_wanted = FALSE;
  self->probing = TRUE;
  lp2p_quic_stream_queue_output (self);
}

/* The buffer stays until ngtcp2 is done with the stream: what is in flight points to
 * it. */
static void
reset_output (Lp2pQuicStream *self, guint64 code)
{
  Lp2pQuicConnection *connection = self->connection;
  gsize unsent = lp2p_quic_send_buffer_get_unsent (&self->output);

  if (connection->conn == NULL || self->closed || self->reset_wanted)
    return;
  lp2p_quic_connection_want_output (connection);
  if (unsent > 0 && unsent <= MAX_LAST_WORDS && may_send_rest (self))
    {
      want_reset (self, code);
      return;
    }
  lp2p_quic_stream_unqueue_output (self);
  lp2p_quic_send_buffer_truncate (&self->output);
  count_output (self);
  if (!self->remote && self->output.sent == 0 && !self->fin_sent)
    {
      announce_reset (self, code);
      return;
    }
  lp2p_quic_shutdown_write (connection->conn, self->id, code);
}

/* Between packets. */
void
lp2p_quic_streams_finish_resets (Lp2pQuicConnection *connection)
{
  for (GList *l = connection->streams.head; l != NULL && connection->n_resets > 0; l = l->next)
    {
      Lp2pQuicStream *stream = l->data;

      if (!stream->reset_wanted || may_send_rest (stream))
        continue;
      stream->reset_wanted = FALSE;
      connection->n_resets--;
      lp2p_quic_stream_unqueue_output (stream);
      lp2p_quic_shutdown_write (connection->conn, stream->id, stream->reset_code);
      lp2p_quic_connection_want_output (connection);
    }
}

/* The peer reads no more. ngtcp2 does not say with which code. */
void
lp2p_quic_stream_was_stopped (Lp2pQuicStream *self)
{
  lp2p_quic_stream_unqueue_output (self);
  self->probing = FALSE;
  self->flushing = FALSE;
  if (self->write_error == NULL)
    self->write_error = g_error_new_literal (LP2P_ERROR, LP2P_ERROR_RESET, _("The peer stopped reading the stream"));
  announce (self, LP2P_READY_WRITE);
}

/* @size: 0 only for a bare end. The end that came with the last bytes has arrived with
 * them. */
void
lp2p_quic_stream_acknowledged (Lp2pQuicStream *self, guint64 offset, gsize size)
{
  lp2p_quic_send_buffer_acknowledge (&self->output, offset + size);
  if (self->fin_sent && (size == 0 || !self->fin_bare) && lp2p_quic_send_buffer_get_size (&self->output) == 0)
    self->fin_acknowledged = TRUE;
  count_output (self);
  if (!self->blocked || get_room (self, 1) == 0)
    return;
  self->blocked = FALSE;
  announce (self, LP2P_READY_WRITE);
}

/* A bare end may be sent again together with the last bytes, and ngtcp2 then tells only
 * of these: but nothing is on its way any more. */
static gboolean
has_unsent_end (Lp2pQuicStream *self)
{
  if (!self->fin_wanted || self->fin_acknowledged)
    return FALSE;
  return !self->fin_sent || self->connection->arrival.in_flight > 0;
}

/* What was written and has not arrived, but for what nobody waits for any more. */
gboolean
lp2p_quic_stream_has_unsent (Lp2pQuicStream *self)
{
  if (self->closed || (self->write_error != NULL && !self->flushing))
    return FALSE;
  return lp2p_quic_send_buffer_get_size (&self->output) > 0 || has_unsent_end (self);
}

/* Both */

void
lp2p_quic_stream_want (Lp2pQuicStream *self, Lp2pReady ready)
{
  gboolean open = self->connection->conn != NULL;
  Lp2pReady now = LP2P_READY_NONE;

  if (self->input.size > 0 || self->fin_received || self->read_error != NULL)
    now |= LP2P_READY_READ;
  if (!can_write (self) || !open || get_room (self, 1) > 0)
    now |= LP2P_READY_WRITE;
  else if (ready & LP2P_READY_WRITE)
    self->blocked = TRUE;
  if (now & ready)
    announce (self, now & ready);
}

void
lp2p_quic_stream_reset (Lp2pQuicStream *self, guint64 code)
{
  lp2p_quic_stream_stop_reading (self, code);
  if (self->write_error == NULL)
    reset_output (self, code);
  set_error (&self->write_error, _("The stream was reset"));
  set_error (&self->read_error, _("The stream was reset"));
  announce (self, LP2P_READY_READ | LP2P_READY_WRITE);
}

/* What is written arrives; a direction that was not ended is reset. */
void
lp2p_quic_stream_release (Lp2pQuicStream *self)
{
  self->released = TRUE;
  lp2p_quic_stream_stop_reading (self, 0);
  if (!self->fin_wanted && self->write_error == NULL)
    {
      reset_output (self, 0);
      set_error (&self->write_error, _("The stream was released"));
    }
  if (self->closed || self->connection->conn == NULL)
    stream_free (self);
}

void
lp2p_quic_stream_was_closed (Lp2pQuicStream *self)
{
  self->closed = TRUE;
  self->connection->n_resets -= self->reset_wanted;
  self->reset_wanted = FALSE;
  lp2p_quic_stream_unqueue_output (self);
  lp2p_quic_send_buffer_clear (&self->output);
  count_output (self);
  if (self->released)
    stream_free (self);
}

const GError *
lp2p_quic_stream_get_error (Lp2pQuicStream *self, Lp2pReady side, guint64 *code)
{
  gboolean writing = side == LP2P_READY_WRITE;

  if (code != NULL)
    *code = writing ? 0 : self->read_code;
  return writing ? self->write_error : self->read_error;
}

/* All of a connection */

static GError *
new_lost_error (const GError *reason)
{
  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_CLOSED))
    return g_error_copy (reason);
  return g_error_new_literal (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST, reason->message);
}

static void
fail_stream (Lp2pQuicStream *self, const GError *reason)
{
  if (self->read_error == NULL && !self->fin_received)
    self->read_error = new_lost_error (reason);
  if (self->write_error == NULL && !self->fin_wanted)
    self->write_error = new_lost_error (reason);
  announce (self, LP2P_READY_READ | LP2P_READY_WRITE);
}

/* @keep_output: what was written is still sent */
void
lp2p_quic_streams_fail (Lp2pQuicConnection *connection, const GError *reason, gboolean keep_output)
{
  for (GList *l = connection->streams.head; l != NULL; l = l->next)
    {
      Lp2pQuicStream *stream = l->data;

      if (keep_output && !stream->fin_wanted && stream->write_error == NULL)
        stream->flushing = TRUE;
      fail_stream (stream, reason);
    }
}

/* The peer did not take what was sent early. ngtcp2 has forgotten the streams, which
 * nobody is told: they are opened again. */
void
lp2p_quic_streams_refuse (Lp2pQuicConnection *connection)
{
  GList *next;

  for (GList *l = connection->streams.head; l != NULL; l = next)
    {
      Lp2pQuicStream *stream = l->data;

      next = l->next;
      if (connection->phase == LP2P_QUIC_FLUSHING && lp2p_quic_stream_has_unsent (stream))
        connection->undelivered = TRUE;
      stream->refused = TRUE;
      lp2p_quic_stream_was_closed (stream);
    }
  if (connection->events != NULL)
    connection->events->early_rejected (connection->events_data);
}

/* ngtcp2 is gone, and with it what points to the buffers. */
void
lp2p_quic_streams_drop_output (Lp2pQuicConnection *connection)
{
  GList *next;

  for (GList *l = connection->streams.head; l != NULL; l = next)
    {
      Lp2pQuicStream *stream = l->data;

      next = l->next;
      lp2p_quic_stream_was_closed (stream);
    }
}
