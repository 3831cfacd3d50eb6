/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the kit has for applications: two hosts, in a time that the test makes. */

#include "lp2p-test.h"

#define PROTOCOL "/org.example.App/1"

static void
on_stream (Lp2pStream *stream, gpointer user_data)
{
  Lp2pStream **kept = user_data;

  g_assert_null (*kept);
  *kept = g_object_ref (stream);
}

static void
test_talk (void)
{
  g_autoptr (Lp2pTestPair) pair = lp2p_test_pair_new (NULL);
  g_autoptr (Lp2pStream) served = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autofree char *asked = NULL;
  g_autofree char *answered = NULL;

  lp2p_host_set_stream_handler (lp2p_test_pair_get_host (pair, 1), PROTOCOL, LP2P_HANDLER_NONE, on_stream, &served,
                                NULL);
  stream = lp2p_test_pair_open (pair, PROTOCOL);
  lp2p_test_pair_write (pair, stream, "How ");
  lp2p_test_pair_write (pair, stream, "are you?");
  lp2p_test_pair_end (pair, stream);
  lp2p_test_until (pair, served != NULL);
  asked = lp2p_test_pair_read (pair, served);
  g_assert_cmpstr (asked, ==, "How are you?");

  lp2p_test_pair_write (pair, served, "Fine.");
  lp2p_test_pair_end (pair, served);
  answered = lp2p_test_pair_read (pair, stream);
  g_assert_cmpstr (answered, ==, "Fine.");
}

/* A call of one's own is waited for. */
static void
test_result (void)
{
  g_autoptr (Lp2pTestPair) pair = lp2p_test_pair_new (NULL);
  Lp2pHost *host = lp2p_test_pair_get_host (pair, 0);
  g_autoptr (GPtrArray) addresses = lp2p_host_dup_listen_addresses (lp2p_test_pair_get_host (pair, 1));
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  lp2p_host_connect_async (host, g_ptr_array_index (addresses, 0), NULL, lp2p_test_take_result, &result);
  g_assert_null (result);
  lp2p_test_until (pair, result != NULL);
  connection = lp2p_host_connect_finish (host, result, &error);
  g_assert_no_error (error);
  g_assert_true (lp2p_peer_id_equal (lp2p_connection_get_remote_peer (connection),
                                     lp2p_host_get_peer_id (lp2p_test_pair_get_host (pair, 1))));
}

/* A connection in memory takes no time. */
static void
test_settle (void)
{
  g_autoptr (Lp2pTestPair) pair = lp2p_test_pair_new (NULL);
  Lp2pHost *host = lp2p_test_pair_get_host (pair, 0);
  g_autoptr (GPtrArray) addresses = lp2p_host_dup_listen_addresses (lp2p_test_pair_get_host (pair, 1));
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  lp2p_host_connect_async (host, g_ptr_array_index (addresses, 0), NULL, lp2p_test_take_result, &result);
  lp2p_test_pair_settle (pair);
  g_assert_nonnull (result);
  connection = lp2p_host_connect_finish (host, result, &error);
  g_assert_no_error (error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/kit/pair/talk", test_talk);
  g_test_add_func ("/kit/pair/result", test_result);
  g_test_add_func ("/kit/pair/settle", test_settle);
  return g_test_run ();
}
