/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Thousands of strangers who only begin a handshake over QUIC, at a host with the limits
 * that it has by default: whoever means it gets in, over QUIC and over TCP, and nothing
 * is left of the others. */

#include <malloc.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <lp2p/types/lp2p-cursor.h>

#include "quic-keys.h"
#include "test-host.h"

#define CONFIG "[host]\ntransports=['quic-v1','tcp']\nservices=[]\n"
#define LISTEN "listen=['/ip4/127.0.0.1/udp/0/quic-v1','/ip4/127.0.0.1/tcp/0']\n"

#define N_STRANGERS 4000
#define MAX_HALF_OPEN 256
#define MAX_HALF_OPEN_PER_IP 64
#define RETRY_TAG_SIZE 16
/* What is left of tables that have grown. */
#define SLACK (512 * 1024)

typedef struct
{
  TestWorld *world;
  TestHost *host;
  TestHost *honest;
  Lp2pMultiaddr *quic;
  Lp2pMultiaddr *tcp;
  struct sockaddr_in target;
  guint32 source; /* where all strangers come from; 0 for everywhere */
  guint n_strangers;
  guint n_retries;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) addresses = NULL;
  g_autoptr (GSocketAddress) native = NULL;

  self->world = test_world_new (TRUE);
  self->world->ticking = TRUE;
  self->host = test_host_new (self->world, CONFIG LISTEN);
  self->honest = test_host_new (self->world, CONFIG);
  addresses = lp2p_host_dup_listen_addresses (self->host->host);
  for (guint i = 0; i < addresses->len; i++)
    {
      Lp2pMultiaddr *address = g_ptr_array_index (addresses, i);

      if (lp2p_multiaddr_find (address, LP2P_PROTOCOL_QUIC_V1, 0) >= 0)
        self->quic = lp2p_multiaddr_ref (address);
      else
        self->tcp = lp2p_multiaddr_ref (address);
    }
  native = lp2p_multiaddr_get_socket_address (self->quic, NULL);
  g_assert_true (g_socket_address_to_native (native, &self->target, sizeof self->target, NULL));
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  lp2p_multiaddr_unref (self->quic);
  lp2p_multiaddr_unref (self->tcp);
  test_host_close (self->honest);
  test_host_free (self->honest);
  test_host_close (self->host);
  test_host_free (self->host);
  test_world_free (self->world);
}

static guint64
get_half_open (Fixture *self)
{
  return lp2p_host_get_usage (self->host->host, "max-half-open");
}

/* Strangers */

/* Each from a subnet of its own, as far as there are some. */
static int
open_socket (Fixture *self)
{
  guint n = self->n_strangers++;
  guint32 source = 127u << 24 | (1 + n % 250) << 16 | (n / 250 % 250) << 8 | (1 + n % 200);
  struct sockaddr_in address = {
    .sin_family = AF_INET,
    .sin_addr.s_addr = g_htonl (self->source != 0 ? self->source : source),
  };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  return fd;
}

static void
random_cid (ngtcp2_cid *cid)
{
  cid->datalen = 8;
  gnutls_rnd (GNUTLS_RND_NONCE, cid->data, cid->datalen);
}

/* The beginning of a message of TLS that is longer: the handshake waits for the rest. */
static void
send_initial (Fixture *self, int fd, const ngtcp2_cid *dcid, GBytes *token)
{
  static const guint8 frames[] = { 0x06, 0x00, 0x04, 0x01, 0x00, 0x02, 0x00 };
  guint8 packet[QUIC_PACKET_MAX];
  ngtcp2_cid scid;
  QuicKeys keys;
  gsize size;

  random_cid (&scid);
  quic_keys_init_initial (&keys, dcid);
  size = quic_keys_seal_initial (&keys, dcid, &scid, token, 0, frames, sizeof frames, packet);
  quic_keys_clear (&keys);
  g_assert_cmpint (sendto (fd, packet, size, 0, (struct sockaddr *) &self->target, sizeof self->target), ==,
                   (gssize) size);
}

/* Returns: (nullable): the token of a retry that came. */
static GBytes *
receive_retry (int fd, ngtcp2_cid *dcid)
{
  guint8 packet[1500];
  gssize size = recv (fd, packet, sizeof packet, 0);
  Lp2pCursor cursor = LP2P_CURSOR_INIT (packet, MAX (size, 0));
  guint8 first, n;
  const guint8 *bytes;
  gsize left;

  if (!lp2p_cursor_read_u8 (&cursor, &first) || (first & 0xf0) != 0xf0 || !lp2p_cursor_skip (&cursor, 4) ||
      !lp2p_cursor_read_u8 (&cursor, &n) || !lp2p_cursor_skip (&cursor, n) || !lp2p_cursor_read_u8 (&cursor, &n) ||
      !lp2p_cursor_read_bytes (&cursor, n, &bytes))
    return NULL;
  ngtcp2_cid_init (dcid, bytes, n);
  left = lp2p_cursor_left (&cursor);
  g_assert_cmpuint (left, >, RETRY_TAG_SIZE);
  g_assert_true (lp2p_cursor_read_bytes (&cursor, left - RETRY_TAG_SIZE, &bytes));
  return g_bytes_new (bytes, left - RETRY_TAG_SIZE);
}

/* @real: it is where it says, and answers */
static void
come (Fixture *self, gboolean real)
{
  int fd = open_socket (self);
  g_autoptr (GBytes) token = NULL;
  ngtcp2_cid dcid;

  random_cid (&dcid);
  send_initial (self, fd, &dcid, NULL);
  test_world_settle (self->world);
  token = receive_retry (fd, &dcid);
  self->n_retries += token != NULL;
  if (token != NULL && real)
    {
      send_initial (self, fd, &dcid, token);
      test_world_settle (self->world);
    }
  close (fd);
}

static void
come_many (Fixture *self, guint n, gboolean real)
{
  for (guint i = 0; i < n; i++)
    {
      come (self, real);
      g_assert_cmpuint (get_half_open (self), <=, real ? MAX_HALF_OPEN : MAX_HALF_OPEN / 2);
    }
}

/* The honest */

static void
get_in (Fixture *self, Lp2pMultiaddr *address, gboolean flooded)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  lp2p_host_connect_async (self->honest->host, address, NULL, test_take_result, &result);
  for (guint i = 0; flooded && i < 100 && result == NULL; i++)
    {
      come_many (self, 4, TRUE);
      test_world_advance (self->world, G_TIME_SPAN_MILLISECOND);
    }
  test_wait (self->world, result);
  connection = lp2p_host_connect_finish (self->honest->host, result, &error);
  g_assert_no_error (error);
  test_until (self->world, self->host->n_added == self->honest->n_added);
  lp2p_connection_abort (connection, LP2P_CODE_NONE);
  test_until (self->world, self->host->n_added == self->host->n_removed);
  test_until (self->world, self->honest->n_added == self->honest->n_removed);
}

static void
get_in_both (Fixture *self, gboolean flooded)
{
  get_in (self, self->quic, flooded);
  get_in (self, self->tcp, flooded);
}

static gsize
get_memory (void)
{
  return mallinfo2 ().uordblks;
}

/* Until what was half open has been given up, and last packets are forgotten. */
static void
forget_all (Fixture *self)
{
  for (guint i = 0; i < 300; i++)
    {
      test_world_jump (self->world, 100 * G_TIME_SPAN_MILLISECOND);
      test_world_settle (self->world);
    }
  g_assert_cmpuint (get_half_open (self), ==, 0);
}

static void
test_flood (Fixture *self, gconstpointer data)
{
  gboolean real = data != NULL;
  gsize before;

  come_many (self, MAX_HALF_OPEN, real);
  get_in_both (self, FALSE);
  forget_all (self);
  before = get_memory ();

  self->n_retries = 0;
  come_many (self, N_STRANGERS, real);
  g_assert_cmpuint (get_half_open (self), ==, real ? MAX_HALF_OPEN : MAX_HALF_OPEN / 2);
  g_assert_cmpuint (self->n_retries, ==, N_STRANGERS - MAX_HALF_OPEN / 2);
  get_in_both (self, FALSE);
  if (real)
    get_in_both (self, TRUE);

  forget_all (self);
  g_assert_cmpuint (get_memory (), <, before + SLACK);
  get_in_both (self, FALSE);
}

/* One address has a quarter of the places, and takes none of those of others. */
static void
test_one_address (Fixture *self, gconstpointer data)
{
  self->source = 127u << 24 | 9u << 16 | 9u << 8 | 9u;
  come_many (self, 2 * MAX_HALF_OPEN, TRUE);
  g_assert_cmpuint (get_half_open (self), ==, MAX_HALF_OPEN_PER_IP);
  g_assert_cmpuint (self->n_retries, ==, 2 * MAX_HALF_OPEN - MAX_HALF_OPEN_PER_IP / 2);
  self->source = 0;
  come_many (self, 10, FALSE);
  g_assert_cmpuint (get_half_open (self), ==, MAX_HALF_OPEN_PER_IP + 10);
  get_in_both (self, FALSE);
  forget_all (self);
}

/* Those over QUIC are counted with those over TCP, and make room for them. */
static void
test_silent (Fixture *self, gconstpointer data)
{
  g_autoptr (GSocketAddress) native = lp2p_multiaddr_get_socket_address (self->tcp, NULL);
  struct sockaddr_in target;
  int fds[100];

  g_assert_true (g_socket_address_to_native (native, &target, sizeof target, NULL));
  come_many (self, MAX_HALF_OPEN, TRUE);
  g_assert_cmpuint (get_half_open (self), ==, MAX_HALF_OPEN);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      struct sockaddr_in own = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = g_htonl (127u << 24 | 251u << 16 | i << 8 | 1),
      };

      fds[i] = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      g_assert_cmpint (bind (fds[i], (struct sockaddr *) &own, sizeof own), ==, 0);
      connect (fds[i], (struct sockaddr *) &target, sizeof target);
      test_world_settle (self->world);
      g_assert_cmpuint (get_half_open (self), <=, MAX_HALF_OPEN);
    }
  get_in_both (self, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      guint8 byte;

      /* All of them are newer than those over QUIC. */
      while (recv (fds[i], &byte, 1, 0) > 0)
        ;
      g_assert_cmpint (errno, ==, EAGAIN);
      close (fds[i]);
    }
  forget_all (self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add ("/quic-flood/forged", Fixture, NULL, set_up, test_flood, tear_down);
  g_test_add ("/quic-flood/real", Fixture, "real", set_up, test_flood, tear_down);
  g_test_add ("/quic-flood/one-address", Fixture, NULL, set_up, test_one_address, tear_down);
  g_test_add ("/quic-flood/beside-tcp", Fixture, NULL, set_up, test_silent, tear_down);
  return g_test_run ();
}
