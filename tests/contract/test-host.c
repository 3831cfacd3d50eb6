/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What hosts and their connections must do, over each transport, security and
 * muxer. */

#include <string.h>

#include "combination.h"

#define KEEPALIVE_US (G_GUINT64_CONSTANT (30) * G_USEC_PER_SEC)

static Lp2pConnection *
finish_connect (TestHost *host, GAsyncResult **result, GError **error)
{
  Lp2pConnection *connection;

  test_wait (host->world, *result);
  connection = lp2p_host_connect_finish (host->host, *result, error);
  g_clear_object (result);
  return connection;
}

static Lp2pConnection *
connect_to (TestHost *host, Lp2pMultiaddr *address, GError **error)
{
  GAsyncResult *result = NULL;

  lp2p_host_connect_async (host->host, address, NULL, test_take_result, &result);
  g_assert_null (result);
  return finish_connect (host, &result, error);
}

static Lp2pMultiaddr *
parse (const char *text)
{
  Lp2pMultiaddr *address = lp2p_multiaddr_new_from_string (text, NULL);

  g_assert_nonnull (address);
  return address;
}

static guint
count_connections (TestHost *host)
{
  return g_list_model_get_n_items (lp2p_host_get_connections (host->host));
}

/* Connecting */

static void
test_connect (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pConnection) other = NULL;
  g_autoptr (Lp2pMultiaddr) address = test_host_dup_address (self->b);
  const Combination *combination = self->combination;

  pair_connect (self);
  other = pair_dup_other_connection (self);
  g_assert_cmpint (lp2p_connection_get_state (self->connection), ==, LP2P_CONNECTION_READY);
  g_assert_cmpint (lp2p_connection_get_state (other), ==, LP2P_CONNECTION_READY);
  g_assert_cmpint (lp2p_connection_get_direction (self->connection), ==, LP2P_ROLE_INITIATOR);
  g_assert_cmpint (lp2p_connection_get_direction (other), ==, LP2P_ROLE_RESPONDER);
  g_assert_cmpstr (lp2p_connection_get_transport (self->connection), ==, combination->transport->plugin);
  g_assert_cmpstr (lp2p_connection_get_security (self->connection), ==, combination->security);
  g_assert_cmpstr (lp2p_connection_get_muxer (other), ==, combination->muxer);
  g_assert_true (lp2p_peer_id_equal (lp2p_connection_get_remote_peer (self->connection),
                                     lp2p_host_get_peer_id (self->b->host)));
  g_assert_true (lp2p_peer_id_equal (lp2p_connection_get_remote_peer (other), lp2p_host_get_peer_id (self->a->host)));
  g_assert_true (lp2p_public_key_equal (lp2p_connection_get_remote_key (other),
                                        lp2p_identity_get_public_key (lp2p_host_get_identity (self->a->host))));
  g_assert_true (lp2p_multiaddr_has_prefix (address, lp2p_connection_get_remote_address (self->connection)));
  g_assert_false (lp2p_connection_get_limited (other));
  g_assert_cmpuint (self->a->n_added, ==, 1);
  g_assert_cmpuint (self->b->n_added, ==, 1);
  g_assert_cmpuint (count_connections (self->a), ==, 1);
  g_assert_cmpuint (count_connections (self->b), ==, 1);
  g_assert_cmpuint (lp2p_connection_get_bytes_read (other), >, 0);
  g_assert_cmpuint (lp2p_connection_get_bytes_written (self->connection), >, 0);
  g_assert_cmpint (lp2p_connection_get_rtt (other), >=, -1);
  g_assert_null (lp2p_connection_get_error (other));
}

static void
test_connect_again (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) address = test_host_dup_address (self->b);
  g_autoptr (Lp2pConnection) again = NULL;

  pair_connect (self);
  again = connect_to (self->a, address, NULL);
  g_assert_true (again == self->connection);

  /* And from the other side: it is the same one. */
  {
    g_autoptr (Lp2pMultiaddr) back = test_host_dup_address (self->a);
    g_autoptr (Lp2pConnection) other = connect_to (self->b, back, NULL);
    g_autoptr (Lp2pConnection) known = pair_dup_other_connection (self);

    g_assert_true (other == known);
  }
}

/* Both at once: whatever comes of it, each can open streams. */
static void
test_connect_both (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) to_a = test_host_dup_address (self->a);
  g_autoptr (Lp2pMultiaddr) to_b = test_host_dup_address (self->b);
  g_autoptr (Lp2pConnection) from_a = NULL;
  g_autoptr (Lp2pConnection) from_b = NULL;
  GAsyncResult *results[2] = { NULL };

  lp2p_host_connect_async (self->a->host, to_b, NULL, test_take_result, &results[0]);
  lp2p_host_connect_async (self->b->host, to_a, NULL, test_take_result, &results[1]);
  from_a = finish_connect (self->a, &results[0], NULL);
  from_b = finish_connect (self->b, &results[1], NULL);
  g_assert_nonnull (from_a);
  g_assert_nonnull (from_b);
  pair_settle (self);
  {
    g_autoptr (Lp2pStream) one = test_host_open (self->a, from_a);
    g_autoptr (Lp2pStream) two = test_host_open (self->b, from_b);
    g_autoptr (Lp2pStream) at_b = test_host_accept (self->b);
    g_autoptr (Lp2pStream) at_a = test_host_accept (self->a);

    test_stream_write (self->world, one, 100, 0);
    test_stream_write (self->world, two, 100, 0);
    test_stream_expect (self->world, at_a, 100, 0);
    test_stream_expect (self->world, at_b, 100, 0);
  }
}

static void
test_connect_wrongly (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) to_b = test_host_dup_address (self->b);
  g_autoptr (Lp2pMultiaddr) to_a = test_host_dup_address (self->a);
  g_autoptr (Lp2pMultiaddr) plain = lp2p_multiaddr_without_peer_id (to_b);
  g_autoptr (Lp2pMultiaddr) wrong =
      lp2p_multiaddr_with_peer_id (plain, lp2p_host_get_peer_id (self->a->host));
  g_autoptr (Lp2pMultiaddr) refused = parse (self->combination->transport->refused);
  g_autoptr (Lp2pMultiaddr) strange = parse ("/ip4/1.2.3.4/udp/5/webrtc-direct");
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;

  /* Another peer answers than the one in the address. */
  {
    g_autoptr (Lp2pIdentity) somebody = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
    g_autoptr (Lp2pMultiaddr) other = lp2p_multiaddr_with_peer_id (plain, lp2p_identity_get_peer_id (somebody));

    g_assert_null (connect_to (self->a, other, &error));
    g_assert_error (error, LP2P_ERROR, LP2P_ERROR_WRONG_PEER);
    g_clear_error (&error);
  }
  g_assert_null (connect_to (self->a, wrong, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_WRONG_PEER);
  g_clear_error (&error);
  /* Itself; a socket that dials from its own port finds that out earlier. */
  g_assert_null (connect_to (self->a, to_a, &error));
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    g_assert_error (error, LP2P_ERROR, LP2P_ERROR_WRONG_PEER);
  g_clear_error (&error);

  g_assert_null (connect_to (self->a, refused, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_assert_nonnull (strstr (error->message, self->combination->transport->refused));
  g_clear_error (&error);
  g_assert_null (connect_to (self->a, strange, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NO_TRANSPORT);
  g_clear_error (&error);

  lp2p_host_connect_peer_async (self->a->host, lp2p_host_get_peer_id (self->b->host), NULL, NULL, test_take_result,
                                &result);
  g_assert_null (finish_connect (self->a, &result, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NO_ADDRESS);
  pair_settle (self);
  g_assert_cmpuint (count_connections (self->a) + count_connections (self->b), ==, 0);
}

/* One address after the other; the error tells of each. */
static void
test_several_addresses (Pair *self, gconstpointer data)
{
  g_autoptr (GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  Lp2pPeerId *peer = lp2p_host_get_peer_id (self->b->host);
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;

  g_ptr_array_add (addresses, parse ("/ip4/1.2.3.4/udp/5/webrtc-direct"));
  g_ptr_array_add (addresses, parse (self->combination->transport->refused));
  lp2p_host_connect_peer_async (self->a->host, peer, addresses, NULL, test_take_result, &result);
  g_assert_null (finish_connect (self->a, &result, &error));
  g_assert_nonnull (strstr (error->message, "/ip4/1.2.3.4/udp/5/webrtc-direct"));
  g_assert_nonnull (strstr (error->message, self->combination->transport->refused));
  g_clear_error (&error);

  g_ptr_array_add (addresses, test_host_dup_address (self->b));
  lp2p_host_connect_peer_async (self->a->host, peer, addresses, NULL, test_take_result, &result);
  connection = finish_connect (self->a, &result, &error);
  g_assert_no_error (error);
}

/* A connection that was made just before its dial was cancelled stays with the
 * host; half of one does not. */
static void
drop_connections (Pair *self)
{
  g_autoptr (Lp2pConnection) connection = g_list_model_get_item (lp2p_host_get_connections (self->a->host), 0);

  g_assert_cmpuint (count_connections (self->a), <=, 1);
  if (connection != NULL)
    lp2p_connection_abort (connection, 0);
  test_until (self->world, count_connections (self->a) + count_connections (self->b) == 0);
}

/* Whoever cancels gets either that or the connection. */
static void
test_cancel_connect (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) address = test_host_dup_address (self->b);
  gboolean over = FALSE;

  for (guint steps = 0; !over && steps < 5000; steps += 1 + steps / 20)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (Lp2pConnection) connection = NULL;
      g_autoptr (GError) error = NULL;
      GAsyncResult *result = NULL;

      lp2p_host_connect_async (self->a->host, address, cancellable, test_take_result, &result);
      for (guint i = 0; i < steps && result == NULL; i++)
        if (!g_main_context_iteration (self->world->context, FALSE) && !self->world->real)
          test_world_jump (self->world, 1000);
      over = result != NULL;
      g_cancellable_cancel (cancellable);
      connection = finish_connect (self->a, &result, &error);
      if (connection == NULL)
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      pair_settle (self);
      drop_connections (self);
    }
  if (!self->world->real)
    g_assert_true (over);

  /* Nothing is used up. */
  pair_connect (self);
}

/* Opening */

static void
cancel_open (Pair *self, const char *const *protocols)
{
  gboolean over = FALSE;

  for (guint steps = 0; !over; steps++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pStream) stream = NULL;

      lp2p_host_open_stream_async (self->a->host, lp2p_host_get_peer_id (self->b->host), protocols, LP2P_STREAM_NONE,
                                   cancellable, test_take_result, &result);
      g_assert_null (result);
      for (guint i = 0; i < steps && result == NULL; i++)
        if (!g_main_context_iteration (self->world->context, FALSE) && !self->world->real)
          test_world_jump (self->world, 1000);
      over = result != NULL;
      g_cancellable_cancel (cancellable);
      test_wait (self->world, result);
      stream = lp2p_host_open_stream_finish (self->a->host, result, &error);
      if (stream == NULL)
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_clear_object (&stream);
      test_host_forget_streams (self->b);
      pair_settle (self);
      test_host_forget_streams (self->b);
    }
}

static void
test_cancel_open (Pair *self, gconstpointer data)
{
  static const char *const one[] = { TEST_PROTOCOL, NULL };
  static const char *const two[] = { "/nobody/1", TEST_PROTOCOL, NULL };

  pair_connect (self);
  cancel_open (self, one);
  cancel_open (self, two);
  pair_settle (self);
  test_host_forget_streams (self->b);
  g_assert_cmpuint (lp2p_connection_get_n_streams (self->connection), ==, 0);
}

static void
test_open_stream (Pair *self, gconstpointer data)
{
  static const char *const protocols[] = { TEST_PROTOCOL, NULL };
  Lp2pPeerId *peer = lp2p_host_get_peer_id (self->b->host);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (GError) error = NULL;

  lp2p_host_open_stream_async (self->a->host, peer, protocols, LP2P_STREAM_NO_DIAL, NULL, test_take_result, &result);
  test_wait (self->world, result);
  g_assert_null (lp2p_host_open_stream_finish (self->a->host, result, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NO_ADDRESS);
  g_clear_error (&error);
  g_clear_object (&result);

  pair_connect (self);
  lp2p_host_open_stream_async (self->a->host, peer, protocols, LP2P_STREAM_NO_DIAL, NULL, test_take_result, &result);
  test_wait (self->world, result);
  stream = lp2p_host_open_stream_finish (self->a->host, result, &error);
  g_assert_no_error (error);
  test_stream_write (self->world, stream, 10, 0);
  accepted = test_host_accept (self->b);
  test_stream_expect (self->world, accepted, 10, 0);
}

static void
count_destroyed (gpointer user_data)
{
  (*(guint *) user_data)++;
}

static void
refuse (Lp2pStream *stream, gpointer user_data)
{
  lp2p_stream_reset (stream, 0);
}

static void
test_handlers (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (GError) error = NULL;
  guint destroyed = 0;

  pair_connect (self);
  lp2p_host_set_stream_handler (self->b->host, TEST_PROTOCOL, LP2P_HANDLER_NONE, refuse, &destroyed, count_destroyed);
  stream = test_host_open (self->a, self->connection);
  error = test_stream_expect_failure (self->world, stream);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_RESET);
  g_clear_error (&error);
  g_clear_object (&stream);

  lp2p_host_remove_stream_handler (self->b->host, TEST_PROTOCOL);
  lp2p_host_remove_stream_handler (self->b->host, TEST_PROTOCOL);
  g_assert_cmpuint (destroyed, ==, 1);
  stream = test_host_open (self->a, self->connection);
  error = test_stream_expect_failure (self->world, stream);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NOT_SUPPORTED);
}

/* Limits */

/* A peer may open so many; those that we open do not count. */
static void
test_stream_limit (Pair *self, gconstpointer data)
{
  g_autoptr (GPtrArray) streams = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (Lp2pConnection) other = NULL;
  guint refused = 0;

  test_host_free (self->b);
  self->b = pair_new_host (self, "max-streams-per-connection=5");
  pair_connect (self);
  other = pair_dup_other_connection (self);
  for (guint i = 0; i < 10; i++)
    g_ptr_array_add (streams, test_host_open (self->b, other));
  for (guint i = 0; i < 10; i++)
    {
      Lp2pStream *stream = test_host_open (self->a, self->connection);

      g_ptr_array_add (streams, stream);
      test_stream_write (self->world, stream, 10, 0);
      pair_settle (self);
    }
  test_until (self->world, self->b->streams.length == 5);
  pair_settle (self);
  g_assert_cmpuint (self->b->streams.length, ==, 5);
  for (guint i = 15; i < 20; i++)
    {
      g_autoptr (GError) error = test_stream_expect_failure (self->world, g_ptr_array_index (streams, i));

      refused += error != NULL;
    }
  g_assert_cmpuint (refused, ==, 5);
  test_host_forget_streams (self->a);
}

static void
test_connection_limit (Pair *self, gconstpointer data)
{
  TestHost *third = pair_new_host (self, NULL);
  g_autoptr (Lp2pMultiaddr) address = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;

  test_host_free (self->b);
  self->b = pair_new_host (self, "max-connections=1");
  pair_connect (self);
  address = test_host_dup_address (self->b);
  connection = connect_to (third, address, &error);
  if (connection != NULL)
    test_until (self->world, lp2p_connection_get_state (connection) == LP2P_CONNECTION_CLOSED);
  g_assert_cmpint (lp2p_connection_get_state (self->connection), ==, LP2P_CONNECTION_READY);
  g_assert_cmpuint (count_connections (self->b), ==, 1);

  /* When one goes, another one may come. */
  lp2p_connection_abort (self->connection, 0);
  test_until (self->world, count_connections (self->b) == 0);
  g_clear_object (&connection);
  connection = connect_to (third, address, NULL);
  g_assert_nonnull (connection);
  g_clear_object (&connection);
  test_host_free (third);
}

/* Closing */

static void
start_close (Lp2pConnection *connection, GCancellable *cancellable, GAsyncResult **result)
{
  lp2p_connection_close_async (connection, cancellable, test_take_result, result);
  g_assert_null (*result);
}

static void
test_close (Pair *self, gconstpointer data)
{
  static const char *const protocols[] = { TEST_PROTOCOL, NULL };
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  g_autoptr (Lp2pConnection) other = pair_dup_other_connection (self);
  g_autoptr (GAsyncResult) one = NULL;
  g_autoptr (GAsyncResult) two = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  test_stream_write (self->world, stream, 20000, 1);
  start_close (self->connection, NULL, &one);
  start_close (self->connection, NULL, &two);
  g_assert_cmpint (lp2p_connection_get_state (self->connection), ==, LP2P_CONNECTION_CLOSING);
  test_wait (self->world, one);
  test_wait (self->world, two);
  g_assert_true (lp2p_connection_close_finish (self->connection, one, NULL));
  g_assert_cmpint (lp2p_connection_get_state (self->connection), ==, LP2P_CONNECTION_CLOSED);
  g_assert_null (lp2p_connection_get_error (self->connection));
  test_until (self->world, lp2p_connection_get_state (other) == LP2P_CONNECTION_CLOSED);
  test_until (self->world, self->a->n_removed == 1 && self->b->n_removed == 1);

  /* What was written before arrived. */
  test_stream_expect (self->world, accepted, 20000, 1);
  error = test_stream_expect_failure (self->world, accepted);
  g_clear_error (&error);
  error = test_stream_expect_failure (self->world, stream);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_clear_error (&error);

  lp2p_connection_open_stream_async (self->connection, protocols, 0, NULL, test_take_result, &result);
  test_wait (self->world, result);
  g_assert_null (lp2p_connection_open_stream_finish (self->connection, result, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
  g_clear_object (&result);
  start_close (self->connection, NULL, &result);
  test_wait (self->world, result);
}

/* The connection is free to go when its streams are. */
static void
test_close_drops (Pair *self, gconstpointer data)
{
  Lp2pStream *accepted;
  Lp2pStream *stream = pair_open (self, &accepted);
  gpointer watched = self->connection;
  g_autoptr (GAsyncResult) result = NULL;

  g_object_add_weak_pointer (watched, &watched);
  start_close (self->connection, NULL, &result);
  test_wait (self->world, result);
  g_clear_object (&result);
  g_clear_object (&self->connection);
  pair_settle (self);
  g_assert_nonnull (watched);
  g_object_unref (stream);
  pair_settle (self);
  g_assert_null (watched);
  g_object_unref (accepted);
}

static void
test_cancel_close (Pair *self, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  pair_connect (self);
  start_close (self->connection, cancellable, &result);
  g_cancellable_cancel (cancellable);
  test_wait (self->world, result);
  if (!lp2p_connection_close_finish (self->connection, result, &error))
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  /* It closes all the same. */
  test_until (self->world, lp2p_connection_get_state (self->connection) == LP2P_CONNECTION_CLOSED);
}

static void
test_abort (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  g_autoptr (Lp2pConnection) other = pair_dup_other_connection (self);
  g_autoptr (GError) error = NULL;

  lp2p_connection_abort (self->connection, 7);
  lp2p_connection_abort (self->connection, 8);
  g_assert_cmpint (lp2p_connection_get_state (self->connection), ==, LP2P_CONNECTION_CLOSING);
  error = test_stream_expect_failure (self->world, stream);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  error = test_stream_expect_failure (self->world, accepted);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
  test_until (self->world, lp2p_connection_get_state (other) == LP2P_CONNECTION_CLOSED);
  g_assert_nonnull (lp2p_connection_get_error (other));
  /* Each of them tells of it when its turn comes. */
  test_until (self->world, count_connections (self->a) + count_connections (self->b) == 0);
  g_assert_cmpint (lp2p_connection_get_state (self->connection), ==, LP2P_CONNECTION_CLOSED);
}

/* Whoever connects after an abort is not given what was aborted. */
static void
test_connect_after_abort (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) address = test_host_dup_address (self->b);
  g_autoptr (Lp2pConnection) again = NULL;

  pair_connect (self);
  lp2p_connection_abort (self->connection, 0);
  again = connect_to (self->a, address, NULL);
  g_assert_nonnull (again);
  g_assert_true (again != self->connection);
  g_assert_cmpint (lp2p_connection_get_state (again), ==, LP2P_CONNECTION_READY);
}

static void
test_close_host (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  g_autoptr (Lp2pMultiaddr) address = test_host_dup_address (self->b);
  g_autoptr (GError) error = NULL;

  test_stream_write (self->world, accepted, 20000, 0);
  test_host_close (self->b);
  test_host_close (self->b);
  test_stream_expect (self->world, stream, 20000, 0);
  error = test_stream_expect_failure (self->world, stream);
  g_clear_error (&error);
  test_until (self->world, count_connections (self->a) == 0);
  g_assert_null (connect_to (self->a, address, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);

  /* It can be asked still, but does nothing any more. */
  g_assert_null (connect_to (self->b, address, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  {
    g_autoptr (Lp2pMultiaddr) listen = parse (self->combination->transport->listen);
    g_autoptr (GAsyncResult) result = NULL;

    lp2p_host_listen_async (self->b->host, listen, NULL, test_take_result, &result);
    test_wait (self->world, result);
    g_assert_false (lp2p_host_listen_finish (self->b->host, result, &error));
    g_assert_nonnull (error);
  }
}

/* The other host is gone without a word. */
static void
test_drop_host (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) accepted = NULL;
  g_autoptr (Lp2pStream) stream = pair_open (self, &accepted);
  g_autoptr (GError) error = NULL;

  g_signal_handlers_disconnect_by_data (self->b->host, self->b);
  lp2p_host_remove_stream_handler (self->b->host, TEST_PROTOCOL);
  g_clear_object (&self->b->host);
  error = test_stream_expect_failure (self->world, stream);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST);
  g_clear_error (&error);
  error = test_stream_expect_failure (self->world, accepted);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

/* Listening */

static void
test_listen (Pair *self, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) address = parse (self->combination->transport->listen);
  g_autoptr (Lp2pMultiaddr) taken = test_host_dup_address (self->b);
  g_autoptr (Lp2pMultiaddr) strange = parse ("/ip4/1.2.3.4/udp/5/webrtc-direct");
  Lp2pMultiaddr *addresses[] = { address, taken, strange };

  for (guint i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      g_autoptr (Lp2pMultiaddr) plain = lp2p_multiaddr_without_peer_id (addresses[i]);
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;

      lp2p_host_listen_async (self->a->host, plain, NULL, test_take_result, &result);
      g_assert_null (result);
      test_wait (self->world, result);
      g_assert_cmpint (lp2p_host_listen_finish (self->a->host, result, &error), ==, i == 0);
      if (i == 1)
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
      if (i == 2)
        g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NO_TRANSPORT);
    }
  {
    g_autoptr (GPtrArray) known = lp2p_host_dup_listen_addresses (self->a->host);

    g_assert_cmpuint (known->len, ==, 2);
  }
}

/* Idle */

/* Connections that nobody uses cause no work but their keepalives: what each may is
 * counted exactly, so ten of them show it as well as a thousand. */
static void
test_idle (Pair *self, gconstpointer data)
{
  enum { N = 10 };
  TestHost *hosts[N];
  Lp2pConnection *connections[N];
  guint64 wakeups = 0;
  guint64 before;

  if (self->world->clock.is_spent != NULL)
    {
      g_test_skip ("Turns that end early are wakeups of their own");
      return;
    }
  for (guint i = 0; i < N; i++)
    {
      hosts[i] = pair_new_host (self, NULL);
      connections[i] = test_host_connect (hosts[i], self->b);
    }
  g_assert_cmpuint (count_connections (self->b), ==, N);
  test_world_advance (self->world, G_USEC_PER_SEC);

  before = lp2p_loop_get_wakeups (self->b->loop);
  for (guint i = 0; i < N; i++)
    before += lp2p_loop_get_wakeups (hosts[i]->loop);
  for (guint second = 0; second < 25; second++)
    {
      test_world_jump (self->world, G_USEC_PER_SEC);
      test_world_settle (self->world);
    }
  wakeups = lp2p_loop_get_wakeups (self->b->loop);
  for (guint i = 0; i < N; i++)
    wakeups += lp2p_loop_get_wakeups (hosts[i]->loop);
  /* On a slow line connecting took so long that the first ask already. A transport
   * with timers of its own may have other intervals. */
  if (self->combination->transport->config == NULL && !self->combination->transport->timers)
    g_assert_cmpuint (wakeups, ==, before);

  /* Ten minutes: each side may ask its peer every half minute, and answers. */
  for (guint second = 0; second < 600; second++)
    {
      test_world_jump (self->world, G_USEC_PER_SEC);
      if (self->world->real)
        for (guint i = 0; i < 3; i++)
          test_world_settle (self->world);
      else
        test_world_advance (self->world, 200 * 1000);
    }
  wakeups = lp2p_loop_get_wakeups (self->b->loop) - wakeups;
  for (guint i = 0; i < N; i++)
    {
      g_assert_cmpint (lp2p_connection_get_state (connections[i]), ==, LP2P_CONNECTION_READY);
      wakeups += lp2p_loop_get_wakeups (hosts[i]->loop);
    }
  /* Some transports take a ping in several pieces. */
  if (self->combination->transport->config == NULL)
    g_assert_cmpuint (wakeups, <, N * 12 * (600 * G_USEC_PER_SEC / KEEPALIVE_US));

  for (guint i = 0; i < N; i++)
    {
      g_object_unref (connections[i]);
      test_host_free (hosts[i]);
    }
}

/* Threads */

static gpointer
use_elsewhere (gpointer user_data)
{
  static const char *const protocols[] = { TEST_PROTOCOL, NULL };
  Pair *self = user_data;
  g_autoptr (GMainContext) context = g_main_context_new ();
  GAsyncResult *results[3] = { NULL };
  g_autoptr (GError) error = NULL;

  g_main_context_push_thread_default (context);
  lp2p_host_open_stream_async (self->a->host, lp2p_host_get_peer_id (self->b->host), protocols, LP2P_STREAM_NONE, NULL,
                               test_take_result, &results[0]);
  lp2p_host_close_async (self->a->host, NULL, test_take_result, &results[1]);
  lp2p_connection_close_async (self->connection, NULL, test_take_result, &results[2]);
  while (results[0] == NULL || results[1] == NULL || results[2] == NULL)
    g_main_context_iteration (context, TRUE);
  g_assert_null (lp2p_host_open_stream_finish (self->a->host, results[0], &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_WRONG_THREAD);
  g_clear_error (&error);
  g_assert_false (lp2p_host_close_finish (self->a->host, results[1], &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_WRONG_THREAD);
  g_clear_error (&error);
  g_assert_false (lp2p_connection_close_finish (self->connection, results[2], &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_WRONG_THREAD);
  for (guint i = 0; i < 3; i++)
    g_object_unref (results[i]);
  g_main_context_pop_thread_default (context);
  return NULL;
}

static void
test_wrong_thread (Pair *self, gconstpointer data)
{
  pair_connect (self);
  g_thread_join (g_thread_new ("elsewhere", use_elsewhere, self));
  g_assert_cmpint (lp2p_connection_get_state (self->connection), ==, LP2P_CONNECTION_READY);
}

/* Hosts, connections and their listeners start no thread. */
static void
test_no_threads (Pair *self, gconstpointer data)
{
  guint before = test_count_threads ();
  g_autoptr (GAsyncResult) result = NULL;

  pair_connect (self);
  start_close (self->connection, NULL, &result);
  test_wait (self->world, result);
  test_host_close (self->a);
  g_assert_cmpuint (test_count_threads (), ==, before);
}

static const PairTest tests[] = {
  { "connect", test_connect },
  { "connect-again", test_connect_again },
  { "connect-both", test_connect_both },
  { "connect-wrongly", test_connect_wrongly },
  { "several-addresses", test_several_addresses },
  { "cancel-connect", test_cancel_connect },
  { "cancel-open", test_cancel_open },
  { "open-stream", test_open_stream },
  { "handlers", test_handlers },
  { "stream-limit", test_stream_limit },
  { "connection-limit", test_connection_limit },
  { "close", test_close },
  { "close-drops", test_close_drops },
  { "cancel-close", test_cancel_close },
  { "abort", test_abort },
  { "connect-after-abort", test_connect_after_abort },
  { "close-host", test_close_host },
  { "drop-host", test_drop_host },
  { "listen", test_listen },
  { "idle", test_idle },
  { "wrong-thread", test_wrong_thread },
  { "no-threads", test_no_threads },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  combination_add_tests ("host", tests, G_N_ELEMENTS (tests));
  return g_test_run ();
}
