/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "old-listener.h"

#include <string.h>

#include <lp2p/net/lp2p-multistream-layer.h>

static gpointer
find_extension (GPtrArray *extensions, const char *name)
{
  for (guint i = 0; i < extensions->len; i++)
    if (g_strcmp0 (lp2p_extension_get_name (g_ptr_array_index (extensions, i)), name) == 0)
      return g_ptr_array_index (extensions, i);
  g_assert_not_reached ();
}

void
old_init (Old *self, DialFixture *fixture)
{
  *self = (Old){ { NULL } };
  stranger_init (&self->stranger, fixture);
  if (fixture->network != NULL)
    scripted_transport_route (fixture->network, "one", ONE, 0, self->stranger.address);
}

void
old_clear (Old *self)
{
  g_clear_pointer (&self->peer, lp2p_peer_id_unref);
  g_clear_pointer (&self->key, lp2p_public_key_unref);
  stranger_clear (&self->stranger);
}

static gboolean
match (const char *protocol, gpointer data)
{
  return strcmp (protocol, data) == 0;
}

/* As a listener agrees to a protocol, and to no other one. */
static void
agree (DialFixture *fixture, Lp2pLayer *layer, const char *protocol)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *agreed = NULL;

  lp2p_layer_negotiate_async (layer, lp2p_multistream_new_listener (match, (gpointer) protocol), NULL, test_take_result,
                              &result);
  test_wait (fixture->world, result);
  agreed = lp2p_layer_negotiate_finish (result, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (agreed, ==, protocol);
}

Lp2pLayer *
old_accept_as (Old *self, DialFixture *fixture, Lp2pSecurity *security)
{
  Lp2pSecurityParams params = { .role = LP2P_ROLE_RESPONDER };
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (Lp2pSecurityResult) secured = NULL;
  Lp2pLayer *layer = stranger_accept (&self->stranger, fixture);

  agree (fixture, layer, "/noise");
  lp2p_security_secure_async (security, layer, &params, NULL, test_take_result, &result);
  test_wait (fixture->world, result);
  secured = lp2p_security_secure_finish (security, result, NULL);
  if (secured == NULL)
    return NULL;
  g_clear_pointer (&self->peer, lp2p_peer_id_unref);
  g_clear_pointer (&self->key, lp2p_public_key_unref);
  self->peer = g_steal_pointer (&secured->remote_peer);
  self->key = g_steal_pointer (&secured->remote_key);
  return g_steal_pointer (&secured->layer);
}

Lp2pLayer *
old_accept (Old *self, DialFixture *fixture)
{
  Lp2pLayer *layer = old_accept_as (self, fixture, find_extension (dial_swarm (fixture->b)->securities, "noise"));

  g_assert_nonnull (layer);
  return layer;
}

void
old_serve (Old *self, DialFixture *fixture, Lp2pLayer *layer, const char *name)
{
  Lp2pSwarm *swarm = dial_swarm (fixture->b);
  Lp2pMuxer *muxer = find_extension (swarm->muxers, name);
  Lp2pMuxerParams params = { .role = LP2P_ROLE_RESPONDER, .remote_peer = self->peer, .max_streams = 100 };
  Lp2pRawConnection *raw;

  agree (fixture, layer, lp2p_muxer_get_protocol (muxer));
  raw = lp2p_raw_connection_new_session (lp2p_muxer_create_session (muxer, layer, &params), "memory",
                                         LP2P_ROLE_RESPONDER);
  raw->security = g_intern_static_string ("noise");
  raw->muxer = g_intern_string (name);
  raw->remote_address = lp2p_multiaddr_new_from_string ("/memory/1", NULL);
  raw->remote_peer = lp2p_peer_id_ref (self->peer);
  raw->remote_key = lp2p_public_key_ref (self->key);
  lp2p_context_offer_inbound (fixture->b->context, raw);
}

gboolean
old_has_mplex (void)
{
  g_auto (GStrv) muxers = test_list_plugins ("muxer");

  if (g_strv_contains ((const char *const *) muxers, "mplex"))
    return TRUE;
  g_test_skip ("there is no second muxer: mplex is not built");
  return FALSE;
}
