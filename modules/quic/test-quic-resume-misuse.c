/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What must not come of sessions that are resumed. */

#include <dlfcn.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "quic-resume-fixture.h"

/* A client that does not know what QUIC does to TLS, and what servers know of it. */
static unsigned hidden_flags;
static unsigned server_flags;

int
gnutls_init (gnutls_session_t *session, unsigned flags)
{
  static int (*original) (gnutls_session_t *session, unsigned flags);

  if (original == NULL)
    original = (int (*) (gnutls_session_t *, unsigned)) dlsym (RTLD_NEXT, "gnutls_init");
  if ((flags & GNUTLS_SERVER) != 0)
    server_flags = flags;
  return original (session, (flags & GNUTLS_CLIENT) != 0 ? flags & ~hidden_flags : flags);
}

/* By how much GnuTLS and GLib are ahead of the clock. */
static gint64 seconds_ahead;

int
clock_gettime (clockid_t clock, struct timespec *now)
{
  int code = syscall (SYS_clock_gettime, clock, now);

  if (clock == CLOCK_REALTIME)
    now->tv_sec += seconds_ahead;
  return code;
}

static time_t
get_time (time_t *now)
{
  return g_get_real_time () / G_USEC_PER_SEC;
}

/* Somebody else is there. */
static void
test_other_peer (Fixture *self, gconstpointer data)
{
  const GError *error;

  become_acquainted (self);
  start_early (self);
  restart_server (self, NULL);
  test_until (self->world, self->client.n_closed == 1);
  error = self->client.session->klass->get_error (self->client.session, NULL);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_WRONG_PEER);
  g_assert_cmpuint (self->client.n_ready, ==, 0);
  test_world_advance (self->world, G_USEC_PER_SEC);
  /* It may have taken us for ready, but nothing was sent to it. */
  if (self->server.session != NULL)
    g_assert_null (self->server.session->klass->accept (self->server.session));
}

/* A session would go on under the identity that it began with. */
static void
test_changed_identity (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pIdentity) other = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);

  become_acquainted (self);
  g_set_object (&self->client.context->identity, other);
  make_credentials (&self->client);
  dial (self, &self->client.libp2p, TRUE);
  g_assert_true (is_ready (&self->client));
  g_assert_false (is_resumed (&self->client));
  g_assert_cmpuint (self->client.n_rejected, ==, 0);
  test_until (self->world, is_ready (&self->server));
  check_peers (self);
}

/* Who starts again knows what it has kept: here, in somebody else's memory. */
static void
test_started_again (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pIdentity) identity = g_object_ref (self->client.context->identity);
  g_autoptr (GBytes) entry = NULL;

  become_acquainted (self);
  entry = get_entry (self, "ticket libp2p");
  side_stop (&self->client);
  side_start (&self->client, self->world, identity);
  set_entry (self, "ticket libp2p", entry);
  check_taken_early (self);
  check_peers (self);
}

/* What is sent early goes only where the peer was last. */
static void
test_other_address (Fixture *self, gconstpointer data)
{
  become_acquainted (self);
  dial_port (self, &self->client.libp2p, TRUE, get_port (&self->server));
  g_assert_true (is_ready (&self->client));
  g_assert_false (is_resumed (&self->client));
  test_until (self->world, is_ready (&self->server));
}

static void
test_broken_entry (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) good = NULL;
  gsize size;
  const guint8 *bytes;

  become_acquainted (self);
  good = get_entry (self, "ticket libp2p");
  bytes = g_bytes_get_data (good, &size);
  for (guint i = 0; i < 4; i++)
    {
      g_autofree guint8 *copy = g_memdup2 (bytes, size);
      gsize cut = i == 0 ? 0 : i == 1 ? size / 2 : size;
      g_autoptr (GBytes) broken = NULL;

      if (i >= 2)
        copy[i == 2 ? size - 1 : size / 2] ^= 1;
      broken = g_bytes_new (copy, cut);
      set_entry (self, "ticket libp2p", broken);
      dial (self, &self->client.libp2p, TRUE);
      g_assert_true (is_ready (&self->client));
      g_assert_false (is_resumed (&self->client));
      test_until (self->world, is_ready (&self->server) && has_entry (self, "ticket libp2p"));
      hang_up (self);
    }
}

/* Recorded packets */

static int
take_all (void *data, time_t expires, const gnutls_datum_t *key, const gnutls_datum_t *value)
{
  return 0;
}

/* Who has taken early data takes it with older tickets as well. */
static void
test_two_tickets (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) first = NULL;

  become_acquainted (self);
  first = get_entry (self, "ticket libp2p");
  become_acquainted (self);
  seconds_ahead = 60;
  for (guint i = 0; i < 2; i++)
    {
      check_taken_early (self);
      test_until (self->world, is_ready (&self->client) && is_ready (&self->server));
      g_assert_cmpuint (self->client.n_rejected, ==, 0);
      hang_up (self);
      set_entry (self, "ticket libp2p", first);
    }
  seconds_ahead = 0;
}

/* A client that goes by another clock still offers a ticket whose time is over for the server:
 * what was sent early does not count, and the handshake goes on as if there were no ticket.
 * @data: by how many seconds the time is over */
static void
test_expired (Fixture *self, gconstpointer data)
{
  Lp2pMuxerStream *stream;

  gnutls_global_set_time_function (get_time);
  become_acquainted (self);
  stream = start_early (self);
  g_assert_null (self->server.session);
  seconds_ahead = gnutls_db_get_default_cache_expiration () + GPOINTER_TO_INT (data);
  check_refused (self, stream);
  seconds_ahead = 0;
  gnutls_global_set_time_function (time);
}

static gint64
get_lifetime (Fixture *self, const char *key)
{
  GHashTableIter iter;
  gpointer name, lifetime;

  g_hash_table_iter_init (&iter, self->client.context->peer_data_lifetimes);
  while (g_hash_table_iter_next (&iter, &name, &lifetime))
    if (g_str_has_suffix (name, key))
      return GPOINTER_TO_INT (lifetime);
  return 0;
}

/* A dial fails with a ticket whose time is over here: the store is told to forget it before. */
static void
test_forgotten (Fixture *self, gconstpointer data)
{
  gint64 lifetime;

  become_acquainted (self);
  lifetime = get_lifetime (self, "ticket libp2p");
  g_assert_cmpint (lifetime, >, gnutls_db_get_default_cache_expiration () - 60);
  seconds_ahead = lifetime;
  start_early (self);
  test_until (self->world, is_ready (&self->client) && is_ready (&self->server));
  check_peers (self);
  seconds_ahead = 0;
}

/* What is sent early has arrived when the server becomes deaf and both hang up. */
static void
record_early (Fixture *self)
{
  test_wire_record (self->wire);
  start_early (self);
  receive_message (self, &self->server);
  test_wire_set_deaf (self->wire, TRUE);
  hang_up (self);
}

static void
replay (Fixture *self)
{
  guint n_begun = self->server.context->n_begun;

  test_wire_replay (self->wire);
  test_until (self->world, test_wire_get_n_replayed_answers (self->wire) > 0);
  test_world_settle (self->world);
  g_assert_cmpuint (self->server.context->n_begun, ==, n_begun + 1);
}

/* @data: by how much the window of GnuTLS has passed when they come again, in seconds */
static void
test_replayed_late (Fixture *self, gconstpointer data)
{
  become_acquainted (self);
  seconds_ahead = LP2P_QUIC_REPLAY_WINDOW - 60;
  record_early (self);
  seconds_ahead = LP2P_QUIC_REPLAY_WINDOW + GPOINTER_TO_INT (data);
  replay (self);
  g_assert_cmpuint (self->server.n_sessions, ==, 0);
  test_world_advance (self->world, 25 * G_USEC_PER_SEC);
  seconds_ahead = 0;
}

static void
test_replayed (Fixture *self, gconstpointer control)
{
  become_acquainted (self);
  record_early (self);
  if (control != NULL)
    gnutls_anti_replay_set_add_function (lp2p_quic_replay_get (self->server.engine->replay), take_all);
  replay (self);
  /* Without it, the message would be there twice. */
  if (control != NULL)
    receive_message (self, &self->server);
  else
    g_assert_cmpuint (self->server.n_sessions, ==, 0);
  /* The handshake never ends. */
  test_world_advance (self->world, 15 * G_USEC_PER_SEC);
  g_assert_cmpuint (self->server.n_ready, ==, 0);
  g_assert_cmpuint (self->server.n_closed, ==, control != NULL ? 1 : 0);
  if (self->server.session != NULL)
    g_assert_null (self->server.session->klass->accept (self->server.session));
}

/* So much that it cannot all be remembered. */
static void
use_up (Side *self)
{
  for (guint32 i = 0; i < LP2P_QUIC_SEEN_MAX; i++)
    {
      guint32 hello[4] = { 0, 0, 0, i };
      gnutls_datum_t key = { (guint8 *) hello, sizeof hello };

      lp2p_quic_replay_add (self->engine->replay, g_get_real_time () / G_USEC_PER_SEC + LP2P_QUIC_REPLAY_WINDOW, &key,
                            &key);
    }
}

/* None of it is taken once more, and whoever comes later may have early data. */
static void
test_used_up (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) unused = NULL;

  become_acquainted (self);
  unused = get_entry (self, "ticket libp2p");
  become_acquainted (self);
  record_early (self);
  use_up (&self->server);
  replay (self);
  g_assert_cmpuint (self->server.n_sessions, ==, 0);
  test_world_advance (self->world, 15 * G_USEC_PER_SEC);
  test_wire_set_deaf (self->wire, FALSE);

  set_entry (self, "ticket libp2p", unused);
  check_refused (self, start_early (self));
  test_until (self->world, has_entry (self, "ticket libp2p"));
  hang_up (self);
  check_taken_early (self);
}

/* A ticket is no proof: what came early of somebody who did not show the key of the session
 * is nobody's. */
static void
test_unproved (Fixture *self, gconstpointer data)
{
  become_acquainted (self);
  start_early (self);
  test_until (self->world, self->server.session != NULL);
  test_wire_set_deaf (self->wire, TRUE);
  g_assert_cmpint (get_state (&self->server), ==, LP2P_SESSION_EARLY);
  test_world_advance (self->world, 12 * G_USEC_PER_SEC);
  g_assert_cmpuint (self->server.n_closed, ==, 1);
  g_assert_null (self->server.session->klass->accept (self->server.session));
}

/* Tickets of a protocol in which clients have no certificate */

/* What was kept of one protocol becomes an entry of another. */
static void
pass_off (Fixture *self, const char *from, const char *to)
{
  g_autofree char *key = g_strconcat ("ticket ", from, NULL);
  g_autofree char *forged_key = g_strconcat ("ticket ", to, NULL);
  g_autoptr (GBytes) entry = get_entry (self, key);
  g_autoptr (GBytes) forged = NULL;
  Lp2pQuicTicketOwner owner = {
    .own_peer = lp2p_peer_id_get_string (get_peer (&self->client)),
    .remote_peer = lp2p_peer_id_get_string (get_peer (&self->server)),
    .alpn = to,
    .secret = self->client.engine->kept_secret,
    .secret_size = sizeof self->client.engine->kept_secret,
  };
  Lp2pQuicTicket ticket;

  g_assert_true (lp2p_quic_ticket_decode (g_bytes_get_data (entry, NULL), g_bytes_get_size (entry), &ticket));
  forged = lp2p_quic_ticket_encode (&owner, ticket.parts);
  set_entry (self, forged_key, forged);
}

static void
test_confused (Fixture *self, gconstpointer data)
{
  Lp2pMuxerStream *stream;

  become_acquainted_by (self, &self->client.h3);
  pass_off (self, "h3", "libp2p");
  stream = start_early (self);
  check_refused (self, stream);
  g_assert_false (is_resumed (&self->client));
}

/* Who is known as libp2p knows him is nobody to a protocol that asks no one. */
static void
test_confused_other_way (Fixture *self, gconstpointer data)
{
  become_acquainted (self);
  pass_off (self, "libp2p", "h3");
  dial (self, &self->client.h3, TRUE);
  g_assert_cmpint (get_state (&self->client), ==, LP2P_SESSION_EARLY);
  send_message (&self->client);
  test_until (self->world, is_ready (&self->client) && is_ready (&self->server));
  g_assert_cmpuint (self->client.n_rejected, ==, 1);
  g_assert_false (is_resumed (&self->client));
  g_assert_null (self->server.connection->remote_key);
  g_assert_null (self->server.session->klass->accept (self->server.session));
}

/* Were the keys the same, the certificate would still be missed. */
static void
test_no_certificate (Fixture *self, gconstpointer data)
{
  ngtcp2_transport_params params;
  const gnutls_datum_t *h3;
  const gnutls_datum_t *libp2p;

  lp2p_quic_make_params (&self->server.h3.options, &params);
  become_acquainted_by (self, &self->client.h3);
  h3 = lp2p_quic_ticket_keys_get (self->server.engine->ticket_keys, "h3", &params);
  libp2p = lp2p_quic_ticket_keys_get (self->server.engine->ticket_keys, "libp2p", &params);
  g_assert_cmpuint (h3->size, ==, libp2p->size);
  for (guint i = 0; i < h3->size; i++)
    libp2p->data[i] = h3->data[i];
  pass_off (self, "h3", "libp2p");
  start_early (self);
  test_until (self->world, self->client.n_closed == 1);
  g_assert_cmpuint (self->server.n_sessions, ==, 0);
  test_world_advance (self->world, G_USEC_PER_SEC);
  g_assert_cmpuint (self->server.n_sessions, ==, 0);
}

/* A message of TLS that QUIC has not, after which a server that expects it waits. */
static void
test_end_of_early_data (Fixture *self, gconstpointer data)
{
  become_acquainted (self);
  /* A server without this ends its process with the first early bytes. */
  g_assert_true (server_flags & GNUTLS_NO_END_OF_EARLY_DATA);
  hidden_flags = GNUTLS_NO_END_OF_EARLY_DATA;
  start_early (self);
  test_until (self->world, self->client.n_closed == 1);
  hidden_flags = 0;
  hang_up (self);
  dial (self, &self->client.libp2p, TRUE);
  g_assert_true (is_ready (&self->client));
  test_until (self->world, is_ready (&self->server));
  check_peers (self);
}

/* With a protocol that does not resume there are no tickets. */
static void
test_off (Fixture *self, gconstpointer data)
{
  self->server.libp2p.resumes = FALSE;
  dial (self, &self->client.libp2p, TRUE);
  test_until (self->world, is_ready (&self->server));
  test_world_advance (self->world, G_USEC_PER_SEC);
  g_assert_false (has_entry (self, "ticket libp2p"));
}

/* A server that gives tickets without end: some are kept. */
static void
test_many_tickets (Fixture *self, gconstpointer data)
{
  guint n_kept = 0;

  dial (self, &self->client.libp2p, FALSE);
  test_until (self->world, is_ready (&self->server) && has_entry (self, "ticket libp2p"));
  for (guint i = 0; i < 50; i++)
    {
      set_entry (self, "ticket libp2p", NULL);
      g_assert_cmpint (gnutls_session_ticket_send (self->server.connection->tls, 1, 0), ==, 0);
      lp2p_quic_connection_want_output (self->server.connection);
      test_world_advance (self->world, 100 * G_TIME_SPAN_MILLISECOND);
      n_kept += has_entry (self, "ticket libp2p");
    }
  g_assert_cmpuint (n_kept, >, 0);
  g_assert_cmpuint (n_kept, <, 16);
  g_assert_true (is_ready (&self->client));
}

#define ADD(name, data, function) g_test_add ("/quic-resume-misuse/" name, Fixture, data, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("other-peer", NULL, test_other_peer);
  ADD ("changed-identity", NULL, test_changed_identity);
  ADD ("started-again", NULL, test_started_again);
  ADD ("other-address", NULL, test_other_address);
  ADD ("broken-entry", NULL, test_broken_entry);
  ADD ("replayed", NULL, test_replayed);
  ADD ("replayed-control", "control", test_replayed);
  ADD ("replayed-late", GINT_TO_POINTER (60), test_replayed_late);
  ADD ("replayed-too-late", GINT_TO_POINTER (LP2P_QUIC_REPLAY_WINDOW), test_replayed_late);
  ADD ("expired", GINT_TO_POINTER (60), test_expired);
  ADD ("expired-long-ago", GINT_TO_POINTER (30 * 24 * 3600), test_expired);
  ADD ("forgotten", NULL, test_forgotten);
  ADD ("used-up", NULL, test_used_up);
  ADD ("unproved", NULL, test_unproved);
  ADD ("two-tickets", NULL, test_two_tickets);
  ADD ("confused-protocols", NULL, test_confused);
  ADD ("confused-protocols-other-way", NULL, test_confused_other_way);
  ADD ("no-certificate", NULL, test_no_certificate);
  ADD ("end-of-early-data", NULL, test_end_of_early_data);
  ADD ("off", NULL, test_off);
  ADD ("many-tickets", NULL, test_many_tickets);

  return g_test_run ();
}
