/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A host that can be reached over QUIC and over TCP, and a network that drops UDP. */

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test-host.h"

#define CONFIG "[host]\ntransports=['quic-v1','tcp']\nservices=[]\n"
#define LISTEN "listen=['/ip4/127.0.0.1/udp/0/quic-v1','/ip4/127.0.0.1/tcp/0']\n"
/* For how long a peer that did not answer over UDP is dialed over TCP first. */
#define SILENT_US (10 * 60 * G_USEC_PER_SEC)

typedef struct
{
  TestWorld *world;
  TestHost *a;
  TestHost *b;
  /* Where B is, over QUIC and over TCP. */
  Lp2pMultiaddr *quic;
  Lp2pMultiaddr *tcp;
  /* A socket that takes datagrams and says nothing, and its address. */
  int hole;
  Lp2pMultiaddr *to_hole;
} Fixture;

static void
dig_hole (Fixture *self)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  g_autofree char *text = NULL;

  self->hole = socket (AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  g_assert_cmpint (bind (self->hole, (struct sockaddr *) &address, size), ==, 0);
  g_assert_cmpint (getsockname (self->hole, (struct sockaddr *) &address, &size), ==, 0);
  text = g_strdup_printf ("/ip4/127.0.0.1/udp/%u/quic-v1", ntohs (address.sin_port));
  self->to_hole = lp2p_multiaddr_new_from_string (text, NULL);
}

/* How many datagrams have come since the last time. */
static guint
empty_hole (Fixture *self)
{
  guint8 byte;
  guint n = 0;

  while (recv (self->hole, &byte, sizeof byte, 0) > 0)
    n++;
  return n;
}

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) addresses = NULL;

  self->world = test_world_new (TRUE);
  self->world->ticking = TRUE;
  self->a = test_host_new (self->world, CONFIG);
  self->b = test_host_new (self->world, CONFIG LISTEN);
  addresses = lp2p_host_dup_listen_addresses (self->b->host);
  g_assert_cmpuint (addresses->len, ==, 2);
  for (guint i = 0; i < addresses->len; i++)
    {
      Lp2pMultiaddr *address = g_ptr_array_index (addresses, i);

      if (lp2p_multiaddr_find (address, LP2P_PROTOCOL_QUIC_V1, 0) >= 0)
        self->quic = lp2p_multiaddr_ref (address);
      else
        self->tcp = lp2p_multiaddr_ref (address);
    }
  dig_hole (self);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  lp2p_multiaddr_unref (self->quic);
  lp2p_multiaddr_unref (self->tcp);
  lp2p_multiaddr_unref (self->to_hole);
  g_assert_no_errno (close (self->hole));
  test_host_close (self->a);
  test_host_free (self->a);
  test_host_close (self->b);
  test_host_free (self->b);
  test_world_free (self->world);
}

/* Dials B at a QUIC address and over TCP, tells which one won, and ends the connection. */
static void
expect_winner (Fixture *self, Lp2pMultiaddr *quic, const char *expected)
{
  g_autoptr (GPtrArray) addresses = g_ptr_array_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  /* The order says nothing. */
  g_ptr_array_add (addresses, self->tcp);
  g_ptr_array_add (addresses, quic);
  lp2p_host_connect_peer_async (self->a->host, lp2p_host_get_peer_id (self->b->host), addresses, NULL,
                                test_take_result, &result);
  test_wait (self->world, result);
  connection = lp2p_host_connect_peer_finish (self->a->host, result, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (lp2p_connection_get_transport (connection), ==, expected);
  lp2p_connection_abort (connection, LP2P_CODE_NONE);
  test_until (self->world, self->a->n_removed == self->a->n_added && self->b->n_removed == self->b->n_added);
  test_world_settle (self->world);
}

static void
test_quic_first (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 3; i++)
    expect_winner (self, self->quic, "quic-v1");
}

/* TCP gets through long before QUIC is given up. After a while UDP is tried first again,
 * and wins once it works. */
static void
test_hole (Fixture *self, gconstpointer data)
{
  gint64 start = self->world->now;

  expect_winner (self, self->to_hole, "tcp");
  g_assert_cmpint (self->world->now - start, <, 5 * G_USEC_PER_SEC);
  g_assert_cmpuint (empty_hole (self), >, 0);
  for (guint i = 0; i < 3; i++)
    expect_winner (self, self->to_hole, "tcp");

  test_world_jump (self->world, SILENT_US);
  empty_hole (self);
  expect_winner (self, self->to_hole, "tcp");
  g_assert_cmpuint (empty_hole (self), >, 0);

  test_world_jump (self->world, SILENT_US);
  expect_winner (self, self->quic, "quic-v1");
  expect_winner (self, self->quic, "quic-v1");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add ("/quic-and-tcp/quic-first", Fixture, NULL, set_up, test_quic_first, tear_down);
  g_test_add ("/quic-and-tcp/hole", Fixture, NULL, set_up, test_hole, tear_down);
  return g_test_run ();
}
