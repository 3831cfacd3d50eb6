/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opens the input as length-prefixed transport messages under a fixed key.
 * Whatever opens must be what sealing gives for the same counter. */

#include "codec/lp2p-noise-cipher-private.h"

#include <lp2p/types/lp2p-cursor.h>

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static const guint8 key[LP2P_NOISE_KEY] = "a key of thirty-two bytes, no 33";
  g_autoptr (Lp2pNoiseCipher) receiver = lp2p_noise_cipher_new (key, NULL);
  g_autoptr (Lp2pNoiseCipher) sender = lp2p_noise_cipher_new (key, NULL);
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);
  const guint8 *message;
  guint16 len;

  while (lp2p_cursor_read_u16be (&cursor, &len) && lp2p_cursor_read_bytes (&cursor, len, &message))
    {
      g_autofree guint8 *plain = g_malloc (len + 1);
      g_autofree guint8 *again = g_malloc (len + 1);
      g_autoptr (GError) error = NULL;
      GOutputVector vector = { plain, len - LP2P_NOISE_TAG };

      if (!lp2p_noise_cipher_open (receiver, message, len, plain, &error))
        {
          g_assert (error != NULL);
          continue;
        }
      g_assert (lp2p_noise_cipher_seal (sender, &vector, 1, again, &error));
      g_assert (memcmp (message, again, len) == 0);
    }
  return 0;
}
