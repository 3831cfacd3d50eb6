/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first byte chooses whose frames they are and how they come; what is read must not
 * depend on how. */

#include "ws-transcript.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static GPtrArray *
read_frames (const guint8 *data, gsize size, Lp2pWsSender sender, WsPace pace)
{
  g_autoptr (GPtrArray) events = ws_transcript_new ();
  Lp2pWsParser parser;

  lp2p_ws_parser_init (&parser, sender);
  ws_transcript_read (events, &parser, data, size, &pace);
  return g_steal_pointer (&events);
}

/* What was told can be told again, but for data: its frames may have been others. */
static void
check_reply (const WsEntry *entry)
{
  guint8 frame[LP2P_WS_MAX_CONTROL_FRAME];
  g_autoptr (GPtrArray) again = ws_transcript_new ();
  g_autoptr (GPtrArray) same = ws_transcript_new ();
  Lp2pWsParser parser;
  gsize size;

  if (entry->event == LP2P_WS_EVENT_PING)
    size = lp2p_ws_write_control (frame, LP2P_WS_PING, entry->bytes->data, entry->bytes->len, NULL);
  else if (entry->event == LP2P_WS_EVENT_CLOSE)
    {
      g_byte_array_append (entry->bytes, (const guint8 *) "", 1);
      size = lp2p_ws_write_close (frame, entry->code, (const char *) entry->bytes->data, NULL);
      g_byte_array_set_size (entry->bytes, strlen ((const char *) entry->bytes->data));
    }
  else
    return;

  lp2p_ws_parser_init (&parser, LP2P_WS_FROM_SERVER);
  ws_transcript_read (again, &parser, frame, size, &(WsPace){ 0, 0 });
  ws_transcript_add (same, entry->event, entry->code, entry->bytes->data, entry->bytes->len);
  ws_transcript_assert_equal (again, same);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GPtrArray) whole = NULL;
  g_autoptr (GPtrArray) pieces = NULL;
  Lp2pWsSender sender;
  WsPace pace;

  if (size < 1)
    return 0;
  sender = data[0] & 1 ? LP2P_WS_FROM_SERVER : LP2P_WS_FROM_CLIENT;
  pace = (WsPace){ 1 + (data[0] >> 1 & 7), data[0] >> 4 };

  whole = read_frames (data + 1, size - 1, sender, (WsPace){ 0, 0 });
  pieces = read_frames (data + 1, size - 1, sender, pace);
  ws_transcript_assert_equal (pieces, whole);
  for (guint i = 0; i < whole->len; i++)
    check_reply (g_ptr_array_index (whole, i));
  return 0;
}
