/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-receive-writer-private.h"

#include "tools/send/lp2p-send-folder-private.h"
#include "tools/send/lp2p-send-thread-private.h"

#include <lp2p/lp2p-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

/* Chunks that are written with one call: what it costs to hand them to a thread and to the
 * disk does not show then. As many may come meanwhile. */
#define BATCH      4
#define MAX_CHUNKS (2 * BATCH)

/* A chunk that comes slower than this waits for no others, and has those written that came
 * before it: little would be gained. Fast ones may wait, as long as nothing else comes. A cut or
 * a failure has them written too; whoever is killed loses them, and they come again. */
#define SLOW (10 * G_TIME_SPAN_MILLISECOND)

/* What writes past the page cache are aligned to, in memory and in the file. */
#define ALIGNMENT 4096

/* What the kernel takes for a piece in memory where it can: to write from a page of 4 KiB
 * it has to find each. */
#define HUGE_PAGE (2 * 1024 * 1024)

/* Room behind a chunk for what is read with it: the frame of the next one. */
#define BEHIND 64

/* @chunks: a ring; behind the @n_filled ones from @first on is the one that is coming
 * @n_writing: how many of those from @first on are being written
 * @n_good: how many of these have the right hash
 * @n_done: how many of these are written; @code is why no more are
 * @hasher: of the chunk that is coming, where no thread does that later
 * @filled_at: when the last chunk had come
 * @urgent: whether nothing is won by waiting for more chunks
 * @direct: whether writes go past the page cache; a thread clears it */
struct _ReceiveWriter
{
  int fd;
  guint64 size;
  ReceiveWritten written;
  gpointer user_data;
  ReceiveChunk chunks[MAX_CHUNKS];
  guint n_chunks;
  guint first;
  guint n_filled;
  guint n_writing;
  guint n_good;
  guint n_done;
  int code;
  SendHasher *hasher;
  gint64 filled_at;
  gboolean urgent;
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
  if (!send_has_spare_processor ())
    self->hasher = send_hasher_new ();
  return self;
}

static void write_filled (ReceiveWriter *self);

/* Nothing more may come: what has come waits for no company. */
void
receive_writer_flush (ReceiveWriter *self)
{
  self->urgent = TRUE;
  write_filled (self);
}

/* A thread may still be at work: it is waited for, and who is told of chunks is. */
void
receive_writer_free (ReceiveWriter *self)
{
  receive_writer_flush (self);
  while (!receive_writer_is_idle (self))
    g_main_context_iteration (NULL, TRUE);
  send_close (&self->fd);
  for (guint i = 0; i < self->n_chunks; i++)
    g_bytes_unref (self->chunks[i].place);
  g_clear_pointer (&self->hasher, send_hasher_free);
  g_free (self);
}

gboolean
receive_writer_has_room (ReceiveWriter *self)
{
  return self->n_filled < MAX (self->n_chunks, 1);
}

gboolean
receive_writer_is_idle (ReceiveWriter *self)
{
  return self->n_filled == 0;
}

static ReceiveChunk *
get_chunk (ReceiveWriter *self, guint number)
{
  return &self->chunks[(self->first + number) % self->n_chunks];
}

/* Past the cache, a write takes as long as the disk does. Else it takes the processor, and
 * is done while what came is at hand there, unless another one has nothing to do. */
static gboolean
is_done_at_once (ReceiveWriter *self)
{
  return self->size <= SEND_CHUNK_SIZE || (self->hasher != NULL && !g_atomic_int_get (&self->direct));
}

/* Room for the chunks */

static gsize
align (gsize size)
{
  return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static GBytes *
alloc_pages (gsize size)
{
  gsize alignment = size >= HUGE_PAGE ? HUGE_PAGE : ALIGNMENT;
  guint8 *data = g_aligned_alloc (1, size, alignment);

  if (alignment == HUGE_PAGE)
    madvise (data, size, MADV_HUGEPAGE);
  return g_bytes_new_with_free_func (data, size, g_aligned_free, data);
}

static void
make_room (ReceiveWriter *self)
{
  guint64 n_all = (self->size + SEND_CHUNK_SIZE - 1) / SEND_CHUNK_SIZE;
  gsize room = align ((gsize) MIN (self->size, SEND_CHUNK_SIZE) + BEHIND);
  g_autoptr (GBytes) bytes = NULL;

  self->n_chunks = is_done_at_once (self) ? 1 : (guint) MIN (n_all, MAX_CHUNKS);
  bytes = alloc_pages (self->n_chunks * room);
  for (guint i = 0; i < self->n_chunks; i++)
    self->chunks[i].place = g_bytes_new_from_bytes (bytes, i * room, room);
}

static guint8 *
get_data (const ReceiveChunk *chunk)
{
  return (guint8 *) g_bytes_get_data (chunk->place, NULL);
}

/* Returns: (transfer none): where the chunk is to be put, which has room */
ReceiveChunk *
receive_writer_begin (ReceiveWriter *self, guint64 offset, gsize size)
{
  ReceiveChunk *chunk;

  if (self->n_chunks == 0)
    make_room (self);
  chunk = get_chunk (self, self->n_filled);
  chunk->filled = 0;
  chunk->size = size;
  chunk->offset = offset;
  if (self->hasher != NULL)
    send_hasher_reset (self->hasher);
  return chunk;
}

/* Writing */

/* Returns an errno. */
static int
write_all (ReceiveWriter *self, struct iovec *vectors)
{
  guint64 offset = get_chunk (self, 0)->offset;

  for (self->n_done = 0; self->n_done < self->n_good;)
    {
      struct iovec *next = vectors + self->n_done;
      gssize n = pwritev (self->fd, next, (int) (self->n_good - self->n_done), (off_t) offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return errno;
      offset += (guint64) n;
      for (; self->n_done < self->n_good && (gsize) n >= next->iov_len; self->n_done++)
        n -= (gssize) next++->iov_len;
      if (n > 0)
        *next = (struct iovec) { (guint8 *) next->iov_base + n, next->iov_len - (gsize) n };
    }
  return 0;
}

/* The last chunk is filled up to what can be written directly; what is too much goes
 * in receive_writer_steal_fd(). */
static int
write_good (ReceiveWriter *self, gboolean direct)
{
  struct iovec vectors[BATCH];

  for (guint i = 0; i < self->n_good; i++)
    {
      const ReceiveChunk *chunk = get_chunk (self, i);
      gsize size = direct ? align (chunk->size) : chunk->size;

      vectors[i] = (struct iovec) { get_data (chunk), size };
      memset (get_data (chunk) + chunk->size, 0, size - chunk->size);
    }
  return write_all (self, vectors);
}

static gboolean
check_hash (ReceiveWriter *self, ReceiveChunk *chunk)
{
  if (self->hasher == NULL)
    chunk->hash = send_hash (get_data (chunk), chunk->size);
  return send_hash_equal (&chunk->hash, &chunk->expected);
}

/* Runs in a thread, but for what is done at once. */
static void
run (gpointer pointer)
{
  ReceiveWriter *self = pointer;

  self->n_good = 0;
  while (self->n_good < self->n_writing && check_hash (self, get_chunk (self, self->n_good)))
    self->n_good++;
  self->code = write_good (self, g_atomic_int_get (&self->direct));
  if (self->code != EINVAL || !g_atomic_int_exchange (&self->direct, FALSE))
    return;
  /* A file system that wants another alignment, or takes the flag and no such writes. */
  fcntl (self->fd, F_SETFL, 0);
  self->code = write_good (self, FALSE);
}

static void
tell_written (ReceiveWriter *self)
{
  for (guint i = 0; i < self->n_writing; i++)
    {
      int code = i < self->n_good ? self->code : -1;

      self->written (get_chunk (self, i), i < self->n_done ? 0 : code, self->user_data);
    }
  self->first = (self->first + self->n_writing) % self->n_chunks;
  self->n_filled -= self->n_writing;
  self->n_writing = 0;
}

static void
on_run (gpointer pointer)
{
  tell_written (pointer);
  write_filled (pointer);
}

static void
write_filled (ReceiveWriter *self)
{
  while (self->n_writing == 0 && (self->n_filled >= BATCH || (self->n_filled > 0 && self->urgent)))
    {
      self->n_writing = MIN (self->n_filled, BATCH);
      self->urgent &= self->n_writing < self->n_filled;
      if (!is_done_at_once (self))
        {
          send_run_in_thread (run, on_run, self);
          return;
        }
      run (self);
      tell_written (self);
    }
}

static gboolean
is_urgent (ReceiveWriter *self, const ReceiveChunk *chunk)
{
  gint64 before = self->filled_at;

  self->filled_at = g_get_monotonic_time ();
  return is_done_at_once (self) || self->filled_at - before > SLOW ||
         chunk->offset + chunk->size == self->size;
}

/**
 * receive_writer_fill:
 * @self: a writer with a chunk that is coming
 * @data: what came of it, which may be in its place already
 * @size: how much
 *
 * Returns: whether the chunk is complete; then it is written
 */
gboolean
receive_writer_fill (ReceiveWriter *self, const guint8 *data, gsize size)
{
  ReceiveChunk *chunk = get_chunk (self, self->n_filled);
  guint8 *place = get_data (chunk) + chunk->filled;
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);

  if (data != place)
    lp2p_cursor_copy (&cursor, place, size);
  if (self->hasher != NULL)
    send_hasher_add (self->hasher, place, size);
  chunk->filled += size;
  if (chunk->filled < chunk->size)
    return FALSE;
  if (self->hasher != NULL)
    chunk->hash = send_hasher_get (self->hasher);
  self->n_filled++;
  self->urgent |= is_urgent (self, chunk);
  write_filled (self);
  return TRUE;
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
