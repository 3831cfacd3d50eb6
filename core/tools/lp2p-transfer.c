/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The dialer's side of the demo's file transfer, and its files. */

#include "tools/lp2p-transfer-private.h"

#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* Large enough that what a call costs does not show. */
#define BUFFER_SIZE (1024 * 1024)

/* A transfer may take any time, as long as it goes on. */
#define STALL_SECONDS 30

/* Files */

void
tool_digest (const guint8 *data, gsize size, guint8 digest[TOOL_DIGEST_SIZE])
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize len = TOOL_DIGEST_SIZE;

  while (size > 0)
    {
      /* The function takes a signed size. */
      gsize n = MIN (size, BUFFER_SIZE);

      g_checksum_update (checksum, data, (gssize) n);
      data += n;
      size -= n;
    }
  g_checksum_get_digest (checksum, digest, &len);
}

static gboolean
set_file_error (GError **error, int code, const char *path)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s: %s", path, g_strerror (code));
  return FALSE;
}

/* Writes all of it. Else errno tells why. */
gboolean
tool_write_fd (int fd, const guint8 *data, gsize size)
{
  while (size > 0)
    {
      gssize n = write (fd, data, size);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return FALSE;
      data += n;
      size -= (gsize) n;
    }
  return TRUE;
}

/* A SplitMix64 sequence: nothing on the way can compress it. */
static void
fill_random (guint64 *block, gsize n, guint64 *state)
{
  for (gsize i = 0; i < n; i++)
    {
      guint64 z = (*state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));

      z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
      z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
      block[i] = z ^ (z >> 31);
    }
}

static gboolean
write_random (int fd, ToolFile *self, GError **error)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree guint64 *block = g_malloc (BUFFER_SIZE);
  guint64 state = ((guint64) g_random_int () << 32) | g_random_int ();
  guint64 left = self->size;
  gsize len = TOOL_DIGEST_SIZE;

  while (left > 0)
    {
      gsize n = (gsize) MIN (left, BUFFER_SIZE);

      fill_random (block, BUFFER_SIZE / sizeof *block, &state);
      g_checksum_update (checksum, (const guchar *) block, (gssize) n);
      if (!tool_write_fd (fd, (const guint8 *) block, n))
        return set_file_error (error, errno, self->path);
      left -= n;
      /* A large file takes a while. */
      if (!tool_sleep (0))
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _("interrupted"));
          return FALSE;
        }
    }
  g_checksum_get_digest (checksum, self->digest, &len);
  return TRUE;
}

/**
 * tool_file_new_random:
 * @path: where to put it
 * @size: its size in bytes, above 0
 * @error: return location for an error
 *
 * Makes a file of pseudo-random bytes.
 *
 * Returns: (transfer full): the file
 */
ToolFile *
tool_file_new_random (const char *path, guint64 size, GError **error)
{
  g_autoptr (ToolFile) self = g_new0 (ToolFile, 1);
  int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  gboolean written;

  self->path = g_strdup (path);
  self->size = size;
  if (fd < 0)
    {
      set_file_error (error, errno, path);
      return NULL;
    }
  written = write_random (fd, self, error);
  if (close (fd) != 0 && written)
    written = set_file_error (error, errno, path);
  if (!written)
    return NULL;
  self->map = g_mapped_file_new (path, FALSE, error);
  return self->map != NULL ? g_steal_pointer (&self) : NULL;
}

void
tool_file_free (ToolFile *self)
{
  g_clear_pointer (&self->map, g_mapped_file_unref);
  g_free (self->path);
  g_free (self);
}

/* Transfers */

static double
get_seconds_since (gint64 start)
{
  return (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
}

static gboolean
send_file (Lp2pStream *stream,
           const ToolFile *file,
           ToolTransferProgress progress,
           gpointer user_data,
           GError **error)
{
  const guint8 *data = (const guint8 *) g_mapped_file_get_contents (file->map);
  guint64 done = 0;

  while (done < file->size)
    {
      gsize size = (gsize) MIN (file->size - done, BUFFER_SIZE);
      gssize n = tool_stream_write (stream, data + done, size, STALL_SECONDS, error);

      if (n < 0)
        return FALSE;
      done += (guint64) n;
      progress (done, file->size, user_data);
    }
  return tool_stream_end_writing (stream, STALL_SECONDS, error);
}

/* What a peer that stored something else than it was sent says. */
static gboolean
check_digest (const guint8 *digest, const ToolFile *file, const char *message, GError **error)
{
  if (memcmp (digest, file->digest, TOOL_DIGEST_SIZE) == 0)
    return TRUE;
  g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_FAILED, message);
  return FALSE;
}

static gboolean
check_size (guint64 size, const ToolFile *file, GError **error)
{
  guint64 number = GUINT64_FROM_BE (size);

  if (number == file->size)
    return TRUE;
  g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
               _("the peer has %" PRIu64 " bytes, expected %" PRIu64), number,
               file->size);
  return FALSE;
}

/* The answers arrive with whatever was lost on the way still missing. */
static gboolean
read_end (Lp2pStream *stream, GError **error)
{
  guint8 byte;
  gssize n = tool_stream_read (stream, &byte, 1, STALL_SECONDS, error);

  if (n > 0)
    g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                         _("the peer sent more than it announced"));
  return n == 0;
}

/**
 * tool_transfer_upload:
 * @connection: a connection to a listener that serves us
 * @file: the file
 * @progress: called while it goes on
 * @user_data: passed on
 * @seconds: (out): from opening the stream to the peer having all of it
 * @error: return location for an error
 *
 * Uploads a file, and checks by its SHA-256 what the peer stored.
 *
 * Returns: whether the peer has the file
 */
gboolean
tool_transfer_upload (Lp2pConnection *connection,
                      const ToolFile *file,
                      ToolTransferProgress progress,
                      gpointer user_data,
                      double *seconds,
                      GError **error)
{
  gint64 start = g_get_monotonic_time ();
  guint64 size = GUINT64_TO_BE (file->size);
  guint8 digest[TOOL_DIGEST_SIZE];
  g_autoptr (Lp2pStream) stream =
      tool_connection_open_stream (connection, TOOL_UPLOAD_PROTOCOL, STALL_SECONDS, error);

  if (stream == NULL || !tool_stream_write_all (stream, &size, sizeof size, STALL_SECONDS, error) ||
      !send_file (stream, file, progress, user_data, error) ||
      !tool_stream_read_all (stream, &size, sizeof size, STALL_SECONDS, error))
    return FALSE;
  *seconds = get_seconds_since (start);
  return check_size (size, file, error) &&
         tool_stream_read_all (stream, digest, sizeof digest, STALL_SECONDS, error) &&
         check_digest (digest, file, _("the file that was uploaded has another SHA-256"), error) &&
         read_end (stream, error);
}

static gboolean
receive_file (Lp2pStream *stream,
              const ToolFile *file,
              const char *path,
              int fd,
              ToolTransferProgress progress,
              gpointer user_data,
              GError **error)
{
  g_autofree guint8 *buffer = g_malloc (BUFFER_SIZE);
  guint64 done = 0;

  while (done < file->size)
    {
      gsize size = (gsize) MIN (file->size - done, BUFFER_SIZE);
      gssize n = tool_stream_read (stream, buffer, size, STALL_SECONDS, error);

      if (n == 0)
        g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                     _("the peer ended the stream after %" PRIu64
                       " bytes, expected %" PRIu64),
                     done, file->size);
      if (n <= 0)
        return FALSE;
      if (!tool_write_fd (fd, buffer, (gsize) n))
        return set_file_error (error, errno, path);
      done += (guint64) n;
      progress (done, file->size, user_data);
    }
  return TRUE;
}

static gboolean
check_file (const char *path, const ToolFile *file, GError **error)
{
  g_autoptr (GMappedFile) map = g_mapped_file_new (path, FALSE, error);
  guint8 digest[TOOL_DIGEST_SIZE];

  if (map == NULL)
    return FALSE;
  tool_digest ((const guint8 *) g_mapped_file_get_contents (map), g_mapped_file_get_length (map),
               digest);
  return check_digest (digest, file, _("the file that was downloaded has another SHA-256"), error);
}

/**
 * tool_transfer_download:
 * @connection: a connection to a listener that serves us
 * @file: the file that was uploaded to it
 * @path: where to put it
 * @progress: called while it goes on
 * @user_data: passed on
 * @seconds: (out): from opening the stream to having all of it
 * @error: return location for an error
 *
 * Downloads what was uploaded, and checks its SHA-256.
 *
 * Returns: whether it is the same file
 */
gboolean
tool_transfer_download (Lp2pConnection *connection,
                        const ToolFile *file,
                        const char *path,
                        ToolTransferProgress progress,
                        gpointer user_data,
                        double *seconds,
                        GError **error)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  gint64 start = g_get_monotonic_time ();
  g_autoptr (Lp2pStream) stream = NULL;
  gboolean received;
  guint64 size;

  if (fd < 0)
    return set_file_error (error, errno, path);
  stream = tool_connection_open_stream (connection, TOOL_DOWNLOAD_PROTOCOL, STALL_SECONDS, error);
  received =
      stream != NULL &&
      tool_stream_write_all (stream, file->digest, sizeof file->digest, STALL_SECONDS, error) &&
      tool_stream_end_writing (stream, STALL_SECONDS, error) &&
      tool_stream_read_all (stream, &size, sizeof size, STALL_SECONDS, error) &&
      check_size (size, file, error) &&
      receive_file (stream, file, path, fd, progress, user_data, error);
  *seconds = get_seconds_since (start);
  received = received && read_end (stream, error);
  if (close (fd) != 0 && received)
    return set_file_error (error, errno, path);
  return received && check_file (path, file, error);
}
