/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a peer was reached last, as the store has it: what can be read is written alike. */

#include "host/lp2p-dial-hint-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (GBytes) again = NULL;
  g_auto (Lp2pDialHint) hint = { NULL };

  lp2p_dial_hint_decode (&hint, bytes);
  g_assert ((hint.security == NULL) == (hint.muxer == NULL) && (hint.security == NULL) == (hint.address == NULL));
  if (hint.security == NULL)
    {
      g_assert (!hint.waits);
      return 0;
    }
  g_assert (g_utf8_validate (hint.security, -1, NULL) && g_utf8_validate (hint.muxer, -1, NULL) &&
            g_utf8_validate (hint.address, -1, NULL));
  again = lp2p_dial_hint_encode (&hint);
  g_assert (g_bytes_equal (bytes, again));
  return 0;
}
