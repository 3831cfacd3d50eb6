/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-udp-hub-private.h"

#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/udp.h>

/* The kernel joins datagrams of one sender to trains of up to 64 KiB. */
#define SLOT_SIZE         (64 * 1024)
#define SLOTS_PER_SCRATCH (LP2P_SCRATCH_SIZE / SLOT_SIZE)
#define N_SCRATCH         1
#define N_SLOTS           (N_SCRATCH * SLOTS_PER_SCRATCH)

/* Whichever comes first ends a turn: QUIC needs about a microsecond for a
 * kilobyte, and some more for each packet. When there is more than that, a turn
 * takes what two turns can put straight into a usual reader's buffer: whatever is
 * beyond has to be kept for it, which costs more than the turns. */
#define BATCHES_PER_TURN 8
#define BYTES_PER_TURN   (96 * 1024)
#define TRAINS_PER_TURN  2

/* Datagrams that a user is given at once. */
#define RUN_LENGTH 64

#define ERRORS_PER_TURN 64

typedef struct
{
  guint8 *scratch[N_SCRATCH];
  struct mmsghdr messages[N_SLOTS];
  struct iovec vectors[N_SLOTS];
  struct sockaddr_storage remotes[N_SLOTS];
  struct sockaddr_storage locals[N_SLOTS];
  Lp2pUdpControl controls[N_SLOTS];
} Batch;

/* Datagrams in a row that belong to one user. */
typedef struct
{
  Lp2pUdpSocket *socket;
  Lp2pUdpUser *user;
  Lp2pUdpDatagram datagrams[RUN_LENGTH];
  guint n_datagrams;
  gint64 now;
} Run;

static void
run_flush (Run *run)
{
  Lp2pUdpUser *user = g_steal_pointer (&run->user);
  guint n = run->n_datagrams;

  run->n_datagrams = 0;
  if (n > 0)
    user->receiver.receive (run->socket, run->datagrams, n, run->now, user->user_data);
}

/* Anything may change in a flush: users go, the socket closes. Whose the datagram
 * is therefore asked again behind it. */
static Lp2pUdpUser *
run_find_user (Run *run, const Lp2pUdpDatagram *datagram)
{
  const struct sockaddr *remote = (const struct sockaddr *) datagram->remote;
  Lp2pUdpUser *user =
      lp2p_udp_socket_find_user (run->socket, remote, datagram->data, datagram->size);

  if (run->n_datagrams == 0 || (user == run->user && run->n_datagrams < RUN_LENGTH))
    return user;
  run_flush (run);
  if (run->socket->fd < 0)
    return NULL;
  return lp2p_udp_socket_find_user (run->socket, remote, datagram->data, datagram->size);
}

/* A train is cut where the next datagram is another user's: the kernel joins
 * them by sender and size, whatever they are. */
static void
run_add (Run *run, const Lp2pUdpDatagram *train)
{
  gsize start = 0;

  while (start < train->size && run->socket->fd >= 0)
    {
      Lp2pUdpDatagram part = *train;
      Lp2pUdpUser *user;

      part.data += start;
      part.size = MIN (train->size - start, train->segment_size);
      user = run_find_user (run, &part);
      start += part.size;
      while (user != NULL && start < train->size &&
             lp2p_udp_socket_find_user (run->socket, (const struct sockaddr *) part.remote,
                                        train->data + start,
                                        MIN (train->size - start, train->segment_size)) == user)
        {
          gsize size = MIN (train->size - start, train->segment_size);

          part.size += size;
          start += size;
        }
      part.segment_size = MIN (part.segment_size, part.size);
      if (user == NULL)
        continue;
      run->user = user;
      run->datagrams[run->n_datagrams++] = part;
    }
}

static void
batch_init (Batch *batch, Lp2pLoop *loop)
{
  for (guint i = 0; i < N_SCRATCH; i++)
    batch->scratch[i] = lp2p_loop_take_scratch (loop);
  for (guint i = 0; i < N_SLOTS; i++)
    {
      batch->vectors[i].iov_base =
          batch->scratch[i / SLOTS_PER_SCRATCH] + i % SLOTS_PER_SCRATCH * SLOT_SIZE;
      batch->vectors[i].iov_len = SLOT_SIZE;
    }
}

static void
batch_clear (Batch *batch, Lp2pLoop *loop)
{
  for (guint i = 0; i < N_SCRATCH; i++)
    lp2p_loop_give_scratch (loop, batch->scratch[i]);
}

/* Returns: messages read, or -1 with errno */
static int
receive_one_by_one (int fd, struct mmsghdr *messages, guint n)
{
  guint i = 0;

  for (; i < n; i++)
    {
      gssize size = recvmsg (fd, &messages[i].msg_hdr, MSG_DONTWAIT);

      if (size < 0)
        break;
      messages[i].msg_len = size;
    }
  return i > 0 ? (int) i : -1;
}

/* Returns: messages read, or -1 with errno */
static int
batch_read (Batch *batch, int fd, guint n_slots)
{
  int n;

  for (guint i = 0; i < n_slots; i++)
    {
      batch->messages[i].msg_hdr = (struct msghdr) {
        .msg_name = &batch->remotes[i],
        .msg_namelen = sizeof batch->remotes[i],
        .msg_iov = &batch->vectors[i],
        .msg_iovlen = 1,
        .msg_control = &batch->controls[i],
        .msg_controllen = sizeof batch->controls[i],
      };
    }
  do
    {
      n = recvmmsg (fd, batch->messages, n_slots, MSG_DONTWAIT, NULL);
      /* Some sandboxes do not know it. */
      if (n < 0 && errno == ENOSYS)
        n = receive_one_by_one (fd, batch->messages, n_slots);
    }
  while (n < 0 && errno == EINTR);
  return n;
}

static int
get_int (struct cmsghdr *message)
{
  return message->cmsg_len >= CMSG_LEN (sizeof (int)) ? *(int *) CMSG_DATA (message)
                                                      : *(guint8 *) CMSG_DATA (message);
}

static void
read_control (struct cmsghdr *message, Lp2pUdpDatagram *datagram, struct sockaddr_storage *local)
{
  if (message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_PKTINFO)
    ((struct sockaddr_in *) local)->sin_addr =
        ((struct in_pktinfo *) CMSG_DATA (message))->ipi_addr;
  else if (message->cmsg_level == IPPROTO_IPV6 && message->cmsg_type == IPV6_PKTINFO)
    {
      struct in6_pktinfo *info = (struct in6_pktinfo *) CMSG_DATA (message);
      struct sockaddr_in6 *six = (struct sockaddr_in6 *) local;

      six->sin6_addr = info->ipi6_addr;
      six->sin6_scope_id = IN6_IS_ADDR_LINKLOCAL (&info->ipi6_addr) ? info->ipi6_ifindex : 0;
    }
  else if ((message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_TOS) ||
           (message->cmsg_level == IPPROTO_IPV6 && message->cmsg_type == IPV6_TCLASS))
    datagram->ecn = get_int (message) & 3;
  else if (message->cmsg_level == IPPROTO_UDP && message->cmsg_type == UDP_GRO)
    datagram->segment_size = MAX (get_int (message), 1);
}

static void
batch_add (Batch *batch, guint i, Run *run)
{
  struct msghdr *header = &batch->messages[i].msg_hdr;
  struct sockaddr_storage *local = &batch->locals[i];
  Lp2pUdpDatagram datagram = {
    .data = batch->vectors[i].iov_base,
    .size = batch->messages[i].msg_len,
    .segment_size = batch->messages[i].msg_len,
    .remote = &batch->remotes[i],
    .local = local,
  };

  if (datagram.size == 0)
    return;

  *local = run->socket->address;
  for (struct cmsghdr *message = CMSG_FIRSTHDR (header); message != NULL;
       message = CMSG_NXTHDR (header, message))
    read_control (message, &datagram, local);
  datagram.segment_size = MIN (datagram.segment_size, datagram.size);
  run_add (run, &datagram);
}

static gboolean
is_fatal (int code)
{
  return code == EBADF || code == ENOTSOCK || code == EINVAL || code == EOPNOTSUPP ||
         code == EFAULT;
}

static void
lose (Lp2pUdpSocket *self, int code)
{
  g_autoptr (GError) error =
      g_error_new (G_IO_ERROR, g_io_error_from_errno (code), _("Cannot receive on %s any more: %s"),
                   self->id, g_strerror (code));

  lp2p_udp_socket_close (self, error);
}

/* Returns: whether there may be more */
static gboolean
read_batches (Lp2pUdpSocket *self, Batch *batch)
{
  gsize bytes = 0;

  for (guint turn = 0; turn < BATCHES_PER_TURN && bytes < BYTES_PER_TURN; turn++)
    {
      Run run = { .socket = self };
      guint n_slots = self->busy ? TRAINS_PER_TURN : N_SLOTS;
      int n = batch_read (batch, self->fd, n_slots);

      if (n < 0 && errno == EAGAIN)
        return FALSE;
      if (n < 0 && is_fatal (errno))
        {
          lose (self, errno);
          return FALSE;
        }
      /* Else it is an error of something that was sent, told elsewhere. */
      if (n < 0)
        continue;

      run.now = lp2p_loop_refresh (self->loop);
      for (int i = 0; i < n && self->fd >= 0; i++)
        {
          bytes += batch->messages[i].msg_len;
          batch_add (batch, i, &run);
        }
      if (run.n_datagrams > 0 && self->fd >= 0)
        run_flush (&run);
      self->busy = bytes >= BYTES_PER_TURN;
      if (self->fd < 0 || n < (int) n_slots)
        return FALSE;
    }
  return TRUE;
}

/* Returns: whether there may be more */
gboolean
lp2p_udp_socket_read (Lp2pUdpSocket *self)
{
  Batch batch;
  gboolean more;

  batch_init (&batch, self->loop);
  more = read_batches (self, &batch);
  batch_clear (&batch, self->loop);
  return more;
}

/* What the network says of datagrams that were sent */

typedef struct
{
  const struct sockaddr *remote;
  int code;
} Unreachable;

static void
tell_unreachable (Lp2pUdpSocket *self, const Lp2pUdpUser *user, gconstpointer data)
{
  const Unreachable *unreachable = data;

  if (user->receiver.unreachable != NULL)
    user->receiver.unreachable (self, unreachable->remote, unreachable->code, user->user_data);
}

/* A datagram that was too big for a link is not an answer about the peer. */
static int
get_error_code (struct msghdr *header)
{
  for (struct cmsghdr *message = CMSG_FIRSTHDR (header); message != NULL;
       message = CMSG_NXTHDR (header, message))
    {
      const struct sock_extended_err *error = (struct sock_extended_err *) CMSG_DATA (message);

      if ((message->cmsg_level != IPPROTO_IP || message->cmsg_type != IP_RECVERR) &&
          (message->cmsg_level != IPPROTO_IPV6 || message->cmsg_type != IPV6_RECVERR))
        continue;
      if (error->ee_errno != EMSGSIZE &&
          (error->ee_origin == SO_EE_ORIGIN_ICMP || error->ee_origin == SO_EE_ORIGIN_ICMP6))
        return error->ee_errno;
    }
  return 0;
}

/* Returns: whether there may be more */
gboolean
lp2p_udp_socket_read_errors (Lp2pUdpSocket *self)
{
  for (guint i = 0; i < ERRORS_PER_TURN && self->fd >= 0; i++)
    {
      struct sockaddr_storage remote = { 0 };
      union
      {
        struct cmsghdr header;
        guint8 bytes[512];
      } control;
      guint8 byte;
      struct iovec vector = { &byte, 1 };
      struct msghdr header = {
        .msg_name = &remote,
        .msg_namelen = sizeof remote,
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
      };
      Unreachable unreachable = { (struct sockaddr *) &remote, 0 };

      if (recvmsg (self->fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
        return FALSE;
      unreachable.code = get_error_code (&header);
      if (unreachable.code != 0 && remote.ss_family == self->address.ss_family)
        lp2p_udp_socket_tell_users (self, tell_unreachable, &unreachable);
    }
  return self->fd >= 0;
}
