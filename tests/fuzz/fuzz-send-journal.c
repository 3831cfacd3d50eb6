/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-send-journal-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  const SendJournal file = { "a/b", 3 * SEND_CHUNK_SIZE, 1 };
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);

  if (send_journal_open (&file, &cursor))
    g_assert (!cursor.failed && lp2p_cursor_left (&cursor) < size);
  return 0;
}
