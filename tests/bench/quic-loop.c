/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "quic-loop.h"

#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define SOCKET_BUFFER (8 * 1024 * 1024)
#define READ_SIZE     65536
/* Reads before acknowledgements go out. */
#define READS 16
/* What one write may hold; a batch of 65,536 bytes never gets through. */
#define MAX_SEGMENTS 64
#define MAX_BATCH    65000
/* A pause that pacing asks for is not slept where to sleep and to wake takes longer. */
#define SHORT_PAUSE (200 * NGTCP2_MICROSECONDS)

struct _QuicLoop
{
  int fd;
  QuicSession *session;
  /* For whoever comes first, where nobody has been dialed. */
  const QuicOptions *options;
  struct sockaddr_in own;
  struct sockaddr_in remote;
  guint8 input[READ_SIZE];

  /* Packets of one size to one address that leave together; the last may be shorter. */
  guint8 batch[2 * READ_SIZE];
  gsize batch_len;
  gsize segment;
  struct sockaddr_in batch_to;
};

static void G_GNUC_NORETURN
fail (const char *what)
{
  fprintf (stderr, "bench-quic: %s: %s\n", what, strerror (errno));
  exit (1);
}

ngtcp2_tstamp
quic_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * NGTCP2_SECONDS + now.tv_nsec;
}

QuicLoop *
quic_loop_new (const struct sockaddr_in *own, const struct sockaddr_in *remote)
{
  QuicLoop *self = g_new0 (QuicLoop, 1);
  socklen_t len = sizeof self->own;
  int size = SOCKET_BUFFER;
  int on = 1;

  self->fd = socket (AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (self->fd < 0 || bind (self->fd, (const struct sockaddr *) own, sizeof *own) != 0)
    fail ("cannot bind");
  /* A connected socket knows its own address, and its packets take a shorter way. */
  if (remote != NULL)
    {
      self->remote = *remote;
      if (connect (self->fd, (const struct sockaddr *) remote, sizeof *remote) != 0)
        fail ("cannot connect");
    }
  if (getsockname (self->fd, (struct sockaddr *) &self->own, &len) != 0)
    fail ("no name");
  if (setsockopt (self->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
    setsockopt (self->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  if (setsockopt (self->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
    setsockopt (self->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  if (setsockopt (self->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) != 0)
    fail ("no UDP_GRO");
  return self;
}

void
quic_loop_get_path (QuicLoop *self, ngtcp2_path *path)
{
  *path = (ngtcp2_path){ { (struct sockaddr *) &self->own, sizeof self->own },
                         { (struct sockaddr *) &self->remote, sizeof self->remote },
                         NULL };
}

void
quic_loop_accept (QuicLoop *self, const QuicOptions *options)
{
  self->options = options;
}

void
quic_loop_take (QuicLoop *self, QuicSession *session)
{
  self->session = session;
}

/* Returns: (nullable): the connection, once there is one */
QuicSession *
quic_loop_get_session (QuicLoop *self)
{
  return self->session;
}

/* Writing */

static void
flush (QuicLoop *self)
{
  union
  {
    struct cmsghdr head;
    char data[CMSG_SPACE (sizeof (guint16))];
  } control = { 0 };
  struct iovec piece = { self->batch, self->batch_len };
  struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
  struct pollfd writable = { .fd = self->fd, .events = POLLOUT };
  guint16 segment = self->segment;

  if (self->batch_len == 0)
    return;
  if (self->options != NULL)
    {
      message.msg_name = &self->batch_to;
      message.msg_namelen = sizeof self->batch_to;
    }
  if (self->batch_len > self->segment)
    {
      message.msg_control = &control;
      message.msg_controllen = sizeof control;
      control.head.cmsg_level = IPPROTO_UDP;
      control.head.cmsg_type = UDP_SEGMENT;
      control.head.cmsg_len = CMSG_LEN (sizeof segment);
      memcpy (CMSG_DATA (&control.head), &segment, sizeof segment);
    }
  /* A packet that the path is too small for was a probe; one that nobody takes is lost. */
  while (sendmsg (self->fd, &message, 0) < 0 && errno == EAGAIN)
    poll (&writable, 1, -1);
  self->batch_len = 0;
}

/* Adds the packet that lies behind the batch, to which it fits or which leaves first. */
static void
add_packet (QuicLoop *self, gsize len, const ngtcp2_path *path)
{
  guint8 *packet = self->batch + self->batch_len;
  const struct sockaddr_in *to = (const struct sockaddr_in *) path->remote.addr;

  if (self->batch_len > 0 &&
      (len > self->segment || memcmp (to, &self->batch_to, sizeof *to) != 0))
    {
      flush (self);
      memmove (self->batch, packet, len);
    }
  if (self->batch_len == 0)
    {
      self->segment = len;
      self->batch_to = *to;
    }
  self->batch_len += len;
  if (len < self->segment || self->batch_len + self->segment > MAX_BATCH ||
      self->batch_len / self->segment >= MAX_SEGMENTS)
    flush (self);
}

/* Writes what may leave now; FALSE where the connection has failed. */
static gboolean
write_packets (QuicLoop *self)
{
  ngtcp2_tstamp now = quic_now ();
  gsize quantum = ngtcp2_conn_get_send_quantum (self->session->conn);
  gsize most = ngtcp2_conn_get_max_tx_udp_payload_size (self->session->conn);
  ngtcp2_path_storage path;
  gssize len = 0;
  gsize total = 0;

  ngtcp2_path_storage_zero (&path);
  for (; total < quantum; total += len)
    {
      len = quic_session_write (self->session, &path.path, self->batch + self->batch_len, most, now);
      if (len <= 0)
        break;
      add_packet (self, len, &path.path);
    }
  flush (self);
  if (total > 0)
    ngtcp2_conn_update_pkt_tx_time (self->session->conn, now);
  if (len < 0)
    fprintf (stderr, "bench-quic: cannot write: %s\n", ngtcp2_strerror (len));
  return len >= 0;
}

/* Reading */

static gsize
segment_of (struct msghdr *message, gsize len)
{
  for (struct cmsghdr *c = CMSG_FIRSTHDR (message); c != NULL; c = CMSG_NXTHDR (message, c))
    if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
      {
        int segment;

        memcpy (&segment, CMSG_DATA (c), sizeof segment);
        return segment;
      }
  return len;
}

/* Returns: 0, or why the connection has ended */
static int
read_packet (QuicLoop *self, const struct sockaddr_in *from, const guint8 *packet, gsize len,
             ngtcp2_tstamp now)
{
  ngtcp2_path path = { { (struct sockaddr *) &self->own, sizeof self->own },
                       { (struct sockaddr *) from, sizeof *from },
                       NULL };

  if (self->session == NULL)
    self->session = quic_session_accept (self->options, &path, packet, len, now);
  return self->session != NULL ? quic_session_read (self->session, &path, packet, len, now) : 0;
}

/* Returns: 0, or why the connection has ended */
static int
read_packets (QuicLoop *self)
{
  ngtcp2_tstamp now = quic_now ();

  for (guint i = 0; i < READS; i++)
    {
      char control[CMSG_SPACE (sizeof (int))];
      struct sockaddr_in from;
      struct iovec piece = { self->input, sizeof self->input };
      struct msghdr message = { .msg_name = &from,
                                .msg_namelen = sizeof from,
                                .msg_iov = &piece,
                                .msg_iovlen = 1,
                                .msg_control = control,
                                .msg_controllen = sizeof control };
      gssize len = recvmsg (self->fd, &message, 0);
      gsize segment;

      if (len < 0)
        break;
      segment = segment_of (&message, len);
      for (gssize start = 0; start < len; start += segment)
        {
          int result = read_packet (self, &from, self->input + start,
                                    MIN (segment, (gsize) (len - start)), now);

          if (result != 0)
            return result;
        }
    }
  return 0;
}

static void
wait_for_work (QuicLoop *self)
{
  struct pollfd readable = { .fd = self->fd, .events = POLLIN };
  ngtcp2_tstamp expiry = G_MAXUINT64;
  struct timespec timeout = { 0 };

  if (self->session != NULL)
    {
      ngtcp2_tstamp now = quic_now ();

      expiry = ngtcp2_conn_get_expiry (self->session->conn);
      if (expiry != G_MAXUINT64 && expiry > now + SHORT_PAUSE)
        timeout = (struct timespec){ (expiry - now) / NGTCP2_SECONDS, (expiry - now) % NGTCP2_SECONDS };
    }
  ppoll (&readable, 1, expiry != G_MAXUINT64 ? &timeout : NULL, NULL);
}

/* Runs until something holds, or until the other side has said goodbye; FALSE where the
 * connection fails before. */
gboolean
quic_loop_run (QuicLoop *self, gboolean (*is_done) (QuicSession *session))
{
  for (;;)
    {
      int result = read_packets (self);

      if (self->session == NULL)
        {
          wait_for_work (self);
          continue;
        }
      if (result == 0 && ngtcp2_conn_get_expiry (self->session->conn) <= quic_now ())
        result = ngtcp2_conn_handle_expiry (self->session->conn, quic_now ());
      if (result == NGTCP2_ERR_DRAINING)
        return is_done == NULL || is_done (self->session);
      if (result != 0)
        {
          fprintf (stderr, "bench-quic: the connection failed: %s\n", ngtcp2_strerror (result));
          return FALSE;
        }
      if (!write_packets (self))
        return FALSE;
      if (is_done != NULL && is_done (self->session))
        return TRUE;
      wait_for_work (self);
    }
}

void
quic_loop_close (QuicLoop *self)
{
  ngtcp2_path_storage path;
  gssize len;

  ngtcp2_path_storage_zero (&path);
  len = quic_session_close (self->session, &path.path, self->batch, READ_SIZE, quic_now ());
  if (len > 0)
    {
      add_packet (self, len, &path.path);
      flush (self);
    }
}
