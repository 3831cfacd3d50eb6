/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-send-source-private.h"

#include "tools/send/lp2p-send-folder-private.h"
#include "tools/send/lp2p-send-thread-private.h"
#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

/* @offset: of what was taken
 * @hasher: of the hashes of the chunks before @offset
 * @taken: the chunk that was taken last, if it is still there
 * @next: room for the one behind it
 * @filled: how much of @next has been read
 * @threaded: whether a thread always reads
 * @ahead: whether @next is read while @taken is used
 * @reading: whether a thread is at it
 * @complete: whether all of it is there, with its @hash; else @code says why not: an
 *   errno, or 0 at an end that came too early */
struct _SendSource
{
  int fd;
  guint64 size;
  guint64 offset;
  SendHasher *hasher;
  GBytes *taken;
  guint8 *next;
  gsize filled;
  gboolean in_memory;
  gboolean threaded;
  gboolean ahead;
  gboolean started;
  gboolean reading;
  gboolean complete;
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
  self->threaded = size > SEND_CHUNK_SIZE && send_has_spare_processor ();
  self->in_memory = send_is_in_memory (fd);
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
  g_clear_pointer (&self->taken, g_bytes_unref);
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

/* With RWF_NOWAIT, reads no more than what is in memory. */
static void
fill_next (SendSource *self, int flags)
{
  gsize size = get_next_size (self);

  self->code = 0;
  while (self->filled < size)
    {
      struct iovec room = { self->next + self->filled, size - self->filled };
      gssize n = preadv2 (self->fd, &room, 1, (off_t) (self->offset + self->filled), flags);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        self->code = errno;
      if (n <= 0)
        return;
      self->filled += (gsize) n;
    }
  self->hash = send_hash (self->next, size);
  self->complete = TRUE;
}

/* Runs in a thread, but for a file of one chunk. */
static void
read_next (gpointer pointer)
{
  fill_next (pointer, 0);
}

static void
on_read (gpointer pointer)
{
  SendSource *self = pointer;

  self->reading = FALSE;
}

/* A thread reads ahead, so that a disk and a processor that have nothing else to do are
 * used. Without another processor that is of use as long as the disk has to be waited for. */
static void
start_reading (SendSource *self)
{
  self->started = TRUE;
  self->complete = FALSE;
  self->filled = 0;
  if (self->next == NULL)
    self->next = g_malloc ((gsize) MIN (self->size, SEND_CHUNK_SIZE));
  if (self->size <= SEND_CHUNK_SIZE)
    {
      read_next (self);
      return;
    }
  /* A file system that is in memory does not know the flag, and need not. */
  if (!self->threaded)
    fill_next (self, self->in_memory ? 0 : RWF_NOWAIT);
  self->ahead = !self->complete;
  if (self->complete)
    return;
  self->reading = TRUE;
  send_run_in_thread (read_next, on_read, self);
}

/**
 * send_source_read:
 * @self: a file that is not at its end
 * @chunk: (out) (transfer none): the next chunk; who holds no reference has it until the
 *   next call
 * @hash: (out): its hash
 * @error: return location for an error
 *
 * Takes the next chunk, and may have the one behind it read meanwhile. Runs the main
 * context where it has to wait.
 *
 * Returns: the size of the chunk, or -1
 */
gssize
send_source_read (SendSource *self, GBytes **chunk, SendHash *hash, GError **error)
{
  gsize size = get_next_size (self);

  g_clear_pointer (&self->taken, g_bytes_unref);
  if (!self->started)
    start_reading (self);
  wait_read (self);
  self->started = FALSE;
  if (!self->complete)
    {
      if (self->code != 0)
        send_set_errno (error, NULL, self->code);
      else
        set_changed (error);
      return -1;
    }
  *chunk = self->taken = g_bytes_new_take (g_steal_pointer (&self->next), size);
  *hash = self->hash;
  self->offset += (guint64) size;
  send_hasher_add (self->hasher, hash->bytes, SEND_HASH_SIZE);
  if (self->ahead && self->offset < self->size)
    start_reading (self);
  return (gssize) size;
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
