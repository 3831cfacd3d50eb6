/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The steps that are about streams. */

#include "lp2p-peer-dial.h"
#include "lp2p-peer-stream.h"

#include <openssl/rand.h>
#include <string.h>

#define READ_SIZE       (128 * 1024)
#define ECHO_SIZE       1024
#define HALF_CLOSE_SIZE 1000

/* What a step keeps while it works on a stream. */
typedef struct
{
  PeerDialer *dialer;
  Lp2pStream *stream;
  PeerHash *hash;
  GBytes *loan;
  guint64 got;
  guint64 expected;
  guint64 count;
  guint8 digest[PEER_HASH_SIZE];
  guint8 answer[PEER_HASH_SIZE];
  guint8 sent[ECHO_SIZE];
} Exchange;

static void
exchange_free (gpointer pointer)
{
  Exchange *self = pointer;

  g_clear_object (&self->stream);
  g_clear_pointer (&self->hash, EVP_MD_CTX_free);
  g_clear_pointer (&self->loan, g_bytes_unref);
  g_free (self);
}

static Exchange *
exchange_begin (PeerDialer *dialer,
                GTask *task,
                const char *protocol,
                GAsyncReadyCallback on_opened)
{
  Exchange *self = g_new0 (Exchange, 1);

  self->dialer = dialer;
  g_task_set_task_data (task, self, exchange_free);
  peer_open_async (dialer, protocol, g_task_get_cancellable (task), on_opened, task);
  return self;
}

/* Returns FALSE when the step ended because no stream could be opened. */
static gboolean
exchange_opened (GTask *task, GAsyncResult *result)
{
  Exchange *self = g_task_get_task_data (task);
  GError *error = NULL;

  self->stream = peer_open_finish (result, &error);
  if (self->stream != NULL)
    return TRUE;
  /* With the task goes what the step kept. */
  peer_step_return (task, NULL, NULL, error);
  return FALSE;
}

static GInputStream *
exchange_input (Exchange *self)
{
  return g_io_stream_get_input_stream (G_IO_STREAM (self->stream));
}

static GOutputStream *
exchange_output (Exchange *self)
{
  return g_io_stream_get_output_stream (G_IO_STREAM (self->stream));
}

static void
exchange_write (GTask *task, gconstpointer data, gsize size, GAsyncReadyCallback callback)
{
  Exchange *self = g_task_get_task_data (task);

  g_output_stream_write_all_async (exchange_output (self), data, size, G_PRIORITY_DEFAULT,
                                   g_task_get_cancellable (task), callback, task);
}

static void
exchange_close_output (GTask *task, GAsyncReadyCallback callback)
{
  Exchange *self = g_task_get_task_data (task);

  g_output_stream_close_async (exchange_output (self), G_PRIORITY_DEFAULT,
                               g_task_get_cancellable (task), callback, task);
}

static void
exchange_read (GTask *task, gsize size, PeerPieceFunc func, GAsyncReadyCallback callback)
{
  Exchange *self = g_task_get_task_data (task);

  peer_read_pieces_async (exchange_input (self), size, func, self, g_task_get_cancellable (task),
                          callback, task);
}

/* Ends the step with an error when there is one. */
static gboolean
exchange_failed (GTask *task, GError *error)
{
  Exchange *self = g_task_get_task_data (task);

  if (error != NULL)
    peer_step_return (task, self->stream, NULL, error);
  return error != NULL;
}

static void
exchange_done (GTask *task, char *detail)
{
  Exchange *self = g_task_get_task_data (task);

  peer_step_return (task, self->stream, detail, NULL);
}

static gboolean
take_answer (Exchange *self, const guint8 *data, gsize size, GError **error)
{
  guint64 offset = self->got - self->expected;

  self->got += size;
  if (offset + size <= sizeof self->answer)
    {
      memcpy (self->answer + offset, data, size);
      return TRUE;
    }
  g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL, "more than a hash came");
  return FALSE;
}

static GError *
check_answer (Exchange *self)
{
  guint64 wanted = self->expected + sizeof self->answer;

  if (self->got != wanted)
    return g_error_new (LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                        "got %" G_GUINT64_FORMAT " bytes, expected %" G_GUINT64_FORMAT, self->got,
                        wanted);
  if (memcmp (self->answer, self->digest, sizeof self->digest) != 0)
    return g_error_new (LP2P_ERROR, LP2P_ERROR_PROTOCOL, "the peer's hash differs from ours");
  return NULL;
}

static char *
bytes_detail (guint64 bytes)
{
  return g_strdup_printf ("\"bytes\":%" G_GUINT64_FORMAT, bytes);
}

/* upload */

static gboolean
answer_piece (const guint8 *data, gsize size, gpointer user_data, GError **error)
{
  return take_answer (user_data, data, size, error);
}

static void
on_upload_answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Exchange *self = g_task_get_task_data (task);
  GError *error = NULL;

  if (peer_read_pieces_finish (G_INPUT_STREAM (source), result, &error))
    error = check_answer (self);
  if (!exchange_failed (task, error))
    exchange_done (task, bytes_detail (self->dialer->options->upload_bytes));
}

static void
on_upload_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;

  g_output_stream_close_finish (G_OUTPUT_STREAM (source), result, &error);
  if (!exchange_failed (user_data, error))
    exchange_read (user_data, PEER_HASH_SIZE * 2, answer_piece, on_upload_answered);
}

static void
on_upload_sent (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Exchange *self = g_task_get_task_data (task);
  GError *error = NULL;

  peer_send_pattern_finish (G_OUTPUT_STREAM (source), result, self->digest, &error);
  if (!exchange_failed (task, error))
    exchange_close_output (task, on_upload_closed);
}

static void
on_upload_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Exchange *self = g_task_get_task_data (task);

  if (exchange_opened (task, result))
    peer_send_pattern_async (exchange_output (self), self->dialer->options->upload_bytes,
                             g_task_get_cancellable (task), on_upload_sent, task);
}

void
peer_step_upload (PeerDialer *dialer, GTask *task)
{
  exchange_begin (dialer, task, PEER_PROTOCOL_UPLOAD, on_upload_opened);
}

/* lend: an upload of bytes that the stream does not copy */

static GBytes *
make_pattern (gsize size, guint8 digest[PEER_HASH_SIZE])
{
  g_autoptr (PeerHash) hash = peer_hash_new ();
  guint8 *data = g_malloc (size);

  peer_pattern_fill (0, data, size);
  peer_hash_update (hash, data, size);
  peer_hash_finish (hash, digest);
  return g_bytes_new_take (data, size);
}

static void
on_loan_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Exchange *self = g_task_get_task_data (task);
  GError *error = NULL;

  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);
  if (exchange_failed (task, error))
    return;
  lp2p_stream_lend (self->stream, NULL);
  g_clear_pointer (&self->loan, g_bytes_unref);
  exchange_close_output (task, on_upload_closed);
}

static void
on_lend_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Exchange *self = g_task_get_task_data (task);
  gconstpointer data;
  gsize size;

  if (!exchange_opened (task, result))
    return;
  self->loan = make_pattern (self->dialer->options->upload_bytes, self->digest);
  data = g_bytes_get_data (self->loan, &size);
  lp2p_stream_lend (self->stream, self->loan);
  exchange_write (task, data, size, on_loan_written);
}

void
peer_step_lend (PeerDialer *dialer, GTask *task)
{
  exchange_begin (dialer, task, PEER_PROTOCOL_UPLOAD, on_lend_opened);
}

/* download */

static gboolean
check_pattern (Exchange *self, const guint8 *data, gsize size, GError **error)
{
  guint8 expected[4096];

  for (gsize done = 0; done < size; done += sizeof expected)
    {
      gsize n = MIN (size - done, sizeof expected);

      peer_pattern_fill (self->got + done, expected, n);
      if (memcmp (expected, data + done, n) != 0)
        {
          g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL, "the data differs from the pattern");
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
download_piece (const guint8 *data, gsize size, gpointer user_data, GError **error)
{
  Exchange *self = user_data;
  gsize n = self->got < self->expected ? MIN (size, self->expected - self->got) : 0;

  if (!check_pattern (self, data, n, error))
    return FALSE;
  peer_hash_update (self->hash, data, n);
  self->got += n;
  return n == size || take_answer (self, data + n, size - n, error);
}

static void
on_download_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Exchange *self = g_task_get_task_data (task);
  GError *error = NULL;

  if (peer_read_pieces_finish (G_INPUT_STREAM (source), result, &error))
    {
      peer_hash_finish (self->hash, self->digest);
      error = check_answer (self);
    }
  if (!exchange_failed (task, error))
    exchange_done (task, bytes_detail (self->expected));
}

static void
on_download_asked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;

  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);
  if (!exchange_failed (user_data, error))
    exchange_read (user_data, READ_SIZE, download_piece, on_download_read);
}

static void
on_download_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Exchange *self = g_task_get_task_data (task);

  if (exchange_opened (task, result))
    exchange_write (task, &self->count, sizeof self->count, on_download_asked);
}

void
peer_step_download (PeerDialer *dialer, GTask *task)
{
  Exchange *self = exchange_begin (dialer, task, PEER_PROTOCOL_DOWNLOAD, on_download_opened);

  self->expected = dialer->options->upload_bytes;
  self->count = GUINT64_TO_BE (self->expected);
  self->hash = peer_hash_new ();
}

/* One echo */

static gboolean
echo_piece (const guint8 *data, gsize size, gpointer user_data, GError **error)
{
  Exchange *self = user_data;

  if (self->got + size <= ECHO_SIZE && memcmp (self->sent + self->got, data, size) == 0)
    {
      self->got += size;
      return TRUE;
    }
  g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL, "the echo differs");
  return FALSE;
}

static void
on_echo_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Exchange *self = g_task_get_task_data (task);
  GError *error = NULL;

  if (peer_read_pieces_finish (G_INPUT_STREAM (source), result, &error) && self->got != ECHO_SIZE)
    error = g_error_new (LP2P_ERROR, LP2P_ERROR_PROTOCOL, "the echo has %u of %u bytes",
                         (guint) self->got, ECHO_SIZE);
  if (!exchange_failed (task, error))
    exchange_done (task, NULL);
}

static void
on_echo_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;

  g_output_stream_close_finish (G_OUTPUT_STREAM (source), result, &error);
  if (!exchange_failed (user_data, error))
    exchange_read (user_data, ECHO_SIZE * 2, echo_piece, on_echo_read);
}

static void
on_echo_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;

  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);
  if (!exchange_failed (user_data, error))
    exchange_close_output (user_data, on_echo_closed);
}

static void
on_echo_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Exchange *self = g_task_get_task_data (task);

  if (!exchange_opened (task, result))
    return;
  RAND_bytes (self->sent, ECHO_SIZE);
  exchange_write (task, self->sent, ECHO_SIZE, on_echo_written);
}

/* streams */

typedef struct
{
  PeerDialer *dialer;
  int started;
  int running;
  GError *error;
} Streams;

static void streams_next (GTask *task);

static void
on_one_echoed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Streams *self = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;

  g_task_propagate_pointer (G_TASK (result), &error);
  if (error != NULL && self->error == NULL)
    self->error = g_steal_pointer (&error);
  self->running--;
  streams_next (task);
}

static void
streams_next (GTask *task)
{
  Streams *self = g_task_get_task_data (task);
  const PeerOptions *options = self->dialer->options;

  while (self->error == NULL && self->started < options->streams &&
         self->running < options->parallel)
    {
      GTask *one = g_task_new (NULL, g_task_get_cancellable (task), on_one_echoed, task);

      g_task_set_check_cancellable (one, FALSE);
      self->started++;
      self->running++;
      exchange_begin (self->dialer, one, PEER_PROTOCOL_ECHO, on_echo_opened);
    }
  if (self->running > 0)
    return;

  if (self->error != NULL)
    {
      g_prefix_error (&self->error, "one of the first %d streams: ", self->started);
      peer_step_return (task, NULL, NULL, g_steal_pointer (&self->error));
      return;
    }
  peer_step_return (
      task, NULL,
      g_strdup_printf ("\"streams\":%d,\"parallel\":%d", options->streams, options->parallel),
      NULL);
}

void
peer_step_streams (PeerDialer *dialer, GTask *task)
{
  Streams *self = g_new0 (Streams, 1);

  self->dialer = dialer;
  g_task_set_task_data (task, self, g_free);
  streams_next (task);
}

/* half-close */

static void
on_half_close_pinged (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;

  peer_ping_finish (result, &error);
  if (!exchange_failed (user_data, error))
    exchange_done (user_data, bytes_detail (HALF_CLOSE_SIZE));
}

static void
on_half_close_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Exchange *self = g_task_get_task_data (task);
  GError *error = NULL;

  g_output_stream_close_finish (G_OUTPUT_STREAM (source), result, &error);
  if (!exchange_failed (task, error))
    peer_ping_async (self->dialer, 1, g_task_get_cancellable (task), on_half_close_pinged, task);
}

static void
on_half_close_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;

  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);
  if (!exchange_failed (user_data, error))
    exchange_close_output (user_data, on_half_close_closed);
}

static gboolean
no_piece (const guint8 *data, gsize size, gpointer user_data, GError **error)
{
  g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
               "expected the end of the peer's side, got %u bytes", (guint) size);
  return FALSE;
}

static void
on_half_close_ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Exchange *self = g_task_get_task_data (task);
  GError *error = NULL;

  peer_read_pieces_finish (G_INPUT_STREAM (source), result, &error);
  if (!exchange_failed (task, error))
    exchange_write (task, self->sent, HALF_CLOSE_SIZE, on_half_close_written);
}

static void
on_half_close_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  if (exchange_opened (user_data, result))
    exchange_read (user_data, ECHO_SIZE, no_piece, on_half_close_ended);
}

void
peer_step_half_close (PeerDialer *dialer, GTask *task)
{
  exchange_begin (dialer, task, PEER_PROTOCOL_HALF_CLOSE, on_half_close_opened);
}

/* reset */

typedef struct
{
  GTask *task;
  char *stream_error;
} ResetPing;

static void
on_reset_pinged (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ResetPing *ping = user_data;
  g_autofree char *quoted = peer_json_string (ping->stream_error);
  GError *error = NULL;

  peer_ping_finish (result, &error);
  if (!exchange_failed (ping->task, error))
    exchange_done (ping->task, g_strdup_printf ("\"streamError\":%s", quoted));
  g_free (ping->stream_error);
  g_free (ping);
}

static void
on_reset_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Exchange *self = g_task_get_task_data (task);
  GError *error = NULL;
  ResetPing *ping;

  if (peer_read_pieces_finish (G_INPUT_STREAM (source), result, &error))
    error = g_error_new (LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                         "the stream ended in order instead of being reset");
  else if (g_error_matches (error, LP2P_ERROR, LP2P_ERROR_RESET))
    {
      ping = g_new0 (ResetPing, 1);
      ping->task = task;
      ping->stream_error = g_strdup (error->message);
      g_clear_error (&error);
      peer_ping_async (self->dialer, 1, g_task_get_cancellable (task), on_reset_pinged, ping);
      return;
    }
  exchange_failed (task, error);
}

static void
on_reset_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;

  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);
  if (!exchange_failed (user_data, error))
    exchange_read (user_data, ECHO_SIZE, no_piece, on_reset_read);
}

static void
on_reset_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Exchange *self = g_task_get_task_data (task);

  if (exchange_opened (task, result))
    exchange_write (task, self->sent, 1, on_reset_written);
}

void
peer_step_reset (PeerDialer *dialer, GTask *task)
{
  exchange_begin (dialer, task, PEER_PROTOCOL_RESET, on_reset_opened);
}
