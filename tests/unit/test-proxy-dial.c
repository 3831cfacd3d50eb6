/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>

#include "mock-proxy.h"
#include "net/lp2p-proxy-dial-private.h"
#include "tcp-hub-fixture.h"

/* Nobody is there: whoever connects, connects through a proxy. */
#define PEER4 "/ip4/192.0.2.1/tcp/4001"
#define PEER6 "/ip6/2001:db8::1/tcp/4001"

static const char *const schemes[] = {
  [MOCK_PROXY_SOCKS5] = "socks5",
  [MOCK_PROXY_SOCKS4A] = "socks4a",
  [MOCK_PROXY_HTTP] = "http",
};

/* GIO 2.74 never frees what it says to SOCKS 4a proxies, in functions that have no name
 * by which LeakSanitizer could leave them out. */
static gboolean
is_tested (MockProxyKind kind)
{
#if defined(__SANITIZE_ADDRESS__)
  return kind != MOCK_PROXY_SOCKS4A;
#else
  return TRUE;
#endif
}

static char *
dup_uri (MockProxy *proxy, const char *user)
{
  return g_strdup_printf ("%s://%s127.0.0.1:%u", schemes[proxy->kind], user, proxy->port);
}

static MockProxies *
use_proxies (Fixture *f, const char *first, const char *second)
{
  MockProxies *proxies = mock_proxies_new (first, second, NULL);

  lp2p_tcp_hub_set_proxy_resolver (f->hub, G_PROXY_RESOLVER (proxies));
  g_object_unref (proxies);
  return proxies;
}

static MockProxies *
use_proxy (Fixture *f, MockProxy *proxy, const char *user)
{
  g_autofree char *uri = dup_uri (proxy, user);

  return use_proxies (f, uri, NULL);
}

static void
start (Dial *self, Fixture *f, const char *text, const char *host_name, GCancellable *cancellable)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);

  *self = (Dial) { 0 };
  lp2p_tcp_hub_dial_async (f->hub, address, host_name, LP2P_TCP_REUSE_PORT | LP2P_TCP_FAST_OPEN, cancellable, dialed,
                           self);
  g_assert_false (self->done);
}

/* By a name that is not looked up here. */
static void
connect_to_name (Dial *self, Fixture *f, const char *text)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);

  *self = (Dial) { 0 };
  lp2p_tcp_hub_dial_async (f->hub, address, NULL, LP2P_TCP_DIAL_NONE, NULL, dialed, self);
  g_assert_false (self->done);
  dial_wait (self, f);
}

static void
connect_to (Dial *self, Fixture *f, const char *text, const char *host_name)
{
  start (self, f, text, host_name, NULL);
  dial_wait (self, f);
}

/* Through the tunnel and back. */
static void
assert_connected (Dial *self, Fixture *f)
{
  char buffer[16];
  gsize got = 0;

  g_assert_no_error (self->error);
  g_assert_cmpstr (self->socket_id, ==, LP2P_SOCKET_ID_PROXY);
  g_assert_true (lp2p_multiaddr_is_loopback (self->local));
  g_assert_cmpint (lp2p_layer_write (self->layer, "hello", 5, LP2P_WRITE_NONE), ==, 5);
  lp2p_layer_want (self->layer, LP2P_READY_READ);
  while (got < 5)
    got += read_some (f, self->layer, buffer + got, sizeof buffer - got);
  g_assert_cmpmem (buffer, got, "hello", 5);
}

static void
assert_failed (Dial *self, GIOErrorEnum code, const char *message)
{
  g_assert_error (self->error, G_IO_ERROR, (gint) code);
  if (!g_str_has_prefix (self->error->message, message))
    g_error ("expected \"%s\", got \"%s\"", message, self->error->message);
  g_assert_null (strstr (self->error->message, "secret"));
}

/* What the proxy is asked for */

typedef struct
{
  MockProxyKind kind;
  const char *address;
  const char *host_name;
  const char *uri; /* the resolver is asked for */
  const char *told;
  gsize told_size;
} Works;

#define TOLD(bytes) bytes, sizeof bytes - 1

static const Works works[] = {
  { MOCK_PROXY_SOCKS5, PEER4, NULL, "tcp://192.0.2.1:4001", TOLD ("\5\1\0\1\xc0\0\2\1\x0f\xa1") },
  { MOCK_PROXY_SOCKS5, PEER6, NULL, "tcp://[2001:db8::1]:4001",
    TOLD ("\5\1\0\4\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x0f\xa1") },
  { MOCK_PROXY_SOCKS5, PEER6, "peer.test", "tcp://peer.test:4001", TOLD ("\5\1\0\3\x09peer.test\x0f\xa1") },
  { MOCK_PROXY_SOCKS4A, PEER4, NULL, "tcp://192.0.2.1:4001", TOLD ("\4\1\x0f\xa1") },
  { MOCK_PROXY_SOCKS4A, PEER4, "peer.test", "tcp://peer.test:4001", TOLD ("\0peer.test\0") },
  { MOCK_PROXY_HTTP, PEER4, NULL, "tcp://192.0.2.1:4001", TOLD ("CONNECT 192.0.2.1:4001 HTTP/1.") },
  { MOCK_PROXY_HTTP, PEER6, NULL, "tcp://[2001:db8::1]:4001", TOLD ("CONNECT [2001:db8::1]:4001 HTTP/1.") },
  { MOCK_PROXY_HTTP, PEER4, "peer.test", "tcp://peer.test:4001", TOLD ("CONNECT peer.test:4001 HTTP/1.") },
};

static void
test_works (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (works); i++)
    {
      const Works *w = &works[i];
      MockProxy proxy;
      MockProxies *proxies;
      Dial out;

      if (!is_tested (w->kind))
        continue;
      mock_proxy_start (&proxy, w->kind);
      proxies = use_proxy (f, &proxy, "");
      connect_to (&out, f, w->address, w->host_name);
      g_assert_cmpstr (proxies->asked, ==, w->uri);
      assert_connected (&out, f);
      g_assert_true (mock_proxy_was_told (&proxy, w->told, w->told_size));
      dial_clear (&out);
      mock_proxy_stop (&proxy);
    }
}

/* Users */

static void
test_user (Fixture *f, gconstpointer data)
{
  static const struct
  {
    MockProxyKind kind;
    const char *user;
    int code; /* 0: it works */
  } cases[] = {
    { MOCK_PROXY_SOCKS5, "alice:secret@", 0 },
    { MOCK_PROXY_SOCKS5, "", G_IO_ERROR_PROXY_NEED_AUTH },
    { MOCK_PROXY_SOCKS5, "mallory:secret@", G_IO_ERROR_PROXY_AUTH_FAILED },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      MockProxy proxy;
      g_autofree char *message = NULL;
      Dial out;

      mock_proxy_start (&proxy, cases[i].kind);
      proxy.user = "alice";
      message = g_strdup_printf ("Cannot connect to " PEER4 " through the proxy socks5://127.0.0.1:%u: ", proxy.port);
      use_proxy (f, &proxy, cases[i].user);
      connect_to (&out, f, PEER4, NULL);
      if (cases[i].code == 0)
        assert_connected (&out, f);
      else
        assert_failed (&out, cases[i].code, message);
      dial_clear (&out);
      mock_proxy_stop (&proxy);
    }
}

/* Refusals */

static void
test_refused (Fixture *f, gconstpointer data)
{
  static const struct
  {
    MockProxyKind kind;
    const char *reply;
    gsize reply_size;
    int code;
  } cases[] = {
    { MOCK_PROXY_SOCKS5, TOLD ("\5\2\0\1\0\0\0\0\0\0"), G_IO_ERROR_PROXY_NOT_ALLOWED },
    { MOCK_PROXY_SOCKS5, TOLD ("\5\5\0\1\0\0\0\0\0\0"), G_IO_ERROR_CONNECTION_REFUSED },
    { MOCK_PROXY_SOCKS5, TOLD ("HTTP/1.1 400 Bad Request\r\n\r\n"), G_IO_ERROR_PROXY_FAILED },
    { MOCK_PROXY_SOCKS4A, TOLD ("\0\x5b\0\0\0\0\0\0"), G_IO_ERROR_PROXY_FAILED },
    { MOCK_PROXY_HTTP, TOLD ("HTTP/1.1 403 Forbidden\r\n\r\n"), G_IO_ERROR_PROXY_NOT_ALLOWED },
    { MOCK_PROXY_HTTP, TOLD ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), G_IO_ERROR_PROXY_NEED_AUTH },
    { MOCK_PROXY_HTTP, TOLD ("HTTP/1.1 502 Bad Gateway\r\n\r\n"), G_IO_ERROR_PROXY_FAILED },
    { MOCK_PROXY_HTTP, TOLD ("SSH-2.0-test\r\n\r\n"), G_IO_ERROR_PROXY_FAILED },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      MockProxy proxy;
      Dial out;

      if (!is_tested (cases[i].kind))
        continue;
      mock_proxy_start (&proxy, cases[i].kind);
      proxy.reply = cases[i].reply;
      proxy.reply_size = cases[i].reply_size;
      use_proxy (f, &proxy, "");
      connect_to (&out, f, PEER4, "peer.test");
      assert_failed (&out, cases[i].code, "Cannot connect to " PEER4 " through the proxy ");
      dial_clear (&out);
      mock_proxy_stop (&proxy);
    }
}

/* Without a way that works, nothing reaches the peer itself. */
static void
test_not_directly (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pTcpHub) hub = lp2p_tcp_hub_new (f->loop);
  Lp2pTcpHub *own = f->hub;
  Acceptor target;
  static const struct
  {
    const char *proxy;
    int code;
    const char *message;
  } cases[] = {
    { "socks5://127.0.0.1:1", G_IO_ERROR_PROXY_FAILED, " through the proxy socks5://127.0.0.1:1: " },
    { "http://alice:secret@127.0.0.1:1", G_IO_ERROR_PROXY_FAILED, " through the proxy http://127.0.0.1:1: " },
    { "quic://alice:secret@127.0.0.1:1", G_IO_ERROR_NOT_SUPPORTED,
      " through the proxy quic://127.0.0.1:1: GIO knows no proxies of the kind quic" },
    { "socks5:", G_IO_ERROR_INVALID_ARGUMENT, " through the proxy socks5:: it has no host name" },
    { "alice:secret", G_IO_ERROR_INVALID_ARGUMENT, " through the proxy alice:: it has no host name" },
    { "secret", G_IO_ERROR_INVALID_ARGUMENT, ": the configuration names a proxy that is no URI" },
    { NULL, G_IO_ERROR_FAILED, ": looking for a proxy: no configuration" },
  };

  f->hub = hub;
  start_listening (&target, f, "/ip4/127.0.0.1/tcp/0", NULL);
  f->hub = own;
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *message =
          g_strdup_printf ("Cannot connect to %s%s", get_address (&target), cases[i].message);
      Dial out;

      use_proxies (f, cases[i].proxy, NULL);
      connect_to (&out, f, get_address (&target), NULL);
      assert_failed (&out, cases[i].code, message);
      dial_clear (&out);
    }
  /* One that comes now is the first. */
  lp2p_tcp_hub_set_proxy_resolver (f->hub, NULL);
  {
    Dial out;

    connect_to (&out, f, get_address (&target), NULL);
    wait_accepted (&target, 1);
    settle (f);
    g_assert_cmpuint (target.layers->len, ==, 1);
    dial_clear (&out);
  }
  stop_listening (&target);
}

/* Alternatives */

static void
test_direct (Fixture *f, gconstpointer data)
{
  static const char *const orders[][2] = {
    { "direct://", NULL },
    { "socks5://127.0.0.1:1", "direct://" },
  };
  g_autoptr (Lp2pTcpHub) hub = lp2p_tcp_hub_new (f->loop);
  Lp2pTcpHub *own = f->hub;
  Acceptor source, target;

  start_listening (&source, f, "/ip4/0.0.0.0/tcp/0", NULL);
  f->hub = hub;
  start_listening (&target, f, "/ip4/127.0.0.1/tcp/0", NULL);
  f->hub = own;
  for (guint i = 0; i < G_N_ELEMENTS (orders); i++)
    {
      Dial out;

      use_proxies (f, orders[i][0], orders[i][1]);
      connect_to (&out, f, get_address (&target), NULL);
      g_assert_no_error (out.error);
      /* As without proxies: from the port that is listened on, where that is free. */
      if (i == 0)
        g_assert_cmpstr (out.socket_id, ==, lp2p_tcp_binding_get_socket_id (source.binding));
      g_assert_cmpstr (out.socket_id, !=, LP2P_SOCKET_ID_PROXY);
      wait_accepted (&target, i + 1);
      dial_clear (&out);
    }
  stop_listening (&source);
  stop_listening (&target);
}

static void
test_next (Fixture *f, gconstpointer data)
{
  MockProxy refusing, working;
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  Dial out;

  mock_proxy_start (&refusing, MOCK_PROXY_HTTP);
  refusing.reply = "HTTP/1.1 502 Bad Gateway\r\n\r\n";
  refusing.reply_size = strlen (refusing.reply);
  mock_proxy_start (&working, MOCK_PROXY_SOCKS5);
  first = dup_uri (&refusing, "");
  second = dup_uri (&working, "");

  use_proxies (f, first, second);
  connect_to (&out, f, PEER4, NULL);
  assert_connected (&out, f);
  dial_clear (&out);
  g_assert_cmpuint (refusing.n_accepted, ==, 1);

  /* Directly first: nobody listens there. */
  use_proxies (f, "direct://", second);
  connect_to (&out, f, "/ip4/127.0.0.1/tcp/1", NULL);
  assert_connected (&out, f);
  dial_clear (&out);

  /* Of several errors, the first. */
  use_proxies (f, first, "socks5://127.0.0.1:1");
  connect_to (&out, f, PEER4, NULL);
  assert_failed (&out, G_IO_ERROR_PROXY_FAILED, "Cannot connect to " PEER4 " through the proxy http://");
  dial_clear (&out);

  mock_proxy_stop (&refusing);
  mock_proxy_stop (&working);
}

static void
test_ignored_hosts (Fixture *f, gconstpointer data)
{
  char *ignored[] = { (char *) "127.0.0.0/8", NULL };
  g_autoptr (GProxyResolver) resolver = NULL;
  g_autofree char *uri = NULL;
  MockProxy proxy;
  Dial out;

  mock_proxy_start (&proxy, MOCK_PROXY_SOCKS5);
  uri = dup_uri (&proxy, "");
  resolver = g_simple_proxy_resolver_new (uri, ignored);
  lp2p_tcp_hub_set_proxy_resolver (f->hub, resolver);

  connect_to (&out, f, "/ip4/127.0.0.1/tcp/1", NULL);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_assert_cmpuint (proxy.n_accepted, ==, 0);
  dial_clear (&out);

  connect_to (&out, f, PEER4, NULL);
  assert_connected (&out, f);
  dial_clear (&out);
  mock_proxy_stop (&proxy);
}

/* Faults */

/* The connection that is consented to with the last byte ends at once. */
static void
assert_ended (Dial *self, Fixture *f)
{
  char byte;

  g_assert_no_error (self->error);
  lp2p_layer_want (self->layer, LP2P_READY_READ);
  g_assert_cmpuint (read_some (f, self->layer, &byte, 1), ==, 0);
}

static void
test_cut (Fixture *f, gconstpointer data)
{
  static const gsize sizes[] = {
    [MOCK_PROXY_SOCKS5] = 2 + 10,
    [MOCK_PROXY_SOCKS4A] = 8,
    [MOCK_PROXY_HTTP] = 33,
  };

  for (guint kind = 0; kind < G_N_ELEMENTS (sizes); kind++)
    for (gsize limit = 0; is_tested (kind) && limit <= sizes[kind]; limit++)
      {
        MockProxy proxy;
        Dial out;

        mock_proxy_start (&proxy, kind);
        proxy.limit = limit;
        use_proxy (f, &proxy, "");
        connect_to (&out, f, PEER4, "peer.test");
        if (limit == sizes[kind])
          assert_ended (&out, f);
        else
          assert_failed (&out, G_IO_ERROR_PROXY_FAILED, "Cannot connect to " PEER4 " through the proxy ");
        dial_clear (&out);
        mock_proxy_stop (&proxy);
      }
}

/* Whatever it waits for. */
static void
test_silent (Fixture *f, gconstpointer data)
{
  for (guint kind = 0; kind <= MOCK_PROXY_HTTP; kind++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      MockProxy proxy;
      Dial out;

      if (!is_tested (kind))
        continue;
      mock_proxy_start (&proxy, kind);
      proxy.silent = TRUE;
      use_proxy (f, &proxy, "");
      start (&out, f, PEER4, "peer.test", cancellable);
      while (proxy.requests->len == 0)
        g_main_context_iteration (f->context, TRUE);
      settle (f);
      g_assert_false (out.done);
      g_cancellable_cancel (cancellable);
      dial_wait (&out, f);
      g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      dial_clear (&out);
      mock_proxy_stop (&proxy);
    }
}

static void
test_cancel_lookup (Fixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  MockProxies *proxies = use_proxies (f, "direct://", NULL);
  Dial out;

  proxies->hold = TRUE;
  start (&out, f, PEER4, NULL, cancellable);
  settle (f);
  g_assert_false (out.done);
  g_cancellable_cancel (cancellable);
  dial_wait (&out, f);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_null (proxies->held);
  dial_clear (&out);
  settle (f);
}

/* After any number of steps. */
static gboolean
interrupt (Fixture *f, MockProxyKind kind, guint steps, gboolean close)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  gboolean connected;
  MockProxy proxy;
  Dial out;

  mock_proxy_start (&proxy, kind);
  use_proxy (f, &proxy, "");
  start (&out, f, PEER4, "peer.test", cancellable);
  for (guint i = 0; i < steps && !out.done; i++)
    g_main_context_iteration (f->context, TRUE);
  connected = out.done;
  if (close)
    lp2p_tcp_hub_close (f->hub);
  else
    g_cancellable_cancel (cancellable);
  dial_wait (&out, f);
  /* What was about to be told when the hub closed lives on. */
  if (connected || (close && out.layer != NULL))
    g_assert_no_error (out.error);
  else
    g_assert_error (out.error, G_IO_ERROR, (int) (close ? G_IO_ERROR_CLOSED : G_IO_ERROR_CANCELLED));
  dial_clear (&out);
  mock_proxy_stop (&proxy);
  settle (f);
  return connected;
}

static void
test_interrupt (Fixture *f, gconstpointer data)
{
  for (guint kind = 0; kind <= MOCK_PROXY_HTTP; kind++)
    for (guint close = 0; close < 2; close++)
      for (guint steps = 0; is_tested (kind) && !interrupt (f, kind, steps, close); steps++)
        {
          g_clear_object (&f->hub);
          f->hub = lp2p_tcp_hub_new (f->loop);
        }
}

/* Names */

/* No name in .test exists: whoever looks it up gets nowhere. */
#define NAME "/dns4/peer.test/tcp/4001"

static void
test_names (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (works); i++)
    {
      const Works *w = &works[i];
      MockProxy proxy = { 0 };
      MockProxies *proxies;
      Dial dial;

      if (w->host_name == NULL || !is_tested (w->kind))
        continue;
      mock_proxy_start (&proxy, w->kind);
      proxies = use_proxy (f, &proxy, "");
      connect_to_name (&dial, f, NAME "/p2p/12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq");
      assert_connected (&dial, f);
      g_assert_cmpstr (proxies->asked, ==, w->uri);
      g_assert_true (mock_proxy_was_told (&proxy, w->told, w->told_size));
      dial_clear (&dial);
      mock_proxy_stop (&proxy);
    }
}

static void
test_names_refused (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *proxy;
    GIOErrorEnum code;
    const char *message;
  } refused[] = {
    { "socks4://127.0.0.1:1", G_IO_ERROR_NOT_SUPPORTED, "Cannot connect to " NAME " through the proxy socks4://127.0.0.1:1: it takes no names" },
    { "http://127.0.0.1:1", G_IO_ERROR_PROXY_FAILED, "Cannot connect to " NAME " through the proxy http://127.0.0.1:1: " },
    { "direct://", G_IO_ERROR_HOST_NOT_FOUND, "Cannot connect to " NAME ": no proxy looks the name up" },
  };
  Dial dial;

  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      use_proxies (f, refused[i].proxy, NULL);
      connect_to_name (&dial, f, NAME);
      assert_failed (&dial, refused[i].code, refused[i].message);
      dial_clear (&dial);
    }
  lp2p_tcp_hub_set_proxy_resolver (f->hub, NULL);
  connect_to_name (&dial, f, NAME);
  assert_failed (&dial, G_IO_ERROR_INVALID_ARGUMENT, "Cannot connect to " NAME ": there is no proxy that looks names up");
  dial_clear (&dial);
}

static void
store_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(int *) user_data = lp2p_tcp_hub_takes_name_finish (LP2P_TCP_HUB (source), result);
}

/* Whether a name stays one is up to the first proxy. */
static void
test_takes_name (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *first;
    const char *second;
    gboolean answer;
  } cases[] = {
    { "socks5://127.0.0.1:1", "direct://", TRUE },
    { "http://127.0.0.1:1", NULL, TRUE },
    { "direct://", "socks5://127.0.0.1:1", FALSE },
    { "socks4://127.0.0.1:1", NULL, FALSE },
    { "nonsense", NULL, TRUE },
    { "strange://127.0.0.1", NULL, TRUE },
    { NULL, NULL, TRUE },
  };
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (NAME, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      MockProxies *proxies = use_proxies (f, cases[i].first, cases[i].second);
      int answer = -1;

      lp2p_tcp_hub_takes_name_async (f->hub, address, NULL, store_answer, &answer);
      while (answer < 0)
        g_main_context_iteration (f->context, TRUE);
      g_assert_cmpint (answer, ==, cases[i].answer);
      g_assert_cmpstr (proxies->asked, ==, "tcp://peer.test:4001");
    }
}

#define ADD(path, func) g_test_add ("/proxy-dial/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("works", test_works);
  ADD ("user", test_user);
  ADD ("refused", test_refused);
  ADD ("not-directly", test_not_directly);
  ADD ("direct", test_direct);
  ADD ("next", test_next);
  ADD ("ignored-hosts", test_ignored_hosts);
  ADD ("cut", test_cut);
  ADD ("silent", test_silent);
  ADD ("cancel-lookup", test_cancel_lookup);
  ADD ("interrupt", test_interrupt);
  ADD ("names", test_names);
  ADD ("names-refused", test_names_refused);
  ADD ("takes-name", test_takes_name);

  return g_test_run ();
}
