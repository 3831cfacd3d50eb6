/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-tcp-hub.h>

#include <sys/socket.h>

G_BEGIN_DECLS

int lp2p_tcp_socket_new (const struct sockaddr *address, const Lp2pTcpOptions *options, GError **error);
void lp2p_tcp_socket_configure (int fd, const Lp2pTcpOptions *options);
gboolean lp2p_tcp_socket_share_port (int fd);
gboolean lp2p_tcp_socket_fast_open (int fd);
int lp2p_tcp_socket_listen (struct sockaddr_storage *address, const Lp2pTcpOptions *options, GError **error);
void lp2p_tcp_socket_reset (int fd);

G_END_DECLS
