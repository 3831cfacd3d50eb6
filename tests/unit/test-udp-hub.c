/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "udp-hub-fixture.h"

static void
test_classify (void)
{
  g_assert_cmpint (lp2p_udp_classify (0), ==, LP2P_UDP_STUN);
  g_assert_cmpint (lp2p_udp_classify (3), ==, LP2P_UDP_STUN);
  g_assert_cmpint (lp2p_udp_classify (4), ==, 0);
  g_assert_cmpint (lp2p_udp_classify (19), ==, 0);
  g_assert_cmpint (lp2p_udp_classify (20), ==, LP2P_UDP_DTLS);
  g_assert_cmpint (lp2p_udp_classify (63), ==, LP2P_UDP_DTLS);
  g_assert_cmpint (lp2p_udp_classify (64), ==, LP2P_UDP_TURN | LP2P_UDP_QUIC);
  g_assert_cmpint (lp2p_udp_classify (79), ==, LP2P_UDP_TURN | LP2P_UDP_QUIC);
  g_assert_cmpint (lp2p_udp_classify (80), ==, LP2P_UDP_QUIC);
  g_assert_cmpint (lp2p_udp_classify (127), ==, LP2P_UDP_QUIC);
  g_assert_cmpint (lp2p_udp_classify (128), ==, LP2P_UDP_RTP);
  g_assert_cmpint (lp2p_udp_classify (191), ==, LP2P_UDP_RTP);
  g_assert_cmpint (lp2p_udp_classify (192), ==, LP2P_UDP_QUIC);
  g_assert_cmpint (lp2p_udp_classify (255), ==, LP2P_UDP_QUIC);
}

static void
test_dispatch (Fixture *f, gconstpointer data)
{
  struct sockaddr_storage address;
  int peer = open_peer (&address, AF_INET);
  User quic, webrtc, low;

  user_add (&low, f, f->socket, LP2P_UDP_QUIC | LP2P_UDP_DTLS, 1);
  user_add (&quic, f, f->socket, LP2P_UDP_QUIC, 5);
  user_add (&webrtc, f, f->socket, LP2P_UDP_STUN | LP2P_UDP_DTLS | LP2P_UDP_RTP, 2);
  quic.owned = 0x05;

  send_to (peer, f->socket, "\x01 stun", 6);
  send_to (peer, f->socket, "\x16 dtls", 6);
  send_to (peer, f->socket, "\x90 rtp.", 6);
  send_to (peer, f->socket, "\xc0 quic", 6);
  send_to (peer, f->socket, "\x41 quic", 6);
  send_to (peer, f->socket, "\x05 greased", 9);
  send_to (peer, f->socket, "\x06 noise", 7);
  send_to (peer, f->socket, "", 0);
  send_to (peer, f->socket, "\x01 stun", 6);
  wait_for (&quic, 3);
  wait_for (&webrtc, 4);
  g_assert_cmpstr (quic.log->str, ==, "\xc0\x41\x05");
  g_assert_cmpstr (webrtc.log->str, ==, "\x01\x16\x90\x01");
  g_assert_cmpuint (low.got->len, ==, 0);

  /* Without the first, the next in order. */
  lp2p_udp_socket_remove_user (f->socket, g_steal_pointer (&quic.user));
  send_to (peer, f->socket, "\xc0 quic", 6);
  wait_for (&low, 1);

  user_clear (&quic);
  user_clear (&webrtc);
  user_clear (&low);
  close (peer);
}

/* Whatever a greased packet looks like, and whoever claimed what that would be: its
 * connection id says whose it is. */
static void
test_greased (Fixture *f, gconstpointer data)
{
  static const guint8 first_bytes[] = { 0x01, 0x03, 0x05, 0x16, 0x3f, 0x41, 0x4f, 0x80, 0x90, 0xbf, 0xc0 };
  struct sockaddr_storage address;
  int peer = open_peer (&address, AF_INET);
  User quic, webrtc;

  user_add (&webrtc, f, f->socket, LP2P_UDP_STUN | LP2P_UDP_DTLS | LP2P_UDP_RTP | LP2P_UDP_TURN, 9);
  user_add (&quic, f, f->socket, LP2P_UDP_QUIC, 0);
  g_assert_true (lp2p_udp_socket_claim (f->socket, webrtc.user, (struct sockaddr *) &address,
                                        LP2P_UDP_STUN | LP2P_UDP_DTLS | LP2P_UDP_TURN));
  for (guint i = 0; i < G_N_ELEMENTS (first_bytes); i++)
    {
      quic.owned = first_bytes[i];
      send_to (peer, f->socket, &first_bytes[i], 1);
      wait_for (&quic, i + 1);
    }
  g_assert_cmpuint (webrtc.got->len, ==, 0);

  quic.owned = 0;
  send_to (peer, f->socket, "\x41 turn", 6);
  wait_for (&webrtc, 1);
  g_assert_cmpuint (quic.got->len, ==, G_N_ELEMENTS (first_bytes));
  user_clear (&quic);
  user_clear (&webrtc);
  close (peer);
}

static void
test_claims (Fixture *f, gconstpointer data)
{
  struct sockaddr_storage one, two;
  int first = open_peer (&one, AF_INET), second = open_peer (&two, AF_INET);
  const Lp2pUdpClass ice = LP2P_UDP_STUN | LP2P_UDP_DTLS;
  User a, b;

  user_add (&a, f, f->socket, LP2P_UDP_STUN, 9);
  user_add (&b, f, f->socket, 0, 0);
  g_assert_true (lp2p_udp_socket_claim (f->socket, b.user, (struct sockaddr *) &one, ice));
  g_assert_true (lp2p_udp_socket_claim (f->socket, b.user, (struct sockaddr *) &one, ice));
  g_assert_false (
      lp2p_udp_socket_claim (f->socket, a.user, (struct sockaddr *) &one, LP2P_UDP_DTLS));
  g_assert_true (lp2p_udp_socket_claim (f->socket, a.user, (struct sockaddr *) &one, LP2P_UDP_RTP));

  send_to (first, f->socket, "\x01", 1);
  send_to (first, f->socket, "\x16", 1);
  send_to (first, f->socket, "\x80", 1);
  send_to (second, f->socket, "\x02", 1);
  wait_for (&a, 2);
  wait_for (&b, 2);
  g_assert_cmpstr (a.log->str, ==, "\x80\x02");
  g_assert_cmpstr (b.log->str, ==, "\x01\x16");

  lp2p_udp_socket_release (f->socket, b.user, (struct sockaddr *) &one, LP2P_UDP_STUN);
  lp2p_udp_socket_release (f->socket, b.user, (struct sockaddr *) &two, LP2P_UDP_STUN);
  send_to (first, f->socket, "\x03", 1);
  send_to (first, f->socket, "\x17", 1);
  wait_for (&a, 3);
  wait_for (&b, 3);
  g_assert_cmpstr (a.log->str + 2, ==, "\x03");
  g_assert_cmpstr (b.log->str + 2, ==, "\x17");

  /* Claims go with their user. */
  lp2p_udp_socket_remove_user (f->socket, g_steal_pointer (&b.user));
  g_assert_true (
      lp2p_udp_socket_claim (f->socket, a.user, (struct sockaddr *) &one, LP2P_UDP_DTLS));
  lp2p_udp_socket_release (f->socket, a.user, (struct sockaddr *) &one,
                           LP2P_UDP_DTLS | LP2P_UDP_RTP);
  g_assert_cmpuint (g_hash_table_size (f->socket->claims), ==, 0);
  user_clear (&a);
  user_clear (&b);
  close (first);
  close (second);
}

static void
test_remove_inside (Fixture *f, gconstpointer data)
{
  struct sockaddr_storage address;
  int peer = open_peer (&address, AF_INET);
  User first, second;

  user_add (&first, f, f->socket, LP2P_UDP_QUIC | LP2P_UDP_STUN, 5);
  user_add (&second, f, f->socket, LP2P_UDP_QUIC, 1);
  first.remove_inside = TRUE;
  send_to (peer, f->socket, "\x01", 1);
  send_to (peer, f->socket, "\x01zz", 3);
  send_to (peer, f->socket, "\xc0", 1);
  settle (f);
  g_assert_null (first.user);
  g_assert_cmpuint (first.n_calls, ==, 1);
  send_to (peer, f->socket, "\xc1", 1);
  wait_for (&second, 1);
  g_assert_cmpuint (first.n_calls, ==, 1);
  user_clear (&first);
  user_clear (&second);
  close (peer);
}

/* With the last user goes the last reference, in the middle of a batch. */
static void
test_unref_inside (Fixture *f, gconstpointer data)
{
  Lp2pUdpSocket *socket = bind_text (f, "/ip4/127.0.0.1/udp/0", LP2P_UDP_BIND_EXCLUSIVE);
  struct sockaddr_storage address;
  int peer = open_peer (&address, AF_INET);
  User user;

  user_add (&user, f, socket, LP2P_UDP_QUIC, 5);
  user.remove_inside = TRUE;
  user.unref_inside = TRUE;
  for (guint i = 0; i < 5; i++)
    send_to (peer, socket, "\xc0", 1);
  settle (f);
  g_assert_null (user.socket);
  user_clear (&user);
  close (peer);
}

static void
test_bind (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pUdpSocket) any = bind_text (f, "/ip4/0.0.0.0/udp/0", LP2P_UDP_BIND_SHARED);
  g_autoptr (Lp2pUdpSocket) again = bind_text (f, "/ip4/0.0.0.0/udp/0", LP2P_UDP_BIND_SHARED);
  g_autoptr (Lp2pUdpSocket) own = bind_text (f, "/ip4/0.0.0.0/udp/0", LP2P_UDP_BIND_EXCLUSIVE);
  g_autoptr (Lp2pUdpSocket) exact =
      bind_text (f, lp2p_udp_socket_get_id (any), LP2P_UDP_BIND_SHARED);
  g_autoptr (Lp2pUdpSocket) six = bind_text (f, "/ip6/::/udp/0", LP2P_UDP_BIND_SHARED);
  g_autoptr (GError) error = NULL;
  GPtrArray *addresses = lp2p_udp_socket_get_addresses (any);

  g_assert_true (any == again);
  g_assert_true (any == exact);
  g_assert_true (any != own);
  g_assert_true (g_str_has_prefix (lp2p_udp_socket_get_id (any), "/ip4/0.0.0.0/udp/"));
  g_assert_cmpuint (addresses->len, >, 0);
  for (guint i = 0; i < addresses->len; i++)
    g_assert_false (lp2p_multiaddr_is_unspecified (addresses->pdata[i]));
  g_assert_true (g_str_has_prefix (lp2p_udp_socket_get_id (six), "/ip6/::/udp/"));

  g_assert_null (try_bind (f, lp2p_udp_socket_get_id (own), LP2P_UDP_BIND_SHARED, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  g_assert_nonnull (strstr (error->message, lp2p_udp_socket_get_id (own)));
  g_clear_error (&error);
  lp2p_udp_hub_close (f->hub);
  g_assert_null (try_bind (f, "/ip4/127.0.0.1/udp/0", LP2P_UDP_BIND_SHARED, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

static void
test_find (Fixture *f, gconstpointer data)
{
  struct sockaddr_in loopback = { .sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
                                  .sin_port = htons (9) };
  struct sockaddr_in far = loopback;
  struct sockaddr_in6 six = { .sin6_family = AF_INET6,
                              .sin6_addr = in6addr_loopback,
                              .sin6_port = htons (9) };
  Lp2pUdpSocket *found;

  inet_pton (AF_INET, "203.0.113.1", &far.sin_addr);
  found = lp2p_udp_hub_find (f->hub, (struct sockaddr *) &loopback);
  g_assert_true (found == f->socket);
  lp2p_udp_socket_unref (found);
  g_assert_null (lp2p_udp_hub_find (f->hub, (struct sockaddr *) &far));
  g_assert_null (lp2p_udp_hub_find (f->hub, (struct sockaddr *) &six));

  {
    g_autoptr (Lp2pUdpSocket) own = bind_text (f, "/ip4/0.0.0.0/udp/0", LP2P_UDP_BIND_EXCLUSIVE);
    g_autoptr (Lp2pUdpSocket) any = NULL;

    g_assert_null (lp2p_udp_hub_find (f->hub, (struct sockaddr *) &far));
    any = bind_text (f, "/ip4/0.0.0.0/udp/0", LP2P_UDP_BIND_SHARED);
    found = lp2p_udp_hub_find (f->hub, (struct sockaddr *) &loopback);
    g_assert_true (found == f->socket);
    lp2p_udp_socket_unref (found);
  }
}

static void
test_closed (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  Lp2pUdpSend send = { .data = (const guint8 *) "x",
                       .size = 1,
                       .segment_size = 1,
                       .remote = (struct sockaddr *) &f->socket->address };
  User a, b;

  user_add (&a, f, f->socket, LP2P_UDP_QUIC, 0);
  user_add (&b, f, f->socket, LP2P_UDP_QUIC, 0);
  lp2p_udp_hub_close (f->hub);
  g_assert_cmpuint (a.n_closed, ==, 1);
  g_assert_cmpuint (b.n_closed, ==, 1);
  g_assert_cmpuint (lp2p_udp_socket_send (f->socket, &send, 1, &error), ==, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  user_clear (&a);
  user_clear (&b);
}

/* A flood on one socket leaves the others their turn. */
static void
test_flood (Fixture *f, gconstpointer data)
{
  struct sockaddr_storage address;
  int peer = open_peer (&address, AF_INET);
  User user;

  user_add (&user, f, f->socket, LP2P_UDP_QUIC, 0);
  for (guint i = 0; i < 1000; i++)
    {
      char text[8] = "\xc0";

      text[1] = i & 0xff;
      /* Different sizes, so that they are not joined. */
      send_to (peer, f->socket, text, 2 + i % 6);
    }
  wait_for (&user, 1000);
  g_assert_cmpuint (user.n_calls, <, 300);
  user_clear (&user);
  close (peer);
}

#define ADD(path, func) g_test_add ("/udp-hub/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/udp-hub/classify", test_classify);
  ADD ("bind", test_bind);
  ADD ("find", test_find);
  ADD ("closed", test_closed);
  ADD ("dispatch", test_dispatch);
  ADD ("claims", test_claims);
  ADD ("greased", test_greased);
  ADD ("remove-inside", test_remove_inside);
  ADD ("unref-inside", test_unref_inside);
  ADD ("flood", test_flood);

  return g_test_run ();
}
