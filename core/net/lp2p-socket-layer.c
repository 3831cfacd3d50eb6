/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/net/lp2p-held.h>
#include "net/lp2p-read-pace-private.h"
#include "net/lp2p-socket-layer-private.h"
#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* What a write is promised while the kernel takes bytes: four records of the
 * largest size, so that who encrypts a record need never keep the rest of it. */
#define OUT_LIMIT (256 * 1024)

/* Up to this size, writes that are followed by others are copied together and
 * leave in one system call. Copying so much takes about a microsecond, as long
 * as the call that is saved; what is larger leaves at once, uncopied. */
#define COALESCE_SIZE (16 * 1024)

/* Vectors that one write passes on without copying. A muxer gives two for each
 * frame. */
#define MAX_VECTORS 64

/* Who draws a graph may ask often; the kernel is asked ten times a second. */
#define RTT_AGE_US (100 * 1000)

G_STATIC_ASSERT (sizeof (GInputVector) == sizeof (struct iovec));
G_STATIC_ASSERT (G_STRUCT_OFFSET (GInputVector, buffer) ==
                 G_STRUCT_OFFSET (struct iovec, iov_base));
G_STATIC_ASSERT (G_STRUCT_OFFSET (GInputVector, size) == G_STRUCT_OFFSET (struct iovec, iov_len));
G_STATIC_ASSERT (sizeof (GOutputVector) == sizeof (struct iovec));

/*
 * Readiness is edge-triggered: `ready` is what the kernel is believed to do
 * without EAGAIN; an event raises it, a short read or write lowers it. That
 * saves the call that would only return EAGAIN. After a hangup a short read
 * proves nothing, because the end of the stream brings no further event.
 *
 * Output that the kernel does not take stays in `out`. While it does, nothing
 * more is promised, so that at most OUT_LIMIT bytes are ever kept.
 */
typedef struct
{
  Lp2pLayer parent;
  Lp2pWatch watch;
  Lp2pJob job;
  int fd;
  Lp2pMultiaddr *local_address;
  Lp2pMultiaddr *remote_address;
  GError *error;

  Lp2pReady ready;
  Lp2pReady wanted;
  gboolean connecting; /* nothing proves yet that the peer answered */
  gboolean eof;
  gboolean starved;  /* the layer above was refused room and waits for it */
  gboolean flushing; /* it waits until all has left */
  gboolean ending;   /* the sending direction ends behind what is in `out` */
  gboolean ended;

  Lp2pHeld in;
  Lp2pHeld out;

  Lp2pReadPace pace;
  Lp2pTimer pace_timer;
  gsize worth; /* bytes that the kernel waits for before it tells that there are any */

  gint64 rtt;
  gint64 rtt_time;
  guint64 bytes_read;
  guint64 bytes_written;
} SocketLayer;

#define LAYER_OF(member, pointer) \
  ((SocketLayer *) ((char *) (pointer) - G_STRUCT_OFFSET (SocketLayer, member)))

static const char *
get_peer_name (SocketLayer *self)
{
  return self->remote_address != NULL ? lp2p_multiaddr_get_string (self->remote_address)
                                      : _("a local socket");
}

static int
fail (SocketLayer *self, int code)
{
  const char *format =
      self->connecting ? _("Cannot connect to %s: %s") : _("Connection to %s failed: %s");

  if (self->error == NULL)
    self->error = g_error_new (G_IO_ERROR, g_io_error_from_errno (code), format,
                               get_peer_name (self), g_strerror (code));
  lp2p_held_clear (&self->out);
  return LP2P_IO_FAILED;
}

/* What the layer above is told */

static gboolean
is_readable (SocketLayer *self)
{
  return lp2p_held_get_size (&self->in) > 0 ||
         ((self->ready & LP2P_READY_READ) && !self->eof && self->error == NULL);
}

static gsize
get_room (SocketLayer *self)
{
  return self->ready & LP2P_READY_WRITE ? OUT_LIMIT - lp2p_held_get_size (&self->out) : 0;
}

static Lp2pReady
get_due (SocketLayer *self)
{
  Lp2pReady due = LP2P_READY_NONE;

  if ((self->wanted & LP2P_READY_READ) && is_readable (self))
    due |= LP2P_READY_READ;
  if ((self->wanted & LP2P_READY_WRITE) && self->starved && get_room (self) > 0)
    due |= LP2P_READY_WRITE;
  return due;
}

static void
announce (SocketLayer *self, Lp2pReady due)
{
  if (due & LP2P_READY_WRITE)
    self->starved = FALSE;
  if (due != LP2P_READY_NONE)
    lp2p_layer_announce (&self->parent, due);
}

static void
announce_again (Lp2pJob *job)
{
  SocketLayer *self = LAYER_OF (job, job);

  announce (self, get_due (self));
}

/* To be called when something was moved: as long as the layer above makes
 * progress and wants more, it is told of what is left. */
static void
queue_announcement (SocketLayer *self)
{
  if (get_due (self) != LP2P_READY_NONE)
    lp2p_job_queue (&self->job);
}

/* Reading */

static void
set_worth (SocketLayer *self, gsize worth)
{
  int value = worth;

  if (worth == self->worth)
    return;
  self->worth = worth;
  setsockopt (self->fd, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value);
}

/* All that came was read. The end of the stream and errors are told without waiting. */
static void
await_input (SocketLayer *self)
{
  gint64 now = lp2p_loop_now (self->parent.loop);

  self->ready &= ~LP2P_READY_READ;
  set_worth (self, lp2p_read_pace_drained (&self->pace, now, self->bytes_read));
  if (self->worth > 1)
    lp2p_timer_set (&self->pace_timer, now + LP2P_READ_PACE_WAIT_US);
}

/* The kernel tells what is there already when less is waited for. */
static void
pace_timeout (Lp2pTimer *timer)
{
  SocketLayer *self = LAYER_OF (pace_timer, timer);
  gint64 now = lp2p_loop_now (self->parent.loop);
  int there = 0;

  ioctl (self->fd, FIONREAD, &there);
  set_worth (self, lp2p_read_pace_waited (&self->pace, now, self->bytes_read, there > 0));
}

static gssize
receive (SocketLayer *self, const GInputVector *vectors, guint n_vectors)
{
  struct msghdr message = {
    .msg_iov = (struct iovec *) vectors,
    .msg_iovlen = MIN (n_vectors, UIO_MAXIOV),
  };
  gssize size;

  if (self->error != NULL)
    return LP2P_IO_FAILED;
  if (self->eof)
    return 0;
  if (!(self->ready & LP2P_READY_READ))
    return LP2P_IO_AGAIN;

  do
    size = recvmsg (self->fd, &message, MSG_DONTWAIT);
  while (size < 0 && errno == EINTR);

  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
    {
      await_input (self);
      return LP2P_IO_AGAIN;
    }
  if (size < 0)
    return fail (self, errno);

  self->connecting = FALSE;
  self->bytes_read += size;
  if (size == 0)
    self->eof = TRUE;
  else if (!(self->ready & LP2P_READY_HANGUP) &&
           (gsize) size < lp2p_input_vectors_get_size (vectors, message.msg_iovlen))
    await_input (self);
  return size;
}

static gssize
socket_layer_readv (Lp2pLayer *layer, const GInputVector *vectors, guint n_vectors)
{
  SocketLayer *self = (SocketLayer *) layer;
  gssize size;

  g_return_val_if_fail (lp2p_input_vectors_get_size (vectors, n_vectors) > 0, LP2P_IO_AGAIN);

  if (lp2p_held_get_size (&self->in) > 0)
    size = lp2p_held_take (&self->in, vectors, n_vectors);
  else
    size = receive (self, vectors, n_vectors);
  if (size > 0)
    queue_announcement (self);
  return size;
}

static gssize
socket_layer_peek (Lp2pLayer *layer, const guint8 **data)
{
  SocketLayer *self = (SocketLayer *) layer;

  if (lp2p_held_get_size (&self->in) == 0)
    {
      GInputVector vector = { NULL, LP2P_SCRATCH_SIZE };
      gssize size = LP2P_IO_AGAIN;

      if (is_readable (self))
        vector.buffer = lp2p_held_borrow (&self->in, layer->loop);
      size = receive (self, &vector, 1);
      if (size <= 0)
        {
          lp2p_held_clear (&self->in);
          return size;
        }
      lp2p_held_set_size (&self->in, size);
    }

  *data = lp2p_held_get_data (&self->in);
  return lp2p_held_get_size (&self->in);
}

static void
socket_layer_consume (Lp2pLayer *layer, gsize size)
{
  SocketLayer *self = (SocketLayer *) layer;

  lp2p_held_drop (&self->in, size);
  if (size > 0)
    queue_announcement (self);
}

static void
socket_layer_park (Lp2pLayer *layer)
{
  lp2p_held_park (&((SocketLayer *) layer)->in);
}

/* Writing */

/* Returns: bytes that the kernel took, which may be none, or %LP2P_IO_FAILED */
static gssize
transmit (SocketLayer *self, const GOutputVector *vectors, guint n_vectors)
{
  struct msghdr message = { .msg_iov = (struct iovec *) vectors, .msg_iovlen = n_vectors };
  gssize size;

  do
    size = sendmsg (self->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (size < 0 && errno == EINTR);

  /* The last two: the SYN of a Fast Open is on its way. */
  if (size < 0 &&
      (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINPROGRESS || errno == EALREADY))
    size = 0;
  if (size < 0)
    return fail (self, errno);
  if ((gsize) size < lp2p_output_vectors_get_size (vectors, n_vectors))
    self->ready &= ~LP2P_READY_WRITE;
  self->bytes_written += size;
  return size;
}

static gboolean
end_output (SocketLayer *self)
{
  if (!self->ending || self->ended || lp2p_held_get_size (&self->out) > 0)
    return TRUE;

  self->ended = TRUE;
  if (shutdown (self->fd, SHUT_WR) == 0)
    return TRUE;
  fail (self, errno);
  return FALSE;
}

/* Returns: 0 when nothing is left, %LP2P_IO_AGAIN or %LP2P_IO_FAILED */
static int
drain_output (SocketLayer *self)
{
  if (self->error != NULL)
    return LP2P_IO_FAILED;

  if (lp2p_held_get_size (&self->out) > 0 && (self->ready & LP2P_READY_WRITE))
    {
      GOutputVector vector = { lp2p_held_get_data (&self->out), lp2p_held_get_size (&self->out) };
      gssize size = transmit (self, &vector, 1);

      if (size < 0)
        return LP2P_IO_FAILED;
      lp2p_held_drop (&self->out, size);
    }
  if (lp2p_held_get_size (&self->out) > 0)
    return LP2P_IO_AGAIN;
  return end_output (self) ? 0 : LP2P_IO_FAILED;
}

/* What was held back goes first, in the same call. */
static gssize
write_through (SocketLayer *self, const GOutputVector *vectors, guint n_vectors, gsize total)
{
  GOutputVector all[MAX_VECTORS];
  gsize held = lp2p_held_get_size (&self->out);
  gsize room = get_room (self);
  gsize taken = 0;
  guint n = 0;
  gssize sent;

  if (held > 0)
    all[n++] = (GOutputVector){ lp2p_held_get_data (&self->out), held };
  for (guint i = 0; i < n_vectors && n < MAX_VECTORS; i++)
    all[n++] = vectors[i];

  sent = transmit (self, all, n);
  if (sent < 0)
    return LP2P_IO_FAILED;
  if ((gsize) sent > held)
    taken = sent - held;
  lp2p_held_drop (&self->out, MIN ((gsize) sent, held));

  /* The promise is kept, whatever the kernel took. */
  if (taken < MIN (total, room))
    taken += lp2p_held_append (&self->out, vectors, n_vectors, taken, MIN (total, room) - taken);
  if (taken < total)
    self->starved = TRUE;

  /* More vectors than one call passes on: no event will send the rest. */
  if (lp2p_held_get_size (&self->out) > 0 && drain_output (self) == LP2P_IO_FAILED)
    return LP2P_IO_FAILED;
  queue_announcement (self);
  return taken > 0 ? (gssize) taken : LP2P_IO_AGAIN;
}

static gssize
socket_layer_writev (Lp2pLayer *layer,
                     const GOutputVector *vectors,
                     guint n_vectors,
                     Lp2pWriteFlags flags)
{
  SocketLayer *self = (SocketLayer *) layer;
  gsize total = lp2p_output_vectors_get_size (vectors, n_vectors);

  if (self->error != NULL)
    return LP2P_IO_FAILED;
  g_return_val_if_fail (!self->ending, LP2P_IO_FAILED);

  if (total == 0)
    return 0;
  if (!(self->ready & LP2P_READY_WRITE))
    {
      self->starved = TRUE;
      return LP2P_IO_AGAIN;
    }
  if ((flags & LP2P_WRITE_MORE) && lp2p_held_get_size (&self->out) + total <= COALESCE_SIZE)
    return lp2p_held_append (&self->out, vectors, n_vectors, 0, total);
  return write_through (self, vectors, n_vectors, total);
}

static int
socket_layer_flush (Lp2pLayer *layer)
{
  SocketLayer *self = (SocketLayer *) layer;
  int result = drain_output (self);

  self->flushing = result == LP2P_IO_AGAIN;
  return result;
}

static gsize
socket_layer_write_room (Lp2pLayer *layer)
{
  SocketLayer *self = (SocketLayer *) layer;
  gsize room;

  if (self->error != NULL || self->ending)
    return 0;
  room = get_room (self);
  if (room == 0)
    self->starved = TRUE;
  return room;
}

static int
socket_layer_shutdown_write (Lp2pLayer *layer)
{
  SocketLayer *self = (SocketLayer *) layer;

  self->ending = TRUE;
  return socket_layer_flush (layer);
}

/* Both */

static gboolean
socket_ready (Lp2pWatch *watch, Lp2pReady ready)
{
  SocketLayer *self = LAYER_OF (watch, watch);
  /* Each event of a descriptor tells all that it is ready for. Only after the
   * kernel refused bytes does it mean that those in `out` may leave; others are
   * held back until the flush. */
  gboolean unblocked = (ready & ~self->ready & LP2P_READY_WRITE) != 0;
  Lp2pReady due;
  int result = 0;

  if (self->error != NULL)
    return FALSE;

  self->ready |= ready;
  if (self->ready & LP2P_READY_READ)
    lp2p_timer_clear (&self->pace_timer);
  if (unblocked)
    result = drain_output (self);
  if (result == LP2P_IO_FAILED)
    {
      lp2p_layer_announce_failed (&self->parent, self->error);
      return FALSE;
    }

  due = get_due (self);
  if (self->flushing && unblocked && result == 0)
    {
      self->flushing = FALSE;
      due |= LP2P_READY_WRITE;
    }
  announce (self, due);
  return FALSE;
}

static void
socket_layer_want (Lp2pLayer *layer, Lp2pReady ready)
{
  SocketLayer *self = (SocketLayer *) layer;

  self->wanted = ready & (LP2P_READY_READ | LP2P_READY_WRITE);
  queue_announcement (self);
}

static void
close_socket (SocketLayer *self)
{
  if (self->fd < 0)
    return;

  lp2p_watch_stop (&self->watch);
  lp2p_timer_clear (&self->pace_timer);
  lp2p_job_clear (&self->job);
  close (self->fd);
  self->fd = -1;
}

/* TCP has no codes. Closing a socket that lingers for no time sends a reset. */
static void
socket_layer_abort (Lp2pLayer *layer, guint32 code)
{
  SocketLayer *self = (SocketLayer *) layer;
  struct linger linger = { .l_onoff = 1, .l_linger = 0 };

  if (self->fd < 0)
    return;

  setsockopt (self->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close_socket (self);
  lp2p_held_clear (&self->in);
  lp2p_held_clear (&self->out);
  if (self->error == NULL)
    self->error = g_error_new (G_IO_ERROR, G_IO_ERROR_CLOSED, _("Connection to %s was given up here"),
                               get_peer_name (self));
}

static void
socket_layer_free (Lp2pLayer *layer)
{
  SocketLayer *self = (SocketLayer *) layer;

  close_socket (self);
  lp2p_held_clear (&self->in);
  lp2p_held_clear (&self->out);
  g_clear_pointer (&self->local_address, lp2p_multiaddr_unref);
  g_clear_pointer (&self->remote_address, lp2p_multiaddr_unref);
  g_clear_error (&self->error);
  lp2p_layer_clear (layer);
  g_free (self);
}

static const GError *
socket_layer_get_error (Lp2pLayer *layer)
{
  return ((SocketLayer *) layer)->error;
}

static gint64
get_rtt (SocketLayer *self)
{
  gint64 now = lp2p_loop_now (self->parent.loop);
  struct tcp_info info = { 0 };
  socklen_t size = sizeof info;

  if (self->fd < 0 || (self->rtt_time != 0 && now - self->rtt_time < RTT_AGE_US))
    return self->rtt;

  self->rtt_time = now;
  if (getsockopt (self->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_rtt > 0)
    self->rtt = info.tcpi_rtt;
  return self->rtt;
}

static void
socket_layer_get_info (Lp2pLayer *layer, Lp2pLayerInfo *info)
{
  SocketLayer *self = (SocketLayer *) layer;

  info->rtt = get_rtt (self);
  info->bytes_read = self->bytes_read;
  info->bytes_written = self->bytes_written;
  info->local_address = self->local_address;
  info->remote_address = self->remote_address;
}

static const Lp2pLayerClass socket_layer_class = {
  .name = "socket",
  .readv = socket_layer_readv,
  .peek = socket_layer_peek,
  .consume = socket_layer_consume,
  .park = socket_layer_park,
  .writev = socket_layer_writev,
  .flush = socket_layer_flush,
  .write_room = socket_layer_write_room,
  .want = socket_layer_want,
  .shutdown_write = socket_layer_shutdown_write,
  .abort = socket_layer_abort,
  .free = socket_layer_free,
  .get_error = socket_layer_get_error,
  .get_info = socket_layer_get_info,
};

/**
 * lp2p_socket_layer_new: (skip)
 * @loop: where it works, with a share of its own
 * @fd: (transfer full): a connected, non-blocking stream socket; closed also
 *   when this fails
 * @local_address: (nullable): our end
 * @remote_address: (nullable): the peer's end, which errors name
 * @error: where to put the error
 *
 * Makes a layer of a socket.
 *
 * Short writes with %LP2P_WRITE_MORE are collected and leave with the next write
 * or flush in one system call. While the kernel takes bytes,
 * [func@layer_write_room] promises up to 256 KiB; what the kernel refuses of a
 * promised write is kept until it can leave, and nothing more is promised
 * meanwhile. Room that returned is announced where %LP2P_READY_WRITE is wanted;
 * the end of a flush or shutdown always.
 *
 * Returns: (transfer full): the layer, or %NULL if the socket cannot be watched
 */
Lp2pLayer *
lp2p_socket_layer_new (Lp2pLoop *loop,
                       int fd,
                       Lp2pMultiaddr *local_address,
                       Lp2pMultiaddr *remote_address,
                       GError **error)
{
  g_autoptr (Lp2pLoop) share = lp2p_loop_new_share (loop);
  SocketLayer *self = g_new0 (SocketLayer, 1);

  if (!lp2p_watch_start (&self->watch, share, fd, socket_ready, error))
    {
      close (fd);
      g_free (self);
      return NULL;
    }

  lp2p_layer_init (&self->parent, &socket_layer_class, share);
  lp2p_job_init (&self->job, share, LP2P_JOB_PUMP, announce_again);
  lp2p_timer_init (&self->pace_timer, share, pace_timeout);
  lp2p_read_pace_init (&self->pace, lp2p_loop_now (share));
  self->worth = 1;
  self->fd = fd;
  self->local_address = local_address != NULL ? lp2p_multiaddr_ref (local_address) : NULL;
  self->remote_address = remote_address != NULL ? lp2p_multiaddr_ref (remote_address) : NULL;
  self->rtt = -1;
  self->ready = LP2P_READY_READ | LP2P_READY_WRITE;
  return &self->parent;
}

/* The socket goes on connecting when the first bytes are written, as TCP Fast
 * Open does: an error before the peer answers means that it did not. */
void
lp2p_socket_layer_set_connecting (Lp2pLayer *layer)
{
  ((SocketLayer *) layer)->connecting = TRUE;
}
