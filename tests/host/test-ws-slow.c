/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Clients that come to a port of WebSocket and say nothing keep nobody else out. */

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test-host.h"

#define CONFIG "[host]\ntransports=['ws']\nservices=[]\n"
#define LIMITS "listen=['/ip4/127.0.0.1/tcp/0/ws']\nmax-half-open=3\n[plugin ws]\nupgrade-timeout=300\n"
#define N_PLACES 3
#define N_SLOW 5

static int
come (Lp2pMultiaddr *address)
{
  g_autoptr (Lp2pMultiaddr) socket_address = lp2p_multiaddr_slice (address, 0, 2);
  g_autoptr (GSocketAddress) native = lp2p_multiaddr_get_socket_address (socket_address, NULL);
  struct sockaddr_storage storage;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_true (g_socket_address_to_native (native, &storage, sizeof storage, NULL));
  g_assert_cmpint (connect (fd, (struct sockaddr *) &storage, g_socket_address_get_native_size (native)), ==, 0);
  g_assert_cmpint (send (fd, "GET ", 4, MSG_NOSIGNAL), ==, 4);
  return fd;
}

static gboolean
is_ended (int fd)
{
  char byte;
  gssize n = recv (fd, &byte, 1, MSG_DONTWAIT);

  return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void
test_room (void)
{
  TestWorld *world = test_world_new (TRUE);
  TestHost *host;
  TestHost *peer;
  g_autoptr (Lp2pMultiaddr) address = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  int slow[N_SLOW];

  world->ticking = TRUE;
  host = test_host_new (world, CONFIG LIMITS);
  peer = test_host_new (world, CONFIG);
  address = test_host_dup_address (host);
  for (guint i = 0; i < N_SLOW; i++)
    {
      slow[i] = come (address);
      if (i < N_PLACES)
        test_until (world, lp2p_host_get_usage (host->host, "max-half-open") == i + 1);
      else
        test_until (world, is_ended (slow[i - N_PLACES]));
      g_assert_cmpuint (lp2p_host_get_usage (host->host, "max-half-open"), <=, N_PLACES);
    }
  g_assert_false (is_ended (slow[N_SLOW - 1]));

  /* All places are taken, and somebody who means it gets in. */
  connection = test_host_connect (peer, host);
  g_assert_cmpstr (lp2p_connection_get_transport (connection), ==, "ws");
  test_until (world, is_ended (slow[N_SLOW - N_PLACES]));
  g_assert_false (is_ended (slow[N_SLOW - 1]));

  /* The host does not wait for them either. */
  g_clear_object (&connection);
  test_host_close (peer);
  test_host_free (peer);
  test_host_close (host);
  for (guint i = 0; i < N_SLOW; i++)
    {
      test_until (world, is_ended (slow[i]));
      close (slow[i]);
    }
  test_host_free (host);
  test_world_free (world);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/ws-slow/room", test_room);
  return g_test_run ();
}
