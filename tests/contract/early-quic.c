/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Early data of QUIC, over a wire on which a datagram takes 25 ms. */

#include "early-fixture.h"

void
early_set_up (EarlyFixture *self, gconstpointer data)
{
  self->parent.world = test_world_new (TRUE);
  self->parent.world->ticking = TRUE;
  self->wire = test_wire_new (self->parent.world);
  self->parent.a = test_host_new (self->parent.world, "[host]\ntransports=['quic-v1']\nservices=[]\nlisten=[]\n");
}

void
early_tear_down (EarlyFixture *self, gconstpointer data)
{
  TestHost *hosts[] = { self->parent.a, self->parent.b, self->parent.c };

  for (guint i = 0; i < G_N_ELEMENTS (hosts); i++)
    if (hosts[i] != NULL)
      test_host_free (hosts[i]);
  test_wire_free (self->wire);
  test_world_free (self->parent.world);
}

TestHost *
early_new_server (EarlyFixture *self, const char *options)
{
  TestHost *host = test_host_new (self->parent.world, "[host]\ntransports=['quic-v1']\nservices=[]\n"
                                                      "listen=['/ip4/127.0.0.1/udp/0/quic-v1']\n");
  g_autoptr (Lp2pMultiaddr) address = test_host_dup_address (host);
  g_autofree char *port = lp2p_multiaddr_get_component_string (address, 1);

  test_wire_set_server (self->wire, g_ascii_strtoull (port, NULL, 10));
  self->refuses = g_strcmp0 (options, "early-data=false") == 0;
  return host;
}

static gboolean
has_ticket (EarlyFixture *self)
{
  g_autoptr (GBytes) ticket = lp2p_context_get_peer_data (self->parent.a->context,
                                                          lp2p_host_get_peer_id (self->parent.b->host), "quic-engine",
                                                          "ticket libp2p");

  return ticket != NULL;
}

/* Whoever allows less than before cannot take what was sent early. */
static void
shrink (TestHost *host)
{
  g_autoptr (GError) error = NULL;

  lp2p_config_set_from_string (lp2p_host_get_config (host->host), "plugin quic-v1", "max-stream-window", "131072",
                               &error);
  g_assert_no_error (error);
}

void
early_become_acquainted (EarlyFixture *self)
{
  TestHost *a = self->parent.a;
  TestHost *b = self->parent.b;
  g_autofree char *text = g_strdup_printf ("/ip4/127.0.0.1/udp/%u/quic-v1", test_wire_get_port (self->wire));
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);
  g_autoptr (GPtrArray) addresses = g_ptr_array_new ();
  Lp2pPeerInfo info = { .addresses = addresses };
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pConnection) connection = fake_connect (a, b, address, &error);

  g_assert_no_error (error);
  g_ptr_array_add (addresses, address);
  lp2p_context_update_peer (a->context, lp2p_host_get_peer_id (b->host), &info);
  test_until (self->parent.world, has_ticket (self));
  lp2p_connection_abort (connection, 0);
  test_until (self->parent.world, fake_count_connections (a) + fake_count_connections (b) == 0);
  if (self->refuses)
    shrink (b);
}

TestHost *
early_replace_server (EarlyFixture *self)
{
  test_host_close (self->parent.b);
  return early_new_server (self, "");
}

void
early_silence (EarlyFixture *self)
{
  test_wire_set_silent (self->wire, TRUE);
}
