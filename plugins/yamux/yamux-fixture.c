/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "yamux-fixture.h"

void
fixture_init (Fixture *self, const MemoryLayerOptions *layer)
{
  session_pair_init (&self->pair, layer);
  self->options = (Lp2pYamuxOptions) LP2P_YAMUX_OPTIONS_INIT;
  session_pair_fund (&self->pair, &self->options.budget);
}

static Lp2pMuxerSession *
new_session (Fixture *self, guint i)
{
  return lp2p_yamux_session_new (self->pair.layers[i],
                                 i == 0 ? LP2P_ROLE_INITIATOR : LP2P_ROLE_RESPONDER,
                                 &self->options);
}

void
fixture_start (Fixture *self, gboolean with_peer)
{
  session_pair_start (&self->pair, new_session (self, 0), with_peer ? new_session (self, 1) : NULL);
}

void
fixture_clear (Fixture *self)
{
  session_pair_clear (&self->pair);
}

void
raw_send (Fixture *self, Lp2pYamuxType type, guint16 flags, guint32 id, guint32 length)
{
  Lp2pYamuxHeader header = { type, flags, id, length };
  guint8 bytes[LP2P_YAMUX_HEADER_SIZE];

  lp2p_yamux_header_encode (&header, bytes);
  session_pair_send (&self->pair, bytes, sizeof bytes);
}

void
raw_send_data (Fixture *self, guint16 flags, guint32 id, gsize size)
{
  g_autofree guint8 *data = g_malloc0 (size + 1);

  raw_send (self, LP2P_YAMUX_DATA, flags, id, size);
  session_pair_send (&self->pair, data, size);
}

/* Payload is dropped. */
gboolean
raw_receive (Fixture *self, Lp2pYamuxHeader *header)
{
  guint8 bytes[LP2P_YAMUX_HEADER_SIZE];
  g_autoptr (GError) error = NULL;

  if (session_pair_receive (&self->pair, bytes, sizeof bytes) <= 0)
    return FALSE;
  g_assert_true (lp2p_yamux_header_decode (bytes, header, &error));
  if (header->type == LP2P_YAMUX_DATA && header->length > 0)
    {
      g_autofree guint8 *payload = g_malloc (header->length);

      g_assert_cmpint (session_pair_receive (&self->pair, payload, header->length), ==, header->length);
    }
  return TRUE;
}

static gboolean
receive_but_pings (Fixture *self, Lp2pYamuxHeader *header)
{
  while (raw_receive (self, header))
    {
      if (header->type != LP2P_YAMUX_PING || (header->flags & LP2P_YAMUX_SYN) == 0)
        return TRUE;
      raw_send (self, LP2P_YAMUX_PING, LP2P_YAMUX_ACK, 0, header->length);
    }
  return FALSE;
}

void
raw_expect (Fixture *self, Lp2pYamuxType type, guint16 flags, guint32 id, guint32 length)
{
  Lp2pYamuxHeader header;

  g_assert_true (receive_but_pings (self, &header));
  g_assert_cmpuint (header.type, ==, type);
  g_assert_cmpuint (header.flags, ==, flags);
  g_assert_cmpuint (header.stream_id, ==, id);
  g_assert_cmpuint (header.length, ==, length);
}

void
raw_expect_silence (Fixture *self)
{
  Lp2pYamuxHeader header;

  g_assert_false (receive_but_pings (self, &header));
}
