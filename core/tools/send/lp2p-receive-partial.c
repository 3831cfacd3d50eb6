/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-receive-partial-private.h"

#include "tools/lp2p-transfer-private.h"
#include "tools/send/lp2p-receive-writer-private.h"
#include "tools/send/lp2p-send-journal-private.h"
#include "tools/send/lp2p-send-source-private.h"
#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define OPEN_STATE (O_NOFOLLOW | O_CLOEXEC)

/* @offset: how many bytes have come
 * @chunk: what is coming, or %NULL between two chunks
 * @tree: the hash of the hashes of the chunks before
 * @error: why a chunk could not be written */
struct _ReceivePartial
{
  ReceiveStore *store;
  const ReceiveItem *item;
  int journal;
  guint64 offset;
  ReceiveWriter *writer;
  ReceiveChunk *chunk;
  SendHasher *tree;
  GError *error;
};

/* The name in the state folder: any path has one, of letters that any file system
 * takes. The journal tells which path it is. */
char *
receive_partial_make_key (const char *path)
{
  SendHash hash = send_hash (path, strlen (path));

  return send_hash_to_string (&hash);
}

static char *
make_journal_name (const ReceiveItem *item)
{
  return g_strconcat (item->key, ".journal", NULL);
}

static SendJournal
make_journal (const ReceiveItem *item)
{
  return (SendJournal) { item->path, item->size, item->mtime };
}

/* Deletes what there is of a file that is not complete. */
void
receive_partial_remove (ReceiveStore *store, const ReceiveItem *item)
{
  int state = receive_store_get_state_fd (store);
  g_autofree char *journal = make_journal_name (item);

  unlinkat (state, item->key, 0);
  unlinkat (state, journal, 0);
}

/* Reading what is there */

static GBytes *
read_all (int fd, gsize max)
{
  g_autofree guint8 *data = g_malloc (max);
  gsize size = 0;

  while (size < max)
    {
      gssize n = read (fd, data + size, max - size);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        break;
      size += (gsize) n;
    }
  return g_bytes_new (data, size);
}

/* Leaves @cursor at the hashes of the journal. NULL where there is none that is about
 * the file. */
static GBytes *
read_journal (ReceiveStore *store, const ReceiveItem *item, Lp2pCursor *cursor)
{
  const SendJournal journal = make_journal (item);
  g_autofree char *name = make_journal_name (item);
  g_autoptr (GBytes) bytes = NULL;
  struct stat status;
  int fd = openat (receive_store_get_state_fd (store), name, O_RDONLY | O_NONBLOCK | OPEN_STATE);

  /* A size that a peer made up asks for no more memory than there is on the disk. */
  if (fd >= 0 && fstat (fd, &status) == 0 && S_ISREG (status.st_mode) && status.st_size > 0 &&
      (gsize) status.st_size <= send_journal_get_max_size (item->size))
    bytes = read_all (fd, (gsize) status.st_size);
  send_close (&fd);
  if (bytes == NULL)
    return NULL;
  lp2p_cursor_init (cursor, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  return send_journal_open (&journal, cursor) ? g_steal_pointer (&bytes) : NULL;
}

/**
 * receive_partial_verify:
 * @store: a store
 * @item: a file that is to come
 * @turn: called between two chunks
 * @user_data: passed on
 * @offset: (out): how much of it is there, in bytes; 0 for nothing
 * @hash: (out): the hash of the hashes of the chunks before the offset
 * @error: return location for an error
 *
 * Finds what is there of a file already. Each chunk is read again: neither the length
 * of the file nor the journal alone is believed.
 *
 * Returns: FALSE if @turn ended it
 */
gboolean
receive_partial_verify (ReceiveStore *store,
                        const ReceiveItem *item,
                        ReceiveTurn turn,
                        gpointer user_data,
                        guint64 *offset,
                        SendHash *hash,
                        GError **error)
{
  g_autoptr (SendHasher) tree = send_hasher_new ();
  g_autoptr (SendSource) source = NULL;
  g_autoptr (GBytes) journal = NULL;
  Lp2pCursor cursor;
  int fd;

  *offset = 0;
  if (item->size <= SEND_CHUNK_SIZE)
    return TRUE;
  fd = openat (receive_store_get_state_fd (store), item->key, O_RDONLY | O_NONBLOCK | OPEN_STATE);
  if (fd < 0)
    return TRUE;
  source = send_source_new (fd, item->size);
  journal = read_journal (store, item, &cursor);
  if (journal == NULL)
    return TRUE;
  while (*offset < item->size)
    {
      GBytes *chunk;
      SendHash noted;
      SendHash found;

      if (!lp2p_cursor_copy (&cursor, noted.bytes, SEND_HASH_SIZE) ||
          send_source_read (source, &chunk, &found, NULL) < 0 || !send_hash_equal (&noted, &found))
        break;
      send_hasher_add (tree, found.bytes, SEND_HASH_SIZE);
      *offset = send_source_get_offset (source);
      if (!turn (user_data, error))
        return FALSE;
    }
  *hash = send_hasher_get (tree);
  return TRUE;
}

/* Writing */

static gboolean
fail_errno (const ReceivePartial *self, GError **error)
{
  return send_set_errno (error, self->item->path, errno);
}

static int
open_new (ReceivePartial *self, GError **error)
{
  int fd;

  receive_partial_remove (self->store, self->item);
  fd = openat (receive_store_get_state_fd (self->store), self->item->key,
               O_WRONLY | O_CREAT | O_EXCL | OPEN_STATE, 0600);
  if (fd < 0)
    fail_errno (self, error);
  return fd;
}

/* Goes on behind chunks that were verified; what was behind them goes. */
static int
open_again (ReceivePartial *self, GError **error)
{
  int state = receive_store_get_state_fd (self->store);
  g_autofree char *name = make_journal_name (self->item);
  g_autoptr (GBytes) journal = NULL;
  Lp2pCursor cursor;
  gsize left = 0;
  int fd;

  journal = read_journal (self->store, self->item, &cursor);
  for (guint64 offset = 0; journal != NULL && offset < self->offset; offset += SEND_CHUNK_SIZE)
    {
      SendHash hash;

      if (lp2p_cursor_copy (&cursor, hash.bytes, SEND_HASH_SIZE))
        send_hasher_add (self->tree, hash.bytes, SEND_HASH_SIZE);
    }
  if (journal == NULL || cursor.failed)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", self->item->path,
                   N_("its journal changed meanwhile"));
      return -1;
    }
  left = lp2p_cursor_left (&cursor);
  fd = openat (state, self->item->key, O_WRONLY | OPEN_STATE);
  self->journal = openat (state, name, O_WRONLY | O_APPEND | OPEN_STATE);
  if (fd < 0 || self->journal < 0 || ftruncate (fd, (off_t) self->offset) != 0 ||
      ftruncate (self->journal, (off_t) (g_bytes_get_size (journal) - left)) != 0)
    {
      fail_errno (self, error);
      send_close (&fd);
    }
  return fd;
}

static void on_written (const ReceiveChunk *chunk, int code, gpointer user_data);

/**
 * receive_partial_new:
 * @store: a store
 * @item: the file, which has to stay as long
 * @offset: where it goes on: 0, or what receive_partial_verify() found
 * @error: return location for an error
 *
 * Opens a file to receive it.
 *
 * Returns: (transfer full): the file
 */
ReceivePartial *
receive_partial_new (ReceiveStore *store, const ReceiveItem *item, guint64 offset, GError **error)
{
  g_autoptr (ReceivePartial) self = g_new0 (ReceivePartial, 1);
  int fd;

  self->store = store;
  self->item = item;
  self->journal = -1;
  self->offset = offset;
  self->tree = send_hasher_new ();
  fd = offset > 0 ? open_again (self, error) : open_new (self, error);
  if (fd < 0)
    return NULL;
  self->writer = receive_writer_new (fd, item->size, on_written, self);
  return g_steal_pointer (&self);
}

void
receive_partial_free (ReceivePartial *self)
{
  g_clear_pointer (&self->writer, receive_writer_free);
  send_close (&self->journal);
  send_hasher_free (self->tree);
  g_clear_error (&self->error);
  g_free (self);
}

static gboolean
fail_protocol (const ReceivePartial *self, const char *what, GError **error)
{
  g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL, "%s: %s", self->item->path, what);
  return FALSE;
}

/* Whether there is room for another chunk; else something has to happen first. */
gboolean
receive_partial_has_room (ReceivePartial *self)
{
  return receive_writer_has_room (self->writer);
}

/* Whether all that came is written. */
gboolean
receive_partial_is_idle (ReceivePartial *self)
{
  return receive_writer_is_idle (self->writer);
}

/* Lets all that came be written, whether or not the peer sent the rest. */
void
receive_partial_flush (ReceivePartial *self)
{
  receive_writer_flush (self->writer);
}

/* Returns: (transfer none): where the chunk is to be put that was begun */
GBytes *
receive_partial_get_place (ReceivePartial *self)
{
  return self->chunk->place;
}

gboolean
receive_partial_begin_chunk (ReceivePartial *self, const Lp2p__Send__Chunk *chunk, GError **error)
{
  if (chunk->size != MIN (SEND_CHUNK_SIZE, self->item->size - self->offset))
    return fail_protocol (self, N_("the peer sent a chunk of another size than its place asks for"),
                          error);
  self->chunk = receive_writer_begin (self->writer, self->offset, chunk->size);
  send_hash_take (&self->chunk->expected, chunk->hash.data, chunk->hash.len);
  return TRUE;
}

/* The journal begins when there is something to say: a file of one chunk has none. */
static gboolean
note_chunk (ReceivePartial *self, const SendHash *hash, GError **error)
{
  const SendJournal journal = make_journal (self->item);
  g_autofree char *name = NULL;
  g_autoptr (GByteArray) header = NULL;

  send_hasher_add (self->tree, hash->bytes, SEND_HASH_SIZE);
  if (self->item->size <= SEND_CHUNK_SIZE)
    return TRUE;
  if (self->journal < 0)
    {
      name = make_journal_name (self->item);
      header = send_journal_start (&journal);
      self->journal = openat (receive_store_get_state_fd (self->store), name,
                              O_WRONLY | O_APPEND | O_CREAT | O_EXCL | OPEN_STATE, 0600);
      if (self->journal < 0 || !tool_write_fd (self->journal, header->data, header->len))
        return fail_errno (self, error);
    }
  return tool_write_fd (self->journal, hash->bytes, SEND_HASH_SIZE) || fail_errno (self, error);
}

/* What comes behind a chunk that failed is of no use. */
static void
on_written (const ReceiveChunk *chunk, int code, gpointer user_data)
{
  ReceivePartial *self = user_data;

  if (self->error != NULL)
    return;
  if (code > 0)
    send_set_errno (&self->error, self->item->path, code);
  else if (code < 0)
    fail_protocol (self, N_("a chunk has another hash than the peer said"), &self->error);
  else
    note_chunk (self, &chunk->expected, &self->error);
}

/* Whether all that was written is on the disk, and had the hash that the peer said. What
 * came before the first chunk that is not goes on in the next transfer. */
gboolean
receive_partial_is_good (const ReceivePartial *self, GError **error)
{
  if (self->error != NULL)
    g_propagate_error (error, g_error_copy (self->error));
  return self->error == NULL;
}

/* Some bytes of the chunk that was begun, not more than it has. They may be in its place
 * already. */
gboolean
receive_partial_write (ReceivePartial *self, const guint8 *data, gsize size, GError **error)
{
  self->offset += size;
  if (receive_writer_fill (self->writer, data, size))
    self->chunk = NULL;
  return receive_partial_is_good (self, error);
}

/* Whether the file, all of which is good, is complete, and the one that the peer
 * read. */
gboolean
receive_partial_check (ReceivePartial *self, const Lp2p__Send__End *end, GError **error)
{
  SendHash hash = send_hasher_get (self->tree);

  if (self->offset != self->item->size)
    return fail_protocol (self, N_("the peer ended the file before its end"), error);
  return send_hash_equal_bytes (&hash, end->hash.data, end->hash.len) ||
         fail_protocol (self, N_("the file has another hash than the peer said"), error);
}

/* Returns the file, or -1. */
int
receive_partial_steal_fd (ReceivePartial *self, GError **error)
{
  int fd = receive_writer_steal_fd (self->writer);

  if (fd < 0)
    fail_errno (self, error);
  return fd;
}
