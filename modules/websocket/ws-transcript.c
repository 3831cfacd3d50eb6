/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ws-transcript.h"

static void
free_entry (gpointer data)
{
  WsEntry *entry = data;

  g_byte_array_unref (entry->bytes);
  g_free (entry);
}

GPtrArray *
ws_transcript_new (void)
{
  return g_ptr_array_new_with_free_func (free_entry);
}

void
ws_transcript_add (GPtrArray *self, Lp2pWsEvent event, guint16 code, const guint8 *bytes, gsize size)
{
  WsEntry *entry = self->len > 0 ? g_ptr_array_index (self, self->len - 1) : NULL;

  if (entry == NULL || entry->event != LP2P_WS_EVENT_DATA || event != LP2P_WS_EVENT_DATA)
    {
      entry = g_new0 (WsEntry, 1);
      entry->event = event;
      entry->code = code;
      entry->bytes = g_byte_array_new ();
      g_ptr_array_add (self, entry);
    }
  g_byte_array_append (entry->bytes, bytes, size);
}

/* Takes payload of @chunk, in place and into another buffer in turns. */
static gsize
take (GPtrArray *self, Lp2pWsParser *parser, guint8 *chunk, gsize size, gsize max)
{
  gsize n = MIN (size, parser->payload_left);
  g_autofree guint8 *copy = NULL;
  guint8 *dest = chunk;

  if (max > 0)
    n = MIN (n, max);
  if (parser->payload_left % 2 == 0)
    dest = copy = g_malloc (n);
  lp2p_ws_parser_take (parser, dest, chunk, n);
  ws_transcript_add (self, LP2P_WS_EVENT_DATA, 0, dest, n);
  return n;
}

static void
add_event (GPtrArray *self, Lp2pWsParser *parser, Lp2pWsEvent event, const GError *error)
{
  const guint8 *bytes = parser->control;
  gsize size = parser->control_size;
  guint16 code = 0;

  if (event == LP2P_WS_EVENT_CLOSE || event == LP2P_WS_EVENT_ERROR)
    code = parser->close_code;
  if (event == LP2P_WS_EVENT_CLOSE)
    {
      bytes += MIN (size, 2);
      size -= MIN (size, 2);
    }
  if (event == LP2P_WS_EVENT_ERROR)
    {
      g_assert_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL);
      size = 0;
    }
  ws_transcript_add (self, event, code, bytes, size);
}

/* Reads all of a chunk; returns FALSE when nothing more will come of it. */
static gboolean
read_chunk (GPtrArray *self, Lp2pWsParser *parser, guint8 *chunk, gsize size, gsize max)
{
  gsize at = 0;

  for (;;)
    {
      g_autoptr (GError) error = NULL;
      gsize used = 0;
      Lp2pWsEvent event = lp2p_ws_parser_input (parser, chunk + at, size - at, &used, &error);

      at += used;
      g_assert_cmpuint (at, <=, size);
      switch (event)
        {
        case LP2P_WS_EVENT_NONE:
          g_assert_cmpuint (at, ==, size);
          return TRUE;
        case LP2P_WS_EVENT_DATA:
          g_assert_cmpuint (parser->payload_left, >, 0);
          if (at == size)
            return TRUE;
          at += take (self, parser, chunk + at, size - at, max);
          break;
        case LP2P_WS_EVENT_ERROR:
          add_event (self, parser, event, error);
          return FALSE;
        default:
          add_event (self, parser, event, error);
        }
    }
}

/* Shows @bytes to the parser in chunks of memory of their own, so that a sanitizer
 * sees whoever reads beyond. */
void
ws_transcript_read (GPtrArray *self, Lp2pWsParser *parser, const guint8 *bytes, gsize size, const WsPace *pace)
{
  gsize chunk_size = pace->chunk > 0 ? pace->chunk : MAX (size, 1);

  for (gsize at = 0; at < size; at += chunk_size)
    {
      gsize n = MIN (chunk_size, size - at);
      g_autofree guint8 *chunk = g_memdup2 (bytes + at, n);

      if (!read_chunk (self, parser, chunk, n, pace->take))
        return;
    }
}

void
ws_transcript_assert_equal (GPtrArray *self, GPtrArray *expected)
{
  for (guint i = 0; i < MIN (self->len, expected->len); i++)
    {
      WsEntry *is = g_ptr_array_index (self, i);
      WsEntry *should = g_ptr_array_index (expected, i);

      g_assert_cmpint (is->event, ==, should->event);
      g_assert_cmpuint (is->code, ==, should->code);
      g_assert_cmpmem (is->bytes->data, is->bytes->len, should->bytes->data, should->bytes->len);
    }
  g_assert_cmpuint (self->len, ==, expected->len);
}
