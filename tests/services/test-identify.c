/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host-pair.h"

#define IDENTIFY "/ipfs/id/1.0.0"
#define PUSH     "/ipfs/id/push/1.0.0"

static const char *const services[] = { "identify", NULL };

static Lp2pPeerId *
peer_of (HostPair *pair, guint side)
{
  return lp2p_host_get_peer_id (pair->hosts[side]);
}

/* Whether one host knows that the other serves a protocol. */
static gboolean
knows_protocol (HostPair *pair, guint side, const char *protocol)
{
  g_auto (GStrv) known = lp2p_host_dup_peer_protocols (pair->hosts[side], peer_of (pair, 1 - side));

  return known != NULL && g_strv_contains ((const char *const *) known, protocol);
}

static void
count_update (Lp2pHost *host, Lp2pPeerId *peer, gpointer user_data)
{
  guint *n = user_data;

  (*n)++;
}

static void
no_stream (Lp2pStream *stream, gpointer user_data)
{
}

static void
serve (Lp2pHost *host, const char *protocol)
{
  lp2p_host_set_stream_handler (host, protocol, LP2P_HANDLER_NONE, no_stream, NULL, NULL);
}

static void
assert_identified (HostPair *pair, guint side)
{
  g_autofree char *agent = lp2p_host_dup_peer_agent (pair->hosts[side], peer_of (pair, 1 - side));
  g_autoptr (GPtrArray) known =
      lp2p_host_dup_peer_addresses (pair->hosts[side], peer_of (pair, 1 - side));
  g_autoptr (GPtrArray) listening = lp2p_host_dup_listen_addresses (pair->hosts[1 - side]);
  g_autoptr (Lp2pMultiaddr) full = NULL;

  g_assert_true (knows_protocol (pair, side, IDENTIFY));
  g_assert_true (knows_protocol (pair, side, PUSH));
  g_assert_cmpstr (agent, ==, "lp2p/" LP2P_VERSION_S);
  g_assert_cmpuint (known->len, ==, 1);
  full = lp2p_multiaddr_with_peer_id (g_ptr_array_index (known, 0), peer_of (pair, 1 - side));
  g_assert_cmpstr (lp2p_multiaddr_get_string (full), ==,
                   lp2p_multiaddr_get_string (g_ptr_array_index (listening, 0)));
}

static void
test_both_ways (void)
{
  g_autoptr (HostPair) pair = host_pair_new (services);
  g_autoptr (Lp2pConnection) connection = host_pair_connect (pair);
  g_autoptr (GPtrArray) observed = NULL;

  for (guint side = 0; side < 2; side++)
    {
      host_pair_until (pair, knows_protocol (pair, side, IDENTIFY));
      assert_identified (pair, side);
    }
  /* What the dialer is seen as is its end of the connection. */
  observed = lp2p_host_dup_observed_addresses (pair->hosts[0]);
  g_assert_cmpuint (observed->len, ==, 1);
  g_assert_cmpstr (lp2p_multiaddr_get_string (g_ptr_array_index (observed, 0)), ==,
                   lp2p_multiaddr_get_string (lp2p_connection_get_local_address (connection)));
}

static void
wait_identified (HostPair *pair)
{
  host_pair_until (pair, knows_protocol (pair, 0, IDENTIFY) && knows_protocol (pair, 1, IDENTIFY));
}

/* New handlers reach the other side by themselves, several in one push, and so
 * do those that go. */
static void
test_push (void)
{
  g_autoptr (HostPair) pair = host_pair_new (services);
  g_autoptr (Lp2pConnection) connection = host_pair_connect (pair);
  guint n = 0;

  wait_identified (pair);
  g_signal_connect (pair->hosts[0], "peer-updated", G_CALLBACK (count_update), &n);
  serve (pair->hosts[1], "/test/1");
  serve (pair->hosts[1], "/test/2");
  host_pair_until (pair, knows_protocol (pair, 0, "/test/1"));
  g_assert_true (knows_protocol (pair, 0, "/test/2"));
  g_assert_cmpuint (n, ==, 1);
  assert_identified (pair, 0);
  g_assert_false (knows_protocol (pair, 1, "/test/1"));

  lp2p_host_remove_stream_handler (pair->hosts[1], "/test/1");
  host_pair_until (pair, !knows_protocol (pair, 0, "/test/1"));
  g_assert_true (knows_protocol (pair, 0, "/test/2"));
  g_assert_cmpuint (n, ==, 2);
}

/* What was told when they met need not be pushed. */
static void
test_no_needless_push (void)
{
  g_autoptr (HostPair) pair = host_pair_new (services);
  g_autoptr (Lp2pConnection) connection = NULL;
  guint n = 0;

  serve (pair->hosts[1], "/test/1");
  host_pair_wait (pair, 50 * G_TIME_SPAN_MILLISECOND);
  connection = host_pair_connect (pair);
  wait_identified (pair);
  g_assert_true (knows_protocol (pair, 0, "/test/1"));
  g_signal_connect (pair->hosts[0], "peer-updated", G_CALLBACK (count_update), &n);
  host_pair_wait (pair, 800 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpuint (n, ==, 0);
}

/* A stream on which this test speaks for the peer. */
static Lp2pStream *
open_stream (HostPair *pair, Lp2pConnection *connection, const char *protocol)
{
  const char *const protocols[] = { protocol, NULL };
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pStream *stream;

  lp2p_connection_open_stream_async (connection, protocols, LP2P_STREAM_NONE, NULL,
                                     host_pair_take_result, &result);
  host_pair_until (pair, result != NULL);
  stream = lp2p_connection_open_stream_finish (connection, result, &error);
  g_assert_no_error (error);
  return stream;
}

static void
write_all (HostPair *pair, Lp2pStream *stream, const char *data, gsize size)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (stream));

  g_output_stream_write_all_async (output, data, size, G_PRIORITY_DEFAULT, NULL,
                                   host_pair_take_result, &result);
  host_pair_until (pair, result != NULL);
  g_output_stream_write_all_finish (output, result, NULL, &error);
  g_assert_no_error (error);
}

/* 0 for a clean end, -1 for an error. */
static gssize
read_some (HostPair *pair, Lp2pStream *stream, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;
  GInputStream *input = g_io_stream_get_input_stream (G_IO_STREAM (stream));
  guint8 buffer[8192];

  g_input_stream_read_async (input, buffer, sizeof buffer, G_PRIORITY_DEFAULT, NULL,
                             host_pair_take_result, &result);
  host_pair_until (pair, result != NULL);
  return g_input_stream_read_finish (input, result, error);
}

static gsize
read_all (HostPair *pair, Lp2pStream *stream)
{
  gsize total = 0;
  gssize n;

  while ((n = read_some (pair, stream, NULL)) > 0)
    total += n;
  g_assert_cmpint (n, ==, 0);
  return total;
}

static void
send_push (HostPair *pair, Lp2pConnection *connection, const char *data, gsize size)
{
  g_autoptr (Lp2pStream) stream = open_stream (pair, connection, PUSH);

  write_all (pair, stream, data, size);
  g_output_stream_close (g_io_stream_get_output_stream (G_IO_STREAM (stream)), NULL, NULL);
  g_assert_cmpint (read_some (pair, stream, NULL), ==, 0);
}

static char *
agent_of_dialer (HostPair *pair)
{
  return lp2p_host_dup_peer_agent (pair->hosts[1], peer_of (pair, 0));
}

/* What a push does not say stays; what it says of another key counts nothing. */
static void
test_partial (void)
{
  static const char agent[] = "\x05\x32\x03new";
  static const char foreign[] = "\x06\x0a\x01x\x32\x01y";
  g_autoptr (HostPair) pair = host_pair_new (services);
  g_autoptr (Lp2pConnection) connection = host_pair_connect (pair);
  g_autofree char *name = NULL;
  g_autoptr (GPtrArray) addresses = NULL;

  wait_identified (pair);
  send_push (pair, connection, agent, sizeof agent - 1);
  send_push (pair, connection, foreign, sizeof foreign - 1);
  host_pair_wait (pair, 20 * G_TIME_SPAN_MILLISECOND);
  name = agent_of_dialer (pair);
  g_assert_cmpstr (name, ==, "new");
  g_assert_true (knows_protocol (pair, 1, IDENTIFY));
  addresses = lp2p_host_dup_peer_addresses (pair->hosts[1], peer_of (pair, 0));
  g_assert_cmpuint (addresses->len, ==, 1);
}

/* One push at a time; what is no message is told so. The connection lives on. */
static void
test_misuse (void)
{
  g_autoptr (HostPair) pair = host_pair_new (services);
  g_autoptr (Lp2pConnection) connection = host_pair_connect (pair);
  g_autoptr (Lp2pStream) first = NULL;
  g_autoptr (Lp2pStream) second = NULL;
  g_autoptr (Lp2pStream) asked = NULL;
  g_autoptr (GError) error = NULL;

  wait_identified (pair);
  first = open_stream (pair, connection, PUSH);
  write_all (pair, first, "\x05", 1);
  host_pair_wait (pair, 50 * G_TIME_SPAN_MILLISECOND);
  second = open_stream (pair, connection, PUSH);
  g_assert_cmpint (read_some (pair, second, &error), ==, -1);
  g_assert_nonnull (error);
  g_clear_error (&error);

  write_all (pair, first, "\x0a\x7f\x00\x00\x00", 5);
  g_assert_cmpint (read_some (pair, first, &error), ==, -1);
  g_assert_nonnull (error);
  g_assert_cmpuint (lp2p_stream_get_remote_code (first), ==, LP2P_CODE_STREAM_PROTOCOL_VIOLATION);

  asked = open_stream (pair, connection, IDENTIFY);
  g_assert_cmpuint (read_all (pair, asked), >, 0);
}

/* Who pushes without end is not listened to; the connection lives on. On the clock of
 * a test, the peer is heard again when the time is over. */
static void
test_push_limit (void)
{
  static const char agent[] = "\x05\x32\x03new";
  g_autoptr (TestWorld) world = test_world_new (TRUE);
  g_autoptr (HostPair) pair = host_pair_new_in (world, services);
  g_autoptr (Lp2pConnection) connection = host_pair_connect (pair);
  g_autoptr (Lp2pStream) asked = NULL;

  wait_identified (pair);
  for (guint round = 0; round < 2; round++)
    {
      g_autoptr (Lp2pStream) refused = NULL;
      g_autoptr (GError) error = NULL;

      for (guint i = 0; i < 8; i++)
        send_push (pair, connection, agent, sizeof agent - 1);
      refused = open_stream (pair, connection, PUSH);
      g_assert_cmpint (read_some (pair, refused, &error), ==, -1);
      g_assert_nonnull (error);
      g_assert_cmpuint (lp2p_stream_get_remote_code (refused), ==, LP2P_CODE_STREAM_RESOURCE_LIMIT);
      test_world_jump (world, 40 * G_USEC_PER_SEC);
    }
  asked = open_stream (pair, connection, IDENTIFY);
  g_assert_cmpuint (read_all (pair, asked), >, 0);
}

/* A push that the peer did not take is not one that it got: it comes again. */
static void
test_push_again (void)
{
  static const char agent[] = "\x05\x32\x03new";
  g_autoptr (TestWorld) world = test_world_new (TRUE);
  g_autoptr (HostPair) pair = host_pair_new_in (world, services);
  g_autoptr (Lp2pConnection) connection = host_pair_connect (pair);
  g_autoptr (Lp2pStream) first = NULL;

  /* A push that is under way keeps the next one out. */
  wait_identified (pair);
  first = open_stream (pair, connection, PUSH);
  write_all (pair, first, agent, 1);
  serve (pair->hosts[0], "/test/1");
  host_pair_wait (pair, 50 * G_TIME_SPAN_MILLISECOND);
  test_world_jump (world, G_USEC_PER_SEC);
  host_pair_wait (pair, 50 * G_TIME_SPAN_MILLISECOND);
  g_assert_false (knows_protocol (pair, 1, "/test/1"));

  write_all (pair, first, agent + 1, sizeof agent - 2);
  g_output_stream_close (g_io_stream_get_output_stream (G_IO_STREAM (first)), NULL, NULL);
  g_assert_cmpint (read_some (pair, first, NULL), ==, 0);
  test_world_jump (world, 10 * G_USEC_PER_SEC);
  host_pair_until (pair, knows_protocol (pair, 1, "/test/1"));
}

/* More protocols than fit into what peers read: some are told, nothing breaks. */
static void
test_too_much (void)
{
  g_autoptr (HostPair) pair = host_pair_new (services);
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pStream) asked = NULL;
  g_autoptr (GPtrArray) addresses = NULL;
  gsize total;

  for (guint i = 0; i < 300; i++)
    {
      g_autofree char *name = g_strdup_printf ("/test/with-a-long-name/%u", i);

      serve (pair->hosts[1], name);
    }
  connection = host_pair_connect (pair);
  wait_identified (pair);
  addresses = lp2p_host_dup_peer_addresses (pair->hosts[0], peer_of (pair, 1));
  g_assert_cmpuint (addresses->len, ==, 1);
  asked = open_stream (pair, connection, IDENTIFY);
  total = read_all (pair, asked);
  g_assert_cmpuint (total, <=, 4096);
  g_assert_cmpuint (total, >, 3000);
}

/* A host that closes in the middle of it all leaves nothing behind. */
static void
test_close_early (void)
{
  for (guint rounds = 0; rounds < 6; rounds++)
    {
      g_autoptr (HostPair) pair = host_pair_new (services);
      g_autoptr (Lp2pConnection) connection = host_pair_connect (pair);

      for (guint i = 0; i < rounds; i++)
        g_main_context_iteration (pair->context, FALSE);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/identify/both-ways", test_both_ways);
  g_test_add_func ("/identify/push", test_push);
  g_test_add_func ("/identify/push-limit", test_push_limit);
  g_test_add_func ("/identify/push-again", test_push_again);
  g_test_add_func ("/identify/no-needless-push", test_no_needless_push);
  g_test_add_func ("/identify/partial", test_partial);
  g_test_add_func ("/identify/misuse", test_misuse);
  g_test_add_func ("/identify/too-much", test_too_much);
  g_test_add_func ("/identify/close-early", test_close_early);
  return g_test_run ();
}
