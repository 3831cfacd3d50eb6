/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The listener's side of the demo's file transfer. */

#include "tools/lp2p-transfer-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE (1024 * 1024)

/* Whom to serve with what. */
typedef struct
{
  Lp2pPeerId *peer;
  char *folder;
  guint64 max_size;
} Server;

/* One stream. It goes when its last step is done. */
typedef struct
{
  Server *server;
  Lp2pStream *stream;
  guint8 *buffer;
  GMappedFile *map;
  char *path;
  int fd;
  guint64 size;
  guint64 done;
  guint8 head[TOOL_DIGEST_SIZE];
} Transfer;

static void
server_free (gpointer pointer)
{
  Server *self = pointer;

  lp2p_peer_id_unref (self->peer);
  g_free (self->folder);
}

static void
transfer_free (Transfer *self)
{
  if (self->fd >= 0)
    close (self->fd);
  g_clear_pointer (&self->map, g_mapped_file_unref);
  g_clear_object (&self->stream);
  g_free (self->buffer);
  g_free (self->path);
  g_rc_box_release_full (self->server, server_free);
  g_free (self);
}

static void
fail (Transfer *self, const char *why)
{
  lp2p_log_connection (G_LOG_LEVEL_MESSAGE, lp2p_stream_get_connection (self->stream), "%s: %s",
                       lp2p_stream_get_protocol (self->stream), why);
  lp2p_stream_reset (self->stream, LP2P_CODE_NONE);
  transfer_free (self);
}

/* Takes the error of a step that failed. */
static gboolean
check_step (Transfer *self, gboolean success, GError *error)
{
  g_autoptr (GError) owned = error;

  if (!success)
    fail (self, owned != NULL ? owned->message : "the peer ended the stream too early");
  return success;
}

static Transfer *
start_transfer (Server *server, Lp2pStream *stream)
{
  Lp2pConnection *connection = lp2p_stream_get_connection (stream);
  Transfer *self;

  if (!lp2p_peer_id_equal (lp2p_connection_get_remote_peer (connection), server->peer))
    {
      lp2p_log_connection (G_LOG_LEVEL_MESSAGE, connection, "%s: refused to %s", lp2p_stream_get_protocol (stream),
                           lp2p_peer_id_get_string (lp2p_connection_get_remote_peer (connection)));
      lp2p_stream_reset (stream, LP2P_CODE_STREAM_GATED);
      return NULL;
    }
  self = g_new0 (Transfer, 1);
  self->server = g_rc_box_acquire (server);
  self->stream = g_object_ref (stream);
  self->fd = -1;
  return self;
}

static GInputStream *
get_input (Transfer *self)
{
  return g_io_stream_get_input_stream (G_IO_STREAM (self->stream));
}

static GOutputStream *
get_output (Transfer *self)
{
  return g_io_stream_get_output_stream (G_IO_STREAM (self->stream));
}

static char *
dup_stored_path (Server *server, const guint8 *digest)
{
  GString *name = g_string_new (NULL);
  char *path;

  for (gsize i = 0; i < TOOL_DIGEST_SIZE; i++)
    g_string_append_printf (name, "%02x", digest[i]);
  path = g_build_filename (server->folder, name->str, NULL);
  g_string_free (name, TRUE);
  return path;
}

/* The end of both protocols */

static void
on_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Transfer *self = user_data;
  g_autoptr (GError) error = NULL;

  if (!g_io_stream_close_finish (G_IO_STREAM (source), result, &error))
    lp2p_log_connection (G_LOG_LEVEL_MESSAGE, lp2p_stream_get_connection (self->stream), "%s: %s",
                         lp2p_stream_get_protocol (self->stream), error->message);
  transfer_free (self);
}

static void
close_stream (Transfer *self)
{
  g_io_stream_close_async (G_IO_STREAM (self->stream), G_PRIORITY_DEFAULT, NULL, on_closed, self);
}

/* Upload */

static void
on_digest_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Transfer *self = user_data;
  GError *error = NULL;
  gboolean written =
      g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);

  if (check_step (self, written, error))
    close_stream (self);
}

/* In a thread of its own: it takes as long as the transfer. */
static void
digest_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Transfer *self = data;
  GError *error = NULL;
  g_autoptr (GMappedFile) map = g_mapped_file_new (self->path, FALSE, &error);

  if (map == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  tool_digest ((const guint8 *) g_mapped_file_get_contents (map), g_mapped_file_get_length (map),
               self->head);
  g_task_return_boolean (task, TRUE);
}

static void
on_digest (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Transfer *self = user_data;
  g_autofree char *path = NULL;
  GError *error = NULL;

  if (!check_step (self, g_task_propagate_boolean (G_TASK (result), &error), error))
    return;
  path = dup_stored_path (self->server, self->head);
  if (rename (self->path, path) != 0)
    {
      fail (self, g_strerror (errno));
      return;
    }
  g_output_stream_write_all_async (get_output (self), self->head, TOOL_DIGEST_SIZE,
                                   G_PRIORITY_DEFAULT, NULL, on_digest_written, self);
}

static void
on_size_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Transfer *self = user_data;
  g_autoptr (GTask) task = NULL;
  GError *error = NULL;
  gboolean written =
      g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);

  if (!check_step (self, written, error))
    return;
  task = g_task_new (NULL, NULL, on_digest, self);
  g_task_set_task_data (task, self, NULL);
  g_task_run_in_thread (task, digest_thread);
}

static gboolean
store (Transfer *self, gsize size)
{
  const guint8 *data = self->buffer;

  while (size > 0)
    {
      gssize n = write (self->fd, data, size);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return FALSE;
      data += n;
      size -= (gsize) n;
      self->done += (guint64) n;
    }
  return TRUE;
}

static void on_bytes_read (GObject *source, GAsyncResult *result, gpointer user_data);

static void
continue_upload (Transfer *self)
{
  guint64 size;

  if (self->done < self->size)
    {
      g_input_stream_read_async (get_input (self), self->buffer,
                                 (gsize) MIN (self->size - self->done, BUFFER_SIZE),
                                 G_PRIORITY_DEFAULT, NULL, on_bytes_read, self);
      return;
    }
  size = GUINT64_TO_BE (self->done);
  memcpy (self->head, &size, sizeof size);
  g_output_stream_write_all_async (get_output (self), self->head, sizeof size, G_PRIORITY_DEFAULT,
                                   NULL, on_size_written, self);
}

static void
on_bytes_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Transfer *self = user_data;
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (!check_step (self, n > 0, error))
    return;
  if (store (self, (gsize) n))
    continue_upload (self);
  else
    fail (self, g_strerror (errno));
}

static void
on_upload_head (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Transfer *self = user_data;
  GError *error = NULL;
  guint64 size;
  gsize n = 0;

  g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &n, &error);
  if (!check_step (self, error == NULL && n == sizeof size, error))
    return;
  memcpy (&size, self->head, sizeof size);
  self->size = GUINT64_FROM_BE (size);
  if (self->size == 0 || self->size > self->server->max_size)
    {
      fail (self, "the file is larger than agreed, or empty");
      return;
    }
  self->path = g_build_filename (self->server->folder, "upload-XXXXXX", NULL);
  self->fd = g_mkstemp_full (self->path, O_WRONLY | O_CLOEXEC, 0600);
  if (self->fd < 0)
    {
      fail (self, g_strerror (errno));
      return;
    }
  self->buffer = g_malloc (BUFFER_SIZE);
  continue_upload (self);
}

static void
on_upload (Lp2pStream *stream, gpointer user_data)
{
  Transfer *self = start_transfer (user_data, stream);

  if (self != NULL)
    g_input_stream_read_all_async (get_input (self), self->head, sizeof (guint64),
                                   G_PRIORITY_DEFAULT, NULL, on_upload_head, self);
}

/* Download */

static void on_bytes_written (GObject *source, GAsyncResult *result, gpointer user_data);

static void
continue_download (Transfer *self)
{
  const char *data = g_mapped_file_get_contents (self->map);

  if (self->done < self->size)
    g_output_stream_write_async (get_output (self), data + self->done,
                                 (gsize) MIN (self->size - self->done, BUFFER_SIZE),
                                 G_PRIORITY_DEFAULT, NULL, on_bytes_written, self);
  else
    close_stream (self);
}

static void
on_bytes_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Transfer *self = user_data;
  GError *error = NULL;
  gssize n = g_output_stream_write_finish (G_OUTPUT_STREAM (source), result, &error);

  if (!check_step (self, n >= 0, error))
    return;
  self->done += (guint64) n;
  continue_download (self);
}

static void
on_head_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Transfer *self = user_data;
  GError *error = NULL;
  gboolean written =
      g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);

  if (check_step (self, written, error))
    continue_download (self);
}

static void
on_download_head (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Transfer *self = user_data;
  g_autofree char *path = NULL;
  GError *error = NULL;
  guint64 size;
  gsize n = 0;

  g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &n, &error);
  if (!check_step (self, error == NULL && n == TOOL_DIGEST_SIZE, error))
    return;
  path = dup_stored_path (self->server, self->head);
  self->map = g_mapped_file_new (path, FALSE, &error);
  if (!check_step (self, self->map != NULL, error))
    return;
  self->size = g_mapped_file_get_length (self->map);
  size = GUINT64_TO_BE (self->size);
  memcpy (self->head, &size, sizeof size);
  g_output_stream_write_all_async (get_output (self), self->head, sizeof size, G_PRIORITY_DEFAULT,
                                   NULL, on_head_written, self);
}

static void
on_download (Lp2pStream *stream, gpointer user_data)
{
  Transfer *self = start_transfer (user_data, stream);

  if (self != NULL)
    g_input_stream_read_all_async (get_input (self), self->head, TOOL_DIGEST_SIZE,
                                   G_PRIORITY_DEFAULT, NULL, on_download_head, self);
}

static void
server_unref (gpointer server)
{
  g_rc_box_release_full (server, server_free);
}

/**
 * tool_transfer_serve:
 * @host: the listener
 * @folder: where uploaded files are kept
 * @peer: who is served
 * @max_size: the largest file, in bytes
 *
 * Makes a host serve both protocols.
 */
void
tool_transfer_serve (Lp2pHost *host, const char *folder, Lp2pPeerId *peer, guint64 max_size)
{
  Server *server = g_rc_box_new0 (Server);

  server->peer = lp2p_peer_id_ref (peer);
  server->folder = g_strdup (folder);
  server->max_size = max_size;
  lp2p_host_set_stream_handler (host, TOOL_UPLOAD_PROTOCOL, LP2P_HANDLER_NONE, on_upload, server,
                                server_unref);
  lp2p_host_set_stream_handler (host, TOOL_DOWNLOAD_PROTOCOL, LP2P_HANDLER_NONE, on_download,
                                g_rc_box_acquire (server), server_unref);
}
