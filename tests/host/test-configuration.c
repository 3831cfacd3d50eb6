/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A host that runs follows its configuration. */

#include "mock-proxy.h"
#include "test-host.h"

#include <lp2p/host/lp2p-settings.h>

#define PING "/ipfs/ping/1.0.0"

static const char config_text[] = "[host]\n"
                                  "transports=['memory']\n"
                                  "security=['noise']\n"
                                  "muxers=['yamux']\n"
                                  "services=['ping']\n"
                                  "listen=['/memory/0']\n";

/* The last of the library's messages. */
static char *last_message;

static GLogWriterOutput
keep_message (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  for (gsize i = 0; i < n_fields; i++)
    if (level <= G_LOG_LEVEL_MESSAGE && g_str_equal (fields[i].key, "MESSAGE"))
      {
        g_free (last_message);
        last_message = g_strdup (fields[i].value);
      }
  return g_log_writer_default (level, fields, n_fields, user_data);
}

static void
assert_said (const char *pattern)
{
  g_assert_nonnull (last_message);
  g_assert_true (g_pattern_match_simple (pattern, last_message));
  g_clear_pointer (&last_message, g_free);
}

typedef struct
{
  TestWorld *world;
  TestHost *dialer;
  TestHost *host;
  Lp2pConfig *config;
  guint n_notified;
} Fixture;

static void
on_addresses (Lp2pHost *host, GParamSpec *pspec, gpointer user_data)
{
  ((Fixture *) user_data)->n_notified++;
}

static void
setup_with (Fixture *self, gboolean real, const char *text)
{
  *self = (Fixture){ .world = test_world_new (real) };
  self->dialer = test_host_new (self->world, text);
  self->host = test_host_new (self->world, text);
  self->config = lp2p_host_get_config (self->host->host);
  test_world_settle (self->world);
  g_signal_connect (self->host->host, "notify::listen-addresses", G_CALLBACK (on_addresses), self);
}

static void
setup (Fixture *self)
{
  setup_with (self, FALSE, config_text);
}

static void
teardown (Fixture *self)
{
  test_host_close (self->dialer);
  test_host_close (self->host);
  test_host_free (self->dialer);
  test_host_free (self->host);
  test_world_free (self->world);
}

static void
set (Fixture *self, const char *key, const char *text)
{
  g_autoptr (GError) error = NULL;

  lp2p_config_set_from_string (self->config, "host", key, text, &error);
  g_assert_no_error (error);
  test_world_settle (self->world);
}

static guint
count_addresses (Fixture *self)
{
  g_autoptr (GPtrArray) addresses = lp2p_host_dup_listen_addresses (self->host->host);

  return addresses->len;
}

static Lp2pConnection *
try_connect (Fixture *self, Lp2pMultiaddr *address, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  lp2p_host_connect_async (self->dialer->host, address, NULL, test_take_result, &result);
  test_wait (self->world, result);
  return lp2p_host_connect_finish (self->dialer->host, result, error);
}

static gboolean
serves_ping (Fixture *self, Lp2pConnection *connection)
{
  const char *const protocols[] = { PING, "/lp2p/other/1", NULL };
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pStream) stream = NULL;

  lp2p_connection_open_stream_async (connection, protocols, LP2P_STREAM_NONE, NULL, test_take_result, &result);
  test_wait (self->world, result);
  stream = lp2p_connection_open_stream_finish (connection, result, &error);
  if (stream == NULL)
    g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NOT_SUPPORTED);
  else
    test_stream_close (self->world, stream);
  return stream != NULL;
}

static void
test_listen (void)
{
  Fixture self;
  g_autoptr (Lp2pMultiaddr) before = NULL;
  g_autoptr (Lp2pMultiaddr) after = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pConnection) refused = NULL;
  g_autoptr (Lp2pConnection) again = NULL;
  g_autoptr (GError) error = NULL;

  setup (&self);
  before = test_host_dup_address (self.host);
  connection = try_connect (&self, before, NULL);
  g_assert_nonnull (connection);

  set (&self, "listen", "['/memory/0', '/memory/7001', '/memory/7002']");
  g_assert_cmpuint (count_addresses (&self), ==, 3);
  g_assert_cmpuint (self.n_notified, ==, 1);

  /* What was there stays the same one. */
  after = test_host_dup_address (self.host);
  g_assert_true (lp2p_multiaddr_equal (before, after));

  set (&self, "listen", "['/memory/7002']");
  g_assert_cmpuint (count_addresses (&self), ==, 1);
  g_assert_cmpuint (self.n_notified, ==, 2);
  g_assert_cmpint (lp2p_connection_get_state (connection), ==, LP2P_CONNECTION_READY);
  g_assert_true (serves_ping (&self, connection));

  lp2p_connection_abort (connection, LP2P_CODE_NONE);
  test_world_settle (self.world);
  refused = try_connect (&self, before, &error);
  g_assert_null (refused);
  g_assert_nonnull (error);
  g_clear_pointer (&after, lp2p_multiaddr_unref);
  after = test_host_dup_address (self.host);
  again = try_connect (&self, after, NULL);
  g_assert_nonnull (again);
  g_clear_object (&again);
  g_clear_object (&connection);
  teardown (&self);
}

/* One address that cannot be had does not keep the others away. */
static void
fail_others (Lp2pContext *context, gpointer user_data)
{
  g_autoptr (GPtrArray) listeners = lp2p_context_dup_listeners (context);
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "The cable is cut");

  g_ptr_array_set_free_func (listeners, g_object_unref);
  for (guint i = 0; i < listeners->len; i++)
    lp2p_listener_fail (g_ptr_array_index (listeners, i), error);
}

/* Others may end while the first of those that are not wanted any more is closed. */
static void
test_listen_ends (void)
{
  Fixture self;

  setup (&self);
  set (&self, "listen", "['/memory/7011', '/memory/7012', '/memory/7013']");
  g_signal_connect (self.host->context, "listeners-changed", G_CALLBACK (fail_others), NULL);
  set (&self, "listen", "[]");
  g_assert_cmpuint (count_addresses (&self), ==, 0);
  g_signal_handlers_disconnect_by_func (self.host->context, fail_others, NULL);
  teardown (&self);
}

static void
test_listen_fails (void)
{
  Fixture self;

  setup (&self);
  set (&self, "listen", "['/ip4/127.0.0.1/tcp/0', '/memory/7003']");
  assert_said ("*/ip4/127.0.0.1/tcp/0*");
  g_assert_cmpuint (count_addresses (&self), ==, 1);

  set (&self, "transports", "['memory', 'tcp']");
  g_assert_cmpuint (count_addresses (&self), ==, 2);
  teardown (&self);
}

static void
test_transport (void)
{
  Fixture self;
  g_autoptr (Lp2pMultiaddr) address = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pConnection) again = NULL;
  g_autoptr (GError) error = NULL;

  setup (&self);
  address = test_host_dup_address (self.host);
  connection = try_connect (&self, address, NULL);
  g_assert_nonnull (connection);

  set (&self, "transports", "[]");
  assert_said ("*No enabled transport*");
  g_assert_cmpuint (count_addresses (&self), ==, 0);
  g_assert_true (serves_ping (&self, connection));

  set (&self, "transports", "['memory']");
  g_assert_cmpuint (count_addresses (&self), ==, 1);
  g_clear_pointer (&address, lp2p_multiaddr_unref);
  address = test_host_dup_address (self.host);
  lp2p_connection_abort (connection, LP2P_CODE_NONE);
  test_world_settle (self.world);
  again = try_connect (&self, address, &error);
  g_assert_no_error (error);
  g_assert_nonnull (again);
  g_clear_object (&again);
  g_clear_object (&connection);
  teardown (&self);
}

static void
test_service (void)
{
  Fixture self;
  g_autoptr (Lp2pMultiaddr) address = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;

  setup (&self);
  address = test_host_dup_address (self.host);
  connection = try_connect (&self, address, NULL);
  g_assert_true (serves_ping (&self, connection));
  set (&self, "services", "[]");
  g_assert_false (serves_ping (&self, connection));
  set (&self, "services", "['ping']");
  g_assert_true (serves_ping (&self, connection));
  g_clear_object (&connection);
  teardown (&self);
}

/* Security protocols and muxers are those of new connections. */
static void
test_upgrade (void)
{
  Fixture self;
  g_autoptr (Lp2pMultiaddr) address = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  setup (&self);
  address = test_host_dup_address (self.host);
  set (&self, "security", "[]");
  connection = try_connect (&self, address, &error);
  g_assert_null (connection);
  g_assert_nonnull (error);
  set (&self, "security", "['noise']");
  g_clear_error (&error);
  connection = try_connect (&self, address, &error);
  g_assert_no_error (error);
  g_clear_object (&connection);
  teardown (&self);
}

/* The one that dials, with a connection to one host, and an address of another. */
typedef struct
{
  Fixture base;
  TestHost *other;
  Lp2pMultiaddr *address;
  Lp2pConnection *existing;
} Dialing;

static void
start_dialing (Dialing *self, gboolean real, const char *text, const char *other_text)
{
  g_autoptr (Lp2pMultiaddr) address = NULL;

  setup_with (&self->base, real, text);
  self->other = test_host_new (self->base.world, other_text);
  self->address = test_host_dup_address (self->other);
  address = test_host_dup_address (self->base.host);
  self->existing = try_connect (&self->base, address, NULL);
  g_assert_nonnull (self->existing);
}

static void
set_dialer (Dialing *self, const char *group, const char *key, const char *text)
{
  g_autoptr (GError) error = NULL;

  lp2p_config_set_from_string (lp2p_host_get_config (self->base.dialer->host), group, key, text, &error);
  g_assert_no_error (error);
  test_world_settle (self->base.world);
}

static void
expect_no_dial (Dialing *self, const char *pattern)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (try_connect (&self->base, self->address, &error));
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_true (g_pattern_match_simple (pattern, error->message));
}

static void
expect_dial (Dialing *self, const char *transport, const char *security, const char *muxer)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConnection) connection = try_connect (&self->base, self->address, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (lp2p_connection_get_transport (connection), ==, transport);
  g_assert_cmpstr (lp2p_connection_get_security (connection), ==, security);
  g_assert_cmpstr (lp2p_connection_get_muxer (connection), ==, muxer);
  g_assert_true (serves_ping (&self->base, connection));
  lp2p_connection_abort (connection, LP2P_CODE_NONE);
  test_world_settle (self->base.world);
}

/* Whatever was changed, the connection that was there is the same. */
static void
stop_dialing (Dialing *self, const char *transport)
{
  g_assert_cmpint (lp2p_connection_get_state (self->existing), ==, LP2P_CONNECTION_READY);
  g_assert_cmpstr (lp2p_connection_get_transport (self->existing), ==, transport);
  g_assert_cmpstr (lp2p_connection_get_security (self->existing), ==, "noise");
  g_assert_cmpstr (lp2p_connection_get_muxer (self->existing), ==, "yamux");
  g_assert_true (serves_ping (&self->base, self->existing));
  g_clear_object (&self->existing);
  lp2p_multiaddr_unref (self->address);
  test_host_close (self->other);
  test_host_free (self->other);
  teardown (&self->base);
}

static void
test_dialing_upgrade (void)
{
  Dialing self;

  start_dialing (&self, FALSE, config_text,
                 "[host]\ntransports=['memory']\nservices=['ping']\nlisten=['/memory/0']\n");
  expect_dial (&self, "memory", "noise", "yamux");
  set_dialer (&self, "host", "security", "['tls']");
  expect_dial (&self, "memory", "tls", "yamux");
  set_dialer (&self, "host", "muxers", "['mplex']");
  expect_dial (&self, "memory", "tls", "mplex");
  set_dialer (&self, "host", "security", "['noise']");
  set_dialer (&self, "host", "muxers", "['yamux']");
  expect_dial (&self, "memory", "noise", "yamux");
  set_dialer (&self, "host", "security", "[]");
  expect_no_dial (&self, "*");
  stop_dialing (&self, "memory");
}

static void
test_dialing_transport (void)
{
  Dialing self;

  start_dialing (&self, TRUE, config_text,
                 "[host]\ntransports=['tcp']\nservices=['ping']\nlisten=['/ip4/127.0.0.1/tcp/0']\n");
  expect_no_dial (&self, "*no enabled transport*");
  set_dialer (&self, "host", "transports", "['memory', 'tcp']");
  expect_dial (&self, "tcp", "noise", "yamux");
  set_dialer (&self, "host", "transports", "[]");
  expect_no_dial (&self, "*no enabled transport*");
  set_dialer (&self, "host", "transports", "['tcp']");
  expect_dial (&self, "tcp", "noise", "yamux");
  stop_dialing (&self, "memory");
}

/* A dial that runs keeps the time that it was given. */
static void
test_dialing_timeout (void)
{
  Dialing self;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  gint64 begin;

  start_dialing (&self, FALSE, config_text, config_text);
  /* It does not answer in time. */
  set_dialer (&self, "plugin memory", "delay-ms", "60000");
  set_dialer (&self, "host", "dial-timeout", "8");
  begin = self.base.world->now;
  lp2p_host_connect_async (self.base.dialer->host, self.address, NULL, test_take_result, &result);
  test_world_settle (self.base.world);
  set_dialer (&self, "host", "dial-timeout", "3");
  test_wait (self.base.world, result);
  g_assert_null (lp2p_host_connect_finish (self.base.dialer->host, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_true (g_pattern_match_simple ("*within 8 seconds*", error->message));
  g_assert_cmpint ((self.base.world->now - begin) / G_USEC_PER_SEC, ==, 8);
  g_clear_object (&result);

  begin = self.base.world->now;
  expect_no_dial (&self, "*within 3 seconds*");
  g_assert_cmpint ((self.base.world->now - begin) / G_USEC_PER_SEC, ==, 3);
  set_dialer (&self, "plugin memory", "delay-ms", "0");
  expect_dial (&self, "memory", "noise", "yamux");
  stop_dialing (&self, "memory");
}

/* The proxies of this system are those of a test. */
static MockProxies *
get_system_proxies (void)
{
  /* Whoever is asked for one makes them all known. */
  g_vfs_get_default ();
  g_io_extension_point_implement (G_PROXY_RESOLVER_EXTENSION_POINT_NAME, MOCK_TYPE_PROXIES, "mock", 1000);
  return MOCK_PROXIES (g_proxy_resolver_get_default ());
}

static void
test_dialing_proxy (void)
{
  static const char text[] = "[host]\ntransports=['tcp']\nmuxers=['yamux']\nservices=['ping']\n"
                             "listen=['/ip4/127.0.0.1/tcp/0']\n";
  MockProxies *proxies = get_system_proxies ();
  MockProxy proxy;
  Dialing self;
  guint n_accepted;

  start_dialing (&self, TRUE, text, text);
  mock_proxy_start (&proxy, MOCK_PROXY_SOCKS5);
  proxies->entries = g_new0 (char *, 2);
  proxies->entries[0] = g_strdup_printf ("socks5://127.0.0.1:%u", proxy.port);
  expect_dial (&self, "tcp", "noise", "yamux");
  g_assert_null (proxies->asked);

  set_dialer (&self, "host", "proxy", "'system'");
  /* It connects to nobody. */
  expect_no_dial (&self, "*");
  n_accepted = proxy.n_accepted;
  g_assert_cmpuint (n_accepted, >, 0);
  g_assert_nonnull (proxies->asked);

  set_dialer (&self, "host", "proxy", "'none'");
  expect_dial (&self, "tcp", "noise", "yamux");
  g_assert_cmpuint (proxy.n_accepted, ==, n_accepted);
  g_clear_pointer (&proxies->entries, g_strfreev);
  mock_proxy_stop (&proxy);
  stop_dialing (&self, "tcp");
}

/* Changed by somebody who holds the config longer than the host lives. */
static void
test_after_host (void)
{
  Fixture self;
  g_autoptr (Lp2pConfig) config = NULL;

  setup (&self);
  config = g_object_ref (self.config);
  set (&self, "listen", "[]");
  lp2p_config_set_from_string (config, "host", "listen", "['/memory/0']", NULL);
  teardown (&self);
  lp2p_config_set_from_string (config, "host", "listen", "['/memory/9']", NULL);
}

/* GSettings */

static void
assert_strv (char **list, const char *expected)
{
  g_auto (GStrv) strv = list;
  g_autofree char *joined = g_strjoinv (" ", strv);

  g_assert_cmpstr (joined, ==, expected);
}

static void
test_settings (void)
{
  const char *const transports[] = { "memory", NULL };
  const char *const wrong[] = { "Not a name", NULL };
  g_autoptr (GSettings) host = g_settings_new_with_path ("org.lp2p.Host", "/org/example/lp2p/");
  g_autoptr (GSettings) yamux =
      g_settings_new_with_path ("org.lp2p.plugin.yamux", "/org/example/lp2p/plugin/yamux/");
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();

  g_settings_set_strv (host, "transports", transports);
  g_settings_set_uint (yamux, "ack-backlog", 17);
  lp2p_config_set_from_string (config, "host", "max-half-open", "9", NULL);
  g_assert_cmpuint (lp2p_settings_bind_all (config, "/org/example/lp2p/"), >=, 2);
  assert_strv (lp2p_config_get_strv (config, "host", "transports"), "memory");
  /* Nobody has set it, so it stays. */
  g_assert_cmpuint (lp2p_config_get_uint (config, "host", "max-half-open"), ==, 9);

  g_settings_set_uint (host, "handshake-timeout", 33);
  g_assert_cmpuint (lp2p_config_get_uint (config, "host", "handshake-timeout"), ==, 33);
  g_settings_reset (host, "handshake-timeout");
  g_assert_cmpuint (lp2p_config_get_uint (config, "host", "handshake-timeout"), ==, 15);

  g_settings_set_strv (host, "security", wrong);
  assert_said ("GSettings:2: [host] security: *names*");
  assert_strv (lp2p_config_get_strv (config, "host", "security"), "noise tls");

  /* The group of a plugin is known once a host has started it. */
  {
    g_autoptr (GError) error = NULL;
    const Lp2pOption options[] = {
      { "max-window", "u", "16777216", 262144, 268435456, "Window" },
      { "max-memory", "t", "67108864", 0, G_MAXINT64, "Memory" },
      { "ack-backlog", "u", "256", 1, 65536, "Backlog" },
      { "keepalive-interval", "u", "30", 0, 86400, "Interval" },
      { "write-timeout", "u", "30", 1, 86400, "Timeout" },
    };

    lp2p_config_register_group (config, "plugin yamux", options, G_N_ELEMENTS (options), &error);
    g_assert_no_error (error);
    g_assert_cmpuint (lp2p_config_get_uint (config, "plugin yamux", "ack-backlog"), ==, 17);
    g_settings_set_uint (yamux, "ack-backlog", 18);
    g_assert_cmpuint (lp2p_config_get_uint (config, "plugin yamux", "ack-backlog"), ==, 18);
  }

  /* Once the config is gone, nobody listens any more. */
  g_clear_object (&config);
  g_settings_set_uint (yamux, "ack-backlog", 19);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  g_log_set_writer_func (keep_message, NULL, NULL);
  g_test_add_func ("/configuration/listen", test_listen);
  g_test_add_func ("/configuration/listen-ends", test_listen_ends);
  g_test_add_func ("/configuration/listen-fails", test_listen_fails);
  g_test_add_func ("/configuration/transport", test_transport);
  g_test_add_func ("/configuration/service", test_service);
  g_test_add_func ("/configuration/upgrade", test_upgrade);
  g_test_add_func ("/configuration/dialing-upgrade", test_dialing_upgrade);
  g_test_add_func ("/configuration/dialing-transport", test_dialing_transport);
  g_test_add_func ("/configuration/dialing-timeout", test_dialing_timeout);
  g_test_add_func ("/configuration/dialing-proxy", test_dialing_proxy);
  g_test_add_func ("/configuration/after-host", test_after_host);
  g_test_add_func ("/configuration/settings", test_settings);
  status = g_test_run ();
  g_free (last_message);
  return status;
}
