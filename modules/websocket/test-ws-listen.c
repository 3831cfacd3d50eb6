/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a port does with what comes in, beyond what is asked of all in tests/contract. */

#include <malloc.h>
#include <string.h>

#include "test-log.h"
#include "ws-fixture.h"

/* What a request may have. */
#define MAX_HEAD (16 * 1024)

static void
assert_answer (WsFixture *f, const char *request, const char *status, const char *text)
{
  g_autofree char *answer = ws_fixture_ask (f, request);

  g_test_message ("%s", answer);
  g_assert_true (g_str_has_prefix (answer, status));
  g_assert_nonnull (strstr (answer, text));
  test_until (f->world, f->context->n_half_open == 0);
  g_assert_cmpuint (f->context->inbound.length, ==, 0);
}

/* The connection ends without any. */
static void
assert_no_answer (WsFixture *f, Lp2pLayer *layer)
{
  g_autofree char *answer = ws_fixture_read_all (f, layer);

  g_assert_cmpstr (answer, ==, "");
}

/* HTTP */

static void
test_http (WsFixture *f, gconstpointer data)
{
  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/ws/http-path/a%20b");

  assert_answer (f, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 ", "This port is for libp2p");
  assert_answer (f, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 ", "libp2p");
  assert_answer (f, "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 ", "");
  assert_answer (f, "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
                 "HTTP/1.1 200 ", "This port is for libp2p");
  assert_answer (f, "GET / HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-1,3-4\r\n\r\n", "HTTP/1.1 200 ",
                 "This port is for libp2p");
  assert_answer (f, "GET /b HTTP/1.1\r\n" WS_UPGRADE "\r\n", "HTTP/1.1 404 ", "libp2p");
  assert_answer (f,
                 "GET /a%20b HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: " WS_KEY "\r\n\r\n",
                 "HTTP/1.1 426 ", "Sec-WebSocket-Version: 13");
  assert_answer (f,
                 "GET /a%20b HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
                 "HTTP/1.1 400 ", "");
  assert_answer (f, "no HTTP at all\r\n\r\n", "", "");
}

static void
test_large_head (WsFixture *f, gconstpointer data)
{
  g_autofree char *large = g_strnfill (200 * 1024, 'a');
  g_autofree char *request = g_strconcat ("GET / HTTP/1.1\r\nHost: localhost\r\nX: ", large, "\r\n\r\n", NULL);

  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  assert_answer (f, request, "", "");
}

/* A request of so many bytes, without the empty line in its end. */
static char *
make_head (gsize size)
{
  static const char start[] = "GET / HTTP/1.1\r\nHost: localhost\r\nX: ";
  g_autofree char *rest = g_strnfill (size - strlen (start), 'a');

  return g_strconcat (start, rest, NULL);
}

/* Headers have a bound of ours. */
static void
test_head (WsFixture *f, gconstpointer data)
{
  g_autofree char *fits = make_head (MAX_HEAD - 4);
  g_autofree char *request = g_strconcat (fits, "\r\n\r\n", NULL);
  g_autofree char *too_large = make_head (MAX_HEAD + 1);

  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  assert_answer (f, request, "HTTP/1.1 200 ", "This port is for libp2p");
  assert_answer (f, too_large, "", "");
}

/* It does not hold for what comes behind them. */
static void
test_large_early (WsFixture *f, gconstpointer data)
{
  enum { SIZE = 3 * MAX_HEAD };
  static const char start[] = "GET / HTTP/1.1\r\n" WS_UPGRADE "\r\n\x82\xfe\xc0";
  g_autofree guint8 *sent = g_malloc0 (strlen (start) + 1 + 4 + SIZE);
  g_autofree char *buffer = g_malloc (SIZE);
  g_autoptr (Lp2pRawConnection) raw = NULL;
  g_autoptr (Lp2pLayer) layer = NULL;
  gsize received = 0;

  G_STATIC_ASSERT (SIZE == 0xc000);
  memcpy (sent, start, strlen (start));
  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  layer = ws_fixture_connect_bytes (f);
  g_assert_cmpint (lp2p_layer_write (layer, sent, strlen (start) + 1 + 4 + SIZE, LP2P_WRITE_NONE), ==,
                   strlen (start) + 1 + 4 + SIZE);
  test_until (f->world, (raw = test_context_take_inbound (f->context)) != NULL);
  lp2p_layer_want (raw->layer, LP2P_READY_READ);
  while (received < SIZE)
    {
      gssize n;

      test_until (f->world, (n = lp2p_layer_read (raw->layer, buffer, SIZE)) != LP2P_IO_AGAIN);
      g_assert_cmpint (n, >, 0);
      received += n;
    }
  g_assert_cmpuint (received, ==, SIZE);
}

enum { MANY = 200, MOST_EACH = 64 * 1024 };

/* Returns: the memory that they took */
static gsize
send_many_heads (WsFixture *f)
{
  g_autofree char *head = make_head (MAX_HEAD - 1);
  Lp2pLayer *layers[MANY];
  gsize taken;

  for (guint i = 0; i < MANY; i++)
    layers[i] = ws_fixture_begin (f, head);
  test_until (f->world, f->context->n_half_open == MANY);
  test_world_settle (f->world);
  g_assert_cmpint (f->context->n_half_open, ==, MANY);
  taken = mallinfo2 ().uordblks;
  ws_fixture_assert_dial (f, "/ws", NULL);

  for (guint i = 0; i < MANY; i++)
    {
      lp2p_layer_write (layers[i], head, MAX_HEAD - 1, LP2P_WRITE_NONE);
      assert_no_answer (f, layers[i]);
      lp2p_layer_free (layers[i]);
    }
  test_world_settle (f->world);
  g_assert_cmpint (f->context->n_half_open, ==, 0);
  test_log_clear ();
  return taken;
}

/* Many at once that send as much as they may and wait, then more: meanwhile others are
 * served, and all of the memory comes back, to whoever keeps it for the next ones. */
static void
test_many_heads (WsFixture *f, gconstpointer data)
{
  gsize before;
  gsize taken;

  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  send_many_heads (f);
  before = mallinfo2 ().uordblks;
  taken = send_many_heads (f);
  g_test_message ("%" G_GSIZE_FORMAT " bytes each", (taken - before) / MANY);
  g_assert_cmpuint (taken, <, before + MANY * MOST_EACH);
  g_assert_cmpuint (mallinfo2 ().uordblks, <, before + MOST_EACH);
}

/* Bodies that never end are given up with their first bytes, and nobody is let in. */
static void
test_body (WsFixture *f, gconstpointer data)
{
  static const char *const requests[] = {
    "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\na",
    "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n",
    "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
    "POST /absent HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n",
    "GET / HTTP/1.1\r\n" WS_UPGRADE "Content-Length: 99999999999\r\n\r\na",
    "GET / HTTP/1.1\r\n" WS_UPGRADE "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n",
  };

  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      g_autofree char *answer = ws_fixture_ask (f, requests[i]);

      g_assert_cmpstr (answer, ==, "");
      g_assert_cmpint (f->context->n_half_open, ==, 0);
      g_assert_cmpuint (f->context->inbound.length, ==, 0);
    }
}

/* The client does not wait for the answer, and waits for nothing else. */
static void
test_early (WsFixture *f, gconstpointer data)
{
  g_autoptr (Lp2pRawConnection) raw = NULL;
  g_autoptr (Lp2pLayer) layer = NULL;
  GString *answer = g_string_new (NULL);
  char buffer[10];
  gssize n;

  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  layer = ws_fixture_begin (f, "GET / HTTP/1.1\r\n" WS_UPGRADE
                               "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
                               "\x82\x83zzzz\x12\x1f\x16");
  test_until (f->world, (raw = test_context_take_inbound (f->context)) != NULL);
  lp2p_layer_want (raw->layer, LP2P_READY_READ);
  test_until (f->world, (n = lp2p_layer_read (raw->layer, buffer, sizeof buffer)) != LP2P_IO_AGAIN);
  g_assert_cmpmem (buffer, n, "hel", 3);

  test_until (f->world, !ws_fixture_read_more (layer, answer) && strstr (answer->str, "\r\n\r\n") != NULL);
  g_assert_true (g_str_has_prefix (answer->str, "HTTP/1.1 101 "));
  g_assert_nonnull (strstr (answer->str, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  g_assert_null (strstr (answer->str, "deflate"));
  g_string_free (answer, TRUE);
}

/* The peer learns what was wrong, although the connection is given up at once. */
static void
test_close_code (WsFixture *f, gconstpointer data)
{
  g_autoptr (Lp2pRawConnection) raw = NULL;
  g_autoptr (Lp2pLayer) layer = NULL;
  GString *answer = g_string_new (NULL);
  const char *frame;
  char byte;
  gssize n;

  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  layer = ws_fixture_begin (f, "GET / HTTP/1.1\r\n" WS_UPGRADE "\r\n\x82\x03not masked");
  test_until (f->world, (raw = test_context_take_inbound (f->context)) != NULL);
  lp2p_layer_want (raw->layer, LP2P_READY_READ);
  test_until (f->world, (n = lp2p_layer_read (raw->layer, &byte, 1)) != LP2P_IO_AGAIN);
  g_assert_cmpint (n, ==, LP2P_IO_FAILED);
  lp2p_layer_abort (raw->layer, 0);

  test_until (f->world, ws_fixture_read_more (layer, answer));
  frame = strstr (answer->str, "\r\n\r\n");
  g_assert_nonnull (frame);
  g_assert_cmpint ((guint8) frame[4], ==, 0x88);
  g_assert_cmpmem (frame + 6, 2, "\x03\xea", 2);
  g_string_free (answer, TRUE);
}

/* Whoever is slow is given up. */
static void
test_slow (WsFixture *f, gconstpointer data)
{
  g_autoptr (Lp2pLayer) silent = NULL;
  g_autoptr (Lp2pLayer) half = NULL;

  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  silent = ws_fixture_connect_bytes (f);
  half = ws_fixture_begin (f, "GET / HTTP/1.1\r\nHost: loc");
  test_until (f->world, f->context->n_half_open == 2);
  test_world_advance (f->world, 2 * G_USEC_PER_SEC);
  g_assert_cmpint (f->context->n_half_open, ==, 2);
  ws_fixture_send_bytes (half, "alhost\r\nX: a");
  test_world_advance (f->world, 2 * G_USEC_PER_SEC);
  g_assert_cmpint (f->context->n_half_open, ==, 0);
  assert_no_answer (f, half);
  assert_no_answer (f, silent);
}

/* A head, and half a frame behind it: the time for that is not the host's to give, but that
 * of the handshake which comes next. */
static void
test_half_frame (WsFixture *f, gconstpointer data)
{
  g_autoptr (Lp2pLayer) layer = NULL;
  g_autoptr (Lp2pRawConnection) raw = NULL;
  char byte;

  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  layer = ws_fixture_begin (f, "GET / HTTP/1.1\r\n" WS_UPGRADE "\r\n\x82\xfe\xff");
  test_until (f->world, (raw = test_context_take_inbound (f->context)) != NULL);
  g_assert_cmpint (f->context->n_half_open, ==, 0);
  lp2p_layer_want (raw->layer, LP2P_READY_READ);
  test_world_settle (f->world);
  g_assert_cmpint (lp2p_layer_read (raw->layer, &byte, 1), ==, LP2P_IO_AGAIN);
}

/* A hello that never ends. */
static void
test_slow_tls (WsFixture *f, gconstpointer data)
{
  g_autoptr (Lp2pLayer) layer = NULL;
  g_autofree char *answer = NULL;

  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/tls/ws");
  layer = ws_fixture_begin (f, "\x16\x03\x01\x02");
  test_until (f->world, f->context->n_half_open == 1);
  test_world_advance (f->world, 11 * G_USEC_PER_SEC);
  g_assert_cmpint (f->context->n_half_open, ==, 0);
  answer = ws_fixture_read_all (f, layer);
}

/* One that goes on and on: a message of 16 MiB, in whole records. It is not collected. */
static void
test_endless_tls (WsFixture *f, gconstpointer data)
{
  static const guint8 hello[] = { 0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff };
  guint8 record[5 + 0x4000] = { 0x16, 3, 1, 0x40, 0 };
  g_autoptr (Lp2pLayer) layer = NULL;
  g_autoptr (GString) answer = g_string_new (NULL);
  gsize sent = 0;

  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/tls/ws");
  layer = ws_fixture_connect_bytes (f);
  g_assert_cmpint (lp2p_layer_write (layer, hello, sizeof hello, LP2P_WRITE_NONE), ==, sizeof hello);
  g_assert_cmpint (lp2p_layer_write (layer, record + sizeof hello, sizeof record - sizeof hello, LP2P_WRITE_NONE), ==,
                   sizeof record - sizeof hello);
  while (!ws_fixture_read_more (layer, answer))
    {
      gssize n = lp2p_layer_write (layer, record + sent % sizeof record, sizeof record - sent % sizeof record,
                                   LP2P_WRITE_NONE);

      sent += MAX (n, 0);
      g_assert_cmpuint (sent, <, 8 * 1024 * 1024);
      lp2p_layer_want (layer, LP2P_READY_READ | LP2P_READY_WRITE);
      test_world_settle (f->world);
    }
  g_assert_cmpint (f->context->n_half_open, ==, 0);
}

/* Whoever is not a WebSocket yet makes room for others, in TLS as in HTTP. */
static void
test_room (WsFixture *f, gconstpointer data)
{
  static const char *const beginnings[] = { "", "GET / HTTP/1.1\r\nHost: loc" };
  gboolean secure = LP2P_IS_WSS_TRANSPORT (f->transport);
  g_autofree char *address = g_strconcat ("/ip4/127.0.0.1/tcp/0", ws_fixture_get_suffix (f), NULL);

  ws_fixture_start_listening (f, address);
  for (guint i = 0; i < G_N_ELEMENTS (beginnings); i++)
    {
      g_autoptr (Lp2pLayer) layer = ws_fixture_begin (f, secure ? "\x16\x03\x01\x02" : beginnings[i]);

      test_until (f->world, f->context->n_half_open == 1);
      test_world_settle (f->world);
      test_context_give_up_handshake (f->context);
      g_assert_cmpint (f->context->n_half_open, ==, 0);
      assert_no_answer (f, layer);
    }
}

/* Reverse proxies */

/* A client that the host does not want, behind a proxy that it let in. */
static void
test_refused_client (WsFixture *f, gconstpointer data)
{
  g_autoptr (Lp2pLayer) layer = NULL;
  g_autofree char *answer = NULL;

  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  layer = ws_fixture_begin (f, "GET / HTTP/1.1\r\n");
  test_until (f->world, f->context->n_half_open == 1);
  f->context->refuse = TRUE;
  ws_fixture_send_bytes (layer, WS_UPGRADE "X-Forwarded-For: 203.0.113.7\r\n\r\n");
  answer = ws_fixture_read_all (f, layer);
  g_assert_true (g_str_has_prefix (answer, "HTTP/1.1 503 "));
  g_assert_cmpint (f->context->n_half_open, ==, 0);
  g_assert_cmpuint (f->context->inbound.length, ==, 0);
}

static void
test_forwarded (WsFixture *f, gconstpointer data)
{
  static const struct
  {
    const char *header;
    const char *remote;
  } cases[] = {
    { "X-Forwarded-For: 203.0.113.7\r\n", "/ip4/203.0.113.7/tcp/0/ws" },
    { "X-Forwarded-For: 198.51.100.1, 203.0.113.7:4001\r\n", "/ip4/203.0.113.7/tcp/0/ws" },
    { "X-Forwarded-For: 203.0.113.7, 10.1.2.3\r\n", "/ip4/203.0.113.7/tcp/0/ws" },
    { "X-Forwarded-For: [2001:db8::1]:80\r\n", "/ip6/2001:db8::1/tcp/0/ws" },
    { "X-Forwarded-For: nobody\r\n", "/ip4/127.0.0.1/" },
    { "", "/ip4/127.0.0.1/" },
  };

  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *request = g_strconcat ("GET / HTTP/1.1\r\n" WS_UPGRADE, cases[i].header, "\r\n", NULL);
      guint n_begun = f->context->n_begun;
      g_autoptr (Lp2pLayer) layer = ws_fixture_begin (f, request);
      g_autoptr (Lp2pRawConnection) raw = NULL;

      test_until (f->world, (raw = test_context_take_inbound (f->context)) != NULL);
      g_test_message ("%s", lp2p_multiaddr_get_string (raw->remote_address));
      g_assert_true (g_str_has_prefix (lp2p_multiaddr_get_string (raw->remote_address), cases[i].remote));
      g_assert_cmpint (f->context->n_half_open, ==, 0);
      /* For the proxy, and for the client if that is another one: each once. */
      g_assert_cmpuint (f->context->n_begun - n_begun, ==,
                        g_str_has_prefix (cases[i].remote, "/ip4/127.0.0.1/") ? 1 : 2);
    }
}

/* Nobody's word is taken who is not named. */
static void
test_not_forwarded (WsFixture *f, gconstpointer data)
{
  g_autoptr (Lp2pLayer) layer = NULL;
  g_autoptr (Lp2pRawConnection) raw = NULL;

  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  layer = ws_fixture_begin (f, "GET / HTTP/1.1\r\n" WS_UPGRADE "X-Forwarded-For: 203.0.113.7\r\n\r\n");
  test_until (f->world, (raw = test_context_take_inbound (f->context)) != NULL);
  g_assert_true (g_str_has_prefix (lp2p_multiaddr_get_string (raw->remote_address), "/ip4/127.0.0.1/"));
}

/* One port for all */

static void
test_shared_port (WsFixture *f, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) bound = NULL;
  g_autoptr (GSocketAddress) native = NULL;
  g_autoptr (Lp2pListener) plain = NULL;
  g_autoptr (Lp2pListener) ws_listener = NULL;
  g_autofree char *ws_address = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pTransport *secure = f->transport;
  Lp2pTransport *ws;
  g_autoptr (Lp2pRawConnection) raw = NULL;
  g_autoptr (Lp2pLayer) layer = NULL;

  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/tls/ws");
  bound = lp2p_multiaddr_new_from_string (lp2p_listener_get_socket_id (f->listener), NULL);
  native = lp2p_multiaddr_get_socket_address (bound, NULL);
  plain = lp2p_tcp_port_new (LP2P_CONTEXT (f->context), "tcp", native, &error);
  g_assert_no_error (error);
  ws_fixture_start (f, LP2P_TYPE_WS_TRANSPORT, "ws");
  ws = f->transport;
  ws_address = g_strconcat (lp2p_listener_get_socket_id (f->listener), "/ws", NULL);
  ws_listener = ws_fixture_try_listen (f, ws_address, &error);
  g_assert_no_error (error);

  /* A second one of a kind is one too many. */
  g_assert_null (ws_fixture_try_listen (f, ws_address, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);

  ws_fixture_assert_dial (f, "/ws", NULL);
  f->transport = secure;
  ws_fixture_assert_dial (f, "/tls/ws", NULL);
  layer = ws_fixture_begin (f, "\x13/multistream/1.0.0\n");
  test_until (f->world, (raw = test_context_take_inbound (f->context)) != NULL);
  g_assert_cmpstr (raw->transport, ==, "tcp");
  assert_answer (f, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 ", "This port is for libp2p");

  lp2p_extension_stop (LP2P_EXTENSION (ws));
  g_object_unref (ws);
}

#define ADD(name, set_up, data, func) \
  g_test_add ("/ws-listen/" name, WsFixture, data, set_up, func, ws_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  test_log_install ();
  ADD ("http", ws_fixture_set_up, NULL, test_http);
  ADD ("large-head", ws_fixture_set_up, NULL, test_large_head);
  ADD ("head", ws_fixture_set_up, NULL, test_head);
  ADD ("large-early", ws_fixture_set_up, NULL, test_large_early);
  ADD ("many-heads", ws_fixture_set_up, NULL, test_many_heads);
  ADD ("body", ws_fixture_set_up, "[plugin ws]\nupgrade-timeout=300\n", test_body);
  ADD ("early", ws_fixture_set_up, NULL, test_early);
  ADD ("close-code", ws_fixture_set_up, NULL, test_close_code);
  ADD ("slow", ws_fixture_set_up, "[plugin ws]\nupgrade-timeout=3\n", test_slow);
  ADD ("slow-tls", ws_fixture_set_up_secure, NULL, test_slow_tls);
  ADD ("endless-tls", ws_fixture_set_up_secure, NULL, test_endless_tls);
  ADD ("half-frame", ws_fixture_set_up, NULL, test_half_frame);
  ADD ("room", ws_fixture_set_up, NULL, test_room);
  ADD ("room-tls", ws_fixture_set_up_secure, NULL, test_room);
  ADD ("refused-client", ws_fixture_set_up, "[plugin ws]\ntrusted-proxies=['127.0.0.0/8']\n", test_refused_client);
  ADD ("forwarded", ws_fixture_set_up, "[plugin ws]\ntrusted-proxies=['127.0.0.0/8', '10.1.2.3']\n", test_forwarded);
  ADD ("not-forwarded", ws_fixture_set_up, NULL, test_not_forwarded);
  ADD ("shared-port", ws_fixture_set_up_secure, NULL, test_shared_port);
  return g_test_run ();
}
