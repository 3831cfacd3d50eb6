/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "net/lp2p-address-monitor-private.h"
#include "net/lp2p-sockaddr-private.h"

#include <lp2p/net/lp2p-tcp-hub.h>

G_BEGIN_DECLS

/* One socket that listens; those who share it are its bindings. It is freed
 * when the last one closes and no function of its own runs. */
typedef struct
{
  guint refs;
  Lp2pTcpHub *hub; /* NULL once it is off the hub's list */
  Lp2pLoop *loop;
  int fd; /* -1 when closed */
  Lp2pWatch watch;
  Lp2pJob accept;
  Lp2pTimer pause;
  gint64 pause_length;
  gboolean scarce; /* descriptors are, as far as is known */

  struct sockaddr_storage address;
  Lp2pMultiaddr *bound;
  const char *socket_id; /* the text of `bound` */
  GPtrArray *addresses;
  GPtrArray *bindings;

  GQueue waiting;
  Lp2pTimer waiting_timer;
} Lp2pTcpListener;

struct _Lp2pTcpBinding
{
  Lp2pTcpListener *listener;
  Lp2pTcpAcceptor acceptor;
  gpointer user_data;
};

/* Who counts connections on a shared port before it is known whose they are.
 *
 * begin: returns the place of one, which end() frees, or NULL with an error. Others may
 *   have to go for it, and it for others later: then give_up() is called
 * end: comes also behind give_up() */
typedef struct
{
  gpointer (*begin) (Lp2pMultiaddr *remote_address,
                     void (*give_up) (gpointer waiting),
                     gpointer waiting,
                     gpointer user_data,
                     GError **error);
  void (*end) (gpointer place);
  gpointer user_data;
} Lp2pTcpPlaces;

struct _Lp2pTcpHub
{
  GObject parent_instance;

  Lp2pLoop *loop;
  Lp2pTcpOptions options;
  Lp2pTcpPlaces places; /* all NULL where nobody counts */
  GProxyResolver *proxy_resolver; /* or NULL: never through a proxy */
  Lp2pAddressMonitor monitor;
  GPtrArray *listeners;
  GQueue dials;
  gboolean closed;
};

Lp2pTcpListener *lp2p_tcp_listener_new (Lp2pTcpHub *hub, const struct sockaddr_storage *address, GError **error);
Lp2pTcpListener *lp2p_tcp_listener_ref (Lp2pTcpListener *self);
void lp2p_tcp_listener_unref (Lp2pTcpListener *self);
void lp2p_tcp_listener_close (Lp2pTcpListener *self);
void lp2p_tcp_listener_update_addresses (Lp2pTcpListener *self);
void lp2p_tcp_listener_deliver (Lp2pTcpListener *self, Lp2pTcpBinding *binding, int fd, Lp2pMultiaddr *remote_address);

void lp2p_tcp_sniff_add (Lp2pTcpListener *listener, int fd, Lp2pMultiaddr *remote_address);
void lp2p_tcp_sniff_init (Lp2pTcpListener *listener);
void lp2p_tcp_sniff_clear (Lp2pTcpListener *listener);

void lp2p_tcp_dial_cancel_all (Lp2pTcpHub *hub);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pTcpListener, lp2p_tcp_listener_unref)

G_END_DECLS
