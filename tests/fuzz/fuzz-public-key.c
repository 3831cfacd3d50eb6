/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-peer-id.h>
#include <lp2p/types/lp2p-public-key.h>

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pPublicKey) key = lp2p_public_key_new_from_bytes (data, size, &error);
  g_autoptr (Lp2pPeerId) peer_id = NULL;
  gsize len;
  const guint8 *again;

  g_assert ((key == NULL) == (error != NULL));
  if (key == NULL)
    return 0;

  again = g_bytes_get_data (lp2p_public_key_get_bytes (key), &len);
  g_assert (len == size && memcmp (again, data, size) == 0);
  peer_id = lp2p_peer_id_new_from_public_key (key);
  g_assert (lp2p_peer_id_matches_public_key (peer_id, key));
  g_assert (!lp2p_public_key_verify (key, data, size, data, size));
  return 0;
}
