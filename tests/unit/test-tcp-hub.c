/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/lp2p-tcp-hub-private.h"

typedef struct
{
  Lp2pClock clock;
  gint64 now;
  Lp2pLoop *loop;
  GMainContext *context;
  Lp2pTcpHub *hub;
} Fixture;

/* What an acceptor got. */
typedef struct
{
  Fixture *f;
  Lp2pTcpBinding *binding;
  Lp2pTcpAcceptor acceptor;
  GPtrArray *layers;
  char *local;
  char *remote;
  const char *socket_id;
  const char *wanted; /* the first bytes that it sniffs for */
  guint n_sniffed;
  guint n_changed;
  gboolean close_inside;
} Acceptor;

typedef struct
{
  Lp2pLayer *layer;
  Lp2pMultiaddr *local;
  const char *socket_id;
  GError *error;
  gboolean done;
} Dial;

static gint64
clock_now (Lp2pClock *clock)
{
  return ((Fixture *) clock)->now;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->clock.now = clock_now;
  f->clock.real_time = clock_now;
  f->now = G_USEC_PER_SEC;
  f->context = g_main_context_new ();
  g_main_context_push_thread_default (f->context);
  f->loop = lp2p_loop_new (f->context, data != NULL ? &f->clock : NULL);
  f->hub = lp2p_tcp_hub_new (f->loop);
}

static void
settle (Fixture *f)
{
  while (g_main_context_iteration (f->context, FALSE))
    ;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  lp2p_tcp_hub_close (f->hub);
  settle (f);
  g_object_add_weak_pointer (G_OBJECT (f->hub), (gpointer *) &f->hub);
  g_object_unref (f->hub);
  g_assert_null (f->hub);
  lp2p_loop_unref (f->loop);
  g_main_context_pop_thread_default (f->context);
  g_main_context_unref (f->context);
}

static void
accepted (Lp2pLayer *layer,
          Lp2pMultiaddr *local_address,
          Lp2pMultiaddr *remote_address,
          const char *socket_id,
          gpointer user_data)
{
  Acceptor *self = user_data;

  g_ptr_array_add (self->layers, layer);
  g_free (self->local);
  g_free (self->remote);
  self->local = g_strdup (lp2p_multiaddr_get_string (local_address));
  self->remote = g_strdup (lp2p_multiaddr_get_string (remote_address));
  self->socket_id = socket_id;
  if (self->close_inside)
    g_clear_pointer (&self->binding, lp2p_tcp_binding_close);
}

static Lp2pSniffResult
sniff (const guint8 *data, gsize size, gpointer user_data)
{
  Acceptor *self = user_data;
  gsize length = strlen (self->wanted);

  self->n_sniffed++;
  g_assert_cmpuint (size, >, 0);
  g_assert_cmpuint (size, <=, LP2P_SNIFF_SIZE);
  if (memcmp (data, self->wanted, MIN (size, length)) != 0)
    return LP2P_SNIFF_NO;
  return size < length ? LP2P_SNIFF_MORE : LP2P_SNIFF_YES;
}

static gboolean
try_listen (Acceptor *self, Fixture *f, const char *text, const char *wanted, GError **error)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (GSocketAddress) native = lp2p_multiaddr_get_socket_address (address, NULL);

  *self = (Acceptor) { .f = f, .wanted = wanted };
  self->acceptor.accepted = accepted;
  self->acceptor.sniff = wanted != NULL ? sniff : NULL;
  self->binding = lp2p_tcp_hub_listen (f->hub, native, &self->acceptor, self, error);
  if (self->binding != NULL)
    self->layers = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_layer_free);
  return self->binding != NULL;
}

static void
start_listening (Acceptor *self, Fixture *f, const char *text, const char *wanted)
{
  g_autoptr (GError) error = NULL;

  try_listen (self, f, text, wanted, &error);
  g_assert_no_error (error);
}

static void
stop_listening (Acceptor *self)
{
  g_clear_pointer (&self->binding, lp2p_tcp_binding_close);
  g_clear_pointer (&self->layers, g_ptr_array_unref);
  g_clear_pointer (&self->local, g_free);
  g_clear_pointer (&self->remote, g_free);
}

static const char *
get_address (Acceptor *self)
{
  GPtrArray *addresses = lp2p_tcp_binding_get_addresses (self->binding);

  g_assert_cmpuint (addresses->len, ==, 1);
  return lp2p_multiaddr_get_string (g_ptr_array_index (addresses, 0));
}

static guint16
get_port (Acceptor *self)
{
  const char *id = lp2p_tcp_binding_get_socket_id (self->binding);

  return atoi (strrchr (id, '/') + 1);
}

static void
dialed (GObject *source, GAsyncResult *result, gpointer data)
{
  Dial *self = data;

  g_assert_false (self->done);
  self->done = TRUE;
  self->layer = lp2p_tcp_hub_dial_finish (LP2P_TCP_HUB (source), result, &self->local,
                                          &self->socket_id, &self->error);
  g_assert_true ((self->layer == NULL) == (self->error != NULL));
}

static void
dial_start (Dial *self, Fixture *f, const char *text, Lp2pTcpDialFlags flags, GCancellable *cancellable)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (GSocketAddress) native = lp2p_multiaddr_get_socket_address (address, NULL);

  *self = (Dial) { 0 };
  lp2p_tcp_hub_dial_async (f->hub, native, flags, cancellable, dialed, self);
  g_assert_false (self->done);
}

static void
dial_wait (Dial *self, Fixture *f)
{
  while (!self->done)
    g_main_context_iteration (f->context, TRUE);
}

static void
dial (Dial *self, Fixture *f, const char *text, Lp2pTcpDialFlags flags)
{
  dial_start (self, f, text, flags, NULL);
  dial_wait (self, f);
}

static void
dial_clear (Dial *self)
{
  g_clear_pointer (&self->layer, lp2p_layer_free);
  g_clear_pointer (&self->local, lp2p_multiaddr_unref);
  g_clear_error (&self->error);
}

static void
wait_accepted (Acceptor *self, guint n)
{
  while (self->layers->len < n)
    g_main_context_iteration (self->f->context, TRUE);
}

static gsize
read_some (Fixture *f, Lp2pLayer *layer, char *buffer, gsize size)
{
  gssize got;

  while ((got = lp2p_layer_read (layer, buffer, size)) == LP2P_IO_AGAIN)
    g_main_context_iteration (f->context, FALSE);
  g_assert_cmpint (got, >=, 0);
  return got;
}

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
  g_assert_true (acceptor.socket_id == lp2p_tcp_binding_get_socket_id (acceptor.binding));
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
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
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
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
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
static int
raw_connect (guint16 port, const char *text)
{
  struct sockaddr_in address = {
    .sin_family = AF_INET,
    .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
    .sin_port = htons (port),
  };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  if (text != NULL)
    g_assert_cmpint (write (fd, text, strlen (text)), ==, strlen (text));
  return fd;
}

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
  g_assert_true (lp2p_tcp_binding_get_socket_id (http.binding) ==
                 lp2p_tcp_binding_get_socket_id (rest.binding));

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

/* However many say nothing, who speaks is served. */
static void
test_sniff_flood (Fixture *f, gconstpointer data)
{
  enum { N = 300 };
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
add_address (const char *name, const char *text)
{
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = { 0 };
  struct sockaddr_in *address = (struct sockaddr_in *) &request.ifr_addr;

  g_strlcpy (request.ifr_name, name, sizeof request.ifr_name);
  address->sin_family = AF_INET;
  g_assert_cmpint (inet_pton (AF_INET, text, &address->sin_addr), ==, 1);
  g_assert_cmpint (ioctl (fd, SIOCSIFADDR, &request), ==, 0);
  request.ifr_flags = IFF_UP | IFF_LOOPBACK;
  g_assert_cmpint (ioctl (fd, SIOCSIFFLAGS, &request), ==, 0);
  close (fd);
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

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 30 * G_USEC_PER_SEC, G_TEST_SUBPROCESS_INHERIT_STDERR);
      g_test_trap_assert_passed ();
      return;
    }
  if (unshare (CLONE_NEWNET) < 0 && unshare (CLONE_NEWUSER | CLONE_NEWNET) < 0)
    return;

  add_address ("lo", "127.0.0.1");
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
test_refused (Fixture *f, gconstpointer data)
{
  Dial out;

  dial (&out, f, "/ip4/127.0.0.1/tcp/1", LP2P_TCP_REUSE_PORT);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_assert_cmpstr (out.error->message, ==, "Cannot connect to /ip4/127.0.0.1/tcp/1: Connection refused");
  dial_clear (&out);

  dial (&out, f, "/ip4/0.0.0.0/tcp/1", LP2P_TCP_DIAL_NONE);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_nonnull (strstr (out.error->message, "/ip4/0.0.0.0/tcp/1"));
  dial_clear (&out);

  dial (&out, f, "/ip4/127.0.0.1/tcp/0", LP2P_TCP_DIAL_NONE);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  dial_clear (&out);

  lp2p_tcp_hub_close (f->hub);
  dial (&out, f, "/ip4/127.0.0.1/tcp/1", LP2P_TCP_DIAL_NONE);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  dial_clear (&out);
}

/* The target is a listener of another hub: with one of its own that is bound to
 * the right address, a host would dial from it. */
static void
test_reuse_port (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pTcpHub) hub = lp2p_tcp_hub_new (f->loop);
  Lp2pTcpHub *own = f->hub;
  Acceptor source, target, elsewhere;
  Dial first, second, third;
  g_autofree char *expected = NULL;

  start_listening (&elsewhere, f, "/ip4/127.0.0.2/tcp/0", NULL);
  start_listening (&source, f, data, NULL);
  f->hub = hub;
  start_listening (&target, f, "/ip4/127.0.0.1/tcp/0", NULL);
  f->hub = own;
  expected = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u", get_port (&source));

  dial (&first, f, get_address (&target), LP2P_TCP_REUSE_PORT);
  g_assert_no_error (first.error);
  g_assert_cmpstr (lp2p_multiaddr_get_string (first.local), ==, expected);
  g_assert_cmpstr (first.socket_id, ==, lp2p_tcp_binding_get_socket_id (source.binding));

  /* The same pair of addresses again: another port. */
  dial (&second, f, get_address (&target), LP2P_TCP_REUSE_PORT);
  g_assert_no_error (second.error);
  g_assert_cmpstr (lp2p_multiaddr_get_string (second.local), !=, expected);
  g_assert_null (second.socket_id);

  dial (&third, f, get_address (&target), LP2P_TCP_DIAL_NONE);
  g_assert_no_error (third.error);
  g_assert_cmpstr (lp2p_multiaddr_get_string (third.local), !=, expected);
  wait_accepted (&target, 3);
  g_assert_cmpuint (source.layers->len, ==, 0);

  /* The listener still listens. */
  dial_clear (&third);
  dial (&third, f, expected, LP2P_TCP_DIAL_NONE);
  g_assert_no_error (third.error);
  wait_accepted (&source, 1);

  dial_clear (&first);
  dial_clear (&second);
  dial_clear (&third);
  stop_listening (&source);
  stop_listening (&target);
  stop_listening (&elsewhere);
}

/* A loopback listener is no source for the rest of the world. */
static void
test_reuse_not_loopback (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) addresses = NULL;
  struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons (9) };
  g_autoptr (Lp2pTcpHub) hub = lp2p_tcp_hub_new (f->loop);
  Lp2pTcpHub *own = f->hub;
  Acceptor loopback, target;
  const char *text = NULL;
  Dial out;

  addresses = lp2p_sockaddr_list_bound ((struct sockaddr *) &any, LP2P_PROTOCOL_TCP);
  for (guint i = 0; i < addresses->len; i++)
    {
      if (!lp2p_multiaddr_is_loopback (g_ptr_array_index (addresses, i)))
        text = lp2p_multiaddr_get_string (g_ptr_array_index (addresses, i));
    }
  if (text == NULL)
    {
      g_test_skip ("no network interface but loopback");
      return;
    }

  start_listening (&loopback, f, "/ip4/127.0.0.1/tcp/0", NULL);
  f->hub = hub;
  start_listening (&target, f, "/ip4/0.0.0.0/tcp/0", NULL);
  f->hub = own;

  {
    g_autofree char *host = g_strndup (text, strlen (text) - strlen ("/tcp/9"));
    g_autofree char *address = g_strdup_printf ("%s/tcp/%u", host, get_port (&target));

    dial (&out, f, address, LP2P_TCP_REUSE_PORT);
    g_assert_no_error (out.error);
    g_assert_null (out.socket_id);
    g_assert_false (lp2p_multiaddr_is_loopback (out.local));
    wait_accepted (&target, 1);
    g_assert_cmpstr (target.local, ==, address);
  }
  dial_clear (&out);
  stop_listening (&loopback);
  stop_listening (&target);
}

static void
test_self (Fixture *f, gconstpointer data)
{
  Acceptor acceptor;
  Dial out;

  start_listening (&acceptor, f, "/ip4/127.0.0.1/tcp/0", NULL);
  dial (&out, f, get_address (&acceptor), LP2P_TCP_REUSE_PORT);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_assert_nonnull (strstr (out.error->message, "leads back"));
  settle (f);
  g_assert_cmpuint (acceptor.layers->len, ==, 0);
  dial_clear (&out);
  stop_listening (&acceptor);
}

/* Both sides dial from and to the ports that they listen on. */
static void
test_cross (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pTcpHub) hub = lp2p_tcp_hub_new (f->loop);
  Lp2pTcpHub *own = f->hub;
  Acceptor a, b;
  Dial from_a, from_b;

  start_listening (&a, f, "/ip4/127.0.0.1/tcp/0", NULL);
  f->hub = hub;
  start_listening (&b, f, "/ip4/127.0.0.1/tcp/0", NULL);
  f->hub = own;
  dial_start (&from_a, f, get_address (&b), LP2P_TCP_REUSE_PORT, NULL);
  f->hub = hub;
  dial_start (&from_b, f, get_address (&a), LP2P_TCP_REUSE_PORT, NULL);
  f->hub = own;
  dial_wait (&from_a, f);
  dial_wait (&from_b, f);
  g_assert_no_error (from_a.error);
  g_assert_no_error (from_b.error);
  dial_clear (&from_a);
  dial_clear (&from_b);
  stop_listening (&a);
  stop_listening (&b);
}

static void
test_cancel (Fixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Acceptor acceptor;
  Dial out, pending;

  start_listening (&acceptor, f, "/ip4/127.0.0.1/tcp/0", NULL);

  dial_start (&out, f, get_address (&acceptor), LP2P_TCP_DIAL_NONE, cancellable);
  g_cancellable_cancel (cancellable);
  g_assert_false (out.done);
  dial_wait (&out, f);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  dial_clear (&out);

  dial_start (&out, f, get_address (&acceptor), LP2P_TCP_DIAL_NONE, cancellable);
  dial_wait (&out, f);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  dial_clear (&out);

  /* Closing the hub ends what is under way. */
  dial_start (&pending, f, get_address (&acceptor), LP2P_TCP_DIAL_NONE, NULL);
  lp2p_tcp_hub_close (f->hub);
  g_assert_false (pending.done);
  dial_wait (&pending, f);
  g_assert_error (pending.error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  dial_clear (&pending);
  stop_listening (&acceptor);
}

static void
read_fast_open (gboolean *server)
{
  g_autofree char *text = NULL;

  *server = g_file_get_contents ("/proc/sys/net/ipv4/tcp_fastopen", &text, NULL, NULL) &&
            (atoi (text) & 3) == 3;
}

/* With a cookie the dial ends at once and the first bytes are the connection. */
static void
test_fast_open (Fixture *f, gconstpointer data)
{
  Acceptor acceptor;
  Dial out;
  char buffer[16];
  gboolean server;
  g_autofree char *text = NULL;
  g_autofree char *expected = NULL;

  read_fast_open (&server);
  start_listening (&acceptor, f, "/ip4/127.0.0.1/tcp/0", NULL);
  text = g_strdup (get_address (&acceptor));
  for (guint i = 0; i < 3; i++)
    {
      dial (&out, f, text, LP2P_TCP_FAST_OPEN);
      g_assert_no_error (out.error);
      if (server && i > 0)
        {
          settle (f);
          g_usleep (1000);
          settle (f);
          g_assert_cmpuint (acceptor.layers->len, ==, i);
        }
      g_assert_cmpint (lp2p_layer_write (out.layer, "first", 5, 0), ==, 5);
      wait_accepted (&acceptor, i + 1);
      g_assert_cmpuint (read_some (f, acceptor.layers->pdata[i], buffer, sizeof buffer), ==, 5);
      g_assert_cmpint (lp2p_layer_write (acceptor.layers->pdata[i], "answer", 6, 0), ==, 6);
      g_assert_cmpuint (read_some (f, out.layer, buffer, sizeof buffer), ==, 6);
      dial_clear (&out);
    }
  stop_listening (&acceptor);

  if (!server)
    {
      g_test_skip ("this machine accepts no TCP Fast Open");
      return;
    }

  /* Nobody is there any more, which only the first bytes find out. */
  dial (&out, f, text, LP2P_TCP_FAST_OPEN);
  g_assert_no_error (out.error);
  if (lp2p_layer_write (out.layer, "first", 5, 0) == 5)
    {
      gssize got;

      while ((got = lp2p_layer_read (out.layer, buffer, sizeof buffer)) == LP2P_IO_AGAIN)
        g_main_context_iteration (f->context, FALSE);
      g_assert_cmpint (got, ==, LP2P_IO_FAILED);
    }
  expected = g_strdup_printf ("Cannot connect to %s: Connection refused", text);
  g_assert_error (lp2p_layer_get_error (out.layer), G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_assert_cmpstr (lp2p_layer_get_error (out.layer)->message, ==, expected);
  dial_clear (&out);
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

#define ADD_DATA(path, data, func) \
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

static void
test_reuse_wildcard (Fixture *f, gconstpointer data)
{
  test_reuse_port (f, "/ip4/0.0.0.0/tcp/0");
}

static void
test_reuse_exact (Fixture *f, gconstpointer data)
{
  test_reuse_port (f, "/ip4/127.0.0.1/tcp/0");
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
  ADD ("sniff/flood", test_sniff_flood);
  ADD ("dial/refused", test_refused);
  ADD ("dial/reuse-port", test_reuse_wildcard);
  ADD ("dial/reuse-port-exact", test_reuse_exact);
  ADD ("dial/reuse-not-loopback", test_reuse_not_loopback);
  ADD ("dial/self", test_self);
  ADD ("dial/cross", test_cross);
  ADD ("dial/cancel", test_cancel);
  ADD ("dial/fast-open", test_fast_open);
  ADD ("options", test_options);

  return g_test_run ();
}
