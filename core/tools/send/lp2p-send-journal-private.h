/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The text of a journal: of which file the chunks beside it are, and their hashes. */

#include "tools/send/lp2p-send-hash-private.h"

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* What a partial file must have in common with the one that is sent. */
typedef struct
{
  const char *path;
  guint64 size;
  gint64 mtime;
} SendJournal;

/* The longest journal of a file of so many bytes. */
gsize send_journal_get_max_size (guint64 size);
GByteArray *send_journal_start (const SendJournal *self);
/* Leaves @cursor at the hashes, if the journal is that of the file. */
gboolean send_journal_open (const SendJournal *self, Lp2pCursor *cursor);

G_END_DECLS
