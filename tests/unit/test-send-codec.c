/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The codec of lp2p send: frames, paths, symbolic links, hashes and journals. */

#include "tools/send/lp2p-send-journal-private.h"
#include "tools/send/lp2p-send-path-private.h"
#include "tools/send/lp2p-send-wire-private.h"

#include <string.h>

/* Hashes */

static void
test_hash (void)
{
  g_autoptr (SendHasher) hasher = send_hasher_new ();
  SendHash whole = send_hash ("abcdef", 6);
  SendHash pieces;
  SendHash empty = send_hash (NULL, 0);
  g_autofree char *text = send_hash_to_string (&empty);

  send_hasher_add (hasher, "abc", 3);
  pieces = send_hasher_get (hasher);
  g_assert_false (send_hash_equal (&whole, &pieces));
  send_hasher_add (hasher, "def", 3);
  pieces = send_hasher_get (hasher);
  g_assert_true (send_hash_equal (&whole, &pieces));
  g_assert_true (send_hash_equal_bytes (&whole, pieces.bytes, SEND_HASH_SIZE));
  g_assert_false (send_hash_equal_bytes (&whole, pieces.bytes, SEND_HASH_SIZE - 1));
  send_hasher_reset (hasher);
  pieces = send_hasher_get (hasher);
  g_assert_true (send_hash_equal (&empty, &pieces));
  /* What xxhsum -H128 says of nothing. */
  g_assert_cmpstr (text, ==, "99aa06d3014798d86001c324468d497f");
}

/* Paths */

static char *
make_path (const char *const *names, gsize n, GError **error)
{
  g_autofree ProtobufCBinaryData *components = g_new0 (ProtobufCBinaryData, n);

  for (gsize i = 0; i < n; i++)
    components[i] = (ProtobufCBinaryData) { strlen (names[i]), (guint8 *) names[i] };
  return send_path_new (components, n, error);
}

static void
assert_path (const char *text, const char *expected)
{
  g_auto (GStrv) names = g_strsplit (text, "/", -1);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = make_path ((const char *const *) names, g_strv_length (names), &error);

  g_assert_no_error (error);
  g_assert_cmpstr (path, ==, expected);
}

static void
assert_no_path (const char *const *names, gsize n, const char *reason)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (make_path (names, n, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL);
  g_assert_nonnull (strstr (error->message, reason));
}

static void
test_good_paths (void)
{
  assert_path ("a", "a");
  assert_path ("a/b/c.txt", "a/b/c.txt");
  assert_path (".hidden/...", ".hidden/...");
  /* Names like others for this system, and bytes that are no text. */
  assert_path ("CON/a\\b/c:d", "CON/a\\b/c:d");
  assert_path ("\xff\xfe\n\033", "\xff\xfe\n\033");
}

static void
test_bad_paths (void)
{
  g_autofree char *long_name = g_strnfill (SEND_MAX_NAME + 1, 'a');
  g_autofree char *name = g_strnfill (SEND_MAX_NAME, 'a');
  const char *deep[SEND_MAX_DEPTH + 1];
  const char *wide[17];
  const ProtobufCBinaryData nul = { 3, (guint8 *) "a\0b" };
  g_autoptr (GError) error = NULL;
  const struct
  {
    const char *names[2];
    const char *reason;
  } cases[] = {
    { { "..", "a" }, ".." },
    { { "a", ".." }, ".." },
    { { ".", "a" }, ".." },
    { { "", "a" }, "empty" },
    { { "a", "" }, "empty" },
    { { "/etc", "passwd" }, "slash" },
    { { "a/../..", "b" }, "slash" },
    { { SEND_STATE_FOLDER, "a" }, SEND_STATE_FOLDER },
    { { ".LP2P-Receive", "a" }, SEND_STATE_FOLDER },
    { { "a", SEND_STATE_FOLDER }, SEND_STATE_FOLDER },
    { { long_name, "a" }, "255" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_no_path (cases[i].names, 2, cases[i].reason);
  for (gsize i = 0; i < G_N_ELEMENTS (deep); i++)
    deep[i] = "a";
  for (gsize i = 0; i < G_N_ELEMENTS (wide); i++)
    wide[i] = name;
  assert_no_path (NULL, 0, "empty");
  assert_no_path (deep, G_N_ELEMENTS (deep), "256");
  assert_no_path (wide, G_N_ELEMENTS (wide), "4095");
  g_assert_null (send_path_new (&nul, 1, &error));
  g_assert_nonnull (strstr (error->message, "NUL"));
}

static void
test_links (void)
{
  const struct
  {
    const char *path;
    const char *target;
    const char *reason; /* NULL if it is right */
  } cases[] = {
    { "a", "b", NULL },
    { "a", "b/c/d", NULL },
    { "a", "./b//c/", NULL },
    { "d/a", "../b", NULL },
    { "d/e/a", "./../../b", NULL },
    { "a", "", "nowhere" },
    { "a", "/etc/passwd", "absolute" },
    { "a", "..", "leads out" },
    { "a", "../b", "leads out" },
    { "d/a", "../../b", "leads out" },
    { "d/a", "b/../c", "behind a name" },
    { "d/a", "../b/..", "behind a name" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      gboolean good = send_link_check (cases[i].path, (const guint8 *) cases[i].target,
                                       strlen (cases[i].target), &error);

      g_assert_true (good == (cases[i].reason == NULL));
      g_assert_true (good == (error == NULL));
      if (!good)
        g_assert_nonnull (strstr (error->message, cases[i].reason));
    }
  g_assert_false (send_link_check ("a", (const guint8 *) "b\0c", 3, NULL));
}

/* Frames */

static void
append_entry (GByteArray *out, Lp2p__Send__Entry *entry)
{
  SendFrame frame = LP2P__SEND__FRAME__INIT;

  frame.body_case = SEND_BODY (ENTRY);
  frame.entry = entry;
  send_append_frame (out, &frame);
}

/* A frame of each shape, and a chunk. */
static GByteArray *
make_conversation (void)
{
  GByteArray *out = g_byte_array_new ();
  Lp2p__Send__Entry entry = LP2P__SEND__ENTRY__INIT;
  ProtobufCBinaryData path[2] = { { 1, (guint8 *) "d" }, { 1, (guint8 *) "f" } };
  SendHash hash = send_hash ("data", 4);

  entry.n_path = 2;
  entry.path = path;
  entry.size = 4;
  entry.mtime = -1;
  append_entry (out, &entry);
  send_append_chunk (out, 4, &hash);
  g_byte_array_append (out, (const guint8 *) "data", 4);
  send_append_end (out, 7, &hash);
  send_append_failure (out, SEND_BODY (FAIL), 8, "gone");
  send_append_text (out, SEND_BODY (ABORT), "bye");
  send_append_nothing (out, SEND_BODY (FINISH));
  return out;
}

static void
describe_offer (GString *text, const Lp2p__Send__Offer *offer)
{
  g_autoptr (GPtrArray) names = send_offer_list_names (offer);

  g_string_append (text, "offer");
  for (guint i = 0; i < names->len; i++)
    g_string_append_printf (text, " %s", (const char *) g_ptr_array_index (names, i));
  g_string_append_c (text, ';');
}

/* What came, written down. */
static void
describe (GString *text, const SendEvent *event)
{
  const SendFrame *frame = event->frame;

  if (frame == NULL)
    g_string_append_len (text, (const char *) event->data, (gssize) event->size);
  else if (frame->body_case == SEND_BODY (ENTRY))
    g_string_append_printf (text, "entry %" G_GSIZE_FORMAT " %" G_GINT64_FORMAT ";",
                            frame->entry->n_path, frame->entry->mtime);
  else if (frame->body_case == SEND_BODY (CHUNK))
    g_string_append_printf (text, "chunk %u:", frame->chunk->size);
  else if (frame->body_case == SEND_BODY (END))
    g_string_append_printf (text, ";end %" G_GUINT64_FORMAT ";", frame->end->entry);
  else if (frame->body_case == SEND_BODY (FAIL))
    g_string_append_printf (text, "fail %s;", frame->fail->text);
  else if (frame->body_case == SEND_BODY (ABORT))
    g_string_append_printf (text, "abort %s;", frame->abort->text);
  else if (frame->body_case == SEND_BODY (FINISH))
    g_string_append (text, "finish");
  else if (frame->body_case == SEND_BODY (BUSY))
    g_string_append (text, "busy;");
  else if (frame->body_case == SEND_BODY (OFFER))
    describe_offer (text, frame->offer);
}

static SendInput
decode_all (SendDecoder *decoder, Lp2pCursor *cursor, GString *text, GError **error)
{
  for (;;)
    {
      SendEvent event;
      SendInput found = send_decoder_next (decoder, cursor, &event, error);

      if (found != SEND_INPUT_FRAME && found != SEND_INPUT_DATA)
        return found;
      describe (text, &event);
      g_clear_pointer (&event.frame, send_frame_free);
    }
}

/* In pieces of each size, whatever is cut by them. */
static void
test_frames (void)
{
  g_autoptr (GByteArray) out = make_conversation ();

  for (gsize piece = 1; piece <= out->len; piece++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      SendDecoder decoder = { 0 };
      Lp2pCursor cursor = LP2P_CURSOR_INIT (out->data, 0);

      for (gsize end = piece;; end = MIN (end + piece, out->len))
        {
          g_autoptr (GError) error = NULL;
          gsize start = cursor.data - out->data;

          lp2p_cursor_init (&cursor, out->data + start, end - start);
          g_assert_cmpint (decode_all (&decoder, &cursor, text, &error), ==, SEND_INPUT_MORE);
          g_assert_no_error (error);
          if (end == out->len)
            break;
        }
      g_assert_true (lp2p_cursor_at_end (&cursor));
      g_assert_cmpstr (text->str, ==,
                       "entry 2 -1;chunk 4:data;end 7;fail gone;abort bye;finish");
    }
}

static void
assert_bad_input (const guint8 *data, gsize size, const char *reason)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  SendDecoder decoder = { 0 };
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);

  g_assert_cmpint (decode_all (&decoder, &cursor, text, &error), ==, SEND_INPUT_FAILED);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL);
  g_assert_nonnull (strstr (error->message, reason));
  g_assert_cmpstr (text->str, ==, "");
  send_decoder_clear (&decoder);
}

static void
assert_bad_frame (SendFrame *frame, Lp2p__Send__Frame__BodyCase kind, const char *reason)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();

  frame->body_case = kind;
  send_append_frame (out, frame);
  assert_bad_input (out->data, out->len, reason);
}

static void
test_bad_frames (void)
{
  SendFrame frame = LP2P__SEND__FRAME__INIT;
  Lp2p__Send__Entry entry = LP2P__SEND__ENTRY__INIT;
  Lp2p__Send__Chunk chunk = LP2P__SEND__CHUNK__INIT;
  Lp2p__Send__End end = LP2P__SEND__END__INIT;
  Lp2p__Send__Want want = LP2P__SEND__WANT__INIT;
  Lp2p__Send__Compare compare = LP2P__SEND__COMPARE__INIT;
  Lp2p__Send__Text text = LP2P__SEND__TEXT__INIT;
  Lp2p__Send__Failure failure = LP2P__SEND__FAILURE__INIT;
  g_autofree char *long_text = g_strnfill (SEND_MAX_TEXT + 1, ':');
  SendHash hash = send_hash (NULL, 0);
  const ProtobufCBinaryData bytes = { SEND_HASH_SIZE, hash.bytes };

  assert_bad_input ((const guint8 *) "\0", 1, "impossible size");
  assert_bad_input ((const guint8 *) "\x81\x80\x01", 3, "impossible size");
  assert_bad_input ((const guint8 *) "\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9, "length");
  assert_bad_input ((const guint8 *) "\x01\xff", 2, "malformed frame");
  assert_bad_input ((const guint8 *) "\x03\xfa\x06\x00", 4, "unknown kind");

  frame.entry = &entry;
  entry.kind = 3;
  assert_bad_frame (&frame, SEND_BODY (ENTRY), "unknown kind");
  entry.kind = LP2P__SEND__KIND__FOLDER;
  entry.size = 1;
  assert_bad_frame (&frame, SEND_BODY (ENTRY), "impossible size");
  entry.kind = LP2P__SEND__KIND__FILE;
  entry.size = G_MAXUINT64;
  assert_bad_frame (&frame, SEND_BODY (ENTRY), "impossible size");

  frame.chunk = &chunk;
  chunk.hash = bytes;
  assert_bad_frame (&frame, SEND_BODY (CHUNK), "impossible size");
  chunk.size = SEND_CHUNK_SIZE + 1;
  assert_bad_frame (&frame, SEND_BODY (CHUNK), "impossible size");
  chunk.size = 1;
  chunk.hash.len = 15;
  assert_bad_frame (&frame, SEND_BODY (CHUNK), "16 bytes");

  text.text = long_text;
  frame.abort = &text;
  assert_bad_frame (&frame, SEND_BODY (ABORT), "1024 bytes");
  assert_bad_frame (&frame, SEND_BODY (DECLINE), "1024 bytes");
  failure.text = long_text;
  frame.refuse = &failure;
  assert_bad_frame (&frame, SEND_BODY (REFUSE), "1024 bytes");
  assert_bad_frame (&frame, SEND_BODY (FAIL), "1024 bytes");

  frame.end = &end;
  assert_bad_frame (&frame, SEND_BODY (END), "16 bytes");
  frame.want = &want;
  want.offset = 1;
  assert_bad_frame (&frame, SEND_BODY (WANT), "16 bytes");
  frame.compare = &compare;
  assert_bad_frame (&frame, SEND_BODY (COMPARE), "16 bytes");
}

/* Offers */

static void
append_offer (GByteArray *out, const char *names, gboolean more)
{
  g_auto (GStrv) texts = g_strsplit (names, ",", -1);
  g_autofree ProtobufCBinaryData *list = g_new0 (ProtobufCBinaryData, g_strv_length (texts) + 1);
  Lp2p__Send__Offer offer = LP2P__SEND__OFFER__INIT;

  offer.entries = offer.files = 9;
  offer.name = (char *) "first";
  offer.names = list;
  offer.more = more;
  for (gsize i = 0; texts[i] != NULL; i++)
    list[offer.n_names++] = (ProtobufCBinaryData) { strlen (texts[i]), (guint8 *) texts[i] };
  send_append (out, SEND_BODY (OFFER), &offer);
}

/* One that takes several frames, with a sign of life among them, is one offer. */
static void
test_offer (void)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();

  append_offer (out, "a,b", TRUE);
  append_offer (out, "c", TRUE);
  send_append_nothing (out, SEND_BODY (BUSY));
  append_offer (out, ".d", FALSE);
  append_offer (out, "", FALSE);
  for (gsize piece = 1; piece <= out->len; piece++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      SendDecoder decoder = { 0 };
      Lp2pCursor cursor = LP2P_CURSOR_INIT (out->data, 0);

      for (gsize end = MIN (piece, out->len);; end = MIN (end + piece, out->len))
        {
          gsize start = cursor.data - out->data;

          lp2p_cursor_init (&cursor, out->data + start, end - start);
          g_assert_cmpint (decode_all (&decoder, &cursor, text, NULL), ==, SEND_INPUT_MORE);
          if (end == out->len)
            break;
        }
      g_assert_cmpstr (text->str, ==, "busy;offer a b c .d;offer first;");
      send_decoder_clear (&decoder);
    }
}

static void
assert_bad_offer (const char *names, gboolean more, Lp2p__Send__Frame__BodyCase next, const char *reason)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();

  append_offer (out, names, more);
  if (next != 0)
    send_append_nothing (out, next);
  assert_bad_input (out->data, out->len, reason);
}

static void
test_bad_offers (void)
{
  g_autofree char *long_name = g_strnfill (SEND_MAX_NAME + 1, 'a');
  g_autoptr (GByteArray) out = g_byte_array_new ();
  Lp2p__Send__Offer offer = LP2P__SEND__OFFER__INIT;
  SendFrame frame = LP2P__SEND__FRAME__INIT;

  assert_bad_offer ("", TRUE, 0, "without a name");
  assert_bad_offer ("a,,b", FALSE, 0, "a name that is none");
  assert_bad_offer ("a/b", FALSE, 0, "a name that is none");
  assert_bad_offer (long_name, FALSE, 0, "a name that is none");
  assert_bad_offer ("a", TRUE, SEND_BODY (ACCEPT), "in the middle of an offer");
  for (guint i = 0; i <= SEND_MAX_NAMES; i++)
    append_offer (out, "a", TRUE);
  assert_bad_input (out->data, out->len, "4096 names");

  frame.offer = &offer;
  offer.entries = SEND_MAX_ENTRIES + 1;
  assert_bad_frame (&frame, SEND_BODY (OFFER), "impossible number");
  offer.entries = 1;
  offer.files = 2;
  assert_bad_frame (&frame, SEND_BODY (OFFER), "impossible number");
}

/* What is for people is cut where a letter ends. */
static void
test_long_text (void)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  SendDecoder decoder = { 0 };
  SendEvent event;
  Lp2pCursor cursor;

  for (guint i = 0; i < SEND_MAX_TEXT; i++)
    g_string_append (text, "\xe2\x82\xac");
  send_append_text (out, SEND_BODY (DECLINE), text->str);
  lp2p_cursor_init (&cursor, out->data, out->len);
  g_assert_cmpint (send_decoder_next (&decoder, &cursor, &event, NULL), ==, SEND_INPUT_FRAME);
  g_assert_cmpuint (strlen (event.frame->decline->text), <=, SEND_MAX_TEXT);
  g_assert_cmpuint (strlen (event.frame->decline->text), >, SEND_MAX_TEXT - 4);
  g_assert_true (g_utf8_validate (event.frame->decline->text, -1, NULL));
  send_frame_free (event.frame);
}

/* Journals */

static void
test_journal (void)
{
  const SendJournal file = { "a/b", 5 * SEND_CHUNK_SIZE, -7 };
  const SendJournal others[] = {
    { "a/c", 5 * SEND_CHUNK_SIZE, -7 },
    { "a/b", 5 * SEND_CHUNK_SIZE + 1, -7 },
    { "a/b", 5 * SEND_CHUNK_SIZE, 7 },
  };
  g_autoptr (GByteArray) journal = send_journal_start (&file);
  gsize header = journal->len;
  SendHash hash = send_hash ("x", 1);
  Lp2pCursor cursor;

  g_assert_cmpuint (header + 6 * SEND_HASH_SIZE, <=, send_journal_get_max_size (file.size));
  g_byte_array_append (journal, hash.bytes, SEND_HASH_SIZE);
  lp2p_cursor_init (&cursor, journal->data, journal->len);
  g_assert_true (send_journal_open (&file, &cursor));
  g_assert_cmpuint (lp2p_cursor_left (&cursor), ==, SEND_HASH_SIZE);

  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    {
      lp2p_cursor_init (&cursor, journal->data, journal->len);
      g_assert_false (send_journal_open (&others[i], &cursor));
    }
  for (gsize size = 0; size < header; size++)
    {
      lp2p_cursor_init (&cursor, journal->data, size);
      g_assert_false (send_journal_open (&file, &cursor));
    }
  for (gsize i = 0; i < header; i++)
    {
      journal->data[i] ^= 0x10;
      lp2p_cursor_init (&cursor, journal->data, header);
      g_assert_false (send_journal_open (&file, &cursor));
      journal->data[i] ^= 0x10;
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/send-codec/hash", test_hash);
  g_test_add_func ("/send-codec/good-paths", test_good_paths);
  g_test_add_func ("/send-codec/bad-paths", test_bad_paths);
  g_test_add_func ("/send-codec/links", test_links);
  g_test_add_func ("/send-codec/frames", test_frames);
  g_test_add_func ("/send-codec/bad-frames", test_bad_frames);
  g_test_add_func ("/send-codec/offer", test_offer);
  g_test_add_func ("/send-codec/bad-offers", test_bad_offers);
  g_test_add_func ("/send-codec/long-text", test_long_text);
  g_test_add_func ("/send-codec/journal", test_journal);
  return g_test_run ();
}
