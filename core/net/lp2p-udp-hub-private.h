/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "net/lp2p-address-monitor-private.h"
#include "net/lp2p-sockaddr-private.h"

#include <lp2p/net/lp2p-udp-hub.h>

G_BEGIN_DECLS

/* Room for the control messages of one datagram: local address, ECN, size of
 * the segments. */
typedef union
{
  struct cmsghdr header;
  guint8 bytes[CMSG_SPACE (sizeof (struct in6_pktinfo)) + 2 * CMSG_SPACE (sizeof (int))];
} Lp2pUdpControl;

/* The rest of a train of which the kernel took the first part. */
typedef struct
{
  Lp2pUdpSend send;
  guint8 *bytes;
  struct sockaddr_storage remote;
  struct sockaddr_storage local;
} Lp2pUdpBacklog;

struct _Lp2pUdpUser
{
  Lp2pUdpClass classes;
  int priority;
  Lp2pUdpReceiver receiver;
  gpointer user_data;
  guint round; /* of telling all users something */
};

struct _Lp2pUdpSocket
{
  guint refs;
  Lp2pUdpHub *hub; /* NULL once it is off the hub's list */
  Lp2pLoop *loop;
  int fd; /* -1 when closed */
  Lp2pWatch watch;

  Lp2pUdpBindFlags flags;
  struct sockaddr_storage address;
  gboolean wildcard;
  char *id;
  GPtrArray *addresses;

  GPtrArray *users; /* highest priority first */
  GHashTable *claims;
  guint round;

  gboolean busy; /* in the last turn it brought as much as a turn takes */
  gboolean gso;
  gboolean blocked; /* the kernel takes no more for now */
  gboolean starved; /* a send was short because of that */
  Lp2pUdpBacklog *backlog;
};

struct _Lp2pUdpHub
{
  GObject parent_instance;

  Lp2pLoop *loop;
  Lp2pAddressMonitor monitor;
  GPtrArray *sockets;
  gboolean closed;
};

typedef void (*Lp2pUdpUserFunc) (Lp2pUdpSocket *self, const Lp2pUdpUser *user, gconstpointer data);

Lp2pUdpSocket *lp2p_udp_socket_new (Lp2pUdpHub *hub, const struct sockaddr_storage *address, Lp2pUdpBindFlags flags, GError **error);
void lp2p_udp_socket_close (Lp2pUdpSocket *self, const GError *error);
void lp2p_udp_socket_update_addresses (Lp2pUdpSocket *self);
void lp2p_udp_socket_tell_users (Lp2pUdpSocket *self, Lp2pUdpUserFunc func, gconstpointer data);
Lp2pUdpUser *lp2p_udp_socket_find_user (Lp2pUdpSocket *self, const struct sockaddr *remote, const guint8 *data, gsize size);

gboolean lp2p_udp_socket_read (Lp2pUdpSocket *self);
gboolean lp2p_udp_socket_read_errors (Lp2pUdpSocket *self);
void lp2p_udp_socket_unblock (Lp2pUdpSocket *self);
void lp2p_udp_backlog_free (Lp2pUdpBacklog *self);

void lp2p_udp_hub_socket_gone (Lp2pUdpHub *self);

G_END_DECLS
