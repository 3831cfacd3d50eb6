/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-udp-hub-private.h"

#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

/* Messages that one system call takes along. */
#define MESSAGES_PER_CALL 32

/* What the kernel cuts at the most, and what fits into one IP packet. */
#define MAX_SEGMENTS 64
#define MAX_TRAIN    65000

/* How far a series of sends got, and how. */
typedef struct
{
  const Lp2pUdpSend *sends;
  guint n_sends;
  guint done;
  gsize offset; /* bytes of the current one that were taken */
  gboolean retried;
  gboolean single;  /* the current one goes datagram by datagram */
  gboolean too_big; /* and that is because they are too big */
} Progress;

typedef struct
{
  struct mmsghdr messages[MESSAGES_PER_CALL];
  struct iovec vectors[MESSAGES_PER_CALL];
  Lp2pUdpControl controls[MESSAGES_PER_CALL];
  guint n;
} Outgoing;

typedef enum
{
  ALL_TAKEN,
  BLOCKED,
  FAILED,
} Outcome;

static gpointer
add_control (struct msghdr *header, int level, int type, gsize size)
{
  struct cmsghdr *message =
      (struct cmsghdr *) ((guint8 *) header->msg_control + header->msg_controllen);

  memset (message, 0, CMSG_SPACE (size));
  message->cmsg_level = level;
  message->cmsg_type = type;
  message->cmsg_len = CMSG_LEN (size);
  header->msg_controllen += CMSG_SPACE (size);
  return CMSG_DATA (message);
}

static void
add_local (struct msghdr *header, const struct sockaddr *local)
{
  if (local->sa_family == AF_INET)
    {
      struct in_pktinfo *info = add_control (header, IPPROTO_IP, IP_PKTINFO, sizeof *info);

      info->ipi_spec_dst = ((const struct sockaddr_in *) local)->sin_addr;
    }
  else
    {
      struct in6_pktinfo *info = add_control (header, IPPROTO_IPV6, IPV6_PKTINFO, sizeof *info);

      info->ipi6_addr = ((const struct sockaddr_in6 *) local)->sin6_addr;
      info->ipi6_ifindex = ((const struct sockaddr_in6 *) local)->sin6_scope_id;
    }
}

static gsize
get_segment_size (const Lp2pUdpSend *send)
{
  return send->segment_size > 0 ? MIN (send->segment_size, send->size) : send->size;
}

static void
add_message (Lp2pUdpSocket *self, Outgoing *out, const Lp2pUdpSend *send, gsize offset, gsize size)
{
  guint i = out->n++;
  struct msghdr *header = &out->messages[i].msg_hdr;

  out->vectors[i] = (struct iovec) { (gpointer) (send->data + offset), size };
  *header = (struct msghdr) {
    .msg_name = (gpointer) send->remote,
    .msg_namelen = lp2p_sockaddr_get_size (send->remote),
    .msg_iov = &out->vectors[i],
    .msg_iovlen = 1,
    .msg_control = &out->controls[i],
  };
  if (self->wildcard && send->local != NULL && send->local->sa_family == send->remote->sa_family &&
      !lp2p_sockaddr_is_wildcard (send->local))
    add_local (header, send->local);
  if (send->ecn != 0)
    *(int *) (send->remote->sa_family == AF_INET6
                  ? add_control (header, IPPROTO_IPV6, IPV6_TCLASS, sizeof (int))
                  : add_control (header, IPPROTO_IP, IP_TOS, sizeof (int))) = send->ecn & 3;
  if (size > get_segment_size (send))
    *(guint16 *) add_control (header, IPPROTO_UDP, UDP_SEGMENT, sizeof (guint16)) =
        get_segment_size (send);
  if (header->msg_controllen == 0)
    header->msg_control = NULL;
}

/* How many bytes the next message takes. */
static gsize
get_message_size (Lp2pUdpSocket *self,
                  const Progress *progress,
                  const Lp2pUdpSend *send,
                  gsize offset)
{
  gsize rest = send->size - offset;
  gsize segment = get_segment_size (send);

  if (rest <= segment)
    return rest;
  if (!self->gso || progress->single || segment >= MAX_TRAIN)
    return segment;
  return MIN (rest, MIN (MAX_SEGMENTS, MAX_TRAIN / segment) * segment);
}

static void
prepare (Lp2pUdpSocket *self, Outgoing *out, const Progress *progress)
{
  gsize offset = progress->offset;

  out->n = 0;
  for (guint i = progress->done; i < progress->n_sends && out->n < MESSAGES_PER_CALL; i++)
    {
      const Lp2pUdpSend *send = &progress->sends[i];

      do
        {
          gsize size = get_message_size (self, progress, send, offset);

          add_message (self, out, send, offset, size);
          offset += size;
        }
      while (offset < send->size && out->n < MESSAGES_PER_CALL);
      offset = 0;
      if (progress->single)
        break;
    }
}

/* One message was taken, or is given up as a datagram that got lost. */
static void
advance (Progress *progress, gsize size)
{
  progress->offset += size;
  progress->retried = FALSE;
  if (progress->offset < progress->sends[progress->done].size)
    return;
  progress->done++;
  progress->offset = 0;
  progress->single = FALSE;
  progress->too_big = FALSE;
}

static gboolean
is_train (const Progress *progress, const Outgoing *out)
{
  return out->vectors[0].iov_len > get_segment_size (&progress->sends[progress->done]);
}

static void
set_send_error (GError **error, const struct sockaddr *remote, int code)
{
  g_autoptr (Lp2pMultiaddr) name = lp2p_sockaddr_to_multiaddr (remote, LP2P_PROTOCOL_UDP);

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), _("Cannot send to %s: %s"),
               lp2p_multiaddr_get_string (name), g_strerror (code));
}

/* What to do about the first message that was not taken.
 *
 * Returns: whether to go on */
static gboolean
handle_error (Lp2pUdpSocket *self,
              Progress *progress,
              const Outgoing *out,
              int code,
              Outcome *outcome,
              GError **error)
{
  *outcome = FAILED;
  switch (code)
    {
    case EINTR:
      return TRUE;
    case EAGAIN:
      *outcome = BLOCKED;
      return FALSE;
    case EIO:
    case EINVAL:
    case EMSGSIZE:
      /* EIO: the device does not compute checksums. The others: datagrams too
       * big for this path, or a driver that is not up to it. One by one tells. */
      if (is_train (progress, out))
        {
          progress->single = TRUE;
          return TRUE;
        }
      break;
    default:
      break;
    }

  /* Too big for the path, or for the device's queue at this moment: lost, as it
   * could have been on any other hop. */
  if (code == EMSGSIZE || code == ENOBUFS)
    {
      progress->too_big = TRUE;
      advance (progress, out->vectors[0].iov_len);
      return TRUE;
    }

  /* An error of a datagram that was sent before may come here instead. */
  if (!progress->retried)
    {
      progress->retried = TRUE;
      return TRUE;
    }
  set_send_error (error, progress->sends[progress->done].remote, code);
  return FALSE;
}

/* Returns: messages taken, or -1 with errno */
static int
send_messages (int fd, struct mmsghdr *messages, guint n)
{
  int sent = n > 1 ? sendmmsg (fd, messages, n, MSG_DONTWAIT) : -1;

  /* Some sandboxes do not know it. */
  if (n == 1 || (sent < 0 && errno == ENOSYS))
    sent = sendmsg (fd, &messages[0].msg_hdr, MSG_DONTWAIT) < 0 ? -1 : 1;
  return sent;
}

static Outcome
transmit (Lp2pUdpSocket *self, Progress *progress, GError **error)
{
  while (progress->done < progress->n_sends)
    {
      Outgoing out;
      Outcome outcome;
      int sent;

      prepare (self, &out, progress);
      sent = send_messages (self->fd, out.messages, out.n);
      if (sent < 0)
        {
          if (!handle_error (self, progress, &out, errno, &outcome, error))
            return outcome;
          continue;
        }
      /* The same datagrams one by one are fine: it is the kernel's cutting that
       * fails, and it will not get better. */
      if (progress->single && !progress->too_big)
        self->gso = FALSE;
      for (int i = 0; i < sent; i++)
        advance (progress, out.vectors[i].iov_len);
    }
  return ALL_TAKEN;
}

/* The rest of a train is kept, so that no datagram is sent twice. */
static void
keep_rest (Lp2pUdpSocket *self, const Lp2pUdpSend *send, gsize offset)
{
  Lp2pUdpBacklog *backlog = g_new0 (Lp2pUdpBacklog, 1);

  backlog->send = *send;
  backlog->send.segment_size = get_segment_size (send);
  backlog->send.size = send->size - offset;
  backlog->bytes = g_memdup2 (send->data + offset, backlog->send.size);
  backlog->send.data = backlog->bytes;
  if (send->remote->sa_family == AF_INET6)
    *(struct sockaddr_in6 *) &backlog->remote = *(const struct sockaddr_in6 *) send->remote;
  else
    *(struct sockaddr_in *) &backlog->remote = *(const struct sockaddr_in *) send->remote;
  backlog->send.remote = (struct sockaddr *) &backlog->remote;
  if (send->local != NULL && send->local->sa_family == AF_INET6)
    *(struct sockaddr_in6 *) &backlog->local = *(const struct sockaddr_in6 *) send->local;
  else if (send->local != NULL)
    *(struct sockaddr_in *) &backlog->local = *(const struct sockaddr_in *) send->local;
  backlog->send.local = send->local != NULL ? (struct sockaddr *) &backlog->local : NULL;
  self->backlog = backlog;
}

void
lp2p_udp_backlog_free (Lp2pUdpBacklog *self)
{
  g_free (self->bytes);
  g_free (self);
}

static void
block (Lp2pUdpSocket *self)
{
  if (!self->blocked)
    lp2p_watch_set_interest (&self->watch, LP2P_READY_READ | LP2P_READY_WRITE);
  self->blocked = TRUE;
}

/**
 * lp2p_udp_socket_send: (skip)
 * @self: a socket
 * @sends: what to send
 * @n_sends: their number
 * @error: where to put the error
 *
 * Sends datagrams, in as few system calls as possible.
 *
 * A short count without an error means that the kernel takes no more for now:
 * `writable` is called when it does. With an error, the send behind those that
 * were taken failed, and the ones behind it were not tried. Datagrams that are
 * too big for the path count as taken and are lost.
 *
 * Returns: how many of @sends were taken
 */
guint
lp2p_udp_socket_send (Lp2pUdpSocket *self, const Lp2pUdpSend *sends, guint n_sends, GError **error)
{
  Progress progress = { .sends = sends, .n_sends = n_sends };

  if (self->fd < 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("Socket %s is closed"), self->id);
      return 0;
    }
  if (self->blocked)
    {
      self->starved |= n_sends > 0;
      return 0;
    }

  if (transmit (self, &progress, error) == BLOCKED)
    {
      block (self);
      if (progress.offset > 0)
        keep_rest (self, &sends[progress.done++], progress.offset);
      self->starved = TRUE;
    }
  return progress.done;
}

static void
tell_writable (Lp2pUdpSocket *self, const Lp2pUdpUser *user, gconstpointer data)
{
  if (user->receiver.writable != NULL && self->fd >= 0)
    user->receiver.writable (self, user->user_data);
}

/* The kernel has room again. */
void
lp2p_udp_socket_unblock (Lp2pUdpSocket *self)
{
  if (self->backlog != NULL)
    {
      Progress progress = { .sends = &self->backlog->send, .n_sends = 1 };
      g_autoptr (GError) error = NULL;

      if (transmit (self, &progress, &error) == BLOCKED)
        {
          self->backlog->send.data += progress.offset;
          self->backlog->send.size -= progress.offset;
          return;
        }
      g_clear_pointer (&self->backlog, lp2p_udp_backlog_free);
    }

  self->blocked = FALSE;
  lp2p_watch_set_interest (&self->watch, LP2P_READY_READ);
  if (!self->starved)
    return;
  self->starved = FALSE;
  lp2p_udp_socket_tell_users (self, tell_writable, NULL);
}
