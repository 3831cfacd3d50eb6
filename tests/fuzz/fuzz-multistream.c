/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first byte picks the side and the size of the pieces, the rest is the
 * input. However it is cut, the result must be the same. */

#include <lp2p/codec/lp2p-multistream.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static gboolean
match (const char *protocol, gpointer data)
{
  return g_str_has_prefix (protocol, "/echo");
}

static Lp2pMultistream *
start (gboolean dialer)
{
  const char *const protocols[] = { "/ping", "/echo/2", "/echo", NULL };

  if (dialer)
    return lp2p_multistream_new_dialer (protocols);
  return lp2p_multistream_new_listener (match, NULL);
}

static Lp2pMultistreamStatus
run (Lp2pMultistream *self,
     const guint8 *data,
     gsize size,
     gsize piece,
     gsize *used,
     GByteArray *out)
{
  Lp2pMultistreamStatus status = LP2P_MULTISTREAM_MORE;

  for (*used = 0; *used < size && status == LP2P_MULTISTREAM_MORE;)
    {
      g_autoptr (GError) error = NULL;
      gsize consumed;

      status = lp2p_multistream_input (self, data + *used, MIN (piece, size - *used), &consumed,
                                       &error);
      g_assert ((status == LP2P_MULTISTREAM_FAILED) == (error != NULL));
      g_assert (status != LP2P_MULTISTREAM_MORE || consumed > 0);
      *used += consumed;
      lp2p_multistream_take_output (self, out);
    }
  return status;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GByteArray) out_pieces = g_byte_array_new ();
  g_autoptr (GByteArray) out_whole = g_byte_array_new ();
  g_autoptr (Lp2pMultistream) pieces = NULL;
  g_autoptr (Lp2pMultistream) whole = NULL;
  Lp2pMultistreamStatus a, b;
  gsize used_pieces, used_whole;

  if (size == 0)
    return 0;

  pieces = start (data[0] & 1);
  whole = start (data[0] & 1);
  a = run (pieces, data + 1, size - 1, 1 + (data[0] >> 1), &used_pieces, out_pieces);
  b = run (whole, data + 1, size - 1, size, &used_whole, out_whole);

  g_assert (a == b);
  g_assert (a == LP2P_MULTISTREAM_FAILED || used_pieces == used_whole);
  g_assert (g_strcmp0 (lp2p_multistream_get_protocol (pieces),
                       lp2p_multistream_get_protocol (whole)) == 0);
  if (a == LP2P_MULTISTREAM_DONE)
    g_assert (lp2p_multistream_is_protocol_name (lp2p_multistream_get_protocol (pieces)));
  return 0;
}
