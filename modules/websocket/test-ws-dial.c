/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What dials do beyond what is asked of all in tests/contract. */

#include <string.h>

#include "test-log.h"
#include "ws-fixture.h"

static void
test_paths (WsFixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/ws/http-path/a%2Fb%20c");
  ws_fixture_assert_dial (f, "/ws/http-path/a%2Fb%20c", NULL);
  ws_fixture_assert_dial (f, "/ws/http-path/a%2Fb%20c", "localhost");
  g_assert_null (ws_fixture_dial (f, f->transport, "/ws", NULL, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_HANDSHAKE);
  g_assert_nonnull (strstr (error->message, "404"));
}

static void
test_names (WsFixture *f, gconstpointer data)
{
  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/wss");
  ws_fixture_assert_dial (f, "/tls/ws", NULL);
  ws_fixture_assert_dial (f, "/wss", "localhost");
  ws_fixture_assert_dial (f, "/wss", "localhost.");
  ws_fixture_assert_dial (f, "/tls/sni/localhost/ws", "example.org");
  ws_fixture_assert_no_dial (f, "/tls/ws", "example.org", "example.org");
  ws_fixture_assert_no_dial (f, "/tls/sni/example.org/ws", "localhost", "example.org");
}

/* Names are for a proxy: without one they are not dialed, and nobody listens on them. */
static void
test_match_name (WsFixture *f, gconstpointer data)
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
test_untrusted (WsFixture *f, gconstpointer data)
{
  g_autofree char *certificate = ws_fixture_find ("localhost.pem");
  g_autofree char *key = ws_fixture_find ("localhost-key.pem");
  g_autofree char *other = ws_fixture_find ("other.pem");

  ws_fixture_start_listening (f, "/ip4/127.0.0.1/tcp/0/tls/ws");
  ws_fixture_configure_tls (f, certificate, key, other);
  ws_fixture_assert_no_dial (f, "/tls/ws", "localhost", "not trusted");
  ws_fixture_configure_tls (f, certificate, key, certificate);
  ws_fixture_assert_dial (f, "/tls/ws", "localhost");
}

static void
test_ip6 (WsFixture *f, gconstpointer data)
{
  const char *suffix = ws_fixture_get_suffix (f);
  g_autofree char *listen = g_strconcat ("/ip6/::1/tcp/0", suffix, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pRawConnection) out = NULL;
  g_autoptr (Lp2pRawConnection) in = NULL;

  ws_fixture_start_listening (f, listen);
  out = ws_fixture_dial (f, f->transport, suffix, NULL, &error);
  g_assert_no_error (error);
  test_until (f->world, (in = test_context_take_inbound (f->context)) != NULL);
  g_assert_true (g_str_has_prefix (lp2p_multiaddr_get_string (out->remote_address), "/ip6/::1/tcp/"));
  g_assert_cmpstr (lp2p_multiaddr_get_string (out->remote_address), ==, lp2p_multiaddr_get_string (in->local_address));
  g_assert_cmpstr (lp2p_multiaddr_get_string (out->local_address), ==, lp2p_multiaddr_get_string (in->remote_address));
  ws_fixture_assert_dial (f, suffix, "localhost");
  if (LP2P_IS_WSS_TRANSPORT (f->transport))
    ws_fixture_assert_no_dial (f, suffix, "example.org", "example.org");
}

/* A server of bytes */

/* The other end of a dial, when its first bytes are there. */
static Lp2pRawConnection *
dial_bytes (WsFixture *f, GCancellable *cancellable, const guint8 **bytes, gssize *size, GAsyncResult **result)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string ("/ip4/127.0.0.1/tcp/0", NULL);
  g_autoptr (GSocketAddress) native = lp2p_multiaddr_get_socket_address (address, NULL);
  g_autofree char *text = NULL;
  g_autoptr (Lp2pMultiaddr) target = NULL;
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  Lp2pRawConnection *raw;

  options.reuse_local_port = FALSE;
  f->listener = lp2p_tcp_port_new (LP2P_CONTEXT (f->context), "tcp", native, NULL);
  text = g_strconcat (lp2p_listener_get_socket_id (f->listener), ws_fixture_get_suffix (f), NULL);
  target = lp2p_multiaddr_new_from_string (text, NULL);
  lp2p_transport_dial_async (f->transport, target, &options, cancellable, test_take_result, result);
  test_until (f->world, (raw = test_context_take_inbound (f->context)) != NULL);
  lp2p_layer_want (raw->layer, LP2P_READY_READ);
  test_until (f->world, (*size = lp2p_layer_peek (raw->layer, bytes)) != LP2P_IO_AGAIN);
  g_assert_cmpint (*size, >, 0);
  return raw;
}

static void
finish_in_vain (WsFixture *f, GAsyncResult **result, GError **error)
{
  test_until (f->world, *result != NULL);
  g_assert_null (lp2p_transport_dial_finish (f->transport, *result, error));
  g_clear_object (result);
}

/* RFC 8446 appendix D.4: what a middlebox takes for TLS 1.2 has the id of a session. */
static void
test_middleboxes (WsFixture *f, gconstpointer data)
{
  enum { SESSION_ID = 5 + 4 + 2 + 32 };
  g_autoptr (Lp2pRawConnection) raw = NULL;
  GAsyncResult *result = NULL;
  const guint8 *hello;
  gssize n;

  raw = dial_bytes (f, NULL, &hello, &n, &result);
  g_assert_cmpint (n, >, SESSION_ID);
  g_assert_cmpuint (hello[SESSION_ID], ==, 32);
  lp2p_layer_abort (raw->layer, 0);
  finish_in_vain (f, &result, NULL);
}

/* Two that dial each other at once may both be clients of one connection: the host dials
 * again from another port. */
static void
test_crossing (WsFixture *f, gconstpointer data)
{
  g_autoptr (Lp2pRawConnection) raw = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *same = NULL;
  GAsyncResult *result = NULL;
  const guint8 *bytes;
  gssize n;

  raw = dial_bytes (f, NULL, &bytes, &n, &result);
  same = g_memdup2 (bytes, n);
  g_assert_cmpint (lp2p_layer_write (raw->layer, same, n, LP2P_WRITE_NONE), ==, n);
  finish_in_vain (f, &result, &error);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_SAME_ROLE);
}

/* What it was waiting for is told. */
static void
assert_stopped (WsFixture *f, const char *message)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (Lp2pRawConnection) raw = NULL;
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;
  const guint8 *bytes;
  gssize n;

  raw = dial_bytes (f, cancellable, &bytes, &n, &result);
  g_cancellable_cancel (cancellable);
  finish_in_vain (f, &result, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpstr (error->message, ==, message);
}

static void
test_stopped (WsFixture *f, gconstpointer data)
{
  assert_stopped (f, "127.0.0.1 did not begin a WebSocket");
}

static void
test_stopped_tls (WsFixture *f, gconstpointer data)
{
  assert_stopped (f, "the TLS handshake with 127.0.0.1 was not complete");
}

static void
test_punch (WsFixture *f, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string ("/ip4/127.0.0.1/tcp/1/ws", NULL);
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  GAsyncResult *result = NULL;
  g_autoptr (GError) error = NULL;

  options.punch_at = 1;
  lp2p_transport_dial_async (f->transport, address, &options, NULL, test_take_result, &result);
  finish_in_vain (f, &result, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
}

#define ADD(name, set_up, data, func) \
  g_test_add ("/ws-dial/" name, WsFixture, data, set_up, func, ws_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  test_log_install ();
  ADD ("paths", ws_fixture_set_up, NULL, test_paths);
  ADD ("names", ws_fixture_set_up_secure, NULL, test_names);
  ADD ("match-name", ws_fixture_set_up_secure, NULL, test_match_name);
  ADD ("untrusted", ws_fixture_set_up_secure, NULL, test_untrusted);
  ADD ("ip6", ws_fixture_set_up, NULL, test_ip6);
  ADD ("ip6-tls", ws_fixture_set_up_secure, NULL, test_ip6);
  ADD ("crossing", ws_fixture_set_up, NULL, test_crossing);
  ADD ("crossing-tls", ws_fixture_set_up_secure, NULL, test_crossing);
  ADD ("stopped", ws_fixture_set_up, NULL, test_stopped);
  ADD ("stopped-tls", ws_fixture_set_up_secure, NULL, test_stopped_tls);
  ADD ("punch", ws_fixture_set_up, NULL, test_punch);
  ADD ("middleboxes", ws_fixture_set_up_secure, NULL, test_middleboxes);
  return g_test_run ();
}
