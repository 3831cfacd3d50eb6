/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-send-source-private.h"

#include "tools/send/lp2p-send-folder-private.h"
#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* @hasher: of the hashes of the chunks before @offset */
struct _SendSource
{
  int fd;
  guint64 size;
  guint64 offset;
  SendHasher *hasher;
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

void
send_source_free (SendSource *self)
{
  send_close (&self->fd);
  send_hasher_free (self->hasher);
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

/* Reads the next chunk of a file that is not at its end. Returns its size, or -1. */
gssize
send_source_read (SendSource *self, guint8 *chunk, SendHash *hash, GError **error)
{
  gsize size = (gsize) MIN (self->size - self->offset, SEND_CHUNK_SIZE);
  gsize done = 0;

  while (done < size)
    {
      gssize n = pread (self->fd, chunk + done, size - done, (off_t) (self->offset + done));

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        {
          if (n < 0)
            send_set_errno (error, NULL, errno);
          else
            set_changed (error);
          return -1;
        }
      done += (gsize) n;
    }
  *hash = send_hash (chunk, size);
  send_hasher_add (self->hasher, hash->bytes, SEND_HASH_SIZE);
  self->offset += size;
  return (gssize) size;
}

void
send_source_rewind (SendSource *self)
{
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
