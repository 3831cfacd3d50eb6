/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writes the chunks of a file, some at once and in a thread: a disk that is slow holds
 * nothing else up, and the processor that decrypts neither hashes nor writes, where there
 * is another one. */

#include "tools/send/lp2p-send-hash-private.h"

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _ReceiveWriter ReceiveWriter;

/* A chunk that is coming.
 * @place: room for it: what still reads into it may hold it
 * @filled: how much of it has come */
typedef struct
{
  GBytes *place;
  gsize filled;
  gsize size;
  guint64 offset;
  SendHash expected;
  SendHash hash;
} ReceiveChunk;

/* A chunk is written, or @code says why not: an errno, or -1 for another hash than
 * expected. In the order in which they came. */
typedef void (*ReceiveWritten) (const ReceiveChunk *chunk, int code, gpointer user_data);

ReceiveWriter *receive_writer_new (int fd, guint64 size, ReceiveWritten written, gpointer user_data);
void receive_writer_free (ReceiveWriter *self);
gboolean receive_writer_has_room (ReceiveWriter *self);
gboolean receive_writer_is_idle (ReceiveWriter *self);
void receive_writer_flush (ReceiveWriter *self);
ReceiveChunk *receive_writer_begin (ReceiveWriter *self, guint64 offset, gsize size);
gboolean receive_writer_fill (ReceiveWriter *self, const guint8 *data, gsize size);
int receive_writer_steal_fd (ReceiveWriter *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ReceiveWriter, receive_writer_free)

G_END_DECLS
