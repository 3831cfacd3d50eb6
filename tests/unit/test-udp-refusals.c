/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a UDP socket does when the kernel refuses what it usually takes, or lacks it. */

#include "net/lp2p-udp-hub-private.h"

#include <dlfcn.h>
#include <errno.h>
#include <netinet/udp.h>
#include <unistd.h>

/* A kernel that refuses what it usually takes: calls of sendmsg() and sendmmsg() fail
 * with `error`, so many of them, or where `trains` is set those with trains. */
static struct
{
  int error;
  guint n;
  gboolean trains;
  guint n_refused;
} refusal;

/* What it lacks, and how often it said so. */
typedef struct
{
  gboolean gro;
  gboolean recvmmsg;
  gboolean sendmmsg;
  gboolean buffers; /* larger ones */
} Lack;

static Lack lack;
static guint n_lacked;

/* The size of the receive buffer that somebody asked for. */
static int asked_size;

/* Messages above debug level. */
static guint n_messages;

static int
fail_for_lack (int code)
{
  n_lacked++;
  errno = code;
  return -1;
}

static gboolean
has_train (const struct msghdr *header)
{
  for (struct cmsghdr *message = CMSG_FIRSTHDR (header); message != NULL;
       message = CMSG_NXTHDR ((struct msghdr *) header, message))
    if (message->cmsg_level == IPPROTO_UDP && message->cmsg_type == UDP_SEGMENT)
      return TRUE;
  return FALSE;
}

static gboolean
is_refused (const struct msghdr *header)
{
  gboolean refused = refusal.trains ? has_train (header) : refusal.n > 0;

  if (!refused)
    return FALSE;
  refusal.n -= refusal.trains ? 0 : 1;
  refusal.n_refused++;
  errno = refusal.error;
  return TRUE;
}

ssize_t
sendmsg (int fd, const struct msghdr *header, int flags)
{
  static ssize_t (*original) (int fd, const struct msghdr *header, int flags);

  if (original == NULL)
    original = (ssize_t (*) (int, const struct msghdr *, int)) dlsym (RTLD_NEXT, "sendmsg");
  return is_refused (header) ? -1 : original (fd, header, flags);
}

/* Like the kernel, it tells of an error only where that is the first message. */
int
sendmmsg (int fd, struct mmsghdr *messages, unsigned n, int flags)
{
  unsigned i = 0;

  if (lack.sendmmsg)
    return fail_for_lack (ENOSYS);
  while (i < n)
    {
      ssize_t size = sendmsg (fd, &messages[i].msg_hdr, flags);

      if (size < 0)
        break;
      messages[i++].msg_len = size;
    }
  return i > 0 ? (int) i : -1;
}

int
recvmmsg (int fd, struct mmsghdr *messages, unsigned n, int flags, struct timespec *timeout)
{
  static int (*original) (int fd, struct mmsghdr *messages, unsigned n, int flags, struct timespec *timeout);

  if (original == NULL)
    original = (int (*) (int, struct mmsghdr *, unsigned, int, struct timespec *)) dlsym (RTLD_NEXT, "recvmmsg");
  return lack.recvmmsg ? fail_for_lack (ENOSYS) : original (fd, messages, n, flags, timeout);
}

int
setsockopt (int fd, int level, int name, const void *value, socklen_t size)
{
  static int (*original) (int fd, int level, int name, const void *value, socklen_t size);

  if (original == NULL)
    original = (int (*) (int, int, int, const void *, socklen_t)) dlsym (RTLD_NEXT, "setsockopt");
  if (level == SOL_SOCKET && name == SO_RCVBUF)
    asked_size = *(const int *) value;
  if (lack.buffers && level == SOL_SOCKET && (name == SO_RCVBUF || name == SO_SNDBUF))
    return fail_for_lack (ENOBUFS);
  if (lack.gro && level == IPPROTO_UDP && name == UDP_GRO)
    return fail_for_lack (ENOPROTOOPT);
  return original (fd, level, name, value, size);
}

static GLogWriterOutput
count_message (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  n_messages += (level & G_LOG_LEVEL_MASK) < G_LOG_LEVEL_DEBUG;
  return g_log_writer_default (level, fields, n_fields, user_data);
}

#define BUFFER_SIZE (4 * 1024 * 1024)

#define N_SENDS    3
#define N_SEGMENTS 5
#define SEGMENT    10

typedef struct
{
  Lp2pLoop *loop;
  GMainContext *context;
  Lp2pUdpHub *hub;
  Lp2pUdpSocket *socket;
  Lp2pUdpUser *user;
  guint n_writable;
  int peer;
  struct sockaddr_in address; /* of the peer */
} Fixture;

static void
ignore (Lp2pUdpSocket *socket, const Lp2pUdpDatagram *datagrams, guint n, gint64 now, gpointer data)
{
}

static void
on_writable (Lp2pUdpSocket *socket, gpointer data)
{
  ((Fixture *) data)->n_writable++;
}

static Lp2pUdpSocket *
bind_any (Fixture *f)
{
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GError) error = NULL;
  Lp2pUdpSocket *socket = lp2p_udp_hub_bind (f->hub, any, LP2P_UDP_BIND_EXCLUSIVE, &error);

  g_assert_no_error (error);
  return socket;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  const Lp2pUdpReceiver receiver = { .receive = ignore, .writable = on_writable };
  socklen_t size = sizeof f->address;

  f->context = g_main_context_new ();
  f->loop = lp2p_loop_new (f->context, NULL);
  f->hub = lp2p_udp_hub_new (f->loop);
  f->socket = bind_any (f);
  f->user = lp2p_udp_socket_add_user (f->socket, LP2P_UDP_QUIC, 0, &receiver, f);
  f->peer = socket (AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  f->address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  g_assert_cmpint (bind (f->peer, (struct sockaddr *) &f->address, sizeof f->address), ==, 0);
  g_assert_cmpint (getsockname (f->peer, (struct sockaddr *) &f->address, &size), ==, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  refusal.n = 0;
  refusal.trains = FALSE;
  refusal.n_refused = 0;
  lack = (Lack){ 0 };
  n_lacked = 0;
  n_messages = 0;
  close (f->peer);
  lp2p_udp_socket_remove_user (f->socket, f->user);
  lp2p_udp_socket_unref (f->socket);
  lp2p_udp_hub_close (f->hub);
  g_object_unref (f->hub);
  lp2p_loop_unref (f->loop);
  g_main_context_unref (f->context);
}

static void
send_trains_to (Fixture *f, struct sockaddr *remote)
{
  static const guint8 bytes[N_SEGMENTS * SEGMENT];
  Lp2pUdpSend sends[N_SENDS];
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < N_SENDS; i++)
    sends[i] = (Lp2pUdpSend){ .data = bytes,
                              .size = sizeof bytes,
                              .segment_size = SEGMENT,
                              .remote = remote };
  g_assert_cmpuint (lp2p_udp_socket_send (f->socket, sends, N_SENDS, &error), ==, N_SENDS);
  g_assert_no_error (error);
}

static void
send_trains (Fixture *f)
{
  send_trains_to (f, (struct sockaddr *) &f->address);
}

/* What has come: loopback delivers before a call returns. */
static guint
count_datagrams (Fixture *f)
{
  guint8 buffer[2 * SEGMENT];
  gssize size;
  guint n = 0;

  for (; (size = recv (f->peer, buffer, sizeof buffer, 0)) >= 0; n++)
    g_assert_cmpint (size, ==, SEGMENT);
  return n;
}

/* A device that does not cut trains says so only when it gets one: they go datagram by
 * datagram from then on, and none is lost or sent twice. */
static void
test_trains (Fixture *f, gconstpointer data)
{
  if (!lp2p_udp_socket_has_gso (f->socket))
    {
      g_test_skip ("this kernel cuts no trains");
      return;
    }
  refusal.error = GPOINTER_TO_INT (data);
  refusal.trains = TRUE;
  send_trains (f);
  g_assert_cmpuint (refusal.n_refused, ==, 1);
  g_assert_false (lp2p_udp_socket_has_gso (f->socket));
  g_assert_cmpuint (count_datagrams (f), ==, N_SENDS * N_SEGMENTS);
  send_trains (f);
  g_assert_cmpuint (refusal.n_refused, ==, 1);
  g_assert_cmpuint (count_datagrams (f), ==, N_SENDS * N_SEGMENTS);
}

/* The device's queue is full at this moment: what it does not take is lost, as on any
 * other hop, and whoever sends is not told to stop. */
static void
test_no_buffers (Fixture *f, gconstpointer data)
{
  gboolean has_gso = lp2p_udp_socket_has_gso (f->socket);

  refusal.error = ENOBUFS;
  refusal.n = 1;
  send_trains (f);
  g_assert_cmpuint (refusal.n_refused, ==, 1);
  g_assert_true (lp2p_udp_socket_has_gso (f->socket) == has_gso);
  g_assert_cmpuint (count_datagrams (f), ==, N_SENDS * N_SEGMENTS - (has_gso ? N_SEGMENTS : 1));
}

/* A signal, and an error of something that was sent before: all goes all the same. */
static void
test_again (Fixture *f, gconstpointer data)
{
  refusal.error = GPOINTER_TO_INT (data);
  refusal.n = 1;
  send_trains (f);
  g_assert_cmpuint (refusal.n_refused, ==, 1);
  g_assert_cmpuint (count_datagrams (f), ==, N_SENDS * N_SEGMENTS);
}

/* No room for now: the count is short, and whoever sends is told when there is some. */
static void
test_no_room (Fixture *f, gconstpointer data)
{
  static const guint8 byte;
  Lp2pUdpSend send = { .data = &byte, .size = 1, .segment_size = 1, .remote = (struct sockaddr *) &f->address };
  g_autoptr (GError) error = NULL;

  refusal.error = EAGAIN;
  refusal.n = 1;
  g_assert_cmpuint (lp2p_udp_socket_send (f->socket, &send, 1, &error), ==, 0);
  g_assert_no_error (error);
  while (f->n_writable == 0)
    g_main_context_iteration (f->context, TRUE);
  g_assert_cmpuint (lp2p_udp_socket_send (f->socket, &send, 1, &error), ==, 1);
  g_assert_no_error (error);
  g_assert_cmpuint (f->n_writable, ==, 1);
}

/* What does not go away is told. */
static void
test_error (Fixture *f, gconstpointer data)
{
  static const guint8 byte;
  Lp2pUdpSend send = { .data = &byte, .size = 1, .segment_size = 1, .remote = (struct sockaddr *) &f->address };
  g_autoptr (GError) error = NULL;

  refusal.error = EPERM;
  refusal.n = 2;
  g_assert_cmpuint (lp2p_udp_socket_send (f->socket, &send, 1, &error), ==, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
}

static void
count_received (Lp2pUdpSocket *socket, const Lp2pUdpDatagram *datagrams, guint n, gint64 now, gpointer data)
{
  for (guint i = 0; i < n; i++)
    {
      g_assert_cmpuint (datagrams[i].segment_size, ==, SEGMENT);
      g_assert_cmpuint (datagrams[i].size % SEGMENT, ==, 0);
      g_assert_true (datagrams[i].size == SEGMENT || !lack.gro);
      *(guint *) data += datagrams[i].size / SEGMENT;
    }
}

/* A kernel, or what passes for one in a sandbox, that knows less: all comes all the same,
 * once, and without a word about it. */
static void
test_lack (Fixture *f, gconstpointer data)
{
  const Lp2pUdpReceiver receiver = { .receive = count_received };
  guint n_received = 0;
  g_autoptr (Lp2pUdpSocket) socket = NULL;
  Lp2pUdpUser *user;

  lack = *(const Lack *) data;
  socket = bind_any (f);
  user = lp2p_udp_socket_add_user (socket, LP2P_UDP_STUN, 0, &receiver, &n_received);
  for (guint round = 1; round <= 3; round++)
    {
      send_trains_to (f, (struct sockaddr *) &socket->address);
      while (n_received < round * N_SENDS * N_SEGMENTS)
        g_main_context_iteration (f->context, TRUE);
      g_assert_cmpuint (n_received, ==, round * N_SENDS * N_SEGMENTS);
    }
  g_assert_cmpuint (n_lacked, >, 0);
  g_assert_cmpuint (n_messages, ==, 0);
  lp2p_udp_socket_remove_user (socket, user);
}

/* As much as there is, up to what a fast link needs. */
static void
test_buffer (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pUdpSocket) socket = NULL;
  g_autofree char *text = NULL;
  int value = 0;
  socklen_t size = sizeof value;

  if (!g_file_get_contents ("/proc/sys/net/core/rmem_max", &text, NULL, NULL))
    {
      g_test_skip ("nothing says how much this kernel gives");
      return;
    }
  socket = bind_any (f);
  g_assert_cmpint (asked_size, ==, BUFFER_SIZE);
  g_assert_cmpint (getsockopt (socket->fd, SOL_SOCKET, SO_RCVBUF, &value, &size), ==, 0);
  /* The kernel tells twice what it was asked for, see socket(7). */
  g_assert_cmpint (value, ==, 2 * MIN (BUFFER_SIZE, g_ascii_strtoll (text, NULL, 10)));
  g_assert_cmpuint (n_messages, ==, 0);
}

/* What the link of a route takes. */
static void
test_link_size (void)
{
  struct sockaddr_in near = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  struct sockaddr_in none = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_BROADCAST) };

  near.sin_port = none.sin_port = htons (9);
  g_assert_cmpuint (lp2p_udp_get_link_size ((struct sockaddr *) &near), >=, 1472);
  g_assert_cmpuint (lp2p_udp_get_link_size ((struct sockaddr *) &near), <=, 65507);
  g_assert_true (lp2p_udp_is_on_link ((struct sockaddr *) &near));
  /* Only who asks for it may send there, and so there is no route. */
  g_assert_cmpuint (lp2p_udp_get_link_size ((struct sockaddr *) &none), ==, 0);
  g_assert_false (lp2p_udp_is_on_link ((struct sockaddr *) &none));
}

static const struct
{
  const char *name;
  Lack lack;
} lacks[] = {
  { "/udp-refusals/lack-of-gro", { .gro = TRUE } },
  { "/udp-refusals/lack-of-recvmmsg", { .recvmmsg = TRUE } },
  { "/udp-refusals/lack-of-sendmmsg", { .sendmmsg = TRUE } },
  { "/udp-refusals/lack-of-buffers", { .buffers = TRUE } },
  { "/udp-refusals/lack-of-all", { TRUE, TRUE, TRUE, TRUE } },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

#define ADD(name, error, test) \
  g_test_add ("/udp-refusals/" name, Fixture, GINT_TO_POINTER (error), set_up, test, tear_down)
  g_log_set_writer_func (count_message, NULL, NULL);
  ADD ("trains-eio", EIO, test_trains);
  ADD ("trains-einval", EINVAL, test_trains);
  ADD ("no-buffers", 0, test_no_buffers);
  ADD ("interrupted", EINTR, test_again);
  ADD ("late-error", EHOSTUNREACH, test_again);
  ADD ("no-room", 0, test_no_room);
  ADD ("error", 0, test_error);
  ADD ("buffer", 0, test_buffer);
  for (guint i = 0; i < G_N_ELEMENTS (lacks); i++)
    g_test_add (lacks[i].name, Fixture, &lacks[i].lack, set_up, test_lack, tear_down);
  g_test_add_func ("/udp-refusals/link-size", test_link_size);
  return g_test_run ();
}
