/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The path between the two sides: where packets go. */

#include "lp2p-quic-private.h"

void
lp2p_quic_path_copy (ngtcp2_path_storage *dest, const ngtcp2_path *path)
{
  ngtcp2_path_storage_init (dest, path->local.addr, path->local.addrlen, path->remote.addr, path->remote.addrlen, NULL);
}

void
lp2p_quic_path_set (Lp2pQuicConnection *self, const ngtcp2_path *path)
{
  lp2p_quic_path_copy (&self->path, path);
  g_clear_pointer (&self->local_address, lp2p_multiaddr_unref);
  g_clear_pointer (&self->remote_address, lp2p_multiaddr_unref);
  self->local_address = lp2p_quic_address_to_multiaddr (path->local.addr);
  self->remote_address = lp2p_quic_address_to_multiaddr (path->remote.addr);
}

/* Where ngtcp2 sends now. One that somebody else began is counted where that was, and so
 * keeps that address until it is handed out: a client may name any other one, even one of
 * somebody else, as soon as the handshake has ended. */
void
lp2p_quic_path_follow (Lp2pQuicConnection *self)
{
  const ngtcp2_path *path = ngtcp2_conn_get_path (self->conn);

  if ((self->server && !self->handed_out) || ngtcp2_path_eq (path, &self->path.path))
    return;
  lp2p_quic_moved_follow (self, path);
  lp2p_quic_path_set (self, path);
  lp2p_quic_size_follow (self);
  if (self->events != NULL)
    self->events->path_changed (self->events_data);
}

/* The network changes
 *
 * Who has dialed may move (RFC 9000 section 9), and does when its address is gone. Where
 * it stays, the way behind it may still be another one, which only asking can tell. */

/* An address that nothing is bound to is not known to be gone. */
static gboolean
has_address (Lp2pQuicConnection *self)
{
  GPtrArray *addresses = lp2p_udp_socket_get_addresses (self->endpoint->socket);

  for (guint i = 0; i < addresses->len; i++)
    if (lp2p_multiaddr_equal (g_ptr_array_index (addresses, i), self->local_address))
      return TRUE;
  return addresses->len == 0;
}

static void
move (Lp2pQuicConnection *self)
{
  struct sockaddr_storage local = { 0 };
  ngtcp2_path path = self->path.path;
  int code;

  /* Without any route, the next change may bring one. */
  if (!lp2p_udp_socket_get_local (self->endpoint->socket, path.remote.addr, &local) ||
      lp2p_quic_address_equal ((struct sockaddr *) &local, path.local.addr))
    return;
  path.local.addr = (struct sockaddr *) &local;
  code = ngtcp2_conn_initiate_immediate_migration (self->conn, &path, LP2P_QUIC_TIME (lp2p_loop_now (self->loop)));
  if (code != 0)
    {
      g_debug ("Cannot move away from %s: %s", lp2p_multiaddr_get_string (self->local_address), ngtcp2_strerror (code));
      return;
    }
  lp2p_quic_path_follow (self);
  lp2p_quic_connection_want_output (self);
}

void
lp2p_quic_path_network_changed (Lp2pQuicConnection *self)
{
  if (self->server || self->conn == NULL || self->phase == LP2P_QUIC_HANDSHAKE)
    return;
  if (!has_address (self))
    move (self);
  lp2p_quic_arrival_used (self);
  lp2p_quic_connection_update_timer (self);
}
