/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kit's tests over installed objects, as the author of another one runs them. */

#include <lp2p-test/lp2p-test.h>

#include <fcntl.h>
#include <sys/socket.h>

static const Lp2pTestTransport memory = {
  .name = "memory",
  .plugin = "memory",
  .listen = "/memory/0",
  .refused = "/memory/77777",
  .matches = { "/memory/1" },
  .strange = { "/ip4/127.0.0.1/tcp/1" },
};

static Lp2pLayer *
new_layer (Lp2pLoop *loop, int fd)
{
  g_autoptr (GError) error = NULL;
  Lp2pLayer *layer;

  g_assert_cmpint (fcntl (fd, F_SETFL, O_NONBLOCK), ==, 0);
  layer = lp2p_socket_layer_new (loop, fd, NULL, NULL, &error);
  g_assert_no_error (error);
  return layer;
}

static void
make_sockets (Lp2pLoop *a_loop, Lp2pLoop *b_loop, Lp2pLayer **a, Lp2pLayer **b)
{
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
  *a = new_layer (a_loop, fds[0]);
  *b = new_layer (b_loop, fds[1]);
}

static const Lp2pTestLayers sockets = {
  .name = "sockets",
  .real = TRUE,
  .volume = 3000000,
  .no_reset = TRUE,
  .make = make_sockets,
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  lp2p_test_add_transport (&memory);
  lp2p_test_add_muxer ("yamux");
  lp2p_test_add_layer (&sockets);
  lp2p_test_add_security ("noise");
  lp2p_test_add_security_layer ("noise");
  lp2p_test_add_key_store (LP2P_KEY_STORE_FILE, NULL);
  return g_test_run ();
}
