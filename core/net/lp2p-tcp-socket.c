/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-sockaddr-private.h"
#include "net/lp2p-tcp-socket-private.h"
#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

/* Connections whose handshake is done and that wait to be accepted. The loop
 * accepts within milliseconds; the kernel lowers this to its own limit. */
#define BACKLOG 1024

/* Connections whose first bytes came with the SYN and that are not confirmed
 * yet; beyond it the kernel falls back to the usual handshake. */
#define FAST_OPEN_QUEUE 256

/* An unanswered probe is repeated this often before the peer counts as gone. */
#define KEEPALIVE_PROBES 4

/* Control of congestion inside a machine, where nothing is congested: one that every kernel
 * has, and that does not pace. BBR, where it is what the system uses, has a timer of the
 * kernel let each 64 KiB go by itself, which wakes who reads for each. */
#define LOOPBACK_CONGESTION "reno"

static void
set_option (int fd, int level, int name, int value)
{
  setsockopt (fd, level, name, &value, sizeof value);
}

/* Options that the kernel refuses do not matter: they only improve. Accepted
 * sockets inherit them from the one that listens. */
void
lp2p_tcp_socket_configure (int fd, const Lp2pTcpOptions *options)
{
  set_option (fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (options->keepalive > 0)
    {
      int interval = MAX (options->keepalive / KEEPALIVE_PROBES, 1);

      set_option (fd, SOL_SOCKET, SO_KEEPALIVE, 1);
      set_option (fd, IPPROTO_TCP, TCP_KEEPIDLE, MIN (options->keepalive, G_MAXINT16));
      set_option (fd, IPPROTO_TCP, TCP_KEEPINTVL, MIN (interval, G_MAXINT16));
      set_option (fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
    }
  if (options->user_timeout > 0)
    set_option (fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
                MIN (options->user_timeout, G_MAXINT / 1000) * 1000);
}

/* @address: where it will be connected to, or listen
 *
 * Returns: a non-blocking socket, -1 with an error */
int
lp2p_tcp_socket_new (const struct sockaddr *address, const Lp2pTcpOptions *options, GError **error)
{
  int fd = socket (address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

  if (fd < 0)
    {
      int saved = errno;

      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved),
                   _("Cannot create a TCP socket: %s"), g_strerror (saved));
      return -1;
    }
  if (address->sa_family == AF_INET6)
    set_option (fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (lp2p_sockaddr_is_loopback (address))
    setsockopt (fd, IPPROTO_TCP, TCP_CONGESTION, LOOPBACK_CONGESTION, strlen (LOOPBACK_CONGESTION));
  lp2p_tcp_socket_configure (fd, options);
  return fd;
}

/* Lets the socket be bound to a port that a listener and other connections of
 * this host use as well. */
gboolean
lp2p_tcp_socket_share_port (int fd)
{
  int on = 1;

  return setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
         setsockopt (fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0;
}

/* Makes connect() wait for the first bytes where the peer gave a cookie before.
 * The kernel falls back by itself where it did not. */
gboolean
lp2p_tcp_socket_fast_open (int fd)
{
  int on = 1;

  return setsockopt (fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on) == 0;
}

static gboolean
bind_socket (int fd, struct sockaddr_storage *address)
{
  socklen_t size = sizeof *address;

  return bind (fd, (struct sockaddr *) address,
               lp2p_sockaddr_get_size ((struct sockaddr *) address)) == 0 &&
         getsockname (fd, (struct sockaddr *) address, &size) == 0;
}

/* With SO_REUSEPORT another process of the same user could listen on the port
 * and the kernel would deal out connections between the two. A first socket
 * without it finds that out, and holds the port until the second is bound. */
static gboolean
bind_shared (int fd, struct sockaddr_storage *address)
{
  int probe = socket (address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  gboolean bound;
  int saved;

  if (probe < 0)
    return FALSE;
  if (address->ss_family == AF_INET6)
    set_option (probe, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  set_option (probe, SOL_SOCKET, SO_REUSEADDR, 1);
  bound =
      bind_socket (probe, address) && lp2p_tcp_socket_share_port (fd) && bind_socket (fd, address);
  saved = errno;
  close (probe);
  errno = saved;
  return bound;
}

/* Returns: a socket that listens, with its port in @address; -1 with an error */
int
lp2p_tcp_socket_listen (struct sockaddr_storage *address,
                        const Lp2pTcpOptions *options,
                        GError **error)
{
  g_autoptr (Lp2pMultiaddr) name =
      lp2p_sockaddr_to_multiaddr ((struct sockaddr *) address, LP2P_PROTOCOL_TCP);
  int fd = lp2p_tcp_socket_new ((struct sockaddr *) address, options, error);

  if (fd < 0)
    return -1;

  if (options->accept_fast_open)
    set_option (fd, IPPROTO_TCP, TCP_FASTOPEN, FAST_OPEN_QUEUE);
  if (!bind_shared (fd, address) || listen (fd, BACKLOG) < 0)
    {
      int saved = errno;

      close (fd);
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved), _("Cannot listen on %s: %s"),
                   lp2p_multiaddr_get_string (name), g_strerror (saved));
      return -1;
    }
  return fd;
}

/* Closes a socket with a reset: no FIN, nothing left in TIME_WAIT. */
void
lp2p_tcp_socket_reset (int fd)
{
  struct linger linger = { .l_onoff = 1, .l_linger = 0 };

  setsockopt (fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close (fd);
}
