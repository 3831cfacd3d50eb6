/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The cases of frames.table, where their language is explained. */

#include "ws-transcript.h"

#include <string.h>

/* Byte by byte takes long where there are more. */
#define SMALL (200 * 1024)

static const guint8 mask[LP2P_WS_MASK_SIZE] = { 0x37, 0xfa, 0x21, 0x3d };

typedef struct
{
  char *frames;
  GPtrArray *events;
  Lp2pWsSender sender;
} Case;

static guint64
read_number (const char *text, guint base, const char **end)
{
  char *at;
  guint64 number = g_ascii_strtoull (text, &at, base);

  if (at == text)
    g_error ("'%s' was to begin with a number", text);
  if (end != NULL)
    *end = at;
  else if (*at != '\0')
    g_error ("'%s' is not a number", text);
  return number;
}

static void
append_hex (GByteArray *out, const char *text)
{
  if (strlen (text) % 2 != 0)
    g_error ("'%s' has half a byte", text);
  for (; *text != '\0'; text += 2)
    {
      guint8 byte = g_ascii_xdigit_value (text[0]) << 4 | g_ascii_xdigit_value (text[1]);

      if (!g_ascii_isxdigit (text[0]) || !g_ascii_isxdigit (text[1]))
        g_error ("'%s' is not hexadecimal", text);
      g_byte_array_append (out, &byte, 1);
    }
}

static void
append_piece (GByteArray *out, const char *text)
{
  const char *star = strchr (text, '*');

  if (*text == '\'')
    g_byte_array_append (out, (const guint8 *) text + 1, strlen (text) - 2);
  else if (star == NULL)
    append_hex (out, text);
  else
    {
      const char *end;
      guint64 count = read_number (text, 10, &end);
      guint start = out->len;

      g_assert_true (end == star);

      g_byte_array_set_size (out, start + count);
      memset (out->data + start, read_number (star + 1, 16, NULL), count);
    }
}

static GByteArray *
read_payload (const char *text)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_auto (GStrv) pieces = g_strsplit (text, "+", -1);

  for (guint i = 0; pieces[i] != NULL; i++)
    append_piece (out, pieces[i]);
  return g_steal_pointer (&out);
}

/* Writes a length in 0, 16 or 64 bits, the first 0 for as few as possible. */
static void
append_length (GByteArray *out, guint bits, guint64 length, gboolean masked)
{
  guint8 bytes[9];
  gsize size = 0;

  if (bits == 0)
    bits = length > G_MAXUINT16 ? 64 : length > 125 ? 16 : 7;
  bytes[size++] = (masked ? 0x80 : 0) | (bits == 64 ? 127 : bits == 16 ? 126 : length);
  for (guint shift = bits; bits > 7 && shift > 0; shift -= 8)
    bytes[size++] = length >> (shift - 8) & 0xff;
  g_byte_array_append (out, bytes, size);
}

static void
append_frame (GByteArray *out, const char *text, Lp2pWsSender sender)
{
  const char *colon = strchr (text, ':');
  gboolean masked = sender == LP2P_WS_FROM_CLIENT;
  guint bits = 0;
  guint64 length;
  guint8 first;
  g_autoptr (GByteArray) payload = NULL;

  if (colon == NULL)
    g_error ("'%s' has no colon", text);
  payload = read_payload (colon + 1);
  length = payload->len;

  if (*text == '~')
    {
      masked = !masked;
      text++;
    }
  first = read_number (text, 16, &text);
  if (*text == '/')
    bits = read_number (text + 1, 10, &text);
  if (*text == '=')
    length = read_number (text + 1, 16, &text);
  g_assert_true (text == colon);

  g_byte_array_append (out, &first, 1);
  append_length (out, bits, length, masked);
  if (masked)
    g_byte_array_append (out, mask, sizeof mask);
  for (guint i = 0; i < payload->len; i++)
    payload->data[i] ^= masked ? mask[i % sizeof mask] : 0;
  g_byte_array_append (out, payload->data, payload->len);
}

static GByteArray *
make_frames (const char *text, Lp2pWsSender sender)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_auto (GStrv) frames = g_strsplit (text, " ", -1);

  for (guint i = 0; frames[i] != NULL; i++)
    {
      const char *times = strchr (frames[i], 'x');
      const char *frame = times != NULL && times < strchr (frames[i], ':') ? times + 1 : frames[i];
      const char *end;
      guint64 count = frame != frames[i] ? read_number (frames[i], 10, &end) : 1;

      while (count-- > 0)
        append_frame (out, frame, sender);
    }
  return g_steal_pointer (&out);
}

static void
add_expected (GPtrArray *events, const char *text)
{
  static const struct
  {
    const char *name;
    Lp2pWsEvent event;
    gboolean has_code;
  } kinds[] = {
    { "data:", LP2P_WS_EVENT_DATA, FALSE },  { "ping:", LP2P_WS_EVENT_PING, FALSE },
    { "pong:", LP2P_WS_EVENT_PONG, FALSE },  { "close:", LP2P_WS_EVENT_CLOSE, TRUE },
    { "error:", LP2P_WS_EVENT_ERROR, TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_has_prefix (text, kinds[i].name))
      {
        g_autoptr (GByteArray) payload = NULL;
        guint16 code = 0;

        text += strlen (kinds[i].name);
        if (kinds[i].has_code)
          code = read_number (text, 10, &text);
        payload = read_payload (*text == '+' ? text + 1 : text);
        ws_transcript_add (events, kinds[i].event, code, payload->data, payload->len);
        return;
      }
  g_error ("'%s' is no event", text);
}

static GPtrArray *
read_events (const char *text)
{
  g_autoptr (GPtrArray) events = ws_transcript_new ();
  g_auto (GStrv) words = g_strsplit (text, " ", -1);

  for (guint i = 0; !g_str_equal (text, "-") && words[i] != NULL; i++)
    add_expected (events, words[i]);
  return g_steal_pointer (&events);
}

static void
check_at_pace (const Case *self, GByteArray *frames, WsPace pace)
{
  g_autoptr (GPtrArray) events = ws_transcript_new ();
  Lp2pWsParser parser;

  lp2p_ws_parser_init (&parser, self->sender);
  ws_transcript_read (events, &parser, frames->data, frames->len, &pace);
  ws_transcript_assert_equal (events, self->events);
}

static void
test_case (gconstpointer data)
{
  const Case *self = data;
  g_autoptr (GByteArray) frames = make_frames (self->frames, self->sender);

  check_at_pace (self, frames, (WsPace){ 0, 0 });
  check_at_pace (self, frames, (WsPace){ 1460, 1000 });
  check_at_pace (self, frames, (WsPace){ 65537, 4099 });
  if (frames->len <= SMALL)
    for (gsize chunk = 1; chunk <= 7; chunk++)
      check_at_pace (self, frames, (WsPace){ chunk, chunk % 3 });
}

static void
free_case (gpointer data)
{
  Case *self = data;

  g_free (self->frames);
  g_ptr_array_unref (self->events);
  g_free (self);
}

static void
add_case (const char *name, const char *sender, const char *frames, const char *events)
{
  static const char *const senders[] = { "client", "server" };

  for (Lp2pWsSender i = LP2P_WS_FROM_CLIENT; i <= LP2P_WS_FROM_SERVER; i++)
    if (g_str_equal (sender, senders[i]) || g_str_equal (sender, "any"))
      {
        g_autofree char *path = g_strdup_printf ("/ws-table/%s/%s", name, senders[i]);
        Case *self = g_new0 (Case, 1);

        self->sender = i;
        self->frames = g_strdup (frames);
        self->events = read_events (events);
        g_test_add_data_func_full (path, self, test_case, free_case);
      }
}

static void
add_cases (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "..", "modules", "websocket", "frames.table", NULL);
  g_autofree char *contents = NULL;
  g_auto (GStrv) lines = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, &contents, NULL, &error);
  g_assert_no_error (error);
  lines = g_strsplit (contents, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_auto (GStrv) fields = NULL;

      if (lines[i][0] == '\0' || lines[i][0] == '#')
        continue;
      fields = g_strsplit (lines[i], "\t", -1);
      if (g_strv_length (fields) != 4)
        g_error ("%s:%u: %u fields, 4 were expected", path, i + 1, g_strv_length (fields));
      add_case (fields[0], fields[1], fields[2], fields[3]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_cases ();
  return g_test_run ();
}
