/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "layer-pair.h"

#include <lp2p/net/lp2p-socket-layer.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lp2p-memory-pipe.h"

static void
make_memory (TestWorld *world, gconstpointer data, Lp2pLayer **a, Lp2pLayer **b)
{
  Lp2pMemoryEnd one = { world->loop, data, NULL };
  Lp2pMemoryEnd two = { test_world_add_loop (world), data, NULL };

  g_assert_true (lp2p_memory_pipe_new (&one, &two, a, b, NULL));
}

static const Lp2pMemoryOptions plain = { 0 };
static const Lp2pMemoryOptions narrow = { .buffer_size = 100, .max_step = 7 };
static const Lp2pMemoryOptions bytes = { .buffer_size = 50, .short_reads = 1, .short_writes = 1 };
static const Lp2pMemoryOptions bad_line = { .buffer_size = 5000, .delay = 20000, .loss = 100, .seed = 3 };

static Lp2pLayer *
new_socket_layer (TestWorld *world, int fd)
{
  g_autoptr (GError) error = NULL;
  Lp2pLayer *layer = lp2p_socket_layer_new (test_world_add_loop (world), fd, NULL, NULL, &error);

  g_assert_no_error (error);
  return layer;
}

static void
make_socketpair (TestWorld *world, gconstpointer data, Lp2pLayer **a, Lp2pLayer **b)
{
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), ==, 0);
  *a = new_socket_layer (world, fds[0]);
  *b = new_socket_layer (world, fds[1]);
}

static void
make_tcp (TestWorld *world, gconstpointer data, Lp2pLayer **a, Lp2pLayer **b)
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
  *a = new_socket_layer (world, client);
  *b = new_socket_layer (world, accepted);
}

const LayerPair layer_pairs[] = {
  { "memory", FALSE, 3000000, FALSE, make_memory, &plain },
  { "memory-narrow", FALSE, 20000, FALSE, make_memory, &narrow },
  { "memory-bytes", FALSE, 5000, FALSE, make_memory, &bytes },
  { "memory-bad-line", FALSE, 200000, FALSE, make_memory, &bad_line },
  /* A Unix socket that is closed looks the same, whatever the reason. */
  { "unix", TRUE, 3000000, TRUE, make_socketpair, NULL },
  { "tcp", TRUE, 3000000, FALSE, make_tcp, NULL },
};

const guint n_layer_pairs = G_N_ELEMENTS (layer_pairs);
