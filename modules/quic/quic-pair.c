/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "quic-pair.h"

void
quic_pair_init (QuicPair *self)
{
  *self = (QuicPair){ .world = test_world_new (TRUE) };
  self->world->ticking = TRUE;
  self->wire = test_wire_new (self->world);
  quic_host_init (&self->listener, self->world, NULL, 0);
  quic_host_init (&self->dialer, self->world, NULL, -1);
  test_wire_set_server (self->wire, g_ntohs (self->listener.address.sin_port));
  self->listener.address.sin_port = g_htons (test_wire_get_port (self->wire));
  self->raw[0] = quic_host_dial (&self->dialer, &self->listener, NULL);
  g_assert_nonnull (self->raw[0]);
  test_until (self->world, (self->raw[1] = test_context_take_inbound (self->listener.context)) != NULL);
  self->dialed = self->raw[0]->session;
  self->accepted = self->raw[1]->session;
  test_world_advance (self->world, G_USEC_PER_SEC);
}

void
quic_pair_clear (QuicPair *self)
{
  for (guint i = 0; i < 2; i++)
    g_clear_pointer (&self->raw[i], lp2p_raw_connection_free);
  quic_host_clear (&self->dialer);
  quic_host_clear (&self->listener);
  test_wire_free (self->wire);
  test_world_free (self->world);
}
