/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* More come at once than a busy host can serve. Who dials takes a connection for made
 * when the last message of the handshake has left, so a host that has given up that
 * handshake by then would lose a connection that somebody counts on. */

#include "test-host.h"

/* As many handshakes as the host may have at a time, and as many strangers who wait at
 * its door, to each of whom one of them would have to make room. */
#define HALF_OPEN 16
#define STRANGERS 64

/* The host has a main context of its own: it does nothing while who dials it goes on. */
typedef struct
{
  TestWorld *world;
  TestWorld *busy;
  TestHost *host;
  TestHost *dialer;
  Lp2pMultiaddr *address; /* without a peer id, so that each dial makes a connection */
  GPtrArray *strangers;
  guint n_made;
} Fixture;

static TestHost *
new_host (TestWorld *world, const char *security, const char *more)
{
  g_autofree char *config = g_strdup_printf ("[host]\ntransports=['tcp']\nsecurity=['%s']\nmuxers=['yamux']\n"
                                             "services=[]\nmax-connections-per-peer=1000\n%s",
                                             security, more);

  return test_host_new (world, config);
}

static void
setup (Fixture *self, gconstpointer security)
{
  g_autofree char *listening = g_strdup_printf ("listen=['/ip4/127.0.0.1/tcp/0']\nmax-half-open=%u\n"
                                                "max-half-open-per-ip=1000\n",
                                                HALF_OPEN);
  g_autoptr (Lp2pMultiaddr) full = NULL;

  self->busy = test_world_new (TRUE);
  self->host = new_host (self->busy, security, listening);
  full = test_host_dup_address (self->host);
  self->address = lp2p_multiaddr_without_peer_id (full);
  self->world = test_world_new (TRUE);
  self->dialer = new_host (self->world, security, "");
  self->strangers = g_ptr_array_new_with_free_func (g_object_unref);
}

/* The host has its turn. */
static void
run_host (Fixture *self)
{
  g_main_context_push_thread_default (self->busy->context);
  test_world_settle (self->busy);
  g_main_context_pop_thread_default (self->busy->context);
}

static void
teardown (Fixture *self, gconstpointer security)
{
  g_ptr_array_unref (self->strangers);
  test_host_free (self->dialer);
  test_world_free (self->world);
  test_host_free (self->host);
  test_world_free (self->busy);
  lp2p_multiaddr_unref (self->address);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Fixture *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConnection) connection = lp2p_host_connect_finish (LP2P_HOST (source), result, &error);

  g_assert_no_error (error);
  self->n_made++;
}

/* In the kernel's queue, from where the host is told of them first. */
static void
come (Fixture *self)
{
  g_autoptr (GSocketAddress) address = lp2p_multiaddr_get_socket_address (self->address, NULL);

  for (guint i = 0; i < STRANGERS; i++)
    {
      g_autoptr (GError) error = NULL;
      GSocket *stranger = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, &error);

      g_assert_no_error (error);
      g_ptr_array_add (self->strangers, stranger);
      g_socket_connect (stranger, address, NULL, &error);
      g_assert_no_error (error);
    }
}

static void
test_none_is_lost (Fixture *self, gconstpointer security)
{
  for (guint i = 0; i < HALF_OPEN; i++)
    lp2p_host_connect_async (self->dialer->host, self->address, NULL, on_connected, self);
  test_world_settle (self->world);
  run_host (self);
  g_assert_cmpuint (self->n_made, ==, 0);
  come (self);
  test_until (self->world, self->n_made == HALF_OPEN);
  test_world_settle (self->world);
  g_assert_cmpuint (self->host->n_added, ==, 0);

  run_host (self);
  g_assert_cmpuint (self->host->n_added, ==, HALF_OPEN);
  test_world_settle (self->world);
  g_assert_cmpuint (self->dialer->n_removed, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add ("/crowd/noise", Fixture, "noise", setup, test_none_is_lost, teardown);
  g_test_add ("/crowd/tls", Fixture, "tls", setup, test_none_is_lost, teardown);

  return g_test_run ();
}
