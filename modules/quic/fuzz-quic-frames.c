/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Packets of a connection, each behind a byte with its size. What is let through may be
 * looked at once more, without a change; and of an id that is given up no number is let
 * through twice. */

#include "modules/quic-engine/lp2p-quic-frames.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Lp2pQuicPeerIds ids = LP2P_QUIC_PEER_IDS_INIT;
  guint flags = size % 8;

  while (size > 0)
    {
      gsize length = MIN (data[0], size - 1);
      Lp2pQuicPeerIds before = ids, again;
      /* Of its own, so that a tool sees where it ends. */
      g_autofree guint8 *packet = g_memdup2 (data + 1, length);
      g_autofree guint8 *copy = NULL;

      data += 1 + length;
      size -= 1 + length;
      if (!lp2p_quic_frames_check (packet, length, &ids, flags))
        {
          g_assert ((flags & LP2P_QUIC_FRAMES_SETTLED) == 0 && memcmp (&before, &ids, sizeof ids) == 0);
          flags |= LP2P_QUIC_FRAMES_SETTLED;
          continue;
        }
      g_assert (ids.retire_prior_to >= before.retire_prior_to && ids.first >= before.first);
      copy = g_memdup2 (packet, length);
      again = before;
      g_assert (lp2p_quic_frames_check (copy, length, &again, flags));
      g_assert (length == 0 || memcmp (packet, copy, length) == 0);
      g_assert (memcmp (&again, &ids, sizeof ids) == 0);
    }
  return 0;
}
