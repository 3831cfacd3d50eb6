/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What happens between the two sides of a connection of QUIC, in a time that the test
 * controls: nothing here depends on how fast the machine is. */

#include <lp2p/interfaces/lp2p-datagrams.h>

#include "session-driver.h"
#include "test-context.h"
#include "test-nat.h"

#define SIZE  (1024 * 1024)
#define HALF  (SIZE / 2)
#define DELAY (10 * 1000)

/* What the loopback passes that the sides take the path for, and less. */
#define LOOPBACK 65535
#define ETHERNET 1472

/* Less than a window, of which nothing has to be told. */
#define SMALL     (96 * 1024)
#define BEGINNING 1000

/* What goes out of a full window before anybody waits. */
#define SETTLE (100 * 1000)

typedef struct
{
  TestWorld *world;
  TestContext *near;
  TestContext *far;
  Lp2pTransport *dialer;
  Lp2pTransport *server;
  Lp2pListener *listener;
  TestNat *nat;
  TestNatFaults faults; /* from the first packet on */
  SessionDriver *out;
  SessionDriver *in;
} Fixture;

static TestContext *
new_context (Fixture *self, const char *settings)
{
  TestContext *context = test_context_new (self->world);
  g_autofree char *config = g_strdup_printf ("[plugin quic-v1]\n%s", settings);
  g_autoptr (GError) error = NULL;

  lp2p_config_load_data (context->config, config, strlen (config), "test", &error);
  g_assert_no_error (error);
  return context;
}

static void
set_up (Fixture *self, gconstpointer data)
{
  self->world = test_world_new (TRUE);
  self->world->ticking = TRUE;
}

static guint16
listen_far (Fixture *self)
{
  g_autoptr (Lp2pMultiaddr) any = lp2p_multiaddr_new_from_string ("/ip4/127.0.0.1/udp/0/quic-v1", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) bound = NULL;

  self->listener = lp2p_transport_listen (self->server, any, &error);
  g_assert_no_error (error);
  bound = lp2p_multiaddr_get_socket_address (
      g_ptr_array_index (lp2p_listener_get_bound_addresses (self->listener), 0), &error);
  g_assert_no_error (error);
  return g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
}

static SessionDriver *
drive (Lp2pRawConnection *raw, TestContext *context)
{
  SessionDriver *driver = session_driver_new (lp2p_raw_connection_steal_session (raw), context->loop);

  lp2p_raw_connection_free (raw);
  driver->auto_accept = TRUE;
  driver->auto_read = TRUE;
  return driver;
}

/* With the settings of the module that each side has. */
static void
start (Fixture *self, const char *near_settings, const char *far_settings)
{
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  g_autoptr (Lp2pMultiaddr) address = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pRawConnection *raw;

  self->near = new_context (self, near_settings);
  self->far = new_context (self, far_settings);
  self->dialer = test_plugin_new (self->near, "quic-v1");
  self->server = test_plugin_new (self->far, "quic-v1");
  self->nat = test_nat_new (self->world, listen_far (self));
  self->nat->delay = DELAY;
  self->nat->faults = self->faults;
  text = g_strdup_printf ("/ip4/127.0.0.1/udp/%u/quic-v1", test_nat_get_port (self->nat));
  address = lp2p_multiaddr_new_from_string (text, NULL);

  lp2p_transport_dial_async (self->dialer, address, &options, NULL, test_take_result, &result);
  test_until (self->world, result != NULL);
  raw = lp2p_transport_dial_finish (self->dialer, result, &error);
  g_assert_no_error (error);
  self->out = drive (raw, self->near);
  test_until (self->world, self->far->inbound.length > 0);
  self->in = drive (test_context_take_inbound (self->far), self->far);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  session_driver_free (self->out);
  session_driver_free (self->in);
  g_clear_object (&self->listener);
  test_plugin_free (self->dialer);
  test_plugin_free (self->server);
  test_world_settle (self->world);
  test_nat_free (self->nat);
  g_assert_finalize_object (self->near);
  g_assert_finalize_object (self->far);
  test_world_free (self->world);
}

/* The client asks with some bytes, and the server answers with many. */
static DriverStream *
ask (Fixture *self)
{
  DriverStream *stream = session_driver_open (self->out);

  stream->read = TRUE;
  driver_stream_send (stream, 8, FALSE);
  test_until (self->world, self->in->streams->len > 0 && session_driver_get (self->in, 0)->n_received == 8);
  return stream;
}

static DriverStream *
start_download (Fixture *self, guint64 size)
{
  DriverStream *stream = ask (self);

  driver_stream_send (session_driver_get (self->in, 0), size, TRUE);
  return stream;
}

static DriverStream *
start_upload (Fixture *self)
{
  DriverStream *stream = session_driver_open (self->out);

  driver_stream_send (stream, SIZE, TRUE);
  test_until (self->world, self->in->streams->len > 0);
  return session_driver_get (self->in, 0);
}

/* The client waits, and so the server cannot know where it is now. It asks, and the answer
 * has to arrive where only so large packets do. */
static void
test_silent_rebinding (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  gint64 begin;
  guint asked, answered;

  start (self, "", "");
  self->nat->mtu = GPOINTER_TO_UINT (data);
  stream = ask (self);
  driver_stream_send (session_driver_get (self->in, 0), BEGINNING, FALSE);
  test_until (self->world, stream->n_received == BEGINNING);
  test_world_advance (self->world, SETTLE);

  /* All that is under way is lost, and what the client says of it. */
  answered = self->nat->n_to_client;
  driver_stream_send (session_driver_get (self->in, 0), SMALL - BEGINNING, TRUE);
  test_until (self->world, self->nat->n_to_client > answered);
  self->nat->blocked = TRUE;
  test_nat_drop (self->nat);
  test_world_advance (self->world, SETTLE);
  asked = self->nat->n_to_server;
  test_nat_rebind (self->nat);
  self->nat->blocked = FALSE;

  begin = self->world->now;
  test_until (self->world, stream->ended);
  g_assert_cmpuint (stream->n_received, ==, SMALL);
  g_assert_cmpuint (self->nat->n_to_server, >, asked);
  g_assert_cmpint (self->world->now - begin, <, 3 * G_USEC_PER_SEC);
}

/* The server has sent as much as it may, all of which was lost, when the client has another
 * port: it has to find out that, and where the client is, with the few bytes that it may
 * send there, whatever number they are, and though they get lost as well. */
static void
test_lost_question (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  guint said;

  start (self, "", "");
  stream = ask (self);
  for (guint i = 0; i < 10; i++)
    {
      driver_stream_send (stream, 1, FALSE);
      test_world_advance (self->world, SETTLE);
    }
  self->nat->blocked = TRUE;
  driver_stream_send (session_driver_get (self->in, 0), SIZE, TRUE);
  test_world_advance (self->world, SETTLE);

  test_nat_rebind (self->nat);
  self->nat->blocked = FALSE;
  said = self->nat->n_to_server;
  driver_stream_send (stream, GPOINTER_TO_UINT (data), FALSE);
  test_until (self->world, self->nat->n_to_server > said);
  self->nat->blocked = TRUE;
  test_world_advance (self->world, 3 * G_USEC_PER_SEC);
  self->nat->blocked = FALSE;

  test_world_advance (self->world, 6 * G_USEC_PER_SEC);
  g_assert_true (stream->ended);
  g_assert_cmpuint (stream->n_received, ==, SIZE);
}

static void
test_rebinding (Fixture *self, gconstpointer data)
{
  gboolean upload = GPOINTER_TO_INT (data);
  DriverStream *stream;
  gint64 begin;

  start (self, "", "");
  stream = upload ? start_upload (self) : start_download (self, SIZE);
  for (guint i = 1; i < 4; i++)
    {
      test_until (self->world, stream->n_received >= i * SIZE / 4);
      test_nat_rebind (self->nat);
    }
  begin = self->world->now;
  test_until (self->world, stream->ended);
  g_assert_cmpuint (stream->n_received, ==, SIZE);
  g_assert_cmpint (self->world->now - begin, <, 3 * G_USEC_PER_SEC);
}

/* All comes over, once and in order, whatever befalls the packets. */
static void
test_faults (Fixture *self, gconstpointer data)
{
  gboolean upload = GPOINTER_TO_INT (data);
  DriverStream *stream;

  self->faults = (TestNatFaults){ .loss = 0.03, .late = 0.05, .twice = 0.05, .damaged = 0.03 };
  start (self, "", "");
  /* Many of them, therefore small. */
  self->nat->mtu = ETHERNET;
  stream = upload ? start_upload (self) : start_download (self, SIZE);
  test_until (self->world, stream->ended);
  g_assert_cmpuint (stream->n_received, ==, SIZE);
  g_assert_cmpuint (self->nat->n_faults, >, 50);
}

static Lp2pDatagrams *
get_datagrams (SessionDriver *driver)
{
  return LP2P_DATAGRAMS (driver->session->klass->get_capability (driver->session, LP2P_TYPE_DATAGRAMS));
}

/* Fills the queue with the largest that there can be now. */
static void
queue_datagrams (Lp2pDatagrams *datagrams)
{
  gsize size = lp2p_datagrams_get_max_size (datagrams);
  g_autofree guint8 *zeros = g_malloc0 (size);
  g_autoptr (GBytes) datagram = g_bytes_new (zeros, size);

  g_assert_cmpuint (size, >, 1252);
  while (lp2p_datagrams_send (datagrams, datagram, NULL))
    ;
}

/* Packets are as large as loopback takes them, when the handshake is over on both sides. */
static void
test_large (Fixture *self, gconstpointer data)
{
  gboolean upload = GPOINTER_TO_INT (data);
  DriverStream *stream;
  guint before, n_packets;

  start (self, "", "");
  test_world_advance (self->world, SETTLE);
  before = upload ? self->nat->n_to_server : self->nat->n_to_client;
  stream = upload ? start_upload (self) : start_download (self, SIZE);
  test_until (self->world, stream->ended);
  g_assert_cmpuint (stream->n_received, ==, SIZE);
  n_packets = (upload ? self->nat->n_to_server : self->nat->n_to_client) - before;
  g_assert_cmpuint (n_packets, <, 4 * SIZE / 65000);
}

/* What passes in the end. */
typedef struct
{
  gboolean upload;
  gsize mtu;
} Shrinking;

static const Shrinking shrinkings[] = {
  { FALSE, ETHERNET },
  { TRUE, ETHERNET },
  { FALSE, 1252 },
  { TRUE, 1252 },
};

/* Small packets still pass, so nothing says that the connection is dead. Datagrams that
 * have become too large are in nobody's way. */
static void
test_shrinking (Fixture *self, gconstpointer data)
{
  const Shrinking *shrinking = &shrinkings[GPOINTER_TO_INT (data)];
  gboolean upload = shrinking->upload;
  DriverStream *stream;
  Lp2pDatagrams *sender;
  gint64 begin;

  start (self, "", "");
  stream = upload ? start_upload (self) : start_download (self, SIZE);
  test_until (self->world, stream->n_received >= HALF);
  self->nat->mtu = shrinking->mtu;
  sender = get_datagrams (upload ? self->out : self->in);
  queue_datagrams (sender);
  begin = self->world->now;
  test_until (self->world, stream->ended);
  g_assert_cmpuint (stream->n_received, ==, SIZE);
  g_assert_cmpint (self->world->now - begin, <, 5 * G_USEC_PER_SEC);
  g_assert_cmpuint (lp2p_datagrams_get_max_size (sender), >, 1000);
  g_assert_cmpuint (lp2p_datagrams_get_max_size (sender), <, 1200);
}

/* The error is ours, and in time. */
static void
test_dead (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  gint64 begin;

  start (self, "idle-timeout=5\n", "");
  stream = start_download (self, SIZE);
  test_until (self->world, stream->n_received >= HALF);
  self->nat->blocked = TRUE;
  begin = self->world->now;
  test_until (self->world, stream->failed);
  g_assert_error (session_driver_get_error (self->out, NULL), LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
  g_assert_cmpint (self->world->now - begin, >=, 5 * G_USEC_PER_SEC);
  g_assert_cmpint (self->world->now - begin, <, 8 * G_USEC_PER_SEC);

  /* The server, which sends, has no more patience than the client. */
  test_until (self->world, session_driver_get_state (self->in) == LP2P_SESSION_CLOSED);
  g_assert_error (session_driver_get_error (self->in, NULL), LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
}

static guint
count_of (Fixture *self)
{
  return self->nat->n_to_server + self->nat->n_to_client;
}

/* A connection that nobody uses stays, with a peer that has less patience too, and says
 * no more than it has to. */
static void
test_idle (Fixture *self, gconstpointer data)
{
  guint before;

  start (self, "", "idle-timeout=10\nkeep-alive=0\n");
  test_world_advance (self->world, G_USEC_PER_SEC);
  before = count_of (self);
  test_world_advance (self->world, 60 * G_USEC_PER_SEC);
  g_assert_cmpint (session_driver_get_state (self->out), ==, LP2P_SESSION_READY);
  g_assert_cmpint (session_driver_get_state (self->in), ==, LP2P_SESSION_READY);
  /* A question and an answer each five seconds. */
  g_assert_cmpuint (count_of (self) - before, >=, 2 * 10);
  g_assert_cmpuint (count_of (self) - before, <=, 2 * 15);
}

/* Somebody who has a stream and nothing to say is asked less and less. */
static void
test_pause (Fixture *self, gconstpointer data)
{
  DriverStream *stream;
  guint before;

  start (self, "", "");
  stream = session_driver_open (self->out);
  driver_stream_send (stream, 8, FALSE);
  test_until (self->world, self->in->streams->len > 0 && session_driver_get (self->in, 0)->n_received == 8);
  test_world_advance (self->world, SETTLE);
  before = count_of (self);
  test_world_advance (self->world, 60 * G_USEC_PER_SEC);
  g_assert_cmpint (session_driver_get_state (self->out), ==, LP2P_SESSION_READY);
  /* Of both sides: after 1, 2, 4, 8 seconds, then each 15. */
  g_assert_cmpuint (count_of (self) - before, >, 2 * 4);
  g_assert_cmpuint (count_of (self) - before, <=, 2 * 2 * 8);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, test, data) g_test_add ("/quic-path/" name, Fixture, GINT_TO_POINTER (data), set_up, test, tear_down)
  ADD ("silent-rebinding", test_silent_rebinding, LOOPBACK);
  ADD ("silent-rebinding-narrow", test_silent_rebinding, ETHERNET);
  for (guint size = 1; size <= 16; size++)
    {
      g_autofree char *name = g_strdup_printf ("/quic-path/lost-question-%u", size);

      g_test_add (name, Fixture, GUINT_TO_POINTER (size), set_up, test_lost_question, tear_down);
    }
  ADD ("rebinding-download", test_rebinding, FALSE);
  ADD ("rebinding-upload", test_rebinding, TRUE);
  ADD ("faults-download", test_faults, FALSE);
  ADD ("faults-upload", test_faults, TRUE);
  ADD ("large-download", test_large, FALSE);
  ADD ("large-upload", test_large, TRUE);
  ADD ("shrinking-download", test_shrinking, 0);
  ADD ("shrinking-upload", test_shrinking, 1);
  ADD ("shrinking-more-download", test_shrinking, 2);
  ADD ("shrinking-more-upload", test_shrinking, 3);
  ADD ("dead", test_dead, 0);
  ADD ("idle", test_idle, 0);
  ADD ("pause", test_pause, 0);
  return g_test_run ();
}
