/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-address-monitor-private.h"

#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

/* When an interface comes up its addresses follow one another within some
 * milliseconds: one look at all of them is enough. */
#define SETTLE_US (200 * 1000)

#define MONITOR_OF(member, pointer) \
  ((Lp2pAddressMonitor *) ((char *) (pointer) - G_STRUCT_OFFSET (Lp2pAddressMonitor, member)))

static void
settled (Lp2pTimer *timer)
{
  Lp2pAddressMonitor *self = MONITOR_OF (timer, timer);

  self->func (self);
}

/* What exactly changed does not matter: whoever is told compares. Also when
 * messages were lost because the queue was full (ENOBUFS). */
static gboolean
monitor_ready (Lp2pWatch *watch, Lp2pReady ready)
{
  Lp2pAddressMonitor *self = MONITOR_OF (watch, watch);
  gboolean changed = FALSE;
  guint8 message[4096];
  gssize size;

  do
    {
      size = recv (self->fd, message, sizeof message, MSG_DONTWAIT);
      changed |= size > 0 || errno == ENOBUFS;
    }
  while (size > 0 || (size < 0 && (errno == EINTR || errno == ENOBUFS)));

  if (changed && !lp2p_timer_is_set (&self->timer))
    lp2p_timer_set (&self->timer, lp2p_loop_now (self->loop) + SETTLE_US);
  return FALSE;
}

gboolean
lp2p_address_monitor_start (Lp2pAddressMonitor *self,
                            Lp2pLoop *loop,
                            Lp2pAddressMonitorFunc func,
                            GError **error)
{
  struct sockaddr_nl address = {
    .nl_family = AF_NETLINK,
    .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
  };
  int fd = socket (AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

  if (fd < 0 || bind (fd, (struct sockaddr *) &address, sizeof address) < 0)
    {
      int saved = errno;

      if (fd >= 0)
        close (fd);
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved),
                   _("Cannot watch the addresses of network interfaces: %s"), g_strerror (saved));
      return FALSE;
    }
  if (!lp2p_watch_start (&self->watch, loop, fd, monitor_ready, error))
    {
      close (fd);
      return FALSE;
    }

  self->loop = loop;
  self->fd = fd;
  self->func = func;
  lp2p_timer_init (&self->timer, loop, settled);
  return TRUE;
}

gboolean
lp2p_address_monitor_is_started (Lp2pAddressMonitor *self)
{
  return self->loop != NULL;
}

/* Harmless when it was not started; it can be started again. */
void
lp2p_address_monitor_stop (Lp2pAddressMonitor *self)
{
  if (self->loop == NULL)
    return;

  lp2p_watch_stop (&self->watch);
  lp2p_timer_clear (&self->timer);
  close (self->fd);
  self->loop = NULL;
}
