/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-ws-transport.h"
#include "test-context.h"

G_BEGIN_DECLS

#define WS_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define WS_UPGRADE                                                                                  \
  "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
  "Sec-WebSocket-Key: " WS_KEY "\r\n"

/* One transport, with as little of a host as it needs, and a port of it. */
typedef struct
{
  TestWorld *world;
  TestContext *context;
  Lp2pTransport *transport;
  Lp2pListener *listener;
} WsFixture;

/* For g_test_add(): of ws, with a configuration as its data, and of wss, which has the
 * certificate of localhost and trusts it. */
void ws_fixture_set_up (WsFixture *f, gconstpointer data);
void ws_fixture_set_up_secure (WsFixture *f, gconstpointer data);
void ws_fixture_tear_down (WsFixture *f, gconstpointer data);

/* The path of a certificate or key. */
char *ws_fixture_find (const char *name);
/* Puts a copy of one at @path. */
void ws_fixture_replace (const char *path, const char *name);
void ws_fixture_configure (WsFixture *f, const char *text);
void ws_fixture_configure_tls (WsFixture *f, const char *certificate, const char *key, const char *ca);
void ws_fixture_start (WsFixture *f, GType type, const char *name);

/* What an address of it has behind the socket. */
const char *ws_fixture_get_suffix (WsFixture *f);
Lp2pListener *ws_fixture_try_listen (WsFixture *f, const char *text, GError **error);
void ws_fixture_start_listening (WsFixture *f, const char *text);

/* A client of bytes. */
Lp2pLayer *ws_fixture_connect_bytes (WsFixture *f);
/* Likewise, which begins with some. */
Lp2pLayer *ws_fixture_begin (WsFixture *f, const char *text);
void ws_fixture_send_bytes (Lp2pLayer *layer, const char *text);
/* Whether the connection has ended. */
gboolean ws_fixture_read_more (Lp2pLayer *layer, GString *answer);
/* What comes up to the end of the connection. */
char *ws_fixture_read_all (WsFixture *f, Lp2pLayer *layer);
/* What a request is answered, likewise. */
char *ws_fixture_ask (WsFixture *f, const char *request);

/* Dials the port. */
Lp2pRawConnection *ws_fixture_dial (WsFixture *f, Lp2pTransport *transport, const char *suffix, const char *host_name, GError **error);
void ws_fixture_assert_dial (WsFixture *f, const char *suffix, const char *host_name);
void ws_fixture_assert_no_dial (WsFixture *f, const char *suffix, const char *host_name, const char *why);

G_END_DECLS
