/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-receive-writer-private.h"

#include "tools/send/lp2p-send-folder-private.h"
#include "tools/send/lp2p-send-thread-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Enough for a disk to be busy while the next chunk comes. */
#define MAX_WRITING 4

/* What writes past the page cache are aligned to, in memory and in the file. */
#define ALIGNMENT 4096

/* Room behind a chunk for what is read with it: the frame of the next one. */
#define BEHIND 64

typedef struct
{
  ReceiveChunk chunk;
  ReceiveWriter *writer;
  gboolean ready;
  int code;
} Job;

/* @coming: what receive_writer_begin() gave out
 * @writing: those behind it, in order
 * @spare: those that may be used again
 * @direct: whether writes go past the page cache; threads clear it */
struct _ReceiveWriter
{
  int fd;
  guint64 size;
  ReceiveWritten written;
  gpointer user_data;
  Job *coming;
  GQueue writing;
  GQueue spare;
  gint direct;
};

/**
 * receive_writer_new:
 * @fd: (transfer full): a file
 * @size: what its size will be
 * @written: called for each chunk
 * @user_data: passed on
 *
 * A file of several chunks is written past the page cache, where the file system can
 * do that. It will be synced before it counts as received, so nothing is won by copying
 * it to the cache first, and what others have there stays.
 */
ReceiveWriter *
receive_writer_new (int fd, guint64 size, ReceiveWritten written, gpointer user_data)
{
  ReceiveWriter *self = g_new0 (ReceiveWriter, 1);

  self->fd = fd;
  self->size = size;
  self->written = written;
  self->user_data = user_data;
  self->direct = size > SEND_CHUNK_SIZE && !send_is_in_memory (fd) &&
                 fcntl (fd, F_SETFL, O_DIRECT) == 0;
  g_queue_init (&self->writing);
  g_queue_init (&self->spare);
  return self;
}

static void
job_free (Job *self)
{
  g_bytes_unref (self->chunk.place);
  g_free (self);
}

static void
wait_idle (ReceiveWriter *self)
{
  while (!receive_writer_is_idle (self))
    g_main_context_iteration (NULL, TRUE);
}

/* Threads may still be at work: they are waited for, and who is told of chunks is. */
void
receive_writer_free (ReceiveWriter *self)
{
  wait_idle (self);
  send_close (&self->fd);
  g_clear_pointer (&self->coming, job_free);
  g_queue_clear_full (&self->spare, (GDestroyNotify) job_free);
  g_free (self);
}

gboolean
receive_writer_has_room (ReceiveWriter *self)
{
  return self->writing.length < MAX_WRITING;
}

gboolean
receive_writer_is_idle (ReceiveWriter *self)
{
  return self->writing.length == 0;
}

static gsize
align (gsize size)
{
  return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static Job *
job_new (ReceiveWriter *self)
{
  gsize room = align ((gsize) MIN (self->size, SEND_CHUNK_SIZE) + BEHIND);
  Job *job = g_new0 (Job, 1);

  job->writer = self;
  job->chunk.data = g_aligned_alloc (1, room, ALIGNMENT);
  job->chunk.place = g_bytes_new_with_free_func (job->chunk.data, room, g_aligned_free,
                                                 job->chunk.data);
  return job;
}

/* Returns: (transfer none): where the chunk is to be put, until it is pushed */
ReceiveChunk *
receive_writer_begin (ReceiveWriter *self, guint64 offset, gsize size)
{
  if (self->coming == NULL)
    self->coming = g_queue_pop_head (&self->spare);
  if (self->coming == NULL)
    self->coming = job_new (self);
  self->coming->chunk.filled = 0;
  self->coming->chunk.size = size;
  self->coming->chunk.offset = offset;
  return &self->coming->chunk;
}

static int
write_at (int fd, const guint8 *data, gsize size, guint64 offset)
{
  while (size > 0)
    {
      gssize n = pwrite (fd, data, size, (off_t) offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return errno;
      data += n;
      size -= (gsize) n;
      offset += (guint64) n;
    }
  return 0;
}

/* The last chunk is filled up to what can be written directly; what is too much goes
 * in receive_writer_steal_fd(). */
static int
write_direct (Job *job)
{
  ReceiveChunk *chunk = &job->chunk;
  gsize size = align (chunk->size);

  memset (chunk->data + chunk->size, 0, size - chunk->size);
  return write_at (job->writer->fd, chunk->data, size, chunk->offset);
}

/* Runs in a thread, but for what is done at once. */
static void
run (gpointer pointer)
{
  Job *job = pointer;
  ReceiveWriter *self = job->writer;
  const ReceiveChunk *chunk = &job->chunk;
  SendHash hash = send_hash (chunk->data, chunk->size);

  job->code = EINVAL;
  if (!send_hash_equal (&hash, &chunk->expected))
    {
      job->code = -1;
      return;
    }
  if (g_atomic_int_get (&self->direct))
    job->code = write_direct (job);
  if (job->code != EINVAL)
    return;
  /* A file system that wants another alignment, or takes the flag and no such writes. */
  if (g_atomic_int_exchange (&self->direct, FALSE))
    fcntl (self->fd, F_SETFL, 0);
  job->code = write_at (self->fd, chunk->data, chunk->size, chunk->offset);
}

static void
tell_ready (ReceiveWriter *self)
{
  Job *job;

  while ((job = g_queue_peek_head (&self->writing)) != NULL && job->ready)
    {
      g_queue_pop_head (&self->writing);
      g_queue_push_tail (&self->spare, job);
      self->written (&job->chunk, job->code, self->user_data);
    }
}

static void
on_run (gpointer pointer)
{
  Job *job = pointer;

  job->ready = TRUE;
  tell_ready (job->writer);
}

/* Past the cache, a write takes as long as the disk does. Else it takes the processor, and
 * is done while what came is at hand there, unless another one has nothing to do. */
static gboolean
is_done_at_once (ReceiveWriter *self)
{
  return self->size <= SEND_CHUNK_SIZE ||
         (!send_has_spare_processor () && !g_atomic_int_get (&self->direct));
}

/* The chunk has come. */
void
receive_writer_push (ReceiveWriter *self)
{
  Job *job = g_steal_pointer (&self->coming);

  g_queue_push_tail (&self->writing, job);
  job->ready = is_done_at_once (self);
  if (!job->ready)
    {
      send_run_in_thread (run, on_run, job);
      return;
    }
  run (job);
  tell_ready (self);
}

/* The file, which has all of its chunks. */
int
receive_writer_steal_fd (ReceiveWriter *self)
{
  int fd = self->fd;

  if (self->size > SEND_CHUNK_SIZE && ftruncate (fd, (off_t) self->size) != 0)
    return -1;
  self->fd = -1;
  return fd;
}
