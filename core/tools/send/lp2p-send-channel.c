/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-send-channel-private.h"

#include "tools/lp2p-output-private.h"
#include "tools/lp2p-session-private.h"
#include "types/lp2p-i18n-private.h"

/* Large enough that what a call costs does not show. */
#define READ_SIZE (256 * 1024)

/* How often a side shows that it is there, and how long it may take until it does. */
#define BUSY_SECONDS   10
#define SILENT_SECONDS 60

/* What a peer is told at the end, it has that long to take. */
#define PART_SECONDS 2

/* Buffers must not go while a call uses them: each call holds a reference. */
struct _SendChannel
{
  Lp2pStream *stream;
  GCancellable *cancellable;
  GError *error;
  GSource *timer;

  SendNotify notify;
  gpointer user_data;

  SendDecoder decoder;
  GByteArray *input;
  gsize used; /* of the input */
  gsize free; /* where a read puts what comes */
  gint64 read_since;
  gboolean reading;
  gboolean parting; /* what still comes is of no interest */
  gboolean over;    /* there is an error */

  GBytes *place;    /* where the chunk that comes is put, or NULL */
  gsize place_size; /* of the chunk */
  gsize placed;     /* bytes there that were not polled yet */
  gboolean placing; /* by what is being read */

  GByteArray *output;
  GByteArray *leaving;
  GOutputVector vectors[2];
  gboolean writing;
  gboolean wrote; /* since the timer fired last */
};

static void
channel_clear (gpointer pointer)
{
  SendChannel *self = pointer;

  g_clear_object (&self->stream);
  g_clear_object (&self->cancellable);
  g_clear_error (&self->error);
  g_clear_pointer (&self->place, g_bytes_unref);
  send_decoder_clear (&self->decoder);
  g_byte_array_unref (self->input);
  g_byte_array_unref (self->output);
  g_byte_array_unref (self->leaving);
}

static void
release (SendChannel *self)
{
  g_rc_box_release_full (self, channel_clear);
}

/* Takes @error. Only the first one tells why. */
void
send_channel_fail (SendChannel *self, GError *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
  self->over = TRUE;
  g_cancellable_cancel (self->cancellable);
  if (self->notify != NULL)
    self->notify (self, self->user_data);
}

static gboolean
on_timer (gpointer user_data)
{
  SendChannel *self = user_data;
  gint64 silent = g_get_monotonic_time () - self->read_since;

  if (self->reading && silent > SILENT_SECONDS * G_USEC_PER_SEC)
    {
      send_channel_fail (self, g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                            _("the peer has been silent for %d s"), SILENT_SECONDS));
      return G_SOURCE_CONTINUE;
    }
  if (!self->wrote && !self->writing)
    {
      send_append_nothing (self->output, SEND_BODY (BUSY));
      send_channel_push (self);
    }
  self->wrote = FALSE;
  return G_SOURCE_CONTINUE;
}

SendChannel *
send_channel_new (Lp2pStream *stream)
{
  SendChannel *self = g_rc_box_new0 (SendChannel);

  self->stream = g_object_ref (stream);
  self->cancellable = g_cancellable_new ();
  self->input = g_byte_array_new ();
  self->output = g_byte_array_new ();
  self->leaving = g_byte_array_new ();
  self->timer = g_timeout_source_new_seconds (BUSY_SECONDS);
  g_source_set_callback (self->timer, on_timer, self, NULL);
  g_source_attach (self->timer, NULL);
  return self;
}

/* What was not written is lost: see send_channel_part(). */
void
send_channel_free (SendChannel *self)
{
  self->notify = NULL;
  g_source_destroy (self->timer);
  g_clear_pointer (&self->timer, g_source_unref);
  g_cancellable_cancel (self->cancellable);
  lp2p_stream_reset (self->stream, LP2P_CODE_NONE);
  release (self);
}

Lp2pPeerId *
send_channel_get_peer (SendChannel *self)
{
  return lp2p_connection_get_remote_peer (lp2p_stream_get_connection (self->stream));
}

/* From then on all that comes is read at once, and to be polled when it is told of. */
void
send_channel_set_notify (SendChannel *self, SendNotify notify, gpointer user_data)
{
  self->notify = notify;
  self->user_data = user_data;
}

static void start_reading (SendChannel *self);

/* Output */

/* For frames, which leave with the next push or write. */
GByteArray *
send_channel_get_output (SendChannel *self)
{
  return self->output;
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  SendChannel *self = user_data;
  GError *error = NULL;

  self->writing = FALSE;
  self->wrote = TRUE;
  g_byte_array_set_size (self->leaving, 0);
  if (!g_output_stream_writev_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error))
    send_channel_fail (self, error);
  else
    send_channel_push (self);
  release (self);
}

static void
start_writing (SendChannel *self, GBytes *bytes)
{
  GByteArray *leaving = self->output;
  gsize size = 0;
  const void *data = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;

  self->output = self->leaving;
  self->leaving = leaving;
  self->vectors[0] = (GOutputVector) { leaving->data, leaving->len };
  self->vectors[1] = (GOutputVector) { data, size };
  self->writing = TRUE;
  lp2p_stream_lend (self->stream, bytes);
  g_output_stream_writev_all_async (g_io_stream_get_output_stream (G_IO_STREAM (self->stream)),
                                    self->vectors, size > 0 ? 2 : 1, G_PRIORITY_DEFAULT,
                                    self->cancellable, on_written, g_rc_box_acquire (self));
}

/* Has the output leave in the background. */
void
send_channel_push (SendChannel *self)
{
  if (!self->writing && self->error == NULL && self->output->len > 0)
    start_writing (self, NULL);
}

static gboolean
on_deadline (gpointer user_data)
{
  SendChannel *self = user_data;

  send_channel_fail (self, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                                N_("the peer does not take what is sent")));
  return G_SOURCE_REMOVE;
}

/* Runs for a little while, until something has happened. An interrupt does not cut
 * that short. */
static void
run_until (SendChannel *self, const gboolean *flag, gboolean value)
{
  g_autoptr (GSource) timer = g_timeout_source_new_seconds (PART_SECONDS);

  g_source_set_callback (timer, on_deadline, self, NULL);
  g_source_attach (timer, NULL);
  while (*flag != value)
    g_main_context_iteration (NULL, TRUE);
  g_source_destroy (timer);
}

/* The bytes of the caller are used until the call has ended; one that was cut in the
 * middle would leave nothing more to say. */
static gboolean
finish_writing (SendChannel *self, GError **error)
{
  gboolean good = TRUE;

  while (self->writing && good)
    good = send_channel_wait (self, error);
  if (self->writing)
    {
      /* Why it is over is known: that the peer takes nothing is no other reason. */
      self->notify = NULL;
      run_until (self, &self->writing, FALSE);
    }
  return good;
}

/* Writes the output, and behind it some bytes, and waits until all has left. The stream
 * may hold them longer.
 *
 * @bytes: (nullable) */
gboolean
send_channel_write (SendChannel *self, GBytes *bytes, GError **error)
{
  gboolean good = finish_writing (self, error);

  if (good && self->error != NULL)
    {
      g_propagate_error (error, g_error_copy (self->error));
      good = FALSE;
    }
  if (!good)
    {
      /* Without the bytes the frame before them is none. */
      g_byte_array_set_size (self->output, 0);
      return FALSE;
    }
  if (self->output->len > 0 || bytes != NULL)
    start_writing (self, bytes);
  return finish_writing (self, error);
}

static void
on_ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  SendChannel *self = user_data;

  self->writing = FALSE;
  release (self);
}

/* Tells the peer why there is no more, ends our direction, and waits a little until
 * the peer has understood, which it shows by ending its own. Until then it may send:
 * a reset would overtake what it is told. */
void
send_channel_part (SendChannel *self, Lp2p__Send__Frame__BodyCase kind, const char *text)
{
  self->notify = NULL;
  finish_writing (self, NULL);
  if (self->error != NULL)
    return;
  if (text != NULL)
    send_append_text (self->output, kind, text);
  send_channel_push (self);
  if (self->writing)
    run_until (self, &self->writing, FALSE);
  if (self->error != NULL)
    return;

  self->writing = TRUE;
  g_output_stream_close_async (g_io_stream_get_output_stream (G_IO_STREAM (self->stream)),
                               G_PRIORITY_DEFAULT, self->cancellable, on_ended,
                               g_rc_box_acquire (self));
  run_until (self, &self->writing, FALSE);
  self->parting = TRUE;
  self->used = self->input->len;
  start_reading (self);
  run_until (self, &self->over, TRUE);
}

/* Input */

/**
 * send_channel_place:
 * @self: a channel that has just told of a chunk
 * @place: room for the chunk, and a little more: what comes behind the chunk is read with it
 *
 * Saves a copy: what comes of the chunk is put there, as far as it is not here already.
 */
void
send_channel_place (SendChannel *self, GBytes *place)
{
  self->place = g_bytes_ref (place);
  self->place_size = self->decoder.left;
}

/* Where the chunk goes on, and how much room there is. */
static guint8 *
get_place (SendChannel *self, gsize *room)
{
  gsize filled = self->place_size - self->decoder.left;
  gsize size;
  guint8 *data = (guint8 *) g_bytes_get_data (self->place, &size);

  *room = size - filled;
  return data + filled;
}

/* What came behind the chunk is input. */
static void
take_placed (SendChannel *self, gsize n)
{
  gsize room;
  const guint8 *data = get_place (self, &room);

  self->placed = MIN (n, self->decoder.left);
  g_byte_array_append (self->input, data + self->placed, (guint) (n - self->placed));
}

/* An event of what was put where it belongs. */
static void
tell_placed (SendChannel *self, SendEvent *event)
{
  gsize room;

  event->data = get_place (self, &room);
  event->size = self->placed;
  self->decoder.left -= self->placed;
  self->placed = 0;
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  SendChannel *self = user_data;
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  self->reading = FALSE;
  if (!self->placing)
    g_byte_array_set_size (self->input, (guint) (self->free + (gsize) MAX (n, 0)));
  else if (n > 0)
    take_placed (self, (gsize) n);
  if (n == 0)
    g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_CLOSED, N_("the peer ended the stream"));
  if (self->parting)
    self->used = self->input->len;
  if (n <= 0)
    send_channel_fail (self, error);
  else if (self->parting)
    start_reading (self);
  else if (self->notify != NULL)
    self->notify (self, self->user_data);
  release (self);
}

static void
start_reading (SendChannel *self)
{
  gsize size = READ_SIZE;
  guint8 *where;

  if (self->reading || self->error != NULL)
    return;
  g_byte_array_remove_range (self->input, 0, (guint) self->used);
  self->used = 0;
  self->free = self->input->len;
  self->placing = self->place != NULL && !self->parting;
  if (self->placing)
    {
      where = get_place (self, &size);
    }
  else
    {
      g_byte_array_set_size (self->input, (guint) (self->free + size));
      where = self->input->data + self->free;
    }
  self->reading = TRUE;
  self->read_since = g_get_monotonic_time ();
  g_input_stream_read_async (g_io_stream_get_input_stream (G_IO_STREAM (self->stream)), where, size,
                             G_PRIORITY_DEFAULT, self->cancellable, on_read, g_rc_box_acquire (self));
}

/**
 * send_channel_poll:
 * @self: a channel
 * @event: (out): what came, until the next call; a frame is the caller's
 * @error: return location for an error
 *
 * Takes the next thing that came, without waiting for it.
 *
 * Returns: what it is; %SEND_INPUT_MORE for nothing
 */
SendInput
send_channel_poll (SendChannel *self, SendEvent *event, GError **error)
{
  SendInput found = SEND_INPUT_MORE;

  *event = (SendEvent) { NULL };
  while (!self->reading)
    {
      Lp2pCursor cursor = LP2P_CURSOR_INIT (self->input->data + self->used,
                                            self->input->len - self->used);
      gsize before = lp2p_cursor_left (&cursor);

      if (self->decoder.left == 0)
        g_clear_pointer (&self->place, g_bytes_unref);
      if (self->placed > 0)
        {
          tell_placed (self, event);
          return SEND_INPUT_DATA;
        }
      found = send_decoder_next (&self->decoder, &cursor, event, error);
      self->used += before - lp2p_cursor_left (&cursor);
      if (found == SEND_INPUT_FRAME && event->frame->body_case == SEND_BODY (BUSY))
        {
          g_clear_pointer (&event->frame, send_frame_free);
          continue;
        }
      if (found != SEND_INPUT_MORE)
        return found;
      /* What came before the end counts. */
      if (self->error != NULL)
        {
          g_propagate_error (error, g_error_copy (self->error));
          return SEND_INPUT_FAILED;
        }
      start_reading (self);
    }
  return found;
}

gboolean
send_channel_is_over (SendChannel *self)
{
  return self->over;
}

/* What the peer said. Returns FALSE. */
gboolean
send_fail_said (GError **error, const char *format, const char *text)
{
  g_autofree char *reason = tool_translate_reason (text[0] != '\0' ? text : N_("no reason given"));

  g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED, format, reason);
  return FALSE;
}

/* Lets something happen. Returns whether there is a reason to go on. */
gboolean
send_channel_wait (SendChannel *self, GError **error)
{
  if (!tool_is_interrupted ())
    g_main_context_iteration (NULL, TRUE);
  if (tool_is_interrupted ())
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, N_("interrupted"));
  else if (self->error != NULL && !self->reading && self->used < self->input->len)
    return TRUE;
  else if (self->error != NULL)
    g_propagate_error (error, g_error_copy (self->error));
  else
    return TRUE;
  return FALSE;
}
