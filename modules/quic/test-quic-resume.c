/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sessions that are resumed, and what becomes of what was sent early. */

#include "quic-resume-fixture.h"

static void
test_accepted (Fixture *self, gconstpointer data)
{
  become_acquainted (self);
  start_early (self);
  g_assert_false (has_entry (self, "ticket libp2p"));
  receive_message (self, &self->server);
  g_assert_cmpint (get_state (&self->server), ==, LP2P_SESSION_EARLY);
  check_peers (self);
  g_assert_cmpint (self->server.context->n_half_open, ==, 1);

  test_until (self->world, is_ready (&self->server));
  g_assert_cmpint (self->server.context->n_half_open, ==, 0);
  g_assert_true (is_ready (&self->client));
  g_assert_true (is_resumed (&self->client));
  g_assert_cmpuint (self->client.n_rejected, ==, 0);
  check_peers (self);
  /* The next time again, though no certificate was shown this time. */
  test_until (self->world, has_entry (self, "ticket libp2p"));
  hang_up (self);
  check_taken_early (self);
  check_peers (self);
}

/* All that leaves first is lost. */
static void
test_lost (Fixture *self, gconstpointer data)
{
  become_acquainted (self);
  test_wire_set_deaf (self->wire, TRUE);
  start_early (self);
  test_world_settle (self->world);
  test_wire_set_deaf (self->wire, FALSE);
  receive_message (self, &self->server);
  check_peers (self);
  test_until (self->world, is_ready (&self->client) && is_ready (&self->server));
  g_assert_cmpuint (self->client.n_rejected, ==, 0);
}

/* Whoever has to prove its address first sends the same once more. */
static void
test_retried (Fixture *self, gconstpointer data)
{
  become_acquainted (self);
  self->server.context->validate_from = 0;
  start_early (self);
  receive_message (self, &self->server);
  check_peers (self);
  test_until (self->world, is_ready (&self->client) && is_ready (&self->server));
  g_assert_cmpuint (self->client.n_rejected, ==, 0);
  g_assert_true (is_resumed (&self->client));
}

/* Sent and closed before anything was answered. */
static Lp2pMuxerSession *
send_and_close (Fixture *self)
{
  Lp2pMuxerStream *stream = start_early (self);
  Lp2pMuxerSession *session = self->client.session;

  session->klass->stream_shutdown_write (session, stream);
  session->klass->close (session, 0, "");
  return session;
}

static void
test_closed (Fixture *self, gconstpointer data)
{
  Lp2pMuxerSession *session;

  become_acquainted (self);
  session = send_and_close (self);
  g_assert_cmpint (get_state (&self->client), ==, LP2P_SESSION_CLOSING);
  receive_message (self, &self->server);
  test_until (self->world, self->client.n_closed == 1 && self->server.n_closed == 1);
  g_assert_cmpuint (self->client.n_ready, ==, 0);
  g_assert_null (session->klass->get_error (session, NULL));
}

/* What is sent early by somebody who closes at once is not lost without a word. */

static void
take_no_early_data (Fixture *self)
{
  g_autoptr (Lp2pIdentity) identity = g_object_ref (self->server.context->identity);

  restart_server (self, identity);
}

static void
be_another_peer (Fixture *self)
{
  restart_server (self, NULL);
}

static void
refuse_all (Fixture *self)
{
  self->server.context->refuse = TRUE;
}

static void
fall_silent (Fixture *self)
{
  test_wire_set_deaf (self->wire, TRUE);
}

/* As soon as it has somebody, who is not verified yet. */
static void
hang_up_at_once (Fixture *self)
{
  test_until (self->world, self->server.session != NULL);
  side_hang_up (&self->server);
}

/* How the server treats it, and the error that this is. */
typedef struct
{
  void (*treat) (Fixture *self);
  int code; /* of Lp2pError, or -1 for one of GIO */
} Refusal;

static const Refusal no_early_data = { take_no_early_data, LP2P_ERROR_CONNECTION_LOST };
static const Refusal another_peer = { be_another_peer, LP2P_ERROR_WRONG_PEER };
static const Refusal refused = { refuse_all, -1 };
static const Refusal silent = { fall_silent, LP2P_ERROR_CONNECTION_LOST };
static const Refusal hung_up = { hang_up_at_once, LP2P_ERROR_CONNECTION_LOST };

static void
test_closed_lost (Fixture *self, gconstpointer data)
{
  const Refusal *refusal = data;
  Lp2pMuxerSession *session;

  become_acquainted (self);
  session = send_and_close (self);
  refusal->treat (self);
  for (guint i = 0; i < 100 && self->client.n_closed == 0; i++)
    test_world_advance (self->world, 100 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpuint (self->client.n_closed, ==, 1);
  if (refusal->code >= 0)
    g_assert_error (session->klass->get_error (session, NULL), LP2P_ERROR, refusal->code);
  else
    g_assert_error (session->klass->get_error (session, NULL), G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  test_world_advance (self->world, G_USEC_PER_SEC);
  if (self->server.session != NULL)
    g_assert_null (self->server.session->klass->accept (self->server.session));
}

/* A server that has sent all that it may to an address which nobody has shown to be theirs. */
static void
test_closed_unanswered (Fixture *self, gconstpointer data)
{
  static const guint8 answer[20000];
  GOutputVector vector = { answer, sizeof answer };
  Lp2pMuxerSession *session;
  Lp2pMuxerStream *stream;

  become_acquainted (self);
  start_early (self);
  stream = receive_message (self, &self->server);
  test_wire_set_deaf (self->wire, TRUE);
  session = self->server.session;
  g_assert_cmpint (get_state (&self->server), ==, LP2P_SESSION_EARLY);
  g_assert_cmpint (session->klass->stream_writev (session, stream, &vector, 1), ==, sizeof answer);
  session->klass->close (session, 0, "");
  test_world_advance (self->world, 8 * G_USEC_PER_SEC);
  g_assert_cmpuint (self->server.n_closed, ==, 1);
}

static int
take_none (void *data, time_t expires, const gnutls_datum_t *key, const gnutls_datum_t *value)
{
  return GNUTLS_E_DB_ENTRY_EXISTS;
}

/* Somebody who resumes, but does not take early data. */
static void
test_resumed_refused (Fixture *self, gconstpointer data)
{
  Lp2pMuxerStream *stream;

  become_acquainted (self);
  gnutls_anti_replay_set_add_function (lp2p_quic_replay_get (self->server.engine->replay), take_none);
  stream = start_early (self);
  check_refused (self, stream);
  g_assert_true (is_resumed (&self->client));
}

/* The same peer, with other keys for its tickets. */
static void
test_restarted (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pIdentity) identity = g_object_ref (self->server.context->identity);
  Lp2pMuxerStream *stream;

  become_acquainted (self);
  restart_server (self, identity);
  stream = start_early (self);
  check_refused (self, stream);
  g_assert_false (is_resumed (&self->client));
}

/* Less than before is allowed. */
static void
test_shrunk (Fixture *self, gconstpointer data)
{
  Lp2pMuxerStream *stream;

  become_acquainted (self);
  self->server.libp2p.options.max_streams--;
  stream = start_early (self);
  check_refused (self, stream);
  g_assert_false (is_resumed (&self->client));
}

#define ADD(name, data, function) g_test_add ("/quic-resume/" name, Fixture, data, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("accepted", NULL, test_accepted);
  ADD ("lost", NULL, test_lost);
  ADD ("retried", NULL, test_retried);
  ADD ("closed", NULL, test_closed);
  ADD ("closed-without-early-data", &no_early_data, test_closed_lost);
  ADD ("closed-other-peer", &another_peer, test_closed_lost);
  ADD ("closed-refused", &refused, test_closed_lost);
  ADD ("closed-silent", &silent, test_closed_lost);
  ADD ("closed-at-once", &hung_up, test_closed_lost);
  ADD ("closed-unanswered", NULL, test_closed_unanswered);
  ADD ("resumed-refused", NULL, test_resumed_refused);
  ADD ("restarted", NULL, test_restarted);
  ADD ("shrunk", NULL, test_shrunk);

  return g_test_run ();
}
