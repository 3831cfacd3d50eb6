/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include "net/lp2p-tcp-socket-private.h"
#include "tcp-hub-fixture.h"

static void
test_connect (Fixture *f, gconstpointer data)
{
  Acceptor acceptor;
  Dial out;
  Lp2pLayerInfo info;
  char buffer[8];

  start_listening (&acceptor, f, data, NULL);
  g_assert_cmpstr (lp2p_tcp_binding_get_socket_id (acceptor.binding), ==, get_address (&acceptor));
  dial (&out, f, get_address (&acceptor), LP2P_TCP_DIAL_NONE);
  g_assert_no_error (out.error);
  wait_accepted (&acceptor, 1);

  g_assert_cmpstr (acceptor.local, ==, get_address (&acceptor));
  g_assert_cmpstr (acceptor.remote, ==, lp2p_multiaddr_get_string (out.local));
  g_assert_cmpstr (acceptor.socket_id, ==, lp2p_tcp_binding_get_socket_id (acceptor.binding));
  g_assert_null (out.socket_id);
  lp2p_layer_get_info (out.layer, &info);
  g_assert_cmpstr (lp2p_multiaddr_get_string (info.remote_address), ==, get_address (&acceptor));
  g_assert_true (lp2p_multiaddr_equal (info.local_address, out.local));

  g_assert_cmpint (lp2p_layer_write (out.layer, "hello", 5, 0), ==, 5);
  g_assert_cmpuint (read_some (f, acceptor.layers->pdata[0], buffer, sizeof buffer), ==, 5);
  g_assert_cmpmem (buffer, 5, "hello", 5);

  dial_clear (&out);
  stop_listening (&acceptor);
}

static void
test_listen_errors (Fixture *f, gconstpointer data)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  g_autofree char *text = NULL;
  g_autofree char *expected = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) strange = NULL;
  Acceptor acceptor, second;

  /* Another process that would share the port is a conflict all the same. */
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt (fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, size), ==, 0);
  g_assert_cmpint (listen (fd, 1), ==, 0);
  getsockname (fd, (struct sockaddr *) &address, &size);
  text = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u", ntohs (address.sin_port));
  expected = g_strdup_printf ("Cannot listen on %s: Address already in use", text);
  g_assert_false (try_listen (&acceptor, f, text, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  g_assert_cmpstr (error->message, ==, expected);
  g_clear_error (&error);
  close (fd);

  /* Free again, it works. */
  start_listening (&acceptor, f, text, NULL);
  g_assert_cmpstr (get_address (&acceptor), ==, text);
  g_assert_false (try_listen (&second, f, text, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  g_assert_nonnull (strstr (error->message, "this host listens on it already"));
  g_clear_error (&error);
  stop_listening (&acceptor);

  g_assert_false (try_listen (&second, f, "/ip4/198.51.100.77/tcp/0", NULL, &error));
  g_assert_error (error, G_IO_ERROR, (int) g_io_error_from_errno (EADDRNOTAVAIL));
  g_assert_cmpstr (error->message, ==,
                   "Cannot listen on /ip4/198.51.100.77/tcp/0: Cannot assign requested address");
  g_clear_error (&error);

  lp2p_tcp_hub_close (f->hub);
  g_assert_false (try_listen (&second, f, text, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

/* A port is free again at once, although connections of it linger. */
static void
test_listen_again (Fixture *f, gconstpointer data)
{
  Acceptor acceptor;
  Dial out;
  g_autofree char *text = NULL;

  start_listening (&acceptor, f, "/ip4/127.0.0.1/tcp/0", NULL);
  text = g_strdup (get_address (&acceptor));
  dial (&out, f, text, LP2P_TCP_DIAL_NONE);
  wait_accepted (&acceptor, 1);
  lp2p_layer_shutdown_write (acceptor.layers->pdata[0]);
  stop_listening (&acceptor);
  dial_clear (&out);

  start_listening (&acceptor, f, text, NULL);
  stop_listening (&acceptor);
}

static void
test_wildcard (Fixture *f, gconstpointer data)
{
  Acceptor four, six;
  Dial out;
  g_autofree char *text = NULL;
  g_autofree char *prefix = NULL;
  GPtrArray *addresses;
  gboolean found = FALSE;

  start_listening (&four, f, "/ip4/0.0.0.0/tcp/0", NULL);
  text = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u", get_port (&four));
  addresses = lp2p_tcp_binding_get_addresses (four.binding);
  for (guint i = 0; i < addresses->len; i++)
    {
      Lp2pMultiaddr *address = g_ptr_array_index (addresses, i);

      g_assert_false (lp2p_multiaddr_is_unspecified (address));
      g_assert_true (g_str_has_prefix (lp2p_multiaddr_get_string (address), "/ip4/"));
      found |= g_str_equal (lp2p_multiaddr_get_string (address), text);
    }
  g_assert_true (found);

  /* IPv6 on the same port does not collide with IPv4. */
  prefix = g_strdup_printf ("/ip6/::/tcp/%u", get_port (&four));
  start_listening (&six, f, prefix, NULL);

  dial (&out, f, text, LP2P_TCP_DIAL_NONE);
  g_assert_no_error (out.error);
  wait_accepted (&four, 1);
  g_assert_cmpstr (four.local, ==, text);
  g_assert_cmpstr (four.socket_id, ==, lp2p_tcp_binding_get_socket_id (four.binding));
  dial_clear (&out);
  stop_listening (&four);
  stop_listening (&six);
}

/* A client without the hub, that says what it likes. */
static gboolean
is_dropped (int fd)
{
  char byte;

  return recv (fd, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
}

static void
test_sniff_alone (Fixture *f, gconstpointer data)
{
  Acceptor acceptor;
  int fd;

  start_listening (&acceptor, f, "/ip4/127.0.0.1/tcp/0", "GET");
  fd = raw_connect (get_port (&acceptor), NULL);
  wait_accepted (&acceptor, 1);
  g_assert_cmpuint (acceptor.n_sniffed, ==, 0);
  close (fd);
  stop_listening (&acceptor);
}

static void
test_sniff (Fixture *f, gconstpointer data)
{
  Acceptor http, tls, rest;
  g_autofree char *text = NULL;
  char buffer[16];
  int fds[5];
  guint16 port;

  start_listening (&http, f, "/ip4/127.0.0.1/tcp/0", "GET ");
  port = get_port (&http);
  text = g_strdup (get_address (&http));
  start_listening (&tls, f, text, "\x16\x03");
  start_listening (&rest, f, text, NULL);
  g_assert_cmpstr (lp2p_tcp_binding_get_socket_id (http.binding), ==, lp2p_tcp_binding_get_socket_id (rest.binding));

  fds[0] = raw_connect (port, "GET / HTTP/1.1");
  wait_accepted (&http, 1);
  fds[1] = raw_connect (port, "\x16\x03\x01");
  wait_accepted (&tls, 1);
  fds[2] = raw_connect (port, "\x13/multistream/1.0.0");
  wait_accepted (&rest, 1);

  /* The bytes are still there for the one who got the connection. */
  g_assert_cmpuint (read_some (f, http.layers->pdata[0], buffer, 14), ==, 14);
  g_assert_cmpmem (buffer, 14, "GET / HTTP/1.1", 14);

  /* Byte for byte: nobody gets it before it is clear. */
  fds[3] = raw_connect (port, "G");
  g_usleep (2000);
  settle (f);
  g_assert_cmpint (write (fds[3], "E", 1), ==, 1);
  g_usleep (2000);
  settle (f);
  g_assert_cmpuint (http.layers->len + tls.layers->len + rest.layers->len, ==, 3);
  g_assert_cmpint (write (fds[3], "T x", 3), ==, 3);
  wait_accepted (&http, 2);
  g_assert_cmpuint (read_some (f, http.layers->pdata[1], buffer, sizeof buffer), ==, 5);
  g_assert_cmpmem (buffer, 5, "GET x", 5);

  /* What ends in the middle is no HTTP. */
  fds[4] = raw_connect (port, "GE");
  g_usleep (2000);
  settle (f);
  shutdown (fds[4], SHUT_WR);
  wait_accepted (&rest, 2);

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  stop_listening (&http);
  stop_listening (&tls);
  stop_listening (&rest);
}

static void
test_sniff_nobody (Fixture *f, gconstpointer data)
{
  Acceptor http, tls;
  g_autofree char *text = NULL;
  int strange, ended;
  guint16 port;

  start_listening (&http, f, "/ip4/127.0.0.1/tcp/0", "GET ");
  port = get_port (&http);
  text = g_strdup (get_address (&http));
  start_listening (&tls, f, text, "\x16\x03");

  strange = raw_connect (port, "SSH-2.0-");
  ended = raw_connect (port, NULL);
  shutdown (ended, SHUT_WR);
  for (guint i = 0; i < 10; i++)
    {
      g_usleep (1000);
      settle (f);
    }
  g_assert_true (is_dropped (strange));
  g_assert_true (is_dropped (ended));
  g_assert_cmpuint (http.layers->len + tls.layers->len, ==, 0);
  close (strange);
  close (ended);

  /* The one that remains gets everything, unseen. */
  stop_listening (&tls);
  strange = raw_connect (port, NULL);
  wait_accepted (&http, 1);
  close (strange);
  stop_listening (&http);
}

/* Silence ends after ten seconds; half a word then belongs to the last resort. */
static void
test_sniff_deadline (Fixture *f, gconstpointer data)
{
  Acceptor http, rest;
  g_autofree char *text = NULL;
  int silent, half;
  guint16 port;

  start_listening (&http, f, "/ip4/127.0.0.1/tcp/0", "GET ");
  port = get_port (&http);
  text = g_strdup (get_address (&http));
  start_listening (&rest, f, text, NULL);

  silent = raw_connect (port, NULL);
  half = raw_connect (port, "GE");
  g_usleep (2000);
  settle (f);
  f->now += 9 * G_USEC_PER_SEC;
  lp2p_loop_advance (f->loop);
  settle (f);
  g_assert_false (is_dropped (silent));
  g_assert_cmpuint (rest.layers->len, ==, 0);
  f->now += 2 * G_USEC_PER_SEC;
  lp2p_loop_advance (f->loop);
  settle (f);
  g_usleep (1000);
  g_assert_true (is_dropped (silent));
  g_assert_cmpuint (rest.layers->len, ==, 1);
  g_assert_cmpuint (http.layers->len, ==, 0);

  close (silent);
  close (half);
  stop_listening (&http);
  stop_listening (&rest);
}

/* Who counts those that wait. */
typedef struct
{
  guint n;
  gboolean full;
  void (*give_up) (gpointer waiting);
  gpointer first;
} Places;

static gpointer
begin_place (Lp2pMultiaddr *remote_address, void (*give_up) (gpointer waiting), gpointer waiting, gpointer user_data, GError **error)
{
  Places *self = user_data;

  g_assert_true (g_str_has_prefix (lp2p_multiaddr_get_string (remote_address), "/ip4/127.0.0.1/tcp/"));
  if (self->full)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "no place");
      return NULL;
    }
  if (self->n++ == 0)
    self->first = waiting;
  self->give_up = give_up;
  return self;
}

static void
end_place (gpointer place)
{
  ((Places *) place)->n--;
}

/* From their accept on, until it is known whose they are. */
static void
test_sniff_places (Fixture *f, gconstpointer data)
{
  Places places = { 0 };
  Acceptor http, rest;
  g_autofree char *text = NULL;
  int fds[4];

  f->hub->places = (Lp2pTcpPlaces){ begin_place, end_place, &places };
  start_listening (&http, f, "/ip4/127.0.0.1/tcp/0", "GET ");
  text = g_strdup (get_address (&http));
  start_listening (&rest, f, text, NULL);
  for (guint i = 0; i < 3; i++)
    fds[i] = raw_connect (get_port (&http), NULL);
  settle (f);
  g_assert_cmpuint (places.n, ==, 3);
  places.give_up (places.first);
  g_assert_cmpuint (places.n, ==, 2);
  g_assert_true (is_dropped (fds[0]));
  g_assert_false (is_dropped (fds[1]));

  places.full = TRUE;
  fds[3] = raw_connect (get_port (&http), "GET /");
  settle (f);
  g_assert_true (is_dropped (fds[3]));
  g_assert_cmpint (write (fds[1], "GET /", 5), ==, 5);
  wait_accepted (&http, 1);
  g_assert_cmpuint (places.n, ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  stop_listening (&http);
  stop_listening (&rest);
  g_assert_cmpuint (places.n, ==, 0);
}

/* However many say nothing, who speaks is served. */
static void
test_sniff_flood (Fixture *f, gconstpointer data)
{
  enum
  {
    N = 300
  };
  Acceptor http, rest;
  g_autofree char *text = NULL;
  int fds[N], speaker;
  guint dropped = 0;
  guint16 port;

  start_listening (&http, f, "/ip4/127.0.0.1/tcp/0", "GET ");
  port = get_port (&http);
  text = g_strdup (get_address (&http));
  start_listening (&rest, f, text, NULL);
  for (guint i = 0; i < N; i++)
    fds[i] = raw_connect (port, NULL);
  settle (f);
  speaker = raw_connect (port, "GET /");
  wait_accepted (&http, 1);
  g_usleep (2000);

  g_assert_true (is_dropped (fds[0]));
  g_assert_false (is_dropped (fds[N - 1]));
  for (guint i = 0; i < N; i++)
    {
      dropped += is_dropped (fds[i]);
      close (fds[i]);
    }
  g_assert_cmpuint (dropped, ==, N - 256 + 1);
  close (speaker);
  stop_listening (&http);
  stop_listening (&rest);
}

static void
test_close_inside (Fixture *f, gconstpointer data)
{
  Acceptor acceptor, http;
  g_autofree char *text = NULL;
  int fds[4];

  start_listening (&acceptor, f, "/ip4/127.0.0.1/tcp/0", NULL);
  text = g_strdup (get_address (&acceptor));
  acceptor.close_inside = TRUE;
  for (guint i = 0; i < 3; i++)
    fds[i] = raw_connect (get_port (&acceptor), NULL);
  wait_accepted (&acceptor, 1);
  settle (f);
  g_assert_null (acceptor.binding);
  g_assert_cmpuint (acceptor.layers->len, ==, 1);
  for (guint i = 0; i < 3; i++)
    close (fds[i]);
  stop_listening (&acceptor);

  /* The same with a sniffer, while others wait. */
  start_listening (&acceptor, f, text, NULL);
  start_listening (&http, f, text, "GET");
  acceptor.close_inside = TRUE;
  http.close_inside = TRUE;
  fds[0] = raw_connect (get_port (&acceptor), NULL);
  fds[1] = raw_connect (get_port (&acceptor), "x");
  wait_accepted (&acceptor, 1);
  fds[2] = raw_connect (get_port (&http), "GET");
  wait_accepted (&http, 1);
  settle (f);
  g_assert_cmpint (lp2p_layer_write (http.layers->pdata[0], "ok", 2, 0), ==, 2);
  for (guint i = 0; i < 3; i++)
    close (fds[i]);
  stop_listening (&acceptor);
  stop_listening (&http);
}

/* Without a free descriptor the host waits, and does not spin. */
static void
test_out_of_descriptors (Fixture *f, gconstpointer data)
{
  struct rlimit old, low;
  Acceptor acceptor;
  guint64 before;
  gint64 end;
  int fd, probe;

  start_listening (&acceptor, f, "/ip4/127.0.0.1/tcp/0", NULL);
  settle (f);
  fd = raw_connect (get_port (&acceptor), "x");
  probe = dup (fd);
  close (probe);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &old), ==, 0);
  low = old;
  low.rlim_cur = probe;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &low), ==, 0);

  before = lp2p_loop_get_wakeups (f->loop);
  end = g_get_monotonic_time () + 250 * 1000;
  while (g_get_monotonic_time () < end)
    {
      settle (f);
      g_usleep (1000);
    }
  g_assert_cmpuint (acceptor.layers->len, ==, 0);
  g_assert_cmpuint (lp2p_loop_get_wakeups (f->loop) - before, <=, 6);

  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &old), ==, 0);
  wait_accepted (&acceptor, 1);
  close (fd);
  stop_listening (&acceptor);
}

static void
on_addresses_changed (Lp2pTcpBinding *binding, gpointer user_data)
{
  ((Acceptor *) user_data)->n_changed++;
}

/* In a network of its own, where addresses can be given and taken. */
static void
test_addresses_changed (Fixture *f, gconstpointer data)
{
  Acceptor acceptor;

  if (!enter_own_network ())
    return;

  start_listening (&acceptor, f, "/ip4/0.0.0.0/tcp/0", NULL);
  acceptor.binding->acceptor.addresses_changed = on_addresses_changed;
  g_assert_cmpuint (lp2p_tcp_binding_get_addresses (acceptor.binding)->len, ==, 1);
  add_address ("lo:1", "198.51.100.3");
  while (acceptor.n_changed == 0)
    g_main_context_iteration (f->context, TRUE);
  g_assert_cmpuint (lp2p_tcp_binding_get_addresses (acceptor.binding)->len, ==, 2);

  /* An event that changes nothing is not told. */
  add_address ("lo:1", "198.51.100.3");
  for (guint i = 0; i < 400; i++)
    {
      settle (f);
      g_usleep (1000);
    }
  g_assert_cmpuint (acceptor.n_changed, ==, 1);
  stop_listening (&acceptor);
}

static void
test_options (Fixture *f, gconstpointer data)
{
  Lp2pTcpOptions options = LP2P_TCP_OPTIONS_INIT;
  Acceptor acceptor;
  Dial out;

  options.keepalive = 0;
  options.user_timeout = 0;
  options.accept_fast_open = FALSE;
  lp2p_tcp_hub_set_options (f->hub, &options);
  start_listening (&acceptor, f, "/ip4/127.0.0.1/tcp/0", NULL);
  dial (&out, f, get_address (&acceptor), LP2P_TCP_REUSE_PORT | LP2P_TCP_FAST_OPEN);
  dial_clear (&out);
  options.keepalive = G_MAXUINT;
  options.user_timeout = G_MAXUINT;
  lp2p_tcp_hub_set_options (f->hub, &options);
  dial (&out, f, get_address (&acceptor), LP2P_TCP_DIAL_NONE);
  g_assert_no_error (out.error);
  dial_clear (&out);
  stop_listening (&acceptor);
}

static void
assert_congestion (int fd, const char *expected)
{
  char name[16] = "";
  socklen_t size = sizeof name;

  g_assert_cmpint (getsockopt (fd, IPPROTO_TCP, TCP_CONGESTION, name, &size), ==, 0);
  g_assert_cmpstr (name, ==, expected);
}

/* Only what stays inside the machine has another one than the system uses. */
static void
test_congestion (Fixture *f, gconstpointer data)
{
  const Lp2pTcpOptions options = LP2P_TCP_OPTIONS_INIT;
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  struct sockaddr_storage bound = { 0 };
  int plain = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  char usual[16] = "";
  socklen_t size = sizeof usual;
  g_autoptr (GError) error = NULL;
  int listener, dialer, accepted;

  g_assert_cmpint (getsockopt (plain, IPPROTO_TCP, TCP_CONGESTION, usual, &size), ==, 0);
  close (plain);

  memcpy (&bound, &address, sizeof address);
  listener = lp2p_tcp_socket_listen (&bound, &options, &error);
  g_assert_no_error (error);
  dialer = lp2p_tcp_socket_new ((struct sockaddr *) &bound, &options, &error);
  g_assert_no_error (error);
  connect (dialer, (struct sockaddr *) &bound, sizeof address);
  accepted = accept4 (listener, NULL, NULL, SOCK_CLOEXEC);
  g_assert_cmpint (accepted, >=, 0);
  assert_congestion (dialer, "reno");
  assert_congestion (accepted, "reno");
  close (accepted);
  close (dialer);
  close (listener);

  address.sin_addr.s_addr = htonl (0xc0000201); /* 192.0.2.1 */
  dialer = lp2p_tcp_socket_new ((struct sockaddr *) &address, &options, &error);
  g_assert_no_error (error);
  assert_congestion (dialer, usual);
  close (dialer);
}

#define ADD_DATA(path, data, func)                                                                 \
  g_test_add ("/tcp-hub/" path, Fixture, data, set_up, func, tear_down)
#define ADD(path, func) ADD_DATA (path, NULL, func)

static void
test_connect_4 (Fixture *f, gconstpointer data)
{
  test_connect (f, "/ip4/127.0.0.1/tcp/0");
}

static void
test_connect_6 (Fixture *f, gconstpointer data)
{
  test_connect (f, "/ip6/::1/tcp/0");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("connect/ip4", test_connect_4);
  ADD ("connect/ip6", test_connect_6);
  ADD ("listen/errors", test_listen_errors);
  ADD ("listen/again", test_listen_again);
  ADD ("listen/wildcard", test_wildcard);
  ADD ("listen/close-inside", test_close_inside);
  ADD ("listen/addresses-changed", test_addresses_changed);
  ADD ("listen/out-of-descriptors", test_out_of_descriptors);
  ADD ("sniff/alone", test_sniff_alone);
  ADD ("sniff/several", test_sniff);
  ADD ("sniff/nobody", test_sniff_nobody);
  ADD_DATA ("sniff/deadline", "virtual", test_sniff_deadline);
  ADD ("sniff/places", test_sniff_places);
  ADD ("sniff/flood", test_sniff_flood);
  ADD ("options", test_options);
  ADD ("congestion", test_congestion);

  return g_test_run ();
}
