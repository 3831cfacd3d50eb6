/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a host logs: what goes on, whom it is about, nothing where nobody looks, and no
 * secret. */

#include "test-host.h"
#include "test-log.h"

#include <lp2p/lp2p.h>

#include <string.h>

#define PEER_CONFIG(more) "[host]\ntransports=['memory']\nsecurity=['noise']\nmuxers=['yamux']\n" more

static const char *
get_peer_id (TestHost *host)
{
  return lp2p_peer_id_get_string (lp2p_host_get_peer_id (host->host));
}

/* Two hosts that connect, open a stream and close. */
static void
run_hosts (char **dialer_id, char **listener_id, char **connection_id, GPtrArray *secrets)
{
  TestWorld *world = test_world_new (FALSE);
  TestHost *listener = test_host_new (world, PEER_CONFIG ("listen=['/memory/4200']\n"));
  TestHost *dialer = test_host_new (world, PEER_CONFIG (""));
  g_autoptr (Lp2pConnection) connection = test_host_connect (dialer, listener);
  g_autoptr (Lp2pStream) ours = test_host_open (dialer, connection);
  g_autoptr (Lp2pStream) theirs = NULL;

  *dialer_id = g_strdup (get_peer_id (dialer));
  *listener_id = g_strdup (get_peer_id (listener));
  *connection_id = g_strdup_printf ("%" G_GUINT64_FORMAT, lp2p_connection_get_id (connection));
  g_ptr_array_add (secrets, lp2p_identity_to_text (lp2p_host_get_identity (dialer->host), NULL));
  g_ptr_array_add (secrets, lp2p_identity_to_text (lp2p_host_get_identity (listener->host), NULL));

  test_stream_write (world, ours, 100, 0);
  theirs = test_host_accept (listener);
  test_stream_expect (world, theirs, 100, 0);
  /* A stream of ours is open when the answer is there. */
  test_stream_write (world, theirs, 100, 0);
  test_stream_expect (world, ours, 100, 0);
  test_stream_close (world, ours);
  test_stream_close (world, theirs);
  test_until (world, lp2p_connection_get_n_streams (connection) == 0);

  g_clear_object (&ours);
  g_clear_object (&theirs);
  g_clear_object (&connection);
  test_host_close (dialer);
  test_host_close (listener);
  test_host_free (dialer);
  test_host_free (listener);
  test_world_free (world);
}

static void
assert_logged (const char *part, const char *peer, const char *connection)
{
  const TestLogRecord *record = test_log_find (part);

  g_test_message ("%s", part);
  for (guint i = 0; record == NULL && i < test_log_count (); i++)
    g_test_message ("logged: %s", test_log_get (i)->message);
  g_assert_nonnull (record);
  g_assert_cmpstr (record->domain, ==, "lp2p");
  g_assert_cmpint (record->level, ==, G_LOG_LEVEL_DEBUG);
  g_assert_cmpstr (record->peer, ==, peer);
  g_assert_cmpstr (record->connection, ==, connection);
}

/* What messages of a connection have in their fields is one of these. */
static void
assert_fields (const char *dialer, const char *listener)
{
  for (guint i = 0; i < test_log_count (); i++)
    {
      const TestLogRecord *record = test_log_get (i);

      if (record->connection != NULL)
        g_assert_nonnull (record->peer);
      if (record->peer != NULL)
        g_assert_true (g_str_equal (record->peer, dialer) || g_str_equal (record->peer, listener));
    }
}

static void
assert_no_secrets (GPtrArray *secrets)
{
  for (guint i = 0; i < test_log_count (); i++)
    for (guint j = 0; j < secrets->len; j++)
      {
        /* The first bytes of the encoding tell the kind of the key, which is none. */
        const char *text = g_bytes_get_data (g_ptr_array_index (secrets, j), NULL);
        g_autofree char *part = g_strndup (text + 8, 24);

        g_assert_null (strstr (test_log_get (i)->message, part));
      }
}

static void
test_events (void)
{
  g_autofree char *dialer = NULL;
  g_autofree char *listener = NULL;
  g_autofree char *connection = NULL;
  g_autoptr (GPtrArray) secrets = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autofree char *connected = NULL;
  g_autofree char *closed = NULL;

  test_log_clear ();
  test_log_set_debug ("lp2p");
  run_hosts (&dialer, &listener, &connection, secrets);
  test_log_set_debug (NULL);

  connected = g_strdup_printf ("Connected: %s by memory, noise, yamux, dialed", listener);
  closed = g_strdup_printf ("Connection to %s closed", listener);
  assert_logged ("Listening on /memory/4200 by memory", NULL, NULL);
  assert_logged ("Addresses: /memory/4200", NULL, NULL);
  assert_logged ("dialing over memory", listener, NULL);
  assert_logged ("begins, dialed", listener, NULL);
  assert_logged ("begins, accepted", NULL, NULL);
  assert_logged ("is done: noise, yamux", test_log_find ("is done: noise, yamux")->peer, NULL);
  assert_logged ("The dial is over: connected", listener, NULL);
  assert_logged (connected, listener, connection);
  assert_logged ("A stream of ours is open, protocol " TEST_PROTOCOL, listener, connection);
  assert_logged ("A stream of ours is over, protocol " TEST_PROTOCOL, listener, connection);
  assert_logged (closed, listener, connection);
  g_assert_nonnull (test_log_find ("A stream of the peer is open, protocol " TEST_PROTOCOL));
  assert_fields (dialer, listener);
  assert_no_secrets (secrets);
}

/* Nobody looks: nothing reaches the writer. */
static void
test_silence (void)
{
  g_autofree char *dialer = NULL;
  g_autofree char *listener = NULL;
  g_autofree char *connection = NULL;
  g_autoptr (GPtrArray) secrets = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  test_log_clear ();
  test_log_set_debug (NULL);
  run_hosts (&dialer, &listener, &connection, secrets);
  for (guint i = 0; i < test_log_count (); i++)
    g_assert_null (test_log_get (i)->peer);
}

static guint n_evaluated;

static const char *
evaluate (void)
{
  n_evaluated++;
  return "argument";
}

static void
test_arguments (void)
{
  test_log_clear ();
  n_evaluated = 0;
  test_log_set_debug (NULL);
  lp2p_log_peer (G_LOG_LEVEL_DEBUG, NULL, "%s", evaluate ());
  g_assert_cmpuint (n_evaluated, ==, 0);
  g_assert_null (test_log_find ("argument"));
  /* Others than debug messages are always wanted. */
  lp2p_log_peer (G_LOG_LEVEL_MESSAGE, NULL, "%s", evaluate ());
  g_assert_cmpuint (n_evaluated, ==, 1);
  g_assert_nonnull (test_log_find ("argument"));
}

static void
test_patterns (void)
{
  static const struct
  {
    const char *variable;
    const char *domain;
    gboolean wanted;
  } cases[] = {
    { "", "lp2p", FALSE },
    { "all", "lp2p-tcp", TRUE },
    { "lp2p", "lp2p", TRUE },
    { "lp2p", "lp2p-tcp", FALSE },
    { "lp2p*", "lp2p", TRUE },
    { "lp2p*", "lp2p-tcp", TRUE },
    { "lp2p*", "GLib", FALSE },
    { "GLib  lp2p-t*", "lp2p-tcp", TRUE },
    { "GLib lp2p-t*", "lp2p-yamux", FALSE },
    { "x* lp2p-y*", "lp2p-tcp", FALSE },
    { "*", "whatever", TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("\"%s\": %s", cases[i].variable, cases[i].domain);
      test_log_set_debug (cases[i].variable);
      g_assert_cmpint (lp2p_log_is_wanted (cases[i].domain, G_LOG_LEVEL_DEBUG), ==, cases[i].wanted);
      g_assert_true (lp2p_log_is_wanted (cases[i].domain, G_LOG_LEVEL_WARNING));
    }
  test_log_set_debug (NULL);
}

static void
write_one (const char *domain)
{
  const GLogField fields[] = {
    { "GLIB_DOMAIN", domain, -1 },
    { "PRIORITY", "7", -1 },
    { "MESSAGE", domain, -1 },
  };

  g_assert_cmpint (lp2p_log_writer (G_LOG_LEVEL_DEBUG, fields, G_N_ELEMENTS (fields), NULL), ==, G_LOG_WRITER_HANDLED);
}

static void
test_writer (void)
{
  if (g_test_subprocess ())
    {
      test_log_set_debug ("lp2p-t* other");
      g_log_writer_default_set_use_stderr (TRUE);
      write_one ("lp2p-tcp");
      write_one ("lp2p-yamux");
      write_one ("other");
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*lp2p-tcp*other*");
  g_test_trap_assert_stderr_unmatched ("*yamux*");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  test_log_install ();
  g_test_add_func ("/log/events", test_events);
  g_test_add_func ("/log/silence", test_silence);
  g_test_add_func ("/log/arguments", test_arguments);
  g_test_add_func ("/log/patterns", test_patterns);
  g_test_add_func ("/log/writer", test_writer);
  return g_test_run ();
}
