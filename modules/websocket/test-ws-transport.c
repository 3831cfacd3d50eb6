/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the transports do beyond what is asked of all, in tests/contract. */

#include <glib/gstdio.h>
#include <string.h>

#include "lp2p-ws-transport.h"
#include "test-context.h"
#include "test-log.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define UPGRADE                                                                                      \
  "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"  \
  "Sec-WebSocket-Key: " KEY "\r\n"

typedef struct
{
  TestWorld *world;
  TestContext *context;
  Lp2pTransport *transport;
  Lp2pListener *listener;
} Fixture;

static char *
find (const char *name)
{
  return g_test_build_filename (G_TEST_DIST, "fixtures", "tls", name, NULL);
}

static void
configure (Fixture *f, const char *text)
{
  g_autoptr (GError) error = NULL;

  lp2p_config_load_data (f->context->config, text, strlen (text), "test", &error);
  g_assert_no_error (error);
}

static void
configure_tls (Fixture *f, const char *certificate, const char *key, const char *ca)
{
  g_autofree char *text = g_strdup_printf ("[plugin wss]\ncertificate='%s'\nprivate-key='%s'\nca-file='%s'\n",
                                           certificate, key, ca);

  configure (f, text);
}

static void
start (Fixture *f, GType type, const char *name)
{
  g_autoptr (GError) error = NULL;

  f->transport = g_object_new (type, "context", f->context, "name", name, NULL);
  lp2p_extension_start (LP2P_EXTENSION (f->transport), &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->world = test_world_new (TRUE);
  f->world->ticking = TRUE;
  f->context = test_context_new (f->world);
  if (data != NULL)
    configure (f, data);
  start (f, LP2P_TYPE_WS_TRANSPORT, "ws");
}

static void
set_up_secure (Fixture *f, gconstpointer data)
{
  g_autofree char *certificate = find ("localhost.pem");
  g_autofree char *key = find ("localhost-key.pem");

  f->world = test_world_new (TRUE);
  f->world->ticking = TRUE;
  f->context = test_context_new (f->world);
  configure_tls (f, certificate, key, certificate);
  start (f, LP2P_TYPE_WSS_TRANSPORT, "wss");
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  lp2p_extension_stop (LP2P_EXTENSION (f->transport));
  g_clear_object (&f->listener);
  test_world_settle (f->world);
  g_assert_finalize_object (f->transport);
  g_assert_cmpint (f->context->n_half_open, ==, 0);
  g_assert_finalize_object (f->context);
  test_world_free (f->world);
}

static Lp2pListener *
try_listen (Fixture *f, const char *text, GError **error)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, error);

  return address != NULL ? lp2p_transport_listen (f->transport, address, error) : NULL;
}

static void
start_listening (Fixture *f, const char *text)
{
  g_autoptr (GError) error = NULL;

  f->listener = try_listen (f, text, &error);
  g_assert_no_error (error);
}

/* A client of bytes */

static Lp2pLayer *
connect_bytes (Fixture *f)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (lp2p_listener_get_socket_id (f->listener), NULL);
  g_autoptr (GSocketAddress) native = lp2p_multiaddr_get_socket_address (address, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  Lp2pTcpHub *hub = lp2p_context_get_tcp_hub (LP2P_CONTEXT (f->context));
  Lp2pLayer *layer;

  lp2p_tcp_hub_dial_async (hub, native, NULL, LP2P_TCP_DIAL_NONE, NULL, test_take_result, &result);
  test_until (f->world, result != NULL);
  layer = lp2p_tcp_hub_dial_finish (hub, result, NULL, NULL, &error);
  g_assert_no_error (error);
  lp2p_layer_want (layer, LP2P_READY_READ);
  return layer;
}

static void
send_bytes (Lp2pLayer *layer, const char *text)
{
  g_assert_cmpint (lp2p_layer_write (layer, text, strlen (text), LP2P_WRITE_NONE), ==, strlen (text));
}

static gboolean
read_more (Lp2pLayer *layer, GString *answer)
{
  char buffer[4096];
  gssize n = lp2p_layer_read (layer, buffer, sizeof buffer);

  if (n > 0)
    g_string_append_len (answer, buffer, n);
  return n == 0 || n == LP2P_IO_FAILED;
}

/* What a request is answered, up to the end of the connection. */
static char *
ask (Fixture *f, const char *request)
{
  g_autoptr (Lp2pLayer) layer = connect_bytes (f);
  GString *answer = g_string_new (NULL);

  send_bytes (layer, request);
  test_until (f->world, read_more (layer, answer));
  return g_string_free (answer, FALSE);
}

static void
assert_answer (Fixture *f, const char *request, const char *status, const char *text)
{
  g_autofree char *answer = ask (f, request);

  g_test_message ("%s", answer);
  g_assert_true (g_str_has_prefix (answer, status));
  g_assert_nonnull (strstr (answer, text));
  test_until (f->world, f->context->n_half_open == 0);
  g_assert_cmpuint (f->context->inbound.length, ==, 0);
}

/* HTTP */

static void
test_http (Fixture *f, gconstpointer data)
{
  start_listening (f, "/ip4/127.0.0.1/tcp/0/ws/http-path/a%20b");

  assert_answer (f, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 ", "This port is for libp2p");
  assert_answer (f, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 ", "libp2p");
  assert_answer (f, "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 ", "");
  assert_answer (f, "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
                 "HTTP/1.1 200 ", "This port is for libp2p");
  assert_answer (f, "GET / HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-1,3-4\r\n\r\n", "HTTP/1.1 200 ",
                 "This port is for libp2p");
  assert_answer (f, "GET /b HTTP/1.1\r\n" UPGRADE "\r\n", "HTTP/1.1 404 ", "libp2p");
  assert_answer (f,
                 "GET /a%20b HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: " KEY "\r\n\r\n",
                 "HTTP/1.1 426 ", "Sec-WebSocket-Version: 13");
  assert_answer (f,
                 "GET /a%20b HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
                 "HTTP/1.1 400 ", "");
  assert_answer (f, "no HTTP at all\r\n\r\n", "", "");
}

static void
test_large_head (Fixture *f, gconstpointer data)
{
  g_autofree char *large = g_strnfill (200 * 1024, 'a');
  g_autofree char *request = g_strconcat ("GET / HTTP/1.1\r\nHost: localhost\r\nX: ", large, "\r\n\r\n", NULL);

  start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  assert_answer (f, request, "", "");
}

/* Bodies that never end are given up with their first bytes, and nobody is let in. */
static void
test_body (Fixture *f, gconstpointer data)
{
  static const char *const requests[] = {
    "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\na",
    "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n",
    "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
    "POST /absent HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n",
    "GET / HTTP/1.1\r\n" UPGRADE "Content-Length: 99999999999\r\n\r\na",
    "GET / HTTP/1.1\r\n" UPGRADE "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n",
  };

  start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      g_autofree char *answer = ask (f, requests[i]);

      g_assert_cmpstr (answer, ==, "");
      g_assert_cmpint (f->context->n_half_open, ==, 0);
      g_assert_cmpuint (f->context->inbound.length, ==, 0);
    }
}

/* The client does not wait for the answer, and waits for nothing else. */
static void
test_early (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pRawConnection) raw = NULL;
  g_autoptr (Lp2pLayer) layer = NULL;
  GString *answer = g_string_new (NULL);
  char buffer[10];
  gssize n;

  start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  layer = connect_bytes (f);
  send_bytes (layer, "GET / HTTP/1.1\r\n" UPGRADE "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
                     "\x82\x83zzzz\x12\x1f\x16");
  test_until (f->world, (raw = test_context_take_inbound (f->context)) != NULL);
  lp2p_layer_want (raw->layer, LP2P_READY_READ);
  test_until (f->world, (n = lp2p_layer_read (raw->layer, buffer, sizeof buffer)) != LP2P_IO_AGAIN);
  g_assert_cmpmem (buffer, n, "hel", 3);

  test_until (f->world, !read_more (layer, answer) && strstr (answer->str, "\r\n\r\n") != NULL);
  g_assert_true (g_str_has_prefix (answer->str, "HTTP/1.1 101 "));
  g_assert_nonnull (strstr (answer->str, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  g_assert_null (strstr (answer->str, "deflate"));
  g_string_free (answer, TRUE);
}

/* The peer learns what was wrong, although the connection is given up at once. */
static void
test_close_code (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pRawConnection) raw = NULL;
  g_autoptr (Lp2pLayer) layer = NULL;
  GString *answer = g_string_new (NULL);
  const char *frame;
  char byte;
  gssize n;

  start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  layer = connect_bytes (f);
  send_bytes (layer, "GET / HTTP/1.1\r\n" UPGRADE "\r\n\x82\x03not masked");
  test_until (f->world, (raw = test_context_take_inbound (f->context)) != NULL);
  lp2p_layer_want (raw->layer, LP2P_READY_READ);
  test_until (f->world, (n = lp2p_layer_read (raw->layer, &byte, 1)) != LP2P_IO_AGAIN);
  g_assert_cmpint (n, ==, LP2P_IO_FAILED);
  lp2p_layer_abort (raw->layer, 0);

  test_until (f->world, read_more (layer, answer));
  frame = strstr (answer->str, "\r\n\r\n");
  g_assert_nonnull (frame);
  g_assert_cmpint ((guint8) frame[4], ==, 0x88);
  g_assert_cmpmem (frame + 6, 2, "\x03\xea", 2);
  g_string_free (answer, TRUE);
}

/* Whoever is slow is given up. */
static void
test_slow (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pLayer) silent = NULL;
  g_autoptr (Lp2pLayer) half = NULL;
  GString *answer = g_string_new (NULL);

  start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  silent = connect_bytes (f);
  half = connect_bytes (f);
  send_bytes (half, "GET / HTTP/1.1\r\nHost: loc");
  test_until (f->world, f->context->n_half_open == 2);
  test_world_advance (f->world, 2 * G_USEC_PER_SEC);
  g_assert_cmpint (f->context->n_half_open, ==, 2);
  test_world_advance (f->world, 2 * G_USEC_PER_SEC);
  g_assert_cmpint (f->context->n_half_open, ==, 0);
  test_until (f->world, read_more (half, answer));
  test_until (f->world, read_more (silent, answer));
  g_assert_cmpstr (answer->str, ==, "");
  g_string_free (answer, TRUE);
}

/* Whoever is not a WebSocket yet makes room for others, in TLS as in HTTP. */
static void
test_room (Fixture *f, gconstpointer data)
{
  static const char *const beginnings[] = { "", "GET / HTTP/1.1\r\nHost: loc" };
  gboolean secure = LP2P_IS_WSS_TRANSPORT (f->transport);

  start_listening (f, secure ? "/ip4/127.0.0.1/tcp/0/tls/ws" : "/ip4/127.0.0.1/tcp/0/ws");
  for (guint i = 0; i < G_N_ELEMENTS (beginnings); i++)
    {
      g_autoptr (Lp2pLayer) layer = connect_bytes (f);
      GString *answer = g_string_new (NULL);

      send_bytes (layer, secure ? "\x16\x03\x01\x02" : beginnings[i]);
      test_until (f->world, f->context->n_half_open == 1);
      test_world_settle (f->world);
      test_context_give_up_handshake (f->context);
      g_assert_cmpint (f->context->n_half_open, ==, 0);
      test_until (f->world, read_more (layer, answer));
      g_assert_cmpstr (answer->str, ==, "");
      g_string_free (answer, TRUE);
    }
}

/* A client that the host does not want, behind a proxy that it let in. */
static void
test_refused_client (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pLayer) layer = NULL;
  GString *answer = g_string_new (NULL);

  start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  layer = connect_bytes (f);
  send_bytes (layer, "GET / HTTP/1.1\r\n");
  test_until (f->world, f->context->n_half_open == 1);
  f->context->refuse = TRUE;
  send_bytes (layer, UPGRADE "X-Forwarded-For: 203.0.113.7\r\n\r\n");
  test_until (f->world, read_more (layer, answer));
  g_assert_true (g_str_has_prefix (answer->str, "HTTP/1.1 503 "));
  g_assert_cmpint (f->context->n_half_open, ==, 0);
  g_assert_cmpuint (f->context->inbound.length, ==, 0);
  g_string_free (answer, TRUE);
}

static void
test_forwarded (Fixture *f, gconstpointer data)
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

  start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *request = g_strconcat ("GET / HTTP/1.1\r\n" UPGRADE, cases[i].header, "\r\n", NULL);
      g_autoptr (Lp2pLayer) layer = connect_bytes (f);
      g_autoptr (Lp2pRawConnection) raw = NULL;

      send_bytes (layer, request);
      test_until (f->world, (raw = test_context_take_inbound (f->context)) != NULL);
      g_test_message ("%s", lp2p_multiaddr_get_string (raw->remote_address));
      g_assert_true (g_str_has_prefix (lp2p_multiaddr_get_string (raw->remote_address), cases[i].remote));
      g_assert_cmpint (f->context->n_half_open, ==, 0);
    }
}

/* Nobody's word is taken who is not named. */
static void
test_not_forwarded (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pLayer) layer = NULL;
  g_autoptr (Lp2pRawConnection) raw = NULL;

  start_listening (f, "/ip4/127.0.0.1/tcp/0/ws");
  layer = connect_bytes (f);
  send_bytes (layer, "GET / HTTP/1.1\r\n" UPGRADE "X-Forwarded-For: 203.0.113.7\r\n\r\n");
  test_until (f->world, (raw = test_context_take_inbound (f->context)) != NULL);
  g_assert_true (g_str_has_prefix (lp2p_multiaddr_get_string (raw->remote_address), "/ip4/127.0.0.1/"));
}

/* Dialing */

static Lp2pRawConnection *
dial (Fixture *f, Lp2pTransport *transport, const char *suffix, const char *host_name, GError **error)
{
  g_autofree char *text = g_strconcat (lp2p_listener_get_socket_id (f->listener), suffix, NULL);
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  g_autoptr (GAsyncResult) result = NULL;

  options.host_name = host_name;
  options.reuse_local_port = FALSE;
  lp2p_transport_dial_async (transport, address, &options, NULL, test_take_result, &result);
  test_until (f->world, result != NULL);
  return lp2p_transport_dial_finish (transport, result, error);
}

static void
assert_dial (Fixture *f, const char *suffix, const char *host_name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pRawConnection) out = dial (f, f->transport, suffix, host_name, &error);
  g_autoptr (Lp2pRawConnection) in = NULL;

  g_assert_no_error (error);
  test_until (f->world, (in = test_context_take_inbound (f->context)) != NULL);
}

static void
assert_no_dial (Fixture *f, const char *suffix, const char *host_name, const char *why)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pRawConnection) out = dial (f, f->transport, suffix, host_name, &error);

  g_assert_null (out);
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
  g_assert_nonnull (strstr (error->message, why));
}

static void
test_paths (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  start_listening (f, "/ip4/127.0.0.1/tcp/0/ws/http-path/a%2Fb%20c");
  assert_dial (f, "/ws/http-path/a%2Fb%20c", NULL);
  assert_dial (f, "/ws/http-path/a%2Fb%20c", "localhost");
  g_assert_null (dial (f, f->transport, "/ws", NULL, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_HANDSHAKE);
  g_assert_nonnull (strstr (error->message, "404"));
}

static void
test_names (Fixture *f, gconstpointer data)
{
  start_listening (f, "/ip4/127.0.0.1/tcp/0/wss");
  assert_dial (f, "/tls/ws", NULL);
  assert_dial (f, "/wss", "localhost");
  assert_dial (f, "/wss", "localhost.");
  assert_dial (f, "/tls/sni/localhost/ws", "example.org");
  assert_no_dial (f, "/tls/ws", "example.org", "example.org");
  assert_no_dial (f, "/tls/sni/example.org/ws", "localhost", "example.org");
}

/* Names are for a proxy: without one they are not dialed, and nobody listens on them. */
static void
test_match_name (Fixture *f, gconstpointer data)
{
  static const char *const names[] = {
    "/dns/localhost/tcp/443/wss",
    "/dns4/localhost/tcp/443/tls/ws",
    "/dns6/localhost./tcp/4001/tls/sni/localhost/ws/http-path/a",
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (names[i], NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (GAsyncResult) result = NULL;
      Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;

      g_assert_true (lp2p_transport_match_name (f->transport, address));
      g_assert_false (lp2p_transport_match (f->transport, address));
      g_assert_null (lp2p_transport_listen (f->transport, address, &error));
      g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NO_TRANSPORT);
      g_clear_error (&error);
      lp2p_transport_dial_async (f->transport, address, &options, NULL, test_take_result, &result);
      test_until (f->world, result != NULL);
      g_assert_null (lp2p_transport_dial_finish (f->transport, result, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
    }
}

/* Never without being sure. */
static void
test_untrusted (Fixture *f, gconstpointer data)
{
  g_autofree char *certificate = find ("localhost.pem");
  g_autofree char *key = find ("localhost-key.pem");
  g_autofree char *other = find ("other.pem");

  start_listening (f, "/ip4/127.0.0.1/tcp/0/tls/ws");
  configure_tls (f, certificate, key, other);
  assert_no_dial (f, "/tls/ws", "localhost", "not trusted");
  configure_tls (f, certificate, key, certificate);
  assert_dial (f, "/tls/ws", "localhost");
}

/* Certificates */

static void
assert_no_listener (Fixture *f, const char *certificate, const char *key, const char *suffix, const char *why)
{
  g_autofree char *certificate_file = *certificate != '\0' ? find (certificate) : g_strdup ("");
  g_autofree char *key_file = *key != '\0' ? find (key) : g_strdup ("");
  g_autofree char *address = g_strconcat ("/ip4/127.0.0.1/tcp/0", suffix, NULL);
  g_autoptr (GError) error = NULL;

  configure_tls (f, certificate_file, key_file, certificate_file);
  g_assert_null (try_listen (f, address, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_FAILED);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, why));
}

static void
test_wrong_certificates (Fixture *f, gconstpointer data)
{
  assert_no_listener (f, "", "", "/tls/ws", "certificate");
  assert_no_listener (f, "localhost.pem", "", "/tls/ws", "private-key");
  assert_no_listener (f, "localhost.pem", "absent.pem", "/tls/ws", "absent.pem");
  assert_no_listener (f, "absent.pem", "localhost-key.pem", "/tls/ws", "absent.pem");
  assert_no_listener (f, "localhost.pem", "other-key.pem", "/tls/ws", "other-key.pem");
  assert_no_listener (f, "expired.pem", "localhost-key.pem", "/tls/ws", "2001-01-01");
  assert_no_listener (f, "localhost.pem", "localhost-key.pem", "/tls/sni/example.org/ws", "example.org");
  assert_no_listener (f, "README.md", "localhost-key.pem", "/tls/ws", "README.md");
}

static void
replace_file (const char *path, const char *name)
{
  g_autofree char *source = find (name);
  g_autofree char *contents = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (source, &contents, &size, NULL));
  g_assert_true (g_file_set_contents (path, contents, size, NULL));
}

static void
test_reload (Fixture *f, gconstpointer data)
{
  g_autofree char *folder = g_dir_make_tmp (NULL, NULL);
  g_autofree char *certificate = g_build_filename (folder, "certificate.pem", NULL);
  g_autofree char *key = g_build_filename (folder, "key.pem", NULL);
  g_autofree char *ours = find ("localhost.pem");
  g_autofree char *other = find ("other.pem");

  replace_file (certificate, "localhost.pem");
  replace_file (key, "localhost-key.pem");
  configure_tls (f, certificate, key, ours);
  start_listening (f, "/ip4/127.0.0.1/tcp/0/tls/ws");
  assert_dial (f, "/tls/ws", "localhost");

  /* Halfway, and broken: what was there before stays. */
  replace_file (certificate, "other.pem");
  test_world_advance (f->world, 2 * G_USEC_PER_SEC);
  assert_dial (f, "/tls/ws", "localhost");
  g_assert_nonnull (test_log_find ("is kept"));
  test_log_clear ();
  assert_dial (f, "/tls/ws", "localhost");
  g_assert_null (test_log_find ("is kept"));

  replace_file (key, "other-key.pem");
  test_world_advance (f->world, 2 * G_USEC_PER_SEC);
  configure_tls (f, certificate, key, other);
  assert_dial (f, "/tls/ws", "example.org");

  g_unlink (certificate);
  g_unlink (key);
  g_rmdir (folder);
}

static gint64
before_certificates (Lp2pClock *clock)
{
  return 0;
}

static gint64
after_certificates (Lp2pClock *clock)
{
  return G_GINT64_CONSTANT (200) * 365 * 24 * 3600 * G_USEC_PER_SEC;
}

/* Files that are good only later are looked at again, and complained of once. */
static void
test_reload_later (Fixture *f, gconstpointer data)
{
  g_autofree char *folder = g_dir_make_tmp (NULL, NULL);
  g_autofree char *certificate = g_build_filename (folder, "certificate.pem", NULL);
  g_autofree char *key = g_build_filename (folder, "key.pem", NULL);
  g_autofree char *ours = find ("localhost.pem");
  gint64 (*real_time) (Lp2pClock *clock) = f->world->clock.real_time;

  replace_file (certificate, "localhost.pem");
  replace_file (key, "localhost-key.pem");
  configure_tls (f, certificate, key, ours);
  start_listening (f, "/ip4/127.0.0.1/tcp/0/tls/ws");

  test_log_clear ();
  f->world->clock.real_time = before_certificates;
  replace_file (certificate, "localhost.pem");
  for (guint i = 0; i < 3; i++)
    {
      test_world_advance (f->world, 61 * G_USEC_PER_SEC);
      assert_dial (f, "/tls/ws", "localhost");
      g_assert_cmpint (test_log_find ("is kept") != NULL, ==, i == 0);
      g_assert_null (test_log_find ("anew"));
      test_log_clear ();
    }
  f->world->clock.real_time = real_time;
  test_world_advance (f->world, 61 * G_USEC_PER_SEC);
  assert_dial (f, "/tls/ws", "localhost");
  g_assert_nonnull (test_log_find ("anew"));

  f->world->clock.real_time = after_certificates;
  for (guint i = 0; i < 2; i++)
    {
      test_log_clear ();
      test_world_advance (f->world, 2 * G_USEC_PER_SEC);
      assert_dial (f, "/tls/ws", "localhost");
      g_assert_cmpint (test_log_find ("has expired") != NULL, ==, i == 0);
    }

  g_unlink (certificate);
  g_unlink (key);
  g_rmdir (folder);
}

/* Permissions count too. */
static void
test_reload_permissions (Fixture *f, gconstpointer data)
{
  g_autofree char *folder = g_dir_make_tmp (NULL, NULL);
  g_autofree char *certificate = g_build_filename (folder, "certificate.pem", NULL);
  g_autofree char *key = g_build_filename (folder, "key.pem", NULL);
  g_autofree char *ours = find ("localhost.pem");
  GStatBuf before;
  GStatBuf after;

  replace_file (certificate, "localhost.pem");
  replace_file (key, "localhost-key.pem");
  configure_tls (f, certificate, key, ours);
  start_listening (f, "/ip4/127.0.0.1/tcp/0/tls/ws");
  test_log_clear ();
  g_assert_cmpint (g_stat (key, &before), ==, 0);
  do
    {
      g_assert_cmpint (g_chmod (key, 0600), ==, 0);
      g_assert_cmpint (g_stat (key, &after), ==, 0);
    }
  while (after.st_ctim.tv_sec == before.st_ctim.tv_sec && after.st_ctim.tv_nsec == before.st_ctim.tv_nsec);

  test_world_advance (f->world, 2 * G_USEC_PER_SEC);
  assert_dial (f, "/tls/ws", "localhost");
  g_assert_nonnull (test_log_find ("anew"));

  g_unlink (certificate);
  g_unlink (key);
  g_rmdir (folder);
}

/* RFC 8446 appendix D.4: what a middlebox takes for TLS 1.2 has the id of a session. */
static void
test_middleboxes (Fixture *f, gconstpointer data)
{
  enum { SESSION_ID = 5 + 4 + 2 + 32 };
  g_autofree char *text = NULL;
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string ("/ip4/127.0.0.1/tcp/0", NULL);
  g_autoptr (GSocketAddress) native = lp2p_multiaddr_get_socket_address (address, NULL);
  g_autoptr (Lp2pMultiaddr) target = NULL;
  g_autoptr (Lp2pRawConnection) raw = NULL;
  g_autoptr (Lp2pRawConnection) none = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  const guint8 *hello;
  gssize n;

  options.reuse_local_port = FALSE;
  f->listener = lp2p_tcp_port_new (LP2P_CONTEXT (f->context), "tcp", native, NULL);
  text = g_strconcat (lp2p_listener_get_socket_id (f->listener), "/tls/ws", NULL);
  target = lp2p_multiaddr_new_from_string (text, NULL);
  lp2p_transport_dial_async (f->transport, target, &options, NULL, test_take_result, &result);
  test_until (f->world, (raw = test_context_take_inbound (f->context)) != NULL);
  lp2p_layer_want (raw->layer, LP2P_READY_READ);
  test_until (f->world, (n = lp2p_layer_peek (raw->layer, &hello)) != LP2P_IO_AGAIN);
  g_assert_cmpint (n, >, SESSION_ID);
  g_assert_cmpuint (hello[SESSION_ID], ==, 32);

  lp2p_layer_abort (raw->layer, 0);
  test_until (f->world, result != NULL);
  none = lp2p_transport_dial_finish (f->transport, result, NULL);
  g_assert_null (none);
}

/* A hello that never ends. */
static void
test_slow_tls (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pLayer) layer = NULL;
  GString *answer = g_string_new (NULL);

  start_listening (f, "/ip4/127.0.0.1/tcp/0/tls/ws");
  layer = connect_bytes (f);
  send_bytes (layer, "\x16\x03\x01\x02");
  test_until (f->world, f->context->n_half_open == 1);
  test_world_advance (f->world, 11 * G_USEC_PER_SEC);
  g_assert_cmpint (f->context->n_half_open, ==, 0);
  test_until (f->world, read_more (layer, answer));
  g_string_free (answer, TRUE);
}

/* One port for all */

static void
test_shared_port (Fixture *f, gconstpointer data)
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

  start_listening (f, "/ip4/127.0.0.1/tcp/0/tls/ws");
  bound = lp2p_multiaddr_new_from_string (lp2p_listener_get_socket_id (f->listener), NULL);
  native = lp2p_multiaddr_get_socket_address (bound, NULL);
  plain = lp2p_tcp_port_new (LP2P_CONTEXT (f->context), "tcp", native, &error);
  g_assert_no_error (error);
  start (f, LP2P_TYPE_WS_TRANSPORT, "ws");
  ws = f->transport;
  ws_address = g_strconcat (lp2p_listener_get_socket_id (f->listener), "/ws", NULL);
  ws_listener = try_listen (f, ws_address, &error);
  g_assert_no_error (error);

  /* A second one of a kind is one too many. */
  g_assert_null (try_listen (f, ws_address, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);

  assert_dial (f, "/ws", NULL);
  f->transport = secure;
  assert_dial (f, "/tls/ws", NULL);
  layer = connect_bytes (f);
  send_bytes (layer, "\x13/multistream/1.0.0\n");
  test_until (f->world, (raw = test_context_take_inbound (f->context)) != NULL);
  g_assert_cmpstr (raw->transport, ==, "tcp");
  assert_answer (f, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 ", "This port is for libp2p");

  lp2p_extension_stop (LP2P_EXTENSION (ws));
  g_object_unref (ws);
}

#define ADD(name, set_up, data, func) g_test_add ("/ws-transport/" name, Fixture, data, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  test_log_install ();
  ADD ("http", set_up, NULL, test_http);
  ADD ("large-head", set_up, NULL, test_large_head);
  ADD ("body", set_up, "[plugin ws]\nupgrade-timeout=300\n", test_body);
  ADD ("early", set_up, NULL, test_early);
  ADD ("close-code", set_up, NULL, test_close_code);
  ADD ("slow", set_up, "[plugin ws]\nupgrade-timeout=3\n", test_slow);
  ADD ("room", set_up, NULL, test_room);
  ADD ("room-tls", set_up_secure, NULL, test_room);
  ADD ("refused-client", set_up, "[plugin ws]\ntrusted-proxies=['127.0.0.0/8']\n", test_refused_client);
  ADD ("forwarded", set_up, "[plugin ws]\ntrusted-proxies=['127.0.0.0/8', '10.1.2.3']\n", test_forwarded);
  ADD ("not-forwarded", set_up, NULL, test_not_forwarded);
  ADD ("paths", set_up, NULL, test_paths);
  ADD ("names", set_up_secure, NULL, test_names);
  ADD ("match-name", set_up_secure, NULL, test_match_name);
  ADD ("untrusted", set_up_secure, NULL, test_untrusted);
  ADD ("wrong-certificates", set_up_secure, NULL, test_wrong_certificates);
  ADD ("reload", set_up_secure, NULL, test_reload);
  ADD ("reload-later", set_up_secure, NULL, test_reload_later);
  ADD ("reload-permissions", set_up_secure, NULL, test_reload_permissions);
  ADD ("middleboxes", set_up_secure, NULL, test_middleboxes);
  ADD ("slow-tls", set_up_secure, NULL, test_slow_tls);
  ADD ("shared-port", set_up_secure, NULL, test_shared_port);
  return g_test_run ();
}
