/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-send-journal-private.h"

#include "tools/send/lp2p-send-path-private.h"
#include "tools/send/send.pb-c.h"

#include <string.h>

/* The first letters, which also tell the version. */
#define MAGIC      "lp2p journal 1\n"
#define MAX_HEADER 8192

gsize
send_journal_get_max_size (guint64 size)
{
  return strlen (MAGIC) + LP2P_VARINT_MAX + MAX_HEADER +
         (gsize) (size / SEND_CHUNK_SIZE + 1) * SEND_HASH_SIZE;
}

GByteArray *
send_journal_start (const SendJournal *self)
{
  Lp2p__Send__Journal message = LP2P__SEND__JOURNAL__INIT;
  GByteArray *out = g_byte_array_new ();
  gsize size;
  guint start;

  message.path.data = (guint8 *) self->path;
  message.path.len = strlen (self->path);
  message.size = self->size;
  message.mtime = self->mtime;
  size = lp2p__send__journal__get_packed_size (&message);
  g_byte_array_append (out, (const guint8 *) MAGIC, strlen (MAGIC));
  lp2p_append_varint (out, size);
  start = out->len;
  g_byte_array_set_size (out, start + (guint) size);
  lp2p__send__journal__pack (&message, out->data + start);
  return out;
}

static gboolean
read_header (Lp2pCursor *cursor, Lp2p__Send__Journal **message)
{
  const guint8 *magic;
  const guint8 *bytes;
  guint64 size;

  if (!lp2p_cursor_read_bytes (cursor, strlen (MAGIC), &magic) ||
      memcmp (magic, MAGIC, strlen (MAGIC)) != 0 || !lp2p_cursor_read_varint (cursor, &size) ||
      size > MAX_HEADER || !lp2p_cursor_read_bytes (cursor, (gsize) size, &bytes))
    return FALSE;
  *message = lp2p__send__journal__unpack (NULL, (gsize) size, bytes);
  return *message != NULL;
}

gboolean
send_journal_open (const SendJournal *self, Lp2pCursor *cursor)
{
  Lp2p__Send__Journal *message;
  gboolean same;

  if (!read_header (cursor, &message))
    return FALSE;
  same = message->size == self->size && message->mtime == self->mtime &&
         message->path.len == strlen (self->path) &&
         memcmp (message->path.data, self->path, message->path.len) == 0;
  lp2p__send__journal__free_unpacked (message, NULL);
  return same;
}
