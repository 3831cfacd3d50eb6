/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which ids packets carry when an end of a connection has another address (RFC 9000 section
 * 9.5): whoever watches both is not to learn that it is the same one, where that can be. */

#include "quic-stranger.h"
#include "test-nat.h"

#include <arpa/inet.h>
#include <dlfcn.h>

#define DELAY (10 * 1000)

/* What the route to this machine begins with, NULL for what the kernel says. */
static const char *leave_from;

int
getsockname (int fd, struct sockaddr *address, socklen_t *size)
{
  static int (*original) (int fd, struct sockaddr *address, socklen_t *size);
  struct sockaddr_in *four = (struct sockaddr_in *) address;
  int code;

  if (original == NULL)
    original = (int (*) (int, struct sockaddr *, socklen_t *)) dlsym (RTLD_NEXT, "getsockname");
  code = original (fd, address, size);
  if (code == 0 && leave_from != NULL && four->sin_family == AF_INET && four->sin_addr.s_addr == htonl (INADDR_LOOPBACK))
    g_assert_cmpint (inet_pton (AF_INET, leave_from, &four->sin_addr), ==, 1);
  return code;
}

typedef struct
{
  TestWorld *world;
  QuicHost host;
  QuicHost dialer;
  TestNat *nat;
  Lp2pRawConnection *dialed;
  guint64 to_server; /* the ids before */
  guint64 to_client;
} Fixture;

static guint64
get_id (GBytes *packet)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (packet, &size);
  guint64 id = 0;

  g_assert_cmpuint (size, >, LP2P_QUIC_CID_SIZE);
  /* A short header. */
  g_assert_cmpuint (data[0] & 0x80, ==, 0);
  for (guint i = 1; i <= LP2P_QUIC_CID_SIZE; i++)
    id = id << 8 | data[i];
  return id;
}

static void
start (Fixture *f, const char *from)
{
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  g_autofree char *text = g_strdup_printf ("/ip4/127.0.0.1/udp/%u/quic-v1", test_nat_get_port (f->nat));
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  leave_from = from;
  lp2p_transport_dial_async (LP2P_TRANSPORT (f->dialer.transport), address, &options, NULL, test_take_result, &result);
  test_until (f->world, result != NULL);
  f->dialed = lp2p_transport_dial_finish (LP2P_TRANSPORT (f->dialer.transport), result, &error);
  g_assert_no_error (error);
  leave_from = NULL;
  test_world_advance (f->world, G_USEC_PER_SEC);
  f->to_server = get_id (f->nat->last_to_server);
  f->to_client = get_id (f->nat->last_to_client);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->world = test_world_new (TRUE);
  f->world->ticking = TRUE;
  quic_host_init (&f->host, f->world, NULL, 0);
  quic_host_init (&f->dialer, f->world, NULL, -1);
  f->nat = test_nat_new (f->world, g_ntohs (f->host.address.sin_port));
  f->nat->delay = DELAY;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  lp2p_raw_connection_free (f->dialed);
  test_context_drop_inbound (f->host.context);
  quic_host_clear (&f->dialer);
  quic_host_clear (&f->host);
  test_world_settle (f->world);
  test_nat_free (f->nat);
  test_world_free (f->world);
}

/* The client says something, and the server asks whether it is there. */
static void
expect_server_follows (Fixture *f, const char *address)
{
  g_autofree char *prefix = g_strdup_printf ("/ip4/%s/", address);

  lp2p_quic_path_network_changed (quic_host_get_connection (&f->dialer));
  test_world_advance (f->world, 3 * G_USEC_PER_SEC);
  g_assert_true (g_str_has_prefix (lp2p_multiaddr_get_string (quic_host_get_connection (&f->host)->remote_address), prefix));
  g_assert_cmpint (quic_host_get_connection (&f->dialer)->phase, ==, LP2P_QUIC_READY);
}

/* The client does not know of it, and can do nothing. */
static void
test_rebinding (Fixture *f, gconstpointer data)
{
  start (f, NULL);
  test_nat_move (f->nat, "127.0.0.2");
  expect_server_follows (f, "127.0.0.2");
  g_assert_cmpuint (get_id (f->nat->last_to_server), ==, f->to_server);
}

/* It has to go elsewhere, as its address is gone, and neither side says the ids of before. */
static void
test_own_move (Fixture *f, gconstpointer data)
{
  /* This machine answers to all of 127.0.0.0/8, but lists one. */
  start (f, "127.0.0.3");
  g_assert_true (g_str_has_prefix (lp2p_multiaddr_get_string (quic_host_get_connection (&f->dialer)->local_address),
                                   "/ip4/127.0.0.3/"));
  test_nat_move (f->nat, "127.0.0.2");
  expect_server_follows (f, "127.0.0.2");
  g_assert_true (g_str_has_prefix (lp2p_multiaddr_get_string (quic_host_get_connection (&f->dialer)->local_address),
                                   "/ip4/127.0.0.1/"));
  g_assert_cmpuint (get_id (f->nat->last_to_server), !=, f->to_server);
  g_assert_cmpuint (get_id (f->nat->last_to_client), !=, f->to_client);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

#define ADD(name, function) g_test_add ("/quic-moved/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("rebinding", test_rebinding);
  ADD ("own-move", test_own_move);
  return g_test_run ();
}
