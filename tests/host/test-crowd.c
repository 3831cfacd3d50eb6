/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* More come at once than a busy host can serve. Who dials takes a connection for made
 * when the last message of the handshake has left, so a host that has given up that
 * handshake by then would lose a connection that somebody counts on. */

#include "test-host.h"

/* As many hosts dial, each of which has as many turns as the one that is dialed. The
 * last message of a handshake stays for some turns with who dials, as it leaves with the
 * first bytes behind it: so more are half open than are being dialed. */
#define N_DIALERS 4
#define PARALLEL  8
#define HALF_OPEN 72
#define TOTAL     400

typedef struct
{
  TestWorld *world;
  TestHost *host;
  TestHost *dialers[N_DIALERS];
  Lp2pMultiaddr *address; /* without a peer id, so that each dial makes a connection */
  guint to_start;
  guint running;
  guint n_made;
} Fixture;

static void
setup (Fixture *self, gconstpointer security)
{
  g_autofree char *common = g_strdup_printf ("[host]\ntransports=['tcp']\nsecurity=['%s']\nmuxers=['yamux']\n"
                                             "services=['identify']\nmax-connections-per-peer=1000\n"
                                             "max-half-open=%u\nmax-half-open-per-ip=1000\n",
                                             (const char *) security, HALF_OPEN);
  g_autofree char *listening = g_strconcat (common, "listen=['/ip4/127.0.0.1/tcp/0']\n", NULL);
  g_autoptr (Lp2pMultiaddr) full = NULL;

  self->world = test_world_new (TRUE);
  self->host = test_host_new (self->world, listening);
  for (guint i = 0; i < N_DIALERS; i++)
    self->dialers[i] = test_host_new (self->world, common);
  full = test_host_dup_address (self->host);
  self->address = lp2p_multiaddr_without_peer_id (full);
}

static void
teardown (Fixture *self, gconstpointer security)
{
  for (guint i = 0; i < N_DIALERS; i++)
    {
      test_host_close (self->dialers[i]);
      test_host_free (self->dialers[i]);
    }
  test_host_close (self->host);
  test_host_free (self->host);
  lp2p_multiaddr_unref (self->address);
  test_world_free (self->world);
}

static void start_dial (Fixture *self, Lp2pHost *dialer);

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Fixture *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConnection) connection = lp2p_host_connect_finish (LP2P_HOST (source), result, &error);

  g_assert_no_error (error);
  self->running--;
  self->n_made++;
  start_dial (self, LP2P_HOST (source));
}

static void
start_dial (Fixture *self, Lp2pHost *dialer)
{
  if (self->to_start == 0)
    return;
  self->to_start--;
  self->running++;
  lp2p_host_connect_async (dialer, self->address, NULL, on_connected, self);
}

static guint
count_removed (Fixture *self)
{
  guint n = 0;

  for (guint i = 0; i < N_DIALERS; i++)
    n += self->dialers[i]->n_removed;
  return n;
}

static void
test_none_is_lost (Fixture *self, gconstpointer security)
{
  self->to_start = TOTAL;
  for (guint i = 0; i < N_DIALERS * PARALLEL; i++)
    start_dial (self, self->dialers[i % N_DIALERS]->host);
  test_until (self->world, self->running == 0);
  test_until (self->world, self->host->n_added + count_removed (self) == TOTAL);
  g_assert_cmpuint (self->n_made, ==, TOTAL);
  g_assert_cmpuint (count_removed (self), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  /* Each turn is the shortest that there is, as on a machine without time. */
  g_setenv (TEST_WORLD_TURN, "1", TRUE);

  g_test_add ("/crowd/noise", Fixture, "noise", setup, test_none_is_lost, teardown);
  g_test_add ("/crowd/tls", Fixture, "tls", setup, test_none_is_lost, teardown);

  return g_test_run ();
}
