/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ws-fixture.h"

#include <string.h>

char *
ws_fixture_find (const char *name)
{
  return g_test_build_filename (G_TEST_DIST, "fixtures", "tls", name, NULL);
}

void
ws_fixture_replace (const char *path, const char *name)
{
  g_autofree char *source = ws_fixture_find (name);
  g_autofree char *contents = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (source, &contents, &size, NULL));
  g_assert_true (g_file_set_contents (path, contents, size, NULL));
}

void
ws_fixture_configure (WsFixture *f, const char *text)
{
  g_autoptr (GError) error = NULL;

  lp2p_config_load_data (f->context->config, text, strlen (text), "test", &error);
  g_assert_no_error (error);
}

void
ws_fixture_configure_tls (WsFixture *f, const char *certificate, const char *key, const char *ca)
{
  g_autofree char *text = g_strdup_printf ("[plugin wss]\ncertificate='%s'\nprivate-key='%s'\nca-file='%s'\n",
                                           certificate, key, ca);

  ws_fixture_configure (f, text);
}

void
ws_fixture_start (WsFixture *f, GType type, const char *name)
{
  g_autoptr (GError) error = NULL;

  f->transport = g_object_new (type, "context", f->context, "name", name, NULL);
  lp2p_extension_start (LP2P_EXTENSION (f->transport), &error);
  g_assert_no_error (error);
}

void
ws_fixture_set_up (WsFixture *f, gconstpointer data)
{
  f->world = test_world_new (TRUE);
  f->world->ticking = TRUE;
  f->context = test_context_new (f->world);
  if (data != NULL)
    ws_fixture_configure (f, data);
  ws_fixture_start (f, LP2P_TYPE_WS_TRANSPORT, "ws");
}

void
ws_fixture_set_up_secure (WsFixture *f, gconstpointer data)
{
  g_autofree char *certificate = ws_fixture_find ("localhost.pem");
  g_autofree char *key = ws_fixture_find ("localhost-key.pem");

  f->world = test_world_new (TRUE);
  f->world->ticking = TRUE;
  f->context = test_context_new (f->world);
  ws_fixture_configure_tls (f, certificate, key, certificate);
  ws_fixture_start (f, LP2P_TYPE_WSS_TRANSPORT, "wss");
}

void
ws_fixture_tear_down (WsFixture *f, gconstpointer data)
{
  lp2p_extension_stop (LP2P_EXTENSION (f->transport));
  g_clear_object (&f->listener);
  test_world_settle (f->world);
  g_assert_finalize_object (f->transport);
  g_assert_cmpint (f->context->n_half_open, ==, 0);
  g_assert_finalize_object (f->context);
  test_world_free (f->world);
}

const char *
ws_fixture_get_suffix (WsFixture *f)
{
  return LP2P_IS_WSS_TRANSPORT (f->transport) ? "/tls/ws" : "/ws";
}

Lp2pListener *
ws_fixture_try_listen (WsFixture *f, const char *text, GError **error)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, error);

  return address != NULL ? lp2p_transport_listen (f->transport, address, error) : NULL;
}

void
ws_fixture_start_listening (WsFixture *f, const char *text)
{
  g_autoptr (GError) error = NULL;

  f->listener = ws_fixture_try_listen (f, text, &error);
  g_assert_no_error (error);
}

/* A client of bytes */

Lp2pLayer *
ws_fixture_connect_bytes (WsFixture *f)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (lp2p_listener_get_socket_id (f->listener), NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  Lp2pTcpHub *hub = lp2p_context_get_tcp_hub (LP2P_CONTEXT (f->context));
  Lp2pLayer *layer;

  lp2p_tcp_hub_dial_async (hub, address, NULL, LP2P_TCP_DIAL_NONE, NULL, test_take_result, &result);
  test_until (f->world, result != NULL);
  layer = lp2p_tcp_hub_dial_finish (hub, result, NULL, NULL, &error);
  g_assert_no_error (error);
  lp2p_layer_want (layer, LP2P_READY_READ);
  return layer;
}

void
ws_fixture_send_bytes (Lp2pLayer *layer, const char *text)
{
  g_assert_cmpint (lp2p_layer_write (layer, text, strlen (text), LP2P_WRITE_NONE), ==, strlen (text));
}

Lp2pLayer *
ws_fixture_begin (WsFixture *f, const char *text)
{
  Lp2pLayer *layer = ws_fixture_connect_bytes (f);

  ws_fixture_send_bytes (layer, text);
  return layer;
}

gboolean
ws_fixture_read_more (Lp2pLayer *layer, GString *answer)
{
  char buffer[4096];
  gssize n = lp2p_layer_read (layer, buffer, sizeof buffer);

  if (n > 0)
    g_string_append_len (answer, buffer, n);
  return n == 0 || n == LP2P_IO_FAILED;
}

char *
ws_fixture_read_all (WsFixture *f, Lp2pLayer *layer)
{
  GString *all = g_string_new (NULL);

  test_until (f->world, ws_fixture_read_more (layer, all));
  return g_string_free (all, FALSE);
}

char *
ws_fixture_ask (WsFixture *f, const char *request)
{
  g_autoptr (Lp2pLayer) layer = ws_fixture_begin (f, request);

  return ws_fixture_read_all (f, layer);
}

/* Dialing */

Lp2pRawConnection *
ws_fixture_dial (WsFixture *f, Lp2pTransport *transport, const char *suffix, const char *host_name, GError **error)
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

void
ws_fixture_assert_dial (WsFixture *f, const char *suffix, const char *host_name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pRawConnection) out = ws_fixture_dial (f, f->transport, suffix, host_name, &error);
  g_autoptr (Lp2pRawConnection) in = NULL;

  g_assert_no_error (error);
  test_until (f->world, (in = test_context_take_inbound (f->context)) != NULL);
}

void
ws_fixture_assert_no_dial (WsFixture *f, const char *suffix, const char *host_name, const char *why)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pRawConnection) out = ws_fixture_dial (f, f->transport, suffix, host_name, &error);

  g_assert_null (out);
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
  g_assert_nonnull (strstr (error->message, why));
}
