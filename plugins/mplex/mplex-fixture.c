/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "mplex-fixture.h"

void
fixture_init (Fixture *self, const MemoryLayerOptions *layer)
{
  session_pair_init (&self->pair, layer);
  self->options = (Lp2pMplexOptions) LP2P_MPLEX_OPTIONS_INIT;
  session_pair_fund (&self->pair, &self->options.budget);
}

static Lp2pMuxerSession *
new_session (Fixture *self, guint i)
{
  return lp2p_mplex_session_new (self->pair.layers[i],
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
raw_send (Fixture *self, Lp2pMplexType type, gboolean from_opener, guint64 id, gsize size)
{
  Lp2pMplexHeader header = { type, from_opener, id, size };
  g_autofree guint8 *bytes = g_malloc (LP2P_MPLEX_HEADER_MAX + size);
  gsize n = lp2p_mplex_header_encode (&header, bytes);

  for (gsize i = 0; i < size; i++)
    bytes[n + i] = i % 251;
  session_pair_send (&self->pair, bytes, n + size);
}

static gboolean
receive_header (Fixture *self, Lp2pMplexHeader *header)
{
  guint8 bytes[LP2P_MPLEX_HEADER_MAX];
  g_autoptr (GError) error = NULL;

  for (gsize size = 1; size <= sizeof bytes; size++)
    {
      if (session_pair_receive (&self->pair, bytes + size - 1, 1) <= 0)
        {
          g_assert_cmpuint (size, ==, 1);
          return FALSE;
        }
      if (lp2p_mplex_header_decode (bytes, size, header, &error) > 0)
        return TRUE;
      g_assert_no_error (error);
    }
  g_assert_not_reached ();
}

void
raw_expect (Fixture *self, Lp2pMplexType type, gboolean from_opener, guint64 id, gsize size)
{
  g_autofree guint8 *payload = g_malloc (size + 1);
  Lp2pMplexHeader header;

  g_assert_true (receive_header (self, &header));
  g_assert_cmpint (header.type, ==, type);
  g_assert_cmpint (header.from_opener, ==, from_opener);
  g_assert_cmpuint (header.stream_id, ==, id);
  g_assert_cmpuint (header.length, ==, size);
  if (size > 0)
    g_assert_cmpint (session_pair_receive (&self->pair, payload, size), ==, size);
}

void
raw_expect_silence (Fixture *self)
{
  Lp2pMplexHeader header;

  g_assert_false (receive_header (self, &header));
}
