/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bytes that travel before a peer is verified, and those that come just before the
 * end. */

#include "early-fixture.h"

#define SAFE (LP2P_STREAM_REPLAY_SAFE | LP2P_STREAM_NO_DIAL)
/* More than may be sent early. */
#define LARGE (100 * 1024)

/* Early data */

static void
test_early_accepted (EarlyFixture *with, gconstpointer data)
{
  FakeFixture *self = &with->parent;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pStream) other = NULL;

  self->b = early_new_server (with, "");
  fake_serve (self->b, LP2P_HANDLER_ALLOW_EARLY);
  early_become_acquainted (with);
  stream = fake_open_early (self);
  test_stream_write (self->world, stream, 10, 0);
  other = test_host_accept (self->b);
  test_stream_expect (self->world, other, 10, 0);
  test_stream_write (self->world, other, 20, 0);
  g_assert_cmpint (fake_get_state (stream), ==, LP2P_CONNECTION_EARLY);
  g_assert_cmpint (fake_get_state (other), ==, LP2P_CONNECTION_EARLY);
  g_assert_cmpuint (self->b->n_added, ==, 1);

  test_stream_expect (self->world, stream, 20, 0);
  g_assert_cmpint (fake_get_state (stream), ==, LP2P_CONNECTION_READY);
  test_until (self->world, fake_get_state (other) == LP2P_CONNECTION_READY);
  g_assert_cmpuint (self->a->n_added, ==, 2);
  fake_check_both_ways (self, stream, other);
  g_assert_cmpuint (self->b->streams.length, ==, 0);
}

/* Whoever wrote does not notice that it had to be sent twice. */
static void
test_early_rejected (EarlyFixture *with, gconstpointer data)
{
  FakeFixture *self = &with->parent;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pStream) other = NULL;

  self->b = early_new_server (with, "early-data=false");
  fake_serve (self->b, LP2P_HANDLER_ALLOW_EARLY);
  early_become_acquainted (with);
  stream = fake_open_early (self);
  test_stream_write (self->world, stream, 10, 0);
  test_stream_write (self->world, stream, 90, 10);
  test_world_settle (self->world);
  g_assert_cmpuint (self->b->streams.length, ==, 0);
  g_assert_cmpint (fake_get_state (stream), ==, LP2P_CONNECTION_EARLY);

  other = test_host_accept (self->b);
  test_stream_expect (self->world, other, 100, 0);
  g_assert_cmpint (fake_get_state (other), ==, LP2P_CONNECTION_READY);
  fake_check_both_ways (self, stream, other);
  test_stream_close_output (self->world, stream);
  test_stream_expect_end (self->world, other);
  g_assert_cmpuint (self->b->streams.length, ==, 0);
  g_assert_cmpuint (lp2p_connection_get_n_streams (lp2p_stream_get_connection (stream)), ==, 1);
}

/* Closed and dropped before anybody could know. */
static void
test_early_forgotten (EarlyFixture *with, gconstpointer data)
{
  FakeFixture *self = &with->parent;
  g_autoptr (Lp2pStream) other = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  Lp2pStream *stream;

  self->b = early_new_server (with, data);
  early_become_acquainted (with);
  stream = fake_open_early (self);
  connection = g_object_ref (lp2p_stream_get_connection (stream));
  test_stream_write (self->world, stream, 100, 0);
  test_stream_close (self->world, stream);
  g_object_unref (stream);
  g_assert_cmpint (lp2p_connection_get_state (connection), ==, LP2P_CONNECTION_EARLY);

  other = test_host_accept (self->b);
  test_stream_expect (self->world, other, 100, 0);
  test_stream_expect_end (self->world, other);
  test_world_advance (self->world, G_USEC_PER_SEC);
  g_assert_cmpuint (lp2p_connection_get_n_streams (connection), ==, 0);
}

/* What is kept has a bound: beyond it, the writer waits. */
static void
test_early_cap (EarlyFixture *with, gconstpointer data)
{
  FakeFixture *self = &with->parent;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pStream) second = NULL;
  g_autoptr (Lp2pStream) other = NULL;
  g_autoptr (Lp2pStream) other_second = NULL;
  GAsyncResult *result = NULL;
  GAsyncResult *second_result = NULL;

  self->b = early_new_server (with, data);
  early_become_acquainted (with);
  stream = fake_open_early (self);
  test_stream_send (stream, LARGE, 0, &result);
  test_world_settle (self->world);
  second = fake_open (self->a, self->b, SAFE, NULL);
  test_stream_send (second, 10, 0, &second_result);
  test_world_settle (self->world);
  g_assert_null (result);
  g_assert_null (second_result);
  g_assert_cmpint (fake_get_state (stream), ==, LP2P_CONNECTION_EARLY);
  /* What the first flight takes of it, and what a protocol puts around it. */
  g_assert_cmpuint (lp2p_connection_get_bytes_written (lp2p_stream_get_connection (stream)), >, 10 * 1024);
  g_assert_cmpuint (lp2p_connection_get_bytes_written (lp2p_stream_get_connection (stream)), <, 19 * 1024);

  other = test_host_accept (self->b);
  test_stream_expect (self->world, other, LARGE, 0);
  test_stream_sent (self->world, stream, &result);
  test_stream_sent (self->world, second, &second_result);
  other_second = test_host_accept (self->b);
  test_stream_expect (self->world, other_second, 10, 0);
  fake_check_both_ways (self, stream, other);
  fake_check_both_ways (self, second, other_second);
}

/* Several streams, one of which was reset meanwhile. */
static void
test_early_several (EarlyFixture *with, gconstpointer data)
{
  FakeFixture *self = &with->parent;
  Lp2pStream *streams[3];
  guint total = 0;

  self->b = early_new_server (with, data);
  early_become_acquainted (with);
  streams[0] = fake_open_early (self);
  streams[1] = fake_open (self->a, self->b, SAFE, NULL);
  streams[2] = fake_open (self->a, self->b, SAFE, NULL);
  for (guint i = 0; i < 3; i++)
    test_stream_write (self->world, streams[i], 10 + i, 0);
  lp2p_stream_reset (streams[1], 7);
  g_assert_cmpint (fake_get_state (streams[0]), ==, LP2P_CONNECTION_EARLY);

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (Lp2pStream) other = test_host_accept (self->b);
      guint8 bytes[100];

      total += test_stream_read (self->world, other, bytes, sizeof bytes, NULL);
    }
  g_assert_cmpuint (total, ==, 10 + 12);
  for (guint i = 0; i < 3; i++)
    g_object_unref (streams[i]);
}

/* Somebody else has the address by now: nothing is sent again. */
static void
test_early_wrong_peer (EarlyFixture *with, gconstpointer data)
{
  FakeFixture *self = &with->parent;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GError) error = NULL;
  GAsyncResult *waiting = NULL;

  self->b = early_new_server (with, "");
  early_become_acquainted (with);
  self->c = early_replace_server (with);
  fake_serve (self->c, LP2P_HANDLER_ALLOW_EARLY);

  stream = fake_open_early (self);
  connection = g_object_ref (lp2p_stream_get_connection (stream));
  test_stream_write (self->world, stream, 10, 0);
  fake_start_open (self->a, self->b, LP2P_STREAM_NONE, &waiting);
  error = test_stream_expect_failure (self->world, stream);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
  g_assert_error (lp2p_connection_get_error (connection), LP2P_ERROR, LP2P_ERROR_WRONG_PEER);
  g_clear_error (&error);

  /* Who waited for the connection dials, but not the address that has just failed. */
  g_assert_null (fake_finish_open (self->a, &waiting, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_WRONG_PEER);
  test_world_advance (self->world, G_USEC_PER_SEC);
  g_assert_cmpuint (self->c->streams.length, ==, 0);
  g_assert_cmpuint (fake_count_connections (self->a) + fake_count_connections (self->c), ==, 0);
}

/* Bytes that must not be replayed wait for the peer to be verified. */
static void
test_early_not_safe (EarlyFixture *with, gconstpointer data)
{
  FakeFixture *self = &with->parent;
  static const char *const protocols[] = { TEST_PROTOCOL, NULL };
  g_autoptr (Lp2pStream) early = NULL;
  g_autoptr (Lp2pStream) late = NULL;
  g_autoptr (Lp2pStream) direct = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) cancelled = NULL;
  GAsyncResult *on_connection = NULL;
  GAsyncResult *result = NULL;
  Lp2pConnection *connection;

  self->b = early_new_server (with, data);
  early_become_acquainted (with);
  early = fake_open_early (self);
  connection = lp2p_stream_get_connection (early);
  fake_start_open (self->a, self->b, LP2P_STREAM_NO_DIAL, &result);
  lp2p_connection_open_stream_async (connection, protocols, LP2P_STREAM_NONE, NULL, test_take_result, &on_connection);
  lp2p_host_open_stream_async (self->a->host, lp2p_host_get_peer_id (self->b->host), protocols, LP2P_STREAM_NONE,
                               cancellable, test_take_result, &cancelled);
  test_world_settle (self->world);
  g_assert_null (result);
  g_assert_null (on_connection);
  g_cancellable_cancel (cancellable);
  test_wait (self->world, cancelled);
  g_assert_null (lp2p_host_open_stream_finish (self->a->host, cancelled, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_cmpint (fake_get_state (early), ==, LP2P_CONNECTION_EARLY);

  late = fake_finish_open (self->a, &result, &error);
  g_assert_no_error (error);
  g_assert_cmpint (fake_get_state (late), ==, LP2P_CONNECTION_READY);
  g_assert_true (lp2p_stream_get_connection (late) == connection);
  test_wait (self->world, on_connection);
  direct = lp2p_connection_open_stream_finish (connection, on_connection, &error);
  g_assert_no_error (error);
  g_clear_object (&on_connection);
  g_assert_cmpuint (self->a->n_added, ==, 2);
}

/* A handler that did not ask for them sees no bytes that may have been replayed. */
static void
test_early_handler (EarlyFixture *with, gconstpointer data)
{
  FakeFixture *self = &with->parent;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pStream) other = NULL;

  self->b = early_new_server (with, "");
  early_become_acquainted (with);
  stream = fake_open_early (self);
  test_stream_write (self->world, stream, 10, 0);
  test_world_settle (self->world);
  g_assert_cmpuint (self->b->streams.length, ==, 0);
  other = test_host_accept (self->b);
  g_assert_cmpint (fake_get_state (other), ==, LP2P_CONNECTION_READY);
  test_stream_expect (self->world, other, 10, 0);
  fake_check_both_ways (self, stream, other);
}

/* Who replays somebody's packets never finishes the handshake. The end may come with
 * the bytes, or later. */
static void
test_early_replayed (EarlyFixture *with, gconstpointer data)
{
  FakeFixture *self = &with->parent;
  g_autoptr (Lp2pStream) stream = NULL;

  self->b = early_new_server (with, "");
  early_become_acquainted (with);
  stream = fake_open_early (self);
  g_assert_cmpint (g_pollable_output_stream_write_nonblocking (
                       G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (G_IO_STREAM (stream))), "0123456789",
                       10, NULL, NULL),
                   ==, 10);
  if (data != NULL)
    test_world_settle (self->world);
  lp2p_connection_abort (lp2p_stream_get_connection (stream), 0);
  test_world_advance (self->world, G_USEC_PER_SEC);
  g_assert_cmpuint (self->b->streams.length, ==, 0);
  g_assert_cmpuint (self->b->n_added, ==, 1);
}

static void
test_early_timeout (EarlyFixture *with, gconstpointer data)
{
  FakeFixture *self = &with->parent;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  self->b = early_new_server (with, "");
  early_become_acquainted (with);
  early_silence (with);
  stream = fake_open_early (self);
  connection = g_object_ref (lp2p_stream_get_connection (stream));
  test_stream_write (self->world, stream, 10, 0);
  error = test_stream_expect_failure (self->world, stream);
  g_assert_error (lp2p_connection_get_error (connection), G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  test_world_advance (self->world, 60 * G_USEC_PER_SEC);
  g_assert_cmpuint (self->b->streams.length, ==, 0);
}

/* The host goes while everything waits. */
static void
test_early_close (EarlyFixture *with, gconstpointer data)
{
  FakeFixture *self = &with->parent;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;

  self->b = early_new_server (with, "");
  early_become_acquainted (with);
  stream = fake_open_early (self);
  test_stream_write (self->world, stream, 10, 0);
  fake_start_open (self->a, self->b, LP2P_STREAM_NONE, &result);
  test_host_close (self->a);
  g_assert_null (fake_finish_open (self->a, &result, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  error = test_stream_expect_failure (self->world, stream);
}

/* A handler drops its host, with streams that wait behind it. */
static void
drop_host (Lp2pStream *stream, gpointer user_data)
{
  TestHost *host = user_data;

  g_clear_object (&host->host);
}

static void
test_early_drop (EarlyFixture *with, gconstpointer data)
{
  FakeFixture *self = &with->parent;
  g_autoptr (Lp2pStream) first = NULL;
  g_autoptr (Lp2pStream) second = NULL;
  g_autoptr (GError) error = NULL;
  GAsyncResult *results[2] = { NULL };

  self->b = early_new_server (with, "");
  early_become_acquainted (with);
  lp2p_host_set_stream_handler (self->b->host, TEST_PROTOCOL,
                                data != NULL ? LP2P_HANDLER_ALLOW_EARLY : LP2P_HANDLER_NONE, drop_host, self->b, NULL);
  g_signal_handlers_disconnect_by_data (self->b->host, self->b);
  /* Their proposals leave by themselves. */
  fake_start_open (self->a, self->b, LP2P_STREAM_REPLAY_SAFE, &results[0]);
  fake_start_open (self->a, self->b, LP2P_STREAM_REPLAY_SAFE, &results[1]);
  first = fake_finish_open (self->a, &results[0], NULL);
  second = fake_finish_open (self->a, &results[1], NULL);
  test_until (self->world, self->b->host == NULL);
  error = test_stream_expect_failure (self->world, first);
  g_clear_error (&error);
  error = test_stream_expect_failure (self->world, second);
}

/* What came before the end */

/* Opens, sends and closes before the other side has looked once. */
static void
send_and_close (TestHost *host, Lp2pConnection *connection)
{
  g_autoptr (Lp2pStream) stream = test_host_open (host, connection);
  g_autoptr (GAsyncResult) closed = NULL;
  g_autoptr (GAsyncResult) ended = NULL;
  GAsyncResult *sent = NULL;

  test_stream_send (stream, 1000, 0, &sent);
  test_world_settle (host->world);
  test_stream_sent (host->world, stream, &sent);
  g_output_stream_close_async (g_io_stream_get_output_stream (G_IO_STREAM (stream)), G_PRIORITY_DEFAULT, NULL,
                               test_take_result, &ended);
  test_world_settle (host->world);
  g_assert_true (g_output_stream_close_finish (g_io_stream_get_output_stream (G_IO_STREAM (stream)), ended, NULL));
  lp2p_connection_close_async (connection, NULL, test_take_result, &closed);
  test_world_settle (host->world);
  test_world_jump (host->world, G_USEC_PER_SEC);
  test_wait (host->world, closed);
}

static void
test_end_native (EarlyFixture *with, gconstpointer data)
{
  FakeFixture *self = &with->parent;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pStream) other = NULL;

  self->b = early_new_server (with, "");
  connection = test_host_connect (self->a, self->b);
  {
    g_autoptr (Lp2pStream) stream = test_host_open (self->a, connection);
    gssize n = g_pollable_output_stream_write_nonblocking (
        G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (G_IO_STREAM (stream))), "0123456789", 10, NULL, NULL);

    g_assert_cmpint (n, ==, 10);
    g_assert_true (g_io_stream_close (G_IO_STREAM (stream), NULL, NULL));
    lp2p_connection_close_async (connection, NULL, NULL, NULL);
  }
  other = test_host_accept (self->b);
  {
    guint8 bytes[20];

    g_assert_cmpint (test_stream_read (self->world, other, bytes, sizeof bytes, NULL), ==, 10);
    g_assert_cmpmem (bytes, 10, "0123456789", 10);
  }
  test_stream_expect_end (self->world, other);
  test_until (self->world, self->b->n_removed == 1);
}

static void
test_end_muxed (EarlyFixture *with, gconstpointer data)
{
  FakeFixture *self = &with->parent;
  static const char config[] = "[host]\ntransports=['memory']\nsecurity=['noise']\nmuxers=['yamux']\nservices=[]\n"
                               "listen=['/memory/0']\n[plugin memory]\ndelay-ms=50\n";
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pStream) other = NULL;

  self->b = test_host_new (self->world, config);
  self->c = test_host_new (self->world, config);
  connection = test_host_connect (self->c, self->b);
  test_world_advance (self->world, G_USEC_PER_SEC);
  send_and_close (self->c, connection);
  other = test_host_accept (self->b);
  test_stream_expect (self->world, other, 1000, 0);
  test_stream_expect_end (self->world, other);
  g_clear_object (&other);
  test_until (self->world, self->b->n_removed == 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  EARLY_ADD ("/accepted", NULL, test_early_accepted);
  EARLY_ADD ("/rejected", NULL, test_early_rejected);
  EARLY_ADD ("/forgotten-accepted", "early-data=true", test_early_forgotten);
  EARLY_ADD ("/forgotten-rejected", "early-data=false", test_early_forgotten);
  EARLY_ADD ("/cap-accepted", "early-data=true", test_early_cap);
  EARLY_ADD ("/cap-rejected", "early-data=false", test_early_cap);
  EARLY_ADD ("/several-rejected", "early-data=false", test_early_several);
  EARLY_ADD ("/wrong-peer", NULL, test_early_wrong_peer);
  EARLY_ADD ("/not-safe-accepted", "early-data=true", test_early_not_safe);
  EARLY_ADD ("/not-safe-rejected", "early-data=false", test_early_not_safe);
  EARLY_ADD ("/handler", NULL, test_early_handler);
  EARLY_ADD ("/replayed-at-once", NULL, test_early_replayed);
  EARLY_ADD ("/replayed", "later", test_early_replayed);
  EARLY_ADD ("/timeout", NULL, test_early_timeout);
  EARLY_ADD ("/close", NULL, test_early_close);
  EARLY_ADD ("/drop-early", "early", test_early_drop);
  EARLY_ADD ("/drop-held", NULL, test_early_drop);
  EARLY_ADD ("/end-native", NULL, test_end_native);
  EARLY_ADD ("/end-muxed", NULL, test_end_muxed);
  return g_test_run ();
}
