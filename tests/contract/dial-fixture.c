/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dial-fixture.h"

TestHost *
dial_new_host (DialFixture *self, const char *more)
{
  g_autofree char *config = g_strdup_printf ("[host]\ntransports=['memory']\nservices=[]\nlisten=['/memory/0']\n%s\n", more);

  return test_host_new (self->world, config);
}

void
dial_set_up (DialFixture *self, gconstpointer data)
{
  self->world = test_world_new (FALSE);
  self->a = dial_new_host (self, data != NULL ? data : "");
  self->b = dial_new_host (self, "");
  self->to_b = test_host_dup_address (self->b);
  self->network = scripted_transport_new (self->a, FALSE);
}

void
dial_tear_down (DialFixture *self, gconstpointer data)
{
  lp2p_multiaddr_unref (self->to_b);
  if (self->a->host != NULL)
    test_host_free (self->a);
  test_host_free (self->b);
  test_world_free (self->world);
}

Lp2pSwarm *
dial_swarm (TestHost *host)
{
  return lp2p_host_get_swarm (host->host);
}

Lp2pPeerId *
dial_peer (TestHost *host)
{
  return lp2p_host_get_peer_id (host->host);
}

static GPtrArray *
parse_all (const char *const *texts)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  for (guint i = 0; texts != NULL && texts[i] != NULL; i++)
    {
      Lp2pMultiaddr *address = lp2p_multiaddr_new_from_string (texts[i], NULL);

      g_assert_nonnull (address);
      g_ptr_array_add (addresses, address);
    }
  return addresses;
}

void
dial_learn (DialFixture *self, const char *const *texts)
{
  g_autoptr (GPtrArray) addresses = parse_all (texts);
  Lp2pPeerInfo info = { .addresses = addresses, .lifetime = 100000 };

  lp2p_context_update_peer (self->a->context, dial_peer (self->b), &info);
}

void
dial_start (DialFixture *self, const char *const *given, const Lp2pDialOptions *options, GCancellable *cancellable, GAsyncResult **result)
{
  g_autoptr (GPtrArray) addresses = parse_all (given);

  lp2p_context_connect_async (self->a->context, dial_peer (self->b), addresses, options, cancellable, test_take_result,
                              result);
  g_assert_null (*result);
}

Lp2pConnection *
dial_finish (DialFixture *self, GAsyncResult **result, GError **error)
{
  Lp2pConnection *connection;

  test_wait (self->world, *result);
  connection = lp2p_context_connect_finish (self->a->context, *result, error);
  g_clear_object (result);
  return connection;
}

Lp2pConnection *
dial (DialFixture *self, const char *const *given, const Lp2pDialOptions *options, GError **error)
{
  GAsyncResult *result = NULL;

  dial_start (self, given, options, NULL, &result);
  return dial_finish (self, &result, error);
}

guint
dial_count (TestHost *host)
{
  return dial_swarm (host)->all_connections->len;
}

void
dial_assert_log (DialFixture *self, const char *expected)
{
  g_assert_cmpstr (self->network->log->str, ==, expected);
  g_string_truncate (self->network->log, 0);
  self->network->epoch = self->world->now;
}

void
dial_assert_clean (DialFixture *self, guint n_connections)
{
  test_world_advance (self->world, G_USEC_PER_SEC);
  g_assert_cmpuint (self->network->n_pending, ==, 0);
  g_assert_cmpuint (dial_swarm (self->a)->dials->n_attempts, ==, 0);
  g_assert_cmpuint (dial_swarm (self->a)->dials->running->len, ==, 0);
  g_assert_cmpuint (dial_swarm (self->b)->limits->n_handshakes, ==, 0);
  g_assert_cmpuint (dial_count (self->a), ==, n_connections);
  g_assert_cmpuint (dial_count (self->b), ==, n_connections);
}

void
dial_drop (DialFixture *self, Lp2pConnection *connection)
{
  lp2p_connection_abort (connection, LP2P_CODE_NONE);
  g_object_unref (connection);
  test_until (self->world, dial_count (self->a) == 0 && dial_count (self->b) == 0);
}

void
stranger_init (Stranger *self, DialFixture *fixture)
{
  g_autoptr (Lp2pMultiaddr) any = lp2p_multiaddr_new_from_string ("/memory/0", NULL);
  g_autoptr (GPtrArray) bound = NULL;

  self->context = test_context_new (fixture->world);
  self->transport = test_plugin_new (self->context, "memory");
  self->listener = lp2p_transport_listen (self->transport, any, NULL);
  bound = lp2p_listener_dup_addresses (self->listener);
  self->address = lp2p_multiaddr_ref (g_ptr_array_index (bound, 0));
}

void
stranger_clear (Stranger *self)
{
  lp2p_multiaddr_unref (self->address);
  lp2p_listener_close (self->listener);
  g_object_unref (self->listener);
  test_context_drop_inbound (self->context);
  test_plugin_free (self->transport);
  g_object_unref (self->context);
}

Lp2pLayer *
stranger_accept (Stranger *self, DialFixture *fixture)
{
  Lp2pRawConnection *raw;
  Lp2pLayer *layer;

  test_until (fixture->world, self->context->inbound.length > 0);
  raw = test_context_take_inbound (self->context);
  layer = lp2p_raw_connection_steal_layer (raw);
  lp2p_raw_connection_free (raw);
  return layer;
}
