/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "quic-pair.h"

void
quic_pair_init (QuicPair *self, const char *config, gboolean wired)
{
  self->world = test_world_new (TRUE);
  self->world->ticking = wired;
  quic_host_init (&self->listener, self->world, config, 0);
  quic_host_init (&self->dialer, self->world, NULL, -1);
  if (!wired)
    return;
  self->wire = test_wire_new (self->world);
  test_wire_set_server (self->wire, g_ntohs (self->listener.address.sin_port));
  self->listener.address.sin_port = g_htons (test_wire_get_port (self->wire));
}

/* The client is done with the handshake half a round trip before the server. */
void
quic_pair_connect (QuicPair *self)
{
  g_autoptr (GError) error = NULL;

  self->raw[0] = quic_host_dial (&self->dialer, &self->listener, &error);
  g_assert_no_error (error);
  test_world_settle (self->world);
  if (self->wire != NULL)
    test_until (self->world, self->listener.context->inbound.length > 0);
  self->raw[1] = test_context_take_inbound (self->listener.context);
  g_assert_nonnull (self->raw[1]);
  self->dialed = self->raw[0]->session;
  self->accepted = self->raw[1]->session;
}

void
quic_pair_clear (QuicPair *self)
{
  for (guint i = 0; i < 2; i++)
    g_clear_pointer (&self->raw[i], lp2p_raw_connection_free);
  quic_host_clear (&self->dialer);
  quic_host_clear (&self->listener);
  g_clear_pointer (&self->wire, test_wire_free);
  test_world_free (self->world);
}

Lp2pMuxerStream *
quic_pair_open (QuicPair *self)
{
  Lp2pMuxerStream *stream = NULL;

  g_assert_cmpint (self->dialed->klass->open (self->dialed, &stream), ==, 0);
  return stream;
}

Lp2pMuxerStream *
quic_pair_accept (QuicPair *self)
{
  Lp2pMuxerStream *stream = self->accepted->klass->accept (self->accepted);

  g_assert_nonnull (stream);
  return stream;
}

gsize
quic_pair_write (QuicPair *self, Lp2pMuxerStream *stream, gsize size, gsize offset)
{
  g_autofree guint8 *data = g_malloc (size);
  GOutputVector vector = { data, size };
  gssize n;

  test_fill_pattern (data, size, offset);
  n = self->dialed->klass->stream_writev (self->dialed, stream, &vector, 1);
  g_assert_cmpint (n, !=, LP2P_IO_FAILED);
  return MAX (n, 0);
}

gsize
quic_pair_read (QuicPair *self, Lp2pMuxerStream *stream, gsize offset)
{
  static guint8 data[256 * 1024];
  GInputVector vector = { data, sizeof data };
  gssize n = self->accepted->klass->stream_readv (self->accepted, stream, &vector, 1);

  g_assert_cmpint (n, !=, LP2P_IO_FAILED);
  if (n > 0)
    test_assert_pattern (data, n, offset);
  return MAX (n, 0);
}
