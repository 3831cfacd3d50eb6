/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a peer of lp2p send may send: the first byte tells in pieces of which size. */

#include "tools/send/lp2p-send-path-private.h"
#include "tools/send/lp2p-send-wire-private.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check_path (const Lp2p__Send__Entry *entry)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = send_path_new (entry->path, entry->n_path, &error);

  g_assert ((path == NULL) == (error != NULL));
  if (path == NULL)
    return;
  g_assert (path[0] != '/' && path[0] != '\0' && strstr (path, "//") == NULL);
  g_assert (!g_str_equal (path, "..") && !g_str_has_prefix (path, "../") &&
            strstr (path, "/../") == NULL && !g_str_has_suffix (path, "/.."));
  send_link_check (path, entry->target.data, entry->target.len, NULL);
}

static void
check_offer (const Lp2p__Send__Offer *offer)
{
  g_autoptr (GPtrArray) names = send_offer_list_names (offer);

  g_assert (names->len > 0 && names->len <= SEND_MAX_NAMES);
}

static gboolean
take (SendDecoder *decoder, Lp2pCursor *cursor)
{
  g_autoptr (GError) error = NULL;
  SendEvent event;
  SendInput found;

  for (;;)
    {
      found = send_decoder_next (decoder, cursor, &event, &error);
      g_assert ((found == SEND_INPUT_FAILED) == (error != NULL));
      g_assert ((found == SEND_INPUT_FRAME) == (event.frame != NULL));
      if (found != SEND_INPUT_FRAME && found != SEND_INPUT_DATA)
        return found == SEND_INPUT_MORE;
      if (event.frame != NULL && event.frame->body_case == SEND_BODY (ENTRY))
        check_path (event.frame->entry);
      if (event.frame != NULL && event.frame->body_case == SEND_BODY (OFFER))
        check_offer (event.frame->offer);
      g_clear_pointer (&event.frame, send_frame_free);
    }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  SendDecoder decoder = { 0 };
  Lp2pCursor cursor;
  gsize piece;

  if (size < 2)
    return 0;
  piece = (gsize) data[0] + 1;
  data++;
  size--;
  lp2p_cursor_init (&cursor, data, 0);
  for (gsize end = MIN (piece, size);; end = MIN (end + piece, size))
    {
      gsize start = cursor.data - data;

      lp2p_cursor_init (&cursor, data + start, end - start);
      if (!take (&decoder, &cursor) || end == size)
        break;
    }
  send_decoder_clear (&decoder);
  return 0;
}
