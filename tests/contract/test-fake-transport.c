/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the host must do for transports that are more than a byte stream: those of
 * fake-transport.c and fake-relay.c. Early data is in test-fake-early.c. */

#include <lp2p/interfaces/lp2p-datagrams.h>

#include "fake-fixture.h"

/* Sessions of a transport's own */

static void
test_native (FakeFixture *self, gconstpointer data)
{
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pStream) other = NULL;
  Lp2pConnection *at_b;

  self->b = fake_new_plain_host (self, "");
  connection = test_host_connect (self->a, self->b);
  stream = test_host_open (self->a, connection);
  test_stream_write (self->world, stream, 10, 0);
  other = test_host_accept (self->b);
  test_stream_expect (self->world, other, 10, 0);
  fake_check_both_ways (self, stream, other);

  at_b = lp2p_stream_get_connection (other);
  g_assert_cmpstr (lp2p_connection_get_transport (connection), ==, "fake");
  g_assert_cmpstr (lp2p_connection_get_security (connection), ==, "fake-tls");
  g_assert_cmpstr (lp2p_connection_get_muxer (at_b), ==, "native");
  g_assert_cmpint (lp2p_connection_get_direction (connection), ==, LP2P_ROLE_INITIATOR);
  g_assert_cmpint (lp2p_connection_get_direction (at_b), ==, LP2P_ROLE_RESPONDER);
  g_assert_nonnull (lp2p_connection_get_socket_id (at_b));
  g_assert_true (lp2p_peer_id_equal (lp2p_connection_get_remote_peer (at_b), lp2p_host_get_peer_id (self->a->host)));
  g_assert_cmpuint (lp2p_connection_get_bytes_read (at_b), ==, lp2p_connection_get_bytes_written (connection));
}

/* Addresses that come late and rotate */

static void
count_signal (gpointer instance, guint *count)
{
  ++*count;
}

static void
test_addresses (FakeFixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) none = NULL;
  g_autoptr (GPtrArray) first = NULL;
  g_autoptr (GPtrArray) second = NULL;
  g_autoptr (GPtrArray) all = NULL;
  g_autoptr (GPtrArray) listeners = NULL;
  g_autoptr (Lp2pMultiaddr) mapped = lp2p_multiaddr_new_from_string ("/ip4/192.0.2.1/udp/1234", NULL);
  g_autoptr (Lp2pMultiaddr) other = lp2p_multiaddr_new_from_string ("/ip4/192.0.2.1/udp/1235", NULL);
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pMultiaddr) old = NULL;
  const char *socket_id;
  g_autoptr (GError) error = NULL;
  guint changes = 0;

  self->b = fake_new_plain_host (self, "late-ms=100\nrotate-ms=1000");
  g_signal_connect (self->b->context, "addresses-changed", G_CALLBACK (count_signal), &changes);
  listeners = lp2p_context_dup_listeners (self->b->context);
  socket_id = lp2p_listener_get_socket_id (listeners->pdata[0]);
  none = lp2p_context_dup_addresses (self->b->context);
  g_assert_cmpuint (none->len, ==, 0);
  test_world_advance (self->world, 200 * 1000);
  first = lp2p_context_dup_addresses (self->b->context);
  g_assert_cmpuint (first->len, ==, 2);
  g_assert_cmpuint (changes, >=, 1);
  changes = 0;

  test_world_advance (self->world, 1000 * 1000);
  second = lp2p_context_dup_addresses (self->b->context);
  g_assert_cmpuint (changes, ==, 1);
  g_assert_cmpuint (second->len, ==, 2);
  g_assert_true (lp2p_multiaddr_equal (first->pdata[0], second->pdata[0]));
  g_assert_false (lp2p_multiaddr_equal (first->pdata[1], second->pdata[1]));

  /* A NAT's address stands for the bound one. */
  lp2p_context_add_mapped_address (self->b->context, socket_id, mapped, TRUE);
  lp2p_context_add_mapped_address (self->b->context, "another socket", other, TRUE);
  test_world_settle (self->world);
  g_assert_cmpuint (changes, ==, 2);
  all = lp2p_context_dup_addresses (self->b->context);
  g_assert_cmpuint (all->len, ==, 4);
  for (guint i = 2; i < 4; i++)
    {
      g_assert_true (lp2p_multiaddr_has_prefix (all->pdata[i], mapped));
      g_assert_cmpint (lp2p_multiaddr_find (all->pdata[i], LP2P_PROTOCOL_QUIC_V1, 0), ==, 2);
    }
  lp2p_context_add_mapped_address (self->b->context, socket_id, mapped, FALSE);
  g_clear_pointer (&all, g_ptr_array_unref);
  all = lp2p_context_dup_addresses (self->b->context);
  g_assert_cmpuint (all->len, ==, 2);

  /* Who learned of the old one gets through as long as it lasts. */
  old = lp2p_multiaddr_without_peer_id (first->pdata[1]);
  connection = fake_connect (self->a, self->b, old, &error);
  g_assert_no_error (error);
  lp2p_connection_abort (connection, 0);
  test_until (self->world, fake_count_connections (self->a) + fake_count_connections (self->b) == 0);
  test_world_advance (self->world, 3 * G_USEC_PER_SEC);
  g_assert_null (fake_connect (self->a, self->b, old, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_HANDSHAKE);
  g_signal_handlers_disconnect_by_data (self->b->context, &changes);
}

/* Over a relay: the transport opens streams through its context */

static TestHost *
new_relayed_host (FakeFixture *self, TestHost *relay, const char *options)
{
  g_autoptr (Lp2pMultiaddr) address = fake_dup_address (relay);
  g_autoptr (Lp2pMultiaddr) named = lp2p_multiaddr_with_peer_id (address, lp2p_host_get_peer_id (relay->host));
  g_autofree char *listen = g_strdup_printf ("/ip4/127.0.0.1/udp/0/quic-v1','%s/p2p-circuit",
                                             lp2p_multiaddr_get_string (named));

  return fake_new_host (self, listen, options);
}

static Lp2pMultiaddr *
dup_relayed_address (FakeFixture *self, TestHost *host)
{
  Lp2pMultiaddr *found = NULL;

  while (found == NULL)
    {
      g_autoptr (GPtrArray) addresses = lp2p_context_dup_addresses (host->context);

      for (guint i = 0; i < addresses->len && found == NULL; i++)
        if (lp2p_multiaddr_find (addresses->pdata[i], LP2P_PROTOCOL_P2P_CIRCUIT, 0) >= 0)
          found = lp2p_multiaddr_ref (addresses->pdata[i]);
      if (found == NULL)
        test_world_advance (self->world, 10 * 1000);
    }
  return found;
}

static Lp2pConnection *
connect_relayed (FakeFixture *self, GError **error)
{
  g_autoptr (Lp2pMultiaddr) address = NULL;

  self->c = fake_new_plain_host (self, "");
  self->b = new_relayed_host (self, self->c, "");
  address = dup_relayed_address (self, self->b);
  return fake_connect (self->a, self->b, address, error);
}

static void
test_relayed (FakeFixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConnection) connection = connect_relayed (self, &error);
  g_autoptr (Lp2pStream) stream = NULL;
  g_autoptr (Lp2pStream) other = NULL;

  g_assert_no_error (error);
  g_assert_cmpstr (lp2p_connection_get_transport (connection), ==, "fake-relay");
  g_assert_cmpstr (lp2p_connection_get_security (connection), ==, "noise");
  g_assert_cmpstr (lp2p_connection_get_muxer (connection), ==, "yamux");
  g_assert_cmpint (lp2p_connection_get_direction (connection), ==, LP2P_ROLE_INITIATOR);
  g_assert_true (lp2p_connection_get_limited (connection));
  g_assert_true (lp2p_peer_id_equal (lp2p_connection_get_remote_peer (connection),
                                     lp2p_host_get_peer_id (self->b->host)));

  /* Both sides must allow it. */
  g_assert_null (fake_open (self->a, self->b, LP2P_STREAM_NO_DIAL, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NO_ADDRESS);
  g_clear_error (&error);
  stream = fake_open (self->a, self->b, LP2P_STREAM_ALLOW_LIMITED, &error);
  g_assert_no_error (error);
  error = test_stream_expect_failure (self->world, stream);
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);
  g_clear_object (&stream);

  fake_serve (self->b, LP2P_HANDLER_ALLOW_LIMITED);
  stream = fake_open (self->a, self->b, LP2P_STREAM_ALLOW_LIMITED, &error);
  test_stream_write (self->world, stream, 1, 0);
  other = test_host_accept (self->b);
  test_stream_expect (self->world, other, 1, 0);
  g_assert_true (lp2p_connection_get_limited (lp2p_stream_get_connection (other)));
  fake_check_both_ways (self, stream, other);
}

/* Where only one side turns the roles round, nobody, or both, begin. */
static void
test_roles (FakeFixture *self, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) address = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;

  self->c = fake_new_plain_host (self, "");
  self->b = new_relayed_host (self, self->c, "[plugin fake-relay]\ninverted=false");
  address = dup_relayed_address (self, self->b);
  connection = fake_connect (self->a, self->b, address, &error);
  g_assert_null (connection);
  g_assert_nonnull (error);
  g_clear_error (&error);

  /* A role that the dialer fixes holds against what the transport says. */
  options.allow_limited = TRUE;
  options.security_role = LP2P_ROLE_INITIATOR;
  options.muxer_role = LP2P_ROLE_INITIATOR;
  fake_start_connect (self->a, self->b, address, &options, &result);
  connection = fake_finish_connect (self->a, &result, &error);
  g_assert_no_error (error);
}

static void
test_several_connections (FakeFixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConnection) relayed = connect_relayed (self, &error);
  g_autoptr (Lp2pMultiaddr) address = fake_dup_address (self->b);
  g_autoptr (Lp2pConnection) direct = NULL;
  g_autoptr (GPtrArray) connections = NULL;
  g_autoptr (Lp2pStream) best = NULL;
  g_autoptr (Lp2pStream) rest = NULL;
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  GAsyncResult *result = NULL;

  g_assert_no_error (error);
  options.force_direct = TRUE;
  fake_start_connect (self->a, self->b, address, &options, &result);
  direct = fake_finish_connect (self->a, &result, &error);
  g_assert_no_error (error);
  g_assert_false (lp2p_connection_get_limited (direct));
  g_assert_true (direct != relayed);
  connections = lp2p_context_dup_connections (self->a->context, lp2p_host_get_peer_id (self->b->host));
  g_assert_cmpuint (connections->len, ==, 2);
  g_assert_true (connections->pdata[0] == direct);

  best = fake_open (self->a, self->b, LP2P_STREAM_ALLOW_LIMITED, &error);
  g_assert_no_error (error);
  g_assert_true (lp2p_stream_get_connection (best) == direct);
  lp2p_connection_abort (direct, 0);
  test_until (self->world, lp2p_connection_get_state (direct) == LP2P_CONNECTION_CLOSED);
  rest = fake_open (self->a, self->b, LP2P_STREAM_ALLOW_LIMITED, &error);
  g_assert_no_error (error);
  g_assert_true (lp2p_stream_get_connection (rest) == relayed);
  g_assert_null (fake_open (self->a, self->b, LP2P_STREAM_NO_DIAL, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_NO_ADDRESS);
}

/* Datagrams */

typedef struct
{
  GPtrArray *received;
  guint writable;
  gboolean inside;
} Listening;

static void
on_received (Lp2pDatagrams *datagrams, GBytes *datagram, Listening *listening)
{
  g_assert_false (listening->inside);
  g_ptr_array_add (listening->received, g_bytes_ref (datagram));
}

static void
on_writable (Lp2pDatagrams *datagrams, Listening *listening)
{
  listening->writable++;
}

static gboolean
send_datagram (Lp2pDatagrams *datagrams, gsize size, Listening *listening, GError **error)
{
  g_autoptr (GBytes) datagram = g_bytes_new_take (g_malloc0 (size), size);
  gboolean sent;

  listening->inside = TRUE;
  sent = lp2p_datagrams_send (datagrams, datagram, error);
  listening->inside = FALSE;
  return sent;
}

static void
test_datagrams (FakeFixture *self, gconstpointer data)
{
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pConnection) at_b = NULL;
  g_autoptr (GError) error = NULL;
  Listening listening = { g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref), 0, FALSE };
  Lp2pDatagrams *other;
  g_autoptr (Lp2pDatagrams) datagrams = NULL;
  gsize size;
  guint sent = 0;

  self->b = fake_new_plain_host (self, "");
  connection = test_host_connect (self->a, self->b);
  at_b = g_list_model_get_item (lp2p_host_get_connections (self->b->host), 0);
  datagrams = g_object_ref (LP2P_DATAGRAMS (lp2p_connection_get_capability (connection, LP2P_TYPE_DATAGRAMS)));
  other = LP2P_DATAGRAMS (lp2p_connection_get_capability (at_b, LP2P_TYPE_DATAGRAMS));
  g_assert_null (lp2p_connection_get_capability (connection, LP2P_TYPE_TRANSPORT));
  g_signal_connect (other, "received", G_CALLBACK (on_received), &listening);
  g_signal_connect (datagrams, "writable", G_CALLBACK (on_writable), &listening);

  size = lp2p_datagrams_get_max_size (datagrams);
  g_assert_cmpuint (size, >, 0);
  g_assert_false (send_datagram (datagrams, size + 1, &listening, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_clear_error (&error);
  while (send_datagram (datagrams, size, &listening, &error))
    sent++;
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_clear_error (&error);
  g_assert_cmpuint (sent, >, 0);
  test_until (self->world, listening.writable == 1);
  g_assert_cmpuint (listening.received->len, ==, sent);
  g_assert_cmpuint (g_bytes_get_size (listening.received->pdata[0]), ==, size);
  g_assert_true (send_datagram (datagrams, 0, &listening, &error));

  /* It may outlive its connection. */
  lp2p_connection_abort (connection, 0);
  test_until (self->world, fake_count_connections (self->a) + fake_count_connections (self->b) == 0);
  g_assert_null (lp2p_connection_get_capability (connection, LP2P_TYPE_DATAGRAMS));
  g_assert_cmpuint (lp2p_datagrams_get_max_size (datagrams), ==, 0);
  g_assert_false (send_datagram (datagrams, 1, &listening, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_ptr_array_unref (listening.received);
}

/* Datagrams have no early form: they would be replayed. */
static void
test_datagrams_early (FakeFixture *self, gconstpointer data)
{
  g_autoptr (Lp2pStream) stream = NULL;
  Lp2pConnection *connection;

  self->b = fake_new_plain_host (self, "");
  fake_become_acquainted (self);
  stream = fake_open_early (self);
  connection = lp2p_stream_get_connection (stream);
  g_assert_null (lp2p_connection_get_capability (connection, LP2P_TYPE_DATAGRAMS));
  test_until (self->world, lp2p_connection_get_state (connection) == LP2P_CONNECTION_READY);
  g_assert_nonnull (lp2p_connection_get_capability (connection, LP2P_TYPE_DATAGRAMS));
}

/* Hole punching */

static void
test_punch (FakeFixture *self, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) to_a = fake_dup_address (self->a);
  g_autoptr (Lp2pMultiaddr) to_b = NULL;
  g_autoptr (Lp2pConnection) dialed = NULL;
  g_autoptr (Lp2pConnection) punched = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  GAsyncResult *punching = NULL;

  self->b = fake_new_plain_host (self, "nat=true");
  to_b = fake_dup_address (self->b);
  g_assert_null (fake_connect (self->a, self->b, to_b, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);

  options.force_direct = TRUE;
  options.punch_at = lp2p_loop_now (self->b->loop);
  options.punch_deadline = options.punch_at + G_USEC_PER_SEC;
  fake_start_connect (self->b, self->a, to_a, &options, &punching);
  test_world_settle (self->world);
  g_assert_null (punching);
  dialed = fake_connect (self->a, self->b, to_b, &error);
  g_assert_no_error (error);
  punched = fake_finish_connect (self->b, &punching, &error);
  g_assert_no_error (error);
  g_assert_cmpint (lp2p_connection_get_direction (punched), ==, LP2P_ROLE_RESPONDER);
  g_assert_true (lp2p_peer_id_equal (lp2p_connection_get_remote_peer (punched), lp2p_host_get_peer_id (self->a->host)));

  lp2p_connection_abort (dialed, 0);
  test_until (self->world, fake_count_connections (self->b) == 0);
  options.punch_deadline = lp2p_loop_now (self->b->loop) + G_USEC_PER_SEC;
  fake_start_connect (self->b, self->a, to_a, &options, &punching);
  g_assert_null (fake_finish_connect (self->b, &punching, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  FAKE_ADD ("/fake-transport/native", NULL, test_native);
  FAKE_ADD ("/fake-transport/addresses", NULL, test_addresses);
  FAKE_ADD ("/fake-transport/relayed", NULL, test_relayed);
  FAKE_ADD ("/fake-transport/roles", NULL, test_roles);
  FAKE_ADD ("/fake-transport/several-connections", NULL, test_several_connections);
  FAKE_ADD ("/fake-transport/datagrams", NULL, test_datagrams);
  FAKE_ADD ("/fake-transport/datagrams-early", NULL, test_datagrams_early);
  FAKE_ADD ("/fake-transport/punch", NULL, test_punch);
  return g_test_run ();
}
