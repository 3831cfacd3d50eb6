/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-loop.h>

G_BEGIN_DECLS

typedef struct _Lp2pAddressMonitor Lp2pAddressMonitor;
typedef void (*Lp2pAddressMonitorFunc) (Lp2pAddressMonitor *self);

/* Tells when this machine may have got or lost an IP address. Embedded. */
struct _Lp2pAddressMonitor
{
  Lp2pWatch watch;
  Lp2pTimer timer;
  Lp2pAddressMonitorFunc func;
  Lp2pLoop *loop;
  int fd;
};

gboolean lp2p_address_monitor_start (Lp2pAddressMonitor *self, Lp2pLoop *loop, Lp2pAddressMonitorFunc func, GError **error);
void lp2p_address_monitor_stop (Lp2pAddressMonitor *self);
gboolean lp2p_address_monitor_is_started (Lp2pAddressMonitor *self);

G_END_DECLS
