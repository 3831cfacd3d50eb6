/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A muxer that is proposed ahead, with peers that settle none in the handshake and
 * take it, or refuse it. The application never sees more than one connection. */

#include <string.h>

#include <lp2p/net/lp2p-multistream-layer.h>

#include "old-listener.h"

#define HEADER "\x13/multistream/1.0.0\n"
#define PROPOSAL HEADER "\x0d/yamux/1.0.0\n"
/* More than is kept. */
#define LARGE (100 * 1024)
#define CAP (16 * 1024)

/* How a peer refuses. */
typedef struct
{
  const char *answer;
  enum
  {
    STAYS,
    CLOSES,
    RESETS,
  } then;
  /* Nothing that was sent can have been understood. */
  gboolean certain;
} Refusal;

static const Refusal refusals[] = {
  { HEADER "\x03na\n", STAYS, TRUE },   /* as the specification has it */
  { HEADER "\x03na\n", CLOSES, TRUE },  /* as others do, which take what follows for a message */
  { HEADER "\x03na\n\x03na\n", CLOSES, TRUE },
  { "\x05none\n", STAYS, TRUE },
  { HEADER, CLOSES, FALSE },
  { HEADER "\x03na\n", RESETS, FALSE }, /* which takes the answer away here */
  { "", CLOSES, FALSE },
  { "", RESETS, FALSE },
};

/* Reads what A sent, and refuses it. Returns how much that was. */
static gsize
refuse (DialFixture *fixture, Lp2pLayer *layer, const Refusal *refusal)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint8 buffer[4000];
  gssize n;

  test_world_advance (fixture->world, 100000);
  while ((n = lp2p_layer_read (layer, buffer, sizeof buffer)) > 0)
    g_byte_array_append (bytes, buffer, n);
  g_assert_cmpuint (bytes->len, >=, strlen (PROPOSAL));
  g_assert_cmpmem (bytes->data, strlen (PROPOSAL), PROPOSAL, strlen (PROPOSAL));

  if (refusal->answer[0] != '\0')
    {
      lp2p_layer_write (layer, refusal->answer, strlen (refusal->answer), LP2P_WRITE_NONE);
      lp2p_layer_flush (layer);
    }
  if (refusal->then == CLOSES)
    lp2p_layer_shutdown_write (layer);
  else if (refusal->then == RESETS)
    lp2p_layer_abort (layer, 0);
  return bytes->len;
}

/* The data of these tests is not configuration. */
static void
set_up_plain (DialFixture *self, gconstpointer data)
{
  dial_set_up (self, NULL);
}

static void
count_notify (Lp2pConnection *connection, GParamSpec *pspec, guint *count)
{
  ++*count;
}

/* A has a connection whose muxer is not settled, and B a layer. */
static Lp2pConnection *
connect_old (DialFixture *self, Old *old, Lp2pLayer **layer)
{
  g_autoptr (GError) error = NULL;
  Lp2pConnection *connection;
  GAsyncResult *result = NULL;

  dial_start (self, LIST (ONE), NULL, NULL, &result);
  *layer = old_accept (old, self);
  connection = dial_finish (self, &result, &error);
  g_assert_no_error (error);
  g_assert_cmpint (lp2p_connection_get_state (connection), ==, LP2P_CONNECTION_READY);
  g_assert_null (lp2p_connection_get_muxer (connection));
  return connection;
}

static void
start_open (Lp2pConnection *connection, Lp2pStreamFlags flags, GCancellable *cancellable, GAsyncResult **result)
{
  static const char *const protocols[] = { TEST_PROTOCOL, NULL };

  lp2p_connection_open_stream_async (connection, protocols, flags, cancellable, test_take_result, result);
}

static Lp2pStream *
open_stream (DialFixture *self, Lp2pConnection *connection, Lp2pStreamFlags flags)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pStream *stream;

  start_open (connection, flags, NULL, &result);
  test_wait (self->world, result);
  stream = lp2p_connection_open_stream_finish (connection, result, &error);
  g_assert_no_error (error);
  return stream;
}

static void
check_both_ways (DialFixture *self, Lp2pStream *one, Lp2pStream *other)
{
  test_stream_write (self->world, other, 500, 0);
  test_stream_expect (self->world, one, 500, 0);
  test_stream_write (self->world, one, 1000, 100);
  test_stream_expect (self->world, other, 1000, 100);
  test_stream_close_output (self->world, one);
  test_stream_expect_end (self->world, other);
}

/* How often A dialed since the last time. */
static guint
count_dials (DialFixture *self)
{
  g_auto (GStrv) dials = g_strsplit (self->network->log->str, " ", -1);

  g_string_truncate (self->network->log, 0);
  return g_strv_length (dials);
}

/* Whoever wrote does not notice that it had to be sent twice. */
static void
test_refused (DialFixture *self, gconstpointer data)
{
  if (!old_has_mplex ())
    return;
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++)
    {
      g_autoptr (Lp2pStream) safe = NULL;
      g_autoptr (Lp2pStream) unsafe = NULL;
      g_autoptr (Lp2pStream) at_safe = NULL;
      g_autoptr (Lp2pStream) at_unsafe = NULL;
      g_autoptr (Lp2pStream) late = NULL;
      g_autoptr (Lp2pStream) at_late = NULL;
      Lp2pConnection *connection;
      Lp2pLayer *first, *second;
      guint64 written;
      guint notified = 0;
      Old old;

      old_init (&old, self);
      connection = connect_old (self, &old, &first);
      g_signal_connect (connection, "notify::muxer", G_CALLBACK (count_notify), &notified);
      safe = open_stream (self, connection, LP2P_STREAM_REPLAY_SAFE);
      test_stream_write (self->world, safe, 10, 0);
      test_stream_write (self->world, safe, 90, 10);
      unsafe = open_stream (self, connection, LP2P_STREAM_NONE);
      test_stream_write (self->world, unsafe, 100, 0);
      refuse (self, first, &refusals[i]);
      written = lp2p_connection_get_bytes_written (connection);

      second = old_accept (&old, self);
      g_assert_cmpint (lp2p_connection_get_state (connection), ==, LP2P_CONNECTION_READY);
      g_assert_null (lp2p_connection_get_muxer (connection));
      g_assert_cmpuint (dial_count (self->a), ==, 1);
      old_serve (&old, self, second, "mplex");
      at_safe = test_host_accept (self->b);
      test_stream_expect (self->world, at_safe, 100, 0);
      check_both_ways (self, safe, at_safe);
      if (refusals[i].certain)
        {
          at_unsafe = test_host_accept (self->b);
          test_stream_expect (self->world, at_unsafe, 100, 0);
          check_both_ways (self, unsafe, at_unsafe);
        }
      else
        {
          g_autoptr (GError) error = test_stream_expect_failure (self->world, unsafe);

          g_assert_error (error, LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
          g_assert_nonnull (strstr (error->message, "not safe to repeat"));
        }
      late = open_stream (self, connection, LP2P_STREAM_NONE);
      test_stream_write (self->world, late, LARGE, 0);
      at_late = test_host_accept (self->b);
      test_stream_expect (self->world, at_late, LARGE, 0);
      g_assert_cmpuint (self->b->streams.length, ==, 0);

      g_assert_cmpstr (lp2p_connection_get_muxer (connection), ==, "mplex");
      g_assert_cmpuint (notified, ==, 1);
      g_assert_cmpuint (lp2p_connection_get_bytes_written (connection), >, written);
      g_assert_cmpuint (self->a->n_added, ==, i + 1);
      g_assert_cmpuint (self->a->n_removed, ==, i);
      lp2p_layer_free (first);
      g_assert_cmpuint (count_dials (self), ==, 2);
      dial_assert_clean (self, 1);

      /* The next dial proposes what it took. */
      g_signal_handlers_disconnect_by_data (connection, &notified);
      dial_drop (self, connection);
      old_clear (&old);
      lp2p_context_set_peer_data (self->a->context, dial_peer (self->b), "host", "dial", NULL, 0, 0);
    }
}

/* What peers of this library agree on in the handshake, others do behind it, without a
 * round trip more. */
static void
test_agreed (DialFixture *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pStream) other = NULL;
  g_autoptr (GBytes) hint = NULL;
  GAsyncResult *sent = NULL;
  Lp2pConnection *connection;
  Lp2pLayer *layer;
  guint notified = 0;
  Old old;

  old_init (&old, self);
  connection = connect_old (self, &old, &layer);
  g_signal_connect (connection, "notify::muxer", G_CALLBACK (count_notify), &notified);
  stream = open_stream (self, connection, LP2P_STREAM_NONE);
  test_stream_send (stream, LARGE, 0, &sent);
  test_world_advance (self->world, 100000);
  g_assert_cmpuint (notified, ==, 0);
  old_serve (&old, self, layer, "yamux");
  other = test_host_accept (self->b);
  test_stream_expect (self->world, other, LARGE, 0);
  test_stream_sent (self->world, stream, &sent);
  check_both_ways (self, stream, other);
  g_assert_cmpstr (lp2p_connection_get_muxer (connection), ==, "yamux");
  g_assert_cmpuint (notified, ==, 1);
  g_assert_cmpuint (count_dials (self), ==, 1);
  hint = lp2p_context_get_peer_data (self->a->context, dial_peer (self->b), "host", "dial");
  g_assert_nonnull (hint);
  dial_assert_clean (self, 1);

  /* What is agreed on is not refused any more. */
  g_signal_handlers_disconnect_by_data (connection, &notified);
  dial_drop (self, connection);
  g_assert_cmpuint (count_dials (self), ==, 0);
  old_clear (&old);
}

/* Nobody writes anything. */
static void
test_idle (DialFixture *self, gconstpointer data)
{
  Lp2pConnection *connection;
  Lp2pLayer *first, *second;
  Old old;

  if (!old_has_mplex ())
    return;
  old_init (&old, self);
  connection = connect_old (self, &old, &first);
  g_assert_cmpuint (refuse (self, first, &refusals[0]), ==, strlen (PROPOSAL));
  second = old_accept (&old, self);
  old_serve (&old, self, second, "mplex");
  test_until (self->world, lp2p_connection_get_muxer (connection) != NULL);
  g_assert_cmpstr (lp2p_connection_get_muxer (connection), ==, "mplex");
  lp2p_layer_free (first);
  dial_assert_clean (self, 1);
  dial_drop (self, connection);
  old_clear (&old);
}

/* No more than that is sent before the peer has agreed, nor kept. */
static void
test_cap (DialFixture *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pStream) other = NULL;
  GAsyncResult *sent = NULL;
  Lp2pConnection *connection;
  Lp2pLayer *first, *second;
  gsize early;
  Old old;

  if (!old_has_mplex ())
    return;
  old_init (&old, self);
  connection = connect_old (self, &old, &first);
  stream = open_stream (self, connection, LP2P_STREAM_NONE);
  test_stream_send (stream, LARGE, 0, &sent);
  early = refuse (self, first, &refusals[0]);
  g_assert_cmpuint (early, >=, CAP);
  g_assert_cmpuint (early, <, CAP + 200);
  g_assert_null (sent);
  second = old_accept (&old, self);
  old_serve (&old, self, second, "mplex");
  other = test_host_accept (self->b);
  test_stream_expect (self->world, other, LARGE, 0);
  test_stream_sent (self->world, stream, &sent);
  check_both_ways (self, stream, other);
  lp2p_layer_free (first);
  dial_drop (self, connection);
  old_clear (&old);
}

/* What was opened meanwhile may come before what is sent again, of which the first byte
 * is read. */
static void
accept_three (DialFixture *self, Lp2pStream **early, Lp2pStream **late)
{
  test_until (self->world, self->b->streams.length == 3);
  test_world_settle (self->world);
  for (guint i = 0, n = 0; i < 3; i++)
    {
      Lp2pStream *stream = test_host_accept (self->b);
      GInputStream *input = g_io_stream_get_input_stream (G_IO_STREAM (stream));
      guint8 byte;

      if (g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (input), &byte, 1, NULL, NULL) == 1)
        early[n++] = stream;
      else
        *late = stream;
    }
  g_assert_nonnull (*late);
}

/* What an application does with its streams meanwhile. */
static void
test_streams (DialFixture *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) reset = NULL;
  g_autoptr (Lp2pStream) closed = NULL;
  Lp2pStream *at_early[3];
  g_autoptr (Lp2pStream) late = NULL;
  g_autoptr (Lp2pStream) at_late = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) cancelled = NULL;
  g_autoptr (GAsyncResult) opened = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pConnection *connection;
  Lp2pLayer *first, *second;
  Lp2pStream *dropped;
  Old old;

  if (!old_has_mplex ())
    return;
  old_init (&old, self);
  connection = connect_old (self, &old, &first);
  dropped = open_stream (self, connection, LP2P_STREAM_NONE);
  test_stream_write (self->world, dropped, 30, 0);
  test_stream_close_output (self->world, dropped);
  g_object_unref (dropped);
  reset = open_stream (self, connection, LP2P_STREAM_NONE);
  test_stream_write (self->world, reset, 20, 0);
  closed = open_stream (self, connection, LP2P_STREAM_NONE);
  test_stream_write (self->world, closed, 40, 0);
  refuse (self, first, &refusals[0]);
  test_until (self->world, old.stranger.context->inbound.length > 0);

  lp2p_stream_reset (reset, LP2P_CODE_NONE);
  test_stream_close_output (self->world, closed);
  start_open (connection, LP2P_STREAM_NONE, cancellable, &cancelled);
  start_open (connection, LP2P_STREAM_NONE, NULL, &opened);
  test_world_settle (self->world);
  g_cancellable_cancel (cancellable);
  test_wait (self->world, cancelled);
  g_assert_null (lp2p_connection_open_stream_finish (connection, cancelled, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_null (opened);

  second = old_accept (&old, self);
  old_serve (&old, self, second, "mplex");
  accept_three (self, at_early, &at_late);
  for (guint i = 0; i < 2; i++)
    {
      test_stream_expect (self->world, at_early[i], i == 0 ? 29 : 39, 1);
      test_stream_expect_end (self->world, at_early[i]);
      g_object_unref (at_early[i]);
    }
  test_wait (self->world, opened);
  late = lp2p_connection_open_stream_finish (connection, opened, &error);
  g_assert_nonnull (late);
  test_stream_write (self->world, late, 100, 0);
  test_stream_expect (self->world, at_late, 100, 0);
  check_both_ways (self, late, at_late);
  g_assert_cmpuint (self->b->streams.length, ==, 0);
  lp2p_layer_free (first);
  dial_drop (self, connection);
  old_clear (&old);
}

/* The application is told of both. */
static void
test_redial_fails (DialFixture *self, gconstpointer data)
{
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (GAsyncResult) opened = NULL;
  g_autoptr (GError) read_error = NULL;
  g_autoptr (GError) open_error = NULL;
  const GError *error;
  const char *second;
  Lp2pLayer *first;
  Old old;

  old_init (&old, self);
  connection = connect_old (self, &old, &first);
  stream = open_stream (self, connection, LP2P_STREAM_NONE);
  test_stream_write (self->world, stream, 10, 0);
  scripted_transport_route (self->network, "one", ONE, 500, data != NULL ? old.stranger.address : NULL);
  refuse (self, first, &refusals[0]);
  test_world_settle (self->world);
  start_open (connection, LP2P_STREAM_NONE, NULL, &opened);
  if (data != NULL)
    {
      /* Somebody else has the address by now. */
      gpointer noise = test_plugin_new (old.stranger.context, "noise");

      g_assert_null (old_accept_as (&old, self, noise));
      test_plugin_free (noise);
      second = "expected peer ";
    }
  else
    second = "refused";
  test_until (self->world, lp2p_connection_get_state (connection) == LP2P_CONNECTION_CLOSED);
  error = lp2p_connection_get_error (connection);
  g_assert_nonnull (strstr (error->message, "yamux was proposed ahead: "));
  g_assert_nonnull (strstr (error->message, "/yamux/1.0.0"));
  g_assert_nonnull (strstr (strstr (error->message, "; dialing again: "), second));
  g_assert_null (lp2p_connection_get_muxer (connection));
  read_error = test_stream_expect_failure (self->world, stream);
  g_assert_nonnull (strstr (read_error->message, error->message));
  test_wait (self->world, opened);
  g_assert_null (lp2p_connection_open_stream_finish (connection, opened, &open_error));
  g_assert_error (open_error, LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
  g_assert_cmpuint (self->a->n_removed, ==, 1);
  g_assert_cmpuint (count_dials (self), ==, 2);
  lp2p_layer_free (first);
  dial_assert_clean (self, 0);
  old_clear (&old);
}

/* A peer that says nothing to the proposal is waited for as long as for a handshake. */
static void
test_silent (DialFixture *self, gconstpointer data)
{
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pLayer *layer;
  Old old;

  old_init (&old, self);
  connection = connect_old (self, &old, &layer);
  stream = open_stream (self, connection, LP2P_STREAM_NONE);
  test_world_jump (self->world, 100 * G_USEC_PER_SEC);
  test_until (self->world, lp2p_connection_get_state (connection) == LP2P_CONNECTION_CLOSED);
  g_assert_error (lp2p_connection_get_error (connection), G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  error = test_stream_expect_failure (self->world, stream);
  g_assert_cmpuint (count_dials (self), ==, 1);
  lp2p_layer_free (layer);
  dial_assert_clean (self, 0);
  old_clear (&old);
}

/* Ends in the middle. */

enum
{
  UNANSWERED,
  REFUSED,
  DIALING,
  IN_HANDSHAKE,
  ASKING,
  RESUMED,
  N_MOMENTS,
};

/* Comes to a moment of a refusal. Puts layers of the listener into @layers. */
static void
come_to (DialFixture *self, Old *old, guint moment, Lp2pLayer **layers)
{
  if (moment == UNANSWERED)
    return;
  if (moment == DIALING)
    scripted_transport_route (self->network, "one", ONE, -1, NULL);
  refuse (self, layers[0], &refusals[moment % 2 == 0 ? 0 : 1]);
  if (moment == REFUSED)
    return;
  test_world_advance (self->world, 1000);
  if (moment == IN_HANDSHAKE)
    layers[1] = stranger_accept (&old->stranger, self);
  else if (moment == ASKING)
    layers[1] = old_accept (old, self);
  else if (moment == RESUMED)
    old_serve (old, self, old_accept (old, self), "mplex");
}

static void
end_connection (DialFixture *self, Lp2pConnection *connection, const char *how)
{
  g_autoptr (GAsyncResult) result = NULL;

  if (g_str_equal (how, "abort"))
    lp2p_connection_abort (connection, LP2P_CODE_NONE);
  else if (g_str_equal (how, "close"))
    {
      lp2p_connection_close_async (connection, NULL, test_take_result, &result);
      test_world_jump (self->world, 20 * G_USEC_PER_SEC);
      test_wait (self->world, result);
      g_assert_true (lp2p_connection_close_finish (connection, result, NULL));
    }
  else if (g_str_equal (how, "close-host"))
    test_host_close (self->a);
  else
    g_clear_pointer (&self->a, test_host_free);
  test_until (self->world, lp2p_connection_get_state (connection) == LP2P_CONNECTION_CLOSED ||
                               (self->a == NULL && lp2p_connection_get_state (connection) >= LP2P_CONNECTION_CLOSING));
}

static void
test_end (DialFixture *self, gconstpointer how)
{
  if (!old_has_mplex ())
    return;
  for (guint moment = 0; moment < N_MOMENTS; moment++)
    {
      g_autoptr (Lp2pConnection) connection = NULL;
      g_autoptr (Lp2pStream) stream = NULL;
      g_autoptr (GError) error = NULL;
      Lp2pLayer *layers[2] = { NULL };
      Lp2pStream *dropped;
      Old old;

      old_init (&old, self);
      connection = connect_old (self, &old, layers);
      stream = open_stream (self, connection, LP2P_STREAM_REPLAY_SAFE);
      test_stream_write (self->world, stream, 10, 0);
      dropped = open_stream (self, connection, LP2P_STREAM_REPLAY_SAFE);
      test_stream_write (self->world, dropped, 10, 0);
      g_object_unref (dropped);
      come_to (self, &old, moment, layers);
      end_connection (self, connection, how);
      error = test_stream_expect_failure (self->world, stream);
      g_assert_nonnull (error);
      for (guint i = 0; i < G_N_ELEMENTS (layers); i++)
        g_clear_pointer (&layers[i], lp2p_layer_free);
      test_host_forget_streams (self->b);
      if (self->a != NULL && !g_str_has_suffix (how, "host"))
        test_until (self->world, dial_count (self->a) == 0 && dial_count (self->b) == 0);
      old_clear (&old);
      if (g_str_has_suffix (how, "host"))
        {
          g_clear_object (&stream);
          g_clear_object (&connection);
          g_clear_pointer (&self->a, test_host_free);
          self->a = dial_new_host (self, "");
          self->network = scripted_transport_new (self->a, FALSE);
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  dial_add_test ("/dial-muxer/agreed", NULL, test_agreed);
  dial_add_test ("/dial-muxer/refused", NULL, test_refused);
  dial_add_test ("/dial-muxer/idle", NULL, test_idle);
  dial_add_test ("/dial-muxer/cap", NULL, test_cap);
  dial_add_test ("/dial-muxer/streams", NULL, test_streams);
  dial_add_test ("/dial-muxer/redial-refused", NULL, test_redial_fails);
  g_test_add ("/dial-muxer/redial-wrong-peer", DialFixture, "else", set_up_plain, test_redial_fails, dial_tear_down);
  dial_add_test ("/dial-muxer/silent", NULL, test_silent);
  g_test_add ("/dial-muxer/end-abort", DialFixture, "abort", set_up_plain, test_end, dial_tear_down);
  g_test_add ("/dial-muxer/end-close", DialFixture, "close", set_up_plain, test_end, dial_tear_down);
  g_test_add ("/dial-muxer/end-close-host", DialFixture, "close-host", set_up_plain, test_end, dial_tear_down);
  g_test_add ("/dial-muxer/end-drop-host", DialFixture, "drop-host", set_up_plain, test_end, dial_tear_down);
  return g_test_run ();
}
