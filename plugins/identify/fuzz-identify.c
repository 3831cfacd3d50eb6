/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a peer sends, in pieces: the first byte says how large they are. What was
 * understood must come out the same when it is sent on. */

#include "lp2p-identify-message.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check_again (const Lp2pIdentifyMessage *message)
{
  g_autoptr (GBytes) bytes = lp2p_identify_message_encode (message);
  g_autoptr (Lp2pIdentifyMessage) again = lp2p_identify_message_new ();
  g_autoptr (GBytes) bytes_again = NULL;
  Lp2pCursor cursor;
  guint64 length;

  g_assert_cmpuint (g_bytes_get_size (bytes), ==, lp2p_identify_message_get_size (message));
  lp2p_cursor_init (&cursor, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  g_assert_true (lp2p_cursor_read_varint (&cursor, &length));
  g_assert_cmpuint (length, ==, lp2p_cursor_left (&cursor));
  /* Texts that were mended may be longer than those that are taken. */
  if (!lp2p_identify_message_merge (again, cursor.data, cursor.left, NULL))
    g_assert_not_reached ();
  if ((message->agent_version != NULL &&
       strlen (message->agent_version) > LP2P_IDENTIFY_MAX_TEXT) ||
      (message->protocol_version != NULL &&
       strlen (message->protocol_version) > LP2P_IDENTIFY_MAX_TEXT))
    return;
  bytes_again = lp2p_identify_message_encode (again);
  g_assert_true (g_bytes_equal (bytes, bytes_again));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (Lp2pIdentifyReader) reader = lp2p_identify_reader_new ();
  g_autoptr (Lp2pIdentifyMessage) message = NULL;
  gsize step = size > 0 ? data[0] + 1 : 1;

  for (gsize i = 1; i < size; i += step)
    if (!lp2p_identify_reader_input (reader, data + i, MIN (step, size - i), NULL))
      return 0;
  message = lp2p_identify_reader_end (reader, NULL);
  if (message != NULL)
    check_again (message);
  return 0;
}
