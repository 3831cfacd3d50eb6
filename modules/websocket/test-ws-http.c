/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-http.h"

#include <gio/gio.h>
#include <string.h>

/* The example of RFC 6455, 1.3. */
static const guint8 nonce[LP2P_WS_NONCE_SIZE] = "the sample nonce";
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ANSWER "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define STATUS "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
#define ACCEPT "Sec-WebSocket-Accept: " ANSWER "\r\n"
#define END "\r\n"
#define GOOD STATUS UPGRADE CONNECTION ACCEPT

static void
test_key (void)
{
  g_autofree char *key = lp2p_ws_key_new (nonce);
  g_autofree char *answer = lp2p_ws_key_answer (key);

  g_assert_cmpstr (key, ==, KEY);
  g_assert_cmpstr (answer, ==, ANSWER);
}

static void
test_request (void)
{
  const Lp2pWsRequest plain = { .host = "example.com" };
  const Lp2pWsRequest full = { "[::1]:4001", "/room/1?a=b" };
  g_autoptr (GString) out = g_string_new ("before");
  g_autoptr (GError) error = NULL;

  lp2p_ws_request_write (&plain, KEY, out, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (out->str, ==,
                   "beforeGET / HTTP/1.1\r\n"
                   "Host: example.com\r\n"
                   "Upgrade: websocket\r\n"
                   "Connection: Upgrade\r\n"
                   "Sec-WebSocket-Key: " KEY "\r\n"
                   "Sec-WebSocket-Version: 13\r\n"
                   "\r\n");

  g_string_truncate (out, 0);
  lp2p_ws_request_write (&full, KEY, out, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (out->str, ==,
                   "GET /room/1?a=b HTTP/1.1\r\n"
                   "Host: [::1]:4001\r\n"
                   "Upgrade: websocket\r\n"
                   "Connection: Upgrade\r\n"
                   "Sec-WebSocket-Key: " KEY "\r\n"
                   "Sec-WebSocket-Version: 13\r\n"
                   "\r\n");
}

static void
test_paths (void)
{
  static const struct
  {
    const char *path;
    const char *target;
  } paths[] = {
    { "", "/" },
    { "a", "/a" },
    { "/a/b", "/a/b" },
    { "a b", "/a%20b" },
    { "a%20b", "/a%20b" },
    { "100%", "/100%25" },
    { "100%zz", "/100%25zz" },
    { "a#b", "/a%23b" },
    { "a\r\nX: y", "/a%0D%0AX:%20y" },
    { "b\xc3\xbc" "cher", "/b%C3%BCcher" },
    { "a?b=c&d[]", "/a?b=c&d%5B%5D" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      const Lp2pWsRequest request = { .host = "h", .path = paths[i].path };
      g_autoptr (GString) out = g_string_new (NULL);
      g_autofree char *line = g_strdup_printf ("GET %s HTTP/1.1\r\nHost: h\r\n", paths[i].target);

      g_assert_true (lp2p_ws_request_write (&request, KEY, out, NULL));
      g_assert_true (g_str_has_prefix (out->str, line));
    }
}

/* Nobody gets a line of his own into a request. */
static void
test_bad_requests (void)
{
  static const struct
  {
    Lp2pWsRequest request;
    const char *message;
  } bad[] = {
    { { .host = "" }, "WebSocket: \"\" is not the name of a host" },
    { { .host = "a b" }, "WebSocket: \"a b\" is not the name of a host" },
    { { .host = "a/b" }, "WebSocket: \"a/b\" is not the name of a host" },
    { { .host = "a\r\nb" }, "WebSocket: \"a\\x0d\\x0ab\" is not the name of a host" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GString) out = g_string_new ("before");
      g_autoptr (GError) error = NULL;

      g_assert_false (lp2p_ws_request_write (&bad[i].request, KEY, out, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_assert_cmpstr (error->message, ==, bad[i].message);
      g_assert_cmpstr (out->str, ==, "before");
    }
}

/* Returns: how much of the answer was read */
static gsize
read_reply (const char *text, gsize size, gsize chunk, Lp2pWsReplyStatus *status, GError **error)
{
  g_autoptr (Lp2pWsReply) reply = lp2p_ws_reply_new (KEY);
  gsize at = 0;

  *status = LP2P_WS_REPLY_MORE;
  while (at < size && *status == LP2P_WS_REPLY_MORE)
    {
      gsize n = MIN (chunk, size - at);
      g_autofree guint8 *bytes = g_memdup2 (text + at, n);
      gsize used;

      *status = lp2p_ws_reply_input (reply, bytes, n, &used, error);
      g_assert_cmpuint (used, <=, n);
      if (*status == LP2P_WS_REPLY_MORE)
        g_assert_cmpuint (used, ==, n);
      at += used;
    }
  return at;
}

static void
test_good (void)
{
  static const char *const good[] = {
    GOOD END,
    "HTTP/1.1 101\r\n" UPGRADE CONNECTION ACCEPT END,
    "HTTP/1.1 101 \r\n" UPGRADE CONNECTION ACCEPT END,
    "HTTP/1.1 101 Whatever \xfc\r\n" UPGRADE CONNECTION ACCEPT END,
    STATUS "upgrade:WebSocket\r\nCONNECTION:\tkeep-alive ,\tuPGRADE \r\nSEC-WEBSOCKET-ACCEPT:  " ANSWER "  \r\n" END,
    STATUS "Server: x\r\n" ACCEPT CONNECTION "Date: now\r\n" UPGRADE "X-Empty:\r\n" END,
    STATUS "Connection: keep-alive\r\n" CONNECTION UPGRADE ACCEPT END,
    GOOD "Sec-WebSocket-Extensions:\r\nSec-WebSocket-Protocol: \r\n" END,
    GOOD "Content-Length: 0\r\n" END,
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" GOOD END,
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" GOOD END,
  };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      /* What comes behind is of no concern, even if it looks like more of the same. */
      g_autofree char *text = g_strconcat (good[i], "\x82\x01\r\n\r\n", NULL);

      for (gsize chunk = 1; chunk <= strlen (text); chunk++)
        {
          g_autoptr (GError) error = NULL;
          Lp2pWsReplyStatus status;
          gsize used = read_reply (text, strlen (text), chunk, &status, &error);

          g_assert_no_error (error);
          g_assert_cmpint (status, ==, LP2P_WS_REPLY_DONE);
          g_assert_cmpuint (used, ==, strlen (good[i]));
        }
    }
}

static void
check_bad (const char *text, gsize size, Lp2pError code, const char *message)
{
  for (gsize chunk = 1; chunk <= size; chunk += chunk < 20 ? 1 : 1000)
    {
      g_autoptr (GError) error = NULL;
      Lp2pWsReplyStatus status;

      read_reply (text, size, chunk, &status, &error);
      g_assert_cmpint (status, ==, LP2P_WS_REPLY_FAILED);
      g_assert_error (error, LP2P_ERROR, (int) code);
      if (message != NULL)
        g_assert_cmpstr (error->message, ==, message);
    }
}

static void
test_bad (void)
{
  static const struct
  {
    const char *text;
    const char *message;
  } bad[] = {
    { "HTTP/1.1 1O1 Switching Protocols\r\n",
      "WebSocket: the answer has a malformed status line: \"HTTP/1.1 1O1 Switching Protocols\"" },
    { "HTTP/1.1 1011\r\n", "WebSocket: the answer has a malformed status line: \"HTTP/1.1 1011\"" },
    { "HTTP/1.1 10\r\n", "WebSocket: the answer has a malformed status line: \"HTTP/1.1 10\"" },
    { "HTTP/1.1 001 x\r\n", "WebSocket: the answer has a malformed status line: \"HTTP/1.1 001 x\"" },
    { "HTTP/1.1 \r\n", "WebSocket: the answer has a malformed status line: \"HTTP/1.1 \"" },
    { "HTTP/1.1 101 a\rb\r\n", "WebSocket: the answer has a malformed status line: \"HTTP/1.1 101 a\\x0db\"" },
    { "HTTP/1.1 101 a\n", "WebSocket: a line of the answer does not end in CR LF: \"HTTP/1.1 101 a\"" },
    { STATUS "\n", "WebSocket: a line of the answer does not end in CR LF: \"\"" },
    { STATUS " Upgrade: websocket\r\n",
      "WebSocket: the answer has a header that goes on in the next line: \" Upgrade: websocket\"" },
    { STATUS "X-Folded: a\r\n\tb\r\n",
      "WebSocket: the answer has a header that goes on in the next line: \"\\x09b\"" },
    { STATUS "Upgrade\r\n", "WebSocket: the answer has a malformed header: \"Upgrade\"" },
    { STATUS "Upgrade : websocket\r\n", "WebSocket: the answer has a malformed header: \"Upgrade : websocket\"" },
    { STATUS ": websocket\r\n", "WebSocket: the answer has a malformed header: \": websocket\"" },
    { STATUS "X-Bell: \a\r\n", "WebSocket: the answer has a malformed header: \"X-Bell: \\x07\"" },
    { STATUS "X-Cr: a\rb\r\n", "WebSocket: the answer has a malformed header: \"X-Cr: a\\x0db\"" },
    { STATUS "X-Del: \x7f\r\n", "WebSocket: the answer has a malformed header: \"X-Del: \\x7f\"" },
    { STATUS "Upgrade: h2c\r\n", "WebSocket: the server switches to another protocol: \"h2c\"" },
    { STATUS "Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==\r\n",
      "WebSocket: the server answers another key than was sent: \"dGhlIHNhbXBsZSBub25jZQ==\"" },
    { STATUS ACCEPT ACCEPT, "WebSocket: the server answers the key twice: \"" ANSWER "\"" },
    { GOOD "Sec-WebSocket-Extensions: permessage-deflate\r\n",
      "WebSocket: the server uses extensions, but none were offered: \"permessage-deflate\"" },
    { GOOD "Sec-WebSocket-Protocol: chat\r\n",
      "WebSocket: the server chose a subprotocol, but none was offered: \"chat\"" },
    { GOOD "Transfer-Encoding: chunked\r\n",
      "WebSocket: the server sends a document with the upgrade, its length is told as: \"chunked\"" },
    { GOOD "Content-Length: 7\r\n",
      "WebSocket: the server sends a document with the upgrade, its length is told as: \"7\"" },
    { STATUS CONNECTION ACCEPT END,
      "WebSocket: the server switches protocols, but its answer lacks the header Upgrade: websocket" },
    { STATUS UPGRADE ACCEPT END,
      "WebSocket: the server switches protocols, but its answer lacks the header Connection: Upgrade" },
    { STATUS UPGRADE "Connection: keep-alive\r\n" ACCEPT END,
      "WebSocket: the server switches protocols, but its answer lacks the header Connection: Upgrade" },
    { STATUS UPGRADE CONNECTION END,
      "WebSocket: the server switches protocols, but its answer lacks the header Sec-WebSocket-Accept" },
    /* Headers of an answer before the last do not count. */
    { "HTTP/1.1 103 x\r\n" UPGRADE CONNECTION ACCEPT END STATUS END,
      "WebSocket: the server switches protocols, but its answer lacks the header Upgrade: websocket" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    check_bad (bad[i].text, strlen (bad[i].text), LP2P_ERROR_PROTOCOL, bad[i].message);
  check_bad ("HTTP/1.1 101\0 x\r\n", 17, LP2P_ERROR_PROTOCOL, NULL);
  check_bad (STATUS "X\0Y: a\r\n", strlen (STATUS) + 8, LP2P_ERROR_PROTOCOL, NULL);
  check_bad (STATUS "X: a\0b\r\n", strlen (STATUS) + 8, LP2P_ERROR_PROTOCOL, NULL);
}

/* A protocol that is none of ours may never end a line. */
static void
test_no_http (void)
{
  static const struct
  {
    const char *text;
    gsize size;
  } other[] = {
    { "\x13/multistream/1.0.0\n", 20 },
    { "\x15\x03\x01\x00\x02\x02\x46", 7 },
    { "HTTP/1.0 200 OK\r\n\r\n", 19 },
    { "HTTP/2 101", 10 },
    { "http/1.1 101", 12 },
    { "\r\nHTTP/1.1 101", 14 },
    { "SSH-2.0-x\r\n", 11 },
    { "\0", 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (other); i++)
    {
      g_autoptr (GError) error = NULL;
      Lp2pWsReplyStatus status;

      check_bad (other[i].text, other[i].size, LP2P_ERROR_PROTOCOL, NULL);
      g_assert_cmpuint (read_reply (other[i].text, other[i].size, 1, &status, &error), <, 9);
      g_assert_true (g_str_has_prefix (error->message, "WebSocket: the server does not answer in HTTP/1.1: \""));
    }
}

static void
test_other_answers (void)
{
  static const struct
  {
    const char *text;
    const char *message;
  } other[] = {
    /* Of these, nothing but the first line is needed. */
    { "HTTP/1.1 404 Not Found\r\n", "WebSocket: the server answered 404 \"Not Found\"; 101 was expected" },
    { "HTTP/1.1 200 OK\r\n", "WebSocket: the server answered 200 \"OK\"; 101 was expected" },
    { "HTTP/1.1 503\r\n", "WebSocket: the server answered 503 \"\"; 101 was expected" },
    { "HTTP/1.1 401 \x1b[31m\r\n", NULL },
    { "HTTP/1.1 301 Moved\r\nDate: now\r\nlocation: https://other/\r\n\r\n",
      "WebSocket: the server answered 301 \"Moved\" and names \"https://other/\", but redirections are not followed" },
    { "HTTP/1.1 304 Not Modified\r\n\r\n",
      "WebSocket: the server answered 304 \"Not Modified\"; 101 was expected" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (other); i++)
    if (other[i].message != NULL)
      check_bad (other[i].text, strlen (other[i].text), LP2P_ERROR_HANDSHAKE, other[i].message);
    else
      check_bad (other[i].text, strlen (other[i].text), LP2P_ERROR_PROTOCOL, NULL);
}

static void
append_headers (GString *text, guint n)
{
  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "X-%u: y\r\n", i);
}

static void
test_limits (void)
{
  g_autoptr (GString) text = g_string_new (GOOD);
  g_autofree char *many = NULL;
  g_autofree char *long_line = g_strnfill (100 * 1024, 'x');
  Lp2pWsReplyStatus status;

  append_headers (text, LP2P_WS_MAX_HEADERS - 3);
  many = g_strconcat (text->str, END, NULL);
  read_reply (many, strlen (many), 1000, &status, NULL);
  g_assert_cmpint (status, ==, LP2P_WS_REPLY_DONE);
  append_headers (text, 1);
  check_bad (text->str, text->len, LP2P_ERROR_PROTOCOL, "WebSocket: the answer has more than 64 headers");

  /* As much as there may be. */
  g_string_assign (text, GOOD "X: ");
  g_string_append_len (text, long_line, LP2P_WS_MAX_HEAD - text->len - 4);
  g_string_append (text, END END);
  g_assert_cmpuint (text->len, ==, LP2P_WS_MAX_HEAD);
  read_reply (text->str, text->len, 1, &status, NULL);
  g_assert_cmpint (status, ==, LP2P_WS_REPLY_DONE);
  g_string_insert_c (text, strlen (GOOD "X: "), 'x');
  check_bad (text->str, text->len, LP2P_ERROR_PROTOCOL, "WebSocket: the answer has more than 8192 bytes");

  /* Answers that are not final count all together. */
  g_string_assign (text, "");
  for (guint i = 0; i < LP2P_WS_MAX_HEAD / 20; i++)
    g_string_append (text, "HTTP/1.1 100 x\r\n\r\n");
  g_string_append (text, GOOD END);
  g_assert_cmpuint (text->len, <, LP2P_WS_MAX_HEAD);
  read_reply (text->str, text->len, 1000, &status, NULL);
  g_assert_cmpint (status, ==, LP2P_WS_REPLY_DONE);
  for (guint i = 0; i < 50; i++)
    g_string_prepend (text, "HTTP/1.1 100 x\r\n\r\n");
  check_bad (text->str, text->len, LP2P_ERROR_PROTOCOL, "WebSocket: the answer has more than 8192 bytes");

  /* Whether there is an end of the line or not. */
  g_string_assign (text, "HTTP/1.1 101 ");
  g_string_append (text, long_line);
  check_bad (text->str, text->len, LP2P_ERROR_PROTOCOL, "WebSocket: the answer has more than 8192 bytes");
}

/* Once it has failed or ended it stays so. */
static void
test_after_end (void)
{
  static const char *const texts[] = { GOOD END, "SSH-2.0" };
  static const Lp2pWsReplyStatus expected[] = { LP2P_WS_REPLY_DONE, LP2P_WS_REPLY_FAILED };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (Lp2pWsReply) reply = lp2p_ws_reply_new (KEY);
      gsize used;

      lp2p_ws_reply_input (reply, (const guint8 *) texts[i], strlen (texts[i]), &used, NULL);
      g_assert_cmpint (lp2p_ws_reply_input (reply, (const guint8 *) "more", 4, &used, NULL), ==, expected[i]);
      g_assert_cmpuint (used, ==, 0);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ws-http/key", test_key);
  g_test_add_func ("/ws-http/request", test_request);
  g_test_add_func ("/ws-http/paths", test_paths);
  g_test_add_func ("/ws-http/bad-requests", test_bad_requests);
  g_test_add_func ("/ws-http/good", test_good);
  g_test_add_func ("/ws-http/bad", test_bad);
  g_test_add_func ("/ws-http/no-http", test_no_http);
  g_test_add_func ("/ws-http/other-answers", test_other_answers);
  g_test_add_func ("/ws-http/limits", test_limits);
  g_test_add_func ("/ws-http/after-end", test_after_end);
  return g_test_run ();
}
