/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A UDP socket and those who share it: whose is a datagram? */

#include "net/lp2p-udp-hub-private.h"

#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

/* What a burst at 1 Gbit/s brings within 30 ms. The kernel gives what its limits
 * allow and says nothing. */
#define BUFFER_SIZE (4 * 1024 * 1024)

#define MAX_IP_PACKET 65535
#define HEADERS_4     (20 + 8)
#define HEADERS_6     (40 + 8)

/* A remote address whose datagrams of some classes belong to one user. */
typedef struct
{
  Lp2pUdpUser *user;
  Lp2pUdpClass classes;
} Claim;

static guint
hash_remote (gconstpointer key)
{
  return lp2p_sockaddr_hash (key);
}

static gboolean
equal_remotes (gconstpointer a, gconstpointer b)
{
  return lp2p_sockaddr_equal (a, b);
}

/**
 * lp2p_udp_classify:
 * @first_byte: the first byte of a datagram
 *
 * Tells what a datagram can be (RFC 9443 section 3). A QUIC packet whose fixed
 * bit is greased (RFC 9287) cannot be told by its first byte.
 *
 * Returns: one class, or two where TURN channels and QUIC overlap
 */
Lp2pUdpClass
lp2p_udp_classify (guint8 first_byte)
{
  if (first_byte < 4)
    return LP2P_UDP_STUN;
  if (first_byte < 20)
    return 0;
  if (first_byte < 64)
    return LP2P_UDP_DTLS;
  if (first_byte < 80)
    return LP2P_UDP_TURN | LP2P_UDP_QUIC;
  if (first_byte < 128)
    return LP2P_UDP_QUIC;
  if (first_byte < 192)
    return LP2P_UDP_RTP;
  return LP2P_UDP_QUIC;
}

/**
 * lp2p_udp_get_link_size: (skip)
 * @remote: where to send
 *
 * Gets how large a datagram is that the first link of the route carries in one piece,
 * or less where the kernel has heard of a narrower one behind it.
 *
 * Returns: bytes without the headers of IP and UDP, 0 if that is not known
 */
gsize
lp2p_udp_get_link_size (const struct sockaddr *remote)
{
  guint mtu = MIN (lp2p_sockaddr_get_mtu (remote), MAX_IP_PACKET);
  guint headers = remote->sa_family == AF_INET6 ? HEADERS_6 : HEADERS_4;

  return mtu > headers ? mtu - headers : 0;
}

/**
 * lp2p_udp_is_on_link: (skip)
 * @remote: where to send
 *
 * Returns: whether @remote is on the first link of the route, or on this machine: the
 *   link is then all of the path
 */
gboolean
lp2p_udp_is_on_link (const struct sockaddr *remote)
{
  return lp2p_sockaddr_is_on_link (remote);
}

/**
 * lp2p_udp_socket_get_local: (skip)
 * @self: a socket
 * @remote: where to send
 * @local: (out): where to put the address
 *
 * Gets the address that datagrams to @remote leave from, with the port of the
 * socket: for one that is bound to a wildcard, what the route begins with.
 *
 * Returns: whether there is a route
 */
gboolean
lp2p_udp_socket_get_local (Lp2pUdpSocket *self, const struct sockaddr *remote, struct sockaddr_storage *local)
{
  if (self->wildcard && !lp2p_sockaddr_route (remote, local))
    return FALSE;
  if (!self->wildcard)
    *local = self->address;
  lp2p_sockaddr_set_port (local, lp2p_sockaddr_get_port ((struct sockaddr *) &self->address));
  return local->ss_family == remote->sa_family;
}

static Lp2pUdpUser *
find_claimant (Lp2pUdpSocket *self, const struct sockaddr *remote, Lp2pUdpClass classes)
{
  GArray *claims;

  if (g_hash_table_size (self->claims) == 0)
    return NULL;
  claims = g_hash_table_lookup (self->claims, remote);
  for (guint i = 0; claims != NULL && i < claims->len; i++)
    {
      Claim *claim = &g_array_index (claims, Claim, i);

      if (claim->classes & classes)
        return claim->user;
    }
  return NULL;
}

/* A QUIC packet whose fixed bit is greased looks like anything else, and one in four
 * like TURN. Nobody but QUIC could have made up a connection id that is known. */
static Lp2pUdpUser *
find_owner (Lp2pUdpSocket *self, const guint8 *data, gsize size)
{
  for (guint i = 0; i < self->users->len; i++)
    {
      Lp2pUdpUser *candidate = g_ptr_array_index (self->users, i);

      if (candidate->receiver.owns_cid != NULL &&
          candidate->receiver.owns_cid (self, data, size, candidate->user_data))
        return candidate;
    }
  return NULL;
}

/* Whose a datagram is: where the first byte does not say that it is QUIC, who knows
 * its connection id; then who claimed its sender, then by the first byte. What is left
 * are packets that only opened a NAT, and noise.
 *
 * Returns: (nullable) */
Lp2pUdpUser *
lp2p_udp_socket_find_user (Lp2pUdpSocket *self,
                           const struct sockaddr *remote,
                           const guint8 *data,
                           gsize size)
{
  Lp2pUdpClass classes = lp2p_udp_classify (data[0]);
  Lp2pUdpUser *user = NULL;

  if (classes != LP2P_UDP_QUIC)
    user = find_owner (self, data, size);
  if (user == NULL)
    user = find_claimant (self, remote, classes);
  for (guint i = 0; user == NULL && i < self->users->len; i++)
    {
      Lp2pUdpUser *candidate = g_ptr_array_index (self->users, i);

      if (candidate->classes & classes)
        user = candidate;
    }
  return user;
}

/**
 * lp2p_udp_socket_add_user: (skip)
 * @self: a socket
 * @classes: which datagrams are taken from senders that nobody claimed
 * @priority: of several that take the same class, the highest gets it
 * @receiver: the functions; copied
 * @user_data: passed on
 *
 * Takes part in a socket. The functions run where protocol work does, never
 * within another function of the socket, except `owns_cid`, which must not
 * change anything.
 *
 * Returns: (transfer full): the user, to be removed with
 *   [func@udp_socket_remove_user]
 */
Lp2pUdpUser *
lp2p_udp_socket_add_user (Lp2pUdpSocket *self,
                          Lp2pUdpClass classes,
                          int priority,
                          const Lp2pUdpReceiver *receiver,
                          gpointer user_data)
{
  Lp2pUdpUser *user;
  guint place = 0;

  g_return_val_if_fail (receiver->receive != NULL, NULL);

  user = g_new0 (Lp2pUdpUser, 1);
  user->classes = classes;
  user->priority = priority;
  user->receiver = *receiver;
  user->user_data = user_data;
  user->round = self->round;
  while (place < self->users->len &&
         ((Lp2pUdpUser *) g_ptr_array_index (self->users, place))->priority >= priority)
    place++;
  g_ptr_array_insert (self->users, place, user);
  return user;
}

static void
drop_claims (GArray *claims, Lp2pUdpUser *user, Lp2pUdpClass classes)
{
  for (guint i = claims->len; i > 0; i--)
    {
      Claim *claim = &g_array_index (claims, Claim, i - 1);

      if (claim->user != user)
        continue;
      claim->classes &= ~classes;
      if (claim->classes == 0)
        g_array_remove_index_fast (claims, i - 1);
    }
}

/**
 * lp2p_udp_socket_remove_user: (skip)
 * @self: a socket
 * @user: (transfer full): a user of it
 *
 * Takes part no longer; claims are released. May be called from the user's own
 * functions, and then none is called again.
 */
void
lp2p_udp_socket_remove_user (Lp2pUdpSocket *self, Lp2pUdpUser *user)
{
  GHashTableIter iter;
  gpointer claims;

  if (!g_ptr_array_remove (self->users, user))
    g_return_if_reached ();

  g_hash_table_iter_init (&iter, self->claims);
  while (g_hash_table_iter_next (&iter, NULL, &claims))
    {
      drop_claims (claims, user, ~0u);
      if (((GArray *) claims)->len == 0)
        g_hash_table_iter_remove (&iter);
    }
  g_free (user);
}

/**
 * lp2p_udp_socket_claim: (skip)
 * @self: a socket
 * @user: a user of it
 * @remote: an address
 * @classes: which of its datagrams
 *
 * Lets datagrams that come from an address go to one user, whatever the
 * priorities.
 *
 * Returns: %FALSE if another user claimed one of the classes before; nothing
 *   changes then
 */
gboolean
lp2p_udp_socket_claim (Lp2pUdpSocket *self,
                       Lp2pUdpUser *user,
                       const struct sockaddr *remote,
                       Lp2pUdpClass classes)
{
  GArray *claims = g_hash_table_lookup (self->claims, remote);
  Claim claim = { user, classes };

  g_return_val_if_fail (classes != 0, FALSE);

  for (guint i = 0; claims != NULL && i < claims->len; i++)
    {
      Claim *other = &g_array_index (claims, Claim, i);

      if (other->user != user && (other->classes & classes))
        return FALSE;
    }
  if (claims == NULL)
    {
      claims = g_array_new (FALSE, FALSE, sizeof (Claim));
      g_hash_table_insert (self->claims, g_memdup2 (remote, lp2p_sockaddr_get_size (remote)),
                           claims);
    }
  g_array_append_val (claims, claim);
  return TRUE;
}

/**
 * lp2p_udp_socket_release: (skip)
 * @self: a socket
 * @user: a user of it
 * @remote: an address
 * @classes: which of its datagrams
 *
 * Takes a claim back. Harmless where there is none.
 */
void
lp2p_udp_socket_release (Lp2pUdpSocket *self,
                         Lp2pUdpUser *user,
                         const struct sockaddr *remote,
                         Lp2pUdpClass classes)
{
  GArray *claims = g_hash_table_lookup (self->claims, remote);

  if (claims == NULL)
    return;
  drop_claims (claims, user, classes);
  if (claims->len == 0)
    g_hash_table_remove (self->claims, remote);
}

/* Users may go and come while they are told. */
void
lp2p_udp_socket_tell_users (Lp2pUdpSocket *self, Lp2pUdpUserFunc func, gconstpointer data)
{
  guint round = ++self->round;

  for (guint i = 0; i < self->users->len; i++)
    {
      Lp2pUdpUser *user = g_ptr_array_index (self->users, i);

      if (user->round == round)
        continue;
      user->round = round;
      func (self, user, data);
      i = G_MAXUINT;
    }
}

static void
tell_addresses (Lp2pUdpSocket *self, const Lp2pUdpUser *user, gconstpointer data)
{
  if (user->receiver.addresses_changed != NULL)
    user->receiver.addresses_changed (self, user->user_data);
}

/* To be called when an interface may have come or gone. */
void
lp2p_udp_socket_update_addresses (Lp2pUdpSocket *self)
{
  GPtrArray *addresses;

  if (self->fd < 0 || !self->wildcard)
    return;

  addresses = lp2p_sockaddr_list_bound ((struct sockaddr *) &self->address, LP2P_PROTOCOL_UDP);
  if (lp2p_multiaddr_arrays_equal (addresses, self->addresses))
    {
      g_ptr_array_unref (addresses);
      return;
    }
  g_ptr_array_unref (self->addresses);
  self->addresses = addresses;
  lp2p_udp_socket_tell_users (self, tell_addresses, NULL);
}

/* The socket */

static void
set_option (int fd, int level, int name, int value)
{
  setsockopt (fd, level, name, &value, sizeof value);
}

/* What the kernel refuses is done without. PMTUDISC_PROBE sets "don't fragment"
 * and leaves it to QUIC to find the size that gets through (RFC 9000 section
 * 14.1). */
static void
configure (Lp2pUdpSocket *self)
{
  int fd = self->fd;
  int value = 0;
  socklen_t size = sizeof value;

  set_option (fd, SOL_SOCKET, SO_RCVBUF, BUFFER_SIZE);
  set_option (fd, SOL_SOCKET, SO_SNDBUF, BUFFER_SIZE);
  if (self->address.ss_family == AF_INET6)
    {
      set_option (fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
      set_option (fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
      set_option (fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
      set_option (fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
      set_option (fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
    }
  else
    {
      set_option (fd, IPPROTO_IP, IP_PKTINFO, 1);
      set_option (fd, IPPROTO_IP, IP_RECVTOS, 1);
      set_option (fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
      set_option (fd, IPPROTO_IP, IP_RECVERR, 1);
    }
  set_option (fd, IPPROTO_UDP, UDP_GRO, 1);
  self->gso = getsockopt (fd, IPPROTO_UDP, UDP_SEGMENT, &value, &size) == 0;
}

static gboolean
socket_ready (Lp2pWatch *watch, Lp2pReady ready)
{
  Lp2pUdpSocket *self = (Lp2pUdpSocket *) ((char *) watch - G_STRUCT_OFFSET (Lp2pUdpSocket, watch));
  g_autoptr (Lp2pUdpSocket) keep = lp2p_udp_socket_ref (self);
  gboolean again = FALSE;

  if (ready & LP2P_READY_HANGUP)
    again |= lp2p_udp_socket_read_errors (self);
  if (self->fd >= 0 && (ready & LP2P_READY_READ))
    again |= lp2p_udp_socket_read (self);
  if (self->fd >= 0 && (ready & LP2P_READY_WRITE) && self->blocked)
    lp2p_udp_socket_unblock (self);
  return again && self->fd >= 0;
}

static gboolean
open_socket (Lp2pUdpSocket *self, GError **error)
{
  struct sockaddr *address = (struct sockaddr *) &self->address;
  g_autoptr (Lp2pMultiaddr) name = lp2p_sockaddr_to_multiaddr (address, LP2P_PROTOCOL_UDP);
  socklen_t size = sizeof self->address;

  self->fd = socket (address->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
  if (self->fd >= 0)
    configure (self);
  if (self->fd < 0 || bind (self->fd, address, lp2p_sockaddr_get_size (address)) < 0 ||
      getsockname (self->fd, address, &size) < 0)
    {
      int saved = errno;

      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved), _("Cannot bind %s: %s"),
                   lp2p_multiaddr_get_string (name), g_strerror (saved));
      return FALSE;
    }
  return TRUE;
}

/* Returns: (transfer full) (nullable) */
Lp2pUdpSocket *
lp2p_udp_socket_new (Lp2pUdpHub *hub,
                     const struct sockaddr_storage *address,
                     Lp2pUdpBindFlags flags,
                     GError **error)
{
  g_autoptr (Lp2pUdpSocket) self = g_new0 (Lp2pUdpSocket, 1);
  g_autoptr (Lp2pMultiaddr) bound = NULL;

  self->refs = 1;
  self->loop = lp2p_loop_ref (hub->loop);
  self->flags = flags;
  self->address = *address;
  self->users = g_ptr_array_new ();
  self->claims =
      g_hash_table_new_full (hash_remote, equal_remotes, g_free, (GDestroyNotify) g_array_unref);
  if (!open_socket (self, error) ||
      !lp2p_watch_start (&self->watch, self->loop, self->fd, socket_ready, error))
    return NULL;

  lp2p_watch_set_interest (&self->watch, LP2P_READY_READ);
  self->wildcard = lp2p_sockaddr_is_wildcard ((struct sockaddr *) &self->address);
  bound = lp2p_sockaddr_to_multiaddr ((struct sockaddr *) &self->address, LP2P_PROTOCOL_UDP);
  self->id = g_strdup (lp2p_multiaddr_get_string (bound));
  self->addresses =
      lp2p_sockaddr_list_bound ((struct sockaddr *) &self->address, LP2P_PROTOCOL_UDP);
  self->hub = hub;
  g_ptr_array_add (hub->sockets, self);
  return g_steal_pointer (&self);
}

static void
tell_closed (Lp2pUdpSocket *self, const Lp2pUdpUser *user, gconstpointer error)
{
  if (user->receiver.closed != NULL)
    user->receiver.closed (self, error, user->user_data);
}

/* @error: (nullable): what users are told */
void
lp2p_udp_socket_close (Lp2pUdpSocket *self, const GError *error)
{
  Lp2pUdpHub *hub = g_steal_pointer (&self->hub);

  if (hub != NULL)
    g_ptr_array_remove_fast (hub->sockets, self);
  lp2p_watch_stop (&self->watch);
  g_clear_pointer (&self->backlog, lp2p_udp_backlog_free);
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
  if (hub != NULL)
    lp2p_udp_hub_socket_gone (hub);
  if (error != NULL)
    lp2p_udp_socket_tell_users (self, tell_closed, error);
}

/**
 * lp2p_udp_socket_ref: (skip)
 * @self: a socket
 *
 * Returns: (transfer full): the socket
 */
Lp2pUdpSocket *
lp2p_udp_socket_ref (Lp2pUdpSocket *self)
{
  self->refs++;
  return self;
}

/**
 * lp2p_udp_socket_unref: (skip)
 * @self: (transfer full): a socket
 *
 * Drops a reference. With the last one the socket closes; its users are to be
 * removed before.
 */
void
lp2p_udp_socket_unref (Lp2pUdpSocket *self)
{
  if (--self->refs > 0)
    return;

  lp2p_udp_socket_close (self, NULL);
  g_ptr_array_set_free_func (self->users, g_free);
  g_ptr_array_unref (self->users);
  g_hash_table_unref (self->claims);
  g_clear_pointer (&self->addresses, g_ptr_array_unref);
  g_free (self->id);
  lp2p_loop_unref (self->loop);
  g_free (self);
}

/**
 * lp2p_udp_socket_get_id: (skip)
 * @self: a socket
 *
 * Returns: (transfer none): the name of the socket
 */
const char *
lp2p_udp_socket_get_id (Lp2pUdpSocket *self)
{
  return self->id;
}

/**
 * lp2p_udp_socket_get_addresses: (skip)
 * @self: a socket
 *
 * Gets where the socket can be reached, as [func@tcp_binding_get_addresses] does.
 *
 * Returns: (transfer none) (element-type Lp2pMultiaddr): `/ip4/.../udp/...` and
 *   the like; a new array after `addresses_changed`
 */
GPtrArray *
lp2p_udp_socket_get_addresses (Lp2pUdpSocket *self)
{
  return self->addresses;
}

/**
 * lp2p_udp_socket_has_gso: (skip)
 * @self: a socket
 *
 * Returns: whether the kernel cuts trains of datagrams, so that a train costs
 *   little more than one datagram; may change to %FALSE
 */
gboolean
lp2p_udp_socket_has_gso (Lp2pUdpSocket *self)
{
  return self->gso;
}
