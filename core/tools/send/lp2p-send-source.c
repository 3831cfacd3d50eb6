/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-send-source-private.h"

#include "tools/send/lp2p-send-folder-private.h"
#include "tools/send/lp2p-send-thread-private.h"
#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* @offset: of what was taken
 * @hasher: of the hashes of the chunks before @offset
 * @taken: the chunk that was taken last
 * @next: the one behind it, which is read meanwhile
 * @size_read: of @next; -1 for an error, whose @code is 0 at an end that came too early */
struct _SendSource
{
  int fd;
  guint64 size;
  guint64 offset;
  SendHasher *hasher;
  guint8 *taken;
  guint8 *next;
  gboolean started;
  gboolean reading;
  gssize size_read;
  int code;
  SendHash hash;
};

/* Takes @fd. */
SendSource *
send_source_new (int fd, guint64 size)
{
  SendSource *self = g_new0 (SendSource, 1);

  self->fd = fd;
  self->size = size;
  self->hasher = send_hasher_new ();
  posix_fadvise (self->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return self;
}

/* What is being read needs the file and the buffer. */
static void
wait_read (SendSource *self)
{
  while (self->reading)
    g_main_context_iteration (NULL, TRUE);
}

void
send_source_free (SendSource *self)
{
  wait_read (self);
  send_close (&self->fd);
  send_hasher_free (self->hasher);
  g_free (self->taken);
  g_free (self->next);
  g_free (self);
}

guint64
send_source_get_offset (SendSource *self)
{
  return self->offset;
}

static gboolean
set_changed (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                       N_("it changed while it was being sent; sending it again begins it anew"));
  return FALSE;
}

static gsize
get_next_size (const SendSource *self)
{
  return (gsize) MIN (self->size - self->offset, SEND_CHUNK_SIZE);
}

/* Runs in a thread, but for a file of one chunk. */
static void
read_next (gpointer pointer)
{
  SendSource *self = pointer;
  gsize size = get_next_size (self);
  gsize done = 0;

  self->size_read = -1;
  self->code = 0;
  while (done < size)
    {
      gssize n = pread (self->fd, self->next + done, size - done, (off_t) (self->offset + done));

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        self->code = errno;
      if (n <= 0)
        return;
      done += (gsize) n;
    }
  self->hash = send_hash (self->next, size);
  self->size_read = (gssize) size;
}

static void
on_read (gpointer pointer)
{
  SendSource *self = pointer;

  self->reading = FALSE;
}

/* Reads ahead, so that a disk and a processor that have nothing else to do are used. */
static void
start_reading (SendSource *self)
{
  self->started = TRUE;
  if (self->next == NULL)
    self->next = g_malloc ((gsize) MIN (self->size, SEND_CHUNK_SIZE));
  if (self->size <= SEND_CHUNK_SIZE)
    {
      read_next (self);
      return;
    }
  self->reading = TRUE;
  send_run_in_thread (read_next, on_read, self);
}

/**
 * send_source_read:
 * @self: a file that is not at its end
 * @chunk: (out): the next chunk, until the next call
 * @hash: (out): its hash
 * @error: return location for an error
 *
 * Takes the next chunk, and has the one behind it read meanwhile. Runs the main
 * context where it has to wait.
 *
 * Returns: the size of the chunk, or -1
 */
gssize
send_source_read (SendSource *self, const guint8 **chunk, SendHash *hash, GError **error)
{
  guint8 *free = self->taken;
  gssize size;

  if (!self->started)
    start_reading (self);
  wait_read (self);
  self->started = FALSE;
  size = self->size_read;
  if (size < 0)
    {
      if (self->code != 0)
        send_set_errno (error, NULL, self->code);
      else
        set_changed (error);
      return -1;
    }
  *chunk = self->taken = self->next;
  *hash = self->hash;
  self->next = free;
  self->offset += (guint64) size;
  send_hasher_add (self->hasher, hash->bytes, SEND_HASH_SIZE);
  if (self->offset < self->size)
    start_reading (self);
  return size;
}

void
send_source_rewind (SendSource *self)
{
  wait_read (self);
  self->started = FALSE;
  self->offset = 0;
  send_hasher_reset (self->hasher);
}

/* Of all that was read. */
SendHash
send_source_get_hash (SendSource *self)
{
  return send_hasher_get (self->hasher);
}

/* Whether it still is the file with that size and time. */
gboolean
send_source_check (SendSource *self, gint64 mtime, GError **error)
{
  struct stat status;

  if (fstat (self->fd, &status) != 0)
    return send_set_errno (error, NULL, errno);
  return ((guint64) status.st_size == self->size &&
          send_stat_get_mtime (&status) == mtime) ||
         set_changed (error);
}
