/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A connection over a session that does as the test says. */

#include "interfaces/lp2p-connection-private.h"
#include "interfaces/lp2p-stream-private.h"

#include <lp2p/interfaces/lp2p-queued-session.h>

#include "test-world.h"

#define PROTOCOL   "/test/1"
/* What data/docs/limits.md says. */
#define WASTED_MAX 1000

#define TIMEOUT_US (15 * G_USEC_PER_SEC)

/* @refuses: no stream can be opened now */
typedef struct
{
  Lp2pQueuedSession parent;
  gboolean refuses;
  gint64 next_id;
} Session;

typedef struct
{
  TestWorld *world;
  Session *session;
  Lp2pConnection *connection;
  guint n_ended;
} Fixture;

/* The session */

static int
session_open (Lp2pMuxerSession *session, Lp2pMuxerStream **stream)
{
  Session *self = (Session *) session;
  Lp2pQueuedStream *opened;

  if (self->refuses)
    return LP2P_IO_AGAIN;
  opened = g_new0 (Lp2pQueuedStream, 1);
  lp2p_queued_stream_init (opened, &self->parent, self->next_id++, FALSE);
  *stream = &opened->parent;
  return 0;
}

static gssize
stream_writev (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, const GOutputVector *vectors, guint n_vectors)
{
  return lp2p_output_vectors_get_size (vectors, n_vectors);
}

static void
session_pump_output (Lp2pMuxerSession *session)
{
  Lp2pQueuedSession *self = (Lp2pQueuedSession *) session;
  Lp2pQueuedStream *stream;

  self->pump_wanted = FALSE;
  while ((stream = g_queue_peek_head (&self->control)) != NULL)
    lp2p_queued_stream_sent (stream, self);
}

static void
session_close (Lp2pMuxerSession *session, guint32 code, const char *reason)
{
  lp2p_queued_session_finish ((Lp2pQueuedSession *) session);
}

static void
session_abort (Lp2pMuxerSession *session, guint32 code)
{
  lp2p_queued_session_finish ((Lp2pQueuedSession *) session);
}

static void
session_get_info (Lp2pMuxerSession *session, Lp2pLayerInfo *info)
{
  info->rtt = -1;
}

static void
session_free (Lp2pMuxerSession *session)
{
  lp2p_queued_session_clear ((Lp2pQueuedSession *) session);
  g_free (session);
}

static Lp2pQueuedSessionClass session_class = {
  .parent.name = "scripted",
  .parent.open = session_open,
  .parent.stream_writev = stream_writev,
  .parent.pump_output = session_pump_output,
  .parent.close = session_close,
  .parent.abort = session_abort,
  .parent.get_info = session_get_info,
  .parent.free = session_free,
};

/* The owner */

static gboolean
match_protocol (Lp2pConnection *connection, const char *protocol, gpointer user_data)
{
  return g_str_equal (protocol, PROTOCOL);
}

static gboolean
begin_stream (Lp2pConnection *connection, gpointer user_data)
{
  return TRUE;
}

static void
end_stream (Lp2pConnection *connection, gpointer user_data)
{
  ((Fixture *) user_data)->n_ended++;
}

static void
incoming_stream (Lp2pConnection *connection, Lp2pStream *stream, gpointer user_data)
{
}

static void
on_event (Lp2pConnection *connection, gpointer user_data)
{
}

static const Lp2pConnectionOwner owner = {
  .match_protocol = match_protocol,
  .begin_stream = begin_stream,
  .end_stream = end_stream,
  .incoming_stream = incoming_stream,
  .ready = on_event,
  .closed = on_event,
};

/* Both */

static void
set_up (Fixture *self, gconstpointer data)
{
  const Lp2pConnectionLimits limits = { .max_streams = 10, .negotiation_timeout = TIMEOUT_US };
  Lp2pRawConnection *raw;

  *self = (Fixture){ .world = test_world_new (FALSE) };
  self->session = g_new0 (Session, 1);
  lp2p_queued_session_class_init (&session_class);
  lp2p_queued_session_init (&self->session->parent, &session_class, self->world->loop,
                            &(Lp2pMuxerBudget){ .max = G_MAXSIZE });
  raw = lp2p_raw_connection_new_session (&self->session->parent.parent, "test", LP2P_ROLE_INITIATOR);
  raw->remote_address = lp2p_multiaddr_new_from_string ("/memory/1", NULL);
  raw->remote_peer = lp2p_peer_id_new_from_string ("12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA", NULL);
  self->connection = lp2p_connection_new (raw, &limits, &owner, self);
  lp2p_raw_connection_free (raw);
  lp2p_connection_begin (self->connection);
  test_world_settle (self->world);
  g_assert_cmpint (lp2p_connection_get_state (self->connection), ==, LP2P_CONNECTION_READY);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  lp2p_connection_disown (self->connection);
  g_object_unref (self->connection);
  test_world_free (self->world);
}

static void
take_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static void
start_open (Fixture *self, GAsyncResult **result)
{
  const char *const protocols[] = { PROTOCOL, NULL };

  lp2p_connection_open_stream_async (self->connection, protocols, LP2P_STREAM_NONE, NULL, take_result, result);
  test_world_settle (self->world);
}

static Lp2pStream *
finish_open (Fixture *self, GAsyncResult *result, GError **error)
{
  return lp2p_connection_open_stream_finish (self->connection, result, error);
}

static gboolean
accept_any (const char *protocol, gpointer user_data)
{
  return TRUE;
}

/* Who waits for a stream is told when the connection takes no new ones, even if it goes
 * on for the streams that it has, and so is who asks then. */
static void
test_closing (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) open = NULL;

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;

      start_open (self, &result);
      if (i == 0)
        {
          open = finish_open (self, result, &error);
          g_assert_no_error (error);
          self->session->refuses = TRUE;
          continue;
        }
      if (i == 1)
        {
          g_assert_null (result);
          lp2p_queued_session_peer_goes (&self->session->parent);
          test_world_settle (self->world);
        }
      g_assert_nonnull (result);
      g_assert_null (finish_open (self, result, &error));
      g_assert_error (error, LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
      g_assert_cmpint (lp2p_connection_get_state (self->connection), ==, LP2P_CONNECTION_CLOSING);
    }
  g_assert_cmpuint (lp2p_connection_get_n_streams (self->connection), ==, 1);
}

/* A peer that never answers a proposal does not hold the stream for ever. */
static void
test_no_answer (Fixture *self, gconstpointer data)
{
  g_autoptr (GAsyncResult) opened = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (GAsyncResult) dropped = NULL;

  start_open (self, &dropped);
  start_open (self, &opened);
  stream = finish_open (self, opened, &error);
  g_assert_no_error (error);
  lp2p_stream_negotiate_async (stream, G_PRIORITY_DEFAULT, NULL, take_result, &result);

  /* Whoever drops a stream meanwhile ends it. */
  g_assert_cmpuint (lp2p_connection_get_n_streams (self->connection), ==, 2);
  g_object_unref (finish_open (self, dropped, &error));
  g_assert_cmpuint (lp2p_connection_get_n_streams (self->connection), ==, 1);

  test_world_advance (self->world, TIMEOUT_US - 1000);
  g_assert_null (result);
  test_world_advance (self->world, 2000);
  g_assert_nonnull (result);
  g_assert_false (lp2p_stream_negotiate_finish (stream, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpuint (lp2p_connection_get_n_streams (self->connection), ==, 0);
}

/* What is agreed on takes as long as it takes. */
static void
test_answer (Fixture *self, gconstpointer data)
{
  g_autoptr (GByteArray) answer = g_byte_array_new ();
  g_autoptr (Lp2pMultistream) peer = lp2p_multistream_new_listener (accept_any, NULL);
  const char *const protocols[] = { PROTOCOL, NULL };
  g_autoptr (Lp2pMultistream) dialer = lp2p_multistream_new_dialer (protocols);
  g_autoptr (GByteArray) proposal = g_byte_array_new ();
  g_autoptr (GAsyncResult) opened = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  Lp2pQueuedStream *handle;
  gsize consumed;

  start_open (self, &opened);
  stream = finish_open (self, opened, &error);
  g_assert_no_error (error);
  handle = lp2p_queued_session_lookup (&self->session->parent, 0);
  lp2p_multistream_take_output (dialer, proposal);
  lp2p_multistream_input (peer, proposal->data, proposal->len, &consumed, NULL);
  lp2p_multistream_take_output (peer, answer);
  lp2p_queued_stream_deliver (handle, &self->session->parent, answer->data, answer->len);
  test_world_advance (self->world, 2 * TIMEOUT_US);
  g_assert_cmpuint (lp2p_connection_get_n_streams (self->connection), ==, 1);
}

/* Streams that end before a protocol is agreed on are worth as little where it is us who
 * end them: the peer said that they are over, or something that is no proposal. */
static void
test_useless (Fixture *self, gconstpointer data)
{
  Lp2pQueuedSession *session = &self->session->parent;

  for (guint i = 0; i <= WASTED_MAX; i++)
    {
      Lp2pQueuedStream *stream = g_new0 (Lp2pQueuedStream, 1);

      g_assert_cmpint (lp2p_connection_get_state (self->connection), ==, LP2P_CONNECTION_READY);
      lp2p_queued_stream_init (stream, session, 1000 + i, TRUE);
      if (i % 2 == 0)
        lp2p_queued_stream_ended (stream, session);
      else
        lp2p_queued_stream_deliver (stream, session, (const guint8 *) "\0", 1);
      test_world_settle (self->world);
      g_assert_cmpuint (self->n_ended, ==, i + 1);
    }
  g_assert_cmpint (lp2p_connection_get_state (self->connection), ==, LP2P_CONNECTION_CLOSED);
  g_assert_error (lp2p_connection_get_error (self->connection), LP2P_ERROR, LP2P_ERROR_LIMIT);
}

#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  ADD ("/connection/closing", test_closing);
  ADD ("/connection/no-answer", test_no_answer);
  ADD ("/connection/answer", test_answer);
  ADD ("/connection/useless", test_useless);
  return g_test_run ();
}
