/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fake-fixture.h"

TestHost *
fake_new_host (FakeFixture *self, const char *listen, const char *options)
{
  g_autofree char *config = g_strdup_printf ("[host]\n"
                                             "transports=['fake','fake-relay']\n"
                                             "security=['noise']\nmuxers=['yamux']\nservices=[]\n"
                                             "listen=['%s']\n%s\n",
                                             listen, options);

  return test_host_new (self->world, config);
}

TestHost *
fake_new_plain_host (FakeFixture *self, const char *options)
{
  g_autofree char *text = g_strdup_printf ("[plugin fake]\n%s", options);

  return fake_new_host (self, "/ip4/127.0.0.1/udp/0/quic-v1", text);
}

void
fake_set_up (FakeFixture *self, gconstpointer data)
{
  self->world = test_world_new (FALSE);
  self->a = fake_new_plain_host (self, "");
}

void
fake_tear_down (FakeFixture *self, gconstpointer data)
{
  TestHost *hosts[] = { self->a, self->b, self->c };

  for (guint i = 0; i < G_N_ELEMENTS (hosts); i++)
    if (hosts[i] != NULL)
      test_host_free (hosts[i]);
  test_world_free (self->world);
}

Lp2pMultiaddr *
fake_dup_address (TestHost *host)
{
  g_autoptr (Lp2pMultiaddr) address = test_host_dup_address (host);

  return lp2p_multiaddr_without_peer_id (address);
}

void
fake_start_connect (TestHost *host, TestHost *other, Lp2pMultiaddr *address, const Lp2pDialOptions *options, GAsyncResult **result)
{
  g_autoptr (GPtrArray) addresses = g_ptr_array_new ();

  g_ptr_array_add (addresses, address);
  lp2p_context_connect_async (host->context, lp2p_host_get_peer_id (other->host), addresses, options, NULL,
                              test_take_result, result);
}

Lp2pConnection *
fake_finish_connect (TestHost *host, GAsyncResult **result, GError **error)
{
  Lp2pConnection *connection;

  test_wait (host->world, *result);
  connection = lp2p_context_connect_finish (host->context, *result, error);
  g_clear_object (result);
  return connection;
}

Lp2pConnection *
fake_connect (TestHost *host, TestHost *other, Lp2pMultiaddr *address, GError **error)
{
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  GAsyncResult *result = NULL;

  options.allow_limited = TRUE;
  fake_start_connect (host, other, address, &options, &result);
  return fake_finish_connect (host, &result, error);
}

void
fake_start_open (TestHost *host, TestHost *other, Lp2pStreamFlags flags, GAsyncResult **result)
{
  static const char *const protocols[] = { TEST_PROTOCOL, NULL };

  lp2p_host_open_stream_async (host->host, lp2p_host_get_peer_id (other->host), protocols, flags, NULL,
                               test_take_result, result);
}

Lp2pStream *
fake_finish_open (TestHost *host, GAsyncResult **result, GError **error)
{
  Lp2pStream *stream;

  test_wait (host->world, *result);
  stream = lp2p_host_open_stream_finish (host->host, *result, error);
  g_clear_object (result);
  return stream;
}

Lp2pStream *
fake_open (TestHost *host, TestHost *other, Lp2pStreamFlags flags, GError **error)
{
  GAsyncResult *result = NULL;

  fake_start_open (host, other, flags, &result);
  return fake_finish_open (host, &result, error);
}

static void
keep_stream (Lp2pStream *stream, gpointer user_data)
{
  g_queue_push_tail (user_data, g_object_ref (stream));
}

void
fake_serve (TestHost *host, Lp2pHandlerFlags flags)
{
  lp2p_host_set_stream_handler (host->host, TEST_PROTOCOL, flags, keep_stream, &host->streams, NULL);
}

guint
fake_count_connections (TestHost *host)
{
  return g_list_model_get_n_items (lp2p_host_get_connections (host->host));
}

Lp2pConnectionState
fake_get_state (Lp2pStream *stream)
{
  return lp2p_connection_get_state (lp2p_stream_get_connection (stream));
}

void
fake_check_both_ways (FakeFixture *self, Lp2pStream *one, Lp2pStream *other)
{
  test_stream_write (self->world, one, 1000, 0);
  test_stream_expect (self->world, other, 1000, 0);
  test_stream_write (self->world, other, 500, 1000);
  test_stream_expect (self->world, one, 500, 1000);
}

void
fake_become_acquainted (FakeFixture *self)
{
  g_autoptr (Lp2pConnection) connection = test_host_connect (self->a, self->b);
  g_autoptr (GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  Lp2pPeerInfo info = { .addresses = addresses };

  g_ptr_array_add (addresses, fake_dup_address (self->b));
  lp2p_context_update_peer (self->a->context, lp2p_host_get_peer_id (self->b->host), &info);
  lp2p_connection_abort (connection, 0);
  test_until (self->world, fake_count_connections (self->a) + fake_count_connections (self->b) == 0);
}

Lp2pStream *
fake_open_early (FakeFixture *self)
{
  g_autoptr (GError) error = NULL;
  Lp2pStream *stream = fake_open (self->a, self->b, LP2P_STREAM_REPLAY_SAFE, &error);

  g_assert_no_error (error);
  g_assert_cmpint (fake_get_state (stream), ==, LP2P_CONNECTION_EARLY);
  g_assert_cmpuint (fake_count_connections (self->a), ==, 0);
  return stream;
}
