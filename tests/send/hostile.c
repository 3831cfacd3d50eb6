/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A peer of lp2p send and lp2p receive that means no good.
 *
 *   hostile list                prints the cases, and what is to be answered
 *   hostile CASE ADDRESS KEY    sends to a receiver
 *   hostile code TICKET N       shows a sender a wrong code N times
 *   hostile crowd ADDRESS KEY N comes to a receiver as N peers at once
 *   hostile renew ADDRESS KEY N comes to a receiver N times as one peer, and says nothing
 *   hostile offer BYTES HOW     serves a receiver, to whom it prints a ticket, that much
 *   hostile early               serves a sender, to whom it prints an address: has a result before
 *                               anything has come
 *   hostile take BYTES BYTES HOW  serves a sender, to whom it prints an address: reads that
 *                               much, and says that much; HOW it ends is "gone" or "silent"
 *
 * Prints what the other side says. */

#include "tools/send/lp2p-send-path-private.h"
#include "tools/send/lp2p-send-wire-private.h"

#include <string.h>
#include <unistd.h>

/* Asynchronous calls, one after the other */

static void
on_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static GAsyncResult *
wait_for (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

/* @text: (nullable): configuration */
static Lp2pHost *
start (Lp2pIdentity *identity, const char *text)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (Lp2pHost) host = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  if (text != NULL && !lp2p_config_load_data (config, text, strlen (text), "hostile", &error))
    g_error ("%s", error->message);
  host = lp2p_host_new (config, identity);
  lp2p_host_start_async (host, NULL, on_ready, &result);
  if (!lp2p_host_start_finish (host, wait_for (&result), &error))
    g_error ("%s", error->message);
  return g_steal_pointer (&host);
}

static Lp2pStream *
open_stream (Lp2pConnection *connection)
{
  const char *const protocols[] = { SEND_PROTOCOL, NULL };
  g_autoptr (GAsyncResult) opened = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pStream *stream;

  lp2p_connection_open_stream_async (connection, protocols, LP2P_STREAM_NONE, NULL, on_ready, &opened);
  stream = lp2p_connection_open_stream_finish (connection, wait_for (&opened), &error);
  if (stream == NULL)
    g_error ("%s", error->message);
  return stream;
}

static Lp2pStream *
dial (Lp2pHost *host, Lp2pPeerId *peer, GPtrArray *addresses)
{
  g_autoptr (GAsyncResult) connected = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  lp2p_host_connect_peer_async (host, peer, addresses, NULL, on_ready, &connected);
  connection = lp2p_host_connect_finish (host, wait_for (&connected), &error);
  if (connection == NULL)
    g_error ("%s", error->message);
  return open_stream (connection);
}

/* Cases: what is sent behind an offer of one file of 4 bytes */

/* @top: (nullable): the only name in its list; without one, it has none */
static void
append_offer (GByteArray *out, guint64 entries, guint64 size, const char *top)
{
  Lp2p__Send__Offer offer = LP2P__SEND__OFFER__INIT;
  ProtobufCBinaryData name = { top != NULL ? strlen (top) : 0, (guint8 *) top };

  offer.entries = offer.files = entries;
  offer.size = size;
  offer.name = (char *) "\033[31mname\n";
  offer.names = &name;
  offer.n_names = top != NULL ? 1 : 0;
  send_append (out, SEND_BODY (OFFER), &offer);
}

static void
append_entry (GByteArray *out, Lp2p__Send__Kind kind, const char *path, gsize size, const char *target)
{
  SendFrame frame = LP2P__SEND__FRAME__INIT;
  Lp2p__Send__Entry entry = LP2P__SEND__ENTRY__INIT;
  g_auto (GStrv) names = g_strsplit (path, "|", -1);
  gsize n = g_strv_length (names);
  g_autofree ProtobufCBinaryData *components = g_new0 (ProtobufCBinaryData, n + 1);

  for (gsize i = 0; i < n; i++)
    {
      components[i] = (ProtobufCBinaryData) { strlen (names[i]), (guint8 *) names[i] };
      /* What a text of C cannot have in it. */
      for (char *p = strchr (names[i], '%'); p != NULL; p = NULL)
        *p = '\0';
    }
  entry.kind = kind;
  entry.n_path = n;
  entry.path = components;
  entry.size = size;
  entry.mode = 04777;
  entry.target = (ProtobufCBinaryData) { strlen (target), (guint8 *) target };
  frame.body_case = SEND_BODY (ENTRY);
  frame.entry = &entry;
  send_append_frame (out, &frame);
}

static void
append_file (GByteArray *out, const char *path)
{
  append_entry (out, LP2P__SEND__KIND__FILE, path, 4, "");
}

static void
append_begin (GByteArray *out, guint64 entry, guint64 offset)
{
  SendFrame frame = LP2P__SEND__FRAME__INIT;
  Lp2p__Send__Begin begin = LP2P__SEND__BEGIN__INIT;

  begin.entry = entry;
  begin.offset = offset;
  frame.body_case = SEND_BODY (BEGIN);
  frame.begin = &begin;
  send_append_frame (out, &frame);
}

/* @change: of the hash */
static void
append_data (GByteArray *out, const char *data, guint8 change)
{
  SendHash hash = send_hash (data, strlen (data));

  hash.bytes[0] ^= change;
  send_append_chunk (out, strlen (data), &hash);
  g_byte_array_append (out, (const guint8 *) data, (guint) strlen (data));
}

/* All of a file behind its announcement. */
static void
append_content (GByteArray *out, const char *data)
{
  SendHash hash = send_hash (data, strlen (data));
  SendHash tree = send_hash (hash.bytes, SEND_HASH_SIZE);

  append_begin (out, 0, 0);
  append_data (out, data, 0);
  send_append_end (out, 0, &tree);
}

static void
announce (GByteArray *out, const char *path)
{
  append_offer (out, 1, 4, "a");
  append_file (out, path);
}

/* With its content: who takes the path writes there. */
static void
bad_path (GByteArray *out, const char *path)
{
  announce (out, path);
  append_content (out, "evil");
}

/* Something else than what the user was asked about. */
static void
other_name (GByteArray *out, const char *path)
{
  append_offer (out, 1, 4, "report.pdf");
  append_file (out, path);
  append_content (out, "evil");
}

/* The same from who tells a name, but no list. */
static void
no_list (GByteArray *out, const char *path)
{
  append_offer (out, 1, 4, NULL);
  append_file (out, path);
  append_content (out, "evil");
}

static void
bad_link (GByteArray *out, const char *target)
{
  append_offer (out, 1, 0, "link");
  append_entry (out, LP2P__SEND__KIND__LINK, "link", 0, target);
}

/* A symbolic link that is all right, and then a file behind it. */
static void
behind_link (GByteArray *out, const char *unused)
{
  SendHash hash = send_hash (NULL, 0);

  append_offer (out, 2, 4, "link");
  append_entry (out, LP2P__SEND__KIND__LINK, "link", 0, "folder");
  send_append_end (out, 0, &hash);
  append_file (out, "link|file");
}

static void
too_many (GByteArray *out, const char *unused)
{
  append_offer (out, 1, 100, "a");
  append_file (out, "a");
  append_file (out, "b");
}

static void
too_large (GByteArray *out, const char *unused)
{
  append_offer (out, 1, 3, "a");
  append_file (out, "a");
}

static void
too_far_ahead (GByteArray *out, const char *unused)
{
  append_offer (out, 2000, 8000, "a");
  for (guint i = 0; i <= SEND_MAX_ANNOUNCED; i++)
    {
      g_autofree char *name = g_strdup_printf ("a|%u", i);

      append_file (out, name);
    }
}

static void
bad_chunk (GByteArray *out, const char *data)
{
  announce (out, "a");
  append_begin (out, 0, 0);
  append_data (out, data, 0);
}

static void
bad_chunk_hash (GByteArray *out, const char *unused)
{
  announce (out, "a");
  append_begin (out, 0, 0);
  append_data (out, "data", 1);
}

static void
bad_file_hash (GByteArray *out, const char *unused)
{
  SendHash hash = send_hash ("data", 4);

  bad_chunk (out, "data");
  send_append_end (out, 0, &hash);
}

static void
too_short (GByteArray *out, const char *unused)
{
  SendHash hash = send_hash (NULL, 0);

  announce (out, "a");
  append_begin (out, 0, 0);
  send_append_end (out, 0, &hash);
}

/* Fewer chunks than the receiver writes at once. */
static void
cut_short (GByteArray *out, const char *unused)
{
  g_autofree char *chunk = g_strnfill (SEND_CHUNK_SIZE, 'x');
  SendHash hash = send_hash (NULL, 0);

  append_offer (out, 1, 8 * SEND_CHUNK_SIZE, "a");
  append_entry (out, LP2P__SEND__KIND__FILE, "a", 8 * SEND_CHUNK_SIZE, "");
  append_begin (out, 0, 0);
  for (guint i = 0; i < 3; i++)
    append_data (out, chunk, 0);
  send_append_end (out, 0, &hash);
}

static void
no_begin (GByteArray *out, const char *unused)
{
  announce (out, "a");
  append_data (out, "data", 0);
}

static void
bad_offset (GByteArray *out, const char *unused)
{
  announce (out, "a");
  append_begin (out, 0, 4);
}

static void
bad_number (GByteArray *out, const char *unused)
{
  announce (out, "a");
  append_begin (out, 1, 0);
}

static void
nothing (GByteArray *out, const char *path)
{
  announce (out, path);
}

static void
garbage (GByteArray *out, const char *bytes)
{
  append_offer (out, 1, 4, "a");
  g_byte_array_append (out, (const guint8 *) bytes, (guint) strlen (bytes));
}

static void
wrong_side (GByteArray *out, const char *unused)
{
  append_offer (out, 1, 4, "a");
  send_append_nothing (out, SEND_BODY (ACCEPT));
}

static void
second_offer (GByteArray *out, const char *unused)
{
  append_offer (out, 1, 4, "a");
  append_offer (out, 9, 400, "a");
}

static const struct
{
  const char *name;
  void (*make) (GByteArray *out, const char *argument);
  const char *argument;
  const char *answer;
} cases[] = {
  { "parent", bad_path, "..|outside|file", "a component that is . or .." },
  { "parent-inside", bad_path, "a|..|..|file", "a component that is . or .." },
  { "absolute", bad_path, "/tmp/file", "a component with a slash" },
  { "slashes", bad_path, "a/../../file", "a component with a slash" },
  { "empty", bad_path, "|file", "an empty component" },
  { "no-path", bad_path, "", "the path is empty" },
  { "nul", bad_path, "a%b", "a component with a NUL" },
  { "state", bad_path, ".lp2p-receive|identity", "where the receiver keeps its state" },
  { "state-case", bad_path, ".LP2P-RECEIVE|identity", "where the receiver keeps its state" },
  { "other-name", other_name, ".ssh|authorized_keys", "a name that was not offered" },
  { "other-prefix", other_name, "report.pdf.desktop", "a name that was not offered" },
  { "no-list", no_list, "a", "a name that was not offered" },
  { "no-list-folder", no_list, ".config|a", "a name that was not offered" },
  { "link-absolute", bad_link, "/etc", "leads to an absolute path" },
  { "link-out", bad_link, "../outside", "leads out of the target folder" },
  { "link-nowhere", bad_link, "", "leads nowhere" },
  { "behind-link", behind_link, NULL, "a symbolic link is in the way" },
  { "too-many", too_many, NULL, "sends more than it offered" },
  { "too-large", too_large, NULL, "sends more than it offered" },
  { "too-far-ahead", too_far_ahead, NULL, "more than 1024 entries ahead" },
  { "chunk-size", bad_chunk, "dat", "a chunk of another size" },
  { "chunk-hash", bad_chunk_hash, NULL, "a chunk has another hash" },
  { "file-hash", bad_file_hash, NULL, "the file has another hash" },
  { "too-short", too_short, NULL, "ended the file before its end" },
  { "cut-short", cut_short, NULL, "ended the file before its end" },
  { "no-begin", no_begin, NULL, "a chunk of no file" },
  { "offset", bad_offset, NULL, "where it was not asked to" },
  { "number", bad_number, NULL, "another entry than the next one" },
  { "early-finish", nothing, "a", "finished with entries left out" },
  { "folders-ahead", nothing, "a|b|c|file", "finished with entries left out" },
  { "garbage", garbage, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "malformed length" },
  { "no-protobuf", garbage, "\x03\xff\xff\xff", "malformed frame" },
  { "wrong-side", wrong_side, NULL, "that a sender does not send" },
  { "second-offer", second_offer, NULL, "that a sender does not send" },
};

/* What the other side says */

/* Returns whether that was the last it has to say. */
static gboolean
print_frame (const SendFrame *frame)
{
  switch (frame->body_case)
    {
    case SEND_BODY (DECLINE):
    case SEND_BODY (ABORT):
      g_print ("%s\n", frame->abort->text);
      return TRUE;
    case SEND_BODY (REFUSE):
      g_print ("%s\n", frame->refuse->text);
      return FALSE;
    case SEND_BODY (OFFER):
      g_print ("served\n");
      return TRUE;
    default:
      return frame->body_case == SEND_BODY (RESULT);
    }
}

static gboolean
print_frames (SendDecoder *decoder, GByteArray *input)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (input->data, input->len);
  gboolean last = FALSE;
  SendEvent event;

  while (!last && send_decoder_next (decoder, &cursor, &event, NULL) == SEND_INPUT_FRAME)
    {
      last = print_frame (event.frame);
      send_frame_free (event.frame);
    }
  g_byte_array_remove_range (input, 0, input->len - (guint) lp2p_cursor_left (&cursor));
  return last;
}

static void
listen_to (Lp2pStream *stream)
{
  GInputStream *input = g_io_stream_get_input_stream (G_IO_STREAM (stream));
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  SendDecoder decoder = { 0 };
  guint8 buffer[4096];

  for (;;)
    {
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;
      gssize n;

      g_input_stream_read_async (input, buffer, sizeof buffer, G_PRIORITY_DEFAULT, NULL, on_ready,
                                 &result);
      n = g_input_stream_read_finish (input, wait_for (&result), &error);
      if (n <= 0)
        {
          g_print ("over: %s\n", error != NULL ? error->message : "the end");
          return;
        }
      g_byte_array_append (bytes, buffer, (guint) n);
      if (print_frames (&decoder, bytes))
        return;
    }
}

static void
say (Lp2pStream *stream, const GByteArray *out)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (stream)), out->data,
                                   out->len, G_PRIORITY_DEFAULT, NULL, on_ready, &result);
  wait_for (&result);
}

static void
talk (Lp2pStream *stream, GByteArray *out)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (stream)), out->data,
                                   out->len, G_PRIORITY_DEFAULT, NULL, on_ready, &result);
  listen_to (stream);
  wait_for (&result);
}

static int
show_code (const char *text, guint n)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pTicket) ticket =
      lp2p_ticket_open (text, g_get_real_time () / G_USEC_PER_SEC, &error);
  g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  SendFrame frame = LP2P__SEND__FRAME__INIT;
  Lp2p__Send__Request request = LP2P__SEND__REQUEST__INIT;
  g_autoptr (Lp2pHost) host = NULL;
  g_autoptr (Lp2pStream) stream = NULL;

  if (ticket == NULL)
    g_error ("%s", error->message);
  request.code = (ProtobufCBinaryData) { 16, (guint8 *) "0123456789abcdef" };
  frame.body_case = SEND_BODY (REQUEST);
  frame.request = &request;
  send_append_frame (out, &frame);
  host = start (identity, NULL);
  stream = dial (host, lp2p_ticket_get_peer_id (ticket), lp2p_ticket_get_addresses (ticket));
  talk (stream, out);
  for (guint i = 1; i < n; i++)
    {
      g_autoptr (Lp2pStream) next = open_stream (lp2p_stream_get_connection (stream));

      talk (next, out);
    }
  return 0;
}

static void
print_ticket (Lp2pIdentity *identity, GPtrArray *addresses, gint64 created)
{
  g_autoptr (GBytes) code = g_bytes_new_static ("code", 4);
  g_autoptr (Lp2pTicket) ticket =
      lp2p_ticket_new (lp2p_identity_get_peer_id (identity), addresses, code, created, created + 3600);
  g_autofree char *text = lp2p_ticket_seal (ticket, identity, NULL);

  g_print ("%s\n", text);
}

/* A ticket that was made in an hour. */
static int
print_future (void)
{
  g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
  g_autoptr (GPtrArray) addresses = g_ptr_array_new ();

  print_ticket (identity, addresses, g_get_real_time () / G_USEC_PER_SEC + 3600);
  return 0;
}

/* @key: (nullable): a file; without one, somebody whom nobody knows */
static Lp2pStream *
dial_as (Lp2pHost **host, const char *text, const char *key)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = key != NULL
                                          ? lp2p_identity_load_file (key, LP2P_IDENTITY_FILE_NONE, &error)
                                          : lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, &error);
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (Lp2pPeerId) peer = lp2p_peer_id_from_multiaddr (address);
  g_autoptr (GPtrArray) addresses = g_ptr_array_new ();

  if (identity == NULL)
    g_error ("%s", error->message);
  g_ptr_array_add (addresses, address);
  *host = start (identity, NULL);
  return dial (*host, peer, addresses);
}

static int
run_case (gsize i, const char *text, const char *key)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (Lp2pHost) host = NULL;
  g_autoptr (Lp2pStream) stream = dial_as (&host, text, key);

  cases[i].make (out, cases[i].argument);
  send_append_nothing (out, SEND_BODY (FINISH));
  talk (stream, out);
  return 0;
}

/* Sends so many bytes of what a file of 4 bytes takes, whose name is that number in three
 * digits, and is gone, unless that is all of it. Without @text, tells how many there are. */
static int
cut (const char *size, const char *text, const char *key)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (Lp2pHost) host = NULL;
  g_autoptr (Lp2pStream) stream = NULL;

  append_offer (out, 1, 4, size != NULL ? size : "000");
  append_file (out, size != NULL ? size : "000");
  append_content (out, "data");
  send_append_nothing (out, SEND_BODY (FINISH));
  if (text == NULL)
    {
      g_print ("%u\n", out->len);
      return 0;
    }
  stream = dial_as (&host, text, key);
  if (g_ascii_strtoull (size, NULL, 10) >= out->len)
    {
      talk (stream, out);
      return 0;
    }
  g_byte_array_set_size (out, (guint) g_ascii_strtoull (size, NULL, 10));
  say (stream, out);
  return 0;
}

/* Says nothing more, or goes as a process goes that is killed. */
static void
stop (const char *how)
{
  g_print ("%s\n", how);
  while (g_str_equal (how, "silent"))
    g_main_context_iteration (NULL, TRUE);
  _exit (0);
}

/* Returns the number of the first stream on which the other side said something, or which it
 * ended. */
static guint
wait_for_any (GPtrArray *streams)
{
  for (;;)
    {
      for (guint i = 0; i < streams->len; i++)
        {
          GInputStream *input = g_io_stream_get_input_stream (g_ptr_array_index (streams, i));

          if (g_pollable_input_stream_is_readable (G_POLLABLE_INPUT_STREAM (input)))
            return i;
        }
      g_main_context_iteration (NULL, TRUE);
    }
}

/* Says nothing at first, and tells which of them had to go; then the first one sends a file. */
static int
crowd (const char *text, const char *key, guint n)
{
  g_autoptr (GPtrArray) hosts = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GPtrArray) streams = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  Lp2pStream *first;

  while (streams->len < n)
    {
      Lp2pHost *host = NULL;

      g_ptr_array_add (streams, dial_as (&host, text, streams->len == 0 ? key : NULL));
      g_ptr_array_add (hosts, host);
    }
  first = g_ptr_array_index (streams, 0);
  g_print ("turned away: %u\n", wait_for_any (streams) + 1);
  announce (out, "a");
  append_content (out, "data");
  send_append_nothing (out, SEND_BODY (FINISH));
  talk (first, out);
  return 0;
}

/* Stands at the door until it is killed. */
static void
renew (const char *text, const char *key, guint n)
{
  g_autoptr (GPtrArray) streams = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (Lp2pHost) host = NULL;

  g_ptr_array_add (streams, dial_as (&host, text, key));
  while (streams->len < n)
    g_ptr_array_add (streams, open_stream (lp2p_stream_get_connection (g_ptr_array_index (streams, 0))));
  wait_for_any (streams);
  stop ("silent");
}

/* Those that listen, and come to their end before the transfer does */

static void
on_visit (Lp2pStream *stream, gpointer user_data)
{
  Lp2pStream **kept = user_data;

  if (*kept == NULL)
    *kept = g_object_ref (stream);
}

/* Tells where it listens, with a ticket or without, and waits for a stream. */
static Lp2pStream *
wait_visit (Lp2pHost **host, gboolean with_ticket)
{
  g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
  g_autoptr (GPtrArray) addresses = NULL;
  Lp2pStream *stream = NULL;

  *host = start (identity, "[host]\nlisten=['/ip4/127.0.0.1/tcp/0']\n");
  lp2p_host_set_stream_handler (*host, SEND_PROTOCOL, LP2P_HANDLER_NONE, on_visit, &stream, NULL);
  addresses = lp2p_host_dup_listen_addresses (*host);
  if (with_ticket)
    print_ticket (identity, addresses, g_get_real_time () / G_USEC_PER_SEC);
  else
    g_print ("%s\n", lp2p_multiaddr_get_string (g_ptr_array_index (addresses, 0)));
  while (stream == NULL)
    g_main_context_iteration (NULL, TRUE);
  return stream;
}

/* Sends so many bytes of a file of some chunks. */
static void
offer (guint64 size, const char *how)
{
  g_autofree char *chunk = g_strnfill (SEND_CHUNK_SIZE, 'x');
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (Lp2pHost) host = NULL;
  g_autoptr (Lp2pStream) stream = wait_visit (&host, TRUE);

  append_offer (out, 1, 9 * SEND_CHUNK_SIZE, "a");
  append_entry (out, LP2P__SEND__KIND__FILE, "a", 9 * SEND_CHUNK_SIZE, "");
  append_begin (out, 0, 0);
  for (guint i = 0; i < 9; i++)
    append_data (out, chunk, 0);
  g_byte_array_set_size (out, (guint) MIN (size, out->len));
  say (stream, out);
  stop (how);
}

/* What a receiver answers that wants all there is. Returns whether it has no more to say. */
static gboolean
answer (const SendFrame *frame, guint64 *n_entries, GByteArray *out)
{
  Lp2p__Send__Want want = LP2P__SEND__WANT__INIT;
  Lp2p__Send__Result result = LP2P__SEND__RESULT__INIT;

  switch (frame->body_case)
    {
    case SEND_BODY (OFFER):
      send_append_nothing (out, SEND_BODY (ACCEPT));
      break;
    case SEND_BODY (ENTRY):
      want.entry = (*n_entries)++;
      send_append (out, SEND_BODY (WANT), &want);
      break;
    case SEND_BODY (FINISH):
      result.stored = *n_entries;
      send_append (out, SEND_BODY (RESULT), &result);
      break;
    default:
      break;
    }
  return frame->body_case == SEND_BODY (FINISH);
}

/* Reads so many bytes, and answers them as long as it has said no more than so many. Prints
 * "whole" if that was all. */
static void
take (guint64 n_read, guint64 n_said, const char *how)
{
  g_autoptr (Lp2pHost) host = NULL;
  g_autoptr (Lp2pStream) stream = wait_visit (&host, FALSE);
  GInputStream *input = g_io_stream_get_input_stream (G_IO_STREAM (stream));
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  SendDecoder decoder = { 0 };
  guint64 n_entries = 0;
  guint8 buffer[4096];

  while (n_read > 0 && n_said > 0)
    {
      g_autoptr (GByteArray) out = g_byte_array_new ();
      g_autoptr (GAsyncResult) result = NULL;
      Lp2pCursor cursor;
      SendEvent event;
      SendInput found;
      gboolean last = FALSE;
      gssize n;

      g_input_stream_read_async (input, buffer, MIN (sizeof buffer, n_read), G_PRIORITY_DEFAULT, NULL, on_ready,
                                 &result);
      n = g_input_stream_read_finish (input, wait_for (&result), NULL);
      /* The sender has all that it wants. */
      if (n <= 0)
        break;
      n_read -= (guint64) n;
      g_byte_array_append (bytes, buffer, (guint) n);
      lp2p_cursor_init (&cursor, bytes->data, bytes->len);
      while ((found = send_decoder_next (&decoder, &cursor, &event, NULL)) != SEND_INPUT_MORE)
        if (found == SEND_INPUT_FRAME)
          {
            last = answer (event.frame, &n_entries, out);
            send_frame_free (event.frame);
          }
      g_byte_array_remove_range (bytes, 0, bytes->len - (guint) lp2p_cursor_left (&cursor));
      last = last && out->len <= n_said;
      g_byte_array_set_size (out, (guint) MIN (n_said, out->len));
      n_said -= out->len;
      say (stream, out);
      if (last)
        g_print ("whole\n");
    }
  stop (how);
}

static void
early (void)
{
  g_autoptr (Lp2pHost) host = NULL;
  g_autoptr (Lp2pStream) stream = wait_visit (&host, FALSE);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  Lp2p__Send__Result result = LP2P__SEND__RESULT__INIT;

  send_append_nothing (out, SEND_BODY (ACCEPT));
  send_append (out, SEND_BODY (RESULT), &result);
  say (stream, out);
  stop ("silent");
}

int
main (int argc, char **argv)
{
  if (argc == 2 && g_str_equal (argv[1], "early"))
    early ();
  if (argc == 4 && g_str_equal (argv[1], "offer"))
    offer (g_ascii_strtoull (argv[2], NULL, 10), argv[3]);
  if (argc == 5 && g_str_equal (argv[1], "take"))
    take (g_ascii_strtoull (argv[2], NULL, 10), g_ascii_strtoull (argv[3], NULL, 10), argv[4]);
  if (argc == 2 && g_str_equal (argv[1], "list"))
    {
      for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
        g_print ("%s\t%s\n", cases[i].name, cases[i].answer);
      return 0;
    }
  if (argc == 4 && g_str_equal (argv[1], "code"))
    return show_code (argv[2], (guint) g_ascii_strtoull (argv[3], NULL, 10));
  if (argc == 2 && g_str_equal (argv[1], "future"))
    return print_future ();
  if ((argc == 2 || argc == 5) && g_str_equal (argv[1], "cut"))
    return cut (argc == 5 ? argv[4] : NULL, argc == 5 ? argv[2] : NULL, argc == 5 ? argv[3] : NULL);
  if (argc == 5 && g_str_equal (argv[1], "renew"))
    renew (argv[2], argv[3], (guint) g_ascii_strtoull (argv[4], NULL, 10));
  if (argc == 5 && g_str_equal (argv[1], "crowd"))
    return crowd (argv[2], argv[3], (guint) g_ascii_strtoull (argv[4], NULL, 10));
  for (gsize i = 0; argc == 4 && i < G_N_ELEMENTS (cases); i++)
    if (g_str_equal (argv[1], cases[i].name))
      return run_case (i, argv[2], argv[3]);
  g_printerr ("usage: hostile list | CASE ADDRESS KEY | code TICKET N | future | cut [ADDRESS KEY BYTES] |\n"
              "       hostile crowd ADDRESS KEY N | renew ADDRESS KEY N | offer BYTES HOW | early | take BYTES BYTES HOW\n");
  return 2;
}
