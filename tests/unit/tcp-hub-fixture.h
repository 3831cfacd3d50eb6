/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A hub, and what listens and dials on it, for the tests of both. */

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/lp2p-tcp-hub-private.h"

typedef struct
{
  Lp2pClock clock;
  gint64 now;
  Lp2pLoop *loop;
  GMainContext *context;
  Lp2pTcpHub *hub;
} Fixture;

/* What an acceptor got. */
typedef struct
{
  Fixture *f;
  Lp2pTcpBinding *binding;
  Lp2pTcpAcceptor acceptor;
  GPtrArray *layers;
  char *local;
  char *remote;
  char *socket_id;
  const char *wanted; /* the first bytes that it sniffs for */
  guint n_sniffed;
  guint n_changed;
  gboolean close_inside;
} Acceptor;

typedef struct
{
  Lp2pLayer *layer;
  Lp2pMultiaddr *local;
  char *socket_id;
  GError *error;
  gboolean done;
} Dial;

G_GNUC_UNUSED static gint64
clock_now (Lp2pClock *clock)
{
  return ((Fixture *) clock)->now;
}

G_GNUC_UNUSED static void
set_up (Fixture *f, gconstpointer data)
{
  f->clock.now = clock_now;
  f->clock.real_time = clock_now;
  f->now = G_USEC_PER_SEC;
  f->context = g_main_context_new ();
  g_main_context_push_thread_default (f->context);
  f->loop = lp2p_loop_new (f->context, data != NULL ? &f->clock : NULL);
  f->hub = lp2p_tcp_hub_new (f->loop);
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
  lp2p_tcp_hub_close (f->hub);
  settle (f);
  g_object_add_weak_pointer (G_OBJECT (f->hub), (gpointer *) &f->hub);
  g_object_unref (f->hub);
  g_assert_null (f->hub);
  lp2p_loop_unref (f->loop);
  g_main_context_pop_thread_default (f->context);
  g_main_context_unref (f->context);
}

G_GNUC_UNUSED static void
accepted (Lp2pLayer *layer,
          Lp2pMultiaddr *local_address,
          Lp2pMultiaddr *remote_address,
          const char *socket_id,
          gpointer user_data)
{
  Acceptor *self = user_data;

  g_ptr_array_add (self->layers, layer);
  g_free (self->local);
  g_free (self->remote);
  g_free (self->socket_id);
  self->local = g_strdup (lp2p_multiaddr_get_string (local_address));
  self->remote = g_strdup (lp2p_multiaddr_get_string (remote_address));
  self->socket_id = g_strdup (socket_id);
  if (self->close_inside)
    g_clear_pointer (&self->binding, lp2p_tcp_binding_close);
}

G_GNUC_UNUSED static Lp2pSniffResult
sniff (const guint8 *data, gsize size, gpointer user_data)
{
  Acceptor *self = user_data;
  gsize length = strlen (self->wanted);

  self->n_sniffed++;
  g_assert_cmpuint (size, >, 0);
  g_assert_cmpuint (size, <=, LP2P_SNIFF_SIZE);
  if (memcmp (data, self->wanted, MIN (size, length)) != 0)
    return LP2P_SNIFF_NO;
  return size < length ? LP2P_SNIFF_MORE : LP2P_SNIFF_YES;
}

G_GNUC_UNUSED static gboolean
try_listen (Acceptor *self, Fixture *f, const char *text, const char *wanted, GError **error)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (GSocketAddress) native = lp2p_multiaddr_get_socket_address (address, NULL);

  *self = (Acceptor) { .f = f, .wanted = wanted };
  self->acceptor.accepted = accepted;
  self->acceptor.sniff = wanted != NULL ? sniff : NULL;
  self->binding = lp2p_tcp_hub_listen (f->hub, native, &self->acceptor, self, error);
  if (self->binding != NULL)
    self->layers = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_layer_free);
  return self->binding != NULL;
}

G_GNUC_UNUSED static void
start_listening (Acceptor *self, Fixture *f, const char *text, const char *wanted)
{
  g_autoptr (GError) error = NULL;

  try_listen (self, f, text, wanted, &error);
  g_assert_no_error (error);
}

G_GNUC_UNUSED static void
stop_listening (Acceptor *self)
{
  g_clear_pointer (&self->binding, lp2p_tcp_binding_close);
  g_clear_pointer (&self->layers, g_ptr_array_unref);
  g_clear_pointer (&self->local, g_free);
  g_clear_pointer (&self->remote, g_free);
  g_clear_pointer (&self->socket_id, g_free);
}

G_GNUC_UNUSED static const char *
get_address (Acceptor *self)
{
  GPtrArray *addresses = lp2p_tcp_binding_get_addresses (self->binding);

  g_assert_cmpuint (addresses->len, ==, 1);
  return lp2p_multiaddr_get_string (g_ptr_array_index (addresses, 0));
}

G_GNUC_UNUSED static guint16
get_port (Acceptor *self)
{
  const char *id = lp2p_tcp_binding_get_socket_id (self->binding);

  return atoi (strrchr (id, '/') + 1);
}

G_GNUC_UNUSED static void
dialed (GObject *source, GAsyncResult *result, gpointer data)
{
  Dial *self = data;

  g_assert_false (self->done);
  self->done = TRUE;
  self->layer = lp2p_tcp_hub_dial_finish (LP2P_TCP_HUB (source), result, &self->local,
                                          &self->socket_id, &self->error);
  g_assert_true ((self->layer == NULL) == (self->error != NULL));
}

G_GNUC_UNUSED static void
dial_start (
    Dial *self, Fixture *f, const char *text, Lp2pTcpDialFlags flags, GCancellable *cancellable)
{
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);

  *self = (Dial) { 0 };
  lp2p_tcp_hub_dial_async (f->hub, address, NULL, flags, cancellable, dialed, self);
  g_assert_false (self->done);
}

G_GNUC_UNUSED static void
dial_wait (Dial *self, Fixture *f)
{
  while (!self->done)
    g_main_context_iteration (f->context, TRUE);
}

G_GNUC_UNUSED static void
dial (Dial *self, Fixture *f, const char *text, Lp2pTcpDialFlags flags)
{
  dial_start (self, f, text, flags, NULL);
  dial_wait (self, f);
}

G_GNUC_UNUSED static void
dial_clear (Dial *self)
{
  g_clear_pointer (&self->layer, lp2p_layer_free);
  g_clear_pointer (&self->local, lp2p_multiaddr_unref);
  g_clear_pointer (&self->socket_id, g_free);
  g_clear_error (&self->error);
}

G_GNUC_UNUSED static void
wait_accepted (Acceptor *self, guint n)
{
  while (self->layers->len < n)
    g_main_context_iteration (self->f->context, TRUE);
}

G_GNUC_UNUSED static gsize
read_some (Fixture *f, Lp2pLayer *layer, char *buffer, gsize size)
{
  gssize got;

  while ((got = lp2p_layer_read (layer, buffer, size)) == LP2P_IO_AGAIN)
    g_main_context_iteration (f->context, FALSE);
  g_assert_cmpint (got, >=, 0);
  return got;
}

G_GNUC_UNUSED static int
raw_connect (guint16 port, const char *text)
{
  struct sockaddr_in address = {
    .sin_family = AF_INET,
    .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
    .sin_port = htons (port),
  };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  if (text != NULL)
    g_assert_cmpint (write (fd, text, strlen (text)), ==, strlen (text));
  return fd;
}

G_GNUC_UNUSED static void
add_address (const char *name, const char *text)
{
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = { 0 };
  struct sockaddr_in *address = (struct sockaddr_in *) &request.ifr_addr;

  g_strlcpy (request.ifr_name, name, sizeof request.ifr_name);
  address->sin_family = AF_INET;
  g_assert_cmpint (inet_pton (AF_INET, text, &address->sin_addr), ==, 1);
  g_assert_cmpint (ioctl (fd, SIOCSIFADDR, &request), ==, 0);
  request.ifr_flags = IFF_UP | IFF_LOOPBACK;
  g_assert_cmpint (ioctl (fd, SIOCSIFFLAGS, &request), ==, 0);
  close (fd);
}

static gboolean
leave_network (void)
{
  return unshare (CLONE_NEWNET) == 0 || unshare (CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

/* Lets the rest of a test run in a process and a network of its own, where
 * addresses and settings can be changed. */
G_GNUC_UNUSED static gboolean
enter_own_network (void)
{
  int status = 1;

  if (g_test_subprocess ())
    {
      g_assert_true (leave_network ());
      add_address ("lo", "127.0.0.1");
      return TRUE;
    }
  if (fork () == 0)
    _exit (leave_network () ? 0 : 1);
  wait (&status);
  if (status != 0)
    {
      g_test_skip ("a network of its own is not permitted here");
      return FALSE;
    }
  g_test_trap_subprocess (NULL, 30 * G_USEC_PER_SEC, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
  return FALSE;
}
