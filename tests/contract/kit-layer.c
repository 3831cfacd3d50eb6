/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the test kit asks of every layer, of those of the library and of the security
 * protocols that were built. */

#include "layer-memory.h"

#include <lp2p/net/lp2p-io-stream-layer.h>
#include <lp2p/net/lp2p-layer-io-stream.h>
#include <lp2p/net/lp2p-socket-layer.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lp2p-test.h"
#include "test-context.h"

/* As a GIOStream, and that as a layer. */
static void
make_gio_memory (TestWorld *world, const LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b)
{
  Lp2pLayer **ends[] = { a, b };

  layer_memory_make (world, pair, a, b);
  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      Lp2pLoop *loop = (*ends[i])->loop;
      g_autoptr (GIOStream) stream = lp2p_layer_to_io_stream (*ends[i]);

      *ends[i] = lp2p_io_stream_layer_new (loop, stream, NULL);
      g_assert_nonnull (*ends[i]);
    }
}

static Lp2pLayer *
new_gio_layer (TestWorld *world, int fd)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket_ = g_socket_new_from_fd (fd, &error);
  g_autoptr (GSocketConnection) connection = NULL;
  Lp2pLayer *layer;

  g_assert_no_error (error);
  connection = g_socket_connection_factory_create_connection (socket_);
  layer = lp2p_io_stream_layer_new (test_world_add_loop (world), G_IO_STREAM (connection), &error);
  g_assert_no_error (error);
  return layer;
}

static Lp2pLayer *
new_socket_layer (TestWorld *world, int fd)
{
  g_autoptr (GError) error = NULL;
  Lp2pLayer *layer = lp2p_socket_layer_new (test_world_add_loop (world), fd, NULL, NULL, &error);

  g_assert_no_error (error);
  return layer;
}

static void
make_socketpair (TestWorld *world, const LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b)
{
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), ==, 0);
  *a = new_socket_layer (world, fds[0]);
  *b = new_socket_layer (world, fds[1]);
}

static void
make_tcp_sockets (int fds[2])
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  int server = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int client = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int accepted;

  g_assert_cmpint (bind (server, (struct sockaddr *) &address, size), ==, 0);
  g_assert_cmpint (listen (server, 1), ==, 0);
  g_assert_cmpint (getsockname (server, (struct sockaddr *) &address, &size), ==, 0);
  g_assert_cmpint (connect (client, (struct sockaddr *) &address, size), ==, 0);
  accepted = accept4 (server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  g_assert_cmpint (accepted, >=, 0);
  g_assert_true (g_unix_set_fd_nonblocking (client, TRUE, NULL));
  close (server);
  fds[0] = client;
  fds[1] = accepted;
}

static void
make_tcp (TestWorld *world, const LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b)
{
  int fds[2];

  make_tcp_sockets (fds);
  *a = new_socket_layer (world, fds[0]);
  *b = new_socket_layer (world, fds[1]);
}

static void
make_gio_tcp (TestWorld *world, const LayerPair *pair, Lp2pLayer **a, Lp2pLayer **b)
{
  int fds[2];

  make_tcp_sockets (fds);
  *a = new_gio_layer (world, fds[0]);
  *b = new_gio_layer (world, fds[1]);
}

static const LayerPair layer_pairs[] = {
  { "memory", FALSE, 3000000, FALSE, FALSE, layer_memory_make, &plain },
  { "memory-narrow", FALSE, 20000, FALSE, FALSE, layer_memory_make, &narrow },
  { "memory-bytes", FALSE, 5000, FALSE, FALSE, layer_memory_make, &bytes },
  { "memory-bad-line", FALSE, 200000, FALSE, FALSE, layer_memory_make, &bad_line },
  /* A Unix socket that is closed looks the same, whatever the reason. */
  { "unix", TRUE, 3000000, FALSE, TRUE, make_socketpair, NULL },
  { "tcp", TRUE, 3000000, FALSE, FALSE, make_tcp, NULL },
  { "gio-memory", FALSE, 3000000, FALSE, FALSE, make_gio_memory, &plain },
  { "gio-memory-narrow", FALSE, 20000, FALSE, FALSE, make_gio_memory, &narrow },
  { "gio-memory-bytes", FALSE, 5000, FALSE, FALSE, make_gio_memory, &bytes },
  { "gio-memory-bad-line", FALSE, 200000, FALSE, FALSE, make_gio_memory, &bad_line },
  { "gio-tcp", TRUE, 3000000, FALSE, FALSE, make_gio_tcp, NULL },
  { "gnutls", FALSE, 3000000, FALSE, FALSE, layer_memory_make_gnutls, &plain },
  { "gnutls-narrow", FALSE, 20000, TRUE, FALSE, layer_memory_make_gnutls, &narrow },
  { "gnutls-bytes", FALSE, 5000, TRUE, FALSE, layer_memory_make_gnutls, &bytes },
  { "gnutls-bad-line", FALSE, 200000, FALSE, FALSE, layer_memory_make_gnutls, &bad_line },
};

int
main (int argc, char **argv)
{
  g_auto (GStrv) names = NULL;

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (layer_pairs); i++)
    layer_pair_add_tests (&layer_pairs[i]);
  names = test_list_plugins ("security");
  for (guint i = 0; names[i] != NULL; i++)
    lp2p_test_add_security_layer (names[i]);
  return g_test_run ();
}
