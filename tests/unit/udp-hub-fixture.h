/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A hub, a socket of it and its users, for the tests of what it receives and sends. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#include "net/lp2p-udp-hub-private.h"

typedef struct
{
  Lp2pLoop *loop;
  GMainContext *context;
  Lp2pUdpHub *hub;
  Lp2pUdpSocket *socket;
} Fixture;

/* A user and what it was told. */
typedef struct
{
  Fixture *f;
  Lp2pUdpSocket *socket;
  Lp2pUdpUser *user;
  Lp2pUdpReceiver receiver;
  GPtrArray *got; /* of GBytes, one for each datagram */
  GString *log;   /* the first byte of each */
  guint n_calls;
  guint n_writable;
  guint n_unreachable;
  guint n_closed;
  int last_error;
  guint8 last_ecn;
  gsize largest_train;
  char *last_local;
  char *last_remote;
  guint8 owned; /* first byte of the datagrams whose connection id it knows */
  gboolean remove_inside;
  gboolean unref_inside;
} User;

G_GNUC_UNUSED static char *
describe (const struct sockaddr_storage *address)
{
  g_autoptr (Lp2pMultiaddr) multiaddr =
      lp2p_sockaddr_to_multiaddr ((const struct sockaddr *) address, LP2P_PROTOCOL_UDP);

  return g_strdup (lp2p_multiaddr_get_string (multiaddr));
}

G_GNUC_UNUSED static void
receive (
    Lp2pUdpSocket *socket, const Lp2pUdpDatagram *datagrams, guint n, gint64 now, gpointer data)
{
  User *self = data;

  g_assert_true (socket == self->socket);
  g_assert_cmpuint (n, >, 0);
  g_assert_cmpint (now, >, 0);
  g_assert_nonnull (self->user);
  self->n_calls++;
  for (guint i = 0; i < n; i++)
    {
      const Lp2pUdpDatagram *datagram = &datagrams[i];

      g_assert_cmpuint (datagram->segment_size, >, 0);
      g_assert_cmpuint (datagram->segment_size, <=, datagram->size);
      self->largest_train = MAX (self->largest_train, datagram->size);
      for (gsize at = 0; at < datagram->size; at += datagram->segment_size)
        {
          gsize size = MIN (datagram->segment_size, datagram->size - at);

          g_ptr_array_add (self->got, g_bytes_new (datagram->data + at, size));
          g_string_append_c (self->log, datagram->data[at]);
        }
      self->last_ecn = datagram->ecn;
      g_free (self->last_local);
      g_free (self->last_remote);
      self->last_local = describe (datagram->local);
      self->last_remote = describe (datagram->remote);
    }
  if (self->remove_inside)
    lp2p_udp_socket_remove_user (socket, g_steal_pointer (&self->user));
  if (self->unref_inside)
    lp2p_udp_socket_unref (g_steal_pointer (&self->socket));
}

G_GNUC_UNUSED static gboolean
owns_cid (Lp2pUdpSocket *socket, const guint8 *data, gsize size, gpointer user_data)
{
  User *self = user_data;

  g_assert_cmpuint (size, >, 0);
  return self->owned != 0 && data[0] == self->owned;
}

G_GNUC_UNUSED static void
writable (Lp2pUdpSocket *socket, gpointer user_data)
{
  ((User *) user_data)->n_writable++;
}

G_GNUC_UNUSED static void
unreachable (Lp2pUdpSocket *socket, const struct sockaddr *remote, int error, gpointer user_data)
{
  User *self = user_data;

  self->n_unreachable++;
  self->last_error = error;
  g_free (self->last_remote);
  self->last_remote = describe ((const struct sockaddr_storage *) remote);
}

G_GNUC_UNUSED static void
closed (Lp2pUdpSocket *socket, const GError *error, gpointer user_data)
{
  g_assert_nonnull (error);
  ((User *) user_data)->n_closed++;
}

G_GNUC_UNUSED static void
user_add (User *self, Fixture *f, Lp2pUdpSocket *socket, Lp2pUdpClass classes, int priority)
{
  *self = (User) { .f = f, .socket = socket };
  self->receiver = (Lp2pUdpReceiver) {
    .receive = receive,
    .owns_cid = owns_cid,
    .writable = writable,
    .unreachable = unreachable,
    .closed = closed,
  };
  self->got = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  self->log = g_string_new (NULL);
  self->user = lp2p_udp_socket_add_user (socket, classes, priority, &self->receiver, self);
}

G_GNUC_UNUSED static void
user_clear (User *self)
{
  if (self->user != NULL)
    lp2p_udp_socket_remove_user (self->socket, self->user);
  g_ptr_array_unref (self->got);
  g_string_free (self->log, TRUE);
  g_free (self->last_local);
  g_free (self->last_remote);
}

G_GNUC_UNUSED static Lp2pUdpSocket *
try_bind (Fixture *f, const char *text, Lp2pUdpBindFlags flags, GError **error)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (GSocketAddress) native = lp2p_multiaddr_get_socket_address (address, NULL);

  return lp2p_udp_hub_bind (f->hub, native, flags, error);
}

G_GNUC_UNUSED static Lp2pUdpSocket *
bind_text (Fixture *f, const char *text, Lp2pUdpBindFlags flags)
{
  g_autoptr (GError) error = NULL;
  Lp2pUdpSocket *socket = try_bind (f, text, flags, &error);

  g_assert_no_error (error);
  return socket;
}

G_GNUC_UNUSED static void
set_up (Fixture *f, gconstpointer data)
{
  f->context = g_main_context_new ();
  f->loop = lp2p_loop_new (f->context, NULL);
  f->hub = lp2p_udp_hub_new (f->loop);
  f->socket = bind_text (f, data != NULL ? data : "/ip4/127.0.0.1/udp/0", LP2P_UDP_BIND_SHARED);
}

G_GNUC_UNUSED static void
settle (Fixture *f)
{
  while (g_main_context_iteration (f->context, FALSE))
    ;
}

G_GNUC_UNUSED static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_pointer (&f->socket, lp2p_udp_socket_unref);
  g_object_add_weak_pointer (G_OBJECT (f->hub), (gpointer *) &f->hub);
  g_object_unref (f->hub);
  g_assert_null (f->hub);
  lp2p_loop_unref (f->loop);
  g_main_context_unref (f->context);
}

/* A plain socket on the other side. */
G_GNUC_UNUSED static int
open_peer (struct sockaddr_storage *address, int family)
{
  socklen_t size = sizeof *address;
  int fd = socket (family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  memset (address, 0, sizeof *address);
  address->ss_family = family;
  if (family == AF_INET)
    ((struct sockaddr_in *) address)->sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  else
    ((struct sockaddr_in6 *) address)->sin6_addr = in6addr_loopback;
  g_assert_cmpint (
      bind (fd, (struct sockaddr *) address, lp2p_sockaddr_get_size ((struct sockaddr *) address)),
      ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *) address, &size), ==, 0);
  return fd;
}

G_GNUC_UNUSED static void
send_to (int fd, Lp2pUdpSocket *socket, gconstpointer data, gsize size)
{
  struct sockaddr_storage address = socket->address;

  if (socket->wildcard)
    {
      if (address.ss_family == AF_INET)
        ((struct sockaddr_in *) &address)->sin_addr.s_addr = htonl (INADDR_LOOPBACK);
      else
        ((struct sockaddr_in6 *) &address)->sin6_addr = in6addr_loopback;
    }
  g_assert_cmpint (sendto (fd, data, size, 0, (struct sockaddr *) &address,
                           lp2p_sockaddr_get_size ((struct sockaddr *) &address)),
                   ==, size);
}

G_GNUC_UNUSED static void
wait_for (User *user, guint n)
{
  while (user->got->len < n)
    g_main_context_iteration (user->f->context, TRUE);
}
