/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-tcp-transport.h"

#include <string.h>

/* The little of a host that the transport needs. */
#define TEST_TYPE_CONTEXT (test_context_get_type ())
G_DECLARE_FINAL_TYPE (TestContext, test_context, TEST, CONTEXT, GObject)

struct _TestContext
{
  GObject parent_instance;

  Lp2pLoop *loop;
  Lp2pConfig *config;
  Lp2pTcpHub *hub;
  GPtrArray *inbound; /* of Lp2pRawConnection */
};

static void test_context_iface_init (Lp2pContextInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TestContext,
                               test_context,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_CONTEXT, test_context_iface_init))

static void
test_context_finalize (GObject *object)
{
  TestContext *self = TEST_CONTEXT (object);

  g_ptr_array_unref (self->inbound);
  g_object_unref (self->hub);
  g_object_unref (self->config);
  lp2p_loop_unref (self->loop);
  G_OBJECT_CLASS (test_context_parent_class)->finalize (object);
}

static void
test_context_class_init (TestContextClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_context_finalize;
}

static void
test_context_init (TestContext *self)
{
  self->loop = lp2p_loop_new (NULL, NULL);
  self->config = lp2p_config_new ();
  self->hub = lp2p_tcp_hub_new (self->loop);
  self->inbound = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_raw_connection_free);
}

static Lp2pLoop *
get_loop (Lp2pContext *context)
{
  return TEST_CONTEXT (context)->loop;
}

static Lp2pConfig *
get_config (Lp2pContext *context)
{
  return TEST_CONTEXT (context)->config;
}

static Lp2pTcpHub *
get_tcp_hub (Lp2pContext *context)
{
  return TEST_CONTEXT (context)->hub;
}

static gboolean
begin_inbound (Lp2pContext *context,
               const char *transport,
               Lp2pMultiaddr *remote_address,
               GError **error)
{
  return TRUE;
}

static void
offer_inbound (Lp2pContext *context, Lp2pRawConnection *raw)
{
  g_ptr_array_add (TEST_CONTEXT (context)->inbound, raw);
}

static void
test_context_iface_init (Lp2pContextInterface *iface)
{
  iface->get_loop = get_loop;
  iface->get_config = get_config;
  iface->get_tcp_hub = get_tcp_hub;
  iface->begin_inbound = begin_inbound;
  iface->offer_inbound = offer_inbound;
}

typedef struct
{
  TestContext *context;
  Lp2pTransport *transport;
} Fixture;

typedef struct
{
  Lp2pRawConnection *raw;
  GError *error;
  gboolean done;
} Dial;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  f->context = g_object_new (TEST_TYPE_CONTEXT, NULL);
  f->transport = g_object_new (LP2P_TYPE_TCP_TRANSPORT, "context", f->context, "name", "tcp", NULL);
  if (data != NULL)
    {
      lp2p_config_load_data (f->context->config, data, strlen (data), "test", &error);
      g_assert_no_error (error);
    }
  lp2p_extension_start (LP2P_EXTENSION (f->transport), &error);
  g_assert_no_error (error);
}

static void
settle (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  lp2p_extension_stop (LP2P_EXTENSION (f->transport));
  settle ();
  g_object_add_weak_pointer (G_OBJECT (f->transport), (gpointer *) &f->transport);
  g_object_unref (f->transport);
  g_assert_null (f->transport);
  g_object_add_weak_pointer (G_OBJECT (f->context), (gpointer *) &f->context);
  g_object_unref (f->context);
  g_assert_null (f->context);
}

static Lp2pListener *
start_listening (Fixture *f, const char *text)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (GError) error = NULL;
  Lp2pListener *listener = lp2p_transport_listen (f->transport, address, &error);

  g_assert_no_error (error);
  return listener;
}

static void
on_dialed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Dial *dial = user_data;

  dial->raw = lp2p_transport_dial_finish (LP2P_TRANSPORT (source), result, &dial->error);
  dial->done = TRUE;
}

static void
dial_start (Dial *dial,
            Fixture *f,
            const char *text,
            const Lp2pDialOptions *options,
            GCancellable *cancellable)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);

  g_assert_nonnull (address);
  *dial = (Dial) { 0 };
  lp2p_transport_dial_async (f->transport, address, options, cancellable, on_dialed, dial);
  g_assert_false (dial->done);
}

static void
dial_wait (Dial *dial)
{
  while (!dial->done)
    g_main_context_iteration (NULL, TRUE);
}

static void
dial_clear (Dial *dial)
{
  g_clear_pointer (&dial->raw, lp2p_raw_connection_free);
  g_clear_error (&dial->error);
}

static void
test_match (Fixture *f, gconstpointer data)
{
  static const char *const yes[] = {
    "/ip4/192.0.2.1/tcp/4001",
    "/ip6/2001:db8::1/tcp/4001",
    "/ip6zone/eth0/ip6/fe80::1/tcp/4001",
    "/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN",
    "/ip4/0.0.0.0/tcp/0",
  };
  static const char *const no[] = {
    "/ip4/192.0.2.1/udp/4001",
    "/ip4/192.0.2.1",
    "/dnsaddr/example.org/tcp/4001",
    "/dns4/example.org/tcp/4001/ws",
    "/ip4/192.0.2.1/tcp/4001/ws",
    "/ip4/192.0.2.1/tcp/4001/tls/ws",
    "/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN/p2p-circuit",
    "/ip4/192.0.2.1/tcp/4001/tcp/4002",
    "/ip6zone/eth0",
    "/memory/1",
    "/tcp/4001",
  };

  for (guint i = 0; i < G_N_ELEMENTS (yes); i++)
    {
      g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (yes[i], NULL);

      g_assert_true (lp2p_transport_match (f->transport, address));
      g_assert_false (lp2p_transport_match_name (f->transport, address));
      g_assert_cmpuint (lp2p_transport_get_dial_rank (f->transport, address), ==, 100);
    }
  for (guint i = 0; i < G_N_ELEMENTS (no); i++)
    {
      g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (no[i], NULL);
      g_autoptr (GError) error = NULL;
      Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
      Dial dial;

      g_assert_nonnull (address);
      g_assert_false (lp2p_transport_match (f->transport, address));
      g_assert_false (lp2p_transport_match_name (f->transport, address));
      g_assert_null (lp2p_transport_listen (f->transport, address, &error));
      g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NO_TRANSPORT);
      dial_start (&dial, f, no[i], &options, NULL);
      dial_wait (&dial);
      g_assert_error (dial.error, LP2P_ERROR, LP2P_ERROR_NO_TRANSPORT);
      dial_clear (&dial);
    }
  g_assert_cmpint (lp2p_transport_get_flags (f->transport), ==,
                   LP2P_TRANSPORT_DIALS | LP2P_TRANSPORT_LISTENS | LP2P_TRANSPORT_NEEDS_UPGRADE);
}

/* Names are for a proxy: without one they are not dialed, and nobody listens on them. */
static void
test_match_name (Fixture *f, gconstpointer data)
{
  static const char *const names[] = {
    "/dns/example.org/tcp/4001",
    "/dns4/example.org/tcp/4001",
    "/dns6/example.org/tcp/4001/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN",
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (names[i], NULL);
      g_autoptr (GError) error = NULL;
      Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
      Dial dial;

      g_assert_true (lp2p_transport_match_name (f->transport, address));
      g_assert_false (lp2p_transport_match (f->transport, address));
      g_assert_null (lp2p_transport_listen (f->transport, address, &error));
      g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NO_TRANSPORT);
      dial_start (&dial, f, names[i], &options, NULL);
      dial_wait (&dial);
      g_assert_error (dial.error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      dial_clear (&dial);
    }
}

static void
test_connect (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pListener) listener = start_listening (f, "/ip4/127.0.0.1/tcp/0");
  GPtrArray *bound = lp2p_listener_get_bound_addresses (listener);
  const char *text = lp2p_multiaddr_get_string (g_ptr_array_index (bound, 0));
  g_autofree char *with_peer =
      g_strconcat (text, "/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN", NULL);
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  Lp2pRawConnection *in;
  char buffer[8];
  gssize size;
  Dial dial;

  g_assert_cmpuint (bound->len, ==, 1);
  g_assert_cmpuint (lp2p_listener_get_suffixes (listener)->len, ==, 0);
  g_assert_cmpstr (lp2p_listener_get_transport (listener), ==, "tcp");
  g_assert_cmpstr (lp2p_listener_get_socket_id (listener), ==, text);

  options.reuse_local_port = FALSE;
  dial_start (&dial, f, with_peer, &options, NULL);
  dial_wait (&dial);
  g_assert_no_error (dial.error);
  while (f->context->inbound->len == 0)
    g_main_context_iteration (NULL, TRUE);
  in = g_ptr_array_index (f->context->inbound, 0);

  g_assert_cmpstr (dial.raw->transport, ==, "tcp");
  g_assert_cmpint (dial.raw->transport_role, ==, LP2P_ROLE_INITIATOR);
  g_assert_cmpstr (lp2p_multiaddr_get_string (dial.raw->remote_address), ==, text);
  g_assert_null (dial.raw->socket_id);
  g_assert_null (dial.raw->session);
  g_assert_cmpstr (in->transport, ==, "tcp");
  g_assert_cmpint (in->transport_role, ==, LP2P_ROLE_RESPONDER);
  g_assert_cmpstr (lp2p_multiaddr_get_string (in->local_address), ==, text);
  g_assert_true (lp2p_multiaddr_equal (in->remote_address, dial.raw->local_address));
  g_assert_cmpstr (in->socket_id, ==, lp2p_listener_get_socket_id (listener));

  g_assert_cmpint (lp2p_layer_write (dial.raw->layer, "hello", 5, LP2P_WRITE_NONE), ==, 5);
  while ((size = lp2p_layer_read (in->layer, buffer, sizeof buffer)) == LP2P_IO_AGAIN)
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpmem (buffer, size, "hello", 5);

  /* Closed, it is refused; the connection stays. */
  lp2p_listener_close (listener);
  dial_clear (&dial);
  options.no_fast_open = TRUE;
  dial_start (&dial, f, text, &options, NULL);
  dial_wait (&dial);
  g_assert_error (dial.error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  dial_clear (&dial);
  g_assert_null (lp2p_layer_get_error (in->layer));
}

static void
test_reuse_port (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pListener) source = start_listening (f, "/ip4/0.0.0.0/tcp/0");
  Lp2pTcpHub *own = f->context->hub;
  g_autoptr (Lp2pTcpHub) other = lp2p_tcp_hub_new (f->context->loop);
  g_autoptr (Lp2pListener) target = NULL;
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  const char *port = strrchr (lp2p_listener_get_socket_id (source), '/');
  gboolean reuse = data == NULL;
  Dial dial;

  /* The target is another host. */
  f->context->hub = other;
  target = start_listening (f, "/ip4/127.0.0.1/tcp/0");
  f->context->hub = own;

  dial_start (&dial, f, lp2p_listener_get_socket_id (target), &options, NULL);
  dial_wait (&dial);
  g_assert_no_error (dial.error);
  g_assert_cmpstr (dial.raw->socket_id, ==, reuse ? lp2p_listener_get_socket_id (source) : NULL);
  g_assert_cmpint (g_str_has_suffix (lp2p_multiaddr_get_string (dial.raw->local_address), port), ==,
                   reuse);
  dial_clear (&dial);
}

/* A hole punch waits for its time. */
static void
test_punch (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pListener) listener = start_listening (f, "/ip4/127.0.0.1/tcp/0");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  const char *text = lp2p_listener_get_socket_id (listener);
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  Dial dial, late;

  options.reuse_local_port = FALSE;
  options.punch_at = lp2p_loop_now (f->context->loop) + 20 * 1000;
  dial_start (&dial, f, text, &options, NULL);
  dial_wait (&dial);
  g_assert_no_error (dial.error);
  g_assert_cmpint (lp2p_loop_now (f->context->loop), >=, options.punch_at);
  dial_clear (&dial);

  options.punch_at = lp2p_loop_now (f->context->loop) + G_TIME_SPAN_HOUR;
  dial_start (&dial, f, text, &options, cancellable);
  dial_start (&late, f, text, &options, NULL);
  settle ();
  g_assert_false (dial.done);
  g_cancellable_cancel (cancellable);
  dial_wait (&dial);
  g_assert_error (dial.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (late.done);
  lp2p_extension_stop (LP2P_EXTENSION (f->transport));
  g_assert_false (late.done);
  dial_wait (&late);
  g_assert_error (late.error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  dial_clear (&dial);
  dial_clear (&late);
}

static void
test_stop (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pListener) listener = start_listening (f, "/ip4/127.0.0.1/tcp/0");
  Lp2pListener *dropped = start_listening (f, "/ip4/127.0.0.1/tcp/0");
  g_autofree char *text = g_strdup (lp2p_listener_get_socket_id (listener));
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Dial pending, late, cancelled;

  g_object_unref (dropped);
  options.reuse_local_port = FALSE;
  g_cancellable_cancel (cancellable);
  dial_start (&cancelled, f, text, &options, cancellable);
  dial_start (&pending, f, text, &options, NULL);
  lp2p_extension_stop (LP2P_EXTENSION (f->transport));
  g_assert_true (lp2p_listener_is_closed (listener));
  g_assert_false (pending.done);
  dial_start (&late, f, text, &options, NULL);
  dial_wait (&pending);
  dial_wait (&late);
  dial_wait (&cancelled);
  g_assert_error (pending.error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_assert_error (late.error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_assert_error (cancelled.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  dial_clear (&pending);
  dial_clear (&late);
  dial_clear (&cancelled);
}

static void
test_options (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (lp2p_config_get_uint (f->context->config, "plugin tcp", "keepalive"), ==, 5);
  g_assert_cmpuint (lp2p_config_get_uint (f->context->config, "plugin tcp", "user-timeout"), ==,
                    60);
  g_assert_false (lp2p_config_get_boolean (f->context->config, "plugin tcp", "fast-open"));
  lp2p_config_validate (f->context->config, &error);
  g_assert_no_error (error);
}

#define ADD(path, data, func) g_test_add ("/tcp/" path, Fixture, data, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("match", NULL, test_match);
  ADD ("match-name", NULL, test_match_name);
  ADD ("connect", NULL, test_connect);
  ADD ("reuse-port", NULL, test_reuse_port);
  ADD ("reuse-port-off", "[plugin tcp]\nreuse-port=false\n", test_reuse_port);
  ADD ("punch", NULL, test_punch);
  ADD ("stop", NULL, test_stop);
  ADD ("options", "[plugin tcp]\nkeepalive=5\nfast-open=false\n", test_options);

  return g_test_run ();
}
