/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a socket of the hub sends, and that it arrives. */

#include "udp-hub-fixture.h"

static guint
send_one (Lp2pUdpSocket *socket,
          const guint8 *data,
          gsize size,
          gsize segment,
          const struct sockaddr_storage *remote,
          const struct sockaddr_storage *local,
          guint8 ecn)
{
  g_autoptr (GError) error = NULL;
  Lp2pUdpSend send = {
    .data = data,
    .size = size,
    .segment_size = segment,
    .remote = (const struct sockaddr *) remote,
    .local = (const struct sockaddr *) local,
    .ecn = ecn,
  };
  guint taken = lp2p_udp_socket_send (socket, &send, 1, &error);

  g_assert_no_error (error);
  return taken;
}

/* Trains as the kernel cuts and joins them: each datagram arrives as it was. */
static void
test_train (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pUdpSocket) sender =
      bind_text (f, GPOINTER_TO_INT (data) == AF_INET6 ? "/ip6/::1/udp/0" : "/ip4/127.0.0.1/udp/0",
                 LP2P_UDP_BIND_EXCLUSIVE);
  g_autoptr (Lp2pUdpSocket) receiver =
      bind_text (f, GPOINTER_TO_INT (data) == AF_INET6 ? "/ip6/::1/udp/0" : "/ip4/127.0.0.1/udp/0",
                 LP2P_UDP_BIND_EXCLUSIVE);
  g_autofree guint8 *bytes = g_malloc (200 * 1024);
  static const struct
  {
    gsize size, segment;
  } sizes[] = {
    { 1200 * 10, 1200 }, { 1200 * 10 + 7, 1200 }, { 100, 1200 },
    { 1200, 1200 },      { 150 * 1024, 1350 },    { 1000, 1 },
    { 65000, 65000 },    { 130000, 65000 },       { 500, 0 },
    { 60000, 20000 },
  };
  gboolean has_gso = lp2p_udp_socket_has_gso (sender);
  User user;

  for (gsize i = 0; i < 200 * 1024; i++)
    bytes[i] = 0x40 | (i * 7 + i / 256);
  user_add (&user, f, receiver, LP2P_UDP_QUIC | LP2P_UDP_RTP, 0);
  for (guint pass = 0; pass < 2; pass++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
        {
          gsize size = sizes[i].size;
          gsize segment = sizes[i].segment != 0 ? sizes[i].segment : size;
          guint expected = (size + segment - 1) / segment;
          gsize at = 0;

          g_ptr_array_set_size (user.got, 0);
          g_assert_cmpuint (
              send_one (sender, bytes, size, sizes[i].segment, &receiver->address, NULL, 2), ==, 1);
          wait_for (&user, expected);
          g_assert_cmpuint (user.got->len, ==, expected);
          for (guint k = 0; k < expected; k++)
            {
              gsize got;
              const guint8 *part = g_bytes_get_data (user.got->pdata[k], &got);

              g_assert_cmpmem (part, got, bytes + at, MIN (segment, size - at));
              at += got;
            }
          g_assert_cmpuint (user.last_ecn, ==, 2);
        }
      g_assert_true (lp2p_udp_socket_has_gso (sender) == (has_gso && pass == 0));
      if (pass == 0 && has_gso)
        g_assert_cmpuint (user.largest_train, >, 65000 / 2);
      /* The same without help of the kernel. */
      sender->gso = FALSE;
    }
  user_clear (&user);
}

/* What the kernel joined by sender and size may belong to two users. */
static void
test_train_mixed (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pUdpSocket) sender = bind_text (f, "/ip4/127.0.0.1/udp/0", LP2P_UDP_BIND_EXCLUSIVE);
  User stun, dtls;

  user_add (&stun, f, f->socket, LP2P_UDP_STUN, 0);
  user_add (&dtls, f, f->socket, LP2P_UDP_DTLS, 0);
  send_one (sender,
            (const guint8 *) "\x01"
                             "a"
                             "\x02"
                             "b"
                             "\x16"
                             "c"
                             "\x05"
                             "x"
                             "\x17"
                             "d"
                             "\x18"
                             "e"
                             "\x03",
            13, 2, &f->socket->address, NULL, 0);
  wait_for (&stun, 3);
  wait_for (&dtls, 3);
  g_assert_cmpstr (stun.log->str, ==, "\x01\x02\x03");
  g_assert_cmpstr (dtls.log->str, ==, "\x16\x17\x18");
  g_assert_cmpuint (g_bytes_get_size (stun.got->pdata[2]), ==, 1);
  g_assert_cmpuint (g_bytes_get_size (dtls.got->pdata[2]), ==, 2);
  user_clear (&stun);
  user_clear (&dtls);
}

/* On a wildcard: to which address it came, and the answer from there. */
static void
test_wildcard_source (Fixture *f, gconstpointer data)
{
  const char *host = data;
  gboolean six = g_str_has_prefix (host, "/ip6");
  g_autofree char *wildcard = g_strdup (six ? "/ip6/::/udp/0" : "/ip4/0.0.0.0/udp/0");
  g_autoptr (Lp2pUdpSocket) socket = bind_text (f, wildcard, LP2P_UDP_BIND_EXCLUSIVE);
  struct sockaddr_storage address, target = socket->address, from = { 0 };
  int peer = open_peer (&address, six ? AF_INET6 : AF_INET);
  g_autofree char *expected = NULL;
  g_autofree char *source = NULL;
  g_autofree char *peer_name = describe (&address);
  socklen_t size = sizeof from;
  char buffer[16];
  User user;

  if (six)
    ((struct sockaddr_in6 *) &target)->sin6_addr = in6addr_loopback;
  else
    inet_pton (AF_INET, "127.0.0.7", &((struct sockaddr_in *) &target)->sin_addr);
  expected = describe (&target);

  user_add (&user, f, socket, LP2P_UDP_QUIC, 0);
  g_assert_cmpint (sendto (peer, "\xc0", 1, 0, (struct sockaddr *) &target,
                           lp2p_sockaddr_get_size ((struct sockaddr *) &target)),
                   ==, 1);
  wait_for (&user, 1);
  g_assert_cmpstr (user.last_local, ==, expected);
  g_assert_cmpstr (user.last_remote, ==, peer_name);
  g_assert_cmpuint (user.last_ecn, ==, 0);

  g_assert_cmpuint (send_one (socket, (const guint8 *) "answer", 6, 6, &address, &target, 1), ==,
                    1);
  g_usleep (1000);
  g_assert_cmpint (recvfrom (peer, buffer, sizeof buffer, 0, (struct sockaddr *) &from, &size), ==,
                   6);
  source = describe (&from);
  g_assert_cmpstr (source, ==, expected);

  user_clear (&user);
  close (peer);
}

static void
test_unreachable (Fixture *f, gconstpointer data)
{
  struct sockaddr_storage gone, alive;
  int fd = open_peer (&gone, AF_INET), peer = open_peer (&alive, AF_INET);
  g_autofree char *name = describe (&gone);
  char buffer[8];
  User user;

  close (fd);
  user_add (&user, f, f->socket, LP2P_UDP_QUIC, 0);
  for (guint i = 0; i < 3; i++)
    {
      g_assert_cmpuint (send_one (f->socket, (const guint8 *) "x", 1, 1, &gone, NULL, 0), ==, 1);
      /* The answer of the network does not disturb the next, to another. */
      g_assert_cmpuint (send_one (f->socket, (const guint8 *) "y", 1, 1, &alive, NULL, 0), ==, 1);
      g_usleep (1000);
      g_assert_cmpint (recv (peer, buffer, sizeof buffer, 0), ==, 1);
    }
  while (user.n_unreachable < 3)
    g_main_context_iteration (f->context, TRUE);
  g_assert_cmpint (user.last_error, ==, ECONNREFUSED);
  g_assert_cmpstr (user.last_remote, ==, name);
  send_to (peer, f->socket, "\xc0", 1);
  wait_for (&user, 1);
  settle (f);
  g_assert_cmpuint (user.n_unreachable, ==, 3);
  user_clear (&user);
  close (peer);
}

static void
test_send_error (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pUdpSocket) socket = bind_text (f, "/ip4/0.0.0.0/udp/0", LP2P_UDP_BIND_EXCLUSIVE);
  struct sockaddr_in bad = { .sin_family = AF_INET, .sin_port = htons (9) };
  struct sockaddr_in foreign = bad;
  struct sockaddr_storage alive;
  int peer = open_peer (&alive, AF_INET);
  gboolean has_gso = lp2p_udp_socket_has_gso (socket);
  Lp2pUdpSend sends[3];
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *big = g_malloc0 (140000);
  char buffer[8];

  /* A source that is not ours: the first goes, the second fails. */
  inet_pton (AF_INET, "198.51.100.1", &foreign.sin_addr);
  for (guint i = 0; i < 3; i++)
    sends[i] = (Lp2pUdpSend) { .data = (const guint8 *) "abcdef",
                              .size = 6,
                              .segment_size = 3,
                              .remote = (struct sockaddr *) &alive };
  sends[1].local = (struct sockaddr *) &foreign;
  g_assert_cmpuint (lp2p_udp_socket_send (socket, sends, 3, &error), ==, 1);
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, "Cannot send to /ip4/127.0.0.1/udp/"));
  g_clear_error (&error);
  g_usleep (1000);
  g_assert_cmpint (recv (peer, buffer, sizeof buffer, 0), ==, 3);
  g_assert_cmpint (recv (peer, buffer, sizeof buffer, 0), ==, 3);
  g_assert_cmpint (recv (peer, buffer, sizeof buffer, 0), ==, -1);
  g_assert_true (lp2p_udp_socket_has_gso (socket) == has_gso);

  /* Too big for IP: lost, and no reason to give up trains. */
  sends[0] = (Lp2pUdpSend) {
    .data = big, .size = 140000, .segment_size = 66000, .remote = (struct sockaddr *) &alive
  };
  g_assert_cmpuint (lp2p_udp_socket_send (socket, sends, 1, &error), ==, 1);
  g_assert_no_error (error);
  g_assert_true (lp2p_udp_socket_has_gso (socket) == has_gso);

  /* Nothing. */
  g_assert_cmpuint (lp2p_udp_socket_send (socket, sends, 0, &error), ==, 0);
  g_assert_no_error (error);
  close (peer);
}

/* The kernel's buffer full: a short count, then `writable`, and nothing is lost
 * or sent twice. */
static void
test_writable (Fixture *f, gconstpointer data)
{
  int small = 4096, large = 8 * 1024 * 1024;
  g_autoptr (Lp2pUdpSocket) sender = bind_text (f, "/ip4/127.0.0.1/udp/0", LP2P_UDP_BIND_EXCLUSIVE);
  guint8 bytes[3000];
  Lp2pUdpSend sends[20];
  guint rounds = 0, sent = 0;
  User user, other;

  setsockopt (sender->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  setsockopt (f->socket->fd, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof large);
  sender->gso = FALSE;
  user_add (&user, f, sender, 0, 0);
  user_add (&other, f, f->socket, LP2P_UDP_QUIC, 0);
  memset (bytes, 0xc0, sizeof bytes);
  for (guint i = 0; i < G_N_ELEMENTS (sends); i++)
    sends[i] = (Lp2pUdpSend) { .data = bytes,
                              .size = sizeof bytes,
                              .segment_size = 100,
                              .remote = (struct sockaddr *) &f->socket->address };

  while (sent < 60)
    {
      g_autoptr (GError) error = NULL;
      guint n = MIN (G_N_ELEMENTS (sends), 60 - sent);
      guint taken = lp2p_udp_socket_send (sender, sends, n, &error);

      g_assert_no_error (error);
      sent += taken;
      rounds++;
      g_assert_cmpuint (rounds, <, 10000);
      if (taken < n)
        {
          g_assert_cmpuint (lp2p_udp_socket_send (sender, sends, 1, &error), ==, 0);
          g_assert_no_error (error);
        }
      settle (f);
    }
  wait_for (&other, 60 * 30);
  settle (f);
  g_assert_cmpuint (other.got->len, ==, 60 * 30);
  g_test_message ("%u rounds, writable %u times", rounds, user.n_writable);
  user_clear (&user);
  user_clear (&other);
}

/* The socket is blocked, a train half sent: the rest follows once. */
static void
test_backlog (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pUdpSocket) sender = bind_text (f, "/ip4/127.0.0.1/udp/0", LP2P_UDP_BIND_EXCLUSIVE);
  guint8 bytes[50];
  g_autoptr (GError) error = NULL;
  Lp2pUdpSend send = {
    .data = bytes, .size = 50, .segment_size = 10, .remote = (struct sockaddr *) &f->socket->address
  };
  User user, other;

  memset (bytes, 0xc0, sizeof bytes);
  user_add (&user, f, sender, 0, 0);
  user_add (&other, f, f->socket, LP2P_UDP_QUIC, 0);
  sender->blocked = TRUE;
  sender->backlog = g_new0 (Lp2pUdpBacklog, 1);
  sender->backlog->bytes = g_memdup2 (bytes, 30);
  sender->backlog->remote = f->socket->address;
  sender->backlog->send = (Lp2pUdpSend) { .data = sender->backlog->bytes,
                                         .size = 30,
                                         .segment_size = 10,
                                         .remote = (struct sockaddr *) &sender->backlog->remote };
  g_assert_cmpuint (lp2p_udp_socket_send (sender, &send, 1, &error), ==, 0);
  lp2p_watch_set_interest (&sender->watch, LP2P_READY_READ | LP2P_READY_WRITE);
  wait_for (&other, 3);
  g_assert_cmpuint (user.n_writable, ==, 1);
  g_assert_cmpuint (lp2p_udp_socket_send (sender, &send, 1, &error), ==, 1);
  wait_for (&other, 8);
  settle (f);
  g_assert_cmpuint (user.n_writable, ==, 1);
  user_clear (&user);
  user_clear (&other);
}

/* Sending costs no wake-ups. */
static void
test_idle (Fixture *f, gconstpointer data)
{
  struct sockaddr_storage address;
  int peer = open_peer (&address, AF_INET);
  guint64 before;

  settle (f);
  before = lp2p_loop_get_wakeups (f->loop);
  for (guint i = 0; i < 20; i++)
    {
      send_one (f->socket, (const guint8 *) "x", 1, 1, &address, NULL, 0);
      g_usleep (200);
      settle (f);
    }
  g_assert_cmpuint (lp2p_loop_get_wakeups (f->loop), ==, before);
  close (peer);
}

#define ADD(path, func) g_test_add ("/udp-send/" path, Fixture, NULL, set_up, func, tear_down)

static void
test_train_4 (Fixture *f, gconstpointer data)
{
  test_train (f, GINT_TO_POINTER (AF_INET));
}

static void
test_train_6 (Fixture *f, gconstpointer data)
{
  test_train (f, GINT_TO_POINTER (AF_INET6));
}

static void
test_wildcard_4 (Fixture *f, gconstpointer data)
{
  test_wildcard_source (f, "/ip4");
}

static void
test_wildcard_6 (Fixture *f, gconstpointer data)
{
  test_wildcard_source (f, "/ip6");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("train/ip4", test_train_4);
  ADD ("train/ip6", test_train_6);
  ADD ("train/mixed", test_train_mixed);
  ADD ("wildcard-source/ip4", test_wildcard_4);
  ADD ("wildcard-source/ip6", test_wildcard_6);
  ADD ("unreachable", test_unreachable);
  ADD ("error", test_send_error);
  ADD ("writable", test_writable);
  ADD ("backlog", test_backlog);
  ADD ("idle", test_idle);

  return g_test_run ();
}
