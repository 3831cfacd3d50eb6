/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-tcp-hub-private.h"
#include "net/lp2p-tcp-socket-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/net/lp2p-socket-layer.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Connections that are accepted in one turn; each costs some 10 microseconds
 * until its layer exists. */
#define ACCEPTS_PER_TURN 32

/* Without a free descriptor the kernel keeps the connections in its queue.
 * Trying again at once would keep the processor busy for nothing. */
#define PAUSE_MIN_US (100 * 1000)
#define PAUSE_MAX_US (3200 * 1000)

/* Descriptors that strangers do not get: a process without any cannot dial, open a file
 * or begin a thread's main loop, which ends it. Where it may have few in all, this is an
 * eighth of them. */
#define RESERVE 64

#define LISTENER_OF(member, pointer) \
  ((Lp2pTcpListener *) ((char *) (pointer) - G_STRUCT_OFFSET (Lp2pTcpListener, member)))

static Lp2pMultiaddr *
get_local_address (Lp2pTcpListener *self, int fd)
{
  struct sockaddr_storage address = { 0 };
  socklen_t size = sizeof address;

  if (!lp2p_sockaddr_is_wildcard ((struct sockaddr *) &self->address) ||
      getsockname (fd, (struct sockaddr *) &address, &size) < 0)
    return lp2p_multiaddr_ref (self->bound);
  return lp2p_sockaddr_to_multiaddr ((struct sockaddr *) &address, LP2P_PROTOCOL_TCP);
}

/* Gives a connection to the one that takes it. The binding may be gone
 * afterwards, and the listener closed. */
void
lp2p_tcp_listener_deliver (Lp2pTcpListener *self,
                           Lp2pTcpBinding *binding,
                           int fd,
                           Lp2pMultiaddr *remote_address)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pMultiaddr) local_address = get_local_address (self, fd);
  Lp2pLayer *layer = lp2p_socket_layer_new (self->loop, fd, local_address, remote_address, &error);

  if (layer == NULL)
    {
      g_debug ("Connection from %s dropped: %s", lp2p_multiaddr_get_string (remote_address),
               error->message);
      return;
    }
  binding->acceptor.accepted (layer, local_address, remote_address, self->socket_id,
                              binding->user_data);
}

static void
pause_over (Lp2pTimer *timer)
{
  lp2p_watch_announce (&LISTENER_OF (pause, timer)->watch, LP2P_READY_READ);
}

/* Said once until there is nobody left to accept. */
static void
pause_accepting (Lp2pTcpListener *self, const char *why)
{
  if (self->pause_length == 0)
    {
      self->pause_length = PAUSE_MIN_US;
      g_message ("Not accepting on %s for a while: %s", self->socket_id, why);
    }
  else
    self->pause_length = MIN (self->pause_length * 2, PAUSE_MAX_US);
  lp2p_timer_set (&self->pause, lp2p_loop_now (self->loop) + self->pause_length);
}

/* The socket itself is broken: nothing will ever be accepted on it again. */
static void
lose (Lp2pTcpListener *self, int code)
{
  g_autoptr (GError) error = g_error_new (G_IO_ERROR, g_io_error_from_errno (code),
                                          _("Cannot accept connections on %s any more: %s"),
                                          self->socket_id, g_strerror (code));

  lp2p_tcp_listener_close (self);
  for (guint i = self->bindings->len; i > 0; i--)
    {
      Lp2pTcpBinding *binding;

      if (i > self->bindings->len)
        continue;
      binding = g_ptr_array_index (self->bindings, i - 1);
      if (binding->acceptor.failed != NULL)
        binding->acceptor.failed (binding, error, binding->user_data);
    }
}

/* @fd: the last one that was given out, which is the lowest that was free */
static gboolean
is_scarce (int fd)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0)
    return FALSE;
  return (rlim_t) fd + MIN (RESERVE, limit.rlim_cur / 8) >= limit.rlim_cur;
}

static void
pause_for_reserve (Lp2pTcpListener *self)
{
  self->scarce = TRUE;
  pause_accepting (self, "nearly all descriptors that the process may have are in use (see the limit of open files)");
}

/* Whether there are some again. Nobody is accepted for that. */
static gboolean
check_reserve (Lp2pTcpListener *self)
{
  int fd = fcntl (self->fd, F_DUPFD_CLOEXEC, 0);

  self->scarce = fd < 0 || is_scarce (fd);
  if (fd >= 0)
    close (fd);
  return !self->scarce;
}

/* Returns: whether to go on accepting */
static gboolean
handle_error (Lp2pTcpListener *self, int code)
{
  switch (code)
    {
    case EAGAIN:
      self->pause_length = 0;
      return FALSE;
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
      lose (self, code);
      return FALSE;
    case ECONNABORTED:
    case EPROTO:
    case EINTR:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case ENOPROTOOPT:
    case ETIMEDOUT:
      /* Errors of the connection that was about to be accepted. */
      return TRUE;
    default:
      /* There are no descriptors, or something forbids to accept, and will the next time. */
      pause_accepting (self, g_strerror (code));
      return FALSE;
    }
}

/* Returns: whether to go on accepting */
static gboolean
accept_one (Lp2pTcpListener *self)
{
  struct sockaddr_storage address = { 0 };
  socklen_t size = sizeof address;
  int fd = accept4 (self->fd, (struct sockaddr *) &address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  g_autoptr (Lp2pMultiaddr) remote = NULL;

  if (fd < 0)
    return handle_error (self, errno);

  if (is_scarce (fd))
    pause_for_reserve (self);
  remote = lp2p_sockaddr_to_multiaddr ((struct sockaddr *) &address, LP2P_PROTOCOL_TCP);
  if (self->bindings->len == 1)
    lp2p_tcp_listener_deliver (self, g_ptr_array_index (self->bindings, 0), fd, remote);
  else
    lp2p_tcp_sniff_add (self, fd, remote);
  return !self->scarce;
}

/* On a busy host the kernel keeps those who come until all that is to be done for
 * those who came before has had its turn, also that of being told of it: otherwise
 * there would be ever more handshakes that make no progress. */
static void
run_accept (Lp2pJob *job)
{
  g_autoptr (Lp2pTcpListener) self = lp2p_tcp_listener_ref (LISTENER_OF (accept, job));

  if (self->scarce && !check_reserve (self))
    {
      pause_for_reserve (self);
      return;
    }
  for (guint i = 0; i < ACCEPTS_PER_TURN; i++)
    {
      if (!accept_one (self) || self->fd < 0)
        return;
    }
  lp2p_job_queue_last (&self->accept);
}

static gboolean
listener_ready (Lp2pWatch *watch, Lp2pReady ready)
{
  Lp2pTcpListener *self = LISTENER_OF (watch, watch);

  if ((ready & LP2P_READY_READ) && !lp2p_timer_is_set (&self->pause))
    lp2p_job_queue_last (&self->accept);
  return FALSE;
}

/* Returns: (transfer full) (nullable) */
Lp2pTcpListener *
lp2p_tcp_listener_new (Lp2pTcpHub *hub, const struct sockaddr_storage *address, GError **error)
{
  g_autoptr (Lp2pTcpListener) self = g_new0 (Lp2pTcpListener, 1);

  self->refs = 1;
  self->loop = lp2p_loop_ref (hub->loop);
  self->address = *address;
  lp2p_timer_init (&self->pause, self->loop, pause_over);
  lp2p_job_init (&self->accept, self->loop, LP2P_JOB_RUN, run_accept);
  lp2p_tcp_sniff_init (self);
  self->bindings = g_ptr_array_new ();

  self->fd = lp2p_tcp_socket_listen (&self->address, &hub->options, error);
  if (self->fd < 0 || !lp2p_watch_start (&self->watch, self->loop, self->fd, listener_ready, error))
    return NULL;

  self->bound = lp2p_sockaddr_to_multiaddr ((struct sockaddr *) &self->address, LP2P_PROTOCOL_TCP);
  self->socket_id = lp2p_multiaddr_get_string (self->bound);
  self->addresses =
      lp2p_sockaddr_list_bound ((struct sockaddr *) &self->address, LP2P_PROTOCOL_TCP);
  self->hub = hub;
  g_ptr_array_add (hub->listeners, self);
  return g_steal_pointer (&self);
}

Lp2pTcpListener *
lp2p_tcp_listener_ref (Lp2pTcpListener *self)
{
  self->refs++;
  return self;
}

void
lp2p_tcp_listener_unref (Lp2pTcpListener *self)
{
  if (--self->refs > 0)
    return;

  lp2p_tcp_listener_close (self);
  g_clear_pointer (&self->bound, lp2p_multiaddr_unref);
  g_clear_pointer (&self->addresses, g_ptr_array_unref);
  g_clear_pointer (&self->bindings, g_ptr_array_unref);
  g_clear_pointer (&self->loop, lp2p_loop_unref);
  g_free (self);
}

/* Stops listening; the bindings remain. */
void
lp2p_tcp_listener_close (Lp2pTcpListener *self)
{
  if (self->hub != NULL)
    g_ptr_array_remove_fast (self->hub->listeners, self);
  self->hub = NULL;
  lp2p_tcp_sniff_clear (self);
  lp2p_timer_clear (&self->pause);
  lp2p_job_clear (&self->accept);
  lp2p_watch_stop (&self->watch);
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
}

/* To be called when an interface may have come or gone. */
void
lp2p_tcp_listener_update_addresses (Lp2pTcpListener *self)
{
  g_autoptr (Lp2pTcpListener) keep = lp2p_tcp_listener_ref (self);
  g_autoptr (GPtrArray) addresses = NULL;

  if (self->fd < 0 || !lp2p_sockaddr_is_wildcard ((struct sockaddr *) &self->address))
    return;

  addresses = lp2p_sockaddr_list_bound ((struct sockaddr *) &self->address, LP2P_PROTOCOL_TCP);
  if (lp2p_multiaddr_arrays_equal (addresses, self->addresses))
    return;

  g_ptr_array_unref (self->addresses);
  self->addresses = g_steal_pointer (&addresses);
  for (guint i = self->bindings->len; i > 0; i--)
    {
      Lp2pTcpBinding *binding;

      if (i > self->bindings->len)
        continue;
      binding = g_ptr_array_index (self->bindings, i - 1);
      if (binding->acceptor.addresses_changed != NULL)
        binding->acceptor.addresses_changed (binding, binding->user_data);
    }
}
