/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#include "net/lp2p-udp-hub-private.h"

typedef struct
{
  Lp2pLoop *loop;
  GMainContext *context;
  Lp2pUdpHub *hub;
  Lp2pUdpSocket *socket;
} Fixture;

/* A user and what it was told. */
typedef struct
{
  Fixture *f;
  Lp2pUdpSocket *socket;
  Lp2pUdpUser *user;
  Lp2pUdpReceiver receiver;
  GPtrArray *got; /* of GBytes, one for each datagram */
  GString *log;   /* the first byte of each */
  guint n_calls;
  guint n_writable;
  guint n_unreachable;
  guint n_closed;
  int last_error;
  guint8 last_ecn;
  gsize largest_train;
  char *last_local;
  char *last_remote;
  guint8 owned; /* first byte of the datagrams whose connection id it knows */
  gboolean remove_inside;
  gboolean unref_inside;
} User;

static char *
describe (const struct sockaddr_storage *address)
{
  g_autoptr (Lp2pMultiaddr) multiaddr =
      lp2p_sockaddr_to_multiaddr ((const struct sockaddr *) address, LP2P_PROTOCOL_UDP);

  return g_strdup (lp2p_multiaddr_get_string (multiaddr));
}

static void
receive (
    Lp2pUdpSocket *socket, const Lp2pUdpDatagram *datagrams, guint n, gint64 now, gpointer data)
{
  User *self = data;

  g_assert_true (socket == self->socket);
  g_assert_cmpuint (n, >, 0);
  g_assert_cmpint (now, >, 0);
  g_assert_nonnull (self->user);
  self->n_calls++;
  for (guint i = 0; i < n; i++)
    {
      const Lp2pUdpDatagram *datagram = &datagrams[i];

      g_assert_cmpuint (datagram->segment_size, >, 0);
      g_assert_cmpuint (datagram->segment_size, <=, datagram->size);
      self->largest_train = MAX (self->largest_train, datagram->size);
      for (gsize at = 0; at < datagram->size; at += datagram->segment_size)
        {
          gsize size = MIN (datagram->segment_size, datagram->size - at);

          g_ptr_array_add (self->got, g_bytes_new (datagram->data + at, size));
          g_string_append_c (self->log, datagram->data[at]);
        }
      self->last_ecn = datagram->ecn;
      g_free (self->last_local);
      g_free (self->last_remote);
      self->last_local = describe (datagram->local);
      self->last_remote = describe (datagram->remote);
    }
  if (self->remove_inside)
    lp2p_udp_socket_remove_user (socket, g_steal_pointer (&self->user));
  if (self->unref_inside)
    lp2p_udp_socket_unref (g_steal_pointer (&self->socket));
}

static gboolean
owns_cid (Lp2pUdpSocket *socket, const guint8 *data, gsize size, gpointer user_data)
{
  User *self = user_data;

  g_assert_cmpuint (size, >, 0);
  return self->owned != 0 && data[0] == self->owned;
}

static void
writable (Lp2pUdpSocket *socket, gpointer user_data)
{
  ((User *) user_data)->n_writable++;
}

static void
unreachable (Lp2pUdpSocket *socket, const struct sockaddr *remote, int error, gpointer user_data)
{
  User *self = user_data;

  self->n_unreachable++;
  self->last_error = error;
  g_free (self->last_remote);
  self->last_remote = describe ((const struct sockaddr_storage *) remote);
}

static void
closed (Lp2pUdpSocket *socket, const GError *error, gpointer user_data)
{
  g_assert_nonnull (error);
  ((User *) user_data)->n_closed++;
}

static void
user_add (User *self, Fixture *f, Lp2pUdpSocket *socket, Lp2pUdpClass classes, int priority)
{
  *self = (User) { .f = f, .socket = socket };
  self->receiver = (Lp2pUdpReceiver) {
    .receive = receive,
    .owns_cid = owns_cid,
    .writable = writable,
    .unreachable = unreachable,
    .closed = closed,
  };
  self->got = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  self->log = g_string_new (NULL);
  self->user = lp2p_udp_socket_add_user (socket, classes, priority, &self->receiver, self);
}

static void
user_clear (User *self)
{
  if (self->user != NULL)
    lp2p_udp_socket_remove_user (self->socket, self->user);
  g_ptr_array_unref (self->got);
  g_string_free (self->log, TRUE);
  g_free (self->last_local);
  g_free (self->last_remote);
}

static Lp2pUdpSocket *
try_bind (Fixture *f, const char *text, Lp2pUdpBindFlags flags, GError **error)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (GSocketAddress) native = lp2p_multiaddr_get_socket_address (address, NULL);

  return lp2p_udp_hub_bind (f->hub, native, flags, error);
}

static Lp2pUdpSocket *
bind_text (Fixture *f, const char *text, Lp2pUdpBindFlags flags)
{
  g_autoptr (GError) error = NULL;
  Lp2pUdpSocket *socket = try_bind (f, text, flags, &error);

  g_assert_no_error (error);
  return socket;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->context = g_main_context_new ();
  f->loop = lp2p_loop_new (f->context, NULL);
  f->hub = lp2p_udp_hub_new (f->loop);
  f->socket = bind_text (f, data != NULL ? data : "/ip4/127.0.0.1/udp/0", LP2P_UDP_BIND_SHARED);
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
  g_clear_pointer (&f->socket, lp2p_udp_socket_unref);
  g_object_add_weak_pointer (G_OBJECT (f->hub), (gpointer *) &f->hub);
  g_object_unref (f->hub);
  g_assert_null (f->hub);
  lp2p_loop_unref (f->loop);
  g_main_context_unref (f->context);
}

/* A plain socket on the other side. */
static int
open_peer (struct sockaddr_storage *address, int family)
{
  socklen_t size = sizeof *address;
  int fd = socket (family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  memset (address, 0, sizeof *address);
  address->ss_family = family;
  if (family == AF_INET)
    ((struct sockaddr_in *) address)->sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  else
    ((struct sockaddr_in6 *) address)->sin6_addr = in6addr_loopback;
  g_assert_cmpint (
      bind (fd, (struct sockaddr *) address, lp2p_sockaddr_get_size ((struct sockaddr *) address)),
      ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *) address, &size), ==, 0);
  return fd;
}

static void
send_to (int fd, Lp2pUdpSocket *socket, gconstpointer data, gsize size)
{
  struct sockaddr_storage address = socket->address;

  if (socket->wildcard)
    {
      if (address.ss_family == AF_INET)
        ((struct sockaddr_in *) &address)->sin_addr.s_addr = htonl (INADDR_LOOPBACK);
      else
        ((struct sockaddr_in6 *) &address)->sin6_addr = in6addr_loopback;
    }
  g_assert_cmpint (sendto (fd, data, size, 0, (struct sockaddr *) &address,
                           lp2p_sockaddr_get_size ((struct sockaddr *) &address)),
                   ==, size);
}

static void
wait_for (User *user, guint n)
{
  while (user->got->len < n)
    g_main_context_iteration (user->f->context, TRUE);
}

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

#define ADD_DATA(path, data, func) \
  g_test_add ("/udp-hub/" path, Fixture, data, set_up, func, tear_down)
#define ADD(path, func) ADD_DATA (path, NULL, func)

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

  g_test_add_func ("/udp-hub/classify", test_classify);
  ADD ("bind", test_bind);
  ADD ("find", test_find);
  ADD ("closed", test_closed);
  ADD ("dispatch", test_dispatch);
  ADD ("claims", test_claims);
  ADD ("greased", test_greased);
  ADD ("train/ip4", test_train_4);
  ADD ("train/ip6", test_train_6);
  ADD ("train/mixed", test_train_mixed);
  ADD ("wildcard-source/ip4", test_wildcard_4);
  ADD ("wildcard-source/ip6", test_wildcard_6);
  ADD ("unreachable", test_unreachable);
  ADD ("send/error", test_send_error);
  ADD ("send/writable", test_writable);
  ADD ("send/backlog", test_backlog);
  ADD ("idle", test_idle);
  ADD ("remove-inside", test_remove_inside);
  ADD ("unref-inside", test_unref_inside);
  ADD ("flood", test_flood);

  return g_test_run ();
}
