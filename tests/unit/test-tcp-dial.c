/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>

#include "tcp-hub-fixture.h"

static void
test_refused (Fixture *f, gconstpointer data)
{
  Dial out;

  dial (&out, f, "/ip4/127.0.0.1/tcp/1", LP2P_TCP_REUSE_PORT);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_assert_cmpstr (out.error->message, ==,
                   "Cannot connect to /ip4/127.0.0.1/tcp/1: Connection refused");
  dial_clear (&out);

  dial (&out, f, "/ip4/0.0.0.0/tcp/1", LP2P_TCP_DIAL_NONE);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_nonnull (strstr (out.error->message, "/ip4/0.0.0.0/tcp/1"));
  dial_clear (&out);

  dial (&out, f, "/ip4/127.0.0.1/tcp/0", LP2P_TCP_DIAL_NONE);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  dial_clear (&out);

  lp2p_tcp_hub_close (f->hub);
  dial (&out, f, "/ip4/127.0.0.1/tcp/1", LP2P_TCP_DIAL_NONE);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  dial_clear (&out);
}

/* The target is a listener of another hub: with one of its own that is bound to
 * the right address, a host would dial from it. */
static void
test_reuse_port (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pTcpHub) hub = lp2p_tcp_hub_new (f->loop);
  Lp2pTcpHub *own = f->hub;
  Acceptor source, target, elsewhere;
  Dial first, second, third;
  g_autofree char *expected = NULL;

  start_listening (&elsewhere, f, "/ip4/127.0.0.2/tcp/0", NULL);
  start_listening (&source, f, data, NULL);
  f->hub = hub;
  start_listening (&target, f, "/ip4/127.0.0.1/tcp/0", NULL);
  f->hub = own;
  expected = g_strdup_printf ("/ip4/127.0.0.1/tcp/%u", get_port (&source));

  dial (&first, f, get_address (&target), LP2P_TCP_REUSE_PORT);
  g_assert_no_error (first.error);
  g_assert_cmpstr (lp2p_multiaddr_get_string (first.local), ==, expected);
  g_assert_cmpstr (first.socket_id, ==, lp2p_tcp_binding_get_socket_id (source.binding));

  /* The same pair of addresses again: another port. */
  dial (&second, f, get_address (&target), LP2P_TCP_REUSE_PORT);
  g_assert_no_error (second.error);
  g_assert_cmpstr (lp2p_multiaddr_get_string (second.local), !=, expected);
  g_assert_null (second.socket_id);

  dial (&third, f, get_address (&target), LP2P_TCP_DIAL_NONE);
  g_assert_no_error (third.error);
  g_assert_cmpstr (lp2p_multiaddr_get_string (third.local), !=, expected);
  wait_accepted (&target, 3);
  g_assert_cmpuint (source.layers->len, ==, 0);

  /* The listener still listens. */
  dial_clear (&third);
  dial (&third, f, expected, LP2P_TCP_DIAL_NONE);
  g_assert_no_error (third.error);
  wait_accepted (&source, 1);

  dial_clear (&first);
  dial_clear (&second);
  dial_clear (&third);
  stop_listening (&source);
  stop_listening (&target);
  stop_listening (&elsewhere);
}

/* A loopback listener is no source for the rest of the world. */
static void
test_reuse_not_loopback (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) addresses = NULL;
  struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons (9) };
  g_autoptr (Lp2pTcpHub) hub = lp2p_tcp_hub_new (f->loop);
  Lp2pTcpHub *own = f->hub;
  Acceptor loopback, target;
  const char *text = NULL;
  Dial out;

  addresses = lp2p_sockaddr_list_bound ((struct sockaddr *) &any, LP2P_PROTOCOL_TCP);
  for (guint i = 0; i < addresses->len; i++)
    {
      if (!lp2p_multiaddr_is_loopback (g_ptr_array_index (addresses, i)))
        text = lp2p_multiaddr_get_string (g_ptr_array_index (addresses, i));
    }
  if (text == NULL)
    {
      g_test_skip ("no network interface but loopback");
      return;
    }

  start_listening (&loopback, f, "/ip4/127.0.0.1/tcp/0", NULL);
  f->hub = hub;
  start_listening (&target, f, "/ip4/0.0.0.0/tcp/0", NULL);
  f->hub = own;

  {
    g_autofree char *host = g_strndup (text, strlen (text) - strlen ("/tcp/9"));
    g_autofree char *address = g_strdup_printf ("%s/tcp/%u", host, get_port (&target));

    dial (&out, f, address, LP2P_TCP_REUSE_PORT);
    g_assert_no_error (out.error);
    g_assert_null (out.socket_id);
    g_assert_false (lp2p_multiaddr_is_loopback (out.local));
    wait_accepted (&target, 1);
    g_assert_cmpstr (target.local, ==, address);
  }
  dial_clear (&out);
  stop_listening (&loopback);
  stop_listening (&target);
}

static void
test_self (Fixture *f, gconstpointer data)
{
  Acceptor acceptor;
  Dial out;

  start_listening (&acceptor, f, "/ip4/127.0.0.1/tcp/0", NULL);
  dial (&out, f, get_address (&acceptor), LP2P_TCP_REUSE_PORT);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_assert_nonnull (strstr (out.error->message, "leads back"));
  settle (f);
  g_assert_cmpuint (acceptor.layers->len, ==, 0);
  dial_clear (&out);
  stop_listening (&acceptor);
}

/* Both sides dial from and to the ports that they listen on. */
static void
test_cross (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pTcpHub) hub = lp2p_tcp_hub_new (f->loop);
  Lp2pTcpHub *own = f->hub;
  Acceptor a, b;
  Dial from_a, from_b;

  start_listening (&a, f, "/ip4/127.0.0.1/tcp/0", NULL);
  f->hub = hub;
  start_listening (&b, f, "/ip4/127.0.0.1/tcp/0", NULL);
  f->hub = own;
  dial_start (&from_a, f, get_address (&b), LP2P_TCP_REUSE_PORT, NULL);
  f->hub = hub;
  dial_start (&from_b, f, get_address (&a), LP2P_TCP_REUSE_PORT, NULL);
  f->hub = own;
  dial_wait (&from_a, f);
  dial_wait (&from_b, f);
  g_assert_no_error (from_a.error);
  g_assert_no_error (from_b.error);
  dial_clear (&from_a);
  dial_clear (&from_b);
  stop_listening (&a);
  stop_listening (&b);
}

static void
test_cancel (Fixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Acceptor acceptor;
  Dial out, pending;

  start_listening (&acceptor, f, "/ip4/127.0.0.1/tcp/0", NULL);

  dial_start (&out, f, get_address (&acceptor), LP2P_TCP_DIAL_NONE, cancellable);
  g_cancellable_cancel (cancellable);
  g_assert_false (out.done);
  dial_wait (&out, f);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  dial_clear (&out);

  dial_start (&out, f, get_address (&acceptor), LP2P_TCP_DIAL_NONE, cancellable);
  dial_wait (&out, f);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  dial_clear (&out);

  /* Closing the hub ends what is under way. */
  dial_start (&pending, f, get_address (&acceptor), LP2P_TCP_DIAL_NONE, NULL);
  lp2p_tcp_hub_close (f->hub);
  g_assert_false (pending.done);
  dial_wait (&pending, f);
  g_assert_error (pending.error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  dial_clear (&pending);
  stop_listening (&acceptor);
}

/* For clients and for servers. */
static gboolean
allow_fast_open (void)
{
  int fd = open ("/proc/sys/net/ipv4/tcp_fastopen", O_WRONLY | O_CLOEXEC);
  gboolean written = fd >= 0 && write (fd, "3", 1) == 1;

  if (fd >= 0)
    close (fd);
  return written;
}

/* With a cookie the dial ends at once and the first bytes are the connection. */
static void
test_fast_open (Fixture *f, gconstpointer data)
{
  Acceptor acceptor;
  Dial out;
  char buffer[16];
  g_autofree char *text = NULL;
  g_autofree char *expected = NULL;

  if (!enter_own_network () || !allow_fast_open ())
    return;

  start_listening (&acceptor, f, "/ip4/127.0.0.1/tcp/0", NULL);
  text = g_strdup (get_address (&acceptor));
  for (guint i = 0; i < 3; i++)
    {
      dial (&out, f, text, LP2P_TCP_FAST_OPEN);
      g_assert_no_error (out.error);
      if (i > 0)
        {
          settle (f);
          g_usleep (1000);
          settle (f);
          g_assert_cmpuint (acceptor.layers->len, ==, i);
        }
      g_assert_cmpint (lp2p_layer_write (out.layer, "first", 5, 0), ==, 5);
      wait_accepted (&acceptor, i + 1);
      g_assert_cmpuint (read_some (f, acceptor.layers->pdata[i], buffer, sizeof buffer), ==, 5);
      g_assert_cmpint (lp2p_layer_write (acceptor.layers->pdata[i], "answer", 6, 0), ==, 6);
      g_assert_cmpuint (read_some (f, out.layer, buffer, sizeof buffer), ==, 6);
      dial_clear (&out);
    }
  stop_listening (&acceptor);

  /* Nobody is there any more, which only the first bytes find out. */
  dial (&out, f, text, LP2P_TCP_FAST_OPEN);
  g_assert_no_error (out.error);
  if (lp2p_layer_write (out.layer, "first", 5, 0) == 5)
    {
      gssize got;

      while ((got = lp2p_layer_read (out.layer, buffer, sizeof buffer)) == LP2P_IO_AGAIN)
        g_main_context_iteration (f->context, FALSE);
      g_assert_cmpint (got, ==, LP2P_IO_FAILED);
    }
  expected = g_strdup_printf ("Cannot connect to %s: Connection refused", text);
  g_assert_error (lp2p_layer_get_error (out.layer), G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_assert_cmpstr (lp2p_layer_get_error (out.layer)->message, ==, expected);
  dial_clear (&out);
}

#define ADD_DATA(path, data, func)                                                                 \
  g_test_add ("/tcp-dial/" path, Fixture, data, set_up, func, tear_down)
#define ADD(path, func) ADD_DATA (path, NULL, func)

static void
test_reuse_wildcard (Fixture *f, gconstpointer data)
{
  test_reuse_port (f, "/ip4/0.0.0.0/tcp/0");
}

static void
test_reuse_exact (Fixture *f, gconstpointer data)
{
  test_reuse_port (f, "/ip4/127.0.0.1/tcp/0");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("refused", test_refused);
  ADD ("reuse-port", test_reuse_wildcard);
  ADD ("reuse-port-exact", test_reuse_exact);
  ADD ("reuse-not-loopback", test_reuse_not_loopback);
  ADD ("self", test_self);
  ADD ("cross", test_cross);
  ADD ("cancel", test_cancel);
  ADD ("fast-open", test_fast_open);

  return g_test_run ();
}
